//! Configurations to subjects.

use super::*;
use crate::ci::tests::{overview, value_of};

fn check(text: &str, id: &str, path: &str, expected: &str) {
    assert_eq!(value_of(&CircleciSource, &[(".circleci/config.yml", text)], id, path), expected, "{text:?} {id} {path}");
}

const TEXT: &str = "version: 2.1
orbs:
  aws: circleci/aws-cli@4.1
  own: a/b@dev:first
  all: a/c@volatile
executors:
  e:
    docker:
      - image: cimg/go:1.22
jobs:
  build:
    docker:
      - image: node
      - image: redis:7
    steps:
      - checkout
      - run: tfsec . | tee x
      - when:
          condition: x
          steps:
            - run: {name: 'Say it', command: 'echo << pipeline.git.branch >>'}
  deploy-it:
    executor: e
    shell: /bin/bash
    steps: [{run: a; b}]
commands:
  c:
    steps: [{run: x}]
workflows:
  w:
    jobs: [build, {deploy-it: {requires: [hold]}}, {hold: {type: approval}}]
";

#[test]
fn jobs_steps_images_and_orbs() {
    let expected = [
        "circleci.config config.yml 1-31",
        "circleci.orb orbs.aws 3-3",
        "circleci.orb orbs.own 4-4",
        "circleci.orb orbs.all 5-5",
        "circleci.image executors.e.docker[0] 9-9",
        "circleci.job jobs.build 11-21",
        "circleci.image jobs.build.docker[0] 13-13",
        "circleci.image jobs.build.docker[1] 14-14",
        "circleci.step jobs.build.steps[0] 16-16",
        "circleci.step jobs.build.steps[1] 17-17",
        "circleci.step jobs.build.steps[\"Say it\"] 21-21",
        "circleci.job jobs.deploy-it 22-25",
        "circleci.step jobs.deploy-it.steps[0] 25-25",
        "circleci.step commands.c.steps[0] 28-28",
    ];
    assert_eq!(overview(&CircleciSource, &[(".circleci/config.yml", TEXT)]), expected);
    assert_eq!(overview(&CircleciSource, &[("config.yml", TEXT)]), [""; 0]);
    assert_eq!(overview(&CircleciSource, &[(".circleci/config.yml", "- a\n")]), ["Warning circleci-shape 1-1"]);
}

#[test]
fn what_is_worked_out() {
    check(TEXT, "orbs.aws", "pinned", "false");
    check(TEXT, "orbs.own", "development", "true");
    check(TEXT, "orbs.all", "volatile", "true");
    check(TEXT, "config.yml", "orb_list.0.version", "\"4.1\"");
    check(TEXT, "jobs.build.docker[0]", "images.0.tag", "\"latest\"");
    check(TEXT, "jobs.deploy-it", "images.0.tag", "\"1.22\"");
    check(TEXT, "jobs.build.steps[1]", "commands.0.ignored", "-");
    check(TEXT, "jobs.deploy-it.steps[0]", "commands.0.ignored", "\"the script goes on after it fails\"");
    check(TEXT, "jobs.build.steps[\"Say it\"]", "injections.0@", "<< pipeline.git.branch >>");
    check(TEXT, "jobs.build", "unguarded", r#"["deploy-it"]"#);
}
