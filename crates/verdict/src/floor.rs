//! The organisation floor: a configuration from outside the repository that a repository may only tighten. Merging takes the
//! stricter of each; whatever asks for less has no effect and is a finding.
//!
//! The floor speaks with its defaults too: a floor that does not name `gate.red_at` says `high`.

use std::sync::Arc;

use probity_core::{Diagnostic, Digest, Finding, Level, RuleMeta, Severity};
use probity_value::{SourceMap, Span};

use crate::config::{Approver, Config, PathRule};
use crate::signature::{FLOOR_NAMESPACE, SignatureCheck};
use crate::{ids, own};

/// A setting of the repository that asks for less than the floor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The key.
    pub key: String,
    /// What it asks for and what holds instead.
    pub message: String,
    /// Where it is written.
    pub at: Span,
}

/// A floor that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FloorError {
    /// No signature beside it.
    #[error("the floor is not signed: there is no signature beside it")]
    Unsigned,
    /// The signature is not one of the given key over this text.
    #[error("the signature of the floor does not fit: {0}")]
    BadSignature(String),
}

/// Checks the signature of a floor (namespace `probity-floor`) with the given key.
///
/// # Errors
/// [`FloorError`] where it is unsigned or the signature does not fit.
pub fn verify(text: &str, signature: Option<&str>, key: &str, signatures: &dyn SignatureCheck) -> Result<(), FloorError> {
    let signature = signature.ok_or(FloorError::Unsigned)?;
    signatures.verify(key, FLOOR_NAMESPACE, text.as_bytes(), signature).map_err(FloorError::BadSignature)
}

/// What means nothing in a floor.
#[must_use]
pub fn validate(floor: &Config, path: &Arc<str>) -> Vec<Diagnostic> {
    if !floor.written.has("terraform") {
        return Vec::new();
    }
    vec![Diagnostic::new(
        Level::Error,
        "configuration",
        Arc::clone(path),
        floor.written.span("terraform"),
        "`terraform` says how one repository is read and means nothing in a floor",
    )]
}

/// Puts the floor under the configuration of a repository. The result is at least as strict as both in everything.
#[must_use]
pub fn merge(floor: &Arc<Config>, repository: &Config, rules: &[Arc<RuleMeta>]) -> (Config, Vec<Attempt>) {
    let mut attempts = Attempts { repository, list: Vec::new() };
    let mut config = repository.clone();
    gate(floor, &mut config, &mut attempts);
    paths(floor, &mut attempts);
    policies(floor, &mut config, rules, &mut attempts);
    exceptions(floor, &mut config, &mut attempts);
    approvers(floor, &mut config, &mut attempts);
    // After the approvers: whether signatures are required may follow from them.
    let required = floor.signature_required() || repository.signature_required() || config.signature_required();
    if required && repository.exceptions.require_signature == Some(false) {
        attempts.add("exceptions.require_signature", "`false` is refused: the organisation floor asks for signatures".to_owned());
    }
    config.exceptions.require_signature = Some(required);
    scans(floor, &mut config, &mut attempts);
    evidence(floor, &mut config, &mut attempts);
    config.floor = Some(Arc::clone(floor));
    (config, attempts.list)
}

struct Attempts<'a> {
    repository: &'a Config,
    list: Vec<Attempt>,
}

impl Attempts<'_> {
    fn add(&mut self, key: &str, message: String) {
        let parent = key.rsplit_once('.').map_or(key, |(parent, _)| parent);
        let at = self.repository.written.span(key).or(self.repository.written.span(parent));
        self.list.push(Attempt { key: key.to_owned(), message: format!("`{key}`: {message}"), at });
    }

    fn refused(&mut self, key: &str, asked: impl std::fmt::Display, held: impl std::fmt::Display) {
        self.add(key, format!("`{asked}` is refused, the organisation floor holds at `{held}`"));
    }

    fn written(&self, key: &str) -> bool {
        self.repository.written.has(key)
    }
}

fn gate(floor: &Config, config: &mut Config, attempts: &mut Attempts<'_>) {
    let (ours, theirs) = (&floor.gate, &mut config.gate);
    if theirs.red_at > ours.red_at {
        if attempts.written("gate.red_at") {
            attempts.refused("gate.red_at", theirs.red_at, ours.red_at);
        }
        theirs.red_at = ours.red_at;
    }
    if theirs.yellow_at > ours.yellow_at {
        if attempts.written("gate.yellow_at") {
            attempts.refused("gate.yellow_at", theirs.yellow_at, ours.yellow_at);
        }
        theirs.yellow_at = ours.yellow_at;
    }
    if theirs.unknown < ours.unknown {
        if attempts.written("gate.unknown") {
            attempts.refused("gate.unknown", theirs.unknown, ours.unknown);
        }
        theirs.unknown = ours.unknown;
    }
    let stricter = theirs.suppressions.stricter(ours.suppressions);
    if stricter != theirs.suppressions {
        if attempts.written("gate.suppressions") {
            attempts.refused("gate.suppressions", theirs.suppressions, ours.suppressions);
        }
        theirs.suppressions = stricter;
    }
    // No version means the newest rules, which is the strictest.
    if let Some(asked) = theirs.rules_version
        && ours.rules_version.is_none_or(|held| asked < held)
    {
        let held = ours.rules_version.map_or("the newest".to_owned(), |version| version.to_string());
        attempts.refused("gate.rules_version", asked, held);
        theirs.rules_version = ours.rules_version;
    }
    theirs.ignore_paths.retain(|pattern| {
        let agreed = ours.ignore_paths.contains(pattern);
        if !agreed {
            attempts.add("gate.ignore_paths", format!("`{pattern}` is judged all the same: the organisation floor does not leave it out"));
        }
        agreed
    });
}

/// Path entries stay as they are: the floor's settings are put under them when they are looked up.
fn paths(floor: &Config, attempts: &mut Attempts<'_>) {
    for (position, rule) in attempts.repository.paths.clone().iter().enumerate() {
        let same = floor.paths.iter().filter(|entry| entry.path == rule.path);
        let held = same.fold(
            PathRule { path: rule.path.clone(), red_at: None, yellow_at: None, unknown: None, suppressions: None },
            |held, entry| PathRule {
                red_at: held.red_at.into_iter().chain(entry.red_at).min(),
                yellow_at: held.yellow_at.into_iter().chain(entry.yellow_at).min(),
                unknown: held.unknown.into_iter().chain(entry.unknown).max(),
                suppressions: held.suppressions.or(entry.suppressions),
                path: held.path,
            },
        );
        let at = |key: &str| format!("paths[{position}].{key}");
        let red_at = held.red_at.unwrap_or(floor.gate.red_at);
        if let Some(asked) = rule.red_at.filter(|asked| *asked > red_at) {
            attempts.refused(&at("red_at"), asked, red_at);
        }
        let yellow_at = held.yellow_at.unwrap_or(floor.gate.yellow_at);
        if let Some(asked) = rule.yellow_at.filter(|asked| *asked > yellow_at) {
            attempts.refused(&at("yellow_at"), asked, yellow_at);
        }
        let unknown = held.unknown.unwrap_or(floor.gate.unknown);
        if let Some(asked) = rule.unknown.filter(|asked| *asked < unknown) {
            attempts.refused(&at("unknown"), asked, unknown);
        }
        let suppressions = held.suppressions.unwrap_or(floor.gate.suppressions);
        if let Some(asked) = rule.suppressions.filter(|asked| asked.stricter(suppressions) != *asked) {
            attempts.refused(&at("suppressions"), asked, suppressions);
        }
    }
}

fn policies(floor: &Config, config: &mut Config, rules: &[Arc<RuleMeta>], attempts: &mut Attempts<'_>) {
    let mut folders = floor.policies.folders.clone();
    folders.extend(config.policies.folders.iter().filter(|folder| !floor.policies.folders.contains(folder)).cloned());
    config.policies.folders = folders;
    config.policies.disable.retain(|id| {
        let mut named = ids::find(rules, id).peekable();
        let agreed = floor.policies.disable.contains(id)
            || (named.peek().is_some() && named.all(|rule| floor.policies.disable.iter().any(|off| ids::answers(rule, off))));
        if !agreed {
            attempts.add("policies.disable", format!("`{id}` stays on: the organisation floor does not disable it"));
        }
        agreed
    });
    for (id, asked) in config.policies.severity.clone() {
        let held = ids::find(rules, &id).map(|rule| floor.severity_of(rule)).chain(floor.policies.severity.get(&id).copied()).max();
        if let Some(held) = held.filter(|held| asked < *held) {
            attempts.refused(&format!("policies.severity.{id}"), asked, held);
            config.policies.severity.insert(id, held);
        }
    }
    for (id, held) in &floor.policies.severity {
        let named = config.policies.severity.entry(Arc::clone(id)).or_insert(*held);
        *named = (*named).max(*held);
    }
    if floor.policies.preview && !config.policies.preview {
        if attempts.written("policies.preview") {
            attempts.refused("policies.preview", false, true);
        }
        config.policies.preview = true;
    }
}

fn exceptions(floor: &Config, config: &mut Config, attempts: &mut Attempts<'_>) {
    let (ours, theirs) = (&floor.exceptions, &mut config.exceptions);
    for (key, held, asked) in [("folder", &ours.folder, &mut theirs.folder), ("baseline", &ours.baseline, &mut theirs.baseline)] {
        let key = format!("exceptions.{key}");
        if floor.written.has(&key) && asked != held {
            if attempts.written(&key) {
                attempts.refused(&key, &*asked, held);
            }
            *asked = Arc::clone(held);
        }
    }
    if theirs.baseline_days > ours.baseline_days {
        if attempts.written("exceptions.baseline_days") {
            attempts.refused("exceptions.baseline_days", theirs.baseline_days, ours.baseline_days);
        }
        theirs.baseline_days = ours.baseline_days;
    }
    for severity in Severity::ALL.iter().copied() {
        let held = ours.max_days.of(severity);
        let asked = theirs.max_days.of_mut(severity);
        if *asked > held {
            let key = format!("exceptions.max_days.{severity}");
            if attempts.written(&key) {
                attempts.refused(&key, *asked, held);
            }
            *asked = held;
        }
    }
    theirs.never.extend(ours.never.iter().cloned());
}

fn approvers(floor: &Config, config: &mut Config, attempts: &mut Attempts<'_>) {
    if floor.approvers.is_empty() {
        return;
    }
    let foreign: Vec<&Approver> = config.approvers.iter().filter(|approver| !floor.approvers.contains(approver)).collect();
    for approver in foreign {
        attempts.add("approvers", format!("`{}` is refused: the organisation floor names the approvers", approver.name));
    }
    config.approvers.clone_from(&floor.approvers);
}

fn scans(floor: &Config, config: &mut Config, attempts: &mut Attempts<'_>) {
    for (name, held) in &floor.required {
        let asked = config.required.entry(Arc::clone(name)).or_insert(*held);
        if *asked > *held {
            attempts.refused(&format!("required.{name}"), format!("{asked} seconds"), format!("{held} seconds"));
            *asked = *held;
        }
    }
    config.scans.retain(|scan| {
        let other = floor.scans.iter().find(|ours| ours.name == scan.name && ours.file != scan.file);
        if let Some(ours) = other {
            attempts.refused(&format!("scans.{}", scan.name), &scan.file, &ours.file);
        }
        other.is_none()
    });
    for scan in &floor.scans {
        if !config.scans.contains(scan) {
            config.scans.push(scan.clone());
        }
    }
}

fn evidence(floor: &Config, config: &mut Config, attempts: &mut Attempts<'_>) {
    let (ours, theirs) = (&floor.evidence, &mut config.evidence);
    for (key, held, asked) in [("evidence.directory", &ours.directory, &mut theirs.directory), ("evidence.key", &ours.key, &mut theirs.key)]
    {
        let Some(held) = held else { continue };
        if asked.as_ref().is_some_and(|asked| asked != held) {
            attempts.refused(key, asked.as_deref().unwrap_or_default(), held);
        }
        *asked = Some(Arc::clone(held));
    }
}

/// The attempts as findings, for the verdict.
#[must_use]
pub fn findings(attempts: &[Attempt], path: &Arc<str>, sources: &SourceMap, digest: &dyn Fn(&[u8]) -> Digest) -> Vec<Finding> {
    attempts
        .iter()
        .map(|attempt| {
            let at = own::place(attempt.at, path, sources);
            own::finding(own::FLOOR_LOOSENED, &attempt.key, at, attempt.message.clone(), &attempt.message, digest)
        })
        .collect()
}
