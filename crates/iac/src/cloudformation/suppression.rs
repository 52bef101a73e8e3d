//! What people write into a template to silence a finding, and what it reaches: comments, and `checkov` under `Metadata` of a resource.

use std::ops::Range;
use std::sync::Arc;

use probity_core::{Diagnostic, Level, Subject, Suppression, SuppressionReach, SuppressionStyle};
use probity_value::{FileId, Map, Span, Value};

use crate::kubernetes::suppression::{Places, comments};
use crate::suppress::{Command, ParsedSuppression, parse_comment};

/// More suppressions of one file do not count.
const MAX_SUPPRESSIONS: usize = 100_000;

/// All suppressions of one file of YAML with resources in it. `document` is all that was read, for telling comments from texts.
pub(crate) fn find(
    text: &str,
    file: FileId,
    path: &Arc<str>,
    document: &Value,
    subjects: &[Subject],
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<Suppression> {
    let mut out: Vec<Suppression> = subjects.iter().flat_map(metadata).collect();
    if !["skip=", ":ignore:", "kics-scan", "probity:allow"].iter().any(|word| text.contains(word)) {
        return out;
    }
    let mut places = Places::default();
    places.add(document, file);
    places.scalars.sort_unstable();
    let blocks: Vec<Block> = subjects.iter().filter(|subject| subject.span.file == file).map(|subject| Block::of(text, subject)).collect();
    for comment in comments(text, &places.scalars) {
        let span = Span::new(file, comment.clone());
        for parsed in parse_comment(text.get(comment.clone()).unwrap_or_default(), span) {
            if out.len() >= MAX_SUPPRESSIONS {
                let message = format!("more than {MAX_SUPPRESSIONS} suppressions in one file; the rest does not count");
                diagnostics.push(Diagnostic::new(Level::Warning, "suppression-limit", Arc::clone(path), span, message));
                return out;
            }
            if !parsed.only.is_empty() {
                let message =
                    format!("the comment is meant only where `{}`, which does not apply to templates, so it does not count", parsed.reason);
                diagnostics.push(Diagnostic::new(Level::Warning, "suppression-condition", Arc::clone(path), parsed.span, message));
                continue;
            }
            for (reach, target) in reach(&parsed, &comment, text, file, document, &blocks) {
                out.push(suppression(&parsed, reach, target));
            }
        }
    }
    out
}

/// A resource and how far its lines go, comments below its last value included.
struct Block {
    whole: Span,
    lines: Range<usize>,
}

impl Block {
    fn of(text: &str, subject: &Subject) -> Block {
        let start = subject.span.start as usize;
        let column = |at: usize| at - text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |line| line + 1);
        let key = column(start);
        let mut end = subject.span.end as usize;
        for line in text.get(end..).unwrap_or_default().split_inclusive('\n').enumerate() {
            let (index, line) = line;
            let bare = line.trim_start();
            let indent = line.len() - bare.len();
            if index > 0 && !bare.trim().is_empty() && !(bare.starts_with('#') && indent > key) {
                break;
            }
            end += line.len();
        }
        Block { whole: subject.span, lines: start..end }
    }
}

fn reach(
    parsed: &ParsedSuppression,
    comment: &Range<usize>,
    text: &str,
    file: FileId,
    document: &Value,
    blocks: &[Block],
) -> Vec<(SuppressionReach, Span)> {
    if parsed.command == Command::File {
        return vec![(SuppressionReach::File, Span::new(file, 0..text.len()))];
    }
    if parsed.style == SuppressionStyle::Checkov {
        // All resources of a loop stand at one place.
        let inside = blocks.iter().filter(|block| block.lines.contains(&comment.start));
        let found: Vec<_> = inside.map(|block| (SuppressionReach::Subject, block.whole)).collect();
        // Outside of all resources it reaches nothing.
        return if found.is_empty() { vec![(SuppressionReach::Lines, parsed.span)] } else { found };
    }
    if parsed.command == Command::Usual && comment.end <= document.span.start as usize {
        return vec![(SuppressionReach::File, Span::new(file, 0..text.len()))];
    }
    let line_start = text.get(..comment.start).and_then(|before| before.rfind('\n')).map_or(0, |at| at + 1);
    let alone = text.get(line_start..comment.start).is_some_and(|before| before.trim().is_empty());
    let line = if alone { next_line(text, comment.end) } else { line_start..comment.start };
    let head = |block: &&Block| line.contains(&(block.whole.start as usize));
    let below: Vec<_> = blocks.iter().filter(head).map(|block| (SuppressionReach::Subject, block.whole)).collect();
    if !below.is_empty() && parsed.command != Command::IgnoreLine {
        return below;
    }
    vec![(SuppressionReach::Lines, Span::new(file, line))]
}

/// The next line that is neither empty nor a comment.
fn next_line(text: &str, from: usize) -> Range<usize> {
    let mut start = from;
    for (index, line) in text.get(from..).unwrap_or_default().split_inclusive('\n').enumerate() {
        let bare = line.trim();
        if index > 0 && !bare.is_empty() && !bare.starts_with('#') {
            return start..start + line.trim_end().len();
        }
        start += line.len();
    }
    start..start
}

/// `Metadata: {checkov: {skip: [{id: ..., comment: ...}]}}`.
fn metadata(subject: &Subject) -> Vec<Suppression> {
    let Some(metadata) = subject.value.get("Metadata") else { return Vec::new() };
    let lists = ["checkov", "bridgecrew"].into_iter().filter_map(|tool| metadata.get(tool)?.get("skip")?.as_list());
    let item = |item: &Value| {
        let id = item.get("id")?.as_str()?;
        let parsed = ParsedSuppression {
            style: SuppressionStyle::Checkov,
            id: id.trim().into(),
            reason: item.get("comment").and_then(Value::as_str).unwrap_or_default().into(),
            until: None,
            owner: None,
            span: place(item),
            command: Command::Usual,
            only: Vec::new(),
        };
        Some(suppression(&parsed, SuppressionReach::Subject, subject.span))
    };
    lists.flatten().filter_map(item).collect()
}

fn place(item: &Value) -> Span {
    let entries = item.as_map().into_iter().flat_map(Map::iter);
    entries.fold(item.span, |span, (_, entry)| span.join(entry.key))
}

fn suppression(parsed: &ParsedSuppression, reach: SuppressionReach, target: Span) -> Suppression {
    Suppression {
        style: parsed.style,
        id: Arc::clone(&parsed.id),
        reason: Arc::clone(&parsed.reason),
        until: parsed.until.clone(),
        owner: parsed.owner.clone(),
        span: parsed.span,
        reach,
        target,
    }
}
