//! Runs the simple tests of cel-spec (`tests/simple/testdata/*.textproto`) and prints one JSON object per case.
//!
//! `cargo run -q -p probity-cel --example cel_spec -- ../shared/conformance/cel-spec`
//!
//! `--all` judges the cases that `conformance/cel/excluded.toml` leaves out too.
#![allow(clippy::disallowed_methods, reason = "a developer's tool")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool")]
#![allow(clippy::indexing_slicing, clippy::string_slice, reason = "a developer's tool over a known suite")]

mod excluded;
mod textproto;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use probity_cel::libraries::EXTENSIONS;
use probity_cel::{Bindings, Budget, Context, Environment, Key, Type, Value, macros};
use probity_value::Span;
use textproto::{Field, Message};

fn main() -> ExitCode {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let all = arguments.iter().any(|argument| argument == "--all");
    arguments.retain(|argument| argument != "--all");
    let folder = PathBuf::from(arguments.first().map_or("../shared/conformance/cel-spec", String::as_str));
    match run(&folder, all) {
        Ok((agreed, judged)) => {
            eprintln!("{agreed} of {judged} cases agree");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(folder: &Path, all: bool) -> Result<(usize, usize), String> {
    let data = folder.join("tests/simple/testdata");
    let data = if data.is_dir() { data } else { folder.to_path_buf() };
    let mut files: Vec<PathBuf> = std::fs::read_dir(&data)
        .map_err(|error| format!("{}: {error}", data.display()))?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "textproto"))
        .collect();
    files.sort();
    let excluded = excluded::Excluded::read()?;
    let (mut agreed, mut judged) = (0, 0);
    for file in files {
        let text = std::fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
        let whole = textproto::parse(&text).map_err(|error| format!("{}: {error}", file.display()))?;
        let stem = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        for section in whole.messages("section") {
            for test in section.messages("test") {
                let id = format!("{stem}/{}/{}", section.text("name"), test.text("name"));
                let reason = excluded.reason(&stem, &id, &test.text("expr"), test);
                if reason.is_some() && !all {
                    continue;
                }
                let outcome = judge(test);
                judged += 1;
                agreed += usize::from(outcome.agreed);
                let kind = match (outcome.agreed, outcome.expected.as_str(), outcome.actual.as_str()) {
                    (true, ..) => None,
                    (_, _, "true") => Some("false-allow"),
                    (_, "true", _) => Some("false-deny"),
                    _ => None,
                };
                let line = serde_json::json!({
                    "id": id,
                    "expected": outcome.expected,
                    "actual": outcome.actual,
                    "agreed": outcome.agreed,
                    "kind": kind,
                    "why": if outcome.agreed { String::new() } else { format!("{} [{}]", outcome.why, test.text("expr")) },
                    "excluded": reason,
                });
                println!("{line}");
            }
        }
    }
    Ok((agreed, judged))
}

/// What came of one case.
struct Outcome {
    expected: String,
    actual: String,
    agreed: bool,
    why: String,
}

fn environment() -> Environment {
    let base = Environment::standard().optionals().library(&macros::TWO_VARIABLES).library(&macros::BINDINGS).library(&macros::BLOCKS);
    EXTENSIONS.iter().fold(base, |made, library| made.library(library))
}

fn judge(test: &Message) -> Outcome {
    let expected = expected(test);
    let shown = match &expected {
        Ok(Expected::Value(value)) => value.to_string(),
        Ok(Expected::Typed(Some(value), kind)) => format!("{value} of type {kind}"),
        Ok(Expected::Typed(None, kind)) => format!("type {kind}"),
        Ok(Expected::Error) => "error".to_owned(),
        Ok(Expected::Unknown) => "unknown".to_owned(),
        Err(why) => format!("? {why}"),
    };
    let result = evaluate(test);
    let (actual, output, why) = match &result {
        Ok((Some(value), output)) => (value.to_string(), Some(output), String::new()),
        Ok((None, output)) => (format!("type {output}"), Some(output), String::new()),
        Err(why) => ("error".to_owned(), None, why.clone()),
    };
    let agreed = match (&expected, &result) {
        (Ok(Expected::Value(wanted)), Ok((Some(got), _))) => same(wanted, got),
        (Ok(Expected::Typed(wanted, kind)), Ok((got, output))) => {
            kind.to_string() == output.to_string()
                && match (wanted, got) {
                    (Some(wanted), Some(got)) => same(wanted, got),
                    (None, _) => true,
                    _ => false,
                }
        }
        (Ok(Expected::Error), Err(_)) => true,
        _ => false,
    };
    let why = match output {
        Some(output) if why.is_empty() => format!("output type {output}"),
        _ => why,
    };
    Outcome { expected: shown, actual, agreed, why }
}

enum Expected {
    Value(Value),
    Typed(Option<Value>, Type),
    Error,
    Unknown,
}

fn expected(test: &Message) -> Result<Expected, String> {
    if let Some(value) = test.message("value") {
        return value_of(value).map(Expected::Value);
    }
    if let Some(typed) = test.message("typed_result") {
        let value = typed.message("result").map(value_of).transpose()?;
        let kind = typed.message("deduced_type").map(type_of).transpose()?.unwrap_or(Type::Dyn);
        return Ok(Expected::Typed(value, kind));
    }
    if test.get("eval_error").is_some() || test.get("any_eval_errors").is_some() {
        return Ok(Expected::Error);
    }
    if test.get("unknown").is_some() || test.get("any_unknowns").is_some() {
        return Ok(Expected::Unknown);
    }
    Ok(Expected::Value(Value::Bool(true)))
}

fn evaluate(test: &Message) -> Result<(Option<Value>, Type), String> {
    let mut environment = environment().container(test.text("container"));
    if test.flag("disable_macros") {
        environment = environment.without_macros();
    }
    for declaration in test.messages("type_env") {
        let name = declaration.text("name");
        if let Some(ident) = declaration.message("ident") {
            environment = environment.variable(name.as_str(), type_of(ident.message("type").ok_or("no type")?)?);
        }
        if let Some(function) = declaration.message("function") {
            for overload in function.messages("overloads") {
                let params = overload
                    .messages("params")
                    .map(|param| type_of(param).map(|found| found.to_string()))
                    .collect::<Result<Vec<_>, _>>()?;
                let result = type_of(overload.message("result_type").ok_or("no result")?)?;
                let signature = if overload.flag("is_instance_function") {
                    format!("{}.{name}({}) -> {result}", params[0], params[1..].join(", "))
                } else {
                    format!("{name}({}) -> {result}", params.join(", "))
                };
                environment = environment.declare(&name, &overload.text("overload_id"), &signature)?;
            }
        }
    }
    let mut values = Vec::new();
    for binding in test.messages("bindings") {
        let key = binding.text("key");
        let value = binding.message("value").ok_or("no value")?;
        if let Some(value) = value.message("value") {
            if environment.slot(&key).is_none() {
                environment = environment.variable(key.as_str(), Type::Dyn);
            }
            values.push((key, value_of(value)?));
        }
    }
    let expr = test.text("expr");
    let compiled =
        if test.flag("disable_check") { environment.compile_unchecked(&expr, Span::NONE) } else { environment.compile(&expr, Span::NONE) };
    let program = compiled.map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))?;
    if test.flag("check_only") {
        return Ok((None, program.output().clone()));
    }
    let bindings = values.into_iter().fold(Bindings::new(), |made, (name, value)| made.with(&environment, &name, value));
    let mut budget = Budget::new(10_000_000);
    let value = program.evaluate(&bindings, &mut budget, &Context::bare()).map_err(|error| error.to_string())?;
    Ok((Some(value), program.output().clone()))
}

/// A value as the suite writes it.
fn value_of(message: &Message) -> Result<Value, String> {
    let Some((name, field)) = message.fields.first() else { return Err("an empty value".to_owned()) };
    let number = || field.text();
    let wrong = |error: &dyn std::fmt::Display| format!("{name}: {error}");
    Ok(match name.as_str() {
        "null_value" => Value::Null,
        "bool_value" => Value::Bool(field.text() == "true"),
        "int64_value" => {
            Value::Int(whole(&number()).and_then(|number| i64::try_from(number).ok()).ok_or_else(|| wrong(&"no whole number"))?)
        }
        "uint64_value" => {
            Value::Uint(whole(&number()).and_then(|number| u64::try_from(number).ok()).ok_or_else(|| wrong(&"no whole number"))?)
        }
        "double_value" => Value::Double(double(&number()).ok_or_else(|| wrong(&"no number"))?),
        "string_value" => Value::from(field.text()),
        "bytes_value" => match field {
            Field::Text(bytes) => Value::bytes(bytes.as_slice()),
            _ => return Err(wrong(&"no bytes")),
        },
        "type_value" => Value::Type(Arc::new(named(&field.text()))),
        "list_value" => {
            let list = field.message().ok_or("no list")?;
            Value::list(list.messages("values").map(value_of).collect::<Result<_, _>>()?)
        }
        "map_value" => {
            let map = field.message().ok_or("no map")?;
            let entry = |entry: &Message| {
                let key = value_of(entry.message("key").ok_or("no key")?)?;
                Ok((Key::of(&key).ok_or("no key")?, value_of(entry.message("value").ok_or("no value")?)?))
            };
            Value::map(map.messages("entries").map(entry).collect::<Result<Vec<_>, String>>()?)
        }
        "object_value" => any(field.message().ok_or("no object")?)?,
        other => return Err(format!("`{other}` is not supported")),
    })
}

/// A well-known message in an `Any`.
fn any(message: &Message) -> Result<Value, String> {
    let Some((url, field)) = message.fields.first() else { return Err("an empty Any".to_owned()) };
    let name = url.strip_prefix("type.googleapis.com/").unwrap_or(url);
    let inner = field.message().ok_or("no message")?;
    let scalar = |name: &str| {
        let value = inner.get("value").cloned().unwrap_or_else(|| match name {
            "string_value" | "bytes_value" => Field::Text(Vec::new()),
            "bool_value" => Field::Word("false".to_owned()),
            _ => Field::Word("0".to_owned()),
        });
        value_of(&Message { fields: vec![(name.to_owned(), value)] })
    };
    match name {
        "google.protobuf.Any" => any(inner),
        "google.protobuf.BoolValue" => scalar("bool_value"),
        "google.protobuf.BytesValue" => scalar("bytes_value"),
        "google.protobuf.StringValue" => scalar("string_value"),
        "google.protobuf.DoubleValue" | "google.protobuf.FloatValue" => scalar("double_value"),
        "google.protobuf.Int32Value" | "google.protobuf.Int64Value" => scalar("int64_value"),
        "google.protobuf.UInt32Value" | "google.protobuf.UInt64Value" => scalar("uint64_value"),
        "google.protobuf.Timestamp" | "google.protobuf.Duration" => {
            let part = |name: &str| {
                whole(&inner.get(name).map_or("0".to_owned(), Field::text)).and_then(|part| i64::try_from(part).ok()).ok_or("no number")
            };
            let (seconds, nanos) = (part("seconds")?, part("nanos")?);
            if name.ends_with("Duration") {
                return Ok(Value::Duration(
                    seconds.checked_mul(1_000_000_000).and_then(|whole| whole.checked_add(nanos)).ok_or("too long")?,
                ));
            }
            Ok(Value::Timestamp(probity_cel::Timestamp { seconds, nanoseconds: u32::try_from(nanos).map_err(|error| error.to_string())? }))
        }
        "google.protobuf.Struct" => structure(inner),
        "google.protobuf.ListValue" => Ok(Value::list(inner.messages("values").map(json).collect::<Result<_, _>>()?)),
        "google.protobuf.Value" => json(inner),
        "google.protobuf.Empty" => Ok(Value::Object(Arc::new(probity_cel::Object { type_name: name.into(), fields: Vec::new() }))),
        other => Err(format!("`{other}` is a message")),
    }
}

fn structure(message: &Message) -> Result<Value, String> {
    let entry = |entry: &Message| Ok((Key::from(entry.text("key").as_str()), json(entry.message("value").ok_or("no value")?)?));
    Ok(Value::map(message.messages("fields").map(entry).collect::<Result<Vec<_>, String>>()?))
}

fn json(message: &Message) -> Result<Value, String> {
    let Some((name, field)) = message.fields.first() else { return Ok(Value::Null) };
    Ok(match name.as_str() {
        "null_value" => Value::Null,
        "bool_value" => Value::Bool(field.text() == "true"),
        "number_value" => Value::Double(double(&field.text()).ok_or("no number")?),
        "string_value" => Value::from(field.text()),
        "list_value" => Value::list(field.message().ok_or("no list")?.messages("values").map(json).collect::<Result<_, _>>()?),
        "struct_value" => structure(field.message().ok_or("no struct")?)?,
        other => return Err(format!("`{other}` is not supported")),
    })
}

fn whole(text: &str) -> Option<i128> {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
    let found = match digits.strip_prefix("0x").or(digits.strip_prefix("0X")) {
        Some(digits) => i128::from_str_radix(digits, 16),
        None => digits.parse(),
    };
    found.ok().map(|found| sign * found)
}

fn double(text: &str) -> Option<f64> {
    match text.to_ascii_lowercase().as_str() {
        "inf" | "infinity" => Some(f64::INFINITY),
        "-inf" | "-infinity" => Some(f64::NEG_INFINITY),
        "nan" => Some(f64::NAN),
        other => other.trim_end_matches('f').parse().ok(),
    }
}

/// A type by its name as a value.
fn named(name: &str) -> Type {
    match name {
        "google.protobuf.Timestamp" => Type::Timestamp,
        "google.protobuf.Duration" => Type::Duration,
        other => Type::parse(other).unwrap_or_else(|_| Type::object(other)),
    }
}

/// A type as the suite writes it.
fn type_of(message: &Message) -> Result<Type, String> {
    let Some((name, field)) = message.fields.first() else { return Ok(Type::Dyn) };
    let primitive = |name: &str| {
        Ok(match name {
            "BOOL" => Type::Bool,
            "INT64" => Type::Int,
            "UINT64" => Type::Uint,
            "DOUBLE" => Type::Double,
            "STRING" => Type::String,
            "BYTES" => Type::Bytes,
            other => return Err(format!("no primitive `{other}`")),
        })
    };
    let inner = |name: &str| field.message().and_then(|message| message.message(name)).map_or(Ok(Type::Dyn), type_of);
    Ok(match name.as_str() {
        "dyn" => Type::Dyn,
        "null" => Type::Null,
        "primitive" => primitive(&field.text())?,
        "wrapper" => Type::Wrapper(Arc::new(primitive(&field.text())?)),
        "well_known" => match field.text().as_str() {
            "TIMESTAMP" => Type::Timestamp,
            "DURATION" => Type::Duration,
            _ => Type::Dyn,
        },
        "list_type" => Type::list(inner("elem_type")?),
        "map_type" => Type::map(inner("key_type")?, inner("value_type")?),
        "message_type" => match field.text().as_str() {
            "google.protobuf.Timestamp" => Type::Timestamp,
            "google.protobuf.Duration" => Type::Duration,
            "google.protobuf.Any" | "google.protobuf.Value" => Type::Dyn,
            "google.protobuf.Struct" => Type::map(Type::String, Type::Dyn),
            "google.protobuf.ListValue" => Type::list(Type::Dyn),
            "google.protobuf.BoolValue" => Type::Wrapper(Arc::new(Type::Bool)),
            "google.protobuf.BytesValue" => Type::Wrapper(Arc::new(Type::Bytes)),
            "google.protobuf.StringValue" => Type::Wrapper(Arc::new(Type::String)),
            "google.protobuf.DoubleValue" | "google.protobuf.FloatValue" => Type::Wrapper(Arc::new(Type::Double)),
            "google.protobuf.Int32Value" | "google.protobuf.Int64Value" => Type::Wrapper(Arc::new(Type::Int)),
            "google.protobuf.UInt32Value" | "google.protobuf.UInt64Value" => Type::Wrapper(Arc::new(Type::Uint)),
            other => Type::object(other),
        },
        "type_param" => Type::Param(field.text().into()),
        "type" => Type::type_of(field.message().map_or(Ok(Type::Dyn), type_of)?),
        "abstract_type" => {
            let inner = field.message().ok_or("no type")?;
            let params = inner.messages("parameter_types").map(type_of).collect::<Result<Vec<_>, _>>()?;
            Type::Opaque(inner.text("name").into(), params.into())
        }
        other => return Err(format!("no type `{other}`")),
    })
}

/// Whether two values are the same, types included.
fn same(wanted: &Value, got: &Value) -> bool {
    match (wanted, got) {
        (Value::Double(a), Value::Double(b)) => a == b || (a.is_nan() && b.is_nan()),
        (Value::Int(_), Value::Uint(_) | Value::Double(_))
        | (Value::Uint(_), Value::Int(_) | Value::Double(_))
        | (Value::Double(_), Value::Int(_) | Value::Uint(_)) => false,
        (Value::List(a), Value::List(b)) => {
            a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| matches!((a, b), (Ok(a), Ok(b)) if same(&a, &b)))
        }
        (Value::Map(a), Value::Map(b)) => {
            a.len() == b.len()
                && a.entries().into_iter().all(|(key, value)| match (value, b.get(&key)) {
                    (Ok(a), Ok(Some(b))) => same(&a, &b) && b.kind() == a.kind(),
                    _ => false,
                })
        }
        (Value::Type(a), Value::Type(b)) => a.name() == b.name(),
        (a, b) => a == b,
    }
}
