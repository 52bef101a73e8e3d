//! Times the 16 rules of `tests/pod_security` in each language on one Pod, and prints one JSON object for each.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, clippy::print_stdout, reason = "a measuring program that reads its own files")]

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use probity_core::{Inventory, Limits, NoLookup, Phase, PolicyDocument, Request, Timestamp};
use probity_policy::{Evaluation, NoStopwatch, PolicySet, compile};
use probity_rego::conftest;
use probity_value::{FileId, SourceMap, json, yaml};

const POD: &str = r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p","namespace":"n","labels":{"app":"web"}},"spec":{"automountServiceAccountToken":false,
"containers":[{"name":"a","image":"nginx:1.27","ports":[{"containerPort":80}],"resources":{"limits":{"memory":"1Gi"}},"securityContext":{"allowPrivilegeEscalation":false,"runAsNonRoot":true,"readOnlyRootFilesystem":true,"capabilities":{"drop":["ALL"]}}},
{"name":"b","image":"envoy:1.30","resources":{"limits":{"memory":"1Gi"}},"securityContext":{"allowPrivilegeEscalation":false,"runAsNonRoot":true,"readOnlyRootFilesystem":true,"capabilities":{"drop":["ALL"]}}}],
"initContainers":[{"name":"i","image":"busybox:1.36","resources":{"limits":{"memory":"1Gi"}},"securityContext":{"allowPrivilegeEscalation":false,"runAsNonRoot":true,"readOnlyRootFilesystem":true,"capabilities":{"drop":["ALL"]}}}]}}"#;

const RUNS: u32 = 5_000;

fn set(file: &str) -> PolicySet {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pod_security").join(file);
    let text = std::fs::read_to_string(path).unwrap();
    if file.ends_with(".rego") {
        let module = conftest::Module { file: file.into(), text: text.into(), id: FileId::NONE };
        let gathered = conftest::Gathered { modules: vec![module], data: Vec::new() };
        return PolicySet::new(vec![Arc::new(conftest::Policies::compile(&gathered, &conftest::Options::default(), None).unwrap())]);
    }
    let documents = yaml::parse(&text, FileId::NONE).0;
    let documents: Vec<PolicyDocument> = documents.into_iter().map(|one| PolicyDocument { file: file.into(), value: one.value }).collect();
    PolicySet::new(compile(&documents, &SourceMap::new()).0)
}

fn main() {
    let request = Request::create(json::parse(POD, FileId::NONE).0);
    let inventory = Arc::new(Inventory::default());
    let now = Timestamp { seconds: 0, nanoseconds: 0 };
    for file in ["kyverno.yaml", "vpol.yaml", "vap.yaml", "gatekeeper.yaml", "conftest.rego"] {
        let set = set(file);
        let judge = |runs: u32| {
            let with = Evaluation { lookup: &NoLookup, inventory: &inventory, limits: Limits::default(), now, stopwatch: &NoStopwatch };
            let mut outcomes = 0;
            for _ in 0..runs {
                outcomes += set.evaluate_phases(&request, &with, Phase::ALL).outcomes.len();
            }
            outcomes
        };
        let outcomes = judge(200) / 200;
        // The best of five, for other work on the machine only ever adds.
        let timed = |run: &dyn Fn()| {
            (0..5)
                .map(|_| {
                    let start = Instant::now();
                    run();
                    start.elapsed().as_secs_f64()
                })
                .fold(f64::INFINITY, f64::min)
        };
        let one = timed(&|| {
            judge(RUNS);
        });
        let two = timed(&|| {
            std::thread::scope(|scope| {
                scope.spawn(|| judge(RUNS));
                scope.spawn(|| judge(RUNS));
            });
        });
        let runs = f64::from(RUNS);
        println!(
            "{{\"language\":\"{file}\",\"outcomes\":{outcomes},\"microseconds\":{:.1},\"per_second_one\":{:.0},\"per_second_two\":{:.0}}}",
            one / runs * 1e6,
            runs / one,
            2.0 * runs / two
        );
    }
}
