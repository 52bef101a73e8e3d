use probity_value::{FileId, yaml};

use super::*;

fn value(text: &str) -> Value {
    yaml::parse(text, FileId::NONE).0.into_iter().next().map(|document| document.value).unwrap()
}

/// `pass`, `skip`, `error`, `unknown`, or the path of the failure.
fn outcome(pattern: &str, object: &str) -> String {
    match Pattern::compile(&value(pattern)).matches(&value(object)) {
        Ok(()) => "pass".to_owned(),
        Err(Failure { kind: FailureKind::Skip { .. }, .. }) => "skip".to_owned(),
        Err(Failure { kind: FailureKind::Unknown, .. }) => "unknown".to_owned(),
        Err(Failure { path: None, .. }) => "error".to_owned(),
        Err(Failure { path: Some(path), .. }) => path_text(&path),
    }
}

fn check(pattern: &str, object: &str, expected: &str) {
    assert_eq!(outcome(pattern, object), expected, "pattern {pattern} of {object}");
}

#[test]
fn leaves() {
    for (pattern, object, expected) in [
        ("a", "a", true),
        ("'*'", "1", true),
        ("'?*'", "''", false),
        ("'?*'", "x", true),
        ("1", "1", true),
        ("1", "1.0", true),
        ("1", "'1'", true),
        ("1", "1.5", false),
        ("1.5", "'1.5'", true),
        ("true", "true", true),
        ("true", "'true'", false),
        ("'true'", "true", true),
        ("null", "0", true),
        ("null", "''", true),
        ("null", "false", true),
        ("null", "x", false),
        ("null", "{}", false),
        ("'!latest'", "v1", true),
        ("'!latest'", "latest", false),
        ("'!*:latest'", "a:latest", false),
        ("'>1'", "2", true),
        ("'>= 1Gi'", "1024Mi", true),
        ("'<1Gi'", "1025Mi", false),
        ("'>10s'", "1m", true),
        ("10s", "10000ms", true),
        ("'1-10'", "5", true),
        ("'1-10'", "11", false),
        ("'1Mi-1Gi'", "5Mi", true),
        ("'1!-10'", "11", true),
        ("'1!-10'", "5", false),
        ("'1-10'", "1-10", true),
        ("'a|b'", "b", true),
        ("'a | b'", "c", false),
        ("'!a & !b'", "c", true),
        ("'!a & !b'", "b", false),
        ("'>0 & <10 | >100'", "50", false),
        ("'>0 & <10 | >100'", "101", true),
        ("'>a'", "b", false),
        ("'!x'", "null", false),
        ("'!5'", "null", true),
        ("'*.io/*'", "ghcr.io/x", true),
        ("0.5", "500m", false),
        ("'0.5'", "500m", true),
    ] {
        assert_eq!(Leaf::compile(&value(pattern)).fits(&value(object)), expected, "{pattern} {object}");
    }
}

#[test]
fn maps_and_lists() {
    check("{a: {b: 1}}", "{a: {b: 1, c: 2}}", "pass");
    check("{a: {b: 1}}", "{a: {b: 2}}", "/a/b/");
    check("{a: {b: 1}}", "{}", "/a/");
    check("{a: '*'}", "{a: {}}", "pass");
    check("{a: '*'}", "{a: null}", "/");
    check("{a: [{b: 1}]}", "{a: [{b: 1}, {b: 2}]}", "/a/1/b/");
    check("{a: [x]}", "{a: [x, y]}", "/a/1/");
    check("{a: x}", "{a: [x, x]}", "pass");
    check("{a: []}", "{a: [1]}", "/a/");
    check("{a: [[1], [2]]}", "{a: [[1]]}", "error");
    check("{a: [[1], [2]]}", "{a: [[1], [2], [3]]}", "pass");
}

#[test]
fn equality_and_negation() {
    check("{=(a): {b: 1}}", "{}", "pass");
    check("{=(a): {b: 1}}", "{a: {b: 2}}", "/a/b/");
    check("{X(a): 'null'}", "{b: 1}", "pass");
    check("{X(a): 'null'}", "{a: 1}", "/a/");
    check("{s: {=(v): [{X(h): x}]}}", "{s: {v: [{h: 1}]}}", "/s/v/0/h/");
}

#[test]
fn conditions_and_globals() {
    check("{(a): x, b: y}", "{a: x, b: y}", "pass");
    check("{(a): x, b: y}", "{a: x, b: z}", "/b/");
    check("{(a): x, b: y}", "{a: q, b: z}", "skip");
    check("{(a): x, b: y}", "{b: z}", "skip");
    check("{l: [{(n): x, v: 1}]}", "{l: [{n: x, v: 1}, {n: y, v: 2}]}", "pass");
    check("{l: [{(n): x, v: 1}]}", "{l: [{n: x, v: 2}, {n: y, v: 2}]}", "/l/0/v/");
    check("{l: [{(n): x, v: 1}]}", "{l: [{n: y, v: 2}]}", "skip");
    check("{<(a): x, b: y}", "{b: z}", "/b/");
    check("{<(a): x, b: y}", "{a: q, b: z}", "skip");
    check("{s: {l: [{<(i): '*x*'}], p: 1}}", "{s: {l: [{i: ax}], p: 2}}", "/s/p/");
    check("{s: {l: [{<(i): '*x*'}], p: 1}}", "{s: {l: [{i: a}], p: 2}}", "skip");
    // A conditional key that is nowhere turns another failure into an error.
    check("{a: [{(b): 1, c: 1}], d: 2}", "{a: [], d: 3}", "/d/");
    check("{a: {x: {(b): 1}}, d: 2}", "{a: {x: {}}, d: 3}", "skip");
}

#[test]
fn existence() {
    check("{^(l): [{n: x}]}", "{l: [{n: y}, {n: x}]}", "pass");
    check("{^(l): [{n: x}]}", "{l: [{n: y}]}", "/l/");
    check("{^(l): [{n: x}]}", "{}", "pass");
    check("{^(l): [{n: x}]}", "{l: {n: x}}", "/l/");
}

#[test]
fn words_of_anchors_in_objects_do_not_skip() {
    check("{a: x}", "{a: 'conditional anchor mismatch'}", "/a/");
}

#[test]
fn wildcards_in_keys_of_metadata() {
    check("{metadata: {labels: {app.io/*: '?*'}}}", "{metadata: {labels: {app.io/n: x}}}", "pass");
    check("{metadata: {labels: {app.io/*: '?*'}}}", "{metadata: {labels: {other: x}}}", "/metadata/labels/app.io/*/");
    check(
        "{metadata: {=(annotations): {=(*/class): '!bad'}}}",
        "{metadata: {annotations: {k/class: bad}}}",
        "/metadata/annotations/k/class/",
    );
    check("{metadata: {annotations: {X(*/bad*): 'null'}}}", "{metadata: {annotations: {k/bad1: x}}}", "/metadata/annotations/k/bad1/");
}

#[test]
fn unknown_values_are_neither_pass_nor_failure() {
    let unknown = Value::unknown(probity_value::UnknownKind::Variable, "nobody says", probity_value::Span::NONE);
    let mut map = probity_value::Map::new();
    map.insert("a", probity_value::Span::NONE, unknown);
    let object = Value::map(map, probity_value::Span::NONE);
    for pattern in ["{a: x}", "{a: '*'}", "{a: {b: 1}}", "{=(a): x}", "{(a): x, b: 1}", "{<(a): x}"] {
        let failure = Pattern::compile(&value(pattern)).matches(&object).unwrap_err();
        assert_eq!(failure.kind, FailureKind::Unknown, "{pattern}");
    }
    assert!(Pattern::compile(&value("{X(b): x}")).matches(&object).is_ok());
}
