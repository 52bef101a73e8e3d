//! Licences as SPDX writes them: which are listed, and which texts are expressions.
//!
//! `ids.txt` and `exceptions.txt` are the SPDX licence list (3.28) as far as the CycloneDX 1.6 schema lists it.

use std::collections::HashSet;
use std::sync::LazyLock;

const IDS: &str = include_str!("ids.txt");
const EXCEPTIONS: &str = include_str!("exceptions.txt");
/// Parentheses that are followed.
const DEEPEST: usize = 32;
/// Longest text that is taken for an expression.
const LONGEST: usize = 4096;

/// What a stated licence is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An id of the SPDX licence list, as written there.
    Id,
    /// An SPDX expression of more than one word, all of whose ids are listed.
    Expression,
    /// Any other text.
    Text,
}

fn is_id(id: &str) -> bool {
    static SET: LazyLock<HashSet<&'static str>> = LazyLock::new(|| IDS.lines().collect());
    SET.contains(id)
}

fn is_exception(id: &str) -> bool {
    static SET: LazyLock<HashSet<&'static str>> = LazyLock::new(|| EXCEPTIONS.lines().collect());
    SET.contains(id)
}

/// Looks at a stated licence.
#[must_use]
pub fn kind(text: &str) -> Kind {
    if is_id(text) {
        return Kind::Id;
    }
    if text.len() <= LONGEST && is_expression(text) { Kind::Expression } else { Kind::Text }
}

/// A word of an expression; parentheses are words of their own.
fn words(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    for part in text.split_ascii_whitespace() {
        let mut rest = part;
        while let Some(at) = rest.find(['(', ')']) {
            let (before, behind) = rest.split_at(at);
            if !before.is_empty() {
                words.push(before);
            }
            let (sign, behind) = behind.split_at(1);
            words.push(sign);
            rest = behind;
        }
        if !rest.is_empty() {
            words.push(rest);
        }
    }
    words
}

/// `expression = term { ("AND" | "OR") term }`, `term = "(" expression ")" | id ["WITH" exception]`; nesting is counted, not followed.
fn is_expression(text: &str) -> bool {
    let words = words(text);
    let mut open = 0_usize;
    let mut wants_term = true;
    let mut words = words.iter().copied().peekable();
    while let Some(word) = words.next() {
        match (word, wants_term) {
            ("(", true) => {
                open += 1;
                if open > DEEPEST {
                    return false;
                }
            }
            (")", false) if open > 0 => open -= 1,
            ("AND" | "OR", false) => wants_term = true,
            (word, true) if is_licence(word) => {
                wants_term = false;
                if words.peek() == Some(&"WITH") {
                    words.next();
                    if !words.next().is_some_and(is_exception) {
                        return false;
                    }
                }
            }
            _ => return false,
        }
    }
    open == 0 && !wants_term
}

fn is_licence(word: &str) -> bool {
    is_id(word) || word.strip_suffix('+').is_some_and(is_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds() {
        let check = |text: &str, expected: Kind| assert_eq!(kind(text), expected, "{text}");
        check("MIT", Kind::Id);
        check("GPL-2.0", Kind::Id);
        check("mit", Kind::Text);
        check("MIT OR Apache-2.0", Kind::Expression);
        check("Apache-2.0+", Kind::Expression);
        check("(MIT AND (BSD-3-Clause OR Apache-2.0 WITH LLVM-exception))", Kind::Expression);
        check("MIT WITH nothing", Kind::Text);
        check("MIT AND", Kind::Text);
        check("(MIT", Kind::Text);
        check("MIT)", Kind::Text);
        check("MIT Apache-2.0", Kind::Text);
        check("LicenseRef-mine", Kind::Text);
        check("Copyright (c) somebody", Kind::Text);
        check("", Kind::Text);
        check(&format!("{}MIT{}", "(".repeat(1000), ")".repeat(1000)), Kind::Text);
    }

    #[test]
    fn lists_are_whole() {
        assert!(IDS.lines().count() > 600 && EXCEPTIONS.lines().count() > 70);
        assert!(IDS.lines().chain(EXCEPTIONS.lines()).all(|id| !id.is_empty() && !id.contains(char::is_whitespace)));
    }
}
