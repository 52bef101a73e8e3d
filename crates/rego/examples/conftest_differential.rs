//! Compares our verdicts with Conftest's over the cases of a folder: one JSON object a (policy, input) pair on standard output, a line of
//! numbers on standard error.
//!
//! `cargo run -p probity-rego --example conftest_differential -- [FOLDER]`. Where a program `conftest` can be run (named by `CONFTEST`, or
//! found on the path) its answer counts, else what was written down of it.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a tool of the developers"
)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use probity_core::{Inventory, Limits, NoLookup, PolicyContext, Timestamp};
use probity_inputs::{Kind, combine, detect, document, split};
use probity_rego::conftest::{Check, Options, Policies, gather, verify};
use probity_rego::{Term, Version};
use probity_testkit::MapTree;
use probity_value::{SourceMap, Value, json};

/// What is said of one input, in an order that does not depend on chance.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Verdict {
    namespace: String,
    successes: usize,
    failures: Vec<String>,
    warnings: Vec<String>,
    exceptions: usize,
}

impl Verdict {
    fn shown(&self) -> String {
        format!(
            "{}: fail {:?} warn {:?} exceptions {} successes {}",
            self.namespace, self.failures, self.warnings, self.exceptions, self.successes
        )
    }
}

pub(crate) type Verdicts = Result<Vec<Verdict>, String>;

pub(crate) fn shown(verdicts: &Verdicts) -> String {
    match verdicts {
        Ok(verdicts) => verdicts.iter().map(Verdict::shown).collect::<Vec<_>>().join("; "),
        Err(_) => "error".to_owned(),
    }
}

fn denies(verdicts: &Verdicts) -> bool {
    verdicts.as_ref().map_or(true, |verdicts| verdicts.iter().any(|verdict| !verdict.failures.is_empty()))
}

fn files(folder: &Path, prefix: &str, found: &mut Vec<(String, Vec<u8>)>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = format!("{prefix}{}", path.file_name().expect("a name").to_string_lossy());
        if path.is_dir() {
            files(&path, &format!("{name}/"), found);
        } else {
            found.push((name, std::fs::read(&path).expect("a file")));
        }
    }
}

/// What a case asks for, as flags of Conftest.
pub(crate) struct Case {
    folder: PathBuf,
    flags: Vec<String>,
    pub(crate) runs: Vec<Vec<String>>,
    expected: Vec<Value>,
}

impl Case {
    pub(crate) fn read(folder: PathBuf) -> Case {
        let parsed = |name: &str| {
            let text = std::fs::read_to_string(folder.join(name)).expect(name);
            json::parse(&text, probity_value::FileId(0)).0
        };
        let (case, expected) = (parsed("case.json"), parsed("expected.json"));
        let texts = |value: &Value| value.as_list().unwrap_or_default().iter().filter_map(Value::as_str).map(str::to_owned).collect();
        let flags = case.get("flags").map(texts).unwrap_or_default();
        let runs = case.get("runs").and_then(Value::as_list).unwrap_or_default().iter().map(texts).collect();
        Case { folder, flags, runs, expected: expected.as_list().unwrap_or_default().to_vec() }
    }

    fn flag(&self, name: &str) -> Option<&str> {
        let at = self.flags.iter().position(|flag| flag == name)?;
        self.flags.get(at + 1).map(String::as_str)
    }

    fn has(&self, name: &str) -> bool {
        self.flags.iter().any(|flag| flag == name)
    }

    pub(crate) fn ours(&self, inputs: &[String]) -> Verdicts {
        let mut found = Vec::new();
        files(&self.folder, "", &mut found);
        let tree = Arc::new(MapTree::new(found));
        let sources = SourceMap::new();
        let data: Vec<&str> = self.flag("--data").into_iter().collect();
        let first = |problems: Vec<probity_core::Diagnostic>| problems.first().map_or(String::new(), |problem| problem.message.clone());
        let gathered = gather(&*tree, &sources, &["policy"], &data).map_err(first)?;
        let options = Options {
            namespaces: vec![self.flag("--namespace").unwrap_or("main").into()],
            all_namespaces: self.has("--all-namespaces"),
            version: if self.flag("--rego-version") == Some("v0") { Version::V0 } else { Version::V1 },
            ..Options::default()
        };
        let policies = Policies::compile(&gathered, &options, Some(tree)).map_err(first)?;
        let mut documents = Vec::new();
        for input in inputs {
            let text = std::fs::read_to_string(self.folder.join(input)).map_err(|error| error.to_string())?;
            let kind: Kind = match self.flag("--parser") {
                Some(name) => name.parse().map_err(|error: probity_inputs::UnknownKind| error.to_string())?,
                None => detect(input).ok_or("no parser is known for this name")?,
            };
            let file = sources.add(input.as_str(), text.as_str());
            let value = document(kind, &text, file)
                .map_err(|problems| problems.first().map_or(String::new(), |problem| problem.message.clone()))?;
            documents.push((Arc::<str>::from(input.as_str()), value));
        }
        let (path, documents) = if self.has("--combine") {
            ("Combined".to_owned(), vec![combine(documents)])
        } else {
            (inputs.join(","), documents.into_iter().flat_map(|(_, value)| split(value)).collect())
        };
        let inventory = Arc::new(Inventory::default());
        let context = context(&inventory);
        let mut sums: Vec<Verdict> = policies.namespaces().map(|name| empty(name)).collect();
        for document in &documents {
            for check in policies.check(document, &path, &context) {
                if let Some(error) = check.errors.first() {
                    return Err(format!("{}: {}", error.rule.name, error.message));
                }
                if let Some(verdict) = sums.iter_mut().find(|verdict| *verdict.namespace == *check.namespace) {
                    add(verdict, check);
                }
            }
        }
        for verdict in &mut sums {
            verdict.failures.sort();
            verdict.warnings.sort();
        }
        sums.sort();
        Ok(sums)
    }

    /// What the program says; `None` where there is none.
    fn peer(&self, inputs: &[String]) -> Option<Verdicts> {
        let program = std::env::var("CONFTEST").unwrap_or_else(|_| "conftest".to_owned());
        let output = Command::new(program)
            .current_dir(&self.folder)
            .args(["test", "--policy", "policy", "--output", "json", "--no-color"])
            .args(&self.flags)
            .args(inputs)
            .output()
            .ok()?;
        let text = String::from_utf8_lossy(&output.stdout);
        let (value, problems) = json::parse(&text, probity_value::FileId(0));
        if !problems.is_empty() || value.as_list().is_none() {
            return Some(Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
        }
        let messages = |value: &Value, name: &str| {
            let items = value.get(name).and_then(Value::as_list).unwrap_or_default();
            let mut texts: Vec<String> = items.iter().filter_map(|item| item.get("msg")?.as_str().map(str::to_owned)).collect();
            texts.sort();
            texts
        };
        let mut verdicts: Vec<Verdict> = value
            .as_list()
            .unwrap_or_default()
            .iter()
            .map(|value| Verdict {
                namespace: value.get("namespace").and_then(Value::as_str).unwrap_or_default().to_owned(),
                successes: count(value.get("successes")),
                failures: messages(value, "failures"),
                warnings: messages(value, "warnings"),
                exceptions: value.get("exceptions").and_then(Value::as_list).unwrap_or_default().len(),
            })
            .collect();
        verdicts.sort();
        Some(Ok(verdicts))
    }

    /// What our tests come to: failing ones by name, numbers of passed and skipped ones; `None` where there are none.
    fn our_tests(&self) -> Option<Verdicts> {
        let mut found = Vec::new();
        files(&self.folder, "", &mut found);
        let tree: Arc<MapTree> = Arc::new(MapTree::new(found));
        let sources = SourceMap::new();
        let data: Vec<&str> = self.flag("--data").into_iter().collect();
        let gathered = gather(&*tree, &sources, &["policy"], &data).ok()?;
        if !gathered.modules.iter().any(|module| module.text.contains("test_")) {
            return None;
        }
        let version = if self.flag("--rego-version") == Some("v0") { Version::V0 } else { Version::V1 };
        let inventory = Arc::new(Inventory::default());
        let done = match verify(&gathered, version, false, Some(tree), &sources, &context(&inventory)) {
            Ok(done) => done,
            Err(problems) => return Some(Err(problems.first().map_or(String::new(), |problem| problem.message.clone()))),
        };
        if let Some(error) = done.expectations.iter().find(|test| test.actual == "error") {
            return Some(Err(error.why.clone()));
        }
        let mut verdict = empty("tests");
        for test in done.expectations {
            match test.actual.as_str() {
                "pass" => verdict.successes += 1,
                "skip" => verdict.exceptions += 1,
                _ => verdict.failures.push(format!("data.{}.{}", test.policy, test.rule)),
            }
        }
        verdict.failures.sort();
        Some(Ok(vec![verdict]))
    }

    fn peer_tests(&self) -> Option<Verdicts> {
        let program = std::env::var("CONFTEST").unwrap_or_else(|_| "conftest".to_owned());
        let flags = self.flags.iter().filter(|flag| !matches!(flag.as_str(), "--all-namespaces" | "--combine"));
        let output = Command::new(program)
            .current_dir(&self.folder)
            .args(["verify", "--policy", "policy", "--output", "json", "--no-color"])
            .args(flags)
            .output()
            .ok()?;
        let (value, problems) = json::parse(&String::from_utf8_lossy(&output.stdout), probity_value::FileId(0));
        if !problems.is_empty() || value.as_list().is_none() {
            return Some(Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
        }
        let mut verdict = empty("tests");
        for file in value.as_list().unwrap_or_default() {
            verdict.successes += count(file.get("successes"));
            verdict.exceptions += file.get("skipped").and_then(Value::as_list).unwrap_or_default().len();
            let failures = file.get("failures").and_then(Value::as_list).unwrap_or_default();
            verdict.failures.extend(failures.iter().filter_map(|item| item.get("msg")?.as_str().map(str::to_owned)));
        }
        verdict.failures.sort();
        Some(Ok(vec![verdict]))
    }

    pub(crate) fn written(&self, run: usize) -> Verdicts {
        let Some(verdicts) = self.expected.get(run).and_then(Value::as_list) else { return Err("an error is expected".to_owned()) };
        let texts = |value: &Value, name: &str| {
            let items = value.get(name).and_then(Value::as_list).unwrap_or_default();
            items.iter().filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let mut verdicts: Vec<Verdict> = verdicts
            .iter()
            .map(|value| Verdict {
                namespace: value.get("namespace").and_then(Value::as_str).unwrap_or_default().to_owned(),
                successes: count(value.get("successes")),
                failures: texts(value, "failures"),
                warnings: texts(value, "warnings"),
                exceptions: count(value.get("exceptions")),
            })
            .collect();
        verdicts.sort();
        Ok(verdicts)
    }
}

fn context(inventory: &Arc<Inventory>) -> PolicyContext<'_> {
    PolicyContext {
        lookup: &NoLookup,
        inventory,
        limits: Limits::default(),
        now: Timestamp { seconds: 1_780_000_000, nanoseconds: 0 },
        interrupted: &|| false,
    }
}

fn count(value: Option<&Value>) -> usize {
    value.and_then(Value::as_int).and_then(|count| usize::try_from(count).ok()).unwrap_or(0)
}

fn empty(name: &str) -> Verdict {
    Verdict { namespace: name.to_owned(), successes: 0, failures: Vec::new(), warnings: Vec::new(), exceptions: 0 }
}

fn add(verdict: &mut Verdict, check: Check) {
    verdict.successes += check.successes;
    verdict.failures.extend(check.failures.into_iter().map(|answer| answer.message));
    verdict.warnings.extend(check.warnings.into_iter().map(|answer| answer.message));
    verdict.exceptions += check.exceptions.len();
}

/// Prints one comparison; whether both agree.
fn tell(id: String, ours: &Verdicts, theirs: &Verdicts) -> bool {
    let same = match (ours, theirs) {
        (Ok(ours), Ok(theirs)) => ours == theirs,
        (Err(_), Err(_)) => true,
        _ => false,
    };
    let kind: Term = match (same, denies(ours), denies(theirs)) {
        (true, ..) => Term::Null,
        (false, false, true) => "false-allow".into(),
        (false, ..) => "false-deny".into(),
    };
    let why = match (ours, theirs) {
        (Err(ours), _) => ours.clone(),
        (_, Err(theirs)) => theirs.clone(),
        _ => String::new(),
    };
    let line = Term::object(vec![
        ("id".into(), id.into()),
        ("expected".into(), shown(theirs).into()),
        ("actual".into(), shown(ours).into()),
        ("agreed".into(), Term::Bool(same)),
        ("kind".into(), kind),
        ("why".into(), why.into()),
    ]);
    println!("{}", line.to_json());
    same
}

fn main() {
    let folder = std::env::args().nth(1).map_or_else(|| PathBuf::from("crates/rego/tests/conftest"), PathBuf::from);
    let mut folders: Vec<PathBuf> = std::fs::read_dir(&folder).expect("the folder").map(|entry| entry.expect("an entry").path()).collect();
    folders.sort();
    let (mut pairs, mut agreed, mut by_peer) = (0, 0, 0);
    for folder in folders.into_iter().filter(|folder| folder.is_dir()) {
        let name = folder.file_name().expect("a name").to_string_lossy().into_owned();
        let case = Case::read(folder);
        for (run, inputs) in case.runs.iter().enumerate() {
            let peer = case.peer(inputs);
            by_peer += usize::from(peer.is_some());
            let theirs = peer.unwrap_or_else(|| case.written(run));
            pairs += 1;
            agreed += usize::from(tell(format!("{name} {}", inputs.join(",")), &case.ours(inputs), &theirs));
        }
        if let (Some(ours), Some(theirs)) = (case.our_tests(), case.peer_tests()) {
            pairs += 1;
            by_peer += 1;
            agreed += usize::from(tell(format!("{name} (tests)"), &ours, &theirs));
        }
    }
    eprintln!("{agreed} of {pairs} pairs agree; {by_peer} were asked of conftest itself");
}
