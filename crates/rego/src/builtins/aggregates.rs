//! What is said of all items of a collection.

use crate::builtins::arithmetic::{product_of, sum_of};
use crate::builtins::operands::{items, operand, wrong_element, wrong_type};
use crate::builtins::{Answer, Context, Failure};
use crate::number::Number;
use crate::term::Term;

/// Number of items, entries or characters.
pub(super) fn count(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let given = operand(arguments, 0)?;
    match given.size() {
        Some(size) => Ok(Number::from_usize(size).into()),
        None => Err(wrong_type(0, given, &["array", "object", "set", "string"])),
    }
}

fn fold(arguments: &[Term], start: i64, step: fn(&Number, &Number) -> Result<Number, Failure>) -> Answer {
    let given = operand(arguments, 0)?;
    let items = items(given).ok_or_else(|| wrong_type(0, given, &["set", "array"]))?;
    let mut total = Number::Int(start);
    for item in &items {
        let Term::Number(number) = item else { return Err(wrong_element(0, given, item, &["number"])) };
        total = step(&total, number)?;
    }
    Ok(total.into())
}

/// The sum of numbers.
pub(super) fn sum(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
    fold(arguments, 0, sum_of)
}

/// The product of numbers.
pub(super) fn product(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
    fold(arguments, 1, product_of)
}

/// The greatest item.
pub(super) fn max(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let given = operand(arguments, 0)?;
    items(given).ok_or_else(|| wrong_type(0, given, &["set", "array"]))?.into_iter().max().ok_or(Failure::Undefined)
}

/// The least item; of equal ones the last.
pub(super) fn min(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let given = operand(arguments, 0)?;
    items(given).ok_or_else(|| wrong_type(0, given, &["set", "array"]))?.into_iter().rev().min().ok_or(Failure::Undefined)
}

/// The items in order.
pub(super) fn sort(context: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let given = operand(arguments, 0)?;
    let mut items = items(given).ok_or_else(|| wrong_type(0, given, &["set", "array"]))?;
    context.spend(items.len() * std::mem::size_of::<Term>())?;
    items.sort();
    Ok(Term::array(items))
}

/// Whether all items are true.
pub(super) fn all(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let given = operand(arguments, 0)?;
    let items = items(given).ok_or_else(|| wrong_type(0, given, &["array", "set"]))?;
    Ok(Term::Bool(items.iter().all(|item| *item == Term::Bool(true))))
}

/// Whether an item is true.
pub(super) fn any(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let given = operand(arguments, 0)?;
    let items = items(given).ok_or_else(|| wrong_type(0, given, &["array", "set"]))?;
    Ok(Term::Bool(items.contains(&Term::Bool(true))))
}

/// `x in xs`
pub(super) fn member(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let (item, collection) = (operand(arguments, 0)?, operand(arguments, 1)?);
    let found = match collection {
        Term::Set(set) => set.contains(item),
        Term::Array(items) => items.contains(item),
        _ => match (collection.as_array(), collection.as_object()) {
            (Some(array), _) => array.iter().any(|other| other == *item),
            (_, Some(object)) => object.iter().any(|(_, value)| value == *item),
            _ => false,
        },
    };
    Ok(Term::Bool(found))
}

/// `k, x in xs`
pub(super) fn member_with_key(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let (key, item, collection) = (operand(arguments, 0)?, operand(arguments, 1)?, operand(arguments, 2)?);
    Ok(Term::Bool(match collection {
        Term::Set(set) => key == item && set.contains(item),
        _ => collection.get(key).is_some_and(|found| found == *item),
    }))
}

#[cfg(test)]
mod tests {
    use crate::builtins::tests::check;

    #[test]
    fn aggregates() {
        check("count", r#"["né"]"#, "2");
        check("count", r#"[{"a": 1}]"#, "1");
        check("count", "[1]", "eval_type_error: count: operand 1 must be one of {array, object, set, string} but got number");
        check("sum", "[[1, 2, 3.5]]", "6.5");
        check("sum", "[[]]", "0");
        check("sum", r#"[{"$set": [9223372036854775807, 1]}]"#, "9223372036854775808");
        check("sum", r#"[[1, "a"]]"#, "eval_type_error: sum: operand 1 must be array of numbers but got array containing string");
        check("product", "[[2, 3, 0.5]]", "3");
        check("max", "[[1, 3, 2]]", "3");
        check("max", "[[]]", "undefined");
        check("max", r#"[[1, 1.0]]"#, "1.0");
        check("min", r#"[{"$set": ["a", 1]}]"#, "1");
        check("sort", r#"[[3, "a", 1, null]]"#, r#"[null, 1, 3, "a"]"#);
        check("all", "[[true, true]]", "true");
        check("any", "[[false, true]]", "true");
        check("any", "[[]]", "false");
        check("internal.member_2", r#"[1, {"a": 1}]"#, "true");
        check("internal.member_2", r#"[1, "x"]"#, "false");
        check("internal.member_3", r#"["a", 1, {"a": 1}]"#, "true");
        check("internal.member_3", r#"[0, 1, [1]]"#, "true");
        check("internal.member_3", r#"[1, 1, {"$set": [1]}]"#, "true");
    }
}
