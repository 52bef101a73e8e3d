//! Receipts: proofs that a record is in a log, as `c2sp.org/tlog-proof@v1` text that can be checked with no log at hand.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use probity_attest::note::{Checkpoint, NoteError, VerifierKey, parse_decimal};
use probity_attest::sha256;
use probity_core::Digest;

use crate::merkle;

const FIRST_LINE: &str = "c2sp.org/tlog-proof@v1";
/// Longest text taken, in bytes.
const MAX_TEXT: usize = 256 * 1024;
/// Hashes on the longest way through a tree of 2^64 entries.
const MAX_PATH: usize = 64;

/// A receipt that cannot be read or does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// Not the text of a proof.
    #[error("not a receipt: {0}")]
    Format(&'static str),
    /// The checkpoint in it is not the log's.
    #[error("the checkpoint in the receipt is not to be trusted: {0}")]
    Checkpoint(NoteError),
    /// The record is not the one at that place in that tree.
    #[error("the receipt does not prove that the record is entry {0} of the log")]
    NotIncluded(u64),
}

/// The text form, as read: nothing in it is verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlogProof {
    /// Bytes for the application, not authenticated by anything.
    pub extra: Option<Vec<u8>>,
    /// Position of the entry.
    pub index: u64,
    /// The way from the leaf to the root.
    pub path: Vec<Digest>,
    /// The signed checkpoint.
    pub note: String,
}

impl TlogProof {
    /// Reads the text.
    pub fn parse(text: &str) -> Result<TlogProof, ReceiptError> {
        let wrong = ReceiptError::Format;
        if text.len() > MAX_TEXT {
            return Err(wrong("it is too long"));
        }
        let (head, note) = text.split_once("\n\n").ok_or(wrong("no empty line before the checkpoint"))?;
        let mut lines = head.split('\n').peekable();
        if lines.next() != Some(FIRST_LINE) {
            return Err(wrong("the first line is not `c2sp.org/tlog-proof@v1`"));
        }
        let extra = lines.next_if(|line| line.starts_with("extra ")).and_then(|line| line.strip_prefix("extra "));
        let extra = extra.map(|packed| STANDARD.decode(packed)).transpose().map_err(|_| wrong("the extra data is not base64"))?;
        let index = lines.next().and_then(|line| line.strip_prefix("index ")).and_then(parse_decimal).ok_or(wrong("no index"))?;
        let mut path = Vec::new();
        for line in lines {
            let bytes = STANDARD.decode(line).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
            path.push(Digest(bytes.ok_or(wrong("a line of the path is not a hash"))?));
            if path.len() > MAX_PATH {
                return Err(wrong("the path is too long"));
            }
        }
        Ok(TlogProof { extra, index, path, note: note.to_owned() })
    }

    /// The text.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut out = format!("{FIRST_LINE}\n");
        if let Some(extra) = &self.extra {
            out += &format!("extra {}\n", STANDARD.encode(extra));
        }
        out += &format!("index {}\n", self.index);
        for hash in &self.path {
            out += &format!("{}\n", STANDARD.encode(hash.0));
        }
        out + "\n" + &self.note
    }

    /// The checkpoint in it, if this key signed it.
    pub fn checkpoint(&self, key: &VerifierKey) -> Result<Checkpoint, ReceiptError> {
        Checkpoint::open(&self.note, key).map_err(ReceiptError::Checkpoint)
    }

    /// Whether it proves that these bytes are in the log of this key; gives the checkpoint that says so.
    pub fn verify(&self, record: &[u8], key: &VerifierKey) -> Result<Checkpoint, ReceiptError> {
        let checkpoint = self.checkpoint(key)?;
        let leaf = merkle::leaf_hash(record);
        if merkle::verify_inclusion(&leaf, self.index, checkpoint.size, &self.path, &checkpoint.root) {
            Ok(checkpoint)
        } else {
            Err(ReceiptError::NotIncluded(self.index))
        }
    }
}

/// What an append gives back: where the record is, and the proof of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// SHA-256 of the record's bytes.
    pub record: Digest,
    /// Position in the log.
    pub index: u64,
    /// The head that holds it.
    pub checkpoint: Checkpoint,
    /// The same with the proof; write [`TlogProof::to_text`] to a file `*.tlog-proof`.
    pub proof: TlogProof,
}

impl Receipt {
    pub(crate) fn new(record: &[u8], index: u64, path: Vec<Digest>, checkpoint: Checkpoint, note: &str) -> Receipt {
        let proof = TlogProof { extra: None, index, path, note: note.to_owned() };
        Receipt { record: sha256(record), index, checkpoint, proof }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use probity_attest::SigningKey;

    fn made(count: u64, index: u64) -> (TlogProof, VerifierKey) {
        let key = SigningKey::generate().unwrap();
        let leaves: Vec<Digest> = (0..count).map(|number| merkle::leaf_hash(&number.to_be_bytes())).collect();
        let note = Checkpoint { origin: "example.com/log".into(), size: count, root: merkle::root(&leaves) }.sign(&key).unwrap();
        let path = merkle::inclusion_proof(&merkle::Leaves(&leaves), index, count).unwrap().unwrap();
        (TlogProof { extra: None, index, path, note }, VerifierKey::new("example.com/log", key.verifying_key()).unwrap())
    }

    #[test]
    fn text_and_back() {
        for (count, index) in [(1, 0), (2, 1), (300, 299), (7, 3)] {
            let (mut proof, key) = made(count, index);
            proof.verify(&index.to_be_bytes(), &key).unwrap();
            assert_eq!(TlogProof::parse(&proof.to_text()).unwrap(), proof);
            proof.extra = Some(b"more".to_vec());
            assert_eq!(TlogProof::parse(&proof.to_text()).unwrap(), proof);
            assert_eq!(proof.verify(b"other", &key), Err(ReceiptError::NotIncluded(index)));
        }
    }

    #[test]
    fn every_changed_letter_is_refused() {
        let (proof, key) = made(7, 3);
        let text = proof.to_text();
        for (position, byte) in text.bytes().enumerate() {
            for bit in 0..8 {
                let mut bytes = text.clone().into_bytes();
                bytes[position] = byte ^ (1 << bit);
                let Ok(changed) = String::from_utf8(bytes) else { continue };
                let held = TlogProof::parse(&changed).and_then(|proof| proof.verify(&3_u64.to_be_bytes(), &key));
                assert!(held.is_err(), "bit {bit} of letter {position}: {changed}");
            }
        }
    }

    #[test]
    fn other_texts_are_refused() {
        let (proof, _) = made(2, 1);
        let text = proof.to_text();
        let check = |wrong: &str| assert!(TlogProof::parse(wrong).is_err(), "{wrong}");
        check("");
        check("c2sp.org/tlog-proof@v1\n\n");
        check(&text.replace("v1\n", "v2\n"));
        check(&text.replace("index 1", "index 01"));
        check(&text.replace("index 1", "index -1"));
        check(&text.replace("index 1\n", ""));
        check(&text.replace("index 1\n", "extra ?\nindex 1\n"));
        check(&text.replace("index 1\n", &format!("index 1\n{}", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n".repeat(65))));
    }
}
