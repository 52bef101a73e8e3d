//! Lists as sets (`ext.Sets`).

use super::args::list;
use crate::{Call, CelError, Function, Library, List, Overload, Value};

/// The library.
pub static LIBRARY: Library = Library::new(
    "sets",
    &[
        Function::new(
            "sets.contains",
            &[Overload::new("list_sets_contains_list", "sets.contains(list(T), list(T)) -> bool", has_all).cost(cost_of_pairs)],
        ),
        Function::new(
            "sets.equivalent",
            &[Overload::new("list_sets_equivalent_list", "sets.equivalent(list(T), list(T)) -> bool", equivalent)
                .cost(cost_of_pairs_twice)],
        ),
        Function::new(
            "sets.intersects",
            &[Overload::new("list_sets_intersects_list", "sets.intersects(list(T), list(T)) -> bool", intersects).cost(cost_of_pairs)],
        ),
    ],
);

fn pairs(args: &[Value]) -> u64 {
    let size = |index: usize| args.get(index).map_or(0, Value::size);
    size(0).saturating_mul(size(1))
}

fn cost_of_pairs(args: &[Value], _: &Value) -> u64 {
    pairs(args).saturating_add(1)
}

fn cost_of_pairs_twice(args: &[Value], _: &Value) -> u64 {
    pairs(args).saturating_mul(2).saturating_add(1)
}

/// Whether a value is among items; unknown where an unknown item decides.
pub(super) fn contains(items: &List, wanted: &Value) -> Result<bool, CelError> {
    let mut open = None;
    for item in items.iter() {
        match item.and_then(|item| item.equals(wanted)) {
            Ok(true) => return Ok(true),
            Ok(false) => {}
            Err(error) => open = open.or(Some(error)),
        }
    }
    open.map_or(Ok(false), Err)
}

/// Whether all items of the second are among the first; one that is not decides in spite of unknowns.
fn contains_all(items: &List, wanted: &List, call: &mut Call<'_>) -> Result<bool, CelError> {
    let mut open = None;
    for item in wanted.iter() {
        call.step()?;
        match item.and_then(|item| contains(items, &item)) {
            Ok(true) => {}
            Ok(false) => return Ok(false),
            Err(error) => open = open.or(Some(error)),
        }
    }
    open.map_or(Ok(true), Err)
}

fn has_all(call: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    contains_all(list(args, 0)?, list(args, 1)?, call).map(Value::Bool)
}

fn equivalent(call: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    let (a, b) = (list(args, 0)?, list(args, 1)?);
    match (contains_all(a, b, call), contains_all(b, a, call)) {
        (Ok(false), _) | (_, Ok(false)) => Ok(false.into()),
        (Err(error), _) | (_, Err(error)) => Err(error),
        _ => Ok(true.into()),
    }
}

fn intersects(call: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    let (a, b) = (list(args, 0)?, list(args, 1)?);
    let mut open = None;
    for item in a.iter() {
        call.step()?;
        match item.and_then(|item| contains(b, &item)) {
            Ok(true) => return Ok(true.into()),
            Ok(false) => {}
            Err(error) => open = open.or(Some(error)),
        }
    }
    open.map_or(Ok(false.into()), Err)
}
