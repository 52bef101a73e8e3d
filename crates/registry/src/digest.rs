//! Digests of content as registries write them, and how they are taken.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use aws_lc_rs::digest::{Algorithm, Context, SHA256, SHA512, digest};

/// A digest: `sha256:` or `sha512:` and hexadecimal digits.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(Arc<str>);

/// The text is no digest, or one of an algorithm that is not known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is no digest: `sha256:` and 64 small hexadecimal digits, or `sha512:` and 128")]
pub struct ParseDigestError;

impl Digest {
    /// The digest of bytes, by SHA-256.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Digest {
        Digest(format!("sha256:{}", hex::encode(digest(&SHA256, bytes))).into())
    }

    /// As registries write it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Where an OCI layout keeps the content.
    pub(crate) fn path(&self) -> String {
        format!("blobs/{}", self.0.replacen(':', "/", 1))
    }

    fn algorithm(&self) -> &'static Algorithm {
        if self.0.starts_with("sha512:") { &SHA512 } else { &SHA256 }
    }

    /// Whether bytes have it; if not, what they have.
    pub(crate) fn check(&self, bytes: &[u8]) -> Result<(), Digest> {
        let mut taken = self.taking();
        taken.update(bytes);
        taken.check(self)
    }

    /// Takes digests of the same kind.
    pub(crate) fn taking(&self) -> Taking {
        Taking { context: Context::new(self.algorithm()) }
    }
}

impl FromStr for Digest {
    type Err = ParseDigestError;

    fn from_str(text: &str) -> Result<Digest, ParseDigestError> {
        let digits = match text.split_once(':') {
            Some(("sha256", digits)) if digits.len() == 64 => digits,
            Some(("sha512", digits)) if digits.len() == 128 => digits,
            _ => return Err(ParseDigestError),
        };
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if digits.bytes().all(is_digit) { Ok(Digest(text.into())) } else { Err(ParseDigestError) }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A digest of content that comes in parts.
pub(crate) struct Taking {
    context: Context,
}

impl Taking {
    /// More of the content.
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.context.update(bytes);
    }

    /// Whether all of it has that digest; if not, what it has.
    pub(crate) fn check(self, told: &Digest) -> Result<(), Digest> {
        let name = if std::ptr::eq(told.algorithm(), &SHA512) { "sha512" } else { "sha256" };
        let found = Digest(format!("{name}:{}", hex::encode(self.context.finish())).into());
        if found == *told { Ok(()) } else { Err(found) }
    }
}
