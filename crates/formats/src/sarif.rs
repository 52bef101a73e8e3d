//! SARIF 2.1.0 for code scanning services: one run, with the rules that took part, every result, what was read, and what could not be.
//!
//! Shapes follow OASIS SARIF 2.1.0 (sections are named beside them) and, where that is free, what GitHub code scanning shows.

use std::collections::BTreeMap;
use std::sync::Arc;

use probity_core::{Confidence, Diagnostic, ExceptionRef, Finding, Place, Report, RuleMeta, Severity, SkippedFile, Status, SubjectKind};
use probity_value::SourceMap;
use serde_json::{Map, Value, json};

use crate::{escape, explain, json, mask, time, uri};

/// GitHub refuses runs with more tags per rule.
const MOST_TAGS: usize = 20;

/// The name of the fingerprint in `partialFingerprints`.
pub const FINGERPRINT: &str = "probityFingerprint/v1";

/// The report as a SARIF log with a line break at the end. `prefix` is the path of the target within the repository, with `/`, empty
/// for its top: places are written relative to the repository. `sources` gives diagnostics their line and column.
#[must_use]
pub fn write(report: &Report, sources: &SourceMap, prefix: &str) -> String {
    let rules = rules(report);
    let log = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "Probity",
                "version": &*report.tool.version,
                "semanticVersion": &*report.tool.version,
                "rules": rules.values().map(|(_, rule)| descriptor(rule)).collect::<Vec<_>>(),
                "properties": { "policies": format!("{:?}", report.tool.policies) },
            } },
            "automationDetails": { "id": automation(prefix) },
            "columnKind": "unicodeCodePoints",
            "originalUriBaseIds": { "%SRCROOT%": { "description": { "text": "The top of the repository." } } },
            "invocations": [invocation(report, sources, prefix)],
            "artifacts": artifacts(report, prefix),
            "results": report.findings.iter().map(|finding| result(finding, &rules, prefix)).collect::<Vec<_>>(),
            "properties": run_properties(report),
        }],
    });
    json::document(&log)
}

/// Every rule that took part or has a result, by id, with its index.
fn rules(report: &Report) -> BTreeMap<&str, (usize, &Arc<RuleMeta>)> {
    let all = report.findings.iter().map(|finding| &finding.rule).chain(&report.rules);
    let mut rules: BTreeMap<&str, (usize, &Arc<RuleMeta>)> = all.map(|rule| (&*rule.id, (0, rule))).collect();
    rules.values_mut().enumerate().for_each(|(index, rule)| rule.0 = index);
    rules
}

/// Names the analysis (section 3.17): a repository with several targets has several.
fn automation(prefix: &str) -> String {
    let prefix = prefix.trim_matches('/');
    if prefix.is_empty() || prefix == "." { "probity/".to_owned() } else { format!("probity/{}/", uri::from_path(prefix)) }
}

fn run_properties(report: &Report) -> Value {
    json!({
        "target": report.target,
        "verdict": report.verdict.as_ref().map(|verdict| json!({
            "colour": verdict.colour.map(|colour| colour.as_str()),
            "permitted": verdict.permitted,
            "because": verdict.because,
            "notes": verdict.notes,
        })),
        "evidence": report.evidence.as_ref().map(|evidence| json!({
            "record": format!("{:?}", evidence.record),
            "checkpoint": format!("{:?}", evidence.root),
            "anchored": evidence.anchored,
        })),
    })
}

/// A rule (section 3.49), with the properties GitHub reads: `security-severity`, `precision`, `problem.severity`, `tags`.
fn descriptor(rule: &RuleMeta) -> Value {
    let mut tags = vec!["security".to_owned()];
    let external = rule.aliases.iter().filter(|alias| alias.starts_with("CWE-")).map(|cwe| {
        let number = cwe.trim_start_matches("CWE-");
        format!("external/cwe/cwe-{number:0>3}")
    });
    tags.extend(external);
    tags.extend(rule.controls.iter().map(|control| control.to_string()));
    tags.truncate(MOST_TAGS);
    let title = text_or(&rule.title, &rule.id);
    let why = text_or(&rule.why, &title);
    json!({
        "id": &*rule.id,
        "name": name(&rule.id),
        "shortDescription": { "text": title },
        "fullDescription": { "text": why },
        "help": { "text": explain::plain(rule), "markdown": explain::markdown(rule) },
        "defaultConfiguration": { "level": level(rule.severity) },
        "properties": {
            "security-severity": score(rule.severity),
            "precision": match rule.confidence {
                Confidence::Certain => "very-high",
                Confidence::Firm => "high",
                Confidence::Tentative => "medium",
            },
            "problem.severity": match rule.severity {
                Severity::Critical | Severity::High => "error",
                Severity::Medium => "warning",
                Severity::Low | Severity::Info => "recommendation",
            },
            "severity": rule.severity.as_str(),
            "stage": rule.stage.kind.as_str(),
            "engine": rule.engine,
            "controls": rule.controls.iter().map(|control| &**control).collect::<Vec<_>>(),
            "aliases": rule.aliases.iter().map(|alias| &**alias).collect::<Vec<_>>(),
            "tags": unique(tags),
        },
    })
}

/// SARIF's texts may not be empty.
fn text_or(text: &str, other: &str) -> String {
    escape::sarif_message(if text.trim().is_empty() { other } else { text })
}

fn unique(mut tags: Vec<String>) -> Vec<String> {
    let mut seen = std::collections::BTreeSet::new();
    tags.retain(|tag| seen.insert(tag.clone()));
    tags
}

/// `aws-rds-instance-unencrypted` as `AwsRdsInstanceUnencrypted`, as SARIF wants names.
fn name(id: &str) -> String {
    let words = id.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
    words
        .flat_map(|word| {
            let mut letters = word.chars();
            letters.next().into_iter().flat_map(char::to_uppercase).chain(letters)
        })
        .collect()
}

const fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low | Severity::Info => "note",
    }
}

const fn score(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "9.5",
        Severity::High => "8.0",
        Severity::Medium => "5.5",
        Severity::Low => "3.0",
        Severity::Info => "1.0",
    }
}

/// A result (section 3.27). Any `kind` but `fail` has the level `none` (section 3.27.10).
fn result(finding: &Finding, rules: &BTreeMap<&str, (usize, &Arc<RuleMeta>)>, prefix: &str) -> Value {
    let rule = &finding.rule;
    let (kind, level) = match finding.status {
        Status::Fail => ("fail", level(rule.severity)),
        Status::Warn => ("fail", "warning"),
        Status::Unknown => ("open", "none"),
        Status::Error => ("review", "none"),
        Status::Pass => ("pass", "none"),
        Status::Skip | Status::NotApplicable => ("notApplicable", "none"),
    };
    let mut location = location(&finding.at, prefix);
    if let Value::Object(location) = &mut location {
        let logical = json!([{ "fullyQualifiedName": &*finding.subject.id, "kind": "resource" }]);
        location.insert("logicalLocations".to_owned(), logical);
    }
    let message = mask::text(&finding.message);
    let mut out = Map::new();
    let mut set = |key: &str, value: Value| {
        out.insert(key.to_owned(), value);
    };
    set("ruleId", json!(&*rule.id));
    if let Some((index, _)) = rules.get(&*rule.id) {
        set("ruleIndex", json!(index));
    }
    set("kind", json!(kind));
    set("level", json!(level));
    set("message", json!({ "text": text_or(&message, &rule.title) }));
    set("locations", json!([location]));
    let related = related(finding, prefix);
    if !related.is_empty() {
        set("relatedLocations", json!(related));
    }
    set("partialFingerprints", json!({ FINGERPRINT: &*finding.fingerprint }));
    if let Some(exception) = &finding.exception {
        set("suppressions", json!([suppression(exception, finding.counts)]));
    }
    if let Some(existed) = finding.existed {
        set("baselineState", json!(if existed { "unchanged" } else { "new" }));
    }
    set(
        "properties",
        json!({
            "status": finding.status.as_str(),
            "severity": rule.severity.as_str(),
            "counts": finding.counts,
            "subject": {
                "kind": finding.subject.kind.as_str(),
                "id": &*finding.subject.id,
                "type": &*finding.subject.type_name,
                "root": &*finding.subject.root,
            },
            "alsoSeenBy": finding.also_seen_by.iter().map(|tool| &**tool).collect::<Vec<_>>(),
        }),
    );
    Value::Object(out)
}

/// Where the value came from and the module calls on the way (section 3.27.22).
fn related(finding: &Finding, prefix: &str) -> Vec<Value> {
    let origins = finding.origin.iter().map(|step| (&step.at, step.what.clone()));
    let what = if finding.subject.kind == SubjectKind::Kubernetes { "overlay" } else { "module call" };
    let calls = finding.via.iter().map(|call| (call, what.to_owned()));
    let with_text = |(index, (place, text)): (usize, (&Place, String))| {
        let mut location = location(place, prefix);
        if let Value::Object(location) = &mut location {
            location.insert("id".to_owned(), json!(index + 1));
            location.insert("message".to_owned(), json!({ "text": text_or(&text, "related") }));
        }
        location
    };
    origins.chain(calls).enumerate().map(with_text).collect()
}

/// Why a result does not count (section 3.35). One that counts all the same was not accepted.
fn suppression(exception: &ExceptionRef, counts: bool) -> Value {
    let kind = if matches!(&*exception.source, "exception" | "baseline") { "external" } else { "inSource" };
    json!({
        "kind": kind,
        "status": if counts { "rejected" } else { "accepted" },
        "justification": &*exception.reason,
        "properties": {
            "source": &*exception.source,
            "id": &*exception.id,
            "kind": exception.kind.map(|kind| kind.as_str()),
            "by": exception.by.as_deref(),
            "expires": exception.expires.as_deref(),
        },
    })
}

fn artifact_location(file: &str, prefix: &str) -> Value {
    json!({ "uri": uri::from_path(&uri::below(prefix, file)), "uriBaseId": "%SRCROOT%" })
}

/// A place (section 3.28). A whole file points at its first line, which is where services show it.
fn location(place: &Place, prefix: &str) -> Value {
    let region = if place.line == 0 {
        json!({ "startLine": 1 })
    } else {
        json!({
            "startLine": place.line,
            "startColumn": place.column.max(1),
            "endLine": place.end_line.max(place.line),
            "endColumn": place.end_column.max(1),
        })
    };
    json!({ "physicalLocation": { "artifactLocation": artifact_location(&place.file, prefix), "region": region } })
}

fn artifacts(report: &Report, prefix: &str) -> Vec<Value> {
    let files = report.coverage.read.iter().map(|file| &*file.file).collect::<std::collections::BTreeSet<_>>();
    files.iter().map(|file| json!({ "location": artifact_location(file, prefix), "roles": ["analysisTarget"] })).collect()
}

/// The run (section 3.20): it was not successful where nothing could be decided or a claimed file could not be read.
fn invocation(report: &Report, sources: &SourceMap, prefix: &str) -> Value {
    let undecided = report.verdict.as_ref().is_some_and(|verdict| verdict.colour.is_none());
    let unread = report.coverage.skipped.iter().any(|file| file.fails);
    let mut notifications: Vec<Value> = report.diagnostics.iter().map(|one| notification(one, sources, prefix)).collect();
    notifications.extend(report.coverage.skipped.iter().map(|file| not_read(file, prefix)));
    let mut out = json!({ "executionSuccessful": !undecided && !unread, "toolExecutionNotifications": notifications });
    if let (Value::Object(out), Some(time)) = (&mut out, time::text(report.time)) {
        out.insert("endTimeUtc".to_owned(), json!(time));
    }
    out
}

fn notification(diagnostic: &Diagnostic, sources: &SourceMap, prefix: &str) -> Value {
    let mut text = diagnostic.message.clone();
    if let Some(hint) = &diagnostic.hint {
        put!(text, " ({hint})");
    }
    let mut physical = json!({ "artifactLocation": artifact_location(&diagnostic.file, prefix) });
    if let (Value::Object(physical), Some((_, start, end))) = (&mut physical, sources.locate(diagnostic.span)) {
        let region = json!({ "startLine": start.line, "startColumn": start.column, "endLine": end.line, "endColumn": end.column });
        physical.insert("region".to_owned(), region);
    }
    json!({
        "descriptor": { "id": diagnostic.code },
        "level": json::level(diagnostic.level),
        "message": { "text": text_or(&mask::text(&text), diagnostic.code) },
        "locations": [{ "physicalLocation": physical }],
    })
}

fn not_read(file: &SkippedFile, prefix: &str) -> Value {
    let partly = if file.partly { "read only in part" } else { "not read" };
    json!({
        "descriptor": { "id": "file-not-read" },
        "level": if file.fails { "error" } else { "note" },
        "message": { "text": text_or(&format!("{partly}: {}", file.why), partly) },
        "locations": [{ "physicalLocation": { "artifactLocation": artifact_location(&file.file, prefix) } }],
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    fn parsed(report: &Report, sources: &SourceMap, prefix: &str) -> Value {
        let text = write(report, sources, prefix);
        assert!(!text.chars().any(|letter| letter != '\n' && escape::is_deceptive(letter)));
        serde_json::from_str(&text).unwrap()
    }

    fn valid(value: &Value) {
        // As published, the pattern of languages has a stray bracket, which is no regular expression of JSON Schema.
        let schema = include_str!("../tests/schemas/sarif-schema-2.1.0.json").replace("[a-zA-Z]{2}]?$", "[a-zA-Z]{2}$");
        let schema = serde_json::from_str(&schema).unwrap();
        let validator = jsonschema::options().should_validate_formats(true).build(&schema).unwrap();
        let errors: Vec<String> = validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(errors.is_empty(), "{errors:#?}");
    }

    #[test]
    fn reports_are_valid() {
        for (mut report, sources) in [sample::report(), sample::green(), sample::hostile()] {
            valid(&parsed(&report, &sources, "a b/c"));
            report.verdict = None;
            report.evidence = None;
            valid(&parsed(&report, &sources, ""));
        }
    }

    #[test]
    fn every_status_is_valid_and_only_faults_have_a_level() {
        let (report, sources) = sample::report();
        for status in Status::ALL {
            let mut report = report.clone();
            for finding in &mut report.findings {
                finding.status = *status;
                finding.at.line = 0;
                finding.message.clear();
            }
            let log = parsed(&report, &sources, "");
            valid(&log);
            for result in log["runs"][0]["results"].as_array().unwrap() {
                assert_eq!(result["kind"] != "fail", result["level"] == "none", "{status}");
            }
        }
    }

    fn one<'a>(log: &'a Value, rule: &str) -> &'a Value {
        log["runs"][0]["results"].as_array().unwrap().iter().find(|one| one["ruleId"] == rule).unwrap()
    }

    #[test]
    fn a_result_points_at_its_rule_and_places() {
        let (report, sources) = sample::report();
        let log = parsed(&report, &sources, "envs/eu prod");
        let run = &log["runs"][0];
        let result = one(&log, "aws-rds-instance-unencrypted");
        let rule = &run["tool"]["driver"]["rules"][usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap()];
        assert_eq!(rule["id"], "aws-rds-instance-unencrypted");
        assert_eq!(rule["name"], "AwsRdsInstanceUnencrypted");
        assert_eq!(rule["properties"]["security-severity"], "8.0");
        let physical = &result["locations"][0]["physicalLocation"];
        assert_eq!(physical["artifactLocation"], json!({ "uri": "envs/eu%20prod/db/db.tf", "uriBaseId": "%SRCROOT%" }));
        assert_eq!(physical["region"], json!({ "startLine": 3, "startColumn": 23, "endLine": 3, "endColumn": 36 }));
        assert_eq!(result["relatedLocations"][0]["message"]["text"], "default of `var.encrypted`");
        assert_eq!(result["relatedLocations"][1]["message"]["text"], "module call");
        assert_eq!(result["partialFingerprints"][FINGERPRINT], "fp-encrypted-eu");
        assert_eq!(result["baselineState"], "new");
        assert_eq!(run["automationDetails"]["id"], "probity/envs/eu%20prod/");
    }

    #[test]
    fn what_is_covered_is_suppressed_and_what_is_open_is_open() {
        let (mut report, sources) = sample::report();
        let log = parsed(&report, &sources, "");
        let covered = &one(&log, "aws-rds-instance-backup-off")["suppressions"][0];
        assert_eq!((covered["kind"].as_str(), covered["status"].as_str()), (Some("external"), Some("accepted")));
        assert_eq!(covered["justification"], "rebuilt from the ledger every night");
        assert_eq!(one(&log, "aws-rds-instance-public")["kind"], "open");
        for finding in &mut report.findings {
            if let Some(exception) = &mut finding.exception {
                exception.source = "checkov".into();
                finding.counts = true;
            }
        }
        let log = parsed(&report, &sources, "");
        let covered = &one(&log, "aws-rds-instance-backup-off")["suppressions"][0];
        assert_eq!((covered["kind"].as_str(), covered["status"].as_str()), (Some("inSource"), Some("rejected")));
    }

    #[test]
    fn what_was_not_read_is_said() {
        let (report, sources) = sample::report();
        let log = parsed(&report, &sources, "");
        let invocation = &log["runs"][0]["invocations"][0];
        assert_eq!(invocation["executionSuccessful"], false);
        assert_eq!(invocation["endTimeUtc"], "2026-01-31T12:00:00Z");
        let codes: Vec<&str> = invocation["toolExecutionNotifications"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["descriptor"]["id"].as_str().unwrap())
            .collect();
        assert_eq!(codes, ["hcl-syntax", "file-not-read", "file-not-read"]);
        let (report, sources) = sample::green();
        assert_eq!(parsed(&report, &sources, "")["runs"][0]["invocations"][0]["executionSuccessful"], true);
    }

    #[test]
    fn tags_stay_within_the_limit() {
        let mut rule = sample::rule("x", Severity::Low);
        rule.controls = (0..40).map(|number| format!("pci/{number}").into()).collect();
        rule.aliases.push("CWE-79".into());
        let made = descriptor(&rule);
        assert_eq!(made["properties"]["tags"].as_array().unwrap().len(), MOST_TAGS);
        assert_eq!(made["properties"]["tags"][1], "external/cwe/cwe-079");
        assert_eq!(made["properties"]["controls"].as_array().unwrap().len(), 40);
    }
}
