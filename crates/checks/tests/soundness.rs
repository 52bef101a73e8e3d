//! An unknown never hides an answer: what is judged definitely stays so whatever the unknown parts turn out to be. And nothing panics.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test touches the world on purpose and fails by panicking"
)]

mod support;

use std::sync::Arc;

use probity_core::{EvalContext, Program, Status, SubjectIndex, SubjectKind, World};
use probity_value::{Data, Map, Span, Unknown, UnknownKind, Value};
use proptest::prelude::*;
use support::{program, rule, subject};

const PATHS: &[&str] = &[
    "a",
    "b",
    "a.x",
    "b.x",
    "a[*]",
    "a[*].x",
    "b[0]",
    "b[0].x",
    "a.*",
    "a.x[*]",
    "b.x.y",
    "$statements",
    "a.$statements[*].effect",
    "$ingress",
    "$egress[*].world",
    "$.a",
];

const TESTS: &[&str] = &[
    r#""equals": 1"#,
    r#""equals": "ab""#,
    r#""equals": [1, "ab"]"#,
    r#""equals": {"x": 1}"#,
    r#""equals": {"path": "b"}"#,
    r#""not_equals": 1"#,
    r#""in": [1, "ab", true]"#,
    r#""not_in": ["ab"]"#,
    r#""exists": true"#,
    r#""exists": false"#,
    r#""empty": true"#,
    r#""empty": false"#,
    r#""matches": "^a""#,
    r#""like": "a*""#,
    r#""not_like": ["a*", "b"]"#,
    r#""contains": 1"#,
    r#""contains": "a""#,
    r#""not_contains": "x""#,
    r#""contains_any": [1, "b"]"#,
    r#""contains_all": [1, "ab"]"#,
    r#""contains": {"path": "b"}"#,
    r#""within": [1, "ab"]"#,
    r#""within": {"path": "a"}"#,
    r#""starts_with": "ab""#,
    r#""starts_with": ["b", "a"]"#,
    r#""ends_with": "b""#,
    r#""gt": 0"#,
    r#""lte": 1, "type": "number""#,
    r#""version_gte": "1""#,
    r#""length_gte": 1"#,
    r#""type": "string""#,
    r#""type": "list""#,
    r#""cidr_world": true"#,
    r#""cidr_world": false"#,
    r#""cidr_within": "0.0.0.0/0""#,
    r#""equals": "AB", "ignore_case": true"#,
    r#""allows": {"action": "s:*"}"#,
    r#""allows": {"action": "s:x", "resource": "r", "principal": "anyone"}"#,
];

/// Names of blocks, which hold maps.
const BLOCKS: &[&str] = &["ingress", "egress", "statement", "Statement"];

/// A condition as JSON text.
fn condition() -> impl Strategy<Value = String> {
    let extras = prop_oneof![
        6 => Just(""),
        1 => Just(r#", "match": "any""#),
        1 => Just(r#", "match": "all""#),
        1 => Just(r#", "match": "none""#),
        1 => Just(r#", "absent": true"#),
        1 => Just(r#", "absent": false"#),
    ];
    let leaf = prop_oneof![
        12 => (prop::sample::select(PATHS), prop::sample::select(TESTS), extras)
            .prop_map(|(path, test, extra)| format!(r#"{{"path": "{path}", {test}{extra}}}"#)),
        1 => Just("true".to_owned()),
        1 => Just(r#"{"opens": {"ports": [22], "protocol": "tcp"}}"#.to_owned()),
        1 => Just(r#"{"opens": {"ports": "all", "direction": "egress"}}"#.to_owned()),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|one| format!(r#"{{"not": {one}}}"#)),
            prop::collection::vec(inner.clone(), 1..3).prop_map(|list| format!(r#"{{"all": [{}]}}"#, list.join(", "))),
            prop::collection::vec(inner.clone(), 1..3).prop_map(|list| format!(r#"{{"any": [{}]}}"#, list.join(", "))),
            (prop::sample::select(&["every", "some", "none"][..]), prop::sample::select(PATHS), inner)
                .prop_map(|(word, path, one)| format!(r#"{{"{word}": "{path}", "is": {one}}}"#)),
        ]
    })
}

fn check() -> impl Strategy<Value = String> {
    (prop::option::of(condition()), condition(), any::<bool>(), any::<bool>()).prop_map(|(when, condition, fail_if, pass)| {
        let when = when.map(|when| format!("when: {when}\n")).unwrap_or_default();
        let head = if fail_if { "fail_if" } else { "fail_unless" };
        format!("{when}{head}: {condition}\nabsent: {}", if pass { "pass" } else { "fail" })
    })
}

fn known_leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::null(Span::NONE)),
        any::<bool>().prop_map(|value| Value::bool(value, Span::NONE)),
        (-1_i64..3).prop_map(|value| Value::int(value, Span::NONE)),
        Just(Value::int(22, Span::NONE)),
        "[ab]{0,3}".prop_map(|text| Value::string(text.as_str(), Span::NONE)),
        prop::sample::select(
            &[
                "1",
                "true",
                "0.0.0.0/0",
                "0.0.0.0/1",
                "::/0",
                "10.0.0.0/8",
                "tcp",
                "-1",
                "s:*",
                "s:x",
                "*",
                "r",
                "Allow",
                "Deny",
                "allow",
                "{\"x\":[1,\"ab\"]}"
            ][..]
        )
        .prop_map(|text| Value::string(text, Span::NONE)),
    ]
}

/// An unknown that may be anything, is sure to be set, or is text with a known beginning.
fn unknown() -> impl Strategy<Value = Value> {
    let prefix = prop_oneof![2 => Just(""), 1 => Just("a"), 1 => Just("ab"), 1 => Just("0.0"), 1 => Just("10.")];
    let suffix = prop_oneof![3 => Just(""), 1 => Just("b"), 1 => Just("ab"), 1 => Just(".0/0")];
    (any::<bool>(), prefix, suffix).prop_map(|(set, prefix, suffix)| {
        let unknown = Unknown {
            kind: UnknownKind::Variable,
            reason: "u".into(),
            set: set || !prefix.is_empty() || !suffix.is_empty(),
            prefix: prefix.into(),
            suffix: suffix.into(),
            decoded: None,
        };
        Value::new(Data::Unknown(Arc::new(unknown)), Span::NONE)
    })
}

fn tree(leaf: impl Strategy<Value = Value> + 'static) -> impl Strategy<Value = Value> {
    let keys = &[
        "x",
        "y",
        "effect",
        "actions",
        "resources",
        "principals",
        "Statement",
        "Effect",
        "Action",
        "Principal",
        "from_port",
        "to_port",
        "protocol",
        "cidr_blocks",
    ][..];
    leaf.prop_recursive(3, 16, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|items| Value::list(items, Span::NONE)),
            prop::collection::vec((prop::sample::select(keys), inner.clone()), 0..5).prop_map(block_that_may_be),
            prop::collection::vec((prop::sample::select(keys), inner), 0..5).prop_map(map),
        ]
    })
}

fn map(entries: Vec<(&str, Value)>) -> Value {
    let mut map = Map::new();
    for (key, value) in entries {
        map.insert(key, Span::NONE, value);
    }
    Value::map(map, Span::NONE)
}

fn value() -> impl Strategy<Value = Value> {
    let inner = || tree(prop_oneof![3 => known_leaf().boxed(), 1 => unknown().boxed()]);
    let keys = &["a", "b", "ingress", "egress", "statement"][..];
    prop::collection::vec((prop::sample::select(keys), inner()), 0..5).prop_map(map)
}

/// A list of one block of which it is not known whether it is there; what its content names may be known all the same.
fn block_that_may_be(mut entries: Vec<(&str, Value)>) -> Value {
    entries.push(("$maybe", Value::unknown(UnknownKind::Variable, "u", Span::NONE)));
    Value::list(vec![map(entries)], Span::NONE)
}

/// The same value with each unknown made something it may be.
fn settle(value: &Value, blocks: bool, choices: &mut impl Iterator<Item = Value>) -> Value {
    match &value.data {
        Data::List(items) => {
            let mut settled = Vec::new();
            for item in items.iter() {
                let mut block = settle(item, blocks, choices);
                if item.get("$maybe").is_some() {
                    // It may be there several times, or not at all.
                    let times = choices.next().and_then(|choice| choice.as_int()).unwrap_or(0).clamp(0, 2);
                    for _ in 0..times {
                        settled.push(block.clone());
                        block = settle(item, blocks, choices);
                    }
                } else {
                    settled.push(block);
                }
            }
            Value::list(settled, Span::NONE)
        }
        Data::Map(entries) => {
            let mut out = Map::new();
            for (key, entry) in entries.iter().filter(|(key, _)| &***key != "$maybe") {
                let blocks = BLOCKS.contains(&&**key);
                out.insert(Arc::clone(key), Span::NONE, settle(&entry.value, blocks, choices));
            }
            Value::map(out, Span::NONE)
        }
        Data::Unknown(unknown) => match choices.next() {
            // Blocks are maps.
            Some(choice) if blocks => {
                if choice.as_map().is_some() {
                    choice
                } else {
                    map(Vec::new())
                }
            }
            Some(choice) if !unknown.prefix.is_empty() || !unknown.suffix.is_empty() => {
                let rest = choice.as_str().unwrap_or_default();
                Value::string(format!("{}{rest}{}", unknown.prefix, unknown.suffix), Span::NONE)
            }
            Some(choice) if unknown.set && choice.is_null() => Value::string("", Span::NONE),
            Some(choice) => choice,
            None => Value::string("", Span::NONE),
        },
        _ => value.clone(),
    }
}

fn show(value: &Value) -> String {
    match &value.data {
        Data::List(items) => format!("[{}]", items.iter().map(show).collect::<Vec<_>>().join(", ")),
        Data::Map(map) => {
            format!("{{{}}}", map.iter().map(|(key, entry)| format!("{key}: {}", show(&entry.value))).collect::<Vec<_>>().join(", "))
        }
        Data::Unknown(unknown) => format!("?{}{}~{}", if unknown.set { "!" } else { "" }, unknown.prefix, unknown.suffix),
        Data::String(text) => format!("{text:?}"),
        Data::Number(number) => number.to_string(),
        Data::Bool(value) => value.to_string(),
        Data::Null => "null".to_owned(),
    }
}

fn judge(check: &str, value: Value) -> Option<Status> {
    let world = World::new(vec![subject(SubjectKind::Terraform, "aws_security_group", "aws_security_group.x", value)]);
    let results = program(rule("aws_security_group", check)).evaluate(SubjectIndex(0), &world, &EvalContext::default());
    results.first().map(|result| result.status)
}

/// Whether text with a known beginning stands where only blocks can.
fn odd(value: &Value, blocks: bool) -> bool {
    match &value.data {
        Data::List(items) => items.iter().any(|item| odd(item, blocks)),
        Data::Map(map) => map.iter().any(|(key, entry)| odd(&entry.value, BLOCKS.contains(&&**key))),
        Data::Unknown(unknown) => blocks && (!unknown.prefix.is_empty() || !unknown.suffix.is_empty()),
        _ => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn what_is_definite_stays(check in check(), value in value(), choices in prop::collection::vec(tree(known_leaf()), 12)) {
        prop_assume!(!odd(&value, false));
        let before = judge(&check, value.clone());
        if before != Some(Status::Unknown) {
            let mut choices = choices.into_iter().cycle();
            let settled = settle(&value, false, &mut choices);
            let after = judge(&check, settled.clone());
            // What it turns out to be may itself be unknown: text that is no CIDR, or no JSON.
            prop_assume!(after != Some(Status::Unknown));
            prop_assert_eq!(before, after, "{}\n{}\n{}", check, show(&value), show(&settled));
        }
    }
}
