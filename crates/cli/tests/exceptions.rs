//! Exceptions, baseline and comments: what they cover, and what does not count, with its reason in the verdict's notes.
#![allow(clippy::disallowed_methods, clippy::panic, reason = "a test touches the world on purpose and fails by panicking")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use common::{Ran, Repo, bucket, day, map};

const COVERED: &str = "demo-public ConfigMap/default/a covered exception";
const OPEN: &str = "demo-public ConfigMap/default/a";

/// A folder with one public map.
fn public() -> Repo {
    let repo = Repo::plain();
    repo.write("maps/a.yaml", &map("a", "public=true"));
    repo
}

/// The same, where Sara may accept everything and Tom what is not high; gives their private keys.
fn with_approvers() -> (Repo, String, String) {
    let repo = public();
    let (sara, sara_public) = repo.ssh_key("sara");
    let (tom, tom_public) = repo.ssh_key("tom");
    repo.write(
        "probity.yaml",
        &format!(
            "approvers:\n  - {{ name: Sara, role: security, emails: [sara@example.com], keys: ['{sara_public}'] }}\n  \
             - {{ name: Tom, role: product, keys: ['{tom_public}'], may_accept: [medium, low, info] }}\n"
        ),
    );
    (repo, sara, tom)
}

fn fingerprint(repo: &Repo, rule: &str) -> String {
    let report = repo.judge("scan", &["--format", "json"]).json();
    let found = report["results"].as_array().unwrap().iter().find(|result| result["rule"] == rule).unwrap();
    found["fingerprint"].as_str().unwrap().to_owned()
}

fn accept(repo: &Repo, rule: &str, more: &[&str]) -> Ran {
    let fingerprint = fingerprint(repo, rule);
    let until = day(20);
    let mut all = vec![&fingerprint[..8], "--kind", "accepted-risk", "--reason", "it is meant to be", "--owner", "jane@example.com"];
    if !more.contains(&"--expires") {
        all.extend(["--expires", &until]);
    }
    all.extend(more);
    repo.judge("accept", &all)
}

/// The one exception file.
fn file(repo: &Repo) -> String {
    let folder = repo.top().join(".probity/exceptions");
    let mut files: Vec<String> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    files.retain(|name| name.ends_with(".yaml"));
    assert_eq!(files.len(), 1, "{files:?}");
    format!(".probity/exceptions/{}", files[0])
}

#[test]
fn accepting() {
    let repo = public();
    repo.report(1, &[]).results(&[OPEN]);
    accept(&repo, "demo-public", &[]).code(0).says("wrote `.probity/exceptions/demo-public-");
    let report = repo.report(0, &[]);
    report.results(&[COVERED]);
    assert_eq!(report.colour(), "green");
    let exception = &report.of("demo-public")["exception"];
    assert_eq!(exception["kind"], "accepted-risk");
    assert_eq!(exception["reason"], "it is meant to be");
    assert_eq!(exception["expires"], day(20));
    // It stays with the finding when lines move, and ends with the value.
    repo.write("maps/a.yaml", &format!("# more\n\n{}", map("a", "public=true,other=1")));
    repo.report(0, &[]).results(&[COVERED]);
    repo.write("maps/a.yaml", &map("a", "public=yes"));
    repo.report(1, &[]).results(&[OPEN]);
}

#[test]
fn accepting_and_signing() {
    let (repo, sara, _) = with_approvers();
    accept(&repo, "demo-public", &["--key", &sara]).code(0).says("signed it");
    let report = repo.report(0, &[]);
    report.results(&[COVERED]);
    assert_eq!(report.of("demo-public")["exception"]["by"], "Sara");
    // What `ssh-keygen` makes counts as well, and what we make it verifies.
    let path = repo.top().join(file(&repo));
    let signers = repo.write_beside("signers", &format!("sara {}", std::fs::read_to_string(format!("{sara}.pub")).unwrap()));
    let verified = std::process::Command::new("ssh-keygen")
        .args(["-Y", "verify", "-n", "probity-exception", "-I", "sara", "-f", &signers, "-s"])
        .arg(format!("{}.sig", path.display()))
        .stdin(std::fs::File::open(&path).unwrap())
        .output()
        .unwrap();
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stderr));
    repo.ssh_sign(&sara, "probity-exception", &path);
    repo.report(0, &[]).results(&[COVERED]);
}

#[test]
fn what_cannot_be_accepted() {
    let repo = public();
    repo.write("maps/b.yaml", &map("b", "master=true"));
    accept(&repo, "demo-forever", &[]).code(2).says("nothing can waive `demo-forever`");
    accept(&repo, "demo-public", &["--expires", "2020-01-01"]).code(2).says("in the past");
    accept(&repo, "demo-public", &["--expires", &day(31)]).code(2).says("30 is the most for `high` findings");
    accept(&repo, "demo-public", &["--expires", "soon"]).code(2).says("YYYY-MM-DD");
    accept(&repo, "demo-public", &["--key", "missing"]).code(2).says("missing");
    let base = ["--kind", "false-positive", "--reason", "x", "--owner", "o", "--expires", &day(5)];
    let with = |first: &[&str]| repo.judge("accept", &[first, &base].concat());
    with(&["0000000000"]).code(2).says("no finding has a fingerprint that begins with");
    with(&[""]).code(2);
    repo.judge("accept", &["00", "--kind", "because"]).code(2).says("accepted-risk");
    assert!(!repo.top().join(".probity").exists(), "nothing was written");
}

/// An exception file for the map `a`, with these lines in place of its own.
fn text(lines: &str) -> String {
    let mut out = String::new();
    for (key, value) in [
        ("kind", "accepted-risk".to_owned()),
        ("rule", "demo-public".to_owned()),
        ("subject", "ConfigMap/default/a".to_owned()),
        ("reason", "needed".to_owned()),
        ("owner", "Team".to_owned()),
        ("expires", day(10)),
    ] {
        let own = lines.lines().find(|line| line.starts_with(&format!("{key}:")));
        match own {
            Some(line) => out.push_str(&format!("{line}\n")),
            None => out.push_str(&format!("{key}: {value}\n")),
        }
    }
    out
}

const PLACE: &str = ".probity/exceptions/e.yaml";

#[test]
fn what_does_not_count_and_why() {
    let check = |lines: &str, why: &str| {
        let repo = public();
        repo.write(PLACE, &text(lines));
        let report = repo.report(1, &[]);
        report.results(&[OPEN]).note(why).note("`e` does not count");
    };
    check(&format!("expires: {}", day(-1)), &format!("it ran out on {}", day(-1)));
    check(&format!("expires: {}", day(40)), "30 is the most for `high` findings");
    check("subject: '*'", "it is too broad");
    check("subject: 'ConfigMap/*'", "it is too broad");
    check("rule: demo-publik", "the nearest is `demo-public`");
    // A day that has not ended yet, and the alias of another tool.
    let repo = public();
    repo.write(PLACE, &text(&format!("expires: {}\nrule: ckv_demo_1", day(0))));
    repo.report(0, &[]).results(&[COVERED]);
    // For something else.
    for lines in ["subject: ConfigMap/default/b", "rule: demo-untidy"] {
        repo.write(PLACE, &text(lines));
        repo.report(1, &[]).results(&[OPEN]);
    }
}

#[test]
fn a_broken_exception_fails_closed() {
    for broken in [
        "kind: because\n",
        "kind: [\n",
        "",
        &text("expires: soon"),
        &text("").replace("owner: Team\n", ""),
        &format!("{}resaon: x\n", text("")),
    ] {
        let repo = Repo::plain();
        repo.write("maps/a.yaml", &map("a", "")).write(PLACE, broken);
        let report = repo.report(3, &[]);
        assert_eq!(report.colour(), "none", "{broken}");
        report.note("its file cannot be read");
        // Red stays red.
        repo.write("maps/a.yaml", &map("a", "public=true"));
        repo.report(1, &[]);
    }
}

#[test]
fn signatures_that_do_not_count() {
    let (repo, sara, tom) = with_approvers();
    let (mallory, _) = repo.ssh_key("mallory");
    let path = repo.top().join(PLACE);
    repo.write(PLACE, &text(""));
    let refused = |why: &str| {
        repo.report(1, &[]).results(&[OPEN]).note(why);
    };
    refused("it is not signed by an approver");
    repo.ssh_sign(&mallory, "probity-exception", &path);
    refused("its signature is not an approver's");
    repo.ssh_sign(&sara, "file", &path);
    refused("its signature is not an approver's");
    repo.ssh_sign(&tom, "probity-exception", &path);
    refused("`Tom`, who signed it, may not accept `high` findings");
    repo.ssh_sign(&sara, "probity-exception", &path);
    repo.report(0, &[]).results(&[COVERED]);
    // One letter after signing.
    repo.write(PLACE, &text("reason: Needed"));
    refused("its signature is not an approver's");
    repo.write(&format!("{PLACE}.sig"), "nonsense");
    refused("its signature is not an approver's");
    // The signature of another exception.
    repo.write(PLACE, &text("")).write(".probity/exceptions/f.yaml", &text("subject: ConfigMap/default/b"));
    repo.ssh_sign(&sara, "probity-exception", &repo.top().join(".probity/exceptions/f.yaml"));
    repo.write(&format!("{PLACE}.sig"), &repo.read(".probity/exceptions/f.yaml.sig"));
    refused("its signature is not an approver's");
}

#[test]
fn yellow_is_accepted_by_an_approver() {
    let (repo, _, tom) = with_approvers();
    repo.write("maps/a.yaml", &map("a", "untidy=true"));
    assert_eq!(repo.report(1, &[]).colour(), "yellow");
    accept(&repo, "demo-untidy", &["--key", &tom]).code(0);
    let report = repo.report(0, &[]);
    assert_eq!(report.colour(), "green");
    report.results(&["demo-untidy ConfigMap/default/a covered exception"]);
}

#[test]
fn some_rules_cannot_be_waived() {
    let repo = Repo::plain();
    let open = "demo-forever ConfigMap/default/a";
    repo.write("maps/a.yaml", &map("a", "master=true")).write(PLACE, &text("rule: demo-forever"));
    repo.report(1, &[]).results(&[open]).note("nothing can waive `demo-forever`");
    repo.remove(PLACE).write("maps/a.yaml", &format!("# checkov:skip=demo-forever: no\n{}", map("a", "master=true")));
    repo.report(1, &[]).results(&[open]).note("nothing can waive `demo-forever`");
    repo.judge("baseline", &["--expires", &day(10)]).code(0).says("`demo-forever` is not in it");
    repo.report(1, &[]).results(&[open]);
    // By configuration.
    let repo = public();
    repo.write(PLACE, &text("")).write("probity.yaml", "exceptions: { never: [CKV_DEMO_1] }\n");
    repo.report(1, &[]).results(&[OPEN]).note("nothing can waive `demo-public`");
}

#[test]
fn a_baseline() {
    let repo = public();
    repo.write("maps/b.yaml", &map("b", "untidy=true"));
    repo.judge("baseline", &["--expires", &day(30)]).code(0).says("2 findings until");
    let old = ["demo-public ConfigMap/default/a covered baseline", "demo-untidy ConfigMap/default/b covered baseline"];
    repo.report(0, &[]).results(&old);
    // A new fault is red, the old ones stay covered.
    repo.write("maps/c.yaml", &map("c", "public=true"));
    repo.report(1, &[]).results(&[old[0], old[1], "demo-public ConfigMap/default/c"]);
    repo.write("maps/c.yaml", &map("c", ""));
    // Made anew it does not lose what only it covers.
    repo.judge("baseline", &["--expires", &day(20)]).code(0).says("rewrote").says("2 findings");
    repo.report(0, &[]).results(&old);
    // Mended: it could be shorter.
    repo.write("maps/b.yaml", &map("b", ""));
    let report = repo.report(0, &[]);
    report.results(&old[..1]);
    assert!(report.notes().iter().any(|note| note.contains("baseline")), "{:?}", report.notes());
}

#[test]
fn a_baseline_that_stops() {
    let repo = public();
    repo.judge("baseline", &["--expires", &day(30)]).code(0);
    let path = ".probity/baseline.json";
    let text = repo.read(path);
    repo.write(path, &text.replace(&day(30), &day(-1)));
    repo.report(1, &[]).results(&[OPEN]).note("it ran out on");
    repo.write(path, &text.replace(&day(30), &day(500)));
    repo.report(1, &[]).results(&[OPEN]).note("365 is the most");
    repo.write(path, &text[..text.len() / 2]);
    repo.report(1, &[]);
    repo.write("maps/a.yaml", &map("a", ""));
    assert_eq!(repo.report(3, &[]).colour(), "none", "a baseline that cannot be read fails closed");
    repo.judge("baseline", &["--expires", &day(400)]).code(2).says("365 days at most");
}

#[test]
fn a_baseline_where_approvers_are_named() {
    let (repo, sara, _) = with_approvers();
    repo.judge("baseline", &["--expires", &day(20)]).code(0);
    repo.report(1, &[]).results(&[OPEN]).note("it is not signed by an approver");
    repo.ssh_sign(&sara, "probity-exception", &repo.top().join(".probity/baseline.json"));
    repo.report(0, &[]).results(&["demo-public ConfigMap/default/a covered baseline"]);
}

/// Judges one file with a comment in it.
#[track_caller]
fn comment(path: &str, text: &str, config: &str, code: i32, expected: &[&str], note: &str) {
    let repo = Repo::plain();
    repo.write(path, text);
    if !config.is_empty() {
        repo.write("probity.yaml", config);
    }
    let report = repo.report(code, &[]);
    report.results(expected);
    if !note.is_empty() {
        report.note(note);
    }
}

/// A bad block with a comment inside, before the judged line, and one with it above the block.
fn inside(comment: &str) -> String {
    bucket("logs", "public-read").replace("  acl", &format!("  {comment}\n  acl"))
}

fn above(comment: &str) -> String {
    format!("{comment}\n{}", bucket("logs", "public-read"))
}

const BUCKET: &str = "demo-bucket aws_s3_bucket.logs";

#[test]
fn comments_of_five_styles_in_terraform() {
    let until = day(5);
    for (text, style) in [
        (inside("#checkov:skip=CKV_DEMO_5:log bucket"), "checkov"),
        (inside("// checkov:skip=CKV_DEMO_5:log bucket"), "checkov"),
        (above("#trivy:ignore:AVD-DEMO-0005"), "trivy"),
        (above(&format!("# trivy:ignore:DEMO-0005:exp:{until}")), "trivy"),
        (above("#tfsec:ignore:demo-s3-public"), "tfsec"),
        (inside("#tfsec:ignore:demo-s3-public"), "tfsec"),
        (inside("# kics-scan ignore-line"), "kics"),
        (above("# kics-scan ignore-block"), "kics"),
        (above(&format!("# probity:allow demo-bucket until={until} owner=team it holds logs")), "probity"),
        (inside("# probity:allow CKV_DEMO_5 owner=team"), "probity"),
    ] {
        comment("main.tf", &text, "", 0, &[&format!("{BUCKET} covered {style}")], "");
        // Forbidden: for all, and from a severity on.
        let why = "the configuration allows no comments for `high` findings";
        comment("main.tf", &text, "gate: { suppressions: forbid }\n", 1, &[BUCKET], why);
        comment("main.tf", &text, "paths: [{ path: main.tf, suppressions: { forbid_at: high } }]\n", 1, &[BUCKET], why);
        comment("main.tf", &text, "gate: { suppressions: { forbid_at: critical } }\n", 0, &[&format!("{BUCKET} covered {style}")], "");
        // Stale where there is nothing to cover (a `kics` comment is for everything).
        let clean = text.replace("public-read", "private");
        comment("main.tf", &clean, "", 0, &[], "is stale: it covers nothing any more");
    }
}

#[test]
fn comments_in_other_sources() {
    let manifest = map("a", "public=true");
    let covered = |style: &str| format!("demo-public ConfigMap/default/a covered {style}");
    for (text, style) in [
        (format!("# checkov:skip=CKV_DEMO_1: wanted\n{manifest}"), "checkov"),
        (manifest.replace("  name: a\n", "  name: a\n  annotations:\n    checkov.io/skip1: CKV_DEMO_1=wanted\n"), "checkov"),
        (format!("# trivy:ignore:DEMO-0001\n{manifest}"), "trivy"),
        (manifest.replace("  public", "  # kics-scan ignore-line\n  public"), "kics"),
        (format!("# kics-scan ignore\n{manifest}"), "kics"),
        (manifest.replace("  public: \"true\"", "  public: \"true\" # probity:allow demo-public owner=x"), "probity"),
    ] {
        comment("maps/a.yaml", &text, "", 0, &[&covered(style)], "");
    }
    for (text, style) in [
        ("# checkov:skip=CKV_DEMO_6: wanted\nFROM a:1\nUSER root\n", "checkov"),
        ("FROM a:1\n# trivy:ignore:demo-root\nUSER root\n", "trivy"),
        ("FROM a:1\n# kics-scan ignore-line\nUSER root\n", "kics"),
        ("FROM a:1\n# probity:allow demo-root owner=x\nUSER root\n", "probity"),
    ] {
        comment("Dockerfile", text, "", 0, &[&format!("demo-root 0/USER[1] covered {style}")], "");
    }
}

#[test]
fn comments_that_do_not_count() {
    let past = day(-1);
    for (text, note) in [
        (inside(&format!("# probity:allow demo-bucket until={past}")), "it ran out on"),
        (inside("# probity:allow demo-bucket until=soon"), "is not a day"),
        (inside("# probity:allow *"), "must name a rule"),
        (above(&format!("# trivy:ignore:DEMO-0005:exp:{past}")), "it ran out on"),
        (inside("#checkov:skip=CKV_NONE_1:other"), "no rule here answers to"),
        (inside("#checkov:skip=CKV_DEMO_1:other"), "is stale"),
    ] {
        comment("main.tf", &text, "", 1, &[BUCKET], note);
    }
    // The one of another block.
    let two = inside("#checkov:skip=CKV_DEMO_5:only this") + &bucket("data", "public-read");
    comment("main.tf", &two, "", 1, &[&format!("{BUCKET} covered checkov"), "demo-bucket aws_s3_bucket.data"], "");
    // In text that is no comment.
    let quoted = bucket("logs", "public-read").replace("  acl", "  tags = { note = \"#checkov:skip=CKV_DEMO_5\" }\n  acl");
    comment("main.tf", &quoted, "", 1, &[BUCKET], "");
}

#[test]
fn findings_of_other_scanners_stand_under_the_same_exceptions() {
    let repo = Repo::plain();
    repo.write("src/app.py", "x\n").write("maps/a.yaml", &map("a", ""));
    let sarif = repo.write_beside(
        "other.sarif",
        r#"{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"other"}},"results":[{"ruleId":"X1","level":"error","message":{"text":"bad"},
            "locations":[{"physicalLocation":{"artifactLocation":{"uri":"src/app.py"},"region":{"startLine":1}}}]}]}]}"#,
    );
    let report = repo.report(1, &["--with", &sarif]);
    let (rule, subject) = (report.0["results"][0]["rule"].as_str().unwrap(), report.0["results"][0]["subject"]["id"].as_str().unwrap());
    repo.write(PLACE, &text(&format!("rule: {rule}\nsubject: {subject}")));
    repo.report(0, &["--with", &sarif]).results(&[&format!("{rule} {subject} covered exception")]);
    let fingerprint = report.0["results"][0]["fingerprint"].as_str().unwrap();
    repo.remove(PLACE);
    let until = day(3);
    let arguments = [fingerprint, "--kind", "false-positive", "--reason", "r", "--owner", "o", "--expires", &until, "--with", &sarif];
    repo.judge("accept", &arguments).code(0);
    assert_eq!(repo.report(0, &["--with", &sarif]).of(rule)["exception"]["kind"], "false-positive");
}
