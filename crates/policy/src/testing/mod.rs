//! Tests of policies: finds those of every language below some paths, runs them strictly, and says what was expected and what came.

mod own;
mod rego;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Component, Path};
use std::sync::Arc;

use probity_core::{Diagnostic, Expectation, Limits, NoLookup, Timestamp, Tree};
use probity_rego::conftest::FileCoverage;
use probity_value::{SourceMap, Span, Value, yaml};
use rayon::prelude::*;
use similar::TextDiff;

pub use own::user_info;

use crate::set::Stopwatch;

/// What tests may use.
#[derive(Clone, Copy)]
pub struct TestContext<'a> {
    /// The files.
    pub tree: &'a dyn Tree,
    /// Takes the texts that are read.
    pub sources: &'a SourceMap,
    /// The time of the run, for tests that name none.
    pub now: Timestamp,
    /// Bounds the time of each evaluation.
    pub stopwatch: &'a dyn Stopwatch,
}

impl std::fmt::Debug for TestContext<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TestContext").field("now", &self.now).finish_non_exhaustive()
    }
}

/// Kinds of tests.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum TestKind {
    /// `kyverno-test.yaml`.
    Kyverno,
    /// Gatekeeper's `suite.yaml`.
    Gatekeeper,
    /// Rules of Rego called `test_...`.
    Rego,
    /// Our own `PolicyTest`.
    Own,
}

/// One file of tests that was found.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct TestFile {
    /// The file; for Rego the folder whose modules belong together.
    pub path: Arc<str>,
    /// What kind of tests it holds.
    pub kind: TestKind,
}

/// Reads YAML as the tools do that these files are written for.
pub(crate) const YAML: yaml::ParseOptions =
    yaml::ParseOptions { booleans_1_1: true, octal_1_1: true, line_breaks_1_1: false, kubectl: false, cloudformation: false };

/// The kind of tests a document describes.
fn kind_of(document: &Value) -> Option<TestKind> {
    if own::is_test(document) {
        return Some(TestKind::Own);
    }
    let text = |key: &str| document.get(key).and_then(Value::as_str).unwrap_or_default();
    match (text("apiVersion").split('/').next().unwrap_or_default(), text("kind")) {
        ("cli.kyverno.io", "Test") => Some(TestKind::Kyverno),
        ("test.gatekeeper.sh", "Suite") => Some(TestKind::Gatekeeper),
        // The first form of Kyverno's tests has neither.
        ("", "") if document.get("policies").is_some() && document.get("results").is_some() => Some(TestKind::Kyverno),
        _ => None,
    }
}

/// The folder of a file; empty for the top.
pub(crate) fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// A path beside a folder, `.` and `..` resolved; `None` where it leads out of the tree.
pub(crate) fn join(folder: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for component in Path::new(path).components() {
        match component {
            Component::Normal(part) => parts.push(part.to_str()?),
            Component::ParentDir => {
                parts.pop()?;
            }
            Component::CurDir => {}
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(parts.join("/"))
}

/// A time of RFC 3339.
pub(crate) fn timestamp(text: &str) -> Option<Timestamp> {
    let time: jiff::Timestamp = text.parse().ok()?;
    Some(Timestamp { seconds: time.as_second(), nanoseconds: u32::try_from(time.subsec_nanosecond()).ok()? })
}

/// The lines in which two values differ, as YAML.
#[must_use]
pub fn difference(wanted: &Value, made: &Value) -> String {
    let text = |value: &Value| yaml::write(value).unwrap_or_else(|| "(not known)\n".to_owned());
    let (wanted, made) = (text(wanted), text(made));
    TextDiff::from_lines(&wanted, &made).unified_diff().context_radius(2).header("expected", "got").to_string()
}

/// An expectation about a file that could not even be run.
pub(crate) fn broken(file: &Arc<str>, at: Span, why: impl Into<String>) -> Expectation {
    Expectation {
        file: Arc::clone(file),
        at,
        policy: "".into(),
        rule: "".into(),
        resource: "".into(),
        expected: "a test that can be run".to_owned(),
        actual: "an error".to_owned(),
        passed: false,
        why: why.into(),
    }
}

/// What a run of tests came to.
#[derive(Debug, Default)]
pub struct TestRun {
    /// The files that were run.
    pub files: Vec<TestFile>,
    /// One for each expectation, in the order of files.
    pub expectations: Vec<Expectation>,
    /// What there is to say about the files.
    pub diagnostics: Vec<Diagnostic>,
    /// Tests that say themselves that they are not to be run.
    pub skipped: Vec<String>,
    /// What of Rego was evaluated.
    pub coverage: Vec<FileCoverage>,
    /// What tests of Rego printed: the test, and the text.
    pub prints: Vec<(Arc<str>, String)>,
}

/// Finds the tests of every language in a tree, sorted by path.
#[must_use]
pub fn discover(tree: &dyn Tree, sources: &SourceMap) -> Vec<TestFile> {
    let mut out: Vec<TestFile> = rego::Modules::folders(tree).into_iter().map(|path| TestFile { path, kind: TestKind::Rego }).collect();
    let yaml = |path: &str| path.ends_with(".yaml") || path.ends_with(".yml");
    for file in tree.files().iter().filter(|file| yaml(&file.path)) {
        let name = file.path.rsplit('/').next().unwrap_or_default();
        // Kyverno's tests are found by name, whatever they hold: one that cannot be read must not be passed over.
        if matches!(name, "kyverno-test.yaml" | "kyverno-test.yml") {
            out.push(TestFile { path: Arc::clone(&file.path), kind: TestKind::Kyverno });
            continue;
        }
        let Ok(bytes) = tree.read(&file.path) else { continue };
        let Ok(text) = std::str::from_utf8(&bytes) else { continue };
        if !["test.gatekeeper.sh", "test.probity.dev", "cli.kyverno.io"].iter().any(|group| text.contains(group)) {
            continue;
        }
        let number = sources.add(Arc::clone(&file.path), text);
        let (documents, _) = yaml::parse_with(text, number, YAML);
        let kinds: std::collections::BTreeSet<TestKind> = documents.iter().filter_map(|document| kind_of(&document.value)).collect();
        out.extend(kinds.into_iter().map(|kind| TestFile { path: Arc::clone(&file.path), kind }));
    }
    out.sort();
    out.dedup();
    out
}

/// Runs tests that were found. `data` names files or folders of data for Rego.
#[must_use]
pub fn run(files: &[TestFile], data: &[&str], context: &TestContext<'_>) -> TestRun {
    let modules = files.iter().any(|file| file.kind == TestKind::Rego).then(|| rego::Modules::read(context));
    let mut out = TestRun { files: files.to_vec(), ..TestRun::default() };
    let runs: Vec<TestRun> = files.par_iter().map(|file| run_file(file, modules.as_ref(), data, context)).collect();
    for mut run in runs {
        out.expectations.append(&mut run.expectations);
        out.diagnostics.append(&mut run.diagnostics);
        out.skipped.append(&mut run.skipped);
        out.coverage.append(&mut run.coverage);
        out.prints.append(&mut run.prints);
    }
    out
}

/// Runs one file; a panic is an expectation that is not met.
fn run_file(file: &TestFile, modules: Option<&rego::Modules>, data: &[&str], context: &TestContext<'_>) -> TestRun {
    catch_unwind(AssertUnwindSafe(|| run_kind(file, modules, data, context))).unwrap_or_else(|panic| {
        let why = panic.downcast_ref::<String>().cloned().or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        let expectation = broken(&file.path, Span::NONE, format!("a policy engine failed: {}", why.unwrap_or_default()));
        TestRun { expectations: vec![expectation], ..TestRun::default() }
    })
}

fn run_kind(file: &TestFile, modules: Option<&rego::Modules>, data: &[&str], context: &TestContext<'_>) -> TestRun {
    let mut out = TestRun::default();
    match file.kind {
        TestKind::Kyverno => {
            let with = probity_kyverno::test::TestContext {
                tree: context.tree,
                sources: context.sources,
                compile: &crate::load::compile_quietly,
                limits: Limits::default(),
                now: context.now,
            };
            let report = probity_kyverno::test::run(&with, &file.path);
            out.expectations = report.expectations;
            out.diagnostics = report.diagnostics;
        }
        TestKind::Gatekeeper => {
            let with = probity_gatekeeper::suite::Means {
                tree: context.tree,
                sources: context.sources,
                limits: Limits::default(),
                now: context.now,
                lookup: &NoLookup,
            };
            match probity_gatekeeper::suite::run(&file.path, &with) {
                Some(run) => {
                    out.expectations = run.expectations;
                    out.skipped = run.skipped;
                }
                None => out.expectations.push(broken(&file.path, Span::NONE, "no suite is in the file")),
            }
        }
        TestKind::Rego => {
            if let Some(modules) = modules {
                let run = rego::run(&file.path, modules, data, context);
                out.expectations = run.expectations;
                out.coverage = run.coverage;
                out.prints = run.prints;
            }
        }
        TestKind::Own => match own::read_documents(context.tree, context.sources, "", &file.path) {
            Ok(documents) => {
                for document in documents.iter().filter(|document| own::is_test(document)) {
                    out.expectations.extend(own::run(&file.path, document, context));
                }
            }
            Err(why) => out.expectations.push(broken(&file.path, Span::NONE, why)),
        },
    }
    out
}
