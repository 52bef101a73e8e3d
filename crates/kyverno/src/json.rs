//! JSON text as Go writes it: keys in order, `<`, `>` and `&` escaped, numbers in the shortest form.

use std::fmt::Write as _;
use std::sync::Arc;

use probity_value::{Data, Number, Value};

use crate::jmespath::{Evaluation, JmesError};

/// Compact JSON text. What is made counts as bytes of the evaluation.
///
/// # Errors
/// A part is unknown, or the bound of bytes is met.
pub(crate) fn write(value: &Value, evaluation: &Evaluation<'_>) -> Result<String, JmesError> {
    let mut writer = Writer { out: String::new(), counted: 0, evaluation };
    writer.value(value)?;
    writer.count()?;
    Ok(writer.out)
}

struct Writer<'e, 'a> {
    out: String,
    counted: usize,
    evaluation: &'e Evaluation<'a>,
}

impl Writer<'_, '_> {
    fn count(&mut self) -> Result<(), JmesError> {
        let grown = self.out.len() - self.counted;
        self.counted = self.out.len();
        self.evaluation.grow(grown)
    }

    fn value(&mut self, value: &Value) -> Result<(), JmesError> {
        if self.out.len() - self.counted > 4096 {
            self.count()?;
        }
        match &value.data {
            Data::Null => self.out.push_str("null"),
            Data::Bool(value) => self.out.push_str(if *value { "true" } else { "false" }),
            Data::Number(number) => write_number(*number, &mut self.out),
            Data::String(text) => write_text(text, &mut self.out),
            Data::List(items) => {
                self.out.push('[');
                for (position, item) in items.iter().enumerate() {
                    if position > 0 {
                        self.out.push(',');
                    }
                    self.value(item)?;
                }
                self.out.push(']');
            }
            Data::Map(map) => {
                let mut entries: Vec<(&Arc<str>, &Value)> = map.iter().map(|(key, entry)| (key, &entry.value)).collect();
                entries.sort_unstable_by(|left, right| left.0.cmp(right.0));
                self.out.push('{');
                for (position, (key, value)) in entries.into_iter().enumerate() {
                    if position > 0 {
                        self.out.push(',');
                    }
                    write_text(key, &mut self.out);
                    self.out.push(':');
                    self.value(value)?;
                }
                self.out.push('}');
            }
            Data::Unknown(unknown) => return Err(JmesError::from(&**unknown)),
        }
        Ok(())
    }
}

/// A number as Go's `encoding/json` writes a double.
pub(crate) fn write_number(number: Number, out: &mut String) {
    // Writing to text does not fail.
    let _ = match number {
        Number::Int(number) => write!(out, "{number}"),
        Number::Float(number) if number != 0.0 && (number.abs() < 1e-6 || number.abs() >= 1e21) => {
            let text = format!("{number:e}");
            match text.split_once('e') {
                Some((digits, exponent)) if !exponent.starts_with('-') => write!(out, "{digits}e+{exponent}"),
                _ => write!(out, "{text}"),
            }
        }
        Number::Float(number) => write!(out, "{number}"),
    };
}

fn write_text(text: &str, out: &mut String) {
    out.push('"');
    for sign in text.chars() {
        match sign {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            sign if sign < ' ' || matches!(sign, '<' | '>' | '&' | '\u{2028}' | '\u{2029}') => {
                let _ = write!(out, "\\u{:04x}", u32::from(sign));
            }
            sign => out.push(sign),
        }
    }
    out.push('"');
}
