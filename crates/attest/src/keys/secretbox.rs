//! NaCl's secretbox: XSalsa20 and Poly1305 as `crypto_secretbox` puts them together. The two algorithms are libraries'; the crate that
//! joins them has no release that fits their present versions.

use poly1305::Poly1305;
use poly1305::universal_hash::KeyInit as _;
use salsa20::XSalsa20;
use salsa20::cipher::{KeyIvInit as _, StreamCipher as _, StreamCipherError};
use zeroize::Zeroizing;

pub(super) const KEY: usize = 32;
pub(super) const NONCE: usize = 24;
const TAG: usize = 16;

/// The stream, and the one-time key of the tag, which is its first 32 bytes.
fn start(key: &[u8; KEY], nonce: &[u8; NONCE]) -> Result<(XSalsa20, Poly1305), StreamCipherError> {
    let mut stream = XSalsa20::new(key.into(), nonce.into());
    let mut one_time = Zeroizing::new([0_u8; 32]);
    stream.try_apply_keystream(one_time.as_mut_slice())?;
    let tag = Poly1305::new((&*one_time).into());
    Ok((stream, tag))
}

/// Tag and ciphertext; `None` only for messages longer than the stream.
pub(super) fn seal(message: &[u8], nonce: &[u8; NONCE], key: &[u8; KEY]) -> Option<Vec<u8>> {
    let (mut stream, tag) = start(key, nonce).ok()?;
    let mut sealed = message.to_vec();
    stream.try_apply_keystream(&mut sealed).ok()?;
    let tag = tag.compute_unpadded(&sealed);
    Some([tag.as_slice(), &sealed].concat())
}

/// The message, if tag, nonce and key belong to it.
pub(super) fn open(boxed: &[u8], nonce: &[u8; NONCE], key: &[u8; KEY]) -> Option<Zeroizing<Vec<u8>>> {
    let (given, sealed) = boxed.split_at_checked(TAG)?;
    let (mut stream, tag) = start(key, nonce).ok()?;
    aws_lc_rs::constant_time::verify_slices_are_equal(tag.compute_unpadded(sealed).as_slice(), given).ok()?;
    let mut message = Zeroizing::new(sealed.to_vec());
    stream.try_apply_keystream(&mut message).ok()?;
    Some(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `tests/secretbox.c` of NaCl.
    #[test]
    fn the_vector_of_nacl() {
        let unhex = |text: &str| hex::decode(text).unwrap();
        let key: [u8; KEY] = unhex("1b27556473e985d462cd51197a9a46c76009549eac6474f206c4ee0844f68389").try_into().unwrap();
        let nonce: [u8; NONCE] = unhex("69696ee955b62b73cd62bda875fc73d68219e0036b7a0b37").try_into().unwrap();
        let message = unhex(
            "be075fc53c81f2d5cf141316ebeb0c7b5228c52a4c62cbd44b66849b64244ffce5ecbaaf33bd751a1ac728d45e6c61296cdc3c01233561f41db66cce314adb310e3be8250c46f06dceea3a7fa1348057e2f6556ad6b1318a024a838f21af1fde048977eb48f59ffd4924ca1c60902e52f0a089bc76897040e082f937763848645e0705",
        );
        let sealed = seal(&message, &nonce, &key).unwrap();
        assert_eq!(
            hex::encode(&sealed),
            "f3ffc7703f9400e52a7dfb4b3d3305d98e993b9f48681273c29650ba32fc76ce48332ea7164d96a4476fb8c531a1186ac0dfc17c98dce87b4da7f011ec48c97271d2c20f9b928fe2270d6fb863d51738b48eeee314a7cc8ab932164548e526ae90224368517acfeabd6bb3732bc0e9da99832b61ca01b6de56244a9e88d5f9b37973f622a43d14a6599b1f654cb45a74e355a5"
        );
        assert_eq!(open(&sealed, &nonce, &key).unwrap().as_slice(), message);
        for index in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[index] ^= 1;
            assert!(open(&changed, &nonce, &key).is_none(), "{index}");
        }
        assert!(open(&sealed[..15], &nonce, &key).is_none());
        assert!(open(&[], &nonce, &key).is_none());
    }
}
