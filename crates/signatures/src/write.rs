//! Writing what lies beside an image, as Cosign writes it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use probity_registry::{Digest, EMPTY, EMPTY_BYTES, Manifest, Name, OCI_MANIFEST, PullError, Repository};
use serde_json::{Map, Value, json};

use crate::find::WRITTEN;
use crate::judge::VerifyImageError;
use crate::legacy::{ENVELOPE, SIGNATURE as SIGNATURE_ANNOTATION, SIMPLE_SIGNING};

/// The type of the predicate of a signature, as Cosign has it since its version 3: it says nothing.
pub const SIGNATURE: &str = "https://sigstore.dev/cosign/sign/v1";

/// Most images of a list that are signed at once.
const MOST_IMAGES: usize = 1000;

/// What is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// Its digest.
    pub digest: Digest,
    /// Its type, digest and size, as manifests tell them.
    pub descriptor: Value,
}

/// An image and, where it is a list and `recursive` says so, everything in it, each once.
///
/// # Errors
/// The registry cannot be asked, or does not have what is listed, or too much is.
pub fn subjects(repository: &dyn Repository, manifest: &Manifest, recursive: bool) -> Result<Vec<Subject>, VerifyImageError> {
    let subject = |manifest: &Manifest| Subject { digest: manifest.digest().clone(), descriptor: manifest.descriptor() };
    let mut all = vec![subject(manifest)];
    let mut waiting = if recursive { manifest.children()? } else { Vec::new() };
    while let Some(digest) = waiting.pop() {
        if all.iter().any(|known| known.digest == digest) {
            continue;
        }
        if all.len() == MOST_IMAGES {
            let what = format!("the list `{}`", manifest.digest());
            return Err(PullError::Broken { what, why: format!("it has more than {MOST_IMAGES} images") }.into());
        }
        let inner = repository.manifest(&Name::Digest(digest))?.ok_or(VerifyImageError::NoImage)?;
        waiting.extend(inner.children()?);
        all.push(subject(&inner));
    }
    Ok(all)
}

/// Lets a bundle refer to an image (Cosign `specs/BUNDLE_SPEC.md`); the digest of what refers. `created` is a time as RFC 3339 has it.
///
/// # Errors
/// The registry does not take it.
pub fn attach_bundle(
    repository: &dyn Repository,
    image: &Subject,
    bundle: &[u8],
    predicate_type: Option<&str>,
    created: &str,
) -> Result<Digest, PullError> {
    let config = repository.push_blob(EMPTY_BYTES)?;
    let layer = repository.push_blob(bundle)?;
    let content = if predicate_type.is_some() { "dsse-envelope" } else { "message-signature" };
    let mut annotations = json!({ "dev.sigstore.bundle.content": content, "org.opencontainers.image.created": created });
    if let (Some(annotations), Some(predicate_type)) = (annotations.as_object_mut(), predicate_type) {
        annotations.insert("dev.sigstore.bundle.predicateType".to_owned(), predicate_type.into());
    }
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": WRITTEN,
        "config": { "mediaType": EMPTY, "digest": config.as_str(), "size": EMPTY_BYTES.len() },
        "layers": [{ "mediaType": WRITTEN, "digest": layer.as_str(), "size": bundle.len() }],
        "subject": image.descriptor,
        "annotations": annotations,
    });
    repository.push_manifest(None, &manifest)
}

/// The text that Cosign's older signatures sign: the image's digest, its name and what else is to be said.
#[must_use]
pub fn simple_signing(name: &str, image: &Digest, annotations: &Map<String, Value>) -> Vec<u8> {
    let optional = if annotations.is_empty() { Value::Null } else { Value::Object(annotations.clone()) };
    let critical = json!({
        "identity": { "docker-reference": name },
        "image": { "docker-manifest-digest": image.as_str() },
        "type": "cosign container image signature",
    });
    json!({ "critical": critical, "optional": optional }).to_string().into_bytes()
}

/// Adds a signature under the tag `sha256-DIGEST.sig`; the digest of the manifest there.
///
/// # Errors
/// The registry does not take it, or what is there cannot be read.
pub fn attach_legacy_signature(repository: &dyn Repository, image: &Digest, text: &[u8], signature: &[u8]) -> Result<Digest, PullError> {
    let annotations = json!({ SIGNATURE_ANNOTATION: STANDARD.encode(signature) });
    attach(repository, image, ".sig", SIMPLE_SIGNING, text, &annotations)
}

/// Adds a DSSE envelope under the tag `sha256-DIGEST.att`; the digest of the manifest there.
///
/// # Errors
/// As [`attach_legacy_signature`].
pub fn attach_legacy_attestation(
    repository: &dyn Repository,
    image: &Digest,
    envelope: &[u8],
    predicate_type: &str,
) -> Result<Digest, PullError> {
    let annotations = json!({ SIGNATURE_ANNOTATION: "", "predicateType": predicate_type });
    attach(repository, image, ".att", ENVELOPE, envelope, &annotations)
}

/// Adds a layer to the manifest under one of Cosign's tags. Two who do so at the same moment can lose one of both, as with Cosign: tags
/// know no compare-and-swap. What refers to an image has no such fault.
fn attach(
    repository: &dyn Repository,
    image: &Digest,
    suffix: &str,
    kind: &str,
    content: &[u8],
    annotations: &Value,
) -> Result<Digest, PullError> {
    let name = Name::beside(image, suffix);
    let mut layers = match repository.manifest(&name)? {
        Some(there) => {
            let layers = there.value().get("layers").and_then(Value::as_array).cloned();
            let broken = || PullError::Broken { what: format!("`{}`", name.as_str()), why: "it holds no layers to add to".to_owned() };
            layers.ok_or_else(broken)?
        }
        None => Vec::new(),
    };
    let digest = repository.push_blob(content)?;
    let layer = json!({ "mediaType": kind, "digest": digest.as_str(), "size": content.len(), "annotations": annotations });
    if !layers.contains(&layer) {
        layers.push(layer);
    }
    let ids: Vec<&Value> = layers.iter().filter_map(|layer| layer.get("digest")).collect();
    let history: Vec<Value> = ids.iter().map(|_| json!({ "created": "0001-01-01T00:00:00Z" })).collect();
    let config = json!({
        "architecture": "", "created": "0001-01-01T00:00:00Z", "history": history, "os": "",
        "rootfs": { "type": "layers", "diff_ids": ids }, "config": {},
    })
    .to_string();
    let config_digest = repository.push_blob(config.as_bytes())?;
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": {
            "mediaType": "application/vnd.oci.image.config.v1+json", "digest": config_digest.as_str(), "size": config.len(),
        },
        "layers": layers,
    });
    repository.push_manifest(Some(name.as_str()), &manifest)
}
