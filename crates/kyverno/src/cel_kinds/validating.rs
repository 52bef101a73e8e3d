//! ValidatingPolicy: judges an object, or a document where its evaluation mode is `JSON`.

use std::sync::Arc;

use probity_cel::admission::{Composition, Conditions, Part, Scope, item_part, match_conditions, point, read_part, read_variables};
use probity_cel::{Context, Type, Value as CelValue};
use probity_core::{Effect, Interest, Outcome, Phase, Policy, PolicyContext, PolicyRule, Request, Status, span_at};
use probity_kubernetes::match_resources::MatchResources;
use probity_kubernetes::read::Reader;
use probity_value::{Map, Value};

use super::exception::Exception;
use super::{CODE, interest_of, not_matched, read_audit_annotations, stopped, variant_failed};
use super::{
    Excepted, Head, actions, audit_annotations, autogen, budget, compile_exceptions, constraints, environment, except, failure_policy,
};

const KEYS: &[&str] = &[
    "matchConstraints",
    "validations",
    "failurePolicy",
    "auditAnnotations",
    "matchConditions",
    "variables",
    "autogen",
    "validationActions",
    "webhookConfiguration",
    "evaluation",
];

/// One of `validations`.
pub(super) struct Validation {
    pub(super) check: Part,
    pub(super) message: String,
    pub(super) dynamic: Option<Part>,
}

/// The policy, or one of its variants for pod controllers.
struct Compiled {
    /// `None` for documents that are no objects.
    constraints: Option<MatchResources>,
    /// What the match conditions see: no variables.
    bare: Composition,
    conditions: Conditions,
    composition: Composition,
    validations: Vec<Validation>,
    annotations: Vec<(Arc<str>, Part)>,
    exceptions: Vec<(Arc<Exception>, Conditions)>,
}

struct Validating {
    rules: [Arc<PolicyRule>; 1],
    interest: Interest,
    namespace: Option<Arc<str>>,
    variants: Vec<Compiled>,
}

pub(super) fn read(head: Head, reader: &mut Reader<'_>) -> Option<Arc<dyn Policy>> {
    let spec = head.spec.clone();
    let map = reader.map(Some(&spec), "spec")?;
    reader.keys(map, KEYS);
    let effect: Effect = actions(map, reader);
    failure_policy(map, reader);
    let json = map.get("evaluation").and_then(|evaluation| evaluation.get("mode")).and_then(Value::as_str) == Some("JSON");
    let main = compile(&head, &spec, json, reader)?;
    let mut variants = vec![main];
    if let Some(own) = variants.first().and_then(|main| main.constraints.as_ref()) {
        for (variant, matched) in autogen::variants(&spec, own) {
            let rewritten = autogen::rewritten(&spec, variant, matched);
            let mut quiet = Reader::new(reader.file, CODE);
            let compiled = compile(&head, &rewritten, false, &mut quiet);
            variant_failed(reader, &quiet, variant.name, spec.span);
            variants.extend(compiled);
        }
    }
    let message = variants.first().and_then(|main| main.validations.first()).map_or("", |first| &*first.message);
    let rule = head.rule(Phase::Validate, effect, variants.first().and_then(|main| main.constraints.as_ref()), message);
    let interest = interest_of(variants.iter().filter_map(|variant| variant.constraints.as_ref()));
    Some(Arc::new(Validating { rules: [rule], interest, namespace: head.namespace, variants }))
}

fn compile(head: &Head, spec: &Value, json: bool, reader: &mut Reader<'_>) -> Option<Compiled> {
    let map = reader.map(Some(spec), "spec")?;
    let constraints = if json { None } else { Some(constraints(map, "matchConstraints", spec.span, reader)?) };
    let bare = Composition::new(environment(false, false));
    let conditions = match_conditions(map, &bare, reader);
    let exceptions = compile_exceptions(head, &bare, reader);
    let mut composition = Composition::new(environment(false, false));
    read_variables(map, &mut composition, reader);
    let validations = read_validations(map, &composition, reader);
    let annotations = read_audit_annotations(map, &composition, reader);
    if validations.is_empty() && !reader.failed() {
        reader.wrong(spec.span, "`validations` is missing");
    }
    Some(Compiled { constraints, bare, conditions, composition, validations, annotations, exceptions })
}

pub(super) fn read_validations(map: &Map, composition: &Composition, reader: &mut Reader<'_>) -> Vec<Validation> {
    let mut out = Vec::new();
    for item in reader.list(map, "validations") {
        let known = ["expression", "message", "reason", "messageExpression"];
        let Some((check, inner)) = item_part(item, "expression", &known, &[Type::Bool], composition, reader) else { continue };
        let message = reader.text(inner, "message").map(|(text, _)| text.to_string()).unwrap_or_default();
        let dynamic = reader
            .text(inner, "messageExpression")
            .filter(|(text, _)| !text.is_empty())
            .and_then(|(text, at)| read_part(&text, at, &[Type::String], composition, reader));
        out.push(Validation { check, message, dynamic });
    }
    out
}

impl Policy for Validating {
    fn rules(&self) -> &[Arc<PolicyRule>] {
        &self.rules
    }

    fn interest(&self) -> &Interest {
        &self.interest
    }

    fn evaluate(&self, phase: Phase, request: &Request, context: &PolicyContext<'_>) -> Vec<Outcome> {
        let [rule] = &self.rules;
        if phase != rule.phase || !Head::counts_for(self.namespace.as_ref(), request) {
            return Vec::new();
        }
        self.variants.iter().filter_map(|variant| variant.judge(rule, request, context)).collect()
    }
}

impl Compiled {
    fn judge(&self, rule: &Arc<PolicyRule>, request: &Request, policy_context: &PolicyContext<'_>) -> Option<Outcome> {
        let is_object = !request.kind.kind.is_empty();
        let fit = match &self.constraints {
            Some(_) if !is_object => return None,
            None if is_object => return None,
            None => None,
            Some(constraints) => match constraints.fit(request) {
                Ok(fit) => Some(fit?),
                Err(why) => return Some(Outcome::new(rule, Status::Error, why)),
            },
        };
        let (context, mut budget) = (Context::of(policy_context), budget(policy_context));
        let scope_of = |composition| {
            let scope = Scope::new(composition, request);
            match &fit {
                Some(fit) => scope.matched_as(fit.kind.clone(), fit.resource.clone()),
                None => scope,
            }
        };
        let bare = scope_of(&self.bare);
        let allowed = match except(&self.exceptions, rule, &bare, &mut budget, &context) {
            Excepted::Judged(allowed) => allowed,
            Excepted::Off(outcome) | Excepted::Failed(outcome) => return Some(outcome),
        };
        let bare = bare.with("exceptions", Ok(allowed.value()));
        match self.conditions.hold(&bare, &mut budget, &context) {
            Ok(None) => {}
            Ok(Some(condition)) => return Some(not_matched(rule, &condition)),
            Err((error, at)) => return Some(stopped(rule, &error, at)),
        }
        let scope = scope_of(&self.composition).with("exceptions", Ok(allowed.value()));
        let mut outcome = judge_validations(&self.validations, rule, request, &self.composition, &scope, &mut budget, &context);
        match audit_annotations(&self.annotations, &scope, &mut budget, &context) {
            Ok(annotations) => outcome.audit_annotations = annotations,
            Err((error, at)) => outcome = stopped(rule, &error, at),
        }
        outcome.cost = budget.spent();
        Some(outcome)
    }
}

/// Judges validations in order: the first that fails or cannot be evaluated decides.
pub(super) fn judge_validations(
    validations: &[Validation],
    rule: &Arc<PolicyRule>,
    request: &Request,
    composition: &Composition,
    scope: &Scope<'_>,
    budget: &mut probity_cel::Budget,
    context: &Context<'_>,
) -> Outcome {
    for (position, validation) in validations.iter().enumerate() {
        match scope.evaluate(&validation.check.program, budget, context) {
            Ok(CelValue::Bool(true)) => {}
            Ok(_) => {
                let dynamic = validation.dynamic.as_ref().map(|part| match scope.evaluate(&part.program, budget, context) {
                    Ok(CelValue::String(text)) => text.to_string(),
                    Ok(other) => format!("failed to convert message expression to string: {other}"),
                    Err(error) => format!("failed to evaluate message expression: {error}"),
                });
                let mut message = dynamic.unwrap_or_else(|| validation.message.clone());
                if message.is_empty() {
                    message = format!("CEL expression validation failed at index {position}");
                }
                let mut outcome = Outcome::new(rule, Status::Fail, message);
                let path = point(composition, &validation.check.program, request.target());
                outcome.at = span_at(request.target(), &path);
                outcome.path = path;
                return outcome;
            }
            Err(error) => return stopped(rule, &error, validation.check.at),
        }
    }
    Outcome::new(rule, Status::Pass, "")
}
