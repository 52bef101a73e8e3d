//! Runs the compliance cases of JMESPath (`jmespath.test`, JSON files) in a folder and prints one JSON object for each.
//!
//! A key that does not exist counts as null there; here it is an error of its own.
#![expect(clippy::print_stdout, reason = "this is what it is for")]
#![expect(clippy::disallowed_methods, reason = "a runner reads files")]

use std::sync::Arc;

use probity_core::{Inventory, Limits, NoLookup, PolicyContext, Timestamp};
use probity_kyverno::jmespath::{Evaluation, Expression};
use probity_value::{FileId, Span, Value, json};

fn main() -> anyhow::Result<()> {
    let folder = std::env::args().nth(1).ok_or_else(|| anyhow::anyhow!("a folder is needed"))?;
    let mut files: Vec<_> = std::fs::read_dir(folder)?.collect::<Result<_, _>>()?;
    files.sort_by_key(std::fs::DirEntry::file_name);
    let inventory = Arc::new(Inventory::default());
    let context = PolicyContext {
        lookup: &NoLookup,
        inventory: &inventory,
        limits: Limits::default(),
        now: Timestamp { seconds: 0, nanoseconds: 0 },
        interrupted: &|| false,
    };
    for file in files {
        let (suites, _) = json::parse(&std::fs::read_to_string(file.path())?, FileId::NONE);
        for (suite_at, suite) in suites.as_list().unwrap_or_default().iter().enumerate() {
            let null = Value::null(Span::NONE);
            let given = suite.get("given").unwrap_or(&null);
            for (case_at, case) in suite.get("cases").and_then(Value::as_list).unwrap_or_default().iter().enumerate() {
                let Some(text) = case.get("expression").and_then(Value::as_str) else { continue };
                let evaluation = Evaluation::new(&context);
                let actual = match Expression::parse(text, Span::NONE).and_then(|expression| expression.search_value(given, &evaluation)) {
                    Ok(value) => json::write(&value).unwrap_or_default(),
                    Err(error) if error.is_not_found() => "null".to_owned(),
                    Err(error) => format!("error: {error}"),
                };
                let expected = match (case.get("result"), case.get("error")) {
                    (Some(value), _) => json::write(value).unwrap_or_default(),
                    (None, error) => format!("error: {}", error.and_then(Value::as_str).unwrap_or_default()),
                };
                let agreed = expected == actual || (expected.starts_with("error") && actual.starts_with("error"));
                let mut line = probity_value::Map::new();
                let id = format!("{}/{suite_at}/{case_at}", file.file_name().to_string_lossy());
                for (key, text) in [("id", id.as_str()), ("expression", text), ("expected", &expected), ("actual", &actual)] {
                    line.insert(key, Span::NONE, Value::string(text, Span::NONE));
                }
                line.insert("agreed", Span::NONE, Value::bool(agreed, Span::NONE));
                println!("{}", json::write(&Value::map(line, Span::NONE)).unwrap_or_default());
            }
        }
    }
    Ok(())
}
