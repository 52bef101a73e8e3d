//! Suppression comments of a Dockerfile, and what they reach: `checkov:skip` the whole file, the others the instruction below (or the
//! one they stand in).

use std::sync::Arc;

use probity_core::{Diagnostic, Level, Suppression, SuppressionReach, SuppressionStyle};
use probity_value::Span;

use super::scan::{Comment, Scanned};
use crate::suppress::{Command, ParsedSuppression, parse_comment};

/// Finds all suppressions of one file.
pub(super) fn find(
    scanned: &Scanned,
    text: &str,
    whole: Span,
    path: &Arc<str>,
    out: &mut Vec<Suppression>,
    diagnostics: &mut Vec<Diagnostic>,
) {
    for comment in &scanned.comments {
        let written = text.get(comment.span.start as usize..comment.span.end as usize).unwrap_or_default();
        for parsed in parse_comment(written, comment.span) {
            if !parsed.only.is_empty() {
                let message = format!(
                    "the comment is meant only where `{}`, which does not apply to Dockerfiles, so it does not count",
                    parsed.reason
                );
                diagnostics.push(Diagnostic::new(Level::Warning, "suppression-condition", Arc::clone(path), parsed.span, message));
                continue;
            }
            let (reach, target) = reach(&parsed, comment, scanned, text, whole);
            out.push(Suppression {
                style: parsed.style,
                id: parsed.id,
                reason: parsed.reason,
                until: parsed.until,
                owner: parsed.owner,
                span: parsed.span,
                reach,
                target,
            });
        }
    }
}

fn reach(parsed: &ParsedSuppression, comment: &Comment, scanned: &Scanned, text: &str, whole: Span) -> (SuppressionReach, Span) {
    let instruction = scanned.lines.get(comment.next).map(|line| line.span);
    match (parsed.command, parsed.style) {
        (Command::File, _) | (Command::Usual, SuppressionStyle::Checkov) => (SuppressionReach::File, whole),
        (Command::IgnoreLine, _) => {
            let start =
                comment.span.end as usize + text.get(comment.span.end as usize..).and_then(|rest| rest.find('\n')).map_or(0, |at| at + 1);
            let length = text.get(start..).and_then(|rest| rest.lines().next()).map_or(0, str::len);
            (SuppressionReach::Lines, Span::new(comment.span.file, start..start + length))
        }
        // A comment after the last instruction has nothing below it.
        _ => (SuppressionReach::Lines, instruction.unwrap_or(comment.span)),
    }
}
