//! What functions of the libraries share: taking arguments apart, and reckoning costs as the API server does.

use crate::value::Opaque;
use crate::{CelError, List, Map, Value};

fn taken<'a, T>(args: &'a [Value], index: usize, take: fn(&'a Value) -> Option<T>) -> Result<T, CelError> {
    args.get(index).and_then(take).ok_or_else(CelError::no_such_overload)
}

pub(super) fn any(args: &[Value], index: usize) -> Result<&Value, CelError> {
    args.get(index).ok_or_else(CelError::no_such_overload)
}

pub(super) fn text(args: &[Value], index: usize) -> Result<&str, CelError> {
    taken(args, index, Value::as_str)
}

pub(super) fn int(args: &[Value], index: usize) -> Result<i64, CelError> {
    taken(args, index, Value::as_int)
}

pub(super) fn double(args: &[Value], index: usize) -> Result<f64, CelError> {
    taken(args, index, Value::as_double)
}

pub(super) fn bool(args: &[Value], index: usize) -> Result<bool, CelError> {
    taken(args, index, Value::as_bool)
}

pub(super) fn bytes(args: &[Value], index: usize) -> Result<&[u8], CelError> {
    taken(args, index, Value::as_bytes)
}

pub(super) fn list(args: &[Value], index: usize) -> Result<&List, CelError> {
    taken(args, index, Value::as_list)
}

pub(super) fn map(args: &[Value], index: usize) -> Result<&Map, CelError> {
    taken(args, index, Value::as_map)
}

pub(super) fn opaque<T: Opaque>(args: &[Value], index: usize) -> Result<&T, CelError> {
    taken(args, index, Value::downcast::<T>)
}

/// A list of texts.
pub(super) fn texts<T: Into<Value>>(items: impl IntoIterator<Item = T>) -> Value {
    Value::list(items.into_iter().map(Into::into).collect())
}

/// What going over so many characters costs.
pub(super) fn traversal(size: u64) -> u64 {
    times(size, 1)
}

/// What going over so many characters so many times costs: a tenth each, rounded up.
pub(super) fn times(size: u64, times: u64) -> u64 {
    size.saturating_mul(times).div_ceil(10)
}

fn size_of(args: &[Value], index: usize) -> u64 {
    args.get(index).map_or(0, Value::size)
}

/// The cost of going over the first argument.
pub(super) fn cost_of_text(args: &[Value], _: &Value) -> u64 {
    traversal(size_of(args, 0))
}

/// The cost of going over the first argument and making something of that size.
pub(super) fn cost_of_text_twice(args: &[Value], _: &Value) -> u64 {
    times(size_of(args, 0), 2)
}

/// The cost of a regular expression: the second argument against the first.
pub(super) fn cost_of_pattern(args: &[Value], _: &Value) -> u64 {
    traversal(size_of(args, 0) + 1).saturating_mul(size_of(args, 1).div_ceil(4))
}

/// The cost of looking at everything in the first argument, down to the last.
pub(super) fn cost_of_all(args: &[Value], _: &Value) -> u64 {
    args.first().map_or(0, all)
}

fn all(value: &Value) -> u64 {
    match value {
        Value::String(text) => text.len() as u64 / 10,
        Value::Bytes(bytes) => bytes.len() as u64 / 10,
        Value::List(list) => list.iter().map(|item| item.map_or(1, |item| all(&item))).sum(),
        Value::Map(map) => map.entries().iter().map(|(key, value)| all(key) + value.as_ref().map_or(1, all)).sum(),
        _ => 1,
    }
}
