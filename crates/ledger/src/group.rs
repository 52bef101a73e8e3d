//! Group commit: many append at once, one writer writes what waits under one checkpoint, and each gets its receipt when that is durable.
//! Checking records, hashing them and making receipts is the callers' work, outside the writer and the lock.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use probity_attest::note::VerifierKey;
use probity_core::Digest;

use crate::edge::Committed;
use crate::folder::LOCK_PAUSE;
use crate::ledger::{NewEntry, check_entry};
use crate::{AppendError, Ledger, LogReader, Receipt, Storage};

/// Tiles of last records looked at for one that is appended again: several times the largest batch.
const REACH: u64 = 64;
/// Most entries under one checkpoint: a quarter of what is looked at.
const MAX_ENTRIES: usize = 4096;
/// Batches in a row after which the lock is left alone for a moment, so that other processes get their turn.
const TURN: u32 = 64;

/// How much is gathered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupLimits {
    /// Most entries under one checkpoint, at most 4,096.
    pub entries: usize,
    /// Most bytes of records and blobs under one checkpoint; a single larger record goes alone.
    pub bytes: usize,
    /// How long a record waits for others before it is written.
    pub delay: Duration,
    /// Most bytes that wait; whoever brings more is held up until there is room.
    pub waiting: usize,
}

impl Default for GroupLimits {
    fn default() -> GroupLimits {
        GroupLimits { entries: MAX_ENTRIES, bytes: 16 << 20, delay: Duration::from_millis(1), waiting: 64 << 20 }
    }
}

/// What the writer says of a record: where it is, or why it is not there.
enum Reply {
    /// It came under a new checkpoint.
    New(Arc<Committed>, u64),
    /// It was there already.
    Known(Arc<str>, u64),
    Failed(Arc<AppendError>),
}

struct Waiting {
    entry: NewEntry,
    reply: SyncSender<Reply>,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Waiting>,
    bytes: usize,
    /// Nothing more is taken; the writer ends when nothing waits.
    closed: bool,
}

struct Shared {
    limits: GroupLimits,
    queue: Mutex<Queue>,
    /// Something waits, or nothing more will come.
    filled: Condvar,
    /// There is room, or the writer has ended.
    room: Condvar,
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn close(&self) {
        self.queue().closed = true;
        self.filled.notify_all();
        self.room.notify_all();
    }

    /// The next records to write together; none when nothing more comes. Gives too whether others wait.
    fn gather(&self) -> (Vec<Waiting>, bool) {
        let limits = &self.limits;
        let idle = |queue: &mut Queue| queue.waiting.is_empty() && !queue.closed;
        let queue = self.filled.wait_while(self.queue(), idle).unwrap_or_else(PoisonError::into_inner);
        let few = |queue: &mut Queue| queue.waiting.len() < limits.entries && queue.bytes < limits.bytes && !queue.closed;
        let waited = self.filled.wait_timeout_while(queue, limits.delay, few);
        let (mut queue, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let mut batch = Vec::new();
        let mut bytes = 0;
        while batch.len() < limits.entries
            && let Some(next) = queue.waiting.front()
            && (batch.is_empty() || bytes + next.entry.bytes() <= limits.bytes)
            && let Some(next) = queue.waiting.pop_front()
        {
            bytes += next.entry.bytes();
            batch.push(next);
        }
        queue.bytes -= bytes;
        self.room.notify_all();
        (batch, !queue.waiting.is_empty())
    }
}

/// Closes the queue when the writer ends, also by a panic: nobody waits for what will not come.
struct Ending<'a>(&'a Shared);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.close();
        // Those who wait hear it by the end of their channel.
        self.0.queue().waiting.clear();
    }
}

/// A ledger to which many append at once. Any number of threads may call it; other processes take turns with it by the storage's lock.
///
/// It keeps the promises of [`Ledger::append`]: a receipt is given when record, blobs and checkpoint are durable, and whoever gets an
/// error may append the same bytes again. When it is dropped, it first writes what waits.
pub struct GroupCommit {
    shared: Arc<Shared>,
    storage: Arc<dyn Storage>,
    key: VerifierKey,
    writer: Option<JoinHandle<Ledger>>,
}

impl GroupCommit {
    /// Starts the writer of a ledger.
    pub fn start(mut ledger: Ledger, limits: GroupLimits) -> Result<GroupCommit, AppendError> {
        let limits = GroupLimits { entries: limits.entries.clamp(1, MAX_ENTRIES), ..limits };
        let shared = Arc::new(Shared { limits, queue: Mutex::default(), filled: Condvar::new(), room: Condvar::new() });
        let (storage, key) = (Arc::clone(&ledger.storage), ledger.key.clone());
        ledger.look_back(REACH);
        let for_writer = Arc::clone(&shared);
        let writer = std::thread::Builder::new().name("ledger".to_owned()).spawn(move || {
            write(&mut ledger, &for_writer);
            ledger
        });
        Ok(GroupCommit { shared, storage, key, writer: Some(writer.map_err(AppendError::Start)?) })
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

    /// Appends a signed statement with the blobs it names, and waits for its receipt.
    pub fn append(&self, record: Vec<u8>, blobs: Vec<Vec<u8>>) -> Result<Receipt, AppendError> {
        self.submit(record, blobs)?.wait()
    }

    /// Appends many, each by itself: one that cannot be appended does not hold up the others. Those that get receipts stand in
    /// this order, unless they were there before.
    pub fn append_all(&self, records: Vec<(Vec<u8>, Vec<Vec<u8>>)>) -> Vec<Result<Receipt, AppendError>> {
        let submitted: Vec<_> = records.into_iter().map(|(record, blobs)| self.submit(record, blobs)).collect();
        submitted.into_iter().map(|pending| pending?.wait()).collect()
    }

    /// Checks a record and hands it to the writer. It waits only where too much waits already.
    pub fn submit(&self, record: Vec<u8>, blobs: Vec<Vec<u8>>) -> Result<Pending, AppendError> {
        self.enqueue(check_entry(&*self.storage, record, blobs, &[self.key.key()])?)
    }

    /// Hands over bytes that are no signed statement, to measure the log alone: [`crate::verify`] refuses a ledger with such an entry.
    #[cfg(feature = "opaque-entries")]
    pub fn submit_opaque(&self, entry: Vec<u8>) -> Result<Pending, AppendError> {
        if entry.len() > crate::tile::MAX_ENTRY {
            return Err(probity_attest::statement::StatementError::TooLarge(entry.len()).into());
        }
        self.enqueue(NewEntry::new(entry, Vec::new()))
    }

    fn enqueue(&self, entry: NewEntry) -> Result<Pending, AppendError> {
        let (digest, bytes) = (entry.digest(), entry.bytes());
        let (reply, answer) = sync_channel(1);
        let crowded =
            |queue: &mut Queue| !queue.closed && queue.bytes > 0 && queue.bytes.saturating_add(bytes) > self.shared.limits.waiting;
        let mut queue = self.shared.room.wait_while(self.shared.queue(), crowded).unwrap_or_else(PoisonError::into_inner);
        if queue.closed {
            return Err(AppendError::Closed);
        }
        queue.bytes += bytes;
        queue.waiting.push_back(Waiting { entry, reply });
        let limits = &self.shared.limits;
        // The writer sleeps until the first comes, and then until there is a full batch.
        let wake = queue.waiting.len() == 1 || queue.waiting.len() >= limits.entries || queue.bytes >= limits.bytes;
        drop(queue);
        if wake {
            self.shared.filled.notify_one();
        }
        Ok(Pending { answer, digest, storage: Arc::clone(&self.storage), key: self.key.clone() })
    }

    /// Writes what waits and gives the ledger back; an error if the writer died.
    pub fn finish(mut self) -> Result<Ledger, AppendError> {
        self.shared.close();
        let ended = self.writer.take().map(JoinHandle::join);
        ended.and_then(Result::ok).ok_or(AppendError::Closed)
    }
}

impl Drop for GroupCommit {
    fn drop(&mut self) {
        self.shared.close();
        if let Some(writer) = self.writer.take() {
            // A panic of the writer was told to everybody who waited.
            drop(writer.join());
        }
    }
}

/// A record on its way. Dropping it does not take the record back.
#[must_use = "the record counts when `wait` has given its receipt"]
pub struct Pending {
    answer: Receiver<Reply>,
    digest: Digest,
    storage: Arc<dyn Storage>,
    key: VerifierKey,
}

impl Pending {
    /// Waits until the record is durable, and gives its receipt.
    pub fn wait(self) -> Result<Receipt, AppendError> {
        match self.answer.recv() {
            Ok(Reply::New(committed, place)) => committed.receipt(place, self.digest).ok_or(AppendError::Full),
            Ok(Reply::Known(note, place)) => Ok(LogReader::at(&*self.storage, self.key, note.to_string())?.receipt(place)?),
            Ok(Reply::Failed(error)) => Err(AppendError::Batch(error)),
            Err(_) => Err(AppendError::Closed),
        }
    }
}

/// The writer's life.
fn write(ledger: &mut Ledger, shared: &Shared) {
    let _ending = Ending(shared);
    let mut in_a_row = 0;
    loop {
        let (batch, more) = shared.gather();
        if batch.is_empty() {
            return;
        }
        let (entries, replies): (Vec<_>, Vec<_>) = batch.into_iter().map(|each| (each.entry, each.reply)).unzip();
        // Whoever does not wait any more is not told.
        match commit(ledger, &entries) {
            Ok(answers) => replies.iter().zip(answers).for_each(|(reply, answer)| drop(reply.send(answer))),
            Err(error) => {
                let error = Arc::new(error);
                replies.iter().for_each(|reply| drop(reply.send(Reply::Failed(Arc::clone(&error)))));
            }
        }
        in_a_row = if more { in_a_row + 1 } else { 0 };
        if in_a_row == TURN {
            in_a_row = 0;
            std::thread::sleep(2 * LOCK_PAUSE);
        }
    }
}

fn commit(ledger: &mut Ledger, entries: &[NewEntry]) -> Result<Vec<Reply>, AppendError> {
    let storage = Arc::clone(&ledger.storage);
    let _lock = storage.lock()?;
    let done = ledger.commit_locked(entries)?;
    let note: Arc<str> = done.note.into();
    let committed = done.committed.map(Arc::new);
    let answer = |place| match &committed {
        Some(committed) if place >= done.before => Reply::New(Arc::clone(committed), place),
        _ => Reply::Known(Arc::clone(&note), place),
    };
    Ok(done.places.into_iter().map(answer).collect())
}
