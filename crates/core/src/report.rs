//! The verdict, and everything a run has to say.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::{Coverage, Diagnostic, Digest, Finding, RuleMeta, Severity, Timestamp};

/// The colour of a verdict.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Colour {
    /// Go.
    Green,
    /// Go with an approver's acceptance; with a warning where no approvers are configured.
    Yellow,
    /// Stop.
    Red,
}

impl Colour {
    /// The word used in output.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Colour::Green => "green",
            Colour::Yellow => "yellow",
            Colour::Red => "red",
        }
    }
}

impl fmt::Display for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// How many of what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Subjects judged.
    pub subjects: usize,
    /// Results by status word.
    pub by_status: BTreeMap<&'static str, usize>,
    /// Findings that count, by severity.
    pub by_severity: BTreeMap<Severity, usize>,
    /// Findings covered by exceptions, suppressions or the baseline.
    pub excepted: usize,
    /// Findings that count, by control id.
    pub by_control: BTreeMap<Arc<str>, usize>,
}

/// What was decided and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// The colour; `None` when nothing could be decided (fails closed, exit 3).
    pub colour: Option<Colour>,
    /// Whether what comes next may proceed: green, or yellow that was accepted or needs no acceptance.
    pub permitted: bool,
    /// The reasons, most weighty first, one line each.
    pub because: Vec<String>,
    /// Things that did not count and why: an expired exception, a bad signature, a stale suppression.
    pub notes: Vec<String>,
    /// How many of what.
    pub counts: Counts,
}

/// Proof that a verdict permits what comes next. Only a verdict makes one.
#[derive(Clone, Debug)]
pub struct Permit(());

impl Verdict {
    /// A permit, if the verdict gives one.
    #[must_use]
    pub fn permit(&self) -> Option<Permit> {
        self.permitted.then_some(Permit(()))
    }
}

/// The program that judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolInfo {
    /// `probity`.
    pub name: Arc<str>,
    /// Its version.
    pub version: Arc<str>,
    /// Digest over the built-in policies and those given, as compiled.
    pub policies: Digest,
}

/// Where the record of a run lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvidenceRef {
    /// Digest of the record (its leaf data).
    pub record: Digest,
    /// Position in the log.
    pub index: u64,
    /// Tree size of the checkpoint that holds it.
    pub tree_size: u64,
    /// Root hash of that checkpoint.
    pub root: Digest,
    /// Whether the log outlives this machine and its key is somebody's.
    pub anchored: bool,
    /// The place of the log, for a person.
    pub place: String,
}

/// Everything a run has to say.
#[derive(Clone, Debug)]
pub struct Report {
    /// Who judged.
    pub tool: ToolInfo,
    /// What was judged: the path as given.
    pub target: String,
    /// When it was judged.
    pub time: Timestamp,
    /// The verdict; `None` for `scan`, which decides nothing.
    pub verdict: Option<Verdict>,
    /// All results but passes and not-applicable, unless asked for; sorted by file, line, rule and subject.
    pub findings: Vec<Finding>,
    /// The rules that took part.
    pub rules: Vec<Arc<RuleMeta>>,
    /// What was looked at.
    pub coverage: Coverage,
    /// What there is to say about the input.
    pub diagnostics: Vec<Diagnostic>,
    /// Where the record lies; `None` for `scan` and with `--evidence none`.
    pub evidence: Option<EvidenceRef>,
}
