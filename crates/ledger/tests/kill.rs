//! Two processes append to one ledger and are killed with SIGKILL at random moments: what they acknowledged is there, the log never
//! forked, and the next process goes on. `PROBITY_KILL_RUNS` says how often (20 by default; the bar is 200).
#![allow(clippy::disallowed_methods, reason = "a test touches the world on purpose")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, clippy::print_stderr)]

mod common;

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use common::{ORIGIN, blobs, key, record};
use probity_attest::note::Checkpoint;
use probity_attest::sha256;
use probity_ledger::{FolderStorage, Ledger, LogReader, Storage as _, VerifyOptions, verify};

const FOLDER: &str = "PROBITY_KILL_FOLDER";
const FIRST: &str = "PROBITY_KILL_FIRST";
/// Runs on one ledger before a new one is begun.
const RUNS_PER_LEDGER: u64 = 25;

/// The writer, when this program is started as one: it appends until it is killed, and says what was acknowledged.
#[test]
fn writer() {
    let (Ok(folder), Ok(first)) = (std::env::var(FOLDER), std::env::var(FIRST)) else { return };
    let mut ledger = Ledger::open_or_create(Arc::new(FolderStorage::new(folder)), key(1), ORIGIN).unwrap();
    for number in first.parse::<u64>().unwrap().. {
        let blobs = blobs(number);
        let bytes = record(number, &*key(1), &blobs);
        let digest = sha256(&bytes);
        let receipt = ledger.append(bytes, blobs).unwrap();
        let line = format!("acknowledged {} {digest}\n", receipt.index);
        std::io::stdout().write_all(line.as_bytes()).unwrap();
    }
}

fn start(folder: &Path, first: u64) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "writer", "--nocapture"]).env(FOLDER, folder).env(FIRST, first.to_string());
    command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
}

/// What a writer acknowledged: places and digests. A line cut off by death says nothing. `first` hears of the first.
fn acknowledged(child: &mut Child, first: Sender<()>) -> impl FnOnce() -> Vec<(u64, String)> + use<> {
    let lines = BufReader::new(child.stdout.take().unwrap());
    move || {
        let mut out = Vec::new();
        for line in lines.lines() {
            let Ok(line) = line else { break };
            let words: Vec<&str> = line.split(' ').collect();
            if let Some(at) = words.iter().position(|word| word.ends_with("acknowledged"))
                && let [_, index, digest] = words[at..]
                && digest.len() == 64
            {
                out.push((index.parse().unwrap(), digest.to_owned()));
                // Nobody listens any more once the writer is to die.
                let _ = first.send(());
            }
        }
        out
    }
}

#[test]
fn nothing_acknowledged_is_lost() {
    let runs: u64 = std::env::var("PROBITY_KILL_RUNS").map_or(20, |runs| runs.parse().unwrap());
    let seed = std::env::var("PROBITY_KILL_SEED").map_or_else(|_| fastrand::u64(..), |seed| seed.parse().unwrap());
    println!("{runs} runs with PROBITY_KILL_SEED={seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let (mut entries, mut told, mut kills_with_leftovers) = (0, 0, 0);
    for first_run in (0..runs).step_by(RUNS_PER_LEDGER as usize) {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("ledger");
        let mut known = Known::default();
        for run in first_run..runs.min(first_run + RUNS_PER_LEDGER) {
            // Every other time the wait begins with the process, so that death may come while the ledger is being made or opened.
            let delays = [random.u64(0..120), random.u64(0..120)];
            told += kill_two(&root, run * 1_000_000, delays, run % 2 == 0, &mut known);
            kills_with_leftovers += u64::from(known.check(&root));
        }
        // Whoever comes next goes on, and cleans up.
        let mut ledger = Ledger::open_or_create(Arc::new(FolderStorage::new(&root)), key(1), ORIGIN).unwrap();
        common::append(&mut ledger, u64::MAX / 2, &*key(1)).unwrap();
        known.check(&root);
        let storage = FolderStorage::new(&root);
        assert!(storage.list("tmp/").unwrap().is_empty());
        entries += ledger.reader().unwrap().size();
    }
    println!("{runs} runs, {told} acknowledged, {entries} entries, {kills_with_leftovers} times with remains of an interrupted append");
    assert!(told > 0);
}

/// Starts two writers, kills each after its delay in milliseconds, counted from its start or from its first acknowledgement, and keeps
/// what was told.
fn kill_two(root: &Path, first: u64, delays: [u64; 2], from_first: bool, known: &mut Known) -> u64 {
    let mut children: Vec<Child> = (0..2).map(|writer| start(root, first + writer * 500_000)).collect();
    let (senders, begun): (Vec<_>, Vec<_>) = (0..2).map(|_| channel()).unzip();
    let readers: Vec<_> = children.iter_mut().zip(senders).map(|(child, sender)| acknowledged(child, sender)).collect();
    let done = AtomicBool::new(false);
    let told: Vec<(u64, String)> = std::thread::scope(|scope| {
        let threads: Vec<_> = readers.into_iter().map(|reader| scope.spawn(reader)).collect();
        let watcher = scope.spawn(|| watch(root, &done));
        let killers: Vec<_> = children
            .iter_mut()
            .zip(delays)
            .zip(begun)
            .map(|((child, delay), begun)| {
                scope.spawn(move || {
                    if from_first {
                        // An error means that the writer died by itself, which the count of what was told shows.
                        let _ = begun.recv();
                    }
                    std::thread::sleep(Duration::from_millis(delay));
                    child.kill().unwrap();
                    child.wait().unwrap();
                })
            })
            .collect();
        killers.into_iter().for_each(|killer| killer.join().unwrap());
        done.store(true, Ordering::SeqCst);
        known.notes.extend(watcher.join().unwrap());
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let count = told.len() as u64;
    for (index, digest) in told {
        let before = known.told.insert(index, digest.clone());
        assert!(before.is_none(), "entry {index} was given to two: {before:?} and {digest}");
    }
    count
}

/// Every head that is seen while others write.
fn watch(root: &Path, done: &AtomicBool) -> Vec<String> {
    let storage = FolderStorage::new(root);
    let mut seen: Vec<String> = Vec::new();
    while !done.load(Ordering::SeqCst) {
        if let Some(bytes) = storage.read("checkpoint").unwrap() {
            let note = String::from_utf8(bytes).unwrap();
            if seen.last() != Some(&note) {
                seen.push(note);
            }
        }
        std::thread::sleep(Duration::from_micros(300));
    }
    seen
}

/// What the world was told about one ledger.
#[derive(Default)]
struct Known {
    told: BTreeMap<u64, String>,
    notes: Vec<String>,
}

impl Known {
    /// Holds the ledger against all that was told; gives whether an append was left half done.
    fn check(&self, root: &Path) -> bool {
        let storage = FolderStorage::new(root);
        let Some(_) = storage.read("checkpoint").unwrap() else {
            assert!(self.told.is_empty() && self.notes.is_empty());
            return true;
        };
        let report = verify(&storage, &VerifyOptions { key: Some(key(1).verifying_key()), ..VerifyOptions::default() });
        let report = report.unwrap_or_else(|error| panic!("{error}"));
        let reader = LogReader::open(&storage, Some(&report.key)).unwrap();
        let digests: Vec<String> = reader.entries().map(|entry| sha256(&entry.unwrap().1).to_string()).collect();
        for (index, digest) in &self.told {
            let there = usize::try_from(*index).ok().and_then(|index| digests.get(index));
            assert_eq!(there, Some(digest), "entry {index} was acknowledged");
        }
        let mut last = 0;
        for note in &self.notes {
            let checkpoint = Checkpoint::open(note, &report.key).unwrap();
            assert!(checkpoint.size >= last, "a head went back from {last} to {}", checkpoint.size);
            last = checkpoint.size;
            assert_eq!(reader.root_at(checkpoint.size).unwrap(), checkpoint.root, "the head of size {} was left", checkpoint.size);
        }
        !report.leftovers.is_empty()
    }
}
