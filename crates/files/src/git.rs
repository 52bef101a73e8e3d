//! Repositories read with a library: commits as trees, what is tracked, who wrote what, what moved.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use gix::bstr::ByteSlice as _;
use probity_core::{Digest, Tree, TreeError, TreeFile};

use crate::folder::sha256;
use crate::normalise;
use crate::renames::renames;

/// Most commits looked at between two revisions.
const MOST_COMMITS: usize = 100_000;
/// Most symbolic links on one path of a commit's tree.
const MOST_LINKS: usize = 16;

/// Why something cannot be had from a repository.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// No commit of that name.
    #[error("`{name}` names no commit in this repository{}", if *shallow { ", which is a shallow clone" } else { "" })]
    NoSuchRevision {
        /// The name as given.
        name: String,
        /// Whether the clone is shallow, so that the commit may only be missing here.
        shallow: bool,
    },
    /// A tag and a branch have that name and are not the same commit. Whoever may push one could choose what a change is compared with.
    #[error("`{name}` names more than one commit: {}", refs.join(", "))]
    Ambiguous {
        /// The name as given.
        name: String,
        /// Full names of what it may mean.
        refs: Vec<String>,
    },
    /// The repository is damaged or of a kind that cannot be read.
    #[error("the repository cannot be read: {0}")]
    Broken(String),
    /// The folder lies outside the work tree.
    #[error("`{0}` is not inside the repository's work tree")]
    Outside(String),
}

pub(crate) fn broken(error: impl std::fmt::Display) -> GitError {
    GitError::Broken(error.to_string())
}

/// The folder all work trees of a repository share.
pub(crate) fn folder_of(repository: &gix::ThreadSafeRepository) -> PathBuf {
    repository.to_thread_local().common_dir().to_path_buf()
}

/// A commit and the tree it holds, as 40 (or 64) hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// The commit's id.
    pub id: String,
    /// Its tree's id.
    pub tree: String,
}

/// A commit on a branch's own line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnBranch {
    /// The commit.
    pub commit: Commit,
    /// The heads it merged: its parents but the first.
    pub merged: Vec<String>,
}

/// A git repository on disk. Opened isolated: no configuration but its own, no environment, no program.
pub struct Repository {
    pub(crate) inner: gix::ThreadSafeRepository,
    work_dir: PathBuf,
}

impl std::fmt::Debug for Repository {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Repository").field("work_dir", &self.work_dir).finish_non_exhaustive()
    }
}

impl Repository {
    /// The repository whose work tree holds `path`, if any. A bare repository is none.
    ///
    /// # Errors
    /// [`GitError::Broken`] where there is one that cannot be read.
    pub fn discover(path: &Path) -> Result<Option<Repository>, GitError> {
        let Ok(path) = path.canonicalize() else { return Ok(None) };
        if !path.ancestors().any(|folder| folder.join(".git").exists()) {
            return Ok(None);
        }
        // Replacements live in refs of the clone: with them a commit would not be what its id says. A stored graph may say anything too.
        let options = gix::open::Options::isolated().config_overrides(["core.useReplaceRefs=false", "core.commitGraph=false"]);
        let trust = gix::sec::trust::Mapping { full: options.clone(), reduced: options };
        let inner = gix::ThreadSafeRepository::discover_opts(&path, gix::discover::upwards::Options::default(), trust).map_err(broken)?;
        let Some(work_dir) = inner.to_thread_local().workdir().map(Path::to_path_buf) else { return Ok(None) };
        let work_dir = work_dir.canonicalize().map_err(broken)?;
        Ok(Some(Repository { inner, work_dir }))
    }

    /// The top of the work tree, canonical.
    #[must_use]
    pub fn work_dir(&self) -> &Path {
        &self.work_dir
    }

    /// The address that this repository was cloned from (`remote.origin.url`), without names and passwords in it. Nothing for a place on
    /// this machine.
    #[must_use]
    pub fn origin(&self) -> Option<String> {
        let repository = self.inner.to_thread_local();
        let url = repository.config_snapshot().string("remote.origin.url")?;
        public_address(url.to_str().ok()?)
    }

    /// `path` relative to the top of the work tree, with `/`.
    ///
    /// # Errors
    /// [`GitError::Outside`] where it is not inside.
    pub fn prefix(&self, path: &Path) -> Result<String, GitError> {
        let outside = || GitError::Outside(path.display().to_string());
        let path = path.canonicalize().map_err(|_| outside())?;
        path.strip_prefix(&self.work_dir).ok().and_then(Path::to_str).map(str::to_owned).ok_or_else(outside)
    }

    /// Paths below a folder (canonical), relative to it, that the index or the commit checked out has: what is in either is tracked,
    /// so that taking a file out of the index hides nothing.
    ///
    /// # Errors
    /// [`GitError::Broken`] where index or commit cannot be read.
    pub(crate) fn tracked_below(&self, top: &Path) -> Result<BTreeSet<String>, GitError> {
        let repository = self.inner.to_thread_local();
        let Ok(prefix) = top.strip_prefix(&self.work_dir).map(|prefix| prefix.to_string_lossy().into_owned()) else {
            return Ok(BTreeSet::new());
        };
        let below = |path: &str| {
            if prefix.is_empty() { Some(path.to_owned()) } else { path.strip_prefix(&prefix)?.strip_prefix('/').map(str::to_owned) }
        };
        let index = repository.index_or_empty().map_err(broken)?;
        let mut tracked: BTreeSet<String> =
            index.entries().iter().filter_map(|entry| entry.path(&index).to_str().ok()).filter_map(below).collect();
        if let Some(head) = self.head()? {
            tracked.extend(self.entries(&head)?.keys().filter_map(|path| below(path)));
        }
        Ok(tracked)
    }

    /// The commit a name means: a branch, tag, id or expression such as `HEAD~1`.
    ///
    /// # Errors
    /// [`GitError::NoSuchRevision`], which says whether a shallow clone is the likely cause; [`GitError::Ambiguous`].
    pub fn resolve(&self, name: &str) -> Result<Commit, GitError> {
        let repository = self.inner.to_thread_local();
        let stem = name.split(['~', '^', '@', ':']).next().unwrap_or_default();
        let mut meanings = BTreeMap::new();
        for full in ["tags", "heads", "remotes"].map(|kind| format!("refs/{kind}/{stem}")) {
            if let Ok(Some(mut reference)) = repository.try_find_reference(full.as_str())
                && reference.name().as_bstr() == full.as_str()
                && let Ok(id) = reference.peel_to_id()
            {
                meanings.insert(full, id.detach());
            }
        }
        // Digits that begin an id and are a name as well mean the one here and the other there.
        if stem.len() >= 4
            && !meanings.is_empty()
            && let Ok(prefix) = gix::hash::Prefix::from_hex(stem)
            && let Ok(Some(Ok(id))) = repository.objects.lookup_prefix(prefix, None)
        {
            meanings.insert(format!("the object {id}"), id);
        }
        if meanings.values().collect::<BTreeSet<_>>().len() > 1 {
            return Err(GitError::Ambiguous { name: name.to_owned(), refs: meanings.into_keys().collect() });
        }
        let missing = || GitError::NoSuchRevision { name: name.to_owned(), shallow: repository.is_shallow().unwrap_or(false) };
        let id = repository.rev_parse_single(name).map_err(|_| missing())?;
        let commit = id.object().map_err(|_| missing())?.peel_to_commit().map_err(|_| missing())?;
        let tree = commit.tree_id().map_err(|_| missing())?.to_string();
        Ok(Commit { id: commit.id().to_string(), tree })
    }

    /// The commit checked out; `None` before the first commit.
    ///
    /// # Errors
    /// [`GitError::Broken`].
    pub fn head(&self) -> Result<Option<Commit>, GitError> {
        let repository = self.inner.to_thread_local();
        if repository.head().map_err(broken)?.is_unborn() {
            return Ok(None);
        }
        self.resolve("HEAD").map(Some)
    }

    /// When a commit was made, in seconds since 1970, as its committer's clock had it; `None` where it is not here.
    #[must_use]
    pub fn time(&self, commit: &Commit) -> Option<i64> {
        let repository = self.inner.to_thread_local();
        let id = gix::ObjectId::from_hex(commit.id.as_bytes()).ok()?;
        repository.find_commit(id).ok()?.time().ok().map(|time| time.seconds)
    }

    /// The best common ancestor of two commits, if they have one here.
    #[must_use]
    pub fn merge_base(&self, one: &Commit, two: &Commit) -> Option<Commit> {
        let repository = self.inner.to_thread_local();
        let parse = |commit: &Commit| gix::ObjectId::from_hex(commit.id.as_bytes()).ok();
        let base = repository.merge_base(parse(one)?, parse(two)?).ok()??.to_string();
        self.resolve(&base).ok()
    }

    /// The commits on a branch's own line (first parents only) that `head` has and `base` has not, newest first, each with its tree and
    /// its other parents: what was merged, and what was committed without a merge.
    ///
    /// # Errors
    /// [`GitError::Broken`] where a commit between cannot be read.
    pub fn first_parents(&self, base: &Commit, head: &Commit) -> Result<Vec<OnBranch>, GitError> {
        let repository = self.inner.to_thread_local();
        let parse = |commit: &Commit| gix::ObjectId::from_hex(commit.id.as_bytes()).map_err(broken);
        let walk = repository.rev_walk([parse(head)?]).with_hidden([parse(base)?]).first_parent_only().all().map_err(broken)?;
        let mut out = Vec::new();
        for info in walk {
            if out.len() == MOST_COMMITS {
                return Err(broken(format!("there are more than {MOST_COMMITS} commits between")));
            }
            let commit = info.map_err(broken)?.object().map_err(broken)?;
            let tree = commit.tree_id().map_err(broken)?.to_string();
            let merged = commit.parent_ids().skip(1).map(|id| id.to_string()).collect();
            out.push(OnBranch { commit: Commit { id: commit.id().to_string(), tree }, merged });
        }
        Ok(out)
    }

    /// Name and address of each author and committer of the commits that `head` has and `base` has not.
    ///
    /// # Errors
    /// [`GitError::Broken`] where a commit between cannot be read.
    pub fn authors(&self, base: &Commit, head: &Commit) -> Result<BTreeSet<(String, String)>, GitError> {
        let repository = self.inner.to_thread_local();
        let parse = |commit: &Commit| gix::ObjectId::from_hex(commit.id.as_bytes()).map_err(broken);
        let walk = repository.rev_walk([parse(head)?]).with_hidden([parse(base)?]).all().map_err(broken)?;
        let mut people = BTreeSet::new();
        for info in walk.take(MOST_COMMITS) {
            let commit = info.map_err(broken)?.object().map_err(broken)?;
            for person in [commit.author().map_err(broken)?, commit.committer().map_err(broken)?] {
                people.insert((person.name.to_str_lossy().trim().to_owned(), person.email.to_str_lossy().trim().to_owned()));
            }
        }
        Ok(people)
    }

    /// A commit's files below `prefix` (relative to the top of the work tree) as a tree.
    ///
    /// # Errors
    /// [`GitError::Broken`] where the commit's tree cannot be read.
    pub fn tree(&self, commit: &Commit, prefix: &str, max_file_size: u64) -> Result<GitTree, GitError> {
        let entries = self.entries(commit)?;
        let below = |path: &str| {
            if prefix.is_empty() { Some(path.to_owned()) } else { path.strip_prefix(prefix)?.strip_prefix('/').map(str::to_owned) }
        };
        let repository = self.inner.to_thread_local();
        let mut files = Vec::new();
        let mut blobs = BTreeMap::new();
        for (path, (id, link)) in entries {
            let Some(path) = below(&path) else { continue };
            let size = repository.find_header(id).map(|header| header.size()).unwrap_or(0);
            if !link {
                files.push(TreeFile { path: path.as_str().into(), size });
            }
            blobs.insert(path, (id, link));
        }
        let mut tree = GitTree { repository: self.inner.clone(), files, blobs, digests: Mutex::default(), max_file_size };
        let links: Vec<String> = tree.blobs.iter().filter(|(_, (_, link))| *link).map(|(path, _)| path.clone()).collect();
        for path in links {
            if let Ok(id) = tree.follow(&path) {
                let size = repository.find_header(id).map(|header| header.size()).unwrap_or(0);
                tree.files.push(TreeFile { path: path.into(), size });
            }
        }
        tree.files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(tree)
    }

    /// All blobs of a commit: path to id and whether it is a symbolic link.
    pub(crate) fn entries(&self, commit: &Commit) -> Result<BTreeMap<String, (gix::ObjectId, bool)>, GitError> {
        let repository = self.inner.to_thread_local();
        let tree = repository.find_tree(gix::ObjectId::from_hex(commit.tree.as_bytes()).map_err(broken)?).map_err(broken)?;
        let mut out = BTreeMap::new();
        for entry in tree.traverse().breadthfirst.files().map_err(broken)? {
            if let (Ok(path), true) = (entry.filepath.to_str(), entry.mode.is_blob_or_symlink()) {
                out.insert(path.to_owned(), (entry.oid, entry.mode.is_link()));
            }
        }
        Ok(out)
    }

    /// Files that moved from one commit to another: old path to new path, relative to the top of the work tree.
    ///
    /// # Errors
    /// [`GitError::Broken`].
    pub fn renames(&self, old: &Commit, new: &Commit) -> Result<BTreeMap<String, String>, GitError> {
        let plain = |commit| -> Result<BTreeMap<String, gix::ObjectId>, GitError> {
            Ok(self.entries(commit)?.into_iter().map(|(path, (id, _))| (path, id)).collect())
        };
        let repository = self.inner.to_thread_local();
        Ok(renames(&plain(old)?, &plain(new)?, |id| repository.find_blob(id).ok().map(|mut blob| blob.take_data())))
    }
}

impl GitTree {
    /// The blob id of a file, if the commit holds exactly these bytes under that path (through symbolic links that stay inside).
    #[must_use]
    pub fn blob_of(&self, path: &str, bytes: &[u8]) -> Option<String> {
        let id = self.follow(&normalise(path)?).ok()?;
        let kind = self.repository.to_thread_local().object_hash();
        (gix::objs::compute_hash(kind, gix::objs::Kind::Blob, bytes).ok()? == id).then(|| id.to_string())
    }

    /// The bytes of a file without recording that it was read.
    ///
    /// # Errors
    /// As [`Tree::read`].
    pub fn peek(&self, path: &str) -> Result<Vec<u8>, TreeError> {
        self.peek_within(path, self.max_file_size)
    }

    fn peek_within(&self, path: &str, budget: u64) -> Result<Vec<u8>, TreeError> {
        let name = normalise(path).ok_or(TreeError::Outside)?;
        let id = self.follow(&name)?;
        let repository = self.repository.to_thread_local();
        let size = repository.find_header(id).map_err(|error| TreeError::Io(error.to_string()))?.size();
        if size > budget {
            return Err(TreeError::TooLarge { size, budget });
        }
        Ok(repository.find_blob(id).map_err(|error| TreeError::Io(error.to_string()))?.take_data())
    }
}

/// Largest blob of which the first bytes are looked at; git reads it whole for that.
const LARGEST_LOOK: u64 = 128 << 20;

/// Files of a commit.
pub struct GitTree {
    repository: gix::ThreadSafeRepository,
    files: Vec<TreeFile>,
    blobs: BTreeMap<String, (gix::ObjectId, bool)>,
    digests: Mutex<BTreeMap<Arc<str>, Digest>>,
    max_file_size: u64,
}

impl GitTree {
    /// The blob a path means, through symbolic links that stay inside.
    fn follow(&self, path: &str) -> Result<gix::ObjectId, TreeError> {
        let repository = self.repository.to_thread_local();
        let mut path = path.to_owned();
        for _ in 0..MOST_LINKS {
            match self.blobs.get(&path) {
                Some((id, false)) => return Ok(*id),
                Some((id, true)) => {
                    let target = repository.find_blob(*id).map_err(|error| TreeError::Io(error.to_string()))?;
                    let target = target.data.to_str().map_err(|_| TreeError::Missing)?;
                    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
                    path = normalise(&if folder.is_empty() { target.to_owned() } else { format!("{folder}/{target}") })
                        .filter(|_| !target.starts_with('/'))
                        .ok_or(TreeError::Outside)?;
                }
                None => path = self.through_linked_folder(&repository, &path)?,
            }
        }
        Err(TreeError::Missing)
    }

    /// The same path with its first linked folder replaced by where the link leads.
    fn through_linked_folder(&self, repository: &gix::Repository, path: &str) -> Result<String, TreeError> {
        for (at, _) in path.match_indices('/') {
            let (folder, rest) = path.split_at(at);
            if let Some((id, true)) = self.blobs.get(folder) {
                let target = repository.find_blob(*id).map_err(|error| TreeError::Io(error.to_string()))?;
                let target = target.data.to_str().map_err(|_| TreeError::Missing)?;
                let parent = folder.rsplit_once('/').map_or("", |(parent, _)| parent);
                if target.starts_with('/') {
                    return Err(TreeError::Outside);
                }
                return normalise(&format!("{parent}{}{target}{rest}", if parent.is_empty() { "" } else { "/" })).ok_or(TreeError::Outside);
            }
        }
        Err(TreeError::Missing)
    }
}

impl Tree for GitTree {
    fn files(&self) -> &[TreeFile] {
        &self.files
    }

    fn read(&self, path: &str) -> Result<Arc<[u8]>, TreeError> {
        let name = normalise(path).ok_or(TreeError::Outside)?;
        let bytes = self.peek(&name)?;
        self.digests.lock().unwrap_or_else(PoisonError::into_inner).insert(name.into(), sha256(&bytes));
        Ok(bytes.into())
    }

    fn read_within(&self, path: &str, budget: u64) -> Result<Arc<[u8]>, TreeError> {
        let name = normalise(path).ok_or(TreeError::Outside)?;
        let bytes = self.peek_within(&name, budget.max(self.max_file_size))?;
        self.digests.lock().unwrap_or_else(PoisonError::into_inner).insert(name.into(), sha256(&bytes));
        Ok(bytes.into())
    }

    fn start(&self, path: &str, bytes: usize) -> Result<Vec<u8>, TreeError> {
        let mut all = self.peek_within(path, self.max_file_size.max(LARGEST_LOOK))?;
        all.truncate(bytes);
        Ok(all)
    }

    fn digests(&self) -> BTreeMap<Arc<str>, Digest> {
        self.digests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
/// An address of git, as `https://host/path`: `ssh://git@host/path.git` and `git@host:path` mean the same place and become the same.
fn public_address(url: &str) -> Option<String> {
    const MOST: usize = 1024;
    let url = url.trim();
    let (host, path) = match url.split_once("://") {
        Some(("http" | "https" | "ssh" | "git", rest)) => rest.split_once('/')?,
        Some(_) => return None,
        None => url.split_once(':').filter(|(host, _)| host.len() > 1 && !host.contains('/'))?,
    };
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    let path = path.split(['?', '#']).next()?.trim_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path);
    let plain = |text: &str| !text.is_empty() && !text.contains(|letter: char| letter.is_control() || letter.is_whitespace());
    (url.len() <= MOST && plain(host) && plain(path)).then(|| format!("https://{}/{path}", host.to_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_say_where_and_not_who() {
        let check = |url: &str, expected: Option<&str>| assert_eq!(public_address(url).as_deref(), expected, "{url}");
        check("https://git.example/acme/payments.git", Some("https://git.example/acme/payments"));
        check("https://jane:secret@Git.Example/acme/payments?token=x#y", Some("https://git.example/acme/payments"));
        check("ssh://git@git.example/acme/payments.git", Some("https://git.example/acme/payments"));
        check("git@git.example:acme/payments.git", Some("https://git.example/acme/payments"));
        check("git://git.example/acme/payments/", Some("https://git.example/acme/payments"));
        for place in [
            "/home/jane/payments",
            "../payments",
            "file:///home/jane/payments",
            "C:\\payments",
            "C:/payments",
            "./a:b",
            "",
            "https://",
            "https://git.example/",
            "https://git.example/a b",
        ] {
            check(place, None);
        }
        check(&format!("https://git.example/{}", "a".repeat(2000)), None);
    }
}
