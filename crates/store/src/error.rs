//! Why a store does not do what it is asked, and what to do about it.

use std::sync::Arc;

use crate::credentials::CredentialError;

/// Longest words of a store that are told, in characters.
const LONGEST_MESSAGE: usize = 300;

/// Why a store does not do what it is asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No connection, or one that broke.
    #[error("`{host}` cannot be reached: {why}")]
    Unreachable {
        /// Who was asked.
        host: Arc<str>,
        /// What the network says.
        why: String,
        /// Whether the request may have arrived and been carried out.
        sent: bool,
    },
    /// No answer in time; the request may have been carried out.
    #[error("`{host}` takes longer than {seconds} seconds to {what}")]
    Late {
        /// Who was asked.
        host: Arc<str>,
        /// What for.
        what: String,
        /// How long was waited.
        seconds: u64,
    },
    /// The store says no.
    #[error("`{host}` does not {what}: {code} ({status}){}", .message.as_deref().map(|message| format!(": {message}")).unwrap_or_default())]
    Refused {
        /// Who was asked.
        host: Arc<str>,
        /// What for.
        what: String,
        /// The status of HTTP.
        status: u16,
        /// The store's own code, such as `AccessDenied`.
        code: String,
        /// The store's own words.
        message: Option<String>,
    },
    /// More bytes than may be.
    #[error("the answer of `{host}` to `{what}` has more than {limit} bytes")]
    Large {
        /// Who was asked.
        host: Arc<str>,
        /// What for.
        what: String,
        /// How many there may be.
        limit: u64,
    },
    /// An answer that does not have the shape it should.
    #[error("the answer of `{host}` to `{what}` is broken: {why}")]
    Broken {
        /// Who was asked.
        host: Arc<str>,
        /// What for.
        what: String,
        /// What is wrong.
        why: String,
    },
    /// A name that no object may have here.
    #[error("`{0}` is not a name for an object")]
    Name(String),
    /// The credentials cannot be found out.
    #[error(transparent)]
    Credentials(#[from] CredentialError),
    /// TLS or the runtime cannot be set up.
    #[error("a connection cannot be set up: {0}")]
    Setup(String),
}

impl StoreError {
    /// Whether it may work when tried again: the network, or a store that is busy.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            StoreError::Unreachable { why, .. } => !why.contains("certificate") && !why.contains("TLS"),
            StoreError::Late { .. } => true,
            StoreError::Refused { status, code, .. } => {
                *status >= 500 && *status != 501 || *status == 429 || matches!(code.as_str(), "RequestTimeout" | "SlowDown")
            }
            _ => false,
        }
    }

    /// Whether nobody knows if the request was carried out.
    #[must_use]
    pub fn is_ambiguous(&self) -> bool {
        match self {
            StoreError::Unreachable { sent, .. } => *sent,
            StoreError::Late { .. } | StoreError::Large { .. } | StoreError::Broken { .. } => true,
            // A server that failed may have failed after it wrote.
            StoreError::Refused { status, .. } => *status >= 500,
            _ => false,
        }
    }

    /// The status of HTTP, where the store said no.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self {
            StoreError::Refused { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// The store's own code, where it said no.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        match self {
            StoreError::Refused { code, .. } => Some(code),
            _ => None,
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            StoreError::Unreachable { why, .. } if why.contains("certificate") || why.contains("UnknownIssuer") => {
                Some("name the authority that signed its certificate in `AWS_CA_BUNDLE`")
            }
            StoreError::Refused { code, .. } => match code.as_str() {
                "RequestTimeTooSkewed" => Some("the clock of this machine is wrong"),
                "InvalidAccessKeyId" | "SignatureDoesNotMatch" | "ExpiredToken" => {
                    Some("the credentials do not do; look at `AWS_PROFILE` and `AWS_ACCESS_KEY_ID`")
                }
                "AccessDenied" => Some("the credentials may not do this; `docs/guides/worm.md` has the policy they need"),
                "NoSuchBucket" => Some("make the bucket first, with Object Lock where evidence is sealed in it"),
                "PermanentRedirect" | "AuthorizationHeaderMalformed" | "IllegalLocationConstraintException" => {
                    Some("the bucket is in another region; add `?region=NAME`")
                }
                _ => None,
            },
            _ => None,
        }
    }
}

/// The words of somebody else on one line, not too many.
pub(crate) fn told(text: &str) -> String {
    let plain: String = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).take(LONGEST_MESSAGE).collect();
    plain.trim().to_owned()
}

/// An error with its causes on one line.
pub(crate) fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let more = cause.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        next = cause.source();
    }
    told(&text)
}
