//! `functions/cases.txt`: every function of the language, each case evaluated as an argument of a resource.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test touches the world on purpose and fails by panicking"
)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use probity_core::{CollectOptions, Scope, Source as _, Tree as _};
use probity_iac::terraform::TerraformSource;
use probity_testkit::MapTree;
use probity_value::{Data, FileId, Map, SourceMap, UnknownKind, Value, json};

const CASES: &str = include_str!("functions/cases.txt");

struct Case<'a> {
    function: &'a str,
    expression: &'a str,
    expected: &'a str,
    line: usize,
}

fn cases() -> Vec<Case<'static>> {
    let mut function = "";
    let mut out = Vec::new();
    for (number, line) in CASES.lines().enumerate() {
        if let Some(head) = line.strip_prefix("## ") {
            function = head.split(' ').next().unwrap();
        } else if !line.is_empty() && !line.starts_with('#') {
            let (expression, expected) = line.rsplit_once(" => ").unwrap_or_else(|| panic!("line {}: no `=>`", number + 1));
            out.push(Case { function, expression, expected, line: number + 1 });
        }
    }
    out
}

/// As JSON, keys in order, or `error`, or `unknown`.
fn shown(value: &Value) -> String {
    fn sorted(value: &Value) -> Value {
        match &value.data {
            Data::List(items) => Value::list(items.iter().map(sorted).collect(), value.span),
            Data::Map(map) => {
                let mut copy = Map::new();
                map.iter().for_each(|(key, entry)| {
                    copy.insert(Arc::clone(key), entry.key, sorted(&entry.value));
                });
                copy.sort_keys();
                Value::map(copy, value.span)
            }
            _ => value.clone(),
        }
    }
    match value.find_unknown() {
        Some(unknown) if unknown.kind == UnknownKind::Invalid => "error".to_owned(),
        Some(_) => "unknown".to_owned(),
        None => json::write(&sorted(value)).unwrap(),
    }
}

#[test]
fn every_case_gives_its_value() {
    let cases = cases();
    let mut text = "variable \"unknown\" {}\nvariable \"secret\" {\n  default   = \"s3cr3t\"\n  sensitive = true\n}\n".to_owned();
    for (number, case) in cases.iter().enumerate() {
        writeln!(text, "resource \"t\" \"c{number}\" {{\n  x = {}\n}}", case.expression).unwrap();
    }
    let tree = MapTree::new([
        ("main.tf", text.as_bytes()),
        ("hello.txt", b"Hello, World!"),
        ("people.csv", b"name,age\nal,3\nbo,4\n"),
        ("greeting.tftpl", b"Hello, ${name}!\n%{ for item in items ~}\n- ${item}\n%{ endfor ~}\n"),
        ("conf/a.json", b"{}"),
        ("conf/b.json", b"{}"),
        ("conf/sub/c.yaml", b"a: 1\n"),
        ("binary.bin", &[0xff, 0xfe]),
    ]);
    let unclaimed: Vec<Arc<str>> = tree.files().iter().map(|file| Arc::clone(&file.path)).collect();
    let (sources, options) = (SourceMap::new(), CollectOptions::default());
    let collected = TerraformSource.collect(&Scope { tree: &tree, sources: &sources, unclaimed: &unclaimed, options: &options });
    let subjects: BTreeMap<&str, &Value> = collected.subjects.iter().map(|subject| (&*subject.id, &subject.value)).collect();
    let mut wrong = Vec::new();
    for (number, case) in cases.iter().enumerate() {
        let value = subjects.get(format!("t.c{number}").as_str()).and_then(|value| value.get("x"));
        let said = value.map_or_else(|| "nothing".to_owned(), shown);
        let expected = match case.expected {
            word @ ("error" | "unknown") => word.to_owned(),
            text => {
                let (value, problems) = json::parse(text, FileId::NONE);
                assert!(problems.is_empty(), "line {}: {problems:?}", case.line);
                shown(&value)
            }
        };
        if said != expected {
            wrong.push(format!("line {}: {} => {expected}\n    said {said} ({value:?})", case.line, case.expression));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

#[test]
fn every_function_has_three_cases() {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for case in cases() {
        *counts.entry(case.function).or_default() += 1;
        assert!(case.expression.contains(case.function), "line {}: not a case of `{}`", case.line, case.function);
    }
    let few: Vec<_> = counts.iter().filter(|(_, count)| **count < 3).collect();
    assert!(few.is_empty(), "{few:?}");
    let names: Vec<&str> = counts.keys().copied().collect();
    let listed: Vec<&str> = CASES.lines().filter_map(|line| line.strip_prefix("## ")?.split(' ').next()).collect();
    assert_eq!(listed, names, "in order, each once");
}
