//! Prints what files are read to, one JSON text a line, as `conftest parse` shows it: for comparing both.
//!
//! `cargo run -p probity-inputs --example parse_inputs -- [--parser NAME] FILE...`
#![allow(clippy::print_stdout, clippy::print_stderr, clippy::disallowed_methods, reason = "a program of its own")]

use std::process::ExitCode;

use probity_inputs::{Kind, detect, document};
use probity_value::{SourceMap, json};

fn main() -> ExitCode {
    let mut files: Vec<String> = std::env::args().skip(1).collect();
    let mut named = None;
    if files.first().is_some_and(|first| first == "--parser") {
        named = files.get(1).and_then(|name| name.parse::<Kind>().ok());
        files.drain(..2.min(files.len()));
    }
    let sources = SourceMap::new();
    let mut failed = false;
    for path in files {
        let Some(kind) = named.or_else(|| detect(&path)) else {
            eprintln!("{path}: no parser is known for this name");
            failed = true;
            continue;
        };
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) => {
                eprintln!("{path}: {error}");
                failed = true;
                continue;
            }
        };
        let file = sources.add(path.as_str(), text.as_str());
        match document(kind, &text, file) {
            Ok(value) => println!("{}", json::write(&value).unwrap_or_default()),
            Err(problems) => {
                failed = true;
                for problem in problems {
                    let (line, column) = sources.locate(problem.span).map_or((1, 1), |(_, at, _)| (at.line, at.column));
                    eprintln!("{path}:{line}:{column}: {}", problem.message);
                }
            }
        }
    }
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
