//! Frameworks and their requirements: one file each under `policies/controls/`, ids as the framework writes them, titles in our words.
//! Also part of the build script, so that the built-in frameworks are read once and stored.

use std::sync::Arc;

use probity_core::{Diagnostic, Level};
use probity_value::{FileId, Span, Value, yaml};
use serde::{Deserialize, Serialize};

/// A framework with its requirements.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Framework {
    /// Its id, with its version: `pci-dss-4.0.1`. The file's name is the same.
    pub id: String,
    /// Its name for people.
    pub title: String,
    /// Where the requirements come from.
    pub source: String,
    /// Its requirements, in the order of the file.
    pub requirements: Vec<Requirement>,
}

/// One requirement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requirement {
    /// Its id, as the framework writes it: `3.5.1`, `SC-28(1)`.
    pub id: String,
    /// What it asks, in our words.
    pub title: String,
}

impl Framework {
    /// Reads one file of a framework.
    ///
    /// The framework is `None` where anything is wrong with it; every fault is an error among the diagnostics.
    #[must_use]
    pub fn parse(text: &str, path: &str, file: FileId) -> (Option<Framework>, Vec<Diagnostic>) {
        let path: Arc<str> = path.into();
        let (documents, problems) = yaml::parse(text, file);
        let mut faults: Vec<(Span, String)> = problems.into_iter().map(|problem| (problem.span, problem.message)).collect();
        let framework = match documents.as_slice() {
            [document] => read(&document.value, &path, &mut faults),
            _ => {
                faults.push((Span::new(file, 0..0), "a framework file holds one map".to_owned()));
                None
            }
        };
        let diagnostics: Vec<Diagnostic> = faults
            .into_iter()
            .map(|(span, message)| Diagnostic::new(Level::Error, "framework-file", Arc::clone(&path), span, message))
            .collect();
        (framework.filter(|_| diagnostics.is_empty()), diagnostics)
    }
}

fn read(value: &Value, path: &str, faults: &mut Vec<(Span, String)>) -> Option<Framework> {
    let Some(map) = value.as_map() else {
        faults.push((value.span, "a framework file is a map".to_owned()));
        return None;
    };
    let known = ["framework", "title", "source", "requirements"];
    for (key, entry) in map.iter().filter(|(key, _)| !known.contains(&&***key)) {
        let near = probity_checks::nearest(key, known).map(|near| format!("; did you mean `{near}`")).unwrap_or_default();
        faults.push((entry.key, format!("`{key}` is not a known key of a framework file{near}")));
    }
    let mut text = |key: &str| match map.get(key).and_then(Value::as_str).filter(|text| !text.trim().is_empty()) {
        Some(text) => Some(text.trim().to_owned()),
        None => {
            faults.push((map.get(key).map_or(value.span, |value| value.span), format!("a framework needs `{key}`")));
            None
        }
    };
    let (id, title, source) = (text("framework"), text("title"), text("source"));
    let stem = path.rsplit('/').next().unwrap_or(path).trim_end_matches(".yaml");
    if let Some(id) = &id
        && id != stem
    {
        faults.push((value.span, format!("the framework `{id}` stands in a file named `{stem}`")));
    }
    let Some(list) = map.get("requirements").and_then(Value::as_map) else {
        faults.push((value.span, "a framework needs `requirements`, a map from id to title".to_owned()));
        return None;
    };
    let mut requirements = Vec::new();
    for (key, entry) in list.iter() {
        match entry.value.get("title").and_then(Value::as_str).filter(|title| !title.trim().is_empty()) {
            Some(title) => requirements.push(Requirement { id: key.to_string(), title: title.trim().to_owned() }),
            None => faults.push((entry.key, format!("the requirement `{key}` needs a `title`"))),
        }
    }
    Some(Framework { id: id?, title: title?, source: source?, requirements })
}
