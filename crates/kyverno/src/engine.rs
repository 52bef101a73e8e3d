//! Compiled policies: finds the rules a request is about and judges, in the order and with the steps of Kyverno's engine.

use std::sync::Arc;

use probity_core::{
    Diagnostic, Effect, GroupVersionKind, Interest, Level, LookupError, Operation, Outcome, Phase, PolicyContext, PolicyDocument,
    PolicyRule, Question, Request, SkipReason, Status,
};
use probity_kubernetes::wildcard;
use probity_value::{Span, Value};

use crate::exceptions::Exception;
use crate::images::Images;
use crate::jmespath::Evaluation;
use crate::matching::{Target, top_kind};
use crate::policy::{Body, Policy, Rule};
use crate::read::Reader;
use crate::scope::Scope;
use crate::validate::{Judgement, Validation, Verdict, add_entries, preconditions_not_met};

/// Whether a document is one that [`compile`] reads: a policy or an exception of Kyverno.
#[must_use]
pub(crate) fn claims(document: &Value) -> bool {
    let text = |key: &str| document.get(key).and_then(Value::as_str).unwrap_or_default();
    text("apiVersion").starts_with("kyverno.io/") && matches!(text("kind"), "ClusterPolicy" | "Policy" | "PolicyException")
}

/// Compiles policies and the exceptions that lie among them. A policy with a mistake is left out and the mistakes are said, with their
/// places; the others work. Documents of other kinds are passed over.
#[must_use]
pub(crate) fn compile(documents: &[PolicyDocument]) -> (Vec<Arc<dyn probity_core::Policy>>, Vec<Diagnostic>) {
    let mut said = Vec::new();
    let mut exceptions = Vec::new();
    let mut policies = Vec::new();
    for document in documents.iter().filter(|document| claims(&document.value)) {
        let text = |key: &str| document.value.get(key).and_then(Value::as_str).unwrap_or_default();
        let mut reader = Reader::new(&document.file);
        let exception = text("kind") == "PolicyException";
        let versions: &[&str] = if exception {
            &["kyverno.io/v2", "kyverno.io/v2beta1", "kyverno.io/v2alpha1"]
        } else {
            &["kyverno.io/v1", "kyverno.io/v2beta1"]
        };
        if !versions.contains(&text("apiVersion")) {
            reader.wrong(document.value.span, format!("`{}` is none of {}", text("apiVersion"), versions.join(", ")));
        } else if exception {
            let read = Exception::read(&mut reader, document);
            exceptions.extend(read.filter(|_| !reader.failed()));
        } else {
            let read = Policy::read(&mut reader, document);
            policies.extend(read.filter(|_| !reader.failed()));
        }
        said.append(&mut reader.said);
    }
    let exceptions = Arc::new(exceptions);
    let compiled = policies
        .into_iter()
        .map(|policy| {
            let policy: Arc<dyn probity_core::Policy> = Arc::new(CompiledPolicy::new(policy, &exceptions));
            policy
        })
        .collect();
    said.sort_by_key(|said| (said.level != Level::Error, said.span));
    (compiled, said)
}

/// One compiled policy.
#[derive(Debug)]
struct CompiledPolicy {
    policy: Policy,
    rules: Vec<Arc<PolicyRule>>,
    interest: Interest,
    exceptions: Arc<Vec<Exception>>,
}

/// The kinds and operations the rules of a policy may be about.
fn interest(policy: &Policy) -> Interest {
    let mut interest = Interest::default();
    let mut every_kind = false;
    let mut every_operation = false;
    for filter in policy.rules.iter().flat_map(|rule| rule.matches.filters()) {
        every_kind |= filter.kinds.is_empty();
        every_operation |= filter.operations.is_empty();
        for operation in &filter.operations {
            if !interest.operations.contains(operation) {
                interest.operations.push(*operation);
            }
        }
        for kind in &filter.kinds {
            let star = |text: &Arc<str>| if wildcard::has_wildcard(text) { "*".into() } else { Arc::clone(text) };
            // Requests about a sub-resource carry kinds of their own.
            let key = if kind.sub_resource.is_empty() {
                GroupVersionKind { group: star(&kind.group), version: star(&kind.version), kind: star(&kind.kind) }
            } else {
                GroupVersionKind { group: "*".into(), version: "*".into(), kind: "*".into() }
            };
            if !interest.kinds.contains(&key) {
                interest.kinds.push(key);
            }
        }
    }
    if every_kind || interest.kinds.iter().any(|kind| [&kind.group, &kind.version, &kind.kind].iter().all(|part| ***part == *"*")) {
        interest.kinds.clear();
    }
    if every_operation {
        interest.operations.clear();
    }
    interest
}

impl CompiledPolicy {
    fn new(policy: Policy, exceptions: &Arc<Vec<Exception>>) -> CompiledPolicy {
        let rules = policy.rules.iter().map(|rule| Arc::clone(&rule.rule)).collect();
        let interest = interest(&policy);
        CompiledPolicy { policy, rules, interest, exceptions: Arc::clone(exceptions) }
    }

    /// Whether a policy with a namespace is about the objects of a request at all.
    fn in_namespace(&self, request: &Request) -> bool {
        let own = &self.policy.identity.namespace;
        own.is_empty()
            || [&request.object, &request.old_object].iter().filter(|object| !object.is_null()).all(|object| {
                let at = object.get("metadata").and_then(|metadata| metadata.get("namespace")).and_then(Value::as_str);
                at.filter(|at| !at.is_empty()).unwrap_or(&request.namespace) == &**own
            })
    }
}

/// The labels of the namespace a request is about.
fn namespace_labels(request: &Request, context: &PolicyContext<'_>) -> Result<Value, Arc<str>> {
    let labels = |object: &Value| {
        object.get("metadata").and_then(|metadata| metadata.get("labels")).cloned().unwrap_or_else(|| Value::null(Span::NONE))
    };
    if let Some(object) = &request.namespace_object {
        return Ok(labels(object));
    }
    let own = request.target().get("metadata").and_then(|metadata| metadata.get("namespace")).and_then(Value::as_str);
    let namespace = own.filter(|own| !own.is_empty()).unwrap_or(&request.namespace);
    if namespace.is_empty() {
        return Ok(Value::null(Span::NONE));
    }
    let question = Question::Object { api_version: "v1".into(), kind: "Namespace".into(), namespace: "".into(), name: namespace.into() };
    match context.lookup.ask(&question) {
        Ok(object) => Ok(labels(&object)),
        Err(LookupError::Absent(_)) => Ok(Value::null(Span::NONE)),
        Err(LookupError::Unanswered(message)) => Err(format!("the labels of the namespace `{namespace}` are not known: {message}").into()),
    }
}

/// One request, as all rules of a policy see it.
struct Run<'r> {
    policy: &'r CompiledPolicy,
    request: &'r Request,
    context: &'r PolicyContext<'r>,
    kind: GroupVersionKind,
}

impl Run<'_> {
    fn with_target<T>(&self, use_it: impl FnOnce(&Target<'_>) -> T) -> T {
        let labels = || namespace_labels(self.request, self.context);
        use_it(&Target {
            object: self.request.target(),
            kind: &self.kind,
            sub_resource: &self.request.sub_resource,
            operation: self.request.operation,
            user: &self.request.user,
            namespace: &self.request.namespace,
            namespace_labels: &labels,
        })
    }

    /// Whether a rule is about the request.
    fn matches(&self, rule: &Rule) -> Result<bool, Arc<str>> {
        if rule.made_for.as_ref().is_some_and(|kinds| !kinds.contains(&&*self.kind.kind)) || rule.gives_way_to.contains(&&*self.kind.kind) {
            return Ok(false);
        }
        self.with_target(|target| {
            let own = &self.policy.policy.identity.namespace;
            if !own.is_empty() && target.namespace()? != &**own {
                return Ok(false);
            }
            if !rule.matches.matches(target)? {
                return Ok(false);
            }
            rule.excludes.as_ref().map_or(Ok(true), |excludes| excludes.excludes(target).map(|excluded| !excluded))
        })
    }

    /// What a failure of a rule leads to here.
    fn effect(&self, rule: &Rule) -> Effect {
        let own = self.request.target().get("metadata").and_then(|metadata| metadata.get("namespace")).and_then(Value::as_str);
        let namespace = own.filter(|own| !own.is_empty()).unwrap_or(&self.request.namespace);
        let labels = || namespace_labels(self.request, self.context).ok();
        let by_rule = match &rule.body {
            Body::Validate(validation) => validation.action.effect(namespace, &labels),
            _ => None,
        };
        by_rule.or_else(|| self.policy.policy.action.effect(namespace, &labels)).unwrap_or(rule.rule.effect)
    }

    /// What a rule says; `None` where it is not about the request, or has nothing to say.
    fn rule(&self, rule: &Rule) -> Option<Outcome> {
        let verdict = match self.matches(rule) {
            Ok(false) => return None,
            Ok(true) => self.judge(rule)?,
            Err(reason) => Verdict::new(Status::Unknown, format!("whether the rule is about this object is not known: {reason}")),
        };
        let mut outcome = Outcome::new(&rule.rule, verdict.status, verdict.message);
        outcome.effect = self.effect(rule);
        outcome.path = verdict.path;
        outcome.at = verdict.at;
        outcome.skipped = verdict.skipped;
        outcome.audit_annotations = verdict.audit_annotations;
        outcome.cost = verdict.cost;
        outcome.mutated = verdict.mutated;
        outcome.targets = verdict.targets;
        outcome.generated = verdict.generated;
        Some(outcome)
    }

    /// Values a test gives to the variables of a rule.
    fn given(&self, rule: &Rule) -> Option<Value> {
        if !rule.has_variables {
            return None;
        }
        let question = Question::Variable {
            policy: Arc::clone(&self.policy.policy.identity.name),
            rule: Arc::clone(&rule.rule.name),
            name: "".into(),
        };
        self.context.lookup.ask(&question).ok().filter(|given| given.as_map().is_some())
    }

    fn judge(&self, rule: &Rule) -> Option<Verdict> {
        let evaluation = Evaluation::new(self.context);
        let given = self.given(rule);
        let about: Vec<&Exception> = self
            .policy
            .exceptions
            .iter()
            .filter(|exception| exception.is_about(&self.policy.policy.identity.full_name, &rule.rule.name))
            .collect();
        let images = Images { object: self.request.target().clone() };
        let mut outer =
            if rule.has_variables || !about.is_empty() { Scope::of_request(&evaluation, self.request) } else { Scope::new(&evaluation) };
        if rule.has_variables && crate::images::pod_path(&self.kind.kind).is_some() {
            outer.add(&images);
        }
        let mut scope = outer.child();
        for (name, entry) in given.as_ref().and_then(Value::as_map).into_iter().flat_map(probity_value::Map::iter) {
            scope.merge(&[name], entry.value.clone());
        }
        add_entries(&mut scope, &rule.context, given.as_ref());
        if !rule.preconditions.is_empty() {
            match rule.preconditions.hold(&scope) {
                Ok((true, _)) => {}
                Ok((false, message)) => return Some(preconditions_not_met(&message)),
                Err(error) => return Some(Verdict::of_condition("failed to evaluate preconditions", &error)),
            }
        }
        let covering: Vec<&Exception> =
            about.into_iter().filter(|exception| self.with_target(|target| exception.covers(target, &scope))).collect();
        match &rule.body {
            Body::Validate(validation) => self.validate(rule, validation, &scope, given.as_ref(), &covering),
            Body::VerifyImages(images) => {
                if self.request.operation == Operation::Delete {
                    return None;
                }
                excepted(&covering).or_else(|| images.judge(self.request.target(), &scope))
            }
            Body::Mutate(mutation) => {
                // What is taken away is not changed any more; other objects may be.
                if self.request.operation == Operation::Delete && !mutation.is_of_existing() {
                    return None;
                }
                Some(excepted(&covering).unwrap_or_else(|| mutation.judge(self.request.target(), &scope, given.as_ref())))
            }
            Body::Generate(generation) => {
                Some(excepted(&covering).unwrap_or_else(|| generation.judge(self.request.target(), &scope, given.as_ref())))
            }
        }
    }

    fn validate(
        &self,
        rule: &Rule,
        validation: &Validation,
        scope: &Scope<'_>,
        given: Option<&Value>,
        covering: &[&Exception],
    ) -> Option<Verdict> {
        if let Some(security) = validation.pod_security() {
            if self.request.operation == Operation::Delete {
                return None;
            }
            if covering.iter().any(|exception| exception.controls.is_empty()) {
                return excepted(covering);
            }
            let more: Vec<_> =
                covering.iter().map(|exception| (Arc::clone(&exception.identity.full_name), exception.controls.as_slice())).collect();
            let verdict = security.judge(&rule.rule.name, self.request.target(), &more);
            return Some(self.unless_existing(rule, validation, verdict));
        }
        if let Some(verdict) = excepted(covering) {
            return Some(verdict);
        }
        if let Some(cel) = validation.cel() {
            return Some(cel.judge(&rule.rule.name, self.request, self.context));
        }
        let judgement = Judgement { name: &rule.rule.name, validation, request: self.request, given };
        let verdict = judgement.judge(scope)?;
        Some(self.unless_existing(rule, validation, verdict))
    }

    /// A changed object that fails as it failed before is let be, where the rule is enforced and says so.
    fn unless_existing(&self, rule: &Rule, validation: &Validation, verdict: Verdict) -> Verdict {
        let request = self.request;
        if verdict.status != Status::Fail
            || request.operation != Operation::Update
            || request.object.is_null()
            || request.old_object.is_null()
            || !validation.allows_existing(self.plain_effect(validation))
        {
            return verdict;
        }
        let before = Request {
            operation: Operation::Create,
            object: request.old_object.clone(),
            old_object: Value::null(Span::NONE),
            ..request.clone()
        };
        let run = Run { policy: self.policy, request: &before, context: self.context, kind: self.kind.clone() };
        let failed = run.matches(rule) == Ok(true) && run.judge(rule).is_some_and(|verdict| verdict.status == Status::Fail);
        if failed {
            let message = "skipping the rule evaluation as pre-existing violations are allowed";
            return Verdict::skip(SkipReason::Other("the object failed before, too".into()), message);
        }
        verdict
    }

    /// The action without overrides, which is what counts for objects that failed before.
    fn plain_effect(&self, validation: &Validation) -> Effect {
        validation.action.plain().or_else(|| self.policy.policy.action.plain()).unwrap_or(Effect::Audit)
    }
}

/// The skip that exceptions lead to.
fn excepted(covering: &[&Exception]) -> Option<Verdict> {
    if covering.is_empty() {
        return None;
    }
    let names: Vec<&str> = covering.iter().map(|exception| &*exception.identity.full_name).collect();
    let names = names.join(", ");
    Some(Verdict::skip(SkipReason::Exception(names.as_str().into()), format!("rule is skipped due to policy exceptions {names}")))
}

impl probity_core::Policy for CompiledPolicy {
    fn rules(&self) -> &[Arc<PolicyRule>] {
        &self.rules
    }

    fn interest(&self) -> &Interest {
        &self.interest
    }

    fn evaluate(&self, phase: Phase, request: &Request, context: &PolicyContext<'_>) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        if !self.policy.rules.iter().any(|rule| rule.rule.phase == phase) || !self.in_namespace(request) {
            return outcomes;
        }
        if self.policy.match_conditions.as_ref().is_some_and(|conditions| !conditions.hold(request, context)) {
            return outcomes;
        }
        // A rule that changes the object changes it for the rules after it.
        let mut changed: Option<Request> = None;
        for rule in self.policy.rules.iter().filter(|rule| rule.rule.phase == phase) {
            let request = changed.as_ref().unwrap_or(request);
            let run = Run { policy: self, request, context, kind: top_kind(request) };
            let Some(outcome) = run.rule(rule) else { continue };
            let decided = matches!(outcome.status, Status::Pass | Status::Fail);
            if let Some(object) = &outcome.mutated {
                changed = Some(Request { object: object.clone(), ..request.clone() });
            }
            outcomes.push(outcome);
            if self.policy.one && decided {
                break;
            }
        }
        outcomes
    }
}
