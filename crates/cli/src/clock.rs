//! When known holes first met packages here, as the evidence log tells: what a patch window runs from.
//!
//! The log is the truth: each gate writes into its manifest when it first met each hole. What was read of a log is kept beside the
//! user's state, so that a run reads only the records that are new; without it everything is read again.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use probity_attest::sha256;
use probity_attest::statement::{Statement, format_time, parse_time};
use probity_core::Timestamp;
use probity_ledger::{FolderStorage, LogReader, ReadError, Storage};
use probity_packages::Purl;
use probity_verdict::config::EvidenceSettings;
use serde_json::{Map, Value, json};

use crate::arguments::EvidencePlace;
use crate::commands::gate::place_of;
use crate::logs::{self, LogPlace};
use crate::state;

/// Who knows when holes were first met.
#[derive(Clone, Debug)]
pub(crate) enum Keeper {
    /// The log of a folder, by flag or configuration; and whether this run is recorded in it.
    Log { place: EvidencePlace, top: PathBuf, recorded: bool },
    /// What a log told before.
    Told(Arc<Book>),
}

impl Keeper {
    /// Whether the run is, or was, recorded.
    pub(crate) fn is_recorded(&self) -> bool {
        match self {
            Keeper::Log { recorded, .. } => *recorded,
            Keeper::Told(_) => true,
        }
    }

    /// What is known; `None` where no log is kept.
    pub(crate) fn book(&self, settings: &EvidenceSettings) -> Result<Option<Arc<Book>>> {
        match self {
            Keeper::Told(book) => Ok(Some(Arc::clone(book))),
            Keeper::Log { place, top, .. } => match place_of(place, settings, top) {
                Ok(Some(LogPlace::Folder(folder))) => Ok(Some(Arc::new(Book::of_log(&FolderStorage::new(folder))?))),
                Ok(Some(bucket)) => Ok(Some(Arc::new(Book::of_log(&*logs::storage(&bucket)?)?))),
                // A place that cannot be is said where the run is to be recorded.
                Ok(None) | Err(_) => Ok(None),
            },
        }
    }
}

/// When holes first met packages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Book {
    /// By hole and package URL without a version.
    met: BTreeMap<(String, String), Timestamp>,
    /// Records whose manifests are gone, so that what they met is not known.
    pub(crate) gone: u64,
}

/// Where the reading of a log stopped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Mark {
    /// The log's key.
    log: String,
    /// The first record that was not read.
    next: u64,
    /// The digest of the record before it.
    last: String,
}

impl Book {
    /// When one of these names of a hole first met a package.
    pub(crate) fn first_met(&self, names: &[&str], package: &str) -> Option<Timestamp> {
        names.iter().filter_map(|name| self.met.get(&((*name).to_owned(), package.to_owned()))).min().copied()
    }

    fn note(&mut self, hole: &str, package: &str, met: Timestamp) {
        let known = self.met.entry((hole.to_owned(), package.to_owned())).or_insert(met);
        *known = met.min(*known);
    }

    /// Takes over what a manifest says.
    pub(crate) fn note_all(&mut self, manifest: &Value) {
        for result in manifest["results"].as_array().into_iter().flatten() {
            let Some(met) = result["first_met"].as_str().and_then(|text| parse_time(text).ok()) else { continue };
            let (Some(hole), Some(purl)) = (result["rule"].as_str(), result["subject"]["id"].as_str()) else { continue };
            if let Ok(purl) = purl.parse::<Purl>() {
                self.note(hole, &purl.without_version().to_string(), met);
            }
        }
    }

    /// Reads records of a log into it.
    pub(crate) fn read(&mut self, reader: &LogReader<'_>, records: std::ops::Range<u64>) -> Result<()> {
        for entry in reader.entries_from(records.start) {
            let (index, record) = entry?;
            if index >= records.end {
                break;
            }
            let Ok(statement) = Statement::of_record(&record) else { continue };
            let Some(blob) = statement.blobs()?.into_iter().find(|blob| blob.name == "manifest") else { continue };
            let bytes = match reader.blob(&blob.digest) {
                Ok(bytes) => bytes,
                Err(ReadError::Missing(_)) => {
                    self.gone += 1;
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            if memchr::memmem::find(&bytes, b"\"first_met\"").is_none() {
                continue;
            }
            let manifest: Value =
                serde_json::from_slice(&bytes).with_context(|| format!("the manifest of record {index} cannot be read"))?;
            self.note_all(&manifest);
        }
        Ok(())
    }

    /// What a log tells; nothing where there is none yet.
    fn of_log(storage: &dyn Storage) -> Result<Book> {
        let reader = match LogReader::open(storage, None) {
            Ok(reader) => reader,
            Err(ReadError::NoLedger(_)) => return Ok(Book::default()),
            Err(error) => return Err(error.into()),
        };
        let log = reader.key().to_string();
        let kept = state::folder().ok().map(|state| state.join("clocks").join(format!("{}.json", sha256(log.as_bytes()))));
        let (mut book, mark) = kept.as_deref().and_then(|path| kept_at(path, &log, &reader)).unwrap_or_default();
        let size = reader.size();
        if mark.next < size {
            book.read(&reader, mark.next..size)?;
            let last = sha256(&reader.entry(size - 1)?).to_string();
            if let Some(path) = &kept {
                // Without it the next run only takes longer.
                let _ = keep(path, &book, &Mark { log, next: size, last });
            }
        }
        Ok(book)
    }
}

/// What was kept of a log, if it is still that log.
fn kept_at(path: &Path, log: &str, reader: &LogReader<'_>) -> Option<(Book, Mark)> {
    let value: Value = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
    let mark = Mark { log: value["log"].as_str()?.to_owned(), next: value["next"].as_u64()?, last: value["last"].as_str()?.to_owned() };
    let same = value["version"] == 1
        && mark.log == log
        && (1..=reader.size()).contains(&mark.next)
        && reader.entry(mark.next - 1).is_ok_and(|record| sha256(&record).to_string() == mark.last);
    if !same {
        return None;
    }
    let mut book = Book { gone: value["gone"].as_u64()?, ..Book::default() };
    for (hole, packages) in value["met"].as_object()? {
        for (package, met) in packages.as_object()? {
            book.note(hole, package, parse_time(met.as_str()?).ok()?);
        }
    }
    Some((book, mark))
}

fn keep(path: &Path, book: &Book, mark: &Mark) -> Result<()> {
    let mut met: Map<String, Value> = Map::new();
    for ((hole, package), time) in &book.met {
        let packages = met.entry(hole.clone()).or_insert_with(|| Value::Object(Map::new()));
        packages[package] = Value::String(format_time(*time)?);
    }
    let text = json!({ "version": 1, "log": mark.log, "next": mark.next, "last": mark.last, "gone": book.gone, "met": met }).to_string();
    // Beside it first: who reads the old one reads it to its end.
    let beside = path.with_extension(format!("{}.new", std::process::id()));
    state::write(&beside, &text)?;
    std::fs::rename(&beside, path).with_context(|| format!("`{}` cannot be written", path.display()))
}
