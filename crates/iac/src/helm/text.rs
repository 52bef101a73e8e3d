//! Text that remembers which bytes of which template, and which values, it was made of.
//!
//! A [`Text`] is a string with marks: each says where the bytes from its position on came from, up to the next mark. Functions that keep
//! the words (`indent`, `quote`, `trim`) keep the marks; what is made anew has none and stands where it was put.

use std::rc::Rc;
use std::sync::Arc;

use probity_value::{OriginStep, Span};

/// Where some bytes of a text came from.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// The bytes of a template they were written as; none where it is not known yet.
    pub(super) span: Span,
    /// Whether the bytes are those of the span, one by one.
    pub(super) exact: bool,
    /// The value they show.
    pub(super) from: Option<Arc<OriginStep>>,
}

impl Place {
    /// Not known yet.
    pub(super) const NONE: Place = Place { span: Span::NONE, exact: false, from: None };

    /// An action of a template.
    pub(super) fn action(span: Span) -> Place {
        Place { span, exact: false, from: None }
    }

    /// Literal text of a template.
    pub(super) fn literal(span: Span) -> Place {
        Place { span, exact: true, from: None }
    }

    /// The place of the bytes from `skip` bytes behind its start on.
    fn behind(&self, skip: u32) -> Place {
        let mut out = self.clone();
        if out.exact {
            out.span.start = out.span.start.saturating_add(skip).min(out.span.end);
        }
        out
    }

    fn same(&self, other: &Place) -> bool {
        let from = match (&self.from, &other.from) {
            (None, None) => true,
            (Some(a), Some(b)) => Arc::ptr_eq(a, b),
            _ => false,
        };
        from && !self.exact && !other.exact && self.span == other.span
    }
}

/// From which byte on a text has a place.
#[derive(Clone, Debug)]
pub(super) struct Mark {
    pub(super) at: u32,
    pub(super) place: Place,
}

/// A string with the places of its bytes.
#[derive(Clone, Debug)]
pub(super) struct Text {
    text: Rc<str>,
    marks: Option<Rc<[Mark]>>,
}

impl Text {
    /// The string.
    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// The string, to share.
    pub(super) fn shared(&self) -> Rc<str> {
        Rc::clone(&self.text)
    }

    /// Where its bytes came from.
    pub(super) fn marks(&self) -> &[Mark] {
        self.marks.as_deref().unwrap_or_default()
    }

    /// The bytes from `start` to `end`, which must be on borders of characters; else nothing.
    pub(super) fn part(&self, start: usize, end: usize) -> Text {
        let mut out = TextBuffer::default();
        out.push_part(self, start, end, &Place::NONE);
        out.finish()
    }

    /// Part of itself, given as a slice of its string.
    pub(super) fn within(&self, part: &str) -> Text {
        let start = (part.as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize);
        self.part(start, start + part.len())
    }

    /// With every `old` replaced.
    pub(super) fn replace(&self, old: &str, new: &Text) -> Text {
        if old.is_empty() {
            return Text::from(self.text.replace("", new.as_str()));
        }
        let mut out = TextBuffer::default();
        let mut start = 0;
        for (at, _) in self.text.match_indices(old) {
            out.push_part(self, start, at, &Place::NONE);
            out.push(new, &Place::NONE);
            start = at + old.len();
        }
        if start == 0 {
            return self.clone();
        }
        out.push_part(self, start, self.text.len(), &Place::NONE);
        out.finish()
    }

    /// With bytes mapped one by one: upper and lower case of ASCII text.
    pub(super) fn mapped(&self, text: String) -> Text {
        let marks = if text.len() == self.text.len() { self.marks.clone() } else { None };
        Text { text: text.into(), marks }
    }

    /// With this value as where it came from, where nothing better is known.
    pub(super) fn showing(&self, from: Option<&Arc<OriginStep>>) -> Text {
        let (Some(from), None) = (from, &self.marks) else { return self.clone() };
        let place = Place { from: Some(Arc::clone(from)), ..Place::NONE };
        Text { text: Rc::clone(&self.text), marks: Some(Rc::from([Mark { at: 0, place }])) }
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Text {
        Text { text: text.into(), marks: None }
    }
}

impl From<String> for Text {
    fn from(text: String) -> Text {
        Text { text: text.into(), marks: None }
    }
}

/// A text in the making.
#[derive(Clone, Debug, Default)]
pub(super) struct TextBuffer {
    text: String,
    marks: Vec<Mark>,
}

impl TextBuffer {
    /// Its length in bytes.
    pub(super) fn len(&self) -> usize {
        self.text.len()
    }

    fn mark(&mut self, at: usize, place: Place) {
        let at = u32::try_from(at).unwrap_or(u32::MAX);
        match self.marks.last_mut() {
            Some(last) if last.place.same(&place) => {}
            Some(last) if last.at == at => last.place = place,
            None if place.same(&Place::NONE) => {}
            _ => self.marks.push(Mark { at, place }),
        }
    }

    /// Adds a string that came from one place.
    pub(super) fn push_str(&mut self, text: &str, place: &Place) {
        if !text.is_empty() {
            self.mark(self.text.len(), place.clone());
            self.text.push_str(text);
        }
    }

    /// Adds a text; where it does not know, it came from `place`.
    pub(super) fn push(&mut self, text: &Text, place: &Place) {
        self.push_part(text, 0, text.text.len(), place);
    }

    fn push_part(&mut self, text: &Text, start: usize, end: usize, fallback: &Place) {
        let Some(part) = text.text.get(start..end).filter(|part| !part.is_empty()) else { return };
        let base = self.text.len();
        let marks = text.marks();
        let offset = u32::try_from(start).unwrap_or(u32::MAX);
        let first = marks.partition_point(|mark| mark.at <= offset);
        match first.checked_sub(1).and_then(|index| marks.get(index)) {
            Some(mark) => self.mark(base, filled(&mark.place.behind(offset - mark.at), fallback)),
            None => self.mark(base, fallback.clone()),
        }
        for mark in marks.get(first..).unwrap_or_default().iter().take_while(|mark| (mark.at as usize) < end) {
            self.mark(base + mark.at as usize - start, filled(&mark.place, fallback));
        }
        self.text.push_str(part);
    }

    /// Done.
    pub(super) fn finish(self) -> Text {
        Text { text: self.text.into(), marks: if self.marks.is_empty() { None } else { Some(self.marks.into()) } }
    }
}

fn filled(place: &Place, fallback: &Place) -> Place {
    let mut out = place.clone();
    if out.span.is_none() {
        out.span = fallback.span;
        out.exact = false;
    }
    if out.from.is_none() {
        out.from.clone_from(&fallback.from);
    }
    out
}

/// Where a byte of a rendered text came from.
pub(super) fn place_at(marks: &[Mark], at: u32) -> Option<Place> {
    let index = marks.partition_point(|mark| mark.at <= at);
    let mark = marks.get(index.checked_sub(1)?)?;
    let mut place = mark.place.clone();
    if place.exact {
        place.span.start = place.span.start.saturating_add(at - mark.at).min(place.span.end);
    }
    Some(place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use probity_value::FileId;

    fn literal(text: &str, start: usize) -> Text {
        let mut out = TextBuffer::default();
        out.push_str(text, &Place::literal(Span::new(FileId(0), start..start + text.len())));
        out.finish()
    }

    fn starts(text: &Text) -> Vec<(u32, u32)> {
        text.marks().iter().map(|mark| (mark.at, mark.place.span.start)).collect()
    }

    #[test]
    fn parts_keep_their_places() {
        let text = literal("hello world", 100);
        assert_eq!(starts(&text.part(6, 11)), [(0, 106)]);
        let mut out = TextBuffer::default();
        out.push(&text, &Place::NONE);
        out.push(&literal("!", 7), &Place::NONE);
        let joined = out.finish();
        assert_eq!(starts(&joined.part(3, 12)), [(0, 103), (8, 7)]);
        assert_eq!(starts(&joined.replace("o", &Text::from("00"))), [(0, 100), (4, 0), (6, 105), (8, 0), (10, 108), (13, 7)]);
        assert_eq!(place_at(joined.marks(), 4).unwrap().span.start, 104);
    }
}
