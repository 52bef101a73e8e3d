//! What a scalar means: the core schema of YAML 1.2 (section 10.3.2), with the habits of YAML 1.1 where asked for.

use std::sync::Arc;

use super::ParseOptions;
use crate::{Data, Number};

/// A scalar without quotes and without a tag.
pub(super) fn plain(text: &str, options: ParseOptions) -> Data {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Data::Null,
        "true" | "True" | "TRUE" => return Data::Bool(true),
        "false" | "False" | "FALSE" => return Data::Bool(false),
        "yes" | "Yes" | "YES" | "on" | "On" | "ON" if options.booleans_1_1 => return Data::Bool(true),
        "no" | "No" | "NO" | "off" | "Off" | "OFF" if options.booleans_1_1 => return Data::Bool(false),
        "y" | "Y" if options.kubectl => return Data::Bool(true),
        "n" | "N" if options.kubectl => return Data::Bool(false),
        _ => {}
    }
    if options.kubectl && text.contains('_') && text.starts_with(|first: char| first.is_ascii_digit() || matches!(first, '+' | '-')) {
        let bare = text.replace('_', "");
        return number(&bare, options).map_or_else(|| Data::String(Arc::from(text)), Data::Number);
    }
    number(text, options).map_or_else(|| Data::String(Arc::from(text)), Data::Number)
}

/// A scalar with a tag of the core schema (`!!str` is `str`). A tag that does not fit what is written makes it text.
pub(super) fn tagged(suffix: &str, text: &str, options: ParseOptions) -> Data {
    let read = plain(text, ParseOptions { booleans_1_1: true, ..options });
    match (suffix, read) {
        ("int" | "float", Data::Number(number)) => Data::Number(number),
        ("bool", Data::Bool(value)) => Data::Bool(value),
        ("null", Data::Null) => Data::Null,
        _ => Data::String(Arc::from(text)),
    }
}

/// The number a text is; `None` for other text and for `.nan`.
fn number(text: &str, options: ParseOptions) -> Option<Number> {
    let (negative, unsigned) = match text.as_bytes().first()? {
        b'-' => (true, text.get(1..)?),
        b'+' => (false, text.get(1..)?),
        _ => (false, text),
    };
    let first = *unsigned.as_bytes().first()?;
    if first == b'.' && matches!(unsigned, ".inf" | ".Inf" | ".INF") {
        return Some(Number::Float(if negative { f64::NEG_INFINITY } else { f64::INFINITY }));
    }
    if !first.is_ascii_digit() && first != b'.' {
        return None;
    }
    if options.kubectl
        && let Some((prefix, digits)) = unsigned.split_at_checked(2)
        && let Some(base) = [("0x", 16), ("0o", 8), ("0b", 2)].iter().find(|(name, _)| name.eq_ignore_ascii_case(prefix))
    {
        return radix(digits, base.1, negative);
    }
    let signed = unsigned.len() == text.len();
    if let Some(digits) = unsigned.strip_prefix("0x").filter(|_| signed) {
        return radix(digits, 16, false);
    }
    if let Some(digits) = unsigned.strip_prefix("0o").filter(|_| signed) {
        return radix(digits, 8, false);
    }
    if unsigned.bytes().all(|byte| byte.is_ascii_digit()) {
        if options.octal_1_1 && unsigned.len() > 1 && first == b'0' && unsigned.bytes().all(|byte| byte < b'8') {
            return radix(unsigned, 8, negative);
        }
        let digits = text.strip_prefix('+').unwrap_or(text);
        return digits.parse().map(Number::Int).or_else(|_| digits.parse().map(Number::from_f64)).ok();
    }
    is_float(unsigned).then(|| text.parse().ok().map(Number::from_f64))?
}

fn radix(digits: &str, radix: u32, negative: bool) -> Option<Number> {
    if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(radix)) {
        return None;
    }
    if let Ok(value) = i64::from_str_radix(digits, radix) {
        return Some(Number::Int(if negative { -value } else { value }));
    }
    let value = digits.chars().filter_map(|digit| digit.to_digit(radix)).fold(0.0, |sum, digit| sum * f64::from(radix) + f64::from(digit));
    Some(Number::from_f64(if negative { -value } else { value }))
}

/// `( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?`
fn is_float(text: &str) -> bool {
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        Some(at) => (text.get(..at).unwrap_or_default(), text.get(at + 1..)),
        None => (text, None),
    };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let mantissa_fits = match mantissa.split_once('.') {
        Some(("", fraction)) => digits(fraction),
        Some((whole, fraction)) => digits(whole) && (fraction.is_empty() || digits(fraction)),
        None => digits(mantissa),
    };
    mantissa_fits && exponent.is_none_or(|exponent| digits(exponent.strip_prefix(['-', '+']).unwrap_or(exponent)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let old = ParseOptions { booleans_1_1: true, octal_1_1: true, ..ParseOptions::default() };
        assert_eq!(format!("{:?} {:?}", plain(text, ParseOptions::default()), plain(text, old)), expected, "for {text:?}");
    }

    /// The same in both schemas.
    fn same(text: &str, expected: &str) {
        check(text, &format!("{expected} {expected}"));
    }

    #[test]
    fn core_schema() {
        same("", "Null");
        same("~", "Null");
        same("nULL", r#"String("nULL")"#);
        same("True", "Bool(true)");
        same("12", "Number(Int(12))");
        same("-12", "Number(Int(-12))");
        same("+12", "Number(Int(12))");
        same("+-5", r#"String("+-5")"#);
        same("0x1F", "Number(Int(31))");
        same("0x", r#"String("0x")"#);
        same("-0x1", r#"String("-0x1")"#);
        same("0o17", "Number(Int(15))");
        same("1.", "Number(Int(1))");
        same(".5", "Number(Float(0.5))");
        same("1e3", "Number(Int(1000))");
        same("1e", r#"String("1e")"#);
        same(".", r#"String(".")"#);
        same("1.2.3", r#"String("1.2.3")"#);
        same("-.inf", "Number(Float(-inf))");
        same(".nan", r#"String(".nan")"#);
        same("nan", r#"String("nan")"#);
        same("inf", r#"String("inf")"#);
        same("1_000", r#"String("1_000")"#);
        same("2026-01-01", r#"String("2026-01-01")"#);
        same("12:30", r#"String("12:30")"#);
        same("99999999999999999999", "Number(Float(1e20))");
        same("0xFFFFFFFFFFFFFFFFF", "Number(Float(2.9514790517935283e20))");
        same("١", r#"String("١")"#);
    }

    #[test]
    fn habits_of_the_old_schema() {
        check("yes", r#"String("yes") Bool(true)"#);
        check("Off", r#"String("Off") Bool(false)"#);
        same("y", r#"String("y")"#);
        check("0644", "Number(Int(644)) Number(Int(420))");
        same("0", "Number(Int(0))");
        same("089", "Number(Int(89))");
    }

    #[test]
    fn numbers_and_booleans_of_kubectl() {
        let options = ParseOptions { booleans_1_1: true, octal_1_1: true, kubectl: true, ..ParseOptions::default() };
        let check = |text: &str, expected: &str| assert_eq!(format!("{:?}", plain(text, options)), expected, "for {text:?}");
        check("y", "Bool(true)");
        check("N", "Bool(false)");
        check("0_0", "Number(Int(0))");
        check("1_000", "Number(Int(1000))");
        check("0_0.0", "Number(Int(0))");
        check("_0", r#"String("_0")"#);
        check("1_a", r#"String("1_a")"#);
        check("0b0", "Number(Int(0))");
        check("-0b11", "Number(Int(-3))");
        check("0x_1F", "Number(Int(31))");
        check("+0X0", "Number(Int(0))");
        check("0O17", "Number(Int(15))");
        check("0b2", r#"String("0b2")"#);
        check("0644", "Number(Int(420))");
        check("08", "Number(Int(8))");
    }

    #[test]
    fn tags_of_the_core_schema() {
        let check = |suffix: &str, text: &str, expected: Data| assert_eq!(tagged(suffix, text, ParseOptions::default()), expected);
        check("str", "12", Data::String("12".into()));
        check("int", "12", Data::Number(Number::Int(12)));
        check("bool", "yes", Data::Bool(true));
        check("int", "x", Data::String("x".into()));
        check("binary", "aGk=", Data::String("aGk=".into()));
    }
}
