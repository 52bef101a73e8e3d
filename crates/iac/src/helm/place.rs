//! Rendered text to subjects whose places are in the templates.
//!
//! The text is read as any manifest; then each span is moved from the text to the bytes of the template it came from, what cannot be
//! known becomes unknown, and what came straight from values says so.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use probity_core::{Level, Suppression, SuppressionReach};
use probity_value::{Data, Entry, FileId, Map, Origin, OriginStep, SourceMap, Span, Unknown, Value};

use super::exec::{Reason, Rendered};
use super::load::{Notes, Source};
use super::text::{Mark, Place, Text, TextBuffer, place_at};
use super::value::lost_in;
use crate::kubernetes::{self, Ids};

/// The number of a text that is in no source map.
const RENDERED: FileId = FileId(u32::MAX - 1);

/// Steps an origin may have.
const MAX_STEPS: usize = 4;

/// What to turn back into unknowns.
pub(super) struct Marks<'a> {
    pub(super) marker: char,
    pub(super) reasons: &'a [Reason],
    /// Takes a template in again where several objects came from the same bytes of it.
    pub(super) sources: &'a SourceMap,
}

/// What one template gave.
#[derive(Default)]
pub(super) struct Found {
    pub(super) subjects: Vec<probity_core::Subject>,
    pub(super) suppressions: Vec<Suppression>,
}

/// Reads what a template gave.
pub(super) fn read(rendered: &Rendered, source: &Source, root: &Arc<str>, ids: &mut Ids, marks: &Marks<'_>, notes: &mut Notes) -> Found {
    let parted = parted(rendered);
    let rendered = parted.as_ref().unwrap_or(rendered);
    let text = rendered.text.as_str();
    let outcome = kubernetes::read_text(text, RENDERED, &source.path);
    let mover = Mover { inner: rendered.text.marks(), outer: &rendered.outer, source, text, marks };
    for mut diagnostic in outcome.diagnostics {
        diagnostic.span = mover.span(diagnostic.span);
        if diagnostic.level == Level::Error {
            diagnostic.message = format!("what the template gives is not valid: {}", diagnostic.message);
        }
        notes.diagnostics.push(diagnostic);
    }
    let mut found = Found::default();
    let count = outcome.objects.len();
    let asked = outcome.suppressions.iter().any(|one| one.reach == SuppressionReach::Subject);
    let mut apart = Apart { taken: BTreeMap::new(), again: 0, asked };
    let mut spans: BTreeMap<(u32, u32), Option<Span>> = BTreeMap::new();
    for mut object in outcome.objects {
        let outer = mover.outer_span(object.span);
        let own = apart.own(outer, source, marks.sources);
        spans.insert((object.span.start, object.span.end), own);
        let span = own.unwrap_or(outer);
        object.value = mover.value(object.value);
        object.span = span;
        if lost_in(&object.kind, marks.marker).is_some() || object.value.is_unknown() {
            let message = "the kind or the keys of an object cannot be known, so it is not judged";
            notes.say(Level::Warning, "helm-unknowable", &source.path, span, message);
            notes.partly.push((Arc::clone(&source.covered), message.to_owned(), false));
            continue;
        }
        let mut subject = ids.subject(object, root);
        if subject.head.file == source.file {
            subject.head.file = subject.span.file;
        }
        if subject.head.file != subject.span.file || subject.head.start < subject.span.start || subject.head.end > subject.span.end {
            subject.head = subject.span;
        }
        found.subjects.push(subject);
    }
    let mut known = BTreeSet::new();
    let mut crowded = false;
    for mut suppression in outcome.suppressions {
        suppression.span = mover.span(suppression.span);
        suppression.target = match suppression.reach {
            SuppressionReach::Subject => match spans.get(&(suppression.target.start, suppression.target.end)) {
                Some(Some(span)) => *span,
                Some(None) => {
                    crowded = true;
                    continue;
                }
                None => mover.outer_span(suppression.target),
            },
            SuppressionReach::Lines => mover.span(suppression.target),
            SuppressionReach::File => Span::new(source.file, 0..source.text.len()),
        };
        if known.insert((Arc::clone(&suppression.id), suppression.span, suppression.target)) {
            found.suppressions.push(suppression);
        }
    }
    if crowded {
        let message = format!("more than {MAX_APART} objects come from the same bytes; what is to silence the others does not count");
        notes.say(Level::Warning, "suppression-limit", &source.path, Span::NONE, message);
    }
    notes.read(&source.covered, found.subjects.len());
    if let Some((why, fails)) = outcome.skipped {
        let why = format!("what the template gives is {why}");
        if count == 0 {
            notes.fates.remove(&source.covered)
        } else {
            None
        };
        notes.skip(&source.covered, why, fails);
    }
    found
}

/// The text with a line end behind each `---` that begins a line and is followed by something: Helm parts documents there, where readers of
/// YAML do not. `None` where there is no such place.
fn parted(rendered: &Rendered) -> Option<Rendered> {
    let whole = rendered.text.as_str();
    let mut places = Vec::new();
    let mut start = 0;
    for line in whole.split_inclusive('\n') {
        if let Some(rest) = line.strip_prefix("---")
            && !rest.trim_start().is_empty()
            && !(rest.starts_with([' ', '\t']) && rest.trim_start().starts_with('#'))
        {
            places.push(start + 3);
        }
        start += line.len();
    }
    if places.is_empty() {
        return None;
    }
    let mut text = TextBuffer::default();
    let mut outer = Vec::new();
    let mut from = 0;
    let offset = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    for (count, at) in places.iter().copied().chain([whole.len()]).enumerate() {
        text.push(&rendered.text.part(from, at), &Place::NONE);
        outer.extend(place_at(&rendered.outer, offset(from)).map(|place| Mark { at: offset(from + count), place }));
        let first = rendered.outer.partition_point(|mark| mark.at <= offset(from));
        let within = rendered.outer.get(first..).unwrap_or_default().iter().take_while(|mark| mark.at < offset(at));
        outer.extend(within.map(|mark| Mark { at: mark.at + offset(count), place: mark.place.clone() }));
        if at < whole.len() {
            text.push_str("\n", &Place::NONE);
        }
        from = at;
    }
    Some(Rendered { text: text.finish(), outer })
}

/// Keeps objects apart that came from the same bytes of a template, as those of a loop do: what silences one must not silence the others.
/// Each has a number of the text of its own.
struct Apart {
    /// Bytes that were taken, by where they start; none of them touch.
    taken: BTreeMap<u32, u32>,
    /// Texts that were taken in again.
    again: usize,
    /// Whether anything is to be silenced at all.
    asked: bool,
}

/// Objects of one template that are kept apart.
const MAX_APART: usize = 200;

impl Apart {
    /// `None` where there are too many to keep apart.
    fn own(&mut self, span: Span, source: &Source, sources: &SourceMap) -> Option<Span> {
        if !self.asked {
            return Some(span);
        }
        let (mut start, mut end) = (span.start, span.end.max(span.start.saturating_add(1)));
        let mut shared = false;
        while let Some((other, last)) =
            self.taken.range(..end).next_back().map(|(other, last)| (*other, *last)).filter(|(_, last)| *last > start)
        {
            shared = true;
            self.taken.remove(&other);
            (start, end) = (start.min(other), end.max(last));
        }
        self.taken.insert(start, end);
        if !shared {
            return Some(span);
        }
        self.again += 1;
        (self.again <= MAX_APART).then(|| Span { file: sources.add(Arc::clone(&source.path), Arc::clone(&source.text)), ..span })
    }
}

/// A file that is a manifest as it stands, as if it had been rendered.
pub(super) fn plain(source: &Source) -> Rendered {
    let place = Place::literal(Span::new(source.file, 0..source.text.len()));
    let mut text = TextBuffer::default();
    text.push_str(&source.text, &place);
    let text: Text = text.finish();
    let outer = vec![Mark { at: 0, place }];
    Rendered { text, outer }
}

struct Mover<'a> {
    inner: &'a [Mark],
    outer: &'a [Mark],
    source: &'a Source,
    text: &'a str,
    marks: &'a Marks<'a>,
}

impl Mover<'_> {
    /// The bytes in the template that was rendered.
    fn outer_span(&self, span: Span) -> Span {
        self.moved(self.outer, span).unwrap_or(Span::new(self.source.file, 0..self.source.text.len()))
    }

    /// The bytes it was written as, perhaps in another template; where it came from several, those in the template that was rendered.
    fn span(&self, span: Span) -> Span {
        if span.file != RENDERED {
            return span;
        }
        self.moved(self.inner, span).unwrap_or_else(|| self.outer_span(span))
    }

    fn moved(&self, marks: &[Mark], span: Span) -> Option<Span> {
        let first = place_at(marks, span.start).filter(|place| !place.span.is_none())?;
        let first = first.span;
        if span.end <= span.start {
            return Some(first).map(|first| Span { end: if self.is_exact(marks, span.start) { first.start } else { first.end }, ..first });
        }
        let last = place_at(marks, span.end - 1).filter(|place| !place.span.is_none())?;
        let end = if last.exact { last.span.start.saturating_add(1).min(last.span.end) } else { last.span.end };
        if last.span.file != first.file {
            return None;
        }
        // A loop ends where it began, or before.
        Some(if end > first.start { Span { end, ..first } } else { first })
    }

    fn is_exact(&self, marks: &[Mark], at: u32) -> bool {
        place_at(marks, at).is_some_and(|place| place.exact)
    }

    /// The values some bytes show.
    fn steps(&self, span: Span) -> Vec<OriginStep> {
        let start = self.inner.partition_point(|mark| mark.at <= span.start).saturating_sub(1);
        let within = self.inner.get(start..).unwrap_or_default().iter().take_while(|mark| mark.at < span.end);
        let mut out: Vec<OriginStep> = Vec::new();
        for step in within.filter_map(|mark| mark.place.from.as_deref()) {
            if out.len() < MAX_STEPS && !out.contains(step) {
                out.push(step.clone());
            }
        }
        out
    }

    fn origin(&self, old: Option<Arc<Origin>>, steps: Vec<OriginStep>) -> Option<Arc<Origin>> {
        let mut origin = old.map(|old| (*old).clone()).unwrap_or_default();
        for step in &mut origin.steps {
            step.span = self.span(step.span);
        }
        origin.steps.splice(0..0, steps);
        (!origin.steps.is_empty() || !origin.references.is_empty()).then(|| Arc::new(origin))
    }

    fn unknown(&self, text: &str) -> Option<Data> {
        let lost = lost_in(text, self.marks.marker)?;
        let reason = self.marks.reasons.get(usize::from(lost.reason))?;
        let prefix = text.split(self.marks.marker).next().unwrap_or_default();
        let unknown = Unknown {
            kind: reason.kind,
            reason: reason.text.as_str().into(),
            set: true,
            prefix: prefix.into(),
            suffix: "".into(),
            decoded: None,
        };
        Some(Data::Unknown(Arc::new(unknown)))
    }

    /// A value at its place in the templates. The reader limits how deep it is.
    fn value(&self, value: Value) -> Value {
        let written = value.span;
        let span = self.span(written);
        let (data, steps) = match value.data {
            Data::List(items) => {
                let items = items.iter().map(|item| self.value(item.clone())).collect();
                (Data::List(Arc::new(items)), Vec::new())
            }
            Data::Map(map) => match map.keys().find_map(|key| self.unknown(key)) {
                // A key that cannot be known may be any: nothing can be said of the map.
                Some(unknown) => (unknown, Vec::new()),
                None => {
                    let moved: Map = map
                        .iter()
                        .map(|(key, entry)| (Arc::clone(key), Entry { key: self.span(entry.key), value: self.value(entry.value.clone()) }))
                        .collect();
                    (Data::Map(Arc::new(moved)), Vec::new())
                }
            },
            Data::String(text) => match self.unknown(&text) {
                Some(unknown) => (unknown, Vec::new()),
                None => (Data::String(text), self.steps_of(written)),
            },
            other => (other, self.steps_of(written)),
        };
        Value { data, span, origin: self.origin(value.origin, steps), sensitive: value.sensitive }
    }

    fn steps_of(&self, span: Span) -> Vec<OriginStep> {
        if span.file != RENDERED || self.text.get(span.start as usize..span.end as usize).is_none() {
            return Vec::new();
        }
        self.steps(span)
    }
}
