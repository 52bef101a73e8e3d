//! `tools/verify_evidence.py`, which shares no line with us, reaches the same answers. Without Python 3 and its package `cryptography`
//! the tests print that they were skipped.
#![allow(clippy::disallowed_methods, reason = "a test touches the world on purpose")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

mod common;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use common::{append, in_memory, key};
use probity_core::Timestamp;
use probity_ledger::{
    FolderStorage, Ledger, MemoryStorage, VerifyError, VerifyOptions, export_files, export_tar, merkle, open_tar, tile, verify,
};

fn present() -> bool {
    let check = Command::new("python3").args(["-c", "import cryptography"]).stderr(Stdio::null()).status();
    let found = check.is_ok_and(|status| status.success());
    if !found {
        println!("SKIPPED: python3 with the package `cryptography` is not installed, so the independent verifier was not run");
    }
    found
}

fn run(export: &Path, key: Option<&str>) -> (bool, String) {
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tools/verify_evidence.py");
    let mut command = Command::new("python3");
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
    let output = Command::new("python3").args(["-c", script]).arg(&path).output().unwrap();
    let listed = String::from_utf8(output.stdout).unwrap();
    let expected: String =
        open_tar(&tar).unwrap().files().iter().map(|(path, bytes)| format!("{path} {} 0o644 0\n", bytes.len())).collect();
    assert_eq!(listed, expected);
}
