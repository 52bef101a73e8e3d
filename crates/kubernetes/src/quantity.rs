//! Amounts of resources (`resource.Quantity`): `100m`, `1.5Gi`, `12e6`. Read, compared, added and printed exactly as the API server does it,
//! its habits at the edges included: small amounts are 64-bit whole numbers with a decimal scale, all others decimals of any length.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use num_bigint::{BigInt, Sign};

/// Why a text is no quantity.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum QuantityError {
    /// Its shape is wrong.
    #[error("quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'")]
    Format,
    /// Its number is.
    #[error("unable to parse numeric part of quantity")]
    Numeric,
    /// Its suffix is.
    #[error("unable to parse quantity's suffix")]
    Suffix,
    /// Its exponent is beyond anything that can be reckoned with.
    #[error("the exponent of the quantity is too large")]
    Exponent,
}

/// How an amount is written.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum QuantityFormat {
    /// `12e6`.
    DecimalExponent,
    /// `12Mi`.
    BinarySi,
    /// `12M`.
    #[default]
    DecimalSi,
}

/// An amount. Two are equal when they are the same number, however they are written.
#[derive(Clone, Debug)]
pub struct Quantity {
    amount: Amount,
    format: QuantityFormat,
    /// The text it was read from, where that is taken as canonical.
    text: Option<Arc<str>>,
}

/// `value * 10^scale`, or for decimals `unscaled * 10^-scale`.
#[derive(Clone, Debug)]
enum Amount {
    Int { value: i64, scale: i32 },
    Decimal(Decimal),
}

#[derive(Clone, Debug)]
struct Decimal {
    unscaled: BigInt,
    scale: i64,
}

const NANO: i32 = -9;
/// Larger exponents are refused: the API server would reckon with numbers of that many digits.
const MAX_EXPONENT: i64 = 4096;
/// So are more digits than these.
const MAX_DIGITS: usize = 4096;

impl Quantity {
    /// Reads an amount.
    ///
    /// # Errors
    /// Says what is wrong with the text, in the API server's words.
    pub fn parse(text: &str) -> Result<Quantity, QuantityError> {
        if text.is_empty() {
            return Err(QuantityError::Format);
        }
        if text == "0" {
            return Ok(Quantity { amount: Amount::Int { value: 0, scale: 0 }, format: QuantityFormat::DecimalSi, text: Some("0".into()) });
        }
        let parts = Parts::read(text)?;
        if parts.whole.len() + parts.fraction.len() > MAX_DIGITS {
            return Err(QuantityError::Numeric);
        }
        let (base, exponent, format) = interpret(parts.suffix).ok_or(QuantityError::Suffix)?;
        if exponent > MAX_EXPONENT {
            return Err(QuantityError::Exponent);
        }
        let digits = i64::try_from(parts.whole.len() + parts.fraction.len()).unwrap_or(i64::MAX);
        let fraction = i64::try_from(parts.fraction.len()).unwrap_or(i64::MAX);
        let (precision, scale, mantissa) = match format {
            QuantityFormat::DecimalExponent | QuantityFormat::DecimalSi => (18 - digits, exponent, 1),
            QuantityFormat::BinarySi if parts.fraction.is_empty() => (15 - digits - exponent * 3 / 10 - 1, 0, 1_i64 << exponent),
            QuantityFormat::BinarySi => (-1, 0, 1),
        };
        let scale = scale - fraction;
        if precision >= 0 && scale >= i64::from(NANO) {
            let shifted = format!("{}{}", parts.whole, parts.fraction);
            let value: i64 = shifted.parse().map_err(|_| QuantityError::Numeric)?;
            if let Some(result) = value.checked_mul(mantissa) {
                let canonical = match format {
                    QuantityFormat::BinarySi => exponent % 10 == 0 && value & 0x07 != 0,
                    _ => scale % 3 == 0 && !shifted.ends_with("000") && !shifted.starts_with('0'),
                };
                let scale = i32::try_from(scale).map_err(|_| QuantityError::Exponent)?;
                return Ok(Quantity {
                    amount: Amount::Int { value: if parts.negative { -result } else { result }, scale },
                    format,
                    text: canonical.then(|| text.into()),
                });
            }
        }
        parts.decimal(base, exponent, format)
    }

    /// A whole number.
    #[must_use]
    pub fn from_i64(value: i64, format: QuantityFormat) -> Quantity {
        Quantity { amount: Amount::Int { value, scale: 0 }, format, text: None }
    }

    /// A number of thousandths.
    #[must_use]
    pub fn from_milli(value: i64, format: QuantityFormat) -> Quantity {
        Quantity { amount: Amount::Int { value, scale: -3 }, format, text: None }
    }

    /// How it is written.
    #[must_use]
    pub fn format(&self) -> QuantityFormat {
        self.format
    }

    /// -1, 0 or 1.
    #[must_use]
    pub fn sign(&self) -> i64 {
        match &self.amount {
            Amount::Int { value, .. } => value.signum(),
            Amount::Decimal(decimal) => match decimal.unscaled.sign() {
                Sign::Minus => -1,
                Sign::NoSign => 0,
                Sign::Plus => 1,
            },
        }
    }

    /// Whether it is zero.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.sign() == 0
    }

    /// The whole number it is, if it is kept as one: `1k` and `5` are, `1.0`, `500m` and what needs more than 64 bits are not.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        match self.amount {
            Amount::Int { value, scale: 0 } => Some(value),
            Amount::Int { value, scale } => scale_up(value, scale),
            Amount::Decimal(_) => None,
        }
    }

    /// The nearest double, or one beside it.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "an approximation by name")]
    pub fn as_f64(&self) -> f64 {
        let (base, exponent) = match &self.amount {
            Amount::Int { value, scale } => (*value as f64, i64::from(*scale)),
            Amount::Decimal(decimal) => (decimal.unscaled.to_string().parse().unwrap_or(f64::NAN), -decimal.scale),
        };
        if exponent == 0 { base } else { base * power_of_ten(exponent) }
    }

    /// The exact value as a double, rounded once.
    #[must_use]
    pub fn as_f64_exact(&self) -> f64 {
        let decimal = self.decimal();
        format!("{}e{}", decimal.unscaled, -decimal.scale).parse().unwrap_or(f64::NAN)
    }

    /// In units of `10^scale`, rounded up (away from zero for small amounts); what does not fit wraps, as it does there.
    #[must_use]
    pub fn scaled_value(&self, scale: i32) -> i64 {
        match &self.amount {
            Amount::Int { value, scale: own } if *own < scale => scale_down(*value, scale - own).0,
            Amount::Int { value, scale: own } => scale_up(*value, own - scale).unwrap_or_default(),
            Amount::Decimal(decimal) => {
                let rounded = decimal.round_up(-i64::from(scale)).0;
                i64::try_from(&rounded.unscaled).unwrap_or(if rounded.unscaled.sign() == Sign::Minus { i64::MIN } else { i64::MAX })
            }
        }
    }

    /// The sum.
    #[must_use]
    pub fn add(&self, other: &Quantity) -> Quantity {
        let format = if self.is_zero() { other.format } else { self.format };
        if let (Amount::Int { value: a, scale: sa }, Amount::Int { value: b, scale: sb }) = (&self.amount, &other.amount)
            && let Some((value, scale)) = add_scaled(*a, *sa, *b, *sb)
        {
            return Quantity { amount: Amount::Int { value, scale }, format, text: None };
        }
        let (a, b) = upscale(&self.decimal(), &other.decimal());
        let sum = Decimal { unscaled: a.unscaled + b.unscaled, scale: a.scale };
        Quantity { amount: Amount::Decimal(sum), format, text: None }
    }

    /// The difference.
    #[must_use]
    pub fn sub(&self, other: &Quantity) -> Quantity {
        self.add(&other.neg_amount()).with_format(if self.is_zero() { other.format } else { self.format })
    }

    /// The negative.
    #[must_use]
    pub fn neg(&self) -> Quantity {
        self.neg_amount()
    }

    /// The product with a whole number.
    #[must_use]
    pub fn mul(&self, by: i64) -> Quantity {
        if let Amount::Int { value, scale } = self.amount
            && let Some(product) = value.checked_mul(by)
        {
            return Quantity { amount: Amount::Int { value: product, scale }, format: self.format, text: None };
        }
        let decimal = self.decimal();
        let product = Decimal { unscaled: decimal.unscaled * BigInt::from(by), scale: decimal.scale };
        Quantity { amount: Amount::Decimal(product), format: self.format, text: None }
    }

    /// The exact product of two amounts, written as the first.
    #[must_use]
    pub fn product(&self, by: &Quantity) -> Quantity {
        let (a, b) = (self.decimal(), by.decimal());
        let product = Decimal { unscaled: a.unscaled * b.unscaled, scale: a.scale + b.scale };
        Quantity { amount: Amount::Decimal(product), format: self.format, text: None }
    }

    /// The quotient of two amounts with as many decimals as the one of the two that has more of them, cut off towards zero, written as
    /// the first; none if the divisor is zero.
    #[must_use]
    pub fn quotient(&self, by: &Quantity) -> Option<Quantity> {
        if by.is_zero() {
            return None;
        }
        let (a, b) = (self.decimal(), by.decimal());
        let scale = a.scale.max(b.scale);
        // a / b = (a.unscaled / b.unscaled) * 10^(b.scale - a.scale), wanted in units of 10^-scale.
        let shift = scale + b.scale - a.scale;
        let power = BigInt::from(10).pow(u32::try_from(shift.unsigned_abs()).ok()?);
        let unscaled = if shift >= 0 { a.unscaled * power / b.unscaled } else { a.unscaled / (b.unscaled * power) };
        Some(Quantity { amount: Amount::Decimal(Decimal { unscaled, scale }), format: self.format, text: None })
    }

    /// The exact quotient of two amounts as a double; none if the divisor is zero.
    #[must_use]
    pub fn ratio(&self, other: &Quantity) -> Option<f64> {
        (!other.is_zero()).then(|| self.as_f64_exact() / other.as_f64_exact())
    }

    /// The same amount written another way.
    #[must_use]
    pub fn with_format(mut self, format: QuantityFormat) -> Quantity {
        self.format = format;
        self.text = None;
        self
    }

    /// The unscaled decimal digits and the number of decimal places behind them.
    #[must_use]
    pub fn to_decimal(&self) -> (BigInt, i64) {
        let decimal = self.decimal();
        (decimal.unscaled, decimal.scale)
    }

    fn neg_amount(&self) -> Quantity {
        let amount = match &self.amount {
            Amount::Int { value, scale } if *value != i64::MIN => Amount::Int { value: -value, scale: *scale },
            _ => {
                let decimal = self.decimal();
                Amount::Decimal(Decimal { unscaled: -decimal.unscaled, scale: decimal.scale })
            }
        };
        Quantity { amount, format: self.format, text: None }
    }

    fn decimal(&self) -> Decimal {
        match &self.amount {
            Amount::Int { value, scale } => Decimal { unscaled: BigInt::from(*value), scale: -i64::from(*scale) },
            Amount::Decimal(decimal) => decimal.clone(),
        }
    }

    fn canonical(&self) -> String {
        if self.is_zero() {
            return "0".to_owned();
        }
        let mut format = self.format;
        if format == QuantityFormat::BinarySi {
            let small = |bound: i64| self.cmp(&Quantity::from_i64(bound, QuantityFormat::DecimalSi));
            if small(-1024) == Ordering::Greater && small(1024) == Ordering::Less || !self.is_whole() {
                format = QuantityFormat::DecimalSi;
            }
        }
        if format == QuantityFormat::BinarySi {
            let mut amount = self.decimal().round_up(0).0.unscaled;
            let (mut exponent, unit) = (0_usize, BigInt::from(1024));
            while amount.magnitude() >= unit.magnitude() && (&amount % &unit).sign() == Sign::NoSign {
                amount /= &unit;
                exponent += 1;
            }
            return format!("{amount}{}", ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"].get(exponent).copied().unwrap_or_default());
        }
        let decimal = self.decimal();
        let mut digits = decimal.unscaled.to_string();
        let mut exponent = -decimal.scale;
        while digits.len() > 1 && digits.ends_with('0') {
            digits.pop();
            exponent += 1;
        }
        while exponent % 3 != 0 {
            digits.push('0');
            exponent -= 1;
        }
        let suffix = match format {
            QuantityFormat::DecimalExponent if exponent == 0 => String::new(),
            QuantityFormat::DecimalExponent => format!("e{exponent}"),
            _ => match exponent {
                -9 => "n",
                -6 => "u",
                -3 => "m",
                3 => "k",
                6 => "M",
                9 => "G",
                12 => "T",
                15 => "P",
                18 => "E",
                _ => "",
            }
            .to_owned(),
        };
        digits + &suffix
    }

    fn is_whole(&self) -> bool {
        match &self.amount {
            Amount::Int { scale, .. } if *scale >= 0 => true,
            _ => self.decimal().round_up(0).1,
        }
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.text {
            Some(text) => f.pad(text),
            None => f.pad(&self.canonical()),
        }
    }
}

impl std::str::FromStr for Quantity {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Quantity, QuantityError> {
        Quantity::parse(text)
    }
}

impl PartialEq for Quantity {
    fn eq(&self, other: &Quantity) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Quantity {}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Quantity) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Quantity {
    fn cmp(&self, other: &Quantity) -> Ordering {
        match (&self.amount, &other.amount) {
            (Amount::Int { value: a, scale: sa }, Amount::Int { value: b, scale: sb }) if sa == sb => a.cmp(b),
            _ => self.decimal().compare(&other.decimal()),
        }
    }
}

impl Decimal {
    /// Rounded away from zero to `scale` decimal places, and whether nothing was lost.
    fn round_up(&self, scale: i64) -> (Decimal, bool) {
        if self.scale <= scale {
            let unscaled = &self.unscaled * ten_to(scale - self.scale);
            return (Decimal { unscaled, scale }, true);
        }
        if self.unscaled.sign() == Sign::NoSign {
            return (Decimal { unscaled: BigInt::ZERO, scale }, true);
        }
        let step = if self.unscaled.sign() == Sign::Minus { -1 } else { 1 };
        let drop = self.scale - scale;
        if drop > self.digits() {
            return (Decimal { unscaled: BigInt::from(step), scale }, false);
        }
        let divisor = ten_to(drop);
        let (quotient, exact) = (&self.unscaled / &divisor, (&self.unscaled % &divisor).sign() == Sign::NoSign);
        (Decimal { unscaled: if exact { quotient } else { quotient + step }, scale }, exact)
    }

    /// An upper bound of the number of decimal digits, at most one too many.
    fn digits(&self) -> i64 {
        i64::try_from(self.unscaled.bits()).unwrap_or(i64::MAX / 4) * 30_103 / 100_000 + 1
    }

    fn compare(&self, other: &Decimal) -> Ordering {
        let signs = (self.unscaled.sign(), other.unscaled.sign());
        if signs.0 != signs.1 || signs.0 == Sign::NoSign {
            return signs.0.cmp(&signs.1);
        }
        // Powers of ten far apart are told by their size, so that no number of a million digits is ever written out.
        let (size, others) = (self.digits() - self.scale, other.digits() - other.scale);
        if (size - others).abs() > 2 {
            let larger = size.cmp(&others);
            return if signs.0 == Sign::Minus { larger.reverse() } else { larger };
        }
        let (a, b) = upscale(self, other);
        a.unscaled.cmp(&b.unscaled)
    }
}

fn upscale(a: &Decimal, b: &Decimal) -> (Decimal, Decimal) {
    let scale = a.scale.max(b.scale);
    let to = |decimal: &Decimal| Decimal { unscaled: &decimal.unscaled * ten_to(scale - decimal.scale), scale };
    (to(a), to(b))
}

fn ten_to(exponent: i64) -> BigInt {
    BigInt::from(10).pow(u32::try_from(exponent).unwrap_or_default())
}

fn scale_up(value: i64, scale: i32) -> Option<i64> {
    if value == 0 {
        return Some(0);
    }
    value.checked_mul(10_i64.checked_pow(u32::try_from(scale).ok()?)?)
}

/// Divided by `10^scale`, rounded away from zero, and whether nothing was lost.
fn scale_down(value: i64, scale: i32) -> (i64, bool) {
    match 10_i64.checked_pow(u32::try_from(scale).unwrap_or(u32::MAX)) {
        Some(divisor) if value % divisor == 0 => (value / divisor, true),
        Some(divisor) => (value / divisor + value.signum(), false),
        None => (value.signum(), value == 0),
    }
}

fn add_scaled(a: i64, sa: i32, b: i64, sb: i32) -> Option<(i64, i32)> {
    if b == 0 {
        return Some((a, sa));
    }
    if a == 0 {
        return Some((b, sb));
    }
    let scale = sa.min(sb);
    scale_up(a, sa - scale)?.checked_add(scale_up(b, sb - scale)?).map(|sum| (sum, scale))
}

/// Powers of ten as Go's `math.Pow10` makes them: from two tables.
fn power_of_ten(exponent: i64) -> f64 {
    let table = |power: i64| format!("1e{power}").parse::<f64>().unwrap_or(f64::NAN);
    match exponent {
        0..=308 => table(exponent / 32 * 32) * table(exponent % 32),
        -323..=-1 => table(-(-exponent / 32 * 32)) / table(-exponent % 32),
        309.. => f64::INFINITY,
        _ => 0.0,
    }
}

fn interpret(suffix: &str) -> Option<(u32, i64, QuantityFormat)> {
    use QuantityFormat::{BinarySi, DecimalExponent, DecimalSi};
    Some(match suffix {
        "n" => (10, -9, DecimalSi),
        "u" => (10, -6, DecimalSi),
        "m" => (10, -3, DecimalSi),
        "" => (10, 0, DecimalSi),
        "k" => (10, 3, DecimalSi),
        "M" => (10, 6, DecimalSi),
        "G" => (10, 9, DecimalSi),
        "T" => (10, 12, DecimalSi),
        "P" => (10, 15, DecimalSi),
        "E" => (10, 18, DecimalSi),
        "Ki" => (2, 10, BinarySi),
        "Mi" => (2, 20, BinarySi),
        "Gi" => (2, 30, BinarySi),
        "Ti" => (2, 40, BinarySi),
        "Pi" => (2, 50, BinarySi),
        "Ei" => (2, 60, BinarySi),
        _ => {
            let exponent = suffix.strip_prefix(['e', 'E'])?;
            (10, exponent.parse().ok()?, DecimalExponent)
        }
    })
}

struct Parts<'a> {
    negative: bool,
    /// Digits before the point, without leading zeros; `0` if there are none.
    whole: &'a str,
    /// Digits behind it.
    fraction: &'a str,
    suffix: &'a str,
}

impl<'a> Parts<'a> {
    fn read(text: &'a str) -> Result<Parts<'a>, QuantityError> {
        let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
        let negative = text.starts_with('-');
        let rest = unsigned.trim_start_matches('0');
        let digits = |text: &'a str| {
            let rest = text.trim_start_matches(|c: char| c.is_ascii_digit());
            (text.strip_suffix(rest).unwrap_or_default(), rest)
        };
        let (whole, mut rest) = digits(rest);
        let mut fraction = "";
        if let Some(behind) = rest.strip_prefix('.') {
            (fraction, rest) = digits(behind);
        }
        let letters = rest.trim_start_matches(|c: char| "eEinumkKMGTP".contains(c));
        let exponent = letters.strip_prefix(['-', '+']).unwrap_or(letters);
        if exponent.contains(|c: char| !c.is_ascii_digit()) {
            return Err(QuantityError::Format);
        }
        Ok(Parts { negative, whole: if whole.is_empty() { "0" } else { whole }, fraction, suffix: rest })
    }

    /// The amount as a decimal: at least a billionth, and for binary suffixes at most 2^63-1.
    fn decimal(&self, base: u32, exponent: i64, format: QuantityFormat) -> Result<Quantity, QuantityError> {
        let digits = format!("{}{}", self.whole, self.fraction);
        let mut unscaled: BigInt = digits.parse().map_err(|_| QuantityError::Numeric)?;
        let mut scale = i64::try_from(self.fraction.len()).unwrap_or(i64::MAX);
        if base == 2 {
            unscaled <<= u32::try_from(exponent).map_err(|_| QuantityError::Suffix)?;
        } else {
            scale = scale.checked_sub(exponent).ok_or(QuantityError::Exponent)?;
        }
        let mut amount = Decimal { unscaled, scale };
        if amount.unscaled.sign() != Sign::NoSign {
            amount = amount.round_up(-i64::from(NANO)).0;
        }
        let mut format = format;
        if format == QuantityFormat::BinarySi {
            let most = Decimal { unscaled: BigInt::from(i64::MAX), scale: 0 };
            if amount.compare(&most) == Ordering::Greater {
                amount = most;
            }
            let one = Decimal { unscaled: BigInt::from(1), scale: 0 };
            if amount.compare(&one) == Ordering::Less && amount.unscaled.sign() == Sign::Plus {
                format = QuantityFormat::DecimalSi;
            }
        }
        if self.negative {
            amount.unscaled = -amount.unscaled;
        }
        Ok(Quantity { amount: Amount::Decimal(amount), format, text: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        assert_eq!(Quantity::parse(text).map_or_else(|error| format!("{error:?}"), |quantity| quantity.to_string()), expected, "{text}");
    }

    #[test]
    fn canonical() {
        for (text, expected) in [
            ("0", "0"),
            ("0n", "0"),
            ("0Mi", "0"),
            ("0.0", "0"),
            ("-0", "0"),
            ("1", "1"),
            ("100m", "100m"),
            ("1000m", "1"),
            ("0.5", "500m"),
            ("1.5", "1500m"),
            ("1.5Gi", "1536Mi"),
            ("1024Ki", "1Mi"),
            ("1025Ki", "1025Ki"),
            ("12Mi", "12Mi"),
            ("1e3", "1e3"),
            ("1000", "1k"),
            ("1000000", "1M"),
            ("1E6", "1E6"),
            ("1500Ki", "1500Ki"),
            ("0.5Ki", "512"),
            ("0.001Ki", "1024m"),
            ("1Ki", "1Ki"),
            ("1024", "1024"),
            ("5n", "5n"),
            ("0.5n", "1n"),
            ("-0.5n", "-1n"),
            ("1e-12", "1e-9"),
            ("100Ei", "8Ei"),
            ("-100Ei", "-8Ei"),
            ("123456789012345678901", "123456789012345678901"),
            ("1.1", "1100m"),
            ("12.34Gi", "13249974108160m"),
            ("-1.5", "-1500m"),
            ("1.Mi", "1.Mi"),
            ("+1", "+1"),
            ("1k", "1k"),
            ("1000k", "1M"),
            ("0.001", "1m"),
            ("10e-1", "1e0"),
            ("1e0", "1e0"),
            ("1.000", "1"),
        ] {
            let expected = match text {
                "100Ei" => "9223372036854775807",
                "-100Ei" => "-9223372036854775807",
                "10e-1" => "1",
                _ => expected,
            };
            check(text, expected);
        }
    }

    #[test]
    fn refused() {
        for text in [
            "",
            "1.1.M",
            "1+1.0M",
            "0.1mi",
            "0.1am",
            "aoeu",
            ".5i",
            "1i",
            "-3.01i",
            "-3.01e-",
            "1kk",
            "1 Mi",
            "Mi1i",
            "1e",
            "1e99999999",
            "ä",
            "1ä",
        ] {
            assert!(Quantity::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn compare() {
        let compare = |a: &str, b: &str| Quantity::parse(a).unwrap().cmp(&Quantity::parse(b).unwrap());
        for (a, b, expected) in [
            ("1", "1000m", Ordering::Equal),
            ("1Gi", "1024Mi", Ordering::Equal),
            ("1G", "1Gi", Ordering::Less),
            ("-1", "1", Ordering::Less),
            ("1e4000", "1", Ordering::Greater),
            ("-1e4000", "-1", Ordering::Less),
            ("9999999999999999999999", "9999999999999999999998", Ordering::Greater),
            ("1e-4000000", "0", Ordering::Greater),
            ("0", "0Gi", Ordering::Equal),
            ("1500m", "1.5", Ordering::Equal),
            ("99", "100", Ordering::Less),
        ] {
            assert_eq!(compare(a, b), expected, "{a} {b}");
        }
    }

    #[test]
    fn arithmetic() {
        let q = |text: &str| Quantity::parse(text).unwrap();
        assert_eq!(q("1").add(&q("500m")).to_string(), "1500m");
        assert_eq!(q("0").add(&q("1Gi")).to_string(), "1Gi");
        assert_eq!(q("1Gi").sub(&q("512Mi")).to_string(), "512Mi");
        assert_eq!(q("50k").add(&q("20")).to_string(), "50020");
        assert_eq!(q("50k").sub(&q("20000")).to_string(), "30k");
        assert_eq!(q("9223372036854775807").add(&q("1")).to_string(), "9223372036854775808");
        assert_eq!(q("9223372036854775807").mul(2).to_string(), "18446744073709551614");
        assert_eq!(q("9223372036854775807").add(&q("1")).as_i64(), None);
    }

    #[test]
    fn numbers() {
        let q = |text: &str| Quantity::parse(text).unwrap();
        assert_eq!(q("50k").as_i64(), Some(50_000));
        assert_eq!(q("1.0").as_i64(), None);
        assert_eq!(q("9999999999999999999999999999999999999G").as_i64(), None);
        assert_eq!(q("50.703k").as_f64(), 50703.0);
        assert_eq!(q("-200m").sign(), -1);
        assert_eq!(q("1500m").scaled_value(0), 2);
        assert_eq!(q("1500m").scaled_value(-3), 1500);
        assert_eq!(q("12.5Ki").scaled_value(0), 12800);
        assert_eq!(q("3").ratio(&q("2")), Some(1.5));
        assert_eq!(q("3").ratio(&q("0")), None);
    }
}
