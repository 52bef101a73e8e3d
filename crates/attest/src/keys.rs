//! Keys of machines in any algorithm, and the trait behind which a key may also live elsewhere: a KMS, a token, Vault. The Ed25519 keys
//! of logs are in [`crate::SigningKey`], people's keys in [`crate::sshsig`]. Files and their permissions are the caller's.

use crate::{KeyId, KeyProvider, SIGNATURE_LENGTH, SignError, VerifyingKey};

mod cosign;
mod der;
mod private;
mod public;
mod secretbox;

pub use cosign::EncryptedKeyError;
pub use private::{KeyType, PrivateKey, PrivateKeyError};
pub use public::{PublicKey, PublicKeyError};

/// How bytes are signed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Algorithm {
    /// ECDSA on the curve P-256 over SHA-256; signatures are DER (FIPS 186-5, RFC 3279 section 2.2.3).
    EcdsaP256Sha256,
    /// Ed25519 over the bytes themselves (RFC 8032, not its pre-hashed variant); 64 bytes.
    Ed25519,
    /// RSA with PKCS#1 v1.5 padding over SHA-256 (RFC 8017, section 8.2); as long as the modulus.
    RsaPkcs1Sha256,
}

impl Algorithm {
    /// Its name for people.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Algorithm::EcdsaP256Sha256 => "ECDSA P-256",
            Algorithm::Ed25519 => "Ed25519",
            Algorithm::RsaPkcs1Sha256 => "RSA",
        }
    }
}

/// Somebody who signs, in any algorithm.
///
/// **What must hold:** [`Signer::public_key`] verifies what [`Signer::sign`] gives and has the same [`Signer::algorithm`]; asking for the
/// key changes nothing and does no work that can fail; errors hold nothing of a secret.
pub trait Signer: Send + Sync {
    /// How it signs.
    fn algorithm(&self) -> Algorithm {
        self.public_key().algorithm()
    }

    /// The signature over the whole message, which the signer hashes itself where its algorithm does.
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError>;

    /// The key that verifies what [`Signer::sign`] gives.
    fn public_key(&self) -> &PublicKey;

    /// Its name.
    fn key_id(&self) -> KeyId {
        self.public_key().id()
    }
}

/// A key that cannot sign for a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the key is {}, and logs are signed with Ed25519 alone", .0.as_str())]
pub struct NotForLogs(pub Algorithm);

/// A signer, wherever its key lies, as one that signs for logs. What it answers is checked before anybody sees it.
pub struct LogSigner {
    signer: Box<dyn Signer>,
    key: VerifyingKey,
}

impl LogSigner {
    /// The signer, if its algorithm is the one that logs know.
    pub fn new(signer: Box<dyn Signer>) -> Result<LogSigner, NotForLogs> {
        match signer.public_key().ed25519() {
            Some(key) => Ok(LogSigner { signer, key }),
            None => Err(NotForLogs(signer.algorithm())),
        }
    }
}

impl KeyProvider for LogSigner {
    fn sign(&self, message: &[u8]) -> Result<[u8; SIGNATURE_LENGTH], SignError> {
        let signature = self.signer.sign(message)?;
        let wrong = || SignError(format!("the signature does not belong to the public key of the signer ({:?})", self.key));
        self.key.verify(message, &signature).map_err(|_| wrong())?;
        signature.try_into().map_err(|_| wrong())
    }

    fn public_key(&self) -> VerifyingKey {
        self.key
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SigningKey;

    #[test]
    fn logs_are_signed_with_ed25519_alone_and_by_no_liar() {
        struct Liar(PrivateKey);
        impl Signer for Liar {
            fn sign(&self, _: &[u8]) -> Result<Vec<u8>, SignError> {
                self.0.sign(b"something else")
            }
            fn public_key(&self) -> &PublicKey {
                self.0.public_key()
            }
        }
        let key = || PrivateKey::from(SigningKey::from_seed(&[7; 32]).unwrap());
        let signer = LogSigner::new(Box::new(key())).unwrap();
        signer.public_key().verify(b"head", &signer.sign(b"head").unwrap()).unwrap();
        assert!(LogSigner::new(Box::new(Liar(key()))).unwrap().sign(b"head").is_err());
        let other = PrivateKey::generate(KeyType::EcdsaP256).unwrap();
        let refused = LogSigner::new(Box::new(other)).err().unwrap();
        assert_eq!(refused.to_string(), "the key is ECDSA P-256, and logs are signed with Ed25519 alone");
    }
}
