//! What tests of policies came to: for a person, as JSON v1 and as JUnit.

use std::collections::BTreeMap;
use std::sync::Arc;

use probity_core::{Diagnostic, Expectation};
use probity_value::SourceMap;
use serde_json::{Value, json};

use crate::human::{Style, Tone, diagnostic};
use crate::junit::{Outcome, Suite, document};
use crate::{escape, mask};

/// What a run of tests came to.
#[derive(Clone, Copy, Debug)]
pub struct Tests<'a> {
    /// One for each expectation.
    pub expectations: &'a [Expectation],
    /// Files that held tests.
    pub files: usize,
    /// What there is to say about the files.
    pub diagnostics: &'a [Diagnostic],
    /// Tests that say themselves that they are not to be run.
    pub skipped: &'a [String],
    /// Lines of Rego by file: evaluated, and all with expressions; then ranges of lines of which none was.
    pub coverage: &'a [(Arc<str>, usize, usize, Vec<(u32, u32)>)],
    /// What tests printed.
    pub prints: &'a [(Arc<str>, String)],
    /// Texts by number, to name lines.
    pub sources: &'a SourceMap,
}

impl Tests<'_> {
    fn line(&self, expectation: &Expectation) -> u32 {
        self.sources.locate(expectation.at).map_or(0, |(_, start, _)| start.line)
    }

    fn failed(&self) -> usize {
        self.expectations.iter().filter(|one| !one.passed).count()
    }
}

/// What an expectation is about: `policy/rule on resource`.
fn about(one: &Expectation) -> String {
    let mut out = one.policy.to_string();
    if !one.rule.is_empty() && one.rule != one.policy {
        let between = if out.is_empty() { "" } else { "/" };
        out = format!("{out}{between}{}", one.rule);
    }
    if !one.resource.is_empty() {
        let between = if out.is_empty() { "" } else { " on " };
        out = format!("{out}{between}{}", one.resource);
    }
    if out.is_empty() { "the file".to_owned() } else { out }
}

/// For a person: failures with the reason, and one line at the end; with `all` the expectations that were met too.
#[must_use]
pub fn human(tests: &Tests<'_>, style: Style, all: bool) -> String {
    let mut out = String::new();
    for one in tests.diagnostics {
        out.push_str(&diagnostic(one, tests.sources, style));
        out.push('\n');
    }
    let mut file: Option<&str> = None;
    for one in tests.expectations.iter().filter(|one| all || !one.passed) {
        if file != Some(&one.file) {
            file = Some(&one.file);
            put!(out, "{}\n", style.paint(Tone::Strong, &escape::line(&one.file)));
        }
        let (word, tone) = if one.passed { ("pass", Tone::Good) } else { ("FAIL", Tone::Bad) };
        let line = tests.line(one);
        let place = if line > 0 { format!(":{line}") } else { String::new() };
        put!(out, "  {} {}{}", style.paint(tone, word), escape::line(&about(one)), style.paint(Tone::Quiet, &place));
        if one.passed {
            out.push('\n');
            continue;
        }
        put!(out, ": expected {}, got {}\n", escape::line(&one.expected), escape::line(&one.actual));
        for text in mask::text(&one.why).lines() {
            put!(out, "         {}\n", escape::line(text));
        }
    }
    if !out.is_empty() {
        out.push('\n');
    }
    for (test, text) in tests.prints {
        put!(out, "printed by {}: {}\n", escape::line(test), escape::line(text));
    }
    let (covered, lines) = tests.coverage.iter().fold((0, 0), |(covered, lines), (_, one, of, _)| (covered + one, lines + of));
    if lines > 0 {
        for (file, _, _, missed) in tests.coverage.iter().filter(|(.., missed)| !missed.is_empty()) {
            let ranges: Vec<String> =
                missed.iter().map(|(first, last)| if first == last { first.to_string() } else { format!("{first}-{last}") }).collect();
            put!(out, "not evaluated in {}: lines {}\n", escape::line(file), ranges.join(", "));
        }
        #[expect(clippy::cast_precision_loss, reason = "a percentage of lines")]
        let percent = 100.0 * covered as f64 / lines as f64;
        put!(out, "coverage of Rego: {covered} of {lines} lines ({percent:.1} %)\n");
    }
    for name in tests.skipped {
        put!(out, "left out by the test itself: {}\n", escape::line(name));
    }
    let failed = tests.failed();
    let count = |number: usize, word: &str| format!("{number} {word}{}", if number == 1 { "" } else { "s" });
    put!(
        out,
        "{} in {}: {} passed, {} failed\n",
        count(tests.expectations.len(), "expectation"),
        count(tests.files, "file"),
        tests.expectations.len() - failed,
        style.paint(if failed > 0 { Tone::Bad } else { Tone::Good }, &failed.to_string())
    );
    out
}

/// JSON v1.
#[must_use]
pub fn json(tests: &Tests<'_>) -> String {
    let expectations: Vec<Value> = tests
        .expectations
        .iter()
        .map(|one| {
            json!({
                "file": &*one.file,
                "line": tests.line(one),
                "policy": &*one.policy,
                "rule": &*one.rule,
                "resource": &*one.resource,
                "expected": one.expected,
                "actual": one.actual,
                "passed": one.passed,
                "why": mask::text(&one.why),
            })
        })
        .collect();
    let coverage: Vec<Value> = tests
        .coverage
        .iter()
        .map(|(file, covered, lines, missed)| json!({"file": &**file, "covered_lines": covered, "lines": lines, "missed": missed}))
        .collect();
    let failed = tests.failed();
    let document = json!({
        "version": 1,
        "summary": {"files": tests.files, "passed": tests.expectations.len() - failed, "failed": failed, "skipped": tests.skipped.len()},
        "expectations": expectations,
        "skipped": tests.skipped,
        "coverage": coverage,
        "diagnostics": tests.diagnostics.iter().map(|one| json!({"file": &*one.file, "code": one.code, "message": one.message})).collect::<Vec<_>>(),
    });
    escape::json_output(&format!("{document:#}\n")).into_owned()
}

/// JUnit: one suite for each file, one case for each expectation. A run without expectations has a case that failed.
#[must_use]
pub fn junit(tests: &Tests<'_>) -> String {
    let mut by_file: BTreeMap<&str, Vec<&Expectation>> = BTreeMap::new();
    for one in tests.expectations {
        by_file.entry(&one.file).or_default().push(one);
    }
    let mut suites = Vec::new();
    for (file, list) in by_file {
        let mut suite = Suite::new(file.to_owned());
        for one in list {
            let message = format!("expected {}, got {}", one.expected, one.actual);
            let text = mask::text(&one.why);
            let outcome = match (one.passed, &*one.actual) {
                (true, _) => Outcome::Passed,
                (false, "error" | "an error") => Outcome::Errored { kind: "error", message: &message, text: &text },
                (false, _) => Outcome::Failed { kind: "expectation", message: &message, text: &text },
            };
            suite.case(if one.policy.is_empty() { file } else { &one.policy }, &about(one), Some((file, tests.line(one))), &[], &outcome);
        }
        suites.push(suite);
    }
    if tests.expectations.is_empty() {
        let mut suite = Suite::new("tests".to_owned());
        suite.case(
            "probity",
            "tests are there",
            None,
            &[],
            &Outcome::Failed { kind: "expectation", message: "no test was found", text: "" },
        );
        suites.push(suite);
    }
    document(&suites)
}

#[cfg(test)]
mod tests {
    use super::*;
    use probity_value::Span;

    fn run(passed: bool, render: impl Fn(&Tests<'_>) -> String) -> String {
        let sources = SourceMap::new();
        let file = sources.add("t/kyverno-test.yaml", "a\nb\n");
        let expectations = [Expectation {
            file: "t/kyverno-test.yaml".into(),
            at: Span::new(file, 2..3),
            policy: "labels".into(),
            rule: "require".into(),
            resource: "pod-a".into(),
            expected: "fail".to_owned(),
            actual: if passed { "fail" } else { "pass" }.to_owned(),
            passed,
            why: "all is well".to_owned(),
        }];
        let coverage = [(Arc::from("p.rego"), 3, 4, vec![(7, 7)])];
        let tests = Tests {
            expectations: &expectations,
            files: 1,
            diagnostics: &[],
            skipped: &[],
            coverage: &coverage,
            prints: &[],
            sources: &sources,
        };
        render(&tests)
    }

    #[test]
    fn failures_say_what_was_expected_and_why() {
        let text = run(false, |tests| human(tests, Style { colour: false, width: 110 }, false));
        assert_eq!(
            text,
            "t/kyverno-test.yaml\n  FAIL labels/require on pod-a:2: expected fail, got pass\n         all is well\n\nnot evaluated in p.rego: lines 7\ncoverage of Rego: 3 of 4 lines (75.0 %)\n1 expectation in 1 file: 0 passed, 1 failed\n"
        );
        let text = run(true, |tests| human(tests, Style { colour: false, width: 110 }, false));
        assert!(text.ends_with("1 expectation in 1 file: 1 passed, 0 failed\n"), "{text}");
    }

    #[test]
    fn machines_read_the_same() {
        let value: Value = serde_json::from_str(&run(false, json)).unwrap();
        assert_eq!(value["expectations"][0]["actual"], "pass");
        assert_eq!(value["expectations"][0]["line"], 2);
        assert_eq!(value["summary"]["failed"], 1);
        let text = run(false, junit);
        assert!(text.contains("tests=\"1\" failures=\"1\"") && text.contains("expected fail, got pass"), "{text}");
    }
}
