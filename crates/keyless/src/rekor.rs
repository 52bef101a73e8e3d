//! Entries in transparency logs: Rekor v1 (`POST /api/v1/log/entries`: hashedrekord 0.0.1, dsse 0.0.1) and Rekor v2
//! (`POST /api/v2/log/entries`: hashedrekord 0.0.2, which v2 uses for DSSE envelopes too). What an answer proves is judged with the bundle; here
//! it is brought into the one form that bundles hold, and nothing else of it is kept.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use probity_attest::bundle::Bundle;
use probity_attest::keys::{Algorithm, PublicKey};
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use crate::config::{LogVersion, TransparencyLog};
use crate::http::{Answer, Http, Question};
use crate::{KeylessError, Step, pem};

const MAX_ANSWER: usize = 4 << 20;
/// `PublicKeyDetails` of protobuf-specs, for the one kind of key whose entries of version 2 can be judged.
const DETAILS: &str = "PKIX_ECDSA_P256_SHA_256";
/// Most hashes of a proof: a log of 2^64 entries has no more.
const MAX_HASHES: usize = 64;
/// Most letters of an entry's name.
const MAX_NAME: usize = 160;

/// Who signed, as a log is told.
pub(crate) struct Verifier<'a> {
    pub(crate) key: &'a PublicKey,
    /// The certificate, as DER; none for a key by itself.
    pub(crate) certificate: Option<&'a [u8]>,
}

impl Verifier<'_> {
    fn pem(&self) -> String {
        STANDARD.encode(self.certificate.map_or_else(|| self.key.to_pem(), pem::of_certificate))
    }
}

/// Whether a log takes what such a key signs, and what it then says can be judged; the error is a sentence. Asked before anything is sent.
pub(crate) fn takes(version: LogVersion, key: &PublicKey, is_envelope: bool) -> Result<(), String> {
    match (version, key.algorithm()) {
        (LogVersion::V1, Algorithm::Ed25519) if is_envelope => Ok(()),
        (_, Algorithm::Ed25519) => {
            Err("no log takes what an Ed25519 key signs as it is: logs keep digests, and such a key signs the bytes".to_owned())
        }
        (LogVersion::V2, Algorithm::RsaPkcs1Sha256) => {
            Err("entries of RSA keys in logs of version 2 cannot be verified here: an ECDSA P-256 key, or a log of version 1, is needed"
                .to_owned())
        }
        _ => Ok(()),
    }
}

/// Makes an entry of what was signed, and gives it in the form of bundles (`TransparencyLogEntry`).
pub(crate) fn enter(http: &Http, log: &TransparencyLog, bundle: &Bundle, by: &Verifier<'_>) -> Result<Value, KeylessError> {
    match log.version {
        LogVersion::V1 => first(http, log, bundle, by),
        LogVersion::V2 => second(http, log, bundle, by),
    }
    .map_err(KeylessError::at(Step::Log))
}

fn ask(http: &Http, log: &TransparencyLog, path: &str, body: Option<&Value>) -> Result<Answer, String> {
    let text = body.map(Value::to_string);
    http.ask(&Question {
        to: &log.address.below(path),
        body: text.as_ref().map(|text| ("application/json", text.as_bytes())),
        accept: "application/json",
        pass: None,
        limit: MAX_ANSWER,
    })
}

fn first(http: &Http, log: &TransparencyLog, bundle: &Bundle, by: &Verifier<'_>) -> Result<Value, String> {
    const PATH: &str = "api/v1/log/entries";
    let (kind, spec) = match bundle.envelope() {
        Some(envelope) => ("dsse", json!({ "proposedContent": { "envelope": envelope.to_string(), "verifiers": [by.pem()] } })),
        None => (
            "hashedrekord",
            json!({
                "data": { "hash": { "algorithm": "sha256", "value": hex::encode(bundle.signed_digest().0) } },
                "signature": { "content": bundle.signature_text(), "publicKey": { "content": by.pem() } },
            }),
        ),
    };
    let proposed = json!({ "apiVersion": "0.0.1", "kind": kind, "spec": spec });
    let mut answer = ask(http, log, PATH, Some(&proposed))?;
    if answer.status == 409 {
        // The same entry is there already, as keys whose signatures are always the same make it; it is as good as a new one.
        let name = answer.location.as_deref().and_then(|location| location.rsplit('/').next()).unwrap_or_default();
        if name.is_empty() || name.len() > MAX_NAME || !name.bytes().all(|letter| letter.is_ascii_hexdigit()) {
            return Err("it says that the entry is there already, and not where".to_owned());
        }
        answer = ask(http, log, &format!("{PATH}/{name}"), None)?;
    }
    if answer.status != 200 && answer.status != 201 {
        return Err(answer.refusal());
    }
    let entries: BTreeMap<String, FirstEntry> = read(&answer.body)?;
    let mut entries = entries.into_values();
    match (entries.next(), entries.next()) {
        (Some(entry), None) => entry.of_bundle(kind),
        _ => Err("its answer does not hold one entry".to_owned()),
    }
}

fn second(http: &Http, log: &TransparencyLog, bundle: &Bundle, by: &Verifier<'_>) -> Result<Value, String> {
    let key = match by.certificate {
        Some(der) => json!({ "x509Certificate": { "rawBytes": STANDARD.encode(der) }, "keyDetails": DETAILS }),
        None => json!({ "publicKey": { "rawBytes": STANDARD.encode(by.key.to_der()) }, "keyDetails": DETAILS }),
    };
    let request = json!({ "hashedRekordRequestV002": {
        "digest": STANDARD.encode(bundle.signed_digest().0), "signature": { "content": bundle.signature_text(), "verifier": key },
    } });
    let answer = ask(http, log, "api/v2/log/entries", Some(&request))?;
    if answer.status != 200 && answer.status != 201 {
        return Err(answer.refusal());
    }
    let entry: SecondEntry = read(&answer.body)?;
    entry.of_bundle()
}

fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|error| format!("its answer is no entry: {error}"))
}

/// `LogEntry` of Rekor v1's interface.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FirstEntry {
    body: String,
    integrated_time: i64,
    #[serde(rename = "logID")]
    log_id: String,
    log_index: u64,
    verification: FirstVerification,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FirstVerification {
    inclusion_proof: FirstProof,
    signed_entry_timestamp: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FirstProof {
    checkpoint: String,
    hashes: Vec<String>,
    log_index: u64,
    root_hash: String,
    tree_size: u64,
}

impl FirstEntry {
    fn of_bundle(self, kind: &str) -> Result<Value, String> {
        let decoded = |digits: &str| {
            hex::decode(digits).map(|bytes| STANDARD.encode(bytes)).map_err(|_| "its answer holds something that is no digest".to_owned())
        };
        let proof = self.verification.inclusion_proof;
        bounded(&proof.hashes)?;
        let hashes: Vec<String> = proof.hashes.iter().map(|digits| decoded(digits)).collect::<Result<_, _>>()?;
        Ok(json!({
            "logIndex": self.log_index.to_string(),
            "logId": { "keyId": decoded(&self.log_id)? },
            "kindVersion": { "kind": kind, "version": "0.0.1" },
            "integratedTime": self.integrated_time.to_string(),
            "inclusionPromise": { "signedEntryTimestamp": self.verification.signed_entry_timestamp },
            "inclusionProof": {
                "logIndex": proof.log_index.to_string(), "rootHash": decoded(&proof.root_hash)?, "treeSize": proof.tree_size.to_string(),
                "hashes": hashes, "checkpoint": { "envelope": proof.checkpoint },
            },
            "canonicalizedBody": self.body,
        }))
    }
}

/// `TransparencyLogEntry` in the JSON of Protocol Buffers: what is zero may be left out.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SecondEntry {
    #[serde(default, deserialize_with = "number")]
    log_index: u64,
    log_id: LogId,
    kind_version: KindVersion,
    inclusion_proof: SecondProof,
    canonicalized_body: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LogId {
    key_id: String,
}

#[derive(Deserialize)]
struct KindVersion {
    kind: String,
    version: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SecondProof {
    #[serde(default, deserialize_with = "number")]
    log_index: u64,
    root_hash: String,
    #[serde(default, deserialize_with = "number")]
    tree_size: u64,
    #[serde(default)]
    hashes: Vec<String>,
    checkpoint: Checkpoint,
}

#[derive(Deserialize)]
struct Checkpoint {
    envelope: String,
}

impl SecondEntry {
    fn of_bundle(self) -> Result<Value, String> {
        if (&*self.kind_version.kind, &*self.kind_version.version) != ("hashedrekord", "0.0.2") {
            return Err("its answer is an entry of another kind than was proposed".to_owned());
        }
        let proof = self.inclusion_proof;
        bounded(&proof.hashes)?;
        Ok(json!({
            "logIndex": self.log_index.to_string(),
            "logId": { "keyId": self.log_id.key_id },
            "kindVersion": { "kind": "hashedrekord", "version": "0.0.2" },
            "inclusionProof": {
                "logIndex": proof.log_index.to_string(), "rootHash": proof.root_hash, "treeSize": proof.tree_size.to_string(),
                "hashes": proof.hashes, "checkpoint": { "envelope": proof.checkpoint.envelope },
            },
            "canonicalizedBody": self.canonicalized_body,
        }))
    }
}

fn bounded(hashes: &[String]) -> Result<(), String> {
    if hashes.len() > MAX_HASHES { Err(format!("its proof has {} hashes, more than {MAX_HASHES}", hashes.len())) } else { Ok(()) }
}

/// A number, or its digits in a text, as the JSON of Protocol Buffers writes it.
fn number<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Number(u64),
        Text(String),
    }
    match Either::deserialize(from)? {
        Either::Number(number) => Ok(number),
        Either::Text(text) => text.parse().map_err(|_| serde::de::Error::custom("a number was expected")),
    }
}
