//! Appending. The order of writes is what makes it safe to die at any point: blobs, entries and hashes, and when all of these are durable,
//! the checkpoint; nothing is acknowledged before the checkpoint is durable, and nothing the checkpoint covers is ever written again.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use probity_attest::dsse::{self, Envelope};
use probity_attest::note::{Checkpoint, NoteError, VerifierKey};
use probity_attest::statement::{Statement, StatementError};
use probity_attest::{KeyProvider, VerifyingKey, sha256};
use probity_core::Digest;

use crate::edge::{Committed, Edge, Subtrees};
use crate::read::{read_bundle, read_hashes, read_key, read_note};
use crate::receipt::Receipt;
use crate::recent::Recent;
use crate::tile::{self, TileId, TileKind, WIDTH};
use crate::{CHECKPOINT, KEY, LogReader, ReadError, Storage, StorageError, TEMPORARY, blob_path, merkle};

/// A ledger that cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// What is there cannot be read or does not fit together.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The origin cannot name a log, or the signer failed.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// Tiles without a checkpoint: the checkpoint was taken away, for a log begins with one.
    #[error("the ledger has entries but its `{CHECKPOINT}` is missing")]
    LostCheckpoint,
    /// A storage for many writers that writes whatever was asked to hold.
    #[error("`{0}` writes also where a condition forbids it: two writers would fork the log")]
    NoConditions(String),
}

/// A record that was not appended, or that may be there without having been acknowledged.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// The storage failed. The record may be in the log; appending the same bytes again is safe.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// What is there cannot be read or does not fit together, so nothing is added to it.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The signer failed.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// Not a signed statement of this ledger's key that fits an entry.
    #[error("the record cannot be appended: {0}")]
    Record(#[from] StatementError),
    /// A blob that the record names was not given and is not stored.
    #[error("the record names the blob `{0}`, which was not given")]
    MissingBlob(Digest),
    /// Others were faster each time. The record is not in the log.
    #[error("other writers were faster {0} times")]
    Contended(u32),
    /// A blob that the record does not name, or names with another size.
    #[error("the blob `{0}` is not one that the record names")]
    UnnamedBlob(Digest),
    /// More entries than a log may have.
    #[error("the log is full")]
    Full,
    /// What the records failed of that were to be written together. They may be in the log; appending the same bytes again is safe.
    #[error(transparent)]
    Batch(#[from] Arc<AppendError>),
    /// The writer of a [`crate::GroupCommit`] has ended. The record may be in the log; appending the same bytes again is safe.
    #[error("the ledger's writer has ended")]
    Closed,
    /// The system gave no thread for a writer.
    #[error("no writer for the ledger could be started")]
    Start(#[source] std::io::Error),
}

/// The end of the log, which is all that appending needs.
struct Head {
    checkpoint: Checkpoint,
    note: String,
    edge: Edge,
    /// The last, partial bundle as it is stored.
    bundle: Vec<u8>,
    recent: Recent,
}

impl Head {
    fn load(storage: &dyn Storage, key: &VerifierKey, note: String, reach: u64) -> Result<Head, ReadError> {
        let checkpoint = Checkpoint::open(&note, key).map_err(|why| ReadError::Note { path: CHECKPOINT, why })?;
        let size = checkpoint.size;
        let mut levels = Vec::new();
        for level in 0..tile::levels(size) {
            let hashes = tile::partial(TileKind::Hashes(level), size).map(|tile| read_hashes(storage, tile)).transpose()?;
            levels.push(Subtrees::of(hashes.unwrap_or_default()));
        }
        let edge = Edge { size, levels };
        let last = tile::partial(TileKind::Entries, size);
        let entries = last.map(|tile| read_bundle(storage, tile)).transpose()?.unwrap_or_default();
        let damaged = |path: String, why: &str| ReadError::Damaged { path, why: why.to_owned() };
        if edge.root() != checkpoint.root {
            return Err(damaged(CHECKPOINT.to_owned(), "the hash tiles do not lead to its root"));
        }
        let leaves: Vec<Digest> = entries.iter().map(|entry| merkle::leaf_hash(entry)).collect();
        if let Some(tile) = last
            && edge.levels.first().map(Subtrees::hashes) != Some(&leaves)
        {
            return Err(damaged(tile.to_string(), "its entries do not fit their hashes"));
        }
        let bundle = entries.iter().filter_map(|entry| tile::frame(entry)).flatten().collect();
        let recent = Recent::load(storage, &edge, reach)?;
        Ok(Head { checkpoint, note, edge, bundle, recent })
    }
}

/// A record that was checked, with the blobs it names.
pub(crate) struct NewEntry {
    record: Vec<u8>,
    /// Its leaf hash.
    leaf: Digest,
    /// SHA-256 of its bytes.
    digest: Digest,
    /// By their digests.
    blobs: Vec<(Digest, Vec<u8>)>,
}

impl NewEntry {
    /// Nothing is checked here.
    pub(crate) fn new(record: Vec<u8>, blobs: Vec<(Digest, Vec<u8>)>) -> NewEntry {
        NewEntry { leaf: merkle::leaf_hash(&record), digest: sha256(&record), record, blobs }
    }

    /// SHA-256 of the record.
    pub(crate) fn digest(&self) -> Digest {
        self.digest
    }

    /// Bytes of the record and of its blobs.
    pub(crate) fn bytes(&self) -> usize {
        self.record.len() + self.blobs.iter().map(|(_, blob)| blob.len()).sum::<usize>()
    }
}

/// Where entries are after a commit: one place for each, and what proves those that were not there before.
pub(crate) struct Places {
    pub(crate) places: Vec<u64>,
    /// Entries before. Those at places below were there already.
    pub(crate) before: u64,
    /// What the new ones came under; `None` if none was new.
    pub(crate) committed: Option<Committed>,
    /// The head as signed.
    pub(crate) note: String,
}

/// A log that one appends to. Several may be open on one storage, in one process or many: each append takes the storage's lock.
pub struct Ledger {
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) signer: Arc<dyn KeyProvider>,
    pub(crate) key: VerifierKey,
    /// What was there when this process last looked; `None` after a failure, when nobody knows.
    head: Option<Head>,
    /// How many tiles of last records are looked at for one that is appended again.
    pub(crate) reach: u64,
}

impl Ledger {
    /// Opens the ledger, or makes an empty one with this origin (a name without spaces and `+`, such as `example.com/team`). Recovers
    /// from an append that did not end: what the checkpoint does not cover does not count and is overwritten in time.
    pub fn open_or_create(storage: Arc<dyn Storage>, signer: Arc<dyn KeyProvider>, origin: &str) -> Result<Ledger, OpenError> {
        let key = VerifierKey::new(origin, signer.public_key())?;
        let lock = storage.lock()?;
        match read_key(&*storage)? {
            Some(found) if found != key => {
                return Err(ReadError::OtherKey { expected: key.to_string(), found: found.to_string() }.into());
            }
            Some(_) => {}
            None if read_note(&*storage)?.is_some() => return Err(ReadError::Missing(KEY.to_owned()).into()),
            None => storage.write(KEY, format!("{key}\n").as_bytes())?,
        }
        if read_note(&*storage)?.is_none() {
            // A log has a checkpoint before it has its first tile, so this is a new one, or it was robbed of its checkpoint.
            if !storage.list("tile/")?.is_empty() {
                return Err(OpenError::LostCheckpoint);
            }
            let empty = Checkpoint { origin: origin.to_owned(), size: 0, root: merkle::root(&[]) };
            storage.write(CHECKPOINT, empty.sign(&*signer)?.as_bytes())?;
        }
        let mut ledger = Ledger { storage, signer, key, head: None, reach: 1 };
        ledger.refresh()?;
        drop(lock);
        Ok(ledger)
    }

    /// Opens a ledger that is there already, whatever its origin.
    pub fn open(storage: Arc<dyn Storage>, signer: Arc<dyn KeyProvider>) -> Result<Ledger, OpenError> {
        let found = read_key(&*storage)?.ok_or_else(|| ReadError::NoLedger(storage.place()))?;
        Ledger::open_or_create(storage, signer, found.name())
    }

    /// The log's public key with its origin.
    #[must_use]
    pub fn key(&self) -> &VerifierKey {
        &self.key
    }

    /// Where it is.
    #[must_use]
    pub fn storage(&self) -> &Arc<dyn Storage> {
        &self.storage
    }

    /// From now on finds records that are appended again among those of this many last tiles.
    pub(crate) fn look_back(&mut self, tiles: u64) {
        self.reach = tiles;
        // It is loaded anew at the next append.
        self.head = None;
    }

    /// Reads the log as it is now.
    pub fn reader(&self) -> Result<LogReader<'_>, ReadError> {
        LogReader::open(&*self.storage, Some(&self.key))
    }

    /// Appends a signed statement ([`Statement::sign`] with this ledger's key) and stores the blobs it names. When this returns, all of
    /// it is durable. A record that is already among the last ones (up to 256) is not added again; its receipt is given.
    pub fn append(&mut self, record: Vec<u8>, blobs: Vec<Vec<u8>>) -> Result<Receipt, AppendError> {
        self.append_all(vec![(record, blobs)])?.pop().ok_or(AppendError::Full)
    }

    /// Appends many records, each with its blobs, under one checkpoint: all of them or, where one cannot be appended, none. Receipts come
    /// in the same order. As with [`Ledger::append`], what is already among the last ones is not added again.
    pub fn append_all(&mut self, records: Vec<(Vec<u8>, Vec<Vec<u8>>)>) -> Result<Vec<Receipt>, AppendError> {
        let check = |(record, blobs)| check_entry(&*self.storage, record, blobs, &[self.key.key()]);
        let entries = records.into_iter().map(check).collect::<Result<Vec<_>, _>>()?;
        let storage = Arc::clone(&self.storage);
        let _lock = storage.lock()?;
        let done = self.commit_locked(&entries)?;
        let reader = LogReader::at(&*storage, self.key.clone(), done.note)?;
        let receipt = |(place, entry): (&u64, &NewEntry)| match &done.committed {
            Some(committed) if *place >= done.before => committed.receipt(*place, entry.digest).ok_or(AppendError::Full),
            _ => Ok(reader.receipt(*place)?),
        };
        done.places.iter().zip(&entries).map(receipt).collect()
    }

    /// Appends those entries that are not among the last ones, under one checkpoint. Called under the lock.
    pub(crate) fn commit_locked(&mut self, entries: &[NewEntry]) -> Result<Places, AppendError> {
        self.refresh()?;
        let Some(head) = &self.head else { return Err(ReadError::Missing(CHECKPOINT.to_owned()).into()) };
        let before = head.checkpoint.size;
        let mut fresh: Vec<&NewEntry> = Vec::with_capacity(entries.len());
        let mut twice: HashMap<Digest, u64> = HashMap::with_capacity(entries.len());
        let mut places = Vec::with_capacity(entries.len());
        for entry in entries {
            let place = head.recent.find(&entry.leaf).unwrap_or_else(|| {
                *twice.entry(entry.leaf).or_insert_with(|| {
                    fresh.push(entry);
                    before.saturating_add(fresh.len() as u64 - 1)
                })
            });
            places.push(place);
        }
        let note = head.note.clone();
        let committed = if fresh.is_empty() { None } else { Some(self.append_locked(&fresh)?) };
        let note = committed.as_ref().map_or(note, |committed| committed.note.clone());
        Ok(Places { places, before, committed, note })
    }

    /// Loads the head if it is not the one on the storage, and then removes what dead writers left. Called under the lock.
    pub(crate) fn refresh(&mut self) -> Result<(), ReadError> {
        let storage = &*self.storage;
        let note = read_note(storage)?.ok_or_else(|| ReadError::Missing(CHECKPOINT.to_owned()))?;
        if self.head.as_ref().is_some_and(|head| head.note == note) {
            return Ok(());
        }
        let first_look = self.head.is_none();
        self.head = None;
        let head = Head::load(storage, &self.key, note, self.reach)?;
        if first_look {
            for path in storage.list(TEMPORARY)? {
                storage.remove(&path)?;
            }
            // Tiles beyond the checkpoint stay until they are overwritten: should somebody have put an old checkpoint back, they are the
            // only trace of what it forgot.
            let left = storage.list("tile/")?.into_iter().filter_map(|path| TileId::parse(&path));
            for tile in left.filter(|tile| tile::superseded(tile, head.checkpoint.size)) {
                storage.remove(&tile.to_string())?;
            }
        }
        self.head = Some(head);
        Ok(())
    }

    /// Appends entries that were checked, under one checkpoint. Called under the lock, after [`Ledger::refresh`].
    pub(crate) fn append_locked(&mut self, entries: &[&NewEntry]) -> Result<Committed, AppendError> {
        // From here to the end nobody knows what is on the storage, so the head is given back only at the end.
        let Some(mut head) = self.head.take() else { return Err(ReadError::Missing(CHECKPOINT.to_owned()).into()) };
        let storage = &*self.storage;
        let old_size = head.edge.size;
        let mut bundles = Vec::new();
        let mut full = Vec::new();
        for entry in entries {
            head.edge.push(entry.leaf, &mut full).ok_or(AppendError::Full)?;
            let too_large = || AppendError::Record(StatementError::TooLarge(entry.record.len()));
            tile::frame_into(&mut head.bundle, &entry.record).ok_or_else(too_large)?;
            head.recent.push(entry.leaf, head.edge.size - 1);
            if head.edge.size.is_multiple_of(WIDTH) {
                let tile = TileId { kind: TileKind::Entries, index: head.edge.size / WIDTH - 1, width: 256 };
                bundles.push((tile, std::mem::take(&mut head.bundle)));
            }
        }
        let size = head.edge.size;
        let hashes: Vec<(TileId, Vec<u8>)> = new_hash_tiles(&head.edge, old_size, &full);
        let mut files: BTreeMap<String, &[u8]> = BTreeMap::new();
        let blobs = entries.iter().flat_map(|entry| &entry.blobs);
        files.extend(blobs.map(|(digest, blob)| (blob_path(digest), blob.as_slice())));
        let last = tile::partial(TileKind::Entries, size).map(|tile| (tile.to_string(), head.bundle.as_slice()));
        files.extend(bundles.iter().chain(&hashes).map(|(tile, bytes)| (tile.to_string(), bytes.as_slice())).chain(last));
        storage.write_all(&files.into_iter().collect::<Vec<_>>())?;
        let checkpoint = Checkpoint { origin: self.key.name().to_owned(), size, root: head.edge.root() };
        let note = checkpoint.sign(&*self.signer)?;
        // INVARIANT: everything the checkpoint covers is durable before it is; the records count from here on.
        storage.write(CHECKPOINT, note.as_bytes())?;
        let committed = Committed::new(checkpoint, note, &head.edge, full);
        if remove_superseded(storage, old_size, size).is_ok() {
            head.checkpoint = committed.checkpoint.clone();
            head.note.clone_from(&committed.note);
            self.head = Some(head);
        }
        // Where removing failed, the head stays unknown, and the next look sweeps again; the records themselves are durable.
        Ok(committed)
    }
}

/// The tiles of hashes to write: those that were filled, and the partial ones that changed.
fn new_hash_tiles(edge: &Edge, old_size: u64, full: &[(TileId, Arc<Subtrees>)]) -> Vec<(TileId, Vec<u8>)> {
    let filled = full.iter().map(|(tile, row)| (*tile, tile::hash_bytes(row.hashes())));
    let partial = (0..).zip(&edge.levels).filter_map(|(level, row)| {
        let kind = TileKind::Hashes(level);
        let tile = tile::partial(kind, edge.size)?;
        // A row of the same width in the same place has not changed.
        (tile::partial(kind, old_size) != Some(tile)).then(|| (tile, tile::hash_bytes(row.hashes())))
    });
    filled.chain(partial).collect()
}

/// Removes the partial tiles that wider ones replace. tlog-tiles wants every partial tile served until the full one is there: a server
/// of this folder cuts the wider one, which begins with the same bytes.
fn remove_superseded(storage: &dyn Storage, old_size: u64, size: u64) -> Result<(), StorageError> {
    let kinds = (0..tile::levels(old_size)).map(TileKind::Hashes).chain([TileKind::Entries]);
    for tile in kinds.filter_map(|kind| tile::partial(kind, old_size)) {
        if tile::superseded(&tile, size) {
            storage.remove(&tile.to_string())?;
        }
    }
    Ok(())
}

/// Checks what a record must be: at most 64 KiB, a statement, signed by one of these keys, and with exactly the blobs it names. One that
/// is not given but stored is written again, for nobody knows whether who wrote it lived to make it durable.
pub(crate) fn check_entry(
    storage: &dyn Storage,
    record: Vec<u8>,
    blobs: Vec<Vec<u8>>,
    keys: &[VerifyingKey],
) -> Result<NewEntry, AppendError> {
    if record.len() > tile::MAX_ENTRY {
        return Err(StatementError::TooLarge(record.len()).into());
    }
    let envelope = Envelope::parse(&record).map_err(StatementError::from)?;
    envelope.verify(dsse::IN_TOTO, keys).map_err(StatementError::from)?;
    let named: BTreeMap<Digest, u64> =
        Statement::parse(&envelope.payload)?.blobs()?.into_iter().map(|blob| (blob.digest, blob.size)).collect();
    let mut complete: BTreeMap<Digest, Vec<u8>> = blobs.into_iter().map(|blob| (sha256(&blob), blob)).collect();
    for (digest, size) in &named {
        if !complete.contains_key(digest)
            && let Some(stored) = storage.read(&blob_path(digest))?
            && sha256(&stored) == *digest
        {
            complete.insert(*digest, stored);
        }
        let blob = complete.get(digest).ok_or(AppendError::MissingBlob(*digest))?;
        if blob.len() as u64 != *size {
            return Err(AppendError::UnnamedBlob(*digest));
        }
    }
    if let Some(digest) = complete.keys().find(|digest| !named.contains_key(*digest)) {
        return Err(AppendError::UnnamedBlob(*digest));
    }
    Ok(NewEntry::new(record, complete.into_iter().collect()))
}
