//! INI files, as `go-ini` reads them, in Conftest's shape: a map of sections, values that look like numbers or booleans are those.
//! Keys outside of any section belong to `DEFAULT`, which Conftest leaves out.

use std::ops::Range;

use probity_value::{Map, Span, Value};

use crate::go;
use crate::text::{Read, Source};

/// The section of keys that stand before any.
const DEFAULT: &str = "DEFAULT";

/// Reads an INI file.
pub(crate) fn read(source: &Source<'_>) -> Read<Value> {
    let start = if source.text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let mut reader = Reader { source, at: start };
    let mut sections = Map::new();
    let mut section = (DEFAULT.to_owned(), source.span(0..0));
    let mut keys = Map::new();
    // `-` as a key numbers its values within the section.
    let mut count = 1;
    while let Some(line) = reader.line() {
        let text = source.slice(line.clone()).trim_start();
        let begin = line.end - text.len();
        match text.bytes().next() {
            None | Some(b'#' | b';') => continue,
            Some(b'[') => {
                let Some(close) = text.rfind(']') else { return Err(source.problem(begin..line.end, "the section is not closed by `]`")) };
                let name = text.get(1..close).unwrap_or_default();
                if name.is_empty() {
                    return Err(source.problem(begin..begin + close + 1, "the section has no name"));
                }
                put(&mut sections, &section, keys);
                section = (name.to_owned(), source.span(begin..begin + close + 1));
                keys = taken(&mut sections, name);
                count = 1;
                continue;
            }
            _ => {}
        }
        let (name, key_range, offset) = key(source, begin..line.end)?;
        let mut name = name.to_owned();
        if name == "-" {
            name = format!("#{count}");
            count += 1;
        }
        if name.is_empty() {
            return Err(source.problem(key_range, "the key is empty"));
        }
        let (value, range) = reader.value(begin + offset..line.end)?;
        keys.insert(name, source.span(key_range), typed(&value, source.span(range)));
    }
    put(&mut sections, &section, keys);
    sections.remove(DEFAULT);
    Ok(Value::map(sections, source.whole()))
}

/// The keys a section has so far, to add to them.
fn taken(sections: &mut Map, name: &str) -> Map {
    match sections.get(name).and_then(Value::as_map) {
        Some(map) => map.clone(),
        None => Map::new(),
    }
}

fn put(sections: &mut Map, (name, span): &(String, Span), keys: Map) {
    let end = keys.values().map(|value| value.span).fold(*span, Span::join);
    match sections.get_mut(name) {
        Some(section) => *section = Value::map(keys, section.span),
        None => {
            sections.insert(name.as_str(), *span, Value::map(keys, end));
        }
    }
}

fn typed(text: &str, span: Span) -> Value {
    match (go::float(text), go::boolean(text)) {
        (Some(number), _) => Value::number(number, span),
        (None, Some(value)) => Value::bool(value, span),
        _ => Value::string(text, span),
    }
}

/// The name of a key, where it stands, and where its value begins, counted from the start of the line.
fn key<'a>(source: &Source<'a>, line: Range<usize>) -> Read<(&'a str, Range<usize>, usize)> {
    let text = source.slice(line.clone());
    let quote = if text.len() > 6 && text.starts_with("\"\"\"") {
        "\"\"\""
    } else if text.starts_with('"') {
        "\""
    } else if text.starts_with('`') {
        "`"
    } else {
        let shown = || source.problem(line.start..line.start + text.trim_end().len(), "expected `key = value`");
        let at = text.find(['=', ':']).ok_or_else(shown)?;
        if at == 0 {
            return Err(source.problem_at(line.start, "the key is empty"));
        }
        let name = text.get(..at).unwrap_or_default().trim();
        return Ok((name, line.start..line.start + name.len(), at + 1));
    };
    let start = quote.len();
    let inner = text.get(start..).unwrap_or_default();
    let Some(length) = inner.find(quote) else {
        return Err(source.problem(line.start..line.start + text.trim_end().len(), "the quote of the key is not closed"));
    };
    let close = start + length;
    let after = text.get(close + start..).unwrap_or_default();
    let Some(at) = after.find(['=', ':']) else {
        return Err(source.problem(line.start..line.start + text.trim_end().len(), "expected `key = value`"));
    };
    let name = text.get(start..close).unwrap_or_default().trim();
    Ok((name, line.start..line.start + close + start, close + at + start + 1))
}

struct Reader<'a> {
    source: &'a Source<'a>,
    at: usize,
}

impl Reader<'_> {
    /// The next line with its line break.
    fn line(&mut self) -> Option<Range<usize>> {
        let rest = self.source.rest(self.at);
        if rest.is_empty() {
            return None;
        }
        let start = self.at;
        self.at = start + rest.find('\n').map_or(rest.len(), |at| at + 1);
        Some(start..self.at)
    }

    fn value(&mut self, range: Range<usize>) -> Read<(String, Range<usize>)> {
        let line = self.source.slice(range.clone()).trim_start();
        let begin = range.end - line.len();
        if line.is_empty() {
            return Ok((String::new(), range.start..range.start));
        }
        let quote = if line.len() > 3 && line.starts_with("\"\"\"") {
            "\"\"\""
        } else if line.starts_with('`') {
            "`"
        } else {
            return Ok(self.plain(line.trim(), begin));
        };
        let inner = line.get(quote.len()..).unwrap_or_default();
        if let Some(end) = inner.rfind(quote) {
            return Ok((inner.get(..end).unwrap_or_default().to_owned(), begin..begin + 2 * quote.len() + end));
        }
        let mut out = inner.to_owned();
        loop {
            let Some(next) = self.line() else {
                return Err(self.source.problem(begin..begin + line.trim_end().len(), "the quote that begins here has no end"));
            };
            let text = self.source.slice(next.clone());
            if let Some(end) = text.rfind(quote) {
                out.push_str(text.get(..end).unwrap_or_default());
                return Ok((out, begin..next.start + end + quote.len()));
            }
            out.push_str(text);
        }
    }

    fn plain(&mut self, line: &str, begin: usize) -> (String, Range<usize>) {
        if let Some(first) = line.strip_suffix('\\') {
            return self.continued(first, begin);
        }
        let bare = line.find(['#', ';']).map_or(line, |at| line.get(..at).unwrap_or_default().trim());
        let range = begin..begin + bare.len();
        let inner = bare.get(1..bare.len().saturating_sub(1)).unwrap_or_default();
        let surrounded = |quote: char| bare.len() >= 2 && bare.starts_with(quote) && bare.ends_with(quote) && !inner.contains(quote);
        let text = if surrounded('\'') || surrounded('"') { inner } else { bare };
        (text.to_owned(), range)
    }

    /// A value that goes on, line by line, while each ends with a backslash.
    fn continued(&mut self, first: &str, begin: usize) -> (String, Range<usize>) {
        let mut out = first.to_owned();
        let mut end = begin + first.len() + 1;
        while let Some(line) = self.line() {
            let next = self.source.slice(line.clone()).trim();
            if next.is_empty() {
                break;
            }
            end = line.start + self.source.slice(line.clone()).trim_end().len();
            out.push_str(next);
            match out.strip_suffix('\\') {
                Some(more) => out.truncate(more.len()),
                None => break,
            }
        }
        (out, begin..end)
    }
}
