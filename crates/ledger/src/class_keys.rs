//! Where the keys of retention classes are kept: a folder beside the evidence key, or memory. Destroying one here is what erases.
#![allow(clippy::disallowed_methods, reason = "a place of this crate that touches the disk")]

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};

use probity_attest::sealed::{ClassKey, ClassKeyId, SealError};
use zeroize::Zeroizing;

use crate::StorageError;
use crate::folder::{COUNTER, failure, make_root, read_limited, sync_folder, write_new};

/// Largest file of a key, in bytes.
const MAX_KEY: u64 = 4 * 1024;

/// A key that could not be read, kept or destroyed.
#[derive(Debug, thiserror::Error)]
pub enum ClassKeysError {
    /// The place they are kept at failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// What lies there is no key, or that of another name.
    #[error("the key `{id}` of a retention class cannot be used")]
    Key {
        /// Which.
        id: ClassKeyId,
        /// Why.
        #[source]
        source: SealError,
    },
}

/// The keys of retention classes.
///
/// **What must hold:** when [`ClassKeys::put`] returns, the key is durable; when [`ClassKeys::destroy`] returns, nobody can read it here
/// any more, also after a loss of power; destroying a key that is not there changes nothing and is no error. Errors hold nothing of a key.
pub trait ClassKeys: Send + Sync {
    /// A key; `None` where it is not, or not any more.
    fn key(&self, id: ClassKeyId) -> Result<Option<ClassKey>, ClassKeysError>;

    /// Keeps a new key.
    fn put(&self, key: &ClassKey) -> Result<(), ClassKeysError>;

    /// Destroys a key.
    fn destroy(&self, id: ClassKeyId) -> Result<(), ClassKeysError>;
}

fn parse(id: ClassKeyId, text: &str) -> Result<ClassKey, ClassKeysError> {
    let key = ClassKey::parse(text).map_err(|source| ClassKeysError::Key { id, source })?;
    if key.id() == id { Ok(key) } else { Err(ClassKeysError::Key { id, source: SealError::OtherKey }) }
}

/// A folder with one file to each key, which only its owner may read (0600). Before a file is removed, its bytes are overwritten; what a
/// disk keeps of old blocks, and what backups hold, is beyond it.
#[derive(Debug)]
pub struct FolderClassKeys {
    root: PathBuf,
}

impl FolderClassKeys {
    /// The folder at this path; it is made when a key is first kept.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> FolderClassKeys {
        FolderClassKeys { root: root.into() }
    }

    fn path(&self, id: ClassKeyId) -> PathBuf {
        self.root.join(format!("{id}.key"))
    }
}

impl ClassKeys for FolderClassKeys {
    fn key(&self, id: ClassKeyId) -> Result<Option<ClassKey>, ClassKeysError> {
        let path = self.path(id);
        let Some(bytes) = read_limited(&path, &path.display().to_string(), MAX_KEY)? else { return Ok(None) };
        let bytes = Zeroizing::new(bytes);
        let text = std::str::from_utf8(&bytes).map_err(|_| ClassKeysError::Key { id, source: SealError::NotAKey })?;
        parse(id, text).map(Some)
    }

    fn put(&self, key: &ClassKey) -> Result<(), ClassKeysError> {
        let path = self.path(key.id());
        let failed = |error| failure("write", &path.display().to_string(), error);
        make_root(&self.root).map_err(failed)?;
        let temporary = self.root.join(format!(".new-{}-{}", std::process::id(), COUNTER.fetch_add(1, Ordering::Relaxed)));
        let written = write_new(&temporary, key.to_text().as_bytes(), Some(0o600)).and_then(|()| fs::rename(&temporary, &path));
        if let Err(error) = written {
            drop(fs::remove_file(&temporary));
            return Err(failed(error).into());
        }
        Ok(sync_folder(&self.root).map_err(failed)?)
    }

    fn destroy(&self, id: ClassKeyId) -> Result<(), ClassKeysError> {
        let path = self.path(id);
        let failed = |error| failure("remove", &path.display().to_string(), error);
        let mut file = match OpenOptions::new().write(true).open(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            file => file.map_err(failed)?,
        };
        let length = file.metadata().map_err(failed)?.len().min(MAX_KEY);
        let zeros = vec![0_u8; usize::try_from(length).unwrap_or_default()];
        file.write_all(&zeros).and_then(|()| file.sync_all()).map_err(failed)?;
        drop(file);
        fs::remove_file(&path).and_then(|()| sync_folder(&self.root)).map_err(failed)?;
        Ok(())
    }
}

/// Keys in memory, for tests.
#[derive(Default)]
pub struct MemoryClassKeys {
    keys: Mutex<BTreeMap<ClassKeyId, Zeroizing<String>>>,
}

impl MemoryClassKeys {
    /// No keys.
    #[must_use]
    pub fn new() -> MemoryClassKeys {
        MemoryClassKeys::default()
    }
}

impl ClassKeys for MemoryClassKeys {
    fn key(&self, id: ClassKeyId) -> Result<Option<ClassKey>, ClassKeysError> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner).get(&id).map(|text| parse(id, text)).transpose()
    }

    fn put(&self, key: &ClassKey) -> Result<(), ClassKeysError> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner).insert(key.id(), key.to_text());
        Ok(())
    }

    fn destroy(&self, id: ClassKeyId) -> Result<(), ClassKeysError> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_keeps_and_destroys() {
        let folder = tempfile::tempdir().unwrap();
        let keys = FolderClassKeys::new(folder.path().join("class-keys"));
        let (one, two) = (ClassKey::generate().unwrap(), ClassKey::generate().unwrap());
        assert!(keys.key(one.id()).unwrap().is_none());
        keys.destroy(one.id()).unwrap();
        keys.put(&one).unwrap();
        keys.put(&two).unwrap();
        assert_eq!(*keys.key(one.id()).unwrap().unwrap().to_text(), *one.to_text());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(fs::metadata(keys.path(one.id())).unwrap().permissions().mode() & 0o777, 0o600);
        }
        keys.destroy(one.id()).unwrap();
        keys.destroy(one.id()).unwrap();
        assert!(keys.key(one.id()).unwrap().is_none() && keys.key(two.id()).unwrap().is_some());
        assert_eq!(fs::read_dir(&keys.root).unwrap().count(), 1);
        // The file of another key under this one's name.
        fs::copy(keys.path(two.id()), keys.path(one.id())).unwrap();
        assert!(matches!(keys.key(one.id()), Err(ClassKeysError::Key { source: SealError::OtherKey, .. })));
        fs::write(keys.path(one.id()), "no key").unwrap();
        assert!(matches!(keys.key(one.id()), Err(ClassKeysError::Key { source: SealError::NotAKey, .. })));
    }
}
