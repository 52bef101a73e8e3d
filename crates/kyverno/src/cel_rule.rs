//! `validate.cel`: CEL expressions in a rule, with `celPreconditions`, as Kyverno hands them to the API server's own validator.

use std::cell::RefCell;
use std::sync::Arc;

use probity_cel::{Activation, Budget, Call, CelError, Context, Environment, Program, Type, Value as CelValue};
use probity_core::{LookupError, PolicyContext, Question, Request, SkipReason, Status};
use probity_kubernetes::Selector;
use probity_value::{Map, Span, Value};

use crate::policy::Identity;
use crate::read::Reader;
use crate::validate::Verdict;

/// A condition of CEL with its name.
#[derive(Debug)]
struct Named {
    name: Arc<str>,
    program: Program,
}

#[derive(Debug)]
struct Expression {
    program: Program,
    message: Arc<str>,
    message_expression: Option<Program>,
}

/// Which objects are the parameters.
#[derive(Debug)]
struct Params {
    api_version: Arc<str>,
    kind: Arc<str>,
    name: Arc<str>,
    namespace: Arc<str>,
    selector: Option<Selector>,
    /// Whether a rule without parameters lets everything pass.
    allow_missing: bool,
}

/// Variables every expression of a rule sees.
#[derive(Debug)]
struct Slots {
    object: Option<usize>,
    old_object: Option<usize>,
    request: Option<usize>,
    namespace: Option<usize>,
    params: Option<usize>,
    authorizer: Option<usize>,
    /// The slot of the first variable of the rule.
    first: usize,
}

/// `cel` of a rule.
#[derive(Debug)]
pub(crate) struct CelRule {
    slots: Slots,
    conditions: Vec<Named>,
    variables: Vec<Named>,
    expressions: Vec<Expression>,
    annotations: Vec<Named>,
    params: Option<Params>,
}

/// CEL match conditions of the webhook of a policy.
#[derive(Debug)]
pub(crate) struct MatchConditions {
    slots: Slots,
    conditions: Vec<Named>,
}

fn environment(params: bool) -> Environment {
    let mut environment = Environment::kubernetes()
        .variable("object", Type::Dyn)
        .variable("oldObject", Type::Dyn)
        .variable("request", Type::Dyn)
        .variable("namespaceObject", Type::Dyn)
        .variable("authorizer", Type::opaque("kubernetes.authorization.Authorizer"));
    if params {
        environment = environment.variable("params", Type::Dyn);
    }
    environment
}

fn slots(environment: &Environment) -> Slots {
    Slots {
        object: environment.slot("object"),
        old_object: environment.slot("oldObject"),
        request: environment.slot("request"),
        namespace: environment.slot("namespaceObject"),
        params: environment.slot("params"),
        authorizer: environment.slot("authorizer"),
        first: if environment.slot("params").is_some() { 6 } else { 5 },
    }
}

/// Compiles an expression; what is wrong is in the reader then.
fn compile(reader: &mut Reader, environment: &Environment, map: &Map, key: &str, wanted: &[Type], at: Span) -> Option<Program> {
    let text = reader.required_text(map, key, key, at)?;
    let span = map.get(key).map_or(at, |value| value.span);
    match environment.compile(&text, span) {
        Ok(program) => {
            let output = program.output();
            if !output.is_dyn() && !wanted.is_empty() && !wanted.contains(output) {
                reader.wrong(
                    span,
                    format!("`{key}` has to be {}, but is {output}", wanted.first().map_or_else(String::new, Type::to_string)),
                );
                return None;
            }
            Some(program)
        }
        Err(problems) => {
            for problem in problems {
                reader.wrong(problem.span, problem.message);
            }
            None
        }
    }
}

fn conditions(reader: &mut Reader, environment: &Environment, items: &[Value]) -> Vec<Named> {
    let mut out = Vec::with_capacity(items.len());
    for item in items {
        let Some(fields) = reader.fields(item, "celPreconditions", &["name", "expression"]) else { continue };
        let name = reader.required_text(fields, "name", "celPreconditions", item.span);
        let program = compile(reader, environment, fields, "expression", &[Type::Bool], item.span);
        if let (Some(name), Some(program)) = (name, program) {
            out.push(Named { name, program });
        }
    }
    out
}

impl MatchConditions {
    /// Reads `webhookConfiguration.matchConditions`; `None` where there are none.
    pub(crate) fn read(reader: &mut Reader, items: &[Value]) -> Option<MatchConditions> {
        if items.is_empty() {
            return None;
        }
        let environment = environment(false);
        Some(MatchConditions { slots: slots(&environment), conditions: conditions(reader, &environment, items) })
    }

    /// Whether they hold; what cannot be evaluated holds, so that the policy judges.
    pub(crate) fn hold(&self, request: &Request, context: &PolicyContext<'_>) -> bool {
        let activation = Variables::new(&self.slots, &[], request, context, None);
        let mut budget = Budget::of(&context.limits);
        let cel = Context::of(context);
        self.conditions
            .iter()
            .all(|condition| !matches!(condition.program.evaluate(&activation, &mut budget, &cel), Ok(CelValue::Bool(false))))
    }
}

impl CelRule {
    pub(crate) fn read(
        reader: &mut Reader,
        _identity: &Identity,
        value: &Value,
        preconditions: &Value,
        rule_message: &Arc<str>,
    ) -> Option<CelRule> {
        let known = ["generate", "expressions", "paramKind", "paramRef", "auditAnnotations", "variables"];
        let map = reader.fields(value, "cel", &known)?;
        reader.boolean(map, "generate");
        let params = Params::read(reader, map);
        let mut environment = environment(params.is_some());
        let slots = slots(&environment);
        let condition_items = preconditions.as_list().unwrap_or_default();
        if !preconditions.is_null() && preconditions.as_list().is_none() {
            reader.wrong(preconditions.span, "`celPreconditions` has to be a list");
        }
        let mut variables = Vec::new();
        for item in reader.list(map, "variables") {
            let fields = reader.fields(item, "variables", &["name", "expression"])?;
            let name = reader.required_text(fields, "name", "variables", item.span)?;
            let program = compile(reader, &environment, fields, "expression", &[], item.span)?;
            environment = environment.variable(format!("variables.{name}"), program.output().clone());
            variables.push(Named { name, program });
        }
        let conditions = conditions(reader, &environment, condition_items);
        let items = reader.list(map, "expressions");
        if items.is_empty() {
            reader.wrong(value.span, "`cel` needs `expressions`");
        }
        let mut expressions = Vec::with_capacity(items.len());
        for item in items {
            let fields = reader.fields(item, "expressions", &["expression", "message", "messageExpression", "reason"])?;
            let program = compile(reader, &environment, fields, "expression", &[Type::Bool], item.span)?;
            let own = reader.text(fields, "message").filter(|message| !message.is_empty());
            let message_expression = if Reader::get(fields, "messageExpression").is_some() {
                Some(compile(reader, &environment, fields, "messageExpression", &[Type::String], item.span)?)
            } else {
                None
            };
            expressions.push(Expression { program, message: own.unwrap_or_else(|| Arc::clone(rule_message)), message_expression });
        }
        let mut annotations = Vec::new();
        for item in reader.list(map, "auditAnnotations") {
            let fields = reader.fields(item, "auditAnnotations", &["key", "valueExpression"])?;
            let name = reader.required_text(fields, "key", "auditAnnotations", item.span)?;
            let program = compile(reader, &environment, fields, "valueExpression", &[Type::String, Type::Null], item.span)?;
            annotations.push(Named { name, program });
        }
        Some(CelRule { slots, conditions, variables, expressions, annotations, params })
    }

    /// Judges a request.
    pub(crate) fn judge(&self, name: &str, request: &Request, context: &PolicyContext<'_>) -> Verdict {
        let params = match &self.params {
            None => vec![None],
            Some(params) => match params.find(request, context) {
                Ok(found) => found.into_iter().map(Some).collect(),
                Err(verdict) => return *verdict,
            },
        };
        let mut annotations = Vec::new();
        let mut cost = 0;
        for param in &params {
            let activation = Variables::new(&self.slots, &self.variables, request, context, param.as_ref());
            let mut budget = Budget::of(&context.limits);
            let verdict = self.judge_with(&activation, &mut budget, &Context::of(context), &mut annotations);
            cost += budget.spent();
            if let Some(mut verdict) = verdict {
                verdict.cost = cost;
                verdict.audit_annotations = annotations;
                return verdict;
            }
        }
        let mut verdict = Verdict::new(Status::Pass, format!("Validation rule '{name}' passed."));
        verdict.cost = cost;
        verdict.audit_annotations = annotations;
        verdict
    }

    /// `None` where everything holds.
    fn judge_with(
        &self,
        activation: &Variables<'_>,
        budget: &mut Budget,
        context: &Context<'_>,
        annotations: &mut Vec<(Arc<str>, String)>,
    ) -> Option<Verdict> {
        let mut error = None;
        for condition in &self.conditions {
            match condition.program.evaluate(activation, budget, context) {
                Ok(CelValue::Bool(true)) => {}
                Ok(CelValue::Bool(false)) => return Some(Verdict::skip(SkipReason::Precondition, "cel preconditions not met")),
                Ok(_) => error = error.or(Some((condition, CelError::invalid("it is no bool")))),
                Err(wrong) => error = error.or(Some((condition, wrong))),
            }
        }
        if let Some((condition, wrong)) = error {
            return Some(failed(&wrong, format!("the precondition `{}`: {}", condition.name, wrong.message()), condition.program.span()));
        }
        for annotation in &self.annotations {
            if let Ok(CelValue::String(text)) = annotation.program.evaluate(activation, budget, context) {
                annotations.push((Arc::clone(&annotation.name), text.trim().to_owned()));
            }
        }
        let mut unknown = None;
        for expression in &self.expressions {
            let program = &expression.program;
            match program.evaluate(activation, budget, context) {
                Ok(CelValue::Bool(true)) => {}
                Ok(_) => {
                    let message = self.message(expression, activation, budget, context);
                    return Some(Verdict::new(Status::Fail, message));
                }
                Err(error) => {
                    let text = format!("expression '{}' resulted in error: {}", program.text(), error.message());
                    let verdict = failed(&error, text, program.span());
                    if verdict.status == Status::Unknown {
                        unknown = unknown.or(Some(verdict));
                    } else {
                        return Some(verdict);
                    }
                }
            }
        }
        unknown
    }

    fn message(&self, expression: &Expression, activation: &Variables<'_>, budget: &mut Budget, context: &Context<'_>) -> String {
        if let Some(program) = &expression.message_expression
            && let Ok(CelValue::String(text)) = program.evaluate(activation, budget, context)
        {
            let text = text.trim();
            if !text.is_empty() && !text.contains('\n') && text.len() <= 5 * 1024 {
                return text.to_owned();
            }
        }
        match expression.message.trim() {
            "" => format!("failed expression: {}", expression.program.text().trim()),
            message => message.to_owned(),
        }
    }
}

/// An error of evaluation denies, as the API server's failure policy does; what is unknown stays unknown, and a bound is an error.
fn failed(error: &CelError, message: String, at: Span) -> Verdict {
    let status = if error.is_unknown() {
        Status::Unknown
    } else if error.is_limit() {
        Status::Error
    } else {
        Status::Fail
    };
    Verdict::new(status, message).at(at)
}

impl Params {
    fn read(reader: &mut Reader, map: &Map) -> Option<Params> {
        let kind = Reader::get(map, "paramKind")?;
        let reference = Reader::get(map, "paramRef")?;
        let kind_fields = reader.fields(kind, "paramKind", &["apiVersion", "kind"])?;
        let fields = reader.fields(reference, "paramRef", &["name", "namespace", "selector", "parameterNotFoundAction"])?;
        let selector = Reader::get(fields, "selector").and_then(|value| match Selector::from_value(value) {
            Ok(selector) => Some(selector),
            Err(error) => {
                reader.wrong(value.span, error.to_string());
                None
            }
        });
        let name = reader.text(fields, "name").unwrap_or_else(|| "".into());
        if name.is_empty() == selector.is_none() {
            reader.wrong(reference.span, "`paramRef` needs `name` or `selector`, and not both");
        }
        Some(Params {
            api_version: reader.required_text(kind_fields, "apiVersion", "paramKind", kind.span)?,
            kind: reader.required_text(kind_fields, "kind", "paramKind", kind.span)?,
            name,
            namespace: reader.text(fields, "namespace").unwrap_or_else(|| "".into()),
            selector,
            allow_missing: reader.word(fields, "parameterNotFoundAction", &[("Allow", true), ("Deny", false)]).unwrap_or(false),
        })
    }

    fn find(&self, request: &Request, context: &PolicyContext<'_>) -> Result<Vec<Value>, Box<Verdict>> {
        let namespaced = probity_kubernetes::schema::is_namespaced(&probity_core::GroupVersionKind::of(&self.api_version, &self.kind));
        let namespace = match (&*self.namespace, namespaced) {
            (_, Some(false)) => Arc::from(""),
            ("", _) => Arc::clone(&request.namespace),
            (named, _) => Arc::from(named),
        };
        let answer = if self.name.is_empty() {
            let question = Question::Objects {
                api_version: Arc::clone(&self.api_version),
                kind: Arc::clone(&self.kind),
                namespace,
                selector: "".into(),
            };
            context.lookup.ask(&question).map(|list| {
                let labels = |item: &Value| item.get("metadata").and_then(|metadata| metadata.get("labels")).cloned();
                list.get("items")
                    .and_then(Value::as_list)
                    .unwrap_or_default()
                    .iter()
                    .filter(|item| {
                        let labels = labels(item).unwrap_or_else(|| Value::null(Span::NONE));
                        self.selector.as_ref().is_none_or(|selector| selector.matches(&labels) == Ok(true))
                    })
                    .cloned()
                    .collect()
            })
        } else {
            let question = Question::Object {
                api_version: Arc::clone(&self.api_version),
                kind: Arc::clone(&self.kind),
                namespace,
                name: Arc::clone(&self.name),
            };
            context.lookup.ask(&question).map(|object| vec![object])
        };
        match answer {
            Ok(found) if found.is_empty() && !self.allow_missing => {
                Err(Box::new(Verdict::new(Status::Error, "error in parameterized resource: no parameters were found")))
            }
            Ok(found) => Ok(found),
            Err(LookupError::Absent(_)) if self.allow_missing => Ok(Vec::new()),
            Err(LookupError::Absent(message)) => {
                Err(Box::new(Verdict::new(Status::Error, format!("error in parameterized resource: {message} does not exist"))))
            }
            Err(LookupError::Unanswered(message)) => Err(Box::new(Verdict::new(Status::Unknown, message))),
        }
    }
}

/// The variables of one evaluation; those of the rule are computed when they are asked for, once.
struct Variables<'a> {
    slots: &'a Slots,
    named: &'a [Named],
    request: &'a Request,
    context: &'a PolicyContext<'a>,
    params: Option<&'a Value>,
    known: RefCell<Vec<Option<Result<CelValue, CelError>>>>,
}

impl<'a> Variables<'a> {
    fn new(
        slots: &'a Slots,
        named: &'a [Named],
        request: &'a Request,
        context: &'a PolicyContext<'a>,
        params: Option<&'a Value>,
    ) -> Variables<'a> {
        Variables { slots, named, request, context, params, known: RefCell::new(vec![None; slots.first + named.len()]) }
    }

    fn compute(&self, slot: usize, call: &mut Call<'_>) -> Result<CelValue, CelError> {
        let at = Some(slot);
        if at == self.slots.object {
            return CelValue::view(&self.request.object);
        }
        if at == self.slots.old_object {
            return CelValue::view(&self.request.old_object);
        }
        if at == self.slots.request {
            return CelValue::view(&request_value(self.request));
        }
        if at == self.slots.params && self.slots.params.is_some() {
            return self.params.map_or(Ok(CelValue::Null), CelValue::view);
        }
        if at == self.slots.namespace {
            return self.namespace();
        }
        if at == self.slots.authorizer {
            return Err(CelError::not_known(probity_value::UnknownKind::Function, "who may do what is not known here"));
        }
        match slot.checked_sub(self.slots.first).and_then(|index| self.named.get(index)) {
            Some(variable) => variable.program.evaluate(self, call.budget, call.context),
            None => Ok(CelValue::Null),
        }
    }

    fn namespace(&self) -> Result<CelValue, CelError> {
        let request = self.request;
        if request.namespace.is_empty() || (request.kind.group.is_empty() && &*request.kind.kind == "Namespace") {
            return Ok(CelValue::Null);
        }
        if let Some(object) = &request.namespace_object {
            return CelValue::view(object);
        }
        let question = Question::Object {
            api_version: "v1".into(),
            kind: "Namespace".into(),
            namespace: "".into(),
            name: Arc::clone(&request.namespace),
        };
        match self.context.lookup.ask(&question) {
            Ok(object) => CelValue::view(&object),
            Err(error) => Err(CelError::not_known(probity_value::UnknownKind::DataSource, &error.to_string())),
        }
    }
}

impl Activation for Variables<'_> {
    fn variable(&self, slot: usize, _: &str, call: &mut Call<'_>) -> Result<Option<CelValue>, CelError> {
        if let Some(Some(known)) = self.known.borrow().get(slot) {
            return known.clone().map(Some);
        }
        let computed = self.compute(slot, call);
        if let Some(place) = self.known.borrow_mut().get_mut(slot) {
            *place = Some(computed.clone());
        }
        computed.map(Some)
    }
}

/// `request` as CEL sees it: the admission request without its objects.
fn request_value(request: &Request) -> Value {
    let none = Span::NONE;
    let text = |text: &str| Value::string(text, none);
    let texts = |items: &[Arc<str>]| Value::list(items.iter().map(|item| Value::string(Arc::clone(item), none)).collect(), none);
    let map = |entries: Vec<(&str, Value)>| {
        let mut map = Map::new();
        for (key, value) in entries {
            map.insert(key, none, value);
        }
        Value::map(map, none)
    };
    let plural: Arc<str> = if request.resource.resource.is_empty() {
        probity_kubernetes::schema::plural(&request.kind).into()
    } else {
        Arc::clone(&request.resource.resource)
    };
    let kind =
        || map(vec![("group", text(&request.kind.group)), ("version", text(&request.kind.version)), ("kind", text(&request.kind.kind))]);
    let resource =
        || map(vec![("group", text(&request.kind.group)), ("version", text(&request.kind.version)), ("resource", text(&plural))]);
    let mut user = Vec::new();
    for (key, value) in [("username", &request.user.username), ("uid", &request.user.uid)] {
        if !value.is_empty() {
            user.push((key, text(value)));
        }
    }
    if !request.user.groups.is_empty() {
        user.push(("groups", texts(&request.user.groups)));
    }
    if !request.user.extra.is_empty() {
        user.push(("extra", map(request.user.extra.iter().map(|(key, values)| (&**key, texts(values))).collect())));
    }
    let mut entries = vec![
        ("uid", text(&request.uid)),
        ("kind", kind()),
        ("resource", resource()),
        ("requestKind", kind()),
        ("requestResource", resource()),
        ("operation", text(request.operation.as_str())),
        ("userInfo", map(user)),
        ("dryRun", Value::bool(request.dry_run, none)),
    ];
    for (key, value) in [("name", &request.name), ("namespace", &request.namespace), ("subResource", &request.sub_resource)] {
        if !value.is_empty() {
            entries.push((key, text(value)));
        }
    }
    if !request.options.is_null() {
        entries.push(("options", request.options.clone()));
    }
    map(entries)
}
