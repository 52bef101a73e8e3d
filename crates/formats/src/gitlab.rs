//! GitLab Code Quality: a JSON list of issues. It holds what counts; what is covered by an exception is not in it, since GitLab would
//! show it as open.

use std::collections::HashMap;

use probity_core::{Finding, Report, Severity, SkippedFile, Status};
use serde_json::{Value, json};

use crate::{escape, json, mask, order, uri};

/// Longest description, in characters.
const LONGEST: usize = 1_000;

/// The report as a Code Quality report with a line break at the end. `prefix` is the path of the target within the repository, empty for
/// its top.
#[must_use]
pub fn write(report: &Report, prefix: &str) -> String {
    let mut seen: HashMap<String, usize> = HashMap::new();
    let mut issues: Vec<Value> = Vec::new();
    for finding in report.findings.iter().filter(|finding| order::asks(finding)) {
        issues.push(issue(finding, prefix, &mut seen));
    }
    for file in report.coverage.skipped.iter().filter(|file| file.fails) {
        issues.push(not_read(file, prefix, &mut seen));
    }
    json::document(&Value::Array(issues))
}

/// GitLab takes two issues with one fingerprint for one.
fn unique(fingerprint: &str, seen: &mut HashMap<String, usize>) -> String {
    let count = seen.entry(fingerprint.to_owned()).or_default();
    *count += 1;
    if *count == 1 { fingerprint.to_owned() } else { format!("{fingerprint}-{count}") }
}

fn text(text: &str) -> String {
    escape::cut(&escape::line(text), LONGEST).into_owned()
}

fn issue(finding: &Finding, prefix: &str, seen: &mut HashMap<String, usize>) -> Value {
    let rule = &finding.rule;
    let word = match finding.status {
        Status::Unknown => "unknown: ",
        Status::Error => "not judged: ",
        _ => "",
    };
    let severity = match (finding.status, rule.severity) {
        (Status::Unknown, _) | (_, Severity::Info) => "info",
        (_, Severity::Low) => "minor",
        (_, Severity::Medium) => "major",
        (_, Severity::High) => "critical",
        (_, Severity::Critical) => "blocker",
    };
    json!({
        "type": "issue",
        "description": text(&format!("{word}{}: {}: {}", rule.title, finding.subject.id, mask::text(&finding.message))),
        "check_name": text(&rule.id),
        "categories": ["Security"],
        "fingerprint": unique(&finding.fingerprint, seen),
        "severity": severity,
        "location": {
            "path": uri::below(prefix, &finding.at.file),
            "lines": { "begin": finding.at.line.max(1), "end": finding.at.end_line.max(finding.at.line).max(1) },
        },
    })
}

fn not_read(file: &SkippedFile, prefix: &str, seen: &mut HashMap<String, usize>) -> Value {
    let path = uri::below(prefix, &file.file);
    json!({
        "type": "issue",
        "description": text(&format!("could not be read, the verdict fails closed: {}", file.why)),
        "check_name": "file-not-read",
        "categories": ["Security"],
        "fingerprint": unique(&format!("file-not-read/{}/{path}", file.source), seen),
        "severity": "blocker",
        "location": { "path": path, "lines": { "begin": 1, "end": 1 } },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn what_counts_is_listed() {
        let (report, _) = sample::report();
        let value: Value = serde_json::from_str(&write(&report, "infra")).unwrap();
        let issues = value.as_array().unwrap();
        let rows: Vec<String> = issues
            .iter()
            .map(|issue| {
                let text = |key: &str| issue[key].as_str().unwrap().to_owned();
                format!("{} {} {}:{}", text("severity"), text("check_name"), issue["location"]["path"], issue["location"]["lines"]["begin"])
            })
            .collect();
        assert_eq!(
            rows,
            [
                "info aws-rds-instance-public \"infra/db/db.tf\":1",
                "critical aws-rds-instance-unencrypted \"infra/db/db.tf\":3",
                "critical aws-rds-instance-unencrypted \"infra/db/db.tf\":3",
                "blocker file-not-read \"infra/broken.tf\":1",
            ]
        );
        assert_eq!(
            issues[1]["description"],
            "RDS instance stores its data unencrypted: module.db[\"eu\"].aws_db_instance.main: `storage_encrypted` is `false`"
        );
    }

    #[test]
    fn fingerprints_are_unique() {
        let (mut report, _) = sample::report();
        for finding in &mut report.findings {
            finding.fingerprint = "same".into();
        }
        let value: Value = serde_json::from_str(&write(&report, "")).unwrap();
        let prints: std::collections::BTreeSet<&str> =
            value.as_array().unwrap().iter().map(|one| one["fingerprint"].as_str().unwrap()).collect();
        assert_eq!(prints.len(), value.as_array().unwrap().len());
    }

    #[test]
    fn severities() {
        let (mut report, _) = sample::report();
        let mut check = |severity: Severity, expected: &str| {
            for finding in &mut report.findings {
                finding.rule = std::sync::Arc::new(sample::rule("r", severity));
                finding.status = Status::Fail;
            }
            let value: Value = serde_json::from_str(&write(&report, "")).unwrap();
            assert_eq!(value[0]["severity"], expected);
        };
        check(Severity::Info, "info");
        check(Severity::Low, "minor");
        check(Severity::Medium, "major");
        check(Severity::High, "critical");
        check(Severity::Critical, "blocker");
    }

    #[test]
    fn an_empty_report_is_an_empty_list_and_hostile_text_is_visible() {
        assert_eq!(write(&sample::green().0, ""), "[]\n");
        let text = write(&sample::hostile().0, "");
        assert!(!text.chars().any(|letter| letter != '\n' && escape::is_deceptive(letter)));
        let value: Value = serde_json::from_str(&text).unwrap();
        assert!(!value[0]["description"].as_str().unwrap().contains(['\n', '\u{1b}', '\u{202e}']));
    }
}
