//! Runs the compliance cases of OPA (`cargo run --example opa_cases -- FOLDER [FILTER]`): one JSON object a case.
#![allow(clippy::print_stdout, clippy::disallowed_methods, clippy::expect_used, clippy::unwrap_used, reason = "a tool of the developers")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use probity_core::Timestamp;
use probity_rego::{Compiler, EvalOptions, Term, Version};
use probity_value::FileId;

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "json") {
            found.push(path);
        }
    }
}

/// What a case gives: its solutions as terms, or the code and message of an error.
fn run(case: &Term, version: Version) -> Result<Vec<Term>, (String, String)> {
    let text = |key: &str| case.get_str(key).and_then(|value| value.as_str().map(str::to_owned));
    let mut compiler = Compiler::new();
    if let Some(modules) = case.get_str("modules") {
        for (at, module) in modules.as_array().expect("a list").iter().enumerate() {
            let id = FileId(u32::try_from(at).expect("few modules"));
            compiler = compiler.module(format!("module-{at}.rego"), module.as_str().expect("text"), id, version);
        }
    }
    if let Some(data) = case.get_str("data") {
        compiler = compiler.data_term(data);
    }
    let compile_error = |problem: &probity_core::Diagnostic| (problem.code.to_owned(), format!("{}: {}", problem.file, problem.message));
    let program = compiler.compile().map_err(|problems| compile_error(problems.first().expect("a problem")))?;
    let query = program.prepare(&text("query").expect("a query")).map_err(|problem| compile_error(&problem))?;
    let input = match text("input_term") {
        Some(term) => Some(probity_rego::ground_term(&term).expect("a term")),
        None => case.get_str("input"),
    };
    let options = EvalOptions {
        strict_builtin_errors: case.get_str("strict_error") == Some(Term::Bool(true)),
        now: Timestamp { seconds: 1_700_000_000, nanoseconds: 0 },
        ..EvalOptions::default()
    };
    let evaluation =
        program.evaluate_term(&query, input, None, &options).map_err(|error| (error.code.as_str().to_owned(), error.message))?;
    Ok(evaluation
        .solutions
        .into_iter()
        .map(|solution| Term::object(solution.bindings.into_iter().map(|(name, value)| (Term::String(name), value)).collect()))
        .collect())
}

/// As JSON knows it; lists of bindings in order where their order does not count.
fn normal(terms: Vec<Term>, sort: bool) -> Vec<Term> {
    let mut terms: Vec<Term> = terms
        .into_iter()
        .map(|term| {
            let term = probity_rego::json::parse(&term.to_json()).expect("JSON");
            if !sort {
                return term;
            }
            let Some(object) = term.as_object() else { return term };
            Term::object(
                object
                    .iter()
                    .map(|(key, value)| match value.as_array() {
                        Some(items) => {
                            let mut items = items.to_vec();
                            items.sort();
                            (key, Term::array(items))
                        }
                        None => (key, value),
                    })
                    .collect(),
            )
        })
        .collect();
    terms.sort();
    terms
}

fn main() {
    let mut args = std::env::args().skip(1);
    let folder = PathBuf::from(args.next().unwrap_or_else(|| "../shared/conformance/opa-cases".to_owned()));
    let filter = args.next().unwrap_or_default();
    let version = if args.next().as_deref() == Some("v0") { Version::V0 } else { Version::V1 };
    let mut found = Vec::new();
    files(&folder, &mut found);
    for path in found {
        let text = std::fs::read_to_string(&path).expect("a file");
        let document = probity_rego::json::parse(&text).expect("JSON");
        let name = path.strip_prefix(&folder).unwrap_or(&path).display().to_string();
        for (at, case) in document.get_str("cases").expect("cases").as_array().expect("a list").iter().enumerate() {
            let note = case.get_str("note").and_then(|note| note.as_str().map(str::to_owned)).unwrap_or_default();
            let id = format!("{name}#{at} {note}");
            if !id.contains(&filter) {
                continue;
            }
            let sort = case.get_str("sort_bindings") == Some(Term::Bool(true));
            let wanted = case.get_str("want_result").map(|result| normal(result.as_array().expect("a list").to_vec(), sort));
            let wanted_code = case.get_str("want_error_code").and_then(|code| code.as_str().map(str::to_owned));
            let wanted_error = case.get_str("want_error").and_then(|code| code.as_str().map(str::to_owned)).unwrap_or_default();
            let outcome =
                catch_unwind(AssertUnwindSafe(|| run(&case, version))).unwrap_or_else(|_| Err(("panic".to_owned(), String::new())));
            let outcome = outcome.map(|solutions| normal(solutions, sort));
            let expected = match (&wanted_code, &wanted) {
                (Some(code), _) => format!("{code}: {wanted_error}"),
                (None, Some(result)) => Term::array(result.clone()).to_json(),
                (None, None) => wanted_error.clone(),
            };
            let actual = match &outcome {
                Ok(solutions) => Term::array(solutions.clone()).to_json(),
                Err((code, message)) => format!("{code}: {message}"),
            };
            let agreed = match (&wanted_code, &wanted, &outcome) {
                (Some(code), _, Err((found, _))) => code == found,
                (None, Some(result), Ok(solutions)) => result == solutions,
                (None, None, Err((code, _))) => wanted_error.contains(code.as_str()),
                _ => false,
            };
            let kind = match (agreed, &outcome) {
                (true, _) => Term::Null,
                (false, Ok(solutions)) if solutions.is_empty() => "false-allow".into(),
                (false, _) => "false-deny".into(),
            };
            let line = Term::object(vec![
                ("id".into(), id.into()),
                ("expected".into(), expected.into()),
                ("actual".into(), actual.into()),
                ("agreed".into(), Term::Bool(agreed)),
                ("kind".into(), kind),
                ("why".into(), "".into()),
            ]);
            println!("{}", line.to_json());
        }
    }
}
