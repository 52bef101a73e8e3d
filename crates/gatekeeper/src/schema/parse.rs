//! From a document to a schema.

use std::sync::Arc;

use probity_value::{Map, Value};

use super::{Additional, Kind, Pattern, Schema};
use crate::read::{self, Fault};

const CODE: &str = "gatekeeper-schema";

/// Schemas may nest this deep.
const MAX_DEPTH: usize = 64;

/// Reads a schema; what has the wrong type is a fault, as the API server's decoder says it.
pub(crate) fn parse(value: &Value, warnings: &mut Vec<Fault>) -> Result<Schema, Fault> {
    schema(value, 0, warnings)
}

fn schema(value: &Value, depth: usize, warnings: &mut Vec<Fault>) -> Result<Schema, Fault> {
    if depth > MAX_DEPTH {
        return Err(Fault::new(CODE, value.span, format!("the schema nests more than {MAX_DEPTH} levels deep")));
    }
    let map = read::map(value, "a schema", CODE)?;
    let mut out = Schema { at: Some(value.span), ..Schema::default() };
    for (key, entry) in map.iter() {
        if !entry.value.is_null() {
            keyword(&mut out, key, &entry.value, depth, warnings)?;
        } else if **key == *"default" {
            out.default = None;
        }
    }
    Ok(out)
}

fn keyword(out: &mut Schema, key: &Arc<str>, value: &Value, depth: usize, warnings: &mut Vec<Fault>) -> Result<(), Fault> {
    let text = || read::text(value, key, CODE).cloned();
    match &**key {
        "type" => {
            let word = text()?;
            out.kind = Some(Kind::of(&word).ok_or_else(|| {
                let words = ["array", "boolean", "integer", "number", "object", "string"];
                Fault::new(CODE, value.span, format!("the type `{word}` is none of {}", read::known(&words)))
            })?);
        }
        "format" => out.format = Some(text()?),
        "title" => out.title = !text()?.is_empty(),
        "description" => out.description = !text()?.is_empty(),
        "nullable" => out.nullable = boolean(key, value)?,
        "default" => out.default = Some(value.clone()),
        "properties" => {
            for (name, entry) in read::map(value, key, CODE)?.iter() {
                out.properties.push((Arc::clone(name), schema(&entry.value, depth + 1, warnings)?));
            }
        }
        "additionalProperties" => {
            out.additional = match value.as_bool() {
                Some(allowed) => Additional::Allowed(allowed),
                None => Additional::Of(Box::new(schema(value, depth + 1, warnings)?)),
            };
        }
        "items" => match value.as_list() {
            Some(_) => out.items_listed = true,
            None => out.items = Some(Box::new(schema(value, depth + 1, warnings)?)),
        },
        "required" => out.required = texts(key, value)?,
        "enum" => out.enumeration = read::list(value, key, CODE)?.to_vec(),
        "pattern" => {
            let text = text()?;
            let regex = regex::RegexBuilder::new(&text).size_limit(1 << 22).build().map_err(|error| error.to_string());
            out.pattern = (!text.is_empty()).then_some(Pattern { text, regex });
        }
        "minimum" => out.minimum = Some(number(key, value)?),
        "maximum" => out.maximum = Some(number(key, value)?),
        "exclusiveMinimum" => out.exclusive_minimum = boolean(key, value)?,
        "exclusiveMaximum" => out.exclusive_maximum = boolean(key, value)?,
        "multipleOf" => out.multiple_of = Some(number(key, value)?),
        "minLength" => out.min_length = Some(whole(key, value)?),
        "maxLength" => out.max_length = Some(whole(key, value)?),
        "minItems" => out.min_items = Some(whole(key, value)?),
        "maxItems" => out.max_items = Some(whole(key, value)?),
        "minProperties" => out.min_properties = Some(whole(key, value)?),
        "maxProperties" => out.max_properties = Some(whole(key, value)?),
        "uniqueItems" => out.unique_items = boolean(key, value)?,
        "allOf" => out.all_of = schemas(key, value, depth, warnings)?,
        "anyOf" => out.any_of = schemas(key, value, depth, warnings)?,
        "oneOf" => out.one_of = schemas(key, value, depth, warnings)?,
        "not" => out.not = Some(Box::new(schema(value, depth + 1, warnings)?)),
        "x-kubernetes-preserve-unknown-fields" => out.preserve_unknown = Some(boolean(key, value)?),
        "x-kubernetes-embedded-resource" => out.embedded = boolean(key, value)?,
        "x-kubernetes-int-or-string" => out.int_or_string = boolean(key, value)?,
        "x-kubernetes-list-type" => out.list_type = Some(text()?),
        "x-kubernetes-list-map-keys" => out.list_map_keys = texts(key, value)?,
        "x-kubernetes-map-type" => out.map_type = Some(text()?),
        "x-kubernetes-validations" => out.rules = !read::list(value, key, CODE)?.is_empty(),
        "$ref" => forbid(out, "$ref", value),
        "id" => forbid(out, "id", value),
        "definitions" => forbid(out, "definitions", value),
        "dependencies" => forbid(out, "dependencies", value),
        "patternProperties" => forbid(out, "patternProperties", value),
        "additionalItems" => forbid(out, "additionalItems", value),
        // Said of the schema, not of the values.
        "$schema" | "externalDocs" | "example" => {}
        _ => similar(key, value, warnings),
    }
    Ok(())
}

/// A keyword nobody reads: a slip of the pen, which drops what it was to say.
fn similar(key: &str, value: &Value, warnings: &mut Vec<Fault>) {
    warnings.push(Fault::new(
        "gatekeeper-schema-keyword",
        value.span,
        format!("the keyword `{key}` of a schema is not known and says nothing"),
    ));
}

fn forbid(out: &mut Schema, key: &'static str, value: &Value) {
    let empty = value.as_str().is_some_and(str::is_empty) || value.as_map().is_some_and(Map::is_empty);
    if !empty {
        out.forbidden.push((key, value.span));
    }
}

fn boolean(key: &str, value: &Value) -> Result<bool, Fault> {
    value.as_bool().ok_or_else(|| Fault::new(CODE, value.span, format!("`{key}` has to be true or false, but is a {}", value.type_name())))
}

fn number(key: &str, value: &Value) -> Result<f64, Fault> {
    let number = value.as_number().map(probity_value::Number::as_f64);
    number.ok_or_else(|| Fault::new(CODE, value.span, format!("`{key}` has to be a number, but is a {}", value.type_name())))
}

fn whole(key: &str, value: &Value) -> Result<i64, Fault> {
    value.as_int().ok_or_else(|| Fault::new(CODE, value.span, format!("`{key}` has to be a whole number, but is a {}", value.type_name())))
}

fn texts(key: &str, value: &Value) -> Result<Vec<Arc<str>>, Fault> {
    read::list(value, key, CODE)?.iter().map(|item| read::text(item, key, CODE).cloned()).collect()
}

fn schemas(key: &str, value: &Value, depth: usize, warnings: &mut Vec<Fault>) -> Result<Vec<Schema>, Fault> {
    read::list(value, key, CODE)?.iter().map(|item| schema(item, depth + 1, warnings)).collect()
}

/// What `legacySchema: true` makes of a schema: unknown fields are kept at every level, and lists without items take anything.
pub(crate) fn preserve_unknown(schema: &mut Schema) {
    match schema.kind {
        None | Some(Kind::Object) => schema.preserve_unknown = Some(true),
        Some(Kind::Array) if schema.items.is_none() && !schema.items_listed => {
            schema.items = Some(Box::new(Schema { preserve_unknown: Some(true), ..Schema::default() }));
        }
        Some(_) => {}
    }
    schema.properties.iter_mut().for_each(|(_, property)| preserve_unknown(property));
    if let Some(items) = &mut schema.items {
        preserve_unknown(items);
    }
    if let Additional::Of(values) = &mut schema.additional {
        preserve_unknown(values);
    }
}
