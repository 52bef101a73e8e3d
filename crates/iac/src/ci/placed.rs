//! Text of a YAML scalar with the place of each of its bytes, through block text, quotes and line breaks.

use std::ops::Range;

use probity_value::{Span, Value};

/// A decoded text and how it lies in its source.
#[derive(Clone, Debug)]
pub(crate) struct Placed<'v> {
    /// The text as its reader sees it.
    pub(crate) text: &'v str,
    /// The whole of it.
    pub(crate) span: Span,
    /// Where pieces begin, decoded and in the source, in order. Empty where the two do not lie side by side.
    pieces: Vec<(usize, usize)>,
}

impl<'v> Placed<'v> {
    /// The text of a value; `source` is the whole text of its file.
    pub(crate) fn new(value: &'v Value, source: &str) -> Option<Placed<'v>> {
        let text = value.as_str()?;
        let raw = source.get(value.span.start as usize..value.span.end as usize).unwrap_or_default();
        Some(Placed { text, span: value.span, pieces: pieces(text, raw, value.span.start as usize) })
    }

    /// The place of some of its bytes; the whole where that is not known.
    pub(crate) fn span(&self, range: &Range<usize>) -> Span {
        let before = self.pieces.partition_point(|(decoded, _)| *decoded <= range.start);
        let Some((decoded, source)) = before.checked_sub(1).and_then(|index| self.pieces.get(index)) else { return self.span };
        let start = source + (range.start - decoded);
        // What goes over several pieces ends in the last of them.
        let last = self.pieces.partition_point(|(decoded, _)| *decoded < range.end.max(range.start + 1));
        let Some((decoded, source)) = last.checked_sub(1).and_then(|index| self.pieces.get(index)) else { return self.span };
        let end = source + range.end.saturating_sub(*decoded);
        let end = end.clamp(start, (self.span.end as usize).max(start));
        if start > self.span.end as usize { self.span } else { Span::new(self.span.file, start..end) }
    }
}

/// Where the pieces of a decoded text lie in what was written.
fn pieces(text: &str, raw: &str, base: usize) -> Vec<(usize, usize)> {
    let trimmed = text.trim_end_matches('\n');
    if !trimmed.contains('\n') {
        return raw.find(trimmed).map(|at| (0, base + at)).into_iter().collect();
    }
    // Literal block text: each line is one of the source, with its indentation before.
    let mut out = Vec::new();
    let mut decoded = 0;
    let mut source = 0;
    let mut written = raw.split_inclusive('\n');
    for line in text.split_inclusive('\n') {
        let Some(raw_line) = written.next() else {
            return if line.trim().is_empty() { out } else { Vec::new() };
        };
        let bare = raw_line.trim_end_matches(['\n', '\r']);
        let wanted = line.trim_end_matches(['\n', '\r']);
        let Some(indent) = bare.strip_suffix(wanted) else { return Vec::new() };
        if !indent.trim().is_empty() {
            return Vec::new();
        }
        out.push((decoded, base + source + indent.len()));
        decoded += line.len();
        source += raw_line.len();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use probity_value::{FileId, yaml};

    fn check(source: &str, find: &str, expected: &str) {
        let (documents, _) = yaml::parse(source, FileId(0));
        let value = documents[0].value.get("a").unwrap();
        let placed = Placed::new(value, source).unwrap();
        let at = placed.text.find(find).unwrap();
        let span = placed.span(&(at..at + find.len()));
        assert_eq!(source.get(span.start as usize..span.end as usize), Some(expected), "{source:?} {find:?}");
    }

    #[test]
    fn places_in_scalars() {
        check("a: x yy z", "yy", "yy");
        check("a: 'x yy z'", "yy", "yy");
        check("a: |\n  x\n    yy é\n\n  zz\n", "yy é", "yy é");
        check("a: |\n  x\n\n  zz\n", "zz", "zz");
        check("a: |\n  x \\\n  y\n", "x \\\ny", "x \\\n  y");
        check("a: |-\r\n  x\r\n  y\r\n", "y", "y");
        // Folded text lies otherwise: the whole is the place.
        check("a: >\n  x\n  y\n\n  z\n", "z", "x\n  y\n\n  z");
    }
}
