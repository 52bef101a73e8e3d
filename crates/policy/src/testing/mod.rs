//! Tests of policies: finds those of every language below some paths, runs them strictly, and says what was expected and what came.

mod own;

use std::path::{Component, Path};
use std::sync::Arc;

use probity_core::{Expectation, Timestamp, Tree};
use probity_value::{SourceMap, Span, Value, yaml};
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
