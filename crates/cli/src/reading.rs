//! What the command line names, opened: the folder, its repository, files from outside.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use probity_core::{CollectOptions, Timestamp, Tree as _};
use probity_files::{Commit, FolderTree, GitError, GitTree, Repository};
use probity_pipeline::{ExternalFile, FloorFile, OutsideFile};
use probity_verdict::exception::Author;

use crate::Wrong;
use crate::arguments::{ReadingArguments, ReportFile};
use crate::image::Opened;
use crate::state;

/// A folder to judge.
pub(crate) struct Target {
    pub(crate) tree: FolderTree,
    pub(crate) repository: Option<Repository>,
    /// The folder within the repository's work tree.
    pub(crate) prefix: String,
    /// What could not be looked at while walking.
    pub(crate) unlisted: Vec<(Arc<str>, String, bool)>,
}

impl Target {
    /// Opens a folder, or one file of a folder.
    pub(crate) fn open(path: &Path, max_file_size: u64) -> Result<Target> {
        let folder = if path.is_file() { path.parent().unwrap_or(path) } else { path };
        let repository = Repository::discover(folder).map_err(Wrong::new)?;
        let prefix = match &repository {
            Some(repository) => {
                repository.prefix(if folder.as_os_str().is_empty() { Path::new(".") } else { folder }).map_err(Wrong::new)?
            }
            None => String::new(),
        };
        let tree = FolderTree::open(path, repository.as_ref(), max_file_size).map_err(Wrong::new)?;
        let unlisted = tree.problems().iter().map(|problem| (Arc::clone(&problem.path), problem.why.clone(), problem.fails)).collect();
        Ok(Target { tree, repository, prefix, unlisted })
    }

    /// Opens a folder or one file of a folder; what stands for it, where an image does not lie on disk. Sizes are in MiB.
    pub(crate) fn of(path: &Path, image: Option<&Opened>, max_file_size: u64) -> Result<Target> {
        if image.is_none_or(|image| image.shown.is_none()) {
            return Target::open(path, max_file_size.saturating_mul(1 << 20));
        }
        let folder = tempfile::tempdir().context("a temporary folder cannot be made")?;
        let tree = FolderTree::open(folder.path(), None, 0).map_err(Wrong::new)?;
        Ok(Target { tree, repository: None, prefix: String::new(), unlisted: Vec::new() })
    }

    /// Absolute path of the repository's top, else of the folder, by which other scanners may name files.
    pub(crate) fn absolute(&self) -> String {
        let top = self.repository.as_ref().map_or(self.tree.top(), Repository::work_dir);
        top.to_str().map(str::to_owned).unwrap_or_default()
    }

    /// When the commit was made that is checked out, if there is one.
    pub(crate) fn made(&self) -> Option<Timestamp> {
        let repository = self.repository.as_ref()?;
        let head = repository.head().ok()??;
        Some(Timestamp { seconds: repository.time(&head)?, nanoseconds: 0 })
    }
}

/// A base revision, opened.
pub(crate) struct OpenBase {
    pub(crate) commit: Commit,
    pub(crate) tree: GitTree,
    pub(crate) renames: Vec<(Arc<str>, Arc<str>)>,
    pub(crate) changed_files: BTreeSet<Arc<str>>,
    pub(crate) authors: Vec<Author>,
}

/// Opens a base revision of the target's repository.
pub(crate) fn open_base(target: &Target, name: &str, max_file_size: u64) -> Result<OpenBase> {
    let Some(repository) = &target.repository else {
        bail!(Wrong::hint(format!("`--base {name}` needs a git repository, and `{}` is in none", target.tree.top().display()), None));
    };
    let commit = repository.resolve(name).map_err(|error| match error {
        GitError::NoSuchRevision { .. } => Wrong::hint(
            error.to_string(),
            Some(
                "fetch the whole history: `fetch-depth: 0` with actions/checkout, `GIT_DEPTH: \"0\"` in GitLab, or `git fetch --unshallow`",
            ),
        ),
        error => Wrong::new(error),
    })?;
    let tree = repository.tree(&commit, &target.prefix, max_file_size).map_err(Wrong::new)?;
    let below = |path: &str| -> Option<Arc<str>> {
        if target.prefix.is_empty() { Some(path.into()) } else { path.strip_prefix(&target.prefix)?.strip_prefix('/').map(Into::into) }
    };
    let mut renames = Vec::new();
    let mut authors = Vec::new();
    if let Some(head) = repository.head().map_err(Wrong::new)? {
        for (old, new) in repository.renames(&commit, &head).map_err(Wrong::new)? {
            if let (Some(old), Some(new)) = (below(&old), below(&new)) {
                renames.push((old, new));
            }
        }
        for (name, email) in repository.authors(&commit, &head).map_err(Wrong::new)? {
            authors.push(Author { name: name.into(), email: email.into() });
        }
    }
    // Compared by content, so that changes which no commit holds yet count too.
    let mut changed_files = BTreeSet::new();
    let moved: std::collections::BTreeMap<&str, &str> = renames.iter().map(|(old, new)| (&**new, &**old)).collect();
    for file in target.tree.files() {
        let before = moved.get(&*file.path).copied().unwrap_or(&file.path);
        let same = tree.contains(before)
            && tree
                .files()
                .binary_search_by(|known| (*known.path).cmp(before))
                .ok()
                .and_then(|at| tree.files().get(at))
                .is_some_and(|known| known.size == file.size)
            && matches!((tree.peek(before), target.tree.peek(&file.path)), (Ok(old), Ok(new)) if old == new);
        if !same {
            changed_files.insert(Arc::clone(&file.path));
        }
    }
    Ok(OpenBase { commit, tree, renames, changed_files, authors })
}

/// A text file from outside the judged folder.
pub(crate) fn outside(path: &Path) -> Result<OutsideFile> {
    let text = state::read(path).map_err(|error| Wrong::hint(format!("{error:#}"), None))?;
    Ok(OutsideFile { path: path.display().to_string().into(), text: text.strip_prefix('\u{feff}').unwrap_or(&text).into() })
}

/// The organisation floor with the signature beside it.
pub(crate) fn floor(path: &Path, key: Option<&str>) -> Result<FloorFile> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".sig");
    let signature = state::read_if_there(&PathBuf::from(beside)).map_err(|error| Wrong::hint(format!("{error:#}"), None))?;
    Ok(FloorFile { file: outside(path)?, signature, key: key.map(str::to_owned) })
}

/// Results of other scanners given on the command line.
pub(crate) fn externals(reports: &[ReportFile]) -> Result<Vec<ExternalFile>> {
    reports
        .iter()
        .map(|ReportFile { format, path }| {
            let bytes = std::fs::read(path)
                .with_context(|| format!("cannot read `{}`", path.display()))
                .map_err(|error| Wrong::hint(format!("{error:#}"), None))?;
            let name: Arc<str> = path.display().to_string().into();
            Ok(ExternalFile { name: Arc::clone(&name), path: name, format: format.map(Into::into), bytes: bytes.into() })
        })
        .collect()
}

/// Settings for reading.
pub(crate) fn options(arguments: &ReadingArguments) -> CollectOptions {
    let mut options = CollectOptions { max_file_size: arguments.max_file_size.saturating_mul(1 << 20), ..CollectOptions::default() };
    options.variable_files = arguments.var_file.iter().map(|file| file.trim_start_matches("./").into()).collect();
    if let Some(workspace) = &arguments.workspace {
        options.workspace = workspace.as_str().into();
    }
    options
}
