//! Texts: those that hold bytes which are no characters, and how Go shows them in quotes.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Where bytes that belong to no character are kept: the last characters of the last private plane.
const BYTES: u32 = 0x10_ff00;

/// Bytes as text. A byte that belongs to no character is kept as a character of a private plane, so that [`bytes_of`] gives it back.
#[must_use]
pub fn text_of_bytes(bytes: Vec<u8>) -> String {
    let bytes = match String::from_utf8(bytes) {
        Ok(text) => return text,
        Err(error) => error.into_bytes(),
    };
    let mut out = String::with_capacity(bytes.len() + 16);
    for chunk in bytes.utf8_chunks() {
        out.push_str(chunk.valid());
        out.extend(chunk.invalid().iter().filter_map(|byte| char::from_u32(BYTES + u32::from(*byte))));
    }
    out
}

/// The byte that a character stands for, if it does.
fn kept_byte(letter: char) -> Option<u8> {
    u32::from(letter).checked_sub(BYTES).and_then(|byte| u8::try_from(byte).ok()).filter(|byte| *byte >= 0x80)
}

/// The bytes of a text, those that were kept as characters too.
#[must_use]
pub fn bytes_of(text: &str) -> Cow<'_, [u8]> {
    if !has_kept_bytes(text) {
        return Cow::Borrowed(text.as_bytes());
    }
    let mut out = Vec::with_capacity(text.len());
    for letter in text.chars() {
        match kept_byte(letter) {
            Some(byte) => out.push(byte),
            None => out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    Cow::Owned(out)
}

/// Whether a text may have bytes that were kept as characters: all of those begin with the same byte.
pub(crate) fn has_kept_bytes(text: &str) -> bool {
    text.as_bytes().contains(&0xf4)
}

/// A character as it is shown: one that stands for a byte as U+FFFD.
#[must_use]
pub fn shown_letter(letter: char) -> char {
    if kept_byte(letter).is_some() { char::REPLACEMENT_CHARACTER } else { letter }
}

/// A text as it is shown.
#[must_use]
pub fn shown_text(text: &str) -> Cow<'_, str> {
    if has_kept_bytes(text) { Cow::Owned(text.chars().map(shown_letter).collect()) } else { Cow::Borrowed(text) }
}

/// Text in quotes as Go's `strconv.Quote` writes it.
#[must_use]
pub fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for letter in text.chars().map(shown_letter) {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{b}' => out.push_str("\\v"),
            letter if is_printable(letter) => out.push(letter),
            letter => {
                let code = u32::from(letter);
                // Writing to text does not fail.
                let _ = match code {
                    0..=0x1f | 0x7f => write!(out, "\\x{code:02x}"),
                    ..=0xffff => write!(out, "\\u{code:04x}"),
                    _ => write!(out, "\\U{code:08x}"),
                };
            }
        }
    }
    out.push('"');
    out
}

/// Whether Go takes a character for printable: letters, marks, numbers, punctuation, symbols and the space.
#[must_use]
pub fn is_printable(letter: char) -> bool {
    match letter {
        ' '..='~' => true,
        '\0'..='\u{a0}' | '\u{ad}' | '\u{1680}' | '\u{180e}' | '\u{2000}'..='\u{200f}' | '\u{2028}'..='\u{202f}' => false,
        '\u{205f}'..='\u{206f}' | '\u{3000}' | '\u{e000}'..='\u{f8ff}' | '\u{feff}' | '\u{fff0}'..='\u{fffb}' | '\u{600}'..='\u{605}' => {
            false
        }
        '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{8e2}' | '\u{e0000}'..='\u{e00ff}' | '\u{f0000}'.. => false,
        letter => u32::from(letter) & 0xfffe != 0xfffe,
    }
}
