//! Runs the `test_` rules of every folder with Rego tests (`cargo run --example rego_tests -- FOLDER [v1]`): one JSON object a test.
#![allow(clippy::print_stdout, clippy::disallowed_methods, clippy::expect_used, clippy::unwrap_used, reason = "a tool of the developers")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use probity_core::Timestamp;
use probity_rego::{Compiler, EvalOptions, Term, Version};
use probity_value::FileId;

fn folders(folder: &Path, found: &mut Vec<(PathBuf, Vec<PathBuf>)>) {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
    entries.sort();
    let files: Vec<PathBuf> =
        entries.iter().filter(|path| path.extension().is_some_and(|extension| extension == "rego")).cloned().collect();
    if files.iter().any(|path| path.to_string_lossy().ends_with("_test.rego")) {
        found.push((folder.to_path_buf(), files));
    }
    entries.iter().filter(|path| path.is_dir()).for_each(|path| folders(path, found));
}

fn tell(id: String, actual: String) {
    let agreed = actual == "true";
    let kind = if agreed { Term::Null } else { "false-deny".into() };
    let line = Term::object(vec![
        ("id".into(), id.into()),
        ("expected".into(), "true".into()),
        ("actual".into(), actual.into()),
        ("agreed".into(), Term::Bool(agreed)),
        ("kind".into(), kind),
        ("why".into(), "".into()),
    ]);
    println!("{}", line.to_json());
}

fn main() {
    let mut args = std::env::args().skip(1);
    let folder = PathBuf::from(args.next().unwrap_or_else(|| "../shared/conformance/gatekeeper-library/src".to_owned()));
    let version = if args.next().as_deref() == Some("v1") { Version::V1 } else { Version::V0 };
    let mut found = Vec::new();
    folders(&folder, &mut found);
    for (path, files) in found {
        let name = path.strip_prefix(&folder).unwrap_or(&path).display().to_string();
        let mut compiler = Compiler::new().prints().tests_apart();
        for (at, file) in files.iter().enumerate() {
            let text = std::fs::read_to_string(file).expect("a file");
            compiler = compiler.module(file.display().to_string(), text, FileId(u32::try_from(at).expect("few files")), version);
        }
        let program = match compiler.compile() {
            Ok(program) => program,
            Err(problems) => {
                let problem = problems.first().expect("a problem");
                tell(name, format!("{}: {:?}: {}", problem.file, problem.span, problem.message));
                continue;
            }
        };
        // A test of several bodies counts as often: each is one rule of the suite.
        let mut tests: Vec<String> = program.rules().iter().filter(|rule| rule.name.starts_with("test_")).map(|rule| rule.path()).collect();
        tests.sort();
        for (at, test) in tests.iter().enumerate() {
            let options = EvalOptions { now: Timestamp { seconds: 1_700_000_000, nanoseconds: 0 }, ..EvalOptions::default() };
            let outcome = catch_unwind(AssertUnwindSafe(|| {
                let query = program.prepare(test).map_err(|problem| problem.message)?;
                program.evaluate(&query, None, None, &options).map_err(|error| error.message)
            }));
            let actual = match outcome {
                Ok(Ok(evaluation)) => evaluation.value().map_or_else(|| "undefined".to_owned(), Term::to_json),
                Ok(Err(message)) => message,
                Err(_) => "panic".to_owned(),
            };
            let again = tests.iter().take(at).filter(|before| *before == test).count();
            tell(if again == 0 { format!("{name} {test}") } else { format!("{name} {test}#{again}") }, actual);
        }
    }
}
