//! Compose files to subjects.

use super::*;
use crate::ci::tests::{overview, value_of};

fn check(text: &str, path: &str, expected: &str) {
    assert_eq!(value_of(&ComposeSource, &[("compose.yaml", text)], "services.a", path), expected, "{text:?} {path}");
}

#[test]
fn files_and_services() {
    let text = "name: x\nservices:\n  a:\n    image: b\n  'c d': {}\n  e:\n";
    let expected = ["compose.file x 1-6", "compose.service services.a 3-4", "compose.service services.\"c d\" 5-5"];
    assert_eq!(overview(&ComposeSource, &[("docker-compose.prod.yml", text)]), expected);
    assert_eq!(overview(&ComposeSource, &[("composer.yml", "a: 1\n"), ("x.yaml", text)]), [""; 0]);
    assert_eq!(overview(&ComposeSource, &[("compose.yaml", "a: 1\n")]), [""; 0]);
    let broken = ["Error yaml-syntax 1-2", "skipped compose.yaml: not valid YAML fails"];
    assert_eq!(overview(&ComposeSource, &[("compose.yaml", "services: {\n")]), broken);
}

#[test]
fn ports() {
    let port = |port: &str, expected: &str| {
        let text = format!("services: {{a: {{ports: [{port}]}}}}");
        let shown: Vec<String> = ["host", "from", "to", "protocol"]
            .iter()
            .map(|part| value_of(&ComposeSource, &[("compose.yaml", &text)], "services.a", &format!("published.0.{part}")))
            .collect();
        assert_eq!(shown.join(" ").replace('"', ""), expected, "{port}");
    };
    port("'80'", "0.0.0.0 - 80 tcp");
    port("80", "0.0.0.0 - 80 tcp");
    port("'8080:80'", "0.0.0.0 8080 80 tcp");
    port("'127.0.0.1:5432:5432/udp'", "127.0.0.1 5432 5432 udp");
    port("'127.0.0.1::5432'", "127.0.0.1 - 5432 tcp");
    port("'[::1]:80:80'", "::1 80 80 tcp");
    port("{target: 80, published: 8080}", "0.0.0.0 8080 80 -");
    port("{target: 80, host_ip: 127.0.0.1}", "127.0.0.1 - 80 -");
    port("'${P:-9}:80'", "0.0.0.0 9 80 tcp");
}

#[test]
fn mounts_and_variables() {
    let mount = |volume: &str, expected: &str| {
        check(&format!("services: {{a: {{volumes: [{volume}]}}}}"), "mounts.0", expected);
    };
    mount("'/var/run/docker.sock:/x:ro'", r#"{"read_only":true,"source":"/var/run/docker.sock","target":"/x","type":"bind"}"#);
    mount("data:/x", r#"{"read_only":false,"source":"data","target":"/x","type":"volume"}"#);
    mount("/x", r#"{"read_only":false,"target":"/x","type":"volume"}"#);
    mount("{type: bind, source: /, target: /h}", r#"{"source":"/","target":"/h","type":"bind"}"#);
    check("services: {a: {environment: [A=1=2, B]}}", "variables", r#"{"A":"1=2","B":null}"#);
    check("services: {a: {environment: {A: 1}}}", "variables", r#"{"A":1}"#);
    check("services: {a: {image: 'x:${T:-1}'}}", "images.0.tag", "\"1\"");
    check("services: {a: {image: 'x:${T}'}}", "images.0.tag", "unknown: `x:$` is known only when it runs");
}

#[test]
fn interpolation() {
    let image = |text: &str, expected: &str| check(&format!("services: {{a: {{image: '{text}'}}}}"), "image", expected);
    image("x", "\"x\"");
    image("$$x", "\"$x\"");
    image("${A-d}", "\"d\"");
    image("${A:-${B:-e}}", "\"e\"");
    image("r/${A:?must}", "unknown from r/: `${A}` is known only when it runs");
    image("$A/x", "unknown: `$A` is known only when it runs");
    image("${A", "\"${A\"");
    check("services: {a: {privileged: '${P:-true}'}}", "privileged", "true");
}

#[test]
fn extended_services() {
    let text = "x-b: &b {restart: always}\nservices:\n  base: {privileged: true, environment: [A=1], cap_add: [X]}\n  a:\n    <<: *b\n    extends: {service: base}\n    environment: {B: 2}\n    cap_add: [Y]\n";
    check(text, "privileged", "true");
    check(text, "variables", r#"{"A":"1","B":2}"#);
    check(text, "cap_add", r#"["X","Y"]"#);
    check(text, "restart", "\"always\"");
    let files = [
        ("d/compose.yaml", "services:\n  a: {extends: {file: ../other.yml, service: s}}\n"),
        ("other.yml", "services:\n  s: {network_mode: host}\n"),
    ];
    assert_eq!(value_of(&ComposeSource, &files, "services.a", "network_mode"), "\"host\"");
    check("services: {a: {extends: a, image: x}}", "image", "\"x\"");
    assert_eq!(
        overview(&ComposeSource, &[("compose.yaml", "services:\n  a: {extends: {service: none}}\n")]),
        ["compose.file compose.yaml 1-2", "compose.service services.a 2-2", "Note compose-extends 2-2"]
    );
}
