//! Group commit: many threads, one log, one receipt each.
#![allow(clippy::disallowed_methods, reason = "a test touches the world on purpose")]
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use common::{ORIGIN, blobs, key, record};
use probity_ledger::{
    AppendError, Fault, FaultyStorage, FolderStorage, GroupCommit, GroupLimits, Ledger, MemoryStorage, Storage, VerifyOptions, verify,
};

fn start(storage: Arc<dyn Storage>, limits: GroupLimits) -> GroupCommit {
    GroupCommit::start(Ledger::open_or_create(storage, key(1), ORIGIN).unwrap(), limits).unwrap()
}

fn given(number: u64) -> (Vec<u8>, Vec<Vec<u8>>) {
    let blobs = blobs(number);
    (record(number, &*key(1), &blobs), blobs)
}

/// Eight threads, each with its records in order; gives how many checkpoints they came under.
fn many(storage: Arc<dyn Storage>, limits: GroupLimits) -> usize {
    let group = start(Arc::clone(&storage), limits);
    let told: Vec<(u64, probity_ledger::Receipt)> = std::thread::scope(|scope| {
        let each = |thread: u64| {
            let group = &group;
            move || -> Vec<_> {
                let numbers = thread * 1000..thread * 1000 + 100;
                numbers.map(|number| (number, group.append(given(number).0, given(number).1).unwrap())).collect()
            }
        };
        let threads: Vec<_> = (0..8).map(|thread| scope.spawn(each(thread))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let ledger = group.finish().unwrap();
    let reader = ledger.reader().unwrap();
    assert_eq!((reader.size(), told.len()), (800, 800));
    let mut by_place = BTreeMap::new();
    let mut last = BTreeMap::new();
    for (number, receipt) in &told {
        let bytes = record(*number, &*key(1), &blobs(*number));
        receipt.proof.verify(&bytes, ledger.key()).unwrap();
        assert_eq!(reader.entry(receipt.index).unwrap(), bytes);
        assert_eq!(reader.root_at(receipt.checkpoint.size).unwrap(), receipt.checkpoint.root);
        assert_eq!(by_place.insert(receipt.index, number), None);
        let before = last.insert(number / 1000, receipt.index);
        assert!(before < Some(receipt.index), "a thread's records stand in its order");
    }
    let report = verify(&*storage, &VerifyOptions { key: Some(key(1).verifying_key()), ..VerifyOptions::default() }).unwrap();
    assert_eq!((report.checkpoint.size, report.leftovers.len()), (800, 0));
    let mut sizes: Vec<u64> = told.iter().map(|(_, receipt)| receipt.checkpoint.size).collect();
    sizes.sort_unstable();
    sizes.dedup();
    sizes.len()
}

#[test]
fn many_threads_append_at_once() {
    many(Arc::new(MemoryStorage::new()), GroupLimits::default());
    let together =
        many(Arc::new(MemoryStorage::new()), GroupLimits { delay: Duration::from_secs(3600), entries: 8, ..GroupLimits::default() });
    assert_eq!(together, 100, "with all eight waiting, a batch of eight is full");
    let single = many(Arc::new(MemoryStorage::new()), GroupLimits { entries: 1, ..GroupLimits::default() });
    assert_eq!(single, 800);
    many(Arc::new(MemoryStorage::new()), GroupLimits { bytes: 1, ..GroupLimits::default() });
    many(Arc::new(MemoryStorage::new()), GroupLimits { waiting: 1, ..GroupLimits::default() });
    let folder = tempfile::tempdir().unwrap();
    many(Arc::new(FolderStorage::new(folder.path())), GroupLimits::default());
}

#[test]
fn two_groups_share_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let groups: Vec<_> = (0..2).map(|_| start(Arc::new(FolderStorage::new(folder.path())), GroupLimits::default())).collect();
    std::thread::scope(|scope| {
        for (first, group) in (0..).zip(&groups) {
            scope.spawn(move || {
                group.append_all((first * 500..first * 500 + 300).map(given).collect()).into_iter().for_each(|done| drop(done.unwrap()))
            });
        }
    });
    drop(groups);
    let report = verify(&FolderStorage::new(folder.path()), &VerifyOptions::default()).unwrap();
    assert_eq!(report.checkpoint.size, 600);
}

#[test]
fn a_record_comes_in_once() {
    let storage = Arc::new(MemoryStorage::new());
    let group = start(Arc::clone(&storage) as _, GroupLimits::default());
    let first = group.append_all((0..700).chain(0..700).map(given).collect());
    let places: Vec<u64> = first.into_iter().map(|receipt| receipt.unwrap().index).collect();
    assert_eq!(places[..700], places[700..]);
    let ledger = group.finish().unwrap();
    // Whoever comes anew looks back as far.
    let group = GroupCommit::start(ledger, GroupLimits::default()).unwrap();
    for number in [0, 255, 256, 699] {
        let receipt = group.append(given(number).0, given(number).1).unwrap();
        assert_eq!(receipt.index, number);
        receipt.proof.verify(&given(number).0, group.key()).unwrap();
    }
    let ledger = group.finish().unwrap();
    assert_eq!(ledger.reader().unwrap().size(), 700);
}

#[test]
fn a_large_batch_whose_answer_was_lost_can_be_given_again() {
    let all: Vec<_> = (0..1200).map(given).collect();
    let run = |fault: Option<u64>| {
        let storage = Arc::new(FaultyStorage::new(Arc::new(MemoryStorage::new())));
        let group = start(Arc::clone(&storage) as _, GroupLimits::default());
        storage.set(fault.map(Fault::ReplyLost));
        let failed = group.append_all(all.clone()).iter().filter(|receipt| receipt.is_err()).count();
        storage.set(None);
        let mut places: Vec<u64> = group.append_all(all.clone()).into_iter().map(|receipt| receipt.unwrap().index).collect();
        places.sort_unstable();
        assert_eq!(places, (0..1200).collect::<Vec<_>>(), "each has one place");
        assert_eq!(group.finish().unwrap().reader().unwrap().size(), 1200);
        (storage.calls(), failed)
    };
    let (calls, _) = run(None);
    let failures: usize = (8..calls).step_by(293).map(|at| run(Some(at)).1).sum();
    assert!(failures > 0, "no batch failed, so nothing was tried");
}

#[test]
fn what_is_wrong_is_refused_before_it_waits() {
    let group = start(Arc::new(MemoryStorage::new()), GroupLimits::default());
    assert!(matches!(group.append(b"{}".to_vec(), vec![]), Err(AppendError::Record(_))));
    assert!(matches!(group.append(record(9, &*key(2), &[]), vec![]), Err(AppendError::Record(_))));
    assert!(matches!(group.append(record(9, &*key(1), &[b"x".to_vec()]), vec![]), Err(AppendError::MissingBlob(_))));
    let mixed = group.append_all(vec![given(1), (b"{}".to_vec(), vec![]), given(2)]);
    assert_eq!(mixed.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true]);
    assert_eq!(group.finish().unwrap().reader().unwrap().size(), 2);
}

#[test]
fn dropping_it_writes_what_waits() {
    let storage = Arc::new(MemoryStorage::new());
    let group = start(Arc::clone(&storage) as _, GroupLimits { delay: Duration::from_secs(3600), ..GroupLimits::default() });
    let waiting: Vec<_> = (0..3).map(|number| group.submit(given(number).0, given(number).1).unwrap()).collect();
    drop(group);
    for (number, pending) in (0..).zip(waiting) {
        assert_eq!(pending.wait().unwrap().index, number);
    }
    assert_eq!(verify(&*storage, &VerifyOptions::default()).unwrap().checkpoint.size, 3);
}

#[test]
fn one_caller_appends_many_under_one_checkpoint() {
    let storage = Arc::new(MemoryStorage::new());
    let mut ledger = Ledger::open_or_create(Arc::clone(&storage) as _, key(1), ORIGIN).unwrap();
    let receipts = ledger.append_all((0..300).chain([7]).map(given).collect()).unwrap();
    assert_eq!(receipts.last().unwrap().index, 7);
    for (number, receipt) in (0..300).zip(&receipts) {
        assert_eq!((receipt.index, receipt.checkpoint.size), (number, 300));
        receipt.proof.verify(&given(number).0, ledger.key()).unwrap();
    }
    let refused = ledger.append_all(vec![given(301), (b"{}".to_vec(), vec![])]);
    assert!(matches!(refused, Err(AppendError::Record(_))));
    assert_eq!(ledger.reader().unwrap().size(), 300, "all or none");
    assert_eq!(ledger.append_all(Vec::new()).unwrap(), []);
}
