//! Edits of YAML and JSON: keys of one map.

use probity_core::{EditKey, Replacement};
use probity_value::{Data, Entry, FileId, Map, Number, Span, Value, yaml};

use super::{EditError, indent_at, line_break, line_end, line_start, without_lines};

const FILE: FileId = FileId(0);

/// The ways to the pod specification, longest first.
const POD: &[&[&str]] =
    &[&["spec", "jobTemplate", "spec", "template", "spec"], &["spec", "template", "spec"], &["template", "spec"], &["spec"]];
/// The lists of containers in it.
const CONTAINERS: &[&str] = &["containers", "initContainers", "ephemeralContainers"];

fn with_map<T>(text: &str, offset: usize, act: impl FnOnce(&Value) -> Result<T, EditError>) -> Result<T, EditError> {
    let options = yaml::ParseOptions { cloudformation: true, ..yaml::ParseOptions::default() };
    let (documents, _) = yaml::parse_with(text, FILE, options);
    let found = documents.iter().find_map(|document| find(&document.value, offset));
    act(found.ok_or(EditError::NoSubject)?)
}

/// The map that begins at a byte.
fn find(value: &Value, offset: usize) -> Option<&Value> {
    if value.as_map().is_some() && value.span.start as usize == offset {
        return Some(value);
    }
    match &value.data {
        Data::List(items) => items.iter().find_map(|item| find(item, offset)),
        Data::Map(map) => map.values().find_map(|value| find(value, offset)),
        _ => None,
    }
}

/// Gives a key of the map at `offset` a value.
pub(super) fn set(text: &str, offset: usize, path: &[EditKey], value: &Value) -> Result<Vec<Replacement>, EditError> {
    with_map(text, offset, |at| {
        let mut out = Vec::new();
        set_in(text, at, path, value, &mut out)?;
        Ok(out)
    })
}

fn set_in(text: &str, at: &Value, path: &[EditKey], value: &Value, out: &mut Vec<Replacement>) -> Result<(), EditError> {
    let Some((key, rest)) = path.split_first() else { return Ok(()) };
    match key {
        EditKey::Pod => set_in(text, pod(at)?, rest, value, out),
        EditKey::Containers => {
            let pod = pod(at)?;
            let rest = if rest.first() == Some(&EditKey::Each) { rest.get(1..).unwrap_or_default() } else { rest };
            CONTAINERS
                .iter()
                .filter_map(|name| pod.get(name)?.as_list())
                .flatten()
                .try_for_each(|container| set_in(text, container, rest, value, out))
        }
        EditKey::Each => match at.as_list() {
            Some(items) => items.iter().try_for_each(|item| set_in(text, item, rest, value, out)),
            None => set_in(text, at, rest, value, out),
        },
        EditKey::Name(name) => {
            if let Some(items) = at.as_list() {
                return items.iter().try_for_each(|item| set_in(text, item, path, value, out));
            }
            let Some(map) = at.as_map() else { return Err(EditError::Shape(name.to_string())) };
            match (map.entry(name), rest.is_empty()) {
                (Some(entry), true) => replace(text, name, entry, value, out),
                (Some(entry), false) if entry.value.is_null() => Err(EditError::Shape(name.to_string())),
                (Some(entry), false) => set_in(text, &entry.value, rest, value, out),
                (None, _) => {
                    let nested = nested(rest, value).ok_or_else(|| EditError::Missing(name.to_string()))?;
                    out.push(new_key(text, at, map, name, &nested)?);
                    Ok(())
                }
            }
        }
    }
}

/// The value with the maps that lead to it around it; `None` where the way goes through a list that is not there.
fn nested(path: &[EditKey], value: &Value) -> Option<Value> {
    match path.split_first() {
        None => Some(value.clone()),
        Some((EditKey::Name(name), rest)) => {
            let mut map = Map::new();
            map.insert(std::sync::Arc::clone(name), Span::NONE, nested(rest, value)?);
            Some(Value::map(map, Span::NONE))
        }
        Some(_) => None,
    }
}

fn pod(at: &Value) -> Result<&Value, EditError> {
    POD.iter()
        .filter_map(|way| way.iter().try_fold(at, |value, name| value.get(name)))
        .find(|spec| spec.get("containers").is_some())
        .ok_or_else(|| EditError::Missing("containers".to_owned()))
}

fn replace(text: &str, name: &str, entry: &Entry, value: &Value, out: &mut Vec<Replacement>) -> Result<(), EditError> {
    let (start, end) = (entry.value.span.start as usize, entry.value.span.end as usize);
    let old = text.get(start..end).unwrap_or_default();
    let scalar = entry.value.as_map().is_none() && entry.value.as_list().is_none();
    // Something worked out (`!Ref x`) has no plain text of its own; what came by an alias stands elsewhere.
    if !scalar || old.is_empty() || old.contains('\n') || start < entry.key.end as usize {
        return Err(EditError::Expression(name.to_owned()));
    }
    let written = scalar_text(value, old.starts_with('"') || in_json(text, entry.key)).ok_or_else(|| EditError::Shape(name.to_owned()))?;
    if *old != *written {
        out.push(Replacement { start, end, text: written });
    }
    Ok(())
}

fn in_json(text: &str, key: Span) -> bool {
    text.get(key.start as usize..).is_some_and(|rest| rest.starts_with('"'))
}

/// A key that is not there: behind the last one whose value is on its line, else before the first.
fn new_key(text: &str, at: &Value, map: &Map, name: &str, value: &Value) -> Result<Replacement, EditError> {
    let start = at.span.start as usize;
    let end = line_break(text);
    if text.get(start..).is_some_and(|rest| rest.starts_with('{')) {
        let json = map.iter().next().map_or(text.trim_start().starts_with('{'), |(_, entry)| in_json(text, entry.key));
        let key = if json { flow(&Value::string(name, Span::NONE), true) } else { name.to_owned() };
        let written = format!("{key}: {}", flow(value, json));
        return Ok(match map.values().next_back() {
            Some(last) => {
                let at = last.span.end as usize;
                let key = map.iter().next_back().map_or(at, |(_, entry)| entry.key.start as usize);
                let own_line = line_start(text, key) + indent_at(text, key).len() == key;
                let gap = if own_line { format!(",{end}{}", indent_at(text, key)) } else { ", ".to_owned() };
                Replacement { start: at, end: at, text: format!("{gap}{written}") }
            }
            None => {
                let space = if text.get(start..at.span.end as usize).is_some_and(|inside| inside.contains(' ')) { "" } else { " " };
                Replacement { start: start + 1, end: start + 1, text: format!("{space}{written}{space}") }
            }
        });
    }
    let Some((_, first)) = map.iter().next() else { return Err(EditError::Shape(name.to_owned())) };
    let column = first.key.start as usize - line_start(text, first.key.start as usize);
    let indent = " ".repeat(column);
    let lines = block(name, value, &indent).ok_or_else(|| EditError::Shape(name.to_owned()))?.join(end);
    let on_its_line = |entry: &&Entry| {
        let (from, to) = (entry.key.start as usize, entry.value.span.end as usize);
        let scalar = entry.value.as_map().is_none() && entry.value.as_list().is_none() && !entry.value.span.is_none();
        scalar
            && from < to
            && line_end(text, from) == line_end(text, to)
            && text.get(from..to).is_some_and(|part| !part.contains(['|', '>', '\n']))
    };
    if let Some(last) = map.iter().map(|(_, entry)| entry).rev().find(on_its_line) {
        let start = line_end(text, last.value.span.end as usize);
        return Ok(Replacement { start, end: start, text: format!("{end}{indent}{}", lines.trim_start()) });
    }
    // A byte at which something is put in stays before it, so the map goes on beginning here.
    Ok(Replacement { start, end: start, text: format!("{}{end}{indent}", lines.trim_start()) })
}

/// A key and its value as lines of block style.
fn block(name: &str, value: &Value, indent: &str) -> Option<Vec<String>> {
    match value.as_map().filter(|map| !map.is_empty()) {
        Some(map) => {
            let mut out = vec![format!("{indent}{name}:")];
            for (key, entry) in map.iter() {
                out.extend(block(key, &entry.value, &format!("{indent}  "))?);
            }
            Some(out)
        }
        None => Some(vec![format!("{indent}{name}: {}", flow(value, false))]),
    }
}

fn scalar_text(value: &Value, json: bool) -> Option<String> {
    match &value.data {
        Data::Unknown(_) | Data::Map(_) => None,
        _ => Some(flow(value, json)),
    }
}

/// A value in one line.
fn flow(value: &Value, json: bool) -> String {
    match &value.data {
        Data::Null | Data::Unknown(_) => "null".to_owned(),
        Data::Bool(value) => value.to_string(),
        Data::Number(Number::Int(value)) => value.to_string(),
        Data::Number(Number::Float(value)) => value.to_string(),
        Data::String(text) if !json && plain(text) => text.to_string(),
        Data::String(text) => quoted(text),
        Data::List(items) => format!("[{}]", items.iter().map(|item| flow(item, json)).collect::<Vec<_>>().join(", ")),
        Data::Map(map) => {
            let key = |name: &str| if json || !plain(name) { quoted(name) } else { name.to_owned() };
            let entries: Vec<String> = map.iter().map(|(name, entry)| format!("{}: {}", key(name), flow(&entry.value, json))).collect();
            format!("{{ {} }}", entries.join(", "))
        }
    }
}

/// Whether text needs no quotes in YAML, whichever version reads it.
fn plain(text: &str) -> bool {
    let word = text.starts_with(|letter: char| letter.is_ascii_alphabetic())
        && text.chars().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-' | '.' | '/'));
    let other = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];
    word && !other.contains(&text.to_ascii_lowercase().as_str())
}

fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            letter if letter.is_control() => out.push_str(&format!("\\u{:04x}", u32::from(letter))),
            letter => out.push(letter),
        }
    }
    out.push('"');
    out
}

/// Takes a key of the map at `offset` away.
pub(super) fn remove(text: &str, offset: usize, path: &[EditKey]) -> Result<Vec<Replacement>, EditError> {
    with_map(text, offset, |at| {
        let mut out = Vec::new();
        remove_in(text, at, path, &mut out)?;
        Ok(out)
    })
}

fn remove_in(text: &str, at: &Value, path: &[EditKey], out: &mut Vec<Replacement>) -> Result<(), EditError> {
    let Some((key, rest)) = path.split_first() else { return Ok(()) };
    match key {
        EditKey::Pod => remove_in(text, pod(at)?, rest, out),
        EditKey::Containers => {
            let pod = pod(at)?;
            let rest = if rest.first() == Some(&EditKey::Each) { rest.get(1..).unwrap_or_default() } else { rest };
            CONTAINERS.iter().filter_map(|name| pod.get(name)?.as_list()).flatten().try_for_each(|one| remove_in(text, one, rest, out))
        }
        EditKey::Each => at.as_list().into_iter().flatten().try_for_each(|item| remove_in(text, item, rest, out)),
        EditKey::Name(name) => {
            if let Some(items) = at.as_list() {
                return items.iter().try_for_each(|item| remove_in(text, item, path, out));
            }
            let Some(entry) = at.as_map().and_then(|map| map.entry(name)) else { return Ok(()) };
            if !rest.is_empty() {
                return remove_in(text, &entry.value, rest, out);
            }
            let (start, end) = (entry.key.start as usize, entry.value.span.end as usize);
            // The only key of a map, and the first of an item, would leave something else behind.
            let begins_line = line_start(text, start) + indent_at(text, start).len() == start;
            if at.as_map().is_none_or(|map| map.len() < 2) || !begins_line || in_json(text, entry.key) || end <= start {
                return Err(EditError::Shape(name.to_string()));
            }
            out.push(without_lines(text, start, end));
            Ok(())
        }
    }
}
