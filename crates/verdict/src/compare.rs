//! Our results beside another tool's, every difference explained.

use std::collections::BTreeSet;
use std::sync::Arc;

use probity_core::{Coverage, ExceptionRef, Finding, Place, RuleMeta, Status};

use crate::ids;
use crate::suppression::asks;

/// One finding of the other tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalFinding {
    /// Its rule id.
    pub rule: Arc<str>,
    /// File, as the other tool writes it.
    pub file: Arc<str>,
    /// First line; 0 where it names none.
    pub line: u32,
    /// Last line.
    pub end_line: u32,
    /// The subject, where it names one: `aws_s3_bucket.logs`.
    pub subject: Option<Arc<str>>,
    /// What it says.
    pub message: Arc<str>,
}

/// What is compared.
#[derive(Clone, Copy)]
pub struct CompareInput<'a> {
    /// Our results; with passes, so that a difference can be explained by one.
    pub ours: &'a [Finding],
    /// Theirs.
    pub theirs: &'a [ExternalFinding],
    /// Rules that took part.
    pub rules: &'a [Arc<RuleMeta>],
    /// Rules that did not, and why: `disabled`, `preview`.
    pub off: &'a [(Arc<RuleMeta>, String)],
    /// What was looked at.
    pub coverage: &'a Coverage,
}

/// The comparison. Indexes are positions in the given lists.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Comparison {
    /// Both say it.
    pub agreed: Vec<Agreed>,
    /// Only we say it.
    pub only_ours: Vec<OnlyOurs>,
    /// Only they say it.
    pub only_theirs: Vec<OnlyTheirs>,
}

/// Both say it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agreed {
    /// One of theirs.
    pub theirs: usize,
    /// Ours; several where we judge each instance of a block.
    pub ours: Vec<usize>,
    /// Whether only the lines differ.
    pub other_line: bool,
}

/// Only we say it.
#[derive(Clone, Debug, PartialEq)]
pub struct OnlyOurs {
    /// Ours.
    pub ours: usize,
    /// Why.
    pub why: WhyOurs,
}

/// Why only we say it.
#[derive(Clone, Debug, PartialEq)]
pub enum WhyOurs {
    /// The rule carries no id of another tool.
    NoAlias,
    /// They report none of its ids anywhere: they may not have the check, or everything passes it there.
    NeverReported {
        /// The ids.
        ids: Vec<Arc<str>>,
    },
    /// They report nothing at all in the file: they may not have read it.
    FileNotSeen,
    /// The value comes through a module call, which they may not follow.
    ThroughModule {
        /// The outermost call.
        call: Place,
    },
    /// The value comes from elsewhere, which they may not follow.
    ValueFrom {
        /// The farthest step.
        what: String,
        /// Where.
        at: Place,
    },
    /// They report the rule in this file, but not here.
    NotHere,
}

/// Only they say it.
#[derive(Clone, Debug, PartialEq)]
pub struct OnlyTheirs {
    /// Theirs.
    pub theirs: usize,
    /// Why.
    pub why: WhyTheirs,
}

/// Why only they say it.
#[derive(Clone, Debug, PartialEq)]
pub enum WhyTheirs {
    /// No rule of ours answers to the id.
    NoSuchRule,
    /// The rule takes no part here.
    RuleOff {
        /// Our id.
        rule: Arc<str>,
        /// Why.
        why: String,
    },
    /// We claim the file but could not read it.
    FileNotRead {
        /// Why.
        why: String,
    },
    /// No source of ours claims the file.
    FileNotClaimed,
    /// We find it too, but something covers it.
    Covered {
        /// Ours.
        ours: usize,
        /// What covers it.
        by: ExceptionRef,
    },
    /// We find it too, but the change did not touch it.
    Untouched {
        /// Ours.
        ours: usize,
    },
    /// It passes with us.
    Passes {
        /// Ours.
        ours: usize,
        /// What was found.
        message: String,
        /// Where the value came from, farthest step, where it came from elsewhere.
        from: Option<(String, Place)>,
    },
    /// It cannot be known.
    Unknown {
        /// Ours.
        ours: usize,
        /// Why.
        reason: String,
    },
    /// The rule could not be evaluated here.
    Error {
        /// Ours.
        ours: usize,
        /// Why.
        reason: String,
    },
    /// The rule does not apply to what stands there.
    NotApplicable,
    /// The rule says nothing at that place.
    NoResult {
        /// Whether anything of ours was judged there.
        subject: Option<Arc<str>>,
    },
}

/// Compares.
#[must_use]
pub fn compare(input: &CompareInput<'_>) -> Comparison {
    let mut out = Comparison::default();
    let mut matched: BTreeSet<usize> = BTreeSet::new();
    let mut left = Vec::new();
    let speaks = |finding: &Finding| matches!(finding.status, Status::Fail | Status::Warn) && finding.counts;
    // First those at the same place, then those that differ by line only.
    for (position, theirs) in input.theirs.iter().enumerate() {
        let here = of_rule(input, theirs)
            .filter(|(_, finding)| speaks(finding) && same_place(finding, theirs))
            .map(|(ours, _)| ours)
            .collect::<Vec<_>>();
        if here.is_empty() {
            left.push(position);
        } else {
            matched.extend(&here);
            out.agreed.push(Agreed { theirs: position, ours: here, other_line: false });
        }
    }
    for position in left {
        let Some(theirs) = input.theirs.get(position) else { continue };
        let near: Vec<usize> = of_rule(input, theirs)
            .filter(|(ours, finding)| speaks(finding) && !matched.contains(ours) && same_subject(finding, theirs))
            .map(|(ours, _)| ours)
            .collect();
        if near.is_empty() {
            out.only_theirs.push(OnlyTheirs { theirs: position, why: why_theirs(input, theirs) });
        } else {
            matched.extend(&near);
            out.agreed.push(Agreed { theirs: position, ours: near, other_line: true });
        }
    }
    out.agreed.sort_by_key(|agreed| agreed.theirs);
    for (position, finding) in input.ours.iter().enumerate() {
        if speaks(finding) && !matched.contains(&position) {
            out.only_ours.push(OnlyOurs { ours: position, why: why_ours(input, finding) });
        }
    }
    out
}

fn of_rule<'a>(input: &CompareInput<'a>, theirs: &'a ExternalFinding) -> impl Iterator<Item = (usize, &'a Finding)> + use<'a> {
    input.ours.iter().enumerate().filter(|(_, finding)| ids::answers(&finding.rule, &theirs.rule) && in_file(finding, &theirs.file))
}

fn in_file(finding: &Finding, file: &str) -> bool {
    same_file(&finding.at.file, file) || same_file(&finding.subject_at.file, file)
}

/// Whether their path is ours: relative to the same folder, to one above it, or absolute.
fn same_file(ours: &str, theirs: &str) -> bool {
    let theirs = theirs.strip_prefix("file://").unwrap_or(theirs);
    let theirs = theirs.strip_prefix("./").unwrap_or(theirs);
    ours == theirs || theirs.strip_suffix(ours).is_some_and(|before| !ours.is_empty() && before.ends_with('/'))
}

fn overlaps(place: &Place, theirs: &ExternalFinding) -> bool {
    let (first, last) = (theirs.line, theirs.end_line.max(theirs.line));
    same_file(&place.file, &theirs.file)
        && (first == 0 || place.line == 0 || (place.line <= last && place.end_line.max(place.line) >= first))
}

fn same_place(finding: &Finding, theirs: &ExternalFinding) -> bool {
    (overlaps(&finding.at, theirs) || overlaps(&finding.subject_at, theirs))
        && theirs.subject.as_ref().is_none_or(|subject| is_subject(finding, subject) || !looks_like_ours(subject))
}

fn same_subject(finding: &Finding, theirs: &ExternalFinding) -> bool {
    theirs.subject.as_ref().is_some_and(|subject| is_subject(finding, subject))
}

/// Whether two addresses are one subject, instance keys aside.
fn is_subject(finding: &Finding, subject: &str) -> bool {
    *finding.subject.id == *subject || without_keys(&finding.subject.id) == without_keys(subject)
}

/// Whether a name of theirs is written as our addresses are; if not (`Deployment.default.web`) it cannot tell two subjects apart.
fn looks_like_ours(subject: &str) -> bool {
    subject.contains('.') && !subject.contains([' ', '/'])
}

fn without_keys(id: &str) -> String {
    let mut depth = 0_usize;
    id.chars()
        .filter(|letter| match letter {
            '[' => {
                depth += 1;
                false
            }
            ']' if depth > 0 => {
                depth -= 1;
                false
            }
            _ => depth == 0,
        })
        .collect()
}

fn from(finding: &Finding) -> Option<(String, Place)> {
    finding.origin.last().map(|step| (step.what.clone(), step.at.clone()))
}

fn why_theirs(input: &CompareInput<'_>, theirs: &ExternalFinding) -> WhyTheirs {
    if ids::find(input.rules, &theirs.rule).next().is_none() {
        return match input.off.iter().find(|(rule, _)| ids::answers(rule, &theirs.rule)) {
            Some((rule, why)) => WhyTheirs::RuleOff { rule: Arc::clone(&rule.id), why: why.clone() },
            None => WhyTheirs::NoSuchRule,
        };
    }
    let here: Vec<(usize, &Finding)> =
        of_rule(input, theirs).filter(|(_, finding)| same_place(finding, theirs) || same_subject(finding, theirs)).collect();
    let first = |status: &dyn Fn(&Finding) -> bool| here.iter().find(|(_, finding)| status(finding)).copied();
    if let Some((ours, finding)) = first(&|finding| asks(finding.status) && finding.exception.is_some())
        && let Some(by) = &finding.exception
    {
        return WhyTheirs::Covered { ours, by: by.clone() };
    }
    if let Some((ours, _)) = first(&|finding| matches!(finding.status, Status::Fail | Status::Warn) && !finding.counts) {
        return WhyTheirs::Untouched { ours };
    }
    if let Some((ours, finding)) = first(&|finding| finding.status == Status::Error) {
        return WhyTheirs::Error { ours, reason: finding.message.clone() };
    }
    if let Some((ours, finding)) = first(&|finding| finding.status == Status::Unknown) {
        return WhyTheirs::Unknown { ours, reason: finding.message.clone() };
    }
    if let Some((ours, finding)) = first(&|finding| finding.status == Status::Pass) {
        return WhyTheirs::Passes { ours, message: finding.message.clone(), from: from(finding) };
    }
    if first(&|finding| matches!(finding.status, Status::NotApplicable | Status::Skip)).is_some() {
        return WhyTheirs::NotApplicable;
    }
    if let Some(skipped) = input.coverage.skipped.iter().find(|file| same_file(&file.file, &theirs.file)) {
        return WhyTheirs::FileNotRead { why: skipped.why.clone() };
    }
    if !input.coverage.read.iter().any(|file| same_file(&file.file, &theirs.file)) {
        return WhyTheirs::FileNotClaimed;
    }
    let subject = input.ours.iter().find(|finding| overlaps(&finding.subject_at, theirs)).map(|finding| Arc::clone(&finding.subject.id));
    WhyTheirs::NoResult { subject }
}

fn why_ours(input: &CompareInput<'_>, finding: &Finding) -> WhyOurs {
    let rule = &finding.rule;
    if rule.aliases.is_empty() && !input.theirs.iter().any(|theirs| ids::answers(rule, &theirs.rule)) {
        return WhyOurs::NoAlias;
    }
    if !input.theirs.iter().any(|theirs| ids::answers(rule, &theirs.rule)) {
        return WhyOurs::NeverReported { ids: rule.aliases.clone() };
    }
    if !input.theirs.iter().any(|theirs| in_file(finding, &theirs.file)) {
        return WhyOurs::FileNotSeen;
    }
    if let Some(call) = finding.via.first() {
        return WhyOurs::ThroughModule { call: call.clone() };
    }
    match from(finding) {
        Some((what, at)) => WhyOurs::ValueFrom { what, at },
        None => WhyOurs::NotHere,
    }
}
