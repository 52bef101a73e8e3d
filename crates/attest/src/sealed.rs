//! Bytes under the key of a retention class: destroying the key erases them, wherever copies lie. Which keys there are and where they are
//! kept is the ledger's business.
//!
//! A sealed file is the line `probity.dev/sealed/v1`, the key's id (16 bytes), a nonce (12 bytes) and the AES-256-GCM-SIV ciphertext with
//! its tag (RFC 8452). The associated data are that line, the id, the SHA-256 of the plaintext and the name of the class.

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::rand::fill;
use probity_core::{Digest, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;
use zeroize::Zeroizing;

use crate::sha256;
use crate::statement::{Statement, StatementError, format_time, parse_time};

const MAGIC: &[u8] = b"probity.dev/sealed/v1\n";
const ID: usize = 16;
const NONCE: usize = 12;
const KEY: usize = 32;

/// Bytes that could not be sealed or opened. Nothing in it tells anything of key or plaintext.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The system gave no randomness.
    #[error("the system gave no randomness")]
    NoRandomness,
    /// Not a key of a class.
    #[error("not the key of a retention class")]
    NotAKey,
    /// Not a sealed file.
    #[error("not a sealed file")]
    NotSealed,
    /// Sealed by another key.
    #[error("sealed by another key")]
    OtherKey,
    /// Changed, or sealed for another class or another plaintext.
    #[error("the sealed file was changed, or is not what the record says")]
    Changed,
}

/// Name of a class key, made at random with it: a new key of an old name is another one. Shown as hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ClassKeyId([u8; ID]);

impl fmt::Display for ClassKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl std::str::FromStr for ClassKeyId {
    type Err = SealError;

    fn from_str(text: &str) -> Result<ClassKeyId, SealError> {
        hex::<ID>(text).map(ClassKeyId)
    }
}

fn hex<const N: usize>(text: &str) -> Result<[u8; N], SealError> {
    let mut out = [0_u8; N];
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != N || !rest.is_empty() {
        return Err(SealError::NotAKey);
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).filter(|_| !byte.is_ascii_uppercase()).and_then(|digit| u8::try_from(digit).ok());
    for (to, [high, low]) in out.iter_mut().zip(pairs) {
        *to = (digit(*high).ok_or(SealError::NotAKey)? << 4) | digit(*low).ok_or(SealError::NotAKey)?;
    }
    Ok(out)
}

/// The key of a retention class.
pub struct ClassKey {
    id: ClassKeyId,
    key: Zeroizing<[u8; KEY]>,
}

impl fmt::Debug for ClassKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClassKey({})", self.id)
    }
}

impl ClassKey {
    /// A new one, at random.
    pub fn generate() -> Result<ClassKey, SealError> {
        let (mut id, mut key) = ([0_u8; ID], Zeroizing::new([0_u8; KEY]));
        fill(&mut id).map_err(|_| SealError::NoRandomness)?;
        fill(key.as_mut()).map_err(|_| SealError::NoRandomness)?;
        Ok(ClassKey { id: ClassKeyId(id), key })
    }

    /// Its name.
    #[must_use]
    pub fn id(&self) -> ClassKeyId {
        self.id
    }

    /// Id and key as hexadecimal digits, on one line each.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(2 * (ID + KEY) + 2));
        let digits = |byte: u8| [byte >> 4, byte & 15].map(|digit| char::from_digit(u32::from(digit), 16).unwrap_or('0'));
        for part in [self.id.0.as_slice(), self.key.as_slice()] {
            part.iter().for_each(|byte| text.extend(digits(*byte)));
            text.push('\n');
        }
        text
    }

    /// Reads what [`ClassKey::to_text`] writes.
    pub fn parse(text: &str) -> Result<ClassKey, SealError> {
        let mut lines = text.strip_suffix('\n').ok_or(SealError::NotAKey)?.split('\n');
        let (Some(id), Some(key), None) = (lines.next(), lines.next(), lines.next()) else { return Err(SealError::NotAKey) };
        Ok(ClassKey { id: id.parse()?, key: Zeroizing::new(hex(key)?) })
    }

    fn cipher(&self) -> Result<LessSafeKey, SealError> {
        UnboundKey::new(&AES_256_GCM_SIV, self.key.as_slice()).map(LessSafeKey::new).map_err(|_| SealError::NotAKey)
    }

    fn associated(&self, class: &str, plaintext: &Digest) -> Aad<Vec<u8>> {
        Aad::from([MAGIC, self.id.0.as_slice(), plaintext.0.as_slice(), class.as_bytes()].concat())
    }

    /// The sealed file of a plaintext. The nonce is random; should one ever come twice, GCM-SIV gives away no more than whether the two
    /// plaintexts are the same.
    pub fn seal(&self, class: &str, plaintext: &[u8]) -> Result<Vec<u8>, SealError> {
        let mut nonce = [0_u8; NONCE];
        fill(&mut nonce).map_err(|_| SealError::NoRandomness)?;
        let mut out = Vec::with_capacity(plaintext.len());
        out.extend_from_slice(plaintext);
        let associated = self.associated(class, &sha256(plaintext));
        self.cipher()?
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), associated, &mut out)
            .map_err(|_| SealError::NotAKey)?;
        Ok([MAGIC, self.id.0.as_slice(), nonce.as_slice(), out.as_slice()].concat())
    }

    /// The plaintext of a sealed file; it is the one that the record names by this digest.
    pub fn open(&self, class: &str, plaintext: &Digest, sealed: &[u8]) -> Result<Vec<u8>, SealError> {
        let rest = sealed.strip_prefix(MAGIC).ok_or(SealError::NotSealed)?;
        let (id, rest) = rest.split_first_chunk::<ID>().ok_or(SealError::NotSealed)?;
        let (nonce, text) = rest.split_first_chunk::<NONCE>().ok_or(SealError::NotSealed)?;
        if *id != self.id.0 {
            return Err(SealError::OtherKey);
        }
        let mut text = text.to_vec();
        let associated = self.associated(class, plaintext);
        let opened = self.cipher()?.open_in_place(Nonce::assume_unique_for_key(*nonce), associated, &mut text);
        let length = opened.map_err(|_| SealError::Changed)?.len();
        text.truncate(length);
        // GCM-SIV does not bind a ciphertext to one key; the digest does.
        if sha256(&text) == *plaintext { Ok(text) } else { Err(SealError::Changed) }
    }
}

/// A stored file that is sealed: the record names its ciphertext among `probity.blobs` under the same name, and here what is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedBlob {
    /// Its name among the blobs.
    pub name: String,
    /// The retention class.
    pub class: String,
    /// The key of the class.
    pub key: ClassKeyId,
    /// SHA-256 of the plaintext.
    pub plaintext: Digest,
    /// Bytes of the plaintext.
    pub size: u64,
    /// When it was sealed, from which its retention is counted.
    pub time: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct SealedJson {
    name: String,
    class: String,
    key: String,
    plaintext: PlaintextJson,
    time: String,
}

#[derive(Serialize, Deserialize)]
struct PlaintextJson {
    sha256: String,
    size: u64,
}

impl SealedBlob {
    /// As it stands under `probity.sealed` of a predicate.
    pub fn to_json(&self) -> Result<Value, StatementError> {
        let json = SealedJson {
            name: self.name.clone(),
            class: self.class.clone(),
            key: self.key.to_string(),
            plaintext: PlaintextJson { sha256: self.plaintext.to_string(), size: self.size },
            time: format_time(self.time)?,
        };
        serde_json::to_value(json).map_err(|error| StatementError::Json(error.to_string()))
    }

    /// The sealed files of a statement; none for a statement of somebody else.
    pub fn of_statement(statement: &Statement) -> Result<Vec<SealedBlob>, StatementError> {
        let Some(list) = statement.predicate.get("probity").and_then(|ours| ours.get("sealed")) else { return Ok(Vec::new()) };
        SealedBlob::of_json(list)
    }

    pub(crate) fn of_json(list: &Value) -> Result<Vec<SealedBlob>, StatementError> {
        let wrong = |why: String| StatementError::Json(format!("`probity.sealed`: {why}"));
        let list: Vec<SealedJson> = Deserialize::deserialize(list).map_err(|error: serde_json::Error| wrong(error.to_string()))?;
        let each = list.into_iter().map(|one| {
            Ok(SealedBlob {
                key: one.key.parse().map_err(|error: SealError| wrong(error.to_string()))?,
                plaintext: one.plaintext.sha256.parse().map_err(|error: probity_core::ParseDigestError| wrong(error.to_string()))?,
                size: one.plaintext.size,
                time: parse_time(&one.time)?,
                name: one.name,
                class: one.class,
            })
        });
        each.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sealed_bytes_come_back_and_no_other() {
        let (key, other) = (ClassKey::generate().unwrap(), ClassKey::generate().unwrap());
        for plaintext in [&b""[..], b"a", &[7; 100_000]] {
            let digest = sha256(plaintext);
            let sealed = key.seal("logs", plaintext).unwrap();
            assert_ne!(sealed, key.seal("logs", plaintext).unwrap(), "every time another nonce");
            assert_eq!(key.open("logs", &digest, &sealed).unwrap(), plaintext);
            assert_eq!(key.open("log", &digest, &sealed), Err(SealError::Changed));
            assert_eq!(key.open("logs", &sha256(b"b"), &sealed), Err(SealError::Changed));
            assert_eq!(other.open("logs", &digest, &sealed), Err(SealError::OtherKey));
            // The other key under this one's name.
            let posing = ClassKey { id: key.id, key: other.key.clone() };
            assert_eq!(posing.open("logs", &digest, &sealed), Err(SealError::Changed));
            for at in (0..sealed.len()).step_by(sealed.len() / 60 + 1) {
                let mut changed = sealed.clone();
                changed[at] ^= 1;
                assert!(key.open("logs", &digest, &changed).is_err(), "{at}");
                assert!(key.open("logs", &digest, &sealed[..at]).is_err(), "{at}");
            }
        }
    }

    #[test]
    fn keys_are_written_and_read() {
        let key = ClassKey::generate().unwrap();
        let text = key.to_text();
        let read = ClassKey::parse(&text).unwrap();
        assert_eq!((read.id(), &read.key), (key.id(), &key.key));
        assert_eq!(key.id().to_string().parse(), Ok(key.id()));
        let (first, last) = (text.split_at(1).1, text.trim_end());
        for wrong in ["", "\n", first, last, &format!("{}x", &*text), &text.to_uppercase().replace('\n', "A\n")] {
            assert!(ClassKey::parse(wrong).is_err());
        }
        assert!(!format!("{key:?}").contains(text.lines().nth(1).unwrap()));
    }
}
