//! Small steps on values: looking in, changing, and the text a scalar was written as.

use std::sync::Arc;

use probity_value::{Data, FileId, Map, Number, SourceMap, Value, yaml};

/// How Kustomize reads YAML: as version 1.2, but with octal numbers of 1.1.
pub const OPTIONS: yaml::ParseOptions =
    yaml::ParseOptions { booleans_1_1: false, octal_1_1: true, line_breaks_1_1: true, kubectl: true, cloudformation: false };

/// The map in it, to change it.
pub fn map_mut(value: &mut Value) -> Option<&mut Map> {
    match &mut value.data {
        Data::Map(map) => Some(Arc::make_mut(map)),
        _ => None,
    }
}

/// The list in it, to change it.
pub fn list_mut(value: &mut Value) -> Option<&mut Vec<Value>> {
    match &mut value.data {
        Data::List(items) => Some(Arc::make_mut(items)),
        _ => None,
    }
}

/// Whether it is neither a list nor a map nor null.
pub fn is_scalar(value: &Value) -> bool {
    matches!(value.data, Data::Bool(_) | Data::Number(_) | Data::String(_) | Data::Unknown(_))
}

/// Whether nothing is there: null, or no value at all.
pub fn is_missing(value: Option<&Value>) -> bool {
    value.is_none_or(Value::is_null)
}

/// The text of a scalar as it was written; `None` for lists, maps and what is unknown.
pub fn text(value: &Value, sources: Option<&SourceMap>) -> Option<String> {
    match &value.data {
        Data::String(text) => Some(text.to_string()),
        Data::Bool(value) => Some(value.to_string()),
        Data::Number(number) => Some(written(*number, value, sources)),
        Data::Null => Some("null".to_owned()),
        Data::List(_) | Data::Map(_) | Data::Unknown(_) => None,
    }
}

fn written(number: Number, value: &Value, sources: Option<&SourceMap>) -> String {
    let plain = number.to_string();
    if value.span.is_none() {
        return plain;
    }
    match sources.and_then(|sources| sources.snippet(value.span)) {
        Some(text) if text.len() < 64 && scalar(&text) == Data::Number(number) => text,
        _ => plain,
    }
}

/// What a text means as a scalar without quotes.
pub fn scalar(text: &str) -> Data {
    let string = || Data::String(text.into());
    if text.len() > 64
        || text.trim() != text
        || text.contains(['\n', '#', ':', '{', '[', '&', '*', '!', '|', '>', '\'', '"', '%', '@', '`'])
    {
        return string();
    }
    if text.is_empty() {
        return Data::Null;
    }
    let (documents, problems) = yaml::parse_with(text, FileId::NONE, OPTIONS);
    match documents.as_slice() {
        [one] if problems.is_empty() => match &one.value.data {
            Data::Bool(_) if !is_boolean(text) => string(),
            data @ (Data::Null | Data::Bool(_) | Data::Number(_)) => data.clone(),
            _ => string(),
        },
        _ => string(),
    }
}

/// Whether Kustomize takes the text for true or false.
fn is_boolean(text: &str) -> bool {
    matches!(text, "true" | "True" | "TRUE" | "false" | "False" | "FALSE")
}

/// Calls `visit` for the values directly in a list or map.
pub fn each_part(value: &mut Value, visit: &mut dyn FnMut(&mut Value)) {
    match &mut value.data {
        Data::List(items) => Arc::make_mut(items).iter_mut().for_each(visit),
        Data::Map(map) => {
            let map = Arc::make_mut(map);
            let keys: Vec<Arc<str>> = map.keys().cloned().collect();
            for key in keys {
                if let Some(value) = map.get_mut(&key) {
                    visit(value);
                }
            }
        }
        _ => {}
    }
}
