//! Values as Go prints and reads them, which policies of Kyverno can tell apart.

use std::fmt::Write as _;

use probity_value::{Data, Number, Value};

/// A value as `fmt.Sprint` prints it: text bare, `map[a:1 b:2]`, `[a b]`, `<nil>`.
#[must_use]
pub fn go_text(value: &Value) -> String {
    let mut out = String::new();
    write_value(value, &mut out);
    out
}

fn write_value(value: &Value, out: &mut String) {
    match &value.data {
        Data::Null => out.push_str("<nil>"),
        Data::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Data::Number(number) => out.push_str(&go_number(*number)),
        Data::String(text) => out.push_str(text),
        Data::List(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(' ');
                }
                write_value(item, out);
            }
            out.push(']');
        }
        Data::Map(map) => {
            out.push_str("map[");
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by(|a, b| a.0.cmp(b.0));
            for (index, (key, entry)) in entries.into_iter().enumerate() {
                if index > 0 {
                    out.push(' ');
                }
                let _ = write!(out, "{key}:");
                write_value(&entry.value, out);
            }
            out.push(']');
        }
        Data::Unknown(unknown) => {
            let _ = write!(out, "(unknown: {})", unknown.reason);
        }
    }
}

/// A number as `fmt.Sprint` prints a double: whole numbers without a fraction, an exponent below 1e-4 and from 1e21 on.
#[must_use]
pub fn go_number(number: Number) -> String {
    let value = match number {
        Number::Int(value) => return value.to_string(),
        Number::Float(value) => value,
    };
    let size = value.abs();
    if size != 0.0 && !(1e-4..1e21).contains(&size) { exponent(&format!("{value:e}"), 'e') } else { value.to_string() }
}

/// A double as `strconv.FormatFloat(v, 'E', -1, 64)` prints it; whole numbers as they are.
#[must_use]
pub fn go_scientific(number: Number) -> String {
    match number {
        Number::Int(value) => value.to_string(),
        Number::Float(value) => exponent(&format!("{value:E}"), 'E'),
    }
}

/// `1.5e7` as `1.5e+07`.
fn exponent(text: &str, sign: char) -> String {
    let Some((mantissa, power)) = text.split_once(sign) else { return text.to_owned() };
    let (minus, digits) = match power.strip_prefix('-') {
        Some(digits) => ('-', digits),
        None => ('+', power),
    };
    format!("{mantissa}{sign}{minus}{digits:0>2}")
}

/// A double as `strconv.ParseFloat` reads it.
#[must_use]
pub fn go_float(text: &str) -> Option<f64> {
    // Words such as `inf` and `nan` are numbers there; none of them is equal to anything a policy can write.
    text.bytes().any(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// Texts joined, without the empty ones.
#[must_use]
pub fn join_non_empty<'t>(texts: impl IntoIterator<Item = &'t str>, between: &str) -> String {
    let texts: Vec<&str> = texts.into_iter().filter(|text| !text.is_empty()).collect();
    texts.join(between)
}

#[cfg(test)]
mod tests {
    use super::*;
    use probity_value::{FileId, yaml};

    #[test]
    fn prints_as_go_does() {
        for (text, expected) in [
            ("a", "a"),
            ("1", "1"),
            ("1.5", "1.5"),
            ("1e21", "1e+21"),
            ("0.00001", "1e-05"),
            ("null", "<nil>"),
            ("{b: 1, a: [x, true]}", "map[a:[x true] b:1]"),
        ] {
            let value = yaml::parse(text, FileId::NONE).0.into_iter().next().map(|document| document.value).unwrap();
            assert_eq!(go_text(&value), expected, "{text}");
        }
        assert_eq!(go_scientific(Number::Float(1.5)), "1.5E+00");
    }
}
