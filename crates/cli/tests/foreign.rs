//! Policies, ignore files and settings of other tools, as people bring them.
#![allow(clippy::disallowed_methods, clippy::panic, reason = "a test touches the world on purpose and fails by panicking")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use common::{Repo, bucket, map};

const CHECKOV: &str = "metadata: { id: demo-owned, name: Maps have an owner, category: CONVENTION, severity: HIGH }\n\
     definition: { cond_type: attribute, resource_types: [ConfigMap], attribute: data.owner, operator: exists }\n";

#[test]
fn policies_in_a_folder() {
    let repo = Repo::new();
    repo.write("maps/a.yaml", &map("a", "owner=me")).write("maps/b.yaml", &map("b", "")).write("main.tf", &bucket("c", "private"));
    repo.write("probity.yaml", "policies: { folders: [guardrails] }\n").write("guardrails/owner.yaml", CHECKOV);
    repo.write(
        "guardrails/names_tfchecks.yaml",
        "checks:\n- { code: demo-tagged, description: d, requiredTypes: [resource], requiredLabels: [aws_s3_bucket], severity: HIGH, matchSpec: { name: tags, action: isPresent } }\n",
    );
    repo.write(
        "guardrails/tags.feature",
        "Feature: Demo\nScenario: buckets\nGiven I have aws_s3_bucket defined\nThen it must contain tags\n",
    );
    repo.commit();
    let report = repo.report(1, &[]);
    report.results(&["demo-tagged aws_s3_bucket.c", "demo-owned ConfigMap/default/b", "demo-buckets aws_s3_bucket.c"]);
    assert_eq!(report.of("demo-owned")["engine"], "checkov");
    assert!(report.of("demo-owned")["message"].as_str().unwrap().contains("`data.owner` is not set"));
    assert!(repo.run(&["policies", "list", "--policies", &repo.outside("repo/guardrails")]).code(0).out.contains("demo-owned"));
    repo.run(&["policies", "lint", &repo.outside("repo/guardrails")]).code(0).prints("3 rules of other tools");
}

#[test]
fn a_broken_policy_is_no_pass() {
    let repo = Repo::new();
    repo.write("maps/a.yaml", &map("a", "")).write("probity.yaml", "policies: { folders: [p] }\n");
    repo.write("p/a.yaml", &CHECKOV.replace("operator: exists", "operator: exist"));
    repo.commit();
    repo.gate(&[]).code(2).says("did you mean `exists`");
}

#[test]
fn ignore_files() {
    let repo = Repo::new();
    repo.write("maps/b.yaml", &map("b", "public=true")).write("main.tf", &bucket("c", "public-read"));
    let base = repo.commit();
    repo.report(1, &[]).results(&["demo-bucket aws_s3_bucket.c", "demo-public ConfigMap/default/b"]);
    repo.write(".trivyignore", "# known\nAVD-DEMO-0005\nAVD-XX-0001\n");
    repo.write(".trivyignore.yaml", "misconfigurations:\n  - { id: DEMO-0001, paths: [maps/**], expired_at: 2020-01-01 }\n");
    let report = repo.report(1, &[]);
    report.results(&["demo-bucket aws_s3_bucket.c covered trivy", "demo-public ConfigMap/default/b"]);
    report.note("it ran out on 2020-01-01").note("AVD-XX-0001");
    repo.write(".snyk", "ignore:\n  demo-public:\n    - '*':\n        reason: known\n");
    repo.report(0, &[]).results(&["demo-bucket aws_s3_bucket.c covered trivy", "demo-public ConfigMap/default/b covered snyk"]);

    // Of a change they count as they stand at the base revision, and are findings themselves.
    let report = repo.report(1, &["--base", &base]);
    report.results(&[
        "demo-bucket aws_s3_bucket.c",
        "demo-public ConfigMap/default/b",
        "probity-exception-changed .snyk",
        "probity-exception-changed .trivyignore",
        "probity-exception-changed .trivyignore.yaml",
    ]);
    // The configuration may forbid them.
    repo.write("probity.yaml", "gate: { suppressions: forbid }\n");
    repo.report(1, &[]).results(&["demo-bucket aws_s3_bucket.c", "demo-public ConfigMap/default/b"]);
}

#[test]
fn settings_of_checkov() {
    let repo = Repo::new();
    repo.write("maps/b.yaml", &map("b", "public=true,untidy=true")).write("test/main.tf", &bucket("c", "public-read"));
    let base = repo.commit();
    repo.write(".checkov.yaml", "skip-check: [CKV_DEMO_1]\nskip-path: ['^test/']\nsoft-fail: true\n");
    let ran = repo.gate(&["--evidence", "none", "--format", "json"]).code(0).prints("`soft-fail` is not taken over");
    common::Report(ran.json()).results(&["demo-untidy ConfigMap/default/b"]);
    let report = repo.report(1, &["--base", &base]);
    report.results(&[
        "demo-bucket aws_s3_bucket.c",
        "demo-public ConfigMap/default/b",
        "demo-untidy ConfigMap/default/b",
        "probity-config-changed .checkov.yaml",
    ]);
    // An organisation floor stands above it.
    let floor = repo.write_beside("floor.yaml", "gate: { red_at: high }\n");
    let report = repo.report(1, &["--floor", &floor]);
    assert!(report.shown().contains(&"demo-public ConfigMap/default/b".to_owned()), "{:?}", report.shown());
    assert!(report.shown().contains(&"demo-bucket aws_s3_bucket.c".to_owned()), "{:?}", report.shown());
    // Given from outside.
    repo.remove(".checkov.yaml");
    let outside = repo.write_beside(".checkov.yml", "framework: [terraform]\n");
    let ran = repo.gate(&["--evidence", "none", "--format", "json", "--config", &outside]).code(1).prints("`kubernetes`");
    common::Report(ran.json()).results(&["demo-bucket aws_s3_bucket.c"]);
}

#[test]
fn a_baseline_of_checkov() {
    let repo = Repo::new();
    repo.write("main.tf", &format!("{}{}", bucket("c", "public-read"), bucket("d", "public-read")));
    repo.write("probity.yaml", "exceptions: { baseline: .checkov.baseline }\n");
    repo.write(
        ".checkov.baseline",
        r#"{"failed_checks": [{"file": "/main.tf", "findings": [{"resource": "aws_s3_bucket.c", "check_ids": ["CKV_DEMO_5"]}]}]}"#,
    );
    repo.commit();
    repo.report(1, &[]).results(&["demo-bucket aws_s3_bucket.c covered checkov", "demo-bucket aws_s3_bucket.d"]);
}
