//! The report for a person: what is wrong, where, why, and what to do; then what was looked at and what was decided.

mod excerpt;
mod paint;
mod summary;

use probity_core::{Diagnostic, Finding, Level, Place, Report, Severity, Status, SubjectKind};
use probity_value::SourceMap;

use crate::{escape, mask, order};

pub use paint::Style;
pub(crate) use paint::Tone;

/// Instances of one fault that are named before `and N more`.
const MOST_INSTANCES: usize = 5;

/// What to show and how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Layout.
    pub style: Style,
    /// One line per finding, and no summaries. What was not read, and the verdict, are still said.
    pub quiet: bool,
    /// The verdict is shown, but nothing is stopped by it (`gate --observe`).
    pub observe: bool,
}

/// The report as text.
#[must_use]
pub fn write(report: &Report, sources: &SourceMap, options: Options) -> String {
    let style = options.style;
    let mut out = String::new();
    let shown = order::most_severe_first(report.findings.iter().filter(|finding| order::asks(finding)));
    for group in order::groups(&shown) {
        if options.quiet { one_line(&group, style, &mut out) } else { full(&group, sources, style, &mut out) }
    }
    if !options.quiet {
        for (heading, which) in SECTIONS {
            let list: Vec<&Finding> = report.findings.iter().filter(|finding| which(finding)).collect();
            section(heading, &list, style, &mut out);
        }
    }
    for one in &report.diagnostics {
        if !options.quiet || one.level == Level::Error {
            out.push_str(&diagnostic(one, sources, style));
            if !options.quiet {
                out.push('\n');
            }
        }
    }
    summary::write(report, options, &mut out);
    out
}

/// A diagnostic with its excerpt and hint; the same for every command.
#[must_use]
pub fn diagnostic(diagnostic: &Diagnostic, sources: &SourceMap, style: Style) -> String {
    let mut out = String::new();
    let (word, tone) = match diagnostic.level {
        Level::Note => ("note", Tone::Mild),
        Level::Warning => ("warning", Tone::Warning),
        Level::Error => ("error", Tone::Bad),
    };
    let head = format!("{word}  {}  ", diagnostic.code);
    let message = style.wrap(&escape::line(&mask::text(&diagnostic.message)), head.len());
    put!(out, "{}{message}\n", head.replacen(word, &style.paint(tone, word), 1));
    let file = escape::line(&diagnostic.file).into_owned();
    match sources.locate(diagnostic.span) {
        Some((_, start, _)) => put!(out, "  --> {file}:{}:{}\n", start.line, start.column),
        None if !file.is_empty() => put!(out, "  --> {file}\n"),
        None => {}
    }
    excerpt::of_span(diagnostic.span, sources, style, &mut out);
    if let Some(hint) = &diagnostic.hint {
        note("hint", hint, style, &mut out);
    }
    out
}

type Which = fn(&Finding) -> bool;

/// Lists at the end of the findings: nothing that was judged stays unsaid.
const SECTIONS: &[(&str, Which)] = &[
    ("covered", |finding| finding.exception.is_some() && !finding.counts),
    ("not changed", |finding| finding.exception.is_none() && !finding.counts && asking(finding.status)),
    ("skipped", |finding| finding.status == Status::Skip && (finding.counts || finding.exception.is_none())),
    ("passed", |finding| finding.status == Status::Pass && (finding.counts || finding.exception.is_none())),
    ("not applicable", |finding| finding.status == Status::NotApplicable && (finding.counts || finding.exception.is_none())),
];

const fn asking(status: Status) -> bool {
    matches!(status, Status::Fail | Status::Warn | Status::Unknown | Status::Error)
}

fn section(heading: &str, list: &[&Finding], style: Style, out: &mut String) {
    if list.is_empty() {
        return;
    }
    put!(out, "{} ({})\n", style.paint(Tone::Strong, heading), list.len());
    for finding in list {
        put!(
            out,
            "  {}  {}  {}  {}\n",
            order::word(finding),
            escape::line(&finding.rule.id),
            position(&finding.at),
            escape::line(&finding.subject.id)
        );
        if finding.status == Status::Skip && !finding.message.is_empty() {
            put!(out, "      {}\n", style.wrap(&escape::line(&mask::text(&finding.message)), 6));
        }
        if let Some(exception) = &finding.exception {
            let mut text = format!("{} `{}`", exception.source, exception.id);
            if let Some(kind) = exception.kind {
                put!(text, ", {kind}");
            }
            if let Some(by) = &exception.by {
                put!(text, ", signed by {by}");
            }
            if let Some(expires) = &exception.expires {
                put!(text, ", until {expires}");
            }
            if !exception.reason.is_empty() {
                put!(text, ": {}", exception.reason);
            }
            put!(out, "      {}\n", style.wrap(&escape::line(&text), 6));
        }
    }
    out.push('\n');
}

/// The colour of a finding's first word.
fn tone(finding: &Finding) -> Tone {
    match finding.status {
        Status::Error => Tone::Bad,
        Status::Unknown => Tone::Open,
        _ => severity_tone(finding.rule.severity),
    }
}

pub(crate) const fn severity_tone(severity: Severity) -> Tone {
    match severity {
        Severity::Critical | Severity::High => Tone::Bad,
        Severity::Medium => Tone::Warning,
        Severity::Low => Tone::Mild,
        Severity::Info => Tone::Quiet,
    }
}

/// `db.tf:3:3`, or the file alone.
fn position(place: &Place) -> String {
    let file = escape::line(&place.file);
    if place.line == 0 { file.into_owned() } else { format!("{file}:{}:{}", place.line, place.column) }
}

fn one_line(group: &[&Finding], style: Style, out: &mut String) {
    for finding in group {
        put!(
            out,
            "{}  {}  {}  {}: {}\n",
            style.paint(tone(finding), order::word(finding)),
            position(&finding.at),
            escape::line(&finding.rule.id),
            escape::line(&finding.subject.id),
            escape::line(&mask::text(&finding.message))
        );
    }
}

/// A line below an excerpt: `= why   text`.
fn note(label: &str, text: &str, style: Style, out: &mut String) {
    let text = style.wrap(&escape::line(&mask::text(text)), 14);
    put!(out, "   {} {}{:pad$}{text}\n", style.paint(Tone::Quiet, "="), label, "", pad = 9_usize.saturating_sub(label.len()).max(1));
}

fn full(group: &[&Finding], sources: &SourceMap, style: Style, out: &mut String) {
    let Some(finding) = group.first() else { return };
    let rule = &finding.rule;
    let word = order::word(finding);
    let aside = if matches!(finding.status, Status::Unknown | Status::Error) { format!(" ({})", rule.severity) } else { String::new() };
    put!(
        out,
        "{}{aside}  {}  {}\n",
        style.paint(tone(finding), word),
        style.paint(Tone::Strong, &escape::line(&rule.id)),
        escape::line(&rule.title)
    );
    put!(out, "  --> {}  {}", position(&finding.at), escape::line(&finding.subject.id));
    if finding.existed == Some(false) {
        put!(out, "  ({})", style.paint(Tone::Warning, "new"));
    }
    out.push('\n');

    let message = escape::line(&mask::text(&finding.message)).into_owned();
    if !excerpt::of_place(&finding.at, sources, &message, style, out) && !message.is_empty() {
        note("found", &finding.message, style, out);
    }
    for step in &finding.origin {
        note("from", &format!("{}, {}", step.what, position(&step.at)), style, out);
    }
    for call in &finding.via {
        let what = if finding.subject.kind == SubjectKind::Kubernetes { "overlay" } else { "module call" };
        note("via", &format!("{what}, {}", position(call)), style, out);
    }
    if group.len() > 1 {
        note("also", &order::others(group, MOST_INSTANCES), style, out);
    }
    if !rule.why.is_empty() {
        note("why", &rule.why, style, out);
    }
    let fix = rule.fix_for(&finding.subject.type_name);
    if !fix.is_empty() {
        note("fix", fix, style, out);
    }
    if !rule.aliases.is_empty() {
        note("ids", &rule.aliases.join(", "), style, out);
    }
    if !rule.controls.is_empty() {
        note("controls", &rule.controls.join(", "), style, out);
    }
    if !finding.also_seen_by.is_empty() {
        note("seen by", &finding.also_seen_by.join(", "), style, out);
    }
    if let Some(exception) = &finding.exception {
        note("excepted", &format!("{} `{}` does not cover it", exception.source, exception.id), style, out);
    }
    out.push('\n');
}

#[cfg(test)]
mod tests;
