//! The judged cannot bend the judge: configuration, policies, exceptions and baseline count as they stand at the base revision.
//! What the head has otherwise is a finding, never effective.
//!
//! Which texts are those of the base and which those of the head is the caller's to find out; comments in judged files are
//! `suppression`'s.

use std::collections::BTreeMap;
use std::sync::Arc;

use probity_core::{Digest, Finding};

use crate::baseline::Baseline;
use crate::config::Config;
use crate::own;

/// A file that has a part in judging, with its detached signature where there is one.
pub use crate::exception::ExceptionFile as JudgeFile;

/// All files of one revision that have a part in judging.
#[derive(Clone, Debug, Default)]
pub struct Judge {
    /// `probity.yaml`.
    pub config: Option<JudgeFile>,
    /// Policy files of the repository.
    pub policies: Vec<JudgeFile>,
    /// Exception files.
    pub exceptions: Vec<JudgeFile>,
    /// The baseline.
    pub baseline: Option<JudgeFile>,
    /// Configurations of other tools that are taken over.
    pub settings: Vec<JudgeFile>,
    /// Ignore files of other tools.
    pub ignores: Vec<JudgeFile>,
}

/// What the head would judge by otherwise than the base, as findings.
#[must_use]
pub fn changes(base: &Judge, head: &Judge, digest: &dyn Fn(&[u8]) -> Digest) -> Vec<Finding> {
    let mut out = Vec::new();
    config(base.config.as_ref(), head.config.as_ref(), digest, &mut out);
    for (path, change) in differences(&base.policies, &head.policies) {
        let (word, judged) = change.words();
        out.push(own::finding(
            own::POLICY_CHANGED,
            path,
            own::whole_file(path),
            format!("the policy `{path}` is {word}; the one of the base revision judges"),
            judged,
            digest,
        ));
    }
    for (path, change) in differences(&base.settings, &head.settings) {
        let (word, judged) = change.words();
        let message = format!("the configuration `{path}` is {word}; the one of the base revision judges");
        out.push(own::finding(own::CONFIG_CHANGED, path, own::whole_file(path), message, judged, digest));
    }
    for (path, change) in differences(&base.ignores, &head.ignores) {
        let (word, judged) = change.words();
        let (rule, effect) = match change {
            Change::Removed => (own::EXCEPTION_REMOVED, "what it covers will count once this change is in"),
            _ => (own::EXCEPTION_CHANGED, "only the one of the base revision counts"),
        };
        let message = format!("the ignore file `{path}` is {word}; {effect}");
        out.push(own::finding(rule, path, own::whole_file(path), message, judged, digest));
    }
    for (path, change) in differences(&base.exceptions, &head.exceptions) {
        out.push(exception(path, &change, digest));
    }
    baseline(base.baseline.as_ref(), head.baseline.as_ref(), digest, &mut out);
    out
}

/// How a file differs; the text is what identifies this very change.
enum Change<'a> {
    Added(&'a JudgeFile),
    Changed(&'a JudgeFile),
    Removed,
}

impl Change<'_> {
    fn words(&self) -> (&'static str, &str) {
        match self {
            Change::Added(file) => ("new", &file.text),
            Change::Changed(file) => ("changed", &file.text),
            Change::Removed => ("taken out", ""),
        }
    }
}

fn differences<'a>(base: &'a [JudgeFile], head: &'a [JudgeFile]) -> Vec<(&'a Arc<str>, Change<'a>)> {
    let before: BTreeMap<&Arc<str>, &JudgeFile> = base.iter().map(|file| (&file.path, file)).collect();
    let after: BTreeMap<&Arc<str>, &JudgeFile> = head.iter().map(|file| (&file.path, file)).collect();
    let mut out = Vec::new();
    for (path, file) in &after {
        match before.get(path) {
            None => out.push((*path, Change::Added(file))),
            Some(old) if old.text != file.text || old.signature != file.signature => out.push((*path, Change::Changed(file))),
            Some(_) => {}
        }
    }
    out.extend(before.keys().filter(|path| !after.contains_key(*path)).map(|path| (*path, Change::Removed)));
    out
}

fn exception(path: &Arc<str>, change: &Change<'_>, digest: &dyn Fn(&[u8]) -> Digest) -> Finding {
    let (word, judged) = change.words();
    let (rule, effect) = match change {
        Change::Added(_) => (own::EXCEPTION_CHANGED, "it does not count for this change"),
        Change::Changed(_) => (own::EXCEPTION_CHANGED, "the one of the base revision counts"),
        Change::Removed => (own::EXCEPTION_REMOVED, "what it covers will count once this change is in"),
    };
    own::finding(rule, path, own::whole_file(path), format!("the exception `{path}` is {word}; {effect}"), judged, digest)
}

/// Most differences one message names.
const NAMED: usize = 5;

fn config(base: Option<&JudgeFile>, head: Option<&JudgeFile>, digest: &dyn Fn(&[u8]) -> Digest, out: &mut Vec<Finding>) {
    let Some(file) = head.or(base) else { return };
    if base.map(|file| &file.text) == head.map(|file| &file.text) {
        return;
    }
    let read = |file: Option<&JudgeFile>| match file {
        Some(file) => Config::parse(&file.text, &file.path, file.file),
        None => (Config::default(), Vec::new()),
    };
    let (before, before_wrong) = read(base);
    let (after, after_wrong) = read(head);
    let what = match after_wrong.first() {
        Some(wrong) => format!("the configuration is changed and cannot be read: {}", wrong.message),
        None if before_wrong.is_empty() => {
            let all = before.differences(&after);
            if all.is_empty() {
                // Only comments or the way of writing differ.
                return;
            }
            let more = all.len().saturating_sub(NAMED);
            let more = if more == 0 { String::new() } else { format!(" and {more} more") };
            let named: Vec<String> = all.into_iter().take(NAMED).collect();
            format!("the configuration is changed: {}{more}", named.join(", "))
        }
        None => "the configuration is changed; the one of the base revision cannot be read".to_owned(),
    };
    let judged = head.map_or("", |file| &*file.text);
    let message = format!("{what}; the one of the base revision judges");
    out.push(own::finding(own::CONFIG_CHANGED, &file.path, own::whole_file(&file.path), message, judged, digest));
}

fn baseline(base: Option<&JudgeFile>, head: Option<&JudgeFile>, digest: &dyn Fn(&[u8]) -> Digest, out: &mut Vec<Finding>) {
    let files = |file: Option<&JudgeFile>| file.into_iter().cloned().collect::<Vec<_>>();
    for (path, change) in differences(&files(base), &files(head)) {
        let (word, judged) = change.words();
        let shrinks = match (&change, base) {
            (Change::Removed, _) => true,
            (Change::Changed(file), Some(old)) => shrinks(old, file),
            _ => false,
        };
        let (rule, effect) = if shrinks {
            (own::EXCEPTION_REMOVED, "what it covers no longer will count once this change is in")
        } else {
            (own::EXCEPTION_CHANGED, "only the one of the base revision counts")
        };
        let word = if shrinks && matches!(change, Change::Changed(_)) { "shortened" } else { word };
        out.push(own::finding(rule, path, own::whole_file(path), format!("the baseline `{path}` is {word}; {effect}"), judged, digest));
    }
}

/// Whether a baseline covers no more than before, no longer than before.
fn shrinks(before: &JudgeFile, after: &JudgeFile) -> bool {
    let read = |file: &JudgeFile| Baseline::parse(&file.text, &file.path, file.file).0;
    match (read(before), read(after)) {
        (Some(before), Some(after)) => {
            after.expires <= before.expires && after.findings.keys().all(|fingerprint| before.findings.contains_key(fingerprint))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::digest;
    use probity_value::FileId;

    fn file(path: &str, text: &str) -> JudgeFile {
        JudgeFile { path: path.into(), text: text.into(), file: FileId(0), signature: None }
    }

    fn with_config(text: Option<&str>) -> Judge {
        Judge { config: text.map(|text| file("probity.yaml", text)), ..Judge::default() }
    }

    /// `rule: message` of everything that differs.
    fn says(base: &Judge, head: &Judge) -> Vec<String> {
        changes(base, head, &digest).into_iter().map(|found| format!("{}: {}", found.rule.id, found.message)).collect()
    }

    #[test]
    fn configuration() {
        let check = |base: Option<&str>, head: Option<&str>, expected: &str| {
            assert_eq!(says(&with_config(base), &with_config(head)).join("\n"), expected, "{base:?} {head:?}");
        };
        check(None, None, "");
        check(Some("version: 1"), Some("version: 1"), "");
        check(Some("version: 1"), Some("# a comment\nversion: 1"), "");
        check(None, Some("version: 1"), "");
        check(
            Some("gate: { red_at: high }"),
            Some("gate: { red_at: critical }"),
            "probity-config-changed: the configuration is changed: `gate.red_at`: `high` becomes `critical`; the one of the base revision judges",
        );
        check(
            Some("gate: { red_at: low }"),
            None,
            "probity-config-changed: the configuration is changed: `gate.red_at`: `low` becomes `high`; the one of the base revision judges",
        );
        check(
            Some(""),
            Some("gates: 1"),
            "probity-config-changed: the configuration is changed and cannot be read: unknown key `gates`; the one of the base revision judges",
        );
        check(
            Some("gates: 1"),
            Some(""),
            "probity-config-changed: the configuration is changed; the one of the base revision cannot be read; the one of the base revision judges",
        );
        let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDk1";
        let own_key = format!("approvers: [{{ name: Me, role: r, keys: ['{key}'] }}]");
        let found = says(&with_config(Some("")), &with_config(Some(&own_key)));
        assert!(found[0].contains("`approvers[Me]`"), "{found:?}");
    }

    #[test]
    fn each_change_has_its_own_fingerprint() {
        let one = changes(&with_config(None), &with_config(Some("gate: { red_at: critical }")), &digest);
        let other = changes(&with_config(None), &with_config(Some("gate: { red_at: critical, yellow_at: critical }")), &digest);
        assert_ne!(one[0].fingerprint, other[0].fingerprint);
    }

    #[test]
    fn policies_and_exceptions() {
        let judge = |policies: &[(&str, &str)], exceptions: &[(&str, &str)]| Judge {
            policies: policies.iter().map(|(path, text)| file(path, text)).collect(),
            exceptions: exceptions.iter().map(|(path, text)| file(path, text)).collect(),
            ..Judge::default()
        };
        let base = judge(&[("p/a.yaml", "1"), ("p/b.yaml", "1")], &[("e/a.yaml", "1"), ("e/b.yaml", "1")]);
        let head = judge(&[("p/a.yaml", "2"), ("p/c.yaml", "1")], &[("e/a.yaml", "2"), ("e/c.yaml", "1")]);
        assert_eq!(
            says(&base, &head),
            [
                "probity-policy-changed: the policy `p/a.yaml` is changed; the one of the base revision judges",
                "probity-policy-changed: the policy `p/c.yaml` is new; the one of the base revision judges",
                "probity-policy-changed: the policy `p/b.yaml` is taken out; the one of the base revision judges",
                "probity-exception-changed: the exception `e/a.yaml` is changed; the one of the base revision counts",
                "probity-exception-changed: the exception `e/c.yaml` is new; it does not count for this change",
                "probity-exception-removed: the exception `e/b.yaml` is taken out; what it covers will count once this change is in",
            ]
        );
        assert!(says(&base, &base).is_empty());
        let mut signed = base.clone();
        signed.exceptions[0].signature = Some("new".into());
        assert_eq!(says(&base, &signed).len(), 1);
    }

    #[test]
    fn files_of_other_tools() {
        let judge = |ignores: &[(&str, &str)], settings: &[(&str, &str)]| Judge {
            ignores: ignores.iter().map(|(path, text)| file(path, text)).collect(),
            settings: settings.iter().map(|(path, text)| file(path, text)).collect(),
            ..Judge::default()
        };
        let base = judge(&[(".snyk", "1")], &[(".checkov.yaml", "1")]);
        assert_eq!(
            says(&base, &judge(&[(".trivyignore", "1")], &[(".checkov.yaml", "2")])),
            [
                "probity-config-changed: the configuration `.checkov.yaml` is changed; the one of the base revision judges",
                "probity-exception-changed: the ignore file `.trivyignore` is new; only the one of the base revision counts",
                "probity-exception-removed: the ignore file `.snyk` is taken out; what it covers will count once this change is in",
            ]
        );
    }

    #[test]
    fn baselines() {
        let text = |expires: &str, prints: &[&str]| {
            let items: Vec<String> = prints.iter().map(|print| format!("{{\"fingerprint\": \"{print}\"}}")).collect();
            format!("{{\"version\": 1, \"created\": \"2026-01-01\", \"expires\": \"{expires}\", \"findings\": [{}]}}", items.join(","))
        };
        let judge = |text: Option<String>| Judge { baseline: text.map(|text| file("b.json", &text)), ..Judge::default() };
        let base = judge(Some(text("2026-12-01", &["a", "b"])));
        let check = |head: Option<String>, expected: &str| {
            let found = says(&base, &judge(head.clone()));
            assert!(if expected.is_empty() { found.is_empty() } else { found[0].starts_with(expected) }, "{head:?} {found:?}");
        };
        check(Some(text("2026-12-01", &["a", "b"])), "");
        check(Some(text("2026-12-01", &["a"])), "probity-exception-removed");
        check(Some(text("2026-11-01", &["a", "b"])), "probity-exception-removed");
        check(None, "probity-exception-removed");
        check(Some(text("2026-12-02", &["a"])), "probity-exception-changed");
        check(Some(text("2026-12-01", &["a", "c"])), "probity-exception-changed");
        check(Some("broken".into()), "probity-exception-changed");
    }
}
