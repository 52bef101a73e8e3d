//! Any text as advisories (OSV, RustSec, KEV, EPSS by the first byte), built into a database and asked; and any bytes as the database
//! itself. What was built is whole, and every bit of a broken one is answered for without a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use probity_advisories::database::{Builder, Database};
use probity_advisories::{ecosystem, load, matching};
use probity_core::Digest;
use probity_packages::{Package, Purl};

/// New ones go to the end, so that the seeds keep what they mean.
const PATHS: &[&str] = &["a.json", "a.yaml", "RUSTSEC-2024-0001.md", "a.jsonl", "epss.csv"];

/// Not SHA-256, but every byte counts.
fn digest(bytes: &[u8]) -> Digest {
    let mut out = [0_u8; 32];
    for (index, byte) in bytes.iter().enumerate() {
        let at = index % 32;
        out[at] = out[at].rotate_left(3) ^ byte;
    }
    Digest(out)
}

/// Asks everything there is to ask.
fn ask(database: &Database<'_>) {
    for one in database.ecosystems().take(50) {
        let _ = database.ecosystems_named(one.name);
    }
    for kind in ["npm", "pypi", "cargo", "golang", "deb", "rpm", "apk"] {
        for version in ["1.0.0", "", "not a version"] {
            let purl = Purl::new(kind, (kind == "deb" || kind == "rpm" || kind == "apk").then_some("debian"), "a", Some(version));
            let Ok(purl) = purl else { continue };
            let package = Package::new(purl.with("distro", "debian-12"), "fuzz");
            let _ = ecosystem::named(&package);
            if let matching::Answer::Covered(matches) = matching::answer(database, &package) {
                let _ = matching::cure(database, &package, &matches);
            }
        }
    }
    for ecosystem in ["npm", "PyPI", "crates.io", "Go", "Debian:12"] {
        for (record, reach) in database.about(ecosystem, "a").take(50) {
            let lists = [record.aliases().count(), record.related().count(), record.cwes().count(), record.references().count()];
            assert!(lists.iter().all(|count| *count < 1 << 24));
            let _ = (reach.intervals().count(), reach.versions().count(), reach.lists("1.0.0"));
        }
    }
    let _ = (database.sources().count(), database.exploited("CVE-2024-0001"), database.likelihood("CVE-2024-0001"));
}

fuzz_target!(|data: &[u8]| {
    let Some((first, rest)) = data.split_first() else { return };
    if *first == b'P' {
        if let Ok(database) = Database::open(data) {
            ask(&database);
        }
        return;
    }
    let Ok(text) = std::str::from_utf8(rest) else { return };
    let mut builder = Builder::new(1_700_000_000);
    let taken = load::add(&mut builder, PATHS[usize::from(*first) % PATHS.len()], text, &|_| true);
    let lines = text.lines().count() + 1;
    for (line, what) in &taken.wrong {
        assert!(*line as usize <= lines && !what.is_empty(), "{line} of {lines}: {what}");
    }
    assert_eq!(builder.len(), taken.advisories.min(builder.len()));
    builder.source("fuzz", "none", taken.date, taken.advisories);
    let bytes = builder.build(&digest);
    let database = Database::open(&bytes).expect("what was built can be read");
    assert!(database.is_whole(&digest));
    ask(&database);
});
