//! Digests as lock files pin them, and as bills of materials write them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Algorithms both formats know: name in small letters as lock files write it, CycloneDX's name, SPDX's name, digits.
const ALGORITHMS: &[(&str, &str, &str, usize)] = &[
    ("md5", "MD5", "MD5", 32),
    ("sha1", "SHA-1", "SHA1", 40),
    ("sha256", "SHA-256", "SHA256", 64),
    ("sha384", "SHA-384", "SHA384", 96),
    ("sha512", "SHA-512", "SHA512", 128),
    ("sha3-256", "SHA3-256", "SHA3-256", 64),
    ("sha3-384", "SHA3-384", "SHA3-384", 96),
    ("sha3-512", "SHA3-512", "SHA3-512", 128),
    ("blake2b-256", "BLAKE2b-256", "BLAKE2b-256", 64),
    ("blake2b-384", "BLAKE2b-384", "BLAKE2b-384", 96),
    ("blake2b-512", "BLAKE2b-512", "BLAKE2b-512", 128),
    ("blake3", "BLAKE3", "BLAKE3", 64),
];

/// A digest of a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Hash {
    /// Position in [`ALGORITHMS`].
    algorithm: usize,
    /// In small hexadecimal digits.
    pub(crate) digits: String,
}

impl Hash {
    pub(crate) fn cyclonedx(&self) -> &'static str {
        ALGORITHMS.get(self.algorithm).map_or("", |one| one.1)
    }

    pub(crate) fn spdx(&self) -> &'static str {
        ALGORITHMS.get(self.algorithm).map_or("", |one| one.2)
    }

    /// As lock files write it: `sha256:...`.
    pub(crate) fn written(&self) -> String {
        format!("{}:{}", ALGORITHMS.get(self.algorithm).map_or("", |one| one.0), self.digits)
    }
}

fn algorithm(name: &str) -> Option<usize> {
    ALGORITHMS
        .iter()
        .position(|one| one.0.eq_ignore_ascii_case(name) || one.1.eq_ignore_ascii_case(name) || one.2.eq_ignore_ascii_case(name))
}

/// A digest of an algorithm as either format names it; `None` where the algorithm is not known or the digits do not fit it.
pub(crate) fn hash(name: &str, digits: &str) -> Option<Hash> {
    let algorithm = algorithm(name)?;
    let (_, _, _, length) = ALGORITHMS.get(algorithm)?;
    let good = digits.len() == *length && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    good.then(|| Hash { algorithm, digits: digits.to_ascii_lowercase() })
}

/// The digests in one pin of a lock file: `sha256:...`, `sha512-<base64>` (more of them with spaces between), bare digits of SHA-256 and
/// SHA-512. Empty where it is no digest of the file itself, such as Go's `h1:`.
pub(crate) fn of_pin(pin: &str) -> Vec<Hash> {
    pin.split_ascii_whitespace().filter_map(of_word).collect()
}

fn of_word(word: &str) -> Option<Hash> {
    if let Some((name, digits)) = word.split_once([':', '=']).filter(|(name, _)| algorithm(name).is_some()) {
        return hash(name, digits);
    }
    if let Some((name, text)) = word.split_once('-').filter(|(name, _)| matches!(*name, "md5" | "sha1" | "sha256" | "sha384" | "sha512")) {
        let text = text.split('?').next().unwrap_or(text);
        return hash(name, &hex::encode(STANDARD.decode(text).ok()?));
    }
    match word.len() {
        64 => hash("sha256", word),
        128 => hash("sha512", word),
        _ => None,
    }
}

/// The digests of a package, each once, sorted; and whether their written forms are the pins themselves, in order.
pub(crate) fn of_pins<T: AsRef<str>>(pins: &[T]) -> (Vec<Hash>, bool) {
    let mut hashes: Vec<Hash> = pins.iter().flat_map(|pin| of_pin(pin.as_ref())).collect();
    hashes.sort();
    hashes.dedup();
    let same = hashes.len() == pins.len() && hashes.iter().zip(pins).all(|(hash, pin)| hash.written() == pin.as_ref());
    (hashes, same)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pins() {
        let check = |pin: &str, expected: &[&str]| {
            let written: Vec<String> = of_pin(pin).iter().map(|hash| format!("{} {}", hash.cyclonedx(), hash.digits)).collect();
            assert_eq!(written, expected, "{pin}");
        };
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        check(&format!("sha256:{empty}"), &[&format!("SHA-256 {empty}")]);
        check(&format!("sha256={}", empty.to_uppercase()), &[&format!("SHA-256 {empty}")]);
        check(empty, &[&format!("SHA-256 {empty}")]);
        check("sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", &[&format!("SHA-256 {empty}")]);
        check(
            "sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk= sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=?x",
            &["SHA-1 da39a3ee5e6b4b0d3255bfef95601890afd80709", &format!("SHA-256 {empty}")],
        );
        check("h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", &[]);
        check("10c0/abcdef", &[]);
        check("sha512-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", &[]);
        check("sha256:xyz", &[]);
        check("SHA3-256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", &[&format!("SHA3-256 {empty}")]);
        check("da39a3ee5e6b4b0d3255bfef95601890afd80709", &[]);
    }
}
