//! `probity key`: make keys, and print their public halves.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use probity_attest::keys::{KeyType, PrivateKey, Signer as _};

use crate::arguments::KeyReference;
use crate::{Wrong, keys, output, passphrase};

pub(crate) fn generate(kind: KeyType, prefix: &str) -> Result<u8> {
    let [private, public] = ["key", "pub"].map(|ending| PathBuf::from(format!("{prefix}.{ending}")));
    // Before anybody is asked for a passphrase; what counts is that the files are made, not found, below.
    for path in [&private, &public] {
        if path.symlink_metadata().is_ok() {
            return Err(there(path).into());
        }
    }
    let passphrase = passphrase::for_new_key()?;
    let key = PrivateKey::generate(kind)?;
    let text = key.to_encrypted_pem(&passphrase)?;
    create(&private, &text, 0o600)?;
    if let Err(error) = create(&public, &key.public_key().to_pem(), 0o644) {
        let _it_says_enough = std::fs::remove_file(&private);
        return Err(error);
    }
    output::talk(&format!("wrote `{}` and `{}`: {}", private.display(), public.display(), key.public_key()));
    if passphrase.is_empty() {
        output::talk("its passphrase is empty: whoever has the file has the key");
    }
    Ok(0)
}

pub(crate) fn public(arguments: &KeyReference) -> Result<u8> {
    output::data(&keys::public(&arguments.key)?.to_pem())?;
    Ok(0)
}

fn there(path: &Path) -> Wrong {
    Wrong::hint(format!("`{}` is there already, and a key is never overwritten", path.display()), Some("give another `--output-prefix`"))
}

/// Writes a file that must not be there.
fn create(path: &Path, text: &str, mode: u32) -> Result<()> {
    let place = || format!("cannot write `{}`", path.display());
    let mut file = match OpenOptions::new().write(true).create_new(true).mode(mode).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => return Err(there(path).into()),
        Err(error) => return Err(error).with_context(place),
    };
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    if written.is_err() {
        let _it_says_enough = std::fs::remove_file(path);
    }
    written.with_context(place)
}
