//! Why a key elsewhere does not sign, and what to do about it.

/// Longest words of somebody else that are told, in characters.
const LONGEST_MESSAGE: usize = 300;

/// Why a key elsewhere cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KmsError {
    /// Something that has to be said was not.
    #[error("{what} is not known")]
    Missing {
        /// What.
        what: &'static str,
        /// How it is said.
        hint: &'static str,
    },
    /// Something that was said is wrong.
    #[error("{what}: {why}")]
    Setting {
        /// A variable, a file, a part of the name.
        what: String,
        /// What is wrong with it.
        why: String,
    },
    /// What is named is not there, or there more than once.
    #[error("{0}")]
    NotFound(String),
    /// The key is there and cannot be used.
    #[error("the key cannot be used: {0}")]
    Key(String),
    /// The token does not take the PIN. It is not tried again.
    #[error("the token does not take the PIN: {0}")]
    Pin(&'static str),
    /// The token does not do what it is asked.
    #[error("the token fails at {doing}: {why}")]
    Token {
        /// What was asked.
        doing: &'static str,
        /// What it says.
        why: String,
    },
    /// A signature that does not belong to the key. It is thrown away.
    #[error("the signature that came does not belong to the public key ({0})")]
    WrongSignature(String),
}

impl KmsError {
    /// Whether it fails by what was asked for or set up. What a token or the network did may pass.
    #[must_use]
    pub fn is_final(&self) -> bool {
        match self {
            KmsError::Missing { .. } | KmsError::Setting { .. } | KmsError::NotFound(_) | KmsError::Key(_) | KmsError::Pin(_) => true,
            KmsError::Token { .. } | KmsError::WrongSignature(_) => false,
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        match self {
            KmsError::Missing { hint, .. } => Some(hint),
            KmsError::Pin(_) => Some("it was tried once and not again, since a token locks itself after a few wrong ones"),
            _ => None,
        }
    }

    pub(crate) fn setting(what: impl Into<String>, why: impl std::fmt::Display) -> KmsError {
        KmsError::Setting { what: what.into(), why: told(&why.to_string()) }
    }
}

/// The words of somebody else on one line, not too many.
pub(crate) fn told(text: &str) -> String {
    let plain: String = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).take(LONGEST_MESSAGE).collect();
    plain.trim().to_owned()
}
