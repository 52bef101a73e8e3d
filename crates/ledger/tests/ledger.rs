//! A ledger through its public API: append, read, prove, verify, export, import.
#![allow(clippy::disallowed_methods, reason = "a test touches the world on purpose")]
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::sync::Arc;

use common::{ORIGIN, append, blobs, filled, in_memory, key, record};
use probity_attest::KeyProvider;
use probity_attest::note::VerifierKey;
use probity_core::Timestamp;
use probity_ledger::{
    Against, AppendError, FolderStorage, ImportError, Ledger, LogReader, MemoryStorage, OpenError, ReadError, Storage, TlogProof,
    VerifyError, VerifyOptions, export_files, export_tar, merkle, open_tar, verify,
};

const NOW: Timestamp = Timestamp { seconds: 1_769_860_800, nanoseconds: 0 };

fn strict() -> VerifyOptions {
    VerifyOptions { strict: true, key: Some(key(1).verifying_key()), ..VerifyOptions::default() }
}

#[test]
fn every_size_holds_up() {
    let (storage, mut ledger) = in_memory(0);
    assert_eq!(verify(&*storage, &strict()).unwrap().checkpoint.size, 0);
    let mut roots = vec![ledger.reader().unwrap().checkpoint().root];
    for number in 0..600 {
        let receipt = append(&mut ledger, number, &*key(1)).unwrap();
        assert_eq!((receipt.index, receipt.checkpoint.size), (number, number + 1));
        let proof = TlogProof::parse(&receipt.proof.to_text()).unwrap();
        proof.verify(&record(number, &*key(1), &blobs(number)), ledger.key()).unwrap();
        roots.push(receipt.checkpoint.root);
        if number % 37 == 0 || (250..260).contains(&number) || (508..516).contains(&number) {
            let report = verify(&*storage, &strict()).unwrap();
            assert_eq!(report.checkpoint.size, number + 1);
        }
    }
    let reader = ledger.reader().unwrap();
    for (size, root) in (0..).zip(&roots) {
        assert_eq!(reader.root_at(size).unwrap(), *root);
        if let Some(proof) = reader.consistency_proof(size).unwrap() {
            assert!(merkle::verify_consistency(size, 600, &proof, root, &roots[600]));
        }
    }
    for index in [0, 1, 255, 256, 511, 512, 599] {
        assert_eq!(reader.receipt(index).unwrap().record, probity_attest::sha256(&reader.entry(index).unwrap()));
        assert_eq!(reader.find(&reader.receipt(index).unwrap().record).unwrap(), Some(index));
    }
    assert!(matches!(reader.entry(600), Err(ReadError::NoEntry { .. })));
    assert_eq!(reader.entries().count(), 600);
    let names: Vec<String> = storage.list("tile/").unwrap();
    let expected =
        ["tile/0/000", "tile/0/001", "tile/0/002.p/88", "tile/1/000.p/2", "tile/entries/000", "tile/entries/001", "tile/entries/002.p/88"];
    assert_eq!(names, expected);
}

#[test]
fn reading_from_a_place_on() {
    let (_, ledger) = common::in_memory(515);
    let reader = ledger.reader().unwrap();
    let all: Vec<_> = reader.entries().map(Result::unwrap).collect();
    for first in [0, 1, 255, 256, 257, 511, 512, 514, 515, 900] {
        let rest: Vec<_> = reader.entries_from(first).map(Result::unwrap).collect();
        assert_eq!(rest, all[usize::try_from(first).unwrap().min(515)..], "{first}");
    }
}

#[test]
fn opened_again_by_anybody_it_goes_on() {
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::new());
    let mut one = filled(Arc::clone(&storage), &key(1), 0);
    let mut two = filled(Arc::clone(&storage), &key(1), 0);
    for number in 0..20 {
        let ledger = if number % 3 == 0 { &mut one } else { &mut two };
        assert_eq!(append(ledger, number, &*key(1)).unwrap().index, number);
    }
    assert_eq!(verify(&*storage, &strict()).unwrap().checkpoint.size, 20);
}

#[test]
fn the_same_record_is_there_once() {
    let (_, mut ledger) = in_memory(255);
    for number in [255, 255, 254, 0, 256, 256, 255] {
        let before = ledger.reader().unwrap().size();
        let receipt = append(&mut ledger, number, &*key(1)).unwrap();
        // Whoever wrote them knows the last 256 across the end of a bundle.
        assert_eq!(receipt.index, number, "{number} at {before}");
        assert_eq!(receipt.proof.verify(&record(number, &*key(1), &blobs(number)), ledger.key()).unwrap(), receipt.checkpoint);
    }
}

#[test]
fn what_is_no_record_of_this_ledger_is_not_appended() {
    let (storage, mut ledger) = in_memory(3);
    let before = storage.files();
    let mut check = |record: Vec<u8>, blobs: Vec<Vec<u8>>| match ledger.append(record, blobs) {
        Ok(receipt) => panic!("appended as {}", receipt.index),
        Err(error) => error,
    };
    assert!(matches!(check(b"{}".to_vec(), vec![]), AppendError::Record(_)));
    assert!(matches!(check(record(9, &*key(2), &[]), vec![]), AppendError::Record(_)));
    assert!(matches!(check(record(9, &*key(1), &[b"x".to_vec()]), vec![]), AppendError::MissingBlob(_)));
    assert!(matches!(check(record(9, &*key(1), &[]), vec![b"x".to_vec()]), AppendError::UnnamedBlob(_)));
    assert!(matches!(check(vec![b' '; 70_000], vec![]), AppendError::Record(_)));
    assert_eq!(storage.files(), before);
    assert_eq!(
        ledger.append(record(9, &*key(1), &[b"shared".to_vec()]), vec![]).unwrap().index,
        3,
        "a stored blob need not be given again"
    );
}

#[test]
fn another_key_or_name_does_not_open_it() {
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::new());
    filled(Arc::clone(&storage), &key(1), 1);
    let open = |number: u8, origin: &str| Ledger::open_or_create(Arc::clone(&storage), key(number), origin).map(|_| ());
    assert!(matches!(open(2, ORIGIN), Err(OpenError::Read(ReadError::OtherKey { .. }))));
    assert!(matches!(open(1, "example.com/other"), Err(OpenError::Read(ReadError::OtherKey { .. }))));
    assert!(matches!(open(1, "a b"), Err(OpenError::Note(_))));
    assert_eq!(Ledger::open(Arc::clone(&storage), key(1)).map(|ledger| ledger.key().name().to_owned()).unwrap(), ORIGIN);
    assert!(matches!(Ledger::open(Arc::clone(&storage), key(2)), Err(OpenError::Read(ReadError::OtherKey { .. }))));
    assert!(matches!(Ledger::open(Arc::new(MemoryStorage::new()), key(1)), Err(OpenError::Read(ReadError::NoLedger(_)))));
    storage.remove("checkpoint").unwrap();
    assert!(matches!(open(1, ORIGIN), Err(OpenError::LostCheckpoint)));
    assert!(matches!(verify(&*storage, &strict()), Err(VerifyError::Read(ReadError::Missing(_)))));
    assert!(matches!(verify(&MemoryStorage::new(), &strict()), Err(VerifyError::Read(ReadError::NoLedger(_)))));
}

#[test]
fn roll_back_and_fork_are_seen_from_outside_only() {
    let (storage, mut ledger) = in_memory(10);
    let old = storage.files();
    let before = ledger.reader().unwrap().note().to_owned();
    let receipt = append(&mut ledger, 10, &*key(1)).unwrap();
    let after = receipt.checkpoint.clone();
    let held = |storage: &MemoryStorage, against: &str| {
        verify(storage, &VerifyOptions { against: Some(Against::parse(against).unwrap()), ..strict() })
    };
    assert_eq!(held(&storage, &before).unwrap().against, Some(10));
    assert_eq!(held(&storage, &receipt.proof.to_text()).unwrap().against, Some(11));
    let rolled_back = MemoryStorage::with_files(old.clone());
    verify(&rolled_back, &strict()).unwrap();
    assert!(matches!(held(&rolled_back, &receipt.proof.note), Err(VerifyError::RolledBack { size: 10, before: 11 })));
    assert!(matches!(held(&rolled_back, &receipt.proof.to_text()), Err(VerifyError::RolledBack { .. })));
    let forked = Arc::new(MemoryStorage::with_files(old));
    let mut ledger = filled(Arc::clone(&forked) as _, &key(1), 0);
    let other = append(&mut ledger, 99, &*key(1)).unwrap();
    assert_ne!(other.checkpoint.root, after.root);
    assert!(matches!(held(&forked, &receipt.proof.note), Err(VerifyError::Forked(11))));
    assert!(matches!(held(&forked, &receipt.proof.to_text()), Err(VerifyError::Forked(11))));
    let stranger = filled(Arc::new(MemoryStorage::new()), &key(2), 1);
    assert!(matches!(held(&storage, stranger.reader().unwrap().note()), Err(VerifyError::Against(_))));
    let mut wrong = receipt.proof.clone();
    wrong.index = 9;
    assert!(matches!(held(&storage, &wrong.to_text()), Err(VerifyError::Against(_))));
}

#[test]
fn exports_are_the_same_bytes_and_hold_up() {
    for count in [0, 1, 7, 256, 300] {
        let folder = tempfile::tempdir().unwrap();
        let storage: Arc<dyn Storage> = Arc::new(FolderStorage::new(folder.path().join("ledger")));
        let ledger = filled(Arc::clone(&storage), &key(1), count);
        std::fs::write(folder.path().join("ledger/tmp/1-1"), "what a dead writer left").unwrap();
        assert_eq!(verify(&*storage, &VerifyOptions::default()).unwrap().leftovers, ["tmp/1-1"]);
        assert!(matches!(verify(&*storage, &strict()), Err(VerifyError::Stray(_))));
        let (mut one, mut two) = (Vec::new(), Vec::new());
        export_tar(&*storage, Some(ledger.key()), &mut one).unwrap();
        export_tar(&*storage, None, &mut two).unwrap();
        assert_eq!(one, two);
        let opened = open_tar(&one).unwrap();
        let report = verify(&opened, &strict()).unwrap();
        assert_eq!((report.checkpoint.size, report.leftovers.len()), (count, 0));
        let copy = FolderStorage::new(folder.path().join("copy"));
        export_files(&*storage, None, &copy).unwrap();
        assert_eq!(verify(&copy, &strict()).unwrap(), report);
        for (path, bytes) in opened.files() {
            assert_eq!(copy.read(&path).unwrap().unwrap(), bytes);
        }
        assert!(export_files(&*storage, None, &copy).is_err(), "the target is not empty");
        let stranger = VerifierKey::new(ORIGIN, key(2).verifying_key()).unwrap();
        assert!(export_tar(&*storage, Some(&stranger), &mut one).is_err());
    }
}

#[test]
fn records_of_a_runner_go_into_a_kept_ledger() {
    let (kept_storage, mut kept) = in_memory(2);
    let runner_storage: Arc<dyn Storage> = Arc::new(MemoryStorage::new());
    let signer: Arc<dyn KeyProvider> = key(2);
    let mut runner = Ledger::open_or_create(Arc::clone(&runner_storage), signer, "runner.example/1").unwrap();
    for number in 100..103 {
        append(&mut runner, number, &*key(2)).unwrap();
    }
    let imported = kept.append_from(&*runner_storage, Some(&runner.key().clone()), NOW).unwrap();
    assert_eq!((imported.records, imported.size, imported.receipts.len()), (3, 3, 4));
    assert_eq!(kept.append_from(&*runner_storage, None, NOW).unwrap().records, 0, "nothing new");
    append(&mut kept, 2, &*key(1)).unwrap();
    for number in 103..400 {
        append(&mut runner, number, &*key(2)).unwrap();
    }
    let imported = kept.append_from(&*runner_storage, None, NOW).unwrap();
    assert_eq!((imported.records, imported.size), (297, 300));
    let report = verify(&*kept_storage, &strict()).unwrap();
    assert_eq!(report.checkpoint.size, 2 + 1 + 3 + 1 + 1 + 297);
    assert_eq!(report.imported.values().collect::<Vec<_>>(), [&300]);
    assert_eq!(report.keys, [key(1).verifying_key(), key(2).verifying_key()]);
    for receipt in &imported.receipts {
        let bytes = kept.reader().unwrap().entry(receipt.index).unwrap();
        receipt.proof.verify(&bytes, kept.key()).unwrap();
    }
    assert_eq!(LogReader::open(&*kept_storage, None).unwrap().entry(3).unwrap(), runner.reader().unwrap().entry(0).unwrap());
    // A third ledger takes in the second with all that it took in.
    let third_storage: Arc<dyn Storage> = Arc::new(MemoryStorage::new());
    let signer: Arc<dyn KeyProvider> = key(3);
    let mut third = Ledger::open_or_create(Arc::clone(&third_storage), signer, "third.example").unwrap();
    assert_eq!(third.append_from(&*kept_storage, None, NOW).unwrap().records, report.checkpoint.size);
    let third_report = verify(&*third_storage, &VerifyOptions::default()).unwrap();
    assert_eq!((third_report.checkpoint.size, third_report.keys.len()), (report.checkpoint.size + 1, 3));
}

#[test]
fn a_bad_runner_is_not_taken_in() {
    let (kept_storage, mut kept) = in_memory(2);
    let runner_storage = Arc::new(MemoryStorage::new());
    let mut runner = Ledger::open_or_create(Arc::clone(&runner_storage) as _, key(2), "runner.example/1").unwrap();
    append(&mut runner, 100, &*key(2)).unwrap();
    let old = runner_storage.files();
    append(&mut runner, 101, &*key(2)).unwrap();
    let before = kept_storage.files();
    let other_key = VerifierKey::new("runner.example/1", key(9).verifying_key()).unwrap();
    assert!(matches!(kept.append_from(&*runner_storage, Some(&other_key), NOW), Err(ImportError::Verify(_))));
    let other_name = VerifierKey::new("runner.example/2", key(2).verifying_key()).unwrap();
    assert!(matches!(kept.append_from(&*runner_storage, Some(&other_name), NOW), Err(ImportError::Verify(_))));
    let mut broken = runner_storage.files();
    broken.get_mut("tile/entries/000.p/2").unwrap()[9] ^= 1;
    assert!(matches!(kept.append_from(&MemoryStorage::with_files(broken), None, NOW), Err(ImportError::Verify(_))));
    assert_eq!(kept_storage.files(), before);
    kept.append_from(&*runner_storage, None, NOW).unwrap();
    assert!(matches!(kept.append_from(&MemoryStorage::with_files(old.clone()), None, NOW), Err(ImportError::Forked(2))));
    let forked = Arc::new(MemoryStorage::with_files(old));
    let mut fork = Ledger::open_or_create(Arc::clone(&forked) as _, key(2), "runner.example/1").unwrap();
    append(&mut fork, 777, &*key(2)).unwrap();
    append(&mut fork, 778, &*key(2)).unwrap();
    assert!(matches!(kept.append_from(&*forked, None, NOW), Err(ImportError::Forked(2))));
    verify(&*kept_storage, &strict()).unwrap();
}

#[test]
fn a_checkpoint_that_claims_too_much_ends_soon() {
    let (storage, _) = in_memory(3);
    let root = merkle::root(&[]);
    let note = probity_attest::note::Checkpoint { origin: ORIGIN.into(), size: u64::MAX, root }.sign(&*key(1)).unwrap();
    storage.write("checkpoint", note.as_bytes()).unwrap();
    assert!(verify(&*storage, &strict()).is_err());
    assert!(export_tar(&*storage, None, &mut Vec::new()).is_err());
    let reader = LogReader::open(&*storage, None).unwrap();
    assert!(reader.receipt(u64::MAX - 1).is_err() && reader.receipt(0).is_err() && reader.entry(u64::MAX).is_err());
    assert_eq!(reader.entries().filter(Result::is_err).count(), 1);
    assert!(Ledger::open(Arc::clone(&storage) as _, key(1)).is_err());
    let (_, mut kept) = in_memory(0);
    assert!(kept.append_from(&*storage, None, NOW).is_err());
}

#[test]
fn a_reader_sees_its_checkpoint_while_others_append() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("ledger");
    let open = |root: &std::path::Path| filled(Arc::new(FolderStorage::new(root)), &key(1), 0);
    let mut ledger = open(&root);
    append(&mut ledger, 0, &*key(1)).unwrap();
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writers: Vec<_> = [1_000, 2_000]
            .into_iter()
            .map(|first| {
                let mut ledger = open(&root);
                scope.spawn(move || (first..first + 150).for_each(|number| drop(append(&mut ledger, number, &*key(1)).unwrap())))
            })
            .collect();
        scope.spawn(|| {
            let storage = FolderStorage::new(&root);
            while !done.load(std::sync::atomic::Ordering::SeqCst) {
                let reader = LogReader::open(&storage, None).unwrap();
                assert_eq!(reader.entries().filter(Result::is_ok).count() as u64, reader.size());
                reader.receipt(reader.size() / 2).unwrap();
                verify(&storage, &VerifyOptions::default()).unwrap();
            }
        });
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        done.store(true, std::sync::atomic::Ordering::SeqCst);
    });
    assert_eq!(verify(&FolderStorage::new(&root), &strict()).unwrap().checkpoint.size, 301);
}
