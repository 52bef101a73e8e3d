//! Objects.

use crate::builtins::operands::{array, items, object, operand, wrong_element, wrong_type};
use crate::builtins::{Answer, Context, Failure};
use crate::term::{ArrayRef, Object, ObjectRef, Set, Term};

fn spend(context: &mut Context<'_>, entries: usize) -> Result<(), Failure> {
    context.spend(entries.saturating_mul(2 * std::mem::size_of::<Term>()))
}

/// The value under a key or at a path, or another value.
pub(super) fn get(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let given = operand(arguments, 0)?;
    let object = object(arguments, 0)?;
    let (key, default) = (operand(arguments, 1)?, operand(arguments, 2)?);
    let Some(path) = key.as_array() else { return Ok(object.get(key).unwrap_or_else(|| default.clone())) };
    let mut at = given.clone();
    for step in path.iter() {
        match at.get(&step) {
            Some(next) => at = next,
            None => return Ok(default.clone()),
        }
    }
    Ok(at)
}

/// The keys.
pub(super) fn keys(context: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let object = object(arguments, 0)?;
    spend(context, object.len())?;
    Ok(Term::set(object.keys().collect()))
}

/// The keys named by a list, a set, or the keys of an object.
fn named_keys(arguments: &[Term]) -> Result<Set, Failure> {
    let given = operand(arguments, 1)?;
    match (items(given), given.as_object()) {
        (Some(items), _) => Ok(Set::from_items(items)),
        (None, Some(object)) => Ok(Set::from_items(object.keys().collect())),
        (None, None) => Err(wrong_type(1, given, &["object", "set", "array"])),
    }
}

/// The object without some keys.
pub(super) fn remove(context: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let object = object(arguments, 0)?;
    let keys = named_keys(arguments)?;
    spend(context, object.len())?;
    Ok(Term::object(object.iter().filter(|(key, _)| !keys.contains(key)).collect()))
}

/// The object with some keys only.
pub(super) fn filter(context: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let object = object(arguments, 0)?;
    let keys = named_keys(arguments)?;
    spend(context, object.len())?;
    Ok(Term::object(object.iter().filter(|(key, _)| keys.contains(key)).collect()))
}

/// Both objects in one; the second wins, and objects under the same key are united.
pub(super) fn union(context: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let (a, b) = (object(arguments, 0)?, object(arguments, 1)?);
    united(context, a, b)
}

fn united(context: &mut Context<'_>, a: ObjectRef<'_>, b: ObjectRef<'_>) -> Answer {
    spend(context, a.len() + b.len())?;
    let mut entries = Vec::with_capacity(a.len() + b.len());
    for (key, value) in a.iter() {
        match b.get(&key) {
            None => entries.push((key, value)),
            Some(other) => {
                let merged = match (value.as_object(), other.as_object()) {
                    (Some(inner), Some(over)) => united(context, inner, over)?,
                    _ => other,
                };
                entries.push((key, merged));
            }
        }
    }
    entries.extend(b.iter().filter(|(key, _)| a.get(key).is_none()));
    Ok(Term::object(entries))
}

/// All objects of a list in one; later ones win.
pub(super) fn union_n(context: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let given = operand(arguments, 0)?;
    let mut out = Term::empty_object();
    for item in array(arguments, 0)?.iter() {
        let Some(next) = item.as_object() else { return Err(wrong_element(0, given, &item, &["object"])) };
        if let Some(before) = out.as_object() {
            out = united(context, before, next)?;
        }
    }
    Ok(out)
}

/// Whether one collection is a part of another.
pub(super) fn subset(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let (whole, part) = (operand(arguments, 0)?, operand(arguments, 1)?);
    if let (Some(whole), Some(part)) = (whole.as_object(), part.as_object()) {
        return Ok(Term::Bool(object_within(whole, part)));
    }
    match (whole, part) {
        (Term::Set(whole), Term::Set(part)) => return Ok(Term::Bool(set_within(whole, part))),
        (_, Term::Set(part)) if let Some(whole) = whole.as_array() => {
            // As upstream does it: an item that stands there twice counts twice, and an empty list has no part.
            let found = whole.iter().filter(|item| part.contains(item)).count();
            return Ok(Term::Bool(!whole.is_empty() && found >= part.len()));
        }
        _ => {}
    }
    match (whole.as_array(), part.as_array()) {
        (Some(whole), Some(part)) => Ok(Term::Bool(array_within(whole, part))),
        _ => Err(Failure::Operand("both arguments object.subset must be of the same type or array and set".to_owned())),
    }
}

fn set_within(whole: &Set, part: &Set) -> bool {
    part.iter().all(|item| whole.contains(item))
}

fn object_within(whole: ObjectRef<'_>, part: ObjectRef<'_>) -> bool {
    part.iter().all(|(key, value)| {
        let Some(other) = whole.get(&key) else { return false };
        if other == value {
            return true;
        }
        if let (Some(whole), Some(part)) = (other.as_object(), value.as_object()) {
            return object_within(whole, part);
        }
        if let (Term::Set(whole), Term::Set(part)) = (&other, &value) {
            return set_within(whole, part);
        }
        matches!((other.as_array(), value.as_array()), (Some(whole), Some(part)) if array_within(whole, part))
    })
}

/// Whether a list stands in another without gaps.
fn array_within(whole: ArrayRef<'_>, part: ArrayRef<'_>) -> bool {
    if part.is_empty() {
        return true;
    }
    let (whole, part) = (whole.to_vec(), part.to_vec());
    whole.windows(part.len()).any(|window| window == part.as_slice())
}

/// A part of a value: of an object the keys of `tree`, of the parts the same again, until `tree` says null.
pub(super) fn filtered(value: &Term, tree: &Object) -> Term {
    fn inner(value: &Term, tree: &Term) -> Term {
        match tree {
            Term::Object(tree) => filtered(value, tree),
            _ => value.clone(),
        }
    }
    if let Some(object) = value.as_object() {
        let entries = object.iter().filter_map(|(key, value)| tree.get(&key).map(|tree| (key, inner(&value, tree))));
        return Term::object(entries.collect());
    }
    if let Some(array) = value.as_array() {
        // Items are named by their numbers as text.
        let entries = array.iter().enumerate().filter_map(|(at, value)| tree.get_str(&at.to_string()).map(|tree| inner(&value, tree)));
        return Term::array(entries.collect());
    }
    if let Term::Set(set) = value {
        return Term::set(set.iter().filter_map(|item| tree.get(item).map(|tree| inner(item, tree))).collect());
    }
    value.clone()
}

#[cfg(test)]
mod tests {
    use crate::builtins::tests::check;

    #[test]
    fn parts() {
        check("object.get", r#"[{"a": {"b": [1]}}, "a", 0]"#, r#"{"b": [1]}"#);
        check("object.get", r#"[{"a": {"b": [1]}}, ["a", "b", 0], 0]"#, "1");
        check("object.get", r#"[{"a": {"b": [1]}}, ["a", "c"], "none"]"#, r#""none""#);
        check("object.get", r#"[{"a": 1}, [], 0]"#, r#"{"a": 1}"#);
        check("object.get", r#"[[], "a", 0]"#, "eval_type_error: object.get: operand 1 must be object but got array");
        check("object.keys", r#"[{"b": 1, "a": 2}]"#, r#"{"a", "b"}"#);
        check("object.remove", r#"[{"a": 1, "b": 2}, ["a"]]"#, r#"{"b": 2}"#);
        check("object.remove", r#"[{"a": 1, "b": 2}, {"b": 0}]"#, r#"{"a": 1}"#);
        check("object.filter", r#"[{"a": 1, "b": 2}, {"$set": ["a", "x"]}]"#, r#"{"a": 1}"#);
        check(
            "object.filter",
            r#"[{"a": 1}, "a"]"#,
            "eval_type_error: object.filter: operand 2 must be one of {object, set, array} but got string",
        );
    }

    #[test]
    fn unions() {
        check("object.union", r#"[{"a": {"b": 1}, "c": 1}, {"a": {"d": 2}, "c": {"x": 1}}]"#, r#"{"a": {"b": 1, "d": 2}, "c": {"x": 1}}"#);
        check("object.union_n", r#"[[{"a": {"b": 1}}, {"a": 1}, {"a": {"d": 1}}]]"#, r#"{"a": {"d": 1}}"#);
        check("object.union_n", "[[]]", "{}");
        check(
            "object.union_n",
            "[[1]]",
            "eval_type_error: object.union_n: operand 1 must be array of objects but got array containing number",
        );
    }

    #[test]
    fn subsets() {
        check("object.subset", r#"[{"a": {"b": [1, 2, 3], "c": {"$set": [1, 2]}}}, {"a": {"b": [2, 3], "c": {"$set": [1]}}}]"#, "true");
        check("object.subset", r#"[{"a": 1}, {"a": 2}]"#, "false");
        check("object.subset", r#"[[1, 2, 3], [1, 3]]"#, "false");
        check("object.subset", r#"[[1, 2, 3], {"$set": [3, 1]}]"#, "true");
        check("object.subset", r#"[[1, 2, 3], {"$set": [3, 4]}]"#, "false");
        check("object.subset", r#"[{"$set": [1]}, {"$set": []}]"#, "true");
        check(
            "object.subset",
            r#"[{"$set": [1]}, [1]]"#,
            "eval_type_error: object.subset: both arguments object.subset must be of the same type or array and set",
        );
    }
}
