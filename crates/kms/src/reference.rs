//! How keys elsewhere are named: as Cosign names them.

use std::fmt;

use crate::aws::AwsName;
use crate::azure::AzureName;
use crate::google::GoogleName;
use crate::pkcs11::Uri;
use crate::vault::VaultName;

/// Longest name of a key, in bytes.
const LONGEST: usize = 4096;

/// The name of a key that lies elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reference {
    /// In a PKCS#11 token: `pkcs11:token=..;object=..?module-path=..` (RFC 7512).
    Pkcs11(Uri),
    /// In AWS KMS: `awskms://ENDPOINT/KEY`, where the endpoint may be left away.
    Aws(AwsName),
    /// In the transit engine of HashiCorp Vault: `hashivault://NAME`.
    Vault(VaultName),
    /// In Azure Key Vault: `azurekms://HOST/NAME/VERSION`, where the version may be left away.
    Azure(AzureName),
    /// In Google Cloud KMS: `gcpkms://projects/..`.
    Google(GoogleName),
}

/// A text that names no key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct ReferenceError {
    /// What is wrong with it. It holds no value of the text, since one may be a PIN.
    pub why: String,
}

impl ReferenceError {
    pub(crate) fn new(why: impl Into<String>) -> ReferenceError {
        ReferenceError { why: why.into() }
    }
}

impl Reference {
    /// What begins such a name, and where its keys lie.
    pub const SCHEMES: &[(&str, &str)] = &[
        ("awskms://", "AWS KMS"),
        ("azurekms://", "Azure Key Vault"),
        ("gcpkms://", "Google Cloud KMS"),
        ("hashivault://", "HashiCorp Vault"),
        ("pkcs11:", "a PKCS#11 token"),
    ];

    /// Whether a text is meant to name a key elsewhere.
    #[must_use]
    pub fn is_meant(text: &str) -> bool {
        Reference::SCHEMES.iter().any(|(scheme, _)| text.starts_with(scheme))
    }

    /// Reads such a name.
    ///
    /// # Errors
    /// [`ReferenceError`] for what is none, is incomplete, or says what is not understood.
    pub fn parse(text: &str) -> Result<Reference, ReferenceError> {
        if text.len() > LONGEST {
            return Err(ReferenceError::new(format!("it has more than {LONGEST} bytes")));
        }
        match text.split(':').next() {
            Some("pkcs11") => Uri::parse(text).map(Reference::Pkcs11),
            Some("awskms") => AwsName::parse(text).map(Reference::Aws),
            Some("hashivault") => VaultName::parse(text).map(Reference::Vault),
            Some("azurekms") => AzureName::parse(text).map(Reference::Azure),
            Some("gcpkms") => GoogleName::parse(text).map(Reference::Google),
            _ => Err(ReferenceError::new("it does not begin as the name of a key elsewhere does")),
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reference::Pkcs11(uri) => uri.fmt(f),
            Reference::Aws(name) => name.fmt(f),
            Reference::Vault(name) => name.fmt(f),
            Reference::Azure(name) => name.fmt(f),
            Reference::Google(name) => name.fmt(f),
        }
    }
}
