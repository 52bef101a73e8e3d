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
