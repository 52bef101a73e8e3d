//! `orValue` of a value that is no optional gives the value, as cel-go did before 0.28 and Kyverno keeps doing.

use crate::ast::Expr;
use crate::libraries::args::any;
use crate::library::{Expanded, MacroError};
use crate::macros::Expander;
use crate::{Call, CelError, Function, Library, Macro, Overload, Value};

/// The library.
pub static LIBRARY: Library = Library::new(
    "kyverno.compatible",
    &[Function::new("__orValueCompat__", &[Overload::new("__orValueCompat___dyn_dyn", "__orValueCompat__(dyn, dyn) -> dyn", or_value)])],
)
.with_macros(&[Macro { name: "orValue", receiver: true, arguments: Some(1), expand }]);

fn expand(expander: &mut Expander<'_>, target: Option<Expr>, mut args: Vec<Expr>) -> Result<Expanded, MacroError> {
    let Some(target) = target else { return Ok(Expanded::Not(target, args)) };
    args.insert(0, target);
    Ok(Expanded::To(expander.call("__orValueCompat__", args)))
}

fn or_value(_: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    Ok(match any(args, 0)? {
        Value::Optional(Some(value)) => Value::clone(value),
        Value::Optional(None) => any(args, 1)?.clone(),
        value => value.clone(),
    })
}
