//! What suppression comments of templates and Bicep files reach.
//!
//! Checkov's stand in the resource they speak of; those of Trivy, tfsec and our own stand on the line they speak of or above it; KICS's
//! name the next line or block.

use std::sync::Arc;

use probity_core::{Diagnostic, Level, Suppression, SuppressionReach, SuppressionStyle};
use probity_value::{SourceFile, Span};

use crate::suppress::{Command, ParsedSuppression, parse_comment};

/// More suppressions of one file do not count.
const MAX_SUPPRESSIONS: usize = 10_000;

/// The suppressions of one file. `resources` are the blocks in it, `parts` what else begins and ends somewhere; both in any order.
pub(crate) fn find(
    file: &SourceFile,
    comments: &[Span],
    resources: &[Span],
    parts: &dyn Fn() -> Vec<Span>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<Suppression> {
    let mut out = Vec::new();
    let text = file.text();
    if comments.is_empty() || !["skip=", ":ignore:", "kics-scan", "probity:allow"].iter().any(|word| text.contains(word)) {
        return out;
    }
    let mut resources = resources.to_vec();
    resources.sort_by_key(|span| (span.start, std::cmp::Reverse(span.end)));
    let mut parts = parts();
    parts.sort_by_key(|span| (span.start, std::cmp::Reverse(span.end)));
    let lines = CommentLines::new(file, comments);
    for comment in comments {
        let words = text.get(comment.start as usize..comment.end as usize).unwrap_or_default();
        for parsed in parse_comment(words, *comment) {
            if out.len() >= MAX_SUPPRESSIONS {
                let message = format!("more than {MAX_SUPPRESSIONS} suppressions in one file; the rest does not count");
                diagnostics.push(Diagnostic::new(Level::Warning, "suppression-limit", Arc::clone(file.path()), *comment, message));
                return out;
            }
            if !parsed.only.is_empty() {
                let message = "the comment has a condition that cannot be told here, so it does not count";
                diagnostics.push(Diagnostic::new(Level::Warning, "suppression-condition", Arc::clone(file.path()), parsed.span, message));
                continue;
            }
            let (reach, target) = reach(file, *comment, &parsed, &resources, &parts, &lines);
            out.push(suppression(parsed, reach, target));
        }
    }
    out
}

/// A parsed comment with what it reaches.
pub(crate) fn suppression(parsed: ParsedSuppression, reach: SuppressionReach, target: Span) -> Suppression {
    let ParsedSuppression { style, id, reason, until, owner, span, .. } = parsed;
    Suppression { style, id, reason, until, owner, span, reach, target }
}

/// `CKV_AZURE_3:reason` in the metadata of a resource.
pub(crate) fn metadata(text: &str, span: Span, target: Span) -> Option<Suppression> {
    let (id, reason) = text.split_once(':').unwrap_or((text, ""));
    let id = id.trim();
    if id.is_empty() || !id.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_') {
        return None;
    }
    Some(Suppression {
        style: SuppressionStyle::Checkov,
        id: id.into(),
        reason: reason.trim().into(),
        until: None,
        owner: None,
        span,
        reach: SuppressionReach::Subject,
        target,
    })
}

fn reach(
    file: &SourceFile,
    comment: Span,
    parsed: &ParsedSuppression,
    resources: &[Span],
    parts: &[Span],
    lines: &CommentLines,
) -> (SuppressionReach, Span) {
    let end_line = file.line_column(comment.end).line;
    match parsed.command {
        Command::File => {
            let whole = Span { start: 0, end: u32::try_from(file.text().len()).unwrap_or(u32::MAX), ..comment };
            return (SuppressionReach::File, whole);
        }
        Command::IgnoreLine => return (SuppressionReach::Lines, line_span(file, comment, end_line + 1)),
        Command::IgnoreBlock => {
            let next = |spans: &[Span]| spans.get(spans.partition_point(|span| span.start < comment.end)).copied();
            return match (next(resources), next(parts)) {
                (Some(resource), Some(part)) if resource.start <= part.start => (SuppressionReach::Subject, resource),
                (Some(resource), None) => (SuppressionReach::Subject, resource),
                (_, Some(part)) => (SuppressionReach::Lines, part),
                (None, None) => (SuppressionReach::Lines, line_span(file, comment, end_line)),
            };
        }
        Command::Usual => {}
    }
    let line = lines.spoken_of(file, comment);
    let starts = |span: &&Span| file.line_column(span.start).line == line;
    let near = |spans: &[Span]| -> Option<Span> {
        let start = file.line_start(line)?;
        spans.iter().skip(spans.partition_point(|span| span.start < start)).take(1).find(starts).copied()
    };
    if parsed.style == SuppressionStyle::Checkov {
        let around = resources.iter().take_while(|span| span.start <= comment.start).filter(|span| comment.start < span.end).last();
        if let Some(span) = around.copied().or_else(|| near(resources)) {
            return (SuppressionReach::Subject, span);
        }
        return (SuppressionReach::Lines, line_span(file, comment, line));
    }
    match (near(resources), near(parts)) {
        (Some(resource), _) => (SuppressionReach::Subject, resource),
        (None, Some(part)) => (SuppressionReach::Lines, part),
        (None, None) => (SuppressionReach::Lines, line_span(file, comment, line)),
    }
}

/// Which lines hold nothing but comments.
struct CommentLines {
    /// First and last line of comments that stand alone, in order.
    alone: Vec<(u32, u32)>,
}

impl CommentLines {
    fn new(file: &SourceFile, comments: &[Span]) -> CommentLines {
        let alone = comments
            .iter()
            .filter(|comment| stands_alone(file, **comment))
            .map(|comment| (file.line_column(comment.start).line, file.line_column(comment.end).line))
            .collect();
        CommentLines { alone }
    }

    /// The line a comment speaks of: its own where something stands before it, else the first line after it that is not all comment.
    fn spoken_of(&self, file: &SourceFile, comment: Span) -> u32 {
        if !stands_alone(file, comment) {
            return file.line_column(comment.start).line;
        }
        let mut line = file.line_column(comment.end).line + 1;
        for (first, last) in self.alone.iter().skip(self.alone.partition_point(|(first, _)| *first < line)) {
            if *first != line {
                break;
            }
            line = last + 1;
        }
        line
    }
}

fn stands_alone(file: &SourceFile, comment: Span) -> bool {
    let start = file.line_start(file.line_column(comment.start).line).unwrap_or(0);
    file.text().get(start as usize..comment.start as usize).unwrap_or_default().trim().is_empty()
}

fn line_span(file: &SourceFile, at: Span, line: u32) -> Span {
    let end = u32::try_from(file.text().len()).unwrap_or(u32::MAX);
    let start = file.line_start(line).unwrap_or(end);
    let length = u32::try_from(file.line(line).unwrap_or_default().len()).unwrap_or(u32::MAX);
    Span { file: at.file, start, end: start.saturating_add(length).min(end) }
}
