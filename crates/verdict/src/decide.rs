//! The verdict: which findings count, what colour they make, and why.
//!
//! Order: red wins over everything; an error that fails closed leaves no colour; then yellow; else green.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use probity_core::{
    Colour, Counts, Coverage, Diagnostic, Digest, Finding, Level, RuleMeta, Severity, SkippedFile, Status, Suppression, Timestamp, Verdict,
};
use probity_value::SourceMap;

use crate::baseline::JudgedBaseline;
use crate::changed::{BaseState, Changes, SubjectState};
use crate::config::{Config, UnknownPolicy};
use crate::exception::{Cover, Register};
use crate::ignores::{self, Ignores};
use crate::own;
use crate::suppression::{SuppressionInput, Suppressions, asks};
use crate::words::{count, names};

/// Results of another scanner that were taken in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalScan {
    /// Its name under `scans`; the file where it was given otherwise.
    pub name: Arc<str>,
    /// The scanner's own name: `CodeQL`.
    pub tool: Arc<str>,
    /// When it ended; `None` where its results do not say.
    pub finished: Option<Timestamp>,
}

/// Everything a verdict rests on besides the findings.
#[derive(Clone, Copy)]
pub struct DecideInput<'a> {
    /// The configuration that counts: that of the base revision or from outside, under the floor.
    pub config: &'a Config,
    /// Subjects judged, for the counts.
    pub subjects_judged: usize,
    /// Results that are not among the findings (passes that are not shown), by status word.
    pub other_results: &'a BTreeMap<&'static str, usize>,
    /// All rules that took part, those of other scanners too.
    pub rules: &'a [Arc<RuleMeta>],
    /// What was looked at.
    pub coverage: &'a Coverage,
    /// What there is to say about the input; errors fail closed.
    pub diagnostics: &'a [Diagnostic],
    /// The exceptions that count: those of the base revision or from outside.
    pub register: &'a Register,
    /// The exceptions of the head where a base revision is given: they cover nothing, but a good signature accepts their arrival.
    pub proposed: Option<&'a Register>,
    /// The baseline that counts.
    pub baseline: Option<&'a JudgedBaseline>,
    /// Ignore files of other tools that count: those of the base revision.
    pub ignores: &'a Ignores,
    /// Suppression comments of the head.
    pub suppressions: &'a [Suppression],
    /// The texts of the head.
    pub sources: &'a SourceMap,
    /// The subjects of the head.
    pub subjects: &'a [SubjectState],
    /// The base revision, if one is given.
    pub base: Option<&'a BaseState<'a>>,
    /// Only what the change touched counts; needs a base revision.
    pub changed_only: bool,
    /// Results of other scanners that were taken in.
    pub scans: &'a [ExternalScan],
    /// The time of the evaluation.
    pub now: Timestamp,
    /// SHA-256.
    pub digest: &'a dyn Fn(&[u8]) -> Digest,
}

/// Decides. Adds findings of Probity's own (required scans, new comments) to `findings` and marks each: what covers it, whether it
/// counts, whether it was there at the base revision. Findings about changed configuration (`base`) and the floor (`floor`) are the
/// caller's to add before.
#[must_use]
pub fn decide(input: &DecideInput<'_>, findings: &mut Vec<Finding>) -> Verdict {
    let config = input.config;
    let mut notes = Vec::new();
    let mut suppressions = Suppressions::new(SuppressionInput {
        config,
        rules: input.rules,
        suppressions: input.suppressions,
        sources: input.sources,
        subjects: input.subjects,
        base: input.base,
        now: input.now,
    });
    let mut ignores = ignores::Cover::new(input.ignores, config, input.rules, input.now);
    findings.extend(required_scans(input));
    findings.extend(suppressions.added(input.digest));
    for finding in findings.iter_mut().filter(|finding| own::is_own(&finding.rule)) {
        let severity = config.severity_of(&finding.rule);
        if severity != finding.rule.severity {
            Arc::make_mut(&mut finding.rule).severity = severity;
        }
    }

    let changes = input.base.map(|base| Changes::new(base, input.subjects));
    let mut refused: BTreeMap<(String, String), usize> = BTreeMap::new();
    let mut untouched = 0_usize;
    for finding in findings.iter_mut() {
        if let Some(changes) = &changes {
            finding.existed = Some(changes.existed(finding));
        }
        mark(input, &mut suppressions, &mut ignores, changes.as_ref(), finding, &mut refused, &mut untouched);
    }

    let skipped = failing_skips(input);
    let broken = failing_diagnostics(input);
    let errors: Vec<&Finding> = findings.iter().filter(|finding| finding.status == Status::Error && finding.counts).collect();
    let weights = weigh(config, findings);
    let undecided = !skipped.is_empty() || !broken.is_empty() || !errors.is_empty();
    let colour = match weights.worst() {
        Colour::Red => Some(Colour::Red),
        _ if undecided => None,
        other => Some(other),
    };
    let permitted = match colour {
        Some(Colour::Green) => true,
        Some(Colour::Yellow) => config.approvers.is_empty(),
        Some(Colour::Red) | None => false,
    };

    let mut because = Vec::new();
    lines(&mut because, &weights.red);
    undecided_lines(&mut because, &errors, &skipped, &broken);
    lines(&mut because, &weights.yellow);
    if colour == Some(Colour::Yellow) {
        because.push(yellow_line(config, &weights.yellow));
    }
    if colour == Some(Colour::Green) {
        because.push(green_line(input, findings, untouched));
    }

    notes.extend(input.register.notes());
    for ((what, why), number) in refused {
        let times = if number == 1 { String::new() } else { format!(" ({})", count(number, "finding")) };
        notes.push(format!("{what} does not count: {why}{times}"));
    }
    if let Some(baseline) = input.baseline {
        let earlier = |finding: &Finding| changes.as_ref().and_then(|changes| changes.earlier(finding)).cloned();
        notes.extend(baseline.notes(findings, &earlier));
    }
    notes.extend(suppressions.notes());
    notes.extend(ignores.notes());
    notes.extend(unknown_note(config, findings));
    if untouched > 0 {
        notes.push(format!("{} this change did not touch: not counted (`--changed-only`)", count(untouched, "finding")));
    }
    if input.changed_only && input.base.is_none() {
        notes.push("`--changed-only` has no effect without a base revision: everything counts".to_owned());
    }
    let mut seen = BTreeSet::new();
    notes.retain(|note| seen.insert(note.clone()));
    Verdict { colour, permitted, because, notes, counts: counts(input, findings, &weights) }
}

/// The files a finding's settings are looked up by: its own, its subject's, and those of the module calls on the way.
pub(crate) fn places(finding: &Finding) -> impl Iterator<Item = &str> {
    [&*finding.at.file, &*finding.subject_at.file].into_iter().chain(finding.via.iter().map(|call| &*call.file))
}

/// Fills in `exception` and `counts`.
fn mark(
    input: &DecideInput<'_>,
    suppressions: &mut Suppressions<'_>,
    ignores: &mut ignores::Cover<'_>,
    changes: Option<&Changes>,
    finding: &mut Finding,
    refused: &mut BTreeMap<(String, String), usize>,
    untouched: &mut usize,
) {
    finding.exception = None;
    let own = own::is_own(&finding.rule);
    let askable = asks(finding.status);
    finding.counts = askable || finding.status == Status::Error;
    if !finding.counts {
        return;
    }
    let earlier = changes.and_then(|changes| changes.earlier(finding)).map(|text| &**text);
    let mut refuse = |what: &str, cover: Cover| match cover {
        Cover::By(reference) => Some(reference),
        Cover::Refused(list) => {
            for (id, why) in list {
                *refused.entry((format!("{what} `{id}`"), why.to_string())).or_default() += 1;
            }
            None
        }
        Cover::Nothing => None,
    };
    // All are asked, also when one covers: a comment is not stale because a baseline covers the same finding.
    let exception = refuse("exception", input.register.cover(finding, earlier, input.config, input.now));
    let comment = if askable && !own { suppressions.cover(finding) } else { None };
    let ignored = if askable && !own { ignores.cover(finding) } else { None };
    let baseline = match input.baseline {
        Some(baseline) if askable => refuse("baseline", baseline.cover(finding, earlier, input.config)),
        _ => None,
    };
    finding.exception = exception.or(comment).or(ignored).or(baseline).or_else(|| arrival(input, finding));
    if finding.exception.is_some() {
        finding.counts = false;
    } else if input.changed_only
        && !own
        && let Some(changes) = changes
        && !changes.touches(finding)
    {
        finding.counts = false;
        *untouched += 1;
    }
}

/// A new exception that an approver signed accepts its own arrival: the finding about it asks for nothing more.
fn arrival(input: &DecideInput<'_>, finding: &Finding) -> Option<probity_core::ExceptionRef> {
    if &*finding.rule.id != own::EXCEPTION_CHANGED || input.config.never_waived(&finding.rule) {
        return None;
    }
    let entry = input.proposed?.entries.iter().find(|entry| entry.exception.file == finding.subject.id)?;
    entry.accepts_its_arrival(finding.rule.severity).then(|| entry.reference())
}

/// What required scans are absent or too old, as findings.
fn required_scans(input: &DecideInput<'_>) -> Vec<Finding> {
    let mut out = Vec::new();
    for (name, most) in &input.config.required {
        let same = |scan: &&ExternalScan| scan.name.eq_ignore_ascii_case(name) || scan.tool.eq_ignore_ascii_case(name);
        let matching: Vec<&ExternalScan> = input.scans.iter().filter(same).collect();
        let newest = matching.iter().filter_map(|scan| scan.finished).max();
        let age = newest.map(|time| input.now.seconds.saturating_sub(time.seconds));
        let most_signed = i64::try_from(*most).unwrap_or(i64::MAX);
        // Clocks differ by minutes, not by days: a scan from further in the future proves nothing.
        const SKEW: i64 = 600;
        let fault = match (matching.is_empty(), age) {
            (true, _) => format!("required scan `{name}` is absent"),
            (false, None) => format!("required scan `{name}` does not say when it ran, and it may be {} old at most", age_text(*most)),
            (false, Some(age)) if age < -SKEW => format!("required scan `{name}` says it ran in the future"),
            (false, Some(age)) if age > most_signed => {
                let age = u64::try_from(age).unwrap_or(0);
                format!("required scan `{name}` is {} old; {} is the most", age_text(age), age_text(*most))
            }
            (false, Some(_)) => continue,
        };
        let at = own::place(input.config.written.span(&format!("required.{name}")), &"probity.yaml".into(), input.sources);
        out.push(own::finding(own::REQUIRED_SCAN, name, at, fault, name, input.digest));
    }
    out
}

fn age_text(seconds: u64) -> String {
    match seconds {
        0..3_600 => count(usize::try_from(seconds / 60).unwrap_or(0), "minute"),
        3_600..172_800 => count(usize::try_from(seconds / 3_600).unwrap_or(0), "hour"),
        _ => count(usize::try_from(seconds / 86_400).unwrap_or(usize::MAX), "day"),
    }
}

/// Whether a file is the same as at the base revision and something was wrong with it there too: with `--changed-only` it is no
/// matter of this change. An error that a change elsewhere brings to an unchanged file is.
fn untouched_file(input: &DecideInput<'_>, file: &Arc<str>) -> bool {
    input.changed_only && input.base.is_some_and(|base| !base.changed_files.contains(file) && base.broken_files.contains(file))
}

fn failing_skips<'a>(input: &DecideInput<'a>) -> Vec<&'a SkippedFile> {
    input.coverage.skipped.iter().filter(|file| file.fails && !untouched_file(input, &file.file)).collect()
}

/// Errors about files that are not listed as skipped already.
fn failing_diagnostics<'a>(input: &DecideInput<'a>) -> Vec<&'a Diagnostic> {
    let skipped: BTreeSet<&Arc<str>> = input.coverage.skipped.iter().filter(|file| file.fails).map(|file| &file.file).collect();
    let mut files = BTreeSet::new();
    input
        .diagnostics
        .iter()
        .chain(&input.register.diagnostics)
        .filter(|diagnostic| diagnostic.level == Level::Error)
        .filter(|diagnostic| !skipped.contains(&diagnostic.file) && !untouched_file(input, &diagnostic.file))
        .filter(|diagnostic| files.insert(&diagnostic.file))
        .collect()
}

/// Findings that make a colour, by what they are and how bad.
#[derive(Default)]
struct Weights<'a> {
    red: Vec<&'a Finding>,
    yellow: Vec<&'a Finding>,
}

impl Weights<'_> {
    fn worst(&self) -> Colour {
        if !self.red.is_empty() {
            Colour::Red
        } else if !self.yellow.is_empty() {
            Colour::Yellow
        } else {
            Colour::Green
        }
    }
}

/// The colour one finding makes.
pub(crate) fn colour_of(config: &Config, finding: &Finding) -> Colour {
    if !finding.counts {
        return Colour::Green;
    }
    let settings = config.settings_for_all(places(finding));
    let severity = finding.rule.severity;
    let as_fail = if severity >= settings.red_at {
        Colour::Red
    } else if severity >= settings.yellow_at {
        Colour::Yellow
    } else {
        Colour::Green
    };
    match finding.status {
        // `required` says "must be there": whatever the thresholds, an absent scan is not green.
        Status::Fail if &*finding.rule.id == own::REQUIRED_SCAN => as_fail.max(Colour::Yellow),
        Status::Fail => finding.colour.unwrap_or(as_fail),
        Status::Warn => as_fail.min(Colour::Yellow),
        Status::Unknown => match settings.unknown {
            UnknownPolicy::Count => Colour::Green,
            UnknownPolicy::Yellow => as_fail.min(Colour::Yellow),
            UnknownPolicy::Red => as_fail,
        },
        Status::Error | Status::Pass | Status::Skip | Status::NotApplicable => Colour::Green,
    }
}

fn weigh<'a>(config: &Config, findings: &'a [Finding]) -> Weights<'a> {
    let mut weights = Weights::default();
    for finding in findings {
        match colour_of(config, finding) {
            Colour::Red => weights.red.push(finding),
            Colour::Yellow => weights.yellow.push(finding),
            Colour::Green => {}
        }
    }
    weights
}

/// How many rule ids a line names.
const NAMED: usize = 3;

/// `2 high findings: `a` (2), `b``, worst first; unknown results and warnings apart; Probity's own say what they are.
fn lines(out: &mut Vec<String>, findings: &[&Finding]) {
    for severity in Severity::ALL.iter().rev() {
        for (status, one) in [(Status::Fail, "finding"), (Status::Warn, "warning"), (Status::Unknown, "unknown result")] {
            let mut rules: BTreeMap<&str, usize> = BTreeMap::new();
            for finding in findings {
                if finding.rule.severity == *severity && finding.status == status && !own::is_own(&finding.rule) {
                    *rules.entry(&finding.rule.id).or_default() += 1;
                }
            }
            let total: usize = rules.values().sum();
            if total == 0 {
                continue;
            }
            let mut by_number: Vec<(&str, usize)> = rules.into_iter().collect();
            by_number.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
            let most: Vec<String> = by_number
                .iter()
                .take(NAMED)
                .map(|(rule, number)| if *number == 1 { format!("`{rule}`") } else { format!("`{rule}` ({number})") })
                .collect();
            let more = by_number.len().saturating_sub(NAMED);
            let more = if more == 0 { String::new() } else { format!(" and {}", count(more, "more rule")) };
            out.push(format!("{}: {}{more}", count(total, &format!("{severity} {one}")), most.join(", ")));
        }
        let mut said = 0_usize;
        for finding in findings.iter().filter(|finding| finding.rule.severity == *severity && own::is_own(&finding.rule)) {
            said += 1;
            if said <= 10 {
                out.push(finding.message.clone());
            }
        }
        if said > 10 {
            out.push(format!("{} of that kind", count(said - 10, "more finding")));
        }
    }
}

fn undecided_lines(out: &mut Vec<String>, errors: &[&Finding], skipped: &[&SkippedFile], broken: &[&Diagnostic]) {
    if !errors.is_empty() {
        let rules: BTreeSet<&str> = errors.iter().map(|finding| &*finding.rule.id).collect();
        out.push(format!("{} could not be evaluated: {}", count(errors.len(), "result"), names(rules, NAMED)));
    }
    if !skipped.is_empty() {
        let files: BTreeSet<&str> = skipped.iter().map(|file| &*file.file).collect();
        let whole = skipped.iter().all(|file| !file.partly);
        out.push(format!(
            "{} could not be {}read: {}",
            count(files.len(), "file"),
            if whole { "" } else { "wholly " },
            names(files, NAMED)
        ));
    }
    for diagnostic in broken.iter().take(5) {
        out.push(format!("`{}`: {}", diagnostic.file, diagnostic.message));
    }
    if broken.len() > 5 {
        out.push(format!("{} with errors", count(broken.len() - 5, "more file")));
    }
}

fn yellow_line(config: &Config, yellow: &[&Finding]) -> String {
    if config.approvers.is_empty() {
        return "yellow passes with a warning: no approvers are configured".to_owned();
    }
    let worst = yellow.iter().map(|finding| finding.rule.severity).max().unwrap_or(Severity::Critical);
    let able: Vec<String> = config
        .approvers
        .iter()
        .filter(|approver| approver.may_accept.contains(&worst))
        .map(|approver| format!("{} ({})", approver.name, approver.role))
        .collect();
    if able.is_empty() {
        return format!("yellow needs an acceptance, and no approver may accept `{worst}` findings");
    }
    format!("yellow needs an acceptance by an approver: {}", names(able.iter().map(String::as_str), 5))
}

fn green_line(input: &DecideInput<'_>, findings: &[Finding], untouched: usize) -> String {
    let counting = findings.iter().filter(|finding| finding.counts && matches!(finding.status, Status::Fail | Status::Warn)).count();
    if counting > 0 {
        return format!("{} below `yellow_at: {}`", count(counting, "finding"), input.config.gate.yellow_at);
    }
    if input.changed_only && input.base.is_some() && untouched > 0 {
        return "nothing this change touched asks for anything".to_owned();
    }
    let excepted = findings.iter().filter(|finding| finding.exception.is_some()).count();
    if excepted > 0 {
        return format!("all findings are covered ({excepted})");
    }
    "no finding counts".to_owned()
}

fn unknown_note(config: &Config, findings: &[Finding]) -> Option<String> {
    let unknown = findings.iter().filter(|finding| finding.status == Status::Unknown && finding.counts).count();
    (unknown > 0 && config.gate.unknown == UnknownPolicy::Count)
        .then(|| format!("{} could not be known; `gate.unknown` lets them count without blocking", count(unknown, "result")))
}

fn counts(input: &DecideInput<'_>, findings: &[Finding], weights: &Weights<'_>) -> Counts {
    let mut counts = Counts { subjects: input.subjects_judged, by_status: input.other_results.clone(), ..Counts::default() };
    let blocking: BTreeSet<*const Finding> =
        weights.red.iter().chain(&weights.yellow).map(|finding| std::ptr::from_ref::<Finding>(finding)).collect();
    for finding in findings {
        *counts.by_status.entry(finding.status.as_str()).or_default() += 1;
        if finding.exception.is_some() {
            counts.excepted += 1;
        }
        // An unknown result is a finding that counts only where it weighs something; else it is one of `by_status`.
        let weighs = matches!(finding.status, Status::Fail | Status::Warn) || blocking.contains(&std::ptr::from_ref(finding));
        if finding.counts && weighs {
            *counts.by_severity.entry(finding.rule.severity).or_default() += 1;
            for control in &finding.rule.controls {
                *counts.by_control.entry(Arc::clone(control)).or_default() += 1;
            }
        }
    }
    counts
}

#[cfg(test)]
mod tests;
