use probity_testkit::MapTree;

use super::*;

const POLICY: &str = "
apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata: {name: p}
spec:
  rules:
  - name: r
    match: {any: [{resources: {kinds: [Pod]}}]}
    validate: {message: without label, pattern: {metadata: {labels: {app: '?*'}}}}
";

const PODS: &str = "
apiVersion: v1
kind: Pod
metadata: {name: good, labels: {app: a}}
---
apiVersion: v1
kind: Pod
metadata: {name: bad}
---
apiVersion: v1
kind: Service
metadata: {name: other}
";

fn outcomes(results: &str) -> Vec<(String, String, bool)> {
    let test = format!("kind: Test\npolicies: [p.yaml]\nresources: [r.yaml]\nresults:\n{results}");
    let tree = MapTree::new([("t/kyverno-test.yaml", test.as_str()), ("t/p.yaml", POLICY), ("t/r.yaml", PODS)]);
    let sources = SourceMap::new();
    let context = TestContext {
        tree: &tree,
        sources: &sources,
        compile: &|documents| crate::compile(documents),
        limits: Limits::default(),
        now: Timestamp { seconds: 0, nanoseconds: 0 },
    };
    assert_eq!(files(&tree), ["t/kyverno-test.yaml".into()]);
    let report = run(&context, "t/kyverno-test.yaml");
    assert!(report.diagnostics.is_empty(), "{:?}", report.diagnostics);
    report.expectations.into_iter().map(|one| (one.resource.to_string(), one.actual, one.passed)).collect()
}

fn check(row: &str, expected: &[(&str, &str, bool)]) {
    let got = outcomes(row);
    let got: Vec<(&str, &str, bool)> = got.iter().map(|(resource, actual, passed)| (&**resource, &**actual, *passed)).collect();
    assert_eq!(got, expected, "{row}");
}

#[test]
fn rows_are_strict() {
    check("- {policy: p, rule: r, resources: [good], kind: Pod, result: pass}", &[("good", "pass", true)]);
    check("- {policy: p, rule: r, resources: [good, bad], result: fail}", &[("good", "pass", false), ("bad", "fail", true)]);
    check("- {policy: p, rule: r, resources: [default/bad], result: fail}", &[("default/bad", "fail", true)]);
    // No rule answers about a Service: that is neither pass nor failure, but as good as a skip.
    check("- {policy: p, rule: r, resources: [other], result: pass}", &[("other", "no answer", false)]);
    check("- {policy: p, rule: r, resources: [other], result: skip}", &[("other", "no answer", true)]);
    check("- {policy: p, rule: r, resources: [nobody], result: skip}", &[("nobody", "no such resource", false)]);
    check("- {policy: q, rule: r, resources: [good], result: skip}", &[("good", "no answer", false)]);
    check("- {policy: p, rule: s, resources: [good], result: pass}", &[("good", "no answer", false)]);
    check("- {policy: p, result: fail}", &[("good", "pass", false), ("bad", "fail", true)]);
}
