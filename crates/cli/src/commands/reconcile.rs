//! `probity evidence reconcile`: what was merged, built and deployed, held against the log; the answer is a record of the log.

use std::path::Path;

use anyhow::Result;
use probity_controls::evidence::{self as records, Window};
use probity_controls::reconcile::{Artifact, Lists, Merge, Reconciliation, reconcile};
use probity_core::Timestamp;
use probity_files::Repository;
use probity_formats::escape;
use probity_ledger::Append as _;
use probity_ledger::LogReader;
use probity_verdict::config::EvidenceSettings;
use serde_json::Value;

use crate::arguments::{CompareFormat, EvidencePlace, ReconcileArguments};
use crate::commands::controls::verified;
use crate::commands::gate::Evidence;
use crate::{Wrong, output, run, state};

/// Largest list that is read, in bytes.
const MOST: u64 = 64 << 20;

pub(crate) fn run(arguments: &ReconcileArguments, place: &EvidencePlace) -> Result<u8> {
    let lists = Lists {
        merges: arguments.merges.as_deref().map(|text| merges(text, &arguments.repository)).transpose()?,
        built: arguments.built.as_deref().map(artifacts).transpose()?,
        deployed: arguments.deployed.as_deref().map(artifacts).transpose()?,
    };
    if lists.merges.is_none() && lists.built.is_none() && lists.deployed.is_none() {
        return Err(Wrong::hint("there is nothing to hold against the log", Some("give --merges, --built or --deployed")).into());
    }
    let storage = verified(place)?;
    let reader = LogReader::open(&*storage, None)?;
    let everything =
        Window { from: Timestamp { seconds: i64::MIN, nanoseconds: 0 }, to: Timestamp { seconds: i64::MAX, nanoseconds: u32::MAX } };
    let found = reconcile(&lists, &records::read(&reader, &everything)?);
    if found.given.values().all(|count| *count == 0) {
        output::talk("nothing to look at: the lists are empty");
        return Ok(4);
    }
    let recorded = if arguments.no_record {
        output::talk("not recorded, as asked");
        None
    } else {
        Some(record(&found, &reader, place)?)
    };
    match arguments.format {
        CompareFormat::Json => {
            let mut value = found.to_json();
            value["record"] = recorded.map_or(Value::Null, Value::from);
            output::json(&value)?;
        }
        CompareFormat::Human => {
            let mut out: String =
                found.gaps.iter().map(|gap| format!("{:<9} {}  {}\n", gap.what, escape::line(&gap.id), escape::line(&gap.why))).collect();
            out.push_str(&format!("{}\n", found.summary()));
            if let Some(index) = recorded {
                out.push_str(&format!("recorded as entry {index}\n"));
            }
            output::text(&out)?;
        }
    }
    Ok(u8::from(!found.gaps.is_empty()))
}

fn record(found: &Reconciliation, reader: &LogReader<'_>, place: &EvidencePlace) -> Result<u64> {
    let Some(mut log) = Evidence::open(place, &EvidenceSettings::default(), Path::new("."))? else {
        return Err(Wrong::hint("`--evidence none` names no log to record in", Some("`--no-record` only prints")).into());
    };
    let (statement, blob) = found.to_statement(reader.key().name(), reader.size(), reader.checkpoint().root, run::now())?;
    let receipt = log.ledger.append(statement.sign(&*log.signer)?, vec![blob])?;
    Ok(receipt.index)
}

/// What a file holds, within bounds.
fn text(path: &Path) -> Result<String> {
    let size = std::fs::metadata(path).map_or(0, |metadata| metadata.len());
    if size > MOST {
        return Err(Wrong::hint(format!("`{}` has {size} bytes, more than {MOST}", path.display()), None).into());
    }
    state::read(path).map_err(|error| Wrong::hint(format!("{error:#}"), None).into())
}

/// Lines with something in them that are no comments, with their numbers.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    (1..).zip(text.lines().map(str::trim)).filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
}

fn is_hex(text: &str, lengths: &[usize]) -> bool {
    lengths.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// Whether a text is the id of a commit (SHA-1 or SHA-256).
fn is_commit(text: &str) -> bool {
    is_hex(text, &[40, 64])
}

/// Commits of a file, or the commits on a branch's own line in a range `BASE..HEAD`.
fn merges(text_or_range: &str, repository: &Path) -> Result<Vec<Merge>> {
    let path = Path::new(text_or_range);
    let repository = || Repository::discover(repository).map_err(Wrong::new);
    if path.is_file() {
        let text = text(path)?;
        let mut out = Vec::new();
        let here = repository()?;
        for (number, line) in lines(&text) {
            if !is_commit(line) {
                let what: String = line.chars().take(80).collect();
                return Err(Wrong::hint(format!("`{}` line {number}: `{what}` is no whole commit id", path.display()), None).into());
            }
            // Where the commit is at hand, its tree says more.
            let tree = here.as_ref().and_then(|here| here.resolve(line).ok()).map(|commit| commit.tree);
            out.push(Merge { commit: line.to_owned(), tree, heads: Vec::new() });
        }
        return Ok(out);
    }
    let Some((base, head)) = text_or_range.split_once("..") else {
        let hint = "give a file of commit ids, or a range BASE..HEAD";
        return Err(Wrong::hint(format!("`{text_or_range}` is neither a file nor a range"), Some(hint)).into());
    };
    let Some(repository) = repository()? else {
        return Err(
            Wrong::hint(format!("the range `{text_or_range}` needs a git repository"), Some("name it with --repository DIR")).into()
        );
    };
    let head = if head.is_empty() { "HEAD" } else { head };
    let (base, head) = (repository.resolve(base).map_err(Wrong::new)?, repository.resolve(head).map_err(Wrong::new)?);
    let line = repository.first_parents(&base, &head).map_err(Wrong::new)?;
    Ok(line.into_iter().map(|one| Merge { commit: one.commit.id, tree: Some(one.commit.tree), heads: one.merged }).collect())
}

/// Digests of a file: one to a line, with the commit after it where that is known, or JSON: a list of texts and of maps with `digest`
/// and `commit`.
fn artifacts(path: &Path) -> Result<Vec<Artifact>> {
    let text = text(path)?;
    let wrong = |at: String, why: &str| -> anyhow::Error { Wrong::hint(format!("`{}` {at}: {why}", path.display()), None).into() };
    let made = |digest: &str, commit: Option<&str>, at: String| -> Result<Artifact> {
        // An image is named by its digest: what stands before it is its place.
        let digest = digest.rsplit_once('@').map_or(digest, |(_, digest)| digest);
        if !is_hex(digest.strip_prefix("sha256:").unwrap_or(digest), &[64]) {
            return Err(wrong(at, "no SHA-256 digest"));
        }
        if commit.is_some_and(|commit| !is_commit(commit)) {
            return Err(wrong(at, "the commit is no whole id"));
        }
        Ok(Artifact { digest: digest.to_owned(), commit: commit.map(str::to_owned) })
    };
    if text.trim_start().starts_with(['[', '{']) {
        let value: Value = serde_json::from_str(&text).map_err(|error| wrong("is no JSON".to_owned(), &error.to_string()))?;
        let list = value.as_array().ok_or_else(|| wrong("holds no list".to_owned(), "JSON is a list of texts or of maps with `digest`"))?;
        let each = (1..).zip(list).map(|(number, one): (usize, &Value)| {
            let at = format!("entry {number}");
            match one {
                Value::String(digest) => made(digest, None, at),
                Value::Object(map) => {
                    let digest = map.get("digest").and_then(Value::as_str).ok_or_else(|| wrong(at.clone(), "no `digest`"))?;
                    let commit = match map.get("commit") {
                        None | Some(Value::Null) => None,
                        Some(commit) => Some(commit.as_str().ok_or_else(|| wrong(at.clone(), "`commit` is no text"))?),
                    };
                    made(digest, commit, at)
                }
                _ => Err(wrong(at, "neither a text nor a map")),
            }
        });
        return each.collect();
    }
    let each = lines(&text).map(|(number, line)| {
        let mut words = line.split_whitespace();
        let (digest, commit, rest) = (words.next().unwrap_or_default(), words.next(), words.next());
        if rest.is_some() {
            return Err(wrong(format!("line {number}"), "more than a digest and a commit"));
        }
        made(digest, commit, format!("line {number}"))
    });
    each.collect()
}
