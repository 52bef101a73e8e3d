//! Versions by semver.org.

use std::cmp::Ordering;

use probity_kubernetes::{Semver, SemverError};

use super::args::{bool, cost_of_text, opaque, text};
use crate::value::Opaque;
use crate::{Call, CelError, Function, Library, Overload, Type, Value};

/// The library (version 1).
pub static LIBRARY: Library = Library::new(
    "kubernetes.semver",
    &[
        Function::new(
            "semver",
            &[
                Overload::new("string_to_semver", "semver(string) -> kubernetes.Semver", semver).cost(cost_of_text),
                Overload::new("string_bool_to_semver", "semver(string, bool) -> kubernetes.Semver", semver).cost(cost_of_text),
            ],
        ),
        Function::new(
            "isSemver",
            &[
                Overload::new("is_semver_string", "isSemver(string) -> bool", is_semver).cost(cost_of_text),
                Overload::new("is_semver_string_bool", "isSemver(string, bool) -> bool", is_semver).cost(cost_of_text),
            ],
        ),
        Function::new(
            "isGreaterThan",
            &[Overload::new("semver_is_greater_than", "kubernetes.Semver.isGreaterThan(kubernetes.Semver) -> bool", |_, args| {
                Ok((order(args)? == Ordering::Greater).into())
            })],
        ),
        Function::new(
            "isLessThan",
            &[Overload::new("semver_is_less_than", "kubernetes.Semver.isLessThan(kubernetes.Semver) -> bool", |_, args| {
                Ok((order(args)? == Ordering::Less).into())
            })],
        ),
        Function::new(
            "compareTo",
            &[Overload::new("semver_compare_to", "kubernetes.Semver.compareTo(kubernetes.Semver) -> int", |_, args| {
                Ok((order(args)? as i64).into())
            })],
        ),
        Function::new(
            "major",
            &[Overload::new("semver_major", "kubernetes.Semver.major() -> int", |_, args| Ok(number(one(args)?.major)))],
        ),
        Function::new(
            "minor",
            &[Overload::new("semver_minor", "kubernetes.Semver.minor() -> int", |_, args| Ok(number(one(args)?.minor)))],
        ),
        Function::new(
            "patch",
            &[Overload::new("semver_patch", "kubernetes.Semver.patch() -> int", |_, args| Ok(number(one(args)?.patch)))],
        ),
    ],
)
.with_types(&["kubernetes.Semver"]);

/// A version as a value.
#[derive(Debug)]
pub struct SemverValue(pub Semver);

impl Opaque for SemverValue {
    fn type_of(&self) -> Type {
        Type::opaque("kubernetes.Semver")
    }

    fn equals(&self, other: &dyn Opaque) -> bool {
        (other as &dyn std::any::Any).downcast_ref::<SemverValue>().is_some_and(|other| self.0 == other.0)
    }

    fn data(&self) -> Option<Value> {
        Some(self.0.to_string().into())
    }
}

fn number(value: u64) -> Value {
    // A larger number wraps, as it does in Go.
    Value::Int(value.cast_signed())
}

fn one(args: &[Value]) -> Result<&Semver, CelError> {
    Ok(&opaque::<SemverValue>(args, 0)?.0)
}

fn order(args: &[Value]) -> Result<Ordering, CelError> {
    Ok(one(args)?.cmp(&opaque::<SemverValue>(args, 1)?.0))
}

fn parsed(args: &[Value]) -> Result<Result<Semver, SemverError>, CelError> {
    let normalize = args.len() > 1 && bool(args, 1)?;
    let text = text(args, 0)?;
    Ok(if normalize { Semver::parse_normalized(text) } else { Semver::parse(text) })
}

fn semver(_: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    parsed(args)?.map(|version| Value::opaque(SemverValue(version))).map_err(|error| CelError::invalid(error.to_string()))
}

fn is_semver(_: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    Ok(parsed(args)?.is_ok().into())
}
