//! Regular expressions as RE2 reads them, on the `regex` crate.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use regex::{Regex, RegexBuilder};

use crate::CelError;

/// Bytes a compiled pattern may have.
const SIZE: usize = 2 << 20;

/// Patterns that are kept; when there are more, all are forgotten.
const KEPT: usize = 512;

static PATTERNS: LazyLock<RwLock<HashMap<Arc<str>, Arc<Regex>>>> = LazyLock::new(RwLock::default);

/// Compiles a pattern, or finds it compiled already.
///
/// # Errors
/// Says what is wrong with it.
pub(crate) fn compile(pattern: &str) -> Result<Arc<Regex>, CelError> {
    if let Some(found) = PATTERNS.read().unwrap_or_else(PoisonError::into_inner).get(pattern) {
        return Ok(Arc::clone(found));
    }
    let regex = Arc::new(build(pattern)?);
    let mut patterns = PATTERNS.write().unwrap_or_else(PoisonError::into_inner);
    if patterns.len() >= KEPT {
        patterns.clear();
    }
    patterns.insert(pattern.into(), Arc::clone(&regex));
    Ok(regex)
}

fn build(pattern: &str) -> Result<Regex, CelError> {
    RegexBuilder::new(&translate(pattern)).size_limit(SIZE).nest_limit(100).build().map_err(|error| {
        let text = error.to_string();
        let reason = text.lines().rev().find_map(|line| line.strip_prefix("error: ")).unwrap_or(&text);
        CelError::invalid(format!("error parsing regexp: {reason}: `{pattern}`"))
    })
}

/// From RE2's syntax to that of the `regex` crate: `\d`, `\w`, `\s` and `\b` are ASCII, `\Q...\E` quotes, `\z` ends, `\C` is no class,
/// and `&&`, `--`, `~~` and `[` in a class have no special meaning.
fn translate(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len() + 16);
    let mut chars = pattern.chars().peekable();
    let mut class = false;
    let mut first = false;
    while let Some(c) = chars.next() {
        let start = std::mem::take(&mut first);
        match c {
            '\\' => {
                let Some(next) = chars.next() else {
                    out.push('\\');
                    break;
                };
                match next {
                    'Q' if !class => quote(&mut chars, &mut out),
                    'd' if class => out.push_str("0-9"),
                    'd' => out.push_str("[0-9]"),
                    'D' if !class => out.push_str("[^0-9]"),
                    'D' => out.push_str("[^0-9]"),
                    'w' if class => out.push_str("0-9A-Za-z_"),
                    'w' => out.push_str("[0-9A-Za-z_]"),
                    'W' => out.push_str("[^0-9A-Za-z_]"),
                    's' if class => out.push_str("\\t\\n\\f\\r "),
                    's' => out.push_str("[\\t\\n\\f\\r ]"),
                    'S' => out.push_str("[^\\t\\n\\f\\r ]"),
                    'b' if !class => out.push_str("(?-u:\\b)"),
                    'B' if !class => out.push_str("(?-u:\\B)"),
                    other => {
                        out.push('\\');
                        out.push(other);
                    }
                }
            }
            '[' if !class => {
                class = true;
                first = true;
                out.push('[');
                if chars.peek() == Some(&'^') {
                    chars.next();
                    out.push('^');
                }
                if chars.peek() == Some(&']') {
                    chars.next();
                    out.push_str("\\]");
                    first = false;
                }
            }
            '[' if chars.peek() == Some(&':') => {
                // A POSIX class such as `[:alpha:]` stays as it is.
                out.push('[');
                while let Some(inner) = chars.next() {
                    out.push(inner);
                    if inner == ':' && chars.peek() == Some(&']') {
                        chars.next();
                        out.push(']');
                        break;
                    }
                }
            }
            '[' => out.push_str("\\["),
            ']' if class => {
                class = false;
                out.push(']');
            }
            '&' | '~' if class => {
                out.push('\\');
                out.push(c);
            }
            '-' if class && (start || chars.peek() == Some(&'-') || chars.peek() == Some(&']')) => out.push_str("\\-"),
            other => out.push(other),
        }
    }
    out
}

/// Text between `\Q` and `\E`.
fn quote(chars: &mut std::iter::Peekable<std::str::Chars<'_>>, out: &mut String) {
    while let Some(c) = chars.next() {
        if c == '\\' && chars.peek() == Some(&'E') {
            chars.next();
            return;
        }
        out.push_str(&regex::escape(c.encode_utf8(&mut [0; 4])));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        let check = |pattern: &str, text: &str, expected: bool| {
            assert_eq!(compile(pattern).map(|regex| regex.is_match(text)).ok(), Some(expected), "{pattern} on {text}");
        };
        check("^[a-z]+$", "abc", true);
        check("^\\d+$", "123", true);
        check("^\\d+$", "١٢", false);
        check("[\\w-]+", "a-b", true);
        check("^[]a]+$", "]a", true);
        check("^[a[b]+$", "[", true);
        check("[[:alpha:]]", "x", true);
        check("\\Qa.b\\E", "a.b", true);
        check("\\Qa.b\\E", "axb", false);
        check("^[a&&b]$", "&", true);
        check("^a\\z", "a", true);
        check("(?i)ABC", "xabc", true);
        check("\\bfoo\\b", "a foo b", true);
        check("^[^\\d]$", "x", true);
        check("^[^\\D]$", "1", true);
        assert!(compile("a(").is_err());
        assert!(compile("a{1000}{1000}{1000}").is_err());
    }
}
