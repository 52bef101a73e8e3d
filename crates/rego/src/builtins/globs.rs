//! Globs with delimiters.

use regex::Regex;

use crate::builtins::operands::{operand, text, wrong_element, wrong_type};
use crate::builtins::{Answer, Context, Failure};
use crate::term::Term;

/// Characters a glob may have.
const MOST: usize = 16 << 10;

/// Whether a text matches a glob; `*` and `?` do not go over delimiters, `**` does.
pub(super) fn is_match(context: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let pattern = text(arguments, 0)?;
    let given = operand(arguments, 1)?;
    let mut delimiters = String::new();
    match given {
        Term::Null => {}
        _ => {
            let array = given.as_array().ok_or_else(|| wrong_type(1, given, &["array", "null"]))?;
            for item in array.iter() {
                let Term::String(letter) = &item else { return Err(wrong_element(1, given, &item, &["string"])) };
                let mut letters = letter.chars();
                match (letters.next(), letters.next()) {
                    (Some(letter), None) => delimiters.push(letter),
                    _ => return Err(wrong_element(1, given, &item, &["rune"])),
                }
            }
            if delimiters.is_empty() {
                delimiters.push('.');
            }
        }
    }
    let value = text(arguments, 2)?;
    let key = format!("{delimiters}\u{0}{pattern}");
    let regex = context.caches.glob(&key, || compile(pattern, &delimiters))?;
    Ok(Term::Bool(regex.is_match(value)))
}

fn compile(pattern: &str, delimiters: &str) -> Result<Regex, Failure> {
    if pattern.len() > MOST {
        return Err(Failure::Halt("the glob is too long".to_owned()));
    }
    let single =
        if delimiters.is_empty() { ".".to_owned() } else { format!("[^{}]", delimiters.chars().map(class_letter).collect::<String>()) };
    let mut out = String::from(r"(?s)\A(?:");
    let mut letters = pattern.chars().peekable();
    let mut depth = 0_usize;
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => {
                if let Some(letter) = letters.next() {
                    push_literal(&mut out, letter);
                }
            }
            '*' => {
                let mut many = false;
                while letters.peek() == Some(&'*') {
                    letters.next();
                    many = true;
                }
                out.push_str(if many { "." } else { &single });
                out.push('*');
            }
            '?' => out.push_str(&single),
            '[' => class(&mut out, &mut letters)?,
            '{' => {
                depth += 1;
                out.push_str("(?:");
            }
            '}' if depth > 0 => {
                depth -= 1;
                out.push(')');
            }
            ',' if depth > 0 => out.push('|'),
            letter => push_literal(&mut out, letter),
        }
    }
    (0..depth).for_each(|_| out.push(')'));
    out.push_str(r")\z");
    match regex::RegexBuilder::new(&out).size_limit(4 << 20).nest_limit(200).build() {
        Ok(regex) => Ok(regex),
        Err(_) => Err(Failure::Halt("the glob is too large".to_owned())),
    }
}

fn push_literal(out: &mut String, letter: char) {
    out.push_str(&regex::escape(letter.encode_utf8(&mut [0; 4])));
}

fn class_letter(letter: char) -> String {
    format!("\\x{{{:x}}}", u32::from(letter))
}

/// After `[`: `abc` or `a-c`, with `!` before it for all others.
fn class(out: &mut String, letters: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<(), Failure> {
    let end = || Failure::failed("unexpected end of input");
    out.push('[');
    if letters.peek() == Some(&'!') {
        letters.next();
        out.push('^');
    }
    let mut members: Vec<char> = Vec::new();
    loop {
        match letters.next().ok_or_else(end)? {
            ']' if members.is_empty() => return Err(Failure::failed("could not parse range")),
            ']' => {
                out.extend(members.into_iter().map(class_letter));
                out.push(']');
                return Ok(());
            }
            '-' if members.len() == 1 => {
                let (low, high) = (members.first().copied().unwrap_or('-'), letters.next().ok_or_else(end)?);
                let close = letters.next().ok_or_else(end)?;
                if high < low {
                    return Err(Failure::Failed(format!("hi character '{high}' should be greater than lo '{low}'")));
                }
                if close != ']' {
                    return Err(Failure::failed("expected close range character"));
                }
                out.push_str(&class_letter(low));
                out.push('-');
                out.push_str(&class_letter(high));
                out.push(']');
                return Ok(());
            }
            '\\' => members.push(letters.next().ok_or_else(end)?),
            letter => members.push(letter),
        }
    }
}

/// The text as a glob that matches just it.
pub(super) fn quote_meta(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let given = text(arguments, 0)?;
    let mut out = String::with_capacity(given.len() + 8);
    for letter in given.chars() {
        if matches!(letter, '*' | '?' | '\\' | '[' | ']' | '{' | '}') {
            out.push('\\');
        }
        out.push(letter);
    }
    Ok(Term::from(out))
}

#[cfg(test)]
mod tests {
    use crate::builtins::tests::{arguments, check, shown};

    fn holds(pattern: &str, delimiters: &str, value: &str, expected: &str) {
        let given = format!("[{}, {delimiters}, {}]", crate::term::Term::from(pattern).to_json(), crate::term::Term::from(value).to_json());
        assert_eq!(shown("glob.match", &arguments(&given)), expected, "{pattern} {delimiters} {value}");
    }

    #[test]
    fn globs() {
        holds("*.github.com", "[\".\"]", "api.github.com", "true");
        holds("*.github.com", "[]", "api.x.github.com", "false");
        holds("*.github.com", "null", "api.x.github.com", "true");
        holds("api.**.com", "[\".\"]", "api.a.b.com", "true");
        holds("***", "[\".\"]", "a.b", "true");
        holds("?at", "[\"f\"]", "fat", "false");
        holds("[abc-e]", "[]", "d", "false");
        holds("[a-c]", "[]", "b", "true");
        holds("[!a-c]", "[]", "b", "false");
        holds("[!a]", "[\".\"]", ".", "true");
        holds("[\\]]", "[]", "]", "true");
        holds("{cat,bat,[fr]at}", "[]", "rat", "true");
        holds("{a,b{c,d}}", "[]", "bd", "true");
        holds("{a,}", "[]", "", "true");
        holds("a,b}", "[]", "a,b}", "true");
        holds("a\\*", "[]", "a*", "true");
        holds("a*", "[]", "a\nb", "true");
        holds("[", "[]", "x", "eval_builtin_error: glob.match: unexpected end of input");
        holds("[]", "[]", "x", "eval_builtin_error: glob.match: could not parse range");
        holds("[a-]", "[]", "x", "eval_builtin_error: glob.match: unexpected end of input");
        holds("[a-cx]", "[]", "x", "eval_builtin_error: glob.match: expected close range character");
        holds("[z-a]", "[]", "x", "eval_builtin_error: glob.match: hi character 'a' should be greater than lo 'z'");
        holds("a", "[\"ab\"]", "a", "eval_type_error: glob.match: operand 2 must be array of runes but got array containing string");
        holds("a", "1", "a", "eval_type_error: glob.match: operand 2 must be one of {array, null} but got number");
        check("glob.quote_meta", r#"["*a[b]{c},!-"]"#, r#""\\*a\\[b\\]\\{c\\},!-""#);
    }
}
