//! The functions of ARM templates and Bicep on text.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use probity_value::{Data, FileId, UnknownKind, Value, json as reader};

use super::eval::{MAX_TEXT, to_text, unknown_like, unknown_set};
use super::functions::{Call, Outcome, Stop, joined};

/// JSON text of a value, where all of it is known.
pub(super) fn as_json(value: &Value) -> Option<String> {
    reader::write(value)
}

fn made(call: &Call<'_>, text: String) -> Outcome {
    if text.len() > MAX_TEXT || !call.budget.spend(text.len() / 64) {
        return Err(Stop::Unknown(Value::unknown(UnknownKind::Limit, format!("`{}` would make too long a text", call.name), call.span)));
    }
    Ok(Data::String(text.into()))
}

pub(super) fn changed(call: &Call<'_>, change: fn(&str) -> String) -> Outcome {
    let value = call.arg(0)?;
    if let Data::Unknown(unknown) = &value.data
        && !unknown.prefix.is_empty()
        && call.name != "trim"
    {
        return Err(Stop::Unknown(unknown_set(unknown.kind, Arc::clone(&unknown.reason), &change(&unknown.prefix), call.span)));
    }
    made(call, change(&call.text(0)?))
}

/// `{0}`, `{1,10}`, `{2:N}`; `{{` and `}}` are braces.
pub(super) fn format(call: &Call<'_>) -> Outcome {
    let pattern = call.text(0)?;
    let mut parts: Vec<Value> = Vec::new();
    let mut text = String::new();
    let mut rest: &str = &pattern;
    while let Some(at) = rest.find(['{', '}']) {
        let (before, from) = rest.split_at_checked(at).unwrap_or((rest, ""));
        text.push_str(before);
        if let Some(behind) = from.strip_prefix("{{") {
            text.push('{');
            rest = behind;
            continue;
        }
        if let Some(behind) = from.strip_prefix("}}") {
            text.push('}');
            rest = behind;
            continue;
        }
        let inside = from.strip_prefix('{').and_then(|inside| inside.split_once('}'));
        let Some((inside, behind)) = inside else { return Err(call.wrong("the pattern has a brace without its other")) };
        let number = inside.split([',', ':']).next().unwrap_or_default().trim();
        let index: usize = number.parse().map_err(|_| call.wrong(format_args!("`{{{inside}}}` names no argument")))?;
        let value = call.args.get(index.saturating_add(1)).ok_or_else(|| call.wrong(format_args!("there is no argument `{index}`")))?;
        parts.push(Value::string(std::mem::take(&mut text), call.span));
        parts.push(value.clone());
        if parts.len() > 10_000 {
            return Err(call.wrong("the pattern has too many parts"));
        }
        rest = behind;
    }
    text.push_str(rest);
    parts.push(Value::string(text, call.span));
    let value = joined(&parts, call.span);
    match value.data {
        Data::String(text) => made(call, text.as_ref().to_owned()),
        _ => Err(Stop::Unknown(value)),
    }
}

pub(super) fn replace(call: &Call<'_>) -> Outcome {
    let (text, old, new) = (call.text(0)?, call.text(1)?, call.text(2)?);
    if old.is_empty() {
        return Err(call.wrong("the text to replace is empty"));
    }
    let growth = text.matches(&*old).count().saturating_mul(new.len());
    if growth.saturating_add(text.len()) > MAX_TEXT {
        return Err(call.wrong("the text grows too long"));
    }
    made(call, text.replace(&*old, &new))
}

pub(super) fn split(call: &Call<'_>) -> Outcome {
    let text = call.text(0)?;
    let value = call.known(1)?;
    let delimiters: Vec<Arc<str>> = match value.as_list() {
        Some(items) => items.iter().filter_map(to_text).collect(),
        None => vec![call.text(1)?],
    };
    let mut parts: Vec<&str> = vec![&text];
    for delimiter in delimiters.iter().filter(|delimiter| !delimiter.is_empty()) {
        parts = parts.into_iter().flat_map(|part| part.split(&**delimiter)).collect();
        call.room(parts.len())?;
    }
    call.made_list(parts.into_iter().map(|part| Value::string(part, call.span)).collect())
}

pub(super) fn join(call: &Call<'_>) -> Outcome {
    let delimiter = call.text(1)?;
    let mut parts = Vec::new();
    for (position, item) in call.list(0)?.iter().enumerate() {
        if position > 0 {
            parts.push(Value::string(Arc::clone(&delimiter), call.span));
        }
        parts.push(item.clone());
    }
    let value = joined(&parts, call.span);
    match value.data {
        Data::String(text) => made(call, text.as_ref().to_owned()),
        _ => Err(Stop::Unknown(value)),
    }
}

pub(super) fn substring(call: &Call<'_>) -> Outcome {
    let (text, start) = (call.text(0)?, call.size(1)?);
    let length = if call.args.len() > 2 { call.size(2)? } else { usize::MAX };
    made(call, text.chars().skip(start).take(length).collect())
}

pub(super) fn pad_left(call: &Call<'_>) -> Outcome {
    let (text, width) = (call.text(0)?, call.size(1)?);
    let fill = if call.args.len() > 2 { call.text(2)?.chars().next().unwrap_or(' ') } else { ' ' };
    let missing = width.saturating_sub(text.chars().count());
    if missing > MAX_TEXT {
        return Err(call.wrong("the text grows too long"));
    }
    let mut out: String = std::iter::repeat_n(fill, missing).collect();
    out.push_str(&text);
    made(call, out)
}

pub(super) fn starts_with(call: &Call<'_>) -> Outcome {
    let wanted = call.text(1)?.to_lowercase();
    if let Data::Unknown(unknown) = &call.arg(0)?.data {
        let prefix = unknown.prefix.to_lowercase();
        if prefix.starts_with(&wanted) {
            return Ok(Data::Bool(true));
        }
        if !wanted.starts_with(&prefix) {
            return Ok(Data::Bool(false));
        }
    }
    Ok(Data::Bool(call.text(0)?.to_lowercase().starts_with(&wanted)))
}

pub(super) fn ends_with(call: &Call<'_>) -> Outcome {
    Ok(Data::Bool(call.text(0)?.to_lowercase().ends_with(&call.text(1)?.to_lowercase())))
}

pub(super) fn string(call: &Call<'_>) -> Outcome {
    let value = call.arg(0)?;
    if value.is_unknown() || to_text(value).is_some() {
        let value = joined(std::slice::from_ref(value), call.span);
        return match value.data {
            Data::Unknown(_) => Err(Stop::Unknown(value)),
            data => Ok(data),
        };
    }
    if let Some(text) = as_json(value) {
        return made(call, text);
    }
    // Text of unknown parts whose shape is known can still be looked into.
    let mut unknown =
        value.find_unknown().map(|unknown| unknown_like(unknown, value, call.span)).ok_or_else(|| call.wrong("it is no JSON"))?;
    if let Data::Unknown(inner) = &mut unknown.data {
        let inner = Arc::make_mut(inner);
        inner.set = true;
        inner.decoded = Some(value.clone());
    }
    Err(Stop::Unknown(unknown))
}

pub(super) fn json(call: &Call<'_>) -> Outcome {
    if let Data::Unknown(unknown) = &call.arg(0)?.data
        && let Some(decoded) = &unknown.decoded
    {
        return Ok(decoded.data.clone());
    }
    parsed(call, &call.text(0)?)
}

fn parsed(call: &Call<'_>, text: &str) -> Outcome {
    // Also words that are no JSON by themselves, as `json('True')`.
    let text = match text.trim() {
        "True" => "true",
        "False" => "false",
        other => other,
    };
    let (value, problems, _) = reader::parse_commented(text, FileId::NONE);
    if problems.iter().any(|problem| problem.fatal) || !call.budget.spend(text.len() / 8) {
        return Err(call.wrong("the text is no JSON"));
    }
    Ok(value.data)
}

fn decoded(call: &Call<'_>, text: &str) -> Result<String, Stop> {
    let bytes = STANDARD.decode(text.trim()).map_err(|_| call.wrong("the text is no base64"))?;
    String::from_utf8(bytes).map_err(|_| call.wrong("the bytes are no text"))
}

pub(super) fn base64(call: &Call<'_>) -> Outcome {
    made(call, STANDARD.encode(call.text(0)?.as_bytes()))
}

pub(super) fn base64_to_string(call: &Call<'_>) -> Outcome {
    made(call, decoded(call, &call.text(0)?)?)
}

pub(super) fn base64_to_json(call: &Call<'_>) -> Outcome {
    let text = decoded(call, &call.text(0)?)?;
    parsed(call, &text)
}

pub(super) fn data_uri(call: &Call<'_>) -> Outcome {
    made(call, format!("data:text/plain;charset=utf8;base64,{}", STANDARD.encode(call.text(0)?.as_bytes())))
}

pub(super) fn data_uri_to_string(call: &Call<'_>) -> Outcome {
    let text = call.text(0)?;
    let (head, body) = text.split_once(',').ok_or_else(|| call.wrong("the text is no data URI"))?;
    made(call, if head.ends_with(";base64") { decoded(call, body)? } else { body.to_owned() })
}

pub(super) fn uri(call: &Call<'_>) -> Outcome {
    let (base, relative) = (call.text(0)?, call.text(1)?);
    let scheme = base.find("://").map_or(0, |at| at + 3);
    let cut = base.rfind('/').filter(|at| *at >= scheme);
    let folder = match cut {
        Some(at) => base.get(..=at).unwrap_or(&base).to_owned(),
        None => format!("{base}/"),
    };
    made(call, format!("{folder}{}", relative.trim_start_matches('/')))
}

pub(super) fn uri_component(call: &Call<'_>) -> Outcome {
    let mut out = String::new();
    for byte in call.text(0)?.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    made(call, out)
}

pub(super) fn uri_component_to_string(call: &Call<'_>) -> Outcome {
    let text = call.text(0)?;
    let mut out = Vec::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let digits: String = bytes.by_ref().take(2).map(char::from).collect();
        out.push(u8::from_str_radix(&digits, 16).map_err(|_| call.wrong("a `%` is not followed by two digits"))?);
    }
    made(call, String::from_utf8(out).map_err(|_| call.wrong("the bytes are no text"))?)
}
