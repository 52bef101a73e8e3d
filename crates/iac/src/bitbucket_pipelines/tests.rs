//! Pipelines to subjects.

use super::*;
use crate::ci::tests::{overview, value_of};

const TEXT: &str = "image: node:20
definitions:
  services: {db: {image: 'postgres:16'}}
pipelines:
  default:
    - step: &s
        name: Build it
        script: [npm ci, tfsec . || true]
        services: [db]
    - parallel:
        - step:
            image: {name: 'x:latest'}
            script:
              - pipe: atlassian/s3:1.1
            after-script: [tfsec .]
  branches:
    main:
      - stage:
          name: out
          steps:
            - step: {script: x, deployment: prod, on-fail: {strategy: ignore}}
      - step: *s
";

fn check(id: &str, path: &str, expected: &str) {
    assert_eq!(value_of(&BitbucketPipelinesSource, &[("bitbucket-pipelines.yml", TEXT)], id, path), expected, "{id} {path}");
}

#[test]
fn steps_of_all_pipelines() {
    let expected = [
        "bitbucket.pipeline bitbucket-pipelines.yml 1-22",
        "bitbucket.step pipelines.default.steps[\"Build it\"] 6-9",
        "bitbucket.step pipelines.default.steps[1] 11-15",
        "bitbucket.step pipelines.branches.main.steps[0] 21-21",
        "bitbucket.step pipelines.branches.main.steps[\"Build it\"] 22-22",
    ];
    assert_eq!(overview(&BitbucketPipelinesSource, &[("bitbucket-pipelines.yml", TEXT)]), expected);
    assert_eq!(overview(&BitbucketPipelinesSource, &[("pipelines.yml", TEXT)]), [""; 0]);
}

#[test]
fn what_is_worked_out() {
    check("pipelines.default.steps[\"Build it\"]", "commands.1.ignored", "\"`|| true` follows\"");
    check("pipelines.default.steps[\"Build it\"]", "images.0.tag", "\"16\"");
    check("pipelines.default.steps[1]", "images.0.tag", "\"latest\"");
    check("pipelines.default.steps[1]", "pipes.0.pinned", "false");
    check("pipelines.default.steps[1]", "commands.0.ignored", "\"a failure in `after-script` never fails the step\"");
    check("pipelines.branches.main.steps[0]", "soft", "true");
    check("pipelines.branches.main.steps[0]", "images", "[]");
    check("bitbucket-pipelines.yml", "images.0.tag", "\"20\"");
    check("pipelines.branches.main.steps[0]", "trigger", "\"branches\"");
}
