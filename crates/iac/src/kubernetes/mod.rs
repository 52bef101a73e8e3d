//! Kubernetes manifests: YAML and JSON files that hold objects, to subjects.
//!
//! What does not live here: Helm templates (the `chart` module), Kustomize overlays (their plain files are manifests like others), and
//! what the objects mean.

mod object;
mod suppression;

use std::sync::Arc;

use probity_core::{Collected, Diagnostic, Level, ReadFile, Scope, SkippedFile, Source, Suppression, TreeError};
use probity_value::{FileId, Problem, Span, yaml};
use rayon::prelude::*;

/// Claims `.yaml`, `.yml` and `.json` files with at least one document that has `apiVersion` and `kind`.
#[derive(Clone, Copy, Debug, Default)]
pub struct KubernetesSource;

const ID: &str = "kubernetes";
const TEMPLATE: &str = "template, not rendered";

impl Source for KubernetesSource {
    fn id(&self) -> &'static str {
        ID
    }

    fn collect(&self, scope: &Scope<'_>) -> Collected {
        let sniffed: Vec<Sniffed> = scope.unclaimed.par_iter().filter_map(|path| sniff(path, scope)).collect();
        let numbered: Vec<(Sniffed, FileId)> = sniffed
            .into_iter()
            .map(|file| {
                let id = match &file.content {
                    Content::Text(text) => scope.sources.add(Arc::clone(&file.path), Arc::clone(text)),
                    Content::Unreadable { .. } => FileId::NONE,
                };
                (file, id)
            })
            .collect();
        let read: Vec<(Arc<str>, Outcome)> = numbered.into_par_iter().map(|(file, id)| (Arc::clone(&file.path), read(&file, id))).collect();
        let mut collected = Collected::default();
        let mut ids = object::Ids::default();
        for (path, outcome) in read {
            take(&mut collected, &mut ids, &path, outcome);
        }
        collected
    }
}

/// A file that may hold objects.
struct Sniffed {
    path: Arc<str>,
    content: Content,
}

enum Content {
    Text(Arc<str>),
    Unreadable { why: String, fails: bool },
}

/// Looks whether a file may hold objects, without parsing it. `None` where it does not.
fn sniff(path: &Arc<str>, scope: &Scope<'_>) -> Option<Sniffed> {
    let extension = path.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
    let yaml = match extension.as_deref() {
        Some("yaml" | "yml") => true,
        Some("json") => false,
        _ => return None,
    };
    let unreadable = |why: String, fails: bool| Some(Sniffed { path: Arc::clone(path), content: Content::Unreadable { why, fails } });
    let bytes = match scope.tree.read(path) {
        Ok(bytes) if bytes.len() as u64 > scope.options.max_file_size => {
            return unreadable(TreeError::TooLarge { size: bytes.len() as u64, budget: scope.options.max_file_size }.to_string(), yaml);
        }
        Ok(bytes) => bytes,
        // A manifest could be blown up, or made unreadable, to be passed over; JSON of that size is data.
        Err(error @ (TreeError::TooLarge { .. } | TreeError::Io(_))) => return unreadable(error.to_string(), yaml),
        // A link to nowhere, or out of the repository: nothing of the repository is left unread.
        Err(error @ (TreeError::Missing | TreeError::Outside)) => return unreadable(error.to_string(), false),
    };
    let holds = |word: &str| {
        let finder = word.as_bytes();
        bytes.windows(finder.len()).any(|window| window == finder)
    };
    match std::str::from_utf8(&bytes) {
        Ok(text) if !text.contains('\0') => (text.contains("apiVersion") && text.contains("kind"))
            .then(|| Sniffed { path: Arc::clone(path), content: Content::Text(text.into()) }),
        _ => {
            // In UTF-16 a zero stands beside each letter.
            let wide: Vec<u8> = bytes.iter().copied().filter(|byte| *byte != 0).collect();
            let manifest = holds("apiVersion") || String::from_utf8_lossy(&wide).contains("apiVersion");
            unreadable("not UTF-8 text".to_owned(), manifest)
        }
    }
}

/// What one file gave.
#[derive(Default)]
struct Outcome {
    objects: Vec<object::Object>,
    suppressions: Vec<Suppression>,
    diagnostics: Vec<Diagnostic>,
    /// Why it was not, or not wholly, read, and whether that fails.
    skipped: Option<(String, bool)>,
}

fn read(file: &Sniffed, id: FileId) -> Outcome {
    let path = &file.path;
    let mut outcome = Outcome::default();
    let text = match &file.content {
        Content::Text(text) => text,
        Content::Unreadable { why, fails } => {
            if *fails {
                outcome.diagnostics.push(Diagnostic::new(Level::Error, "kubernetes-unreadable", Arc::clone(path), Span::NONE, why.clone()));
            }
            outcome.skipped = Some((why.clone(), *fails));
            return outcome;
        }
    };
    let options = yaml::ParseOptions { booleans_1_1: true, octal_1_1: true, line_breaks_1_1: true, cloudformation: false };
    let (documents, problems) = yaml::parse_with(text, id, options);
    let mut template_keys: Vec<Span> =
        problems.iter().filter(|problem| is_template_key(text, problem)).map(|problem| problem.span).collect();
    template_keys.sort_unstable();
    let mut others = Vec::new();
    let mut templates = false;
    for document in &documents {
        let span = document.span;
        let key = template_keys.get(template_keys.partition_point(|key| key.start < span.start));
        if object::is_object(&document.value) && key.is_some_and(|key| key.end <= span.end) {
            templates = true;
        } else if !object::flatten(&document.value, &mut outcome.objects, &mut outcome.diagnostics, path) && !document.value.is_null() {
            others.push(span);
        }
    }
    let json = path.to_ascii_lowercase().ends_with(".json");
    let mut broken = false;
    let fatal: Vec<&Problem> = problems.iter().filter(|problem| problem.fatal).collect();
    let starts = if fatal.is_empty() { Vec::new() } else { piece_starts(text) };
    for problem in fatal {
        let piece = piece_around(text, &starts, problem.span.start as usize);
        if outcome.objects.is_empty() && !looks_like_object(piece, json) {
            continue;
        }
        if is_template(piece) {
            templates = true;
            continue;
        }
        broken = true;
        outcome.diagnostics.push(Diagnostic::new(Level::Error, problem.code, Arc::clone(path), problem.span, problem.message.clone()));
    }
    if outcome.objects.is_empty() && !broken && !templates {
        return Outcome::default();
    }
    for problem in problems.iter().filter(|problem| !problem.fatal && template_keys.binary_search(&problem.span).is_err()) {
        outcome.diagnostics.push(Diagnostic::new(Level::Warning, problem.code, Arc::clone(path), problem.span, problem.message.clone()));
    }
    for span in others {
        let message = "the document has no `apiVersion` and `kind`, so it is not judged";
        outcome.diagnostics.push(Diagnostic::new(Level::Note, "kubernetes-no-object", Arc::clone(path), span, message));
    }
    if broken {
        outcome.skipped = Some(("not valid YAML".to_owned(), true));
    } else if templates {
        outcome.skipped = Some((TEMPLATE.to_owned(), false));
    }
    let (suppressions, diagnostics) = suppression::find(text, id, path, &documents, &outcome.objects);
    outcome.suppressions = suppressions;
    outcome.diagnostics.extend(diagnostics);
    outcome
}

/// `{{ .Values.name }}` without quotes reads as a map whose key is a map.
fn is_template_key(text: &str, problem: &Problem) -> bool {
    let start = problem.span.start as usize;
    problem.code == "yaml-complex-key" && start > 0 && text.as_bytes().get(start - 1..=start) == Some(b"{{")
}

/// Where the documents of a stream begin: at its `---` lines.
fn piece_starts(text: &str) -> Vec<usize> {
    let mut starts = vec![0];
    let mut line_start = 0;
    for line in text.split_inclusive('\n') {
        if line.starts_with("---") && line_start > 0 {
            starts.push(line_start);
        }
        line_start += line.len();
    }
    starts
}

/// The document around a place.
fn piece_around<'a>(text: &'a str, starts: &[usize], at: usize) -> &'a str {
    // What is missing at the end of a document may be said to be at the beginning of the next.
    let index = starts.partition_point(|start| *start < at).max(1);
    let start = starts.get(index - 1).copied().unwrap_or(0);
    let end = starts.get(index).copied().unwrap_or(text.len());
    text.get(start..end).unwrap_or_default()
}

/// Whether broken text was meant to be an object.
fn looks_like_object(text: &str, json: bool) -> bool {
    ["apiVersion", "kind"].iter().all(|key| {
        text.lines().any(|line| {
            let line = if json { line.trim_start() } else { line.strip_prefix("- ").unwrap_or(line) };
            let quoted = line.strip_prefix(['"', '\'']).unwrap_or(line);
            quoted.strip_prefix(key).is_some_and(|rest| rest.trim_start_matches(['"', '\'']).trim_start().starts_with(':'))
        })
    })
}

/// Whether it is the text of a Go template.
fn is_template(text: &str) -> bool {
    text.lines().any(|line| line.contains("{{") && !line.trim_start().starts_with('#'))
}

fn take(collected: &mut Collected, ids: &mut object::Ids, path: &Arc<str>, outcome: Outcome) {
    let root: Arc<str> = path.rsplit_once('/').map_or("", |(folder, _)| folder).into();
    let count = outcome.objects.len();
    let subjects = outcome.objects.into_iter().map(|object| ids.subject(object, &root));
    collected.subjects.extend(subjects);
    collected.suppressions.extend(outcome.suppressions);
    collected.diagnostics.extend(outcome.diagnostics);
    let partly = count > 0;
    if partly {
        collected.coverage.read.push(ReadFile { file: Arc::clone(path), source: ID, subjects: count });
    }
    if let Some((why, fails)) = outcome.skipped {
        collected.coverage.skipped.push(SkippedFile { file: Arc::clone(path), source: ID, why, fails, partly });
    }
}

#[cfg(test)]
pub(crate) mod tests;
