//! Sigstore bundles v0.3 (protobuf-specs, `sigstore_bundle.proto`): a signature over bytes, or a DSSE envelope around an in-toto statement,
//! and what others say of it. Only writing is here; what a bundle proves is judged elsewhere.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use probity_core::Digest;
use serde_json::{Map, Value, json};

use crate::dsse::{self, pre_authentication_encoding};
use crate::keys::{PublicKey, Signer};
use crate::statement::{Statement, StatementError};
use crate::{SignError, sha256};

/// `mediaType` of the bundles.
pub const MEDIA_TYPE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

#[derive(Clone, Debug, PartialEq, Eq)]
enum Content {
    Message { digest: Digest },
    Envelope { payload_type: &'static str, payload: Vec<u8> },
}

/// What others say of a signature. A bundle that a key alone signed has none of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proofs {
    /// The certificate for the signer's key, as DER; in its place stands the key's hint.
    pub certificate: Option<Vec<u8>>,
    /// Entries of transparency logs, as the JSON of `TransparencyLogEntry` (protobuf-specs, `sigstore_rekor.proto`).
    pub log_entries: Vec<Value>,
    /// Answers of timestamp authorities, as DER `TimeStampResp` (RFC 3161, section 2.4.2).
    pub timestamps: Vec<Vec<u8>>,
}

/// A signature with what it takes to check it, but for the key itself, which it only hints at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle {
    hint: String,
    content: Content,
    signature: Vec<u8>,
}

impl Bundle {
    /// Signs bytes as they are, as `cosign sign-blob` does.
    pub fn sign_message(message: &[u8], signer: &dyn Signer) -> Result<Bundle, SignError> {
        let signature = sign(signer, message)?;
        Ok(Bundle { hint: signer.public_key().hint(), content: Content::Message { digest: sha256(message) }, signature })
    }

    /// Signs a statement, as `cosign attest-blob` does. The envelope has one signature, as a bundle's must.
    pub fn sign_statement(statement: &Statement, signer: &dyn Signer) -> Result<Bundle, StatementError> {
        let payload = statement.to_payload()?;
        let payload_type = dsse::IN_TOTO;
        let signature = sign(signer, &pre_authentication_encoding(payload_type, &payload))?;
        Ok(Bundle { hint: signer.public_key().hint(), content: Content::Envelope { payload_type, payload }, signature })
    }

    /// The signature by itself.
    #[must_use]
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }

    /// The signature in base64, as `cosign sign-blob --output-signature` writes it.
    #[must_use]
    pub fn signature_text(&self) -> String {
        STANDARD.encode(&self.signature)
    }

    /// SHA-256 of the bytes that are signed: the message's, or the envelope's pre-authentication encoding.
    #[must_use]
    pub fn signed_digest(&self) -> Digest {
        match &self.content {
            Content::Message { digest } => *digest,
            Content::Envelope { payload_type, payload } => sha256(&pre_authentication_encoding(payload_type, payload)),
        }
    }

    /// The DSSE envelope; none where bytes are signed as they are.
    #[must_use]
    pub fn envelope(&self) -> Option<Value> {
        match &self.content {
            Content::Message { .. } => None,
            Content::Envelope { payload_type, payload } => Some(json!({
                "payload": STANDARD.encode(payload), "payloadType": payload_type, "signatures": [{ "sig": self.signature_text() }],
            })),
        }
    }

    /// The JSON form, in one line without a line break.
    #[must_use]
    pub fn to_json(&self) -> String {
        self.to_json_with(&Proofs::default())
    }

    /// The JSON form with what others say of the signature.
    #[must_use]
    pub fn to_json_with(&self, proofs: &Proofs) -> String {
        let mut material = Map::new();
        match &proofs.certificate {
            Some(der) => material.insert("certificate".to_owned(), json!({ "rawBytes": STANDARD.encode(der) })),
            None => material.insert("publicKey".to_owned(), json!({ "hint": self.hint })),
        };
        if !proofs.log_entries.is_empty() {
            material.insert("tlogEntries".to_owned(), proofs.log_entries.iter().cloned().collect());
        }
        if !proofs.timestamps.is_empty() {
            let timestamps = proofs.timestamps.iter().map(|der| json!({ "signedTimestamp": STANDARD.encode(der) }));
            let timestamps = json!({ "rfc3161Timestamps": timestamps.collect::<Value>() });
            material.insert("timestampVerificationData".to_owned(), timestamps);
        }
        let (name, content): (&str, Value) = match self.envelope() {
            Some(envelope) => ("dsseEnvelope", envelope),
            None => (
                "messageSignature",
                json!({
                    "messageDigest": { "algorithm": "SHA2_256", "digest": STANDARD.encode(self.signed_digest().0) },
                    "signature": self.signature_text(),
                }),
            ),
        };
        json!({ "mediaType": MEDIA_TYPE, "verificationMaterial": material, name: content }).to_string()
    }
}

/// The signature, checked before anybody sees it: a signer elsewhere may answer with anything.
fn sign(signer: &dyn Signer, bytes: &[u8]) -> Result<Vec<u8>, SignError> {
    let signature = signer.sign(bytes)?;
    let key: &PublicKey = signer.public_key();
    match key.verify(bytes, &signature) {
        Ok(()) => Ok(signature),
        Err(_) => Err(SignError(format!("the signature does not belong to the public key of the signer ({key})"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SigningKey;
    use crate::keys::PrivateKey;
    use crate::statement::Descriptor;

    fn key() -> PrivateKey {
        SigningKey::from_seed(&[7; 32]).unwrap().into()
    }

    #[test]
    fn a_message() {
        let key = key();
        let bundle = Bundle::sign_message(b"release\n", &key).unwrap();
        key.public_key().verify(b"release\n", bundle.signature()).unwrap();
        let json: Value = serde_json::from_str(&bundle.to_json()).unwrap();
        let expected = json!({
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": { "publicKey": { "hint": STANDARD.encode(sha256(key.public_key().to_der()).0) } },
            "messageSignature": {
                "messageDigest": { "algorithm": "SHA2_256", "digest": STANDARD.encode(sha256(b"release\n").0) },
                "signature": STANDARD.encode(bundle.signature()),
            },
        });
        assert_eq!(json, expected);
        assert!(bundle.to_json().starts_with(r#"{"mediaType":"#));
    }

    #[test]
    fn a_statement() {
        let key = key();
        let statement = Statement {
            subjects: vec![Descriptor::sha256("release.tar", sha256(b"release"))],
            predicate_type: "https://example.com/p".into(),
            predicate: serde_json::Map::new(),
        };
        let bundle = Bundle::sign_statement(&statement, &key).unwrap();
        let json: Value = serde_json::from_str(&bundle.to_json()).unwrap();
        let envelope = &json["dsseEnvelope"];
        assert_eq!(envelope["payloadType"], "application/vnd.in-toto+json");
        assert_eq!(envelope["signatures"].as_array().unwrap().len(), 1);
        assert!(json.get("messageSignature").is_none());
        let payload = STANDARD.decode(envelope["payload"].as_str().unwrap()).unwrap();
        assert_eq!(Statement::parse(&payload).unwrap(), statement);
        key.public_key().verify(&pre_authentication_encoding(dsse::IN_TOTO, &payload), bundle.signature()).unwrap();
    }

    #[test]
    fn what_others_say_stands_beside_the_signature() {
        let key = key();
        let bundle = Bundle::sign_message(b"release\n", &key).unwrap();
        let proofs = Proofs {
            certificate: Some(b"certificate".to_vec()),
            log_entries: vec![json!({ "logIndex": "7" })],
            timestamps: vec![b"time".to_vec()],
        };
        let json: Value = serde_json::from_str(&bundle.to_json_with(&proofs)).unwrap();
        let expected = json!({
            "certificate": { "rawBytes": STANDARD.encode(b"certificate") },
            "tlogEntries": [{ "logIndex": "7" }],
            "timestampVerificationData": { "rfc3161Timestamps": [{ "signedTimestamp": STANDARD.encode(b"time") }] },
        });
        assert_eq!(json["verificationMaterial"], expected);
        assert_eq!(bundle.signed_digest(), sha256(b"release\n"));
        assert_eq!(bundle.envelope(), None);
    }

    #[test]
    fn a_signer_that_lies_is_found_out() {
        struct Liar(PrivateKey);
        impl Signer for Liar {
            fn sign(&self, _: &[u8]) -> Result<Vec<u8>, SignError> {
                self.0.sign(b"something else")
            }
            fn public_key(&self) -> &PublicKey {
                self.0.public_key()
            }
        }
        let error = Bundle::sign_message(b"release", &Liar(key())).unwrap_err();
        assert!(error.to_string().contains("does not belong to the public key"), "{error}");
    }
}
