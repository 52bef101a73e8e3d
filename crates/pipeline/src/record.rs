//! Last step: what was decided, written down before anybody is told.
//!
//! A record is a signed in-toto statement; what is too large for it (inputs, results, coverage) is a manifest in the content store,
//! named by digest. Nothing raw goes in: digests, counts, places.

use std::collections::BTreeMap;
use std::sync::Arc;

use probity_attest::statement::{Blob, Decision, Descriptor, Outcome, StatementError, format_time};
use probity_attest::{KeyProvider, sha256};
use probity_core::{Digest, EvidenceRef, Finding, Report, Status, Verdict};
use probity_ledger::{Append, AppendError, Receipt};
use serde_json::{Map, Value, json};

use crate::ByRule;

/// What a run looked at, in the way that lets it be run again.
#[derive(Clone, Debug, PartialEq)]
pub struct Inputs {
    /// Where the inputs come from.
    pub target: Target,
    /// Base revision (commit and tree id), where one was given.
    pub base: Option<(String, String)>,
    /// Files that were read: path, SHA-256, and the git blob id where the commit holds the same bytes.
    pub files: Vec<InputFile>,
    /// SHA-256 over the sorted list of all paths, read or not.
    pub listing: Digest,
    /// Images and files that were judged with them.
    pub artifacts: Vec<Descriptor>,
    /// Flags and files from outside that took part.
    pub options: Value,
    /// Which repository or folder it was: the same text for every run over it, and nothing that names a person.
    pub repository: String,
    /// What each rule said: which rules judged something.
    pub by_rule: ByRule,
}

/// One file that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputFile {
    /// Path relative to the judged folder.
    pub path: String,
    /// SHA-256 of its bytes.
    pub sha256: Digest,
    /// Its git blob, where the judged commit holds these bytes.
    pub blob: Option<String>,
}

/// What was judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A commit, and all that was read is in it.
    Commit {
        /// Commit id.
        commit: String,
        /// Tree id.
        tree: String,
        /// Folder within the work tree, empty for the top.
        prefix: String,
    },
    /// A folder outside git, or one with changes that no commit holds.
    Folder {
        /// Commit id, where there is a repository: what the folder differs from.
        differs_from: Option<(String, String, String)>,
    },
}

/// Digest of a folder: SHA-256 over the lines `<sha256>  <path>\n` of the files that were read, sorted by path (bytewise).
#[must_use]
pub fn folder_digest(files: &[InputFile]) -> Digest {
    let mut lines: Vec<(&str, String)> =
        files.iter().map(|file| (file.path.as_str(), format!("{}  {}\n", file.sha256, file.path))).collect();
    lines.sort();
    sha256(lines.into_iter().map(|(_, line)| line).collect::<String>().as_bytes())
}

/// Why a run could not be recorded. Then there is no verdict to tell.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The statement cannot be made or signed.
    #[error("the record cannot be made")]
    Statement(#[from] StatementError),
    /// The log did not take it.
    #[error("the log did not take the record")]
    Append(#[from] AppendError),
}

fn result(finding: &Finding) -> Value {
    let mut out = json!({
        "rule": &*finding.rule.id,
        "status": finding.status.as_str(),
        "severity": finding.rule.severity.as_str(),
        "subject": { "kind": finding.subject.kind.as_str(), "id": &*finding.subject.id, "root": &*finding.subject.root },
        "at": { "file": &*finding.at.file, "line": finding.at.line },
        "fingerprint": &*finding.fingerprint,
        "counts": finding.counts,
        "exception": finding.exception.as_ref().map(|exception| json!({ "source": &*exception.source, "id": &*exception.id })),
    });
    if let Some(met) = finding.first_met.and_then(|met| format_time(met).ok()) {
        out["first_met"] = json!(met);
    }
    out
}

/// Status, colour and reasons as the manifest and the replay compare them.
#[must_use]
pub fn verdict_value(verdict: &Verdict) -> Value {
    let counts = &verdict.counts;
    json!({
        "colour": verdict.colour.map(|colour| colour.as_str()),
        "permitted": verdict.permitted,
        "because": verdict.because,
        "notes": verdict.notes,
        "counts": {
            "subjects": counts.subjects,
            "by_status": counts.by_status,
            "by_severity": counts.by_severity.iter().map(|(severity, count)| (severity.as_str(), *count)).collect::<BTreeMap<_, _>>(),
            "excepted": counts.excepted,
            "by_control": counts.by_control.iter().map(|(control, count)| (&**control, *count)).collect::<BTreeMap<_, _>>(),
        },
    })
}

/// The results as the manifest and the replay compare them: all that ask for something.
#[must_use]
pub fn results_value(findings: &[Finding]) -> Value {
    Value::Array(findings.iter().filter(|finding| !matches!(finding.status, Status::Pass | Status::NotApplicable)).map(result).collect())
}

/// What rules can have in common: engine, what they speak for, how often they said what.
type Said<'a> = (&'a str, &'a [Arc<str>], BTreeMap<&'a str, usize>);

/// Rules that judged something, with what they speak for and how often they said what. Rules that look for secrets and known holes say
/// something only where they find it; for them `files` counts what they looked through.
fn evaluated(report: &Report, by_rule: &ByRule) -> Value {
    let looked = |source: &str, any: bool| -> usize {
        report.coverage.read.iter().filter(|read| read.source == source && (any || read.subjects > 0)).count()
    };
    let (texts, packages) = (looked("secrets", true), looked("packages", false));
    let mut said: BTreeMap<&str, BTreeMap<&str, usize>> = BTreeMap::new();
    for finding in &report.findings {
        *said.entry(&finding.rule.id).or_default().entry(finding.status.as_str()).or_default() += 1;
    }
    // Hundreds of rules say the same of the same: they stand together.
    let mut groups: BTreeMap<Said<'_>, Vec<&str>> = BTreeMap::new();
    for rule in &report.rules {
        // What other scanners found was not judged here.
        let mut counts = match by_rule.get(&rule.id) {
            Some(counts) => counts.iter().map(|(status, count)| (*status, *count)).collect(),
            None => said.remove(&*rule.id).unwrap_or_default(),
        };
        counts.remove(Status::NotApplicable.as_str());
        let files = match rule.engine {
            "secrets" => texts,
            "advisories" => packages,
            _ => 0,
        };
        if files > 0 {
            counts.insert("files", files);
        }
        if !counts.is_empty() {
            groups.entry((rule.engine, &rule.controls, counts)).or_default().push(&rule.id);
        }
    }
    let groups = groups
        .into_iter()
        .map(|((engine, controls, counts), rules)| json!({ "rules": rules, "engine": engine, "controls": controls, "counts": counts }));
    Value::Array(groups.collect())
}

/// The manifest of a run.
///
/// # Errors
/// [`StatementError::Time`] for a time that cannot be written.
pub fn manifest(report: &Report, inputs: &Inputs, engine: Digest) -> Result<Value, StatementError> {
    let target = match &inputs.target {
        Target::Commit { commit, tree, prefix } => json!({ "kind": "commit", "commit": commit, "tree": tree, "prefix": prefix }),
        Target::Folder { differs_from } => json!({
            "kind": "folder",
            "digest": folder_digest(&inputs.files).to_string(),
            "differs_from": differs_from.as_ref().map(|(commit, tree, prefix)| json!({ "commit": commit, "tree": tree, "prefix": prefix })),
        }),
    };
    let mut whole = json!({
        "version": 1,
        "command": "gate",
        "time": format_time(report.time)?,
        "engine": {
            "name": &*report.tool.name,
            "version": &*report.tool.version,
            "digest": engine.to_string(),
            "policies": report.tool.policies.to_string(),
        },
        "target": target,
        "repository": inputs.repository,
        "base": inputs.base.as_ref().map(|(commit, tree)| json!({ "commit": commit, "tree": tree })),
        "options": inputs.options,
        "inputs": inputs.files.iter().map(|file| json!({ "path": file.path, "sha256": file.sha256.to_string(), "blob": file.blob })).collect::<Vec<_>>(),
        "listing": inputs.listing.to_string(),
        "rules": report.rules.iter().map(|rule| &*rule.id).collect::<Vec<_>>(),
        "evaluated": evaluated(report, &inputs.by_rule),
        "results": results_value(&report.findings),
        "coverage": {
            "read": report.coverage.read.iter().map(|read| json!({ "file": &*read.file, "source": read.source, "subjects": read.subjects })).collect::<Vec<_>>(),
            "skipped": report.coverage.skipped.iter().map(|skipped| json!({ "file": &*skipped.file, "source": skipped.source, "why": skipped.why, "fails": skipped.fails, "partly": skipped.partly })).collect::<Vec<_>>(),
        },
        "verdict": report.verdict.as_ref().map(verdict_value),
    });
    if !inputs.artifacts.is_empty() {
        let artifact = |one: &Descriptor| json!({ "name": one.name, "digest": one.digest });
        whole["artifacts"] = inputs.artifacts.iter().map(artifact).collect();
    }
    Ok(whole)
}

/// The decision as a SLSA Verification Summary.
fn decision(report: &Report, verdict: &Verdict, inputs: &Inputs, engine: Digest, manifest: &[u8]) -> Decision {
    let (subject, uri) = match &inputs.target {
        Target::Commit { commit, tree, prefix } => {
            let digest = BTreeMap::from([("gitCommit".to_owned(), commit.clone()), ("gitTree".to_owned(), tree.clone())]);
            let name = if prefix.is_empty() { ".".to_owned() } else { prefix.clone() };
            (Descriptor { name, digest, ..Descriptor::default() }, format!("git:{commit}"))
        }
        Target::Folder { .. } => {
            let digest = folder_digest(&inputs.files);
            (Descriptor::sha256("folder", digest), format!("sha256:{digest}"))
        }
    };
    let outcome = match verdict.colour {
        None => Outcome::Undecided,
        Some(_) if verdict.permitted => Outcome::Passed,
        Some(_) => Outcome::Failed,
    };
    let mut ours = Map::new();
    ours.insert("colour".to_owned(), json!(verdict.colour.map(|colour| colour.as_str())));
    ours.insert("subjects".to_owned(), json!(verdict.counts.subjects));
    ours.insert("by_status".to_owned(), json!(verdict.counts.by_status));
    let by_severity: BTreeMap<&str, usize> =
        verdict.counts.by_severity.iter().map(|(severity, count)| (severity.as_str(), *count)).collect();
    ours.insert("by_severity".to_owned(), json!(by_severity));
    ours.insert("excepted".to_owned(), json!(verdict.counts.excepted));
    ours.insert("engine".to_owned(), json!(engine.to_string()));
    let mut subjects = vec![subject];
    subjects.extend(inputs.artifacts.iter().cloned());
    Decision {
        subjects,
        verifier: "https://probity.dev/gate/v1".to_owned(),
        versions: BTreeMap::from([("probity".to_owned(), report.tool.version.to_string())]),
        time: report.time,
        resource_uri: uri,
        policy: Descriptor::sha256("policies", report.tool.policies),
        input_attestations: Vec::new(),
        outcome,
        verified_levels: Vec::new(),
        blobs: vec![Blob { name: "manifest".to_owned(), digest: sha256(manifest), size: manifest.len() as u64 }],
        probity: ours,
    }
}

/// Writes the run down. When this returns, record and manifest are durable.
///
/// # Errors
/// [`RecordError`]; then nobody may be told the verdict as if it were recorded.
pub fn record(
    report: &Report,
    verdict: &Verdict,
    inputs: &Inputs,
    engine: Digest,
    ledger: &mut dyn Append,
    signer: &dyn KeyProvider,
) -> Result<Receipt, RecordError> {
    let mut bytes = manifest(report, inputs, engine)?.to_string().into_bytes();
    bytes.push(b'\n');
    let record = decision(report, verdict, inputs, engine, &bytes).to_statement()?.sign(signer)?;
    Ok(ledger.append(record, vec![bytes])?)
}

/// The verdict about one artifact alone, for whoever deploys it: a SLSA Verification Summary whose subject is the artifact. What was
/// judged with it is named: the sources, and the record of the log, where there is one.
///
/// # Errors
/// [`StatementError::Time`] for a time that cannot be written.
pub fn summary(
    report: &Report,
    verdict: &Verdict,
    inputs: &Inputs,
    engine: Digest,
    artifact: &Descriptor,
    uri: String,
) -> Result<Decision, StatementError> {
    let manifest = manifest(report, inputs, engine)?.to_string();
    let mut decision = decision(report, verdict, inputs, engine, manifest.as_bytes());
    let source = decision.subjects.first().map(|source| serde_json::json!({ "name": source.name, "digest": source.digest }));
    decision.subjects = vec![artifact.clone()];
    decision.resource_uri = uri;
    decision.blobs = Vec::new();
    let level = match (decision.outcome, verdict.colour) {
        (Outcome::Passed, Some(colour)) => format!("PROBITY_{}", colour.as_str().to_ascii_uppercase()),
        _ => "FAILED".to_owned(),
    };
    decision.verified_levels = vec![level];
    decision.probity.insert("source".to_owned(), source.unwrap_or_default());
    if let Some(evidence) = &report.evidence {
        decision.input_attestations = vec![Descriptor::sha256("record", evidence.record)];
        decision
            .probity
            .insert("log".to_owned(), json!({ "index": evidence.index, "size": evidence.tree_size, "root": evidence.root.to_string() }));
    }
    Ok(decision)
}

/// Where a record lies, for the report.
#[must_use]
pub fn evidence(receipt: &Receipt, anchored: bool, place: String) -> EvidenceRef {
    EvidenceRef {
        record: receipt.record,
        index: receipt.index,
        tree_size: receipt.checkpoint.size,
        root: receipt.checkpoint.root,
        anchored,
        place,
    }
}
