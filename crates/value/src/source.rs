//! Source texts by number, and byte ranges in them. A span is made symbolic (twelve bytes) and becomes line and column only when shown.

use std::sync::{Arc, OnceLock, PoisonError, RwLock};

/// Number of a source text in its [`SourceMap`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct FileId(pub u32);

impl FileId {
    /// A value that nobody wrote down: made by the program, or by a default of the language.
    pub const NONE: FileId = FileId(u32::MAX);
}

/// A range of bytes in one source text; `start` is inclusive, `end` exclusive.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Span {
    /// The text.
    pub file: FileId,
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// Nowhere: for values nobody wrote down.
    pub const NONE: Span = Span { file: FileId::NONE, start: 0, end: 0 };

    /// The bytes `range` of `file`.
    #[must_use]
    pub fn new(file: FileId, range: std::ops::Range<usize>) -> Span {
        Span { file, start: u32::try_from(range.start).unwrap_or(u32::MAX), end: u32::try_from(range.end).unwrap_or(u32::MAX) }
    }

    /// Whether this names no place.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.file == FileId::NONE
    }

    /// This span, or `other` where this one names no place.
    #[must_use]
    pub fn or(self, other: Span) -> Span {
        if self.is_none() { other } else { self }
    }

    /// The smallest span that covers both; `self` where they lie in different files.
    #[must_use]
    pub fn join(self, other: Span) -> Span {
        if self.is_none() {
            other
        } else if other.file == self.file {
            Span { file: self.file, start: self.start.min(other.start), end: self.end.max(other.end) }
        } else {
            self
        }
    }
}

/// One-based line and column; columns count Unicode scalar values.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct LineColumn {
    /// One-based line.
    pub line: u32,
    /// One-based column.
    pub column: u32,
}

/// One text with its path and the starts of its lines.
#[derive(Debug)]
pub struct SourceFile {
    path: Arc<str>,
    text: Arc<str>,
    line_starts: Vec<u32>,
    /// Bytes before each block of [`BLOCK`] bytes that begin no character; made when a place deep in a long line is asked for.
    inner_bytes: OnceLock<Vec<u32>>,
}

/// Bytes between two counts of characters. A whole plan or template may be one line, and every finding asks for its column.
const BLOCK: usize = 4096;

/// Bytes that begin no character.
fn inner_bytes(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| (**byte & 0xC0) == 0x80).count()
}

impl SourceFile {
    fn new(path: Arc<str>, text: Arc<str>) -> SourceFile {
        let mut line_starts = vec![0];
        line_starts.extend(memchr::memchr_iter(b'\n', text.as_bytes()).map(|at| u32::try_from(at + 1).unwrap_or(u32::MAX)));
        SourceFile { path, text, line_starts, inner_bytes: OnceLock::new() }
    }

    /// Path relative to the root of what is judged, with `/`.
    #[must_use]
    pub fn path(&self) -> &Arc<str> {
        &self.path
    }

    /// The whole text.
    #[must_use]
    pub fn text(&self) -> &Arc<str> {
        &self.text
    }

    /// Number of lines; a text without a final newline still has its last line.
    #[must_use]
    pub fn line_count(&self) -> usize {
        self.line_starts.len()
    }

    /// Line and column of a byte offset; an offset past the end is the end, one inside a character is that character.
    #[must_use]
    pub fn line_column(&self, offset: u32) -> LineColumn {
        let offset = offset.min(u32::try_from(self.text.len()).unwrap_or(u32::MAX));
        let index = self.line_starts.partition_point(|start| *start <= offset).saturating_sub(1);
        let start = self.line_starts.get(index).copied().unwrap_or(0);
        let (start, end) = (start as usize, offset as usize);
        let column = end.saturating_sub(start) - self.inner_between(start, end) + 1;
        LineColumn { line: u32::try_from(index + 1).unwrap_or(u32::MAX), column: u32::try_from(column).unwrap_or(u32::MAX) }
    }

    /// Bytes of a range that begin no character.
    fn inner_between(&self, start: usize, end: usize) -> usize {
        let count = |from: usize, to: usize| inner_bytes(self.text.as_bytes().get(from..to).unwrap_or_default());
        if end.saturating_sub(start) <= 2 * BLOCK {
            return count(start, end);
        }
        let table = self.inner_bytes.get_or_init(|| {
            let mut table = vec![0];
            let mut sum = 0_u32;
            for block in self.text.as_bytes().chunks(BLOCK) {
                sum = sum.saturating_add(u32::try_from(inner_bytes(block)).unwrap_or(u32::MAX));
                table.push(sum);
            }
            table
        });
        let before = |at: usize| table.get(at / BLOCK).map_or(0, |sum| *sum as usize) + count(at / BLOCK * BLOCK, at);
        before(end).saturating_sub(before(start))
    }

    /// The text of a one-based line without its line ending; `None` where there is no such line.
    #[must_use]
    pub fn line(&self, line: u32) -> Option<&str> {
        let index = (line as usize).checked_sub(1)?;
        let start = *self.line_starts.get(index)? as usize;
        let end = self.line_starts.get(index + 1).map_or(self.text.len(), |next| *next as usize);
        let text = self.text.get(start..end)?;
        let text = text.strip_suffix('\n').unwrap_or(text);
        Some(text.strip_suffix('\r').unwrap_or(text))
    }

    /// The byte offset where a one-based line starts.
    #[must_use]
    pub fn line_start(&self, line: u32) -> Option<u32> {
        self.line_starts.get((line as usize).checked_sub(1)?).copied()
    }
}

/// All source texts of a run. Only grows; shared by threads.
#[derive(Debug, Default)]
pub struct SourceMap {
    files: RwLock<Vec<Arc<SourceFile>>>,
}

impl SourceMap {
    /// An empty map.
    #[must_use]
    pub fn new() -> SourceMap {
        SourceMap::default()
    }

    /// Takes a text in and numbers it. The same path may come twice (head and base revision); each has its own number.
    pub fn add(&self, path: impl Into<Arc<str>>, text: impl Into<Arc<str>>) -> FileId {
        let file = Arc::new(SourceFile::new(path.into(), text.into()));
        let mut files = self.files.write().unwrap_or_else(PoisonError::into_inner);
        files.push(file);
        FileId(u32::try_from(files.len() - 1).unwrap_or(u32::MAX))
    }

    /// The text of that number; `None` for [`FileId::NONE`].
    #[must_use]
    pub fn file(&self, id: FileId) -> Option<Arc<SourceFile>> {
        self.files.read().unwrap_or_else(PoisonError::into_inner).get(id.0 as usize).cloned()
    }

    /// Path, start and end of a span; `None` where it names no place. `end` is the place after the last byte.
    #[must_use]
    pub fn locate(&self, span: Span) -> Option<(Arc<str>, LineColumn, LineColumn)> {
        let file = self.file(span.file)?;
        Some((Arc::clone(file.path()), file.line_column(span.start), file.line_column(span.end)))
    }

    /// The text of a span.
    #[must_use]
    pub fn snippet(&self, span: Span) -> Option<String> {
        let file = self.file(span.file)?;
        file.text().get(span.start as usize..span.end as usize).map(str::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_and_lines_start_at_one() {
        let map = SourceMap::new();
        let id = map.add("a.tf", "é = 1\nb = 2\r\n");
        let file = map.file(id).unwrap();
        assert_eq!(file.line_column(0), LineColumn { line: 1, column: 1 });
        assert_eq!(file.line_column(2), LineColumn { line: 1, column: 2 });
        assert_eq!(file.line_column(7), LineColumn { line: 2, column: 1 });
        assert_eq!(file.line_column(999), LineColumn { line: 3, column: 1 });
        // A long line is counted in blocks.
        let long = format!("x\n{}", "aé→😀".repeat(5_000));
        let long = map.file(map.add("b.json", long)).unwrap();
        let text = long.text();
        for offset in [2_usize, 9_000, 8_194, 12_290, 40_001, text.len()] {
            let offset = text.floor_char_boundary(offset);
            let column = u32::try_from(text.get(2..offset).unwrap().chars().count() + 1).unwrap();
            assert_eq!(long.line_column(u32::try_from(offset).unwrap()), LineColumn { line: 2, column }, "{offset}");
        }
        assert_eq!(file.line(2), Some("b = 2"));
        assert_eq!(file.line(9), None);
        assert_eq!(map.snippet(Span::new(id, 0..2)).as_deref(), Some("é"));
    }
}
