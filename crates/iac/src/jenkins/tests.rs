//! Jenkinsfiles to subjects.

use super::*;
use crate::ci::tests::{overview, value_of};

const TEXT: &str = "@Library('shared@main') _
pipeline {
  agent { docker { image 'maven:3'; args '--privileged' } }
  options { timeout(time: 1, unit: 'HOURS') }
  environment { KEY = credentials('k'); PLAIN = 'v' }
  parameters { string(name: 'P', defaultValue: 'x') }
  stages {
    stage('Build it') {
      steps {
        sh 'make'
        sh \"curl ${KEY} ${params.P} ${env.CHANGE_BRANCH} $OTHER\"
        script { def rc = sh(script: 'tfsec .', returnStatus: true) }
        sh script: 'tfsec .', returnStatus: true
        catchError(buildResult: 'SUCCESS') { sh 'trivy fs . || true' }
        withCredentials([usernamePassword(credentialsId: 'c', usernameVariable: 'U', passwordVariable: 'PW')]) {
          sh \"\"\"
            login $U
            echo ${PW}
          \"\"\"
        }
      }
    }
    stage('Deploy') { when { branch 'main' }; input { message 'ok?' }; steps { echo 'x' } }
  }
  post { always { sh 'tfsec .' } }
}
";

fn check(id: &str, path: &str, expected: &str) {
    assert_eq!(value_of(&JenkinsSource, &[("Jenkinsfile", TEXT)], id, path), expected, "{id} {path}");
}

#[test]
fn stages_and_steps() {
    let expected = [
        "jenkins.pipeline Jenkinsfile 2-26",
        "jenkins.stage stages.\"Build it\" 8-22",
        "jenkins.step stages.\"Build it\".steps[0] 10-10",
        "jenkins.step stages.\"Build it\".steps[1] 11-11",
        "jenkins.step stages.\"Build it\".steps[2] 12-12",
        "jenkins.step stages.\"Build it\".steps[3] 13-13",
        "jenkins.step stages.\"Build it\".steps[4] 14-14",
        "jenkins.step stages.\"Build it\".steps[5] 14-14",
        "jenkins.step stages.\"Build it\".steps[6] 16-19",
        "jenkins.step stages.\"Build it\".steps[7] 15-20",
        "jenkins.stage stages.Deploy 23-23",
        "jenkins.step stages.Deploy.steps[0] 23-23",
        "jenkins.step post.always.steps[0] 25-25",
        "Note jenkins-script 12-12",
    ];
    assert_eq!(overview(&JenkinsSource, &[("Jenkinsfile", TEXT)]), expected);
    assert_eq!(overview(&JenkinsSource, &[("a.groovy", "def x = 1\n"), ("Jenkinsfile.md", TEXT)]), [""; 0]);
    assert_eq!(overview(&JenkinsSource, &[("a.groovy", TEXT)]).len(), expected.len());
}

#[test]
fn what_is_worked_out() {
    check("Jenkinsfile", "images.0.tag", "\"3\"");
    check("Jenkinsfile", "agent.docker.args", "\"--privileged\"");
    check("Jenkinsfile", "libraries.0.pinned", "false");
    check("Jenkinsfile", "environment.PLAIN", "\"v\"");
    check("Jenkinsfile", "parameters.0.name", "\"P\"");
    check("Jenkinsfile", "options", r#"["timeout"]"#);
    let step = |index: usize, path: &str, expected: &str| check(&format!("stages.\"Build it\".steps[{index}]"), path, expected);
    step(0, "commands.0.name", "\"make\"");
    step(1, "leaks.0@", "${KEY}");
    step(1, "leaks.1", "-");
    step(1, "injections.0.expression", "\"params.P\"");
    step(1, "injections.1.kind", "\"event\"");
    step(2, "status", "\"read\"");
    step(3, "status", "\"ignored\"");
    step(3, "commands.0.scanner", "\"tfsec\"");
    step(4, "soft", "true");
    step(4, "commands.0.ignored", "\"`|| true` follows\"");
    step(6, "leaks.0.expression", "\"PW\"");
    step(6, "leaks.1", "-");
    step(6, "credentials.1.id", "\"c\"");
    step(6, "commands.1.name@", "echo");
    check("stages.Deploy", "deploys", "true");
    check("stages.Deploy", "input", "true");
    check("stages.Deploy.steps[0]", "stage.name", "\"Deploy\"");
}

#[test]
fn what_is_not_read_is_said() {
    let scripted = "node('x') {\n  stage('A') {\n    sh 'a'\n    if (b) { sh 'c' }\n  }\n}\n";
    let expected = [
        "jenkins.pipeline Jenkinsfile 1-6",
        "jenkins.step stages.A.steps[0] 3-3",
        "jenkins.step stages.A.steps[1] 4-4",
        "skipped Jenkinsfile: a scripted pipeline; only the steps in it are read partly",
    ];
    assert_eq!(overview(&JenkinsSource, &[("Jenkinsfile", scripted)]), expected);
    let broken = overview(&JenkinsSource, &[("Jenkinsfile", "pipeline {\n")]);
    assert_eq!(broken.last().map(String::as_str), Some("skipped Jenkinsfile: read in part: a block is not closed partly"));
}

#[test]
fn suppressions() {
    let text = "pipeline { stages { stage('a') { steps {\n// probity:allow x reason\nsh 'a'\nsh 'b' // checkov:skip=Y:why\n} } } }\n";
    let (collected, sources) = crate::ci::tests::collected(&JenkinsSource, &[("Jenkinsfile", text)]);
    let shown: Vec<String> = collected
        .suppressions
        .iter()
        .map(|one| format!("{} {}", one.id, sources.locate(one.target).map_or(0, |(_, start, _)| start.line)))
        .collect();
    assert_eq!(shown, ["x 3", "Y 1"]);
}
