//! Which findings are shown, in what order, and under what word. Shared by the formats for people.

use std::cmp::Reverse;

use probity_core::{Finding, Severity, Status};

/// Whether a finding asks for something and nothing covers it.
pub(crate) fn asks(finding: &Finding) -> bool {
    finding.counts && matches!(finding.status, Status::Fail | Status::Warn | Status::Unknown | Status::Error)
}

/// Faults before what is unknown, most severe first, else in the order of the report (file, line, rule, subject).
pub(crate) fn most_severe_first<'a>(findings: impl Iterator<Item = &'a Finding>) -> Vec<&'a Finding> {
    let mut sorted: Vec<&Finding> = findings.collect();
    sorted.sort_by_key(|finding| (rank(finding.status), Reverse(finding.rule.severity)));
    sorted
}

const fn rank(status: Status) -> u8 {
    match status {
        Status::Error => 0,
        Status::Fail => 1,
        Status::Warn => 2,
        Status::Unknown => 3,
        Status::Skip => 4,
        Status::Pass => 5,
        Status::NotApplicable => 6,
    }
}

/// The severity of a finding that is a fault, else the word of its status.
pub(crate) fn word(finding: &Finding) -> &'static str {
    match finding.status {
        Status::Fail | Status::Warn => finding.rule.severity.as_str(),
        other => other.as_str(),
    }
}

/// Severities from worst to harmless.
pub(crate) fn severities() -> impl Iterator<Item = Severity> {
    Severity::ALL.iter().rev().copied()
}
