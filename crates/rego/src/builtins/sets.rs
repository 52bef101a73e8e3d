//! Sets.

use crate::builtins::operands::{set, wrong_type};
use crate::builtins::{Answer, Context, Failure};
use crate::term::{Set, Term};

/// `x & y`
pub(super) fn and(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
    Ok(Term::Set(set(arguments, 0)?.intersection(set(arguments, 1)?).into()))
}

/// `x | y`
pub(super) fn or(context: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let (a, b) = (set(arguments, 0)?, set(arguments, 1)?);
    context.spend((a.len() + b.len()).saturating_mul(std::mem::size_of::<Term>()))?;
    Ok(Term::Set(a.union(b).into()))
}

/// What is in the first and not in the second.
pub(super) fn difference(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
    Ok(Term::Set(set(arguments, 0)?.difference(set(arguments, 1)?).into()))
}

fn inner(term: &Term) -> Result<&Set, Failure> {
    term.as_set().ok_or_else(|| wrong_type(0, term, &["set"]))
}

/// What is in all sets of a set.
pub(super) fn intersection(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let mut out: Option<Set> = None;
    for item in set(arguments, 0)? {
        let next = inner(item)?;
        out = Some(match out {
            None => next.clone(),
            Some(before) => before.intersection(next),
        });
    }
    Ok(Term::Set(out.unwrap_or_default().into()))
}

/// What is in one of the sets of a set.
pub(super) fn union(context: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let mut out = Vec::new();
    for item in set(arguments, 0)? {
        out.extend_from_slice(inner(item)?.items());
    }
    context.spend(out.len().saturating_mul(std::mem::size_of::<Term>()))?;
    Ok(Term::set(out))
}

#[cfg(test)]
mod tests {
    use crate::builtins::tests::check;

    #[test]
    fn sets() {
        check("and", r#"[{"$set": [1, 2]}, {"$set": [2, 3]}]"#, "{2}");
        check("or", r#"[{"$set": [1, 2]}, {"$set": [2, 3]}]"#, "{1, 2, 3}");
        check("set_diff", r#"[{"$set": [1, 2]}, {"$set": [2, 3]}]"#, "{1}");
        check("and", r#"[{"$set": [1, 2]}, [1]]"#, "eval_type_error: and: operand 2 must be set but got array");
        check("intersection", r#"[{"$set": [{"$set": [1, 2]}, {"$set": [2, 3]}]}]"#, "{2}");
        check("intersection", r#"[{"$set": []}]"#, "set()");
        check("union", r#"[{"$set": [{"$set": [1, 2]}, {"$set": [2, 3]}]}]"#, "{1, 2, 3}");
        check("union", r#"[{"$set": [1]}]"#, "eval_type_error: union: operand 1 must be set but got number");
    }
}
