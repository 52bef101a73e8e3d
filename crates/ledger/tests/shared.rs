//! A log that many append to at once without a lock: nothing acknowledged is lost or there twice, whoever fails or dies, and all heads lie
//! on one line.
#![allow(clippy::disallowed_methods, reason = "a test touches the world on purpose")]
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use common::{ORIGIN, blobs, key, record};
use probity_attest::note::{Checkpoint, VerifierKey};
use probity_attest::{KeyProvider, sha256};
use probity_ledger::{
    CHECKPOINT, KEY, LOCK, Lock, LogReader, MemoryStorage, Receipt, SharedLedger, SharedStorage, Storage, StorageError, Swap, Tag,
    VerifyOptions, VerifyReport, verify,
};

/// How calls fail.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Fault {
    /// This call does nothing.
    NotDone(u64),
    /// This call is carried out, and its reply is lost.
    ReplyLost(u64),
    /// This call loses a race that nobody won.
    Conflict(u64),
    /// From this call on nothing is done: the process is dead.
    Dead(u64),
    /// This call is carried out, and then the process is dead.
    DeadAfter(u64),
}

impl Fault {
    fn at(self) -> u64 {
        match self {
            Fault::NotDone(at) | Fault::ReplyLost(at) | Fault::Conflict(at) | Fault::Dead(at) | Fault::DeadAfter(at) => at,
        }
    }
}

/// Counts the calls of one process to shared files, and fails.
struct Flaky {
    inner: Arc<MemoryStorage>,
    fault: Option<Fault>,
    calls: AtomicU64,
    /// Every head that was ever written, by name of the file.
    heads: Arc<Mutex<Vec<(String, String)>>>,
}

impl Flaky {
    fn new(inner: &Arc<MemoryStorage>, heads: &Arc<Mutex<Vec<(String, String)>>>, fault: Option<Fault>) -> Arc<Flaky> {
        Arc::new(Flaky { inner: Arc::clone(inner), fault, calls: AtomicU64::new(0), heads: Arc::clone(heads) })
    }

    fn call<T>(&self, path: &str, run: impl FnOnce() -> Result<T, StorageError>) -> Result<T, StorageError> {
        let position = self.calls.fetch_add(1, Ordering::SeqCst);
        let failure = |kind| StorageError::Io { what: "reach", path: path.to_owned(), source: std::io::Error::from(kind) };
        match self.fault {
            Some(Fault::NotDone(at)) if at == position => Err(failure(std::io::ErrorKind::Other)),
            Some(Fault::ReplyLost(at)) if at == position => run().and(Err(failure(std::io::ErrorKind::TimedOut))),
            Some(Fault::Dead(at)) if position >= at => Err(failure(std::io::ErrorKind::BrokenPipe)),
            Some(Fault::DeadAfter(at)) if position == at => run().and(Err(failure(std::io::ErrorKind::BrokenPipe))),
            Some(Fault::DeadAfter(at)) if position > at => Err(failure(std::io::ErrorKind::BrokenPipe)),
            _ => run(),
        }
    }
}

impl Storage for Flaky {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, StorageError> {
        self.call(path, || self.inner.read(path))
    }
    fn write(&self, path: &str, bytes: &[u8]) -> Result<(), StorageError> {
        self.call(path, || {
            // What the log relies on: a tile never changes, whoever writes it again.
            if let Some(there) = self.inner.read(path)?
                && path.starts_with("tile/")
            {
                assert_eq!(there, bytes, "`{path}` is written with other bytes");
            }
            self.inner.write(path, bytes)
        })
    }
    fn remove(&self, path: &str) -> Result<(), StorageError> {
        self.call(path, || self.inner.remove(path))
    }
    fn list(&self, prefix: &str) -> Result<Vec<String>, StorageError> {
        self.call(prefix, || self.inner.list(prefix))
    }
    fn lock(&self) -> Result<Box<dyn Lock>, StorageError> {
        Err(StorageError::NoLock(self.place()))
    }
    fn place(&self) -> String {
        "memory".to_owned()
    }
}

impl SharedStorage for Flaky {
    fn load(&self, path: &str) -> Result<Option<(Vec<u8>, Tag)>, StorageError> {
        self.call(path, || self.inner.load(path))
    }
    fn swap(&self, path: &str, old: Option<&Tag>, bytes: &[u8]) -> Result<Swap, StorageError> {
        if self.fault == Some(Fault::Conflict(self.calls.load(Ordering::SeqCst))) {
            self.calls.fetch_add(1, Ordering::SeqCst);
            return Ok(Swap::Lost);
        }
        self.call(path, || {
            let mut heads = self.heads.lock().unwrap();
            let swapped = self.inner.swap(path, old, bytes)?;
            if swapped != Swap::Lost && path != KEY {
                heads.push((path.to_owned(), String::from_utf8(bytes.to_vec()).unwrap()));
            }
            Ok(swapped)
        })
    }
    fn refuses(&self, path: &str, bytes: &[u8]) -> Result<bool, StorageError> {
        self.call(path, || self.inner.refuses(path, bytes))
    }
    fn pause(&self, _: u32) {
        std::thread::yield_now();
    }
}

fn open(storage: Arc<Flaky>) -> Result<SharedLedger, probity_ledger::OpenError> {
    SharedLedger::open_or_create(storage, key(1) as Arc<dyn KeyProvider>, ORIGIN)
}

fn append(ledger: &mut SharedLedger, number: u64) -> Result<Receipt, probity_ledger::AppendError> {
    let blobs = blobs(number);
    ledger.append(record(number, &*key(1), &blobs), blobs)
}

/// The log holds up, all acknowledged records are in it, and no record is in it twice; all heads ever written lie on one line.
fn check(storage: &MemoryStorage, heads: &[(String, String)], acknowledged: &[Receipt]) -> VerifyReport {
    let report = verify(storage, &VerifyOptions { key: Some(key(1).public_key()), ..VerifyOptions::default() }).unwrap();
    check_from(0, storage, heads, acknowledged);
    report
}

/// The same, leaving aside that the log holds up and what is in it before a place; its size.
fn check_from(from: u64, storage: &MemoryStorage, heads: &[(String, String)], acknowledged: &[Receipt]) -> u64 {
    let reader = LogReader::open(storage, None).unwrap();
    let mut seen = BTreeMap::new();
    for index in from..reader.size() {
        let record = reader.entry(index).unwrap();
        assert_eq!(seen.insert(sha256(&record), index), None, "a record is there twice");
    }
    let verifier = VerifierKey::new(ORIGIN, key(1).public_key()).unwrap();
    for receipt in acknowledged {
        assert_eq!(seen.get(&receipt.record), Some(&receipt.index));
        let record = reader.entry(receipt.index).unwrap();
        assert_eq!(receipt.proof.verify(&record, &verifier).unwrap(), receipt.checkpoint);
    }
    let notes = heads.iter().map(|(_, note)| note.clone()).chain(acknowledged.iter().map(|receipt| receipt.proof.note.clone()));
    for note in notes {
        let head = Checkpoint::open(&note, &verifier).unwrap();
        if head.size <= reader.size() {
            assert_eq!(reader.root_at(head.size).unwrap(), head.root, "a head of size {} is on another line", head.size);
        }
    }
    for file in [CHECKPOINT, LOCK] {
        let sizes: Vec<u64> =
            heads.iter().filter(|(path, _)| path == file).map(|(_, note)| Checkpoint::open(note, &verifier).unwrap().size).collect();
        assert!(sizes.is_sorted_by(|one, two| one < two), "`{file}` went back: {sizes:?}");
    }
    reader.size()
}

/// Verifying hundreds of records takes its time: where many runs begin with as many, only some of them are verified.
fn check_run(at: u64, begun: u64, storage: &MemoryStorage, heads: &[(String, String)], acknowledged: &[Receipt]) -> u64 {
    if begun < 100 || at.is_multiple_of(9) {
        return check(storage, heads, acknowledged).checkpoint.size;
    }
    check_from(begun, storage, heads, acknowledged)
}

/// The files of a log of that many records.
fn begun(count: u64) -> BTreeMap<String, Vec<u8>> {
    let storage = Arc::new(MemoryStorage::new());
    let mut ledger = open(Flaky::new(&storage, &Arc::default(), None)).unwrap();
    (0..count).for_each(|number| drop(append(&mut ledger, number).unwrap()));
    storage.files()
}

#[test]
fn a_log_grows_as_one_with_turns_does() {
    let (storage, heads) = (Arc::new(MemoryStorage::new()), Arc::default());
    let mut ledger = open(Flaky::new(&storage, &heads, None)).unwrap();
    let receipts: Vec<Receipt> = (0..600).map(|number| append(&mut ledger, number).unwrap()).collect();
    let report = check(&storage, &heads.lock().unwrap(), &receipts[590..]);
    assert_eq!(report.checkpoint.size, 600);
    let (_, turns) = common::in_memory(600);
    assert_eq!(turns.reader().unwrap().checkpoint(), &report.checkpoint);
    // The same files, and beside them only earlier partial tiles and the head to take turns with.
    let own = turns.storage().list("").unwrap();
    let files = storage.files();
    assert!(own.iter().all(|path| files[path] == turns.storage().read(path).unwrap().unwrap()));
    assert!(files.keys().filter(|path| !own.contains(path)).all(|path| *path == LOCK || path.contains(".p/")));
    assert!(!files.keys().any(|path| path.starts_with("tile/entries/000.p/")), "a full tile has no partial forms");
    // One that is there already, in the last tile and in the one before it.
    for number in [599, 400, 345] {
        assert_eq!(append(&mut ledger, number).unwrap().index, number);
    }
}

#[test]
fn every_call_fails_once_in_each_way() {
    let run = |fault: Option<Fault>, begun: u64, files: &BTreeMap<String, Vec<u8>>| {
        let (storage, heads) = (Arc::new(MemoryStorage::with_files(files.clone())), Arc::default());
        let flaky = Flaky::new(&storage, &heads, fault);
        let mut acknowledged = Vec::new();
        let opened = open(Arc::clone(&flaky)).or_else(|_| open(Arc::clone(&flaky)));
        let mut ledger = opened.unwrap();
        for number in begun..begun + 2 {
            let receipt = append(&mut ledger, number).or_else(|_| append(&mut ledger, number));
            acknowledged.push(receipt.unwrap_or_else(|error| panic!("{fault:?} with {begun}: {error}")));
        }
        let size = check_run(fault.map_or(0, Fault::at), begun, &storage, &heads.lock().unwrap(), &acknowledged);
        assert_eq!(size, begun + 2, "{fault:?}");
        flaky.calls.load(Ordering::SeqCst)
    };
    for count in [0, 3, 255] {
        let files = if count == 0 { BTreeMap::new() } else { begun(count) };
        let calls = run(None, count, &files);
        for at in 0..calls {
            // Where a tile gets full, one way has to do: each run verifies hundreds of records.
            let ways = [Fault::ReplyLost(at), Fault::NotDone(at), Fault::Conflict(at)];
            for fault in ways.into_iter().take(if count == 255 { 1 } else { 3 }) {
                run(Some(fault), count, &files);
            }
        }
    }
}

#[test]
fn whoever_dies_stops_nobody() {
    let run = |fault: Fault, begun: u64, files: &BTreeMap<String, Vec<u8>>| {
        let (storage, heads) = (Arc::new(MemoryStorage::with_files(files.clone())), Arc::default());
        let mut before = open(Flaky::new(&storage, &heads, None)).unwrap();
        let dying = Flaky::new(&storage, &heads, Some(fault));
        let mut acknowledged = Vec::new();
        let died = match open(Arc::clone(&dying)) {
            Ok(mut ledger) => {
                (1000..1002).try_for_each(|number| append(&mut ledger, number).map(|receipt| acknowledged.push(receipt))).is_err()
            }
            Err(_) => true,
        };
        // Two go on: one that was there before, and one that comes new, which appends what the dead one did not get to say.
        acknowledged.push(append(&mut before, 2000).unwrap());
        let mut next = open(Flaky::new(&storage, &heads, None)).unwrap();
        for number in 1000..1002 {
            acknowledged.push(append(&mut next, number).unwrap());
        }
        let size = check_run(fault.at(), begun, &storage, &heads.lock().unwrap(), &acknowledged);
        assert_eq!(size, begun + 3, "{fault:?}");
        died
    };
    for count in [0, 5, 255] {
        let files = begun(count);
        for at in 0.. {
            let ways = [Fault::Dead(at), Fault::DeadAfter(at)];
            let died = ways.into_iter().skip(usize::from(count == 255)).filter(|fault| run(*fault, count, &files)).count();
            if died == 0 {
                break;
            }
        }
    }
}

#[test]
fn eight_at_once() {
    let (storage, heads) = (Arc::new(MemoryStorage::new()), Arc::default());
    let receipts = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for writer in 0..8_u64 {
            let (storage, heads, receipts) = (&storage, &heads, &receipts);
            scope.spawn(move || {
                let mut ledger = open(Flaky::new(storage, heads, None)).unwrap();
                for number in 0..40 {
                    let receipt = append(&mut ledger, writer * 1000 + number).unwrap();
                    receipts.lock().unwrap().push(receipt);
                }
            });
        }
    });
    let report = check(&storage, &heads.lock().unwrap(), &receipts.into_inner().unwrap());
    assert_eq!(report.checkpoint.size, 320);
}

#[test]
fn many_make_the_log_at_once() {
    for _ in 0..60 {
        let (storage, heads) = (Arc::new(MemoryStorage::new()), Arc::default());
        std::thread::scope(|scope| {
            for number in 0..4 {
                let (storage, heads) = (&storage, &heads);
                scope.spawn(move || append(&mut open(Flaky::new(storage, heads, None)).unwrap(), number).unwrap());
            }
        });
        assert_eq!(check(&storage, &heads.lock().unwrap(), &[]).checkpoint.size, 4);
    }
}

#[test]
fn what_was_tampered_with_is_refused() {
    let begin = || {
        let (storage, heads) = (Arc::new(MemoryStorage::new()), Arc::default());
        let mut ledger = open(Flaky::new(&storage, &heads, None)).unwrap();
        (0..3).for_each(|number| drop(append(&mut ledger, number).unwrap()));
        (storage, heads)
    };
    let refused = |storage: &Arc<MemoryStorage>, heads: &Arc<Mutex<Vec<(String, String)>>>, why: &str| {
        let error = open(Flaky::new(storage, heads, None)).err().unwrap_or_else(|| panic!("not refused: {why}"));
        assert!(error.to_string().contains(why), "{error}");
    };
    let (storage, heads) = begin();
    let old = heads.lock().unwrap().iter().find(|(path, _)| path == LOCK).unwrap().1.clone();
    storage.write(LOCK, old.as_bytes()).unwrap();
    refused(&storage, &heads, "behind");
    let (storage, heads) = begin();
    let other = Checkpoint { origin: ORIGIN.into(), size: 9, root: sha256(b"x") }.sign(&*key(1)).unwrap();
    storage.write(LOCK, other.as_bytes()).unwrap();
    refused(&storage, &heads, "not there");
    storage.write(&format!("tmp/9-{}", sha256(b"x")), b"\0\x01x").unwrap();
    refused(&storage, &heads, "does not lead");
    let other = Checkpoint { origin: ORIGIN.into(), size: 9, root: sha256(b"x") }.sign(&*key(2)).unwrap();
    storage.write(LOCK, other.as_bytes()).unwrap();
    refused(&storage, &heads, "not to be trusted");
    let (storage, heads) = begin();
    storage.remove(CHECKPOINT).unwrap();
    refused(&storage, &heads, "missing");
    let signer = key(2) as Arc<dyn KeyProvider>;
    let (storage, _) = begin();
    assert!(SharedLedger::open_or_create(Arc::clone(&storage) as _, Arc::clone(&signer), ORIGIN).is_err());
    assert!(SharedLedger::open(storage, signer).is_err());
    assert!(SharedLedger::open(Arc::new(MemoryStorage::new()), key(1)).is_err());
}

#[test]
fn a_folder_copied_with_its_lock_file_goes_on() {
    let (turns, _) = common::in_memory(5);
    turns.write(LOCK, b"").unwrap();
    let heads = Arc::default();
    let mut ledger = open(Flaky::new(&turns, &heads, None)).unwrap();
    assert_eq!(append(&mut ledger, 9).unwrap().index, 5);
    check(&turns, &heads.lock().unwrap(), &[]);
}
