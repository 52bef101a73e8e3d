//! Regular expressions as Go's RE2 reads them, brought into the syntax of the `regex` crate: `\d`, `\w`, `\s`, `\b` are ASCII only,
//! `\Q...\E` quotes, a brace that starts no repetition and a bracket inside a class are letters.

use std::cell::RefCell;
use std::collections::HashMap;

use probity_value::UnknownKind;
use regex::{Regex, RegexBuilder};

use super::support::{Call, Stop};

/// Bytes a compiled expression may take.
const SIZE_LIMIT: usize = 4 << 20;
/// Compiled expressions kept per thread: a `for` over many items compiles its expression once.
const KEPT: usize = 64;

thread_local! {
    static COMPILED: RefCell<HashMap<String, Regex>> = RefCell::new(HashMap::new());
}

/// Why an expression cannot be used.
#[derive(Debug)]
pub(crate) enum Problem {
    Wrong(String),
    TooLarge,
}

impl Problem {
    pub(super) fn stop(self, call: &Call<'_>) -> Stop {
        match self {
            Problem::Wrong(message) => call.error(format!("the regular expression is not valid: {message}")),
            Problem::TooLarge => {
                Stop::With(call.outside(UnknownKind::Limit, format!("the regular expression of `{}` is too large", call.name)))
            }
        }
    }
}

/// Compiles an expression.
pub(crate) fn compile(expression: &str) -> Result<Regex, Problem> {
    if let Some(regex) = COMPILED.with_borrow(|kept| kept.get(expression).cloned()) {
        return Ok(regex);
    }
    let regex = RegexBuilder::new(&translate(expression)).size_limit(SIZE_LIMIT).build().map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => Problem::TooLarge,
        // The message shows the whole expression over several lines; the last says what is wrong.
        other => Problem::Wrong(other.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()),
    })?;
    COMPILED.with_borrow_mut(|kept| {
        if kept.len() >= KEPT {
            kept.clear();
        }
        kept.insert(expression.to_owned(), regex.clone());
    });
    Ok(regex)
}

fn translate(expression: &str) -> String {
    let mut out = String::with_capacity(expression.len() + 16);
    let mut rest = expression;
    while let Some(letter) = rest.chars().next() {
        let after = rest.get(letter.len_utf8()..).unwrap_or_default();
        rest = match letter {
            '\\' => escape(after, false, &mut out),
            '[' => class(after, &mut out),
            '{' if !is_repetition(after) => {
                out.push_str("\\{");
                after
            }
            _ => {
                out.push(letter);
                after
            }
        };
    }
    out
}

/// What follows a backslash; gives what is left.
fn escape<'e>(rest: &'e str, in_class: bool, out: &mut String) -> &'e str {
    let Some(letter) = rest.chars().next() else {
        out.push('\\');
        return rest;
    };
    let after = rest.get(letter.len_utf8()..).unwrap_or_default();
    match letter {
        'd' => out.push_str("[0-9]"),
        'D' => out.push_str("[^0-9]"),
        'w' => out.push_str("[0-9A-Za-z_]"),
        'W' => out.push_str("[^0-9A-Za-z_]"),
        's' => out.push_str("[\\t\\n\\x0c\\r ]"),
        'S' => out.push_str("[^\\t\\n\\x0c\\r ]"),
        'b' if !in_class => out.push_str("(?-u:\\b)"),
        'B' if !in_class => out.push_str("(?-u:\\B)"),
        'Q' => {
            let (quoted, left) = after.split_once("\\E").unwrap_or((after, ""));
            out.push_str(&regex::escape(quoted));
            return left;
        }
        '0'..='7' => {
            let digits = rest.bytes().take(3).take_while(|digit| (b'0'..=b'7').contains(digit)).count();
            let text = rest.get(..digits).unwrap_or_default();
            // One digit that is not zero would be a back reference, which RE2 refuses.
            if digits == 1 && letter != '0' {
                out.push('\\');
                out.push(letter);
                return after;
            }
            let code = u32::from_str_radix(text, 8).unwrap_or(0);
            out.push_str(&format!("\\x{{{code:x}}}"));
            return rest.get(digits..).unwrap_or_default();
        }
        _ => {
            out.push('\\');
            out.push(letter);
        }
    }
    after
}

/// What follows an opening bracket, up to the closing one; gives what is left.
fn class<'e>(mut rest: &'e str, out: &mut String) -> &'e str {
    out.push('[');
    if let Some(after) = rest.strip_prefix('^') {
        out.push('^');
        rest = after;
    }
    let mut first = true;
    while let Some(letter) = rest.chars().next() {
        let after = rest.get(letter.len_utf8()..).unwrap_or_default();
        rest = match letter {
            ']' if !first => {
                out.push(']');
                return after;
            }
            '\\' => escape(after, true, out),
            '[' if after.starts_with(':') && after.contains(":]") => {
                let end = after.find(":]").map_or(0, |at| at + 2);
                out.push('[');
                out.push_str(after.get(..end).unwrap_or_default());
                after.get(end..).unwrap_or_default()
            }
            // A hyphen that joins two ends of a range stays one; the others are letters, as are the operators of the other syntax.
            '-' if first || after.starts_with(']') => {
                out.push_str("\\-");
                after
            }
            '[' | '&' | '~' | ']' | '#' | ' ' => {
                out.push('\\');
                out.push(letter);
                after
            }
            _ => {
                out.push(letter);
                after
            }
        };
        first = false;
    }
    rest
}

/// Whether what follows an opening brace makes it a repetition: `2}`, `2,}`, `2,5}`.
fn is_repetition(rest: &str) -> bool {
    let Some((inside, _)) = rest.split_once('}') else { return false };
    let (least, most) = inside.split_once(',').unwrap_or((inside, ""));
    !least.is_empty() && least.bytes().chain(most.bytes()).all(|letter| letter.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_syntax() {
        let check = |expression: &str, text: &str, expected: Option<&str>| {
            let regex = compile(expression).unwrap_or_else(|problem| panic!("{expression}: {problem:?}"));
            assert_eq!(regex.find(text).map(|found| found.as_str()), expected, "{expression} on {text}");
        };
        check(r"\d+", "٣ 12", Some("12"));
        check(r"\w+", "é_a1", Some("_a1"));
        check(r"[\w.-]+", "x y-z.1", Some("x"));
        check(r"[^\s]+", " ab ", Some("ab"));
        check(r"\ba", "éa", Some("a"));
        check(r"\Qa.b\E.", "a.bc axbc", Some("a.bc"));
        check(r"a{", "a{", Some("a{"));
        check(r"a{2}", "aaa", Some("aa"));
        check(r"{x}", "{x}", Some("{x}"));
        check(r"[[a]", "[", Some("["));
        check(r"[a&&b]+", "&a&", Some("&a&"));
        check(r"[]a]+", "a]", Some("a]"));
        check(r"[a-]+", "-a", Some("-a"));
        check(r"[-a]+", "-a", Some("-a"));
        check(r"[[:alpha:]]+", "1ab", Some("ab"));
        check(r"\101", "A", Some("A"));
        check(r"(?i)ABC$", "xabc", Some("abc"));
        check(r"[a-z~#]+", "~#", Some("~#"));
        check(r"\.", "a.b", Some("."));
        check(r"\/", "a/b", Some("/"));
        for wrong in [r"\1", "(", "[a", r"(?=a)"] {
            assert!(matches!(compile(wrong), Err(Problem::Wrong(_))), "{wrong}");
        }
        assert!(matches!(compile("((a{1000}){1000}){1000}"), Err(Problem::TooLarge)));
    }
}
