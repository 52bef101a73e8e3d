//! Texts (`ext.Strings`). Positions count characters, not bytes.

use super::args::{cost_of_all, cost_of_text, cost_of_text_twice, int, list, text, texts, times};
use super::format;
use crate::{Call, CelError, Function, Library, Overload, Value};

/// The functions Kubernetes has (version 2).
pub static LIBRARY: Library =
    Library::new("strings", &[CHAR_AT, INDEX_OF, LAST_INDEX_OF, LOWER, UPPER, REPLACE, SPLIT, SUBSTRING, TRIM, QUOTE, JOIN, FORMAT]);

/// Those of the language's own definition: `reverse`, `format` without a locale, and no search from beyond the end.
pub static NEWEST: Library = Library::new(
    "strings",
    &[CHAR_AT, INDEX_OF_WITHIN, LAST_INDEX_OF_WITHIN, LOWER, UPPER, REPLACE, SPLIT, SUBSTRING, TRIM, QUOTE, JOIN, FORMAT_NEWEST, REVERSE],
);

const CHAR_AT: Function = Function::new("charAt", &[Overload::new("string_char_at_int", "string.charAt(int) -> string", char_at)]);

const INDEX_OF: Function = Function::new(
    "indexOf",
    &[
        Overload::new("string_index_of_string", "string.indexOf(string) -> int", index_of).cost(cost_of_all),
        Overload::new("string_index_of_string_int", "string.indexOf(string, int) -> int", index_of).cost(cost_of_all),
    ],
);

const LAST_INDEX_OF: Function = Function::new(
    "lastIndexOf",
    &[
        Overload::new("string_last_index_of_string", "string.lastIndexOf(string) -> int", last_index_of).cost(cost_of_all),
        Overload::new("string_last_index_of_string_int", "string.lastIndexOf(string, int) -> int", last_index_of_from).cost(cost_of_all),
    ],
);

const INDEX_OF_WITHIN: Function = Function::new(
    "indexOf",
    &[
        Overload::new("string_index_of_string", "string.indexOf(string) -> int", index_of).cost(cost_of_all),
        Overload::new("string_index_of_string_int", "string.indexOf(string, int) -> int", |call, args| {
            within(args).and_then(|()| index_of(call, args))
        })
        .cost(cost_of_all),
    ],
);

const LAST_INDEX_OF_WITHIN: Function = Function::new(
    "lastIndexOf",
    &[
        Overload::new("string_last_index_of_string", "string.lastIndexOf(string) -> int", last_index_of).cost(cost_of_all),
        Overload::new("string_last_index_of_string_int", "string.lastIndexOf(string, int) -> int", |call, args| {
            within(args).and_then(|()| last_index_of_from(call, args))
        })
        .cost(cost_of_all),
    ],
);

const LOWER: Function =
    Function::new("lowerAscii", &[Overload::new("string_lower_ascii", "string.lowerAscii() -> string", lower).cost(cost_of_text)]);

const UPPER: Function =
    Function::new("upperAscii", &[Overload::new("string_upper_ascii", "string.upperAscii() -> string", upper).cost(cost_of_text)]);

const REPLACE: Function = Function::new(
    "replace",
    &[
        Overload::new("string_replace_string_string", "string.replace(string, string) -> string", replace).cost(cost_of_text_twice),
        Overload::new("string_replace_string_string_int", "string.replace(string, string, int) -> string", replace)
            .cost(cost_of_text_twice),
    ],
);

const SPLIT: Function = Function::new(
    "split",
    &[
        Overload::new("string_split_string", "string.split(string) -> list(string)", split).cost(cost_of_text_twice),
        Overload::new("string_split_string_int", "string.split(string, int) -> list(string)", split).cost(cost_of_text_twice),
    ],
);

const SUBSTRING: Function = Function::new(
    "substring",
    &[
        Overload::new("string_substring_int", "string.substring(int) -> string", substring).cost(cost_of_text),
        Overload::new("string_substring_int_int", "string.substring(int, int) -> string", substring).cost(cost_of_text),
    ],
);

const TRIM: Function = Function::new("trim", &[Overload::new("string_trim", "string.trim() -> string", trim).cost(cost_of_text)]);

const QUOTE: Function =
    Function::new("strings.quote", &[Overload::new("strings_quote", "strings.quote(string) -> string", quote).cost(cost_of_text)]);

const JOIN: Function = Function::new(
    "join",
    &[
        Overload::new("list_join", "list(string).join() -> string", join).cost(cost_of_join),
        Overload::new("list_join_string", "list(string).join(string) -> string", join).cost(cost_of_join),
    ],
);

const FORMAT: Function = Function::new(
    "format",
    &[Overload::new("string_format", "string.format(list(dyn)) -> string", format::with_locale).cost(cost_of_text)],
);

const FORMAT_NEWEST: Function =
    Function::new("format", &[Overload::new("string_format", "string.format(list(dyn)) -> string", format::plain).cost(cost_of_text)]);

const REVERSE: Function = Function::new("reverse", &[Overload::new("string_reverse", "string.reverse() -> string", reverse)]);

fn cost_of_join(_: &[Value], result: &Value) -> u64 {
    times(result.size(), 2)
}

fn out_of_range(index: i64) -> CelError {
    CelError::invalid(format!("index out of range: {index}"))
}

/// The first byte of the character with a number; the end for one past the last.
fn byte_of(text: &str, character: i64) -> Option<usize> {
    let character = usize::try_from(character).ok()?;
    if text.is_ascii() {
        return (character <= text.len()).then_some(character);
    }
    text.char_indices().map(|(at, _)| at).chain([text.len()]).nth(character)
}

/// The number of the character that begins at a byte.
fn character_of(text: &str, byte: usize) -> i64 {
    let before = text.get(..byte).unwrap_or(text);
    i64::try_from(before.chars().count()).unwrap_or(i64::MAX)
}

fn length(text: &str) -> i64 {
    character_of(text, text.len())
}

/// A search may begin at the end of the text, but not beyond it.
fn within(args: &[Value]) -> Result<(), CelError> {
    let from = int(args, 2)?;
    if from > length(text(args, 0)?) { Err(out_of_range(from)) } else { Ok(()) }
}

fn char_at(_: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    let (text, index) = (text(args, 0)?, int(args, 1)?);
    let at = byte_of(text, index).ok_or_else(|| out_of_range(index))?;
    Ok(text.get(at..).and_then(|rest| rest.chars().next()).map(String::from).unwrap_or_default().into())
}

fn index_of(_: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    let (text, part) = (text(args, 0)?, text(args, 1)?);
    let from = if args.len() > 2 { int(args, 2)? } else { 0 };
    if from < 0 {
        return Err(out_of_range(from));
    }
    if part.is_empty() {
        return Ok(from.min(length(text)).into());
    }
    let Some(start) = byte_of(text, from) else { return Ok(Value::Int(-1)) };
    let found = text.get(start..).and_then(|rest| rest.find(part));
    Ok(found.map_or(-1, |at| character_of(text, start + at)).into())
}

fn last_index_of(call: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    let (whole, part) = (text(args, 0)?, text(args, 1)?);
    if part.is_empty() {
        return Ok(length(whole).into());
    }
    if whole.len() < part.len() {
        return Ok(Value::Int(-1));
    }
    last_index_of_from(call, &[args.first().cloned().unwrap_or(Value::Null), part.into(), (length(whole) - 1).into()])
}

fn last_index_of_from(_: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    let (text, part, from) = (text(args, 0)?, text(args, 1)?, int(args, 2)?);
    if from < 0 {
        return Err(out_of_range(from));
    }
    if part.is_empty() {
        return Ok(from.min(length(text)).into());
    }
    let Some(start) = byte_of(text, from).filter(|start| *start < text.len()) else { return Ok(Value::Int(-1)) };
    // A part that begins there ends between characters, if it is there at all.
    let until = (start + part.len()).min(text.len());
    let until = (0..=until).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let found = text.get(..until).and_then(|head| head.rfind(part)).filter(|at| *at <= start);
    Ok(found.map_or(-1, |at| character_of(text, at)).into())
}

fn lower(_: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    Ok(text(args, 0)?.to_ascii_lowercase().into())
}

fn upper(_: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    Ok(text(args, 0)?.to_ascii_uppercase().into())
}

fn replace(call: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    let (whole, old, new) = (text(args, 0)?, text(args, 1)?, text(args, 2)?);
    let most = if args.len() > 3 { usize::try_from(int(args, 3)?).unwrap_or(usize::MAX) } else { usize::MAX };
    let count = if old.is_empty() { whole.chars().count() + 1 } else { whole.matches(old).count() };
    call.allocate(whole.len().saturating_add(count.min(most).saturating_mul(new.len())))?;
    Ok(if most == usize::MAX { whole.replace(old, new) } else { whole.replacen(old, new, most) }.into())
}

fn split(call: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    let (whole, separator) = (text(args, 0)?, text(args, 1)?);
    let most = if args.len() > 2 { usize::try_from(int(args, 2)?).unwrap_or(usize::MAX) } else { usize::MAX };
    call.allocate(whole.len().saturating_mul(24))?;
    if most == 0 {
        return Ok(Value::list(Vec::new()));
    }
    if !separator.is_empty() {
        return Ok(texts(whole.splitn(most, separator)));
    }
    let mut parts = Vec::new();
    let mut rest = whole;
    while let Some(first) = rest.chars().next() {
        if parts.len() + 1 == most {
            parts.push(rest);
            break;
        }
        let Some((head, behind)) = rest.split_at_checked(first.len_utf8()) else { break };
        parts.push(head);
        rest = behind;
    }
    Ok(texts(parts))
}

fn substring(_: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    let (text, start) = (text(args, 0)?, int(args, 1)?);
    if args.len() < 3 {
        let at = byte_of(text, start).ok_or_else(|| out_of_range(start))?;
        return Ok(text.get(at..).unwrap_or_default().into());
    }
    let end = int(args, 2)?;
    if start > end {
        return Err(CelError::invalid(format!("invalid substring range. start: {start}, end: {end}")));
    }
    let first = byte_of(text, start).ok_or_else(|| out_of_range(start))?;
    let last = byte_of(text, end).ok_or_else(|| out_of_range(end))?;
    Ok(text.get(first..last).unwrap_or_default().into())
}

fn trim(_: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    Ok(text(args, 0)?.trim().into())
}

fn quote(_: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    let text = text(args, 0)?;
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{b}' => out.push_str("\\v"),
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            other => out.push(other),
        }
    }
    out.push('"');
    Ok(out.into())
}

fn join(call: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    let separator = if args.len() > 1 { text(args, 1)? } else { "" };
    let mut out = String::new();
    for (index, item) in list(args, 0)?.iter().enumerate() {
        let item = item?;
        let Some(text) = item.as_str() else { return Err(CelError::invalid(format!("join: invalid input: {item}"))) };
        call.allocate(text.len() + separator.len())?;
        if index > 0 {
            out.push_str(separator);
        }
        out.push_str(text);
    }
    Ok(out.into())
}

fn reverse(_: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    Ok(text(args, 0)?.chars().rev().collect::<String>().into())
}
