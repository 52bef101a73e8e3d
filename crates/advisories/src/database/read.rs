//! Looking into a database as it lies in memory. Nothing is copied; every look is within bounds, whatever the bytes say.

use probity_core::{Digest, Severity};

use super::{COMMITS_ONLY, FIXED, HEAD, LAST, MAGIC, MALICIOUS, SECTIONS, Section};
use crate::End;

/// Why bytes are no database.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DatabaseError {
    /// The first bytes are others.
    #[error("this is no database of advisories (it does not begin with `PROBADV1`)")]
    Magic,
    /// It ends before its head does.
    #[error("the database is cut off in its head")]
    Short,
    /// A section lies outside the file or has half a row.
    #[error("section {0} of the database does not fit into the file")]
    Section(usize),
}

/// A database of advisories.
#[derive(Clone, Copy, Debug)]
pub struct Database<'d> {
    bytes: &'d [u8],
    sections: [&'d [u8]; SECTIONS],
    built_at: u64,
}

/// An ecosystem, or one release of a distribution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ecosystem<'d> {
    /// Name as OSV has it: `npm`, `Debian:12`.
    pub name: &'d str,
    /// Advisories about packages of it.
    pub advisories: u32,
    first: u32,
    names: u32,
}

/// Where advisories come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source<'d> {
    /// Its name.
    pub name: &'d str,
    /// The licence of its data.
    pub licence: &'d str,
    /// The time of the data, in seconds since 1970.
    pub date: i64,
    /// How many records it had.
    pub records: u32,
}

/// A hole that is known to be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exploited<'d> {
    /// What CISA calls it.
    pub name: &'d str,
    /// When it was added, in seconds since 1970.
    pub added: i64,
    /// Until when it must be mended.
    pub due: i64,
    /// Whether ransomware is known to use it.
    pub ransomware: bool,
}

/// How likely a hole is used (EPSS).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Likelihood {
    /// Within thirty days, 0 to 1.
    pub probability: f32,
    /// Part of all holes that are less likely used, 0 to 1.
    pub percentile: f32,
}

/// An advisory.
#[derive(Clone, Copy, Debug)]
pub struct Record<'d> {
    database: Database<'d>,
    row: u32,
    /// Its id.
    pub id: &'d str,
    /// One line.
    pub summary: &'d str,
    /// More lines.
    pub details: &'d str,
    /// CVSS vector; empty where there is none.
    pub vector: &'d str,
    /// What it is where it is no hole: `unmaintained`; else empty.
    pub informational: &'d str,
    /// How bad; `None` where nobody says.
    pub severity: Option<Severity>,
    /// Base score.
    pub score: Option<f32>,
    /// Whether the package itself is meant to harm.
    pub malicious: bool,
    /// When it was published, in seconds since 1970; 0 where nobody says.
    pub published: i64,
}

/// Which versions an advisory is about.
#[derive(Clone, Copy, Debug)]
pub struct Reach<'d> {
    database: Database<'d>,
    intervals: (u32, u32),
    versions: (u32, u32),
    /// Whether it speaks of commits only, so that no version can be compared.
    pub commits_only: bool,
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at.checked_add(4)?)?.try_into().ok().map(u32::from_le_bytes)
}

fn long(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..at.checked_add(8)?)?.try_into().ok().map(u64::from_le_bytes)
}

impl<'d> Database<'d> {
    /// Bytes before those the digest is over.
    pub const HEAD: usize = HEAD;

    /// The SHA-256 of everything behind the head, as it was written; see [`Database::is_whole`].
    #[must_use]
    pub fn digest(&self) -> &'d [u8] {
        self.bytes.get(HEAD - 32..HEAD).unwrap_or_default()
    }

    /// Looks at the head only: that the sections lie within the file. Whether what they hold is what was written, [`Database::is_whole`]
    /// tells.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub fn open(bytes: &'d [u8]) -> Result<Database<'d>, DatabaseError> {
        if !bytes.starts_with(MAGIC) {
            return Err(DatabaseError::Magic);
        }
        let built_at = long(bytes, 16).ok_or(DatabaseError::Short)?;
        if bytes.len() < HEAD || number(bytes, 8) != u32::try_from(SECTIONS).ok() {
            return Err(DatabaseError::Short);
        }
        let mut sections: [&[u8]; SECTIONS] = [&[]; SECTIONS];
        let mut end = HEAD;
        for (position, (section, kind)) in sections.iter_mut().zip(Section::ALL).enumerate() {
            let wrong = DatabaseError::Section(position);
            let place = |at: usize| long(bytes, 24 + position * 16 + at).and_then(|number| usize::try_from(number).ok());
            let (Some(offset), Some(length)) = (place(0), place(8)) else { return Err(wrong) };
            // Sections follow one another, so that none hides in another.
            if offset != end || kind.width() > 0 && length % (kind.width() * 4) != 0 {
                return Err(wrong);
            }
            end = offset.checked_add(length).ok_or_else(|| wrong.clone())?;
            *section = bytes.get(offset..end).ok_or(wrong)?;
        }
        if end != bytes.len() {
            return Err(DatabaseError::Section(SECTIONS));
        }
        Ok(Database { bytes, sections, built_at })
    }

    /// Whether all bytes behind the head are those that were written. Reads the whole file. `digest` is SHA-256.
    #[must_use]
    pub fn is_whole(&self, digest: &dyn Fn(&[u8]) -> Digest) -> bool {
        let (head, body) = self.bytes.split_at_checked(HEAD).unwrap_or_default();
        head.get(HEAD - 32..).is_some_and(|written| written == digest(body).0)
    }

    /// When it was made, in seconds since 1970.
    #[must_use]
    pub const fn built_at(&self) -> u64 {
        self.built_at
    }

    fn section(&self, section: Section) -> &'d [u8] {
        self.sections.get(section as usize).copied().unwrap_or_default()
    }

    fn rows(&self, section: Section) -> u32 {
        u32::try_from(self.section(section).len() / (section.width().max(1) * 4)).unwrap_or(u32::MAX)
    }

    fn at(&self, section: Section, row: u32, column: usize) -> u32 {
        let place = (row as usize).checked_mul(section.width()).and_then(|place| place.checked_add(column)?.checked_mul(4));
        place.and_then(|place| number(self.section(section), place)).unwrap_or(0)
    }

    fn text(&self, at: u32) -> &'d str {
        let bytes = self.section(Section::Texts);
        let start = at as usize;
        let length = number(bytes, start).unwrap_or(0) as usize;
        let text = start.checked_add(4).and_then(|start| bytes.get(start..start.checked_add(length)?));
        text.and_then(|text| std::str::from_utf8(text).ok()).unwrap_or_default()
    }

    fn column(&self, section: Section, row: u32, column: usize) -> &'d str {
        self.text(self.at(section, row, column))
    }

    /// The first row of some, sorted by their first text, that does not come before `wanted`.
    fn first_not_before(&self, section: Section, first: u32, count: u32, wanted: &str) -> u32 {
        let (mut low, mut high) = (first, first.saturating_add(count).min(self.rows(section)));
        while low < high {
            let middle = low + (high - low) / 2;
            if self.column(section, middle, 0) < wanted { low = middle + 1 } else { high = middle }
        }
        low
    }

    /// The row of some, sorted by their first text, with that text.
    fn find(&self, section: Section, first: u32, count: u32, wanted: &str) -> Option<u32> {
        let row = self.first_not_before(section, first, count, wanted);
        (row < first.saturating_add(count) && row < self.rows(section) && self.column(section, row, 0) == wanted).then_some(row)
    }

    /// All ecosystems, sorted by name.
    pub fn ecosystems(&self) -> impl Iterator<Item = Ecosystem<'d>> {
        let this = *self;
        (0..self.rows(Section::Ecosystems)).map(move |row| this.ecosystem_at(row))
    }

    fn ecosystem_at(&self, row: u32) -> Ecosystem<'d> {
        let at = |column| self.at(Section::Ecosystems, row, column);
        Ecosystem { name: self.text(at(0)), advisories: at(1), first: at(2), names: at(3) }
    }

    /// Ecosystems of a name; one that ends with `*` stands for all that begin so, and a `*` within it for anything without `:`.
    pub fn ecosystems_named(&self, name: &str) -> Vec<Ecosystem<'d>> {
        match name.split_once('*') {
            None => self
                .find(Section::Ecosystems, 0, self.rows(Section::Ecosystems), name)
                .map(|row| self.ecosystem_at(row))
                .into_iter()
                .collect(),
            Some((start, rest)) => self
                .ecosystems()
                .filter(|one| {
                    one.name.strip_prefix(start).is_some_and(|after| {
                        let rest = rest.trim_end_matches('*');
                        rest.is_empty() || after.match_indices(rest).any(|(at, _)| !after.get(..at).unwrap_or_default().contains(':'))
                    })
                })
                .collect(),
        }
    }

    /// How many advisories there are.
    #[must_use]
    pub fn advisories(&self) -> u32 {
        self.rows(Section::Advisories)
    }

    /// What is said of a package: its ecosystem as OSV names it, and its name in the one spelling of that ecosystem.
    pub fn about(&self, ecosystem: &str, name: &str) -> impl Iterator<Item = (Record<'d>, Reach<'d>)> {
        let found = self
            .find(Section::Ecosystems, 0, self.rows(Section::Ecosystems), ecosystem)
            .map(|row| self.ecosystem_at(row))
            .and_then(|ecosystem| self.find(Section::Names, ecosystem.first, ecosystem.names, name));
        let (first, count) = found.map_or((0, 0), |row| (self.at(Section::Names, row, 1), self.at(Section::Names, row, 2)));
        let last = first.saturating_add(count).min(self.rows(Section::Affected));
        let this = *self;
        (first..last).map(move |row| {
            let at = |column| this.at(Section::Affected, row, column);
            let reach =
                Reach { database: this, intervals: (at(1), at(2)), versions: (at(3), at(4)), commits_only: at(5) & COMMITS_ONLY != 0 };
            (this.record(at(0)), reach)
        })
    }

    fn record(&self, row: u32) -> Record<'d> {
        let at = |column| self.at(Section::Advisories, row, column);
        let score = f32::from_bits(at(6));
        Record {
            database: *self,
            row,
            id: self.text(at(0)),
            summary: self.text(at(1)),
            details: self.text(at(2)),
            vector: self.text(at(3)),
            informational: self.text(at(4)),
            severity: Severity::ALL.get(at(5) as usize).copied(),
            score: (score.is_finite() && (0.0..=10.0).contains(&score)).then_some(score),
            malicious: at(7) & MALICIOUS != 0,
            published: i64::from(at(8)),
        }
    }

    /// Where the advisories come from.
    pub fn sources(&self) -> impl Iterator<Item = Source<'d>> {
        let this = *self;
        (0..self.rows(Section::Sources)).map(move |row| {
            let at = |column| this.at(Section::Sources, row, column);
            Source { name: this.text(at(0)), licence: this.text(at(1)), date: i64::from(at(2)), records: at(3) }
        })
    }

    /// Whether a hole is known to be used.
    #[must_use]
    pub fn exploited(&self, cve: &str) -> Option<Exploited<'d>> {
        let row = self.find(Section::Exploited, 0, self.rows(Section::Exploited), cve)?;
        let at = |column| self.at(Section::Exploited, row, column);
        Some(Exploited { name: self.text(at(1)), added: i64::from(at(2)), due: i64::from(at(3)), ransomware: at(4) != 0 })
    }

    /// How likely a hole is used.
    #[must_use]
    pub fn likelihood(&self, cve: &str) -> Option<Likelihood> {
        let row = self.find(Section::Likelihoods, 0, self.rows(Section::Likelihoods), cve)?;
        let part = |column| f32::from_bits(self.at(Section::Likelihoods, row, column));
        Some(Likelihood { probability: part(1), percentile: part(2) })
    }

    fn texts(&self, section: Section, first: u32, count: u32) -> impl Iterator<Item = &'d str> + use<'d> {
        let this = *self;
        let last = first.saturating_add(count).min(self.rows(section));
        (first..last).map(move |row| this.column(section, row, 0))
    }
}

impl<'d> Record<'d> {
    fn list(&self, column: usize) -> impl Iterator<Item = &'d str> + use<'d> {
        let at = |column| self.database.at(Section::Advisories, self.row, column);
        self.database.texts(Section::Lists, at(column), at(column + 1))
    }

    /// Other ids of the same fault.
    pub fn aliases(&self) -> impl Iterator<Item = &'d str> + use<'d> {
        self.list(10)
    }

    /// Faults it speaks of without being them.
    pub fn related(&self) -> impl Iterator<Item = &'d str> + use<'d> {
        self.list(12)
    }

    /// Weaknesses: `CWE-502`.
    pub fn cwes(&self) -> impl Iterator<Item = &'d str> + use<'d> {
        self.list(14)
    }

    /// Addresses to read more at.
    pub fn references(&self) -> impl Iterator<Item = &'d str> + use<'d> {
        self.list(16)
    }
}

impl<'d> Reach<'d> {
    /// Ranges: the first version that is affected, and the end.
    pub fn intervals(&self) -> impl Iterator<Item = (&'d str, End)> + use<'d> {
        let database = self.database;
        let last = self.intervals.0.saturating_add(self.intervals.1).min(database.rows(Section::Intervals));
        (self.intervals.0..last).map(move |row| {
            let end = database.column(Section::Intervals, row, 1).to_owned();
            let end = match database.at(Section::Intervals, row, 2) {
                FIXED => End::Fixed(end),
                LAST => End::Last(end),
                _ => End::Open,
            };
            (database.column(Section::Intervals, row, 0), end)
        })
    }

    /// Single versions, sorted.
    pub fn versions(&self) -> impl Iterator<Item = &'d str> + use<'d> {
        self.database.texts(Section::Versions, self.versions.0, self.versions.1)
    }

    /// Whether a version is listed.
    #[must_use]
    pub fn lists(&self, version: &str) -> bool {
        self.database.find(Section::Versions, self.versions.0, self.versions.1, version).is_some()
    }
}
