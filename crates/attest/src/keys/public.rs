//! Public keys in any algorithm: DER SubjectPublicKeyInfo and its PEM, in the one form that Go, OpenSSL and we write.

use std::fmt;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey, VerificationAlgorithm,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Algorithm;
use super::der::{BIT_STRING, INTEGER, Malformed, NULL, OBJECT_IDENTIFIER, Reader, SEQUENCE};
use crate::{KeyId, VerifyingKey, WrongSignature, pem, sha256};

const LABEL: &str = "PUBLIC KEY";

/// 1.2.840.10045.2.1
pub(super) const EC_PUBLIC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
/// 1.2.840.10045.3.1.7
pub(super) const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
/// 1.3.101.112
pub(super) const ID_ED25519: &[u8] = &[0x2b, 0x65, 0x70];
/// 1.2.840.113549.1.1.1
pub(super) const RSA_ENCRYPTION: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];

/// What stands before the point in a SubjectPublicKeyInfo of P-256 (RFC 5480).
const P256_PREFIX: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01,
    0x07, 0x03, 0x42, 0x00,
];
/// What stands before the 32 bytes in a SubjectPublicKeyInfo of Ed25519 (RFC 8410).
const ED25519_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
/// Sizes of RSA keys that count, in bits.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// Bytes that are not a public key that can be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublicKeyError {
    /// Not one PEM block of a public key.
    #[error("not a PEM `{LABEL}`: {0}")]
    Pem(String),
    /// Not a SubjectPublicKeyInfo, or one in a form that nobody writes.
    #[error("the bytes of the public key are damaged")]
    Damaged,
    /// A key of another algorithm.
    #[error("it is a public key for {0}; supported are ECDSA P-256, Ed25519 and RSA")]
    Algorithm(String),
    /// An RSA key that is too small to trust, or too large to work with.
    #[error("it is an RSA key of {0} bits; supported are 2048 to 8192")]
    RsaSize(usize),
}

impl From<Malformed> for PublicKeyError {
    fn from(_: Malformed) -> PublicKeyError {
        PublicKeyError::Damaged
    }
}

/// A public key.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey {
    algorithm: Algorithm,
    /// DER SubjectPublicKeyInfo.
    der: Vec<u8>,
    /// What its BIT STRING holds: the point, the 32 bytes, the DER RSAPublicKey.
    bits: Vec<u8>,
}

impl PublicKey {
    /// Reads a PEM `PUBLIC KEY` (SubjectPublicKeyInfo).
    pub fn from_pem(text: &str) -> Result<PublicKey, PublicKeyError> {
        PublicKey::from_der(&pem::decode(LABEL, text).map_err(|error| PublicKeyError::Pem(error.to_string()))?)
    }

    /// Reads a DER SubjectPublicKeyInfo (RFC 5280, section 4.1). Points are uncompressed, and every number has its one DER form, so that
    /// a key has one name.
    pub fn from_der(der: &[u8]) -> Result<PublicKey, PublicKeyError> {
        let mut outer = Reader(der);
        let mut info = outer.sequence()?;
        outer.end()?;
        let mut identifier = info.sequence()?;
        let kind = identifier.element(OBJECT_IDENTIFIER)?;
        let key = match info.element(BIT_STRING)? {
            [0, bits @ ..] => bits,
            _ => return Err(PublicKeyError::Damaged),
        };
        info.end()?;
        match kind {
            EC_PUBLIC_KEY => {
                let curve = identifier.element(OBJECT_IDENTIFIER)?;
                identifier.end()?;
                if curve == P256 { PublicKey::p256(key) } else { Err(PublicKeyError::Algorithm(curve_name(curve))) }
            }
            ID_ED25519 => {
                identifier.end()?;
                let raw = <[u8; 32]>::try_from(key).map_err(|_| PublicKeyError::Damaged)?;
                Ok(VerifyingKey::from_raw(raw).into())
            }
            RSA_ENCRYPTION => {
                if !identifier.element(NULL)?.is_empty() {
                    return Err(PublicKeyError::Damaged);
                }
                identifier.end()?;
                PublicKey::rsa(key)
            }
            other => Err(PublicKeyError::Algorithm(algorithm_name(other))),
        }
    }

    /// The P-256 key of an uncompressed point, 65 bytes (SEC 1, section 2.3.3): what tokens and JSON Web Keys hold.
    pub fn from_p256_point(point: &[u8]) -> Result<PublicKey, PublicKeyError> {
        PublicKey::p256(point)
    }

    /// The RSA key of a modulus and an exponent, most significant byte first; zeros in front of them do not count.
    pub fn from_rsa_numbers(modulus: &[u8], exponent: &[u8]) -> Result<PublicKey, PublicKeyError> {
        // The largest that counts, and a byte of zeros.
        if modulus.len() > RSA_BITS.end() / 8 + 1 || exponent.len() > 8 {
            return Err(PublicKeyError::Damaged);
        }
        PublicKey::rsa(&element(SEQUENCE, &[positive(modulus), positive(exponent)].concat()))
    }

    /// The key as one of Ed25519; `None` for those of other algorithms.
    #[must_use]
    pub fn ed25519(&self) -> Option<VerifyingKey> {
        let raw = (self.algorithm == Algorithm::Ed25519).then_some(self.bits.as_slice())?;
        raw.try_into().ok().map(VerifyingKey::from_raw)
    }

    /// The key of an uncompressed point.
    pub(super) fn p256(point: &[u8]) -> Result<PublicKey, PublicKeyError> {
        // That the point is on the curve is checked here, so that a key which was read is one that can verify.
        if point.len() != 65 || ParsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point).is_err() {
            return Err(PublicKeyError::Damaged);
        }
        let der = [P256_PREFIX.as_slice(), point].concat();
        Ok(PublicKey { algorithm: Algorithm::EcdsaP256Sha256, der, bits: point.to_vec() })
    }

    /// The key of a DER RSAPublicKey (RFC 8017, appendix A.1.1).
    pub(super) fn rsa(key: &[u8]) -> Result<PublicKey, PublicKeyError> {
        let mut outer = Reader(key);
        let mut numbers = outer.sequence()?;
        outer.end()?;
        let (modulus, exponent) = (numbers.positive()?, numbers.positive()?);
        numbers.end()?;
        let leading = modulus.first().map_or(0, |byte| byte.leading_zeros() as usize);
        let bits = modulus.len() * 8 - leading;
        if !RSA_BITS.contains(&bits) {
            return Err(PublicKeyError::RsaSize(bits));
        }
        if exponent.len() > 4 || ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key).is_err() {
            return Err(PublicKeyError::Damaged);
        }
        let kind = [element(OBJECT_IDENTIFIER, RSA_ENCRYPTION), element(NULL, &[])].concat();
        let packed = element(BIT_STRING, &[&[0], key].concat());
        let der = element(SEQUENCE, &[element(SEQUENCE, &kind), packed].concat());
        Ok(PublicKey { algorithm: Algorithm::RsaPkcs1Sha256, der, bits: key.to_vec() })
    }

    /// The algorithm that it verifies.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The key as a PEM `PUBLIC KEY`.
    #[must_use]
    pub fn to_pem(&self) -> String {
        pem::encode(LABEL, &self.der, 64)
    }

    /// The key as DER SubjectPublicKeyInfo.
    #[must_use]
    pub fn to_der(&self) -> &[u8] {
        &self.der
    }

    /// Its name.
    #[must_use]
    pub fn id(&self) -> KeyId {
        KeyId(sha256(&self.der))
    }

    /// How Sigstore bundles name it, as Cosign does: base64 of the SHA-256 of its DER SubjectPublicKeyInfo.
    #[must_use]
    pub fn hint(&self) -> String {
        STANDARD.encode(sha256(&self.der).0)
    }

    /// Bits of an RSA key's modulus; `None` for keys whose size is their algorithm's.
    #[must_use]
    pub fn rsa_bits(&self) -> Option<usize> {
        if self.algorithm != Algorithm::RsaPkcs1Sha256 {
            return None;
        }
        let modulus = Reader(&self.bits).sequence().and_then(|mut numbers| numbers.positive()).ok()?;
        Some(modulus.len() * 8 - modulus.first().map_or(0, |byte| byte.leading_zeros() as usize))
    }

    /// Whether the signature is this key's over these bytes.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), WrongSignature> {
        let by: &'static dyn VerificationAlgorithm = match self.algorithm {
            Algorithm::EcdsaP256Sha256 => &ECDSA_P256_SHA256_ASN1,
            Algorithm::Ed25519 => &ED25519,
            Algorithm::RsaPkcs1Sha256 => &RSA_PKCS1_2048_8192_SHA256,
        };
        UnparsedPublicKey::new(by, &self.bits).verify(message, signature).map_err(|_| WrongSignature)
    }
}

impl From<VerifyingKey> for PublicKey {
    fn from(key: VerifyingKey) -> PublicKey {
        let bits = key.raw().to_vec();
        PublicKey { algorithm: Algorithm::Ed25519, der: [ED25519_PREFIX.as_slice(), bits.as_slice()].concat(), bits }
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.rsa_bits() {
            Some(bits) => write!(f, "RSA {bits} {}", self.id()),
            None => write!(f, "{} {}", self.algorithm.as_str(), self.id()),
        }
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

/// A positive DER INTEGER.
fn positive(number: &[u8]) -> Vec<u8> {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    let number = number.get(zeros..).unwrap_or_default();
    let sign: &[u8] = if number.first().is_none_or(|byte| byte & 0x80 != 0) { &[0] } else { &[] };
    element(INTEGER, &[sign, number].concat())
}

/// One DER element. The contents are keys, which have fewer than 65,536 bytes.
fn element(tag: u8, contents: &[u8]) -> Vec<u8> {
    let [.., high, low] = contents.len().to_be_bytes();
    let head: &[u8] = match (high, low) {
        (0, 0..=0x7f) => &[tag, low],
        (0, _) => &[tag, 0x81, low],
        _ => &[tag, 0x82, high, low],
    };
    [head, contents].concat()
}

/// The name of a curve that is not supported.
pub(super) fn curve_name(identifier: &[u8]) -> String {
    match identifier {
        [0x2b, 0x81, 0x04, 0x00, 0x22] => "ECDSA P-384".to_owned(),
        [0x2b, 0x81, 0x04, 0x00, 0x23] => "ECDSA P-521".to_owned(),
        [0x2b, 0x81, 0x04, 0x00, 0x0a] => "ECDSA secp256k1".to_owned(),
        _ => "ECDSA on another curve".to_owned(),
    }
}

/// The name of an algorithm that is not supported.
pub(super) fn algorithm_name(identifier: &[u8]) -> String {
    match identifier {
        [0x2b, 0x65, 0x6e] => "X25519".to_owned(),
        [0x2b, 0x65, 0x71] => "Ed448".to_owned(),
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a] => "RSA-PSS".to_owned(),
        [0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, 0x11..=0x13] => "ML-DSA".to_owned(),
        _ => "another algorithm".to_owned(),
    }
}
