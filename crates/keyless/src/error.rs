//! Why something was not signed: the step, and what was wrong there.

use std::fmt;

/// A step of signing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Whom to ask, and what may be asked of whom.
    Services,
    /// The key, or what it signs.
    Signature,
    /// Fetching the identity token.
    Token,
    /// The certificate for the identity.
    Certificate,
    /// The timestamp.
    Timestamp,
    /// The entry in a transparency log.
    Log,
    /// What was made, judged by the trust root.
    Verification,
}

impl Step {
    /// All of them.
    pub const ALL: [Step; 7] =
        [Step::Services, Step::Signature, Step::Token, Step::Certificate, Step::Timestamp, Step::Log, Step::Verification];

    /// Its name for programs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Step::Services => "services",
            Step::Signature => "signature",
            Step::Token => "token",
            Step::Certificate => "certificate",
            Step::Timestamp => "timestamp",
            Step::Log => "log",
            Step::Verification => "verification",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Step::Services => "the services",
            Step::Signature => "the signature",
            Step::Token => "the identity token",
            Step::Certificate => "the certificate authority",
            Step::Timestamp => "the timestamp authority",
            Step::Log => "the transparency log",
            Step::Verification => "what was made does not verify",
        })
    }
}

/// Something that was not signed. No bundle is given.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{step}: {why}")]
pub struct KeylessError {
    /// Where it failed.
    pub step: Step,
    /// What was wrong.
    pub why: String,
}

impl KeylessError {
    pub(crate) fn new(step: Step, why: impl Into<String>) -> KeylessError {
        KeylessError { step, why: why.into() }
    }

    /// An error of this step.
    pub(crate) fn at<W: Into<String>>(step: Step) -> impl Fn(W) -> KeylessError {
        move |why| KeylessError::new(step, why)
    }
}
