//! The variables of admission policies: `object`, `oldObject`, `request`, `params`, `namespaceObject`, `authorizer` and the policy's own
//! `variables`, with their types (`k8s.io/apiserver/pkg/admission/plugin/cel`).

mod parts;

pub use crate::patch::{PatchError, apply_configuration, apply_configuration_with, json_patch};
pub use parts::{Conditions, Part, item_part, match_conditions, named_conditions, point, read_part, read_variables, refuse};

use std::cell::{OnceCell, RefCell};
use std::sync::{Arc, PoisonError, RwLock};

use probity_core::{GroupVersionKind, GroupVersionResource, PathStep, Request};
use probity_kubernetes::schema::{self, ShapeKind};
use probity_value as data;
use probity_value::Span;

use crate::ast::{Expr, ExprKind, operator};
use crate::libraries::authorizer::{Authorizer, ResourceCheck};
use crate::{Activation, Budget, Call, CelError, Context, Environment, Problem, Program, Type, TypeProvider, Value};

/// The types of requests, namespaces and the built-in kinds.
#[derive(Clone, Copy, Debug, Default)]
pub struct AdmissionTypes;

const REQUEST: &str = "kubernetes.AdmissionRequest";
const NAMESPACE: &str = "kubernetes.Namespace";

/// Fields of the types that are not in the table of Kubernetes' kinds: type, field, type of the field.
const FIELDS: &[(&str, &[(&str, &str)])] = &[
    ("kubernetes.GroupVersionKind", &[("group", "string"), ("version", "string"), ("kind", "string")]),
    ("kubernetes.GroupVersionResource", &[("group", "string"), ("version", "string"), ("resource", "string")]),
    (
        "kubernetes.UserInfo",
        &[("username", "string"), ("uid", "string"), ("groups", "list(string)"), ("extra", "map(string, list(string))")],
    ),
    (
        REQUEST,
        &[
            ("uid", "string"),
            ("kind", "kubernetes.GroupVersionKind"),
            ("resource", "kubernetes.GroupVersionResource"),
            ("subResource", "string"),
            ("requestKind", "kubernetes.GroupVersionKind"),
            ("requestResource", "kubernetes.GroupVersionResource"),
            ("requestSubResource", "string"),
            ("name", "string"),
            ("namespace", "string"),
            ("operation", "string"),
            ("userInfo", "kubernetes.UserInfo"),
            ("dryRun", "bool"),
            ("options", "dyn"),
        ],
    ),
    (
        NAMESPACE,
        &[("metadata", "kubernetes.NamespaceMetadata"), ("spec", "kubernetes.NamespaceSpec"), ("status", "kubernetes.NamespaceStatus")],
    ),
    ("kubernetes.NamespaceSpec", &[("finalizers", "list(string)")]),
    ("kubernetes.NamespaceStatus", &[("conditions", "list(dyn)"), ("phase", "string")]),
    (
        "kubernetes.NamespaceMetadata",
        &[
            ("name", "string"),
            ("generateName", "string"),
            ("namespace", "string"),
            ("labels", "map(string, string)"),
            ("annotations", "map(string, string)"),
            ("UID", "string"),
            ("creationTimestamp", "dyn"),
            ("deletionGracePeriodSeconds", "int"),
            ("deletionTimestamp", "dyn"),
            ("generation", "int"),
            ("resourceVersion", "string"),
            ("finalizers", "list(string)"),
        ],
    ),
];

fn own_fields(type_name: &str) -> Option<&'static [(&'static str, &'static str)]> {
    FIELDS.iter().find(|(name, _)| *name == type_name).map(|(_, fields)| *fields)
}

fn type_from(text: &str) -> Type {
    if own_fields(text).is_some() { Type::object(text) } else { Type::parse(text).unwrap_or(Type::Dyn) }
}

fn type_of_shape(shape: ShapeKind) -> Type {
    match shape {
        ShapeKind::String => Type::String,
        ShapeKind::Int => Type::Int,
        ShapeKind::Bool => Type::Bool,
        ShapeKind::Double => Type::Double,
        ShapeKind::List(item) => Type::list(type_of_shape(item.kind())),
        ShapeKind::Map(item) => Type::map(Type::String, type_of_shape(item.kind())),
        ShapeKind::Named(name) => Type::object(name),
        // Bytes and times are text in an object as it comes from JSON; quantities and ports may be two kinds of values.
        ShapeKind::Bytes | ShapeKind::Time | ShapeKind::IntOrString | ShapeKind::Quantity | ShapeKind::Any | ShapeKind::Object => Type::Dyn,
    }
}

impl TypeProvider for AdmissionTypes {
    fn known(&self, _: &str) -> bool {
        // None of them may be written in an expression.
        false
    }

    fn field(&self, type_name: &str, field: &str) -> Option<Type> {
        if let Some(fields) = own_fields(type_name) {
            return fields.iter().find(|(name, _)| *name == field).map(|(_, text)| type_from(text));
        }
        let found = schema::Type::named(type_name)?.field(field)?;
        Some(type_of_shape(found.shape.kind()))
    }
}

/// The types of `Object{...}`, `Object.spec{...}` and `JSONPatch{...}`, which mutations are written with. What is known of the fields is
/// checked when the patch is applied.
#[derive(Clone, Copy, Debug, Default)]
pub struct PatchTypes;

const JSON_PATCH: &[(&str, Type)] = &[("op", Type::String), ("path", Type::String), ("from", Type::String), ("value", Type::Dyn)];

impl TypeProvider for PatchTypes {
    fn known(&self, type_name: &str) -> bool {
        type_name == "JSONPatch" || type_name == "Object" || type_name.starts_with("Object.")
    }

    fn field(&self, type_name: &str, field: &str) -> Option<Type> {
        if type_name == "JSONPatch" {
            return JSON_PATCH.iter().find(|(name, _)| *name == field).map(|(_, type_of)| type_of.clone());
        }
        self.known(type_name).then_some(Type::Dyn)
    }
}

/// What kinds of variables a policy's expressions have.
#[derive(Clone, Debug, Default)]
pub struct Declarations {
    /// Whether there is `params`.
    pub params: bool,
    /// Whether there are `authorizer` and `authorizer.requestResource`.
    pub authorizer: bool,
    /// Whether patches may be made.
    pub patches: bool,
    /// The kind of `object` and `oldObject`, for checks; dyn where none is given or it is not built in.
    pub kind: Option<GroupVersionKind>,
    /// The kind of `params`, for checks.
    pub params_kind: Option<GroupVersionKind>,
}

fn type_of_kind(kind: Option<&GroupVersionKind>) -> Type {
    kind.and_then(schema::type_of).map_or(Type::Dyn, |found| Type::object(found.name))
}

/// An environment with the variables of admission.
#[must_use]
pub fn declare(environment: Environment, with: &Declarations) -> Environment {
    let object = type_of_kind(with.kind.as_ref());
    let mut out = environment
        .types(Arc::new(AdmissionTypes))
        .variable("object", object.clone())
        .variable("oldObject", object)
        .variable("request", Type::object(REQUEST))
        .variable("namespaceObject", Type::object(NAMESPACE));
    if with.params {
        out = out.variable("params", type_of_kind(with.params_kind.as_ref()));
    }
    if with.authorizer {
        out =
            out.variable("authorizer", Authorizer::variable_type()).variable("authorizer.requestResource", ResourceCheck::variable_type());
    }
    if with.patches {
        out = out.types(Arc::new(PatchTypes));
    }
    out
}

/// Expressions of one policy that see each other: each variable sees those before it.
#[derive(Debug)]
pub struct Composition {
    environment: Environment,
    variables: Vec<Variable>,
    names: Arc<VariableTypes>,
}

/// The type of `variables`, for those who ask whether one is there (`has(variables.x)`).
#[derive(Debug, Default)]
struct VariableTypes {
    fields: RwLock<Vec<(Arc<str>, Type)>>,
}

const VARIABLES: &str = "kubernetes.variables";

impl VariableTypes {
    fn add(&self, name: Arc<str>, type_of: Type) {
        let mut fields = self.fields.write().unwrap_or_else(PoisonError::into_inner);
        fields.retain(|(known, _)| *known != name);
        fields.push((name, type_of));
    }

    /// A map with the names of all variables, whose values are looked up otherwise.
    fn value(&self) -> Value {
        let fields = self.fields.read().unwrap_or_else(PoisonError::into_inner);
        Value::map(fields.iter().map(|(name, _)| (crate::Key::String(Arc::clone(name)), Value::Null)))
    }
}

impl TypeProvider for VariableTypes {
    fn known(&self, _: &str) -> bool {
        false
    }

    fn field(&self, type_name: &str, field: &str) -> Option<Type> {
        if type_name != VARIABLES {
            return None;
        }
        let fields = self.fields.read().unwrap_or_else(PoisonError::into_inner);
        fields.iter().find(|(name, _)| **name == *field).map(|(_, type_of)| type_of.clone())
    }
}

#[derive(Debug)]
struct Variable {
    slot: usize,
    /// `Err`: why it could not be compiled; whoever uses it fails.
    program: Result<Program, String>,
}

impl Composition {
    /// Without variables yet.
    #[must_use]
    pub fn new(environment: Environment) -> Composition {
        let names = Arc::new(VariableTypes::default());
        let provider: Arc<dyn TypeProvider> = Arc::<VariableTypes>::clone(&names);
        let environment = environment.types(provider).variable("variables", Type::object(VARIABLES));
        Composition { environment, variables: Vec::new(), names }
    }

    /// Declares `variables.NAME` whose value is given for each request ([`Scope::with`]).
    pub fn given(&mut self, name: &str, type_of: Type) {
        self.names.add(name.into(), type_of.clone());
        let environment = std::mem::take(&mut self.environment);
        self.environment = environment.variable(format!("variables.{name}"), type_of);
    }

    /// Adds `variables.NAME`. It may use those before it.
    ///
    /// # Errors
    /// What is wrong with the expression; the variable is there all the same, and fails whoever uses it.
    pub fn variable(&mut self, name: &str, text: &str, span: Span) -> Result<(), Vec<Problem>> {
        let compiled = self.environment.compile(text, span);
        let (program, output, said) = match compiled {
            Ok(program) => {
                let output = program.output().clone();
                (Ok(program), output, Ok(()))
            }
            Err(problems) => {
                let why = problems.first().map(ToString::to_string).unwrap_or_default();
                (Err(format!("`variables.{name}` cannot be evaluated: {why}")), Type::Dyn, Err(problems))
            }
        };
        let full: Arc<str> = format!("variables.{name}").into();
        self.names.add(name.into(), output.clone());
        let environment = std::mem::take(&mut self.environment);
        self.environment = environment.variable(Arc::clone(&full), output);
        if let Some(slot) = self.environment.slot(&full) {
            self.variables.retain(|known| known.slot != slot);
            self.variables.push(Variable { slot, program });
        }
        said
    }

    /// The environment with all variables so far.
    #[must_use]
    pub fn environment(&self) -> &Environment {
        &self.environment
    }

    /// Compiles an expression that may use all variables so far.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn compile(&self, text: &str, span: Span) -> Result<Program, Vec<Problem>> {
        self.environment.compile(text, span)
    }
}

/// The values of the variables for one request. Variables of the policy are computed when first used, and once.
pub struct Scope<'a> {
    composition: &'a Composition,
    request: &'a Request,
    request_value: OnceCell<Value>,
    given: Vec<(usize, Result<Value, CelError>)>,
    computed: RefCell<Vec<(usize, Result<Value, CelError>)>>,
    as_kind: Option<(GroupVersionKind, GroupVersionResource)>,
}

impl std::fmt::Debug for Scope<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scope").field("given", &self.given.len()).finish_non_exhaustive()
    }
}

impl<'a> Scope<'a> {
    /// The variables of a request.
    #[must_use]
    pub fn new(composition: &'a Composition, request: &'a Request) -> Scope<'a> {
        Scope { composition, request, request_value: OnceCell::new(), given: Vec::new(), computed: RefCell::default(), as_kind: None }
    }

    /// The kind and resource by which the policy matched, where it is not the request's own.
    #[must_use]
    pub fn matched_as(mut self, kind: GroupVersionKind, resource: GroupVersionResource) -> Scope<'a> {
        self.as_kind = Some((kind, resource));
        self
    }

    /// Gives a variable a value (`params`, `authorizer`, what a policy kind adds); a name that is not declared is passed over.
    #[must_use]
    pub fn with(mut self, name: &str, value: Result<Value, CelError>) -> Scope<'a> {
        if let Some(slot) = self.composition.environment.slot(name) {
            self.given.retain(|(known, _)| *known != slot);
            self.given.push((slot, value));
        }
        self
    }

    /// The value of an expression.
    ///
    /// # Errors
    /// As [`Program::evaluate`].
    pub fn evaluate(&self, program: &Program, budget: &mut Budget, context: &Context<'_>) -> Result<Value, CelError> {
        program.evaluate(self, budget, context)
    }
}

impl Activation for Scope<'_> {
    fn variable(&self, slot: usize, name: &str, call: &mut Call<'_>) -> Result<Option<Value>, CelError> {
        if let Some((_, value)) = self.given.iter().find(|(given, _)| *given == slot) {
            return value.clone().map(Some);
        }
        match name {
            "object" => return Value::view(&self.request.object).map(Some),
            "oldObject" => return Value::view(&self.request.old_object).map(Some),
            "namespaceObject" => {
                return self.request.namespace_object.as_ref().map_or(Ok(Some(Value::Null)), |object| Value::view(object).map(Some));
            }
            "authorizer" => return Ok(Some(Value::opaque(Authorizer::new(Arc::new(self.request.user.clone()))))),
            "authorizer.requestResource" => {
                let resource = probity_kubernetes::match_resources::resource_of(self.request);
                let mut check = ResourceCheck::default();
                check.user = Arc::new(self.request.user.clone());
                (check.group, check.resource) = (resource.group, resource.resource);
                check.subresource = Arc::clone(&self.request.sub_resource);
                (check.namespace, check.name) = (Arc::clone(&self.request.namespace), Arc::clone(&self.request.name));
                return Ok(Some(Value::opaque(check)));
            }
            "request" => {
                if let Some(value) = self.request_value.get() {
                    return Ok(Some(value.clone()));
                }
                let value = Value::view(&request_data(self.request, self.as_kind.as_ref()))?;
                return Ok(Some(self.request_value.get_or_init(|| value).clone()));
            }
            "variables" => return Ok(Some(self.composition.names.value())),
            _ => {}
        }
        if let Some((_, value)) = self.computed.borrow().iter().find(|(computed, _)| *computed == slot) {
            return value.clone().map(Some);
        }
        let Some(variable) = self.composition.variables.iter().find(|variable| variable.slot == slot) else { return Ok(None) };
        let value = match &variable.program {
            Ok(program) => program.evaluate(self, call.budget, call.context).map_err(|error| {
                if error.is_unknown() || error.is_limit() {
                    return error;
                }
                let short = name.strip_prefix("variables.").unwrap_or(name);
                let message = format!("composited variable \"{short}\" fails to evaluate: {}", error.message());
                CelError::new(error.kind().clone(), message)
            }),
            Err(why) => Err(CelError::invalid(why.clone())),
        };
        self.computed.borrow_mut().push((slot, value.clone()));
        value.map(Some)
    }
}

/// The request as the policies see it (`request`).
#[must_use]
pub fn request_data(request: &Request, matched: Option<&(GroupVersionKind, GroupVersionResource)>) -> data::Value {
    let text = |text: &Arc<str>| data::Value::string(Arc::clone(text), Span::NONE);
    let map = |fields: Vec<(&str, data::Value)>| {
        let mut out = data::Map::new();
        for (name, value) in fields {
            out.insert(name, Span::NONE, value);
        }
        data::Value::map(out, Span::NONE)
    };
    let own_resource = probity_kubernetes::match_resources::resource_of(request);
    let kind = |of: &GroupVersionKind| map(vec![("group", text(&of.group)), ("version", text(&of.version)), ("kind", text(&of.kind))]);
    let resource =
        |of: &GroupVersionResource| map(vec![("group", text(&of.group)), ("version", text(&of.version)), ("resource", text(&of.resource))]);
    let list = |items: &[Arc<str>]| data::Value::list(items.iter().map(text).collect(), Span::NONE);
    let user = map(vec![
        ("username", text(&request.user.username)),
        ("uid", text(&request.user.uid)),
        ("groups", list(&request.user.groups)),
        ("extra", map(request.user.extra.iter().map(|(name, values)| (&**name, list(values))).collect())),
    ]);
    let (as_kind, as_resource) = matched.map_or((&request.kind, &own_resource), |(kind, resource)| (kind, resource));
    map(vec![
        ("uid", text(&request.uid)),
        ("kind", kind(as_kind)),
        ("resource", resource(as_resource)),
        ("subResource", text(&request.sub_resource)),
        ("requestKind", kind(&request.kind)),
        ("requestResource", resource(&own_resource)),
        ("requestSubResource", text(&request.sub_resource)),
        ("name", text(&request.name)),
        ("namespace", text(&request.namespace)),
        ("operation", data::Value::string(request.operation.as_str(), Span::NONE)),
        ("userInfo", user),
        ("dryRun", data::Value::bool(request.dry_run, Span::NONE)),
        ("options", request.options.clone()),
    ])
}

/// The paths of the object that an expression speaks of, those of the variables it uses among them: `object.spec.replicas` is
/// `spec`, `replicas`. Used to point at the part of the object a failure is about.
#[must_use]
pub fn object_paths(composition: &Composition, program: &Program) -> Vec<Vec<PathStep>> {
    let mut out = Vec::new();
    let mut seen = Vec::new();
    collect_paths(composition, program, &mut out, &mut seen);
    out
}

fn collect_paths(composition: &Composition, program: &Program, out: &mut Vec<Vec<PathStep>>, seen: &mut Vec<usize>) {
    program.expr().visit(&mut |expr| {
        if let Some(path) = chain(expr) {
            out.push(path);
        }
    });
    for slot in program.variables() {
        let variable = composition.variables.iter().find(|variable| variable.slot == *slot);
        if let Some(Variable { program: Ok(program), .. }) = variable
            && !seen.contains(slot)
        {
            seen.push(*slot);
            collect_paths(composition, program, out, seen);
        }
    }
}

/// The steps of `object.a.b[0]` and its optional forms.
fn chain(expr: &Expr) -> Option<Vec<PathStep>> {
    match &expr.kind {
        ExprKind::Ident(name) if &**name == "object" || &**name == "oldObject" => Some(Vec::new()),
        ExprKind::Select { operand, field, .. } => {
            let mut path = chain(operand)?;
            path.push(PathStep::Key(Arc::clone(field)));
            Some(path)
        }
        ExprKind::Call { function, args, .. }
            if matches!(&**function, operator::INDEX | operator::OPTIONAL_INDEX | operator::OPTIONAL_SELECT) =>
        {
            let [operand, index] = args.as_slice() else { return None };
            let mut path = chain(operand)?;
            path.push(match &index.kind {
                ExprKind::Literal(Value::String(key)) => PathStep::Key(Arc::clone(key)),
                ExprKind::Literal(Value::Int(index)) => PathStep::Index(usize::try_from(*index).ok()?),
                _ => return None,
            });
            Some(path)
        }
        _ => None,
    }
}
