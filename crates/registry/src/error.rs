//! Why an image does not come, and what to do about it.

use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use crate::credentials::CredentialError;
use crate::digest::Digest;
use crate::platform::Platform;

/// Longest message of a registry that is told, in characters.
const LONGEST_MESSAGE: usize = 300;

/// Why an image does not come from a registry.
#[derive(Debug, thiserror::Error)]
pub enum PullError {
    /// No connection, or one that broke.
    #[error("`{host}` cannot be reached: {why}")]
    Unreachable {
        /// Who was asked.
        host: Arc<str>,
        /// What the network says.
        why: String,
    },
    /// No answer in time.
    #[error("`{host}` takes longer than {seconds} seconds to send {what}")]
    Late {
        /// Who was asked.
        host: Arc<str>,
        /// What for.
        what: String,
        /// How long was waited.
        seconds: u64,
    },
    /// The registry, or what gives tokens for it, says no.
    #[error("`{host}` does not give {what}: {answer}")]
    Refused {
        /// Who was asked.
        host: Arc<str>,
        /// What for.
        what: String,
        /// What it says.
        answer: Answer,
        /// Whether there were credentials for it.
        signed_in: bool,
    },
    /// The registry does not keep what it is sent.
    #[error("`{host}` does not take {what}: {answer}")]
    NotTaken {
        /// Who was asked.
        host: Arc<str>,
        /// What it was sent.
        what: String,
        /// What it says.
        answer: Answer,
        /// Whether there were credentials for it.
        signed_in: bool,
    },
    /// More bytes than may be, or than were told.
    #[error("{what} has more than {limit} bytes")]
    Large {
        /// What it is.
        what: String,
        /// How many there may be.
        limit: u64,
    },
    /// Fewer bytes than were told.
    #[error("{what} ends after {found} of {told} bytes")]
    Short {
        /// What it is.
        what: String,
        /// How many were told.
        told: u64,
        /// How many came.
        found: u64,
    },
    /// The content is not what its digest says.
    #[error("the content of {what} should have the digest `{told}` and has `{found}`")]
    Changed {
        /// What it is.
        what: String,
        /// What was told.
        told: Digest,
        /// What it has.
        found: String,
    },
    /// Something the registry sends does not have the shape it should.
    #[error("{what} is broken: {why}")]
    Broken {
        /// What it is.
        what: String,
        /// What is wrong.
        why: String,
    },
    /// The manifest is of the version that was given up in 2017.
    #[error("the manifest is of schema 1, whose layers cannot be checked: it is not read")]
    SchemaOne,
    /// No image for that platform.
    #[error("there is no image for `{wanted}`; there are: {there}")]
    Platform {
        /// What was asked for.
        wanted: Platform,
        /// What there is.
        there: String,
    },
    /// Credentials that may not go where they would.
    #[error("`{host}` wants credentials sent to `{realm}`, which is not protected by TLS")]
    Unprotected {
        /// Who was asked.
        host: Arc<str>,
        /// Where they would go.
        realm: String,
    },
    /// The credentials cannot be found out.
    #[error(transparent)]
    Credentials(#[from] CredentialError),
    /// TLS or the connection cannot be set up.
    #[error("a connection cannot be set up: {0}")]
    Setup(String),
    /// What comes cannot be kept.
    #[error("what comes from the registry cannot be kept: {0}")]
    Keep(#[source] std::io::Error),
}

impl PullError {
    /// Whether it fails for good: by what was asked for, or how. What the network or a registry did may pass.
    #[must_use]
    pub fn is_final(&self) -> bool {
        match self {
            PullError::Refused { .. } | PullError::NotTaken { .. } => self.status().is_none_or(|status| status < 500 && status != 429),
            PullError::SchemaOne
            | PullError::Platform { .. }
            | PullError::Unprotected { .. }
            | PullError::Credentials(_)
            | PullError::Setup(_) => true,
            PullError::Unreachable { .. }
            | PullError::Late { .. }
            | PullError::Large { .. }
            | PullError::Short { .. }
            | PullError::Changed { .. }
            | PullError::Broken { .. }
            | PullError::Keep(_) => false,
        }
    }

    /// The same, of something that was sent.
    pub(crate) fn not_taken(self) -> PullError {
        match self {
            PullError::Refused { host, what, answer, signed_in } => PullError::NotTaken { host, what, answer, signed_in },
            other => other,
        }
    }

    /// The status of HTTP where somebody says no; that of a code where no status is known.
    pub(crate) fn status(&self) -> Option<u16> {
        let (PullError::Refused { answer, .. } | PullError::NotTaken { answer, .. }) = self else { return None };
        answer.status.or(match answer.code.as_deref() {
            Some("BLOB_UNKNOWN" | "NAME_UNKNOWN" | "MANIFEST_UNKNOWN" | "NOT_FOUND") => Some(404),
            Some("UNAUTHORIZED") => Some(401),
            Some("TOOMANYREQUESTS") => Some(429),
            _ => None,
        })
    }

    /// What to do about it, for an image of that registry.
    #[must_use]
    pub fn hint(&self, registry: &str) -> Option<String> {
        match self {
            PullError::Unreachable { why, .. } if why.contains("certificate") || why.contains("UnknownIssuer") => {
                Some("name the authority that signed its certificate with `--registry-ca FILE`".to_owned())
            }
            PullError::Unreachable { why, .. }
                if ["InvalidContentType", "corrupt message", "handshake eof"].iter().any(|word| why.contains(word)) =>
            {
                Some("it does not speak TLS; where that is meant, say `--plain-http`".to_owned())
            }
            PullError::Refused { answer, signed_in, .. } | PullError::NotTaken { answer, signed_in, .. } => {
                match (answer.status, answer.code.as_deref()) {
                    (Some(401 | 403), _) | (_, Some("UNAUTHORIZED" | "DENIED")) => Some(if *signed_in {
                        format!("the credentials for `{registry}` do not do: `docker login {registry}` renews them")
                    } else {
                        format!("either there is no such repository, or it wants credentials: `docker login {registry}` gives them")
                    }),
                    (Some(429), _) | (_, Some("TOOMANYREQUESTS")) => Some(format!(
                        "wait, sign in with `docker login {registry}`, or name a mirror with `--registry-mirror {registry}=HOST`"
                    )),
                    _ => None,
                }
            }
            PullError::Late { .. } => Some("give it more time with `--registry-timeout SECONDS`".to_owned()),
            PullError::Credentials(error) => error.hint(registry),
            _ => None,
        }
    }
}

/// What a registry answers where it does not do what it is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Status of HTTP; none where it is not known.
    pub status: Option<u16>,
    /// Its own code: `MANIFEST_UNKNOWN`.
    pub code: Option<String>,
    /// Its own words.
    pub message: Option<String>,
}

impl Answer {
    /// Reads the body of an answer. Registries say `{"errors":[{code, message}]}`, those that give tokens also `{"details"}` and
    /// `{"error", "error_description"}`.
    pub(crate) fn read(status: u16, body: &[u8]) -> Answer {
        let value: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
        let first = value.pointer("/errors/0").unwrap_or(&value);
        let text = |keys: &[&str]| {
            let found = keys.iter().find_map(|key| first.get(key).and_then(Value::as_str));
            found.map(told).filter(|text| !text.is_empty())
        };
        let (code, message) = (text(&["code", "error"]), text(&["message", "error_description", "details"]));
        Answer { status: Some(status), code, message }
    }

    /// Takes out what may not be told.
    pub(crate) fn without(mut self, secrets: &[&str]) -> Answer {
        for text in [&mut self.code, &mut self.message].into_iter().flatten() {
            for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
                *text = text.replace(secret, "***");
            }
        }
        self
    }
}

/// The words of somebody else on one line, not too many.
pub(crate) fn told(text: &str) -> String {
    let plain: String = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).take(LONGEST_MESSAGE).collect();
    plain.trim().to_owned()
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.code, self.status) {
            (Some(code), Some(status)) => write!(f, "{code} ({status})")?,
            (Some(code), None) => f.write_str(code)?,
            (None, Some(status)) => write!(f, "HTTP status {status}")?,
            (None, None) => f.write_str("no reason is told")?,
        }
        self.message.as_ref().map_or(Ok(()), |message| write!(f, ": {message}"))
    }
}
