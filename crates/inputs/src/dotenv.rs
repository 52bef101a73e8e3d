//! `.env` files, as gotenv reads them in an empty environment: a variable of the environment is never read.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::LazyLock;

use probity_value::{Map, Value};
use regex::{Captures, Regex};

use crate::text::{Read, Source};

static LINE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let pattern = r#"\A[\t\n\f\r ]*(?:export[\t\n\f\r ]+)?([0-9A-Za-z_.]+)(?:[\t\n\f\r ]*=[\t\n\f\r ]*|:[\t\n\f\r ]+?)('(?:'|[^'])*'|"(?:"|[^"])*"|[^#\n]+)?[\t\n\f\r ]*(?:[\t\n\f\r ]*#.*)?\z"#;
    Regex::new(pattern).ok()
});
static ESCAPE: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\\([^$])").ok());
static VARIABLE: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"(\\)?(\$)(\{?([A-Z0-9_]+)?\}?)").ok());

/// Reads a `.env` file.
pub(crate) fn read(source: &Source<'_>) -> Read<Value> {
    let mut map = Map::new();
    let mut values = HashMap::new();
    let start = if source.text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let mut lines = Lines { text: source.text, at: start };
    while let Some(range) = lines.next() {
        let first = source.slice(range.clone()).trim();
        if first.is_empty() || first.starts_with('#') {
            continue;
        }
        let begin = source.range_of(first).start;
        let mut line = Cow::Borrowed(first);
        let mut end = range.end;
        let mut quote = open_quote(first);
        while let Some(wanted) = quote {
            let Some(range) = lines.next() else { break };
            let next = source.slice(range.clone());
            line.to_mut().push('\n');
            line.to_mut().push_str(next);
            end = range.end;
            if let Some(at) = next.rfind(wanted)
                && !(at > 0 && next.as_bytes().get(at - 1) == Some(&b'\\'))
            {
                quote = None;
            }
        }
        if quote.is_some() {
            return Err(source.problem(begin..end, "the quote that begins here has no end"));
        }
        // Where line breaks were rewritten, places in the line are not those in the text.
        let exact = source.slice(begin..end).starts_with(&*line);
        let found = LINE.as_ref().and_then(|pattern| pattern.captures(&line));
        let Some(found) = found else {
            return Err(source.problem(begin..end, "expected `NAME=value`"));
        };
        let part = |index: usize| found.get(index).map_or(0..0, |part| trimmed(part.as_str(), part.range()));
        let place = |range: Range<usize>| if exact { source.span(begin + range.start..begin + range.end) } else { source.span(begin..end) };
        let key = line.get(part(1)).unwrap_or_default().to_owned();
        let value = expanded(line.get(part(2)).unwrap_or_default(), &values);
        map.insert(key.as_str(), place(part(1)), Value::string(value.as_str(), place(part(2))));
        values.insert(key, value);
    }
    Ok(Value::map(map, source.whole()))
}

/// A range without the blanks at both ends of its text.
fn trimmed(text: &str, range: Range<usize>) -> Range<usize> {
    let start = range.start + (text.len() - text.trim_start().len());
    start..start + text.trim().len()
}

/// The quote that a value of a line begins with and does not end.
fn open_quote(line: &str) -> Option<char> {
    let at = line.find('=').or_else(|| line.find(':')).filter(|at| *at > 0)?;
    let value = line.get(at + 1..)?.trim();
    let quote = value.chars().next().filter(|first| matches!(first, '"' | '\''))?;
    let closing = value.get(1..)?.trim().rfind(quote);
    match closing {
        Some(at) if value.as_bytes().get(at) != Some(&b'\\') => None,
        _ => Some(quote),
    }
}

/// A value without its quotes, its escapes and variables resolved.
fn expanded(text: &str, values: &HashMap<String, String>) -> String {
    let quoted = |quote: char| text.len() >= 2 && text.starts_with(quote) && text.ends_with(quote);
    let (single, double) = (quoted('\''), quoted('"'));
    let mut value = if single || double { text.get(1..text.len() - 1).unwrap_or_default().to_owned() } else { text.to_owned() };
    if double {
        value = value.replace("\\n", "\n").replace("\\r", "\r");
        if let Some(pattern) = ESCAPE.as_ref() {
            value = pattern.replace_all(&value, "$1").into_owned();
        }
    }
    if single {
        return value;
    }
    let Some(pattern) = VARIABLE.as_ref() else { return value };
    let replaced = pattern.replace_all(&value, |found: &Captures<'_>| {
        let whole = found.get(0).map_or("", |part| part.as_str());
        match (found.get(1), found.get(4)) {
            (Some(_), _) => whole.get(1..).unwrap_or_default().to_owned(),
            (None, Some(name)) => values.get(name.as_str()).cloned().unwrap_or_default(),
            (None, None) => whole.to_owned(),
        }
    });
    replaced.into_owned()
}

/// Lines that end with CR, LF or both.
struct Lines<'a> {
    text: &'a str,
    at: usize,
}

impl Iterator for Lines<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        let rest = self.text.get(self.at..).filter(|rest| !rest.is_empty())?;
        let start = self.at;
        let end = start + rest.find(['\r', '\n']).unwrap_or(rest.len());
        let after = self.text.get(end..).unwrap_or_default();
        self.at = end + if after.starts_with("\r\n") { 2 } else { usize::from(!after.is_empty()) };
        Some(start..end)
    }
}
