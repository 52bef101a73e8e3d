//! Quoted scalars that go on at a smaller indentation than the key they belong to. YAML 1.2 forbids them, but every reader that stems
//! from libyaml takes them, and so do kubectl and people.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use saphyr_parser::{Event, Parser};

use super::piece::Piece;

/// The text of a piece in which such scalars are replaced by others of the same length on one line.
pub(super) struct Mended<'a> {
    /// The text to read.
    pub(super) text: Cow<'a, str>,
    /// What the replaced scalars hold, by the byte of the piece their quote stands at.
    pub(super) quoted: BTreeMap<usize, Arc<str>>,
}

impl<'a> Mended<'a> {
    /// Nothing replaced yet.
    pub(super) fn new(piece: &Piece<'a>) -> Mended<'a> {
        Mended { text: Cow::Borrowed(piece.text), quoted: BTreeMap::new() }
    }

    /// Replaces the quoted scalar that begins at a character position. False where there is none, or it is wrong in itself.
    pub(super) fn mend(&mut self, piece: &Piece<'_>, at: usize) -> bool {
        let start = piece.byte(at);
        let Some(rest) = piece.text.get(start..) else { return false };
        let Some(length) = quoted_length(rest) else { return false };
        let Some(written) = rest.get(..length).filter(|written| written.contains(['\n', '\r'])) else { return false };
        if self.quoted.contains_key(&start) {
            return false;
        }
        // On its own it has no key whose indentation could be undercut.
        let content = Parser::new_from_str(written).find_map(|event| match event {
            Ok((Event::Scalar(text, ..), _)) => Some(Ok(Arc::from(&*text))),
            Ok(_) => None,
            Err(_) => Some(Err(())),
        });
        let Some(Ok(content)) = content else { return false };
        // As many characters in as many bytes: no position behind it moves.
        let inner = written.get(1..length - 1).unwrap_or_default();
        let filler: String = inner.chars().map(|letter| if letter.is_ascii() { 'x' } else { letter }).collect();
        self.quoted.insert(start, content);
        self.text.to_mut().replace_range(start..start + length, &format!("'{filler}'"));
        true
    }
}

/// Bytes of the quoted scalar a text begins with, its quotes included.
fn quoted_length(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let quote = *bytes.first().filter(|byte| matches!(byte, b'"' | b'\''))?;
    let mut at = 1;
    loop {
        match bytes.get(at)? {
            b'\\' if quote == b'"' => at += 2,
            b'\'' if quote == b'\'' && bytes.get(at + 1) == Some(&b'\'') => at += 2,
            byte if *byte == quote => return Some(at + 1),
            _ => at += 1,
        }
    }
}
