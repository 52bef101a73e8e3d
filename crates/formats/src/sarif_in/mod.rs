//! Reads SARIF 2.1.0 that other scanners wrote: CodeQL, Semgrep, Checkov, Trivy, Snyk, KICS, gosec, ZAP and whoever keeps the standard.
//!
//! Strict where leniency could hide a fault: another version, a run without results, a scan that says it failed, results kept in
//! other files are errors, and the file then fails closed. What is merely odd is a warning, and the result still counts.
//! What is not read: code flows, graphs, fixes, web requests, Markdown forms of messages.

mod findings;
pub(crate) mod message;
pub(crate) mod place;
pub(crate) mod rule;
pub(crate) mod severity;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use probity_core::{Confidence, Diagnostic, Level, Severity, Status, Timestamp};
use probity_value::{FileId, Span, Value, json};

use crate::{escape, mask, time};

pub use findings::{to_findings, tool_slug};
use place::Places;
use rule::Rules;

/// Results read from one file; more are an error.
pub const MOST_RESULTS: usize = 100_000;
/// Longest message kept, in characters.
pub const LONGEST_MESSAGE: usize = 4_000;
/// Longest id, name or path kept, in characters.
const LONGEST_NAME: usize = 500;
/// Diagnostics kept per level.
pub(crate) const MOST_DIAGNOSTICS: usize = 100;

/// How places of other tools are made places of the target.
#[derive(Clone, Copy)]
pub struct ReadOptions<'a> {
    /// Absolute path of the top of the repository on this machine, with `/`; empty where absolute paths cannot be made relative.
    pub root: &'a str,
    /// Path of the target within the repository, with `/`; empty for its top.
    pub prefix: &'a str,
    /// Whether a path relative to the target is one of its files.
    pub exists: &'a dyn Fn(&str) -> bool,
}

/// What one SARIF file holds.
#[derive(Clone, Debug, Default)]
pub struct External {
    /// Its runs.
    pub runs: Vec<ExternalRun>,
    /// What there is to say about it.
    pub diagnostics: Vec<Diagnostic>,
}

impl External {
    /// Whether the file, or a scan in it, does not count as done: the verdict fails closed over it.
    #[must_use]
    pub fn failed(&self) -> bool {
        self.diagnostics.iter().any(|one| one.level == Level::Error)
    }
}

/// One run of another tool.
#[derive(Clone, Debug, PartialEq)]
pub struct ExternalRun {
    /// `sarif`, or `report` for what the readers of [`crate::reports`] take in.
    pub engine: &'static str,
    /// The tool's name as it writes it: `Semgrep OSS`.
    pub tool: Arc<str>,
    /// Its version; empty where it does not say.
    pub version: Arc<str>,
    /// When it ended (else began); `None` where it does not say.
    pub end: Option<Timestamp>,
    /// Whether the tool says it did its work, and nothing of the run was unreadable.
    pub successful: bool,
    /// Its results, also those that are no fault.
    pub results: Vec<ExternalFinding>,
}

/// One result of another tool.
#[derive(Clone, Debug, PartialEq)]
pub struct ExternalFinding {
    /// The tool's rule id.
    pub rule: Arc<str>,
    /// Other ids of the same fault: `CWE-89`, older ids of the rule, the form of the id others use.
    pub aliases: Vec<Arc<str>>,
    /// One line on the rule.
    pub title: Arc<str>,
    /// Why it matters, as the tool puts it; may be empty.
    pub why: Arc<str>,
    /// What is wrong here: placeholders filled in, links reduced to their text.
    pub message: String,
    /// What to do, as the tool puts it; may be empty.
    pub fix: Arc<str>,
    /// What it is about, where a file does not say it: a package URL, a resource's ARN; else empty.
    pub subject: Arc<str>,
    /// `fail`, `unknown` (kinds `open` and `review`), `pass`, or `not-applicable` (also `informational` and `absent`).
    pub status: Status,
    /// SARIF's level: `error`, `warning`, `note` or `none`.
    pub level: &'static str,
    /// How bad, worked out from score, words, tags and level.
    pub severity: Severity,
    /// How sure, from the rule's precision.
    pub confidence: Confidence,
    /// Path relative to the target; where `inside` is false, the URI as given.
    pub file: Arc<str>,
    /// Whether `file` lies in the target.
    pub inside: bool,
    /// One-based; 0 for the whole file.
    pub line: u32,
    /// One-based.
    pub column: u32,
    /// One-based.
    pub end_line: u32,
    /// One-based, after the last character.
    pub end_column: u32,
    /// The tool's fingerprints that can be told from placeholders, by name.
    pub fingerprints: BTreeMap<Arc<str>, Arc<str>>,
    /// The reason, where the tool treats it as suppressed; whether that counts is the verdict's business.
    pub suppressed: Option<Arc<str>>,
    /// Where the result stands in the SARIF file.
    pub span: Span,
}

/// Reads one SARIF text. `path` names it in diagnostics.
#[must_use]
pub fn read(text: &str, file: FileId, path: &str, options: ReadOptions<'_>) -> External {
    let mut reader = Reader { path: path.into(), out: External::default(), counted: [0; 3], results: 0, options };
    let (log, problems) = json::parse(text, file);
    for problem in problems {
        let level = if problem.fatal { Level::Error } else { Level::Warning };
        reader.say(level, problem.code, problem.span, problem.message);
    }
    if !reader.out.failed() {
        reader.log(&log);
    }
    reader.out
}

struct Reader<'a> {
    path: Arc<str>,
    out: External,
    counted: [usize; 3],
    results: usize,
    options: ReadOptions<'a>,
}

impl Reader<'_> {
    /// Keeps the first of each level, so that a broken file of a million results does not say a million things.
    fn say(&mut self, level: Level, code: &'static str, span: Span, message: impl Into<String>) {
        let slot = match level {
            Level::Note => 0,
            Level::Warning => 1,
            Level::Error => 2,
        };
        let Some(count) = self.counted.get_mut(slot) else { return };
        *count += 1;
        let message = match (*count).cmp(&MOST_DIAGNOSTICS) {
            std::cmp::Ordering::Less => message.into(),
            std::cmp::Ordering::Equal => "there is more like this, which is not listed".to_owned(),
            std::cmp::Ordering::Greater => return,
        };
        self.out.diagnostics.push(Diagnostic::new(level, code, Arc::clone(&self.path), span, message));
    }

    fn error(&mut self, code: &'static str, span: Span, message: impl Into<String>) {
        self.say(Level::Error, code, span, message);
    }

    fn warn(&mut self, code: &'static str, span: Span, message: impl Into<String>) {
        self.say(Level::Warning, code, span, message);
    }

    /// The `sarifLog` object (section 3.13).
    fn log(&mut self, log: &Value) {
        if log.as_map().is_none() {
            return self.error("sarif-shape", log.span, "not a SARIF log: an object is expected");
        }
        match log.get("version").and_then(Value::as_str) {
            Some("2.1.0") => {}
            Some(other) => {
                let message = format!("SARIF version `{}` is not read, only 2.1.0", escape::cut(other, 40));
                return self.error("sarif-version", log.span, message);
            }
            None => return self.error("sarif-version", log.span, "not a SARIF log: `version` is missing"),
        }
        let Some(runs) = log.get("runs").and_then(Value::as_list) else {
            return self.error("sarif-shape", log.span, "`runs` is missing or not a list");
        };
        if runs.is_empty() {
            self.error("sarif-shape", log.span, "there is no run in it: no scan was done");
        }
        if log.get("inlineExternalProperties").and_then(Value::as_list).is_some_and(|list| !list.is_empty()) {
            self.error("sarif-external", log.span, "`inlineExternalProperties` is not read: results may be missing");
        }
        for run in runs {
            self.run(run);
        }
    }

    /// A `run` object (section 3.14).
    fn run(&mut self, run: &Value) {
        let errors = self.counted[2];
        let driver = run.get("tool").and_then(|tool| tool.get("driver"));
        let Some(name) = driver.and_then(|driver| driver.get("name")).and_then(Value::as_str).filter(|name| !name.trim().is_empty()) else {
            return self.error("sarif-shape", run.span, "a run does not name its tool: `tool.driver.name` is missing");
        };
        let tool: Arc<str> = short(name);
        let version = ["semanticVersion", "version"].iter().find_map(|key| driver?.get(key)?.as_str()).map_or_else(|| Arc::from(""), short);

        let mut end = None;
        for invocation in run.get("invocations").and_then(Value::as_list).unwrap_or_default() {
            end = end.max(self.invocation(invocation, &tool));
        }
        if let Some(results) = run.get("externalPropertyFileReferences").and_then(|files| files.get("results")) {
            self.error("sarif-external", results.span, format!("`{tool}` keeps results in other files, which are not read"));
        }
        let mut results = Vec::new();
        match run.get("results") {
            Some(list) if list.as_list().is_some() => {
                let rules = Rules::new(run);
                let places = Places::new(run, self.options);
                for result in list.as_list().unwrap_or_default() {
                    if self.results >= MOST_RESULTS {
                        self.error("sarif-limit", list.span, format!("more than {MOST_RESULTS} results: the rest is not read"));
                        break;
                    }
                    self.results += 1;
                    results.extend(self.result(result, &tool, &rules, &places));
                }
            }
            Some(other) if !other.is_null() => self.error("sarif-shape", other.span, format!("`results` of `{tool}` is not a list")),
            _ => self.error("sarif-shape", run.span, format!("the run of `{tool}` has no `results`: it looked at nothing")),
        }
        let successful = self.counted[2] == errors;
        self.out.runs.push(ExternalRun { engine: "sarif", tool, version, end, successful, results });
    }

    /// An `invocation` object (section 3.20); gives its end.
    fn invocation(&mut self, invocation: &Value, tool: &str) -> Option<Timestamp> {
        if invocation.get("executionSuccessful").and_then(Value::as_bool) == Some(false) {
            self.error("sarif-run-failed", invocation.span, format!("`{tool}` says that its scan failed"));
        }
        for key in ["toolExecutionNotifications", "toolConfigurationNotifications"] {
            for one in invocation.get(key).and_then(Value::as_list).unwrap_or_default() {
                if one.get("level").and_then(Value::as_str) == Some("error") {
                    let text = one.get("message").and_then(|message| message.get("text")).and_then(Value::as_str).unwrap_or("an error");
                    let text = mask::text(&message::plain_links(&escape::cut(text, 300))).into_owned();
                    self.warn("sarif-notification", one.span, format!("`{tool}` says: {text}"));
                }
            }
        }
        for key in ["endTimeUtc", "startTimeUtc"] {
            if let Some(value) = invocation.get(key) {
                match value.as_str().and_then(time::parse) {
                    Some(time) => return Some(time),
                    None => self.warn("sarif-shape", value.span, format!("`{key}` is not a point in time")),
                }
            }
        }
        None
    }

    /// A `result` object (section 3.27).
    fn result(&mut self, result: &Value, tool: &str, rules: &Rules<'_>, places: &Places<'_>) -> Option<ExternalFinding> {
        if result.as_map().is_none() {
            self.error("sarif-shape", result.span, format!("a result of `{tool}` is not an object"));
            return None;
        }
        let resolved = rules.of(result);
        for problem in &resolved.problems {
            self.warn("sarif-rule", result.span, problem.clone());
        }
        let rule = resolved.id.map_or_else(|| Arc::from("unnamed"), short);
        let descriptor = resolved.descriptor;

        let status = match self.word(result, "kind", &["pass", "open", "review", "informational", "notApplicable", "fail"]) {
            Some("pass") => Status::Pass,
            Some("open" | "review") => Status::Unknown,
            Some("informational" | "notApplicable") => Status::NotApplicable,
            _ => Status::Fail,
        };
        let absent = result.get("baselineState").and_then(Value::as_str) == Some("absent");
        let status = if absent { Status::NotApplicable } else { status };
        self.word(result, "level", severity::LEVELS);
        let level = severity::level(result, descriptor);

        let text = message::of(result, descriptor, rules);
        let title = rule::title(descriptor, &rule);
        let message = match text {
            Some(text) => text,
            None => {
                self.warn("sarif-message", result.span, format!("a result of `{rule}` has no message"));
                title.to_string()
            }
        };
        let place = places.of(result);
        if let Some(problem) = place.problem {
            self.warn("sarif-place", result.span, problem);
        }
        Some(ExternalFinding {
            aliases: rule::aliases(result, descriptor, &rule, tool),
            why: rule::why(descriptor, &title),
            title,
            message: mask::text(&escape::cut(&message, LONGEST_MESSAGE)).into_owned(),
            fix: Arc::from(""),
            subject: Arc::from(""),
            status,
            level,
            severity: severity::of(result, descriptor, level),
            confidence: severity::confidence(result, descriptor),
            file: place.file,
            inside: place.inside,
            line: place.line,
            column: place.column,
            end_line: place.end_line,
            end_column: place.end_column,
            fingerprints: fingerprints(result),
            suppressed: suppressed(result),
            span: result.span,
            rule,
        })
    }

    /// A word of a fixed set; another one is said and does not count.
    fn word<'v>(&mut self, result: &'v Value, key: &str, known: &[&str]) -> Option<&'v str> {
        let value = result.get(key)?;
        match value.as_str() {
            Some(word) if known.contains(&word) => Some(word),
            _ => {
                self.warn("sarif-shape", value.span, format!("`{key}` is none of {}", known.join(", ")));
                None
            }
        }
    }
}

/// Text cut to the longest name.
pub(crate) fn short(text: &str) -> Arc<str> {
    escape::cut(text.trim(), LONGEST_NAME).as_ref().into()
}

/// Fingerprints (sections 3.27.16 and 3.27.17). Some tools write a notice where the fingerprint should be (`requires login`).
fn fingerprints(result: &Value) -> BTreeMap<Arc<str>, Arc<str>> {
    let mut out = BTreeMap::new();
    for key in ["partialFingerprints", "fingerprints"] {
        let Some(map) = result.get(key).and_then(Value::as_map) else { continue };
        for (name, entry) in map.iter() {
            if let Some(text) = entry.value.as_str()
                && text.len() >= 4
                && !text.chars().any(char::is_whitespace)
            {
                out.insert(short(name), short(text));
            }
        }
    }
    out
}

/// Suppressions (section 3.27.23): one that is under review or rejected means the result is not suppressed.
fn suppressed(result: &Value) -> Option<Arc<str>> {
    let list = result.get("suppressions")?.as_list()?;
    let accepted = |one: &Value| matches!(one.get("status").and_then(Value::as_str), None | Some("accepted"));
    if list.is_empty() || !list.iter().all(accepted) {
        return None;
    }
    let reason = list.iter().find_map(|one| one.get("justification")?.as_str());
    Some(reason.map_or_else(|| Arc::from(""), short))
}

/// The texts of a list, else nothing.
fn texts(value: Option<&Value>) -> impl Iterator<Item = &str> {
    value.and_then(Value::as_list).unwrap_or_default().iter().filter_map(Value::as_str)
}

/// The same texts once each, in order, without one.
fn without(list: impl IntoIterator<Item = String>, one: &str) -> Vec<Arc<str>> {
    let mut seen = BTreeSet::new();
    list.into_iter().filter(|text| !text.eq_ignore_ascii_case(one) && seen.insert(text.clone())).map(Arc::from).collect()
}

#[cfg(test)]
mod tests;
