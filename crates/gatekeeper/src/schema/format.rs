//! The formats of texts that a schema may ask for. A format that is not known asks for nothing, as with the API server.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether a text has a format.
pub(super) fn fits(format: &str, text: &str) -> bool {
    match format {
        "ipv4" => text.parse::<Ipv4Addr>().is_ok(),
        "ipv6" => text.parse::<Ipv6Addr>().is_ok(),
        "cidr" => cidr(text),
        "mac" => mac(text),
        "date" => date(text),
        "date-time" | "datetime" => date_time(text),
        "duration" => duration(text),
        "uuid" => uuid(text, None),
        "uuid3" => uuid(text, Some(b'3')),
        "uuid4" => uuid(text, Some(b'4')),
        "uuid5" => uuid(text, Some(b'5')),
        "hostname" => hostname(text),
        "email" => email(text),
        "uri" => uri(text),
        "byte" => base64(text),
        "hexcolor" => hex_color(text),
        _ => true,
    }
}

fn cidr(text: &str) -> bool {
    let Some((address, prefix)) = text.split_once('/') else { return false };
    let Ok(address) = address.parse::<IpAddr>() else { return false };
    let most = if address.is_ipv4() { 32 } else { 128 };
    prefix.bytes().all(|byte| byte.is_ascii_digit()) && prefix.parse::<u8>().is_ok_and(|prefix| prefix <= most)
}

fn mac(text: &str) -> bool {
    let groups: Vec<&str> = text.split([':', '-']).collect();
    matches!(groups.len(), 6 | 8 | 20) && groups.iter().all(|group| group.len() == 2 && hex(group))
}

fn hex(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn digits(text: &str, length: usize) -> Option<u32> {
    (text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok()).flatten()
}

fn date(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let [year, month, day] = parts.as_slice() else { return false };
    let (Some(year), Some(month), Some(day)) = (digits(year, 4), digits(month, 2), digits(day, 2)) else { return false };
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => return false,
    };
    (1..=days).contains(&day)
}

fn date_time(text: &str) -> bool {
    let Some((day, rest)) = text.split_once(['T', 't']) else { return false };
    let zone = rest.find(['Z', 'z', '+', '-']);
    let Some((time, zone)) = zone.and_then(|at| rest.split_at_checked(at)) else { return false };
    let whole = time.split_once('.').map_or(time, |(whole, _)| whole);
    let fraction = time.split_once('.').is_none_or(|(_, part)| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()));
    let parts: Vec<&str> = whole.split(':').collect();
    let [hour, minute, second] = parts.as_slice() else { return false };
    let in_range = |text: &str, most: u32| digits(text, 2).is_some_and(|value| value <= most);
    let zone_fits = matches!(zone, "Z" | "z")
        || zone.get(1..).and_then(|zone| zone.split_once(':')).is_some_and(|(hours, minutes)| in_range(hours, 23) && in_range(minutes, 59));
    date(day) && in_range(hour, 23) && in_range(minute, 59) && in_range(second, 59) && fraction && zone_fits
}

/// Go's durations, and those of `strfmt`: `3h5m`, `4 days`.
fn duration(text: &str) -> bool {
    let text = text.trim().trim_start_matches(['+', '-']);
    if text.is_empty() {
        return false;
    }
    let mut rest = text;
    while !rest.is_empty() {
        let number = rest.len() - rest.trim_start_matches(|letter: char| letter.is_ascii_digit() || letter == '.').len();
        let Some((value, after)) = rest.split_at_checked(number) else { return false };
        let after = after.trim_start();
        let unit = after.len() - after.trim_start_matches(|letter: char| letter.is_alphabetic()).len();
        let Some((unit, after)) = after.split_at_checked(unit) else { return false };
        let known = [
            "ns",
            "nano",
            "nanos",
            "nanosecond",
            "nanoseconds",
            "us",
            "µs",
            "μs",
            "micro",
            "micros",
            "microsecond",
            "microseconds",
            "ms",
            "milli",
            "millis",
            "millisecond",
            "milliseconds",
            "s",
            "sec",
            "secs",
            "second",
            "seconds",
            "m",
            "min",
            "mins",
            "minute",
            "minutes",
            "h",
            "hr",
            "hour",
            "hours",
            "d",
            "day",
            "days",
            "w",
            "wk",
            "week",
            "weeks",
        ];
        let zero = value == "0" && unit.is_empty() && after.is_empty();
        if !zero && (value.parse::<f64>().is_err() || !known.contains(&unit)) {
            return false;
        }
        rest = after.trim_start();
    }
    true
}

fn uuid(text: &str, version: Option<u8>) -> bool {
    let bare: String = text.chars().filter(|letter| *letter != '-').collect();
    let dashes = text.len() - bare.len();
    let shape = bare.len() == 32 && hex(&bare) && (dashes == 0 || text.split('-').map(str::len).eq([8, 4, 4, 4, 12]));
    shape && version.is_none_or(|version| bare.as_bytes().get(12) == Some(&version))
}

fn hostname(text: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    !text.is_empty() && text.len() <= 253 && text.trim_end_matches('.').split('.').all(label)
}

fn email(text: &str) -> bool {
    text.rsplit_once('@').is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty() && !text.contains(char::is_whitespace))
}

fn uri(text: &str) -> bool {
    let scheme = |scheme: &str| {
        scheme.starts_with(|letter: char| letter.is_ascii_alphabetic())
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
    };
    !text.contains(char::is_whitespace) && (text.starts_with('/') || text.split_once(':').is_some_and(|(before, _)| scheme(before)))
}

fn base64(text: &str) -> bool {
    let bare: Vec<u8> = text.bytes().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect();
    let body = bare.iter().rposition(|byte| *byte != b'=').map_or(0, |last| last + 1);
    bare.len().is_multiple_of(4)
        && bare.len() - body <= 2
        && bare.iter().take(body).all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'))
}

fn hex_color(text: &str) -> bool {
    let bare = text.strip_prefix('#').unwrap_or(text);
    matches!(bare.len(), 3 | 6) && hex(bare)
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn formats() {
        let check = |format: &str, text: &str, expected: bool| assert_eq!(fits(format, text), expected, "{format} {text}");
        check("ipv4", "10.0.0.1", true);
        check("ipv4", "10.0.0", false);
        check("ipv6", "::1", true);
        check("cidr", "10.0.0.0/8", true);
        check("cidr", "10.0.0.0/33", false);
        check("date", "2024-02-29", true);
        check("date", "2023-02-29", false);
        check("date-time", "2024-02-29T10:00:00Z", true);
        check("date-time", "2024-02-29T10:00:00.5+01:00", true);
        check("date-time", "2024-02-29 10:00:00Z", false);
        check("duration", "3h5m", true);
        check("duration", "4 days", true);
        check("duration", "soon", false);
        check("uuid", "a2b4c6d8-0000-4000-8000-000000000000", true);
        check("uuid3", "a2b4c6d8-0000-4000-8000-000000000000", false);
        check("hostname", "a.example", true);
        check("hostname", "-a", false);
        check("email", "a@b.c", true);
        check("uri", "https://a.b/c", true);
        check("uri", "a b", false);
        check("byte", "aGk=", true);
        check("byte", "aGk", false);
        check("int32", "whatever", true);
    }
}
