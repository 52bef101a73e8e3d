//! CUE policies beside documents, with what CUE's own library says of them (`cases.json` beside this file).

use probity_imagepolicy::cue::CuePolicy;
use serde_json::Value;

fn verdict(policy: &str, data: &str) -> (&'static str, String) {
    match CuePolicy::parse(policy).and_then(|policy| policy.judge(data)) {
        Ok(_) => ("passes", String::new()),
        Err(error) => ("fails", error.to_string()),
    }
}

#[test]
fn as_the_real_one() {
    let cases: Value = serde_json::from_str(include_str!("cue/cases.json")).unwrap();
    let cases = cases.as_array().unwrap();
    assert!(cases.len() >= 60);
    let mut differ = Vec::new();
    for case in cases {
        let of = |key: &str| case[key].as_str().unwrap();
        let (said, why) = verdict(of("policy"), of("data"));
        // What is not understood here refuses; it is marked, so that none slips in unseen.
        let expected = if case.get("refused").is_some() { "fails" } else { of("result") };
        if said != expected {
            differ.push(format!("{}: {said}, not {expected}: {why}\n{}\n{}", of("name"), of("policy"), of("data")));
        }
    }
    assert!(differ.is_empty(), "{}", differ.join("\n\n"));
}

#[test]
fn refuses_what_it_does_not_understand() {
    let check = |policy: &str, expected: &str| {
        let (said, why) = verdict(policy, r#"{"a": [1, 2]}"#);
        assert_eq!(said, "fails", "{policy}");
        assert!(why.contains(expected), "{policy}: {why}");
    };
    check("a: _\nb: a[0:1]", "a slice is not understood here (line 2, column 7 of the policy)");
    check("import \"net\"\na: net.IP", "the package `net` is not understood here (line 1, column 8 of the policy)");
    check("import \"strings\"\na: _\nb: strings.SliceRunes(\"a\", 0, 1)", "`strings.SliceRunes` is not understood here (line 3");
    check("a: _ @tag(x)", "an attribute is not understood here");
    check("import \"time\"\nt: time.Parse(\"2006\", \"2020\")", "the layout `2006` of times is not understood here");
    check("a: X={b: X}", "an alias of a value is not understood here");
}

#[test]
fn says_where_and_why() {
    let check = |policy: &str, data: &str, expected: &str| {
        let (said, why) = verdict(policy, data);
        assert_eq!((said, why.as_str()), ("fails", expected), "{policy}");
    };
    check("a: b: \"x\"", r#"{"a": {"b": "y"}}"#, "`a.b`: `y` is not `x` (line 1, column 7 of the policy)");
    check("a: 1\nb: <5", r#"{"b": 7}"#, "`b`: the value is not < 5 (line 2, column 4 of the policy)");
    check("a: {", "{}", "a value is missing here (line 1, column 5 of the policy)");
    check("a: 1", "a: 1", "the document is no JSON: expected value at line 1 column 1");
}

#[test]
fn names_what_is_missing() {
    let policy = CuePolicy::parse("predicate: {builder: id: string, level: >=2}\nkind: \"a\" | \"b\"").unwrap();
    assert_eq!(policy.judge("{}").unwrap().open, ["predicate.builder.id", "predicate.level"]);
    assert!(policy.judge(r#"{"predicate": {"builder": {"id": "x"}, "level": 3}, "kind": "a"}"#).unwrap().open.is_empty());
}

#[test]
fn is_bounded() {
    let deep = format!("a: {}1{}", "[".repeat(5000), "]".repeat(5000));
    let infinite = "a: {b: a}";
    let many = format!("a: {}", (0..2000).map(|number| format!("{number}")).collect::<Vec<_>>().join(" | "));
    let wide = (0..12).map(|_| "x: 1 | 2 | 3 | 4\n").collect::<String>();
    let let_loop = "let x = y\nlet y = x\na: x";
    for policy in [deep.as_str(), infinite, many.as_str(), let_loop] {
        assert_eq!(verdict(policy, "{}").0, "fails", "{}", policy.chars().take(40).collect::<String>());
    }
    let sums = format!("a: {}", (0..2000).map(|number| format!("{number}")).collect::<Vec<_>>().join(" + "));
    assert_eq!(verdict(&sums, "{}").0, "fails");
    let allowed = format!("a: {}", (0..500).map(|number| format!("\"CVE-{number}\"")).collect::<Vec<_>>().join(" | "));
    assert_eq!(verdict(&allowed, r#"{"a": "CVE-499"}"#).0, "passes");
    assert_eq!(verdict(&allowed, r#"{"a": "CVE-500"}"#).0, "fails");
    assert_eq!(verdict(&wide, r#"{"x": 5}"#).0, "fails");
    let nested = format!("{}1{}", r#"{"a":"#.repeat(120), "}".repeat(120));
    assert_eq!(verdict("b: 1", &nested).0, "fails");
}
