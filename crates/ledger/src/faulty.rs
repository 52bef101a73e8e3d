//! A storage that fails on purpose, for the tests of whoever writes evidence.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::{Lock, Storage, StorageError};

/// How a storage fails.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// The call at this position does nothing and gives an error.
    NotDone(u64),
    /// The call at this position is carried out, and gives an error all the same.
    ReplyLost(u64),
    /// Writes fail once this many bytes were written.
    Full(u64),
    /// Every write fails.
    ReadOnly,
}

/// Passes calls on and counts them; fails as told.
pub struct FaultyStorage {
    inner: Arc<dyn Storage>,
    fault: Mutex<Option<Fault>>,
    calls: AtomicU64,
    written: AtomicU64,
}

impl FaultyStorage {
    /// A storage that does not fail yet.
    #[must_use]
    pub fn new(inner: Arc<dyn Storage>) -> FaultyStorage {
        FaultyStorage { inner, fault: Mutex::new(None), calls: AtomicU64::new(0), written: AtomicU64::new(0) }
    }

    /// From now on fails like this; positions and bytes are counted from the beginning.
    pub fn set(&self, fault: Option<Fault>) {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = fault;
    }

    /// How many calls there were.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::SeqCst)
    }

    fn call<T>(
        &self,
        what: &'static str,
        path: &str,
        bytes: u64,
        run: impl FnOnce() -> Result<T, StorageError>,
    ) -> Result<T, StorageError> {
        let position = self.calls.fetch_add(1, Ordering::SeqCst);
        let writes = matches!(what, "write" | "remove" | "lock");
        let failure = |kind| StorageError::Io { what, path: path.to_owned(), source: std::io::Error::from(kind) };
        let fault = *self.fault.lock().unwrap_or_else(PoisonError::into_inner);
        match fault {
            Some(Fault::NotDone(at)) if at == position => Err(failure(std::io::ErrorKind::Other)),
            Some(Fault::ReplyLost(at)) if at == position => run().and(Err(failure(std::io::ErrorKind::TimedOut))),
            Some(Fault::Full(limit)) if what == "write" && self.written.load(Ordering::SeqCst) + bytes > limit => {
                Err(failure(std::io::ErrorKind::StorageFull))
            }
            Some(Fault::ReadOnly) if writes => Err(failure(std::io::ErrorKind::ReadOnlyFilesystem)),
            _ => {
                self.written.fetch_add(bytes, Ordering::SeqCst);
                run()
            }
        }
    }
}

impl Storage for FaultyStorage {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, StorageError> {
        self.call("read", path, 0, || self.inner.read(path))
    }

    fn write(&self, path: &str, bytes: &[u8]) -> Result<(), StorageError> {
        self.call("write", path, bytes.len() as u64, || self.inner.write(path, bytes))
    }

    fn remove(&self, path: &str) -> Result<(), StorageError> {
        self.call("remove", path, 0, || self.inner.remove(path))
    }

    fn list(&self, prefix: &str) -> Result<Vec<String>, StorageError> {
        self.call("list", prefix, 0, || self.inner.list(prefix))
    }

    fn lock(&self) -> Result<Box<dyn Lock>, StorageError> {
        self.call("lock", "lock", 0, || self.inner.lock())
    }

    fn place(&self) -> String {
        self.inner.place()
    }
}
