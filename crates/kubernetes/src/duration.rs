//! Spans of time as Go reads and writes them (`time.ParseDuration`, `Duration.String`): `1h30m`, `1.5s`, `-2us`.

use std::fmt;

/// Why a text is no duration.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DurationError {
    /// Its shape is wrong, or it does not fit into 64 bits of nanoseconds.
    #[error("time: invalid duration {0}")]
    Invalid(String),
    /// A number has no unit.
    #[error("time: missing unit in duration {0}")]
    MissingUnit(String),
    /// The unit is not known.
    #[error("time: unknown unit {0} in duration {1}")]
    UnknownUnit(String, String),
}

/// A span of time in nanoseconds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct GoDuration(pub i64);

impl GoDuration {
    /// Reads a duration.
    ///
    /// # Errors
    /// Says what is wrong, in Go's words.
    pub fn parse(text: &str) -> Result<GoDuration, DurationError> {
        let quoted = || quote(text);
        let invalid = || DurationError::Invalid(quoted());
        let (negative, mut rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        if rest == "0" {
            return Ok(GoDuration(0));
        }
        if rest.is_empty() {
            return Err(invalid());
        }
        let mut total: u64 = 0;
        while !rest.is_empty() {
            if !rest.starts_with(|c: char| c == '.' || c.is_ascii_digit()) {
                return Err(invalid());
            }
            let behind = rest.trim_start_matches(|c: char| c.is_ascii_digit());
            let whole = rest.strip_suffix(behind).unwrap_or_default();
            let mut value: u64 = 0;
            for digit in whole.bytes() {
                value = value.checked_mul(10).and_then(|value| value.checked_add(u64::from(digit - b'0'))).ok_or_else(invalid)?;
                if value > 1 << 63 {
                    return Err(invalid());
                }
            }
            rest = behind;
            let (mut fraction, mut scale) = (0_u64, 1.0_f64);
            let mut decimals = "";
            if let Some(behind_point) = rest.strip_prefix('.') {
                let behind = behind_point.trim_start_matches(|c: char| c.is_ascii_digit());
                decimals = behind_point.strip_suffix(behind).unwrap_or_default();
                for digit in decimals.bytes() {
                    // Further digits are of no weight.
                    match fraction.checked_mul(10).and_then(|value| value.checked_add(u64::from(digit - b'0'))) {
                        Some(next) if next < 1 << 63 => (fraction, scale) = (next, scale * 10.0),
                        _ => break,
                    }
                }
                rest = behind;
            }
            if whole.is_empty() && decimals.is_empty() {
                return Err(invalid());
            }
            let behind_unit = rest.trim_start_matches(|c: char| c != '.' && !c.is_ascii_digit());
            let unit = rest.strip_suffix(behind_unit).unwrap_or_default();
            if unit.is_empty() {
                return Err(DurationError::MissingUnit(quoted()));
            }
            rest = behind_unit;
            let nanoseconds: u64 = match unit {
                "ns" => 1,
                "us" | "µs" | "μs" => 1_000,
                "ms" => 1_000_000,
                "s" => 1_000_000_000,
                "m" => 60_000_000_000,
                "h" => 3_600_000_000_000,
                _ => return Err(DurationError::UnknownUnit(quote(unit), quoted())),
            };
            value = value.checked_mul(nanoseconds).filter(|value| *value <= 1 << 63).ok_or_else(invalid)?;
            if fraction > 0 {
                #[expect(
                    clippy::cast_precision_loss,
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "below one unit, which fits"
                )]
                let part = (fraction as f64 * (nanoseconds as f64 / scale)) as u64;
                value = value.checked_add(part).filter(|value| *value <= 1 << 63).ok_or_else(invalid)?;
            }
            total = total.checked_add(value).filter(|total| *total <= 1 << 63).ok_or_else(invalid)?;
        }
        match (negative, i64::try_from(total)) {
            (false, Ok(total)) => Ok(GoDuration(total)),
            (true, Ok(total)) => Ok(GoDuration(-total)),
            (true, Err(_)) => Ok(GoDuration(i64::MIN)),
            (false, Err(_)) => Err(invalid()),
        }
    }

    /// In seconds.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "as Go does it: whole seconds and the rest apart")]
    pub fn seconds(self) -> f64 {
        (self.0 / 1_000_000_000) as f64 + (self.0 % 1_000_000_000) as f64 / 1e9
    }
}

impl std::str::FromStr for GoDuration {
    type Err = DurationError;

    fn from_str(text: &str) -> Result<GoDuration, DurationError> {
        GoDuration::parse(text)
    }
}

impl fmt::Display for GoDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let all = self.0.unsigned_abs();
        let with_fraction = |value: u64, unit: u64| {
            let (whole, part) = (value / unit, value % unit);
            if part == 0 {
                return whole.to_string();
            }
            let width = unit.ilog10() as usize;
            format!("{whole}.{}", format!("{part:0width$}").trim_end_matches('0'))
        };
        let text = match all {
            0 => "0s".to_owned(),
            1..1_000 => format!("{sign}{all}ns"),
            1_000..1_000_000 => format!("{sign}{}µs", with_fraction(all, 1_000)),
            1_000_000..1_000_000_000 => format!("{sign}{}ms", with_fraction(all, 1_000_000)),
            _ => {
                let minutes = all / 60_000_000_000;
                let seconds = with_fraction(all % 60_000_000_000, 1_000_000_000);
                match (minutes / 60, minutes % 60) {
                    (0, 0) => format!("{sign}{seconds}s"),
                    (0, minutes) => format!("{sign}{minutes}m{seconds}s"),
                    (hours, minutes) => format!("{sign}{hours}h{minutes}m{seconds}s"),
                }
            }
        };
        f.pad(&text)
    }
}

/// A text in double quotes as Go's `strconv.Quote` writes it in its errors.
pub fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\u{b}' => out.push_str("\\v"),
            c if c.is_ascii_control() => out.push_str(&format!("\\x{:02x}", u32::from(c))),
            c if c.is_control() => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        assert_eq!(GoDuration::parse(text).map_or_else(|error| error.to_string(), |duration| duration.to_string()), expected, "{text}");
    }

    #[test]
    fn read_and_written() {
        for (text, expected) in [
            ("0", "0s"),
            ("5s", "5s"),
            ("30s", "30s"),
            ("1478s", "24m38s"),
            ("-5s", "-5s"),
            ("+5s", "5s"),
            ("-0", "0s"),
            ("5.0s", "5s"),
            ("5.6s", "5.6s"),
            ("5.s", "5s"),
            (".5s", "500ms"),
            ("1.004s", "1.004s"),
            ("100.00100s", "1m40.001s"),
            ("10ns", "10ns"),
            ("11us", "11µs"),
            ("12µs", "12µs"),
            ("13ms", "13ms"),
            ("14s", "14s"),
            ("15m", "15m0s"),
            ("16h", "16h0m0s"),
            ("3h30m", "3h30m0s"),
            ("10.5s4m", "4m10.5s"),
            ("-2m3.4s", "-2m3.4s"),
            ("1h2m3s4ms5us6ns", "1h2m3.004005006s"),
            ("39h9m14.425s", "39h9m14.425s"),
            ("9223372036854775807ns", "2562047h47m16.854775807s"),
            ("-9223372036854775808ns", "-2562047h47m16.854775808s"),
            ("0.3333333333333333333h", "20m0s"),
            ("0.100000000000000000000h", "6m0s"),
            ("", "time: invalid duration \"\""),
            ("3", "time: missing unit in duration \"3\""),
            ("-", "time: invalid duration \"-\""),
            ("s", "time: invalid duration \"s\""),
            (".", "time: invalid duration \".\""),
            ("3d", "time: unknown unit \"d\" in duration \"3d\""),
            ("9223372036854775808ns", "time: invalid duration \"9223372036854775808ns\""),
            ("3000000h", "time: invalid duration \"3000000h\""),
            ("1 s", "time: unknown unit \" s\" in duration \"1 s\""),
            (".s", "time: invalid duration \".s\""),
        ] {
            check(text, expected);
        }
    }
}
