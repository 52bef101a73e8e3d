//! Java properties, as the Go library `magiconair/properties` reads them: a map of texts, `${...}` kept as written but checked.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use probity_value::{Map, Value};

use crate::text::{Read, Source};

/// References a value may lead through.
const MAX_REFERENCES: usize = 64;

/// Reads properties.
pub(crate) fn read(source: &Source<'_>) -> Read<Value> {
    let mut reader = Reader { source, at: 0 };
    let mut map = Map::new();
    while let Some(start) = reader.begin() {
        let (key, key_range) = reader.key()?;
        if key.is_empty() {
            return Err(source.unexpected(start, "a key"));
        }
        reader.delimiter();
        let (value, range) = reader.value()?;
        map.insert(key, source.span(key_range), Value::string(value, source.span(range)));
    }
    check(source, &map)?;
    Ok(Value::map(map, source.whole()))
}

struct Reader<'a> {
    source: &'a Source<'a>,
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.source.byte(self.at)
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\x0c' | b'\t')) {
            self.at += 1;
        }
    }

    /// Passes over blank lines and comments up to a key.
    fn begin(&mut self) -> Option<usize> {
        loop {
            match self.peek()? {
                b' ' | b'\x0c' | b'\t' | b'\n' | b'\r' => self.at += 1,
                b'#' | b'!' => {
                    while !matches!(self.peek(), None | Some(b'\n' | b'\r')) {
                        self.at += 1;
                    }
                }
                _ => return Some(self.at),
            }
        }
    }

    fn next(&mut self) -> Option<char> {
        let letter = self.source.character(self.at)?;
        self.at += letter.len_utf8();
        Some(letter)
    }

    fn key(&mut self) -> Read<(String, Range<usize>)> {
        let start = self.at;
        let mut out = String::new();
        while let Some(letter) = self.next() {
            match letter {
                '\\' => self.escape(&mut out)?,
                ' ' | '\x0c' | '\t' | '\r' | '\n' | ':' | '=' => {
                    self.at -= 1;
                    break;
                }
                letter => out.push(letter),
            }
        }
        Ok((out, start..self.at))
    }

    fn delimiter(&mut self) {
        self.blanks();
        if matches!(self.peek(), Some(b':' | b'=')) {
            self.at += 1;
        }
        self.blanks();
    }

    fn value(&mut self) -> Read<(String, Range<usize>)> {
        let start = self.at;
        let mut out = String::new();
        while let Some(letter) = self.next() {
            match letter {
                '\\' if matches!(self.peek(), Some(b'\n' | b'\r')) => {
                    self.at += 1;
                    self.blanks();
                }
                '\\' => self.escape(&mut out)?,
                '\n' | '\r' => return Ok((out, start..self.at - 1)),
                letter => out.push(letter),
            }
        }
        Ok((out, start..self.at))
    }

    fn escape(&mut self, out: &mut String) -> Read<()> {
        let start = self.at.saturating_sub(1);
        match self.next() {
            Some('f') => out.push('\x0c'),
            Some('n') => out.push('\n'),
            Some('r') => out.push('\r'),
            Some('t') => out.push('\t'),
            Some('u') => {
                let digits = self.source.slice(self.at..self.at + 4);
                let code = Some(digits).filter(|digits| digits.len() == 4 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
                let Some(code) = code.and_then(|digits| u32::from_str_radix(digits, 16).ok()) else {
                    return Err(self.source.problem(start..self.at, "`\\u` is followed by four hexadecimal digits"));
                };
                self.at += 4;
                out.push(char::from_u32(code).unwrap_or('\u{fffd}'));
            }
            Some(letter) => out.push(letter),
            None => return Err(self.source.problem(start..self.at, "the text ends in an escape")),
        }
        Ok(())
    }
}

/// Whether every `${...}` is closed and none leads back to itself.
fn check(source: &Source<'_>, map: &Map) -> Read<()> {
    let mut references: HashMap<&str, Vec<&str>> = HashMap::new();
    for (key, entry) in map.iter() {
        let text = entry.value.as_str().unwrap_or_default();
        let mut names = Vec::new();
        let mut rest = text;
        while let Some((_, after)) = rest.split_once("${") {
            let Some((name, after)) = after.split_once('}') else {
                let span = entry.value.span;
                return Err(source.problem(span.start as usize..span.end as usize, "`${` is not closed by `}`"));
            };
            names.push(name);
            rest = after;
        }
        references.insert(key, names);
    }
    let mut finished = HashSet::new();
    for (key, entry) in map.iter() {
        let mut path: Vec<(Arc<str>, usize)> = vec![(Arc::clone(key), 0)];
        while let Some((name, next)) = path.last_mut() {
            let target = references.get(&**name).and_then(|names| names.get(*next)).copied();
            *next += 1;
            let Some(target) = target else {
                finished.insert(Arc::clone(name));
                path.pop();
                continue;
            };
            let circular = path.iter().any(|(name, _)| **name == *target);
            if circular || path.len() > MAX_REFERENCES {
                let span = entry.value.span;
                let message = if circular { format!("`${{{target}}}` leads back to itself") } else { "references lead too far".into() };
                return Err(source.problem(span.start as usize..span.end as usize, message));
            }
            if references.contains_key(target) && !finished.contains(target) {
                path.push((Arc::from(target), 0));
            }
        }
    }
    Ok(())
}
