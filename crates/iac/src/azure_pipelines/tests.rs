//! Pipelines to subjects.

use super::*;
use crate::ci::tests::{overview, value_of};

fn check(text: &str, id: &str, path: &str, expected: &str) {
    assert_eq!(value_of(&AzurePipelinesSource, &[("azure-pipelines.yml", text)], id, path), expected, "{text:?} {id} {path}");
}

#[test]
fn stages_jobs_and_steps() {
    let text = "trigger: [main]\npool: {vmImage: ubuntu-latest}\nstages:\n  - stage: Build\n    jobs:\n      - job: a\n        steps:\n          - script: x\n          - bash: y\n            name: why\n      - deployment: d\n        environment: prod\n        strategy:\n          runOnce:\n            deploy:\n              steps:\n                - task: Bash@3\n                  inputs: {targetType: inline, script: z}\n";
    let expected = [
        "azure.pipeline azure-pipelines.yml 1-18",
        "azure.job stages.Build.jobs.a 6-10",
        "azure.step stages.Build.jobs.a.steps[0] 8-8",
        "azure.step stages.Build.jobs.a.steps[why] 9-10",
        "azure.job stages.Build.jobs.d 11-18",
        "azure.step stages.Build.jobs.d.deploy.steps[0] 17-18",
    ];
    assert_eq!(overview(&AzurePipelinesSource, &[("azure-pipelines.yml", text)]), expected);
    assert_eq!(overview(&AzurePipelinesSource, &[("ci/x.yaml", text)]), expected.map(|line| line.replace("azure-pipelines.yml", "x.yaml")));
    assert_eq!(
        overview(&AzurePipelinesSource, &[("x.yaml", "steps:\n  - a\n"), ("y.yml", "on: push\njobs:\n  a: {displayName: 'x'}\n")]),
        [""; 0]
    );
    check(text, "stages.Build.jobs.d", "deploys", "true");
    check(text, "stages.Build.jobs.d.deploy.steps[0]", "commands.0.name", "\"z\"");
    check(text, "stages.Build.jobs.d.deploy.steps[0]", "action.name", "\"Bash\"");
    let steps = "steps:\n- ${{ if eq(variables.x, 'y') }}:\n  - script: a\n- script: b\n";
    check(steps, "steps[0]", "commands.0.name", "\"a\"");
    check(steps, "steps[1]", "commands.0.name", "\"b\"");
}

#[test]
fn scripts_and_settings() {
    let step = |step: &str, path: &str, expected: &str| check(&format!("steps:\n- {step}\n"), "steps[0]", path, expected);
    step("bash: |\n    tfsec .\n    echo", "commands.0.ignored", "\"the script goes on after it fails\"");
    step("bash: |\n    set -e\n    tfsec .\n    echo", "commands.1.ignored", "-");
    step("pwsh: tfsec .; echo", "commands.0.ignored", "-");
    step("{script: x, continueOnError: true}", "soft", "true");
    step("{script: x, continueOnError: '${{ parameters.x }}'}", "soft", "unknown: `${{ parameters.x }}` is known only when it runs");
    step("script: x", "soft", "false");
    check("pr: [main]\nsteps: [{script: x}]", "steps[0]", "pipeline.pull_requests", "true");
    check("pr: none\nsteps: [{script: x}]", "steps[0]", "pipeline.pull_requests", "false");
}

#[test]
fn containers() {
    let job = |job: &str, path: &str, expected: &str| {
        let text = format!("resources: {{containers: [{{container: c, image: 'x:1'}}, {{container: acr, type: ACR}}]}}\njobs:\n- {job}\n");
        check(&text, "jobs.j", path, expected);
    };
    job("{job: j, container: 'ubuntu:20.04'}", "images.0.tag", "\"20.04\"");
    job("{job: j, container: {image: ubuntu}}", "images.0.tag", "\"latest\"");
    job("{job: j, container: c}", "images.0.tag", "\"1\"");
    job("{job: j, container: acr}", "images.0.pinned", "unknown: `acr` is known only when it runs");
}

#[test]
fn templates_are_read_or_said() {
    let files = [
        ("azure-pipelines.yml", "jobs:\n- template: t/jobs.yml\n- template: x.yml@other\n- template: none.yml\n"),
        ("t/jobs.yml", "parameters: []\njobs:\n- job: a\n  steps: [{script: x}]\n"),
    ];
    let expected = [
        "azure.pipeline azure-pipelines.yml 1-4",
        "azure.pipeline jobs.yml 1-4",
        "azure.job jobs.a 3-4",
        "azure.step jobs.a.steps[0] 4-4",
        "Note azure-pipelines-template 3-3",
        "Note azure-pipelines-template 4-4",
    ];
    assert_eq!(overview(&AzurePipelinesSource, &files), expected);
}
