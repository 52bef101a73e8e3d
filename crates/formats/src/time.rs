//! Points in time as text: RFC 3339 in UTC.

use probity_core::Timestamp;

/// `2026-01-31T12:00:00Z`; `None` where the time is outside the years -9999 to 9999.
pub(crate) fn text(time: Timestamp) -> Option<String> {
    let nanoseconds = i32::try_from(time.nanoseconds).ok()?;
    Some(jiff::Timestamp::new(time.seconds, nanoseconds).ok()?.to_string())
}

/// The day as `2026-01-31`, in UTC; empty where the time is outside the years -9999 to 9999.
#[must_use]
pub fn date(time: Timestamp) -> String {
    text(time).and_then(|text| text.split('T').next().map(str::to_owned)).unwrap_or_default()
}

/// Reads RFC 3339 with `Z` or an offset; `None` where the text is something else.
pub(crate) fn parse(text: &str) -> Option<Timestamp> {
    let time: jiff::Timestamp = text.parse().ok()?;
    let (mut seconds, mut nanoseconds) = (time.as_second(), time.subsec_nanosecond());
    if nanoseconds < 0 {
        seconds = seconds.checked_sub(1)?;
        nanoseconds = nanoseconds.checked_add(1_000_000_000)?;
    }
    Some(Timestamp { seconds, nanoseconds: u32::try_from(nanoseconds).ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        let check = |given: &str, expected: Option<&str>| assert_eq!(parse(given).and_then(text).as_deref(), expected, "{given}");
        check("2026-01-31T12:00:00Z", Some("2026-01-31T12:00:00Z"));
        check("2026-01-31T12:00:00.5+02:00", Some("2026-01-31T10:00:00.5Z"));
        check("1969-12-31T23:59:59.25Z", Some("1969-12-31T23:59:59.25Z"));
        check("yesterday", None);
        check("", None);
        assert_eq!(text(Timestamp { seconds: i64::MAX, nanoseconds: 0 }), None);
    }
}
