//! Values as JSON text, the way Go's `encoding/json` writes it: keys in order, `<`, `>` and `&` escaped.

use base64::Engine as _;

use crate::standard::to_text;
use crate::{CelError, Value};

/// What becomes of whole numbers.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Whole {
    /// They stay.
    Exact,
    /// Those a double cannot hold become text, as protobuf has it.
    AsProtobuf,
}

/// The text of a value.
pub(super) fn write(value: &Value, whole: Whole) -> Result<String, CelError> {
    let mut out = String::new();
    write_into(value, whole, &mut out, 0)?;
    Ok(out)
}

const DEPTH: u32 = 256;

fn write_into(value: &Value, whole: Whole, out: &mut String, depth: u32) -> Result<(), CelError> {
    if depth > DEPTH {
        return Err(CelError::limit("a value is nested too deeply for JSON"));
    }
    match value {
        Value::Null | Value::Optional(None) => out.push_str("null"),
        Value::Bool(yes) => out.push_str(if *yes { "true" } else { "false" }),
        Value::Int(number) if whole == Whole::AsProtobuf && number.unsigned_abs() > 9_007_199_254_740_991 => {
            string(&number.to_string(), out)
        }
        Value::Int(number) => out.push_str(&number.to_string()),
        Value::Uint(number) if whole == Whole::AsProtobuf && *number > 9_007_199_254_740_991 => string(&number.to_string(), out),
        Value::Uint(number) => out.push_str(&number.to_string()),
        Value::Double(number) => out.push_str(&double(*number)?),
        Value::String(text) => string(text, out),
        Value::Bytes(bytes) => string(&base64::engine::general_purpose::STANDARD.encode(bytes), out),
        Value::Timestamp(_) | Value::Duration(_) => string(&to_text(value)?, out),
        Value::Optional(Some(value)) => write_into(value, whole, out, depth + 1)?,
        Value::List(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_into(&item?, whole, out, depth + 1)?;
            }
            out.push(']');
        }
        Value::Map(map) => {
            let mut entries = Vec::with_capacity(map.len());
            for (key, value) in map.entries() {
                let key = match key {
                    Value::String(text) => text.to_string(),
                    other => to_text(&other)?,
                };
                entries.push((key, value?));
            }
            members(entries, whole, out, depth)?;
        }
        Value::Object(object) => {
            members(object.fields.iter().map(|(name, value)| (name.to_string(), value.clone())).collect(), whole, out, depth)?;
        }
        Value::Opaque(opaque) => match opaque.data() {
            Some(data) => write_into(&data, whole, out, depth + 1)?,
            None => return Err(CelError::invalid(format!("a value of type `{}` cannot be written as JSON", opaque.type_of()))),
        },
        Value::Type(_) => return Err(CelError::invalid("a type cannot be written as JSON")),
    }
    Ok(())
}

fn members(mut entries: Vec<(String, Value)>, whole: Whole, out: &mut String, depth: u32) -> Result<(), CelError> {
    entries.sort_by(|a, b| a.0.cmp(&b.0));
    out.push('{');
    for (index, (key, value)) in entries.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        string(key, out);
        out.push(':');
        write_into(value, whole, out, depth + 1)?;
    }
    out.push('}');
    Ok(())
}

/// The shortest digits; with an exponent below a millionth and from 10^21 on.
fn double(number: f64) -> Result<String, CelError> {
    if !number.is_finite() {
        return Err(CelError::invalid(format!(
            "json: unsupported value: {}",
            if number.is_nan() {
                "NaN"
            } else if number > 0.0 {
                "+Inf"
            } else {
                "-Inf"
            }
        )));
    }
    let size = number.abs();
    if size != 0.0 && !(1e-6..1e21).contains(&size) {
        let text = format!("{number:e}");
        return Ok(match text.split_once('e') {
            Some((digits, exponent)) if !exponent.starts_with('-') => format!("{digits}e+{exponent}"),
            _ => text,
        });
    }
    Ok(number.to_string())
}

fn string(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c if c < ' ' => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
}
