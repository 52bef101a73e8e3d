//! How long the bundles of sigstore-conformance that must verify take: `bundle_speed DIR`. Reading the bundle counts, reading the trust
//! root is told apart.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "measures, reads a suite from outside and prints"
)]

use std::path::Path;
use std::time::{Duration, Instant};

use probity_core::Timestamp;
use probity_sigstore::{Artifact, Bundle, Matcher, Policy, PublicKey, Signer, TrustRoot, verify};

const ROUNDS: usize = 50;
const NOW: Timestamp = Timestamp { seconds: 4_102_444_800, nanoseconds: 0 };

fn main() -> std::process::ExitCode {
    let Some(folder) = std::env::args().nth(1) else {
        eprintln!("name the folder of the suite");
        return 2.into();
    };
    match measured(Path::new(&folder)) {
        Ok(()) => 0.into(),
        Err(why) => {
            eprintln!("{why}");
            3.into()
        }
    }
}

fn measured(suite: &Path) -> Result<(), String> {
    let read = |path: &Path| std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()));
    let vectors = suite.join("test/assets/bundle-verify");
    let (mut verifying, mut roots, mut count) = (Vec::new(), Vec::new(), 0);
    for entry in std::fs::read_dir(&vectors).map_err(|error| error.to_string())?.flatten() {
        let vector = entry.path();
        if !vector.is_dir() || vector.to_string_lossy().ends_with("_fail") {
            continue;
        }
        count += 1;
        let or = |file: &str, other: std::path::PathBuf| Some(vector.join(file)).filter(|path| path.is_file()).unwrap_or(other);
        let bundle = read(&vector.join("bundle.sigstore.json"))?;
        let root_bytes = read(&or("trusted_root.json", suite.join("roots/production.json")))?;
        let artifact = read(&or("artifact", vectors.join("a.txt")))?;
        let signer = match read(&vector.join("key.pub")) {
            Ok(pem) => Signer::Key(PublicKey::from_pem(&String::from_utf8_lossy(&pem)).map_err(|error| error.to_string())?),
            Err(_) => {
                let any = || Matcher::pattern(".").map_err(|error| error.to_string());
                Signer::Certificate { identity: any()?, issuer: any()? }
            }
        };
        let policy = Policy::new(signer);
        for _ in 0..ROUNDS {
            let start = Instant::now();
            let root = TrustRoot::parse(&root_bytes).map_err(|error| error.to_string())?;
            roots.push(start.elapsed());
            let start = Instant::now();
            Bundle::parse(&bundle)
                .and_then(|bundle| verify(&bundle, &root, &policy, Artifact::Bytes(&artifact), NOW))
                .map_err(|error| format!("{}: {error}", vector.display()))?;
            verifying.push(start.elapsed());
        }
    }
    let show = |what: &str, times: &mut Vec<Duration>| {
        times.sort();
        let at = |part: usize| times.get(times.len() * part / 100).copied().unwrap_or_default().as_secs_f64() * 1000.0;
        println!("{what}: median {:.2} ms, 99 of 100 within {:.2} ms ({count} vectors, {ROUNDS} times each)", at(50), at(99));
    };
    show("read and verify a bundle", &mut verifying);
    show("read a trust root", &mut roots);
    Ok(())
}
