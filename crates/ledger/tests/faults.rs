//! A storage that fails at every single call, in both ways: nothing acknowledged is lost, and no two heads of one size are ever written.
#![allow(clippy::disallowed_methods, reason = "a test touches the world on purpose")]
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use common::{ORIGIN, append, blobs, key, record};
use probity_attest::note::{Checkpoint, VerifierKey};
use probity_core::Timestamp;
use probity_ledger::{
    AppendError, CHECKPOINT, Fault, FaultyStorage, GroupCommit, GroupLimits, Ledger, Lock, MemoryStorage, Receipt, Storage, StorageError,
    VerifyOptions, verify,
};

/// Notes every head that is written.
struct Heads {
    inner: MemoryStorage,
    heads: Mutex<Vec<String>>,
}

impl Storage for Heads {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, StorageError> {
        self.inner.read(path)
    }
    fn write(&self, path: &str, bytes: &[u8]) -> Result<(), StorageError> {
        if path == CHECKPOINT {
            self.heads.lock().unwrap().push(String::from_utf8(bytes.to_vec()).unwrap());
        }
        self.inner.write(path, bytes)
    }
    fn remove(&self, path: &str) -> Result<(), StorageError> {
        self.inner.remove(path)
    }
    fn list(&self, prefix: &str) -> Result<Vec<String>, StorageError> {
        self.inner.list(prefix)
    }
    fn lock(&self) -> Result<Box<dyn Lock>, StorageError> {
        self.inner.lock()
    }
    fn place(&self) -> String {
        self.inner.place()
    }
}

/// How a caller goes on after a failure.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Then {
    TryAgain,
    OpenAgain,
    GiveUp,
}

/// A ledger of `begun` records, then six more, one of them twice, and an import, on a storage that fails once. Gives the calls it took.
fn run(begun: &MemoryStorage, fault: Option<Fault>, then: Then) -> u64 {
    let heads = Arc::new(Heads { inner: MemoryStorage::with_files(begun.files()), heads: Mutex::default() });
    let first = begun.read(CHECKPOINT).unwrap().map(|bytes| String::from_utf8(bytes).unwrap());
    heads.heads.lock().unwrap().extend(first);
    let faulty = Arc::new(FaultyStorage::new(Arc::clone(&heads) as _));
    faulty.set(fault);
    let open = || Ledger::open_or_create(Arc::clone(&faulty) as _, key(1), ORIGIN);
    let runner = Arc::new(MemoryStorage::new());
    let mut other = common::filled(Arc::clone(&runner) as _, &key(2), 0);
    (500..503).for_each(|number| drop(append(&mut other, number, &*key(2)).unwrap()));
    let mut acknowledged: Vec<(u64, Receipt)> = Vec::new();
    let mut failures = 0;
    let mut ledger = open();
    for number in [1000, 1001, 1002, 1002, 1003, 1004] {
        for _ in 0..3 {
            let result = match &mut ledger {
                Ok(ledger) => append(ledger, number, &*key(1)),
                Err(_) => Err(AppendError::Full),
            };
            match result {
                Ok(receipt) => {
                    acknowledged.push((number, receipt));
                    break;
                }
                Err(_) => failures += 1,
            }
            if then == Then::OpenAgain || ledger.is_err() {
                ledger = open();
            }
            if then == Then::GiveUp {
                break;
            }
        }
    }
    let now = Timestamp { seconds: 1_769_860_800, nanoseconds: 0 };
    let other = ledger.as_mut().map_err(|_| ()).and_then(|ledger| ledger.append_from(&*runner, None, now).map_err(|_| ()));
    failures += u64::from(other.is_err());
    let imported = other.map_or_else(|()| Vec::new(), |imported| imported.receipts);
    let said = format!("{fault:?}, {then:?}");
    check(&heads, &said, &acknowledged, &imported);
    if then != Then::GiveUp {
        assert_eq!(acknowledged.len(), 6, "{said}: every record came through in the end");
    }
    assert!(
        failures <= 1 || matches!(fault, Some(Fault::Full(_) | Fault::ReadOnly)) || then == Then::GiveUp,
        "{said}: {failures} failures"
    );
    faulty.calls()
}

/// Three threads append by group commit, each its own records one after the other, those of the second in one go, and all try once more
/// what failed. Gives the calls it took.
fn run_group(begun: &MemoryStorage, fault: Option<Fault>) -> u64 {
    let heads = Arc::new(Heads { inner: MemoryStorage::with_files(begun.files()), heads: Mutex::default() });
    let first = begun.read(CHECKPOINT).unwrap().map(|bytes| String::from_utf8(bytes).unwrap());
    heads.heads.lock().unwrap().extend(first);
    let faulty = Arc::new(FaultyStorage::new(Arc::clone(&heads) as _));
    let ledger = Ledger::open_or_create(Arc::clone(&faulty) as _, key(1), ORIGIN).unwrap();
    faulty.set(fault.map(|fault| match fault {
        Fault::NotDone(at) => Fault::NotDone(faulty.calls() + at),
        Fault::ReplyLost(at) => Fault::ReplyLost(faulty.calls() + at),
        other => other,
    }));
    let opened = faulty.calls();
    let group =
        GroupCommit::start(ledger, GroupLimits { entries: 5, delay: Duration::from_micros(200), ..GroupLimits::default() }).unwrap();
    static GIVEN: LazyLock<BTreeMap<u64, Vec<u8>>> =
        LazyLock::new(|| (1000..2012).map(|number| (number, record(number, &*key(1), &blobs(number)))).collect());
    let given = |number| (GIVEN[&number].clone(), blobs(number));
    let one_by_one = |numbers: std::ops::Range<u64>| -> Vec<(u64, Receipt)> {
        let again = |number| (0..2).find_map(|_| group.append(given(number).0, given(number).1).ok());
        numbers.filter_map(|number| again(number).map(|receipt| (number, receipt))).collect()
    };
    let together = |numbers: std::ops::Range<u64>| -> Vec<(u64, Receipt)> {
        let mut done = BTreeMap::new();
        for _ in 0..2 {
            let left: Vec<u64> = numbers.clone().filter(|number| !done.contains_key(number)).collect();
            let receipts = group.append_all(left.iter().map(|number| given(*number)).collect());
            done.extend(left.into_iter().zip(receipts).filter_map(|(number, receipt)| Some((number, receipt.ok()?))));
        }
        done.into_iter().collect()
    };
    let acknowledged: Vec<(u64, Receipt)> = std::thread::scope(|scope| {
        let threads =
            [scope.spawn(|| one_by_one(1000..1006)), scope.spawn(|| together(2000..2012)), scope.spawn(|| one_by_one(1003..1009))];
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let calls = faulty.calls() - opened;
    let said = format!("group commit, {fault:?}");
    check(&heads, &said, &acknowledged, &[]);
    if !matches!(fault, Some(Fault::Full(_) | Fault::ReadOnly)) {
        assert_eq!(acknowledged.len(), 24, "{said}: every record came through in the end");
    }
    for (number, receipt) in &acknowledged {
        let same = acknowledged.iter().filter(|(other, _)| other == number);
        assert!(same.into_iter().all(|(_, other)| other.index == receipt.index), "{said}: record {number} has one place");
    }
    calls
}

fn check(heads: &Heads, said: &str, acknowledged: &[(u64, Receipt)], imported: &[Receipt]) {
    let name = VerifierKey::new(ORIGIN, key(1).verifying_key()).unwrap();
    let report = verify(&heads.inner, &VerifyOptions { key: Some(name.key()), ..VerifyOptions::default() });
    let report = report.unwrap_or_else(|error| panic!("{said}: {error}"));
    let reader = probity_ledger::LogReader::open(&heads.inner, Some(&name)).unwrap();
    for (number, receipt) in acknowledged {
        let expected = record(*number, &*key(1), &blobs(*number));
        assert_eq!(reader.entry(receipt.index).unwrap(), expected, "{said}: record {number} was acknowledged");
        receipt.proof.verify(&expected, &name).unwrap();
    }
    for receipt in imported {
        receipt.proof.verify(&reader.entry(receipt.index).unwrap(), &name).unwrap();
    }
    // No record is there twice, also where its writer tried again.
    let mut seen = BTreeMap::new();
    for entry in reader.entries() {
        let (index, bytes) = entry.unwrap();
        assert_eq!(seen.insert(bytes, index), None, "{said}: entry {index} is there twice");
    }
    let mut by_size: BTreeMap<u64, String> = BTreeMap::new();
    for note in heads.heads.lock().unwrap().iter() {
        let checkpoint = Checkpoint::open(note, &name).unwrap();
        let before = by_size.insert(checkpoint.size, note.clone());
        assert!(before.is_none_or(|before| before == *note), "{said}: two heads of size {}", checkpoint.size);
        assert_eq!(reader.root_at(checkpoint.size).unwrap(), checkpoint.root, "{said}: the head of size {} was left", checkpoint.size);
    }
    assert!(by_size.contains_key(&report.checkpoint.size));
}

#[test]
fn at_every_call() {
    let empty = MemoryStorage::new();
    for at in 0..run(&empty, None, Then::TryAgain) {
        for then in [Then::TryAgain, Then::OpenAgain, Then::GiveUp] {
            run(&empty, Some(Fault::NotDone(at)), then);
            run(&empty, Some(Fault::ReplyLost(at)), then);
        }
    }
}

#[test]
fn at_every_call_over_the_end_of_a_bundle() {
    // Here tiles of two levels change, and partial tiles end.
    let (begun, _) = common::in_memory(253);
    for at in 0..run(&begun, None, Then::TryAgain) {
        run(&begun, Some(Fault::NotDone(at)), Then::TryAgain);
        run(&begun, Some(Fault::ReplyLost(at)), Then::OpenAgain);
    }
}

#[test]
fn at_every_call_of_group_commit() {
    for begun in [MemoryStorage::new(), MemoryStorage::with_files(common::in_memory(253).0.files())] {
        // How many calls there are depends on who comes together with whom.
        for at in 0..run_group(&begun, None) {
            run_group(&begun, Some(Fault::NotDone(at)));
            run_group(&begun, Some(Fault::ReplyLost(at)));
        }
    }
    for limit in (0..60_000).step_by(4_999) {
        run_group(&MemoryStorage::new(), Some(Fault::Full(limit)));
    }
    run_group(&MemoryStorage::new(), Some(Fault::ReadOnly));
}

#[test]
fn on_a_full_disk_and_a_read_only_one() {
    let (begun, _) = common::in_memory(3);
    for limit in (0..30_000).step_by(997) {
        run(&begun, Some(Fault::Full(limit)), Then::GiveUp);
    }
    run(&begun, Some(Fault::ReadOnly), Then::GiveUp);
    let storage = Arc::new(FaultyStorage::new(Arc::new(MemoryStorage::new())));
    let mut ledger = common::filled(Arc::clone(&storage) as _, &key(1), 3);
    storage.set(Some(Fault::Full(0)));
    let error = append(&mut ledger, 9, &*key(1)).unwrap_err();
    let AppendError::Storage(StorageError::Io { source, .. }) = &error else { panic!("{error}") };
    assert_eq!(source.kind(), std::io::ErrorKind::StorageFull);
    storage.set(None);
    assert_eq!(append(&mut ledger, 9, &*key(1)).unwrap().index, 3, "it goes on when there is room again");
}
