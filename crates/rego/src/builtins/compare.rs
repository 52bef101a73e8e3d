//! Comparisons, which are defined between all values.

use crate::builtins::operands::operand;
use crate::builtins::{Answer, Context};
use crate::term::Term;

macro_rules! comparison {
    ($($(#[$doc:meta])* $name:ident $operator:tt)*) => {$(
        $(#[$doc])*
        pub(super) fn $name(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
            Ok(Term::Bool(operand(arguments, 0)? $operator operand(arguments, 1)?))
        }
    )*};
}

comparison! {
    /// `x == y`
    equal ==
    /// `x != y`
    neq !=
    /// `x < y`
    lt <
    /// `x <= y`
    lte <=
    /// `x > y`
    gt >
    /// `x >= y`
    gte >=
}
