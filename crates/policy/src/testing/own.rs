//! Our own test files: for policies whose language has none (ValidatingAdmissionPolicy), and for all the others too.
//!
//! ```yaml
//! apiVersion: test.probity.dev/v1
//! kind: PolicyTest
//! policies: [policy.yaml, bindings/]        # files and folders beside this one
//! lookup: lookup.yaml                       # answers; or a map with them
//! now: 2026-01-31T12:00:00Z
//! tests:
//! - name: more than five replicas
//!   object: {apiVersion: apps/v1, kind: Deployment, ...}   # or the name of a file
//!   old: ...                                # the object as it was
//!   operation: UPDATE                       # CREATE where nothing is said
//!   user: {username: eve, groups: [dev]}
//!   namespace: {metadata: {labels: {team: a}}}
//!   expect:
//!   - {policy: replicas, status: fail, message: too many}  # rule: one of its rules; message: a part of it
//!   patched: ...                            # the object after all mutations
//!   generated: [...]                        # objects that policies make, in order
//! ```

use std::sync::Arc;

use probity_core::{
    Diagnostic, Expectation, Inventory, Level, Limits, Operation, Outcome, PolicyDocument, Request, Status, Timestamp, Tree, UserInfo,
};
use probity_value::{Map, SourceMap, Span, Value, json, yaml};

use super::{TestContext, difference, folder_of, join};
use crate::load::load_files;
use crate::lookup::Fixture;
use crate::set::{Decided, Evaluation, PolicySet};

const KEYS: &[&str] = &["apiVersion", "kind", "metadata", "policies", "lookup", "now", "tests"];
const TEST_KEYS: &[&str] =
    &["name", "object", "old", "operation", "user", "namespace", "subResource", "dryRun", "options", "expect", "patched", "generated"];
const EXPECT_KEYS: &[&str] = &["policy", "rule", "status", "message"];
const STATUSES: &[&str] = &["pass", "fail", "warn", "skip", "unknown", "error", "none"];

/// Whether a document is one of our test files.
pub(super) fn is_test(object: &Value) -> bool {
    let text = |key: &str| object.get(key).and_then(Value::as_str).unwrap_or_default();
    text("apiVersion").starts_with("test.probity.dev/") && text("kind") == "PolicyTest"
}

/// One test file that is being run.
struct Run<'a> {
    file: &'a Arc<str>,
    context: &'a TestContext<'a>,
    out: Vec<Expectation>,
}

/// Runs one test file. What is wrong with the file is an expectation that is not met.
pub(super) fn run(file: &Arc<str>, document: &Value, context: &TestContext<'_>) -> Vec<Expectation> {
    let mut run = Run { file, context, out: Vec::new() };
    run.file(document);
    run.out
}

impl Run<'_> {
    /// Something about the file itself is wrong.
    fn wrong(&mut self, at: Span, why: impl Into<String>) {
        self.out.push(Expectation {
            file: Arc::clone(self.file),
            at,
            policy: "".into(),
            rule: "".into(),
            resource: "".into(),
            expected: "a test that can be run".to_owned(),
            actual: "an error".to_owned(),
            passed: false,
            why: why.into(),
        });
    }

    fn keys(&mut self, map: &Map, known: &[&str]) {
        let unknown: Vec<(String, Span)> = map
            .iter()
            .filter(|(key, _)| !known.contains(&&***key))
            .map(|(key, entry)| (format!("`{key}` is none of {}", known.join(", ")), entry.key))
            .collect();
        unknown.into_iter().for_each(|(why, at)| self.wrong(at, why));
    }

    fn file(&mut self, document: &Value) {
        let Some(map) = document.as_map() else { return self.wrong(document.span, "a test file is a map") };
        self.keys(map, KEYS);
        let paths = self.paths(map);
        let loaded = load_files(self.context.tree, &paths, self.context.sources);
        let errors: Vec<Diagnostic> = loaded.diagnostics.iter().filter(|one| one.level == Level::Error).cloned().collect();
        for error in errors {
            self.wrong(error.span, format!("{}: {}", error.file, error.message));
        }
        let mut fixture = match map.get("lookup") {
            None => Fixture::new(),
            Some(given) => self.fixture(given),
        };
        for object in &loaded.others {
            fixture.add_object(object.clone());
        }
        let now = match map.get("now").map(|value| (value, value.as_str().and_then(super::timestamp))) {
            None => self.context.now,
            Some((_, Some(now))) => now,
            Some((value, None)) => {
                self.wrong(value.span, "`now` is a time such as 2026-01-31T12:00:00Z");
                self.context.now
            }
        };
        let tests = map.get("tests").and_then(Value::as_list).unwrap_or_default();
        if tests.is_empty() {
            self.wrong(document.span, "`tests` is missing: nothing is tested");
        }
        for test in tests {
            self.test(test, &loaded.set, &loaded.documents, &fixture, now);
        }
    }

    /// The policy files that are named; folders stand for all files in them.
    fn paths(&mut self, map: &Map) -> Vec<Arc<str>> {
        let mut out: Vec<Arc<str>> = Vec::new();
        let named: Vec<(String, Span)> = map
            .get("policies")
            .and_then(Value::as_list)
            .unwrap_or_default()
            .iter()
            .map(|value| (value.as_str().unwrap_or_default().to_owned(), value.span))
            .collect();
        if named.is_empty() {
            self.wrong(Span::NONE, "`policies` is missing");
        }
        for (name, at) in named {
            let Some(path) = join(folder_of(self.file), &name) else {
                self.wrong(at, format!("`{name}` leads out of the folder that is tested"));
                continue;
            };
            let before = out.len();
            if self.context.tree.contains(&path) {
                out.push(path.as_str().into());
            } else {
                out.extend(self.context.tree.below(&path).iter().map(|file| Arc::clone(&file.path)));
            }
            if out.len() == before {
                self.wrong(at, format!("there is no file or folder `{name}`"));
            }
        }
        out
    }

    /// An inline value, or the first document of a file that is named.
    fn value(&mut self, given: &Value) -> Option<Value> {
        let Some(name) = given.as_str() else { return Some(given.clone()) };
        match read_documents(self.context.tree, self.context.sources, folder_of(self.file), name) {
            Ok(mut documents) if documents.len() == 1 => Some(documents.remove(0)),
            Ok(documents) => {
                self.wrong(given.span, format!("`{name}` holds {} documents, not one", documents.len()));
                None
            }
            Err(why) => {
                self.wrong(given.span, why);
                None
            }
        }
    }

    fn fixture(&mut self, given: &Value) -> Fixture {
        let Some(value) = self.value(given) else { return Fixture::new() };
        Fixture::read(&value).unwrap_or_else(|errors| {
            errors.into_iter().for_each(|error| self.wrong(error.at, error.message));
            Fixture::new()
        })
    }

    fn test(&mut self, test: &Value, set: &PolicySet, documents: &[PolicyDocument], fixture: &Fixture, now: Timestamp) {
        let Some(map) = test.as_map() else { return self.wrong(test.span, "a test is a map") };
        self.keys(map, TEST_KEYS);
        let Some(name) = map.get("name").and_then(Value::as_str) else { return self.wrong(test.span, "a test needs a `name`") };
        let Some(request) = self.request(test, map) else { return };
        let with = Evaluation {
            lookup: fixture,
            inventory: &Arc::new(Inventory::default()),
            limits: Limits::default(),
            now,
            stopwatch: self.context.stopwatch,
        };
        let decided = set.evaluate(&request, &with);
        let expects = map.get("expect").and_then(Value::as_list).unwrap_or_default();
        if expects.is_empty() && map.get("patched").is_none() && map.get("generated").is_none() {
            self.wrong(test.span, format!("`{name}` expects nothing"));
        }
        for expect in expects {
            self.expect(name, expect, &decided, set, documents);
        }
        if let Some(given) = map.get("patched")
            && let Some(wanted) = self.value(given)
        {
            self.compare(name, "patched", given.span, &wanted, Some(&decided.object));
        }
        for (position, given) in map.get("generated").and_then(Value::as_list).unwrap_or_default().iter().enumerate() {
            if let Some(wanted) = self.value(given) {
                self.compare(name, "generated", given.span, &wanted, decided.generated().nth(position));
            }
        }
        if let Some(list) = map.get("generated") {
            let (wanted, made) = (list.as_list().unwrap_or_default().len(), decided.generated().count());
            if made > wanted {
                self.compare(name, "generated", list.span, &Value::null(list.span), decided.generated().nth(wanted));
            }
        }
    }

    fn request(&mut self, test: &Value, map: &Map) -> Option<Request> {
        let object = match map.get("object") {
            Some(given) => self.value(given)?,
            None => Value::null(test.span),
        };
        let old = match map.get("old") {
            Some(given) => self.value(given)?,
            None => Value::null(test.span),
        };
        if object.is_null() && old.is_null() {
            self.wrong(test.span, "a test needs an `object`");
            return None;
        }
        let operation = match map.get("operation").map(|value| (value, value.as_str().unwrap_or_default().parse::<Operation>())) {
            None => Operation::Create,
            Some((_, Ok(operation))) => operation,
            Some((value, Err(error))) => {
                self.wrong(value.span, error.to_string());
                return None;
            }
        };
        let basis = if object.is_null() { old.clone() } else { object.clone() };
        let mut request = Request::create(basis);
        // As the API server sees it: what is taken away is the old object.
        if operation == Operation::Delete && old.is_null() {
            request.old_object = object;
            request.object = Value::null(test.span);
        } else {
            request.object = object;
            request.old_object = old;
        }
        request.operation = operation;
        if let Some(user) = map.get("user") {
            request.user = user_info(user);
        }
        request.namespace_object = match map.get("namespace") {
            Some(given) => Some(self.value(given)?),
            None => None,
        };
        request.sub_resource = map.get("subResource").and_then(Value::as_str).unwrap_or_default().into();
        request.dry_run = map.get("dryRun").and_then(Value::as_bool).unwrap_or(false);
        if let Some(options) = map.get("options") {
            request.options = options.clone();
        }
        Some(request)
    }

    fn expect(&mut self, name: &str, expect: &Value, decided: &Decided, set: &PolicySet, documents: &[PolicyDocument]) {
        let Some(map) = expect.as_map() else { return self.wrong(expect.span, "an expectation is a map") };
        self.keys(map, EXPECT_KEYS);
        let text = |key: &str| map.get(key).and_then(Value::as_str).unwrap_or_default();
        let (policy, rule, status) = (text("policy"), text("rule"), text("status"));
        if policy.is_empty() || !STATUSES.contains(&status) {
            return self.wrong(expect.span, format!("an expectation needs `policy` and `status`, one of {}", STATUSES.join(", ")));
        }
        let known = set.rules().any(|one| *one.policy == *policy && (rule.is_empty() || *one.name == *rule));
        if !known {
            let there = documents.len();
            let what =
                if rule.is_empty() { format!("no policy is called `{policy}`") } else { format!("no rule is called `{policy}/{rule}`") };
            return self.wrong(expect.span, format!("{what} ({there} policy documents were read)"));
        }
        let answers: Vec<&Outcome> = decided
            .outcomes
            .iter()
            .filter(|outcome| *outcome.rule.policy == *policy && (rule.is_empty() || *outcome.rule.name == *rule))
            .collect();
        let actual = verdict_of(&answers).map_or("none", Status::as_str);
        let message = text("message");
        let said = answers.iter().any(|outcome| outcome.message.contains(message));
        let messages: Vec<&str> = answers.iter().map(|outcome| &*outcome.message).filter(|message| !message.is_empty()).collect();
        let passed = actual == status && (message.is_empty() || said);
        let mut why = messages.join("; ");
        if actual == status && !passed {
            why = format!("no message contains `{message}`: {why}");
        }
        self.out.push(Expectation {
            file: Arc::clone(self.file),
            at: expect.span,
            policy: policy.into(),
            rule: rule.into(),
            resource: name.into(),
            expected: status.to_owned(),
            actual: actual.to_owned(),
            passed,
            why,
        });
    }

    fn compare(&mut self, name: &str, what: &str, at: Span, wanted: &Value, made: Option<&Value>) {
        let none = Value::null(Span::NONE);
        let made = made.unwrap_or(&none);
        let passed = wanted == made;
        self.out.push(Expectation {
            file: Arc::clone(self.file),
            at,
            policy: "".into(),
            rule: "".into(),
            resource: name.into(),
            expected: what.to_owned(),
            actual: if passed { what } else { "something else" }.to_owned(),
            passed,
            why: if passed { String::new() } else { difference(wanted, made) },
        });
    }
}

/// What the answers of several rules come to: the worst of them.
fn verdict_of(answers: &[&Outcome]) -> Option<Status> {
    let order = [Status::Error, Status::Fail, Status::Unknown, Status::Warn, Status::Pass, Status::Skip];
    order.into_iter().find(|status| answers.iter().any(|outcome| outcome.status == *status))
}

/// A user as in an admission request (`authentication.k8s.io/v1 UserInfo`), with the `roles` and `clusterRoles` of Kyverno.
pub fn user_info(value: &Value) -> UserInfo {
    let text = |key: &str| -> Arc<str> { value.get(key).and_then(Value::as_str).unwrap_or_default().into() };
    let list = |value: Option<&Value>| -> Vec<Arc<str>> {
        value.and_then(Value::as_list).unwrap_or_default().iter().filter_map(|item| item.as_str().map(Arc::from)).collect()
    };
    let extra = value.get("extra").and_then(Value::as_map);
    UserInfo {
        username: text("username"),
        uid: text("uid"),
        groups: list(value.get("groups")),
        extra: extra.map(|map| map.iter().map(|(name, entry)| (Arc::clone(name), list(Some(&entry.value)))).collect()).unwrap_or_default(),
        roles: list(value.get("roles")),
        cluster_roles: list(value.get("clusterRoles")),
    }
}

/// All documents of a file beside another.
pub(crate) fn read_documents(tree: &dyn Tree, sources: &SourceMap, folder: &str, name: &str) -> Result<Vec<Value>, String> {
    let path = join(folder, name).ok_or_else(|| format!("`{name}` leads out of the folder that is tested"))?;
    let bytes = tree.read(&path).map_err(|error| format!("`{name}` cannot be read: {error}"))?;
    let text = std::str::from_utf8(&bytes).map_err(|_| format!("`{name}` is not UTF-8 text"))?;
    let number = sources.add(path.as_str(), text);
    let (values, problems) = if path.ends_with(".json") {
        let (value, problems) = json::parse(text, number);
        (vec![value], problems)
    } else {
        let (documents, problems) = yaml::parse(text, number);
        (documents.into_iter().map(|document| document.value).filter(|value| !value.is_null()).collect(), problems)
    };
    match problems.iter().find(|problem| problem.fatal) {
        Some(problem) => Err(format!("`{name}` cannot be read: {}", problem.message)),
        None => Ok(values),
    }
}
