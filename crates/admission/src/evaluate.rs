//! Judging one request.

use std::sync::Arc;

use probity_cel::admission::{Composition, Conditions, Part, Scope, point};
use probity_cel::{Budget, CelError, Context, ErrorKind, Program, Value as CelValue};
use probity_core::{
    Effect, GroupVersionKind, Interest, Outcome, Phase, Policy, PolicyContext, PolicyRule, Request, SkipReason, Status, span_at,
};
use probity_kubernetes::match_resources::{Fit, MatchResources};
use probity_value::{Span, Value};

use crate::binding::{self, Binding};
use crate::mutate::{self, Mutation};

/// One of `validations`.
#[derive(Debug)]
pub(crate) struct Validation {
    pub(crate) check: Part,
    pub(crate) message: String,
    pub(crate) dynamic: Option<Part>,
}

/// A compiled policy with its bindings.
#[derive(Debug)]
pub(crate) struct Compiled {
    pub(crate) rules: [Arc<PolicyRule>; 1],
    pub(crate) interest: Interest,
    pub(crate) constraints: MatchResources,
    pub(crate) param_kind: Option<GroupVersionKind>,
    pub(crate) ignore: bool,
    pub(crate) conditions_see: Composition,
    pub(crate) conditions: Conditions,
    pub(crate) composition: Composition,
    pub(crate) quiet: Composition,
    pub(crate) validations: Vec<Validation>,
    pub(crate) annotations: Vec<(Arc<str>, Part)>,
    pub(crate) mutations: Vec<Mutation>,
    pub(crate) bindings: Vec<Arc<Binding>>,
}

/// Longest message an expression may make, in bytes.
const LONGEST_MESSAGE: usize = 5 * 1024;
/// Cost of all expressions of a policy together (`RuntimeCELCostBudget`) in units of the cost of one (`PerCallLimit`).
const CALLS: u64 = 10;

impl Policy for Compiled {
    fn rules(&self) -> &[Arc<PolicyRule>] {
        &self.rules
    }

    fn interest(&self) -> &Interest {
        &self.interest
    }

    fn evaluate(&self, phase: Phase, request: &Request, context: &PolicyContext<'_>) -> Vec<Outcome> {
        let [rule] = &self.rules;
        if rule.phase != phase {
            return Vec::new();
        }
        let fit = match self.constraints.fit(request) {
            Ok(Some(fit)) => fit,
            Ok(None) => return Vec::new(),
            Err(why) => return vec![self.failed(&why, None)],
        };
        if self.mutations.is_empty() { self.judge(request, &fit, context) } else { self.mutate(request, &fit, context) }
    }
}

impl Compiled {
    pub(crate) fn rule(&self) -> &Arc<PolicyRule> {
        let [rule] = &self.rules;
        rule
    }

    /// What an error means: refused, or passed over where the policy says `Ignore`, which is a skip that says so.
    fn failed(&self, why: &str, binding: Option<&Binding>) -> Outcome {
        let within = binding.map(|binding| format!(" (binding `{}`)", binding.name)).unwrap_or_default();
        let mut outcome = if self.ignore {
            let mut outcome = Outcome::new(self.rule(), Status::Skip, format!("{why}{within}; `failurePolicy: Ignore` lets it pass"));
            outcome.skipped = Some(SkipReason::Other("the policy failed to evaluate, and its failure policy is `Ignore`".into()));
            outcome
        } else {
            Outcome::new(self.rule(), Status::Error, format!("{why}{within}"))
        };
        outcome.effect = effect_of(binding);
        outcome
    }

    /// An error of an expression: a value that cannot be known makes the outcome unknown, everything else fails.
    fn stopped(&self, error: &CelError, at: Span, binding: Option<&Binding>) -> Outcome {
        if let ErrorKind::Unknown(unknown) = error.kind() {
            let mut outcome = Outcome::new(self.rule(), Status::Unknown, unknown.reason.to_string());
            outcome.effect = effect_of(binding);
            return outcome;
        }
        let mut outcome = self.failed(&error.to_string(), binding);
        outcome.at = at;
        outcome
    }

    fn scope<'a>(&'a self, of: &'a Composition, request: &'a Request, fit: &Fit, params: Option<&Value>) -> Scope<'a> {
        let params = params.map_or(Ok(CelValue::Null), CelValue::view);
        Scope::new(of, request).matched_as(fit.kind.clone(), fit.resource.clone()).with("params", params)
    }

    /// Whether the match conditions hold.
    fn conditions(
        &self,
        request: &Request,
        fit: &Fit,
        params: Option<&Value>,
        context: &Context<'_>,
        budget: &mut Budget,
    ) -> Result<Option<Arc<str>>, (CelError, Span)> {
        self.conditions.hold(&self.scope(&self.conditions_see, request, fit, params), budget, context)
    }

    /// Bindings that count for a request, with the parameters each gives; `None` for the binding that nobody wrote.
    fn invocations<'a>(
        &'a self,
        request: &Request,
        context: &PolicyContext<'_>,
        out: &mut Vec<Outcome>,
    ) -> Vec<(Option<&'a Binding>, Option<Value>)> {
        if self.bindings.is_empty() {
            return vec![(None, None)];
        }
        let mut invocations = Vec::new();
        for bound in &self.bindings {
            match bound.matches.fit(request) {
                Ok(Some(_)) => {}
                Ok(None) => continue,
                Err(why) => {
                    out.push(self.failed(&why, Some(bound)));
                    continue;
                }
            }
            match binding::parameters(self.param_kind.as_ref(), bound.parameters.as_ref(), request, context) {
                Ok(params) => invocations.extend(params.into_iter().map(|params| (Some(&**bound), params))),
                Err(why) => out.push(self.failed(&why, Some(bound))),
            }
        }
        invocations
    }

    fn judge(&self, request: &Request, fit: &Fit, policy_context: &PolicyContext<'_>) -> Vec<Outcome> {
        let mut out = Vec::new();
        let context = Context::of(policy_context);
        for (bound, params) in self.invocations(request, policy_context, &mut out) {
            let mut budget = Budget::new(policy_context.limits.cel_cost.saturating_mul(CALLS));
            match self.conditions(request, fit, params.as_ref(), &context, &mut budget) {
                Ok(None) => {}
                Ok(Some(name)) => {
                    let mut outcome = Outcome::new(self.rule(), Status::Skip, format!("the match condition `{name}` does not hold"));
                    outcome.skipped = Some(SkipReason::Precondition);
                    out.push(outcome);
                    continue;
                }
                Err((error, at)) => {
                    out.push(self.stopped(&error, at, bound));
                    continue;
                }
            }
            self.validate(request, fit, params.as_ref(), bound, &context, &mut budget, &mut out);
        }
        out
    }

    #[expect(clippy::too_many_arguments, reason = "all of it differs from call to call")]
    fn validate(
        &self,
        request: &Request,
        fit: &Fit,
        params: Option<&Value>,
        bound: Option<&Binding>,
        context: &Context<'_>,
        budget: &mut Budget,
        out: &mut Vec<Outcome>,
    ) {
        let scope = self.scope(&self.composition, request, fit, params);
        let quiet = self.scope(&self.quiet, request, fit, params);
        let first = out.len();
        for validation in &self.validations {
            match scope.evaluate(&validation.check.program, budget, context) {
                Ok(CelValue::Bool(true)) => {}
                Ok(_) => {
                    let mut outcome = Outcome::new(self.rule(), Status::Fail, self.message(validation, &quiet, context, budget));
                    outcome.effect = effect_of(bound);
                    self.point(&mut outcome, &validation.check.program, request);
                    out.push(outcome);
                }
                Err(error) => out.push(self.stopped(&error, validation.check.at, bound)),
            }
        }
        let mut annotations = Vec::new();
        for (key, part) in &self.annotations {
            match quiet.evaluate(&part.program, budget, context) {
                Ok(CelValue::Null) => {}
                Ok(CelValue::String(text)) if text.trim().is_empty() => {}
                Ok(CelValue::String(text)) => annotations.push((format!("{}/{key}", self.rule().policy).into(), text.trim().to_owned())),
                Ok(_) => out.push(self.failed(&format!("the audit annotation `{key}` is neither text nor null"), bound)),
                Err(error) => {
                    if !self.ignore {
                        out.push(self.stopped(&error, part.at, bound));
                    }
                }
            }
        }
        if out.len() == first {
            let mut outcome = Outcome::new(self.rule(), Status::Pass, "");
            outcome.effect = effect_of(bound);
            outcome.cost = budget.spent();
            out.push(outcome);
        }
        if let Some(outcome) = out.get_mut(first) {
            outcome.audit_annotations = annotations;
        }
        // A failure of a binding leads to each of its actions; the strongest is the effect, a warning or audit beside it is not lost.
        if let Some(bound) = bound {
            for outcome in out.iter_mut().skip(first).filter(|outcome| outcome.status == Status::Fail) {
                if bound.effects.contains(&Effect::Warn) {
                    outcome.warnings.push(format!(
                        "Validation failed for ValidatingAdmissionPolicy '{}' with binding '{}': {}",
                        self.rule().policy,
                        bound.name,
                        outcome.message
                    ));
                }
            }
        }
    }

    /// The message of a failure: what the expression says where it says something short, else the fixed one, else the expression.
    fn message(&self, validation: &Validation, scope: &Scope<'_>, context: &Context<'_>, budget: &mut Budget) -> String {
        let dynamic = validation.dynamic.as_ref().and_then(|part| match scope.evaluate(&part.program, budget, context) {
            Ok(CelValue::String(text)) => Some(text.trim().to_owned()),
            _ => None,
        });
        match dynamic.filter(|text| !text.is_empty() && text.len() <= LONGEST_MESSAGE && !text.contains('\n')) {
            Some(text) => text,
            None if !validation.message.is_empty() => validation.message.clone(),
            None => format!("failed expression: {}", validation.check.program.text().trim()),
        }
    }

    /// Points at the part of the object an expression speaks of.
    fn point(&self, outcome: &mut Outcome, program: &Program, request: &Request) {
        let path = point(&self.composition, program, request.target());
        outcome.at = span_at(request.target(), &path);
        outcome.path = path;
    }

    fn mutate(&self, request: &Request, fit: &Fit, policy_context: &PolicyContext<'_>) -> Vec<Outcome> {
        let mut out = Vec::new();
        let context = Context::of(policy_context);
        let mut current: Option<Request> = None;
        for (bound, params) in self.invocations(request, policy_context, &mut out) {
            let mut budget = Budget::new(policy_context.limits.cel_cost.saturating_mul(CALLS));
            match self.conditions(current.as_ref().unwrap_or(request), fit, params.as_ref(), &context, &mut budget) {
                Ok(None) => {}
                Ok(Some(name)) => {
                    let mut outcome = Outcome::new(self.rule(), Status::Skip, format!("the match condition `{name}` does not hold"));
                    outcome.skipped = Some(SkipReason::Precondition);
                    out.push(outcome);
                    continue;
                }
                Err((error, at)) => {
                    out.push(self.stopped(&error, at, bound));
                    continue;
                }
            }
            let first = out.len();
            for mutation in &self.mutations {
                let seen = current.as_ref().unwrap_or(request);
                if seen.object.is_null() {
                    continue;
                }
                let scope = self.scope(&self.composition, seen, fit, params.as_ref());
                let patched = scope
                    .evaluate(&mutation.part.program, &mut budget, &context)
                    .map_err(|error| self.stopped(&error, mutation.part.at, bound))
                    .and_then(|value| {
                        mutate::apply(mutation.kind, &seen.object, &fit.kind, &value, mutation.part.at)
                            .map_err(|error| self.failed(&error.to_string(), bound))
                    });
                match patched {
                    Ok(object) => current.get_or_insert_with(|| request.clone()).object = object,
                    Err(outcome) => out.push(outcome),
                }
            }
            if out.len() == first {
                let mut outcome = Outcome::new(self.rule(), Status::Pass, "");
                outcome.mutated = current.as_ref().map(|request| request.object.clone());
                outcome.cost = budget.spent();
                out.push(outcome);
            }
        }
        out
    }
}

fn effect_of(binding: Option<&Binding>) -> Effect {
    match binding {
        None => Effect::Deny,
        Some(binding) if binding.effects.is_empty() || binding.effects.contains(&Effect::Deny) => Effect::Deny,
        Some(binding) if binding.effects.contains(&Effect::Warn) => Effect::Warn,
        Some(_) => Effect::Audit,
    }
}
