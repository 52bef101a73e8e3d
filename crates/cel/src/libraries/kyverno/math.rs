//! Rounding to decimal places.

use crate::libraries::args::{double, int};
use crate::{Call, CelError, Function, Library, Overload, Value};

/// The library.
pub static LIBRARY: Library = Library::new(
    "kyverno.math",
    &[Function::new("math.round", &[Overload::new("math_round_float_int", "math.round(double, int) -> double", round)])],
);

fn round(_: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    let places = int(args, 1)?;
    let shift = match places {
        0..=308 => format!("1e{places}").parse().unwrap_or(f64::INFINITY),
        309.. => f64::INFINITY,
        -323..=-1 => format!("1e{places}").parse().unwrap_or(0.0),
        _ => 0.0,
    };
    Ok(((double(args, 0)? * shift).round() / shift).into())
}
