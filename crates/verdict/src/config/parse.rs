//! Text to [`Config`]: all problems at once, each with its place. And `validate`, which finds what contradicts itself.

use std::collections::BTreeSet;
use std::sync::Arc;

use probity_core::{Diagnostic, Level, Severity};
use probity_value::{FileId, Map, Span, Value};

use super::keys::below;
use super::reader::{Reader, join, shown};
use super::supply;
use super::{
    Approver, Config, ConftestUse, PathRule, Place, ScanFile, SuppressionPolicy, UnknownPolicy, Version, WormMode, WormSettings, Written,
};
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
        if let Some(map) = reader.section(map, "evidence", "worm") {
            reader.keys(map, "evidence.worm", &below("evidence.worm").collect::<Vec<_>>());
            config.evidence.worm = worm(reader, map);
        }
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
    supply::secrets(reader, map, &mut config.secrets);
    supply::packages(reader, map, &mut config.packages);
    supply::vulnerabilities(reader, map, &mut config.vulnerabilities);
    if let Some(map) = section(reader, map, "terraform") {
        let items = reader.items(map, "terraform", "variable_files");
        config.terraform.variable_files = items.iter().filter_map(|item| reader.path_of(item, "terraform.variable_files")).collect();
        if let Some(workspace) = reader.text(map, "terraform", "workspace") {
            config.terraform.workspace = workspace;
        }
    }
}

/// The map under a key of the top, its keys checked.
pub(super) fn section<'v>(reader: &mut Reader, map: &'v Map, key: &str) -> Option<&'v Map> {
    let map = reader.section(map, "", key)?;
    reader.keys(map, key, &below(key).collect::<Vec<_>>());
    Some(map)
}

/// Where copies of the log go that nobody can change.
fn worm(reader: &mut Reader, map: &Map) -> WormSettings {
    let at = "evidence.worm";
    WormSettings {
        to: reader.text(map, at, "to"),
        mode: reader.word(map, at, "mode", &WormMode::ALL.map(WormMode::as_str)),
        retain: reader.text(map, at, "retain"),
        legal_hold: reader.bool(map, at, "legal_hold").unwrap_or_default(),
    }
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

pub(super) fn path_pattern(reader: &mut Reader, value: &Value, what: &str) -> Option<PathPattern> {
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
    if let Some(parameters) = reader.section(map, "policies", "parameters") {
        for (name, entry) in parameters.iter() {
            let what = join("policies.parameters", name);
            reader.written.insert(what.clone(), entry.key);
            let texts = reader.texts(parameters, "policies.parameters", name);
            if texts.is_empty() {
                reader.wrong(entry.value.span, format!("`{what}` has no values; leave it out, or name some"));
            }
            policies.parameters.insert(Arc::clone(name), texts);
        }
    }
    if let Some(preview) = reader.bool(map, "policies", "preview") {
        policies.preview = preview;
    }
    let items = reader.items(map, "policies", "lookup");
    policies.lookup = items.iter().filter_map(|item| reader.path_of(item, "policies.lookup")).collect();
    for (position, item) in reader.items(map, "policies", "conftest").iter().enumerate() {
        policies.conftest.extend(conftest(reader, item, position));
    }
}

fn conftest(reader: &mut Reader, value: &Value, position: usize) -> Option<ConftestUse> {
    let (map, at) = item(reader, value, "policies.conftest", position)?;
    for key in ["policy", "files"] {
        reader.missing(map, &at, key, value.span);
    }
    let data = reader.items(map, &at, "data");
    let data = data.iter().filter_map(|item| reader.path_of(item, &join(&at, "data"))).collect();
    let files = reader.texts(map, &at, "files");
    if files.is_empty() && map.contains_key("files") {
        reader.wrong(value.span, format!("`{at}.files` names no files"));
    }
    let rego_v0 = match reader.text(map, &at, "rego").as_deref() {
        None | Some("v1") => false,
        Some("v0") => true,
        Some(other) => {
            reader.wrong(map.get("rego").map_or(value.span, |value| value.span), format!("`{}` is none of `v0` and `v1`", shown(other)));
            false
        }
    };
    Some(ConftestUse {
        policy: reader.path(map, &at, "policy")?,
        files,
        namespaces: reader.texts(map, &at, "namespaces"),
        data,
        parser: reader.text(map, &at, "parser"),
        combine: reader.bool(map, &at, "combine").unwrap_or(false),
        rego_v0,
    })
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
    public_keys(reader, &keys, keys_at);
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

/// Refuses what is no SSH public key.
pub(super) fn public_keys(reader: &mut Reader, keys: &[Arc<str>], at: Span) {
    for key in keys {
        let mut words = key.split_whitespace();
        let kind = words.next().is_some_and(|kind| KEY_KINDS.contains(&kind));
        let material = words.next().is_some_and(|material| {
            material.len() >= 16 && material.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'='))
        });
        if !kind || !material || key.contains(['\n', '\r']) {
            reader.wrong(at, format!("`{}` is not an SSH public key on one line, such as `ssh-ed25519 AAAA... name`", shown(key)));
        }
    }
}

fn scan(reader: &mut Reader, value: &Value, position: usize) -> Option<ScanFile> {
    let (map, at) = item(reader, value, "scans", position)?;
    for key in ["name", "file"] {
        reader.missing(map, &at, key, value.span);
    }
    let name = reader.text(map, &at, "name");
    let file = reader.path(map, &at, "file");
    let format = reader.text(map, &at, "format");
    Some(ScanFile { name: name?, file: file?, format, at: Place(value.span) })
}

/// `30m`, `24h`, `7d`, `2w` in seconds.
pub(super) fn age(text: &str) -> Option<u64> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use probity_value::SourceMap;

    /// `line:column message (hint)` of everything wrong with a text.
    fn wrong(text: &str) -> Vec<String> {
        let sources = SourceMap::new();
        let file = sources.add("probity.yaml", text);
        let (_, diagnostics) = Config::parse(text, &"probity.yaml".into(), file);
        diagnostics
            .into_iter()
            .map(|found| {
                assert_eq!(found.level, Level::Error);
                let at = sources.locate(found.span).map_or("-".to_owned(), |(_, at, _)| format!("{}:{}", at.line, at.column));
                let hint = found.hint.map(|hint| format!(" ({hint})")).unwrap_or_default();
                format!("{at} {}{hint}", found.message)
            })
            .collect()
    }

    fn read(text: &str) -> Config {
        let (config, diagnostics) = Config::parse(text, &"probity.yaml".into(), FileId(0));
        assert_eq!(diagnostics, [], "{text}");
        config
    }

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDk1 sara";

    #[test]
    fn nothing_is_the_default() {
        for text in ["", "# only a comment\n", "version: 1\n", "gate:\npaths:\n", "{}"] {
            let config = read(text);
            assert_eq!(config, Config::default(), "{text}");
        }
        let config = Config::default();
        assert_eq!((config.gate.red_at, config.gate.yellow_at), (Severity::High, Severity::Medium));
        assert_eq!(config.gate.unknown, UnknownPolicy::Count);
        assert!(!config.signature_required());
    }

    #[test]
    fn every_key_is_read() {
        let text = format!(
            "version: 1
gate: {{ red_at: medium, yellow_at: low, unknown: red, suppressions: {{ forbid_at: high }}, rules_version: '0.1.0', ignore_paths: ['vendor/**', old] }}
paths:
  - {{ path: 'environments/prod/**', red_at: low, yellow_at: info, unknown: yellow, suppressions: forbid }}
policies:
  folders: [policies/]
  disable: [CKV_AWS_1]
  severity: {{ aws-x: low }}
  parameters: {{ data_regions: [eu-, europe-] }}
  preview: true
  lookup: [cluster.yaml]
  conftest: [{{ policy: rego, files: ['**/*.yaml'], namespaces: [main], data: [d.json], parser: yaml, combine: true, rego: v0 }}]
exceptions:
  folder: ./waivers
  baseline: waivers/baseline.json
  baseline_days: 90
  max_days: {{ critical: 1, high: 2, medium: 3, low: 4, info: 5 }}
  require_signature: false
  never: [aws-iam-admin]
approvers:
  - {{ name: Sara Sec, role: security, emails: [sara@example.com], keys: ['{KEY}'], may_accept: [high, critical] }}
evidence: {{ directory: ledger, key: keys/one, worm: {{ to: 's3://evidence', mode: governance, retain: 7y, legal_hold: true }} }}
required: {{ dast: 24h, sast: 7d, a: 30m, b: 2w }}
scans: [{{ name: sast, file: reports/codeql.sarif, format: sarif }}]
secrets: {{ enabled: true, own_rules: true, gitleaks: [gitleaks.toml], ignore_paths: [fixtures/**], max_archive_depth: 2, max_decode_depth: 1 }}
packages: {{ enabled: true, allowed_licences: [MIT], denied_licences: [AGPL-3.0-only], sources: {{ npm: [npm.acme.example] }}, internal: ['pkg:npm/acme-*'] }}
vulnerabilities: {{ enabled: true, database: a.db, max_age: 7d, red_if: [high], yellow_if: [low], vex: [v.json], patch_windows: {{ high: 30d, known-exploited: 3d }}, signers: ['{KEY}'] }}
terraform: {{ variable_files: [prod.tfvars], workspace: prod }}
"
        );
        let config = read(&text);
        assert_eq!(config.gate.suppressions, SuppressionPolicy::ForbidAt(Severity::High));
        assert_eq!(config.gate.rules_version, Some(Version([0, 1, 0])));
        assert!(config.ignores("vendor/a/b.tf") && config.ignores("old/x.tf") && !config.ignores("main.tf"));
        assert_eq!(config.paths[0].suppressions, Some(SuppressionPolicy::Forbid));
        assert_eq!(config.policies.folders, [Arc::from("policies")]);
        assert!(config.policies.preview && config.policies.disable.contains("CKV_AWS_1"));
        assert_eq!(config.policies.severity.get("aws-x"), Some(&Severity::Low));
        assert_eq!(config.policies.parameters.get("data_regions").map(|given| given.join(" ")), Some("eu- europe-".to_owned()));
        assert_eq!(config.policies.lookup, [Arc::from("cluster.yaml")]);
        let conftest = &config.policies.conftest[0];
        assert_eq!((&*conftest.policy, conftest.parser.as_deref(), conftest.combine, conftest.rego_v0), ("rego", Some("yaml"), true, true));
        assert_eq!((&conftest.files, &conftest.data), (&vec![Arc::from("**/*.yaml")], &vec![Arc::from("d.json")]));
        assert_eq!((&*config.exceptions.folder, &*config.exceptions.baseline), ("waivers", "waivers/baseline.json"));
        assert_eq!(config.exceptions.max_days.of(Severity::Critical), 1);
        assert_eq!(config.exceptions.max_days.of(Severity::Info), 5);
        assert!(!config.signature_required());
        assert_eq!(config.approvers[0].may_accept.len(), 2);
        let ages: Vec<u64> = config.required.values().copied().collect();
        assert_eq!(ages, [1_800, 1_209_600, 86_400, 604_800]);
        assert_eq!(&*config.scans[0].file, "reports/codeql.sarif");
        assert_eq!(&*config.terraform.workspace, "prod");
        for key in super::super::KEYS {
            let named = key
                .path
                .replace("[]", "[0]")
                .replace("<rule>", "aws-x")
                .replace("<scan>", "dast")
                .replace("<name>", "data_regions")
                .replace("<type>", "npm")
                .replace("<condition>", "high");
            // The one key that excludes another of the same place.
            if named != "paths[0].suppressions.forbid_at" {
                assert!(config.written.has(&named), "{named}");
            }
        }
    }

    #[test]
    fn approvers_make_signatures_required() {
        let approver = format!("approvers: [{{ name: A, role: r, keys: ['{KEY}'] }}]\n");
        let config = read(&approver);
        assert!(config.signature_required());
        assert_eq!(config.approvers[0].may_accept.len(), 5);
        assert!(!read(&format!("{approver}exceptions: {{ require_signature: false }}\n")).signature_required());
        assert!(read("exceptions: { require_signature: true }").signature_required());
    }

    #[test]
    fn mistakes_are_named_with_their_place() {
        let check = |text: &str, expected: &str| assert_eq!(wrong(text).join("\n"), expected, "{text}");
        check("gates: {}", "1:1 unknown key `gates` (did you mean `gate`?)");
        check("gate:\n  redat: high", "2:3 unknown key `gate.redat` (did you mean `red_at`?)");
        check(
            "gate: { red_at: hihg }",
            "1:17 `gate.red_at` takes one of info, low, medium, high, critical; `hihg` is none of them (did you mean `high`?)",
        );
        check("gate: { red_at: 3 }", "1:17 `gate.red_at` takes text, not a number (put it in quotes where it looks like something else)");
        check("gate: { suppressions: no }", "1:23 `gate.suppressions` takes `allow`, `forbid` or a map with `forbid_at`");
        check("gate: { suppressions: {} }", "1:23 `gate.suppressions.forbid_at` is missing");
        check("gate: { rules_version: '1' }", "1:24 `1` is not a version of three numbers such as `0.1.0`");
        check("gate: { ignore_paths: ['../x'] }", "1:24 `../x` is not a path pattern: it leads out of the repository");
        check("gate: high", "1:7 `gate` takes a map, not a string");
        check("[]", "1:1 `the configuration` takes a map, not a list");
        check("version: 2", "1:10 `version` takes 1, the only version of this file there is");
        check("version: '1'", "1:10 `version` takes 1, the only version of this file there is");
        check("paths: [{ red_at: low }]", "1:9 `paths[0].path` is missing");
        check("paths: [{ path: a }]", "1:9 `paths[0]` names a path and sets nothing for it");
        check("paths: [null]", "1:9 `paths[0]` is empty");
        check("paths: { path: a }", "1:8 `paths` takes a list, not a map");
        check("policies: { preview: 'yes' }", "1:22 `policies.preview` takes true or false, not a string");
        check("policies: { folders: [/etc] }", "1:23 `policies.folders` takes a path below the repository, with `/`; `/etc` is none");
        check("exceptions: { max_days: { high: 0 } }", "1:33 `exceptions.max_days.high` takes a whole number of days from 1 to 36500");
        check("exceptions: { max_days: { hihg: 3 } }", "1:27 unknown key `exceptions.max_days.hihg` (did you mean `high`?)");
        check("required: { dast: soon }", "1:19 `required.dast` takes an age such as 30m, 24h, 7d or 2w; `soon` is none");
        check("required: { dast: 0h }", "1:19 `required.dast` takes an age such as 30m, 24h, 7d or 2w; `0h` is none");
        check(
            "required: { dast: 99999999999999999999w }",
            "1:19 `required.dast` takes an age such as 30m, 24h, 7d or 2w; `99999999999999999999w` is none",
        );
        check("required: { dast: 3é }", "1:19 `required.dast` takes an age such as 30m, 24h, 7d or 2w; `3é` is none");
        check(
            "evidence: { worm: { mode: firm } }",
            "1:27 `evidence.worm.mode` takes one of compliance, governance; `firm` is none of them",
        );
        check("scans: [{ name: a }]", "1:9 `scans[0].file` is missing");
        check("policies: { conftest: [{ policy: p }] }", "1:24 `policies.conftest[0].files` is missing");
        check("policies: { conftest: [{ policy: p, files: [a], rego: v2 }] }", "1:55 `v2` is none of `v0` and `v1`");
        check(
            "zzzzzzzzzzzz: 1",
            "1:1 unknown key `zzzzzzzzzzzz` (known here: version, gate, paths, policies, exceptions, approvers, evidence, required, scans, secrets, packages, vulnerabilities, terraform)",
        );
    }

    #[test]
    fn approvers_are_checked() {
        let check = |text: &str, expected: &str| assert!(wrong(text).join("\n").contains(expected), "{text}: {:?}", wrong(text));
        check("approvers: [{ name: A, role: r }]", "`approvers[0].keys` is missing");
        check("approvers: [{ name: A, role: r, keys: [] }]", "names no key");
        check("approvers: [{ name: A, role: r, keys: ['AAAA'] }]", "is not an SSH public key");
        check("approvers: [{ name: A, role: r, keys: ['ssh-ed25519 AA'] }]", "is not an SSH public key");
        check(&format!("approvers: [{{ name: A, role: r, keys: ['{KEY}'], emails: [x] }}]"), "`x` is not an address");
        check(&format!("approvers: [{{ name: A, role: r, keys: ['{KEY}'], may_accept: [all] }}]"), "`all` is none of them");
        let two = |second: &str| {
            format!("approvers: [{{ name: A, role: r, keys: ['{KEY}'] }}, {{ name: {second}, role: r, keys: ['{KEY} b'] }}]")
        };
        check(&two("B"), "a key of `B` is listed twice");
        check(&two("a"), "two approvers are named `a`");
    }

    #[test]
    fn all_mistakes_at_once_and_broken_yaml_too() {
        assert_eq!(wrong("gate: { red_at: x, yellow_at: y, nope: 1 }\nfoo: 1").len(), 4);
        assert!(!wrong("gate: [").is_empty());
        assert!(!wrong("gate: { red_at: high }\ngate: { red_at: low }").is_empty());
        assert!(!wrong("version: 1\n---\nversion: 1\n").is_empty());
        assert!(!wrong("policies: { disable: [a], severity: { a: low } }").is_empty());
        assert!(!wrong("policies: { parameters: { a: [] } }").is_empty());
        assert!(!wrong("policies: { parameters: { a: eu- } }").is_empty());
        assert!(!wrong("scans: [{ name: a, file: b }, { name: a, file: b }]").is_empty());
    }

    #[test]
    fn the_strictest_path_entry_holds() {
        let config = read(
            "paths:
  - { path: '**/examples/**', red_at: critical, yellow_at: critical }
  - { path: 'live/**', red_at: medium, unknown: red }
  - { path: 'live/prod/**', yellow_at: info, suppressions: { forbid_at: medium } }
",
        );
        let prod = config.settings_for("live/prod/main.tf");
        assert_eq!((prod.red_at, prod.yellow_at, prod.unknown), (Severity::Medium, Severity::Info, UnknownPolicy::Red));
        assert_eq!(prod.suppressions, SuppressionPolicy::ForbidAt(Severity::Medium));
        assert_eq!(config.settings_for("a/examples/x.tf").red_at, Severity::Critical);
        assert_eq!(config.settings_for("live/examples/x.tf").red_at, Severity::Medium);
        assert_eq!(config.settings_for("x.tf").red_at, Severity::High);
        let both = config.settings_for_all(["a/examples/x.tf", "x.tf"]);
        assert_eq!((both.red_at, both.yellow_at), (Severity::High, Severity::Medium));
    }

    #[test]
    fn any_text_ends_without_a_panic() {
        use proptest::prelude::*;
        proptest!(|(text in "(gate|paths|approvers|required|[a-z_]{1,8}): ?[\\[{]?[a-z0-9_:, '\\[{}\\]\n-]{0,80}")| {
            let _ = Config::parse(&text, &"probity.yaml".into(), FileId(0));
        });
    }
}
