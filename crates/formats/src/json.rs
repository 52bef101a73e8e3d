//! JSON version 1: what machines read. Within version 1 a field never changes its meaning; fields may be added.
//!
//! `docs/reference/json-v1.schema.json` describes it, and a test holds the two together.

use std::collections::BTreeMap;
use std::sync::Arc;

use probity_core::{Diagnostic, EvidenceRef, ExceptionRef, Finding, OriginPlace, Place, Report, RuleMeta, Verdict};
use probity_value::SourceMap;
use serde::Serialize;

use crate::{escape, mask, time};

/// The whole report as one JSON document with a line break at the end. `sources` gives diagnostics their line and column.
#[must_use]
pub fn write(report: &Report, sources: &SourceMap) -> String {
    let coverage = &report.coverage;
    document(&Document {
        version: 1,
        tool: Tool { name: &report.tool.name, version: &report.tool.version, policies: format!("{:?}", report.tool.policies) },
        target: &report.target,
        verdict: report.verdict.as_ref().map(JsonVerdict::of),
        results: report.findings.iter().map(JsonResult::of).collect(),
        coverage: JsonCoverage {
            read: coverage.read.iter().map(|one| Read { file: &one.file, source: one.source, subjects: one.subjects }).collect(),
            skipped: coverage
                .skipped
                .iter()
                .map(|one| Skipped { file: &one.file, why: &one.why, source: one.source, fails: one.fails, partly: one.partly })
                .collect(),
        },
        evidence: report.evidence.as_ref().map(Evidence::of),
        time: time::text(report.time),
        diagnostics: report.diagnostics.iter().map(|one| JsonDiagnostic::of(one, sources)).collect(),
    })
}

/// What `policies list --format json` prints: the rules in the order given.
#[must_use]
pub fn rules<'a>(rules: impl IntoIterator<Item = &'a RuleMeta>) -> String {
    document(&RuleList { version: 1, rules: rules.into_iter().map(JsonRule::of).collect() })
}

/// One test of a rule, shown as an example of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RuleExample {
    /// What comes out: `fail`, `pass`, `unknown`, `not-applicable`.
    pub expect: String,
    /// Its name.
    pub name: String,
    /// The language of the text.
    pub language: String,
    /// The text.
    pub text: String,
}

/// What `policies list --format json --examples` prints: as [`rules`], each with its examples.
#[must_use]
pub fn rules_with_examples<'a>(rules: impl IntoIterator<Item = &'a RuleMeta>, examples: impl Fn(&RuleMeta) -> Vec<RuleExample>) -> String {
    #[derive(Serialize)]
    struct WithExamples<'a> {
        #[serde(flatten)]
        rule: JsonRule<'a>,
        examples: Vec<RuleExample>,
    }
    #[derive(Serialize)]
    struct List<'a> {
        version: u8,
        rules: Vec<WithExamples<'a>>,
    }
    let rules = rules.into_iter().map(|rule| WithExamples { rule: JsonRule::of(rule), examples: examples(rule) }).collect();
    document(&List { version: 1, rules })
}

/// What `explain --format json` prints: one rule with its texts, as in [`rules`].
#[must_use]
pub fn explain(meta: &RuleMeta) -> String {
    document(&OneRule { version: 1, rule: JsonRule::of(meta) })
}

/// Pretty JSON that is safe to print on a terminal, with a line break at the end.
///
/// Nothing that is written here can fail to be written (no map with keys other than text, no failing `Serialize`); a value that did
/// would be written as its error, which no reader takes for a report.
pub(crate) fn document(value: &impl Serialize) -> String {
    let text = serde_json::to_string_pretty(value).unwrap_or_else(|error| format!("this report cannot be written as JSON: {error}"));
    let mut text = match escape::json_output(&text) {
        std::borrow::Cow::Borrowed(_) => text,
        std::borrow::Cow::Owned(escaped) => escaped,
    };
    text.push('\n');
    text
}

// The order of fields is the order on the wire: first those of version 1 as designed, then what was added.

#[derive(Serialize)]
struct Document<'a> {
    version: u8,
    tool: Tool<'a>,
    target: &'a str,
    verdict: Option<JsonVerdict<'a>>,
    results: Vec<JsonResult<'a>>,
    coverage: JsonCoverage<'a>,
    evidence: Option<Evidence<'a>>,
    time: Option<String>,
    diagnostics: Vec<JsonDiagnostic<'a>>,
}

#[derive(Serialize)]
struct Tool<'a> {
    name: &'a str,
    version: &'a str,
    policies: String,
}

#[derive(Serialize)]
struct JsonVerdict<'a> {
    colour: Option<&'static str>,
    because: &'a [String],
    counts: Counts<'a>,
    permitted: bool,
    notes: &'a [String],
}

#[derive(Serialize)]
struct Counts<'a> {
    subjects: usize,
    by_status: &'a BTreeMap<&'static str, usize>,
    by_severity: BTreeMap<&'static str, usize>,
    excepted: usize,
    by_control: &'a BTreeMap<Arc<str>, usize>,
}

impl<'a> JsonVerdict<'a> {
    fn of(verdict: &'a Verdict) -> JsonVerdict<'a> {
        let counts = &verdict.counts;
        JsonVerdict {
            colour: verdict.colour.map(|colour| colour.as_str()),
            because: &verdict.because,
            counts: Counts {
                subjects: counts.subjects,
                by_status: &counts.by_status,
                by_severity: counts.by_severity.iter().map(|(severity, count)| (severity.as_str(), *count)).collect(),
                excepted: counts.excepted,
                by_control: &counts.by_control,
            },
            permitted: verdict.permitted,
            notes: &verdict.notes,
        }
    }
}

#[derive(Serialize)]
struct JsonResult<'a> {
    rule: &'a str,
    aliases: &'a [Arc<str>],
    engine: &'static str,
    status: &'static str,
    severity: &'static str,
    confidence: &'static str,
    message: std::borrow::Cow<'a, str>,
    why: &'a str,
    fix: &'a str,
    subject: Subject<'a>,
    at: At<'a>,
    fingerprint: &'a str,
    controls: &'a [Arc<str>],
    exception: Option<Exception<'a>>,
    title: &'a str,
    counts: bool,
    existed: Option<bool>,
    origin: Vec<Origin<'a>>,
    also_seen_by: &'a [Arc<str>],
    first_met: Option<String>,
}

#[derive(Serialize)]
struct Subject<'a> {
    kind: &'static str,
    id: &'a str,
    #[serde(rename = "type")]
    type_name: &'a str,
    root: &'a str,
    at: JsonPlace<'a>,
}

impl<'a> JsonResult<'a> {
    fn of(finding: &'a Finding) -> JsonResult<'a> {
        let (rule, subject) = (&finding.rule, &finding.subject);
        JsonResult {
            rule: &rule.id,
            aliases: &rule.aliases,
            engine: rule.engine,
            status: finding.status.as_str(),
            severity: rule.severity.as_str(),
            confidence: rule.confidence.as_str(),
            message: mask::text(&finding.message),
            why: &rule.why,
            fix: rule.fix_for(&subject.type_name),
            subject: Subject {
                kind: subject.kind.as_str(),
                id: &subject.id,
                type_name: &subject.type_name,
                root: &subject.root,
                at: JsonPlace::of(&finding.subject_at),
            },
            at: At::of(&finding.at, &finding.via),
            fingerprint: &finding.fingerprint,
            controls: &rule.controls,
            exception: finding.exception.as_ref().map(Exception::of),
            title: &rule.title,
            counts: finding.counts,
            existed: finding.existed,
            origin: finding.origin.iter().map(Origin::of).collect(),
            also_seen_by: &finding.also_seen_by,
            first_met: finding.first_met.and_then(time::text),
        }
    }
}

/// The place of a result: `via` came before `end_column`.
#[derive(Serialize)]
struct At<'a> {
    file: &'a str,
    line: u32,
    column: u32,
    end_line: u32,
    via: Vec<JsonPlace<'a>>,
    end_column: u32,
}

impl<'a> At<'a> {
    fn of(at: &'a Place, via: &'a [Place]) -> At<'a> {
        let via = via.iter().map(JsonPlace::of).collect();
        At { file: &at.file, line: at.line, column: at.column, end_line: at.end_line, via, end_column: at.end_column }
    }
}

#[derive(Serialize)]
struct JsonPlace<'a> {
    file: &'a str,
    line: u32,
    column: u32,
    end_line: u32,
    end_column: u32,
}

impl<'a> JsonPlace<'a> {
    fn of(place: &'a Place) -> JsonPlace<'a> {
        JsonPlace { file: &place.file, line: place.line, column: place.column, end_line: place.end_line, end_column: place.end_column }
    }
}

#[derive(Serialize)]
struct Origin<'a> {
    what: &'a str,
    at: JsonPlace<'a>,
}

impl<'a> Origin<'a> {
    fn of(origin: &'a OriginPlace) -> Origin<'a> {
        Origin { what: &origin.what, at: JsonPlace::of(&origin.at) }
    }
}

#[derive(Serialize)]
struct Exception<'a> {
    source: &'a str,
    id: &'a str,
    kind: Option<&'static str>,
    reason: &'a str,
    by: Option<&'a str>,
    expires: Option<&'a str>,
}

impl<'a> Exception<'a> {
    fn of(exception: &'a ExceptionRef) -> Exception<'a> {
        Exception {
            source: &exception.source,
            id: &exception.id,
            kind: exception.kind.map(|kind| kind.as_str()),
            reason: &exception.reason,
            by: exception.by.as_deref(),
            expires: exception.expires.as_deref(),
        }
    }
}

#[derive(Serialize)]
struct JsonCoverage<'a> {
    read: Vec<Read<'a>>,
    skipped: Vec<Skipped<'a>>,
}

#[derive(Serialize)]
struct Read<'a> {
    file: &'a str,
    source: &'static str,
    subjects: usize,
}

#[derive(Serialize)]
struct Skipped<'a> {
    file: &'a str,
    why: &'a str,
    source: &'static str,
    fails: bool,
    partly: bool,
}

#[derive(Serialize)]
struct Evidence<'a> {
    record: String,
    checkpoint: String,
    anchored: bool,
    index: u64,
    tree_size: u64,
    place: &'a str,
}

impl<'a> Evidence<'a> {
    fn of(evidence: &'a EvidenceRef) -> Evidence<'a> {
        Evidence {
            record: format!("{:?}", evidence.record),
            checkpoint: format!("{:?}", evidence.root),
            anchored: evidence.anchored,
            index: evidence.index,
            tree_size: evidence.tree_size,
            place: &evidence.place,
        }
    }
}

#[derive(Serialize)]
struct JsonDiagnostic<'a> {
    level: &'static str,
    code: &'static str,
    message: std::borrow::Cow<'a, str>,
    file: &'a str,
    line: u32,
    column: u32,
    hint: Option<&'a str>,
}

impl<'a> JsonDiagnostic<'a> {
    fn of(diagnostic: &'a Diagnostic, sources: &SourceMap) -> JsonDiagnostic<'a> {
        let start = sources.locate(diagnostic.span).map(|(_, start, _)| start);
        JsonDiagnostic {
            level: level(diagnostic.level),
            code: diagnostic.code,
            message: mask::text(&diagnostic.message),
            file: &diagnostic.file,
            line: start.map_or(0, |start| start.line),
            column: start.map_or(0, |start| start.column),
            hint: diagnostic.hint.as_deref(),
        }
    }
}

/// The word for a level in all outputs.
pub(crate) const fn level(level: probity_core::Level) -> &'static str {
    match level {
        probity_core::Level::Note => "note",
        probity_core::Level::Warning => "warning",
        probity_core::Level::Error => "error",
    }
}

#[derive(Serialize)]
struct RuleList<'a> {
    version: u8,
    rules: Vec<JsonRule<'a>>,
}

#[derive(Serialize)]
struct OneRule<'a> {
    version: u8,
    rule: JsonRule<'a>,
}

#[derive(Serialize)]
struct JsonRule<'a> {
    id: &'a str,
    aliases: &'a [Arc<str>],
    engine: &'static str,
    severity: &'static str,
    applies_to: &'a [Arc<str>],
    controls: &'a [Arc<str>],
    stage: &'static str,
    since: &'a str,
    confidence: &'static str,
    title: &'a str,
    why: &'a str,
    fix: &'a str,
    waivable: bool,
    mends: bool,
}

impl<'a> JsonRule<'a> {
    fn of(rule: &'a RuleMeta) -> JsonRule<'a> {
        JsonRule {
            id: &rule.id,
            aliases: &rule.aliases,
            engine: rule.engine,
            severity: rule.severity.as_str(),
            applies_to: &rule.applies_to,
            controls: &rule.controls,
            stage: rule.stage.kind.as_str(),
            since: &rule.stage.since,
            confidence: rule.confidence.as_str(),
            title: &rule.title,
            why: &rule.why,
            fix: &rule.fix,
            waivable: rule.waivable,
            mends: rule.mends,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;
    use serde_json::{Value, json};

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
