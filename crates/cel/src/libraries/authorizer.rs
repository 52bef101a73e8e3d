//! Who may do what (`authorizer` in admission policies): asked of the outside, never assumed.

use std::any::Any;
use std::sync::Arc;

use probity_core::{Question, UserInfo};
use probity_kubernetes::{Selector, names};
use probity_value::{self as data, Span};

use super::args::{opaque, text, traversal};
use crate::value::Opaque;
use crate::{Call, CelError, Function, Library, Overload, Type, Value};

/// The library.
pub static LIBRARY: Library = Library::new(
    "kubernetes.authz",
    &[
        Function::new(
            "path",
            &[Overload::new(
                "authorizer_path",
                "kubernetes.authorization.Authorizer.path(string) -> kubernetes.authorization.PathCheck",
                path,
            )],
        ),
        Function::new(
            "group",
            &[Overload::new(
                "authorizer_group",
                "kubernetes.authorization.Authorizer.group(string) -> kubernetes.authorization.GroupCheck",
                group,
            )],
        ),
        Function::new(
            "serviceAccount",
            &[Overload::new(
                "authorizer_serviceaccount",
                "kubernetes.authorization.Authorizer.serviceAccount(string, string) -> kubernetes.authorization.Authorizer",
                service_account,
            )],
        ),
        Function::new(
            "resource",
            &[Overload::new(
                "groupcheck_resource",
                "kubernetes.authorization.GroupCheck.resource(string) -> kubernetes.authorization.ResourceCheck",
                resource,
            )],
        ),
        Function::new(
            "subresource",
            &[Overload::new(
                "resourcecheck_subresource",
                "kubernetes.authorization.ResourceCheck.subresource(string) -> kubernetes.authorization.ResourceCheck",
                |_, args| changed(args, |check, text| check.subresource = text),
            )],
        ),
        Function::new(
            "namespace",
            &[Overload::new(
                "resourcecheck_namespace",
                "kubernetes.authorization.ResourceCheck.namespace(string) -> kubernetes.authorization.ResourceCheck",
                |_, args| changed(args, |check, text| check.namespace = text),
            )],
        ),
        Function::new(
            "name",
            &[Overload::new(
                "resourcecheck_name",
                "kubernetes.authorization.ResourceCheck.name(string) -> kubernetes.authorization.ResourceCheck",
                |_, args| changed(args, |check, text| check.name = text),
            )],
        ),
        Function::new(
            "check",
            &[
                Overload::new(
                    "pathcheck_check",
                    "kubernetes.authorization.PathCheck.check(string) -> kubernetes.authorization.Decision",
                    check_path,
                )
                .cost(|_, _| CHECK),
                Overload::new(
                    "resourcecheck_check",
                    "kubernetes.authorization.ResourceCheck.check(string) -> kubernetes.authorization.Decision",
                    check_resource,
                )
                .cost(|_, _| CHECK),
            ],
        ),
        Function::new(
            "allowed",
            &[Overload::new("decision_allowed", "kubernetes.authorization.Decision.allowed() -> bool", |_, args| {
                Ok(opaque::<Decision>(args, 0)?.allowed.into())
            })],
        ),
        Function::new(
            "reason",
            &[Overload::new("decision_reason", "kubernetes.authorization.Decision.reason() -> string", |_, args| {
                Ok(Arc::clone(&opaque::<Decision>(args, 0)?.reason).into())
            })],
        ),
        Function::new(
            "errored",
            &[Overload::new("decision_errored", "kubernetes.authorization.Decision.errored() -> bool", |_, args| {
                Ok(opaque::<Decision>(args, 0)?.error.is_some().into())
            })],
        ),
        Function::new(
            "error",
            &[Overload::new("decision_error", "kubernetes.authorization.Decision.error() -> string", |_, args| {
                Ok(opaque::<Decision>(args, 0)?.error.clone().unwrap_or_default().into())
            })],
        ),
    ],
)
.with_types(TYPES);

/// Checks limited by selectors.
pub static SELECTORS: Library = Library::new(
    "kubernetes.authzSelectors",
    &[
        Function::new(
            "fieldSelector",
            &[Overload::new(
                "authorizer_fieldselector",
                "kubernetes.authorization.ResourceCheck.fieldSelector(string) -> kubernetes.authorization.ResourceCheck",
                |_, args| changed(args, |check, text| check.field_selector = text),
            )
            .cost(cost_of_selector)],
        ),
        Function::new(
            "labelSelector",
            &[Overload::new(
                "authorizer_labelselector",
                "kubernetes.authorization.ResourceCheck.labelSelector(string) -> kubernetes.authorization.ResourceCheck",
                |_, args| changed(args, |check, text| check.label_selector = text),
            )
            .cost(cost_of_selector)],
        ),
    ],
);

const TYPES: &[&str] = &[
    "kubernetes.authorization.Authorizer",
    "kubernetes.authorization.PathCheck",
    "kubernetes.authorization.GroupCheck",
    "kubernetes.authorization.ResourceCheck",
    "kubernetes.authorization.Decision",
];

/// Two checks fit into one expression's budget.
const CHECK: u64 = 350_000;

/// Who is asked about: the value of the variable `authorizer`.
#[derive(Clone, Debug)]
pub struct Authorizer {
    user: Arc<UserInfo>,
}

#[derive(Debug)]
struct PathCheck {
    user: Arc<UserInfo>,
    path: Arc<str>,
}

#[derive(Debug)]
struct GroupCheck {
    user: Arc<UserInfo>,
    group: Arc<str>,
}

/// What is asked about one resource: the value of `authorizer.requestResource`.
#[derive(Clone, Debug, Default)]
pub struct ResourceCheck {
    /// Who.
    pub user: Arc<UserInfo>,
    /// The API group; empty for the core group.
    pub group: Arc<str>,
    /// The plural.
    pub resource: Arc<str>,
    /// Its part; empty for the whole.
    pub subresource: Arc<str>,
    /// The namespace; empty for the cluster.
    pub namespace: Arc<str>,
    /// The name; empty for all.
    pub name: Arc<str>,
    field_selector: Arc<str>,
    label_selector: Arc<str>,
}

#[derive(Debug)]
struct Decision {
    allowed: bool,
    reason: Arc<str>,
    error: Option<Arc<str>>,
}

impl Authorizer {
    /// Asks about a user.
    #[must_use]
    pub fn new(user: Arc<UserInfo>) -> Authorizer {
        Authorizer { user }
    }

    /// The type of the variable.
    #[must_use]
    pub fn variable_type() -> Type {
        Type::opaque("kubernetes.authorization.Authorizer")
    }
}

impl ResourceCheck {
    /// The type of the variable `authorizer.requestResource`.
    #[must_use]
    pub fn variable_type() -> Type {
        Type::opaque("kubernetes.authorization.ResourceCheck")
    }
}

/// These are asked and not compared: each equals itself alone.
macro_rules! opaque_type {
    ($type:ty, $name:literal) => {
        impl Opaque for $type {
            fn type_of(&self) -> Type {
                Type::opaque($name)
            }

            fn equals(&self, other: &dyn Opaque) -> bool {
                (other as &dyn Any).downcast_ref::<$type>().is_some_and(|other| std::ptr::eq(self, other))
            }
        }
    };
}

opaque_type!(Authorizer, "kubernetes.authorization.Authorizer");
opaque_type!(PathCheck, "kubernetes.authorization.PathCheck");
opaque_type!(GroupCheck, "kubernetes.authorization.GroupCheck");
opaque_type!(ResourceCheck, "kubernetes.authorization.ResourceCheck");
opaque_type!(Decision, "kubernetes.authorization.Decision");

fn cost_of_selector(args: &[Value], _: &Value) -> u64 {
    // A list, going over the text, and a structure and a list for each requirement, of which one takes two characters.
    let length = args.get(1).map_or(0, Value::size);
    traversal(length).saturating_add(length.div_ceil(2).saturating_mul(50)).saturating_add(10)
}

fn path(_: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    let (authorizer, path) = (opaque::<Authorizer>(args, 0)?, text(args, 1)?);
    if path.trim().is_empty() {
        return Err(CelError::invalid("path must not be empty"));
    }
    Ok(Value::opaque(PathCheck { user: Arc::clone(&authorizer.user), path: path.into() }))
}

fn group(_: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    let authorizer = opaque::<Authorizer>(args, 0)?;
    Ok(Value::opaque(GroupCheck { user: Arc::clone(&authorizer.user), group: text(args, 1)?.into() }))
}

fn service_account(_: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    let (namespace, name) = (text(args, 1)?, text(args, 2)?);
    opaque::<Authorizer>(args, 0)?;
    if !names::dns1123_subdomain(name).is_empty() {
        return Err(CelError::invalid("Invalid service account name"));
    }
    if !names::dns1123_label(namespace).is_empty() {
        return Err(CelError::invalid("Invalid service account namespace"));
    }
    let user = UserInfo {
        username: format!("system:serviceaccount:{namespace}:{name}").into(),
        groups: vec!["system:serviceaccounts".into(), format!("system:serviceaccounts:{namespace}").into()],
        ..UserInfo::default()
    };
    Ok(Value::opaque(Authorizer::new(Arc::new(user))))
}

fn resource(_: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    let (group, resource) = (opaque::<GroupCheck>(args, 0)?, text(args, 1)?);
    if resource.trim().is_empty() {
        return Err(CelError::invalid("resource must not be empty"));
    }
    let (user, group) = (Arc::clone(&group.user), Arc::clone(&group.group));
    Ok(Value::opaque(ResourceCheck { user, group, resource: resource.into(), ..ResourceCheck::default() }))
}

fn changed(args: &[Value], change: fn(&mut ResourceCheck, Arc<str>)) -> Result<Value, CelError> {
    let mut check = opaque::<ResourceCheck>(args, 0)?.clone();
    change(&mut check, text(args, 1)?.into());
    Ok(Value::opaque(check))
}

fn check_path(call: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    let check = opaque::<PathCheck>(args, 0)?;
    decide(call, &check.user, &[("path", &check.path), ("verb", text(args, 1)?)])
}

fn check_resource(call: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    let check = opaque::<ResourceCheck>(args, 0)?;
    // A selector that cannot be read limits nothing: the question is about all objects then.
    let labels = Selector::parse(&check.label_selector).map(|selector| selector.to_string()).unwrap_or_default();
    let fields = if is_field_selector(&check.field_selector) { &*check.field_selector } else { "" };
    let mut attributes = vec![
        ("group", &*check.group),
        ("resource", &*check.resource),
        ("subresource", &*check.subresource),
        ("namespace", &*check.namespace),
        ("name", &*check.name),
        ("verb", text(args, 1)?),
    ];
    if !fields.is_empty() {
        attributes.push(("fieldSelector", fields));
    }
    if !labels.is_empty() {
        attributes.push(("labelSelector", &labels));
    }
    decide(call, &check.user, &attributes)
}

/// Terms `field=value`, `field==value` or `field!=value`, with commas between.
fn is_field_selector(text: &str) -> bool {
    let mut terms = vec![String::new()];
    let mut escaped = false;
    for c in text.chars() {
        match c {
            ',' if !escaped => terms.push(String::new()),
            _ => {
                if let Some(term) = terms.last_mut() {
                    term.push(c);
                }
            }
        }
        escaped = c == '\\' && !escaped;
    }
    terms.iter().all(|term| term.is_empty() || term.contains('='))
}

fn decide(call: &mut Call<'_>, user: &UserInfo, attributes: &[(&str, &str)]) -> Result<Value, CelError> {
    let attributes = attributes.iter().map(|(name, value)| (Arc::from(*name), data::Value::string(*value, Span::NONE))).collect();
    let answer = call.context.lookup.ask(&Question::Access { user: user.clone(), attributes })?;
    let field = |name: &str| answer.get(name);
    if let Some(unknown) = answer.find_unknown() {
        return Err(CelError::unknown(Arc::new(unknown.clone())));
    }
    let Some(allowed) = field("allowed").and_then(data::Value::as_bool) else {
        return Err(CelError::invalid("the answer to what somebody may do says not whether it is `allowed`"));
    };
    let words = |name: &str| field(name).and_then(data::Value::as_str).map(Arc::<str>::from);
    let errored = field("errored").and_then(data::Value::as_bool).unwrap_or(false);
    let error = words("error").filter(|error| !error.is_empty()).or_else(|| errored.then(|| "the authorizer failed".into()));
    Ok(Value::opaque(Decision { allowed, reason: words("reason").unwrap_or_default(), error }))
}
