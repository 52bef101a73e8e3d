use std::sync::Arc;

use probity_core::{Edit, EditKey, EditStep, SubjectKind};
use probity_value::{FileId, Value, yaml};

use super::*;

fn keys(path: &str) -> Vec<EditKey> {
    path.split('.')
        .flat_map(|name| match (name, name.strip_suffix("[*]")) {
            ("$containers", _) => vec![EditKey::Containers],
            ("$pod", _) => vec![EditKey::Pod],
            (_, Some(name)) => vec![EditKey::Name(name.into()), EditKey::Each],
            (name, None) => vec![EditKey::Name(name.into())],
        })
        .collect()
}

fn value(text: &str) -> Value {
    yaml::parse(text, FileId(0)).0.remove(0).value
}

fn set(path: &str, to: &str) -> Edit {
    Edit { steps: vec![EditStep::Set { path: keys(path), value: value(to), blocks: true }] }
}

fn remove(path: &str) -> Edit {
    Edit { steps: vec![EditStep::Remove { path: keys(path) }] }
}

fn edited(kind: SubjectKind, file: &str, text: &str, edit: &Edit) -> String {
    let offset = text.find("resource").filter(|_| file.ends_with(".tf")).unwrap_or(0);
    match apply(kind, file, text, offset, "module.m.aws_x.n", edit) {
        Ok(edited) => edited.text,
        Err(error) => format!("! {error}"),
    }
}

#[test]
fn hcl_attributes() {
    let check =
        |text: &str, edit: &Edit, expected: &str| assert_eq!(edited(SubjectKind::Terraform, "a.tf", text, edit), expected, "{text}");
    let on = set("on", "true");
    check("resource \"a\" \"b\" {}\n", &on, "resource \"a\" \"b\" {\n  on = true\n}\n");
    check("resource \"a\" \"b\" { c = 1 }\n", &on, "resource \"a\" \"b\" {\n  c = 1\n  on = true\n}\n");
    check("resource \"a\" \"b\" {\n}\n", &on, "resource \"a\" \"b\" {\n  on = true\n}\n");
    check("resource \"a\" \"b\" {\n  on = false # why\n}\n", &on, "resource \"a\" \"b\" {\n  on = true # why\n}\n");
    check("resource \"a\" \"b\" {\n  on = true\n}\n", &on, "! it is written as asked already");
    check("resource \"a\" \"b\" {\n  on = var.x\n}\n", &on, "! `on` is not written as a plain value");
    check("resource \"a\" \"b\" {\n    name  = 1 # one\n}\n", &on, "resource \"a\" \"b\" {\n    name  = 1 # one\n    on    = true\n}\n");
    check("resource \"a\" \"b\" {\n  n = 1\n}\n", &set("longer", "x"), "resource \"a\" \"b\" {\n  n = 1\n\n  longer = \"x\"\n}\n");
    check("resource \"a\" \"b\" {\n  t = {\n    k = 1\n  }\n}\n", &on, "resource \"a\" \"b\" {\n  t = {\n    k = 1\n  }\n  on = true\n}\n");
    check("resource \"a\" \"b\" {\n  t = <<EOT\nx\nEOT\n}\n", &on, "resource \"a\" \"b\" {\n  t = <<EOT\nx\nEOT\n  on = true\n}\n");
    check("resource \"a\" \"b\" {\n  c {\n  }\n}\n", &on, "resource \"a\" \"b\" {\n  on = true\n\n  c {\n  }\n}\n");
    check(
        "# é\r\nresource \"a\" \"b\" {\r\n  n = 1\r\n}\r\n",
        &set("m", "2"),
        "# é\r\nresource \"a\" \"b\" {\r\n  n = 1\r\n  m = 2\r\n}\r\n",
    );
    check("resource \"a\" \"b\" {\n  on = \"no\"\n}\n", &set("on", r#"'"${x}'"#), "resource \"a\" \"b\" {\n  on = \"\\\"$${x}\"\n}\n");
    check("locals {}\n# resource\n", &on, "! the place of the subject is not found");
}

#[test]
fn hcl_blocks() {
    let check = |text: &str, path: &str, expected: &str| {
        assert_eq!(edited(SubjectKind::Terraform, "a.tf", text, &set(path, "true")), expected, "{text}");
    };
    check("resource \"a\" \"b\" {\n  n = 1\n}\n", "c.on", "resource \"a\" \"b\" {\n  n = 1\n\n  c {\n    on = true\n  }\n}\n");
    check("resource \"a\" \"b\" {}\n", "c.d.on", "resource \"a\" \"b\" {\n  c {\n    d {\n      on = true\n    }\n  }\n}\n");
    check("resource \"a\" \"b\" {\n}\n", "c.on", "resource \"a\" \"b\" {\n  c {\n    on = true\n  }\n}\n");
    check(
        "resource \"a\" \"b\" {\n  c {\n    on = false\n  }\n  c {}\n}\n",
        "c.on",
        "resource \"a\" \"b\" {\n  c {\n    on = true\n  }\n  c {\n    on = true\n  }\n}\n",
    );
    check(
        "resource \"a\" \"b\" {\n  dynamic \"c\" {\n    for_each = []\n    content {\n      k = 1\n    }\n  }\n}\n",
        "c.on",
        "resource \"a\" \"b\" {\n  dynamic \"c\" {\n    for_each = []\n    content {\n      k = 1\n\n      on = true\n    }\n  }\n}\n",
    );
    check("resource \"a\" \"b\" {\n  n = 1\n}\n", "c[*].on", "! there is no `c`");
    check("resource \"a\" \"b\" {\n  c = { on = false }\n}\n", "c.on", "resource \"a\" \"b\" {\n  c = { on = true }\n}\n");
    check("resource \"a\" \"b\" {\n  c = { k = 1 }\n}\n", "c.on", "resource \"a\" \"b\" {\n  c = { on = true, k = 1 }\n}\n");
    check(
        "resource \"a\" \"b\" {\n  c = {\n    k = 1\n  }\n}\n",
        "c.on",
        "resource \"a\" \"b\" {\n  c = {\n    on = true\n    k = 1\n  }\n}\n",
    );
    check("resource \"a\" \"b\" {\n  c = local.c\n}\n", "c.on", "! `c` is not written as a plain value");
    check(
        "resource \"a\" \"b\" {\n  c = jsonencode([{ k = 1 }, { on = false }])\n}\n",
        "c.on",
        "resource \"a\" \"b\" {\n  c = jsonencode([{ on = true, k = 1 }, { on = true }])\n}\n",
    );
    check("resource \"a\" \"b\" {\n  c {}\n}\n", "c", "! `c` has another shape");
    let careful = Edit { steps: vec![EditStep::Set { path: keys("c.on"), value: value("true"), blocks: false }] };
    let text = "resource \"a\" \"b\" {}\n";
    assert_eq!(edited(SubjectKind::Terraform, "a.tf", text, &careful), "! there is no `c`");
}

#[test]
fn hcl_removal_and_addition() {
    let check =
        |text: &str, edit: &Edit, expected: &str| assert_eq!(edited(SubjectKind::Terraform, "a.tf", text, edit), expected, "{text}");
    check("resource \"a\" \"b\" {\n  n = 1\n  on = true # x\n}\n", &remove("on"), "resource \"a\" \"b\" {\n  n = 1\n}\n");
    check("resource \"a\" \"b\" {\n  c {\n    on = 1\n  }\n}\n", &remove("c"), "resource \"a\" \"b\" {\n}\n");
    check("resource \"a\" \"b\" {\n  n = 1\n}\n", &remove("on"), "! it is written as asked already");
    let add = Edit { steps: vec![EditStep::Add { text: Arc::from("resource \"x\" \"{name}\" {\n  a = {address}.id\n}\n") }] };
    check(
        "resource \"aws_x\" \"n\" {\n}\n\nlocals {}\n",
        &add,
        "resource \"aws_x\" \"n\" {\n}\n\nresource \"x\" \"n\" {\n  a = aws_x.n.id\n}\n\nlocals {}\n",
    );
    check("resource \"aws_x\" \"n\" {\n  count = 2\n}\n", &add, "! the resource is repeated, so nothing can refer to it by its address");
}

#[test]
fn yaml_keys() {
    let check = |text: &str, path: &str, to: &str, expected: &str| {
        assert_eq!(edited(SubjectKind::Kubernetes, "a.yaml", text, &set(path, to)), expected, "{text}");
    };
    check("a: 1\nb: {c: 2}\n", "on", "true", "a: 1\non: true\nb: {c: 2}\n");
    check("on: false # x\n", "on", "true", "on: true # x\n");
    check("on: true\n", "on", "true", "! it is written as asked already");
    check("b:\n  c: 2\n", "b.on", "yes it is", "b:\n  c: 2\n  on: \"yes it is\"\n");
    check("b: {c: 2}\n", "b.on", "true", "b: {c: 2, on: true}\n");
    check("b: {}\n", "b.on", "true", "b: { on: true }\n");
    check("b:\n  c:\n    - 1\n", "b.d.on", "RuntimeDefault", "b:\n  d:\n    on: RuntimeDefault\n  c:\n    - 1\n");
    check("b:\n", "b.on", "true", "! `b` has another shape");
    check("a: |\n  x\nb: 1 # c\n", "on", "true", "a: |\n  x\nb: 1 # c\non: true\n");
    check("{\n  \"a\": 1,\n  \"b\": {\"c\": 2}\n}\n", "b.on", "x", "{\n  \"a\": 1,\n  \"b\": {\"c\": 2, \"on\": \"x\"}\n}\n");
    check("{\n  \"a\": 1\n}\n", "on", "true", "{\n  \"a\": 1,\n  \"on\": true\n}\n");
    check("a: 1\n", "l[*].on", "true", "! there is no `l`");
    check("l:\n- a: 1\n- a: 2\n  on: false\n", "l[*].on", "true", "l:\n- a: 1\n  on: true\n- a: 2\n  on: true\n");
}

#[test]
fn yaml_pods() {
    let pod = "kind: Deployment\nspec:\n  template:\n    spec:\n      initContainers:\n        - name: i\n      containers:\n        - name: a\n          securityContext:\n            privileged: true\n        - name: b\n";
    let check = |edit: &Edit, expected: &[&str]| {
        let text = edited(SubjectKind::Kubernetes, "a.yaml", pod, edit);
        let added: Vec<&str> = text.lines().filter(|line| !pod.lines().any(|old| old == *line)).collect();
        assert_eq!(added, expected, "{text}");
    };
    check(
        &set("$containers.securityContext.privileged", "false"),
        &["          securityContext:", "            privileged: false", "            privileged: false", "            privileged: false"]
            [1..],
    );
    check(&set("$pod.hostPID", "false"), &["      hostPID: false"]);
    check(&remove("$containers.securityContext"), &[]);
    assert!(!edited(SubjectKind::Kubernetes, "a.yaml", pod, &remove("$containers.securityContext")).contains("privileged"));
}

#[test]
fn what_is_not_edited_says_so() {
    let check = |kind: SubjectKind, file: &str, expected: &str| {
        let error = apply(kind, file, "{}", 0, "a.b", &set("a", "1")).unwrap_err();
        assert_eq!(error.to_string(), expected);
    };
    check(SubjectKind::Dockerfile, "Dockerfile", "files of dockerfile are not edited");
    check(SubjectKind::Terraform, "a.tf.json", "files of terraform are not edited");
    check(SubjectKind::Terraform, "a.tf", "the place of the subject is not found");
}
