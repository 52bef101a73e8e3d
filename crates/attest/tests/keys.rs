//! Keys in every form they are kept in: Cosign's, OpenSSL's and `ssh-keygen`'s are read, ours are theirs.
#![allow(clippy::disallowed_methods, reason = "a test touches the world on purpose")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use probity_attest::keys::{Algorithm, EncryptedKeyError, KeyType, PrivateKey, PrivateKeyError, PublicKey, Signer};
use probity_attest::sshsig;
use serde_json::{Value, json};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/keys")
}

fn text(name: &str) -> String {
    std::fs::read_to_string(folder().join(name)).unwrap()
}

fn open(name: &str, passphrase: Option<&str>) -> Result<PrivateKey, PrivateKeyError> {
    PrivateKey::parse(&text(name), passphrase.map(str::as_bytes))
}

#[test]
fn every_form_is_read_and_signs_for_its_public_half() {
    let check = |name: &str, passphrase: Option<&str>, public: &str, algorithm: Algorithm| {
        let key = open(name, passphrase).unwrap_or_else(|error| panic!("{name}: {error}"));
        let public = PublicKey::from_pem(&text(public)).unwrap();
        assert_eq!(key.public_key(), &public, "{name}");
        assert_eq!(key.algorithm(), algorithm, "{name}");
        let signature = key.sign(b"message").unwrap();
        public.verify(b"message", &signature).unwrap();
        assert!(public.verify(b"massage", &signature).is_err(), "{name}");
        assert!(public.verify(b"message", &signature[1..]).is_err(), "{name}");
        // Through our unencrypted form and back it is the same key.
        assert_eq!(PrivateKey::parse(&key.to_pem().unwrap(), None).unwrap().public_key(), &public, "{name}");
    };
    check("p256-pkcs8.pem", None, "p256.pub", Algorithm::EcdsaP256Sha256);
    check("p256-sec1.pem", None, "p256.pub", Algorithm::EcdsaP256Sha256);
    check("ed25519-pkcs8.pem", None, "ed25519.pub", Algorithm::Ed25519);
    check("rsa2048-pkcs8.pem", None, "rsa2048.pub", Algorithm::RsaPkcs1Sha256);
    check("rsa2048-pkcs1.pem", Some("not needed"), "rsa2048.pub", Algorithm::RsaPkcs1Sha256);
    check("cosign.key", Some("x"), "cosign.pub", Algorithm::EcdsaP256Sha256);
    check("cosign-ed25519.key", Some("y"), "ed25519.pub", Algorithm::Ed25519);
    check("probity.key", Some("x"), "probity.pub", Algorithm::EcdsaP256Sha256);
}

#[test]
fn ssh_keys_sign_too() {
    let public = sshsig::PublicKey::parse(&text("ssh-ed25519.pub")).unwrap();
    let key = open("ssh-ed25519", None).unwrap();
    assert!(public.blob().ends_with(&key.public_key().to_der()[12..]));
    assert_eq!(open("ssh-ed25519-protected", Some("x")).unwrap().algorithm(), Algorithm::Ed25519);
    assert_eq!(open("ssh-ed25519-protected", None).unwrap_err(), PrivateKeyError::NeedsPassphrase);
    assert_eq!(open("ssh-ed25519-protected", Some("y")).unwrap_err(), EncryptedKeyError::WrongPassphrase.into());
}

#[test]
fn public_keys_are_written_as_openssl_writes_them() {
    for name in ["p256.pub", "ed25519.pub", "rsa2048.pub", "cosign.pub"] {
        let key = PublicKey::from_pem(&text(name)).unwrap();
        assert_eq!(key.to_pem(), text(name));
        assert_eq!(PublicKey::from_der(key.to_der()).unwrap(), key);
        assert_eq!(key.hint(), STANDARD.encode(key.id().0.0));
        // No change of a byte gives the same key again.
        for index in 0..key.to_der().len() {
            let mut der = key.to_der().to_vec();
            der[index] ^= 1;
            assert_ne!(PublicKey::from_der(&der).as_ref(), Ok(&key), "{name} {index}");
        }
        assert!(PublicKey::from_der(&[key.to_der(), &[0]].concat()).is_err());
    }
}

#[test]
fn other_things_are_refused_with_the_reason() {
    let check = |name: &str, passphrase: Option<&str>, expected: &str| {
        let said = open(name, passphrase).unwrap_err().to_string();
        assert!(said.contains(expected), "{name}: {said}");
    };
    check("refused-p384-pkcs8.pem", None, "for ECDSA P-384; supported are ECDSA P-256, Ed25519 and RSA");
    check("refused-p384-sec1.pem", None, "for ECDSA P-384");
    check("refused-x25519-pkcs8.pem", None, "for X25519");
    check("refused-rsa1024-pkcs8.pem", None, "RSA");
    check("refused-encrypted-pkcs8.pem", Some("x"), "encrypted as OpenSSL does");
    check("refused-encrypted-sec1.pem", Some("x"), "encrypted as OpenSSL does");
    check("refused-ssh-rsa", None, "an SSH key of the kind `ssh-rsa`");
    check("p256.pub", None, "a PEM `PUBLIC KEY` is not a private key");
    check("cosign.key", None, "protected with a passphrase");
    check("cosign.key", Some("y"), "the passphrase does not open the key");
    check("cosign.key", Some(""), "the passphrase does not open the key");
    check("README.md", None, "not a private key in PEM");
    let check = |name: &str, expected: &str| {
        let said = PublicKey::from_pem(&text(name)).unwrap_err().to_string();
        assert!(said.contains(expected), "{name}: {said}");
    };
    check("refused-p384.pub", "for ECDSA P-384");
    check("refused-rsa1024.pub", "an RSA key of 1024 bits; supported are 2048 to 8192");
    check("p256-pkcs8.pem", "not a PEM `PUBLIC KEY`");
}

#[test]
fn keys_that_are_made() {
    for kind in [KeyType::EcdsaP256, KeyType::Ed25519, KeyType::Rsa2048] {
        let key = PrivateKey::generate(kind).unwrap();
        let signature = key.sign(b"message").unwrap();
        PublicKey::from_pem(&key.public_key().to_pem()).unwrap().verify(b"message", &signature).unwrap();
        assert_ne!(key.public_key(), PrivateKey::generate(kind).unwrap().public_key());
        let shown = format!("{key:?}");
        assert!(shown.len() < 100 && shown.contains(&key.key_id().to_string()), "{shown}");
    }
    let key = PrivateKey::generate(KeyType::Ed25519).unwrap();
    for passphrase in ["", "correct horse", "päß"] {
        let encrypted = key.to_encrypted_pem(passphrase.as_bytes()).unwrap();
        assert!(encrypted.starts_with("-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\n"));
        assert_eq!(PrivateKey::parse(&encrypted, Some(passphrase.as_bytes())).unwrap().public_key(), key.public_key());
        assert!(PrivateKey::parse(&encrypted, Some(b"other")).is_err());
        assert_ne!(encrypted, key.to_encrypted_pem(passphrase.as_bytes()).unwrap(), "salt and nonce are new each time");
    }
}

/// The JSON inside Cosign's key.
fn inner(text: &str) -> Value {
    let lines: String = text.lines().filter(|line| !line.starts_with("-----")).collect();
    serde_json::from_slice(&STANDARD.decode(lines).unwrap()).unwrap()
}

fn outer(label: &str, inner: &str) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(inner))
}

const SIGSTORE: &str = "ENCRYPTED SIGSTORE PRIVATE KEY";

#[test]
fn ours_has_the_shape_of_cosigns() {
    fn shape(value: &Value) -> Value {
        match value {
            Value::Object(map) => map.iter().map(|(key, value)| (key.clone(), shape(value))).collect(),
            Value::String(text) if STANDARD.decode(text).is_ok_and(|bytes| bytes.len() > 20) => json!(STANDARD.decode(text).unwrap().len()),
            other => other.clone(),
        }
    }
    let (ours, theirs) = (shape(&inner(&text("probity.key"))), shape(&inner(&text("cosign.key"))));
    assert_eq!(ours, theirs);
    assert_eq!(ours.to_string(), theirs.to_string(), "members stand in the same order");
}

#[test]
fn the_older_header_and_the_other_costs_are_read() {
    let older = outer("ENCRYPTED COSIGN PRIVATE KEY", &inner(&text("cosign.key")).to_string());
    assert_eq!(PrivateKey::parse(&older, Some(b"x")).unwrap().public_key(), open("cosign.key", Some("x")).unwrap().public_key());
    for cost in [32_768, 131_072] {
        let mut file = inner(&text("cosign.key"));
        file["kdf"]["params"]["N"] = json!(cost);
        // It is taken up, and then the key that comes of it is another.
        assert_eq!(
            PrivateKey::parse(&outer(SIGSTORE, &file.to_string()), Some(b"x")).unwrap_err(),
            EncryptedKeyError::WrongPassphrase.into()
        );
    }
}

#[test]
fn hostile_files_are_refused_before_they_cost_anything() {
    let check = |place: &str, value: Value, expected: &str| {
        let mut file = inner(&text("cosign.key"));
        *file.pointer_mut(place).unwrap() = value;
        // Nobody is asked for a passphrase first.
        let said = PrivateKey::parse(&outer(SIGSTORE, &file.to_string()), None).unwrap_err().to_string();
        assert!(said.contains(expected), "{place}: {said}");
    };
    let only = "only N=32768, 65536 or 131072 with r=8, p=1 is taken";
    check("/kdf/params/N", json!(1_u64 << 40), only);
    check("/kdf/params/N", json!(u64::MAX), only);
    check("/kdf/params/N", json!(0), only);
    check("/kdf/params/N", json!(1), only);
    check("/kdf/params/N", json!(65_535), only);
    check("/kdf/params/r", json!(1_u64 << 30), only);
    check("/kdf/params/p", json!(u64::MAX), only);
    check("/kdf/params/p", json!(0), only);
    check("/kdf/params/N", json!(-1), "damaged");
    check("/kdf/params/N", json!(1e300), "damaged");
    check("/kdf/name", json!("argon2id"), "by way of `argon2id`, where only `scrypt` is known");
    check("/cipher/name", json!("aes-gcm\u{7}"), "with `aes-gcm`, where only `nacl/secretbox` is known");
    check("/kdf/salt", json!("AAAA"), "the salt has another length than 32 bytes");
    check("/kdf/salt", json!("?"), "`salt` is not base64");
    check("/cipher/nonce", json!("AAAA"), "the nonce has another length than 24 bytes");
    check("/ciphertext", json!(""), "protected with a passphrase");
    check("/ciphertext", json!(12), "damaged");
    let check = |inner: &str| {
        let said = PrivateKey::parse(&outer(SIGSTORE, inner), Some(b"x")).unwrap_err().to_string();
        assert_eq!(said, "the encrypted key is damaged: it is not the JSON of an encrypted key", "{inner}");
    };
    check("");
    check("{}");
    check(&"[".repeat(100_000));
}

/// A program that may not be installed.
fn program(name: &str) -> Option<Command> {
    let found = Command::new(name).arg("-?").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    if !found {
        println!("SKIPPED: the program {name} is not installed, so nothing was compared with it");
    }
    found.then(|| Command::new(name))
}

#[test]
fn openssl_reads_our_keys_and_checks_our_signatures() {
    if program("openssl").is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| {
        let output = Command::new("openssl").args(arguments).current_dir(folder.path()).stdin(Stdio::null()).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    std::fs::write(folder.path().join("message"), b"message").unwrap();
    for kind in [KeyType::EcdsaP256, KeyType::Ed25519, KeyType::Rsa2048] {
        let key = PrivateKey::generate(kind).unwrap();
        std::fs::write(folder.path().join("key"), key.to_pem().unwrap().as_bytes()).unwrap();
        std::fs::write(folder.path().join("key.pub"), key.public_key().to_pem()).unwrap();
        std::fs::write(folder.path().join("signature"), key.sign(b"message").unwrap()).unwrap();
        assert_eq!(run(&["pkey", "-in", "key", "-pubout"]), key.public_key().to_pem());
        let mut verify = vec!["pkeyutl", "-verify", "-pubin", "-inkey", "key.pub", "-in", "message", "-sigfile", "signature", "-rawin"];
        if kind != KeyType::Ed25519 {
            verify.extend(["-digest", "sha256"]);
        }
        run(&verify);
    }
}

#[test]
fn keys_that_openssl_makes_are_read() {
    if program("openssl").is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for arguments in [
        &["ecparam", "-name", "prime256v1", "-genkey", "-out", "key"][..],
        &["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", "key"],
        &["genpkey", "-algorithm", "ed25519", "-out", "key"],
        &["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:3072", "-out", "key"],
    ] {
        let made = Command::new("openssl").args(arguments).current_dir(folder.path()).stdin(Stdio::null()).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let public = Command::new("openssl").args(["pkey", "-in", "key", "-pubout"]).current_dir(folder.path()).output().unwrap();
        let key = PrivateKey::parse(&std::fs::read_to_string(folder.path().join("key")).unwrap(), None).unwrap();
        assert_eq!(key.public_key().to_pem(), String::from_utf8(public.stdout).unwrap());
    }
}

#[test]
fn public_keys_of_numbers() {
    let rsa = PublicKey::from_pem(&text("rsa2048.pub")).unwrap();
    // In a key of 2,048 bits the modulus begins behind 33 bytes and the exponent is at the end.
    let (modulus, exponent) = (&rsa.to_der()[33..33 + 256], [1, 0, 1]);
    let long = [&[0, 0], modulus].concat();
    for (modulus, exponent) in [(modulus, &exponent[..]), (&long[1..], &[0, 1, 0, 1][..])] {
        assert_eq!(PublicKey::from_rsa_numbers(modulus, exponent).unwrap(), rsa);
    }
    let wrong = |modulus: &[u8], exponent: &[u8], says: &str| {
        let error = PublicKey::from_rsa_numbers(modulus, exponent).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    };
    wrong(&modulus[..128], &exponent, "an RSA key of 1024 bits");
    wrong(&[], &exponent, "damaged");
    wrong(&vec![0xff; 1026], &exponent, "damaged");
    wrong(modulus, &[], "damaged");
    wrong(modulus, &[1; 9], "damaged");
    assert_eq!(rsa.ed25519(), None);

    let p256 = PublicKey::from_pem(&text("p256.pub")).unwrap();
    let point = &p256.to_der()[26..];
    assert_eq!(PublicKey::from_p256_point(point).unwrap(), p256);
    let mut off = point.to_vec();
    off[64] ^= 1;
    for wrong in [&point[1..], &off, &[], &[4; 65]] {
        assert!(PublicKey::from_p256_point(wrong).is_err());
    }
    assert_eq!(p256.ed25519(), None);
    let ed25519 = PublicKey::from_pem(&text("ed25519.pub")).unwrap();
    assert_eq!(PublicKey::from(ed25519.ed25519().unwrap()), ed25519);
}
