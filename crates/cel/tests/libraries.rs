//! Every function of the libraries, in at least five cases each.
#![expect(clippy::unwrap_used, reason = "the cases are ours")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use probity_cel::ast::ExprKind;
use probity_cel::libraries::{KUBERNETES, KYVERNO, authorizer, kyverno};
use probity_cel::{Bindings, Budget, Context, Environment, Library, Map, Program, Timestamp, Type, Value};
use probity_core::{Limits, Lookup, LookupError, Question, UserInfo};
use probity_value::{self as data, FileId, Span, json};

const FILES: &[(&str, &str)] = &[
    ("strings", include_str!("libraries/strings.txt")),
    ("lists", include_str!("libraries/lists.txt")),
    ("math", include_str!("libraries/math.txt")),
    ("kubernetes", include_str!("libraries/kubernetes.txt")),
    ("authorizer", include_str!("libraries/authorizer.txt")),
    ("kyverno", include_str!("libraries/kyverno.txt")),
    ("outside", include_str!("libraries/outside.txt")),
    ("namespaced", include_str!("libraries/namespaced.txt")),
];

const NAMESPACED: &[&Library] = &[&kyverno::resource::NAMESPACED, &kyverno::generator::NAMESPACED];
const SOME: &[&Library] = &[&kyverno::generator::LIBRARY, &kyverno::imageverify::LIBRARY];

/// Answers of the outside.
struct Fixture;

impl Lookup for Fixture {
    fn ask(&self, question: &Question) -> Result<data::Value, LookupError> {
        let given = |text: &str| Ok(json::parse(text, FileId::NONE).0);
        let nobody = || Err(LookupError::Unanswered("nobody knows".to_owned()));
        match question {
            Question::Object { namespace, name, .. } => match (&**namespace, &**name) {
                ("default", "settings") => given(r#"{"kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"a": "b"}}"#),
                (_, "gone") => Err(LookupError::Absent("the ConfigMap".to_owned())),
                _ => nobody(),
            },
            Question::Objects { kind, namespace, selector, .. } => match (&**kind, &**namespace, &**selector) {
                ("pods", "default", "") => given(r#"{"items": [{"metadata": {"name": "web"}}, {"metadata": {"name": "db"}}]}"#),
                ("pods", "default", "app=web") => given(r#"{"items": [{"metadata": {"name": "web"}}]}"#),
                _ => nobody(),
            },
            Question::Call { method, url, body } => match (&**method, &**url) {
                ("GET", "https://api/x") => given(r#"{"ok": true, "count": 2, "statusCode": 200}"#),
                ("GET", "https://api/gone") => Err(LookupError::Absent("the address".to_owned())),
                ("POST", "https://api/x" | "/api/v1/namespaces/default/configmaps") => Ok(body.clone().unwrap()),
                ("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews") => given(r#"{"status": {"allowed": true}}"#),
                _ => nobody(),
            },
            Question::Image { reference } => match &**reference {
                "ghcr.io/a/b:1" => {
                    given(r#"{"digest": "sha256:1", "config": {"architecture": "amd64"}, "manifest": {"schemaVersion": 2}}"#)
                }
                "ghcr.io/a/gone" => Err(LookupError::Absent("the image".to_owned())),
                _ => nobody(),
            },
            Question::Global { name, projection } => match (&**name, &**projection) {
                ("deployments", "") => given(r#"["a", "b"]"#),
                ("deployments", "count") => given("2"),
                ("gone", _) => Err(LookupError::Absent("the entry".to_owned())),
                _ => nobody(),
            },
            Question::Random { pattern } if &**pattern == "unknown" => nobody(),
            Question::Random { pattern } => Ok(data::Value::string(format!("text like {pattern}"), Span::NONE)),
            Question::Access { user, attributes } => {
                let attribute = |name: &str| {
                    attributes.iter().find(|(known, _)| &**known == name).and_then(|(_, value)| value.as_str()).unwrap_or_default()
                };
                let selectors: Vec<String> = [("fieldSelector", "fields"), ("labelSelector", "labels")]
                    .iter()
                    .filter(|(name, _)| !attribute(name).is_empty())
                    .map(|(name, word)| format!("{word} {}", attribute(name)))
                    .collect();
                match (attribute("path"), attribute("resource"), attribute("subresource"), attribute("verb")) {
                    ("/healthz", _, _, "get") => given(r#"{"allowed": true}"#),
                    ("/unknown", ..) => nobody(),
                    (_, "secrets", ..) => given(r#"{"allowed": false, "errored": true}"#),
                    (_, "configmaps", ..) => given(r#"{"allowed": false, "errored": true, "error": "a webhook is down"}"#),
                    (_, "broken", ..) => given("{}"),
                    (_, "pods", "log", _) => given(r#"{"allowed": false, "reason": "log is not allowed"}"#),
                    (_, "pods", "", "list") => given(&format!(r#"{{"allowed": false, "reason": "{}"}}"#, selectors.join(" "))),
                    (_, "pods", "", "create") => given(r#"{"allowed": true, "reason": "because"}"#),
                    (_, "pods", "", "delete") => given(&format!(r#"{{"allowed": {}}}"#, attribute("name") == "web")),
                    (_, "pods", "", "get") => {
                        let allowed = attribute("namespace") == "default" && !user.username.ends_with(":nobody");
                        given(&format!(r#"{{"allowed": {allowed}}}"#))
                    }
                    _ => given(r#"{"allowed": false}"#),
                }
            }
            _ => nobody(),
        }
    }
}

/// As the files write values.
fn show(value: &Value) -> String {
    match value {
        Value::String(text) => probity_kubernetes::duration::quote(text).replace('\u{180e}', "\\u180e").replace('\u{200b}', "\\u200b"),
        Value::Bytes(bytes) => format!("b\"{}\"", bytes.escape_ascii()),
        Value::Optional(None) => "none".to_owned(),
        Value::Optional(Some(value)) => format!("some({})", show(value)),
        Value::Double(_) => {
            let text = value.to_string();
            if text.contains(['.', 'e', 'i', 'n', 'I', 'N']) { text } else { format!("{text}.0") }
        }
        Value::List(items) => format!("[{}]", items.to_vec().unwrap().iter().map(show).collect::<Vec<_>>().join(", ")),
        Value::Map(map) => {
            let mut entries: Vec<String> =
                Map::entries(map).into_iter().map(|(key, value)| format!("{}: {}", show(&key), show(&value.unwrap()))).collect();
            entries.sort();
            format!("{{{}}}", entries.join(", "))
        }
        other => other.to_string(),
    }
}

struct Case {
    file: &'static str,
    section: String,
    text: String,
    expected: String,
    cost: Option<u64>,
}

fn cases() -> Vec<Case> {
    let literal = |pem: &str| pem.trim().replace('\n', "\\n");
    let certificates = [
        ("@{cert}", literal(include_str!("libraries/cert.pem"))),
        ("@{request}", literal(include_str!("libraries/request.pem"))),
        ("@{ec}", literal(include_str!("libraries/ec.pem"))),
    ];
    let mut all = Vec::new();
    for (file, text) in FILES {
        let (mut library, mut names) = ("", Vec::new());
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let Some((expression, expected)) = line.split_once(" ==> ") else {
                let (found, functions) = line.trim_matches(['[', ']']).split_once('/').unwrap();
                (library, names) = (found, functions.split('|').collect());
                continue;
            };
            let (expected, cost) = match expected.rsplit_once(" ## ") {
                Some((expected, cost)) => (expected, Some(cost.parse().unwrap())),
                None => (expected, None),
            };
            for name in &names {
                let first = names[0];
                let mut text =
                    if name == &first { expression.to_owned() } else { expression.replace(&format!("{first}("), &format!("{name}(")) };
                for (mark, literal) in &certificates {
                    text = text.replace(mark, literal);
                }
                let expected = expected.replace(&format!("'{first}'"), &format!("'{name}'"));
                all.push(Case { file, section: format!("{library}/{name}"), text, expected, cost });
            }
        }
    }
    all
}

fn environments() -> BTreeMap<&'static str, Environment> {
    let variable =
        |environment: Environment| environment.homogeneous_literals(false).variable("authorizer", authorizer::Authorizer::variable_type());
    let cluster = SOME.iter().fold(Environment::kyverno(), |made, library| made.library(library));
    let namespaced = kyverno::environment_of_namespace().library(&kyverno::generator::NAMESPACED);
    BTreeMap::from([
        ("kubernetes", variable(Environment::kubernetes())),
        ("kyverno", variable(cluster)),
        ("namespaced", variable(namespaced)),
    ])
}

fn result(environment: &Environment, case: &Case) -> (String, Option<u64>, Option<Program>) {
    let program = match environment.compile(&case.text, Span::NONE) {
        Ok(program) => program,
        Err(problems) => return (format!("error: {}", problems[0].message), None, None),
    };
    let mut host = kyverno::Host::new(if case.file == "namespaced" { "default" } else { "" });
    host.attestations = vec!["sbom".into()];
    host.covers_image = Some(Box::new(|image| Ok(image.starts_with("ghcr.io/"))));
    let context = Context {
        lookup: &Fixture,
        now: Timestamp { seconds: 1_767_323_045, nanoseconds: 0 },
        limits: Limits::default(),
        interrupted: &|| false,
        host: Some(&host),
    };
    let user = Value::opaque(authorizer::Authorizer::new(Arc::new(UserInfo { username: "alice".into(), ..UserInfo::default() })));
    let bindings = Bindings::new().with(environment, "authorizer", user);
    let mut budget = Budget::new(10_000_000);
    let got = match program.evaluate(&bindings, &mut budget, &context) {
        Ok(value) => show(&value),
        Err(error) if error.is_unknown() => format!("unknown: {error}"),
        Err(error) => format!("error: {error}"),
    };
    (got, Some(budget.spent()), Some(program))
}

fn fits(got: &str, expected: &str) -> bool {
    for kind in ["error: ", "unknown: "] {
        if let Some(part) = expected.strip_prefix(kind) {
            return got.strip_prefix(kind).is_some_and(|got| got.contains(part));
        }
    }
    got == expected
}

#[test]
fn every_case_gives_what_it_says() {
    let environments = environments();
    let own: BTreeSet<&str> = KUBERNETES.iter().map(|library| library.name).collect();
    let mut wrong = Vec::new();
    let mut count = 0;
    for case in cases() {
        let (library, function) = case.section.split_once('/').unwrap();
        let wanted: &[&str] = match case.file {
            "namespaced" => &["namespaced"],
            _ if own.contains(library) => &["kubernetes", "kyverno"],
            _ => &["kyverno"],
        };
        for name in wanted {
            count += 1;
            let (got, cost, program) = result(&environments[name], &case);
            if !fits(&got, &case.expected) {
                wrong.push(format!("{name}: {}\n    expected {}\n    got      {got}", case.text, case.expected));
            } else if let (Some(expected), Some(cost)) = (case.cost, cost)
                && *name == "kubernetes"
                && expected != cost
            {
                wrong.push(format!("{name}: {}\n    expected to cost {expected}\n    costs            {cost}", case.text));
            }
            if let Some(program) = program {
                let mut called = false;
                program.expr().visit(&mut |expr| called |= matches!(&expr.kind, ExprKind::Call { function: name, .. } if name.ends_with(function) || function.ends_with(&**name)));
                if !called {
                    wrong.push(format!("{name}: {} does not call {function}", case.text));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {count}:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_function_has_five_cases() {
    let mut counts: BTreeMap<(String, bool), usize> = BTreeMap::new();
    for case in cases() {
        *counts.entry((case.section, case.file == "namespaced")).or_default() += 1;
    }
    let mut missing = Vec::new();
    let with_place = |libraries: &'static [&'static Library], namespaced: bool| libraries.iter().map(move |library| (*library, namespaced));
    for (library, namespaced) in
        with_place(KUBERNETES, false).chain(with_place(KYVERNO, false)).chain(with_place(SOME, false)).chain(with_place(NAMESPACED, true))
    {
        for function in library.functions {
            let name = format!("{}/{}", library.name, function.name);
            let count = counts.get(&(name.clone(), namespaced)).copied().unwrap_or_default();
            if count < 5 {
                missing.push(format!("{name} has {count}"));
            }
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

#[test]
fn every_signature_and_id_is_sound() {
    let mut ids = BTreeSet::new();
    let mut seen: Vec<&Library> = Vec::new();
    for library in KUBERNETES.iter().chain(KYVERNO).chain(SOME) {
        if seen.iter().any(|known| std::ptr::eq(*known, *library)) {
            continue;
        }
        seen.push(library);
        for function in library.functions {
            for overload in function.overloads {
                probity_cel::Signature::parse(function.name, overload.signature).unwrap();
                assert!(ids.insert(overload.id), "{} stands twice", overload.id);
            }
        }
        for constant in library.constants {
            assert_eq!(Type::parse(constant.type_name).unwrap(), (constant.value)().type_of(), "{}", constant.name);
        }
    }
}

#[test]
fn what_is_generated_is_handed_over() {
    let environment = &environments()["kyverno"];
    let host = kyverno::Host::new("");
    let text = r#"generator.apply("team", [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "x", "uid": "1", "ownerReferences": []}},
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "b", "namespace": "x"}}])"#;
    let context = Context { lookup: &Fixture, host: Some(&host), ..Context::bare() };
    let program = environment.compile(text, Span::NONE).unwrap();
    assert_eq!(program.evaluate(&Bindings::new(), &mut Budget::new(1_000_000), &context).unwrap(), Value::Bool(true));
    let made: Vec<String> = host.take_generated().iter().map(|object| json::write(object.get("metadata").unwrap()).unwrap()).collect();
    assert_eq!(made, [r#"{"name":"a","namespace":"team"}"#, r#"{"name":"b"}"#]);
    assert!(host.take_generated().is_empty());
}

#[test]
fn the_page_of_functions_is_up_to_date() {
    let page = include_str!("../../../docs/reference/cel-functions.md");
    assert_eq!(page, probity_cel::libraries::reference::markdown(), "run `cargo run -p probity-cel --example cel_functions`");
}
