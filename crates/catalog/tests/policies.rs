//! Everything under `policies/`: every file is sound, ids follow paths, controls are known, and every rule's own tests hold.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test touches the world on purpose and fails by panicking"
)]

mod support;

use std::path::{Path, PathBuf};
use std::{fs, io};

use probity_catalog::{builtin, lint, run_secret_tests, run_tests, unknown_controls, unknown_pairs, unknown_secret_controls};
use probity_core::Diagnostic;
use probity_testkit::MapTree;
use probity_value::SourceMap;

fn read(top: &Path, folder: &Path, out: &mut Vec<(String, Vec<u8>)>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            read(top, &path, out)?;
        } else if let Ok(below) = path.strip_prefix(top) {
            out.push((below.to_string_lossy().replace('\\', "/"), fs::read(&path)?));
        }
    }
    Ok(())
}

#[test]
fn every_rule_is_sound_and_its_tests_hold() {
    let top = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../policies");
    let mut files = Vec::new();
    read(&top, &top, &mut files).unwrap();
    let tree = MapTree::new(files);
    let sources = SourceMap::new();
    let linted = lint(&tree, "", "", &sources);
    let mut diagnostics = linted.diagnostics;
    diagnostics.extend(unknown_controls(&linted.rules, &linted.frameworks));
    diagnostics.extend(unknown_pairs(&linted.rules, &linted.secrets, &linted.frameworks));
    diagnostics.extend(unknown_secret_controls(&linted.secrets, &linted.frameworks));
    diagnostics.extend(run_secret_tests(&linted.secrets));
    for rule in &linted.rules {
        diagnostics.extend(run_tests(rule, &support::world));
    }
    let shown: Vec<String> = diagnostics.iter().map(|diagnostic| show(diagnostic, &sources)).collect();
    assert!(shown.is_empty(), "{} problems:\n{}", shown.len(), shown.join("\n"));
    assert_eq!(builtin().rules().len(), linted.rules.len() + linted.secrets.len(), "the built-in index holds every rule");
    assert_eq!(builtin().frameworks(), linted.frameworks);
}

fn show(diagnostic: &Diagnostic, sources: &SourceMap) -> String {
    let at = sources.locate(diagnostic.span).map(|(_, start, _)| format!(":{}:{}", start.line, start.column)).unwrap_or_default();
    let hint = diagnostic.hint.as_ref().map(|hint| format!("; {hint}")).unwrap_or_default();
    format!("policies/{}{at}: {}{hint}", diagnostic.file, diagnostic.message)
}
