//! Patterns with `*` (any text, also none) and `?` (exactly one character), as Kyverno matches names, labels and values.

/// Whether a text fits a pattern. Takes time in proportion to the product of both lengths at worst, whatever the pattern.
#[must_use]
pub fn matches(pattern: &str, text: &str) -> bool {
    if pattern == "*" {
        return true;
    }
    if !has_wildcard(pattern) {
        return pattern == text;
    }
    let (mut pattern_rest, mut text_rest) = (pattern.chars(), text.chars());
    // Where to go on after the last star: the pattern behind it, and the text from which it has taken one character more.
    let mut again: Option<(std::str::Chars<'_>, std::str::Chars<'_>)> = None;
    loop {
        let mut pattern_next = pattern_rest.clone();
        let wanted = pattern_next.next();
        if wanted == Some('*') {
            again = Some((pattern_next.clone(), text_rest.clone()));
            pattern_rest = pattern_next;
            continue;
        }
        let mut text_next = text_rest.clone();
        let given = text_next.next();
        match (wanted, given) {
            (None, None) => return true,
            (Some('?'), Some(_)) => (pattern_rest, text_rest) = (pattern_next, text_next),
            (Some(wanted), Some(given)) if wanted == given => (pattern_rest, text_rest) = (pattern_next, text_next),
            _ => {
                let Some((pattern_behind, mut text_from)) = again else { return false };
                if text_from.next().is_none() {
                    return false;
                }
                (pattern_rest, text_rest) = (pattern_behind.clone(), text_from.clone());
                again = Some((pattern_behind, text_from));
            }
        }
    }
}

/// Whether a text fits one of several patterns.
#[must_use]
pub fn matches_any<'a>(patterns: impl IntoIterator<Item = &'a str>, text: &str) -> bool {
    patterns.into_iter().any(|pattern| matches(pattern, text))
}

/// Whether a pattern has a wildcard at all.
#[must_use]
pub fn has_wildcard(pattern: &str) -> bool {
    pattern.contains(['*', '?'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fits() {
        for (pattern, text, expected) in [
            ("*", "s3:GetObject", true),
            ("", "x", false),
            ("", "", true),
            ("s3:*", "s3:List", true),
            ("a", "ab", false),
            ("my/oo*", "my/oo", true),
            ("my/In*/Ka*/Ban", "my/India/Karnataka/Area/Ban/Ban", true),
            ("my/In*/Ka*/Ban", "my/India/Karnataka/Bangalore", false),
            ("my-?-b*", "my--b", false),
            ("my-?-b*", "my-1-bc", true),
            ("my??b", "my4ab", true),
            ("abc????", "abc", false),
            ("abc????", "abcdefg", true),
            ("?", "", false),
            ("?", "ä", true),
            ("**", "", true),
            ("*?", "", false),
            ("*?", "a", true),
            ("*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac", false),
            ("*:latest", "nginx:latest", true),
            ("!*:latest", "nginx:latest", false),
            ("a*c", "abcabc", true),
            ("a?c*", "abc", true),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn takes_no_endless_time() {
        let pattern = "*a".repeat(500) + "b";
        assert!(!matches(&pattern, &"a".repeat(20_000)));
    }

    #[test]
    fn any() {
        assert!(matches_any(["b*", "a*"], "abc"));
        assert!(!matches_any([], "abc"));
    }
}
