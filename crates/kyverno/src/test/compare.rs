//! Compares what rules made of an object with what a test expects.

use std::fmt::Write as _;
use std::sync::Arc;

use probity_core::PathStep;
use probity_value::{Data, Entry, Map, Span, Value, json};

/// Finds the expected object of the same kind, namespace and name; says how it differs.
pub(super) fn find_and_compare(actual: &Value, expected: &[Value], path: &str) -> Option<String> {
    let id = |object: &Value| {
        let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
        let metadata = object.get("metadata");
        let part = |key: &str| text(metadata.and_then(|metadata| metadata.get(key)));
        (text(object.get("apiVersion")), text(object.get("kind")), part("namespace"), part("name"))
    };
    let wanted = id(actual);
    // Objects that are made may lack the namespace that reading a file adds.
    let same = |candidate: &Value| {
        let found = id(candidate);
        found == wanted || (wanted.2.is_empty() && (&found.0, &found.1, &found.3) == (&wanted.0, &wanted.1, &wanted.3))
    };
    let Some(found) = expected.iter().find(|candidate| same(candidate)) else {
        return Some(format!("`{path}` has no {} `{}/{}`", wanted.1, wanted.2, wanted.3));
    };
    let mut left = tidy(&labelled(found)).unwrap_or_else(|| Value::null(Span::NONE));
    let right = tidy(&labelled(actual)).unwrap_or_else(|| Value::null(Span::NONE));
    if wanted.2.is_empty() && id(found).2 == "default" {
        left = without_namespace(&left);
    }
    let mut differences = Vec::new();
    differ(&left, &right, &mut Vec::new(), &mut differences);
    if differences.is_empty() { None } else { Some(differences.join("; ")) }
}

fn without_namespace(object: &Value) -> Value {
    let mut map = object.as_map().cloned().unwrap_or_default();
    if let Some(metadata) = map.get_mut("metadata")
        && let Data::Map(inner) = &mut metadata.data
    {
        Arc::make_mut(inner).remove("namespace");
    }
    Value::map(map, object.span)
}

/// With the label of generated objects, and without those that say where they come from.
fn labelled(object: &Value) -> Value {
    let mut map = object.as_map().cloned().unwrap_or_default();
    let mut metadata = map.get("metadata").and_then(Value::as_map).cloned().unwrap_or_default();
    let mut labels = Map::new();
    labels.insert("app.kubernetes.io/managed-by", Span::NONE, Value::string("kyverno", Span::NONE));
    for (key, entry) in metadata.get("labels").and_then(Value::as_map).into_iter().flat_map(Map::iter) {
        if !key.starts_with("generate.kyverno.io/") {
            labels.insert(Arc::clone(key), entry.key, entry.value.clone());
        }
    }
    metadata.insert("labels", Span::NONE, Value::map(labels, Span::NONE));
    map.insert("metadata", Span::NONE, Value::map(metadata, Span::NONE));
    Value::map(map, object.span)
}

/// Without nulls and what is empty; `None` where nothing is left.
fn tidy(value: &Value) -> Option<Value> {
    match &value.data {
        Data::Null => None,
        Data::Map(map) => {
            let map: Map = map
                .iter()
                .filter_map(|(key, entry)| Some((Arc::clone(key), Entry { key: entry.key, value: tidy(&entry.value)? })))
                .collect();
            (!map.is_empty()).then(|| Value::map(map, value.span))
        }
        Data::List(items) => {
            let items: Vec<Value> = items.iter().filter_map(tidy).collect();
            (!items.is_empty()).then(|| Value::list(items, value.span))
        }
        _ => Some(value.clone()),
    }
}

fn place(path: &[PathStep]) -> String {
    let mut out = String::new();
    for step in path {
        match step {
            PathStep::Key(key) => {
                if !out.is_empty() {
                    out.push('.');
                }
                out.push_str(key);
            }
            PathStep::Index(index) => {
                let _ = write!(out, "[{index}]");
            }
        }
    }
    out
}

fn shown(value: &Value) -> String {
    let text = json::write(value).unwrap_or_else(|| "(unknown)".to_owned());
    if text.len() > 200 { format!("{}…", text.get(..text.floor_char_boundary(200)).unwrap_or_default()) } else { text }
}

fn differ(expected: &Value, actual: &Value, path: &mut Vec<PathStep>, out: &mut Vec<String>) {
    if out.len() >= 8 || expected == actual {
        return;
    }
    match (&expected.data, &actual.data) {
        (Data::Map(left), Data::Map(right)) => {
            for (key, entry) in left.iter() {
                path.push(PathStep::Key(Arc::clone(key)));
                match right.get(key) {
                    Some(other) => differ(&entry.value, other, path, out),
                    None => out.push(format!("`{}` is missing (expected {})", place(path), shown(&entry.value))),
                }
                path.pop();
            }
            for (key, entry) in right.iter().filter(|(key, _)| !left.contains_key(key)) {
                path.push(PathStep::Key(Arc::clone(key)));
                out.push(format!("`{}` is there, but not expected: {}", place(path), shown(&entry.value)));
                path.pop();
            }
        }
        (Data::List(left), Data::List(right)) if left.len() == right.len() => {
            for (index, (left, right)) in left.iter().zip(right.iter()).enumerate() {
                path.push(PathStep::Index(index));
                differ(left, right, path, out);
                path.pop();
            }
        }
        _ => out.push(format!("`{}` is {}, expected {}", place(path), shown(actual), shown(expected))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use probity_value::{FileId, yaml};

    #[test]
    fn differences_name_their_place() {
        let value = |text: &str| yaml::parse(text, FileId::NONE).0.into_iter().next().map(|document| document.value).unwrap();
        let actual = value("{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: x}, spec: {a: 1, b: [], c: null}}");
        let same = value("{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: x}, spec: {a: 1.0}}");
        assert_eq!(find_and_compare(&actual, &[same], "f"), None);
        let other = value("{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: x}, spec: {a: 2}}");
        assert_eq!(find_and_compare(&actual, &[other], "f").as_deref(), Some("`spec.a` is 1, expected 2"));
        assert_eq!(find_and_compare(&actual, &[], "f").as_deref(), Some("`f` has no Pod `x/a`"));
    }
}
