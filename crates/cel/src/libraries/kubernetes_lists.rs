//! Kubernetes' own functions of lists: sums, extremes, positions.

use std::cmp::Ordering;

use super::args::{any, cost_of_all, list};
use crate::{Call, CelError, Function, Library, Overload, Value};

/// The library (version 1, of Kubernetes 1.37).
pub static LIBRARY: Library = Library::new(
    "kubernetes.lists",
    &[
        Function::new("isSorted", IS_SORTED),
        Function::new("sum", SUM),
        Function::new("max", MAX),
        Function::new("min", MIN),
        Function::new("indexOf", &[Overload::new("list_a_index_of_int", "list(A).indexOf(A) -> int", index_of).cost(cost_of_all)]),
        Function::new(
            "lastIndexOf",
            &[Overload::new("list_a_last_index_of_int", "list(A).lastIndexOf(A) -> int", last_index_of).cost(cost_of_all)],
        ),
        INCLUDES,
    ],
);

const INCLUDES: Function =
    Function::new("includes", &[Overload::new("list_includes_dyn_dyn", "dyn.includes(dyn) -> bool", includes).cost(cost_of_all)]);

const IS_SORTED: &[Overload] = &[
    Overload::new("list_int_is_sorted_bool", "list(int).isSorted() -> bool", is_sorted).cost(cost_of_all),
    Overload::new("list_uint_is_sorted_bool", "list(uint).isSorted() -> bool", is_sorted).cost(cost_of_all),
    Overload::new("list_double_is_sorted_bool", "list(double).isSorted() -> bool", is_sorted).cost(cost_of_all),
    Overload::new("list_bool_is_sorted_bool", "list(bool).isSorted() -> bool", is_sorted).cost(cost_of_all),
    Overload::new("list_duration_is_sorted_bool", "list(duration).isSorted() -> bool", is_sorted).cost(cost_of_all),
    Overload::new("list_timestamp_is_sorted_bool", "list(timestamp).isSorted() -> bool", is_sorted).cost(cost_of_all),
    Overload::new("list_string_is_sorted_bool", "list(string).isSorted() -> bool", is_sorted).cost(cost_of_all),
    Overload::new("list_bytes_is_sorted_bool", "list(bytes).isSorted() -> bool", is_sorted).cost(cost_of_all),
];

const SUM: &[Overload] = &[
    Overload::new("list_int_sum_int", "list(int).sum() -> int", sum_int).cost(cost_of_all),
    Overload::new("list_uint_sum_uint", "list(uint).sum() -> uint", sum_uint).cost(cost_of_all),
    Overload::new("list_double_sum_double", "list(double).sum() -> double", sum_double).cost(cost_of_all),
    Overload::new("list_duration_sum_duration", "list(duration).sum() -> duration", sum_duration).cost(cost_of_all),
];

const MAX: &[Overload] = &[
    Overload::new("list_int_max_int", "list(int).max() -> int", max).cost(cost_of_all),
    Overload::new("list_uint_max_uint", "list(uint).max() -> uint", max).cost(cost_of_all),
    Overload::new("list_double_max_double", "list(double).max() -> double", max).cost(cost_of_all),
    Overload::new("list_bool_max_bool", "list(bool).max() -> bool", max).cost(cost_of_all),
    Overload::new("list_duration_max_duration", "list(duration).max() -> duration", max).cost(cost_of_all),
    Overload::new("list_timestamp_max_timestamp", "list(timestamp).max() -> timestamp", max).cost(cost_of_all),
    Overload::new("list_string_max_string", "list(string).max() -> string", max).cost(cost_of_all),
    Overload::new("list_bytes_max_bytes", "list(bytes).max() -> bytes", max).cost(cost_of_all),
];

const MIN: &[Overload] = &[
    Overload::new("list_int_min_int", "list(int).min() -> int", min).cost(cost_of_all),
    Overload::new("list_uint_min_uint", "list(uint).min() -> uint", min).cost(cost_of_all),
    Overload::new("list_double_min_double", "list(double).min() -> double", min).cost(cost_of_all),
    Overload::new("list_bool_min_bool", "list(bool).min() -> bool", min).cost(cost_of_all),
    Overload::new("list_duration_min_duration", "list(duration).min() -> duration", min).cost(cost_of_all),
    Overload::new("list_timestamp_min_timestamp", "list(timestamp).min() -> timestamp", min).cost(cost_of_all),
    Overload::new("list_string_min_string", "list(string).min() -> string", min).cost(cost_of_all),
    Overload::new("list_bytes_min_bytes", "list(bytes).min() -> bytes", min).cost(cost_of_all),
];

fn is_sorted(_: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    let mut last: Option<Value> = None;
    for item in list(args, 0)?.iter() {
        let item = item?;
        if let Some(last) = &last
            && compare(last, &item)? == Ordering::Greater
        {
            return Ok(false.into());
        }
        last = Some(item);
    }
    Ok(true.into())
}

fn compare(a: &Value, b: &Value) -> Result<Ordering, CelError> {
    match a.compare(b) {
        Some(order) => Ok(order),
        None if matches!((a, b), (Value::Double(_), _) | (_, Value::Double(_))) => Err(CelError::invalid("NaN values cannot be ordered")),
        None => Err(CelError::no_such_overload()),
    }
}

/// The sum of a list whose empty sum is `zero`. A list of values whose type is not known adds up by its items.
fn sum(args: &[Value], zero: Value) -> Result<Value, CelError> {
    let mut total: Option<Value> = None;
    for item in list(args, 0)?.iter() {
        let item = item?;
        total = Some(match total {
            None => match item {
                Value::Int(_) | Value::Uint(_) | Value::Double(_) | Value::Duration(_) => item,
                _ => return Err(CelError::no_such_overload()),
            },
            Some(total) => match (total, item) {
                (Value::Int(a), Value::Int(b)) => Value::Int(a.checked_add(b).ok_or_else(|| CelError::overflow("integer"))?),
                (Value::Uint(a), Value::Uint(b)) => Value::Uint(a.checked_add(b).ok_or_else(|| CelError::overflow("unsigned integer"))?),
                (Value::Double(a), Value::Double(b)) => Value::Double(a + b),
                (Value::Duration(a), Value::Duration(b)) => {
                    Value::Duration(a.checked_add(b).ok_or_else(|| CelError::overflow("duration"))?)
                }
                _ => return Err(CelError::no_such_overload()),
            },
        });
    }
    Ok(total.unwrap_or(zero))
}

fn sum_int(_: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    sum(args, Value::Int(0))
}

fn sum_uint(_: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    sum(args, Value::Uint(0))
}

fn sum_double(_: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    sum(args, Value::Double(0.0))
}

fn sum_duration(_: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    sum(args, Value::Duration(0))
}

fn extreme(args: &[Value], name: &str, better: Ordering) -> Result<Value, CelError> {
    let mut best: Option<Value> = None;
    for item in list(args, 0)?.iter() {
        let item = item?;
        best = Some(match best {
            Some(best) if compare(&item, &best)? != better => best,
            None if matches!(
                item,
                Value::Null | Value::List(_) | Value::Map(_) | Value::Type(_) | Value::Optional(_) | Value::Object(_) | Value::Opaque(_)
            ) =>
            {
                return Err(CelError::no_such_overload());
            }
            _ => item,
        });
    }
    best.ok_or_else(|| CelError::invalid(format!("{name} called on empty list")))
}

fn max(_: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    extreme(args, "max", Ordering::Greater)
}

fn min(_: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    extreme(args, "min", Ordering::Less)
}

/// The first position of a value in items that may be unknown: an unknown before it may be it.
fn position(items: impl Iterator<Item = (usize, Result<Value, CelError>)>, wanted: &Value) -> Result<Value, CelError> {
    for (index, item) in items {
        if item?.equals(wanted)? {
            return Ok(i64::try_from(index).unwrap_or(i64::MAX).into());
        }
    }
    Ok(Value::Int(-1))
}

fn index_of(_: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    position(list(args, 0)?.iter().enumerate(), any(args, 1)?)
}

fn last_index_of(_: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    let items: Vec<_> = list(args, 0)?.iter().enumerate().collect();
    position(items.into_iter().rev(), any(args, 1)?)
}

fn includes(_: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    let (target, wanted) = (any(args, 0)?, any(args, 1)?);
    match target {
        Value::List(items) => super::sets::contains(items, wanted).map(Value::Bool),
        other => other.equals(wanted).map(Value::Bool),
    }
}
