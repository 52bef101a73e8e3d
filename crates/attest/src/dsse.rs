//! DSSE v1 envelopes: a payload, its type, and signatures over both. What the payload says is `statement`'s business.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::json;

use crate::{KeyProvider, SignError, VerifyingKey};

/// The payload type of in-toto statements.
pub const IN_TOTO: &str = "application/vnd.in-toto+json";

/// Most signatures an envelope may carry.
const MAX_SIGNATURES: usize = 16;

/// Bytes that are not an envelope, or one that is not signed by a known key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DsseError {
    /// Not the JSON of an envelope: a field missing, unknown, twice or of a wrong type.
    #[error("not a DSSE envelope: {0}")]
    Json(String),
    /// A field that is not canonical standard base64.
    #[error("`{0}` of the DSSE envelope is not base64")]
    NotBase64(&'static str),
    /// No signature, or too many.
    #[error("the DSSE envelope has {0} signatures, where 1 to {MAX_SIGNATURES} are allowed")]
    SignatureCount(usize),
    /// A payload of another type than asked for.
    #[error("the payload type is `{0}`")]
    PayloadType(String),
    /// The key is known, but it did not sign this.
    #[error("the signature of key `{0}` does not belong to this payload")]
    WrongSignature(String),
    /// None of the known keys signed this.
    #[error("it is signed by none of the known keys, only by {0}")]
    UnknownKey(String),
}

/// One signature of an envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// Name of the key, as the signer gives it.
    pub key_id: String,
    /// The signature.
    pub bytes: Vec<u8>,
}

/// A payload with signatures that nobody has looked at yet, unless it comes from [`sign`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// What the payload is.
    pub payload_type: String,
    /// The signed bytes.
    pub payload: Vec<u8>,
    /// At least one.
    pub signatures: Vec<Signature>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EnvelopeJson {
    payload: String,
    #[serde(rename = "payloadType")]
    payload_type: String,
    signatures: Vec<SignatureJson>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignatureJson {
    #[serde(default)]
    keyid: String,
    sig: String,
}

/// The bytes that are signed: the pre-authentication encoding (DSSE v1, protocol.md).
#[must_use]
pub fn pre_authentication_encoding(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut out = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len()).into_bytes();
    out.extend_from_slice(payload);
    out
}

/// Signs a payload.
pub fn sign(payload_type: &str, payload: &[u8], key: &dyn KeyProvider) -> Result<Envelope, SignError> {
    let bytes = key.sign(&pre_authentication_encoding(payload_type, payload))?.to_vec();
    let signatures = vec![Signature { key_id: key.key_id().to_string(), bytes }];
    Ok(Envelope { payload_type: payload_type.to_owned(), payload: payload.to_vec(), signatures })
}

impl Envelope {
    /// Reads the JSON form, strictly: no unknown and no repeated field, canonical standard base64, at least one signature.
    pub fn parse(bytes: &[u8]) -> Result<Envelope, DsseError> {
        let json: EnvelopeJson = serde_json::from_slice(bytes).map_err(|error| DsseError::Json(error.to_string()))?;
        if json.signatures.is_empty() || json.signatures.len() > MAX_SIGNATURES {
            return Err(DsseError::SignatureCount(json.signatures.len()));
        }
        let payload = STANDARD.decode(json.payload).map_err(|_| DsseError::NotBase64("payload"))?;
        let mut signatures = Vec::with_capacity(json.signatures.len());
        for signature in json.signatures {
            let bytes = STANDARD.decode(signature.sig).map_err(|_| DsseError::NotBase64("sig"))?;
            signatures.push(Signature { key_id: signature.keyid, bytes });
        }
        Ok(Envelope { payload_type: json.payload_type, payload, signatures })
    }

    /// The JSON form, in one line without a line break; the same envelope always gives the same bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let signatures: Vec<serde_json::Value> =
            self.signatures.iter().map(|each| json!({ "keyid": each.key_id, "sig": STANDARD.encode(&each.bytes) })).collect();
        let payload = STANDARD.encode(&self.payload);
        json!({ "payload": payload, "payloadType": self.payload_type, "signatures": signatures }).to_string().into_bytes()
    }

    /// The key, of those given, that signed the payload. Signatures of other keys say nothing; a wrong signature under the name of a
    /// given key is refused even beside a right one.
    pub fn verify(&self, payload_type: &str, keys: &[VerifyingKey]) -> Result<VerifyingKey, DsseError> {
        if self.payload_type != payload_type {
            return Err(DsseError::PayloadType(self.payload_type.clone()));
        }
        let message = pre_authentication_encoding(&self.payload_type, &self.payload);
        let mut signer = None;
        for signature in &self.signatures {
            let Some(key) = keys.iter().find(|key| key.id().to_string() == signature.key_id) else { continue };
            key.verify(&message, &signature.bytes).map_err(|_| DsseError::WrongSignature(signature.key_id.clone()))?;
            signer = signer.or(Some(*key));
        }
        signer.ok_or_else(|| {
            let names: Vec<String> = self.signatures.iter().map(|each| format!("`{}`", each.key_id)).collect();
            DsseError::UnknownKey(names.join(", "))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SigningKey;

    #[test]
    fn the_vector_of_the_specification() {
        let encoded = pre_authentication_encoding("http://example.com/HelloWorld", b"hello world");
        assert_eq!(encoded, b"DSSEv1 29 http://example.com/HelloWorld 11 hello world");
    }

    #[test]
    fn sign_and_verify() {
        let (key, other) = (SigningKey::generate().unwrap(), SigningKey::generate().unwrap());
        let envelope = sign(IN_TOTO, b"{}", &key).unwrap();
        let again = Envelope::parse(&envelope.to_bytes()).unwrap();
        assert_eq!(again, envelope);
        assert_eq!(again.verify(IN_TOTO, &[other.verifying_key(), key.verifying_key()]).unwrap(), key.verifying_key());
        assert!(matches!(again.verify(IN_TOTO, &[other.verifying_key()]), Err(DsseError::UnknownKey(_))));
        assert!(matches!(again.verify("text/plain", &[key.verifying_key()]), Err(DsseError::PayloadType(_))));
        let mut changed = envelope.clone();
        changed.payload = b"{ }".to_vec();
        assert!(matches!(changed.verify(IN_TOTO, &[key.verifying_key()]), Err(DsseError::WrongSignature(_))));
    }

    #[test]
    fn a_wrong_signature_beside_a_right_one_is_refused() {
        let (key, other) = (SigningKey::generate().unwrap(), SigningKey::generate().unwrap());
        let mut envelope = sign(IN_TOTO, b"{}", &key).unwrap();
        envelope.signatures.push(Signature { key_id: other.key_id().to_string(), bytes: vec![0; 64] });
        assert_eq!(envelope.verify(IN_TOTO, &[key.verifying_key()]).unwrap(), key.verifying_key());
        assert!(envelope.verify(IN_TOTO, &[key.verifying_key(), other.verifying_key()]).is_err());
    }

    #[test]
    fn strict_reading() {
        let check = |text: &str, ok: bool| assert_eq!(Envelope::parse(text.as_bytes()).is_ok(), ok, "{text}");
        check(r#"{"payload":"e30=","payloadType":"t","signatures":[{"keyid":"k","sig":"AA=="}]}"#, true);
        check(r#"{"payload":"e30=","payloadType":"t","signatures":[{"sig":"AA=="}]}"#, true);
        check(r#"{"payload":"e30=","payloadType":"t","signatures":[]}"#, false);
        check(r#"{"payload":"e30","payloadType":"t","signatures":[{"sig":"AA=="}]}"#, false);
        check(r#"{"payload":"e31=","payloadType":"t","signatures":[{"sig":"AA=="}]}"#, false);
        check(r#"{"payload":"e30=","payloadType":"t","signatures":[{"sig":"AB=="}]}"#, false);
        check(r#"{"payload":"e30=","payload":"e30=","payloadType":"t","signatures":[{"sig":"AA=="}]}"#, false);
        check(r#"{"payload":"e30=","payloadType":"t","signatures":[{"sig":"AA=="}],"more":1}"#, false);
        check(r#"{"payload":"e30=","payloadType":"t","signatures":[{"sig":"AA==","cert":""}]}"#, false);
        check(r#"{"payload":"e30=","payloadType":"t","signatures":[{"sig":"AA=="}]} x"#, false);
        check(&"[".repeat(100_000), false);
    }
}
