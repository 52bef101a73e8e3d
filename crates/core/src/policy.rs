//! The plug point of the policy languages of Kubernetes and Conftest: compiled policies that judge, change and make objects.

use std::fmt;
use std::sync::Arc;

use probity_value::{Span, Value};

use crate::{GroupVersionKind, Lookup, Operation, Request, RuleMeta, Status, Timestamp};

/// In which part of a decision a policy speaks. The parts come in this order, each over what the one before made of the object.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Phase {
    /// It changes the object.
    Mutate,
    /// It checks signatures and attestations of images, and may write digests into the object.
    VerifyImages,
    /// It judges the object.
    Validate,
    /// It makes other objects.
    Generate,
    /// It says which objects would be cleaned up.
    Delete,
}

impl Phase {
    /// All of them, in order.
    pub const ALL: &'static [Phase] = &[Phase::Mutate, Phase::VerifyImages, Phase::Validate, Phase::Generate, Phase::Delete];
}

/// What a failure leads to where the policy is enforced.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Effect {
    /// The request is refused.
    #[default]
    Deny,
    /// The requester is told.
    Warn,
    /// It is written down.
    Audit,
    /// Nothing: it is tried out (Gatekeeper's `dryrun`).
    DryRun,
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Effect::Deny => "deny",
            Effect::Warn => "warn",
            Effect::Audit => "audit",
            Effect::DryRun => "dryrun",
        })
    }
}

/// Which requests a policy may have something to say about. Sets are index keys: too wide costs time, too narrow would be a fault.
/// `*` stands for everything; an empty list of kinds means everything too.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Interest {
    /// Group, version and kind, each exact or `*`.
    pub kinds: Vec<GroupVersionKind>,
    /// Operations; empty for all.
    pub operations: Vec<Operation>,
}

impl Interest {
    /// Whether a request is among them.
    #[must_use]
    pub fn covers(&self, kind: &GroupVersionKind, operation: Operation) -> bool {
        let fits = |wanted: &str, given: &str| wanted == "*" || wanted == given;
        (self.operations.is_empty() || self.operations.contains(&operation))
            && (self.kinds.is_empty()
                || self.kinds.iter().any(|wanted| {
                    fits(&wanted.group, &kind.group) && fits(&wanted.version, &kind.version) && fits(&wanted.kind, &kind.kind)
                }))
    }
}

/// One step into a value.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum PathStep {
    /// Into a map.
    Key(Arc<str>),
    /// Into a list, from zero.
    Index(usize),
}

/// The place a path leads to in a value: the value's own span where the path leads somewhere, else that of the nearest value around it.
#[must_use]
pub fn span_at(value: &Value, path: &[PathStep]) -> Span {
    let mut at = value.span;
    let mut current = value;
    for step in path {
        let next = match step {
            PathStep::Key(key) => current.get(key),
            PathStep::Index(index) => current.as_list().and_then(|items| items.get(*index)),
        };
        let Some(next) = next else { break };
        current = next;
        at = current.span.or(at);
    }
    at
}

/// Why a policy did not judge or did not speak; part of an [`Outcome`] with [`Status::Skip`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SkipReason {
    /// Preconditions or match conditions do not hold.
    Precondition,
    /// A policy exception covers it; its name.
    Exception(Arc<str>),
    /// A conditional anchor does not fit.
    Anchor,
    /// Anything else, in words.
    Other(Arc<str>),
}

/// What one rule of one policy says of one request. A rule that does not match gives none.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The rule: its name within the policy, severity and controls.
    pub rule: Arc<PolicyRule>,
    /// The judgement. Of a mutation or generation: pass where it was made.
    pub status: Status,
    /// For a person: the policy's own message, or what went wrong.
    pub message: String,
    /// What a failure leads to.
    pub effect: Effect,
    /// Where in the object it lies, as far as the language tells.
    pub path: Vec<PathStep>,
    /// The most exact place to point at; [`Span::NONE`] where nothing better than the object is known.
    pub at: Span,
    /// Why it was skipped.
    pub skipped: Option<SkipReason>,
    /// The object as the rule changed it.
    pub mutated: Option<Value>,
    /// Other objects the rule changes (mutate existing): as they will be.
    pub targets: Vec<Value>,
    /// Objects the rule makes.
    pub generated: Vec<Value>,
    /// Annotations for the audit log.
    pub audit_annotations: Vec<(Arc<str>, String)>,
    /// Warnings for the requester besides the message.
    pub warnings: Vec<String>,
    /// Values the policy language gives with a failure (Rego's `details`, Conftest's metadata); null where there are none.
    pub details: Value,
    /// What it took, in units of the language (CEL cost, Rego steps).
    pub cost: u64,
}

impl Outcome {
    /// An outcome of a status, with a message and nothing else.
    #[must_use]
    pub fn new(rule: &Arc<PolicyRule>, status: Status, message: impl Into<String>) -> Outcome {
        Outcome {
            rule: Arc::clone(rule),
            status,
            message: message.into(),
            effect: rule.effect,
            path: Vec::new(),
            at: Span::NONE,
            skipped: None,
            mutated: None,
            targets: Vec::new(),
            generated: Vec::new(),
            audit_annotations: Vec::new(),
            warnings: Vec::new(),
            details: Value::null(Span::NONE),
            cost: 0,
        }
    }
}

/// One rule of a policy.
#[derive(Clone, PartialEq, Debug)]
pub struct PolicyRule {
    /// The policy it belongs to: `require-labels`, with a namespace before it where the policy has one (`team-a/require-labels`).
    pub policy: Arc<str>,
    /// Kind of the policy document: `ClusterPolicy`, `ValidatingAdmissionPolicy`, `K8sRequiredLabels`, `rego`.
    pub policy_kind: Arc<str>,
    /// Its name within the policy; the policy's name where a policy is one rule.
    pub name: Arc<str>,
    /// In which part of a decision it speaks.
    pub phase: Phase,
    /// What a failure leads to, before bindings and overrides.
    pub effect: Effect,
    /// Id, severity, controls, title and so on, read from the policy's annotations. The id is `policy/rule`, or the policy's name where it is
    /// one rule, and the same in every run.
    pub meta: Arc<RuleMeta>,
    /// Where the rule stands in its policy file.
    pub at: Span,
}

/// Bounds of one evaluation of one rule. What goes over ends in [`Status::Error`], never a pass.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Steps of an interpreter.
    pub steps: u64,
    /// Cost of one CEL expression, in units of the API server (its own limit is 10 million a call, 100 million a policy).
    pub cel_cost: u64,
    /// Bytes an evaluation may make.
    pub bytes: u64,
    /// How deep calls and values may nest.
    pub depth: u32,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { steps: 10_000_000, cel_cost: 10_000_000, bytes: 256 << 20, depth: 256 }
    }
}

/// Other objects that policies may look at (Gatekeeper's `data.inventory`), and data for Rego.
#[derive(Clone, Debug, Default)]
pub struct Inventory {
    /// Objects of the cluster, as far as they are given.
    pub objects: Vec<Value>,
    /// Documents under `data`, merged in order.
    pub data: Vec<Value>,
}

/// What an evaluation may use besides its request.
#[derive(Clone, Copy)]
pub struct PolicyContext<'a> {
    /// Who answers questions.
    pub lookup: &'a dyn Lookup,
    /// Other objects. Programs may keep what they compute of it, by the address of this `Arc`.
    pub inventory: &'a Arc<Inventory>,
    /// Bounds.
    pub limits: Limits,
    /// The time of the decision: what `now()` says in every language.
    pub now: Timestamp,
    /// True once the time for this evaluation has run out; asked now and then by the interpreters.
    pub interrupted: &'a (dyn Fn() -> bool + Sync),
}

impl fmt::Debug for PolicyContext<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PolicyContext").field("limits", &self.limits).field("now", &self.now).finish_non_exhaustive()
    }
}

/// One compiled policy: shareable, and pure. The same request, inventory, answers and time give the same outcomes.
pub trait Policy: Send + Sync {
    /// Its rules, in their order, those that were made for pod controllers too.
    fn rules(&self) -> &[Arc<PolicyRule>];

    /// Which requests it may have something to say about.
    fn interest(&self) -> &Interest;

    /// What its rules of one phase say of a request. Rules that do not match say nothing; one that fails to evaluate gives an error or
    /// what its failure policy says, never a silent pass.
    fn evaluate(&self, phase: Phase, request: &Request, context: &PolicyContext<'_>) -> Vec<Outcome>;
}

/// A document a policy may be made of: a Kubernetes object of a policy kind, or a Rego module.
#[derive(Clone, Debug)]
pub struct PolicyDocument {
    /// The file, as the user knows it.
    pub file: Arc<str>,
    /// The object; for a Rego module its text as a string value with the span of the whole file.
    pub value: Value,
}
