//! Suppression comments and annotations of manifests, and what they reach.

use std::sync::Arc;

use probity_core::{Diagnostic, Level, Suppression, SuppressionReach, SuppressionStyle};
use probity_value::yaml::Document;
use probity_value::{Data, Entry, FileId, Span, Value};

use super::object::Object;
use crate::suppress::{Command, ParsedSuppression, parse_annotation, parse_comment};

/// Finds all suppressions of one file.
pub(super) fn find(
    text: &str,
    file: FileId,
    path: &Arc<str>,
    documents: &[Document],
    objects: &[Object],
    out: &mut Vec<Suppression>,
    diagnostics: &mut Vec<Diagnostic>,
) {
    for object in objects {
        annotations(object, out);
    }
    if !["skip=", ":ignore:", "kics-scan", "probity:allow"].iter().any(|word| text.contains(word)) {
        return;
    }
    let mut scalars = Vec::new();
    for document in documents {
        scalar_spans(&document.value, file, &mut scalars);
    }
    scalars.sort_unstable();
    for comment in comments(text, &scalars) {
        let span = Span::new(file, comment.clone());
        for parsed in parse_comment(text.get(comment.clone()).unwrap_or_default(), span) {
            if parsed.only.is_empty() {
                reach(text, file, &comment, &parsed, documents, objects, out);
            } else {
                let message =
                    format!("the comment is meant only where `{}`, which does not apply to manifests, so it does not count", parsed.reason);
                diagnostics.push(Diagnostic::new(Level::Warning, "suppression-condition", Arc::clone(path), parsed.span, message));
            }
        }
    }
}

fn annotations(object: &Object, out: &mut Vec<Suppression>) {
    let annotations = object.value.get("metadata").and_then(|metadata| metadata.get("annotations")).and_then(Value::as_map);
    for (key, entry) in annotations.into_iter().flat_map(|map| map.iter()) {
        let Some(value) = entry.value.as_str() else { continue };
        if let Some(parsed) = parse_annotation(key, value, entry.key.join(entry.value.span)) {
            out.push(suppression(&parsed, SuppressionReach::Subject, object.span));
        }
    }
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

/// The places of all keys and scalars of this file.
fn scalar_spans(value: &Value, file: FileId, out: &mut Vec<(u32, u32)>) {
    let mut add = |span: Span| {
        if span.file == file && span.end > span.start {
            out.push((span.start, span.end));
        }
    };
    match &value.data {
        Data::Map(map) => {
            for (_, entry) in map.iter() {
                add(entry.key);
            }
            for value in map.values() {
                scalar_spans(value, file, out);
            }
        }
        Data::List(items) => items.iter().for_each(|item| scalar_spans(item, file, out)),
        _ => add(value.span),
    }
}

/// Byte ranges of the comments: a `#` at the start of a line or after space, in no key and no scalar, to the end of the line.
fn comments(text: &str, scalars: &[(u32, u32)]) -> Vec<std::ops::Range<usize>> {
    let bytes = text.as_bytes();
    let mut out = Vec::new();
    let mut at = 0;
    while let Some(found) = bytes.get(at..).and_then(|rest| rest.iter().position(|byte| *byte == b'#')) {
        let hash = at + found;
        let position = u32::try_from(hash).unwrap_or(u32::MAX);
        let before = scalars.partition_point(|(start, _)| *start <= position);
        // Spans of scalars do not overlap, so only the last one that begins before can hold this place. Aliases repeat a span.
        let inside = before.checked_sub(1).and_then(|index| scalars.get(index)).filter(|(_, end)| position < *end);
        if let Some((_, end)) = inside {
            at = *end as usize;
            continue;
        }
        let free = hash == 0 || bytes.get(hash - 1).is_some_and(|byte| byte.is_ascii_whitespace());
        if !free {
            at = hash + 1;
            continue;
        }
        let end = bytes
            .get(hash..)
            .and_then(|rest| rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')))
            .map_or(bytes.len(), |length| hash + length);
        out.push(hash..end);
        at = end;
    }
    out
}

/// What one comment reaches, as suppressions.
fn reach(
    text: &str,
    file: FileId,
    comment: &std::ops::Range<usize>,
    parsed: &ParsedSuppression,
    documents: &[Document],
    objects: &[Object],
    out: &mut Vec<Suppression>,
) {
    if parsed.command == Command::File {
        out.push(suppression(parsed, SuppressionReach::File, Span::new(file, 0..text.len())));
        return;
    }
    let document = document_of(text, comment.start, documents);
    let inside = |span: &Span| document.is_some_and(|document| document.start <= span.start && span.end <= document.end);
    let above = document.is_some_and(|document| comment.end <= document.start as usize);
    let whole = match parsed.style {
        SuppressionStyle::Checkov => true,
        SuppressionStyle::Kics => false,
        SuppressionStyle::Probity | SuppressionStyle::Trivy | SuppressionStyle::Tfsec => above,
    };
    if whole {
        let at = u32::try_from(comment.start).unwrap_or(u32::MAX);
        let holding: Vec<&Object> = objects.iter().filter(|object| object.span.start <= at && at < object.span.end).collect();
        let reached: Vec<&Object> =
            if holding.is_empty() { objects.iter().filter(|object| inside(&object.span)).collect() } else { holding };
        out.extend(reached.into_iter().map(|object| suppression(parsed, SuppressionReach::Subject, object.span)));
        return;
    }
    let line_start = text.get(..comment.start).and_then(|before| before.rfind('\n')).map_or(0, |at| at + 1);
    let alone = text.get(line_start..comment.start).is_some_and(|before| before.trim().is_empty());
    let next = next_line(text, comment.end);
    let target = match parsed.command {
        Command::Usual if !alone => Span::new(file, line_start..comment.start),
        Command::IgnoreBlock => {
            documents.iter().find_map(|document| block_at(&document.value, file, &next)).unwrap_or(Span::new(file, next))
        }
        Command::Usual | Command::IgnoreLine | Command::File => Span::new(file, next),
    };
    out.push(suppression(parsed, SuppressionReach::Lines, target));
}

/// The next line that is neither empty nor a comment.
fn next_line(text: &str, from: usize) -> std::ops::Range<usize> {
    let mut start = from;
    for (position, line) in text.get(from..).unwrap_or_default().split_inclusive('\n').enumerate() {
        let bare = line.trim();
        if position > 0 && !bare.is_empty() && !bare.starts_with('#') {
            return start..start + line.trim_end().len();
        }
        start += line.len();
    }
    start..start
}

/// The whole span of the key that begins on a line, with its value.
fn block_at(value: &Value, file: FileId, line: &std::ops::Range<usize>) -> Option<Span> {
    let begins = |span: Span| span.file == file && line.contains(&(span.start as usize));
    match &value.data {
        Data::Map(map) => map.iter().find_map(
            |(_, Entry { key, value })| {
                if begins(*key) { Some(key.join(value.span)) } else { block_at(value, file, line) }
            },
        ),
        Data::List(items) => items.iter().find_map(|item| if begins(item.span) { Some(item.span) } else { block_at(item, file, line) }),
        _ => None,
    }
}

/// The span of the document a place belongs to: the one it is in, else the one after it that no `---` parts it from, else before it.
fn document_of(text: &str, at: usize, documents: &[Document]) -> Option<Span> {
    let after = documents.iter().find(|document| document.span.end as usize > at);
    let before = documents.iter().rev().find(|document| document.span.end as usize <= at);
    let parted = |range: std::ops::Range<usize>| {
        text.get(range).is_some_and(|between| between.lines().any(|line| line.starts_with("---") || line.starts_with("...")))
    };
    match (before, after) {
        (Some(before), _) if !parted(before.span.end as usize..at) => Some(before.span),
        (None, Some(after)) => Some(after.span),
        (Some(_), Some(after)) if (after.span.start as usize) <= at || !parted(at..after.span.start as usize) => Some(after.span),
        _ => None,
    }
}
