//! From policies and an image to what has to be verified, and from what came of it to a decision.
//!
//! A [`Planner`] takes policies of all kinds and gathers their demands, each once. The edge verifies them, once for a digest. [`Plan::judge`]
//! is pure: the same answers give the same outcome.

use std::fmt;
use std::sync::Arc;

use probity_core::Timestamp;
use probity_value::{Span, Value};

use crate::cip::{Mode, NoMatch};
use crate::demand::{Answer, Demand, Supply};
use crate::image::ImageName;

/// Most demands of one plan.
const MOST: usize = 1000;

/// Why an image is judged now.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Occasion {
    /// A digest that does not run yet.
    #[default]
    NewDigest,
    /// A digest that runs already is started again: what has only grown old since is no reason to stop it.
    SameDigest,
}

/// What the edge knows beside the answers.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The time.
    pub now: Timestamp,
    /// Why the image is judged.
    pub occasion: Occasion,
    /// The configuration of the image by platform (`linux/amd64`), where [`Plan::wants_config`] says so.
    pub config: Option<serde_json::Value>,
}

/// What becomes of an image.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Decision {
    /// It is admitted.
    Admit,
    /// It is admitted, and the requester is told why it should not be.
    Warn,
    /// It is refused.
    Deny,
}

/// What a policy says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// It is satisfied.
    Pass,
    /// It is not.
    Fail,
    /// It could not be told. It counts as a failure.
    Undecided,
}

/// A reason, and where in the policy.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reason {
    /// For people.
    pub text: String,
    /// The part of the policy.
    pub span: Span,
}

/// What one policy says of the image.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PolicyOutcome {
    /// Its name.
    pub policy: Arc<str>,
    /// What it says.
    pub verdict: Verdict,
    /// What a failure leads to.
    pub mode: Mode,
    /// Why it is not satisfied.
    pub reasons: Vec<Reason>,
    /// What deserves a look although it is satisfied: what has grown old, what a policy asks for and nobody says.
    pub notes: Vec<Reason>,
    /// The authorities that vouched for the image.
    pub matched: Vec<Arc<str>>,
}

/// What all of them say.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outcome {
    /// What becomes of the image.
    pub decision: Decision,
    /// What each policy says, in the order in which they were planned.
    pub policies: Vec<PolicyOutcome>,
    /// Whether no policy is about the image.
    pub unmatched: bool,
}

/// A policy about this image, ready to be judged.
pub(crate) trait Rule: Send + Sync {
    fn judge(&self, image: &ImageName, answers: &[Answer], facts: &Facts) -> PolicyOutcome;
}

/// Gathers what policies demand of an image.
pub struct Planner<'a> {
    pub(crate) image: ImageName,
    pub(crate) object: Option<&'a Value>,
    pub(crate) supply: &'a dyn Supply,
    pub(crate) demands: Vec<Demand>,
    pub(crate) wants_config: bool,
    pub(crate) rules: Vec<Box<dyn Rule>>,
    keys: Vec<probity_core::Digest>,
}

impl fmt::Debug for Planner<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Planner").field("image", &self.image).field("demands", &self.demands).finish_non_exhaustive()
    }
}

/// An image that cannot be planned for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// It is named by a tag, which can be moved after it was judged.
    #[error("`{0}` is not named by its digest; what a tag names can change after it was judged")]
    NoDigest(String),
}

impl<'a> Planner<'a> {
    /// Begins a plan for an image, which an object of the cluster names (its whole YAML, where there is one).
    ///
    /// # Errors
    /// The image is not named by its digest.
    pub fn new(image: &ImageName, object: Option<&'a Value>, supply: &'a dyn Supply) -> Result<Planner<'a>, PlanError> {
        if image.digest().is_none() {
            return Err(PlanError::NoDigest(image.to_string()));
        }
        Ok(Planner { image: image.clone(), object, supply, demands: Vec::new(), wants_config: false, rules: Vec::new(), keys: Vec::new() })
    }

    /// The number of a demand. The same one asked for twice is one.
    pub(crate) fn demand(&mut self, demand: Demand) -> Result<usize, String> {
        let key = demand.key();
        if let Some(known) = self.keys.iter().position(|one| *one == key) {
            return Ok(known);
        }
        if self.demands.len() >= MOST {
            return Err(format!("the policies demand more than {MOST} verifications of one image"));
        }
        self.demands.push(demand);
        self.keys.push(key);
        Ok(self.demands.len() - 1)
    }

    /// The plan. `no_match` says what becomes of the image where no policy is about it.
    #[must_use]
    pub fn finish(self, no_match: NoMatch) -> Plan {
        Plan { image: self.image, demands: self.demands, wants_config: self.wants_config, rules: self.rules, no_match }
    }
}

/// What has to be verified of an image, and how it is judged then.
pub struct Plan {
    image: ImageName,
    demands: Vec<Demand>,
    wants_config: bool,
    rules: Vec<Box<dyn Rule>>,
    no_match: NoMatch,
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plan").field("image", &self.image).field("demands", &self.demands).finish_non_exhaustive()
    }
}

impl Plan {
    /// The image.
    #[must_use]
    pub fn image(&self) -> &ImageName {
        &self.image
    }

    /// What has to be verified; nothing where policies decide without (`static`), so that no registry is asked.
    #[must_use]
    pub fn demands(&self) -> &[Demand] {
        &self.demands
    }

    /// Whether a policy wants the configuration of the image.
    #[must_use]
    pub fn wants_config(&self) -> bool {
        self.wants_config
    }

    /// How many policies are about the image.
    #[must_use]
    pub fn policies(&self) -> usize {
        self.rules.len()
    }

    /// Judges the image: one answer for each demand, in their order. A demand without an answer is undecided.
    ///
    /// All policies have to be satisfied. What is not decided counts as a failure.
    #[must_use]
    pub fn judge(&self, answers: &[Answer], facts: &Facts) -> Outcome {
        let policies: Vec<PolicyOutcome> = self.rules.iter().map(|rule| rule.judge(&self.image, answers, facts)).collect();
        let of = |one: &PolicyOutcome| match (one.verdict, one.mode) {
            (Verdict::Pass, _) => Decision::Admit,
            (_, Mode::Warn) => Decision::Warn,
            (_, Mode::Enforce) => Decision::Deny,
        };
        let unmatched = policies.is_empty();
        let alone = match self.no_match {
            NoMatch::Allow => Decision::Admit,
            NoMatch::Warn => Decision::Warn,
            NoMatch::Deny => Decision::Deny,
        };
        let decision = policies.iter().map(of).max().unwrap_or(alone);
        Outcome { decision, policies, unmatched }
    }
}
