//! Text to [`Config`]: all problems at once, each with its place. And `validate`, which finds what contradicts itself.

use std::collections::BTreeSet;
use std::sync::Arc;

use probity_core::{Diagnostic, Level, Severity};
use probity_value::{FileId, Map, Span, Value};

use super::keys::below;
use super::reader::{Reader, join, shown};
use super::{Approver, Config, PathRule, Place, ScanFile, SuppressionPolicy, UnknownPolicy, Version, Written};
use crate::pattern::PathPattern;

/// Code of every diagnostic about the configuration.
const CODE: &str = "configuration";

/// The words of severities.
pub(crate) const SEVERITIES: &[&str] = &["info", "low", "medium", "high", "critical"];

/// Kinds of SSH keys that sign.
const KEY_KINDS: &[&str] = &[
    "ssh-ed25519",
    "ssh-rsa",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
];

impl Config {
    /// Reads a configuration. An empty text is the default one. The diagnostics are errors: with any of them the configuration must
    /// not be used (exit 2), since what was meant is not known.
    #[must_use]
    pub fn parse(text: &str, path: &Arc<str>, file: FileId) -> (Config, Vec<Diagnostic>) {
        let mut reader = Reader::new(path, CODE);
        let mut config = Config::default();
        if let Some(value) = reader.document(text, file)
            && let Some(map) = reader.map(&value, "the configuration")
        {
            top(&mut reader, map, &mut config);
        }
        config.written = Written(std::mem::take(&mut reader.written));
        let mut diagnostics = reader.diagnostics;
        if diagnostics.is_empty() {
            diagnostics = config.validate(path);
        }
        (config, diagnostics)
    }

    /// What contradicts itself: approvers of one name, one key of two people, scans of one name. No I/O.
    #[must_use]
    pub fn validate(&self, path: &Arc<str>) -> Vec<Diagnostic> {
        let mut out = Vec::new();
        let mut wrong = |at: Span, message: String| out.push(Diagnostic::new(Level::Error, CODE, Arc::clone(path), at, message));
        let approvers = self.written.span("approvers");
        let mut names = BTreeSet::new();
        let mut keys = BTreeSet::new();
        for approver in &self.approvers {
            if !names.insert(approver.name.to_lowercase()) {
                wrong(approvers, format!("two approvers are named `{}`", shown(&approver.name)));
            }
            for key in &approver.keys {
                if !keys.insert(key_material(key)) {
                    wrong(approvers, format!("a key of `{}` is listed twice", shown(&approver.name)));
                }
            }
        }
        let mut scans = BTreeSet::new();
        for scan in &self.scans {
            if !scans.insert((&scan.name, &scan.file)) {
                wrong(scan.at.0, format!("scan `{}` with the file `{}` is listed twice", shown(&scan.name), shown(&scan.file)));
            }
        }
        for id in &self.policies.disable {
            if self.policies.severity.contains_key(id) {
                wrong(self.written.span("policies.disable"), format!("rule `{}` is disabled and given a severity", shown(id)));
            }
        }
        out
    }
}

/// Type and base64 of a public key line, without its comment.
fn key_material(line: &str) -> String {
    line.split_whitespace().take(2).collect::<Vec<_>>().join(" ")
}

fn top(reader: &mut Reader, map: &Map, config: &mut Config) {
    reader.keys(map, "", &below("").collect::<Vec<_>>());
    if let Some(version) = map.get("version")
        && version.as_int() != Some(1)
    {
        reader.wrong(version.span, "`version` takes 1, the only version of this file there is");
    }
    gate(reader, map, config);
    for (position, item) in reader.items(map, "", "paths").iter().enumerate() {
        if let Some(rule) = path_rule(reader, item, position) {
            config.paths.push(rule);
        }
    }
    policies(reader, map, config);
    exceptions(reader, map, config);
    for (position, item) in reader.items(map, "", "approvers").iter().enumerate() {
        if let Some(found) = approver(reader, item, position) {
            config.approvers.push(found);
        }
    }
    if let Some(map) = section(reader, map, "evidence") {
        config.evidence.directory = reader.text(map, "evidence", "directory");
        config.evidence.key = reader.text(map, "evidence", "key");
    }
    if let Some(map) = reader.section(map, "", "required") {
        for (name, entry) in map.iter() {
            reader.written.insert(join("required", name), entry.key);
            let what = join("required", name);
            if let Some(text) = reader.text_of(&entry.value, &what) {
                match age(&text) {
                    Some(seconds) => {
                        config.required.insert(Arc::clone(name), seconds);
                    }
                    None => reader.wrong(
                        entry.value.span,
                        format!("`{}` takes an age such as 30m, 24h, 7d or 2w; `{}` is none", shown(&what), shown(&text)),
                    ),
                }
            }
        }
    }
    for (position, item) in reader.items(map, "", "scans").iter().enumerate() {
        if let Some(scan) = scan(reader, item, position) {
            config.scans.push(scan);
        }
    }
    if let Some(map) = section(reader, map, "terraform") {
        let items = reader.items(map, "terraform", "variable_files");
        config.terraform.variable_files = items.iter().filter_map(|item| reader.path_of(item, "terraform.variable_files")).collect();
        if let Some(workspace) = reader.text(map, "terraform", "workspace") {
            config.terraform.workspace = workspace;
        }
    }
}

/// The map under a key of the top, its keys checked.
fn section<'v>(reader: &mut Reader, map: &'v Map, key: &str) -> Option<&'v Map> {
    let map = reader.section(map, "", key)?;
    reader.keys(map, key, &below(key).collect::<Vec<_>>());
    Some(map)
}

/// The map of a list item, its keys checked under `at[]` and named as `at[0]`.
fn item<'v>(reader: &mut Reader, value: &'v Value, at: &str, position: usize) -> Option<(&'v Map, String)> {
    let place = format!("{at}[{position}]");
    if value.is_null() {
        reader.wrong(value.span, format!("`{place}` is empty"));
        return None;
    }
    let map = reader.map(value, &place)?;
    reader.keys(map, &place, &below(&format!("{at}[]")).collect::<Vec<_>>());
    Some((map, place))
}

fn gate(reader: &mut Reader, map: &Map, config: &mut Config) {
    let Some(map) = section(reader, map, "gate") else { return };
    let gate = &mut config.gate;
    if let Some(severity) = reader.word(map, "gate", "red_at", SEVERITIES) {
        gate.red_at = severity;
    }
    if let Some(severity) = reader.word(map, "gate", "yellow_at", SEVERITIES) {
        gate.yellow_at = severity;
    }
    if let Some(policy) = reader.word(map, "gate", "unknown", UnknownPolicy::WORDS) {
        gate.unknown = policy;
    }
    if let Some(policy) = suppressions(reader, map, "gate", "gate") {
        gate.suppressions = policy;
    }
    if let Some(text) = reader.text(map, "gate", "rules_version") {
        match text.parse::<Version>() {
            Ok(version) => gate.rules_version = Some(version),
            Err(error) => reader.wrong(map.get("rules_version").map_or(Span::NONE, |value| value.span), error.to_string()),
        }
    }
    for item in reader.items(map, "gate", "ignore_paths") {
        if let Some(pattern) = path_pattern(reader, item, "gate.ignore_paths") {
            gate.ignore_paths.push(pattern);
        }
    }
}

fn path_pattern(reader: &mut Reader, value: &Value, what: &str) -> Option<PathPattern> {
    let text = reader.text_of(value, what)?;
    match PathPattern::new(&text) {
        Ok(pattern) => Some(pattern),
        Err(error) => {
            reader.wrong(value.span, error.to_string());
            None
        }
    }
}

fn suppressions(reader: &mut Reader, map: &Map, at: &str, known_at: &str) -> Option<SuppressionPolicy> {
    let value = map.get("suppressions")?;
    let what = join(at, "suppressions");
    if let Some(map) = value.as_map() {
        reader.keys(map, &what, &below(&join(known_at, "suppressions")).collect::<Vec<_>>());
        reader.missing(map, &what, "forbid_at", value.span);
        return reader.word::<Severity>(map, &what, "forbid_at", SEVERITIES).map(SuppressionPolicy::ForbidAt);
    }
    match value.as_str() {
        Some("allow") => Some(SuppressionPolicy::Allow),
        Some("forbid") => Some(SuppressionPolicy::Forbid),
        _ => {
            reader.wrong(value.span, format!("`{what}` takes `allow`, `forbid` or a map with `forbid_at`"));
            None
        }
    }
}

fn path_rule(reader: &mut Reader, value: &Value, position: usize) -> Option<PathRule> {
    let (map, at) = item(reader, value, "paths", position)?;
    reader.missing(map, &at, "path", value.span);
    let path = map.get("path").and_then(|value| path_pattern(reader, value, &join(&at, "path")));
    let rule = PathRule {
        path: path?,
        red_at: reader.word(map, &at, "red_at", SEVERITIES),
        yellow_at: reader.word(map, &at, "yellow_at", SEVERITIES),
        unknown: reader.word(map, &at, "unknown", UnknownPolicy::WORDS),
        suppressions: suppressions(reader, map, &at, "paths[]"),
    };
    if map.len() == 1 {
        reader.wrong(value.span, format!("`{at}` names a path and sets nothing for it"));
    }
    Some(rule)
}

fn policies(reader: &mut Reader, map: &Map, config: &mut Config) {
    let Some(map) = section(reader, map, "policies") else { return };
    let policies = &mut config.policies;
    let items = reader.items(map, "policies", "folders");
    policies.folders = items.iter().filter_map(|item| reader.path_of(item, "policies.folders")).collect();
    policies.disable = reader.texts(map, "policies", "disable").into_iter().collect();
    if let Some(severities) = reader.section(map, "policies", "severity") {
        for (id, entry) in severities.iter() {
            let what = join("policies.severity", id);
            reader.written.insert(what.clone(), entry.key);
            if let Some(severity) = reader.word_of(&entry.value, &what, SEVERITIES) {
                policies.severity.insert(Arc::clone(id), severity);
            }
        }
    }
    if let Some(preview) = reader.bool(map, "policies", "preview") {
        policies.preview = preview;
    }
}

fn exceptions(reader: &mut Reader, map: &Map, config: &mut Config) {
    const AT: &str = "exceptions";
    let Some(map) = section(reader, map, AT) else { return };
    let exceptions = &mut config.exceptions;
    if let Some(folder) = reader.path(map, AT, "folder") {
        exceptions.folder = folder;
    }
    if let Some(file) = reader.path(map, AT, "baseline") {
        exceptions.baseline = file;
    }
    if let Some(days) = reader.days(map, AT, "baseline_days") {
        exceptions.baseline_days = days;
    }
    if let Some(days) = reader.section(map, AT, "max_days") {
        let at = join(AT, "max_days");
        reader.keys(days, &at, &below(&at).collect::<Vec<_>>());
        for severity in Severity::ALL.iter().copied() {
            if let Some(number) = reader.days(days, &at, severity.as_str()) {
                *exceptions.max_days.of_mut(severity) = number;
            }
        }
    }
    exceptions.require_signature = reader.bool(map, AT, "require_signature");
    exceptions.never = reader.texts(map, AT, "never").into_iter().collect();
}

fn approver(reader: &mut Reader, value: &Value, position: usize) -> Option<Approver> {
    let (map, at) = item(reader, value, "approvers", position)?;
    for key in ["name", "role", "keys"] {
        reader.missing(map, &at, key, value.span);
    }
    let name = reader.text(map, &at, "name");
    let role = reader.text(map, &at, "role");
    let emails = reader.texts(map, &at, "emails");
    for email in emails.iter().filter(|email| !email.contains('@')) {
        reader.wrong(map.get("emails").map_or(value.span, |value| value.span), format!("`{}` is not an address", shown(email)));
    }
    let keys = reader.texts(map, &at, "keys");
    let keys_at = map.get("keys").map_or(value.span, |value| value.span);
    for key in &keys {
        let mut words = key.split_whitespace();
        let kind = words.next().is_some_and(|kind| KEY_KINDS.contains(&kind));
        let material = words.next().is_some_and(|material| {
            material.len() >= 16 && material.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'='))
        });
        if !kind || !material || key.contains(['\n', '\r']) {
            reader.wrong(keys_at, format!("`{}` is not an SSH public key on one line, such as `ssh-ed25519 AAAA... name`", shown(key)));
        }
    }
    if map.contains_key("keys") && keys.is_empty() {
        reader.wrong(keys_at, format!("`{}` names no key, so this approver could sign nothing", join(&at, "keys")));
    }
    let what = join(&at, "may_accept");
    let mut may_accept: BTreeSet<Severity> = Severity::ALL.iter().copied().collect();
    if map.contains_key("may_accept") {
        let items = reader.items(map, &at, "may_accept");
        may_accept = items.iter().filter_map(|item| reader.word_of(item, &what, SEVERITIES)).collect();
    }
    Some(Approver { name: name?, role: role?, emails, keys, may_accept })
}

fn scan(reader: &mut Reader, value: &Value, position: usize) -> Option<ScanFile> {
    let (map, at) = item(reader, value, "scans", position)?;
    for key in ["name", "file"] {
        reader.missing(map, &at, key, value.span);
    }
    let name = reader.text(map, &at, "name");
    let file = reader.path(map, &at, "file");
    Some(ScanFile { name: name?, file: file?, at: Place(value.span) })
}

/// `30m`, `24h`, `7d`, `2w` in seconds.
fn age(text: &str) -> Option<u64> {
    let unit = text.chars().last()?;
    let number: u64 = text.strip_suffix(unit).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?.parse().ok()?;
    let seconds = match unit {
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        'w' => 604_800,
        _ => return None,
    };
    (number > 0).then(|| number.checked_mul(seconds)).flatten()
}
