//! The plug point of policy languages.

use std::collections::BTreeMap;
use std::sync::Arc;

use probity_value::{Span, Value};

use crate::{Colour, Edit, RuleMeta, Status, Subject, SubjectIndex, Timestamp, World};

/// What an evaluation may use besides its subject and the world: limits, and what the configuration says to rules.
#[derive(Clone, Debug)]
pub struct EvalContext {
    /// Steps one rule may take on one subject before it gives an `error`.
    pub max_steps: u64,
    /// Values of the parameters rules take, by name. A rule asks for one by its name; what is not here is not configured.
    pub parameters: Arc<BTreeMap<Arc<str>, Vec<Arc<str>>>>,
    /// The time of the evaluation.
    pub now: Timestamp,
}

impl Default for EvalContext {
    fn default() -> EvalContext {
        EvalContext { max_steps: 1_000_000, parameters: Arc::default(), now: Timestamp { seconds: 0, nanoseconds: 0 } }
    }
}

/// What one rule says of one subject.
#[derive(Clone, Debug)]
pub struct RuleResult {
    /// The rule.
    pub rule: Arc<RuleMeta>,
    /// The subject.
    pub subject: SubjectIndex,
    /// The judgement.
    pub status: Status,
    /// What was found here, for a person: ``` `storage_encrypted` is `false` ```; for unknown, the reason and what would resolve it.
    pub message: String,
    /// The most exact place to point at: the attribute, else the head of the subject.
    pub at: Span,
    /// The value that decided, if one did; part of the fingerprint, and its origin is shown.
    pub judged: Option<Value>,
    /// Other places that had a part in it.
    pub related: Vec<Span>,
    /// The colour a failure gives, where something else than the severity decides it: a known hole that is not yet used by anybody and
    /// has no cure may wait, one that is used may not. `None`: what the thresholds say.
    pub colour: Option<Colour>,
    /// When this was first seen, where somebody keeps that clock: from then on a patch window runs.
    pub first_met: Option<Timestamp>,
}

/// Compiled policies of one language: shareable, and pure. The same subject, world and context give the same results.
pub trait Program: Send + Sync {
    /// All rules in it.
    fn rules(&self) -> Vec<Arc<RuleMeta>>;

    /// Judges one subject with every rule that applies to it. A rule that does not apply gives no result or `not-applicable`;
    /// one that fails to evaluate gives `error`, never a pass.
    fn evaluate(&self, subject: SubjectIndex, world: &World, context: &EvalContext) -> Vec<RuleResult>;

    /// The edit that mends what a rule finds in a subject; `None` where the rule names none. Whether it does is seen by judging again.
    fn edit(&self, _rule: &str, _subject: &Subject) -> Option<Edit> {
        None
    }
}
