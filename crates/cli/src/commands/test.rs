//! `probity test`: runs the tests of policies, whatever language they are written in.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use probity_catalog::{lint as lint_folder, run_tests};
use probity_core::{Digest, Expectation, Level, Tree, TreeError, TreeFile};
use probity_files::FolderTree;
use probity_formats::expectations::{self, Tests};
use probity_policy::testing::{self, TestContext, TestFile, TestRun};
use probity_value::SourceMap;

use super::policies::world;
use crate::adapters::Deadline;
use crate::arguments::{Show, TestArguments, TestFormat, When};
use crate::{Wrong, output, run, state};

pub(crate) fn run(arguments: &TestArguments) -> Result<u8> {
    let texts = SourceMap::new();
    let now = run::now();
    let deadline = Deadline::new(arguments.timeout);
    let mut whole = TestRun::default();
    for path in &arguments.paths {
        // A file is seen with what lies around it: tests name policies beside and above them.
        let (top, only) = around(path)?;
        let tree = FolderTree::open(&top, None, 16 << 20).map_err(Wrong::new)?;
        let context = TestContext { tree: &tree, sources: &texts, now, stopwatch: &deadline };
        let below = |file: &str| only.as_ref().is_none_or(|only| file == only || file.starts_with(&format!("{only}/")));
        let found: Vec<TestFile> = testing::discover(&tree, &texts).into_iter().filter(|file| below(&file.path)).collect();
        let data: Vec<&str> = arguments.data.iter().map(String::as_str).collect();
        let mut run = testing::run(&found, &data, &context);
        let own = own_rules(&tree, &below, &texts);
        run.expectations.extend(own.expectations);
        run.files.extend(own.files);
        whole.files.append(&mut run.files);
        whole.expectations.append(&mut run.expectations);
        whole.diagnostics.append(&mut run.diagnostics);
        whole.skipped.append(&mut run.skipped);
        whole.coverage.append(&mut run.coverage);
        whole.prints.append(&mut run.prints);
    }
    let coverage: Vec<_> =
        whole.coverage.iter().map(|one| (Arc::clone(&one.file), one.covered_lines, one.lines, one.missed.clone())).collect();
    let tests = Tests {
        expectations: &whole.expectations,
        files: whole.files.len(),
        diagnostics: &whole.diagnostics,
        skipped: &whole.skipped,
        coverage: &coverage,
        prints: &whole.prints,
        sources: &texts,
    };
    let all = arguments.show != Show::Findings;
    for (format, path) in &arguments.output {
        state::write(path, &render(*format, &tests, all, false))?;
    }
    output::data(&render(arguments.format, &tests, all, true))?;
    if whole.files.is_empty() {
        output::talk("nothing to look at: no test of a policy is there");
        return Ok(4);
    }
    let failed = whole.expectations.iter().any(|one| !one.passed) || whole.diagnostics.iter().any(|one| one.level == Level::Error);
    if whole.expectations.is_empty() {
        output::talk("the files hold no expectation: nothing was tested");
        return Ok(1);
    }
    Ok(u8::from(failed))
}

fn render(format: TestFormat, tests: &Tests<'_>, all: bool, terminal: bool) -> String {
    match format {
        TestFormat::Human => {
            let style = if terminal { output::style(When::Auto) } else { output::plain() };
            expectations::human(tests, style, all)
        }
        TestFormat::Json => expectations::json(tests),
        TestFormat::Junit => expectations::junit(tests),
    }
}

/// The folder to open, and the part of it that is meant where not all of it is.
///
/// A test names files beside and above it (`../policy.yaml`), so the folder is that of the repository, or two above where there is none.
fn around(path: &Path) -> Result<(std::path::PathBuf, Option<String>)> {
    let full = std::fs::canonicalize(path).map_err(|error| Wrong::hint(format!("cannot open `{}`: {error}", path.display()), None))?;
    let reaches_out = full.is_file() || full.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
    if !reaches_out {
        return Ok((full, None));
    }
    let folder = if full.is_file() { full.parent().unwrap_or(&full) } else { &full };
    let top = folder.parent().and_then(Path::parent).or_else(|| folder.parent()).unwrap_or(folder);
    let only = full.strip_prefix(top).unwrap_or(&full).to_string_lossy().replace('\\', "/");
    Ok((top.to_path_buf(), Some(only)))
}

/// The rule files among others.
struct RuleFiles<'a> {
    tree: &'a dyn Tree,
    files: Vec<TreeFile>,
}

impl Tree for RuleFiles<'_> {
    fn files(&self) -> &[TreeFile] {
        &self.files
    }

    fn read(&self, path: &str) -> Result<Arc<[u8]>, TreeError> {
        self.tree.read(path)
    }

    fn digests(&self) -> BTreeMap<Arc<str>, Digest> {
        self.tree.digests()
    }
}

/// The tests inside our own rules.
fn own_rules(tree: &dyn Tree, below: &dyn Fn(&str) -> bool, texts: &SourceMap) -> TestRun {
    let is_rule = |file: &&TreeFile| {
        let yaml = file.path.ends_with(".yaml") || file.path.ends_with(".yml");
        yaml && below(&file.path)
            && tree.read(&file.path).is_ok_and(|bytes| {
                let text = String::from_utf8_lossy(&bytes);
                let has = |key: &str| text.lines().any(|line| line.starts_with(key));
                has("check:") && has("tests:") && has("id:")
            })
    };
    let files: Vec<TreeFile> = tree.files().iter().filter(is_rule).cloned().collect();
    let mut out = TestRun::default();
    if files.is_empty() {
        return out;
    }
    out.files = files.iter().map(|file| TestFile { path: Arc::clone(&file.path), kind: testing::TestKind::Own }).collect();
    let linted = lint_folder(&RuleFiles { tree, files }, "", "", texts);
    for rule in &linted.rules {
        let wrong = run_tests(rule, &world);
        for test in &rule.document.tests {
            let failed = wrong.iter().find(|one| one.span == test.span);
            out.expectations.push(Expectation {
                file: Arc::clone(&rule.path),
                at: test.span,
                policy: Arc::clone(&rule.document.meta.id),
                rule: "".into(),
                resource: test.name.as_str().into(),
                expected: test.expect.as_str().to_owned(),
                actual: if failed.is_some() { "something else" } else { test.expect.as_str() }.to_owned(),
                passed: failed.is_none(),
                why: failed.map(|one| one.message.clone()).unwrap_or_default(),
            });
        }
    }
    out
}
