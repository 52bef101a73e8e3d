//! Bits of whole numbers, which are as in two's complement of endless width.

use num_bigint::BigInt;
use num_traits::Signed;

use crate::builtins::operands::big;
use crate::builtins::{Answer, Context, Failure};
use crate::number::Number;
use crate::term::Term;

/// Bits that a shifted number may have.
const MAX_BITS: u64 = 1 << 20;

fn answer(value: &BigInt) -> Answer {
    Ok(Number::from_big(value).into())
}

/// Bits that are set in both.
pub(super) fn and(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
    answer(&(big(arguments, 0)? & big(arguments, 1)?))
}

/// Bits that are set in one of them.
pub(super) fn or(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
    answer(&(big(arguments, 0)? | big(arguments, 1)?))
}

/// Bits that are set in just one of them.
pub(super) fn xor(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
    answer(&(big(arguments, 0)? ^ big(arguments, 1)?))
}

/// All bits turned.
pub(super) fn negate(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
    answer(&!big(arguments, 0)?)
}

fn shift(arguments: &[Term]) -> Result<u64, Failure> {
    let given = big(arguments, 1)?;
    if given.is_negative() {
        return Err(Failure::Operand("operand 2 must be an unsigned integer number but got a negative integer".to_owned()));
    }
    Ok(u64::try_from(&given).unwrap_or(u64::MAX))
}

/// Shifted to the left.
pub(super) fn lsh(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let (value, by) = (big(arguments, 0)?, shift(arguments)?);
    if by.saturating_add(value.bits()) > MAX_BITS {
        return Err(Failure::Halt("the shifted number is too large".to_owned()));
    }
    answer(&(value << by))
}

/// Shifted to the right.
pub(super) fn rsh(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let (value, by) = (big(arguments, 0)?, shift(arguments)?);
    // Beyond its own width nothing but the sign is left.
    let by = by.min(value.bits() + 1);
    answer(&(value >> by))
}

#[cfg(test)]
mod tests {
    use crate::builtins::tests::check;

    #[test]
    fn bits() {
        check("bits.and", "[-5, 3]", "3");
        check("bits.or", "[5, 3]", "7");
        check("bits.xor", "[42, 3]", "41");
        check("bits.negate", "[5]", "-6");
        check("bits.lsh", "[1, 200]", "1606938044258990275541962092341162602522202993782792835301376");
        check("bits.rsh", "[-5, 1]", "-3");
        check("bits.rsh", "[-5, 100000000000000000000]", "-1");
        check("bits.lsh", "[1, -1]", "eval_type_error: bits.lsh: operand 2 must be an unsigned integer number but got a negative integer");
        check("bits.lsh", "[1, 100000000000]", "eval_cancel_error: bits.lsh: the shifted number is too large");
        check("bits.and", "[1.5, 1]", "eval_type_error: bits.and: operand 1 must be integer number but got floating-point number");
        check("bits.and", "[\"x\", 1]", "eval_type_error: bits.and: operand 1 must be integer but got string");
    }
}
