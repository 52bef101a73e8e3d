//! Bounds of evaluation and broken policies, in every language: what goes over a bound is an error, never a pass, and the others still run.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::sync::Arc;

use probity_core::{Inventory, Level, Limits, NoLookup, PolicyDocument, Request, Status, Timestamp};
use probity_policy::{Evaluation, NoStopwatch, PolicySet, Stopwatch, compile};
use probity_value::{FileId, SourceMap, Value, json, yaml};

const KYVERNO: &str = "apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata: {name: kyverno}
spec:
  validationFailureAction: Enforce
  rules:
  - name: r
    match: {any: [{resources: {kinds: [Pod]}}]}
    validate:
      message: m
      foreach:
      - list: request.object.spec.containers
        deny: {conditions: {any: [{key: \"{{ request.object.spec.containers[].name | length(@) }}\", operator: LessThan, value: 1}]}}
";
const IN_CEL: &str = "apiVersion: policies.kyverno.io/v1
kind: ValidatingPolicy
metadata: {name: vpol}
spec:
  matchConstraints: {resourceRules: [{apiGroups: [''], apiVersions: [v1], operations: [CREATE], resources: [pods]}]}
  validations: [{expression: \"object.spec.containers.all(a, object.spec.containers.all(b, a.name != 'x' || b.name != 'x'))\"}]
";
const ADMISSION: &str = "apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: vap}
spec:
  matchConstraints: {resourceRules: [{apiGroups: [''], apiVersions: [v1], operations: [CREATE], resources: [pods]}]}
  validations: [{expression: \"object.spec.containers.all(a, object.spec.containers.all(b, a.name != 'x' || b.name != 'x'))\"}]
";
const GATEKEEPER: &str = "apiVersion: templates.gatekeeper.sh/v1
kind: ConstraintTemplate
metadata: {name: k8snox}
spec:
  crd: {spec: {names: {kind: K8sNoX}}}
  targets:
  - target: admission.k8s.gatekeeper.sh
    rego: |
      package k8snox
      violation[{\"msg\": msg}] {
        a := input.review.object.spec.containers[_]
        b := input.review.object.spec.containers[_]
        a.name == \"x\"
        b.name == \"x\"
        msg := \"x\"
      }
      violation[{\"msg\": msg}] {
        a := input.review.object.spec.containers[_]
        b := input.review.object.spec.containers[_]
        concat(a.name, [b.name]) == \"x\"
        msg := \"x\"
      }
---
apiVersion: constraints.gatekeeper.sh/v1beta1
kind: K8sNoX
metadata: {name: no-x}
spec: {match: {kinds: [{apiGroups: [''], kinds: [Pod]}]}}
";

fn documents(text: &str) -> Vec<PolicyDocument> {
    let (documents, problems) = yaml::parse(text, FileId::NONE);
    assert!(problems.is_empty(), "{problems:?}");
    documents.into_iter().map(|one| PolicyDocument { file: "p.yaml".into(), value: one.value }).collect()
}

fn set(text: &str) -> PolicySet {
    let (policies, said) = compile(&documents(text), &SourceMap::new());
    assert!(said.iter().all(|one| one.level != Level::Error), "{said:?}");
    PolicySet::new(policies)
}

fn pod(containers: usize) -> Request {
    let list: Vec<String> = (0..containers).map(|at| format!(r#"{{"name":"c{at}","image":"i"}}"#)).collect();
    let text = format!(r#"{{"apiVersion":"v1","kind":"Pod","metadata":{{"name":"p"}},"spec":{{"containers":[{}]}}}}"#, list.join(","));
    let value: Value = json::parse(&text, FileId::NONE).0;
    Request::create(value)
}

fn statuses(set: &PolicySet, request: &Request, limits: Limits, stopwatch: &dyn Stopwatch) -> Vec<Status> {
    let inventory = Arc::new(Inventory::default());
    let now = Timestamp { seconds: 0, nanoseconds: 0 };
    let with = Evaluation { lookup: &NoLookup, inventory: &inventory, limits, now, stopwatch };
    set.evaluate(request, &with).outcomes.into_iter().map(|outcome| outcome.status).collect()
}

#[test]
fn within_the_bounds_they_judge() {
    for text in [KYVERNO, IN_CEL, ADMISSION, GATEKEEPER] {
        assert_eq!(statuses(&set(text), &pod(3), Limits::default(), &NoStopwatch), [Status::Pass], "{text}");
    }
}

#[test]
fn beyond_the_bounds_there_is_an_error() {
    let limits = Limits { steps: 2_000, cel_cost: 100, ..Limits::default() };
    for text in [IN_CEL, ADMISSION, GATEKEEPER] {
        assert_eq!(statuses(&set(text), &pod(200), limits, &NoStopwatch), [Status::Error], "{text}");
    }
}

#[test]
fn out_of_time_there_is_an_error() {
    struct Out;
    impl Stopwatch for Out {
        fn start(&self) -> Box<dyn Fn() -> bool + Sync + '_> {
            Box::new(|| true)
        }
    }
    for text in [IN_CEL, ADMISSION, GATEKEEPER] {
        assert_eq!(statuses(&set(text), &pod(300), Limits::default(), &Out), [Status::Error], "{text}");
    }
}

#[test]
fn broken_policies_are_refused_with_places_and_the_others_run() {
    let check = |broken: &str| {
        let (policies, said) = compile(&documents(&format!("{broken}\n---\n{KYVERNO}\n---\n{ADMISSION}")), &SourceMap::new());
        assert!(said.iter().any(|one| one.level == Level::Error), "{broken}");
        let found = statuses(&PolicySet::new(policies), &pod(1), Limits::default(), &NoStopwatch);
        assert!(found.iter().filter(|status| **status == Status::Pass).count() >= 2, "{broken}: {found:?}");
    };
    check(&KYVERNO.replace("kinds:", "kindz:").replace("name: kyverno", "name: broken"));
    check(&KYVERNO.replace("length(@)", "length(").replace("name: kyverno", "name: broken"));
    check(&ADMISSION.replace("a.name != 'x'", "a.name !").replace("name: vap", "name: broken"));
    check(&IN_CEL.replace("object.spec.containers.all(a,", "nobody.all(a,"));
    check(&GATEKEEPER.replace("msg := \"x\"", "msg := "));
    check(&GATEKEEPER.replace("kind: K8sNoX}}}", "kind: Other}}}"));
}
