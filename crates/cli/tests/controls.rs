//! Controls beside the evidence: where they stand, tables and OSCAL of that, packs that anybody can check, and what no verdict explains.
#![allow(clippy::disallowed_methods, clippy::panic, reason = "a test touches the world on purpose and fails by panicking")]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test that cannot go on fails; one that is left out says so")]

mod common;

use std::path::PathBuf;
use std::process::{Command, Stdio};

use common::{Ran, Repo, map};
use serde_json::Value;

/// A repository with one commit that is red, judged.
fn red() -> Repo {
    let repo = Repo::new();
    repo.write("maps/a.yaml", &map("a", "public=true")).commit();
    repo.gate(&[]).code(1);
    repo
}

/// The same, mended and judged again.
fn mended() -> Repo {
    let repo = red();
    repo.write("maps/a.yaml", &map("a", "")).commit();
    repo.gate(&[]).code(0);
    repo
}

fn posture(repo: &Repo, code: i32, more: &[&str]) -> Ran {
    repo.run(&[&["controls", "posture", "--control", "soc2/CC6.1,soc2/CC1.1"], more].concat()).code(code)
}

/// A Python with these packages, by the name of a variable that may name it.
fn python(variable: &str, packages: &str) -> Option<String> {
    let python = std::env::var(variable).unwrap_or_else(|_| "python3".to_owned());
    let found = Command::new(&python).args(["-c", &format!("import {packages}")]).stderr(Stdio::null()).status();
    if found.is_ok_and(|status| status.success()) {
        return Some(python);
    }
    println!("SKIPPED: `{python}` with {packages} is not there (`{variable}` names another)");
    None
}

#[test]
fn a_control_is_satisfied_by_records_alone() {
    let repo = Repo::new();
    repo.run(&["controls", "posture"]).code(2).says("there is no evidence log");
    let repo = red();
    posture(&repo, 1, &[])
        .prints("not-satisfied  soc2/CC6.1")
        .prints("open: high demo-public ConfigMap/default/a maps/a.yaml:")
        .prints("1 not-satisfied, 0 stale, 1 no-evidence, 0 satisfied of 2 controls");
    let repo = mended();
    let found = posture(&repo, 0, &["--format", "json"]).json();
    let first = &found["controls"][0];
    assert_eq!((first["state"].as_str(), first["proofs"][0]["record"].as_u64()), (Some("satisfied"), Some(1)));
    assert_eq!(first["proofs"][0]["rules"], serde_json::json!(["demo-public"]));
    assert_eq!(found["controls"][1]["state"], "no-evidence");
    assert!(found["receipts"]["1"].as_str().unwrap().starts_with("c2sp.org/tlog-proof@v1\nindex 1\n"));
    posture(&repo, 0, &["--all"]).prints("no-evidence    soc2/CC1.1");
    // Before, it was not; much later, it is stale.
    posture(&repo, 0, &["--to", "2020-01-01"]).prints("0 not-satisfied, 0 stale, 2 no-evidence");
    posture(&repo, 1, &["--to", "2100-01-01"]).prints("stale          soc2/CC6.1");
    // Another log of the same gate, in which nothing the rule is about was there.
    let repo = Repo::new();
    repo.write("Dockerfile", "FROM a:1\n").commit();
    repo.gate(&[]).code(0);
    posture(&repo, 0, &[]).prints("0 not-satisfied, 0 stale, 2 no-evidence, 0 satisfied");
}

#[test]
fn wrong_use_is_said() {
    let repo = mended();
    for (arguments, said) in [
        (&["controls", "posture", "--control", "soc2/CC6.10"] as &[&str], "the nearest is `soc2/CC6.1`"),
        (&["controls", "posture", "--framework", "soc3"], "no framework is called `soc3`"),
        (&["controls", "posture", "--from", "yesterday"], "neither a day nor a time"),
        (&["controls", "posture", "--from", "2026-02-01", "--to", "2026-01-01"], "`--from` is after `--to`"),
        (&["controls", "posture", "--exceptions", "missing"], "there is no folder `missing`"),
        (&["controls", "population", "--sample", "3"], "--seed"),
        (&["evidence", "export", "pack", "--control", "soc2/CC6.1"], "a pack is a tar file"),
        (&["evidence", "reconcile"], "nothing to hold against the log"),
        (&["evidence", "reconcile", "--merges", "missing"], "neither a file nor a range"),
        (&["evidence", "reconcile", "--merges", "nobody..HEAD"], "nobody"),
        (&["evidence", "reconcile", "--built", "maps/a.yaml"], "line 1: no SHA-256 digest"),
    ] {
        repo.run(arguments).code(2).says(said);
    }
}

#[test]
fn a_log_that_was_changed_proves_nothing() {
    let repo = mended();
    let entries = repo.beside("state/probity/evidence/tile/entries/000.p/2");
    let mut bytes = std::fs::read(&entries).unwrap();
    bytes[100] ^= 4;
    std::fs::write(&entries, bytes).unwrap();
    posture(&repo, 3, &[]).says("the log is refused, so it proves nothing");
    repo.run(&["controls", "population"]).code(3);
    repo.run(&["evidence", "export", &repo.outside("pack.tar"), "--control", "soc2/CC6.1"]).code(3);
    assert!(!repo.beside("pack.tar").exists());
}

#[test]
fn exceptions_of_the_register_are_listed() {
    let repo = mended();
    let until = common::day(20);
    repo.write(
        ".probity/exceptions/maps.yaml",
        &format!(
            "kind: accepted-risk\nrule: demo-public\nsubject: ConfigMap/shop/a\nreason: a test\nowner: jane@example.com\nexpires: {until}\n"
        ),
    );
    let rules = repo.outside("rules");
    posture(&repo, 0, &["--policies", &rules]).prints(&format!("excepted: exception maps until {until}, covers 0"));
    repo.write(".probity/exceptions/maps.yaml", "kind: nothing\n");
    posture(&repo, 2, &[]).says("the register of exceptions has problems");
}

#[test]
fn tables_and_oscal_are_the_same_twice() {
    let repo = red();
    for format in ["csv", "xlsx", "oscal-component", "oscal-assessment-results", "oscal-poam"] {
        let files = ["one", "two"].map(|name| {
            let file = repo.outside(name);
            posture(&repo, 1, &["--to", "2100-01-01", "--format", format, "--output", &file]);
            std::fs::read(file).unwrap()
        });
        assert!(files[0] == files[1], "{format}");
        match format {
            "csv" => {
                let text = String::from_utf8(files[0].clone()).unwrap();
                assert!(text.starts_with("framework,requirement,") && text.lines().count() == 3, "{text}");
            }
            "xlsx" => assert!(files[0].starts_with(b"PK")),
            _ => {
                let document: Value = serde_json::from_slice(&files[0]).unwrap();
                let (_, body) = document.as_object().unwrap().iter().next().unwrap();
                assert_eq!(
                    (&body["metadata"]["oscal-version"], &body["metadata"]["last-modified"]),
                    (&"1.2.1".into(), &"2100-01-01T23:59:59Z".into())
                );
            }
        }
    }
    repo.run(&["controls", "population"]).code(0).prints(",FAILED,red,1,");
}

#[test]
fn a_workbook_holds_text_and_no_formulas() {
    let Some(python) = python("PROBITY_TRESTLE", "openpyxl") else { return };
    let repo = Repo::new();
    // A path that a spreadsheet would take for a formula.
    repo.write("=1+1.yaml", &map("a", "public=true")).commit();
    repo.gate(&[]).code(1);
    let file = repo.outside("posture.xlsx");
    posture(&repo, 1, &["--format", "xlsx", "--output", &file]);
    let script = "import sys, openpyxl\nfor sheet in openpyxl.load_workbook(sys.argv[1]):\n for row in sheet:\n  for cell in row:\n   \
                  print(sheet.title, cell.coordinate, cell.data_type, cell.value, sep='|')";
    let output = Command::new(python).args(["-c", script, &file]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("posture|A2|s|soc2\n") && said.contains("open findings|F2|s|'=1+1.yaml\n"), "{said}");
    assert!(!said.contains("|f|"), "{said}");
}

#[test]
fn trestle_loads_what_is_written() {
    let Some(python) = python("PROBITY_TRESTLE", "trestle") else { return };
    let repo = red();
    let files = ["oscal-component", "oscal-assessment-results", "oscal-poam"].map(|format| {
        let file = repo.outside(&format!("{format}.json"));
        posture(&repo, 1, &["--format", format, "--output", &file]);
        file
    });
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tools/validate_oscal.py");
    let check = |files: &[String]| Command::new(&python).arg(&script).args(files).output().unwrap();
    let output = check(&files);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && said.lines().count() == 3, "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    // The judge itself sees what is wrong.
    let broken = std::fs::read_to_string(&files[1]).unwrap().replacen("\"target-id\"", "\"target-name\"", 1);
    std::fs::write(&files[1], broken).unwrap();
    let output = check(&files[1..2]);
    assert!(!output.status.success() && String::from_utf8(output.stdout).unwrap().starts_with("REFUSED"));
}

#[test]
fn a_pack_holds_what_speaks_of_a_control() {
    let repo = mended();
    repo.write("Dockerfile", "FROM a:1\nUSER nobody\n").remove("maps/a.yaml").commit();
    repo.gate(&[]).code(0);
    let tar = repo.outside("pack.tar");
    repo.run(&["evidence", "export", &tar, "--control", "soc2/CC1.1"]).code(4).says("nothing to pack");
    repo.run(&["evidence", "export", &tar, "--control", "soc2/CC6.1", "--from", "2020-01-01", "--to", "2100-01-01"])
        .code(0)
        .says("packed 2 of 3 records and 2 stored files");
    let Some(python) = python("PROBITY_PYTHON", "cryptography") else { return };
    let key = std::fs::read_to_string(repo.beside("state/probity/evidence/log.vkey")).unwrap();
    let folder = repo.beside("unpacked");
    let unpack = "import sys, tarfile; tarfile.open(sys.argv[1]).extractall(sys.argv[2])";
    assert!(Command::new(&python).args(["-W", "ignore", "-c", unpack, &tar]).arg(&folder).status().unwrap().success());
    // The program in the pack is the one of the repository; either gives the same answer, over the tar and over the folder.
    let ours = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tools/verify_evidence.py");
    assert_eq!(std::fs::read(&ours).unwrap(), std::fs::read(folder.join("verify.py")).unwrap());
    let check = |script: &PathBuf, what: &str| {
        let output = Command::new(&python).arg("-B").arg(script).args([what, "--key", key.trim_end()]).output().unwrap();
        (output.status.success(), String::from_utf8(output.stdout).unwrap())
    };
    for what in [tar.as_str(), folder.to_str().unwrap()] {
        let (good, said) = check(&ours, what);
        assert!(good && said.starts_with("OK: 2 chosen records of a log of 3 entries"), "{said}");
    }
    assert!(check(&folder.join("verify.py"), &tar).0);
    let record = folder.join("records/0.json");
    let changed = std::fs::read_to_string(&record).unwrap().replacen("payload", "Payload", 1);
    std::fs::write(&record, changed).unwrap();
    let (good, said) = check(&ours, folder.to_str().unwrap());
    assert!(!good && said.starts_with("REFUSED: entry 0"), "{said}");
}

#[test]
fn what_was_merged_is_held_against_the_log() {
    let repo = Repo::new();
    repo.write("maps/a.yaml", &map("a", ""));
    let base = repo.commit();
    // A branch that is judged and merged, one commit that nobody judged, and one that is red.
    repo.git(&["checkout", "-q", "-b", "change"]);
    repo.write("maps/b.yaml", &map("b", ""));
    let head = repo.commit();
    repo.gate(&[]).code(0);
    repo.git(&["checkout", "-q", "main"]);
    repo.git(&["merge", "-q", "--no-ff", "-m", "merge", "change"]);
    let range = format!("{base}..HEAD");
    let reconcile = |more: &[&str]| repo.run(&[&["evidence", "reconcile"], more].concat());
    reconcile(&["--merges", &range]).code(0).prints("1 merges, 1 verdicts, 0 exceptions, 0 unexplained\nrecorded as entry 1\n");
    repo.write("maps/c.yaml", &map("c", ""));
    let unjudged = repo.commit();
    repo.write("maps/d.yaml", &map("d", "public=true"));
    let of_red = repo.commit();
    repo.gate(&[]).code(1);
    let found = reconcile(&["--merges", &range, "--format", "json"]).code(1).json();
    let gaps: Vec<String> = found["gaps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|gap| format!("{} {}", gap["id"].as_str().unwrap(), gap["why"].as_str().unwrap()))
        .collect();
    assert_eq!(gaps, [format!("{of_red} the verdict of record 2 is FAILED"), format!("{unjudged} no verdict")]);
    assert_eq!((&found["given"]["merge"], &found["verdicts"], &found["record"]), (&3.into(), &1.into(), &3.into()));
    // The answer is a record like any other.
    let record = repo.run(&["evidence", "show", "3"]).code(0).json();
    assert_eq!(record["statement"]["predicateType"], "https://probity.dev/reconciliation/v1");
    assert_eq!(record["statement"]["predicate"]["unexplained"], 2);
    assert_eq!(record["blobs"]["reconciliation"]["gaps"].as_array().unwrap().len(), 2);
    repo.run(&["evidence", "verify"]).code(0);

    let merges = repo.write_beside("merges", &format!("# two\n{head}\n\n{unjudged}\n"));
    let digest = |digit: &str| digit.repeat(64);
    let built =
        repo.write_beside("built", &format!("registry.example/shop@sha256:{} {head}\nsha256:{} {unjudged}\n", digest("a"), digest("b")));
    let deployed =
        repo.write_beside("deployed.json", &format!(r#"[{{"digest": "sha256:{}", "commit": "{head}"}}, "{}"]"#, digest("a"), digest("c")));
    let lists = ["--merges", &merges, "--built", &built, "--deployed", &deployed, "--no-record"];
    reconcile(&lists)
        .code(1)
        .prints(&format!("merge     {unjudged}  no verdict\n"))
        .prints(&format!("built     sha256:{}  no verdict for its commit {unjudged}\n", digest("b")))
        .prints(&format!("deployed  {}  it is not among what was built\n", digest("c")))
        .prints("2 merges, 1 verdicts, 0 exceptions, 2 built, 2 deployed, 3 unexplained\n");
    assert_eq!(repo.run(&["evidence", "list", "--format", "json"]).json()["size"], 4);
    let empty = repo.write_beside("empty", "# nothing\n");
    reconcile(&["--merges", &empty]).code(4).says("the lists are empty");
}
