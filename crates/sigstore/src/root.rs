//! Whom one trusts: authorities, logs and their keys, each with the time in which it counts.

use crate::library;

/// Most bytes of a trust root.
pub const MAX_TRUST_ROOT: usize = 1 << 20;

/// Of which day the built-in root of the public-good instance is.
pub const PUBLIC_GOOD_DATE: &str = "2026-08-19";

/// The public-good instance's `trusted_root.json`, as Sigstore publishes it (`data/README.md`).
const PUBLIC_GOOD: &[u8] = include_bytes!("../data/public-good.json");

/// A trust root that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrustRootError {
    /// More bytes than a trust root may have.
    #[error("the trust root has {0} bytes, more than {MAX_TRUST_ROOT}")]
    TooLarge(usize),
    /// Not a trust root, or one with a key, certificate or period that cannot be.
    #[error("not a Sigstore trust root: {0}")]
    Wrong(String),
}

/// A trust root, made ready for any number of bundles.
pub struct TrustRoot {
    pub(crate) prepared: library::Prepared,
}

impl std::fmt::Debug for TrustRoot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TrustRoot")
    }
}

impl TrustRoot {
    /// Reads a `trusted_root.json`. Every key and certificate in it is read now: one that cannot be is an error.
    ///
    /// # Errors
    /// Too large, or not a usable trust root.
    pub fn parse(bytes: &[u8]) -> Result<TrustRoot, TrustRootError> {
        if bytes.len() > MAX_TRUST_ROOT {
            return Err(TrustRootError::TooLarge(bytes.len()));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| TrustRootError::Wrong("it is not UTF-8 text".to_owned()))?;
        library::Prepared::root(text).map(|prepared| TrustRoot { prepared }).map_err(TrustRootError::Wrong)
    }

    /// The root of Sigstore's public-good instance as of [`PUBLIC_GOOD_DATE`].
    ///
    /// # Errors
    /// None that a test would not have found.
    pub fn public_good() -> Result<TrustRoot, TrustRootError> {
        TrustRoot::parse(PUBLIC_GOOD)
    }
}
