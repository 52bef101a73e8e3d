//! Lists (`ext.Lists`, version 3): slices, flattening, sorting, ranges.

use std::cmp::Ordering;

use super::args::{int, list};
use crate::ast::{Comprehension, Expr, ExprKind};
use crate::library::{Expanded, MacroError};
use crate::macros::Expander;
use crate::{Call, CelError, Function, Library, List, Macro, Overload, Value};

/// The library.
pub static LIBRARY: Library = Library::new(
    "lists",
    &[
        Function::new("slice", &[Overload::new("list_slice", "list(T).slice(int, int) -> list(T)", slice).cost(cost_of_result)]),
        Function::new(
            "flatten",
            &[
                Overload::new("list_flatten", "list(list(T)).flatten() -> list(T)", flatten).cost(cost_of_flatten).unguarded(),
                Overload::new("list_flatten_int", "list(dyn).flatten(int) -> list(dyn)", flatten).cost(cost_of_flatten).unguarded(),
            ],
        ),
        Function::new("sort", SORT),
        Function::new("@sortByAssociatedKeys", SORT_BY),
        Function::new("lists.range", &[Overload::new("lists_range", "lists.range(int) -> list(int)", range).cost(cost_of_result)]),
        Function::new("reverse", &[Overload::new("list_reverse", "list(T).reverse() -> list(T)", reverse).cost(cost_of_result)]),
        Function::new("distinct", &[Overload::new("list_distinct", "list(T).distinct() -> list(T)", distinct).cost(cost_of_comparing)]),
    ],
)
.with_macros(&[Macro { name: "sortBy", receiver: true, arguments: Some(2), expand: sort_by }]);

const SORT: &[Overload] = &[
    Overload::new("list_int_sort", "list(int).sort() -> list(int)", sort).cost(cost_of_comparing),
    Overload::new("list_uint_sort", "list(uint).sort() -> list(uint)", sort).cost(cost_of_comparing),
    Overload::new("list_double_sort", "list(double).sort() -> list(double)", sort).cost(cost_of_comparing),
    Overload::new("list_bool_sort", "list(bool).sort() -> list(bool)", sort).cost(cost_of_comparing),
    Overload::new("list_duration_sort", "list(duration).sort() -> list(duration)", sort).cost(cost_of_comparing),
    Overload::new("list_timestamp_sort", "list(timestamp).sort() -> list(timestamp)", sort).cost(cost_of_comparing),
    Overload::new("list_string_sort", "list(string).sort() -> list(string)", sort).cost(cost_of_comparing),
    Overload::new("list_bytes_sort", "list(bytes).sort() -> list(bytes)", sort).cost(cost_of_comparing),
];

const SORT_BY: &[Overload] = &[
    Overload::new("list_int_sortByAssociatedKeys", "list(T).@sortByAssociatedKeys(list(int)) -> list(T)", sort_by_keys).cost(cost_of_keys),
    Overload::new("list_uint_sortByAssociatedKeys", "list(T).@sortByAssociatedKeys(list(uint)) -> list(T)", sort_by_keys)
        .cost(cost_of_keys),
    Overload::new("list_double_sortByAssociatedKeys", "list(T).@sortByAssociatedKeys(list(double)) -> list(T)", sort_by_keys)
        .cost(cost_of_keys),
    Overload::new("list_bool_sortByAssociatedKeys", "list(T).@sortByAssociatedKeys(list(bool)) -> list(T)", sort_by_keys)
        .cost(cost_of_keys),
    Overload::new("list_duration_sortByAssociatedKeys", "list(T).@sortByAssociatedKeys(list(duration)) -> list(T)", sort_by_keys)
        .cost(cost_of_keys),
    Overload::new("list_timestamp_sortByAssociatedKeys", "list(T).@sortByAssociatedKeys(list(timestamp)) -> list(T)", sort_by_keys)
        .cost(cost_of_keys),
    Overload::new("list_string_sortByAssociatedKeys", "list(T).@sortByAssociatedKeys(list(string)) -> list(T)", sort_by_keys)
        .cost(cost_of_keys),
    Overload::new("list_bytes_sortByAssociatedKeys", "list(T).@sortByAssociatedKeys(list(bytes)) -> list(T)", sort_by_keys)
        .cost(cost_of_keys),
];

/// A list may have this many items at most.
const MOST: i64 = 1_000_000;

fn allocating(size: u64) -> u64 {
    size.saturating_add(11)
}

fn cost_of_result(_: &[Value], result: &Value) -> u64 {
    allocating(result.size())
}

fn cost_of_flatten(args: &[Value], _: &Value) -> u64 {
    let depth = args.get(1).and_then(Value::as_int).map_or(1, |depth| u64::try_from(depth).unwrap_or(1));
    allocating(args.first().map_or(0, Value::size).saturating_mul(depth))
}

fn cost_of_comparing(args: &[Value], _: &Value) -> u64 {
    args.first().map_or(11, comparing)
}

fn cost_of_keys(args: &[Value], _: &Value) -> u64 {
    args.get(1).map_or(11, comparing)
}

/// Every item with every other; texts and bytes cost a tenth more.
fn comparing(value: &Value) -> u64 {
    let pairs = value.size().saturating_mul(value.size());
    let first = value.as_list().and_then(|items| items.get(0).ok().flatten());
    match first {
        Some(Value::String(_) | Value::Bytes(_)) => allocating(pairs.saturating_mul(21) / 10),
        _ => allocating(pairs.saturating_mul(2)),
    }
}

fn slice(_: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    let (items, start, end) = (list(args, 0)?, int(args, 1)?, int(args, 2)?);
    let length = i64::try_from(items.len()).unwrap_or(i64::MAX);
    if start < 0 || end < 0 {
        return Err(CelError::invalid(format!("cannot slice({start}, {end}), negative indexes not supported")));
    }
    if start > end {
        return Err(CelError::invalid(format!("cannot slice({start}, {end}), start index must be less than or equal to end index")));
    }
    if length < end {
        return Err(CelError::invalid(format!("cannot slice({start}, {end}), list is length {length}")));
    }
    let (from, count) = (usize::try_from(start).unwrap_or_default(), usize::try_from(end - start).unwrap_or_default());
    Ok(Value::list(items.iter().skip(from).take(count).collect::<Result<_, _>>()?))
}

fn flatten(call: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    let depth = if args.len() > 1 { int(args, 1)? } else { 1 };
    if depth < 0 {
        return Err(CelError::invalid("level must be non-negative"));
    }
    let mut out = Vec::new();
    flatten_into(list(args, 0)?, depth, &mut out, call)?;
    Ok(Value::list(out))
}

fn flatten_into(items: &List, depth: i64, out: &mut Vec<Value>, call: &mut Call<'_>) -> Result<(), CelError> {
    for item in items.iter() {
        call.step()?;
        match item? {
            Value::List(inner) if depth > 0 => flatten_into(&inner, depth - 1, out, call)?,
            item => {
                call.allocate(size_of::<Value>())?;
                out.push(item);
            }
        }
    }
    Ok(())
}

fn sort(_: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    let items = list(args, 0)?.to_vec()?;
    sorted(items.clone(), items)
}

fn sort_by_keys(_: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    sorted(list(args, 0)?.to_vec()?, list(args, 1)?.to_vec()?)
}

fn sorted(items: Vec<Value>, keys: Vec<Value>) -> Result<Value, CelError> {
    if items.len() != keys.len() {
        return Err(CelError::invalid(format!(
            "@sortByAssociatedKeys() expected a list of the same size as the associated keys list, but got {} and {} elements respectively",
            items.len(),
            keys.len()
        )));
    }
    if let Some(first) = keys.first() {
        if matches!(
            first,
            Value::Null | Value::List(_) | Value::Map(_) | Value::Type(_) | Value::Optional(_) | Value::Object(_) | Value::Opaque(_)
        ) {
            return Err(CelError::invalid("list elements must be comparable"));
        }
        let kind = std::mem::discriminant(first);
        if keys.iter().any(|key| std::mem::discriminant(key) != kind) {
            return Err(CelError::invalid("list elements must have the same type"));
        }
    }
    let mut pairs: Vec<(Value, Value)> = keys.into_iter().zip(items).collect();
    // What has no order (NaN) stays where it is.
    pairs.sort_by(|a, b| a.0.compare(&b.0).unwrap_or(Ordering::Equal));
    Ok(Value::list(pairs.into_iter().map(|(_, item)| item).collect()))
}

fn range(call: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    let size = int(args, 0)?;
    if size < 0 {
        return Err(CelError::invalid(format!("lists.range: size must be non-negative, got {size}")));
    }
    if size > MOST {
        return Err(CelError::limit(format!("lists.range: size {size} exceeds maximum allowed ({MOST})")));
    }
    call.allocate(usize::try_from(size).unwrap_or_default().saturating_mul(size_of::<Value>()))?;
    Ok(Value::list((0..size).map(Value::Int).collect()))
}

fn reverse(_: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    let mut items = list(args, 0)?.to_vec()?;
    items.reverse();
    Ok(Value::list(items))
}

fn distinct(call: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    let mut out: Vec<Value> = Vec::new();
    'items: for item in list(args, 0)?.iter() {
        let item = item?;
        for known in &out {
            call.step()?;
            if item.equals(known)? {
                continue 'items;
            }
        }
        out.push(item);
    }
    Ok(Value::list(out))
}

/// `list.sortBy(item, key)`.
fn sort_by(expander: &mut Expander<'_>, target: Option<Expr>, args: Vec<Expr>) -> Result<Expanded, MacroError> {
    const INPUT: &str = "@__sortBy_input__";
    let Some(target) = target else { return Err(expander.error(expander.at(), "macro needs a receiver")) };
    if !matches!(
        target.kind,
        ExprKind::List(_) | ExprKind::Select { .. } | ExprKind::Ident(_) | ExprKind::Comprehension(_) | ExprKind::Call { .. }
    ) {
        return Err(expander.error(target.at, "sortBy can only be applied to a list, identifier, comprehension, call or select expression"));
    }
    let mut args = args.into_iter();
    let (Some(name), Some(key), None) = (args.next(), args.next(), args.next()) else {
        return Err(expander.error(expander.at(), "sortBy() takes two arguments"));
    };
    let variable = expander.variable(&name)?;
    let (range, init, condition) = (expander.ident(INPUT), expander.list(Vec::new()), expander.literal(true));
    let (current, one) = (expander.ident(crate::ast::RESULT), expander.list(vec![key]));
    let step = expander.call(crate::ast::operator::ADD, vec![current, one]);
    let result = expander.ident(crate::ast::RESULT);
    let accumulator = crate::ast::RESULT.into();
    let keys = expander.comprehension(Comprehension { range, variable, second: None, accumulator, init, condition, step, result });
    let input = expander.ident(INPUT);
    let call = expander.member(input, "@sortByAssociatedKeys", vec![keys]);
    Ok(Expanded::To(expander.bind(INPUT.into(), target, call)))
}
