//! Where the files of a ledger lie, as a trait: a folder ([`crate::FolderStorage`]), memory ([`MemoryStorage`]), later others.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// Something the storage could not do. After a failed write nobody knows whether the bytes are there.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// The system refused.
    #[error("could not {what} `{path}`")]
    Io {
        /// `read`, `write`, ...
        what: &'static str,
        /// Which file, as the storage names it.
        path: String,
        /// Why: full disk, no permission, ...
        #[source]
        source: std::io::Error,
    },
    /// Another process keeps the lock.
    #[error("the ledger at `{0}` is locked by another process that does not let go")]
    Locked(String),
    /// A storage that many write at once, by compare-and-swap ([`crate::SharedStorage`]).
    #[error("`{0}` has no lock that processes could take turns with")]
    NoLock(String),
    /// A link, a device or another thing that is not a file or folder.
    #[error("`{0}` is not a plain file or folder")]
    NotAFile(String),
    /// A file larger than any file of a ledger may be.
    #[error("`{path}` has {size} bytes, more than the {limit} that a file of a ledger may have")]
    TooLarge {
        /// Which file.
        path: String,
        /// Its size in bytes.
        size: u64,
        /// What is allowed.
        limit: u64,
    },
    /// A path that leads out of the storage, or is not one of a file.
    #[error("`{0}` is not a path within a ledger")]
    BadPath(String),
}

/// Held while somebody writes; let go when dropped, and by the system when the process dies.
pub trait Lock: Send {}

/// Files under paths with `/`. Whoever writes holds the lock; readers hold none.
pub trait Storage: Send + Sync {
    /// The whole file; `None` if there is none.
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, StorageError>;

    /// Writes a whole file in place of what was there. When this returns, the file is durable under its name; a reader sees all of the
    /// old or all of the new bytes, never a part; after an error, either.
    fn write(&self, path: &str, bytes: &[u8]) -> Result<(), StorageError>;

    /// Writes many files of different paths, each as [`Storage::write`] does. When this returns, all are durable; after an error or a
    /// death, any of them may be there, each whole.
    fn write_all(&self, files: &[(String, &[u8])]) -> Result<(), StorageError> {
        files.iter().try_for_each(|(path, bytes)| self.write(path, bytes))
    }

    /// Removes a file that has no meaning any more; one that is not there is none. It need not be durable.
    fn remove(&self, path: &str) -> Result<(), StorageError>;

    /// The paths of all files that begin with `prefix` (empty, or a folder with `/` at its end), sorted.
    fn list(&self, prefix: &str) -> Result<Vec<String>, StorageError>;

    /// Waits for the lock, for a limited time.
    fn lock(&self) -> Result<Box<dyn Lock>, StorageError>;

    /// Where it is, for a person.
    fn place(&self) -> String;
}

impl<S: Storage + ?Sized> Storage for Arc<S> {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, StorageError> {
        (**self).read(path)
    }
    fn write(&self, path: &str, bytes: &[u8]) -> Result<(), StorageError> {
        (**self).write(path, bytes)
    }
    fn write_all(&self, files: &[(String, &[u8])]) -> Result<(), StorageError> {
        (**self).write_all(files)
    }
    fn remove(&self, path: &str) -> Result<(), StorageError> {
        (**self).remove(path)
    }
    fn list(&self, prefix: &str) -> Result<Vec<String>, StorageError> {
        (**self).list(prefix)
    }
    fn lock(&self) -> Result<Box<dyn Lock>, StorageError> {
        (**self).lock()
    }
    fn place(&self) -> String {
        (**self).place()
    }
}

/// Files in memory: an opened export, or a ledger of a test.
#[derive(Debug, Default)]
pub struct MemoryStorage {
    files: Mutex<BTreeMap<String, Vec<u8>>>,
    locked: Arc<(Mutex<bool>, Condvar)>,
}

impl MemoryStorage {
    /// No files.
    #[must_use]
    pub fn new() -> MemoryStorage {
        MemoryStorage::default()
    }

    /// These files.
    #[must_use]
    pub fn with_files(files: BTreeMap<String, Vec<u8>>) -> MemoryStorage {
        MemoryStorage { files: Mutex::new(files), ..MemoryStorage::default() }
    }

    /// All files as they are now.
    #[must_use]
    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Writes a file if what is there is as it should be; whether it was.
    pub(crate) fn replace_if(&self, path: &str, is_right: impl FnOnce(Option<&Vec<u8>>) -> bool, bytes: &[u8]) -> bool {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        let right = is_right(files.get(path));
        if right {
            files.insert(path.to_owned(), bytes.to_vec());
        }
        right
    }
}

struct MemoryLock(Arc<(Mutex<bool>, Condvar)>);

impl Lock for MemoryLock {}

impl Drop for MemoryLock {
    fn drop(&mut self) {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner) = false;
        self.0.1.notify_one();
    }
}

impl Storage for MemoryStorage {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, StorageError> {
        Ok(self.files.lock().unwrap_or_else(PoisonError::into_inner).get(path).cloned())
    }

    fn write(&self, path: &str, bytes: &[u8]) -> Result<(), StorageError> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner).insert(path.to_owned(), bytes.to_vec());
        Ok(())
    }

    fn remove(&self, path: &str) -> Result<(), StorageError> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner).remove(path);
        Ok(())
    }

    fn list(&self, prefix: &str) -> Result<Vec<String>, StorageError> {
        let files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(files.keys().filter(|path| path.starts_with(prefix)).cloned().collect())
    }

    fn lock(&self) -> Result<Box<dyn Lock>, StorageError> {
        let (flag, freed) = &*self.locked;
        let mut held = flag.lock().unwrap_or_else(PoisonError::into_inner);
        while *held {
            held = freed.wait(held).unwrap_or_else(PoisonError::into_inner);
        }
        *held = true;
        Ok(Box::new(MemoryLock(Arc::clone(&self.locked))))
    }

    fn place(&self) -> String {
        "memory".to_owned()
    }
}
