//! The keys that `--key` names: a file, a variable, or a key that lies elsewhere and is named as Cosign names it.

use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Result, anyhow};
use probity_attest::keys::{PrivateKey, PrivateKeyError, PublicKey, Signer};
use probity_core::Timestamp;
use probity_kms::{KmsError, KmsKey, Process, Reference, ReferenceError, Secret, Surroundings};
use zeroize::Zeroizing;

use crate::adapters::with_causes;
use crate::{Wrong, passphrase};

/// Largest key file, in bytes.
const MAX: u64 = 256 * 1024;

/// The signer that a reference names.
pub(crate) fn signer(reference: &str) -> Result<Box<dyn Signer>> {
    match elsewhere(reference)? {
        Some(named) => signer_of(&named),
        None => Ok(Box::new(private_key(reference)?)),
    }
}

/// The signer of a key elsewhere.
pub(crate) fn signer_of(named: &Reference) -> Result<Box<dyn Signer>> {
    Ok(Box::new(KmsKey::open(named, Arc::new(Here)).map_err(|error| told(named, &error))?))
}

/// The public half of the key that a reference names.
pub(crate) fn public(reference: &str) -> Result<PublicKey> {
    match elsewhere(reference)? {
        Some(named) => public_of(&named),
        None => Ok(private_key(reference)?.public_key().clone()),
    }
}

/// The public half of a key elsewhere.
pub(crate) fn public_of(named: &Reference) -> Result<PublicKey> {
    probity_kms::public_key(named, Arc::new(Here)).map_err(|error| told(named, &error))
}

/// The name of a key elsewhere, where a reference is one.
pub(crate) fn elsewhere(reference: &str) -> Result<Option<Reference>> {
    let Some((scheme, place)) = Reference::SCHEMES.iter().find(|(scheme, _)| reference.starts_with(scheme)) else { return Ok(None) };
    let wrong = |error: ReferenceError| Wrong::hint(format!("the name `{scheme}...` of a key in {place}: {error}"), None);
    Ok(Some(Reference::parse(reference).map_err(wrong)?))
}

/// What the network or a token did may pass; what was asked for does not.
fn told(named: &Reference, error: &KmsError) -> anyhow::Error {
    let wrong = Wrong::hint(format!("`{named}`: {}", with_causes(error)), error.hint());
    if error.is_final() { anyhow::Error::new(wrong) } else { anyhow!("{wrong}") }
}

/// This process, and whoever sits at its terminal.
struct Here;

impl Surroundings for Here {
    fn variable(&self, name: &str) -> Option<String> {
        Process.variable(name)
    }

    fn file(&self, path: &Path) -> std::io::Result<Zeroizing<Vec<u8>>> {
        Process.file(path)
    }

    fn now(&self) -> Timestamp {
        Process.now()
    }

    fn ask_pin(&self, token: &str) -> Option<Secret> {
        passphrase::pin(&format!("PIN of the token `{token}`: "))
    }
}

fn private_key(reference: &str) -> Result<PrivateKey> {
    let (text, what) = match reference.strip_prefix("env://") {
        Some(name) => (from_variable(name)?, format!("the key in `{name}`")),
        None => match reference.split_once("://") {
            Some((scheme, _)) if scheme.bytes().all(|letter| letter.is_ascii_alphanumeric()) => {
                let hint = "name a file, or `env://NAME` for a variable that holds the key";
                return Err(Wrong::hint(format!("keys are not read from `{scheme}://`"), Some(hint)).into());
            }
            _ => (from_file(Path::new(reference))?, format!("`{reference}`")),
        },
    };
    let wrong = |error: PrivateKeyError| Wrong::hint(format!("{what}: {error}"), None);
    match PrivateKey::parse(&text, None) {
        Err(PrivateKeyError::NeedsPassphrase) => {
            let passphrase = passphrase::to_open(&what)?;
            Ok(PrivateKey::parse(&text, Some(&passphrase)).map_err(wrong)?)
        }
        read => Ok(read.map_err(wrong)?),
    }
}

fn from_variable(name: &str) -> Result<Zeroizing<String>> {
    let wrong = |why: &str| Wrong::hint(format!("`env://{name}`: {why}"), None);
    let value =
        std::env::var_os(name).filter(|_| !name.is_empty() && !name.contains('=')).ok_or_else(|| wrong("there is no such variable"))?;
    Ok(Zeroizing::new(value.into_string().map_err(|_| wrong("the variable holds no text"))?))
}

fn from_file(path: &Path) -> Result<Zeroizing<String>> {
    let wrong = |why: String| Wrong::hint(format!("cannot read the key `{}`: {why}", path.display()), None);
    let file = std::fs::File::open(path).map_err(|error| wrong(error.to_string()))?;
    // Larger than key files are, so that reading makes no copies that stay behind.
    let mut text = Zeroizing::new(String::with_capacity(16 * 1024));
    let read = file.take(MAX + 1).read_to_string(&mut text).map_err(|error| wrong(error.to_string()))?;
    if read as u64 > MAX {
        return Err(wrong("it is larger than any key".to_owned()).into());
    }
    Ok(text)
}
