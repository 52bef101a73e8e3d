//! Retention classes: what is sealed in one can be shown until its key is destroyed, and the log verifies before and after.
#![allow(clippy::disallowed_methods, clippy::panic, reason = "a test touches the world on purpose and fails by panicking")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use common::{Ran, Repo};
use probity_attest::sha256;
use serde_json::Value;

fn evidence(repo: &Repo, arguments: &[&str]) -> Ran {
    repo.run(&[&["evidence"], arguments].concat())
}

fn sealed(repo: &Repo, class: &str, script: &str) -> Ran {
    evidence(repo, &["run", "--keep-output", "--class", class, "--", "sh", "-c", script])
}

fn shown(repo: &Repo, index: &str) -> Value {
    evidence(repo, &["show", index]).code(0).json()
}

/// All bytes in all files below a folder.
fn all_bytes(folder: &std::path::Path) -> Vec<(String, Vec<u8>)> {
    let mut out = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => out.extend(all_bytes(&path)),
            false => out.push((path.display().to_string(), std::fs::read(&path).unwrap())),
        }
    }
    out
}

/// All that is written in base64 between quotes in these bytes.
fn base64_parts(bytes: &[u8]) -> Vec<u8> {
    use base64::Engine as _;
    let text = String::from_utf8_lossy(bytes);
    text.split('"').filter_map(|part| base64::engine::general_purpose::STANDARD.decode(part).ok()).flatten().collect()
}

#[test]
fn sealed_shown_held_destroyed_erased() {
    let repo = Repo::plain();
    let words = "Grace Hopper, account 4711";
    // In a file, for arguments are no part of what is sealed.
    repo.write("say", &format!("echo '{words}'; printf 'Ada Love'; echo lace >&2; exit 4\n"));
    let script = "exec sh say";
    sealed(&repo, "customers", "touch ran").code(2).says("there is no class `customers`");
    assert!(!repo.beside("repo/ran").exists());
    evidence(&repo, &["classes", "new", "Customers", "--retain", "7y"]).code(2);
    evidence(&repo, &["classes", "new", "customers", "--retain", "7 years"]).code(2).says("`7y`");
    evidence(&repo, &["classes", "new", "customers", "--retain", "7y"]).code(0).prints("record 0");
    evidence(&repo, &["classes", "new", "customers", "--retain", "1d"]).code(1).says("already");
    let ran = sealed(&repo, "customers", script).code(4);
    assert!(ran.out.starts_with(words));

    let record = shown(&repo, "1");
    assert_eq!(record["blobs"]["stdout"]["text"], format!("{words}\nAda Love"));
    assert_eq!(record["blobs"]["stderr"]["text"], "lace\n");
    let ours = &record["statement"]["predicate"]["probity"];
    assert_eq!(ours["sealed"][0]["plaintext"]["sha256"], sha256(ran.out.as_bytes()).to_string());
    assert_ne!(ours["blobs"][0]["digest"]["sha256"], ours["sealed"][0]["plaintext"]["sha256"]);
    evidence(&repo, &["verify"]).code(0).prints("verified 2 records and 2 stored files");
    let receipt = evidence(&repo, &["prove", "1"]).code(0).out;
    let receipt = repo.write_beside("one.tlog-proof", &receipt);

    let destroy = ["classes", "destroy", "customers", "--yes"];
    let early = [&destroy[..], &["--early", "--reason", "request 17"]].concat();
    evidence(&repo, &destroy[..3]).code(2).says("nobody can undo it");
    evidence(&repo, &destroy).code(1).says("has to be kept until");
    evidence(&repo, &[&destroy[..], &["--early"]].concat()).code(2);
    evidence(&repo, &["hold", "set", "1", "--reason", "case 9"]).code(0).prints("legal hold 2 on record 1");
    evidence(&repo, &["hold", "set", "customers", "--reason", "case 10"]).code(0).prints("legal hold 3 on customers");
    evidence(&repo, &["hold", "set", "others", "--reason", "case 11"]).code(2);
    evidence(&repo, &["hold", "set", "99", "--reason", "case 11"]).code(2);
    evidence(&repo, &early).code(1).says("under legal hold (records 2, 3)");
    evidence(&repo, &["classes", "list"]).code(0).prints("customers").prints("2 legal holds");
    evidence(&repo, &["hold", "release", "customers", "--reason", "closed"]).code(0);
    evidence(&repo, &early).code(1).says("under legal hold (records 2)");
    evidence(&repo, &["hold", "release", "2", "--reason", "closed"]).code(0);
    evidence(&repo, &["hold", "release", "2", "--reason", "closed"]).code(2);

    // Not without its key at hand: elsewhere it would only be written down.
    let (keys, away) = (repo.beside("state/probity/class-keys"), repo.beside("away"));
    std::fs::rename(&keys, &away).unwrap();
    evidence(&repo, &early).code(3).says("is not here");
    assert_eq!(shown(&repo, "1")["blobs"]["stdout"], "sealed: the key of class customers is not here");
    std::fs::rename(&away, &keys).unwrap();

    evidence(&repo, &early).code(0).prints("(record 6)");
    let told = shown(&repo, "1")["blobs"]["stdout"].as_str().unwrap().to_owned();
    assert!(told.starts_with("erased: the key of class customers was destroyed on 2") && told.ends_with("(record 6)"), "{told}");
    assert_eq!(shown(&repo, "6")["statement"]["predicate"]["early"], "request 17");
    evidence(&repo, &["verify", "--against", &receipt]).code(0).prints("verified 7 records and 2 stored files");
    evidence(&repo, &early).code(1).says("was destroyed (record 6)");
    evidence(&repo, &["classes", "new", "customers", "--retain", "7y"]).code(1).says("already");
    sealed(&repo, "customers", "true").code(2).says("was destroyed");
    evidence(&repo, &["classes", "list"]).code(0).prints("destroyed 2").prints("(record 6)");
    let list = evidence(&repo, &["list"]).code(0);
    assert!(list.out.contains("class") && list.out.contains("destroyed") && list.out.contains("hold"), "{}", list.out);

    // Nowhere a word of what was said, as it is or in the base64 of a record.
    let files = all_bytes(&repo.beside("state"));
    assert!(files.len() > 6 && !files.iter().any(|(path, _)| path.contains("class-keys")));
    for secret in [words, "Ada Love", "Hopper", "4711"] {
        for (path, bytes) in &files {
            for text in [bytes, &base64_parts(bytes)] {
                assert!(!text.windows(secret.len()).any(|part| part == secret.as_bytes()), "{path} holds {secret}");
            }
        }
    }
    // What was exported before or after tells no more, and verifies.
    let export = repo.outside("export.tar");
    evidence(&repo, &["export", &export]).code(0);
    evidence(&repo, &["verify", "--evidence", &export]).code(0).prints("verified 7 records");
}

#[test]
fn an_interrupted_destruction_is_completed() {
    let repo = Repo::plain();
    evidence(&repo, &["classes", "new", "short", "--retain", "1d"]).code(0);
    let keys = repo.beside("state/probity/class-keys");
    let file = std::fs::read_dir(&keys).unwrap().next().unwrap().unwrap().path();
    let bytes = std::fs::read(&file).unwrap();
    // Empty, so that there is nothing to keep.
    evidence(&repo, &["classes", "destroy", "short", "--yes"]).code(0).prints("(record 1)");
    assert!(!file.exists());
    // As if the program had died between record and key, or in the midst of overwriting it.
    for left in [bytes.as_slice(), b"\0\0\0\0"] {
        std::fs::write(&file, left).unwrap();
        if left.len() > 4 {
            evidence(&repo, &["classes", "list"]).code(0).prints("its key is still here: destroy it again");
        }
        sealed(&repo, "short", "true").code(2);
        evidence(&repo, &["classes", "destroy", "short", "--yes"]).code(0).prints("as the log said already");
        assert!(!file.exists());
    }
    evidence(&repo, &["verify"]).code(0).prints("verified 2 records");
}
