//! Policies of all languages as one set: found by what they apply to, evaluated phase by phase within bounds.

use std::collections::HashMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use probity_core::{Inventory, RuleMeta};
use probity_core::{Limits, Lookup, Outcome, Phase, Policy, PolicyContext, PolicyRule, Request, Status, Timestamp};
use probity_value::Value;

/// Measures the time of one evaluation. One real (in `cli`), fakes in tests.
pub trait Stopwatch: Send + Sync {
    /// Starts; what it gives back says whether the time has run out.
    fn start(&self) -> Box<dyn Fn() -> bool + Sync + '_>;
}

/// Never runs out.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoStopwatch;

impl Stopwatch for NoStopwatch {
    fn start(&self) -> Box<dyn Fn() -> bool + Sync + '_> {
        Box::new(|| false)
    }
}

/// What an evaluation of a whole set may use.
#[derive(Clone, Copy)]
pub struct Evaluation<'a> {
    /// Who answers questions.
    pub lookup: &'a dyn Lookup,
    /// Other objects.
    pub inventory: &'a Arc<Inventory>,
    /// Bounds of each rule.
    pub limits: Limits,
    /// The time of the decision.
    pub now: Timestamp,
    /// Bounds the time of each policy.
    pub stopwatch: &'a dyn Stopwatch,
}

impl fmt::Debug for Evaluation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Evaluation").field("limits", &self.limits).field("now", &self.now).finish_non_exhaustive()
    }
}

/// What a set of policies says of one request.
#[derive(Clone, Debug)]
pub struct Decided {
    /// What the rules say, in order of phases and policies.
    pub outcomes: Vec<Outcome>,
    /// The object after all mutations; the request's own where nothing changed it.
    pub object: Value,
    /// Whether a mutation changed it.
    pub mutated: bool,
}

impl Decided {
    /// Objects that policies make.
    pub fn generated(&self) -> impl Iterator<Item = &Value> {
        self.outcomes.iter().flat_map(|outcome| &outcome.generated)
    }

    /// Other objects that policies change, as they will be.
    pub fn targets(&self) -> impl Iterator<Item = &Value> {
        self.outcomes.iter().flat_map(|outcome| &outcome.targets)
    }
}

/// Compiled policies of all languages, indexed by kind. Shareable; evaluating changes nothing in it.
#[derive(Clone, Default)]
pub struct PolicySet {
    policies: Vec<Arc<dyn Policy>>,
    /// Positions of the policies that name a kind, by kind.
    by_kind: HashMap<Arc<str>, Vec<u32>>,
    /// Positions of those that take any kind.
    any_kind: Vec<u32>,
}

impl fmt::Debug for PolicySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.rules().map(|rule| &rule.meta.id)).finish()
    }
}

impl PolicySet {
    /// Indexes policies; their order is kept.
    #[must_use]
    pub fn new(policies: Vec<Arc<dyn Policy>>) -> PolicySet {
        let mut out = PolicySet::default();
        for (position, policy) in policies.iter().enumerate() {
            let position = u32::try_from(position).unwrap_or(u32::MAX);
            let kinds = &policy.interest().kinds;
            if kinds.is_empty() || kinds.iter().any(|kind| &*kind.kind == "*") {
                out.any_kind.push(position);
                continue;
            }
            for kind in kinds {
                let list = out.by_kind.entry(Arc::clone(&kind.kind)).or_default();
                if list.last() != Some(&position) {
                    list.push(position);
                }
            }
        }
        out.policies = policies;
        out
    }

    /// The policies.
    #[must_use]
    pub fn policies(&self) -> &[Arc<dyn Policy>] {
        &self.policies
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.policies.is_empty()
    }

    /// All rules, in order.
    pub fn rules(&self) -> impl Iterator<Item = &Arc<PolicyRule>> {
        self.policies.iter().flat_map(|policy| policy.rules())
    }

    /// What all rules say of themselves, sorted by id, each once.
    #[must_use]
    pub fn metas(&self) -> Vec<Arc<RuleMeta>> {
        let mut out: Vec<Arc<RuleMeta>> = self.rules().map(|rule| Arc::clone(&rule.meta)).collect();
        out.sort_by(|a, b| a.id.cmp(&b.id));
        out.dedup_by(|a, b| a.id == b.id);
        out
    }

    /// The policies that may have something to say about a request, in order.
    fn interested(&self, request: &Request) -> Vec<&Arc<dyn Policy>> {
        let named = self.by_kind.get(&request.kind.kind).map_or(&[][..], Vec::as_slice);
        // Both lists are sorted: merge them.
        let (mut left, mut right) = (named.iter().copied().peekable(), self.any_kind.iter().copied().peekable());
        let mut out = Vec::with_capacity(named.len() + self.any_kind.len());
        loop {
            let next = match (left.peek(), right.peek()) {
                (Some(a), Some(b)) if a <= b => left.next(),
                (_, Some(_)) => right.next(),
                (Some(_), None) => left.next(),
                (None, None) => break,
            };
            let policy = next.and_then(|position| self.policies.get(position as usize));
            out.extend(policy.filter(|policy| policy.interest().covers(&request.kind, request.operation)));
        }
        out
    }

    /// Judges a request phase by phase: every mutation sees what those before it made of the object, and so does every judgement.
    /// A panic in a policy language is an `error` of all the policy's rules.
    #[must_use]
    pub fn evaluate(&self, request: &Request, with: &Evaluation<'_>) -> Decided {
        self.evaluate_phases(request, with, Phase::ALL)
    }

    /// The same for some phases, in the order given.
    #[must_use]
    pub fn evaluate_phases(&self, request: &Request, with: &Evaluation<'_>, phases: &[Phase]) -> Decided {
        let interested = self.interested(request);
        let mut decided = Decided { outcomes: Vec::new(), object: request.object.clone(), mutated: false };
        let mut changed: Option<Request> = None;
        for phase in phases {
            for policy in &interested {
                if !policy.rules().iter().any(|rule| rule.phase == *phase) {
                    continue;
                }
                let current = changed.as_ref().unwrap_or(request);
                let outcomes = evaluate_one(&***policy, *phase, current, with);
                if let Some(object) = outcomes.iter().rev().find_map(|outcome| outcome.mutated.as_ref()) {
                    decided.mutated = true;
                    decided.object = object.clone();
                    changed.get_or_insert_with(|| request.clone()).object = object.clone();
                }
                decided.outcomes.extend(outcomes);
            }
        }
        decided
    }
}

/// One phase of one policy, with a watch on time and panics.
fn evaluate_one(policy: &dyn Policy, phase: Phase, request: &Request, with: &Evaluation<'_>) -> Vec<Outcome> {
    let interrupted = with.stopwatch.start();
    let context =
        PolicyContext { lookup: with.lookup, inventory: with.inventory, limits: with.limits, now: with.now, interrupted: &*interrupted };
    catch_unwind(AssertUnwindSafe(|| policy.evaluate(phase, request, &context))).unwrap_or_else(|panic| {
        let why = panic
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| panic.downcast_ref::<String>().cloned())
            .unwrap_or_default();
        policy
            .rules()
            .iter()
            .filter(|rule| rule.phase == phase)
            .map(|rule| Outcome::new(rule, Status::Error, format!("the policy engine failed: {why}")))
            .collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use probity_core::{Confidence, Effect, GroupVersionKind, Interest, NoLookup, Operation, Severity, Stage, StageKind};
    use probity_value::{FileId, Span, json};

    /// A policy of the test: what it does is its name.
    struct Fake {
        rules: Vec<Arc<PolicyRule>>,
        interest: Interest,
    }

    fn fake(name: &str, kinds: &[(&str, &str)], phase: Phase) -> Arc<dyn Policy> {
        let meta = RuleMeta {
            id: name.into(),
            engine: "test",
            title: "".into(),
            severity: Severity::High,
            confidence: Confidence::Certain,
            stage: Stage { kind: StageKind::Stable, since: "0.1.0".into() },
            applies_to: Vec::new(),
            controls: Vec::new(),
            aliases: Vec::new(),
            why: "".into(),
            fix: "".into(),
            other_fixes: Vec::new(),
            waivable: true,
            mends: false,
            parameters: Vec::new(),
        };
        let rule = PolicyRule {
            policy: name.into(),
            policy_kind: "Test".into(),
            name: name.into(),
            phase,
            effect: Effect::Deny,
            meta: Arc::new(meta),
            at: Span::NONE,
        };
        let kinds = kinds.iter().map(|(api, kind)| GroupVersionKind::of(api, kind)).collect();
        Arc::new(Fake { rules: vec![Arc::new(rule)], interest: Interest { kinds, operations: vec![Operation::Create] } })
    }

    impl Policy for Fake {
        fn rules(&self) -> &[Arc<PolicyRule>] {
            &self.rules
        }

        fn interest(&self) -> &Interest {
            &self.interest
        }

        fn evaluate(&self, phase: Phase, request: &Request, context: &PolicyContext<'_>) -> Vec<Outcome> {
            let rule = &self.rules[0];
            assert_eq!(phase, rule.phase);
            if (context.interrupted)() {
                return vec![Outcome::new(rule, Status::Error, "out of time")];
            }
            let mut outcome = Outcome::new(rule, Status::Pass, json::write(&request.object).unwrap());
            match &*rule.name {
                "panics" => panic!("on purpose"),
                "adds" => outcome.mutated = Some(parse(r#"{"apiVersion":"v1","kind":"Pod","added":true}"#)),
                _ => {}
            }
            vec![outcome]
        }
    }

    fn parse(text: &str) -> Value {
        json::parse(text, FileId::NONE).0
    }

    fn evaluate(policies: Vec<Arc<dyn Policy>>, request: &Request, stopwatch: &dyn Stopwatch) -> Vec<String> {
        let set = PolicySet::new(policies);
        let with = Evaluation {
            lookup: &NoLookup,
            inventory: &Arc::default(),
            limits: Limits::default(),
            now: Timestamp { seconds: 0, nanoseconds: 0 },
            stopwatch,
        };
        let decided = set.evaluate(request, &with);
        decided.outcomes.iter().map(|outcome| format!("{} {} {}", outcome.rule.name, outcome.status, outcome.message)).collect()
    }

    fn pod() -> Request {
        Request::create(parse(r#"{"apiVersion":"v1","kind":"Pod"}"#))
    }

    #[test]
    fn only_policies_that_apply_are_asked() {
        let policies = || {
            vec![
                fake("pods", &[("v1", "Pod")], Phase::Validate),
                fake("deployments", &[("apps/v1", "Deployment")], Phase::Validate),
                fake("all", &[], Phase::Validate),
                fake("other-group", &[("example.com/v1", "Pod")], Phase::Validate),
                fake("any-version", &[("*/*", "Pod")], Phase::Validate),
            ]
        };
        let names = |request: &Request| {
            let said = evaluate(policies(), request, &NoStopwatch);
            said.iter().map(|line| line.split(' ').next().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(names(&pod()), ["pods", "all", "any-version"]);
        assert_eq!(names(&Request::create(parse(r#"{"apiVersion":"apps/v1","kind":"Deployment"}"#))), ["deployments", "all"]);
        assert_eq!(names(&Request { operation: Operation::Delete, ..pod() }), Vec::<String>::new());
    }

    #[test]
    fn judgements_see_what_mutations_made() {
        let said = evaluate(vec![fake("judges", &[], Phase::Validate), fake("adds", &[], Phase::Mutate)], &pod(), &NoStopwatch);
        assert_eq!(said, [r#"adds pass {"apiVersion":"v1","kind":"Pod"}"#, r#"judges pass {"added":true,"apiVersion":"v1","kind":"Pod"}"#]);
    }

    #[test]
    fn a_panic_is_an_error_and_the_others_still_speak() {
        let said = evaluate(vec![fake("panics", &[], Phase::Validate), fake("judges", &[], Phase::Validate)], &pod(), &NoStopwatch);
        assert_eq!(said[0], "panics error the policy engine failed: on purpose");
        assert!(said[1].starts_with("judges pass"));
    }

    #[test]
    fn time_that_has_run_out_is_an_error() {
        struct Out;
        impl Stopwatch for Out {
            fn start(&self) -> Box<dyn Fn() -> bool + Sync + '_> {
                Box::new(|| true)
            }
        }
        assert_eq!(evaluate(vec![fake("judges", &[], Phase::Validate)], &pod(), &Out), ["judges error out of time"]);
    }
}
