//! The functions of the built-in `terraform` provider: values as text of the language and back.
//!
//! The spacing is that of `terraform fmt`: brackets indent by line, the `=` of neighbouring lines stand in one column.

use std::fmt::Write as _;
use std::sync::Arc;

use probity_value::{Data, FileId, Map, Value};

use super::Function;
use super::encoding::MAX_DEPTH;
use super::support::{Call, MAX_TEXT, Stop};
use crate::terraform::syntax::{Expr, ExprKind, parse_body};

pub(super) fn find(name: &str) -> Option<Function> {
    Some(match name.strip_prefix("provider::terraform::")? {
        "decode_tfvars" => Function::plain(1, 1, decode_tfvars),
        "encode_expr" => Function::plain(1, 1, encode_expr),
        "encode_tfvars" => Function::plain(1, 1, encode_tfvars),
        _ => return None,
    })
}

/// Lines that are written one after the other.
#[derive(Default)]
struct Writer {
    lines: Vec<Line>,
    size: usize,
}

#[derive(Default)]
struct Line {
    text: String,
    /// Brackets it opens, less those it closes.
    net: i32,
    /// Bytes before the `=`, in a line that is a whole entry.
    key: Option<usize>,
}

impl Writer {
    fn line(&mut self) -> &mut Line {
        if self.lines.is_empty() {
            self.lines.push(Line::default());
        }
        let last = self.lines.len() - 1;
        #[expect(clippy::indexing_slicing, reason = "there is one, see above")]
        &mut self.lines[last]
    }

    fn put(&mut self, text: &str, net: i32) {
        self.size += text.len();
        let line = self.line();
        line.text.push_str(text);
        line.net += net;
    }

    fn entry(&mut self, key: &str, value: &Value, depth: usize) -> Result<(), String> {
        self.lines.push(Line::default());
        let at = self.lines.len();
        self.put(key, 0);
        self.put(" = ", 0);
        self.value(value, depth)?;
        if self.lines.len() == at {
            self.line().key = Some(key.len());
        }
        Ok(())
    }

    fn value(&mut self, value: &Value, depth: usize) -> Result<(), String> {
        if depth > MAX_DEPTH {
            return Err(format!("the value is nested more than {MAX_DEPTH} deep"));
        }
        if self.size > MAX_TEXT {
            return Err("the text is too long".to_owned());
        }
        match &value.data {
            Data::Null => self.put("null", 0),
            Data::Bool(truth) => self.put(if *truth { "true" } else { "false" }, 0),
            Data::Number(number) => self.put(&number.to_string(), 0),
            Data::String(text) => self.put(&quoted(text), 0),
            Data::List(items) => {
                self.put("[", 1);
                for (at, item) in items.iter().enumerate() {
                    if at > 0 {
                        self.put(", ", 0);
                    }
                    self.value(item, depth + 1)?;
                }
                self.put("]", -1);
            }
            Data::Map(map) if map.is_empty() => self.put("{}", 0),
            Data::Map(map) => {
                self.put("{", 1);
                for (key, entry) in sorted(map) {
                    let key = if is_identifier(key) { key.to_string() } else { quoted(key) };
                    self.entry(&key, entry, depth + 1)?;
                }
                self.lines.push(Line::default());
                self.put("}", -1);
            }
            Data::Unknown(_) => return Err("the value is unknown".to_owned()),
        }
        Ok(())
    }

    fn finish(mut self) -> String {
        self.align();
        let mut out = String::with_capacity(self.size + 2 * self.lines.len());
        // Brackets each indented line opened.
        let mut open: Vec<i32> = Vec::new();
        for (at, line) in self.lines.iter().enumerate() {
            if at > 0 {
                out.push('\n');
            }
            let mut close = -line.net.min(0);
            while close > 0 {
                let Some(top) = open.last_mut() else { break };
                if *top > close {
                    *top -= close;
                    break;
                }
                close -= *top;
                open.pop();
            }
            for _ in &open {
                out.push_str("  ");
            }
            out.push_str(&line.text);
            if line.net > 0 {
                open.push(line.net);
            }
        }
        out
    }

    /// Brings the `=` of neighbouring entries into one column.
    fn align(&mut self) {
        for run in self.lines.chunk_by_mut(|a, b| a.key.is_some() && b.key.is_some()) {
            let widest = run.iter().filter_map(|line| line.key).max().unwrap_or(0);
            for line in run {
                if let Some(key) = line.key {
                    line.text.insert_str(key, &" ".repeat(widest - key));
                }
            }
        }
    }
}

fn sorted(map: &Map) -> Vec<(&Arc<str>, &Value)> {
    let mut entries: Vec<(&Arc<str>, &Value)> = map.iter().map(|(key, entry)| (key, &entry.value)).collect();
    entries.sort_by_key(|entry| entry.0);
    entries
}

fn is_identifier(text: &str) -> bool {
    let mut letters = text.chars();
    letters.next().is_some_and(|first| first.is_alphabetic() || first == '_')
        && letters.all(|letter| letter.is_alphanumeric() || matches!(letter, '_' | '-'))
}

/// Text in quotes, with everything that means something in a template escaped.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '$' | '%' if letters.peek() == Some(&'{') => out.extend([letter, letter]),
            letter if letter.is_control() => write!(out, "\\u{:04x}", u32::from(letter)).unwrap_or(()),
            letter => out.push(letter),
        }
    }
    out.push('"');
    out
}

fn encode_expr(call: &Call<'_>) -> Result<Value, Stop> {
    let value = call.arg(0)?;
    if let Some(unknown) = call.find_unknown(value)? {
        let prefix = match &value.data {
            Data::List(_) => "[",
            Data::Map(_) => "{",
            _ => "",
        };
        return Err(Stop::With(call.unknown_text(unknown, prefix.to_owned())));
    }
    let mut writer = Writer::default();
    writer.value(value, 0).map_err(|message| call.error(message))?;
    let text = writer.finish();
    call.room_for_text(text.len())?;
    Ok(call.string(text))
}

fn encode_tfvars(call: &Call<'_>) -> Result<Value, Stop> {
    let map = call.map(0)?;
    call.wholly_known(0)?;
    let mut writer = Writer::default();
    for (key, value) in sorted(map) {
        if !is_identifier(key) {
            return Err(call.error(format!("`{key}` is not the name of a variable")));
        }
        writer.entry(key, value, 0).map_err(|message| call.error(message))?;
    }
    let mut text = writer.finish();
    if !text.is_empty() {
        text.push('\n');
    }
    call.room_for_text(text.len())?;
    Ok(call.string(text))
}

fn decode_tfvars(call: &Call<'_>) -> Result<Value, Stop> {
    let text = call.text(0)?;
    let parsed = parse_body(&text, FileId::NONE);
    if let Some(problem) = parsed.problems.first() {
        return Err(call.error(format!("the text cannot be read: {}", problem.message)));
    }
    if let Some(block) = parsed.body.blocks.first() {
        return Err(call.error(format!("there is a block `{}` in the text", block.kind)));
    }
    let empty = Map::new();
    let mut map = Map::new();
    for attribute in &parsed.body.attributes {
        if !constant(&attribute.expr, 0) {
            return Err(call.error(format!("the value of `{}` is not a constant", attribute.name)));
        }
        let span = attribute.expr.span;
        let written = text.get(span.start as usize..span.end as usize).unwrap_or_default();
        let value = (call.cx.render)(&format!("${{{written}\n}}"), &empty, call.cx.span)?;
        map.insert(Arc::clone(&attribute.name), call.cx.span, value);
    }
    Ok(Value::map(map, call.cx.span))
}

/// Whether an expression has neither names nor calls in it.
fn constant(expr: &Expr, depth: usize) -> bool {
    let all = |items: &[Expr]| items.iter().all(|item| constant(item, depth + 1));
    match &expr.kind {
        _ if depth > MAX_DEPTH => false,
        ExprKind::Null | ExprKind::Bool(_) | ExprKind::Int(_) | ExprKind::Float(_) | ExprKind::String(_) => true,
        ExprKind::List(items) => all(items),
        ExprKind::Object(items) => items
            .iter()
            .all(|(key, value)| (matches!(key.kind, ExprKind::Name(_)) || constant(key, depth + 1)) && constant(value, depth + 1)),
        ExprKind::Not(inner) | ExprKind::Negate(inner) | ExprKind::Interpolation(inner) => constant(inner, depth + 1),
        ExprKind::Binary(_, pair) => constant(&pair.0, depth + 1) && constant(&pair.1, depth + 1),
        ExprKind::Conditional(parts) => all(&**parts),
        _ => false,
    }
}
