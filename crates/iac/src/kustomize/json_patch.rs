//! JSON patches (RFC 6902), with the habits of the library Kustomize uses: places from the end of a list count down from -1.

use std::sync::Arc;

use probity_value::{Data, Value};

use super::node::{list_mut, map_mut};

/// Whether a value is a list of operations.
pub(super) fn is_patch(value: &Value) -> bool {
    value.as_list().is_some_and(|items| !items.is_empty() && items.iter().all(|item| item.get("op").is_some()))
}

/// Applies a list of operations, all or none.
pub(super) fn apply(object: &Value, operations: &Value) -> Result<Value, String> {
    let mut out = object.clone();
    for operation in operations.as_list().unwrap_or_default() {
        let text = |key: &str| operation.get(key).and_then(Value::as_str);
        let (Some(op), Some(path)) = (text("op"), text("path")) else {
            return Err("an operation of the patch has no `op` or no `path`".to_owned());
        };
        let entry = operation.as_map().and_then(|map| map.entry("value")).cloned();
        let value = || entry.as_ref().map_or_else(|| Value::null(operation.span), |entry| entry.value.clone());
        let place = pointer(path);
        let from = || text("from").map(pointer).ok_or_else(|| format!("`{op}` has no `from`"));
        let done = match op {
            "add" => add(&mut out, &place, value()),
            "remove" => take(&mut out, &place).map(|_| ()),
            "replace" => find(&out, &place).map(|_| ()).and_then(|()| replace(&mut out, &place, value())),
            "move" => from().and_then(|from| take(&mut out, &from)).and_then(|value| add(&mut out, &place, value)),
            "copy" => from().and_then(|from| find(&out, &from).cloned()).and_then(|value| add(&mut out, &place, value)),
            "test" => match find(&out, &place) {
                Ok(found) if *found == value() => Ok(()),
                Err(_) if value().is_null() => Ok(()),
                _ => Err("what is there is something else".to_owned()),
            },
            _ => Err("no such operation".to_owned()),
        };
        done.map_err(|why| format!("`{op}` of `{path}`: {why}"))?;
    }
    Ok(out)
}

/// The parts of a pointer.
fn pointer(path: &str) -> Vec<String> {
    path.split('/').skip(1).map(|part| part.replace("~1", "/").replace("~0", "~")).collect()
}

fn missing(part: &str) -> String {
    format!("there is no `{part}`")
}

/// The place in a list; one behind the end is `length`.
fn index(part: &str, length: usize) -> Result<usize, String> {
    let number: i64 = part.parse().map_err(|_| format!("`{part}` is no place in a list"))?;
    let number = if number < 0 { number + i64::try_from(length).unwrap_or(i64::MAX) } else { number };
    usize::try_from(number).map_err(|_| missing(part))
}

fn find<'v>(value: &'v Value, path: &[String]) -> Result<&'v Value, String> {
    path.iter().try_fold(value, |value, part| {
        let found = match &value.data {
            Data::Map(map) => map.get(part),
            Data::List(items) => items.get(index(part, items.len())?),
            _ => None,
        };
        found.ok_or_else(|| missing(part))
    })
}

/// What holds the last part of a path, and that part.
fn parent<'v, 'p>(value: &'v mut Value, path: &'p [String]) -> Result<(&'v mut Value, &'p str), String> {
    let Some((last, before)) = path.split_last() else { return Err("it names no field".to_owned()) };
    let mut at = value;
    for part in before {
        at = match &at.data {
            Data::Map(_) => map_mut(at).and_then(|map| map.get_mut(part)).ok_or_else(|| missing(part))?,
            Data::List(items) => {
                let place = index(part, items.len())?;
                list_mut(at).and_then(|items| items.get_mut(place)).ok_or_else(|| missing(part))?
            }
            _ => return Err(missing(part)),
        };
    }
    Ok((at, last))
}

fn add(value: &mut Value, path: &[String], new: Value) -> Result<(), String> {
    if path.is_empty() {
        *value = new;
        return Ok(());
    }
    let (holder, last) = parent(value, path)?;
    if let Some(map) = map_mut(holder) {
        map.insert(Arc::from(last), new.span, new);
        return Ok(());
    }
    let Some(items) = list_mut(holder) else { return Err("what should hold it is no list or map".to_owned()) };
    let place = if last == "-" { items.len() } else { index(last, items.len() + 1)? };
    if place > items.len() {
        return Err(format!("the list has only {} items", items.len()));
    }
    items.insert(place, new);
    Ok(())
}

fn replace(value: &mut Value, path: &[String], new: Value) -> Result<(), String> {
    if path.is_empty() {
        *value = new;
        return Ok(());
    }
    let (holder, last) = parent(value, path)?;
    if let Some(map) = map_mut(holder) {
        map.insert(Arc::from(last), new.span, new);
    } else if let Some(items) = list_mut(holder) {
        let place = index(last, items.len())?;
        if let Some(slot) = items.get_mut(place) {
            *slot = new;
        }
    }
    Ok(())
}

fn take(value: &mut Value, path: &[String]) -> Result<Value, String> {
    let (holder, last) = parent(value, path)?;
    if let Some(map) = map_mut(holder) {
        return map.remove(last).map(|entry| entry.value).ok_or_else(|| missing(last));
    }
    let Some(items) = list_mut(holder) else { return Err(missing(last)) };
    let place = index(last, items.len())?;
    if place >= items.len() {
        return Err(missing(last));
    }
    Ok(items.remove(place))
}

#[cfg(test)]
mod tests {
    use super::*;
    use probity_value::{FileId, json};

    #[test]
    fn operations() {
        let check = |object: &str, patch: &str, expected: Result<&str, &str>| {
            let (object, patch) = (json::parse(object, FileId::NONE).0, json::parse(patch, FileId::NONE).0);
            let found = apply(&object, &patch).map(|value| json::write(&value).unwrap());
            assert_eq!(found.as_deref().map_err(String::as_str), expected);
        };
        check(r#"{"a":[1,2]}"#, r#"[{"op":"add","path":"/a/1","value":9},{"op":"add","path":"/a/-","value":8}]"#, Ok(r#"{"a":[1,9,2,8]}"#));
        check(r#"{"a":[1,2]}"#, r#"[{"op":"replace","path":"/a/-1","value":9}]"#, Ok(r#"{"a":[1,9]}"#));
        check(r#"{"a/b":{"~":1}}"#, r#"[{"op":"remove","path":"/a~1b/~0"}]"#, Ok(r#"{"a/b":{}}"#));
        check(r#"{"a":1}"#, r#"[{"op":"move","from":"/a","path":"/b"},{"op":"copy","from":"/b","path":"/c"}]"#, Ok(r#"{"b":1,"c":1}"#));
        check(r#"{"a":1}"#, r#"[{"op":"test","path":"/a","value":2}]"#, Err("`test` of `/a`: what is there is something else"));
        check(r#"{"a":1}"#, r#"[{"op":"replace","path":"/b","value":2}]"#, Err("`replace` of `/b`: there is no `b`"));
        check(r#"{"a":1}"#, r#"[{"op":"add","path":"/b/c","value":2}]"#, Err("`add` of `/b/c`: there is no `b`"));
        check(r#"{"a":[]}"#, r#"[{"op":"add","path":"/a/3","value":2}]"#, Err("`add` of `/a/3`: the list has only 0 items"));
        check(r#"{"a":1}"#, r#"[{"op":"swap","path":"/a"}]"#, Err("`swap` of `/a`: no such operation"));
    }
}
