//! `--changed-only` on real histories: what counts is the subject and its value, not the line.
#![allow(clippy::disallowed_methods, clippy::panic, reason = "a test touches the world on purpose and fails by panicking")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use common::{Repo, bucket, map};

/// A repository with these files, committed.
fn base(files: &[(&str, &str)]) -> (Repo, String) {
    let repo = Repo::new();
    for (path, text) in files {
        repo.write(path, text);
    }
    let base = repo.commit();
    (repo, base)
}

/// What the gate says of the folder as it is, `--changed-only`; the same again once it is committed.
#[track_caller]
fn check(repo: &Repo, base: &str, code: i32, expected: &[&str]) {
    repo.report(code, &["--base", base, "--changed-only"]).results(expected);
}

#[track_caller]
fn committed(repo: &Repo, base: &str, code: i32, expected: &[&str]) {
    repo.commit();
    check(repo, base, code, expected);
}

const OLD_MAP: &str = "demo-public ConfigMap/default/a not counted";
const NEW_MAP: &str = "demo-public ConfigMap/default/a";

#[test]
fn nothing_changed() {
    let (repo, base) = base(&[("maps/a.yaml", &map("a", "public=true")), ("README.md", "one\n")]);
    check(&repo, &base, 0, &[OLD_MAP]);
    // Nothing relevant changed.
    repo.write("README.md", "two\n");
    let report = repo.report(0, &["--base", &base, "--changed-only"]);
    report.results(&[OLD_MAP]).note("1 finding this change did not touch");
    assert_eq!(report.colour(), "green");
    committed(&repo, &base, 0, &[OLD_MAP]);
    // All of it counts without the flag.
    repo.report(1, &["--base", &base]).results(&[NEW_MAP]);
    assert_eq!(repo.report(1, &["--base", &base]).of("demo-public")["existed"], true);
    // And against itself.
    check(&repo, "HEAD", 0, &[OLD_MAP]);
}

#[test]
fn moved_by_lines() {
    let text = map("a", "public=true");
    let (repo, base) = base(&[("maps/a.yaml", &text), ("main.tf", &bucket("logs", "public-read"))]);
    repo.write("maps/a.yaml", &format!("# a\n# b\n\n---\n{}---\n{text}", map("before", "")));
    repo.write(
        "main.tf",
        &format!("\n\n# more\n{}\n{}", bucket("first", "private"), bucket("logs", "public-read").replace("  acl    =", "  acl =")),
    );
    committed(&repo, &base, 0, &[OLD_MAP, "demo-bucket aws_s3_bucket.logs not counted"]);
}

#[test]
fn a_block_that_moves_to_another_file_of_its_folder() {
    let (repo, base) = base(&[("infra/main.tf", &format!("{}{}", bucket("logs", "public-read"), bucket("data", "private")))]);
    repo.write("infra/main.tf", &bucket("data", "private")).write("infra/logs.tf", &bucket("logs", "public-read"));
    committed(&repo, &base, 0, &["demo-bucket aws_s3_bucket.logs not counted"]);
}

#[test]
fn a_folder_renamed() {
    let files = [
        ("live/a.yaml", map("a", "public=true")),
        ("live/main.tf", bucket("logs", "public-read")),
        ("live/Dockerfile", "FROM a:1\nUSER root\n".into()),
    ];
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
    let (repo, base) = base(&files);
    repo.rename("live", "environments/prod");
    committed(&repo, &base, 0, &["demo-bucket aws_s3_bucket.logs not counted", OLD_MAP, "demo-root 0/USER[1] not counted"]);
    // Renamed and changed at once: what changed counts.
    repo.write("environments/prod/main.tf", &bucket("logs", "public-read").replace("bucket = \"logs\"", "bucket = \"other\""));
    committed(&repo, &base, 1, &["demo-bucket aws_s3_bucket.logs", OLD_MAP, "demo-root 0/USER[1] not counted"]);
}

#[test]
fn a_file_renamed() {
    let (repo, base) = base(&[("maps/a.yaml", &map("a", "public=true")), ("image/Dockerfile", "FROM a:1\nUSER root\n")]);
    repo.rename("maps/a.yaml", "maps/b.yaml").rename("image/Dockerfile", "image/Dockerfile.app");
    committed(&repo, &base, 0, &[OLD_MAP, "demo-root 0/USER[1] not counted"]);
}

#[test]
fn a_value_changed() {
    let (repo, base) = base(&[("maps/a.yaml", &map("a", "public=true"))]);
    // The judged value, still bad.
    repo.write("maps/a.yaml", &map("a", "public=yes"));
    check(&repo, &base, 1, &[NEW_MAP]);
    committed(&repo, &base, 1, &[NEW_MAP]);
    // Another value of the same subject: it was touched, so its findings count.
    repo.write("maps/a.yaml", &map("a", "public=true,more=1"));
    committed(&repo, &base, 1, &[NEW_MAP]);
    // Back as it was.
    repo.write("maps/a.yaml", &map("a", "public=true"));
    committed(&repo, &base, 0, &[OLD_MAP]);
    // Mended.
    repo.write("maps/a.yaml", &map("a", ""));
    committed(&repo, &base, 0, &[]);
}

#[test]
fn a_value_changed_elsewhere() {
    // The block is the same; the variable's default is not.
    let block = "resource \"aws_s3_bucket\" \"logs\" {\n  acl = var.acl\n}\n";
    let variable = |value: &str| format!("variable \"acl\" {{\n  default = \"{value}\"\n}}\n");
    let (repo, first) = base(&[("main.tf", block), ("variables.tf", &variable("private"))]);
    repo.write("variables.tf", &variable("public-read"));
    committed(&repo, &first, 1, &["demo-bucket aws_s3_bucket.logs"]);
    // Through a module.
    let call = |value: &str| format!("module \"logs\" {{\n  source = \"./modules/logs\"\n  acl    = \"{value}\"\n}}\n");
    let module = format!("variable \"acl\" {{}}\n{block}");
    let (repo, base) = base(&[("main.tf", &call("private")), ("modules/logs/main.tf", &module)]);
    repo.write("main.tf", &call("public-read"));
    committed(&repo, &base, 1, &["demo-bucket module.logs.aws_s3_bucket.logs"]);
}

#[test]
fn a_new_subject() {
    let (repo, base) = base(&[("maps/a.yaml", &map("a", "public=true")), ("main.tf", &bucket("logs", "public-read"))]);
    repo.write("maps/b.yaml", &map("b", "public=true")).write("main.tf", &(bucket("logs", "public-read") + &bucket("data", "public-read")));
    committed(
        &repo,
        &base,
        1,
        &[OLD_MAP, "demo-public ConfigMap/default/b", "demo-bucket aws_s3_bucket.logs not counted", "demo-bucket aws_s3_bucket.data"],
    );
}

#[test]
fn a_second_environment() {
    let (repo, base) = base(&[("dev/main.tf", &bucket("logs", "public-read")), ("dev/a.yaml", &map("a", "public=true"))]);
    repo.write("prod/main.tf", &bucket("logs", "public-read")).write("prod/a.yaml", &map("a", "public=true"));
    committed(&repo, &base, 1, &["demo-bucket aws_s3_bucket.logs", "demo-bucket aws_s3_bucket.logs not counted", OLD_MAP, NEW_MAP]);
    let report = repo.report(1, &["--base", &base, "--changed-only"]);
    for result in report.0["results"].as_array().unwrap() {
        assert_eq!(result["counts"], result["at"]["file"].as_str().unwrap().starts_with("prod/"), "{result:#}");
    }
}

#[test]
fn a_file_moved_to_an_environment_that_was_there() {
    let (repo, base) = base(&[
        ("dev/main.tf", &bucket("other", "private")),
        ("dev/logs.tf", &bucket("logs", "public-read")),
        ("prod/main.tf", &bucket("other", "private")),
    ]);
    repo.rename("dev/logs.tf", "prod/logs.tf");
    committed(&repo, &base, 1, &["demo-bucket aws_s3_bucket.logs"]);
}

#[test]
fn a_file_copied() {
    let (repo, base) = base(&[("a/Dockerfile", "FROM a:1\nUSER root\n"), ("maps/a.yaml", &map("a", "public=true"))]);
    repo.write("b/Dockerfile", "FROM a:1\nUSER root\n").write("maps/b.yaml", &map("b", "public=true"));
    committed(&repo, &base, 1, &["demo-root 0/USER[1]", "demo-root 0/USER[1] not counted", OLD_MAP, "demo-public ConfigMap/default/b"]);
}

#[test]
fn uncommitted_changes_count() {
    let (repo, base) = base(&[("maps/a.yaml", &map("a", "public=true"))]);
    repo.write("maps/b.yaml", &map("b", "public=true"));
    check(&repo, &base, 1, &[OLD_MAP, "demo-public ConfigMap/default/b"]);
    repo.git(&["add", "-A"]);
    check(&repo, &base, 1, &[OLD_MAP, "demo-public ConfigMap/default/b"]);
    repo.remove("maps/b.yaml");
    check(&repo, &base, 0, &[OLD_MAP]);
}

#[test]
fn a_file_that_was_broken_before_is_no_matter_of_this_change() {
    let broken = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: [\n";
    let (repo, base) = base(&[("maps/broken.yaml", broken), ("maps/a.yaml", &map("a", ""))]);
    repo.write("maps/a.yaml", &map("a", "chatty=true"));
    committed(&repo, &base, 0, &["demo-chatty ConfigMap/default/a"]);
    // Touched and still broken, it is.
    repo.write("maps/broken.yaml", &format!("{broken}\n"));
    let report = repo.report(3, &["--base", &base, "--changed-only"]);
    assert_eq!(report.colour(), "none");
    // So is one that this change broke.
    repo.write("maps/broken.yaml", broken).write("maps/a.yaml", broken);
    repo.report(3, &["--base", &base, "--changed-only"]);
}

#[test]
fn findings_about_the_judge_always_count() {
    let (repo, base) = base(&[("maps/a.yaml", &map("a", "public=true"))]);
    repo.write("probity.yaml", "gate: { red_at: critical }\n");
    repo.commit();
    let report = repo.report(0, &["--base", &base, "--changed-only"]);
    report.results(&[OLD_MAP, "probity-config-changed probity.yaml"]);
    assert_eq!(report.colour(), "yellow");
}

#[test]
fn results_of_other_scanners_count_where_they_are_about_what_changed() {
    // They know no base: what they say has no earlier self, so it counts.
    let (repo, base) = base(&[("maps/a.yaml", &map("a", ""))]);
    let sarif = repo.write_beside(
        "other.sarif",
        r#"{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"other"}},"results":[{"ruleId":"X1","level":"error","message":{"text":"bad"},
            "locations":[{"physicalLocation":{"artifactLocation":{"uri":"maps/a.yaml"},"region":{"startLine":1}}}]}]}]}"#,
    );
    let report = repo.report(1, &["--base", &base, "--changed-only", "--with", &sarif]);
    assert_eq!(report.shown().len(), 1);
}

#[test]
fn a_rename_across_several_commits() {
    let (repo, base) = base(&[("one/main.tf", &bucket("logs", "public-read"))]);
    repo.rename("one", "two");
    repo.commit();
    repo.rename("two", "three");
    repo.write("three/other.tf", &bucket("other", "private"));
    committed(&repo, &base, 0, &["demo-bucket aws_s3_bucket.logs not counted"]);
}

#[test]
fn a_folder_renamed_beside_one_deleted() {
    let (repo, base) = base(&[
        ("one/a.tf", &bucket("logs", "public-read")),
        ("two/b.tf", &bucket("logs", "public-read").replace("logs\"\n", "other\"\n")),
    ]);
    repo.remove("one/a.tf");
    repo.rename("two/b.tf", "both/b.tf");
    repo.write("both/a.tf", &bucket("more", "private"));
    // `one` was deleted, `two` was renamed: its finding is not new.
    committed(&repo, &base, 0, &["demo-bucket aws_s3_bucket.logs not counted"]);
}

#[test]
fn the_base_is_what_was_named_not_the_merge_base() {
    // A finding that main got after the branch began is not the branch's.
    let (repo, _) = base(&[("maps/a.yaml", &map("a", ""))]);
    repo.git(&["checkout", "-q", "-b", "topic"]);
    repo.write("maps/b.yaml", &map("b", "public=true"));
    repo.commit();
    repo.git(&["checkout", "-q", "main"]);
    repo.write("maps/c.yaml", &map("c", "public=true"));
    repo.commit();
    repo.git(&["checkout", "-q", "topic"]);
    check(&repo, "main", 1, &["demo-public ConfigMap/default/b"]);
    repo.git(&["merge", "-q", "--no-edit", "main"]);
    check(&repo, "main", 1, &["demo-public ConfigMap/default/b", "demo-public ConfigMap/default/c not counted"]);
}
