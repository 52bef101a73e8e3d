//! Certificates as PEM (RFC 7468), as far as they are exchanged.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

/// The DER of the one certificate in a text.
pub(crate) fn certificate(text: &str) -> Option<Vec<u8>> {
    let body = text.trim().strip_prefix(BEGIN)?.strip_suffix(END)?;
    let letters: String = body.chars().filter(|letter| !letter.is_ascii_whitespace()).collect();
    STANDARD.decode(letters).ok()
}

/// A certificate as PEM.
pub(crate) fn of_certificate(der: &[u8]) -> String {
    let letters = STANDARD.encode(der);
    let mut out = format!("{BEGIN}\n");
    for (index, letter) in letters.chars().enumerate() {
        if index > 0 && index % 64 == 0 {
            out.push('\n');
        }
        out.push(letter);
    }
    out + "\n" + END + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        for length in [0, 1, 47, 48, 49, 500] {
            let der: Vec<u8> = (0..length).map(|byte: u32| byte.to_le_bytes()[0]).collect();
            assert_eq!(certificate(&of_certificate(&der)), Some(der));
        }
        assert_eq!(certificate("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"), None);
        let two = of_certificate(b"a") + &of_certificate(b"b");
        assert_eq!(certificate(&two), None);
    }
}
