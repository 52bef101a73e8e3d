//! Every change of a byte that has a meaning is refused, and so is every entry that is removed, added or moved; the first bad one is named.
#![allow(clippy::disallowed_methods, reason = "a test touches the world on purpose")]
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;

use common::{append, in_memory, key};
use probity_attest::note::Checkpoint;
use probity_core::Timestamp;
use probity_ledger::{Ledger, MemoryStorage, VerifyError, VerifyOptions, merkle, tile, verify};

type Files = BTreeMap<String, Vec<u8>>;

/// Three records, an import record, and two records of another ledger.
fn small() -> Files {
    let (storage, mut ledger) = in_memory(3);
    let runner_storage = Arc::new(MemoryStorage::new());
    let mut runner = Ledger::open_or_create(Arc::clone(&runner_storage) as _, key(2), "runner.example/1").unwrap();
    append(&mut runner, 100, &*key(2)).unwrap();
    append(&mut runner, 101, &*key(2)).unwrap();
    ledger.append_from(&*runner_storage, None, Timestamp { seconds: 1_769_860_800, nanoseconds: 0 }).unwrap();
    storage.files()
}

fn judge(files: Files, options: &VerifyOptions) -> Result<(), VerifyError> {
    verify(&MemoryStorage::with_files(files), options).map(drop)
}

fn given() -> VerifyOptions {
    VerifyOptions { key: Some(key(1).verifying_key()), ..VerifyOptions::default() }
}

#[test]
fn every_bit_of_every_file() {
    let files = small();
    judge(files.clone(), &given()).unwrap();
    let mut count = 0;
    for (path, bytes) in &files {
        for position in 0..bytes.len() {
            for bit in 0..8 {
                let mut changed = files.clone();
                changed.get_mut(path).unwrap()[position] ^= 1 << bit;
                // Without a key given, the signature of the one that the ledger names has to do.
                let options = if path == "log.vkey" || path == "checkpoint" { &VerifyOptions::default() } else { &given() };
                assert!(judge(changed, options).is_err(), "bit {bit} of byte {position} of {path}");
                count += 1;
            }
        }
    }
    assert!(count > 8 * 6 * 1000, "{count}");
}

#[test]
fn every_cut_and_every_byte_more() {
    let files = small();
    for (path, bytes) in &files {
        for length in (0..bytes.len()).step_by(7).chain([bytes.len() - 1]) {
            let mut changed = files.clone();
            changed.get_mut(path).unwrap().truncate(length);
            assert!(judge(changed, &given()).is_err(), "{path} cut to {length}");
        }
        let mut changed = files.clone();
        changed.get_mut(path).unwrap().push(b'\n');
        assert!(judge(changed, &given()).is_err(), "{path} with a byte more");
        let mut changed = files.clone();
        changed.remove(path);
        assert!(judge(changed, &given()).is_err(), "{path} removed");
    }
    for path in ["x", "tile/0/000.p/06", "tile/x", "cas/sha256/zz", "checkpoint.old", "key.pem"] {
        let mut changed = files.clone();
        changed.insert(path.to_owned(), Vec::new());
        assert!(matches!(judge(changed, &given()), Err(VerifyError::Stray(_))), "{path}");
    }
}

#[test]
fn random_bits_of_a_larger_ledger() {
    let (storage, _) = in_memory(300);
    let files = storage.files();
    let random = fastrand::Rng::with_seed(7);
    let mut random = random;
    for _ in 0..60 {
        let mut changed = files.clone();
        let path = random.choice(files.keys().collect::<Vec<_>>()).unwrap();
        let bytes = changed.get_mut(path).unwrap();
        let position = random.usize(..bytes.len());
        bytes[position] ^= 1 << random.u32(..8);
        assert!(judge(changed, &given()).is_err(), "byte {position} of {path}");
    }
}

/// Writes other entries into the files, with all hashes to fit them; the checkpoint stays.
fn rebuilt(files: &Files, entries: &[Vec<u8>], hashes_too: bool) -> Files {
    let mut files = files.clone();
    let size = entries.len() as u64;
    let bundle = tile::partial(tile::TileKind::Entries, size).unwrap();
    files.insert(bundle.to_string(), entries.iter().flat_map(|entry| tile::frame(entry).unwrap()).collect());
    if hashes_too {
        let leaves: Vec<_> = entries.iter().map(|entry| merkle::leaf_hash(entry)).collect();
        let hashes = tile::partial(tile::TileKind::Hashes(0), size).unwrap();
        files.insert(hashes.to_string(), tile::hash_bytes(&leaves));
    }
    files
}

#[test]
fn entries_removed_added_moved_or_replaced() {
    let (storage, ledger) = in_memory(9);
    let files = storage.files();
    let entries: Vec<Vec<u8>> = ledger.reader().unwrap().entries().map(|entry| entry.unwrap().1).collect();
    let foreign = common::record(50, &*key(2), &[]);
    let own = common::record(50, &*key(1), &[]);
    let check = |entries: &[Vec<u8>], hashes_too, first: Option<u64>| {
        let error = judge(rebuilt(&files, entries, hashes_too), &given()).unwrap_err();
        if first.is_some() {
            assert_eq!(error.first_bad_entry(), first, "{error}");
        }
    };
    for index in 0..9_u64 {
        let place = usize::try_from(index).unwrap();
        let with = |change: &dyn Fn(&mut Vec<Vec<u8>>)| {
            let mut changed = entries.clone();
            change(&mut changed);
            changed
        };
        // The number of entries stays, so that the files have the right names.
        check(
            &with(&|all| {
                all.remove(place);
                all.push(own.clone());
            }),
            false,
            Some(index),
        );
        check(
            &with(&|all| {
                all.insert(place, own.clone());
                all.pop();
            }),
            false,
            Some(index),
        );
        check(&with(&|all| all[place] = own.clone()), false, Some(index));
        check(&with(&|all| all[place] = own.clone()), true, None);
        check(&with(&|all| all[place] = foreign.clone()), true, Some(index));
        if place > 0 {
            check(&with(&|all| all.swap(place - 1, place)), false, Some(index - 1));
            check(&with(&|all| all.swap(place - 1, place)), true, None);
        }
    }
    // With another number of entries the files of the right names are missing or left as they were.
    for (removed, hashes_too) in [(0, true), (8, true), (4, false)] {
        let mut changed = entries.clone();
        changed.remove(removed);
        let mut files = rebuilt(&files, &changed, hashes_too);
        files.remove("tile/entries/000.p/9");
        files.remove("tile/0/000.p/9");
        assert!(judge(files, &given()).is_err());
    }
}

#[test]
fn who_holds_another_key_cannot_sign_a_history_of_his_own() {
    let (storage, ledger) = in_memory(5);
    let mut entries: Vec<Vec<u8>> = ledger.reader().unwrap().entries().map(|entry| entry.unwrap().1).collect();
    entries.remove(2);
    entries.push(common::record(50, &*key(1), &[]));
    let mut files = rebuilt(&storage.files(), &entries, true);
    let leaves: Vec<_> = entries.iter().map(|entry| merkle::leaf_hash(entry)).collect();
    let checkpoint = Checkpoint { origin: common::ORIGIN.into(), size: 5, root: merkle::root(&leaves) };
    files.insert("checkpoint".into(), checkpoint.sign(&*key(3)).unwrap().into_bytes());
    assert!(judge(files.clone(), &VerifyOptions::default()).is_err());
    let name = probity_attest::note::VerifierKey::new(common::ORIGIN, key(3).verifying_key()).unwrap();
    files.insert("log.vkey".into(), format!("{name}\n").into_bytes());
    assert!(judge(files.clone(), &given()).is_err(), "another key than asked for");
    let error = judge(files, &VerifyOptions::default()).unwrap_err();
    assert_eq!(error.first_bad_entry(), Some(0), "its records are signed by a key that is not the log's: {error}");
}

#[test]
fn any_bytes_in_any_file_do_no_harm() {
    let files = small();
    let mut random = fastrand::Rng::with_seed(11);
    for _ in 0..300 {
        let mut changed = files.clone();
        let path = random.choice(files.keys().collect::<Vec<_>>()).unwrap();
        let bytes: Vec<u8> = (0..random.usize(..600)).map(|_| random.u8(..)).collect();
        changed.insert(path.clone(), bytes);
        assert!(judge(changed, &given()).is_err(), "{path}");
    }
}
