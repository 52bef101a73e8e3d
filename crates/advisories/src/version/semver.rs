//! Semantic Versioning 2.0.0 (<https://semver.org>), read as tolerantly as the ecosystems that use it do; and the orders near it.

use std::cmp::Ordering;

use super::{is_number, number};

/// A version without a `v` before it.
pub(super) fn bare(version: &str) -> &str {
    version.strip_prefix(['v', 'V', '=']).unwrap_or(version)
}

struct Parts<'a> {
    /// Numbers between dots, then what is left.
    numbers: &'a str,
    label: &'a str,
    build: Option<&'a str>,
}

fn parts(version: &str) -> Parts<'_> {
    let version = bare(version);
    let (version, build) = version.split_once('+').map_or((version, None), |(version, build)| (version, Some(build)));
    let bytes = version.as_bytes();
    let mut end = 0;
    while let Some(byte) = bytes.get(end) {
        let next = bytes.get(end + 1).is_some_and(u8::is_ascii_digit);
        if !(byte.is_ascii_digit() || *byte == b'.' && end > 0 && next) {
            break;
        }
        end += 1;
    }
    let (numbers, label) = version.split_at_checked(end).unwrap_or((version, ""));
    let label = label.strip_prefix(['-', '.', '_']).unwrap_or(label);
    Parts { numbers, label, build }
}

fn release(one: &str, other: &str) -> Ordering {
    let (mut ones, mut others) = (one.split('.'), other.split('.'));
    loop {
        let (one, other) = (ones.next(), others.next());
        if one.is_none() && other.is_none() {
            return Ordering::Equal;
        }
        let order = number(one.unwrap_or_default(), other.unwrap_or_default());
        if order.is_ne() {
            return order;
        }
    }
}

/// Dot-separated identifiers: numbers before words, numbers as numbers, words by their bytes, more after fewer.
fn identifiers(one: &str, other: &str, fold: bool) -> Ordering {
    let (mut ones, mut others) = (one.split('.'), other.split('.'));
    loop {
        let (one, other) = match (ones.next(), others.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(one), Some(other)) => (one, other),
        };
        let order = match (is_number(one), is_number(other)) {
            (true, true) => number(one, other),
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            (false, false) if fold => folded(one, other),
            (false, false) => one.cmp(other),
        };
        if order.is_ne() {
            return order;
        }
    }
}

fn folded(one: &str, other: &str) -> Ordering {
    one.bytes().map(|byte| byte.to_ascii_lowercase()).cmp(other.bytes().map(|byte| byte.to_ascii_lowercase()))
}

fn labels(one: &str, other: &str, fold: bool) -> Ordering {
    match (one.is_empty(), other.is_empty()) {
        (true, true) => Ordering::Equal,
        // What leads up to a release comes before it.
        (true, false) => Ordering::Greater,
        (false, true) => Ordering::Less,
        (false, false) => identifiers(one, other, fold),
    }
}

pub(super) fn compare(one: &str, other: &str) -> Ordering {
    let (one, other) = (parts(one), parts(other));
    release(one.numbers, other.numbers).then_with(|| labels(one.label, other.label, false))
}

pub(super) fn compare_nuget(one: &str, other: &str) -> Ordering {
    let (one, other) = (parts(one), parts(other));
    release(one.numbers, other.numbers).then_with(|| labels(one.label, other.label, true))
}

pub(super) fn compare_pub(one: &str, other: &str) -> Ordering {
    let (one, other) = (parts(one), parts(other));
    release(one.numbers, other.numbers).then_with(|| labels(one.label, other.label, false)).then_with(|| match (one.build, other.build) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Less,
        (Some(_), None) => Ordering::Greater,
        (Some(one), Some(other)) => identifiers(one, other, false),
    })
}
