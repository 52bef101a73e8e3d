//! MutatingPolicy: changes an object, or others that exist already.

use std::sync::Arc;

use probity_cel::admission::{
    Composition, Conditions, Part, PatchError, Scope, apply_configuration_with, json_patch, match_conditions, named_conditions, read_part,
    read_variables,
};
use probity_cel::{Budget, Context, Type};
use probity_core::{
    Effect, GroupVersionKind, Interest, LookupError, Outcome, Phase, Policy, PolicyContext, PolicyRule, Question, Request, Status,
};
use probity_kubernetes::match_resources::MatchResources;
use probity_kubernetes::read::Reader;
use probity_kubernetes::schema;
use probity_value::{Map, Value};

use super::exception::{Exception, Exempt};
use super::{
    CODE, Excepted, Head, audit_annotations, autogen, budget, compile_exceptions, constraints, environment, except, failure_policy,
};
use super::{interest_of, not_matched, read_audit_annotations, stopped, variant_failed};

const KEYS: &[&str] = &[
    "matchConstraints",
    "failurePolicy",
    "matchConditions",
    "variables",
    "autogen",
    "targetMatchConstraints",
    "targetMatchConditions",
    "mutations",
    "auditAnnotations",
    "webhookConfiguration",
    "evaluation",
    "reinvocationPolicy",
];

enum Patch {
    Apply(Part),
    Json(Part),
}

/// Which other objects are changed.
struct Targets {
    matches: MatchResources,
    conditions: Conditions,
}

struct Compiled {
    constraints: MatchResources,
    composition: Composition,
    conditions: Conditions,
    patches: Vec<Patch>,
    annotations: Vec<(Arc<str>, Part)>,
    exceptions: Vec<(Arc<Exception>, Conditions)>,
    targets: Option<Targets>,
    /// Whether atomic parts may be replaced.
    server_side: bool,
}

struct Mutating {
    rules: [Arc<PolicyRule>; 1],
    interest: Interest,
    namespace: Option<Arc<str>>,
    variants: Vec<Compiled>,
}

pub(super) fn read(head: Head, reader: &mut Reader<'_>) -> Option<Arc<dyn Policy>> {
    let spec = head.spec.clone();
    let map = reader.map(Some(&spec), "spec")?;
    reader.keys(map, KEYS);
    failure_policy(map, reader);
    let main = compile(&head, &spec, reader)?;
    let mut variants = vec![main];
    if let Some(own) = variants.first().map(|main| &main.constraints) {
        for (variant, matched) in autogen::variants(&spec, own) {
            let rewritten = autogen::rewritten_mutation(&spec, variant, matched);
            let mut quiet = Reader::new(reader.file, CODE);
            let compiled = compile(&head, &rewritten, &mut quiet);
            variant_failed(reader, &quiet, variant.name, spec.span);
            variants.extend(compiled);
        }
    }
    let rule = head.rule(Phase::Mutate, Effect::Deny, variants.first().map(|main| &main.constraints), "");
    let interest = interest_of(variants.iter().map(|variant| &variant.constraints));
    Some(Arc::new(Mutating { rules: [rule], interest, namespace: head.namespace, variants }))
}

fn compile(head: &Head, spec: &Value, reader: &mut Reader<'_>) -> Option<Compiled> {
    let map = reader.map(Some(spec), "spec")?;
    let matched = constraints(map, "matchConstraints", spec.span, reader)?;
    let mut composition = Composition::new(environment(true, false));
    read_variables(map, &mut composition, reader);
    let conditions = match_conditions(map, &composition, reader);
    let exceptions = compile_exceptions(head, &composition, reader);
    let annotations = read_audit_annotations(map, &composition, reader);
    let evaluation = map.get("evaluation");
    let server_side = evaluation.and_then(|one| one.get("useServerSideApply")).and_then(Value::as_bool).unwrap_or(false);
    let existing = evaluation.and_then(|one| one.get("mutateExisting")).and_then(|one| one.get("enabled")).and_then(Value::as_bool);
    let targets = match (map.get("targetMatchConstraints"), existing) {
        (Some(value), _) if value.as_map().is_some_and(|inner| inner.contains_key("expression")) => {
            reader.wrong(value.span, "`targetMatchConstraints.expression` is not read: name the targets with `resourceRules`");
            None
        }
        (Some(_), _) => {
            let matches = constraints(map, "targetMatchConstraints", spec.span, reader)?;
            let conditions = named_conditions(map, "targetMatchConditions", &composition, reader);
            Some(Targets { matches, conditions })
        }
        (None, Some(true)) => Some(Targets { matches: matched.clone(), conditions: Conditions::default() }),
        (None, _) => None,
    };
    let mut patches = Vec::new();
    for item in reader.list(map, "mutations") {
        patches.extend(read_patch(item, &composition, reader));
    }
    if patches.is_empty() && !reader.failed() {
        reader.wrong(spec.span, "`mutations` is missing");
    }
    Some(Compiled { constraints: matched, composition, conditions, patches, annotations, exceptions, targets, server_side })
}

fn read_patch(item: &Value, composition: &Composition, reader: &mut Reader<'_>) -> Option<Patch> {
    let map: &Map = reader.map(Some(item), "a mutation")?;
    reader.keys(map, &["patchType", "applyConfiguration", "jsonPatch"]);
    let (kind, at) = reader.needed(map, "patchType", item.span)?;
    let key = match &*kind {
        "ApplyConfiguration" => "applyConfiguration",
        "JSONPatch" => "jsonPatch",
        other => {
            reader.wrong(at, format!("`{other}` is none of `ApplyConfiguration` and `JSONPatch`"));
            return None;
        }
    };
    let Some(inner) = reader.map(map.get(key), key) else {
        reader.wrong(item.span, format!("`{key}` is missing"));
        return None;
    };
    reader.keys(inner, &["expression"]);
    let (text, at) = reader.needed(inner, "expression", item.span)?;
    if key == "jsonPatch" {
        let outputs = [Type::list(Type::object("JSONPatch"))];
        return read_part(&text, at, &outputs, composition, reader).map(Patch::Json);
    }
    read_part(&text, at, &[Type::object("Object")], composition, reader).map(Patch::Apply)
}

impl Policy for Mutating {
    fn rules(&self) -> &[Arc<PolicyRule>] {
        &self.rules
    }

    fn interest(&self) -> &Interest {
        &self.interest
    }

    fn evaluate(&self, phase: Phase, request: &Request, context: &PolicyContext<'_>) -> Vec<Outcome> {
        let [rule] = &self.rules;
        if phase != rule.phase || !Head::counts_for(self.namespace.as_ref(), request) || request.kind.kind.is_empty() {
            return Vec::new();
        }
        self.variants.iter().filter_map(|variant| variant.mutate(rule, request, context)).collect()
    }
}

impl Compiled {
    fn mutate(&self, rule: &Arc<PolicyRule>, request: &Request, policy_context: &PolicyContext<'_>) -> Option<Outcome> {
        let fit = match self.constraints.fit(request) {
            Ok(fit) => fit?,
            Err(why) => return Some(Outcome::new(rule, Status::Error, why)),
        };
        let (context, mut budget) = (Context::of(policy_context), budget(policy_context));
        let scope = Scope::new(&self.composition, request).matched_as(fit.kind.clone(), fit.resource.clone());
        let allowed = match except(&self.exceptions, rule, &scope, &mut budget, &context) {
            Excepted::Judged(allowed) => allowed,
            Excepted::Off(outcome) | Excepted::Failed(outcome) => return Some(outcome),
        };
        let scope = scope.with("exceptions", Ok(allowed.value()));
        match self.conditions.hold(&scope, &mut budget, &context) {
            Ok(None) => {}
            Ok(Some(condition)) => return Some(not_matched(rule, &condition)),
            Err((error, at)) => return Some(stopped(rule, &error, at)),
        }
        if let Some(targets) = &self.targets {
            return Some(self.mutate_targets(targets, rule, request, &allowed, policy_context, &mut budget));
        }
        if request.object.is_null() {
            return None;
        }
        let patched = match self.patched(request, &request.object, &fit.kind, &allowed, &mut budget, &context) {
            Ok(patched) => patched,
            Err(outcome) => return Some(outcome(rule)),
        };
        let mut outcome = Outcome::new(rule, Status::Pass, "");
        let seen = Request { object: patched.clone(), ..request.clone() };
        let after = Scope::new(&self.composition, &seen).with("exceptions", Ok(allowed.value()));
        match audit_annotations(&self.annotations, &after, &mut budget, &context) {
            Ok(annotations) => outcome.audit_annotations = annotations,
            Err((error, at)) => return Some(stopped(rule, &error, at)),
        }
        outcome.mutated = (patched != request.object).then_some(patched);
        outcome.cost = budget.spent();
        Some(outcome)
    }

    /// All patches one after the other, each seeing what those before it made.
    #[expect(clippy::type_complexity, reason = "an outcome that lacks only its rule")]
    fn patched<'s>(
        &'s self,
        request: &Request,
        object: &Value,
        kind: &GroupVersionKind,
        allowed: &Exempt,
        budget: &mut Budget,
        context: &Context<'_>,
    ) -> Result<Value, Box<dyn Fn(&Arc<PolicyRule>) -> Outcome + 's>> {
        let mut seen = Request { object: object.clone(), ..request.clone() };
        for patch in &self.patches {
            let part = match patch {
                Patch::Apply(part) | Patch::Json(part) => part,
            };
            let scope = Scope::new(&self.composition, &seen).with("exceptions", Ok(allowed.value()));
            let value = match scope.evaluate(&part.program, budget, context) {
                Ok(value) => value,
                Err(error) => return Err(Box::new(move |rule| stopped(rule, &error, part.at))),
            };
            let patched = match patch {
                Patch::Apply(_) => apply_configuration_with(&seen.object, kind, &value, part.at, self.server_side),
                Patch::Json(_) => json_patch(&seen.object, &value, part.at),
            };
            match patched {
                Ok(object) => seen.object = object,
                Err(error) => {
                    let error: PatchError = error;
                    return Err(Box::new(move |rule| {
                        let mut outcome = Outcome::new(rule, Status::Error, format!("failed to evaluate policy: {error}"));
                        outcome.at = part.at;
                        outcome
                    }));
                }
            }
        }
        Ok(seen.object)
    }

    /// The other objects as they would be: a plan, nothing is changed here.
    fn mutate_targets(
        &self,
        targets: &Targets,
        rule: &Arc<PolicyRule>,
        request: &Request,
        allowed: &Exempt,
        policy_context: &PolicyContext<'_>,
        budget: &mut Budget,
    ) -> Outcome {
        let context = Context::of(policy_context);
        let mut outcome = Outcome::new(rule, Status::Pass, "");
        for kind in targets.matches.built_in_kinds() {
            let question = Question::Objects {
                api_version: kind.api_version().into(),
                kind: Arc::from(schema::plural(&kind)),
                namespace: "".into(),
                selector: "".into(),
            };
            let list = match policy_context.lookup.ask(&question) {
                Ok(list) => list,
                Err(LookupError::Absent(_)) => continue,
                Err(error) => return Outcome::new(rule, Status::Error, error.to_string()),
            };
            for object in list.get("items").and_then(Value::as_list).unwrap_or_default() {
                let target = Request { user: request.user.clone(), operation: request.operation, ..Request::create(object.clone()) };
                match targets.matches.fit(&target) {
                    Ok(Some(_)) => {}
                    Ok(None) => continue,
                    Err(why) => return Outcome::new(rule, Status::Error, why),
                }
                let scope = Scope::new(&self.composition, &target).with("exceptions", Ok(allowed.value()));
                match targets.conditions.hold(&scope, budget, &context) {
                    Ok(None) => {}
                    Ok(Some(_)) => continue,
                    Err((error, at)) => return stopped(rule, &error, at),
                }
                match self.patched(&target, object, &kind, allowed, budget, &context) {
                    Ok(patched) if patched != *object => outcome.targets.push(patched),
                    Ok(_) => {}
                    Err(failed) => return failed(rule),
                }
            }
        }
        outcome.cost = budget.spent();
        outcome
    }
}
