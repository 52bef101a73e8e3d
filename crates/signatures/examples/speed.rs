//! How long it takes to verify an image: cold (a new connection to the registry, nothing known), cached, and eight containers at once.
//!
//! `cargo run --release -p probity-signatures --example speed -- REFERENCE KEY.pub [RUNS]`
#![allow(clippy::disallowed_methods, clippy::print_stdout, reason = "a measurement")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};

use probity_archive::Limits as Sizes;
use probity_core::{Digest, Timestamp};
use probity_registry::{Credentials, Name, Reference, Registry, Settings};
use probity_signatures::{Cache, Demand, Key, Limits, resolve, verify_image};
use probity_sigstore::{Policy, PublicKey, Signer, TrustRoot};

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [reference, key, rest @ ..] = arguments.as_slice() else { return Err("REFERENCE KEY.pub [RUNS]".into()) };
    let runs: usize = rest.first().map_or(Ok(200), |runs| runs.parse())?;
    let reference: Reference = reference.parse()?;
    let key = PublicKey::from_pem(&std::fs::read_to_string(key)?).map_err(|error| error.0)?;
    let root = TrustRoot::public_good()?;
    let policy = Policy { signer: Signer::Key(key), log: false, timestamp: false, no_time: true };
    let demand = Demand { enough: Some(1), ..Demand::signature(policy) };
    let seconds = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs();
    let now = Timestamp { seconds: i64::try_from(seconds)?, nanoseconds: 0 };
    let cold = || -> Result<String, Failure> {
        let settings = Settings {
            timeout: Duration::from_secs(10),
            authorities: Vec::new(),
            plain_http: false,
            mirrors: Vec::new(),
            credentials: Credentials::default(),
            limits: Sizes::default(),
        };
        let repository = Registry::new(settings).repository(&reference)?;
        let image = resolve(&repository, &Name::of(&reference))?;
        let report = verify_image(&repository, image.digest(), &demand, &root, &Limits::default(), now)?;
        Ok(report.image.to_string())
    };
    let mut times = Vec::new();
    for _ in 0..runs {
        let begun = Instant::now();
        cold()?;
        times.push(begun.elapsed());
    }
    times.sort();
    let at = |share: usize| times.get((times.len() * share / 100).min(times.len() - 1)).copied().unwrap_or_default();
    println!("cold: median {:?}, p95 {:?}, {runs} runs", at(50), at(95));

    let cache = Cache::new(Duration::from_secs(600), 1024);
    let key = || Key { image: reference.to_string(), policy: Digest([1; 32]), root: Digest([2; 32]) };
    let asked = AtomicUsize::new(0);
    let answer = || {
        cache.answer(&key(), || {
            asked.fetch_add(1, Ordering::SeqCst);
            cold().map_err(|error| error.to_string())
        })
    };
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(answer);
        }
    });
    println!("eight at once: {:?}, {} verification", begun.elapsed(), asked.load(Ordering::SeqCst));
    let begun = Instant::now();
    let many = 100_000_u32;
    for _ in 0..many {
        answer()?;
    }
    println!("cached: {:?} each, {} verification", begun.elapsed() / many, asked.load(Ordering::SeqCst));
    Ok(())
}
