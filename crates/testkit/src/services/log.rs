//! Transparency logs: one tree of entries, kept as Rekor v1 or as Rekor v2 keeps it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use aws_lc_rs::digest::{Digest as Hashed, SHA256};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, ED25519, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey, VerificationAlgorithm};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use probity_core::Digest;
use serde_json::{Value, json};

use super::{Fault, authority, der, now};
use crate::sigstore::{Algorithm, Signer, sha256};

/// How the logs are called in their checkpoints: the host of their address.
const NAME: &str = "127.0.0.1";
const TREE: &str = "1193050959916656506";

pub(super) struct Log {
    pub(super) is_second: bool,
    pub(super) key: Signer,
    entries: Mutex<Vec<(String, u64)>>,
}

impl Log {
    pub(super) fn new(is_second: bool) -> Log {
        let key = Signer::generate(if is_second { Algorithm::Ed25519 } else { Algorithm::P256 });
        // Somebody was here before.
        let before = (0..3).map(|entry| (format!("somebody's entry {entry}"), now())).collect();
        Log { is_second, key, entries: Mutex::new(before) }
    }

    /// The log's name in trust roots.
    pub(super) fn id(&self) -> Digest {
        if self.is_second {
            let raw = self.key.public.get(12..).unwrap_or_default();
            sha256(&[NAME.as_bytes(), b"\n\x01", raw].concat())
        } else {
            sha256(&self.key.public)
        }
    }

    fn entries(&self) -> MutexGuard<'_, Vec<(String, u64)>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers a proposal: status, a place elsewhere, and the body.
    pub(super) fn enter(&self, request: &Value, fault: Option<&Fault>) -> Result<(u16, Option<String>, Value), String> {
        let body = if self.is_second { second(request)? } else { first(request)? }.to_string();
        let there = self.entries().iter().position(|(entry, _)| *entry == body);
        let index = match there {
            Some(index) if !self.is_second => {
                let place = format!("/api/v1/log/entries/{}", self.name(index));
                return Ok((
                    409,
                    Some(place),
                    json!({ "code": 409, "message": "an equivalent entry already exists in the transparency log" }),
                ));
            }
            Some(index) => index,
            None => {
                let mut entries = self.entries();
                entries.push((body, now()));
                entries.len() - 1
            }
        };
        Ok((201, None, self.told(index, fault)?))
    }

    /// An entry by its name, of version 1.
    pub(super) fn named(&self, name: &str, fault: Option<&Fault>) -> Result<Value, String> {
        let count = self.entries().len();
        let index = (0..count).find(|index| self.name(*index) == name).ok_or("there is no such entry")?;
        self.told(index, fault)
    }

    fn leaves(&self) -> Vec<Digest> {
        self.entries().iter().map(|(body, _)| sha256(&[b"\0", body.as_bytes()].concat())).collect()
    }

    fn name(&self, index: usize) -> String {
        format!("{:016x}{}", TREE.parse::<u64>().unwrap_or_default(), self.leaves().get(index).copied().unwrap_or(Digest([0; 32])))
    }

    fn told(&self, index: usize, fault: Option<&Fault>) -> Result<Value, String> {
        let leaves = self.leaves();
        let (body, time) = self.entries().get(index).cloned().ok_or("there is no such entry")?;
        // A proof that holds, for another entry.
        let proven = if fault == Some(&Fault::OtherEntry) { 0 } else { index };
        let proof = path(proven, &leaves);
        let root = root(&leaves);
        let origin = if self.is_second { NAME.to_owned() } else { format!("{NAME} - {TREE}") };
        let head = format!("{origin}\n{}\n{}\n", leaves.len(), STANDARD.encode(root.0));
        let stranger = Signer::generate(if self.is_second { Algorithm::Ed25519 } else { Algorithm::P256 });
        let signer = |wrong: Fault| if fault == Some(&wrong) { &stranger } else { &self.key };
        let signature = signer(Fault::WrongCheckpoint).sign(head.as_bytes());
        let signed = [self.id().0.get(..4).unwrap_or_default(), &signature].concat();
        let checkpoint = format!("{head}\n\u{2014} {NAME} {}\n", STANDARD.encode(signed));
        let encoded = STANDARD.encode(&body);
        if self.is_second {
            return Ok(json!({
                "logIndex": index.to_string(), "logId": { "keyId": STANDARD.encode(self.id().0) },
                "kindVersion": { "kind": "hashedrekord", "version": "0.0.2" },
                "inclusionProof": {
                    "logIndex": proven.to_string(), "rootHash": STANDARD.encode(root.0), "treeSize": leaves.len().to_string(),
                    "hashes": proof.iter().map(|hash| STANDARD.encode(hash.0)).collect::<Vec<_>>(), "checkpoint": { "envelope": checkpoint },
                },
                "canonicalizedBody": encoded,
            }));
        }
        let id = self.id().to_string();
        let promised = format!(r#"{{"body":"{encoded}","integratedTime":{time},"logID":"{id}","logIndex":{index}}}"#);
        Ok(json!({ self.name(index): {
            "body": encoded, "integratedTime": time, "logID": id, "logIndex": index,
            "verification": {
                "inclusionProof": {
                    "checkpoint": checkpoint, "hashes": proof.iter().map(ToString::to_string).collect::<Vec<_>>(), "logIndex": proven,
                    "rootHash": root.to_string(), "treeSize": leaves.len(),
                },
                "signedEntryTimestamp": STANDARD.encode(signer(Fault::WrongPromise).sign(promised.as_bytes())),
            },
        } }))
    }
}

/// The root of a tree (RFC 6962, section 2.1).
fn root(leaves: &[Digest]) -> Digest {
    match leaves {
        [] => sha256(b""),
        [one] => *one,
        _ => {
            let (left, right) = leaves.split_at(half(leaves.len()));
            sha256(&[b"\x01".as_slice(), &root(left).0, &root(right).0].concat())
        }
    }
}

/// The proof that an entry is in a tree (section 2.1.1).
fn path(index: usize, leaves: &[Digest]) -> Vec<Digest> {
    if leaves.len() < 2 {
        return Vec::new();
    }
    let (left, right) = leaves.split_at(half(leaves.len()));
    let (mut proof, other) =
        if index < left.len() { (path(index, left), root(right)) } else { (path(index - left.len(), right), root(left)) };
    proof.push(other);
    proof
}

/// The largest power of two below a number.
fn half(count: usize) -> usize {
    count.next_power_of_two() / 2
}

/// The key of a PEM certificate or public key, as DER.
fn key(pem: &str) -> Result<Vec<u8>, String> {
    if let Some(key) = authority::public_key(pem) {
        return Ok(key);
    }
    let certificate = authority::block(pem, "CERTIFICATE").ok_or("the verifier is neither a certificate nor a key")?;
    of_certificate(&certificate)
}

fn of_certificate(certificate: &[u8]) -> Result<Vec<u8>, String> {
    let (_, parts) = der::certificate(certificate).ok_or("the certificate is damaged")?;
    parts.get(6).cloned().ok_or_else(|| "the certificate is damaged".to_owned())
}

/// Whether a key signed bytes of which only the digest is known.
fn verified(key: &[u8], digest: &[u8], signature: &[u8]) -> Result<(), String> {
    let digest = Hashed::import_less_safe(digest, &SHA256).map_err(|_| "the digest is no SHA-256")?;
    let all: [&dyn VerificationAlgorithm; 2] = [&ECDSA_P256_SHA256_ASN1, &RSA_PKCS1_2048_8192_SHA256];
    if all.iter().any(|algorithm| algorithm.verify_digest_sig(key, &digest, signature).is_ok()) {
        return Ok(());
    }
    Err("the signature is not by the verifier".to_owned())
}

fn decoded(value: &Value) -> Result<Vec<u8>, String> {
    value.as_str().and_then(|text| STANDARD.decode(text).ok()).ok_or_else(|| "base64 was expected".to_owned())
}

fn text(value: &Value) -> Result<String, String> {
    value.as_str().map(str::to_owned).ok_or_else(|| "a text was expected".to_owned())
}

/// What Rekor v1 keeps of a proposal; keys stand in their order.
fn first(request: &Value) -> Result<Value, String> {
    if request["apiVersion"] != "0.0.1" {
        return Err("the version of the entry is not known".to_owned());
    }
    let spec = &request["spec"];
    let kept = match request["kind"].as_str() {
        Some("hashedrekord") => {
            let hash = &spec["data"]["hash"];
            let digits = text(&hash["value"])?;
            let digest: Digest = digits.parse().map_err(|_| "the digest is none")?;
            let signature = decoded(&spec["signature"]["content"])?;
            let pem = decoded(&spec["signature"]["publicKey"]["content"])?;
            if hash["algorithm"] != "sha256" {
                return Err("the digest is no SHA-256".to_owned());
            }
            verified(&key(&String::from_utf8_lossy(&pem))?, &digest.0, &signature)?;
            json!({
                "data": { "hash": { "algorithm": "sha256", "value": digits } },
                "signature": { "content": STANDARD.encode(signature), "publicKey": { "content": STANDARD.encode(pem) } },
            })
        }
        Some("dsse") => {
            let proposed = &spec["proposedContent"];
            let envelope = text(&proposed["envelope"])?;
            let read: Value = serde_json::from_str(&envelope).map_err(|error| error.to_string())?;
            let payload = decoded(&read["payload"])?;
            let kind = text(&read["payloadType"])?;
            let signature = decoded(&read["signatures"][0]["sig"])?;
            let pem = decoded(&proposed["verifiers"][0])?;
            let mut message = format!("DSSEv1 {} {kind} {} ", kind.len(), payload.len()).into_bytes();
            message.extend_from_slice(&payload);
            let key = key(&String::from_utf8_lossy(&pem))?;
            let by_edwards = UnparsedPublicKey::new(&ED25519, &key).verify(&message, &signature).is_ok();
            if !by_edwards {
                verified(&key, &sha256(&message).0, &signature)?;
            }
            json!({
                "envelopeHash": { "algorithm": "sha256", "value": sha256(envelope.as_bytes()).to_string() },
                "payloadHash": { "algorithm": "sha256", "value": sha256(&payload).to_string() },
                "signatures": [{ "signature": STANDARD.encode(signature), "verifier": STANDARD.encode(pem) }],
            })
        }
        _ => return Err("the kind of the entry is not known".to_owned()),
    };
    Ok(json!({ "apiVersion": "0.0.1", "kind": request["kind"], "spec": kept }))
}

/// What Rekor v2 keeps of a request; keys stand in their order.
fn second(request: &Value) -> Result<Value, String> {
    let fields = request.as_object().ok_or("the request is no object")?;
    let asked = fields.get("hashedRekordRequestV002").filter(|_| fields.len() == 1).ok_or("only `hashedRekordRequestV002` is taken")?;
    let digest = decoded(&asked["digest"])?;
    let signature = decoded(&asked["signature"]["content"])?;
    let verifier = &asked["signature"]["verifier"];
    let details = text(&verifier["keyDetails"])?;
    if !details.starts_with("PKIX_ECDSA_P256_SHA_256") && !details.starts_with("PKIX_RSA_PKCS1V15_") {
        return Err(format!("keys of `{details}` are not taken"));
    }
    let kept = if verifier.get("x509Certificate").is_some() {
        let raw = decoded(&verifier["x509Certificate"]["rawBytes"])?;
        verified(&of_certificate(&raw)?, &digest, &signature)?;
        json!({ "keyDetails": details, "x509Certificate": { "rawBytes": STANDARD.encode(raw) } })
    } else {
        let raw = decoded(&verifier["publicKey"]["rawBytes"])?;
        verified(&raw, &digest, &signature)?;
        json!({ "keyDetails": details, "publicKey": { "rawBytes": STANDARD.encode(raw) } })
    };
    Ok(json!({
        "apiVersion": "0.0.2", "kind": "hashedrekord",
        "spec": { "hashedRekordV002": {
            "data": { "algorithm": "SHA2_256", "digest": STANDARD.encode(digest) },
            "signature": { "content": STANDARD.encode(signature), "verifier": kept },
        } },
    }))
}
