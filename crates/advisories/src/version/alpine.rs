//! apk's order (apk-tools 3): `1.2.3a_rc1~hash-r4`.

use std::cmp::Ordering;

use super::number;

/// Suffixes in their order; those before the empty word come before a version without one.
const SUFFIXES: &[&str] = &["alpha", "beta", "pre", "rc", "", "cvs", "svn", "git", "hg", "p"];

#[derive(Debug, Default)]
struct Parts<'a> {
    numbers: Vec<&'a str>,
    letter: Option<u8>,
    /// Place in [`SUFFIXES`] and number.
    suffixes: Vec<(usize, &'a str)>,
    hash: &'a str,
    build: &'a str,
    /// What fits nowhere.
    rest: &'a str,
}

fn digits(text: &str) -> (&str, &str) {
    let end = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

fn parts(version: &str) -> Parts<'_> {
    let mut out = Parts::default();
    let mut rest = version.trim();
    let (first, after) = digits(rest);
    if !first.is_empty() {
        out.numbers.push(first);
        rest = after;
        while let Some(after) = rest.strip_prefix('.') {
            let (next, after) = digits(after);
            if next.is_empty() {
                break;
            }
            out.numbers.push(next);
            rest = after;
        }
        if let Some(letter) = rest.bytes().next().filter(u8::is_ascii_lowercase) {
            out.letter = Some(letter);
            rest = rest.get(1..).unwrap_or_default();
        }
        while let Some(after) = rest.strip_prefix('_') {
            let end = after.find(|letter: char| !letter.is_ascii_lowercase()).unwrap_or(after.len());
            let (word, after) = after.split_at_checked(end).unwrap_or((after, ""));
            let Some(place) = SUFFIXES.iter().position(|suffix| *suffix == word).filter(|_| !word.is_empty()) else { break };
            let (number, after) = digits(after);
            out.suffixes.push((place, number));
            rest = after;
        }
        if let Some(after) = rest.strip_prefix('~') {
            let end = after.find(|letter: char| !letter.is_ascii_hexdigit()).unwrap_or(after.len());
            let (hash, after) = after.split_at_checked(end).unwrap_or((after, ""));
            out.hash = hash;
            rest = after;
        }
        if let Some(after) = rest.strip_prefix("-r").filter(|after| !after.starts_with(|letter: char| letter.is_ascii_alphabetic())) {
            let (build, after) = digits(after);
            out.build = build;
            rest = after;
        }
    }
    out.rest = rest;
    out
}

pub(super) fn is_valid(version: &str) -> bool {
    let parts = parts(version);
    !parts.numbers.is_empty() && parts.rest.is_empty()
}

fn numbers(ones: &[&str], others: &[&str]) -> Ordering {
    for (position, (one, other)) in ones.iter().zip(others).enumerate() {
        // Behind the first, numbers with a leading zero are digits behind a point.
        let fraction = position > 0 && (one.starts_with('0') || other.starts_with('0'));
        let order = if fraction { one.cmp(other) } else { number(one, other) };
        if order.is_ne() {
            return order;
        }
    }
    ones.len().cmp(&others.len())
}

fn suffixes(ones: &[(usize, &str)], others: &[(usize, &str)]) -> Ordering {
    const NONE: usize = 4;
    for position in 0..ones.len().max(others.len()) {
        let none = (NONE, "");
        let (one, other) = (ones.get(position).unwrap_or(&none), others.get(position).unwrap_or(&none));
        let order = one.0.cmp(&other.0).then_with(|| number(one.1, other.1));
        if order.is_ne() {
            return order;
        }
    }
    Ordering::Equal
}

pub(super) fn compare(one: &str, other: &str) -> Ordering {
    let (one, other) = (parts(one), parts(other));
    debug_assert!(SUFFIXES.get(4) == Some(&""));
    numbers(&one.numbers, &other.numbers)
        .then_with(|| one.letter.cmp(&other.letter))
        .then_with(|| suffixes(&one.suffixes, &other.suffixes))
        .then_with(|| one.hash.cmp(other.hash))
        .then_with(|| number(one.build, other.build))
        .then_with(|| tail(one.rest).cmp(&tail(other.rest)))
}

/// What fits nowhere: a suffix or build that is none comes before nothing and is equal to any other; the rest is ordered as text.
fn tail(rest: &str) -> (u8, &str) {
    match rest.bytes().next() {
        Some(b'-' | b'_') => (0, ""),
        None => (1, ""),
        Some(_) => (2, rest),
    }
}
