//! What the program prints: every format, files besides, rules, completions, comparisons; and that judged files cannot deceive a reader.
#![allow(clippy::disallowed_methods, clippy::panic, reason = "a test touches the world on purpose and fails by panicking")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use common::{Repo, bucket, day, map};
use serde_json::{Value, json};

const FORMATS: &[&str] = &["human", "json", "sarif", "junit", "github", "gitlab", "markdown"];

/// A folder with something of everything: findings of three sources, one that is covered, a broken file, a chart, another scanner.
fn rich() -> (Repo, String) {
    let repo = Repo::new();
    repo.write("maps/a.yaml", &map("a", "public=true")).commit();
    let covered = map("b", "public=true");
    repo.write("maps/b.yaml", &format!("# checkov:skip=CKV_DEMO_1: wanted\n{covered}"));
    repo.write("maps/broken.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: [\n");
    repo.write(
        "main.tf",
        &(bucket("logs", "public-read") + "variable \"acl\" {}\nresource \"aws_s3_bucket\" \"u\" {\n  acl = var.acl\n}\n"),
    );
    repo.write("image/Dockerfile", "FROM a:1\nUSER root\n");
    repo.write("chart/Chart.yaml", "name: c\nversion: 1.0.0\n").write("chart/templates/a.yaml", "{{ if }}\n");
    let sarif = sarif_of(&repo, "other", &[("X1", "src/app.py", 1)]);
    (repo, sarif)
}

/// A SARIF report beside the folder.
fn sarif_of(repo: &Repo, tool: &str, results: &[(&str, &str, u64)]) -> String {
    let results: Vec<Value> = results
        .iter()
        .map(|(rule, file, line)| {
            let place = json!({ "physicalLocation": { "artifactLocation": { "uri": file }, "region": { "startLine": line } } });
            json!({ "ruleId": rule, "level": "error", "message": { "text": "bad" }, "locations": [place] })
        })
        .collect();
    let run = json!({ "tool": { "driver": { "name": tool } }, "invocations": [{ "executionSuccessful": true }], "results": results });
    repo.write_beside("other.sarif", &json!({ "version": "2.1.0", "runs": [run] }).to_string());
    "../other.sarif".to_owned()
}

#[track_caller]
fn valid(schema: &str, text: &str) {
    let schema: Value = serde_json::from_str(schema).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let document: Value = serde_json::from_str(text).unwrap();
    let errors: Vec<String> = validator.iter_errors(&document).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{errors:#?}\n{text}");
}

fn valid_json(text: &str) {
    valid(include_str!("../../../docs/reference/json-v1.schema.json"), text);
}

fn valid_sarif(text: &str) {
    // The schema's pattern of languages has a stray bracket, as the `formats` tests say.
    valid(&include_str!("../../formats/tests/schemas/sarif-schema-2.1.0.json").replace("[a-zA-Z]{2}]?$", "[a-zA-Z]{2}$"), text);
}

#[test]
fn machine_formats_fit_their_schemas() {
    let (repo, sarif) = rich();
    for more in
        [&[] as &[&str], &["--show", "pass"], &["--show", "all"], &["--base", "HEAD"], &["--base", "HEAD", "--changed-only"], &["--quiet"]]
    {
        let arguments = [&["--with", &sarif], more].concat();
        valid_json(&repo.gate(&[&["--format", "json"], &arguments[..]].concat()).code(1).out);
        valid_sarif(&repo.gate(&[&["--format", "sarif", "--evidence", "none"], &arguments[..]].concat()).code(1).out);
    }
    valid_json(&repo.judge("scan", &["--format", "json"]).code(3).out);
    valid_sarif(&repo.judge("scan", &["--format", "sarif"]).code(3).out);
    // Nothing to look at, and an empty result.
    let repo = Repo::plain();
    valid_json(&repo.gate(&["--format", "json"]).code(4).out);
    valid_sarif(&repo.gate(&["--format", "sarif"]).code(4).out);
    repo.write("a.yaml", &map("a", ""));
    valid_json(&repo.gate(&["--format", "json"]).code(0).out);
    valid_sarif(&repo.gate(&["--format", "sarif"]).code(0).out);
}

#[test]
fn every_format_prints() {
    let (repo, sarif) = rich();
    for format in FORMATS {
        let ran = repo.gate(&["--evidence", "none", "--format", format, "--with", &sarif]).code(1);
        for word in ["demo-public", "demo-root", "demo-bucket", "broken.yaml"] {
            assert!(ran.out.contains(word), "{format} does not say {word}:\n{}", ran.out);
        }
        assert!(!ran.out.contains("[PLACE]"), "{format}: {}", ran.out);
        assert!(!ran.out.contains('\u{1b}'), "{format}: no colour without a terminal");
        // The same run says the same.
        if !matches!(*format, "json" | "sarif" | "junit") {
            assert_eq!(ran.out, repo.gate(&["--evidence", "none", "--format", format, "--with", &sarif]).code(1).out);
        }
    }
    let human = repo.gate(&["--evidence", "none", "--color", "always"]).code(1);
    assert!(human.out.contains('\u{1b}'));
}

#[test]
fn a_finding_is_shown_with_its_place() {
    let repo = Repo::plain();
    repo.write("maps/a.yaml", &map("a", "public=true"));
    let human = repo.gate(&["--evidence", "none"]).code(1);
    for line in [
        "high  demo-public  Map is public\n",
        "  --> maps/a.yaml:7:3  ConfigMap/default/a\n",
        " 7 |   public: \"true\"\n",
        "   |   ^^^^^^^^^^^^^^ `data.public` is `true`\n",
        "   = why      Everybody reads it.\n",
        "   = fix      Take `public` out.\n",
        "   = ids      CKV_DEMO_1, AVD-DEMO-0001\n",
        "   = controls soc2/CC6.1\n",
        "verdict   red",
    ] {
        assert!(human.out.contains(line), "{line:?} is not in\n{}", human.out);
    }
    let quiet = repo.gate(&["--evidence", "none", "--quiet"]).code(1);
    assert!(quiet.out.lines().count() < human.out.lines().count() && quiet.out.contains("demo-public"), "{}", quiet.out);
}

#[test]
fn several_files_at_once() {
    let (repo, sarif) = rich();
    let mut arguments = vec!["--evidence", "none", "--with", &sarif, "--format", "markdown"];
    let outputs: Vec<String> = FORMATS.iter().map(|format| format!("{format}=reports/new/{format}.out")).collect();
    for output in &outputs {
        arguments.extend(["--output", output]);
    }
    let printed = repo.gate(&arguments).code(1).out;
    for format in FORMATS {
        assert!(repo.read(&format!("reports/new/{format}.out")).contains("demo-public"), "{format}");
    }
    valid_json(&repo.read("reports/new/json.out"));
    valid_sarif(&repo.read("reports/new/sarif.out"));
    assert_eq!(printed, repo.read("reports/new/markdown.out"));
    assert!(printed.starts_with("<!-- probity -->"));
    repo.gate(&["--output", "yaml=x"]).code(2);
    repo.gate(&["--output", "json="]).code(2);
}

#[test]
fn our_own_reports_are_read_again() {
    // What is written for code scanning comes back in as results of a scanner.
    let repo = Repo::plain();
    repo.write("maps/a.yaml", &map("a", "public=true"));
    repo.gate(&["--evidence", "none", "--output", &format!("sarif={}", repo.outside("own.sarif"))]).code(1);
    let report = repo.report(1, &["--with", &repo.outside("own.sarif")]);
    assert_eq!(report.shown().len(), 1, "the same fault seen twice is one finding: {:?}", report.shown());
}

#[test]
fn the_same_fault_of_two_scanners_is_one() {
    let repo = Repo::plain();
    repo.write("maps/a.yaml", &map("a", "public=true")).write("src/app.py", "x\n");
    let sarif = sarif_of(&repo, "Checkov", &[("CKV_DEMO_1", "maps/a.yaml", 1), ("CKV_NONE", "src/app.py", 1)]);
    let report = repo.report(1, &["--with", &sarif]);
    assert_eq!(report.shown().len(), 2, "{:?}", report.shown());
    assert_eq!(report.of("demo-public")["also_seen_by"], json!(["checkov"]));
    // Named by its absolute path, as some scanners do.
    let absolute = format!("file://{}", repo.top().canonicalize().unwrap().join("maps/a.yaml").display());
    let sarif = sarif_of(&repo, "Checkov", &[("CKV_DEMO_1", &absolute, 1)]);
    repo.report(1, &["--with", &sarif]).results(&["demo-public ConfigMap/default/a"]);
    // By configuration.
    let text = std::fs::read_to_string(repo.beside("other.sarif")).unwrap();
    repo.write("reports/sast.sarif", &text).write("probity.yaml", "scans: [{ name: sast, file: reports/sast.sarif }]\n");
    assert_eq!(repo.report(1, &[]).of("demo-public")["also_seen_by"], json!(["checkov"]));
}

#[test]
fn paths_for_services_begin_at_the_top_of_the_repository() {
    let repo = Repo::new();
    repo.write("team/maps/a.yaml", &map("a", "public=true")).commit();
    let report = repo.report(1, &["team"]);
    assert_eq!(report.of("demo-public")["at"]["file"], "maps/a.yaml");
    for format in ["sarif", "github", "gitlab", "junit", "markdown"] {
        let out = repo.gate(&["team", "--evidence", "none", "--format", format]).code(1).out;
        assert!(out.contains("team/maps/a.yaml"), "{format}: {out}");
    }
}

#[test]
fn rules() {
    let repo = Repo::plain();
    let rules = repo.outside("rules");
    let list = repo.run(&["policies", "list", "--format", "json", "--policies", &rules]).code(0).json();
    assert_eq!(list["version"], 1);
    let all = list["rules"].as_array().unwrap();
    let own = all.iter().find(|rule| rule["id"] == "demo-public").unwrap();
    for (key, expected) in [
        ("aliases", json!(["CKV_DEMO_1", "AVD-DEMO-0001"])),
        ("engine", json!("checks")),
        ("severity", json!("high")),
        ("applies_to", json!(["ConfigMap"])),
        ("controls", json!(["soc2/CC6.1"])),
        ("stage", json!("stable")),
    ] {
        assert_eq!(own[key], expected, "{key}");
    }
    let mut ids: Vec<&str> = all.iter().map(|rule| rule["id"].as_str().unwrap()).collect();
    assert!(ids.is_sorted() && ids.contains(&"probity-config-changed") && ids.len() > 180, "{}", ids.len());
    ids.dedup();
    assert_eq!(ids.len(), all.len());
    repo.run(&["policies", "list", "--policies", &rules]).code(0).prints("demo-public");
}

#[test]
fn explaining() {
    let repo = Repo::plain();
    let rules = repo.outside("rules");
    for id in ["demo-public", "CKV_DEMO_1", "ckv_demo_1", "AVD-DEMO-0001", "DEMO-0001"] {
        repo.run(&["explain", id, "--policies", &rules]).code(0).prints("demo-public").prints("Everybody reads it.").prints("soc2/CC6.1");
    }
    repo.run(&["explain", "demo-public", "--format", "markdown", "--policies", &rules]).code(0).prints("demo-public");
    repo.run(&["explain", "probity-config-changed"]).code(0).prints("base revision");
    repo.run(&["explain", "demo-publc", "--policies", &rules]).code(2).says("did you mean `demo-public`?");
}

#[test]
fn linting() {
    let repo = Repo::plain();
    let lint = |text: &str| {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("demo")).unwrap();
        std::fs::write(folder.path().join("demo/public.yaml"), text).unwrap();
        repo.run(&["policies".as_ref(), "lint".as_ref(), folder.path().as_os_str()])
    };
    repo.run(&["policies", "lint", &repo.outside("rules")]).code(0).prints("6 rules, 12 tests, 0 errors");
    let good = common::RULES[0].1;
    lint(good).code(0);
    lint(&good.replace("demo-public", "demo-other")).code(2).says("demo/public.yaml:1:");
    lint(&good.replace("severity", "severty")).code(2).says("demo/public.yaml:3:1").says("`severity`");
    lint(&good.replace("(true|yes)", "(true|yes")).code(2);
    lint(&good.replace("data.public, matches", "data.private, matches")).code(2).says("set");
    lint(good.split("tests:").next().unwrap()).code(2);
    let empty = tempfile::tempdir().unwrap();
    repo.run(&["policies".as_ref(), "lint".as_ref(), empty.path().as_os_str()]).code(4);
}

#[test]
fn completions_and_the_manual() {
    let repo = Repo::plain();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        repo.run(&["completions", shell]).code(0).prints("probity").prints("changed-only");
    }
    repo.run(&["completions", "tcsh"]).code(2);
    repo.run(&["man"]).code(0).prints(".TH probity").prints("Exit codes");
    for part in ["rules", "controls", "command-line"] {
        let ran = repo.run(&["reference", part]).code(0);
        assert!(ran.out.starts_with("# "), "{part}");
    }
}

#[test]
fn comparing() {
    let repo = Repo::plain();
    repo.write("maps/a.yaml", &map("a", "public=true"))
        .write("maps/b.yaml", &map("b", "public=true"))
        .write("main.tf", &bucket("logs", "private"));
    let sarif = sarif_of(
        &repo,
        "Checkov",
        &[("CKV_DEMO_1", "maps/a.yaml", 1), ("CKV_DEMO_5", "main.tf", 1), ("CKV_NONE", "maps/a.yaml", 1), ("CKV_DEMO_1", "src/app.py", 1)],
    );
    let compared = repo.judge("compare", &["--format", "json", &sarif]).code(0).json();
    assert_eq!(compared["agreed"].as_array().unwrap().len(), 1, "{compared:#}");
    assert_eq!(compared["agreed"][0]["ours"][0]["rule"], "demo-public");
    let kinds = |side: &str| -> Vec<String> {
        let mut all: Vec<String> = compared[side].as_array().unwrap().iter().map(|one| one["kind"].as_str().unwrap().to_owned()).collect();
        all.sort();
        all
    };
    assert_eq!(kinds("only_theirs"), ["file-not-claimed", "no-such-rule", "passes"]);
    assert_eq!(kinds("only_ours"), ["file-not-seen"]);
    let human = repo.judge("compare", &[&sarif]).code(0);
    assert!(human.out.starts_with("1 agreed, 1 only here, 3 only there\n"), "{}", human.out);

    // Our own JSON: nothing differs; once a file is mended it does.
    let own = repo.judge("scan", &["--format", "json"]).code(0).out;
    let own = repo.write_beside("own.json", &own);
    repo.judge("compare", &[&own]).code(0).prints("2 agreed, 0 only here, 0 only there");
    repo.write("maps/a.yaml", &map("a", ""));
    repo.judge("compare", &[&own]).code(0).prints("1 agreed, 0 only here, 1 only there").prints("it passes here");
    let wrong = repo.write_beside("wrong.json", "{}");
    repo.judge("compare", &[&wrong]).code(2).says("no report in a form that is known");
}

/// A name that tries everything at once: colours, a second line, a workflow command, a tag, a link, direction marks.
const EVIL: &str = "a\u{1b}[2J\u{1b}]0;x\u{7}\n::error file=x::owned\r\n<script>alert(1)</script>\u{202e}[x](http://evil) `<b>` @everyone | ##[error]owned";

/// Nothing in this Markdown is HTML but our own, and no link leads to `evil`.
#[track_caller]
fn dead(markdown: &str) {
    use pulldown_cmark::{Event, Options, Parser, Tag};
    for event in Parser::new_ext(markdown, Options::all()) {
        match event {
            Event::Html(html) | Event::InlineHtml(html) => assert!(!html.contains("<script"), "{html}"),
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => assert!(!dest_url.contains("evil"), "{dest_url}"),
            _ => {}
        }
    }
}

#[test]
fn hostile_names_do_not_come_out_raw() {
    let repo = Repo::new();
    let quoted = serde_json::to_string(EVIL).unwrap();
    let evil_map =
        format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {quoted}\ndata:\n  public: \"true\"\n  {quoted}: {quoted}\n");
    repo.write("maps/evil.yaml", &evil_map).write("maps/::error::\u{1b}[31m<b>.yaml", &map("b", "public=true"));
    repo.write("Dockerfile", "FROM a:1 AS \u{1b}[31m<script>\nUSER root\n");
    let broken = format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {quoted}, name: [\n");
    repo.write("maps/broken\u{1b}[31m.yaml", &broken);
    repo.write("probity.yaml", "gate: { unknown: count }\n");
    let exception = format!(
        "kind: accepted-risk\nrule: demo-public\nsubject: ConfigMap/default/nobody\nreason: {quoted}\nowner: {quoted}\nexpires: {}\n",
        day(3)
    );
    repo.write(".probity/exceptions/e\u{1b}[31m.yaml", &exception);
    let sarif = sarif_of(&repo, EVIL, &[(EVIL, EVIL, 1), (EVIL, "maps/evil.yaml", 1)]);
    let dangerous =
        |letter: char| (letter.is_control() && letter != '\n') || matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    for format in FORMATS {
        for show in ["findings", "all"] {
            let ran = repo.gate(&["--evidence", "none", "--format", format, "--show", show, "--with", &sarif]).code(1);
            for (name, text) in [("stdout", &ran.out), ("stderr", &ran.err)] {
                let found = text.chars().find(|letter| dangerous(*letter));
                assert_eq!(found, None, "{format} {name}: {text:?}");
                for (number, line) in text.lines().enumerate() {
                    let command = line.trim_start().starts_with("::");
                    assert!(*format == "markdown" || !line.contains("##["), "{format} {name} line {number}: {line}");
                    let ours = *format == "github" && name == "stdout";
                    assert!(!command || ours, "{format} {name} line {number}: {line}");
                    assert!(!ours || !line.contains("::owned") || line.starts_with("::"), "{line}");
                }
            }
            match *format {
                "github" => {
                    // Every line that is a command is one of ours: what was smuggled is on no line of its own.
                    assert!(!ran.out.lines().any(|line| line.starts_with("::error file=x::")), "{}", ran.out);
                }
                "junit" => assert!(!ran.out.contains("<script>"), "{}", ran.out),
                "json" => valid_json(&ran.out),
                "sarif" => valid_sarif(&ran.out),
                "gitlab" => assert!(ran.json().is_array()),
                "markdown" => dead(&ran.out),
                _ => {}
            }
        }
    }
    // The other commands that print what judged files say.
    let other = sarif_of(&repo, "other", &[(EVIL, "maps/evil.yaml", 1), (EVIL, EVIL, 1)]);
    let fingerprint = repo.report(1, &[]).of("demo-public")["fingerprint"].as_str().unwrap().to_owned();
    let runs = [
        repo.judge("compare", &[&other]).code(0),
        repo.judge("accept", &[&fingerprint, "--kind", "false-positive", "--reason", EVIL, "--owner", "o", "--expires", &day(2)]).code(0),
        repo.judge("scan", &["--quiet"]),
        repo.gate(&["--config", &repo.write_beside("evil.yaml", &format!("{quoted}: 1\n"))]).code(2),
        repo.run(&["gate", "--rule", EVIL]).code(2),
        repo.run(&["explain", EVIL]).code(2),
        repo.run(&["gate", EVIL]).code(2),
        repo.run(&["gate", "--base", EVIL]).code(2),
    ];
    for ran in runs {
        for text in [&ran.out, &ran.err] {
            assert_eq!(text.chars().find(|letter| dangerous(*letter)), None, "{text:?}");
            assert!(!text.lines().any(|line| line.trim_start().starts_with("::") || line.contains("##[")), "{text}");
        }
    }
}

#[test]
fn secrets_are_not_printed() {
    let repo = Repo::plain();
    let secret = "hunter2-hunter2-hunter2";
    repo.write("maps/a.yaml", &map("a", &format!("password={secret},public=true")));
    repo.write("main.tf", &format!("resource \"aws_s3_bucket\" \"logs\" {{\n  secret_token = \"{secret}\"\n  acl = \"public-read\"\n}}\n"));
    for format in FORMATS {
        let ran = repo.gate(&["--format", format, "--show", "all"]).code(1);
        assert!(!ran.out.contains(secret), "{format}: {}", ran.out);
    }
    // Nor are they in the evidence.
    let mut folders = vec![repo.beside("state")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let bytes = std::fs::read(&path).unwrap();
                assert!(!bytes.windows(secret.len()).any(|part| part == secret.as_bytes()), "{}", path.display());
            }
        }
    }
}
