//! Texts that stand for others: base64, hexadecimal digits, JSON.
//!
//! Texts of Rego may hold any bytes; here they are Unicode. A byte that belongs to no character is kept as a character of a private plane
//! (see [`crate::term::bytes_of`]), so that it is the same byte again where bytes are asked for, and is shown as U+FFFD.

use base64::Engine as _;

use crate::builtins::operands::{as_text, object, operand, text};
use crate::builtins::{Answer, Context, Failure};
use crate::json;
use crate::term::{Term, bytes_of, quote};

/// Bytes as text.
pub(super) fn text_of(bytes: Vec<u8>) -> Answer {
    Ok(Term::from(crate::term::text_of_bytes(bytes)))
}

/// Decodes base64 as Go does: line breaks are passed over, padding is needed, bits left over do not matter.
pub(super) fn decode_base64(given: &str, url: bool) -> Result<Vec<u8>, Failure> {
    let corrupt = |at: usize| Failure::Failed(format!("illegal base64 data at input byte {at}"));
    let value = |byte: u8| match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' if !url => Some(62),
        b'/' if !url => Some(63),
        b'-' if url => Some(62),
        b'_' if url => Some(63),
        _ => None,
    };
    let bytes = given.as_bytes();
    let mut out = Vec::with_capacity(bytes.len() / 4 * 3 + 3);
    let mut quantum = [0_u8; 4];
    let mut filled = 0;
    let mut at = 0;
    while let Some(byte) = bytes.get(at).copied() {
        at += 1;
        if matches!(byte, b'\n' | b'\r') {
            continue;
        }
        if let Some(digit) = value(byte) {
            if let Some(place) = quantum.get_mut(filled) {
                *place = digit;
            }
            filled += 1;
            if filled == 4 {
                let [a, b, c, d] = quantum;
                out.extend([(a << 2) | (b >> 4), (b << 4) | (c >> 2), (c << 6) | d]);
                filled = 0;
            }
            continue;
        }
        if byte != b'=' || filled < 2 {
            return Err(corrupt(at - 1));
        }
        let skip = |mut at: usize| {
            while matches!(bytes.get(at), Some(b'\n' | b'\r')) {
                at += 1;
            }
            at
        };
        if filled == 2 {
            at = skip(at);
            match bytes.get(at) {
                None => return Err(corrupt(bytes.len())),
                Some(b'=') => at += 1,
                Some(_) => return Err(corrupt(at - 1)),
            }
        }
        at = skip(at);
        if at < bytes.len() {
            return Err(corrupt(at));
        }
        let [a, b, c, _] = quantum;
        out.push((a << 2) | (b >> 4));
        if filled == 3 {
            out.push((b << 4) | (c >> 2));
        }
        return Ok(out);
    }
    if filled > 0 { Err(corrupt(at - filled)) } else { Ok(out) }
}

/// Decodes base64 of URLs, with or without padding.
pub(super) fn decode_base64url(given: &str) -> Result<Vec<u8>, Failure> {
    if given.ends_with('=') {
        return decode_base64(given, true);
    }
    match given.len() % 4 {
        0 => decode_base64(given, true),
        2 => decode_base64(&format!("{given}=="), true),
        3 => decode_base64(&format!("{given}="), true),
        _ => Err(Failure::Failed(format!("illegal base64url string: {given}"))),
    }
}

/// Text as base64.
pub(super) fn base64_encode(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
    Ok(Term::from(base64::engine::general_purpose::STANDARD.encode(bytes_of(text(arguments, 0)?))))
}

/// Text of base64.
pub(super) fn base64_decode(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
    text_of(decode_base64(text(arguments, 0)?, false)?)
}

/// Whether text is base64.
pub(super) fn base64_is_valid(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
    Ok(Term::Bool(as_text(arguments, 0).is_some_and(|given| decode_base64(given, false).is_ok())))
}

/// Text as base64 of URLs.
pub(super) fn base64url_encode(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
    Ok(Term::from(base64::engine::general_purpose::URL_SAFE.encode(bytes_of(text(arguments, 0)?))))
}

/// Text as base64 of URLs without padding.
pub(super) fn base64url_encode_no_pad(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
    Ok(Term::from(base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes_of(text(arguments, 0)?))))
}

/// Text of base64 of URLs.
pub(super) fn base64url_decode(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
    text_of(decode_base64url(text(arguments, 0)?)?)
}

/// Text as hexadecimal digits.
pub(super) fn hex_encode(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
    Ok(Term::from(hex::encode(bytes_of(text(arguments, 0)?))))
}

/// Text of hexadecimal digits.
pub(super) fn hex_decode(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let given = text(arguments, 0)?;
    if let Some(letter) = given.chars().find(|letter| !letter.is_ascii_hexdigit()) {
        let code = u32::from(letter);
        return Err(Failure::Failed(format!("encoding/hex: invalid byte: U+{code:04X} {}", quote(&letter.to_string()).replace('"', "'"))));
    }
    text_of(hex::decode(&**given).map_err(|_| Failure::failed("encoding/hex: odd length hex string"))?)
}

/// Text in quotes as Go's JSON encoder writes it.
fn write_text(given: &str, out: &mut String) {
    out.push('"');
    for letter in given.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..='\u{1f}' => out.push_str(&format!("\\u{:04x}", u32::from(letter))),
            letter => out.push(crate::term::shown_letter(letter)),
        }
    }
    out.push('"');
}

/// JSON text as Go's encoder writes it; on many lines where an indent is given.
pub(super) fn json_text(term: &Term, style: Option<(&str, &str)>) -> String {
    let mut out = String::new();
    write_json(term, style, 0, &mut out);
    out
}

fn break_line(style: Option<(&str, &str)>, depth: usize, out: &mut String) {
    if let Some((prefix, indent)) = style {
        out.push('\n');
        out.push_str(prefix);
        (0..depth).for_each(|_| out.push_str(indent));
    }
}

fn write_json(term: &Term, style: Option<(&str, &str)>, depth: usize, out: &mut String) {
    if let Some(object) = term.as_object() {
        let mut entries: Vec<_> = object.iter().map(|(key, value)| (key.key_text(), value)).collect();
        entries.sort_by(|a, b| a.0.cmp(&b.0));
        out.push('{');
        for (position, (key, value)) in entries.iter().enumerate() {
            if position > 0 {
                out.push(',');
            }
            break_line(style, depth + 1, out);
            write_text(key, out);
            out.push_str(if style.is_some() { ": " } else { ":" });
            write_json(value, style, depth + 1, out);
        }
        if !entries.is_empty() {
            break_line(style, depth, out);
        }
        out.push('}');
        return;
    }
    if let Some(items) = super::operands::items(term) {
        out.push('[');
        for (position, item) in items.iter().enumerate() {
            if position > 0 {
                out.push(',');
            }
            break_line(style, depth + 1, out);
            write_json(item, style, depth + 1, out);
        }
        if !items.is_empty() {
            break_line(style, depth, out);
        }
        out.push(']');
        return;
    }
    match term {
        Term::String(text) => write_text(text, out),
        other => other.write_json(out),
    }
}

/// JSON text of a value.
pub(super) fn json_marshal(context: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let out = json_text(operand(arguments, 0)?, None);
    context.spend(out.len())?;
    Ok(Term::from(out))
}

/// JSON text of a value, on many lines where that is asked for.
pub(super) fn json_marshal_with_options(context: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let given = operand(arguments, 0)?;
    let (mut prefix, mut indent) = (String::new(), "\t".to_owned());
    let (mut implied, mut asked) = (false, None);
    for (at, (key, value)) in object(arguments, 1)?.iter().enumerate() {
        let cast = |value: &Term| match value {
            Term::String(text) => Ok(text.to_string()),
            other => Err(Failure::Operand(format!(
                "operand 2 key {key} failed cast to string: operand {at} must be string but got {}",
                other.kind()
            ))),
        };
        let Term::String(name) = &key else {
            return Err(Failure::Operand(format!(
                "operand 2 failed to stringify key {key} at index {at}: operand {at} must be string but got {}",
                key.kind()
            )));
        };
        match &**name {
            "prefix" => {
                prefix = cast(&value)?;
                implied = true;
            }
            "indent" => {
                indent = cast(&value)?;
                implied = true;
            }
            "pretty" => match value {
                Term::Bool(value) => asked = Some(value),
                _ => return Err(Failure::Operand(format!("operand 2 key {key} failed cast to bool"))),
            },
            _ => return Err(Failure::Operand(format!("operand 2 object contained unknown key {key}"))),
        }
    }
    if !asked.unwrap_or(implied) {
        return json_marshal(context, arguments);
    }
    let out = format!("{prefix}{}", json_text(given, Some((&prefix, &indent))));
    context.spend(out.len())?;
    Ok(Term::from(out))
}

/// The value of JSON text.
pub(super) fn json_unmarshal(context: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let given = text(arguments, 0)?;
    context.spend(given.len())?;
    json::parse(given).map_err(|error| match error {
        json::JsonError::Depth => Failure::Halt(error.to_string()),
        json::JsonError::Character { place: "after top-level value", .. } => Failure::Failed(format!("error: {error}")),
        _ => Failure::Failed(error.to_string()),
    })
}

/// Whether text is JSON.
pub(super) fn json_is_valid(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
    Ok(Term::Bool(as_text(arguments, 0).is_some_and(|given| json::parse(given).is_ok())))
}

#[cfg(test)]
mod tests {
    use crate::builtins::tests::{check, shown, shown_of};
    use crate::term::Term;

    #[test]
    fn base64() {
        check("base64.encode", r#"["subjects?_d"]"#, r#""c3ViamVjdHM/X2Q=""#);
        check("base64.decode", r#"["aGVsbG8="]"#, r#""hello""#);
        check("base64.decode", r#"["aGVs\nbG8="]"#, r#""hello""#);
        check("base64.decode", r#"["aGVsbG9="]"#, r#""hello""#);
        check("base64.decode", r#"["aGVsbG8"]"#, "eval_builtin_error: base64.decode: illegal base64 data at input byte 4");
        check("base64.decode", r#"["aG Vs"]"#, "eval_builtin_error: base64.decode: illegal base64 data at input byte 2");
        check("base64.decode", r#"["!"]"#, "eval_builtin_error: base64.decode: illegal base64 data at input byte 0");
        check("base64.decode", r#"["/w=="]"#, "\"\u{fffd}\"");
        let bytes = shown_of("base64.decode", &[Term::from("gP9B")]);
        assert_eq!(bytes.size(), Some(3));
        assert_eq!(shown("base64.encode", std::slice::from_ref(&bytes)), "\"gP9B\"");
        assert_eq!(shown("hex.encode", std::slice::from_ref(&bytes)), "\"80ff41\"");
        assert_eq!(shown("crypto.md5", &[bytes]), "\"60a5937edaab969cd22a95cf18f97aad\"");
        check("base64.is_valid", r#"["/w=="]"#, "true");
        check("base64.is_valid", r#"["/w="]"#, "false");
        check("base64url.encode", r#"["a?>"]"#, r#""YT8-""#);
        check("base64url.encode_no_pad", r#"["hello"]"#, r#""aGVsbG8""#);
        check("base64url.decode", r#"["aGVsbG8"]"#, r#""hello""#);
        check("base64url.decode", r#"["a"]"#, "eval_builtin_error: base64url.decode: illegal base64url string: a");
        check("base64url.decode", r#"["aGVsbG8=="]"#, "eval_builtin_error: base64url.decode: illegal base64 data at input byte 8");
    }

    #[test]
    fn hexadecimal() {
        check("hex.encode", r#"["é"]"#, r#""c3a9""#);
        check("hex.decode", r#"["C3a9"]"#, r#""é""#);
        check("hex.decode", r#"["zz"]"#, "eval_builtin_error: hex.decode: encoding/hex: invalid byte: U+007A 'z'");
        check("hex.decode", r#"["abc"]"#, "eval_builtin_error: hex.decode: encoding/hex: odd length hex string");
    }

    #[test]
    fn json_texts() {
        check("json.marshal", r#"[{"b": [1, 2.50], "a": {"$set": ["<&"]}}]"#, r#""{\"a\":[\"\\u003c\\u0026\"],\"b\":[1,2.50]}""#);
        check("json.unmarshal", r#"["{\"a\": 1.50}"]"#, r#"{"a": 1.50}"#);
        check("json.unmarshal", r#"["{"]"#, "eval_builtin_error: json.unmarshal: unexpected EOF");
        check("json.unmarshal", r#"["1 2"]"#, "eval_builtin_error: json.unmarshal: error: invalid character '2' after top-level value");
        check("json.is_valid", r#"["{}"]"#, "true");
        check("json.is_valid", "[1]", "false");
        check("json.marshal_with_options", r#"[[], {"indent": "    ", "prefix": "---"}]"#, r#""---[]""#);
        check("json.marshal_with_options", r#"[{"a": [1]}, {"pretty": true}]"#, r#""{\n\t\"a\": [\n\t\t1\n\t]\n}""#);
        check("json.marshal_with_options", r#"[[1], {"pretty": false, "indent": "x"}]"#, r#""[1]""#);
        check(
            "json.marshal_with_options",
            r#"[[1], {"x": 1}]"#,
            r#"eval_type_error: json.marshal_with_options: operand 2 object contained unknown key "x""#,
        );
    }
}
