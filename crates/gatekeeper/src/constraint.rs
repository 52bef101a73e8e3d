//! Constraints: a template with parameters, about some objects. Each one is a policy with one rule.

use std::sync::Arc;

use probity_core::{Effect, GroupVersionKind, Interest, Outcome, Phase, Policy, PolicyContext, PolicyRule, Request, SkipReason, Status};
use probity_value::{Map, Span, Value};

use crate::action::{self, EnforcementPoint};
use crate::expansion::{self, Expanded};
use crate::inventory::Prepared;
use crate::judge::{Judgement, Means};
use crate::matching::{self, Candidate, Match, Undecided};
use crate::meta;
use crate::read::{self, Fault};
use crate::review::Review;
use crate::schema::{self, Path};
use crate::set::Shared;
use crate::template::{Code, Template};

const CODE: &str = "gatekeeper-constraint";

/// The group of constraints.
pub(crate) const GROUP: &str = "constraints.gatekeeper.sh";

/// A constraint, compiled.
#[derive(Debug)]
pub struct Constraint {
    template: Arc<Template>,
    /// With the defaults of its schema.
    value: Value,
    parameters: Value,
    criteria: Option<Match>,
    rules: [Arc<PolicyRule>; 1],
    interest: Interest,
    /// What violations lead to; nothing where the constraint is not enforced at this point.
    effect: Option<Effect>,
    shared: Arc<Shared>,
}

/// Why a constraint is refused.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub(crate) faults: Vec<Fault>,
    /// Whether its parameters or another part do not fit the schema (`invalid: true` in suites asks for that).
    pub(crate) schema: bool,
}

impl Refusal {
    fn one(fault: Fault) -> Refusal {
        Refusal { faults: vec![fault], schema: false }
    }
}

/// What a constraint says of one review.
#[derive(Clone, Debug)]
pub(crate) enum Found {
    /// It is not about it.
    NotMatched,
    /// Whether it is about it cannot be said; Gatekeeper refuses the request.
    Rejected(String),
    /// That cannot be known.
    Unknown(String),
    /// Its code judged.
    Judged(Judgement),
}

/// A constraint read and checked, not yet bound to the others.
#[derive(Debug)]
pub(crate) struct Checked {
    template: Arc<Template>,
    value: Value,
    criteria: Option<Match>,
    effect: Option<Effect>,
    at: Span,
}

impl Checked {
    /// Reads a constraint of a template.
    pub(crate) fn read(
        value: &Value,
        template: &Arc<Template>,
        point: EnforcementPoint,
        warnings: &mut Vec<Fault>,
    ) -> Result<Checked, Refusal> {
        let name = read::name_of(value);
        let name_at = read::at_path(value, &["metadata", "name"]).map_or(value.span, |name| name.span);
        let fault = |at: Span, message: String| Refusal::one(Fault::new(CODE, at, message));
        if name.is_empty() {
            return Err(fault(name_at, "the constraint has no name".into()));
        }
        let kind = read::kind_of(value);
        let at_of = |key: &str| value.get(key).map_or(value.span, |part| part.span);
        let criteria = read_criteria(value, warnings).map_err(Refusal::one)?;
        if !matching::is_subdomain(name) {
            return Err(fault(name_at, format!("`{name}` is no name an object can have: lower case letters, digits, `-` and `.`")));
        }
        if *kind != *template.kind {
            return Err(fault(at_of("kind"), format!("the kind `{kind}` is written `{}` by its template", template.kind)));
        }
        let version = read::version_of(value);
        if !matches!(version, "v1alpha1" | "v1beta1") {
            return Err(fault(at_of("apiVersion"), format!("the version `{version}` of constraints is none of `v1alpha1`, `v1beta1`")));
        }
        check_schema(value, template)?;
        let value = schema::with_defaults(value, &template.schema);
        let spec = value.get("spec");
        let spec_map = spec.and_then(Value::as_map);
        let effect = action::at_point(spec_map, spec.map_or(value.span, |spec| spec.span), point, warnings).map_err(Refusal::one)?;
        Ok(Checked { template: Arc::clone(template), criteria, effect, at: value.span, value })
    }

    /// Its kind and name.
    pub(crate) fn key(&self) -> (Arc<str>, Arc<str>) {
        (Arc::clone(&self.template.kind), read::name_of(&self.value).into())
    }

    /// The policy.
    pub(crate) fn bind(self, shared: &Arc<Shared>) -> Constraint {
        let interest = interest(self.criteria.as_ref(), &self.template, shared);
        let effect = self.effect.unwrap_or(Effect::DryRun);
        let parameters = read::at_path(&self.value, &["spec", "parameters"]).filter(|parameters| !parameters.is_null()).cloned();
        let name: Arc<str> = read::name_of(&self.value).into();
        let kind = Arc::clone(&self.template.kind);
        let rule = PolicyRule {
            policy: Arc::clone(&name),
            policy_kind: Arc::clone(&kind),
            name: Arc::clone(&name),
            phase: Phase::Validate,
            effect,
            meta: Arc::new(meta::of(&kind, &name, &self.value, &self.template, self.effect, &interest)),
            at: self.at,
        };
        Constraint {
            parameters: parameters.unwrap_or_else(|| Value::map(Map::new(), Span::NONE)),
            template: self.template,
            value: self.value,
            criteria: self.criteria,
            rules: [Arc::new(rule)],
            interest,
            effect: self.effect,
            shared: Arc::clone(shared),
        }
    }
}

fn read_criteria(value: &Value, warnings: &mut Vec<Fault>) -> Result<Option<Match>, Fault> {
    let Some(spec) = value.get("spec") else { return Ok(None) };
    let spec = read::map(spec, "spec", CODE)?;
    match spec.get("match").filter(|criteria| !criteria.is_null()) {
        None => Ok(None),
        Some(criteria) => {
            // What the schema says of the criteria is said by the schema.
            if !schema::violations(criteria, &matching::schema(), &Path::ROOT).is_empty() {
                return Ok(None);
            }
            Match::read(criteria, warnings).map(Some)
        }
    }
}

/// The constraint against the schema of its template.
fn check_schema(value: &Value, template: &Template) -> Result<(), Refusal> {
    let violations = schema::violations(value, &template.schema, &Path::ROOT);
    if !violations.is_empty() {
        let fault = |found: &schema::Violation| Fault::new("gatekeeper-constraint-schema", found.at.or(value.span), found.message.clone());
        return Err(Refusal { faults: violations.iter().map(fault).collect(), schema: true });
    }
    let unknown = schema::unknown_fields(value, Some(&template.schema), &Path::ROOT);
    if unknown.is_empty() {
        return Ok(());
    }
    let schema_less = template.schema.property("spec").is_none_or(|spec| spec.property("parameters").is_none());
    let fault = |found: &schema::Unknown| {
        let mut fault = Fault::new(CODE, found.at, format!("the template does not know the field `{}`", found.path));
        if schema_less && found.path == "spec.parameters" {
            fault = fault
                .hint("the template has no schema (`spec.crd.spec.validation.openAPIV3Schema`), so its constraints take no parameters");
        }
        fault
    };
    Err(Refusal { faults: unknown.iter().map(fault).collect(), schema: false })
}

/// What requests a constraint is asked about: those its criteria name, and those whose objects make such objects.
fn interest(criteria: Option<&Match>, template: &Template, shared: &Shared) -> Interest {
    let any: Arc<str> = "*".into();
    let mut kinds = Vec::new();
    for entry in criteria.into_iter().flat_map(|criteria| &criteria.kinds) {
        let words = |list: &[Arc<str>]| if list.is_empty() { vec![Arc::clone(&any)] } else { list.to_vec() };
        for group in words(&entry.groups) {
            for kind in words(&entry.kinds) {
                kinds.push(GroupVersionKind { group: Arc::clone(&group), version: Arc::clone(&any), kind });
            }
        }
    }
    if !kinds.is_empty() {
        let direct = Interest { kinds: kinds.clone(), operations: Vec::new() };
        kinds.extend(shared.expansion.sources_of(&|kind| direct.covers(kind, probity_core::Operation::Create)));
    }
    let operations = if shared.point == EnforcementPoint::Webhook { template.operations.clone() } else { Vec::new() };
    Interest { kinds, operations }
}

impl Constraint {
    /// Its rule.
    #[must_use]
    pub fn rule(&self) -> &Arc<PolicyRule> {
        let [rule] = &self.rules;
        rule
    }

    /// The constraint with the defaults of its schema.
    #[must_use]
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// Whether it is enforced where it is evaluated.
    #[must_use]
    pub fn is_enforced(&self) -> bool {
        self.effect.is_some()
    }

    /// What it says of a review. Namespaces of the inventory are known.
    pub(crate) fn judge(&self, review: &Review<'_>, prepared: &Arc<Prepared>, context: &PolicyContext<'_>) -> Found {
        match self.matches(review, prepared) {
            Ok(false) => return Found::NotMatched,
            Ok(true) => {}
            Err(Undecided::Error(why)) => return Found::Rejected(why),
            Err(Undecided::Unknown(why)) => return Found::Unknown(why.to_string()),
        }
        let means = Means { context, prepared };
        let mut judgement = match &self.template.code {
            Code::Rego(code) => code.judge(review, &self.parameters, &means),
            Code::Cel(code) => code.judge(review, &self.value, &means),
        };
        match judgement.unknown.take() {
            Some(why) if judgement.violations.is_empty() && judgement.errors.is_empty() => Found::Unknown(why),
            _ => Found::Judged(judgement),
        }
    }

    fn matches(&self, review: &Review<'_>, prepared: &Prepared) -> Result<bool, Undecided> {
        let Some(criteria) = &self.criteria else { return Ok(true) };
        let namespace = review.namespace_object.as_ref().or_else(|| prepared.namespaces.get(&*review.namespace));
        let mut unknown = None;
        for object in review.candidates() {
            match criteria.covers(&Candidate { object, namespace, origin: review.origin }) {
                Ok(true) => return Ok(true),
                Ok(false) => {}
                Err(undecided @ Undecided::Unknown(_)) => unknown = Some(undecided),
                Err(error) => return Err(error),
            }
        }
        unknown.map_or(Ok(false), Err)
    }

    /// Outcomes of a review, messages with a prefix.
    fn outcomes(&self, found: Found, prefix: &str, effect: Effect, out: &mut Vec<Outcome>) {
        let say = |status: Status, message: &str| {
            let mut outcome = Outcome::new(self.rule(), status, format!("{prefix}{message}"));
            outcome.effect = effect;
            outcome
        };
        let judgement = match found {
            Found::NotMatched => return,
            Found::Rejected(why) => return out.push(say(Status::Error, &why)),
            Found::Unknown(why) => return out.push(say(Status::Unknown, &why)),
            Found::Judged(judgement) => judgement,
        };
        let (before, cost) = (out.len(), judgement.cost);
        for violation in judgement.violations {
            out.push(Outcome { details: violation.details, at: violation.at, cost, ..say(Status::Fail, &violation.message) });
        }
        for (message, at) in judgement.errors.into_iter().chain(judgement.mute) {
            out.push(Outcome { at, cost, ..say(Status::Error, &message) });
        }
        if out.len() == before {
            let ignored = judgement.ignored.into_iter().next();
            out.push(match (judgement.skipped, ignored) {
                (Some(why), _) => Outcome { skipped: Some(SkipReason::Precondition), cost, ..say(Status::Skip, &why) },
                (None, Some(why)) => {
                    let reason = SkipReason::Other(format!("the failure policy ignores an error: {why}").into());
                    Outcome { skipped: Some(reason), cost, ..say(Status::Skip, &why) }
                }
                (None, None) => Outcome { cost, ..say(Status::Pass, "") },
            });
        }
    }

    /// What it says of the objects that the object of a request will make.
    fn expanded(&self, request: &Request, prepared: &Arc<Prepared>, context: &PolicyContext<'_>, out: &mut Vec<Outcome>) {
        let own = self.effect.unwrap_or(Effect::DryRun);
        let made = match self.shared.expand(request, context) {
            Ok(made) => made,
            Err(why) => {
                let mut outcome = Outcome::new(self.rule(), Status::Error, format!("the object cannot be expanded: {why}"));
                outcome.effect = own;
                out.push(outcome);
                return;
            }
        };
        for Expanded { template, object, effect } in made {
            let request = expansion::request_for(request, &object);
            let prefix = format!("[Implied by {template}] ");
            match Review::of(&request) {
                Ok(review) => self.outcomes(self.judge(&review, prepared, context), &prefix, effect.unwrap_or(own), out),
                Err(why) => self.outcomes(Found::Rejected(why), &prefix, effect.unwrap_or(own), out),
            }
        }
    }
}

impl Policy for Constraint {
    fn rules(&self) -> &[Arc<PolicyRule>] {
        &self.rules
    }

    fn interest(&self) -> &Interest {
        &self.interest
    }

    fn evaluate(&self, phase: Phase, request: &Request, context: &PolicyContext<'_>) -> Vec<Outcome> {
        let mut out = Vec::new();
        let Some(effect) = self.effect else { return out };
        if phase != Phase::Validate || self.shared.excludes(request) {
            return out;
        }
        let prepared = self.shared.inventory.prepared(context.inventory);
        match Review::of(request) {
            Ok(review) => self.outcomes(self.judge(&review, &prepared, context), "", effect, &mut out),
            Err(why) => self.outcomes(Found::Rejected(why), "", effect, &mut out),
        }
        if self.shared.expansion.covers(&request.kind) && !request.object.is_null() && !request.generated {
            self.expanded(request, &prepared, context, &mut out);
        }
        out
    }
}
