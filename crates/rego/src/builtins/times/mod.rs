//! Moments, as nanoseconds since 1970, in time zones. The zones are built in: no file of the system is read.

mod layout;
mod parse;

use jiff::tz::TimeZone;

use crate::builtins::operands::{integer, operand, text, wrong_type};
use crate::builtins::{Answer, Context, Failure};
use crate::term::Term;

/// A date and time of the clock at some place.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Civil {
    year: i64,
    month: i64,
    day: i64,
    hour: i64,
    minute: i64,
    second: i64,
    nanosecond: i64,
}

/// Days since 1970-01-01 of a date of the Gregorian calendar; months beyond a year go over into others.
fn days_of(year: i64, month: i64, day: i64) -> i64 {
    let months = month - 1;
    let (year, month) = (year + months.div_euclid(12), months.rem_euclid(12) + 1);
    let shifted = if month <= 2 { year - 1 } else { year };
    let era = shifted.div_euclid(400);
    let of_era = shifted.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Year, month and day of days since 1970-01-01.
fn date_of(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in(month: i64, year: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

impl Civil {
    /// Seconds since 1970 as if the place were at Greenwich; parts beyond their bounds go over into others.
    fn seconds(self) -> i64 {
        days_of(self.year, self.month, self.day) * 86_400 + self.hour * 3600 + self.minute * 60 + self.second
    }

    fn from_seconds(seconds: i64, nanosecond: i64) -> Civil {
        let (year, month, day) = date_of(seconds.div_euclid(86_400));
        let rest = seconds.rem_euclid(86_400);
        Civil { year, month, day, hour: rest / 3600, minute: rest / 60 % 60, second: rest % 60, nanosecond }
    }

    /// Monday is 1, Sunday 0.
    fn weekday(self) -> i64 {
        (days_of(self.year, self.month, self.day) + 4).rem_euclid(7)
    }

    fn day_of_year(self) -> i64 {
        days_of(self.year, self.month, self.day) - days_of(self.year, 1, 1) + 1
    }
}

/// A moment at a place.
pub(super) struct Moment {
    civil: Civil,
    /// Seconds that the clock is before that of Greenwich.
    offset: i64,
    zone: String,
}

/// A moment of an argument: nanoseconds, or a list of them with a zone and a layout.
struct Given {
    nanoseconds: i64,
    zone: Option<TimeZone>,
    layout: String,
}

fn given(arguments: &[Term], at: usize) -> Result<Given, Failure> {
    let given = operand(arguments, at)?;
    let wrong = || wrong_type(0, given, &["either number (ns) or [number (ns), string (tz)]"]);
    let (number, zone, layout) = match given.as_array() {
        None if matches!(given, Term::Number(_)) => (given.clone(), None, String::new()),
        None => return Err(wrong()),
        Some(array) => {
            let number = array.get(0).ok_or_else(wrong)?;
            if !matches!(number, Term::Number(_)) {
                return Err(wrong_type(0, &number, &["number"]));
            }
            let word = |at: usize| match array.get(at) {
                None => Ok(None),
                Some(Term::String(text)) => Ok(Some(text)),
                Some(other) => Err(wrong_type(0, &other, &["string"])),
            };
            let zone = match word(1)?.as_deref() {
                // The local time of a machine is no part of a decision; there is none but that of Greenwich.
                None | Some("" | "UTC" | "Local") => None,
                Some(name) => Some(jiff::tz::db().get(name).map_err(|_| Failure::Failed(format!("unknown time zone {name}")))?),
            };
            (number, zone, word(2)?.map(|layout| layout.to_string()).unwrap_or_default())
        }
    };
    let nanoseconds = number.as_number().and_then(crate::number::Number::whole).ok_or_else(|| Failure::failed("timestamp too big"))?;
    Ok(Given { nanoseconds, zone, layout })
}

impl Given {
    fn moment(&self) -> Result<Moment, Failure> {
        let (offset, zone) = match &self.zone {
            None => (0, "UTC".to_owned()),
            Some(zone) => {
                let moment = jiff::Timestamp::from_nanosecond(i128::from(self.nanoseconds)).map_err(|_| out_of_range())?;
                let info = zone.to_offset_info(moment);
                (i64::from(info.offset().seconds()), info.abbreviation().to_owned())
            }
        };
        let seconds = self.nanoseconds.div_euclid(1_000_000_000);
        let civil = Civil::from_seconds(seconds + offset, self.nanoseconds.rem_euclid(1_000_000_000));
        Ok(Moment { civil, offset, zone })
    }
}

fn out_of_range() -> Failure {
    Failure::failed("time outside of valid range")
}

/// The number of a moment in seconds and nanoseconds, if it can be said in nanoseconds.
fn nanoseconds(seconds: i64, nanosecond: i64) -> Answer {
    let total = i128::from(seconds) * 1_000_000_000 + i128::from(nanosecond);
    i64::try_from(total).map(Term::int).map_err(|_| out_of_range())
}

/// A moment as AWS writes it: `20060102T150405Z`.
pub(super) fn stamp(nanoseconds: i64) -> Result<String, Failure> {
    let moment = Given { nanoseconds, zone: None, layout: String::new() }.moment()?;
    Ok(layout::format(&moment, "20060102T150405Z"))
}

/// Seconds since 1970 of a text of a layout.
pub(super) fn of_text(layout: &str, value: &str) -> Option<i64> {
    parse::parse(layout, value).ok().map(|(seconds, _)| seconds)
}

/// Seconds since 1970 as Go's JSON encoder writes a moment.
pub(super) fn rfc3339(seconds: i64) -> Term {
    let moment = Moment { civil: Civil::from_seconds(seconds, 0), offset: 0, zone: "UTC".to_owned() };
    Term::from(layout::format(&moment, layout::RFC3339_NANO))
}

/// The moment of the evaluation.
pub(super) fn now_ns(context: &mut Context<'_>, _: &[Term]) -> Answer {
    nanoseconds(context.now.seconds, i64::from(context.now.nanoseconds))
}

/// The moment a text of a layout tells.
pub(super) fn parse_ns(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let (format, value) = (text(arguments, 0)?, text(arguments, 1)?);
    let (seconds, nanosecond) = parse::parse(layout::named(format).unwrap_or(format), value).map_err(Failure::Failed)?;
    nanoseconds(seconds, nanosecond)
}

/// The moment a text as of RFC 3339 tells.
pub(super) fn parse_rfc3339_ns(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let (seconds, nanosecond) = parse::parse(layout::RFC3339, text(arguments, 0)?).map_err(Failure::Failed)?;
    nanoseconds(seconds, nanosecond)
}

/// Nanoseconds of a text like `1h15m30.5s`.
pub(super) fn parse_duration_ns(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
    parse::duration(text(arguments, 0)?).map(Term::int).map_err(Failure::Failed)
}

/// A moment as text.
pub(super) fn format(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let given = given(arguments, 0)?;
    let layout = match &*given.layout {
        "" => layout::RFC3339_NANO,
        name => layout::named(name).unwrap_or(name),
    };
    Ok(Term::from(layout::format(&given.moment()?, layout)))
}

/// Year, month and day.
pub(super) fn date(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let civil = given(arguments, 0)?.moment()?.civil;
    Ok(Term::array([civil.year, civil.month, civil.day].map(Term::int).to_vec()))
}

/// Hour, minute and second.
pub(super) fn clock(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let civil = given(arguments, 0)?.moment()?.civil;
    Ok(Term::array([civil.hour, civil.minute, civil.second].map(Term::int).to_vec()))
}

/// The day of the week.
pub(super) fn weekday(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let civil = given(arguments, 0)?.moment()?.civil;
    Ok(Term::from(layout::WEEKDAYS.get(usize::try_from(civil.weekday()).unwrap_or(0)).copied().unwrap_or_default()))
}

/// The moment some years, months and days later.
pub(super) fn add_date(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let given = given(arguments, 0)?;
    let (years, months, days) = (integer(arguments, 1)?, integer(arguments, 2)?, integer(arguments, 3)?);
    // Beyond this there is no moment that could be told; sums of it stay small.
    if [years, months, days].iter().any(|part| part.abs() > 1_000_000_000) {
        return Err(out_of_range());
    }
    let civil = given.moment()?.civil;
    let moved = Civil { year: civil.year + years, month: civil.month + months, day: civil.day + days, ..civil };
    let seconds = moved.seconds();
    match &given.zone {
        None => nanoseconds(seconds, civil.nanosecond),
        Some(zone) => {
            let local = jiff::Timestamp::new(seconds, 0).map_err(|_| out_of_range())?;
            let local = TimeZone::UTC.to_datetime(local);
            let moment = zone.to_ambiguous_timestamp(local).compatible().map_err(|_| out_of_range())?;
            nanoseconds(moment.as_second(), civil.nanosecond)
        }
    }
}

/// Years, months, days, hours, minutes and seconds between two moments.
pub(super) fn diff(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let (first, second) = (given(arguments, 0)?, given(arguments, 1)?);
    let second = Given { zone: first.zone.clone(), ..second };
    let (early, late) = if first.nanoseconds > second.nanoseconds { (second, first) } else { (first, second) };
    let (a, b) = (early.moment()?.civil, late.moment()?.civil);
    let (mut year, mut month, mut day) = (b.year - a.year, b.month - a.month, b.day - a.day);
    let (mut hour, mut minute, mut second) = (b.hour - a.hour, b.minute - a.minute, b.second - a.second);
    if second < 0 {
        second += 60;
        minute -= 1;
    }
    if minute < 0 {
        minute += 60;
        hour -= 1;
    }
    if hour < 0 {
        hour += 24;
        day -= 1;
    }
    if day < 0 {
        day += days_in(a.month, a.year);
        month -= 1;
    }
    if month < 0 {
        month += 12;
        year -= 1;
    }
    Ok(Term::array([year, month, day, hour, minute, second].map(Term::int).to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builtins::tests::check;

    #[test]
    fn calendar() {
        for days in [-800_000, -1, 0, 59, 60, 19_675, 100_000] {
            let (year, month, day) = date_of(days);
            assert_eq!(days_of(year, month, day), days);
        }
        assert_eq!(days_of(2023, 14, 1), days_of(2024, 2, 1));
    }

    #[test]
    fn parts() {
        check("time.now_ns", "[]", "1700000000000000005");
        check("time.date", "[1700000000000000000]", "[2023, 11, 14]");
        check("time.date", "[-1]", "[1969, 12, 31]");
        check("time.date", "[1.5]", "eval_builtin_error: time.date: timestamp too big");
        check("time.date", "[1e30]", "eval_builtin_error: time.date: timestamp too big");
        check("time.clock", r#"[[1700000000000000000, "Asia/Kolkata"]]"#, "[3, 43, 20]");
        check("time.clock", r#"[[1517832000000000000, "America/New_York"]]"#, "[7, 0, 0]");
        check("time.clock", r#"[[1, "Nowhere/City"]]"#, "eval_builtin_error: time.clock: unknown time zone Nowhere/City");
        check(
            "time.clock",
            r#"["x"]"#,
            "eval_type_error: time.clock: operand 1 must be either number (ns) or [number (ns), string (tz)] but got string",
        );
        check("time.weekday", "[1700000000000000000]", r#""Tuesday""#);
    }

    #[test]
    fn sums() {
        check("time.add_date", "[1700000000000000000, 1, 2, -3]", "1736633600000000000");
        check("time.add_date", "[1706659200000000000, 0, 1, 0]", "1709337600000000000");
        check("time.add_date", "[1585852421593912000, -1, -1, -1]", "1551465221593912000");
        check("time.add_date", "[0, 2262, 1, 1]", "eval_builtin_error: time.add_date: time outside of valid range");
        check("time.add_date", r#"[[1699900000000000000, "America/New_York"], 0, 0, 1]"#, "1699986400000000000");
        check("time.diff", "[1700000000000000000, 1600000000000000000]", "[3, 2, 1, 9, 46, 40]");
        check("time.diff", r#"[[1700000000000000000, "Asia/Tokyo"], 1600000000000000000]"#, "[3, 2, 1, 9, 46, 40]");
    }

    #[test]
    fn texts() {
        let formatted = |given: &str, expected: &str| check("time.format", &format!("[{given}]"), &format!("\"{expected}\""));
        formatted("1700000000123456789", "2023-11-14T22:13:20.123456789Z");
        formatted(r#"[1700000000123456789, "America/New_York"]"#, "2023-11-14T17:13:20.123456789-05:00");
        formatted(
            r#"[1700000000123456789, "Europe/Berlin", "Mon, 02 Jan 2006 15:04:05.000 MST -0700 -07:00 Z07:00"]"#,
            "Tue, 14 Nov 2023 23:13:20.123 CET +0100 +01:00 +01:00",
        );
        formatted(r#"[1700000000123456789, "UTC", "RFC1123"]"#, "Tue, 14 Nov 2023 22:13:20 UTC");
        formatted(
            r#"[1700000000120000000, "UTC", "3:04PM .99 .000000 _2 Jan 06 002 __2 1 01 January Monday pm"]"#,
            "10:13PM .12 .120000 14 Nov 23 318 318 11 11 November Tuesday pm",
        );
        formatted(r#"[1700000000000000000, "UTC", "2006 foo 4 5 15h"]"#, "2023 foo 13 20 22h");
    }

    #[test]
    fn parsing() {
        let parsed = |layout: &str, value: &str, expected: &str| check("time.parse_ns", &format!("[\"{layout}\", \"{value}\"]"), expected);
        parsed("2006-01-02 15:04:05 -0700", "2020-02-29 10:00:00 +0200", "1582963200000000000");
        parsed("RFC822", "02 Jan 06 15:04 MST", "1136214240000000000");
        parsed("Mon Jan _2 15:04:05 2006", "Mon Jan  2 15:04:05 2006", "1136214245000000000");
        parsed("2006-01-02T15:04:05Z07:00", "2020-01-01T00:00:00.123Z", "1577836800123000000");
        parsed("January 2, 2006", "march 3, 2021", "1614729600000000000");
        parsed("2006-002", "2020-366", "1609372800000000000");
        parsed("01/02 03:04:05PM '06 -0700", "06/02 07:00:00PM '17 -0700", "1496455200000000000");
        parsed("2006-01-02T15:04:05Z07:00", "2262-04-11T23:47:16.854775807-00:00", "9223372036854775807");
        parsed("2006-01-02 MST", "2020-01-01 CET", "1577836800000000000");
        parsed("2006-01-02 15:04:05.999", "2020-01-01 00:00:00", "1577836800000000000");
        let fails = |layout: &str, value: &str, reason: &str| {
            let given = format!("[{}, {}]", Term::from(layout).to_json(), Term::from(value).to_json());
            check("time.parse_ns", &given, &format!("eval_builtin_error: time.parse_ns: {reason}"));
        };
        fails("RFC3339", "x", r#"parsing time "x" as "2006-01-02T15:04:05Z07:00": cannot parse "x" as "2006""#);
        fails("2006-01-02", "2020-02-30", r#"parsing time "2020-02-30": day out of range"#);
        fails("3:04PM", "3:04AM", "time outside of valid range");
        fails("2006", "20201", r#"parsing time "20201": extra text: "1""#);
        fails("2006-01", "2020-1", r#"parsing time "2020-1" as "2006-01": cannot parse "1" as "01""#);
        fails("2006 Jan", "2020 Foo", r#"parsing time "2020 Foo" as "2006 Jan": cannot parse "Foo" as "Jan""#);
        fails(
            "02 Jan 2006 15:04:05.000000000",
            "01 Feb 2020 01:02:03.5",
            r#"parsing time "01 Feb 2020 01:02:03.5" as "02 Jan 2006 15:04:05.000000000": cannot parse ".5" as ".000000000""#,
        );
        check("time.parse_rfc3339_ns", r#"["2020-01-01T00:00:00+02:00"]"#, "1577829600000000000");
        check(
            "time.parse_rfc3339_ns",
            r#"["2020-01-01T00:00:00"]"#,
            r#"eval_builtin_error: time.parse_rfc3339_ns: parsing time "2020-01-01T00:00:00" as "2006-01-02T15:04:05Z07:00": cannot parse "" as "Z07:00""#,
        );
        check(
            "time.parse_rfc3339_ns",
            r#"["2020-13-01T00:00:00Z"]"#,
            r#"eval_builtin_error: time.parse_rfc3339_ns: parsing time "2020-13-01T00:00:00Z": month out of range"#,
        );
    }

    #[test]
    fn durations() {
        let parsed = |given: &str, expected: &str| check("time.parse_duration_ns", &format!("[\"{given}\"]"), expected);
        parsed("1h15m30.918273645s", "4530918273645");
        parsed("-1.5h", "-5400000000000");
        parsed("0", "0");
        parsed("1us2µs3ms", "3003000");
        let fails = |given: &str, reason: &str| parsed(given, &format!("eval_builtin_error: time.parse_duration_ns: time: {reason}"));
        fails("1", r#"missing unit in duration "1""#);
        fails("1x", r#"unknown unit "x" in duration "1x""#);
        fails("", r#"invalid duration """#);
        fails("9999999h", r#"invalid duration "9999999h""#);
    }
}
