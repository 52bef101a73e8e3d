//! An instance of Sigstore for tests: signers with keys of their own, a transparency log as Rekor v1 keeps it, and the trust root that
//! knows it. What it makes is as real as its keys; certificates and timestamps are the work of the real vectors.

use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use probity_core::Digest;
use serde_json::{Value, json};

/// SHA-256.
#[must_use]
pub fn sha256(bytes: &[u8]) -> Digest {
    crate::sha256(bytes)
}

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256.
    P256,
    /// ECDSA on P-384 with SHA-384.
    P384,
    /// Ed25519.
    Ed25519,
    /// RSA of 2048 bits, PKCS#1 v1.5 with SHA-256.
    Rsa,
}

enum Pair {
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Rsa(Box<aws_lc_rs::rsa::KeyPair>),
}

/// Somebody with a key.
pub struct Signer {
    pair: Pair,
    /// The public half: DER SubjectPublicKeyInfo.
    pub public: Vec<u8>,
}

/// A test cannot go on without randomness or memory.
pub(crate) fn must<T, E: std::fmt::Debug>(made: Result<T, E>) -> T {
    match made {
        Ok(made) => made,
        Err(error) => unreachable!("a key of a test: {error:?}"),
    }
}

impl Signer {
    /// A new key.
    #[must_use]
    pub fn generate(algorithm: Algorithm) -> Signer {
        let (pair, public) = match algorithm {
            Algorithm::P256 | Algorithm::P384 => {
                let kind = if algorithm == Algorithm::P256 { &ECDSA_P256_SHA256_ASN1_SIGNING } else { &ECDSA_P384_SHA384_ASN1_SIGNING };
                let pair = must(EcdsaKeyPair::generate(kind));
                let der: PublicKeyX509Der<'_> = must(pair.public_key().as_der());
                let public = der.as_ref().to_vec();
                (Pair::Ecdsa(pair), public)
            }
            Algorithm::Ed25519 => {
                let pair = must(Ed25519KeyPair::generate());
                let der: PublicKeyX509Der<'_> = must(pair.public_key().as_der());
                let public = der.as_ref().to_vec();
                (Pair::Ed25519(pair), public)
            }
            Algorithm::Rsa => {
                let pair = must(aws_lc_rs::rsa::KeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048));
                let der: PublicKeyX509Der<'_> = must(pair.public_key().as_der());
                let public = der.as_ref().to_vec();
                (Pair::Rsa(Box::new(pair)), public)
            }
        };
        Signer { pair, public }
    }

    /// The public half as PEM.
    #[must_use]
    pub fn pem(&self) -> String {
        let text = STANDARD.encode(&self.public);
        let mut out = "-----BEGIN PUBLIC KEY-----\n".to_owned();
        for (index, letter) in text.chars().enumerate() {
            if index > 0 && index % 64 == 0 {
                out.push('\n');
            }
            out.push(letter);
        }
        out + "\n-----END PUBLIC KEY-----\n"
    }

    /// A signature.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        match &self.pair {
            Pair::Ecdsa(pair) => must(pair.sign(&SystemRandom::new(), message)).as_ref().to_vec(),
            Pair::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
            Pair::Rsa(pair) => {
                let mut out = vec![0; pair.public_modulus_len()];
                must(pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut out));
                out
            }
        }
    }

    /// A bundle of version 0.3 over the bytes of an artifact, without log or timestamp.
    #[must_use]
    pub fn message_bundle(&self, artifact: &[u8]) -> Value {
        json!({
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": { "publicKey": { "hint": "test" }, "tlogEntries": [] },
            "messageSignature": {
                "messageDigest": { "algorithm": "SHA2_256", "digest": STANDARD.encode(sha256(artifact).0) },
                "signature": STANDARD.encode(self.sign(artifact)),
            },
        })
    }

    /// A bundle of version 0.3 with a DSSE envelope, without log or timestamp.
    #[must_use]
    pub fn dsse_bundle(&self, payload: &[u8]) -> Value {
        let kind = "application/vnd.in-toto+json";
        let mut message = format!("DSSEv1 {} {kind} {} ", kind.len(), payload.len()).into_bytes();
        message.extend_from_slice(payload);
        json!({
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": { "publicKey": { "hint": "test" }, "tlogEntries": [] },
            "dsseEnvelope": {
                "payload": STANDARD.encode(payload), "payloadType": kind,
                "signatures": [{ "sig": STANDARD.encode(self.sign(&message)), "keyid": "" }],
            },
        })
    }
}

/// A statement about an artifact.
#[must_use]
pub fn statement(artifact: &[u8], predicate_type: &str) -> Vec<u8> {
    let digest = sha256(artifact).to_string();
    json!({
        "_type": "https://in-toto.io/Statement/v1", "subject": [{ "name": "artifact", "digest": { "sha256": digest } }],
        "predicateType": predicate_type, "predicate": {},
    })
    .to_string()
    .into_bytes()
}

/// A log as Rekor v1 keeps it, of two entries: somebody's, and the one that is asked for.
pub struct Log {
    key: Signer,
}

impl Default for Log {
    fn default() -> Log {
        Log { key: Signer::generate(Algorithm::P256) }
    }
}

impl Log {
    fn id(&self) -> Digest {
        sha256(&self.key.public)
    }

    /// The trust root that knows this log and nobody else.
    #[must_use]
    pub fn trust_root(&self) -> Value {
        json!({
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [{
                "baseUrl": "https://log.example", "hashAlgorithm": "SHA2_256",
                "publicKey": {
                    "rawBytes": STANDARD.encode(&self.key.public), "keyDetails": "PKIX_ECDSA_P256_SHA_256",
                    "validFor": { "start": "2020-01-01T00:00:00Z" },
                },
                "logId": { "keyId": STANDARD.encode(self.id().0) },
            }],
        })
    }

    /// Takes the bundle of a signer with a key in, at a time in seconds, and gives it back with what proves that.
    #[must_use]
    pub fn enter(&self, mut bundle: Value, signer: &Signer, time: i64) -> Value {
        let text = |pointer: &str| bundle.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let decoded = |pointer: &str| STANDARD.decode(text(pointer)).unwrap_or_default();
        let hexadecimal = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let pem = STANDARD.encode(signer.pem());
        // Keys stand in their order, as in canonical JSON.
        let (kind, body) = if bundle.get("dsseEnvelope").is_some() {
            let payload = sha256(&decoded("/dsseEnvelope/payload")).to_string();
            let signature = text("/dsseEnvelope/signatures/0/sig");
            let body = json!({
                "apiVersion": "0.0.1", "kind": "dsse",
                "spec": {
                    "envelopeHash": { "algorithm": "sha256", "value": payload },
                    "payloadHash": { "algorithm": "sha256", "value": payload },
                    "signatures": [{ "signature": signature, "verifier": pem }],
                },
            });
            ("dsse", body)
        } else {
            let digest = hexadecimal(&decoded("/messageSignature/messageDigest/digest"));
            let signature = text("/messageSignature/signature");
            let body = json!({
                "apiVersion": "0.0.1", "kind": "hashedrekord",
                "spec": {
                    "data": { "hash": { "algorithm": "sha256", "value": digest } },
                    "signature": { "content": signature, "publicKey": { "content": pem } },
                },
            });
            ("hashedrekord", body)
        };
        let body = body.to_string();
        let leaf = sha256(&[b"\0".as_slice(), body.as_bytes()].concat());
        let other = sha256(b"\0somebody's entry");
        let root = sha256(&[b"\x01".as_slice(), &other.0, &leaf.0].concat());
        let head = format!("log.example\n2\n{}\n", STANDARD.encode(root.0));
        let mut signed = self.id().0.get(..4).unwrap_or_default().to_vec();
        signed.extend(self.key.sign(head.as_bytes()));
        let checkpoint = format!("{head}\n\u{2014} log.example {}\n", STANDARD.encode(signed));
        let promised = format!(
            r#"{{"body":"{}","integratedTime":{time},"logID":"{}","logIndex":1}}"#,
            STANDARD.encode(&body),
            hexadecimal(&self.id().0)
        );
        let entry = json!({
            "logIndex": "1", "logId": { "keyId": STANDARD.encode(self.id().0) }, "kindVersion": { "kind": kind, "version": "0.0.1" },
            "integratedTime": time.to_string(),
            "inclusionPromise": { "signedEntryTimestamp": STANDARD.encode(self.key.sign(promised.as_bytes())) },
            "inclusionProof": {
                "logIndex": "1", "rootHash": STANDARD.encode(root.0), "treeSize": "2", "hashes": [STANDARD.encode(other.0)],
                "checkpoint": { "envelope": checkpoint },
            },
            "canonicalizedBody": STANDARD.encode(&body),
        });
        if let Some(entries) = bundle.pointer_mut("/verificationMaterial/tlogEntries").and_then(Value::as_array_mut) {
            entries.push(entry);
        }
        bundle
    }
}
