//! Whatever bytes come in, reading them ends with an answer, and what is read and written again stays the same.
#![allow(clippy::disallowed_methods, reason = "a test touches the world on purpose")]
#![allow(clippy::unwrap_used)]

use probity_attest::dsse::Envelope;
use probity_attest::keys;
use probity_attest::note::{self, Checkpoint, VerifierKey};
use probity_attest::sshsig::{PrivateKey, PublicKey, SshSignature};
use probity_attest::statement::{Decision, Statement, parse_time};
use probity_attest::{SigningKey, VerifyingKey};
use proptest::prelude::*;

/// Text that looks a little like what is expected.
fn text() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "-----BEGIN SSH SIGNATURE-----\n",
        "-----END SSH SIGNATURE-----\n",
        "-----BEGIN OPENSSH PRIVATE KEY-----\n",
        "-----BEGIN PUBLIC KEY-----\n",
        "-----BEGIN EC PARAMETERS-----\n",
        "-----END EC PARAMETERS-----\n",
        "-----BEGIN EC PRIVATE KEY-----\n",
        "-----END EC PRIVATE KEY-----\n",
        "Proc-Type: 4,ENCRYPTED",
        "-----END OPENSSH PRIVATE KEY-----\n",
        "-----END PUBLIC KEY-----\n",
        "U1NIU0lH",
        "AAAA",
        "=",
        "\n",
        "\n\n",
        "— ",
        " ",
        "example.com/log",
        "+",
        "0",
        "17",
        "ssh-ed25519 ",
        "{\"payload\":\"",
        "\",\"payloadType\":\"t\",\"signatures\":[",
        "{\"sig\":\"AA==\"}",
        "]}",
        "{\"_type\":\"https://in-toto.io/Statement/v1\",",
        "é",
        "\u{0}",
        "AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    ]);
    prop_oneof![prop::collection::vec(words, 0..12).prop_map(|words| words.concat()), any::<String>()]
}

/// Keys in `tests/keys`.
const KEYS: &[&str] = &[
    "cosign.key",
    "cosign.pub",
    "ed25519-pkcs8.pem",
    "ed25519.pub",
    "p256-pkcs8.pem",
    "p256-sec1.pem",
    "p256.pub",
    "rsa2048-pkcs1.pem",
    "rsa2048-pkcs8.pem",
    "rsa2048.pub",
    "ssh-ed25519",
];

fn armoured(label: &str, bytes: &[u8]) -> String {
    use base64::Engine as _;
    let packed = base64::engine::general_purpose::STANDARD.encode(bytes);
    format!("-----BEGIN {label}-----\n{packed}\n-----END {label}-----\n")
}

proptest! {
    #[test]
    fn texts(text in text()) {
        let _ = Envelope::parse(text.as_bytes());
        let _ = Statement::of_record(text.as_bytes());
        if let Ok(statement) = Statement::parse(text.as_bytes()) {
            let _ = Decision::of_statement(&statement);
        }
        if let Ok(key) = VerifierKey::parse(&text) {
            prop_assert_eq!(key.to_string(), text.clone());
        }
        if let Ok(checkpoint) = Checkpoint::parse(&text) {
            prop_assert!(text.starts_with(&checkpoint.to_text()));
        }
        if let Ok(key) = PublicKey::parse(&text) {
            prop_assert_eq!(PublicKey::parse(&key.to_string()).unwrap(), key);
        }
        let _ = note::open(&text, &[]);
        let _ = SshSignature::parse(&text);
        let _ = PrivateKey::parse(&text, Some(b"x"));
        let _ = SigningKey::from_pem(&text);
        let _ = VerifyingKey::from_pem(&text);
        let _ = parse_time(&text);
        let _ = keys::PrivateKey::parse(&text, None);
        if let Ok(key) = keys::PublicKey::from_pem(&text) {
            prop_assert_eq!(keys::PublicKey::from_pem(&key.to_pem()), Ok(key));
        }
    }

    /// Damage anywhere in a key: it is refused, or it is another key, or it is one of the few bytes that say nothing.
    #[test]
    fn damaged_keys(name in prop::sample::select(KEYS), place: prop::sample::Index, byte: u8, cut: bool) {
        use base64::Engine as _;
        use base64::engine::general_purpose::STANDARD;
        let text = std::fs::read_to_string(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/keys").join(name)).unwrap();
        let text = text.rsplit_once("-----BEGIN ").unwrap().1;
        let (label, rest) = text.split_once("-----").unwrap();
        let body: String = rest.split_once("-----END").unwrap().0.split_whitespace().collect();
        let mut der = STANDARD.decode(body).unwrap();
        let index = place.index(der.len());
        if cut { der.truncate(index) } else { der[index] = byte }
        let damaged = armoured(label, &der);
        let _ = keys::PrivateKey::parse(&damaged, None);
        let _ = keys::PublicKey::from_pem(&damaged);
        let _ = keys::PrivateKey::from_pkcs8(&der);
        let _ = keys::PublicKey::from_der(&der);
    }

    #[test]
    fn bytes(bytes: Vec<u8>, begin in 0..3_usize) {
        let head: &[u8] = [b"".as_slice(), b"SSHSIG\0\0\0\x01\0\0\0\x33", b"openssh-key-v1\0\0\0\0\x04none\0\0\0\x04none\0\0\0\0\0\0\0\x01"][begin];
        let whole = [head, &bytes].concat();
        prop_assert!(SshSignature::parse(&armoured("SSH SIGNATURE", &whole)).is_err());
        prop_assert!(PrivateKey::parse(&armoured("OPENSSH PRIVATE KEY", &whole), None).is_err());
        let _ = PublicKey::from_blob(&whole);
        let _ = SigningKey::from_pem(&armoured("PRIVATE KEY", &whole));
        for label in ["PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY", "ENCRYPTED SIGSTORE PRIVATE KEY", "OPENSSH PRIVATE KEY"] {
            let _ = keys::PrivateKey::parse(&armoured(label, &whole), None);
        }
        prop_assert!(keys::PublicKey::from_der(&whole).is_err());
    }

    #[test]
    fn envelopes(kind: String, payload: Vec<u8>, seed: [u8; 32]) {
        let key = SigningKey::from_seed(&seed).unwrap();
        let envelope = probity_attest::dsse::sign(&kind, &payload, &key).unwrap();
        let again = Envelope::parse(&envelope.to_bytes()).unwrap();
        prop_assert_eq!(&again, &envelope);
        prop_assert!(again.verify(&kind, &[key.verifying_key()]).is_ok());
    }

    #[test]
    fn notes(lines in prop::collection::vec("[ -~é]{0,20}", 1..6), seed: [u8; 32]) {
        let key = SigningKey::from_seed(&seed).unwrap();
        let text = lines.join("\n") + "\n";
        let name = VerifierKey::new("example.com/n", key.verifying_key()).unwrap();
        let note = note::sign(&text, &[("example.com/n", &key)]).unwrap();
        prop_assert_eq!(note::open(&note, &[name]).unwrap().0, text);
    }
}
