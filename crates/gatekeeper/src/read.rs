//! Reading documents as Kubernetes' own types would be read: fields by name, types checked, every fault with its place.

use std::sync::Arc;

use probity_core::{Diagnostic, Level};
use probity_value::{Map, Span, Value};

/// Something wrong with a policy document.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Fault {
    /// Where.
    pub(crate) at: Span,
    /// A stable short name.
    pub(crate) code: &'static str,
    /// Lower case, no full stop, user text in backticks.
    pub(crate) message: String,
    /// What would help, if anything.
    pub(crate) hint: Option<String>,
    /// How much it matters, where that is not what the caller would say.
    pub(crate) level: Option<Level>,
}

impl Fault {
    /// A fault at a place.
    pub(crate) fn new(code: &'static str, at: Span, message: impl Into<String>) -> Fault {
        Fault { at, code, message: message.into(), hint: None, level: None }
    }

    /// The same with a hint.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Fault {
        self.hint = Some(hint.into());
        self
    }

    /// The same as an error, although what is wrong with it does not keep the policy from being used.
    pub(crate) fn error(mut self) -> Fault {
        self.level = Some(Level::Error);
        self
    }

    /// As a diagnostic about a file.
    pub(crate) fn diagnostic(self, level: Level, file: &Arc<str>) -> Diagnostic {
        let mut diagnostic = Diagnostic::new(self.level.unwrap_or(level), self.code, Arc::clone(file), self.at, self.message);
        diagnostic.hint = self.hint;
        diagnostic
    }
}

/// The value at the end of a chain of keys.
pub(crate) fn at_path<'a>(value: &'a Value, path: &[&str]) -> Option<&'a Value> {
    path.iter().try_fold(value, |current, key| current.get(key))
}

/// The text at the end of a chain of keys; empty where there is none.
pub(crate) fn text_at<'a>(value: &'a Value, path: &[&str]) -> &'a str {
    at_path(value, path).and_then(Value::as_str).unwrap_or_default()
}

/// `metadata.name`.
pub(crate) fn name_of(object: &Value) -> &str {
    text_at(object, &["metadata", "name"])
}

/// `metadata.namespace`.
pub(crate) fn namespace_of(object: &Value) -> &str {
    text_at(object, &["metadata", "namespace"])
}

/// The API group of an object.
pub(crate) fn group_of(object: &Value) -> &str {
    text_at(object, &["apiVersion"]).split_once('/').map_or("", |(group, _)| group)
}

/// The API version of an object, without the group.
pub(crate) fn version_of(object: &Value) -> &str {
    let text = text_at(object, &["apiVersion"]);
    text.split_once('/').map_or(text, |(_, version)| version)
}

/// `kind`.
pub(crate) fn kind_of(object: &Value) -> &str {
    text_at(object, &["kind"])
}

/// The field of a map, or null where the map has it as null. A field whose name differs only in the case of its letters counts too, as
/// Go's decoder reads it, and is said.
pub(crate) fn field<'a>(map: &'a Map, name: &str, warnings: &mut Vec<Fault>) -> Option<&'a Value> {
    let found = match map.get(name) {
        Some(value) => Some(value),
        None => map.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(key, entry)| {
            let message = format!("`{key}` is read as `{name}`, but only by some readers: the API server drops it");
            warnings.push(Fault::new("gatekeeper-field-case", entry.key, message).hint(format!("write `{name}`")));
            &entry.value
        }),
    };
    found.filter(|value| !value.is_null())
}

/// The text of a field that has to be text if it is there.
pub(crate) fn text_field<'a>(
    map: &'a Map,
    name: &str,
    code: &'static str,
    warnings: &mut Vec<Fault>,
) -> Result<Option<&'a Arc<str>>, Fault> {
    match field(map, name, warnings) {
        None => Ok(None),
        Some(value) => text(value, name, code).map(Some),
    }
}

/// The text of a value that has to be text.
pub(crate) fn text<'a>(value: &'a Value, name: &str, code: &'static str) -> Result<&'a Arc<str>, Fault> {
    match &value.data {
        probity_value::Data::String(text) => Ok(text),
        _ => Err(Fault::new(code, value.span, format!("`{name}` has to be text, but is a {}", value.type_name()))),
    }
}

/// A field that has to be a list of texts if it is there; none gives no texts.
pub(crate) fn texts_field(map: &Map, name: &str, code: &'static str, warnings: &mut Vec<Fault>) -> Result<Vec<Arc<str>>, Fault> {
    let Some(value) = field(map, name, warnings) else { return Ok(Vec::new()) };
    list(value, name, code)?.iter().map(|item| text(item, name, code).cloned()).collect()
}

/// A value that has to be a list.
pub(crate) fn list<'a>(value: &'a Value, name: &str, code: &'static str) -> Result<&'a [Value], Fault> {
    value.as_list().ok_or_else(|| Fault::new(code, value.span, format!("`{name}` has to be a list, but is a {}", value.type_name())))
}

/// A value that has to be a map.
pub(crate) fn map<'a>(value: &'a Value, name: &str, code: &'static str) -> Result<&'a Map, Fault> {
    value.as_map().ok_or_else(|| Fault::new(code, value.span, format!("`{name}` has to be a map, but is a {}", value.type_name())))
}

/// A field that has to be a map if it is there.
pub(crate) fn map_field<'a>(
    parent: &'a Map,
    name: &str,
    code: &'static str,
    warnings: &mut Vec<Fault>,
) -> Result<Option<(&'a Map, Span)>, Fault> {
    match field(parent, name, warnings) {
        None => Ok(None),
        Some(value) => map(value, name, code).map(|found| Some((found, value.span))),
    }
}

/// A field that has to be true or false if it is there.
pub(crate) fn bool_field(map: &Map, name: &str, code: &'static str, warnings: &mut Vec<Fault>) -> Result<Option<bool>, Fault> {
    match field(map, name, warnings) {
        None => Ok(None),
        Some(value) => value
            .as_bool()
            .map(Some)
            .ok_or_else(|| Fault::new(code, value.span, format!("`{name}` has to be true or false, but is a {}", value.type_name()))),
    }
}

/// The known words nearest to one that is not known: for hints.
pub(crate) fn known(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}
