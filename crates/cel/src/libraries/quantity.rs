//! Amounts of resources.

use std::cmp::Ordering;

use probity_kubernetes::{Quantity, QuantityFormat};

use super::args::{any, cost_of_text, opaque, text};
use crate::value::Opaque;
use crate::{Call, CelError, Function, Library, Overload, Type, Value};

/// The library.
pub static LIBRARY: Library = Library::new(
    "kubernetes.quantity",
    &[
        Function::new(
            "quantity",
            &[Overload::new("string_to_quantity", "quantity(string) -> kubernetes.Quantity", quantity).cost(cost_of_text)],
        ),
        Function::new("isQuantity", &[Overload::new("is_quantity_string", "isQuantity(string) -> bool", is_quantity).cost(cost_of_text)]),
        Function::new(
            "sign",
            &[Overload::new("quantity_sign", "sign(kubernetes.Quantity) -> int", |_, args| Ok(one(args)?.sign().into()))],
        ),
        Function::new(
            "isGreaterThan",
            &[Overload::new("quantity_is_greater_than", "kubernetes.Quantity.isGreaterThan(kubernetes.Quantity) -> bool", |_, args| {
                Ok((order(args)? == Ordering::Greater).into())
            })],
        ),
        Function::new(
            "isLessThan",
            &[Overload::new("quantity_is_less_than", "kubernetes.Quantity.isLessThan(kubernetes.Quantity) -> bool", |_, args| {
                Ok((order(args)? == Ordering::Less).into())
            })],
        ),
        Function::new(
            "compareTo",
            &[Overload::new("quantity_compare_to", "kubernetes.Quantity.compareTo(kubernetes.Quantity) -> int", |_, args| {
                Ok((order(args)? as i64).into())
            })],
        ),
        Function::new(
            "asApproximateFloat",
            &[Overload::new("quantity_get_float", "kubernetes.Quantity.asApproximateFloat() -> double", |_, args| {
                Ok(one(args)?.as_f64().into())
            })],
        ),
        Function::new("asInteger", &[Overload::new("quantity_get_int", "kubernetes.Quantity.asInteger() -> int", as_integer)]),
        Function::new(
            "isInteger",
            &[Overload::new("quantity_is_integer", "kubernetes.Quantity.isInteger() -> bool", |_, args| {
                Ok(one(args)?.as_i64().is_some().into())
            })],
        ),
        Function::new(
            "add",
            &[
                Overload::new("quantity_add", "kubernetes.Quantity.add(kubernetes.Quantity) -> kubernetes.Quantity", add),
                Overload::new("quantity_add_int", "kubernetes.Quantity.add(int) -> kubernetes.Quantity", add),
            ],
        ),
        Function::new(
            "sub",
            &[
                Overload::new("quantity_sub", "kubernetes.Quantity.sub(kubernetes.Quantity) -> kubernetes.Quantity", sub),
                Overload::new("quantity_sub_int", "kubernetes.Quantity.sub(int) -> kubernetes.Quantity", sub),
            ],
        ),
    ],
)
.with_types(&["kubernetes.Quantity"]);

/// An amount as a value.
#[derive(Debug)]
pub struct QuantityValue(pub Quantity);

impl Opaque for QuantityValue {
    fn type_of(&self) -> Type {
        Type::opaque("kubernetes.Quantity")
    }

    fn equals(&self, other: &dyn Opaque) -> bool {
        (other as &dyn std::any::Any).downcast_ref::<QuantityValue>().is_some_and(|other| self.0 == other.0)
    }

    fn data(&self) -> Option<Value> {
        Some(self.0.to_string().into())
    }
}

fn one(args: &[Value]) -> Result<&Quantity, CelError> {
    Ok(&opaque::<QuantityValue>(args, 0)?.0)
}

fn order(args: &[Value]) -> Result<Ordering, CelError> {
    Ok(one(args)?.cmp(&opaque::<QuantityValue>(args, 1)?.0))
}

fn quantity(_: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    Quantity::parse(text(args, 0)?)
        .map(|quantity| Value::opaque(QuantityValue(quantity)))
        .map_err(|error| CelError::invalid(error.to_string()))
}

fn is_quantity(_: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    Ok(Quantity::parse(text(args, 0)?).is_ok().into())
}

fn as_integer(_: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    one(args)?.as_i64().map(Value::Int).ok_or_else(|| CelError::invalid("cannot convert value to integer"))
}

/// The second operand: an amount, or a whole number.
fn other(args: &[Value]) -> Result<Quantity, CelError> {
    match any(args, 1)? {
        Value::Int(number) => Ok(Quantity::from_i64(*number, QuantityFormat::DecimalExponent)),
        _ => Ok(opaque::<QuantityValue>(args, 1)?.0.clone()),
    }
}

fn add(_: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    Ok(Value::opaque(QuantityValue(one(args)?.add(&other(args)?))))
}

fn sub(_: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    Ok(Value::opaque(QuantityValue(one(args)?.sub(&other(args)?))))
}
