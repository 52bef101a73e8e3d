//! Points in time and durations: Go's text forms, and their parts in any zone.

use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone, TimeZoneDatabase};

use crate::value::Timestamp;
use crate::{Call, CelError, Value};

type Given = Result<Value, CelError>;

/// 0001-01-01T00:00:00Z.
const FIRST: i64 = -62_135_596_800;
/// 9999-12-31T23:59:59Z.
const LAST: i64 = 253_402_300_799;

/// A point in time within the years 1 to 9999.
pub(crate) fn timestamp(seconds: i64, nanoseconds: u32) -> Option<Value> {
    (FIRST..=LAST).contains(&seconds).then_some(Value::Timestamp(Timestamp { seconds, nanoseconds }))
}

pub(crate) fn from_nanoseconds(whole: i128) -> Option<Value> {
    let seconds = i64::try_from(whole.div_euclid(1_000_000_000)).ok()?;
    timestamp(seconds, u32::try_from(whole.rem_euclid(1_000_000_000)).ok()?)
}

/// Days since 1970-01-01 of a date of the proleptic Gregorian calendar.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Reads digits and separators from the left.
struct Reader<'a>(&'a str);

impl Reader<'_> {
    fn digits(&mut self, count: usize) -> Option<i64> {
        let (head, rest) = self.0.split_at_checked(count)?;
        if !head.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        self.0 = rest;
        head.parse().ok()
    }

    fn eat(&mut self, separator: char) -> Option<()> {
        self.0 = self.0.strip_prefix(separator)?;
        Some(())
    }
}

/// A point in time by RFC 3339, as Go reads it.
pub(crate) fn parse_timestamp(text: &str) -> Option<Value> {
    let mut reader = Reader(text);
    let year = reader.digits(4)?;
    reader.eat('-')?;
    let month = reader.digits(2)?;
    reader.eat('-')?;
    let day = reader.digits(2)?;
    reader.eat('T')?;
    let hour = reader.digits(2)?;
    reader.eat(':')?;
    let minute = reader.digits(2)?;
    reader.eat(':')?;
    let second = reader.digits(2)?;
    let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let length = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => return None,
    };
    if !(1..=length).contains(&day) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let mut nanoseconds = 0;
    if let Some(rest) = reader.0.strip_prefix(['.', ',']) {
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (digits, rest) = rest.split_at_checked(end)?;
        if digits.is_empty() {
            return None;
        }
        nanoseconds = format!("{digits:0<9}").get(..9)?.parse().ok()?;
        reader.0 = rest;
    }
    let offset = if reader.0 == "Z" { 0 } else { offset(reader.0, true)? };
    timestamp(days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second - offset, nanoseconds)
}

/// Seconds of `+02:00`.
fn offset(text: &str, signed: bool) -> Option<i64> {
    let (sign, rest) = match text.as_bytes().first()? {
        b'+' => (1, text.strip_prefix('+')?),
        b'-' => (-1, text.strip_prefix('-')?),
        _ if signed => return None,
        _ => (1, text),
    };
    let mut reader = Reader(rest);
    let hours = reader.digits(2)?;
    reader.eat(':')?;
    let minutes = reader.digits(2)?;
    (reader.0.is_empty() && hours < 24 && minutes < 60).then_some(sign * (hours * 3_600 + minutes * 60))
}

/// A point in time by RFC 3339, in UTC, with as many decimals as it has.
pub(crate) fn timestamp_text(at: Timestamp) -> String {
    let Some(local) = local(at, &TimeZone::UTC) else { return format!("@{}", at.seconds) };
    let mut text = format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}",
        local.year(),
        local.month(),
        local.day(),
        local.hour(),
        local.minute(),
        local.second()
    );
    if at.nanoseconds > 0 {
        text.push('.');
        text.push_str(format!("{:09}", at.nanoseconds).trim_end_matches('0'));
    }
    text.push('Z');
    text
}

/// Units of Go's durations in nanoseconds.
const UNITS: &[(&str, i128)] = &[
    ("ns", 1),
    ("us", 1_000),
    ("\u{b5}s", 1_000),
    ("\u{3bc}s", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// Nanoseconds of a duration as Go reads it: `1h30m`, `-1.5s`.
pub(crate) fn parse_duration(text: &str) -> Option<i64> {
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(0);
    }
    if rest.is_empty() {
        return None;
    }
    let mut sum = 0_i128;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, after) = rest.split_at_checked(end)?;
        let unit_end = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, after) = after.split_at_checked(unit_end)?;
        let unit = UNITS.iter().find(|(name, _)| *name == unit)?.1;
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if (whole.is_empty() && fraction.is_empty()) || whole.len() > 19 || fraction.contains('.') {
            return None;
        }
        if !whole.is_empty() {
            sum += whole.parse::<i128>().ok()? * unit;
        }
        let fraction = fraction.get(..fraction.len().min(18))?;
        if !fraction.is_empty() {
            sum += fraction.parse::<i128>().ok()? * unit / 10_i128.pow(u32::try_from(fraction.len()).ok()?);
        }
        rest = after;
    }
    i64::try_from(if negative { -sum } else { sum }).ok()
}

/// Seconds with as many decimals as there are: `1.5s`.
pub(crate) fn duration_text(nanoseconds: i64) -> String {
    let size = nanoseconds.unsigned_abs();
    let (seconds, rest) = (size / 1_000_000_000, size % 1_000_000_000);
    let sign = if nanoseconds < 0 { "-" } else { "" };
    if rest == 0 {
        return format!("{sign}{seconds}s");
    }
    format!("{sign}{seconds}.{}s", format!("{rest:09}").trim_end_matches('0'))
}

/// Seconds of 400 years, after which the calendar repeats.
const CYCLE: i64 = 146_097 * 86_400;

/// Date and time in a zone. The last day of the last year lies beyond what the library takes, and is found 400 years earlier.
fn local(at: Timestamp, zone: &TimeZone) -> Option<DateTime> {
    let nanoseconds = i32::try_from(at.nanoseconds).ok()?;
    if let Ok(exact) = jiff::Timestamp::new(at.seconds, nanoseconds) {
        return Some(zone.to_datetime(exact));
    }
    let earlier = zone.to_datetime(jiff::Timestamp::new(at.seconds.checked_sub(CYCLE)?, nanoseconds).ok()?);
    earlier.with().year(earlier.year().checked_add(400)?).build().ok()
}

/// The zone of a name or an offset.
fn zone(name: &str) -> Result<TimeZone, CelError> {
    let unknown = || CelError::invalid(format!("unknown time zone `{name}`"));
    if name.contains(':') {
        let seconds = offset(name, false).ok_or_else(unknown)?;
        let offset = i32::try_from(seconds).ok().and_then(|seconds| Offset::from_seconds(seconds).ok()).ok_or_else(unknown)?;
        return Ok(TimeZone::fixed(offset));
    }
    if name.is_empty() || name == "UTC" {
        return Ok(TimeZone::UTC);
    }
    TimeZoneDatabase::bundled().get(name).map_err(|_| unknown())
}

fn part(args: &[Value], get: impl Fn(DateTime) -> i64) -> Given {
    let (at, zone) = match args {
        [Value::Timestamp(at)] => (*at, TimeZone::UTC),
        [Value::Timestamp(at), Value::String(name)] => (*at, zone(name)?),
        _ => return Err(CelError::no_such_overload()),
    };
    local(at, &zone).map(|local| Value::Int(get(local))).ok_or_else(|| CelError::overflow("timestamp"))
}

pub(super) fn year(_: &mut Call<'_>, args: &[Value]) -> Given {
    part(args, |local| i64::from(local.year()))
}

pub(super) fn month(_: &mut Call<'_>, args: &[Value]) -> Given {
    part(args, |local| i64::from(local.month()) - 1)
}

pub(super) fn day_of_year(_: &mut Call<'_>, args: &[Value]) -> Given {
    part(args, |local| i64::from(local.date().day_of_year()) - 1)
}

pub(super) fn day_of_month(_: &mut Call<'_>, args: &[Value]) -> Given {
    part(args, |local| i64::from(local.day()) - 1)
}

pub(super) fn date(_: &mut Call<'_>, args: &[Value]) -> Given {
    part(args, |local| i64::from(local.day()))
}

pub(super) fn day_of_week(_: &mut Call<'_>, args: &[Value]) -> Given {
    part(args, |local| i64::from(local.weekday().to_sunday_zero_offset()))
}

pub(super) fn hours(_: &mut Call<'_>, args: &[Value]) -> Given {
    match args {
        [Value::Duration(nanoseconds)] => Ok(Value::Int(nanoseconds / 3_600_000_000_000)),
        _ => part(args, |local| i64::from(local.hour())),
    }
}

pub(super) fn minutes(_: &mut Call<'_>, args: &[Value]) -> Given {
    match args {
        [Value::Duration(nanoseconds)] => Ok(Value::Int(nanoseconds / 60_000_000_000)),
        _ => part(args, |local| i64::from(local.minute())),
    }
}

pub(super) fn seconds(_: &mut Call<'_>, args: &[Value]) -> Given {
    match args {
        [Value::Duration(nanoseconds)] => Ok(Value::Int(nanoseconds / 1_000_000_000)),
        _ => part(args, |local| i64::from(local.second())),
    }
}

/// Of a duration, all of it in milliseconds, as cel-go does.
pub(super) fn milliseconds(_: &mut Call<'_>, args: &[Value]) -> Given {
    match args {
        [Value::Duration(nanoseconds)] => Ok(Value::Int(nanoseconds / 1_000_000)),
        _ => part(args, |local| i64::from(local.subsec_nanosecond() / 1_000_000)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        let check = |text: &str, expected: Option<i64>| assert_eq!(parse_duration(text), expected, "{text}");
        check("1s", Some(1_000_000_000));
        check("1h30m", Some(5_400_000_000_000));
        check("-1.5s", Some(-1_500_000_000));
        check("0", Some(0));
        check("1us", Some(1000));
        check("", None);
        check("1", None);
        check("1d", None);
        check(".s", None);
        check("9999999999999h", None);
        assert_eq!(duration_text(-1_500_000_000), "-1.5s");
        assert_eq!(duration_text(1_000_000_000_000_000), "1000000s");
    }

    #[test]
    fn timestamps() {
        let check = |text: &str, expected: Option<&str>| {
            let got = parse_timestamp(text).map(|value| crate::standard::to_text(&value).unwrap());
            assert_eq!(got.as_deref(), expected, "{text}");
        };
        check("2009-02-13T23:31:30Z", Some("2009-02-13T23:31:30Z"));
        check("2009-02-13T23:31:30.120+02:00", Some("2009-02-13T21:31:30.12Z"));
        check("0001-01-01T00:00:00Z", Some("0001-01-01T00:00:00Z"));
        check("9999-12-31T23:59:59.999999999Z", Some("9999-12-31T23:59:59.999999999Z"));
        check("0000-01-01T00:00:00Z", None);
        check("2009-02-29T23:31:30Z", None);
        check("2009-02-13t23:31:30z", None);
        check("2009-02-13", None);
    }
}
