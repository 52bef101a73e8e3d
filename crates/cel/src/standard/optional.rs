//! Functions of optional values.

use std::sync::Arc;

use crate::{Call, CelError, Value};

type Given = Result<Value, CelError>;

fn held(args: &[Value]) -> Result<Option<&Arc<Value>>, CelError> {
    match args.first() {
        Some(Value::Optional(held)) => Ok(held.as_ref()),
        _ => Err(CelError::no_such_overload()),
    }
}

pub(super) fn of(_: &mut Call<'_>, args: &[Value]) -> Given {
    args.first().cloned().map(Value::some).ok_or_else(CelError::no_such_overload)
}

/// Whether a value is what a field has when nobody sets it.
fn is_zero(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) | Value::Int(0) | Value::Uint(0) | Value::Duration(0) | Value::Optional(None) => true,
        Value::Double(number) => *number == 0.0,
        Value::String(text) => text.is_empty(),
        Value::Bytes(bytes) => bytes.is_empty(),
        Value::List(list) => list.is_empty(),
        Value::Map(map) => map.is_empty(),
        Value::Object(object) => object.fields.is_empty(),
        Value::Timestamp(at) => at.seconds == -62_135_596_800 && at.nanoseconds == 0,
        _ => false,
    }
}

pub(super) fn of_non_zero(_: &mut Call<'_>, args: &[Value]) -> Given {
    let value = args.first().ok_or_else(CelError::no_such_overload)?;
    Ok(if is_zero(value) { Value::none() } else { Value::some(value.clone()) })
}

pub(super) fn none(_: &mut Call<'_>, _: &[Value]) -> Given {
    Ok(Value::none())
}

pub(super) fn value(_: &mut Call<'_>, args: &[Value]) -> Given {
    held(args)?.map(|value| value.as_ref().clone()).ok_or_else(|| CelError::invalid("optional.none() dereference"))
}

pub(super) fn has_value(_: &mut Call<'_>, args: &[Value]) -> Given {
    held(args).map(|held| Value::Bool(held.is_some()))
}

pub(super) fn or(_: &mut Call<'_>, args: &[Value]) -> Given {
    match (held(args)?, args) {
        (Some(_), [first, ..]) => Ok(first.clone()),
        (None, [_, other @ Value::Optional(_)]) => Ok(other.clone()),
        _ => Err(CelError::no_such_overload()),
    }
}

pub(super) fn or_value(_: &mut Call<'_>, args: &[Value]) -> Given {
    match (held(args)?, args) {
        (Some(value), _) => Ok(value.as_ref().clone()),
        (None, [_, other]) => Ok(other.clone()),
        _ => Err(CelError::no_such_overload()),
    }
}

pub(super) fn unwrap(_: &mut Call<'_>, args: &[Value]) -> Given {
    let list = args.first().and_then(Value::as_list).ok_or_else(CelError::no_such_overload)?;
    let mut found = Vec::new();
    for item in list.iter() {
        match item? {
            Value::Optional(Some(value)) => found.push(value.as_ref().clone()),
            Value::Optional(None) => {}
            _ => return Err(CelError::no_such_overload()),
        }
    }
    Ok(Value::list(found))
}

pub(super) fn first(_: &mut Call<'_>, args: &[Value]) -> Given {
    let list = args.first().and_then(Value::as_list).ok_or_else(CelError::no_such_overload)?;
    Ok(list.get(0)?.map_or(Value::none(), Value::some))
}

pub(super) fn last(_: &mut Call<'_>, args: &[Value]) -> Given {
    let list = args.first().and_then(Value::as_list).ok_or_else(CelError::no_such_overload)?;
    Ok(match list.len().checked_sub(1) {
        Some(at) => list.get(at)?.map_or(Value::none(), Value::some),
        None => Value::none(),
    })
}
