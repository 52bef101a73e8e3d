//! What anchors make of a strategic merge patch before it is merged (`pkg/engine/mutate/patch/strategicPreprocessing.go`).
//!
//! Conditions are checked against the object and taken out; `+(key)` becomes `key` where the object does not have it and goes where it
//! has; elements of lists with conditions become one element for each element of the object that fits, by its name. Steps and their order
//! are those of the original, also where they look odd: what is left of a patch depends on them.

use std::sync::Arc;

use probity_value::{Data, Map, Value};

use crate::json::write_number;
use crate::pattern::{Anchor, FailureKind, Modifier, Pattern};

/// Why a patch is not applied.
#[derive(Debug)]
pub(super) enum Fault {
    /// A condition does not hold: the patch does nothing.
    Condition,
    /// A global condition does not hold: the patch does nothing.
    Global,
    /// Whether a condition holds is not known.
    Unknown(String),
    /// The patch does not fit the object.
    Wrong(String),
}

/// The patch without anchors, for one object.
pub(super) fn preprocess(pattern: &mut Value, object: &Value) -> Result<(), Fault> {
    recursive(pattern, Some(object))?;
    let Data::Map(map) = &mut pattern.data else { return Ok(()) };
    let map = Arc::make_mut(map);
    for key in keys(map) {
        let is_condition = is_condition(&key);
        let Some(value) = map.get_mut(&key) else { continue };
        if without_anchors(value, is_condition)? {
            map.remove(&key);
        }
    }
    Ok(())
}

fn keys(map: &Map) -> Vec<Arc<str>> {
    map.keys().cloned().collect()
}

fn modifier(key: &str) -> Option<Modifier> {
    Anchor::parse(key).map(|anchor| anchor.modifier)
}

fn is_condition(key: &str) -> bool {
    matches!(modifier(key), Some(Modifier::Condition | Modifier::Global))
}

/// Whether an anchor is one that has to go before the merge.
fn counts(modifier: Modifier) -> bool {
    matches!(modifier, Modifier::Condition | Modifier::Global | Modifier::AddIfNotPresent)
}

/// A field of the object, if it has it.
fn field<'v>(object: Option<&'v Value>, key: &str) -> Result<Option<&'v Value>, Fault> {
    match object.map(|object| &object.data) {
        Some(Data::Unknown(unknown)) => Err(Fault::Unknown(unknown.reason.to_string())),
        Some(Data::Map(map)) => Ok(map.get(key)),
        _ => Ok(None),
    }
}

/// Puts a key in the place of another.
fn rename(map: &mut Map, old: &str, new: &str) {
    if map.contains_key(new) {
        // The first of two fields of a name is the one that counts.
        let first = map.keys().find(|key| ***key == *old || ***key == *new).cloned();
        if first.as_deref() == Some(new) {
            map.remove(old);
            return;
        }
        map.remove(new);
    }
    let renamed = map.iter().map(|(key, entry)| (if **key == *old { Arc::from(new) } else { Arc::clone(key) }, entry.clone())).collect();
    *map = renamed;
}

fn recursive(pattern: &mut Value, object: Option<&Value>) -> Result<(), Fault> {
    match &mut pattern.data {
        Data::Map(map) => walk_map(Arc::make_mut(map), object),
        Data::List(items) if matches!(items.first().map(|item| &item.data), Some(Data::Map(_))) => walk_list(Arc::make_mut(items), object),
        _ => Ok(()),
    }
}

fn walk_map(pattern: &mut Map, object: Option<&Value>) -> Result<(), Fault> {
    add_if_not_present(pattern, object)?;
    if !conditions_hold(pattern, object, Modifier::Global)? {
        return Err(Fault::Global);
    }
    if !conditions_hold(pattern, object, Modifier::Condition)? {
        return Err(Fault::Condition);
    }
    for key in keys(pattern) {
        if modifier(&key).is_some_and(counts) {
            continue;
        }
        let Some(value) = pattern.get_mut(&key) else { continue };
        if matches!(value.data, Data::Map(_) | Data::List(_)) {
            // An object that is not known matters only where something depends on it.
            let there = match field(object, &key) {
                Err(Fault::Unknown(_)) if !has_anchors(value, &counts) => None,
                there => there?,
            };
            recursive(value, there)?;
        }
    }
    Ok(())
}

/// Takes away what is there already, and the anchors of what is not; how many there were.
fn add_if_not_present(pattern: &mut Map, object: Option<&Value>) -> Result<usize, Fault> {
    let mut count = 0;
    for written in keys(pattern) {
        let Some(Anchor { modifier: Modifier::AddIfNotPresent, key }) = Anchor::parse(&written) else { continue };
        count += 1;
        if field(object, key)?.is_some() {
            pattern.remove(&written);
        } else {
            rename(pattern, &written, key);
        }
    }
    Ok(count)
}

fn conditions_hold(pattern: &mut Map, object: Option<&Value>, wanted: Modifier) -> Result<bool, Fault> {
    for written in keys(pattern) {
        let Some(Anchor { modifier, key }) = Anchor::parse(&written) else { continue };
        if modifier != wanted {
            continue;
        }
        let Some(there) = field(object, key)? else { return Ok(false) };
        let Some(condition) = pattern.get_mut(&written) else { continue };
        if let Data::Map(map) = &mut condition.data
            && add_if_not_present(Arc::make_mut(map), Some(there))? > 0
        {
            continue;
        }
        match Pattern::compile(&as_text(condition)).matches(&as_text(there)) {
            Ok(()) => {}
            Err(failure) if failure.kind == FailureKind::Unknown => return Err(Fault::Unknown(failure.message)),
            Err(_) => return Ok(false),
        }
    }
    Ok(true)
}

/// Scalars are compared as the text they are written as.
fn as_text(value: &Value) -> Value {
    let text = match &value.data {
        Data::Null => "null".to_owned(),
        Data::Bool(value) => value.to_string(),
        Data::Number(number) => {
            let mut text = String::new();
            write_number(*number, &mut text);
            text
        }
        _ => return value.clone(),
    };
    Value { data: Data::String(text.into()), ..value.clone() }
}

fn walk_list(pattern: &mut Vec<Value>, object: Option<&Value>) -> Result<(), Fault> {
    let there: &[Value] = match object.map(|object| &object.data) {
        None => &[],
        Some(Data::List(items)) => items,
        Some(Data::Unknown(unknown)) if pattern.iter().any(|element| has_anchors(element, &counts)) => {
            return Err(Fault::Unknown(unknown.reason.to_string()));
        }
        Some(Data::Unknown(_)) => return Ok(()),
        Some(_) => return Err(Fault::Wrong("the patch has a list where the object has none".to_owned())),
    };
    let written = pattern.clone();
    for element in &written {
        if !has_anchors(element, &counts) {
            continue;
        }
        let has_global = has_anchors(element, &|modifier| modifier == Modifier::Global);
        let (mut any_global, mut failed_global) = (false, false);
        // One copy meets all elements of the object, one after the other, as it is by then.
        let mut copy = element.clone();
        for item in there {
            match recursive(&mut copy, Some(item)) {
                Err(Fault::Condition) => continue,
                Err(Fault::Global) => {
                    failed_global = true;
                    continue;
                }
                other => other?,
            }
            if has_global {
                any_global = true;
            } else {
                pattern.extend(by_name(&copy, item)?);
            }
        }
        if object.is_none() {
            match recursive(&mut copy, None) {
                Err(Fault::Condition) => continue,
                other => other?,
            }
            any_global |= has_global;
        }
        if !any_global && failed_global {
            return Err(Fault::Global);
        }
    }
    Ok(())
}

/// The element for one element of the object: without anchors and with its name. Elements without a name cannot be found again by the
/// merge and are left out.
fn by_name(element: &Value, item: &Value) -> Result<Option<Value>, Fault> {
    let Some(name) = field(Some(item), "name")? else { return Ok(None) };
    if let Data::Unknown(unknown) = &name.data {
        return Err(Fault::Unknown(unknown.reason.to_string()));
    }
    if is_empty(name) {
        return Ok(None);
    }
    let mut new = element.clone();
    if without_anchors(&mut new, true)? {
        return Ok(None);
    }
    let Data::Map(map) = &mut new.data else { return Ok(None) };
    let map = Arc::make_mut(map);
    match map.get_mut("name") {
        Some(old) => *old = name.clone(),
        None => {
            map.insert("name", name.span, name.clone());
        }
    }
    Ok(Some(new))
}

fn is_empty(value: &Value) -> bool {
    match &value.data {
        Data::Null => true,
        Data::List(items) => items.is_empty(),
        Data::Map(map) => map.is_empty(),
        _ => false,
    }
}

fn has_anchors(pattern: &Value, wanted: &dyn Fn(Modifier) -> bool) -> bool {
    match &pattern.data {
        Data::Map(map) => map
            .iter()
            .any(|(key, entry)| modifier(key).is_some_and(wanted) || (!is_empty(&entry.value) && has_anchors(&entry.value, wanted))),
        Data::List(items) => items.iter().any(|item| has_anchors(item, wanted)),
        Data::String(text) => is_condition(text),
        _ => false,
    }
}

/// Takes the anchors out of a part of the patch. True where nothing is left that the patch says, so that the part has to go: a map of
/// nothing would take away what the object has there.
fn without_anchors(pattern: &mut Value, scalars_go: bool) -> Result<bool, Fault> {
    match &mut pattern.data {
        Data::Map(map) => map_without_anchors(Arc::make_mut(map)),
        Data::List(items) => list_without_anchors(Arc::make_mut(items)),
        _ => Ok(scalars_go),
    }
}

fn map_without_anchors(map: &mut Map) -> Result<bool, Fault> {
    let mut left = Vec::new();
    for written in keys(map) {
        if !is_condition(&written) {
            continue;
        }
        let Some(value) = map.get_mut(&written) else { continue };
        if without_anchors(value, true)? {
            map.remove(&written);
        } else {
            left.push(written);
        }
    }
    for written in left {
        if let Some(anchor) = Anchor::parse(&written) {
            rename(map, &written, anchor.key);
        }
    }
    let mut nothing = true;
    for key in keys(map) {
        let Some(value) = map.get_mut(&key) else { continue };
        if without_anchors(value, false)? {
            map.remove(&key);
        } else {
            nothing = false;
        }
    }
    Ok(nothing)
}

fn list_without_anchors(items: &mut Vec<Value>) -> Result<bool, Fault> {
    let was_empty = items.is_empty();
    let mut kept = Vec::with_capacity(items.len());
    for mut item in std::mem::take(items) {
        let goes = has_anchors(&item, &counts) || without_anchors(&mut item, false)?;
        if !goes {
            kept.push(item);
        }
    }
    *items = kept;
    Ok(items.is_empty() && !was_empty)
}
