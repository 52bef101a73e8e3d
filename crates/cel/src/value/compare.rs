//! Equality and order: numbers compare across their types, everything else only with its own.

use std::cmp::Ordering;

use super::{List, Map, Value};
use crate::CelError;

impl Value {
    /// Whether it equals another value; values of different types do not, except numbers.
    ///
    /// # Errors
    /// What decides is unknown.
    pub fn equals(&self, other: &Value) -> Result<bool, CelError> {
        Ok(match (self, other) {
            (Value::Null, Value::Null) => true,
            (Value::Bool(a), Value::Bool(b)) => a == b,
            (Value::String(a), Value::String(b)) => a == b,
            (Value::Bytes(a), Value::Bytes(b)) => a == b,
            (Value::Int(a), Value::Int(b)) => a == b,
            (Value::Int(_) | Value::Uint(_) | Value::Double(_), Value::Int(_) | Value::Uint(_) | Value::Double(_)) => {
                self.compare(other) == Some(Ordering::Equal)
            }
            (Value::Timestamp(a), Value::Timestamp(b)) => a == b,
            (Value::Duration(a), Value::Duration(b)) => a == b,
            (Value::Type(a), Value::Type(b)) => a.name() == b.name(),
            (Value::List(a), Value::List(b)) => return lists(a, b),
            (Value::Map(a), Value::Map(b)) => return maps(a, b),
            (Value::Optional(a), Value::Optional(b)) => match (a, b) {
                (Some(a), Some(b)) => return a.equals(b),
                (None, None) => true,
                _ => false,
            },
            (Value::Object(a), Value::Object(b)) => {
                if a.type_name != b.type_name || a.fields.len() != b.fields.len() {
                    return Ok(false);
                }
                for (name, value) in &a.fields {
                    let Some(other) = b.field(name) else { return Ok(false) };
                    if !value.equals(other)? {
                        return Ok(false);
                    }
                }
                true
            }
            (Value::Opaque(a), Value::Opaque(b)) => a.type_of() == b.type_of() && a.equals(b.as_ref()),
            _ => false,
        })
    }

    /// How it is ordered against another value; `None` where there is no order (NaN, other types).
    #[must_use]
    pub fn compare(&self, other: &Value) -> Option<Ordering> {
        match (self, other) {
            (Value::Int(a), Value::Int(b)) => Some(a.cmp(b)),
            (Value::Uint(a), Value::Uint(b)) => Some(a.cmp(b)),
            (Value::Double(a), Value::Double(b)) => a.partial_cmp(b),
            (Value::Int(a), Value::Uint(b)) => Some(i128::from(*a).cmp(&i128::from(*b))),
            (Value::Uint(a), Value::Int(b)) => Some(i128::from(*a).cmp(&i128::from(*b))),
            (Value::Int(a), Value::Double(b)) => against(i128::from(*a), *b),
            (Value::Uint(a), Value::Double(b)) => against(i128::from(*a), *b),
            (Value::Double(a), Value::Int(b)) => against(i128::from(*b), *a).map(Ordering::reverse),
            (Value::Double(a), Value::Uint(b)) => against(i128::from(*b), *a).map(Ordering::reverse),
            (Value::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
            (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
            (Value::Bytes(a), Value::Bytes(b)) => Some(a.cmp(b)),
            (Value::Timestamp(a), Value::Timestamp(b)) => Some(a.cmp(b)),
            (Value::Duration(a), Value::Duration(b)) => Some(a.cmp(b)),
            _ => None,
        }
    }
}

/// A whole number against a double, as doubles: beyond 2^53 they may be equal though they differ, as in cel-go.
#[expect(clippy::cast_precision_loss, reason = "said in the doc comment")]
fn against(whole: i128, double: f64) -> Option<Ordering> {
    (whole as f64).partial_cmp(&double)
}

fn lists(a: &List, b: &List) -> Result<bool, CelError> {
    if a.len() != b.len() {
        return Ok(false);
    }
    let mut unknown = None;
    for (a, b) in a.iter().zip(b.iter()) {
        match a.and_then(|a| b.and_then(|b| a.equals(&b))) {
            Ok(true) => {}
            Ok(false) => return Ok(false),
            Err(error) => {
                unknown.get_or_insert(error);
            }
        }
    }
    unknown.map_or(Ok(true), Err)
}

fn maps(a: &Map, b: &Map) -> Result<bool, CelError> {
    if a.len() != b.len() {
        return Ok(false);
    }
    let mut unknown = None;
    for (key, value) in a.entries() {
        if !b.contains(&key) {
            return Ok(false);
        }
        let same = value.and_then(|value| match b.get(&key)? {
            Some(other) => value.equals(&other),
            None => Ok(false),
        });
        match same {
            Ok(true) => {}
            Ok(false) => return Ok(false),
            Err(error) => {
                unknown.get_or_insert(error);
            }
        }
    }
    unknown.map_or(Ok(true), Err)
}

/// Equal values; where what decides is unknown, not equal. For tests and collections of known values.
impl PartialEq for Value {
    fn eq(&self, other: &Value) -> bool {
        self.equals(other).unwrap_or(false)
    }
}
