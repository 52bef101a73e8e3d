//! Reads documents of policies strictly: what is not known, missing or of the wrong type is said with its place.

use std::sync::Arc;

use probity_core::{Diagnostic, Level};
use probity_value::{Data, Map, Span, Value};

use crate::conditions::{Condition, Conditions, Operator};
use crate::jmespath::{Expression, JmesError};
use crate::variables::Template;

/// Collects what is wrong with one document.
#[derive(Debug)]
pub(crate) struct Reader {
    file: Arc<str>,
    /// What is said so far.
    pub(crate) said: Vec<Diagnostic>,
}

impl Reader {
    pub(crate) fn new(file: &Arc<str>) -> Reader {
        Reader { file: Arc::clone(file), said: Vec::new() }
    }

    /// The file it is about.
    pub(crate) fn file(&self) -> &Arc<str> {
        &self.file
    }

    /// Whether something is wrong so far.
    pub(crate) fn failed(&self) -> bool {
        self.said.iter().any(|said| said.level == Level::Error)
    }

    pub(crate) fn wrong(&mut self, at: Span, message: impl Into<String>) {
        self.said.push(Diagnostic::new(Level::Error, "kyverno-policy", Arc::clone(&self.file), at, message));
    }

    pub(crate) fn warn(&mut self, code: &'static str, at: Span, message: impl Into<String>) {
        self.said.push(Diagnostic::new(Level::Warning, code, Arc::clone(&self.file), at, message));
    }

    fn type_error(&mut self, what: &str, wanted: &str, value: &Value) {
        self.wrong(value.span, format!("`{what}` has to be {wanted}, but is a {}", value.type_name()));
    }

    /// A map with known keys only; null counts as nothing.
    pub(crate) fn fields<'v>(&mut self, value: &'v Value, what: &str, known: &[&str]) -> Option<&'v Map> {
        match &value.data {
            Data::Map(map) => {
                for (key, entry) in map.iter() {
                    if !known.contains(&&**key) {
                        let mut said = Diagnostic::new(
                            Level::Error,
                            "kyverno-unknown-field",
                            Arc::clone(&self.file),
                            entry.key.or(entry.value.span),
                            format!("`{what}` has no field `{key}`"),
                        );
                        said.hint = nearest(key, known).map(|known| format!("did you mean `{known}`?"));
                        self.said.push(said);
                    }
                }
                Some(map)
            }
            Data::Null => None,
            _ => {
                self.type_error(what, "a map", value);
                None
            }
        }
    }

    /// A value under a key; null counts as nothing.
    pub(crate) fn get<'v>(map: &'v Map, key: &str) -> Option<&'v Value> {
        map.get(key).filter(|value| !value.is_null())
    }

    pub(crate) fn text(&mut self, map: &Map, key: &str) -> Option<Arc<str>> {
        let value = Reader::get(map, key)?;
        match &value.data {
            Data::String(text) => Some(Arc::clone(text)),
            _ => {
                self.type_error(key, "a string", value);
                None
            }
        }
    }

    /// A text that has to be there and not be empty.
    pub(crate) fn required_text(&mut self, map: &Map, key: &str, what: &str, at: Span) -> Option<Arc<str>> {
        let text = self.text(map, key).filter(|text| !text.is_empty());
        if text.is_none() && Reader::get(map, key).is_none_or(|value| value.as_str().is_some()) {
            self.wrong(at, format!("`{what}` needs a `{key}`"));
        }
        text
    }

    pub(crate) fn boolean(&mut self, map: &Map, key: &str) -> Option<bool> {
        let value = Reader::get(map, key)?;
        let found = value.as_bool();
        if found.is_none() {
            self.type_error(key, "true or false", value);
        }
        found
    }

    pub(crate) fn word<T: Copy>(&mut self, map: &Map, key: &str, words: &[(&str, T)]) -> Option<T> {
        let text = self.text(map, key)?;
        let found = words.iter().find(|(word, _)| **word == *text).map(|(_, meaning)| *meaning);
        if found.is_none() {
            let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            let at = map.get(key).map_or(Span::NONE, |value| value.span);
            self.wrong(at, format!("`{key}` is `{text}`, which is none of {}", known.join(", ")));
        }
        found
    }

    /// The items of a list; none where there is nothing.
    pub(crate) fn list<'v>(&mut self, map: &'v Map, key: &str) -> &'v [Value] {
        let Some(value) = Reader::get(map, key) else { return &[] };
        match value.as_list() {
            Some(items) => items,
            None => {
                self.type_error(key, "a list", value);
                &[]
            }
        }
    }

    pub(crate) fn texts(&mut self, map: &Map, key: &str) -> Vec<Arc<str>> {
        let items = self.list(map, key);
        let mut texts = Vec::with_capacity(items.len());
        for item in items {
            match &item.data {
                Data::String(text) => texts.push(Arc::clone(text)),
                _ => self.type_error(key, "a list of strings", item),
            }
        }
        texts
    }

    /// A map of texts.
    pub(crate) fn text_map(&mut self, map: &Map, key: &str) -> Vec<(Arc<str>, Arc<str>)> {
        let Some(value) = Reader::get(map, key) else { return Vec::new() };
        let Some(entries) = value.as_map() else {
            self.type_error(key, "a map", value);
            return Vec::new();
        };
        let mut texts = Vec::with_capacity(entries.len());
        for (name, entry) in entries.iter() {
            match &entry.value.data {
                Data::String(text) => texts.push((Arc::clone(name), Arc::clone(text))),
                _ => self.type_error(name, "a string", &entry.value),
            }
        }
        texts
    }

    fn jmes(&mut self, at: Span, error: &JmesError) {
        self.wrong(error.at.or(at), error.message.clone());
    }

    /// A document with variables.
    pub(crate) fn template(&mut self, value: &Value, base: &[&str]) -> Option<Template> {
        match Template::parse(value, base) {
            Ok(template) => Some(template),
            Err(error) => {
                self.jmes(value.span, &error);
                None
            }
        }
    }

    /// A text with variables under a key.
    pub(crate) fn text_template(&mut self, map: &Map, key: &str, base: &[&str]) -> Option<Template> {
        let value = Reader::get(map, key)?;
        if value.as_str().is_none() {
            self.type_error(key, "a string", value);
            return None;
        }
        self.template(value, base)
    }

    /// A JMESPath expression under a key.
    pub(crate) fn expression(&mut self, map: &Map, key: &str) -> Option<Expression> {
        let text = self.text(map, key)?;
        let at = map.get(key).map_or(Span::NONE, |value| value.span);
        match Expression::parse(&text, at) {
            Ok(expression) => Some(expression),
            Err(error) => {
                self.jmes(at, &error);
                None
            }
        }
    }

    /// Conditions: `any` and `all`, or a plain list of which all have to hold.
    pub(crate) fn conditions(&mut self, value: &Value, what: &str) -> Conditions {
        if let Some(items) = value.as_list() {
            return Conditions { any: None, all: items.iter().filter_map(|item| self.condition(item)).collect() };
        }
        let Some(map) = self.fields(value, what, &["any", "all"]) else { return Conditions::default() };
        let any = Reader::get(map, "any").is_some().then(|| self.condition_list(map, "any"));
        Conditions { any, all: self.condition_list(map, "all") }
    }

    fn condition_list(&mut self, map: &Map, key: &str) -> Vec<Condition> {
        let items = self.list(map, key);
        items.iter().filter_map(|item| self.condition(item)).collect()
    }

    fn condition(&mut self, value: &Value) -> Option<Condition> {
        let map = self.fields(value, "a condition", &["key", "operator", "value", "message"])?;
        let null = Value::null(Span::NONE);
        let key = self.template(map.get("key").unwrap_or(&null), &[])?;
        let other = self.template(map.get("value").unwrap_or(&null), &[])?;
        let word = self.required_text(map, "operator", "a condition", value.span)?;
        let Some(operator) = Operator::named(&word) else {
            let known: Vec<&str> = Operator::ALL.iter().map(|operator| operator.as_str()).collect();
            let at = map.get("operator").map_or(value.span, |operator| operator.span);
            self.wrong(at, format!("`{word}` is none of the operators {}", known.join(", ")));
            return None;
        };
        let message = self.text(map, "message").unwrap_or_else(|| "".into());
        Some(Condition { key, operator, value: other, message, at: value.span })
    }
}

/// The known word nearest to one, if it is near.
pub(crate) fn nearest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    known
        .iter()
        .map(|candidate| (distance(word, candidate), *candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len() / 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// How many letters have to be changed; letter case counts for nothing.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().map(|letter| letter.to_ascii_lowercase()).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    // Long words are no misspellings; the work stays small.
    for (index, letter) in a.chars().take(64).map(|letter| letter.to_ascii_lowercase()).enumerate() {
        let mut before = index;
        let mut left = index + 1;
        for (at, other) in b.iter().enumerate() {
            let above = row.get(at + 1).copied().unwrap_or(usize::MAX - 1);
            let cost = if letter == *other { before } else { 1 + before.min(above).min(left) };
            before = above;
            if let Some(place) = row.get_mut(at) {
                *place = left;
            }
            left = cost;
        }
        if let Some(place) = row.last_mut() {
            *place = left;
        }
    }
    row.last().copied().unwrap_or_default().max(a.chars().count().saturating_sub(64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_are_found() {
        assert_eq!(nearest("validat", &["validate", "mutate"]), Some("validate"));
        assert_eq!(nearest("Exclude", &["exclude"]), Some("exclude"));
        assert_eq!(nearest("foo", &["validate"]), None);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "ab"), 2);
    }
}
