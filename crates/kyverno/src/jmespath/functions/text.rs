//! Functions of text and regular expressions.

use std::sync::Arc;

use probity_value::{Span, Value};

use super::super::interpreter::kind_of;
use super::super::{Evaluation, JmesError};
use super::standard::scalar_text;
use super::{Answer, number_at, text_answer, text_at, value_at};

fn truth(value: bool) -> Answer {
    Ok(Value::bool(value, Span::NONE))
}

pub(super) fn compare(arguments: &[Value], _: &Evaluation<'_>) -> Answer {
    Ok(Value::int(text_at(arguments, 0).cmp(text_at(arguments, 1)) as i64, Span::NONE))
}

/// Whether two texts are equal but for the case of letters, by simple folding.
pub(super) fn equal_fold(arguments: &[Value], evaluation: &Evaluation<'_>) -> Answer {
    let (left, right) = (text_at(arguments, 0), text_at(arguments, 1));
    evaluation.grow(left.len().min(right.len()))?;
    let mut left = left.chars();
    let mut right = right.chars();
    loop {
        match (left.next(), right.next()) {
            (None, None) => return truth(true),
            (Some(left), Some(right)) if same_letter(left, right) => {}
            _ => return truth(false),
        }
    }
}

fn same_letter(left: char, right: char) -> bool {
    if left == right {
        return true;
    }
    if left.is_ascii() && right.is_ascii() {
        return left.eq_ignore_ascii_case(&right);
    }
    // One letter for one: long s and the Kelvin sign fold, the sharp s does not.
    let fold = |sign: char| {
        let mut upper = sign.to_uppercase();
        let upper = match (upper.next(), upper.next()) {
            (Some(one), None) => one,
            _ => sign,
        };
        let mut lower = upper.to_lowercase();
        match (lower.next(), lower.next()) {
            (Some(one), None) => one,
            _ => upper,
        }
    };
    fold(left) == fold(right)
}

/// Replaces at most `count` occurrences; all of them where it is negative. Empty text is found before every letter and at the end.
fn replaced(text: &str, old: &str, new: &str, count: i64, evaluation: &Evaluation<'_>) -> Answer {
    let limit = usize::try_from(count).unwrap_or(usize::MAX);
    let found = if old.is_empty() { text.chars().count() + 1 } else { text.matches(old).take(limit).count() };
    evaluation.grow(text.len() + found.min(limit).saturating_mul(new.len()))?;
    Ok(Value::string(text.replacen(old, new, limit), Span::NONE))
}

pub(super) fn replace(arguments: &[Value], evaluation: &Evaluation<'_>) -> Answer {
    #[expect(clippy::cast_possible_truncation, reason = "cut as the original does")]
    let count = number_at(arguments, 3) as i64;
    replaced(text_at(arguments, 0), text_at(arguments, 1), text_at(arguments, 2), count, evaluation)
}

pub(super) fn replace_all(arguments: &[Value], evaluation: &Evaluation<'_>) -> Answer {
    replaced(text_at(arguments, 0), text_at(arguments, 1), text_at(arguments, 2), -1, evaluation)
}

/// One letter for each, as Go maps them.
fn mapped(text: &str, each: impl Fn(char) -> Option<char>, evaluation: &Evaluation<'_>) -> Answer {
    text_answer(text.chars().map(|sign| each(sign).unwrap_or(sign)).collect::<String>(), evaluation)
}

fn only(mut signs: impl Iterator<Item = char>) -> Option<char> {
    match (signs.next(), signs.next()) {
        (one, None) => one,
        _ => None,
    }
}

pub(super) fn to_upper(arguments: &[Value], evaluation: &Evaluation<'_>) -> Answer {
    mapped(text_at(arguments, 0), |sign| only(sign.to_uppercase()), evaluation)
}

pub(super) fn to_lower(arguments: &[Value], evaluation: &Evaluation<'_>) -> Answer {
    mapped(text_at(arguments, 0), |sign| if sign == 'İ' { Some('i') } else { only(sign.to_lowercase()) }, evaluation)
}

pub(super) fn trim(arguments: &[Value], evaluation: &Evaluation<'_>) -> Answer {
    let signs = text_at(arguments, 1);
    evaluation.grow(signs.len().saturating_mul(text_at(arguments, 0).len().min(64)))?;
    let signs: Vec<char> = signs.chars().collect();
    text_answer(text_at(arguments, 0).trim_matches(|sign| signs.contains(&sign)), evaluation)
}

pub(super) fn trim_prefix(arguments: &[Value], evaluation: &Evaluation<'_>) -> Answer {
    let text = text_at(arguments, 0);
    text_answer(text.strip_prefix(text_at(arguments, 1)).unwrap_or(text), evaluation)
}

pub(super) fn split(arguments: &[Value], evaluation: &Evaluation<'_>) -> Answer {
    let (text, by) = (text_at(arguments, 0), text_at(arguments, 1));
    evaluation.grow(text.len())?;
    let mut parts = Vec::new();
    let mut add = |part: &str| {
        evaluation.grow(size_of::<Value>())?;
        parts.push(Value::string(part, Span::NONE));
        Ok::<(), JmesError>(())
    };
    if by.is_empty() {
        let mut buffer = [0; 4];
        text.chars().try_for_each(|sign| add(sign.encode_utf8(&mut buffer)))?;
    } else {
        text.split(by).try_for_each(add)?;
    }
    Ok(Value::list(parts, Span::NONE))
}

pub(super) fn to_boolean(arguments: &[Value], _: &Evaluation<'_>) -> Answer {
    let text = text_at(arguments, 0);
    match text.to_lowercase().as_str() {
        "true" => truth(true),
        "false" => truth(false),
        _ => Err(JmesError::wrong(format!("argument 1 of `to_boolean` is `{text}`, not `true` or `false`"))),
    }
}

/// Joins a path and cleans it by its letters alone: `.`, `..` and doubled slashes go.
pub(super) fn path_canonicalize(arguments: &[Value], evaluation: &Evaluation<'_>) -> Answer {
    let path = text_at(arguments, 0);
    if path.is_empty() {
        return text_answer("", evaluation);
    }
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => match parts.last() {
                Some(&last) if last != ".." => {
                    parts.pop();
                }
                _ if rooted => {}
                _ => parts.push(".."),
            },
            part => parts.push(part),
        }
    }
    let joined = parts.join("/");
    match (rooted, joined.is_empty()) {
        (true, _) => text_answer(format!("/{joined}"), evaluation),
        (false, true) => text_answer(".", evaluation),
        (false, false) => text_answer(joined, evaluation),
    }
}

pub(super) fn truncate(arguments: &[Value], evaluation: &Evaluation<'_>) -> Answer {
    let text = text_at(arguments, 0);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "negative lengths are 0, and what is beyond the range is longer than any text"
    )]
    let length = number_at(arguments, 1).max(0.0) as usize;
    text_answer(text.chars().take(length).collect::<String>(), evaluation)
}

/// Text or a number as text.
fn given(function: &str, arguments: &[Value], position: usize) -> Result<Arc<str>, JmesError> {
    let value = value_at(arguments, position);
    scalar_text(value)
        .ok_or_else(|| JmesError::wrong(format!("argument {} of `{function}` is {}, not a string or number", position + 1, kind_of(value))))
}

pub(super) fn regex_match(regex: &regex::Regex, arguments: &[Value], evaluation: &Evaluation<'_>) -> Answer {
    let text = given("regex_match", arguments, 1)?;
    evaluation.grow(text.len())?;
    truth(regex.is_match(&text))
}

fn regex_replaced(
    regex: &regex::Regex,
    text: &str,
    evaluation: &Evaluation<'_>,
    mut with: impl FnMut(&regex::Captures<'_>, &mut String),
) -> Answer {
    evaluation.grow(text.len())?;
    let mut out = String::new();
    let mut done = 0;
    for captures in regex.captures_iter(text) {
        let Some(found) = captures.get(0) else { continue };
        out.push_str(text.get(done..found.start()).unwrap_or_default());
        let before = out.len();
        with(&captures, &mut out);
        evaluation.grow(out.len() - before + 16)?;
        done = found.end();
    }
    out.push_str(text.get(done..).unwrap_or_default());
    Ok(Value::string(out, Span::NONE))
}

pub(super) fn regex_replace_all(regex: &regex::Regex, arguments: &[Value], evaluation: &Evaluation<'_>) -> Answer {
    let text = given("regex_replace_all", arguments, 1)?;
    let with = given("regex_replace_all", arguments, 2)?;
    regex_replaced(regex, &text, evaluation, |captures, out| captures.expand(&with, out))
}

pub(super) fn regex_replace_all_literal(regex: &regex::Regex, arguments: &[Value], evaluation: &Evaluation<'_>) -> Answer {
    let text = given("regex_replace_all_literal", arguments, 1)?;
    let with = given("regex_replace_all_literal", arguments, 2)?;
    regex_replaced(regex, &text, evaluation, |_, out| out.push_str(&with))
}
