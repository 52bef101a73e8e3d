//! Amounts with units.

use num_bigint::BigInt;
use num_traits::{Signed, Zero};

use crate::builtins::operands::text;
use crate::builtins::{Answer, Context, Failure};
use crate::number::Number;
use crate::term::Term;

/// Digits an exponent may have.
const MAX_EXPONENT_DIGITS: usize = 6;

/// Splits `10.5Mi` into the number and the unit; none where the exponent is too long.
fn split(given: &str) -> Option<(&str, &str)> {
    let bytes = given.as_bytes();
    let is_digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let is_sign = |at: usize| matches!(bytes.get(at), Some(b'+' | b'-'));
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'0'..=b'9' | b'.' | b'+' | b'-' => {}
            b'e' | b'E' => {
                if !is_digit(at + 1) && !is_sign(at + 1) {
                    return given.split_at_checked(at);
                }
                if is_sign(at + 1) {
                    at += 1;
                }
                if (at + 1..).take_while(|at| is_digit(*at)).count() > MAX_EXPONENT_DIGITS {
                    return None;
                }
            }
            _ => return given.split_at_checked(at),
        }
        at += 1;
    }
    Some((given, ""))
}

/// A fraction: `top / 10^below`.
struct Decimal {
    top: BigInt,
    below: u32,
}

fn decimal(given: &str) -> Option<Decimal> {
    let (mantissa, exponent) = match given.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (given, 0),
    };
    // Beyond this nothing real is measured, and the digits would fill the memory.
    if exponent.abs() > 20_000 {
        return None;
    }
    let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let unsigned = whole.trim_start_matches(['+', '-']);
    if (unsigned.is_empty() && part.is_empty()) || !part.bytes().all(|byte| byte.is_ascii_digit()) || whole.len() - unsigned.len() > 1 {
        return None;
    }
    let sign = if whole.starts_with('-') { "-" } else { "" };
    let top: BigInt = format!("{sign}{unsigned}{part}").parse().ok()?;
    let shift = i64::from(exponent) - i64::try_from(part.len()).ok()?;
    if shift >= 0 {
        Some(Decimal { top: top * BigInt::from(10).pow(u32::try_from(shift).ok()?), below: 0 })
    } else {
        Some(Decimal { top, below: u32::try_from(-shift).ok()? })
    }
}

fn power(base: u64, exponent: u32) -> BigInt {
    BigInt::from(base).pow(exponent)
}

/// The number of units of SI or powers of 1024; `m` is a thousandth.
pub(super) fn parse(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let fail = |reason: &str| Failure::Failed(format!("units.parse: {reason}"));
    let given = text(arguments, 0)?.replace('"', "");
    if given.contains(' ') {
        return Err(fail("spaces not allowed in resource strings"));
    }
    let (amount, unit) = split(&given).ok_or_else(|| fail("exponent too large"))?;
    if amount.is_empty() {
        return Err(fail("no amount provided"));
    }
    let mut letters = unit.chars();
    let unit: String = letters.next().into_iter().chain(letters.as_str().to_lowercase().chars()).collect();
    let (factor, thousandth) = match &*unit {
        "m" => (BigInt::from(1), true),
        "" => (BigInt::from(1), false),
        "k" | "K" => (power(1000, 1), false),
        "ki" | "Ki" => (power(1024, 1), false),
        "M" => (power(1000, 2), false),
        "mi" | "Mi" => (power(1024, 2), false),
        "g" | "G" => (power(1000, 3), false),
        "gi" | "Gi" => (power(1024, 3), false),
        "t" | "T" => (power(1000, 4), false),
        "ti" | "Ti" => (power(1024, 4), false),
        "p" | "P" => (power(1000, 5), false),
        "pi" | "Pi" => (power(1024, 5), false),
        "e" | "E" => (power(1000, 6), false),
        "ei" | "Ei" => (power(1024, 6), false),
        _ => return Err(fail(&format!("unit {unit} not recognized"))),
    };
    let Decimal { top, below } = decimal(amount).ok_or_else(|| fail("could not parse amount to a number"))?;
    let below = if thousandth { below + 3 } else { below };
    let (top, bottom) = (top * factor, power(10, below));
    // Upstream takes the double nearest to a thousandth for it, so that nothing but zero is whole.
    if (&top % &bottom).is_zero() && (!thousandth || top.is_zero()) {
        return Ok(Number::from_big(&(top / bottom)).into());
    }
    // Ten digits after the point, halves away from zero.
    let scaled: BigInt = top * power(10, 10) * 2_u8;
    let twice = scaled.abs() / &bottom;
    let rounded: BigInt = (twice + 1_u8) / 2_u8;
    let digits = format!("{:0>11}", rounded.to_string());
    let (whole, part) = digits.split_at_checked(digits.len() - 10).unwrap_or((&digits, ""));
    let sign = if scaled.is_negative() { "-" } else { "" };
    Number::parse(&format!("{sign}{whole}.{part}")).map(Term::Number).ok_or_else(|| fail("could not parse amount to a number"))
}

/// The number of bytes, whole.
pub(super) fn parse_bytes(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let fail = |reason: &str| Failure::Failed(format!("units.parse_bytes: {reason}"));
    let given = text(arguments, 0)?.to_lowercase().replace('"', "");
    if given.contains(' ') {
        return Err(fail("spaces not allowed in resource strings"));
    }
    let (amount, unit) = split(&given).ok_or_else(|| fail("exponent too large"))?;
    if amount.is_empty() {
        return Err(fail("no byte amount provided"));
    }
    let factor = match unit {
        "" => BigInt::from(1),
        "kb" | "k" => power(1000, 1),
        "kib" | "ki" => power(1024, 1),
        "mb" | "m" => power(1000, 2),
        "mib" | "mi" => power(1024, 2),
        "gb" | "g" => power(1000, 3),
        "gib" | "gi" => power(1024, 3),
        "tb" | "t" => power(1000, 4),
        "tib" | "ti" => power(1024, 4),
        "pb" | "p" => power(1000, 5),
        "pib" | "pi" => power(1024, 5),
        "eb" | "e" => power(1000, 6),
        "eib" | "ei" => power(1024, 6),
        _ => return Err(fail(&format!("byte unit {unit} not recognized"))),
    };
    let Decimal { top, below } = decimal(amount).ok_or_else(|| fail("could not parse byte amount to a number"))?;
    Ok(Number::from_big(&(top * factor / power(10, below))).into())
}

#[cfg(test)]
mod tests {
    use crate::builtins::tests::check;

    #[test]
    fn amounts() {
        check("units.parse", r#"["10Mi"]"#, "10485760");
        check("units.parse", r#"["1.5m"]"#, "0.0015000000");
        check("units.parse", r#"["1000m"]"#, "1.0000000000");
        check("units.parse", r#"["0.1"]"#, "0.1000000000");
        check("units.parse", r#"["1e3"]"#, "1000");
        check("units.parse", r#"["1E"]"#, "1000000000000000000");
        check("units.parse", r#"["10GB"]"#, "eval_builtin_error: units.parse: units.parse: unit Gb not recognized");
        check("units.parse", r#"["1 G"]"#, "eval_builtin_error: units.parse: units.parse: spaces not allowed in resource strings");
        check("units.parse", r#"["G"]"#, "eval_builtin_error: units.parse: units.parse: no amount provided");
        check("units.parse", r#"["0.0.0"]"#, "eval_builtin_error: units.parse: units.parse: could not parse amount to a number");
        check("units.parse", r#"["1e9999999"]"#, "eval_builtin_error: units.parse: units.parse: exponent too large");
        check("units.parse_bytes", r#"["1.5KiB"]"#, "1536");
        check("units.parse_bytes", r#"["\"100TB\""]"#, "100000000000000");
        check("units.parse_bytes", r#"["100.7"]"#, "100");
        check("units.parse_bytes", r#"["foo"]"#, "eval_builtin_error: units.parse_bytes: units.parse_bytes: no byte amount provided");
        check("units.parse_bytes", r#"["0bar"]"#, "eval_builtin_error: units.parse_bytes: units.parse_bytes: byte unit bar not recognized");
    }
}
