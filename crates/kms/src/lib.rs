//! Signing keys that lie elsewhere, by the names Cosign gives them: in a PKCS#11 token, AWS KMS, HashiCorp Vault,
//! Azure Key Vault or Google Cloud KMS. Each is an [`attest::keys::Signer`], so that
//! whoever signs does not know where.
//!
//! **Invariant:** nothing is loaded and nothing is sent before a key is named, and then only what that name says.
//! **Invariant:** a signature that comes from elsewhere is verified with the public key before anybody sees it.
//! **Invariant:** PINs, tokens and secrets are never in `Debug`, in an error or in what is shown; a PIN is tried once.
//!
//! [`attest::keys::Signer`]: probity_attest::keys::Signer
#![warn(clippy::indexing_slicing, clippy::string_slice)]

mod aws;
mod azure;
mod bearer;
mod ecdsa;
mod error;
mod google;
mod http;
mod key;
mod percent;
mod pkcs11;
mod reference;
mod renewed;
mod secret;
mod surroundings;
mod vault;

pub use aws::AwsName;
pub use azure::AzureName;
pub use error::KmsError;
pub use google::GoogleName;
pub use key::{KmsKey, public_key};
pub use pkcs11::Uri;
pub use reference::{Reference, ReferenceError};
pub use secret::Secret;
pub use surroundings::{Process, Surroundings};
pub use vault::VaultName;
