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
    /// Where its pairs with rules come from that stand in its file: the crosswalk behind `from`, the reading behind `rules`.
    pub crosswalk: String,
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
    /// Controls of other frameworks whose rules also speak for this one: `nist-800-53r5/SC-28`.
    pub from: Vec<String>,
    /// Ids of rules that speak for it, beside those that name it themselves.
    pub rules: Vec<String>,
    /// Why no rule over files can prove it, where none can.
    pub unprovable: Option<String>,
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
    let known = ["framework", "title", "source", "crosswalk", "requirements"];
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
    let crosswalk = if map.contains_key("crosswalk") { text("crosswalk") } else { Some(String::new()) };
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
        requirements.extend(requirement(key, &entry.value, entry.key, crosswalk.as_deref().unwrap_or_default(), faults));
    }
    Some(Framework { id: id?, title: title?, source: source?, crosswalk: crosswalk?, requirements })
}

const REQUIREMENT_KEYS: [&str; 4] = ["title", "from", "rules", "unprovable"];

fn requirement(id: &str, value: &Value, at: Span, crosswalk: &str, faults: &mut Vec<(Span, String)>) -> Option<Requirement> {
    for (key, entry) in value.as_map().into_iter().flat_map(|map| map.iter()).filter(|(key, _)| !REQUIREMENT_KEYS.contains(&&***key)) {
        let near = probity_checks::nearest(key, REQUIREMENT_KEYS).map(|near| format!("; did you mean `{near}`")).unwrap_or_default();
        faults.push((entry.key, format!("`{key}` is not a known key of a requirement{near}")));
    }
    let words = |key: &str| value.get(key).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
    let mut list = |key: &str| -> Vec<String> {
        let Some(given) = value.get(key) else { return Vec::new() };
        let items: Option<Vec<String>> =
            given.as_list().and_then(|items| items.iter().map(|item| item.as_str().map(str::to_owned)).collect());
        if crosswalk.is_empty() {
            faults.push((given.span, format!("`{key}` needs the framework's `crosswalk`, which says where the pairs come from")));
        }
        items.unwrap_or_else(|| {
            faults.push((given.span, format!("`{key}` of a requirement is a list of ids")));
            Vec::new()
        })
    };
    let (from, rules) = (list("from"), list("rules"));
    let unprovable = words("unprovable");
    if value.get("unprovable").is_some() && (unprovable.is_none() || !from.is_empty() || !rules.is_empty()) {
        faults.push((at, format!("`unprovable` of `{id}` says why no rule can prove it; then it has neither `from` nor `rules`")));
    }
    match words("title") {
        Some(title) => Some(Requirement { id: id.to_owned(), title, from, rules, unprovable }),
        None => {
            faults.push((at, format!("the requirement `{id}` needs a `title`")));
            None
        }
    }
}
