//! `Gem::Version`.

use std::cmp::Ordering;

use super::{is_number, number};

/// Runs of digits and runs of letters; a hyphen begins a pre-release.
fn segments(version: &str) -> Vec<&str> {
    let mut all = Vec::new();
    let mut rest = version;
    while let Some(first) = rest.chars().next() {
        let digits = first.is_ascii_digit();
        let letters = first.is_ascii_alphabetic();
        let end = rest.find(|letter: char| if digits { !letter.is_ascii_digit() } else { !letter.is_ascii_alphabetic() });
        if digits || letters {
            let (run, after) = rest.split_at_checked(end.unwrap_or(rest.len())).unwrap_or((rest, ""));
            all.push(run);
            rest = after;
        } else {
            if first == '-' {
                all.push("pre");
            }
            rest = rest.get(first.len_utf8()..).unwrap_or_default();
        }
    }
    // Zeros at the end of the numbers before the first word, and at the end of all, say nothing.
    let word = all.iter().position(|segment| !is_number(segment)).unwrap_or(all.len());
    let mut words = all.split_off(word);
    for part in [&mut all, &mut words] {
        while part.last().is_some_and(|segment| is_number(segment) && segment.bytes().all(|byte| byte == b'0')) {
            part.pop();
        }
    }
    all.append(&mut words);
    all
}

pub(super) fn compare(one: &str, other: &str) -> Ordering {
    let (ones, others) = (segments(one), segments(other));
    for position in 0..ones.len().max(others.len()) {
        let (one, other) = (ones.get(position).copied().unwrap_or("0"), others.get(position).copied().unwrap_or("0"));
        let order = match (is_number(one), is_number(other)) {
            (true, true) => number(one, other),
            (false, true) => Ordering::Less,
            (true, false) => Ordering::Greater,
            (false, false) => one.cmp(other),
        };
        if order.is_ne() {
            return order;
        }
    }
    Ordering::Equal
}
