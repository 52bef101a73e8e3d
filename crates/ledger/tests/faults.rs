//! A storage that fails at every single call, in both ways: nothing acknowledged is lost, and no two heads of one size are ever written.
#![allow(clippy::disallowed_methods, reason = "a test touches the world on purpose")]
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use common::{ORIGIN, append, blobs, key, record};
use probity_attest::note::{Checkpoint, VerifierKey};
use probity_core::Timestamp;
use probity_ledger::{
    AppendError, CHECKPOINT, Fault, FaultyStorage, Ledger, Lock, MemoryStorage, Receipt, Storage, StorageError, VerifyOptions, verify,
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
    check(&heads, fault, &acknowledged, &imported, then, failures);
    faulty.calls()
}

fn check(heads: &Heads, fault: Option<Fault>, acknowledged: &[(u64, Receipt)], imported: &[Receipt], then: Then, failures: u64) {
    let said = format!("{fault:?}, {then:?}");
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
    if then != Then::GiveUp {
        assert_eq!(acknowledged.len(), 6, "{said}: every record came through in the end");
    }
    assert!(
        failures <= 1 || matches!(fault, Some(Fault::Full(_) | Fault::ReadOnly)) || then == Then::GiveUp,
        "{said}: {failures} failures"
    );
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
