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
    supply(floor, &mut config, &mut attempts);
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
    for pattern in std::mem::take(&mut theirs.skip_paths) {
        let message = format!("what matches `{pattern}` is judged all the same: the organisation floor does not leave it out");
        attempts.add("skip-path", message);
    }
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
    let both = |mut first: Vec<_>, then: &mut Vec<_>| {
        first.extend(then.drain(..).filter(|one| !floor.policies.conftest.contains(one)));
        *then = first;
    };
    both(floor.policies.conftest.clone(), &mut config.policies.conftest);
    let mut lookup = floor.policies.lookup.clone();
    lookup.extend(config.policies.lookup.iter().filter(|file| !floor.policies.lookup.contains(file)).cloned());
    config.policies.lookup = lookup;
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
    for (name, held) in &floor.policies.parameters {
        if let Some(asked) = config.policies.parameters.get(name).filter(|asked| *asked != held) {
            attempts.refused(&format!("policies.parameters.{name}"), asked.join(", "), held.join(", "));
        }
        config.policies.parameters.insert(Arc::clone(name), held.clone());
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

/// What is sought stays sought, what is denied stays denied, and a hole that is red or yellow for the floor is so here.
fn supply(floor: &Config, config: &mut Config, attempts: &mut Attempts<'_>) {
    for (key, held, asked) in [
        ("secrets.enabled", floor.secrets.enabled, &mut config.secrets.enabled),
        ("secrets.own_rules", floor.secrets.own_rules, &mut config.secrets.own_rules),
        ("packages.enabled", floor.packages.enabled, &mut config.packages.enabled),
        ("vulnerabilities.enabled", floor.vulnerabilities.enabled, &mut config.vulnerabilities.enabled),
    ] {
        if held && !*asked {
            attempts.refused(key, false, true);
            *asked = true;
        }
    }
    for (key, held, asked) in [
        ("secrets.max_archive_depth", floor.secrets.archive_depth, &mut config.secrets.archive_depth),
        ("secrets.max_decode_depth", floor.secrets.decode_depth, &mut config.secrets.decode_depth),
    ] {
        if *asked < held {
            attempts.refused(key, *asked, held);
            *asked = held;
        }
    }
    for file in &floor.secrets.gitleaks {
        if !config.secrets.gitleaks.contains(file) {
            config.secrets.gitleaks.push(Arc::clone(file));
        }
    }
    config.secrets.ignore_paths.retain(|pattern| {
        let agreed = floor.secrets.ignore_paths.contains(pattern);
        if !agreed {
            attempts
                .add("secrets.ignore_paths", format!("`{pattern}` is searched all the same: the organisation floor does not leave it out"));
        }
        agreed
    });
    let (ours, theirs) = (&floor.packages, &mut config.packages);
    theirs.denied_licences.extend(ours.denied_licences.iter().cloned());
    if !ours.allowed_licences.is_empty() {
        if theirs.allowed_licences.is_empty() {
            theirs.allowed_licences.clone_from(&ours.allowed_licences);
        }
        theirs.allowed_licences.retain(|licence| {
            let agreed = ours.allowed_licences.contains(licence);
            if !agreed {
                attempts.add("packages.allowed_licences", format!("`{licence}` is refused: the organisation floor does not allow it"));
            }
            agreed
        });
        if theirs.allowed_licences.is_empty() {
            // Nothing of what was asked for is allowed; an empty list would allow all.
            theirs.allowed_licences.clone_from(&ours.allowed_licences);
        }
    }
    for (kind, held) in &ours.sources {
        let asked = theirs.sources.entry(Arc::clone(kind)).or_insert_with(|| held.clone());
        asked.retain(|source| {
            let agreed = held.contains(source);
            if !agreed {
                attempts
                    .add(&format!("packages.sources.{kind}"), format!("`{source}` is refused: the organisation floor does not name it"));
            }
            agreed
        });
        if asked.is_empty() {
            asked.clone_from(held);
        }
    }
    for name in &ours.internal {
        if !theirs.internal.contains(name) {
            theirs.internal.push(Arc::clone(name));
        }
    }
    let (ours, theirs) = (&floor.vulnerabilities, &mut config.vulnerabilities);
    if let Some(held) = &ours.database
        && theirs.database.as_ref() != Some(held)
    {
        if let Some(asked) = &theirs.database {
            attempts.refused("vulnerabilities.database", asked, held);
        }
        theirs.database = Some(Arc::clone(held));
    }
    if let Some(held) = ours.max_age
        && theirs.max_age.is_none_or(|asked| asked > held)
    {
        if let Some(asked) = theirs.max_age {
            attempts.refused("vulnerabilities.max_age", format!("{asked} seconds"), format!("{held} seconds"));
        }
        theirs.max_age = Some(held);
    }
    for (key, held, asked) in [("red_if", &ours.red_if, &mut theirs.red_if), ("yellow_if", &ours.yellow_if, &mut theirs.yellow_if)] {
        let missing: Vec<_> = held.difference(asked).copied().collect();
        let key = format!("vulnerabilities.{key}");
        if attempts.written(&key) {
            for one in &missing {
                attempts.add(&key, format!("`{one}` stays: the organisation floor names it"));
            }
        }
        asked.extend(missing);
    }
    for (hole, held) in &ours.patch_windows {
        let key = format!("vulnerabilities.patch_windows.{hole}");
        let asked = theirs.patch_windows.entry(*hole).or_insert(*held);
        if *asked > *held {
            attempts.refused(&key, format!("{asked} seconds"), format!("{held} seconds"));
            *asked = *held;
        }
    }
    if !ours.signers.is_empty() && theirs.signers != ours.signers {
        if !theirs.signers.is_empty() {
            attempts.add("vulnerabilities.signers", "the organisation floor names who signs the database".to_owned());
        }
        theirs.signers.clone_from(&ours.signers);
    }
    theirs.vex.retain(|file| {
        // Whoever may name statements may silence anything.
        let agreed = !floor.written.has("vulnerabilities.vex") || ours.vex.contains(file);
        if !agreed {
            attempts.add("vulnerabilities.vex", format!("`{file}` is refused: the organisation floor names the statements"));
        }
        agreed
    });
    for file in &ours.vex {
        if !theirs.vex.contains(file) {
            theirs.vex.push(Arc::clone(file));
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{RuleUse, SuppressionPolicy, UnknownPolicy, Version};
    use crate::fixtures::{FakeSignatures, SECURITY_KEY, digest, rule, sign, with_approvers};
    use crate::pattern::PathPattern;
    use probity_value::FileId;
    use proptest::prelude::*;

    fn read(text: &str) -> Config {
        let (config, diagnostics) = Config::parse(text, &"probity.yaml".into(), FileId(0));
        assert_eq!(diagnostics, [], "{text}");
        config
    }

    fn rules() -> Vec<Arc<RuleMeta>> {
        vec![rule("aws-a", Severity::High), rule("aws-b", Severity::Low)]
    }

    /// The attempts of a repository under a floor.
    fn attempts(floor: &str, repository: &str) -> Vec<String> {
        let (merged, attempts) = merge(&Arc::new(read(floor)), &read(repository), &rules());
        assert!(merged.floor.is_some());
        attempts.into_iter().map(|attempt| attempt.message).collect()
    }

    #[test]
    fn what_asks_for_less_is_said() {
        let check = |floor: &str, repository: &str, expected: &str| {
            assert_eq!(attempts(floor, repository).join("\n"), expected, "{floor} | {repository}");
        };
        check("", "", "");
        check("gate: { red_at: low }", "", "");
        check("gate: { red_at: medium }", "gate: { red_at: low }", "");
        check(
            "gate: { red_at: medium }",
            "gate: { red_at: high }",
            "`gate.red_at`: `high` is refused, the organisation floor holds at `medium`",
        );
        check("", "gate: { red_at: critical }", "`gate.red_at`: `critical` is refused, the organisation floor holds at `high`");
        check("", "gate: { yellow_at: high }", "`gate.yellow_at`: `high` is refused, the organisation floor holds at `medium`");
        check(
            "gate: { unknown: red }",
            "gate: { unknown: yellow }",
            "`gate.unknown`: `yellow` is refused, the organisation floor holds at `red`",
        );
        check(
            "gate: { suppressions: { forbid_at: medium } }",
            "gate: { suppressions: { forbid_at: high } }",
            "`gate.suppressions`: `forbid_at: high` is refused, the organisation floor holds at `forbid_at: medium`",
        );
        check("gate: { suppressions: { forbid_at: medium } }", "gate: { suppressions: forbid }", "");
        check(
            "",
            "gate: { rules_version: '0.1.0' }",
            "`gate.rules_version`: `0.1.0` is refused, the organisation floor holds at `the newest`",
        );
        check("gate: { rules_version: '0.1.0' }", "gate: { rules_version: '0.2.0' }", "");
        check(
            "",
            "gate: { ignore_paths: [old] }",
            "`gate.ignore_paths`: `old` is judged all the same: the organisation floor does not leave it out",
        );
        check("gate: { ignore_paths: [old] }", "gate: { ignore_paths: [old] }", "");
        check(
            "",
            "paths: [{ path: a, red_at: critical }]",
            "`paths[0].red_at`: `critical` is refused, the organisation floor holds at `high`",
        );
        check("paths: [{ path: a, red_at: critical }]", "paths: [{ path: a, red_at: critical }]", "");
        check("", "policies: { disable: [aws-a] }", "`policies.disable`: `aws-a` stays on: the organisation floor does not disable it");
        check("policies: { disable: [AWS-A] }", "policies: { disable: [aws-a] }", "");
        check(
            "policies: { parameters: { data_regions: [eu-] } }",
            "policies: { parameters: { data_regions: [us-] } }",
            "`policies.parameters.data_regions`: `us-` is refused, the organisation floor holds at `eu-`",
        );
        check("", "policies: { parameters: { data_regions: [us-] } }", "");
        check(
            "",
            "policies: { severity: { aws-a: low } }",
            "`policies.severity.aws-a`: `low` is refused, the organisation floor holds at `high`",
        );
        check("", "policies: { severity: { aws-b: high } }", "");
        check(
            "policies: { preview: true }",
            "policies: { preview: false }",
            "`policies.preview`: `false` is refused, the organisation floor holds at `true`",
        );
        check(
            "exceptions: { max_days: { high: 5 } }",
            "exceptions: { max_days: { high: 20 } }",
            "`exceptions.max_days.high`: `20` is refused, the organisation floor holds at `5`",
        );
        check(
            "exceptions: { folder: x }",
            "exceptions: { folder: y }",
            "`exceptions.folder`: `y` is refused, the organisation floor holds at `x`",
        );
        check("", "exceptions: { folder: y }", "");
        check(
            "exceptions: { require_signature: true }",
            "exceptions: { require_signature: false }",
            "`exceptions.require_signature`: `false` is refused: the organisation floor asks for signatures",
        );
        check(
            "required: { dast: 1d }",
            "required: { dast: 7d, sast: 1d }",
            "`required.dast`: `604800 seconds` is refused, the organisation floor holds at `86400 seconds`",
        );
        check(
            "scans: [{ name: s, file: a }]",
            "scans: [{ name: s, file: b }]",
            "`scans.s`: `b` is refused, the organisation floor holds at `a`",
        );
        check(
            "evidence: { directory: a }",
            "evidence: { directory: b }",
            "`evidence.directory`: `b` is refused, the organisation floor holds at `a`",
        );
    }

    #[test]
    fn lists_of_both() {
        let floor =
            read("exceptions: { never: [aws-a] }\nrequired: { dast: 1d }\nscans: [{ name: s, file: a }]\npolicies: { folders: [org] }");
        let repository =
            read("exceptions: { never: [aws-b] }\nrequired: { sast: 1d }\nscans: [{ name: t, file: b }]\npolicies: { folders: [own] }");
        let (merged, attempts) = merge(&Arc::new(floor), &repository, &rules());
        assert!(attempts.is_empty());
        assert_eq!(merged.exceptions.never.len(), 2);
        assert_eq!(merged.required.len(), 2);
        assert_eq!(merged.scans.len(), 2);
        assert_eq!(merged.policies.folders, [Arc::from("org"), Arc::from("own")]);
    }

    #[test]
    fn only_the_approvers_of_the_floor() {
        let repository = with_approvers();
        let (merged, attempts) = merge(&Arc::new(Config::default()), &repository, &rules());
        assert!(attempts.is_empty());
        assert_eq!(merged.approvers.len(), 2);
        let mut floor = with_approvers();
        floor.approvers.truncate(1);
        let (merged, attempts) = merge(&Arc::new(floor.clone()), &repository, &rules());
        assert_eq!(merged.approvers, floor.approvers);
        assert_eq!(attempts.len(), 1);
        assert_eq!(attempts[0].message, "`approvers`: `Tom Team` is refused: the organisation floor names the approvers");
        // A person of the floor with another key is somebody else.
        let mut forged = floor.clone();
        forged.approvers[0].keys = vec!["ssh-ed25519 AAAAforged".into()];
        let (merged, attempts) = merge(&Arc::new(floor.clone()), &forged, &rules());
        assert_eq!((merged.approvers, attempts.len()), (floor.approvers, 1));
    }

    #[test]
    fn attempts_are_findings_with_their_place() {
        let sources = SourceMap::new();
        let text = "gate:\n  red_at: critical\n";
        let file = sources.add("probity.yaml", text);
        let (repository, _) = Config::parse(text, &"probity.yaml".into(), file);
        let (_, attempts) = merge(&Arc::new(Config::default()), &repository, &rules());
        let findings = findings(&attempts, &"probity.yaml".into(), &sources, &digest);
        assert_eq!(findings.len(), 1);
        assert_eq!((findings[0].at.line, findings[0].at.column), (2, 3));
        assert_eq!(&*findings[0].rule.id, own::FLOOR_LOOSENED);
    }

    #[test]
    fn the_floor_is_signed() {
        let check = |signature: Option<&str>, expected: Result<(), &str>| {
            let result = verify("text", signature, SECURITY_KEY, &FakeSignatures).map_err(|error| error.to_string());
            assert_eq!(result.as_ref().map_err(String::as_str).copied(), expected);
        };
        check(Some(&sign(SECURITY_KEY, FLOOR_NAMESPACE, "text")), Ok(()));
        check(None, Err("the floor is not signed: there is no signature beside it"));
        let wrong = "the signature of the floor does not fit: the signature does not fit";
        check(Some(&sign(SECURITY_KEY, "probity-exception", "text")), Err(wrong));
        check(Some(&sign("other", FLOOR_NAMESPACE, "text")), Err(wrong));
        assert_eq!(validate(&read("terraform: { workspace: x }"), &"floor.yaml".into()).len(), 1);
        assert!(validate(&read("gate: { red_at: low }"), &"floor.yaml".into()).is_empty());
    }

    fn severity() -> impl Strategy<Value = Severity> {
        prop::sample::select(Severity::ALL)
    }

    fn policy() -> impl Strategy<Value = SuppressionPolicy> {
        prop_oneof![Just(SuppressionPolicy::Allow), Just(SuppressionPolicy::Forbid), severity().prop_map(SuppressionPolicy::ForbidAt)]
    }

    fn unknown() -> impl Strategy<Value = UnknownPolicy> {
        prop::sample::select(&[UnknownPolicy::Count, UnknownPolicy::Yellow, UnknownPolicy::Red][..])
    }

    fn path_rules() -> impl Strategy<Value = Vec<PathRule>> {
        let path = prop::sample::select(&["a", "a/b", "**/c.tf", "d*"][..]);
        let one =
            (path, prop::option::of(severity()), prop::option::of(severity()), prop::option::of(unknown()), prop::option::of(policy()));
        prop::collection::vec(
            one.prop_map(|(path, red_at, yellow_at, unknown, suppressions)| PathRule {
                path: PathPattern::new(path).unwrap(),
                red_at,
                yellow_at,
                unknown,
                suppressions,
            }),
            0..3,
        )
    }

    fn ids() -> impl Strategy<Value = std::collections::BTreeSet<Arc<str>>> {
        prop::collection::btree_set(prop::sample::select(&["aws-a", "aws-b", "AWS-A", "other"][..]).prop_map(Arc::from), 0..3)
    }

    prop_compose! {
        fn configs()(
            gate in (severity(), severity(), unknown(), policy(), prop::option::of(0_u32..3)),
            paths in path_rules(),
            disable in ids(),
            severities in prop::collection::btree_map(prop::sample::select(&["aws-a", "AWS-B"][..]).prop_map(Arc::from), severity(), 0..3),
            preview in any::<bool>(),
            ignored in prop::collection::vec(prop::sample::select(&["old", "vendor"][..]), 0..2),
            days in prop::collection::vec(1_u32..400, 6),
            never in ids(),
            signature in prop::option::of(any::<bool>()),
            approvers in 0_usize..3,
            required in prop::collection::btree_map(prop::sample::select(&["sast", "dast"][..]).prop_map(Arc::from), 1_u64..100, 0..3),
        ) -> Config {
            let mut config = with_approvers();
            config.approvers.truncate(approvers);
            (config.gate.red_at, config.gate.yellow_at, config.gate.unknown, config.gate.suppressions) = (gate.0, gate.1, gate.2, gate.3);
            config.gate.rules_version = gate.4.map(|minor| Version([0, minor, 0]));
            config.gate.ignore_paths = ignored.into_iter().map(|path| PathPattern::new(path).unwrap()).collect();
            config.paths = paths;
            config.policies.disable = disable;
            config.policies.severity = severities;
            config.policies.preview = preview;
            for (severity, days) in Severity::ALL.iter().zip(&days) {
                *config.exceptions.max_days.of_mut(*severity) = *days;
            }
            config.exceptions.baseline_days = days[5];
            config.exceptions.never = never;
            config.exceptions.require_signature = signature;
            config.required = required;
            config
        }
    }

    /// Whether `a` is at least as strict as `b` in everything a repository can set.
    fn at_least(a: &Config, b: &Config, rules: &[Arc<RuleMeta>]) -> Result<(), TestCaseError> {
        for path in ["a/x.tf", "a/b/c.tf", "dir", "old/x.tf", "vendor/x.tf", "z"] {
            let (one, other) = (a.settings_for(path), b.settings_for(path));
            prop_assert_eq!(one, one.stricter(other), "{}", path);
            prop_assert!(!a.ignores(path) || b.ignores(path));
        }
        for rule in rules {
            prop_assert!(a.rule_use(rule) == RuleUse::On || b.rule_use(rule) != RuleUse::On, "{}", rule.id);
            prop_assert!(a.severity_of(rule) >= b.severity_of(rule));
            prop_assert!(a.never_waived(rule) || !b.never_waived(rule));
        }
        for severity in Severity::ALL.iter().copied() {
            prop_assert!(a.exceptions.max_days.of(severity) <= b.exceptions.max_days.of(severity));
        }
        prop_assert!(a.exceptions.baseline_days <= b.exceptions.baseline_days);
        prop_assert!(a.signature_required() || !b.signature_required());
        prop_assert!(!a.approvers.is_empty() || b.approvers.is_empty());
        for (name, age) in &b.required {
            prop_assert!(a.required.get(name).is_some_and(|ours| ours <= age));
        }
        Ok(())
    }

    #[test]
    fn what_the_floor_seeks_and_denies_stays() {
        let floor = read(
            "packages: {allowed_licences: [MIT, Apache-2.0], denied_licences: [AGPL-3.0-only], sources: {npm: [a.example]}, internal: ['pkg:npm/x']}\n\
             vulnerabilities: {max_age: 7d, red_if: [high], vex: [ours.json]}\n",
        );
        let repository = read(
            "secrets: {enabled: false, ignore_paths: [src], max_archive_depth: 0, max_decode_depth: 9}\n\
             packages: {enabled: false, allowed_licences: [MIT, WTFPL], sources: {npm: [b.example], pypi: [c.example]}}\n\
             vulnerabilities: {enabled: false, max_age: 2w, red_if: [malicious], vex: [theirs.json]}\n",
        );
        let (merged, attempts) = merge(&Arc::new(floor), &repository, &[]);
        assert!(merged.secrets.enabled && merged.packages.enabled && merged.vulnerabilities.enabled);
        assert!(merged.secrets.ignore_paths.is_empty());
        assert_eq!((merged.secrets.archive_depth, merged.secrets.decode_depth), (8, 9));
        assert_eq!(merged.packages.allowed_licences, [Arc::from("MIT")].into());
        assert_eq!(merged.packages.denied_licences, [Arc::from("AGPL-3.0-only")].into());
        assert_eq!(merged.packages.sources["npm"], [Arc::from("a.example")]);
        assert_eq!(merged.packages.sources["pypi"], [Arc::from("c.example")]);
        assert_eq!(merged.vulnerabilities.max_age, Some(7 * 86_400));
        assert_eq!(merged.vulnerabilities.vex, [Arc::from("ours.json")]);
        let words: Vec<String> = merged.vulnerabilities.red_if.iter().map(ToString::to_string).collect();
        assert_eq!(words, ["malicious", "high"]);
        let keys: Vec<&str> = attempts.iter().map(|attempt| &*attempt.key).collect();
        assert_eq!(
            keys,
            [
                "secrets.enabled",
                "packages.enabled",
                "vulnerabilities.enabled",
                "secrets.max_archive_depth",
                "secrets.ignore_paths",
                "packages.allowed_licences",
                "packages.sources.npm",
                "vulnerabilities.max_age",
                "vulnerabilities.red_if",
                "vulnerabilities.vex"
            ]
        );
    }

    proptest! {
        #[test]
        fn a_merge_is_at_least_as_strict_as_both(floor in configs(), repository in configs(), preview in any::<bool>(), since in 0_u32..3) {
            let mut rules = rules();
            let mut third = RuleMeta::clone(&rule("other", Severity::Medium));
            third.stage.since = format!("0.{since}.0").into();
            if preview {
                third.stage.kind = probity_core::StageKind::Preview;
            }
            rules.push(Arc::new(third));
            let (merged, _) = merge(&Arc::new(floor.clone()), &repository, &rules);
            at_least(&merged, &floor, &rules)?;
            at_least(&merged, &repository, &rules)?;
            // Once more changes nothing and has nothing to refuse.
            let (again, _) = merge(&Arc::new(floor), &merged, &rules);
            at_least(&again, &merged, &rules)?;
            at_least(&merged, &again, &rules)?;
        }

        #[test]
        fn a_repository_that_is_its_own_floor_asks_for_nothing_less(config in configs()) {
            let (merged, attempts) = merge(&Arc::new(config.clone()), &config, &rules());
            let real: Vec<&Attempt> = attempts.iter().filter(|attempt| !attempt.key.starts_with("policies.severity") && !attempt.key.starts_with("paths")).collect();
            prop_assert!(real.is_empty(), "{real:?}");
            prop_assert_eq!(merged.approvers, config.approvers);
        }
    }
}
