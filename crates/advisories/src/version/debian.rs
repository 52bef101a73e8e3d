//! dpkg's order (Debian policy, section 5.6.12).

use std::cmp::Ordering;

use super::{is_number, number};

pub(super) fn compare(one: &str, other: &str) -> Ordering {
    let (one, other) = (parts(one), parts(other));
    number(one.0, other.0).then_with(|| part(one.1, other.1)).then_with(|| part(one.2, other.2))
}

/// Epoch, upstream version, revision.
fn parts(version: &str) -> (&str, &str, &str) {
    let version = version.trim();
    let (epoch, rest) = version.split_once(':').filter(|(epoch, _)| is_number(epoch)).unwrap_or(("", version));
    let (upstream, revision) = rest.rsplit_once('-').unwrap_or((rest, ""));
    (epoch, upstream, revision)
}

/// The weight of a byte: `~` before the end, letters before the rest.
fn weight(byte: Option<u8>) -> u16 {
    match byte {
        Some(b'~') => 0,
        None => 1,
        Some(byte) if byte.is_ascii_digit() => 1,
        Some(byte) if byte.is_ascii_alphabetic() => 1 + u16::from(byte),
        Some(byte) => 300 + u16::from(byte),
    }
}

fn part(one: &str, other: &str) -> Ordering {
    let (mut one, mut other) = (one.as_bytes(), other.as_bytes());
    while !one.is_empty() || !other.is_empty() {
        // Bytes that are no digits, one by one.
        loop {
            let digit = |text: &[u8]| text.first().is_none_or(u8::is_ascii_digit);
            if digit(one) && digit(other) {
                break;
            }
            let order = weight(one.first().copied()).cmp(&weight(other.first().copied()));
            if order.is_ne() {
                return order;
            }
            one = one.get(1..).unwrap_or_default();
            other = other.get(1..).unwrap_or_default();
        }
        let digits = |text: &[u8]| text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
        let (end, other_end) = (digits(one), digits(other));
        let order = super::number(
            std::str::from_utf8(one.get(..end).unwrap_or_default()).unwrap_or_default(),
            std::str::from_utf8(other.get(..other_end).unwrap_or_default()).unwrap_or_default(),
        );
        if order.is_ne() {
            return order;
        }
        one = one.get(end..).unwrap_or_default();
        other = other.get(other_end..).unwrap_or_default();
    }
    Ordering::Equal
}
