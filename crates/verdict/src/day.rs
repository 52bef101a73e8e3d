//! Calendar days in UTC. The clock itself is given; this only counts days.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;
use probity_core::Timestamp;

/// A day of the calendar, in UTC.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Day(Date);

/// Not a day.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a day written as `YYYY-MM-DD`")]
pub struct ParseDayError(pub String);

impl Day {
    /// The day a moment lies in. Moments before the year -9999 or after 9999 are the first or last day there is.
    #[must_use]
    pub fn of(time: Timestamp) -> Day {
        let nanoseconds = i32::try_from(time.nanoseconds).unwrap_or(0);
        let moment = jiff::Timestamp::new(time.seconds, nanoseconds).unwrap_or(if time.seconds < 0 {
            jiff::Timestamp::MIN
        } else {
            jiff::Timestamp::MAX
        });
        Day(jiff::tz::Offset::UTC.to_datetime(moment).date())
    }

    /// Days from this day to `later`; negative where that is earlier.
    #[must_use]
    pub fn days_until(self, later: Day) -> i64 {
        later.0.duration_since(self.0).as_secs() / 86_400
    }

    /// The day so many days later; the last day there is where that is beyond it.
    #[must_use]
    pub fn plus(self, days: u32) -> Day {
        let span = jiff::SignedDuration::from_secs(i64::from(days) * 86_400);
        Day(self.0.saturating_add(span))
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.0.year(), self.0.month(), self.0.day())
    }
}

impl FromStr for Day {
    type Err = ParseDayError;

    /// Takes `YYYY-MM-DD` and nothing else.
    fn from_str(text: &str) -> Result<Day, ParseDayError> {
        let wrong = || ParseDayError(text.chars().take(40).collect());
        let bytes = text.as_bytes();
        let shape = bytes.len() == 10
            && bytes.iter().enumerate().all(|(at, byte)| if matches!(at, 4 | 7) { *byte == b'-' } else { byte.is_ascii_digit() });
        if !shape {
            return Err(wrong());
        }
        let part = |range: std::ops::Range<usize>| text.get(range).ok_or_else(wrong);
        let year = part(0..4)?.parse().map_err(|_| wrong())?;
        let month = part(5..7)?.parse().map_err(|_| wrong())?;
        let day = part(8..10)?.parse().map_err(|_| wrong())?;
        Date::new(year, month, day).map(Day).map_err(|_| wrong())
    }
}

/// Whether something that holds to the end of `expires` (UTC) has run out.
#[must_use]
pub fn has_expired(expires: Day, now: Timestamp) -> bool {
    Day::of(now) > expires
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_back() {
        for text in ["2026-11-23", "2024-02-29", "0001-01-01"] {
            assert_eq!(text.parse::<Day>().unwrap().to_string(), text);
        }
        for text in ["", "2026-02-29", "2026-1-1", "2026-13-01", "2026/01/01", "2026-01-01T00:00:00Z", "٢٠٢٦-٠١-٠١", "-026-01-01"] {
            assert!(text.parse::<Day>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_last_day_is_inside() {
        let at = |seconds| Timestamp { seconds, nanoseconds: 0 };
        let day: Day = "1970-01-02".parse().unwrap();
        assert!(!has_expired(day, at(86_400)));
        assert!(!has_expired(day, at(2 * 86_400 - 1)));
        assert!(has_expired(day, at(2 * 86_400)));
        assert!(has_expired(day, at(i64::MAX)));
        assert!(!has_expired(day, at(i64::MIN)));
    }

    #[test]
    fn counting_days() {
        let day: Day = "2026-12-30".parse().unwrap();
        assert_eq!(day.plus(3).to_string(), "2027-01-02");
        assert_eq!(day.days_until(day.plus(365)), 365);
        assert_eq!(day.plus(7).days_until(day), -7);
        assert_eq!(day.plus(u32::MAX).to_string(), "9999-12-31");
    }
}
