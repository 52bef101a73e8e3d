//! What a value is, and values made of others.

use crate::builtins::operands::{items, operand, wrong_type};
use crate::builtins::{Answer, Context, Failure};
use crate::number::Number;
use crate::term::{Kind, Term};

macro_rules! kind_test {
    ($($name:ident $kind:ident)*) => {$(
        /// Whether a value is of this kind.
        pub(super) fn $name(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
            Ok(Term::Bool(operand(arguments, 0)?.kind() == Kind::$kind))
        }
    )*};
}

kind_test! {
    is_null Null
    is_boolean Boolean
    is_number Number
    is_string String
    is_array Array
    is_object Object
    is_set Set
}

/// The name of the kind of a value.
pub(super) fn type_name(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
    Ok(Term::from(operand(arguments, 0)?.kind().name()))
}

fn same(arguments: &[Term], kind: Kind) -> Answer {
    let given = operand(arguments, 0)?;
    if given.kind() == kind { Ok(given.clone()) } else { Err(wrong_type(0, given, &[kind.name()])) }
}

/// The value, if it is text.
pub(super) fn cast_string(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
    same(arguments, Kind::String)
}

/// The value, if it is true or false.
pub(super) fn cast_boolean(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
    same(arguments, Kind::Boolean)
}

/// The value, if it is null.
pub(super) fn cast_null(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
    same(arguments, Kind::Null)
}

/// The value, if it is an object.
pub(super) fn cast_object(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
    same(arguments, Kind::Object)
}

/// The items of a list or set as a list.
pub(super) fn cast_array(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let given = operand(arguments, 0)?;
    if given.kind() == Kind::Array {
        return Ok(given.clone());
    }
    Ok(Term::array(items(given).ok_or_else(|| wrong_type(0, given, &["array", "set"]))?))
}

/// The items of a list or set as a set.
pub(super) fn cast_set(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let given = operand(arguments, 0)?;
    if given.kind() == Kind::Set {
        return Ok(given.clone());
    }
    Ok(Term::set(items(given).ok_or_else(|| wrong_type(0, given, &["array", "set"]))?))
}

/// A number made of null, true, false, a number or text.
pub(super) fn to_number(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let given = operand(arguments, 0)?;
    match given {
        Term::Null | Term::Bool(false) => Ok(Term::int(0)),
        Term::Bool(true) => Ok(Term::int(1)),
        Term::Number(_) => Ok(given.clone()),
        Term::String(text) => {
            if let Some(number) = Number::parse(text) {
                if number.to_f64().is_infinite() {
                    return Err(Failure::failed(format!("strconv.ParseFloat: parsing {}: value out of range", crate::term::quote(text))));
                }
                return Ok(number.into());
            }
            let bare = text.trim_start_matches(['+', '-']).to_lowercase();
            if matches!(&*bare, "inf" | "infinity" | "nan") {
                return Err(wrong_type(0, given, &["valid number string"]));
            }
            loose_number(text)
                .map(Term::Number)
                .ok_or_else(|| Failure::failed(format!("strconv.ParseFloat: parsing {}: invalid syntax", crate::term::quote(text))))
        }
        _ => Err(wrong_type(0, given, &["null", "boolean", "number", "string"])),
    }
}

/// A number as Go writes floats in its source: with a plus sign, leading zeros, nothing on one side of the point.
fn loose_number(text: &str) -> Option<Number> {
    let (negative, rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (rest, None),
    };
    let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && part.is_empty() {
        return None;
    }
    let whole = whole.trim_start_matches('0');
    let mut plain = String::with_capacity(text.len() + 2);
    if negative {
        plain.push('-');
    }
    plain.push_str(if whole.is_empty() { "0" } else { whole });
    if !part.is_empty() {
        plain.push('.');
        plain.push_str(part);
    }
    if let Some(exponent) = exponent {
        plain.push('e');
        plain.push_str(exponent);
    }
    Number::parse(&plain).filter(|number| number.to_f64().is_finite())
}

#[cfg(test)]
mod tests {
    use crate::builtins::tests::check;

    #[test]
    fn kinds() {
        check("is_set", r#"[{"$set": []}]"#, "true");
        check("is_array", r#"[{"$set": []}]"#, "false");
        check("type_name", "[null]", r#""null""#);
        check("type_name", "[true]", r#""boolean""#);
        check("cast_array", r#"[{"$set": [2, 1]}]"#, "[1, 2]");
        check("cast_set", "[[2, 1, 2]]", "{1, 2}");
        check("cast_set", "[1]", "eval_type_error: cast_set: operand 1 must be one of {array, set} but got number");
        check("cast_string", "[1]", "eval_type_error: cast_string: operand 1 must be string but got number");
    }

    #[test]
    fn numbers_of_text() {
        check("to_number", r#"["12.50"]"#, "12.50");
        check("to_number", r#"["+5"]"#, "5");
        check("to_number", r#"["005"]"#, "5");
        check("to_number", r#"[".5"]"#, "0.5");
        check("to_number", r#"["1."]"#, "1");
        check("to_number", "[true]", "1");
        check("to_number", "[null]", "0");
        check("to_number", r#"["x"]"#, r#"eval_builtin_error: to_number: strconv.ParseFloat: parsing "x": invalid syntax"#);
        check("to_number", r#"[""]"#, r#"eval_builtin_error: to_number: strconv.ParseFloat: parsing "": invalid syntax"#);
        check("to_number", r#"["1e999"]"#, r#"eval_builtin_error: to_number: strconv.ParseFloat: parsing "1e999": value out of range"#);
        check("to_number", r#"["-Inf"]"#, "eval_type_error: to_number: operand 1 must be valid number string but got string");
        check("to_number", "[[]]", "eval_type_error: to_number: operand 1 must be one of {null, boolean, number, string} but got array");
    }
}
