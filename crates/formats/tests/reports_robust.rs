//! Broken, foreign, cut and mutated reports: always an error that says what, never a panic, never a shorter list that looks whole.
#![allow(clippy::disallowed_methods, reason = "a test touches the world on purpose")]
#![allow(clippy::unwrap_used)]

use std::path::Path;

use probity_core::{Digest, Level};
use probity_formats::join::join;
use probity_formats::reports::{self, detect, names, older_than};
use probity_formats::sarif_in::{External, ReadOptions, to_findings};
use probity_value::SourceMap;

fn read_as(text: &str, format: Option<&str>) -> (&'static str, External) {
    let file = SourceMap::new().add("report", text);
    reports::read(text, file, "report", format, ReadOptions { root: "/srv/shop", prefix: "", exists: &|path| path == "src/app.py" })
}

fn samples() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reports");
    let mut out: Vec<(String, String)> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension != "txt"))
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read_to_string(&path).unwrap()))
        .collect();
    out.sort();
    out
}

/// The codes of errors a text gives.
fn errors(text: &str, format: Option<&str>) -> Vec<&'static str> {
    let (_, external) = read_as(text, format);
    let codes: Vec<_> = external.diagnostics.iter().filter(|one| one.level == Level::Error).map(|one| one.code).collect();
    assert_eq!(external.failed(), !codes.is_empty());
    codes
}

#[test]
fn what_is_no_report_says_so() {
    let check = |text: &str, code: &str| assert_eq!(errors(text, None).first(), Some(&code), "{text}");
    check("", "report-empty");
    check(" \n", "report-empty");
    check("[]", "report-empty");
    check("{}", "report-empty");
    check("null", "report-empty");
    check(r#"{"results":null}"#, "report-empty");
    check("42", "report-unknown");
    check(r#"{"hello":"world"}"#, "report-unknown");
    check(r#"[{"hello":"world"}]"#, "report-unknown");
    check("<html></html>", "report-unknown");
    check("<issues", "xml-syntax");
    check("hello", "json-syntax");
    check(r#"{"matches":["#, "json-syntax");
    let (_, unknown) = read_as("42", None);
    let message = &unknown.diagnostics[0].message;
    assert!(names().all(|name| message.contains(name)), "{message}");
    assert!(detect(&[0xff, 0xfe]).is_err());
}

#[test]
fn sarif_goes_to_its_own_reader() {
    let text = r#"{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"X"}},"results":[{"ruleId":"a","message":{"text":"m"}}]}]}"#;
    let (format, external) = read_as(text, None);
    assert_eq!((format, external.runs[0].engine, external.runs[0].results.len()), ("sarif", "sarif", 1));
    assert_eq!(detect(text.as_bytes()), Ok("sarif"));
    assert_eq!(errors(r#"{"version":"2.0.0","runs":[]}"#, None), ["sarif-version"]);
    assert_eq!(errors(text, Some("trivy")), ["report-unknown"]);
}

#[test]
fn a_named_format_lets_an_empty_report_say_that_nothing_was_found() {
    for (name, text) in [("gitleaks", "[]"), ("trufflehog", ""), ("nuclei", ""), ("yarn-audit", ""), ("tfsec", r#"{"results":null}"#)] {
        let (format, external) = read_as(text, Some(name));
        assert_eq!((format, external.failed(), external.runs.len()), (name, false, 1), "{:?}", external.diagnostics);
        assert!(external.runs[0].successful && external.runs[0].results.is_empty());
    }
    // What is always an object with its lists says nothing where it is empty.
    for name in ["trivy", "zap", "npm-audit", "grype", "semgrep", "cargo-audit", "dependency-check", "generic"] {
        assert!(!errors("{}", Some(name)).is_empty(), "{name}");
    }
    assert_eq!(errors("[]", Some("unheard-of")), ["report-unknown"]);
}

#[test]
fn a_scan_that_failed_fails_closed() {
    let check = |text: &str| assert_eq!(errors(text, None), ["report-scan-failed"], "{text}");
    check(r#"{"error":{"code":"ENOLOCK","summary":"This command requires an existing lockfile.","detail":"Try creating one."}}"#);
    check(r#"{"ok":false,"error":"Authentication failed","path":"."}"#);
    check(r#"{"version":"15.0.0","vulnerabilities":[],"scan":{"scanner":{"id":"x","name":"X"},"type":"sast","status":"failure"}}"#);
    check(r#"{"probity-report":1,"tool":{"name":"X"},"complete":false,"results":[]}"#);
}

#[test]
fn pages_that_are_missing_are_said() {
    let check = |text: &str| assert_eq!(errors(text, None), ["report-shape"], "{text}");
    check(r#"{"paging":{"pageIndex":1,"pageSize":1,"total":2},"issues":[{"key":"a","rule":"r","component":"c:x","severity":"INFO"}]}"#);
    check(
        r#"{"nextToken":"t","findings":[{"findingArn":"a","type":"NETWORK_REACHABILITY","severity":"LOW","networkReachabilityDetails":{},"resources":[{"id":"i"}]}]}"#,
    );
    check(
        r#"{"NextToken":"t","Findings":[{"SchemaVersion":"1","Id":"i","ProductArn":"p","GeneratorId":"g","Severity":{"Label":"LOW"},"Resources":[{"Id":"r"}]}]}"#,
    );
    // Lines of yarn without the summary that ends them.
    let yarn = samples().into_iter().find(|(name, _)| name == "yarn-audit.jsonl").unwrap().1;
    let cut: String = yarn.lines().take(2).map(|line| format!("{line}\n")).collect();
    check(&cut);
}

#[test]
fn rows_that_cannot_be_read_are_counted() {
    let check = |text: &str, said: &str| {
        let (_, external) = read_as(text, None);
        let messages: Vec<&str> = external.diagnostics.iter().map(|one| one.message.as_str()).collect();
        assert!(external.failed() && messages.iter().any(|message| message.starts_with(said)), "{messages:?}");
        assert!(external.runs.iter().all(|run| !run.successful));
        assert!(external.diagnostics.iter().any(|one| one.code == "report-row" && !one.span.is_none()), "a row has a place");
    };
    check(
        r#"{"matches":[{"vulnerability":{"id":"CVE-2020-1","severity":"High"},"artifact":{"name":"a","version":"1","type":"npm"}},{"vulnerability":{},"artifact":{}},7]}"#,
        "2 of 3 results cannot be read",
    );
    check(r#"{"SchemaVersion":2,"ArtifactName":".","Results":[{"Target":"x","Vulnerabilities":[{"PkgName":"a"}]}]}"#, "1 of 1 results");
    check(r#"[{"RuleID":"a","File":"b","StartLine":1},{}]"#, "1 of 2 results");
    check(r#"{"results":[{"check_id":"a","path":"b","extra":{"severity":"ERROR"}},{"check_id":"a"}],"errors":[]}"#, "1 of 2 results");
    check(r#"{"@programName":"ZAP","site":[{"@name":"https://a.example","alerts":[{"instances":[]}]}]}"#, "1 of 1 results");
    check(
        r#"{"probity-report":1,"tool":{"name":"X"},"complete":true,"results":[{"rule":"a","severity":"low","message":"m","pth":"x"}]}"#,
        "1 of 1 results",
    );
}

#[test]
fn words_that_nobody_knows_count_as_medium() {
    let text = r#"{"matches":[{"vulnerability":{"id":"CVE-2020-1","severity":"Apocalyptic"},"artifact":{"name":"a","version":"1","type":"npm"}}]}"#;
    let (_, external) = read_as(text, None);
    assert!(!external.failed());
    assert_eq!(external.runs[0].results[0].severity.as_str(), "medium");
    assert!(external.diagnostics.iter().any(|one| one.code == "report-severity"));
}

#[test]
fn old_results_are_told_from_fresh_ones() {
    let text = r#"{"probity-report":1,"tool":{"name":"X"},"complete":true,"ended":"2026-11-26T09:00:00Z","results":[]}"#;
    let run = read_as(text, None).1.runs.remove(0);
    let end = run.end.unwrap();
    let at = |seconds: i64| probity_core::Timestamp { seconds: end.seconds + seconds, nanoseconds: 0 };
    assert_eq!(older_than(&run, at(-10)), None);
    assert_eq!(older_than(&run, at(500)), None);
    assert!(older_than(&run, at(3_600)).unwrap().contains("before the commit was made"));
}

#[test]
fn every_cut_is_an_error_or_whole() {
    for (name, text) in samples() {
        let whole = read_as(&text, None).1;
        let count = |external: &External| external.runs.iter().map(|run| run.results.len()).sum::<usize>();
        let all = count(&whole);
        let ends: Vec<usize> = (0..text.len()).step_by((text.len() / 97).max(1)).filter(|end| text.is_char_boundary(*end)).collect();
        for end in ends {
            let cut = &text[..end];
            let (_, external) = read_as(cut, None);
            // Lines that are whole are a report in those forms that have no end: then nothing that was there may be lost silently.
            let lines = name.ends_with(".jsonl") && cut.ends_with(['\n', '}']);
            assert!(external.failed() || lines || count(&external) == all, "{name} cut at {end}");
        }
    }
}

/// A small generator, so that a failure can be had again.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(below.max(1)).unwrap()).unwrap()
    }
}

#[test]
fn mutated_reports_never_panic() {
    let parts = [
        "null",
        "{}",
        "[]",
        "\"\"",
        "-1",
        "1e400",
        "true",
        "\"\\u0000\"",
        "[[[[",
        "é",
        "<",
        "&amp;",
        "..",
        "//",
        ":",
        "\"a\":",
        "99999999999999999999",
    ];
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    for (name, text) in samples() {
        let letters: Vec<char> = text.chars().collect();
        for _ in 0..60 {
            let mut mutated = letters.clone();
            for _ in 0..=dice.roll(4) {
                let at = dice.roll(mutated.len());
                let length = dice.roll(12).min(mutated.len() - at);
                let part: Vec<char> = match dice.roll(3) {
                    0 => Vec::new(),
                    1 => parts[dice.roll(parts.len())].chars().collect(),
                    _ => {
                        let from = dice.roll(letters.len());
                        letters[from..(from + 12).min(letters.len())].to_vec()
                    }
                };
                mutated.splice(at..at + length, part);
            }
            let mutated: String = mutated.into_iter().collect();
            taken_in(&mutated, None, &name);
        }
    }
}

#[test]
fn values_of_other_kinds_never_panic_and_are_read_by_every_reader() {
    let mut dice = Dice(7);
    for (name, text) in samples() {
        let Ok(value) = serde_json::from_str::<serde_json::Value>(&text) else { continue };
        for _ in 0..40 {
            let mut changed = value.clone();
            change(&mut changed, &mut dice, 0);
            taken_in(&changed.to_string(), None, &name);
        }
        // Each reader on each sample by its name.
        for format in names() {
            taken_in(&text, Some(format), &name);
        }
    }
}

/// Puts something else in one place.
fn change(value: &mut serde_json::Value, dice: &mut Dice, depth: usize) {
    use serde_json::{Value, json};
    let others = [Value::Null, json!([]), json!({}), json!(""), json!(-3), json!(1.5), json!("x"), json!([1, "a", null]), json!(true)];
    let stop = depth > 12 || dice.roll(6) == 0;
    match value {
        Value::Object(map) if !stop && !map.is_empty() => {
            let at = dice.roll(map.len());
            if let Some((_, inner)) = map.iter_mut().nth(at) {
                change(inner, dice, depth + 1);
            }
        }
        Value::Array(items) if !stop && !items.is_empty() => {
            let at = dice.roll(items.len());
            change(&mut items[at], dice, depth + 1);
        }
        other => *other = others[dice.roll(others.len())].clone(),
    }
}

/// Reads, makes findings and joins them; what holds for all of them is held here.
fn taken_in(text: &str, format: Option<&str>, name: &str) {
    let (_, external) = read_as(text, format);
    let mut all = Vec::new();
    for run in &external.runs {
        let findings = to_findings(run, &|bytes| Digest([u8::try_from(bytes.len() % 251).unwrap(); 32]));
        for (result, finding) in run.results.iter().zip(&findings) {
            assert!(!result.inside || !finding.at.file.starts_with('/') && !finding.at.file.split('/').any(|part| part == ".."), "{name}");
            assert!(!finding.rule.id.is_empty() && !finding.message.is_empty(), "{name}");
        }
        all = join(all, findings);
    }
    let failed = external.diagnostics.iter().any(|one| one.level == Level::Error);
    assert_eq!(external.failed(), failed);
    assert!(!external.runs.is_empty() || failed, "{name}: nothing read and nothing said: {text}");
}

#[test]
fn bounds() {
    // More results than are read.
    let row = r#"{"RuleID":"a","File":"src/app.py","StartLine":1},"#;
    let text = format!("[{}{}]", row.repeat(100_010), row.trim_end_matches(','));
    let (_, external) = read_as(&text, None);
    assert_eq!(external.runs[0].results.len(), 100_000);
    assert!(external.failed() && external.diagnostics.iter().filter(|one| one.code == "report-limit").count() == 1);
    // Deeper than is read.
    let deep = format!("{{\"matches\":{}{}}}", "[".repeat(5_000), "]".repeat(5_000));
    assert_eq!(errors(&deep, None), ["json-depth"]);
    // Entities that grow.
    let laughs = "<!DOCTYPE issues [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;\"><!ENTITY c \"&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;\"><!ENTITY d \"&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;\"><!ENTITY e \"&d;&d;&d;&d;&d;&d;&d;&d;&d;&d;\"><!ENTITY f \"&e;&e;&e;&e;&e;&e;&e;&e;&e;&e;\"><!ENTITY g \"&f;&f;&f;&f;&f;&f;&f;&f;&f;&f;\">]><issues burpVersion=\"1\"><issue><type>&g;</type></issue></issues>";
    assert_eq!(errors(laughs, None), ["xml-syntax"]);
    let nested = format!("{}{}", "<issues burpVersion=\"1\">".repeat(20_000), "</issues>".repeat(20_000));
    let _ = errors(&nested, None);
    // Many tools in one report.
    let issue = |number: usize| {
        format!(
            r#"{{"engineId":"e{number}","ruleId":"r","severity":"INFO","type":"BUG","primaryLocation":{{"message":"m","filePath":"f"}}}}"#
        )
    };
    let many = format!("{{\"issues\":[{}]}}", (0..3_000).map(issue).collect::<Vec<_>>().join(","));
    assert!(errors(&many, None).contains(&"report-limit"));
    // Long texts are cut.
    let long = "x".repeat(1_000_000);
    let text = format!(r#"[{{"RuleID":"{long}","File":"{long}","StartLine":1,"Description":"{long}"}}]"#);
    let one = read_as(&text, None).1.runs.remove(0).results.remove(0);
    assert!(one.rule.len() < 600 && one.title.len() < 600 && one.message.len() < 5_000 && one.file.len() < 600);
}
