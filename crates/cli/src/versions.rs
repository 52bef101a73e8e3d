//! Versions of files in commits and in the index, as something to search.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use probity_attest::sha256;
use probity_core::{Collected, Diagnostic, Digest, Level, ReadFile, Scope, SkippedFile, Source, Tree, TreeError, TreeFile};
use probity_files::{BlobId, Commit, FolderTree, History, HistoryOptions, Introduced, Repository, Version};
use probity_supply::{Known, LeftAlone, Searched, SecretSource, keep_new, keep_unread};
use probity_value::Span;
use rayon::prelude::*;

use crate::Wrong;
use crate::reading::Target;

/// Largest version of a file that is searched, in bytes.
const LARGEST: u64 = 100 << 20;

/// Versions of files in commits.
pub(crate) struct Versions {
    repository: Repository,
    /// The judged folder within the repository.
    prefix: String,
    wanted: Wanted,
    /// Whether the files as they lie in the folder are searched too, so that only what they have no more is told.
    beside_folder: bool,
}

enum Wanted {
    /// Those.
    List(History),
    /// All there are.
    History { unreachable: bool, cached: bool },
}

impl fmt::Debug for Versions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Versions").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

fn repository(target: &Target) -> Result<Option<Repository>> {
    Ok(Repository::discover(target.tree.top()).map_err(Wrong::new)?)
}

/// The versions that the commits since a base brought; nothing where nothing is checked out.
pub(crate) fn between(target: &Target, base: &Commit) -> Result<Option<Arc<Versions>>> {
    let Some(repository) = repository(target)? else { return Ok(None) };
    let Some(head) = repository.head().map_err(Wrong::new)? else { return Ok(None) };
    let history = repository.range(base, &head).map_err(Wrong::new)?;
    Ok(Some(Arc::new(Versions { repository, prefix: target.prefix.clone(), wanted: Wanted::List(history), beside_folder: true })))
}

/// The versions of a range `BASE..HEAD`, of everything since `BASE`.
pub(crate) fn range(target: &Target, range: &str) -> Result<Arc<Versions>> {
    let Some(repository) = repository(target)? else { return Err(no_repository(target)) };
    let (base, head) = range.split_once("..").unwrap_or((range, ""));
    let head = if head.is_empty() { "HEAD" } else { head.trim_start_matches('.') };
    let base = repository.resolve(base).map_err(Wrong::new)?;
    let head = repository.resolve(head).map_err(Wrong::new)?;
    let history = repository.range(&base, &head).map_err(Wrong::new)?;
    Ok(Arc::new(Versions { repository, prefix: target.prefix.clone(), wanted: Wanted::List(history), beside_folder: false }))
}

/// All versions of the whole history.
pub(crate) fn history(target: &Target, unreachable: bool, cached: bool) -> Result<Arc<Versions>> {
    let Some(repository) = repository(target)? else { return Err(no_repository(target)) };
    let wanted = Wanted::History { unreachable, cached };
    Ok(Arc::new(Versions { repository, prefix: target.prefix.clone(), wanted, beside_folder: false }))
}

fn no_repository(target: &Target) -> anyhow::Error {
    Wrong::hint(format!("`{}` is in no git repository", target.tree.top().display()), None).into()
}

/// Searches versions of files in commits.
pub(crate) struct VersionSource {
    inner: SecretSource,
    versions: Arc<Versions>,
    left_alone: LeftAlone,
    /// Over everything that decides what is found.
    key: Digest,
}

/// What a version holds, and the commit that brought it.
type Looked = Result<(Searched, Arc<str>), (bool, String)>;

impl VersionSource {
    pub(crate) fn new(inner: SecretSource, versions: Arc<Versions>, left_alone: LeftAlone, key: Digest) -> VersionSource {
        VersionSource { inner, versions, left_alone, key }
    }

    fn below(&self, path: &str) -> Option<Arc<str>> {
        let prefix = &self.versions.prefix;
        if prefix.is_empty() { Some(path.into()) } else { path.strip_prefix(prefix.as_str())?.strip_prefix('/').map(Into::into) }
    }

    /// The versions to look at, and the cache they will be added to.
    fn wanted(&self) -> (History, Option<Cache>, Vec<String>) {
        match &self.versions.wanted {
            Wanted::List(history) => (history.clone(), None, Vec::new()),
            Wanted::History { unreachable, cached } => {
                let place = self.versions.repository.own_folder().join(format!("secrets-{}", self.key));
                let (cache, mut said) = if *cached { Cache::read(place) } else { (Cache { place, ..Cache::default() }, Vec::new()) };
                let options = HistoryOptions { unreachable: *unreachable, walked: cache.tips.clone(), known: cache.known() };
                match self.versions.repository.history(&options) {
                    Ok(mut history) => {
                        history.versions.splice(0..0, cache.dirty.iter().cloned());
                        (history, Some(cache), said)
                    }
                    Err(error) => {
                        said.push(error.to_string());
                        (History { problems: vec![error.to_string()], ..History::default() }, None, said)
                    }
                }
            }
        }
    }

    fn look(&self, scope: &Scope<'_>, wanted: &[(Arc<str>, &Version)]) -> Vec<Looked> {
        wanted
            .par_iter()
            .map_init(
                || self.versions.repository.blobs(),
                |blobs, (path, version)| {
                    let commit = version.introduced.as_ref().map_or_else(|| "".into(), |introduced| Arc::clone(&introduced.commit));
                    match blobs.read(version.blob, LARGEST) {
                        Ok(Some(bytes)) => {
                            let add = |path: &Arc<str>, text: String| scope.sources.add(Arc::clone(path), text);
                            Ok((self.inner.search(path, &bytes, &commit, &add), commit))
                        }
                        Ok(None) => Err((false, format!("a version of more than {} MiB was not searched", LARGEST >> 20))),
                        Err(error) => Err((true, format!("version {} cannot be read: {error}", version.blob))),
                    }
                },
            )
            .collect()
    }
}

impl Source for VersionSource {
    fn id(&self) -> &'static str {
        "commits"
    }

    fn collect(&self, scope: &Scope<'_>) -> Collected {
        let mut out = Collected::default();
        let (history, mut cache, said) = self.wanted();
        for what in said {
            out.diagnostics.push(Diagnostic::new(Level::Warning, "history", "", Span::NONE, what));
        }
        for problem in &history.problems {
            out.diagnostics.push(Diagnostic::new(Level::Warning, "history", "", Span::NONE, problem.clone()));
            out.coverage.skipped.push(SkippedFile { file: "".into(), source: "commits", why: problem.clone(), fails: true, partly: true });
        }
        let wanted: Vec<(Arc<str>, &Version)> = history
            .versions
            .iter()
            .filter_map(|version| Some((self.below(&version.path)?, version)))
            .filter(|(path, _)| !(self.left_alone)(path))
            .collect();
        let looked = self.look(scope, &wanted);
        // What lies in the folder is found there; what a file had before is said once, by the commit that brought it.
        let mut seen: BTreeSet<Known> = BTreeSet::new();
        let mut here: BTreeMap<Arc<str>, BTreeSet<Known>> = BTreeMap::new();
        let mut files: BTreeMap<Arc<str>, usize> = BTreeMap::new();
        for ((path, version), looked) in wanted.iter().zip(looked) {
            let (searched, commit) = match looked {
                Ok(looked) => looked,
                Err((fails, why)) => {
                    out.coverage.skipped.push(SkippedFile { file: Arc::clone(path), source: "commits", why, fails, partly: true });
                    continue;
                }
            };
            if let Some(cache) = &mut cache {
                cache.add(version, searched.is_clean());
            }
            let file = files.entry(Arc::clone(path)).or_insert(0);
            // What lies in the folder is looked at there.
            if self.versions.beside_folder && version.in_head {
                continue;
            }
            keep_unread(searched.unread, path, "commits", &mut out);
            for (mut subject, suppressions) in searched.found {
                let now = here.entry(Arc::clone(path)).or_insert_with(|| {
                    let bytes = self.versions.beside_folder.then(|| scope.tree.read_within(path, LARGEST).ok()).flatten();
                    bytes.map(|bytes| self.inner.known(path, &bytes)).unwrap_or_default()
                });
                let id = Arc::clone(&subject.id);
                let is_new = |rule: &str, name: &str| {
                    let known = (Arc::clone(&id), rule.to_owned(), name.to_owned());
                    !now.contains(&known) && seen.insert(known)
                };
                if keep_new(&mut subject, &[("commit", &commit)], is_new) {
                    *file += 1;
                    out.subjects.push(subject);
                    out.suppressions.extend(suppressions);
                }
            }
        }
        out.coverage.read.extend(files.into_iter().map(|(file, subjects)| ReadFile { file, source: "commits", subjects }));
        if let Some(mut cache) = cache.filter(|_| history.problems.is_empty()) {
            cache.tips = history.tips;
            if let Err(why) = cache.write() {
                out.diagnostics.push(Diagnostic::new(
                    Level::Note,
                    "history",
                    "",
                    Span::NONE,
                    format!("what was clean is not remembered: {why}"),
                ));
            }
        }
        out
    }
}

/// What a history held when it was looked at last, by the same rules: the clean blobs, and the versions that were not.
#[derive(Debug, Default)]
struct Cache {
    place: PathBuf,
    tips: Vec<String>,
    clean: BTreeSet<Vec<u8>>,
    dirty: Vec<Version>,
}

const MAGIC: &str = "probity clean blobs 1";

impl Cache {
    /// Reads a cache. One that is broken is none, and said.
    fn read(place: PathBuf) -> (Cache, Vec<String>) {
        let empty = |place: PathBuf| Cache { place, ..Cache::default() };
        let Ok(text) = std::fs::read_to_string(&place) else { return (empty(place), Vec::new()) };
        match Cache::parse(&text) {
            Some(cache) => (Cache { place, ..cache }, Vec::new()),
            None => {
                let said = format!("`{}` is broken: everything is looked at again", place.display());
                (empty(place), vec![said])
            }
        }
    }

    fn parse(text: &str) -> Option<Cache> {
        let (body, digest) = text.trim_end().rsplit_once('\n')?;
        if digest != sha256(body.as_bytes()).to_string() {
            return None;
        }
        let mut lines = body.lines();
        if lines.next()? != MAGIC {
            return None;
        }
        let mut out = Cache::default();
        for line in lines {
            let (kind, rest) = line.split_once(' ')?;
            match kind {
                "tip" => out.tips.push(rest.to_owned()),
                "clean" => {
                    out.clean.insert(hex(rest)?);
                }
                "found" => {
                    let mut parts = rest.splitn(4, ' ');
                    let blob = BlobId::try_from(hex(parts.next()?)?.as_slice()).ok()?;
                    let (commit, seconds, path) = (parts.next()?, parts.next()?.parse().ok()?, parts.next()?);
                    let introduced = (commit != "-").then(|| Introduced { commit: commit.into(), seconds });
                    out.dirty.push(Version { path: path.into(), blob, introduced, in_head: false });
                }
                _ => return None,
            }
        }
        Some(out)
    }

    fn known(&self) -> Vec<Vec<u8>> {
        let mut known: Vec<Vec<u8>> = self.clean.iter().cloned().collect();
        known.extend(self.dirty.iter().map(|version| version.blob.as_bytes().to_vec()));
        known.sort();
        known
    }

    fn add(&mut self, version: &Version, clean: bool) {
        if clean {
            self.clean.insert(version.blob.as_bytes().to_vec());
        } else if !self.dirty.iter().any(|known| known.blob == version.blob) {
            self.dirty.push(version.clone());
        }
    }

    fn write(&self) -> Result<(), String> {
        let mut body = format!("{MAGIC}\n");
        for tip in &self.tips {
            body.push_str(&format!("tip {tip}\n"));
        }
        for version in &self.dirty {
            // A name that breaks a line cannot be remembered: its version is looked at each time.
            if version.path.contains('\n') {
                return Err("a file's name has a line break".to_owned());
            }
            let (commit, seconds) = version.introduced.as_ref().map_or(("-", 0), |introduced| (&*introduced.commit, introduced.seconds));
            body.push_str(&format!("found {} {commit} {seconds} {}\n", version.blob, version.path));
        }
        for blob in &self.clean {
            body.push_str("clean ");
            blob.iter().for_each(|byte| body.push_str(&format!("{byte:02x}")));
            body.push('\n');
        }
        let body = body.trim_end();
        let text = format!("{body}\n{}\n", sha256(body.as_bytes()));
        if std::fs::read_to_string(&self.place).is_ok_and(|known| known == text) {
            return Ok(());
        }
        let folder = self.place.parent().ok_or("there is no folder for it")?;
        std::fs::create_dir_all(folder).map_err(|error| error.to_string())?;
        // One cache is enough: those of other rules are of no use any more.
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with("secrets-") && entry.path() != self.place {
                let _ = std::fs::remove_file(entry.path());
            }
        }
        let beside = self.place.with_extension("new");
        std::fs::write(&beside, text).and_then(|()| std::fs::rename(&beside, &self.place)).map_err(|error| error.to_string())
    }
}

fn hex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.is_ascii() {
        return None;
    }
    (0..text.len() / 2).map(|at| u8::from_str_radix(text.get(at * 2..at * 2 + 2)?, 16).ok()).collect()
}

/// What is staged, as a tree; configuration is read from the folder where it is not staged.
pub(crate) struct StagedTree<'a> {
    files: Vec<TreeFile>,
    blobs: BTreeMap<Arc<str>, Arc<[u8]>>,
    folder: &'a FolderTree,
    digests: Mutex<BTreeMap<Arc<str>, Digest>>,
}

impl<'a> StagedTree<'a> {
    /// The staged files below the target's folder.
    pub(crate) fn open(target: &'a Target) -> Result<StagedTree<'a>> {
        let Some(repository) = &target.repository else { return Err(no_repository(target)) };
        let blobs = repository.blobs();
        let mut out = BTreeMap::new();
        for staged in repository.staged().map_err(Wrong::new)? {
            let path = &staged.version.path;
            let below = if target.prefix.is_empty() {
                Some(&**path)
            } else {
                path.strip_prefix(target.prefix.as_str()).and_then(|path| path.strip_prefix('/'))
            };
            let Some(below) = below else { continue };
            let Some(bytes) = blobs.read(staged.version.blob, LARGEST).map_err(Wrong::new)? else {
                return Err(Wrong::hint(format!("`{path}` is larger than {} MiB", LARGEST >> 20), None).into());
            };
            out.insert(Arc::<str>::from(below), Arc::<[u8]>::from(bytes));
        }
        let files = out.iter().map(|(path, bytes)| TreeFile { path: Arc::clone(path), size: bytes.len() as u64 }).collect();
        Ok(StagedTree { files, blobs: out, folder: &target.tree, digests: Mutex::default() })
    }
}

impl Tree for StagedTree<'_> {
    fn files(&self) -> &[TreeFile] {
        &self.files
    }

    fn read(&self, path: &str) -> Result<Arc<[u8]>, TreeError> {
        match self.blobs.get_key_value(path) {
            Some((path, bytes)) => {
                self.digests.lock().unwrap_or_else(PoisonError::into_inner).insert(Arc::clone(path), sha256(bytes));
                Ok(Arc::clone(bytes))
            }
            None => self.folder.read(path),
        }
    }

    fn digests(&self) -> BTreeMap<Arc<str>, Digest> {
        self.digests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
