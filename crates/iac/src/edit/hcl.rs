//! Edits of HCL: attributes and blocks of one top-level block.

use std::fmt::Write as _;

use probity_core::{EditKey, Replacement};
use probity_value::{Data, FileId, Number, Value};

use super::{EditError, indent_at, line_break, line_end, line_start, without_lines};
use crate::terraform::syntax::{Block, Body, Expr, ExprKind, parse_body};

const FILE: FileId = FileId(0);

/// Attributes and blocks between two braces.
struct Place<'a> {
    body: &'a Body,
    /// First byte of the block it belongs to.
    start: usize,
    /// The closing brace.
    close: usize,
}

impl<'a> Place<'a> {
    fn of(block: &'a Block) -> Place<'a> {
        Place { body: &block.body, start: block.span.start as usize, close: (block.span.end as usize).saturating_sub(1) }
    }
}

fn with_block<T>(text: &str, offset: usize, act: impl FnOnce(&Block) -> Result<T, EditError>) -> Result<T, EditError> {
    let parsed = parse_body(text, FILE);
    let block = parsed.body.blocks.iter().find(|block| block.span.start as usize == offset).ok_or(EditError::NoSubject)?;
    act(block)
}

/// Gives an attribute of the block at `offset` a value.
pub(super) fn set(text: &str, offset: usize, path: &[EditKey], value: &Value, blocks: bool) -> Result<Vec<Replacement>, EditError> {
    with_block(text, offset, |block| {
        let mut out = Vec::new();
        set_in(text, &Place::of(block), path, (value, blocks), &mut out)?;
        Ok(out)
    })
}

fn set_in(
    text: &str,
    place: &Place<'_>,
    path: &[EditKey],
    (value, blocks): (&Value, bool),
    out: &mut Vec<Replacement>,
) -> Result<(), EditError> {
    let (name, rest) = split(path)?;
    let rest_plain: &[EditKey] = if rest.first() == Some(&EditKey::Each) { rest.get(1..).unwrap_or_default() } else { rest };
    let attribute = place.body.attribute(name);
    if rest_plain.is_empty() {
        return match attribute {
            Some(attribute) => replace(text, name, &attribute.expr, value, out),
            None if place.body.blocks(name).next().is_some() => Err(EditError::Shape(name.to_owned())),
            None => {
                out.push(new_attribute(text, place, name, &literal(value)));
                Ok(())
            }
        };
    }
    let there: Vec<&Block> = places(place.body, name);
    if !there.is_empty() {
        return there.into_iter().try_for_each(|block| set_in(text, &Place::of(block), rest_plain, (value, blocks), out));
    }
    if let Some(attribute) = attribute {
        return set_in_object(text, name, &attribute.expr, rest_plain, value, out);
    }
    if !blocks || rest.first() == Some(&EditKey::Each) {
        return Err(EditError::Missing(name.to_owned()));
    }
    out.push(new_block(text, place, name, rest_plain, value)?);
    Ok(())
}

/// The blocks of a kind, and the content of dynamic ones.
fn places<'a>(body: &'a Body, name: &'a str) -> Vec<&'a Block> {
    let plain = body.blocks(name).map(|block| &**block);
    let dynamic = body
        .blocks("dynamic")
        .filter(|block| block.label(0).is_some_and(|label| **label == *name))
        .flat_map(|block| block.body.blocks("content"))
        .map(|block| &**block);
    plain.chain(dynamic).collect()
}

fn split(path: &[EditKey]) -> Result<(&str, &[EditKey]), EditError> {
    match path.split_first() {
        Some((EditKey::Name(name), rest)) => Ok((name, rest)),
        _ => Err(EditError::Shape("$pod".to_owned())),
    }
}

/// Puts a value in the place of an expression that is one.
fn replace(text: &str, name: &str, expr: &Expr, value: &Value, out: &mut Vec<Replacement>) -> Result<(), EditError> {
    if !is_literal(expr) {
        return Err(EditError::Expression(name.to_owned()));
    }
    let (start, end) = (expr.span.start as usize, expr.span.end as usize);
    let written = literal(value);
    if text.get(start..end) != Some(&written) {
        out.push(Replacement { start, end, text: written });
    }
    Ok(())
}

fn is_literal(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Null | ExprKind::Bool(_) | ExprKind::Int(_) | ExprKind::Float(_) | ExprKind::String(_) => true,
        ExprKind::Negate(inner) => is_literal(inner),
        ExprKind::List(items) => items.iter().all(is_literal),
        _ => false,
    }
}

/// Sets a key of an object expression, or of each object of a list of them.
fn set_in_object(
    text: &str,
    name: &str,
    expr: &Expr,
    path: &[EditKey],
    value: &Value,
    out: &mut Vec<Replacement>,
) -> Result<(), EditError> {
    match &expr.kind {
        ExprKind::List(items) => items.iter().try_for_each(|item| set_in_object(text, name, item, path, value, out)),
        ExprKind::Call(call) if &*call.name == "jsonencode" => match call.arguments.as_slice() {
            [inner] => set_in_object(text, name, inner, path, value, out),
            _ => Err(EditError::Expression(name.to_owned())),
        },
        ExprKind::Object(entries) => {
            let (key, rest) = split(path)?;
            let known = |expr: &Expr| match &expr.kind {
                ExprKind::String(text) | ExprKind::Name(text) => **text == *key,
                _ => false,
            };
            match (entries.iter().find(|(known_key, _)| known(known_key)), rest.is_empty()) {
                (Some((_, found)), true) => replace(text, key, found, value, out),
                (Some((_, found)), false) => set_in_object(text, key, found, rest, value, out),
                (None, true) => {
                    let Some((first, _)) = entries.first() else { return Err(EditError::Shape(name.to_owned())) };
                    let start = first.span.start as usize;
                    let gap = if line_start(text, start) + indent_at(text, start).len() == start {
                        format!("{}{}", line_break(text), indent_at(text, start))
                    } else {
                        ", ".to_owned()
                    };
                    out.push(Replacement { start, end: start, text: format!("{key} = {}{gap}", literal(value)) });
                    Ok(())
                }
                (None, false) => Err(EditError::Missing(key.to_owned())),
            }
        }
        _ => Err(EditError::Expression(name.to_owned())),
    }
}

/// How the inside of a block is indented.
fn inner_indent(text: &str, place: &Place<'_>) -> String {
    let first_attribute = place.body.attributes.first().map(|attribute| attribute.name_span.start);
    let first_block = place.body.blocks.first().map(|block| block.span.start);
    let first = [first_attribute, first_block].into_iter().flatten().min().map(|start| start as usize);
    match first.filter(|start| line_start(text, *start) > place.start) {
        Some(start) => indent_at(text, start).to_owned(),
        None => format!("{}  ", indent_at(text, place.start)),
    }
}

/// The end of the last attribute or block in a body, and whether it is an attribute.
fn last_item(place: &Place<'_>) -> Option<(usize, bool)> {
    let attribute = place.body.attributes.iter().map(|attribute| (attribute.expr.span.end as usize, true)).max();
    let block = place.body.blocks.iter().map(|block| (block.span.end as usize, false)).max();
    attribute.max(block)
}

/// Where all of a block stands on one line: what opens it up for lines of its own. Gives the replacement with `lines` at the end of the body.
fn opened_up(text: &str, place: &Place<'_>, lines: &str) -> Option<Replacement> {
    let whole = text.get(place.start..place.close)?;
    if whole.contains('\n') {
        return None;
    }
    let brace = place.start + whole.find('{')?;
    let inside = text.get(brace + 1..place.close)?.trim();
    let (end, indent, outer) = (line_break(text), inner_indent(text, place), indent_at(text, place.start));
    let old = if inside.is_empty() { String::new() } else { format!("{indent}{inside}{end}") };
    Some(Replacement { start: brace + 1, end: place.close, text: format!("{end}{old}{lines}{end}{outer}") })
}

/// A line for an attribute that is not there: behind the last attribute, with the equal signs in line where they are.
fn new_attribute(text: &str, place: &Place<'_>, name: &str, value: &str) -> Replacement {
    let indent = inner_indent(text, place);
    let plain = format!("{indent}{name} = {value}");
    if let Some(opened) = opened_up(text, place, &plain) {
        return opened;
    }
    let end = line_break(text);
    let Some(last) = place.body.attributes.iter().max_by_key(|attribute| attribute.expr.span.end) else {
        // Before the first block, or where nothing is yet.
        let brace = text.get(place.start..place.close).and_then(|head| head.find('{')).map_or(place.close, |at| place.start + at + 1);
        let start = line_end(text, brace);
        let gap = if place.body.blocks.is_empty() { "" } else { end };
        return Replacement { start, end: start, text: format!("{end}{plain}{gap}") };
    };
    let (from, to) = (last.name_span.start as usize, last.expr.span.end as usize);
    let single = text.get(from..to).is_some_and(|written| !written.contains('\n'));
    let between = text.get(last.name_span.end as usize..last.expr.span.start as usize).unwrap_or_default();
    let width = last.name.len() + between.find('=').unwrap_or(1);
    // A heredoc ends with its line.
    let start = if text.get(..to).is_some_and(|before| before.ends_with('\n')) { to - 1 } else { line_end(text, to) };
    let line = if single && name.len() < width {
        format!("{end}{indent}{name:pad$}= {value}", pad = width)
    } else if single {
        format!("{end}{end}{plain}")
    } else {
        format!("{end}{plain}")
    };
    Replacement { start, end: start, text: line }
}

/// A block that is not there, with one attribute in it, behind everything else.
fn new_block(text: &str, place: &Place<'_>, name: &str, path: &[EditKey], value: &Value) -> Result<Replacement, EditError> {
    let (indent, end) = (inner_indent(text, place), line_break(text));
    let mut lines = Vec::new();
    let mut names = vec![name];
    let mut rest = path;
    while !rest.is_empty() {
        let (inner, after) = split(rest)?;
        names.push(inner);
        rest = after;
    }
    let last = names.pop().unwrap_or(name);
    for (depth, name) in names.iter().enumerate() {
        lines.push(format!("{indent}{}{name} {{", "  ".repeat(depth)));
    }
    lines.push(format!("{indent}{}{last} = {}", "  ".repeat(names.len()), literal(value)));
    for depth in (0..names.len()).rev() {
        lines.push(format!("{indent}{}}}", "  ".repeat(depth)));
    }
    let lines = lines.join(end);
    if let Some(opened) = opened_up(text, place, &lines) {
        return Ok(opened);
    }
    Ok(match last_item(place) {
        Some((at, _)) => {
            let start = if text.get(..at).is_some_and(|before| before.ends_with('\n')) { at - 1 } else { line_end(text, at) };
            Replacement { start, end: start, text: format!("{end}{end}{lines}") }
        }
        None => {
            let start = line_start(text, place.close);
            Replacement { start, end: start, text: format!("{lines}{end}") }
        }
    })
}

/// Takes an attribute of the block at `offset` away.
pub(super) fn remove(text: &str, offset: usize, path: &[EditKey]) -> Result<Vec<Replacement>, EditError> {
    with_block(text, offset, |block| {
        let mut out = Vec::new();
        remove_in(text, &block.body, path, &mut out)?;
        Ok(out)
    })
}

fn remove_in(text: &str, body: &Body, path: &[EditKey], out: &mut Vec<Replacement>) -> Result<(), EditError> {
    let (name, rest) = split(path)?;
    let rest = if rest.first() == Some(&EditKey::Each) { rest.get(1..).unwrap_or_default() } else { rest };
    if !rest.is_empty() {
        return places(body, name).into_iter().try_for_each(|block| remove_in(text, &block.body, rest, out));
    }
    if let Some(attribute) = body.attribute(name) {
        out.push(without_lines(text, attribute.name_span.start as usize, attribute.expr.span.end as usize));
    }
    for block in body.blocks(name) {
        out.push(without_lines(text, block.span.start as usize, block.span.end as usize));
    }
    Ok(())
}

/// Puts another resource behind the block at `offset`.
pub(super) fn add(text: &str, offset: usize, address: &str, added: &str) -> Result<Vec<Replacement>, EditError> {
    with_block(text, offset, |block| {
        if ["count", "for_each"].iter().any(|name| block.body.attribute(name).is_some()) {
            return Err(EditError::Repeated);
        }
        let local = address.rsplit_once(".module.").map_or(address, |(_, rest)| rest);
        let local: Vec<&str> = local.split('.').collect();
        let local = match local.as_slice() {
            [.., kind, name] => format!("{kind}.{name}"),
            _ => return Err(EditError::NoSubject),
        };
        let name = block.label(1).ok_or(EditError::NoSubject)?;
        let end = line_break(text);
        let filled = added.trim_end().replace("{address}", &local).replace("{name}", name);
        let lines: Vec<&str> = filled.lines().collect();
        let start = block.span.end as usize;
        Ok(vec![Replacement { start, end: start, text: format!("{end}{end}{}", lines.join(end)) }])
    })
}

/// A value as HCL writes it.
fn literal(value: &Value) -> String {
    match &value.data {
        Data::Null | Data::Unknown(_) => "null".to_owned(),
        Data::Bool(value) => value.to_string(),
        Data::Number(Number::Int(value)) => value.to_string(),
        Data::Number(Number::Float(value)) => value.to_string(),
        Data::String(text) => quoted(text),
        Data::List(items) => format!("[{}]", items.iter().map(literal).collect::<Vec<_>>().join(", ")),
        Data::Map(map) => {
            let entries: Vec<String> = map.iter().map(|(key, entry)| format!("{} = {}", quoted(key), literal(&entry.value))).collect();
            format!("{{ {} }}", entries.join(", "))
        }
    }
}

fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            letter if letter.is_control() => {
                // A `String` takes whatever is written to it.
                let _ = write!(out, "\\u{:04x}", u32::from(letter));
            }
            letter => out.push(letter),
        }
    }
    out.push('"');
    out.replace("${", "$${").replace("%{", "%%{")
}
