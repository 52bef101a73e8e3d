//! Reads the files a test names, relative to it.

use std::collections::HashMap;
use std::sync::Arc;

use probity_core::{Diagnostic, GroupVersionKind, Level, PolicyDocument};
use probity_kubernetes::schema;
use probity_value::{Data, Entry, Map, Span, Value, yaml};

use super::TestContext;

/// Reads files and keeps what it read.
pub(super) struct Loader<'a> {
    context: &'a TestContext<'a>,
    file: Arc<str>,
    folder: String,
    read: HashMap<String, Vec<Value>>,
    pub(super) said: Vec<Diagnostic>,
}

/// YAML as the libraries of Kubernetes read it.
const OPTIONS: yaml::ParseOptions =
    yaml::ParseOptions { booleans_1_1: true, octal_1_1: true, line_breaks_1_1: false, kubectl: true, cloudformation: false };

/// A path relative to a folder, with `.` and `..` taken out; `None` where it leads out of the tree.
fn joined(folder: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = if path.starts_with('/') { Vec::new() } else { folder.split('/').filter(|part| !part.is_empty()).collect() };
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

impl<'a> Loader<'a> {
    pub(super) fn new(context: &'a TestContext<'a>, path: &str) -> Loader<'a> {
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned();
        Loader { context, file: path.into(), folder, read: HashMap::new(), said: Vec::new() }
    }

    pub(super) fn wrong(&mut self, at: Span, message: impl Into<String>) {
        self.said.push(Diagnostic::new(Level::Error, "kyverno-test", Arc::clone(&self.file), at, message));
    }

    /// The documents of a file of the tree.
    pub(super) fn documents(&mut self, path: &str) -> Vec<Value> {
        if let Some(known) = self.read.get(path) {
            return known.clone();
        }
        let mut documents = Vec::new();
        match self.context.tree.read(path) {
            Err(error) => self.wrong(Span::NONE, format!("`{path}` cannot be read: {error}")),
            Ok(bytes) => match std::str::from_utf8(&bytes) {
                Err(_) => self.wrong(Span::NONE, format!("`{path}` is no text")),
                Ok(text) => {
                    let file = self.context.sources.add(path, text);
                    let (found, problems) = yaml::parse_with(text, file, OPTIONS);
                    for problem in problems {
                        let level = if problem.fatal { Level::Error } else { Level::Warning };
                        self.said.push(Diagnostic::new(level, problem.code, path, problem.span, problem.message));
                    }
                    documents = found.into_iter().map(|document| document.value).filter(|value| !value.is_null()).collect();
                }
            },
        }
        self.read.insert(path.to_owned(), documents.clone());
        documents
    }

    /// The paths a path of the test stands for: a file, or the files of a folder.
    fn paths(&mut self, path: &str) -> Vec<String> {
        if path.contains("://") {
            self.wrong(Span::NONE, format!("`{path}` is not fetched: nothing is read from the network"));
            return Vec::new();
        }
        let Some(full) = joined(&self.folder, path) else {
            self.wrong(Span::NONE, format!("`{path}` leads out of the repository"));
            return Vec::new();
        };
        if self.context.tree.contains(&full) {
            return vec![full];
        }
        let depth = full.split('/').filter(|part| !part.is_empty()).count();
        let within: Vec<String> = self
            .context
            .tree
            .below(&full)
            .iter()
            .map(|file| file.path.to_string())
            .filter(|path| path.ends_with(".yaml") || path.ends_with(".yml"))
            .filter(|path| path.split('/').count() == depth + 1)
            .collect();
        if within.is_empty() {
            self.wrong(Span::NONE, format!("`{path}`: there is no such file"));
        }
        within
    }

    /// The documents of a file beside the test.
    pub(super) fn documents_beside(&mut self, path: &str) -> Vec<Value> {
        let paths = self.paths(path);
        paths.iter().flat_map(|path| self.documents(path)).collect()
    }

    /// The documents policies are compiled of.
    pub(super) fn policies(&mut self, path: &str) -> Vec<PolicyDocument> {
        let mut out = Vec::new();
        for path in self.paths(path) {
            for value in self.documents(&path) {
                out.extend(items(value).into_iter().map(|value| PolicyDocument { file: path.as_str().into(), value }));
            }
        }
        out
    }

    /// The objects of a file, as the API server would have them: with a namespace where they need one.
    pub(super) fn objects(&mut self, path: &str) -> Vec<Value> {
        self.documents_beside(path).into_iter().flat_map(items).map(object).collect()
    }
}

/// The items of a list object, or the document itself.
fn items(value: Value) -> Vec<Value> {
    let is_list = value.get("kind").and_then(Value::as_str) == Some("List");
    match value.get("items").and_then(Value::as_list) {
        Some(items) if is_list => items.to_vec(),
        _ => vec![value],
    }
}

/// Maps that are written without a value.
const MAPS: &[&str] = &["annotations", "labels", "matchLabels", "nodeSelector", "data", "stringData"];

fn without_null_maps(value: &Value) -> Value {
    match &value.data {
        Data::Map(map) => {
            let map = map
                .iter()
                .map(|(key, entry)| {
                    let value = if entry.value.is_null() && MAPS.contains(&&**key) {
                        Value::map(Map::new(), entry.value.span)
                    } else {
                        without_null_maps(&entry.value)
                    };
                    (Arc::clone(key), Entry { key: entry.key, value })
                })
                .collect();
            Value { data: Data::Map(Arc::new(map)), ..value.clone() }
        }
        Data::List(items) => Value { data: Data::List(Arc::new(items.iter().map(without_null_maps).collect())), ..value.clone() },
        _ => value.clone(),
    }
}

fn is_cluster_kind(kind: &GroupVersionKind) -> bool {
    schema::kinds().iter().find(|known| *known.group == *kind.group && *known.kind == *kind.kind).is_some_and(|known| !known.namespaced)
}

/// An object as the API server would have it: with the namespace `default` where it is in one and names none.
#[must_use]
pub fn object(value: Value) -> Value {
    let value = without_null_maps(&value);
    let text = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default();
    let kind = GroupVersionKind::of(text("apiVersion"), text("kind"));
    let namespace = value.get("metadata").and_then(|metadata| metadata.get("namespace")).and_then(Value::as_str).unwrap_or_default();
    if !namespace.is_empty() || is_cluster_kind(&kind) {
        return value;
    }
    let Some(map) = value.as_map() else { return value };
    let mut map = map.clone();
    let mut metadata = map.get("metadata").and_then(Value::as_map).cloned().unwrap_or_default();
    let at = map.get("metadata").map_or(value.span, |metadata| metadata.span);
    metadata.insert("namespace", at, Value::string("default", at));
    map.insert("metadata", at, Value::map(metadata, at));
    Value { data: Data::Map(Arc::new(map)), ..value.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_joined() {
        assert_eq!(joined("a/b", "../p.yaml").as_deref(), Some("a/p.yaml"));
        assert_eq!(joined("a", "./x/y.yaml").as_deref(), Some("a/x/y.yaml"));
        assert_eq!(joined("a", "../../p.yaml"), None);
    }
}
