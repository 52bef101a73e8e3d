//! Regular expressions of other tools: with look-around and back references, bounded in how far they go back.

use fancy_regex::{Regex, RegexBuilder};

/// Steps back one match may take.
const BACKTRACKS: usize = 100_000;
/// Bytes a compiled expression may take.
const SIZE: usize = 1 << 20;
/// Characters an expression may have.
const LONGEST: usize = 20_000;

/// A compiled expression.
#[derive(Clone, Debug)]
pub(crate) struct Pattern(Regex);

impl Pattern {
    /// An expression that may match anywhere; `anchored`: only at the start.
    pub(crate) fn new(source: &str, anchored: bool) -> Result<Pattern, String> {
        if source.len() > LONGEST {
            return Err("the expression is too large".to_owned());
        }
        // What Python writes otherwise: the end of the text.
        let source = source.replace("\\Z", "\\z");
        let (flags, rest) = leading_flags(&source);
        let whole = if anchored { format!("{flags}\\A(?:{rest})") } else { source };
        RegexBuilder::new(&whole).backtrack_limit(BACKTRACKS).delegate_size_limit(SIZE).build().map(Pattern).map_err(|error| {
            let text = error.to_string();
            text.lines().next_back().unwrap_or("it is not a regular expression").trim().to_lowercase()
        })
    }

    /// Whether it matches; `None` where that takes too long to find out.
    pub(crate) fn is_match(&self, text: &str) -> Option<bool> {
        self.0.is_match(text).ok()
    }
}

/// Flags for the whole expression, `(?i)`, apart from the rest.
fn leading_flags(source: &str) -> (&str, &str) {
    let Some(rest) = source.strip_prefix("(?") else { return ("", source) };
    let Some(end) = rest.find(')') else { return ("", source) };
    let (flags, _) = rest.split_at(end);
    if flags.is_empty() || !flags.chars().all(|letter| matches!(letter, 'i' | 'm' | 's' | 'x' | 'u')) {
        return ("", source);
    }
    source.split_at_checked(end + 3).unwrap_or(("", source))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matching() {
        let check = |source: &str, anchored: bool, text: &str, expected: bool| {
            assert_eq!(Pattern::new(source, anchored).unwrap().is_match(text), Some(expected), "{source} {text}");
        };
        check("b", false, "abc", true);
        check("b", true, "abc", false);
        check("a|b", true, "b", true);
        check("(?i)AB", true, "abc", true);
        check("^(?!.*latest).*$", true, "nginx:latest", false);
        check("^(?!.*latest).*$", true, "nginx:1.2", true);
        check("a\\Z", true, "a", true);
        check("(a)\\1", false, "baab", true);
        assert!(Pattern::new("(", true).is_err());
        assert!(Pattern::new(&"a".repeat(30_000), true).is_err());
    }

    #[test]
    fn a_match_that_takes_too_long_is_given_up() {
        let slow = Pattern::new("(?:(a+)+)(?=b)\\1$", false).unwrap();
        assert_ne!(slow.is_match(&"a".repeat(5000)), Some(true));
    }
}
