//! Any bytes as policies of Kyverno, and what they say of a pod, of a deployment, and of the policies themselves.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use probity_core::{Inventory, Limits, NoLookup, Phase, PolicyContext, PolicyDocument, Request, Timestamp};
use probity_value::{FileId, SourceMap, Value, yaml};

const OBJECTS: &str = "
apiVersion: v1
kind: Pod
metadata: {name: a, namespace: n, labels: {app: a, x/y: z}, annotations: {k: v}}
spec:
  securityContext: {runAsNonRoot: true, seccompProfile: {type: Unconfined}}
  volumes: [{name: v, hostPath: {path: /}}]
  initContainers: [{name: i, image: 'ghcr.io/a/b@sha256:0000000000000000000000000000000000000000000000000000000000000000'}]
  containers: [{name: c, image: nginx, resources: {limits: {memory: 1Gi}}, ports: [{hostPort: 80}], securityContext: {privileged: true}}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: d, namespace: n}
spec: {replicas: 3, template: {metadata: {labels: {app: a}}, spec: {containers: [{name: c, image: 'r.io/x:1'}]}}}
";

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let sources = SourceMap::new();
    let file = sources.add("p.yaml", text);
    let (documents, _) = yaml::parse(text, file);
    let documents: Vec<PolicyDocument> =
        documents.into_iter().map(|document| PolicyDocument { file: "p.yaml".into(), value: document.value }).collect();
    let (policies, said) = probity_kyverno::compile(&documents);
    for said in &said {
        assert!(!said.message.is_empty());
    }
    let inventory = Arc::new(Inventory::default());
    let context = PolicyContext {
        lookup: &NoLookup,
        inventory: &inventory,
        limits: Limits { steps: 200_000, cel_cost: 200_000, bytes: 16 << 20, depth: 64 },
        now: Timestamp { seconds: 0, nanoseconds: 0 },
        interrupted: &|| false,
    };
    let objects = yaml::parse(OBJECTS, FileId::NONE).0.into_iter().map(|document| document.value);
    let own = documents.iter().map(|document| document.value.clone()).filter(|value: &Value| value.as_map().is_some());
    for object in objects.chain(own) {
        let request = Request::create(object);
        for policy in &policies {
            for phase in Phase::ALL {
                for outcome in policy.evaluate(*phase, &request, &context) {
                    assert_eq!(outcome.rule.phase, *phase);
                }
            }
        }
    }
});
