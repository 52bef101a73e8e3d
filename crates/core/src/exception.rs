//! The register of exceptions: who accepted what, why, until when.

use std::fmt;
use std::sync::Arc;

/// Kinds of exceptions.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum ExceptionKind {
    /// The risk is real and somebody answers for it.
    AcceptedRisk,
    /// The finding is wrong.
    FalsePositive,
    /// Something else does what the rule wants.
    CompensatingControl,
}

impl ExceptionKind {
    /// All kinds.
    pub const ALL: &'static [ExceptionKind] =
        &[ExceptionKind::AcceptedRisk, ExceptionKind::FalsePositive, ExceptionKind::CompensatingControl];

    /// The word used in files and flags.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            ExceptionKind::AcceptedRisk => "accepted-risk",
            ExceptionKind::FalsePositive => "false-positive",
            ExceptionKind::CompensatingControl => "compensating-control",
        }
    }
}

impl fmt::Display for ExceptionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One entry of the register, as written. Whether it counts is decided by the verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exception {
    /// Its name: the file stem.
    pub id: Arc<str>,
    /// Kind.
    pub kind: ExceptionKind,
    /// Rule id or alias; empty where only a fingerprint is given.
    pub rule: Arc<str>,
    /// Fingerprints it covers; empty means by rule and subject.
    pub fingerprints: Vec<Arc<str>>,
    /// Pattern over subject ids, with `*`; empty means none.
    pub subject: Arc<str>,
    /// Pattern over paths of roots or files; empty means any.
    pub path: Arc<str>,
    /// Why.
    pub reason: Arc<str>,
    /// Who answers for it.
    pub owner: Arc<str>,
    /// Last day it counts, `YYYY-MM-DD` (UTC).
    pub expires: Arc<str>,
    /// The file it was read from.
    pub file: Arc<str>,
}

/// Why a finding does not count: the exception, suppression or baseline entry that covers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExceptionRef {
    /// `exception`, `baseline`, or the suppression's style.
    pub source: Arc<str>,
    /// Its id, or the place of the comment.
    pub id: Arc<str>,
    /// Kind, where it has one.
    pub kind: Option<ExceptionKind>,
    /// The reason given.
    pub reason: Arc<str>,
    /// Who signed it (name of the approver), where signed.
    pub by: Option<Arc<str>>,
    /// Last day, where it has one.
    pub expires: Option<Arc<str>>,
}
