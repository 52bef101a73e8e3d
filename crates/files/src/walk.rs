//! The walker: which files a folder has. Git-tracked files are always there, whatever `.gitignore` says, and hidden ones too.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use ignore::{WalkBuilder, WalkState};
use probity_core::TreeFile;

/// Why a folder cannot be walked at all.
#[derive(Debug, thiserror::Error)]
pub enum WalkError {
    /// It is not there or cannot be opened.
    #[error("cannot open `{path}`")]
    Open {
        /// The folder as given.
        path: String,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// What its repository tracks cannot be found out.
    #[error(transparent)]
    Git(#[from] crate::GitError),
    /// More files than the budget.
    #[error("`{path}` has more than {budget} files")]
    TooMany {
        /// The folder as given.
        path: String,
        /// The budget.
        budget: usize,
    },
}

/// Something on the way that could not be looked at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct WalkProblem {
    /// Relative path, as far as it can be written as text.
    pub path: Arc<str>,
    /// Why.
    pub why: String,
    /// Whether the verdict fails closed over it: what could not be opened may hide anything. A link that leads elsewhere does not.
    pub fails: bool,
}

/// What a walk found: files sorted by path, and problems.
pub(crate) struct Walked {
    pub(crate) files: Vec<TreeFile>,
    pub(crate) problems: Vec<WalkProblem>,
}

/// A file or folder as text with `/`, relative to `top`; `None` where it is not UTF-8 or not below.
fn relative(top: &Path, path: &Path) -> Option<String> {
    path.strip_prefix(top).ok()?.to_str().map(str::to_owned)
}

/// Whether a symbolic link may be read as a file: its target is a file below `top`.
fn link_target(top: &Path, path: &Path) -> Result<Option<u64>, String> {
    let target = path.canonicalize().map_err(|error| format!("the symbolic link leads nowhere: {error}"))?;
    if !target.starts_with(top) {
        return Err("the symbolic link leads out of the repository".to_owned());
    }
    let metadata = target.metadata().map_err(|error| error.to_string())?;
    Ok(metadata.is_file().then_some(metadata.len()))
}

/// Whether a folder is a root file system: what `.gitignore` files in its packages say is about their own repositories.
fn is_root(top: &Path) -> bool {
    ["etc/os-release", "usr/lib/os-release"].iter().any(|file| top.join(file).symlink_metadata().is_ok())
}

/// Walks `top` (canonical). `tracked`: paths below it that git knows.
pub(crate) fn walk(top: &Path, tracked: &BTreeSet<String>, budget: usize) -> Result<Walked, WalkError> {
    let found: Mutex<(BTreeMap<String, u64>, Vec<WalkProblem>)> = Mutex::default();
    let problem = |path: &str, why: String, fails: bool| {
        let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
        found.1.push(WalkProblem { path: path.into(), why, fails });
    };
    let visit = |path: &Path, file_type: std::fs::FileType| {
        if path == top || file_type.is_dir() {
            return;
        }
        let Some(name) = relative(top, path) else {
            problem(&path.strip_prefix(top).unwrap_or(path).to_string_lossy(), "the name is not UTF-8 text".to_owned(), false);
            return;
        };
        let size = if file_type.is_symlink() {
            match link_target(top, path) {
                Ok(Some(size)) => size,
                Ok(None) => return, // a link to a folder inside: its files are met where they are
                Err(why) => return problem(&name, why, false),
            }
        } else if file_type.is_file() {
            match path.symlink_metadata() {
                Ok(metadata) => metadata.len(),
                Err(error) => return problem(&name, format!("cannot be read: {error}"), true),
            }
        } else {
            return; // a pipe, socket or device holds no source
        };
        found.lock().unwrap_or_else(PoisonError::into_inner).0.insert(name, size);
    };
    // Terraform keeps installed modules in a folder that repositories ignore; they are read all the same.
    let mut tops = vec![(top.to_path_buf(), !is_root(top))];
    let terraform_modules: Mutex<Vec<PathBuf>> = Mutex::default();
    while let Some((start, respect_ignores)) = tops.pop() {
        let over = std::sync::atomic::AtomicBool::new(false);
        WalkBuilder::new(&start)
            .hidden(false)
            .follow_links(false)
            .parents(true)
            .ignore(false)
            .git_global(false)
            .git_ignore(respect_ignores)
            .git_exclude(respect_ignores)
            .require_git(false)
            .filter_entry(|entry| entry.file_name() != ".git")
            .build_parallel()
            .run(|| {
                Box::new(|entry| {
                    match entry {
                        Ok(entry) => {
                            if entry.file_type().is_some_and(|kind| kind.is_dir()) {
                                let modules = entry.path().join(".terraform").join("modules");
                                if respect_ignores && modules.is_dir() {
                                    terraform_modules.lock().unwrap_or_else(PoisonError::into_inner).push(modules);
                                }
                            }
                            if let Some(kind) = entry.file_type() {
                                visit(entry.path(), kind);
                            }
                        }
                        Err(error) => {
                            let path = error_path(&error).and_then(|path| relative(top, &path)).unwrap_or_default();
                            problem(&path, format!("cannot be opened: {}", plain(&error)), true);
                        }
                    }
                    if found.lock().unwrap_or_else(PoisonError::into_inner).0.len() > budget {
                        over.store(true, std::sync::atomic::Ordering::Relaxed);
                        return WalkState::Quit;
                    }
                    WalkState::Continue
                })
            });
        if over.into_inner() {
            return Err(WalkError::TooMany { path: top.display().to_string(), budget });
        }
        tops.extend(
            std::mem::take(&mut *terraform_modules.lock().unwrap_or_else(PoisonError::into_inner)).into_iter().map(|path| (path, false)),
        );
    }
    for name in tracked {
        let known = found.lock().unwrap_or_else(PoisonError::into_inner).0.contains_key(name);
        if !known {
            let path = top.join(name);
            if let Ok(metadata) = path.symlink_metadata() {
                visit(&path, metadata.file_type());
            }
        }
    }
    let (files, mut problems) = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    problems.sort();
    problems.dedup();
    Ok(Walked { files: files.into_iter().map(|(path, size)| TreeFile { path: path.into(), size }).collect(), problems })
}

fn error_path(error: &ignore::Error) -> Option<PathBuf> {
    match error {
        ignore::Error::WithPath { path, .. } => Some(path.clone()),
        ignore::Error::WithDepth { err, .. } | ignore::Error::WithLineNumber { err, .. } => error_path(err),
        ignore::Error::Loop { child, .. } => Some(child.clone()),
        _ => None,
    }
}

/// The operating system's words without the path, which is said beside it.
fn plain(error: &ignore::Error) -> String {
    match error {
        ignore::Error::WithPath { err, .. } | ignore::Error::WithDepth { err, .. } | ignore::Error::WithLineNumber { err, .. } => {
            plain(err)
        }
        other => other.to_string(),
    }
}
