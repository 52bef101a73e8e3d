//! Workflows to subjects.

use super::*;
use crate::ci::tests::{overview, value_of};

const PATH: &str = ".github/workflows/a.yml";

fn check(text: &str, id: &str, path: &str, expected: &str) {
    assert_eq!(value_of(&GithubActionsSource, &[(PATH, text)], id, path), expected, "{text:?} {id} {path}");
}

fn subjects(path: &str, text: &str, expected: &[&str]) {
    assert_eq!(overview(&GithubActionsSource, &[(path, text)]), expected, "{path} {text:?}");
}

#[test]
fn workflows_jobs_and_steps() {
    let text = "name: CI\non: push\njobs:\n  build:\n    runs-on: ubuntu-latest\n    steps:\n      - uses: a/b@v1\n      - id: x\n        run: echo\n      - name: Say it\n        run: echo\n      -\n      - name: Say it\n        run: echo\n  other:\n    uses: ./.github/workflows/b.yml\n";
    subjects(
        PATH,
        text,
        &[
            "github.workflow CI 1-16",
            "github.job jobs.build 5-14",
            "github.step jobs.build.steps[0] 7-7",
            "github.step jobs.build.steps[x] 8-9",
            "github.step jobs.build.steps[\"Say it\"] 10-11",
            "github.step jobs.build.steps[\"Say it\"#2] 13-14",
            "github.job jobs.other 16-16",
        ],
    );
    // Elsewhere the text decides; JSON-like and quoted keys too.
    subjects("workflows/y.yaml", "on: push\njobs:\n  a:\n    runs-on: x\n", &["github.workflow y.yaml 1-4", "github.job jobs.a 4-4"]);
    subjects("y.yaml", "'on': push\njobs:\n  a:\n    runs-on: x\n", &["github.workflow y.yaml 1-4", "github.job jobs.a 4-4"]);
    subjects("y.yaml", "a: 1\njobs:\n  a:\n    runs-on: x\n", &[]);
    subjects(
        "action.yml",
        "name: A\nruns:\n  using: composite\n  steps:\n    - run: echo\n      shell: bash\n",
        &["github.action A 1-6", "github.step steps[0] 5-6"],
    );
    subjects("action.yml", "name: A\n", &[]);
    subjects(".github/dependabot.yml", "version: 2\nupdates: []\n", &["github.dependabot dependabot.yml 1-2"]);
    subjects(".github/other.yml", "version: 2\n", &[]);
}

#[test]
fn what_cannot_be_read_is_said() {
    subjects(PATH, "on: [push\njobs:\n", &["Error yaml-syntax 2-2", "skipped .github/workflows/a.yml: not valid YAML fails"]);
    subjects(PATH, "- a\n", &["Warning github-actions-shape 1-1", "skipped .github/workflows/a.yml: not a workflow"]);
    subjects(PATH, "on: push\njobs:\n  a: x\n", &["github.workflow a.yml 1-3", "Warning github-actions-shape 3-3"]);
    subjects(PATH, "on: push\njobs:\n", &["github.workflow a.yml 1-2"]);
    subjects(PATH, "", &[]);
}

#[test]
fn events_are_a_map() {
    for on in ["push", "[push]", "{push: }", "\n  push:\n"] {
        check(&format!("on: {on}\njobs: {{}}"), "a.yml", "on", r#"{"push":{}}"#);
    }
    check("true: push\njobs: {}", "a.yml", "triggers", r#"["push"]"#);
    check("on: {push: {branches: [main]}, pull_request: null}\njobs: {}", "a.yml", "triggers", r#"["push","pull_request"]"#);
    check("on: {push: {branches: [main]}}\njobs: {}", "a.yml", "on.push.branches.0", r#""main""#);
}

#[test]
fn what_the_token_may_do() {
    let job = |top: &str, own: &str, path: &str, expected: &str| {
        check(&format!("on: push\n{top}\njobs:\n  a:\n    runs-on: x\n    {own}\n"), "jobs.a", path, expected);
    };
    job("", "", "token.given", "\"default\"");
    job("", "", "token.writes", "unknown: the settings of the repository decide what the token may do");
    job("permissions: write-all", "", "token", r#"{"all":"write","given":"workflow","writes":["all"]}"#);
    job("permissions: write-all", "permissions: read-all", "token", r#"{"all":"read","given":"job","writes":[]}"#);
    job("", "permissions: {contents: read, id-token: write}", "token.writes", r#"["id-token"]"#);
    job("permissions: {}", "", "token", r#"{"all":"none","given":"workflow","scopes":{},"writes":[]}"#);
}

fn step(step: &str, path: &str, expected: &str) {
    let text = format!(
        "on: push\nenv: {{TITLE: '${{{{ github.event.issue.title }}}}', FINE: 1}}\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps:\n      - {step}\n"
    );
    check(&text, "jobs.a.steps[0]", path, expected);
}

#[test]
fn actions_are_taken_apart() {
    step("uses: a/b@v1", "action.pinned", "false");
    step("uses: a/b@v1", "action.ref", "\"v1\"");
    step("uses: A/b/c/d@0123456789012345678901234567890123456789 # v1", "action.pinned", "true");
    step("uses: A/b/c/d@0123456789012345678901234567890123456789", "action.name", "\"a/b\"");
    step("uses: A/b/c/d@0123456789012345678901234567890123456789", "action.path", "\"c/d\"");
    step("uses: ./x", "action.kind", "\"local\"");
    step("uses: docker://alpine:3", "action.pinned", "false");
    step("uses: docker://alpine:3", "images.0.tag", "\"3\"");
    step("uses: a/b", "action.ref", "-");
}

#[test]
fn scripts_and_what_is_put_into_them() {
    step("run: trivy fs . || true", "commands.0.scanner", "\"trivy\"");
    step("run: trivy fs . || true", "commands.0.ignored", "\"`|| true` follows\"");
    step("run: trivy fs . | tee x", "commands.0.ignored", "\"it is piped into `tee` without `pipefail`\"");
    step("{run: trivy fs . | tee x, shell: bash}", "commands.0.ignored", "-");
    step("{run: import x, shell: python}", "commands", "[]");
    step("run: echo ${{ github.event.issue.title }}", "injections.0@", "${{ github.event.issue.title }}");
    step("run: echo ${{ github.event.issue.title }}", "injections.0.kind", "\"event\"");
    step("run: |\n          echo a\n          echo '${{ github.head_ref }}'", "injections.0@", "${{ github.head_ref }}");
    step("run: echo ${{ env.TITLE }}", "injections.0.context", "\"github.event.issue.title\"");
    step("run: echo ${{ env.FINE }} $TITLE ${{ github.sha }}", "injections", "[]");
    step("run: echo ${{ inputs.x }}", "injections.0.kind", "\"input\"");
    step("{uses: actions/github-script@v7, with: {script: 'a(\"${{ github.event.comment.body }}\")'}}", "injections.0.kind", "\"event\"");
    step("{uses: x/y@v7, with: {script: '${{ github.event.comment.body }}'}}", "injections", "[]");
}

#[test]
fn inputs_that_are_no_text_inject_nothing() {
    let text = "on:\n  workflow_dispatch: {inputs: {a: {type: boolean}, b: {type: number}, c: {}}}\n  workflow_call: {inputs: {b: {type: string}}}\njobs:\n  j:\n    runs-on: x\n    steps: [{run: 'x ${{ inputs.a }} ${{ inputs.b }} ${{ inputs.c }}'}]\n";
    check(text, "jobs.j.steps[0]", "injections.0.context", "\"inputs.b\"");
    check(text, "jobs.j.steps[0]", "injections.1.context", "\"inputs.c\"");
}

#[test]
fn settings_with_expressions_are_unknown() {
    step("run: x", "soft", "false");
    step("{run: x, continue-on-error: true}", "soft", "true");
    step("{run: x, continue-on-error: '${{ matrix.x }}'}", "soft", "unknown: `${{ matrix.x }}` is known only when it runs");
    step("{uses: a/b@v1, with: {x: '${{ y }}', z: 1}}", "inputs.x", "unknown: `${{ y }}` is known only when it runs");
    step("{uses: a/b@v1, with: {x: '${{ y }}', z: 1}}", "inputs.z", "1");
    step("{uses: a/b@v1, with: {x: 'a${{ y }}'}}", "inputs.x", "unknown from a: `${{ y }}` is known only when it runs");
    step("{run: x, env: {FINE: 2}}", "variables.FINE", "2");
}

#[test]
fn steps_know_their_job_and_workflow() {
    let text = "on: pull_request_target\njobs:\n  scan:\n    runs-on: x\n    container: node:20\n    steps: [{run: a}]\n  deploy:\n    needs: build\n    runs-on: x\n    steps: []\n  build:\n    runs-on: x\n    environment: prod\n";
    check(text, "jobs.scan.steps[0]", "workflow.triggers.0", "\"pull_request_target\"");
    check(text, "jobs.scan.steps[0]", "job.needed", "false");
    check(text, "jobs.scan.steps[0]", "job.unguarded", r#"["deploy","build"]"#);
    check(text, "jobs.build", "unguarded", "[]");
    check(text, "jobs.build", "deploys", "true");
    check(text, "jobs.build", "needed", "true");
    check(text, "jobs.scan", "images.0.pinned", "false");
    check(text, "a.yml", "jobs.scan.steps.0.commands.0.name", "\"a\"");
    check(text, "jobs.scan", "steps.0.workflow", "-");
}

#[test]
fn anchors_and_merges() {
    let text = "on: push\nx: &env {A: '1'}\njobs:\n  a:\n    runs-on: x\n    env:\n      <<: *env\n    steps:\n      - &s {run: a}\n  b:\n    runs-on: x\n    steps: [*s]\n";
    check(text, "jobs.a", "env.A", "\"1\"");
    check(text, "jobs.b.steps[0]", "commands.0.name", "\"a\"");
}

#[test]
fn suppressions_reach_what_they_stand_in() {
    let text = "on: push\njobs:\n  a:\n    runs-on: x # checkov:skip=CKV_GHA_1:why\n    steps:\n      - run: a # checkov:skip=CKV_GHA_2:why\n      - run: b\n";
    let (collected, sources) = crate::ci::tests::collected(&GithubActionsSource, &[(PATH, text)]);
    let reached: Vec<String> = collected
        .suppressions
        .iter()
        .map(|one| format!("{} {}", one.id, sources.locate(one.target).map_or(0, |(_, start, _)| start.line)))
        .collect();
    assert_eq!(reached, ["CKV_GHA_1 4", "CKV_GHA_2 6"]);
}
