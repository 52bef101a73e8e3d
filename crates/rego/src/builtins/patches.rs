//! Parts of JSON documents by their paths, and JSON patches, which work on sets too.

use crate::builtins::objects::filtered;
use crate::builtins::operands::{array, items, object, operand, wrong_type};
use crate::builtins::{Answer, Context, Failure};

use crate::term::{Object, Set, Term};

/// A path: `a/b` or a list of steps.
fn path_of(term: &Term) -> Result<Vec<Term>, Failure> {
    if let Some(array) = term.as_array() {
        return Ok(array.to_vec());
    }
    match term {
        Term::String(text) if text.is_empty() => Ok(Vec::new()),
        Term::String(text) => {
            Ok(text.trim_start_matches('/').split('/').map(|part| Term::from(part.replace("~1", "/").replace("~0", "~"))).collect())
        }
        other => Err(Failure::Operand(format!(
            "operand 2 must be one of {{set, array}} containing string paths or array of path segments but got {}",
            other.kind()
        ))),
    }
}

/// All paths as one tree, with null at their ends; a path that leads on from the end of another is left out.
fn tree(arguments: &[Term]) -> Result<Object, Failure> {
    fn put(tree: &mut Object, path: &[Term]) {
        let [first, rest @ ..] = path else { return };
        if rest.is_empty() {
            tree.insert(first.clone(), Term::Null);
            return;
        }
        match tree.get(first) {
            Some(Term::Null) => {}
            Some(Term::Object(inner)) => {
                let mut inner = (**inner).clone();
                put(&mut inner, rest);
                tree.insert(first.clone(), Term::Object(inner.into()));
            }
            _ => {
                let mut inner = Object::default();
                put(&mut inner, rest);
                tree.insert(first.clone(), Term::Object(inner.into()));
            }
        }
    }
    let given = operand(arguments, 1)?;
    let mut out = Object::default();
    for path in items(given).ok_or_else(|| wrong_type(1, given, &["set", "array"]))? {
        put(&mut out, &path_of(&path)?);
    }
    Ok(out)
}

/// The parts of an object that paths lead to.
pub(super) fn filter(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
    object(arguments, 0)?;
    Ok(filtered(operand(arguments, 0)?, &tree(arguments)?))
}

/// An object without the parts that paths lead to.
pub(super) fn remove(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
    object(arguments, 0)?;
    Ok(without(operand(arguments, 0)?, &tree(arguments)?))
}

fn without(value: &Term, tree: &Object) -> Term {
    let inner = |value: &Term, tree: Option<&Term>| match tree {
        Some(Term::Null) => None,
        Some(Term::Object(tree)) => Some(without(value, tree)),
        _ => Some(value.clone()),
    };
    if let Some(object) = value.as_object() {
        return Term::object(object.iter().filter_map(|(key, value)| inner(&value, tree.get(&key)).map(|value| (key, value))).collect());
    }
    if let Some(array) = value.as_array() {
        return Term::array(array.iter().enumerate().filter_map(|(at, value)| inner(&value, tree.get_str(&at.to_string()))).collect());
    }
    match value {
        Term::Set(set) => Term::set(set.iter().filter_map(|item| inner(item, tree.get(item))).collect()),
        other => other.clone(),
    }
}

/// Number of the item a step leads to; `-` is behind the last one.
fn index(length: usize, step: &Term) -> Result<usize, String> {
    let at = match step {
        Term::Number(number) => number.as_i64().ok_or("invalid number type for indexing")?,
        Term::String(text) if &**text == "-" => return Ok(length),
        Term::String(text) => {
            let at = text.parse::<i64>().map_err(|_| "invalid string for indexing")?;
            if &**text != "0" && text.starts_with('0') {
                return Err("leading zeros are not allowed in JSON paths".to_owned());
            }
            at
        }
        _ => return Err("invalid type for indexing".to_owned()),
    };
    usize::try_from(at).map_err(|_| "index for array out of bounds".to_owned())
}

/// The part a path leads to.
fn part(value: &Term, path: &[Term]) -> Result<Term, String> {
    let mut at = value.clone();
    for step in path {
        let missing = || format!("path {step} does not exist in {} term {at}", at.kind());
        let next = match at.as_array() {
            Some(array) => array.get(index(array.len(), step)?).ok_or_else(missing)?,
            None => at.get(step).ok_or_else(missing)?,
        };
        at = next;
    }
    Ok(at)
}

/// The value changed where a path ends: `change` makes of the collection there, and the last step, another one.
fn changed(value: &Term, path: &[Term], change: &mut dyn FnMut(&Term, &Term) -> Result<Term, String>) -> Result<Term, String> {
    let [step, rest @ ..] = path else { return Err("no path".to_owned()) };
    if rest.is_empty() {
        return change(value, step);
    }
    let inner = changed(&part(value, std::slice::from_ref(step))?, rest, change)?;
    if let Some(array) = value.as_array() {
        let mut items = array.to_vec();
        if let Some(place) = items.get_mut(index(array.len(), step)?) {
            *place = inner;
        }
        return Ok(Term::array(items));
    }
    if let Some(object) = value.as_object() {
        let mut object = Object::from_entries(object.iter().collect());
        object.insert(step.clone(), inner);
        return Ok(Term::Object(object.into()));
    }
    match value {
        Term::Set(set) => Ok(Term::set(set.iter().filter(|item| *item != step).cloned().chain([inner]).collect())),
        other => Err(format!("expected composite type, found value: {other}")),
    }
}

fn inserted(value: &Term, path: &[Term], new: &Term) -> Result<Term, String> {
    if path.is_empty() {
        return Ok(new.clone());
    }
    changed(value, path, &mut |at, step| {
        if let Some(array) = at.as_array() {
            let mut items = array.to_vec();
            let place = index(items.len(), step)?;
            if place > items.len() {
                return Err("index for array insertion out of bounds".to_owned());
            }
            items.insert(place, new.clone());
            return Ok(Term::array(items));
        }
        if let Some(object) = at.as_object() {
            let mut object = Object::from_entries(object.iter().collect());
            object.insert(step.clone(), new.clone());
            return Ok(Term::Object(object.into()));
        }
        match at {
            Term::Set(_) if step != new => Err(format!("set key {step} does not equal value to be inserted {new}")),
            Term::Set(set) => Ok(Term::Set(set.union(&Set::from_items(vec![new.clone()])).into())),
            other => Err(format!("expected composite type, found value: {other}")),
        }
    })
}

fn deleted(value: &Term, path: &[Term]) -> Result<Term, String> {
    changed(value, path, &mut |at, step| {
        if let Some(array) = at.as_array() {
            let mut items = array.to_vec();
            let place = index(items.len(), step)?;
            if place >= items.len() {
                return Err("index for array delete out of bounds".to_owned());
            }
            items.remove(place);
            return Ok(Term::array(items));
        }
        let missing = || format!("cannot delete child key {step} that does not exist");
        if let Some(object) = at.as_object() {
            let mut object = Object::from_entries(object.iter().collect());
            object.remove(step).ok_or_else(missing)?;
            return Ok(Term::Object(object.into()));
        }
        match at {
            Term::Set(set) if set.contains(step) => Ok(Term::Set(set.difference(&Set::from_items(vec![step.clone()])).into())),
            Term::Set(_) => Err(missing()),
            other => Err(format!("expected composite type, found value: {other}")),
        }
    })
}

/// A value with patches applied one after the other.
pub(super) fn patch(context: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let mut value = Some(operand(arguments, 0)?.clone());
    for operation in array(arguments, 1)?.iter() {
        let Some(object) = operation.as_object() else {
            return Err(Failure::failed("must be an array of JSON-Patch objects, but at least one element is not an object"));
        };
        context.spend(256)?;
        let attribute = |name: &str| object.get_str(name).ok_or_else(|| Failure::Failed(format!("missing '{name}' attribute")));
        let Term::String(op) = attribute("op")? else { return Err(Failure::failed("attribute 'op' must be a string")) };
        if !matches!(&*op, "add" | "remove" | "replace" | "move" | "copy" | "test") {
            return Err(Failure::Failed(format!("unrecognized op '{op}'")));
        }
        let path = attribute("path")?;
        let from = if matches!(&*op, "move" | "copy") { Some(attribute("from")?) } else { None };
        let new = if matches!(&*op, "add" | "replace" | "test") { Some(attribute("value")?) } else { None };
        let path = path_of(&path)?;
        let from = from.as_ref().map(path_of).transpose()?;
        value = applied(value, &op, &path, from.as_deref(), new).map_err(Failure::Failed)?;
    }
    value.ok_or(Failure::Undefined)
}

fn applied(value: Option<Term>, op: &str, path: &[Term], from: Option<&[Term]>, new: Option<Term>) -> Result<Option<Term>, String> {
    let gone = || "deleted node encountered".to_owned();
    let delete = |value: Option<Term>, path: &[Term]| {
        let value = value.ok_or_else(gone)?;
        if path.is_empty() { Ok::<Option<Term>, String>(None) } else { deleted(&value, path).map(Some) }
    };
    let insert = |value: Option<Term>, path: &[Term], new: &Term| match value {
        None if path.is_empty() => Ok::<Option<Term>, String>(Some(new.clone())),
        None => Err(gone()),
        Some(value) => inserted(&value, path, new).map(Some),
    };
    let look = |value: &Option<Term>, path: &[Term]| part(value.as_ref().ok_or_else(gone)?, path);
    match (op, new, from) {
        ("add", Some(new), _) => insert(value, path, &new),
        ("remove", ..) => delete(value, path),
        ("replace", Some(new), _) => insert(delete(value, path)?, path, &new),
        ("move", _, Some(from)) => {
            let chunk = look(&value, from)?;
            insert(delete(value, from)?, path, &chunk)
        }
        ("copy", _, Some(from)) => {
            let chunk = look(&value, from)?;
            insert(value, path, &chunk)
        }
        ("test", Some(new), _) => {
            let found = look(&value, path)?;
            if found == new { Ok(value) } else { Err(format!("value from EditTree != patch value.\n\nExpected: {new}\n\nFound: {found}")) }
        }
        _ => Err(format!("unrecognized op '{op}'")),
    }
}

/// A step that leads to an item.
#[cfg(test)]
fn step(at: i64) -> Term {
    Term::int(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builtins::tests::check;

    #[test]
    fn parts_by_paths() {
        check("json.filter", r#"[{"a": {"b": 1, "c": 2}, "d": [1, 2, 3]}, ["a/b", "d/1"]]"#, r#"{"a": {"b": 1}, "d": [2]}"#);
        check("json.filter", r#"[{"a": [1, 2, 3]}, [["a", 1]]]"#, r#"{"a": []}"#);
        check("json.filter", r#"[{"a": 1}, {"$set": ["x"]}]"#, "{}");
        check("json.remove", r#"[{"a": {"b": 1, "c": 2}, "d": [1, 2, 3]}, ["a/b", ["d", "1"]]]"#, r#"{"a": {"c": 2}, "d": [1, 3]}"#);
        check("json.remove", r#"[{"a": {"b": 7}, "c": 1}, {"$set": ["a", "a/b"]}]"#, r#"{"c": 1}"#);
        check("json.remove", r#"[{"a~/b": 1}, ["a~0~1b"]]"#, "{}");
        check("json.remove", r#"[[], []]"#, "eval_type_error: json.remove: operand 1 must be object but got array");
        check("json.remove", r#"[{}, "a"]"#, "eval_type_error: json.remove: operand 2 must be one of {set, array} but got string");
        check(
            "json.filter",
            r#"[{}, [1]]"#,
            "eval_type_error: json.filter: operand 2 must be one of {set, array} containing string paths or array of path segments but got number",
        );
        assert_eq!(part(&Term::array(vec![Term::Null]), &[step(0)]), Ok(Term::Null));
    }

    #[test]
    fn patches() {
        let patched = |value: &str, patches: &str, expected: &str| check("json.patch", &format!("[{value}, {patches}]"), expected);
        patched(r#"{"a": {"foo": 1}}"#, r#"[{"op": "add", "path": "/a/bar", "value": 2}]"#, r#"{"a": {"bar": 2, "foo": 1}}"#);
        patched(r#"[1, 2]"#, r#"[{"op": "add", "path": "1", "value": 9}, {"op": "add", "path": "-", "value": 3}]"#, "[1, 9, 2, 3]");
        patched(r#"{"a": [1, 2]}"#, r#"[{"op": "remove", "path": ["a", 0]}]"#, r#"{"a": [2]}"#);
        patched(r#"{"a": 1}"#, r#"[{"op": "replace", "path": "a", "value": 2}]"#, r#"{"a": 2}"#);
        patched(r#"{"a": 1}"#, r#"[{"op": "replace", "path": "", "value": 2}]"#, "2");
        patched(r#"{"a": 1, "b": {}}"#, r#"[{"op": "move", "from": "a", "path": "b/c"}]"#, r#"{"b": {"c": 1}}"#);
        patched(r#"{"a": 1}"#, r#"[{"op": "copy", "from": "a", "path": "b"}]"#, r#"{"a": 1, "b": 1}"#);
        patched(r#"{"a": 1}"#, r#"[{"op": "test", "path": "a", "value": 1}]"#, r#"{"a": 1}"#);
        patched(
            r#"{"a": {"$set": ["b"]}}"#,
            r#"[{"op": "remove", "path": "a/b"}, {"op": "add", "path": "a/c", "value": "c"}]"#,
            r#"{"a": {"c"}}"#,
        );
        patched(r#"{"$set": [[1]]}"#, r#"[{"op": "add", "path": [[1], 1], "value": 2}]"#, "{[1, 2]}");
        patched(r#"{"a": 1}"#, r#"[{"op": "remove", "path": ""}]"#, "undefined");
        patched(
            r#"{"a": 1}"#,
            r#"[{"op": "remove", "path": "x"}]"#,
            r#"eval_builtin_error: json.patch: cannot delete child key "x" that does not exist"#,
        );
        patched(
            "[1]",
            r#"[{"op": "add", "path": "01", "value": 1}]"#,
            "eval_builtin_error: json.patch: leading zeros are not allowed in JSON paths",
        );
        patched(
            "[1]",
            r#"[{"op": "add", "path": "5", "value": 1}]"#,
            "eval_builtin_error: json.patch: index for array insertion out of bounds",
        );
        patched("{}", r#"[{"op": "x", "path": "5"}]"#, "eval_builtin_error: json.patch: unrecognized op 'x'");
        patched("{}", r#"[{"op": "add", "path": "5"}]"#, "eval_builtin_error: json.patch: missing 'value' attribute");
    }
}
