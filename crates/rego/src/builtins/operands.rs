//! Arguments of functions, checked, with OPA's words where they do not fit.

use std::sync::Arc;

use num_bigint::BigInt;

use crate::builtins::Failure;
use crate::number::Number;
use crate::term::{ArrayRef, ObjectRef, Set, Term};

/// An argument by its number, from zero.
pub(crate) fn operand(arguments: &[Term], at: usize) -> Result<&Term, Failure> {
    arguments.get(at).ok_or_else(|| Failure::Operand(format!("operand {} is missing", at + 1)))
}

/// Whether an argument is text: none where it is not.
pub(crate) fn as_text(arguments: &[Term], at: usize) -> Option<&str> {
    arguments.get(at).and_then(Term::as_str)
}

/// Text.
pub(crate) fn text(arguments: &[Term], at: usize) -> Result<&Arc<str>, Failure> {
    match operand(arguments, at)? {
        Term::String(text) => Ok(text),
        other => Err(wrong_type(at, other, &["string"])),
    }
}

/// A number.
pub(crate) fn number(arguments: &[Term], at: usize) -> Result<&Number, Failure> {
    match operand(arguments, at)? {
        Term::Number(number) => Ok(number),
        other => Err(wrong_type(at, other, &["number"])),
    }
}

/// A whole number of the usual size.
pub(crate) fn integer(arguments: &[Term], at: usize) -> Result<i64, Failure> {
    number(arguments, at)?.as_i64().ok_or_else(|| not_whole(at))
}

/// A whole number of any size.
pub(crate) fn big(arguments: &[Term], at: usize) -> Result<BigInt, Failure> {
    match operand(arguments, at)? {
        Term::Number(number) => number.to_big().ok_or_else(|| not_whole(at)),
        other => Err(wrong_type(at, other, &["integer"])),
    }
}

fn not_whole(at: usize) -> Failure {
    Failure::Operand(format!("operand {} must be integer number but got floating-point number", at + 1))
}

/// A list.
pub(crate) fn array(arguments: &[Term], at: usize) -> Result<ArrayRef<'_>, Failure> {
    let term = operand(arguments, at)?;
    term.as_array().ok_or_else(|| wrong_type(at, term, &["array"]))
}

/// An object.
pub(crate) fn object(arguments: &[Term], at: usize) -> Result<ObjectRef<'_>, Failure> {
    let term = operand(arguments, at)?;
    term.as_object().ok_or_else(|| wrong_type(at, term, &["object"]))
}

/// A set.
pub(crate) fn set(arguments: &[Term], at: usize) -> Result<&Set, Failure> {
    let term = operand(arguments, at)?;
    term.as_set().ok_or_else(|| wrong_type(at, term, &["set"]))
}

/// The items of a list or set.
pub(crate) fn items(term: &Term) -> Option<Vec<Term>> {
    match term.as_array() {
        Some(array) => Some(array.to_vec()),
        None => term.as_set().map(|set| set.items().to_vec()),
    }
}

/// The texts in a list or set.
pub(crate) fn texts(arguments: &[Term], at: usize) -> Result<Vec<Arc<str>>, Failure> {
    let collection = operand(arguments, at)?;
    items(collection)
        .ok_or_else(|| wrong_type(at, collection, &["array", "set"]))?
        .into_iter()
        .map(|item| match item {
            Term::String(text) => Ok(text),
            other => Err(wrong_element(at, collection, &other, &["string"])),
        })
        .collect()
}

/// `operand 1 must be string but got number`
pub(crate) fn wrong_type(at: usize, got: &Term, expected: &[&str]) -> Failure {
    Failure::Operand(match expected {
        [one] => format!("operand {} must be {one} but got {}", at + 1, got.kind()),
        _ => format!("operand {} must be one of {{{}}} but got {}", at + 1, expected.join(", "), got.kind()),
    })
}

/// `operand 1 must be array of strings but got array containing number`
pub(crate) fn wrong_element(at: usize, collection: &Term, got: &Term, expected: &[&str]) -> Failure {
    let kind = collection.kind();
    Failure::Operand(match expected {
        [one] => format!("operand {} must be {kind} of {one}s but got {kind} containing {}", at + 1, got.kind()),
        _ => format!("operand {} must be {kind} of (any of) {{{}}} but got {kind} containing {}", at + 1, expected.join(", "), got.kind()),
    })
}

/// `operand 2 must be one of {2, 8, 10, 16}`
pub(crate) fn wrong_value(at: usize, expected: &[&str]) -> Failure {
    Failure::Operand(match expected {
        [one] => format!("operand {} must be {one}", at + 1),
        _ => format!("operand {} must be one of {{{}}}", at + 1, expected.join(", ")),
    })
}
