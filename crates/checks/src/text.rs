//! Patterns over text: wildcards, regular expressions compiled on first use, and dotted versions.

use std::cmp::Ordering;
use std::sync::OnceLock;

use regex::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};

/// Bytes a compiled regular expression may take.
const REGEX_SIZE: usize = 1 << 20;

/// A regular expression, checked when the rule is read and compiled when it is first asked.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Pattern {
    /// As written.
    pub source: String,
    /// Without letter case.
    pub ignore_case: bool,
    #[serde(skip)]
    compiled: OnceLock<Option<Regex>>,
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Pattern) -> bool {
        self.source == other.source && self.ignore_case == other.ignore_case
    }
}

impl Pattern {
    /// A pattern that compiles.
    ///
    /// # Errors
    /// Says in one line what is wrong with the expression.
    pub fn new(source: &str, ignore_case: bool) -> Result<Pattern, String> {
        match build(source, ignore_case) {
            Ok(_) => Ok(Pattern { source: source.to_owned(), ignore_case, compiled: OnceLock::new() }),
            Err(regex::Error::CompiledTooBig(_)) => Err("the expression is too large".to_owned()),
            Err(error) => {
                let text = error.to_string();
                let last = text.lines().rev().find_map(|line| line.strip_prefix("error: ")).unwrap_or("it is not a regular expression");
                Err(last.to_owned())
            }
        }
    }

    /// Whether it matches in a text that goes on after `beginning`, whatever comes: nothing of the match may touch the end.
    #[must_use]
    pub fn is_match_within(&self, beginning: &str) -> bool {
        let compiled = self.compiled.get_or_init(|| build(&self.source, self.ignore_case).ok());
        compiled.as_ref().is_some_and(|regex| regex.find_iter(beginning).any(|found| found.end() < beginning.len()))
    }

    /// Whether it matches anywhere in `text`; `None` where the expression does not compile (an index made by other means).
    #[must_use]
    pub fn is_match(&self, text: &str) -> Option<bool> {
        let compiled = self.compiled.get_or_init(|| build(&self.source, self.ignore_case).ok());
        compiled.as_ref().map(|regex| regex.is_match(text))
    }
}

fn build(source: &str, ignore_case: bool) -> Result<Regex, regex::Error> {
    RegexBuilder::new(source).case_insensitive(ignore_case).size_limit(REGEX_SIZE).build()
}

/// Whether the whole of `text` matches `pattern`, where `*` is any text and `?` any one character.
#[must_use]
pub fn like(pattern: &str, text: &str) -> bool {
    if clash(pattern, text) {
        return false;
    }
    if pattern.is_ascii() && text.is_ascii() {
        return like_letters(pattern.as_bytes(), text.as_bytes(), b'*', b'?');
    }
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    like_letters(&pattern, &text, '*', '?')
}

/// Whether the letters before the first `*` or `?` of either side already differ: most pairs end here.
fn clash(a: &str, b: &str) -> bool {
    for (left, right) in a.bytes().zip(b.bytes()) {
        if matches!(left, b'*' | b'?') || matches!(right, b'*' | b'?') {
            return false;
        }
        if left != right {
            return true;
        }
    }
    false
}

fn is_pattern(text: &str) -> bool {
    text.bytes().any(|byte| matches!(byte, b'*' | b'?'))
}

fn like_letters<T: Copy + PartialEq>(pattern: &[T], text: &[T], any: T, one: T) -> bool {
    let (mut at, mut star, mut position) = (0, None, 0);
    while position < text.len() {
        match pattern.get(at) {
            Some(letter) if *letter == any => {
                star = Some((at, position));
                at += 1;
            }
            Some(letter) if *letter == one || Some(letter) == text.get(position) => {
                at += 1;
                position += 1;
            }
            _ => match star {
                Some((star_at, star_position)) => {
                    at = star_at + 1;
                    position = star_position + 1;
                    star = Some((star_at, star_position + 1));
                }
                None => return false,
            },
        }
    }
    pattern.get(at..).unwrap_or_default().iter().all(|letter| *letter == any)
}

/// Whether every text that matches `narrow` also matches `wide`; both patterns of `*` and `?`.
///
/// INVARIANT: never says yes wrongly. `narrow`'s `*` stands for text of any letters, so only a `*` of `wide` can take it; its `?` is
/// taken by `?` or `*`.
#[must_use]
pub fn covers(wide: &str, narrow: &str) -> bool {
    if wide == "*" {
        return true;
    }
    if clash(wide, narrow) {
        return false;
    }
    if !is_pattern(wide) || !is_pattern(narrow) {
        return if is_pattern(wide) { like(wide, narrow) } else { wide == narrow };
    }
    let wide: Vec<char> = wide.chars().collect();
    let narrow: Vec<char> = narrow.chars().collect();
    // reachable[j]: the first j letters of `wide` can cover the letters of `narrow` read so far.
    let mut reachable = vec![false; wide.len() + 1];
    if let Some(first) = reachable.first_mut() {
        *first = true;
    }
    spread(&wide, &mut reachable);
    for letter in &narrow {
        let mut next = vec![false; wide.len() + 1];
        for (j, pattern) in wide.iter().enumerate() {
            if !reachable.get(j).copied().unwrap_or_default() {
                continue;
            }
            let (stay, step) = match (pattern, letter) {
                ('*', _) => (true, false),
                ('?', '*') => (false, false),
                ('?', _) => (false, true),
                (a, b) => (false, a == b),
            };
            for (flag, index) in [(stay, j), (step, j + 1)] {
                if let (true, Some(cell)) = (flag, next.get_mut(index)) {
                    *cell = true;
                }
            }
        }
        spread(&wide, &mut next);
        reachable = next;
    }
    reachable.last().copied().unwrap_or_default()
}

/// A `*` may stand for nothing.
fn spread(pattern: &[char], reachable: &mut [bool]) {
    for (j, letter) in pattern.iter().enumerate() {
        if *letter == '*'
            && reachable.get(j).copied().unwrap_or_default()
            && let Some(cell) = reachable.get_mut(j + 1)
        {
            *cell = true;
        }
    }
}

/// Whether some text matches both patterns of `*` and `?`.
#[must_use]
pub fn overlaps(a: &str, b: &str) -> bool {
    if a == "*" || b == "*" {
        return true;
    }
    if clash(a, b) {
        return false;
    }
    if !is_pattern(a) || !is_pattern(b) {
        return if is_pattern(a) { like(a, b) } else { like(b, a) };
    }
    let a: Vec<char> = a.chars().collect();
    let b: Vec<char> = b.chars().collect();
    // row[j]: a[..i] and b[..j] have a common text.
    let mut row = vec![false; b.len() + 1];
    for i in 0..=a.len() {
        let mut next = vec![false; b.len() + 1];
        for j in 0..=b.len() {
            let up = i > 0 && row.get(j).copied().unwrap_or_default();
            let left = j > 0 && next.get(j - 1).copied().unwrap_or_default();
            let diagonal = i > 0 && j > 0 && row.get(j - 1).copied().unwrap_or_default();
            let (last_a, last_b) = (i.checked_sub(1).and_then(|at| a.get(at)), j.checked_sub(1).and_then(|at| b.get(at)));
            let star_a = last_a == Some(&'*');
            let star_b = last_b == Some(&'*');
            let same = match (last_a, last_b) {
                (Some(x), Some(y)) => x == y || *x == '?' || *y == '?',
                _ => false,
            };
            let holds =
                (i == 0 && j == 0) || (star_a && (up || left)) || (star_b && (up || left)) || (!star_a && !star_b && same && diagonal);
            if let Some(cell) = next.get_mut(j) {
                *cell = holds;
            }
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

/// One part of a version.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Early(String),
    Word(String),
    Number(u64),
}

/// Compares two dotted versions part by part; `None` where one of them has no number in it.
///
/// Letters before the first digit do not count (`v1.2`, `TLSv1.2`), missing parts are 0, a pre-release (`-rc1`, `-beta`) comes before its
/// release.
#[must_use]
pub fn compare_versions(a: &str, b: &str) -> Option<Ordering> {
    let (a, b) = (version_parts(a)?, version_parts(b)?);
    let zero = Part::Number(0);
    for index in 0..a.len().max(b.len()) {
        let (left, right) = (a.get(index).unwrap_or(&zero), b.get(index).unwrap_or(&zero));
        let order = match (left, right) {
            (Part::Number(x), Part::Number(y)) => x.cmp(y),
            (Part::Word(x), Part::Word(y)) | (Part::Early(x), Part::Early(y)) => x.cmp(y),
            (Part::Early(_), _) => Ordering::Less,
            (_, Part::Early(_)) => Ordering::Greater,
            (Part::Word(_), Part::Number(y)) => {
                if *y == 0 {
                    Ordering::Greater
                } else {
                    Ordering::Less
                }
            }
            (Part::Number(x), Part::Word(_)) => {
                if *x == 0 {
                    Ordering::Less
                } else {
                    Ordering::Greater
                }
            }
        };
        if order != Ordering::Equal {
            return Some(order);
        }
    }
    Some(Ordering::Equal)
}

fn version_parts(text: &str) -> Option<Vec<Part>> {
    let start = text.find(|letter: char| letter.is_ascii_digit())?;
    let text = text.get(start..)?.split('+').next()?;
    let mut parts = Vec::new();
    for piece in text.split(['.', '-', '_', ' ', '~']).take(64) {
        let mut rest = piece;
        while !rest.is_empty() {
            let digits = rest.len() - rest.trim_start_matches(|letter: char| letter.is_ascii_digit()).len();
            let end = if digits > 0 { digits } else { rest.find(|letter: char| letter.is_ascii_digit()).unwrap_or(rest.len()) };
            let (head, tail) = rest.split_at_checked(end)?;
            parts.push(match head.parse::<u64>() {
                Ok(number) => Part::Number(number),
                Err(_) if digits > 0 => Part::Number(u64::MAX),
                Err(_) => match head.to_lowercase() {
                    word if ["alpha", "beta", "rc", "pre", "preview", "dev", "snapshot", "a", "b"].contains(&word.as_str()) => {
                        Part::Early(word)
                    }
                    word => Part::Word(word),
                },
            });
            rest = tail;
        }
    }
    Some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn wildcards() {
        let check = |pattern: &str, text: &str, expected: bool| assert_eq!(like(pattern, text), expected, "{pattern} {text}");
        check("*", "", true);
        check("", "", true);
        check("", "a", false);
        check("a*c", "abbc", true);
        check("a*c", "abbd", false);
        check("a?c", "aéc", true);
        check("a?c", "ac", false);
        check("*a*b*", "xxaxxbxx", true);
        check("**", "x", true);
    }

    #[test]
    fn covering() {
        let check = |wide: &str, narrow: &str, expected: bool| assert_eq!(covers(wide, narrow), expected, "{wide} {narrow}");
        check("*", "*", true);
        check("s3:*", "s3:Get*", true);
        check("s3:Get*", "s3:*", false);
        check("s3:*", "*", false);
        check("s3:Get?", "s3:Get*", false);
        check("*Get*", "s3:Get*", true);
        check("a*b", "a*b*", false);
        check("a*", "a", true);
    }

    #[test]
    fn overlapping() {
        let check = |a: &str, b: &str, expected: bool| {
            assert_eq!(overlaps(a, b), expected, "{a} {b}");
            assert_eq!(overlaps(b, a), expected, "{b} {a}");
        };
        check("s3:*", "*Object", true);
        check("s3:*", "iam:*", false);
        check("a", "a", true);
        check("a?", "*b", true);
        check("", "*", true);
        check("", "a", false);
    }

    #[test]
    fn versions() {
        let check = |a: &str, b: &str, expected: Option<Ordering>| {
            assert_eq!(compare_versions(a, b), expected, "{a} {b}");
            assert_eq!(compare_versions(b, a), expected.map(Ordering::reverse), "{b} {a}");
        };
        check("1.10", "1.9", Some(Ordering::Greater));
        check("1.2", "1.2.0", Some(Ordering::Equal));
        check("v1.24", "1.23.9", Some(Ordering::Greater));
        check("1.2-rc1", "1.2", Some(Ordering::Less));
        check("1.2-rc1", "1.2-rc2", Some(Ordering::Less));
        check("TLSv1.2_2021", "TLSv1.2_2019", Some(Ordering::Greater));
        check("8.0.mysql_aurora.3.02", "8.0", Some(Ordering::Greater));
        check("99999999999999999999999", "1", Some(Ordering::Greater));
        check("latest", "1", None);
        check("1.2+build", "1.2", Some(Ordering::Equal));
    }

    #[test]
    fn expressions_are_checked_and_used() {
        assert_eq!(Pattern::new("^a+$", false).unwrap().is_match("aa"), Some(true));
        assert_eq!(Pattern::new("^a+$", true).unwrap().is_match("AA"), Some(true));
        let within = |pattern: &str, beginning: &str| Pattern::new(pattern, false).unwrap().is_match_within(beginning);
        assert!(within("^arn", "arn:") && within("a\\b", "a b") && within("(?m)a$", "a\nb"));
        assert!(!within("^arn$", "arn") && !within("a$", "ba") && !within("a\\b", "ba") && !within("x", "arn:"));
        assert!(Pattern::new("(", false).unwrap_err().contains("unclosed"));
        assert_eq!(Pattern::new("(a{1000}){1000}", false).unwrap_err(), "the expression is too large");
    }

    proptest! {
        #[test]
        fn covering_and_overlapping_agree_with_matching(wide in "[ab*?]{0,5}", narrow in "[ab*?]{0,5}", text in "[ab]{0,6}") {
            if covers(&wide, &narrow) && like(&narrow, &text) {
                prop_assert!(like(&wide, &text));
            }
            if like(&wide, &text) && like(&narrow, &text) {
                prop_assert!(overlaps(&wide, &narrow));
            }
            if !narrow.contains(['*', '?']) {
                prop_assert_eq!(covers(&wide, &narrow), like(&wide, &narrow));
                prop_assert_eq!(overlaps(&wide, &narrow), like(&wide, &narrow));
            }
        }
    }
}
