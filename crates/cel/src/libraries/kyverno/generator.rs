//! Makes objects: what is made is handed to the host.

use probity_core::GroupVersionKind;
use probity_kubernetes::schema;
use probity_value::{self as data, Span};

use super::{Host, Receiver};
use crate::libraries::args::{list, text};
use crate::{Call, CelError, Constant, Function, Library, Overload, Value};

/// The library, for policies of the cluster: generating policies alone have it.
pub static LIBRARY: Library = Library::new(
    "kyverno.generator",
    &[
        Function::new(
            "Apply",
            &[Overload::new(
                "generator_apply_string_list_pascal",
                "generator.Context.Apply(string, list(map(string, dyn))) -> bool",
                apply,
            )],
        ),
        Function::new(
            "apply",
            &[Overload::new("generator_apply_string_list_camel", "generator.Context.apply(string, list(map(string, dyn))) -> bool", apply)],
        ),
    ],
)
.with_constants(CONSTANTS);

/// The library for policies of a namespace: they make objects in it and nowhere else.
pub static NAMESPACED: Library = Library::new(
    "kyverno.generator",
    &[
        Function::new(
            "Apply",
            &[Overload::new("generator_apply_list_pascal", "generator.Context.Apply(list(map(string, dyn))) -> bool", apply_here)],
        ),
        Function::new(
            "apply",
            &[Overload::new("generator_apply_list_camel", "generator.Context.apply(list(map(string, dyn))) -> bool", apply_here)],
        ),
    ],
)
.with_constants(CONSTANTS);

const CONSTANTS: &[Constant] =
    &[Constant { name: "generator", type_name: "generator.Context", value: || Value::opaque(Receiver("generator.Context")) }];

fn apply(call: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    generate(call, text(args, 1)?, args, 2)
}

fn apply_here(call: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    let Some(host) = call.host::<Host>() else { return Err(nowhere()) };
    let namespace = std::sync::Arc::clone(&host.namespace);
    generate(call, &namespace, args, 1)
}

fn nowhere() -> CelError {
    CelError::invalid("failed to generate resources: nothing can be generated here")
}

fn generate(call: &mut Call<'_>, namespace: &str, args: &[Value], at: usize) -> Result<Value, CelError> {
    let Some(host) = call.host::<Host>() else { return Err(nowhere()) };
    let mut made = Vec::new();
    for item in list(args, at)?.iter() {
        let object = item?.to_data(Span::NONE)?;
        let objects = match object.get("items").and_then(data::Value::as_list) {
            Some(items) if object.get("kind").and_then(data::Value::as_str).is_some_and(|kind| kind.ends_with("List")) => items.to_vec(),
            _ => vec![object],
        };
        for object in objects {
            made.push(placed(object, namespace, host)?);
        }
    }
    host.generate(made);
    Ok(true.into())
}

/// The object as it is made in a namespace: without what a server writes into it, and without owners of another namespace.
fn placed(object: data::Value, namespace: &str, host: &Host) -> Result<data::Value, CelError> {
    let words = |name: &str| object.get(name).and_then(data::Value::as_str).unwrap_or_default().to_owned();
    let (api_version, kind) = (words("apiVersion"), words("kind"));
    let Some(map) = object.as_map() else { return Err(CelError::invalid("failed to generate resources: what is to be made is no object")) };
    let of_cluster = schema::is_namespaced(&GroupVersionKind::of(&api_version, &kind)) == Some(false);
    if of_cluster && !namespace.is_empty() && !host.namespace.is_empty() {
        return Err(CelError::invalid(format!(
            "failed to generate resources: cross-scope generation denied: a policy scoped to namespace \"{namespace}\" cannot generate cluster-scoped resource {api_version}/{kind}"
        )));
    }
    let namespace = if of_cluster { "" } else { namespace };
    let mut metadata = map.get("metadata").and_then(data::Value::as_map).cloned().unwrap_or_default();
    let source = metadata.get("namespace").and_then(data::Value::as_str).unwrap_or_default().to_owned();
    if !source.is_empty() && source != namespace {
        metadata.remove("ownerReferences");
    }
    for name in ["uid", "selfLink", "creationTimestamp", "managedFields", "resourceVersion"] {
        metadata.remove(name);
    }
    if namespace.is_empty() {
        metadata.remove("namespace");
    } else {
        metadata.insert("namespace", Span::NONE, data::Value::string(namespace, Span::NONE));
    }
    let mut map = map.clone();
    map.insert("metadata", Span::NONE, data::Value::map(metadata, Span::NONE));
    Ok(data::Value::map(map, object.span))
}
