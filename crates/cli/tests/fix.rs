//! `fix` on real files: what is mended, that nothing else changes, that a second run changes nothing, and what it refuses.
#![allow(clippy::disallowed_methods, clippy::panic, reason = "a test touches the world on purpose and fails by panicking")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use common::Repo;

const TERRAFORM: &str = "# kept as it is \u{e9}
resource \"aws_db_instance\" \"main\" {
  engine              = \"postgres\"   # odd   spacing
  publicly_accessible = true
  storage_encrypted   = var.encrypted
}

variable \"encrypted\" {
  default = false
}

resource \"aws_kms_key\" \"many\" {
  count       = 2
  description = \"x\"
}
";

const MANIFEST: &str = "apiVersion: v1
kind: Pod
metadata: {name: a, namespace: b}
spec:
  hostPID: true   # why
  containers:
    - name: main
      image: x:1
";

fn repo() -> Repo {
    let repo = Repo::plain();
    repo.write("main.tf", TERRAFORM).write("pod.yaml", MANIFEST);
    repo
}

#[test]
fn edits_mend_and_change_nothing_else() {
    let repo = repo();
    let rules = ["--rule", "CKV_AWS_17", "--rule", "CKV_AWS_16", "--rule", "CKV_AWS_7", "--rule", "CKV_K8S_17", "--rule", "CKV_K8S_20"];
    let run = |more: &[&str]| repo.run(&[&["fix", "."], &rules[..], more].concat());
    let shown = run(&["--diff"]).code(0).says("would mend 5 findings with 4 edits in 2 files; 1 not mended");
    shown.prints("-  publicly_accessible = true\n+  publicly_accessible = false\n");
    assert_eq!((repo.read("main.tf"), repo.read("pod.yaml")), (TERRAFORM.to_owned(), MANIFEST.to_owned()), "--diff writes nothing");

    run(&["--yes"])
        .code(0)
        .says("mended 5 findings with 4 edits in 2 files; 1 not mended")
        .says("not mended: main.tf:2: `aws-rds-instance-unencrypted` of `aws_db_instance.main`: `storage_encrypted` is not written as a plain value");
    let expected = TERRAFORM
        .replace("publicly_accessible = true", "publicly_accessible = false")
        .replace("  description = \"x\"\n", "  description = \"x\"\n\n  enable_key_rotation = true\n");
    assert_eq!(repo.read("main.tf"), expected);
    let expected = MANIFEST
        .replace("hostPID: true ", "hostPID: false ")
        .replace("image: x:1\n", "image: x:1\n      securityContext:\n        allowPrivilegeEscalation: false\n");
    assert_eq!(repo.read("pod.yaml"), expected);

    let before = (repo.read("main.tf"), repo.read("pod.yaml"));
    run(&["--yes"]).code(0).says("mended 0 findings with 0 edits in 0 files; 1 not mended");
    assert_eq!((repo.read("main.tf"), repo.read("pod.yaml")), before, "a second run changes nothing");
}

#[test]
fn an_edit_that_brings_something_else_is_not_kept() {
    let repo = Repo::plain();
    let rule = |id: &str, check: &str, test: &str| {
        format!(
            "id: demo-{id}\ntitle: t\nseverity: high\nstage: {{ stable: 0.1.0 }}\napplies_to: [ConfigMap]\nwhy: w\nfix: f\ncheck: {{ {check}, absent: pass }}\n{test}"
        )
    };
    let tests = |fail: &str| {
        let object = |data: &str| format!("'{{apiVersion: v1, kind: ConfigMap, metadata: {{name: a}}, data: {{{data}}}}}'");
        format!("tests:\n  fail: [{{ name: f, kubernetes: {} }}]\n  pass: [{{ name: p, kubernetes: {} }}]\n", object(fail), object("z: 1"))
    };
    repo.write_beside("rules/demo/one.yaml", &rule("one", "fail_if: { path: data.one, equals: true }", &tests("one: true")));
    let other = "fail_if: { all: [{ path: data.one, equals: false, absent: false }, { path: data.two, equals: 1, absent: false }] }";
    let folder = repo.outside("rules");
    repo.write_beside("rules/demo/two.yaml", &rule("two", other, &format!("edit: none\n{}", tests("one: false, two: 1"))));
    let map = |name: &str, data: &str| format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata:\n  one: true\n{data}");
    repo.write("a.yaml", &map("a", "  two: 1\n")).write("b.yaml", &map("b", ""));
    repo.run(&["fix", ".", "--yes", "--policies", &folder, "--rule", "demo-one", "--rule", "demo-two"])
        .code(0)
        .says("mended 1 findings with 1 edits in 1 files; 1 not mended")
        .says("`demo-two` would come up for `ConfigMap/default/a`");
    assert!(repo.read("a.yaml").contains("one: true"));
    assert!(repo.read("b.yaml").contains("one: false"));
}

#[test]
fn what_is_added_takes_no_name_that_is_taken() {
    let repo = Repo::plain();
    let bucket = "resource \"aws_s3_bucket\" \"a\" {\n  bucket = \"x\"\n}\n";
    repo.write("main.tf", bucket).write("other.tf", "resource \"aws_s3_bucket_versioning\" \"a\" {\n  bucket = \"other\"\n}\n");
    repo.run(&["fix", ".", "--yes", "--rule", "CKV_AWS_21"]).code(0).says("there would be two `aws_s3_bucket_versioning.a`");
    assert_eq!(repo.read("main.tf"), bucket);
    repo.remove("other.tf");
    repo.run(&["fix", ".", "--yes", "--rule", "CKV_AWS_21"]).code(0).says("mended 1 findings");
    assert!(repo.read("main.tf").ends_with("  versioning_configuration {\n    status = \"Enabled\"\n  }\n}\n"), "{}", repo.read("main.tf"));
}

#[test]
fn what_is_accepted_is_left_alone() {
    let repo = Repo::plain();
    let accepted = "resource \"aws_kms_key\" \"a\" {\n  # checkov:skip=CKV_AWS_7:rotated by hand\n  description = \"x\"\n}\n";
    repo.write("main.tf", accepted);
    repo.run(&["fix", ".", "--yes", "--rule", "CKV_AWS_7"]).code(0).says("mended 0 findings");
    assert_eq!(repo.read("main.tf"), accepted);
}

#[test]
fn nobody_to_ask_is_wrong_use() {
    repo().run(&["fix", "."]).code(2).says("nobody is here to be asked").says("`--diff` shows the edits, `--yes` writes them");
}
