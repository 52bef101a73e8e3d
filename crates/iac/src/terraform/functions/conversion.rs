//! Functions that change types or marks.

use std::sync::Arc;

use probity_value::{Data, Map, Value};

use super::support::{Call, Stop, describe, to_bool, to_number, to_text, unify};
use super::{ANY, Function, set};

pub(super) fn find(name: &str) -> Option<Function> {
    Some(match name {
        "ephemeralasnull" => Function::open(1, 1, |call| Ok(call.arg(0)?.clone())).nullable(),
        "flip_sensitive" => Function::open(1, 1, |call| mark(call, !call.arg(0)?.sensitive)).nullable(),
        "issensitive" => Function::open(1, 1, |call| Ok(call.bool(call.arg(0)?.sensitive))),
        "list" => Function::open(0, ANY, |call| Ok(Value::list(unify(call.args), call.cx.span))),
        "map" => Function::open(0, ANY, map),
        "nonsensitive" => Function::open(1, 1, |call| mark(call, false)).nullable(),
        "sensitive" => Function::open(1, 1, |call| mark(call, true)).nullable(),
        "tobool" => Function::open(1, 1, |call| scalar(call, "a bool", |value| to_bool(value).map(Data::Bool))).nullable(),
        "tolist" => Function::open(1, 1, tolist).nullable(),
        "tomap" => Function::open(1, 1, tomap).nullable(),
        "tonumber" => Function::open(1, 1, |call| scalar(call, "a number", |value| to_number(value).map(Data::Number))).nullable(),
        "toset" => Function::open(1, 1, toset).nullable(),
        "tostring" => Function::open(1, 1, |call| scalar(call, "a string", |value| to_text(value).map(Data::String))).nullable(),
        _ => return None,
    })
}

fn mark(call: &Call<'_>, sensitive: bool) -> Result<Value, Stop> {
    Ok(Value { sensitive, ..call.arg(0)?.clone() })
}

/// Converts a scalar in place: its span, origin and marks stay. Null and unknown pass through.
fn scalar(call: &Call<'_>, wanted: &str, convert: fn(&Value) -> Option<Data>) -> Result<Value, Stop> {
    let value = call.arg(0)?;
    if value.is_null() || value.is_unknown() {
        return Ok(value.clone());
    }
    let shown = match value.as_str() {
        Some(text) if !value.sensitive && text.chars().count() <= 40 => format!("`{text}`"),
        _ => describe(value).to_owned(),
    };
    match convert(value) {
        Some(data) => Ok(Value { data, ..value.clone() }),
        None => Err(call.error(format!("{shown} cannot become {wanted}"))),
    }
}

/// The argument with other items.
fn with_items(value: &Value, items: Vec<Value>) -> Value {
    Value { data: Data::List(Arc::new(items)), ..value.clone() }
}

fn tolist(call: &Call<'_>) -> Result<Value, Stop> {
    let value = call.arg(0)?;
    match &value.data {
        Data::Null | Data::Unknown(_) => Ok(value.clone()),
        Data::List(items) => Ok(with_items(value, unify(items))),
        _ => Err(call.error(format!("{} cannot become a list", describe(value)))),
    }
}

fn toset(call: &Call<'_>) -> Result<Value, Stop> {
    let value = call.arg(0)?;
    match &value.data {
        Data::Null | Data::Unknown(_) => Ok(value.clone()),
        Data::List(items) => Ok(with_items(value, set::from_items(call, unify(items))?)),
        _ => Err(call.error(format!("{} cannot become a set", describe(value)))),
    }
}

fn tomap(call: &Call<'_>) -> Result<Value, Stop> {
    let value = call.arg(0)?;
    match &value.data {
        Data::Null | Data::Unknown(_) => Ok(value.clone()),
        Data::Map(map) => {
            let items: Vec<Value> = map.values().cloned().collect();
            let mut out = Map::new();
            for ((key, entry), item) in map.iter().zip(unify(&items)) {
                out.insert(Arc::clone(key), entry.key, item);
            }
            Ok(Value { data: Data::Map(Arc::new(out)), ..value.clone() })
        }
        _ => Err(call.error(format!("{} cannot become a map", describe(value)))),
    }
}

/// `map("a", 1, "b", 2)` of Terraform before 0.12, still met in old modules.
fn map(call: &Call<'_>) -> Result<Value, Stop> {
    if !call.args.len().is_multiple_of(2) {
        return Err(call.error("wants keys and values in turn"));
    }
    let mut out = Map::new();
    for index in (0..call.args.len()).step_by(2) {
        let key = call.text(index)?;
        out.insert(key, call.arg(index)?.span, call.arg(index + 1)?.clone());
    }
    Ok(Value::map(out, call.cx.span))
}
