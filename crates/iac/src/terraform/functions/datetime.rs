//! Functions over times. Those that tell the time are unknown.

use jiff::civil::{DateTime, Weekday};
use jiff::{SignedDuration, Span};
use probity_value::{UnknownKind, Value};

use super::Function;
use super::support::{Call, Stop};

pub(super) fn find(name: &str) -> Option<Function> {
    Some(match name {
        "formatdate" => Function::plain(2, 2, formatdate),
        "plantimestamp" => Function::plain(0, 0, |call| Ok(call.outside(UnknownKind::Function, "`plantimestamp` is the time of the plan"))),
        "timeadd" => Function::plain(2, 2, timeadd),
        "timecmp" => Function::plain(2, 2, timecmp),
        "timestamp" => Function::plain(0, 0, |call| Ok(call.outside(UnknownKind::Function, "`timestamp` is the time of the run"))),
        _ => return None,
    })
}

/// A time as written in RFC 3339: local date and time, and minutes east of UTC.
#[derive(Clone, Copy)]
struct Time {
    local: DateTime,
    offset: i64,
}

impl Time {
    /// RFC 3339, section 5.6, with capital `T` and `Z` as Go wants them.
    fn parse(text: &str) -> Option<Time> {
        let digits = |range: std::ops::Range<usize>| -> Option<i64> {
            let part = text.get(range)?;
            if part.bytes().all(|digit| digit.is_ascii_digit()) { part.parse().ok() } else { None }
        };
        let separators = [(4, "-"), (7, "-"), (10, "T"), (13, ":"), (16, ":")];
        if separators.iter().any(|(at, letter)| text.get(*at..*at + 1) != Some(*letter)) {
            return None;
        }
        let mut rest = text.get(19..)?;
        let mut nanoseconds = 0;
        if let Some(after) = rest.strip_prefix('.') {
            let count = after.bytes().take_while(u8::is_ascii_digit).count();
            let fraction: String = after.get(..count)?.chars().chain("000000000".chars()).take(9).collect();
            if count == 0 {
                return None;
            }
            nanoseconds = fraction.parse().ok()?;
            rest = after.get(count..)?;
        }
        let offset = if rest == "Z" {
            0
        } else {
            let sign = if rest.starts_with('+') { 1 } else { -1 };
            let start = text.len().checked_sub(6)?;
            if rest.len() != 6 || !rest.starts_with(['+', '-']) || rest.get(3..4) != Some(":") {
                return None;
            }
            let (hours, minutes) = (digits(start + 1..start + 3)?, digits(start + 4..start + 6)?);
            if hours > 24 || minutes > 60 {
                return None;
            }
            sign * (hours * 60 + minutes)
        };
        let small = |range| digits(range).and_then(|value| i8::try_from(value).ok());
        let local = DateTime::new(
            i16::try_from(digits(0..4)?).ok()?,
            small(5..7)?,
            small(8..10)?,
            small(11..13)?,
            small(14..16)?,
            small(17..19)?,
            nanoseconds,
        )
        .ok()?;
        Some(Time { local, offset })
    }

    /// `+01:00`, with or without the colon.
    fn zone(self, colon: &str) -> String {
        let minutes = self.offset.abs();
        format!("{}{:02}{colon}{:02}", if self.offset < 0 { '-' } else { '+' }, minutes / 60, minutes % 60)
    }

    fn rfc3339(self) -> String {
        let zone = if self.offset == 0 { "Z".to_owned() } else { self.zone(":") };
        let t = self.local;
        format!("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}{zone}", t.year(), t.month(), t.day(), t.hour(), t.minute(), t.second())
    }

    fn utc(self) -> Option<DateTime> {
        self.local.checked_sub(Span::new().try_minutes(self.offset).ok()?).ok()
    }
}

fn time(call: &Call<'_>, index: usize) -> Result<Time, Stop> {
    let text = call.text(index)?;
    Time::parse(&text).ok_or_else(|| call.error(format!("`{}` is not a time in RFC 3339 form", text.chars().take(60).collect::<String>())))
}

/// Go's durations: `1h30m`, `-1.5h`, `300ms`, `0`.
fn duration(text: &str) -> Option<SignedDuration> {
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
    let mut total: i128 = 0;
    while !rest.is_empty() {
        let whole_digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let whole = rest.get(..whole_digits)?;
        rest = rest.get(whole_digits..)?;
        let mut fraction = "";
        if let Some(after) = rest.strip_prefix('.') {
            let count = after.bytes().take_while(u8::is_ascii_digit).count();
            fraction = after.get(..count)?;
            rest = after.get(count..)?;
        }
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let (unit, after) = [
            ("ns", 1_i128),
            ("us", 1_000),
            ("µs", 1_000),
            ("μs", 1_000),
            ("ms", 1_000_000),
            ("s", 1_000_000_000),
            ("m", 60_000_000_000),
            ("h", 3_600_000_000_000),
        ]
        .into_iter()
        .find_map(|(name, unit)| rest.strip_prefix(name).map(|after| (unit, after)))?;
        rest = after;
        let whole: i128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
        total = total.checked_add(whole.checked_mul(unit)?)?;
        let fraction: String = fraction.chars().take(18).collect();
        if !fraction.is_empty() {
            let scale = 10_i128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
            total = total.checked_add(fraction.parse::<i128>().ok()?.checked_mul(unit)? / scale)?;
        }
    }
    // Go's durations are 64 bits of nanoseconds.
    let nanoseconds = i64::try_from(total).ok()?;
    Some(SignedDuration::from_nanos(if negative { -nanoseconds } else { nanoseconds }))
}

fn timeadd(call: &Call<'_>) -> Result<Value, Stop> {
    let time = time(call, 0)?;
    let text = call.text(1)?;
    let Some(duration) = duration(&text) else {
        return Err(call.error(format!("`{}` is not a duration", text.chars().take(60).collect::<String>())));
    };
    match time.local.checked_add(duration) {
        Ok(local) => Ok(call.string(Time { local, ..time }.rfc3339())),
        Err(_) => Err(call.error("the result is out of the range of years")),
    }
}

fn timecmp(call: &Call<'_>) -> Result<Value, Stop> {
    let (a, b) = (time(call, 0)?, time(call, 1)?);
    match (a.utc(), b.utc()) {
        (Some(a), Some(b)) => Ok(call.int_value(match a.cmp(&b) {
            std::cmp::Ordering::Less => -1,
            std::cmp::Ordering::Equal => 0,
            std::cmp::Ordering::Greater => 1,
        })),
        _ => Err(call.error("a time is out of the range of years")),
    }
}

const MONTHS: [&str; 12] =
    ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];

fn weekday(day: Weekday) -> &'static str {
    match day {
        Weekday::Monday => "Monday",
        Weekday::Tuesday => "Tuesday",
        Weekday::Wednesday => "Wednesday",
        Weekday::Thursday => "Thursday",
        Weekday::Friday => "Friday",
        Weekday::Saturday => "Saturday",
        Weekday::Sunday => "Sunday",
    }
}

fn formatdate(call: &Call<'_>) -> Result<Value, Stop> {
    let format = call.text(0)?;
    let time = time(call, 1)?;
    let mut out = String::new();
    let mut rest = &*format;
    while let Some(letter) = rest.chars().next() {
        if letter == '\'' {
            rest = quoted(call, rest.get(1..).unwrap_or_default(), &mut out)?;
        } else if letter.is_ascii_alphabetic() {
            let end = rest.find(|other| other != letter).unwrap_or(rest.len());
            let (verb, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
            match formatted(verb, time) {
                Some(text) => out.push_str(&text),
                None => return Err(call.error(format!("`{}` is not a date format verb", verb.chars().take(20).collect::<String>()))),
            }
            rest = after;
        } else {
            out.push(letter);
            rest = rest.get(letter.len_utf8()..).unwrap_or_default();
        }
    }
    Ok(call.string(out))
}

/// What follows an opening quote: a second quote alone is a quote; else text up to the closing one, in which two are one.
fn quoted<'f>(call: &Call<'_>, rest: &'f str, out: &mut String) -> Result<&'f str, Stop> {
    if let Some(after) = rest.strip_prefix('\'') {
        out.push('\'');
        return Ok(after);
    }
    let mut rest = rest;
    loop {
        let Some(at) = rest.find('\'') else { return Err(call.error("a quote in the format is not closed")) };
        out.push_str(rest.get(..at).unwrap_or_default());
        rest = rest.get(at + 1..).unwrap_or_default();
        match rest.strip_prefix('\'') {
            Some(after) => {
                out.push('\'');
                rest = after;
            }
            None => return Ok(rest),
        }
    }
}

fn formatted(verb: &str, time: Time) -> Option<String> {
    let t = time.local;
    let (hour, afternoon) = (t.hour(), t.hour() >= 12);
    let hour12 = if hour % 12 == 0 { 12 } else { hour % 12 };
    let month = MONTHS.get(usize::try_from(t.month()).ok()?.checked_sub(1)?)?;
    let day = weekday(t.weekday());
    Some(match verb {
        "YY" => format!("{:02}", t.year() % 100),
        "YYYY" => format!("{:04}", t.year()),
        "M" => t.month().to_string(),
        "MM" => format!("{:02}", t.month()),
        "MMM" => month.get(..3)?.to_owned(),
        "MMMM" => (*month).to_owned(),
        "D" => t.day().to_string(),
        "DD" => format!("{:02}", t.day()),
        "EEE" => day.get(..3)?.to_owned(),
        "EEEE" => day.to_owned(),
        "h" => hour.to_string(),
        "hh" => format!("{hour:02}"),
        "H" => hour12.to_string(),
        "HH" => format!("{hour12:02}"),
        "AA" => if afternoon { "PM" } else { "AM" }.to_owned(),
        "aa" => if afternoon { "pm" } else { "am" }.to_owned(),
        "m" => t.minute().to_string(),
        "mm" => format!("{:02}", t.minute()),
        "s" => t.second().to_string(),
        "ss" => format!("{:02}", t.second()),
        "Z" if time.offset == 0 => "Z".to_owned(),
        "ZZZ" if time.offset == 0 => "UTC".to_owned(),
        "Z" | "ZZZZZ" => time.zone(":"),
        "ZZZ" | "ZZZZ" => time.zone(""),
        _ => return None,
    })
}
