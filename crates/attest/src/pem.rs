//! PEM and other armour: one block of base64 between two marker lines (RFC 7468, strict form).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// Longest armoured text taken; keys and signatures are far smaller.
const MAX_TEXT: usize = 256 * 1024;

/// Not one block of the asked kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PemError {
    #[error("the text is longer than {MAX_TEXT} bytes")]
    TooLong,
    #[error("it does not begin with `-----BEGIN {0}-----`")]
    NoBegin(&'static str),
    #[error("it does not end with `-----END {0}-----`")]
    NoEnd(&'static str),
    #[error("the lines between the markers are not base64")]
    NotBase64,
}

/// The bytes of the one block in the text; white space around it is allowed, anything else is not.
pub(crate) fn decode(label: &'static str, text: &str) -> Result<Vec<u8>, PemError> {
    if text.len() > MAX_TEXT {
        return Err(PemError::TooLong);
    }
    let inner = text.trim().strip_prefix("-----BEGIN ").and_then(|rest| rest.strip_prefix(label));
    let inner = inner.and_then(|rest| rest.strip_prefix("-----")).ok_or(PemError::NoBegin(label))?;
    let inner = inner.strip_suffix("-----").and_then(|rest| rest.strip_suffix(label));
    let inner = inner.and_then(|rest| rest.strip_suffix("-----END ")).ok_or(PemError::NoEnd(label))?;
    // It may be a private key: no copy of the text stays behind in memory.
    let mut packed = Zeroizing::new(Vec::with_capacity(inner.len()));
    packed.extend(inner.bytes().filter(|letter| !matches!(letter, b'\n' | b'\r' | b' ' | b'\t')));
    STANDARD.decode(packed.as_slice()).map_err(|_| PemError::NotBase64)
}

/// What the first block of the text is called.
pub(crate) fn label(text: &str) -> Option<&str> {
    let (label, _) = text.trim_start().strip_prefix("-----BEGIN ")?.split_once("-----")?;
    Some(label)
}

/// The block as text, in lines of `width` letters, with a line break at the end.
pub(crate) fn encode(label: &str, bytes: &[u8], width: usize) -> String {
    let packed = Zeroizing::new(STANDARD.encode(bytes));
    // Large enough for the whole, so that growing leaves no copies behind.
    let mut out = String::with_capacity(packed.len() + packed.len() / width.max(1) + 2 * (label.len() + 20));
    out.push_str("-----BEGIN ");
    out.push_str(label);
    out.push_str("-----\n");
    let mut column = 0;
    for letter in packed.chars() {
        out.push(letter);
        column += 1;
        if column == width {
            out.push('\n');
            column = 0;
        }
    }
    if column > 0 {
        out.push('\n');
    }
    out.push_str("-----END ");
    out.push_str(label);
    out.push_str("-----\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_back() {
        for length in [0_usize, 1, 47, 48, 49, 200] {
            let bytes = vec![7_u8; length];
            assert_eq!(decode("THING", &encode("THING", &bytes, 64)).unwrap(), bytes);
            assert_eq!(decode("THING", &encode("THING", &bytes, 64).replace('\n', "\r\n")).unwrap(), bytes);
        }
    }

    #[test]
    fn names_of_blocks() {
        assert_eq!(label("\n-----BEGIN A B-----\n"), Some("A B"));
        assert_eq!(label("x-----BEGIN A-----"), None);
        assert_eq!(label("-----BEGIN A"), None);
    }

    #[test]
    fn anything_else_is_refused() {
        let check = |text: &str, expected: PemError| assert_eq!(decode("A", text), Err(expected), "{text}");
        check("", PemError::NoBegin("A"));
        check("-----BEGIN B-----\nAAAA\n-----END B-----\n", PemError::NoBegin("A"));
        check("x-----BEGIN A-----\nAAAA\n-----END A-----\n", PemError::NoBegin("A"));
        check("-----BEGIN A-----\nAAAA\n-----END A-----\nx", PemError::NoEnd("A"));
        check("-----BEGIN A-----", PemError::NoEnd("A"));
        check("-----BEGIN A-----\nAA*A\n-----END A-----", PemError::NotBase64);
        check("-----BEGIN A-----\nAB==\n-----END A-----", PemError::NotBase64);
        check(&"A".repeat(MAX_TEXT + 1), PemError::TooLong);
    }
}
