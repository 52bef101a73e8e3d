//! The types every protobuf program knows (`google.protobuf.*`): in an expression they are plain values.

use std::sync::{Arc, LazyLock};

use crate::value::Timestamp;
use crate::{CelError, Key, Type, TypeProvider, Value};

/// Makes and checks `google.protobuf.Int64Value{value: 1}` and the like.
#[derive(Debug)]
pub(crate) struct WellKnown;

/// The one there is.
pub(crate) static WELL_KNOWN: LazyLock<Arc<dyn TypeProvider>> = LazyLock::new(|| Arc::new(WellKnown));

const PREFIX: &str = "google.protobuf.";

fn wrapper(scalar: Type) -> Type {
    Type::Wrapper(Arc::new(scalar))
}

/// The type of values that a name stands for.
pub(crate) fn named(name: &str) -> Option<Type> {
    Some(match name.strip_prefix(PREFIX)? {
        "Any" | "Value" => Type::Dyn,
        "Timestamp" => Type::Timestamp,
        "Duration" => Type::Duration,
        "BoolValue" => wrapper(Type::Bool),
        "BytesValue" => wrapper(Type::Bytes),
        "DoubleValue" | "FloatValue" => wrapper(Type::Double),
        "Int32Value" | "Int64Value" => wrapper(Type::Int),
        "UInt32Value" | "UInt64Value" => wrapper(Type::Uint),
        "StringValue" => wrapper(Type::String),
        "Struct" => Type::map(Type::String, Type::Dyn),
        "ListValue" => Type::list(Type::Dyn),
        "Empty" => Type::object("google.protobuf.Empty"),
        "FieldMask" => Type::object("google.protobuf.FieldMask"),
        _ => return None,
    })
}

/// The last of the values given to a field.
fn given<'a>(fields: &'a [(Arc<str>, Value)], name: &str) -> Option<&'a Value> {
    fields.iter().rev().find(|(field, _)| **field == *name).map(|(_, value)| value)
}

fn seconds(fields: &[(Arc<str>, Value)]) -> Result<(i64, i64), CelError> {
    let part = |name| match given(fields, name) {
        None => Ok(0),
        Some(value) => value.as_int().ok_or_else(CelError::no_such_overload),
    };
    Ok((part("seconds")?, part("nanos")?))
}

impl TypeProvider for WellKnown {
    fn known(&self, type_name: &str) -> bool {
        named(type_name).is_some()
    }

    fn field(&self, type_name: &str, field: &str) -> Option<Type> {
        let inner = type_name.strip_prefix(PREFIX)?;
        Some(match (inner, field) {
            ("Timestamp" | "Duration", "seconds" | "nanos") => Type::Int,
            ("Any", "type_url") => Type::String,
            ("Any", "value") => Type::Bytes,
            ("Struct", "fields") => Type::map(Type::String, Type::Dyn),
            ("ListValue", "values") => Type::list(Type::Dyn),
            ("FieldMask", "paths") => Type::list(Type::String),
            ("Value", "null_value") => Type::Int,
            ("Value", "number_value") => Type::Double,
            ("Value", "string_value") => Type::String,
            ("Value", "bool_value") => Type::Bool,
            ("Value", "struct_value") => Type::map(Type::String, Type::Dyn),
            ("Value", "list_value") => Type::list(Type::Dyn),
            (_, "value") => match named(type_name)? {
                Type::Wrapper(scalar) => scalar.as_ref().clone(),
                _ => return None,
            },
            _ => return None,
        })
    }

    fn construct(&self, type_name: &Arc<str>, fields: Vec<(Arc<str>, Value)>) -> Result<Value, CelError> {
        let inner = type_name.strip_prefix(PREFIX).unwrap_or(type_name);
        if let Some((unknown, _)) = fields.iter().find(|(name, _)| self.field(type_name, name).is_none()) {
            return Err(CelError::no_such_field(unknown));
        }
        let value = given(&fields, "value").cloned();
        let mismatch = CelError::no_such_overload;
        Ok(match inner {
            "Timestamp" => {
                let (seconds, nanos) = seconds(&fields)?;
                let nanoseconds = u32::try_from(nanos).map_err(|_| CelError::overflow("timestamp"))?;
                Value::Timestamp(Timestamp { seconds, nanoseconds })
            }
            "Duration" => {
                let (seconds, nanos) = seconds(&fields)?;
                let whole = seconds.checked_mul(1_000_000_000).and_then(|whole| whole.checked_add(nanos));
                Value::Duration(whole.ok_or_else(|| CelError::overflow("duration"))?)
            }
            "BoolValue" => Value::Bool(value.map_or(Some(false), |value| value.as_bool()).ok_or_else(mismatch)?),
            "BytesValue" => match value {
                None => Value::bytes([]),
                Some(bytes @ Value::Bytes(_)) => bytes,
                Some(_) => return Err(mismatch()),
            },
            "StringValue" => match value {
                None => Value::from(""),
                Some(text @ Value::String(_)) => text,
                Some(_) => return Err(mismatch()),
            },
            "DoubleValue" => Value::Double(value.map_or(Some(0.0), |value| value.as_double()).ok_or_else(mismatch)?),
            #[expect(clippy::cast_possible_truncation, reason = "what a float is")]
            "FloatValue" => {
                let number = value.map_or(Some(0.0), |value| value.as_double()).ok_or_else(mismatch)?;
                Value::Double(f64::from(number as f32))
            }
            "Int64Value" => Value::Int(value.map_or(Some(0), |value| value.as_int()).ok_or_else(mismatch)?),
            "Int32Value" => {
                let number = value.map_or(Some(0), |value| value.as_int()).ok_or_else(mismatch)?;
                Value::Int(i32::try_from(number).map_err(|_| CelError::overflow("int32"))?.into())
            }
            "UInt64Value" | "UInt32Value" => match value {
                None => Value::Uint(0),
                Some(Value::Uint(number)) if inner == "UInt64Value" || number <= u32::MAX.into() => Value::Uint(number),
                Some(Value::Uint(_)) => return Err(CelError::overflow("uint32")),
                Some(_) => return Err(mismatch()),
            },
            "Struct" => match given(&fields, "fields") {
                None => Value::map([]),
                Some(Value::Map(map)) => {
                    let mut entries = Vec::new();
                    for (key, value) in map.entries() {
                        let Some(key @ Key::String(_)) = Key::of(&key) else {
                            return Err(CelError::invalid("bad key type of google.protobuf.Struct"));
                        };
                        entries.push((key, json(value?)?));
                    }
                    Value::map(entries)
                }
                Some(_) => return Err(mismatch()),
            },
            "ListValue" => match given(&fields, "values") {
                None => Value::list(Vec::new()),
                Some(Value::List(list)) => Value::list(list.iter().map(|item| item.and_then(json)).collect::<Result<_, _>>()?),
                Some(_) => return Err(mismatch()),
            },
            "Value" => match fields.last() {
                None => Value::Null,
                Some((name, _)) if &**name == "null_value" => Value::Null,
                Some((_, value)) => json(value.clone())?,
            },
            "Any" => return Err(CelError::invalid("conversion error: got a google.protobuf.Any without content")),
            _ => Value::Object(Arc::new(crate::Object { type_name: Arc::clone(type_name), fields })),
        })
    }

    fn constant(&self, name: &str) -> Option<(Type, Value)> {
        if name == "google.protobuf.NullValue.NULL_VALUE" {
            return Some((Type::Int, Value::Int(0)));
        }
        let named = named(name)?;
        let identity = match &named {
            // Types that have no value of their own keep their name.
            Type::Dyn | Type::Wrapper(_) | Type::List(_) | Type::Map(_) => Type::object(name),
            other => other.clone(),
        };
        Some((Type::type_of(named), Value::Type(Arc::new(identity))))
    }
}

/// What a value is in JSON: numbers are doubles, times are text.
fn json(value: Value) -> Result<Value, CelError> {
    #[expect(clippy::cast_precision_loss, reason = "JSON numbers are doubles")]
    Ok(match value {
        Value::Int(number) if number.unsigned_abs() <= 1 << 53 => Value::Double(number as f64),
        Value::Uint(number) if number <= 1 << 53 => Value::Double(number as f64),
        Value::Int(number) => Value::from(number.to_string()),
        Value::Uint(number) => Value::from(number.to_string()),
        Value::Bytes(bytes) => Value::from(crate::standard::base64(&bytes)),
        time @ (Value::Timestamp(_) | Value::Duration(_)) => Value::from(crate::standard::to_text(&time)?),
        Value::List(list) => Value::list(list.iter().map(|item| item.and_then(json)).collect::<Result<_, _>>()?),
        Value::Map(map) => {
            let mut entries = Vec::new();
            for (key, value) in map.entries() {
                let key = match Key::of(&key) {
                    Some(key @ Key::String(_)) => key,
                    Some(other) => Key::from(other.to_string().as_str()),
                    None => return Err(CelError::no_such_overload()),
                };
                entries.push((key, json(value?)?));
            }
            Value::map(entries)
        }
        Value::Type(_) | Value::Optional(_) => return Err(CelError::invalid("the value has no form in JSON")),
        other => other,
    })
}
