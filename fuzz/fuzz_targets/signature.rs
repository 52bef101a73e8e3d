//! Any text as an SSH signature, public key and private key.
#![no_main]

use libfuzzer_sys::fuzz_target;
use probity_attest::sshsig::{PrivateKey, PublicKey, SshSignature};

fuzz_target!(|data: &str| {
    if let Ok(signature) = SshSignature::parse(data) {
        assert!(signature.verify(b"not what was signed", "probity-exception").is_err());
    }
    if let Ok(key) = PublicKey::parse(data) {
        assert!(PublicKey::from_blob(key.blob()).is_ok());
    }
    // A passphrase would make each run slow on purpose.
    let _key = PrivateKey::parse(data, None);
});
