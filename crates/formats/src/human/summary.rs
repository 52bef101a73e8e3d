//! The end of the report: how many of what, what was looked at and what not, the verdict, the record.

use std::collections::{BTreeMap, BTreeSet};

use probity_core::{Colour, Counts, Finding, Report, SkippedFile, Status};

use super::{Options, Style, Tone, severity_tone};
use crate::{escape, order};

/// Controls that are listed before `and N more`.
const MOST_CONTROLS: usize = 10;
/// Files named per reason before `and N more`.
const MOST_FILES: usize = 5;

pub(super) fn write(report: &Report, options: Options, out: &mut String) {
    let style = options.style;
    if !options.quiet {
        let own;
        let counts = match &report.verdict {
            Some(verdict) => &verdict.counts,
            None => {
                own = count(&report.findings);
                &own
            }
        };
        findings(counts, &report.findings, style, out);
        controls(counts, style, out);
    }
    if !options.quiet || !report.coverage.skipped.is_empty() {
        coverage(report, style, out);
    }
    verdict(report, options, out);
}

/// The counts of a report without a verdict.
fn count(findings: &[Finding]) -> Counts {
    let mut counts = Counts::default();
    for finding in findings {
        *counts.by_status.entry(finding.status.as_str()).or_default() += 1;
        if finding.exception.is_some() && !finding.counts {
            counts.excepted += 1;
        } else if finding.counts && matches!(finding.status, Status::Fail | Status::Warn) {
            *counts.by_severity.entry(finding.rule.severity).or_default() += 1;
            for control in &finding.rule.controls {
                *counts.by_control.entry(control.clone()).or_default() += 1;
            }
        }
    }
    counts
}

/// A label and what belongs to it.
fn row(label: &str, text: &str, style: Style, out: &mut String) {
    put!(out, "{}{:pad$}{text}\n", style.paint(Tone::Strong, label), "", pad = 10_usize.saturating_sub(label.len()).max(1));
}

fn findings(counts: &Counts, findings: &[Finding], style: Style, out: &mut String) {
    let mut parts: Vec<String> = Vec::new();
    for severity in order::severities() {
        if let Some(count) = counts.by_severity.get(&severity).filter(|count| **count > 0) {
            parts.push(style.paint(severity_tone(severity), &format!("{count} {severity}")));
        }
    }
    if parts.is_empty() {
        parts.push("none".to_owned());
    }
    let of = |status: Status| counts.by_status.get(status.as_str()).copied().unwrap_or(0);
    if of(Status::Unknown) > 0 {
        parts.push(style.paint(Tone::Open, &format!("{} unknown", of(Status::Unknown))));
    }
    if of(Status::Error) > 0 {
        parts.push(style.paint(Tone::Bad, &format!("{} not judged (error)", of(Status::Error))));
    }
    if counts.excepted > 0 {
        parts.push(format!("{} covered by exceptions", counts.excepted));
    }
    let new = findings.iter().filter(|finding| order::asks(finding) && finding.existed == Some(false)).count();
    if new > 0 {
        parts.push(format!("{new} new"));
    }
    row("findings", &parts.join(", "), style, out);
}

fn controls(counts: &Counts, style: Style, out: &mut String) {
    let mut list: Vec<(&str, usize)> = counts.by_control.iter().map(|(control, count)| (&**control, *count)).collect();
    if list.is_empty() {
        return;
    }
    list.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    let mut parts: Vec<String> =
        list.iter().take(MOST_CONTROLS).map(|(control, count)| format!("{} {count}", escape::line(control))).collect();
    if list.len() > MOST_CONTROLS {
        parts.push(format!("and {} more", list.len() - MOST_CONTROLS));
    }
    row("controls", &style.wrap(&parts.join(", "), 10), style, out);
}

fn coverage(report: &Report, style: Style, out: &mut String) {
    let coverage = &report.coverage;
    let mut sources: BTreeMap<&str, usize> = BTreeMap::new();
    for file in &coverage.read {
        *sources.entry(file.source).or_default() += 1;
    }
    let subjects: usize = coverage.read.iter().map(|file| file.subjects).sum();
    let kinds: Vec<String> = sources.iter().map(|(source, count)| format!("{count} {source}")).collect();
    // A file may be read for its meaning, for packages and for secrets.
    let files: BTreeSet<&str> = coverage.read.iter().map(|file| &*file.file).collect();
    let mut text = format!("{}, {}", plural(files.len(), "file"), plural(subjects, "subject"));
    if !kinds.is_empty() {
        put!(text, " ({})", kinds.join(", "));
    }
    row("read", &text, style, out);
    if coverage.skipped.is_empty() {
        return;
    }
    let failing = coverage.skipped.iter().filter(|file| file.fails).count();
    let mut text = plural(coverage.skipped.len(), "file");
    if failing > 0 {
        let who = if report.verdict.is_some() { "the verdict" } else { "a gate" };
        put!(text, "; {who} fails closed over {}", style.paint(Tone::Bad, &failing.to_string()));
    }
    row("not read", &text, style, out);
    let mut reasons: BTreeMap<(bool, &str, bool), Vec<&SkippedFile>> = BTreeMap::new();
    for file in &coverage.skipped {
        reasons.entry((!file.fails, &file.why, file.partly)).or_default().push(file);
    }
    for ((harmless, why, partly), files) in reasons {
        let mut names: Vec<String> = files.iter().take(MOST_FILES).map(|file| escape::line(&file.file).into_owned()).collect();
        if files.len() > MOST_FILES {
            names.push(format!("and {} more", files.len() - MOST_FILES));
        }
        let partly = if partly { " (read in part)" } else { "" };
        let mark = if harmless { "-" } else { "!" };
        put!(out, "  {mark} {}\n", style.wrap(&format!("{}: {}{partly}", names.join(", "), escape::line(why)), 4));
    }
}

fn verdict(report: &Report, options: Options, out: &mut String) {
    let style = options.style;
    let Some(verdict) = &report.verdict else { return };
    let (word, tone) = match verdict.colour {
        Some(Colour::Green) => ("green", Tone::Good),
        Some(Colour::Yellow) => ("yellow", Tone::Warning),
        Some(Colour::Red) => ("red", Tone::Bad),
        None => ("could not decide", Tone::Bad),
    };
    let meaning = match (verdict.colour, verdict.permitted) {
        _ if options.observe => "observed only, nothing is stopped",
        (None, _) => "fails closed",
        (Some(Colour::Yellow), true) => "may go on, with a warning",
        (Some(_), true) => "may go on",
        (Some(Colour::Yellow), false) => "needs an acceptance by an approver",
        (Some(_), false) => "must not go on",
    };
    match (&report.evidence, options.quiet) {
        (None, _) => {
            let text = "NOT RECORDED: there is no evidence of this verdict, and nobody can check it later";
            row("evidence", &style.paint(Tone::Bad, text), style, out);
        }
        (Some(evidence), false) => {
            let anchored = if evidence.anchored { "anchored" } else { "unanchored" };
            let text = format!(
                "record {}, entry {} of {}, in {} ({})",
                evidence.record.to_string().get(..16).unwrap_or_default(),
                evidence.index.saturating_add(1),
                evidence.tree_size,
                escape::line(&evidence.place),
                if evidence.anchored { anchored.to_owned() } else { style.paint(Tone::Warning, anchored) }
            );
            row("evidence", &text, style, out);
        }
        (Some(_), true) => {}
    }
    row("verdict", &format!("{}, {meaning}", style.paint(tone, word)), style, out);
    for because in &verdict.because {
        put!(out, "  because {}\n", style.wrap(&escape::line(because), 10));
    }
    for note in &verdict.notes {
        put!(out, "  note    {}\n", style.wrap(&escape::line(note), 10));
    }
}

/// `1 file`, `2 files`.
pub(crate) fn plural(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}
