//! The keys that `--key` names: a file or a variable now; a KMS, a token and Vault have their spellings kept for them.

use std::io::Read as _;
use std::path::Path;

use anyhow::Result;
use probity_attest::keys::{PrivateKey, PrivateKeyError, Signer};
use zeroize::Zeroizing;

use crate::{Wrong, passphrase};

/// Largest key file, in bytes.
const MAX: u64 = 256 * 1024;

/// Where keys will be kept later, as Cosign spells it.
const LATER: &[(&str, &str)] = &[
    ("awskms://", "AWS KMS"),
    ("azurekms://", "Azure Key Vault"),
    ("gcpkms://", "Google Cloud KMS"),
    ("hashivault://", "HashiCorp Vault"),
    ("pkcs11:", "a PKCS#11 token"),
];

/// The signer that a reference names.
pub(crate) fn signer(reference: &str) -> Result<Box<dyn Signer>> {
    Ok(Box::new(private_key(reference)?))
}

fn private_key(reference: &str) -> Result<PrivateKey> {
    if let Some((_, place)) = LATER.iter().find(|(scheme, _)| reference.starts_with(scheme)) {
        let hint = "a file, or `env://NAME` for a variable that holds the key, is";
        return Err(Wrong::hint(format!("a key in {place} is not supported yet: `{reference}`"), Some(hint)).into());
    }
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
