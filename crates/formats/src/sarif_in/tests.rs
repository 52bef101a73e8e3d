use super::*;
use probity_core::Digest;

fn read_text(text: &str) -> External {
    let exists = |path: &str| path == "db.tf";
    read(text, FileId(0), "scan.sarif", ReadOptions { root: "/repo", prefix: "", exists: &exists })
}

/// A log with one run of `tool` with these parts of the driver, the run, and these results.
fn log(driver: &str, run: &str, results: &str) -> String {
    format!(r#"{{"version":"2.1.0","runs":[{{"tool":{{"driver":{{"name":"Tool"{driver}}}}}{run},"results":[{results}]}}]}}"#)
}

fn one(text: &str) -> ExternalFinding {
    let mut read = read_text(text);
    assert!(!read.failed(), "{:?}", read.diagnostics);
    let mut run = read.runs.pop().unwrap();
    assert_eq!(run.results.len(), 1);
    run.results.pop().unwrap()
}

#[test]
fn what_is_no_scan_fails_closed() {
    let check = |text: &str, code: &str| {
        let read = read_text(text);
        assert!(read.failed() && read.diagnostics.iter().any(|one| one.code == code), "{text}: {:?}", read.diagnostics);
        assert!(read.runs.iter().all(|run| !run.successful));
    };
    check("", "json-syntax");
    check("[]", "sarif-shape");
    check("{}", "sarif-version");
    check(r#"{"version":"2.0.0","runs":[]}"#, "sarif-version");
    check(r#"{"version":2,"runs":[]}"#, "sarif-version");
    check(r#"{"version":"2.1.0"}"#, "sarif-shape");
    check(r#"{"version":"2.1.0","runs":[]}"#, "sarif-shape");
    check(r#"{"version":"2.1.0","runs":{}}"#, "sarif-shape");
    check(r#"{"version":"2.1.0","runs":[{}]}"#, "sarif-shape");
    check(r#"{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"T"}}}]}"#, "sarif-shape");
    check(r#"{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"T"}},"results":null}]}"#, "sarif-shape");
    check(r#"{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"T"}},"results":{}}]}"#, "sarif-shape");
    check(&log("", r#","invocations":[{"executionSuccessful":false}]"#, ""), "sarif-run-failed");
    check(&log("", r#","externalPropertyFileReferences":{"results":[{}]}"#, ""), "sarif-external");
    check(&log("", "", "7"), "sarif-shape");
    check(&log("", "", "").replace("]}]}", "]}"), "json-syntax");
    check(&format!("{}1{}", "[".repeat(5000), "]".repeat(5000)), "json-depth");
}

#[test]
fn a_clean_scan_is_a_scan() {
    let read = read_text(&log(
        r#","semanticVersion":"1.2.3""#,
        r#","invocations":[{"executionSuccessful":true,"endTimeUtc":"2026-01-31T12:00:00Z"},{"executionSuccessful":true,"startTimeUtc":"2026-01-01T00:00:00Z"}]"#,
        "",
    ));
    assert!(!read.failed());
    assert_eq!(read.runs.len(), 1);
    let run = &read.runs[0];
    assert_eq!((&*run.tool, &*run.version, run.successful), ("Tool", "1.2.3", true));
    assert_eq!(run.end, Some(Timestamp { seconds: 1_769_860_800, nanoseconds: 0 }));
}

#[test]
fn a_semgrep_result() {
    let found = one(&log(
        r#","rules":[{"id":"sql","name":"sql","shortDescription":{"text":"SQL from text"},"fullDescription":{"text":"SQL from text."},
            "properties":{"tags":["CWE-89: Improper","security"],"precision":"very-high"},"defaultConfiguration":{"level":"error"}}]"#,
        "",
        r#"{"ruleId":"sql","ruleIndex":0,"message":{"text":"bad `x`"},"fingerprints":{"matchBasedId/v1":"requires login"},
            "locations":[{"physicalLocation":{"artifactLocation":{"uri":"src/a%20b.java","uriBaseId":"%SRCROOT%"},
            "region":{"startLine":16,"startColumn":3,"endLine":16,"endColumn":9,"snippet":{"text":"secret"}}}}]}"#,
    ));
    assert_eq!((&*found.rule, &*found.title, &*found.why), ("sql", "SQL from text", ""));
    assert_eq!(found.aliases, ["CWE-89".into()]);
    assert_eq!((found.status, found.level, found.severity, found.confidence), (Status::Fail, "error", Severity::High, Confidence::Certain));
    assert_eq!((&*found.file, found.inside), ("src/a b.java", true));
    assert_eq!([found.line, found.column, found.end_line, found.end_column], [16, 3, 16, 9]);
    assert!(found.fingerprints.is_empty() && found.suppressed.is_none());
}

#[test]
fn a_codeql_result_with_extension_rules_and_links() {
    let run = r#","originalUriBaseIds":{"%SRCROOT%":{"uri":"file:///repo/"}},
        "artifacts":[{"location":{"uri":"x/y.js","uriBaseId":"%SRCROOT%"}}]"#;
    let text = log(
        "",
        run,
        r#"{"ruleId":"js/xss","ruleIndex":1,"rule":{"id":"js/xss","index":1,"toolComponent":{"index":0}},
        "message":{"text":"a [user value](1) flows"},"partialFingerprints":{"primaryLocationLineHash":"39fa2ee9:1"},
        "locations":[{"physicalLocation":{"artifactLocation":{"index":0},"region":{"startLine":3}}}]}"#,
    );
    let text = text.replace(
        r#""driver":{"name":"Tool"}"#,
        r#""driver":{"name":"CodeQL"},"extensions":[{"name":"codeql/javascript-queries","rules":[{"id":"js/other"},
            {"id":"js/xss","name":"js/xss","shortDescription":{"text":"XSS"},"properties":{"tags":["external/cwe/cwe-079"],
            "security-severity":"7.8","problem.severity":"error"}}]}]"#,
    );
    let found = one(&text);
    assert_eq!((&*found.rule, &*found.title, found.message.as_str()), ("js/xss", "XSS", "a user value flows"));
    assert_eq!((found.severity, &*found.file, found.line), (Severity::High, "x/y.js", 3));
    assert_eq!(found.aliases, ["CWE-79".into()]);
    assert_eq!(found.fingerprints.len(), 1);
}

#[test]
fn trivy_and_checkov_ids_are_known_by_both_names() {
    let trivy = log(
        r#","rules":[{"id":"AVD-AWS-0080","properties":{"tags":["HIGH"]}}]"#,
        "",
        r#"{"ruleId":"AVD-AWS-0080","message":{"text":"m"}}"#,
    );
    assert_eq!(one(&trivy).aliases, ["AWS-0080".into()]);
    let trivy = trivy.replace("AVD-", "").replace("\"Tool\"", "\"Trivy\"");
    assert_eq!(one(&trivy).aliases, ["AVD-AWS-0080".into()]);
    let checkov = log(
        r#","rules":[{"id":"CKV_AWS_16","properties":{"security-severity":"0.0"}}]"#,
        "",
        r#"{"ruleId":"CKV_AWS_16","ruleIndex":0,"level":"error","message":{"text":"m"},
            "locations":[{"physicalLocation":{"artifactLocation":{"uri":"/db.tf"},"region":{"startLine":1,"endLine":9}}}],
            "suppressions":[{"kind":"inSource","justification":"later"}]}"#,
    );
    let found = one(&checkov);
    assert_eq!((found.severity, &*found.file, found.suppressed.as_deref()), (Severity::High, "db.tf", Some("later")));
}

#[test]
fn kinds_states_and_suppressions() {
    let check = |parts: &str, status: Status, suppressed: bool| {
        let found = one(&log("", "", &format!(r#"{{"ruleId":"r","message":{{"text":"m"}}{parts}}}"#)));
        assert_eq!((found.status, found.suppressed.is_some()), (status, suppressed), "{parts}");
    };
    check("", Status::Fail, false);
    check(r#","kind":"pass""#, Status::Pass, false);
    check(r#","kind":"open""#, Status::Unknown, false);
    check(r#","kind":"review""#, Status::Unknown, false);
    check(r#","kind":"informational""#, Status::NotApplicable, false);
    check(r#","kind":"strange""#, Status::Fail, false);
    check(r#","baselineState":"absent""#, Status::NotApplicable, false);
    check(r#","baselineState":"unchanged""#, Status::Fail, false);
    check(r#","suppressions":[]"#, Status::Fail, false);
    check(r#","suppressions":[{"kind":"external"}]"#, Status::Fail, true);
    check(r#","suppressions":[{"kind":"external","status":"rejected"}]"#, Status::Fail, false);
    check(r#","suppressions":[{"kind":"external"},{"kind":"external","status":"underReview"}]"#, Status::Fail, false);
}

#[test]
fn odd_results_are_kept_and_said() {
    let check = |result: &str, code: &str| {
        let read = read_text(&log(r#","rules":[{"id":"a"},{"id":"b"}]"#, "", result));
        assert_eq!(read.runs[0].results.len(), 1, "{result}");
        assert!(!read.failed() && read.diagnostics.iter().any(|one| one.code == code && !one.span.is_none()), "{:?}", read.diagnostics);
    };
    check(r#"{"message":{"text":"m"}}"#, "sarif-rule");
    check(r#"{"ruleId":"a","ruleIndex":7,"message":{"text":"m"}}"#, "sarif-rule");
    check(r#"{"ruleId":"a","ruleIndex":1,"message":{"text":"m"}}"#, "sarif-rule");
    check(r#"{"ruleId":"a"}"#, "sarif-message");
    check(r#"{"ruleId":"a","message":{"markdown":"m"}}"#, "sarif-message");
    check(r#"{"ruleId":"a","message":{"text":"m"},"level":"fatal"}"#, "sarif-shape");
    check(
        r#"{"ruleId":"a","message":{"text":"m"},"locations":[{"physicalLocation":{"artifactLocation":{"uri":"../../etc/passwd"}}}]}"#,
        "sarif-place",
    );
    check(
        r#"{"ruleId":"a","message":{"text":"m"},"locations":[{"physicalLocation":{"artifactLocation":{"uri":"a"},"region":{"startLine":-1}}}]}"#,
        "sarif-place",
    );
}

#[test]
fn messages_by_id() {
    let driver =
        r#","globalMessageStrings":{"g":{"text":"global {0}"}},"rules":[{"id":"a","messageStrings":{"m":{"text":"own {0} {1}"}}}]"#;
    let check = |message: &str, expected: &str| {
        let found = one(&log(driver, "", &format!(r#"{{"ruleId":"a/1","message":{message}}}"#)));
        assert_eq!(found.message, expected);
    };
    check(r#"{"id":"m","arguments":["x","y"]}"#, "own x y");
    check(r#"{"id":"g","arguments":["x"]}"#, "global x");
    check(r#"{"text":"{0}"}"#, "{0}");
    check(r#"{"text":"t {0}","arguments":["x"]}"#, "t x");
}

#[test]
fn a_taxon_names_a_cwe() {
    let found = one(&log(
        r#","rules":[{"id":"a","relationships":[{"target":{"id":"22","toolComponent":{"name":"CWE"}}}]}]"#,
        "",
        r#"{"ruleId":"a","message":{"text":"m"},"taxa":[{"id":"CWE-23"},{"id":"7","toolComponent":{"name":"OWASP"}}]}"#,
    ));
    assert_eq!(found.aliases, ["CWE-22".into(), "CWE-23".into()]);
}

#[test]
fn a_scan_of_a_site_has_no_file() {
    let found = one(&log(
        "",
        "",
        r#"{"ruleId":"10038","message":{"text":"m"},"locations":[{"physicalLocation":{"artifactLocation":{"uri":"https://shop.example/login"},"region":{"startLine":1}}}]}"#,
    ));
    assert_eq!((&*found.file, found.inside), ("https://shop.example/login", false));
}

#[test]
fn secrets_in_messages_are_hidden() {
    let found = one(&log("", "", &format!(r#"{{"ruleId":"a","message":{{"text":"found AKIA{}"}}}}"#, "Q7".repeat(8))));
    assert_eq!(found.message, "found ••••");
}

fn digest(bytes: &[u8]) -> Digest {
    // Enough to tell inputs apart in a test.
    let mut out = [0_u8; 32];
    for (index, byte) in bytes.iter().enumerate() {
        out[index % 16] = out[index % 16].wrapping_mul(31).wrapping_add(*byte);
    }
    Digest(out)
}

#[test]
fn findings_have_a_fingerprint_without_the_line() {
    let findings = |results: &str| to_findings(&read_text(&log(r#","version":"1""#, "", results)).runs[0], &digest);
    let at = |line: u32, message: &str| {
        format!(
            r#"{{"ruleId":"r","message":{{"text":"{message}"}},"locations":[{{"physicalLocation":{{"artifactLocation":{{"uri":"a.py"}},"region":{{"startLine":{line}}}}}}}]}}"#
        )
    };
    let first = findings(&at(1, "m"));
    assert_eq!(&*first[0].rule.id, "tool/r");
    assert_eq!(first[0].rule.aliases, ["r".into()]);
    assert_eq!(first[0].fingerprint, findings(&at(9, "m"))[0].fingerprint);
    assert_ne!(first[0].fingerprint, findings(&at(1, "other"))[0].fingerprint);
    let twice = findings(&format!("{},{}", at(1, "m"), at(2, "m")));
    assert_eq!(twice[0].fingerprint, first[0].fingerprint);
    assert_ne!(twice[1].fingerprint, first[0].fingerprint);
    assert!(std::sync::Arc::ptr_eq(&twice[0].rule, &twice[1].rule));
}

#[test]
fn what_we_write_we_read() {
    let (report, sources) = crate::sample::report();
    let text = crate::sarif::write(&report, &sources, "envs/prod");
    let exists = |_: &str| false;
    let read = read(&text, FileId(0), "own.sarif", ReadOptions { root: "", prefix: "envs/prod", exists: &exists });
    // The sample has a file that could not be read, so its scan counts as failed.
    assert!(read.failed() && read.diagnostics.iter().all(|one| one.code != "sarif-shape"), "{:?}", read.diagnostics);
    let results = &read.runs[0].results;
    assert_eq!(results.len(), report.findings.len());
    for (theirs, ours) in results.iter().zip(&report.findings) {
        assert_eq!((&theirs.rule, theirs.severity, &theirs.file), (&ours.rule.id, ours.rule.severity, &ours.at.file));
        assert_eq!((theirs.line, theirs.end_column, theirs.status), (ours.at.line, ours.at.end_column, ours.status));
        assert_eq!(theirs.suppressed.is_some(), ours.exception.is_some());
    }
}

#[test]
fn a_million_oddities_are_said_in_a_few_lines() {
    let results = vec![r#"{"ruleIndex":5}"#; 2_000].join(",");
    let read = read_text(&log(r#","rules":[{"id":"a"}]"#, "", &results));
    assert_eq!(read.runs[0].results.len(), 2_000);
    assert_eq!(read.diagnostics.len(), MOST_DIAGNOSTICS);
}

proptest::proptest! {
    #[test]
    fn any_text_ends(text in "[\\[\\]{}:,\"a-z0-9 ]{0,200}") {
        let read = read_text(&text);
        proptest::prop_assert!(read.failed() || !read.runs.is_empty());
    }

    #[test]
    fn any_shape_ends(key in "version|runs|results|tool|message|locations|ruleIndex|rule|level|kind|suppressions|taxa", value in "null|7|-1|\"x\"|\\[\\]|\\[7\\]|\\{\\}|\\[\\{\\}\\]|true") {
        let text = log(r#","rules":[{"id":"a"}]"#, "", &format!(r#"{{"ruleId":"a","message":{{"text":"m"}},"{key}":{value}}}"#));
        let read = read_text(&text);
        proptest::prop_assert!(read.runs.len() == 1);
    }
}
