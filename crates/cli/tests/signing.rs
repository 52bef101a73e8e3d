//! Keys and what is signed with them: `key`, `sign`, `attest`.
#![allow(clippy::disallowed_methods, clippy::panic, reason = "a test touches the world on purpose and fails by panicking")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::os::unix::fs::PermissionsExt as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use common::{Ran, Repo};
use probity_attest::dsse::pre_authentication_encoding;
use probity_attest::keys::PublicKey;
use probity_attest::sha256;
use probity_attest::statement::Statement;
use serde_json::{Value, json};

/// Runs with a passphrase in the environment.
fn with(repo: &Repo, passphrase: &str, arguments: &[&str]) -> Ran {
    let output = repo.program().env("COSIGN_PASSWORD", passphrase).current_dir(repo.top()).args(arguments).output().unwrap();
    repo.ended(&output)
}

/// Nothing on standard output.
#[track_caller]
fn silent(ran: &Ran) {
    assert_eq!(ran.out, "");
}

/// A folder with a key `k` (passphrase `x`) and a file.
fn prepared(kind: &str) -> Repo {
    let repo = Repo::plain();
    repo.write("release.tar", "the release\n");
    with(&repo, "x", &["key", "generate", "--type", kind, "--output-prefix", "k"]).code(0).says("wrote `k.key` and `k.pub`");
    repo
}

fn public(repo: &Repo) -> PublicKey {
    PublicKey::from_pem(&repo.read("k.pub")).unwrap()
}

fn base64(value: &Value) -> Vec<u8> {
    STANDARD.decode(value.as_str().unwrap()).unwrap()
}

#[test]
fn a_file_is_signed_by_every_kind_of_key() {
    for kind in ["ecdsa-p256", "ed25519", "rsa-2048"] {
        let repo = prepared(kind);
        let key = public(&repo);
        let ran = with(&repo, "x", &["sign", "release.tar", "--key", "k.key", "--bundle", "out/b.json", "--output-signature", "s.sig"]);
        silent(&ran.code(0));
        let bundle: Value = serde_json::from_str(&repo.read("out/b.json")).unwrap();
        let signature = &bundle["messageSignature"]["signature"];
        assert_eq!(signature, &json!(repo.read("s.sig")));
        let expected = json!({
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": { "publicKey": { "hint": STANDARD.encode(sha256(key.to_der()).0) } },
            "messageSignature": {
                "messageDigest": { "algorithm": "SHA2_256", "digest": STANDARD.encode(sha256(b"the release\n").0) },
                "signature": signature,
            },
        });
        assert_eq!(bundle, expected);
        key.verify(b"the release\n", &base64(signature)).unwrap();
        assert!(key.verify(b"the rebease\n", &base64(signature)).is_err());
    }
}

#[test]
fn what_is_signed_is_verified() {
    for kind in ["ecdsa-p256", "ed25519", "rsa-2048"] {
        let repo = prepared(kind);
        repo.write("p", "{}").write("other.tar", "another\n");
        with(&repo, "x", &["sign", "release.tar", "--key", "k.key", "--bundle", "b.json"]).code(0);
        with(&repo, "x", &["attest", "release.tar", "--key", "k.key", "--predicate", "p", "--type", "custom", "--bundle", "a.json"])
            .code(0);
        with(&repo, "x", &["key", "generate", "--output-prefix", "o"]).code(0);
        for bundle in ["b.json", "a.json"] {
            let verify =
                |file: &str, key: &str, more: &[&str]| repo.run(&[&["verify", file, "--bundle", bundle, "--key", key], more].concat());
            let alone = ["--insecure-ignore-tlog"];
            verify("release.tar", "k.pub", &alone).code(0).prints("verified: release.tar");
            verify("other.tar", "k.pub", &alone).code(1);
            verify("release.tar", "o.pub", &alone).code(1);
            assert!(verify("release.tar", "k.pub", &[]).code(1).out.contains("--insecure-ignore-tlog"));
        }
    }
}

#[test]
fn a_statement_about_a_file() {
    let repo = prepared("ecdsa-p256");
    let check = |kind: &str, text: &str, uri: &str, predicate: &Value| {
        repo.write("p", text);
        let ran = with(&repo, "x", &["attest", "release.tar", "--key", "k.key", "--predicate", "p", "--type", kind]).code(0);
        let envelope = &ran.json()["dsseEnvelope"];
        let payload = base64(&envelope["payload"]);
        let signed = pre_authentication_encoding("application/vnd.in-toto+json", &payload);
        public(&repo).verify(&signed, &base64(&envelope["signatures"][0]["sig"])).unwrap();
        let statement = Statement::parse(&payload).unwrap();
        assert_eq!(statement.predicate_type, uri);
        assert_eq!(statement.subjects[0].name, "release.tar");
        assert_eq!(statement.subjects[0].digest["sha256"], sha256(b"the release\n").to_string());
        let mut found = Value::Object(statement.predicate);
        if let Some(time) = found.get_mut("Timestamp") {
            assert!(time.as_str().unwrap().ends_with('Z'));
            *time = json!("T");
        }
        assert_eq!(&found, predicate);
    };
    check("custom", "seen", "https://cosign.sigstore.dev/attestation/v1", &json!({ "Data": "seen", "Timestamp": "T" }));
    let bill = json!({ "bomFormat": "CycloneDX", "specVersion": "1.6" });
    check("cyclonedx", &bill.to_string(), "https://cyclonedx.org/bom", &bill);
    check("https://example.com/own", r#"{"ok":true}"#, "https://example.com/own", &json!({ "ok": true }));

    let wrong = |kind: &str, text: &str, says: &str| {
        repo.write("p", text);
        with(&repo, "x", &["attest", "release.tar", "--key", "k.key", "--predicate", "p", "--type", kind]).code(2).says(says);
    };
    wrong("provenance", "{}", "`provenance` is no type of predicate");
    wrong("slsaprovenance1", &bill.to_string(), "`buildDefinition.buildType` is missing");
    wrong("cyclonedx", "<bom/>", "must be a JSON object");
}

#[test]
fn keys_are_kept_to_their_owner_and_never_overwritten() {
    let repo = prepared("ecdsa-p256");
    let mode = |name: &str| repo.top().join(name).metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("k.key"), 0o600);
    let before = repo.read("k.key");
    assert!(before.starts_with("-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\n"));
    let again = ["key", "generate", "--output-prefix", "k"];
    with(&repo, "x", &again).code(2).says("`k.key` is there already, and a key is never overwritten");
    repo.remove("k.key");
    with(&repo, "x", &again).code(2).says("`k.pub` is there already");
    assert!(!repo.top().join("k.key").exists(), "half a pair is no pair");
    with(&repo, "", &["key", "generate", "--output-prefix", "e"]).code(0).says("its passphrase is empty");
    with(&repo, "x", &["key", "generate", "--output-prefix", "no/such/folder"]).code(3).says("cannot write");
    with(&repo, "x", &["key", "generate", "--type", "dsa"]).code(2).says("it is one of ecdsa-p256, ed25519");
}

#[test]
fn where_keys_come_from() {
    let repo = prepared("ed25519");
    let pem = repo.read("k.pub");
    let show = |variable: &str, value: &str, reference: &str| {
        let mut command = repo.program();
        command.env(variable, value).env("KEY", repo.read("k.key")).current_dir(repo.top()).args(["key", "public", "--key", reference]);
        repo.ended(&command.output().unwrap())
    };
    assert_eq!(show("COSIGN_PASSWORD", "x", "k.key").code(0).out, pem);
    assert_eq!(show("PROBITY_KEY_PASSWORD", "x", "env://KEY").code(0).out, pem);
    show("COSIGN_PASSWORD", "y", "k.key").code(2).says("`k.key`: the passphrase does not open the key");
    show("OTHER", "x", "k.key").code(2).says("set `PROBITY_KEY_PASSWORD` or `COSIGN_PASSWORD`");
    show("COSIGN_PASSWORD", "x", "env://NONE").code(2).says("there is no such variable");
    show("COSIGN_PASSWORD", "x", "env://").code(2).says("there is no such variable");
    show("COSIGN_PASSWORD", "x", "none.key").code(2).says("cannot read the key `none.key`");
    show("COSIGN_PASSWORD", "x", ".").code(2).says("cannot read the key");
    show("COSIGN_PASSWORD", "x", "k.pub").code(2).says("`k.pub`: a PEM `PUBLIC KEY` is not a private key");
    for (reference, says) in [
        ("awskms:///release", "the name `awskms://...` of a key in AWS KMS: write it as"),
        ("gcpkms://projects/p/locations/l", "the name `gcpkms://...` of a key in Google Cloud KMS: write it as"),
        ("azurekms://vault/key", "the name `azurekms://...` of a key in Azure Key Vault: "),
        ("hashivault://", "the name `hashivault://...` of a key in HashiCorp Vault: write it as"),
        ("pkcs11:token=release", "the name `pkcs11:...` of a key in a PKCS#11 token: it names no key"),
    ] {
        show("COSIGN_PASSWORD", "x", reference).code(2).says(says);
    }
    show("COSIGN_PASSWORD", "x", "k8s://release/key").code(2).says("keys are not read from `k8s://`");
    let (ssh, _) = repo.ssh_key("sara");
    show("OTHER", "", &ssh).code(0).prints("-----BEGIN PUBLIC KEY-----");
}

#[test]
fn nothing_secret_is_said() {
    let repo = prepared("ecdsa-p256");
    let body: String = repo.read("k.key").lines().skip(1).take(1).collect();
    let damaged = repo.read("k.key").replace(&body, &body.to_lowercase());
    repo.write("damaged.key", &damaged);
    for arguments in [&["sign", "release.tar", "--key", "damaged.key"][..], &["key", "public", "--key", "damaged.key"]] {
        let ran = with(&repo, "hunter2", arguments).code(2);
        silent(&ran);
        let said = ran.err;
        assert!(!said.contains("hunter2") && !said.contains(&body[..16]) && !said.contains(&body.to_lowercase()[..16]), "{said}");
    }
    with(&repo, "x", &["sign", "none", "--key", "k.key"]).code(2).says("cannot read `none`");
}

#[test]
fn standard_input_and_output() {
    let repo = prepared("ed25519");
    repo.write("p.json", "{}");
    let mut command = assert_cmd::Command::from_std(repo.program());
    command.env("COSIGN_PASSWORD", "x").current_dir(repo.top()).args(["sign", "-", "--key", "k.key"]).write_stdin("the release\n");
    let output = command.output().unwrap();
    let bundle = repo.ended(&output).code(0).json();
    public(&repo).verify(b"the release\n", &base64(&bundle["messageSignature"]["signature"])).unwrap();
    let mut command = assert_cmd::Command::from_std(repo.program());
    command.env("COSIGN_PASSWORD", "x").args(["attest", "-", "--key", "k.key", "--predicate", "p.json", "--type", "urn:x:y"]);
    let output = command.write_stdin("the release\n".repeat(20_000)).output().unwrap();
    let bundle = repo.ended(&output).code(0).json();
    let statement = Statement::parse(&base64(&bundle["dsseEnvelope"]["payload"])).unwrap();
    assert_eq!(statement.subjects[0].digest["sha256"], sha256("the release\n".repeat(20_000).as_bytes()).to_string());
    with(&repo, "x", &["attest", "-", "--key", "k.key", "--predicate", "-"]).code(2).says("cannot be both");
    with(&repo, "x", &["attest", "none", "--key", "k.key", "--predicate", "p.json"]).code(2).says("cannot read `none`");
}
