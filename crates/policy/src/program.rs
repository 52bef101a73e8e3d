//! Policies in the gate: each object of Kubernetes is a request to make it, and each document is what Conftest's policies judge.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock, RwLock};

use probity_core::{
    EvalContext, Inventory, Limits, Lookup, Operation, Outcome, PathStep, Phase, Program, Request, RuleMeta, RuleResult, Status, Subject,
    SubjectIndex, SubjectKind, UserInfo, World,
};
use probity_value::{Span, Value};

use crate::set::{Decided, Evaluation, PolicySet, Stopwatch};

/// A set of policies as a program of the gate.
pub struct PolicyProgram {
    set: PolicySet,
    lookup: Arc<dyn Lookup>,
    stopwatch: Arc<dyn Stopwatch>,
    /// What it judges: objects of Kubernetes, or documents below one root.
    judges: Judges,
    requests: Requests,
    /// The other objects of each world, by the world's number.
    inventory: RwLock<HashMap<u64, Arc<OnceLock<Known>>>>,
}

/// What a program judges.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Judges {
    /// Objects of Kubernetes.
    Objects,
    /// Documents that a reader of this name made.
    Documents(Arc<str>),
}

/// What is asked of every object.
#[derive(Clone, Debug, Default)]
pub struct Requests {
    /// What is about to be done with it.
    pub operation: Operation,
    /// Who asks.
    pub user: UserInfo,
    /// The object as it was.
    pub old: Option<Value>,
}

/// What is known of a world.
#[derive(Default)]
struct Known {
    inventory: Arc<Inventory>,
    namespaces: HashMap<Arc<str>, Value>,
}

impl PolicyProgram {
    /// Policies that judge objects or documents, ask `lookup`, and are watched by `stopwatch`.
    #[must_use]
    pub fn new(set: PolicySet, judges: Judges, lookup: Arc<dyn Lookup>, stopwatch: Arc<dyn Stopwatch>) -> PolicyProgram {
        PolicyProgram { set, lookup, stopwatch, judges, requests: Requests::default(), inventory: RwLock::default() }
    }

    /// With other requests than to make each object, asked by nobody in particular.
    #[must_use]
    pub fn requests(mut self, requests: Requests) -> PolicyProgram {
        self.requests = requests;
        self
    }

    /// What the policies say of one subject of a world, and what they make of it; `None` for subjects they do not judge.
    #[must_use]
    pub fn decide(&self, index: SubjectIndex, world: &World, context: &EvalContext) -> Option<Decided> {
        let subject = world.subject(index).filter(|subject| self.judges(subject))?;
        let cell = self.known(world);
        let known = cell.get()?;
        let request = match self.judges {
            Judges::Objects => self.request_for(&subject.value, &known.namespaces),
            // The file's path, without the number of the document in it.
            Judges::Documents(_) => {
                let path: Arc<str> = subject.id.split('#').next().unwrap_or_default().into();
                Request { name: path, ..Request::document(subject.value.clone()) }
            }
        };
        let with = Evaluation {
            lookup: &*self.lookup,
            inventory: &known.inventory,
            limits: Limits { steps: context.max_steps.max(Limits::default().steps), ..Limits::default() },
            now: context.now,
            stopwatch: &*self.stopwatch,
        };
        Some(self.set.evaluate(&request, &with))
    }

    /// The request about an object of the world.
    fn request_for(&self, value: &Value, namespaces: &HashMap<Arc<str>, Value>) -> Request {
        let mut request = Request::create(value.clone());
        request.operation = self.requests.operation;
        request.user = self.requests.user.clone();
        if let Some(old) = &self.requests.old {
            request.old_object = old.clone();
        }
        if request.operation == Operation::Delete {
            request.old_object = std::mem::replace(&mut request.object, Value::null(Span::NONE));
        }
        request.namespace_object = namespaces.get(&request.namespace).cloned();
        request
    }

    fn known(&self, world: &World) -> Arc<OnceLock<Known>> {
        let id = world.id();
        let read = self.inventory.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        let cell = match read.get(&id) {
            Some(cell) => Arc::clone(cell),
            None => {
                drop(read);
                let mut write = self.inventory.write().unwrap_or_else(std::sync::PoisonError::into_inner);
                Arc::clone(write.entry(id).or_default())
            }
        };
        cell.get_or_init(|| gather(world));
        cell
    }

    fn judges(&self, subject: &Subject) -> bool {
        match &self.judges {
            Judges::Objects => subject.kind == SubjectKind::Kubernetes && subject.value.get("kind").is_some(),
            Judges::Documents(root) => subject.kind == SubjectKind::Document && subject.root == *root,
        }
    }
}

/// The objects of a world, and its namespaces.
fn gather(world: &World) -> Known {
    let mut out = Known::default();
    let mut objects = Vec::new();
    for subject in world.subjects().iter().filter(|subject| subject.kind == SubjectKind::Kubernetes) {
        if subject.value.get("apiVersion").is_none() {
            continue;
        }
        if subject.value.get("kind").and_then(Value::as_str) == Some("Namespace")
            && let Some(name) = subject.value.get("metadata").and_then(|metadata| metadata.get("name")).and_then(Value::as_str)
        {
            out.namespaces.insert(name.into(), subject.value.clone());
        }
        objects.push(subject.value.clone());
    }
    out.inventory = Arc::new(Inventory { objects, data: Vec::new() });
    out
}

impl Program for PolicyProgram {
    fn rules(&self) -> Vec<Arc<RuleMeta>> {
        self.set.metas()
    }

    fn evaluate(&self, index: SubjectIndex, world: &World, context: &EvalContext) -> Vec<RuleResult> {
        let Some(subject) = world.subject(index) else { return Vec::new() };
        let Some(decided) = self.decide(index, world, context) else { return Vec::new() };
        let unknown = subject.value.find_unknown().map(|unknown| Arc::clone(&unknown.reason));
        decided.outcomes.into_iter().filter_map(|outcome| result_of(outcome, index, subject, unknown.as_ref())).collect()
    }
}

/// An outcome as a result of the gate. What a mutation or generation made is no finding.
fn result_of(outcome: Outcome, index: SubjectIndex, subject: &Subject, unknown: Option<&Arc<str>>) -> Option<RuleResult> {
    let made = matches!(outcome.rule.phase, Phase::Mutate | Phase::Generate | Phase::Delete);
    if made && matches!(outcome.status, Status::Pass | Status::Skip | Status::NotApplicable) {
        return None;
    }
    let warns = matches!(outcome.effect, probity_core::Effect::Warn | probity_core::Effect::DryRun);
    let (status, message) = match outcome.status {
        Status::Fail if warns => (Status::Warn, outcome.message),
        // An error over an object that is not known in every part may be an error for that reason only.
        Status::Error if unknown.is_some() => {
            let reason = unknown.map(|reason| reason.to_string()).unwrap_or_default();
            (Status::Unknown, format!("{} ({reason})", outcome.message))
        }
        status => (status, outcome.message),
    };
    let judged = at_path(&subject.value, &outcome.path).filter(|_| !outcome.path.is_empty()).cloned();
    let at = outcome.at.or(judged.as_ref().map_or(Span::NONE, |value| value.span));
    Some(RuleResult {
        rule: Arc::clone(&outcome.rule.meta),
        subject: index,
        status,
        message,
        at: at.or(subject.head),
        judged,
        related: Vec::new(),
        colour: None,
        first_met: None,
    })
}

fn at_path<'a>(value: &'a Value, path: &[PathStep]) -> Option<&'a Value> {
    path.iter().try_fold(value, |value, step| match step {
        PathStep::Key(key) => value.get(key),
        PathStep::Index(index) => value.as_list()?.get(*index),
    })
}
