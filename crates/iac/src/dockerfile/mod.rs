//! Dockerfiles: instructions to subjects.
//!
//! One subject per instruction (type `RUN`, id `build/RUN[2]`: stage, instruction, ordinal of that kind in the stage) and, where there
//! is a `FROM`, one per file (type `Dockerfile`, id and root the path). The shapes of their values are in `value`.
//!
//! What does not live here: running anything, reading images, and judging.

mod expand;
mod scan;
mod suppression;
mod value;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use probity_core::{Collected, Diagnostic, Level, ReadFile, Scope, SkippedFile, Source, Subject, Suppression, TreeError};
use probity_value::{FileId, Span};
use rayon::prelude::*;

/// Claims `Dockerfile`, `Dockerfile.*`, `*.Dockerfile`, `Containerfile*` and files named alike that begin with a build stage.
#[derive(Clone, Copy, Debug, Default)]
pub struct DockerfileSource;

const ID: &str = "dockerfile";

impl Source for DockerfileSource {
    fn id(&self) -> &'static str {
        ID
    }

    fn collect(&self, scope: &Scope<'_>) -> Collected {
        let found: Vec<Found> = scope.unclaimed.par_iter().filter_map(|path| look(path, scope)).collect();
        let numbered: Vec<(Found, FileId)> = found
            .into_iter()
            .map(|found| {
                let id = match &found.content {
                    Ok(text) => scope.sources.add(Arc::clone(&found.path), Arc::clone(text)),
                    Err(_) => FileId::NONE,
                };
                (found, id)
            })
            .collect();
        let read: Vec<(Arc<str>, Outcome)> =
            numbered.into_par_iter().map(|(found, id)| (Arc::clone(&found.path), read(&found, id))).collect();
        let mut collected = Collected::default();
        for (file, outcome) in read {
            let partly = !outcome.subjects.is_empty();
            if outcome.skipped.is_none() || partly {
                collected.coverage.read.push(ReadFile { file: Arc::clone(&file), source: ID, subjects: outcome.subjects.len() });
            }
            if let Some((why, fails)) = outcome.skipped {
                collected.coverage.skipped.push(SkippedFile { file, source: ID, why, fails, partly });
            }
            collected.subjects.extend(outcome.subjects);
            collected.suppressions.extend(outcome.suppressions);
            collected.diagnostics.extend(outcome.diagnostics);
        }
        collected
    }
}

/// A claimed file: its text, or why it is not read and whether that fails.
struct Found {
    path: Arc<str>,
    content: Result<Arc<str>, (String, bool)>,
}

/// What a name says of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Named {
    /// A Dockerfile.
    Surely,
    /// One if it begins like one: `Dockerfile-prod`, `Dockerfile.md`, `dockerfile.rs`.
    Perhaps,
    /// A template to make a Dockerfile from.
    Template,
}

/// Endings of other kinds of files: a `dockerfile.rs` is a program.
const OTHER_KINDS: &[&str] = &[
    "adoc", "bak", "bat", "c", "cc", "cfg", "conf", "cpp", "cs", "css", "csv", "d", "diff", "ex", "exs", "gif", "go", "h", "hcl", "hs",
    "html", "ini", "ipynb", "java", "jpg", "js", "json", "jsx", "kt", "log", "lua", "md", "ml", "orig", "patch", "pdf", "php", "pl", "png",
    "ps1", "py", "rb", "rej", "rs", "rst", "sarif", "scala", "sh", "snap", "sql", "svg", "swift", "swp", "tf", "toml", "ts", "tsx", "txt",
    "vim", "xml", "yaml", "yml",
];
const TEMPLATES: &[&str] =
    &["ejs", "erb", "gotmpl", "hbs", "in", "j2", "jinja", "jinja2", "liquid", "mustache", "template", "tmpl", "tpl", "twig"];

fn named(path: &str) -> Option<Named> {
    let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    if name.ends_with(".dockerignore") || name.ends_with(".containerignore") {
        return None;
    }
    if name.ends_with(".dockerfile") || name.ends_with(".containerfile") {
        return Some(Named::Surely);
    }
    let rest = name.strip_prefix("dockerfile").or_else(|| name.strip_prefix("containerfile"))?;
    match rest.chars().next() {
        None => Some(Named::Surely),
        Some('.') => {
            let ending = rest.rsplit('.').next().unwrap_or_default();
            Some(if TEMPLATES.contains(&ending) {
                Named::Template
            } else if OTHER_KINDS.contains(&ending) || rest.ends_with('~') {
                Named::Perhaps
            } else {
                Named::Surely
            })
        }
        Some('-' | '_') => Some(Named::Perhaps),
        Some(_) => name.starts_with("containerfile").then_some(Named::Perhaps),
    }
}

/// Whether a text begins as a Dockerfile does: its first instruction is `FROM` or `ARG`.
fn begins_like_one(text: &str) -> bool {
    let line = text.trim_start_matches('\u{feff}').lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'));
    let word = line.and_then(|line| line.split([' ', '\t']).next()).unwrap_or_default();
    word.eq_ignore_ascii_case("from") || word.eq_ignore_ascii_case("arg")
}

fn has_template_marks(text: &str) -> bool {
    ["{{", "{%", "<%", "<#"].iter().any(|mark| text.contains(mark))
}

fn look(path: &Arc<str>, scope: &Scope<'_>) -> Option<Found> {
    let named = named(path)?;
    let content = |content| Some(Found { path: Arc::clone(path), content });
    let bytes = match scope.tree.read(path) {
        Ok(bytes) if bytes.len() as u64 > scope.options.max_file_size => {
            let error = TreeError::TooLarge { size: bytes.len() as u64, budget: scope.options.max_file_size };
            return content(Err((error.to_string(), true)));
        }
        Ok(bytes) => bytes,
        Err(_) if named == Named::Perhaps => return None,
        // A link to nowhere, or out of the repository: nothing of the repository is left unread.
        Err(error @ (TreeError::Missing | TreeError::Outside)) => return content(Err((error.to_string(), false))),
        Err(error) => return content(Err((error.to_string(), true))),
    };
    match std::str::from_utf8(&bytes) {
        Ok(text) if !text.contains('\0') => match named {
            Named::Perhaps if !begins_like_one(text) => None,
            Named::Template if has_template_marks(text) => content(Err(("template, not rendered".to_owned(), false))),
            _ => content(Ok(text.into())),
        },
        _ if named == Named::Perhaps => None,
        _ => content(Err(("not UTF-8 text".to_owned(), true))),
    }
}

/// What one file gave.
#[derive(Default)]
struct Outcome {
    subjects: Vec<Subject>,
    suppressions: Vec<Suppression>,
    diagnostics: Vec<Diagnostic>,
    skipped: Option<(String, bool)>,
}

fn read(found: &Found, file: FileId) -> Outcome {
    let path = &found.path;
    let mut outcome = Outcome::default();
    let text = match &found.content {
        Ok(text) => text,
        Err((why, fails)) => {
            if *fails {
                outcome.diagnostics.push(Diagnostic::new(Level::Error, "dockerfile-unreadable", Arc::clone(path), Span::NONE, why.clone()));
            }
            outcome.skipped = Some((why.clone(), *fails));
            return outcome;
        }
    };
    let scanned = scan::scan(text, file);
    let built = value::build(&scanned, file, path, text);
    let mut broken = 0;
    for fault in scanned.faults.iter().chain(&built.faults) {
        let level = if fault.fatal { Level::Error } else { Level::Warning };
        broken += usize::from(fault.fatal);
        outcome.diagnostics.push(Diagnostic::new(level, fault.code, Arc::clone(path), fault.span, fault.message.clone()));
    }
    if let Some(first) = scanned.faults.iter().chain(&built.faults).find(|fault| fault.fatal) {
        let more = if broken > 1 { format!(", and {} more", broken - 1) } else { String::new() };
        outcome.skipped = Some((format!("{}{more}", first.message), true));
    }
    let whole = Span::new(file, 0..text.trim_end().len());
    suppression::find(&scanned, text, whole, path, &mut outcome.suppressions, &mut outcome.diagnostics);
    outcome.subjects = built.subjects;
    outcome
}
