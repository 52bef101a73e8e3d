//! Text to words. Words are read one at a time, since templates hold expressions.

use std::sync::Arc;

use crate::ast::Comment;
use probity_value::{FileId, Span};

/// A word.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Token {
    /// A name or keyword.
    Name(Arc<str>),
    /// A number as written.
    Number(Arc<str>),
    /// Text, decoded.
    Text(Arc<str>),
    /// The start of a template; true for one in backticks.
    Template(bool),
    /// A mark.
    Mark(&'static str),
    End,
}

/// A word with its bytes.
#[derive(Clone, Debug)]
pub(crate) struct Word {
    pub(crate) token: Token,
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// Whether a line ended between it and the word before.
    pub(crate) newline: bool,
}

/// What is wrong, and where.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) message: String,
    /// Whether no other reading of the text can help.
    pub(crate) fatal: bool,
}

impl Fault {
    pub(crate) fn new(start: usize, end: usize, message: impl Into<String>) -> Fault {
        Fault { start, end, message: message.into(), fatal: false }
    }
}

/// Reads words.
pub(crate) struct Lexer<'a> {
    pub(crate) text: &'a str,
    bytes: &'a [u8],
    pub(crate) file: FileId,
    pub(crate) comments: Vec<Comment>,
    /// Up to where comments were kept: text may be read twice.
    commented: usize,
}

const MARKS: &[&str] =
    &[":=", "==", "!=", "<=", ">=", "{", "}", "[", "]", "(", ")", ",", ";", ":", ".", "=", "<", ">", "+", "-", "*", "/", "%", "&", "|"];

fn starts_name(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_'
}

fn in_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

impl<'a> Lexer<'a> {
    pub(crate) fn new(text: &'a str, file: FileId) -> Lexer<'a> {
        Lexer { text, bytes: text.as_bytes(), file, comments: Vec::new(), commented: 0 }
    }

    pub(crate) fn byte(&self, at: usize) -> Option<u8> {
        self.bytes.get(at).copied()
    }

    fn slice(&self, start: usize, end: usize) -> &'a str {
        self.text.get(start..end).unwrap_or_default()
    }

    pub(crate) fn span(&self, start: usize, end: usize) -> Span {
        Span::new(self.file, start..end)
    }

    /// The word at or after `at`.
    pub(crate) fn next(&mut self, mut at: usize) -> Result<Word, Fault> {
        let mut newline = false;
        loop {
            match self.byte(at) {
                Some(b'\n') => {
                    newline = true;
                    at += 1;
                }
                Some(b' ' | b'\t' | b'\r') => at += 1,
                Some(b'#') => {
                    let rest = self.bytes.get(at..).unwrap_or_default();
                    let end = at + rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
                    if at >= self.commented {
                        self.keep_comment(at, end);
                        self.commented = end;
                    }
                    at = end;
                }
                _ => break,
            }
        }
        let word = |token, end| Word { token, start: at, end, newline };
        let Some(byte) = self.byte(at) else { return Ok(word(Token::End, at)) };
        if at == 0 && self.text.starts_with('\u{feff}') {
            return self.next('\u{feff}'.len_utf8());
        }
        if starts_name(byte) {
            let mut end = at + 1;
            while self.byte(end).is_some_and(in_name) {
                end += 1;
            }
            return Ok(word(Token::Name(self.slice(at, end).into()), end));
        }
        if byte.is_ascii_digit() {
            let end = self.number(at)?;
            return Ok(word(Token::Number(self.slice(at, end).into()), end));
        }
        match byte {
            b'"' => {
                let (text, end, _) = self.quoted(at + 1, false)?;
                return Ok(word(Token::Text(text.into()), end));
            }
            b'`' => {
                let rest = self.bytes.get(at + 1..).unwrap_or_default();
                let Some(length) = rest.iter().position(|byte| *byte == b'`') else {
                    return Err(self.fatal(at, "non-terminated string"));
                };
                let end = at + 1 + length + 1;
                return Ok(word(Token::Text(self.slice(at + 1, end - 1).into()), end));
            }
            b'$' if self.byte(at + 1) == Some(b'"') => return Ok(word(Token::Template(false), at + 2)),
            b'$' if self.byte(at + 1) == Some(b'`') => return Ok(word(Token::Template(true), at + 2)),
            _ => {}
        }
        let rest = self.text.get(at..).unwrap_or_default();
        match MARKS.iter().find(|mark| rest.starts_with(**mark)) {
            Some(mark) => Ok(word(Token::Mark(mark), at + mark.len())),
            None => {
                let letter = rest.chars().next().unwrap_or(' ');
                Err(Fault::new(at, at + letter.len_utf8(), format!("unexpected character `{}`", letter.escape_debug())))
            }
        }
    }

    fn fatal(&self, at: usize, message: &str) -> Fault {
        Fault { fatal: true, ..Fault::new(at, at + 1, message) }
    }

    fn keep_comment(&mut self, start: usize, end: usize) {
        let before = self.bytes.get(..start).unwrap_or_default();
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let alone = before.iter().rev().take_while(|byte| **byte != b'\n').all(u8::is_ascii_whitespace);
        self.comments.push(Comment {
            span: self.span(start, end),
            line: u32::try_from(line).unwrap_or(u32::MAX),
            alone,
            text: self.slice(start + 1, end).trim_end_matches('\r').into(),
        });
    }

    fn number(&self, start: usize) -> Result<usize, Fault> {
        let digits = |mut at: usize| {
            while self.byte(at).is_some_and(|byte| byte.is_ascii_digit()) {
                at += 1;
            }
            at
        };
        let mut end = digits(start);
        if end - start > 1 && self.byte(start) == Some(b'0') {
            return Err(Fault::new(start, end, "expected number without leading zeros"));
        }
        if self.byte(end) == Some(b'.') && self.byte(end + 1).is_some_and(|byte| byte.is_ascii_digit()) {
            end = digits(end + 1);
        }
        if matches!(self.byte(end), Some(b'e' | b'E')) {
            let mut at = end + 1;
            if matches!(self.byte(at), Some(b'+' | b'-')) {
                at += 1;
            }
            let after = digits(at);
            if after == at {
                return Err(Fault::new(start, at, "illegal number format"));
            }
            end = after;
        }
        if self.byte(end).is_some_and(starts_name) {
            return Err(Fault::new(start, end + 1, "illegal number format"));
        }
        Ok(end)
    }

    /// Text after its opening quote: the text, where it ends, and whether it ended at a brace (templates).
    pub(crate) fn quoted(&self, start: usize, template: bool) -> Result<(String, usize, bool), Fault> {
        let mut text = String::new();
        let mut at = start;
        loop {
            let rest = self.bytes.get(at..).unwrap_or_default();
            let plain = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | b'\n' | b'{')).unwrap_or(rest.len());
            text.push_str(self.slice(at, at + plain));
            at += plain;
            match self.byte(at) {
                Some(b'"') => return Ok((text, at + 1, false)),
                Some(b'{') if template => return Ok((text, at + 1, true)),
                Some(b'{') => {
                    text.push('{');
                    at += 1;
                }
                Some(b'\\') => at = self.escape(at, template, &mut text)?,
                _ => return Err(self.fatal(start.saturating_sub(1), "non-terminated string")),
            }
        }
    }

    /// Template text in backticks after its opening: the same answers.
    pub(crate) fn raw_template(&self, start: usize) -> Result<(String, usize, bool), Fault> {
        let mut text = String::new();
        let mut at = start;
        loop {
            let rest = self.bytes.get(at..).unwrap_or_default();
            let plain = rest.iter().position(|byte| matches!(byte, b'`' | b'\\' | b'{')).unwrap_or(rest.len());
            text.push_str(self.slice(at, at + plain));
            at += plain;
            match self.byte(at) {
                Some(b'`') => return Ok((text, at + 1, false)),
                Some(b'{') => return Ok((text, at + 1, true)),
                Some(b'\\') if self.byte(at + 1) == Some(b'{') => {
                    text.push('{');
                    at += 2;
                }
                Some(b'\\') => {
                    text.push('\\');
                    at += 1;
                }
                _ => return Err(self.fatal(start.saturating_sub(1), "non-terminated string")),
            }
        }
    }

    fn escape(&self, at: usize, template: bool, text: &mut String) -> Result<usize, Fault> {
        let plain = match self.byte(at + 1) {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'{') if template => '{',
            Some(b'u') => {
                let unit = |at: usize| u32::from_str_radix(self.text.get(at..at + 4)?, 16).ok();
                let Some(first) = unit(at + 2) else { return Err(self.fatal(at, "illegal escape sequence")) };
                if (0xD800..0xDC00).contains(&first)
                    && self.slice(at + 6, at + 8) == "\\u"
                    && let Some(second) = unit(at + 8).filter(|second| (0xDC00..0xE000).contains(second))
                {
                    let code = 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00);
                    text.push(char::from_u32(code).unwrap_or('\u{fffd}'));
                    return Ok(at + 12);
                }
                text.push(char::from_u32(first).unwrap_or('\u{fffd}'));
                return Ok(at + 6);
            }
            _ => return Err(self.fatal(at, "illegal escape sequence")),
        };
        text.push(plain);
        Ok(at + 2)
    }
}
