//! Appending to a log that many write at once where there is no lock to take turns with: an object store with conditional writes.
//!
//! Two files change, each by compare-and-swap. `lock` holds the newest signed head; whoever replaces it has appended. `checkpoint` follows
//! it once all tiles of that head are there, so that readers see nothing but a whole log. What a head adds lies in `tmp/<size>-<root>`
//! before the head counts, so that anybody can write its tiles if who appended it does not live to do so.
//!
//! **Invariant:** tiles are written only for a head that is in `lock`, and `lock` is replaced only when `checkpoint` has reached it. So
//! all heads lie on one line, and whoever writes a tile late writes the bytes that are there already.

use std::cell::RefCell;
use std::sync::Arc;

use probity_attest::note::{Checkpoint, VerifierKey};
use probity_attest::statement::StatementError;
use probity_attest::{KeyProvider, sha256};
use probity_core::Digest;

use crate::ledger::check_entry;
use crate::read::{TileNodes, read_bundle, read_key};
use crate::receipt::Receipt;
use crate::tile::{self, TileKind, WIDTH};
use crate::{
    AppendError, CHECKPOINT, KEY, LOCK, Ledger, LogReader, MemoryStorage, OpenError, ReadError, Storage, StorageError, TEMPORARY,
    blob_path, merkle,
};

mod head;

use head::{Grown, Head, edge_root};

/// How often a record is tried to be appended while others are faster.
const ATTEMPTS: u32 = 200;
/// How often somebody who appended is given time to publish before it is done for them.
const COURTESY: u32 = 2;
/// How often one state of a log is looked at before it counts as damaged.
const LOOKS: u32 = 40;
/// How often a log is looked at that others keep changing.
const ALL_LOOKS: u32 = 4_000;

/// What a file's content is known by to conditions; opaque.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tag(pub String);

/// A compare-and-swap that was done or not.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Swap {
    /// The file now holds the new bytes, under this tag.
    Done(Tag),
    /// The file was not the expected one, or somebody else was writing.
    Lost,
}

/// Files that many write at once. Nobody holds a lock.
pub trait SharedStorage: Storage {
    /// The whole file with its tag; `None` if there is none.
    fn load(&self, path: &str) -> Result<Option<(Vec<u8>, Tag)>, StorageError>;

    /// Writes a file if it still is the one with this tag, or if there is none where no tag is given. When this returns, the file is
    /// durable; after an error nobody knows whether it was written.
    fn swap(&self, path: &str, old: Option<&Tag>, bytes: &[u8]) -> Result<Swap, StorageError>;

    /// Whether what a condition forbids is refused, tried by writing the bytes that a file has again: under both conditions of
    /// [`SharedStorage::swap`], neither of which holds. Where it is not refused, writers would fork the log and not know it.
    fn refuses(&self, path: &str, bytes: &[u8]) -> Result<bool, StorageError> {
        let other = Tag("\"00000000000000000000000000000000\"".to_owned());
        Ok(self.swap(path, None, bytes)? == Swap::Lost && self.swap(path, Some(&other), bytes)? == Swap::Lost)
    }

    /// Removes files that have no meaning any more.
    fn remove_all(&self, paths: &[String]) -> Result<(), StorageError> {
        paths.iter().try_for_each(|path| self.remove(path))
    }

    /// Waits for others, the longer the more often it was waited already; not always equally long.
    fn pause(&self, attempt: u32);
}

impl<S: SharedStorage + ?Sized> SharedStorage for Arc<S> {
    fn load(&self, path: &str) -> Result<Option<(Vec<u8>, Tag)>, StorageError> {
        (**self).load(path)
    }
    fn swap(&self, path: &str, old: Option<&Tag>, bytes: &[u8]) -> Result<Swap, StorageError> {
        (**self).swap(path, old, bytes)
    }
    fn refuses(&self, path: &str, bytes: &[u8]) -> Result<bool, StorageError> {
        (**self).refuses(path, bytes)
    }
    fn remove_all(&self, paths: &[String]) -> Result<(), StorageError> {
        (**self).remove_all(paths)
    }
    fn pause(&self, attempt: u32) {
        (**self).pause(attempt);
    }
}

impl SharedStorage for MemoryStorage {
    fn load(&self, path: &str) -> Result<Option<(Vec<u8>, Tag)>, StorageError> {
        Ok(self.read(path)?.map(|bytes| {
            let tag = Tag(sha256(&bytes).to_string());
            (bytes, tag)
        }))
    }

    fn swap(&self, path: &str, old: Option<&Tag>, bytes: &[u8]) -> Result<Swap, StorageError> {
        let same = |found: Option<&Vec<u8>>| found.map(|bytes| sha256(bytes).to_string()) == old.map(|tag| tag.0.clone());
        Ok(if self.replace_if(path, same, bytes) { Swap::Done(Tag(sha256(bytes).to_string())) } else { Swap::Lost })
    }

    fn pause(&self, _: u32) {
        std::thread::yield_now();
    }
}

/// Whoever takes records: a log with turns, or one without.
pub trait Append: Send {
    /// Appends a signed statement and the blobs it names. When this returns, all of it is durable and in the log.
    fn append(&mut self, record: Vec<u8>, blobs: Vec<Vec<u8>>) -> Result<Receipt, AppendError>;
}

impl Append for Ledger {
    fn append(&mut self, record: Vec<u8>, blobs: Vec<Vec<u8>>) -> Result<Receipt, AppendError> {
        Ledger::append(self, record, blobs)
    }
}

impl Append for SharedLedger {
    fn append(&mut self, record: Vec<u8>, blobs: Vec<Vec<u8>>) -> Result<Receipt, AppendError> {
        SharedLedger::append(self, record, blobs)
    }
}

/// A log that many append to at once, in many processes on many machines. All of them sign with the log's key.
pub struct SharedLedger {
    storage: Arc<dyn SharedStorage>,
    signer: Arc<dyn KeyProvider>,
    key: VerifierKey,
    /// The edge of the log as this process last knew it.
    head: Option<Head>,
    /// Digests of the records of the full tile that was looked through last, and its number.
    seen: Option<(u64, Vec<Digest>)>,
}

/// The log between two appends: `lock` and `checkpoint` say the same.
struct Settled {
    head: Head,
    checkpoint: Tag,
    lock: Tag,
}

impl SharedLedger {
    /// Opens the ledger, or makes an empty one with this origin.
    pub fn open_or_create(storage: Arc<dyn SharedStorage>, signer: Arc<dyn KeyProvider>, origin: &str) -> Result<SharedLedger, OpenError> {
        let key = VerifierKey::new(origin, signer.public_key())?;
        if read_key(&*storage)?.is_none() {
            // The key comes before the checkpoint; another writer may have made both just now.
            if storage.read(CHECKPOINT)?.is_some() && read_key(&*storage)?.is_none() {
                return Err(ReadError::Missing(KEY.to_owned()).into());
            }
            // Whoever comes first decides whose log it is.
            storage.swap(KEY, None, format!("{key}\n").as_bytes())?;
        }
        let found = read_key(&*storage)?.ok_or_else(|| ReadError::Missing(KEY.to_owned()))?;
        if found != key {
            return Err(ReadError::OtherKey { expected: key.to_string(), found: found.to_string() }.into());
        }
        if !storage.refuses(KEY, format!("{key}\n").as_bytes())? {
            return Err(OpenError::NoConditions(storage.place()));
        }
        if storage.read(CHECKPOINT)?.is_none() {
            // A log has a checkpoint before it has its first tile. Another writer may have made both just now.
            if !storage.list("tile/")?.is_empty() && storage.read(CHECKPOINT)?.is_none() {
                return Err(OpenError::LostCheckpoint);
            }
            let empty = Checkpoint { origin: origin.to_owned(), size: 0, root: merkle::root(&[]) };
            storage.swap(CHECKPOINT, None, empty.sign(&*signer)?.as_bytes())?;
        }
        let mut ledger = SharedLedger { storage, signer, key, head: None, seen: None };
        let settled = ledger.settled()?;
        ledger.sweep(settled.head.checkpoint.size)?;
        ledger.head = Some(settled.head);
        Ok(ledger)
    }

    /// Opens a ledger that is there already, whatever its origin.
    pub fn open(storage: Arc<dyn SharedStorage>, signer: Arc<dyn KeyProvider>) -> Result<SharedLedger, OpenError> {
        let found = read_key(&*storage)?.ok_or_else(|| ReadError::NoLedger(storage.place()))?;
        SharedLedger::open_or_create(storage, signer, found.name())
    }

    /// The log's public key with its origin.
    #[must_use]
    pub fn key(&self) -> &VerifierKey {
        &self.key
    }

    /// Where it is.
    #[must_use]
    pub fn storage(&self) -> &Arc<dyn SharedStorage> {
        &self.storage
    }

    /// Reads the log as it is now.
    pub fn reader(&self) -> Result<LogReader<'_>, ReadError> {
        LogReader::open(&*self.storage, Some(&self.key))
    }

    /// Appends a signed statement ([`probity_attest::statement::Statement::sign`] with this ledger's key) and stores the blobs it names.
    /// When this returns, all of it is durable and `checkpoint` covers it. A record that is already among the last ones (256 at least) or
    /// that came in since this call began is not added again; its receipt is given. After an error the record may be in the log, or get
    /// into it while others append; appending the same bytes again is safe.
    pub fn append(&mut self, record: Vec<u8>, blobs: Vec<Vec<u8>>) -> Result<Receipt, AppendError> {
        // A blob that is not given has to be stored already, and what is stored here is durable.
        check_entry(&*self.storage, record.clone(), blobs.clone(), &[self.key.key()])?;
        for blob in &blobs {
            self.storage.write(&blob_path(&sha256(blob)), blob)?;
        }
        let mut looked_through = None;
        for attempt in 0..ATTEMPTS {
            let settled = self.settled()?;
            let size = settled.head.checkpoint.size;
            let from = looked_through.unwrap_or_else(|| size.saturating_sub(WIDTH));
            if let Some(index) = self.find(&settled.head, from, &record)? {
                let receipt = LogReader::at(&*self.storage, self.key.clone(), settled.head.note.clone())?.receipt(index)?;
                self.head = Some(settled.head);
                return Ok(receipt);
            }
            looked_through = Some(size);
            if let Some(receipt) = self.try_append(settled, &record)? {
                return Ok(receipt);
            }
            self.storage.pause(attempt);
        }
        Err(AppendError::Contended(ATTEMPTS))
    }

    /// Tries to replace the head by one with this record more; `None` where somebody else was faster.
    fn try_append(&mut self, settled: Settled, record: &[u8]) -> Result<Option<Receipt>, AppendError> {
        let storage = &*self.storage;
        let before = settled.head.note.clone();
        let old_size = settled.head.checkpoint.size;
        let grown = Grown::grow(settled.head, &[record])?;
        let checkpoint = Checkpoint { origin: self.key.name().to_owned(), size: grown.size, root: edge_root(&grown.levels) };
        let added = staged(&checkpoint);
        let framed = tile::frame(record).ok_or(StatementError::TooLarge(record.len()))?;
        storage.write(&added, &framed)?;
        let note = checkpoint.sign(&*self.signer)?;
        // INVARIANT: the record counts from here on, and all that its head needs is durable.
        if storage.swap(LOCK, Some(&settled.lock), note.as_bytes())? == Swap::Lost {
            let now = storage.load(LOCK)?.map(|(bytes, _)| bytes);
            // What was added has no meaning once the head is another: it can never count. As long as the head is the old one, somebody
            // who appends the same record may rely on it.
            if now.as_deref().is_some_and(|now| now != before.as_bytes() && now != note.as_bytes()) {
                storage.remove(&added)?;
            }
            return Ok(None);
        }
        self.publish(&grown, old_size, &note, (&before, settled.checkpoint), &added)?;
        let nodes = TileNodes { storage: &*self.storage, size: grown.size, known: RefCell::new(grown.known) };
        let path = merkle::inclusion_proof(&nodes, old_size, grown.size)?.ok_or(AppendError::Full)?;
        let receipt = Receipt::new(record, old_size, path, checkpoint.clone(), &note);
        self.head = Some(Head { checkpoint, note, levels: grown.levels, bundle: grown.bundle });
        Ok(Some(receipt))
    }

    /// Waits until `lock` and `checkpoint` say the same, and does what is left to do where nobody else does it.
    fn settled(&mut self) -> Result<Settled, ReadError> {
        let storage = Arc::clone(&self.storage);
        let mut stuck = (String::new(), 0);
        for look in 0..ALL_LOOKS {
            // In this order the head in `lock` is never the older one.
            let missing = || ReadError::Missing(CHECKPOINT.to_owned());
            let (bytes, checkpoint) = storage.load(CHECKPOINT)?.ok_or_else(missing)?;
            let note = text(CHECKPOINT, bytes)?;
            let turn = storage.load(LOCK)?;
            let (turn, lock) = match turn {
                // A folder's lock file, copied along, is empty.
                Some((bytes, tag)) if bytes.is_empty() => {
                    storage.swap(LOCK, Some(&tag), note.as_bytes())?;
                    continue;
                }
                None => {
                    storage.swap(LOCK, None, note.as_bytes())?;
                    continue;
                }
                Some((bytes, tag)) => (text(LOCK, bytes)?, tag),
            };
            if turn == note {
                let head = match self.head.take() {
                    Some(head) if head.note == note => head,
                    _ => Head::load(&*storage, &self.key, note)?,
                };
                return Ok(Settled { head, checkpoint, lock });
            }
            if stuck.0 != turn {
                stuck = (turn.clone(), look);
            }
            match look - stuck.1 {
                LOOKS.. => return Err(damaged(LOCK, "it is ahead of the checkpoint, and what it adds is not there")),
                COURTESY.. => self.help(note, checkpoint, &turn)?,
                waited => storage.pause(waited),
            }
        }
        Err(StorageError::Locked(storage.place()).into())
    }

    /// Publishes a head that somebody else appended. Where that cannot be done, the next look tells why.
    fn help(&self, note: String, tag: Tag, turn: &str) -> Result<(), ReadError> {
        let open = |note: &str, path| Checkpoint::open(note, &self.key).map_err(|why| ReadError::Note { path, why });
        let ahead = open(turn, LOCK)?;
        if ahead.size <= open(&note, CHECKPOINT)?.size {
            return Err(damaged(LOCK, "it is behind the checkpoint: somebody put an older one back"));
        }
        let added = staged(&ahead);
        // Who takes it away has published.
        let Some(bytes) = self.storage.read(&added)? else { return Ok(()) };
        let before = note.clone();
        let head = Head::load(&*self.storage, &self.key, note)?;
        let old_size = head.checkpoint.size;
        let width = u16::try_from(ahead.size - old_size).map_err(|_| damaged(LOCK, "it is too far ahead of the checkpoint"))?;
        let (entries, whole) = tile::unframe(&bytes, width);
        let grown = if whole { Grown::grow(head, &entries).ok() } else { None };
        let grown = grown.filter(|grown| edge_root(&grown.levels) == ahead.root);
        let grown = grown.ok_or_else(|| damaged(LOCK, "what it adds does not lead to its root"))?;
        self.publish(&grown, old_size, turn, (&before, tag), &added)
    }

    /// Writes the tiles of a head that counts, and lets the checkpoint follow.
    fn publish(&self, grown: &Grown, old_size: u64, note: &str, before: (&str, Tag), added: &str) -> Result<(), ReadError> {
        let storage = &*self.storage;
        for (tile, bytes) in &grown.files {
            storage.write(&tile.to_string(), bytes)?;
        }
        let (before, mut tag) = before;
        for look in 0..LOOKS {
            if matches!(storage.swap(CHECKPOINT, Some(&tag), note.as_bytes())?, Swap::Done(_)) {
                // What is removed has no meaning any more: what cannot be removed now stays as such.
                drop(storage.remove(added));
                drop(self.remove_partial(grown, old_size));
                return Ok(());
            }
            let missing = || ReadError::Missing(CHECKPOINT.to_owned());
            let (now, now_tag) = storage.load(CHECKPOINT)?.ok_or_else(missing)?;
            if now != before.as_bytes() {
                // Somebody published it, and perhaps what came after it.
                return Ok(());
            }
            tag = now_tag;
            storage.pause(look);
        }
        Err(damaged(CHECKPOINT, "it cannot be replaced"))
    }

    /// Removes the partial forms of tiles that are full now. Until then all of them are served, as tlog-tiles asks.
    fn remove_partial(&self, grown: &Grown, old_size: u64) -> Result<(), StorageError> {
        for (full, _) in
            grown.files.iter().filter(|(tile, _)| tile.width == 256 && tile::tile_at(tile.kind, tile.index, old_size).is_some())
        {
            let left = self.storage.list(&full.partial_folder())?;
            self.storage.remove_all(&left)?;
        }
        Ok(())
    }

    /// Removes what writers left that did not come to count: a head of that size can never count again.
    fn sweep(&self, size: u64) -> Result<(), StorageError> {
        let listed = self.storage.list(TEMPORARY)?;
        let of = |path: &str| path.strip_prefix(TEMPORARY)?.split_once('-')?.0.parse::<u64>().ok();
        let left: Vec<String> = listed.into_iter().filter(|path| of(path).is_some_and(|of| of <= size)).collect();
        if left.is_empty() { Ok(()) } else { self.storage.remove_all(&left) }
    }

    /// The place of a record among those from `from` on.
    fn find(&mut self, head: &Head, from: u64, record: &[u8]) -> Result<Option<u64>, ReadError> {
        let size = head.checkpoint.size;
        if from >= size {
            return Ok(None);
        }
        let digest = sha256(record);
        for tile in tile::tiles(TileKind::Entries, size).skip(usize::try_from(from / WIDTH).unwrap_or(usize::MAX)) {
            let place = if tile.width == 256 {
                let digests = match self.seen.take() {
                    Some((index, digests)) if index == tile.index => digests,
                    _ => read_bundle(&*self.storage, tile)?.iter().map(|entry| sha256(entry)).collect(),
                };
                let place = digests.iter().position(|each| *each == digest);
                self.seen = Some((tile.index, digests));
                place
            } else {
                head.bundle.iter().position(|entry| entry == record)
            };
            if let Some(place) = place {
                return Ok(Some(tile.first_entry() + place as u64));
            }
        }
        Ok(None)
    }
}

/// Where the entries lie that a head adds.
fn staged(head: &Checkpoint) -> String {
    format!("{TEMPORARY}{}-{}", head.size, head.root)
}

fn text(path: &str, bytes: Vec<u8>) -> Result<String, ReadError> {
    String::from_utf8(bytes).map_err(|_| damaged(path, "not UTF-8"))
}

fn damaged(path: &str, why: &str) -> ReadError {
    ReadError::Damaged { path: path.to_owned(), why: why.to_owned() }
}
