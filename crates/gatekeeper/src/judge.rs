//! What the code of a template says of one review, whatever its language.

use std::sync::Arc;

use probity_core::PolicyContext;
use probity_value::{Span, Value};

use crate::inventory::Prepared;

/// One violation.
#[derive(Clone, Debug)]
pub(crate) struct Violation {
    pub(crate) message: String,
    pub(crate) details: Value,
    /// The most telling place of the input.
    pub(crate) at: Span,
}

/// What an evaluation may use.
#[derive(Clone, Copy)]
pub(crate) struct Means<'a> {
    pub(crate) context: &'a PolicyContext<'a>,
    /// The inventory of the context.
    pub(crate) prepared: &'a Arc<Prepared>,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Judgement {
    pub(crate) violations: Vec<Violation>,
    /// What kept the code, or a part of it, from judging, and where in the policy. Gatekeeper refuses the request with these messages.
    pub(crate) errors: Vec<(String, Span)>,
    /// Whether an error is no answer at all: a bound of ours was met, or Gatekeeper would fail as a whole.
    pub(crate) fatal: bool,
    /// Results Gatekeeper does not see.
    pub(crate) mute: Vec<(String, Span)>,
    /// Errors that count for nothing, as the failure policy says.
    pub(crate) ignored: Vec<String>,
    /// Why it cannot be known.
    pub(crate) unknown: Option<String>,
    /// Whether conditions kept the code from judging.
    pub(crate) skipped: Option<String>,
    pub(crate) cost: u64,
}

impl Judgement {
    /// Adds a violation, unless the very same is there.
    pub(crate) fn add(&mut self, violation: Violation) {
        let same = |known: &&mut Violation| known.message == violation.message && known.details == violation.details;
        match self.violations.iter_mut().find(same) {
            Some(known) => known.at = known.at.or(violation.at),
            None => self.violations.push(violation),
        }
    }

    /// Notes an error.
    pub(crate) fn fail(&mut self, message: String, at: Span) {
        self.errors.push((message, at));
    }

    /// Notes a result without a message.
    pub(crate) fn mute(&mut self, result: &str, at: Span) {
        let shown: String = result.chars().take(200).collect();
        self.mute.push((format!("a violation without `msg` counts for nothing: `{shown}`"), at));
    }
}
