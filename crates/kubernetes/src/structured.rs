//! Merging a partial object into an object as a server-side apply does (structured-merge-diff, `TypedValue.Merge`): lists merge by the
//! keys of their type, maps field by field, atomic ones are replaced as a whole. No ownership of fields is kept.

use std::sync::Arc;

use probity_core::GroupVersionKind;
use probity_value::{Data, Map, Value};

use crate::schema::{self, Field, ListType, Shape, ShapeKind, Type};

/// Why a partial object cannot be merged.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum MergeError {
    /// The partial object says something of atomic lists or maps, whose other parts would be lost.
    #[error("atomic lists, maps or structures may not be changed in part: {0}")]
    Atomic(String),
    /// A value is of the wrong kind for its type.
    #[error("`{path}`: {message}")]
    Shape {
        /// Path with dots.
        path: String,
        /// What is wrong.
        message: String,
    },
}

/// What is known of the type at a place.
#[derive(Clone, Copy)]
enum Known {
    Shape(Shape),
    /// A field, whose list or map may merge in a way of its own.
    Field(Field),
    /// Nothing: lists are atomic, maps merge.
    Nothing,
}

impl Known {
    fn shape(self) -> ShapeKind {
        match self {
            Known::Shape(shape) => shape.kind(),
            Known::Field(field) => field.shape.kind(),
            Known::Nothing => ShapeKind::Any,
        }
    }

    fn list(self) -> ListType {
        match self {
            Known::Field(Field { list: Some(list), .. }) => list,
            _ => ListType::Atomic,
        }
    }

    fn is_atomic_map(self) -> bool {
        matches!(self, Known::Field(Field { atomic_map: true, .. }))
    }

    fn item(self) -> Known {
        match self.shape() {
            ShapeKind::List(item) => Known::Shape(item),
            _ => Known::Nothing,
        }
    }

    fn field(self, name: &str) -> Known {
        match self.shape() {
            ShapeKind::Named(type_name) => Type::named(type_name).and_then(|found| found.field(name)).map_or(Known::Nothing, Known::Field),
            ShapeKind::Map(inner) => Known::Shape(inner),
            _ => Known::Nothing,
        }
    }
}

/// Merges `patch` into `object`, both of a kind. Kinds that are not built in have no types: their lists are atomic.
///
/// # Errors
/// As the API server: a patch that speaks of atomic parts, a list item without its keys, two items of the same key.
pub fn merge(kind: &GroupVersionKind, object: &Value, patch: &Value) -> Result<Value, MergeError> {
    merge_with(kind, object, patch, false)
}

/// The same, where `replace_atomic` lets a patch take the place of atomic parts.
///
/// # Errors
/// As [`merge`].
pub fn merge_with(kind: &GroupVersionKind, object: &Value, patch: &Value, replace_atomic: bool) -> Result<Value, MergeError> {
    let known = schema::kind(kind).and_then(|kind| kind.type_name).and_then(Shape::named).map_or(Known::Nothing, Known::Shape);
    let mut atomics = Vec::new();
    find_atomics(known, patch, "", &mut atomics);
    if !atomics.is_empty() && !replace_atomic {
        return Err(MergeError::Atomic(atomics.join(", ")));
    }
    merge_value(known, object, patch, "")
}

fn find_atomics(known: Known, value: &Value, path: &str, out: &mut Vec<String>) {
    match &value.data {
        Data::Map(map) => {
            if known.is_atomic_map() {
                out.push(path.to_owned());
            }
            for (key, entry) in map.iter() {
                find_atomics(known.field(key), &entry.value, &format!("{path}.{key}"), out);
            }
        }
        Data::List(items) => {
            if known.list() == ListType::Atomic {
                out.push(path.to_owned());
            }
            for (position, item) in items.iter().enumerate() {
                find_atomics(known.item(), item, &format!("{path}[{position}]"), out);
            }
        }
        _ => {}
    }
}

fn merge_value(known: Known, left: &Value, right: &Value, path: &str) -> Result<Value, MergeError> {
    match (&left.data, &right.data) {
        (Data::Map(ours), Data::Map(theirs)) if !known.is_atomic_map() => {
            if ours.is_empty() && theirs.is_empty() {
                return Ok(right.clone());
            }
            let mut out: Map = (**ours).clone();
            for (key, entry) in theirs.iter() {
                let merged = match ours.get(key) {
                    Some(own) => merge_value(known.field(key), own, &entry.value, &format!("{path}.{key}"))?,
                    None => entry.value.clone(),
                };
                match out.get_mut(key) {
                    Some(slot) => *slot = merged,
                    None => {
                        out.insert(Arc::clone(key), entry.key, merged);
                    }
                }
            }
            Ok(Value { data: Data::Map(Arc::new(out)), ..left.clone() })
        }
        (Data::List(ours), Data::List(theirs)) if known.list() != ListType::Atomic => {
            if ours.is_empty() && theirs.is_empty() {
                return Ok(right.clone());
            }
            let items = merge_items(known, ours, theirs, path)?;
            Ok(Value { data: Data::List(Arc::new(items)), ..left.clone() })
        }
        (Data::Map(_) | Data::List(_), Data::Bool(_) | Data::Number(_) | Data::String(_))
        | (Data::Map(_), Data::List(_))
        | (Data::List(_), Data::Map(_)) => Err(MergeError::Shape {
            path: path.trim_start_matches('.').to_owned(),
            message: format!("a {} cannot take the place of a {}", right.type_name(), left.type_name()),
        }),
        _ => Ok(right.clone()),
    }
}

/// What an item is known by: its own value in a set, its keys in a map.
fn identity(known: Known, item: &Value, path: &str, position: usize) -> Result<Vec<(&'static str, Value)>, MergeError> {
    let no = |message: String| MergeError::Shape { path: format!("{}[{position}]", path.trim_start_matches('.')), message };
    let ListType::Map(_) = known.list() else { return Ok(vec![("", item.clone())]) };
    let Known::Field(field) = known else { return Ok(vec![("", item.clone())]) };
    if item.as_map().is_none() {
        return Err(no(format!("a {} is no item of a list with keys", item.type_name())));
    }
    let mut out = Vec::new();
    for key in field.keys() {
        match item.get(key).filter(|value| !value.is_null()) {
            Some(value) => out.push((key, value.clone())),
            // The one key with a default in the types of Kubernetes.
            None if key == "protocol" => out.push((key, Value::string("TCP", item.span))),
            None => {}
        }
    }
    if out.is_empty() {
        return Err(no(format!("it has none of the keys {}", field.keys().collect::<Vec<_>>().join(", "))));
    }
    Ok(out)
}

fn merge_items(known: Known, ours: &[Value], theirs: &[Value], path: &str) -> Result<Vec<Value>, MergeError> {
    let ids = |items: &[Value]| {
        items.iter().enumerate().map(|(position, item)| identity(known, item, path, position)).collect::<Result<Vec<_>, _>>()
    };
    let (left_ids, right_ids) = (ids(ours)?, ids(theirs)?);
    for (position, id) in right_ids.iter().enumerate() {
        if right_ids.iter().take(position).any(|other| other == id) {
            let path = format!("{}[{position}]", path.trim_start_matches('.'));
            return Err(MergeError::Shape { path, message: "another item has the same keys".to_owned() });
        }
    }
    let item = known.item();
    let on_left = |id: &Vec<(&str, Value)>| {
        let mut found = left_ids.iter().zip(ours).filter(|(other, _)| *other == id).map(|(_, item)| item);
        // An item that is there twice is not merged with.
        (found.next(), found.next())
    };
    let merged = |position: usize| -> Result<Option<Value>, MergeError> {
        let (Some(id), Some(their)) = (right_ids.get(position), theirs.get(position)) else { return Ok(None) };
        match on_left(id) {
            (Some(own), None) => merge_value(item, own, their, &format!("{path}[{position}]")).map(Some),
            _ => Ok(Some(their.clone())),
        }
    };
    // The order is that of structured-merge-diff: items of the patch keep theirs, others stay before what followed them.
    let shared: Vec<usize> = (0..theirs.len()).filter(|at| right_ids.get(*at).is_some_and(|id| left_ids.contains(id))).collect();
    let mut next_shared = shared.iter().copied();
    let mut wanted = next_shared.next();
    let mut done: Vec<usize> = Vec::new();
    let mut out = Vec::with_capacity(ours.len().max(theirs.len()));
    let (mut left, mut right) = (0, 0);
    while left < ours.len() || right < theirs.len() {
        if let (Some(left_id), Some(right_id)) = (left_ids.get(left), right_ids.get(right)) {
            if left_id == right_id {
                done.push(right);
                out.extend(merged(right)?);
                left += 1;
                right += 1;
                wanted = next_shared.next();
                continue;
            }
            if right_ids.contains(left_id) && wanted.is_some_and(|at| right_ids.get(at) != Some(left_id)) {
                left += 1;
                continue;
            }
        }
        if let (Some(left_id), Some(own)) = (left_ids.get(left), ours.get(left)) {
            match right_ids.iter().position(|id| id == left_id) {
                None => {
                    out.push(own.clone());
                    left += 1;
                    continue;
                }
                Some(at) if done.contains(&at) => left += 1,
                Some(_) => {}
            }
        }
        if right < theirs.len() {
            done.push(right);
            out.extend(merged(right)?);
            if wanted == Some(right) {
                wanted = next_shared.next();
            }
            right += 1;
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use probity_value::{FileId, json};

    fn parse(text: &str) -> Value {
        json::parse(text, FileId::NONE).0
    }

    fn check(kind: (&str, &str), object: &str, patch: &str, expected: Result<&str, &str>) {
        let merged = merge(&GroupVersionKind::of(kind.0, kind.1), &parse(object), &parse(patch));
        let merged = merged.map(|value| json::write(&value).unwrap()).map_err(|error| error.to_string());
        let expected = expected.map(|text| json::write(&parse(text)).unwrap());
        assert_eq!(merged.as_deref().map_err(String::as_str), expected.as_deref().map_err(|text| *text), "{patch}");
    }

    const POD: (&str, &str) = ("v1", "Pod");

    #[test]
    fn maps_merge_field_by_field() {
        check(
            POD,
            r#"{"metadata":{"labels":{"a":"1"}},"spec":{"hostNetwork":true}}"#,
            r#"{"metadata":{"labels":{"b":"2"}},"spec":{"hostNetwork":false}}"#,
            Ok(r#"{"metadata":{"labels":{"a":"1","b":"2"}},"spec":{"hostNetwork":false}}"#),
        );
        check(("example.com/v1", "Widget"), r#"{"spec":{"a":1}}"#, r#"{"spec":{"b":{"c":2}}}"#, Ok(r#"{"spec":{"a":1,"b":{"c":2}}}"#));
    }

    #[test]
    fn lists_with_keys_merge_item_by_item() {
        check(
            POD,
            r#"{"spec":{"containers":[{"name":"a","image":"x"},{"name":"b","image":"y"}]}}"#,
            r#"{"spec":{"containers":[{"name":"b","image":"z"},{"name":"c"}]}}"#,
            Ok(r#"{"spec":{"containers":[{"name":"a","image":"x"},{"name":"b","image":"z"},{"name":"c"}]}}"#),
        );
        check(
            POD,
            r#"{"spec":{"initContainers":[{"name":"a"}]}}"#,
            r#"{"spec":{"initContainers":[{"name":"mesh-proxy","restartPolicy":"Always"}]}}"#,
            Ok(r#"{"spec":{"initContainers":[{"name":"a"},{"name":"mesh-proxy","restartPolicy":"Always"}]}}"#),
        );
        let ports = |list: &str| format!(r#"{{"spec":{{"containers":[{{"name":"a","ports":[{list}]}}]}}}}"#);
        check(
            POD,
            &ports(r#"{"containerPort":80,"protocol":"TCP"}"#),
            &ports(r#"{"containerPort":80,"name":"http"}"#),
            Ok(&ports(r#"{"containerPort":80,"protocol":"TCP","name":"http"}"#)),
        );
        check(
            POD,
            r#"{"metadata":{"finalizers":["a","b"]}}"#,
            r#"{"metadata":{"finalizers":["b","c"]}}"#,
            Ok(r#"{"metadata":{"finalizers":["a","b","c"]}}"#),
        );
    }

    #[test]
    fn items_of_the_patch_keep_their_order() {
        let containers = |names: &[&str]| {
            let list: Vec<String> = names.iter().map(|name| format!(r#"{{"name":"{name}"}}"#)).collect();
            format!(r#"{{"spec":{{"containers":[{}]}}}}"#, list.join(","))
        };
        let order = |ours: &[&str], theirs: &[&str], expected: &[&str]| {
            check(POD, &containers(ours), &containers(theirs), Ok(&containers(expected)));
        };
        order(&["a", "b", "c"], &["b"], &["a", "b", "c"]);
        order(&["a", "b", "c"], &["c", "a"], &["b", "c", "a"]);
        order(&["a", "b"], &["x", "b"], &["a", "x", "b"]);
        order(&[], &["x"], &["x"]);
    }

    #[test]
    fn what_the_server_refuses_is_refused() {
        let args = r#"{"spec":{"containers":[{"name":"a","args":["x"]}]}}"#;
        check(POD, "{}", args, Err("atomic lists, maps or structures may not be changed in part: .spec.containers[0].args"));
        check(
            ("example.com/v1", "Widget"),
            "{}",
            r#"{"spec":{"list":[1]}}"#,
            Err("atomic lists, maps or structures may not be changed in part: .spec.list"),
        );
        check(
            POD,
            r#"{"spec":{"containers":[{"name":"a"}]}}"#,
            r#"{"spec":{"containers":[{"image":"x"}]}}"#,
            Err("`spec.containers[0]`: it has none of the keys name"),
        );
        check(
            POD,
            r#"{"spec":{"containers":[{"name":"a"}]}}"#,
            r#"{"spec":{"containers":[{"name":"b"},{"name":"b"}]}}"#,
            Err("`spec.containers[1]`: another item has the same keys"),
        );
        check(POD, r#"{"spec":{}}"#, r#"{"spec":3}"#, Err("`spec`: a number cannot take the place of a map"));
    }
}
