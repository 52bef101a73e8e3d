//! Cosign's older way: a layer under `sha256-DIGEST.sig` whose content is the signed text ("simple signing"), or under `.att` a DSSE
//! envelope; the signature, certificate, log entry and timestamp are annotations of the layer (Cosign `specs/SIGNATURE_SPEC.md`). Put as a
//! bundle of version 0.1, so that one verifier judges both.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use probity_attest::sha256;
use probity_sigstore::Bundle;
use serde_json::{Map, Value, json};

/// Type of a layer with a signed text.
pub(crate) const SIMPLE_SIGNING: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
/// Type of a layer with an attestation.
pub(crate) const ENVELOPE: &str = "application/vnd.dsse.envelope.v1+json";
/// The annotation with the signature.
pub(crate) const SIGNATURE: &str = "dev.cosignproject.cosign/signature";
/// The annotation with the certificate (PEM).
const CERTIFICATE: &str = "dev.sigstore.cosign/certificate";
/// The annotation with the entry of the log.
const ENTRY: &str = "dev.sigstore.cosign/bundle";
/// The annotation with a timestamp.
const TIMESTAMP: &str = "dev.sigstore.cosign/rfc3161timestamp";
/// Type of bundles of version 0.1.
const BUNDLE_0_1: &str = "application/vnd.dev.sigstore.bundle+json;version=0.1";

/// A layer that is no signature and no attestation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LegacyError {
    /// Another type.
    #[error("a layer of the type `{0}` is no signature")]
    Type(String),
    /// An annotation that does not have its shape.
    #[error("its annotation `{0}` is broken: {1}")]
    Annotation(&'static str, String),
    /// No signature.
    #[error("it has no signature")]
    NoSignature,
    /// An attestation that is no envelope.
    #[error("it is no DSSE envelope: {0}")]
    Envelope(String),
    /// Not readable as a bundle.
    #[error("{0}")]
    Bundle(String),
}

/// The layer as a bundle, and the text that is signed where it is a signature.
pub(crate) fn read(layer: &Value, bytes: Vec<u8>) -> Result<(Bundle, Option<Vec<u8>>), LegacyError> {
    let kind = layer.get("mediaType").and_then(Value::as_str).unwrap_or_default();
    let none = Map::new();
    let annotations = layer.get("annotations").and_then(Value::as_object).unwrap_or(&none);
    let annotation = |name: &str| annotations.get(name).and_then(Value::as_str).filter(|text| !text.trim().is_empty());
    let mut material = match annotation(CERTIFICATE) {
        Some(pem) => {
            let der = certificate(pem).map_err(|why| LegacyError::Annotation(CERTIFICATE, why))?;
            json!({ "x509CertificateChain": { "certificates": [{ "rawBytes": der }] } })
        }
        None => json!({ "publicKey": { "hint": "" } }),
    };
    if let Some(material) = material.as_object_mut() {
        if let Some(text) = annotation(ENTRY) {
            let entry = entry(text).map_err(|why| LegacyError::Annotation(ENTRY, why))?;
            material.insert("tlogEntries".to_owned(), json!([entry]));
        }
        if let Some(text) = annotation(TIMESTAMP) {
            let wrong = |why: &str| LegacyError::Annotation(TIMESTAMP, why.to_owned());
            let value: Value = serde_json::from_str(text).map_err(|error| wrong(&error.to_string()))?;
            let token = value.get("SignedRFC3161Timestamp").and_then(Value::as_str);
            let token = token.ok_or_else(|| wrong("it holds no `SignedRFC3161Timestamp`"))?;
            material.insert("timestampVerificationData".to_owned(), json!({ "rfc3161Timestamps": [{ "signedTimestamp": token }] }));
        }
    }
    let bundle = |name: &str, content: Value| {
        let whole = json!({ "mediaType": BUNDLE_0_1, "verificationMaterial": material, name: content });
        Bundle::parse(whole.to_string().as_bytes()).map_err(|error| LegacyError::Bundle(error.why))
    };
    match kind {
        SIMPLE_SIGNING => {
            let signature = annotation(SIGNATURE).ok_or(LegacyError::NoSignature)?;
            let digest = STANDARD.encode(sha256(&bytes).0);
            let content = json!({ "messageDigest": { "algorithm": "SHA2_256", "digest": digest }, "signature": signature });
            Ok((bundle("messageSignature", content)?, Some(bytes)))
        }
        ENVELOPE => {
            let envelope: Value = serde_json::from_slice(&bytes).map_err(|error| LegacyError::Envelope(error.to_string()))?;
            Ok((bundle("dsseEnvelope", envelope)?, None))
        }
        other => Err(LegacyError::Type(other.chars().take(200).collect())),
    }
}

/// The first certificate of a PEM text, DER in base64.
fn certificate(pem: &str) -> Result<String, String> {
    let (_, rest) = pem.split_once("-----BEGIN CERTIFICATE-----").ok_or("it holds no certificate")?;
    let (body, _) = rest.split_once("-----END CERTIFICATE-----").ok_or("its certificate does not end")?;
    let body: String = body.split_whitespace().collect();
    STANDARD.decode(&body).map_err(|error| error.to_string())?;
    Ok(body)
}

/// The log's entry (`{SignedEntryTimestamp, Payload: {body, integratedTime, logIndex, logID}}`) as bundles have it.
fn entry(text: &str) -> Result<Value, String> {
    let value: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let member = |path: &str| value.pointer(path).ok_or_else(|| format!("`{}` is missing", path.trim_start_matches('/').replace('/', ".")));
    let text = |path: &str| member(path).and_then(|value| value.as_str().ok_or_else(|| format!("`{path}` is no text")));
    let number = |path: &str| member(path).and_then(|value| value.as_i64().ok_or_else(|| format!("`{path}` is no number")));
    let body = text("/Payload/body")?;
    let canonical = STANDARD.decode(body).map_err(|error| format!("its body: {error}"))?;
    let canonical: Value = serde_json::from_slice(&canonical).map_err(|error| format!("its body: {error}"))?;
    let kind = |name: &str| canonical.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let log = hex(text("/Payload/logID")?).ok_or("`logID` is not hexadecimal")?;
    Ok(json!({
        "logIndex": number("/Payload/logIndex")?.to_string(),
        "logId": { "keyId": STANDARD.encode(log) },
        "kindVersion": { "kind": kind("kind"), "version": kind("apiVersion") },
        "integratedTime": number("/Payload/integratedTime")?.to_string(),
        "inclusionPromise": { "signedEntryTimestamp": text("/SignedEntryTimestamp")? },
        "canonicalizedBody": body,
    }))
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text.chars().map(|digit| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
    let digits = digits.filter(|digits| digits.len() % 2 == 0)?;
    Some(digits.chunks_exact(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect())
}

/// What a signed text says (`critical`), where it is one of an image; the error is a sentence.
pub(crate) fn claims(payload: &[u8], image: &str) -> Result<Map<String, Value>, String> {
    let value: Value = serde_json::from_slice(payload).map_err(|error| format!("the signed text is no JSON: {error}"))?;
    let text = |path: &str| value.pointer(path).and_then(Value::as_str).unwrap_or_default();
    let kind = text("/critical/type");
    if kind != "cosign container image signature" && kind != "atomic container signature" {
        return Err(format!("the signed text is a `{}`, no signature of an image", kind.chars().take(100).collect::<String>()));
    }
    let named = text("/critical/image/docker-manifest-digest");
    if named != image {
        return Err(format!("it is a signature of another image, `{}`", named.chars().take(100).collect::<String>()));
    }
    Ok(value.get("optional").and_then(Value::as_object).cloned().unwrap_or_default())
}
