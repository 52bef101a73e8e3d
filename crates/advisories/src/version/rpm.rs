//! `rpmvercmp`, with epoch and release.

use std::cmp::Ordering;

use super::{is_number, number};

pub(super) fn compare(one: &str, other: &str) -> Ordering {
    let (one, other) = (parts(one), parts(other));
    number(one.0, other.0).then_with(|| segments(one.1, other.1)).then_with(|| match (one.2, other.2) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Less,
        (Some(_), None) => Ordering::Greater,
        (Some(one), Some(other)) => segments(one, other),
    })
}

/// Epoch, version, release.
fn parts(version: &str) -> (&str, &str, Option<&str>) {
    let version = version.trim();
    let (epoch, rest) = version.split_once(':').filter(|(epoch, _)| is_number(epoch)).unwrap_or(("", version));
    let (version, release) = rest.rsplit_once('-').map_or((rest, None), |(version, release)| (version, Some(release)));
    (epoch, version, release)
}

fn segments(one: &str, other: &str) -> Ordering {
    let (mut one, mut other) = (one.as_bytes(), other.as_bytes());
    loop {
        let skip = |text: &mut &[u8]| {
            let start = text.iter().position(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'~' | b'^')).unwrap_or(text.len());
            *text = text.get(start..).unwrap_or_default();
        };
        skip(&mut one);
        skip(&mut other);
        let first = |text: &[u8]| text.first().copied();
        // A tilde comes before everything, even the end.
        match (first(one) == Some(b'~'), first(other) == Some(b'~')) {
            (true, true) => {
                one = one.get(1..).unwrap_or_default();
                other = other.get(1..).unwrap_or_default();
                continue;
            }
            (true, false) => return Ordering::Less,
            (false, true) => return Ordering::Greater,
            (false, false) => {}
        }
        // A caret comes after the end, and before everything else.
        match (first(one), first(other)) {
            (Some(b'^'), Some(b'^')) => {
                one = one.get(1..).unwrap_or_default();
                other = other.get(1..).unwrap_or_default();
                continue;
            }
            (Some(b'^'), None) => return Ordering::Greater,
            (None, Some(b'^')) => return Ordering::Less,
            (Some(b'^'), Some(_)) => return Ordering::Less,
            (Some(_), Some(b'^')) => return Ordering::Greater,
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(_), Some(_)) => {}
        }
        let digits = (first(one).is_some_and(|byte| byte.is_ascii_digit()), first(other).is_some_and(|byte| byte.is_ascii_digit()));
        // Numbers come after letters.
        if digits.0 != digits.1 {
            return digits.0.cmp(&digits.1);
        }
        let run = |text: &[u8]| {
            text.iter().position(|byte| if digits.0 { !byte.is_ascii_digit() } else { !byte.is_ascii_alphabetic() }).unwrap_or(text.len())
        };
        let (end, other_end) = (run(one), run(other));
        let text = |bytes: &'_ [u8], end: usize| String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()).into_owned();
        let (this, that) = (text(one, end), text(other, other_end));
        let order = if digits.0 { number(&this, &that) } else { this.cmp(&that) };
        if order.is_ne() {
            return order;
        }
        one = one.get(end..).unwrap_or_default();
        other = other.get(other_end..).unwrap_or_default();
    }
}
