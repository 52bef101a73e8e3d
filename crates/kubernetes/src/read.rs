//! Small steps of reading policy objects, each wrong part said with its place.

use std::sync::Arc;

use probity_core::{Diagnostic, Level};
use probity_value::{Map, Span, Value};

/// Reads parts of one document and collects what is wrong.
#[derive(Debug)]
pub struct Reader<'a> {
    /// The file, as the user knows it.
    pub file: &'a Arc<str>,
    /// What there is to say so far.
    pub said: Vec<Diagnostic>,
    /// The code of what is said.
    code: &'static str,
}

impl<'a> Reader<'a> {
    /// Reads a document of a file; `code` is the code of what it says.
    #[must_use]
    pub fn new(file: &'a Arc<str>, code: &'static str) -> Reader<'a> {
        Reader { file, said: Vec::new(), code }
    }

    /// Whether something was wrong.
    #[must_use]
    pub fn failed(&self) -> bool {
        self.said.iter().any(|one| one.level == Level::Error)
    }

    /// Says that something is wrong.
    pub fn wrong(&mut self, at: Span, message: impl Into<String>) {
        self.said.push(Diagnostic::new(Level::Error, self.code, Arc::clone(self.file), at, message));
    }

    /// Says that something may not be as its author thinks.
    pub fn warn(&mut self, at: Span, message: impl Into<String>) {
        self.said.push(Diagnostic::new(Level::Warning, self.code, Arc::clone(self.file), at, message));
    }

    /// A map; null and absent are an empty one.
    pub fn map<'v>(&mut self, value: Option<&'v Value>, what: &str) -> Option<&'v Map> {
        let value = value.filter(|value| !value.is_null())?;
        let map = value.as_map();
        if map.is_none() {
            self.wrong(value.span, format!("`{what}` is a {}, not a map", value.type_name()));
        }
        map
    }

    /// A list; null and absent are an empty one.
    pub fn list<'v>(&mut self, map: &'v Map, key: &str) -> &'v [Value] {
        let Some(value) = map.get(key).filter(|value| !value.is_null()) else { return &[] };
        match value.as_list() {
            Some(items) => items,
            None => {
                self.wrong(value.span, format!("`{key}` is a {}, not a list", value.type_name()));
                &[]
            }
        }
    }

    /// Text; null and absent are none.
    pub fn text(&mut self, map: &Map, key: &str) -> Option<(Arc<str>, Span)> {
        let value = map.get(key).filter(|value| !value.is_null())?;
        match value.as_str() {
            Some(text) => Some((text.into(), value.span)),
            None => {
                self.wrong(value.span, format!("`{key}` is a {}, not text", value.type_name()));
                None
            }
        }
    }

    /// Text that has to be there.
    pub fn needed(&mut self, map: &Map, key: &str, at: Span) -> Option<(Arc<str>, Span)> {
        let text = self.text(map, key);
        if text.as_ref().is_none_or(|(text, _)| text.trim().is_empty()) {
            if map.get(key).is_none_or(|value| value.is_null() || value.as_str().is_some()) {
                self.wrong(map.entry(key).map_or(at, |entry| entry.key), format!("`{key}` is missing"));
            }
            return None;
        }
        text
    }

    /// Refuses keys that mean nothing.
    pub fn keys(&mut self, map: &Map, known: &[&str]) {
        for (key, entry) in map.iter().filter(|(key, _)| !known.contains(&&***key)) {
            self.wrong(entry.key, format!("`{key}` is none of {}", known.join(", ")));
        }
    }
}
