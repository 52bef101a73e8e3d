//! Modules and data from the folders of a tree.

use std::sync::Arc;

use probity_core::{Diagnostic, Level, Tree, TreeError};
use probity_value::yaml::{ParseOptions, parse_with};
use probity_value::{Data, FileId, Map, Problem, SourceMap, Span, Value, json};

/// A Rego module.
#[derive(Clone, Debug)]
pub struct Module {
    /// Its path in the tree.
    pub file: Arc<str>,
    /// Its text.
    pub text: Arc<str>,
    /// Its number.
    pub id: FileId,
}

/// Policies and data, read and not yet compiled.
#[derive(Clone, Debug, Default)]
pub struct Gathered {
    /// Modules, by path.
    pub modules: Vec<Module>,
    /// Documents under `data`, no two of which say something of the same path.
    pub data: Vec<Value>,
}

impl Gathered {
    /// The path of the module a number belongs to.
    pub(crate) fn name(&self, id: FileId) -> Arc<str> {
        self.modules.iter().find(|module| module.id == id).map_or_else(|| "".into(), |module| Arc::clone(&module.file))
    }
}

/// Reads policies and data. Folders are read with their subfolders: of policies all `.rego` files, of data all `.json`, `.yaml` and `.yml`
/// files, whose subfolders are keys under `data`, as OPA has it. The empty path is the whole tree.
///
/// # Errors
/// Paths that lead to nothing, files that cannot be read, data that contradicts itself.
pub fn gather(tree: &dyn Tree, sources: &SourceMap, policies: &[&str], data: &[&str]) -> Result<Gathered, Vec<Diagnostic>> {
    let mut problems = Vec::new();
    let mut gathered = Gathered::default();
    for path in policies {
        let found = files(tree, path, &["rego"]);
        if found.is_empty() {
            problems.push(fault("conftest-policy", path, "no `.rego` file is there"));
        }
        for (file, _) in found {
            if gathered.modules.iter().any(|module| *module.file == *file) {
                continue;
            }
            match text(tree, &file) {
                Ok(text) => {
                    let id = sources.add(Arc::clone(&file), Arc::clone(&text));
                    gathered.modules.push(Module { file, text, id });
                }
                Err(problem) => problems.push(problem),
            }
        }
    }
    let mut merged = Value::map(Map::new(), Span::NONE);
    let mut any = false;
    for path in data {
        let found = files(tree, path, &["json", "yaml", "yml"]);
        if found.is_empty() {
            problems.push(fault("conftest-data", path, "no `.json`, `.yaml` or `.yml` file is there"));
        }
        for (file, folders) in found {
            let read = text(tree, &file).and_then(|text| document(&file, &text, sources));
            let value = match read {
                Ok(value) => folders.iter().rev().fold(value, |value, folder| {
                    let mut map = Map::new();
                    let span = value.span;
                    map.insert(Arc::clone(folder), span, value);
                    Value::map(map, span)
                }),
                Err(problem) => {
                    problems.push(problem);
                    continue;
                }
            };
            any = true;
            if value.as_map().is_none() {
                problems.push(Diagnostic::new(Level::Error, "conftest-data", file, value.span, "the data is no map"));
            } else if let Err(key) = merge(&mut merged, &value, 0) {
                let message = format!("`{key}` is given by another file too");
                problems.push(Diagnostic::new(Level::Error, "conftest-data", file, value.span, message));
            }
        }
    }
    if any {
        gathered.data.push(merged);
    }
    if problems.is_empty() { Ok(gathered) } else { Err(problems) }
}

fn fault(code: &'static str, file: &str, message: impl Into<String>) -> Diagnostic {
    Diagnostic::new(Level::Error, code, file, Span::NONE, message)
}

/// The files of a path with one of these endings, each with the folders between the path and it.
fn files(tree: &dyn Tree, path: &str, endings: &[&str]) -> Vec<(Arc<str>, Vec<Arc<str>>)> {
    let mut path = path.trim_end_matches('/');
    while let Some(rest) = path.strip_prefix("./") {
        path = rest;
    }
    if path == "." {
        path = "";
    }
    if tree.contains(path) {
        return vec![(path.into(), Vec::new())];
    }
    let mut out = Vec::new();
    for file in tree.below(path) {
        let inner = file.path.get(if path.is_empty() { 0 } else { path.len() + 1 }..).unwrap_or_default();
        let (folders, name) = inner.rsplit_once('/').unwrap_or(("", inner));
        if name.rsplit_once('.').is_some_and(|(_, ending)| endings.contains(&ending)) {
            let folders = folders.split('/').filter(|folder| !folder.is_empty()).map(Arc::from).collect();
            out.push((Arc::clone(&file.path), folders));
        }
    }
    out
}

fn text(tree: &dyn Tree, file: &str) -> Result<Arc<str>, Diagnostic> {
    let bytes = tree.read(file).map_err(|error: TreeError| fault("conftest-read", file, error.to_string()))?;
    match std::str::from_utf8(&bytes) {
        Ok(text) => Ok(text.into()),
        Err(_) => Err(fault("conftest-read", file, "the file is no text in UTF-8")),
    }
}

/// One document of data.
fn document(file: &Arc<str>, text: &Arc<str>, sources: &SourceMap) -> Result<Value, Diagnostic> {
    let id = sources.add(Arc::clone(file), Arc::clone(text));
    let problem = |problem: &Problem| Diagnostic::new(Level::Error, problem.code, Arc::clone(file), problem.span, problem.message.clone());
    if file.ends_with(".json") {
        let (value, problems) = json::parse(text, id);
        return problems.iter().find(|problem| problem.fatal).map_or(Ok(value), |fatal| Err(problem(fatal)));
    }
    let options = ParseOptions { booleans_1_1: true, octal_1_1: true, kubectl: true, ..ParseOptions::default() };
    let (documents, problems) = parse_with(text, id, options);
    if let Some(fatal) = problems.iter().find(|problem| problem.fatal) {
        return Err(problem(fatal));
    }
    if documents.len() > 1 {
        return Err(fault("conftest-data", file, "a file of data holds one document"));
    }
    Ok(documents.into_iter().next().map_or_else(|| Value::map(Map::new(), Span::new(id, 0..0)), |document| document.value))
}

/// Merges maps; the key where two say something else.
fn merge(into: &mut Value, other: &Value, depth: usize) -> Result<(), Arc<str>> {
    let (Data::Map(map), Some(entries)) = (&mut into.data, other.as_map()) else { return Ok(()) };
    let map = Arc::make_mut(map);
    for (key, entry) in entries.iter() {
        match map.get_mut(key) {
            None => {
                map.insert(Arc::clone(key), entry.key, entry.value.clone());
            }
            Some(before) if depth < json::MAX_DEPTH && before.as_map().is_some() && entry.value.as_map().is_some() => {
                merge(before, &entry.value, depth + 1)?;
            }
            Some(_) => return Err(Arc::clone(key)),
        }
    }
    Ok(())
}
