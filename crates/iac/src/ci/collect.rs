//! Finding files of a language, parsing them as YAML in parallel, and handing out what they gave.

use std::sync::Arc;

use probity_core::{Collected, Diagnostic, Level, ReadFile, Scope, SkippedFile, Subject, SubjectKind, Suppression, TreeError};
use probity_value::yaml::{self, Document};
use probity_value::{FileId, Span, Value};
use rayon::prelude::*;

use super::Ids;
use crate::kubernetes::suppression;

/// Whether a file belongs to a language.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Claim {
    /// It does not.
    No,
    /// It is one if it can be read and looks like one inside.
    Perhaps,
    /// Its name says so.
    Surely,
}

/// What a language says of itself.
pub(crate) struct Language {
    /// Its name: `github-actions`.
    pub(crate) id: &'static str,
    /// What its files are called in messages: `workflows`.
    pub(crate) files: &'static str,
    /// Code of the diagnostic where a file cannot be read.
    pub(crate) unreadable: &'static str,
    /// Whether a path may be one of its files; only these are opened.
    pub(crate) name: fn(&str) -> Claim,
    /// Whether a text looks like one; asked where the name does not settle it.
    pub(crate) looks: fn(&str) -> bool,
    /// How its YAML is read.
    pub(crate) options: yaml::ParseOptions,
}

/// A claimed file.
pub(crate) struct File {
    /// Its path.
    pub(crate) path: Arc<str>,
    /// Its number among the texts.
    pub(crate) id: FileId,
    /// Its text.
    pub(crate) text: Arc<str>,
    /// Its documents.
    pub(crate) documents: Vec<Document>,
    /// Whether its name alone says what it is.
    pub(crate) surely: bool,
    /// What is wrong with it.
    problems: Vec<probity_value::Problem>,
}

/// What one file gave.
#[derive(Default)]
pub(crate) struct Outcome {
    /// What rules judge.
    pub(crate) subjects: Vec<Subject>,
    /// What there is to say: level, code, place, words.
    pub(crate) said: Vec<(Level, &'static str, Span, String)>,
    /// Why a part was not read, and whether that fails.
    pub(crate) skipped: Option<(String, bool)>,
    /// It is no file of this language after all.
    pub(crate) not_ours: bool,
}

impl Outcome {
    /// Adds a subject: its type, its id, its place and the place of its name.
    pub(crate) fn subject(&mut self, file: &File, kind: SubjectKind, type_name: &str, id: &str, (span, head): (Span, Span), value: Value) {
        self.subjects.push(Subject {
            kind,
            type_name: type_name.into(),
            id: id.into(),
            root: Arc::clone(&file.path),
            span,
            head,
            value,
            via: Vec::new(),
        });
    }

    /// Says something that is no fault of the file.
    pub(crate) fn note(&mut self, code: &'static str, span: Span, words: impl Into<String>) {
        self.said.push((Level::Note, code, span, words.into()));
    }

    /// Says that something is wrong or left out.
    pub(crate) fn warn(&mut self, code: &'static str, span: Span, words: impl Into<String>) {
        self.said.push((Level::Warning, code, span, words.into()));
    }
}

/// A path, whether its name settles what it is, and its text, or why there is none and whether that fails.
type Opened = (Arc<str>, bool, Result<Arc<str>, (String, bool)>);

/// The text of a file as a reader of CI files takes it, or why it cannot be taken.
fn open(path: &Arc<str>, scope: &Scope<'_>) -> Result<Arc<str>, (String, bool)> {
    let bytes = match scope.tree.read(path) {
        Ok(bytes) if bytes.len() as u64 > scope.options.max_file_size => {
            return Err((TreeError::TooLarge { size: bytes.len() as u64, budget: scope.options.max_file_size }.to_string(), true));
        }
        Ok(bytes) => bytes,
        // A link to nowhere, or out of the repository: nothing of the repository is left unread.
        Err(error @ (TreeError::Missing | TreeError::Outside)) => return Err((error.to_string(), false)),
        Err(error) => return Err((error.to_string(), true)),
    };
    match std::str::from_utf8(&bytes) {
        Ok(text) if !text.contains('\0') => Ok(text.into()),
        _ => Err(("not UTF-8 text".to_owned(), true)),
    }
}

/// Whether some line of a text begins with one of these keys: `jobs`, also in quotes.
pub(crate) fn has_key(text: &str, keys: &[&str]) -> bool {
    let bare = text.trim_start_matches('\u{feff}').trim_start();
    if bare.starts_with('{') {
        return keys.iter().any(|key| text.contains(&format!("\"{key}\"")) || text.contains(&format!("{key}:")));
    }
    text.lines().any(|line| {
        let line = line.trim_start_matches('\u{feff}');
        keys.iter().any(|key| {
            let bare = line.trim_start_matches(['"', '\'']);
            line.len() - bare.len() <= 1
                && bare.strip_prefix(key).is_some_and(|rest| rest.trim_start_matches(['"', '\'']).trim_start().starts_with(':'))
        })
    })
}

/// Reads all files of a language and lets `build` make subjects of each; all files are at hand, in the order of their paths.
pub(crate) fn collect(scope: &Scope<'_>, language: &Language, build: &(dyn Fn(&File, &[File]) -> Outcome + Sync)) -> Collected {
    collect_with(scope, language, &|_| Vec::new(), build)
}

/// [`collect`] for a language whose files name others that belong to it: `named` says which paths a file names.
pub(crate) fn collect_with(
    scope: &Scope<'_>,
    language: &Language,
    named: &(dyn Fn(&File) -> Vec<String> + Sync),
    build: &(dyn Fn(&File, &[File]) -> Outcome + Sync),
) -> Collected {
    let mut collected = Collected::default();
    let opened: Vec<Opened> = scope
        .unclaimed
        .par_iter()
        .filter_map(|path| {
            let claim = (language.name)(path);
            if claim == Claim::No {
                return None;
            }
            if claim == Claim::Perhaps {
                // Most of these are none; nothing is kept of them.
                let bytes = scope.tree.read(path).ok().filter(|bytes| bytes.len() as u64 <= scope.options.max_file_size)?;
                let text = std::str::from_utf8(&bytes).ok().filter(|text| (language.looks)(text) && !text.contains('\0'))?;
                return Some((Arc::clone(path), false, Ok(text.into())));
            }
            Some((Arc::clone(path), true, open(path, scope)))
        })
        .collect();
    let mut files = parse_all(opened, language, scope, &mut collected);
    // Files named by others, until none is new.
    for _ in 0..16 {
        let mut wanted: Vec<String> = files.iter().flat_map(named).collect();
        wanted.sort_unstable();
        wanted.dedup();
        let have = |path: &str| files.iter().any(|file| &*file.path == path);
        let free = |path: &String| scope.unclaimed.binary_search_by(|known| (**known).cmp(path.as_str())).is_ok();
        let next: Vec<_> = wanted
            .iter()
            .filter(|path| !have(path) && free(path))
            .map(|path| {
                let path: Arc<str> = path.as_str().into();
                let text = open(&path, scope);
                (path, true, text)
            })
            .collect();
        // One that could not be opened was said once and is not asked for again.
        let next: Vec<_> = next.into_iter().filter(|(path, ..)| !collected.coverage.skipped.iter().any(|one| one.file == *path)).collect();
        if next.is_empty() {
            break;
        }
        files.extend(parse_all(next, language, scope, &mut collected));
        files.sort_by(|a, b| a.path.cmp(&b.path));
    }
    let outcomes: Vec<Outcome> = files.par_iter().map(|file| build(file, &files)).collect();
    for (file, outcome) in files.iter().zip(outcomes) {
        take(&mut collected, language, file, outcome);
    }
    collected
}

fn parse_all(opened: Vec<Opened>, language: &Language, scope: &Scope<'_>, collected: &mut Collected) -> Vec<File> {
    let mut numbered = Vec::new();
    for (path, surely, text) in opened {
        match text {
            Ok(text) => {
                let id = scope.sources.add(Arc::clone(&path), Arc::clone(&text));
                numbered.push((path, surely, text, id));
            }
            Err((why, fails)) => {
                if fails {
                    let words = why.clone();
                    collected.diagnostics.push(Diagnostic::new(Level::Error, language.unreadable, Arc::clone(&path), Span::NONE, words));
                }
                collected.coverage.skipped.push(SkippedFile { file: path, source: language.id, why, fails, partly: false });
            }
        }
    }
    numbered
        .into_par_iter()
        .map(|(path, surely, text, id)| {
            let (documents, problems) = yaml::parse_with(&text, id, language.options);
            File { path, id, text, documents, surely, problems }
        })
        .collect()
}

fn take(collected: &mut Collected, language: &Language, file: &File, mut outcome: Outcome) {
    let fatal = file.problems.iter().any(|problem| problem.fatal);
    let templated = fatal && (file.text.contains("{{-") || file.text.contains("{%"));
    if outcome.not_ours && !(fatal && file.surely) || !file.surely && outcome.subjects.is_empty() && outcome.skipped.is_none() {
        return;
    }
    for problem in &file.problems {
        let level = match (problem.fatal, templated) {
            (true, false) => Level::Error,
            _ => Level::Warning,
        };
        collected.diagnostics.push(Diagnostic::new(level, problem.code, Arc::clone(&file.path), problem.span, problem.message.clone()));
    }
    if templated {
        outcome.skipped = Some(("template, not rendered".to_owned(), false));
    } else if fatal {
        outcome.skipped = Some(("not valid YAML".to_owned(), true));
    }
    for (level, code, span, words) in outcome.said {
        collected.diagnostics.push(Diagnostic::new(level, code, Arc::clone(&file.path), span, words));
    }
    // A file of several documents may say a name twice.
    let mut ids = Ids::default();
    for subject in &mut outcome.subjects {
        subject.id = ids.give(&subject.id).into();
    }
    let spans: Vec<Span> = outcome.subjects.iter().map(|subject| subject.span).collect();
    let mut asked: Vec<Suppression> = Vec::new();
    let said = suppression::of_comments(&file.text, file.id, &file.path, &file.documents, spans, language.files, &mut asked);
    collected.suppressions.extend(asked);
    collected.diagnostics.extend(said);
    let partly = !outcome.subjects.is_empty();
    if partly || outcome.skipped.is_none() {
        let subjects = outcome.subjects.len();
        collected.coverage.read.push(ReadFile { file: Arc::clone(&file.path), source: language.id, subjects });
    }
    if let Some((why, fails)) = outcome.skipped {
        collected.coverage.skipped.push(SkippedFile { file: Arc::clone(&file.path), source: language.id, why, fails, partly });
    }
    collected.subjects.extend(outcome.subjects);
}
