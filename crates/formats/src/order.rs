//! Which findings are shown, in what order, and under what word. Shared by the formats for people.

use std::cmp::Reverse;
use std::collections::HashMap;

use probity_core::{Finding, OriginPlace, Place, Severity, Status};

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

/// Findings of one rule at one place that say the same: the instances of one block.
pub(crate) fn groups<'a>(findings: &[&'a Finding]) -> Vec<Vec<&'a Finding>> {
    type Key<'a> = (&'a str, Status, &'a Place, &'a str, Vec<(&'a str, &'a str, u32)>);
    let mut out: Vec<Vec<&Finding>> = Vec::new();
    let mut seen: HashMap<(&str, &str, u32, u32), Vec<usize>> = HashMap::new();
    fn key(finding: &Finding) -> Key<'_> {
        let origin = finding.origin.iter().map(|step: &OriginPlace| (&*step.what, &*step.at.file, step.at.line)).collect();
        (&finding.rule.id, finding.status, &finding.at, &finding.message, origin)
    }
    for finding in findings {
        let rough = (&*finding.rule.id, &*finding.at.file, finding.at.line, finding.at.column);
        let places = seen.entry(rough).or_default();
        let found = places
            .iter()
            .copied()
            .find(|index| out.get(*index).and_then(|group| group.first()).is_some_and(|first| key(first) == key(finding)));
        match found.and_then(|index| out.get_mut(index)) {
            Some(group) if finding.at.line > 0 => group.push(finding),
            _ => {
                places.push(out.len());
                out.push(vec![finding]);
            }
        }
    }
    out
}

/// The subjects of a group but its first: `a, b, and 7 more`; at most `most` are named.
pub(crate) fn others(group: &[&Finding], most: usize) -> String {
    let mut names: Vec<String> = group.iter().skip(1).take(most).map(|one| one.subject.id.to_string()).collect();
    if group.len() > most + 1 {
        names.push(format!("and {} more", group.len() - most - 1));
    }
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn instances_of_one_block_are_one_group() {
        let (report, _) = sample::report();
        let sizes = |report: &probity_core::Report| {
            let shown = most_severe_first(report.findings.iter().filter(|finding| asks(finding)));
            groups(&shown).iter().map(Vec::len).collect::<Vec<_>>()
        };
        assert_eq!(sizes(&report), [2, 1]);
        let mut other = report.clone();
        other.findings.iter_mut().find(|finding| finding.subject.id.contains("us")).unwrap().message = "else".into();
        assert_eq!(sizes(&other), [1, 1, 1]);
        let mut other = report.clone();
        other.findings.iter_mut().find(|finding| finding.subject.id.contains("us")).unwrap().origin.clear();
        assert_eq!(sizes(&other), [1, 1, 1]);
    }

    #[test]
    fn others_are_named_up_to_a_limit() {
        let (report, _) = sample::report();
        let group: Vec<&Finding> = std::iter::repeat_n(&report.findings[0], 5).collect();
        let name = &*report.findings[0].subject.id;
        assert_eq!(others(&group, 2), format!("{name}, {name}, and 2 more"));
        assert_eq!(others(&group[..2], 2), name);
        assert_eq!(others(&group[..1], 2), "");
    }
}
