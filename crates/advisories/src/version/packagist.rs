//! PHP's `version_compare`, as Composer uses it.

use std::cmp::Ordering;

use super::semver::bare;
use super::{is_number, number};

/// Parts between dots, hyphens, underscores and plus signs, and between digits and what is none.
fn parts(version: &str) -> Vec<&str> {
    let mut out = Vec::new();
    let mut rest = bare(version);
    while let Some(first) = rest.chars().next() {
        if matches!(first, '.' | '-' | '_' | '+') {
            rest = rest.get(1..).unwrap_or_default();
            continue;
        }
        let digits = first.is_ascii_digit();
        let end = rest.find(|letter: char| letter.is_ascii_digit() != digits || matches!(letter, '.' | '-' | '_' | '+'));
        let (part, after) = rest.split_at_checked(end.unwrap_or(rest.len())).unwrap_or((rest, ""));
        out.push(part);
        rest = after;
    }
    out
}

/// What a word weighs; a number weighs as `#`.
fn weight(word: &str) -> u8 {
    // PHP knows these in small letters only, but for `RC`.
    let begins = |start: &str| word.starts_with(start);
    if is_number(word) || word == "#" {
        return 5;
    }
    match () {
        () if begins("dev") => 1,
        () if begins("a") => 2,
        () if begins("b") => 3,
        () if begins("rc") || begins("RC") => 4,
        () if begins("p") => 6,
        () => 0,
    }
}

pub(super) fn compare(one: &str, other: &str) -> Ordering {
    let (ones, others) = (parts(one), parts(other));
    for position in 0..ones.len().max(others.len()) {
        let order = match (ones.get(position), others.get(position)) {
            (Some(one), Some(other)) if is_number(one) && is_number(other) => number(one, other),
            (Some(one), Some(other)) => weight(one).cmp(&weight(other)),
            // A number more is more; a word more is what it is beside none.
            (Some(one), None) if is_number(one) => Ordering::Greater,
            (None, Some(other)) if is_number(other) => Ordering::Less,
            (Some(one), None) => weight(one).cmp(&5),
            (None, Some(other)) => 5.cmp(&weight(other)),
            (None, None) => Ordering::Equal,
        };
        if order.is_ne() {
            return order;
        }
    }
    Ordering::Equal
}
