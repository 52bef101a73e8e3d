//! Changes that were merged, built and deployed, held against the log: which of them no record explains.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use probity_attest::sha256;
use probity_attest::statement::{Descriptor, Outcome, Statement, StatementError, format_time};
use probity_core::{Digest, Timestamp};
use serde_json::{Map, Value, json};

use crate::evidence::{Judgement, Kind, Record};

/// Predicate type of a reconciliation.
pub const RECONCILIATION_V1: &str = "https://probity.dev/reconciliation/v1";

/// Something merged: a commit on the line of a branch.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Merge {
    /// Its id.
    pub commit: String,
    /// Its tree, where it is known: a squashed merge has the tree of the head that was judged.
    pub tree: Option<String>,
    /// Heads it merged in: its parents but the first.
    pub heads: Vec<String>,
}

/// Something built or deployed.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Artifact {
    /// Its digest, `sha256:` before it or not.
    pub digest: String,
    /// The commit it was built of, where that is said.
    pub commit: Option<String>,
}

/// What to hold against the log. `None`: nothing was said of it, which is not the same as none.
#[derive(Clone, Debug, Default)]
pub struct Lists {
    /// What was merged.
    pub merges: Option<Vec<Merge>>,
    /// What was built.
    pub built: Option<Vec<Artifact>>,
    /// What runs.
    pub deployed: Option<Vec<Artifact>>,
}

/// Kinds of things that are explained or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// A commit.
    Merge,
    /// Something built.
    Built,
    /// Something that runs.
    Deployed,
}

impl What {
    /// The word used in output.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            What::Merge => "merge",
            What::Built => "built",
            What::Deployed => "deployed",
        }
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Something no record explains.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Gap {
    /// What kind.
    pub what: What,
    /// Which: a commit or a digest.
    pub id: String,
    /// Why.
    pub why: String,
}

/// How the lists and the log fit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reconciliation {
    /// What was looked at, by kind; only kinds that were given.
    pub given: BTreeMap<What, usize>,
    /// Merges with a verdict that let them pass.
    pub verdicts: usize,
    /// Merges among these that passed with something excepted.
    pub exceptions: usize,
    /// For what is explained: kind, id, record.
    pub explained: Vec<(What, String, u64)>,
    /// What is not.
    pub gaps: Vec<Gap>,
}

/// Verdicts by what they are about.
struct Verdicts<'a> {
    by_digest: BTreeMap<(&'a str, &'a str), Vec<(&'a Record, &'a Judgement)>>,
}

/// What the log says of something.
enum Found<'a> {
    Passed(&'a Record, &'a Judgement),
    Not(String),
}

impl<'a> Verdicts<'a> {
    fn new(records: &'a [Record]) -> Verdicts<'a> {
        let mut by_digest: BTreeMap<(&str, &str), Vec<(&Record, &Judgement)>> = BTreeMap::new();
        for record in records {
            if let Kind::Verdict(judgement) = &record.kind {
                for (algorithm, digest) in &judgement.digests {
                    by_digest.entry((algorithm, digest)).or_default().push((record, judgement));
                }
            }
        }
        Verdicts { by_digest }
    }

    /// The last verdict over one of these; the last word counts.
    fn last(&self, names: &[(&'static str, &str)]) -> Found<'a> {
        let all = names.iter().filter_map(|(algorithm, digest)| self.by_digest.get(&(*algorithm, *digest))).flatten();
        match all.max_by_key(|(record, _)| (record.time, record.index)) {
            None => Found::Not("no verdict".to_owned()),
            Some((record, judgement)) if judgement.outcome == Outcome::Passed => Found::Passed(record, judgement),
            Some((record, judgement)) => Found::Not(format!("the verdict of record {} is {}", record.index, judgement.outcome.as_str())),
        }
    }
}

/// The digits of a digest, without its algorithm.
fn digits(digest: &str) -> &str {
    digest.strip_prefix("sha256:").unwrap_or(digest)
}

/// Holds the lists against the verdicts.
///
/// A merge is explained by a verdict over the commit, over a commit or folder of the same tree, or over the head it merged. Something
/// built is explained by the commit it was built of, else by a verdict over its own digest; something that runs by having been built (as
/// the list of that says), by its commit, or by a verdict over its own digest. Only verdicts that passed explain anything.
#[must_use]
pub fn reconcile(lists: &Lists, records: &[Record]) -> Reconciliation {
    let verdicts = Verdicts::new(records);
    let mut out = Reconciliation::default();
    for merge in unique(lists.merges.as_deref(), What::Merge, &mut out) {
        let mut names = vec![("gitCommit", merge.commit.as_str())];
        names.extend(merge.tree.iter().map(|tree| ("gitTree", tree.as_str())));
        names.extend(merge.heads.iter().map(|head| ("gitCommit", head.as_str())));
        // Its own verdict has the say; that of its head counts where it has none.
        let own = verdicts.last(&[("gitCommit", merge.commit.as_str())]);
        let found = match own {
            Found::Not(why) if why == "no verdict" => verdicts.last(&names),
            found => found,
        };
        match found {
            Found::Passed(record, judgement) => {
                out.verdicts += 1;
                out.exceptions += usize::from(!judgement.exceptions().is_empty());
                out.explained.push((What::Merge, merge.commit.clone(), record.index));
            }
            Found::Not(why) => out.gaps.push(Gap { what: What::Merge, id: merge.commit.clone(), why }),
        }
    }
    let of_artifact = |artifact: &Artifact| -> Found<'_> {
        match &artifact.commit {
            Some(commit) => match verdicts.last(&[("gitCommit", commit)]) {
                Found::Not(why) => Found::Not(format!("{why} for its commit {commit}")),
                found => found,
            },
            None => match verdicts.last(&[("sha256", digits(&artifact.digest))]) {
                Found::Not(why) => Found::Not(format!("{why}, and no commit is named")),
                found => found,
            },
        }
    };
    let mut explained_builds: BTreeMap<String, u64> = BTreeMap::new();
    for artifact in unique(lists.built.as_deref(), What::Built, &mut out) {
        match of_artifact(artifact) {
            Found::Passed(record, _) => {
                explained_builds.insert(digits(&artifact.digest).to_owned(), record.index);
                out.explained.push((What::Built, artifact.digest.clone(), record.index));
            }
            Found::Not(why) => out.gaps.push(Gap { what: What::Built, id: artifact.digest.clone(), why }),
        }
    }
    let built: BTreeSet<&str> = lists.built.iter().flatten().map(|one| digits(&one.digest)).collect();
    for artifact in unique(lists.deployed.as_deref(), What::Deployed, &mut out) {
        let digest = digits(&artifact.digest);
        let gap = |why: String| Gap { what: What::Deployed, id: artifact.digest.clone(), why };
        if lists.built.is_some() && !built.contains(digest) {
            out.gaps.push(gap("it is not among what was built".to_owned()));
            continue;
        }
        if let Some(record) = explained_builds.get(digest).filter(|_| artifact.commit.is_none()) {
            out.explained.push((What::Deployed, artifact.digest.clone(), *record));
            continue;
        }
        match of_artifact(artifact) {
            Found::Passed(record, _) => out.explained.push((What::Deployed, artifact.digest.clone(), record.index)),
            Found::Not(why) => out.gaps.push(gap(why)),
        }
    }
    out
}

/// Each entry once, counted.
fn unique<'a, T: Ord>(list: Option<&'a [T]>, what: What, out: &mut Reconciliation) -> Vec<&'a T> {
    let Some(list) = list else { return Vec::new() };
    let mut seen = BTreeSet::new();
    let each: Vec<&T> = list.iter().filter(|one| seen.insert(*one)).collect();
    out.given.insert(what, each.len());
    each
}

impl Reconciliation {
    /// One line: `412 merges, 412 verdicts, 3 exceptions, 0 unexplained`.
    #[must_use]
    pub fn summary(&self) -> String {
        let mut parts = Vec::new();
        for (what, count) in &self.given {
            match what {
                What::Merge => {
                    parts.push(format!("{count} merges"));
                    parts.push(format!("{} verdicts", self.verdicts));
                    parts.push(format!("{} exceptions", self.exceptions));
                }
                What::Built => parts.push(format!("{count} built")),
                What::Deployed => parts.push(format!("{count} deployed")),
            }
        }
        parts.push(format!("{} unexplained", self.gaps.len()));
        parts.join(", ")
    }

    /// As JSON, version 1.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let given: Map<String, Value> = self.given.iter().map(|(what, count)| (what.as_str().to_owned(), json!(count))).collect();
        let explained: Vec<Value> =
            self.explained.iter().map(|(what, id, record)| json!({ "what": what.as_str(), "id": id, "record": record })).collect();
        let gaps: Vec<Value> = self.gaps.iter().map(|gap| json!({ "what": gap.what.as_str(), "id": gap.id, "why": gap.why })).collect();
        json!({
            "version": 1, "given": given, "verdicts": self.verdicts, "exceptions": self.exceptions, "unexplained": gaps.len(),
            "gaps": gaps, "explained": explained,
        })
    }

    /// The statement to sign and the stored file it names. It is about the log as it was: its origin and root.
    ///
    /// # Errors
    /// [`StatementError::Time`] for a time that cannot be written.
    pub fn to_statement(&self, origin: &str, size: u64, root: Digest, now: Timestamp) -> Result<(Statement, Vec<u8>), StatementError> {
        let blob = format!("{}\n", self.to_json()).into_bytes();
        let given: Map<String, Value> = self.given.iter().map(|(what, count)| (what.as_str().to_owned(), json!(count))).collect();
        let predicate = Map::from_iter([
            ("time".to_owned(), json!(format_time(now)?)),
            ("logSize".to_owned(), json!(size)),
            ("summary".to_owned(), json!(self.summary())),
            ("given".to_owned(), Value::Object(given)),
            ("verdicts".to_owned(), json!(self.verdicts)),
            ("exceptions".to_owned(), json!(self.exceptions)),
            ("unexplained".to_owned(), json!(self.gaps.len())),
            (
                "probity".to_owned(),
                json!({ "blobs": [{ "name": "reconciliation", "digest": { "sha256": sha256(&blob).to_string() }, "size": blob.len() }] }),
            ),
        ]);
        let subjects = vec![Descriptor::sha256(origin, root)];
        Ok((Statement { subjects, predicate_type: RECONCILIATION_V1.to_owned(), predicate }, blob))
    }
}
