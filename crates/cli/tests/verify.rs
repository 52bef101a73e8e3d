//! `probity verify`: its flags, what it prints, its exit codes. What verifies is tried in `crates/sigstore` and on the real vectors.
#![allow(clippy::disallowed_methods, clippy::panic, reason = "a test touches the world on purpose and fails by panicking")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::Path;

use assert_cmd::Command;
use probity_testkit::sigstore::{Algorithm, Log, Signer, sha256, statement};
use serde_json::Value;
use tempfile::TempDir;

const ARTIFACT: &[u8] = b"release 1.4\n";

/// A folder with an artifact, bundles about it, keys and a trust root.
struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Place {
        let folder = TempDir::new().unwrap();
        let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
        let (log, signer) = (Log::default(), Signer::generate(Algorithm::P256));
        let (message, dsse) = (signer.message_bundle(ARTIFACT), signer.dsse_bundle(&statement(ARTIFACT, "https://slsa.dev/provenance/v1")));
        write("app.tar", ARTIFACT);
        write("other.tar", b"another");
        write("key.pub", signer.pem().as_bytes());
        write("other.pub", Signer::generate(Algorithm::P256).pem().as_bytes());
        write("bare.json", message.to_string().as_bytes());
        write("logged.json", log.enter(message, &signer, 1_750_000_000).to_string().as_bytes());
        write("statement.json", log.enter(dsse, &signer, 1_750_000_000).to_string().as_bytes());
        write("root.json", log.trust_root().to_string().as_bytes());
        let ed25519 = Signer::generate(Algorithm::Ed25519);
        write("ed25519.pub", ed25519.pem().as_bytes());
        write("ed25519.json", ed25519.message_bundle(ARTIFACT).to_string().as_bytes());
        write("nonsense", b"\xff\x00");
        Place { folder }
    }

    fn run(&self, code: i32, words: &str) -> String {
        let mut command = Command::cargo_bin("probity").unwrap();
        let output = command.current_dir(self.folder.path()).args(words.split(' ')).output().unwrap();
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert_eq!(output.status.code(), Some(code), "probity {words}\n{text}");
        text
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }
}

#[test]
fn verified() {
    let place = Place::new();
    let said = place.run(0, "verify app.tar --bundle logged.json --key key.pub --trusted-root root.json");
    for part in [
        "verified: app.tar",
        "the ECDSA P-256 key sha256:",
        "2025-06-15T15:06:40Z, says the transparency log https://log.example",
        "entry 1 of https://log.example, inclusion proven",
        "trust root  root.json",
        "not checked whose key it is",
    ] {
        assert!(said.contains(part), "{part}\n{said}");
    }
    let said = place.run(0, "verify app.tar --bundle statement.json --key key.pub --trusted-root root.json");
    assert!(said.contains("https://slsa.dev/provenance/v1") && said.contains("about     artifact sha256:"), "{said}");
    let digest = format!("sha256:{}", sha256(ARTIFACT));
    place.run(0, &format!("verify {digest} --bundle logged.json --key key.pub --trusted-root root.json"));
    place.run(0, "verify-bundle --bundle logged.json --key key.pub --trusted-root root.json app.tar");
    let said = place.run(0, "verify app.tar --bundle bare.json --key key.pub --insecure-ignore-tlog");
    assert!(said.contains("unknown: nobody says") && said.contains("not checked whether it is in a transparency log"), "{said}");
    place.run(0, "verify app.tar --bundle ed25519.json --key ed25519.pub --insecure-ignore-tlog");
}

#[test]
fn json() {
    let place = Place::new();
    let text = place.run(0, "verify app.tar --bundle statement.json --key key.pub --trusted-root root.json --format json");
    let said: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(said["verified"], true);
    assert_eq!(said["times"][0]["time"], "2025-06-15T15:06:40Z");
    assert_eq!(said["statement"]["subjects"][0]["name"], "artifact");
    assert_eq!(said["trust_root"]["file"], "root.json");
    let text = place.run(1, "verify other.tar --bundle statement.json --key key.pub --trusted-root root.json --format json");
    let said: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&said["verified"], &said["decided"], &said["step"]), (&false.into(), &true.into(), &"statement-subject".into()));
}

#[test]
fn refused() {
    let place = Place::new();
    let check = |words: &str, why: &str| {
        let said = place.run(1, words);
        assert!(said.starts_with("refused: ") && said.contains(why), "{words}\n{said}");
    };
    check("verify other.tar --bundle logged.json --key key.pub --trusted-root root.json", "the artifact's digest");
    check("verify app.tar --bundle logged.json --key other.pub --trusted-root root.json", "the signature");
    check("verify app.tar --bundle bare.json --key key.pub", "inclusion in the transparency log");
    check("verify app.tar --bundle logged.json --key key.pub", "built in: Sigstore's public-good instance as of");
    check("verify app.tar --bundle logged.json --key key.pub --trusted-root root.json --use-signed-timestamps", "the time of signing");
    check("verify app.tar --bundle nonsense --key key.pub", "the bundle");
    check(
        "verify app.tar --bundle logged.json --certificate-identity a@b.example --certificate-oidc-issuer https://b.example --trusted-root root.json",
        "the signer's identity",
    );
}

#[test]
fn not_decided() {
    let place = Place::new();
    let digest = format!("sha256:{}", sha256(ARTIFACT));
    let said = place.run(3, &format!("verify {digest} --bundle ed25519.json --key ed25519.pub --insecure-ignore-tlog"));
    assert!(said.starts_with("could not decide: "), "{said}");
}

#[test]
fn wrong_use() {
    let place = Place::new();
    assert!(place.path().is_dir());
    for wrong in [
        "verify app.tar --bundle logged.json",
        "verify app.tar --key key.pub",
        "verify app.tar --bundle logged.json --certificate-identity a",
        "verify app.tar --bundle logged.json --certificate-identity a --certificate-oidc-issuer b --key key.pub",
        "verify app.tar --bundle logged.json --certificate-identity a --certificate-identity-regexp b --certificate-oidc-issuer c",
        "verify app.tar --bundle logged.json --certificate-identity-regexp ( --certificate-oidc-issuer c",
        "verify missing --bundle logged.json --key key.pub",
        "verify sha256:12 --bundle logged.json --key key.pub",
        "verify app.tar --bundle missing --key key.pub",
        "verify app.tar --bundle logged.json --key missing",
        "verify app.tar --bundle logged.json --key nonsense",
        "verify app.tar --bundle logged.json --key key.pub --trusted-root nonsense",
        "verify-bundle --staging --bundle logged.json --key key.pub app.tar",
    ] {
        place.run(2, wrong);
    }
}
