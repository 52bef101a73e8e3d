//! Reading a log at one of its checkpoints, also while somebody appends: entries, blobs, receipts. What is read is checked as far as the
//! reader needs it; checking everything is `verify`'s business.

use std::cell::RefCell;
use std::collections::HashMap;

use probity_attest::note::{Checkpoint, NoteError, VerifierKey};
use probity_attest::sha256;
use probity_core::Digest;

use crate::merkle::{self, Nodes};
use crate::receipt::Receipt;
use crate::tile::{self, TileId, TileKind, WIDTH};
use crate::{BLOBS, CHECKPOINT, KEY, Storage, StorageError};

/// A log, or a part of it, that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// Nothing here.
    #[error("there is no ledger at `{0}`")]
    NoLedger(String),
    /// A file that a log of this size must have.
    #[error("the ledger's file `{0}` is missing")]
    Missing(String),
    /// A file that does not fit the log.
    #[error("the ledger's file `{path}` is damaged: {why}")]
    Damaged {
        /// Which.
        path: String,
        /// What is wrong.
        why: String,
    },
    /// The key file or the checkpoint is not to be trusted.
    #[error("the ledger's file `{path}` is not to be trusted: {why}")]
    Note {
        /// Which.
        path: &'static str,
        /// What is wrong.
        why: NoteError,
    },
    /// The log of another key.
    #[error("the ledger belongs to the key `{found}`, not to `{expected}`")]
    OtherKey {
        /// The key asked for.
        expected: String,
        /// The key found.
        found: String,
    },
    /// No such entry.
    #[error("there is no entry {index} in a log of {size} entries")]
    NoEntry {
        /// The entry asked for.
        index: u64,
        /// Entries in the log.
        size: u64,
    },
}

/// Path of a blob.
#[must_use]
pub fn blob_path(digest: &Digest) -> String {
    let text = digest.to_string();
    let (head, rest) = text.split_at_checked(2).unwrap_or((&text, ""));
    format!("{BLOBS}{head}/{rest}")
}

/// The log's key as its key file names it; `None` without the file.
pub(crate) fn read_key(storage: &dyn Storage) -> Result<Option<VerifierKey>, ReadError> {
    let Some(bytes) = storage.read(KEY)? else { return Ok(None) };
    let wrong = |why: &str| ReadError::Damaged { path: KEY.to_owned(), why: why.to_owned() };
    let text = String::from_utf8(bytes).map_err(|_| wrong("not UTF-8"))?;
    let line = text.strip_suffix('\n').ok_or_else(|| wrong("not one line"))?;
    VerifierKey::parse(line).map(Some).map_err(|why| ReadError::Note { path: KEY, why })
}

/// The signed checkpoint as it is stored; `None` without the file.
pub(crate) fn read_note(storage: &dyn Storage) -> Result<Option<String>, ReadError> {
    let Some(bytes) = storage.read(CHECKPOINT)? else { return Ok(None) };
    let wrong = |_| ReadError::Damaged { path: CHECKPOINT.to_owned(), why: "not UTF-8".to_owned() };
    String::from_utf8(bytes).map(Some).map_err(wrong)
}

/// How often a tile is looked for that a writer keeps replacing by a wider one.
const LOOKS: u32 = 8;

/// The bytes of a tile of a log at a checkpoint. A writer that went on since may have replaced it by a wider one, which begins with the
/// same entries; the width is that of the one found.
fn read_tile(storage: &dyn Storage, tile: TileId) -> Result<(Vec<u8>, u16), ReadError> {
    for _ in 0..LOOKS {
        if let Some(bytes) = storage.read(&tile.to_string())? {
            return Ok((bytes, tile.width));
        }
        let listed = if tile.width == 256 { Vec::new() } else { storage.list(&tile.partial_folder())? };
        let mut wider: Vec<TileId> = listed.iter().filter_map(|path| TileId::parse(path)).chain([tile.full()]).collect();
        wider.retain(|each| each.width > tile.width);
        wider.sort_unstable();
        for each in wider {
            if let Some(bytes) = storage.read(&each.to_string())? {
                return Ok((bytes, each.width));
            }
        }
    }
    Err(ReadError::Missing(tile.to_string()))
}

/// The hashes of a tile.
pub(crate) fn read_hashes(storage: &dyn Storage, tile: TileId) -> Result<Vec<Digest>, ReadError> {
    let (bytes, width) = read_tile(storage, tile)?;
    let wrong = || ReadError::Damaged { path: tile.to_string(), why: format!("it does not hold {width} hashes") };
    let mut hashes = tile::hashes(&bytes, width).ok_or_else(wrong)?;
    hashes.truncate(usize::from(tile.width));
    Ok(hashes)
}

/// The entries of a bundle.
pub(crate) fn read_bundle(storage: &dyn Storage, tile: TileId) -> Result<Vec<Vec<u8>>, ReadError> {
    let (bytes, width) = read_tile(storage, tile)?;
    let (entries, whole) = tile::unframe(&bytes, width);
    if !whole {
        return Err(ReadError::Damaged { path: tile.to_string(), why: format!("it does not hold {width} entries") });
    }
    Ok(entries.into_iter().take(usize::from(tile.width)).map(<[u8]>::to_vec).collect())
}

/// The hashes of a log of some size: those given, else those stored.
pub(crate) struct TileNodes<'a> {
    pub(crate) storage: &'a dyn Storage,
    pub(crate) size: u64,
    pub(crate) known: RefCell<HashMap<(TileKind, u64), Vec<Digest>>>,
}

impl Nodes for TileNodes<'_> {
    type Error = ReadError;

    fn node(&self, height: u32, index: u64) -> Result<Digest, ReadError> {
        let level = u8::try_from(height / 8).unwrap_or(u8::MAX);
        let kind = TileKind::Hashes(level);
        // In its tile, a subtree spans 2^span hashes.
        let span = height % 8;
        let first = index << span;
        let key = (kind, first / WIDTH);
        let outside = || ReadError::NoEntry { index: first << (height - span), size: self.size };
        if !self.known.borrow().contains_key(&key) {
            let tile = tile::tile_at(kind, first / WIDTH, self.size).ok_or_else(outside)?;
            let hashes = read_hashes(self.storage, tile)?;
            self.known.borrow_mut().insert(key, hashes);
        }
        let known = self.known.borrow();
        let start = usize::try_from(first % WIDTH).map_err(|_| outside())?;
        let hashes = known.get(&key).and_then(|hashes| hashes.get(start..start + (1 << span))).ok_or_else(outside)?;
        Ok(merkle::root(hashes))
    }
}

/// A log as it was at one checkpoint, whose signature was verified.
pub struct LogReader<'a> {
    key: VerifierKey,
    checkpoint: Checkpoint,
    note: String,
    nodes: TileNodes<'a>,
}

impl<'a> LogReader<'a> {
    /// Reads key and checkpoint. With a key given, the log has to be that key's; without, it is the one the log itself names, which
    /// proves nothing about who wrote it.
    pub fn open(storage: &'a dyn Storage, key: Option<&VerifierKey>) -> Result<LogReader<'a>, ReadError> {
        let Some(found) = read_key(storage)? else { return Err(ReadError::NoLedger(storage.place())) };
        if let Some(key) = key
            && *key != found
        {
            return Err(ReadError::OtherKey { expected: key.to_string(), found: found.to_string() });
        }
        let note = read_note(storage)?.ok_or_else(|| ReadError::Missing(CHECKPOINT.to_owned()))?;
        LogReader::at(storage, found, note)
    }

    /// Reads the log as it was at a checkpoint it may have passed since.
    pub fn at(storage: &'a dyn Storage, key: VerifierKey, note: String) -> Result<LogReader<'a>, ReadError> {
        let checkpoint = Checkpoint::open(&note, &key).map_err(|why| ReadError::Note { path: CHECKPOINT, why })?;
        let nodes = TileNodes { storage, size: checkpoint.size, known: RefCell::default() };
        Ok(LogReader { key, checkpoint, note, nodes })
    }

    pub(crate) fn storage(&self) -> &'a dyn Storage {
        self.nodes.storage
    }

    /// The log's key.
    #[must_use]
    pub fn key(&self) -> &VerifierKey {
        &self.key
    }

    /// The head.
    #[must_use]
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The head as signed.
    #[must_use]
    pub fn note(&self) -> &str {
        &self.note
    }

    /// Entries in it.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.checkpoint.size
    }

    /// The record at a place.
    pub fn entry(&self, index: u64) -> Result<Vec<u8>, ReadError> {
        let none = || ReadError::NoEntry { index, size: self.size() };
        let tile = tile::tile_at(TileKind::Entries, index / WIDTH, self.size()).filter(|_| index < self.size()).ok_or_else(none)?;
        let place = usize::try_from(index % WIDTH).map_err(|_| none())?;
        read_bundle(self.nodes.storage, tile)?.into_iter().nth(place).ok_or_else(none)
    }

    /// All records in order, with their places. The first that cannot be read ends it.
    pub fn entries(&self) -> impl Iterator<Item = Result<(u64, Vec<u8>), ReadError>> {
        self.entries_from(0)
    }

    /// The same from a place on; each bundle is read once.
    pub fn entries_from(&self, first: u64) -> impl Iterator<Item = Result<(u64, Vec<u8>), ReadError>> {
        let mut failed = false;
        tile::tiles(TileKind::Entries, self.size())
            .skip_while(move |tile| tile.first_entry() + u64::from(tile.width) <= first)
            .map_while(move |tile| {
                if failed {
                    return None;
                }
                let bundle = read_bundle(self.nodes.storage, tile);
                failed = bundle.is_err();
                Some((tile, bundle))
            })
            .flat_map(move |(tile, bundle)| -> Vec<Result<(u64, Vec<u8>), ReadError>> {
                match bundle {
                    Ok(entries) => (tile.first_entry()..).zip(entries).filter(move |(index, _)| *index >= first).map(Ok).collect(),
                    Err(error) => vec![Err(error)],
                }
            })
    }

    /// The place of the record with this SHA-256; the last, if it is there more than once.
    pub fn find(&self, record: &Digest) -> Result<Option<u64>, ReadError> {
        let mut found = None;
        for entry in self.entries() {
            let (index, bytes) = entry?;
            if sha256(&bytes) == *record {
                found = Some(index);
            }
        }
        Ok(found)
    }

    /// A stored blob, if it is there and has this digest.
    pub fn blob(&self, digest: &Digest) -> Result<Vec<u8>, ReadError> {
        let path = blob_path(digest);
        let bytes = self.nodes.storage.read(&path)?.ok_or_else(|| ReadError::Missing(path.clone()))?;
        if sha256(&bytes) == *digest {
            Ok(bytes)
        } else {
            Err(ReadError::Damaged { path, why: "its content has another digest".to_owned() })
        }
    }

    /// The proof that the record at a place is in the log at this checkpoint. It is checked before it is given.
    pub fn receipt(&self, index: u64) -> Result<Receipt, ReadError> {
        let record = self.entry(index)?;
        let path = merkle::inclusion_proof(&self.nodes, index, self.size())?;
        let path = path.ok_or(ReadError::NoEntry { index, size: self.size() })?;
        let receipt = Receipt::new(&record, index, path, self.checkpoint.clone(), &self.note);
        match receipt.proof.verify(&record, &self.key) {
            Ok(_) => Ok(receipt),
            Err(error) => Err(ReadError::Damaged { path: "tile/".to_owned(), why: error.to_string() }),
        }
    }

    /// Root of the log when it had `size` entries, from its hash tiles.
    pub fn root_at(&self, size: u64) -> Result<Digest, ReadError> {
        if size > self.size() {
            return Err(ReadError::NoEntry { index: size, size: self.size() });
        }
        merkle::root_at(&self.nodes, size)
    }

    /// Proof that the log with `old` entries is a beginning of this one. `None` unless `0 < old <= size`.
    pub fn consistency_proof(&self, old: u64) -> Result<Option<Vec<Digest>>, ReadError> {
        merkle::consistency_proof(&self.nodes, old, self.size())
    }
}
