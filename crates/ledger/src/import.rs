//! Taking the records of another ledger into this one: a runner's into a kept one, or an old one's after a change of keys. The other
//! ledger's envelopes come over byte for byte; a record of our own before them says whose they are.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use probity_attest::VerifyingKey;
use probity_attest::note::{Checkpoint, NoteError, VerifierKey};
use probity_attest::statement::{Descriptor, Statement, StatementError, format_time};
use probity_core::{Digest, Timestamp};
use serde::Deserialize;
use serde_json::{Map, json};

use crate::ledger::{NewEntry, check_entry};
use crate::receipt::Receipt;
use crate::verify::{VerifyError, VerifyOptions, verify};
use crate::{AppendError, Ledger, LogReader, ReadError, Storage, merkle};

/// Predicate type of the record that stands before imported ones.
pub const LEDGER_IMPORT_V1: &str = "https://probity.dev/ledger-import/v1";

/// Another ledger that was not imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The other ledger does not hold up.
    #[error("the other ledger is refused")]
    Verify(#[from] VerifyError),
    /// The other ledger could not be read, or changed under way.
    #[error("the other ledger could not be read")]
    Read(#[source] ReadError),
    /// The other ledger has fewer entries than, or others than, what was imported of it before.
    #[error("the other ledger does not continue the {0} entries that were imported of it before")]
    Forked(u64),
    /// Appending failed.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// An import record of this ledger cannot be read.
    #[error("entry {index} of this ledger is a damaged import record")]
    Damaged {
        /// Which.
        index: u64,
        /// Why.
        #[source]
        source: StatementError,
    },
}

/// What an import did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// Records taken over now.
    pub records: u64,
    /// Entries of the other ledger that are in this one, with those of before.
    pub size: u64,
    /// Receipts of the import record and of each record taken over, in order; empty if there was nothing new.
    pub receipts: Vec<Receipt>,
}

/// What stands before imported records: which log they come from, and which keys signed them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportRecord {
    /// The other log's key.
    pub log: VerifierKey,
    /// The other log's signed checkpoint.
    pub note: String,
    /// The checkpoint in it.
    pub checkpoint: Checkpoint,
    /// Place in the other log of the first record that follows; the last is the last of the checkpoint.
    pub from: u64,
    /// Keys that signed the records that follow.
    pub keys: Vec<VerifyingKey>,
}

#[derive(Deserialize)]
struct ImportJson {
    log: String,
    checkpoint: String,
    from: u64,
    keys: Vec<String>,
}

impl ImportRecord {
    fn to_statement(&self, time: Timestamp) -> Result<Statement, StatementError> {
        let keys: Vec<String> = self.keys.iter().map(|key| STANDARD.encode(key.raw())).collect();
        let predicate = Map::from_iter([
            ("log".to_owned(), json!(self.log.to_string())),
            ("checkpoint".to_owned(), json!(self.note)),
            ("from".to_owned(), json!(self.from)),
            ("keys".to_owned(), json!(keys)),
            ("time".to_owned(), json!(format_time(time)?)),
        ]);
        let subjects = vec![Descriptor::sha256(&self.checkpoint.origin, self.checkpoint.root)];
        Ok(Statement { subjects, predicate_type: LEDGER_IMPORT_V1.to_owned(), predicate })
    }

    /// Reads an import record and verifies the checkpoint in it; `None` for other statements.
    pub fn of_statement(statement: &Statement) -> Result<Option<ImportRecord>, StatementError> {
        if statement.predicate_type != LEDGER_IMPORT_V1 {
            return Ok(None);
        }
        let wrong = |why: String| StatementError::Json(format!("import record: {why}"));
        let json: ImportJson = Deserialize::deserialize(serde_json::Value::Object(statement.predicate.clone()))
            .map_err(|error: serde_json::Error| wrong(error.to_string()))?;
        let note = |error: NoteError| wrong(error.to_string());
        let log = VerifierKey::parse(&json.log).map_err(note)?;
        let checkpoint = Checkpoint::open(&json.checkpoint, &log).map_err(note)?;
        let mut keys = Vec::with_capacity(json.keys.len());
        for key in &json.keys {
            let raw = STANDARD.decode(key).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
            keys.push(VerifyingKey::from_raw(raw.ok_or_else(|| wrong("a key is not one".to_owned()))?));
        }
        if json.from >= checkpoint.size {
            return Err(wrong("it takes over nothing".to_owned()));
        }
        Ok(Some(ImportRecord { log, note: json.checkpoint, checkpoint, from: json.from, keys }))
    }

    /// How many records follow that it speaks of.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.checkpoint.size.saturating_sub(self.from)
    }
}

impl Ledger {
    /// Verifies another ledger (its folder, or an opened export) and appends its records that are not here yet, with their blobs and
    /// after a record of our own, all under one checkpoint. `key` says whose ledger it has to be; without it, whoever wrote it is
    /// believed to be who it says. The records are held in memory meanwhile.
    pub fn append_from(&mut self, other: &dyn Storage, key: Option<&VerifierKey>, time: Timestamp) -> Result<Imported, ImportError> {
        let options =
            VerifyOptions { key: key.map(VerifierKey::key), origin: key.map(|key| key.name().to_owned()), ..VerifyOptions::default() };
        let report = verify(other, &options)?;
        let reader = LogReader::at(other, report.key.clone(), report.note.clone()).map_err(ImportError::Read)?;
        let storage = std::sync::Arc::clone(&self.storage);
        let _lock = storage.lock().map_err(AppendError::from)?;
        self.refresh().map_err(AppendError::from)?;
        let known = self.known_of(&report.key)?;
        if let Some((size, root)) = known {
            let continues = size <= reader.size() && reader.root_at(size).map_err(ImportError::Read)? == root;
            if !continues {
                return Err(ImportError::Forked(size));
            }
        }
        let from = known.map_or(0, |(size, _)| size);
        let size = reader.size();
        if from == size {
            return Ok(Imported { records: 0, size, receipts: Vec::new() });
        }
        let bracket = ImportRecord {
            log: report.key.clone(),
            note: report.note.clone(),
            checkpoint: reader.checkpoint().clone(),
            from,
            keys: report.keys.clone(),
        };
        let record = bracket.to_statement(time).and_then(|statement| statement.sign(&*self.signer)).map_err(AppendError::from)?;
        let mut entries = vec![NewEntry::new(record, Vec::new())];
        let mut leaves = Vec::new();
        for entry in reader.entries() {
            let (index, record) = entry.map_err(ImportError::Read)?;
            leaves.push(merkle::leaf_hash(&record));
            if index >= from {
                let named = Statement::of_record(&record).and_then(|statement| statement.blobs()).map_err(AppendError::from)?;
                let distinct: BTreeMap<Digest, u64> = named.into_iter().map(|blob| (blob.digest, blob.size)).collect();
                let blobs: Result<Vec<_>, ReadError> = distinct.keys().map(|digest| reader.blob(digest)).collect();
                entries.push(check_entry(&*self.storage, record, blobs.map_err(ImportError::Read)?, &report.keys)?);
            }
        }
        // The other ledger is read twice, and it may be somebody else's: what is taken over has to be what was verified.
        if merkle::root(&leaves) != reader.checkpoint().root {
            return Err(ImportError::Forked(size));
        }
        let committed = self.append_locked(&entries.iter().collect::<Vec<_>>())?;
        let first = committed.checkpoint.size - entries.len() as u64;
        let receipts = (first..).zip(&entries).map(|(index, entry)| committed.receipt(index, entry.digest()).ok_or(AppendError::Full));
        let receipts = receipts.collect::<Result<_, _>>()?;
        Ok(Imported { records: size - from, size, receipts })
    }

    /// How much of a log was imported before: entries, and the root over them.
    fn known_of(&self, log: &VerifierKey) -> Result<Option<(u64, Digest)>, ImportError> {
        let mut known = None;
        let mut skip = 0;
        let reader = self.reader().map_err(AppendError::from)?;
        for entry in reader.entries() {
            let (index, record) = entry.map_err(AppendError::from)?;
            if skip > 0 {
                // What an imported ledger imported itself is its own affair.
                skip -= 1;
                continue;
            }
            let damaged = |source| ImportError::Damaged { index, source };
            let statement = Statement::of_record(&record).map_err(damaged)?;
            if let Some(import) = ImportRecord::of_statement(&statement).map_err(damaged)? {
                skip = import.count();
                if import.log == *log {
                    known = Some((import.checkpoint.size, import.checkpoint.root));
                }
            }
        }
        Ok(known)
    }
}
