//! Versions of files in a repository's history: staged, in a range of commits, or in all of it. Each blob comes once, with the first
//! path and the first commit that has it.
//!
//! What does not live here: what is looked for in them.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use gix::bstr::ByteSlice as _;
use gix::objs::Kind;

use crate::git::{broken, folder_of};
use crate::{Commit, GitError, Repository};

/// Most levels of folders.
const MOST_FOLDERS: usize = 512;
/// Bytes of decoded objects kept for reading others that build on them.
const OBJECT_CACHE: usize = 64 << 20;
/// A commit in which something first appears: its id and the time it was made, in seconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Introduced {
    /// Its id.
    pub commit: Arc<str>,
    /// When it was committed.
    pub seconds: i64,
}

/// One version of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// Path from the top of the repository, with `/`; bytes that are not UTF-8 are written `\xNN`. Empty for a blob no commit reaches.
    pub path: Arc<str>,
    /// The blob's id.
    pub blob: BlobId,
    /// Where it first appears; `None` in the index, and for a blob no commit reaches.
    pub introduced: Option<Introduced>,
    /// Whether the commit looked at last (the head) still has the blob, under any path.
    pub in_head: bool,
}

/// Id of a blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlobId(gix::ObjectId);

impl BlobId {
    /// Its bytes: 20 of a SHA-1.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl TryFrom<&[u8]> for BlobId {
    type Error = GitError;

    fn try_from(bytes: &[u8]) -> Result<BlobId, GitError> {
        gix::ObjectId::try_from(bytes).map(BlobId).map_err(broken)
    }
}

impl std::fmt::Display for BlobId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// What a walk found.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// Each blob once, oldest commit first, by path within a commit.
    pub versions: Vec<Version>,
    /// Commits walked.
    pub commits: usize,
    /// The commits the walk began at, sorted.
    pub tips: Vec<String>,
    /// What could not be read, and what therefore may be missing.
    pub problems: Vec<String>,
}

/// What a walk of all history takes in.
#[derive(Clone, Debug, Default)]
pub struct HistoryOptions {
    /// Objects that no branch, tag or other reference reaches as well.
    pub unreachable: bool,
    /// Commits (with all before them) that were walked before.
    pub walked: Vec<String>,
    /// Blobs that were looked at before; sorted.
    pub known: Vec<Vec<u8>>,
}

/// A file of the index that differs from the commit checked out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Staged {
    /// What is staged.
    pub version: Version,
    /// The blob the commit checked out has under that path.
    pub before: Option<BlobId>,
}

struct Walk<'r> {
    repository: &'r gix::Repository,
    trees: HashSet<gix::ObjectId>,
    blobs: HashSet<gix::ObjectId>,
    known: &'r [Vec<u8>],
    head: HashSet<gix::ObjectId>,
    out: History,
}

impl Walk<'_> {
    fn is_known(&self, id: &gix::ObjectId) -> bool {
        self.known.binary_search_by(|known| known.as_slice().cmp(id.as_bytes())).is_ok()
    }

    /// Takes in what is new below a tree.
    fn tree(&mut self, id: gix::ObjectId, path: &str, depth: usize, introduced: Option<&Introduced>) {
        if depth > MOST_FOLDERS {
            self.out.problems.push(format!("`{path}` lies deeper than {MOST_FOLDERS} folders and was not looked at"));
            return;
        }
        if !self.trees.insert(id) {
            return;
        }
        let entries: Vec<(String, gix::ObjectId, gix::objs::tree::EntryMode)> = match self.repository.find_tree(id) {
            Ok(tree) => match tree.decode() {
                Ok(tree) => tree.entries.iter().map(|entry| (joined(path, entry.filename), entry.oid.to_owned(), entry.mode)).collect(),
                Err(error) => return self.out.problems.push(format!("folder `{path}` (tree {id}) cannot be read: {error}")),
            },
            Err(error) => return self.out.problems.push(format!("folder `{path}` (tree {id}) cannot be read: {error}")),
        };
        for (path, id, mode) in entries {
            if mode.is_tree() {
                self.tree(id, &path, depth + 1, introduced);
            } else if mode.is_blob_or_symlink() && self.blobs.insert(id) && !self.is_known(&id) {
                let in_head = self.head.contains(&id);
                self.out.versions.push(Version { path: path.into(), blob: BlobId(id), introduced: introduced.cloned(), in_head });
            }
            // A submodule is another repository.
        }
    }

    fn commits(&mut self, tips: &[gix::ObjectId], hidden: &[gix::ObjectId]) {
        let sorting = gix::revision::walk::Sorting::ByCommitTime(gix::traverse::commit::simple::CommitTimeOrder::NewestFirst);
        let walk = self.repository.rev_walk(tips.iter().copied()).sorting(sorting).with_hidden(hidden.iter().copied()).all();
        let mut commits = Vec::new();
        match walk {
            Ok(walk) => {
                for info in walk {
                    match info {
                        Ok(info) => commits.push(info.id),
                        Err(error) => {
                            self.out.problems.push(format!("part of the history cannot be read: {error}"));
                            break;
                        }
                    }
                }
            }
            Err(error) => self.out.problems.push(format!("the history cannot be read: {error}")),
        }
        self.out.commits = commits.len();
        for id in commits.into_iter().rev() {
            let read = self.repository.find_commit(id).map_err(|error| error.to_string()).and_then(|commit| {
                let tree = commit.tree_id().map_err(|error| error.to_string())?.detach();
                let seconds = commit.time().map_err(|error| error.to_string())?.seconds;
                Ok((tree, seconds))
            });
            match read {
                Ok((tree, seconds)) => self.tree(tree, "", 0, Some(&Introduced { commit: id.to_string().into(), seconds })),
                Err(error) => self.out.problems.push(format!("commit {id} cannot be read: {error}")),
            }
        }
    }
}

/// A path and the name of something in it; bytes that are not UTF-8 as `\xNN`.
fn joined(path: &str, name: &gix::bstr::BStr) -> String {
    let name = shown(name);
    if path.is_empty() { name } else { format!("{path}/{name}") }
}

fn shown(name: &[u8]) -> String {
    let mut out = String::with_capacity(name.len());
    for chunk in name.utf8_chunks() {
        out.push_str(chunk.valid());
        for byte in chunk.invalid() {
            out.push_str(&format!("\\x{byte:02x}"));
        }
    }
    out
}

impl Repository {
    fn walking(&self) -> gix::Repository {
        let mut repository = self.inner.to_thread_local();
        repository.object_cache_size(OBJECT_CACHE);
        repository
    }

    /// All blobs of the commit checked out.
    fn head_blobs(&self) -> Result<HashSet<gix::ObjectId>, GitError> {
        Ok(match self.head()? {
            Some(head) => self.entries(&head)?.into_values().map(|(id, _)| id).collect(),
            None => HashSet::new(),
        })
    }

    /// Blobs that commits of `head` have and `base` has not, those of commits in between too: what was added and taken away again is found.
    ///
    /// # Errors
    /// [`GitError::Broken`] where base or head cannot be read; what lies between and cannot is a problem of the history.
    pub fn range(&self, base: &Commit, head: &Commit) -> Result<History, GitError> {
        let repository = self.walking();
        let parse = |id: &str| gix::ObjectId::from_hex(id.as_bytes()).map_err(broken);
        let mut walk = Walk {
            repository: &repository,
            trees: HashSet::new(),
            blobs: self.entries(base)?.into_values().map(|(id, _)| id).collect(),
            known: &[],
            head: self.entries(head)?.into_values().map(|(id, _)| id).collect(),
            out: History { tips: vec![head.id.clone()], ..History::default() },
        };
        // Where the base is met on the way, the edge of a shallow clone lies behind it.
        let met = self.merge_base(base, head).is_some_and(|common| common.id == base.id);
        if !met && repository.is_shallow().unwrap_or(false) {
            walk.out.problems.push("this is a shallow clone: commits before its edge were not looked at".to_owned());
        }
        walk.commits(&[parse(&head.id)?], &[parse(&base.id)?]);
        Ok(walk.out)
    }

    /// Every commit that references begin at, sorted; and blobs that references name themselves.
    ///
    /// # Errors
    /// [`GitError::Broken`] where the references cannot be listed.
    fn tips(
        &self,
        repository: &gix::Repository,
        problems: &mut Vec<String>,
    ) -> Result<(BTreeSet<gix::ObjectId>, Vec<gix::ObjectId>), GitError> {
        let (mut tips, mut others) = (BTreeSet::new(), Vec::new());
        let mut add = |id: gix::ObjectId, name: &str| match repository.find_object(id).map_err(|error| error.to_string()) {
            Ok(object) => match object.peel_tags_to_end() {
                Ok(object) if object.kind == Kind::Commit => {
                    tips.insert(object.id);
                }
                Ok(object) => others.push(object.id),
                Err(error) => problems.push(format!("`{name}` cannot be read: {error}")),
            },
            Err(error) => problems.push(format!("`{name}` cannot be read: {error}")),
        };
        if let Ok(id) = repository.head_id() {
            add(id.detach(), "HEAD");
        }
        let platform = repository.references().map_err(broken)?;
        for reference in platform.all().map_err(broken)? {
            match reference {
                Ok(reference) => {
                    if let Some(id) = reference.try_id() {
                        add(id.detach(), &reference.name().as_bstr().to_str_lossy());
                    }
                }
                Err(error) => return Err(GitError::Broken(format!("a reference cannot be read: {error}"))),
            }
        }
        Ok((tips, others))
    }

    /// Every blob of the whole history: of all branches, tags, remote branches, notes and the stash.
    ///
    /// # Errors
    /// [`GitError::Broken`] where references or the commit checked out cannot be read; the rest that cannot is a problem of the history.
    pub fn history(&self, options: &HistoryOptions) -> Result<History, GitError> {
        let repository = self.walking();
        let mut problems = Vec::new();
        let (tips, others) = self.tips(&repository, &mut problems)?;
        if repository.is_shallow().unwrap_or(false) {
            problems.push("this is a shallow clone: commits before its edge were not looked at".to_owned());
        }
        let tips: Vec<gix::ObjectId> = tips.into_iter().collect();
        let hidden: Vec<gix::ObjectId> = options
            .walked
            .iter()
            .filter_map(|id| gix::ObjectId::from_hex(id.as_bytes()).ok())
            .filter(|id| repository.find_commit(*id).is_ok())
            .collect();
        let new: Vec<gix::ObjectId> = tips.iter().copied().filter(|tip| !hidden.contains(tip)).collect();
        let mut walk = Walk {
            repository: &repository,
            trees: HashSet::new(),
            blobs: HashSet::new(),
            known: &options.known,
            head: if new.is_empty() && others.is_empty() && !options.unreachable { HashSet::new() } else { self.head_blobs()? },
            out: History { tips: tips.iter().map(ToString::to_string).collect(), problems, ..History::default() },
        };
        if !new.is_empty() {
            walk.commits(&new, &hidden);
        }
        for id in others {
            match repository.find_header(id).map(|header| header.kind()) {
                Ok(Kind::Tree) => walk.tree(id, "", 0, None),
                Ok(Kind::Blob) if walk.blobs.insert(id) && !walk.is_known(&id) => {
                    walk.out.versions.push(Version { path: "".into(), blob: BlobId(id), introduced: None, in_head: false });
                }
                Ok(_) => {}
                Err(error) => walk.out.problems.push(format!("object {id} cannot be read: {error}")),
            }
        }
        if options.unreachable {
            let mut rest = BTreeSet::new();
            for id in repository.objects.iter().map_err(broken)? {
                match id {
                    Ok(id) if !walk.blobs.contains(&id) => match repository.find_header(id).map(|header| header.kind()) {
                        Ok(Kind::Blob) if !walk.is_known(&id) => {
                            rest.insert(id);
                        }
                        Ok(_) => {}
                        Err(error) => walk.out.problems.push(format!("object {id} cannot be read: {error}")),
                    },
                    Ok(_) => {}
                    Err(error) => walk.out.problems.push(format!("a pack cannot be read: {error}")),
                }
            }
            walk.out.versions.extend(rest.into_iter().map(|id| Version {
                path: "".into(),
                blob: BlobId(id),
                introduced: None,
                in_head: false,
            }));
        }
        Ok(walk.out)
    }

    /// Files of the index that the commit checked out has not, or has with other bytes. The work tree is not looked at.
    ///
    /// # Errors
    /// [`GitError::Broken`] where index or commit cannot be read.
    pub fn staged(&self) -> Result<Vec<Staged>, GitError> {
        let repository = self.walking();
        let index = repository.index_or_empty().map_err(broken)?;
        let head = match self.head()? {
            Some(head) => self.entries(&head)?,
            None => BTreeMap::new(),
        };
        let mut before: HashSet<gix::ObjectId> = HashSet::new();
        before.extend(head.values().map(|(id, _)| *id));
        let mut out = Vec::new();
        for entry in index.entries() {
            let kind = gix::index::entry::Mode::FILE | gix::index::entry::Mode::FILE_EXECUTABLE | gix::index::entry::Mode::SYMLINK;
            if !kind.contains(entry.mode) || entry.flags.contains(gix::index::entry::Flags::INTENT_TO_ADD) {
                continue;
            }
            // A file that only moved holds nothing new.
            if before.contains(&entry.id) {
                continue;
            }
            let path = shown(entry.path(&index));
            let old = head.get(&path).map(|(id, _)| BlobId(*id));
            let version = Version { path: path.into(), blob: BlobId(entry.id), introduced: None, in_head: false };
            out.push(Staged { version, before: old });
        }
        Ok(out)
    }

    /// The bytes of a blob; `None` where it has more than `budget`.
    ///
    /// # Errors
    /// [`GitError::Broken`] where it is not there or damaged.
    pub fn blob(&self, id: BlobId, budget: u64) -> Result<Option<Vec<u8>>, GitError> {
        self.blobs().read(id, budget)
    }

    /// Reads many blobs, on one thread.
    #[must_use]
    pub fn blobs(&self) -> Blobs {
        Blobs { repository: self.walking() }
    }

    /// The folder for what belongs to this clone alone: `.git/probity`, that of the common folder in a linked work tree.
    #[must_use]
    pub fn own_folder(&self) -> std::path::PathBuf {
        folder_of(&self.inner).join("probity")
    }
}

/// Reads blobs on one thread.
pub struct Blobs {
    repository: gix::Repository,
}

impl std::fmt::Debug for Blobs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Blobs").finish_non_exhaustive()
    }
}

impl Blobs {
    /// As [`Repository::blob`].
    ///
    /// # Errors
    /// As [`Repository::blob`].
    pub fn read(&self, id: BlobId, budget: u64) -> Result<Option<Vec<u8>>, GitError> {
        if self.repository.find_header(id.0).map_err(broken)?.size() > budget {
            return Ok(None);
        }
        Ok(Some(self.repository.find_blob(id.0).map_err(broken)?.take_data()))
    }
}
