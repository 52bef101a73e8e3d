//! Conversions between types, with Go's text forms of numbers.

use std::sync::Arc;

use base64::Engine;

use super::time;
use crate::{Call, CelError, Type, Value};

type Given = Result<Value, CelError>;

/// Bytes as base64.
pub(crate) fn base64(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

pub(super) fn same(_: &mut Call<'_>, args: &[Value]) -> Given {
    args.first().cloned().ok_or_else(CelError::no_such_overload)
}

pub(super) fn to_type(_: &mut Call<'_>, args: &[Value]) -> Given {
    args.first().map(|value| Value::Type(Arc::new(value.type_of()))).ok_or_else(CelError::no_such_overload)
}

/// An error of a conversion.
fn cannot(from: &str, to: &str, why: &str) -> CelError {
    CelError::invalid(format!("type conversion error from '{from}' to '{to}'{why}"))
}

pub(super) fn text_to_bool(_: &mut Call<'_>, args: &[Value]) -> Given {
    match args.first().and_then(Value::as_str) {
        Some("1" | "t" | "T" | "true" | "TRUE" | "True") => Ok(Value::Bool(true)),
        Some("0" | "f" | "F" | "false" | "FALSE" | "False") => Ok(Value::Bool(false)),
        Some(text) => Err(cannot("string", "bool", &format!(": `{text}`"))),
        None => Err(CelError::no_such_overload()),
    }
}

pub(super) fn text_to_bytes(_: &mut Call<'_>, args: &[Value]) -> Given {
    args.first().and_then(Value::as_str).map(|text| Value::bytes(text.as_bytes())).ok_or_else(CelError::no_such_overload)
}

#[expect(clippy::cast_precision_loss, reason = "what a conversion to a double does")]
pub(super) fn to_double(_: &mut Call<'_>, args: &[Value]) -> Given {
    match args.first() {
        Some(Value::Int(number)) => Ok(Value::Double(*number as f64)),
        Some(Value::Uint(number)) => Ok(Value::Double(*number as f64)),
        Some(Value::String(text)) => match text.parse::<f64>() {
            Ok(number) if number.is_infinite() && text.bytes().any(|byte| byte.is_ascii_digit()) => {
                Err(cannot("string", "double", &format!(": `{text}` is out of range")))
            }
            Ok(number) => Ok(Value::Double(number)),
            Err(_) => Err(cannot("string", "double", &format!(": `{text}`"))),
        },
        _ => Err(CelError::no_such_overload()),
    }
}

/// A double as a signed whole number; the very ends of the range are out of it, as in cel-go.
#[expect(clippy::cast_possible_truncation, reason = "checked to be in range")]
fn double_to_int(number: f64) -> Option<i64> {
    (number > -9_223_372_036_854_775_808.0 && number < 9_223_372_036_854_775_807.0).then_some(number as i64)
}

pub(super) fn to_int(_: &mut Call<'_>, args: &[Value]) -> Given {
    match args.first() {
        Some(Value::Double(number)) => double_to_int(*number).map(Value::Int).ok_or_else(|| CelError::overflow("integer")),
        Some(Value::Uint(number)) => i64::try_from(*number).map(Value::Int).map_err(|_| CelError::overflow("integer")),
        Some(Value::Timestamp(at)) => Ok(Value::Int(at.seconds)),
        Some(Value::Duration(nanoseconds)) => Ok(Value::Int(*nanoseconds)),
        Some(Value::String(text)) => text.parse().map(Value::Int).map_err(|_| cannot("string", "int", &format!(": `{text}`"))),
        _ => Err(CelError::no_such_overload()),
    }
}

pub(super) fn to_uint(_: &mut Call<'_>, args: &[Value]) -> Given {
    match args.first() {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be in range")]
        Some(Value::Double(number)) if *number > -1.0 && *number < 18_446_744_073_709_551_615.0 && *number >= 0.0 => {
            Ok(Value::Uint(*number as u64))
        }
        Some(Value::Double(_)) => Err(CelError::overflow("unsigned integer")),
        Some(Value::Int(number)) => u64::try_from(*number).map(Value::Uint).map_err(|_| CelError::overflow("unsigned integer")),
        Some(Value::String(text)) if !text.starts_with('+') => {
            text.parse().map(Value::Uint).map_err(|_| cannot("string", "uint", &format!(": `{text}`")))
        }
        Some(Value::String(text)) => Err(cannot("string", "uint", &format!(": `{text}`"))),
        _ => Err(CelError::no_such_overload()),
    }
}

pub(super) fn int_to_duration(_: &mut Call<'_>, args: &[Value]) -> Given {
    args.first().and_then(Value::as_int).map(Value::Duration).ok_or_else(CelError::no_such_overload)
}

pub(super) fn text_to_duration(_: &mut Call<'_>, args: &[Value]) -> Given {
    let text = args.first().and_then(Value::as_str).ok_or_else(CelError::no_such_overload)?;
    time::parse_duration(text).map(Value::Duration).ok_or_else(|| cannot("string", "google.protobuf.Duration", &format!(": `{text}`")))
}

pub(super) fn to_timestamp(_: &mut Call<'_>, args: &[Value]) -> Given {
    match args.first() {
        Some(Value::Int(seconds)) => time::timestamp(*seconds, 0).ok_or_else(|| CelError::overflow("timestamp")),
        Some(Value::String(text)) => {
            time::parse_timestamp(text).ok_or_else(|| cannot("string", "google.protobuf.Timestamp", &format!(": `{text}`")))
        }
        _ => Err(CelError::no_such_overload()),
    }
}

pub(super) fn to_string(call: &mut Call<'_>, args: &[Value]) -> Given {
    let value = args.first().ok_or_else(CelError::no_such_overload)?;
    let text = to_text(value)?;
    call.allocate(text.len())?;
    Ok(Value::from(text))
}

/// What `string(...)` gives.
pub(crate) fn to_text(value: &Value) -> Result<String, CelError> {
    Ok(match value {
        Value::String(text) => text.to_string(),
        Value::Bool(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::Uint(value) => value.to_string(),
        Value::Double(value) => double_text(*value),
        Value::Bytes(bytes) => {
            std::str::from_utf8(bytes).map_err(|_| CelError::invalid("invalid UTF-8 in bytes, cannot convert to string"))?.to_owned()
        }
        Value::Timestamp(at) => time::timestamp_text(*at),
        Value::Duration(nanoseconds) => time::duration_text(*nanoseconds),
        other => return Err(cannot(other.type_of().name(), Type::String.name(), "")),
    })
}

/// A double as Go's `%g` writes it: shortest, with an exponent below 1e-4 and from 1e6 on.
pub(crate) fn double_text(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    if value == 0.0 {
        return if value.is_sign_negative() { "-0" } else { "0" }.to_owned();
    }
    let scientific = format!("{value:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..6).contains(&exponent) {
        return value.to_string();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.unsigned_abs())
}
