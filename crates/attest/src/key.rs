//! Ed25519 keys, which sign the records and checkpoints of logs, and the trait behind which such a key may also live elsewhere. Keys of
//! other algorithms are in [`crate::keys`]. Files and their permissions are the caller's.

use std::fmt;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use probity_core::Digest;
use zeroize::Zeroizing;

use crate::{pem, sha256};

/// Bytes of an Ed25519 signature.
pub const SIGNATURE_LENGTH: usize = 64;

/// What stands before the 32 key bytes in a DER SubjectPublicKeyInfo (RFC 8410, section 4).
const SPKI_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

const PUBLIC_LABEL: &str = "PUBLIC KEY";
const PRIVATE_LABEL: &str = "PRIVATE KEY";

/// Bytes that are not a key of ours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not UTF-8 text or not one PEM block of that kind.
    #[error("not a PEM `{label}`: {why}")]
    Pem {
        /// The block that was asked for.
        label: &'static str,
        /// What is wrong with the text.
        why: String,
    },
    /// A key of another algorithm, or a damaged one.
    #[error("not an Ed25519 {0} key")]
    NotEd25519(&'static str),
    /// The system gave no randomness.
    #[error("the system gave no randomness to make a key of")]
    NoRandomness,
}

/// A signature that does not belong to this key and message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the signature does not belong to this key and these bytes")]
pub struct WrongSignature;

/// A signer that did not sign.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("could not sign: {0}")]
pub struct SignError(pub String);

/// Name of a key: SHA-256 of its DER SubjectPublicKeyInfo, shown as hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct KeyId(pub Digest);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Somebody who signs for a log: a key in memory, later a key in a KMS or a token. Signatures are Ed25519, deterministic (RFC 8032), as
/// the notes of logs ask for; whoever signs in any algorithm is a [`crate::keys::Signer`].
pub trait KeyProvider: Send + Sync {
    /// The signature over the bytes, [`SIGNATURE_LENGTH`] bytes.
    fn sign(&self, message: &[u8]) -> Result<[u8; SIGNATURE_LENGTH], SignError>;

    /// The key that verifies what [`KeyProvider::sign`] gives.
    fn public_key(&self) -> VerifyingKey;

    /// Its name.
    fn key_id(&self) -> KeyId {
        self.public_key().id()
    }
}

/// An Ed25519 public key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VerifyingKey([u8; 32]);

impl VerifyingKey {
    /// The key of 32 bytes as RFC 8032 writes it.
    #[must_use]
    pub const fn from_raw(bytes: [u8; 32]) -> VerifyingKey {
        VerifyingKey(bytes)
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn raw(&self) -> [u8; 32] {
        self.0
    }

    /// Reads a PEM `PUBLIC KEY` (SubjectPublicKeyInfo).
    pub fn from_pem(text: &str) -> Result<VerifyingKey, KeyError> {
        let der = pem::decode(PUBLIC_LABEL, text).map_err(|error| KeyError::Pem { label: PUBLIC_LABEL, why: error.to_string() })?;
        let raw = der.strip_prefix(&SPKI_PREFIX).and_then(|rest| <[u8; 32]>::try_from(rest).ok());
        raw.map(VerifyingKey).ok_or(KeyError::NotEd25519("public"))
    }

    /// The key as a PEM `PUBLIC KEY`.
    #[must_use]
    pub fn to_pem(&self) -> String {
        pem::encode(PUBLIC_LABEL, &self.to_der(), 64)
    }

    /// Its name.
    #[must_use]
    pub fn id(&self) -> KeyId {
        KeyId(sha256(&self.to_der()))
    }

    /// Whether the signature is this key's over these bytes.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), WrongSignature> {
        UnparsedPublicKey::new(&ED25519, &self.0).verify(message, signature).map_err(|_| WrongSignature)
    }

    fn to_der(self) -> Vec<u8> {
        [SPKI_PREFIX.as_slice(), self.0.as_slice()].concat()
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ed25519:{}", self.id())
    }
}

/// An Ed25519 private key in memory.
pub struct SigningKey(Ed25519KeyPair);

impl SigningKey {
    /// A new key of the system's randomness.
    pub fn generate() -> Result<SigningKey, KeyError> {
        Ed25519KeyPair::generate().map(SigningKey).map_err(|_| KeyError::NoRandomness)
    }

    /// The key of the 32 secret bytes of RFC 8032.
    pub fn from_seed(seed: &[u8; 32]) -> Result<SigningKey, KeyError> {
        Ed25519KeyPair::from_seed_unchecked(seed).map(SigningKey).map_err(|_| KeyError::NotEd25519("private"))
    }

    /// Reads an unencrypted PEM `PRIVATE KEY` (PKCS#8, with or without the public half).
    pub fn from_pem(text: &str) -> Result<SigningKey, KeyError> {
        let der = pem::decode(PRIVATE_LABEL, text).map_err(|error| KeyError::Pem { label: PRIVATE_LABEL, why: error.to_string() })?;
        SigningKey::from_pkcs8(&Zeroizing::new(der))
    }

    /// Reads DER PKCS#8, with or without the public half.
    pub(crate) fn from_pkcs8(der: &[u8]) -> Result<SigningKey, KeyError> {
        Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).map(SigningKey).map_err(|_| KeyError::NotEd25519("private"))
    }

    /// The key as DER PKCS#8, version 1.
    pub(crate) fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let document = self.0.to_pkcs8v1().map_err(|_| KeyError::NotEd25519("private"))?;
        Ok(Zeroizing::new(document.as_ref().to_vec()))
    }

    /// The key as an unencrypted PEM `PRIVATE KEY` (PKCS#8). Write it only where nobody else can read it.
    pub fn to_pem(&self) -> Result<String, KeyError> {
        Ok(pem::encode(PRIVATE_LABEL, &self.to_pkcs8()?, 64))
    }

    /// The public half.
    #[must_use]
    pub fn verifying_key(&self) -> VerifyingKey {
        let mut raw = [0_u8; 32];
        for (to, from) in raw.iter_mut().zip(self.0.public_key().as_ref()) {
            *to = *from;
        }
        VerifyingKey(raw)
    }
}

impl KeyProvider for SigningKey {
    fn sign(&self, message: &[u8]) -> Result<[u8; SIGNATURE_LENGTH], SignError> {
        let signature = self.0.try_sign(message).map_err(|_| SignError("the key refused the bytes".to_owned()))?;
        signature.as_ref().try_into().map_err(|_| SignError("the signature has a wrong length".to_owned()))
    }

    fn public_key(&self) -> VerifyingKey {
        self.verifying_key()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({:?})", self.verifying_key())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_vector_of_rfc_8032() {
        let seed: [u8; 32] = hex::decode("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60").unwrap().try_into().unwrap();
        let key = SigningKey::from_seed(&seed).unwrap();
        assert_eq!(hex::encode(key.verifying_key().raw()), "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
        let signature = key.sign(b"").unwrap();
        let expected = "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b";
        assert_eq!(hex::encode(signature), expected);
        key.public_key().verify(b"", &signature).unwrap();
        assert_eq!(key.public_key().verify(b"x", &signature), Err(WrongSignature));
        assert_eq!(key.public_key().verify(b"", &signature[..63]), Err(WrongSignature));
    }

    #[test]
    fn pem_and_back() {
        let key = SigningKey::generate().unwrap();
        let again = SigningKey::from_pem(&key.to_pem().unwrap()).unwrap();
        assert_eq!(again.verifying_key(), key.verifying_key());
        assert_eq!(VerifyingKey::from_pem(&key.verifying_key().to_pem()).unwrap(), key.verifying_key());
        assert_eq!(key.key_id().to_string().len(), 64);
        assert!(!format!("{key:?}").contains("PRIVATE"));
    }

    #[test]
    fn other_things_are_refused() {
        let key = SigningKey::generate().unwrap();
        assert!(matches!(VerifyingKey::from_pem(&key.to_pem().unwrap()), Err(KeyError::Pem { .. })));
        assert!(matches!(SigningKey::from_pem(&key.verifying_key().to_pem()), Err(KeyError::Pem { .. })));
        assert_eq!(VerifyingKey::from_pem(&pem::encode("PUBLIC KEY", &[0; 44], 64)), Err(KeyError::NotEd25519("public")));
        assert!(SigningKey::from_pem(&pem::encode("PRIVATE KEY", &[0; 48], 64)).is_err());
    }
}
