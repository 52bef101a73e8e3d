//! How much of an archive is read, and what can be wrong with one.

use std::fmt;
use std::sync::Arc;

/// Bounds of reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Entries of one archive and all archives within it.
    pub entries: usize,
    /// Bytes of all entries together, unpacked.
    pub bytes_total: u64,
    /// Bytes of one entry, unpacked.
    pub bytes_entry: u64,
    /// How many bytes one packed byte may give, where more than [`Limits::ratio_from`] come out.
    pub ratio: u64,
    /// Bytes below which the ratio does not matter.
    pub ratio_from: u64,
    /// How deep archives may lie within each other.
    pub depth: usize,
}

impl Default for Limits {
    /// Two million entries, 64 GiB in all, 2 GiB for one, 250 bytes out of one beyond 64 MiB, eight archives deep.
    fn default() -> Limits {
        Limits { entries: 2_000_000, bytes_total: 64 << 30, bytes_entry: 2 << 30, ratio: 250, ratio_from: 64 << 20, depth: 8 }
    }
}

/// What has been read so far, across archives within each other.
#[derive(Clone, Debug)]
pub struct Meter {
    /// The bounds.
    pub limits: Limits,
    /// Entries so far.
    pub entries: usize,
    /// Bytes so far.
    pub bytes: u64,
}

impl Meter {
    /// Nothing read yet.
    #[must_use]
    pub fn new(limits: Limits) -> Meter {
        Meter { limits, entries: 0, bytes: 0 }
    }

    /// Counts an entry.
    ///
    /// # Errors
    /// [`Trouble::Entries`] where there are too many.
    pub fn entry(&mut self) -> Result<(), Trouble> {
        self.entries = self.entries.saturating_add(1);
        if self.entries > self.limits.entries { Err(Trouble::Entries(self.limits.entries)) } else { Ok(()) }
    }

    /// Counts bytes.
    ///
    /// # Errors
    /// [`Trouble::Total`] where there are too many.
    pub fn bytes(&mut self, count: u64) -> Result<(), Trouble> {
        self.bytes = self.bytes.saturating_add(count);
        if self.bytes > self.limits.bytes_total { Err(Trouble::Total(self.limits.bytes_total)) } else { Ok(()) }
    }
}

/// What is wrong with an archive or an entry.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Trouble {
    /// More entries than the limit; the rest is not read.
    #[error("the archive has more than {0} entries; the rest is not read")]
    Entries(usize),
    /// More bytes in all than the limit; the rest is not read.
    #[error("the archive unpacks to more than {0} bytes; the rest is not read")]
    Total(u64),
    /// An entry larger than the limit; its content is not read.
    #[error("the entry has {size} bytes, more than the limit of {limit}; it is not read")]
    Entry {
        /// Its size.
        size: u64,
        /// The limit.
        limit: u64,
    },
    /// Unpacks to far more than it has, as a bomb does.
    #[error("more than {0} bytes come out of each packed byte; the rest is not read")]
    Ratio(u64),
    /// Archives within archives.
    #[error("archives lie more than {0} deep within each other; this one is not read")]
    Depth(usize),
    /// The path leads out of the archive.
    #[error("the path leads out of the archive; the entry is not read")]
    Escape,
    /// The path begins at the root; it is read as if relative.
    #[error("the path is absolute; it is read as relative")]
    Absolute,
    /// The path has backslashes for slashes.
    #[error("the path has backslashes; they are read as slashes")]
    Backslash,
    /// The path is not UTF-8.
    #[error("the path is not UTF-8 text")]
    NotText,
    /// The path is too long or has a part that cannot be one.
    #[error("the path cannot be the path of a file; the entry is not read")]
    Path,
    /// Another entry before it has the same path.
    #[error("another entry has the same path")]
    Duplicate,
    /// The archive ends too early.
    #[error("the archive ends too early")]
    Truncated,
    /// A checksum does not fit.
    #[error("the checksum of {0} does not fit")]
    Checksum(&'static str),
    /// It is not such an archive, or broken.
    #[error("{0}")]
    Malformed(&'static str),
    /// It is known and not read.
    #[error("{0}; it is not read")]
    Unsupported(String),
    /// The source cannot be read.
    #[error("it cannot be read: {0}")]
    Source(String),
}

impl Trouble {
    /// Whether content may be missed because of it.
    #[must_use]
    pub const fn fails(&self) -> bool {
        !matches!(self, Trouble::Absolute | Trouble::Backslash | Trouble::NotText | Trouble::Duplicate)
    }

    /// The trouble behind an error of reading.
    #[must_use]
    pub fn of(error: &std::io::Error) -> Trouble {
        if let Some(trouble) = error.get_ref().and_then(|inner| inner.downcast_ref::<Trouble>()) {
            return trouble.clone();
        }
        match error.kind() {
            std::io::ErrorKind::UnexpectedEof => Trouble::Truncated,
            _ => Trouble::Source(error.to_string()),
        }
    }
}

impl From<Trouble> for std::io::Error {
    fn from(trouble: Trouble) -> std::io::Error {
        std::io::Error::new(std::io::ErrorKind::InvalidData, trouble)
    }
}

/// Something wrong with an archive, with its place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The entry; empty for the archive.
    pub path: Arc<str>,
    /// What it is.
    pub trouble: Trouble,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() { self.trouble.fmt(f) } else { write!(f, "`{}`: {}", self.path, self.trouble) }
    }
}

/// Problems of one archive; what is beyond a bound is told once.
#[derive(Default)]
pub(crate) struct Problems(pub(crate) Vec<Problem>);

/// Most problems told of one archive.
const MOST: usize = 1000;

impl Problems {
    pub(crate) fn add(&mut self, path: &str, trouble: Trouble) {
        match self.0.len() {
            count if count < MOST => self.0.push(Problem { path: path.into(), trouble }),
            MOST => self.0.push(Problem { path: "".into(), trouble: Trouble::Malformed("there are more problems, which are not told") }),
            _ => {}
        }
    }
}
