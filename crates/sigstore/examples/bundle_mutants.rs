//! Changes one bit of each part of the bundles of sigstore-conformance that must verify, and of their artifacts; none may verify then.
//! `bundle_mutants DIR [--all]` prints every part of every vector as a line of JSON. Without `--all`, at most `MOST` bytes of a part are
//! changed, spread over it.
#![allow(clippy::disallowed_methods, clippy::print_stdout, clippy::print_stderr, reason = "reads a suite from outside and prints")]

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use probity_core::{Digest, Timestamp};
use probity_sigstore::{Artifact, Bundle, Matcher, Policy, PublicKey, Signer, TrustRoot, verify};
use serde_json::{Value, json};

/// Whom the vectors name, unless they say otherwise (the suite's README).
const IDENTITY: &str = "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main";
const ISSUER: &str = "https://token.actions.githubusercontent.com";
/// Most bytes of one part that are changed.
const MOST: usize = 96;
/// No time a vector could say is later.
const NOW: Timestamp = Timestamp { seconds: 4_102_444_800, nanoseconds: 0 };

/// How a part is written.
#[derive(Clone, Copy)]
enum Written {
    Base64,
    Text,
    Number,
}

/// Whether a mutant verifies.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Passed {
    No,
    /// What it proves is what the bundle proves that was not changed.
    AsBefore,
    /// It proves something else.
    WithMore,
}

/// The mutants that verify, by the byte that is changed.
#[derive(Default)]
struct Survivors {
    as_before: Vec<usize>,
    with_more: Vec<usize>,
}

impl Survivors {
    fn add(&mut self, at: usize, passed: Passed) {
        match passed {
            Passed::No => {}
            Passed::AsBefore => self.as_before.push(at),
            Passed::WithMore => self.with_more.push(at),
        }
    }
}

fn main() -> std::process::ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some(folder) = arguments.first() else {
        eprintln!("name the folder of the suite");
        return 2.into();
    };
    let most = if arguments.iter().any(|word| word == "--all") { usize::MAX } else { MOST };
    let suite = Path::new(folder);
    let vectors = suite.join("test/assets/bundle-verify");
    let mut names: Vec<String> = std::fs::read_dir(&vectors)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| !name.ends_with("_fail"))
        .collect();
    names.sort();
    for name in names {
        if let Err(why) = vector(suite, &vectors.join(&name), &name, most) {
            eprintln!("{name}: {why}");
            return 3.into();
        }
    }
    0.into()
}

fn vector(suite: &Path, folder: &Path, name: &str, most: usize) -> Result<(), String> {
    let read = |path: &Path| std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()));
    let text = |file: &str, without: &str| {
        std::fs::read_to_string(folder.join(file)).map_or_else(|_| without.to_owned(), |text| text.trim().to_owned())
    };
    let own = folder.join("trusted_root.json");
    let root = TrustRoot::parse(&read(&if own.is_file() { own } else { suite.join("roots/production.json") })?)
        .map_err(|error| error.to_string())?;
    let artifact = folder.join("artifact");
    let artifact = read(&if artifact.is_file() { artifact } else { folder.with_file_name("a.txt") })?;
    let key = folder.join("key.pub");
    let policy = Policy::new(if key.is_file() {
        Signer::Key(PublicKey::from_pem(&String::from_utf8_lossy(&read(&key)?)).map_err(|error| error.to_string())?)
    } else {
        Signer::Certificate {
            identity: Matcher::exact(&text("identity", IDENTITY)).map_err(|error| error.to_string())?,
            issuer: Matcher::exact(&text("issuer", ISSUER)).map_err(|error| error.to_string())?,
        }
    });
    let bundle: Value = serde_json::from_slice(&read(&folder.join("bundle.sigstore.json"))?).map_err(|error| error.to_string())?;
    let judged = |bundle: &Value, artifact: Artifact<'_>| {
        Bundle::parse(bundle.to_string().as_bytes()).and_then(|bundle| verify(&bundle, &root, &policy, artifact, NOW))
    };
    let original = judged(&bundle, Artifact::Bytes(&artifact)).map_err(|error| format!("the vector itself: {error}"))?;
    let passes = |bundle: &Value, artifact: Artifact<'_>| match judged(bundle, artifact) {
        Err(_) => Passed::No,
        Ok(verified) if verified == original => Passed::AsBefore,
        Ok(_) => Passed::WithMore,
    };
    for (part, pointer, written) in parts(&bundle) {
        let Some(there) = bundle.pointer(&pointer) else { continue };
        let decoded = match (written, there) {
            (Written::Base64, Value::String(text)) => STANDARD.decode(text).map_err(|error| error.to_string())?,
            (Written::Text, Value::String(text)) => text.clone().into_bytes(),
            (Written::Number, Value::String(text)) => text.parse::<u64>().map_err(|error| error.to_string())?.to_be_bytes().to_vec(),
            (Written::Number, Value::Number(number)) => number.as_u64().unwrap_or_default().to_be_bytes().to_vec(),
            _ => continue,
        };
        let mut tried = 0;
        let mut passed = Survivors::default();
        for (at, mutant) in mutants(&decoded, most) {
            let value = match written {
                Written::Base64 => STANDARD.encode(&mutant),
                // What is no text cannot stand in JSON.
                Written::Text => match String::from_utf8(mutant) {
                    Ok(text) => text,
                    Err(_) => continue,
                },
                Written::Number => u64::from_be_bytes(mutant.try_into().map_err(|_| "a number has eight bytes".to_owned())?).to_string(),
            };
            let mut changed = bundle.clone();
            if let Some(place) = changed.pointer_mut(&pointer) {
                *place = Value::String(value);
            }
            tried += 1;
            passed.add(at, passes(&changed, Artifact::Bytes(&artifact)));
        }
        told(name, &part, tried, &passed);
    }
    let mut passed = Survivors::default();
    let all = mutants(&artifact, most);
    for (at, mutant) in &all {
        passed.add(*at, passes(&bundle, Artifact::Bytes(mutant)));
    }
    told(name, "artifact", all.len(), &passed);
    let hex = artifact_digest(&artifact);
    let mut passed = Survivors::default();
    let all = mutants(&hex.0, most);
    for (at, mutant) in &all {
        let mut digest = Digest([0; 32]);
        digest.0.copy_from_slice(mutant);
        passed.add(*at, passes(&bundle, Artifact::Sha256(digest)));
    }
    told(name, "artifact digest", all.len(), &passed);
    Ok(())
}

fn artifact_digest(bytes: &[u8]) -> Digest {
    probity_testkit::sigstore::sha256(bytes)
}

/// The parts of a bundle: name, place, how it is written.
fn parts(bundle: &Value) -> Vec<(String, String, Written)> {
    let mut out: Vec<(String, String, Written)> = [
        ("signature", "/messageSignature/signature", Written::Base64),
        ("message digest", "/messageSignature/messageDigest/digest", Written::Base64),
        ("signature", "/dsseEnvelope/signatures/0/sig", Written::Base64),
        ("payload", "/dsseEnvelope/payload", Written::Base64),
        ("payload type", "/dsseEnvelope/payloadType", Written::Text),
        ("certificate", "/verificationMaterial/certificate/rawBytes", Written::Base64),
    ]
    .map(|(name, pointer, written)| (name.to_owned(), pointer.to_owned(), written))
    .to_vec();
    let count = |pointer: &str| bundle.pointer(pointer).and_then(Value::as_array).map_or(0, Vec::len);
    for index in 0..count("/verificationMaterial/x509CertificateChain/certificates") {
        let place = format!("/verificationMaterial/x509CertificateChain/certificates/{index}/rawBytes");
        out.push((format!("certificate {index} of the chain"), place, Written::Base64));
    }
    for index in 0..count("/verificationMaterial/timestampVerificationData/rfc3161Timestamps") {
        let place = format!("/verificationMaterial/timestampVerificationData/rfc3161Timestamps/{index}/signedTimestamp");
        out.push(("timestamp".to_owned(), place, Written::Base64));
    }
    for index in 0..count("/verificationMaterial/tlogEntries") {
        let entry = format!("/verificationMaterial/tlogEntries/{index}");
        for (name, place, written) in [
            ("log body", "canonicalizedBody", Written::Base64),
            ("log id", "logId/keyId", Written::Base64),
            ("log index", "logIndex", Written::Number),
            ("integrated time", "integratedTime", Written::Number),
            ("inclusion promise", "inclusionPromise/signedEntryTimestamp", Written::Base64),
            ("checkpoint", "inclusionProof/checkpoint/envelope", Written::Text),
            ("proof index", "inclusionProof/logIndex", Written::Number),
            ("proof tree size", "inclusionProof/treeSize", Written::Number),
            ("proof root", "inclusionProof/rootHash", Written::Base64),
        ] {
            out.push((name.to_owned(), format!("{entry}/{place}"), written));
        }
        for hash in 0..count(&format!("{entry}/inclusionProof/hashes")) {
            out.push((format!("proof hash {hash}"), format!("{entry}/inclusionProof/hashes/{hash}"), Written::Base64));
        }
    }
    out
}

/// The bytes with one bit changed, once for each of some bytes: the place of the byte, and all bytes.
fn mutants(bytes: &[u8], most: usize) -> Vec<(usize, Vec<u8>)> {
    let step = bytes.len().div_ceil(most.min(bytes.len()).max(1)).max(1);
    (0..bytes.len())
        .step_by(step)
        .filter_map(|start| {
            // Not always the same byte of a group, nor the same bit of a byte.
            let at = (start + (start / step) % step).min(bytes.len() - 1);
            let mut mutant = bytes.to_vec();
            *mutant.get_mut(at)? ^= 1 << (at % 8);
            Some((at, mutant))
        })
        .collect()
}

fn told(vector: &str, part: &str, tried: usize, passed: &Survivors) {
    let places = |list: &[usize]| list.iter().map(usize::to_string).collect::<Vec<_>>().join(" ");
    let agreed = passed.as_before.is_empty() && passed.with_more.is_empty();
    let (what, actual) = if !passed.with_more.is_empty() {
        // No reason excuses this: the list of reasons speaks of the other kind alone.
        (" proves something else", format!("{} of {tried}, changed at {}", passed.with_more.len(), places(&passed.with_more)))
    } else if agreed {
        ("", format!("all {tried} refused"))
    } else {
        ("", format!("{} of {tried} prove the same as before, changed at {}", passed.as_before.len(), places(&passed.as_before)))
    };
    println!(
        "{}",
        json!({
            "id": format!("{vector}: {part}{what}"), "expected": "all refused", "actual": actual, "agreed": agreed,
            "kind": if agreed { None } else { Some("false-allow") }, "mutants": tried, "survivors": passed.as_before.len(),
        })
    );
}
