//! Many checks as one program: indexed by the types they apply to, each check made on its first use.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use probity_core::{Edit, EvalContext, Program, RuleMeta, RuleResult, StageKind, Status, Subject, SubjectIndex, SubjectKind, World};

use crate::check::Variant;
use crate::evaluate::Evaluator;
use crate::kubernetes::{self, WORKLOAD_KINDS, WORKLOAD_RESOURCES};

/// The group in `applies_to` for everything that makes pods.
const WORKLOADS: &str = "workloads";
/// The group in `applies_to` for every Kubernetes object.
const OBJECTS: &str = "objects";

/// The checks of a rule, which are there or are made on first use.
pub struct LazyCheck {
    made: OnceLock<Option<Vec<Variant>>>,
    make: Box<dyn Fn() -> Option<Vec<Variant>> + Send + Sync>,
}

impl std::fmt::Debug for LazyCheck {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("LazyCheck").field(&self.made.get()).finish()
    }
}

impl LazyCheck {
    /// Checks that `make` makes when they are first asked for; `None` where it cannot.
    #[must_use]
    pub fn new(make: impl Fn() -> Option<Vec<Variant>> + Send + Sync + 'static) -> LazyCheck {
        LazyCheck { made: OnceLock::new(), make: Box::new(make) }
    }

    /// Checks that are there.
    #[must_use]
    pub fn ready(variants: Vec<Variant>) -> LazyCheck {
        LazyCheck { made: OnceLock::from(Some(variants)), make: Box::new(|| None) }
    }

    /// The check for a subject; `None` where the checks cannot be made.
    fn variant(&self, subject: &Subject) -> Option<&Variant> {
        match self.variants()? {
            [only] => Some(only),
            several => several.iter().find(|variant| names(&variant.applies_to, subject)),
        }
    }

    /// All of them, each with the types it judges; `None` where they cannot be made.
    #[must_use]
    pub fn variants(&self) -> Option<&[Variant]> {
        self.made.get_or_init(|| (self.make)()).as_deref()
    }
}

/// Whether a list of types and groups names the type of a subject.
fn names(types: &[Arc<str>], subject: &Subject) -> bool {
    types.iter().any(|name| match &**name {
        WORKLOADS => is_workload(subject),
        OBJECTS => subject.kind == SubjectKind::Kubernetes,
        name => *name == *subject.type_name,
    })
}

fn is_workload(subject: &Subject) -> bool {
    WORKLOAD_KINDS.contains(&&*subject.type_name)
        || WORKLOAD_RESOURCES.iter().any(|(resource, _)| *resource == &*subject.type_name)
        || &*subject.type_name == "kubernetes_manifest"
            && kubernetes::object(subject).is_some_and(|(kind, _)| WORKLOAD_KINDS.contains(&&*kind))
}

/// A rule: what it says of itself, and its check.
#[derive(Clone, Debug)]
pub struct Rule {
    /// What it says of itself.
    pub meta: Arc<RuleMeta>,
    /// How it judges.
    pub check: Arc<LazyCheck>,
}

/// Rules of the check language, ready to judge.
#[derive(Debug, Default)]
pub struct CheckProgram {
    rules: Vec<Rule>,
    by_type: HashMap<Arc<str>, Vec<usize>>,
    /// Rules for every Kubernetes object.
    objects: Vec<usize>,
    /// Rules for workloads, also those that are written as `kubernetes_manifest`.
    workloads: Vec<usize>,
}

impl CheckProgram {
    /// Indexes the rules. Removed rules do not judge.
    #[must_use]
    pub fn new(rules: Vec<Rule>) -> CheckProgram {
        let mut program = CheckProgram::default();
        for rule in rules.into_iter().filter(|rule| rule.meta.stage.kind != StageKind::Removed) {
            let index = program.rules.len();
            let mut add = |name: &str| {
                let list = program.by_type.entry(name.into()).or_default();
                if !list.contains(&index) {
                    list.push(index);
                }
            };
            for name in &rule.meta.applies_to {
                match &**name {
                    WORKLOADS => {
                        WORKLOAD_KINDS.iter().for_each(|kind| add(kind));
                        WORKLOAD_RESOURCES.iter().for_each(|(resource, _)| add(resource));
                        program.workloads.push(index);
                    }
                    OBJECTS => program.objects.push(index),
                    name => add(name),
                }
            }
            program.rules.push(rule);
        }
        program
    }

    /// The rules that apply to a subject, in their order.
    fn applicable(&self, subject: &Subject) -> Vec<usize> {
        let mut all = self.by_type.get(&subject.type_name).cloned().unwrap_or_default();
        if subject.kind == SubjectKind::Kubernetes {
            all.extend_from_slice(&self.objects);
        }
        if &*subject.type_name == "kubernetes_manifest" && is_workload(subject) {
            all.extend_from_slice(&self.workloads);
        }
        all.sort_unstable();
        all.dedup();
        all
    }
}

impl Program for CheckProgram {
    fn rules(&self) -> Vec<Arc<RuleMeta>> {
        self.rules.iter().map(|rule| Arc::clone(&rule.meta)).collect()
    }

    fn evaluate(&self, index: SubjectIndex, world: &World, context: &EvalContext) -> Vec<RuleResult> {
        let Some(subject) = world.subject(index) else { return Vec::new() };
        let applicable = self.applicable(subject);
        if applicable.is_empty() {
            return Vec::new();
        }
        let evaluator = Evaluator::new(world, Arc::clone(&context.parameters));
        let mut results = Vec::with_capacity(applicable.len());
        for rule in applicable.into_iter().filter_map(|position| self.rules.get(position)) {
            let Some(Variant { check, .. }) = rule.check.variant(subject) else {
                results.push(RuleResult {
                    rule: Arc::clone(&rule.meta),
                    subject: index,
                    status: Status::Error,
                    message: "the rule's check cannot be read".to_owned(),
                    at: subject.head,
                    judged: None,
                    related: Vec::new(),
                    colour: None,
                    first_met: None,
                });
                continue;
            };
            if let Some(judgement) = evaluator.judge(check, index, context.max_steps) {
                results.push(RuleResult {
                    rule: Arc::clone(&rule.meta),
                    subject: index,
                    status: judgement.status,
                    message: judgement.message,
                    at: judgement.at,
                    judged: judgement.judged,
                    related: judgement.related,
                    colour: None,
                    first_met: None,
                });
            }
        }
        results
    }

    fn edit(&self, rule: &str, subject: &Subject) -> Option<Edit> {
        let rule = self.rules.iter().find(|known| *known.meta.id == *rule)?;
        rule.check.variant(subject)?.edit()
    }
}
