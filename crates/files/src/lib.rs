//! Disk and git: folders and commits as [`probity_core::Tree`]s, and what else the path asks of a repository.
//!
//! **Invariant:** the git program is never run and nothing of a repository's configuration can start a program or reach the network:
//! repositories are opened isolated, and renames are found by our own comparison.
#![allow(clippy::disallowed_methods, reason = "this is where the disk is read")]
#![warn(clippy::indexing_slicing, clippy::string_slice)]

mod folder;
mod git;
mod history;
mod mapped;
mod path;
mod renames;
mod walk;

pub use folder::FolderTree;
pub use git::{Commit, GitError, GitTree, OnBranch, Repository};
pub use history::{BlobId, Blobs, History, HistoryOptions, Introduced, Staged, Version};
pub use mapped::Mapped;
pub use path::normalise;
pub use walk::{WalkError, WalkProblem};
