//! Regular expressions with groups (`ext.Regex`): extracting and replacing.

use regex::Captures;

use super::args::{int, text, texts};
use crate::{Call, CelError, Function, Library, Overload, Value};

/// The library (version 1).
pub static LIBRARY: Library = Library::new(
    "regex",
    &[
        Function::new(
            "regex.extract",
            &[Overload::new("regex_extract_string_string", "regex.extract(string, string) -> optional(string)", extract)
                .cost(cost_of_extract)],
        ),
        Function::new(
            "regex.extractAll",
            &[Overload::new("regex_extractAll_string_string", "regex.extractAll(string, string) -> list(string)", extract_all)
                .cost(cost_of_extract_all)],
        ),
        Function::new(
            "regex.replace",
            &[
                Overload::new("regex_replace_string_string_string", "regex.replace(string, string, string) -> string", replace)
                    .cost(cost_of_replace),
                Overload::new("regex_replace_string_string_string_int", "regex.replace(string, string, string, int) -> string", replace)
                    .cost(cost_of_replace),
            ],
        ),
    ],
);

/// In fortieths: a tenth for each character of the text and a quarter for each of the pattern.
fn search(args: &[Value]) -> u64 {
    let size = |index: usize| args.get(index).map_or(0, Value::size).saturating_add(1);
    size(0).saturating_mul(size(1))
}

fn result_size(result: &Value) -> u64 {
    match result {
        Value::Optional(_) => 1,
        other => other.size(),
    }
}

fn cost_of_extract(args: &[Value], result: &Value) -> u64 {
    search(args).div_ceil(40).saturating_add(result_size(result)).saturating_add(1)
}

fn cost_of_extract_all(args: &[Value], result: &Value) -> u64 {
    cost_of_extract(args, result).saturating_add(10)
}

fn cost_of_replace(args: &[Value], result: &Value) -> u64 {
    (search(args) / 40).saturating_add(result_size(result)).saturating_add(1)
}

/// One group at most.
fn groups(regex: &regex::Regex, pattern: &str) -> Result<usize, CelError> {
    match regex.captures_len() - 1 {
        groups @ 0..=1 => Ok(groups),
        _ => Err(CelError::invalid(format!(
            "regular expression has more than one capturing group: {}",
            probity_kubernetes::duration::quote(pattern)
        ))),
    }
}

fn extract(call: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    let (text, pattern) = (text(args, 0)?, text(args, 1)?);
    let regex = call.regex(pattern)?;
    let groups = groups(&regex, pattern)?;
    let Some(found) = regex.captures(text) else { return Ok(Value::none()) };
    let part = found.get(groups).map_or("", |part| part.as_str());
    Ok(if groups == 1 && part.is_empty() { Value::none() } else { Value::some(part.into()) })
}

fn extract_all(call: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    let (text, pattern) = (text(args, 0)?, text(args, 1)?);
    let regex = call.regex(pattern)?;
    let groups = groups(&regex, pattern)?;
    call.allocate(text.len().saturating_mul(2))?;
    let parts = regex.captures_iter(text).filter_map(|found| found.get(groups).map(|part| part.as_str()));
    Ok(texts(parts.filter(|part| groups == 0 || !part.is_empty()).collect::<Vec<_>>()))
}

fn replace(call: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    let (text, pattern, replacement) = (text(args, 0)?, text(args, 1)?, text(args, 2)?);
    let most = if args.len() > 3 { usize::try_from(int(args, 3)?).unwrap_or(usize::MAX) } else { usize::MAX };
    if most == 0 {
        return Ok(text.into());
    }
    let regex = call.regex(pattern)?;
    let mut out = String::new();
    let mut last = 0;
    for found in regex.captures_iter(text).take(most) {
        let Some(whole) = found.get(0) else { continue };
        let made = expand(replacement, &found, regex.captures_len() - 1)?;
        let before = text.get(last..whole.start()).unwrap_or_default();
        call.allocate(before.len() + made.len())?;
        out.push_str(before);
        out.push_str(&made);
        last = whole.end();
    }
    out.push_str(text.get(last..).unwrap_or_default());
    Ok(out.into())
}

/// The replacement with `\1` for the first group, `\0` for the whole and `\\` for a backslash.
fn expand(replacement: &str, found: &Captures<'_>, groups: usize) -> Result<String, CelError> {
    let mut out = String::new();
    let mut chars = replacement.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            None => return Err(CelError::invalid(format!("invalid replacement string: '{replacement}' \\ not allowed at end"))),
            Some('\\') => out.push('\\'),
            Some(digit) => {
                let Some(group) = digit.to_digit(10).and_then(|group| usize::try_from(group).ok()) else {
                    return Err(CelError::invalid(format!(
                        "invalid replacement string: '{replacement}' \\ must be followed by a digit or \\"
                    )));
                };
                if group > groups {
                    return Err(CelError::invalid(format!(
                        "replacement string references group {group} but regex has only {groups} group(s)"
                    )));
                }
                out.push_str(found.get(group).map_or("", |part| part.as_str()));
            }
        }
    }
    Ok(out)
}
