//! Evidence: every verdict is in the log before it is told, and anybody can check the log, prove a record and judge again.
#![allow(clippy::disallowed_methods, clippy::panic, reason = "a test touches the world on purpose and fails by panicking")]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test that cannot go on fails; one that is left out says so")]

mod common;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use common::{Ran, Repo, bucket, day, map};
use serde_json::Value;

/// A repository with one commit that is red.
fn repository() -> Repo {
    let repo = Repo::new();
    repo.write("maps/a.yaml", &map("a", "public=true")).write("main.tf", &bucket("logs", "private"));
    repo.commit();
    repo
}

fn list(repo: &Repo, more: &[&str]) -> Value {
    repo.run(&[&["evidence", "list", "--format", "json"], more].concat()).code(0).json()
}

fn evidence(repo: &Repo, arguments: &[&str]) -> Ran {
    repo.run(&[&["evidence"], arguments].concat())
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.path().is_dir() { copy(&entry.path(), &to) } else { std::fs::copy(entry.path(), to).map(drop).unwrap() }
    }
}

#[test]
fn every_gate_is_in_the_log() {
    let repo = repository();
    let head = repo.git(&["rev-parse", "HEAD"]);
    let first = repo.recorded(1, &[]);
    repo.write("maps/a.yaml", &map("a", ""));
    repo.recorded(0, &[]);
    repo.write("maps/broken.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: [\n");
    repo.recorded(3, &[]);
    repo.recorded(3, &["--observe"]);

    let log = list(&repo, &[]);
    assert_eq!(log["version"], 1);
    assert_eq!(log["size"], 4);
    let shown: Vec<String> =
        log["records"].as_array().unwrap().iter().map(|one| format!("{} {} {}", one["index"], one["result"], one["colour"])).collect();
    assert_eq!(shown, [r#"0 "FAILED" "red""#, r#"1 "PASSED" "green""#, r#"2 "UNDECIDED" null"#, r#"3 "UNDECIDED" null"#]);
    assert_eq!(log["records"][0]["digest"]["gitCommit"], head.as_str());
    assert_eq!(log["records"][1]["subject"], "folder");
    evidence(&repo, &["list"]).code(0).prints("4 records in probity.local/").prints("red");

    let record = evidence(&repo, &["show", "0"]).code(0).json();
    assert_eq!(first.0["evidence"]["record"], format!("sha256:{}", record["sha256"].as_str().unwrap()));
    assert_eq!(first.0["evidence"]["anchored"], false);
    assert_eq!(record["statement"]["predicateType"], "https://slsa.dev/verification_summary/v1");
    assert_eq!(record["statement"]["predicate"]["verificationResult"], "FAILED");
    let manifest = &record["blobs"]["manifest"];
    assert_eq!(manifest["target"]["commit"], head.as_str());
    assert_eq!(manifest["verdict"]["colour"], "red");
    assert_eq!(manifest["results"][0]["rule"], "demo-public");
    let inputs: Vec<&str> = manifest["inputs"].as_array().unwrap().iter().map(|one| one["path"].as_str().unwrap()).collect();
    assert_eq!(inputs, ["main.tf", "maps/a.yaml"]);
    assert!(manifest["inputs"][0]["blob"].is_string());
    let undecided = evidence(&repo, &["show", "2"]).code(0).json();
    assert_eq!(undecided["statement"]["predicateType"], "https://probity.dev/could-not-decide/v1");

    evidence(&repo, &["show", "4"]).code(2).says("there is no record 4");
    evidence(&repo, &["prove", "4"]).code(2);
    evidence(&repo, &["replay", "4"]).code(2);
    evidence(&repo, &["verify"]).code(0).prints("verified 4 records").prints("not held against an earlier checkpoint");
}

#[test]
fn the_key_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let repo = repository();
    repo.gate(&[]).code(1).says("a key for evidence was made").prints("unanchored");
    let key = repo.beside("state/probity/evidence-key.pem");
    assert_eq!(std::fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    let again = repo.gate(&[]).code(1);
    assert!(!again.err.contains("a key for evidence was made"));
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    repo.gate(&[]).code(1).says("can be read by others");
}

#[test]
fn a_given_key_and_place_are_anchored() {
    let repo = repository();
    repo.gate(&["--evidence", "none"]).code(1);
    repo.gate(&["--evidence", &repo.outside("first")]).code(1);
    let key = repo.outside("key.pem");
    std::fs::copy(repo.beside("state/probity/evidence-key.pem"), &key).unwrap();
    let log = repo.outside("log");
    let place = ["--evidence", &log, "--evidence-key", &key];
    assert_eq!(repo.recorded(1, &place).0["evidence"]["anchored"], true);
    // By configuration, relative to the folder and below it; a judged repository writes nowhere else.
    repo.write("probity.yaml", "evidence: { directory: ../log, key: ../key.pem }\n");
    assert!(repo.gate(&[]).code(2).err.contains("leads out of the judged folder"));
    repo.write("probity.yaml", "evidence: { directory: .evidence, key: key.pem }\n");
    repo.write("key.pem", &std::fs::read_to_string(&key).unwrap());
    assert_eq!(repo.recorded(1, &[]).0["evidence"]["anchored"], true);
    assert_eq!(list(&repo, &["--evidence", &log])["size"], 1);
    // Another key cannot write to it.
    let other = Repo::new();
    other.write("a.yaml", &map("a", ""));
    other.gate(&["--evidence", &log]).code(3);
    assert_eq!(list(&repo, &["--evidence", &log])["size"], 1);
}

#[test]
fn verifying() {
    let repo = repository();
    let log = repo.beside("state/probity/evidence");
    repo.gate(&[]).code(1);
    let old = repo.write_beside("old-checkpoint", &std::fs::read_to_string(log.join("checkpoint")).unwrap());
    let copied = repo.beside("copied");
    copy(&log, &copied);
    repo.gate(&[]).code(1);
    repo.gate(&[]).code(1);
    let receipt = evidence(&repo, &["prove", "1"]).code(0).out;
    assert!(receipt.starts_with("c2sp.org/tlog-proof@v1\n"), "{receipt}");
    let receipt = repo.write_beside("one.tlog-proof", &receipt);
    let new = repo.write_beside("new-checkpoint", &std::fs::read_to_string(log.join("checkpoint")).unwrap());

    evidence(&repo, &["verify", "--against", &old]).code(0).prints("it continues the log as it was at size 1");
    evidence(&repo, &["verify", "--against", &receipt]).code(0).prints("size 3");
    evidence(&repo, &["verify", "--against", &new]).code(0);
    // A copy of an older state, held against what came later: fine by itself, refused.
    let copied = repo.outside("copied");
    let at = ["--evidence", &copied];
    evidence(&repo, &[&["verify"], &at[..]].concat()).code(0);
    evidence(&repo, &[&["verify", "--against", &old], &at[..]].concat()).code(0);
    evidence(&repo, &[&["verify", "--against", &new], &at[..]].concat()).code(1).says("rolled back");
    evidence(&repo, &[&["verify", "--against", &receipt], &at[..]].concat()).code(1).says("rolled back");
    // The copy grows by itself: a fork.
    repo.gate(&["--evidence", &copied]).code(1);
    repo.gate(&["--evidence", &copied]).code(1);
    evidence(&repo, &[&["verify", "--against", &new], &at[..]].concat()).code(1).says("forked");
    // Of somebody else.
    let other = repository();
    other.gate(&[]).code(1);
    evidence(&other, &["verify", "--against", &new]).code(1);
    let nonsense = repo.write_beside("nonsense", "x\n");
    evidence(&repo, &["verify", "--against", &nonsense]).code(1).says("not to be trusted");
    evidence(&repo, &["verify", "--public-key", &nonsense]).code(2);
}

#[test]
fn whoever_changes_the_log_is_seen() {
    let repo = repository();
    repo.gate(&[]).code(1);
    repo.gate(&[]).code(1);
    let log = repo.beside("state/probity/evidence");
    let mut files = Vec::new();
    let mut folders = vec![log.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    let meant: Vec<&PathBuf> = files.iter().filter(|path| path.file_name().unwrap() != "lock").collect();
    assert!(meant.len() >= 5, "{meant:?}");
    for path in meant {
        let bytes = std::fs::read(path).unwrap();
        let mut changed = bytes.clone();
        let middle = changed.len() / 2;
        changed[middle] ^= 1;
        std::fs::write(path, &changed).unwrap();
        let ran = evidence(&repo, &["verify"]);
        assert_ne!(ran.code, 0, "{}", path.display());
        assert!(ran.out.is_empty() && !ran.err.is_empty(), "{}: {}", path.display(), ran.out);
        std::fs::remove_file(path).unwrap();
        assert_ne!(evidence(&repo, &["verify"]).code, 0, "without {}", path.display());
        std::fs::write(path, &bytes).unwrap();
    }
    evidence(&repo, &["verify"]).code(0);
    std::fs::write(log.join("more"), "x").unwrap();
    evidence(&repo, &["verify"]).code(1).says("more");
}

#[test]
fn exporting_and_taking_in() {
    let runner = repository();
    runner.gate(&[]).code(1);
    runner.gate(&[]).code(1);
    let (folder, tar) = (runner.outside("export"), runner.outside("export.tar"));
    evidence(&runner, &["export", &folder]).code(0);
    evidence(&runner, &["export", &tar]).code(0);
    for place in [&folder, &tar] {
        evidence(&runner, &["verify", "--evidence", place]).code(0).prints("verified 2 records");
        assert_eq!(list(&runner, &["--evidence", place])["size"], 2);
        evidence(&runner, &["replay", "0", "--evidence", place]).code(0);
    }
    let broken = runner.outside("broken.tar");
    let bytes = std::fs::read(&tar).unwrap();
    std::fs::write(&broken, &bytes[..bytes.len() / 2]).unwrap();
    assert_ne!(evidence(&runner, &["verify", "--evidence", &broken]).code, 0);

    // Somebody else keeps one log and takes it in.
    let keeper = Repo::new();
    evidence(&keeper, &["append", &broken]).code(3);
    evidence(&keeper, &["append", &tar]).code(0).prints("2 records taken in; all 2 of that log are here");
    evidence(&keeper, &["verify"]).code(0).prints("verified 3 records").prints("2 records were taken in from");
    let log = list(&keeper, &[]);
    let kinds: Vec<&str> = log["records"].as_array().unwrap().iter().map(|one| one["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["import", "gate", "gate"]);
    // Again: only what is new.
    evidence(&keeper, &["append", &folder]).code(0).prints("0 records taken in; all 2 of that log are here");
    runner.gate(&[]).code(1);
    let live = runner.outside("state/probity/evidence");
    evidence(&keeper, &["append", &live]).code(0).prints("1 records taken in; all 3 of that log are here");
    evidence(&keeper, &["verify"]).code(0).prints("3 records were taken in from");
    // One that does not continue what was taken in.
    let tampered = runner.beside("tampered");
    copy(Path::new(&folder), &tampered);
    let entries = tampered.join("tile/entries/000.p/2");
    let mut bytes = std::fs::read(&entries).unwrap();
    bytes[40] ^= 1;
    std::fs::write(&entries, bytes).unwrap();
    evidence(&keeper, &["append", &runner.outside("tampered")]).code(3).says("nothing was taken in");
    evidence(&keeper, &["append", &keeper.outside("missing")]).code(2);
    // The keeper's own records go on.
    keeper.write("a.yaml", &map("a", ""));
    keeper.gate(&[]).code(0);
    evidence(&keeper, &["verify"]).code(0);
}

#[test]
fn replaying_a_commit() {
    let repo = repository();
    repo.write("probity.yaml", "gate: { yellow_at: low }\n");
    let exception =
        format!("kind: accepted-risk\nrule: demo-public\nsubject: ConfigMap/default/b\nreason: r\nowner: o\nexpires: {}\n", day(1));
    repo.write("maps/b.yaml", &map("b", "public=true")).write(".probity/exceptions/b.yaml", &exception);
    let first = repo.commit();
    repo.gate(&[]).code(1);
    evidence(&repo, &["replay", "0"]).code(0).prints("record 0 replays to the same verdict: red");
    // The working tree goes on; the record's inputs are in git.
    repo.write("maps/a.yaml", &map("a", "")).write("probity.yaml", "nonsense: [\n");
    repo.remove("main.tf");
    evidence(&repo, &["replay", "0"]).code(0);
    repo.write("probity.yaml", "version: 1\n");
    repo.commit();
    repo.gate(&["--base", &first, "--changed-only"]).code(0);
    evidence(&repo, &["replay", "0"]).code(0);
    evidence(&repo, &["replay", "1"]).code(0).prints("record 1");
    // From another folder of the repository, and named by path.
    evidence(&repo, &["replay", "0", "maps"]).code(0);
    let place = repo.outside("repo");
    repo.ended(&repo.program().args(["evidence", "replay", "0", &place]).current_dir("/").output().unwrap()).code(0);
    // A run on a folder below the top.
    repo.gate(&["maps"]).code(1);
    evidence(&repo, &["replay", "2"]).code(0);

    // Where the commit is not, it says so.
    let other = repository();
    let log = repo.outside("state/probity/evidence");
    evidence(&other, &["replay", "0", "--evidence", &log]).code(3).says("inputs are gone or changed").says(&first);
    let plain = Repo::plain();
    evidence(&plain, &["replay", "0", "--evidence", &log]).code(2).says(&first);
}

#[test]
fn replaying_a_folder() {
    let repo = repository();
    repo.write("maps/b.yaml", &map("b", "untidy=true"));
    repo.gate(&[]).code(1);
    evidence(&repo, &["replay", "0"]).code(0);
    // A file that nobody reads changes nothing.
    repo.write("notes.txt", "x\n");
    evidence(&repo, &["replay", "0"]).code(0);
    // A file that was read.
    let before = repo.read("maps/b.yaml");
    repo.write("maps/b.yaml", &map("b", ""));
    evidence(&repo, &["replay", "0"]).code(3).says("inputs are gone or changed: maps/b.yaml");
    repo.remove("maps/b.yaml");
    evidence(&repo, &["replay", "0"]).code(3).says("maps/b.yaml");
    repo.write("maps/b.yaml", &before);
    evidence(&repo, &["replay", "0"]).code(0);
    // One that was not there.
    repo.write("maps/c.yaml", &map("c", "public=true"));
    evidence(&repo, &["replay", "0"]).code(3).says("the list of files");
    repo.remove("maps/c.yaml");
    evidence(&repo, &["replay", "0"]).code(0);

    let plain = Repo::plain();
    plain.write("a.yaml", &map("a", "public=true"));
    plain.gate(&[]).code(1);
    evidence(&plain, &["replay", "0"]).code(0);
}

#[test]
fn replaying_with_files_from_outside() {
    let repo = repository();
    let config = repo.write_beside("config.yaml", "gate: { red_at: critical, yellow_at: critical }\n");
    let floor = repo.write_beside("floor.yaml", "gate: { red_at: critical, yellow_at: high }\n");
    let sarif = repo.write_beside(
        "other.sarif",
        r#"{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"other"}},"results":[{"ruleId":"X1","level":"note","message":{"text":"bad"},
            "locations":[{"physicalLocation":{"artifactLocation":{"uri":"maps/a.yaml"},"region":{"startLine":1}}}]}]}]}"#,
    );
    repo.gate(&["--config", &config, "--floor", &floor, "--with", &sarif]).code(0);
    evidence(&repo, &["replay", "0"]).code(0).prints("yellow");
    for file in [&config, &floor, &sarif] {
        let before = std::fs::read_to_string(file).unwrap();
        std::fs::write(file, format!("{before}\n")).unwrap();
        evidence(&repo, &["replay", "0"]).code(3).says(&repo.redact(file.as_bytes()));
        std::fs::remove_file(file).unwrap();
        evidence(&repo, &["replay", "0"]).code(3).says(&repo.redact(file.as_bytes()));
        std::fs::write(file, before).unwrap();
    }
    evidence(&repo, &["replay", "0"]).code(0);
    // Other policies: another verdict, and it says why.
    let rule = repo.beside("rules/demo/public.yaml");
    let text = std::fs::read_to_string(&rule).unwrap();
    std::fs::write(&rule, text.replace("'^(true|yes)$'", "'^never$'")).unwrap();
    evidence(&repo, &["replay", "0"]).code(1).says("the policies differ").says("does not replay to the same verdict");
}

#[test]
fn gates_at_once() {
    let repo = repository();
    // Nothing is there yet: they race for the key and the log too.
    let codes: Vec<i32> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| (0..2).map(|_| repo.gate(&["--quiet"]).code).collect::<Vec<_>>())).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(codes, [1; 8]);
    assert_eq!(list(&repo, &[])["size"], 8);
    evidence(&repo, &["verify"]).code(0).prints("verified 8 records");
}

/// A Python with what the verifier needs.
fn python() -> Option<String> {
    let python = std::env::var("PROBITY_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let found = Command::new(&python).args(["-c", "import cryptography"]).stderr(Stdio::null()).status();
    if found.is_ok_and(|status| status.success()) {
        return Some(python);
    }
    println!("SKIPPED: `{python}` with the package `cryptography` is not there (`PROBITY_PYTHON` names another)");
    None
}

#[test]
fn the_independent_verifier_agrees() {
    let Some(python) = python() else { return };
    let repo = repository();
    repo.gate(&[]).code(1);
    repo.write("maps/a.yaml", &map("a", "")).gate(&[]).code(0);
    let (folder, tar) = (repo.outside("export"), repo.outside("export.tar"));
    evidence(&repo, &["export", &folder]).code(0);
    evidence(&repo, &["export", &tar]).code(0);
    let key = std::fs::read_to_string(repo.beside("state/probity/evidence/log.vkey")).unwrap();
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tools/verify_evidence.py");
    let check = |place: &str| {
        let output = Command::new(&python).arg(&script).args([place, "--key", key.trim_end()]).output().unwrap();
        (output.status.success(), String::from_utf8(output.stdout).unwrap())
    };
    for place in [&folder, &tar] {
        let (good, said) = check(place);
        assert!(good && said.starts_with("OK: 2 entries"), "{said}");
    }
    let entries = repo.beside("export/tile/entries/000.p/2");
    let mut bytes = std::fs::read(&entries).unwrap();
    bytes[100] ^= 4;
    std::fs::write(&entries, bytes).unwrap();
    let (good, said) = check(&folder);
    assert!(!good && said.starts_with("REFUSED"), "{said}");
    evidence(&repo, &["verify", "--evidence", &folder]).code(1);
}
