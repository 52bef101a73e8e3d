//! What `parse_config_file` and `parse_combined_config_files` read: files of the tree, named from the folder of the policy that asks.

use std::sync::Arc;

use probity_core::{Lookup, LookupError, Question, Tree};
use probity_inputs::{Kind, combine, detect, document};
use probity_value::{FileId, Span, Value};

use super::Gathered;
use crate::builtins::CONFIG_FILES;

/// The tree, and where modules lie in it.
pub(super) struct Files {
    tree: Option<Arc<dyn Tree>>,
    folders: Vec<(FileId, Arc<str>)>,
}

impl Files {
    pub(super) fn new(tree: Option<Arc<dyn Tree>>, gathered: &Gathered) -> Files {
        let folder = |file: &str| file.rsplit_once('/').map_or("", |(folder, _)| folder).into();
        Files { tree, folders: gathered.modules.iter().map(|module| (module.id, folder(&module.file))).collect() }
    }
}

/// Answers questions for files from the tree, all others as before.
pub(super) struct WithFiles<'a> {
    pub(super) files: &'a Files,
    pub(super) outer: &'a dyn Lookup,
}

impl Lookup for WithFiles<'_> {
    fn ask(&self, question: &Question) -> Result<Value, LookupError> {
        match question {
            Question::Call { method, body: Some(paths), .. } if **method == *CONFIG_FILES => self.read(paths),
            _ => self.outer.ask(question),
        }
    }
}

impl WithFiles<'_> {
    /// One file, or for a list of paths all of them as `--combine` gives them. The span of `paths` is the call.
    fn read(&self, paths: &Value) -> Result<Value, LookupError> {
        let folder = self.files.folders.iter().find(|(id, _)| *id == paths.span.file).map_or("", |(_, folder)| folder);
        if let Some(path) = paths.as_str() {
            return self.file(folder, path).map(|(_, value)| value);
        }
        let mut documents = Vec::new();
        for path in paths.as_list().unwrap_or_default() {
            documents.push(self.file(folder, path.as_str().unwrap_or_default())?);
        }
        Ok(combine(documents))
    }

    fn file(&self, folder: &str, path: &str) -> Result<(Arc<str>, Value), LookupError> {
        let fail = |why: &str| LookupError::Unanswered(format!("the file `{path}` cannot be read: {why}"));
        let tree = self.files.tree.as_ref().ok_or_else(|| fail("policies have no files here"))?;
        let joined = joined(folder, path).ok_or_else(|| fail("the path leads out of the repository"))?;
        let kind: Kind = detect(&joined).ok_or_else(|| fail("no parser is known for its name"))?;
        let bytes = tree.read(&joined).map_err(|error| fail(&error.to_string()))?;
        let text = std::str::from_utf8(&bytes).map_err(|_| fail("it is no text in UTF-8"))?;
        let value = document(kind, text, FileId::NONE).map_err(|problems| {
            let first = problems.first().map(|problem| (problem.span, problem.message.as_str()));
            let (span, message) = first.unwrap_or((Span::NONE, "it cannot be parsed"));
            let line = text.get(..span.start as usize).map_or(1, |before| before.matches('\n').count() + 1);
            fail(&format!("line {line}: {message}"))
        })?;
        Ok((joined.into(), value))
    }
}

/// A path from a folder, without `.` and `..`; `None` where it leads out of the tree.
fn joined(folder: &str, path: &str) -> Option<String> {
    if path.starts_with('/') {
        return None;
    }
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}
