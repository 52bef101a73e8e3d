//! A folder on disk as storage, and the file of a private key. Beside `class_keys.rs` the only place of this crate that touches the disk.
#![allow(clippy::disallowed_methods, reason = "a place of this crate that touches the disk")]

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use probity_attest::{KeyError, SigningKey};

use crate::{LOCK, Lock, Storage, StorageError, TEMPORARY};

/// Largest file read, in bytes.
const MAX_FILE: u64 = 1 << 30;
/// Deepest folder looked into.
const MAX_DEPTH: usize = 16;
/// Waits for the lock, each of `LOCK_PAUSE`: half a minute in all.
const LOCK_TRIES: u32 = 6_000;
pub(crate) const LOCK_PAUSE: Duration = Duration::from_millis(5);
/// Files written at once.
const MAX_THREADS: usize = 8;

/// Makes names of temporary files unique within this process.
pub(crate) static COUNTER: AtomicU64 = AtomicU64::new(0);

/// A folder. It is made, with the folders above it, when something is first written.
///
/// A write goes to a file in `tmp/`, which is synchronised and renamed; then the folder of its name is synchronised too, and once per
/// process each folder above it. The lock is an advisory lock on the file `lock`, which the system lets go when its holder dies.
#[derive(Debug)]
pub struct FolderStorage {
    root: PathBuf,
    /// Folders this process knows to be durable in the folder above them.
    durable: Mutex<HashSet<PathBuf>>,
}

impl FolderStorage {
    /// The folder at this path; nothing is touched yet.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> FolderStorage {
        FolderStorage { root: root.into(), durable: Mutex::default() }
    }

    /// Where it is.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    fn locate(&self, path: &str) -> Result<PathBuf, StorageError> {
        let fits = |part: &str| !part.is_empty() && part != "." && part != ".." && !part.contains(['\\', '\0', ':']);
        if path.split('/').all(fits) { Ok(self.root.join(path)) } else { Err(StorageError::BadPath(path.to_owned())) }
    }

    /// Makes a folder and those above it, up to the root, durable under their names.
    fn make_folder(&self, folder: &Path) -> io::Result<()> {
        if self.durable.lock().unwrap_or_else(PoisonError::into_inner).contains(folder) && folder.is_dir() {
            return Ok(());
        }
        if folder == self.root || !folder.starts_with(&self.root) {
            make_root(folder)?;
        } else {
            let parent = folder.parent().unwrap_or(&self.root);
            self.make_folder(parent)?;
            match fs::create_dir(folder) {
                Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
                _ => sync_folder(parent)?,
            }
        }
        self.durable.lock().unwrap_or_else(PoisonError::into_inner).insert(folder.to_owned());
        Ok(())
    }

    fn write_file(&self, target: &Path, bytes: &[u8]) -> io::Result<()> {
        let temporary_folder = self.root.join(TEMPORARY.trim_end_matches('/'));
        self.make_folder(&temporary_folder)?;
        let folder = target.parent().unwrap_or(&self.root);
        self.make_folder(folder)?;
        let temporary = temporary_folder.join(format!("{}-{}", std::process::id(), COUNTER.fetch_add(1, Ordering::Relaxed)));
        let written = write_new(&temporary, bytes, None).and_then(|()| fs::rename(&temporary, target));
        if let Err(error) = written {
            // The write has failed already; what is left in `tmp/` has no meaning and is removed by the next writer.
            drop(fs::remove_file(&temporary));
            return Err(error);
        }
        sync_folder(folder)
    }

    /// Writes all files aside, synchronises them, and only then gives them their names; several at a time, since the disk takes what comes
    /// together in fewer turns.
    fn write_files(&self, files: &[(PathBuf, &[u8])]) -> io::Result<()> {
        let temporary_folder = self.root.join(TEMPORARY.trim_end_matches('/'));
        self.make_folder(&temporary_folder)?;
        let mut folders: Vec<&Path> = files.iter().map(|(target, _)| target.parent().unwrap_or(&self.root)).collect();
        folders.sort_unstable();
        folders.dedup();
        folders.iter().try_for_each(|folder| self.make_folder(folder))?;
        let first = COUNTER.fetch_add(files.len() as u64, Ordering::Relaxed);
        let named = |number: u64| temporary_folder.join(format!("{}-{}", std::process::id(), first + number));
        let aside: Vec<(PathBuf, &(PathBuf, &[u8]))> = (0..).map(named).zip(files).collect();
        let written = in_parallel(&aside, |(temporary, (_, bytes))| write_new(temporary, bytes, None))
            .and_then(|()| aside.iter().try_for_each(|(temporary, (target, _))| fs::rename(temporary, target)));
        if let Err(error) = written {
            // As above: what is left in `tmp/` has no meaning.
            aside.iter().for_each(|(temporary, _)| drop(fs::remove_file(temporary)));
            return Err(error);
        }
        in_parallel(&folders, |folder| sync_folder(folder))
    }

    fn walk(&self, folder: &Path, depth: usize, out: &mut Vec<String>) -> Result<(), StorageError> {
        let name = |path: &Path| path.strip_prefix(&self.root).unwrap_or(path).to_string_lossy().into_owned();
        let failed = |error| failure("list", &name(folder), error);
        if depth > MAX_DEPTH {
            return Err(StorageError::NotAFile(name(folder)));
        }
        let entries = match fs::read_dir(folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            entries => entries.map_err(failed)?,
        };
        for entry in entries {
            let entry = entry.map_err(failed)?;
            let kind = entry.file_type().map_err(failed)?;
            let path = entry.path();
            if kind.is_dir() {
                self.walk(&path, depth + 1, out)?;
            } else if kind.is_file() && path.to_str().is_some() {
                out.push(name(&path));
            } else {
                return Err(StorageError::NotAFile(name(&path)));
            }
        }
        Ok(())
    }
}

/// Does something for each, several at a time; gives the first error there was.
fn in_parallel<T: Sync>(all: &[T], run: impl Fn(&T) -> io::Result<()> + Sync) -> io::Result<()> {
    let threads = all.len().div_ceil(2).min(MAX_THREADS);
    if threads < 2 {
        return all.iter().try_for_each(run);
    }
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some(each) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
            run(each)?;
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let mut started = Vec::new();
        for _ in 1..threads {
            // Without a thread, the others do its part.
            started.extend(std::thread::Builder::new().spawn_scoped(scope, work));
        }
        let mut done = work();
        for thread in started {
            done = done.and(thread.join().unwrap_or_else(|_| Err(io::Error::other("a thread ended"))));
        }
        done
    })
}

pub(crate) fn failure(what: &'static str, path: &str, source: io::Error) -> StorageError {
    StorageError::Io { what, path: path.to_owned(), source }
}

/// Makes the root and what is missing above it.
pub(crate) fn make_root(root: &Path) -> io::Result<()> {
    let Some(parent) = root.parent().filter(|parent| !parent.as_os_str().is_empty()) else {
        return fs::create_dir_all(root);
    };
    if !parent.is_dir() {
        make_root(parent)?;
    }
    match fs::create_dir(root) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        Ok(()) => sync_folder(parent),
        Err(_) => Ok(()),
    }
}

/// Makes the names in a folder durable.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    // Windows makes names durable by itself and cannot open a folder as a file.
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

pub(crate) fn write_new(path: &Path, bytes: &[u8], mode: Option<u32>) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if let Some(mode) = mode {
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    }
    #[cfg(not(unix))]
    let _ = mode;
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

pub(crate) fn read_limited(path: &Path, name: &str, limit: u64) -> Result<Option<Vec<u8>>, StorageError> {
    let failed = |error| failure("read", name, error);
    let kind = match fs::symlink_metadata(path) {
        // A part of the path that is a file means as well that there is no such file.
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(None),
        metadata => metadata.map_err(failed)?.file_type(),
    };
    if !kind.is_file() {
        return Err(StorageError::NotAFile(name.to_owned()));
    }
    let file = match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        file => file.map_err(failed)?,
    };
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes).map_err(failed)?;
    let size = bytes.len() as u64;
    if size > limit {
        return Err(StorageError::TooLarge { path: name.to_owned(), size, limit });
    }
    Ok(Some(bytes))
}

struct FileLock {
    /// Closing the file lets the lock go.
    _file: File,
}

impl Lock for FileLock {}

impl Storage for FolderStorage {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, StorageError> {
        read_limited(&self.locate(path)?, path, MAX_FILE)
    }

    fn write(&self, path: &str, bytes: &[u8]) -> Result<(), StorageError> {
        self.write_file(&self.locate(path)?, bytes).map_err(|error| failure("write", path, error))
    }

    fn write_all(&self, files: &[(String, &[u8])]) -> Result<(), StorageError> {
        match files {
            [] => Ok(()),
            [(path, bytes)] => self.write(path, bytes),
            [(first, _), ..] => {
                let located = files.iter().map(|(path, bytes)| Ok((self.locate(path)?, *bytes)));
                let located = located.collect::<Result<Vec<_>, StorageError>>()?;
                self.write_files(&located).map_err(|error| failure("write", &format!("{first} and {} more", files.len() - 1), error))
            }
        }
    }

    fn remove(&self, path: &str) -> Result<(), StorageError> {
        let target = self.locate(path)?;
        let failed = |error| failure("remove", path, error);
        match fs::remove_file(&target) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            removed => removed.map_err(failed)?,
        }
        // Nothing is made durable here: a file that comes back after a loss of power has no meaning, and is removed again.
        let folder = target.parent().unwrap_or(&self.root);
        // The folder of a full tile's partial forms ends up empty; one that is not, or is in use, stays.
        if folder.extension().is_some_and(|extension| extension == "p") && fs::remove_dir(folder).is_ok() {
            self.durable.lock().unwrap_or_else(PoisonError::into_inner).remove(folder);
        }
        Ok(())
    }

    fn list(&self, prefix: &str) -> Result<Vec<String>, StorageError> {
        let folder = match prefix.strip_suffix('/') {
            Some(folder) => self.locate(folder)?,
            None if prefix.is_empty() => self.root.clone(),
            None => return Err(StorageError::BadPath(prefix.to_owned())),
        };
        let mut out = Vec::new();
        self.walk(&folder, 0, &mut out)?;
        out.sort_unstable();
        Ok(out)
    }

    fn lock(&self) -> Result<Box<dyn Lock>, StorageError> {
        let failed = |error| failure("lock", LOCK, error);
        self.make_folder(&self.root).map_err(failed)?;
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(self.root.join(LOCK)).map_err(failed)?;
        for _ in 0..LOCK_TRIES {
            match file.try_lock() {
                Ok(()) => return Ok(Box::new(FileLock { _file: file })),
                Err(TryLockError::WouldBlock) => std::thread::sleep(LOCK_PAUSE),
                Err(TryLockError::Error(error)) => return Err(failed(error)),
            }
        }
        Err(StorageError::Locked(self.place()))
    }

    fn place(&self) -> String {
        self.root.display().to_string()
    }
}

/// A file of a private key that cannot be used or made.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// The system refused.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The content is not a key, or none could be made.
    #[error("the key file `{path}` cannot be used")]
    Key {
        /// Which file.
        path: String,
        /// Why.
        #[source]
        source: KeyError,
    },
}

/// A private key from a file.
#[derive(Debug)]
pub struct KeyFile {
    /// The key.
    pub key: SigningKey,
    /// Whether it was made just now.
    pub created: bool,
    /// Whether others than the file's owner may read it, which is worth a warning.
    pub readable_by_others: bool,
}

/// Reads a PEM `PRIVATE KEY`; `None` if there is no file.
pub fn load_key(path: &Path) -> Result<Option<KeyFile>, KeyFileError> {
    let name = path.display().to_string();
    // A key given by an orchestrator is often a link, so links are followed here.
    let real = match fs::canonicalize(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        real => real.map_err(|error| failure("read", &name, error))?,
    };
    let Some(bytes) = read_limited(&real, &name, 64 * 1024)? else { return Ok(None) };
    let wrong = |source| KeyFileError::Key { path: name.clone(), source };
    let text = String::from_utf8(bytes).map_err(|_| wrong(KeyError::NotEd25519("private")))?;
    let key = SigningKey::from_pem(&text).map_err(wrong)?;
    let readable_by_others = readable_by_others(&real).map_err(|error| failure("read", &name, error))?;
    Ok(Some(KeyFile { key, created: false, readable_by_others }))
}

#[cfg(unix)]
fn readable_by_others(path: &Path) -> io::Result<bool> {
    Ok(std::os::unix::fs::MetadataExt::mode(&fs::metadata(path)?) & 0o044 != 0)
}

/// Where there are no such modes, whoever set up the account answers for it.
#[cfg(not(unix))]
fn readable_by_others(_: &Path) -> io::Result<bool> {
    Ok(false)
}

/// Reads the key, or makes one that only the file's owner may read (0600). Of two processes that make one at once, both get the same.
pub fn load_or_create_key(path: &Path) -> Result<KeyFile, KeyFileError> {
    if let Some(found) = load_key(path)? {
        return Ok(found);
    }
    let name = path.display().to_string();
    let wrong = |source| KeyFileError::Key { path: name.clone(), source };
    let failed = |error| failure("write", &name, error);
    let key = SigningKey::generate().map_err(wrong)?;
    let pem = key.to_pem().map_err(wrong)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    make_root(folder).map_err(failed)?;
    let unique = format!(".new-key-{}-{}", std::process::id(), COUNTER.fetch_add(1, Ordering::Relaxed));
    let temporary = folder.join(unique);
    let linked = write_new(&temporary, pem.as_bytes(), Some(0o600)).and_then(|()| fs::hard_link(&temporary, path));
    drop(fs::remove_file(&temporary));
    match linked {
        Ok(()) => sync_folder(folder).map_err(failed)?,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            let lost = || failed(io::Error::from(ErrorKind::NotFound));
            return load_key(path)?.ok_or_else(|| lost().into());
        }
        Err(error) => return Err(failed(error).into()),
    }
    Ok(KeyFile { key, created: true, readable_by_others: false })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_written_replaced_listed_and_removed() {
        let folder = tempfile::tempdir().unwrap();
        let storage = FolderStorage::new(folder.path().join("new/ledger"));
        assert_eq!(storage.read("checkpoint").unwrap(), None);
        assert_eq!(storage.list("").unwrap(), Vec::<String>::new());
        storage.write("tile/0/000.p/1", b"one").unwrap();
        storage.write("checkpoint", b"a").unwrap();
        storage.write("checkpoint", b"b").unwrap();
        assert_eq!(storage.read("checkpoint").unwrap().unwrap(), b"b");
        assert_eq!(storage.list("").unwrap(), ["checkpoint", "tile/0/000.p/1"]);
        assert_eq!(storage.list("tile/").unwrap(), ["tile/0/000.p/1"]);
        storage.remove("tile/0/000.p/1").unwrap();
        storage.remove("tile/0/000.p/1").unwrap();
        assert!(!storage.root().join("tile/0/000.p").exists());
        storage.write("tile/0/000.p/2", b"two").unwrap();
        assert_eq!(storage.list("").unwrap(), ["checkpoint", "tile/0/000.p/2"]);
    }

    #[test]
    fn paths_do_not_lead_out() {
        let storage = FolderStorage::new("nowhere");
        for path in ["", "/etc/passwd", "../x", "a/../../x", "a//b", "a/", "./a", "a\\b"] {
            assert!(matches!(storage.read(path), Err(StorageError::BadPath(_))), "{path}");
            assert!(matches!(storage.write(path, b""), Err(StorageError::BadPath(_))), "{path}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn links_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let storage = FolderStorage::new(folder.path());
        std::os::unix::fs::symlink("/etc/passwd", folder.path().join("checkpoint")).unwrap();
        assert!(matches!(storage.read("checkpoint"), Err(StorageError::NotAFile(_))));
        assert!(matches!(storage.list(""), Err(StorageError::NotAFile(_))));
    }

    #[test]
    fn the_lock_excludes_and_is_let_go() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = (FolderStorage::new(folder.path()), FolderStorage::new(folder.path()));
        let held = one.lock().unwrap();
        assert!(File::open(folder.path().join(LOCK)).unwrap().try_lock().is_err());
        drop(held);
        drop(two.lock().unwrap());
    }

    #[test]
    fn one_key_for_all_who_ask_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state/key.pem");
        assert!(load_key(&path).unwrap().is_none());
        let keys: Vec<KeyFile> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| load_or_create_key(&path).unwrap())).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(keys.iter().filter(|file| file.created).count(), 1);
        assert!(keys.iter().all(|file| file.key.verifying_key() == keys[0].key.verifying_key() && !file.readable_by_others));
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
            fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
            assert!(load_or_create_key(&path).unwrap().readable_by_others);
        }
        fs::write(&path, "no key").unwrap();
        assert!(matches!(load_or_create_key(&path), Err(KeyFileError::Key { .. })));
    }
}
