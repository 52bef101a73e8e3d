//! Values to JSON and TOML text, and texts of YAML, JSON and TOML to values.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use probity_value::yaml::ParseOptions;
use probity_value::{Data as Plain, FileId, Number, OriginStep, StepKind, Value, json, yaml};

use super::printing::float_json;
use super::value::{Data, ListKind, MAX_DEPTH, Map, MapKind, Special, Val, marked};

/// As Helm reads values: YAML 1.1 as kubectl has it, numbers become doubles.
const OPTIONS: ParseOptions =
    ParseOptions { booleans_1_1: true, octal_1_1: true, line_breaks_1_1: false, kubectl: true, cloudformation: false };

/// How JSON is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Style {
    /// Two spaces a level.
    pub(super) pretty: bool,
    /// `<`, `>` and `&` as escapes.
    pub(super) escape: bool,
}

/// JSON text; `None` where it would be too deep or too long.
pub(super) fn to_json(value: &Val, style: Style, marker: char) -> Option<String> {
    let mut out = String::new();
    write(value, style, marker, &mut out, 0).then_some(out)
}

fn write(value: &Val, style: Style, marker: char, out: &mut String, depth: usize) -> bool {
    if depth > MAX_DEPTH || out.len() > super::exec::MAX_TEXT {
        return false;
    }
    let line = |out: &mut String, depth: usize| {
        if style.pretty {
            out.push('\n');
            out.push_str(&"  ".repeat(depth));
        }
    };
    match &value.data {
        Data::Nil => out.push_str("null"),
        Data::Bool(truth) => out.push_str(if *truth { "true" } else { "false" }),
        Data::Int(number, _) => out.push_str(&number.to_string()),
        Data::Float(number) => out.push_str(&float_json(*number)),
        Data::Str(text) => string(text.as_str(), style.escape, out),
        Data::Lost(lost) => string(&marked(*lost, marker), style.escape, out),
        Data::List(list) if list.kind() == ListKind::Nil => out.push_str("null"),
        Data::List(list) => {
            out.push('[');
            for (at, item) in list.items().iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                line(out, depth + 1);
                if !write(item, style, marker, out, depth + 1) {
                    return false;
                }
            }
            if !list.items().is_empty() {
                line(out, depth);
            }
            out.push(']');
        }
        Data::Map(map) => {
            out.push('{');
            let mut first = true;
            for (key, item) in map.pairs() {
                if map.is_struct() && item.truth() == Ok(false) {
                    continue;
                }
                if !std::mem::replace(&mut first, false) {
                    out.push(',');
                }
                line(out, depth + 1);
                string(&key, style.escape, out);
                out.push_str(if style.pretty { ": " } else { ":" });
                if !write(&item, style, marker, out, depth + 1) {
                    return false;
                }
            }
            if !first {
                line(out, depth);
            }
            out.push('}');
        }
        Data::Special(special) => match &**special {
            Special::ApiVersions => {
                let versions: Vec<String> = super::render::API_VERSIONS.iter().map(|version| format!("\"{version}\"")).collect();
                out.push_str(&format!("[{}]", versions.join(",")));
            }
            Special::Files(_) => out.push_str("{}"),
            Special::Version(version) => string(&version.to_string(), style.escape, out),
            Special::Time(time) => string(&time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(), style.escape, out),
        },
    }
    true
}

fn string(text: &str, escape: bool, out: &mut String) {
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '<' | '>' | '&' if escape => out.push_str(&format!("\\u{:04x}", u32::from(letter))),
            '\u{2028}' | '\u{2029}' => out.push_str(&format!("\\u{:04x}", u32::from(letter))),
            control if u32::from(control) < 0x20 => out.push_str(&format!("\\u{:04x}", u32::from(control))),
            other => out.push(other),
        }
    }
    out.push('"');
}

/// A value read from `text` as a value of templates. `name` is how messages and origins call it; none where it has no place to name.
pub(super) fn from_value(value: &Value, text: &str, name: Option<(&str, StepKind)>) -> Val {
    let from = match name {
        Some((name, kind)) if !value.span.is_none() && !matches!(value.data, Plain::Map(_) | Plain::List(_)) => {
            Some(Arc::new(OriginStep { kind, name: name.into(), span: value.span }))
        }
        _ => None,
    };
    let data = match &value.data {
        Plain::Null | Plain::Unknown(_) => Data::Nil,
        Plain::Bool(truth) => Data::Bool(*truth),
        Plain::Number(number) => Data::Float(number.as_f64()),
        Plain::String(text) => Data::Str((&**text).into()),
        Plain::List(items) => {
            let items = items.iter().enumerate().map(|(at, item)| match name {
                Some((name, kind)) => from_value(item, text, Some((&format!("{name}[{at}]"), kind))),
                None => from_value(item, text, None),
            });
            return Val::from(items.collect::<Vec<_>>());
        }
        Plain::Map(map) => {
            let mut entries: BTreeMap<Rc<str>, Val> = BTreeMap::new();
            for (key, entry) in map.iter() {
                let value = match name {
                    Some((name, kind)) => from_value(&entry.value, text, Some((&format!("{name}.{key}"), kind))),
                    None => from_value(&entry.value, text, None),
                };
                entries.insert(key_of(key, entry.key.start, text).into(), value);
            }
            return Map::of(MapKind::Plain, entries).into();
        }
    };
    Val { data, from }
}

/// A key as Helm sees it: one without quotes that reads as a boolean or a number is the text of that.
fn key_of(key: &str, start: u32, text: &str) -> String {
    let written = text.get(start as usize..).is_some_and(|rest| rest.starts_with(key));
    if !written || !super::yaml_text::is_other(key) {
        return key.to_owned();
    }
    match key {
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => "true".to_owned(),
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => "false".to_owned(),
        _ => match yaml::parse_with(key, FileId::NONE, OPTIONS).0.first().map(|document| &document.value.data) {
            Some(Plain::Number(Number::Int(number))) => number.to_string(),
            Some(Plain::Number(Number::Float(number))) => super::printing::float_g(*number),
            _ => key.to_owned(),
        },
    }
}

/// The first document of a text as values are read.
///
/// # Errors
/// What is wrong with it, and where in the text.
pub(super) fn read_yaml(text: &str, file: FileId) -> Result<Value, probity_value::Problem> {
    let (documents, problems) = yaml::parse_with(text, file, OPTIONS);
    let end = documents.first().map_or(u32::MAX, |document| document.span.end);
    if let Some(problem) = problems.into_iter().find(|problem| problem.fatal && (documents.is_empty() || problem.span.start < end)) {
        return Err(problem);
    }
    Ok(documents.into_iter().next().map_or_else(|| Value::null(probity_value::Span::NONE), |document| document.value))
}

/// `fromYaml`, without places.
pub(super) fn parse_yaml(text: &str) -> Result<Val, String> {
    read_yaml(text, FileId::NONE).map(|value| from_value(&value, text, None)).map_err(|problem| problem.message)
}

/// `fromJson`, without places.
pub(super) fn parse_json(text: &str) -> Result<Val, String> {
    let (value, problems) = json::parse(text, FileId::NONE);
    match problems.into_iter().find(|problem| problem.fatal) {
        Some(problem) => Err(problem.message),
        None => Ok(from_value(&value, "", None)),
    }
}

/// TOML as `toToml` writes it: simple values first, then tables.
pub(super) fn to_toml(value: &Val, marker: char) -> Result<String, String> {
    let Some(map) = value.as_map() else { return Err("only a map can be written as TOML".to_owned()) };
    let mut out = String::new();
    table(map, &mut Vec::new(), marker, &mut out)?;
    Ok(out)
}

fn toml_key(key: &str) -> String {
    let bare = !key.is_empty() && key.bytes().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, b'_' | b'-'));
    if bare { key.to_owned() } else { toml_string(key) }
}

fn toml_string(text: &str) -> String {
    let mut out = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            control if control.is_control() => out.push_str(&format!("\\u{:04X}", u32::from(control))),
            other => out.push(other),
        }
    }
    out.push('"');
    out
}

fn is_table_list(value: &Val) -> bool {
    matches!(&value.data, Data::List(list) if !list.items().is_empty() && list.items().iter().all(|item| item.as_map().is_some()))
}

fn table(map: &Map, path: &mut Vec<String>, marker: char, out: &mut String) -> Result<(), String> {
    if path.len() > 50 || out.len() > super::exec::MAX_TEXT {
        return Err("too deep or too long for TOML".to_owned());
    }
    let pairs = map.pairs();
    let indent = "  ".repeat(path.len());
    for (key, value) in pairs.iter().filter(|(_, value)| value.as_map().is_none() && !is_table_list(value) && !value.is_nil()) {
        out.push_str(&format!("{indent}{} = {}\n", toml_key(key), toml_value(value, marker, 0)?));
    }
    for (key, value) in &pairs {
        let below = "  ".repeat(path.len());
        if let Some(inner) = value.as_map() {
            path.push(toml_key(key));
            if !out.is_empty() && path.len() == 1 {
                out.push('\n');
            }
            out.push_str(&format!("{below}[{}]\n", path.join(".")));
            table(inner, path, marker, out)?;
            path.pop();
        } else if is_table_list(value)
            && let Data::List(list) = &value.data
        {
            path.push(toml_key(key));
            for item in list.items() {
                if !out.is_empty() && path.len() == 1 {
                    out.push('\n');
                }
                out.push_str(&format!("{below}[[{}]]\n", path.join(".")));
                if let Some(inner) = item.as_map() {
                    table(inner, path, marker, out)?;
                }
            }
            path.pop();
        }
    }
    Ok(())
}

fn toml_value(value: &Val, marker: char, depth: usize) -> Result<String, String> {
    if depth > 50 {
        return Err("too deep for TOML".to_owned());
    }
    Ok(match &value.data {
        Data::Bool(truth) => truth.to_string(),
        Data::Int(number, _) => number.to_string(),
        Data::Float(number) => {
            let text = super::printing::float_g(*number);
            if text.contains(['.', 'e']) { text } else { format!("{text}.0") }
        }
        Data::Str(text) => toml_string(text.as_str()),
        Data::Lost(lost) => toml_string(&marked(*lost, marker)),
        Data::List(list) => {
            let items: Result<Vec<String>, String> = list.items().iter().map(|item| toml_value(item, marker, depth + 1)).collect();
            format!("[{}]", items?.join(", "))
        }
        Data::Map(map) => {
            let mut parts = Vec::new();
            for (key, item) in map.pairs() {
                parts.push(format!("{} = {}", toml_key(&key), toml_value(&item, marker, depth + 1)?));
            }
            format!("{{{}}}", parts.join(", "))
        }
        _ => return Err(format!("a {} cannot be written as TOML", value.type_name())),
    })
}
