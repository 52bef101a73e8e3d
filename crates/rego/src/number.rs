//! Numbers as OPA has them: whole numbers of any size are exact, everything else is a decimal text whose arithmetic is done with a
//! mantissa of 64 bits. Numbers keep the way they were written (`1.0`, `1e2`) and compare by value.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use num_bigint::{BigInt, BigUint, Sign};
use num_traits::{One, Signed, ToPrimitive, Zero};

/// The longest decimal expansion that is ever made of an exponent; longer ones are refused.
const MAX_DIGITS: i64 = 20_000;

/// A number.
#[derive(Clone)]
pub enum Number {
    /// A whole number that fits, written in the usual way.
    Int(i64),
    /// Any other.
    Wide(Arc<Wide>),
}

/// A number that is not a small whole one, or is written in an unusual way.
pub struct Wide {
    text: Box<str>,
    /// The nearest double: what decides most comparisons, and the hash.
    near: f64,
}

impl Wide {
    /// As it was written, or as OPA writes the result it is.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl Number {
    /// Reads a number as JSON writes it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Number> {
        if !is_json_number(text) {
            return None;
        }
        Some(Number::of_text(text))
    }

    /// A number of a text that is known to be one.
    fn of_text(text: &str) -> Number {
        if let Ok(value) = text.parse::<i64>()
            && (value != 0 || text == "0")
        {
            return Number::Int(value);
        }
        let near = text.parse::<f64>().unwrap_or(0.0);
        Number::Wide(Arc::new(Wide { text: text.into(), near }))
    }

    /// A double, written as Go's JSON encoder writes it. Infinities and NaN, which JSON does not have, become zero with the largest
    /// exponent that is written.
    #[must_use]
    pub fn from_f64(value: f64) -> Number {
        #[expect(clippy::cast_possible_truncation, reason = "checked to be whole and in range")]
        if value.fract() == 0.0 && value.abs() < 9_007_199_254_740_992.0 && !(value == 0.0 && value.is_sign_negative()) {
            return Number::Int(value as i64);
        }
        if !value.is_finite() {
            return Number::of_text(if value < 0.0 { "-1e999" } else { "1e999" });
        }
        Number::of_text(&json_text(value))
    }

    /// A whole number of any size.
    #[must_use]
    pub fn from_big(value: &BigInt) -> Number {
        value.to_i64().map_or_else(|| Number::of_text(&value.to_string()), Number::Int)
    }

    /// A whole number.
    #[must_use]
    pub fn from_usize(value: usize) -> Number {
        i64::try_from(value).map_or_else(|_| Number::of_text(&value.to_string()), Number::Int)
    }

    /// The whole number, if it is written as one and fits.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Number::Int(value) => Some(*value),
            Number::Wide(wide) if wide.near == 0.0 => wide.text.parse().ok(),
            Number::Wide(_) => None,
        }
    }

    /// The whole number it is equal to, however it is written, if it fits.
    #[must_use]
    pub fn whole(&self) -> Option<i64> {
        match self {
            Number::Int(value) => Some(*value),
            Number::Wide(wide) if wide.near.abs() < 1e19 && wide.near.fract() == 0.0 => self.to_big()?.to_i64(),
            Number::Wide(_) => None,
        }
    }

    /// The nearest double.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "the nearest double is asked for")]
    pub fn to_f64(&self) -> f64 {
        match self {
            Number::Int(value) => *value as f64,
            Number::Wide(wide) => wide.near,
        }
    }

    /// The whole number it is equal to, if it is whole and not beyond all bounds.
    #[must_use]
    pub fn to_big(&self) -> Option<BigInt> {
        match self {
            Number::Int(value) => Some(BigInt::from(*value)),
            Number::Wide(wide) => {
                let decimal = Decimal::parse(&wide.text);
                if decimal.digits.is_empty() {
                    return Some(BigInt::zero());
                }
                let length = i64::try_from(decimal.digits.len()).ok()?;
                if decimal.point < length || decimal.point > MAX_DIGITS {
                    return None;
                }
                let mut digits = decimal.digits;
                digits.resize(usize::try_from(decimal.point).ok()?, b'0');
                let value = BigUint::parse_bytes(&digits, 10)?;
                Some(BigInt::from_biguint(if decimal.negative { Sign::Minus } else { Sign::Plus }, value))
            }
        }
    }

    /// As a float with a mantissa of 64 bits.
    ///
    /// # Errors
    /// The exponent is beyond all bounds.
    pub fn to_float(&self) -> Result<Float, OutOfRange> {
        match self {
            Number::Int(value) => Ok(Float::from_int(*value)),
            Number::Wide(wide) => Float::from_decimal(&Decimal::parse(&wide.text)),
        }
    }

    /// Whether it is written with a point or an exponent.
    #[must_use]
    pub fn is_written_as_float(&self) -> bool {
        match self {
            Number::Int(_) => false,
            Number::Wide(wide) => wide.text.bytes().any(|byte| matches!(byte, b'.' | b'e' | b'E')),
        }
    }

    /// -1, 0 or 1.
    #[must_use]
    pub fn sign(&self) -> i32 {
        match self.cmp(&Number::Int(0)) {
            Ordering::Less => -1,
            Ordering::Equal => 0,
            Ordering::Greater => 1,
        }
    }
}

impl From<i64> for Number {
    fn from(value: i64) -> Number {
        Number::Int(value)
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Number::Int(value) => value.fmt(f),
            Number::Wide(wide) => f.write_str(&wide.text),
        }
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Number) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Number {}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Number) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Number) -> Ordering {
        match (self, other) {
            (Number::Int(a), Number::Int(b)) => a.cmp(b),
            (Number::Wide(a), Number::Wide(b)) if a.text == b.text => Ordering::Equal,
            _ => match self.to_f64().partial_cmp(&other.to_f64()) {
                Some(Ordering::Equal) | None => self.decimal().cmp(&other.decimal()),
                Some(order) => order,
            },
        }
    }
}

impl Hash for Number {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let near = self.to_f64();
        // The two zeros are equal.
        state.write_u64(if near == 0.0 { 0 } else { near.to_bits() });
    }
}

impl Number {
    fn decimal(&self) -> Decimal {
        match self {
            Number::Int(value) => Decimal::parse(&value.to_string()),
            Number::Wide(wide) => Decimal::parse(&wide.text),
        }
    }
}

/// A decimal: `0.DIGITS * 10^point`, without zeros at either end; zero has no digits.
#[derive(PartialEq, Eq, Debug)]
struct Decimal {
    negative: bool,
    digits: Vec<u8>,
    point: i64,
}

impl Decimal {
    fn parse(text: &str) -> Decimal {
        let (negative, rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => {
                // An exponent that does not fit is as good as an endless one.
                let endless = if exponent.starts_with('-') { i64::from(i32::MIN) } else { i64::from(i32::MAX) };
                (mantissa, exponent.parse::<i32>().map_or(endless, i64::from))
            }
            None => (rest, 0),
        };
        let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let mut digits: Vec<u8> = whole.bytes().chain(part.bytes()).collect();
        let leading = digits.iter().take_while(|digit| **digit == b'0').count();
        digits.drain(..leading);
        let mut point = i64::try_from(whole.len()).unwrap_or(i64::MAX) - i64::try_from(leading).unwrap_or(0) + exponent;
        while digits.last() == Some(&b'0') {
            digits.pop();
        }
        if digits.is_empty() {
            point = 0;
        }
        Decimal { negative: negative && !digits.is_empty(), digits, point }
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Decimal) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Decimal) -> Ordering {
        let side = |decimal: &Decimal| match (decimal.digits.is_empty(), decimal.negative) {
            (true, _) => 0,
            (false, true) => -1,
            (false, false) => 1,
        };
        side(self).cmp(&side(other)).then_with(|| {
            let size = self.point.cmp(&other.point).then_with(|| self.digits.cmp(&other.digits));
            if self.negative { size.reverse() } else { size }
        })
    }
}

/// Whether a text is a number of JSON.
#[must_use]
pub fn is_json_number(text: &str) -> bool {
    let bytes = text.as_bytes();
    let rest = bytes.strip_prefix(b"-").unwrap_or(bytes);
    let digits = |bytes: &[u8]| bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let whole = digits(rest);
    if whole == 0 || (whole > 1 && rest.first() == Some(&b'0')) {
        return false;
    }
    let mut rest = rest.get(whole..).unwrap_or_default();
    if let Some(part) = rest.strip_prefix(b".") {
        let count = digits(part);
        if count == 0 {
            return false;
        }
        rest = part.get(count..).unwrap_or_default();
    }
    if let [b'e' | b'E', exponent @ ..] = rest {
        let exponent = match exponent {
            [b'+' | b'-', after @ ..] => after,
            _ => exponent,
        };
        let count = digits(exponent);
        if count == 0 {
            return false;
        }
        rest = exponent.get(count..).unwrap_or_default();
    }
    rest.is_empty()
}

/// A double as Go's JSON encoder writes it: the shortest text, with an exponent from 1e21 on and below 1e-6.
fn json_text(value: f64) -> String {
    let size = value.abs();
    if size != 0.0 && !(1e-6..1e21).contains(&size) {
        let text = format!("{value:e}");
        // Rust writes `1e21`, Go `1e+21`; both write `1e-7`.
        match text.split_once('e') {
            Some((mantissa, exponent)) if !exponent.starts_with('-') => format!("{mantissa}e+{exponent}"),
            _ => text,
        }
    } else {
        format!("{value}")
    }
}

/// A number is too large or too small to compute with.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("number is out of range")]
pub struct OutOfRange;

/// A binary float with a mantissa of 64 bits, rounded to the nearest, ties to even: `mantissa * 2^exponent`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Float {
    negative: bool,
    /// The highest bit is set, or it is zero.
    mantissa: u64,
    exponent: i64,
}

impl Float {
    fn zero(negative: bool) -> Float {
        Float { negative, mantissa: 0, exponent: 0 }
    }

    fn from_int(value: i64) -> Float {
        Float::rounded(value < 0, u128::from(value.unsigned_abs()), 0, false)
    }

    /// The float of `value * 2^exponent`, where `sticky` says that a little more was cut off.
    fn rounded(negative: bool, value: u128, exponent: i64, sticky: bool) -> Float {
        if value == 0 {
            return Float::zero(negative);
        }
        let width = 128 - i64::from(value.leading_zeros());
        let shift = width - 64;
        if shift <= 0 {
            #[expect(clippy::cast_possible_truncation, reason = "64 bits or fewer")]
            let mantissa = (value << (-shift).unsigned_abs()) as u64;
            return Float { negative, mantissa, exponent: exponent + shift };
        }
        let cut = value & ((1_u128 << shift.unsigned_abs()) - 1);
        let half = 1_u128 << (shift.unsigned_abs() - 1);
        #[expect(clippy::cast_possible_truncation, reason = "64 bits remain")]
        let mantissa = (value >> shift.unsigned_abs()) as u64;
        let up = cut > half || (cut == half && (sticky || mantissa & 1 == 1));
        let exponent = exponent + shift;
        if !up {
            Float { negative, mantissa, exponent }
        } else if mantissa == u64::MAX {
            Float { negative, mantissa: 1 << 63, exponent: exponent + 1 }
        } else {
            Float { negative, mantissa: mantissa + 1, exponent }
        }
    }

    fn of_big(negative: bool, value: &BigUint, exponent: i64, sticky: bool) -> Float {
        let width = value.bits();
        if width <= 128 {
            return Float::rounded(negative, value.to_u128().unwrap_or(u128::MAX), exponent, sticky);
        }
        let shift = width - 128;
        let top = value >> shift;
        let rest = sticky || value.trailing_zeros().is_some_and(|zeros| zeros < shift);
        // The cut bits lie far below half a unit; a bit in the lowest place stands for them.
        let top = top.to_u128().unwrap_or(u128::MAX) | u128::from(rest);
        Float::rounded(negative, top, exponent + i64::try_from(shift).unwrap_or(i64::MAX), rest)
    }

    fn from_decimal(decimal: &Decimal) -> Result<Float, OutOfRange> {
        if decimal.digits.is_empty() {
            return Ok(Float::zero(decimal.negative));
        }
        let digits = BigUint::parse_bytes(&decimal.digits, 10).ok_or(OutOfRange)?;
        let power = decimal.point - i64::try_from(decimal.digits.len()).map_err(|_| OutOfRange)?;
        if !(-MAX_DIGITS..=MAX_DIGITS).contains(&power) {
            return Err(OutOfRange);
        }
        let ten = BigUint::from(10_u8).pow(u32::try_from(power.unsigned_abs()).map_err(|_| OutOfRange)?);
        if power >= 0 {
            return Ok(Float::of_big(decimal.negative, &(digits * ten), 0, false));
        }
        let shift = (ten.bits() + 130).saturating_sub(digits.bits());
        let raised = digits << shift;
        let quotient = &raised / &ten;
        let sticky = &quotient * &ten != raised;
        Ok(Float::of_big(decimal.negative, &quotient, -i64::try_from(shift).map_err(|_| OutOfRange)?, sticky))
    }

    /// The exact float of a whole number, rounded to 64 bits.
    #[must_use]
    pub fn from_big(value: &BigInt) -> Float {
        Float::of_big(value.is_negative(), value.magnitude(), 0, false)
    }

    /// Whether it is zero.
    #[must_use]
    pub fn is_zero(self) -> bool {
        self.mantissa == 0
    }

    /// Whether it is below zero, or the negative zero.
    #[must_use]
    pub fn is_negative(self) -> bool {
        self.negative
    }

    /// Without its sign.
    #[must_use]
    pub fn abs(self) -> Float {
        Float { negative: false, ..self }
    }

    /// With the other sign.
    #[must_use]
    pub fn negate(self) -> Float {
        Float { negative: !self.negative, ..self }
    }

    /// The sum.
    #[must_use]
    pub fn plus(self, other: Float) -> Float {
        if self.is_zero() && other.is_zero() {
            return Float::zero(self.negative && other.negative);
        }
        if self.is_zero() {
            return other;
        }
        if other.is_zero() {
            return self;
        }
        let (high, low) = if self.exponent >= other.exponent { (self, other) } else { (other, self) };
        let gap = high.exponent - low.exponent;
        let signed = |float: Float, value: BigUint| BigInt::from_biguint(if float.negative { Sign::Minus } else { Sign::Plus }, value);
        if gap > 200 {
            // The lower one only matters as something not zero.
            let raised = signed(high, BigUint::from(high.mantissa) << 130_u32);
            let nudged = if low.negative { raised - BigInt::one() } else { raised + BigInt::one() };
            return Float::of_big(nudged.is_negative(), nudged.magnitude(), high.exponent - 130, false);
        }
        let sum = signed(high, BigUint::from(high.mantissa) << gap.unsigned_abs()) + signed(low, BigUint::from(low.mantissa));
        if sum.is_zero() {
            return Float::zero(false);
        }
        Float::of_big(sum.is_negative(), sum.magnitude(), low.exponent, false)
    }

    /// The difference.
    #[must_use]
    pub fn minus(self, other: Float) -> Float {
        self.plus(other.negate())
    }

    /// The product.
    #[must_use]
    pub fn times(self, other: Float) -> Float {
        let negative = self.negative != other.negative;
        if self.is_zero() || other.is_zero() {
            return Float::zero(negative);
        }
        Float::rounded(negative, u128::from(self.mantissa) * u128::from(other.mantissa), self.exponent + other.exponent, false)
    }

    /// The quotient; `None` by zero.
    #[must_use]
    pub fn over(self, other: Float) -> Option<Float> {
        if other.is_zero() {
            return None;
        }
        let negative = self.negative != other.negative;
        if self.is_zero() {
            return Some(Float::zero(negative));
        }
        let raised = BigUint::from(self.mantissa) << 130_u32;
        let divisor = BigUint::from(other.mantissa);
        let quotient = &raised / &divisor;
        let sticky = &quotient * &divisor != raised;
        Some(Float::of_big(negative, &quotient, self.exponent - other.exponent - 130, sticky))
    }

    /// The whole part, and whether nothing was cut off. `None` beyond all bounds.
    #[must_use]
    pub fn truncate(self) -> Option<(BigInt, bool)> {
        if self.is_zero() {
            return Some((BigInt::zero(), true));
        }
        let sign = if self.negative { Sign::Minus } else { Sign::Plus };
        if self.exponent >= 0 {
            if self.exponent > MAX_DIGITS * 4 {
                return None;
            }
            return Some((BigInt::from_biguint(sign, BigUint::from(self.mantissa) << self.exponent.unsigned_abs()), true));
        }
        let shift = self.exponent.unsigned_abs();
        if shift >= 64 {
            return Some((BigInt::zero(), false));
        }
        let whole = self.mantissa >> shift;
        Some((BigInt::from_biguint(sign, BigUint::from(whole)), whole << shift == self.mantissa))
    }

    /// The number OPA makes of it: whole ones in full, others in the shortest text, with an exponent where it is
    /// below -4 or above 5.
    ///
    /// # Errors
    /// It is beyond all bounds.
    pub fn to_number(self) -> Result<Number, OutOfRange> {
        if self.is_zero() {
            return Ok(if self.negative { Number::of_text("-0") } else { Number::Int(0) });
        }
        if self.exponent.abs() > MAX_DIGITS * 4 {
            return Err(OutOfRange);
        }
        let (digits, point) = self.shortest();
        let whole =
            self.exponent >= 0 || (self.exponent > -64 && self.mantissa.trailing_zeros() >= u32::try_from(-self.exponent).unwrap_or(64));
        let mut text = String::new();
        if self.negative {
            text.push('-');
        }
        let length = i64::try_from(digits.len()).unwrap_or(i64::MAX);
        if whole {
            text.push_str(&digits);
            (length..point).for_each(|_| text.push('0'));
            return Ok(Number::of_text(&text));
        }
        let exponent = point - 1;
        if !(-4..6).contains(&exponent) {
            let (first, rest) = digits.split_at_checked(1).unwrap_or((&digits, ""));
            text.push_str(first);
            if !rest.is_empty() {
                text.push('.');
                text.push_str(rest);
            }
            let sign = if exponent < 0 { '-' } else { '+' };
            text.push_str(&format!("e{sign}{:02}", exponent.abs()));
        } else if point <= 0 {
            text.push_str("0.");
            (point..0).for_each(|_| text.push('0'));
            text.push_str(&digits);
        } else {
            let (whole, part) = digits.split_at_checked(usize::try_from(point).unwrap_or(0)).unwrap_or((&digits, ""));
            text.push_str(whole);
            if !part.is_empty() {
                text.push('.');
                text.push_str(part);
            }
        }
        Ok(Number::of_text(&text))
    }

    /// The shortest decimal digits that are read as this float, and where the point stands: `0.DIGITS * 10^point`.
    fn shortest(self) -> (String, i64) {
        let (exact, point) = decimal_of(&BigUint::from(self.mantissa), self.exponent);
        let doubled = BigUint::from(self.mantissa) << 1_u32;
        let (lower, _) = decimal_of(&(&doubled - 1_u8), self.exponent - 1);
        let (upper, _) = decimal_of(&(&doubled + 1_u8), self.exponent - 1);
        let inclusive = self.mantissa & 1 == 0;
        let digit = |digits: &[u8], at: usize| digits.get(at).copied().unwrap_or(b'0');
        for (at, middle) in exact.iter().copied().enumerate() {
            let (low, high) = (digit(&lower, at), digit(&upper, at));
            let down = low != middle || (inclusive && at + 1 == lower.len());
            let up = middle != high && (inclusive || middle + 1 < high || at + 1 < upper.len());
            let kept = at + 1;
            let round_up = match (down, up) {
                (false, false) => continue,
                (true, false) => false,
                (false, true) => true,
                (true, true) => should_round_up(&exact, kept),
            };
            return round_digits(&exact, point, kept, round_up);
        }
        (String::from_utf8(exact).unwrap_or_default(), point)
    }
}

fn should_round_up(digits: &[u8], kept: usize) -> bool {
    let Some(next) = digits.get(kept) else { return false };
    if *next == b'5' && kept + 1 == digits.len() {
        return kept > 0 && digits.get(kept - 1).is_some_and(|digit| (digit - b'0') & 1 != 0);
    }
    *next >= b'5'
}

fn round_digits(digits: &[u8], point: i64, kept: usize, up: bool) -> (String, i64) {
    let mut out: Vec<u8> = digits.iter().copied().take(kept).collect();
    let mut point = point;
    if up {
        while out.last() == Some(&b'9') {
            out.pop();
        }
        match out.last_mut() {
            Some(last) => *last += 1,
            None => {
                out.push(b'1');
                point += 1;
            }
        }
    } else {
        while out.last() == Some(&b'0') {
            out.pop();
        }
    }
    (String::from_utf8(out).unwrap_or_default(), point)
}

/// The exact decimal digits of `value * 2^exponent`, without zeros at the end, and where the point stands.
fn decimal_of(value: &BigUint, exponent: i64) -> (Vec<u8>, i64) {
    let scale = exponent.unsigned_abs();
    let (digits, below) = if exponent >= 0 {
        (value << scale, 0)
    } else {
        let zeros = value.trailing_zeros().unwrap_or(0).min(scale);
        let rest = scale - zeros;
        ((value >> zeros) * BigUint::from(5_u8).pow(u32::try_from(rest).unwrap_or(u32::MAX)), i64::try_from(rest).unwrap_or(i64::MAX))
    };
    let mut text = digits.to_string().into_bytes();
    let point = i64::try_from(text.len()).unwrap_or(i64::MAX) - below;
    while text.last() == Some(&b'0') {
        text.pop();
    }
    (text, point)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Number {
        Number::parse(text).unwrap_or_else(|| panic!("{text} is no number"))
    }

    fn added(a: &str, b: &str) -> String {
        number(a).to_float().unwrap().plus(number(b).to_float().unwrap()).to_number().unwrap().to_string()
    }

    #[test]
    fn what_is_a_number() {
        for text in ["0", "-0", "10", "1.0", "1.50e3", "-2E-7", "123456789012345678901234567890"] {
            assert_eq!(number(text).to_string(), text);
        }
        for text in ["", "-", "01", "1.", ".5", "1e", "1e+", "+1", "0x1", "1 ", "NaN", "1_0"] {
            assert!(Number::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn order_is_by_value_and_exact() {
        let check = |a: &str, order: Ordering, b: &str| {
            assert_eq!(number(a).cmp(&number(b)), order, "{a} {b}");
            assert_eq!(number(b).cmp(&number(a)), order.reverse(), "{b} {a}");
        };
        check("1", Ordering::Equal, "1.0");
        check("1e2", Ordering::Equal, "100");
        check("0", Ordering::Equal, "-0.0e7");
        check("36893488147419103233", Ordering::Greater, "36893488147419103232");
        check("0.1", Ordering::Less, "0.10000000000000000000000001");
        check("-2", Ordering::Less, "-1.5");
        check("-1e400", Ordering::Less, "1e-400");
        check("1e400", Ordering::Less, "1e401");
        check("9223372036854775807", Ordering::Less, "9223372036854775808");
        check("9223372036854775807", Ordering::Less, "9223372036854775807.5");
    }

    #[test]
    fn arithmetic_has_64_bits() {
        let check = |a: &str, b: &str, expected: &str| assert_eq!(added(a, b), expected, "{a} + {b}");
        check("0.1", "0.2", "0.3");
        check("1234567.5", "0", "1.2345675e+06");
        check("100000000000000000000000.5", "0", "100000000000000000000000");
        check("0.00001", "0", "1e-05");
        check("0.0001", "0", "0.0001");
        check("999999.5", "0", "999999.5");
        check("12345678901234567.5", "0", "1.23456789012345675e+16");
        check("1e400", "0", &format!("1{}", "0".repeat(400)));
        check("-36893488147419103233", "0", "-36893488147419103230");
        check("1", "1e-300", "1");
        let ten = number("10").to_float().unwrap();
        let quotient = |text: &str| ten.over(number(text).to_float().unwrap()).unwrap().to_number().unwrap().to_string();
        assert_eq!(quotient("3"), "3.3333333333333333333");
        assert_eq!(quotient("4"), "2.5");
        assert_eq!(quotient("5"), "2");
        assert_eq!(
            Number::Int(0).to_float().unwrap().over(number("-5").to_float().unwrap()).unwrap().to_number().unwrap().to_string(),
            "-0"
        );
        assert!(number("1e999999999").to_float().is_err());
        assert!(number("1e999999999").to_big().is_none());
    }

    #[test]
    fn whole_numbers_of_any_writing() {
        assert_eq!(number("1.0").whole(), Some(1));
        assert_eq!(number("1e2").whole(), Some(100));
        assert_eq!(number("1.5").whole(), None);
        assert_eq!(number("1e30").whole(), None);
        assert_eq!(number("-0").as_i64(), Some(0));
        assert_eq!(number("1.0").as_i64(), None);
        assert_eq!(number("1e30").to_big().unwrap().to_string(), format!("1{}", "0".repeat(30)));
    }

    #[test]
    fn doubles_are_written_as_in_json() {
        for (value, expected) in
            [(1.5, "1.5"), (3.0, "3"), (1e21, "1e+21"), (1e20, "100000000000000000000"), (1e-7, "1e-7"), (0.000_001, "0.000001")]
        {
            assert_eq!(Number::from_f64(value).to_string(), expected);
        }
    }
}
