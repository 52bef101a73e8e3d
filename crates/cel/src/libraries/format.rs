//! `string.format`: the clauses `%s %d %f %e %b %x %X %o`, in the two ways cel-go has.
//!
//! The older one (Kubernetes, Kyverno) writes numbers as American English does and texts inside lists as they are written in CEL; the newer
//! one writes them plainly.

use std::fmt::Write as _;

use super::args::{list, text};
use crate::standard::to_text;
use crate::{Call, CelError, Type, Value};

#[derive(Clone, Copy, PartialEq)]
enum Way {
    Locale,
    Plain,
}

/// The older way.
pub(super) fn with_locale(call: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    format(call, args, Way::Locale)
}

/// The newer way.
pub(super) fn plain(call: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    format(call, args, Way::Plain)
}

/// More digits than these are refused.
const MAX_PRECISION: usize = 1000;

fn format(call: &mut Call<'_>, args: &[Value], way: Way) -> Result<Value, CelError> {
    let (pattern, values) = (text(args, 0)?, list(args, 1)?);
    let mut out = String::new();
    let mut rest = pattern;
    let mut index = 0_usize;
    while let Some((before, behind)) = rest.split_once('%') {
        out.push_str(before);
        if let Some(behind) = behind.strip_prefix('%') {
            out.push('%');
            rest = behind;
            continue;
        }
        let Some(value) = values.get(index)? else { return Err(CelError::invalid(format!("index {index} out of range"))) };
        if behind.is_empty() {
            return Err(CelError::invalid("unexpected end of string"));
        }
        let (precision, behind) = precision(behind, way)?;
        let mut chars = behind.chars();
        let clause = chars.next().unwrap_or_default();
        let made = match clause {
            's' => string(&value, way),
            'd' => decimal(&value, way),
            'f' => fixed(&value, precision, way),
            'e' => scientific(&value, precision, way),
            'b' => binary(&value, way),
            'x' | 'X' => hex(&value, clause == 'X', way),
            'o' => octal(&value, way),
            other => {
                return Err(CelError::invalid(format!("could not parse formatting clause: unrecognized formatting clause \"{other}\"")));
            }
        };
        let made = made.map_err(|error| {
            if error.is_unknown() || error.is_limit() { error } else { CelError::invalid(format!("error during formatting: {error}")) }
        })?;
        call.allocate(made.len())?;
        out.push_str(&made);
        rest = chars.as_str();
        index += 1;
    }
    call.allocate(rest.len())?;
    out.push_str(rest);
    Ok(out.into())
}

fn precision(text: &str, way: Way) -> Result<(usize, &str), CelError> {
    let wrong = |message: String| CelError::invalid(format!("could not parse formatting clause: error while parsing precision: {message}"));
    let Some(digits) = text.strip_prefix('.') else { return Ok((6, text)) };
    let behind = digits.trim_start_matches(|c: char| c.is_ascii_digit());
    if behind.is_empty() {
        return Err(wrong("could not find end of precision specifier".to_owned()));
    }
    let number = digits.strip_suffix(behind).unwrap_or_default();
    if number.is_empty() {
        return Err(wrong("error while converting precision to integer: strconv.Atoi: parsing \"\": invalid syntax".to_owned()));
    }
    let most = if way == Way::Plain { 100 } else { MAX_PRECISION };
    match number.parse() {
        Ok(number) if number <= most => Ok((number, behind)),
        _ => Err(wrong(format!("precision {number} exceeds maximum allowed precision {most}"))),
    }
}

fn refused(what: &str, value: &Value) -> CelError {
    CelError::invalid(format!("{what}, was given {}", value.type_of().name()))
}

fn refused_string(value: &Value) -> CelError {
    refused("string clause can only be used on strings, bools, bytes, ints, doubles, maps, lists, types, durations, and timestamps", value)
}

fn string(value: &Value, way: Way) -> Result<String, CelError> {
    if way == Way::Plain {
        return plain_string(value);
    }
    Ok(match value {
        Value::Null => "null".to_owned(),
        Value::List(_) | Value::Map(_) => nested(value)?,
        Value::Type(inner) => inner.name().to_owned(),
        Value::Bool(_)
        | Value::Int(_)
        | Value::Uint(_)
        | Value::Double(_)
        | Value::String(_)
        | Value::Bytes(_)
        | Value::Timestamp(_)
        | Value::Duration(_) => to_text(value)?,
        Value::Optional(_) | Value::Object(_) | Value::Opaque(_) => return Err(refused_string(value)),
    })
}

/// A value within a list or map, as it would be written in CEL.
fn nested(value: &Value) -> Result<String, CelError> {
    Ok(match value {
        Value::String(text) => quoted(text),
        Value::Bytes(_) => format!("b{}", quoted(&to_text(value)?)),
        Value::Timestamp(_) => format!("timestamp({})", quoted(&to_text(value)?)),
        Value::Duration(_) => format!("duration({})", quoted(&to_text(value)?)),
        Value::Double(number) if number.is_finite() => format!("{number:.6}"),
        Value::Double(number) => quoted(if number.is_nan() {
            "NaN"
        } else if *number > 0.0 {
            "+Inf"
        } else {
            "-Inf"
        }),
        Value::List(items) => {
            let parts: Vec<String> = items.iter().map(|item| item.and_then(|item| nested(&item))).collect::<Result<_, _>>()?;
            format!("[{}]", parts.join(", "))
        }
        Value::Map(map) => {
            let mut parts = Vec::new();
            for (key, value) in map.entries() {
                parts.push((nested(&key)?, nested(&value?)?));
            }
            parts.sort_by(|a, b| a.0.cmp(&b.0));
            let parts: Vec<String> = parts.into_iter().map(|(key, value)| format!("{key}:{value}")).collect();
            format!("{{{}}}", parts.join(", "))
        }
        Value::Optional(_) | Value::Object(_) | Value::Opaque(_) => {
            return Err(CelError::invalid(format!("no formatting function for {}", value.type_of().name())));
        }
        other => string(other, Way::Locale)?,
    })
}

fn plain_string(value: &Value) -> Result<String, CelError> {
    Ok(match value {
        Value::Null => "null".to_owned(),
        Value::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Value::Double(number) => plain_double(*number),
        Value::Duration(nanoseconds) => format!("{}s", probity_kubernetes::GoDuration(*nanoseconds).seconds()),
        Value::Type(inner) => inner.name().to_owned(),
        Value::List(items) => {
            let parts: Vec<String> = items.iter().map(|item| item.and_then(|item| plain_string(&item))).collect::<Result<_, _>>()?;
            format!("[{}]", parts.join(", "))
        }
        Value::Map(map) => {
            let mut parts = Vec::new();
            for (key, value) in map.entries() {
                parts.push((plain_string(&key)?, plain_string(&value?)?));
            }
            parts.sort_by(|a, b| a.0.cmp(&b.0));
            let parts: Vec<String> = parts.into_iter().map(|(key, value)| format!("{key}: {value}")).collect();
            format!("{{{}}}", parts.join(", "))
        }
        Value::Bool(_) | Value::Int(_) | Value::Uint(_) | Value::String(_) | Value::Timestamp(_) => to_text(value)?,
        Value::Optional(_) | Value::Object(_) | Value::Opaque(_) => return Err(refused_string(value)),
    })
}

fn plain_double(number: f64) -> String {
    if number.is_nan() {
        "NaN".to_owned()
    } else if number.is_infinite() {
        if number > 0.0 { "Infinity" } else { "-Infinity" }.to_owned()
    } else {
        number.to_string()
    }
}

fn decimal(value: &Value, way: Way) -> Result<String, CelError> {
    match (value, way) {
        (Value::Int(number), _) => Ok(number.to_string()),
        (Value::Uint(number), _) => Ok(number.to_string()),
        (Value::Double(number), Way::Plain) => Ok(plain_double(*number)),
        (_, Way::Plain) => Err(refused("decimal clause can only be used on ints, uints, and doubles", value)),
        (_, Way::Locale) => Err(refused("decimal clause can only be used on integers", value)),
    }
}

/// The number of a clause that takes doubles.
#[expect(clippy::cast_precision_loss, reason = "as the clause says")]
fn number(value: &Value, way: Way, clause: &str) -> Result<f64, CelError> {
    match (value, way) {
        (Value::Double(number), _) => Ok(*number),
        (Value::Int(number), Way::Plain) => Ok(*number as f64),
        (Value::Uint(number), Way::Plain) => Ok(*number as f64),
        (Value::String(text), Way::Locale) if matches!(&**text, "NaN" | "Infinity" | "-Infinity") => Ok(match &**text {
            "NaN" => f64::NAN,
            "Infinity" => f64::INFINITY,
            _ => f64::NEG_INFINITY,
        }),
        (_, Way::Plain) => Err(refused(&format!("{clause} clause can only be used on ints, uints, and doubles"), value)),
        (_, Way::Locale) => Err(refused(&format!("{clause} clause can only be used on doubles"), value)),
    }
}

fn fixed(value: &Value, precision: usize, way: Way) -> Result<String, CelError> {
    let number = number(value, way, "fixed-point")?;
    if way == Way::Plain {
        return Ok(if number.is_finite() { format!("{number:.precision$}") } else { plain_double(number) });
    }
    if !number.is_finite() {
        return Ok(english_special(number));
    }
    let text = format!("{:.precision$}", number.abs());
    let (whole, fraction) = text.split_once('.').map_or((&*text, None), |(whole, fraction)| (whole, Some(fraction)));
    let mut out = String::with_capacity(text.len() + text.len() / 3);
    if number < 0.0 {
        out.push('-');
    }
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    if let Some(fraction) = fraction {
        out.push('.');
        out.push_str(fraction);
    }
    Ok(out)
}

fn english_special(number: f64) -> String {
    if number.is_nan() {
        "NaN"
    } else if number > 0.0 {
        "∞"
    } else {
        "-∞"
    }
    .to_owned()
}

fn scientific(value: &Value, precision: usize, way: Way) -> Result<String, CelError> {
    let number = number(value, way, "scientific")?;
    if !number.is_finite() {
        return Ok(if way == Way::Plain { plain_double(number) } else { padded(&english_special(number), precision) });
    }
    let places = if way == Way::Plain { precision } else { 6 };
    let number = if number == 0.0 && way == Way::Locale { 0.0 } else { number };
    let text = format!("{number:.places$e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, digits) = exponent.strip_prefix('-').map_or(("+", exponent), |digits| ("-", digits));
    if way == Way::Plain {
        return Ok(format!("{mantissa}e{sign}{digits:0>2}"));
    }
    let mut out = format!("{mantissa}×10");
    if sign == "-" {
        out.push('⁻');
    }
    for digit in format!("{digits:0>2}").chars() {
        let raised = digit.to_digit(10).and_then(|digit| "⁰¹²³⁴⁵⁶⁷⁸⁹".chars().nth(digit as usize));
        out.push(raised.unwrap_or(digit));
    }
    Ok(padded(&out, precision))
}

/// What stands for the precision of `%e` is a width there, in characters.
fn padded(text: &str, width: usize) -> String {
    format!("{text:>width$}")
}

fn binary(value: &Value, way: Way) -> Result<String, CelError> {
    match value {
        Value::Bool(yes) => Ok(if *yes { "1" } else { "0" }.to_owned()),
        Value::Int(number) => Ok(signed(*number, |size| format!("{size:b}"))),
        Value::Uint(number) => Ok(format!("{number:b}")),
        _ if way == Way::Plain => Err(refused("only ints, uints, and bools can be formatted as binary", value)),
        _ => Err(refused("only integers and bools can be formatted as binary", value)),
    }
}

fn octal(value: &Value, way: Way) -> Result<String, CelError> {
    match value {
        Value::Int(number) => Ok(signed(*number, |size| format!("{size:o}"))),
        Value::Uint(number) => Ok(format!("{number:o}")),
        _ if way == Way::Plain => Err(refused("octal clause can only be used on ints and uints", value)),
        _ => Err(refused("octal clause can only be used on integers", value)),
    }
}

fn hex(value: &Value, upper: bool, way: Way) -> Result<String, CelError> {
    let bytes = |bytes: &[u8]| {
        bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
            let _ = write!(out, "{byte:02x}");
            out
        })
    };
    let text = match value {
        Value::Int(number) => signed(*number, |size| format!("{size:x}")),
        Value::Uint(number) => format!("{number:x}"),
        Value::String(text) => bytes(text.as_bytes()),
        Value::Bytes(data) => bytes(data),
        _ if way == Way::Plain => return Err(refused("only ints, uints, bytes, and strings can be formatted as hex", value)),
        _ => return Err(refused("only integers, byte buffers, and strings can be formatted as hex", value)),
    };
    Ok(if upper { text.to_ascii_uppercase() } else { text })
}

fn signed(number: i64, written: impl Fn(u64) -> String) -> String {
    let size = written(number.unsigned_abs());
    if number < 0 { format!("-{size}") } else { size }
}

/// As Go's `%q` writes it.
fn quoted(text: &str) -> String {
    probity_kubernetes::duration::quote(text)
}

/// What is wrong with a constant pattern and the types of its values, as far as that is known before it is evaluated; types that are not
/// known are `dyn`.
#[must_use]
pub fn problem(pattern: &str, types: &[Type]) -> Option<String> {
    let mut rest = pattern;
    let mut index = 0_usize;
    while let Some((_, behind)) = rest.split_once('%') {
        if let Some(behind) = behind.strip_prefix('%') {
            rest = behind;
            continue;
        }
        if behind.is_empty() {
            return Some("unexpected end of string".to_owned());
        }
        let Some(given) = types.get(index) else { return Some(format!("index {index} out of range")) };
        let behind = match precision(behind, Way::Locale) {
            Ok((_, behind)) => behind,
            Err(error) => return Some(error.to_string()),
        };
        let mut chars = behind.chars();
        let clause = chars.next().unwrap_or_default();
        let one_of = |types: &[Type]| given.is_dyn() || matches!(given, Type::Param(_)) || types.contains(given);
        let refused = |what: &str| Some(format!("error during formatting: {what}, was given {}", given.name()));
        let wrong = match clause {
            's' if matches!(given, Type::Object(_) | Type::Opaque(..)) => refused(
                "string clause can only be used on strings, bools, bytes, ints, doubles, maps, lists, types, durations, and timestamps",
            ),
            's' => None,
            'd' if !one_of(&[Type::Int, Type::Uint]) => refused("decimal clause can only be used on integers"),
            'f' if !one_of(&[Type::Double, Type::String]) => refused("fixed-point clause can only be used on doubles"),
            'e' if !one_of(&[Type::Double, Type::String]) => refused("scientific clause can only be used on doubles"),
            'b' if !one_of(&[Type::Int, Type::Uint, Type::Bool]) => refused("only integers and bools can be formatted as binary"),
            'x' | 'X' if !one_of(&[Type::Int, Type::Uint, Type::String, Type::Bytes]) => {
                refused("only integers, byte buffers, and strings can be formatted as hex")
            }
            'o' if !one_of(&[Type::Int, Type::Uint]) => refused("octal clause can only be used on integers"),
            'd' | 'f' | 'e' | 'b' | 'x' | 'X' | 'o' => None,
            other => return Some(format!("could not parse formatting clause: unrecognized formatting clause \"{other}\"")),
        };
        if wrong.is_some() {
            return wrong;
        }
        rest = chars.as_str();
        index += 1;
    }
    (types.len() > index).then(|| format!("too many arguments supplied to string.format (expected {index}, got {})", types.len()))
}
