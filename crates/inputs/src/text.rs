//! The text that is read, with its file: places and problems.

use std::ops::Range;

use probity_value::{FileId, Problem, Span};

use crate::{Kind, MAX_DEPTH};

/// A text with its file.
pub(crate) struct Source<'a> {
    /// The text, whole.
    pub(crate) text: &'a str,
    file: FileId,
    code: &'static str,
}

/// The result of reading something.
pub(crate) type Read<T> = Result<T, Problem>;

impl<'a> Source<'a> {
    pub(crate) fn new(text: &'a str, file: FileId, kind: Kind) -> Source<'a> {
        let code = match kind {
            Kind::CycloneDx => "cyclonedx-syntax",
            Kind::Dockerfile => "dockerfile-syntax",
            Kind::Dotenv => "dotenv-syntax",
            Kind::Edn => "edn-syntax",
            Kind::Hcl1 => "hcl1-syntax",
            Kind::Hcl2 => "hcl2-syntax",
            Kind::Ini => "ini-syntax",
            Kind::Nginx => "nginx-syntax",
            Kind::Properties => "properties-syntax",
            Kind::Spdx => "spdx-syntax",
            Kind::Toml => "toml-syntax",
            Kind::Xml => "xml-syntax",
            _ => "input-syntax",
        };
        Source { text, file, code }
    }

    pub(crate) fn file(&self) -> FileId {
        self.file
    }

    pub(crate) fn bytes(&self) -> &'a [u8] {
        self.text.as_bytes()
    }

    /// The byte at an offset; `None` at the end.
    pub(crate) fn byte(&self, at: usize) -> Option<u8> {
        self.text.as_bytes().get(at).copied()
    }

    /// The text of a range; empty where it is none.
    pub(crate) fn slice(&self, range: Range<usize>) -> &'a str {
        self.text.get(range).unwrap_or_default()
    }

    /// The text from an offset on.
    pub(crate) fn rest(&self, at: usize) -> &'a str {
        self.text.get(at..).unwrap_or_default()
    }

    /// The character at an offset.
    pub(crate) fn character(&self, at: usize) -> Option<char> {
        self.text.get(at..).and_then(|rest| rest.chars().next())
    }

    pub(crate) fn span(&self, range: Range<usize>) -> Span {
        let length = self.text.len();
        let start = range.start.min(length);
        Span::new(self.file, start..range.end.clamp(start, length))
    }

    /// The span of the whole text.
    pub(crate) fn whole(&self) -> Span {
        self.span(0..self.text.len())
    }

    pub(crate) fn problem(&self, range: Range<usize>, message: impl Into<String>) -> Problem {
        Problem { span: self.span(range), message: message.into(), fatal: true, code: self.code }
    }

    /// A problem of the character at an offset.
    pub(crate) fn problem_at(&self, at: usize, message: impl Into<String>) -> Problem {
        let length = self.character(at).map_or(0, char::len_utf8);
        self.problem(at..at + length, message)
    }

    /// `wanted` is not what stands at an offset.
    pub(crate) fn unexpected(&self, at: usize, wanted: &str) -> Problem {
        match self.character(at) {
            Some(letter) => self.problem_at(at, format!("expected {wanted}, found `{}`", letter.escape_debug())),
            None => self.problem_at(at, format!("expected {wanted}, found the end of the text")),
        }
    }

    pub(crate) fn too_deep(&self, at: usize) -> Problem {
        self.problem_at(at, format!("nested deeper than {MAX_DEPTH} levels"))
    }

    /// The bytes a part of the text lies at, where it is a part of it.
    pub(crate) fn range_of(&self, part: &str) -> Range<usize> {
        let start = (part.as_ptr() as usize).wrapping_sub(self.text.as_ptr() as usize);
        if start <= self.text.len() && start + part.len() <= self.text.len() { start..start + part.len() } else { 0..0 }
    }
}
