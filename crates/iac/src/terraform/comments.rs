//! What suppression comments of a configuration file reach.
//!
//! Checkov's stand in the block they speak of; those of Trivy, tfsec and our own stand on the line they speak of or above it; KICS's
//! name the next line or block. Where a comment stands above other comments, the first line after them counts.

use std::sync::Arc;

use probity_core::{Diagnostic, Level, Suppression, SuppressionReach, SuppressionStyle};
use probity_value::{SourceFile, Span};

use super::syntax::{Block, Body};
use crate::suppress::{Command, ParsedSuppression, parse_comment};

/// An argument or a block.
struct Item {
    span: Span,
    /// Whether it is a block, and a top-level one.
    block: bool,
    top: bool,
}

/// The suppressions of one file.
pub(crate) fn suppressions(
    file: &SourceFile,
    body: &Body,
    comments: &[Span],
    workspace: &str,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<Suppression> {
    let mut out = Vec::new();
    let mut items: Option<Vec<Item>> = None;
    for comment in comments {
        let text = file.text().get(comment.start as usize..comment.end as usize).unwrap_or_default();
        for parsed in parse_comment(text, *comment) {
            // Only the workspace can be told here; a comment under another condition does not count, and that is said.
            if parsed.only.iter().any(|(name, _)| &**name != "ws") {
                diagnostics.push(Diagnostic::new(
                    Level::Warning,
                    "suppression-condition",
                    Arc::clone(file.path()),
                    parsed.span,
                    "the comment has a condition that cannot be told here, so it does not count",
                ));
                continue;
            }
            if parsed.only.iter().any(|(_, value)| &**value != workspace) {
                continue;
            }
            let items = items.get_or_insert_with(|| {
                let mut items = Vec::new();
                gather(body, true, &mut items);
                items.sort_by_key(|item| item.span.start);
                items
            });
            let (reach, target) = reach(file, *comment, &parsed, items, comments);
            let ParsedSuppression { style, id, reason, until, owner, span, .. } = parsed;
            out.push(Suppression { style, id, reason, until, owner, span, reach, target });
        }
    }
    out
}

fn gather(body: &Body, top: bool, out: &mut Vec<Item>) {
    for attribute in &body.attributes {
        out.push(Item { span: attribute.name_span.join(attribute.expr.span), block: false, top: false });
    }
    for block in &body.blocks {
        out.push(Item { span: block.span, block: true, top });
        let inner: &Block = block;
        gather(&inner.body, false, out);
    }
}

fn reach(file: &SourceFile, comment: Span, parsed: &ParsedSuppression, items: &[Item], comments: &[Span]) -> (SuppressionReach, Span) {
    let whole = Span { start: 0, end: u32::try_from(file.text().len()).unwrap_or(u32::MAX), ..comment };
    let end_line = file.line_column(comment.end).line;
    match parsed.command {
        Command::File => return (SuppressionReach::File, whole),
        Command::IgnoreLine => return (SuppressionReach::Lines, line_span(file, comment, end_line + 1)),
        Command::IgnoreBlock => {
            let next = items.iter().find(|item| item.span.start >= comment.end);
            return match next {
                Some(item) if item.top => (SuppressionReach::Subject, item.span),
                Some(item) => (SuppressionReach::Lines, item.span),
                None => (SuppressionReach::Lines, line_span(file, comment, end_line)),
            };
        }
        Command::Usual => {}
    }
    let line = spoken_of(file, comment, comments);
    let starts = |item: &&Item| file.line_column(item.span.start).line == line;
    if parsed.style == SuppressionStyle::Checkov {
        let around = items.iter().find(|item| item.top && item.span.start <= comment.start && comment.start < item.span.end);
        if let Some(item) = around.or_else(|| items.iter().find(|item| item.top && starts(item))) {
            return (SuppressionReach::Subject, item.span);
        }
        return (SuppressionReach::Lines, line_span(file, comment, line));
    }
    // The outermost thing that begins on the line: the block before the argument of a block written on one line.
    match items.iter().find(starts) {
        Some(item) if item.top && item.block => (SuppressionReach::Subject, item.span),
        Some(item) => (SuppressionReach::Lines, item.span),
        None => (SuppressionReach::Lines, line_span(file, comment, line)),
    }
}

/// The line a comment speaks of: its own where something stands before it, else the first line after it that is not all comment.
fn spoken_of(file: &SourceFile, comment: Span, comments: &[Span]) -> u32 {
    let own = file.line_column(comment.start).line;
    let start = file.line_start(own).unwrap_or(0);
    let before = file.text().get(start as usize..comment.start as usize).unwrap_or_default();
    if !before.trim().is_empty() {
        return own;
    }
    let mut line = file.line_column(comment.end).line + 1;
    let following = comments.iter().skip_while(|other| other.start <= comment.start);
    for other in following {
        let other_line = file.line_column(other.start).line;
        let start = file.line_start(other_line).unwrap_or(0);
        let alone = file.text().get(start as usize..other.start as usize).unwrap_or_default().trim().is_empty();
        if other_line != line || !alone {
            break;
        }
        line = file.line_column(other.end).line + 1;
    }
    line
}

fn line_span(file: &SourceFile, at: Span, line: u32) -> Span {
    let end = u32::try_from(file.text().len()).unwrap_or(u32::MAX);
    let start = file.line_start(line).unwrap_or(end);
    let length = u32::try_from(file.line(line).unwrap_or_default().len()).unwrap_or(u32::MAX);
    Span { file: at.file, start, end: start.saturating_add(length).min(end) }
}
