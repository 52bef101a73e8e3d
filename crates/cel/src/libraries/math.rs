//! Numbers (`ext.Math`): extremes, rounding, signs, bits.

use std::cmp::Ordering;

use super::args::{any, double, int, list};
use crate::ast::{Expr, ExprKind};
use crate::library::{Expanded, MacroError};
use crate::macros::Expander;
use crate::{Call, CelError, Function, Library, Macro, Overload, Value};

/// The library (version 3).
pub static LIBRARY: Library = Library::new(
    "math",
    &[
        Function::new("math.@min", MIN),
        Function::new("math.@max", MAX),
        Function::new(
            "math.ceil",
            &[Overload::new("math_ceil_double", "math.ceil(double) -> double", |_, args| Ok(double(args, 0)?.ceil().into()))],
        ),
        Function::new(
            "math.floor",
            &[Overload::new("math_floor_double", "math.floor(double) -> double", |_, args| Ok(double(args, 0)?.floor().into()))],
        ),
        Function::new(
            "math.round",
            &[Overload::new("math_round_double", "math.round(double) -> double", |_, args| Ok(double(args, 0)?.round().into()))],
        ),
        Function::new(
            "math.trunc",
            &[Overload::new("math_trunc_double", "math.trunc(double) -> double", |_, args| Ok(double(args, 0)?.trunc().into()))],
        ),
        Function::new(
            "math.isInf",
            &[Overload::new("math_isInf_double", "math.isInf(double) -> bool", |_, args| Ok(double(args, 0)?.is_infinite().into()))],
        ),
        Function::new(
            "math.isNaN",
            &[Overload::new("math_isNaN_double", "math.isNaN(double) -> bool", |_, args| Ok(double(args, 0)?.is_nan().into()))],
        ),
        Function::new(
            "math.isFinite",
            &[Overload::new("math_isFinite_double", "math.isFinite(double) -> bool", |_, args| Ok(double(args, 0)?.is_finite().into()))],
        ),
        Function::new(
            "math.abs",
            &[
                Overload::new("math_abs_double", "math.abs(double) -> double", abs),
                Overload::new("math_abs_int", "math.abs(int) -> int", abs),
                Overload::new("math_abs_uint", "math.abs(uint) -> uint", abs),
            ],
        ),
        Function::new(
            "math.sign",
            &[
                Overload::new("math_sign_double", "math.sign(double) -> double", sign),
                Overload::new("math_sign_int", "math.sign(int) -> int", sign),
                Overload::new("math_sign_uint", "math.sign(uint) -> uint", sign),
            ],
        ),
        Function::new(
            "math.sqrt",
            &[
                Overload::new("math_sqrt_double", "math.sqrt(double) -> double", sqrt),
                Overload::new("math_sqrt_int", "math.sqrt(int) -> double", sqrt),
                Overload::new("math_sqrt_uint", "math.sqrt(uint) -> double", sqrt),
            ],
        ),
        Function::new(
            "math.bitAnd",
            &[
                Overload::new("math_bitAnd_int_int", "math.bitAnd(int, int) -> int", bit_and),
                Overload::new("math_bitAnd_uint_uint", "math.bitAnd(uint, uint) -> uint", bit_and),
            ],
        ),
        Function::new(
            "math.bitOr",
            &[
                Overload::new("math_bitOr_int_int", "math.bitOr(int, int) -> int", bit_or),
                Overload::new("math_bitOr_uint_uint", "math.bitOr(uint, uint) -> uint", bit_or),
            ],
        ),
        Function::new(
            "math.bitXor",
            &[
                Overload::new("math_bitXor_int_int", "math.bitXor(int, int) -> int", bit_xor),
                Overload::new("math_bitXor_uint_uint", "math.bitXor(uint, uint) -> uint", bit_xor),
            ],
        ),
        Function::new(
            "math.bitNot",
            &[
                Overload::new("math_bitNot_int_int", "math.bitNot(int) -> int", bit_not),
                Overload::new("math_bitNot_uint_uint", "math.bitNot(uint) -> uint", bit_not),
            ],
        ),
        Function::new(
            "math.bitShiftLeft",
            &[
                Overload::new("math_bitShiftLeft_int_int", "math.bitShiftLeft(int, int) -> int", shift_left),
                Overload::new("math_bitShiftLeft_uint_int", "math.bitShiftLeft(uint, int) -> uint", shift_left),
            ],
        ),
        Function::new(
            "math.bitShiftRight",
            &[
                Overload::new("math_bitShiftRight_int_int", "math.bitShiftRight(int, int) -> int", shift_right),
                Overload::new("math_bitShiftRight_uint_int", "math.bitShiftRight(uint, int) -> uint", shift_right),
            ],
        ),
    ],
)
.with_macros(&[
    Macro { name: "least", receiver: true, arguments: None, expand: least },
    Macro { name: "greatest", receiver: true, arguments: None, expand: greatest },
]);

const MIN: &[Overload] = &[
    Overload::new("math_@min_double", "math.@min(double) -> double", least_of),
    Overload::new("math_@min_int", "math.@min(int) -> int", least_of),
    Overload::new("math_@min_uint", "math.@min(uint) -> uint", least_of),
    Overload::new("math_@min_double_double", "math.@min(double, double) -> double", least_of),
    Overload::new("math_@min_double_int", "math.@min(double, int) -> dyn", least_of),
    Overload::new("math_@min_double_uint", "math.@min(double, uint) -> dyn", least_of),
    Overload::new("math_@min_int_double", "math.@min(int, double) -> dyn", least_of),
    Overload::new("math_@min_int_int", "math.@min(int, int) -> int", least_of),
    Overload::new("math_@min_int_uint", "math.@min(int, uint) -> dyn", least_of),
    Overload::new("math_@min_uint_double", "math.@min(uint, double) -> dyn", least_of),
    Overload::new("math_@min_uint_int", "math.@min(uint, int) -> dyn", least_of),
    Overload::new("math_@min_uint_uint", "math.@min(uint, uint) -> uint", least_of),
    Overload::new("math_@min_list_double", "math.@min(list(double)) -> double", least_of_list).cost(cost_of_list),
    Overload::new("math_@min_list_int", "math.@min(list(int)) -> int", least_of_list).cost(cost_of_list),
    Overload::new("math_@min_list_uint", "math.@min(list(uint)) -> uint", least_of_list).cost(cost_of_list),
];

const MAX: &[Overload] = &[
    Overload::new("math_@max_double", "math.@max(double) -> double", greatest_of),
    Overload::new("math_@max_int", "math.@max(int) -> int", greatest_of),
    Overload::new("math_@max_uint", "math.@max(uint) -> uint", greatest_of),
    Overload::new("math_@max_double_double", "math.@max(double, double) -> double", greatest_of),
    Overload::new("math_@max_double_int", "math.@max(double, int) -> dyn", greatest_of),
    Overload::new("math_@max_double_uint", "math.@max(double, uint) -> dyn", greatest_of),
    Overload::new("math_@max_int_double", "math.@max(int, double) -> dyn", greatest_of),
    Overload::new("math_@max_int_int", "math.@max(int, int) -> int", greatest_of),
    Overload::new("math_@max_int_uint", "math.@max(int, uint) -> dyn", greatest_of),
    Overload::new("math_@max_uint_double", "math.@max(uint, double) -> dyn", greatest_of),
    Overload::new("math_@max_uint_int", "math.@max(uint, int) -> dyn", greatest_of),
    Overload::new("math_@max_uint_uint", "math.@max(uint, uint) -> uint", greatest_of),
    Overload::new("math_@max_list_double", "math.@max(list(double)) -> double", greatest_of_list).cost(cost_of_list),
    Overload::new("math_@max_list_int", "math.@max(list(int)) -> int", greatest_of_list).cost(cost_of_list),
    Overload::new("math_@max_list_uint", "math.@max(list(uint)) -> uint", greatest_of_list).cost(cost_of_list),
];

fn cost_of_list(args: &[Value], _: &Value) -> u64 {
    args.first().map_or(1, |list| list.size().saturating_add(1))
}

fn least(expander: &mut Expander<'_>, target: Option<Expr>, args: Vec<Expr>) -> Result<Expanded, MacroError> {
    extreme_macro(expander, target, args, "math.least()", "math.@min")
}

fn greatest(expander: &mut Expander<'_>, target: Option<Expr>, args: Vec<Expr>) -> Result<Expanded, MacroError> {
    extreme_macro(expander, target, args, "math.greatest()", "math.@max")
}

fn extreme_macro(
    expander: &mut Expander<'_>,
    target: Option<Expr>,
    args: Vec<Expr>,
    name: &str,
    function: &str,
) -> Result<Expanded, MacroError> {
    let at = match &target {
        Some(Expr { kind: ExprKind::Ident(found), at, .. }) if &**found == "math" => *at,
        _ => return Ok(Expanded::Not(target, args)),
    };
    match args.as_slice() {
        [] => return Err(expander.error(at, format!("{name} requires at least one argument"))),
        [only] => {
            let fits = match &only.kind {
                ExprKind::List(items) => !items.is_empty() && items.iter().all(|(item, _)| may_be_number(item)),
                _ => may_be_number(only),
            };
            if !fits {
                return Err(expander.error(only.at, format!("{name} invalid single argument value")));
            }
        }
        several => {
            if let Some(wrong) = several.iter().find(|arg| !may_be_number(arg)) {
                return Err(expander.error(wrong.at, format!("{name} simple literal arguments must be numeric")));
            }
        }
    }
    let args = if args.len() > 2 { vec![expander.list(args)] } else { args };
    Ok(Expanded::To(expander.call(function, args)))
}

fn may_be_number(arg: &Expr) -> bool {
    match &arg.kind {
        ExprKind::Literal(value) => matches!(value, Value::Int(_) | Value::Uint(_) | Value::Double(_)),
        ExprKind::List(_) | ExprKind::Map(_) | ExprKind::Struct { .. } => false,
        _ => true,
    }
}

/// The first of two unless the second is beyond it.
fn pick(first: Value, second: Value, beyond: Ordering) -> Result<Value, CelError> {
    let name = if beyond == Ordering::Greater { "math.@min" } else { "math.@max" };
    match first.compare(&second) {
        Some(order) if order == beyond => Ok(second),
        Some(_) => Ok(first),
        None if matches!(first, Value::Double(_)) || matches!(second, Value::Double(_)) => {
            Err(CelError::invalid(format!("NaN values cannot be ordered: {name}")))
        }
        None => Err(CelError::no_such_overload()),
    }
}

fn numbers(args: &[Value], beyond: Ordering) -> Result<Value, CelError> {
    let mut found: Option<Value> = None;
    for arg in args {
        if !matches!(arg, Value::Int(_) | Value::Uint(_) | Value::Double(_)) {
            return Err(CelError::no_such_overload());
        }
        found = Some(match found {
            None => arg.clone(),
            Some(found) => pick(found, arg.clone(), beyond)?,
        });
    }
    found.ok_or_else(CelError::no_such_overload)
}

fn least_of(_: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    numbers(args, Ordering::Greater)
}

fn greatest_of(_: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    numbers(args, Ordering::Less)
}

fn least_of_list(_: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    match list(args, 0)?.to_vec()?.as_slice() {
        [] => Err(CelError::invalid("math.@min(list) argument must not be empty")),
        items => numbers(items, Ordering::Greater),
    }
}

fn greatest_of_list(_: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    match list(args, 0)?.to_vec()?.as_slice() {
        [] => Err(CelError::invalid("math.@max(list) argument must not be empty")),
        items => numbers(items, Ordering::Less),
    }
}

fn abs(_: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    match any(args, 0)? {
        Value::Double(value) => Ok(value.abs().into()),
        Value::Int(value) => value.checked_abs().map(Value::Int).ok_or_else(|| CelError::overflow("integer")),
        Value::Uint(value) => Ok(Value::Uint(*value)),
        _ => Err(CelError::no_such_overload()),
    }
}

fn sign(_: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    match any(args, 0)? {
        Value::Double(value) if value.is_nan() => Ok((*value).into()),
        Value::Double(value) => Ok(if *value > 0.0 {
            1.0
        } else if *value < 0.0 {
            -1.0
        } else {
            0.0
        }
        .into()),
        Value::Int(value) => Ok(value.signum().into()),
        Value::Uint(value) => Ok(Value::Uint((*value).min(1))),
        _ => Err(CelError::no_such_overload()),
    }
}

#[expect(clippy::cast_precision_loss, reason = "the nearest double has the nearest root")]
fn sqrt(_: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    match any(args, 0)? {
        Value::Double(value) => Ok(value.sqrt().into()),
        Value::Int(value) => Ok((*value as f64).sqrt().into()),
        Value::Uint(value) => Ok((*value as f64).sqrt().into()),
        _ => Err(CelError::no_such_overload()),
    }
}

fn bits(args: &[Value], ints: fn(i64, i64) -> i64, uints: fn(u64, u64) -> u64) -> Result<Value, CelError> {
    match (any(args, 0)?, any(args, 1)?) {
        (Value::Int(a), Value::Int(b)) => Ok(ints(*a, *b).into()),
        (Value::Uint(a), Value::Uint(b)) => Ok(uints(*a, *b).into()),
        _ => Err(CelError::no_such_overload()),
    }
}

fn bit_and(_: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    bits(args, |a, b| a & b, |a, b| a & b)
}

fn bit_or(_: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    bits(args, |a, b| a | b, |a, b| a | b)
}

fn bit_xor(_: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    bits(args, |a, b| a ^ b, |a, b| a ^ b)
}

fn bit_not(_: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    match any(args, 0)? {
        Value::Int(value) => Ok((!value).into()),
        Value::Uint(value) => Ok((!value).into()),
        _ => Err(CelError::no_such_overload()),
    }
}

/// How far to shift; none where nothing is left of the value.
fn distance(args: &[Value], name: &str) -> Result<Option<u32>, CelError> {
    let distance = int(args, 1)?;
    if distance < 0 {
        return Err(CelError::invalid(format!("math.{name}() negative offset: {distance}")));
    }
    Ok(u32::try_from(distance).ok().filter(|distance| *distance < 64))
}

fn shift_left(_: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    let distance = distance(args, "bitShiftLeft")?;
    match any(args, 0)? {
        Value::Int(value) => Ok(distance.map_or(0, |distance| value << distance).into()),
        Value::Uint(value) => Ok(distance.map_or(0, |distance| value << distance).into()),
        _ => Err(CelError::no_such_overload()),
    }
}

/// The sign is a bit like the others.
fn shift_right(_: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    let distance = distance(args, "bitShiftRight")?;
    match any(args, 0)? {
        Value::Int(value) => Ok(distance.map_or(0, |distance| (value.cast_unsigned() >> distance).cast_signed()).into()),
        Value::Uint(value) => Ok(distance.map_or(0, |distance| value >> distance).into()),
        _ => Err(CelError::no_such_overload()),
    }
}
