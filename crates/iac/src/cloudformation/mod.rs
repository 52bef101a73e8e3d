//! CloudFormation and SAM templates, in YAML and JSON: resources to subjects, with their functions worked out.
//!
//! One subject per resource: the type is its `Type`, the id its logical name, the root the path of the file, the value the whole
//! resource. A resource whose condition is false is not there; one whose condition is not known is. Parameters are subjects of the type
//! `cloudformation.parameter` (id `parameter.Name`), with their name as `Name`.
//!
//! What does not live here: running macros, reading what `AWS::Include` names, and what the resources mean. A nested stack whose template
//! is in the repository is a file of its own.

mod eval;
mod functions;
mod sam;
pub(crate) mod suppression;
pub(crate) mod template;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use probity_core::{Collected, Diagnostic, Level, ReadFile, Scope, SkippedFile, Source, Subject, Suppression};
use probity_value::yaml::{self, ParseOptions};
use probity_value::{FileId, Problem, Span};
use rayon::prelude::*;

use crate::kubernetes::{hides_words, is_template_text};

/// Claims `.yaml`, `.yml`, `.json` and `.template` files that hold a template.
#[derive(Clone, Copy, Debug, Default)]
pub struct CloudFormationSource;

const ID: &str = "cloudformation";
/// CloudFormation reads YAML 1.1.
pub(crate) const OPTIONS: ParseOptions =
    ParseOptions { booleans_1_1: true, octal_1_1: true, line_breaks_1_1: false, kubectl: false, cloudformation: true };

impl Source for CloudFormationSource {
    fn id(&self) -> &'static str {
        ID
    }

    fn collect(&self, scope: &Scope<'_>) -> Collected {
        let sniffed: Vec<Sniffed> = scope.unclaimed.par_iter().filter_map(|path| sniff(path, scope)).collect();
        let numbered: Vec<(Sniffed, FileId)> = sniffed
            .into_iter()
            .map(|file| {
                let id = match &file.content {
                    Ok(text) => scope.sources.add(Arc::clone(&file.path), Arc::clone(text)),
                    Err(_) => FileId::NONE,
                };
                (file, id)
            })
            .collect();
        let steps = scope.options.max_steps;
        let read: Vec<(Arc<str>, Outcome)> = numbered
            .into_par_iter()
            .filter_map(|(file, id)| read(&file, id, steps).map(|outcome| (Arc::clone(&file.path), outcome)))
            .collect();
        let mut collected = Collected::default();
        for (path, outcome) in read {
            take(&mut collected, path, outcome);
        }
        collected
    }
}

/// A file that may hold a template: its text, or why it cannot be read.
struct Sniffed {
    path: Arc<str>,
    content: Result<Arc<str>, String>,
}

/// Looks whether a file may hold a template, without parsing it. `None` where it does not.
fn sniff(path: &Arc<str>, scope: &Scope<'_>) -> Option<Sniffed> {
    let (_, extension) = path.rsplit_once('.')?;
    let own = extension.eq_ignore_ascii_case("template");
    if !own && !["yaml", "yml", "json"].iter().any(|known| extension.eq_ignore_ascii_case(known)) {
        return None;
    }
    let unreadable = |why: String| Some(Sniffed { path: Arc::clone(path), content: Err(why) });
    let bytes = match scope.tree.read(path) {
        Ok(bytes) if bytes.len() as u64 <= scope.options.max_file_size => bytes,
        // Whether it is a template cannot be told; the source of manifests speaks of what is too large or cannot be read.
        Ok(_) | Err(_) => return None,
    };
    match std::str::from_utf8(&bytes) {
        Ok(text) => may_hold(text).then(|| Sniffed { path: Arc::clone(path), content: Ok(text.into()) }),
        Err(_) => {
            // In UTF-16 a zero stands beside each letter.
            let wide: Vec<u8> = bytes.iter().copied().filter(|byte| *byte != 0).collect();
            let text = String::from_utf8_lossy(&wide);
            if text.contains("AWSTemplateFormatVersion") { unreadable("not UTF-8 text".to_owned()) } else { None }
        }
    }
}

/// Whether the words of a template are in a text, or may be hidden in it.
fn may_hold(text: &str) -> bool {
    let words = text.contains("Resources") && (text.contains("AWS::") || text.contains("Custom::"));
    words || text.contains("AWSTemplateFormatVersion") || text.contains("Resources") && text.contains("::") || hides_words(text)
}

/// What one file gave.
#[derive(Default)]
struct Outcome {
    subjects: Vec<Subject>,
    suppressions: Vec<Suppression>,
    diagnostics: Vec<Diagnostic>,
    /// Why it was not, or not wholly, read, and whether that fails.
    skipped: Option<(String, bool)>,
    /// Whether something of it was read.
    read: bool,
}

/// Reads a file; `None` where it is no template.
fn read(file: &Sniffed, id: FileId, steps: u64) -> Option<Outcome> {
    let path = &file.path;
    let mut outcome = Outcome::default();
    let text = match &file.content {
        Ok(text) => text,
        Err(why) => {
            outcome.diagnostics.push(Diagnostic::new(Level::Error, "cloudformation-unreadable", Arc::clone(path), Span::NONE, why.clone()));
            outcome.skipped = Some((why.clone(), true));
            return Some(outcome);
        }
    };
    let (documents, problems) = yaml::parse_with(text, id, OPTIONS);
    let document = documents.iter().find(|document| template::is_template(&document.value));
    let fatal: Vec<&Problem> = problems.iter().filter(|problem| problem.fatal).collect();
    match document {
        None if fatal.is_empty() || !looks_like_one(text) => return None,
        None if fatal.iter().all(|problem| problem.code == "yaml-syntax") && is_template_text(text, OPTIONS) => {
            outcome.skipped = Some(("template of a template, not rendered".to_owned(), false));
            return Some(outcome);
        }
        _ => {}
    }
    for problem in &problems {
        let level = if problem.fatal { Level::Error } else { Level::Warning };
        outcome.diagnostics.push(Diagnostic::new(level, problem.code, Arc::clone(path), problem.span, problem.message.clone()));
    }
    if !fatal.is_empty() {
        let json = text.trim_start_matches('\u{feff}').trim_start().starts_with('{');
        outcome.skipped = Some((format!("not valid {}", if json { "JSON" } else { "YAML" }), true));
    }
    let Some(document) = document else { return Some(outcome) };
    if let Some(second) = documents.iter().find(|other| other.span != document.span && template::is_template(&other.value)) {
        let message = "a template is one document; this one is not judged";
        outcome.diagnostics.push(Diagnostic::new(
            Level::Error,
            "cloudformation-documents",
            Arc::clone(path),
            template::whole(second.span),
            message,
        ));
        outcome.skipped.get_or_insert_with(|| ("more than one document".to_owned(), true));
    }
    let Some(map) = document.value.as_map() else { return Some(outcome) };
    let judged = template::judge(map, path, steps, false);
    outcome.diagnostics.extend(judged.diagnostics);
    outcome.suppressions = suppression::find(text, id, path, &document.value, &judged.subjects, &mut outcome.diagnostics);
    outcome.subjects = judged.subjects;
    outcome.read = true;
    let unread = judged.broken.map(|why| (why, true)).or_else(|| judged.unread.map(|why| (why, false)));
    outcome.skipped = outcome.skipped.or(unread);
    Some(outcome)
}

/// Whether broken text was meant to be a template.
fn looks_like_one(text: &str) -> bool {
    if text.contains("AWSTemplateFormatVersion") || text.contains("AWS::Serverless-") {
        return true;
    }
    let resources = text.lines().any(|line| {
        let bare = line.trim_start_matches([' ', '\t', '{', '"', '\'', '\u{feff}']);
        bare.strip_prefix("Resources").is_some_and(|rest| rest.trim_start_matches(['"', '\'', ' ']).starts_with(':'))
    });
    resources && (text.contains("AWS::") || text.contains("Custom::"))
}

fn take(collected: &mut Collected, path: Arc<str>, outcome: Outcome) {
    if outcome.read {
        collected.coverage.read.push(ReadFile { file: Arc::clone(&path), source: ID, subjects: outcome.subjects.len() });
    }
    collected.subjects.extend(outcome.subjects);
    collected.suppressions.extend(outcome.suppressions);
    collected.diagnostics.extend(outcome.diagnostics);
    if let Some((why, fails)) = outcome.skipped {
        collected.coverage.skipped.push(SkippedFile { file: path, source: ID, why, fails, partly: outcome.read });
    }
}
