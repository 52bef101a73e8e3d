//! JSON version 1: what machines read. Within version 1 a field never changes its meaning; fields may be added.
//!
//! `docs/reference/json-v1.schema.json` describes it, and a test holds the two together.

use probity_core::{
    Coverage, Diagnostic, EvidenceRef, ExceptionRef, Finding, OriginPlace, Place, Report, RuleMeta, SubjectRef, ToolInfo, Verdict,
};
use probity_value::SourceMap;
use serde_json::{Map, Value, json};

use crate::{escape, mask, time};

/// The whole report as one JSON document with a line break at the end. `sources` gives diagnostics their line and column.
#[must_use]
pub fn write(report: &Report, sources: &SourceMap) -> String {
    document(&json!({
        "version": 1,
        "tool": tool(&report.tool),
        "target": report.target,
        "verdict": report.verdict.as_ref().map(verdict),
        "results": report.findings.iter().map(finding).collect::<Vec<_>>(),
        "coverage": coverage(&report.coverage),
        "evidence": report.evidence.as_ref().map(evidence),
        "time": time::text(report.time),
        "diagnostics": report.diagnostics.iter().map(|one| diagnostic(one, sources)).collect::<Vec<_>>(),
    }))
}

/// What `policies list --format json` prints: the rules in the order given.
#[must_use]
pub fn rules<'a>(rules: impl IntoIterator<Item = &'a RuleMeta>) -> String {
    document(&json!({ "version": 1, "rules": rules.into_iter().map(rule).collect::<Vec<_>>() }))
}

/// What `explain --format json` prints: one rule with its texts, as in [`rules`].
#[must_use]
pub fn explain(meta: &RuleMeta) -> String {
    document(&json!({ "version": 1, "rule": rule(meta) }))
}

/// Pretty JSON that is safe to print on a terminal, with a line break at the end.
pub(crate) fn document(value: &Value) -> String {
    // Faster than `Display`, which writes the same; a `Value` has no way to fail.
    let text = serde_json::to_string_pretty(value).unwrap_or_else(|_| format!("{value:#}"));
    let mut text = match escape::json_output(&text) {
        std::borrow::Cow::Borrowed(_) => text,
        std::borrow::Cow::Owned(escaped) => escaped,
    };
    text.push('\n');
    text
}

fn tool(tool: &ToolInfo) -> Value {
    json!({ "name": &*tool.name, "version": &*tool.version, "policies": format!("{:?}", tool.policies) })
}

fn verdict(verdict: &Verdict) -> Value {
    let counts = &verdict.counts;
    let words = |pairs: &mut dyn Iterator<Item = (&str, usize)>| pairs.map(|(word, count)| (word.to_owned(), json!(count))).collect();
    let by_status: Map<String, Value> = words(&mut counts.by_status.iter().map(|(word, count)| (*word, *count)));
    let by_severity: Map<String, Value> = words(&mut counts.by_severity.iter().rev().map(|(severity, count)| (severity.as_str(), *count)));
    let by_control: Map<String, Value> = words(&mut counts.by_control.iter().map(|(control, count)| (&**control, *count)));
    json!({
        "colour": verdict.colour.map(|colour| colour.as_str()),
        "because": verdict.because,
        "counts": {
            "subjects": counts.subjects,
            "by_status": by_status,
            "by_severity": by_severity,
            "excepted": counts.excepted,
            "by_control": by_control,
        },
        "permitted": verdict.permitted,
        "notes": verdict.notes,
    })
}

fn finding(finding: &Finding) -> Value {
    let rule = &finding.rule;
    let mut at = place(&finding.at);
    if let Value::Object(at) = &mut at {
        // `via` comes before what was added to the format later.
        let end_column = at.shift_remove("end_column");
        at.insert("via".to_owned(), finding.via.iter().map(place).collect());
        at.extend(end_column.map(|column| ("end_column".to_owned(), column)));
    }
    json!({
        "rule": &*rule.id,
        "aliases": texts(&rule.aliases),
        "engine": rule.engine,
        "status": finding.status.as_str(),
        "severity": rule.severity.as_str(),
        "confidence": rule.confidence.as_str(),
        "message": mask::text(&finding.message),
        "why": &*rule.why,
        "fix": &*rule.fix,
        "subject": subject(&finding.subject, &finding.subject_at),
        "at": at,
        "fingerprint": &*finding.fingerprint,
        "controls": texts(&rule.controls),
        "exception": finding.exception.as_ref().map(exception),
        "title": &*rule.title,
        "counts": finding.counts,
        "existed": finding.existed,
        "origin": finding.origin.iter().map(origin).collect::<Vec<_>>(),
        "also_seen_by": texts(&finding.also_seen_by),
    })
}

fn subject(subject: &SubjectRef, whole: &Place) -> Value {
    json!({ "kind": subject.kind.as_str(), "id": &*subject.id, "type": &*subject.type_name, "root": &*subject.root, "at": place(whole) })
}

fn place(place: &Place) -> Value {
    json!({
        "file": &*place.file,
        "line": place.line,
        "column": place.column,
        "end_line": place.end_line,
        "end_column": place.end_column,
    })
}

fn origin(origin: &OriginPlace) -> Value {
    json!({ "what": origin.what, "at": place(&origin.at) })
}

fn exception(exception: &ExceptionRef) -> Value {
    json!({
        "source": &*exception.source,
        "id": &*exception.id,
        "kind": exception.kind.map(|kind| kind.as_str()),
        "reason": &*exception.reason,
        "by": exception.by.as_deref(),
        "expires": exception.expires.as_deref(),
    })
}

fn coverage(coverage: &Coverage) -> Value {
    let read = coverage.read.iter().map(|file| json!({ "file": &*file.file, "source": file.source, "subjects": file.subjects }));
    let skipped = coverage
        .skipped
        .iter()
        .map(|file| json!({ "file": &*file.file, "why": file.why, "source": file.source, "fails": file.fails, "partly": file.partly }));
    json!({ "read": read.collect::<Vec<_>>(), "skipped": skipped.collect::<Vec<_>>() })
}

fn evidence(evidence: &EvidenceRef) -> Value {
    json!({
        "record": format!("{:?}", evidence.record),
        "checkpoint": format!("{:?}", evidence.root),
        "anchored": evidence.anchored,
        "index": evidence.index,
        "tree_size": evidence.tree_size,
        "place": evidence.place,
    })
}

fn diagnostic(diagnostic: &Diagnostic, sources: &SourceMap) -> Value {
    let at = sources.locate(diagnostic.span);
    json!({
        "level": level(diagnostic.level),
        "code": diagnostic.code,
        "message": diagnostic.message,
        "file": &*diagnostic.file,
        "line": at.as_ref().map_or(0, |(_, start, _)| start.line),
        "column": at.as_ref().map_or(0, |(_, start, _)| start.column),
        "hint": diagnostic.hint,
    })
}

/// The word for a level in all outputs.
pub(crate) const fn level(level: probity_core::Level) -> &'static str {
    match level {
        probity_core::Level::Note => "note",
        probity_core::Level::Warning => "warning",
        probity_core::Level::Error => "error",
    }
}

fn rule(rule: &RuleMeta) -> Value {
    json!({
        "id": &*rule.id,
        "aliases": texts(&rule.aliases),
        "engine": rule.engine,
        "severity": rule.severity.as_str(),
        "applies_to": texts(&rule.applies_to),
        "controls": texts(&rule.controls),
        "stage": rule.stage.kind.as_str(),
        "since": &*rule.stage.since,
        "confidence": rule.confidence.as_str(),
        "title": &*rule.title,
        "why": &*rule.why,
        "fix": &*rule.fix,
        "waivable": rule.waivable,
    })
}

fn texts(texts: &[std::sync::Arc<str>]) -> Vec<&str> {
    texts.iter().map(|text| &**text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    fn valid(text: &str) {
        let schema = serde_json::from_str(include_str!("../../../docs/reference/json-v1.schema.json")).unwrap();
        let validator = jsonschema::validator_for(&schema).unwrap();
        let value: Value = serde_json::from_str(text).unwrap();
        let errors: Vec<String> = validator.iter_errors(&value).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(errors.is_empty(), "{errors:#?}");
    }

    #[test]
    fn reports_are_valid() {
        for (mut report, sources) in [sample::report(), sample::green(), sample::hostile()] {
            valid(&write(&report, &sources));
            report.evidence = None;
            if let Some(verdict) = &mut report.verdict {
                verdict.colour = None;
            }
            valid(&write(&report, &sources));
            report.verdict = None;
            valid(&write(&report, &sources));
        }
    }

    #[test]
    fn the_order_of_keys_is_that_of_the_design() {
        let (report, sources) = sample::report();
        let value: Value = serde_json::from_str(&write(&report, &sources)).unwrap();
        let check = |value: &Value, expected: &[&str]| {
            let keys: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
            assert_eq!(keys[..expected.len()], *expected);
        };
        check(&value, &["version", "tool", "target", "verdict", "results", "coverage", "evidence"]);
        check(&value["verdict"], &["colour", "because", "counts"]);
        let result = &value["results"][0];
        check(result, &["rule", "aliases", "engine", "status", "severity", "confidence", "message", "why", "fix", "subject", "at"]);
        check(&result["at"], &["file", "line", "column", "end_line", "via"]);
        check(&result["subject"], &["kind", "id", "type"]);
        check(&value["coverage"]["skipped"][0], &["file", "why"]);
        check(&value["evidence"], &["record", "checkpoint", "anchored"]);
    }

    #[test]
    fn a_finding_keeps_all_it_has() {
        let (report, sources) = sample::report();
        let value: Value = serde_json::from_str(&write(&report, &sources)).unwrap();
        let result = value["results"].as_array().unwrap().iter().find(|one| one["rule"] == "aws-rds-instance-unencrypted").unwrap();
        assert_eq!(
            result["at"],
            json!({ "file": "db/db.tf", "line": 3, "column": 23, "end_line": 3,
                    "via": [{ "file": "main.tf", "line": 1, "column": 1, "end_line": 1, "end_column": 12 }], "end_column": 36 })
        );
        assert_eq!(result["origin"][0]["what"], "default of `var.encrypted`");
        assert_eq!(result["also_seen_by"], json!(["Checkov"]));
        let covered = value["results"].as_array().unwrap().iter().find(|one| one["rule"] == "aws-rds-instance-backup-off").unwrap();
        assert_eq!(covered["exception"]["kind"], "accepted-risk");
        assert_eq!(covered["counts"], false);
        assert_eq!(value["diagnostics"][0]["line"], 2);
        assert_eq!(value["time"], "2026-01-31T12:00:00Z");
    }

    #[test]
    fn rules_are_valid() {
        let one = sample::rule("a-b", probity_core::Severity::Low);
        let value: Value = serde_json::from_str(&rules([&one])).unwrap();
        let keys: Vec<&str> = value["rules"][0].as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(keys[..7], ["id", "aliases", "engine", "severity", "applies_to", "controls", "stage"]);
        assert_eq!(serde_json::from_str::<Value>(&explain(&one)).unwrap()["rule"]["id"], "a-b");
    }

    #[test]
    fn nothing_a_terminal_acts_on() {
        let (report, sources) = sample::hostile();
        let text = write(&report, &sources);
        assert!(!text.chars().any(|letter| letter != '\n' && escape::is_deceptive(letter)));
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["results"][0]["message"], sample::HOSTILE);
    }
}
