//! Moments in time, read and written by Go's layouts (`time.Parse`, `Time.Format`).

use std::fmt;

use probity_core::Timestamp;

/// A moment, and the offset of the clock it is written for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    /// Seconds since 1970-01-01T00:00:00Z.
    pub(super) seconds: i64,
    /// Nanoseconds within the second.
    pub(super) nanoseconds: i64,
    /// Seconds east of Greenwich.
    pub(super) offset: i64,
}

/// What one part of a layout stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Part {
    LongMonth,
    ShortMonth,
    Month {
        padded: bool,
    },
    LongDay,
    ShortDay,
    Day {
        padded: bool,
        spaced: bool,
    },
    DayOfYear {
        spaced: bool,
    },
    Hour24,
    Hour12 {
        padded: bool,
    },
    Minute {
        padded: bool,
    },
    Second {
        padded: bool,
    },
    LongYear,
    ShortYear,
    UpperHalf,
    LowerHalf,
    ZoneName,
    /// An offset: whether `Z` stands for none, whether it has colons, minutes and seconds.
    Offset {
        z: bool,
        colon: bool,
        minutes: bool,
        seconds: bool,
    },
    Fraction {
        digits: usize,
        fixed: bool,
    },
}

const MONTHS: [&str; 12] =
    ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];
const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// RFC 3339.
pub(super) const RFC_3339: &str = "2006-01-02T15:04:05Z07:00";

const OFFSETS: [(&str, Part); 10] = [
    ("Z07:00:00", Part::Offset { z: true, colon: true, minutes: true, seconds: true }),
    ("Z07:00", Part::Offset { z: true, colon: true, minutes: true, seconds: false }),
    ("Z070000", Part::Offset { z: true, colon: false, minutes: true, seconds: true }),
    ("Z0700", Part::Offset { z: true, colon: false, minutes: true, seconds: false }),
    ("Z07", Part::Offset { z: true, colon: false, minutes: false, seconds: false }),
    ("-07:00:00", Part::Offset { z: false, colon: true, minutes: true, seconds: true }),
    ("-07:00", Part::Offset { z: false, colon: true, minutes: true, seconds: false }),
    ("-070000", Part::Offset { z: false, colon: false, minutes: true, seconds: true }),
    ("-0700", Part::Offset { z: false, colon: false, minutes: true, seconds: false }),
    ("-07", Part::Offset { z: false, colon: false, minutes: false, seconds: false }),
];

/// The part a layout begins with, and what follows it.
fn first_part(layout: &str) -> Option<(Part, &str)> {
    let lower_follows = |rest: &str| rest.starts_with(|letter: char| letter.is_ascii_lowercase());
    let fixed: &[(&str, Part)] = match layout.bytes().next()? {
        b'J' => {
            if let Some(rest) = layout.strip_prefix("January") {
                return Some((Part::LongMonth, rest));
            }
            return layout.strip_prefix("Jan").filter(|rest| !lower_follows(rest)).map(|rest| (Part::ShortMonth, rest));
        }
        b'M' => {
            if let Some(rest) = layout.strip_prefix("Monday") {
                return Some((Part::LongDay, rest));
            }
            if let Some(rest) = layout.strip_prefix("Mon").filter(|rest| !lower_follows(rest)) {
                return Some((Part::ShortDay, rest));
            }
            &[("MST", Part::ZoneName)]
        }
        b'0' => &[
            ("002", Part::DayOfYear { spaced: false }),
            ("01", Part::Month { padded: true }),
            ("02", Part::Day { padded: true, spaced: false }),
            ("03", Part::Hour12 { padded: true }),
            ("04", Part::Minute { padded: true }),
            ("05", Part::Second { padded: true }),
            ("06", Part::ShortYear),
        ],
        b'1' => &[("15", Part::Hour24), ("1", Part::Month { padded: false })],
        b'2' => &[("2006", Part::LongYear), ("2", Part::Day { padded: false, spaced: false })],
        b'_' => {
            // `_2006` is an underscore before a year.
            if layout.starts_with("_2006") {
                return None;
            }
            &[("__2", Part::DayOfYear { spaced: true }), ("_2", Part::Day { padded: false, spaced: true })]
        }
        b'3' => &[("3", Part::Hour12 { padded: false })],
        b'4' => &[("4", Part::Minute { padded: false })],
        b'5' => &[("5", Part::Second { padded: false })],
        b'P' => &[("PM", Part::UpperHalf)],
        b'p' => &[("pm", Part::LowerHalf)],
        b'-' | b'Z' => &OFFSETS,
        b'.' | b',' => {
            let rest = layout.get(1..)?;
            let digit = rest.chars().next().filter(|digit| matches!(digit, '0' | '9'))?;
            let after = rest.trim_start_matches(digit);
            if after.starts_with(|letter: char| letter.is_ascii_digit()) {
                return None;
            }
            return Some((Part::Fraction { digits: rest.len() - after.len(), fixed: digit == '0' }, after));
        }
        _ => return None,
    };
    fixed.iter().find_map(|(text, part)| layout.strip_prefix(text).map(|rest| (*part, rest)))
}

/// What has been read so far.
#[derive(Default)]
struct Fields {
    year: i64,
    month: Option<i64>,
    day: Option<i64>,
    day_of_year: Option<i64>,
    hour: i64,
    minute: i64,
    second: i64,
    nanoseconds: i64,
    afternoon: Option<bool>,
    offset: Option<i64>,
    /// The offset a zone's name says: shown, but not reckoned with.
    shown: Option<i64>,
}

impl Moment {
    /// Reads a text by a layout.
    ///
    /// # Errors
    /// Says that the text does not fit the layout, or is out of range.
    pub(super) fn parse(layout: &str, text: &str) -> Result<Moment, String> {
        let unfit = || format!("`{text}` is no time in the layout `{layout}`");
        let mut fields = Fields::default();
        let (mut pattern, mut rest) = (layout, text);
        loop {
            // Literal text up to the next part.
            let (part, after) = loop {
                let Some(sign) = pattern.chars().next() else {
                    if !rest.is_empty() {
                        return Err(unfit());
                    }
                    return fields.moment().ok_or_else(|| format!("`{text}` is out of range"));
                };
                if let Some(found) = first_part(pattern) {
                    break found;
                }
                pattern = pattern.get(sign.len_utf8()..).unwrap_or_default();
                if sign == ' ' {
                    // Space in the layout is any amount of space.
                    pattern = pattern.trim_start_matches(' ');
                    if !rest.is_empty() && !rest.starts_with(' ') {
                        return Err(unfit());
                    }
                    rest = rest.trim_start_matches(' ');
                } else {
                    rest = rest.strip_prefix(sign).ok_or_else(unfit)?;
                }
            };
            rest = fields.read(part, rest, after).ok_or_else(unfit)?;
            pattern = after;
        }
    }

    /// The moment of a timestamp, for a clock at Greenwich.
    pub(super) fn of(at: Timestamp) -> Moment {
        Moment { seconds: at.seconds, nanoseconds: i64::from(at.nanoseconds), offset: 0 }
    }

    /// Nanoseconds from another moment to this one, as far as they fit.
    pub(super) fn since(self, other: Moment) -> i64 {
        let span =
            (i128::from(self.seconds) - i128::from(other.seconds)) * 1_000_000_000 + i128::from(self.nanoseconds - other.nanoseconds);
        i64::try_from(span).unwrap_or(if span < 0 { i64::MIN } else { i64::MAX })
    }

    /// The moment so many nanoseconds later.
    pub(super) fn plus(self, nanoseconds: i64) -> Moment {
        let total = self.nanoseconds + nanoseconds % 1_000_000_000;
        Moment {
            seconds: self.seconds.saturating_add(nanoseconds / 1_000_000_000).saturating_add(total.div_euclid(1_000_000_000)),
            nanoseconds: total.rem_euclid(1_000_000_000),
            offset: self.offset,
        }
    }

    /// The last multiple of a span, counted from the year 1, that is not after it.
    pub(super) fn truncated(self, span: i64) -> Moment {
        if span <= 0 {
            return self;
        }
        const YEAR_ONE: i128 = 62_135_596_800;
        let since = (i128::from(self.seconds) + YEAR_ONE) * 1_000_000_000 + i128::from(self.nanoseconds);
        let over = since.rem_euclid(i128::from(span));
        self.plus(-i64::try_from(over).unwrap_or_default())
    }

    /// Year, month, day, day of the week from Sunday, hour, minute, second, as the clock of its offset shows them.
    pub(super) fn civil(self) -> (i64, i64, i64, i64, i64, i64, i64) {
        let local = self.seconds.saturating_add(self.offset);
        let (days, second) = (local.div_euclid(86_400), local.rem_euclid(86_400));
        let (year, month, day) = civil_of(days);
        (year, month, day, (days + 4).rem_euclid(7), second / 3600, second / 60 % 60, second % 60)
    }
}

/// The moment in RFC 3339, without fractions of seconds.
impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day, _, hour, minute, second) = self.civil();
        let sign = if year < 0 { "-" } else { "" };
        write!(f, "{sign}{:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}", year.abs())?;
        if self.offset == 0 {
            return f.write_str("Z");
        }
        let minutes = self.offset / 60;
        write!(f, "{}{:02}:{:02}", if minutes < 0 { '-' } else { '+' }, minutes.abs() / 60, minutes.abs() % 60)
    }
}

/// Days from 1970-01-01 to a date of the Gregorian calendar.
fn days_of(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The date so many days after 1970-01-01.
fn civil_of(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, of_year - (153 * shifted + 2) / 5 + 1)
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

/// Takes exactly `count` digits.
fn digits(text: &str, count: usize) -> Option<(i64, &str)> {
    let number = text.get(..count).filter(|number| number.bytes().all(|byte| byte.is_ascii_digit()))?;
    Some((number.parse().ok()?, text.get(count..)?))
}

/// Takes one or two digits; two where it is padded.
fn number(text: &str, padded: bool) -> Option<(i64, &str)> {
    match digits(text, 2) {
        Some(found) => Some(found),
        None if padded => None,
        None => digits(text, 1),
    }
}

/// Takes a name out of a list, in any case; its number from 0.
fn name<'t>(text: &'t str, names: &[&str], length: Option<usize>) -> Option<(i64, &'t str)> {
    names.iter().enumerate().find_map(|(at, name)| {
        let name = length.map_or(Some(*name), |length| name.get(..length))?;
        let head = text.get(..name.len())?;
        head.eq_ignore_ascii_case(name).then(|| text.get(name.len()..).map(|rest| (i64::try_from(at).unwrap_or_default(), rest))).flatten()
    })
}

impl Fields {
    /// Reads one part; what is left of the text.
    fn read<'t>(&mut self, part: Part, text: &'t str, after: &str) -> Option<&'t str> {
        let set = |slot: &mut i64, found: (i64, &'t str)| {
            *slot = found.0;
            Some(found.1)
        };
        match part {
            Part::LongYear => set(&mut self.year, digits(text, 4)?),
            Part::ShortYear => {
                let (year, rest) = digits(text, 2)?;
                self.year = if year >= 69 { year + 1900 } else { year + 2000 };
                Some(rest)
            }
            Part::LongMonth | Part::ShortMonth => {
                let (month, rest) = name(text, &MONTHS, (part == Part::ShortMonth).then_some(3))?;
                self.month = Some(month + 1);
                Some(rest)
            }
            Part::Month { padded } => {
                let (month, rest) = number(text, padded)?;
                self.month = Some(month).filter(|month| (1..=12).contains(month));
                self.month.map(|_| rest)
            }
            Part::LongDay => name(text, &DAYS, None).map(|found| found.1),
            Part::ShortDay => name(text, &DAYS, Some(3)).map(|found| found.1),
            Part::Day { padded, spaced } => {
                let text = if spaced { text.strip_prefix(' ').unwrap_or(text) } else { text };
                let (day, rest) = number(text, padded)?;
                self.day = Some(day);
                Some(rest)
            }
            Part::DayOfYear { spaced } => {
                let trimmed = if spaced { text.trim_start_matches(' ') } else { text };
                let (day, rest) = digits(trimmed, 3 - (text.len() - trimmed.len()).min(2))?;
                self.day_of_year = Some(day);
                Some(rest)
            }
            Part::Hour24 => {
                let rest = set(&mut self.hour, number(text, false)?)?;
                (self.hour < 24).then_some(rest)
            }
            Part::Hour12 { padded } => {
                let rest = set(&mut self.hour, number(text, padded)?)?;
                (self.hour <= 12).then_some(rest)
            }
            Part::Minute { padded } => {
                let rest = set(&mut self.minute, number(text, padded)?)?;
                (self.minute < 60).then_some(rest)
            }
            Part::Second { padded } => {
                let rest = set(&mut self.second, number(text, padded)?)?;
                if self.second >= 60 {
                    return None;
                }
                // A fraction may follow although the layout does not say so.
                if matches!(first_part(after), Some((Part::Fraction { .. }, _))) {
                    return Some(rest);
                }
                let Some(fraction) = rest.strip_prefix(['.', ',']) else { return Some(rest) };
                let behind = fraction.trim_start_matches(|letter: char| letter.is_ascii_digit());
                if behind.len() == fraction.len() {
                    return Some(rest);
                }
                self.fraction(fraction.strip_suffix(behind)?);
                Some(behind)
            }
            Part::Fraction { digits: count, fixed } => {
                let Some(fraction) = text.strip_prefix(['.', ',']) else { return (!fixed).then_some(text) };
                let behind = fraction.trim_start_matches(|letter: char| letter.is_ascii_digit());
                let given = fraction.len() - behind.len();
                if fixed {
                    let (_, rest) = digits(fraction, count)?;
                    self.fraction(fraction.strip_suffix(rest)?);
                    return Some(rest);
                }
                if given == 0 {
                    return Some(text);
                }
                self.fraction(fraction.strip_suffix(behind)?);
                Some(behind)
            }
            Part::UpperHalf | Part::LowerHalf => {
                let (am, pm) = if part == Part::UpperHalf { ("AM", "PM") } else { ("am", "pm") };
                self.afternoon = Some(text.starts_with(pm));
                text.strip_prefix(pm).or_else(|| text.strip_prefix(am))
            }
            Part::ZoneName => {
                if let Some(rest) = text.strip_prefix("UTC") {
                    self.offset = Some(0);
                    return Some(rest);
                }
                let letters = text.bytes().take_while(u8::is_ascii_uppercase).count();
                if !(3..=5).contains(&letters) {
                    return None;
                }
                let rest = text.get(letters..)?;
                if text.starts_with("GMT")
                    && let Some(signed) = rest.strip_prefix(['+', '-'])
                {
                    let behind = signed.trim_start_matches(|letter: char| letter.is_ascii_digit());
                    let hours: i64 = signed.strip_suffix(behind)?.parse().ok()?;
                    if hours <= 23 {
                        self.shown = Some(if rest.starts_with('-') { -hours * 3600 } else { hours * 3600 });
                        return Some(behind);
                    }
                }
                // Other names say nothing without a table of zones.
                Some(rest)
            }
            Part::Offset { z, colon, minutes, seconds } => {
                if z && let Some(rest) = text.strip_prefix('Z') {
                    self.offset = Some(0);
                    return Some(rest);
                }
                let signed = text.strip_prefix(['+', '-'])?;
                let (hours, mut rest) = digits(signed, 2)?;
                let mut total = hours * 3600;
                for unit in [minutes.then_some(60), seconds.then_some(1)].into_iter().flatten() {
                    let unsplit = if colon { rest.strip_prefix(':')? } else { rest };
                    let (count, after) = digits(unsplit, 2)?;
                    if count >= 60 {
                        return None;
                    }
                    total += count * unit;
                    rest = after;
                }
                if hours > 24 {
                    return None;
                }
                self.offset = Some(if text.starts_with('-') { -total } else { total });
                Some(rest)
            }
        }
    }

    fn fraction(&mut self, digits: &str) {
        let nine: String = digits.chars().chain(std::iter::repeat('0')).take(9).collect();
        self.nanoseconds = nine.parse().unwrap_or_default();
    }

    fn moment(self) -> Option<Moment> {
        let mut hour = self.hour;
        match self.afternoon {
            Some(true) if hour < 12 => hour += 12,
            Some(false) if hour == 12 => hour = 0,
            _ => {}
        }
        let (mut month, mut day) = (self.month, self.day);
        if let Some(of_year) = self.day_of_year {
            if of_year < 1 || of_year > if is_leap(self.year) { 366 } else { 365 } {
                return None;
            }
            let (_, its_month, its_day) = civil_of(days_of(self.year, 1, 1) + of_year - 1);
            if month.is_some_and(|month| month != its_month) || day.is_some_and(|day| day != its_day) {
                return None;
            }
            (month, day) = (Some(its_month), Some(its_day));
        }
        let (month, day) = (month.unwrap_or(1), day.unwrap_or(1));
        if day < 1 || day > days_in(month, self.year) {
            return None;
        }
        let offset = self.offset.unwrap_or(0);
        let seconds = days_of(self.year, month, day) * 86_400 + hour * 3600 + self.minute * 60 + self.second - offset;
        let offset = self.offset.or(self.shown).unwrap_or(0);
        Some(Moment { seconds, nanoseconds: self.nanoseconds, offset })
    }
}
