//! Ed25519 private keys as OpenSSH stores them (`openssh-key-v1`), plain or under a passphrase, for signing as `ssh-keygen -Y sign` does.
//! Other kinds of keys, agents and security keys are left to `ssh-keygen` itself, and the error says so.

use aws_lc_rs::cipher::{AES_256, DecryptingKey, DecryptionContext, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;

use super::{MessageHash, PublicKey, PublicKeyError, SignatureError, SshSignature, signed_bytes};
use crate::ssh_wire::{Malformed, Reader, put_string};
use crate::{KeyProvider as _, SigningKey, pem};

const MAGIC: &[u8] = b"openssh-key-v1\0";
const LABEL: &str = "OPENSSH PRIVATE KEY";
/// Most rounds of key derivation taken; `ssh-keygen` makes 16 or 24, and 1,024 already take many seconds.
const MAX_ROUNDS: u32 = 1024;
/// AES-256 key and initial counter.
const DERIVED: usize = 32 + 16;

/// A private key that cannot be used here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PrivateKeyError {
    /// Not an OpenSSH private key.
    #[error("not an OpenSSH private key: {0}")]
    Format(String),
    /// Another kind of key.
    #[error("this is a key of the kind `{0}`; only ssh-ed25519 keys are signed with here, for others use `ssh-keygen -Y sign`")]
    Kind(String),
    /// Another cipher or key derivation than `ssh-keygen` uses by default.
    #[error("the key is protected with `{0}`, which is not supported here; use `ssh-keygen -Y sign`")]
    Protection(String),
    /// A passphrase is needed.
    #[error("the key is protected with a passphrase")]
    NeedsPassphrase,
    /// The passphrase does not open the key.
    #[error("the passphrase does not open the key")]
    WrongPassphrase,
}

impl From<Malformed> for PrivateKeyError {
    fn from(_: Malformed) -> PrivateKeyError {
        PrivateKeyError::Format("its bytes are damaged".to_owned())
    }
}

/// A person's private key, ready to sign.
#[derive(Debug)]
pub struct PrivateKey {
    key: SigningKey,
    public: PublicKey,
}

impl PrivateKey {
    /// Reads the PEM text of a key file. A passphrase is ignored where the key has none.
    pub fn parse(text: &str, passphrase: Option<&[u8]>) -> Result<PrivateKey, PrivateKeyError> {
        let bytes = pem::decode(LABEL, text).map_err(|error| PrivateKeyError::Format(error.to_string()))?;
        let mut reader = Reader(&bytes);
        if reader.take(MAGIC.len())? != MAGIC {
            return Err(PrivateKeyError::Format("its bytes do not begin with openssh-key-v1".to_owned()));
        }
        let (cipher, derivation, options) = (reader.text()?, reader.text()?, reader.string()?);
        if reader.number()? != 1 {
            return Err(PrivateKeyError::Format("it holds more than one key".to_owned()));
        }
        let public = PublicKey::from_blob(reader.string()?);
        let secret = reader.string()?;
        reader.end()?;
        let public = match public {
            Ok(public) if public.kind() == super::KeyKind::Ed25519 => public,
            Ok(public) => return Err(PrivateKeyError::Kind(public.kind().as_str().to_owned())),
            Err(PublicKeyError::Kind(word)) => return Err(PrivateKeyError::Kind(word)),
            Err(error) => return Err(PrivateKeyError::Format(error.to_string())),
        };
        let (secret, protected) = match (cipher, derivation) {
            ("none", "none") => (secret.to_vec(), false),
            ("aes256-ctr", "bcrypt") => (decrypt(secret, options, passphrase.ok_or(PrivateKeyError::NeedsPassphrase)?)?, true),
            _ => return Err(PrivateKeyError::Protection(format!("{cipher}, {derivation}").chars().filter(|c| !c.is_control()).collect())),
        };
        let key = read_secret(&secret, &public).map_err(|error| match error {
            // What a wrong passphrase decrypts to is noise, so any damage means that.
            PrivateKeyError::Format(_) if protected => PrivateKeyError::WrongPassphrase,
            other => other,
        })?;
        Ok(PrivateKey { key, public })
    }

    /// The public half.
    #[must_use]
    pub fn public_key(&self) -> &PublicKey {
        &self.public
    }

    /// The key, for signing as machines do.
    pub(crate) fn into_key(self) -> SigningKey {
        self.key
    }

    /// The armoured signature over the bytes, for a namespace that is not empty: what `ssh-keygen -Y sign` writes.
    pub fn sign(&self, message: &[u8], namespace: &str) -> Result<String, SignatureError> {
        if namespace.is_empty() {
            return Err(SignatureError::Format("its namespace is empty".to_owned()));
        }
        let hash = MessageHash::Sha512;
        let bytes = self.key.sign(&signed_bytes(namespace, hash, message)).map_err(|_| SignatureError::Wrong)?;
        let mut signature = Vec::new();
        put_string(&mut signature, self.public.kind().as_str().as_bytes());
        put_string(&mut signature, &bytes);
        Ok(SshSignature { key: self.public.clone(), namespace: namespace.to_owned(), hash, signature }.to_armoured())
    }
}

fn decrypt(secret: &[u8], options: &[u8], passphrase: &[u8]) -> Result<Vec<u8>, PrivateKeyError> {
    let mut options = Reader(options);
    let (salt, rounds) = (options.string()?, options.number()?);
    options.end()?;
    if rounds > MAX_ROUNDS {
        return Err(PrivateKeyError::Protection(format!("bcrypt with {rounds} rounds")));
    }
    let mut derived = [0_u8; DERIVED];
    bcrypt_pbkdf::bcrypt_pbkdf(passphrase, salt, rounds, &mut derived).map_err(|_| match passphrase {
        [] => PrivateKeyError::WrongPassphrase,
        _ => PrivateKeyError::Format("its key derivation has no salt or no rounds".to_owned()),
    })?;
    let (key, counter) = derived.split_first_chunk::<32>().ok_or(Malformed)?;
    let counter: [u8; 16] = counter.try_into().map_err(|_| Malformed)?;
    let mut plain = secret.to_vec();
    let key = UnboundCipherKey::new(&AES_256, key).and_then(DecryptingKey::ctr).map_err(|_| Malformed)?;
    key.decrypt(&mut plain, DecryptionContext::Iv128(FixedLength::from(counter))).map_err(|_| Malformed)?;
    Ok(plain)
}

/// Reads the private section: two equal numbers, the key, a comment, padding `1 2 3 ...`.
fn read_secret(secret: &[u8], public: &PublicKey) -> Result<SigningKey, PrivateKeyError> {
    let mut reader = Reader(secret);
    if reader.number()? != reader.number()? {
        return Err(Malformed.into());
    }
    if reader.text()? != public.kind().as_str() {
        return Err(Malformed.into());
    }
    let (point, pair) = (reader.string()?, reader.string()?);
    reader.text()?;
    let padding = reader.0;
    if padding.len() > 255 || padding.iter().zip(1_u8..).any(|(byte, expected)| *byte != expected) {
        return Err(Malformed.into());
    }
    let (seed, second_point) = pair.split_first_chunk::<32>().ok_or(Malformed)?;
    let key = SigningKey::from_seed(seed).map_err(|_| Malformed)?;
    let derived = key.verifying_key().raw();
    let mut blob = Vec::new();
    put_string(&mut blob, public.kind().as_str().as_bytes());
    put_string(&mut blob, &derived);
    if derived != point || derived != second_point || blob != public.blob() {
        return Err(Malformed.into());
    }
    Ok(key)
}
