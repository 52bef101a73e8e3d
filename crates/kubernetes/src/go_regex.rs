//! Regular expressions as Go's `regexp` reads them.
//!
//! The two dialects are the same but for a few signs: Go's `\d`, `\w`, `\s` and `\b` know ASCII alone, a `[` within brackets is a `[`,
//! `\<` is a `<`, a `{` that begins no repetition is a `{`, and `\Q...\E` quotes.

use regex::{Regex, RegexBuilder};

/// Why a text is no regular expression.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RegexError {
    /// It is too long, or what it would be compiled to is too large.
    #[error("it is too large")]
    Size,
    /// It is no regular expression.
    #[error("{0}")]
    Syntax(String),
}

/// Longest text of a regular expression.
const MAX_TEXT: usize = 64 << 10;

/// Compiles a regular expression. Matching takes time linear in the text; what compiles to more than a few megabytes is refused.
///
/// # Errors
/// The text is no regular expression, or too large.
pub fn compile(pattern: &str) -> Result<Regex, RegexError> {
    if pattern.len() > MAX_TEXT {
        return Err(RegexError::Size);
    }
    RegexBuilder::new(&translate(pattern)).size_limit(4 << 20).dfa_size_limit(4 << 20).nest_limit(200).build().map_err(
        |error| match error {
            regex::Error::CompiledTooBig(_) => RegexError::Size,
            other => {
                let text = other.to_string();
                let last = text.lines().last().unwrap_or_default().trim();
                RegexError::Syntax(last.strip_prefix("error: ").unwrap_or(last).to_owned())
            }
        },
    )
}

/// The same expression in the other dialect.
fn translate(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len() + 16);
    let mut rest = pattern.chars();
    let mut in_class = false;
    let mut class_start = false;
    while let Some(sign) = rest.next() {
        let first_in_class = std::mem::take(&mut class_start);
        match sign {
            '\\' => match rest.next() {
                Some('Q') if !in_class => {
                    let quoted = rest.as_str();
                    let (literal, after) = quoted.split_once("\\E").unwrap_or((quoted, ""));
                    out.push_str(&regex::escape(literal));
                    rest = after.chars();
                }
                Some('d') => out.push_str(if in_class { "0-9" } else { "[0-9]" }),
                Some('w') => out.push_str(if in_class { "0-9A-Za-z_" } else { "[0-9A-Za-z_]" }),
                Some('s') => out.push_str(if in_class { "\\t\\n\\x0C\\r " } else { "[\\t\\n\\x0C\\r ]" }),
                Some('D') => out.push_str("[^0-9]"),
                Some('W') => out.push_str("[^0-9A-Za-z_]"),
                Some('S') => out.push_str("[^\\t\\n\\x0C\\r ]"),
                Some('b') if !in_class => out.push_str("(?-u:\\b)"),
                Some('B') if !in_class => out.push_str("(?-u:\\B)"),
                Some(sign @ ('<' | '>')) => out.push(sign),
                Some(sign) => {
                    out.push('\\');
                    out.push(sign);
                }
                None => out.push('\\'),
            },
            '[' if !in_class => {
                in_class = true;
                class_start = true;
                out.push('[');
                if let Some(after) = rest.as_str().strip_prefix('^') {
                    out.push('^');
                    rest = after.chars();
                }
            }
            '[' => match rest.as_str().strip_prefix(':').and_then(|name| name.split_once(":]")) {
                Some((name, after)) if name.bytes().all(|byte| byte == b'^' || byte.is_ascii_lowercase()) => {
                    out.push_str(&format!("[:{name}:]"));
                    rest = after.chars();
                }
                _ => out.push_str("\\["),
            },
            ']' if in_class && first_in_class => out.push_str("\\]"),
            ']' if in_class => {
                in_class = false;
                out.push(']');
            }
            '&' | '~' if in_class => {
                out.push('\\');
                out.push(sign);
            }
            // Two hyphens would take a set away from another; one is a range or itself.
            '-' if in_class && rest.as_str().starts_with('-') => out.push_str("\\-"),
            '{' if !in_class && !is_repetition(rest.as_str()) => out.push_str("\\{"),
            sign => out.push(sign),
        }
    }
    out
}

/// Whether the text after a `{` makes it a repetition.
fn is_repetition(rest: &str) -> bool {
    let Some((inner, _)) = rest.split_once('}') else { return false };
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match inner.split_once(',') {
        Some((least, most)) => number(least) && (most.is_empty() || number(most)),
        None => number(inner),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, text: &str, expected: bool) {
        assert_eq!(compile(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}")).is_match(text), expected, "{pattern} on {text}");
    }

    #[test]
    fn classes_are_ascii() {
        check(r"^\d+$", "12", true);
        check(r"^\d+$", "٣", false);
        check(r"^\w+$", "a_1", true);
        check(r"^\w+$", "é", false);
        check(r"^[\w.-]+$", "a-b.c", true);
        check(r"^\D$", "é", true);
        check(r"^[^\d]$", "x", true);
        check(r"\bfoo\b", "a foo b", true);
        check(r"\bfoo\b", "afoo", false);
        check(r"^.$", "é", true);
    }

    #[test]
    fn brackets_are_literal() {
        check(r"^[[]$", "[", true);
        check(r"^[]a]+$", "]a", true);
        check(r"^[a&&b]+$", "&ab", true);
        check(r"^[[:alpha:]]+$", "abc", true);
        check(r"^[[:^digit:]]$", "5", false);
        check(r"^[a-]$", "-", true);
        check(r"^\Qa.b\E$", "a.b", true);
        check(r"^\Qa.b\E$", "axb", false);
        check(r"^\<a\>$", "<a>", true);
        check(r"^{a}$", "{a}", true);
        check(r"^a{2}$", "aa", true);
        check(r"^a{,2}$", "a{,2}", true);
    }

    #[test]
    fn bounds_hold() {
        assert_eq!(compile("(a{1000}){1000}").unwrap_err(), RegexError::Size);
        assert!(compile("(").is_err());
        assert!(compile(&"(".repeat(100_000)).is_err());
        assert!(compile(&"(a".repeat(3000)).is_err());
    }
}
