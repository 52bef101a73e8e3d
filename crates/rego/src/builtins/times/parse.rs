//! Moments and durations read from text, as Go reads them.

use super::layout::{Field, MONTHS, WEEKDAYS, next_field};
use super::{Civil, days_in, is_leap};
use crate::term::quote;

/// What a field says is wrong, or out of which bounds it is.
enum Wrong {
    Form,
    Range(&'static str),
}

type Step<T> = Result<T, Wrong>;

/// Text without what a layout has between fields; any number of spaces is one.
fn skip<'a>(mut value: &'a str, mut prefix: &str) -> Result<&'a str, &'a str> {
    while let Some(letter) = prefix.chars().next() {
        if letter == ' ' {
            if !value.is_empty() && !value.starts_with(' ') {
                return Err(value);
            }
            prefix = prefix.trim_start_matches(' ');
            value = value.trim_start_matches(' ');
            continue;
        }
        value = value.strip_prefix(letter).ok_or(value)?;
        prefix = prefix.strip_prefix(letter).unwrap_or_default();
    }
    Ok(value)
}

fn digit(value: &str, at: usize) -> Option<i64> {
    value.as_bytes().get(at).filter(|byte| byte.is_ascii_digit()).map(|byte| i64::from(byte - b'0'))
}

fn after(value: &str, at: usize) -> &str {
    value.get(at..).unwrap_or_default()
}

/// A number of one or two digits; of two where it is fixed.
fn number(value: &str, fixed: bool) -> Step<(i64, &str)> {
    let first = digit(value, 0).ok_or(Wrong::Form)?;
    match digit(value, 1) {
        Some(second) => Ok((first * 10 + second, after(value, 2))),
        None if fixed => Err(Wrong::Form),
        None => Ok((first, after(value, 1))),
    }
}

/// A number of up to three digits; of three where it is fixed.
fn number3(value: &str, fixed: bool) -> Step<(i64, &str)> {
    let count = (0..3).take_while(|at| digit(value, *at).is_some()).count();
    if count == 0 || (fixed && count != 3) {
        return Err(Wrong::Form);
    }
    let total = (0..count).fold(0, |total, at| total * 10 + digit(value, at).unwrap_or(0));
    Ok((total, after(value, count)))
}

/// The place of a name in a list, whatever the case of its letters.
fn name<'a>(value: &'a str, names: &[&str], length: Option<usize>) -> Step<(i64, &'a str)> {
    for (at, name) in names.iter().enumerate() {
        let name = name.get(..length.unwrap_or(name.len())).unwrap_or(name);
        if value.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name)) {
            return Ok((i64::try_from(at).unwrap_or(0), after(value, name.len())));
        }
    }
    Err(Wrong::Form)
}

/// Nanoseconds of a sign and digits.
fn fraction(value: &str, length: usize) -> Step<i64> {
    let text = value.get(..length).ok_or(Wrong::Form)?;
    let digits = text.strip_prefix(['.', ',']).ok_or(Wrong::Form)?;
    let digits = digits.get(..digits.len().min(9)).ok_or(Wrong::Form)?;
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Wrong::Form);
    }
    format!("{digits:0<9}").parse().map_err(|_| Wrong::Form)
}

/// The length of an abbreviation of a time zone at the start of a text.
fn zone_length(value: &str) -> Option<usize> {
    if value.len() < 3 {
        return None;
    }
    if value.starts_with("ChST") || value.starts_with("MeST") {
        return Some(4);
    }
    if value.starts_with("GMT") {
        return Some(3 + offset_length(after(value, 3)).unwrap_or(0));
    }
    if value.starts_with(['+', '-']) {
        return offset_length(value);
    }
    match value.bytes().take(6).take_while(u8::is_ascii_uppercase).count() {
        3 => Some(3),
        4 if value.as_bytes().get(3) == Some(&b'T') || value.starts_with("WITA") => Some(4),
        5 if value.as_bytes().get(4) == Some(&b'T') => Some(5),
        _ => None,
    }
}

fn offset_length(value: &str) -> Option<usize> {
    let digits = value.strip_prefix(['+', '-'])?;
    let count = digits.bytes().take_while(u8::is_ascii_digit).count();
    let hours: i64 = digits.get(..count)?.parse().ok()?;
    (hours <= 23).then_some(count + 1)
}

#[derive(Default)]
struct Parts {
    year: i64,
    month: Option<i64>,
    day: Option<i64>,
    year_day: Option<i64>,
    hour: i64,
    minute: i64,
    second: i64,
    nanosecond: i64,
    afternoon: bool,
    morning: bool,
    offset: Option<i64>,
    zone: String,
}

fn between(value: i64, least: i64, most: i64, what: &'static str) -> Step<i64> {
    if (least..=most).contains(&value) { Ok(value) } else { Err(Wrong::Range(what)) }
}

impl Parts {
    /// Reads one field; what comes after it.
    fn field<'a>(&mut self, field: Field, value: &'a str, layout: &str) -> Step<&'a str> {
        let whole = |length: usize| {
            let text = value.get(..length).ok_or(Wrong::Form)?;
            text.parse::<i64>().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit())).ok_or(Wrong::Form)
        };
        match field {
            Field::Year => {
                let year = whole(2)?;
                self.year = if year >= 69 { year + 1900 } else { year + 2000 };
                Ok(after(value, 2))
            }
            Field::LongYear => {
                self.year = whole(4)?;
                Ok(after(value, 4))
            }
            Field::Month | Field::LongMonth => {
                let (month, rest) = name(value, &MONTHS, if field == Field::Month { Some(3) } else { None })?;
                self.month = Some(month + 1);
                Ok(rest)
            }
            Field::NumMonth | Field::ZeroMonth => {
                let (month, rest) = number(value, field == Field::ZeroMonth)?;
                self.month = Some(between(month, 1, 12, "month")?);
                Ok(rest)
            }
            Field::Weekday => Ok(name(value, &WEEKDAYS, Some(3))?.1),
            Field::LongWeekday => Ok(name(value, &WEEKDAYS, None)?.1),
            Field::Day | Field::UnderDay | Field::ZeroDay => {
                let value = if field == Field::UnderDay { value.strip_prefix(' ').unwrap_or(value) } else { value };
                let (day, rest) = number(value, field == Field::ZeroDay)?;
                self.day = Some(day);
                Ok(rest)
            }
            Field::UnderYearDay | Field::ZeroYearDay => {
                let value = if field == Field::UnderYearDay {
                    let once = value.strip_prefix(' ').unwrap_or(value);
                    once.strip_prefix(' ').unwrap_or(once)
                } else {
                    value
                };
                let (day, rest) = number3(value, field == Field::ZeroYearDay)?;
                self.year_day = Some(day);
                Ok(rest)
            }
            Field::Hour => {
                let (hour, rest) = number(value, false)?;
                self.hour = between(hour, 0, 23, "hour")?;
                Ok(rest)
            }
            Field::Hour12 | Field::ZeroHour12 => {
                let (hour, rest) = number(value, field == Field::ZeroHour12)?;
                self.hour = between(hour, 0, 12, "hour")?;
                Ok(rest)
            }
            Field::Minute | Field::ZeroMinute => {
                let (minute, rest) = number(value, field == Field::ZeroMinute)?;
                self.minute = between(minute, 0, 59, "minute")?;
                Ok(rest)
            }
            Field::Second | Field::ZeroSecond => {
                let (second, rest) = number(value, field == Field::ZeroSecond)?;
                self.second = between(second, 0, 59, "second")?;
                // Fractions may follow although the layout has none.
                let follows = rest.starts_with(['.', ',']) && digit(rest, 1).is_some();
                if follows && !matches!(next_field(layout), Some((_, Field::Fraction { .. }, ..))) {
                    let length = 1 + after(rest, 1).bytes().take_while(u8::is_ascii_digit).count();
                    self.nanosecond = fraction(rest, length)?;
                    return Ok(after(rest, length));
                }
                Ok(rest)
            }
            Field::UpperPm | Field::LowerPm => {
                let (pm, am) = if field == Field::UpperPm { ("PM", "AM") } else { ("pm", "am") };
                match value.get(..2) {
                    Some(word) if word == pm => self.afternoon = true,
                    Some(word) if word == am => self.morning = true,
                    _ => return Err(Wrong::Form),
                }
                Ok(after(value, 2))
            }
            Field::Offset { z: true, .. } if value.starts_with('Z') => {
                self.offset = Some(0);
                Ok(after(value, 1))
            }
            Field::Offset { colon, parts, .. } => self.offset(value, colon, parts),
            Field::Zone => {
                if value.starts_with("UTC") {
                    self.offset = Some(0);
                    return Ok(after(value, 3));
                }
                let length = zone_length(value).ok_or(Wrong::Form)?;
                self.zone = value.get(..length).unwrap_or_default().to_owned();
                Ok(after(value, length))
            }
            Field::Fraction { digits, trim: false, .. } => {
                self.nanosecond = fraction(value, digits + 1)?;
                Ok(after(value, digits + 1))
            }
            Field::Fraction { .. } => {
                if !value.starts_with(['.', ',']) || digit(value, 1).is_none() {
                    return Ok(value);
                }
                let length = 1 + after(value, 1).bytes().take_while(u8::is_ascii_digit).count();
                self.nanosecond = fraction(value, length)?;
                Ok(after(value, length))
            }
        }
    }

    fn offset<'a>(&mut self, value: &'a str, colon: bool, parts: u8) -> Step<&'a str> {
        let sign = match value.as_bytes().first() {
            Some(b'+') => 1,
            Some(b'-') => -1,
            _ => return Err(Wrong::Form),
        };
        let mut rest = after(value, 1);
        let mut pieces = [0_i64; 3];
        for (at, piece) in pieces.iter_mut().take(usize::from(parts)).enumerate() {
            if at > 0 && colon {
                rest = rest.strip_prefix(':').ok_or(Wrong::Form)?;
            }
            (*piece, rest) = number(rest, true)?;
        }
        let [hours, minutes, seconds] = pieces;
        between(hours, 0, 24, "time zone offset hour")?;
        between(minutes, 0, 60, "time zone offset minute")?;
        between(seconds, 0, 60, "time zone offset second")?;
        self.offset = Some(sign * (hours * 3600 + minutes * 60 + seconds));
        Ok(rest)
    }

    /// Seconds and nanoseconds since 1970, or what is wrong with the whole.
    fn moment(mut self) -> Result<(i64, i64), &'static str> {
        if self.afternoon && self.hour < 12 {
            self.hour += 12;
        } else if self.morning && self.hour == 12 {
            self.hour = 0;
        }
        if let Some(year_day) = self.year_day {
            let length = if is_leap(self.year) { 366 } else { 365 };
            if !(1..=length).contains(&year_day) {
                return Err(": day-of-year out of range");
            }
            let mut month = 1;
            let mut day = year_day;
            while day > days_in(month, self.year) {
                day -= days_in(month, self.year);
                month += 1;
            }
            if self.month.is_some_and(|given| given != month) {
                return Err(": day-of-year does not match month");
            }
            if self.day.is_some_and(|given| given != day) {
                return Err(": day-of-year does not match day");
            }
            (self.month, self.day) = (Some(month), Some(day));
        }
        let (month, day) = (self.month.unwrap_or(1), self.day.unwrap_or(1));
        if day < 1 || day > days_in(month, self.year) {
            return Err(": day out of range");
        }
        let civil = Civil { year: self.year, month, day, hour: self.hour, minute: self.minute, second: self.second, nanosecond: 0 };
        // Nobody knows what an abbreviation means; not even the hours in "GMT+3" move the moment.
        let offset = self.offset.unwrap_or(0);
        Ok((civil.seconds() - offset, self.nanosecond))
    }
}

/// Reads a moment: seconds and nanoseconds since 1970.
pub(super) fn parse(layout: &str, value: &str) -> Result<(i64, i64), String> {
    let cannot = |rest: &str, part: &str| {
        format!("parsing time {} as {}: cannot parse {} as {}", quote(value), quote(layout), quote(rest), quote(part))
    };
    let mut parts = Parts::default();
    let mut rest = value;
    let mut left = layout;
    while let Some((before, field, text, next)) = next_field(left) {
        rest = skip(rest, before).map_err(|at| cannot(at, before))?;
        left = next;
        rest = parts.field(field, rest, left).map_err(|wrong| match wrong {
            Wrong::Form => cannot(rest, text),
            Wrong::Range(what) => format!("parsing time {}: {what} out of range", quote(value)),
        })?;
    }
    rest = skip(rest, left).map_err(|at| cannot(at, left))?;
    if !rest.is_empty() {
        return Err(format!("parsing time {}: extra text: {}", quote(value), quote(rest)));
    }
    parts.moment().map_err(|reason| format!("parsing time {}{reason}", quote(value)))
}

/// Nanoseconds of a duration like `1h15m30.5s`.
pub(super) fn duration(given: &str) -> Result<i64, String> {
    let invalid = || format!("time: invalid duration {}", quote(given));
    let (negative, mut rest) = match given.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, given.strip_prefix('+').unwrap_or(given)),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut total: i128 = 0;
    while !rest.is_empty() {
        let whole = rest.bytes().take_while(u8::is_ascii_digit).count();
        let whole_digits = rest.get(..whole).unwrap_or_default();
        rest = after(rest, whole);
        let mut part_digits = "";
        if let Some(after_point) = rest.strip_prefix('.') {
            let count = after_point.bytes().take_while(u8::is_ascii_digit).count();
            part_digits = after_point.get(..count).unwrap_or_default();
            rest = after(after_point, count);
        }
        if whole_digits.is_empty() && part_digits.is_empty() {
            return Err(invalid());
        }
        let length = rest.find(|letter: char| letter == '.' || letter.is_ascii_digit()).unwrap_or(rest.len());
        let unit = rest.get(..length).unwrap_or_default();
        rest = after(rest, length);
        let size: i128 = match unit {
            "" => return Err(format!("time: missing unit in duration {}", quote(given))),
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            _ => return Err(format!("time: unknown unit {} in duration {}", quote(unit), quote(given))),
        };
        let value: i128 = if whole_digits.is_empty() { 0 } else { whole_digits.parse().map_err(|_| invalid())? };
        total = value.checked_mul(size).and_then(|nanoseconds| total.checked_add(nanoseconds)).ok_or_else(invalid)?;
        // Digits beyond the eighteenth are less than a nanosecond.
        let part_digits = part_digits.get(..part_digits.len().min(18)).unwrap_or_default();
        if !part_digits.is_empty() {
            let part: i128 = part_digits.parse().map_err(|_| invalid())?;
            let scale = 10_i128.pow(u32::try_from(part_digits.len()).unwrap_or(0));
            total += part * size / scale;
        }
        if total > 1 << 63 {
            return Err(invalid());
        }
    }
    i64::try_from(if negative { -total } else { total }).map_err(|_| invalid())
}
