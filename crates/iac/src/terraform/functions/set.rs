//! Functions over sets, and sets themselves: lists without repeats, sorted as Terraform sorts them (numbers by size, text by bytes).

use std::cmp::Ordering;

use probity_value::{Data, Value};

use super::support::{Call, MAX_ITEMS, Stop, equal, unify};
use super::{ANY, Function};

pub(super) fn find(name: &str) -> Option<Function> {
    Some(match name {
        "distinct" => Function::open(1, 1, distinct),
        "setintersection" => Function::open(1, ANY, |call| keep(call, true)),
        "setproduct" => Function::open(2, ANY, product),
        "setsubtract" => Function::open(2, 2, |call| keep(call, false)),
        "setunion" => Function::open(1, ANY, union),
        _ => return None,
    })
}

/// What a repeat is found by: scalars by their text, all else by comparison.
fn scalar_key(value: &Value) -> Option<(u8, String)> {
    match &value.data {
        Data::String(text) => Some((2, text.to_string())),
        Data::Number(number) => Some((1, number.to_string())),
        Data::Bool(value) => Some((0, value.to_string())),
        _ => None,
    }
}

/// The items without repeats, the first of each kept. Unknown items stay: whether they repeat another cannot be told.
fn without_repeats(call: &Call<'_>, items: Vec<Value>) -> Result<Vec<Value>, Stop> {
    let mut seen = std::collections::HashSet::new();
    let mut others: Vec<Value> = Vec::new();
    let mut out = Vec::with_capacity(items.len());
    for item in items {
        call.spend(1)?;
        let new = match scalar_key(&item) {
            Some(key) => seen.insert(key),
            None => {
                call.spend(others.len() as u64)?;
                let new = !others.iter().any(|other| equal(other, &item) == Some(true));
                if new {
                    others.push(item.clone());
                }
                new
            }
        };
        if new {
            out.push(item);
        }
    }
    Ok(out)
}

/// A set of these items.
pub(super) fn from_items(call: &Call<'_>, items: Vec<Value>) -> Result<Vec<Value>, Stop> {
    let mut items = without_repeats(call, items)?;
    items.sort_by(order);
    Ok(items)
}

fn order(a: &Value, b: &Value) -> Ordering {
    let rank = |value: &Value| match value.data {
        Data::Bool(_) => 0,
        Data::Number(_) => 1,
        Data::String(_) => 2,
        _ => 3,
    };
    match (&a.data, &b.data) {
        (Data::Bool(a), Data::Bool(b)) => a.cmp(b),
        (Data::Number(a), Data::Number(b)) => a.partial_cmp(b).unwrap_or(Ordering::Equal),
        (Data::String(a), Data::String(b)) => a.cmp(b),
        _ => rank(a).cmp(&rank(b)),
    }
}

fn distinct(call: &Call<'_>) -> Result<Value, Stop> {
    let items = unify(call.list(0)?);
    Ok(call.list_value(without_repeats(call, items)?))
}

fn union(call: &Call<'_>) -> Result<Value, Stop> {
    let mut all = Vec::new();
    for index in 0..call.args.len() {
        let items = call.list(index)?;
        call.room_for_items(items.len().saturating_add(all.len()).min(MAX_ITEMS + 1))?;
        all.extend_from_slice(items);
    }
    let items = from_items(call, unify(&all))?;
    Ok(call.list_value(items))
}

/// The items of the first set that are (or are not) in all the others.
fn keep(call: &Call<'_>, inside: bool) -> Result<Value, Stop> {
    let mut lists: Vec<&[Value]> = Vec::new();
    for index in 0..call.args.len() {
        lists.push(call.list(index)?);
    }
    let all: Vec<Value> = unify(&lists.concat());
    let mut rest = all.as_slice();
    let mut unified: Vec<&[Value]> = Vec::new();
    for list in &lists {
        let (head, tail) = rest.split_at_checked(list.len()).unwrap_or((rest, &[]));
        unified.push(head);
        rest = tail;
    }
    let Some((first, others)) = unified.split_first() else { return Ok(call.list_value(Vec::new())) };
    let mut out = Vec::new();
    for item in *first {
        let mut keeps = true;
        for other in others {
            call.spend(other.len() as u64 + 1)?;
            let mut found = Some(false);
            for candidate in *other {
                match equal(item, candidate) {
                    Some(true) => {
                        found = Some(true);
                        break;
                    }
                    Some(false) => {}
                    None => found = None,
                }
            }
            match found {
                Some(found) if found != inside => keeps = false,
                Some(_) => {}
                None => {
                    // Whether the item is in the other set hangs on an unknown.
                    for index in 0..call.args.len() {
                        call.wholly_known(index)?;
                    }
                }
            }
        }
        if keeps {
            out.push(item.clone());
        }
    }
    let items = from_items(call, out)?;
    Ok(call.list_value(items))
}

fn product(call: &Call<'_>) -> Result<Value, Stop> {
    let mut lists: Vec<Vec<Value>> = Vec::new();
    let mut total = 1_usize;
    for index in 0..call.args.len() {
        let items = unify(call.list(index)?);
        total = total.saturating_mul(items.len());
        lists.push(items);
    }
    call.room_for_items(total.saturating_mul(lists.len()))?;
    let mut rows: Vec<Vec<Value>> = vec![Vec::new()];
    for list in &lists {
        rows = rows
            .iter()
            .flat_map(|row| list.iter().map(move |item| row.iter().cloned().chain(std::iter::once(item.clone())).collect()))
            .collect();
    }
    let span = call.cx.span;
    Ok(call.list_value(rows.into_iter().map(|row| Value::list(row, span)).collect()))
}
