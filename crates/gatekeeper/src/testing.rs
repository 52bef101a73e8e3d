//! Unit tests of Rego: rules whose names begin with `test_`, as `opa test` runs them. The modules of one folder belong together.

use std::collections::BTreeMap;
use std::sync::Arc;

use probity_core::{Diagnostic, Expectation, Limits, Lookup, Timestamp, Tree};
use probity_rego::{Compiler, EvalOptions, Program, RuleInfo, Version};
use probity_value::{FileId, SourceMap, Span};

/// What tests may use.
#[derive(Clone, Copy)]
pub struct Means<'a> {
    /// The files.
    pub tree: &'a dyn Tree,
    /// Takes their texts in.
    pub sources: &'a SourceMap,
    /// Bounds of each test.
    pub limits: Limits,
    /// The time tests see.
    pub now: Timestamp,
    /// Who answers questions.
    pub lookup: &'a dyn Lookup,
    /// Which Rego modules are written in that do not say so.
    pub version: Version,
}

impl std::fmt::Debug for Means<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Means").field("limits", &self.limits).finish_non_exhaustive()
    }
}

/// What came of tests.
#[derive(Clone, Debug, Default)]
pub struct Run {
    /// One for each test.
    pub expectations: Vec<Expectation>,
    /// Tests that are left out (`todo_test_`).
    pub skipped: Vec<String>,
    /// Lines that were reached, and all that could be: of the modules that hold no tests.
    pub covered: Vec<Span>,
    /// See [`Run::covered`].
    pub coverable: Vec<Span>,
}

/// Folders that hold modules with tests.
#[must_use]
pub fn folders(tree: &dyn Tree) -> Vec<Arc<str>> {
    let mut found: Vec<Arc<str>> = Vec::new();
    for file in tree.files().iter().filter(|file| file.path.ends_with("_test.rego")) {
        let folder = file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        if found.last().is_none_or(|last| **last != *folder) {
            found.push(folder.into());
        }
    }
    found.sort();
    found.dedup();
    found
}

/// Runs the tests of a folder, without its subfolders.
#[must_use]
pub fn run(folder: &str, means: &Means<'_>) -> Run {
    let mut out = Run::default();
    let mut compiler = Compiler::new().prints();
    let mut names: BTreeMap<FileId, Arc<str>> = BTreeMap::new();
    for file in means.tree.below(folder) {
        let rest =
            if folder.is_empty() { &*file.path } else { file.path.strip_prefix(folder).unwrap_or(&file.path).trim_start_matches('/') };
        if rest.contains('/') || !rest.ends_with(".rego") {
            continue;
        }
        let text = match means.tree.read(&file.path).map(|bytes| String::from_utf8(bytes.to_vec())) {
            Ok(Ok(text)) => text,
            Ok(Err(_)) => {
                out.expectations.push(broken(&file.path, Span::NONE, "the file is no UTF-8 text".to_owned()));
                return out;
            }
            Err(error) => {
                out.expectations.push(broken(&file.path, Span::NONE, error.to_string()));
                return out;
            }
        };
        let id = means.sources.add(Arc::clone(&file.path), text.as_str());
        names.insert(id, Arc::clone(&file.path));
        compiler = compiler.module(Arc::clone(&file.path), text, id, means.version);
    }
    match compiler.compile() {
        Ok(program) => tests(&program, &names, means, &mut out),
        Err(problems) => out.expectations.extend(problems.iter().map(of_diagnostic)),
    }
    out
}

fn broken(file: &str, at: Span, why: String) -> Expectation {
    Expectation {
        file: file.into(),
        at,
        policy: "".into(),
        rule: "".into(),
        resource: "".into(),
        expected: "modules that compile".to_owned(),
        actual: "error".to_owned(),
        passed: false,
        why,
    }
}

fn of_diagnostic(problem: &Diagnostic) -> Expectation {
    broken(&problem.file, problem.span, problem.message.clone())
}

fn is_test(rule: &RuleInfo) -> bool {
    rule.name.rsplit('.').next().is_some_and(|name| name.starts_with("test_"))
}

fn tests(program: &Program, names: &BTreeMap<FileId, Arc<str>>, means: &Means<'_>, out: &mut Run) {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let test_files: Vec<FileId> = program.rules().iter().filter(|rule| is_test(rule)).map(|rule| rule.span.file).collect();
    for rule in program.rules() {
        if rule.name.starts_with("todo_test_") {
            out.skipped.push(rule.path());
        }
        if !is_test(rule) {
            continue;
        }
        let path = rule.path();
        let count = seen.entry(path.clone()).or_default();
        // A test of several rules is counted once for each, as `opa test` does.
        let name = if *count == 0 { rule.name.to_string() } else { format!("{}#{count:02}", rule.name) };
        *count += 1;
        let mut expectation = Expectation {
            file: names.get(&rule.span.file).cloned().unwrap_or_default(),
            at: rule.span,
            policy: rule.package.join(".").into(),
            rule: name.into(),
            resource: "".into(),
            expected: "pass".to_owned(),
            actual: "fail".to_owned(),
            passed: false,
            why: String::new(),
        };
        one(program, &path, means, &mut expectation, &mut out.covered);
        out.expectations.push(expectation);
    }
    out.covered.sort_unstable();
    out.covered.dedup();
    out.covered.retain(|span| !test_files.contains(&span.file));
    out.coverable = program.coverable().iter().filter(|span| !test_files.contains(&span.file)).copied().collect();
}

fn one(program: &Program, path: &str, means: &Means<'_>, expectation: &mut Expectation, covered: &mut Vec<Span>) {
    let options = EvalOptions { limits: means.limits, now: means.now, lookup: means.lookup, coverage: true, ..EvalOptions::default() };
    let query = match program.prepare(path) {
        Ok(query) => query,
        Err(problem) => {
            "error".clone_into(&mut expectation.actual);
            expectation.why = problem.message;
            return;
        }
    };
    match program.evaluate(&query, None, None, &options) {
        Ok(evaluation) => {
            let value = evaluation.value();
            expectation.passed = value.is_some_and(|value| !value.is_false());
            let mut why: Vec<String> = evaluation.prints.iter().map(|print| print.text.clone()).collect();
            if expectation.passed {
                "pass".clone_into(&mut expectation.actual);
            } else {
                why.insert(0, value.map_or_else(|| "the test is undefined".to_owned(), |value| format!("the test is {}", value.to_json())));
            }
            expectation.why = why.join("\n");
            covered.extend(evaluation.covered);
        }
        Err(error) => {
            "error".clone_into(&mut expectation.actual);
            expectation.why = format!("{}: {}", error.code.as_str(), error.message);
        }
    }
}
