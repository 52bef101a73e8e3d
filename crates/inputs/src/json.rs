//! JSON, and JSON with comments.

use probity_value::{Problem, Value, json};

use crate::text::{Read, Source};

/// Reads JSON.
pub(crate) fn read(source: &Source<'_>) -> Read<Value> {
    checked(json::parse(source.text, source.file()))
}

fn checked((value, problems): (Value, Vec<Problem>)) -> Read<Value> {
    match problems.into_iter().find(|problem| problem.fatal) {
        Some(problem) => Err(problem),
        None => Ok(value),
    }
}

/// Reads JSON with `//`, `#` and `/* */` comments. Comments become blanks first, so that every place stays what it is.
pub(crate) fn read_commented(source: &Source<'_>) -> Read<Value> {
    let mut blank = source.bytes().to_vec();
    let mut at = 0;
    while let Some(byte) = source.byte(at) {
        let rest = source.bytes().get(at..).unwrap_or_default();
        let length = match (byte, rest.get(1)) {
            (b'"', _) => {
                at += quoted(rest);
                continue;
            }
            (b'#', _) | (b'/', Some(b'/')) => rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len()),
            (b'/', Some(b'*')) => match rest.windows(2).skip(2).position(|pair| pair == b"*/") {
                Some(end) => end + 4,
                None => return Err(source.problem(at..at + 2, "the comment has no end")),
            },
            _ => {
                at += 1;
                continue;
            }
        };
        for byte in blank.iter_mut().skip(at).take(length).filter(|byte| **byte != b'\n') {
            *byte = b' ';
        }
        at += length;
    }
    let text = String::from_utf8(blank).map_err(|_| source.problem(0..0, "the text cannot be read"))?;
    checked(json::parse(&text, source.file()))
}

/// Bytes of the quoted text that begins here.
fn quoted(rest: &[u8]) -> usize {
    let mut at = 1;
    loop {
        match rest.get(at) {
            None => return rest.len(),
            Some(b'\\') => at += 2,
            Some(b'"') => return at + 1,
            Some(_) => at += 1,
        }
    }
}
