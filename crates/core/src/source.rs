//! The plug point of sources: where facts come from.

use std::collections::BTreeMap;
use std::sync::Arc;

use probity_value::{SourceMap, Value};

use crate::{Diagnostic, Digest, Subject, Suppression};

/// One file of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeFile {
    /// Path relative to the top of the tree, with `/`.
    pub path: Arc<str>,
    /// Size in bytes.
    pub size: u64,
}

/// Why a file of a tree cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TreeError {
    /// No such file in the tree.
    #[error("no such file")]
    Missing,
    /// The path leads out of the tree.
    #[error("the path leads out of the repository")]
    Outside,
    /// Larger than the size budget.
    #[error("the file has {size} bytes, more than the budget of {budget}")]
    TooLarge {
        /// Its size in bytes.
        size: u64,
        /// The budget in bytes.
        budget: u64,
    },
    /// The operating system refused.
    #[error("{0}")]
    Io(String),
}

/// Files to read: a folder on disk, a git tree, or a map in a test. Reading is recorded (path and digest), so that evidence can say
/// what was looked at.
pub trait Tree: Send + Sync {
    /// All files, sorted by path (bytewise).
    fn files(&self) -> &[TreeFile];

    /// The bytes of a file. `path` is relative to the top, with `/`; `.` and `..` are resolved, and a path (or a symbolic link on
    /// it) that leads out of the tree is [`TreeError::Outside`].
    ///
    /// # Errors
    /// [`TreeError`] says why the file cannot be read.
    fn read(&self, path: &str) -> Result<Arc<[u8]>, TreeError>;

    /// As [`Tree::read`], for a kind of file with a size budget of its own, which may be larger than that of the tree.
    ///
    /// # Errors
    /// As [`Tree::read`].
    fn read_within(&self, path: &str, budget: u64) -> Result<Arc<[u8]>, TreeError> {
        let _ = budget;
        self.read(path)
    }

    /// The first bytes of a file, at most that many, to see what it may be. That it was looked at is not recorded.
    ///
    /// # Errors
    /// As [`Tree::read`].
    fn start(&self, path: &str, bytes: usize) -> Result<Vec<u8>, TreeError> {
        let all = self.read(path)?;
        Ok(all.get(..bytes.min(all.len())).unwrap_or_default().to_vec())
    }

    /// Digests of all files read so far, by path.
    fn digests(&self) -> BTreeMap<Arc<str>, Digest>;

    /// Whether the tree has that file.
    fn contains(&self, path: &str) -> bool {
        self.files().binary_search_by(|file| (*file.path).cmp(path)).is_ok()
    }

    /// The files below a folder (with its subfolders); the empty path is the whole tree.
    fn below(&self, folder: &str) -> &[TreeFile] {
        if folder.is_empty() {
            return self.files();
        }
        let prefix = format!("{}/", folder.trim_end_matches('/'));
        let start = self.files().partition_point(|file| *file.path < *prefix);
        let rest = self.files().get(start..).unwrap_or_default();
        let end = rest.partition_point(|file| file.path.starts_with(&prefix));
        rest.get(..end).unwrap_or_default()
    }
}

/// What was looked at.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Coverage {
    /// Files read by a source.
    pub read: Vec<ReadFile>,
    /// Files a source claims but did not read, or read only in part.
    pub skipped: Vec<SkippedFile>,
}

impl Coverage {
    /// Adds another's files.
    pub fn merge(&mut self, other: Coverage) {
        self.read.extend(other.read);
        self.skipped.extend(other.skipped);
    }
}

/// A file that was read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReadFile {
    /// Its path.
    pub file: Arc<str>,
    /// The source that read it: `terraform`.
    pub source: &'static str,
    /// Subjects found in it.
    pub subjects: usize,
}

/// A file that was claimed and not, or not wholly, read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SkippedFile {
    /// Its path.
    pub file: Arc<str>,
    /// The source that claims it.
    pub source: &'static str,
    /// Why, for a person.
    pub why: String,
    /// Whether the verdict fails closed over it. A chart that asks for values it has not got is said, but does not fail; a broken file does.
    pub fails: bool,
    /// Whether part of it was read all the same.
    pub partly: bool,
}

/// Settings for reading that the user may give.
#[derive(Clone, Debug)]
pub struct CollectOptions {
    /// Terraform variable files (`--var-file`), paths relative to the tree, in order.
    pub variable_files: Vec<Arc<str>>,
    /// Value of `terraform.workspace`.
    pub workspace: Arc<str>,
    /// Largest file that is read, in bytes.
    pub max_file_size: u64,
    /// Evaluation steps one root may take before what is left becomes unknown.
    pub max_steps: u64,
}

impl Default for CollectOptions {
    fn default() -> CollectOptions {
        CollectOptions { variable_files: Vec::new(), workspace: "default".into(), max_file_size: 16 << 20, max_steps: 50_000_000 }
    }
}

/// What a source may read.
pub struct Scope<'a> {
    /// The files.
    pub tree: &'a dyn Tree,
    /// Takes the texts in.
    pub sources: &'a SourceMap,
    /// Paths that no earlier source has claimed, sorted.
    pub unclaimed: &'a [Arc<str>],
    /// Settings.
    pub options: &'a CollectOptions,
}

/// What a source found.
#[derive(Debug, Default)]
pub struct Collected {
    /// What rules will judge.
    pub subjects: Vec<Subject>,
    /// Suppression comments, for the verdict.
    pub suppressions: Vec<Suppression>,
    /// What was claimed: read or skipped. A claimed file is in exactly one of both lists, unless it was read in part.
    pub coverage: Coverage,
    /// What there is to say.
    pub diagnostics: Vec<Diagnostic>,
    /// Named values other sources or engines may ask for; empty for most sources.
    pub facts: BTreeMap<String, Value>,
}

/// Somewhere facts come from. What cannot be read is reported as skipped, never dropped: coverage is evidence.
pub trait Source: Send + Sync {
    /// Its name: `terraform`.
    fn id(&self) -> &'static str;

    /// Reads what it claims of `scope.unclaimed`. Never fails as a whole and never panics on any bytes.
    fn collect(&self, scope: &Scope<'_>) -> Collected;
}
