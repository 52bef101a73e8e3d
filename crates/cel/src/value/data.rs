//! From the judged object and back.

use std::fmt;
use std::sync::Arc;

use probity_value as data;
use probity_value::{Data, Number, Span};

use super::{Key, List, Map, Value};
use crate::{CelError, ErrorKind};

impl Value {
    /// A view of a value of an object: lists and maps are not copied.
    ///
    /// # Errors
    /// The value is unknown.
    #[inline]
    pub fn view(value: &data::Value) -> Result<Value, CelError> {
        Ok(match &value.data {
            Data::Null => Value::Null,
            Data::Bool(value) => Value::Bool(*value),
            Data::Number(Number::Int(value)) => Value::Int(*value),
            Data::Number(Number::Float(value)) => Value::Double(*value),
            Data::String(text) => Value::String(Arc::clone(text)),
            Data::List(items) => Value::List(List::View(Arc::clone(items))),
            Data::Map(map) => Value::Map(Map::View(Arc::clone(map))),
            Data::Unknown(unknown) => return Err(CelError::unknown(Arc::clone(unknown))),
        })
    }

    /// The value as data that leaves the language: an absent optional is null, times are text, bytes are base64. What was a view keeps its
    /// places; what an expression made stands at `at`.
    ///
    /// # Errors
    /// It holds something that is no data: a type, a key that clashes as text, a number that is not finite.
    pub fn to_data(&self, at: Span) -> Result<data::Value, CelError> {
        Ok(match self {
            Value::Null | Value::Optional(None) => data::Value::null(at),
            Value::Bool(value) => data::Value::bool(*value, at),
            Value::Int(value) => data::Value::int(*value, at),
            Value::Uint(value) => match i64::try_from(*value) {
                Ok(value) => data::Value::int(value, at),
                #[expect(clippy::cast_precision_loss, reason = "data has no larger whole numbers")]
                Err(_) => data::Value::number(*value as f64, at),
            },
            Value::Double(value) if value.is_finite() => data::Value::number(*value, at),
            Value::Double(value) => return Err(CelError::invalid(format!("the number {value} cannot leave an expression"))),
            Value::String(text) => data::Value::string(Arc::clone(text), at),
            Value::Bytes(bytes) => data::Value::string(crate::standard::base64(bytes), at),
            Value::List(List::View(items)) => data::Value::new(Data::List(Arc::clone(items)), at),
            Value::Map(Map::View(map)) => data::Value::new(Data::Map(Arc::clone(map)), at),
            Value::List(List::Values(items)) => data::Value::list(items.iter().map(|item| item.to_data(at)).collect::<Result<_, _>>()?, at),
            Value::Map(Map::Values(entries)) => {
                let mut map = data::Map::new();
                for (key, value) in entries.iter() {
                    let name: Arc<str> = match key {
                        Key::String(text) => Arc::clone(text),
                        other => other.to_string().into(),
                    };
                    if map.insert(name, at, value.to_data(at)?).is_some() {
                        return Err(CelError::invalid(format!("the key `{key}` stands twice in a map")));
                    }
                }
                data::Value::map(map, at)
            }
            Value::Object(object) => {
                let mut map = data::Map::new();
                for (name, value) in &object.fields {
                    map.insert(Arc::clone(name), at, value.to_data(at)?);
                }
                data::Value::map(map, at)
            }
            Value::Timestamp(_) | Value::Duration(_) => data::Value::string(crate::standard::to_text(self)?, at),
            Value::Optional(Some(value)) => value.to_data(at)?,
            Value::Opaque(value) => match value.data() {
                Some(value) => value.to_data(at)?,
                None => {
                    return Err(CelError::new(
                        ErrorKind::Invalid,
                        format!("a value of type `{}` cannot leave an expression", value.type_of()),
                    ));
                }
            },
            Value::Type(_) => return Err(CelError::new(ErrorKind::Invalid, "a type cannot leave an expression")),
        })
    }
}

/// As a person would write it; not read by machines.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Null => f.write_str("null"),
            Value::Bool(value) => value.fmt(f),
            Value::Int(value) => value.fmt(f),
            Value::Uint(value) => write!(f, "{value}u"),
            Value::Double(value) => f.write_str(&crate::standard::double_text(*value)),
            Value::String(text) => write!(f, "{text:?}"),
            Value::Bytes(bytes) => write!(f, "b\"{}\"", bytes.escape_ascii()),
            Value::List(list) => {
                f.write_str("[")?;
                for (index, item) in list.iter().enumerate() {
                    f.write_str(if index > 0 { ", " } else { "" })?;
                    shown(item, f)?;
                }
                f.write_str("]")
            }
            Value::Map(map) => {
                f.write_str("{")?;
                for (index, (key, value)) in map.entries().into_iter().enumerate() {
                    write!(f, "{}{key}: ", if index > 0 { ", " } else { "" })?;
                    shown(value, f)?;
                }
                f.write_str("}")
            }
            Value::Timestamp(_) | Value::Duration(_) => f.write_str(&crate::standard::to_text(self).unwrap_or_default()),
            Value::Type(inner) => f.write_str(inner.name()),
            Value::Optional(None) => f.write_str("optional.none()"),
            Value::Optional(Some(value)) => write!(f, "optional.of({value})"),
            Value::Object(object) => {
                write!(f, "{}{{", object.type_name)?;
                for (index, (name, value)) in object.fields.iter().enumerate() {
                    write!(f, "{}{name}: {value}", if index > 0 { ", " } else { "" })?;
                }
                f.write_str("}")
            }
            Value::Opaque(value) => match value.data() {
                Some(inner) => write!(f, "{}({inner})", value.type_of()),
                None => write!(f, "{}", value.type_of()),
            },
        }
    }
}

/// A part that may be unknown.
fn shown(part: Result<Value, CelError>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match part {
        Ok(value) => write!(f, "{value}"),
        Err(error) => write!(f, "unknown ({error})"),
    }
}
