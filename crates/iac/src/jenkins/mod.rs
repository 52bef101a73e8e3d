//! Jenkinsfiles to subjects: declarative pipelines, and what of scripted ones can be read as calls and blocks.
//!
//! Types and ids: `jenkins.pipeline` (the file), `jenkins.stage` (`stages.Build`) and `jenkins.step` (`stages.Build.steps[0]`,
//! `post.always.steps[0]`). Values:
//!
//! - a pipeline: `declarative`, `agent`, `images`, `options: [names]`, `environment` and `pairs: [{key, value}]` of it, `parameters: [{kind, name, default}]`, `libraries:
//!   [{text, name, version, pinned}]`;
//! - a stage: `name`, `agent`, `images`, `environment`, `input` (somebody must agree), `deploys`, `soft`, `pipeline`;
//! - a step: `kind` (`sh`, `echo`, ...), `code` and `commands` of its script, `inserted: [{expression}]` (what Groovy puts into its text), `leaks` (those
//!   of them that are credentials), `injections: [{expression, kind}]` (those that people outside or callers choose), `within` (the blocks around
//!   it), `credentials: [{kind, id, variable}]` that are bound there, `status` (`ignored` or `read`, where it asks for the exit code), `soft`
//!   (an error of it is caught), `arguments`, `stage`, `pipeline`.
//!
//! What does not live here: running Groovy. What stands in `script` is read for the steps in it, and said; so are scripted pipelines.

mod groovy;
mod value;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use probity_core::{
    Collected, Diagnostic, Level, ReadFile, Scope, SkippedFile, Source, SubjectKind, Suppression, SuppressionReach, SuppressionStyle,
    TreeError,
};
use probity_value::{FileId, Span};
use rayon::prelude::*;

use crate::suppress::{Command, parse_comment};

/// Claims `Jenkinsfile`, `Jenkinsfile.*`, `*.jenkinsfile`, and Groovy files that begin a pipeline.
#[derive(Clone, Copy, Debug, Default)]
pub struct JenkinsSource;

/// A path, and its text or why there is none and whether that fails.
type Opened = (Arc<str>, Result<Arc<str>, (String, bool)>);

const ID: &str = "jenkins";
const KIND: SubjectKind = SubjectKind::Jenkins;

impl Source for JenkinsSource {
    fn id(&self) -> &'static str {
        ID
    }

    fn collect(&self, scope: &Scope<'_>) -> Collected {
        let found: Vec<Opened> = scope.unclaimed.par_iter().filter_map(|path| look(path, scope)).collect();
        let mut collected = Collected::default();
        let mut numbered = Vec::new();
        for (path, text) in found {
            match text {
                Ok(text) => numbered.push((scope.sources.add(Arc::clone(&path), Arc::clone(&text)), path, text)),
                Err((why, fails)) => {
                    if fails {
                        collected.diagnostics.push(Diagnostic::new(
                            Level::Error,
                            "jenkins-unreadable",
                            Arc::clone(&path),
                            Span::NONE,
                            why.clone(),
                        ));
                    }
                    collected.coverage.skipped.push(SkippedFile { file: path, source: ID, why, fails, partly: false });
                }
            }
        }
        let read: Vec<(Arc<str>, value::Outcome)> =
            numbered.into_par_iter().map(|(id, path, text)| (Arc::clone(&path), read(id, &path, &text))).collect();
        for (path, outcome) in read {
            let partly = !outcome.subjects.is_empty();
            if partly || outcome.skipped.is_none() {
                collected.coverage.read.push(ReadFile { file: Arc::clone(&path), source: ID, subjects: outcome.subjects.len() });
            }
            if let Some((why, fails)) = outcome.skipped {
                collected.coverage.skipped.push(SkippedFile { file: Arc::clone(&path), source: ID, why, fails, partly });
            }
            collected.subjects.extend(outcome.subjects);
            collected.suppressions.extend(outcome.suppressions);
            collected.diagnostics.extend(outcome.diagnostics);
        }
        collected
    }
}

/// Whether a name says it is one; `None` where it is none, false where its text must say so.
fn named(path: &str) -> Option<bool> {
    let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    if name == "jenkinsfile" || name.ends_with(".jenkinsfile") || name.ends_with(".jenkins") {
        return Some(true);
    }
    if let Some(rest) = name.strip_prefix("jenkinsfile") {
        return (rest.starts_with(['.', '-', '_']) && !rest.ends_with(".md") && !rest.ends_with(".txt")).then_some(true);
    }
    name.ends_with(".groovy").then_some(false)
}

fn look(path: &Arc<str>, scope: &Scope<'_>) -> Option<Opened> {
    let surely = named(path)?;
    let text = match scope.tree.read(path) {
        Ok(bytes) if bytes.len() as u64 > scope.options.max_file_size => {
            Err((TreeError::TooLarge { size: bytes.len() as u64, budget: scope.options.max_file_size }.to_string(), true))
        }
        Ok(bytes) => match std::str::from_utf8(&bytes) {
            Ok(text) if !text.contains('\0') => Ok(Arc::from(text)),
            _ => Err(("not UTF-8 text".to_owned(), true)),
        },
        // A link to nowhere, or out of the repository: nothing of the repository is left unread.
        Err(error @ (TreeError::Missing | TreeError::Outside)) => Err((error.to_string(), false)),
        Err(error) => Err((error.to_string(), true)),
    };
    if !surely {
        let pipeline = |text: &str| text.lines().any(|line| line.starts_with("pipeline {") || line.starts_with("pipeline{"));
        return text.ok().filter(|text| pipeline(text)).map(|text| (Arc::clone(path), Ok(text)));
    }
    Some((Arc::clone(path), text))
}

fn read(file: FileId, path: &Arc<str>, text: &Arc<str>) -> value::Outcome {
    let parsed = groovy::parse(text);
    let mut outcome = value::build(&parsed, file, path, text);
    for (range, words) in &parsed.faults {
        let span = Span::new(file, range.clone());
        outcome.diagnostics.push(Diagnostic::new(Level::Warning, "jenkins-syntax", Arc::clone(path), span, words.clone()));
    }
    if let Some((_, words)) = parsed.faults.first() {
        // Groovy has more than is read here, so what is not understood is left out, not refused.
        outcome.skipped = Some((format!("read in part: {words}"), outcome.subjects.is_empty()));
    }
    for comment in &parsed.comments {
        let span = Span::new(file, comment.clone());
        for parsed in parse_comment(text.get(comment.clone()).unwrap_or_default(), span) {
            if !parsed.only.is_empty() {
                continue;
            }
            let around = outcome.subjects.iter().map(|subject| subject.span).filter(|one| one.start <= span.start && span.end <= one.end);
            let inner = around.min_by_key(|one| one.end - one.start);
            let (reach, target) = match (parsed.command, parsed.style, inner) {
                (Command::File, ..) => (SuppressionReach::File, Span::new(file, 0..text.len())),
                (Command::Usual, SuppressionStyle::Checkov, Some(inner)) => (SuppressionReach::Subject, inner),
                (Command::Usual, SuppressionStyle::Checkov, None) => (SuppressionReach::File, Span::new(file, 0..text.len())),
                _ => (SuppressionReach::Lines, line(text, file, comment)),
            };
            outcome.suppressions.push(Suppression {
                style: parsed.style,
                id: parsed.id,
                reason: parsed.reason,
                until: parsed.until,
                owner: parsed.owner,
                span: parsed.span,
                reach,
                target,
            });
        }
    }
    outcome
}

/// The line a comment stands behind, or the next that says something.
fn line(text: &str, file: FileId, comment: &std::ops::Range<usize>) -> Span {
    let start = text.get(..comment.start).and_then(|before| before.rfind('\n')).map_or(0, |at| at + 1);
    if text.get(start..comment.start).is_some_and(|before| !before.trim().is_empty()) {
        return Span::new(file, start..comment.start);
    }
    let mut at = comment.end;
    for line in text.get(comment.end..).unwrap_or_default().split_inclusive('\n') {
        let bare = line.trim();
        if !bare.is_empty() && !bare.starts_with("//") {
            return Span::new(file, at..at + line.trim_end().len());
        }
        at += line.len();
    }
    Span::new(file, comment.clone())
}
