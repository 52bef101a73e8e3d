//! A bucket as the storage of a log that many append to at once: by conditional writes, without a server of ours and without a lock.

use std::io;
use std::time::Duration;

use probity_ledger::{Lock, SharedStorage, Storage, StorageError, Swap, Tag};

use crate::s3::{Condition, ETag, Put, S3};
use crate::{Reach, StoreError};

/// Largest file of a log that is read, in bytes.
const LARGEST: u64 = 1 << 30;
/// How often a write under a condition is sent whose reply was lost.
const ATTEMPTS: u32 = 6;
/// The longest doubling of the first pause.
const DOUBLINGS: u32 = 5;

/// A log in a bucket. The bucket's writes have to be consistent at once, and to know `If-Match` and `If-None-Match`, as those of S3 do.
pub struct ObjectStorage {
    store: S3,
    pause: Duration,
}

impl ObjectStorage {
    /// The log below the prefix of a bucket; nothing is sent yet.
    #[must_use]
    pub fn new(store: S3, reach: &Reach) -> ObjectStorage {
        ObjectStorage { store, pause: reach.pause }
    }

    /// The bucket.
    #[must_use]
    pub fn store(&self) -> &S3 {
        &self.store
    }

    fn put(&self, path: &str, old: Option<&Tag>, bytes: &[u8]) -> Result<Swap, StoreError> {
        let condition = old.map_or(Condition::Absent, |tag| Condition::Matches(ETag(tag.0.clone())));
        let mut unknown = None;
        for attempt in 0..ATTEMPTS {
            match self.store.put(path, bytes, &condition, None) {
                Ok(Put::Done { etag, .. }) => return Ok(Swap::Done(Tag(etag.0))),
                // The first of these may be our own write, whose reply was lost: seen by what is there.
                Ok(Put::Lost) if unknown.is_some() => {
                    let there = self.store.get(path, LARGEST)?;
                    return Ok(there.filter(|object| object.bytes == bytes).map_or(Swap::Lost, |object| Swap::Done(Tag(object.etag.0))));
                }
                Ok(Put::Lost) => return Ok(Swap::Lost),
                // The condition still guards the write: sent again, it is done once at most.
                Err(error) if error.is_passing() => {
                    unknown = Some(error);
                    self.pause(attempt);
                }
                Err(error) => return Err(error),
            }
        }
        match unknown {
            Some(error) => Err(error),
            None => Ok(Swap::Lost),
        }
    }
}

fn failure(what: &'static str, path: &str) -> impl FnOnce(StoreError) -> StorageError {
    let path = path.to_owned();
    move |error| match error {
        StoreError::Large { limit, .. } => StorageError::TooLarge { path, size: limit.saturating_add(1), limit },
        StoreError::Name(name) => StorageError::BadPath(name),
        error => StorageError::Io { what, path, source: io::Error::other(error) },
    }
}

impl Storage for ObjectStorage {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, StorageError> {
        Ok(self.store.get(path, LARGEST).map_err(failure("read", path))?.map(|object| object.bytes))
    }

    fn write(&self, path: &str, bytes: &[u8]) -> Result<(), StorageError> {
        self.store.put(path, bytes, &Condition::None, None).map(drop).map_err(failure("write", path))
    }

    fn remove(&self, path: &str) -> Result<(), StorageError> {
        self.store.delete(path, None, false).map_err(failure("remove", path))
    }

    fn list(&self, prefix: &str) -> Result<Vec<String>, StorageError> {
        self.store.list(prefix).map_err(failure("list", prefix))
    }

    fn lock(&self) -> Result<Box<dyn Lock>, StorageError> {
        Err(StorageError::NoLock(self.place()))
    }

    fn place(&self) -> String {
        self.store.place().to_string()
    }
}

impl SharedStorage for ObjectStorage {
    fn load(&self, path: &str) -> Result<Option<(Vec<u8>, Tag)>, StorageError> {
        let found = self.store.get(path, LARGEST).map_err(failure("read", path))?;
        Ok(found.map(|object| (object.bytes, Tag(object.etag.0))))
    }

    fn swap(&self, path: &str, old: Option<&Tag>, bytes: &[u8]) -> Result<Swap, StorageError> {
        self.put(path, old, bytes).map_err(failure("write", path))
    }

    fn refuses(&self, path: &str, bytes: &[u8]) -> Result<bool, StorageError> {
        let other = ETag("\"00000000000000000000000000000000\"".to_owned());
        for condition in [Condition::Absent, Condition::Matches(other)] {
            let mut attempt = 0;
            // Not as `put` does it: that takes bytes which are there already for its own.
            let outcome = loop {
                match self.store.put(path, bytes, &condition, None) {
                    Err(error) if error.is_passing() && attempt < ATTEMPTS => {
                        self.pause(attempt);
                        attempt += 1;
                    }
                    outcome => break outcome,
                }
            };
            if outcome.map_err(failure("write", path))? != Put::Lost {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn remove_all(&self, paths: &[String]) -> Result<(), StorageError> {
        self.store.delete_all(paths).map_err(failure("remove", "earlier files"))
    }

    fn pause(&self, attempt: u32) {
        let most = self.pause * 2_u32.pow(attempt.min(DOUBLINGS));
        std::thread::sleep(most.mul_f64(fastrand::f64()));
    }
}
