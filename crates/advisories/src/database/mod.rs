//! All advisories in one file that is looked into as it lies: made by [`Builder`], read by [`Database`].
//!
//! Numbers are little-endian. The head: `PROBADV1`, the number of sections (u32), zero (u32), the time it was made (u64, seconds since
//! 1970), offset and length (u64 each) of every section, and the SHA-256 of everything behind the head. Rows of the sections are made of
//! u32; a text is the offset of its length (u32) and bytes in the first section. The same advisories give the same bytes.

mod build;
mod read;

pub use build::Builder;
pub use read::{Database, DatabaseError, Ecosystem, Exploited, Likelihood, Reach, Record, Source};

const MAGIC: &[u8; 8] = b"PROBADV1";
const HEAD: usize = 8 + 4 + 4 + 8 + SECTIONS * 16 + 32;
const SECTIONS: usize = 11;

/// What a section holds, in their order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Section {
    Texts,
    /// Name, advisories, first name, names.
    Ecosystems,
    /// Name, first affected, affected.
    Names,
    /// Advisory, first interval, intervals, first version, versions, flags.
    Affected,
    /// Introduced, end, kind of end.
    Intervals,
    /// Text.
    Versions,
    /// Id, summary, details, vector, informational, severity, score, flags, published, modified; aliases, related, cwes, references (first
    /// and count of each).
    Advisories,
    /// Text.
    Lists,
    /// Name, licence, date, records.
    Sources,
    /// CVE, name, added, due, whether ransomware uses it.
    Exploited,
    /// CVE, probability, percentile (both as f32).
    Likelihoods,
}

impl Section {
    const ALL: [Section; SECTIONS] = [
        Section::Texts,
        Section::Ecosystems,
        Section::Names,
        Section::Affected,
        Section::Intervals,
        Section::Versions,
        Section::Advisories,
        Section::Lists,
        Section::Sources,
        Section::Exploited,
        Section::Likelihoods,
    ];

    /// Numbers in a row.
    const fn width(self) -> usize {
        match self {
            Section::Texts => 0,
            Section::Ecosystems | Section::Sources => 4,
            Section::Names | Section::Intervals | Section::Likelihoods => 3,
            Section::Affected => 6,
            Section::Versions | Section::Lists => 1,
            Section::Advisories => 18,
            Section::Exploited => 5,
        }
    }
}

const OPEN: u32 = 0;
const FIXED: u32 = 1;
const LAST: u32 = 2;
/// Flag of an affected package: the advisory speaks of commits only.
const COMMITS_ONLY: u32 = 1;
/// Flag of an advisory: the package itself is meant to harm.
const MALICIOUS: u32 = 1;
/// Severity of an advisory that has none.
const UNSCORED: u32 = 255;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Advisory, Affected, End, Interval};
    use probity_core::{Digest, Severity};

    fn digest(bytes: &[u8]) -> Digest {
        let mut out = [0_u8; 32];
        for (position, byte) in bytes.iter().enumerate() {
            if let Some(place) = out.get_mut(position % 32) {
                *place = place.wrapping_mul(31).wrapping_add(*byte);
            }
        }
        Digest(out)
    }

    fn made() -> Vec<u8> {
        let mut builder = Builder::new(1_700_000_000);
        builder.source("test", "CC0-1.0", 1_600_000_000, 2);
        for (id, name, end) in
            [("GHSA-1", "a", End::Fixed("1.2.0".to_owned())), ("GHSA-2", "b", End::Open), ("GHSA-3", "a", End::Last("0.9".to_owned()))]
        {
            builder.add(Advisory {
                id: id.to_owned(),
                aliases: vec!["CVE-2020-1".to_owned()],
                severity: Some(Severity::High),
                score: Some(7.5),
                affected: vec![Affected {
                    ecosystem: "npm".to_owned(),
                    name: name.to_owned(),
                    intervals: vec![Interval { introduced: "0".to_owned(), end }],
                    ..Affected::default()
                }],
                ..Advisory::default()
            });
        }
        builder.add(Advisory { id: "GHSA-4".to_owned(), withdrawn: true, ..Advisory::default() });
        builder.exploited("CVE-2020-1", "a hole", 1_600_000_000, 1_700_000_000, true);
        builder.likelihood("CVE-2020-1", 0.5, 0.99);
        builder.build(&digest)
    }

    #[test]
    fn what_is_built_is_read() {
        let bytes = made();
        assert_eq!(bytes, made());
        let database = Database::open(&bytes).unwrap();
        assert!(database.is_whole(&digest));
        assert_eq!(database.built_at(), 1_700_000_000);
        assert_eq!(database.advisories(), 3);
        let ecosystems: Vec<(String, u32)> = database.ecosystems().map(|one| (one.name.to_owned(), one.advisories)).collect();
        assert_eq!(ecosystems, [("npm".to_owned(), 3)]);
        let found: Vec<String> = database.about("npm", "a").map(|(record, _)| record.id.to_owned()).collect();
        assert_eq!(found, ["GHSA-1", "GHSA-3"]);
        let (record, reach) = database.about("npm", "b").next().unwrap();
        assert_eq!((record.severity, record.score), (Some(Severity::High), Some(7.5)));
        assert_eq!(record.aliases().collect::<Vec<_>>(), ["CVE-2020-1"]);
        assert_eq!(reach.intervals().count(), 1);
        assert_eq!(database.about("npm", "c").count(), 0);
        assert_eq!(database.about("PyPI", "a").count(), 0);
        assert_eq!(database.exploited("CVE-2020-1").unwrap().due, 1_700_000_000);
        assert!(database.exploited("CVE-2020-2").is_none());
        assert_eq!(database.likelihood("CVE-2020-1").unwrap().probability, 0.5);
        assert_eq!(database.sources().next().unwrap().name, "test");
    }

    #[test]
    fn what_is_broken_is_refused_or_empty() {
        let bytes = made();
        for length in 0..bytes.len() {
            // Cut anywhere it is refused, since a section is missing.
            assert!(Database::open(bytes.get(..length).unwrap()).is_err(), "{length}");
        }
        for at in 0..bytes.len() {
            let mut bytes = bytes.clone();
            bytes[at] ^= 0xff;
            let Ok(database) = Database::open(&bytes) else { continue };
            // Changed anywhere behind the head, the digest says so; and nothing panics.
            assert!(at < HEAD || !database.is_whole(&digest), "{at}");
            for ecosystem in database.ecosystems() {
                database.about(ecosystem.name, "a").for_each(|(record, reach)| {
                    let _ = (record.aliases().count(), record.references().count(), reach.intervals().count(), reach.versions().count());
                });
            }
            let _ = (database.exploited("CVE-2020-1"), database.sources().count());
        }
    }
}
