//! How fast the evidence log is: `bench_ledger FOLDER [LEAVES]`. The folder has to be on the disk that is to be measured; what is made
//! in it is removed again. Each line of the output is a JSON object.
#![allow(clippy::disallowed_methods, reason = "a benchmark looks at the clock")]
#![allow(clippy::print_stdout, reason = "an example talks to whoever runs it")]

use std::collections::{BTreeMap, VecDeque};
use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use probity_attest::statement::{Blob, Decision, Descriptor, Outcome};
use probity_attest::{KeyProvider, SigningKey, sha256};
use probity_core::Timestamp;
use probity_ledger::{FolderStorage, GroupCommit, GroupLimits, Ledger, Pending, VerifyOptions, verify, verify_tree};

type Failure = Box<dyn Error + Send + Sync>;

/// A record as the gate writes it, and the manifest it names.
fn gate_record(number: u64, key: &dyn KeyProvider, manifest: &[u8]) -> Result<Vec<u8>, Failure> {
    let commit: String = sha256(&number.to_be_bytes()).to_string().chars().take(40).collect();
    let subject = Descriptor { name: "payments".into(), digest: BTreeMap::from([("gitCommit".into(), commit)]), ..Default::default() };
    let counts = serde_json::json!({ "critical": 0, "high": 2, "medium": 14, "low": 3, "info": 0, "unknown": 5, "suppressed": 1 });
    let decision = Decision {
        subjects: vec![subject],
        verifier: "https://probity.dev/gate/v1".into(),
        versions: BTreeMap::from([("probity".into(), "0.1.0".into())]),
        time: Timestamp { seconds: 1_769_860_800 + i64::try_from(number)?, nanoseconds: 0 },
        resource_uri: "git+https://git.example/payments".into(),
        policy: Descriptor { uri: "probity:built-in".into(), ..Descriptor::sha256("", sha256(b"policies")) },
        input_attestations: Vec::new(),
        outcome: if number.is_multiple_of(2) { Outcome::Passed } else { Outcome::Failed },
        verified_levels: vec!["PROBITY_GATE".into()],
        blobs: vec![Blob { name: "manifest".into(), digest: sha256(manifest), size: manifest.len() as u64 }],
        probity: serde_json::Map::from_iter([("colour".into(), "red".into()), ("counts".into(), counts)]),
    };
    Ok(decision.to_statement()?.sign(key)?)
}

/// A manifest of about two kilobytes that no other is like.
fn manifest(number: u64) -> Vec<u8> {
    (0..30).map(|line| format!("{} {line}\n", sha256(&(number * 100 + line).to_be_bytes()))).collect::<String>().into_bytes()
}

fn leaf(number: u64) -> Vec<u8> {
    sha256(&number.to_be_bytes()).0.iter().copied().cycle().take(512).collect()
}

struct Bench {
    folder: PathBuf,
    key: Arc<SigningKey>,
}

impl Bench {
    fn group(&self, name: &str) -> Result<(GroupCommit, Arc<FolderStorage>), Failure> {
        let storage = Arc::new(FolderStorage::new(self.folder.join(name)));
        let ledger = Ledger::open_or_create(Arc::clone(&storage) as _, Arc::clone(&self.key) as _, "example.com/bench")?;
        Ok((GroupCommit::start(ledger, GroupLimits::default())?, storage))
    }

    /// Threads that each have up to some appends under way; gives appends a second, each counted when its receipt is there.
    fn rate(&self, name: &str, count: u64, submit: impl Fn(&GroupCommit, u64) -> Result<Pending, Failure> + Sync) -> Result<f64, Failure> {
        const THREADS: u64 = 2;
        const UNDER_WAY: usize = 4096;
        let (group, _) = self.group(name)?;
        let begun = Instant::now();
        std::thread::scope(|scope| {
            let each = |thread: u64| {
                let (group, submit) = (&group, &submit);
                move || -> Result<(), Failure> {
                    let mut under_way = VecDeque::new();
                    for number in (0..count).filter(|number| number % THREADS == thread) {
                        if under_way.len() == UNDER_WAY
                            && let Some(pending) = under_way.pop_front()
                        {
                            let _receipt = Pending::wait(pending)?;
                        }
                        under_way.push_back(submit(group, number)?);
                    }
                    under_way.into_iter().try_for_each(|pending| pending.wait().map(drop))?;
                    Ok(())
                }
            };
            let threads: Vec<_> = (0..THREADS).map(|thread| scope.spawn(each(thread))).collect();
            threads.into_iter().try_for_each(|thread| thread.join().unwrap_or_else(|_| Err("a thread died".into())))
        })?;
        Ok(rate(count, begun.elapsed()))
    }

    /// Appends come at a steady pace from one thread, and another waits for their receipts; gives the times from the moment an append was
    /// due to its receipt, sorted.
    fn latencies(&self, name: &str, pace: u32, count: u32) -> Result<Vec<Duration>, Failure> {
        let (group, _) = self.group(name)?;
        let (sender, receiver) = std::sync::mpsc::channel::<(Instant, Pending)>();
        let manifest = manifest(0);
        // The records lie ready: whoever signs them may sit elsewhere, and their time counts from when they are brought.
        let records: Vec<_> = (0..count).map(|number| gate_record(number.into(), &*self.key, &manifest)).collect::<Result<_, _>>()?;
        // The manifest is stored by the first.
        let _receipt = group.append(gate_record(u64::from(count), &*self.key, &manifest)?, vec![manifest.clone()])?;
        let waiter = std::thread::spawn(move || -> Result<Vec<Duration>, Failure> {
            let mut times = Vec::new();
            for (due, pending) in receiver {
                let _receipt = pending.wait()?;
                times.push(due.elapsed());
            }
            Ok(times)
        });
        let begun = Instant::now();
        for (number, record) in (0..).zip(records) {
            let due = begun + Duration::from_secs(1) / pace * number;
            if let Some(early) = due.checked_duration_since(Instant::now()) {
                std::thread::sleep(early);
            }
            sender.send((due, group.submit(record, vec![manifest.clone()])?)).map_err(|_| "the waiter died")?;
        }
        drop(sender);
        let mut times = waiter.join().map_err(|_| "the waiter died")??;
        times.sort_unstable();
        Ok(times)
    }
}

#[expect(clippy::cast_precision_loss, reason = "a count of seconds")]
fn rate(count: u64, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64()
}

fn say(what: &str, value: f64, unit: &str) {
    println!("{}", serde_json::json!({ "what": what, "value": (value * 100.0).round() / 100.0, "unit": unit }));
}

fn run(folder: &Path, leaves: u64) -> Result<(), Failure> {
    let bench = Bench { folder: folder.to_path_buf(), key: Arc::new(SigningKey::from_seed(&[7; 32])?) };
    let opaque = bench.rate("opaque", leaves / 2, |group, number| Ok(group.submit_opaque(leaf(number))?))?;
    say("opaque 512-byte leaves", opaque, "durable appends/s");
    let shared = manifest(0);
    let own = bench.rate("own-manifests", leaves / 50, |group, number| {
        let manifest = manifest(number + 1);
        Ok(group.submit(gate_record(number, &*bench.key, &manifest)?, vec![manifest])?)
    })?;
    say("gate records, signed and verified, each with a manifest of its own", own, "durable appends/s");
    std::fs::remove_dir_all(folder.join("own-manifests"))?;
    std::fs::remove_dir_all(folder.join("opaque"))?;
    let signed = bench
        .rate("million", leaves, |group, number| Ok(group.submit(gate_record(number, &*bench.key, &shared)?, vec![shared.clone()])?))?;
    say("gate records, signed and verified, with one manifest for all", signed, "durable appends/s");
    let times = bench.latencies("paced", 10_000, 60_000)?;
    let at = |percent: usize| times.get(times.len() * percent / 100).map_or(0.0, |time| time.as_secs_f64() * 1e3);
    say("from append to receipt at 10,000 appends/s: median", at(50), "ms");
    say("from append to receipt at 10,000 appends/s: 99th percentile", at(99), "ms");
    let storage = FolderStorage::new(folder.join("million"));
    let options = VerifyOptions { key: Some(bench.key.verifying_key()), ..VerifyOptions::default() };
    let begun = Instant::now();
    let checkpoint = verify_tree(&storage, &options)?;
    say(&format!("Merkle tree of {} entries verified", checkpoint.size), begun.elapsed().as_secs_f64(), "s");
    let begun = Instant::now();
    let report = verify(&storage, &options)?;
    say(&format!("the whole log of {} entries verified, every signature", report.checkpoint.size), begun.elapsed().as_secs_f64(), "s");
    Ok(())
}

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().ok_or("usage: bench_ledger FOLDER [LEAVES]")?).join("probity-bench-ledger");
    let leaves = arguments.next().map(|text| text.parse()).transpose()?.unwrap_or(1_000_000);
    std::fs::create_dir(&folder)?;
    let done = run(&folder, leaves);
    std::fs::remove_dir_all(&folder)?;
    done
}
