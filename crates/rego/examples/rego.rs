//! Evaluates a query over files (`cargo run --example rego -- QUERY [--v0] [--input FILE.json] [--data FILE.json] [--json] [--places] [--coverage] FILE.rego...`).
#![allow(clippy::print_stdout, clippy::disallowed_methods, clippy::expect_used, clippy::unwrap_used, reason = "a tool of the developers")]

use probity_core::Timestamp;
use probity_rego::{Compiler, EvalOptions, Version};
use probity_value::SourceMap;

fn main() {
    let mut args = std::env::args().skip(1);
    let query = args.next().expect("a query");
    let (mut version, mut input, mut places, mut coverage, mut json) = (Version::V1, None, false, false, false);
    let sources = SourceMap::new();
    let mut compiler = Compiler::new().prints();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--v0" => version = Version::V0,
            "--json" => json = true,
            "--places" => places = true,
            "--coverage" => coverage = true,
            "--data" => {
                let path = args.next().expect("a file");
                let text = std::fs::read_to_string(&path).expect("a file");
                compiler = compiler.data_term(probity_rego::json::parse(&text).expect("JSON"));
            }
            "--input" => {
                let path = args.next().expect("a file");
                let text = std::fs::read_to_string(&path).expect("a file");
                let id = sources.add(path, text.as_str());
                input = Some(probity_value::json::parse(&text, id).0);
            }
            path => {
                let text = std::fs::read_to_string(path).expect("a file");
                let id = sources.add(path, text.as_str());
                compiler = compiler.module(path, text, id, version);
            }
        }
    }
    let show = |problem: &probity_core::Diagnostic| {
        let at = sources.locate(problem.span).map_or(String::new(), |(_, start, _)| format!("{}:{}", start.line, start.column));
        println!("{}:{at}: {}: {}", problem.file, problem.code, problem.message);
    };
    let program = match compiler.compile() {
        Ok(program) => program,
        Err(problems) => return problems.iter().for_each(show),
    };
    let query = match program.prepare(&query) {
        Ok(query) => query,
        Err(problem) => return show(&problem),
    };
    let options = EvalOptions { now: Timestamp { seconds: 1_700_000_000, nanoseconds: 0 }, places, coverage, ..EvalOptions::default() };
    let place = |span| sources.locate(span).map_or("-".to_owned(), |(file, start, _)| format!("{file}:{}:{}", start.line, start.column));
    match program.evaluate(&query, input.as_ref(), None, &options) {
        Ok(evaluation) if json => println!("{}", evaluation.value().map_or_else(|| "undefined".to_owned(), |value| value.to_json())),
        Ok(evaluation) => {
            for solution in &evaluation.solutions {
                let bindings: Vec<String> = solution.bindings.iter().map(|(name, value)| format!("{name} = {value}")).collect();
                let values: Vec<String> = solution.values.iter().map(ToString::to_string).collect();
                println!("{} [{}]", values.join("; "), bindings.join(", "));
            }
            for (member, spans) in &evaluation.places {
                let spans: Vec<String> = spans.iter().map(|span| place(*span)).collect();
                println!("{member} at {}", spans.join(" "));
            }
            for print in &evaluation.prints {
                println!("{}: {}", place(print.at), print.text);
            }
            for span in &evaluation.covered {
                println!("covered {}", place(*span));
            }
            println!("{} steps", evaluation.steps);
        }
        Err(error) => println!("{}: {}: {}", place(error.at), error.code.as_str(), error.message),
    }
}
