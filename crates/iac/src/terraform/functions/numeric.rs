//! Functions over numbers.

use probity_value::{Number, Value};

use super::support::{Call, Stop, to_bool, to_number, to_text};
use super::{ANY, Function};

pub(super) fn find(name: &str) -> Option<Function> {
    Some(match name {
        "abs" => Function::plain(1, 1, abs),
        "alltrue" => Function::plain(1, 1, |call| all_or_any(call, false)),
        "anytrue" => Function::plain(1, 1, |call| all_or_any(call, true)),
        "ceil" => Function::plain(1, 1, |call| rounded(call, f64::ceil)),
        "floor" => Function::plain(1, 1, |call| rounded(call, f64::floor)),
        "log" => Function::plain(2, 2, |call| call.number_value(call.number(0)?.as_f64().ln() / call.number(1)?.as_f64().ln())),
        "max" => Function::plain(1, ANY, |call| extreme(call, |new, old| new > old)),
        "min" => Function::plain(1, ANY, |call| extreme(call, |new, old| new < old)),
        "parseint" => Function::plain(2, 2, parseint),
        "pow" => Function::plain(2, 2, pow),
        "range" => Function::plain(1, 3, range),
        "signum" => Function::plain(1, 1, signum),
        "sum" => Function::plain(1, 1, sum),
        _ => return None,
    })
}

fn number(call: &Call<'_>, value: Number) -> Value {
    Value::new(probity_value::Data::Number(value), call.cx.span)
}

fn abs(call: &Call<'_>) -> Result<Value, Stop> {
    match call.number(0)? {
        Number::Int(value) if value != i64::MIN => Ok(call.int_value(value.abs())),
        other => call.number_value(other.as_f64().abs()),
    }
}

fn rounded(call: &Call<'_>, round: fn(f64) -> f64) -> Result<Value, Stop> {
    match call.number(0)? {
        Number::Int(value) => Ok(call.int_value(value)),
        Number::Float(value) => call.number_value(round(value)),
    }
}

fn extreme(call: &Call<'_>, better: fn(Number, Number) -> bool) -> Result<Value, Stop> {
    let mut best = call.number(0)?;
    for index in 1..call.args.len() {
        let next = call.number(index)?;
        if better(next, best) {
            best = next;
        }
    }
    Ok(number(call, best))
}

fn pow(call: &Call<'_>) -> Result<Value, Stop> {
    let (base, power) = (call.number(0)?, call.number(1)?);
    if let (Number::Int(base), Number::Int(power)) = (base, power)
        && let Ok(power) = u32::try_from(power)
        && let Some(value) = base.checked_pow(power)
    {
        return Ok(call.int_value(value));
    }
    call.number_value(base.as_f64().powf(power.as_f64()))
}

fn signum(call: &Call<'_>) -> Result<Value, Stop> {
    let value = call.number(0)?.as_f64();
    Ok(call.int_value(if value > 0.0 {
        1
    } else if value < 0.0 {
        -1
    } else {
        0
    }))
}

fn plus(call: &Call<'_>, a: Number, b: Number) -> Result<Number, Stop> {
    if let (Number::Int(a), Number::Int(b)) = (a, b)
        && let Some(sum) = a.checked_add(b)
    {
        return Ok(Number::Int(sum));
    }
    // Terraform adds decimals exactly; fifteen digits are what a double holds of them.
    let sum = a.as_f64() + b.as_f64();
    let sum: f64 = if sum.fract() == 0.0 { sum } else { format!("{sum:.14e}").parse().unwrap_or(sum) };
    if sum.is_finite() { Ok(Number::from_f64(sum)) } else { Err(call.error("the result is not a finite number")) }
}

fn sum(call: &Call<'_>) -> Result<Value, Stop> {
    let items = call.list(0)?;
    call.wholly_known(0)?;
    if items.is_empty() {
        return Err(call.error("an empty list has no sum"));
    }
    let mut total = Number::Int(0);
    for item in items {
        let item = to_number(item).ok_or_else(|| call.error("every item must be a number"))?;
        total = plus(call, total, item)?;
    }
    Ok(number(call, total))
}

/// `alltrue` and `anytrue`. One deciding item decides, whatever else is unknown.
fn all_or_any(call: &Call<'_>, decides: bool) -> Result<Value, Stop> {
    let mut unknown = None;
    for item in call.list(0)? {
        match (item.as_unknown(), to_bool(item)) {
            (Some(reason), _) => unknown = unknown.or(Some(reason)),
            (None, Some(value)) if value == decides => return Ok(call.bool(decides)),
            (None, Some(_)) => {}
            // Null is not true.
            (None, None) if item.is_null() => {
                if !decides {
                    return Ok(call.bool(false));
                }
            }
            (None, None) => return Err(call.error("every item must be a bool")),
        }
    }
    match unknown {
        Some(reason) => Err(Stop::With(call.unknown(reason))),
        None => Ok(call.bool(!decides)),
    }
}

fn parseint(call: &Call<'_>) -> Result<Value, Stop> {
    let value = call.known(0)?;
    let text = to_text(value).ok_or_else(|| call.error("argument 1 must be a string or a number"))?;
    let base = call.int(1)?;
    let Ok(base) = u32::try_from(base).map(u64::from) else { return Err(call.error("the base must be from 2 to 62")) };
    if !(2..=62).contains(&base) {
        return Err(call.error("the base must be from 2 to 62"));
    }
    let wrong = || call.error(format!("`{}` is not a whole number in base {base}", text.chars().take(80).collect::<String>()));
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(&text)),
    };
    if digits.is_empty() {
        return Err(wrong());
    }
    let (mut whole, mut double) = (Some(0_i64), 0_f64);
    for letter in digits.chars() {
        let digit = match letter {
            '0'..='9' => u64::from(letter) - u64::from('0'),
            'a'..='z' => u64::from(letter) - u64::from('a') + 10,
            'A'..='Z' if base <= 36 => u64::from(letter) - u64::from('A') + 10,
            'A'..='Z' => u64::from(letter) - u64::from('A') + 36,
            _ => return Err(wrong()),
        };
        if digit >= base {
            return Err(wrong());
        }
        #[expect(clippy::cast_precision_loss, reason = "base and digit are below 63")]
        {
            double = double * base as f64 + digit as f64;
        }
        whole = whole.and_then(|value| value.checked_mul(i64::try_from(base).ok()?)?.checked_add(i64::try_from(digit).ok()?));
    }
    match whole {
        Some(value) => Ok(call.int_value(if negative { -value } else { value })),
        None => call.number_value(if negative { -double } else { double }),
    }
}

/// Most items `range` makes, as in Terraform.
const MAX_RANGE: usize = 1024;

fn range(call: &Call<'_>) -> Result<Value, Stop> {
    let zero = Number::Int(0);
    let (start, end) = match call.args.len() {
        1 => (zero, call.number(0)?),
        _ => (call.number(0)?, call.number(1)?),
    };
    let step = match call.args.len() {
        3 => call.number(2)?,
        _ if end < start => Number::Int(-1),
        _ => Number::Int(1),
    };
    if step == zero {
        return Err(call.error("the step must not be zero"));
    }
    let down = step < zero;
    if (down && end > start) || (!down && end < start) {
        return Err(call.error("the step leads away from the end"));
    }
    let mut items = Vec::new();
    let mut next = start;
    while if down { next > end } else { next < end } {
        if items.len() >= MAX_RANGE {
            return Err(call.error(format!("would make more than {MAX_RANGE} values")));
        }
        call.spend(1)?;
        items.push(number(call, next));
        next = plus(call, next, step)?;
    }
    Ok(Value::list(items, call.cx.span))
}
