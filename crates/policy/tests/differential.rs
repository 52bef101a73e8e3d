//! The same 16 rules about Pods, stated in five languages, give the same verdicts on whatever Pod.
#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods, reason = "a test that reads its own files")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use probity_core::{Inventory, Limits, NoLookup, PolicyDocument, Request, Status, Timestamp};
use probity_policy::{Evaluation, NoStopwatch, PolicySet, compile};
use probity_rego::conftest;
use probity_value::{FileId, SourceMap, Value, json, yaml};
use proptest::prelude::*;

/// The languages, each with its rules as a set.
fn languages() -> Vec<(&'static str, PolicySet)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pod_security");
    let read = |file: &str| std::fs::read_to_string(folder.join(file)).unwrap();
    let mut out = Vec::new();
    for (name, file) in [("kyverno", "kyverno.yaml"), ("vpol", "vpol.yaml"), ("vap", "vap.yaml"), ("gatekeeper", "gatekeeper.yaml")] {
        let (documents, problems) = yaml::parse(&read(file), FileId::NONE);
        assert!(problems.is_empty(), "{problems:?}");
        let documents: Vec<PolicyDocument> =
            documents.into_iter().map(|one| PolicyDocument { file: file.into(), value: one.value }).collect();
        let (policies, said) = compile(&documents, &SourceMap::new());
        assert_eq!(policies.len(), 16, "{name}: {said:?}");
        out.push((name, PolicySet::new(policies)));
    }
    let module = conftest::Module { file: "conftest.rego".into(), text: read("conftest.rego").into(), id: FileId::NONE };
    let gathered = conftest::Gathered { modules: vec![module], data: Vec::new() };
    let policies = conftest::Policies::compile(&gathered, &conftest::Options::default(), None).unwrap();
    out.push(("conftest", PolicySet::new(vec![Arc::new(policies)])));
    out
}

/// The rules a Pod fails, by name; `Err` with what is neither a pass nor a failure.
fn failed(set: &PolicySet, pod: &Value) -> Result<Vec<String>, String> {
    let inventory = Arc::new(Inventory::default());
    let now = Timestamp { seconds: 0, nanoseconds: 0 };
    let with = Evaluation { lookup: &NoLookup, inventory: &inventory, limits: Limits::default(), now, stopwatch: &NoStopwatch };
    let mut out: BTreeMap<String, bool> = BTreeMap::new();
    for outcome in set.evaluate(&Request::create(pod.clone()), &with).outcomes {
        // Conftest's rules have underscores, and their message is the name.
        let name = outcome.rule.name.trim_start_matches("deny_").replace('_', "-");
        let name = if outcome.rule.policy.contains("K8s") || &*outcome.rule.policy_kind == "rego" {
            name
        } else {
            outcome.rule.policy.to_string()
        };
        let name = name.rsplit('/').next().unwrap_or_default().to_owned();
        match outcome.status {
            Status::Pass | Status::Skip => {
                out.entry(name).or_insert(false);
            }
            Status::Fail => {
                out.insert(name, true);
            }
            other => return Err(format!("{name} is {other}: {}", outcome.message)),
        }
    }
    Ok(out.into_iter().filter(|(_, failed)| *failed).map(|(name, _)| name).collect())
}

fn flag() -> impl Strategy<Value = Option<&'static str>> {
    prop_oneof![Just(None), Just(Some("true")), Just(Some("false"))]
}

/// Fields that are there, as JSON.
fn fields(list: Vec<(&str, Option<String>)>) -> String {
    let parts: Vec<String> = list.into_iter().filter_map(|(name, value)| value.map(|value| format!("\"{name}\":{value}"))).collect();
    format!("{{{}}}", parts.join(","))
}

fn words(of: &'static [&'static str]) -> impl Strategy<Value = Option<String>> {
    proptest::option::of(proptest::collection::vec(proptest::sample::select(of), 0..3).prop_map(|list| {
        let quoted: Vec<String> = list.iter().map(|word| format!("\"{word}\"")).collect();
        format!("[{}]", quoted.join(","))
    }))
}

fn security_context() -> impl Strategy<Value = Option<String>> {
    let user = proptest::option::of(proptest::sample::select(vec!["0", "1", "1000"]));
    let mount = proptest::option::of(proptest::sample::select(vec!["\"Default\"", "\"Unmasked\""]));
    let capabilities = proptest::option::of(
        (words(&["ALL", "KILL"]), words(&["NET_BIND_SERVICE", "SYS_ADMIN"]))
            .prop_map(|(drop, add)| fields(vec![("drop", drop), ("add", add)])),
    );
    let own = (flag(), flag(), flag(), flag(), user, mount, capabilities).prop_map(|(a, b, c, d, user, mount, capabilities)| {
        let text = |value: Option<&str>| value.map(str::to_owned);
        fields(vec![
            ("privileged", text(a)),
            ("allowPrivilegeEscalation", text(b)),
            ("runAsNonRoot", text(c)),
            ("readOnlyRootFilesystem", text(d)),
            ("runAsUser", text(user)),
            ("procMount", text(mount)),
            ("capabilities", capabilities),
        ])
    });
    proptest::option::of(own)
}

fn container() -> impl Strategy<Value = String> {
    let image =
        proptest::sample::select(vec!["nginx", "nginx:latest", "nginx:1.27", "r.example.com:5000/a/b:2", "r.example.com/a@sha256:0123"]);
    let ports = proptest::option::of(proptest::sample::select(vec![
        "[]",
        "[{\"containerPort\":80}]",
        "[{\"containerPort\":80,\"hostPort\":0}]",
        "[{\"containerPort\":80},{\"containerPort\":81,\"hostPort\":81}]",
    ]));
    let resources = proptest::option::of(proptest::sample::select(vec![
        "{}",
        "{\"limits\":{}}",
        "{\"limits\":{\"memory\":\"1Gi\"}}",
        "{\"requests\":{\"memory\":\"1Gi\"},\"limits\":{\"cpu\":\"1\"}}",
    ]));
    (image, security_context(), ports, resources).prop_map(|(image, context, ports, resources)| {
        fields(vec![
            ("name", Some("\"c\"".to_owned())),
            ("image", Some(format!("\"{image}\""))),
            ("securityContext", context),
            ("ports", ports.map(str::to_owned)),
            ("resources", resources.map(str::to_owned)),
        ])
    })
}

fn pod() -> impl Strategy<Value = String> {
    let list = |from: usize| proptest::collection::vec(container(), from..3).prop_map(|list| format!("[{}]", list.join(",")));
    let volumes = proptest::option::of(proptest::sample::select(vec![
        "[]",
        "[{\"name\":\"a\",\"emptyDir\":{}}]",
        "[{\"name\":\"a\",\"emptyDir\":{}},{\"name\":\"b\",\"hostPath\":{\"path\":\"/\"}}]",
    ]));
    let lists = (list(1), proptest::option::of(list(0)), proptest::option::of(list(0)));
    (flag(), flag(), flag(), flag(), volumes, lists).prop_map(|(network, pid, ipc, token, volumes, (containers, init, ephemeral))| {
        let text = |value: Option<&str>| value.map(str::to_owned);
        let spec = fields(vec![
            ("hostNetwork", text(network)),
            ("hostPID", text(pid)),
            ("hostIPC", text(ipc)),
            ("automountServiceAccountToken", text(token)),
            ("volumes", volumes.map(str::to_owned)),
            ("containers", Some(containers)),
            ("initContainers", init),
            ("ephemeralContainers", ephemeral),
        ]);
        format!("{{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{{\"name\":\"p\",\"namespace\":\"n\"}},\"spec\":{spec}}}")
    })
}

#[test]
fn every_language_says_the_same_of_a_pod() {
    let languages = languages();
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(256);
    let mut runner =
        proptest::test_runner::TestRunner::new(ProptestConfig { failure_persistence: None, cases, ..ProptestConfig::default() });
    let ended = runner.run(&pod(), |text| {
        let (value, problems) = json::parse(&text, FileId::NONE);
        prop_assert!(problems.is_empty());
        let mut said: Vec<(&str, Vec<String>)> = Vec::new();
        for (name, set) in &languages {
            match failed(set, &value) {
                Ok(list) => said.push((name, list)),
                Err(why) => prop_assert!(false, "{name}: {why} on {text}"),
            }
        }
        for pair in said.windows(2) {
            prop_assert_eq!(&pair[0].1, &pair[1].1, "{} and {} differ on {}", pair[0].0, pair[1].0, text);
        }
        Ok(())
    });
    if let Err(error) = ended {
        panic!("{error}");
    }
}

#[test]
fn every_rule_can_fail_and_can_pass() {
    let bad = r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p"},"spec":{"hostNetwork":true,"hostPID":true,"hostIPC":true,
        "volumes":[{"name":"v","hostPath":{"path":"/"}}],"containers":[{"name":"a","image":"nginx","ports":[{"containerPort":1,"hostPort":1}],
        "securityContext":{"privileged":true,"runAsUser":0,"procMount":"Unmasked","capabilities":{"add":["SYS_ADMIN"]}}}]}}"#;
    let good = r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p"},"spec":{"automountServiceAccountToken":false,"containers":[{"name":"a",
        "image":"nginx:1.27","resources":{"limits":{"memory":"1Gi"}},"securityContext":{"allowPrivilegeEscalation":false,"runAsNonRoot":true,
        "readOnlyRootFilesystem":true,"capabilities":{"drop":["ALL"]}}}]}}"#;
    for (name, set) in languages() {
        assert_eq!(failed(&set, &json::parse(bad, FileId::NONE).0).unwrap().len(), 16, "{name}");
        assert_eq!(failed(&set, &json::parse(good, FileId::NONE).0).unwrap(), Vec::<String>::new(), "{name}");
    }
}
