//! The judged cannot bend the judge: what a pull request does to its own judge has no effect on its verdict and is a finding.
#![allow(clippy::disallowed_methods, clippy::panic, reason = "a test touches the world on purpose and fails by panicking")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::fmt::Write as _;

use common::{Repo, Report, bucket, day, map};

const EXCEPTION: &str = "kind: accepted-risk\nrule: demo-public\nsubject: ConfigMap/default/b\nreason: needed\nowner: Team\n";

/// An exception for the map `b`, for so many days.
fn exception(days: i64) -> String {
    format!("{EXCEPTION}expires: {}\n", day(days))
}

/// The configuration that names Sara, with her key.
fn with_approver(public: &str, more: &str) -> String {
    format!("approvers:\n  - {{ name: Sara, role: security, emails: [sara@example.com], keys: ['{public}'] }}\n{more}")
}

/// A repository with one good map and these files, committed.
fn base(files: &[(&str, &str)]) -> (Repo, String) {
    let repo = Repo::new();
    repo.write("maps/a.yaml", &map("a", ""));
    for (path, text) in files {
        repo.write(path, text);
    }
    let base = repo.commit();
    (repo, base)
}

/// What a pull request says that brings a public map and these files besides: it is red in every case.
#[track_caller]
fn still_red(repo: &Repo, base: &str, files: &[(&str, &str)], also: &[&str]) -> Report {
    repo.write("maps/b.yaml", &map("b", "public=true"));
    for (path, text) in files {
        repo.write(path, text);
    }
    repo.commit();
    let report = repo.report(1, &["--base", base]);
    assert_eq!(report.colour(), "red");
    let mut expected = vec!["demo-public ConfigMap/default/b"];
    expected.extend(also);
    report.results(&expected);
    // Only what changed, and by working tree alone: the same.
    assert_eq!(repo.report(1, &["--base", base, "--changed-only"]).colour(), "red");
    report
}

#[test]
fn a_looser_threshold() {
    for looser in ["gate: { red_at: critical, yellow_at: critical }\n", "paths: [{ path: maps, red_at: critical }]\n"] {
        let (repo, base) = base(&[]);
        let report = still_red(&repo, &base, &[("probity.yaml", looser)], &["probity-config-changed probity.yaml"]);
        assert!(report.of("probity-config-changed")["message"].as_str().unwrap().contains("the base revision judges"));
    }
    // What the first of the two does once it is at the base.
    let (repo, base) = base(&[("probity.yaml", "gate: { red_at: critical, yellow_at: critical }\n")]);
    repo.write("maps/b.yaml", &map("b", "public=true"));
    repo.commit();
    assert_eq!(repo.report(0, &["--base", &base]).colour(), "green");
}

#[test]
fn what_judges_is_not_what_the_folder_has() {
    // Without `--base` the folder's own configuration counts; with it the one of that revision.
    let (repo, base) = base(&[]);
    repo.write("maps/b.yaml", &map("b", "public=true")).write("probity.yaml", "gate: { red_at: critical, yellow_at: critical }\n");
    assert_eq!(repo.report(0, &[]).colour(), "green");
    assert_eq!(repo.report(1, &["--base", &base]).colour(), "red");
}

#[test]
fn a_disabled_rule() {
    let disabled = [("probity.yaml", "policies: { disable: [demo-public] }\n")];
    let (repo, first) = base(&[]);
    still_red(&repo, &first, &disabled, &["probity-config-changed probity.yaml"]);
    let lowered = [("probity.yaml", "policies: { severity: { demo-public: info } }\n")];
    let (repo, first) = base(&[]);
    still_red(&repo, &first, &lowered, &["probity-config-changed probity.yaml"]);
    let ignored = [("probity.yaml", "gate: { ignore_paths: [maps] }\n")];
    let (repo, first) = base(&[]);
    still_red(&repo, &first, &ignored, &["probity-config-changed probity.yaml"]);

    for counts in [disabled, lowered, ignored] {
        let (repo, base) = base(&counts);
        repo.write("maps/b.yaml", &map("b", "public=true"));
        repo.commit();
        assert_eq!(repo.report(0, &["--base", &base]).colour(), "green", "{counts:?}");
    }
}

#[test]
fn a_broken_configuration() {
    let (repo, base) = base(&[("probity.yaml", "gate: { red_at: high }\n")]);
    let report = still_red(&repo, &base, &[("probity.yaml", "gate: [\n")], &["probity-config-changed probity.yaml"]);
    assert!(report.of("probity-config-changed")["message"].as_str().unwrap().contains("cannot be read"));
    // Without a base it is wrong.
    repo.gate(&[]).code(2);
}

#[test]
fn an_exception_of_its_own() {
    let (repo, first) = base(&[]);
    let path = ".probity/exceptions/own.yaml";
    let report = still_red(&repo, &first, &[(path, &exception(10))], &[&format!("probity-exception-changed {path}")]);
    assert!(report.of("probity-exception-changed")["message"].as_str().unwrap().contains("is new"));

    let (repo, base) = base(&[(path, &exception(10))]);
    repo.write("maps/b.yaml", &map("b", "public=true"));
    repo.commit_as("Bob", "bob@example.com");
    repo.report(0, &["--base", &base]).results(&["demo-public ConfigMap/default/b covered exception"]);
}

#[test]
fn an_exception_made_longer() {
    let path = ".probity/exceptions/own.yaml";
    let (repo, base) = base(&[(path, &exception(-3))]);
    let report = still_red(&repo, &base, &[(path, &exception(20))], &[&format!("probity-exception-changed {path}")]);
    report.note("it ran out on");
    assert!(report.of("probity-exception-changed")["message"].as_str().unwrap().contains("is changed"));
}

#[test]
fn an_exception_taken_out_still_counts_for_this_change() {
    let path = ".probity/exceptions/own.yaml";
    let (repo, base) = base(&[(path, &exception(10)), ("maps/b.yaml", &map("b", "public=true"))]);
    repo.remove(path);
    repo.commit();
    repo.report(0, &["--base", &base])
        .results(&["demo-public ConfigMap/default/b covered exception", "probity-exception-removed .probity/exceptions/own.yaml"]);
    repo.report(1, &[]);
}

#[test]
fn its_own_approver() {
    // Approvers are configured; the pull request brings another one and an exception signed by that one.
    let path = ".probity/exceptions/own.yaml";
    let setup = |own_key_at_base: bool| {
        let repo = Repo::new();
        let (_, sara) = repo.ssh_key("sara");
        let (mallory, public) = repo.ssh_key("mallory");
        let mut with_mallory = with_approver(&sara, "");
        writeln!(with_mallory, "  - {{ name: Mallory, role: security, keys: ['{public}'] }}").unwrap();
        repo.write("maps/a.yaml", &map("a", ""));
        repo.write("probity.yaml", &if own_key_at_base { with_mallory.clone() } else { with_approver(&sara, "") });
        let base = repo.commit();
        repo.write("probity.yaml", &with_mallory).write(path, &exception(10));
        repo.ssh_sign(&mallory, "probity-exception", &repo.top().join(path));
        (repo, base)
    };
    let (repo, first) = setup(false);
    still_red(&repo, &first, &[], &["probity-config-changed probity.yaml", &format!("probity-exception-changed {path}")]);
    // Even where the exception is at the base already, the key at the base decides.
    let (repo, _) = setup(false);
    repo.git(&["checkout", "-q", "--", "probity.yaml"]);
    let second = repo.commit();
    let (_, public) = (0, std::fs::read_to_string(repo.beside("mallory.pub")).unwrap());
    let with_own = format!("{}  - {{ name: M, role: security, keys: ['{}'] }}\n", repo.read("probity.yaml"), public.trim());
    let report = still_red(&repo, &second, &[("probity.yaml", &with_own)], &["probity-config-changed probity.yaml"]);
    report.note("its signature is not an approver's");

    // An approver of the base accepts the arrival of the exception, and it counts once it is in.
    let (repo, base) = setup(true);
    let arrived = repo.commit_as("Bob", "bob@example.com");
    repo.report(0, &["--base", &base]).results(&["probity-exception-changed .probity/exceptions/own.yaml covered exception"]);
    repo.write("maps/b.yaml", &map("b", "public=true"));
    repo.commit_as("Bob", "bob@example.com");
    repo.report(0, &["--base", &arrived]).results(&["demo-public ConfigMap/default/b covered exception"]);
}

#[test]
fn nobody_accepts_their_own_change() {
    // Sara's signed exception is at the base; she herself then writes what it would cover.
    let repo = Repo::new();
    let (key, public) = repo.ssh_key("sara");
    let path = ".probity/exceptions/own.yaml";
    repo.write("maps/a.yaml", &map("a", "")).write("probity.yaml", &with_approver(&public, "")).write(path, &exception(10));
    repo.ssh_sign(&key, "probity-exception", &repo.top().join(path));
    let base = repo.commit();
    repo.write("maps/b.yaml", &map("b", "public=true"));
    repo.commit_as("Sara S.", "Sara@example.com");
    let report = repo.report(1, &["--base", &base]);
    report.note("`Sara` made this change and cannot accept its risk");

    // The same for the owner, by name; and an uncommitted change has no author yet, so nothing speaks against it.
    repo.git(&["reset", "-q", "--hard", &base]);
    repo.write("maps/b.yaml", &map("b", "public=true"));
    repo.commit_as("team", "x@example.com");
    repo.report(1, &["--base", &base]).note("`Team` made this change");
    repo.git(&["reset", "-q", "--hard", &base]);
    repo.write("maps/b.yaml", &map("b", "public=true"));
    repo.commit_as("Bob", "bob@example.com");
    repo.report(0, &["--base", &base]);
}

#[test]
fn a_skip_comment() {
    let check = |path: &str, bad: &str, commented: &str, rule_and_subject: &str| {
        let repo = Repo::new();
        repo.write("maps/a.yaml", &map("a", ""));
        let base = repo.commit();
        repo.write(path, commented);
        repo.commit();
        let report = repo.report(1, &["--base", &base]);
        assert!(report.shown().contains(&rule_and_subject.to_owned()), "{:?}", report.shown());
        let new = report.of("probity-suppression-added");
        assert!(new["message"].as_str().unwrap().contains("does not count for this change"), "{new:#}");
        assert_eq!(new["at"]["file"], path);
        report.note("it was not there at the base revision");
        // Without a base it counts.
        assert_eq!(repo.report(0, &[]).shown().len(), 1);

        // At the base it counts, also when the block moves.
        let repo = Repo::new();
        repo.write(path, commented);
        let base = repo.commit();
        repo.write(path, &format!("\n\n{commented}"));
        repo.commit();
        let report = repo.report(0, &["--base", &base]);
        assert!(report.shown()[0].contains("covered"), "{:?}", report.shown());
        // The comment was there for something else: it does not count for the new one.
        let repo = Repo::new();
        repo.write(path, bad);
        let base = repo.commit();
        repo.write(path, commented);
        repo.commit();
        repo.report(1, &["--base", &base]).of("probity-suppression-added");
    };
    let bad = bucket("logs", "public-read");
    for comment in ["#checkov:skip=CKV_DEMO_5:logs", "# probity:allow demo-bucket owner=team logs"] {
        let inside = bad.replace("  acl", &format!("  {comment}\n  acl"));
        check("main.tf", &bad, &inside, "demo-bucket aws_s3_bucket.logs");
    }
    for comment in ["#trivy:ignore:AVD-DEMO-0005", "#tfsec:ignore:demo-s3-public"] {
        check("main.tf", &bad, &format!("{comment}\n{bad}"), "demo-bucket aws_s3_bucket.logs");
    }
    let manifest = map("b", "public=true");
    check("maps/b.yaml", &manifest, &format!("# checkov:skip=CKV_DEMO_1: wanted\n{manifest}"), "demo-public ConfigMap/default/b");
    let annotated = manifest.replace("  name: b\n", "  name: b\n  annotations:\n    checkov.io/skip1: CKV_DEMO_1=wanted\n");
    check("maps/b.yaml", &manifest, &annotated, "demo-public ConfigMap/default/b");
    let image = "FROM a:1\nUSER root\n";
    check("Dockerfile", image, "# checkov:skip=CKV_DEMO_6\nFROM a:1\nUSER root\n", "demo-root 0/USER[1]");
}

#[test]
fn a_comment_made_longer() {
    let with = |until: &str| bucket("logs", "public-read").replace("  acl", &format!("  # probity:allow demo-bucket until={until}\n  acl"));
    let (repo, base) = base(&[("main.tf", &with(&day(-2)))]);
    repo.write("main.tf", &with(&day(20)));
    repo.commit();
    repo.report(1, &["--base", &base]).note("it ran out on");
    repo.report(0, &[]);
}

#[test]
fn a_comment_for_a_check_nobody_has_is_no_finding() {
    let (repo, base) = base(&[]);
    repo.write("main.tf", &bucket("logs", "private").replace("  acl", "  #checkov:skip=CKV_NONE_1:later\n  acl"));
    repo.commit();
    repo.report(0, &["--base", &base]).results(&[]).note("no rule here answers to");
}

#[test]
fn a_baseline_of_its_own() {
    let (repo, base) = base(&[]);
    repo.write("maps/b.yaml", &map("b", "public=true"));
    repo.judge("baseline", &["--expires", &day(30)]).code(0);
    assert_eq!(repo.report(0, &[]).colour(), "green", "without a base it counts");
    still_red(&repo, &base, &[], &["probity-exception-changed .probity/baseline.json"]);

    // Once it is at the base it counts, and no longer grows by itself.
    let base = repo.git(&["rev-parse", "HEAD"]);
    repo.write("maps/c.yaml", &map("c", "public=true"));
    repo.judge("baseline", &["--expires", &day(30)]).code(0);
    repo.commit();
    repo.report(1, &["--base", &base]).results(&[
        "demo-public ConfigMap/default/b covered baseline",
        "demo-public ConfigMap/default/c",
        "probity-exception-changed .probity/baseline.json",
    ]);
}

#[test]
fn a_policy_of_the_repository() {
    // The repository's own folder of policies; the pull request blunts a rule, takes one out, adds one.
    let config = "policies: { folders: [rules] }\n";
    let (_, sharp) = common::RULES[0];
    let (_, untidy) = common::RULES[1];
    let gate = |repo: &Repo, code: i32, base: &str| {
        let ran = repo.run(&["gate", "--format", "json", "--rule", "demo-*", "--base", base]).code(code);
        Report(ran.json())
    };
    let (repo, base) = base(&[("probity.yaml", config), ("rules/demo/public.yaml", sharp), ("rules/demo/untidy.yaml", untidy)]);
    repo.write("maps/b.yaml", &map("b", "public=true,untidy=true,chatty=true"));
    repo.write("rules/demo/public.yaml", &sharp.replace("severity: high", "severity: info"));
    repo.remove("rules/demo/untidy.yaml");
    repo.write("rules/demo/chatty.yaml", common::RULES[2].1);
    repo.commit();
    let report = gate(&repo, 1, &base);
    report.results(&[
        "demo-public ConfigMap/default/b",
        "demo-untidy ConfigMap/default/b",
        "probity-policy-changed rules/demo/chatty.yaml",
        "probity-policy-changed rules/demo/public.yaml",
        "probity-policy-changed rules/demo/untidy.yaml",
    ]);
    assert_eq!(report.of("demo-public")["severity"], "high");
    // Broken policies of the head do not stop the judge of the base.
    repo.write("rules/demo/public.yaml", "nonsense: [");
    repo.commit();
    gate(&repo, 1, &base).of("demo-public");
    // The folder taken out of the configuration, and gone.
    std::fs::remove_dir_all(repo.top().join("rules")).unwrap();
    repo.write("probity.yaml", "version: 1\n");
    repo.commit();
    let report = gate(&repo, 1, &base);
    report.of("demo-public");
    report.of("probity-config-changed");
    assert_eq!(report.shown().iter().filter(|line| line.starts_with("probity-policy-changed")).count(), 2);
}

#[test]
fn findings_about_the_judge_cannot_be_turned_off_by_the_judged() {
    let (repo, base) = base(&[]);
    let own = "policies: { disable: [probity-config-changed, probity-suppression-added], severity: { probity-config-changed: info } }\n";
    still_red(&repo, &base, &[("probity.yaml", own)], &["probity-config-changed probity.yaml"]);
}

#[test]
fn configuration_from_outside_wins() {
    let (repo, base) = base(&[("probity.yaml", "gate: { red_at: critical, yellow_at: critical }\n")]);
    repo.write("maps/b.yaml", &map("b", "public=true"));
    repo.commit();
    repo.report(0, &[]);
    let strict = repo.write_beside("strict.yaml", "gate: { red_at: medium }\n");
    let loose = repo.write_beside("loose.yaml", "gate: { red_at: critical, yellow_at: critical }\n");
    assert_eq!(repo.report(1, &["--config", &strict]).colour(), "red");
    assert_eq!(repo.report(1, &["--config", &strict, "--base", &base]).colour(), "red");
    repo.write("probity.yaml", "gate: { red_at: low }\n");
    assert_eq!(repo.report(0, &["--config", &loose]).colour(), "green");
    // Even a broken one in the folder has no say.
    repo.write("probity.yaml", "nonsense: [");
    repo.report(0, &["--config", &loose]);
    let wrong = repo.write_beside("wrong.yaml", "gates: {}\n");
    repo.gate(&["--config", &wrong]).code(2).says("wrong.yaml:1:1");
}

#[test]
fn a_floor_with_its_signature() {
    let (repo, _) =
        base(&[("probity.yaml", "gate: { red_at: critical, yellow_at: critical }\n"), ("maps/b.yaml", &map("b", "public=true"))]);
    let (key, public) = repo.ssh_key("org");
    let (other, _) = repo.ssh_key("other");
    let floor = repo.write_beside("floor.yaml", "gate: { red_at: high }\n");
    let signed = ["--floor", &floor, "--floor-key", &public];
    repo.report(0, &[]);

    repo.gate(&signed).code(2).says("floor");
    repo.ssh_sign(&other, "probity-floor", floor.as_ref());
    repo.gate(&signed).code(2).says("floor");
    // Made for something else.
    repo.ssh_sign(&key, "probity-exception", floor.as_ref());
    repo.gate(&signed).code(2).says("floor");
    repo.ssh_sign(&key, "probity-floor", floor.as_ref());
    let report = repo.report(1, &signed);
    assert_eq!(report.colour(), "red");
    report.of("demo-public");
    assert!(report.of("probity-floor-loosened")["message"].as_str().unwrap().contains("gate.red_at"), "{report:#?}", report = report.0);
    // Changed after signing.
    repo.write_beside("floor.yaml", "gate: { red_at: critical }\n");
    repo.gate(&signed).code(2).says("floor");
    // Without a key, who gave the flag vouches for it.
    repo.gate(&["--floor", &floor]).code(0);
    repo.gate(&["--floor-key", &public]).code(2);
    repo.gate(&["--floor", &floor, "--floor-key", "nonsense"]).code(2);
}

#[test]
fn a_floor_may_only_be_tightened() {
    let floor = "gate: { red_at: high, suppressions: { forbid_at: high } }\nexceptions: { never: [demo-forever], max_days: { high: 5 } }\n\
                 required: { dast: 7d }\n";
    let check = |config: &str, files: &[(&str, &str)], code: i32, expected: &[&str]| {
        let repo = Repo::plain();
        repo.write("maps/a.yaml", &map("a", "")).write("probity.yaml", config);
        for (path, text) in files {
            repo.write(path, text);
        }
        let floor = repo.write_beside("floor.yaml", floor);
        let scan = format!(
            r#"{{"version":"2.1.0","runs":[{{"tool":{{"driver":{{"name":"dast"}}}},"invocations":[{{"executionSuccessful":true,"endTimeUtc":"{}T00:00:00Z"}}],"results":[]}}]}}"#,
            day(0)
        );
        let scan = repo.write_beside("scan.sarif", &scan);
        let report = repo.report(code, &["--floor", &floor, "--with", &scan]);
        let mut shown = report.shown();
        shown.dedup();
        assert_eq!(shown, expected, "{config}\n{:#}", report.0["verdict"]);
        shown
    };
    let bad = map("b", "public=true");
    check("", &[], 0, &[]);
    // Tighter is fine.
    check("gate: { red_at: low }\n", &[("b.yaml", &map("b", "chatty=true"))], 1, &["demo-chatty ConfigMap/default/b"]);
    // Looser has no effect and is said.
    let says = |setting: &str| format!("probity-floor-loosened {setting}");
    for (config, name) in [
        ("gate: { red_at: critical }\n", "gate.red_at"),
        ("paths: [{ path: '**', red_at: critical }]\n", ""),
        ("policies: { disable: [demo-public] }\n", "policies.disable"),
        ("policies: { severity: { demo-public: info } }\n", "policies.severity"),
        ("gate: { ignore_paths: ['**'] }\n", "gate.ignore_paths"),
    ] {
        let repo = Repo::plain();
        repo.write("probity.yaml", config).write("b.yaml", &bad);
        let floor = repo.write_beside("floor.yaml", "gate: { red_at: high }\n");
        let report = repo.report(1, &["--floor", &floor]);
        report.of("demo-public");
        let loosened = report.of("probity-floor-loosened");
        assert!(loosened["message"].as_str().unwrap().contains(name), "{loosened:#} {}", says(name));
    }
    // Exceptions and comments under the floor.
    let exception = format!("{EXCEPTION}expires: {}\n", day(10));
    check("", &[("b.yaml", &bad), (".probity/exceptions/e.yaml", &exception)], 1, &["demo-public ConfigMap/default/b"]);
    let comment = format!("# checkov:skip=CKV_DEMO_1\n{bad}");
    check("", &[("b.yaml", &comment)], 1, &["demo-public ConfigMap/default/b"]);
}

#[test]
fn below_a_folder_of_the_repository() {
    // The folder that is judged is not the top: its own configuration at the base counts.
    let repo = Repo::new();
    repo.write("team/maps/a.yaml", &map("a", "")).write("probity.yaml", "gate: { red_at: critical, yellow_at: critical }\n");
    let base = repo.commit();
    repo.write("team/maps/b.yaml", &map("b", "public=true")).write("team/probity.yaml", "gate: { red_at: critical }\n");
    repo.commit();
    let report = repo.report(1, &["team", "--base", &base]);
    report.results(&["demo-public ConfigMap/default/b", "probity-config-changed probity.yaml"]);
}
