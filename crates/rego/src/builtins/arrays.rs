//! Lists.

use crate::builtins::operands::{array, integer};
use crate::builtins::{Answer, Context};
use crate::term::Term;

fn spend(context: &mut Context<'_>, items: usize) -> Result<(), crate::builtins::Failure> {
    context.spend(items.saturating_mul(std::mem::size_of::<Term>()))
}

/// One list after the other.
pub(super) fn concat(context: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let (a, b) = (array(arguments, 0)?, array(arguments, 1)?);
    spend(context, a.len() + b.len())?;
    Ok(Term::array(a.iter().chain(b.iter()).collect()))
}

/// The items from one number up to another.
pub(super) fn slice(context: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let (given, from, to) = (array(arguments, 0)?, integer(arguments, 1)?, integer(arguments, 2)?);
    let to = usize::try_from(to.max(0)).unwrap_or(usize::MAX).min(given.len());
    let from = usize::try_from(from.max(0)).unwrap_or(usize::MAX).min(to);
    spend(context, to - from)?;
    Ok(Term::array(given.iter().take(to).skip(from).collect()))
}

/// The items from the last to the first.
pub(super) fn reverse(context: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let given = array(arguments, 0)?;
    spend(context, given.len())?;
    Ok(Term::array(given.iter().rev().collect()))
}

/// The items, and in place of lists their items.
pub(super) fn flatten(context: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let mut out = Vec::new();
    for item in array(arguments, 0)?.iter() {
        match item.as_array() {
            Some(inner) => out.extend(inner.iter()),
            None => out.push(item),
        }
    }
    spend(context, out.len())?;
    Ok(Term::array(out))
}

#[cfg(test)]
mod tests {
    use crate::builtins::tests::check;

    #[test]
    fn arrays() {
        check("array.concat", "[[1], [2, 3]]", "[1, 2, 3]");
        check("array.concat", "[1, []]", "eval_type_error: array.concat: operand 1 must be array but got number");
        check("array.slice", "[[1, 2, 3], -1, 2]", "[1, 2]");
        check("array.slice", "[[1, 2, 3], 2, 1]", "[]");
        check("array.slice", "[[1, 2, 3], 1, 99]", "[2, 3]");
        check(
            "array.slice",
            "[[1], 0.5, 1]",
            "eval_type_error: array.slice: operand 2 must be integer number but got floating-point number",
        );
        check("array.reverse", "[[1, 2, 3]]", "[3, 2, 1]");
        check("array.flatten", "[[[1, [2]], 3, []]]", "[1, [2], 3]");
    }
}
