//! The policy kinds of Kyverno that are written in CEL (`policies.kyverno.io`): validating, mutating, generating, deleting and image
//! validating policies, those of one namespace among them, with their exceptions and the variants made for pod controllers.

mod autogen;
mod deleting;
mod exception;
mod generating;
mod image;
mod mutating;
mod template;
mod validating;

use std::sync::Arc;

use probity_cel::admission::{Composition, Conditions, Declarations, Scope, declare};
use probity_cel::{Budget, CelError, Context, Environment, ErrorKind, Type, Value as CelValue};
use probity_core::{
    Diagnostic, Effect, Interest, Level, Outcome, Phase, Policy, PolicyContext, PolicyDocument, PolicyRule, Request, SkipReason, Status,
};
use probity_kubernetes::match_resources::MatchResources;
use probity_kubernetes::meta::{Described, describe};
use probity_kubernetes::read::Reader;
use probity_value::{Map, Span, Value};

use exception::{Exception, Exempt};

/// The code of what is said of these policies.
const CODE: &str = "kyverno-policy";
/// Cost of all expressions of a policy together, in units of the cost of one.
const CALLS: u64 = 10;

/// The kinds, those of one namespace without their prefix.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Validating,
    Mutating,
    Generating,
    Deleting,
    Image,
}

fn kind_of(word: &str) -> Option<Kind> {
    Some(match word.strip_prefix("Namespaced").unwrap_or(word) {
        "ValidatingPolicy" => Kind::Validating,
        "MutatingPolicy" => Kind::Mutating,
        "GeneratingPolicy" => Kind::Generating,
        "DeletingPolicy" => Kind::Deleting,
        "ImageValidatingPolicy" => Kind::Image,
        _ => return None,
    })
}

fn text<'a>(object: &'a Value, key: &str) -> &'a str {
    object.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// Whether an object is of one of these kinds or an exception from one.
pub(crate) fn is_policy(object: &Value) -> bool {
    text(object, "apiVersion").starts_with("policies.kyverno.io/")
        && (kind_of(text(object, "kind")).is_some() || text(object, "kind") == "PolicyException")
}

/// Compiles policies of these kinds together with their exceptions.
pub(crate) fn compile(documents: &[PolicyDocument]) -> (Vec<Arc<dyn Policy>>, Vec<Diagnostic>) {
    let mut said = Vec::new();
    let exceptions: Vec<Arc<Exception>> = documents
        .iter()
        .filter(|document| is_policy(&document.value) && text(&document.value, "kind") == "PolicyException")
        .filter_map(|document| {
            let mut reader = Reader::new(&document.file, CODE);
            let read = Exception::read(&document.value, &mut reader);
            said.extend(reader.said);
            read.map(Arc::new)
        })
        .collect();
    let mut policies: Vec<Arc<dyn Policy>> = Vec::new();
    for document in documents.iter().filter(|document| is_policy(&document.value)) {
        let Some(kind) = kind_of(text(&document.value, "kind")) else { continue };
        let mut reader = Reader::new(&document.file, CODE);
        let policy = Head::read(&document.value, &exceptions, &mut reader).and_then(|head| match kind {
            Kind::Validating => validating::read(head, &mut reader),
            Kind::Mutating => mutating::read(head, &mut reader),
            Kind::Generating => generating::read(head, &mut reader),
            Kind::Deleting => deleting::read(head, &mut reader),
            Kind::Image => image::read(head, &mut reader),
        });
        if !reader.failed() {
            policies.extend(policy);
        }
        said.extend(reader.said);
    }
    (policies, said)
}

/// What all kinds have in common.
struct Head {
    /// The whole object.
    object: Value,
    spec: Value,
    /// `name`, or `namespace/name`.
    name: Arc<str>,
    kind: Arc<str>,
    /// The namespace a policy of one namespace counts in.
    namespace: Option<Arc<str>>,
    exceptions: Vec<Arc<Exception>>,
}

impl Head {
    fn read(object: &Value, exceptions: &[Arc<Exception>], reader: &mut Reader<'_>) -> Option<Head> {
        let metadata = object.get("metadata");
        let field = |key: &str| metadata.and_then(|metadata| metadata.get(key)).and_then(Value::as_str).filter(|text| !text.is_empty());
        let Some(name) = field("name") else {
            reader.wrong(object.span, "`metadata.name` is missing");
            return None;
        };
        let kind = text(object, "kind");
        let namespace = kind.starts_with("Namespaced").then(|| Arc::from(field("namespace").unwrap_or("default")));
        let Some(spec) = object.get("spec").filter(|spec| spec.as_map().is_some()) else {
            reader.wrong(object.span, "`spec` is missing");
            return None;
        };
        let exceptions = exceptions.iter().filter(|exception| exception.names(name, kind)).cloned().collect();
        let full = namespace.as_ref().map_or_else(|| Arc::from(name), |namespace| Arc::from(format!("{namespace}/{name}")));
        Some(Head { object: object.clone(), spec: spec.clone(), name: full, kind: kind.into(), namespace, exceptions })
    }

    /// The one rule of the policy.
    fn rule(&self, phase: Phase, effect: Effect, constraints: Option<&MatchResources>, message: &str) -> Arc<PolicyRule> {
        let mut kinds: Vec<Arc<str>> =
            constraints.map(|one| one.built_in_kinds().into_iter().map(|kind| kind.kind).collect()).unwrap_or_default();
        kinds.dedup();
        let of = Described { engine: "kyverno", id: &self.name, effect, applies_to: &kinds, message };
        Arc::new(PolicyRule {
            policy: Arc::clone(&self.name),
            policy_kind: Arc::clone(&self.kind),
            name: Arc::clone(&self.name),
            phase,
            effect,
            meta: Arc::new(describe(&self.object, &of)),
            at: self.object.span,
        })
    }

    /// Whether a request is in the namespace the policy counts in.
    fn counts_for(namespace: Option<&Arc<str>>, request: &Request) -> bool {
        namespace.is_none_or(|namespace| *namespace == request.namespace)
    }
}

/// `validationActions`: what a failure leads to.
fn actions(spec: &Map, reader: &mut Reader<'_>) -> Effect {
    let mut out = Vec::new();
    for action in reader.list(spec, "validationActions") {
        match action.as_str() {
            Some("Deny") => out.push(Effect::Deny),
            Some("Warn") => out.push(Effect::Warn),
            Some("Audit") => out.push(Effect::Audit),
            _ => reader.wrong(action.span, "a validation action is one of `Deny`, `Warn` and `Audit`"),
        }
    }
    [Effect::Deny, Effect::Warn].into_iter().find(|effect| out.is_empty() || out.contains(effect)).unwrap_or(Effect::Audit)
}

/// `failurePolicy`, which counts for webhooks alone.
fn failure_policy(spec: &Map, reader: &mut Reader<'_>) {
    if let Some((policy, at)) = reader.text(spec, "failurePolicy")
        && !matches!(&*policy, "Fail" | "Ignore")
    {
        reader.wrong(at, format!("`{policy}` is none of `Fail` and `Ignore`"));
    }
}

/// `matchConstraints`, which have to name resources.
fn constraints(spec: &Map, key: &str, at: Span, reader: &mut Reader<'_>) -> Option<MatchResources> {
    let Some(value) = spec.get(key).filter(|value| !value.is_null()) else {
        reader.wrong(at, format!("`{key}` is missing"));
        return None;
    };
    match MatchResources::read(value) {
        Ok(read) => {
            if read.rules().is_empty() {
                reader.wrong(value.span, format!("`{key}.resourceRules` is missing"));
            }
            Some(read)
        }
        Err(wrong) => {
            wrong.into_iter().for_each(|one| reader.wrong(one.at, one.message));
            None
        }
    }
}

/// Kyverno's environment with the variables of admission. `mixed` lets lists and maps have items of several types, as policies do that make
/// whole objects.
fn environment(patches: bool, mixed: bool) -> Environment {
    let base = Environment::kyverno().homogeneous_literals(!mixed);
    declare(base, &Declarations { patches, ..Declarations::default() })
        .variable("exceptions", Type::map(Type::String, Type::list(Type::String)))
}

/// What the exceptions make of a request.
enum Excepted {
    /// It is judged, with what partial exceptions allow.
    Judged(Exempt),
    /// It is let off.
    Off(Outcome),
    /// An exception cannot be evaluated.
    Failed(Outcome),
}

/// Asks the exceptions of a policy.
fn except(
    exceptions: &[(Arc<Exception>, Conditions)],
    rule: &Arc<PolicyRule>,
    scope: &Scope<'_>,
    budget: &mut Budget,
    context: &Context<'_>,
) -> Excepted {
    let mut allowed = Exempt::default();
    let mut found: Vec<&Arc<Exception>> = Vec::new();
    let mut full = false;
    for (exception, conditions) in exceptions.iter().filter(|(exception, _)| exception.counts_at(context.now)) {
        match conditions.hold(scope, budget, context) {
            Ok(None) => {
                found.push(exception);
                if exception.is_full() {
                    full = true;
                } else if !full {
                    allowed.add(exception);
                }
            }
            Ok(Some(_)) => {}
            // One that was granted stays granted.
            Err(_) if full => {}
            Err((error, at)) => return Excepted::Failed(stopped(rule, &error, at)),
        }
    }
    if !full {
        return Excepted::Judged(allowed);
    }
    let names: Vec<&str> = found.iter().map(|exception| &*exception.name).collect();
    let first = found.iter().max_by_key(|exception| exception.priority).map_or("", |exception| &*exception.name);
    let passes = found.iter().find(|exception| &*exception.name == first).is_some_and(|exception| exception.reports_pass);
    let (status, word) = if passes { (Status::Pass, "passed") } else { (Status::Skip, "skipped") };
    let mut outcome = Outcome::new(rule, status, format!("rule is {word} due to policy exception: {}", names.join(", ")));
    outcome.skipped = Some(SkipReason::Exception(first.into()));
    Excepted::Off(outcome)
}

/// The outcome of an expression that has no value: unknown where it cannot be known, else an error.
fn stopped(rule: &Arc<PolicyRule>, error: &CelError, at: Span) -> Outcome {
    let (status, message) = match error.kind() {
        ErrorKind::Unknown(unknown) => (Status::Unknown, unknown.reason.to_string()),
        _ => (Status::Error, error.to_string()),
    };
    let mut outcome = Outcome::new(rule, status, message);
    if status == Status::Error {
        outcome.at = at;
    }
    outcome
}

/// A skip because match conditions do not hold.
fn not_matched(rule: &Arc<PolicyRule>, condition: &str) -> Outcome {
    let mut outcome = Outcome::new(rule, Status::Skip, format!("the match condition `{condition}` does not hold"));
    outcome.skipped = Some(SkipReason::Precondition);
    outcome
}

/// Audit annotations: text that is not empty, by key.
fn audit_annotations(
    annotations: &[(Arc<str>, probity_cel::admission::Part)],
    scope: &Scope<'_>,
    budget: &mut Budget,
    context: &Context<'_>,
) -> Result<Vec<(Arc<str>, String)>, (CelError, Span)> {
    let mut out = Vec::new();
    for (key, part) in annotations {
        match scope.evaluate(&part.program, budget, context) {
            Ok(CelValue::String(text)) if !text.is_empty() => out.push((Arc::clone(key), text.to_string())),
            Ok(_) => {}
            Err(error) => return Err((error, part.at)),
        }
    }
    Ok(out)
}

fn read_audit_annotations(spec: &Map, composition: &Composition, reader: &mut Reader<'_>) -> Vec<(Arc<str>, probity_cel::admission::Part)> {
    let mut out = Vec::new();
    for item in reader.list(spec, "auditAnnotations") {
        let outputs = [Type::String, Type::Null];
        if let Some((part, map)) =
            probity_cel::admission::item_part(item, "valueExpression", &["key", "valueExpression"], &outputs, composition, reader)
            && let Some((key, _)) = reader.needed(map, "key", item.span)
        {
            out.push((key, part));
        }
    }
    out
}

/// Compiles the conditions of all exceptions of a policy.
fn compile_exceptions(head: &Head, composition: &Composition, reader: &mut Reader<'_>) -> Vec<(Arc<Exception>, Conditions)> {
    head.exceptions
        .iter()
        .map(|exception| {
            let conditions = exception.conditions(composition, reader);
            (Arc::clone(exception), conditions)
        })
        .collect()
}

/// The budget of a policy's evaluation.
fn budget(context: &PolicyContext<'_>) -> Budget {
    Budget::new(context.limits.cel_cost.saturating_mul(CALLS))
}

/// The union of what several variants of a policy are about.
fn interest_of<'a>(constraints: impl Iterator<Item = &'a MatchResources>) -> Interest {
    let mut out = Interest::default();
    let mut all_operations = false;
    for one in constraints {
        let interest = one.interest();
        if interest.kinds.is_empty() {
            return Interest::default();
        }
        out.kinds.extend(interest.kinds);
        all_operations |= interest.operations.is_empty();
        out.operations.extend(interest.operations);
    }
    out.kinds.sort();
    out.kinds.dedup();
    out.operations.sort_unstable();
    out.operations.dedup();
    if all_operations {
        out.operations.clear();
    }
    out
}

/// Says of a variant for pod controllers what is wrong with it, at the policy's own place.
fn variant_failed(reader: &mut Reader<'_>, of: &Reader<'_>, variant: &str, at: Span) {
    for one in of.said.iter().filter(|one| one.level == Level::Error) {
        reader.wrong(at, format!("the variant for pod controllers ({variant}) is not valid: {}", one.message));
    }
}
