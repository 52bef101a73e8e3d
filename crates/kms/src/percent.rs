//! Percent-encoding (RFC 3986, section 2.1).

use std::fmt::Write as _;

/// The bytes that a text stands for; `None` where a `%` has no two digits after it.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => digit(rest.next()?)? << 4 | digit(rest.next()?)?,
            other => other,
        });
    }
    Some(bytes)
}

/// The same as text.
pub(crate) fn decode_text(text: &str) -> Option<String> {
    decode(text).and_then(|bytes| String::from_utf8(bytes).ok())
}

/// A text with everything encoded but what is never special (RFC 3986, section 2.3).
pub(crate) fn encode(text: &[u8]) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) {
            out.push(char::from(*byte));
        } else {
            let _never_fails = write!(out, "%{byte:02X}");
        }
    }
    out
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| digit.try_into().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        for text in ["", "plain", "a b/c;d=e?f&g%h", "grün"] {
            assert_eq!(decode_text(&encode(text.as_bytes())).as_deref(), Some(text));
        }
        assert_eq!(encode(b"a/b c"), "a%2Fb%20c");
        assert_eq!(decode("%00%fF"), Some(vec![0, 255]));
        for wrong in ["%", "%1", "%g0", "a%0"] {
            assert_eq!(decode(wrong), None, "{wrong}");
        }
        assert_eq!(decode_text("%ff"), None);
    }
}
