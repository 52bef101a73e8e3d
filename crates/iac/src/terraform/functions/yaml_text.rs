//! Values to YAML text, as `yamlencode` writes it: block style, text and keys always in double quotes, text of several lines as a
//! literal block, lists not indented below their key.

use probity_value::{Data, Value};

use super::encoding::{MAX_DEPTH, Unwritable};
use super::support::MAX_TEXT;

/// Appends the document.
pub(super) fn write<'v>(value: &'v Value, out: &mut String) -> Result<(), Unwritable<'v>> {
    node(value, 0, Place::Top, out, 0)?;
    if !out.ends_with('\n') {
        out.push('\n');
    }
    // A plain scalar alone is closed by a mark of the end.
    if matches!(value.data, Data::Null | Data::Bool(_) | Data::Number(_)) {
        out.push_str("...\n");
    }
    Ok(())
}

/// Where a node stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Top,
    /// After `- `.
    Item,
    /// After `key:`.
    Entry,
}

fn node<'v>(value: &'v Value, indent: usize, place: Place, out: &mut String, depth: usize) -> Result<(), Unwritable<'v>> {
    if depth > MAX_DEPTH {
        return Err(Unwritable::TooDeep);
    }
    if out.len() > MAX_TEXT {
        return Err(Unwritable::TooLong);
    }
    let scalar = |text: &str, out: &mut String| {
        if place == Place::Entry {
            out.push(' ');
        }
        out.push_str(text);
    };
    match &value.data {
        Data::Null => scalar("null", out),
        Data::Bool(value) => scalar(if *value { "true" } else { "false" }, out),
        Data::Number(number) => scalar(&number.to_string(), out),
        Data::String(text) if text.contains('\n') && can_be_literal(text) => {
            scalar("|", out);
            literal(text, if place == Place::Top { 2 } else { indent + 2 }, out);
        }
        Data::String(text) => scalar(&quoted(text), out),
        Data::List(items) if items.is_empty() => scalar("[]", out),
        Data::Map(map) if map.is_empty() => scalar("{}", out),
        Data::List(items) => {
            let inner = if place == Place::Item { indent + 2 } else { indent };
            for (at, item) in items.iter().enumerate() {
                if at > 0 || place == Place::Entry {
                    new_line(inner, out);
                }
                out.push_str("- ");
                node(item, inner, Place::Item, out, depth + 1)?;
            }
        }
        Data::Map(map) => {
            let inner = if place == Place::Top { indent } else { indent + 2 };
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            for (at, (key, entry)) in entries.into_iter().enumerate() {
                if at > 0 || place == Place::Entry {
                    new_line(inner, out);
                }
                out.push_str(&quoted(key));
                out.push(':');
                node(&entry.value, inner, Place::Entry, out, depth + 1)?;
            }
        }
        Data::Unknown(unknown) => return Err(Unwritable::Unknown(unknown)),
    }
    Ok(())
}

fn new_line(indent: usize, out: &mut String) {
    if !out.ends_with('\n') {
        out.push('\n');
    }
    out.push_str(&" ".repeat(indent));
}

/// A literal block cannot hold control characters, nor lines that begin or end with what would be lost.
fn can_be_literal(text: &str) -> bool {
    !text.starts_with([' ', '\n'])
        && !text.contains(|letter: char| (letter.is_control() && letter != '\n') || letter == '\u{feff}')
        && !text.contains(" \n")
        && !text.ends_with(' ')
}

fn literal(text: &str, indent: usize, out: &mut String) {
    let body = text.trim_end_matches('\n');
    match text.len() - body.len() {
        0 => out.push('-'),
        1 => {}
        _ => out.push('+'),
    }
    for line in body.split('\n') {
        out.push('\n');
        if !line.is_empty() {
            out.push_str(&" ".repeat(indent));
            out.push_str(line);
        }
    }
    for _ in body.len()..text.len() {
        out.push('\n');
    }
}

fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\0' => out.push_str("\\0"),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\u{b}' => out.push_str("\\v"),
            '\u{c}' => out.push_str("\\f"),
            '\r' => out.push_str("\\r"),
            '\u{1b}' => out.push_str("\\e"),
            '\u{85}' => out.push_str("\\N"),
            '\u{a0}' => out.push_str("\\_"),
            '\u{2028}' => out.push_str("\\L"),
            '\u{2029}' => out.push_str("\\P"),
            '\u{feff}' => out.push_str("\\uFEFF"),
            other if other.is_control() => out.push_str(&format!("\\x{:02X}", u32::from(other))),
            other => out.push(other),
        }
    }
    out.push('"');
    out
}
