//! `tools/verify_evidence.py`, which shares no line with us, reaches the same answers. Without Python 3 and its package `cryptography`
//! the tests print that they were skipped.
#![allow(clippy::disallowed_methods, reason = "a test touches the world on purpose")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use common::{append, in_memory, key};
use probity_core::Timestamp;
use probity_ledger::{
    FolderStorage, Ledger, MemoryStorage, VerifyError, VerifyOptions, export_files, export_tar, merkle, open_tar, pack_tar, tile, verify,
};
use serde_json::json;

/// Python with `cryptography`: the one that `PROBITY_PYTHON` names, else that of the system.
fn python() -> Command {
    Command::new(std::env::var_os("PROBITY_PYTHON").unwrap_or_else(|| "python3".into()))
}

fn present() -> bool {
    let check = python().args(["-c", "import cryptography"]).stderr(Stdio::null()).status();
    let found = check.is_ok_and(|status| status.success());
    if !found {
        println!("SKIPPED: python3 with the package `cryptography` is not installed, so the independent verifier was not run");
    }
    found
}

fn run(export: &Path, key: Option<&str>) -> (bool, String) {
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tools/verify_evidence.py");
    let mut command = python();
    command.arg(script).arg(export);
    if let Some(key) = key {
        command.args(["--key", key]);
    }
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.success(), said.starts_with("OK: "), "{said}");
    (output.status.success(), said)
}

/// A ledger with an import in it.
fn kept(count: u64) -> (Arc<MemoryStorage>, Ledger) {
    let (storage, mut ledger) = in_memory(count);
    let runner_storage = Arc::new(MemoryStorage::new());
    let mut runner = Ledger::open_or_create(Arc::clone(&runner_storage) as _, key(2), "runner.example/1").unwrap();
    for number in 1000..1003 {
        append(&mut runner, number, &*key(2)).unwrap();
        ledger.append_from(&*runner_storage, None, Timestamp { seconds: 1_769_860_800, nanoseconds: 0 }).unwrap();
        append(&mut ledger, number + 1000, &*key(1)).unwrap();
    }
    (storage, ledger)
}

#[test]
fn it_accepts_every_export() {
    if !present() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for count in [0, 1, 5, 247, 256, 600] {
        let (storage, ledger) = kept(count);
        let tar = folder.path().join(format!("{count}.tar"));
        export_tar(&*storage, None, &mut std::fs::File::create(&tar).unwrap()).unwrap();
        let size = ledger.reader().unwrap().size();
        let (ok, said) = run(&tar, Some(&ledger.key().to_string()));
        assert!(ok && said.contains(&format!("OK: {size} entries, root {}", ledger.reader().unwrap().checkpoint().root)), "{said}");
        let copy = FolderStorage::new(folder.path().join(format!("copy{count}")));
        export_files(&*storage, None, &copy).unwrap();
        std::fs::remove_dir(copy.root().join("tmp")).unwrap();
        assert!(run(copy.root(), None).0);
        let (ok, said) = run(&tar, Some("other+00000000+AA=="));
        assert!(!ok, "{said}");
    }
}

#[test]
fn it_refuses_what_we_refuse_and_names_the_same_entry() {
    if !present() {
        return;
    }
    let (storage, ledger) = kept(4);
    let files = storage.files();
    let entries: Vec<Vec<u8>> = ledger.reader().unwrap().entries().map(|entry| entry.unwrap().1).collect();
    let width = entries.len() as u64;
    let bundle = tile::partial(tile::TileKind::Entries, width).unwrap().to_string();
    let hashes = tile::partial(tile::TileKind::Hashes(0), width).unwrap().to_string();
    let framed = |entries: &[Vec<u8>]| -> Vec<u8> { entries.iter().flat_map(|entry| tile::frame(entry).unwrap()).collect() };
    let leaves = |entries: &[Vec<u8>]| tile::hash_bytes(&entries.iter().map(|entry| merkle::leaf_hash(entry)).collect::<Vec<_>>());
    let mut cases = Vec::new();
    let mut random = fastrand::Rng::with_seed(5);
    for path in files.keys() {
        let mut changed = files.clone();
        let bytes = changed.get_mut(path).unwrap();
        let position = random.usize(..bytes.len());
        bytes[position] ^= 1 << random.u32(..8);
        cases.push((format!("a bit of byte {position} of {path}"), changed));
        let mut changed = files.clone();
        changed.remove(path);
        cases.push((format!("{path} removed"), changed));
    }
    for place in [0, 3, 9] {
        for (name, hashes_too) in [("removed", false), ("moved", false), ("moved", true), ("replaced", true)] {
            let mut other = entries.clone();
            match name {
                "removed" => drop(other.remove(place)),
                "moved" => other.swap(place, (place + 1) % entries.len()),
                _ => other[place] = common::record(77, &*key(5), &[]),
            }
            let mut changed = files.clone();
            changed.insert(bundle.clone(), framed(&other));
            if hashes_too {
                changed.insert(hashes.clone(), leaves(&other));
            }
            cases.push((format!("entry {place} {name}, hashes too: {hashes_too}"), changed));
        }
    }
    let mut stray = files.clone();
    stray.insert("stray".into(), b"x".to_vec());
    cases.push(("a file more".into(), stray));
    let folder = tempfile::tempdir().unwrap();
    for (number, (name, files)) in cases.into_iter().enumerate() {
        let ours = verify(&MemoryStorage::with_files(files.clone()), &VerifyOptions { strict: true, ..VerifyOptions::default() });
        let ours = ours.map(drop).unwrap_err();
        let root = folder.path().join(number.to_string());
        for (path, bytes) in &files {
            let target = root.join(path);
            std::fs::create_dir_all(target.parent().unwrap()).unwrap();
            std::fs::write(target, bytes).unwrap();
        }
        let (ok, said) = run(&root, None);
        assert!(!ok, "{name}: {said}");
        if let VerifyError::Entry { index, .. } = ours
            && !name.contains("hashes too: true")
        {
            assert!(said.contains(&format!("entry {index}: ")), "{name}: {said} {ours}");
        }
    }
}

#[test]
fn what_it_reads_from_a_tar_is_what_we_read() {
    if !present() {
        return;
    }
    let (storage, _) = kept(3);
    let mut tar = Vec::new();
    export_tar(&*storage, None, &mut tar).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("listed.tar");
    std::fs::write(&path, &tar).unwrap();
    let script = "import sys,tarfile\nfor m in tarfile.open(sys.argv[1]).getmembers(): print(m.name, m.size, oct(m.mode), m.mtime)";
    let output = python().args(["-c", script]).arg(&path).output().unwrap();
    let listed = String::from_utf8(output.stdout).unwrap();
    let expected: String =
        open_tar(&tar).unwrap().files().iter().map(|(path, bytes)| format!("{path} {} 0o644 0\n", bytes.len())).collect();
    assert_eq!(listed, expected);
}

/// Files by path.
type Files = BTreeMap<String, Vec<u8>>;

/// A pack of these entries of a ledger with imports.
fn packed(ledger: &Ledger, chosen: &[u64]) -> (Files, Vec<u8>, BTreeSet<u64>) {
    let mut tar = Vec::new();
    let more = BTreeMap::from([("README.md".to_owned(), b"read me".to_vec())]);
    let reader = ledger.reader().unwrap();
    let packed = pack_tar(&reader, &chosen.iter().copied().collect(), &json!({ "controls": [] }), &more, &mut tar).unwrap();
    (open_tar(&tar).unwrap().files(), tar, packed.records)
}

#[test]
fn it_accepts_packs() {
    if !present() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    // The seventh and the ninth entry of five came from elsewhere; the import before each of them comes along.
    for (count, chosen, with_imports) in [
        (5, vec![0, 3], vec![0, 3]),
        (5, vec![6], vec![5, 6]),
        (5, vec![4, 6, 9], vec![4, 5, 6, 8, 9]),
        (600, vec![0, 255, 256, 599], vec![0, 255, 256, 599]),
    ] {
        let (_, ledger) = kept(count);
        let (_, tar, records) = packed(&ledger, &chosen);
        assert_eq!(records.into_iter().collect::<Vec<_>>(), with_imports);
        let path = folder.path().join("pack.tar");
        std::fs::write(&path, &tar).unwrap();
        let (ok, said) = run(&path, Some(&ledger.key().to_string()));
        assert!(ok, "{said}");
        let reader = ledger.reader().unwrap();
        let expected =
            format!("OK: {} chosen records of a log of {} entries, root {}", with_imports.len(), reader.size(), reader.checkpoint().root);
        assert!(said.contains(&expected), "{said}");
        assert!(!run(&path, Some("other+00000000+AA==")).0);
    }
}

#[test]
fn it_refuses_packs_that_were_changed() {
    if !present() {
        return;
    }
    let (_, ledger) = kept(5);
    let (files, _, _) = packed(&ledger, &[1, 6]);
    let mut random = fastrand::Rng::with_seed(11);
    let mut cases: Vec<(String, Files)> = Vec::new();
    for path in files.keys() {
        let mut without = files.clone();
        without.remove(path);
        cases.push((format!("{path} removed"), without));
        // What is told about the controls in `pack.json` is signed by nobody; its records and files are checked.
        if path != "pack.json" {
            for _ in 0..3 {
                let mut changed = files.clone();
                let bytes = changed.get_mut(path).unwrap();
                let position = random.usize(..bytes.len());
                bytes[position] ^= 1 << random.u32(..8);
                cases.push((format!("a bit of byte {position} of {path}"), changed));
            }
        }
    }
    let mut add = |name: &str, change: &dyn Fn(&mut Files)| {
        let mut changed = files.clone();
        change(&mut changed);
        cases.push((name.to_owned(), changed));
    };
    add("a stray file", &|files| drop(files.insert("stray".into(), vec![1])));
    add("two records swapped", &|files| {
        let (one, six) = (files["records/1.json"].clone(), files["records/6.json"].clone());
        files.insert("records/1.json".into(), six);
        files.insert("records/6.json".into(), one);
    });
    add("two receipts swapped", &|files| {
        let (one, six) = (files["receipts/1.tlog-proof"].clone(), files["receipts/6.tlog-proof"].clone());
        files.insert("receipts/1.tlog-proof".into(), six);
        files.insert("receipts/6.tlog-proof".into(), one);
    });
    let listed = |files: &mut Files, change: &dyn Fn(&mut serde_json::Value)| {
        let mut pack: serde_json::Value = serde_json::from_slice(&files["pack.json"]).unwrap();
        change(&mut pack);
        files.insert("pack.json".into(), pack.to_string().into_bytes());
    };
    // Without the record of its import nobody says whose key signed an imported record.
    add("an import left out", &|files| {
        files.remove("records/5.json");
        files.remove("receipts/5.tlog-proof");
        listed(files, &|pack| drop(pack["records"].as_array_mut().unwrap().remove(1)));
    });
    add("another record with its own digest", &|files| {
        let forged = common::record(1, &*key(5), &common::blobs(1));
        let digest = probity_attest::sha256(&forged).to_string();
        files.insert("records/1.json".into(), forged);
        listed(files, &|pack| pack["records"][0]["sha256"] = digest.clone().into());
    });
    add("a record listed twice", &|files| {
        listed(files, &|pack| {
            let first = pack["records"][0].clone();
            pack["records"].as_array_mut().unwrap().insert(0, first);
        });
    });
    add("a record that is not there", &|files| listed(files, &|pack| pack["records"][0]["index"] = 99.into()));
    // What nothing proves does not lie among what is proved.
    add("a record that only the list of files names", &|files| {
        files.insert("records/2.json".into(), b"{}".to_vec());
        listed(files, &|pack| pack["files"]["records/2.json"] = probity_attest::sha256(b"{}").to_string().into());
    });
    add("another size", &|files| listed(files, &|pack| pack["size"] = 1.into()));
    let folder = tempfile::tempdir().unwrap();
    for (number, (name, files)) in cases.into_iter().enumerate() {
        let root = folder.path().join(number.to_string());
        for (path, bytes) in &files {
            let target = root.join(path);
            std::fs::create_dir_all(target.parent().unwrap()).unwrap();
            std::fs::write(target, bytes).unwrap();
        }
        let (ok, said) = run(&root, None);
        assert!(!ok, "{name}: {said}");
    }
}
