//! Arithmetic with checked ranges.

use std::cmp::Ordering;

use super::time;
use crate::value::{List, Timestamp};
use crate::{Call, CelError, Value};

type Given = Result<Value, CelError>;

/// Stands in the declarations of operators, which the evaluator computes itself.
pub(super) fn by_evaluator(_: &mut Call<'_>, _: &[Value]) -> Given {
    Err(CelError::no_such_overload())
}

fn checked<T>(value: Option<T>, what: &str, make: impl Fn(T) -> Value) -> Given {
    value.map(make).ok_or_else(|| CelError::overflow(what))
}

fn timestamp(value: Option<Value>) -> Given {
    value.ok_or_else(|| CelError::overflow("timestamp"))
}

/// A point in time and a duration.
fn later(at: Timestamp, nanoseconds: i64) -> Option<Value> {
    let whole = i128::from(at.seconds) * 1_000_000_000 + i128::from(at.nanoseconds) + i128::from(nanoseconds);
    time::from_nanoseconds(whole)
}

pub(crate) fn add(call: &mut Call<'_>, left: Value, right: Value) -> Given {
    match (left, right) {
        (Value::Int(a), Value::Int(b)) => checked(a.checked_add(b), "integer", Value::Int),
        (Value::Uint(a), Value::Uint(b)) => checked(a.checked_add(b), "unsigned integer", Value::Uint),
        (Value::Double(a), Value::Double(b)) => Ok(Value::Double(a + b)),
        (Value::String(a), Value::String(b)) => {
            if a.is_empty() {
                return Ok(Value::String(b));
            }
            call.allocate(a.len() + b.len())?;
            let mut text = String::with_capacity(a.len() + b.len());
            text.push_str(&a);
            text.push_str(&b);
            Ok(Value::from(text))
        }
        (Value::Bytes(a), Value::Bytes(b)) => {
            call.allocate(a.len() + b.len())?;
            Ok(Value::bytes([&*a, &*b].concat()))
        }
        (Value::List(a), Value::List(b)) => {
            if b.is_empty() {
                return Ok(Value::List(a));
            }
            if a.is_empty() {
                return Ok(Value::List(b));
            }
            call.allocate((a.len() + b.len()) * size_of::<Value>())?;
            let mut items = match a {
                List::Values(items) => std::sync::Arc::unwrap_or_clone(items),
                view @ List::View(_) => view.to_vec()?,
            };
            for item in b.iter() {
                items.push(item?);
            }
            Ok(Value::list(items))
        }
        (Value::Duration(a), Value::Duration(b)) => checked(a.checked_add(b), "duration", Value::Duration),
        (Value::Timestamp(at), Value::Duration(by)) | (Value::Duration(by), Value::Timestamp(at)) => timestamp(later(at, by)),
        _ => Err(CelError::no_such_overload()),
    }
}

pub(crate) fn subtract(left: &Value, right: &Value) -> Given {
    match (left, right) {
        (Value::Int(a), Value::Int(b)) => checked(a.checked_sub(*b), "integer", Value::Int),
        (Value::Uint(a), Value::Uint(b)) => checked(a.checked_sub(*b), "unsigned integer", Value::Uint),
        (Value::Double(a), Value::Double(b)) => Ok(Value::Double(a - b)),
        (Value::Duration(a), Value::Duration(b)) => checked(a.checked_sub(*b), "duration", Value::Duration),
        (Value::Timestamp(at), Value::Duration(by)) => {
            let whole = i128::from(at.seconds) * 1_000_000_000 + i128::from(at.nanoseconds) - i128::from(*by);
            timestamp(time::from_nanoseconds(whole))
        }
        (Value::Timestamp(a), Value::Timestamp(b)) => {
            let whole = |at: &Timestamp| i128::from(at.seconds) * 1_000_000_000 + i128::from(at.nanoseconds);
            checked(i64::try_from(whole(a) - whole(b)).ok(), "duration", Value::Duration)
        }
        _ => Err(CelError::no_such_overload()),
    }
}

pub(crate) fn multiply(left: &Value, right: &Value) -> Given {
    match (left, right) {
        (Value::Int(a), Value::Int(b)) => checked(a.checked_mul(*b), "integer", Value::Int),
        (Value::Uint(a), Value::Uint(b)) => checked(a.checked_mul(*b), "unsigned integer", Value::Uint),
        (Value::Double(a), Value::Double(b)) => Ok(Value::Double(a * b)),
        _ => Err(CelError::no_such_overload()),
    }
}

fn by_zero(what: &str) -> CelError {
    CelError::new(crate::ErrorKind::DivideByZero, what)
}

pub(crate) fn divide(left: &Value, right: &Value) -> Given {
    match (left, right) {
        (Value::Int(_), Value::Int(0)) | (Value::Uint(_), Value::Uint(0)) => Err(by_zero("division by zero")),
        (Value::Int(a), Value::Int(b)) => checked(a.checked_div(*b), "integer", Value::Int),
        (Value::Uint(a), Value::Uint(b)) => checked(a.checked_div(*b), "unsigned integer", Value::Uint),
        (Value::Double(a), Value::Double(b)) => Ok(Value::Double(a / b)),
        _ => Err(CelError::no_such_overload()),
    }
}

pub(crate) fn modulo(left: &Value, right: &Value) -> Given {
    match (left, right) {
        (Value::Int(_), Value::Int(0)) | (Value::Uint(_), Value::Uint(0)) => Err(by_zero("modulus by zero")),
        (Value::Int(a), Value::Int(b)) => checked(a.checked_rem(*b), "integer", Value::Int),
        (Value::Uint(a), Value::Uint(b)) => checked(a.checked_rem(*b), "unsigned integer", Value::Uint),
        _ => Err(CelError::no_such_overload()),
    }
}

pub(crate) fn negate(value: &Value) -> Given {
    match value {
        Value::Int(number) => checked(number.checked_neg(), "integer", Value::Int),
        Value::Double(number) => Ok(Value::Double(-number)),
        _ => Err(CelError::no_such_overload()),
    }
}

/// The order of two values that have one; NaN has none, which is no error.
pub(crate) fn order(left: &Value, right: &Value) -> Result<Option<Ordering>, CelError> {
    let nan = |value: &Value| matches!(value, Value::Double(number) if number.is_nan());
    let number = |value: &Value| matches!(value, Value::Int(_) | Value::Uint(_) | Value::Double(_));
    match left.compare(right) {
        Some(order) => Ok(Some(order)),
        None if (nan(left) && number(right)) || (nan(right) && number(left)) => Ok(None),
        None => Err(CelError::no_such_overload()),
    }
}
