//! Habits of Go's library that show in what Conftest reads: which texts are numbers and booleans, how a number is printed.

/// What `strconv.ParseFloat` makes of a text; `None` where it refuses. Infinite and not-a-number are what it says they are.
pub(crate) fn float(text: &str) -> Option<f64> {
    let (negative, unsigned) = match text.as_bytes().first()? {
        b'-' => (true, text.get(1..)?),
        b'+' => (false, text.get(1..)?),
        _ => (false, text),
    };
    let sign = |value: f64| if negative { -value } else { value };
    let lower = unsigned.to_ascii_lowercase();
    match lower.as_str() {
        "inf" | "infinity" => return Some(sign(f64::INFINITY)),
        // Only without a sign.
        "nan" if unsigned.len() == text.len() => return Some(f64::NAN),
        _ => {}
    }
    if let Some(digits) = lower.strip_prefix("0x") {
        return hexadecimal(digits).map(sign).filter(|value| value.is_finite());
    }
    let bare = without_underscores(&lower)?;
    let (mantissa, exponent) = match bare.split_once('e') {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (bare.as_str(), None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if (whole.is_empty() && fraction.is_empty()) || !digits(whole) || !digits(fraction) {
        return None;
    }
    if let Some(exponent) = exponent {
        let unsigned = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        if unsigned.is_empty() || !digits(unsigned) {
            return None;
        }
    }
    bare.parse().ok().map(sign).filter(|value: &f64| value.is_finite())
}

/// Underscores may stand between digits.
fn without_underscores(text: &str) -> Option<String> {
    if !text.contains('_') {
        return Some(text.to_owned());
    }
    let bytes = text.as_bytes();
    for (at, _) in text.match_indices('_') {
        let digit = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_digit);
        if !digit(at.checked_sub(1)) || !digit(Some(at + 1)) {
            return None;
        }
    }
    Some(text.replace('_', ""))
}

/// The digits of a hexadecimal number with its binary exponent, which it has to have: `1.8p3`.
fn hexadecimal(text: &str) -> Option<f64> {
    // An underscore may also stand right behind the prefix.
    let text = text.strip_prefix('_').unwrap_or(text);
    let (mantissa, exponent) = text.split_once('p')?;
    let hex = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_hexdigit);
    for (at, _) in mantissa.match_indices('_') {
        if !hex(at.checked_sub(1).and_then(|at| mantissa.as_bytes().get(at))) || !hex(mantissa.as_bytes().get(at + 1)) {
            return None;
        }
    }
    let exponent: i32 = exponent.parse().ok()?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits: String = whole.chars().chain(fraction.chars()).filter(|digit| *digit != '_').collect();
    if digits.is_empty() {
        return None;
    }
    let mut value = 0.0;
    for digit in digits.chars() {
        value = value * 16.0 + f64::from(digit.to_digit(16)?);
    }
    let places = i32::try_from(fraction.chars().filter(|digit| *digit != '_').count()).ok()?;
    Some(value * 2_f64.powi(exponent.checked_sub(places.checked_mul(4)?)?))
}

/// What `strconv.ParseBool` makes of a text.
pub(crate) fn boolean(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Some(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Some(false),
        _ => None,
    }
}

/// A double as `%v` prints it: the shortest digits, with an exponent below 1e-4 and from 1e6 on.
pub(crate) fn print_shortest(value: f64) -> String {
    let plain = format!("{value}");
    let size = value.abs();
    if size != 0.0 && !(1e-4..1e6).contains(&size) {
        let scientific = format!("{value:e}");
        return match scientific.split_once('e') {
            Some((mantissa, exponent)) => {
                let (sign, digits) = exponent.strip_prefix('-').map_or(('+', exponent), |digits| ('-', digits));
                format!("{mantissa}e{sign}{digits:0>2}")
            }
            None => scientific,
        };
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_go() {
        let check = |text: &str, expected: Option<f64>| assert_eq!(float(text), expected, "{text}");
        check("1_000", Some(1000.0));
        check("1__0", None);
        check("0x1p4", Some(16.0));
        check("0x_1.8p0", Some(1.5));
        check("0x10", None);
        check("+5", Some(5.0));
        check(".5", Some(0.5));
        check("5.", Some(5.0));
        check(".", None);
        check("1e5", Some(100_000.0));
        check("1e", None);
        check("1e999", None);
        check("", None);
        check("0b1", None);
        assert_eq!(float("-inf"), Some(f64::NEG_INFINITY));
        assert!(float("NaN").is_some_and(f64::is_nan));
        check("+nan", None);
    }

    #[test]
    fn printed_as_go_does() {
        let check = |value: f64, expected: &str| assert_eq!(print_shortest(value), expected);
        check(2.5, "2.5");
        check(1e30, "1e+30");
        check(1e20, "1e+20");
        check(1_234_567.0, "1.234567e+06");
        check(123_456.5, "123456.5");
        check(1e-5, "1e-05");
        check(0.0, "0");
    }
}
