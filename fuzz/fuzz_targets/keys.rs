//! Any text as a key file in every form; and any bytes inside each kind of block, where the first byte says which.
#![no_main]

use base64::Engine as _;
use libfuzzer_sys::fuzz_target;
use probity_attest::keys::{PrivateKey, PublicKey, Signer as _};

const LABELS: [&str; 7] = [
    "PRIVATE KEY",
    "EC PRIVATE KEY",
    "RSA PRIVATE KEY",
    "OPENSSH PRIVATE KEY",
    "ENCRYPTED SIGSTORE PRIVATE KEY",
    "ENCRYPTED COSIGN PRIVATE KEY",
    "PUBLIC KEY",
];

fuzz_target!(|data: &[u8]| {
    if let Ok(text) = std::str::from_utf8(data) {
        check(text);
    }
    if let Some((first, bytes)) = data.split_first() {
        let label = LABELS[usize::from(*first) % LABELS.len()];
        let packed = base64::engine::general_purpose::STANDARD.encode(bytes);
        check(&format!("-----BEGIN {label}-----\n{packed}\n-----END {label}-----\n"));
    }
});

fn check(text: &str) {
    // A passphrase would make each run slow on purpose.
    if let Ok(key) = PrivateKey::parse(text, None) {
        let signature = key.sign(b"message").expect("a key that was read signs");
        key.public_key().verify(b"message", &signature).expect("and its public half says so");
        assert!(!format!("{key:?}").contains("PRIVATE"));
    }
    if let Ok(key) = PublicKey::from_pem(text) {
        assert!(key.verify(b"not what was signed", &[0; 64]).is_err());
        assert_eq!(PublicKey::from_pem(&key.to_pem()), Ok(key));
    }
}
