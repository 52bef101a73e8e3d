//! What the tests of the ledger share: small signed records.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, reason = "each test uses a part of it")]

use std::collections::BTreeMap;
use std::sync::Arc;

use probity_attest::statement::{Blob, Decision, Descriptor, Outcome};
use probity_attest::{KeyProvider, SigningKey, sha256};
use probity_core::Timestamp;
use probity_ledger::{Ledger, MemoryStorage, Storage};

/// Name of the logs under test.
pub const ORIGIN: &str = "example.com/ledger";

/// The same key for the same number.
pub fn key(number: u8) -> Arc<SigningKey> {
    Arc::new(SigningKey::from_seed(&[number; 32]).unwrap())
}

/// A record that says `number`, and names these blobs.
pub fn record(number: u64, key: &dyn KeyProvider, blobs: &[Vec<u8>]) -> Vec<u8> {
    let decision = Decision {
        subjects: vec![Descriptor::sha256(format!("subject {number}"), sha256(&number.to_be_bytes()))],
        verifier: "https://probity.dev/gate/v1".into(),
        versions: BTreeMap::new(),
        time: Timestamp { seconds: 1_769_860_800, nanoseconds: 0 },
        resource_uri: "file:test".into(),
        policy: Descriptor::sha256("policies", sha256(b"policies")),
        input_attestations: vec![],
        outcome: if number.is_multiple_of(2) { Outcome::Passed } else { Outcome::Failed },
        verified_levels: vec![],
        blobs: blobs.iter().map(|blob| Blob { name: "manifest".into(), digest: sha256(blob), size: blob.len() as u64 }).collect(),
        probity: serde_json::Map::new(),
    };
    decision.to_statement().unwrap().sign(key).unwrap()
}

/// The blobs of the record with this number: one of its own, and for every third one that several share.
pub fn blobs(number: u64) -> Vec<Vec<u8>> {
    let own = format!("manifest {number}").into_bytes();
    if number.is_multiple_of(3) { vec![own, b"shared".to_vec()] } else { vec![own] }
}

/// Appends the record with this number.
pub fn append(ledger: &mut Ledger, number: u64, key: &dyn KeyProvider) -> Result<probity_ledger::Receipt, probity_ledger::AppendError> {
    let blobs = blobs(number);
    ledger.append(record(number, key, &blobs), blobs)
}

/// A ledger on this storage with that many records more.
pub fn filled(storage: Arc<dyn Storage>, key: &Arc<SigningKey>, count: u64) -> Ledger {
    let signer: Arc<dyn KeyProvider> = Arc::clone(key) as _;
    let mut ledger = Ledger::open_or_create(storage, signer, ORIGIN).unwrap();
    for number in 0..count {
        append(&mut ledger, number, &**key).unwrap();
    }
    ledger
}

/// A ledger in memory with that many records.
pub fn in_memory(count: u64) -> (Arc<MemoryStorage>, Ledger) {
    let storage = Arc::new(MemoryStorage::new());
    let ledger = filled(Arc::clone(&storage) as _, &key(1), count);
    (storage, ledger)
}
