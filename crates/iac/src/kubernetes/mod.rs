//! Kubernetes manifests: YAML and JSON files that hold objects, to subjects.
//!
//! What does not live here: Helm templates (the `helm` module), Kustomize overlays and what they use (the `kustomize` module), and
//! what the objects mean.

mod object;
pub(crate) mod suppression;

use std::sync::Arc;

use probity_core::{Collected, Diagnostic, Level, ReadFile, Scope, SkippedFile, Source, Suppression, TreeError};
use probity_value::{FileId, Problem, Span, yaml};
use rayon::prelude::*;

pub(crate) use object::{Ids, Object, from_first_key};

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
        Ok(text) if !text.contains('\0') => (text.contains("apiVersion") && text.contains("kind") || hides_words(text))
            .then(|| Sniffed { path: Arc::clone(path), content: Content::Text(text.into()) }),
        _ => {
            // In UTF-16 a zero stands beside each letter.
            let wide: Vec<u8> = bytes.iter().copied().filter(|byte| *byte != 0).collect();
            let manifest = holds("apiVersion") || String::from_utf8_lossy(&wide).contains("apiVersion");
            unreadable("not UTF-8 text".to_owned(), manifest)
        }
    }
}

/// What one file, or one rendered text, gave.
#[derive(Default)]
pub(crate) struct Outcome {
    pub(crate) objects: Vec<object::Object>,
    pub(crate) suppressions: Vec<Suppression>,
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// Why it was not, or not wholly, read, and whether that fails.
    pub(crate) skipped: Option<(String, bool)>,
}

fn read(file: &Sniffed, id: FileId) -> Outcome {
    let path = &file.path;
    match &file.content {
        Content::Text(text) => read_text(text, id, path),
        Content::Unreadable { why, fails } => {
            let mut outcome = Outcome::default();
            if *fails {
                outcome.diagnostics.push(Diagnostic::new(Level::Error, "kubernetes-unreadable", Arc::clone(path), Span::NONE, why.clone()));
            }
            outcome.skipped = Some((why.clone(), *fails));
            outcome
        }
    }
}

/// Reads the objects of a text, and what it asks to be left out.
pub(crate) fn read_text(text: &str, id: FileId, path: &Arc<str>) -> Outcome {
    let mut outcome = Outcome::default();
    let options = yaml::ParseOptions { booleans_1_1: true, octal_1_1: true, line_breaks_1_1: true, kubectl: true, cloudformation: false };
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
        // An action can only break the syntax; depth, merges or line breaks are no template's fault.
        if problem.code == "yaml-syntax" && is_template_text(piece, options) {
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

/// Whether letters may stand in a text as something else: escapes of ASCII letters, a broken line in quotes, coded text.
pub(crate) fn hides_words(text: &str) -> bool {
    text.contains("!!binary")
        || text.contains("yaml.org,2002:binary")
        || text.match_indices('\\').any(|(at, _)| {
            let rest = text.as_bytes().get(at + 1..).unwrap_or_default();
            match rest {
                [b'x' | b'U' | b'\n' | b'\r', ..] => true,
                [b'u', b'0', b'0', digit, ..] => matches!(digit, b'4'..=b'7'),
                _ => false,
            }
        })
}

/// What other readers take for a line break.
const LINE_BREAKS: [char; 5] = ['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}'];

/// Whether broken text was meant to be an object: it has both keys at its outermost level; anywhere where that is in brackets.
fn looks_like_object(text: &str, json: bool) -> bool {
    let lines = || text.split(LINE_BREAKS).map(|line| line.trim_start_matches('\u{feff}'));
    let Some(first) = lines().map(|line| line.strip_prefix("---").unwrap_or(line)).find(|line| {
        let line = line.trim();
        !line.is_empty() && !line.starts_with(['#', '%'])
    }) else {
        return false;
    };
    let indent = |line: &str| line.len() - line.trim_start().len();
    let outermost = indent(first);
    let flow = json || first.trim_start().starts_with(['{', '[', '&', '!']);
    let has = |key: &str| {
        if flow {
            return lines().any(|line| line.match_indices(key).any(|(at, _)| is_key(line, at, key)));
        }
        lines().filter(|line| indent(line) <= outermost).any(|line| {
            let start = line.find(|letter: char| !matches!(letter, ' ' | '-' | '?' | '"' | '\''));
            start.is_some_and(|at| line.get(at..).is_some_and(|rest| rest.starts_with(key)) && is_key(line, at, key))
        })
    };
    hides_words(text) || (has("apiVersion") && has("kind"))
}

/// Whether `key`, which stands at `at`, is a key there.
fn is_key(line: &str, at: usize, key: &str) -> bool {
    let before = line.get(..at).and_then(|before| before.chars().next_back());
    let after = line.get(at + key.len()..).unwrap_or_default();
    let explicit = line.trim_start().starts_with('?') && after.trim_matches(['"', '\'', ' ']).is_empty();
    before.is_none_or(|letter| !letter.is_alphanumeric() && !matches!(letter, '_' | '.' | '/'))
        && (explicit || after.trim_start_matches(['"', '\'']).trim_start().starts_with(':'))
}

/// Whether it is the text of a Go or Jinja template: there are actions in it, and it can be read when they are taken out. What cannot be
/// read without them either is broken, whatever else stands in it.
pub(crate) fn is_template_text(text: &str, options: yaml::ParseOptions) -> bool {
    let Some(bare) = without_actions(text) else { return false };
    let (_, problems) = yaml::parse_with(&bare, FileId::NONE, options);
    !problems.iter().any(|problem| problem.fatal)
}

/// The text with `x` for each `{{ }}` and nothing for those that stand alone on a line, and for `{% %}` and `{# #}`; `None` where it has
/// none of them.
fn without_actions(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut found = false;
    while let Some(at) = rest.find('{') {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let end = [("{{", "}}"), ("{%", "%}"), ("{#", "#}")]
            .iter()
            .find_map(|(start, end)| from.strip_prefix(start).and_then(|inside| Some(inside.find(end)? + start.len() + end.len())));
        // What stands between braces in two quoted texts is no action: one is on one line, or begins its line, and has no tab, which
        // kubectl reads where this reader does not.
        let begins = out.rsplit('\n').next().is_none_or(|line| line.trim().is_empty());
        let is_action = |(action, _): &(&str, &str)| !action.contains('\t') && (begins || !action.contains('\n'));
        let Some((action, behind)) = end.and_then(|end| from.split_at_checked(end)).filter(is_action) else {
            out.push('{');
            rest = from.get(1..).unwrap_or_default();
            continue;
        };
        found = true;
        let alone = begins && behind.split('\n').next().is_none_or(|line| line.trim().is_empty() || line.trim_start().starts_with("{{"));
        if action.starts_with("{{") && !alone {
            out.push('x');
        }
        rest = behind;
    }
    out.push_str(rest);
    found.then_some(out)
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
