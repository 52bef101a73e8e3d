//! Fields, indexes and containment.

use std::sync::Arc;

use probity_value::{self as data, Data};

use super::{Evaluation, Given, no_overload};
use crate::ast::operator;
use crate::value::{List, Map, Value};
use crate::{CelError, ErrorKind};

impl Evaluation<'_, '_> {
    /// A chain of fields. As long as it leads through the judged object, nothing is made on the way.
    pub(super) fn fields(&mut self, mut value: Value, fields: &[Arc<str>]) -> Given {
        let mut rest = fields;
        while let Some((field, after)) = rest.split_first() {
            rest = after;
            value = match &value {
                Value::Map(Map::View(map)) => {
                    let mut found: &data::Value = map.get(field).ok_or_else(|| CelError::no_such_key(field))?;
                    while let (Data::Map(inner), Some((field, after))) = (&found.data, rest.split_first()) {
                        rest = after;
                        found = inner.get(field).ok_or_else(|| CelError::no_such_key(field))?;
                    }
                    Value::view(found)?
                }
                _ => self.field(&value, field)?,
            };
        }
        Ok(value)
    }

    /// One field.
    fn field(&mut self, value: &Value, field: &Arc<str>) -> Given {
        match value {
            Value::Map(map) => map.get_str(field)?.ok_or_else(|| CelError::no_such_key(field)),
            Value::Object(object) => object.field(field).cloned().ok_or_else(|| CelError::no_such_key(field)),
            Value::Opaque(opaque) => opaque.field(field, &mut self.call)?.ok_or_else(|| CelError::no_such_field(field)),
            Value::Optional(_) => self.optional_field(value, field),
            other => Err(CelError::new(
                ErrorKind::NoSuchOverload,
                format!("no such overload: type '{}' does not support field selection", other.type_of()),
            )),
        }
    }

    /// `value.?field`: a value that may be absent.
    pub(super) fn optional_field(&mut self, value: &Value, field: &Arc<str>) -> Given {
        Ok(match value {
            Value::Optional(None) => Value::none(),
            Value::Optional(Some(held)) => self.optional_field(held, field)?,
            Value::Map(map) => map.get_str(field)?.map_or(Value::none(), Value::some),
            Value::Object(object) => object.field(field).cloned().map_or(Value::none(), Value::some),
            Value::Opaque(opaque) => opaque.field(field, &mut self.call)?.map_or(Value::none(), Value::some),
            other => return Err(no_overload(operator::OPTIONAL_SELECT, &[other, &Value::Null])),
        })
    }

    /// `has(value.field)`.
    pub(super) fn present(&mut self, value: &Value, field: &Arc<str>) -> Result<bool, CelError> {
        match value {
            Value::Map(map) => known(map, field),
            Value::Object(object) => Ok(object.field(field).is_some()),
            Value::Opaque(opaque) => opaque.field(field, &mut self.call).map(|found| found.is_some()),
            Value::Optional(None) => Ok(false),
            Value::Optional(Some(held)) => self.present(held, field),
            other => Err(CelError::new(
                ErrorKind::NoSuchOverload,
                format!("no such overload: type '{}' does not support field selection", other.type_of()),
            )),
        }
    }
}

/// Whether a text is a key; where its value is unknown and may turn out not to be set, that is unknown.
fn known(map: &Map, key: &str) -> Result<bool, CelError> {
    let Map::View(entries) = map else { return Ok(map.contains_str(key)) };
    match entries.get(key).map(|value| &value.data) {
        None => Ok(false),
        Some(Data::Unknown(unknown)) if !unknown.set => Err(CelError::unknown(Arc::clone(unknown))),
        Some(_) => Ok(true),
    }
}

/// The position in a list a value names: a whole number of any type.
fn position(index: &Value) -> Result<Option<usize>, CelError> {
    match index {
        Value::Int(index) => Ok(usize::try_from(*index).ok()),
        Value::Uint(index) => Ok(usize::try_from(*index).ok()),
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be whole and in range")]
        Value::Double(index) if index.fract() == 0.0 => Ok((*index >= 0.0 && *index < 9_007_199_254_740_992.0).then_some(*index as usize)),
        other => Err(CelError::invalid(format!("unsupported index type '{}' in list", other.type_of()))),
    }
}

/// `value[index]`, or `value[?index]`.
pub(super) fn index(value: &Value, index: &Value, optional: bool) -> Given {
    let found = match value {
        Value::List(list) => position(index)?.map_or(Ok(None), |at| list.get(at))?,
        Value::Map(map) => {
            if !matches!(index, Value::Bool(_) | Value::Int(_) | Value::Uint(_) | Value::Double(_) | Value::String(_)) {
                return Err(no_overload(operator::INDEX, &[value, index]));
            }
            map.get(index)?
        }
        Value::Optional(None) => return Ok(Value::none()),
        Value::Optional(Some(held)) => return self::index(held, index, true),
        _ => return Err(no_overload(if optional { operator::OPTIONAL_INDEX } else { operator::INDEX }, &[value, index])),
    };
    match (found, optional) {
        (Some(found), true) => Ok(Value::some(found)),
        (None, true) => Ok(Value::none()),
        (Some(found), false) => Ok(found),
        (None, false) => Err(match (value, index) {
            (Value::List(_), index) => CelError::out_of_range(index),
            (_, Value::String(key)) => CelError::no_such_key(key),
            (_, key) => CelError::no_such_key(key),
        }),
    }
}

/// `item in whole`.
pub(super) fn within(item: &Value, whole: &Value) -> Given {
    match whole {
        Value::Map(map) => match item {
            Value::String(key) => known(map, key).map(Value::Bool),
            _ => Ok(Value::Bool(map.contains(item))),
        },
        Value::List(list) => {
            let mut unknown = None;
            // Text in a list of the judged object needs no copies.
            if let (Value::String(text), List::View(items)) = (item, list)
                && items.iter().any(|item| item.as_str() == Some(text))
            {
                return Ok(Value::Bool(true));
            }
            for other in list.iter() {
                match other.and_then(|other| item.equals(&other)) {
                    Ok(true) => return Ok(Value::Bool(true)),
                    Ok(false) => {}
                    Err(error) => {
                        unknown.get_or_insert(error);
                    }
                }
            }
            unknown.map_or(Ok(Value::Bool(false)), Err)
        }
        _ => Err(CelError::no_such_overload()),
    }
}
