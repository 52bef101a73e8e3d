//! Runs `kyverno-test.yaml` files (`cli.kyverno.io/v1alpha1 Test`), strictly.
//!
//! Where `kyverno test` counts "no rule answered" as passed whatever is expected, here a pass or failure that is expected has to be an
//! answer of that very rule about that very resource, and a name that nothing is called by is a failure. Only an expected skip may also be
//! no answer at all.
//!
//! What does not live here: reading from disk (a [`Tree`] is given), and any kind of policy: compiled policies of every kind are judged
//! alike, as [`Policy`]s.

mod compare;
mod fixture;
mod load;
mod values;

use std::collections::BTreeMap;
use std::sync::Arc;

use probity_core::{
    Diagnostic, Expectation, Inventory, Limits, Operation, Outcome, Phase, Policy, PolicyContext, PolicyDocument, Request, Status,
    Timestamp, Tree,
};
use probity_value::{SourceMap, Span, Value};

use fixture::{Fixture, ForPolicy};
use load::Loader;
pub use load::object;
use values::Values;

/// What runs of tests may use.
#[derive(Clone, Copy)]
pub struct TestContext<'a> {
    /// The files.
    pub tree: &'a dyn Tree,
    /// Takes their texts in.
    pub sources: &'a SourceMap,
    /// Compiles the policies of a test.
    pub compile: &'a Compile<'a>,
    /// Bounds of every evaluation.
    pub limits: Limits,
    /// The time of the decisions.
    pub now: Timestamp,
}

/// Compiles policies: [`crate::compile`], or one that knows more kinds.
pub type Compile<'a> = dyn Fn(&[PolicyDocument]) -> (Vec<Arc<dyn Policy>>, Vec<Diagnostic>) + Sync + 'a;

impl std::fmt::Debug for TestContext<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TestContext").field("limits", &self.limits).field("now", &self.now).finish_non_exhaustive()
    }
}

/// What came of one test file.
#[derive(Clone, Debug, Default)]
pub struct TestReport {
    /// One for each row and resource.
    pub expectations: Vec<Expectation>,
    /// What there is to say about the files.
    pub diagnostics: Vec<Diagnostic>,
}

/// The test files of a tree, by their name.
#[must_use]
pub fn files(tree: &dyn Tree) -> Vec<Arc<str>> {
    let named = |path: &str| matches!(path.rsplit('/').next(), Some("kyverno-test.yaml" | "kyverno-test.yml"));
    tree.files().iter().filter(|file| named(&file.path)).map(|file| Arc::clone(&file.path)).collect()
}

/// One row of `results`.
struct Row {
    policy: Arc<str>,
    namespace: Option<Arc<str>>,
    rule: Arc<str>,
    kind: Arc<str>,
    resources: Vec<Arc<str>>,
    expected: Arc<str>,
    /// Kinds of policies meant; empty for all.
    policy_kinds: Vec<String>,
    operation: Option<Operation>,
    patched: Option<Arc<str>>,
    generated: Vec<Arc<str>>,
    clone_source: Option<Arc<str>>,
    at: Span,
}

/// An object that is judged, and what came of it by operation that a row asks for.
struct Subject {
    object: Value,
    kind: Arc<str>,
    namespace: Arc<str>,
    name: Arc<str>,
    /// A document that is no object.
    payload: bool,
    answers: BTreeMap<Option<Operation>, Vec<Answer>>,
}

/// The outcomes of one policy, in one phase, about one subject.
struct Answer {
    outcomes: Vec<Outcome>,
    /// The object after the policy.
    after: Value,
}

/// Runs one test file.
#[must_use]
pub fn run(context: &TestContext<'_>, path: &str) -> TestReport {
    let mut loader = Loader::new(context, path);
    let mut report = TestReport::default();
    for document in loader.documents(path) {
        if document.get("kind").and_then(Value::as_str).is_some_and(|kind| kind != "Test") {
            continue;
        }
        run_one(context, &mut loader, path, &document, &mut report);
    }
    report.diagnostics.append(&mut loader.said);
    report
}

fn text_of(value: &Value, key: &str) -> Option<Arc<str>> {
    // Keys of rows are written with their letters in any case.
    let map = value.as_map()?;
    let exact = map.get(key);
    let found = exact.or_else(|| map.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, entry)| &entry.value))?;
    found.as_str().map(Arc::from)
}

fn flag(value: &Value, key: &str) -> bool {
    value
        .as_map()
        .and_then(|map| map.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, entry)| &entry.value))
        .and_then(Value::as_bool)
        .unwrap_or(false)
}

fn texts(value: &Value, key: &str) -> Vec<Arc<str>> {
    value
        .get(key)
        .and_then(Value::as_list)
        .unwrap_or_default()
        .iter()
        .filter_map(|item| match (item.as_str(), item.as_number()) {
            (Some(text), _) => Some(Arc::from(text)),
            (None, Some(number)) => Some(number.to_string().into()),
            (None, None) => None,
        })
        .collect()
}

/// Kinds of policies by the flag of a row.
const FLAGS: &[(&str, &[&str])] = &[
    ("isValidatingAdmissionPolicy", &["ValidatingAdmissionPolicy"]),
    ("isMutatingAdmissionPolicy", &["MutatingAdmissionPolicy"]),
    ("isValidatingPolicy", &["ValidatingPolicy", "NamespacedValidatingPolicy"]),
    ("isMutatingPolicy", &["MutatingPolicy", "NamespacedMutatingPolicy"]),
    ("isGeneratingPolicy", &["GeneratingPolicy", "NamespacedGeneratingPolicy"]),
    ("isDeletingPolicy", &["DeletingPolicy", "NamespacedDeletingPolicy"]),
    ("isImageValidatingPolicy", &["ImageValidatingPolicy", "NamespacedImageValidatingPolicy"]),
];

/// Kinds whose policies are one rule: a row that names one means the whole policy.
fn is_one_rule(kind: &str) -> bool {
    FLAGS.iter().any(|(_, kinds)| kinds.contains(&kind))
}

fn rows(document: &Value) -> Vec<Row> {
    let items = document.get("results").and_then(Value::as_list).unwrap_or_default();
    items
        .iter()
        .map(|item| {
            let text = |key: &str| text_of(item, key).unwrap_or_else(|| "".into());
            let full = text("policy");
            let (namespace, policy) = match full.rsplit_once('/') {
                Some((namespace, name)) => (Some(Arc::from(namespace)), Arc::from(name)),
                None => (None, Arc::clone(&full)),
            };
            let mut resources = texts(item, "resources");
            resources.extend(text_of(item, "resource"));
            for spec in item.get("resourceSpecs").and_then(Value::as_list).unwrap_or_default() {
                let part = |key: &str| text_of(spec, key).filter(|text| !text.is_empty());
                if let Some(name) = part("name") {
                    resources.push(part("namespace").map_or_else(|| Arc::clone(&name), |namespace| format!("{namespace}/{name}").into()));
                }
            }
            let mut generated = texts(item, "generatedResources");
            if generated.is_empty() {
                generated.extend(text_of(item, "generatedResource").filter(|path| !path.is_empty()));
            }
            Row {
                policy,
                namespace,
                rule: text("rule"),
                kind: text("kind"),
                resources,
                expected: text_of(item, "result").or_else(|| text_of(item, "status")).unwrap_or_else(|| "".into()),
                policy_kinds: FLAGS
                    .iter()
                    .filter(|(name, _)| flag(item, name))
                    .flat_map(|(_, kinds)| kinds.iter().map(|kind| (*kind).to_owned()))
                    .collect(),
                operation: text_of(item, "operation").and_then(|word| word.parse().ok()),
                patched: text_of(item, "patchedResources").or_else(|| text_of(item, "patchedResource")).filter(|path| !path.is_empty()),
                generated,
                clone_source: text_of(item, "cloneSourceResource").filter(|path| !path.is_empty()),
                at: item.span,
            }
        })
        .collect()
}

fn run_one(context: &TestContext<'_>, loader: &mut Loader<'_>, path: &str, document: &Value, report: &mut TestReport) {
    let rows = rows(document);
    let mut policy_documents = Vec::new();
    for policy in texts(document, "policies").iter().chain(&texts(document, "exceptions")) {
        policy_documents.extend(loader.policies(policy));
    }
    let (policies, mut said) = (context.compile)(&policy_documents);
    report.diagnostics.append(&mut said);
    let values = Values::load(loader, document);
    let mut fixture = Fixture::default();
    let mut subjects: Vec<Subject> = Vec::new();
    for resource in texts(document, "resources") {
        for object in loader.objects(&resource) {
            let subject = Subject::of(object);
            let known = subjects
                .iter()
                .any(|known| known.same_kind(&subject) && known.namespace == subject.namespace && known.name == subject.name);
            if !known {
                fixture.add(subject.object.clone());
                subjects.push(subject);
            }
        }
    }
    let mut payloads = texts(document, "jsonPayloads");
    payloads.extend(text_of(document, "jsonPayload").filter(|path| !path.is_empty()));
    for payload in payloads {
        for object in loader.documents_beside(&payload) {
            let name = Arc::clone(&payload);
            subjects.push(Subject { name, payload: true, ..Subject::of(object) });
        }
    }
    for key in ["httpPayloads", "envoyPayloads"] {
        if !texts(document, key).is_empty() {
            loader.wrong(document.span, format!("`{key}` are not judged: policies of that kind are not built in"));
        }
    }
    let mut targets = Vec::new();
    for resource in texts(document, "targetResources") {
        for object in loader.objects(&resource) {
            fixture.add(object.clone());
            targets.push(Subject::of(object));
        }
    }
    for resource in texts(document, "paramResources") {
        for object in loader.objects(&resource) {
            fixture.add(object);
        }
    }
    for row in &rows {
        if let Some(source) = &row.clone_source {
            for object in loader.objects(source) {
                fixture.add(object);
            }
        }
    }
    fixture.read_test(loader, document);
    let operations: std::collections::BTreeSet<Option<Operation>> = rows.iter().map(|row| row.operation).chain([None]).collect();
    for subject in &mut subjects {
        for operation in &operations {
            let answers = judge(context, &policies, &values, &fixture, subject, *operation);
            subject.answers.insert(*operation, answers);
        }
    }
    let runner = Runner { path, policies: &policies, subjects: &subjects, targets: &targets };
    for row in &rows {
        runner.row(loader, row, &mut report.expectations);
    }
}

impl Subject {
    fn of(object: Value) -> Subject {
        let text = |value: Option<&Value>| -> Arc<str> { value.and_then(Value::as_str).unwrap_or_default().into() };
        let metadata = object.get("metadata");
        Subject {
            kind: text(object.get("kind")),
            namespace: text(metadata.and_then(|metadata| metadata.get("namespace"))),
            name: text(metadata.and_then(|metadata| metadata.get("name"))),
            payload: false,
            answers: BTreeMap::new(),
            object,
        }
    }

    fn same_kind(&self, other: &Subject) -> bool {
        let group = |object: &Value| {
            object.get("apiVersion").and_then(Value::as_str).and_then(|version| version.split_once('/')).map(|(group, _)| group.to_owned())
        };
        self.kind == other.kind && group(&self.object) == group(&other.object)
    }

    fn is_called(&self, name: &str) -> bool {
        match name.split_once('/') {
            // Files of documents have slashes in their names.
            _ if *self.name == *name => true,
            Some((namespace, name)) => *self.namespace == *namespace && *self.name == *name,
            None => false,
        }
    }
}

/// Judges one subject with all policies, phase by phase, each over what the one before made of it.
fn judge(
    context: &TestContext<'_>,
    policies: &[Arc<dyn Policy>],
    values: &Values,
    fixture: &Fixture,
    subject: &Subject,
    operation: Option<Operation>,
) -> Vec<Answer> {
    let mut answers = Vec::new();
    let mut object = subject.object.clone();
    let inventory = Arc::new(Inventory::default());
    for phase in Phase::ALL {
        for policy in policies {
            let Some(first) = policy.rules().first() else { continue };
            if !policy.rules().iter().any(|rule| rule.phase == *phase) {
                continue;
            }
            let name = first.policy.rsplit('/').next().unwrap_or(&first.policy);
            let given = values.of(name, &subject.name);
            let request = if subject.payload { Request::document(object.clone()) } else { values.request(&object, &given, operation) };
            let lookup = ForPolicy { fixture, values, given: &given.variables };
            let policy_context =
                PolicyContext { lookup: &lookup, inventory: &inventory, limits: context.limits, now: context.now, interrupted: &|| false };
            let outcomes = policy.evaluate(*phase, &request, &policy_context);
            if let Some(mutated) = outcomes.iter().rev().find_map(|outcome| outcome.mutated.clone()) {
                object = mutated;
            }
            answers.push(Answer { outcomes, after: object.clone() });
        }
    }
    answers
}

struct Runner<'r> {
    path: &'r str,
    policies: &'r [Arc<dyn Policy>],
    subjects: &'r [Subject],
    targets: &'r [Subject],
}

/// What a row gets from one subject.
struct Got {
    status: String,
    passed: bool,
    why: String,
}

impl Runner<'_> {
    fn row(&self, loader: &mut Loader<'_>, row: &Row, out: &mut Vec<Expectation>) {
        let expectation = |resource: &str, got: Got| Expectation {
            file: self.path.into(),
            at: row.at,
            policy: row
                .namespace
                .as_ref()
                .map_or_else(|| Arc::clone(&row.policy), |namespace| format!("{namespace}/{}", row.policy).into()),
            rule: Arc::clone(&row.rule),
            resource: resource.into(),
            expected: row.expected.to_string(),
            actual: got.status,
            passed: got.passed,
            why: got.why,
        };
        let failed = |status: &str, why: String| Got { status: status.to_owned(), passed: false, why };
        let known = self.policies.iter().flat_map(|policy| policy.rules()).any(|rule| self.is_about(row, rule));
        if row.resources.is_empty() {
            let answered: Vec<&Subject> = self.subjects.iter().filter(|subject| !self.outcomes(row, subject).is_empty()).collect();
            if answered.is_empty() {
                out.push(expectation("*", failed("no answer", "no rule answered about any resource".to_owned())));
            }
            for subject in answered {
                let got = self.subject(loader, row, subject);
                out.push(expectation(&subject.name, got));
            }
            return;
        }
        for name in &row.resources {
            if !known {
                let why = format!("there is no rule `{}` in a policy `{}` that could be loaded", row.rule, row.policy);
                out.push(expectation(name, failed("no answer", why)));
                continue;
            }
            let called = |subjects: &'_ [Subject]| -> Vec<usize> {
                let all: Vec<usize> =
                    subjects.iter().enumerate().filter(|(_, subject)| subject.is_called(name)).map(|(index, _)| index).collect();
                let of_kind: Vec<usize> =
                    all.iter().copied().filter(|index| subjects.get(*index).is_some_and(|subject| subject.kind == row.kind)).collect();
                if of_kind.is_empty() { all } else { of_kind }
            };
            let own = called(self.subjects);
            let targets = called(self.targets);
            if own.is_empty() && targets.is_empty() {
                out.push(expectation(name, failed("no such resource", format!("no resource of the test is called `{name}`"))));
                continue;
            }
            let mut gots: Vec<Got> =
                own.into_iter().filter_map(|index| self.subjects.get(index)).map(|subject| self.subject(loader, row, subject)).collect();
            let of_targets: Vec<Got> = targets
                .into_iter()
                .filter_map(|index| self.targets.get(index))
                .filter_map(|target| self.target(loader, row, target))
                .collect();
            if !of_targets.is_empty() {
                gots = of_targets;
            }
            // Every one that is called so has to agree; the first that does not is told.
            let worst = gots.iter().position(|got| !got.passed).unwrap_or(0);
            let got = if gots.is_empty() { failed("no answer", "no rule changed this target".to_owned()) } else { gots.swap_remove(worst) };
            out.push(expectation(name, got));
        }
    }

    fn is_about(&self, row: &Row, rule: &probity_core::PolicyRule) -> bool {
        let (namespace, name) = match rule.policy.rsplit_once('/') {
            Some((namespace, name)) => (Some(namespace), name),
            None => (None, &*rule.policy),
        };
        *row.policy == *name
            && (row.namespace.is_none() || row.namespace.as_deref() == namespace)
            && (row.policy_kinds.is_empty() || row.policy_kinds.iter().any(|kind| **kind == *rule.policy_kind))
            && (row.rule.is_empty()
                || is_one_rule(&rule.policy_kind)
                || *rule.name == *row.rule
                || rule.name.strip_prefix("autogen-cronjob-").or_else(|| rule.name.strip_prefix("autogen-")) == Some(&*row.rule))
    }

    fn outcomes<'s>(&self, row: &Row, subject: &'s Subject) -> Vec<(&'s Outcome, &'s Answer)> {
        let answers = subject.answers.get(&row.operation).map(Vec::as_slice).unwrap_or_default();
        answers
            .iter()
            .flat_map(|answer| answer.outcomes.iter().map(move |outcome| (outcome, answer)))
            .filter(|(outcome, _)| self.is_about(row, &outcome.rule))
            .collect()
    }

    fn subject(&self, loader: &mut Loader<'_>, row: &Row, subject: &Subject) -> Got {
        let outcomes = self.outcomes(row, subject);
        let Some((first, _)) = outcomes.first() else {
            return Got {
                status: "no answer".to_owned(),
                passed: *row.expected == *"skip",
                why: "no rule answered about this resource".to_owned(),
            };
        };
        let mut got = Got { status: first.status.to_string(), passed: true, why: first.message.clone() };
        for (outcome, answer) in &outcomes {
            let differs = self.differs(loader, row, outcome, &answer.after);
            if outcome.status.as_str() != &*row.expected || differs.is_some() {
                got = Got { status: outcome.status.to_string(), passed: false, why: outcome.message.clone() };
                if let Some(difference) = differs {
                    "another object".clone_into(&mut got.status);
                    got.why = difference;
                }
                break;
            }
        }
        got
    }

    /// How what a rule made differs from what is expected.
    fn differs(&self, loader: &mut Loader<'_>, row: &Row, outcome: &Outcome, after: &Value) -> Option<String> {
        match outcome.rule.phase {
            Phase::Mutate | Phase::VerifyImages => {
                let path = row.patched.as_ref()?;
                if matches!(outcome.status, Status::Error | Status::Unknown) {
                    return None;
                }
                let expected = loader.objects(path);
                compare::find_and_compare(after, &expected, path)
            }
            Phase::Generate if outcome.status == Status::Pass && !row.generated.is_empty() => {
                if outcome.generated.is_empty() {
                    return Some("no object was generated".to_owned());
                }
                let mut expected = Vec::new();
                for path in &row.generated {
                    expected.extend(loader.objects(path));
                }
                let path = row.generated.join(", ");
                outcome.generated.iter().find_map(|object| compare::find_and_compare(object, &expected, &path))
            }
            _ => None,
        }
    }

    /// What a row gets from an existing object that rules change.
    fn target(&self, loader: &mut Loader<'_>, row: &Row, target: &Subject) -> Option<Got> {
        for subject in self.subjects {
            for (outcome, _) in self.outcomes(row, subject) {
                let Some(changed) = outcome.targets.iter().find(|changed| {
                    let changed = Subject::of((*changed).clone());
                    changed.kind == target.kind && changed.name == target.name && changed.namespace == target.namespace
                }) else {
                    continue;
                };
                let differs = row.patched.as_ref().and_then(|path| {
                    let expected = loader.objects(path);
                    compare::find_and_compare(changed, &expected, path)
                });
                let passed = outcome.status.as_str() == &*row.expected && differs.is_none();
                let status = if differs.is_some() { "another object".to_owned() } else { outcome.status.to_string() };
                return Some(Got { status, passed, why: differs.unwrap_or_else(|| outcome.message.clone()) });
            }
        }
        None
    }
}

#[cfg(test)]
mod tests;
