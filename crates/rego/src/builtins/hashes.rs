//! Digests and codes of authentication.

use aws_lc_rs::{digest, hmac};
use md5::{Digest as _, Md5};

use crate::builtins::operands::text;
use crate::builtins::{Answer, Context};
use crate::term::{Term, bytes_of};

/// MD5 in hexadecimal digits.
pub(super) fn md5(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
    Ok(Term::from(hex::encode(Md5::digest(bytes_of(text(arguments, 0)?)))))
}

fn sum(algorithm: &'static digest::Algorithm, arguments: &[Term]) -> Answer {
    Ok(Term::from(hex::encode(digest::digest(algorithm, &bytes_of(text(arguments, 0)?)))))
}

/// SHA-1 in hexadecimal digits.
pub(super) fn sha1(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
    sum(&digest::SHA1_FOR_LEGACY_USE_ONLY, arguments)
}

/// SHA-256 in hexadecimal digits.
pub(super) fn sha256(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
    sum(&digest::SHA256, arguments)
}

fn code(algorithm: hmac::Algorithm, arguments: &[Term]) -> Answer {
    let (message, key) = (text(arguments, 0)?, text(arguments, 1)?);
    Ok(Term::from(hex::encode(hmac::sign(&hmac::Key::new(algorithm, &bytes_of(key)), &bytes_of(message)))))
}

/// HMAC with SHA-1.
pub(super) fn hmac_sha1(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
    code(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, arguments)
}

/// HMAC with SHA-256.
pub(super) fn hmac_sha256(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
    code(hmac::HMAC_SHA256, arguments)
}

/// HMAC with SHA-512.
pub(super) fn hmac_sha512(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
    code(hmac::HMAC_SHA512, arguments)
}

/// HMAC with MD5 (RFC 2104), which the crypto library does not have.
pub(super) fn hmac_md5(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let (message, key) = (bytes_of(text(arguments, 0)?), bytes_of(text(arguments, 1)?));
    let mut block = [0_u8; 64];
    if key.len() > block.len() {
        let short = Md5::digest(&key);
        block.iter_mut().zip(short).for_each(|(place, byte)| *place = byte);
    } else {
        block.iter_mut().zip(key.iter()).for_each(|(place, byte)| *place = *byte);
    }
    let inner = Md5::new().chain_update(block.map(|byte| byte ^ 0x36)).chain_update(&message).finalize();
    let outer = Md5::new().chain_update(block.map(|byte| byte ^ 0x5c)).chain_update(inner).finalize();
    Ok(Term::from(hex::encode(outer)))
}

/// Whether two codes are the same, in a time that does not tell where they differ.
pub(super) fn hmac_equal(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let (a, b) = (text(arguments, 0)?, text(arguments, 1)?);
    Ok(Term::Bool(aws_lc_rs::constant_time::verify_slices_are_equal(a.as_bytes(), b.as_bytes()).is_ok()))
}

#[cfg(test)]
mod tests {
    use crate::builtins::tests::check;

    #[test]
    fn digests() {
        check("crypto.md5", r#"["lorem ipsum"]"#, r#""80a751fde577028640c419000e33eba6""#);
        check("crypto.sha1", r#"["lorem ipsum"]"#, r#""bfb7759a67daeb65410490b4d98bb9da7d1ea2ce""#);
        check("crypto.sha256", r#"["lorem ipsum"]"#, r#""5e2bf57d3f40c4b6df69daf1936cb766f832374b4fc0259a7cbff06e2f70f269""#);
        check("crypto.hmac.md5", r#"["what do ya want for nothing?", "Jefe"]"#, r#""750c783e6ab0b503eaa86e310a5db738""#);
        check("crypto.hmac.sha1", r#"["what do ya want for nothing?", "Jefe"]"#, r#""effcdf6ae5eb2fa2d27416d5f184df9c259a7c79""#);
        check(
            "crypto.hmac.sha256",
            r#"["what do ya want for nothing?", "Jefe"]"#,
            r#""5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843""#,
        );
        check("crypto.hmac.equal", r#"["a", "a"]"#, "true");
        check("crypto.hmac.equal", r#"["a", "b"]"#, "false");
    }
}
