//! `.gitignore` and `.dockerignore`: a list with one list of `{Kind, Value, Original}`.

use probity_value::{Map, Span, Value};

use crate::text::Source;

/// Reads an ignore file; every text is one.
pub(crate) fn read(source: &Source<'_>) -> Value {
    let mut entries = Vec::new();
    let mut start = 0;
    for line in source.text.split('\n') {
        let span = source.span(start..start + line.len());
        start += line.len() + 1;
        entries.push(entry(line, span));
    }
    Value::list(vec![Value::list(entries, source.whole())], source.whole())
}

fn entry(line: &str, span: Span) -> Value {
    let stripped = without_blanks(line);
    let rest = stripped.get(1..).unwrap_or_default();
    let (kind, value) = if stripped.is_empty() {
        ("Empty", line.to_owned())
    } else if line.starts_with('#') {
        ("Comment", rest.trim().to_owned())
    } else if line.starts_with('!') {
        ("NegatedPath", unescaped(rest))
    } else {
        ("Path", unescaped(stripped))
    };
    let mut map = Map::new();
    map.insert("Kind", span, Value::string(kind, span));
    map.insert("Value", span, Value::string(value, span));
    map.insert("Original", span, Value::string(line, span));
    Value::map(map, span)
}

/// Without the blanks at its end; one behind a backslash stays.
fn without_blanks(line: &str) -> &str {
    let trimmed = line.trim_end_matches(' ');
    if trimmed.ends_with('\\') && trimmed.len() < line.len() { line.get(..trimmed.len() + 1).unwrap_or(trimmed) } else { trimmed }
}

/// Without backslashes; of two one stays.
fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        if letter != '\\' {
            out.push(letter);
        } else if letters.next_if_eq(&'\\').is_some() {
            out.push('\\');
        }
    }
    out
}
