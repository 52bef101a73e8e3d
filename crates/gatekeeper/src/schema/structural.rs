//! Whether a schema is one the API server takes for a custom resource: structural, with nothing forbidden in it.

use probity_value::{Data, Value};

use super::{Additional, Kind, Path, Schema, Step, check};
use crate::read::Fault;

const CODE: &str = "gatekeeper-schema";

/// Where in a schema a part stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Level {
    Item,
    Field,
}

/// Everything wrong with the schema of `spec.parameters`.
pub(crate) fn faults(schema: &Schema, path: &Path<'_>) -> Vec<Fault> {
    let mut out = Vec::new();
    structural(schema, Level::Field, path, &mut out);
    complete(schema, schema, path, &mut out);
    out
}

fn fault(out: &mut Vec<Fault>, schema: &Schema, path: &Path<'_>, says: &str) {
    out.push(Fault::new(CODE, schema.span(), format!("the schema at `{path}` is not one the API server takes: {says}")));
}

/// The part of a schema that gives structure.
fn structural(schema: &Schema, level: Level, path: &Path<'_>, out: &mut Vec<Fault>) {
    anywhere(schema, path, out);
    if schema.kind == Some(Kind::Array) && schema.items.is_none() && !schema.items_listed {
        fault(out, schema, path, "`items` must be specified");
    }
    if schema.kind.is_none() && !schema.int_or_string && !schema.keeps_unknown() {
        let says = match level {
            Level::Item => "`type` must not be empty for specified array items",
            Level::Field => "`type` must not be empty for specified object fields",
        };
        fault(out, schema, path, says);
    }
    if schema.embedded {
        if schema.kind != Some(Kind::Object) {
            fault(out, schema, path, "`type` must be object if `x-kubernetes-embedded-resource` is true");
        }
        if !matches!(schema.additional, Additional::Unsaid) {
            fault(out, schema, path, "`additionalProperties` must not be used if `x-kubernetes-embedded-resource` is set");
        }
        if !schema.keeps_unknown() && schema.properties.is_empty() {
            let says =
                "`properties` must not be empty if `x-kubernetes-embedded-resource` is true without `x-kubernetes-preserve-unknown-fields`";
            fault(out, schema, path, says);
        }
    }
    if schema.int_or_string && schema.keeps_unknown() {
        fault(out, schema, path, "`x-kubernetes-preserve-unknown-fields` must be false if `x-kubernetes-int-or-string` is true");
    }
    if schema.int_or_string && schema.embedded {
        fault(out, schema, path, "`x-kubernetes-embedded-resource` must be false if `x-kubernetes-int-or-string` is true");
    }
    if schema.preserve_unknown == Some(false) {
        fault(out, schema, path, "`x-kubernetes-preserve-unknown-fields` must be true or undefined");
    }
    lists(schema, path, out);
    default(schema, path, out);
    if let Some(items) = &schema.items {
        structural(items, Level::Item, &path.key("items"), out);
    }
    let properties = path.key("properties");
    for (name, property) in &schema.properties {
        structural(property, Level::Field, &properties.child(Step::Bracket(name)), out);
    }
    if let Additional::Of(values) = &schema.additional {
        structural(values, Level::Field, &path.key("additionalProperties"), out);
    }
    nested_all(schema, path, out);
}

/// What holds for every part, structure or not.
fn anywhere(schema: &Schema, path: &Path<'_>, out: &mut Vec<Fault>) {
    for (keyword, at) in &schema.forbidden {
        let message = format!("the schema at `{path}` is not one the API server takes: `{keyword}` is not supported");
        out.push(Fault::new(CODE, *at, message));
    }
    if schema.items_listed {
        fault(out, schema, path, "`items` must be a schema object and not an array");
    }
    if schema.unique_items {
        fault(out, schema, path, "`uniqueItems` cannot be set to true since the runtime complexity becomes quadratic");
    }
    if !schema.properties.is_empty() && matches!(schema.additional, Additional::Of(_) | Additional::Allowed(false)) {
        fault(out, schema, path, "`additionalProperties` and `properties` are mutual exclusive");
    }
    if let Some(Err(error)) = schema.pattern.as_ref().map(|pattern| &pattern.regex) {
        let why = error.lines().last().unwrap_or_default();
        fault(out, schema, path, &format!("`pattern` must be a valid regular expression, but isn't ({why})"));
    }
}

fn lists(schema: &Schema, path: &Path<'_>, out: &mut Vec<Fault>) {
    if let Some(kind) = &schema.map_type {
        if schema.kind != Some(Kind::Object) {
            fault(out, schema, path, "`type` must be object if `x-kubernetes-map-type` is specified");
        }
        if !matches!(&**kind, "atomic" | "granular") {
            fault(out, schema, path, "`x-kubernetes-map-type` must be atomic or granular");
        }
    }
    let Some(kind) = &schema.list_type else {
        if !schema.list_map_keys.is_empty() {
            fault(out, schema, path, "`x-kubernetes-list-type` must be map if `x-kubernetes-list-map-keys` is non-empty");
        }
        return;
    };
    if schema.kind != Some(Kind::Array) {
        fault(out, schema, path, "`type` must be array if `x-kubernetes-list-type` is specified");
    }
    let items = schema.items.as_deref();
    match &**kind {
        "atomic" => {}
        "set" => match items.and_then(|items| items.kind) {
            Some(Kind::Array) if items.and_then(|items| items.list_type.as_deref()).is_some_and(|kind| kind != "atomic") => {
                fault(out, schema, path, "items of a list with `x-kubernetes-list-type: set` must be atomic");
            }
            Some(Kind::Object) if items.and_then(|items| items.map_type.as_deref()) != Some("atomic") => {
                fault(out, schema, path, "items of a list with `x-kubernetes-list-type: set` must be atomic");
            }
            _ => {}
        },
        "map" => {
            if schema.list_map_keys.is_empty() {
                fault(out, schema, path, "`x-kubernetes-list-map-keys` must not be empty if `x-kubernetes-list-type` is map");
            }
            let Some(items) = items else { return };
            if items.kind != Some(Kind::Object) {
                fault(out, schema, path, "`items` must be objects if `x-kubernetes-list-type` is map");
                return;
            }
            for key in &schema.list_map_keys {
                match items.property(key) {
                    None => fault(out, schema, path, "entries of `x-kubernetes-list-map-keys` must all be names of item properties"),
                    Some(property) if matches!(property.kind, Some(Kind::Array | Kind::Object)) => {
                        fault(out, schema, path, &format!("the key `{key}` of the list must be of a scalar type"));
                    }
                    Some(property) if !items.required.contains(key) && property.default.is_none() => {
                        fault(out, schema, path, &format!("the key `{key}` of the list must have a default or be a required property"));
                    }
                    Some(_) => {}
                }
            }
        }
        _ => fault(out, schema, path, "`x-kubernetes-list-type` must be atomic, set or map"),
    }
    if schema.list_type.as_deref() != Some("map") && !schema.list_map_keys.is_empty() {
        fault(out, schema, path, "`x-kubernetes-list-type` must be map if `x-kubernetes-list-map-keys` is non-empty");
    }
}

/// A default has to fit its own schema.
fn default(schema: &Schema, path: &Path<'_>, out: &mut Vec<Fault>) {
    let Some(default) = &schema.default else { return };
    let here = path.key("default");
    for found in check::violations(default, schema, &here) {
        out.push(Fault::new(CODE, found.at.or(default.span), format!("the default does not fit its own schema: {}", found.message)));
    }
    for unknown in check::unknown_fields(default, Some(schema), &here) {
        let message = format!("the default has a field the schema does not know: `{}`", unknown.path);
        out.push(Fault::new(CODE, unknown.at, message));
    }
}

/// The logical parts of a schema.
fn nested_all(schema: &Schema, path: &Path<'_>, out: &mut Vec<Fault>) {
    let (first, whole) =
        (int_or_string_pattern(&schema.any_of), schema.all_of.first().is_some_and(|all| int_or_string_pattern(&all.any_of)));
    for (index, part) in schema.any_of.iter().enumerate() {
        if !first {
            nested(part, false, &path.key("anyOf").child(Step::Index(index)), out);
        }
    }
    for (index, part) in schema.all_of.iter().enumerate() {
        nested(part, whole && index == 0, &path.key("allOf").child(Step::Index(index)), out);
    }
    for (index, part) in schema.one_of.iter().enumerate() {
        nested(part, false, &path.key("oneOf").child(Step::Index(index)), out);
    }
    if let Some(part) = &schema.not {
        nested(part, false, &path.key("not"), out);
    }
}

/// `anyOf: [{type: integer}, {type: string}]`, which may stand beside `x-kubernetes-int-or-string`.
fn int_or_string_pattern(parts: &[Schema]) -> bool {
    matches!(parts, [a, b] if a.kind == Some(Kind::Integer) && b.kind == Some(Kind::String))
}

fn nested(schema: &Schema, skip_any_of: bool, path: &Path<'_>, out: &mut Vec<Fault>) {
    anywhere(schema, path, out);
    let mut forbid = |there: bool, says: &str| {
        if there {
            fault(out, schema, path, says);
        }
    };
    forbid(schema.kind.is_some(), "`type` must be empty to be structural");
    forbid(!matches!(schema.additional, Additional::Unsaid), "`additionalProperties` must be undefined to be structural");
    forbid(schema.default.is_some(), "`default` must be undefined to be structural");
    forbid(schema.title, "`title` must be empty to be structural");
    forbid(schema.description, "`description` must be empty to be structural");
    forbid(schema.nullable, "`nullable` must be false to be structural");
    forbid(schema.keeps_unknown(), "`x-kubernetes-preserve-unknown-fields` must be false to be structural");
    forbid(schema.embedded, "`x-kubernetes-embedded-resource` must be false to be structural");
    forbid(schema.int_or_string, "`x-kubernetes-int-or-string` must be false to be structural");
    forbid(!schema.list_map_keys.is_empty(), "`x-kubernetes-list-map-keys` must be empty to be structural");
    forbid(schema.list_type.is_some(), "`x-kubernetes-list-type` must be undefined to be structural");
    forbid(schema.map_type.is_some(), "`x-kubernetes-map-type` must be undefined to be structural");
    forbid(schema.rules, "`x-kubernetes-validations` must be empty to be structural");
    forbid(schema.property("metadata").is_some(), "`metadata` must not be specified in a nested context");
    if let Some(items) = &schema.items {
        nested(items, false, &path.key("items"), out);
    }
    let properties = path.key("properties");
    for (name, property) in &schema.properties {
        nested(property, false, &properties.child(Step::Bracket(name)), out);
    }
    for (index, part) in schema.any_of.iter().enumerate() {
        if !skip_any_of {
            nested(part, false, &path.key("anyOf").child(Step::Index(index)), out);
        }
    }
    for (index, part) in schema.all_of.iter().enumerate() {
        nested(part, false, &path.key("allOf").child(Step::Index(index)), out);
    }
    for (index, part) in schema.one_of.iter().enumerate() {
        nested(part, false, &path.key("oneOf").child(Step::Index(index)), out);
    }
    if let Some(part) = &schema.not {
        nested(part, false, &path.key("not"), out);
    }
}

/// What a logical part names has to be in the structure as well.
fn complete(part: &Schema, structure: &Schema, path: &Path<'_>, out: &mut Vec<Fault>) {
    let parts = part.all_of.iter().chain(&part.any_of).chain(&part.one_of).chain(part.not.as_deref());
    for nested in parts {
        complete_nested(nested, structure, path, out);
    }
}

fn complete_nested(part: &Schema, structure: &Schema, path: &Path<'_>, out: &mut Vec<Fault>) {
    complete(part, structure, path, out);
    if let Some(items) = &part.items {
        match &structure.items {
            Some(below) => complete_nested(items, below, &path.key("items"), out),
            None => fault(out, part, path, "`items` of a logical part must be specified outside of it as well"),
        }
    }
    for (name, property) in &part.properties {
        match structure.property(name) {
            Some(below) => complete_nested(property, below, &path.key("properties").child(Step::Bracket(name)), out),
            None => fault(out, part, path, &format!("the property `{name}` of a logical part must be specified outside of it as well")),
        }
    }
}

/// The name of a value's type in JSON Schema.
pub(super) fn type_of(value: &Value) -> &'static str {
    match &value.data {
        Data::Null => "null",
        Data::Bool(_) => "boolean",
        Data::Number(probity_value::Number::Int(_)) => "integer",
        Data::Number(probity_value::Number::Float(_)) => "number",
        Data::String(_) => "string",
        Data::List(_) => "array",
        Data::Map(_) => "object",
        Data::Unknown(_) => "unknown",
    }
}
