//! Files as documents, for policies that judge documents and not resources: what Conftest reads.

use std::fmt;
use std::sync::Arc;

use probity_core::{Collected, Diagnostic, Level, ReadFile, Scope, SkippedFile, Source, Subject, SubjectKind};
use probity_inputs::{self as inputs, Kind};
use probity_value::{Span, Value};
use rayon::prelude::*;

/// Which files of a path are meant.
pub type Wanted = Box<dyn Fn(&str) -> bool + Send + Sync>;

/// Reads files as documents. It claims nothing: a file may be read as documents and as resources too.
pub struct DocumentSource {
    /// By this name the policies know which documents are theirs.
    root: Arc<str>,
    wanted: Wanted,
    parser: Option<Kind>,
    combine: bool,
    /// Whether a file whose parser cannot be told by its name is passed over.
    lenient: bool,
}

impl fmt::Debug for DocumentSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DocumentSource").field("root", &self.root).field("parser", &self.parser).finish_non_exhaustive()
    }
}

impl DocumentSource {
    /// Reads the files that are wanted, each by `parser` or as its name says; `combine` makes one document of all.
    #[must_use]
    pub fn new(root: Arc<str>, wanted: Wanted, parser: Option<Kind>, combine: bool) -> DocumentSource {
        DocumentSource { root, wanted, parser, combine, lenient: false }
    }

    /// Passes over files whose names tell no parser, as where whole folders are given.
    #[must_use]
    pub fn lenient(mut self) -> DocumentSource {
        self.lenient = true;
        self
    }
}

/// What came of one file.
enum Outcome {
    Read(Kind, Value),
    /// Left alone: no parser fits its name.
    Other,
    Wrong(Vec<(Span, String)>),
}

impl Source for DocumentSource {
    fn id(&self) -> &'static str {
        "documents"
    }

    fn collect(&self, scope: &Scope<'_>) -> Collected {
        let mut out = Collected::default();
        let paths: Vec<&Arc<str>> = scope.unclaimed.iter().filter(|path| (self.wanted)(path)).collect();
        let read: Vec<(&Arc<str>, Outcome)> = paths.into_par_iter().map(|path| (path, self.read(path, scope))).collect();
        let mut combined = Vec::new();
        for (path, outcome) in read {
            match outcome {
                Outcome::Other => {}
                Outcome::Wrong(problems) => {
                    let why = problems.first().map(|(_, why)| why.clone()).unwrap_or_default();
                    out.coverage.skipped.push(SkippedFile { file: Arc::clone(path), source: "documents", why, fails: true, partly: false });
                    for (span, message) in problems {
                        out.diagnostics.push(Diagnostic::new(Level::Error, "document", Arc::clone(path), span, message));
                    }
                }
                Outcome::Read(_, document) if self.combine => {
                    out.coverage.read.push(ReadFile { file: Arc::clone(path), source: "documents", subjects: 0 });
                    combined.push((Arc::clone(path), document));
                }
                Outcome::Read(kind, document) => {
                    let documents = inputs::split(document);
                    out.coverage.read.push(ReadFile { file: Arc::clone(path), source: "documents", subjects: documents.len() });
                    let several = documents.len() > 1;
                    for (position, document) in documents.into_iter().enumerate() {
                        let id = if several { format!("{path}#{}", position + 1).into() } else { Arc::clone(path) };
                        out.subjects.push(self.subject(id, kind.as_str(), document));
                    }
                }
            }
        }
        if self.combine && !combined.is_empty() {
            out.subjects.push(self.subject("Combined".into(), "combined", inputs::combine(combined)));
        }
        out
    }
}

impl DocumentSource {
    fn read(&self, path: &Arc<str>, scope: &Scope<'_>) -> Outcome {
        let wrong = |why: String| Outcome::Wrong(vec![(Span::NONE, why)]);
        let kind = match self.parser.or_else(|| inputs::detect(path)) {
            Some(kind) => kind,
            None if self.lenient => return Outcome::Other,
            None => return wrong("no parser fits the file's name; name one".to_owned()),
        };
        let bytes = match scope.tree.read(path) {
            Ok(bytes) => bytes,
            Err(error) => return wrong(error.to_string()),
        };
        let Ok(text) = std::str::from_utf8(&bytes) else { return wrong("the file is not UTF-8 text".to_owned()) };
        let text: Arc<str> = text.strip_prefix('\u{feff}').unwrap_or(text).into();
        let number = scope.sources.add(Arc::clone(path), Arc::clone(&text));
        match inputs::document(kind, &text, number) {
            Ok(document) => Outcome::Read(kind, document),
            Err(problems) => Outcome::Wrong(problems.into_iter().map(|problem| (problem.span, problem.message)).collect()),
        }
    }

    fn subject(&self, id: Arc<str>, type_name: &str, value: Value) -> Subject {
        Subject {
            kind: SubjectKind::Document,
            type_name: type_name.into(),
            id,
            root: Arc::clone(&self.root),
            span: value.span,
            head: Span { end: value.span.start, ..value.span },
            value,
            via: Vec::new(),
        }
    }
}
