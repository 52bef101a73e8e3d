//! Named formats of texts: `format.dns1123Label().validate(name)`.

use probity_kubernetes::NamedFormat;

use super::args::{opaque, text, texts, traversal};
use crate::value::Opaque;
use crate::{Call, CelError, Function, Library, Overload, Type, Value};

/// The library.
pub static LIBRARY: Library = Library::new(
    "kubernetes.format",
    &[
        Function::new("format.named", &[Overload::new("format-named", "format.named(string) -> optional(kubernetes.NamedFormat)", named)]),
        Function::new(
            "validate",
            &[Overload::new("format-validate", "kubernetes.NamedFormat.validate(string) -> optional(list(string))", validate)
                .cost(cost_of_validate)],
        ),
        Function::new(
            "format.dns1123Label",
            &[Overload::new("format.dns1123Label", "format.dns1123Label() -> kubernetes.NamedFormat", |_, _| {
                made(NamedFormat::Dns1123Label)
            })],
        ),
        Function::new(
            "format.dns1123Subdomain",
            &[Overload::new("format.dns1123Subdomain", "format.dns1123Subdomain() -> kubernetes.NamedFormat", |_, _| {
                made(NamedFormat::Dns1123Subdomain)
            })],
        ),
        Function::new(
            "format.dns1035Label",
            &[Overload::new("format.dns1035Label", "format.dns1035Label() -> kubernetes.NamedFormat", |_, _| {
                made(NamedFormat::Dns1035Label)
            })],
        ),
        Function::new(
            "format.qualifiedName",
            &[Overload::new("format.qualifiedName", "format.qualifiedName() -> kubernetes.NamedFormat", |_, _| {
                made(NamedFormat::QualifiedName)
            })],
        ),
        Function::new(
            "format.dns1123LabelPrefix",
            &[Overload::new("format.dns1123LabelPrefix", "format.dns1123LabelPrefix() -> kubernetes.NamedFormat", |_, _| {
                made(NamedFormat::Dns1123LabelPrefix)
            })],
        ),
        Function::new(
            "format.dns1123SubdomainPrefix",
            &[Overload::new("format.dns1123SubdomainPrefix", "format.dns1123SubdomainPrefix() -> kubernetes.NamedFormat", |_, _| {
                made(NamedFormat::Dns1123SubdomainPrefix)
            })],
        ),
        Function::new(
            "format.dns1035LabelPrefix",
            &[Overload::new("format.dns1035LabelPrefix", "format.dns1035LabelPrefix() -> kubernetes.NamedFormat", |_, _| {
                made(NamedFormat::Dns1035LabelPrefix)
            })],
        ),
        Function::new(
            "format.labelValue",
            &[Overload::new("format.labelValue", "format.labelValue() -> kubernetes.NamedFormat", |_, _| made(NamedFormat::LabelValue))],
        ),
        Function::new(
            "format.uri",
            &[Overload::new("format.uri", "format.uri() -> kubernetes.NamedFormat", |_, _| made(NamedFormat::Uri))],
        ),
        Function::new(
            "format.uuid",
            &[Overload::new("format.uuid", "format.uuid() -> kubernetes.NamedFormat", |_, _| made(NamedFormat::Uuid))],
        ),
        Function::new(
            "format.byte",
            &[Overload::new("format.byte", "format.byte() -> kubernetes.NamedFormat", |_, _| made(NamedFormat::Byte))],
        ),
        Function::new(
            "format.date",
            &[Overload::new("format.date", "format.date() -> kubernetes.NamedFormat", |_, _| made(NamedFormat::Date))],
        ),
        Function::new(
            "format.datetime",
            &[Overload::new("format.datetime", "format.datetime() -> kubernetes.NamedFormat", |_, _| made(NamedFormat::DateTime))],
        ),
    ],
)
.with_types(&["kubernetes.NamedFormat"]);

/// A format as a value.
#[derive(Debug)]
pub struct FormatValue(pub NamedFormat);

impl Opaque for FormatValue {
    fn type_of(&self) -> Type {
        Type::opaque("kubernetes.NamedFormat")
    }

    fn equals(&self, other: &dyn Opaque) -> bool {
        (other as &dyn std::any::Any).downcast_ref::<FormatValue>().is_some_and(|other| self.0 == other.0)
    }
}

fn cost_of_validate(args: &[Value], _: &Value) -> u64 {
    let pattern = args.first().and_then(Value::downcast::<FormatValue>).map_or(0, |format| format.0.pattern_size());
    let text = args.get(1).map_or(0, Value::size);
    traversal(text.saturating_add(1)).saturating_mul(pattern.div_ceil(4))
}

fn made(format: NamedFormat) -> Result<Value, CelError> {
    Ok(Value::opaque(FormatValue(format)))
}

fn named(_: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    Ok(NamedFormat::named(text(args, 0)?).map_or_else(Value::none, |format| Value::some(Value::opaque(FormatValue(format)))))
}

fn validate(_: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    let problems = opaque::<FormatValue>(args, 0)?.0.validate(text(args, 1)?);
    Ok(if problems.is_empty() { Value::none() } else { Value::some(texts(problems)) })
}
