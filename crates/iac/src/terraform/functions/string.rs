//! Functions over text.

use std::sync::Arc;

use probity_value::{Data, Map, Unknown, Value};
use unicode_segmentation::UnicodeSegmentation as _;

use super::support::{Call, Stop, describe, to_text};
use super::{ANY, Function, format, pattern};

pub(super) fn find(name: &str) -> Option<Function> {
    Some(match name {
        "chomp" => Function::plain(1, 1, chomp),
        "endswith" => Function::plain(2, 2, |call| ends(call, |text, part| text.ends_with(part))),
        "format" => Function::plain(1, ANY, format::format),
        "formatlist" => Function::open(1, ANY, format::formatlist),
        "indent" => Function::plain(2, 2, indent),
        "join" => Function::plain(2, ANY, join),
        "lower" => Function::plain(1, 1, |call| each_letter(call, lower)),
        "regex" => Function::plain(2, 2, regex).nullable(),
        "regexall" => Function::plain(2, 2, regexall),
        "replace" => Function::plain(3, 3, replace),
        "split" => Function::plain(2, 2, split),
        "startswith" => Function::plain(2, 2, startswith),
        "strcontains" => Function::plain(2, 2, |call| ends(call, |text, part| text.contains(part))),
        "strrev" => Function::plain(1, 1, strrev),
        "substr" => Function::plain(3, 3, substr),
        "title" => Function::plain(1, 1, title),
        "trim" => Function::plain(2, 2, trim),
        "trimprefix" => Function::plain(2, 2, trimprefix),
        "trimspace" => Function::plain(1, 1, |call| Ok(call.string(call.text(0)?.trim()))),
        "trimsuffix" => Function::plain(2, 2, trimsuffix),
        "upper" => Function::plain(1, 1, |call| each_letter(call, upper)),
        _ => return None,
    })
}

fn chomp(call: &Call<'_>) -> Result<Value, Stop> {
    Ok(call.string(call.text(0)?.trim_end_matches(['\r', '\n'])))
}

fn ends(call: &Call<'_>, holds: fn(&str, &str) -> bool) -> Result<Value, Stop> {
    Ok(call.bool(holds(&call.text(0)?, &call.text(1)?)))
}

fn startswith(call: &Call<'_>) -> Result<Value, Stop> {
    let start = call.text(1)?;
    if let Data::Unknown(unknown) = &call.arg(0)?.data {
        if unknown.prefix.starts_with(&*start) {
            return Ok(call.bool(true));
        }
        if !start.starts_with(&*unknown.prefix) {
            return Ok(call.bool(false));
        }
    }
    Ok(call.bool(call.text(0)?.starts_with(&*start)))
}

fn indent(call: &Call<'_>) -> Result<Value, Stop> {
    let spaces = call.int(0)?;
    let text = call.text(1)?;
    let Ok(spaces) = usize::try_from(spaces) else { return Err(call.error("the number of spaces must not be negative")) };
    let lines = text.matches('\n').count();
    call.room_for_text(spaces.saturating_mul(lines).saturating_add(text.len()))?;
    let pad = format!("\n{}", " ".repeat(if lines == 0 { 0 } else { spaces }));
    Ok(call.string(text.replace('\n', &pad)))
}

fn join(call: &Call<'_>) -> Result<Value, Stop> {
    let separator = call.text(0)?;
    let mut out = String::new();
    let mut first = true;
    for (index, list) in call.args.iter().enumerate().skip(1) {
        if let Data::Unknown(unknown) = &list.data {
            return Err(Stop::With(call.unknown_text(unknown, out)));
        }
        for (at, item) in call.list(index)?.iter().enumerate() {
            if !first {
                out.push_str(&separator);
            }
            first = false;
            if let Data::Unknown(unknown) = &item.data {
                out.push_str(&unknown.prefix);
                return Err(Stop::With(call.unknown_text(unknown, out)));
            }
            let text = to_text(item)
                .ok_or_else(|| call.error(format!("item {at} of argument {} is {}, not a string", index + 1, describe(item))))?;
            out.push_str(&text);
            call.room_for_text(out.len().min(text.len() + separator.len()))?;
            if out.len() > super::support::MAX_TEXT {
                call.room_for_text(out.len())?;
            }
        }
    }
    Ok(call.string(out))
}

/// The prefix of an unknown argument, where its end may be changed letter by letter; else the text.
fn each_letter(call: &Call<'_>, change: fn(char) -> char) -> Result<Value, Stop> {
    let changed = |text: &str| text.chars().map(change).collect::<String>();
    if let Data::Unknown(unknown) = &call.arg(0)?.data {
        return Err(Stop::With(call.unknown_text(unknown, changed(&unknown.prefix))));
    }
    let text = call.text(0)?;
    call.room_for_text(text.len())?;
    Ok(call.string(changed(&text)))
}

/// Upper case, one letter for one: `ß` stays, as in Go.
fn upper(letter: char) -> char {
    let mut upper = letter.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some(single), None) => single,
        _ => letter,
    }
}

fn lower(letter: char) -> char {
    letter.to_lowercase().next().unwrap_or(letter)
}

fn title(call: &Call<'_>) -> Result<Value, Stop> {
    let text = call.text(0)?;
    let mut before = ' ';
    let titled: String = text
        .chars()
        .map(|letter| {
            let new = if is_separator(before) { upper(letter) } else { letter };
            before = letter;
            new
        })
        .collect();
    Ok(call.string(titled))
}

fn is_separator(letter: char) -> bool {
    if letter.is_ascii() { !(letter.is_ascii_alphanumeric() || letter == '_') } else { !letter.is_alphanumeric() && letter.is_whitespace() }
}

fn strrev(call: &Call<'_>) -> Result<Value, Stop> {
    Ok(call.string(call.text(0)?.graphemes(true).rev().collect::<String>()))
}

/// Characters are grapheme clusters.
fn substr(call: &Call<'_>) -> Result<Value, Stop> {
    let text = call.text(0)?;
    let (mut offset, length) = (call.int(1)?, call.int(2)?);
    if offset < 0 {
        offset = offset.saturating_add(i64::try_from(text.graphemes(true).count()).unwrap_or(i64::MAX));
    } else if length == 0 {
        return Ok(call.string(""));
    }
    let rest = text.graphemes(true).skip(usize::try_from(offset).unwrap_or(0));
    // A length of zero after a negative offset takes the rest, as Terraform does.
    Ok(call.string(match usize::try_from(length) {
        Ok(length) if length > 0 => rest.take(length).collect::<String>(),
        _ => rest.collect(),
    }))
}

fn split(call: &Call<'_>) -> Result<Value, Stop> {
    let (separator, text) = (call.text(0)?, call.text(1)?);
    let item = |part: &str| call.string(part);
    let items: Vec<Value> = if separator.is_empty() {
        call.room_for_items(text.len())?;
        text.chars().map(|letter| item(letter.encode_utf8(&mut [0; 4]))).collect()
    } else {
        call.room_for_items(text.matches(&*separator).count())?;
        text.split(&*separator).map(item).collect()
    };
    Ok(Value::list(items, call.cx.span))
}

fn trim(call: &Call<'_>) -> Result<Value, Stop> {
    let (text, letters) = (call.text(0)?, call.text(1)?);
    Ok(call.string(text.trim_matches(|letter| letters.contains(letter))))
}

fn trimprefix(call: &Call<'_>) -> Result<Value, Stop> {
    let start = call.text(1)?;
    if let Data::Unknown(unknown) = &call.arg(0)?.data
        && let Some(rest) = unknown.prefix.strip_prefix(&*start)
    {
        return Err(Stop::With(call.unknown_text(unknown, rest.to_owned())));
    }
    let text = call.text(0)?;
    Ok(call.string(text.strip_prefix(&*start).unwrap_or(&text)))
}

fn trimsuffix(call: &Call<'_>) -> Result<Value, Stop> {
    let (text, end) = (call.text(0)?, call.text(1)?);
    Ok(call.string(text.strip_suffix(&*end).unwrap_or(&text)))
}

fn replace(call: &Call<'_>) -> Result<Value, Stop> {
    let (old, new) = (call.text(1)?, call.text(2)?);
    let expression = old.strip_prefix('/').and_then(|rest| rest.strip_suffix('/'));
    if let Data::Unknown(unknown) = &call.arg(0)?.data {
        let prefix = if expression.is_some() || old.is_empty() { String::new() } else { replaced_prefix(unknown, &old, &new) };
        return Err(Stop::With(call.unknown_text(unknown, prefix)));
    }
    let text = call.text(0)?;
    let Some(expression) = expression else {
        let count = if old.is_empty() { text.chars().count() + 1 } else { text.matches(&*old).count() };
        call.room_for_text(text.len().saturating_add(count.saturating_mul(new.len())))?;
        return Ok(call.string(text.replace(&*old, &new)));
    };
    let regex = pattern::compile(expression).map_err(|problem| problem.stop(call))?;
    call.room_for_text(text.len())?;
    let mut out = String::new();
    let mut last = 0;
    for captures in regex.captures_iter(&text) {
        let Some(whole) = captures.get(0) else { continue };
        out.push_str(text.get(last..whole.start()).unwrap_or_default());
        captures.expand(&new, &mut out);
        last = whole.end();
        call.spend(1)?;
        if out.len() > super::support::MAX_TEXT {
            call.room_for_text(out.len())?;
        }
    }
    out.push_str(text.get(last..).unwrap_or_default());
    Ok(call.string(out))
}

/// What is sure of `replace` on a text of which only the beginning is known: a match may begin before the end of it.
fn replaced_prefix(unknown: &Unknown, old: &str, new: &str) -> String {
    let mut out = String::new();
    let mut rest = &*unknown.prefix;
    while let Some(at) = rest.find(old) {
        out.push_str(rest.get(..at).unwrap_or_default());
        out.push_str(new);
        rest = rest.get(at + old.len()..).unwrap_or_default();
    }
    let mut sure = rest.len().saturating_sub(old.len().saturating_sub(1));
    while !rest.is_char_boundary(sure) {
        sure -= 1;
    }
    out.push_str(rest.get(..sure).unwrap_or_default());
    out
}

fn regex(call: &Call<'_>) -> Result<Value, Stop> {
    let (expression, text) = (call.text(0)?, call.text(1)?);
    let regex = pattern::compile(&expression).map_err(|problem| problem.stop(call))?;
    match regex.captures(&text) {
        Some(captures) => captured(call, &regex, &captures),
        None => Err(call.error("the pattern did not match any part of the text")),
    }
}

fn regexall(call: &Call<'_>) -> Result<Value, Stop> {
    let (expression, text) = (call.text(0)?, call.text(1)?);
    let regex = pattern::compile(&expression).map_err(|problem| problem.stop(call))?;
    let mut items = Vec::new();
    for captures in regex.captures_iter(&text) {
        call.spend(1)?;
        items.push(captured(call, &regex, &captures)?);
    }
    Ok(Value::list(items, call.cx.span))
}

/// A match: the text where there are no groups, a list of unnamed groups, or a map of named ones. A group that took no part is null.
fn captured(call: &Call<'_>, regex: &regex::Regex, captures: &regex::Captures<'_>) -> Result<Value, Stop> {
    let span = call.cx.span;
    let group = |matched: Option<regex::Match<'_>>| match matched {
        Some(matched) => call.string(matched.as_str()),
        None => Value::null(span),
    };
    let names: Vec<Option<&str>> = regex.capture_names().skip(1).collect();
    if names.is_empty() {
        return Ok(group(captures.get(0)));
    }
    if names.iter().all(Option::is_none) {
        return Ok(Value::list(captures.iter().skip(1).map(group).collect(), span));
    }
    let mut map = Map::new();
    for name in names {
        let Some(name) = name else { return Err(call.error("named and unnamed groups cannot be mixed")) };
        map.insert(Arc::<str>::from(name), span, group(captures.name(name)));
    }
    Ok(Value::map(map, span))
}
