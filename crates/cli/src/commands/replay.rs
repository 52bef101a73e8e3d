//! `probity evidence replay`: the same inputs, policies and time through the engine again; the verdict must be the same.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use probity_attest::sha256;
use probity_attest::statement::{Statement, parse_time};
use probity_core::{Digest, Tree, TreeError, TreeFile};
use probity_files::{Commit, FolderTree, GitTree};
use probity_ledger::LogReader;
use probity_pipeline::record::{results_value, verdict_value};
use probity_value::SourceMap;
use serde_json::{Value, json};

use crate::arguments::{EvidencePlace, ImageArguments, ReadingArguments, ReportFile};
use crate::artifact::Artifact;
use crate::clock::Book;
use crate::commands::evidence;
use crate::commands::gate::{as_base, engine};
use crate::reading::{self, Target};
use crate::run::{self, Clock, Given, How};
use crate::{Wrong, output, versions};

/// Files of the recorded commit, or of the folder as it is; what is read is checked against the record afterwards.
enum Recorded<'a> {
    Commit(Box<GitTree>),
    Folder(&'a FolderTree),
}

impl Tree for Recorded<'_> {
    fn files(&self) -> &[TreeFile] {
        match self {
            Recorded::Commit(tree) => tree.files(),
            Recorded::Folder(tree) => tree.files(),
        }
    }

    fn read(&self, path: &str) -> Result<Arc<[u8]>, TreeError> {
        match self {
            Recorded::Commit(tree) => tree.read(path),
            Recorded::Folder(tree) => tree.read(path),
        }
    }

    fn read_within(&self, path: &str, budget: u64) -> Result<Arc<[u8]>, TreeError> {
        match self {
            Recorded::Commit(tree) => tree.read_within(path, budget),
            Recorded::Folder(tree) => tree.read_within(path, budget),
        }
    }

    fn start(&self, path: &str, bytes: usize) -> Result<Vec<u8>, TreeError> {
        match self {
            Recorded::Commit(tree) => tree.start(path, bytes),
            Recorded::Folder(tree) => tree.start(path, bytes),
        }
    }

    fn digests(&self) -> BTreeMap<Arc<str>, Digest> {
        match self {
            Recorded::Commit(tree) => tree.digests(),
            Recorded::Folder(tree) => tree.digests(),
        }
    }
}

fn text<'a>(value: &'a Value, what: &str) -> Result<&'a str> {
    value.as_str().with_context(|| format!("the manifest has no {what}"))
}

fn strings(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(|item| item.as_str().map(str::to_owned)).collect()
}

/// A file from outside that took part: it must still be what it was.
fn unchanged(value: &Value, gone: &mut Vec<String>) -> Option<PathBuf> {
    let path = PathBuf::from(value["path"].as_str()?);
    let same = std::fs::read(&path).is_ok_and(|bytes| {
        let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&bytes);
        Some(sha256(bytes).to_string().as_str()) == value["sha256"].as_str()
    });
    if !same {
        gone.push(path.display().to_string());
    }
    Some(path)
}

pub(crate) fn run(index: u64, path: &Path, place: &EvidencePlace) -> Result<u8> {
    let storage = crate::logs::storage(&evidence::place_to_read(place)?)?;
    let reader = LogReader::open(&*storage, None)?;
    let record = evidence::entry(&reader, index)?;
    let statement = Statement::of_record(&record).context("the record cannot be read")?;
    let blobs = statement.blobs()?;
    let Some(blob) = blobs.iter().find(|blob| blob.name == "manifest") else {
        return Err(Wrong::hint(format!("record {index} is not one of a gate"), None).into());
    };
    let manifest: Value = serde_json::from_slice(&reader.blob(&blob.digest)?).context("the manifest cannot be read")?;

    let options = &manifest["options"];
    let mut gone = Vec::new();
    let reading = ReadingArguments {
        reports: options["with"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|file| unchanged(file, &mut gone).map(|path| ReportFile::new(file["format"].as_str(), path)))
            .collect(),
        var_file: strings(&options["var_files"]),
        workspace: options["workspace"].as_str().map(str::to_owned),
        advisories: options["advisories"].as_str().map(PathBuf::from),
        vex: options["vex"].as_array().into_iter().flatten().filter_map(|file| unchanged(file, &mut gone)).collect(),
        fingerprint_key: options["fingerprint_key"].as_str().map(PathBuf::from),
        max_file_size: options["max_file_size"].as_u64().context("the manifest has no `max_file_size`")?,
        config: unchanged(&options["config"], &mut gone),
        policies: strings(&options["policies"]).into_iter().map(PathBuf::from).collect(),
        rule: strings(&options["rules"]),
    };
    let floor = unchanged(&options["floor"], &mut gone);
    let mut remarks = Vec::new();
    let now_engine = engine()?.to_string();
    if manifest["engine"]["digest"].as_str() != Some(&now_engine) {
        remarks.push(format!(
            "the engine differs: recorded by version {} ({}), replayed by {} ({now_engine})",
            manifest["engine"]["version"].as_str().unwrap_or("?"),
            manifest["engine"]["digest"].as_str().unwrap_or("?"),
            env!("CARGO_PKG_VERSION"),
        ));
    }

    let max = reading.max_file_size.saturating_mul(1 << 20);
    let target_value = &manifest["target"];
    let opened = Target::open(path, max)?;
    let target = match &opened.repository {
        // The recorded folder of the repository, from whichever of its folders the command was given.
        Some(repository) if target_value["kind"] == "commit" => {
            let prefix = text(&target_value["prefix"], "prefix")?;
            let folder = repository.work_dir().join(prefix);
            if folder.is_dir() { Target::open(&folder, max)? } else { opened }
        }
        _ => opened,
    };
    let commit_of = |value: &Value| -> Result<Commit> {
        Ok(Commit { id: text(&value["commit"], "commit")?.to_owned(), tree: text(&value["tree"], "tree")?.to_owned() })
    };
    let tree = if target_value["kind"] == "commit" {
        let commit = commit_of(target_value)?;
        let prefix = text(&target_value["prefix"], "prefix")?;
        let Some(repository) = &target.repository else {
            return Err(
                Wrong::hint(format!("the inputs lie in commit {}, and `{}` is in no repository", commit.id, path.display()), None).into()
            );
        };
        match repository.tree(&commit, prefix, max) {
            Ok(tree) => Recorded::Commit(Box::new(tree)),
            Err(_) => return lost(&[format!("commit {}", commit.id)]),
        }
    } else {
        Recorded::Folder(&target.tree)
    };
    for input in manifest["inputs"].as_array().into_iter().flatten() {
        let name = text(&input["path"], "path of an input")?;
        let same = tree.read(name).is_ok_and(|bytes| Some(sha256(&bytes).to_string().as_str()) == input["sha256"].as_str());
        if !same {
            gone.push(name.to_owned());
        }
    }
    let registry = ImageArguments {
        platform: options["platform"].as_str().and_then(|platform| platform.parse().ok()),
        plain_http: options["plain_http"].as_bool().unwrap_or_default(),
        ..ImageArguments::default()
    };
    let mut artifacts = Vec::new();
    for one in options["artifacts"].as_array().into_iter().flatten() {
        match Artifact::again(one, &registry, reading.max_file_size) {
            Some(artifact) => artifacts.push(artifact),
            None => gone.push(format!("{} (sha256:{})", one["place"].as_str().unwrap_or("?"), one["sha256"].as_str().unwrap_or("?"))),
        }
    }
    if !gone.is_empty() {
        return lost(&gone);
    }
    let open_base = match &manifest["base"] {
        Value::Null => None,
        base => {
            let commit = commit_of(base)?;
            match reading::open_base(&target, &commit.id, max) {
                Ok(open) => Some(open),
                Err(_) => return lost(&[format!("base revision {}", commit.id)]),
            }
        }
    };
    let base = open_base.as_ref().map(as_base);
    let mut given = Given::read(&reading)?;
    given.floor = floor.as_deref().map(|path| reading::floor(path, options["floor"]["key"].as_str())).transpose()?;
    let how = How {
        base: base.as_ref(),
        changed_only: options["changed_only"].as_bool().unwrap_or(false),
        versions: open_base.as_ref().map(|base| versions::between(&target, &base.commit)).transpose()?.flatten(),
        clock: Clock::Told(Arc::new(clock(&reader, index, &manifest, &mut remarks)?)),
        artifacts: &artifacts,
        ..How::at(parse_time(text(&manifest["time"], "time")?)?)
    };
    let texts = SourceMap::new();
    let judged = run::judged(&target, &tree, &reading, &given, &how, &texts)?;
    if manifest["engine"]["policies"].as_str() != Some(&judged.policies.to_string()) {
        remarks.push("the policies differ from the recorded ones".to_owned());
    }
    let mut differences = Vec::new();
    let (before, after) = (&manifest["verdict"], verdict_value(&judged.verdict));
    for key in ["colour", "permitted", "counts"] {
        if before[key] != after[key] {
            differences.push(format!("`{key}` was {}, is {}", before[key], after[key]));
        }
    }
    let identify = |results: &Value| -> Vec<String> {
        let mut all: Vec<String> = results
            .as_array()
            .into_iter()
            .flatten()
            .map(|result| {
                json!([
                    result["rule"],
                    result["status"],
                    result["subject"]["id"],
                    result["fingerprint"],
                    result["counts"],
                    result["first_met"]
                ])
                .to_string()
            })
            .collect();
        all.sort();
        all
    };
    let (recorded, replayed) = (identify(&manifest["results"]), identify(&results_value(&judged.findings)));
    let missing = recorded.iter().filter(|one| replayed.binary_search(one).is_err());
    let fresh = replayed.iter().filter(|one| recorded.binary_search(one).is_err());
    differences.extend(missing.map(|one| format!("only recorded: {one}")));
    differences.extend(fresh.map(|one| format!("only replayed: {one}")));
    remarks.iter().for_each(|remark| output::talk(remark));
    // Files that nobody read then may be read now. Where that changes nothing it is no matter.
    let listing: String = tree.files().iter().map(|file| format!("{}\n", file.path)).collect();
    let folder_differs = target_value["kind"] == "folder" && manifest["listing"].as_str() != Some(&sha256(listing.as_bytes()).to_string());
    if folder_differs && !differences.is_empty() {
        return lost(&["the list of files in the folder".to_owned()]);
    }
    if differences.is_empty() {
        output::data(&format!("record {index} replays to the same verdict: {}\n", before["colour"].as_str().unwrap_or("undecided")))?;
        return Ok(0);
    }
    let more = differences.len().saturating_sub(20);
    differences.truncate(20);
    output::talk(&format!("error: record {index} does not replay to the same verdict\n  {}", differences.join("\n  ")));
    if more > 0 {
        output::talk(&format!("  and {more} more differences"));
    }
    Ok(1)
}

/// When holes were first met, as the records before this one tell; where some of those are not here, as the record itself says.
fn clock(reader: &LogReader<'_>, index: u64, manifest: &Value, remarks: &mut Vec<String>) -> Result<Book> {
    let mut book = Book::default();
    book.read(reader, 0..index)?;
    if book.gone > 0 {
        remarks.push("when holes were first met is taken from the record: earlier manifests are not here".to_owned());
        book.note_all(manifest);
    }
    Ok(book)
}

/// Inputs that cannot be had any more.
fn lost(gone: &[String]) -> Result<u8> {
    let shown: Vec<&str> = gone.iter().take(5).map(String::as_str).collect();
    let more = gone.len().saturating_sub(shown.len());
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    output::talk(&format!("error: it cannot be replayed: these inputs are gone or changed: {}{more}", shown.join(", ")));
    Ok(3)
}
