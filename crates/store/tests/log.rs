//! One log in a bucket for many runners, while replies are lost, the store is busy and writes collide for no reason.
#![allow(clippy::disallowed_methods, reason = "a test touches the world on purpose")]
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use probity_attest::note::{Checkpoint, VerifierKey};
use probity_attest::statement::{Blob, Decision, Descriptor, Outcome};
use probity_attest::{KeyProvider, SigningKey, sha256};
use probity_core::Timestamp;
use probity_ledger::{LogReader, MemoryStorage, Receipt, SharedLedger, Storage, StorageError, VerifyOptions, export_files, verify};
use probity_store::{Credentials, ObjectStorage, Reach, S3, S3Place};
use probity_testkit::s3::{Fault, KEY_ID, SECRET, StubS3};

const ORIGIN: &str = "example.com/shared";

fn key() -> Arc<SigningKey> {
    Arc::new(SigningKey::from_seed(&[7; 32]).unwrap())
}

fn storage(stub: &StubS3, prefix: &str) -> Arc<ObjectStorage> {
    let place: S3Place = format!("s3://evidence{prefix}?endpoint={}", stub.endpoint()).parse().unwrap();
    let reach = Reach { deadline: Duration::from_secs(20), pause: Duration::from_millis(2), ..Reach::default() };
    Arc::new(ObjectStorage::new(S3::with(place, Credentials::of_keys(KEY_ID, SECRET), reach.clone()).unwrap(), &reach))
}

fn open(storage: Arc<ObjectStorage>) -> SharedLedger {
    // A store that fails more often than it is asked again may refuse to be opened at first.
    for _ in 0..50 {
        if let Ok(ledger) = SharedLedger::open_or_create(Arc::clone(&storage) as _, key() as Arc<dyn KeyProvider>, ORIGIN) {
            return ledger;
        }
    }
    panic!("the log cannot be opened");
}

fn record(number: u64) -> (Vec<u8>, Vec<Vec<u8>>) {
    let blob = format!("manifest {number}").into_bytes();
    let decision = Decision {
        subjects: vec![Descriptor::sha256(format!("subject {number}"), sha256(&number.to_be_bytes()))],
        verifier: "https://probity.dev/gate/v1".into(),
        versions: BTreeMap::new(),
        time: Timestamp { seconds: 1_769_860_800, nanoseconds: 0 },
        resource_uri: "file:test".into(),
        policy: Descriptor::sha256("policies", sha256(b"policies")),
        input_attestations: vec![],
        outcome: Outcome::Passed,
        verified_levels: vec![],
        blobs: vec![Blob { name: "manifest".into(), digest: sha256(&blob), size: blob.len() as u64 }],
        probity: serde_json::Map::new(),
    };
    (decision.to_statement().unwrap().sign(&*key()).unwrap(), vec![blob])
}

/// Appends until it is acknowledged, as a runner does that tries again.
fn append(ledger: &mut SharedLedger, number: u64) -> Receipt {
    let mut last = None;
    for _ in 0..50 {
        let (record, blobs) = record(number);
        match ledger.append(record, blobs) {
            Ok(receipt) => return receipt,
            Err(error) => last = Some(error),
        }
    }
    panic!("record {number}: {last:?}");
}

/// Everything that must hold of a log that many wrote.
fn check(stub: &StubS3, prefix: &str, acknowledged: &[Receipt], count: u64) {
    let storage = storage(stub, prefix);
    let report = verify(&*storage, &VerifyOptions { key: Some(key().public_key()), ..VerifyOptions::default() }).unwrap();
    assert_eq!(report.checkpoint.size, count);
    let reader = LogReader::open(&*storage, None).unwrap();
    let entries: Vec<_> = reader.entries().map(|entry| sha256(&entry.unwrap().1)).collect();
    assert_eq!(entries.iter().collect::<BTreeSet<_>>().len() as u64, count, "a record is there twice");
    assert_eq!(acknowledged.len() as u64, count);
    for receipt in acknowledged {
        assert_eq!(entries[usize::try_from(receipt.index).unwrap()], receipt.record);
    }
    // The bucket keeps every version: all heads that were ever there lie on one line, and none was replaced by an older one.
    let verifier = VerifierKey::new(ORIGIN, key().public_key()).unwrap();
    for file in ["checkpoint", "lock"] {
        let name = format!("{}{file}", prefix.trim_start_matches('/').to_owned() + if prefix.is_empty() { "" } else { "/" });
        let heads: Vec<Checkpoint> = stub
            .history("evidence", &name)
            .iter()
            .map(|bytes| Checkpoint::open(std::str::from_utf8(bytes).unwrap(), &verifier).unwrap())
            .collect();
        assert_eq!(heads.last(), Some(&report.checkpoint), "{file}");
        assert!(heads.iter().is_sorted_by_key(|head| head.size), "{file}");
        for head in &heads {
            assert_eq!(reader.root_at(head.size).unwrap(), head.root, "{file} of size {}", head.size);
        }
    }
    // Exported, it is a log like any other, without a trace of where it was.
    let exported = MemoryStorage::new();
    export_files(&*storage, None, &exported).unwrap();
    let strict = VerifyOptions { strict: true, key: Some(key().public_key()), ..VerifyOptions::default() };
    assert_eq!(verify(&exported, &strict).unwrap().checkpoint, report.checkpoint);
}

fn bucket() -> StubS3 {
    let stub = StubS3::start().unwrap();
    // With Object Lock, so that every version stays to be looked at.
    storage(&stub, "").store().create_bucket(true).unwrap();
    stub
}

#[test]
fn one_writer_fills_a_tile() {
    let stub = bucket();
    let mut ledger = open(storage(&stub, ""));
    let before = stub.requests().len();
    let receipts: Vec<Receipt> = (0..258).map(|number| append(&mut ledger, number)).collect();
    // What an append costs where nobody else writes: two looks, a blob, what is added, the head, two tiles, the checkpoint, tidying up.
    let each = (stub.requests().len() - before).div_ceil(258);
    assert!(each <= 10, "{each} requests for each append");
    check(&stub, "", &receipts, 258);
    let names = storage(&stub, "").list("tile/entries/").unwrap();
    assert_eq!(names, ["tile/entries/000", "tile/entries/001.p/1", "tile/entries/001.p/2"]);
    assert!(matches!(storage(&stub, "").lock(), Err(StorageError::NoLock(_))));
}

#[test]
fn eight_writers_and_a_store_that_fails() {
    for seed in [1, 2] {
        let stub = bucket();
        stub.chaos(seed, 8);
        let receipts = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for writer in 0..8_u64 {
                let (stub, receipts) = (&stub, &receipts);
                scope.spawn(move || {
                    let mut ledger = open(storage(stub, "/team"));
                    for number in 0..12 {
                        let receipt = append(&mut ledger, writer * 1000 + number);
                        receipts.lock().unwrap().push(receipt);
                    }
                });
            }
        });
        stub.chaos(0, 0);
        assert!(stub.gone_wrong() > 50, "{} requests went wrong", stub.gone_wrong());
        check(&stub, "/team", &receipts.into_inner().unwrap(), 96);
    }
}

#[test]
fn a_store_that_does_not_know_conditions_is_refused() {
    let stub = bucket();
    let mut ledger = open(storage(&stub, "/old"));
    let receipt = append(&mut ledger, 1);
    stub.ignore_conditions();
    for prefix in ["/old", "/new"] {
        let error = SharedLedger::open_or_create(storage(&stub, prefix), key() as Arc<dyn KeyProvider>, ORIGIN).err().unwrap();
        assert!(error.to_string().contains("would fork the log"), "{error}");
    }
    check(&stub, "/old", &[receipt], 1);
}

#[test]
fn a_lost_reply_of_the_head_appends_once() {
    for fault in [Fault::ReplyLost, Fault::NotDone, Fault::Busy, Fault::BusyAfter, Fault::Conflict, Fault::Precondition, Fault::Cut] {
        for file in ["/lock", "/checkpoint", "/tile/0/000.p/2", "/tile/entries/000.p/2"] {
            let stub = bucket();
            let mut ledger = open(storage(&stub, "/log"));
            let first = append(&mut ledger, 1);
            if fault == Fault::Conflict && file.contains("tile") || fault == Fault::Precondition && file.contains("tile") {
                // Writes without a condition do not collide.
                continue;
            }
            stub.fail("PUT", file, fault.clone());
            let (record, blobs) = record(2);
            let second = ledger.append(record, blobs).unwrap_or_else(|error| panic!("{fault:?} at {file}: {error}"));
            check(&stub, "/log", &[first, second], 2);
        }
    }
}
