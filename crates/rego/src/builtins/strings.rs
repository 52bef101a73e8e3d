//! Text.

use std::sync::Arc;

use crate::builtins::operands::{array, integer, items, number, object, operand, text, texts, wrong_element, wrong_type, wrong_value};
use crate::builtins::{Answer, Context, Failure};
use crate::number::Number;
use crate::term::Term;

/// Text that was made: the same term where nothing changed.
fn made(context: &mut Context<'_>, given: &Arc<str>, result: &str) -> Answer {
    if result.len() == given.len() && result == &**given {
        return Ok(Term::String(Arc::clone(given)));
    }
    context.spend(result.len())?;
    Ok(Term::from(result))
}

/// Whether a text begins with another.
pub(super) fn startswith(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
    Ok(Term::Bool(text(arguments, 0)?.starts_with(&**text(arguments, 1)?)))
}

/// Whether a text ends with another.
pub(super) fn endswith(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
    Ok(Term::Bool(text(arguments, 0)?.ends_with(&**text(arguments, 1)?)))
}

/// Whether a text has another in it.
pub(super) fn contains(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
    Ok(Term::Bool(text(arguments, 0)?.contains(&**text(arguments, 1)?)))
}

/// One text, or those in a list or set.
fn one_or_many(arguments: &[Term], at: usize) -> Result<Vec<Arc<str>>, Failure> {
    match operand(arguments, at)? {
        Term::String(text) => Ok(vec![Arc::clone(text)]),
        other if items(other).is_some() => texts(arguments, at),
        other => Err(wrong_type(at, other, &["string", "set", "array"])),
    }
}

fn any_match(context: &mut Context<'_>, arguments: &[Term], test: fn(&str, &str) -> bool) -> Answer {
    let (given, searched) = (one_or_many(arguments, 0)?, one_or_many(arguments, 1)?);
    for (at, one) in given.iter().enumerate() {
        if at % 256 == 255 {
            context.check_time()?;
        }
        if searched.iter().any(|part| test(one, part)) {
            return Ok(Term::Bool(true));
        }
    }
    Ok(Term::Bool(false))
}

/// Whether one of some texts begins with one of others.
pub(super) fn any_prefix_match(context: &mut Context<'_>, arguments: &[Term]) -> Answer {
    any_match(context, arguments, |text, part| text.starts_with(part))
}

/// Whether one of some texts ends with one of others.
pub(super) fn any_suffix_match(context: &mut Context<'_>, arguments: &[Term]) -> Answer {
    any_match(context, arguments, |text, part| text.ends_with(part))
}

/// A whole number with a base.
pub(super) fn format_int(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let (value, base) = (number(arguments, 0)?, number(arguments, 1)?);
    let base = match base.as_i64() {
        Some(2) => 2,
        Some(8) => 8,
        Some(10) => 10,
        Some(16) => 16,
        _ => return Err(wrong_value(1, &["2", "8", "10", "16"])),
    };
    let whole = match value.to_big() {
        Some(whole) => whole,
        None => value.to_float()?.truncate().ok_or(crate::number::OutOfRange)?.0,
    };
    Ok(Term::from(whole.to_str_radix(base)))
}

/// Texts with another between them.
pub(super) fn concat(context: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let between = text(arguments, 0)?;
    let collection = operand(arguments, 1)?;
    let parts = items(collection).ok_or_else(|| wrong_type(1, collection, &["set", "array"]))?;
    let mut length = between.len().saturating_mul(parts.len().saturating_sub(1));
    for part in &parts {
        match part {
            Term::String(text) => length = length.saturating_add(text.len()),
            other => return Err(wrong_element(1, collection, other, &["string"])),
        }
    }
    if let [only] = parts.as_slice() {
        return Ok(only.clone());
    }
    context.spend(length)?;
    let mut out = String::with_capacity(length);
    for (position, part) in parts.iter().enumerate() {
        if position > 0 {
            out.push_str(between);
        }
        out.push_str(part.as_str().unwrap_or_default());
    }
    Ok(Term::from(out))
}

/// Places of a text in another, counted in characters; those that overlap too.
fn places<'a>(given: &'a str, searched: &'a str) -> impl Iterator<Item = usize> + 'a {
    let mut from = 0;
    let mut before = 0;
    std::iter::from_fn(move || {
        let found = from + given.get(from..)?.find(searched)?;
        before += given.get(from..found)?.chars().count();
        let place = before;
        let width = given.get(found..)?.chars().next()?.len_utf8();
        from = found + width;
        before += 1;
        Some(place)
    })
}

fn searched(arguments: &[Term]) -> Result<&Arc<str>, Failure> {
    let searched = text(arguments, 1)?;
    if searched.is_empty() { Err(Failure::failed("empty search character")) } else { Ok(searched) }
}

/// The first place of a text in another, or -1.
pub(super) fn indexof(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let (given, searched) = (text(arguments, 0)?, searched(arguments)?);
    let place = places(given, searched).next();
    Ok(place.map_or_else(|| Term::int(-1), |place| Number::from_usize(place).into()))
}

/// All places of a text in another.
pub(super) fn indexof_n(context: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let (given, searched) = (text(arguments, 0)?, searched(arguments)?);
    let out: Vec<Term> = places(given, searched).map(|place| Number::from_usize(place).into()).collect();
    context.spend(out.len() * std::mem::size_of::<Term>())?;
    Ok(Term::array(out))
}

/// The part of a text from a place on, with a length; with all of the rest where the length is below zero.
pub(super) fn substring(context: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let (given, from, length) = (text(arguments, 0)?, integer(arguments, 1)?, integer(arguments, 2)?);
    let from = usize::try_from(from).map_err(|_| Failure::failed("negative offset"))?;
    let place = |count: usize| {
        if given.is_ascii() { count.min(given.len()) } else { given.char_indices().nth(count).map_or(given.len(), |(at, _)| at) }
    };
    let start = place(from);
    let end = match usize::try_from(length) {
        Ok(length) => place(from.saturating_add(length)),
        Err(_) => given.len(),
    };
    made(context, given, given.get(start..end).unwrap_or_default())
}

/// How often a text is in another without overlapping; the empty text is between all characters.
pub(super) fn count(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let (given, searched) = (text(arguments, 0)?, text(arguments, 1)?);
    let found = if searched.is_empty() { given.chars().count() + 1 } else { given.matches(&**searched).count() };
    Ok(Number::from_usize(found).into())
}

/// Small letters for great ones, each letter for itself.
pub(super) fn lower(context: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let given = text(arguments, 0)?;
    if given.is_ascii() {
        return made(context, given, &given.to_ascii_lowercase());
    }
    let simple = |letter: char| letter.to_lowercase().next().unwrap_or(letter);
    made(context, given, &given.chars().map(simple).collect::<String>())
}

/// Great letters for small ones, each letter for itself: those whose great form is many letters stay.
pub(super) fn upper(context: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let given = text(arguments, 0)?;
    if given.is_ascii() {
        return made(context, given, &given.to_ascii_uppercase());
    }
    let simple = |letter: char| {
        let mut great = letter.to_uppercase();
        match (great.next(), great.next()) {
            (Some(only), None) => only,
            _ => letter,
        }
    };
    made(context, given, &given.chars().map(simple).collect::<String>())
}

fn parts(given: &Arc<str>, delimiter: &str) -> Vec<Term> {
    if delimiter.is_empty() {
        return given.chars().map(|letter| Term::from(letter.encode_utf8(&mut [0; 4]) as &str)).collect();
    }
    given.split(delimiter).map(Term::from).collect()
}

/// The parts of a text between delimiters.
pub(super) fn split(context: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let (given, delimiter) = (text(arguments, 0)?, text(arguments, 1)?);
    let out = if given.contains(&**delimiter) { parts(given, delimiter) } else { vec![Term::String(Arc::clone(given))] };
    context.spend(given.len() + out.len() * std::mem::size_of::<Term>())?;
    Ok(Term::array(out))
}

/// Some parts of a text between delimiters, from the left, or with a number below zero from the right.
pub(super) fn split_n(context: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let (given, delimiter, most) = (text(arguments, 0)?, text(arguments, 1)?, integer(arguments, 2)?);
    let mut out = if given.contains(&**delimiter) { parts(given, delimiter) } else { vec![Term::String(Arc::clone(given))] };
    context.spend(given.len() + out.len() * std::mem::size_of::<Term>())?;
    let count = usize::try_from(most.unsigned_abs()).unwrap_or(usize::MAX);
    if most >= 0 {
        out.truncate(count);
    } else {
        out.drain(..out.len().saturating_sub(count));
    }
    Ok(Term::array(out))
}

/// A text with all places of another replaced.
pub(super) fn replace(context: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let (given, old, new) = (text(arguments, 0)?, text(arguments, 1)?, text(arguments, 2)?);
    if !given.contains(&**old) {
        return Ok(Term::String(Arc::clone(given)));
    }
    let found = if old.is_empty() { given.chars().count() + 1 } else { given.matches(&**old).count() };
    context.spend(found.saturating_mul(new.len()).saturating_add(given.len()))?;
    Ok(Term::from(given.replace(&**old, new)))
}

/// A text with all places of many others replaced; at one place the first in order that fits.
pub(super) fn replace_n(context: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let (patterns, given) = (object(arguments, 0)?, text(arguments, 1)?);
    let mut pairs = Vec::with_capacity(patterns.len());
    for (key, value) in patterns.iter() {
        match (key, value) {
            (Term::String(old), Term::String(new)) => pairs.push((old, new)),
            (Term::String(_), _) => return Err(Failure::Operand("operand 1 non-string value found in pattern object".to_owned())),
            _ => return Err(Failure::Operand("operand 1 non-string key found in pattern object".to_owned())),
        }
    }
    let mut out = String::with_capacity(given.len());
    let mut at = 0;
    // Where the empty pattern was taken it is not taken again.
    let mut took_empty = false;
    loop {
        let rest = given.get(at..).unwrap_or_default();
        let fitting = pairs.iter().find(|(old, _)| rest.starts_with(&**old) && !(old.is_empty() && took_empty));
        took_empty = fitting.is_some_and(|(old, _)| old.is_empty());
        if let Some((old, new)) = fitting {
            out.push_str(new);
            context.spend(new.len())?;
            at += old.len();
            continue;
        }
        let Some(letter) = rest.chars().next() else { break };
        out.push(letter);
        at += letter.len_utf8();
    }
    made(context, given, &out)
}

/// A text without some characters at both ends.
pub(super) fn trim(context: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let (given, letters) = (text(arguments, 0)?, text(arguments, 1)?);
    made(context, given, given.trim_matches(|letter| letters.contains(letter)))
}

/// A text without some characters at its beginning.
pub(super) fn trim_left(context: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let (given, letters) = (text(arguments, 0)?, text(arguments, 1)?);
    made(context, given, given.trim_start_matches(|letter| letters.contains(letter)))
}

/// A text without some characters at its end.
pub(super) fn trim_right(context: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let (given, letters) = (text(arguments, 0)?, text(arguments, 1)?);
    made(context, given, given.trim_end_matches(|letter| letters.contains(letter)))
}

/// A text without another at its beginning.
pub(super) fn trim_prefix(context: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let (given, part) = (text(arguments, 0)?, text(arguments, 1)?);
    made(context, given, given.strip_prefix(&**part).unwrap_or(given))
}

/// A text without another at its end.
pub(super) fn trim_suffix(context: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let (given, part) = (text(arguments, 0)?, text(arguments, 1)?);
    made(context, given, given.strip_suffix(&**part).unwrap_or(given))
}

/// A text without white space at both ends.
pub(super) fn trim_space(context: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let given = text(arguments, 0)?;
    made(context, given, given.trim())
}

/// The characters of a text from the last to the first.
pub(super) fn reverse(context: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let given = text(arguments, 0)?;
    made(context, given, &given.chars().rev().collect::<String>())
}

/// A text with values in it: each part is a text as it is, or a set that has the value, or none where it is undefined.
pub(super) fn template_string(context: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let mut out = String::new();
    for part in array(arguments, 0)?.iter() {
        match part {
            Term::String(text) => out.push_str(&text),
            Term::Set(set) => match set.items() {
                [] => out.push_str("<undefined>"),
                [Term::String(text)] => out.push_str(text),
                [value] => out.push_str(&value.to_string()),
                _ => return Err(Failure::Halt("template-strings must not produce multiple outputs".to_owned())),
            },
            other => out.push_str(&other.to_string()),
        }
    }
    context.spend(out.len())?;
    Ok(Term::from(out))
}

#[cfg(test)]
mod tests {
    use crate::builtins::tests::check;

    #[test]
    fn searches() {
        check("startswith", r#"["abc", "ab"]"#, "true");
        check("endswith", r#"["abc", "bc"]"#, "true");
        check("contains", r#"["abc", "x"]"#, "false");
        check("contains", r#"[1, "x"]"#, "eval_type_error: contains: operand 1 must be string but got number");
        check("strings.any_prefix_match", r#"["abc", ["x", "a"]]"#, "true");
        check("strings.any_prefix_match", r#"[{"$set": ["abc"]}, "b"]"#, "false");
        check("strings.any_suffix_match", r#"[["abc"], {"$set": ["bc"]}]"#, "true");
        check(
            "strings.any_suffix_match",
            r#"[1, "a"]"#,
            "eval_type_error: strings.any_suffix_match: operand 1 must be one of {string, set, array} but got number",
        );
        check(
            "strings.any_prefix_match",
            r#"[[1], "a"]"#,
            "eval_type_error: strings.any_prefix_match: operand 1 must be array of strings but got array containing number",
        );
        check("indexof", r#"["éabc", "b"]"#, "2");
        check("indexof", r#"["abc", "x"]"#, "-1");
        check("indexof", r#"["abc", ""]"#, "eval_builtin_error: indexof: empty search character");
        check("indexof_n", r#"["aaéaa", "aa"]"#, "[0, 3]");
        check("indexof_n", r#"["aaa", "aa"]"#, "[0, 1]");
        check("strings.count", r#"["aaa", "aa"]"#, "1");
        check("strings.count", r#"["abc", ""]"#, "4");
    }

    #[test]
    fn changes() {
        check("format_int", "[10.5, 10]", r#""10""#);
        check("format_int", "[-255, 16]", r#""-ff""#);
        check("format_int", "[36893488147419103233, 16]", r#""20000000000000001""#);
        check("format_int", "[1, 3]", "eval_type_error: format_int: operand 2 must be one of {2, 8, 10, 16}");
        check("concat", r#"[", ", ["a", "b"]]"#, r#""a, b""#);
        check("concat", r#"["", {"$set": []}]"#, r#""""#);
        check(
            "concat",
            r#"[",", ["a", 1]]"#,
            "eval_type_error: concat: operand 2 must be array of strings but got array containing number",
        );
        check("concat", r#"[",", "a"]"#, "eval_type_error: concat: operand 2 must be one of {set, array} but got string");
        check("substring", r#"["héllo", 1, 3]"#, r#""éll""#);
        check("substring", r#"["hello", 1, -1]"#, r#""ello""#);
        check("substring", r#"["hello", 9, 1]"#, r#""""#);
        check("substring", r#"["abc", -1, 2]"#, "eval_builtin_error: substring: negative offset");
        check("lower", r#"["ÀÉİΣ"]"#, r#""àéiσ""#);
        check("upper", r#"["ßé"]"#, r#""ßÉ""#);
        check("split", r#"["a.b.", "."]"#, r#"["a", "b", ""]"#);
        check("split", r#"["abc", ""]"#, r#"["a", "b", "c"]"#);
        check("split", r#"["", "."]"#, r#"[""]"#);
        check("strings.split_n", r#"["a,b,c", ",", 2]"#, r#"["a", "b"]"#);
        check("strings.split_n", r#"["a,b,c", ",", -2]"#, r#"["b", "c"]"#);
        check("strings.split_n", r#"["a,b,c", ",", 0]"#, "[]");
        check("replace", r#"["abab", "a", "x"]"#, r#""xbxb""#);
        check("replace", r#"["abc", "", "-"]"#, r#""-a-b-c-""#);
        check("strings.replace_n", r#"[{"a": "b", "ab": "c"}, "abab"]"#, r#""bbbb""#);
        check("strings.replace_n", r#"[{"": "-", "a": "x"}, "aba"]"#, r#""-x-b-x-""#);
        check("strings.replace_n", r#"[{"<": "&lt;", ">": "&gt;"}, "<b>"]"#, r#""&lt;b&gt;""#);
        check(
            "strings.replace_n",
            r#"[{"<": 1}, "<b>"]"#,
            "eval_type_error: strings.replace_n: operand 1 non-string value found in pattern object",
        );
        check("strings.reverse", r#"["né"]"#, r#""én""#);
    }

    #[test]
    fn trims() {
        check("trim", r#"["..a.b.", "."]"#, r#""a.b""#);
        check("trim_left", r#"["..a.", "."]"#, r#""a.""#);
        check("trim_right", r#"["..a.", "."]"#, r#""..a""#);
        check("trim_prefix", r#"["aab", "a"]"#, r#""ab""#);
        check("trim_suffix", r#"["aab", "ab"]"#, r#""a""#);
        check("trim_space", r#"["\t a \n"]"#, r#""a""#);
        check("trim", r#"["a", ""]"#, r#""a""#);
    }

    #[test]
    fn templates() {
        check(
            "internal.template_string",
            r#"[["a ", {"$set": ["x"]}, " ", {"$set": []}, {"$set": [[1, "y"]]}]]"#,
            r#""a x <undefined>[1, \"y\"]""#,
        );
    }
}
