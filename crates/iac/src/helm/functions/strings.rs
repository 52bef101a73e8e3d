//! Text. Functions that keep the words keep their places as well.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::super::printing::quoted_text;
use super::super::text::{Place, Text, TextBuffer};
use super::super::value::{Data, Map, MapKind, Val};
use super::{Answer, Call, Function, MANY, Problem, opaque, question, refuse, through};
use crate::terraform::functions::pattern;

pub(super) const TABLE: &[Function] = &[
    through("trim", 1, 1, |call| {
        let text = call.text(0)?;
        Ok(text.within(text.as_str().trim()).into())
    }),
    through("trimAll", 2, 2, trim_all),
    through("trimall", 2, 2, trim_all),
    through("trimSuffix", 2, 2, |call| {
        let (end, text) = (call.string(0)?, call.text(1)?);
        Ok(text.as_str().strip_suffix(&*end).map_or_else(|| text.clone(), |rest| text.within(rest)).into())
    }),
    through("trimPrefix", 2, 2, |call| {
        let (start, text) = (call.string(0)?, call.text(1)?);
        Ok(text.as_str().strip_prefix(&*start).map_or_else(|| text.clone(), |rest| text.within(rest)).into())
    }),
    through("upper", 1, 1, |call| {
        let text = call.text(0)?;
        Ok(text.mapped(text.as_str().to_uppercase()).into())
    }),
    through("lower", 1, 1, |call| {
        let text = call.text(0)?;
        Ok(text.mapped(text.as_str().to_lowercase()).into())
    }),
    opaque("title", 1, 1, |call| {
        let text = call.text(0)?;
        Ok(text.mapped(title(text.as_str())).into())
    }),
    opaque("untitle", 1, 1, |call| Ok(words(call.text(0)?.as_str(), |letter| letter.to_lowercase().to_string()).into())),
    opaque("swapcase", 1, 1, |call| {
        let swap = |letter: char| if letter.is_uppercase() { letter.to_lowercase().to_string() } else { letter.to_uppercase().to_string() };
        Ok(call.text(0)?.as_str().chars().map(swap).collect::<String>().into())
    }),
    opaque("substr", 3, 3, substr),
    opaque("trunc", 2, 2, trunc),
    opaque("abbrev", 2, 2, |call| Ok(abbreviate(call.text(1)?.as_str(), 0, call.int(0)?).into())),
    opaque("abbrevboth", 3, 3, |call| {
        let (left, right) = (call.int(0)?, call.int(1)?);
        let text = call.text(2)?;
        if right < 4 || (left > 0 && right < 7) { Ok(text.into()) } else { Ok(abbreviate(text.as_str(), left, right).into()) }
    }),
    through("repeat", 2, 2, |call| {
        let (count, text) = (call.int(0)?, call.text(1)?);
        let Ok(count) = usize::try_from(count) else { return refuse("the count is below zero") };
        too_long(call, text.as_str().len().saturating_mul(count))?;
        let mut out = TextBuffer::default();
        for _ in 0..count {
            out.push(&text, &Place::NONE);
        }
        Ok(out.finish().into())
    }),
    through("nospace", 1, 1, |call| Ok(call.text(0)?.as_str().split_whitespace().collect::<String>().into())),
    opaque("initials", 1, 1, |call| {
        Ok(call.text(0)?.as_str().split_whitespace().filter_map(|word| word.chars().next()).collect::<String>().into())
    }),
    opaque("snakecase", 1, 1, |call| Ok(separated(call.text(0)?.as_str(), '_').into())),
    opaque("kebabcase", 1, 1, |call| Ok(separated(call.text(0)?.as_str(), '-').into())),
    opaque("camelcase", 1, 1, |call| Ok(pascal(call.text(0)?.as_str()).into())),
    opaque("wrap", 2, 2, |call| Ok(wrap(call.text(1)?.as_str(), call.int(0)?, "\n", false).into())),
    opaque("wrapWith", 3, 3, |call| Ok(wrap(call.text(2)?.as_str(), call.int(0)?, &call.string(1)?, true).into())),
    question("contains", 2, 2, |call| Ok(Val::from(call.string(1)?.contains(&*call.string(0)?)))),
    question("hasPrefix", 2, 2, |call| Ok(Val::from(call.string(1)?.starts_with(&*call.string(0)?)))),
    question("hasSuffix", 2, 2, |call| Ok(Val::from(call.string(1)?.ends_with(&*call.string(0)?)))),
    through("quote", 0, MANY, |call| joined(call, quoted_text)),
    through("squote", 0, MANY, |call| {
        joined(call, |text| {
            let place = text.marks().first().map_or(Place::NONE, |mark| Place { exact: false, ..mark.place.clone() });
            let mut out = TextBuffer::default();
            out.push_str("'", &place);
            out.push(text, &Place::NONE);
            out.push_str("'", &place);
            out.finish()
        })
    }),
    through("cat", 0, MANY, |call| joined(call, Text::clone)),
    through("indent", 2, 2, |call| indent(call, "")),
    through("nindent", 2, 2, |call| indent(call, "\n")),
    through("replace", 3, 3, |call| {
        let (old, new, text) = (call.string(0)?, call.text(1)?, call.text(2)?);
        let growth = text.as_str().matches(&*old).count().saturating_mul(new.as_str().len());
        too_long(call, text.as_str().len().saturating_add(growth))?;
        Ok(text.replace(&old, &new).into())
    }),
    opaque("plural", 3, 3, |call| if call.int(2)? == 1 { Ok(call.any(0)) } else { Ok(call.any(1)) }),
    through("toString", 1, 1, |call| Ok(if let Data::Lost(_) = call.any(0).data { call.any(0) } else { call.shown(0).into() })),
    through("join", 2, 2, join),
    opaque("split", 2, 2, |call| Ok(numbered(call.string(1)?.split(&*call.string(0)?)))),
    opaque("splitn", 3, 3, |call| {
        let (separator, text) = (call.string(0)?, call.string(2)?);
        Ok(match call.int(1)? {
            0 => Map::new().into(),
            count if count < 0 => numbered(text.split(&*separator)),
            count => numbered(text.splitn(usize::try_from(count).unwrap_or(1), &*separator)),
        })
    }),
    opaque("splitList", 2, 2, |call| {
        let (separator, text) = (call.string(0)?, call.text(1)?);
        if separator.is_empty() {
            return Ok(Val::strings(text.as_str().chars().map(|letter| Val::from(letter.to_string())).collect()));
        }
        Ok(Val::strings(text.as_str().split(&*separator).map(|part| Val::from(text.within(part))).collect()))
    }),
    question("regexMatch", 2, 2, |call| {
        let text = call.string(1)?;
        let expression = call.string(0)?;
        match regex(call, &expression) {
            Ok(regex) => Ok(Val::from(regex.is_match(&text))),
            Err(Problem::Wrong(_)) => Ok(Val::from(false)),
            Err(other) => Err(other),
        }
    }),
    question("mustRegexMatch", 2, 2, |call| {
        let (expression, text) = (call.string(0)?, call.string(1)?);
        Ok(Val::from(regex(call, &expression)?.is_match(&text)))
    }),
    opaque("regexFind", 2, 2, regex_find),
    opaque("mustRegexFind", 2, 2, regex_find),
    opaque("regexFindAll", 3, 3, regex_find_all),
    opaque("mustRegexFindAll", 3, 3, regex_find_all),
    opaque("regexReplaceAll", 3, 3, |call| regex_replace(call, false)),
    opaque("mustRegexReplaceAll", 3, 3, |call| regex_replace(call, false)),
    opaque("regexReplaceAllLiteral", 3, 3, |call| regex_replace(call, true)),
    opaque("mustRegexReplaceAllLiteral", 3, 3, |call| regex_replace(call, true)),
    opaque("regexSplit", 3, 3, regex_split),
    opaque("mustRegexSplit", 3, 3, regex_split),
    opaque("regexQuoteMeta", 1, 1, |call| {
        let mut out = String::new();
        for letter in call.string(0)?.chars() {
            if r"\.+*?()|[]{}^$".contains(letter) {
                out.push('\\');
            }
            out.push(letter);
        }
        Ok(out.into())
    }),
    through("shuffle", 1, 1, |call| Ok(call.lost("`shuffle` gives another text each time"))),
    through("randAlphaNum", 1, 1, |call| Ok(call.lost("`randAlphaNum` gives another text each time"))),
    through("randAlpha", 1, 1, |call| Ok(call.lost("`randAlpha` gives another text each time"))),
    through("randAscii", 1, 1, |call| Ok(call.lost("`randAscii` gives another text each time"))),
    through("randNumeric", 1, 1, |call| Ok(call.lost("`randNumeric` gives another text each time"))),
    through("randBytes", 1, 1, |call| Ok(call.lost("`randBytes` gives another text each time"))),
    through("uuidv4", 0, 0, |call| Ok(call.lost("`uuidv4` gives another text each time"))),
];

/// Refuses to make a text that is too long before it is made.
fn too_long(call: &Call<'_, '_>, bytes: usize) -> Result<(), Problem> {
    if bytes > super::super::exec::MAX_TEXT {
        let message = format!("`{}` would make a text of more than {} bytes", call.name, super::super::exec::MAX_TEXT);
        return Err(super::super::exec::limit(message, call.span).into());
    }
    Ok(())
}

/// All arguments but nils, changed, with a space between them.
fn joined(call: &mut Call<'_, '_>, change: impl Fn(&Text) -> Text) -> Answer {
    let mut out = TextBuffer::default();
    let mut first = true;
    for value in call.arguments.iter().filter(|value| !value.is_nil()) {
        if !std::mem::replace(&mut first, false) {
            out.push_str(" ", &Place::NONE);
        }
        out.push(&change(&call.shown_value(value)), &Place::NONE);
    }
    Ok(out.finish().into())
}

fn trim_all(call: &mut Call<'_, '_>) -> Answer {
    let (letters, text) = (call.string(0)?, call.text(1)?);
    Ok(text.within(text.as_str().trim_matches(|letter| letters.contains(letter))).into())
}

fn indent(call: &mut Call<'_, '_>, before: &str) -> Answer {
    let (width, text) = (call.int(0)?, call.text(1)?);
    let Ok(width) = usize::try_from(width) else { return refuse("the width is below zero") };
    let lines = text.as_str().matches('\n').count() + 1;
    too_long(call, text.as_str().len().saturating_add(lines.saturating_mul(width)))?;
    let pad = " ".repeat(width);
    let mut out = TextBuffer::default();
    out.push_str(before, &Place::NONE);
    let mut start = 0;
    for line in text.as_str().split_inclusive('\n') {
        out.push_str(&pad, &Place::NONE);
        out.push(&text.part(start, start + line.len()), &Place::NONE);
        start += line.len();
    }
    if text.as_str().is_empty() || text.as_str().ends_with('\n') {
        out.push_str(&pad, &Place::NONE);
    }
    Ok(out.finish().into())
}

fn join(call: &mut Call<'_, '_>) -> Answer {
    let separator = call.text(0)?;
    let mut out = TextBuffer::default();
    for (at, text) in super::lists::strings(call, 1)?.iter().enumerate() {
        if at > 0 {
            out.push(&separator, &Place::NONE);
        }
        too_long(call, out.len() + text.as_str().len())?;
        out.push(text, &Place::NONE);
    }
    Ok(out.finish().into())
}

/// The parts under `_0`, `_1`, ...
fn numbered<'t>(parts: impl Iterator<Item = &'t str>) -> Val {
    let entries: BTreeMap<Rc<str>, Val> = parts.enumerate().map(|(at, part)| (Rc::from(format!("_{at}")), Val::from(part))).collect();
    Map::of(MapKind::Plain, entries).into()
}

fn border(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

fn substr(call: &mut Call<'_, '_>) -> Answer {
    let (start, end, text) = (call.int(0)?, call.int(1)?, call.text(2)?);
    let length = text.as_str().len();
    let whole = text.as_str();
    let (from, to) = if start < 0 {
        (0, usize::try_from(end).ok())
    } else {
        let to = if end < 0 || end > i64::try_from(length).unwrap_or(i64::MAX) { Some(length) } else { usize::try_from(end).ok() };
        (usize::try_from(start).unwrap_or(length), to)
    };
    match to.filter(|to| from <= *to && *to <= length) {
        Some(to) => Ok(text.part(border(whole, from), border(whole, to)).into()),
        None => refuse(format!("{start} to {end} is out of range of a text of {length} bytes")),
    }
}

fn trunc(call: &mut Call<'_, '_>) -> Answer {
    let (count, text) = (call.int(0)?, call.text(1)?);
    let whole = text.as_str();
    let length = i64::try_from(whole.len()).unwrap_or(i64::MAX);
    let size = |at: i64| usize::try_from(at).unwrap_or(0);
    if count < 0 && length + count > 0 {
        return Ok(text.part(border(whole, size(length + count)), whole.len()).into());
    }
    if count >= 0 && length > count {
        return Ok(text.part(0, border(whole, size(count))).into());
    }
    Ok(text.into())
}

fn abbreviate(text: &str, offset: i64, width: i64) -> String {
    let letters: Vec<char> = text.chars().collect();
    let length = i64::try_from(letters.len()).unwrap_or(i64::MAX);
    if width < 4 || length <= width {
        return text.to_owned();
    }
    let size = |at: i64| usize::try_from(at.max(0)).unwrap_or(0);
    let mut offset = offset.min(length);
    if length - offset < width - 3 {
        offset = length - (width - 3);
    }
    let cut = |from: i64, count: i64| -> String { letters.iter().skip(size(from)).take(size(count)).collect() };
    if offset <= 4 {
        return format!("{}...", cut(0, width - 3));
    }
    if offset + width - 3 < length {
        return format!("...{}...", cut(offset, width - 6));
    }
    format!("...{}", cut(length - (width - 3), length))
}

/// The first letter of every word changed.
fn words(text: &str, change: impl Fn(char) -> String) -> String {
    let mut out = String::with_capacity(text.len());
    let mut begins = true;
    for letter in text.chars() {
        if begins {
            out.push_str(&change(letter))
        } else {
            out.push(letter)
        }
        begins = letter.is_whitespace();
    }
    out
}

/// `strings.Title`: a letter after something that is no letter, digit or underscore begins a word.
fn title(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut before = ' ';
    for letter in text.chars() {
        let begins = if before.is_ascii() { !before.is_ascii_alphanumeric() && before != '_' } else { before.is_whitespace() };
        if begins {
            out.extend(letter.to_uppercase())
        } else {
            out.push(letter)
        }
        before = letter;
    }
    out
}

/// Kinds of letters that part words.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Upper,
    Lower,
    Digit,
    Other,
}

/// `fooBar`, `HTTPServer`, `foo bar` with a mark between the words, in lower case.
fn separated(text: &str, mark: char) -> String {
    let class = |letter: char| {
        if letter.is_uppercase() {
            Class::Upper
        } else if letter.is_numeric() {
            Class::Digit
        } else if matches!(letter, '_' | '-' | ' ') || letter.is_whitespace() {
            Class::Other
        } else {
            Class::Lower
        }
    };
    let letters: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len() + 8);
    for (at, letter) in letters.iter().enumerate() {
        let here = class(*letter);
        if here == Class::Other {
            out.push(mark);
            continue;
        }
        let before = at.checked_sub(1).and_then(|at| letters.get(at)).map(|letter| class(*letter));
        let after = letters.get(at + 1).map(|letter| class(*letter));
        let parts = match (before, here) {
            (None | Some(Class::Other), _) => false,
            (Some(Class::Upper), Class::Upper) => after == Some(Class::Lower),
            (Some(Class::Lower | Class::Digit), Class::Upper) => true,
            (Some(Class::Upper | Class::Lower), Class::Digit) => {
                let behind = letters.get(at..).unwrap_or_default().iter().map(|letter| class(*letter)).find(|class| *class != Class::Digit);
                behind == Some(Class::Lower)
            }
            _ => false,
        };
        if parts {
            out.push(mark);
        }
        out.extend(letter.to_lowercase());
    }
    out
}

/// `foo_bar-baz` to `FooBarBaz`, letter by letter as the library does it: marks at the beginning and the second of two stay, capitals that
/// follow a capital at the beginning of a word become small.
fn pascal(text: &str) -> String {
    let is_mark = |letter: char| matches!(letter, '_' | '-') || letter.is_whitespace();
    let upper = |letter: char| letter.to_uppercase().next().unwrap_or(letter);
    let mut out = String::with_capacity(text.len());
    let mut letters = text.chars();
    let Some(first) = letters.by_ref().find(|letter| {
        let mark = is_mark(*letter);
        if mark {
            out.push(*letter);
        }
        !mark
    }) else {
        // Of marks alone the last is there twice, where there is one.
        out.extend(text.chars().last());
        return out;
    };
    let mut capital = first.is_uppercase();
    let mut here = upper(first);
    for letter in letters {
        let before = std::mem::replace(&mut here, letter);
        if is_mark(letter) && is_mark(before) {
            out.push(before);
        } else if is_mark(before) {
            capital = letter.is_uppercase();
            here = upper(letter);
        } else {
            if capital {
                if letter.is_uppercase() {
                    here = letter.to_lowercase().next().unwrap_or(letter);
                } else {
                    capital = false;
                }
            }
            out.push(before);
        }
    }
    out.push(here);
    out
}

fn wrap(text: &str, width: i64, separator: &str, long_words: bool) -> String {
    let width = usize::try_from(width).unwrap_or(1).max(1);
    let separator = if separator.is_empty() { "\n" } else { separator };
    let letters: Vec<char> = text.chars().collect();
    let mut out = String::new();
    let mut at = 0;
    while letters.len() - at > width {
        if letters.get(at) == Some(&' ') {
            at += 1;
            continue;
        }
        let window = letters.get(at..=at + width).unwrap_or_default();
        let line = |end: usize| letters.get(at..end).unwrap_or_default().iter().collect::<String>();
        if let Some(space) = window.iter().rposition(|letter| *letter == ' ') {
            out.push_str(&line(at + space));
            out.push_str(separator);
            at += space + 1;
        } else if long_words {
            out.push_str(&line(at + width));
            out.push_str(separator);
            at += width;
        } else {
            let behind = letters.get(at + width..).unwrap_or_default().iter().position(|letter| *letter == ' ');
            match behind {
                Some(space) => {
                    out.push_str(&line(at + width + space));
                    out.push_str(separator);
                    at += width + space + 1;
                }
                None => break,
            }
        }
    }
    out.extend(letters.get(at..).unwrap_or_default());
    out
}

/// Steps a regular expression costs: some are long in the making.
const REGEX_STEPS: u64 = 1000;

fn regex(call: &mut Call<'_, '_>, expression: &str) -> Result<regex::Regex, Problem> {
    call.engine.spend(REGEX_STEPS, call.span)?;
    pattern::compile(expression).map_err(|problem| {
        Problem::Wrong(match problem {
            pattern::Problem::Wrong(message) => format!("the regular expression is not valid: {message}"),
            pattern::Problem::TooLarge => "the regular expression is too large".to_owned(),
        })
    })
}

fn regex_find(call: &mut Call<'_, '_>) -> Answer {
    let text = call.text(1)?;
    let expression = call.string(0)?;
    Ok(regex(call, &expression)?.find(text.as_str()).map_or_else(|| Val::from(""), |found| text.within(found.as_str()).into()))
}

fn count_of(count: i64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

fn regex_find_all(call: &mut Call<'_, '_>) -> Answer {
    let text = call.text(1)?;
    let expression = call.string(0)?;
    let found = regex(call, &expression)?;
    let all = found.find_iter(text.as_str()).take(count_of(call.int(2)?)).map(|found| Val::from(text.within(found.as_str())));
    let all: Vec<Val> = all.collect();
    Ok(if all.is_empty() { Val::no_list() } else { Val::strings(all) })
}

fn regex_replace(call: &mut Call<'_, '_>, literal: bool) -> Answer {
    let (expression, text, new) = (call.string(0)?, call.text(1)?, call.string(2)?);
    let regex = regex(call, &expression)?;
    let whole = text.as_str();
    let mut out = String::with_capacity(whole.len());
    let mut start = 0;
    for captures in regex.captures_iter(whole) {
        let Some(found) = captures.get(0) else { continue };
        out.push_str(whole.get(start..found.start()).unwrap_or_default());
        if literal {
            out.push_str(&new)
        } else {
            captures.expand(&new, &mut out)
        }
        start = found.end();
        too_long(call, out.len())?;
    }
    if start == 0 && out.is_empty() {
        return Ok(text.into());
    }
    out.push_str(whole.get(start..).unwrap_or_default());
    Ok(out.into())
}

fn regex_split(call: &mut Call<'_, '_>) -> Answer {
    let text = call.string(1)?;
    let expression = call.string(0)?;
    let regex = regex(call, &expression)?;
    let count = call.int(2)?;
    if count == 0 {
        return Ok(Val::no_list());
    }
    let mut out = Vec::new();
    let mut start = 0;
    for found in regex.find_iter(&text) {
        if out.len() + 1 >= count_of(count) {
            break;
        }
        // An empty match at the very beginning or end parts nothing.
        if found.end() == 0 || (found.is_empty() && found.start() >= text.len()) {
            continue;
        }
        out.push(Val::from(text.get(start..found.start()).unwrap_or_default()));
        start = found.end();
    }
    out.push(Val::from(text.get(start..).unwrap_or_default()));
    Ok(Val::strings(out))
}
