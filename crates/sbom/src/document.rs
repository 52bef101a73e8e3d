//! What is read of a bill of materials, and why one cannot be read.

use std::sync::Arc;

use probity_packages::{CATALOGUERS, Inventory, Problem};
use probity_value::Span;

use crate::subject::{Distribution, Subject};
use crate::{Format, text};

/// The largest bill of materials that is read.
pub(crate) const LARGEST: usize = 256 << 20;
/// Components of one bill; more are a problem.
pub(crate) const MOST_COMPONENTS: usize = 1_000_000;
/// Links of one bill; more are a problem.
pub(crate) const MOST_LINKS: usize = 5_000_000;
/// Problems that are told one by one.
const MOST_PROBLEMS: usize = 100;

/// A bill of materials as it was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// Its format.
    pub format: Format,
    /// The version of the format: `1.6`, `SPDX-2.3`.
    pub version: Arc<str>,
    /// Its serial number or name space, with which other documents refer to it.
    pub serial: Option<Arc<str>>,
    /// When it was written, as it says.
    pub time: Option<jiff::Timestamp>,
    /// Programs that wrote it, with their versions.
    pub tools: Vec<Arc<str>>,
    /// What it is about, where it says so.
    pub subject: Option<Subject>,
    /// The distribution the packages belong to, where it is said or their package URLs tell it.
    pub distribution: Option<Distribution>,
    /// The packages, in canonical order, and what is wrong with the bill.
    pub inventory: Inventory,
    /// Components of which neither a package URL nor a version is known. They are in no list, nothing can be matched with them.
    pub without_identity: usize,
    /// Whether it was written by this crate, so that nothing had to be guessed.
    pub own: bool,
}

/// Why a bill of materials cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SbomError {
    /// It is larger than what is read.
    #[error("it has {0} bytes, more than the {LARGEST} that are read")]
    Large(usize),
    /// It is not UTF-8.
    #[error("line {line}: it is not UTF-8 from here")]
    Encoding {
        /// One-based line.
        line: u32,
    },
    /// It is neither CycloneDX nor SPDX.
    #[error("it is no bill of materials that is read: neither CycloneDX nor SPDX, as JSON, XML or tags and values")]
    Format,
    /// It is a format, or a version of one, that is not read.
    #[error("line {line}: {what} is not read; versions that are: CycloneDX 1.2 to 1.7, SPDX 2.1 to 2.3")]
    Version {
        /// One-based line.
        line: u32,
        /// The format and version.
        what: String,
    },
    /// It breaks the rules of JSON, XML, or tags and values.
    #[error("line {line}: {what}")]
    Syntax {
        /// One-based line.
        line: u32,
        /// What is wrong.
        what: String,
    },
}

/// Starts of lines of a text.
pub(crate) struct Lines(Vec<usize>);

impl Lines {
    pub(crate) fn new(text: &str) -> Lines {
        Lines(std::iter::once(0).chain(text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1)).collect())
    }

    /// One-based line of a byte.
    pub(crate) fn of(&self, offset: usize) -> u32 {
        u32::try_from(self.0.partition_point(|start| *start <= offset).max(1)).unwrap_or(u32::MAX)
    }

    /// One-based line of a span; 0 where there is none.
    pub(crate) fn at(&self, span: Span) -> u32 {
        if span.is_none() { 0 } else { self.of(span.start as usize) }
    }
}

/// What all readers share while they read.
pub(crate) struct Reading<'a> {
    /// Name of the file.
    pub(crate) name: Arc<str>,
    pub(crate) lines: Lines,
    pub(crate) problems: Vec<Problem>,
    finders: &'a [&'static str],
    /// Problems that were told one by one.
    told: usize,
    /// Whether the bill is one of this crate's own, where nothing is guessed.
    pub(crate) own: bool,
}

impl<'a> Reading<'a> {
    pub(crate) fn new(name: &str, text: &str, finders: &'a [&'static str]) -> Reading<'a> {
        Reading { name: name.into(), lines: Lines::new(text), problems: Vec::new(), finders, told: 0, own: false }
    }

    /// Notes a problem; the first ones are told, that there are more is told once.
    pub(crate) fn problem(&mut self, line: u32, what: impl Into<String>, fails: bool) {
        let (line, what, fails) = match self.told {
            count if count < MOST_PROBLEMS => (line, what.into(), fails),
            MOST_PROBLEMS => (0, "there are more problems".to_owned(), true),
            _ => return,
        };
        self.told += 1;
        self.problems.push(Problem { file: Arc::clone(&self.name), line, what, fails });
    }

    /// A problem that was there when the bill was written.
    pub(crate) fn kept_problem(&mut self, value: &str) {
        let kept = serde_json::from_str::<serde_json::Value>(value).ok().and_then(|value| {
            Some(Problem {
                file: value.get("file")?.as_str()?.into(),
                line: u32::try_from(value.get("line")?.as_u64()?).ok()?,
                what: value.get("what")?.as_str()?.to_owned(),
                fails: value.get("fails")?.as_bool()?,
            })
        });
        match kept {
            Some(problem) => self.problems.push(problem),
            None => self.problem(0, format!("`{}` is no problem of an earlier reading", text::shown(value)), true),
        }
    }

    /// The cataloguer of a name, if it is one of this program's; else the bill itself is what told of the package.
    pub(crate) fn finder(&self, name: &str) -> &'static str {
        let known = CATALOGUERS.iter().map(|one| one.id()).find(|id| *id == name);
        known.or_else(|| self.finders.iter().copied().find(|id| *id == name)).unwrap_or("sbom")
    }
}

/// A time as documents write it; some leave out the zone.
pub(crate) fn time(text: &str) -> Option<jiff::Timestamp> {
    let text = text.trim();
    text.parse().ok().or_else(|| format!("{text}Z").parse().ok()).or_else(|| format!("{text}T00:00:00Z").parse().ok())
}
