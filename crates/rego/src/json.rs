//! JSON text read into terms, with numbers as they are written. (The reader of `probity-value` keeps places and turns numbers into
//! doubles; what functions decode has no place, and must keep every digit.)

use crate::number::Number;
use crate::term::Term;

/// How deep lists and objects may nest.
const MAX_DEPTH: usize = 256;

/// What is wrong with a text, in the words of Go's decoder.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum JsonError {
    /// It ends too early.
    #[error("unexpected EOF")]
    End,
    /// There is no value in it.
    #[error("EOF")]
    Empty,
    /// A character that cannot stand there.
    #[error("invalid character {letter} {place}")]
    Character {
        /// The character in quotes.
        letter: String,
        /// Where.
        place: &'static str,
    },
    /// Something after the value.
    #[error("extraneous data after JSON value")]
    Extra,
    /// It nests too deep.
    #[error("exceeded max depth")]
    Depth,
}

/// Reads one JSON value.
///
/// # Errors
/// The text is not JSON, or nests too deep.
pub fn parse(text: &str) -> Result<Term, JsonError> {
    let mut reader = Reader { text, bytes: text.as_bytes(), at: 0 };
    reader.space();
    if reader.peek().is_none() {
        return Err(JsonError::Empty);
    }
    let term = reader.value(0)?;
    reader.space();
    match reader.peek() {
        None => Ok(term),
        Some(_) => Err(reader.unexpected("after top-level value")),
    }
}

struct Reader<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn unexpected(&self, place: &'static str) -> JsonError {
        let Some(letter) = self.text.get(self.at..).and_then(|rest| rest.chars().next()) else { return JsonError::End };
        let letter = match letter {
            '\'' => "'\\''".to_owned(),
            '"' => "'\"'".to_owned(),
            letter => {
                let quoted = crate::term::quote(&letter.to_string());
                format!("'{}'", quoted.trim_matches('"'))
            }
        };
        JsonError::Character { letter, place }
    }

    fn value(&mut self, depth: usize) -> Result<Term, JsonError> {
        if depth > MAX_DEPTH {
            return Err(JsonError::Depth);
        }
        match self.peek() {
            None => Err(JsonError::End),
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'"') => Ok(Term::from(self.string()?)),
            Some(b't') => self.word("true", Term::Bool(true), "in literal true"),
            Some(b'f') => self.word("false", Term::Bool(false), "in literal false"),
            Some(b'n') => self.word("null", Term::Null, "in literal null"),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(_) => Err(self.unexpected("looking for beginning of value")),
        }
    }

    fn word(&mut self, word: &str, term: Term, place: &'static str) -> Result<Term, JsonError> {
        for byte in word.bytes() {
            if self.peek() != Some(byte) {
                return Err(self.unexpected(place));
            }
            self.at += 1;
        }
        Ok(term)
    }

    fn array(&mut self, depth: usize) -> Result<Term, JsonError> {
        self.at += 1;
        let mut items = Vec::new();
        self.space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Term::array(items));
        }
        loop {
            self.space();
            items.push(self.value(depth + 1)?);
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return Ok(Term::array(items));
                }
                _ => return Err(self.unexpected("after array element")),
            }
        }
    }

    fn object(&mut self, depth: usize) -> Result<Term, JsonError> {
        self.at += 1;
        let mut entries = Vec::new();
        self.space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Term::object(entries));
        }
        loop {
            self.space();
            if self.peek() != Some(b'"') {
                return Err(self.unexpected("looking for beginning of object key string"));
            }
            let key = self.string()?;
            self.space();
            if self.peek() != Some(b':') {
                return Err(self.unexpected("after object key"));
            }
            self.at += 1;
            self.space();
            entries.push((Term::from(key), self.value(depth + 1)?));
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return Ok(Term::object(entries));
                }
                _ => return Err(self.unexpected("after object key:value pair")),
            }
        }
    }

    fn digits(&mut self, place: &'static str) -> Result<(), JsonError> {
        if !matches!(self.peek(), Some(b'0'..=b'9')) {
            return Err(self.unexpected(place));
        }
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        Ok(())
    }

    fn number(&mut self) -> Result<Term, JsonError> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits("in numeric literal")?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits("after decimal point in numeric literal")?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits("in exponent of numeric literal")?;
        }
        let text = self.text.get(start..self.at).unwrap_or_default();
        Number::parse(text).map(Term::Number).ok_or(JsonError::End)
    }

    fn string(&mut self) -> Result<String, JsonError> {
        self.at += 1;
        let mut out = String::new();
        let mut run = self.at;
        loop {
            match self.peek() {
                None => return Err(JsonError::End),
                Some(b'"') => {
                    out.push_str(self.text.get(run..self.at).unwrap_or_default());
                    self.at += 1;
                    return Ok(out);
                }
                Some(b'\\') => {
                    out.push_str(self.text.get(run..self.at).unwrap_or_default());
                    self.at += 1;
                    self.escape(&mut out)?;
                    run = self.at;
                }
                Some(0..=0x1f) => return Err(self.unexpected("in string literal")),
                Some(_) => self.at += 1,
            }
        }
    }

    fn escape(&mut self, out: &mut String) -> Result<(), JsonError> {
        let letter = match self.peek() {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                self.at += 1;
                return self.unicode(out);
            }
            _ => return Err(self.unexpected("in string escape code")),
        };
        self.at += 1;
        out.push(letter);
        Ok(())
    }

    fn unicode(&mut self, out: &mut String) -> Result<(), JsonError> {
        let first = self.hex()?;
        let mut code = first;
        if (0xd800..0xdc00).contains(&first) && self.bytes.get(self.at..).is_some_and(|rest| rest.starts_with(b"\\u")) {
            let back = self.at;
            self.at += 2;
            let second = self.hex()?;
            if (0xdc00..0xe000).contains(&second) {
                code = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
            } else {
                self.at = back;
            }
        }
        out.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
        Ok(())
    }

    fn hex(&mut self) -> Result<u32, JsonError> {
        let mut code = 0;
        for _ in 0..4 {
            let digit = self.peek().and_then(|byte| char::from(byte).to_digit(16));
            let Some(digit) = digit else { return Err(self.unexpected("in \\u hexadecimal character escape")) };
            code = code * 16 + digit;
            self.at += 1;
        }
        Ok(code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let shown = match parse(text) {
            Ok(term) => term.to_json(),
            Err(error) => error.to_string(),
        };
        assert_eq!(shown, expected, "{text}");
    }

    #[test]
    fn texts() {
        check(r#" {"b": [1, 2.50, -3e4], "a": null, "b": true} "#, r#"{"a":null,"b":true}"#);
        check("123456789012345678901234567890.10", "123456789012345678901234567890.10");
        check(r#""\u00e9\ud83d\ude00\ud800x\n""#, "\"é😀\u{fffd}x\\n\"");
        check("", "EOF");
        check("{", "unexpected EOF");
        check("[1,]", "invalid character ']' looking for beginning of value");
        check("{a:1}", "invalid character 'a' looking for beginning of object key string");
        check("1 2", "invalid character '2' after top-level value");
        check("nul", "unexpected EOF");
        check("nux", "invalid character 'x' in literal null");
        check("01", "invalid character '1' after top-level value");
        check("\"a\nb\"", "invalid character '\\n' in string literal");
        check(&"[".repeat(100_000), "exceeded max depth");
    }
}
