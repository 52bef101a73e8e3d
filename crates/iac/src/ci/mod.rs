//! What the readers of continuous integration files share: finding and parsing files, scripts, images, places in block text.
//!
//! What does not live here: what a key means in one of the languages; that is in the module of the language.

pub(crate) mod collect;
pub(crate) mod image;
pub(crate) mod placed;
pub(crate) mod scanner;
pub(crate) mod script;

use std::sync::Arc;

use probity_value::{Map, Span, UnknownKind, Value};

/// A map under construction.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fields(pub(crate) Map);

impl Fields {
    /// A copy of what was written, to add to.
    pub(crate) fn of(value: &Value) -> Fields {
        Fields(value.as_map().cloned().unwrap_or_default())
    }

    /// Adds a value whose key is worked out.
    pub(crate) fn put(&mut self, key: &str, value: Value) {
        let at = self.0.entry(key).map_or(value.span, |entry| entry.key);
        self.0.insert(key, at, value);
    }

    /// Adds text or nothing.
    pub(crate) fn text(&mut self, key: &str, text: Option<&str>, span: Span) {
        if let Some(text) = text {
            self.put(key, Value::string(text, span));
        }
    }

    /// Adds true or false.
    pub(crate) fn flag(&mut self, key: &str, value: bool, span: Span) {
        self.put(key, Value::bool(value, span));
    }

    /// The whole of it at a place.
    pub(crate) fn at(self, span: Span) -> Value {
        Value::map(self.0, span)
    }
}

/// A scalar as text, whatever it was written as.
pub(crate) fn scalar(value: &Value) -> Option<Arc<str>> {
    match &value.data {
        probity_value::Data::String(text) => Some(Arc::clone(text)),
        probity_value::Data::Bool(value) => Some(value.to_string().into()),
        probity_value::Data::Number(number) => Some(number.to_string().into()),
        _ => None,
    }
}

/// A value that is one item, or a list of them, as items.
pub(crate) fn items(value: &Value) -> &[Value] {
    match value.as_list() {
        Some(items) => items,
        None if value.is_null() => &[],
        None => std::slice::from_ref(value),
    }
}

/// The keys and values of a map as a list of `{key, value}`, so that rules can ask about keys; a list of `{name, value}` too.
pub(crate) fn pairs(value: Option<&Value>, span: Span) -> Value {
    let mut out = Vec::new();
    let pair = |key: &str, at: Span, value: &Value| {
        let mut fields = Fields::default();
        fields.text("key", Some(key), at);
        let inner = value.get("value").unwrap_or(value);
        fields.put("value", inner.clone());
        fields.at(at.join(value.span))
    };
    match value.map(|value| (&value.data, value)) {
        Some((probity_value::Data::Map(map), _)) => out.extend(map.iter().map(|(key, entry)| pair(key, entry.key, &entry.value))),
        Some((probity_value::Data::List(list), _)) => {
            let named = |item: &Value| Some(pair(item.get("name")?.as_str()?, item.span, item.get("value")?));
            out.extend(list.iter().filter_map(named));
        }
        _ => {}
    }
    Value::list(out, value.map_or(span, |value| value.span))
}

/// A value that is known only when the pipeline runs; the text before its first variable stays known.
pub(crate) fn at_run_time(name: &str, prefix: &str, span: Span) -> Value {
    let reason = format!("`{name}` is known only when it runs");
    if prefix.is_empty() {
        return Value::unknown(UnknownKind::Function, reason, span);
    }
    let unknown = probity_value::Unknown {
        kind: UnknownKind::Function,
        reason: reason.into(),
        set: true,
        prefix: prefix.into(),
        suffix: "".into(),
        decoded: None,
    };
    Value::new(probity_value::Data::Unknown(Arc::new(unknown)), span)
}

/// A name as it stands in an id: bare where it is a word, else in quotes.
pub(crate) fn key(name: &str) -> String {
    let word = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '-' | '.' | '/' | ':');
    if !name.is_empty() && name.chars().all(word) {
        return name.to_owned();
    }
    let short: String = name.chars().take(120).filter(|letter| !letter.is_control()).collect();
    format!("\"{}\"", short.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Gives each name an id of its own: the second `build` is `build#2`.
#[derive(Debug, Default)]
pub(crate) struct Ids(std::collections::HashMap<String, usize>);

impl Ids {
    /// How often this was asked for a name before.
    pub(crate) fn next(&mut self, name: &str) -> usize {
        let count = self.0.entry(name.to_owned()).or_insert(0);
        *count += 1;
        *count - 1
    }

    /// The id for a name that may have been given before.
    pub(crate) fn give(&mut self, name: &str) -> String {
        let mut candidate = name.to_owned();
        loop {
            let count = self.0.entry(candidate.clone()).or_insert(0);
            *count += 1;
            if *count == 1 {
                return candidate;
            }
            candidate = format!("{name}#{count}");
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use probity_core::{CollectOptions, Collected, Scope, Source, Tree as _};
    use probity_testkit::MapTree;
    use probity_value::SourceMap;

    /// Collects files and finds the value at a path of one subject, as compact JSON; spans as their text where the path ends in `@`.
    pub(crate) fn collected(source: &dyn Source, files: &[(&str, &str)]) -> (Collected, SourceMap) {
        let tree = MapTree::new(files.iter().copied());
        let sources = SourceMap::new();
        let options = CollectOptions::default();
        let unclaimed: Vec<Arc<str>> = tree.files().iter().map(|file| Arc::clone(&file.path)).collect();
        let collected = source.collect(&Scope { tree: &tree, sources: &sources, unclaimed: &unclaimed, options: &options });
        (collected, sources)
    }

    /// A value at a path of names and numbers.
    pub(crate) fn at<'v>(value: &'v Value, path: &str) -> Option<&'v Value> {
        path.split('.').filter(|part| !part.is_empty()).try_fold(value, |value, part| match part.parse::<usize>() {
            Ok(index) if value.as_list().is_some() => value.as_list()?.get(index),
            _ => value.get(part),
        })
    }

    /// How a value is shown in tests.
    pub(crate) fn show(value: Option<&Value>) -> String {
        match value {
            None => "-".to_owned(),
            Some(value) => match value.as_unknown() {
                Some(unknown) if unknown.prefix.is_empty() => format!("unknown: {}", unknown.reason),
                Some(unknown) => format!("unknown from {}: {}", unknown.prefix, unknown.reason),
                None => probity_value::json::write(value).unwrap_or_else(|| "with unknowns".to_owned()),
            },
        }
    }

    /// The value at a path of the subject with that id.
    pub(crate) fn value_of(source: &dyn Source, files: &[(&str, &str)], id: &str, path: &str) -> String {
        let (collected, sources) = collected(source, files);
        let Some(subject) = collected.subjects.iter().find(|subject| &*subject.id == id) else {
            return format!("no `{id}` among {:?}", collected.subjects.iter().map(|subject| subject.id.to_string()).collect::<Vec<_>>());
        };
        match path.strip_suffix('@') {
            Some(path) => at(&subject.value, path).and_then(|value| sources.snippet(value.span)).unwrap_or_else(|| "-".to_owned()),
            None => show(at(&subject.value, path)),
        }
    }

    /// All subjects as `type id line-line`, then diagnostics and skipped files.
    pub(crate) fn overview(source: &dyn Source, files: &[(&str, &str)]) -> Vec<String> {
        let (collected, sources) = collected(source, files);
        let place = |span: Span| sources.locate(span).map_or_else(String::new, |(_, start, end)| format!(" {}-{}", start.line, end.line));
        let mut out: Vec<String> =
            collected.subjects.iter().map(|subject| format!("{} {}{}", subject.type_name, subject.id, place(subject.span))).collect();
        out.extend(collected.diagnostics.iter().map(|one| format!("{:?} {}{}", one.level, one.code, place(one.span))));
        let marks = |fails: bool, partly: bool| format!("{}{}", if fails { " fails" } else { "" }, if partly { " partly" } else { "" });
        out.extend(
            collected.coverage.skipped.iter().map(|file| format!("skipped {}: {}{}", file.file, file.why, marks(file.fails, file.partly))),
        );
        out
    }

    #[test]
    fn ids_are_given_once() {
        let mut ids = Ids::default();
        let given: Vec<String> = ["a", "a", "a#2", "a", "b"].iter().map(|name| ids.give(name)).collect();
        assert_eq!(given, ["a", "a#2", "a#2#2", "a#3", "b"]);
        assert_eq!((key("a-b.c"), key("a b"), key("x\"y\\")), ("a-b.c".to_owned(), "\"a b\"".to_owned(), "\"x\\\"y\\\\\"".to_owned()));
    }
}
