//! Ignore files of other tools: `.trivyignore`, `.trivyignore.yaml`, `.snyk`, and Checkov's baseline. Each entry asks that findings of a
//! rule do not count. They count as comments do: as they stand at the base revision, where `gate.suppressions` allows them, until their
//! own last day, and never for a rule that nothing can waive. What they ask for that cannot be taken over is said.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use probity_core::{Diagnostic, ExceptionRef, Finding, Level, RuleMeta, Timestamp};
use probity_value::{Data, SourceMap, Span, Value, json, yaml};

use crate::base::JudgeFile;
use crate::config::Config;
use crate::config::reader::shown;
use crate::day::has_expired;
use crate::pattern::PathPattern;
use crate::suppression::Refusal;
use crate::words::{count, names};
use crate::{Day, ids};

/// The files that are looked for at the top of the judged folder.
pub const FILES: &[&str] = &[".trivyignore", ".trivyignore.yaml", ".trivyignore.yml", ".snyk"];

const CODE: &str = "ignore-file";

/// One entry.
#[derive(Clone, Debug)]
pub struct Ignore {
    /// Whose file it is: `trivy`, `snyk`, `checkov`.
    pub tool: &'static str,
    /// Rule id or alias.
    pub id: Arc<str>,
    /// Paths it is for; empty for all.
    paths: Vec<PathPattern>,
    /// The resource it is for, in the tool's own spelling; empty for all.
    resource: Arc<str>,
    /// Last day it counts, as written.
    until: Option<Arc<str>>,
    /// The reason given; empty where none.
    reason: Arc<str>,
    /// `file:line`.
    place: Arc<str>,
}

/// What ignore files say.
#[derive(Clone, Debug, Default)]
pub struct Ignores {
    entries: Vec<Ignore>,
    /// What is wrong with the files: warnings, since what cannot be read covers nothing.
    pub diagnostics: Vec<Diagnostic>,
}

/// Whether a baseline is one of Checkov's.
#[must_use]
pub fn is_checkov_baseline(text: &str) -> bool {
    text.trim_start().starts_with('{') && text.contains("\"failed_checks\"")
}

impl Ignores {
    /// Reads all files, each by its name; one of another name is a baseline of Checkov's.
    #[must_use]
    pub fn read(files: &[JudgeFile], sources: &SourceMap) -> Ignores {
        let mut out = Ignores::default();
        for file in files {
            let name = file.path.rsplit('/').next().unwrap_or(&file.path);
            match name {
                ".trivyignore" => lines(file, &mut out),
                ".trivyignore.yaml" | ".trivyignore.yml" => with_document(file, sources, &mut out, trivy),
                ".snyk" => with_document(file, sources, &mut out, snyk),
                _ => checkov(file, sources, &mut out),
            }
        }
        out
    }

    /// Whether there is no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn warn(&mut self, file: &Arc<str>, span: Span, message: impl Into<String>) {
        self.diagnostics.push(Diagnostic::new(Level::Warning, CODE, Arc::clone(file), span, message));
    }

    fn pattern(&mut self, file: &Arc<str>, span: Span, text: &str) -> Option<PathPattern> {
        match PathPattern::new(text.trim_start_matches('/')) {
            Ok(pattern) => Some(pattern),
            Err(error) => {
                self.warn(file, span, format!("{error}; the entry covers nothing"));
                None
            }
        }
    }
}

/// `.trivyignore`: an id a line, with `exp:2027-01-31` behind it.
fn lines(file: &JudgeFile, out: &mut Ignores) {
    let mut reason: Arc<str> = "".into();
    for (number, line) in file.text.lines().enumerate() {
        let line = line.trim();
        if let Some(comment) = line.strip_prefix('#') {
            reason = comment.trim().into();
            continue;
        }
        let mut parts = line.split_whitespace();
        let Some(id) = parts.next() else {
            reason = "".into();
            continue;
        };
        let until = parts.find_map(|part| part.strip_prefix("exp:")).map(Arc::from);
        out.entries.push(Ignore {
            tool: "trivy",
            id: id.into(),
            paths: Vec::new(),
            resource: "".into(),
            until,
            reason: Arc::clone(&reason),
            place: format!("{}:{}", file.path, number + 1).into(),
        });
    }
}

type Read = fn(&JudgeFile, &Value, &SourceMap, &mut Ignores);

fn with_document(file: &JudgeFile, sources: &SourceMap, out: &mut Ignores, read: Read) {
    let (documents, problems) = yaml::parse(&file.text, file.file);
    if let Some(problem) = problems.iter().find(|problem| problem.fatal) {
        out.warn(&file.path, problem.span, format!("{}; nothing in it counts", problem.message));
        return;
    }
    if let Some(document) = documents.first() {
        read(file, &document.value, sources, out);
    }
}

fn text(value: Option<&Value>) -> Option<Arc<str>> {
    match &value?.data {
        Data::String(text) => Some(Arc::clone(text)),
        Data::Number(number) => Some(number.to_string().into()),
        _ => None,
    }
}

/// The day of `2027-01-31` or `2027-01-31T08:40:35.249Z`.
fn day(text: &str) -> Arc<str> {
    text.split(['T', ' ']).next().unwrap_or(text).into()
}

fn place(file: &JudgeFile, span: Span, sources: &SourceMap) -> Arc<str> {
    match sources.locate(span) {
        Some((_, start, _)) => format!("{}:{}", file.path, start.line).into(),
        None => Arc::clone(&file.path),
    }
}

/// `.trivyignore.yaml`: `misconfigurations: [{id, paths, expired_at, statement}]`. Vulnerabilities, secrets and licences are not judged here.
fn trivy(file: &JudgeFile, value: &Value, sources: &SourceMap, out: &mut Ignores) {
    let items = value.get("misconfigurations").and_then(Value::as_list).unwrap_or_default();
    for item in items {
        let Some(id) = text(item.get("id")) else {
            out.warn(&file.path, item.span, "an entry without an `id` covers nothing");
            continue;
        };
        let mut paths = Vec::new();
        let mut broken = false;
        for path in item.get("paths").and_then(Value::as_list).unwrap_or_default() {
            match path.as_str().and_then(|text| out.pattern(&file.path, path.span, text)) {
                Some(pattern) => paths.push(pattern),
                None => broken = true,
            }
        }
        if item.get("purls").is_some_and(|purls| !purls.is_null()) || broken && paths.is_empty() {
            out.warn(&file.path, item.span, format!("the entry for `{}` is narrower than can be told here; it covers nothing", shown(&id)));
            continue;
        }
        out.entries.push(Ignore {
            tool: "trivy",
            id,
            paths,
            resource: "".into(),
            until: text(item.get("expired_at")).map(|text| day(&text)),
            reason: text(item.get("statement")).unwrap_or_default(),
            place: place(file, item.span, sources),
        });
    }
}

/// `.snyk`: `ignore: {ID: [{path: {reason, expires}}]}`. A path below a file is narrower than can be told here.
fn snyk(file: &JudgeFile, value: &Value, sources: &SourceMap, out: &mut Ignores) {
    let Some(ignored) = value.get("ignore").and_then(Value::as_map) else { return };
    for (id, entry) in ignored.iter() {
        for item in entry.value.as_list().unwrap_or_default() {
            let Some(map) = item.as_map() else { continue };
            for (path, details) in map.iter() {
                let (path_file, below) = path.split_once(" > ").unwrap_or((path, ""));
                if !below.is_empty() && below != "*" {
                    let message = format!("the entry for `{}` names a place inside a file; it covers nothing here", shown(id));
                    out.warn(&file.path, details.key, message);
                    continue;
                }
                let paths = match path_file.trim() {
                    "*" => Vec::new(),
                    one => match out.pattern(&file.path, details.key, one) {
                        Some(pattern) => vec![pattern],
                        None => continue,
                    },
                };
                out.entries.push(Ignore {
                    tool: "snyk",
                    id: Arc::clone(id),
                    paths,
                    resource: "".into(),
                    until: text(details.value.get("expires")).map(|text| day(&text)),
                    reason: text(details.value.get("reason")).unwrap_or_default(),
                    place: place(file, details.key, sources),
                });
            }
        }
    }
}

/// Checkov's baseline: `failed_checks: [{file, findings: [{resource, check_ids}]}]`.
fn checkov(file: &JudgeFile, sources: &SourceMap, out: &mut Ignores) {
    let (value, problems) = json::parse(&file.text, file.file);
    if let Some(problem) = problems.iter().find(|problem| problem.fatal) {
        out.warn(&file.path, problem.span, format!("{}; nothing in it counts", problem.message));
        return;
    }
    for group in value.get("failed_checks").and_then(Value::as_list).unwrap_or_default() {
        let Some(path) = group.get("file").and_then(Value::as_str) else { continue };
        // A path is a path here, not a pattern.
        let escaped: String =
            path.chars().flat_map(|letter| if "*?[]{}\\".contains(letter) { vec!['[', letter, ']'] } else { vec![letter] }).collect();
        let Some(pattern) = out.pattern(&file.path, group.span, &escaped) else { continue };
        for one in group.get("findings").and_then(Value::as_list).unwrap_or_default() {
            let resource: Arc<str> = text(one.get("resource")).unwrap_or_default();
            for id in one.get("check_ids").and_then(Value::as_list).unwrap_or_default() {
                let Some(id) = id.as_str().filter(|_| !resource.is_empty()) else { continue };
                out.entries.push(Ignore {
                    tool: "checkov",
                    id: id.into(),
                    paths: vec![pattern.clone()],
                    resource: Arc::clone(&resource),
                    until: None,
                    reason: "in the baseline of Checkov".into(),
                    place: place(file, one.span, sources),
                });
            }
        }
    }
}

impl Ignore {
    fn reaches(&self, finding: &Finding) -> bool {
        let paths = || [&finding.at.file, &finding.subject_at.file].into_iter().any(|file| self.paths.iter().any(|one| one.matches(file)));
        (self.paths.is_empty() || paths()) && (self.resource.is_empty() || self.names_subject(finding))
    }

    /// Whether Checkov calls the subject that.
    fn names_subject(&self, finding: &Finding) -> bool {
        let subject = &finding.subject;
        let wanted = &*self.resource;
        let id = &*subject.id;
        let plain = id.replace(".data.", ".");
        let plain = plain.strip_prefix("data.").unwrap_or(&plain);
        wanted == id
            || wanted == plain
            || wanted == format!("{}.{id}", subject.type_name)
            || wanted == id.replace('/', ".")
            || (subject.kind == probity_core::SubjectKind::Dockerfile
                && wanted
                    .rsplit_once('.')
                    .is_some_and(|(_, suffix)| suffix == &*subject.type_name || suffix.is_empty() && &*subject.type_name == "Dockerfile"))
    }

    fn fault(&self, now: Timestamp) -> Option<Refusal> {
        let until = self.until.as_ref()?;
        match until.parse::<Day>() {
            Ok(day) => has_expired(day, now).then_some(Refusal::Expired(day)),
            Err(_) => Some(Refusal::BadUntil(Arc::clone(until))),
        }
    }
}

/// The entries of a run, at work.
pub(crate) struct Cover<'a> {
    ignores: &'a Ignores,
    config: &'a Config,
    rules: &'a [Arc<RuleMeta>],
    now: Timestamp,
    matched: HashSet<usize>,
    refused: BTreeSet<String>,
}

impl<'a> Cover<'a> {
    pub(crate) fn new(ignores: &'a Ignores, config: &'a Config, rules: &'a [Arc<RuleMeta>], now: Timestamp) -> Cover<'a> {
        Cover { ignores, config, rules, now, matched: HashSet::new(), refused: BTreeSet::new() }
    }

    /// What covers a finding.
    pub(crate) fn cover(&mut self, finding: &Finding) -> Option<ExceptionRef> {
        let mut covered = None;
        for (position, one) in self.ignores.entries.iter().enumerate() {
            if !ids::answers(&finding.rule, &one.id) || !one.reaches(finding) {
                continue;
            }
            self.matched.insert(position);
            let settings = self.config.settings_for_all(crate::decide::places(finding));
            let refusal = if self.config.never_waived(&finding.rule) {
                Some(Refusal::NotWaivable(Arc::clone(&finding.rule.id)))
            } else if !settings.suppressions.allows(finding.rule.severity) {
                Some(Refusal::Forbidden(finding.rule.severity))
            } else {
                one.fault(self.now)
            };
            match refusal {
                Some(refusal) => {
                    self.refused.insert(format!("the entry for `{}` at `{}` does not count: {refusal}", shown(&one.id), one.place));
                }
                None if covered.is_none() => {
                    covered = Some(ExceptionRef {
                        source: one.tool.into(),
                        id: Arc::clone(&one.place),
                        kind: None,
                        reason: Arc::clone(&one.reason),
                        by: None,
                        expires: one.until.clone(),
                    });
                }
                None => {}
            }
        }
        covered
    }

    /// What is to be said once all findings were looked at: what did not count, what ran out, and ids nobody here answers to.
    pub(crate) fn notes(&self) -> Vec<String> {
        let mut out: Vec<String> = self.refused.iter().cloned().collect();
        let mut foreign: BTreeSet<&str> = BTreeSet::new();
        for (position, one) in self.ignores.entries.iter().enumerate().filter(|(position, _)| !self.matched.contains(position)) {
            let _ = position;
            if ids::find(self.rules, &one.id).next().is_none() {
                foreign.insert(&one.id);
            } else if let Some(fault) = one.fault(self.now) {
                out.push(format!("the entry for `{}` at `{}` does not count: {fault}", shown(&one.id), one.place));
            }
        }
        if !foreign.is_empty() {
            out.push(format!("ignore files name {} that no rule here answers to: {}", count(foreign.len(), "check"), names(foreign, 5)));
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{finding, now, rule};
    use probity_core::{Severity, Status};

    fn file(path: &str, text: &str, sources: &SourceMap) -> JudgeFile {
        JudgeFile { path: path.into(), text: text.into(), file: sources.add(path, text), signature: None }
    }

    /// Whether a finding of `aws-a` (alias `AWS-0001`) on `aws_s3_bucket.b` in `prod/main.tf` is covered, and what is said.
    fn says(path: &str, text: &str, config: &Config) -> (bool, String) {
        let sources = SourceMap::new();
        let ignores = Ignores::read(&[file(path, text, &sources)], &sources);
        let mut meta = rule("aws-a", Severity::High);
        Arc::make_mut(&mut meta).aliases = vec!["AWS-0001".into(), "CKV_AWS_1".into()];
        let rules = [Arc::clone(&meta)];
        let mut cover = Cover::new(&ignores, config, &rules, now());
        let covered = cover.cover(&finding(&meta, "aws_s3_bucket.b", "prod/main.tf", Status::Fail)).is_some();
        let mut said = cover.notes();
        said.extend(ignores.diagnostics.iter().map(|one| one.message.clone()));
        (covered, said.join("; "))
    }

    fn check(path: &str, text: &str, covered: bool, said: &str) {
        assert_eq!(says(path, text, &Config::default()), (covered, said.to_owned()), "{path} {text}");
    }

    #[test]
    fn trivy_lines() {
        check(".trivyignore", "# a reason\nAVD-AWS-0001\n", true, "");
        check(".trivyignore", "AWS-0001 exp:2027-01-31", true, "");
        check(
            ".trivyignore",
            "AWS-0001 exp:2020-01-31",
            false,
            "the entry for `AWS-0001` at `.trivyignore:1` does not count: it ran out on 2020-01-31",
        );
        check(".trivyignore", "CVE-2020-1\n", false, "ignore files name 1 check that no rule here answers to: `CVE-2020-1`");
        check(".trivyignore", "", false, "");
    }

    #[test]
    fn trivy_yaml() {
        let entry = |more: &str| format!("misconfigurations:\n  - id: AVD-AWS-0001\n{more}");
        check(".trivyignore.yaml", &entry("    statement: known\n"), true, "");
        check(".trivyignore.yaml", &entry("    paths: [prod/*.tf]\n"), true, "");
        check(".trivyignore.yaml", &entry("    paths: [test]\n"), false, "");
        let out = "the entry for `AVD-AWS-0001` at `.trivyignore.yaml:2` does not count: it ran out on 2020-01-01";
        check(".trivyignore.yaml", &entry("    expired_at: 2020-01-01\n"), false, out);
        check(".trivyignore.yaml", "vulnerabilities: [{id: AWS-0001}]", false, "");
        assert!(says(".trivyignore.yaml", "a: [", &Config::default()).1.contains("nothing in it counts"));
    }

    #[test]
    fn snyk_entries() {
        let entry = |path: &str, more: &str| format!("version: v1.19.0\nignore:\n  AWS-0001:\n    - '{path}':\n        reason: r\n{more}");
        check(".snyk", &entry("*", ""), true, "");
        check(".snyk", &entry("prod/main.tf", ""), true, "");
        check(".snyk", &entry("prod/main.tf > *", ""), true, "");
        check(".snyk", &entry("test/main.tf", ""), false, "");
        check(
            ".snyk",
            &entry("prod/main.tf > resource", ""),
            false,
            "the entry for `AWS-0001` names a place inside a file; it covers nothing here",
        );
        let out = "the entry for `AWS-0001` at `.snyk:4` does not count: it ran out on 2020-01-01";
        check(".snyk", &entry("*", "        expires: 2020-01-01T00:00:00.000Z\n"), false, out);
    }

    #[test]
    fn checkov_baseline() {
        let text = |file: &str, resource: &str| {
            format!(
                r#"{{"failed_checks": [{{"file": "{file}", "findings": [{{"resource": "{resource}", "check_ids": ["CKV_AWS_1"]}}]}}]}}"#
            )
        };
        assert!(is_checkov_baseline(&text("/a", "b")));
        check(".checkov.baseline", &text("/prod/main.tf", "aws_s3_bucket.b"), true, "");
        check(".checkov.baseline", &text("/prod/main.tf", "aws_s3_bucket.c"), false, "");
        check(".checkov.baseline", &text("/main.tf", "aws_s3_bucket.b"), false, "");
    }

    #[test]
    fn the_configuration_may_forbid_them() {
        let mut strict = Config::default();
        strict.gate.suppressions = crate::config::SuppressionPolicy::Forbid;
        let (covered, said) = says(".trivyignore", "AWS-0001", &strict);
        assert!(!covered && said.contains("does not count"), "{said}");
        let mut never = Config::default();
        never.exceptions.never.insert("aws-a".into());
        assert!(!says(".trivyignore", "AWS-0001", &never).0);
    }
}
