//! SSH signatures of people, as `ssh-keygen -Y sign` makes and `ssh-keygen -Y verify` checks them (OpenSSH's PROTOCOL.sshsig), and the
//! public keys they belong to. Private keys are in [`private`].

use std::fmt;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA512,
    RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};

use crate::digest::sha512;
use crate::ssh_wire::{Malformed, Reader, put_string};
use crate::{pem, sha256};

mod private;
pub use private::{PrivateKey, PrivateKeyError};

const MAGIC: &[u8] = b"SSHSIG";
const VERSION: u32 = 1;
const LABEL: &str = "SSH SIGNATURE";
/// Longest public key taken, in bytes; RSA with 16,384 bits has about 2,100.
const MAX_KEY: usize = 8 * 1024;
/// Flag of a security key: somebody touched it.
const USER_PRESENT: u8 = 0x01;

/// A key that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublicKeyError {
    /// Not `type base64 comment`.
    #[error("`{0}` is not an SSH public key of the form: type, key, comment")]
    Line(String),
    /// The line begins with options or a kind of key that is not supported.
    #[error("`{0}` is not a supported kind of SSH key; supported are {SUPPORTED}")]
    Kind(String),
    /// The bytes do not fit the kind.
    #[error("the bytes of the `{0}` key are damaged")]
    Damaged(String),
}

/// Why a signature does not count.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// Not an armoured SSH signature.
    #[error("not an SSH signature: {0}")]
    Format(String),
    /// The key inside it cannot be read.
    #[error("the signature's key cannot be used: {0}")]
    Key(PublicKeyError),
    /// Made for another purpose.
    #[error("the signature was made for `{found}`, not for `{expected}`")]
    Namespace {
        /// What was asked for.
        expected: String,
        /// What the signature says.
        found: String,
    },
    /// A hash or signature algorithm that is not supported or does not fit the key.
    #[error("the signature uses `{0}`, which is not supported with its key")]
    Algorithm(String),
    /// The security key signed without a touch.
    #[error("the security key signed without its user's presence")]
    NoPresence,
    /// The signature is not the key's over these bytes.
    #[error("the signature does not belong to these bytes")]
    Wrong,
    /// The key is none of those that may sign.
    #[error("it is signed by {0}, which is none of the known keys")]
    UnknownKey(String),
}

const SUPPORTED: &str =
    "ssh-ed25519, ecdsa-sha2-nistp256, ecdsa-sha2-nistp384, ssh-rsa, sk-ssh-ed25519@openssh.com, sk-ecdsa-sha2-nistp256@openssh.com";

/// Kinds of public keys.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum KeyKind {
    /// `ssh-ed25519`
    Ed25519,
    /// `ecdsa-sha2-nistp256`
    EcdsaP256,
    /// `ecdsa-sha2-nistp384`
    EcdsaP384,
    /// `ssh-rsa`, of 2,048 to 8,192 bits, with SHA-2 signatures
    Rsa,
    /// `sk-ssh-ed25519@openssh.com`: Ed25519 in a security key
    SkEd25519,
    /// `sk-ecdsa-sha2-nistp256@openssh.com`: ECDSA in a security key
    SkEcdsaP256,
}

impl KeyKind {
    const ALL: &'static [KeyKind] =
        &[KeyKind::Ed25519, KeyKind::EcdsaP256, KeyKind::EcdsaP384, KeyKind::Rsa, KeyKind::SkEd25519, KeyKind::SkEcdsaP256];

    /// The word that begins a public key line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            KeyKind::Ed25519 => "ssh-ed25519",
            KeyKind::EcdsaP256 => "ecdsa-sha2-nistp256",
            KeyKind::EcdsaP384 => "ecdsa-sha2-nistp384",
            KeyKind::Rsa => "ssh-rsa",
            KeyKind::SkEd25519 => "sk-ssh-ed25519@openssh.com",
            KeyKind::SkEcdsaP256 => "sk-ecdsa-sha2-nistp256@openssh.com",
        }
    }
}

#[derive(Clone, Debug)]
enum Material {
    /// The 32 bytes, and for a security key its application.
    Ed25519 { point: Vec<u8>, application: Option<Vec<u8>> },
    /// The uncompressed point.
    Ecdsa { point: Vec<u8>, application: Option<Vec<u8>> },
    /// Modulus and exponent, big-endian.
    Rsa { modulus: Vec<u8>, exponent: Vec<u8> },
}

/// A public key of a person.
#[derive(Clone, Debug)]
pub struct PublicKey {
    kind: KeyKind,
    blob: Vec<u8>,
    material: Material,
    comment: String,
}

impl PartialEq for PublicKey {
    /// Keys are the same when their bytes are; the comment says nothing.
    fn eq(&self, other: &PublicKey) -> bool {
        self.blob == other.blob
    }
}

impl Eq for PublicKey {}

impl PublicKey {
    /// Reads one line of an authorized-keys-like file: `ssh-ed25519 AAAA... comment`. Options before the key are refused rather than
    /// ignored, as they narrow what the key may do.
    pub fn parse(line: &str) -> Result<PublicKey, PublicKeyError> {
        let line = line.trim();
        let wrong = || PublicKeyError::Line(line.chars().take(80).collect());
        if line.len() > 2 * MAX_KEY || line.chars().any(char::is_control) {
            return Err(wrong());
        }
        let mut words = line.splitn(3, ' ');
        let word = words.next().unwrap_or("");
        let packed = words.next().filter(|packed| !packed.is_empty()).ok_or_else(wrong)?;
        let comment = words.next().unwrap_or("").trim();
        let kind = KeyKind::ALL.iter().find(|kind| kind.as_str() == word);
        let kind = kind.ok_or_else(|| PublicKeyError::Kind(word.chars().take(80).collect()))?;
        let blob = STANDARD.decode(packed).map_err(|_| wrong())?;
        let mut key = PublicKey::from_blob(&blob)?;
        if key.kind != *kind {
            return Err(PublicKeyError::Damaged(word.to_owned()));
        }
        comment.clone_into(&mut key.comment);
        Ok(key)
    }

    /// Reads the wire form.
    pub fn from_blob(blob: &[u8]) -> Result<PublicKey, PublicKeyError> {
        let mut reader = Reader(blob);
        let word = reader.text().map_err(|_| PublicKeyError::Damaged("SSH".to_owned()))?;
        let kind = *KeyKind::ALL
            .iter()
            .find(|kind| kind.as_str() == word)
            .ok_or_else(|| PublicKeyError::Kind(word.chars().take(80).filter(|letter| !letter.is_control()).collect()))?;
        let damaged = || PublicKeyError::Damaged(kind.as_str().to_owned());
        if blob.len() > MAX_KEY {
            return Err(damaged());
        }
        let material = read_material(kind, &mut reader).map_err(|_| damaged())?;
        Ok(PublicKey { kind, blob: blob.to_vec(), material, comment: String::new() })
    }

    /// What kind of key it is.
    #[must_use]
    pub fn kind(&self) -> KeyKind {
        self.kind
    }

    /// The wire form.
    #[must_use]
    pub fn blob(&self) -> &[u8] {
        &self.blob
    }

    /// What follows the key on its line; empty for none.
    #[must_use]
    pub fn comment(&self) -> &str {
        &self.comment
    }

    /// `SHA256:...`, as `ssh-keygen -l` shows it.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        format!("SHA256:{}", STANDARD_NO_PAD.encode(sha256(&self.blob).0))
    }

    fn check(&self, message: &[u8], signature: &[u8]) -> Result<(), SignatureError> {
        let format = |_: Malformed| SignatureError::Format("the inner signature is damaged".to_owned());
        let mut reader = Reader(signature);
        let algorithm = reader.text().map_err(format)?;
        let bytes = reader.string().map_err(format)?;
        let misfit = || SignatureError::Algorithm(algorithm.chars().take(80).filter(|letter| !letter.is_control()).collect());
        let fits = match self.kind {
            KeyKind::Rsa => matches!(algorithm, "rsa-sha2-256" | "rsa-sha2-512"),
            other => algorithm == other.as_str(),
        };
        if !fits {
            return Err(misfit());
        }
        let message = match &self.material {
            Material::Ed25519 { application: Some(application), .. } | Material::Ecdsa { application: Some(application), .. } => {
                let flags = reader.byte().map_err(format)?;
                let counter = reader.take(4).map_err(format)?;
                if flags & USER_PRESENT == 0 {
                    return Err(SignatureError::NoPresence);
                }
                [sha256(application).0.as_slice(), &[flags], counter, sha256(message).0.as_slice()].concat()
            }
            _ => message.to_vec(),
        };
        reader.end().map_err(format)?;
        let verify = |by: &'static dyn VerificationAlgorithm, key: &[u8], bytes: &[u8]| {
            UnparsedPublicKey::new(by, key).verify(&message, bytes).map_err(|_| SignatureError::Wrong)
        };
        match &self.material {
            Material::Ed25519 { point, .. } => verify(&ED25519, point, bytes),
            Material::Ecdsa { point, .. } if self.kind == KeyKind::EcdsaP384 => {
                verify(&ECDSA_P384_SHA384_FIXED, point, &fixed(bytes, 48).map_err(format)?)
            }
            Material::Ecdsa { point, .. } => verify(&ECDSA_P256_SHA256_FIXED, point, &fixed(bytes, 32).map_err(format)?),
            Material::Rsa { modulus, exponent } => {
                // Leading zeroes may be left out on the wire; the algorithm wants as many bytes as the modulus has.
                let padding = modulus.len().checked_sub(bytes.len()).ok_or(SignatureError::Wrong)?;
                let padded = [vec![0; padding].as_slice(), bytes].concat();
                let by = if algorithm == "rsa-sha2-256" { &RSA_PKCS1_2048_8192_SHA256 } else { &RSA_PKCS1_2048_8192_SHA512 };
                let key = RsaPublicKeyComponents { n: modulus, e: exponent };
                key.verify(by, &message, &padded).map_err(|_| SignatureError::Wrong)
            }
        }
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind.as_str(), STANDARD.encode(&self.blob))?;
        if self.comment.is_empty() { Ok(()) } else { write!(f, " {}", self.comment) }
    }
}

fn read_material(kind: KeyKind, reader: &mut Reader<'_>) -> Result<Material, Malformed> {
    let material = match kind {
        KeyKind::Ed25519 | KeyKind::SkEd25519 => {
            let point = reader.string()?.to_vec();
            if point.len() != 32 {
                return Err(Malformed);
            }
            let application = if kind == KeyKind::SkEd25519 { Some(reader.string()?.to_vec()) } else { None };
            Material::Ed25519 { point, application }
        }
        KeyKind::EcdsaP256 | KeyKind::EcdsaP384 | KeyKind::SkEcdsaP256 => {
            let (curve, length) = if kind == KeyKind::EcdsaP384 { ("nistp384", 97) } else { ("nistp256", 65) };
            if reader.text()? != curve {
                return Err(Malformed);
            }
            let point = reader.string()?.to_vec();
            if point.len() != length || point.first() != Some(&4) {
                return Err(Malformed);
            }
            let application = if kind == KeyKind::SkEcdsaP256 { Some(reader.string()?.to_vec()) } else { None };
            Material::Ecdsa { point, application }
        }
        KeyKind::Rsa => {
            let exponent = reader.positive()?.to_vec();
            let modulus = reader.positive()?.to_vec();
            Material::Rsa { modulus, exponent }
        }
    };
    reader.end()?;
    Ok(material)
}

/// `r` and `s` of an ECDSA signature side by side, each of `width` bytes.
fn fixed(bytes: &[u8], width: usize) -> Result<Vec<u8>, Malformed> {
    let mut reader = Reader(bytes);
    let mut out = Vec::with_capacity(2 * width);
    for _ in 0..2 {
        let number = reader.positive()?;
        let padding = width.checked_sub(number.len()).ok_or(Malformed)?;
        out.extend(std::iter::repeat_n(0_u8, padding));
        out.extend_from_slice(number);
    }
    reader.end()?;
    Ok(out)
}

/// A hash over the message that the signature is made of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum MessageHash {
    Sha256,
    Sha512,
}

impl MessageHash {
    const fn as_str(self) -> &'static str {
        match self {
            MessageHash::Sha256 => "sha256",
            MessageHash::Sha512 => "sha512",
        }
    }

    fn of(self, message: &[u8]) -> Vec<u8> {
        match self {
            MessageHash::Sha256 => sha256(message).0.to_vec(),
            MessageHash::Sha512 => sha512(message),
        }
    }
}

/// The bytes that the key signs.
fn signed_bytes(namespace: &str, hash: MessageHash, message: &[u8]) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    put_string(&mut out, namespace.as_bytes());
    put_string(&mut out, b"");
    put_string(&mut out, hash.as_str().as_bytes());
    put_string(&mut out, &hash.of(message));
    out
}

/// A signature as read; it says who claims to have signed. Only [`SshSignature::verify`] tells whether that is so.
#[derive(Clone, Debug)]
pub struct SshSignature {
    key: PublicKey,
    namespace: String,
    hash: MessageHash,
    signature: Vec<u8>,
}

impl SshSignature {
    /// Reads the armoured form.
    pub fn parse(armoured: &str) -> Result<SshSignature, SignatureError> {
        let format = |why: &str| SignatureError::Format(why.to_owned());
        let bytes = pem::decode(LABEL, armoured).map_err(|error| SignatureError::Format(error.to_string()))?;
        let mut reader = Reader(&bytes);
        let short = |_: Malformed| SignatureError::Format("its bytes are damaged".to_owned());
        if reader.take(MAGIC.len()).map_err(short)? != MAGIC {
            return Err(format("its bytes do not begin with SSHSIG"));
        }
        if reader.number().map_err(short)? != VERSION {
            return Err(format("it has another version than 1"));
        }
        let key = PublicKey::from_blob(reader.string().map_err(short)?).map_err(SignatureError::Key)?;
        let namespace = reader.text().map_err(short)?.to_owned();
        // The reserved field is part of what is signed; what its bytes mean is not defined, so only an empty one is understood.
        if !reader.string().map_err(short)?.is_empty() {
            return Err(format("its reserved field is not empty"));
        }
        let hash = match reader.text().map_err(short)? {
            "sha256" => MessageHash::Sha256,
            "sha512" => MessageHash::Sha512,
            other => return Err(SignatureError::Algorithm(other.chars().take(80).filter(|letter| !letter.is_control()).collect())),
        };
        let signature = reader.string().map_err(short)?.to_vec();
        reader.end().map_err(short)?;
        if namespace.is_empty() {
            return Err(format("its namespace is empty"));
        }
        Ok(SshSignature { key, namespace, hash, signature })
    }

    /// The key that claims to have signed.
    #[must_use]
    pub fn key(&self) -> &PublicKey {
        &self.key
    }

    /// Whether the key inside it signed these bytes for this namespace. Whose key it is, the caller has to know.
    pub fn verify(&self, message: &[u8], namespace: &str) -> Result<&PublicKey, SignatureError> {
        if self.namespace != namespace {
            let found = self.namespace.chars().take(80).filter(|letter| !letter.is_control()).collect();
            return Err(SignatureError::Namespace { expected: namespace.to_owned(), found });
        }
        self.key.check(&signed_bytes(namespace, self.hash, message), &self.signature)?;
        Ok(&self.key)
    }

    fn to_armoured(&self) -> String {
        let mut out = MAGIC.to_vec();
        out.extend_from_slice(&VERSION.to_be_bytes());
        put_string(&mut out, self.key.blob());
        put_string(&mut out, self.namespace.as_bytes());
        put_string(&mut out, b"");
        put_string(&mut out, self.hash.as_str().as_bytes());
        put_string(&mut out, &self.signature);
        pem::encode(LABEL, &out, 70)
    }
}

/// Verifies an armoured signature and gives the position, in `known`, of the key that made it.
pub fn verify(message: &[u8], armoured: &str, namespace: &str, known: &[PublicKey]) -> Result<usize, SignatureError> {
    let signature = SshSignature::parse(armoured)?;
    let key = signature.verify(message, namespace)?;
    known.iter().position(|each| each == key).ok_or_else(|| SignatureError::UnknownKey(key.fingerprint()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};

    const NAMESPACE: &str = "probity-exception";

    fn security_key_blob(kind: KeyKind, parts: &[&[u8]]) -> PublicKey {
        let mut blob = Vec::new();
        put_string(&mut blob, kind.as_str().as_bytes());
        parts.iter().for_each(|part| put_string(&mut blob, part));
        PublicKey::from_blob(&blob).unwrap()
    }

    fn inner(kind: KeyKind, bytes: &[u8], flags: u8, counter: u32) -> Vec<u8> {
        let mut out = Vec::new();
        put_string(&mut out, kind.as_str().as_bytes());
        put_string(&mut out, bytes);
        out.push(flags);
        out.extend_from_slice(&counter.to_be_bytes());
        out
    }

    fn what_a_security_key_signs(message: &[u8], flags: u8, counter: u32) -> Vec<u8> {
        let signed = signed_bytes(NAMESPACE, MessageHash::Sha512, message);
        [sha256(b"ssh:").0.as_slice(), &[flags], &counter.to_be_bytes(), sha256(&signed).0.as_slice()].concat()
    }

    fn outcome(key: &PublicKey, signature: Vec<u8>) -> Result<usize, SignatureError> {
        let whole = SshSignature { key: key.clone(), namespace: NAMESPACE.into(), hash: MessageHash::Sha512, signature };
        verify(b"message", &whole.to_armoured(), NAMESPACE, std::slice::from_ref(key))
    }

    #[test]
    fn security_keys_with_ed25519_need_presence() {
        let pair = Ed25519KeyPair::generate().unwrap();
        let key = security_key_blob(KeyKind::SkEd25519, &[pair.public_key().as_ref(), b"ssh:"]);
        let sign = |flags| inner(key.kind, pair.sign(&what_a_security_key_signs(b"message", flags, 7)).as_ref(), flags, 7);
        assert_eq!(outcome(&key, sign(1)), Ok(0));
        assert_eq!(outcome(&key, sign(5)), Ok(0));
        assert_eq!(outcome(&key, sign(0)), Err(SignatureError::NoPresence));
        assert_eq!(outcome(&key, sign(4)), Err(SignatureError::NoPresence));
        let mut other_counter = sign(1);
        *other_counter.last_mut().unwrap() = 8;
        assert_eq!(outcome(&key, other_counter), Err(SignatureError::Wrong));
    }

    #[test]
    fn security_keys_with_ecdsa_need_presence() {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let key = security_key_blob(KeyKind::SkEcdsaP256, &[b"nistp256", pair.public_key().as_ref(), b"ssh:"]);
        let sign = |flags| {
            let signature = pair.sign(&SystemRandom::new(), &what_a_security_key_signs(b"message", flags, 7)).unwrap();
            let mut numbers = Vec::new();
            for half in signature.as_ref().chunks(32) {
                let start = half.iter().position(|byte| *byte != 0).unwrap();
                let mut number = half[start..].to_vec();
                if number[0] & 0x80 != 0 {
                    number.insert(0, 0);
                }
                put_string(&mut numbers, &number);
            }
            inner(key.kind, &numbers, flags, 7)
        };
        for _ in 0..20 {
            assert_eq!(outcome(&key, sign(1)), Ok(0));
        }
        assert_eq!(outcome(&key, sign(0)), Err(SignatureError::NoPresence));
        let mut trailing = sign(1);
        trailing.push(0);
        assert!(matches!(outcome(&key, trailing), Err(SignatureError::Format(_))));
    }

    #[test]
    fn lines_that_are_refused() {
        let good = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        let check = |line: &str, ok: bool| assert_eq!(PublicKey::parse(line).is_ok(), ok, "{line}");
        check(good, true);
        check(&format!("  {good} Maria Rossi \n"), true);
        check("", false);
        check("ssh-ed25519", false);
        check(&good.replace("ssh-ed25519", "ssh-rsa"), false);
        check(&good.replace("ssh-ed25519", "ssh-dss"), false);
        check(&format!("no-pty {good}"), false);
        check(&format!("{good}AAAA"), false);
        check(good.trim_end_matches("AAAA"), false);
        check(&format!("{good} two\nlines"), false);
        assert_eq!(PublicKey::parse(&format!("{good} Maria Rossi")).unwrap().comment(), "Maria Rossi");
        assert_eq!(PublicKey::parse(good).unwrap().to_string(), good);
    }

    #[test]
    fn any_bytes_are_refused_without_harm() {
        let check = |bytes: &[u8]| assert!(SshSignature::parse(&pem::encode(LABEL, bytes, 70)).is_err(), "{bytes:?}");
        check(b"");
        check(b"SSHSIG");
        check(b"SSHSIG\0\0\0\x02");
        check(b"SSHSIG\0\0\0\x01\xff\xff\xff\xff");
        for text in ["", "-----BEGIN SSH SIGNATURE-----", "-----BEGIN SSH SIGNATURE----------END SSH SIGNATURE-----"] {
            assert!(SshSignature::parse(text).is_err());
        }
    }
}
