//! Arithmetic, as sprig does it: whole numbers wrap, what is no number is zero.

use super::super::value::{Data, List, ListKind, Val};
use super::{Answer, Call, Function, MANY, opaque, refuse, through};

pub(super) const TABLE: &[Function] = &[
    opaque("int", 1, 1, |call| Ok(Val::int(to_int(&call.any(0))))),
    opaque("int64", 1, 1, |call| Ok(Val::int64(to_int(&call.any(0))))),
    opaque("float64", 1, 1, |call| Ok(Val::float(to_float(&call.any(0))))),
    opaque("atoi", 1, 1, |call| Ok(Val::int(call.string(0)?.parse().unwrap_or(0)))),
    opaque("toDecimal", 1, 1, |call| Ok(Val::int64(i64::from_str_radix(call.shown(0).as_str(), 8).unwrap_or(0)))),
    opaque("add1", 1, 1, |call| Ok(Val::int64(to_int(&call.any(0)).wrapping_add(1)))),
    opaque("add", 0, MANY, |call| Ok(Val::int64(call.arguments.iter().fold(0, |sum, item| sum.wrapping_add(to_int(item)))))),
    opaque("sub", 2, 2, |call| Ok(Val::int64(to_int(&call.any(0)).wrapping_sub(to_int(&call.any(1)))))),
    opaque("mul", 1, MANY, |call| Ok(Val::int64(call.arguments.iter().fold(1, |product, item| product.wrapping_mul(to_int(item)))))),
    opaque("div", 2, 2, |call| match to_int(&call.any(1)) {
        0 => refuse("division by zero"),
        by => Ok(Val::int64(to_int(&call.any(0)).wrapping_div(by))),
    }),
    opaque("mod", 2, 2, |call| match to_int(&call.any(1)) {
        0 => refuse("division by zero"),
        by => Ok(Val::int64(to_int(&call.any(0)).wrapping_rem(by))),
    }),
    opaque("max", 1, MANY, |call| Ok(Val::int64(call.arguments.iter().map(to_int).max().unwrap_or(0)))),
    opaque("biggest", 1, MANY, |call| Ok(Val::int64(call.arguments.iter().map(to_int).max().unwrap_or(0)))),
    opaque("min", 1, MANY, |call| Ok(Val::int64(call.arguments.iter().map(to_int).min().unwrap_or(0)))),
    opaque("maxf", 1, MANY, |call| Ok(Val::float(call.arguments.iter().map(to_float).fold(f64::NEG_INFINITY, f64::max)))),
    opaque("minf", 1, MANY, |call| Ok(Val::float(call.arguments.iter().map(to_float).fold(f64::INFINITY, f64::min)))),
    opaque("add1f", 1, 1, |call| Ok(Val::float(decimal(to_float(&call.any(0)) + 1.0)))),
    opaque("addf", 0, MANY, |call| Ok(Val::float(call.arguments.iter().map(to_float).fold(0.0, |sum, item| decimal(sum + item))))),
    opaque("subf", 1, MANY, |call| fold(call, |a, b| a - b)),
    opaque("mulf", 1, MANY, |call| fold(call, |a, b| a * b)),
    opaque("divf", 1, MANY, |call| {
        if call.arguments.iter().skip(1).any(|item| to_float(item) == 0.0) {
            return refuse("division by zero");
        }
        let mut items = call.arguments.iter().map(to_float);
        let first = items.next().unwrap_or(0.0);
        // Sixteen places behind the point; what comes out even is even.
        Ok(Val::float(items.fold(first, |a, b| {
            let short = decimal(a / b);
            if decimal(short * b) == a { short } else { a / b }
        })))
    }),
    opaque("floor", 1, 1, |call| Ok(Val::float(to_float(&call.any(0)).floor()))),
    opaque("ceil", 1, 1, |call| Ok(Val::float(to_float(&call.any(0)).ceil()))),
    opaque("round", 2, 3, round),
    opaque("until", 1, 1, |call| {
        let count = call.int(0)?;
        steps(call, 0, count, if count < 0 { -1 } else { 1 }).map(ints)
    }),
    opaque("untilStep", 3, 3, |call| {
        let (start, stop, step) = (call.int(0)?, call.int(1)?, call.int(2)?);
        steps(call, start, stop, step).map(ints)
    }),
    opaque("seq", 0, MANY, seq),
    through("randInt", 2, 2, |call| Ok(call.lost("`randInt` gives another number each time"))),
];

/// `cast.ToInt64`.
#[expect(clippy::cast_possible_truncation, reason = "as Go does it; saturates instead of being undefined")]
pub(super) fn to_int(value: &Val) -> i64 {
    match &value.data {
        Data::Bool(value) => i64::from(*value),
        Data::Int(value, _) => *value,
        Data::Float(value) => *value as i64,
        Data::Str(text) => text_to_int(text.as_str()),
        _ => 0,
    }
}

/// As Go reads a constant: `0x`, `0o`, `0b`, and octal after a zero; `.0` at the end does not count.
fn text_to_int(text: &str) -> i64 {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let digits = digits
        .split_once('.')
        .filter(|(_, zeros)| !zeros.is_empty() && zeros.bytes().all(|zero| zero == b'0'))
        .map_or(digits, |(whole, _)| whole);
    let grouped = digits.starts_with('_') || digits.ends_with('_') || digits.contains("__");
    let lower = if grouped { digits.to_ascii_lowercase() } else { digits.to_ascii_lowercase().replace('_', "") };
    let value = if let Some(hex) = lower.strip_prefix("0x") {
        i64::from_str_radix(hex, 16).unwrap_or(0)
    } else if let Some(octal) = lower.strip_prefix("0o") {
        i64::from_str_radix(octal, 8).unwrap_or(0)
    } else if let Some(binary) = lower.strip_prefix("0b") {
        i64::from_str_radix(binary, 2).unwrap_or(0)
    } else if lower.len() > 1 && lower.starts_with('0') {
        i64::from_str_radix(&lower, 8).unwrap_or(0)
    } else {
        lower.parse().unwrap_or(0)
    };
    if negative { value.wrapping_neg() } else { value }
}

/// `cast.ToFloat64`.
#[expect(clippy::cast_precision_loss, reason = "as Go does it")]
pub(super) fn to_float(value: &Val) -> f64 {
    match &value.data {
        Data::Bool(value) => f64::from(u8::from(*value)),
        Data::Int(value, _) => *value as f64,
        Data::Float(value) => *value,
        Data::Str(text) => text.as_str().parse().unwrap_or(0.0),
        _ => 0.0,
    }
}

/// Sprig reckons in decimal numbers: `0.1 + 0.2` is `0.3`.
fn decimal(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    // Fifteen digits are what a double keeps of a decimal number.
    format!("{value:.14e}").parse().unwrap_or(value)
}

fn fold(call: &Call<'_, '_>, with: fn(f64, f64) -> f64) -> Answer {
    let mut items = call.arguments.iter().map(to_float);
    let first = items.next().unwrap_or(0.0);
    Ok(Val::float(items.fold(first, |a, b| decimal(with(a, b)))))
}

#[expect(clippy::cast_possible_truncation, reason = "limited first")]
fn round(call: &mut Call<'_, '_>) -> Answer {
    let value = to_float(&call.any(0));
    let places = call.int(1)?.clamp(-400, 400) as i32;
    let on = if call.count() > 2 { to_float(&call.any(2)) } else { 0.5 };
    let power = 10_f64.powi(places);
    let digit = power * value;
    let rounded = if digit.fract() >= on { digit.ceil() } else { digit.floor() };
    Ok(Val::float(rounded / power))
}

/// Numbers a list of them may have.
const MOST: i64 = 1_000_000;

fn ints(items: Vec<Val>) -> Val {
    Data::List(List::of(ListKind::Ints, items)).into()
}

fn steps(call: &mut Call<'_, '_>, start: i64, stop: i64, step: i64) -> Result<Vec<Val>, super::Problem> {
    let forward = stop >= start;
    if (forward && step <= 0) || (!forward && step >= 0) {
        return Ok(Vec::new());
    }
    let distance = (i128::from(stop) - i128::from(start)).unsigned_abs();
    let count = distance.div_ceil(u128::from(step.unsigned_abs()));
    if count > MOST as u128 {
        return Err(super::super::exec::limit(format!("a list of more than {MOST} numbers"), call.span).into());
    }
    call.engine.spend(count as u64, call.span)?;
    let mut out = Vec::new();
    let mut at = start;
    for _ in 0..count {
        out.push(Val::int(at));
        at = at.saturating_add(step);
    }
    Ok(out)
}

fn seq(call: &mut Call<'_, '_>) -> Answer {
    let mut numbers = Vec::new();
    for at in 0..call.count() {
        numbers.push(call.int(at)?);
    }
    let list = match numbers[..] {
        [end] => {
            let step = if end < 1 { -1 } else { 1 };
            steps(call, 1, end.saturating_add(step), step)?
        }
        [start, end] => {
            let step = if end < start { -1 } else { 1 };
            steps(call, start, end.saturating_add(step), step)?
        }
        [start, step, end] => {
            if end < start && step > 0 {
                return Ok(Val::from(""));
            }
            steps(call, start, end.saturating_add(if end < start { -1 } else { 1 }), step)?
        }
        _ => return Ok(Val::from("")),
    };
    let words: Vec<String> = list.iter().map(|item| to_int(item).to_string()).collect();
    Ok(Val::from(words.join(" ")))
}
