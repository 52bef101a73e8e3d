//! Policies of the field through the program: by hand, in tests and in the gate.
#![allow(clippy::disallowed_methods, clippy::panic, reason = "a test touches the world on purpose and fails by panicking")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::path::Path;

use assert_cmd::Command;
use common::Repo;

fn example(path: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/policies").join(path).to_string_lossy().into_owned()
}

/// Exit code, standard output and standard error of a run.
fn probity(arguments: &[&str], stdin: &str) -> (i32, String, String) {
    let output = Command::cargo_bin("probity").unwrap().args(arguments).write_stdin(stdin).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn each_language_judges_files() {
    for (policy, message) in [
        ("kyverno/image-tag.yaml", "an image needs a tag other than `latest`"),
        ("admission/replicas.yaml", "at most five replicas, not 7"),
        ("conftest/memory.rego", "container `web` has no memory limit"),
    ] {
        let (code, out, _) = probity(&["eval", "-p", &example(policy), &example("web.yaml")], "");
        assert!(code == 1 && out.contains(message) && out.contains("web.yaml:"), "{policy}: {code} {out}");
        let (code, out, _) = probity(&["eval", "-p", &example(policy), &example("web-good.yaml")], "");
        assert!(code == 0 && out.contains("findings  none"), "{policy}: {code} {out}");
    }
}

#[test]
fn standard_input_and_json() {
    let bad = std::fs::read_to_string(example("web.yaml")).unwrap();
    let (code, out, _) = probity(&["eval", "-p", &example("kyverno/image-tag.yaml"), "-", "--format", "json"], &bad);
    let report: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (code, report["results"][0]["engine"].as_str(), report["results"][0]["severity"].as_str()),
        (1, Some("kyverno"), Some("high"))
    );
    assert_eq!(report["results"][0]["controls"][0], "pci-dss-4.0.1/6.3.3");
}

#[test]
fn mutations_are_shown_and_never_written() {
    let repo = Repo::new();
    repo.write("m.yaml", "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {name: m}\nspec:\n  rules:\n  - name: l\n    match: {any: [{resources: {kinds: [ConfigMap]}}]}\n    mutate: {patchStrategicMerge: {metadata: {labels: {+(team): x}}}}\n");
    let object = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, namespace: d}\n";
    repo.write("c.yaml", object);
    let (policy, file) = (repo.outside("repo/m.yaml"), repo.outside("repo/c.yaml"));
    let (code, out, _) = probity(&["eval", "-p", &policy, &file, "--patched"], "");
    assert!(code == 0 && out.contains("labels:\n    team: x"), "{out}");
    let (code, out, _) = probity(&["eval", "-p", &policy, &file, "--diff"], "");
    assert!(code == 0 && out.contains("+  labels:"), "{out}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), object);
}

#[test]
fn broken_policies_say_where() {
    let repo = Repo::new();
    repo.write("k.yaml", "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {name: b}\nspec: {rules: [{name: x, match: {any: [{resources: {kindz: [Pod]}}]}, validate: {pattern: {}}}]}\n");
    repo.write("v0.rego", "package main\ndeny[msg] { input.kind; msg := \"x\" }\n");
    let good = example("web-good.yaml");
    let (code, _, said) = probity(&["eval", "-p", &repo.outside("repo/k.yaml"), &good], "");
    assert!(code == 2 && said.contains("k.yaml:4:") && said.contains("did you mean `kinds`?"), "{code} {said}");
    let (code, _, said) = probity(&["eval", "-p", &repo.outside("repo/v0.rego"), &good], "");
    assert!(code == 2 && said.contains("v0.rego:2:") && said.contains("--rego-version v0"), "{code} {said}");
    let (code, ..) = probity(&["eval", "-p", &repo.outside("repo/v0.rego"), "--rego-version", "v0", &good], "");
    assert_eq!(code, 1);
}

#[test]
fn tests_of_policies() {
    let (code, out, _) = probity(&["test", &example("")], "");
    assert!(code == 0 && out.contains("7 expectations in 3 files: 7 passed, 0 failed"), "{code} {out}");
    let repo = Repo::new();
    let policy = std::fs::read_to_string(example("admission/replicas.yaml")).unwrap();
    let test = std::fs::read_to_string(example("admission/replicas-test.yaml")).unwrap();
    repo.write("a/replicas.yaml", &policy).write("a/test.yaml", &test.replace("status: fail", "status: pass"));
    for file in ["web.yaml", "web-good.yaml"] {
        repo.write(file, &std::fs::read_to_string(example(file)).unwrap());
    }
    let (code, out, _) = probity(&["test", &repo.outside("repo")], "");
    assert!(code == 1 && out.contains("expected pass, got fail") && out.contains("at most five replicas, not 7"), "{code} {out}");
    let (code, out, _) = probity(&["test", &repo.outside("repo"), "--format", "junit"], "");
    assert!(code == 1 && out.contains("failures=\"1\""), "{code} {out}");
    let (code, _, said) = probity(&["test", &example("conftest/memory.rego")], "");
    assert!(code == 4 && said.contains("nothing to look at"), "{code} {said}");
}

#[test]
fn policies_take_part_in_the_gate() {
    let repo = Repo::new();
    for (to, from) in
        [("k/image-tag.yaml", "kyverno/image-tag.yaml"), ("rego/memory.rego", "conftest/memory.rego"), ("web.yaml", "web.yaml")]
    {
        repo.write(to, &std::fs::read_to_string(example(from)).unwrap());
    }
    repo.write("probity.yaml", "policies: { folders: [k], conftest: [{ policy: rego, files: [web.yaml] }] }\n");
    repo.commit();
    let gate = || probity(&["gate", &repo.outside("repo"), "--evidence", "none", "--format", "json"], "");
    let (code, out, _) = gate();
    let report: serde_json::Value = serde_json::from_str(&out).unwrap();
    let of = |rule: &str| report["results"].as_array().unwrap().iter().find(|one| one["rule"] == rule).unwrap().clone();
    let image = of("image-tag/autogen-no-latest");
    assert_eq!((code, image["engine"].as_str(), image["at"]["line"].as_u64()), (1, Some("kyverno"), Some(12)));
    let memory = of("main/deny_memory");
    assert_eq!((memory["severity"].as_str(), memory["at"]["line"].as_u64()), (Some("medium"), Some(11)));
    // Rego in a folder without a word about its files is an error, not a policy that judges nothing.
    repo.write("probity.yaml", "policies: { folders: [k, rego] }\n");
    repo.commit();
    let (code, _, said) = gate();
    assert!(code == 2 && said.contains("policies.conftest"), "{code} {said}");
}

#[test]
fn conversions_are_proven_or_not_written() {
    let repo = Repo::new();
    let policy = "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {name: p}\nspec:\n  validationFailureAction: Enforce\n  rules:\n  - name: r\n    match: {any: [{resources: {kinds: [Pod], operations: [CREATE, UPDATE]}}]}\n    validate: {cel: {expressions: [{expression: 'object.spec.?hostNetwork.orValue(false) == false', message: m}]}}\n";
    repo.write("p/p.yaml", policy).write("p/pod.yaml", "{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {hostNetwork: true}}\n");
    let (code, out, said) = probity(&["policies", "convert", &repo.outside("repo/p")], "");
    assert!(
        code == 0 && out.contains("kind: ValidatingPolicy") && said.contains("says the same as before of 1 objects"),
        "{code} {out} {said}"
    );
    let (code, out, said) = probity(&["policies", "convert", &example("kyverno")], "");
    assert!(
        code == 1 && out.is_empty() && said.contains("image-tag.yaml:15:") && said.contains("`validate.pattern`"),
        "{code} {out} {said}"
    );
}
