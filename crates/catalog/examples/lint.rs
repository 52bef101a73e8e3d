//! Lints a folder of rule files, runs their tests, and prints what is wrong as `file:line:column: message`.
//!
//! `cargo run -q -p probity-catalog --example lint -- policies/aws`
#![allow(clippy::disallowed_methods, reason = "a developer's tool")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool")]

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs, io};

use probity_catalog::{lint, run_secret_tests, run_tests, unknown_controls, unknown_secret_controls};
use probity_core::Diagnostic;
use probity_testkit::MapTree;
use probity_value::SourceMap;

#[path = "../tests/support/mod.rs"]
mod support;

fn main() -> ExitCode {
    let Some(folder) = env::args().nth(1).map(PathBuf::from) else {
        eprintln!("which folder or file?");
        return ExitCode::from(2);
    };
    match run(&folder) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{}: {error}", folder.display());
            ExitCode::from(2)
        }
    }
}

fn run(folder: &Path) -> io::Result<usize> {
    // Ids are paths below the folder that holds `controls`.
    let folder = folder.canonicalize()?;
    let top = folder.ancestors().find(|above| above.join("controls").is_dir()).unwrap_or(&folder).to_owned();
    let mut files = Vec::new();
    read(&top, &top.join("controls"), &mut files)?;
    read(&top, &folder, &mut files)?;
    let tree = MapTree::new(files);
    let below = folder.strip_prefix(&top).map(|path| path.to_string_lossy().into_owned()).unwrap_or_default();
    let below = if folder.is_file() { String::new() } else { below };
    let sources = SourceMap::new();
    let linted = lint(&tree, "", &below, &sources);
    let mut diagnostics = linted.diagnostics;
    diagnostics.extend(unknown_controls(&linted.rules, &linted.frameworks));
    diagnostics.extend(unknown_secret_controls(&linted.secrets, &linted.frameworks));
    diagnostics.extend(run_secret_tests(&linted.secrets));
    for rule in &linted.rules {
        diagnostics.extend(run_tests(rule, &support::world));
    }
    let shown = top.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    for diagnostic in &diagnostics {
        print(diagnostic, &shown, &sources);
    }
    let secrets: usize = linted.secrets.iter().map(|rule| rule.document.hits.len() + rule.document.quiet.len()).sum();
    let tests: usize = linted.rules.iter().map(|rule| rule.document.tests.len()).sum::<usize>() + secrets;
    let skipped =
        linted.rules.iter().flat_map(|rule| &rule.document.tests).filter(|test| support::world(test.source, "").is_none()).count();
    eprintln!(
        "{} rules, {tests} tests ({skipped} of them not run), {} problems",
        linted.rules.len() + linted.secrets.len(),
        diagnostics.len()
    );
    Ok(diagnostics.len())
}

fn print(diagnostic: &Diagnostic, top: &str, sources: &SourceMap) {
    let at = sources.locate(diagnostic.span).map(|(_, start, _)| format!(":{}:{}", start.line, start.column)).unwrap_or_default();
    let hint = diagnostic.hint.as_ref().map(|hint| format!("; {hint}")).unwrap_or_default();
    println!("{top}/{}{at}: {}{hint}", diagnostic.file, diagnostic.message);
}

fn read(top: &Path, path: &Path, out: &mut Vec<(String, Vec<u8>)>) -> io::Result<()> {
    if path.is_file() {
        let below = path.strip_prefix(top).unwrap_or(path).to_string_lossy().into_owned();
        out.push((below, fs::read(path)?));
        return Ok(());
    }
    if !path.is_dir() {
        return Ok(());
    }
    for entry in fs::read_dir(path)? {
        read(top, &entry?.path(), out)?;
    }
    Ok(())
}
