//! Trust roots from a repository (TUF) that is made here: what it proves is learnt; what is older, has ended, lacks signatures, has no end or
//! is something else is refused, and what was known before stays.
#![allow(clippy::disallowed_methods, clippy::panic, reason = "a test touches the world on purpose and fails by panicking")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use probity_attest::{KeyProvider as _, SigningKey, sha256};
use probity_core::Timestamp;
use probity_keyless::{Learnt, SigningConfig, TrustError, TrustRepository};
use probity_testkit::services::Instance;
use serde_json::{Value, json};

/// 2026-01-01.
const NOW: Timestamp = Timestamp { seconds: 1_767_225_600, nanoseconds: 0 };
const LATER: &str = "2026-02-01T00:00:00Z";

/// A repository, on this machine.
struct Repository {
    files: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
    endless: Arc<Mutex<Option<String>>>,
    address: SocketAddr,
    /// The keys of root and targets, of which two have to sign, and the one of snapshot and timestamp.
    people: Vec<SigningKey>,
    machine: SigningKey,
}

/// What one state of it holds.
struct Content {
    version: u64,
    ends: &'static str,
    signers: usize,
    root: Vec<u8>,
}

/// Canonical JSON as TUF signs it: members in their order, and only quotation marks and backslashes escaped.
fn canonical(value: &Value) -> String {
    let quoted = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    match value {
        Value::Object(members) => {
            let sorted: BTreeMap<&String, &Value> = members.iter().collect();
            let members: Vec<String> = sorted.iter().map(|(name, value)| format!("{}:{}", quoted(name), canonical(value))).collect();
            format!("{{{}}}", members.join(","))
        }
        Value::Array(all) => format!("[{}]", all.iter().map(canonical).collect::<Vec<_>>().join(",")),
        Value::String(text) => quoted(text),
        other => other.to_string(),
    }
}

fn key(key: &SigningKey) -> (String, Value) {
    let public: String = key.verifying_key().raw().iter().map(|byte| format!("{byte:02x}")).collect();
    let value = json!({ "keytype": "ed25519", "scheme": "ed25519", "keyval": { "public": public } });
    (sha256(canonical(&value).as_bytes()).to_string(), value)
}

fn signed(signed: &Value, by: &[&SigningKey]) -> Vec<u8> {
    let text = canonical(signed);
    let signatures = by.iter().map(|signer| {
        let signature: String = signer.sign(text.as_bytes()).unwrap().iter().map(|byte| format!("{byte:02x}")).collect();
        json!({ "keyid": key(signer).0, "sig": signature })
    });
    json!({ "signed": signed, "signatures": signatures.collect::<Vec<_>>() }).to_string().into_bytes()
}

impl Repository {
    fn start() -> Repository {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let files: Arc<Mutex<BTreeMap<String, Vec<u8>>>> = Arc::default();
        let endless: Arc<Mutex<Option<String>>> = Arc::default();
        let (served, without_end) = (Arc::clone(&files), Arc::clone(&endless));
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let (served, without_end) = (Arc::clone(&served), Arc::clone(&without_end));
                std::thread::spawn(move || -> std::io::Result<()> {
                    let mut lines = BufReader::new(stream.try_clone()?).lines();
                    let first = lines.next().unwrap_or(Ok(String::new()))?;
                    while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
                    let name = first.split(' ').nth(1).unwrap_or_default().trim_start_matches('/').to_owned();
                    if without_end.lock().unwrap().as_ref() == Some(&name) {
                        stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")?;
                        loop {
                            stream.write_all(&[b' '; 1 << 16])?;
                        }
                    }
                    let found = served.lock().unwrap().get(&name).cloned();
                    let (status, body) = found.map_or((404, Vec::new()), |body| (200, body));
                    let head = format!("HTTP/1.1 {status} S\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
                    stream.write_all(head.as_bytes())?;
                    stream.write_all(&body)
                });
            }
        });
        let people = (1..=3).map(|seed| SigningKey::from_seed(&[seed; 32]).unwrap()).collect();
        Repository { files, endless, address, people, machine: SigningKey::from_seed(&[9; 32]).unwrap() }
    }

    fn put(&self, name: &str, bytes: Vec<u8>) {
        self.files.lock().unwrap().insert(name.to_owned(), bytes);
    }

    fn root(&self, version: u64, ends: &str, signers: usize) -> Vec<u8> {
        let keys: BTreeMap<String, Value> = self.people.iter().chain([&self.machine]).map(key).collect();
        let people: Vec<String> = self.people.iter().map(|person| key(person).0).collect();
        let role = |keys: &[String], threshold: u64| json!({ "keyids": keys, "threshold": threshold });
        let machine = [key(&self.machine).0];
        let root = json!({
            "_type": "root", "spec_version": "1.0", "version": version, "expires": ends, "consistent_snapshot": true, "keys": keys,
            "roles": { "root": role(&people, 2), "targets": role(&people, 2), "snapshot": role(&machine, 1), "timestamp": role(&machine, 1) },
        });
        signed(&root, &self.people.iter().take(signers).collect::<Vec<_>>())
    }

    /// Publishes a state; what is signed by the machine is always signed.
    fn publish(&self, content: &Content) {
        let Content { version, ends, signers, root } = content;
        let digest = sha256(root).to_string();
        let targets = json!({
            "_type": "targets", "spec_version": "1.0", "version": version, "expires": LATER,
            "targets": { "trusted_root.json": { "length": root.len(), "hashes": { "sha256": digest } } },
        });
        let described =
            |bytes: &[u8]| json!({ "version": version, "length": bytes.len(), "hashes": { "sha256": sha256(bytes).to_string() } });
        let targets = signed(&targets, &self.people.iter().take(*signers).collect::<Vec<_>>());
        let snapshot = json!({
            "_type": "snapshot", "spec_version": "1.0", "version": version, "expires": LATER,
            "meta": { "targets.json": described(&targets) },
        });
        let snapshot = signed(&snapshot, &[&self.machine]);
        let timestamp = json!({
            "_type": "timestamp", "spec_version": "1.0", "version": version, "expires": ends,
            "meta": { "snapshot.json": described(&snapshot) },
        });
        self.put(&format!("{version}.targets.json"), targets);
        self.put(&format!("{version}.snapshot.json"), snapshot);
        self.put("timestamp.json", signed(&timestamp, &[&self.machine]));
        self.put(&format!("targets/{digest}.trusted_root.json"), root.clone());
    }

    fn update_from(&self, folder: &Path, root: &[u8]) -> Result<Learnt, TrustError> {
        let mirror = format!("http://{}", self.address).parse().unwrap();
        TrustRepository { mirror: &mirror, root: Some(root), folder, deadline: Duration::from_secs(5) }.update(NOW)
    }

    fn update(&self, folder: &Path) -> Result<Learnt, TrustError> {
        self.update_from(folder, &self.root(1, LATER, 2))
    }
}

fn content(version: u64) -> Content {
    let root = Instance::start().unwrap().trusted_root().to_string().into_bytes();
    Content { version, ends: LATER, signers: 2, root }
}

#[track_caller]
fn refused(learnt: Result<Learnt, TrustError>, why: &str) {
    let error = learnt.unwrap_err();
    assert!(error.to_string().contains(why), "{error}");
}

#[test]
fn what_is_proven_is_learnt() {
    let (repository, folder) = (Repository::start(), tempfile::tempdir().unwrap());
    let one = content(1);
    repository.publish(&one);
    let learnt = repository.update(folder.path()).unwrap();
    assert_eq!(learnt.trusted_root, one.root);
    assert_eq!((learnt.signing_config, learnt.root_version, learnt.timestamp_version), (None, 1, 1));
    assert_eq!(learnt.counts_until, LATER);
    // The next state, under the next root.
    let two = content(2);
    repository.publish(&two);
    repository.put("2.root.json", repository.root(2, LATER, 2));
    let learnt = repository.update(folder.path()).unwrap();
    assert_eq!((learnt.trusted_root, learnt.root_version, learnt.timestamp_version), (two.root, 2, 2));
}

#[test]
fn an_older_state_is_refused() {
    let (repository, folder) = (Repository::start(), tempfile::tempdir().unwrap());
    repository.publish(&content(2));
    repository.update(folder.path()).unwrap();
    repository.publish(&content(1));
    refused(repository.update(folder.path()), "rollback");
    // Who never saw the newer one cannot know.
    repository.update(tempfile::tempdir().unwrap().path()).unwrap();
}

#[test]
fn a_state_that_has_ended_is_refused() {
    let (repository, folder) = (Repository::start(), tempfile::tempdir().unwrap());
    repository.publish(&Content { ends: "2025-12-31T00:00:00Z", ..content(1) });
    refused(repository.update(folder.path()), "expired");
    repository.publish(&content(2));
    refused(repository.update_from(folder.path(), &repository.root(1, "2025-12-31T00:00:00Z", 2)), "expired");
}

#[test]
fn too_few_signatures_are_refused() {
    let (repository, folder) = (Repository::start(), tempfile::tempdir().unwrap());
    repository.publish(&Content { signers: 1, ..content(1) });
    refused(repository.update(folder.path()), "threshold");
    repository.publish(&content(1));
    repository.put("2.root.json", repository.root(2, LATER, 1));
    refused(repository.update(folder.path()), "threshold");
    let alone = repository.update_from(folder.path(), &repository.root(1, LATER, 1));
    assert!(matches!(alone, Err(TrustError::Root(_))), "{alone:?}");
}

#[test]
fn what_has_no_end_is_refused() {
    let repository = Repository::start();
    let one = content(1);
    repository.publish(&one);
    let target = format!("targets/{}.trusted_root.json", sha256(&one.root));
    for (name, most) in [("2.root.json", "512000"), ("timestamp.json", "16384"), ("1.snapshot.json", "more than"), (&target, "more than")] {
        *repository.endless.lock().unwrap() = Some(name.to_owned());
        refused(repository.update(tempfile::tempdir().unwrap().path()), most);
    }
}

#[test]
fn what_is_something_else_is_refused() {
    let (repository, folder) = (Repository::start(), tempfile::tempdir().unwrap());
    let one = content(1);
    repository.publish(&one);
    let mut other = one.root.clone();
    other[20] ^= 1;
    repository.put(&format!("targets/{}.trusted_root.json", sha256(&one.root)), other);
    refused(repository.update(folder.path()), "trusted_root.json");
    repository.publish(&Content { root: b"{}".to_vec(), ..content(2) });
    let learnt = repository.update(folder.path());
    assert!(matches!(learnt, Err(TrustError::Target(_))), "{learnt:?}");
}

#[test]
fn what_cannot_be_kept_is_not_given() {
    let (repository, folder) = (Repository::start(), tempfile::tempdir().unwrap());
    repository.publish(&content(1));
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let learnt = repository.update(&file.join("below"));
    assert!(matches!(learnt, Err(TrustError::Store(_))), "{learnt:?}");
}

#[test]
fn the_public_good_instance_has_its_root_here() {
    let folder = tempfile::tempdir().unwrap();
    let (repository, mirror) = (Repository::start(), "http://127.0.0.1:1".parse().unwrap());
    let known = TrustRepository { mirror: &mirror, root: None, folder: folder.path(), deadline: Duration::from_secs(5) };
    // Its root is read and its own keys have signed it; only then is anybody asked.
    let learnt = known.update(NOW);
    assert!(matches!(&learnt, Err(TrustError::Repository(why)) if why.contains("cannot be reached")), "{learnt:?}");
    // Another repository is not it.
    repository.publish(&content(1));
    let mirror = format!("http://{}", repository.address).parse().unwrap();
    let learnt = TrustRepository { mirror: &mirror, ..known }.update(NOW);
    assert!(matches!(learnt, Err(TrustError::Repository(_))), "{learnt:?}");
    SigningConfig::public_good().unwrap();
}
