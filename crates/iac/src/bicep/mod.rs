//! Bicep files: resources to subjects, in the shape of their ARM templates.
//!
//! One subject per resource (type `Microsoft.Storage/storageAccounts`; id the symbolic name: `store`, `server::database` for a nested
//! one, `store[0]` in a loop, `module.store` in a module; root the path of the file, or of the `.bicepparam` file whose values it is
//! judged with). Parameters marked `@secure()` are subjects too (type `secureString` or `secureObject`). A file that others use as a
//! module is judged there, with their values.
//!
//! What does not live here: the functions (`azure`), modules of registries, and judging.

mod lex;
mod module;
mod parse;
mod scope;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use probity_core::{Collected, Diagnostic, Level, ReadFile, Scope, SkippedFile, Source, Suppression, TreeError};
use probity_value::{Data, FileId, Map, Span, json};
use rayon::prelude::*;

use self::module::{Outcome, Values};
use self::parse::Resource;
use self::scope::{Parsed, Program, resolve};
use crate::azure::expr::{Expr, ExprKind};
use crate::azure::suppression;

/// Claims `.bicep` and `.bicepparam` files, and `main.parameters.json` beside a `main.bicep`.
#[derive(Clone, Copy, Debug, Default)]
pub struct BicepSource;

const ID: &str = "bicep";

impl Source for BicepSource {
    fn id(&self) -> &'static str {
        ID
    }

    fn collect(&self, scope: &Scope<'_>) -> Collected {
        let mut out = Collected::default();
        let claimed: Vec<Arc<str>> = scope.unclaimed.iter().filter(|path| ending(path).is_some()).map(Arc::clone).collect();
        if claimed.is_empty() {
            return out;
        }
        let Some(pool) = crate::arm::pool() else {
            for file in claimed {
                out.coverage.skipped.push(skipped(file, "no thread could be started to read it", true, false));
            }
            return out;
        };
        pool.install(|| read_all(scope, &claimed, &mut out));
        out
    }
}

/// Whether a path is a Bicep file's: false for one with parameters.
fn ending(path: &str) -> Option<bool> {
    let (_, ending) = path.rsplit_once('.')?;
    if ending.eq_ignore_ascii_case("bicep") {
        return Some(true);
    }
    ending.eq_ignore_ascii_case("bicepparam").then_some(false)
}

fn skipped(file: Arc<str>, why: impl Into<String>, fails: bool, partly: bool) -> SkippedFile {
    SkippedFile { file, source: ID, why: why.into(), fails, partly }
}

fn load(scope: &Scope<'_>, path: &str) -> Result<Arc<str>, String> {
    let bytes = scope.tree.read(path).map_err(|error| error.to_string())?;
    if bytes.len() as u64 > scope.options.max_file_size {
        return Err(TreeError::TooLarge { size: bytes.len() as u64, budget: scope.options.max_file_size }.to_string());
    }
    std::str::from_utf8(&bytes).map(Arc::from).map_err(|_| "not UTF-8 text".to_owned())
}

/// A root and the values it is judged with.
struct Root<'p> {
    parsed: &'p Parsed,
    values: Values<'p>,
}

fn read_all(scope: &Scope<'_>, claimed: &[Arc<str>], out: &mut Collected) {
    let texts: Vec<_> = claimed.par_iter().map(|path| (Arc::clone(path), load(scope, path))).collect();
    let mut numbered = Vec::new();
    for (path, text) in texts {
        match text {
            Ok(text) => numbered.push((Arc::clone(&path), scope.sources.add(path, Arc::clone(&text)), text)),
            Err(why) => {
                out.diagnostics.push(Diagnostic::new(Level::Error, "bicep-unreadable", Arc::clone(&path), Span::NONE, why.clone()));
                out.coverage.skipped.push(skipped(path, why, true, false));
            }
        }
    }
    let files: BTreeMap<Arc<str>, Parsed> = numbered
        .into_par_iter()
        .map(|(path, file, text)| (Arc::clone(&path), Parsed { path, file, document: parse::parse(&text, file) }))
        .collect();
    let program = Program { files, tree: scope.tree, sources: scope.sources, max_steps: scope.options.max_steps };
    let mut used: BTreeSet<String> = BTreeSet::new();
    for parsed in program.files.values() {
        for module in &parsed.document.modules {
            used.extend(resolve(&parsed.path, &module.block.target).filter(|path| **path != *parsed.path));
        }
    }
    let mut roots = Vec::new();
    for parsed in program.files.values().filter(|parsed| ending(&parsed.path) == Some(true) && !used.contains(&*parsed.path)) {
        roots.extend(roots_of(scope, &program, parsed, out));
    }
    let mut outcomes: Vec<Outcome> = roots.par_iter().map(|root| module::evaluate(&program, root.parsed, &root.values)).collect();
    let mut reached: BTreeSet<Arc<str>> = outcomes.iter().flat_map(|outcome| outcome.reached.iter().cloned()).collect();
    // Files that use each other in a circle have no beginning; each is judged by itself.
    for parsed in program.files.values().filter(|parsed| ending(&parsed.path) == Some(true)) {
        if !reached.contains(&parsed.path) {
            let outcome = module::evaluate(&program, parsed, &Values::Defaults);
            reached.extend(outcome.reached.iter().cloned());
            outcomes.push(outcome);
        }
    }
    let mut counts: BTreeMap<FileId, usize> = BTreeMap::new();
    let mut limited: BTreeSet<Arc<str>> = BTreeSet::new();
    for outcome in outcomes {
        for subject in &outcome.subjects {
            *counts.entry(subject.span.file).or_default() += 1;
        }
        limited.extend(outcome.diagnostics.iter().filter(|said| said.level == Level::Error).map(|said| Arc::clone(&said.file)));
        out.subjects.extend(outcome.subjects);
        for said in outcome.diagnostics {
            if !out.diagnostics.contains(&said) {
                out.diagnostics.push(said);
            }
        }
    }
    for parsed in program.files.values() {
        let (suppressions, diagnostics) = comments(&program, parsed);
        out.suppressions.extend(suppressions);
        out.diagnostics.extend(diagnostics);
        for (span, message) in &parsed.document.problems {
            out.diagnostics.push(Diagnostic::new(Level::Error, "bicep-syntax", Arc::clone(&parsed.path), *span, message.clone()));
        }
        for span in &parsed.document.extensions {
            out.diagnostics.push(Diagnostic::new(Level::Note, "bicep-extension", Arc::clone(&parsed.path), *span, "it is not followed"));
        }
        for import in &parsed.document.imports {
            if resolve(&parsed.path, &import.path).is_none_or(|path| !program.files.contains_key(path.as_str())) {
                let message = format!("what `{}` holds is not here", import.path);
                out.diagnostics.push(Diagnostic::new(Level::Note, "bicep-import", Arc::clone(&parsed.path), import.path_span, message));
            }
        }
        let subjects = counts.get(&parsed.file).copied().unwrap_or(0);
        let broken = !parsed.document.problems.is_empty();
        if subjects > 0 || !broken {
            out.coverage.read.push(ReadFile { file: Arc::clone(&parsed.path), source: ID, subjects });
        }
        if broken {
            out.coverage.skipped.push(skipped(Arc::clone(&parsed.path), "not valid Bicep", true, subjects > 0));
        } else if limited.contains(&parsed.path) {
            out.coverage.skipped.push(skipped(Arc::clone(&parsed.path), "a limit was met", true, true));
        }
    }
}

/// The roots a file makes: one for each file with its parameters, or one with the defaults.
fn roots_of<'p>(scope: &Scope<'_>, program: &'p Program<'p>, parsed: &'p Parsed, out: &mut Collected) -> Vec<Root<'p>> {
    let mut roots: Vec<Root<'p>> = program
        .files
        .values()
        .filter(|file| ending(&file.path) == Some(false))
        .filter(|file| file.document.using.as_ref().and_then(|using| resolve(&file.path, using)).as_deref() == Some(&*parsed.path))
        .map(|file| Root { parsed, values: Values::Bicep(file) })
        .collect();
    if roots.is_empty() {
        let values = json_values(scope, &parsed.path, out).map_or(Values::Defaults, Values::Json);
        roots.push(Root { parsed, values });
    }
    roots
}

/// The parameters in `main.parameters.json` beside `main.bicep`.
fn json_values(scope: &Scope<'_>, path: &str, out: &mut Collected) -> Option<Map> {
    let stem = path.rsplit_once('.')?.0;
    let beside: Arc<str> = format!("{stem}.parameters.json").into();
    scope.unclaimed.binary_search(&beside).ok()?;
    let text = load(scope, &beside).ok()?;
    let file = scope.sources.add(Arc::clone(&beside), Arc::clone(&text));
    let (value, problems, _) = json::parse_commented(&text, file);
    let broken = problems.iter().any(|problem| problem.fatal);
    for problem in problems {
        let level = if problem.fatal { Level::Error } else { Level::Warning };
        out.diagnostics.push(Diagnostic::new(level, problem.code, Arc::clone(&beside), problem.span, problem.message));
    }
    if broken {
        out.coverage.skipped.push(skipped(beside, "not valid JSON", true, false));
        return None;
    }
    out.coverage.read.push(ReadFile { file: beside, source: ID, subjects: 0 });
    match value.get("parameters").map(|parameters| &parameters.data) {
        Some(Data::Map(map)) => Some(Map::clone(map)),
        _ => None,
    }
}

fn comments(program: &Program<'_>, parsed: &Parsed) -> (Vec<Suppression>, Vec<Diagnostic>) {
    let Some(file) = program.sources.file(parsed.file) else { return (Vec::new(), Vec::new()) };
    let mut blocks = Vec::new();
    spans(&parsed.document.resources, &mut blocks);
    blocks.extend(parsed.document.modules.iter().map(|module| module.block.span));
    blocks.extend(parsed.document.params.iter().map(|param| param.span));
    let parts = || {
        let mut parts = Vec::new();
        places_of_resources(&parsed.document.resources, &mut parts);
        for module in &parsed.document.modules {
            places(&module.block.body, &mut parts);
        }
        parts
    };
    let mut diagnostics = Vec::new();
    let suppressions = suppression::find(&file, &parsed.document.comments, &blocks, &parts, &mut diagnostics);
    (suppressions, diagnostics)
}

fn spans(resources: &[Resource], out: &mut Vec<Span>) {
    for resource in resources {
        out.push(resource.block.span);
        spans(&resource.nested, out);
    }
}

fn places_of_resources(resources: &[Resource], out: &mut Vec<Span>) {
    for resource in resources {
        places(&resource.block.body, out);
        places_of_resources(&resource.nested, out);
    }
}

/// The places of all properties and items.
fn places(expr: &Expr, out: &mut Vec<Span>) {
    match &expr.kind {
        ExprKind::Object(properties) => {
            for property in properties {
                out.push(property.key_span.join(property.value.span));
                places(&property.value, out);
            }
        }
        ExprKind::Array(items) => {
            for item in items {
                out.push(item.value.span);
                places(&item.value, out);
            }
        }
        ExprKind::Repeat(repeat) => places(&repeat.body, out),
        _ => {}
    }
}
