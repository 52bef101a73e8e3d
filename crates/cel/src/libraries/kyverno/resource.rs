//! Objects of the cluster, and calls that make one there.

use std::sync::Arc;

use probity_core::{GroupVersionKind, LookupError, Question};
use probity_kubernetes::schema;
use probity_value::{self as data, Span};

use super::{Host, Receiver, within};
use crate::libraries::args::{any, map, text};
use crate::value::Opaque;
use crate::{Call, CelError, Constant, Function, Library, Map, Overload, Type, Value};

/// The library, for policies of the cluster.
pub static LIBRARY: Library = Library::new(
    "kyverno.resource",
    &[
        Function::new(
            "List",
            &[
                Overload::new(
                    "resource_list_string_string_string_pascal",
                    "resource.Context.List(string, string, string) -> map(string, dyn)",
                    list_all,
                ),
                Overload::new(
                    "resource_list_string_string_string_map_pascal",
                    "resource.Context.List(string, string, string, map(string, string)) -> map(string, dyn)",
                    list_all,
                ),
                Overload::new(
                    "list_resources_gvr_string_pascal",
                    "resource.Context.List(schema.GroupVersionResource, string) -> map(string, dyn)",
                    list_all,
                ),
                Overload::new(
                    "list_resources_gvr_string_map_pascal",
                    "resource.Context.List(schema.GroupVersionResource, string, map(string, string)) -> map(string, dyn)",
                    list_all,
                ),
            ],
        ),
        Function::new(
            "list",
            &[
                Overload::new(
                    "resource_list_string_string_string_camel",
                    "resource.Context.list(string, string, string) -> map(string, dyn)",
                    list_all,
                ),
                Overload::new(
                    "resource_list_string_string_string_map_camel",
                    "resource.Context.list(string, string, string, map(string, string)) -> map(string, dyn)",
                    list_all,
                ),
                Overload::new(
                    "list_resources_gvr_string_camel",
                    "resource.Context.list(schema.GroupVersionResource, string) -> map(string, dyn)",
                    list_all,
                ),
                Overload::new(
                    "list_resources_gvr_string_map_camel",
                    "resource.Context.list(schema.GroupVersionResource, string, map(string, string)) -> map(string, dyn)",
                    list_all,
                ),
            ],
        ),
        Function::new(
            "Get",
            &[
                Overload::new(
                    "resource_get_string_string_string_string_pascal",
                    "resource.Context.Get(string, string, string, string) -> map(string, dyn)",
                    get,
                ),
                Overload::new(
                    "resource_get_gvr_string_string_pascal",
                    "resource.Context.Get(schema.GroupVersionResource, string, string) -> map(string, dyn)",
                    get,
                ),
            ],
        ),
        Function::new(
            "get",
            &[
                Overload::new(
                    "resource_get_string_string_string_string_camel",
                    "resource.Context.get(string, string, string, string) -> map(string, dyn)",
                    get,
                ),
                Overload::new(
                    "resource_get_gvr_string_string_camel",
                    "resource.Context.get(schema.GroupVersionResource, string, string) -> map(string, dyn)",
                    get,
                ),
            ],
        ),
        Function::new(
            "Post",
            &[
                Overload::new(
                    "resource_post_string_string_string_map_pascal",
                    "resource.Context.Post(string, string, string, map(string, dyn)) -> map(string, dyn)",
                    post,
                ),
                Overload::new(
                    "resource_post_string_string_map_pascal",
                    "resource.Context.Post(string, string, map(string, dyn)) -> map(string, dyn)",
                    post,
                ),
            ],
        ),
        Function::new(
            "post",
            &[
                Overload::new(
                    "resource_post_string_string_string_map_camel",
                    "resource.Context.post(string, string, string, map(string, dyn)) -> map(string, dyn)",
                    post,
                ),
                Overload::new(
                    "resource_post_string_string_map_camel",
                    "resource.Context.post(string, string, map(string, dyn)) -> map(string, dyn)",
                    post,
                ),
            ],
        ),
        Function::new(
            "ToGVR",
            &[Overload::new(
                "convert_to_gvr_string_string_pascal",
                "resource.Context.ToGVR(string, string) -> schema.GroupVersionResource",
                to_gvr,
            )],
        ),
        Function::new(
            "toGVR",
            &[Overload::new(
                "convert_to_gvr_string_string_camel",
                "resource.Context.toGVR(string, string) -> schema.GroupVersionResource",
                to_gvr,
            )],
        ),
    ],
)
.with_constants(CONSTANTS);

/// The library for policies of a namespace, which see their own namespace alone: instead of [`LIBRARY`].
pub static NAMESPACED: Library = Library::new(
    "kyverno.resource",
    &[
        Function::new(
            "List",
            &[
                Overload::new("resource_list_string_string_pascal", "resource.Context.List(string, string) -> map(string, dyn)", list_here),
                Overload::new(
                    "resource_list_string_string_map_pascal",
                    "resource.Context.List(string, string, map(string, string)) -> map(string, dyn)",
                    list_here,
                ),
                Overload::new(
                    "list_resources_gvr_pascal",
                    "resource.Context.List(schema.GroupVersionResource) -> map(string, dyn)",
                    list_here,
                ),
                Overload::new(
                    "list_resources_gvr_map_pascal",
                    "resource.Context.List(schema.GroupVersionResource, map(string, string)) -> map(string, dyn)",
                    list_here,
                ),
            ],
        ),
        Function::new(
            "list",
            &[
                Overload::new("resource_list_string_string_camel", "resource.Context.list(string, string) -> map(string, dyn)", list_here),
                Overload::new(
                    "resource_list_string_string_map_camel",
                    "resource.Context.list(string, string, map(string, string)) -> map(string, dyn)",
                    list_here,
                ),
                Overload::new(
                    "list_resources_gvr_camel",
                    "resource.Context.list(schema.GroupVersionResource) -> map(string, dyn)",
                    list_here,
                ),
                Overload::new(
                    "list_resources_gvr_map_camel",
                    "resource.Context.list(schema.GroupVersionResource, map(string, string)) -> map(string, dyn)",
                    list_here,
                ),
            ],
        ),
        Function::new(
            "Get",
            &[
                Overload::new(
                    "resource_get_string_string_string_pascal",
                    "resource.Context.Get(string, string, string) -> map(string, dyn)",
                    get_here,
                ),
                Overload::new(
                    "resource_get_gvr_string_pascal",
                    "resource.Context.Get(schema.GroupVersionResource, string) -> map(string, dyn)",
                    get_here,
                ),
            ],
        ),
        Function::new(
            "get",
            &[
                Overload::new(
                    "resource_get_string_string_string_camel",
                    "resource.Context.get(string, string, string) -> map(string, dyn)",
                    get_here,
                ),
                Overload::new(
                    "resource_get_gvr_string_camel",
                    "resource.Context.get(schema.GroupVersionResource, string) -> map(string, dyn)",
                    get_here,
                ),
            ],
        ),
        Function::new(
            "Post",
            &[Overload::new(
                "resource_post_here_string_string_map_pascal",
                "resource.Context.Post(string, string, map(string, dyn)) -> map(string, dyn)",
                post_here,
            )],
        ),
        Function::new(
            "post",
            &[Overload::new(
                "resource_post_here_string_string_map_camel",
                "resource.Context.post(string, string, map(string, dyn)) -> map(string, dyn)",
                post_here,
            )],
        ),
        Function::new(
            "ToGVR",
            &[Overload::new(
                "convert_to_gvr_string_string_pascal",
                "resource.Context.ToGVR(string, string) -> schema.GroupVersionResource",
                to_gvr,
            )],
        ),
        Function::new(
            "toGVR",
            &[Overload::new(
                "convert_to_gvr_string_string_camel",
                "resource.Context.toGVR(string, string) -> schema.GroupVersionResource",
                to_gvr,
            )],
        ),
    ],
)
.with_constants(CONSTANTS);

const CONSTANTS: &[Constant] =
    &[Constant { name: "resource", type_name: "resource.Context", value: || Value::opaque(Receiver("resource.Context")) }];

/// Group, version and plural.
#[derive(Clone, PartialEq, Eq, Debug)]
struct GroupVersionResource {
    api_version: Arc<str>,
    resource: Arc<str>,
}

impl Opaque for GroupVersionResource {
    fn type_of(&self) -> Type {
        Type::opaque("schema.GroupVersionResource")
    }

    fn equals(&self, other: &dyn Opaque) -> bool {
        (other as &dyn std::any::Any).downcast_ref::<GroupVersionResource>().is_some_and(|other| self == other)
    }

    fn field(&self, name: &str, _: &mut Call<'_>) -> Result<Option<Value>, CelError> {
        let (group, version) = self.api_version.split_once('/').unwrap_or(("", &self.api_version));
        Ok(match name {
            "Group" => Some(group.into()),
            "Version" => Some(version.into()),
            "Resource" => Some(Arc::clone(&self.resource).into()),
            _ => None,
        })
    }
}

/// Which resource is meant, and the arguments behind it.
fn resource(args: &[Value]) -> Result<(GroupVersionResource, &[Value]), CelError> {
    if let Some(given) = any(args, 1)?.downcast::<GroupVersionResource>() {
        return Ok((given.clone(), args.get(2..).unwrap_or_default()));
    }
    let (api_version, resource) = (text(args, 1)?.into(), text(args, 2)?.into());
    Ok((GroupVersionResource { api_version, resource }, args.get(3..).unwrap_or_default()))
}

/// The namespace of the policy.
fn here(call: &Call<'_>) -> Result<Arc<str>, CelError> {
    match call.host::<Host>() {
        Some(host) if !host.namespace.is_empty() => Ok(Arc::clone(&host.namespace)),
        _ => Err(CelError::invalid("the namespace of the policy is not known")),
    }
}

/// Labels as a query writes them, sorted.
fn selector(labels: &Map) -> Result<Arc<str>, CelError> {
    let mut terms = Vec::new();
    for (key, value) in labels.entries() {
        let value = value?;
        let (Some(key), Some(value)) = (key.as_str(), value.as_str()) else { return Err(CelError::no_such_overload()) };
        terms.push(format!("{key}={value}"));
    }
    terms.sort();
    Ok(terms.join(",").into())
}

fn ask_list(call: &Call<'_>, resource: GroupVersionResource, namespace: &str, labels: Option<&Map>) -> Result<Value, CelError> {
    let selector = labels.map(selector).transpose()?.unwrap_or_default();
    let question = Question::Objects { api_version: resource.api_version, kind: resource.resource, namespace: namespace.into(), selector };
    let answer = call.context.lookup.ask(&question).map_err(|error| within("failed to list resource", error.into()))?;
    Value::view(&answer)
}

fn list_all(call: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    let (resource, rest) = resource(args)?;
    let labels = if rest.len() > 1 { Some(map(rest, 1)?) } else { None };
    ask_list(call, resource, text(rest, 0)?, labels)
}

fn list_here(call: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    let (resource, rest) = resource(args)?;
    let labels = if rest.is_empty() { None } else { Some(map(rest, 0)?) };
    let namespace = here(call)?;
    ask_list(call, resource, &namespace, labels)
}

/// An object that is known not to exist is null.
fn ask_object(call: &Call<'_>, resource: GroupVersionResource, namespace: &str, name: &str) -> Result<Value, CelError> {
    let question =
        Question::Object { api_version: resource.api_version, kind: resource.resource, namespace: namespace.into(), name: name.into() };
    match call.context.lookup.ask(&question) {
        Ok(answer) => Value::view(&answer),
        Err(LookupError::Absent(_)) => Ok(Value::Null),
        Err(error) => Err(error.into()),
    }
}

fn get(call: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    let (resource, rest) = resource(args)?;
    ask_object(call, resource, text(rest, 0)?, text(rest, 1)?)
}

fn get_here(call: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    let (resource, rest) = resource(args)?;
    let namespace = here(call)?;
    ask_object(call, resource, &namespace, text(rest, 0)?)
}

/// The path of the API server under which objects of a resource are made.
fn api_path(resource: &GroupVersionResource, namespace: &str) -> String {
    let root = if resource.api_version.contains('/') { "apis" } else { "api" };
    let within = if namespace.is_empty() { String::new() } else { format!("namespaces/{namespace}/") };
    format!("/{root}/{}/{within}{}", resource.api_version, resource.resource)
}

fn ask_post(call: &Call<'_>, resource: &GroupVersionResource, namespace: &str, object: &Value) -> Result<Value, CelError> {
    let body: data::Value = object.to_data(Span::NONE)?;
    let question = Question::Call { method: "POST".into(), url: api_path(resource, namespace).into(), body: Some(body) };
    let answer = call.context.lookup.ask(&question).map_err(|error| within("failed to create resource", error.into()))?;
    Value::view(&answer)
}

fn post(call: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    let (resource, rest) = resource(args)?;
    match rest {
        [object] => ask_post(call, &resource, "", object),
        [_, object] => ask_post(call, &resource, text(rest, 0)?, object),
        _ => Err(CelError::no_such_overload()),
    }
}

fn post_here(call: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    let (resource, rest) = resource(args)?;
    let namespace = here(call)?;
    ask_post(call, &resource, &namespace, any(rest, 0)?)
}

fn to_gvr(_: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    let (api_version, kind) = (text(args, 1)?, text(args, 2)?);
    let resource = schema::plural(&GroupVersionKind::of(api_version, kind)).into();
    Ok(Value::opaque(GroupVersionResource { api_version: api_version.into(), resource }))
}
