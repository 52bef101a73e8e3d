//! Suppression comments and annotations of manifests, and what they reach.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use probity_core::{Diagnostic, Level, Suppression, SuppressionReach, SuppressionStyle};
use probity_value::yaml::Document;
use probity_value::{Data, FileId, Span, Value};

use super::object::Object;
use crate::suppress::{Command, ParsedSuppression, parse_annotation, parse_comment};

/// More suppressions of one file do not count.
const MAX_SUPPRESSIONS: usize = 100_000;

/// All suppressions of one file, and what there is to say about them.
pub(super) fn find(
    text: &str,
    file: FileId,
    path: &Arc<str>,
    documents: &[Document],
    objects: &[Object],
) -> (Vec<Suppression>, Vec<Diagnostic>) {
    let mut out: Vec<Suppression> = objects.iter().flat_map(annotations).collect();
    let spans = objects.iter().map(|object| object.span).collect();
    let diagnostics = of_comments(text, file, path, documents, spans, "manifests", &mut out);
    (out, diagnostics)
}

/// Adds what the comments of a YAML file ask for; `subjects` are the places of what it holds, `kind` is what such files are called.
pub(crate) fn of_comments(
    text: &str,
    file: FileId,
    path: &Arc<str>,
    documents: &[Document],
    subjects: Vec<Span>,
    kind: &str,
    out: &mut Vec<Suppression>,
) -> Vec<Diagnostic> {
    let mut diagnostics = Vec::new();
    if !["skip=", ":ignore:", "kics-scan", "probity:allow"].iter().any(|word| text.contains(word)) {
        return diagnostics;
    }
    let mut places = Places::default();
    for document in documents {
        places.add(&document.value, file);
    }
    places.scalars.sort_unstable();
    let mut finder = Finder::new(text, file, documents, subjects, places.begins);
    for comment in comments(text, &places.scalars) {
        let span = Span::new(file, comment.clone());
        for parsed in parse_comment(text.get(comment.clone()).unwrap_or_default(), span) {
            if out.len() >= MAX_SUPPRESSIONS {
                let message = format!("more than {MAX_SUPPRESSIONS} suppressions in one file; the rest does not count");
                diagnostics.push(Diagnostic::new(Level::Warning, "suppression-limit", Arc::clone(path), span, message));
                return diagnostics;
            }
            if parsed.only.is_empty() {
                finder.reach(&comment, &parsed, out);
            } else {
                let message =
                    format!("the comment is meant only where `{}`, which does not apply to {kind}, so it does not count", parsed.reason);
                diagnostics.push(Diagnostic::new(Level::Warning, "suppression-condition", Arc::clone(path), parsed.span, message));
            }
        }
    }
    diagnostics
}

fn annotations(object: &Object) -> Vec<Suppression> {
    let annotations = object.value.get("metadata").and_then(|metadata| metadata.get("annotations")).and_then(Value::as_map);
    let mut out = Vec::new();
    for (key, entry) in annotations.into_iter().flat_map(|map| map.iter()) {
        let Some(value) = entry.value.as_str() else { continue };
        if let Some(parsed) = parse_annotation(key, value, entry.key.join(entry.value.span)) {
            out.push(suppression(&parsed, SuppressionReach::Subject, object.span));
        }
    }
    out
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

/// Where things stand in a file.
#[derive(Default)]
pub(crate) struct Places {
    /// Start and end of all keys and scalars.
    pub(crate) scalars: Vec<(u32, u32)>,
    /// By the byte it begins at, the whole of a key with its value, or of an item of a list.
    begins: BTreeMap<u32, Span>,
}

impl Places {
    /// Adds a value and all in it. The reader limits how deep values are nested.
    pub(crate) fn add(&mut self, value: &Value, file: FileId) {
        match &value.data {
            Data::Map(map) => {
                for (_, entry) in map.iter() {
                    self.scalar(entry.key, file);
                    self.begin(entry.key.join(entry.value.span), file);
                    self.add(&entry.value, file);
                }
            }
            Data::List(items) => {
                for item in items.iter() {
                    self.add(item, file);
                    // An item begins where its first key does; the item is the larger of both.
                    self.begin(item.span, file);
                }
            }
            _ => self.scalar(value.span, file),
        }
    }

    fn scalar(&mut self, span: Span, file: FileId) {
        if span.file == file && span.end > span.start {
            self.scalars.push((span.start, span.end));
        }
    }

    fn begin(&mut self, span: Span, file: FileId) {
        if span.file == file {
            self.begins.insert(span.start, span);
        }
    }
}

/// Byte ranges of the comments: a `#` at the start of a line or after space, in no key and no scalar, to the end of the line.
pub(crate) fn comments(text: &str, scalars: &[(u32, u32)]) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let mut out = Vec::new();
    let mut at = 0;
    while let Some(found) = bytes.get(at..).and_then(|rest| rest.iter().position(|byte| *byte == b'#')) {
        let hash = at + found;
        let position = u32::try_from(hash).unwrap_or(u32::MAX);
        let before = scalars.partition_point(|(start, _)| *start <= position);
        // Scalars do not overlap, so only the last one that begins before can hold this place. Aliases repeat one.
        let inside = before.checked_sub(1).and_then(|index| scalars.get(index)).filter(|(_, end)| position < *end);
        if let Some((_, end)) = inside {
            at = *end as usize;
            continue;
        }
        let free = hash == 0 || bytes.get(hash - 1).is_some_and(u8::is_ascii_whitespace);
        if !free {
            at = hash + 1;
            continue;
        }
        let rest = bytes.get(hash..).unwrap_or_default();
        let end = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')).map_or(bytes.len(), |length| hash + length);
        out.push(hash..end);
        at = end;
    }
    out
}

/// For each of some spans, sorted by where they begin, the nearest one it lies in.
fn around(spans: &[Span]) -> Vec<Option<usize>> {
    let mut open: Vec<(usize, u32)> = Vec::new();
    spans
        .iter()
        .enumerate()
        .map(|(index, span)| {
            while open.pop_if(|(_, end)| *end <= span.start).is_some() {}
            let outer = open.last().map(|(outer, _)| *outer);
            open.push((index, span.end));
            outer
        })
        .collect()
}

/// Finds what comments reach; they must come in the order of the text.
struct Finder<'a> {
    text: &'a str,
    file: FileId,
    documents: &'a [Document],
    /// Spans of the objects by where they begin.
    objects: Vec<Span>,
    /// For each of them the nearest one it lies in.
    around: Vec<Option<usize>>,
    begins: BTreeMap<u32, Span>,
    /// The next line that says something, and from where on it is that.
    next: Option<(usize, Range<usize>)>,
    /// The first `---` or `...` line behind a place.
    marker: Option<(usize, usize)>,
}

impl<'a> Finder<'a> {
    fn new(text: &'a str, file: FileId, documents: &'a [Document], subjects: Vec<Span>, begins: BTreeMap<u32, Span>) -> Finder<'a> {
        let mut objects: Vec<Span> = subjects.into_iter().filter(|span| span.file == file).collect();
        // One that holds others comes before them.
        objects.sort_unstable_by_key(|span| (span.start, std::cmp::Reverse(span.end)));
        let around = around(&objects);
        Finder { text, file, documents, objects, around, begins, next: None, marker: None }
    }

    fn reach(&mut self, comment: &Range<usize>, parsed: &ParsedSuppression, out: &mut Vec<Suppression>) {
        if parsed.command == Command::File {
            out.push(suppression(parsed, SuppressionReach::File, Span::new(self.file, 0..self.text.len())));
            return;
        }
        let document = self.document_of(comment.start);
        let above = document.is_some_and(|document| comment.end <= document.start as usize);
        let whole = match parsed.style {
            SuppressionStyle::Checkov => true,
            SuppressionStyle::Kics | SuppressionStyle::Gitleaks => false,
            SuppressionStyle::Probity | SuppressionStyle::Trivy | SuppressionStyle::Tfsec => above,
        };
        if whole {
            let reached = self.objects_at(comment.start, document).iter().take(MAX_SUPPRESSIONS.saturating_sub(out.len()));
            out.extend(reached.map(|span| suppression(parsed, SuppressionReach::Subject, *span)));
            return;
        }
        let line_start = self.text.get(..comment.start).and_then(|before| before.rfind('\n')).map_or(0, |at| at + 1);
        let alone = self.text.get(line_start..comment.start).is_some_and(|before| before.trim().is_empty());
        let target = match parsed.command {
            Command::Usual if !alone => Span::new(self.file, line_start..comment.start),
            Command::IgnoreBlock => {
                let next = self.next_line(comment.end);
                self.block_at(&next).unwrap_or(Span::new(self.file, next))
            }
            Command::Usual | Command::IgnoreLine | Command::File => Span::new(self.file, self.next_line(comment.end)),
        };
        out.push(suppression(parsed, SuppressionReach::Lines, target));
    }

    /// Whether an object goes up to a place, or to the end of what is said on its line.
    fn holds(&self, span: Span, at: usize, position: u32) -> bool {
        position < span.end
            || self.text.get(span.end as usize..at).is_some_and(|between| between.bytes().all(|byte| byte == b' ' || byte == b'\t'))
    }

    /// The innermost object a place is in; where it is in none, all objects of its document.
    fn objects_at(&self, at: usize, document: Option<Span>) -> &[Span] {
        let position = u32::try_from(at).unwrap_or(u32::MAX);
        let mut index = self.objects.partition_point(|span| span.start <= position).checked_sub(1);
        while let Some(one) = index {
            if let Some(holding) = self.objects.get(one..=one).filter(|spans| spans.iter().any(|span| self.holds(*span, at, position))) {
                return holding;
            }
            index = self.around.get(one).copied().flatten();
        }
        let Some(document) = document else { return &[] };
        let first = self.objects.partition_point(|span| span.start < document.start);
        let end = self.objects.partition_point(|span| span.start < document.end);
        self.objects.get(first..end).unwrap_or_default()
    }

    /// The next line that is neither empty nor a comment.
    fn next_line(&mut self, from: usize) -> Range<usize> {
        // Between the last answer and its line there are only comments, so it is the answer for them too.
        if let Some((known, line)) = &self.next
            && *known <= from
            && from <= line.start
        {
            return line.clone();
        }
        let mut start = from;
        let mut found = None;
        for (position, line) in self.text.get(from..).unwrap_or_default().split_inclusive('\n').enumerate() {
            let bare = line.trim();
            if position > 0 && !bare.is_empty() && !bare.starts_with('#') {
                found = Some(start..start + line.trim_end().len());
                break;
            }
            start += line.len();
        }
        let line = found.unwrap_or(start..start);
        self.next = Some((from, line.clone()));
        line
    }

    /// The whole of the key or item that begins on a line.
    fn block_at(&self, line: &Range<usize>) -> Option<Span> {
        let offset = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        self.begins.range(offset(line.start)..offset(line.end).max(offset(line.start))).next().map(|(_, span)| *span)
    }

    /// The document a place belongs to: the one it is in, else the one before it that no `---` parts it from, else the one after it.
    fn document_of(&mut self, at: usize) -> Option<Span> {
        let position = u32::try_from(at).unwrap_or(u32::MAX);
        let index = self.documents.partition_point(|document| document.span.end <= position);
        let before = index.checked_sub(1).and_then(|index| self.documents.get(index)).map(|document| document.span);
        let after = self.documents.get(index).map(|document| document.span);
        match (before, after) {
            (_, Some(after)) if after.start <= position => Some(after),
            (Some(before), _) if self.marker_after(before.end as usize) > at => Some(before),
            (_, Some(after)) => Some(after),
            _ => None,
        }
    }

    /// Where the first `---` or `...` line behind a place begins; the end of the text where there is none.
    fn marker_after(&mut self, place: usize) -> usize {
        if let Some((known, marker)) = self.marker
            && known == place
        {
            return marker;
        }
        let mut start = place;
        let mut found = self.text.len();
        for line in self.text.get(place..).unwrap_or_default().split_inclusive('\n') {
            if start > place && (line.starts_with("---") || line.starts_with("...")) {
                found = start;
                break;
            }
            start += line.len();
        }
        self.marker = Some((place, found));
        found
    }
}
