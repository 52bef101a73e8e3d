//! Edits made concrete: an [`Edit`] and the text of a subject to other text, with no byte changed that has nothing to do with it.
//!
//! What does not live here: whether an edit mends anything (`pipeline::mend` judges again), and reading or writing files.

mod hcl;
mod yaml;

use probity_core::{Edit, EditStep, Replacement, SubjectKind};

/// Why an edit is not made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// The language of the subject is not edited.
    #[error("files of {0} are not edited")]
    Language(&'static str),
    /// The subject is not found in the text.
    #[error("the place of the subject is not found")]
    NoSubject,
    /// The value is worked out from something else, which would have to be changed instead.
    #[error("`{0}` is not written as a plain value")]
    Expression(String),
    /// What is on the way to the attribute has another shape.
    #[error("`{0}` has another shape")]
    Shape(String),
    /// There is nothing to put the attribute into.
    #[error("there is no `{0}`")]
    Missing(String),
    /// The subject stands for several, and what is added could name none of them.
    #[error("the resource is repeated, so nothing can refer to it by its address")]
    Repeated,
    /// Everything is as asked already.
    #[error("it is written as asked already")]
    Nothing,
}

/// A text after an edit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edited {
    /// The whole text.
    pub text: String,
    /// What was replaced, in batches: each applies to the text the one before left.
    pub batches: Vec<Vec<Replacement>>,
}

/// Makes an edit. `offset` is the first byte of the subject in `text`: of the block in HCL, of the map in YAML and JSON; `path` is the
/// file's, and `address` the subject's in its root.
///
/// # Errors
/// [`EditError`] says why nothing is changed.
pub fn apply(kind: SubjectKind, path: &str, text: &str, offset: usize, address: &str, edit: &Edit) -> Result<Edited, EditError> {
    let hcl = kind == SubjectKind::Terraform && !path.ends_with(".json");
    let nodes = matches!(
        kind,
        SubjectKind::Kubernetes
            | SubjectKind::CloudFormation
            | SubjectKind::Arm
            | SubjectKind::GithubActions
            | SubjectKind::GitlabCi
            | SubjectKind::AzurePipelines
            | SubjectKind::Circleci
            | SubjectKind::BitbucketPipelines
            | SubjectKind::Compose
            | SubjectKind::Openapi
            | SubjectKind::Serverless
    );
    if !hcl && !nodes {
        return Err(EditError::Language(kind.as_str()));
    }
    let mut out = Edited { text: text.to_owned(), batches: Vec::new() };
    for step in &edit.steps {
        let replacements = match (step, hcl) {
            (EditStep::Set { path, value, blocks }, true) => hcl::set(&out.text, offset, path, value, *blocks)?,
            (EditStep::Remove { path }, true) => hcl::remove(&out.text, offset, path)?,
            (EditStep::Add { text }, true) => hcl::add(&out.text, offset, address, text)?,
            (EditStep::Set { path, value, .. }, false) => yaml::set(&out.text, offset, path, value)?,
            (EditStep::Remove { path }, false) => yaml::remove(&out.text, offset, path)?,
            (EditStep::Add { .. }, false) => return Err(EditError::Language(kind.as_str())),
        };
        if !replacements.is_empty() {
            out.text = Replacement::apply(&out.text, &replacements);
            out.batches.push(replacements);
        }
    }
    if out.batches.is_empty() { Err(EditError::Nothing) } else { Ok(out) }
}

/// The white space a line begins with, of the line `offset` is on.
fn indent_at(text: &str, offset: usize) -> &str {
    let start = line_start(text, offset);
    let line = text.get(start..).unwrap_or_default();
    line.get(..line.len() - line.trim_start_matches([' ', '\t']).len()).unwrap_or_default()
}

fn line_start(text: &str, offset: usize) -> usize {
    text.get(..offset).and_then(|before| before.rfind('\n')).map_or(0, |at| at + 1)
}

/// The end of the line `offset` is on, without its line break.
fn line_end(text: &str, offset: usize) -> usize {
    let rest = text.get(offset..).unwrap_or_default();
    let end = rest.find('\n').unwrap_or(rest.len());
    let end = if rest.get(..end).is_some_and(|line| line.ends_with('\r')) { end - 1 } else { end };
    offset + end
}

/// The line break of a text.
fn line_break(text: &str) -> &'static str {
    if text.contains("\r\n") { "\r\n" } else { "\n" }
}

/// Takes away the whole lines from `start` to `end`, where nothing else stands on them; else just the bytes.
fn without_lines(text: &str, start: usize, end: usize) -> Replacement {
    let (from, to) = (line_start(text, start), line_end(text, end));
    let blank =
        |range: std::ops::Range<usize>| text.get(range).is_some_and(|part| part.trim().is_empty() || part.trim_start().starts_with('#'));
    if blank(from..start) && blank(end..to) {
        let after = text.get(to..).unwrap_or_default();
        let skipped = if after.starts_with("\r\n") { 2 } else { usize::from(after.starts_with('\n')) };
        return Replacement { start: from, end: to + skipped, text: String::new() };
    }
    Replacement { start, end, text: String::new() }
}

#[cfg(test)]
mod tests;
