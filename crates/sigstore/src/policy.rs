//! What is demanded of a bundle.

use std::fmt;

use regex::Regex;

use crate::library;

/// Most bytes of a compiled pattern.
const MAX_PATTERN: usize = 1 << 20;
/// Most bytes of a public key as PEM.
const MAX_KEY: usize = 64 << 10;

/// A pattern that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// Nothing is demanded by it.
    #[error("it is empty")]
    Empty,
    /// Not a regular expression.
    #[error("`{pattern}` is not a regular expression: {why}")]
    Wrong {
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        why: String,
    },
}

/// What a name must be.
#[derive(Clone, Debug)]
pub enum Matcher {
    /// This, byte for byte.
    Exact(String),
    /// A regular expression that matches somewhere in it, as Cosign's do; `^` and `$` make it speak of the whole.
    Pattern(Regex),
}

impl Matcher {
    /// Exactly this name.
    ///
    /// # Errors
    /// The name is empty.
    pub fn exact(name: &str) -> Result<Matcher, PatternError> {
        if name.is_empty() { Err(PatternError::Empty) } else { Ok(Matcher::Exact(name.to_owned())) }
    }

    /// A regular expression.
    ///
    /// # Errors
    /// It is empty or not one.
    pub fn pattern(pattern: &str) -> Result<Matcher, PatternError> {
        if pattern.is_empty() {
            return Err(PatternError::Empty);
        }
        let wrong = |error: regex::Error| PatternError::Wrong { pattern: pattern.to_owned(), why: error.to_string() };
        regex::RegexBuilder::new(pattern).size_limit(MAX_PATTERN).build().map(Matcher::Pattern).map_err(wrong)
    }

    /// Whether the name is what is demanded.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        match self {
            Matcher::Exact(exact) => exact == name,
            Matcher::Pattern(pattern) => pattern.is_match(name),
        }
    }

    /// Whether a longer name that only holds the demanded one would do.
    #[must_use]
    pub fn is_loose(&self) -> bool {
        match self {
            Matcher::Exact(_) => false,
            Matcher::Pattern(pattern) => !(pattern.as_str().starts_with('^') && pattern.as_str().ends_with('$')),
        }
    }

    pub(crate) fn as_exact(&self) -> Option<&str> {
        match self {
            Matcher::Exact(exact) => Some(exact),
            Matcher::Pattern(_) => None,
        }
    }
}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Matcher::Exact(exact) => write!(f, "`{exact}`"),
            Matcher::Pattern(pattern) => write!(f, "a name that matches `{}`", pattern.as_str()),
        }
    }
}

/// A public key that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a public key: {0}")]
pub struct KeyError(pub String);

/// A public key: ECDSA P-256 or P-384, Ed25519, RSA of 2048 bits or more, ML-DSA.
#[derive(Clone, Debug)]
pub struct PublicKey(pub(crate) library::Key);

impl PublicKey {
    /// Reads a PEM `PUBLIC KEY` (SubjectPublicKeyInfo).
    ///
    /// # Errors
    /// Not one, or of an algorithm that is not known.
    pub fn from_pem(text: &str) -> Result<PublicKey, KeyError> {
        if text.len() > MAX_KEY {
            return Err(KeyError(format!("it has {} bytes, more than {MAX_KEY}", text.len())));
        }
        library::Key::pem(text).map(PublicKey).map_err(KeyError)
    }

    /// Its name: the SHA-256 of its DER SubjectPublicKeyInfo.
    #[must_use]
    pub fn id(&self) -> probity_core::Digest {
        self.0.id()
    }

    /// Its algorithm, for people.
    #[must_use]
    pub fn algorithm(&self) -> &'static str {
        self.0.algorithm()
    }
}

/// Who has to have signed.
#[derive(Clone, Debug)]
pub enum Signer {
    /// Whoever the certificate names, vouched for by this issuer.
    Certificate {
        /// The subject's name: an address or a URI.
        identity: Matcher,
        /// The OpenID Connect issuer.
        issuer: Matcher,
    },
    /// Whoever has the private half of this key.
    Key(PublicKey),
}

/// What is demanded of a bundle. What is there and wrong is refused, demanded or not.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Who has to have signed.
    pub signer: Signer,
    /// Whether it has to be in a transparency log of the trust root.
    pub log: bool,
    /// Whether an authority of the trust root has to have said when it was signed (RFC 3161).
    pub timestamp: bool,
    /// Whether nobody needs to have said when it was signed. For keys alone: a certificate counts only at the time of signing.
    pub no_time: bool,
}

impl Policy {
    /// The strict policy: an entry in a log, and a time from somebody.
    #[must_use]
    pub fn new(signer: Signer) -> Policy {
        Policy { signer, log: true, timestamp: false, no_time: false }
    }

    pub(crate) fn key(&self) -> Option<&PublicKey> {
        match &self.signer {
            Signer::Key(key) => Some(key),
            Signer::Certificate { .. } => None,
        }
    }
}
