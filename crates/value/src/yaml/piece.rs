//! Pieces of a stream between its `---` lines, and the way from character positions to bytes.

use std::collections::BTreeSet;
use std::ops::Range;

use crate::{FileId, Span};

/// Byte ranges of the pieces, in order; together they are the whole text. A piece begins at a `---` line, except where directives
/// (`%YAML`) stand before it, which belong to it.
pub(super) fn pieces(text: &str) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let mut out = Vec::new();
    let mut start = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let mut line = start;
    // At the start of the stream and after `...` directives may stand; one that does keeps the next `---` in its piece.
    let mut prefix = true;
    let mut directive = false;
    while line < bytes.len() {
        let rest = bytes.get(line..).unwrap_or_default();
        let length = memchr::memchr2(b'\n', b'\r', rest).map_or(rest.len(), |at| at + 1);
        let content = rest.get(..length).unwrap_or_default();
        if is_marker(content, b"---") {
            if !directive && line > start {
                out.push(start..line);
                start = line;
            }
            prefix = false;
            directive = false;
        } else if is_marker(content, b"...") {
            prefix = true;
            directive = false;
        } else if prefix {
            match content.first() {
                Some(b'%') => directive = true,
                Some(b'#' | b'\n' | b'\r') => {}
                _ if content.trim_ascii().is_empty() || content.trim_ascii().starts_with(b"#") => {}
                _ => {
                    prefix = false;
                    directive = false;
                }
            }
        }
        line += length;
    }
    if start < bytes.len() {
        out.push(start..bytes.len());
    }
    out
}

fn is_marker(line: &[u8], marker: &[u8]) -> bool {
    line.strip_prefix(marker).is_some_and(|rest| matches!(rest.first(), None | Some(b' ' | b'\t' | b'\n' | b'\r')))
}

/// One piece of a text, with the byte offsets of its characters.
pub(super) struct Piece<'a> {
    /// Its text.
    pub(super) text: &'a str,
    file: FileId,
    base: usize,
    /// Byte offset of every 64th character; empty where all characters have one byte.
    steps: Vec<u32>,
}

const STEP: usize = 64;

impl<'a> Piece<'a> {
    pub(super) fn new(text: &'a str, range: Range<usize>, file: FileId) -> Piece<'a> {
        let base = range.start;
        let text = text.get(range).unwrap_or_default();
        let steps = if text.is_ascii() {
            Vec::new()
        } else {
            text.char_indices().step_by(STEP).map(|(at, _)| u32::try_from(at).unwrap_or(u32::MAX)).collect()
        };
        Piece { text, file, base, steps }
    }

    /// Byte offset in the piece of a character position; the end of the piece for one beyond it.
    pub(super) fn byte(&self, character: usize) -> usize {
        if self.steps.is_empty() {
            return character.min(self.text.len());
        }
        let Some(start) = self.steps.get(character / STEP) else { return self.text.len() };
        let start = *start as usize;
        let rest = self.text.get(start..).unwrap_or_default();
        rest.char_indices().nth(character % STEP).map_or(self.text.len(), |(at, _)| start + at)
    }

    /// Byte offsets in the piece of the characters only YAML 1.1 takes for line breaks: NEL, LS and PS.
    pub(super) fn odd_breaks(&self) -> BTreeSet<usize> {
        if self.steps.is_empty() {
            return BTreeSet::new();
        }
        self.text.match_indices(['\u{85}', '\u{2028}', '\u{2029}']).map(|(at, _)| at).collect()
    }

    /// The span of a byte range of the piece.
    pub(super) fn span(&self, range: Range<usize>) -> Span {
        Span::new(self.file, self.base + range.start..self.base + range.end.max(range.start))
    }

    /// The span of the character at a byte offset of the piece; empty at its end.
    pub(super) fn span_at(&self, at: usize) -> Span {
        let length = self.text.get(at..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
        self.span(at..at + length)
    }
}
