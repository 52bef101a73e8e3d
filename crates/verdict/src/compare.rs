//! Our results beside another tool's, every difference explained.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use probity_core::{Coverage, ExceptionRef, Finding, Place, RuleMeta, Status, SubjectKind};

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

/// Ours by the ids they answer to, and what theirs name at all.
struct Index<'a> {
    ours: HashMap<String, Vec<usize>>,
    their_rules: HashSet<String>,
    their_files: BTreeSet<&'a str>,
}

impl<'a> Index<'a> {
    fn new(input: &CompareInput<'a>) -> Index<'a> {
        let mut ours: HashMap<String, Vec<usize>> = HashMap::new();
        for (position, finding) in input.ours.iter().enumerate() {
            for id in names(&finding.rule) {
                let list = ours.entry(id).or_default();
                if list.last() != Some(&position) {
                    list.push(position);
                }
            }
        }
        Index {
            ours,
            their_rules: input.theirs.iter().map(|theirs| ids::normal(&theirs.rule)).collect(),
            their_files: input.theirs.iter().map(|theirs| &*theirs.file).collect(),
        }
    }

    /// Ours of the rule and file of one of theirs.
    fn of<'s>(&'s self, input: &CompareInput<'a>, theirs: &'s ExternalFinding) -> impl Iterator<Item = (usize, &'a Finding)> + use<'s, 'a> {
        let findings = input.ours;
        let positions = self.ours.get(&ids::normal(&theirs.rule)).into_iter().flatten();
        positions
            .filter_map(|position| findings.get(*position).map(|finding| (*position, finding)))
            .filter(|(_, finding)| in_file(finding, &theirs.file))
    }

    fn report(&self, rule: &RuleMeta) -> bool {
        names(rule).any(|id| self.their_rules.contains(&id))
    }
}

fn names(rule: &RuleMeta) -> impl Iterator<Item = String> {
    std::iter::once(&rule.id).chain(&rule.aliases).map(|id| ids::normal(id))
}

/// Compares.
#[must_use]
pub fn compare(input: &CompareInput<'_>) -> Comparison {
    let index = Index::new(input);
    let mut out = Comparison::default();
    let mut matched: BTreeSet<usize> = BTreeSet::new();
    let mut left = Vec::new();
    let speaks = |finding: &Finding| matches!(finding.status, Status::Fail | Status::Warn) && finding.counts;
    // First those at the same place, then those that differ by line only.
    for (position, theirs) in input.theirs.iter().enumerate() {
        let here = index
            .of(input, theirs)
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
        let near: Vec<usize> = index
            .of(input, theirs)
            .filter(|(ours, finding)| speaks(finding) && !matched.contains(ours) && same_subject(finding, theirs))
            .map(|(ours, _)| ours)
            .collect();
        if near.is_empty() {
            out.only_theirs.push(OnlyTheirs { theirs: position, why: why_theirs(input, &index, theirs) });
        } else {
            matched.extend(&near);
            out.agreed.push(Agreed { theirs: position, ours: near, other_line: true });
        }
    }
    out.agreed.sort_by_key(|agreed| agreed.theirs);
    for (position, finding) in input.ours.iter().enumerate() {
        if speaks(finding) && !matched.contains(&position) {
            out.only_ours.push(OnlyOurs { ours: position, why: why_ours(&index, finding) });
        }
    }
    out
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
        && theirs.subject.as_ref().is_none_or(|subject| is_subject(finding, subject) || !names_a_subject(finding, subject))
}

fn same_subject(finding: &Finding, theirs: &ExternalFinding) -> bool {
    theirs.subject.as_ref().is_some_and(|subject| is_subject(finding, subject))
}

/// Whether two addresses are one subject, instance keys aside. Of a Kubernetes object kind and name count: where it names no
/// namespace, one tool writes `default` and another nothing.
fn is_subject(finding: &Finding, subject: &str) -> bool {
    let ours = &finding.subject;
    if ours.kind == SubjectKind::Kubernetes {
        let ends = |text: &str| -> (String, String) {
            let mut parts = text.split(['/', '.']);
            let kind = parts.next().unwrap_or_default().to_owned();
            (kind, parts.next_back().unwrap_or_default().to_owned())
        };
        return ends(&ours.id) == ends(subject);
    }
    *ours.id == *subject || without_keys(&ours.id) == without_keys(subject)
}

/// Whether their name of a subject is one that can tell it from others of its type; a mere type or a description cannot.
fn names_a_subject(finding: &Finding, subject: &str) -> bool {
    let kind = finding.subject.type_name.as_ref();
    subject.contains(kind) && subject != kind
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

fn why_theirs(input: &CompareInput<'_>, index: &Index<'_>, theirs: &ExternalFinding) -> WhyTheirs {
    if ids::find(input.rules, &theirs.rule).next().is_none() {
        return match input.off.iter().find(|(rule, _)| ids::answers(rule, &theirs.rule)) {
            Some((rule, why)) => WhyTheirs::RuleOff { rule: Arc::clone(&rule.id), why: why.clone() },
            None => WhyTheirs::NoSuchRule,
        };
    }
    let here: Vec<(usize, &Finding)> =
        index.of(input, theirs).filter(|(_, finding)| same_place(finding, theirs) || same_subject(finding, theirs)).collect();
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

fn why_ours(index: &Index<'_>, finding: &Finding) -> WhyOurs {
    let rule = &finding.rule;
    if !index.report(rule) {
        return if rule.aliases.is_empty() { WhyOurs::NoAlias } else { WhyOurs::NeverReported { ids: rule.aliases.clone() } };
    }
    if !index.their_files.iter().any(|file| in_file(finding, file)) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{finding, place, rule};
    use probity_core::{OriginPlace, ReadFile, Severity, SkippedFile};

    fn meta() -> Arc<RuleMeta> {
        let mut meta = RuleMeta::clone(&rule("aws-s3-bucket-unlogged", Severity::Low));
        meta.aliases = vec!["CKV_AWS_18".into()];
        Arc::new(meta)
    }

    fn theirs(rule: &str, file: &str, lines: (u32, u32)) -> ExternalFinding {
        ExternalFinding { rule: rule.into(), file: file.into(), line: lines.0, end_line: lines.1, subject: None, message: "m".into() }
    }

    fn ours(status: Status) -> Finding {
        finding(&meta(), "aws_s3_bucket.b", "live/main.tf", status)
    }

    fn run(ours: &[Finding], theirs: &[ExternalFinding]) -> Comparison {
        let mut off = RuleMeta::clone(&rule("aws-off", Severity::Low));
        off.aliases = vec!["CKV_AWS_99".into()];
        let coverage = Coverage {
            read: vec![ReadFile { file: "live/main.tf".into(), source: "terraform", subjects: 1 }],
            skipped: vec![SkippedFile { file: "bad.tf".into(), source: "terraform", why: "broken".into(), fails: true, partly: false }],
        };
        let (rules, off) = ([meta(), rule("no-alias", Severity::Low)], [(Arc::new(off), "disabled".to_owned())]);
        compare(&CompareInput { ours, theirs, rules: &rules, off: &off, coverage: &coverage })
    }

    #[test]
    fn agreement() {
        let check = |file: &str, lines: (u32, u32), agreed: bool| {
            let result = run(&[ours(Status::Fail)], &[theirs("CKV_AWS_18", file, lines)]);
            assert_eq!(
                result.agreed.len() == 1 && result.only_ours.is_empty() && result.only_theirs.is_empty(),
                agreed,
                "{file} {result:?}"
            );
        };
        check("live/main.tf", (1, 9), true);
        check("/live/main.tf", (1, 9), true);
        check("./live/main.tf", (9, 12), true);
        check("file:///repo/live/main.tf", (3, 3), true);
        check("live/main.tf", (0, 0), true);
        check("live/main.tf", (20, 22), false);
        check("xlive/main.tf", (1, 9), false);
        check("other.tf", (1, 9), false);
    }

    #[test]
    fn instances_and_other_lines() {
        let mut one = ours(Status::Fail);
        one.subject.id = "aws_s3_bucket.b[0]".into();
        let mut two = ours(Status::Fail);
        two.subject.id = "aws_s3_bucket.b[1]".into();
        let result = run(&[one.clone(), two.clone()], &[theirs("CKV_AWS_18", "live/main.tf", (1, 9))]);
        assert_eq!(result.agreed, [Agreed { theirs: 0, ours: vec![0, 1], other_line: false }]);
        let mut moved = theirs("CKV_AWS_18", "live/main.tf", (40, 44));
        moved.subject = Some("aws_s3_bucket.b".into());
        let result = run(&[one, two], &[moved]);
        assert_eq!(result.agreed, [Agreed { theirs: 0, ours: vec![0, 1], other_line: true }]);
        // Two subjects on one line are told apart by their names.
        let mut other = theirs("CKV_AWS_18", "live/main.tf", (1, 9));
        other.subject = Some("aws_s3_bucket.c".into());
        let result = run(&[ours(Status::Fail)], &[other]);
        assert_eq!((result.agreed.len(), result.only_ours.len(), result.only_theirs.len()), (0, 1, 1));
    }

    #[test]
    fn names_of_other_tools() {
        let mut pod = ours(Status::Fail);
        pod.subject.kind = SubjectKind::Kubernetes;
        pod.subject.type_name = "Deployment".into();
        pod.subject.id = "Deployment/web".into();
        let check = |name: &str, agreed: bool| {
            let external = ExternalFinding { subject: Some(name.into()), ..theirs("CKV_AWS_18", "live/main.tf", (1, 9)) };
            assert_eq!(run(std::slice::from_ref(&pod), &[external]).agreed.len() == 1, agreed, "{name}");
        };
        check("Deployment.default.web", true);
        check("Deployment/default/web", true);
        check("Deployment.default.api", false);
        check("Deployment", true);
        check("a web server", true);
    }

    #[test]
    fn why_only_they_say_it() {
        let why = |ours: &[Finding], rule: &str, file: &str| run(ours, &[theirs(rule, file, (1, 9))]).only_theirs.remove(0).why;
        assert_eq!(why(&[], "CKV_AWS_7", "live/main.tf"), WhyTheirs::NoSuchRule);
        assert_eq!(why(&[], "CKV_AWS_99", "live/main.tf"), WhyTheirs::RuleOff { rule: "aws-off".into(), why: "disabled".into() });
        assert_eq!(why(&[], "CKV_AWS_18", "bad.tf"), WhyTheirs::FileNotRead { why: "broken".into() });
        assert_eq!(why(&[], "CKV_AWS_18", "what.xyz"), WhyTheirs::FileNotClaimed);
        assert_eq!(why(&[], "CKV_AWS_18", "live/main.tf"), WhyTheirs::NoResult { subject: None });
        assert_eq!(why(&[ours(Status::NotApplicable)], "CKV_AWS_18", "live/main.tf"), WhyTheirs::NotApplicable);
        assert_eq!(why(&[ours(Status::Unknown)], "CKV_AWS_18", "live/main.tf"), WhyTheirs::Unknown { ours: 0, reason: "found".into() });
        assert_eq!(why(&[ours(Status::Error)], "CKV_AWS_18", "live/main.tf"), WhyTheirs::Error { ours: 0, reason: "found".into() });
        let mut pass = ours(Status::Pass);
        pass.origin = vec![OriginPlace { what: "default of `var.log`".into(), at: place("variables.tf", 2) }];
        assert_eq!(
            why(&[pass], "CKV_AWS_18", "live/main.tf"),
            WhyTheirs::Passes { ours: 0, message: "found".into(), from: Some(("default of `var.log`".into(), place("variables.tf", 2))) }
        );
        let mut covered = ours(Status::Fail);
        let by =
            ExceptionRef { source: "checkov".into(), id: "live/main.tf:2".into(), kind: None, reason: "r".into(), by: None, expires: None };
        covered.exception = Some(by.clone());
        covered.counts = false;
        assert_eq!(why(&[covered.clone()], "CKV_AWS_18", "live/main.tf"), WhyTheirs::Covered { ours: 0, by });
        covered.exception = None;
        assert_eq!(why(&[covered], "CKV_AWS_18", "live/main.tf"), WhyTheirs::Untouched { ours: 0 });
    }

    #[test]
    fn why_only_we_say_it() {
        let why = |ours: Finding, theirs: &[ExternalFinding]| run(&[ours], theirs).only_ours.remove(0).why;
        let plain = finding(&rule("no-alias", Severity::Low), "aws_s3_bucket.b", "live/main.tf", Status::Fail);
        assert_eq!(why(plain, &[]), WhyOurs::NoAlias);
        assert_eq!(why(ours(Status::Fail), &[]), WhyOurs::NeverReported { ids: vec!["CKV_AWS_18".into()] });
        let elsewhere = [theirs("CKV_AWS_18", "other.tf", (1, 2))];
        assert_eq!(why(ours(Status::Fail), &elsewhere), WhyOurs::FileNotSeen);
        let same_file = [theirs("CKV_AWS_18", "live/main.tf", (30, 32))];
        assert_eq!(why(ours(Status::Fail), &same_file), WhyOurs::NotHere);
        let mut through = ours(Status::Fail);
        through.via = vec![place("prod.tf", 4)];
        assert_eq!(why(through, &same_file), WhyOurs::ThroughModule { call: place("prod.tf", 4) });
        let mut valued = ours(Status::Fail);
        valued.origin = vec![OriginPlace { what: "`local.x`".into(), at: place("l.tf", 1) }];
        assert_eq!(why(valued, &same_file), WhyOurs::ValueFrom { what: "`local.x`".into(), at: place("l.tf", 1) });
    }
}
