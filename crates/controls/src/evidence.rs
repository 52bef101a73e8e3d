//! The records of a log as controls need them: what was judged when, by which rules, with what result; which commands were run.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use probity_attest::sha256;
use probity_attest::statement::{Decision, Outcome, Statement, StatementError, parse_time};
use probity_core::{Digest, Timestamp};
use probity_ledger::{LEDGER_IMPORT_V1, LogReader, ReadError};
use serde::Deserialize;
use serde_json::Value;

/// Predicate type of a command that was run and recorded.
pub const COMMAND_RUN_V1: &str = "https://probity.dev/command-run/v1";
/// Largest manifest that is read, in bytes.
const MAX_MANIFEST: u64 = 512 << 20;

/// A record that cannot be taken into account. Nothing is said of controls then.
#[derive(Debug, thiserror::Error)]
pub enum EvidenceError {
    /// The log cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A record is not what it should be.
    #[error("record {index} cannot be read")]
    Record {
        /// Which.
        index: u64,
        /// Why.
        #[source]
        source: StatementError,
    },
    /// A record's manifest is not what it should be.
    #[error("the manifest of record {index} cannot be read: {why}")]
    Manifest {
        /// Which.
        index: u64,
        /// Why.
        why: String,
    },
}

/// A span of time, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Nothing before.
    pub from: Timestamp,
    /// Nothing after; ages are counted to here.
    pub to: Timestamp,
}

impl Window {
    /// Whether a moment lies in it.
    #[must_use]
    pub fn holds(&self, time: Timestamp) -> bool {
        (self.from..=self.to).contains(&time)
    }
}

/// One record.
#[derive(Clone, Debug)]
pub struct Record {
    /// Place in the log.
    pub index: u64,
    /// SHA-256 of its bytes.
    pub digest: Digest,
    /// When it happened, as the record says.
    pub time: Timestamp,
    /// What it says.
    pub kind: Kind,
}

/// What a record says.
#[derive(Clone, Debug)]
pub enum Kind {
    /// Something was judged.
    Verdict(Box<Judgement>),
    /// A command was run.
    Command(CommandRun),
}

/// What covers a result: source (`exception`, `baseline`, a style of suppression) and id.
pub type Covered = (Arc<str>, Arc<str>);

/// What was judged, and how it came out.
#[derive(Clone, Debug)]
pub struct Judgement {
    /// How it ended.
    pub outcome: Outcome,
    /// The colour, where there is one.
    pub colour: Option<Arc<str>>,
    /// Digests of the subjects by algorithm: `gitCommit`, `gitTree`, `sha256`.
    pub digests: BTreeSet<(String, String)>,
    /// Which repository or folder, where the record says it.
    pub repository: Option<Arc<str>>,
    /// The folder in it.
    pub prefix: Arc<str>,
    /// Rules that took part, whether they judged anything or not.
    pub rules: BTreeSet<Arc<str>>,
    /// Rules that judged something; `None` where the record does not say it.
    pub evaluated: Option<Vec<Evaluated>>,
    /// Whether all rules of the configuration took part.
    pub whole: bool,
    /// Results that ask for something.
    pub results: Vec<ResultLine>,
}

impl Judgement {
    /// The commit, where one was judged.
    #[must_use]
    pub fn commit(&self) -> Option<&str> {
        self.digest("gitCommit")
    }

    /// A digest of the subject.
    #[must_use]
    pub fn digest(&self, algorithm: &str) -> Option<&str> {
        self.digests.iter().find(|(name, _)| name == algorithm).map(|(_, digest)| digest.as_str())
    }

    /// What covers results: source and id, each once.
    #[must_use]
    pub fn exceptions(&self) -> BTreeSet<Covered> {
        self.results.iter().filter_map(|result| result.exception.clone()).collect()
    }
}

/// A rule that judged something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evaluated {
    /// The rule.
    pub rule: Arc<str>,
    /// What judged: `checks`, `secrets`, `advisories`, a policy language.
    pub engine: Arc<str>,
    /// Controls it names itself.
    pub controls: Vec<Arc<str>>,
    /// How often it said what, by status word; `files` counts what it looked through without a result for each.
    pub counts: BTreeMap<Arc<str>, u64>,
}

impl Evaluated {
    /// Whether it came to a judgement: it passed, failed or warned, or looked through something. Unknown and error are none.
    #[must_use]
    pub fn judged(&self) -> bool {
        ["pass", "fail", "warn", "files"].iter().any(|status| self.counts.get(*status).is_some_and(|count| *count > 0))
    }

    /// Whether it speaks of known holes, each of which is a rule that is listed only where it was found.
    #[must_use]
    pub fn is_of_holes(&self) -> bool {
        &*self.engine == "advisories"
    }
}

/// A result that asks for something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResultLine {
    /// The rule.
    pub rule: Arc<str>,
    /// `fail`, `warn`, `error`, `unknown`, `skip`.
    pub status: Arc<str>,
    /// Severity.
    pub severity: Arc<str>,
    /// The subject's id.
    pub subject: Arc<str>,
    /// The file.
    pub file: Arc<str>,
    /// The line; 0 for a whole file.
    pub line: u64,
    /// Identity across runs.
    pub fingerprint: Arc<str>,
    /// What covers it.
    pub exception: Option<Covered>,
}

impl ResultLine {
    /// Whether it is open: nothing covers it, and it is more than not known.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.exception.is_none() && matches!(&*self.status, "fail" | "warn" | "error")
    }
}

/// A command that was run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandRun {
    /// What tells runs of the same command from those of others: its name, else program and arguments.
    pub name: Arc<str>,
    /// Why it proves nothing; `None` where it ended well.
    pub failed: Option<String>,
    /// Controls it was run for.
    pub controls: BTreeSet<Arc<str>>,
}

#[derive(Deserialize)]
struct ManifestJson {
    #[serde(default)]
    repository: Option<Arc<str>>,
    #[serde(default)]
    target: Value,
    #[serde(default)]
    options: Value,
    #[serde(default)]
    rules: BTreeSet<Arc<str>>,
    #[serde(default)]
    evaluated: Option<Vec<EvaluatedJson>>,
    #[serde(default)]
    results: Vec<ResultJson>,
}

#[derive(Deserialize)]
struct EvaluatedJson {
    rules: Vec<Arc<str>>,
    engine: Arc<str>,
    controls: Vec<Arc<str>>,
    counts: BTreeMap<Arc<str>, u64>,
}

#[derive(Deserialize)]
struct ResultJson {
    rule: Arc<str>,
    status: Arc<str>,
    severity: Arc<str>,
    subject: SubjectJson,
    at: PlaceJson,
    fingerprint: Arc<str>,
    #[serde(default)]
    exception: Option<ExceptionJson>,
}

#[derive(Deserialize)]
struct SubjectJson {
    id: Arc<str>,
}

#[derive(Deserialize)]
struct PlaceJson {
    file: Arc<str>,
    line: u64,
}

#[derive(Deserialize)]
struct ExceptionJson {
    source: Arc<str>,
    id: Arc<str>,
}

/// Reads the records of a window, in the order of the log. Records of other kinds are left out.
///
/// # Errors
/// [`EvidenceError`] where a record or its manifest cannot be read.
pub fn read(reader: &LogReader<'_>, window: &Window) -> Result<Vec<Record>, EvidenceError> {
    let mut out = Vec::new();
    for entry in reader.entries() {
        let (index, bytes) = entry?;
        let wrong = |source| EvidenceError::Record { index, source };
        let statement = Statement::of_record(&bytes).map_err(wrong)?;
        let found = match statement.predicate_type.as_str() {
            COMMAND_RUN_V1 => Some(command(&statement).map_err(wrong)?),
            LEDGER_IMPORT_V1 => None,
            // Verification summaries of others may be among imported records; they are no verdicts of ours.
            _ => match Decision::of_statement(&statement) {
                Ok(decision) if window.holds(decision.time) => {
                    Some((decision.time, Kind::Verdict(Box::new(judgement(reader, index, &decision)?))))
                }
                Ok(_) | Err(_) => None,
            },
        };
        if let Some((time, kind)) = found.filter(|(time, _)| window.holds(*time)) {
            out.push(Record { index, digest: sha256(&bytes), time, kind });
        }
    }
    Ok(out)
}

fn judgement(reader: &LogReader<'_>, index: u64, decision: &Decision) -> Result<Judgement, EvidenceError> {
    let digests = decision.subjects.iter().flat_map(|subject| subject.digest.clone()).collect();
    let colour = decision.probity.get("colour").and_then(Value::as_str).map(Arc::from);
    let mut out = Judgement {
        outcome: decision.outcome,
        colour,
        digests,
        repository: None,
        prefix: "".into(),
        rules: BTreeSet::new(),
        evaluated: None,
        whole: false,
        results: Vec::new(),
    };
    let Some(blob) = decision.blobs.iter().find(|blob| blob.name == "manifest") else { return Ok(out) };
    let wrong = |why: String| EvidenceError::Manifest { index, why };
    if blob.size > MAX_MANIFEST {
        return Err(wrong(format!("it has {} bytes, more than {MAX_MANIFEST}", blob.size)));
    }
    let manifest: ManifestJson = serde_json::from_slice(&reader.blob(&blob.digest)?).map_err(|error| wrong(error.to_string()))?;
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(Arc::<str>::from);
    let differs = manifest.target.get("differs_from").cloned().unwrap_or_default();
    out.prefix = text(&manifest.target, "prefix").or_else(|| text(&differs, "prefix")).unwrap_or_default();
    out.repository = manifest.repository;
    out.rules = manifest.rules;
    out.whole = manifest.options.get("rules").and_then(Value::as_array).is_some_and(Vec::is_empty);
    out.evaluated = manifest.evaluated.map(|groups| {
        let each = groups.into_iter().flat_map(|EvaluatedJson { rules, engine, controls, counts }| {
            rules.into_iter().map(move |rule| Evaluated {
                rule,
                engine: Arc::clone(&engine),
                controls: controls.clone(),
                counts: counts.clone(),
            })
        });
        each.collect()
    });
    out.results = manifest
        .results
        .into_iter()
        .map(|one| ResultLine {
            rule: one.rule,
            status: one.status,
            severity: one.severity,
            subject: one.subject.id,
            file: one.at.file,
            line: one.at.line,
            fingerprint: one.fingerprint,
            exception: one.exception.map(|exception| (exception.source, exception.id)),
        })
        .collect();
    Ok(out)
}

/// What of a command's record controls need; the record holds more.
#[derive(Deserialize)]
struct CommandJson {
    #[serde(default)]
    name: String,
    #[serde(default)]
    arguments: Vec<String>,
    finished: String,
    exit_code: Option<i64>,
    #[serde(default)]
    timed_out: bool,
    #[serde(default)]
    missing_artifacts: Vec<String>,
    probity: CommandOurs,
}

#[derive(Deserialize)]
struct CommandOurs {
    #[serde(default)]
    controls: BTreeSet<Arc<str>>,
}

fn command(statement: &Statement) -> Result<(Timestamp, Kind), StatementError> {
    let json: CommandJson = Deserialize::deserialize(Value::Object(statement.predicate.clone()))
        .map_err(|error: serde_json::Error| StatementError::Json(format!("command run: {error}")))?;
    // Runs of one command are told from those of another by what was run; what it was about may be the same for both.
    let name = if json.name.is_empty() { json.arguments.join(" ") } else { json.name };
    let failed = match json.exit_code {
        _ if json.timed_out => Some("it took too long".to_owned()),
        None => Some("it ended without an exit code".to_owned()),
        Some(0) if json.missing_artifacts.is_empty() => None,
        Some(0) => Some(format!("{} of its files could not be read", json.missing_artifacts.len())),
        Some(code) => Some(format!("exit code {code}")),
    };
    Ok((parse_time(&json.finished)?, Kind::Command(CommandRun { name: name.into(), failed, controls: json.probity.controls })))
}
