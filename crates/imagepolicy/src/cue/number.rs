//! Decimal numbers, exact: what a policy and a document say in digits is compared digit by digit.

use std::cmp::Ordering;
use std::fmt;

use num_bigint::BigInt;
use num_traits::{Signed, Zero};

/// Most digits of a number, and farthest exponent.
const MOST: usize = 2000;
/// Digits of a quotient, as CUE has them.
const QUOTIENT: usize = 34;

/// `mantissa * 10^exponent`.
#[derive(Clone, Debug)]
pub(super) struct Decimal {
    mantissa: BigInt,
    exponent: i64,
    /// Whether it is an `int`.
    pub(super) int: bool,
}

fn ten(power: i64) -> BigInt {
    BigInt::from(10).pow(u32::try_from(power.max(0)).unwrap_or(0))
}

impl Decimal {
    pub(super) fn int(value: impl Into<BigInt>) -> Decimal {
        Decimal { mantissa: value.into(), exponent: 0, int: true }
    }

    /// Reads digits with an optional point and exponent; `None` where they are none or too many.
    pub(super) fn parse(text: &str) -> Option<Decimal> {
        let clean: String = text.chars().filter(|letter| *letter != '_').collect();
        let (digits, power) = match clean.split_once(['e', 'E']) {
            Some((digits, power)) => (digits.to_owned(), power.strip_prefix('+').unwrap_or(power).parse::<i64>().ok()?),
            None => (clean.clone(), 0),
        };
        let int = digits == clean && !digits.contains('.');
        let (whole, part) = digits.split_once('.').unwrap_or((&digits, ""));
        if whole.len() + part.len() > MOST || power.unsigned_abs() > MOST as u64 {
            return None;
        }
        let mantissa: BigInt = format!("{whole}{part}").parse().ok()?;
        Some(Decimal { mantissa, exponent: power - i64::try_from(part.len()).ok()?, int })
    }

    /// Reads digits of another base.
    pub(super) fn radix(digits: &str, base: u32) -> Option<Decimal> {
        let clean: String = digits.chars().filter(|letter| *letter != '_').collect();
        if clean.len() > MOST {
            return None;
        }
        Some(Decimal::int(BigInt::parse_bytes(clean.as_bytes(), base)?))
    }

    fn aligned(&self, other: &Decimal) -> (BigInt, BigInt, i64) {
        let exponent = self.exponent.min(other.exponent);
        let at = |one: &Decimal| &one.mantissa * ten(one.exponent - exponent);
        (at(self), at(other), exponent)
    }

    fn bounded(self) -> Option<Decimal> {
        let small = self.mantissa.bits() < 4 * MOST as u64 && self.exponent.unsigned_abs() <= 2 * MOST as u64;
        small.then_some(self)
    }

    pub(super) fn add(&self, other: &Decimal) -> Option<Decimal> {
        let (one, two, exponent) = self.aligned(other);
        Decimal { mantissa: one + two, exponent, int: self.int && other.int }.bounded()
    }

    pub(super) fn sub(&self, other: &Decimal) -> Option<Decimal> {
        self.add(&other.neg())
    }

    pub(super) fn mul(&self, other: &Decimal) -> Option<Decimal> {
        let mantissa = &self.mantissa * &other.mantissa;
        Decimal { mantissa, exponent: self.exponent + other.exponent, int: self.int && other.int }.bounded()
    }

    /// A quotient is always a float. `None` for a division by zero.
    pub(super) fn div(&self, other: &Decimal) -> Option<Decimal> {
        if other.mantissa.is_zero() {
            return None;
        }
        let more = (QUOTIENT + other.mantissa.to_string().len()) as i64;
        let mantissa = &self.mantissa * ten(more) / &other.mantissa;
        let mut quotient = Decimal { mantissa, exponent: self.exponent - other.exponent - more, int: false };
        // No zeros that were only made to divide.
        while quotient.exponent < 0 && (&quotient.mantissa % BigInt::from(10)).is_zero() && !quotient.mantissa.is_zero() {
            quotient.mantissa /= BigInt::from(10);
            quotient.exponent += 1;
        }
        quotient.bounded()
    }

    pub(super) fn neg(&self) -> Decimal {
        Decimal { mantissa: -&self.mantissa, exponent: self.exponent, int: self.int }
    }

    /// The whole number it is.
    pub(super) fn whole(&self) -> Option<BigInt> {
        if self.exponent >= 0 {
            return Some(&self.mantissa * ten(self.exponent));
        }
        let (scale, zero) = (ten(-self.exponent), BigInt::zero());
        (&self.mantissa % &scale == zero).then(|| &self.mantissa / &scale)
    }

    /// As an index or count.
    pub(super) fn count(&self) -> Option<usize> {
        if self.int { self.whole()?.try_into().ok() } else { None }
    }

    pub(super) fn compare(&self, other: &Decimal) -> Ordering {
        let (one, two, _) = self.aligned(other);
        one.cmp(&two)
    }
}

/// Equal in value and in being an `int`.
impl PartialEq for Decimal {
    fn eq(&self, other: &Decimal) -> bool {
        self.int == other.int && self.compare(other) == Ordering::Equal
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.exponent >= 0 {
            let zeros = if self.int || self.exponent > 0 { "" } else { ".0" };
            return write!(f, "{}{zeros}", &self.mantissa * ten(self.exponent));
        }
        let sign = if self.mantissa.is_negative() { "-" } else { "" };
        let digits = self.mantissa.abs().to_string();
        let places = usize::try_from(-self.exponent).unwrap_or(0);
        let padded = format!("{digits:0>width$}", width = places + 1);
        let (whole, part) = padded.split_at_checked(padded.len() - places).unwrap_or((&padded, ""));
        write!(f, "{sign}{whole}.{part}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact() {
        let of = |text: &str| Decimal::parse(text).unwrap();
        assert_eq!(of("0.1").add(&of("0.2")).unwrap(), of("0.3"));
        assert!(of("1") != of("1.0"));
        assert_eq!(of("1").compare(&of("1.0")), Ordering::Equal);
        assert_eq!(of("1.50").to_string(), "1.50");
        assert_eq!(of("-0.05").to_string(), "-0.05");
        assert_eq!(of("1e3").to_string(), "1000");
        assert_eq!(of("7").div(&of("2")).unwrap().to_string(), "3.5");
        assert!(of("7").div(&of("0")).is_none());
        assert!(Decimal::parse("1e999999").is_none());
        assert_eq!(Decimal::radix("ff", 16).unwrap(), of("255"));
    }
}
