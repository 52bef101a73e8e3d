//! The time, and how stores write it.

use probity_attest::statement::{format_time, parse_time};
use probity_core::Timestamp;

/// The time now, to the second.
#[expect(clippy::disallowed_methods, reason = "requests are signed with the time at which they are sent")]
pub(crate) fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp { seconds: i64::try_from(since.as_secs()).unwrap_or(i64::MAX), nanoseconds: 0 }
}

/// `2026-01-31T12:00:00Z`; the first moment there is, where a time cannot be written.
pub(crate) fn iso(time: Timestamp) -> String {
    let whole = Timestamp { seconds: time.seconds, nanoseconds: 0 };
    format_time(whole).unwrap_or_else(|_| "1970-01-01T00:00:00Z".to_owned())
}

/// `20260131T120000Z`.
pub(crate) fn compact(time: Timestamp) -> String {
    iso(time).replace(['-', ':'], "")
}

/// Reads a time as stores write it: RFC 3339, with or without a fraction.
pub(crate) fn read(text: &str) -> Option<Timestamp> {
    parse_time(text).ok()
}

/// Reads a date of HTTP: `Tue, 01 Jan 2030 00:00:00 GMT`.
pub(crate) fn read_http(text: &str) -> Option<Timestamp> {
    let time = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    Some(Timestamp { seconds: time.as_second(), nanoseconds: 0 })
}

/// Writes a date of HTTP.
pub(crate) fn http(time: Timestamp) -> String {
    let moment = jiff::Timestamp::from_second(time.seconds).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    moment.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_in_each_way_of_writing() {
        let time = Timestamp { seconds: 1_893_456_000, nanoseconds: 7 };
        assert_eq!(iso(time), "2030-01-01T00:00:00Z");
        assert_eq!(compact(time), "20300101T000000Z");
        assert_eq!(http(time), "Tue, 01 Jan 2030 00:00:00 GMT");
        let whole = Some(Timestamp { nanoseconds: 0, ..time });
        assert_eq!(read("2030-01-01T00:00:00.000Z"), whole);
        assert_eq!(read_http("Tue, 01 Jan 2030 00:00:00 GMT"), whole);
        assert_eq!(read_http("soon"), None);
        assert_eq!(read("2030-01-01"), None);
    }
}
