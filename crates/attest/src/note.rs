//! Signed notes (C2SP signed-note) and the checkpoints of logs written as such (C2SP tlog-checkpoint).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use probity_core::Digest;

use crate::{KeyProvider, SignError, VerifyingKey, sha256};

/// Signature type of plain Ed25519.
const ED25519: u8 = 0x01;
/// Longest note taken, in bytes.
const MAX_NOTE: usize = 256 * 1024;
/// Most signature lines taken; the specification asks for 16 at least.
const MAX_SIGNATURES: usize = 64;

/// A note that cannot be made or is not to be trusted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// A key name that is empty or holds a space, a control character or a plus sign.
    #[error("`{0}` is not a name for a key: it must have letters, but no spaces, control characters or `+`")]
    KeyName(String),
    /// Not a verifier key as `name+hash+key`.
    #[error("`{0}` is not a verifier key of the form name+hash+key")]
    VerifierKey(String),
    /// A text that no note may have: not ending in a line break, or with control characters.
    #[error("the text of a note must end in a line break and hold no other control characters")]
    Text,
    /// Not a note.
    #[error("not a signed note: {0}")]
    Format(&'static str),
    /// The name and number of a known key, with a signature that is not its own.
    #[error("the signature of `{0}` does not belong to this note")]
    WrongSignature(String),
    /// No known key signed it.
    #[error("the note is signed by none of the known keys")]
    UnknownKeys,
    /// The text is not that of a checkpoint.
    #[error("not a checkpoint: {0}")]
    Checkpoint(&'static str),
    /// The signer failed.
    #[error(transparent)]
    Sign(#[from] SignError),
}

/// A named public key: what a verifier of notes is configured with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    key: VerifyingKey,
}

impl VerifierKey {
    /// Joins a name and a key.
    pub fn new(name: &str, key: VerifyingKey) -> Result<VerifierKey, NoteError> {
        let fits = |letter: char| !letter.is_whitespace() && !letter.is_control() && letter != '+';
        if name.is_empty() || !name.chars().all(fits) {
            return Err(NoteError::KeyName(name.chars().take(80).collect()));
        }
        Ok(VerifierKey { name: name.to_owned(), key })
    }

    /// Reads `name+hash+key`, the text form that Go's `note` package uses. The hash has to fit.
    pub fn parse(text: &str) -> Result<VerifierKey, NoteError> {
        let wrong = || NoteError::VerifierKey(text.chars().take(80).collect());
        let (name, rest) = text.split_once('+').ok_or_else(wrong)?;
        let (_, key) = rest.split_once('+').ok_or_else(wrong)?;
        let bytes = STANDARD.decode(key).map_err(|_| wrong())?;
        let raw = bytes.strip_prefix(&[ED25519]).and_then(|raw| <[u8; 32]>::try_from(raw).ok()).ok_or_else(wrong)?;
        let parsed = VerifierKey::new(name, VerifyingKey::from_raw(raw))?;
        if parsed.to_string() == text { Ok(parsed) } else { Err(wrong()) }
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key.
    #[must_use]
    pub fn key(&self) -> VerifyingKey {
        self.key
    }

    /// The number that stands before signatures: the first 32 bits of SHA-256 over name and key.
    #[must_use]
    pub fn number(&self) -> u32 {
        let raw = self.key.raw();
        let digest = sha256(&[self.name.as_bytes(), b"\n", &[ED25519], raw.as_slice()].concat());
        let [a, b, c, d, ..] = digest.0;
        u32::from_be_bytes([a, b, c, d])
    }
}

impl std::fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let raw = self.key.raw();
        let key = STANDARD.encode([&[ED25519], raw.as_slice()].concat());
        write!(f, "{}+{:08x}+{key}", self.name, self.number())
    }
}

fn fit_text(text: &str) -> bool {
    text.ends_with('\n') && text.chars().all(|letter| letter == '\n' || letter >= ' ')
}

/// Signs a text with named keys.
pub fn sign(text: &str, signers: &[(&str, &dyn KeyProvider)]) -> Result<String, NoteError> {
    if !fit_text(text) {
        return Err(NoteError::Text);
    }
    let mut out = format!("{text}\n");
    for (name, signer) in signers {
        let verifier = VerifierKey::new(name, signer.public_key())?;
        let signature = signer.sign(text.as_bytes())?;
        let bytes = [verifier.number().to_be_bytes().as_slice(), signature.as_slice()].concat();
        out += &format!("— {name} {}\n", STANDARD.encode(bytes));
    }
    Ok(out)
}

/// The text of a note and, in their order, those of the given keys that signed it: at least one. Signatures of unknown keys say nothing;
/// a wrong one of a known key is refused.
pub fn open<'note, 'key>(note: &'note str, keys: &'key [VerifierKey]) -> Result<(&'note str, Vec<&'key VerifierKey>), NoteError> {
    let (text, lines) = split(note)?;
    let mut verified: Vec<&VerifierKey> = Vec::new();
    for line in lines {
        let (name, number, signature) = signature_line(line)?;
        let Some(key) = keys.iter().find(|key| key.name == name && key.number() == number) else { continue };
        key.key.verify(text.as_bytes(), &signature).map_err(|_| NoteError::WrongSignature(name.to_owned()))?;
        if !verified.contains(&key) {
            verified.push(key);
        }
    }
    if verified.is_empty() { Err(NoteError::UnknownKeys) } else { Ok((text, verified)) }
}

/// Text with its final line break, and the signature lines without theirs.
fn split(note: &str) -> Result<(&str, Vec<&str>), NoteError> {
    if note.len() > MAX_NOTE {
        return Err(NoteError::Format("it is too long"));
    }
    if !fit_text(note) {
        return Err(NoteError::Format("it does not end in a line break, or holds other control characters"));
    }
    let (text, signatures) = note.rsplit_once("\n\n").ok_or(NoteError::Format("no empty line before the signatures"))?;
    let text = note.get(..=text.len()).ok_or(NoteError::Format("no text"))?;
    let lines: Vec<&str> = signatures.lines().collect();
    if lines.is_empty() || lines.len() > MAX_SIGNATURES {
        return Err(NoteError::Format("no signature, or too many"));
    }
    Ok((text, lines))
}

fn signature_line(line: &str) -> Result<(&str, u32, Vec<u8>), NoteError> {
    let wrong = NoteError::Format("a line after the text is not a signature");
    let rest = line.strip_prefix("— ").ok_or_else(|| wrong.clone())?;
    let (name, packed) = rest.split_once(' ').ok_or_else(|| wrong.clone())?;
    let bytes = STANDARD.decode(packed).map_err(|_| wrong.clone())?;
    let (number, signature) = bytes.split_first_chunk::<4>().ok_or_else(|| wrong.clone())?;
    if name.is_empty() || signature.is_empty() {
        return Err(wrong);
    }
    Ok((name, u32::from_be_bytes(*number), signature.to_vec()))
}

/// The head of a log: how many entries, and the hash over them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Name of the log.
    pub origin: String,
    /// Entries in it.
    pub size: u64,
    /// RFC 6962 tree hash over them.
    pub root: Digest,
}

impl Checkpoint {
    /// The text that is signed. It has no extension lines.
    #[must_use]
    pub fn to_text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, STANDARD.encode(self.root.0))
    }

    /// Reads the text of a note. Extension lines are allowed and left aside, as the specification asks.
    pub fn parse(text: &str) -> Result<Checkpoint, NoteError> {
        let body = text.strip_suffix('\n').ok_or(NoteError::Checkpoint("the text does not end in a line break"))?;
        let mut lines = body.split('\n');
        let origin = lines.next().filter(|line| !line.is_empty()).ok_or(NoteError::Checkpoint("no origin"))?;
        let size = lines.next().and_then(parse_decimal).ok_or(NoteError::Checkpoint("no tree size"))?;
        let root = lines.next().and_then(|line| STANDARD.decode(line).ok()).and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
        let root = root.ok_or(NoteError::Checkpoint("no root hash"))?;
        if lines.any(str::is_empty) {
            return Err(NoteError::Checkpoint("an empty extension line"));
        }
        Ok(Checkpoint { origin: origin.to_owned(), size, root: Digest(root) })
    }

    /// Signs it under the name of its origin.
    pub fn sign(&self, key: &dyn KeyProvider) -> Result<String, NoteError> {
        if self.origin.chars().any(char::is_control) {
            return Err(NoteError::KeyName(self.origin.clone()));
        }
        sign(&self.to_text(), &[(&self.origin, key)])
    }

    /// Opens a note with the key of its log; the name of the key has to be the origin.
    pub fn open(note: &str, key: &VerifierKey) -> Result<Checkpoint, NoteError> {
        let (text, _) = open(note, std::slice::from_ref(key))?;
        let checkpoint = Checkpoint::parse(text)?;
        if checkpoint.origin == key.name { Ok(checkpoint) } else { Err(NoteError::Checkpoint("the origin is not the name of the key")) }
    }
}

/// A number in decimal digits without leading zeroes.
#[must_use]
pub fn parse_decimal(text: &str) -> Option<u64> {
    let canonical = text == "0" || (!text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit()));
    if canonical { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SigningKey;

    /// The example of Go's `golang.org/x/mod/sumdb/note` package documentation, made by that package.
    const GO_KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    const GO_NOTE: &str = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n\
                           — PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

    #[test]
    fn a_note_of_the_go_package_opens() {
        let key = VerifierKey::parse(GO_KEY).unwrap();
        let (text, by) = open(GO_NOTE, std::slice::from_ref(&key)).unwrap();
        assert!(text.ends_with("your problem is.\n"));
        assert_eq!(by, [&key]);
        assert_eq!(key.to_string(), GO_KEY);
    }

    #[test]
    fn several_signatures() {
        let (first, second) = (SigningKey::generate().unwrap(), SigningKey::generate().unwrap());
        let keys = [
            VerifierKey::new("a.example/log", first.verifying_key()).unwrap(),
            VerifierKey::new("b.example", second.verifying_key()).unwrap(),
        ];
        let note = sign("one\n\ntwo\n", &[("a.example/log", &first), ("b.example", &second)]).unwrap();
        let (text, by) = open(&note, &keys).unwrap();
        assert_eq!((text, by.len()), ("one\n\ntwo\n", 2));
        assert_eq!(open(&note, &keys[1..]).unwrap().1, [&keys[1]]);
        assert_eq!(open(&note, &[VerifierKey::new("c", first.verifying_key()).unwrap()]), Err(NoteError::UnknownKeys));
        assert!(matches!(open(&note.replace("two", "too"), &keys), Err(NoteError::WrongSignature(_))));
    }

    #[test]
    fn malformed_notes_are_refused() {
        let key = VerifierKey::parse(GO_KEY).unwrap();
        let check = |note: &str| assert!(open(note, std::slice::from_ref(&key)).is_err(), "{note}");
        check("");
        check("text\n");
        check("text\n\n");
        check(GO_NOTE.trim_end());
        check(&GO_NOTE.replace("— ", "- "));
        check(&GO_NOTE.replace(" x08go", "  x08go"));
        check(&GO_NOTE.replace("JnAM=", "JnAN="));
        check(&GO_NOTE.replace("\n\n", "\n\r\n"));
        check(&GO_NOTE.replace("If", "\tIf"));
        check(&(GO_NOTE.to_owned() + "— x\n"));
        for wrong in ["", "x", "x+1+2", &GO_KEY.replace("c74f", "c74e"), &GO_KEY.replace("PeterN", "Peter N")] {
            assert!(VerifierKey::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn checkpoints() {
        let key = SigningKey::generate().unwrap();
        let checkpoint = Checkpoint { origin: "example.com/log".into(), size: 20_852_163, root: sha256(b"x") };
        let note = checkpoint.sign(&key).unwrap();
        let verifier = VerifierKey::new("example.com/log", key.verifying_key()).unwrap();
        assert_eq!(Checkpoint::open(&note, &verifier).unwrap(), checkpoint);
        let other = VerifierKey::new("example.com/other", key.verifying_key()).unwrap();
        assert_eq!(Checkpoint::open(&note, &other), Err(NoteError::UnknownKeys));
        let text = checkpoint.to_text();
        assert_eq!(Checkpoint::parse(&(text.clone() + "extension\n")).unwrap(), checkpoint);
        let check = |wrong: &str| assert!(Checkpoint::parse(wrong).is_err(), "{wrong}");
        check("");
        check(&text.replace("2085", "02085"));
        check(&text.replace("2085", "+2085"));
        check(&text.replace("20852163", "99999999999999999999999"));
        check(&(text.clone() + "\n"));
        check(&text.replace("=", ""));
        check(text.trim_end());
        assert!(Checkpoint { origin: "a\nb".into(), ..checkpoint.clone() }.sign(&key).is_err());
        assert!(Checkpoint { origin: "a b".into(), ..checkpoint }.sign(&key).is_err());
    }
}
