//! Blocks of text that hold bytes (RFC 7468), read as leniently as Go reads them.

use crate::builtins::encoding::decode_base64;

/// One block.
pub(crate) struct Block {
    /// What it says it holds: `CERTIFICATE`.
    pub(crate) kind: String,
    pub(crate) bytes: Vec<u8>,
}

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";

/// The first block of a text and what comes after it.
pub(crate) fn decode(text: &str) -> Option<(Block, &str)> {
    let mut rest = text;
    loop {
        let start = if rest.starts_with(BEGIN) { 0 } else { rest.find("\n-----BEGIN ")? + 1 };
        let after = rest.get(start + BEGIN.len()..)?;
        match block(after) {
            Some(found) => return Some(found),
            None => rest = after,
        }
    }
}

/// A line, and what comes after it.
fn line(text: &str) -> (&str, &str) {
    match text.split_once('\n') {
        Some((line, rest)) => (line.trim_end(), rest),
        None => (text.trim_end(), ""),
    }
}

fn block(after_begin: &str) -> Option<(Block, &str)> {
    let (first, mut rest) = line(after_begin);
    let kind = first.strip_suffix("-----")?;
    let mut body = String::new();
    loop {
        if rest.is_empty() {
            return None;
        }
        let (next, after) = line(rest);
        rest = after;
        if let Some(end) = next.strip_prefix(END) {
            if end.strip_suffix("-----") != Some(kind) {
                return None;
            }
            let bytes = decode_base64(&body, false).ok()?;
            return Some((Block { kind: kind.to_owned(), bytes }, rest));
        }
        // Lines with a colon are headers, which come first.
        if body.is_empty() && next.contains(':') {
            continue;
        }
        body.extend(next.chars().filter(|letter| !letter.is_ascii_whitespace()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks() {
        let (block, rest) = decode("x\n-----BEGIN A B-----\nK: v\n\naGVs\nbG8=\n-----END A B-----\ny").unwrap();
        assert_eq!((block.kind.as_str(), block.bytes.as_slice(), rest), ("A B", &b"hello"[..], "y"));
        assert!(decode("-----BEGIN A-----\naGVsbG8=\n-----END B-----\n").is_none());
        assert!(decode("-----BEGIN").is_none());
    }
}
