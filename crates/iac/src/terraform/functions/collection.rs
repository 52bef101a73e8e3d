//! Functions over lists and maps. Items and entries pass through with their own spans and origins.

use std::sync::Arc;

use probity_value::{Data, Map, Span, Unknown, Value};
use unicode_segmentation::UnicodeSegmentation as _;

use super::support::{Call, MAX_ITEMS, Stop, describe, equal, surely_text, to_text, unify};
use super::{ANY, Function, REST};

pub(super) fn find(name: &str) -> Option<Function> {
    Some(match name {
        "chunklist" => Function::open(2, 2, chunklist),
        "coalesce" => Function::open(1, ANY, coalesce),
        "coalescelist" => Function::open(1, ANY, coalescelist),
        "compact" => Function::open(1, 1, compact),
        "concat" => Function::open(1, ANY, concat),
        "contains" => Function::plain(2, 2, contains),
        "element" => Function::open(2, 2, element).nullable(),
        "flatten" => Function::open(1, 1, flatten),
        "index" => Function::plain(2, 2, index),
        "keys" => Function::open(1, 1, keys),
        "length" => Function::open(1, 1, length),
        "lookup" => Function::open(2, 3, lookup).nullable(),
        "matchkeys" => Function::open(3, 3, matchkeys),
        "merge" => Function::open(0, ANY, merge),
        "one" => Function::open(1, 1, one).nullable(),
        "reverse" => Function::open(1, 1, |call| Ok(call.list_value(call.list(0)?.iter().rev().cloned().collect()))),
        "slice" => Function::open(3, 3, slice),
        "sort" => Function::open(1, 1, sort),
        "transpose" => Function::plain(1, 1, transpose),
        "values" => Function::open(1, 1, values),
        "zipmap" => Function::open(2, 2, zipmap),
        _ => return None,
    })
}

fn length(call: &Call<'_>) -> Result<Value, Stop> {
    let value = call.known(0)?;
    let count = match &value.data {
        Data::List(items) => items.len(),
        Data::Map(map) => map.len(),
        Data::String(text) => text.graphemes(true).count(),
        _ => return Err(call.error(format!("wants a list, a map or a string, not {}", describe(value)))),
    };
    Ok(call.marked(call.int_value(i64::try_from(count).unwrap_or(i64::MAX)), false))
}

fn chunklist(call: &Call<'_>) -> Result<Value, Stop> {
    let items = unify(call.list(0)?);
    let size = usize::try_from(call.int(1)?).map_err(|_| call.error("the size must not be negative"))?;
    let span = call.cx.span;
    let chunks = match size {
        _ if items.is_empty() => Vec::new(),
        0 => vec![Value::list(items, span)],
        _ => items.chunks(size).map(|chunk| Value::list(chunk.to_vec(), span)).collect(),
    };
    Ok(call.list_value(chunks))
}

fn coalesce(call: &Call<'_>) -> Result<Value, Stop> {
    let unified = unify(call.args);
    for value in &unified {
        match &value.data {
            Data::Null => {}
            Data::String(text) if text.is_empty() => {}
            Data::Unknown(unknown) if !(unknown.set || surely_text(value)) => return Err(Stop::With(call.unknown(unknown))),
            _ => return Ok(value.clone()),
        }
    }
    Err(call.error("every argument is null or an empty string"))
}

fn coalescelist(call: &Call<'_>) -> Result<Value, Stop> {
    for (at, value) in call.args.iter().enumerate() {
        match &value.data {
            Data::Null => {}
            Data::List(items) if items.is_empty() => {}
            Data::Map(map) if map.is_empty() => {}
            Data::List(_) | Data::Map(_) => return Ok(value.clone()),
            Data::Unknown(unknown) => return Err(Stop::With(call.unknown(unknown))),
            _ => return Err(call.error(format!("argument {} must be a list, not {}", at + 1, describe(value)))),
        }
    }
    Err(call.error("every list is empty"))
}

fn compact(call: &Call<'_>) -> Result<Value, Stop> {
    let mut out = Vec::new();
    for item in call.list(0)? {
        match &item.data {
            Data::Null => {}
            Data::String(text) if text.is_empty() => {}
            Data::Unknown(unknown) if !surely_text(item) => return Err(Stop::With(call.unknown(unknown))),
            Data::Unknown(_) | Data::String(_) => out.push(item.clone()),
            _ => match to_text(item) {
                Some(text) => out.push(Value { data: Data::String(text), ..item.clone() }),
                None => return Err(call.error(format!("every item must be a string, but one is {}", describe(item)))),
            },
        }
    }
    Ok(call.list_value(out))
}

fn concat(call: &Call<'_>) -> Result<Value, Stop> {
    let mut out = Vec::new();
    for index in 0..call.args.len() {
        let items = call.list(index)?;
        call.room_for_items(items.len().saturating_add(out.len()).min(MAX_ITEMS + 1))?;
        out.extend_from_slice(items);
    }
    Ok(call.list_value(out))
}

fn contains(call: &Call<'_>) -> Result<Value, Stop> {
    let wanted = call.arg(1)?;
    let mut open = false;
    for item in call.list(0)? {
        match equal(item, wanted) {
            Some(true) => return Ok(call.bool(true)),
            Some(false) => {}
            None => open = true,
        }
    }
    if open {
        call.wholly_known(1)?;
        call.wholly_known(0)?;
    }
    Ok(call.bool(false))
}

fn element(call: &Call<'_>) -> Result<Value, Stop> {
    let list = call.known(0)?;
    let items = call.list(0)?;
    if items.is_empty() {
        return Err(call.error("an empty list has no elements"));
    }
    // Whatever the number is, there is only one to take.
    if let [single] = items {
        return Ok(call.passed(single, list));
    }
    let count = i64::try_from(items.len()).unwrap_or(i64::MAX);
    let at = usize::try_from(call.int(1)?.rem_euclid(count)).unwrap_or(0);
    match items.get(at) {
        Some(item) => Ok(call.passed(item, list)),
        None => Err(call.error("there is no such element")),
    }
}

fn flatten(call: &Call<'_>) -> Result<Value, Stop> {
    let mut out = Vec::new();
    flatten_into(call, call.list(0)?, &mut out, 0)?;
    Ok(call.list_value(out))
}

/// Lists may be nested this deep.
const MAX_NESTING: usize = 128;

fn flatten_into(call: &Call<'_>, items: &[Value], out: &mut Vec<Value>, depth: usize) -> Result<(), Stop> {
    if depth > MAX_NESTING {
        return Err(call.error(format!("lists are nested more than {MAX_NESTING} deep")));
    }
    for item in items {
        match &item.data {
            Data::List(inner) => flatten_into(call, inner, out, depth + 1)?,
            // It may be a list of any length.
            Data::Unknown(unknown) if !surely_text(item) => return Err(Stop::With(call.unknown(unknown))),
            _ => {
                if out.len() >= MAX_ITEMS {
                    call.room_for_items(out.len() + 1)?;
                }
                call.spend(1)?;
                out.push(item.clone());
            }
        }
    }
    Ok(())
}

fn index(call: &Call<'_>) -> Result<Value, Stop> {
    let items = call.list(0)?;
    let wanted = call.arg(1)?;
    for (at, item) in items.iter().enumerate() {
        match equal(item, wanted) {
            Some(true) => return Ok(call.int_value(i64::try_from(at).unwrap_or(i64::MAX))),
            Some(false) => {}
            None => {
                call.wholly_known(1)?;
                call.wholly_known(0)?;
            }
        }
    }
    Err(call.error(if items.is_empty() { "the list is empty" } else { "the item is not in the list" }))
}

/// Entries in the order of their keys, in which Terraform keeps its maps.
fn sorted(map: &Map) -> Vec<(&Arc<str>, &probity_value::Entry)> {
    let mut entries: Vec<_> = map.iter().collect();
    entries.sort_by_key(|(key, _)| *key);
    entries
}

fn keys(call: &Call<'_>) -> Result<Value, Stop> {
    let keys = sorted(call.map(0)?).into_iter().map(|(key, entry)| Value::string(Arc::clone(key), entry.key.or(call.cx.span))).collect();
    Ok(call.list_value(keys))
}

fn values(call: &Call<'_>) -> Result<Value, Stop> {
    Ok(call.list_value(sorted(call.map(0)?).into_iter().map(|(_, entry)| entry.value.clone()).collect()))
}

fn lookup(call: &Call<'_>) -> Result<Value, Stop> {
    if let (Ok(Data::Unknown(unknown)), Ok(key)) = (call.arg(0).map(|value| &value.data), call.text(1))
        && let Some(value) = unknown.decoded.as_ref().filter(|decoded| decoded.get(REST).is_some()).and_then(|decoded| decoded.get(&key))
    {
        return Ok(super::support::with_marks(value.clone(), call.args.iter().take(2), false));
    }
    let from = call.known(0)?;
    let map = call.map(0)?;
    if map.is_empty()
        && let Some(default) = call.args.get(2)
    {
        return Ok(default.clone());
    }
    let key = call.text(1)?;
    let marks = |value: Value| super::support::with_marks(value, call.args.iter().take(2), false);
    match (map.get(&key), call.args.get(2)) {
        (Some(value), _) => Ok(marks(value.clone())),
        (None, Some(default)) => {
            // A map of texts takes a default of another scalar type as text.
            let texts = map.values().any(|value| matches!(value.data, Data::String(_)));
            let data = match (&default.data, to_text(default)) {
                (Data::Bool(_) | Data::Number(_), Some(text)) if texts && !map.values().any(|value| value.as_str().is_none()) => {
                    Data::String(text)
                }
                (data, _) => data.clone(),
            };
            Ok(marks(Value { data, ..default.clone() }))
        }
        (None, None) => {
            let shown =
                if from.sensitive { "that key".to_owned() } else { format!("a key `{}`", key.chars().take(80).collect::<String>()) };
            Err(call.error(format!("the map has no {}", shown.trim_start_matches("a "))))
        }
    }
}

fn matchkeys(call: &Call<'_>) -> Result<Value, Stop> {
    let values = call.list(0)?;
    let (keys, wanted) = (call.list(1)?, call.list(2)?);
    if values.len() != keys.len() {
        return Err(call.error(format!("there are {} values, but {} keys", values.len(), keys.len())));
    }
    let all = unify(&[keys, wanted].concat());
    let (keys, wanted) = all.split_at_checked(keys.len()).unwrap_or((&all, &[]));
    let mut out = Vec::new();
    for (value, key) in values.iter().zip(keys) {
        call.spend(wanted.len() as u64 + 1)?;
        let mut found = Some(false);
        for candidate in wanted {
            match equal(key, candidate) {
                Some(true) => {
                    found = Some(true);
                    break;
                }
                Some(false) => {}
                None => found = None,
            }
        }
        match found {
            Some(true) => out.push(value.clone()),
            Some(false) => {}
            None => {
                call.wholly_known(1)?;
                call.wholly_known(2)?;
            }
        }
    }
    Ok(call.list_value(out))
}

/// Later maps win. One that is unknown as a whole could win everywhere, or add keys, so all is unknown then.
fn merge(call: &Call<'_>) -> Result<Value, Stop> {
    let mut out = Map::new();
    let mut nulls = 0;
    let mut open: Option<&Unknown> = None;
    for (at, value) in call.args.iter().enumerate() {
        match &value.data {
            Data::Null => {
                nulls += 1;
                continue;
            }
            // It may have any key, and so replace any value so far.
            Data::Unknown(unknown) => {
                open = open.or(Some(unknown));
                for key in out.keys().cloned().collect::<Vec<Arc<str>>>() {
                    if let Some(value) = out.get_mut(&key) {
                        *value = part_of(unknown, value.span);
                    }
                }
                // What is sure of a map that was merged before.
                let known = unknown.decoded.as_ref().and_then(Value::as_map).filter(|known| known.contains_key(REST));
                for (key, entry) in known.into_iter().flat_map(Map::iter).filter(|(key, _)| &***key != REST) {
                    out.insert(Arc::clone(key), entry.key, entry.value.clone());
                }
                continue;
            }
            _ => {}
        }
        let map = call.map(at)?;
        call.room_for_items(map.len().saturating_add(out.len()).min(MAX_ITEMS + 1))?;
        for (key, entry) in map.iter() {
            out.insert(Arc::clone(key), entry.key, entry.value.clone());
        }
    }
    if nulls > 0 && nulls == call.args.len() {
        return Ok(Value::null(call.cx.span));
    }
    let Some(open) = open else { return Ok(call.map_value(out)) };
    if out.is_empty() {
        return Err(Stop::With(call.unknown(open)));
    }
    // What is sure of it: these keys, and those after the last unknown with their values.
    out.insert(REST, call.cx.span, part_of(open, call.cx.span));
    let mut value = call.unknown(open);
    if let Data::Unknown(unknown) = &mut value.data {
        Arc::make_mut(unknown).decoded = Some(Value::map(out, call.cx.span));
    }
    Ok(value)
}

/// Something in an unknown.
fn part_of(unknown: &Unknown, span: Span) -> Value {
    let data = Unknown {
        kind: unknown.kind,
        reason: Arc::clone(&unknown.reason),
        set: false,
        prefix: "".into(),
        suffix: "".into(),
        decoded: None,
    };
    Value::new(Data::Unknown(Arc::new(data)), span)
}

fn one(call: &Call<'_>) -> Result<Value, Stop> {
    let list = call.known(0)?;
    match call.list(0)? {
        [] => Ok(call.marked(Value::null(call.cx.span), false)),
        [single] => Ok(call.passed(single, list)),
        more => Err(call.error(format!("wants a list with one item or none, not {}", more.len()))),
    }
}

fn slice(call: &Call<'_>) -> Result<Value, Stop> {
    let items = call.list(0)?;
    let (start, end) = (call.int(1)?, call.int(2)?);
    let part = match (usize::try_from(start), usize::try_from(end)) {
        (Ok(start), Ok(end)) => items.get(start..end),
        _ => None,
    };
    match part {
        Some(part) => Ok(call.list_value(part.to_vec())),
        None => Err(call.error(format!("{start} to {end} is not a part of a list of {} items", items.len()))),
    }
}

fn sort(call: &Call<'_>) -> Result<Value, Stop> {
    let texts = call.texts(0)?;
    let mut items: Vec<(Arc<str>, &Value)> = texts.into_iter().zip(call.list(0)?).collect();
    items.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(call.list_value(items.into_iter().map(|(text, item)| Value { data: Data::String(text), ..item.clone() }).collect()))
}

fn transpose(call: &Call<'_>) -> Result<Value, Stop> {
    let map = call.map(0)?;
    call.wholly_known(0)?;
    let mut out: std::collections::BTreeMap<Arc<str>, Vec<Value>> = std::collections::BTreeMap::new();
    for (key, entry) in sorted(map) {
        let items = entry.value.as_list().ok_or_else(|| call.error("every value must be a list of strings"))?;
        for item in items {
            call.spend(1)?;
            let item = to_text(item).ok_or_else(|| call.error("every value must be a list of strings"))?;
            let list = out.entry(item).or_default();
            if list.last().and_then(Value::as_str) != Some(&**key) {
                list.push(call.string(Arc::clone(key)));
            }
        }
    }
    let mut result = Map::new();
    for (key, items) in out {
        result.insert(key, call.cx.span, Value::list(items, call.cx.span));
    }
    Ok(Value::map(result, call.cx.span))
}

fn zipmap(call: &Call<'_>) -> Result<Value, Stop> {
    let keys = call.texts(0)?;
    let (places, values) = (call.list(0)?, call.list(1)?);
    if keys.len() != values.len() {
        return Err(call.error(format!("there are {} keys, but {} values", keys.len(), values.len())));
    }
    let mut out = Map::new();
    for ((key, place), value) in keys.into_iter().zip(places).zip(values) {
        out.insert(key, place.span, value.clone());
    }
    Ok(call.map_value(out))
}
