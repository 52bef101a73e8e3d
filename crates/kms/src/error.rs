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
    /// No connection, or one that broke.
    #[error("`{host}` cannot be reached: {why}")]
    Unreachable {
        /// Who was asked.
        host: String,
        /// What the network says.
        why: String,
    },
    /// No answer in time.
    #[error("`{host}` takes longer than {seconds} seconds to send {what}")]
    Late {
        /// Who was asked.
        host: String,
        /// What for.
        what: &'static str,
        /// How long was waited.
        seconds: u64,
    },
    /// The service says no.
    #[error("`{host}` does not give {what}: {}{}", code.as_ref().map_or_else(|| format!("HTTP status {status}"), |code| format!("{code} ({status})")), message.as_ref().map_or_else(String::new, |message| format!(": {message}")))]
    Refused {
        /// Who was asked.
        host: String,
        /// What for.
        what: &'static str,
        /// Status of HTTP.
        status: u16,
        /// Its own code.
        code: Option<String>,
        /// Its own words.
        message: Option<String>,
    },
    /// The service sends us to somebody else, who is not asked.
    #[error("`{host}` sends us elsewhere (HTTP status {status}), where credentials are not taken")]
    Elsewhere {
        /// Who was asked.
        host: String,
        /// Status of HTTP.
        status: u16,
    },
    /// What comes does not have the shape it should.
    #[error("{what} is broken: {why}")]
    Broken {
        /// What it is.
        what: &'static str,
        /// What is wrong.
        why: String,
    },
    /// TLS or the connection cannot be set up.
    #[error("a connection cannot be set up: {0}")]
    Setup(String),
    /// A signature that does not belong to the key. It is thrown away.
    #[error("the signature that came does not belong to the public key ({0})")]
    WrongSignature(String),
}

impl KmsError {
    /// Whether it fails by what was asked for or set up. What a token or the network did may pass.
    #[must_use]
    pub fn is_final(&self) -> bool {
        match self {
            KmsError::Missing { .. }
            | KmsError::Setting { .. }
            | KmsError::NotFound(_)
            | KmsError::Key(_)
            | KmsError::Pin(_)
            | KmsError::Elsewhere { .. }
            | KmsError::Setup(_) => true,
            KmsError::Refused { .. } => !self.may_pass(),
            KmsError::Token { .. }
            | KmsError::Unreachable { .. }
            | KmsError::Late { .. }
            | KmsError::Broken { .. }
            | KmsError::WrongSignature(_) => false,
        }
    }

    /// Whether to ask again.
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            // A certificate does not become good by asking again.
            KmsError::Unreachable { why, .. } => !why.contains("certificate") && !why.contains("TLS"),
            KmsError::Late { .. } => true,
            KmsError::Refused { status, code, .. } => {
                *status >= 500 || *status == 429 || code.as_ref().is_some_and(|code| code.contains("Throttling"))
            }
            _ => false,
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        match self {
            KmsError::Missing { hint, .. } => Some(hint),
            KmsError::Refused { status, code, .. } => {
                let denied = matches!(status, 401 | 403) || code.as_ref().is_some_and(|code| code.contains("AccessDenied"));
                denied.then_some(
                    "either the credentials are not good, or they may not do that; the guide on keys tells what each service needs",
                )
            }
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
