//! Tests of policies: every rule `test_...`, what it printed, and what of the policies was evaluated.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use probity_core::{Diagnostic, Expectation, Lookup, PolicyContext};
use probity_value::{FileId, SourceMap, Span, Value};

use super::files::{Files, WithFiles};
use super::{Gathered, package_name};
use crate::Term;
use crate::engine::{Compiler, EvalOptions, Evaluation, Program, RuleInfo, Version};

/// What tests came to.
#[derive(Clone, Debug, Default)]
pub struct Verification {
    /// One for each test, in the order of files.
    pub expectations: Vec<Expectation>,
    /// What each test printed, by its place in `expectations`: place and text.
    pub prints: Vec<(usize, Span, String)>,
    /// What of each file was evaluated, tests left out.
    pub coverage: Vec<FileCoverage>,
}

/// Which lines of a file were evaluated.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FileCoverage {
    /// The file.
    pub file: Arc<str>,
    /// Lines with expressions that were evaluated, as ranges: first and last.
    pub covered: Vec<(u32, u32)>,
    /// Lines with expressions of which none was.
    pub missed: Vec<(u32, u32)>,
    /// Number of lines that were evaluated.
    pub covered_lines: usize,
    /// Number of lines with expressions.
    pub lines: usize,
}

/// Runs all tests of what was gathered. `strict` makes errors of builtin functions errors of the test.
///
/// # Errors
/// Everything that is wrong with the policies; that they have no test is no error, but the list of expectations is empty.
pub fn verify(
    gathered: &Gathered,
    version: Version,
    strict: bool,
    tree: Option<Arc<dyn probity_core::Tree>>,
    sources: &SourceMap,
    context: &PolicyContext<'_>,
) -> Result<Verification, Vec<Diagnostic>> {
    let mut compiler = Compiler::new().prints().tests_apart();
    for module in &gathered.modules {
        compiler = compiler.module(Arc::clone(&module.file), Arc::clone(&module.text), module.id, version);
    }
    for data in &gathered.data {
        compiler = compiler.data(data);
    }
    let program = compiler.compile()?;
    let files = Files::new(tree, gathered);
    let lookup = WithFiles { files: &files, outer: context.lookup };
    let run = Run { program: &program, gathered, sources, lookup: &lookup, context, strict };
    let mut out = Verification::default();
    let mut covered = BTreeSet::new();
    let mut seen = BTreeSet::new();
    for info in program.rules() {
        if !is_test(&info.name) || !seen.insert((Arc::clone(&info.package), Arc::clone(&info.name))) {
            continue;
        }
        let (expectation, evaluation) = run.test(info);
        for print in evaluation.iter().flat_map(|evaluation| &evaluation.prints) {
            out.prints.push((out.expectations.len(), print.at, print.text.clone()));
        }
        covered.extend(evaluation.iter().flat_map(|evaluation| evaluation.covered.iter().copied()));
        out.expectations.push(expectation);
    }
    out.coverage = run.coverage(&covered);
    Ok(out)
}

fn is_test(name: &str) -> bool {
    name.starts_with("test_") || name.starts_with("todo_test_")
}

struct Run<'a> {
    program: &'a Program,
    gathered: &'a Gathered,
    sources: &'a SourceMap,
    lookup: &'a dyn Lookup,
    context: &'a PolicyContext<'a>,
    strict: bool,
}

impl Run<'_> {
    fn test(&self, info: &RuleInfo) -> (Expectation, Option<Evaluation>) {
        let mut expectation = Expectation {
            file: self.gathered.name(info.span.file),
            at: info.span,
            policy: package_name(&info.package),
            rule: Arc::clone(&info.name),
            resource: "".into(),
            expected: "pass".to_owned(),
            actual: String::new(),
            passed: false,
            why: String::new(),
        };
        if info.name.starts_with("todo_") {
            expectation.expected = "skip".to_owned();
            expectation.actual = "skip".to_owned();
            expectation.passed = true;
            expectation.why = "the test is yet to be done".to_owned();
            return (expectation, None);
        }
        let mut path: Vec<Arc<str>> = info.package.to_vec();
        path.push(Arc::clone(&info.name));
        let options = EvalOptions {
            limits: self.context.limits,
            now: self.context.now,
            lookup: self.lookup,
            interrupted: self.context.interrupted,
            strict_builtin_errors: self.strict,
            coverage: true,
            ..EvalOptions::default()
        };
        let answer = self.program.prepare(&crate::compile::path_text(&path)).map_err(|problem| problem.message).and_then(|query| {
            self.program.evaluate(&query, None::<&Value>, None, &options).map_err(|error| match self.place(error.at) {
                Some(place) => format!("{place}: {}", error.message),
                None => error.message,
            })
        });
        match answer {
            Err(message) => {
                expectation.actual = "error".to_owned();
                expectation.why = message;
                (expectation, None)
            }
            Ok(evaluation) => {
                let failed = match evaluation.value() {
                    None => Some(self.failing(info, &evaluation)),
                    Some(Term::Bool(false)) => Some("the test is false".to_owned()),
                    Some(value) => value.as_object().and_then(|cases| {
                        let failed: Vec<String> =
                            cases.iter().filter(|(_, value)| *value == Term::Bool(false)).map(|(key, _)| format!("`{key}`")).collect();
                        (!failed.is_empty()).then(|| format!("these cases are false: {}", failed.join(", ")))
                    }),
                };
                expectation.passed = failed.is_none();
                expectation.actual = if failed.is_none() { "pass" } else { "fail" }.to_owned();
                expectation.why = failed.unwrap_or_default();
                (expectation, Some(evaluation))
            }
        }
    }

    /// The expression a test ended at: the last of its body that was reached.
    fn failing(&self, info: &RuleInfo, evaluation: &Evaluation) -> String {
        let end = self.end_of(info);
        let within = |span: &&Span| span.file == info.span.file && span.start >= info.span.end && span.start < end;
        let reached = evaluation.covered.iter().filter(within).max_by_key(|span| span.start);
        // Of expressions in one another the outermost is the line of the body.
        let outermost = reached.map(|inner| {
            evaluation.covered.iter().filter(within).filter(|outer| outer.start <= inner.start && outer.end >= inner.end).fold(
                *inner,
                |widest, span| {
                    if span.start <= widest.start && span.end >= widest.end { *span } else { widest }
                },
            )
        });
        match outermost.and_then(|span| Some((self.place(span)?, self.sources.snippet(span)?))) {
            Some((place, text)) => format!("{place}: `{}` does not hold", text.split_whitespace().collect::<Vec<_>>().join(" ")),
            None => "the test is undefined".to_owned(),
        }
    }

    /// Where the next rule of the file begins.
    fn end_of(&self, info: &RuleInfo) -> u32 {
        let rules = self.program.rules().iter().filter(|other| other.span.file == info.span.file && other.span.start > info.span.start);
        rules.map(|other| other.span.start).min().unwrap_or(u32::MAX)
    }

    fn place(&self, span: Span) -> Option<String> {
        let (file, at, _) = self.sources.locate(span)?;
        Some(format!("{file}:{}", at.line))
    }

    fn coverage(&self, covered: &BTreeSet<Span>) -> Vec<FileCoverage> {
        let mut tests: Vec<(FileId, u32, u32)> = Vec::new();
        for info in self.program.rules().iter().filter(|info| is_test(&info.name)) {
            tests.push((info.span.file, info.span.start, self.end_of(info)));
        }
        let mut files: BTreeMap<FileId, BTreeMap<u32, bool>> = BTreeMap::new();
        for span in self.program.coverable() {
            if tests.iter().any(|(file, start, end)| *file == span.file && (*start..*end).contains(&span.start)) {
                continue;
            }
            let Some((_, at, _)) = self.sources.locate(*span) else { continue };
            *files.entry(span.file).or_default().entry(at.line).or_default() |= covered.contains(span);
        }
        let mut out = Vec::new();
        for (id, lines) in files {
            let ranges = |wanted: bool| {
                let mut ranges: Vec<(u32, u32)> = Vec::new();
                for (line, _) in lines.iter().filter(|(_, reached)| **reached == wanted) {
                    match ranges.last_mut() {
                        Some((_, last)) if *last + 1 == *line => *last = *line,
                        _ => ranges.push((*line, *line)),
                    }
                }
                ranges
            };
            out.push(FileCoverage {
                file: self.gathered.name(id),
                covered: ranges(true),
                missed: ranges(false),
                covered_lines: lines.values().filter(|reached| **reached).count(),
                lines: lines.len(),
            });
        }
        out.sort_by(|a, b| a.file.cmp(&b.file));
        out
    }
}
