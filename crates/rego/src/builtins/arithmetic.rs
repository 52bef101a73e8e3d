//! Arithmetic: exact for whole numbers, with a mantissa of 64 bits for others.

use num_bigint::BigInt;
use num_traits::Zero;

use crate::builtins::operands::{self, number, operand, wrong_type};
use crate::builtins::{Answer, Context, Failure};
use crate::number::{Float, Number, OutOfRange};
use crate::term::Term;

/// Bits that the result of a multiplication may have.
const MAX_BITS: u64 = 1 << 20;

impl From<OutOfRange> for Failure {
    fn from(error: OutOfRange) -> Failure {
        Failure::failed(error.to_string())
    }
}

/// `x + y`
pub(super) fn plus(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let (x, y) = (number(arguments, 0)?, number(arguments, 1)?);
    sum_of(x, y).map(Term::Number)
}

pub(super) fn sum_of(x: &Number, y: &Number) -> Result<Number, Failure> {
    if let (Number::Int(a), Number::Int(b)) = (x, y)
        && let Some(sum) = a.checked_add(*b)
    {
        return Ok(Number::Int(sum));
    }
    match (x.to_big(), y.to_big()) {
        (Some(a), Some(b)) => Ok(Number::from_big(&(a + b))),
        _ => Ok(x.to_float()?.plus(y.to_float()?).to_number()?),
    }
}

/// `x - y` of numbers or sets.
pub(super) fn minus(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let (x, y) = (operand(arguments, 0)?, operand(arguments, 1)?);
    match (x, y) {
        (Term::Number(Number::Int(a)), Term::Number(Number::Int(b))) if a.checked_sub(*b).is_some() => Ok(Term::int(a.wrapping_sub(*b))),
        (Term::Number(a), Term::Number(b)) => match (a.to_big(), b.to_big()) {
            (Some(a), Some(b)) => Ok(Number::from_big(&(a - b)).into()),
            _ => Ok(a.to_float()?.minus(b.to_float()?).to_number()?.into()),
        },
        (Term::Set(a), Term::Set(b)) => Ok(Term::Set(a.difference(b).into())),
        (Term::Number(_), _) => Err(wrong_type(1, y, &["number"])),
        (Term::Set(_), _) => Err(wrong_type(1, y, &["set"])),
        _ => Err(wrong_type(0, x, &["number", "set"])),
    }
}

/// `x * y`
pub(super) fn mul(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let (x, y) = (number(arguments, 0)?, number(arguments, 1)?);
    product_of(x, y).map(Term::Number)
}

pub(super) fn product_of(x: &Number, y: &Number) -> Result<Number, Failure> {
    if let (Number::Int(a), Number::Int(b)) = (x, y)
        && let Some(product) = a.checked_mul(*b)
    {
        return Ok(Number::Int(product));
    }
    match (x.to_big(), y.to_big()) {
        (Some(a), Some(b)) if a.bits() + b.bits() > MAX_BITS => Err(Failure::Halt("the product is too large".to_owned())),
        (Some(a), Some(b)) => Ok(Number::from_big(&(a * b))),
        _ => Ok(x.to_float()?.times(y.to_float()?).to_number()?),
    }
}

/// `x / y`
pub(super) fn div(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let (x, y) = (number(arguments, 0)?, number(arguments, 1)?);
    if let (Number::Int(a), Number::Int(b)) = (x, y)
        && *a != 0
        && let (Some(quotient), Some(0)) = (a.checked_div(*b), a.checked_rem(*b))
    {
        return Ok(Term::int(quotient));
    }
    match x.to_float()?.over(y.to_float()?) {
        Some(quotient) => Ok(quotient.to_number()?.into()),
        None => Err(Failure::failed("divide by zero")),
    }
}

/// `x % y`
pub(super) fn rem(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let (x, y) = (number(arguments, 0)?, number(arguments, 1)?);
    if let (Number::Int(a), Number::Int(b)) = (x, y) {
        return if *b == 0 { Err(Failure::failed("modulo by zero")) } else { Ok(Term::int(a.checked_rem(*b).unwrap_or(0))) };
    }
    match (x.to_big(), y.to_big()) {
        (Some(_), Some(b)) if b.is_zero() => Err(Failure::failed("modulo by zero")),
        (Some(a), Some(b)) => Ok(Number::from_big(&(a % b)).into()),
        _ => Err(Failure::failed("modulo on floating-point number")),
    }
}

/// The number without its sign.
pub(super) fn abs(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
    match number(arguments, 0)? {
        Number::Int(value) if *value != i64::MIN => Ok(Term::int(value.abs())),
        other => Ok(other.to_float()?.abs().to_number()?.into()),
    }
}

fn whole_part(float: Float) -> Result<(BigInt, bool), Failure> {
    Ok(float.truncate().ok_or(OutOfRange)?)
}

fn whole(value: &BigInt) -> Answer {
    Ok(Number::from_big(value).into())
}

/// The nearest whole number, halves away from zero.
pub(super) fn round(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let given = number(arguments, 0)?;
    if let Number::Int(_) = given {
        return Ok(Term::Number(given.clone()));
    }
    let half = Number::from_f64(0.5).to_float()?;
    let float = given.to_float()?;
    let moved = if float.is_negative() { float.minus(half) } else { float.plus(half) };
    whole(&whole_part(moved)?.0)
}

/// The next whole number above.
pub(super) fn ceil(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let given = number(arguments, 0)?;
    if let Number::Int(_) = given {
        return Ok(Term::Number(given.clone()));
    }
    let float = given.to_float()?;
    let (part, exact) = whole_part(float)?;
    whole(&if exact || float.is_negative() { part } else { part + 1 })
}

/// The next whole number below.
pub(super) fn floor(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let given = number(arguments, 0)?;
    if let Number::Int(_) = given {
        return Ok(Term::Number(given.clone()));
    }
    let float = given.to_float()?;
    let (part, exact) = whole_part(float)?;
    whole(&if exact || !float.is_negative() { part } else { part - 1 })
}

/// Whole numbers from one to another, both included.
pub(super) fn range(context: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let (from, to) = (operands::big(arguments, 0)?, operands::big(arguments, 1)?);
    range_of(context, from, &to, &BigInt::from(1))
}

/// Whole numbers from one to another in steps.
pub(super) fn range_step(context: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let (from, to, step) = (operands::big(arguments, 0)?, operands::big(arguments, 1)?, operands::big(arguments, 2)?);
    if step <= BigInt::zero() {
        return Err(Failure::failed("numbers.range_step: step must be a positive integer"));
    }
    range_of(context, from, &to, &step)
}

fn range_of(context: &mut Context<'_>, from: BigInt, to: &BigInt, step: &BigInt) -> Answer {
    let down = from > *to;
    let count = (if down { &from - to } else { to - &from }) / step + 1_u8;
    let count = usize::try_from(&count).unwrap_or(usize::MAX);
    context.spend(count.saturating_mul(std::mem::size_of::<Term>()))?;
    let mut items = Vec::with_capacity(count);
    let mut at = from;
    for position in 0..count {
        if position % 4096 == 4095 {
            context.check_time()?;
        }
        items.push(Number::from_big(&at).into());
        if down { at -= step } else { at += step }
    }
    Ok(Term::array(items))
}

#[cfg(test)]
mod tests {
    use crate::builtins::tests::check;

    #[test]
    fn arithmetic() {
        check("plus", "[1, 2]", "3");
        check("plus", "[0.1, 0.2]", "0.3");
        check("plus", "[9223372036854775807, 1]", "9223372036854775808");
        check("plus", "[36893488147419103233, 0]", "36893488147419103233");
        check("plus", "[\"a\", 0]", "eval_type_error: plus: operand 1 must be number but got string");
        check("minus", "[1, 3]", "-2");
        check("minus", r#"[{"$set": [1, 2]}, {"$set": [2]}]"#, "{1}");
        check("minus", r#"[{"$set": [1, 2]}, 1]"#, "eval_type_error: minus: operand 2 must be set but got number");
        check("minus", r#"[1, {"$set": [1]}]"#, "eval_type_error: minus: operand 2 must be number but got set");
        check("minus", r#"["a", 1]"#, "eval_type_error: minus: operand 1 must be one of {number, set} but got string");
        check("mul", "[36893488147419103233, 36893488147419103233]", "1361129467683753853927285406021911052289");
        check("mul", "[1e300, 1e300]", &format!("1{}", "0".repeat(600)));
        check("div", "[10, 4]", "2.5");
        check("div", "[10, 3]", "3.3333333333333333333");
        check("div", "[0, -5]", "-0");
        check("div", "[1, 0.0]", "eval_builtin_error: div: divide by zero");
        check("rem", "[-7, 2]", "-1");
        check("rem", "[36893488147419103233, 10]", "3");
        check("rem", "[1, 0]", "eval_builtin_error: rem: modulo by zero");
        check("rem", "[1.5, 1]", "eval_builtin_error: rem: modulo on floating-point number");
        check("rem", "[5.0, 3]", "2");
    }

    #[test]
    fn rounding() {
        check("abs", "[-5]", "5");
        check("abs", "[-1.50]", "1.5");
        check("abs", "[-36893488147419103233]", "36893488147419103230");
        check("round", "[-2.5]", "-3");
        check("round", "[2.4]", "2");
        check("round", "[36893488147419103233]", "36893488147419103232");
        check("ceil", "[1.1]", "2");
        check("ceil", "[-1.1]", "-1");
        check("floor", "[-1.1]", "-2");
        check("floor", "[1e30]", "1000000000000000000024696061952");
        check("ceil", "[1e999999999]", "eval_builtin_error: ceil: number is out of range");
    }

    #[test]
    fn ranges() {
        check("numbers.range", "[1, 4]", "[1, 2, 3, 4]");
        check("numbers.range", "[2, -1]", "[2, 1, 0, -1]");
        check("numbers.range", "[1.0, 2]", "[1, 2]");
        check(
            "numbers.range",
            "[1, 1.5]",
            "eval_type_error: numbers.range: operand 2 must be integer number but got floating-point number",
        );
        check("numbers.range", "[0, 1000000000]", "eval_cancel_error: numbers.range: more bytes would be made than an evaluation may make");
        check("numbers.range_step", "[1, 10, 4]", "[1, 5, 9]");
        check("numbers.range_step", "[10, 1, 4]", "[10, 6, 2]");
        check(
            "numbers.range_step",
            "[1, 10, 0]",
            "eval_builtin_error: numbers.range_step: numbers.range_step: step must be a positive integer",
        );
    }
}
