//! Checkov's custom policies in YAML and JSON: `metadata`, `scope`, `definition`.
//!
//! The language is that of its graph checks. What it says of a subject follows Checkov's own way with sets of passed and failed
//! resources, so that a policy means here what it means there; with one difference: a value that cannot be known gives `unknown`, where
//! Checkov gives nothing.

mod jsonpath;
mod judge;
mod kubernetes;
mod operator;
mod path;
mod read;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use probity_core::{EvalContext, Program, RuleMeta, RuleResult, Status, Subject, SubjectIndex, SubjectKind, World};

pub use read::Policy;

use operator::Operator;
use path::Attribute;

/// Name of the engine.
pub const ENGINE: &str = "checkov";

/// A condition of a policy.
#[derive(Clone, Debug)]
pub(crate) enum Definition {
    /// All must hold.
    And(Vec<Definition>),
    /// One must hold.
    Or(Vec<Definition>),
    /// The other way round.
    Not(Box<Definition>),
    /// An attribute of resources of some types.
    Attribute(Box<Leaf>),
    /// A resource of these types is there.
    Any(Types),
    /// Resources of some types refer to each other.
    Connection(Box<Connection>),
    /// Which resources get a result.
    Filter(Box<Filter>),
    /// Which types there may be.
    Resource(Types, bool),
}

/// `cond_type: attribute`.
#[derive(Clone, Debug)]
pub(crate) struct Leaf {
    pub(crate) types: Types,
    /// As written.
    pub(crate) name: Arc<str>,
    pub(crate) attribute: Attribute,
    pub(crate) operator: Operator,
    /// The operator and its argument, for messages.
    pub(crate) words: Arc<str>,
    /// Whether the path or the operator asks all values.
    pub(crate) all: bool,
}

/// `cond_type: connection`.
#[derive(Clone, Debug)]
pub(crate) struct Connection {
    pub(crate) types: Types,
    pub(crate) connected: Types,
    pub(crate) how: Connected,
}

/// How often there must be a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Connected {
    Exists,
    NotExists,
    OneExists,
}

/// `cond_type: filter`.
#[derive(Clone, Debug)]
pub(crate) struct Filter {
    pub(crate) types: Types,
    pub(crate) attribute: Arc<str>,
    pub(crate) path: Attribute,
    pub(crate) operator: Operator,
    /// Texts of its value, where it is a list or text.
    pub(crate) values: Vec<Arc<str>>,
}

/// Types of resources.
#[derive(Clone, Debug, Default)]
pub(crate) struct Types {
    /// By name.
    pub(crate) names: HashSet<Arc<str>>,
    /// Every resource, of these providers (prefixes of types); no prefix: of all.
    pub(crate) every: Option<Vec<&'static str>>,
}

impl Types {
    /// Whether it names nothing, which Checkov takes for everything.
    pub(crate) fn is_empty(&self) -> bool {
        self.names.is_empty() && self.every.is_none()
    }

    pub(crate) fn has(&self, subject: &Subject) -> bool {
        if self.names.contains(&subject.type_name) || self.as_pod(subject) {
            return true;
        }
        match &self.every {
            Some(prefixes) => {
                judged_by_default(subject.kind) && (prefixes.is_empty() || prefixes.iter().any(|one| subject.type_name.starts_with(one)))
            }
            None => self.names.is_empty() && judged_by_default(subject.kind),
        }
    }

    /// Whether a workload is spoken of by the pods it makes.
    pub(crate) fn as_pod(&self, subject: &Subject) -> bool {
        subject.kind == SubjectKind::Kubernetes
            && !self.names.contains(&subject.type_name)
            && self.names.contains("Pod")
            && kubernetes::makes_pods(subject)
    }

    pub(crate) fn merge(&mut self, other: &Types) {
        self.names.extend(other.names.iter().cloned());
        match (&mut self.every, &other.every) {
            (Some(ours), Some(theirs)) if ours.is_empty() || theirs.is_empty() => ours.clear(),
            (Some(ours), Some(theirs)) => ours.extend(theirs),
            (None, theirs) => self.every.clone_from(theirs),
            _ => {}
        }
    }
}

/// The kinds of subjects that `all` speaks of.
fn judged_by_default(kind: SubjectKind) -> bool {
    matches!(kind, SubjectKind::Terraform | SubjectKind::CloudFormation | SubjectKind::Kubernetes | SubjectKind::Arm | SubjectKind::Bicep)
}

/// What a framework of `metadata.frameworks` is here; `None` for one whose files are not judged by policies.
pub(crate) fn kinds_of(framework: &str) -> Option<&'static [SubjectKind]> {
    Some(match framework.to_ascii_lowercase().replace([' ', '-'], "_").as_str() {
        "terraform" | "terraformplan" | "terraform_plan" | "terraform_json" | "cdktf" => &[SubjectKind::Terraform],
        "cloudformation" | "serverless" | "sam" | "cdk" => &[SubjectKind::CloudFormation],
        "kubernetes" | "helm" | "kustomize" => &[SubjectKind::Kubernetes],
        "dockerfile" => &[SubjectKind::Dockerfile],
        "bicep" => &[SubjectKind::Bicep],
        "arm" => &[SubjectKind::Arm],
        "github_actions" => &[SubjectKind::GithubActions],
        "ansible" => &[],
        _ => return None,
    })
}

/// Policies, ready to judge.
#[derive(Debug, Default)]
pub struct CheckovProgram {
    rules: Vec<Rule>,
    by_type: HashMap<Arc<str>, Vec<usize>>,
    /// Rules for types that are not named.
    every: Vec<usize>,
}

#[derive(Debug)]
struct Rule {
    meta: Arc<RuleMeta>,
    policies: Vec<Policy>,
}

impl CheckovProgram {
    /// Indexes policies. Several with one id are one rule: the worst of what they say counts.
    #[must_use]
    pub fn new(policies: Vec<Policy>) -> CheckovProgram {
        let mut program = CheckovProgram::default();
        let mut places: HashMap<Arc<str>, usize> = HashMap::new();
        for policy in policies {
            match places.get(&policy.meta.id).and_then(|place| program.rules.get_mut(*place)) {
                Some(rule) => {
                    let mut meta = (*rule.meta).clone();
                    meta.applies_to.extend(policy.meta.applies_to.iter().cloned());
                    meta.applies_to.sort_unstable();
                    meta.applies_to.dedup();
                    rule.meta = Arc::new(meta);
                    rule.policies.push(policy);
                }
                None => {
                    places.insert(Arc::clone(&policy.meta.id), program.rules.len());
                    program.rules.push(Rule { meta: Arc::clone(&policy.meta), policies: vec![policy] });
                }
            }
        }
        for (place, rule) in program.rules.iter().enumerate() {
            let add = |list: &mut Vec<usize>| {
                if list.last() != Some(&place) {
                    list.push(place);
                }
            };
            for policy in &rule.policies {
                let reach = policy.definition.reach();
                if reach.every.is_some() || reach.names.is_empty() {
                    add(&mut program.every);
                }
                let pods = if reach.names.contains("Pod") { probity_checks::WORKLOAD_KINDS } else { &[] };
                for name in reach.names.into_iter().chain(pods.iter().map(|kind| Arc::from(*kind))) {
                    add(program.by_type.entry(name).or_default());
                }
            }
        }
        program
    }
}

impl Definition {
    /// Every type it may say something of.
    fn reach(&self) -> Types {
        let mut out = Types::default();
        let mut open = vec![self];
        while let Some(one) = open.pop() {
            match one {
                Definition::And(all) | Definition::Or(all) => open.extend(all),
                Definition::Not(inner) => open.push(inner),
                Definition::Attribute(leaf) if leaf.types.is_empty() => out.merge(&Types { every: Some(Vec::new()), ..Types::default() }),
                Definition::Attribute(leaf) => out.merge(&leaf.types),
                Definition::Any(types) => out.merge(types),
                Definition::Connection(connection) => {
                    out.merge(&connection.types);
                    out.merge(&connection.connected);
                }
                Definition::Filter(filter) => out.merge(&filter.types),
                Definition::Resource(..) => out.merge(&Types { every: Some(Vec::new()), ..Types::default() }),
            }
        }
        out
    }
}

impl Program for CheckovProgram {
    fn rules(&self) -> Vec<Arc<RuleMeta>> {
        self.rules.iter().map(|rule| Arc::clone(&rule.meta)).collect()
    }

    fn evaluate(&self, index: SubjectIndex, world: &World, context: &EvalContext) -> Vec<RuleResult> {
        let Some(subject) = world.subject(index) else { return Vec::new() };
        let mut places = self.by_type.get(&subject.type_name).cloned().unwrap_or_default();
        places.extend_from_slice(&self.every);
        places.sort_unstable();
        places.dedup();
        let mut out = Vec::new();
        for rule in places.into_iter().filter_map(|place| self.rules.get(place)) {
            let mut worst: Option<RuleResult> = None;
            for policy in rule.policies.iter().filter(|policy| policy.kinds.is_empty() || policy.kinds.contains(&subject.kind)) {
                let Some(said) = judge::judge(policy, index, subject, world, context.max_steps) else { continue };
                let result = RuleResult {
                    rule: Arc::clone(&rule.meta),
                    subject: index,
                    status: said.status,
                    message: said.message,
                    at: said.at.or(subject.head),
                    judged: said.judged,
                    related: said.related,
                    colour: None,
                    first_met: None,
                };
                if worst.as_ref().is_none_or(|before| weight(before.status) < weight(result.status)) {
                    worst = Some(result);
                }
            }
            out.extend(worst);
        }
        out
    }
}

fn weight(status: Status) -> u8 {
    match status {
        Status::Error => 4,
        Status::Fail => 3,
        Status::Unknown => 2,
        Status::Pass => 1,
        _ => 0,
    }
}
