//! Pipelines to subjects.

use super::*;
use crate::ci::tests::{overview, value_of};

fn check(text: &str, id: &str, path: &str, expected: &str) {
    assert_eq!(value_of(&GitlabCiSource, &[(".gitlab-ci.yml", text)], id, path), expected, "{text:?} {id} {path}");
}

#[test]
fn pipelines_and_jobs() {
    let text = "stages: [a]\n.t:\n  image: x\ntest:\n  script: a\ndeploy:\n  extends: .t\n  script: [b]\n";
    let expected = ["gitlab.pipeline .gitlab-ci.yml 1-8", "gitlab.job test 5-5", "gitlab.job deploy 7-8"];
    assert_eq!(overview(&GitlabCiSource, &[(".gitlab-ci.yml", text)]), expected);
    assert_eq!(overview(&GitlabCiSource, &[("x.yml", text)]), [""; 0]);
    assert_eq!(overview(&GitlabCiSource, &[(".gitlab/ci/x.yml", "a: 1\n")]), [""; 0]);
    let broken = ["Error yaml-syntax 2-2", "skipped .gitlab-ci.yml: not valid YAML fails"];
    assert_eq!(overview(&GitlabCiSource, &[(".gitlab-ci.yml", "a: [\nb: c\n")]), broken);
}

#[test]
fn extends_references_and_defaults() {
    let text = "default:\n  image: base:1\n  before_script: [setup]\n.a:\n  variables: {X: '1', Y: '2'}\n  script: [one, two]\n.b:\n  extends: .a\n  tags: [t]\njob:\n  extends: .b\n  variables: {Y: '3'}\n  script:\n    - !reference [.a, script]\n    - three || true\nbare:\n  inherit: {default: false}\n  script: x\n";
    check(text, "job", "variables", r#"{"X":"1","Y":"3"}"#);
    check(text, "job", "tags", r#"["t"]"#);
    check(text, ".gitlab-ci.yml", "images.0.tag", "\"1\"");
    check(text, "job", "images", "[]");
    check(text, "job", "image", "\"base:1\"");
    check(text, "job", "commands.1.name", "\"one\"");
    check(text, "job", "commands.3.name", "\"three\"");
    check(text, "job", "commands.3.name@", "three");
    check(text, "bare", "image", "-");
    check(text, "bare", "commands.0.name", "\"x\"");
    check("a: {extends: .none, script: x}", "a", "commands.0.name", "\"x\"");
    check(".a: {extends: .b}\n.b: {extends: .a}\nc: {extends: .a, script: x}", "c", "commands.0.name", "\"x\"");
}

#[test]
fn scripts_of_one_shell() {
    check("a: {script: [trivy fs . | tee x]}", "a", "commands.0.ignored", "-");
    check("a: {script: [set +e, tfsec .; echo]}", "a", "commands.1.ignored", "\"the script goes on after it fails\"");
    check("a: {script: x, after_script: [tfsec .]}", "a", "commands.1.ignored", "\"a failure in `after_script` never fails the job\"");
}

#[test]
fn images_and_their_variables() {
    let text =
        "variables: {TAG: '1.2', FROM: {value: alpine}}\na: {image: '$FROM:${TAG}', services: [{name: 'redis:latest'}, $OTHER], script: x}";
    check(text, "a", "images.0.reference", "\"alpine:1.2\"");
    check(text, "a", "images.1.tag", "\"latest\"");
    check(text, "a", "images.2.pinned", "unknown: `${OTHER}` is known only when it runs");
}

#[test]
fn what_a_job_stands_for() {
    check("a: {allow_failure: true, script: x}", "a", "soft", "true");
    check("a: {rules: [{if: x, allow_failure: true}], script: x}", "a", "soft", "true");
    check("a: {script: x}", "a", "soft", "false");
    check("a: {rules: [{if: '$CI_PIPELINE_SOURCE == \"merge_request_event\"'}], script: x}", "a", "merge_requests", "true");
    check("a: {rules: [{if: '$CI_PIPELINE_SOURCE == \"merge_request_event\"', when: never}], script: x}", "a", "merge_requests", "false");
    check("a: {only: [merge_requests], script: x}", "a", "merge_requests", "true");
    let text = "scan: {stage: test, script: x}\ndeploy: {stage: deploy, script: x}\nrelease: {stage: deploy, needs: [], script: x}\n";
    check(text, "scan", "unguarded", r#"["release"]"#);
    check(text, "deploy", "deploys", "true");
}

#[test]
fn included_files() {
    let main = "include:\n  - local: /ci/t.yml\n  - remote: https://x.example/y.yml\n  - project: a/b\n    ref: main\n    file: c.yml\n  - component: x/y@1.0\njob:\n  extends: .t\n";
    let files = [(".gitlab-ci.yml", main), ("ci/t.yml", ".t:\n  script: [from template]\nother:\n  script: y\n")];
    let expected = [
        "gitlab.pipeline .gitlab-ci.yml 1-9",
        "gitlab.job job 9-9",
        "gitlab.pipeline t.yml 1-4",
        "gitlab.job other 4-4",
        "Note gitlab-ci-include 3-3",
        "Note gitlab-ci-include 4-6",
        "Note gitlab-ci-include 7-7",
    ];
    assert_eq!(overview(&GitlabCiSource, &files), expected);
    assert_eq!(value_of(&GitlabCiSource, &files, "job", "commands.0.name"), "\"from\"");
    assert_eq!(value_of(&GitlabCiSource, &files, ".gitlab-ci.yml", "includes.2.pinned"), "false");
    let loops = [(".gitlab-ci.yml", "include: a.yml\n"), ("a.yml", "include: .gitlab-ci.yml\nj: {script: x}\n")];
    assert_eq!(value_of(&GitlabCiSource, &loops, "j", "name"), "\"j\"");
    let globs = [(".gitlab-ci.yml", "include: /ci/*.yml\nj: {extends: .x}\n"), ("ci/a.yml", ".x: {script: z}\n")];
    assert_eq!(value_of(&GitlabCiSource, &globs, "j", "commands.0.name"), "\"z\"");
}
