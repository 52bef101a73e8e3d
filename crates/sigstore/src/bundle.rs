//! Bundles as bytes: what is one, and how large it may be. What it proves is `verify`'s business.

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::library;
use crate::statement::Statement;
use crate::{Step, VerifyError};

/// Most bytes of a bundle. A bill of materials in a DSSE envelope can be large.
pub const MAX_BUNDLE: usize = 32 << 20;
/// Most log entries, and most timestamps.
pub(crate) const MAX_PROOFS: usize = 32;
/// Most certificates of a chain.
pub(crate) const MAX_CERTIFICATES: usize = 10;

/// What is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// The artifact's bytes.
    Message,
    /// An in-toto statement about artifacts, in a DSSE envelope.
    Statement(Statement),
}

/// A bundle that can be read; nothing of it is proven.
#[derive(Debug)]
pub struct Bundle {
    pub(crate) parsed: library::Parsed,
    content: Content,
}

/// The parts of which there must be exactly one. Fields that stand twice are refused, so that no two readers see different bundles.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Shape {
    #[serde(default, rename = "mediaType")]
    _media_type: Option<IgnoredAny>,
    verification_material: Material,
    #[serde(default)]
    message_signature: Option<IgnoredAny>,
    #[serde(default)]
    dsse_envelope: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Material {
    #[serde(default)]
    certificate: Option<IgnoredAny>,
    #[serde(default, rename = "x509CertificateChain")]
    chain: Option<IgnoredAny>,
    #[serde(default)]
    public_key: Option<IgnoredAny>,
    #[serde(default, rename = "tlogEntries")]
    _log_entries: Option<IgnoredAny>,
    #[serde(default, rename = "timestampVerificationData")]
    _timestamps: Option<IgnoredAny>,
}

impl Bundle {
    /// Reads a bundle: version 0.1, 0.2 or 0.3, with a signature over the artifact or a DSSE envelope.
    ///
    /// # Errors
    /// Too large, not a bundle, ambiguous, or of a kind that is not known.
    pub fn parse(bytes: &[u8]) -> Result<Bundle, VerifyError> {
        let wrong = |why: String| VerifyError::new(Step::Bundle, why);
        if bytes.len() > MAX_BUNDLE {
            return Err(wrong(format!("it has {} bytes, more than {MAX_BUNDLE}", bytes.len())));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| wrong("it is not UTF-8 text".to_owned()))?;
        let shape: Shape = serde_json::from_str(text).map_err(|error| wrong(format!("it is not a Sigstore bundle: {error}")))?;
        let one = |parts: &[bool]| parts.iter().filter(|there| **there).count() == 1;
        let material = &shape.verification_material;
        if !one(&[shape.message_signature.is_some(), shape.dsse_envelope.is_some()]) {
            return Err(wrong("it needs exactly one of `messageSignature` and `dsseEnvelope`".to_owned()));
        }
        if !one(&[material.certificate.is_some(), material.chain.is_some(), material.public_key.is_some()]) {
            return Err(wrong("it needs exactly one of `certificate`, `x509CertificateChain` and `publicKey`".to_owned()));
        }
        let parsed = library::Parsed::bundle(text)?;
        let content = match parsed.payload() {
            None => Content::Message,
            Some(payload) => Content::Statement(Statement::parse(payload).map_err(|why| VerifyError::new(Step::Bundle, why))?),
        };
        Ok(Bundle { parsed, content })
    }

    /// What is signed.
    #[must_use]
    pub fn content(&self) -> &Content {
        &self.content
    }

    /// The version of the format: `0.1`, `0.2`, `0.3`.
    #[must_use]
    pub fn version(&self) -> &'static str {
        self.parsed.version()
    }

    /// The hint by which a signing key may be found; nothing proves it.
    #[must_use]
    pub fn key_hint(&self) -> Option<&str> {
        self.parsed.key_hint()
    }

    /// Whether the artifact's SHA-256 does not suffice to verify the bundle with this policy, and its bytes are needed.
    #[must_use]
    pub fn needs_bytes(&self, policy: &crate::Policy) -> bool {
        match &self.content {
            Content::Message => self.parsed.needs_bytes(policy.key().map(|key| &key.0)),
            Content::Statement(statement) => !statement.subjects.iter().any(|subject| subject.digest.contains_key("sha256")),
        }
    }
}
