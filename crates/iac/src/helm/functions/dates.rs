//! Dates. What time it is cannot be known here; a date that is written in the chart can be read and printed, in UTC.

use std::rc::Rc;

use jiff::civil::{DateTime, Time};
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};

use super::super::value::{Data, Special, Val};
use super::{Answer, Call, Function, opaque, refuse, through};

pub(super) const TABLE: &[Function] = &[
    through("now", 0, 0, |call| Ok(call.lost("`now` is another time each time"))),
    opaque("ago", 1, 1, |call| Ok(call.lost("`ago` depends on the time"))),
    opaque("date", 2, 2, |call| in_zone(call, None)),
    opaque("dateInZone", 3, 3, |call| in_zone(call, Some(2))),
    opaque("date_in_zone", 3, 3, |call| in_zone(call, Some(2))),
    opaque("htmlDate", 1, 1, |call| {
        call.arguments.insert(0, Val::from("2006-01-02"));
        in_zone(call, None)
    }),
    opaque("htmlDateInZone", 2, 2, |call| {
        call.arguments.insert(0, Val::from("2006-01-02"));
        in_zone(call, Some(2))
    }),
    opaque("dateModify", 2, 2, modify),
    opaque("date_modify", 2, 2, modify),
    opaque("mustDateModify", 2, 2, modify),
    opaque("must_date_modify", 2, 2, modify),
    opaque("toDate", 2, 2, to_date),
    opaque("mustToDate", 2, 2, to_date),
    opaque("unixEpoch", 1, 1, |call| match time_of(&call.any(0)) {
        Some(time) => Ok(unix(&time).to_string().into()),
        None => refuse("argument 1 must be a date"),
    }),
    opaque("duration", 1, 1, |call| {
        let seconds = match &call.any(0).data {
            Data::Str(text) => text.as_str().parse().unwrap_or(0),
            Data::Int(seconds, true) => *seconds,
            _ => 0,
        };
        Ok(go_duration(seconds).into())
    }),
    opaque("durationRound", 1, 1, |call| {
        let nanoseconds: i128 = match &call.any(0).data {
            Data::Str(text) => parse_duration(text.as_str()).map_or(0, |duration| duration.as_nanos()),
            Data::Int(value, true) => i128::from(*value),
            Data::Special(_) => return Ok(call.lost("`durationRound` of a date depends on the time")),
            _ => 0,
        };
        let seconds = nanoseconds.unsigned_abs() / 1_000_000_000;
        let exact = nanoseconds.unsigned_abs().is_multiple_of(1_000_000_000);
        for (unit, name) in [(31_536_000, "y"), (2_592_000, "mo"), (86_400, "d"), (3600, "h"), (60, "m"), (1, "s")] {
            if seconds > unit || (seconds == unit && !exact) {
                return Ok(format!("{}{name}", seconds / unit).into());
            }
        }
        Ok(Val::from("0s"))
    }),
];

/// Seconds since 1970.
pub(super) fn unix(time: &DateTime) -> i64 {
    Offset::UTC.to_timestamp(*time).map_or(0, |time| time.as_second())
}

fn time_of(value: &Val) -> Option<DateTime> {
    match &value.data {
        Data::Int(seconds, _) => Timestamp::from_second(*seconds).ok().map(|time| Offset::UTC.to_datetime(time)),
        Data::Special(special) => match &**special {
            Special::Time(time) => Some(*time),
            _ => None,
        },
        _ => None,
    }
}

fn in_zone(call: &mut Call<'_, '_>, zone: Option<usize>) -> Answer {
    let layout = call.string(0)?;
    // Sprig takes what is no date for now.
    let Some(time) = time_of(&call.any(1)) else { return Ok(call.lost("a date that is not given is now")) };
    if let Some(at) = zone {
        let zone = call.string(at)?;
        if !matches!(&*zone, "UTC" | "" | "Local" | "GMT") {
            return Ok(call.lost("time zones are not known here"));
        }
    }
    Ok(format(&time, &layout).into())
}

fn modify(call: &mut Call<'_, '_>) -> Answer {
    let by = call.string(0)?;
    let Some(time) = time_of(&call.any(1)) else { return refuse("argument 2 must be a date") };
    match parse_duration(&by).map(|by| time.checked_add(by)) {
        Some(Ok(time)) => Ok(Data::Special(Rc::new(Special::Time(time))).into()),
        _ if call.name.starts_with("must") => refuse(format!("`{by}` is not a duration")),
        _ => Ok(call.any(1)),
    }
}

fn to_date(call: &mut Call<'_, '_>) -> Answer {
    let (layout, text) = (call.string(0)?, call.string(1)?);
    match parse(&layout, &text) {
        Some(time) => Ok(Data::Special(Rc::new(Special::Time(time))).into()),
        None if call.name == "mustToDate" => refuse(format!("`{text}` is not a date as `{layout}`")),
        None => Ok(Data::Special(Rc::new(Special::Time(DateTime::constant(1, 1, 1, 0, 0, 0, 0)))).into()),
    }
}

/// Go's duration text: `1h2m3.5s`.
fn parse_duration(text: &str) -> Option<SignedDuration> {
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(SignedDuration::ZERO);
    }
    if rest.is_empty() {
        return None;
    }
    let mut total = 0_f64;
    while !rest.is_empty() {
        let end = rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.')?;
        let number: f64 = rest.get(..end)?.parse().ok()?;
        rest = rest.get(end..)?;
        let units = [("ns", 1e-9), ("us", 1e-6), ("µs", 1e-6), ("ms", 1e-3), ("s", 1.0), ("m", 60.0), ("h", 3600.0)];
        let (unit, seconds) = units
            .iter()
            .find(|(unit, _)| rest.strip_prefix(unit).is_some_and(|after| !after.starts_with(|letter: char| letter.is_alphabetic())))?;
        total += number * seconds;
        rest = rest.strip_prefix(unit)?;
    }
    SignedDuration::try_from_secs_f64(if negative { -total } else { total }).ok()
}

/// Whole seconds as Go prints a duration.
fn go_duration(seconds: i64) -> String {
    let size = seconds.unsigned_abs();
    let sign = if seconds < 0 { "-" } else { "" };
    match (size / 3600, size / 60 % 60, size % 60) {
        (0, 0, seconds) => format!("{sign}{seconds}s"),
        (0, minutes, seconds) => format!("{sign}{minutes}m{seconds}s"),
        (hours, minutes, seconds) => format!("{sign}{hours}h{minutes}m{seconds}s"),
    }
}

/// How Go prints a date without a layout.
pub(in crate::helm) fn default_format(time: &DateTime) -> String {
    format(time, "2006-01-02 15:04:05 -0700 MST")
}

/// The parts of a layout, longest first where one begins another.
const PARTS: &[(&str, &str)] = &[
    ("January", "%B"),
    ("Jan", "%b"),
    ("Monday", "%A"),
    ("Mon", "%a"),
    ("MST", "%Z"),
    ("2006", "%Y"),
    ("-07:00", "%:z"),
    ("-0700", "%z"),
    ("Z07:00", "Z:"),
    ("Z0700", "Z"),
    ("002", "%j"),
    ("01", "%m"),
    ("02", "%d"),
    ("03", "%I"),
    ("04", "%M"),
    ("05", "%S"),
    ("06", "%y"),
    ("15", "%H"),
    ("PM", "%p"),
    ("pm", "%P"),
    ("_2", "%e"),
    ("1", "%-m"),
    ("2", "%-d"),
    ("3", "%-I"),
    ("4", "%-M"),
    ("5", "%-S"),
];

/// The next part of a layout and what follows it.
fn next(layout: &str) -> Option<(&'static str, &str)> {
    PARTS.iter().find_map(|(part, code)| layout.strip_prefix(part).map(|rest| (*code, rest)))
}

/// A date in a Go layout.
pub(in crate::helm) fn format(time: &DateTime, layout: &str) -> String {
    let mut out = String::new();
    let mut rest = layout;
    while let Some(letter) = rest.chars().next() {
        if let Some((code, after)) = next(rest) {
            match code {
                "Z:" | "Z" => out.push('Z'),
                "%Z" => out.push_str("UTC"),
                "%:z" => out.push_str("+00:00"),
                "%z" => out.push_str("+0000"),
                code => out.push_str(&time.strftime(code).to_string()),
            }
            rest = after;
            continue;
        }
        // Fractions of a second: `.000` with zeros, `.999` without those at the end.
        let digits = rest.get(1..).map_or(0, |behind| behind.bytes().take_while(|digit| matches!(digit, b'0' | b'9')).count());
        if matches!(letter, '.' | ',')
            && digits > 0
            && !rest.get(1 + digits..).is_some_and(|behind| behind.starts_with(|next: char| next.is_ascii_digit()))
        {
            let fraction: String = format!("{:09}", time.subsec_nanosecond()).chars().take(digits).collect();
            let keep = if rest.get(1..2) == Some("9") { fraction.trim_end_matches('0') } else { &fraction };
            if !keep.is_empty() {
                out.push(letter);
                out.push_str(keep);
            }
            rest = rest.get(1 + digits..).unwrap_or_default();
            continue;
        }
        out.push(letter);
        rest = rest.get(letter.len_utf8()..).unwrap_or_default();
    }
    out
}

/// A date from text in a Go layout.
fn parse(layout: &str, text: &str) -> Option<DateTime> {
    let mut pattern = String::new();
    let mut rest = layout;
    let mut zoned = false;
    while let Some(letter) = rest.chars().next() {
        if let Some((code, after)) = next(rest) {
            match code {
                "Z:" | "Z" | "%z" | "%:z" => {
                    zoned = true;
                    // `Z` alone is UTC.
                    pattern.push_str(if text.ends_with('Z') {
                        "Z"
                    } else if matches!(code, "Z:" | "%:z") {
                        "%:z"
                    } else {
                        "%z"
                    });
                    zoned &= !text.ends_with('Z');
                }
                "%Z" => pattern.push_str("UTC"),
                code => pattern.push_str(code),
            }
            rest = after;
            continue;
        }
        if letter == '%' {
            pattern.push('%');
        }
        pattern.push(letter);
        rest = rest.get(letter.len_utf8()..).unwrap_or_default();
    }
    let mut broken = jiff::fmt::strtime::parse(&pattern, text).ok()?;
    if broken.year().is_none() {
        broken.set_year(Some(1)).ok()?;
    }
    if zoned {
        return broken.to_timestamp().ok().map(|time| Offset::UTC.to_datetime(time));
    }
    let date = broken.to_date().ok()?;
    let time = broken.to_time().unwrap_or(Time::midnight());
    Some(date.to_datetime(time))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts() {
        let time = parse("2006-01-02T15:04:05Z07:00", "2024-03-05T07:08:09Z").unwrap();
        let check = |layout: &str, expected: &str| assert_eq!(format(&time, layout), expected, "for {layout}");
        check("2006-01-02", "2024-03-05");
        check("Mon, 02 Jan 2006 15:04:05 MST", "Tue, 05 Mar 2024 07:08:09 UTC");
        check("Monday, January 2 2006 3:04PM", "Tuesday, March 5 2024 7:08AM");
        check("20060102150405", "20240305070809");
        check("2006-01-02T15:04:05Z07:00", "2024-03-05T07:08:09Z");
        check("_2/1/06", " 5/3/24");
    }

    #[test]
    fn durations() {
        let check = |text: &str, expected: Option<i128>| {
            assert_eq!(parse_duration(text).map(|found| found.as_nanos() / 1_000_000), expected, "for {text}")
        };
        check("1h2m3.5s", Some(3_723_500));
        check("-1.5h", Some(-5_400_000));
        check("10ms", Some(10));
        check("0", Some(0));
        check("1", None);
        check("x", None);
        assert_eq!(go_duration(3725), "1h2m5s");
    }
}
