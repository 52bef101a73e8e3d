//! Which suppression comments count: for which rule, how far they reach, until when, whether they are allowed, and whether they were
//! there at the base revision. Comments that do nothing are reported.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use probity_core::{
    Digest, ExceptionRef, Finding, Place, RuleMeta, Severity, Status, Suppression, SuppressionReach, SuppressionStyle, Timestamp,
};
use probity_value::SourceMap;

use crate::changed::{BaseState, SubjectKey, SubjectState, carried_key, key};
use crate::config::Config;
use crate::day::has_expired;
use crate::words::{count, names};
use crate::{Day, ids, own};

/// Why a comment does not count for a finding it reaches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Its `until` is over.
    Expired(Day),
    /// Its `until` is not a day.
    BadUntil(Arc<str>),
    /// The configuration does not allow comments for this severity.
    Forbidden(Severity),
    /// Nothing may waive the rule.
    NotWaivable(Arc<str>),
    /// Our own comments must name a rule.
    NamesNoRule,
    /// It was not there at the base revision for this rule and subject.
    NotAtBase,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Expired(day) => write!(f, "it ran out on {day}"),
            Refusal::BadUntil(text) => write!(f, "its `until={text}` is not a day written as `YYYY-MM-DD`"),
            Refusal::Forbidden(severity) => write!(f, "the configuration allows no comments for `{severity}` findings"),
            Refusal::NotWaivable(rule) => write!(f, "nothing can waive `{rule}`"),
            Refusal::NamesNoRule => f.write_str("the comment must name a rule, without `*`"),
            Refusal::NotAtBase => f.write_str("it was not there at the base revision"),
        }
    }
}

/// A comment with its place made concrete.
#[derive(Clone, Debug)]
struct Located<'a> {
    suppression: &'a Suppression,
    file: Arc<str>,
    comment: Place,
    first_line: u32,
    last_line: u32,
}

impl<'a> Located<'a> {
    fn new(suppression: &'a Suppression, sources: &SourceMap) -> Option<Located<'a>> {
        let target = suppression.target.or(suppression.span);
        let (file, start, end) = sources.locate(target)?;
        // The end is after the last byte: one that stands at the start of a line belongs to the line before.
        let last = if end.column == 1 && end.line > start.line { end.line - 1 } else { end.line };
        let comment = sources.locate(suppression.span.or(target)).map(|(file, start, end)| Place {
            file,
            line: start.line,
            column: start.column,
            end_line: end.line,
            end_column: end.column,
            span: suppression.span.or(target),
        })?;
        Some(Located { suppression, file, comment, first_line: start.line, last_line: last })
    }

    fn id(&self) -> String {
        format!("{}:{}", self.comment.file, self.comment.line)
    }

    /// Whether the place holds the target.
    fn inside(&self, place: &Place) -> bool {
        let target = self.suppression.target;
        if place.span.is_none() || target.is_none() {
            return place.file == self.file && place.line > 0 && place.line <= self.first_line && place.end_line >= self.last_line;
        }
        place.span.file == target.file && place.span.start <= target.start && place.span.end >= target.end
    }

    /// Whether it reaches a subject there, with a finding (if any) there.
    fn reaches(&self, subject: &Place, via: &[Place], at: Option<&Place>) -> bool {
        match self.suppression.reach {
            SuppressionReach::File => subject.file == self.file || at.is_some_and(|at| at.file == self.file),
            SuppressionReach::Subject => self.inside(subject) || via.iter().any(|call| self.inside(call)),
            SuppressionReach::Lines => {
                let on = |place: &Place| place.file == self.file && (self.first_line..=self.last_line).contains(&place.line);
                match at {
                    Some(at) => on(at),
                    // Without a finding: whether the lines lie in the subject at all.
                    None => {
                        let lines = subject.line..=subject.end_line.max(subject.line);
                        subject.file == self.file && (lines.contains(&self.first_line) || lines.contains(&self.last_line))
                    }
                }
            }
        }
    }

    fn names(&self, rule: &RuleMeta) -> bool {
        ids::answers_pattern(rule, &self.suppression.id)
    }

    /// What speaks against it whatever else: its end and its shape.
    fn fault(&self, now: Timestamp) -> Option<Refusal> {
        let suppression = self.suppression;
        // Checkov knows no such patterns in comments, and ours names what it silences.
        if matches!(suppression.style, SuppressionStyle::Probity | SuppressionStyle::Checkov) && suppression.id.contains('*') {
            return Some(Refusal::NamesNoRule);
        }
        let until = suppression.until.as_ref()?;
        match until.parse::<Day>() {
            Ok(day) if has_expired(day, now) => Some(Refusal::Expired(day)),
            Ok(_) => None,
            Err(_) => Some(Refusal::BadUntil(until.chars().take(40).collect::<String>().into())),
        }
    }
}

/// The comments of the base revision, by what they reach there, under the names things have now.
struct AtBase<'a> {
    located: Vec<Located<'a>>,
    by_subject: HashMap<SubjectKey, Vec<usize>>,
    by_file: HashMap<Arc<str>, Vec<usize>>,
}

impl<'a> AtBase<'a> {
    fn new(base: &BaseState<'a>) -> AtBase<'a> {
        let located: Vec<Located<'a>> = base.suppressions.iter().filter_map(|one| Located::new(one, base.sources)).collect();
        let mut by_target: HashMap<&Arc<str>, Vec<usize>> = HashMap::new();
        let mut by_file: HashMap<Arc<str>, Vec<usize>> = HashMap::new();
        for (position, one) in located.iter().enumerate() {
            by_target.entry(&one.file).or_default().push(position);
            if one.suppression.reach == SuppressionReach::File {
                by_file.entry(base.renames.file_in_place(&one.file)).or_default().push(position);
            }
        }
        let mut by_subject: HashMap<SubjectKey, Vec<usize>> = HashMap::new();
        for state in base.subjects {
            let files: BTreeSet<&Arc<str>> = std::iter::once(&state.at.file).chain(state.via.iter().map(|call| &call.file)).collect();
            for position in files.into_iter().filter_map(|file| by_target.get(file)).flatten() {
                if located.get(*position).is_some_and(|one| one.reaches(&state.at, &state.via, None)) {
                    by_subject.entry(carried_key(&state.subject, base.renames)).or_default().push(*position);
                }
            }
        }
        AtBase { located, by_subject, by_file }
    }

    /// The comments that reached the subject or its whole file.
    fn of<'s>(&'s self, subject: &SubjectKey, file: &Arc<str>) -> impl Iterator<Item = &'s Located<'a>> {
        let by_subject = self.by_subject.get(subject).into_iter().flatten();
        let by_file = self.by_file.get(file).into_iter().flatten();
        by_subject.chain(by_file).filter_map(|position| self.located.get(*position))
    }
}

/// What comments are judged by.
#[derive(Clone, Copy)]
pub struct SuppressionInput<'a> {
    /// The configuration that counts.
    pub config: &'a Config,
    /// All rules that took part.
    pub rules: &'a [Arc<RuleMeta>],
    /// The comments of the head.
    pub suppressions: &'a [Suppression],
    /// The texts their spans lie in.
    pub sources: &'a SourceMap,
    /// The subjects of the head.
    pub subjects: &'a [SubjectState],
    /// The base revision, if one is given.
    pub base: Option<&'a BaseState<'a>>,
    /// The time of the evaluation.
    pub now: Timestamp,
}

/// All comments of a run.
pub struct Suppressions<'a> {
    input: SuppressionInput<'a>,
    located: Vec<Located<'a>>,
    by_file: HashMap<Arc<str>, Vec<usize>>,
    at_base: Option<AtBase<'a>>,
    matched: HashSet<usize>,
    refused: Vec<(usize, Refusal)>,
}

impl<'a> Suppressions<'a> {
    /// Takes the comments in.
    #[must_use]
    pub fn new(input: SuppressionInput<'a>) -> Suppressions<'a> {
        let located: Vec<Located<'a>> = input.suppressions.iter().filter_map(|one| Located::new(one, input.sources)).collect();
        let mut by_file: HashMap<Arc<str>, Vec<usize>> = HashMap::new();
        for (position, one) in located.iter().enumerate() {
            by_file.entry(Arc::clone(&one.file)).or_default().push(position);
        }
        let at_base = input.base.map(AtBase::new);
        Suppressions { input, located, by_file, at_base, matched: HashSet::new(), refused: Vec::new() }
    }

    /// Whether a comment covers a finding; remembers what was matched and refused, for [`Suppressions::notes`].
    pub fn cover(&mut self, finding: &Finding) -> Option<ExceptionRef> {
        let files: BTreeSet<&Arc<str>> =
            [&finding.at.file, &finding.subject_at.file].into_iter().chain(finding.via.iter().map(|call| &call.file)).collect();
        let positions: Vec<usize> = files.into_iter().filter_map(|file| self.by_file.get(file)).flatten().copied().collect();
        let mut covered = None;
        for position in positions {
            let Some(one) = self.located.get(position) else { continue };
            if !one.names(&finding.rule) || !one.reaches(&finding.subject_at, &finding.via, Some(&finding.at)) {
                continue;
            }
            self.matched.insert(position);
            match self.refusal(one, finding) {
                Some(refusal) => self.refused.push((position, refusal)),
                None if covered.is_none() => {
                    covered = Some(ExceptionRef {
                        source: one.suppression.style.as_str().into(),
                        id: one.id().into(),
                        kind: None,
                        reason: Arc::clone(&one.suppression.reason),
                        by: None,
                        expires: one.suppression.until.clone(),
                    });
                }
                None => {}
            }
        }
        covered
    }

    fn names_a_rule(&self, id: &str) -> bool {
        id.contains('*') || ids::find(self.input.rules, id).next().is_some()
    }

    fn refusal(&self, one: &Located<'_>, finding: &Finding) -> Option<Refusal> {
        let config = self.input.config;
        if config.never_waived(&finding.rule) {
            return Some(Refusal::NotWaivable(Arc::clone(&finding.rule.id)));
        }
        let settings = config.settings_for_all(crate::decide::places(finding));
        if !settings.suppressions.allows(finding.rule.severity) {
            return Some(Refusal::Forbidden(finding.rule.severity));
        }
        if let Some(fault) = one.fault(self.input.now) {
            return Some(fault);
        }
        let at_base = self.at_base.as_ref()?;
        // What counts is the comment as it stood at the base revision, its end too: a change cannot prolong it.
        let subject = key(&finding.subject);
        let mut before = at_base.of(&subject, &finding.subject_at.file).filter(|before| before.names(&finding.rule)).peekable();
        if before.peek().is_none() {
            return Some(Refusal::NotAtBase);
        }
        let mut fault = None;
        for one in before {
            match one.fault(self.input.now) {
                None => return None,
                Some(found) => fault = Some(found),
            }
        }
        fault
    }

    /// A finding for every comment that was not there at the base revision and names a rule that takes part. One for a check that
    /// nobody here has suppresses nothing; the notes count it.
    #[must_use]
    pub fn added(&self, digest: &dyn Fn(&[u8]) -> Digest) -> Vec<Finding> {
        let Some(at_base) = &self.at_base else { return Vec::new() };
        let mut reached: HashMap<usize, Vec<&SubjectState>> = HashMap::new();
        for state in self.input.subjects {
            let files: BTreeSet<&Arc<str>> = std::iter::once(&state.at.file).chain(state.via.iter().map(|call| &call.file)).collect();
            for position in files.into_iter().filter_map(|file| self.by_file.get(file)).flatten() {
                if self.located.get(*position).is_some_and(|one| one.reaches(&state.at, &state.via, None)) {
                    reached.entry(*position).or_default().push(state);
                }
            }
        }
        // A comment that reaches no subject is compared by file, reach and id.
        let loose: HashSet<(Arc<str>, SuppressionReach, String)> = self
            .input
            .base
            .map(|base| {
                let name =
                    |one: &Located<'_>| (base.renames.file_in_place(&one.file), one.suppression.reach, ids::normal(&one.suppression.id));
                at_base.located.iter().map(name).collect()
            })
            .unwrap_or_default();
        let mut out = Vec::new();
        for (position, one) in self.located.iter().enumerate() {
            if !self.names_a_rule(&one.suppression.id) {
                continue;
            }
            let id = ids::normal(&one.suppression.id);
            let known = (Arc::clone(&one.file), one.suppression.reach, id.clone());
            let whole_file = one.suppression.reach == SuppressionReach::File;
            let old = match reached.get(&position) {
                Some(subjects) if !whole_file => subjects
                    .iter()
                    .all(|state| at_base.of(&key(&state.subject), &state.at.file).any(|before| ids::normal(&before.suppression.id) == id)),
                _ => loose.contains(&known),
            };
            if old {
                continue;
            }
            let subject = format!("{}#{}", one.comment.file, id);
            let message = format!(
                "a `{}` comment for `{}` is new; it does not count for this change",
                one.suppression.style.as_str(),
                crate::config::reader::shown(&one.suppression.id)
            );
            let reaches: Vec<String> =
                reached.get(&position).into_iter().flatten().map(|state| format!("{}/{}", state.subject.root, state.subject.id)).collect();
            let judged = format!("{}|{}", one.suppression.style.as_str(), reaches.join("|"));
            out.push(own::finding(own::SUPPRESSION_ADDED, &subject, one.comment.clone(), message, &judged, digest));
        }
        out
    }

    /// What is to be said once all findings went through [`Suppressions::cover`]: comments refused, comments that do nothing any
    /// more, and, in one line, those that name checks no rule here answers to.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let mut out = Vec::new();
        let mut said = HashSet::new();
        for (position, refusal) in &self.refused {
            let Some(one) = self.located.get(*position) else { continue };
            let line = format!(
                "the `{}` comment for `{}` at `{}` does not count: {refusal}",
                one.suppression.style.as_str(),
                crate::config::reader::shown(&one.suppression.id),
                one.id()
            );
            if said.insert(line.clone()) {
                out.push(line);
            }
        }
        let mut foreign: BTreeSet<&str> = BTreeSet::new();
        let mut foreign_comments = 0;
        for (position, one) in self.located.iter().enumerate() {
            if self.matched.contains(&position) {
                continue;
            }
            let id = &one.suppression.id;
            if self.names_a_rule(id) {
                out.push(format!(
                    "the `{}` comment for `{}` at `{}` is stale: it covers nothing any more",
                    one.suppression.style.as_str(),
                    crate::config::reader::shown(id),
                    one.id()
                ));
            } else {
                foreign.insert(id);
                foreign_comments += 1;
            }
        }
        if foreign_comments > 0 {
            out.push(format!(
                "{} name{} checks that no rule here answers to: {}",
                count(foreign_comments, "comment"),
                if foreign_comments == 1 { "s" } else { "" },
                names(foreign, 5)
            ));
        }
        let lost = self.input.suppressions.len() - self.located.len();
        if lost > 0 {
            out.push(format!("{} without a place count for nothing", count(lost, "comment")));
        }
        out
    }
}

/// Whether a finding asks for something, so that something may cover it.
#[must_use]
pub fn asks(status: Status) -> bool {
    matches!(status, Status::Fail | Status::Warn | Status::Unknown)
}
