//! Takes typed things out of a map and says everything that is wrong with it, each with its place. Used for the configuration and
//! for exception files.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;
use std::sync::Arc;

use probity_core::{Diagnostic, Level};
use probity_value::{FileId, Map, Problem, Span, Value, yaml};

use crate::words::nearest;

/// Reads one file of ours.
pub(crate) struct Reader {
    file: Arc<str>,
    code: &'static str,
    pub(crate) diagnostics: Vec<Diagnostic>,
    pub(crate) written: BTreeMap<String, Span>,
}

impl Reader {
    pub(crate) fn new(file: &Arc<str>, code: &'static str) -> Reader {
        Reader { file: Arc::clone(file), code, diagnostics: Vec::new(), written: BTreeMap::new() }
    }

    /// Says that something is wrong.
    pub(crate) fn wrong(&mut self, at: Span, message: impl Into<String>) {
        self.diagnostics.push(Diagnostic::new(Level::Error, self.code, Arc::clone(&self.file), at, message));
    }

    pub(crate) fn wrong_hint(&mut self, at: Span, message: impl Into<String>, hint: impl Into<String>) {
        self.diagnostics.push(Diagnostic::new(Level::Error, self.code, Arc::clone(&self.file), at, message).hint(hint));
    }

    /// The one document of a YAML text; `None` where there is none, or it cannot be read. In files of ours, what is only a warning
    /// elsewhere (a key written twice) is an error: nobody can tell which one was meant.
    pub(crate) fn document(&mut self, text: &str, file: FileId) -> Option<Value> {
        let (documents, problems) = yaml::parse(text, file);
        for Problem { span, message, .. } in &problems {
            self.wrong(*span, message.clone());
        }
        if !problems.is_empty() {
            return None;
        }
        let mut documents = documents.into_iter().filter(|document| !document.value.is_null());
        let first = documents.next()?;
        if let Some(second) = documents.next() {
            self.wrong(second.span, "a second document; only one is read");
            return None;
        }
        Some(first.value)
    }

    /// A map; null is an empty one.
    pub(crate) fn map<'v>(&mut self, value: &'v Value, what: &str) -> Option<&'v Map> {
        match value.as_map() {
            Some(map) => Some(map),
            None if value.is_null() => None,
            None => {
                self.wrong(value.span, format!("`{what}` takes a map, not a {}", value.type_name()));
                None
            }
        }
    }

    /// Refuses keys that are not known, naming the nearest that is, and notes the places of those that are.
    pub(crate) fn keys(&mut self, map: &Map, at: &str, known: &[&'static str]) {
        for (key, entry) in map.iter() {
            let path = join(at, key);
            if known.contains(&&**key) {
                self.written.insert(path, entry.key.or(entry.value.span));
                continue;
            }
            let message = format!("unknown key `{}`", shown(&path));
            match nearest(key, known.iter().copied()) {
                Some(near) => self.wrong_hint(entry.key, message, format!("did you mean `{near}`?")),
                None => self.wrong_hint(entry.key, message, format!("known here: {}", known.join(", "))),
            }
        }
    }

    /// The map under `key`.
    pub(crate) fn section<'v>(&mut self, map: &'v Map, at: &str, key: &str) -> Option<&'v Map> {
        let value = map.get(key)?;
        self.map(value, &join(at, key))
    }

    /// The items under `key`; null is none.
    pub(crate) fn items<'v>(&mut self, map: &'v Map, at: &str, key: &str) -> &'v [Value] {
        let Some(value) = map.get(key) else { return &[] };
        match value.as_list() {
            Some(items) => items,
            None if value.is_null() => &[],
            None => {
                self.wrong(value.span, format!("`{}` takes a list, not a {}", join(at, key), value.type_name()));
                &[]
            }
        }
    }

    /// Text that is not empty, of one value.
    pub(crate) fn text_of(&mut self, value: &Value, what: &str) -> Option<Arc<str>> {
        match value.as_str().map(str::trim) {
            Some("") => {
                self.wrong(value.span, format!("`{what}` is empty"));
                None
            }
            Some(text) => Some(text.into()),
            None => {
                self.wrong_hint(
                    value.span,
                    format!("`{what}` takes text, not a {}", value.type_name()),
                    "put it in quotes where it looks like something else",
                );
                None
            }
        }
    }

    /// Text that is not empty.
    pub(crate) fn text(&mut self, map: &Map, at: &str, key: &str) -> Option<Arc<str>> {
        let value = map.get(key)?;
        self.text_of(value, &join(at, key))
    }

    /// A path below the top of the repository, without `./` and a slash at its end.
    pub(crate) fn path(&mut self, map: &Map, at: &str, key: &str) -> Option<Arc<str>> {
        let value = map.get(key)?;
        self.path_of(value, &join(at, key))
    }

    pub(crate) fn path_of(&mut self, value: &Value, what: &str) -> Option<Arc<str>> {
        let text = self.text_of(value, what)?;
        let bare = text.strip_prefix("./").unwrap_or(&text);
        let bare = bare.strip_suffix('/').unwrap_or(bare);
        if bare.is_empty() || bare.starts_with('/') || bare.contains('\\') || bare.split('/').any(|part| part == "..") {
            self.wrong(value.span, format!("`{what}` takes a path below the repository, with `/`; `{}` is none", shown(&text)));
            return None;
        }
        Some(bare.into())
    }

    /// A list of texts.
    pub(crate) fn texts(&mut self, map: &Map, at: &str, key: &str) -> Vec<Arc<str>> {
        let what = join(at, key);
        let items = self.items(map, at, key);
        items.iter().filter_map(|item| self.text_of(item, &what)).collect()
    }

    /// True or false.
    pub(crate) fn bool(&mut self, map: &Map, at: &str, key: &str) -> Option<bool> {
        let value = map.get(key)?;
        let found = value.as_bool();
        if found.is_none() {
            self.wrong(value.span, format!("`{}` takes true or false, not a {}", join(at, key), value.type_name()));
        }
        found
    }

    /// How deep something may lie: a whole number, 0 for not at all.
    pub(crate) fn depth(&mut self, map: &Map, at: &str, key: &str) -> Option<usize> {
        let value = map.get(key)?;
        let number = value.as_int().and_then(|number| usize::try_from(number).ok()).filter(|number| *number <= 100);
        if number.is_none() {
            self.wrong(value.span, format!("`{}` takes a whole number from 0 to 100", shown(&join(at, key))));
        }
        number
    }

    /// A whole number from 1 to 36500.
    pub(crate) fn days(&mut self, map: &Map, at: &str, key: &str) -> Option<u32> {
        let value = map.get(key)?;
        let found = value.as_int().and_then(|days| u32::try_from(days).ok()).filter(|days| (1..=36_500).contains(days));
        if found.is_none() {
            self.wrong(value.span, format!("`{}` takes a whole number of days from 1 to 36500", join(at, key)));
        }
        found
    }

    /// One of a fixed set of words.
    pub(crate) fn word<T: FromStr>(&mut self, map: &Map, at: &str, key: &str, known: &[&'static str]) -> Option<T>
    where
        T::Err: Display,
    {
        let value = map.get(key)?;
        self.word_of(value, &join(at, key), known)
    }

    pub(crate) fn word_of<T: FromStr>(&mut self, value: &Value, what: &str, known: &[&'static str]) -> Option<T>
    where
        T::Err: Display,
    {
        let text = self.text_of(value, what)?;
        match text.parse() {
            Ok(word) => Some(word),
            Err(_) => {
                let message = format!("`{what}` takes one of {}; `{}` is none of them", known.join(", "), shown(&text));
                match nearest(&text, known.iter().copied()) {
                    Some(near) => self.wrong_hint(value.span, message, format!("did you mean `{near}`?")),
                    None => self.wrong(value.span, message),
                }
                None
            }
        }
    }

    /// Says that a key must be given, unless it is there (then what is wrong with it has been said).
    pub(crate) fn missing(&mut self, map: &Map, at: &str, key: &str, place: Span) {
        if !map.contains_key(key) {
            self.wrong(place, format!("`{}` is missing", join(at, key)));
        }
    }
}

/// `a.b`, or `b` at the top.
pub(crate) fn join(at: &str, key: &str) -> String {
    if at.is_empty() { key.to_owned() } else { format!("{at}.{key}") }
}

/// User text cut to a length a message can bear.
pub(crate) fn shown(text: &str) -> String {
    const MOST: usize = 80;
    if text.chars().count() <= MOST { text.to_owned() } else { text.chars().take(MOST).chain("...".chars()).collect() }
}
