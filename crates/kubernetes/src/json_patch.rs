//! JSON patches (RFC 6902) as Kubernetes and Kyverno apply them (`evanphx/json-patch`), with its options.

use std::sync::Arc;

use probity_value::{Data, Map, Span, Value};

/// What differs between those who apply patches.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Options {
    /// `-1` is the last item of a list.
    pub negative_indices: bool,
    /// Taking away what is not there is no error.
    pub missing_on_remove: bool,
    /// Adding makes the maps and lists on the way.
    pub ensure_path_on_add: bool,
}

impl Options {
    /// As the API server: negative indices only.
    pub const KUBERNETES: Options = Options { negative_indices: true, missing_on_remove: false, ensure_path_on_add: false };
    /// As Kyverno: everything.
    pub const KYVERNO: Options = Options { negative_indices: true, missing_on_remove: true, ensure_path_on_add: true };
}

/// One operation.
#[derive(Clone, PartialEq, Debug)]
pub struct Step {
    /// What is done.
    pub kind: StepKind,
    /// Where, as tokens of a JSON pointer (RFC 6901), unescaped; empty for the whole document.
    pub path: Vec<Arc<str>>,
    /// Where it stands.
    pub at: Span,
}

/// What an operation does.
#[derive(Clone, PartialEq, Debug)]
pub enum StepKind {
    /// Puts a value there; into a list before the item of that index, `-` after the last.
    Add(Value),
    /// Takes away what is there.
    Remove,
    /// Puts a value in the place of one that is there.
    Replace(Value),
    /// Takes away from elsewhere and adds here.
    Move(Vec<Arc<str>>),
    /// Adds here what is elsewhere.
    Copy(Vec<Arc<str>>),
    /// Goes on only if this value is there.
    Test(Value),
}

/// What is wrong with a patch, or why it cannot be applied.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum JsonPatchError {
    /// It is not written as a patch.
    #[error("{message}")]
    Written {
        /// What is wrong.
        message: String,
        /// Where.
        at: Span,
    },
    /// A `test` operation did not find its value: nothing of the patch counts.
    #[error("the test of `{path}` does not hold")]
    Test {
        /// Its path.
        path: String,
    },
    /// An operation cannot be done.
    #[error("`{operation}` at `{path}`: {message}")]
    Apply {
        /// Its name.
        operation: &'static str,
        /// Its path.
        path: String,
        /// Why not.
        message: String,
    },
    /// The patch makes more than it may.
    #[error("the patch makes too much: more than {0} values")]
    Large(usize),
}

/// Values one patch may copy, all together.
const MOST_COPIED: usize = 1_000_000;

/// A JSON pointer as tokens.
///
/// # Errors
/// It does not begin with `/`, or has a `~` that escapes nothing.
pub fn pointer(text: &str) -> Result<Vec<Arc<str>>, String> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let Some(rest) = text.strip_prefix('/') else { return Err(format!("the path `{text}` does not begin with `/`")) };
    Ok(rest.split('/').map(|token| Arc::from(token.replace("~1", "/").replace("~0", "~"))).collect())
}

/// A pointer as text.
#[must_use]
pub fn written(path: &[Arc<str>]) -> String {
    path.iter().fold(String::new(), |text, token| text + "/" + &token.replace('~', "~0").replace('/', "~1"))
}

/// Reads a list of operations.
///
/// # Errors
/// The first thing that is wrong, with its place.
pub fn read(patch: &Value) -> Result<Vec<Step>, JsonPatchError> {
    let no = |message: &str, at: Span| JsonPatchError::Written { message: message.to_owned(), at };
    let items = patch.as_list().ok_or_else(|| no("a JSON patch is a list of operations", patch.span))?;
    items.iter().map(read_step).collect()
}

fn read_step(item: &Value) -> Result<Step, JsonPatchError> {
    let no = |message: String, at: Span| JsonPatchError::Written { message, at };
    let map = item.as_map().ok_or_else(|| no(format!("an operation is a map, not a {}", item.type_name()), item.span))?;
    let text = |key: &str| match map.get(key) {
        None => Err(no(format!("an operation needs `{key}`"), item.span)),
        Some(value) => value.as_str().map(|text| (text, value.span)).ok_or_else(|| no(format!("`{key}` is not text"), value.span)),
    };
    let path_of = |key: &str| text(key).and_then(|(text, at)| pointer(text).map_err(|message| no(message, at)));
    let value = || map.get("value").cloned().ok_or_else(|| no("an operation of this kind needs `value`".to_owned(), item.span));
    let (operation, at) = text("op")?;
    let kind = match operation {
        "add" => StepKind::Add(value()?),
        "remove" => StepKind::Remove,
        "replace" => StepKind::Replace(value()?),
        "move" => StepKind::Move(path_of("from")?),
        "copy" => StepKind::Copy(path_of("from")?),
        // A test without a value asks for null.
        "test" => StepKind::Test(map.get("value").cloned().unwrap_or_else(|| Value::null(item.span))),
        other => return Err(no(format!("`{other}` is none of add, remove, replace, move, copy and test"), at)),
    };
    Ok(Step { kind, path: path_of("path")?, at: item.span })
}

/// Applies operations in order. On an error nothing counts.
///
/// # Errors
/// Which operation cannot be done, and why; [`JsonPatchError::Test`] where a test does not hold.
pub fn apply(steps: &[Step], object: &Value, options: Options) -> Result<Value, JsonPatchError> {
    let mut out = object.clone();
    let mut copied = 0;
    for step in steps {
        let wrong = |operation: &'static str, message: String| JsonPatchError::Apply { operation, path: written(&step.path), message };
        match &step.kind {
            StepKind::Add(value) => {
                if options.ensure_path_on_add {
                    ensure(&mut out, &step.path, options).map_err(|message| wrong("add", message))?;
                }
                add(&mut out, &step.path, value.clone(), options).map_err(|message| wrong("add", message))?;
            }
            StepKind::Remove => match take(&mut out, &step.path, options) {
                Ok(_) => {}
                Err(_) if options.missing_on_remove && !names_no_item(&out, &step.path, options) => {}
                Err(message) => return Err(wrong("remove", message)),
            },
            StepKind::Replace(value) => replace(&mut out, &step.path, value, options).map_err(|message| wrong("replace", message))?,
            StepKind::Move(from) => {
                if step.path.len() > from.len() && step.path.starts_with(from) {
                    return Err(wrong("move", "a value cannot be moved into itself".to_owned()));
                }
                let value = take(&mut out, from, options).map_err(|message| wrong("move", message))?;
                add(&mut out, &step.path, value, options).map_err(|message| wrong("move", message))?;
            }
            StepKind::Copy(from) => {
                let value = find(&out, from, options).cloned().ok_or_else(|| wrong("copy", missing(from)))?;
                copied += count(&value);
                if copied > MOST_COPIED {
                    return Err(JsonPatchError::Large(MOST_COPIED));
                }
                add(&mut out, &step.path, value, options).map_err(|message| wrong("copy", message))?;
            }
            StepKind::Test(value) => {
                // Null is what is not there, but the way to it has to be.
                let before = step.path.split_last().map_or([].as_slice(), |(_, before)| before);
                if find(&out, before, options).is_none() {
                    return Err(wrong("test", missing(before)));
                }
                let found = find(&out, &step.path, options);
                let holds = found.map_or(value.is_null(), |found| found == value);
                if !holds {
                    return Err(JsonPatchError::Test { path: written(&step.path) });
                }
            }
        }
    }
    Ok(out)
}

fn count(value: &Value) -> usize {
    match &value.data {
        Data::List(items) => 1 + items.iter().map(count).sum::<usize>(),
        Data::Map(map) => 1 + map.values().map(count).sum::<usize>(),
        _ => 1,
    }
}

fn missing(path: &[Arc<str>]) -> String {
    format!("there is nothing at `{}`", written(path))
}

/// The index a token means in a list of so many items; `None` where it is none of them.
fn index(token: &str, length: usize, options: Options) -> Option<usize> {
    if let Some(back) = token.strip_prefix('-').filter(|back| !back.is_empty()) {
        let back: usize = back.parse().ok()?;
        return (options.negative_indices && back >= 1).then(|| length.checked_sub(back)).flatten();
    }
    token.parse().ok().filter(|at| *at < length)
}

fn find<'a>(value: &'a Value, path: &[Arc<str>], options: Options) -> Option<&'a Value> {
    path.iter().try_fold(value, |value, token| match &value.data {
        Data::Map(map) => map.get(token),
        Data::List(items) => index(token, items.len(), options).and_then(|at| items.get(at)),
        _ => None,
    })
}

/// What is at a path, to change it.
fn reach<'a>(value: &'a mut Value, path: &[Arc<str>], options: Options) -> Option<&'a mut Value> {
    let mut current = value;
    for token in path {
        current = match &mut current.data {
            Data::Map(map) => Arc::make_mut(map).get_mut(token)?,
            Data::List(items) => {
                let at = index(token, items.len(), options)?;
                Arc::make_mut(items).get_mut(at)?
            }
            _ => return None,
        };
    }
    Some(current)
}

fn add(document: &mut Value, path: &[Arc<str>], value: Value, options: Options) -> Result<(), String> {
    let Some((last, before)) = path.split_last() else {
        *document = value;
        return Ok(());
    };
    let Some(parent) = reach(document, before, options) else { return Err(missing(before)) };
    match &mut parent.data {
        Data::Map(map) => {
            let map = Arc::make_mut(map);
            match map.get_mut(last) {
                Some(slot) => *slot = value,
                None => {
                    let at = value.span;
                    map.insert(Arc::clone(last), at, value);
                }
            }
            Ok(())
        }
        Data::List(items) => {
            let length = items.len();
            let at = if &**last == "-" {
                length
            } else if let Some(back) = last.strip_prefix('-') {
                // Counted from behind the last item: `-1` adds at the end.
                let back: usize = back.parse().map_err(|_| format!("`{last}` is no index"))?;
                let end = length + 1;
                (options.negative_indices && back >= 1)
                    .then(|| end.checked_sub(back))
                    .flatten()
                    .ok_or_else(|| format!("the index {last} is beyond the list of {length} items"))?
            } else {
                last.parse().map_err(|_| format!("`{last}` is no index"))?
            };
            if at > length {
                return Err(format!("the index {last} is beyond the list of {length} items"));
            }
            Arc::make_mut(items).insert(at, value);
            Ok(())
        }
        _ => Err(format!("a {} has no parts", parent.type_name())),
    }
}

/// Longest list that is made or filled up on the way to an index.
const MOST_FILLED: usize = 10_000;

/// Makes what is missing on the way to a path: lists where the next token is an index or `-`, else maps. Lists are filled up with nulls to
/// the index that is asked for.
fn ensure(document: &mut Value, path: &[Arc<str>], options: Options) -> Result<(), String> {
    let nulls = |count: usize| std::iter::repeat_n(Value::null(Span::NONE), count);
    let mut current = document;
    for (position, token) in path.iter().enumerate() {
        let Some(next) = path.get(position + 1) else { break };
        let fresh = |next: &str| match next.parse::<i64>() {
            Ok(at) if at < -1 => Err(format!("no list is made for the index {next}")),
            Ok(at) => {
                let at = usize::try_from(at).unwrap_or(0);
                if at > MOST_FILLED {
                    Err(format!("the index {next} is too large"))
                } else {
                    Ok(Value::list(nulls(at).collect(), Span::NONE))
                }
            }
            Err(_) if next == "-" => Ok(Value::list(Vec::new(), Span::NONE)),
            Err(_) => Ok(Value::map(Map::new(), Span::NONE)),
        };
        let kind = current.type_name();
        current = match &mut current.data {
            Data::Map(map) => {
                let map = Arc::make_mut(map);
                if map.get(token).is_none_or(Value::is_null) {
                    let made = fresh(next)?;
                    match map.get_mut(token) {
                        Some(slot) => *slot = made,
                        None => {
                            map.insert(Arc::clone(token), Span::NONE, made);
                        }
                    }
                }
                map.get_mut(token).ok_or_else(|| missing(path))?
            }
            Data::List(items) => {
                let items = Arc::make_mut(items);
                let there = index(token, items.len(), options).filter(|at| items.get(*at).is_some_and(|item| !item.is_null()));
                let at = match there {
                    Some(at) => at,
                    None => {
                        // What is made for a null stands before it.
                        let at = token.parse::<usize>().map_err(|_| format!("`{token}` is no index of an item"))?;
                        if at > MOST_FILLED {
                            return Err(format!("the index {token} is too large"));
                        }
                        let short = at.saturating_sub(items.len());
                        items.extend(nulls(short));
                        items.insert(at, fresh(next)?);
                        at
                    }
                };
                items.get_mut(at).ok_or_else(|| missing(path))?
            }
            _ => return Err(format!("a {kind} has no parts")),
        };
    }
    Ok(())
}

/// Whether the last token of a path that cannot be taken away is no index, though it stands for an item of a list.
fn names_no_item(document: &Value, path: &[Arc<str>], options: Options) -> bool {
    let Some((last, before)) = path.split_last() else { return true };
    find(document, before, options).is_some_and(|parent| parent.as_list().is_some()) && last.parse::<i64>().is_err()
}

fn take(document: &mut Value, path: &[Arc<str>], options: Options) -> Result<Value, String> {
    let Some((last, before)) = path.split_last() else { return Err("the whole document cannot be taken away".to_owned()) };
    let Some(parent) = reach(document, before, options) else { return Err(missing(path)) };
    match &mut parent.data {
        Data::Map(map) => Arc::make_mut(map).remove(last).map(|entry| entry.value).ok_or_else(|| missing(path)),
        Data::List(items) => match index(last, items.len(), options) {
            Some(at) => Ok(Arc::make_mut(items).remove(at)),
            None => Err(missing(path)),
        },
        _ => Err(missing(path)),
    }
}

fn replace(document: &mut Value, path: &[Arc<str>], value: &Value, options: Options) -> Result<(), String> {
    match reach(document, path, options) {
        Some(slot) => {
            *slot = value.clone();
            Ok(())
        }
        None => Err(missing(path)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use probity_value::{FileId, json};

    fn parse(text: &str) -> Value {
        json::parse(text, FileId::NONE).0
    }

    fn check_with(options: Options, object: &str, patch: &str, expected: Result<&str, &str>) {
        let made = read(&parse(patch)).and_then(|steps| apply(&steps, &parse(object), options));
        let made = made.map(|value| json::write(&value).unwrap()).map_err(|error| error.to_string());
        assert_eq!(made.as_deref().map_err(String::as_str), expected, "{object} {patch}");
    }

    fn check(object: &str, patch: &str, expected: Result<&str, &str>) {
        check_with(Options::KUBERNETES, object, patch, expected);
    }

    #[test]
    fn operations_do_what_the_specification_says() {
        check("{}", r#"[{"op":"add","path":"/a","value":1}]"#, Ok(r#"{"a":1}"#));
        check(r#"{"a":[1,2]}"#, r#"[{"op":"add","path":"/a/1","value":9}]"#, Ok(r#"{"a":[1,9,2]}"#));
        check(r#"{"a":[1,2]}"#, r#"[{"op":"add","path":"/a/-","value":9}]"#, Ok(r#"{"a":[1,2,9]}"#));
        check(r#"{"a":[1,2]}"#, r#"[{"op":"add","path":"/a/2","value":9}]"#, Ok(r#"{"a":[1,2,9]}"#));
        check(r#"{"a":[1,2]}"#, r#"[{"op":"remove","path":"/a/-1"}]"#, Ok(r#"{"a":[1]}"#));
        check(r#"{"a":1,"b":2}"#, r#"[{"op":"remove","path":"/a"}]"#, Ok(r#"{"b":2}"#));
        check(r#"{"a":1}"#, r#"[{"op":"replace","path":"/a","value":{"x":1}}]"#, Ok(r#"{"a":{"x":1}}"#));
        check(r#"{"a":{"b":1},"c":{}}"#, r#"[{"op":"move","from":"/a/b","path":"/c/d"}]"#, Ok(r#"{"a":{},"c":{"d":1}}"#));
        check(r#"{"a":1}"#, r#"[{"op":"copy","from":"/a","path":"/b"}]"#, Ok(r#"{"a":1,"b":1}"#));
        check(r#"{"a":1}"#, r#"[{"op":"test","path":"/a","value":1},{"op":"remove","path":"/a"}]"#, Ok("{}"));
        check(r#"{"a/b":1,"c~d":2}"#, r#"[{"op":"remove","path":"/a~1b"},{"op":"remove","path":"/c~0d"}]"#, Ok("{}"));
        check(r#"{"a":1}"#, r#"[{"op":"replace","path":"","value":[]}]"#, Ok("[]"));
    }

    #[test]
    fn what_cannot_be_done_is_said() {
        check("{}", r#"[{"op":"remove","path":"/a"}]"#, Err("`remove` at `/a`: there is nothing at `/a`"));
        check("{}", r#"[{"op":"replace","path":"/a","value":1}]"#, Err("`replace` at `/a`: there is nothing at `/a`"));
        check("{}", r#"[{"op":"add","path":"/a/b","value":1}]"#, Err("`add` at `/a/b`: there is nothing at `/a`"));
        check(
            r#"{"a":[]}"#,
            r#"[{"op":"add","path":"/a/1","value":1}]"#,
            Err("`add` at `/a/1`: the index 1 is beyond the list of 0 items"),
        );
        check(r#"{"a":{}}"#, r#"[{"op":"move","from":"/a","path":"/a/b"}]"#, Err("`move` at `/a/b`: a value cannot be moved into itself"));
        check(r#"{"a":1}"#, r#"[{"op":"test","path":"/a","value":2}]"#, Err("the test of `/a` does not hold"));
        check("{}", r#"[{"op":"make","path":"/a"}]"#, Err("`make` is none of add, remove, replace, move, copy and test"));
        check("{}", r#"[{"op":"add","path":"a","value":1}]"#, Err("the path `a` does not begin with `/`"));
        check("{}", r#"[{"op":"add","path":"/a"}]"#, Err("an operation of this kind needs `value`"));
        check("{}", r#"{"op":"add"}"#, Err("a JSON patch is a list of operations"));
    }

    #[test]
    fn options_of_kyverno() {
        let check = |object: &str, patch: &str, expected: &str| check_with(Options::KYVERNO, object, patch, Ok(expected));
        check("{}", r#"[{"op":"add","path":"/a/b/c","value":1}]"#, r#"{"a":{"b":{"c":1}}}"#);
        check("{}", r#"[{"op":"add","path":"/a/0","value":1}]"#, r#"{"a":[1]}"#);
        check("{}", r#"[{"op":"add","path":"/a/-","value":1}]"#, r#"{"a":[1]}"#);
        check("{}", r#"[{"op":"add","path":"/a/2","value":1}]"#, r#"{"a":[null,null,1]}"#);
        check(r#"{"a":[1]}"#, r#"[{"op":"add","path":"/a/2/b","value":1}]"#, r#"{"a":[1,null,{"b":1}]}"#);
        check(r#"{"a":[{"b":1}]}"#, r#"[{"op":"add","path":"/a/-1/c","value":1}]"#, r#"{"a":[{"b":1,"c":1}]}"#);
        check(r#"{"a":[1]}"#, r#"[{"op":"remove","path":"/a/5"}]"#, r#"{"a":[1]}"#);
        let fails = |object: &str, patch: &str, expected: &str| check_with(Options::KYVERNO, object, patch, Err(expected));
        fails("{}", r#"[{"op":"add","path":"/a/-/b","value":1}]"#, "`add` at `/a/-/b`: `-` is no index of an item");
        fails("{}", r#"[{"op":"add","path":"/a/-2","value":1}]"#, "`add` at `/a/-2`: no list is made for the index -2");
        fails("{}", r#"[{"op":"add","path":"/a/99999999","value":1}]"#, "`add` at `/a/99999999`: the index 99999999 is too large");
        fails(r#"{"a":1}"#, r#"[{"op":"add","path":"/a/b","value":1}]"#, "`add` at `/a/b`: a number has no parts");
        fails(r#"{"a":[1]}"#, r#"[{"op":"remove","path":"/a/x"}]"#, "`remove` at `/a/x`: there is nothing at `/a/x`");
        fails("{}", r#"[{"op":"copy","from":"/a","path":"/b/c"}]"#, "`copy` at `/b/c`: there is nothing at `/a`");
        fails(r#"{"a":1}"#, r#"[{"op":"copy","from":"/a","path":"/b/c"}]"#, "`copy` at `/b/c`: there is nothing at `/b`");
        fails("{}", r#"[{"op":"test","path":"/a/b","value":null}]"#, "`test` at `/a/b`: there is nothing at `/a`");
        check("{}", r#"[{"op":"remove","path":"/a/b"}]"#, "{}");
        check(r#"{"a":null}"#, r#"[{"op":"add","path":"/a/b","value":1}]"#, r#"{"a":{"b":1}}"#);
    }

    #[test]
    fn copies_that_double_end() {
        let steps: Vec<String> = (0..40).map(|at| format!(r#"{{"op":"copy","from":"/a","path":"/a/{at}"}}"#)).collect();
        check(r#"{"a":{}}"#, &format!("[{}]", steps.join(",")), Err("the patch makes too much: more than 1000000 values"));
    }
}
