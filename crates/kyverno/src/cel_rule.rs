//! `validate.cel`: CEL expressions in a rule, with `celPreconditions`, as Kyverno hands them to the API server's own validator.

use std::sync::Arc;

use probity_cel::admission::{
    Composition, Conditions, Declarations, Part, Scope, declare, match_conditions, named_conditions, point, read_part, read_variables,
};
use probity_cel::libraries::authorizer::Authorizer;
use probity_cel::{Budget, CelError, Context, Environment, Type, Value as CelValue};
use probity_core::{GroupVersionKind, LookupError, PolicyContext, Question, Request, SkipReason, Status, span_at};
use probity_kubernetes::Selector;
use probity_kubernetes::read::Reader as PartReader;
use probity_value::{Map, Span, Value};

use crate::read::Reader;
use crate::validate::Verdict;

/// The longest message an expression may give, in bytes.
const LONGEST_MESSAGE: usize = 5 * 1024;

#[derive(Debug)]
struct Expression {
    check: Part,
    message: Arc<str>,
    dynamic: Option<Part>,
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

/// `cel` of a rule.
#[derive(Debug)]
pub(crate) struct CelRule {
    /// What expressions see.
    composition: Composition,
    /// What preconditions see: no variables.
    plain: Composition,
    /// What messages see: nobody to ask about rights.
    quiet: Composition,
    conditions: Conditions,
    expressions: Vec<Expression>,
    annotations: Vec<(Arc<str>, Part)>,
    params: Option<Params>,
}

/// CEL match conditions of the webhook of a policy.
#[derive(Debug)]
pub(crate) struct MatchConditions {
    composition: Composition,
    conditions: Conditions,
}

fn composition(params: Option<&Params>, authorizer: bool) -> Composition {
    let with = Declarations { params: params.is_some(), authorizer, ..Declarations::default() };
    Composition::new(declare(Environment::kubernetes(), &with))
}

impl MatchConditions {
    /// Reads `webhookConfiguration` of a specification; `None` where there are none.
    pub(crate) fn read(reader: &mut Reader, webhook: &Map) -> Option<MatchConditions> {
        let composition = composition(None, false);
        let mut parts = PartReader::new(reader.file(), "kyverno-policy");
        let conditions = match_conditions(webhook, &composition, &mut parts);
        reader.said.append(&mut parts.said);
        (!conditions.is_empty()).then_some(MatchConditions { composition, conditions })
    }

    /// Whether they hold; where that cannot be told they do, so that the policy judges.
    pub(crate) fn hold(&self, request: &Request, context: &PolicyContext<'_>) -> bool {
        let scope = Scope::new(&self.composition, request);
        !matches!(self.conditions.hold(&scope, &mut Budget::of(&context.limits), &Context::of(context)), Ok(Some(_)))
    }
}

impl CelRule {
    pub(crate) fn read(reader: &mut Reader, value: &Value, rule: &Map, rule_message: &Arc<str>) -> Option<CelRule> {
        let known = ["generate", "expressions", "paramKind", "paramRef", "auditAnnotations", "variables"];
        let map = reader.fields(value, "cel", &known)?;
        reader.boolean(map, "generate");
        let params = Params::read(reader, map);
        let mut quiet = composition(params.as_ref(), false);
        let mut composed = composition(params.as_ref(), true);
        let plain = composition(params.as_ref(), true);
        let file = Arc::clone(reader.file());
        let mut parts = PartReader::new(&file, "kyverno-policy");
        let conditions = named_conditions(rule, "celPreconditions", &plain, &mut parts);
        read_variables(map, &mut composed, &mut parts);
        // What is wrong with the variables has been said.
        read_variables(map, &mut quiet, &mut PartReader::new(&file, "kyverno-policy"));
        let items = reader.list(map, "expressions");
        if items.is_empty() {
            reader.wrong(value.span, "`cel` needs `expressions`");
        }
        let mut expressions = Vec::with_capacity(items.len());
        for item in items {
            let Some(fields) = reader.fields(item, "expressions", &["expression", "message", "messageExpression", "reason"]) else {
                continue;
            };
            let mut part = |key: &str, output: Type, of: &Composition| {
                let (text, at) = parts.needed(fields, key, item.span)?;
                read_part(&text, at, &[output], of, &mut parts)
            };
            let check = part("expression", Type::Bool, &composed);
            let dynamic =
                if Reader::get(fields, "messageExpression").is_some() { part("messageExpression", Type::String, &quiet) } else { None };
            let own = reader.text(fields, "message").filter(|message| !message.is_empty());
            if let Some(check) = check {
                expressions.push(Expression { check, message: own.unwrap_or_else(|| Arc::clone(rule_message)), dynamic });
            }
        }
        let mut annotations = Vec::new();
        for item in reader.list(map, "auditAnnotations") {
            let Some(fields) = reader.fields(item, "auditAnnotations", &["key", "valueExpression"]) else { continue };
            let name = reader.required_text(fields, "key", "auditAnnotations", item.span);
            let part = parts
                .needed(fields, "valueExpression", item.span)
                .and_then(|(text, at)| read_part(&text, at, &[Type::String, Type::Null], &composed, &mut parts));
            annotations.extend(name.zip(part));
        }
        reader.said.append(&mut parts.said);
        Some(CelRule { composition: composed, plain, quiet, conditions, expressions, annotations, params })
    }

    fn scope<'a>(of: &'a Composition, request: &'a Request, namespace: &Value, params: Option<&Value>) -> Scope<'a> {
        let authorizer = CelValue::opaque(Authorizer::new(Arc::new(request.user.clone())));
        Scope::new(of, request)
            .with("params", params.map_or(Ok(CelValue::Null), CelValue::view))
            .with("authorizer", Ok(authorizer))
            .with("namespaceObject", CelValue::view(namespace))
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
        let namespace = namespace_of(request, context);
        let mut annotations = Vec::new();
        let mut cost = 0;
        for param in &params {
            let mut budget = Budget::of(&context.limits);
            let verdict = self.judge_with(request, &namespace, param.as_ref(), &mut budget, &Context::of(context), &mut annotations);
            cost += budget.spent();
            if let Some(verdict) = verdict {
                return Verdict { cost, audit_annotations: annotations, ..verdict };
            }
        }
        let verdict = Verdict::new(Status::Pass, format!("Validation rule '{name}' passed."));
        Verdict { cost, audit_annotations: annotations, ..verdict }
    }

    /// `None` where everything holds.
    fn judge_with(
        &self,
        request: &Request,
        namespace: &Value,
        params: Option<&Value>,
        budget: &mut Budget,
        context: &Context<'_>,
        annotations: &mut Vec<(Arc<str>, String)>,
    ) -> Option<Verdict> {
        if !self.conditions.is_empty() {
            match self.conditions.hold(&CelRule::scope(&self.plain, request, namespace, params), budget, context) {
                Ok(None) => {}
                Ok(Some(_)) => return Some(Verdict::skip(SkipReason::Precondition, "cel preconditions not met")),
                Err((error, at)) => return Some(failed(&error, format!("a precondition: {}", error.message()), at)),
            }
        }
        let scope = CelRule::scope(&self.composition, request, namespace, params);
        for (name, part) in &self.annotations {
            if let Ok(CelValue::String(text)) = scope.evaluate(&part.program, budget, context) {
                annotations.push((Arc::clone(name), text.trim().to_owned()));
            }
        }
        let mut unknown = None;
        for expression in &self.expressions {
            let program = &expression.check.program;
            match scope.evaluate(program, budget, context) {
                Ok(CelValue::Bool(true)) => {}
                Ok(_) => {
                    let quiet = CelRule::scope(&self.quiet, request, namespace, params);
                    let mut verdict = Verdict::new(Status::Fail, message(expression, &quiet, budget, context));
                    verdict.path = point(&self.composition, program, request.target());
                    let at = span_at(request.target(), &verdict.path);
                    return Some(verdict.at(at));
                }
                Err(error) => {
                    let text = format!("expression '{}' resulted in error: {}", program.text(), error.message());
                    let verdict = failed(&error, text, expression.check.at);
                    if verdict.status != Status::Unknown {
                        return Some(verdict);
                    }
                    unknown = unknown.or(Some(verdict));
                }
            }
        }
        unknown
    }
}

/// The message of a failure: what its expression says where that is short, else the fixed one, else the expression.
fn message(expression: &Expression, scope: &Scope<'_>, budget: &mut Budget, context: &Context<'_>) -> String {
    let dynamic = expression.dynamic.as_ref().and_then(|part| match scope.evaluate(&part.program, budget, context) {
        Ok(CelValue::String(text)) => Some(text.trim().to_owned()),
        _ => None,
    });
    match (dynamic.filter(|text| !text.is_empty() && text.len() <= LONGEST_MESSAGE && !text.contains('\n')), expression.message.trim()) {
        (Some(text), _) => text,
        (None, "") => format!("failed expression: {}", expression.check.program.text().trim()),
        (None, message) => message.to_owned(),
    }
}

/// The namespace an object is in: given, or asked for; null for objects of the cluster.
fn namespace_of(request: &Request, context: &PolicyContext<'_>) -> Value {
    let own = request.target().get("metadata").and_then(|metadata| metadata.get("namespace")).and_then(Value::as_str);
    let namespace = own.filter(|own| !own.is_empty()).unwrap_or(&request.namespace);
    if namespace.is_empty() || (request.kind.group.is_empty() && &*request.kind.kind == "Namespace") {
        return Value::null(Span::NONE);
    }
    if let Some(object) = &request.namespace_object {
        return object.clone();
    }
    let question = Question::Object { api_version: "v1".into(), kind: "Namespace".into(), namespace: "".into(), name: namespace.into() };
    context.lookup.ask(&question).unwrap_or_else(|error| {
        Value::unknown(probity_value::UnknownKind::DataSource, format!("the namespace `{namespace}`: {error}"), Span::NONE)
    })
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
        let namespaced = probity_kubernetes::schema::is_namespaced(&GroupVersionKind::of(&self.api_version, &self.kind));
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
