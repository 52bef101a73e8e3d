//! Making a database.

use std::collections::{BTreeMap, HashMap};

use probity_core::{Digest, Severity};

use super::{COMMITS_ONLY, FIXED, HEAD, LAST, MAGIC, MALICIOUS, OPEN, SECTIONS, Section, UNSCORED};
use crate::ecosystem::normal_name;
use crate::{Advisory, End};

/// Takes advisories in and makes one file of them.
#[derive(Debug, Default)]
pub struct Builder {
    built_at: u64,
    /// By id, the newest of each.
    advisories: BTreeMap<String, Advisory>,
    sources: Vec<(String, String, u32, u32)>,
    exploited: BTreeMap<String, (String, u32, u32, bool)>,
    likelihoods: BTreeMap<String, (f32, f32)>,
}

/// Number of an advisory, and position of a package in it.
type Places = Vec<(u32, usize)>;

/// Texts, each once.
#[derive(Default)]
struct Texts {
    bytes: Vec<u8>,
    known: HashMap<String, u32>,
    lists: Vec<u32>,
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

impl Texts {
    fn add(&mut self, text: &str) -> u32 {
        if let Some(known) = self.known.get(text) {
            return *known;
        }
        let at = count(self.bytes.len());
        self.bytes.extend_from_slice(&count(text.len()).to_le_bytes());
        self.bytes.extend_from_slice(text.as_bytes());
        self.known.insert(text.to_owned(), at);
        at
    }

    /// First and count of a list.
    fn list(&mut self, texts: &[String]) -> [u32; 2] {
        let first = count(self.lists.len());
        for text in texts {
            let at = self.add(text);
            self.lists.push(at);
        }
        [first, count(texts.len())]
    }
}

/// Seconds since 1970 in 32 bits, which last until 2106.
fn moment(seconds: i64) -> u32 {
    u32::try_from(seconds.max(0)).unwrap_or(u32::MAX)
}

impl Builder {
    /// An empty one, made at that time (seconds since 1970).
    #[must_use]
    pub fn new(built_at: u64) -> Builder {
        Builder { built_at, ..Builder::default() }
    }

    /// Says where advisories come from: name, licence, the time of the data, and how many there were.
    pub fn source(&mut self, name: &str, licence: &str, date: i64, records: usize) {
        self.sources.push((name.to_owned(), licence.to_owned(), moment(date), count(records)));
    }

    /// Takes an advisory in; of two with one id the later changed stays. One that was taken back takes out an older one.
    pub fn add(&mut self, advisory: Advisory) {
        match self.advisories.get(&advisory.id) {
            Some(known) if known.modified > advisory.modified => {}
            _ => {
                self.advisories.insert(advisory.id.clone(), advisory);
            }
        }
    }

    /// Leaves out descriptions and all references but the first, for a database that is small.
    pub fn shorten(&mut self) {
        for advisory in self.advisories.values_mut() {
            advisory.details.clear();
            advisory.references.truncate(1);
        }
    }

    /// How many advisories there are that were not taken back.
    #[must_use]
    pub fn len(&self) -> usize {
        self.advisories.values().filter(|advisory| !advisory.withdrawn).count()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Says that a hole is known to be used: CVE, name, when it was added and until when it must be mended.
    pub fn exploited(&mut self, cve: &str, name: &str, added: i64, due: i64, ransomware: bool) {
        self.exploited.insert(cve.to_owned(), (name.to_owned(), moment(added), moment(due), ransomware));
    }

    /// Says how likely a hole is used within thirty days (EPSS), 0 to 1, and how many are less likely.
    pub fn likelihood(&mut self, cve: &str, probability: f32, percentile: f32) {
        self.likelihoods.insert(cve.to_owned(), (probability, percentile));
    }

    /// The file. `digest` is SHA-256.
    #[must_use]
    pub fn build(self, digest: &dyn Fn(&[u8]) -> Digest) -> Vec<u8> {
        let mut texts = Texts::default();
        // The first text is the empty one, so that 0 is no text.
        texts.add("");
        let mut rows: Vec<Vec<u32>> = vec![Vec::new(); SECTIONS];
        let mut put = |section: Section, row: &[u32]| {
            if let Some(rows) = rows.get_mut(section as usize) {
                debug_assert_eq!(row.len(), section.width());
                rows.extend_from_slice(row);
            }
        };
        let kept: Vec<&Advisory> = self.advisories.values().filter(|advisory| !advisory.withdrawn).collect();
        let mut names: BTreeMap<&str, BTreeMap<String, Places>> = BTreeMap::new();
        let mut per_ecosystem: BTreeMap<&str, u32> = BTreeMap::new();
        for (number, advisory) in kept.iter().enumerate() {
            let [id, summary, details] = [&advisory.id, &advisory.summary, &advisory.details].map(|text| texts.add(text));
            let vector = texts.add(advisory.vector.as_deref().unwrap_or_default());
            let informational = texts.add(advisory.informational.as_deref().unwrap_or_default());
            #[expect(clippy::cast_possible_truncation, reason = "a score has one digit behind the point")]
            let score = advisory.score.map_or(f32::NAN, |score| score as f32);
            let mut row = vec![
                id,
                summary,
                details,
                vector,
                informational,
                advisory.severity.map_or(UNSCORED, rank),
                score.to_bits(),
                if advisory.malicious { MALICIOUS } else { 0 },
                moment(advisory.published),
                moment(advisory.modified),
            ];
            for list in [&advisory.aliases, &advisory.related, &advisory.cwes, &advisory.references] {
                row.extend(texts.list(list));
            }
            put(Section::Advisories, &row);
            let mut seen: Vec<&str> = Vec::new();
            for (position, affected) in advisory.affected.iter().enumerate() {
                let name = normal_name(&affected.ecosystem, &affected.name);
                names.entry(&affected.ecosystem).or_default().entry(name).or_default().push((count(number), position));
                if !seen.contains(&&*affected.ecosystem) {
                    seen.push(&affected.ecosystem);
                    *per_ecosystem.entry(&affected.ecosystem).or_insert(0) += 1;
                }
            }
        }
        let (mut all_names, mut all_affected, mut all_intervals, mut all_versions) = (0_u32, 0_u32, 0_u32, 0_u32);
        for (ecosystem, names) in &names {
            let name = texts.add(ecosystem);
            put(Section::Ecosystems, &[name, per_ecosystem.get(ecosystem).copied().unwrap_or(0), all_names, count(names.len())]);
            all_names += count(names.len());
            for (name, places) in names {
                let name = texts.add(name);
                put(Section::Names, &[name, all_affected, count(places.len())]);
                all_affected += count(places.len());
                for (number, position) in places {
                    let Some(affected) = kept.get(*number as usize).and_then(|advisory| advisory.affected.get(*position)) else { continue };
                    put(
                        Section::Affected,
                        &[
                            *number,
                            all_intervals,
                            count(affected.intervals.len()),
                            all_versions,
                            count(affected.versions.len()),
                            if affected.commits_only { COMMITS_ONLY } else { 0 },
                        ],
                    );
                    all_intervals += count(affected.intervals.len());
                    all_versions += count(affected.versions.len());
                    for interval in &affected.intervals {
                        let (end, kind) = match &interval.end {
                            End::Open => ("", OPEN),
                            End::Fixed(version) => (&**version, FIXED),
                            End::Last(version) => (&**version, LAST),
                        };
                        let (introduced, end) = (texts.add(&interval.introduced), texts.add(end));
                        put(Section::Intervals, &[introduced, end, kind]);
                    }
                    for version in &affected.versions {
                        let version = texts.add(version);
                        put(Section::Versions, &[version]);
                    }
                }
            }
        }
        for (name, licence, date, records) in &self.sources {
            let (name, licence) = (texts.add(name), texts.add(licence));
            put(Section::Sources, &[name, licence, *date, *records]);
        }
        for (cve, (name, added, due, ransomware)) in &self.exploited {
            let (cve, name) = (texts.add(cve), texts.add(name));
            put(Section::Exploited, &[cve, name, *added, *due, u32::from(*ransomware)]);
        }
        for (cve, (probability, percentile)) in &self.likelihoods {
            let cve = texts.add(cve);
            put(Section::Likelihoods, &[cve, probability.to_bits(), percentile.to_bits()]);
        }
        if let Some(lists) = rows.get_mut(Section::Lists as usize) {
            *lists = std::mem::take(&mut texts.lists);
        }
        let mut body = Vec::new();
        let mut places = Vec::new();
        for section in Section::ALL {
            let start = body.len();
            if section == Section::Texts {
                body.extend_from_slice(&texts.bytes);
            } else if let Some(rows) = rows.get(section as usize) {
                rows.iter().for_each(|number| body.extend_from_slice(&number.to_le_bytes()));
            }
            places.push(((HEAD + start) as u64, (body.len() - start) as u64));
        }
        let mut out = Vec::with_capacity(HEAD + body.len());
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&count(SECTIONS).to_le_bytes());
        out.extend_from_slice(&0_u32.to_le_bytes());
        out.extend_from_slice(&self.built_at.to_le_bytes());
        for (offset, length) in places {
            out.extend_from_slice(&offset.to_le_bytes());
            out.extend_from_slice(&length.to_le_bytes());
        }
        out.extend_from_slice(&digest(&body).0);
        out.extend_from_slice(&body);
        out
    }
}

fn rank(severity: Severity) -> u32 {
    count(Severity::ALL.iter().position(|one| *one == severity).unwrap_or(0))
}
