//! Private keys under a passphrase as Cosign keeps them: JSON that names scrypt and NaCl's secretbox over PKCS#8, in a PEM block
//! (go-securesystemslib, package `encrypted`).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::json;
use zeroize::Zeroizing;

use super::secretbox::{self, KEY, NONCE};
use crate::pem;

/// What Cosign writes since 2.0, and we.
pub(super) const SIGSTORE_LABEL: &str = "ENCRYPTED SIGSTORE PRIVATE KEY";
/// What it wrote before.
pub(super) const COSIGN_LABEL: &str = "ENCRYPTED COSIGN PRIVATE KEY";

const KDF: &str = "scrypt";
const CIPHER: &str = "nacl/secretbox";
const SALT: usize = 32;
/// The costs that count, as base-2 logarithms of scrypt's N: 32, 64 and 128 MiB of memory and less than a second. Cosign takes the same
/// three; whatever else a file asks for is somebody's attempt to use up memory or time.
const COSTS: [u8; 3] = [15, 16, 17];
/// The cost of what is written, which is Cosign's.
const COST: u8 = 16;
const BLOCK: u32 = 8;
const PARALLEL: u32 = 1;

/// An encrypted key that stays closed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncryptedKeyError {
    /// Not the JSON that Cosign writes.
    #[error("the encrypted key is damaged: {0}")]
    Format(String),
    /// Another way to make a key of the passphrase.
    #[error("the key is encrypted by way of `{0}`, where only `{KDF}` is known")]
    Kdf(String),
    /// Another cipher.
    #[error("the key is encrypted with `{0}`, where only `{CIPHER}` is known")]
    Cipher(String),
    /// Costs that nobody writes.
    #[error("the key asks for scrypt with N={n}, r={r}, p={p}; only N=32768, 65536 or 131072 with r=8, p=1 is taken")]
    Cost {
        /// How many blocks of memory.
        n: u64,
        /// How large they are.
        r: u64,
        /// How often.
        p: u64,
    },
    /// The passphrase does not open it, or bytes of it were changed: the two cannot be told apart.
    #[error("the passphrase does not open the key")]
    WrongPassphrase,
    /// The system gave no randomness.
    #[error("the system gave no randomness to encrypt the key with")]
    NoRandomness,
}

#[derive(Deserialize)]
struct FileJson {
    kdf: KdfJson,
    cipher: CipherJson,
    ciphertext: String,
}

#[derive(Deserialize)]
struct KdfJson {
    name: String,
    params: ParamsJson,
    salt: String,
}

#[derive(Deserialize)]
struct ParamsJson {
    #[serde(rename = "N")]
    n: u64,
    r: u64,
    p: u64,
}

#[derive(Deserialize)]
struct CipherJson {
    name: String,
    nonce: String,
}

/// What the block of an encrypted key holds, read but not opened.
pub(super) struct Sealed {
    salt: [u8; SALT],
    cost: u8,
    nonce: [u8; NONCE],
    ciphertext: Vec<u8>,
}

impl Sealed {
    /// Reads the block. All that can be refused without the passphrase is refused here.
    pub(super) fn parse(block: &[u8]) -> Result<Sealed, EncryptedKeyError> {
        let format = |why: &str| EncryptedKeyError::Format(why.to_owned());
        let file: FileJson = serde_json::from_slice(block).map_err(|_| format("it is not the JSON of an encrypted key"))?;
        if file.kdf.name != KDF {
            return Err(EncryptedKeyError::Kdf(word(&file.kdf.name)));
        }
        if file.cipher.name != CIPHER {
            return Err(EncryptedKeyError::Cipher(word(&file.cipher.name)));
        }
        let ParamsJson { n, r, p } = file.kdf.params;
        let cost = COSTS.into_iter().find(|cost| 1_u64 << cost == n).filter(|_| r == u64::from(BLOCK) && p == u64::from(PARALLEL));
        let cost = cost.ok_or(EncryptedKeyError::Cost { n, r, p })?;
        let bytes =
            |name: &str, text: &str| STANDARD.decode(text).map_err(|_| EncryptedKeyError::Format(format!("`{name}` is not base64")));
        let salt = bytes("salt", &file.kdf.salt)?.try_into().map_err(|_| format("the salt has another length than 32 bytes"))?;
        let nonce = bytes("nonce", &file.cipher.nonce)?.try_into().map_err(|_| format("the nonce has another length than 24 bytes"))?;
        Ok(Sealed { salt, cost, nonce, ciphertext: bytes("ciphertext", &file.ciphertext)? })
    }

    /// The PKCS#8 in it.
    pub(super) fn open(&self, passphrase: &[u8]) -> Result<Zeroizing<Vec<u8>>, EncryptedKeyError> {
        let key = derive(passphrase, &self.salt, self.cost)?;
        secretbox::open(&self.ciphertext, &self.nonce, &key).ok_or(EncryptedKeyError::WrongPassphrase)
    }
}

/// The PEM text of an encrypted key.
pub(super) fn seal(pkcs8: &[u8], passphrase: &[u8]) -> Result<String, EncryptedKeyError> {
    let (mut salt, mut nonce) = ([0_u8; SALT], [0_u8; NONCE]);
    for part in [salt.as_mut_slice(), nonce.as_mut_slice()] {
        aws_lc_rs::rand::fill(part).map_err(|_| EncryptedKeyError::NoRandomness)?;
    }
    let sealed = secretbox::seal(pkcs8, &nonce, &*derive(passphrase, &salt, COST)?);
    let sealed = sealed.ok_or_else(|| EncryptedKeyError::Format("the key is too long".to_owned()))?;
    let block = json!({
        "kdf": { "name": KDF, "params": { "N": 1_u64 << COST, "r": BLOCK, "p": PARALLEL }, "salt": STANDARD.encode(salt) },
        "cipher": { "name": CIPHER, "nonce": STANDARD.encode(nonce) },
        "ciphertext": STANDARD.encode(sealed),
    });
    Ok(pem::encode(SIGSTORE_LABEL, block.to_string().as_bytes(), 64))
}

fn derive(passphrase: &[u8], salt: &[u8], cost: u8) -> Result<Zeroizing<[u8; KEY]>, EncryptedKeyError> {
    let wrong = || EncryptedKeyError::Format("its costs cannot be worked with".to_owned());
    let params = scrypt::Params::new(cost, BLOCK, PARALLEL).map_err(|_| wrong())?;
    let mut key = Zeroizing::new([0_u8; KEY]);
    scrypt::scrypt(passphrase, salt, &params, key.as_mut_slice()).map_err(|_| wrong())?;
    Ok(key)
}

/// A word of a file, fit for a message.
fn word(text: &str) -> String {
    text.chars().take(40).filter(|letter| !letter.is_control()).collect()
}
