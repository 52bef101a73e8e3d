//! Documents checked against JSON schemas, told in the words of the library that OPA uses.

use std::collections::HashMap;
use std::sync::Arc;

use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{Draft, ValidationError, Validator};
use serde_json::Value;

use crate::builtins::encoding::json_text;
use crate::builtins::operands::operand;
use crate::builtins::{Answer, Context, Failure};
use crate::json;
use crate::number::Number;
use crate::term::Term;

/// What a schema or document is given as: JSON text, or a value.
fn given(arguments: &[Term], at: usize) -> Result<Term, String> {
    match operand(arguments, at) {
        Ok(Term::String(text)) => json::parse(text).map_err(|_| "invalid JSON string".to_owned()),
        Ok(term) if term.as_object().is_some() || term.as_array().is_some() => Ok(term.clone()),
        _ => Err("wrong type, expected string or object".to_owned()),
    }
}

/// A value for the library; numbers that do not fit become doubles.
fn converted(term: &Term) -> Value {
    if let Some(object) = term.as_object() {
        return Value::Object(object.iter().map(|(key, value)| (key.key_text().to_string(), converted(&value))).collect());
    }
    if let Some(items) = super::operands::items(term) {
        return Value::Array(items.iter().map(converted).collect());
    }
    match term {
        Term::Bool(value) => Value::Bool(*value),
        Term::String(text) => Value::String(text.to_string()),
        Term::Number(Number::Int(value)) => Value::from(*value),
        Term::Number(number) => match number.to_big().and_then(|value| u64::try_from(value).ok()) {
            Some(value) => Value::from(value),
            None => serde_json::Number::from_f64(number.to_f64()).map_or(Value::Null, Value::Number),
        },
        _ => Value::Null,
    }
}

/// In the order the other library names them.
const TYPES: [&str; 7] = ["array", "boolean", "integer", "number", "null", "object", "string"];

/// Keywords whose value is a schema.
const SCHEMAS: [&str; 8] = ["additionalItems", "additionalProperties", "contains", "else", "if", "not", "propertyNames", "then"];

/// Keywords whose value is a map of schemas.
const MAPS: [&str; 4] = ["$defs", "definitions", "patternProperties", "properties"];

/// What is wrong with a schema itself.
fn fault(schema: &Term, depth: usize) -> Option<String> {
    if depth > 200 {
        return Some("the schema nests too deep".to_owned());
    }
    let object = schema.as_object()?;
    if let Some(kind) = object.get_str("type") {
        let kinds = match (&kind, kind.as_array()) {
            (Term::String(_), _) => vec![kind],
            (_, Some(list)) => list.to_vec(),
            _ => return Some("Invalid type. Expected: type, given: string/Array Of Strings".to_owned()),
        };
        for kind in kinds {
            match kind.as_str() {
                Some(name) if TYPES.contains(&name) => {}
                Some(name) => {
                    let known = TYPES.join(" ");
                    return Some(format!("has a primitive type that is NOT VALID -- given: /{name}/ Expected valid values are:[{known}]"));
                }
                None => return Some("Invalid type. Expected: type, given: string/Array Of Strings".to_owned()),
            }
        }
    }
    for (least, most) in [("minLength", "maxLength"), ("minItems", "maxItems"), ("minProperties", "maxProperties")] {
        for name in [least, most] {
            match object.get_str(name) {
                None => {}
                Some(Term::Number(number)) if number.to_big().is_none() => return Some(format!("{name} must be of an integer")),
                Some(Term::Number(number)) if number.sign() < 0 => return Some(format!("{name} must be greater than or equal to 0")),
                Some(Term::Number(_)) => {}
                Some(_) => return Some(format!("{name} must be of an integer")),
            }
        }
        if let (Some(a), Some(b)) = (object.get_str(least), object.get_str(most))
            && a > b
        {
            return Some(format!("{least} cannot be greater than {most}"));
        }
    }
    for name in ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"] {
        match object.get_str(name) {
            None | Some(Term::Number(_)) => {}
            Some(Term::Bool(_)) if name.starts_with("exclusive") => {}
            Some(_) => return Some(format!("{name} must be of a Number")),
        }
    }
    match object.get_str("pattern") {
        None => {}
        Some(Term::String(pattern)) if super::caches::compile(&pattern).is_ok() => {}
        Some(_) => return Some("pattern must be a valid regex".to_owned()),
    }
    if let Some(required) = object.get_str("required") {
        let Some(list) = required.as_array() else { return Some("required must be of an array".to_owned()) };
        let mut names = list.to_vec();
        names.sort();
        if names.iter().any(|name| name.as_str().is_none()) {
            return Some("required items must be string".to_owned());
        }
        if names.windows(2).any(|pair| matches!(pair, [a, b] if a == b)) {
            return Some("required items must be unique".to_owned());
        }
    }
    if let Some(items) = object.get_str("items") {
        let is_schema = items.as_object().is_some() || matches!(items, Term::Bool(_));
        match items.as_array() {
            Some(list) => {
                if let Some(fault) = list.iter().find_map(|inner| fault(&inner, depth + 1)) {
                    return Some(fault);
                }
            }
            None if is_schema => {
                if let Some(fault) = fault(&items, depth + 1) {
                    return Some(fault);
                }
            }
            None => return Some("Invalid type. Expected: Valid Schema/Array Of Schemas, given: items".to_owned()),
        }
    }
    for name in MAPS {
        let Some(map) = object.get_str(name) else { continue };
        let Some(map) = map.as_object() else {
            let mut letters = name.chars();
            let name: String = letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect();
            return Some(format!("{name} must be of type object"));
        };
        if let Some(fault) = map.iter().find_map(|(_, inner)| fault(&inner, depth + 1)) {
            return Some(fault);
        }
    }
    for name in ["allOf", "anyOf", "oneOf"] {
        let Some(list) = object.get_str(name) else { continue };
        let Some(list) = list.as_array() else { return Some(format!("{name} must be of an array")) };
        if let Some(fault) = list.iter().find_map(|inner| fault(&inner, depth + 1)) {
            return Some(fault);
        }
    }
    SCHEMAS.into_iter().find_map(|name| fault(&object.get_str(name)?, depth + 1))
}

/// The compiled form of a schema.
fn compile(schema: &Term) -> Result<Validator, String> {
    if let Some(fault) = fault(schema, 0) {
        return Err(fault);
    }
    let value = converted(schema);
    // What a schema that names no draft is for the library of OPA.
    let known = value.get("$schema").and_then(Value::as_str).is_some_and(|name| name.contains("json-schema.org/"));
    let mut options = jsonschema::options().should_validate_formats(true).should_ignore_unknown_formats(true);
    if !known {
        options = options.with_draft(Draft::Draft7);
    }
    options.build(&value).map_err(|error| error.to_string())
}

/// Whether a value is a schema, and what is wrong where it is none.
pub(super) fn verify(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let result = given(arguments, 0).and_then(|schema| compile(&schema));
    Ok(Term::array(match result {
        Ok(_) => vec![Term::Bool(true), Term::Null],
        Err(reason) => vec![Term::Bool(false), Term::from(format!("jsonschema: {reason}"))],
    }))
}

/// Whether a document fits a schema, and where it does not.
pub(super) fn matches(context: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let document = given(arguments, 0).map_err(Failure::Failed)?;
    let schema = given(arguments, 1).map_err(Failure::Failed)?;
    let key = json_text(&schema, None);
    context.spend(key.len())?;
    let validator = context.caches.schema(&key, || compile(&schema).map(Arc::new).map_err(Failure::Failed))?;
    let document = converted(&document);
    let mut out = Vec::new();
    for error in validator.iter_errors(&document) {
        context.spend(512)?;
        told(&error, &mut out);
    }
    Ok(Term::array(vec![Term::Bool(out.is_empty()), Term::array(out)]))
}

fn kind_name(kind: &TypeKind) -> String {
    match kind {
        TypeKind::Single(kind) => kind.to_string(),
        TypeKind::Multiple(kinds) => {
            let names: Vec<String> = kinds.iter().map(|kind| kind.to_string()).collect();
            format!("[{}]", names.join(","))
        }
    }
}

fn value_kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_i64() || number.is_u64() || number.as_f64().is_some_and(|value| value.fract() == 0.0) => {
            "integer"
        }
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// One error of the library, in the words of the other one; some are many there.
fn told(error: &ValidationError<'_>, out: &mut Vec<Term>) {
    let path: Vec<String> =
        error.instance_path().as_str().split('/').skip(1).map(|part| part.replace("~1", "/").replace("~0", "~")).collect();
    let field = if path.is_empty() { "(Root)".to_owned() } else { path.join(".") };
    let mut push = |kind: &str, description: String| {
        out.push(Term::object(vec![
            (Term::from("error"), Term::from(format!("{field}: {description}"))),
            (Term::from("type"), Term::from(kind)),
            (Term::from("field"), Term::from(field.as_str())),
            (Term::from("desc"), Term::from(description)),
        ]));
    };
    let instance = error.instance();
    match error.kind() {
        ValidationErrorKind::Type { kind } => {
            push("invalid_type", format!("Invalid type. Expected: {}, given: {}", kind_name(kind), value_kind(instance)));
        }
        ValidationErrorKind::Required { property } => {
            push("required", format!("{} is required", property.as_str().unwrap_or_default()));
        }
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            unexpected
                .iter()
                .for_each(|name| push("additional_property_not_allowed", format!("Additional property {name} is not allowed")));
        }
        ValidationErrorKind::AdditionalItems { .. } => push("array_no_additional_items", "No additional items allowed on array".to_owned()),
        ValidationErrorKind::AnyOf { .. } => push("number_any_of", "Must validate at least one schema (anyOf)".to_owned()),
        ValidationErrorKind::OneOfMultipleValid { .. } | ValidationErrorKind::OneOfNotValid { .. } => {
            push("number_one_of", "Must validate one and only one schema (oneOf)".to_owned());
        }
        ValidationErrorKind::Not { .. } => push("number_not", "Must not validate the schema (not)".to_owned()),
        ValidationErrorKind::Constant { expected_value } => push("const", format!("{field} does not match: {expected_value}")),
        ValidationErrorKind::Enum { options } => {
            let options: Vec<String> = options.as_array().into_iter().flatten().map(Value::to_string).collect();
            push("enum", format!("{field} must be one of the following: {}", options.join(", ")));
        }
        ValidationErrorKind::MinItems { limit } => push("array_min_items", format!("Array must have at least {limit} items")),
        ValidationErrorKind::MaxItems { limit } => push("array_max_items", format!("Array must have at most {limit} items")),
        ValidationErrorKind::UniqueItems => {
            let mut seen = HashMap::new();
            for (at, item) in instance.as_array().into_iter().flatten().enumerate() {
                if let Some(before) = seen.insert(item.to_string(), at) {
                    push("unique", format!("array items[{before},{at}] must be unique"));
                }
            }
            // Numbers may be equal and written otherwise.
            if Some(seen.len()) == instance.as_array().map(Vec::len) {
                push("unique", "array items must be unique".to_owned());
            }
        }
        ValidationErrorKind::Contains => push("contains", "At least one of the items must match".to_owned()),
        ValidationErrorKind::MinProperties { limit } => push("array_min_properties", format!("Must have at least {limit} properties")),
        ValidationErrorKind::MaxProperties { limit } => push("array_max_properties", format!("Must have at most {limit} properties")),
        ValidationErrorKind::MinLength { limit } => {
            push("string_gte", format!("String length must be greater than or equal to {limit}"));
        }
        ValidationErrorKind::MaxLength { limit } => push("string_lte", format!("String length must be less than or equal to {limit}")),
        ValidationErrorKind::Pattern { pattern } => push("pattern", format!("Does not match pattern '{pattern}'")),
        ValidationErrorKind::Format { format } => push("format", format!("Does not match format '{format}'")),
        ValidationErrorKind::MultipleOf { multiple_of } => push("multiple_of", format!("Must be a multiple of {multiple_of}")),
        ValidationErrorKind::Minimum { limit } => push("number_gte", format!("Must be greater than or equal to {limit}")),
        ValidationErrorKind::ExclusiveMinimum { limit } => push("number_gt", format!("Must be greater than {limit}")),
        ValidationErrorKind::Maximum { limit } => push("number_lte", format!("Must be less than or equal to {limit}")),
        ValidationErrorKind::ExclusiveMaximum { limit } => push("number_lt", format!("Must be less than {limit}")),
        ValidationErrorKind::PropertyNames { error } => {
            let name = error.instance().as_str().unwrap_or_default().to_owned();
            push("invalid_property_name", format!("Property name of \"{name}\" does not match"));
        }
        ValidationErrorKind::FalseSchema => push("false", "False always fails validation".to_owned()),
        other => push(other.keyword(), error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use crate::builtins::tests::check;

    #[test]
    fn schemas() {
        check("json.verify_schema", r#"[{"type": "boolean"}]"#, "[true, null]");
        check("json.verify_schema", r#"["{\"type\": \"boolean\"}"]"#, "[true, null]");
        let wrong =
            |schema: &str, reason: &str| check("json.verify_schema", &format!("[{schema}]"), &format!("[false, \"jsonschema: {reason}\"]"));
        wrong(
            r#"{"type": "x"}"#,
            "has a primitive type that is NOT VALID -- given: /x/ Expected valid values are:[array boolean integer number null object string]",
        );
        wrong(r#"{"type": 5}"#, "Invalid type. Expected: type, given: string/Array Of Strings");
        wrong(r#"{"properties": 5}"#, "Properties must be of type object");
        wrong(r#"{"properties": {"a": {"pattern": "("}}}"#, "pattern must be a valid regex");
        wrong(r#"{"required": ["a", "a"]}"#, "required items must be unique");
        wrong(r#"{"minLength": -1}"#, "minLength must be greater than or equal to 0");
        wrong(r#"{"minLength": 3, "maxLength": 1}"#, "minLength cannot be greater than maxLength");
        wrong(r#"{"minimum": "a"}"#, "minimum must be of a Number");
        wrong("\"{\"", "invalid JSON string");
        wrong("1", "wrong type, expected string or object");
    }

    #[test]
    fn documents() {
        let matched =
            |document: &str, schema: &str, expected: &str| check("json.match_schema", &format!("[{document}, {schema}]"), expected);
        matched(r#"{"id": 5}"#, r#"{"properties": {"id": {"type": "integer"}}, "required": ["id"]}"#, "[true, []]");
        matched(r#""{\"id\": 5}""#, r#""{\"required\": [\"id\"]}""#, "[true, []]");
        matched(
            r#"{"id": "foo"}"#,
            r#"{"properties": {"id": {"type": "integer"}}}"#,
            r#"[false, [{"desc": "Invalid type. Expected: integer, given: string", "error": "id: Invalid type. Expected: integer, given: string", "field": "id", "type": "invalid_type"}]]"#,
        );
        matched(
            r#"{"a": [1, 2, 1]}"#,
            r#"{"properties": {"a": {"uniqueItems": true}}}"#,
            r#"[false, [{"desc": "array items[0,2] must be unique", "error": "a: array items[0,2] must be unique", "field": "a", "type": "unique"}]]"#,
        );
        matched(
            r#"{"a": {"b": [{}]}}"#,
            r#"{"properties": {"a": {"properties": {"b": {"items": {"required": ["c"]}}}}}}"#,
            r#"[false, [{"desc": "c is required", "error": "a.b.0: c is required", "field": "a.b.0", "type": "required"}]]"#,
        );
        matched(
            "{}",
            r#"{"required": ["q"]}"#,
            r#"[false, [{"desc": "q is required", "error": "(Root): q is required", "field": "(Root)", "type": "required"}]]"#,
        );
        matched(r#""x""#, "{}", "eval_builtin_error: json.match_schema: invalid JSON string");
        matched(
            "{}",
            r#"{"type": 1}"#,
            "eval_builtin_error: json.match_schema: Invalid type. Expected: type, given: string/Array Of Strings",
        );
    }
}
