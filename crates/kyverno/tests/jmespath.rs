//! Expressions and their values, as Kyverno's own command line gives them (`jmespath/cases.txt`; what differs on purpose is in
//! `jmespath/different.txt`).
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::sync::Arc;

use probity_core::{Inventory, Limits, NoLookup, PolicyContext, Timestamp};
use probity_kyverno::jmespath::{Evaluation, Expression};
use probity_value::{FileId, Span, Value, json};

fn evaluate(text: &str, input: &Value) -> Result<String, String> {
    let inventory = Arc::new(Inventory::default());
    let context = PolicyContext {
        lookup: &NoLookup,
        inventory: &inventory,
        limits: Limits::default(),
        now: Timestamp { seconds: 1_700_000_000, nanoseconds: 0 },
        interrupted: &|| false,
    };
    let evaluation = Evaluation::new(&context);
    let value = Expression::parse(text, Span::NONE)
        .and_then(|expression| expression.search_value(input, &evaluation))
        .map_err(|error| error.to_string())?;
    json::write(&value).ok_or_else(|| "not known".to_owned())
}

fn run(cases: &str) {
    let (input, problems) = json::parse(include_str!("jmespath/input.json"), FileId::NONE);
    assert!(problems.is_empty());
    let mut wrong = Vec::new();
    for line in cases.lines().filter(|line| !line.is_empty() && !line.starts_with("# ")) {
        let (text, expected) = line.rsplit_once(" => ").unwrap_or_else(|| panic!("{line}"));
        let agreed = match (evaluate(text, &input), expected) {
            (Err(_), "error") => true,
            (Ok(actual), expected) => actual == json::write(&json::parse(expected, FileId::NONE).0).unwrap_or_default(),
            (Err(_), _) => false,
        };
        if !agreed {
            wrong.push(format!("{text}\n  expected {expected}\n  actual   {:?}", evaluate(text, &input)));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn values_are_those_of_kyverno() {
    run(include_str!("jmespath/cases.txt"));
}

#[test]
fn differences_are_on_purpose() {
    run(include_str!("jmespath/different.txt"));
}
