//! Functions that encode and decode: JSON, YAML, CSV, Base64, URL, gzip, character sets.

use std::io::{Read as _, Write as _};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::{Compress, Compression, Crc, FlushCompress};
use probity_value::{Data, FileId, Map, Unknown, UnknownKind, Value, json, yaml};

use super::support::{Call, MAX_TEXT, Stop, replaced, with_marks};
use super::{Function, yaml_text};

pub(super) fn find(name: &str) -> Option<Function> {
    Some(match name {
        "base64decode" => Function::plain(1, 1, base64decode),
        "base64encode" => Function::plain(1, 1, |call| Ok(call.string(STANDARD.encode(&*call.text(0)?)))),
        "base64gunzip" => Function::plain(1, 1, base64gunzip),
        "base64gzip" => Function::plain(1, 1, base64gzip),
        "csvdecode" => Function::plain(1, 1, csvdecode),
        "jsondecode" => Function::plain(1, 1, jsondecode).nullable(),
        "jsonencode" => Function::plain(1, 1, jsonencode),
        "textdecodebase64" => Function::plain(2, 2, textdecodebase64),
        "textencodebase64" => Function::plain(2, 2, textencodebase64),
        "urldecode" => Function::plain(1, 1, urldecode),
        "urlencode" => Function::plain(1, 1, urlencode),
        "yamldecode" => Function::plain(1, 1, yamldecode).nullable(),
        "yamlencode" => Function::plain(1, 1, yamlencode),
        _ => return None,
    })
}

/// Values may be nested this deep to be written.
pub(super) const MAX_DEPTH: usize = 256;

/// Why a value cannot be written.
pub(super) enum Unwritable<'v> {
    Unknown(&'v Unknown),
    TooDeep,
    TooLong,
}

/// Compact JSON as Terraform writes it: keys in order, `<`, `>` and `&` escaped. On an unknown part `out` holds all before it.
fn write_json<'v>(value: &'v Value, out: &mut String, depth: usize) -> Result<(), Unwritable<'v>> {
    if depth > MAX_DEPTH {
        return Err(Unwritable::TooDeep);
    }
    if out.len() > MAX_TEXT {
        return Err(Unwritable::TooLong);
    }
    match &value.data {
        Data::Null => out.push_str("null"),
        Data::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Data::Number(number) => out.push_str(&number.to_string()),
        Data::String(text) => quote(text, out),
        Data::List(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write_json(item, out, depth + 1)?;
            }
            out.push(']');
        }
        Data::Map(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            out.push('{');
            for (at, (key, entry)) in entries.into_iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                quote(key, out);
                out.push(':');
                write_json(&entry.value, out, depth + 1)?;
            }
            out.push('}');
        }
        Data::Unknown(unknown) => {
            if !unknown.prefix.is_empty() {
                quote(&unknown.prefix, out);
                out.pop();
            }
            return Err(Unwritable::Unknown(unknown));
        }
    }
    Ok(())
}

/// Text in quotes, appended to `out`, as Go's JSON writer does it.
pub(crate) fn quote(text: &str, out: &mut String) {
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
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..='\u{1f}' => out.push_str(&format!("\\u{:04x}", u32::from(letter))),
            _ => out.push(letter),
        }
    }
    out.push('"');
}

/// JSON text of a value without unknown parts.
pub(super) fn to_json(value: &Value) -> Option<String> {
    let mut out = String::new();
    write_json(value, &mut out, 0).ok().map(|()| out)
}

fn jsonencode(call: &Call<'_>) -> Result<Value, Stop> {
    let value = call.arg(0)?;
    let mut out = String::new();
    match write_json(value, &mut out, 0) {
        Ok(()) => {
            call.room_for_text(out.len())?;
            Ok(call.string(out))
        }
        Err(Unwritable::Unknown(reason)) => Err(Stop::With(partly(call, reason, out, value))),
        Err(Unwritable::TooDeep) => Err(call.error(format!("the value is nested more than {MAX_DEPTH} deep"))),
        Err(Unwritable::TooLong) => Err(call.room_for_text(MAX_TEXT + 1).err().unwrap_or_else(|| call.error("the text is too long"))),
    }
}

/// An encoded text with unknown parts: its beginning, and what it decodes to. Nothing is decoded of a value unknown as a whole.
fn partly(call: &Call<'_>, reason: &Unknown, prefix: String, value: &Value) -> Value {
    let decoded = if value.is_unknown() { None } else { Some(value.clone()) };
    let data = Data::Unknown(Arc::new(Unknown {
        kind: reason.kind,
        reason: Arc::clone(&reason.reason),
        set: true,
        prefix: prefix.into(),
        suffix: "".into(),
        decoded,
    }));
    call.marked(Value::new(data, call.cx.span), true)
}

/// What a text of which parts are unknown decodes to, where that is known.
fn already_decoded(call: &Call<'_>) -> Result<(), Stop> {
    let value = call.arg(0)?;
    match value.as_unknown().and_then(|unknown| unknown.decoded.as_ref()) {
        Some(decoded) => Err(Stop::With(with_marks(decoded.clone(), std::iter::once(value), false))),
        None => Ok(()),
    }
}

fn jsondecode(call: &Call<'_>) -> Result<Value, Stop> {
    already_decoded(call)?;
    let text = call.text(0)?;
    call.room_for_text(text.len())?;
    let (value, problems) = json::parse(&text, FileId::NONE);
    match problems.iter().find(|problem| problem.fatal) {
        Some(problem) => Err(call.error(format!("the text is not valid JSON: {}", problem.message))),
        None => Ok(replaced(&value, call.cx.span)),
    }
}

fn yamldecode(call: &Call<'_>) -> Result<Value, Stop> {
    already_decoded(call)?;
    let text = call.text(0)?;
    call.room_for_text(text.len())?;
    // Terraform's reader takes `yes` and `on` for true, but a leading zero for nothing special.
    let options = yaml::ParseOptions { booleans_1_1: true, ..yaml::ParseOptions::default() };
    let (documents, problems) = yaml::parse_with(&text, FileId::NONE, options);
    if let Some(problem) = problems.iter().find(|problem| problem.fatal) {
        return Err(call.error(format!("the text is not valid YAML: {}", problem.message)));
    }
    match documents.as_slice() {
        [] => Ok(Value::null(call.cx.span)),
        [document] => Ok(replaced(&document.value, call.cx.span)),
        more => Err(call.error(format!("the text has {} YAML documents; only one is allowed", more.len()))),
    }
}

fn yamlencode(call: &Call<'_>) -> Result<Value, Stop> {
    let value = call.arg(0)?;
    let mut out = String::new();
    match yaml_text::write(value, &mut out) {
        Ok(()) => {
            call.room_for_text(out.len())?;
            Ok(call.string(out))
        }
        Err(Unwritable::Unknown(reason)) => Err(Stop::With(partly(call, reason, String::new(), value))),
        Err(Unwritable::TooDeep) => Err(call.error(format!("the value is nested more than {MAX_DEPTH} deep"))),
        Err(Unwritable::TooLong) => Err(call.room_for_text(MAX_TEXT + 1).err().unwrap_or_else(|| call.error("the text is too long"))),
    }
}

fn csvdecode(call: &Call<'_>) -> Result<Value, Stop> {
    let text = call.text(0)?;
    call.room_for_text(text.len())?;
    let span = call.cx.span;
    let mut reader = csv::ReaderBuilder::new().from_reader(text.as_bytes());
    let wrong = |error: &csv::Error| {
        call.error(match error.kind() {
            csv::ErrorKind::UnequalLengths { pos, expected_len, len } => {
                let line = pos.as_ref().map_or(0, csv::Position::line);
                format!("line {line} has {len} fields, but the header has {expected_len}")
            }
            _ => "the text is not valid CSV".to_owned(),
        })
    };
    let headers: Vec<Arc<str>> = reader.headers().map_err(|error| wrong(&error))?.iter().map(Arc::from).collect();
    if headers.is_empty() {
        return Err(call.error("the header line is missing"));
    }
    for (at, header) in headers.iter().enumerate() {
        if headers.iter().skip(at + 1).any(|other| other == header) {
            return Err(call.error(format!("the column `{header}` comes twice")));
        }
    }
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| wrong(&error))?;
        call.room_for_items(headers.len())?;
        let mut map = Map::new();
        for (header, field) in headers.iter().zip(record.iter()) {
            map.insert(Arc::clone(header), span, call.string(field));
        }
        rows.push(Value::map(map, span));
    }
    Ok(Value::list(rows, span))
}

fn bytes_of_base64(call: &Call<'_>) -> Result<Vec<u8>, Stop> {
    let text = call.text(0)?;
    // Line breaks inside are passed over, as Go does.
    let text: String = text.chars().filter(|letter| !matches!(letter, '\r' | '\n')).collect();
    STANDARD.decode(text).map_err(|_| call.error("the text is not valid Base64"))
}

fn base64decode(call: &Call<'_>) -> Result<Value, Stop> {
    match String::from_utf8(bytes_of_base64(call)?) {
        Ok(text) => Ok(call.string(text)),
        Err(_) => Err(call.error("what the text decodes to is not valid UTF-8")),
    }
}

fn base64gunzip(call: &Call<'_>) -> Result<Value, Stop> {
    let bytes = bytes_of_base64(call)?;
    let mut out = Vec::new();
    let limit = u64::try_from(MAX_TEXT).unwrap_or(u64::MAX).saturating_add(1);
    if flate2::read::MultiGzDecoder::new(bytes.as_slice()).take(limit).read_to_end(&mut out).is_err() {
        return Err(call.error("what the text decodes to is not valid gzip"));
    }
    call.room_for_text(out.len())?;
    match String::from_utf8(out) {
        Ok(text) => Ok(call.string(text)),
        Err(_) => Err(call.error("what the text unpacks to is not valid UTF-8")),
    }
}

/// The frame is byte for byte Go's (header, flush before the end, trailer); the compressed bytes in between are Go's for short texts
/// and mean the same for all.
fn base64gzip(call: &Call<'_>) -> Result<Value, Stop> {
    let text = call.text(0)?;
    call.room_for_text(text.len())?;
    let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
    let mut compress = Compress::new(Compression::default(), false);
    out.reserve(text.len() + 64);
    loop {
        let taken = usize::try_from(compress.total_in()).unwrap_or(usize::MAX);
        let rest = text.as_bytes().get(taken..).unwrap_or_default();
        let room = out.capacity() - out.len();
        if compress.compress_vec(rest, &mut out, FlushCompress::Sync).is_err() {
            return Err(call.error("the text cannot be compressed"));
        }
        let all_taken = usize::try_from(compress.total_in()).is_ok_and(|taken| taken == text.len());
        if all_taken && out.len() < out.capacity() {
            break;
        }
        out.reserve(room.max(64));
    }
    out.extend_from_slice(&[1, 0, 0, 0xff, 0xff]);
    let mut crc = Crc::new();
    crc.update(text.as_bytes());
    let _ = out.write_all(&crc.sum().to_le_bytes());
    let _ = out.write_all(&crc.amount().to_le_bytes());
    Ok(call.string(STANDARD.encode(out)))
}

fn urlencode(call: &Call<'_>) -> Result<Value, Stop> {
    let text = call.text(0)?;
    call.room_for_text(text.len().saturating_mul(3))?;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            b' ' => out.push('+'),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    Ok(call.string(out))
}

fn urldecode(call: &Call<'_>) -> Result<Value, Stop> {
    let text = call.text(0)?;
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'+' => out.push(b' '),
            b'%' => {
                let digit =
                    |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16)).and_then(|digit| u8::try_from(digit).ok());
                match (digit(bytes.next()), digit(bytes.next())) {
                    (Some(high), Some(low)) => out.push(high * 16 + low),
                    _ => return Err(call.error("`%` must be followed by two hexadecimal digits")),
                }
            }
            _ => out.push(byte),
        }
    }
    match String::from_utf8(out) {
        Ok(text) => Ok(call.string(text)),
        Err(_) => Err(call.error("what the text decodes to is not valid UTF-8")),
    }
}

/// Character sets by their IANA names, those people use.
#[derive(Clone, Copy)]
enum Charset {
    Utf8,
    Utf16 { little: bool, mark: bool },
    Latin1,
    Ascii,
}

fn charset(call: &Call<'_>) -> Result<Charset, Stop> {
    let name = call.text(1)?;
    Ok(match name.to_ascii_lowercase().as_str() {
        "utf-8" | "utf8" => Charset::Utf8,
        "utf-16le" => Charset::Utf16 { little: true, mark: false },
        "utf-16be" => Charset::Utf16 { little: false, mark: false },
        "utf-16" => Charset::Utf16 { little: false, mark: true },
        "iso-8859-1" | "iso_8859-1" | "latin1" | "l1" => Charset::Latin1,
        "us-ascii" | "ascii" => Charset::Ascii,
        _ => {
            let shown: String = name.chars().take(40).collect();
            return Err(Stop::With(call.outside(UnknownKind::Function, format!("the encoding `{shown}` is not known here"))));
        }
    })
}

fn textencodebase64(call: &Call<'_>) -> Result<Value, Stop> {
    let (text, charset) = (call.text(0)?, charset(call)?);
    call.room_for_text(text.len().saturating_mul(2))?;
    let single = |most: u32| text.chars().map(|letter| u8::try_from(letter).ok().filter(|byte| u32::from(*byte) <= most)).collect();
    let bytes: Option<Vec<u8>> = match charset {
        Charset::Utf8 => Some(text.as_bytes().to_vec()),
        Charset::Utf16 { little, mark } => {
            let units = mark.then_some(0xfeff).into_iter().chain(text.encode_utf16());
            Some(units.flat_map(|unit: u16| if little { unit.to_le_bytes() } else { unit.to_be_bytes() }).collect())
        }
        Charset::Latin1 => single(0xff),
        Charset::Ascii => single(0x7f),
    };
    match bytes {
        Some(bytes) => Ok(call.string(STANDARD.encode(bytes))),
        None => Err(call.error("the text has characters that the encoding does not have")),
    }
}

fn textdecodebase64(call: &Call<'_>) -> Result<Value, Stop> {
    let charset = charset(call)?;
    let bytes = bytes_of_base64(call)?;
    let text = match charset {
        Charset::Utf8 => String::from_utf8(bytes).ok(),
        Charset::Utf16 { mut little, mark } => {
            let mut rest = bytes.as_slice();
            if mark && let Some(after) = rest.strip_prefix(&[0xff, 0xfe]) {
                (little, rest) = (true, after);
            } else if mark && let Some(after) = rest.strip_prefix(&[0xfe, 0xff]) {
                rest = after;
            }
            let (pairs, odd) = rest.as_chunks::<2>();
            let units: Vec<u16> =
                pairs.iter().map(|pair| if little { u16::from_le_bytes(*pair) } else { u16::from_be_bytes(*pair) }).collect();
            if odd.is_empty() { String::from_utf16(&units).ok() } else { None }
        }
        Charset::Latin1 => Some(bytes.into_iter().map(char::from).collect()),
        Charset::Ascii => String::from_utf8(bytes).ok().filter(|text| text.is_ascii()),
    };
    match text {
        Some(text) => Ok(call.string(text)),
        None => Err(call.error("the text has symbols that the encoding does not have")),
    }
}
