//! Computing the digests that `core` only carries.

use aws_lc_rs::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY, SHA256, SHA512};
use probity_core::Digest;

/// SHA-256 of the bytes.
#[must_use]
pub fn sha256(bytes: &[u8]) -> Digest {
    // In one go: most of what is hashed is short.
    let mut out = [0_u8; 32];
    out.iter_mut().zip(aws_lc_rs::digest::digest(&SHA256, bytes).as_ref()).for_each(|(to, from)| *to = *from);
    Digest(out)
}

/// HMAC-SHA-256 of the bytes (RFC 2104).
#[must_use]
pub fn hmac_sha256(key: &[u8], bytes: &[u8]) -> Digest {
    let tag = aws_lc_rs::hmac::sign(&aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, key), bytes);
    let mut out = [0_u8; 32];
    out.iter_mut().zip(tag.as_ref()).for_each(|(to, from)| *to = *from);
    Digest(out)
}

/// The UUID of version 5 (RFC 9562) of a name in a space: an identifier of what it names, not a proof of it, for it is made of a SHA-1.
#[must_use]
pub fn uuid_v5(space: [u8; 16], name: &[u8]) -> String {
    let mut context = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
    context.update(&space);
    context.update(name);
    let digest = context.finish();
    let mut out = String::with_capacity(36);
    for (place, byte) in digest.as_ref().iter().take(16).enumerate() {
        let byte = match place {
            6 => (byte & 0x0f) | 0x50,
            8 => (byte & 0x3f) | 0x80,
            _ => *byte,
        };
        if matches!(place, 4 | 6 | 8 | 10) {
            out.push('-');
        }
        out.push_str(&format!("{byte:02x}"));
    }
    out
}

/// SHA-512 of the bytes, which only SSH signatures use.
pub(crate) fn sha512(bytes: &[u8]) -> Vec<u8> {
    aws_lc_rs::digest::digest(&SHA512, bytes).as_ref().to_vec()
}

/// SHA-256 of bytes that come in parts.
#[derive(Clone)]
pub struct Hasher(Context);

impl Hasher {
    /// Nothing hashed yet.
    #[must_use]
    pub fn new() -> Hasher {
        Hasher(Context::new(&SHA256))
    }

    /// Takes in the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest of everything taken in.
    #[must_use]
    pub fn finish(self) -> Digest {
        let mut out = [0_u8; 32];
        for (to, from) in out.iter_mut().zip(self.0.finish().as_ref()) {
            *to = *from;
        }
        Digest(out)
    }
}

impl Default for Hasher {
    fn default() -> Hasher {
        Hasher::new()
    }
}

impl std::fmt::Debug for Hasher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hasher")
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn hmac_is_that_of_rfc_4231() {
        // Test case 2.
        let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(super::hmac_sha256(b"Jefe", b"what do ya want for nothing?").to_string(), expected);
    }

    #[test]
    fn uuids_are_those_of_rfc_9562() {
        let dns = [0x6b, 0xa7, 0xb8, 0x10, 0x9d, 0xad, 0x11, 0xd1, 0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8];
        assert_eq!(super::uuid_v5(dns, b"www.example.com"), "2ed6657d-e927-568b-95e1-2665a8aea6a2");
    }

    use super::*;

    #[test]
    fn known_digests_whole_and_in_parts() {
        let check = |bytes: &[u8], expected: &str| {
            assert_eq!(sha256(bytes).to_string(), expected);
            let mut hasher = Hasher::default();
            bytes.chunks(2).for_each(|part| hasher.update(part));
            assert_eq!(hasher.finish().to_string(), expected);
        };
        check(b"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        check(b"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
