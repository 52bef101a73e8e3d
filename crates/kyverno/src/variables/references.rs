//! `$(path)`: another text of the same document.

use std::sync::{Arc, LazyLock};

use probity_value::{Data, Value};
use regex::Regex;

use crate::jmespath::JmesError;

/// `$(...)` at the beginning, or after a character that is no backslash.
static REFERENCE: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"^\$\(.[^ ]*\)|[^\\]\$\(.[^ ]*\)").ok());
/// `\$(...)`.
static ESCAPED: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\\\$\(.[^ )]*\)").ok());

/// Text with its references replaced by what they name, and escaped ones unescaped.
pub(super) fn resolve(text: &Arc<str>, document: &Value, path: &str, base: &[&str]) -> Result<String, JmesError> {
    let (Some(reference), Some(escaped)) = (&*REFERENCE, &*ESCAPED) else {
        return Err(JmesError::wrong("references cannot be read"));
    };
    let mut value = text.to_string();
    for found in reference.find_iter(text) {
        let whole = found.as_str();
        let at = whole.find("$(").unwrap_or_default();
        let (before, inner) = (whole.get(..at).unwrap_or_default(), whole.get(at..).unwrap_or_default());
        let named = named(inner, document, path, base)?;
        value = value.replacen(whole, &format!("{before}{named}"), 1);
    }
    let mut plain = value.clone();
    for found in escaped.find_iter(&value) {
        let whole = found.as_str();
        plain = plain.replace(whole, whole.get(1..).unwrap_or_default());
    }
    Ok(plain)
}

/// The text a reference names, with the operator that stands before the path.
fn named(reference: &str, document: &Value, path: &str, base: &[&str]) -> Result<String, JmesError> {
    let inner = reference.trim_matches(['$', '(', ')']);
    let operator =
        [">=", "<=", ">", "<", "!"].into_iter().find(|operator| inner.len() > 1 && inner.starts_with(operator)).unwrap_or_default();
    let target = inner.get(operator.len()..).unwrap_or_default();
    if target.is_empty() {
        return Err(JmesError::wrong(format!("the reference `{reference}` names no path")));
    }
    let absolute = if target.starts_with('/') { target.to_owned() } else { format!("{path}/{target}") };
    let steps = cleaned(&absolute);
    let within =
        steps.strip_prefix(base).ok_or_else(|| JmesError::wrong(format!("the reference `{reference}` leads out of the document")))?;
    let found = find(document, within)
        .ok_or_else(|| JmesError::wrong(format!("the reference `{reference}` at `{path}` names nothing (`/{}`)", steps.join("/"))))?;
    match (&found.data, operator) {
        (Data::String(text), _) => Ok(format!("{operator}{text}")),
        (Data::Number(probity_value::Number::Int(number)), operator) if !operator.is_empty() => Ok(format!("{operator}{number}")),
        (Data::Number(number), operator) if !operator.is_empty() => Ok(format!("{operator}{:.6}", number.as_f64())),
        _ => Err(JmesError::wrong(format!("the reference `{reference}` at `{path}` names a {}, not text", found.type_name()))),
    }
}

/// The steps of an absolute path without `.` and `..`.
fn cleaned(path: &str) -> Vec<&str> {
    let mut steps = Vec::new();
    for step in path.split('/') {
        match step {
            "" | "." => {}
            ".." => {
                steps.pop();
            }
            step => steps.push(step),
        }
    }
    steps
}

/// The leaf at a path; keys count without their anchors.
fn find<'d>(value: &'d Value, steps: &[&str]) -> Option<&'d Value> {
    let Some((step, rest)) = steps.split_first() else {
        return (!matches!(value.data, Data::List(_) | Data::Map(_))).then_some(value);
    };
    match &value.data {
        Data::List(items) => find(items.get(step.parse::<usize>().ok()?)?, rest),
        Data::Map(map) => map
            .iter()
            .filter(|(key, _)| without_anchor(key) == *step || ***key == **step)
            .filter_map(|(_, entry)| find(&entry.value, rest))
            .next_back(),
        _ => None,
    }
}

/// The key within an anchor: `name` of `(name)`, `=(name)`.
fn without_anchor(key: &str) -> &str {
    let key = key.trim();
    let inner = key.strip_prefix(['+', '<', '=', 'X', '^']).unwrap_or(key);
    inner.strip_prefix('(').and_then(|inner| inner.strip_suffix(')')).filter(|inner| !inner.is_empty()).unwrap_or(key)
}
