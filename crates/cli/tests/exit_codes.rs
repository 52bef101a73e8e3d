//! Exit codes: 0 green or done, 1 red, 2 wrong use or configuration, 3 could not decide or record, 4 nothing to look at.
#![allow(clippy::disallowed_methods, clippy::panic, reason = "a test touches the world on purpose and fails by panicking")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use common::{Repo, bucket, map};

/// A folder with one map.
fn with(data: &str) -> Repo {
    let repo = Repo::plain();
    repo.write("maps/a.yaml", &map("a", data));
    repo
}

#[test]
fn colours() {
    let check = |data: &str, code: i32, colour: &str| {
        let report = with(data).report(code, &[]);
        assert_eq!(report.colour(), colour, "{data}");
    };
    check("", 0, "green");
    check("chatty=true", 0, "green");
    check("untidy=true", 0, "yellow");
    check("public=true", 1, "red");
    check("public=true,untidy=true", 1, "red");
}

#[test]
fn every_source_has_a_say() {
    let repo = Repo::plain();
    repo.write("Dockerfile", "FROM a:1\nUSER root\n").write("main.tf", &bucket("logs", "public-read"));
    repo.report(1, &[]).results(&["demo-bucket aws_s3_bucket.logs", "demo-root 0/USER[1]"]);
}

#[test]
fn yellow_with_approvers_needs_an_acceptance() {
    let repo = with("untidy=true");
    let (_, public) = repo.ssh_key("sara");
    repo.write("probity.yaml", &format!("approvers: [{{ name: Sara, role: security, keys: ['{public}'] }}]\n"));
    let report = repo.report(1, &[]);
    assert_eq!(report.colour(), "yellow");
    assert!(report.0["verdict"]["because"].to_string().contains("Sara (security)"), "{:#}", report.0["verdict"]);
}

#[test]
fn nothing_to_look_at() {
    let repo = Repo::plain();
    repo.gate(&[]).code(4).says("nothing to look at");
    repo.judge("scan", &[]).code(4);
    repo.judge("baseline", &["--expires", &common::day(10)]).code(4);
    repo.write("README.md", "# words\n").write("src/main.c", "int main() {}\n");
    repo.gate(&[]).code(4).says("nothing to look at");
    assert!(!repo.beside("state/probity/evidence").exists(), "nothing was decided, so nothing is recorded");
}

#[test]
fn wrong_use() {
    let repo = with("");
    for wrong in [
        &["gate", "--nonsense"] as &[&str],
        &["gate", "--changed-only"],
        &["gate", "--format", "xml"],
        &["gate", "--output", "sarif"],
        &["gate", "no/such/folder"],
        &["gate", "--rule", "no-such-rule"],
        &["gate", "--with", "missing.sarif"],
        &["gate", "--config", "missing.yaml"],
        &["gate", "--floor", "missing.yaml"],
        &["gate", "--policies", "missing"],
        &["gate", "--evidence-key", "missing.pem"],
        &["gate", "--base", "main"],
        &["scan", "no/such/folder"],
        &["explain", "no-such-rule"],
        &["baseline", "--expires", "tomorrow"],
        &["baseline", "--expires", "2020-01-01"],
        &["compare", "missing.sarif"],
        &["evidence", "list", "--evidence", "none"],
        &["evidence", "list", "--evidence", "missing"],
        &["policies", "lint", "missing"],
        &["nonsense"],
    ] {
        let ran = repo.run(wrong).code(2);
        assert!(!ran.err.is_empty() && ran.out.is_empty(), "{wrong:?}: {}", ran.out);
    }
    repo.run(&["gate", "--rule", "demo-publik", "--policies", &repo.outside("rules")]).code(2).says("did you mean `demo-public`?");
    repo.run(&["--version"]).code(0).prints("probity ");
    repo.run(&["--help"]).code(0).prints("Exit codes:");
}

#[test]
fn wrong_configuration_has_its_place() {
    let check = |text: &str, place: &str, word: &str| {
        let repo = with("");
        repo.write("probity.yaml", text);
        let ran = repo.gate(&[]).code(2).says(&format!("probity.yaml:{place}")).says(word);
        assert!(ran.out.is_empty(), "{}", ran.out);
        repo.judge("scan", &[]).code(2).says(&format!("probity.yaml:{place}"));
        assert!(!repo.beside("state/probity/evidence").exists());
    };
    check("gates: {}\n", "1:1", "`gate`");
    check("version: 1\ngate: { red_at: loud }\n", "2:17", "loud");
    check("gate:\n  yellow_at: high\n  unknwon: red\n", "3:3", "`unknown`");
    check("gate: [\n", "", "probity.yaml");
    // All problems at once.
    let repo = with("");
    repo.write("probity.yaml", "gates: {}\nversion: 7\n");
    repo.gate(&[]).code(2).says("probity.yaml:1:1").says("probity.yaml:2:10").says("2 problems");
}

#[test]
fn wrong_policies() {
    let repo = with("public=true");
    repo.write_beside("rules/demo/broken.yaml", "id: demo-broken\nseverty: high\n");
    repo.gate(&[]).code(2).says("demo/broken.yaml:2:1");
    repo.write("probity.yaml", "policies: { folders: [not/here] }\n");
    repo.run(&["gate"]).code(2).says("not/here");
}

#[test]
fn a_claimed_file_that_cannot_be_read() {
    let broken = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: [\n";
    let repo = with("");
    repo.write("maps/broken.yaml", broken);
    let report = repo.report(3, &[]);
    assert_eq!(report.colour(), "none");
    assert_eq!(report.0["verdict"]["permitted"], false);
    assert!(report.0["coverage"]["skipped"].to_string().contains("maps/broken.yaml"), "{:#}", report.0["coverage"]);
    repo.judge("scan", &[]).code(3);
    repo.gate(&["--observe"]).code(3);
    repo.gate(&["--format", "human"]).code(3).prints("maps/broken.yaml:");

    // Red wins.
    repo.write("maps/red.yaml", &map("red", "public=true"));
    assert_eq!(repo.report(1, &[]).colour(), "red");
    // Yellow does not.
    repo.write("maps/red.yaml", &map("red", "untidy=true"));
    assert_eq!(repo.report(3, &[]).colour(), "none");
    // Left out by configuration is no fault.
    repo.write("probity.yaml", "gate: { ignore_paths: [maps/broken.yaml] }\n");
    assert_eq!(repo.report(0, &[]).colour(), "yellow");
}

#[test]
fn broken_files_of_every_source_fail_closed() {
    for (path, text) in [
        ("main.tf", "resource \"aws_s3_bucket\" \"a\" {\n  acl = \n"),
        ("Dockerfile", "FROM\nNONSENSE x\n"),
        ("maps/b.yaml", "apiVersion: v1\nkind: ConfigMap\n\tmetadata: x\n"),
    ] {
        let repo = with("");
        repo.write(path, text);
        assert_eq!(repo.report(3, &[]).colour(), "none", "{path}");
    }
    // What nobody claims never fails.
    let repo = with("");
    repo.write("notes.yaml", "a: [\n").write("data.json", "{").write("x.bin", "\0\0");
    repo.report(0, &[]);
}

#[test]
fn broken_results_of_another_scanner_fail_closed() {
    let repo = with("");
    let broken = repo.write_beside("broken.sarif", "{\"version\": \"2.1.0\"");
    assert_eq!(repo.report(3, &["--with", &broken]).colour(), "none");
    let failed = repo.write_beside(
        "failed.sarif",
        r#"{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"other"}},"invocations":[{"executionSuccessful":false}],"results":[]}]}"#,
    );
    assert_eq!(repo.report(3, &["--with", &failed]).colour(), "none");
    // One that the configuration names and that is not there.
    repo.write("probity.yaml", "scans: [{ name: sast, file: reports/none.sarif }]\n");
    assert_eq!(repo.report(3, &[]).colour(), "none");
}

#[test]
fn a_required_scan_that_is_absent_is_not_green() {
    let repo = with("");
    repo.write("probity.yaml", "required: { dast: 24h }\n");
    repo.report(1, &[]).results(&["probity-required-scan-missing dast"]);
    let old = repo.write_beside(
        "old.sarif",
        r#"{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"dast"}},"invocations":[{"executionSuccessful":true,"endTimeUtc":"2020-01-01T00:00:00Z"}],"results":[]}]}"#,
    );
    repo.report(1, &["--with", &old]).results(&["probity-required-scan-missing dast"]);
    let fresh = std::fs::read_to_string(&old).unwrap().replace("2020-01-01", &common::day(0));
    let fresh = repo.write_beside("fresh.sarif", &fresh);
    repo.report(0, &["--with", &fresh]).results(&[]);
}

#[test]
fn observing_never_blocks() {
    let repo = with("public=true");
    let report = repo.recorded(0, &["--observe"]);
    assert_eq!(report.colour(), "red");
    assert!(report.0["evidence"]["record"].is_string(), "it is recorded all the same");
    repo.gate(&["--observe", "--format", "human"]).code(0).prints("red");
}

#[test]
fn a_scan_never_fails_on_findings() {
    let repo = with("public=true,untidy=true,master=true");
    let ran = repo.judge("scan", &["--format", "json"]).code(0);
    assert_eq!(ran.json()["verdict"], serde_json::Value::Null);
    assert_eq!(ran.json()["results"].as_array().unwrap().len(), 3);
    assert!(!repo.beside("state/probity").exists(), "a scan records nothing");
    // Several folders at once: paths begin with the folder.
    repo.write("more/b.yaml", &map("b", "public=true"));
    let ran = repo.judge("scan", &["--format", "json", "maps", "more"]).code(0);
    let files: Vec<_> =
        ran.json()["results"].as_array().unwrap().iter().map(|one| one["at"]["file"].as_str().unwrap().to_owned()).collect();
    assert!(files.contains(&"maps/a.yaml".to_owned()) && files.contains(&"more/b.yaml".to_owned()), "{files:?}");
}

#[test]
fn one_file_as_the_target() {
    let repo = with("public=true");
    repo.write("maps/b.yaml", &map("b", ""));
    repo.gate(&["maps/b.yaml"]).code(0);
    repo.gate(&["maps/a.yaml"]).code(1);
}

#[test]
fn evidence_that_cannot_be_written_leaves_no_green() {
    let repo = with("");
    repo.write_beside("file", "not a folder");
    let check = |repo: &Repo, arguments: &[&str], word: &str| {
        for format in ["human", "json", "sarif", "junit", "github", "gitlab", "markdown"] {
            let mut all = vec!["--format", format];
            all.extend(arguments);
            let ran = repo.gate(&all).code(3);
            assert!(!ran.err.is_empty() && ran.err.contains(word), "{}", ran.err);
            assert!(!ran.out.to_lowercase().contains("green"), "{format}: {}", ran.out);
        }
        let mut all = vec!["--observe"];
        all.extend(arguments);
        repo.gate(&all).code(3);
    };
    // A file where the folder should be; a folder below a file; one below what is no place for files.
    check(&repo, &["--evidence", &repo.outside("file")], "evidence");
    check(&repo, &["--evidence", &repo.outside("file/below")], "evidence");
    check(&repo, &["--evidence", "/proc/probity"], "evidence");
    check(&repo, &["--evidence", "/dev/full"], "evidence");

    // The state folder itself is a file: neither key nor log can be made.
    std::fs::remove_dir_all(repo.beside("state")).unwrap();
    repo.write_beside("state", "");
    check(&repo, &[], "evidence");
    let ran = repo.ended(&repo.program().env_remove("HOME").env_remove("XDG_STATE_HOME").arg("gate").output().unwrap());
    ran.code(3).says("--evidence");
}

#[test]
fn a_red_verdict_stays_red_without_its_record() {
    let repo = with("public=true");
    let file = repo.write_beside("file", "");
    let ran = repo.gate(&["--evidence", &file]).code(1).says("could not be recorded");
    assert!(ran.out.contains("demo-public") && ran.out.contains("NOT RECORDED"), "{}", ran.out);
    repo.gate(&["--evidence", &file, "--observe"]).code(3);
}

#[test]
fn a_damaged_log_is_not_written_to() {
    let repo = with("");
    repo.gate(&[]).code(0);
    let checkpoint = repo.beside("state/probity/evidence/checkpoint");
    let text = std::fs::read_to_string(&checkpoint).unwrap();
    std::fs::write(&checkpoint, text.replacen("\n1\n", "\n2\n", 1)).unwrap();
    let ran = repo.gate(&[]).code(3);
    assert!(!ran.out.contains("green"), "{}", ran.out);
}

#[test]
fn a_full_disk_for_a_report_is_said() {
    let repo = with("");
    let ran = repo.gate(&["--output", "json=/dev/full"]).code(3).says("/dev/full");
    assert!(!ran.out.contains("green"), "{}", ran.out);
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let rules = repo.outside("rules");
    let output = repo.program().args(["gate", "--policies", &rules, "--rule", "demo-*"]).stdout(full).output().unwrap();
    repo.ended(&output).code(3).says("standard output");
}

#[test]
fn no_evidence_is_loud() {
    let repo = with("");
    let ran = repo.gate(&["--evidence", "none"]).code(0).says("not recorded").prints("NOT RECORDED");
    assert!(ran.out.contains("green"), "{}", ran.out);
    repo.gate(&["--evidence", "none", "--quiet"]).code(0).says("not recorded").prints("NOT RECORDED");
    assert_eq!(repo.report(0, &[]).0["evidence"], serde_json::Value::Null);
    assert!(!repo.beside("state/probity").exists());
}

#[test]
fn a_shallow_clone_without_the_base() {
    let repo = Repo::new();
    repo.write("maps/a.yaml", &map("a", ""));
    let first = repo.commit();
    repo.write("maps/b.yaml", &map("b", ""));
    repo.commit();
    let source = format!("file://{}", repo.outside("repo"));
    let clone = repo.outside("clone");
    repo.git(&["clone", "-q", "--depth", "1", &source, &clone]);
    let ran = repo.gate(&[&clone, "--base", &first]).code(2).says("shallow").says("fetch-depth: 0");
    assert!(ran.out.is_empty());
    repo.gate(&[&clone, "--base", "HEAD"]).code(0);
    // In a whole clone the same name works, and one that nobody has does not.
    repo.gate(&["--base", &first]).code(0);
    repo.gate(&["--base", "no/such/branch"]).code(2).says("no/such/branch");
}
