//! How long something is kept, as people say it: `7y`, `90d`.

use std::fmt;
use std::str::FromStr;

use probity_core::Timestamp;

/// Longest period, in years: what stores take.
const MOST_YEARS: i64 = 100;

/// A number of days or of years of the calendar.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Period {
    days: i64,
    years: i64,
}

/// Not a period.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a period: write days or years, such as `90d` or `7y`, up to 100 years")]
pub struct ParsePeriodError(pub String);

impl Period {
    /// The moment that long after another, in whole seconds; `None` beyond the end of time.
    #[must_use]
    pub fn after(self, time: Timestamp) -> Option<Timestamp> {
        let utc = jiff::tz::Offset::UTC;
        let begin = utc.to_datetime(jiff::Timestamp::from_second(time.seconds).ok()?);
        let end = begin.checked_add(jiff::Span::new().try_days(self.days).ok()?.try_years(self.years).ok()?).ok()?;
        // A year from 29 February ends on 28 February, one day early: what is kept too short is not kept.
        let is_early = self.years > 0 && end.day() != begin.day();
        let end = if is_early { end.checked_add(jiff::Span::new().try_days(1).ok()?).ok()? } else { end };
        Some(Timestamp { seconds: utc.to_timestamp(end).ok()?.as_second(), nanoseconds: 0 })
    }
}

impl FromStr for Period {
    type Err = ParsePeriodError;

    fn from_str(text: &str) -> Result<Period, ParsePeriodError> {
        let wrong = || ParsePeriodError(text.chars().take(40).collect());
        let unit = text.chars().next_back().ok_or_else(wrong)?;
        let digits = text.strip_suffix(unit).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit())).ok_or_else(wrong)?;
        let number: i64 = digits.parse().ok().filter(|number| *number > 0).ok_or_else(wrong)?;
        match unit {
            'd' if number <= MOST_YEARS * 365 => Ok(Period { days: number, years: 0 }),
            'y' if number <= MOST_YEARS => Ok(Period { days: 0, years: number }),
            _ => Err(wrong()),
        }
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.years > 0 { write!(f, "{}y", self.years) } else { write!(f, "{}d", self.days) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{iso, read};

    #[test]
    fn periods() {
        let check = |from: &str, period: &str, expected: &str| {
            let end = period.parse::<Period>().unwrap().after(read(from).unwrap()).unwrap();
            assert_eq!(iso(end), expected, "{from} {period}");
            assert_eq!(period.parse::<Period>().unwrap().to_string(), period);
        };
        check("2026-01-31T12:00:00Z", "7y", "2033-01-31T12:00:00Z");
        check("2024-02-29T00:00:00Z", "1y", "2025-03-01T00:00:00Z");
        check("2024-02-29T00:00:00Z", "4y", "2028-02-29T00:00:00Z");
        check("2024-02-28T00:00:00Z", "2d", "2024-03-01T00:00:00Z");
        for wrong in ["", "7", "y", "0d", "-1d", "7m", "101y", "1.5y", "7 y", "99999999999999999999d"] {
            assert!(wrong.parse::<Period>().is_err(), "{wrong}");
        }
    }
}
