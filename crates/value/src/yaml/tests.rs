//! Documents, places, problems, and texts made to do harm.

use std::fmt::Write as _;

use super::*;
use crate::Data;

/// Documents as JSON, then each problem as `code@place text`, one a line.
fn shown(text: &str, options: ParseOptions) -> String {
    let (documents, problems) = parse_with(text, FileId(0), options);
    let mut out = String::new();
    for document in documents {
        writeln!(out, "{}", json::write(&document.value).unwrap_or_else(|| "?".to_owned())).unwrap();
    }
    for problem in problems {
        let mark = if problem.fatal { "!" } else { "" };
        let at = text.get(problem.span.start as usize..problem.span.end as usize).unwrap();
        writeln!(out, "{mark}{}@{} {at:?}", problem.code, problem.span.start).unwrap();
    }
    out
}

fn check(text: &str, expected: &[&str]) {
    assert_eq!(shown(text, ParseOptions::default()).lines().collect::<Vec<_>>(), expected, "for {text:?}");
}

#[test]
fn scalars_and_collections() {
    check("a: 1\nb: [x, 'y', \"z\"]\nc:\n- true\n- ~\n", &[r#"{"a":1,"b":["x","y","z"],"c":[true,null]}"#]);
    check("a: '1'\nb: \"true\"\nc: yes\nd: 2026-01-01\n", &[r#"{"a":"1","b":"true","c":"yes","d":"2026-01-01"}"#]);
    check("a: |\n  x\n  y\nb: >-\n  x\n  y\n", &[r#"{"a":"x\ny\n","b":"x y"}"#]);
    check("a: !!str 1\nb: !x 2\nc: ! 3\nd: !!int '4'\n", &[r#"{"a":"1","b":2,"c":"3","d":4}"#]);
    check("1: a\ntrue: b\non: c\n~: d\n", &[r#"{"1":"a","on":"c","true":"b","~":"d"}"#]);
    check("a:\nb:\n", &[r#"{"a":null,"b":null}"#]);
    check("a: .nan\n", &[r#"{"a":".nan"}"#]);
}

#[test]
fn what_readers_take_although_the_standard_does_not() {
    check("a:\n  b: \"x\ny é\n    z\\\"\"\n  c: 1\n", &[r#"{"a":{"b":"x y é z\"","c":1}}"#]);
    check("a:\n  b: &x\" 'it''s\n\ny'\n  c: *x\"\n  d: \"\né\n\"\n", &[r#"{"a":{"b":"it's\ny","c":"it's\ny","d":" é "}}"#]);
    check("a:\n  b: \"x\n y: z\n", &[r#"!yaml-syntax@8 "\"""#]);
    check("a:\n- [\n  b\n]\n", &[r#"{"a":[["b"]]}"#]);
    check("a: {\n  b: 1\n}\n", &[r#"{"a":{"b":1}}"#]);
}

#[test]
fn the_last_line_break() {
    check("a: |\n  x", &[r#"{"a":"x"}"#]);
    check("a: |\n  x\n", &[r#"{"a":"x\n"}"#]);
    check("a: >\n  x\n  y", &[r#"{"a":"x y"}"#]);
    check("a: |+\n  x\n\n", &[r#"{"a":"x\n\n"}"#]);
    check("a: |-\n  x", &[r#"{"a":"x"}"#]);
    check("- |\n x\n- |\n y\n---\n|\n z", &[r#"["x\n","y\n"]"#, r#""z""#]);
}

#[test]
fn streams() {
    check("", &[]);
    check("# only a comment\n", &[]);
    check("---\n", &["null"]);
    check("a: 1\n---\nb: 2\n--- c\n", &[r#"{"a":1}"#, r#"{"b":2}"#, r#""c""#]);
    check("%YAML 1.2\n---\na: 1\n...\n%TAG ! x\n---\nb: 1\n...\nc\n", &[r#"{"a":1}"#, r#"{"b":1}"#, r#""c""#]);
    check("a: 1\r\n---\r\nb: 2\r\n", &[r#"{"a":1}"#, r#"{"b":2}"#]);
    check("a: |\n  ---\n  x\n", &[r#"{"a":"---\nx\n"}"#]);
    check("\u{feff}a: 1\n", &[r#"{"a":1}"#]);
    check("a: 1\n---\n---\nb: 1\n", &[r#"{"a":1}"#, "null", r#"{"b":1}"#]);
}

#[test]
fn json_is_read_too() {
    check("{\"a\": [1, 2]}", &[r#"{"a":[1,2]}"#]);
    check("{\"a\":\t1}\n", &[r#"{"a":1}"#]);
    check("{a: 1}\n", &[r#"{"a":1}"#]);
    check("{\"a\": 1}\n---\n{\"b\": 1}\n", &[r#"{"a":1}"#, r#"{"b":1}"#]);
}

#[test]
fn anchors_and_merge_keys() {
    check("a: &x {k: 1}\nb: *x\nc: [*x, *x]\n", &[r#"{"a":{"k":1},"b":{"k":1},"c":[{"k":1},{"k":1}]}"#]);
    check("base: &b {k: 1, l: 2}\nx:\n  <<: *b\n  k: 3\n", &[r#"{"base":{"k":1,"l":2},"x":{"k":3,"l":2}}"#]);
    check("x:\n  k: 3\n  <<: [{k: 1, l: 2}, {l: 4, m: 5}]\n", &[r#"{"x":{"k":3,"l":2,"m":5}}"#]);
    check("x: {'<<': 1}\n", &[r#"{"x":{"<<":1}}"#]);
    check("x: {<<: 1}\n", &[r#"{"x":{"<<":1}}"#, r#"yaml-merge@4 "<<""#]);
    check("&k a: 1\nb: *k\n", &[r#"{"a":1,"b":"a"}"#]);
    check("a: &k x\n*k : 1\n", &[r#"{"a":"x","x":1}"#]);
    check("a: *b\n", &[r#"!yaml-syntax@3 "*""#]);
    check("a: &x 1\n---\nb: *x\n", &[r#"{"a":1}"#, r#"!yaml-syntax@15 "*""#]);
    check("a: &x 1\n...\nb: *x\n", &[r#"{"a":1}"#, r#"!yaml-alias@15 "*x""#]);
    check("a: &x [*x]\n", &[r#"!yaml-alias@7 "*x""#]);
}

#[test]
fn odd_keys() {
    check("a: 1\nb: 2\na: 3\n", &[r#"{"a":3,"b":2}"#, r#"yaml-duplicate-key@10 "a""#]);
    check("? [a]\n: 1\n", &[r#"{"[\"a\"]":1}"#, r#"yaml-complex-key@2 "[a]""#]);
    check("? a\n? b\n", &[r#"{"a":null,"b":null}"#]);
}

#[test]
fn broken_documents_leave_the_others() {
    check("a: 1\n---\nb: [1\n---\nc: 3\n", &[r#"{"a":1}"#, r#"{"c":3}"#, r#"!yaml-syntax@14 "\n""#]);
    check("a: 'x\n---\nc: 3\n", &[r#"{"c":3}"#, r#"!yaml-syntax@3 "'""#]);
    check("a: {{ .Values.x }}\n", &[r#"{"a":{"{\".Values.x\":null}":null}}"#, r#"yaml-complex-key@4 "{ .Values.x }""#]);
}

#[test]
fn cloudformation_tags() {
    let options = ParseOptions { cloudformation: true, ..ParseOptions::default() };
    let text = "a: !Ref x\nb: !GetAtt x.Arn.y\nc: !Join ['', [a, !Sub 'b']]\nd: !GetAtt [x, y]\ne: !Other x\n";
    assert_eq!(
        shown(text, options),
        "{\"a\":{\"Ref\":\"x\"},\"b\":{\"Fn::GetAtt\":[\"x\",\"Arn.y\"]},\"c\":{\"Fn::Join\":[\"\",[\"a\",{\"Fn::Sub\":\"b\"}]]},\"d\":{\"Fn::GetAtt\":[\"x\",\"y\"]},\"e\":\"x\"}\n"
    );
}

#[test]
fn characters_that_some_take_for_line_breaks() {
    let options = ParseOptions { line_breaks_1_1: true, ..ParseOptions::default() };
    let check = |text: &str, expected: &str| assert_eq!(shown(text, options), expected, "for {text:?}");
    check("a: \"x\u{2028}y\"\nb: é\n", "{\"a\":\"x\u{2028}y\",\"b\":\"é\"}\n");
    check("a: 1 # \u{2028}b: 2\n---\nc: 3\n", "{\"c\":3}\n!yaml-line-break@7 \"\\u{2028}\"\n");
    check("a: x\u{85}b\n", "!yaml-line-break@4 \"\\u{85}\"\n");
}

#[test]
fn what_kubectl_reads_otherwise() {
    let options = ParseOptions { kubectl: true, ..ParseOptions::default() };
    let check = |text: &str, expected: &str| assert_eq!(shown(text, options), expected, "for {text:?}");
    check("a: y\nb: 0_0\nc: 'y'\n", "{\"a\":true,\"b\":0,\"c\":\"y\"}\n");
    check("a: {!!merge <<: {b: 1}, c: 2}\n", "{\"a\":{\"b\":1,\"c\":2}}\n");
    check("a: {! \"<<\": {b: 1}}\n", "{\"a\":{\"b\":1}}\n");
    check("a: {\"<<\": {b: 1}}\n", "{\"a\":{\"<<\":{\"b\":1}}}\n");
    check("<<: {b: 1}\nb: 2\n", "{\"b\":2}\n");
    check("b: 1\n<<: {b: 1, c: 2}\n", "{\"b\":1,\"c\":2}\n");
    check("b: 2\n<<: [{c: 1}, {b: 1}]\n---\nd: 3\n", "{\"d\":3}\n!yaml-merge-order@5 \"<<\"\n");
    check(
        "a: !!binary eA==\n---\n!<tag:yaml.org,2002:binary> eA==: 1\n",
        "!yaml-binary@3 \"!!binary eA==\"\n!yaml-binary@21 \"!<tag:yaml.org,2002:binary> eA==\"\n",
    );
    assert_eq!(shown("b: 2\n<<: {b: 1}\n", ParseOptions::default()), "{\"b\":2}\n");
}

#[test]
fn old_booleans() {
    let options = ParseOptions { booleans_1_1: true, octal_1_1: true, ..ParseOptions::default() };
    assert_eq!(shown("on: yes\na: 'no'\nm: 0644\n", options), "{\"a\":\"no\",\"m\":420,\"on\":true}\n");
}

/// Every key and scalar as `path=text of its span`.
fn places(text: &str) -> Vec<String> {
    fn visit(value: &Value, path: &str, text: &str, out: &mut Vec<String>) {
        let at = |span: Span| text.get(span.start as usize..span.end as usize).unwrap().to_owned();
        match &value.data {
            Data::Map(map) => {
                for (key, entry) in map.iter() {
                    out.push(format!("{path}/{key}: {}", at(entry.key)));
                    visit(&entry.value, &format!("{path}/{key}"), text, out);
                }
            }
            Data::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    visit(item, &format!("{path}/{index}"), text, out);
                }
            }
            _ => out.push(format!("{path}= {}", at(value.span))),
        }
    }
    let mut out = Vec::new();
    for document in parse(text, FileId(0)).0 {
        out.push(format!("document {:?}", text.get(document.span.start as usize..document.span.end as usize).unwrap()));
        visit(&document.value, "", text, &mut out);
    }
    out
}

#[test]
fn places_of_keys_and_scalars() {
    let check = |text: &str, expected: &[&str]| assert_eq!(places(text), expected, "for {text:?}");
    check("# c\na: x y # c\n\n# end\n", &[r#"document "a: x y""#, "/a: a", "/a= x y"]);
    check("\u{feff}é: [\"ü\", 'ö']\n", &["document \"é: [\\\"ü\\\", 'ö']\"", "/é: é", "/é/0= \"ü\"", "/é/1= 'ö'"]);
    check("a:\n\n  # c\nb:\n", &[r#"document "a:\n\n  # c\nb""#, "/a: a", "/a= ", "/b: b", "/b= "]);
    check("- é\n-\n- b\n", &[r#"document "- é\n-\n- b""#, "/0= é", "/1= ", "/2= b"]);
    check("a: |\n  é\n  b\n\nc: 1\n", &[r#"document "a: |\n  é\n  b\n\nc: 1""#, "/a: a", "/a= é\n  b", "/c: c", "/c= 1"]);
    check(
        "---\nü: ä\n--- {a: {b: ß}}\n",
        &[r#"document "ü: ä""#, "/ü: ü", "/ü= ä", r#"document "{a: {b: ß}}""#, "/a: a", "/a/b: b", "/a/b= ß"],
    );
    check(
        "a: \"x \\\" # y\" # c\nb: 'it''s'\t# 'c'\n",
        &[r#"document "a: \"x \\\" # y\" # c\nb: 'it''s'""#, "/a: a", "/a= \"x \\\" # y\"", "/b: b", "/b= 'it''s'"],
    );
    check("'b'  : &k !!str \"z\\\\\"  # \"c\"\n", &[r#"document "'b'  : &k !!str \"z\\\\\"""#, "/b: 'b'", "/b= &k !!str \"z\\\\\""]);
    check("[\"p\" , 'q' # c\n]\n", &[r#"document "[\"p\" , 'q' # c\n]""#, "/0= \"p\"", "/1= 'q'"]);
    check("a: &x é\nb: *x\n", &[r#"document "a: &x é\nb: *x""#, "/a: a", "/a= &x é", "/b: b", "/b= &x é"]);
    check(&format!("# {}\nü: z\n", "é".repeat(500)), &[r#"document "ü: z""#, "/ü: ü", "/ü= z"]);
}

#[test]
fn an_aliased_value_says_how_it_came() {
    let text = "base: &b {k: 1}\nx: *b\ny:\n  <<: *b\n";
    let (documents, _) = parse(text, FileId(0));
    let steps = |value: &Value| -> Vec<String> {
        let origin = value.origin.as_deref().unwrap();
        origin.steps.iter().map(|step| format!("{} {}", step.name, step.span.start)).collect()
    };
    let root = &documents[0].value;
    assert_eq!(steps(root.get("x").unwrap()), ["*b 19"]);
    assert_eq!(steps(root.get("y").unwrap().get("k").unwrap()), ["*b 31"]);
    assert!(root.get("base").unwrap().origin.is_none());
}

/// Reads it twice as YAML and says which codes came out.
fn codes(text: &str) -> Vec<&'static str> {
    parse(text, FileId(0)).1.into_iter().map(|problem| problem.code).collect()
}

#[test]
fn laughs_and_depths_meet_their_limits() {
    let mut laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let below = level - 1;
        writeln!(laughs, "a{level}: &a{level} [{}]", vec![format!("*a{below}"); 10].join(", ")).unwrap();
    }
    assert_eq!(codes(&laughs), ["yaml-budget"]);
    assert_eq!(codes(&"- ".repeat(100_000)), ["yaml-depth"]);
    assert!(!codes(&"[".repeat(100_000)).is_empty());
    assert!(!codes(&"{a: ".repeat(100_000)).is_empty());
    assert!(!codes(&"? ".repeat(100_000)).is_empty());
    let mut chain = "a0: &a0 [x]\n".to_owned();
    for level in 1..300 {
        writeln!(chain, "a{level}: &a{level} [*a{}]", level - 1).unwrap();
    }
    assert_eq!(codes(&chain), ["yaml-depth"]);
    assert_eq!(codes("a: 1\0\nb: 2\n"), ["yaml-syntax"]);
    assert_eq!(codes(&"[\n---\n".repeat(5000)).len(), MAX_PROBLEMS + 1);
}

/// Whether every place in a value is a range of whole characters of the text.
fn places_fit(value: &Value, text: &str) -> bool {
    let fits = |span: Span| text.get(span.start as usize..span.end as usize).is_some();
    fits(value.span)
        && match &value.data {
            Data::List(items) => items.iter().all(|item| places_fit(item, text)),
            Data::Map(map) => map.iter().all(|(_, entry)| fits(entry.key) && places_fit(&entry.value, text)),
            _ => true,
        }
}

const TOKENS: &[&str] = &[
    "a",
    "b: ",
    "- ",
    "? ",
    ": ",
    "&x ",
    "*x",
    "<<: ",
    "!t ",
    "!!str ",
    "'",
    "\"",
    "\\",
    "\n",
    "\n  ",
    " ",
    "\t",
    "[",
    "]",
    "{",
    "}",
    ",",
    "|",
    ">\n",
    "#",
    "---\n",
    "...\n",
    "%YAML 1.2\n",
    "%",
    "@",
    "é",
    "😀",
    "\u{feff}",
    "\u{85}",
    "\r\n",
    "\r",
    "\0",
    "~",
    "1",
    "0x",
    ".inf",
];

proptest::proptest! {
    #[test]
    fn any_text_ends_with_places_that_fit(picks in proptest::collection::vec(0..TOKENS.len(), 0..60)) {
        let text: String = picks.iter().filter_map(|pick| TOKENS.get(*pick).copied()).collect();
        let options = ParseOptions { line_breaks_1_1: true, cloudformation: true, ..ParseOptions::default() };
        let (documents, problems) = parse_with(&text, FileId(0), options);
        proptest::prop_assert!(documents.iter().all(|document| places_fit(&document.value, &text)));
        proptest::prop_assert!(problems.iter().all(|problem| text.get(problem.span.start as usize..problem.span.end as usize).is_some()));
    }

    #[test]
    fn what_is_written_as_json_is_read_back(picks in proptest::collection::vec(0..TOKENS.len(), 0..40)) {
        let text: String = picks.iter().filter_map(|pick| TOKENS.get(*pick).copied()).collect();
        for document in parse(&text, FileId(0)).0 {
            if let Some(written) = json::write(&document.value) {
                proptest::prop_assert_eq!(&json::parse(&written, FileId(0)).0, &document.value);
                let (again, _) = parse(&format!(" {written}"), FileId(0));
                proptest::prop_assert_eq!(&again.first().unwrap().value, &document.value);
            }
        }
    }
}

#[test]
fn maps_nested_as_keys_end() {
    for depth in [30, 80, 120] {
        let text = format!("- {}a{}\n", "{".repeat(depth), "}".repeat(depth));
        let (_, problems) = parse(&text, FileId(0));
        assert!(problems.iter().any(|problem| problem.fatal && problem.code.starts_with("yaml-")), "{depth}");
    }
    let (documents, problems) = parse("{{a: 1}: 2}", FileId(0));
    assert_eq!((documents.len(), problems.iter().filter(|problem| problem.fatal).count()), (1, 0));
}
