//! Write once, keep until: objects that nobody can change or delete before a date, whatever the store.
//!
//! **Invariant:** there is a [`Sealed`] only of what a store confirmed after the write: content, mode and date.
//! **Invariant:** a retention is never shortened or weakened, and never asked to be: what a store would allow does not matter.

use std::fmt;

use probity_attest::sha256;
use probity_core::{Digest, Timestamp};

use crate::{StoreError, time};

mod azure;
mod google;
mod s3;

pub use azure::{AzureAccess, AzureWorm};
pub use google::GoogleWorm;
pub use s3::S3Worm;

/// Largest object that is read to check its content, in bytes.
pub(crate) const LARGEST: u64 = 1 << 30;

/// How firm a retention is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Mode {
    /// Somebody with a special right can end it (S3 GOVERNANCE, Azure and Google unlocked).
    Governance,
    /// Nobody can end it (S3 COMPLIANCE, Azure and Google locked).
    Compliance,
}

impl Mode {
    /// As S3 writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Mode::Governance => "GOVERNANCE",
            Mode::Compliance => "COMPLIANCE",
        }
    }

    /// Reads what S3 writes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Mode> {
        [Mode::Governance, Mode::Compliance].into_iter().find(|mode| mode.as_str() == text)
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Mode::Governance => "governance",
            Mode::Compliance => "compliance",
        })
    }
}

/// How an object is to be kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hold {
    /// How firm.
    pub mode: Mode,
    /// Until when at least; whole seconds count.
    pub until: Timestamp,
    /// Whether it is kept beyond that until somebody ends the hold.
    pub legal_hold: bool,
}

impl Hold {
    /// Whether what a store keeps is at least this.
    fn is_met_by(&self, kept: &Kept) -> bool {
        kept.retention.is_some_and(|(mode, until)| mode >= self.mode && until.seconds >= self.until.seconds)
            && (kept.legal_hold || !self.legal_hold)
    }
}

/// What a store says of an object.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Kept {
    /// Its version, where the store has versions.
    pub version: Option<String>,
    /// Its size in bytes.
    pub size: u64,
    /// SHA-256 of its content, where the store tells it.
    pub sha256: Option<Digest>,
    /// How it is retained; `None` where it is not.
    pub retention: Option<(Mode, Timestamp)>,
    /// Whether it is under a legal hold.
    pub legal_hold: bool,
}

/// Whether an object was made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Made {
    /// Yes.
    New,
    /// There was one of that name, and it was not touched.
    Exists,
}

/// A store that keeps objects so that they cannot be changed. The rules are in [`seal`], [`confirm`] and [`extend`]; what is here only
/// does what it is told.
pub trait WormStore: Send + Sync {
    /// Makes an object that is kept so, unless there is one of that name. After an error it may be there.
    fn create(&self, name: &str, bytes: &[u8], hold: &Hold) -> Result<Made, StoreError>;

    /// What the store says of the newest version of an object, or of the version named.
    fn look(&self, name: &str, version: Option<&str>) -> Result<Option<Kept>, StoreError>;

    /// The content of a version, for a store that does not tell its digest.
    fn read(&self, name: &str, version: Option<&str>) -> Result<Option<Vec<u8>>, StoreError>;

    /// Retains a version so, which is longer or firmer than it is.
    fn retain(&self, name: &str, version: Option<&str>, mode: Mode, until: Timestamp) -> Result<(), StoreError>;

    /// Puts a version under a legal hold.
    fn hold(&self, name: &str, version: Option<&str>) -> Result<(), StoreError>;

    /// Where it is, for a person.
    fn place(&self) -> String;
}

/// Proof that a store confirmed to keep an object: nothing but a confirmation makes one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sealed {
    name: String,
    sha256: Digest,
    kept: Kept,
    mode: Mode,
    until: Timestamp,
}

impl Sealed {
    /// The object.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// SHA-256 of its content, as the store holds it.
    #[must_use]
    pub fn sha256(&self) -> Digest {
        self.sha256
    }

    /// The version that is kept.
    #[must_use]
    pub fn version(&self) -> Option<&str> {
        self.kept.version.as_deref()
    }

    /// How firmly.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Until when.
    #[must_use]
    pub fn until(&self) -> Timestamp {
        self.until
    }

    /// Whether a legal hold is on it.
    #[must_use]
    pub fn legal_hold(&self) -> bool {
        self.kept.legal_hold
    }
}

/// Why an object is not sealed.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The store failed or refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The date to keep it until is not in the future.
    #[error("`{name}` cannot be kept until {until}: that is not in the future")]
    Past {
        /// The object.
        name: String,
        /// The date.
        until: String,
    },
    /// There is no such object.
    #[error("`{0}` is not there")]
    Missing(String),
    /// An object of that name has other content, and stays as it is.
    #[error("`{name}` is there with other content (SHA-256 {found})")]
    OtherContent {
        /// The object.
        name: String,
        /// The digest of what is there.
        found: Digest,
    },
    /// The store took the object and does not confirm that it keeps it so.
    #[error("the store does not confirm that `{name}` is kept in {mode} mode until {until}{}: it says {found}", if *.legal_hold { " under a legal hold" } else { "" })]
    Unconfirmed {
        /// The object.
        name: String,
        /// The mode asked for.
        mode: Mode,
        /// The date asked for.
        until: String,
        /// Whether a legal hold was asked for.
        legal_hold: bool,
        /// What the store says.
        found: String,
    },
    /// The change would keep it shorter.
    #[error("`{name}` is kept until {until}; it is not asked to be kept shorter, until {asked}")]
    Shorter {
        /// The object.
        name: String,
        /// Until when it is kept.
        until: String,
        /// What was asked for.
        asked: String,
    },
    /// The change would keep it less firmly.
    #[error("`{0}` is kept in compliance mode; it is not asked to be kept in governance mode")]
    Weaker(String),
}

/// Puts an object there, kept so, and confirms it. One that is there with the same content is kept longer and more firmly where that is
/// needed, never less.
pub fn seal(store: &dyn WormStore, name: &str, bytes: &[u8], hold: &Hold) -> Result<Sealed, SealError> {
    check_future(name, hold)?;
    let digest = sha256(bytes);
    match store.create(name, bytes, hold) {
        Ok(Made::New) => return confirm(store, name, digest, hold),
        Ok(Made::Exists) => {}
        // The reply is lost: whether the object is there is seen.
        Err(error) if error.is_ambiguous() => {
            if store.look(name, None)?.is_none() && store.create(name, bytes, hold)? == Made::New {
                return confirm(store, name, digest, hold);
            }
        }
        Err(error) => return Err(error.into()),
    }
    let kept = store.look(name, None)?.ok_or_else(|| SealError::Missing(name.to_owned()))?;
    check_content(store, name, &kept, digest)?;
    strengthen(store, name, &kept, hold)?;
    confirm(store, name, digest, hold)
}

/// Asks the store whether it keeps an object of this content at least so.
pub fn confirm(store: &dyn WormStore, name: &str, digest: Digest, hold: &Hold) -> Result<Sealed, SealError> {
    let kept = store.look(name, None)?.ok_or_else(|| SealError::Missing(name.to_owned()))?;
    check_content(store, name, &kept, digest)?;
    match kept.retention {
        Some((mode, until)) if hold.is_met_by(&kept) => Ok(Sealed { name: name.to_owned(), sha256: digest, kept, mode, until }),
        _ => Err(SealError::Unconfirmed {
            name: name.to_owned(),
            mode: hold.mode,
            until: time::iso(hold.until),
            legal_hold: hold.legal_hold,
            found: describe(&kept),
        }),
    }
}

/// Keeps a sealed object longer, more firmly, or under a legal hold. Anything less is refused here, before the store is asked.
pub fn extend(store: &dyn WormStore, sealed: &Sealed, hold: &Hold) -> Result<Sealed, SealError> {
    let name = sealed.name.as_str();
    check_future(name, hold)?;
    let kept = store.look(name, sealed.version())?.ok_or_else(|| SealError::Missing(name.to_owned()))?;
    // What the store says now counts, and what it said before: it may have been made to forget.
    let known = [kept.retention, Some((sealed.mode, sealed.until))];
    for (mode, until) in known.into_iter().flatten() {
        if hold.until.seconds < until.seconds {
            let (until, asked) = (time::iso(until), time::iso(hold.until));
            return Err(SealError::Shorter { name: name.to_owned(), until, asked });
        }
        if hold.mode < mode {
            return Err(SealError::Weaker(name.to_owned()));
        }
    }
    strengthen(store, name, &kept, hold)?;
    confirm(store, name, sealed.sha256, hold)
}

fn check_future(name: &str, hold: &Hold) -> Result<(), SealError> {
    if hold.until.seconds > time::now().seconds {
        return Ok(());
    }
    Err(SealError::Past { name: name.to_owned(), until: time::iso(hold.until) })
}

fn check_content(store: &dyn WormStore, name: &str, kept: &Kept, digest: Digest) -> Result<(), SealError> {
    let found = match kept.sha256 {
        Some(found) => found,
        None => sha256(&store.read(name, kept.version.as_deref())?.ok_or_else(|| SealError::Missing(name.to_owned()))?),
    };
    if found == digest { Ok(()) } else { Err(SealError::OtherContent { name: name.to_owned(), found }) }
}

/// Asks for what is missing, and only for more than there is.
fn strengthen(store: &dyn WormStore, name: &str, kept: &Kept, hold: &Hold) -> Result<(), SealError> {
    let version = kept.version.as_deref();
    let (mode, until) = match kept.retention {
        Some((mode, until)) => (mode.max(hold.mode), if until.seconds > hold.until.seconds { until } else { hold.until }),
        None => (hold.mode, hold.until),
    };
    let same = kept.retention.is_some_and(|(kept_mode, kept_until)| kept_mode == mode && kept_until.seconds == until.seconds);
    if !same {
        store.retain(name, version, mode, until)?;
    }
    if hold.legal_hold && !kept.legal_hold {
        store.hold(name, version)?;
    }
    Ok(())
}

fn describe(kept: &Kept) -> String {
    let retention = match kept.retention {
        Some((mode, until)) => format!("{mode} mode until {}", time::iso(until)),
        None => "no retention".to_owned(),
    };
    if kept.legal_hold { format!("{retention}, a legal hold") } else { retention }
}
