//! Private keys in memory, and the forms of text they are kept in. Nothing of a key is ever in `Debug` or in an error.

use std::fmt;

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256};
use zeroize::Zeroizing;

use super::Signer;
use super::cosign::{self, EncryptedKeyError};
use super::der::{INTEGER, Malformed, OBJECT_IDENTIFIER, OCTET_STRING, Reader};
use super::public::{self, EC_PUBLIC_KEY, ID_ED25519, P256, PublicKey, RSA_ENCRYPTION};
use crate::{KeyProvider as _, SignError, SigningKey, pem, sshsig};

const PKCS8: &str = "PRIVATE KEY";
const SEC1: &str = "EC PRIVATE KEY";
const PKCS1: &str = "RSA PRIVATE KEY";
const OPENSSH: &str = "OPENSSH PRIVATE KEY";
/// What `openssl ecparam -genkey` writes before the key; the key names its curve itself.
const PARAMETERS: &str = "EC PARAMETERS";
/// Bits of RSA keys that are signed with; what is larger only takes time.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=4096;

/// A private key that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PrivateKeyError {
    /// Not one PEM block.
    #[error("not a private key in PEM: {0}")]
    Pem(String),
    /// A block of another kind.
    #[error(
        "a PEM `{0}` is not a private key that is read here; read are {PKCS8}, {SEC1}, {PKCS1}, {OPENSSH}, {sigstore} and {cosign}",
        sigstore = cosign::SIGSTORE_LABEL,
        cosign = cosign::COSIGN_LABEL
    )]
    Label(String),
    /// Encrypted as OpenSSL does.
    #[error("the key is encrypted as OpenSSL does, which is not read here; `openssl pkey -in KEY` decrypts it")]
    OpenSsl,
    /// The bytes are no key, or its parts do not fit each other.
    #[error("the bytes of the {0} private key are damaged")]
    Damaged(&'static str),
    /// A key of another algorithm.
    #[error("it is a private key for {0}; supported are ECDSA P-256, Ed25519 and RSA")]
    Algorithm(String),
    /// An RSA key that is too small to trust, or too large to work with.
    #[error("it is an RSA key of {0} bits; supported are 2048 to 4096")]
    RsaSize(usize),
    /// A passphrase is needed.
    #[error("the key is protected with a passphrase")]
    NeedsPassphrase,
    /// The encrypted key stays closed.
    #[error(transparent)]
    Encrypted(#[from] EncryptedKeyError),
    /// An SSH key of another kind than Ed25519.
    #[error(
        "it is an SSH key of the kind `{0}`; of SSH keys only ssh-ed25519 is read here, `ssh-keygen -p -m PKCS8 -f COPY` rewrites others"
    )]
    SshKind(String),
    /// An SSH key that cannot be read.
    #[error(transparent)]
    Ssh(sshsig::PrivateKeyError),
    /// The system gave no randomness.
    #[error("the system gave no randomness to make a key of")]
    NoRandomness,
}

impl From<sshsig::PrivateKeyError> for PrivateKeyError {
    fn from(error: sshsig::PrivateKeyError) -> PrivateKeyError {
        match error {
            sshsig::PrivateKeyError::Kind(kind) => PrivateKeyError::SshKind(kind),
            sshsig::PrivateKeyError::NeedsPassphrase => PrivateKeyError::NeedsPassphrase,
            sshsig::PrivateKeyError::WrongPassphrase => EncryptedKeyError::WrongPassphrase.into(),
            other => PrivateKeyError::Ssh(other),
        }
    }
}

/// Kinds of keys that can be made.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum KeyType {
    /// ECDSA on P-256.
    EcdsaP256,
    /// Ed25519.
    Ed25519,
    /// RSA with 2,048 bits.
    Rsa2048,
    /// RSA with 3,072 bits.
    Rsa3072,
    /// RSA with 4,096 bits.
    Rsa4096,
}

impl KeyType {
    /// Every one, Cosign's default first.
    pub const ALL: &'static [KeyType] = &[KeyType::EcdsaP256, KeyType::Ed25519, KeyType::Rsa2048, KeyType::Rsa3072, KeyType::Rsa4096];

    /// Its name on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            KeyType::EcdsaP256 => "ecdsa-p256",
            KeyType::Ed25519 => "ed25519",
            KeyType::Rsa2048 => "rsa-2048",
            KeyType::Rsa3072 => "rsa-3072",
            KeyType::Rsa4096 => "rsa-4096",
        }
    }
}

enum Material {
    EcdsaP256(EcdsaKeyPair),
    Ed25519(SigningKey),
    Rsa(Box<RsaKeyPair>),
}

/// A private key in memory.
pub struct PrivateKey {
    material: Material,
    public: PublicKey,
}

impl PrivateKey {
    /// A new key of the system's randomness.
    pub fn generate(kind: KeyType) -> Result<PrivateKey, PrivateKeyError> {
        let rsa = |size: KeySize| {
            let pair = RsaKeyPair::generate(size).map_err(|_| PrivateKeyError::NoRandomness)?;
            PrivateKey::of_rsa(pair)
        };
        match kind {
            KeyType::EcdsaP256 => {
                let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).map_err(|_| PrivateKeyError::NoRandomness)?;
                PrivateKey::of_ecdsa(pair)
            }
            KeyType::Ed25519 => SigningKey::generate().map(PrivateKey::from).map_err(|_| PrivateKeyError::NoRandomness),
            KeyType::Rsa2048 => rsa(KeySize::Rsa2048),
            KeyType::Rsa3072 => rsa(KeySize::Rsa3072),
            KeyType::Rsa4096 => rsa(KeySize::Rsa4096),
        }
    }

    /// Reads the text of a key file, whatever form it has: PKCS#8, SEC1, PKCS#1, OpenSSH, Cosign's. A passphrase is ignored where the key
    /// has none, and [`PrivateKeyError::NeedsPassphrase`] says where it has one.
    pub fn parse(text: &str, passphrase: Option<&[u8]>) -> Result<PrivateKey, PrivateKeyError> {
        let text = without_parameters(text);
        let label = pem::label(text).ok_or_else(|| PrivateKeyError::Pem("it does not begin with `-----BEGIN `".to_owned()))?;
        let block = |label: &'static str| {
            if text.contains("Proc-Type:") {
                return Err(PrivateKeyError::OpenSsl);
            }
            pem::decode(label, text).map(Zeroizing::new).map_err(|error| PrivateKeyError::Pem(error.to_string()))
        };
        let encrypted = |label: &'static str| {
            let sealed = cosign::Sealed::parse(&block(label)?)?;
            PrivateKey::from_pkcs8(&sealed.open(passphrase.ok_or(PrivateKeyError::NeedsPassphrase)?)?)
        };
        match label {
            PKCS8 => PrivateKey::from_pkcs8(&block(PKCS8)?),
            SEC1 => PrivateKey::from_sec1(&block(SEC1)?),
            PKCS1 => PrivateKey::of_rsa(RsaKeyPair::from_der(&block(PKCS1)?).map_err(|_| PrivateKeyError::Damaged("RSA"))?),
            OPENSSH => Ok(sshsig::PrivateKey::parse(text, passphrase)?.into_key().into()),
            cosign::SIGSTORE_LABEL => encrypted(cosign::SIGSTORE_LABEL),
            cosign::COSIGN_LABEL => encrypted(cosign::COSIGN_LABEL),
            "ENCRYPTED PRIVATE KEY" => Err(PrivateKeyError::OpenSsl),
            other => Err(PrivateKeyError::Label(other.chars().take(40).filter(|letter| !letter.is_control()).collect())),
        }
    }

    /// Reads DER PKCS#8 (RFC 5958).
    pub fn from_pkcs8(der: &[u8]) -> Result<PrivateKey, PrivateKeyError> {
        let kind = pkcs8_kind(der).map_err(|_| PrivateKeyError::Damaged("PKCS#8"))?;
        match kind {
            (EC_PUBLIC_KEY, P256) => {
                let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, der);
                PrivateKey::of_ecdsa(pair.map_err(|_| PrivateKeyError::Damaged("ECDSA"))?)
            }
            (EC_PUBLIC_KEY, curve) => Err(PrivateKeyError::Algorithm(public::curve_name(curve))),
            (ID_ED25519, _) => SigningKey::from_pkcs8(der).map(PrivateKey::from).map_err(|_| PrivateKeyError::Damaged("Ed25519")),
            (RSA_ENCRYPTION, _) => PrivateKey::of_rsa(RsaKeyPair::from_pkcs8(der).map_err(|_| PrivateKeyError::Damaged("RSA"))?),
            (other, _) => Err(PrivateKeyError::Algorithm(public::algorithm_name(other))),
        }
    }

    /// Reads a DER ECPrivateKey (RFC 5915).
    fn from_sec1(der: &[u8]) -> Result<PrivateKey, PrivateKeyError> {
        if let Ok(Some(curve)) = sec1_curve(der)
            && curve != P256
        {
            return Err(PrivateKeyError::Algorithm(public::curve_name(curve)));
        }
        let pair = EcdsaKeyPair::from_private_key_der(&ECDSA_P256_SHA256_ASN1_SIGNING, der);
        PrivateKey::of_ecdsa(pair.map_err(|_| PrivateKeyError::Damaged("ECDSA"))?)
    }

    fn of_ecdsa(pair: EcdsaKeyPair) -> Result<PrivateKey, PrivateKeyError> {
        let public = PublicKey::p256(pair.public_key().as_ref()).map_err(|_| PrivateKeyError::Damaged("ECDSA"))?;
        Ok(PrivateKey { material: Material::EcdsaP256(pair), public })
    }

    fn of_rsa(pair: RsaKeyPair) -> Result<PrivateKey, PrivateKeyError> {
        let public = PublicKey::rsa(pair.public_key().as_ref()).map_err(|error| match error {
            public::PublicKeyError::RsaSize(bits) => PrivateKeyError::RsaSize(bits),
            _ => PrivateKeyError::Damaged("RSA"),
        })?;
        match public.rsa_bits() {
            Some(bits) if RSA_BITS.contains(&bits) => Ok(PrivateKey { material: Material::Rsa(Box::new(pair)), public }),
            bits => Err(PrivateKeyError::RsaSize(bits.unwrap_or_default())),
        }
    }

    /// The key as DER PKCS#8, version 1.
    fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, PrivateKeyError> {
        let damaged = |_| PrivateKeyError::Damaged(self.public.algorithm().as_str());
        match &self.material {
            Material::EcdsaP256(pair) => pair.to_pkcs8v1().map(|document| Zeroizing::new(document.as_ref().to_vec())).map_err(damaged),
            Material::Ed25519(key) => key.to_pkcs8().map_err(|_| PrivateKeyError::Damaged("Ed25519")),
            Material::Rsa(pair) => pair.as_der().map(|document| Zeroizing::new(document.as_ref().to_vec())).map_err(damaged),
        }
    }

    /// The key as an unencrypted PEM `PRIVATE KEY` (PKCS#8). Write it only where nobody else can read it.
    pub fn to_pem(&self) -> Result<Zeroizing<String>, PrivateKeyError> {
        Ok(Zeroizing::new(pem::encode(PKCS8, &self.to_pkcs8()?, 64)))
    }

    /// The key under a passphrase, as Cosign writes it: PEM `ENCRYPTED SIGSTORE PRIVATE KEY`. It takes 64 MiB and a moment, on purpose.
    pub fn to_encrypted_pem(&self, passphrase: &[u8]) -> Result<String, PrivateKeyError> {
        Ok(cosign::seal(&self.to_pkcs8()?, passphrase)?)
    }
}

impl From<SigningKey> for PrivateKey {
    fn from(key: SigningKey) -> PrivateKey {
        let public = key.verifying_key().into();
        PrivateKey { material: Material::Ed25519(key), public }
    }
}

impl Signer for PrivateKey {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        let refused = |_| SignError("the key refused the bytes".to_owned());
        match &self.material {
            Material::EcdsaP256(pair) => {
                pair.sign(&SystemRandom::new(), message).map(|signature| signature.as_ref().to_vec()).map_err(refused)
            }
            Material::Ed25519(key) => key.sign(message).map(|signature| signature.to_vec()),
            Material::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature).map_err(refused)?;
                Ok(signature)
            }
        }
    }

    fn public_key(&self) -> &PublicKey {
        &self.public
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey({})", self.public)
    }
}

/// The text after a block of parameters, where it begins with one.
fn without_parameters(text: &str) -> &str {
    if pem::label(text) != Some(PARAMETERS) {
        return text;
    }
    text.split_once("-----END EC PARAMETERS-----").map_or(text, |(_, rest)| rest)
}

/// The algorithm of a PKCS#8 key, and its curve where it has one.
fn pkcs8_kind(der: &[u8]) -> Result<(&[u8], &[u8]), Malformed> {
    let mut outer = Reader(der);
    let mut info = outer.sequence()?;
    outer.end()?;
    info.element(INTEGER)?;
    let mut identifier = info.sequence()?;
    let kind = identifier.element(OBJECT_IDENTIFIER)?;
    let curve = if kind == EC_PUBLIC_KEY { identifier.element(OBJECT_IDENTIFIER)? } else { &[] };
    info.element(OCTET_STRING)?;
    Ok((kind, curve))
}

/// The curve of a SEC1 key, where it names one.
fn sec1_curve(der: &[u8]) -> Result<Option<&[u8]>, Malformed> {
    /// Tag of the explicit field 0.
    const FIELD_0: u8 = 0xa0;
    let mut outer = Reader(der);
    let mut key = outer.sequence()?;
    outer.end()?;
    key.element(INTEGER)?;
    key.element(OCTET_STRING)?;
    match key.element(FIELD_0) {
        Ok(field) => Reader(field).element(OBJECT_IDENTIFIER).map(Some),
        Err(Malformed) => Ok(None),
    }
}
