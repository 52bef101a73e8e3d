//! A key elsewhere as a signer.

use std::fmt;
use std::sync::Arc;

use probity_attest::SignError;
use probity_attest::keys::{PublicKey, Signer};

use crate::error::KmsError;
use crate::reference::Reference;
use crate::surroundings::Surroundings;
use crate::{aws, azure, google, pkcs11, vault};

/// Whoever makes signatures elsewhere. What it gives is checked by [`KmsKey`].
pub(crate) trait Backend: Send + Sync {
    /// The signature over the whole message, in the form that [`PublicKey::verify`] takes.
    fn sign(&self, message: &[u8], key: &PublicKey) -> Result<Vec<u8>, KmsError>;
}

/// A key that lies elsewhere and is ready to sign.
pub struct KmsKey {
    public: PublicKey,
    backend: Box<dyn Backend>,
}

impl KmsKey {
    /// Goes to where the key lies, signs in there, and fetches its public half.
    ///
    /// # Errors
    /// [`KmsError`] where it cannot be reached, used or found.
    pub fn open(reference: &Reference, surroundings: Arc<dyn Surroundings>) -> Result<KmsKey, KmsError> {
        let (public, backend): (PublicKey, Box<dyn Backend>) = match reference {
            Reference::Pkcs11(uri) => {
                let (public, token) = pkcs11::open(uri, &*surroundings)?;
                (public, Box::new(token))
            }
            Reference::Aws(name) => {
                let (public, aws) = aws::open(name, surroundings)?;
                (public, Box::new(aws))
            }
            Reference::Vault(name) => {
                let (public, vault) = vault::open(name, &surroundings)?;
                (public, Box::new(vault))
            }
            Reference::Azure(name) => {
                let (public, azure) = azure::open(name, surroundings)?;
                (public, Box::new(azure))
            }
            Reference::Google(name) => {
                let (public, google) = google::open(name, surroundings)?;
                (public, Box::new(google))
            }
        };
        Ok(KmsKey { public, backend })
    }

    /// The signature over the whole message, checked.
    ///
    /// # Errors
    /// [`KmsError`] where none is made, or one that does not belong to the key and the message.
    pub fn try_sign(&self, message: &[u8]) -> Result<Vec<u8>, KmsError> {
        let signature = self.backend.sign(message, &self.public)?;
        // INVARIANT: nobody sees a signature that was not verified.
        match self.public.verify(message, &signature) {
            Ok(()) => Ok(signature),
            Err(_) => Err(KmsError::WrongSignature(self.public.to_string())),
        }
    }
}

impl Signer for KmsKey {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        self.try_sign(message).map_err(|error| SignError(error.to_string()))
    }

    fn public_key(&self) -> &PublicKey {
        &self.public
    }
}

impl fmt::Debug for KmsKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KmsKey({})", self.public)
    }
}

/// The public half of a key that lies elsewhere. Nothing is asked for that only whoever signs needs: a token wants no PIN for it.
///
/// # Errors
/// [`KmsError`] where it cannot be reached or found.
pub fn public_key(reference: &Reference, surroundings: Arc<dyn Surroundings>) -> Result<PublicKey, KmsError> {
    match reference {
        Reference::Pkcs11(uri) => pkcs11::public_key(uri, &*surroundings),
        Reference::Aws(name) => aws::open(name, surroundings).map(|(public, _)| public),
        Reference::Vault(name) => vault::open(name, &surroundings).map(|(public, _)| public),
        Reference::Azure(name) => azure::open(name, surroundings).map(|(public, _)| public),
        Reference::Google(name) => google::open(name, surroundings).map(|(public, _)| public),
    }
}
