//! Running a suite.

use std::collections::BTreeMap;
use std::sync::Arc;

use probity_core::{Expectation, Inventory, Limits, Lookup, PolicyContext, Timestamp, Tree};
use probity_value::{Data, Number, SourceMap, Span, Value, yaml};

use super::parse::{Case, Suite, Test};
use crate::action::EnforcementPoint;
use crate::constraint::{self, Checked, Constraint, Found};
use crate::expansion::{self, Expansion};
use crate::inventory;
use crate::matching::Origin;
use crate::read::{self, Fault};
use crate::review::Review;
use crate::set::Shared;
use crate::template::{self, Template};

/// What a run may use.
#[derive(Clone, Copy)]
pub struct Means<'a> {
    /// The files.
    pub tree: &'a dyn Tree,
    /// Takes their texts in.
    pub sources: &'a SourceMap,
    /// Bounds of each evaluation.
    pub limits: Limits,
    /// The time policies see.
    pub now: Timestamp,
    /// Who answers questions.
    pub lookup: &'a dyn Lookup,
}

impl std::fmt::Debug for Means<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Means").field("limits", &self.limits).finish_non_exhaustive()
    }
}

/// What came of a suite.
#[derive(Clone, Debug, Default)]
pub struct Run {
    /// One expectation for each case, and for each test that has none.
    pub expectations: Vec<Expectation>,
    /// Tests and cases that the suite leaves out by `skip`, by name.
    pub skipped: Vec<String>,
}

/// Whether a document is a suite.
#[must_use]
pub fn is_suite(value: &Value) -> bool {
    read::group_of(value) == "test.gatekeeper.sh" && read::kind_of(value) == "Suite"
}

/// Runs the suite in a file; nothing where the file holds none.
#[must_use]
pub fn run(file: &str, means: &Means<'_>) -> Option<Run> {
    let runner = Runner { means: *means, file: file.into(), folder: folder(file) };
    let expectation = |at: Span, why: String| runner.failed(at, "", "", "a suite that can be read", why);
    let value = match runner.documents(file) {
        Ok(documents) => documents.into_iter().next().filter(is_suite)?,
        // A file that cannot be read is a suite only if it looks like one.
        Err(why) => {
            let bytes = means.tree.read(file).ok()?;
            let text = String::from_utf8_lossy(&bytes);
            let looks = text.contains("test.gatekeeper.sh/") && text.lines().any(|line| line.trim_end() == "kind: Suite");
            return looks.then(|| Run { expectations: vec![expectation(Span::NONE, why)], skipped: Vec::new() });
        }
    };
    Some(match Suite::read(&value) {
        Ok(suite) => runner.suite(&suite),
        Err(fault) => Run { expectations: vec![expectation(fault.at, runner.words(&[fault]))], skipped: Vec::new() },
    })
}

fn folder(file: &str) -> Arc<str> {
    file.rsplit_once('/').map_or("", |(folder, _)| folder).into()
}

/// A test made ready.
struct Ready {
    constraint: Constraint,
    expansion: Expansion,
}

/// Why a test cannot be made ready.
struct NotReady {
    why: String,
    /// Whether the constraint does not fit the schema of its template.
    schema: bool,
}

impl NotReady {
    fn new(why: impl Into<String>) -> NotReady {
        NotReady { why: why.into(), schema: false }
    }
}

type Templates = BTreeMap<Arc<str>, Result<Arc<Template>, String>>;

struct Runner<'a> {
    means: Means<'a>,
    file: Arc<str>,
    folder: Arc<str>,
}

impl Runner<'_> {
    fn suite(&self, suite: &Suite) -> Run {
        let mut out = Run::default();
        let mut templates = Templates::new();
        if suite.skip {
            out.skipped.push(self.file.to_string());
            return out;
        }
        for test in &suite.tests {
            if test.skip {
                out.skipped.push(test.name.to_string());
            } else {
                self.test(test, &mut templates, &mut out);
            }
        }
        out
    }

    fn test(&self, test: &Test, templates: &mut Templates, out: &mut Run) {
        let ready = self.ready(test, templates);
        if test.invalid {
            out.expectations.push(self.invalid(test, ready.err()));
            return;
        }
        let policy = match &ready {
            Ok(ready) => ready.constraint.rule().meta.id.to_string(),
            Err(_) => test.constraint.to_string(),
        };
        if test.cases.is_empty() {
            // Nothing is expected but that template and constraint are right.
            let mut expectation = self.failed(test.at, &policy, &test.name, "template and constraint are valid", String::new());
            match ready {
                Ok(_) => ("valid".clone_into(&mut expectation.actual), expectation.passed = true).1,
                Err(error) => expectation.why = error.why,
            }
            out.expectations.push(expectation);
            return;
        }
        for case in &test.cases {
            let name = format!("{}/{}", test.name, case.name);
            if case.skip {
                out.skipped.push(name);
                continue;
            }
            let expected = expected(case);
            out.expectations.push(match &ready {
                Err(error) => self.failed(case.at, &policy, &name, &expected, error.why.clone()),
                Ok(ready) => self.case(case, ready, &policy, &name, &expected),
            });
        }
    }

    fn failed(&self, at: Span, policy: &str, resource: &str, expected: &str, why: String) -> Expectation {
        Expectation {
            file: Arc::clone(&self.file),
            at,
            policy: policy.into(),
            rule: "".into(),
            resource: resource.into(),
            expected: expected.to_owned(),
            actual: "error".to_owned(),
            passed: false,
            why,
        }
    }

    /// A test that expects the constraint not to fit the schema.
    fn invalid(&self, test: &Test, error: Option<NotReady>) -> Expectation {
        let expected = "a constraint that does not fit the schema";
        let mut expectation = self.failed(test.at, &test.constraint, &test.name, expected, String::new());
        let passed = error.as_ref().is_some_and(|error| error.schema);
        let (actual, why) = match error {
            Some(error) if error.schema => (expected.to_owned(), error.why),
            Some(error) => ("another error".to_owned(), error.why),
            None => ("a valid constraint".to_owned(), "the constraint should have failed the schema of its template".to_owned()),
        };
        expectation.passed = passed;
        expectation.actual = actual;
        expectation.why = why;
        expectation
    }

    fn ready(&self, test: &Test, templates: &mut Templates) -> Result<Ready, NotReady> {
        if test.template.is_empty() {
            return Err(NotReady::new("the test names no template"));
        }
        let template = templates.entry(Arc::clone(&test.template)).or_insert_with(|| self.template(&test.template)).clone();
        let template = template.map_err(NotReady::new)?;
        if test.constraint.is_empty() {
            return Err(NotReady::new("the test names no constraint"));
        }
        let path = self.path(&test.constraint);
        let value = self.first(&path).map_err(NotReady::new)?;
        if read::group_of(&value) != constraint::GROUP {
            return Err(NotReady::new(format!("`{path}` is no constraint")));
        }
        if read::kind_of(&value).to_lowercase() != template.kind.to_lowercase() {
            let message = format!("there is no template `{}` for the constraint `{path}`", read::kind_of(&value).to_lowercase());
            return Err(NotReady::new(message));
        }
        let checked = Checked::read(&value, &template, EnforcementPoint::Gator, &mut Vec::new())
            .map_err(|refusal| NotReady { why: self.words(&refusal.faults), schema: refusal.schema })?;
        let expansion =
            if test.expansion.is_empty() { Expansion::default() } else { self.expansion(&test.expansion).map_err(NotReady::new)? };
        let shared = Arc::new(Shared { point: EnforcementPoint::Gator, ..Shared::default() });
        Ok(Ready { constraint: checked.bind(&shared), expansion })
    }

    fn template(&self, name: &str) -> Result<Arc<Template>, String> {
        let path = self.path(name);
        let value = self.first(&path)?;
        if !template::is_template(&value) {
            return Err(format!("`{path}` is no ConstraintTemplate"));
        }
        let file = Arc::from(path.as_str());
        Template::read(&value, &file, self.means.sources, &mut Vec::new()).map(Arc::new).map_err(|faults| self.words(&faults))
    }

    fn expansion(&self, name: &str) -> Result<Expansion, String> {
        let path = self.path(name);
        let documents = self.objects(&path)?;
        let mut templates = Vec::new();
        for value in &documents {
            if read::group_of(value) != expansion::GROUP || read::kind_of(value) != "ExpansionTemplate" {
                return Err(format!("`{path}` holds something that is no ExpansionTemplate"));
            }
            let template = expansion::Template::read(value, &mut Vec::new()).map_err(|fault| self.words(&[fault]))?;
            templates.retain(|known: &expansion::Template| known.name != template.name);
            templates.push(template);
        }
        let (expansion, faults) = Expansion::of(templates);
        let faults: Vec<Fault> = faults.into_iter().map(|(_, fault)| fault).collect();
        if faults.is_empty() { Ok(expansion) } else { Err(self.words(&faults)) }
    }

    fn case(&self, case: &Case, ready: &Ready, policy: &str, name: &str, expected: &str) -> Expectation {
        let mut out = self.failed(case.at, policy, name, expected, String::new());
        if case.object.is_empty() {
            out.why = "the case must define an object".to_owned();
            return out;
        }
        if case.assertions.is_empty() {
            out.why = "the case has no assertions".to_owned();
            return out;
        }
        match self.review(case, ready) {
            Err(why) => out.why = why,
            Ok(results) => {
                out.actual = format!("{} violations", results.messages.len());
                out.passed = true;
                let mut why = Vec::new();
                for assertion in &case.assertions {
                    match assertion {
                        Err(wrong) => {
                            out.passed = false;
                            why.push(wrong.clone());
                        }
                        Ok(assertion) => {
                            let (matching, fits) = assertion.check(&results.messages);
                            if !fits {
                                out.passed = false;
                                why.push(format!("expected {}, got {matching}", assertion.words()));
                            }
                        }
                    }
                }
                why.extend(results.messages.iter().map(|message| format!("violation: {message}")));
                why.extend(results.notes);
                if let Some(fatal) = results.fatal {
                    out.passed = false;
                    "error".clone_into(&mut out.actual);
                    why.insert(0, fatal);
                }
                out.why = why.join("\n");
            }
        }
        out
    }

    fn review(&self, case: &Case, ready: &Ready) -> Result<Results, String> {
        let path = self.path(&case.object);
        let objects = self.objects(&path)?;
        let [object] = objects.as_slice() else {
            return Err(format!("`{path}` defines {} objects, but has to define exactly one", objects.len()));
        };
        let mut inventory = Inventory::default();
        for name in &case.inventory {
            let path = self.path(name);
            for object in self.objects(&path)? {
                if let Some(why) = inventory::refused(&object) {
                    return Err(format!("`{path}` cannot be added to the inventory: {why}"));
                }
                inventory.objects.push(object);
            }
        }
        let inventory = Arc::new(inventory);
        let prepared = inventory::Cache::default().prepared(&inventory);
        let context = PolicyContext {
            lookup: self.means.lookup,
            inventory: &inventory,
            limits: self.means.limits,
            now: self.means.now,
            interrupted: &|| false,
        };
        let mut results = Results::default();
        let judge = |review: &Review<'_>| {
            if ready.constraint.is_enforced() { ready.constraint.judge(review, &prepared, &context) } else { Found::NotMatched }
        };
        if read::kind_of(object) == "AdmissionReview" && read::group_of(object) == "admission.k8s.io" {
            results.add(judge(&Review::of_admission(object)?), "");
            return Ok(results);
        }
        results.add(judge(&Review::of_object(object, Origin::Original)), "");
        for made in ready.expansion.expand(object).map_err(|why| format!("the object cannot be expanded: {why}"))? {
            results.add(judge(&Review::of_object(&made.object, Origin::Generated)), &format!("[Implied by {}] ", made.template));
        }
        Ok(results)
    }

    fn path(&self, name: &str) -> String {
        // As Go joins paths: what begins with a slash lies below the folder too.
        let name = name.trim_start_matches('/');
        if self.folder.is_empty() { name.to_owned() } else { format!("{}/{name}", self.folder) }
    }

    /// The documents of a file, as Gatekeeper's reader takes them.
    fn documents(&self, path: &str) -> Result<Vec<Value>, String> {
        let bytes = self.means.tree.read(path).map_err(|error| format!("`{path}` cannot be read: {error}"))?;
        let text = std::str::from_utf8(&bytes).map_err(|_| format!("`{path}` is no UTF-8 text"))?;
        let id = self.means.sources.add(path, text);
        let options = yaml::ParseOptions { octal_1_1: true, ..yaml::ParseOptions::default() };
        let (documents, problems) = yaml::parse_with(text, id, options);
        let refused = problems.iter().find(|problem| problem.fatal || matches!(problem.code, "yaml-duplicate-key" | "json-duplicate-key"));
        match refused {
            None => match documents.iter().find_map(|document| infinite(&document.value)) {
                None => Ok(documents.into_iter().map(|document| document.value).collect()),
                Some(at) => Err(format!("{}: a number that is not finite", self.place(at))),
            },
            Some(problem) => Err(format!("{}: {}", self.place(problem.span), problem.message)),
        }
    }

    /// The first document of a file.
    fn first(&self, path: &str) -> Result<Value, String> {
        self.documents(path)?.into_iter().next().ok_or_else(|| format!("`{path}` is empty"))
    }

    /// The objects of a file; documents without anything are passed over.
    fn objects(&self, path: &str) -> Result<Vec<Value>, String> {
        let found: Vec<Value> = self.documents(path)?.into_iter().filter(|value| !value.is_null()).collect();
        if found.is_empty() {
            return Err(format!("`{path}` defines no objects"));
        }
        match found.iter().find(|value| read::kind_of(value).is_empty()) {
            None => Ok(found),
            Some(value) => Err(format!("{}: an object without `kind`", self.place(value.span))),
        }
    }

    fn place(&self, at: Span) -> String {
        match self.means.sources.locate(at) {
            Some((file, start, _)) => format!("{file}:{}:{}", start.line, start.column),
            None => self.file.to_string(),
        }
    }

    fn words(&self, faults: &[Fault]) -> String {
        faults.iter().map(|fault| format!("{}: {}", self.place(fault.at), fault.message)).collect::<Vec<_>>().join("\n")
    }
}

/// Where a number is that JSON cannot write.
fn infinite(value: &Value) -> Option<Span> {
    match &value.data {
        Data::Number(Number::Float(number)) if !number.is_finite() => Some(value.span),
        Data::List(items) => items.iter().find_map(infinite),
        Data::Map(map) => map.values().find_map(infinite),
        _ => None,
    }
}

/// What is expected of a case, in words.
fn expected(case: &Case) -> String {
    let words: Vec<String> =
        case.assertions.iter().map(|assertion| assertion.as_ref().map_or_else(Clone::clone, |known| known.words())).collect();
    if words.is_empty() { "something".to_owned() } else { words.join(", ") }
}

/// Results of a case.
#[derive(Default)]
struct Results {
    messages: Vec<String>,
    notes: Vec<String>,
    fatal: Option<String>,
}

impl Results {
    fn add(&mut self, found: Found, prefix: &str) {
        match found {
            Found::NotMatched => self.notes.push(format!("{prefix}the constraint does not match")),
            Found::Rejected(why) | Found::Unknown(why) => self.messages.push(format!("{prefix}{why}")),
            Found::Judged(judgement) => {
                if judgement.fatal {
                    self.fatal = judgement.errors.first().map(|(message, _)| message.clone());
                }
                self.messages.extend(judgement.violations.into_iter().map(|violation| format!("{prefix}{}", violation.message)));
                for (message, _) in judgement.errors {
                    self.notes.push(format!("{prefix}counted as a violation, as Gatekeeper does: {message}"));
                    self.messages.push(format!("{prefix}{message}"));
                }
                self.notes.extend(judgement.mute.into_iter().map(|(message, _)| message));
                self.notes.extend(judgement.ignored.into_iter().map(|message| format!("ignored, as the failure policy says: {message}")));
                self.notes.extend(judgement.skipped);
            }
        }
    }
}
