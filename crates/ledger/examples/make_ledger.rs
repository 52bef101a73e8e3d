//! Makes a ledger with some records and an export of it, to try verifiers on: `make_ledger FOLDER COUNT`, then `FOLDER/ledger`,
//! `FOLDER/export.tar` and `FOLDER/last.tlog-proof`. The key is made for it and kept in `FOLDER/key.pem`.
#![allow(clippy::disallowed_methods, reason = "a developer's tool")]
#![allow(clippy::print_stdout, reason = "an example talks to whoever runs it")]

use std::collections::BTreeMap;
use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use probity_attest::statement::{Blob, Decision, Descriptor, Outcome};
use probity_attest::{KeyProvider, sha256};
use probity_core::Timestamp;
use probity_ledger::{FolderStorage, Ledger, VerifyOptions, export_tar, load_or_create_key, verify};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().ok_or("usage: make_ledger FOLDER COUNT")?);
    let count: u32 = arguments.next().ok_or("usage: make_ledger FOLDER COUNT")?.parse()?;
    let key = Arc::new(load_or_create_key(&folder.join("key.pem"))?.key);
    let signer: Arc<dyn KeyProvider> = Arc::clone(&key) as _;
    let storage = Arc::new(FolderStorage::new(folder.join("ledger")));
    let mut ledger = Ledger::open_or_create(Arc::clone(&storage) as _, signer, "example.com/tried")?;
    let begun = Instant::now();
    for number in 0..count {
        let manifest = format!("{{\"number\":{number}}}").into_bytes();
        let decision = Decision {
            subjects: vec![Descriptor::sha256(format!("subject {number}"), sha256(&number.to_be_bytes()))],
            verifier: "https://probity.dev/gate/v1".to_owned(),
            versions: BTreeMap::new(),
            time: Timestamp { seconds: 1_769_860_800 + i64::from(number), nanoseconds: 0 },
            resource_uri: "file:example".to_owned(),
            policy: Descriptor::sha256("policies", sha256(b"policies")),
            input_attestations: Vec::new(),
            outcome: Outcome::Passed,
            verified_levels: Vec::new(),
            blobs: vec![Blob { name: "manifest".to_owned(), digest: sha256(&manifest), size: manifest.len() as u64 }],
            probity: serde_json::Map::new(),
        };
        let receipt = ledger.append(decision.to_statement()?.sign(&*key)?, vec![manifest])?;
        std::fs::write(folder.join("last.tlog-proof"), receipt.proof.to_text())?;
    }
    println!("appended {count} records in {:?}", begun.elapsed());
    export_tar(&*storage, Some(ledger.key()), &mut std::fs::File::create(folder.join("export.tar"))?)?;
    let begun = Instant::now();
    let report = verify(&*storage, &VerifyOptions { key: Some(key.verifying_key()), ..VerifyOptions::default() })?;
    println!("verified {} records in {:?}", report.checkpoint.size, begun.elapsed());
    println!("key {}", ledger.key());
    Ok(())
}
