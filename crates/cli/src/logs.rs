//! Where a log of evidence is: a folder, an export, or a bucket that many write; and the log in it, to read or to append to.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use probity_attest::KeyProvider;
use probity_ledger::{Append, AppendError, FolderStorage, Ledger, Receipt, SharedLedger, Storage, open_tar};
use probity_store::{ObjectStorage, Reach, S3, S3Place, StoreError};

use crate::{Wrong, state};

/// Where a log is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LogPlace {
    /// A folder, or the file of an export.
    Folder(PathBuf),
    /// Names below a prefix of a bucket.
    Bucket(S3Place),
}

impl LogPlace {
    /// What the command line says.
    pub(crate) fn parse(text: &str) -> Result<LogPlace> {
        if S3Place::is_meant(text) { Ok(LogPlace::Bucket(text.parse().map_err(Wrong::new)?)) } else { Ok(LogPlace::Folder(text.into())) }
    }

    /// Whether it is the file of an export, which has no remains of interrupted writes.
    pub(crate) fn is_export(&self) -> bool {
        matches!(self, LogPlace::Folder(path) if path.is_file())
    }
}

impl fmt::Display for LogPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LogPlace::Folder(path) => path.display().fmt(f),
            LogPlace::Bucket(place) => place.fmt(f),
        }
    }
}

/// A bucket, with what the environment says of credentials, region and server.
pub(crate) fn bucket(place: &S3Place) -> Result<(S3, Reach)> {
    let environment = |name: &str| std::env::var(name).ok();
    let mut reach = Reach { deadline: Duration::from_secs(60), ..Reach::default() };
    if let Some(file) = environment("AWS_CA_BUNDLE").filter(|file| !file.is_empty()) {
        reach.authorities.push(state::read(Path::new(&file)).map_err(|error| Wrong::hint(format!("{error:#}"), None))?.into_bytes());
    }
    let store = S3::open(place, &environment, reach.clone()).map_err(|error| wrong(&error))?;
    Ok((store, reach))
}

/// What a store says, with what to do about it.
pub(crate) fn wrong(error: &StoreError) -> Wrong {
    Wrong::hint(error.to_string(), error.hint())
}

fn objects(place: &S3Place) -> Result<Arc<ObjectStorage>> {
    let (store, reach) = bucket(place)?;
    Ok(Arc::new(ObjectStorage::new(store, &reach)))
}

/// The log to read.
pub(crate) fn storage(place: &LogPlace) -> Result<Arc<dyn Storage>> {
    let path = match place {
        LogPlace::Folder(path) => path,
        LogPlace::Bucket(place) => return Ok(objects(place)?),
    };
    if path.is_file() {
        let bytes = std::fs::read(path).with_context(|| format!("cannot read `{}`", path.display()))?;
        return Ok(Arc::new(open_tar(&bytes).with_context(|| format!("`{}` is no export", path.display()))?));
    }
    if !path.is_dir() {
        return Err(Wrong::hint(
            format!("there is no evidence log at `{}`", path.display()),
            Some("`probity gate` makes one; `--evidence DIR` names another"),
        )
        .into());
    }
    Ok(Arc::new(FolderStorage::new(path)))
}

/// A log to append to.
pub(crate) enum Log {
    /// One whose writers take turns.
    Turns(Ledger),
    /// One that many write at once.
    Shared(SharedLedger),
}

impl Log {
    /// Opens it, or makes an empty one.
    pub(crate) fn open(place: &LogPlace, signer: &Arc<dyn KeyProvider>, origin: &str) -> Result<Log> {
        let signer = Arc::clone(signer);
        let cannot = || format!("the evidence log at `{place}` cannot be opened");
        Ok(match place {
            LogPlace::Folder(folder) => {
                Log::Turns(Ledger::open_or_create(Arc::new(FolderStorage::new(folder)), signer, origin).with_context(cannot)?)
            }
            LogPlace::Bucket(bucket) => Log::Shared(SharedLedger::open_or_create(objects(bucket)?, signer, origin).with_context(cannot)?),
        })
    }
}

impl Log {
    /// The log in a folder, which keeps retention classes and holds: their keys lie beside it.
    pub(crate) fn in_folder(&mut self) -> Result<&mut Ledger> {
        match self {
            Log::Turns(ledger) => Ok(ledger),
            Log::Shared(_) => {
                let hint = "name a log in a folder; what a bucket keeps is held by `evidence seal --legal-hold`";
                Err(Wrong::hint("a log in a bucket has no retention classes and no holds of its own", Some(hint)).into())
            }
        }
    }

    /// Where its files are.
    pub(crate) fn storage(&self) -> Result<&Arc<dyn Storage>> {
        match self {
            Log::Turns(ledger) => Ok(ledger.storage()),
            Log::Shared(_) => Err(Wrong::hint("a log in a bucket has no retention classes", None).into()),
        }
    }
}

impl Append for Log {
    fn append(&mut self, record: Vec<u8>, blobs: Vec<Vec<u8>>) -> Result<Receipt, AppendError> {
        match self {
            Log::Turns(ledger) => ledger.append(record, blobs),
            Log::Shared(ledger) => ledger.append(record, blobs),
        }
    }
}
