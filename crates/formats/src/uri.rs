//! Paths as relative URI references (RFC 3986), and back.

/// A relative path as a URI reference: everything but unreserved characters and `/` is percent-encoded.
pub(crate) fn from_path(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => out.push(char::from(byte)),
            _ => put!(out, "%{byte:02X}"),
        }
    }
    out
}

/// Percent-decoded text; broken escapes stay as they are, bytes that are no UTF-8 become U+FFFD.
pub(crate) fn decode(text: &str) -> String {
    let hex = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16)).and_then(|digit| u8::try_from(digit).ok());
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        if *byte == b'%'
            && let (Some(high), Some(low)) = (hex(bytes.get(at + 1)), hex(bytes.get(at + 2)))
        {
            out.push(high * 16 + low);
            at += 3;
        } else {
            out.push(*byte);
            at += 1;
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// `path` below the folder `prefix`, which may be empty.
pub(crate) fn below(prefix: &str, path: &str) -> String {
    let prefix = prefix.trim_matches('/');
    if prefix.is_empty() || prefix == "." { path.to_owned() } else { format!("{prefix}/{path}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        let check = |path: &str, uri: &str| {
            assert_eq!(from_path(path), uri);
            assert_eq!(decode(uri), path);
        };
        check("a/b.tf", "a/b.tf");
        check("a b%é.tf", "a%20b%25%C3%A9.tf");
        check("c:#?x", "c%3A%23%3Fx");
        assert_eq!(decode("%zz%4"), "%zz%4");
        assert_eq!(decode("%FF"), "\u{fffd}");
    }

    #[test]
    fn prefixes() {
        let check = |prefix: &str, expected: &str| assert_eq!(below(prefix, "x.tf"), expected);
        check("", "x.tf");
        check(".", "x.tf");
        check("a/b/", "a/b/x.tf");
    }
}
