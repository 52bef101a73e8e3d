//! Appending. The order of writes is what makes it safe to die at any point: blobs, entries, hashes, then the checkpoint; nothing is
//! acknowledged before the checkpoint is durable, and nothing the checkpoint covers is ever written again.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use probity_attest::dsse::{self, Envelope};
use probity_attest::note::{Checkpoint, NoteError, VerifierKey};
use probity_attest::statement::{Statement, StatementError};
use probity_attest::{KeyProvider, VerifyingKey, sha256};
use probity_core::Digest;

use crate::read::{TileNodes, read_bundle, read_hashes, read_key, read_note};
use crate::receipt::Receipt;
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
}

/// The right edge of the tree, which is all that appending needs.
struct Head {
    checkpoint: Checkpoint,
    note: String,
    /// Hashes of the last, partial tile of each level; empty where the last tile is full.
    levels: Vec<Vec<Digest>>,
    /// Entries of the last, partial bundle.
    bundle: Vec<Vec<u8>>,
}

impl Head {
    fn load(storage: &dyn Storage, key: &VerifierKey, note: String) -> Result<Head, ReadError> {
        let checkpoint = Checkpoint::open(&note, key).map_err(|why| ReadError::Note { path: CHECKPOINT, why })?;
        let size = checkpoint.size;
        let mut levels = Vec::new();
        for level in 0..tile::levels(size) {
            let hashes = tile::partial(TileKind::Hashes(level), size).map(|tile| read_hashes(storage, tile)).transpose()?;
            levels.push(hashes.unwrap_or_default());
        }
        let last = tile::partial(TileKind::Entries, size);
        let bundle = last.map(|tile| read_bundle(storage, tile)).transpose()?.unwrap_or_default();
        let damaged = |path: String, why: &str| ReadError::Damaged { path, why: why.to_owned() };
        if edge_root(&levels) != checkpoint.root {
            return Err(damaged(CHECKPOINT.to_owned(), "the hash tiles do not lead to its root"));
        }
        let leaves: Vec<Digest> = bundle.iter().map(|entry| merkle::leaf_hash(entry)).collect();
        if let Some(tile) = last
            && levels.first() != Some(&leaves)
        {
            return Err(damaged(tile.to_string(), "its entries do not fit their hashes"));
        }
        Ok(Head { checkpoint, note, levels, bundle })
    }
}

/// Root over full subtrees of falling size: those of the highest level first.
fn edge_root(levels: &[Vec<Digest>]) -> Digest {
    let mut peaks = Vec::new();
    for hashes in levels.iter().rev() {
        let mut rest = hashes.as_slice();
        while let Some(bit) = rest.len().checked_ilog2() {
            let (peak, after) = rest.split_at(1 << bit);
            peaks.push(merkle::root(peak));
            rest = after;
        }
    }
    let mut peaks = peaks.into_iter().rev();
    let Some(last) = peaks.next() else { return merkle::root(&[]) };
    peaks.fold(last, |right, left| merkle::node_hash(&left, &right))
}

/// A record with the blobs it names, as far as they are given.
pub(crate) struct NewEntry {
    pub(crate) record: Vec<u8>,
    pub(crate) blobs: Vec<Vec<u8>>,
}

/// A log that one appends to. Several may be open on one storage, in one process or many: each append takes the storage's lock.
pub struct Ledger {
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) signer: Arc<dyn KeyProvider>,
    pub(crate) key: VerifierKey,
    /// What was there when this process last looked; `None` after a failure, when nobody knows.
    head: Option<Head>,
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
        let mut ledger = Ledger { storage, signer, key, head: None };
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

    /// Reads the log as it is now.
    pub fn reader(&self) -> Result<LogReader<'_>, ReadError> {
        LogReader::open(&*self.storage, Some(&self.key))
    }

    /// Appends a signed statement ([`Statement::sign`] with this ledger's key) and stores the blobs it names. When this returns, all of
    /// it is durable. A record that is already among the last ones (up to 256) is not added again; its receipt is given.
    pub fn append(&mut self, record: Vec<u8>, blobs: Vec<Vec<u8>>) -> Result<Receipt, AppendError> {
        let entry = check_entry(&*self.storage, record, blobs, &[self.key.key()])?;
        let _lock = self.storage.lock()?;
        self.refresh()?;
        if let Some(index) = self.recent(&entry.record)? {
            let reader = self.reader()?;
            return Ok(reader.receipt(index)?);
        }
        let mut receipts = self.append_locked(&[entry])?;
        receipts.pop().ok_or(AppendError::Full)
    }

    /// The place of a record among the last ones.
    fn recent(&self, record: &[u8]) -> Result<Option<u64>, AppendError> {
        let Some(head) = &self.head else { return Ok(None) };
        let size = head.checkpoint.size;
        let Some(last) = size.checked_sub(1).map(|last| last / WIDTH) else { return Ok(None) };
        let found = if head.bundle.is_empty() {
            let tile = TileId { kind: TileKind::Entries, index: last, width: 256 };
            read_bundle(&*self.storage, tile)?.iter().position(|entry| entry == record)
        } else {
            head.bundle.iter().position(|entry| entry == record)
        };
        Ok(found.map(|place| last * WIDTH + place as u64))
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
        let head = Head::load(storage, &self.key, note)?;
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
    pub(crate) fn append_locked(&mut self, entries: &[NewEntry]) -> Result<Vec<Receipt>, AppendError> {
        // From here to the end nobody knows what is on the storage, so the head is given back only at the end.
        let Some(head) = self.head.take() else { return Err(ReadError::Missing(CHECKPOINT.to_owned()).into()) };
        let storage = &*self.storage;
        for blob in entries.iter().flat_map(|entry| &entry.blobs) {
            storage.write(&blob_path(&sha256(blob)), blob)?;
        }
        let old_size = head.checkpoint.size;
        let grown = Grown::grow(head, entries)?;
        for (tile, bytes) in &grown.files {
            storage.write(&tile.to_string(), bytes)?;
        }
        let checkpoint = Checkpoint { origin: self.key.name().to_owned(), size: grown.size, root: edge_root(&grown.levels) };
        let note = checkpoint.sign(&*self.signer)?;
        let nodes = TileNodes { storage, size: grown.size, known: RefCell::new(grown.known) };
        let mut receipts = Vec::with_capacity(entries.len());
        for (index, entry) in (old_size..).zip(entries) {
            let path = merkle::inclusion_proof(&nodes, index, grown.size)?.ok_or(AppendError::Full)?;
            receipts.push(Receipt::new(&entry.record, index, path, checkpoint.clone(), &note));
        }
        // INVARIANT: everything the checkpoint covers is durable before it is; the record counts from here on.
        storage.write(CHECKPOINT, note.as_bytes())?;
        let swept = remove_superseded(storage, old_size, grown.size);
        if swept.is_ok() {
            self.head = Some(Head { checkpoint, note, levels: grown.levels, bundle: grown.bundle });
        }
        // Where removing failed, the head stays unknown, and the next look sweeps again; the record itself is durable.
        Ok(receipts)
    }
}

/// The edge after some entries more, and the tiles to write for it.
struct Grown {
    size: u64,
    levels: Vec<Vec<Digest>>,
    bundle: Vec<Vec<u8>>,
    /// In the order of writing: entries before hashes.
    files: Vec<(TileId, Vec<u8>)>,
    /// Hashes of all tiles that proofs for the new entries need.
    known: HashMap<(TileKind, u64), Vec<Digest>>,
}

impl Grown {
    fn grow(head: Head, entries: &[NewEntry]) -> Result<Grown, AppendError> {
        let Head { checkpoint, mut levels, mut bundle, .. } = head;
        let mut size = checkpoint.size;
        let (mut bundles, mut hashes, mut known) = (Vec::new(), Vec::new(), HashMap::new());
        for entry in entries {
            bundle.push(entry.record.clone());
            size = size.checked_add(1).ok_or(AppendError::Full)?;
            if size.is_multiple_of(WIDTH) {
                let tile = TileId { kind: TileKind::Entries, index: size / WIDTH - 1, width: 256 };
                bundles.push((tile, frame_all(&bundle)?));
                bundle.clear();
            }
            let mut carried = Some(merkle::leaf_hash(&entry.record));
            let mut level = 0_u8;
            while let Some(hash) = carried.take() {
                if levels.len() <= usize::from(level) {
                    levels.push(Vec::new());
                }
                let Some(row) = levels.get_mut(usize::from(level)) else { return Err(AppendError::Full) };
                row.push(hash);
                if row.len() as u64 == WIDTH {
                    let index = (size >> (8 * (u32::from(level) + 1))) - 1;
                    let tile = TileId { kind: TileKind::Hashes(level), index, width: 256 };
                    hashes.push((tile, tile::hash_bytes(row)));
                    carried = Some(merkle::root(row));
                    known.insert((tile.kind, index), std::mem::take(row));
                }
                level += 1;
            }
        }
        if let Some(tile) = tile::partial(TileKind::Entries, size) {
            bundles.push((tile, frame_all(&bundle)?));
        }
        for (level, row) in (0..).zip(&levels) {
            let kind = TileKind::Hashes(level);
            let Some(tile) = tile::partial(kind, size) else { continue };
            known.insert((kind, tile.index), row.clone());
            // A row of the same width in the same place has not changed.
            if tile::partial(kind, checkpoint.size) != Some(tile) {
                hashes.push((tile, tile::hash_bytes(row)));
            }
        }
        bundles.append(&mut hashes);
        Ok(Grown { size, levels, bundle, files: bundles, known })
    }
}

fn frame_all(entries: &[Vec<u8>]) -> Result<Vec<u8>, AppendError> {
    let mut out = Vec::new();
    for entry in entries {
        let framed = tile::frame(entry).ok_or(AppendError::Record(StatementError::TooLarge(entry.len())))?;
        out.extend_from_slice(&framed);
    }
    Ok(out)
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
    Ok(NewEntry { record, blobs: complete.into_values().collect() })
}
