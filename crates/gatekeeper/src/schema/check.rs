//! Whether a value fits a schema.

use std::collections::BTreeSet;

use probity_value::{Data, Number, Span, Value};

use super::{Additional, Kind, Path, Schema, Step, format, structural::type_of};

/// After this many nothing more is said.
const MAX_VIOLATIONS: usize = 50;

/// Where a value does not fit.
#[derive(Debug)]
pub(crate) struct Violation {
    pub(crate) at: Span,
    pub(crate) message: String,
}

/// Everything in which a value does not fit a schema.
pub(crate) fn violations(value: &Value, schema: &Schema, path: &Path<'_>) -> Vec<Violation> {
    let mut out = Vec::new();
    check(value, schema, path, &mut out);
    out
}

fn say(out: &mut Vec<Violation>, value: &Value, path: &Path<'_>, says: &str) {
    if out.len() < MAX_VIOLATIONS {
        out.push(Violation { at: value.span, message: format!("`{path}` {says}") });
    }
}

fn check(value: &Value, schema: &Schema, path: &Path<'_>, out: &mut Vec<Violation>) {
    if out.len() >= MAX_VIOLATIONS {
        return;
    }
    if let Data::Unknown(unknown) = &value.data {
        say(out, value, path, &format!("cannot be known here: {}", unknown.reason));
        return;
    }
    if !typed(value, schema, path, out) {
        return;
    }
    if !schema.enumeration.is_empty() && !schema.enumeration.contains(value) && !(value.is_null() && schema.nullable) {
        let known: Vec<String> = schema.enumeration.iter().map(|known| probity_value::json::write(known).unwrap_or_default()).collect();
        say(out, value, path, &format!("has to be one of {}", known.join(", ")));
    }
    match &value.data {
        Data::Number(number) => numeric(value, *number, schema, path, out),
        Data::String(text) => textual(value, text, schema, path, out),
        Data::List(items) => list(value, items, schema, path, out),
        Data::Map(map) => object(value, map, schema, path, out),
        _ => {}
    }
    logic(value, schema, path, out);
}

/// Whether the type is right; where not, that is said and nothing more.
fn typed(value: &Value, schema: &Schema, path: &Path<'_>, out: &mut Vec<Violation>) -> bool {
    let given = type_of(value);
    if schema.int_or_string {
        let fits = match &value.data {
            Data::Number(number) => is_whole(*number),
            Data::String(_) => true,
            Data::Null => schema.nullable,
            _ => false,
        };
        if !fits {
            say(out, value, path, &format!("has to be a whole number or text, but is of type {given}"));
        }
        return fits;
    }
    let Some(kind) = schema.kind else { return true };
    let fits = match (kind, &value.data) {
        (_, Data::Null) => schema.nullable,
        (Kind::Object, Data::Map(_)) | (Kind::Array, Data::List(_)) => true,
        (Kind::String, Data::String(_)) | (Kind::Boolean, Data::Bool(_)) | (Kind::Number, Data::Number(_)) => true,
        (Kind::Integer, Data::Number(number)) => is_whole(*number),
        _ => false,
    };
    if !fits {
        say(out, value, path, &format!("has to be of type {}, but is of type {given}", kind.as_str()));
    }
    fits
}

fn is_whole(number: Number) -> bool {
    match number {
        Number::Int(_) => true,
        Number::Float(value) => value.fract() == 0.0,
    }
}

fn numeric(value: &Value, number: Number, schema: &Schema, path: &Path<'_>, out: &mut Vec<Violation>) {
    let given = number.as_f64();
    let range = match schema.format.as_deref() {
        Some("int32") => Some((f64::from(i32::MIN), f64::from(i32::MAX))),
        Some("uint32") => Some((0.0, f64::from(u32::MAX))),
        Some("uint64") => Some((0.0, f64::MAX)),
        _ => None,
    };
    if let (Some(Kind::Integer), Some((least, most)), Some(format)) = (schema.kind, range, &schema.format)
        && (given < least || given > most)
    {
        say(out, value, path, &format!("has to be an integer with the format {format}"));
    }
    if let Some(minimum) = schema.minimum
        && (given < minimum || (schema.exclusive_minimum && given <= minimum))
    {
        say(out, value, path, &format!("has to be {} {minimum}", if schema.exclusive_minimum { "greater than" } else { "at least" }));
    }
    if let Some(maximum) = schema.maximum
        && (given > maximum || (schema.exclusive_maximum && given >= maximum))
    {
        say(out, value, path, &format!("has to be {} {maximum}", if schema.exclusive_maximum { "less than" } else { "at most" }));
    }
    if let Some(step) = schema.multiple_of
        && step > 0.0
        && (given / step).fract() != 0.0
    {
        say(out, value, path, &format!("has to be a multiple of {step}"));
    }
}

fn textual(value: &Value, text: &str, schema: &Schema, path: &Path<'_>, out: &mut Vec<Violation>) {
    let length = || i64::try_from(text.chars().count()).unwrap_or(i64::MAX);
    if let Some(least) = schema.min_length
        && length() < least
    {
        say(out, value, path, &format!("has to have at least {least} characters"));
    }
    if let Some(most) = schema.max_length
        && length() > most
    {
        say(out, value, path, &format!("may have at most {most} characters"));
    }
    if let Some(pattern) = &schema.pattern
        && !pattern.regex.as_ref().is_ok_and(|regex| regex.is_match(text))
    {
        say(out, value, path, &format!("has to match `{}`", pattern.text));
    }
    if let Some(name) = &schema.format
        && !format::fits(name, text)
    {
        say(out, value, path, &format!("has to be a {name}"));
    }
}

fn list(value: &Value, items: &[Value], schema: &Schema, path: &Path<'_>, out: &mut Vec<Violation>) {
    let length = i64::try_from(items.len()).unwrap_or(i64::MAX);
    if let Some(least) = schema.min_items
        && length < least
    {
        say(out, value, path, &format!("has to have at least {least} items"));
    }
    if let Some(most) = schema.max_items
        && length > most
    {
        say(out, value, path, &format!("may have at most {most} items"));
    }
    if schema.unique_items && has_twice(items) {
        say(out, value, path, "may not have an item twice");
    }
    if let Some(below) = &schema.items {
        for (index, item) in items.iter().enumerate() {
            check(item, below, &path.child(Step::Index(index)), out);
        }
    }
}

fn has_twice(items: &[Value]) -> bool {
    let mut seen = BTreeSet::new();
    items.iter().filter_map(|item| probity_value::json::write(item)).any(|text| !seen.insert(text))
}

fn object(value: &Value, map: &probity_value::Map, schema: &Schema, path: &Path<'_>, out: &mut Vec<Violation>) {
    let length = i64::try_from(map.len()).unwrap_or(i64::MAX);
    if let Some(least) = schema.min_properties
        && length < least
    {
        say(out, value, path, &format!("has to have at least {least} fields"));
    }
    if let Some(most) = schema.max_properties
        && length > most
    {
        say(out, value, path, &format!("may have at most {most} fields"));
    }
    for name in &schema.required {
        if !map.contains_key(name) {
            say(out, value, &path.key(name), "is required");
        }
    }
    for (key, entry) in map.iter() {
        match (schema.property(key), &schema.additional) {
            (Some(property), _) => check(&entry.value, property, &path.key(key), out),
            (None, Additional::Of(values)) => check(&entry.value, values, &path.key(key), out),
            (None, Additional::Allowed(false)) => say(out, &entry.value, &path.key(key), "is a field that is not allowed"),
            (None, _) => {}
        }
    }
}

fn logic(value: &Value, schema: &Schema, path: &Path<'_>, out: &mut Vec<Violation>) {
    for part in &schema.all_of {
        check(value, part, path, out);
    }
    let fits = |part: &Schema| {
        let mut found = Vec::new();
        check(value, part, path, &mut found);
        found.is_empty()
    };
    if !schema.any_of.is_empty() && !schema.any_of.iter().any(fits) {
        say(out, value, path, "has to fit at least one of the schemas of `anyOf`");
    }
    if !schema.one_of.is_empty() && schema.one_of.iter().filter(|part| fits(part)).count() != 1 {
        say(out, value, path, "has to fit exactly one of the schemas of `oneOf`");
    }
    if schema.not.as_deref().is_some_and(fits) {
        say(out, value, path, "may not fit the schema of `not`");
    }
}

/// A field no schema knows.
#[derive(Debug)]
pub(crate) struct Unknown {
    pub(crate) at: Span,
    pub(crate) path: String,
}

/// Fields of a value that its schema does not know and would drop. Without a schema every field is unknown.
pub(crate) fn unknown_fields(value: &Value, schema: Option<&Schema>, path: &Path<'_>) -> Vec<Unknown> {
    let mut out = Vec::new();
    prune(value, schema, path, false, &mut out);
    out
}

/// The fields of every object that are no part of its schema.
const META: [&str; 3] = ["apiVersion", "kind", "metadata"];

fn prune(value: &Value, schema: Option<&Schema>, path: &Path<'_>, keeping: bool, out: &mut Vec<Unknown>) {
    if out.len() >= MAX_VIOLATIONS {
        return;
    }
    let keeps = keeping || schema.is_some_and(Schema::keeps_unknown);
    match &value.data {
        Data::Map(map) => {
            for (key, entry) in map.iter() {
                if schema.is_some_and(|schema| schema.embedded) && META.contains(&&**key) {
                    continue;
                }
                let below = path.key(key);
                let property = schema.and_then(|schema| schema.property(key));
                let additional = schema.map(|schema| &schema.additional);
                match (property, additional) {
                    (Some(property), _) => prune(&entry.value, Some(property), &below, false, out),
                    (None, Some(Additional::Of(values))) => prune(&entry.value, Some(values), &below, false, out),
                    (None, Some(Additional::Allowed(_))) if !keeps => prune(&entry.value, None, &below, false, out),
                    _ if keeps => {}
                    _ => out.push(Unknown { at: entry.key.or(entry.value.span), path: below.to_string() }),
                }
            }
        }
        Data::List(items) => {
            for (index, item) in items.iter().enumerate() {
                let below = schema.and_then(|schema| schema.items.as_deref());
                if keeps && below.is_none() {
                    continue;
                }
                prune(item, below, &path.child(Step::Index(index)), keeps, out);
            }
        }
        _ => {}
    }
}
