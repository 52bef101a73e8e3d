//! Checking a whole ledger while trusting nothing in it: every file is read, every hash derived anew from the entries, every signature
//! checked. A log cannot show that it was rolled back as a whole; a checkpoint or receipt from elsewhere can ([`Against`]).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use probity_attest::dsse::{self, Envelope};
use probity_attest::note::{Checkpoint, NoteError, VerifierKey};
use probity_attest::statement::{Blob, Statement};
use probity_attest::{VerifyingKey, sha256};
use probity_core::Digest;
use rayon::prelude::*;

use crate::import::ImportRecord;
use crate::read::{read_key, read_note};
use crate::receipt::{ReceiptError, TlogProof};
use crate::tile::{self, TileId, TileKind};
use crate::{BLOBS, CHECKPOINT, KEY, LOCK, ReadError, Storage, StorageError, TEMPORARY, blob_path, merkle};

/// How often a log is read anew that somebody appends to meanwhile; the last time nobody may.
const ATTEMPTS: u32 = 4;

/// What a ledger is held against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Against {
    /// A signed checkpoint kept elsewhere.
    Checkpoint(String),
    /// A receipt given for a record.
    Receipt(TlogProof),
}

impl Against {
    /// Reads the text of a checkpoint or of a receipt.
    pub fn parse(text: &str) -> Result<Against, ReceiptError> {
        if text.starts_with("c2sp.org/tlog-proof") {
            return TlogProof::parse(text).map(Against::Receipt);
        }
        Ok(Against::Checkpoint(text.to_owned()))
    }
}

/// What to ask of a ledger.
#[derive(Clone, Debug, Default)]
pub struct VerifyOptions {
    /// The key it has to be signed with. Without it, the one it names itself, which proves nothing about who wrote it.
    pub key: Option<VerifyingKey>,
    /// The name it has to have.
    pub origin: Option<String>,
    /// A checkpoint or receipt that it must not contradict.
    pub against: Option<Against>,
    /// Whether remains of interrupted appends are refused too: an export has none.
    pub strict: bool,
}

/// What was found in a ledger that holds up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyReport {
    /// The key it is signed with, and its name.
    pub key: VerifierKey,
    /// Whether that key was asked for, rather than taken from the ledger itself.
    pub key_given: bool,
    /// Its head.
    pub checkpoint: Checkpoint,
    /// The head as signed.
    pub note: String,
    /// All keys that signed records, the log's own first.
    pub keys: Vec<VerifyingKey>,
    /// Logs of which records were imported, with how many entries.
    pub imported: BTreeMap<String, u64>,
    /// Distinct blobs that records name; all are there.
    pub blobs: usize,
    /// Size of the log in the checkpoint or receipt it was held against.
    pub against: Option<u64>,
    /// Files without meaning that interrupted appends left.
    pub leftovers: Vec<String>,
}

/// Why a ledger is refused.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// It cannot be read, or is no ledger, or is signed by another key.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The origin is another than asked for.
    #[error("the ledger's name is `{found}`, not `{expected}`")]
    Origin {
        /// Asked for.
        expected: String,
        /// Found.
        found: String,
    },
    /// An entry is not what it must be; those before it are, as far as can be told.
    #[error("entry {index}: {why}")]
    Entry {
        /// The first bad entry.
        index: u64,
        /// What is wrong.
        why: String,
    },
    /// A file of the log is missing or is not what it must be.
    #[error("`{path}`: {why}; it concerns entry {entry} and those after it")]
    File {
        /// Which.
        path: String,
        /// What is wrong.
        why: String,
        /// The first entry it is about.
        entry: u64,
    },
    /// A file that is no part of a ledger.
    #[error("`{0}` is no part of the ledger")]
    Stray(String),
    /// The log is shorter than one that was seen before.
    #[error("the ledger was rolled back: it has {size} entries, and had {before}")]
    RolledBack {
        /// Entries now.
        size: u64,
        /// Entries before.
        before: u64,
    },
    /// The log is another than one that was seen before.
    #[error("the ledger was forked: its first {0} entries are not those that were there before")]
    Forked(u64),
    /// The checkpoint or receipt from elsewhere cannot be used.
    #[error("what the ledger is held against is not to be trusted: {0}")]
    Against(ReceiptError),
}

impl From<StorageError> for VerifyError {
    fn from(error: StorageError) -> VerifyError {
        VerifyError::Read(ReadError::Storage(error))
    }
}

impl VerifyError {
    /// The first entry that cannot be relied on, where one can be named.
    #[must_use]
    pub fn first_bad_entry(&self) -> Option<u64> {
        match self {
            VerifyError::Entry { index: entry, .. } | VerifyError::File { entry, .. } => Some(*entry),
            VerifyError::RolledBack { size, .. } => Some(*size),
            _ => None,
        }
    }
}

/// Verifies a whole ledger. Somebody may append meanwhile.
pub fn verify(storage: &dyn Storage, options: &VerifyOptions) -> Result<VerifyReport, VerifyError> {
    for _ in 1..ATTEMPTS {
        let note = read_note(storage)?;
        match verify_once(storage, options) {
            Ok(report) => return Ok(report),
            Err(error) if read_note(storage)? == note => return Err(error),
            Err(_) => {}
        }
    }
    let _lock = match storage.lock() {
        // Nobody can be kept out; a log that grows faster than it is read has to be exported first.
        Err(StorageError::NoLock(_)) => None,
        lock => Some(lock?),
    };
    verify_once(storage, options)
}

/// The log's key, and its head as signed and as read, if they are those asked for.
fn head(storage: &dyn Storage, options: &VerifyOptions) -> Result<(VerifierKey, String, Checkpoint), VerifyError> {
    let missing = |path: &str| ReadError::Missing(path.to_owned());
    let Some(key) = read_key(storage)? else {
        let empty = storage.list("")?.is_empty();
        return Err(if empty { ReadError::NoLedger(storage.place()) } else { missing(KEY) }.into());
    };
    if let Some(expected) = options.key
        && expected != key.key()
    {
        let expected = VerifierKey::new(key.name(), expected).map_err(|why| ReadError::Note { path: KEY, why })?;
        return Err(ReadError::OtherKey { expected: expected.to_string(), found: key.to_string() }.into());
    }
    if let Some(expected) = &options.origin
        && expected != key.name()
    {
        return Err(VerifyError::Origin { expected: expected.clone(), found: key.name().to_owned() });
    }
    let note = read_note(storage)?.ok_or_else(|| missing(CHECKPOINT))?;
    let checkpoint = Checkpoint::open(&note, &key).map_err(|why| ReadError::Note { path: CHECKPOINT, why })?;
    Ok((key, note, checkpoint))
}

fn verify_once(storage: &dyn Storage, options: &VerifyOptions) -> Result<VerifyReport, VerifyError> {
    let (key, note, checkpoint) = head(storage, options)?;
    let mut walk = Walk::new(storage, &key, &checkpoint);
    walk.entries(true)?;
    walk.hash_tiles()?;
    walk.blobs()?;
    let leftovers = walk.other_files(options.strict)?;
    let against = options.against.as_ref().map(|against| held_against(against, &key, &walk.leaves)).transpose()?;
    Ok(VerifyReport {
        key_given: options.key.is_some(),
        keys: walk.keys,
        imported: walk.imported.iter().map(|(name, leaves)| (name.clone(), leaves.len() as u64)).collect(),
        blobs: walk.named.len(),
        against,
        leftovers,
        key,
        checkpoint,
        note,
    })
}

/// Verifies key, checkpoint, entries and hash tiles as [`verify`] does, and leaves aside what the entries say: neither signatures of records
/// nor blobs nor other files are looked at. It proves that the entries are those that the log's key signed the head of, and no more.
/// Nobody may append meanwhile.
pub fn verify_tree(storage: &dyn Storage, options: &VerifyOptions) -> Result<Checkpoint, VerifyError> {
    let (key, _, checkpoint) = head(storage, options)?;
    let mut walk = Walk::new(storage, &key, &checkpoint);
    walk.entries(false)?;
    walk.hash_tiles()?;
    options.against.as_ref().map(|against| held_against(against, &key, &walk.leaves)).transpose()?;
    Ok(checkpoint)
}

/// Whether a log with these leaves continues what was seen before; gives the size of that.
fn held_against(against: &Against, key: &VerifierKey, leaves: &[Digest]) -> Result<u64, VerifyError> {
    let before = match against {
        Against::Checkpoint(note) => {
            Checkpoint::open(note, key).map_err(|why: NoteError| VerifyError::Against(ReceiptError::Checkpoint(why)))?
        }
        Against::Receipt(proof) => proof.checkpoint(key).map_err(VerifyError::Against)?,
    };
    let size = leaves.len() as u64;
    let same = usize::try_from(before.size).ok().and_then(|count| leaves.get(..count));
    let same = same.ok_or(VerifyError::RolledBack { size, before: before.size })?;
    if merkle::root(same) != before.root {
        return Err(VerifyError::Forked(before.size));
    }
    if let Against::Receipt(proof) = against {
        let leaf = usize::try_from(proof.index).ok().and_then(|index| leaves.get(index));
        let proven = leaf.is_some_and(|leaf| merkle::verify_inclusion(leaf, proof.index, before.size, &proof.path, &before.root));
        if !proven {
            return Err(VerifyError::Against(ReceiptError::NotIncluded(proof.index)));
        }
    }
    Ok(before.size)
}

/// Records of another log under way.
struct Range {
    import: ImportRecord,
    left: u64,
}

/// Bundles that are read together, on all cores.
const TOGETHER: usize = 32;

/// The hashes of one bundle.
struct Bundle {
    tile: TileId,
    leaves: Vec<Digest>,
    /// Those of the hash tile; none if it is damaged.
    stored: Vec<Digest>,
    whole: bool,
}

/// A record as read. Its signature is not verified yet.
struct Record {
    leaf: Digest,
    envelope: Result<Envelope, String>,
    content: Result<RecordContent, String>,
}

/// What a statement says that concerns a ledger.
struct RecordContent {
    blobs: Result<Vec<Blob>, String>,
    import: Result<Option<ImportRecord>, String>,
}

impl Record {
    fn read(entry: &[u8]) -> Record {
        let leaf = merkle::leaf_hash(entry);
        let envelope = Envelope::parse(entry).map_err(|error| error.to_string());
        let content = envelope.as_ref().map_err(Clone::clone).and_then(|envelope| {
            let statement = Statement::parse(&envelope.payload).map_err(|error| error.to_string())?;
            let blobs = statement.blobs().map_err(|error| error.to_string());
            let import = ImportRecord::of_statement(&statement).map_err(|error| error.to_string());
            Ok(RecordContent { blobs, import })
        });
        Record { leaf, envelope, content }
    }

    /// Which of these keys signed it.
    fn signer(&self, keys: &[VerifyingKey]) -> Result<VerifyingKey, String> {
        self.envelope.as_ref().map_err(Clone::clone)?.verify(dsse::IN_TOTO, keys).map_err(|error| error.to_string())
    }
}

struct Walk<'a> {
    storage: &'a dyn Storage,
    own: VerifyingKey,
    checkpoint: &'a Checkpoint,
    leaves: Vec<Digest>,
    keys: Vec<VerifyingKey>,
    /// By the text of the other log's key: the leaves taken over so far.
    imported: BTreeMap<String, Vec<Digest>>,
    range: Option<Range>,
    /// Blobs, and the first entry that names each.
    named: BTreeMap<Digest, (u64, Blob)>,
}

impl<'a> Walk<'a> {
    fn new(storage: &'a dyn Storage, key: &VerifierKey, checkpoint: &'a Checkpoint) -> Walk<'a> {
        Walk {
            storage,
            own: key.key(),
            checkpoint,
            leaves: Vec::new(),
            keys: vec![key.key()],
            imported: BTreeMap::new(),
            range: None,
            named: BTreeMap::new(),
        }
    }

    fn read(&self, tile: TileId) -> Result<Vec<u8>, VerifyError> {
        let path = tile.to_string();
        let missing = || VerifyError::File { path: path.clone(), why: "it is missing".to_owned(), entry: tile.first_entry() };
        self.storage.read(&path)?.ok_or_else(missing)
    }

    /// Reads one bundle and the leaf hashes beside it.
    fn bundle(&self, tile: TileId) -> Result<Bundle, VerifyError> {
        let bytes = self.read(tile)?;
        let (entries, whole) = tile::unframe(&bytes, tile.width);
        let leaves = entries.iter().map(|entry| merkle::leaf_hash(entry)).collect();
        let stored = tile::hashes(&self.read(TileId { kind: TileKind::Hashes(0), ..tile })?, tile.width).unwrap_or_default();
        Ok(Bundle { tile, leaves, stored, whole })
    }

    /// Reads all entries, holds them against the leaf hashes and the root, and then, where asked to, looks at what they say.
    fn entries(&mut self, records: bool) -> Result<(), VerifyError> {
        // The first entry that is not what its leaf hash says.
        let mut changed = None;
        let mut stored_leaves = Vec::new();
        let mut tiles = tile::tiles(TileKind::Entries, self.checkpoint.size);
        loop {
            let some: Vec<TileId> = tiles.by_ref().take(TOGETHER).collect();
            if some.is_empty() {
                break;
            }
            let bundles: Vec<Result<Bundle, VerifyError>> = some.par_iter().map(|tile| self.bundle(*tile)).collect();
            for bundle in bundles {
                let Bundle { tile, leaves, stored, whole } = bundle?;
                for (place, leaf) in leaves.iter().enumerate() {
                    if stored.get(place) != Some(leaf) {
                        changed = changed.or(Some((self.leaves.len() + place) as u64));
                    }
                }
                self.leaves.extend(leaves);
                stored_leaves.extend(stored);
                if !whole {
                    let index = changed.unwrap_or(self.leaves.len() as u64);
                    let why = format!("`{tile}` does not hold {} whole entries and nothing else", tile.width);
                    return Err(VerifyError::Entry { index, why });
                }
            }
        }
        if merkle::root(&self.leaves) == self.checkpoint.root {
            return if records { self.records() } else { Ok(()) };
        }
        if let Some(index) = changed {
            let why = if merkle::root(&stored_leaves) == self.checkpoint.root {
                "its bytes are not those that were logged"
            } else {
                "it does not fit its hash, and the hashes do not lead to the root that the checkpoint signs"
            };
            return Err(VerifyError::Entry { index, why: why.to_owned() });
        }
        // Entries and hashes were changed together: a record that its key did not sign gives it away, else the hashes above.
        if records {
            self.records()?;
        }
        let index = self.first_unfit_tile()?;
        let why = "from here on the entries are not those that the checkpoint signs, though they fit their hashes";
        Err(VerifyError::Entry { index, why: why.to_owned() })
    }

    /// Checks every record: read on all cores, signatures too, and what one says of another in their order.
    fn records(&mut self) -> Result<(), VerifyError> {
        let mut index = 0;
        let mut tiles = tile::tiles(TileKind::Entries, self.checkpoint.size);
        loop {
            let some: Vec<TileId> = tiles.by_ref().take(TOGETHER).collect();
            if some.is_empty() {
                break;
            }
            let read: Vec<Result<Vec<Record>, VerifyError>> = some.par_iter().map(|tile| self.read_records(*tile)).collect();
            let records = read.into_iter().collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect::<Vec<_>>();
            let keys = self.keys_for(&records);
            let signers: Vec<Result<VerifyingKey, String>> =
                records.par_iter().zip(&keys).map(|(record, keys)| record.signer(keys)).collect();
            for (record, signer) in records.into_iter().zip(signers) {
                if self.leaves.get(usize::try_from(index).unwrap_or(usize::MAX)) != Some(&record.leaf) {
                    return Err(VerifyError::Entry { index, why: "it was changed while it was read".to_owned() });
                }
                self.record(index, record, signer).map_err(|why| VerifyError::Entry { index, why })?;
                index += 1;
            }
        }
        if index != self.leaves.len() as u64 {
            return Err(VerifyError::Entry { index, why: "it was changed while it was read".to_owned() });
        }
        match &self.range {
            None => Ok(()),
            Some(range) => {
                let why = format!("{} records are missing that an import record speaks of", range.left);
                Err(VerifyError::Entry { index: self.checkpoint.size, why })
            }
        }
    }

    /// First entry of the first full bundle that the hashes of level 1 do not know; else the first after all that they know.
    fn first_unfit_tile(&self) -> Result<u64, VerifyError> {
        let mut known = Vec::new();
        for tile in tile::tiles(TileKind::Hashes(1), self.checkpoint.size) {
            known.extend(tile::hashes(&self.read(tile)?, tile.width).unwrap_or_default());
        }
        let fits = self.leaves.chunks_exact(256).zip(&known).take_while(|(leaves, hash)| merkle::root(leaves) == **hash).count();
        Ok(fits as u64 * tile::WIDTH)
    }

    /// Reads the records of one bundle.
    fn read_records(&self, tile: TileId) -> Result<Vec<Record>, VerifyError> {
        let bytes = self.read(tile)?;
        Ok(tile::unframe(&bytes, tile.width).0.into_iter().map(Record::read).collect())
    }

    /// The keys of which one has to have signed each record. What the records say of it is not verified yet: whoever uses this looks at
    /// their signatures in order, and stops at the first that is wrong.
    fn keys_for(&self, records: &[Record]) -> Vec<Arc<[VerifyingKey]>> {
        let own: Arc<[VerifyingKey]> = Arc::new([self.own]);
        let mut range = self.range.as_ref().map(|range| (range.left, Arc::from(range.import.keys.as_slice())));
        let mut out = Vec::with_capacity(records.len());
        for record in records {
            range = match range.take() {
                Some((left, keys)) => {
                    out.push(Arc::clone(&keys));
                    (left > 1).then_some((left - 1, keys))
                }
                None => {
                    out.push(Arc::clone(&own));
                    let import = record.content.as_ref().ok().and_then(|content| content.import.as_ref().ok()?.as_ref());
                    import.map(|import| (import.count(), Arc::from(import.keys.as_slice())))
                }
            };
        }
        out
    }

    /// Checks one record: its signature, what it is, and where it stands among imported ones.
    fn record(&mut self, index: u64, record: Record, signer: Result<VerifyingKey, String>) -> Result<(), String> {
        let signer = signer?;
        if !self.keys.contains(&signer) {
            self.keys.push(signer);
        }
        let leaf = record.leaf;
        let content = record.content?;
        for blob in content.blobs? {
            let (_, first) = self.named.entry(blob.digest).or_insert_with(|| (index, blob.clone()));
            if first.size != blob.size {
                return Err(format!("it names the blob `{}` with another size than an earlier record", blob.digest));
            }
        }
        if self.range.is_some() {
            return self.imported_record(leaf);
        }
        let Some(import) = content.import? else { return Ok(()) };
        let before = self.imported.entry(import.log.to_string()).or_default();
        if before.len() as u64 != import.from {
            return Err(format!("it imports from entry {} of a log of which {} are here", import.from, before.len()));
        }
        let left = import.count();
        self.range = Some(Range { import, left });
        Ok(())
    }

    /// Takes in a record that an import record speaks of; the last one completes the other log's tree.
    fn imported_record(&mut self, leaf: Digest) -> Result<(), String> {
        let Some(mut range) = self.range.take() else { return Ok(()) };
        let leaves = self.imported.entry(range.import.log.to_string()).or_default();
        leaves.push(leaf);
        range.left -= 1;
        if range.left > 0 {
            self.range = Some(range);
            return Ok(());
        }
        if merkle::root(leaves) == range.import.checkpoint.root {
            Ok(())
        } else {
            Err("the imported records up to here are not those of the log they come from".to_owned())
        }
    }

    /// Derives every hash tile anew.
    fn hash_tiles(&self) -> Result<(), VerifyError> {
        let mut row = self.leaves.clone();
        for level in 0..tile::levels(self.checkpoint.size) {
            for (tile, hashes) in tile::tiles(TileKind::Hashes(level), self.checkpoint.size).zip(row.chunks(256)) {
                let stored = self.read(tile)?;
                if stored == tile::hash_bytes(hashes) {
                    continue;
                }
                let right = stored.as_chunks::<32>().0.iter().zip(hashes).take_while(|(stored, hash)| **stored == hash.0).count();
                let entry = tile.first_entry() + ((right as u64) << (8 * u32::from(level)));
                let why = format!("hash {right} in it is not the one that the entries have");
                return Err(VerifyError::File { path: tile.to_string(), why, entry });
            }
            row = row.chunks_exact(256).map(merkle::root).collect();
        }
        Ok(())
    }

    /// Checks that every blob that a record names is there and is the right one.
    fn blobs(&self) -> Result<(), VerifyError> {
        let mut by_entry: Vec<&(u64, Blob)> = self.named.values().collect();
        by_entry.sort_by_key(|(index, blob)| (*index, blob.digest));
        let wrong = |(index, blob): &&(u64, Blob)| self.blob(*index, blob).err();
        by_entry.par_iter().find_map_first(wrong).map_or(Ok(()), Err)
    }

    fn blob(&self, index: u64, blob: &Blob) -> Result<(), VerifyError> {
        let wrong = |why: &str| VerifyError::Entry { index, why: format!("its blob `{}` ({}) {why}", blob.digest, blob.name) };
        let bytes = self.storage.read(&blob_path(&blob.digest))?.ok_or_else(|| wrong("is missing"))?;
        if sha256(&bytes) != blob.digest {
            return Err(wrong("was changed"));
        }
        if bytes.len() as u64 != blob.size {
            return Err(wrong("has another size than the record says"));
        }
        Ok(())
    }

    /// Looks at every file that is there; gives those that interrupted appends left.
    fn other_files(&self, strict: bool) -> Result<Vec<String>, VerifyError> {
        let blobs: BTreeSet<String> = self.named.keys().map(blob_path).collect();
        let mut leftovers = Vec::new();
        for path in self.storage.list("")? {
            let tile = TileId::parse(&path);
            if matches!(path.as_str(), KEY | CHECKPOINT | LOCK)
                || blobs.contains(&path)
                || tile.is_some_and(|tile| tile::has(&tile, self.checkpoint.size))
            {
                continue;
            }
            let left = path.starts_with(TEMPORARY) || tile.is_some() || is_blob_path(&path);
            if strict || !left {
                return Err(VerifyError::Stray(path));
            }
            leftovers.push(path);
        }
        Ok(leftovers)
    }
}

fn is_blob_path(path: &str) -> bool {
    let digest = path.strip_prefix(BLOBS).and_then(|rest| rest.replacen('/', "", 1).parse().ok());
    digest.is_some_and(|digest: Digest| blob_path(&digest) == path)
}
