//! Why a bundle is not verified: the step that failed, and what was wrong there.

use std::fmt;

/// A step of verification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The bundle is not one, or its parts do not fit together.
    Bundle,
    /// The bundle uses something that is not known here, or the artifact was given in a form that does not suffice.
    Unsupported,
    /// The trust root.
    TrustRoot,
    /// The signing certificate itself.
    Certificate,
    /// From the signing certificate to an authority of the trust root.
    CertificateChain,
    /// The proof that the certificate is in a certificate transparency log.
    CertificateLog,
    /// Whom the certificate names, or that a key signed where a certificate was asked for.
    Identity,
    /// Who vouched for the identity.
    Issuer,
    /// When it was signed.
    Time,
    /// That the entry is in the transparency log.
    LogInclusion,
    /// The signed head of the log.
    Checkpoint,
    /// The log's signed promise to include the entry.
    InclusionPromise,
    /// That the entry in the log is about this signature.
    LogEntry,
    /// The signature.
    Signature,
    /// That the bundle is about this artifact.
    Digest,
    /// That the signed statement is about this artifact.
    Subject,
}

impl Step {
    /// All of them.
    pub const ALL: [Step; 16] = [
        Step::Bundle,
        Step::Unsupported,
        Step::TrustRoot,
        Step::Certificate,
        Step::CertificateChain,
        Step::CertificateLog,
        Step::Identity,
        Step::Issuer,
        Step::Time,
        Step::LogInclusion,
        Step::Checkpoint,
        Step::InclusionPromise,
        Step::LogEntry,
        Step::Signature,
        Step::Digest,
        Step::Subject,
    ];

    /// Its name for programs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Step::Bundle => "bundle",
            Step::Unsupported => "unsupported",
            Step::TrustRoot => "trust-root",
            Step::Certificate => "certificate",
            Step::CertificateChain => "certificate-chain",
            Step::CertificateLog => "certificate-log",
            Step::Identity => "identity",
            Step::Issuer => "issuer",
            Step::Time => "time",
            Step::LogInclusion => "log-inclusion",
            Step::Checkpoint => "checkpoint",
            Step::InclusionPromise => "inclusion-promise",
            Step::LogEntry => "log-entry",
            Step::Signature => "signature",
            Step::Digest => "digest",
            Step::Subject => "statement-subject",
        }
    }

    /// Whether nothing was decided: neither verified nor refused for what the bundle says.
    #[must_use]
    pub fn is_undecided(self) -> bool {
        self == Step::Unsupported
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Step::Bundle => "the bundle",
            Step::Unsupported => "what is known here",
            Step::TrustRoot => "the trust root",
            Step::Certificate => "the signing certificate",
            Step::CertificateChain => "the certificate chain",
            Step::CertificateLog => "the certificate's transparency (SCT)",
            Step::Identity => "the signer's identity",
            Step::Issuer => "the identity's issuer",
            Step::Time => "the time of signing",
            Step::LogInclusion => "inclusion in the transparency log",
            Step::Checkpoint => "the log's checkpoint",
            Step::InclusionPromise => "the log's inclusion promise (SET)",
            Step::LogEntry => "the log's entry",
            Step::Signature => "the signature",
            Step::Digest => "the artifact's digest",
            Step::Subject => "the statement's subject",
        })
    }
}

/// A bundle that is not verified.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{step}: {why}")]
pub struct VerifyError {
    /// Where it failed.
    pub step: Step,
    /// What was wrong.
    pub why: String,
}

impl VerifyError {
    pub(crate) fn new(step: Step, why: impl Into<String>) -> VerifyError {
        VerifyError { step, why: why.into() }
    }
}
