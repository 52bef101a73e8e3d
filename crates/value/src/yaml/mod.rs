//! YAML text to values with places: several documents, anchors, merge keys, the core schema of YAML 1.2.
//!
//! `saphyr-parser` makes the events; this turns them into values. The text is cut at its `---` lines first and each piece is read
//! on its own, so that one broken document takes no other with it and no text is read more than once.
//!
//! What does not live here: comments (whoever needs them scans for them), and what the documents mean.

mod build;
mod mend;
mod piece;
mod scalar;
mod write;

pub use write::write;

use crate::{FileId, Problem, Span, Value, json};

/// One document of a stream.
#[derive(Clone, Debug)]
pub struct Document {
    /// Its content; null for an empty document.
    pub value: Value,
    /// From its first key or item to the end of its last.
    pub span: Span,
}

/// What differs between languages that are written as YAML.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ParseOptions {
    /// `yes`, `no`, `on`, `off` are true and false, as in YAML 1.1; keys stay text. Kubernetes and Ansible read them so.
    pub booleans_1_1: bool,
    /// Whole numbers with a leading zero are octal, as in YAML 1.1: `0644` is 420. Kubernetes reads them so.
    pub octal_1_1: bool,
    /// The characters NEL, LS and PS outside quotes are a fatal problem (`yaml-line-break`): readers of YAML 1.1, kubectl among them,
    /// take them for line breaks and would see another document.
    pub line_breaks_1_1: bool,
    /// What kubectl's reader does that neither schema says: `y` and `n` are booleans, numbers may have `_` in them and be written `0b1`
    /// or `-0x1`, `! "<<"` merges. Where it takes a merged key for what others take the written one (`yaml-merge-order`), and at
    /// `!!binary` (`yaml-binary`), the document is left out: it would be another one there.
    pub kubectl: bool,
    /// The short tags of CloudFormation become maps with one key: `!Ref x` is `{"Ref": x}`, `!GetAtt a.b` is
    /// `{"Fn::GetAtt": ["a", "b"]}`. Other tags, and all where this is false, are passed over.
    pub cloudformation: bool,
}

/// Nodes a stream may have with its aliases expanded.
pub const MAX_NODES: usize = 2_000_000;

/// After this many problems the rest of a stream is not read.
const MAX_PROBLEMS: usize = 1000;

/// Reads a stream of documents as YAML 1.2 (core schema).
///
/// A text that begins with `{` or `[` and is JSON is read as that. Codes of problems: `yaml-syntax`, `yaml-alias` (one that names
/// nothing, or itself), `yaml-depth` (more than [`json::MAX_DEPTH`] levels), `yaml-budget` (more than [`MAX_NODES`] nodes) are fatal:
/// the document is left out, those before it and after the next `---` line are there. `yaml-duplicate-key` (the last one counts),
/// `yaml-merge` (a `<<` whose value is no map; kept as a key), `yaml-complex-key` (a list or map as a key; its JSON text is the key)
/// are not.
#[must_use]
pub fn parse(text: &str, file: FileId) -> (Vec<Document>, Vec<Problem>) {
    parse_with(text, file, ParseOptions::default())
}

/// [`parse`] for a language that differs from plain YAML 1.2.
#[must_use]
pub fn parse_with(text: &str, file: FileId, options: ParseOptions) -> (Vec<Document>, Vec<Problem>) {
    let bare = text.strip_prefix('\u{feff}').unwrap_or(text).trim_start();
    if bare.starts_with(['{', '[']) {
        let (value, problems) = json::parse(text, file);
        if !problems.iter().any(|problem| problem.fatal) {
            return (vec![Document { span: value.span, value }], problems);
        }
    }
    let mut documents = Vec::new();
    let mut problems = Vec::new();
    let mut budget = MAX_NODES;
    for range in piece::pieces(text) {
        let piece = piece::Piece::new(text, range, file);
        if problems.len() >= MAX_PROBLEMS {
            problems.push(Problem::fatal("yaml-budget", piece.span_at(0), format!("{MAX_PROBLEMS} problems; the rest is not read")));
            break;
        }
        build::read(&piece, options, &mut budget, &mut documents, &mut problems);
        if budget == 0 {
            break;
        }
    }
    (documents, problems)
}

#[cfg(test)]
mod tests;
