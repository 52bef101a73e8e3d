//! Layouts of Go: an example of a certain moment stands for what is to be written.

use super::Moment;

pub(super) const RFC3339: &str = "2006-01-02T15:04:05Z07:00";
pub(super) const RFC3339_NANO: &str = "2006-01-02T15:04:05.999999999Z07:00";

pub(super) const MONTHS: [&str; 12] =
    ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];

pub(super) const WEEKDAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// The layout of a name.
pub(super) fn named(name: &str) -> Option<&'static str> {
    Some(match name {
        "ANSIC" => "Mon Jan _2 15:04:05 2006",
        "UnixDate" => "Mon Jan _2 15:04:05 MST 2006",
        "RubyDate" => "Mon Jan 02 15:04:05 -0700 2006",
        "RFC822" => "02 Jan 06 15:04 MST",
        "RFC822Z" => "02 Jan 06 15:04 -0700",
        "RFC850" => "Monday, 02-Jan-06 15:04:05 MST",
        "RFC1123" => "Mon, 02 Jan 2006 15:04:05 MST",
        "RFC1123Z" => "Mon, 02 Jan 2006 15:04:05 -0700",
        "RFC3339" => RFC3339,
        "RFC3339Nano" => RFC3339_NANO,
        _ => return None,
    })
}

/// One part of a layout.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Field {
    LongMonth,
    Month,
    NumMonth,
    ZeroMonth,
    LongWeekday,
    Weekday,
    Day,
    UnderDay,
    ZeroDay,
    UnderYearDay,
    ZeroYearDay,
    Hour,
    Hour12,
    ZeroHour12,
    Minute,
    ZeroMinute,
    Second,
    ZeroSecond,
    LongYear,
    Year,
    UpperPm,
    LowerPm,
    Zone,
    /// An offset: whether `Z` stands for none, whether it has colons, and how many parts.
    Offset {
        z: bool,
        colon: bool,
        parts: u8,
    },
    /// Fractions of a second: the sign before them, their number, whether zeros at the end are left out.
    Fraction {
        sign: char,
        digits: usize,
        trim: bool,
    },
}

const OFFSETS: [(&str, bool, u8); 5] =
    [("070000", false, 3), ("07:00:00", true, 3), ("0700", false, 2), ("07:00", true, 2), ("07", false, 1)];

/// The first field of a layout: what stands before it, the field with its text, what comes after it.
pub(super) fn next_field(layout: &str) -> Option<(&str, Field, &str, &str)> {
    for (at, letter) in layout.char_indices() {
        let rest = layout.get(at..).unwrap_or_default();
        let found = |field: Field, length: usize| Some((layout.get(..at)?, field, rest.get(..length)?, rest.get(length..)?));
        let lower_follows = |length: usize| rest.as_bytes().get(length).is_some_and(u8::is_ascii_lowercase);
        match letter {
            'J' if rest.starts_with("January") => return found(Field::LongMonth, 7),
            'J' if rest.starts_with("Jan") && !lower_follows(3) => return found(Field::Month, 3),
            'M' if rest.starts_with("Monday") => return found(Field::LongWeekday, 6),
            'M' if rest.starts_with("Mon") && !lower_follows(3) => return found(Field::Weekday, 3),
            'M' if rest.starts_with("MST") => return found(Field::Zone, 3),
            '0' => {
                let field = match rest.as_bytes().get(1) {
                    Some(b'1') => Field::ZeroMonth,
                    Some(b'2') => Field::ZeroDay,
                    Some(b'3') => Field::ZeroHour12,
                    Some(b'4') => Field::ZeroMinute,
                    Some(b'5') => Field::ZeroSecond,
                    Some(b'6') => Field::Year,
                    Some(b'0') if rest.starts_with("002") => return found(Field::ZeroYearDay, 3),
                    _ => continue,
                };
                return found(field, 2);
            }
            '1' if rest.starts_with("15") => return found(Field::Hour, 2),
            '1' => return found(Field::NumMonth, 1),
            '2' if rest.starts_with("2006") => return found(Field::LongYear, 4),
            '2' => return found(Field::Day, 1),
            '_' if rest.starts_with("_2006") => {
                return Some((layout.get(..at + 1)?, Field::LongYear, rest.get(1..5)?, rest.get(5..)?));
            }
            '_' if rest.starts_with("_2") => return found(Field::UnderDay, 2),
            '_' if rest.starts_with("__2") => return found(Field::UnderYearDay, 3),
            '3' => return found(Field::Hour12, 1),
            '4' => return found(Field::Minute, 1),
            '5' => return found(Field::Second, 1),
            'P' if rest.starts_with("PM") => return found(Field::UpperPm, 2),
            'p' if rest.starts_with("pm") => return found(Field::LowerPm, 2),
            '-' | 'Z' => {
                let after = rest.get(1..).unwrap_or_default();
                if let Some((text, colon, parts)) = OFFSETS.into_iter().find(|(text, ..)| after.starts_with(text)) {
                    return found(Field::Offset { z: letter == 'Z', colon, parts }, text.len() + 1);
                }
            }
            '.' | ',' => {
                let after = rest.get(1..).unwrap_or_default();
                let digit = after.chars().next().unwrap_or(' ');
                if matches!(digit, '0' | '9') {
                    let digits = after.chars().take_while(|letter| *letter == digit).count();
                    if !after.as_bytes().get(digits).is_some_and(u8::is_ascii_digit) {
                        return found(Field::Fraction { sign: letter, digits, trim: digit == '9' }, digits + 1);
                    }
                }
            }
            _ => {}
        }
    }
    None
}

/// A moment as a layout shows it.
pub(super) fn format(moment: &Moment, layout: &str) -> String {
    let civil = moment.civil;
    let mut out = String::with_capacity(layout.len() + 10);
    let mut rest = layout;
    let name = |names: &'static [&'static str], at: i64| usize::try_from(at).ok().and_then(|at| names.get(at).copied()).unwrap_or_default();
    while let Some((before, field, _, after)) = next_field(rest) {
        out.push_str(before);
        rest = after;
        let hour12 = if civil.hour % 12 == 0 { 12 } else { civil.hour % 12 };
        match field {
            Field::LongMonth => out.push_str(name(&MONTHS, civil.month - 1)),
            Field::Month => out.push_str(name(&MONTHS, civil.month - 1).get(..3).unwrap_or_default()),
            Field::NumMonth => out.push_str(&civil.month.to_string()),
            Field::ZeroMonth => out.push_str(&format!("{:02}", civil.month)),
            Field::LongWeekday => out.push_str(name(&WEEKDAYS, civil.weekday())),
            Field::Weekday => out.push_str(name(&WEEKDAYS, civil.weekday()).get(..3).unwrap_or_default()),
            Field::Day => out.push_str(&civil.day.to_string()),
            Field::UnderDay => out.push_str(&format!("{:>2}", civil.day)),
            Field::ZeroDay => out.push_str(&format!("{:02}", civil.day)),
            Field::UnderYearDay => out.push_str(&format!("{:>3}", civil.day_of_year())),
            Field::ZeroYearDay => out.push_str(&format!("{:03}", civil.day_of_year())),
            Field::Hour => out.push_str(&format!("{:02}", civil.hour)),
            Field::Hour12 => out.push_str(&hour12.to_string()),
            Field::ZeroHour12 => out.push_str(&format!("{hour12:02}")),
            Field::Minute => out.push_str(&civil.minute.to_string()),
            Field::ZeroMinute => out.push_str(&format!("{:02}", civil.minute)),
            Field::Second => out.push_str(&civil.second.to_string()),
            Field::ZeroSecond => out.push_str(&format!("{:02}", civil.second)),
            Field::LongYear => out.push_str(&format!("{:04}", civil.year)),
            Field::Year => out.push_str(&format!("{:02}", civil.year.rem_euclid(100))),
            Field::UpperPm => out.push_str(if civil.hour >= 12 { "PM" } else { "AM" }),
            Field::LowerPm => out.push_str(if civil.hour >= 12 { "pm" } else { "am" }),
            Field::Zone => out.push_str(&moment.zone),
            Field::Offset { z: true, .. } if moment.offset == 0 => out.push('Z'),
            Field::Offset { colon, parts, .. } => {
                out.push(if moment.offset < 0 { '-' } else { '+' });
                let size = moment.offset.abs();
                let pieces = [size / 3600, size / 60 % 60, size % 60];
                for (at, piece) in pieces.into_iter().take(usize::from(parts)).enumerate() {
                    if at > 0 && colon {
                        out.push(':');
                    }
                    out.push_str(&format!("{piece:02}"));
                }
            }
            Field::Fraction { sign, digits, trim } => {
                let all = format!("{:09}", civil.nanosecond);
                let mut shown = all.get(..digits.min(9)).unwrap_or_default();
                if trim {
                    shown = shown.trim_end_matches('0');
                }
                if !shown.is_empty() {
                    out.push(sign);
                    out.push_str(shown);
                }
            }
        }
    }
    out.push_str(rest);
    out
}
