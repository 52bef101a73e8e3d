//! From text to tokens (cel-spec, "Syntax").

use std::iter::Peekable;
use std::str::CharIndices;

/// A token with the bytes it was written as.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Token {
    pub(crate) kind: TokenKind,
    pub(crate) at: (u32, u32),
}

/// Kinds of tokens.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum TokenKind {
    Ident(String),
    /// A name in backticks.
    Quoted(String),
    Int(String),
    Uint(String),
    Double(String),
    String(String),
    Bytes(Vec<u8>),
    True,
    False,
    Null,
    In,
    /// Punctuation and operators.
    Punct(&'static str),
    End,
}

impl TokenKind {
    /// As a message shows it.
    pub(crate) fn shown(&self) -> String {
        match self {
            TokenKind::Ident(text) | TokenKind::Int(text) | TokenKind::Uint(text) | TokenKind::Double(text) => format!("'{text}'"),
            TokenKind::Quoted(text) => format!("'`{text}`'"),
            TokenKind::String(text) => format!("'{text:?}'"),
            TokenKind::Bytes(bytes) => format!("'b\"{}\"'", bytes.escape_ascii()),
            TokenKind::True => "'true'".to_owned(),
            TokenKind::False => "'false'".to_owned(),
            TokenKind::Null => "'null'".to_owned(),
            TokenKind::In => "'in'".to_owned(),
            TokenKind::Punct(text) => format!("'{text}'"),
            TokenKind::End => "the end".to_owned(),
        }
    }
}

/// Why a text is no sequence of tokens.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct LexError {
    pub(crate) at: (u32, u32),
    pub(crate) message: String,
}

/// Longer before shorter.
const PUNCTUATION: &[&str] =
    &["==", "!=", "<=", ">=", "&&", "||", "<", ">", "!", "-", "+", "*", "/", "%", "?", ":", ",", ".", "(", ")", "[", "]", "{", "}"];

struct Lexer<'a> {
    text: &'a str,
    chars: Peekable<CharIndices<'a>>,
}

/// All tokens of a text, an end after the last.
pub(crate) fn tokens(text: &str) -> Result<Vec<Token>, LexError> {
    let mut lexer = Lexer { text, chars: text.char_indices().peekable() };
    let mut found = Vec::new();
    loop {
        lexer.skip();
        let start = lexer.position();
        let Some(&(_, c)) = lexer.chars.peek() else {
            found.push(Token { kind: TokenKind::End, at: (place(start), place(start)) });
            return Ok(found);
        };
        let kind = lexer.token(c, start)?;
        found.push(Token { kind, at: (place(start), place(lexer.position())) });
    }
}

fn place(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

impl Lexer<'_> {
    fn position(&mut self) -> usize {
        self.chars.peek().map_or(self.text.len(), |(at, _)| *at)
    }

    fn rest(&mut self) -> &str {
        let at = self.position();
        self.text.get(at..).unwrap_or_default()
    }

    fn error<T>(&mut self, start: usize, message: impl Into<String>) -> Result<T, LexError> {
        let end = self.position();
        Err(LexError { at: (place(start), place(end)), message: message.into() })
    }

    /// White space and comments.
    fn skip(&mut self) {
        loop {
            while self.chars.next_if(|(_, c)| matches!(c, ' ' | '\t' | '\n' | '\r' | '\u{c}')).is_some() {}
            if !self.rest().starts_with("//") {
                return;
            }
            while self.chars.next_if(|(_, c)| *c != '\n').is_some() {}
        }
    }

    fn token(&mut self, c: char, start: usize) -> Result<TokenKind, LexError> {
        match c {
            '"' | '\'' => Ok(TokenKind::String(self.string(start, false)?)),
            '`' => self.quoted(start),
            '0'..='9' => self.number(start),
            '.' if self.rest().chars().nth(1).is_some_and(|next| next.is_ascii_digit()) => self.number(start),
            'a'..='z' | 'A'..='Z' | '_' => self.word(start),
            _ => {
                let rest = self.rest();
                let Some(found) = PUNCTUATION.iter().find(|text| rest.starts_with(**text)) else {
                    self.chars.next();
                    return self.error(start, format!("token recognition error at: '{c}'"));
                };
                for _ in found.chars() {
                    self.chars.next();
                }
                Ok(TokenKind::Punct(found))
            }
        }
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> String {
        let mut text = String::new();
        while let Some((_, c)) = self.chars.next_if(|(_, c)| wanted(*c)) {
            text.push(c);
        }
        text
    }

    fn word(&mut self, start: usize) -> Result<TokenKind, LexError> {
        let word = self.take_while(|c| c.is_ascii_alphanumeric() || c == '_');
        if matches!(self.chars.peek(), Some((_, '"' | '\''))) {
            match word.as_str() {
                "r" | "R" => return Ok(TokenKind::String(self.string(start, true)?)),
                "b" | "B" => return self.byte_string(start, false),
                "br" | "bR" | "Br" | "BR" => return self.byte_string(start, true),
                _ => {}
            }
        }
        Ok(match word.as_str() {
            "true" => TokenKind::True,
            "false" => TokenKind::False,
            "null" => TokenKind::Null,
            "in" => TokenKind::In,
            _ => TokenKind::Ident(word),
        })
    }

    fn quoted(&mut self, start: usize) -> Result<TokenKind, LexError> {
        self.chars.next();
        let name = self.take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-' | '/' | ' '));
        if name.is_empty() || self.chars.next_if(|(_, c)| *c == '`').is_none() {
            return self.error(start, "a name in backticks may have letters, digits, '_', '.', '-', '/' and spaces");
        }
        Ok(TokenKind::Quoted(name))
    }

    fn number(&mut self, start: usize) -> Result<TokenKind, LexError> {
        let rest = self.rest();
        let after = |text: &str, at: usize| text.chars().nth(at);
        if (rest.starts_with("0x") || rest.starts_with("0X")) && after(rest, 2).is_some_and(|c| c.is_ascii_hexdigit()) {
            self.chars.next();
            self.chars.next();
            let digits = format!("0x{}", self.take_while(|c| c.is_ascii_hexdigit()));
            return Ok(self.unsigned(digits));
        }
        let mut text = self.take_while(|c| c.is_ascii_digit());
        let mut double = false;
        if self.rest().starts_with('.') && after(self.rest(), 1).is_some_and(|c| c.is_ascii_digit()) {
            self.chars.next();
            double = true;
            text.push('.');
            text.push_str(&self.take_while(|c| c.is_ascii_digit()));
        }
        let exponent = self.rest();
        if exponent.starts_with(['e', 'E']) {
            let signed = after(exponent, 1).is_some_and(|c| c == '+' || c == '-');
            if after(exponent, if signed { 2 } else { 1 }).is_some_and(|c| c.is_ascii_digit()) {
                double = true;
                text.push('e');
                self.chars.next();
                text.push_str(&self.take_while(|c| c == '+' || c == '-'));
                text.push_str(&self.take_while(|c| c.is_ascii_digit()));
            }
        }
        if double {
            Ok(TokenKind::Double(text))
        } else if text.is_empty() {
            self.error(start, "a number is expected")
        } else {
            Ok(self.unsigned(text))
        }
    }

    fn unsigned(&mut self, digits: String) -> TokenKind {
        if self.chars.next_if(|(_, c)| matches!(c, 'u' | 'U')).is_some() { TokenKind::Uint(digits) } else { TokenKind::Int(digits) }
    }

    /// What opens a string: one or three quotes.
    fn open(&mut self) -> (char, bool) {
        let quote = self.chars.next().map_or('"', |(_, c)| c);
        let triple = self.rest().starts_with([quote]) && self.rest().chars().nth(1) == Some(quote);
        if triple {
            self.chars.next();
            self.chars.next();
        }
        (quote, triple)
    }

    /// Whether the string ends here; if so, its end is taken.
    fn close(&mut self, quote: char, triple: bool) -> bool {
        let length = if triple { 3 } else { 1 };
        let ends = self.rest().chars().take(length).filter(|c| *c == quote).count() == length;
        if ends {
            for _ in 0..length {
                self.chars.next();
            }
        }
        ends
    }

    /// Reads a string; `put` gets each character or byte, and whether it came from a numeric escape.
    fn text(&mut self, start: usize, raw: bool, bytes: bool, put: &mut dyn FnMut(char, bool)) -> Result<(), LexError> {
        let (quote, triple) = self.open();
        loop {
            if self.close(quote, triple) {
                return Ok(());
            }
            match self.chars.next() {
                None => return self.error(start, "a string has no end"),
                Some((_, '\n' | '\r')) if !triple => return self.error(start, "a string has no end on its line"),
                Some((_, '\r')) => {
                    // Line ends are the same everywhere.
                    self.chars.next_if(|(_, c)| *c == '\n');
                    put('\n', false);
                }
                Some((at, '\\')) if !raw => self.escape(at, bytes, put)?,
                Some((_, c)) => put(c, false),
            }
        }
    }

    fn escape(&mut self, at: usize, bytes: bool, put: &mut dyn FnMut(char, bool)) -> Result<(), LexError> {
        let Some((_, c)) = self.chars.next() else { return self.error(at, "a string has no end") };
        let plain = match c {
            'a' => Some('\u{7}'),
            'b' => Some('\u{8}'),
            'f' => Some('\u{c}'),
            'n' => Some('\n'),
            'r' => Some('\r'),
            't' => Some('\t'),
            'v' => Some('\u{b}'),
            '\\' | '\'' | '"' | '`' | '?' => Some(c),
            _ => None,
        };
        if let Some(plain) = plain {
            put(plain, false);
            return Ok(());
        }
        let (mut code, digits, radix) = match c {
            'x' | 'X' => (String::new(), 2, 16),
            'u' if !bytes => (String::new(), 4, 16),
            'U' if !bytes => (String::new(), 8, 16),
            '0'..='3' => (c.to_string(), 2, 8),
            _ => return self.error(at, format!("unable to unescape '\\{c}'")),
        };
        for _ in 0..digits {
            match self.chars.next_if(|(_, c)| c.is_digit(radix)) {
                Some((_, digit)) => code.push(digit),
                None => return self.error(at, "unable to unescape: a digit is missing"),
            }
        }
        match u32::from_str_radix(&code, radix).ok().and_then(char::from_u32) {
            Some(found) => {
                put(found, true);
                Ok(())
            }
            None => self.error(at, format!("unable to unescape: `{code}` is no character")),
        }
    }

    fn string(&mut self, start: usize, raw: bool) -> Result<String, LexError> {
        let mut text = String::new();
        self.text(start, raw, false, &mut |c, _| text.push(c))?;
        Ok(text)
    }

    fn byte_string(&mut self, start: usize, raw: bool) -> Result<TokenKind, LexError> {
        let mut bytes = Vec::new();
        self.text(start, raw, true, &mut |c, numeric| match u8::try_from(u32::from(c)) {
            Ok(byte) if numeric => bytes.push(byte),
            _ => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        })?;
        Ok(TokenKind::Bytes(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[TokenKind]) {
        let got: Vec<TokenKind> = tokens(text).unwrap().into_iter().map(|token| token.kind).collect();
        assert_eq!(&got[..got.len() - 1], expected, "{text}");
    }

    #[test]
    fn literals() {
        use TokenKind::{Bytes, Double, Ident, Int, Punct, Quoted, String, Uint};
        let text = |text: &str| String(text.to_owned());
        check("1 0x1F 2u 0xau", &[Int("1".into()), Int("0x1F".into()), Uint("2".into()), Uint("0xa".into())]);
        check("1.5 .5 1e3 2.5E-3", &[Double("1.5".into()), Double(".5".into()), Double("1e3".into()), Double("2.5e-3".into())]);
        check("1.a", &[Int("1".into()), Punct("."), Ident("a".into())]);
        check(r#" 'a' "b" r'\n' '\x41\u00e9\101' "#, &[text("a"), text("b"), text("\\n"), text("A\u{e9}A")]);
        check("'''a'b\n''' \"\"\"\"x\"\"\"", &[text("a'b\n"), text("\"x")]);
        check(r#" b'\xff\377ÿ' BR"\x" "#, &[Bytes(vec![255, 255, 195, 191]), Bytes(b"\\x".to_vec())]);
        check("a.`b-c/d`", &[Ident("a".into()), Punct("."), Quoted("b-c/d".into())]);
        check("a // b\n c", &[Ident("a".into()), Ident("c".into())]);
        for wrong in ["'a", "'\\q'", "'\\ud800'", "b'\\u0041'", "'\\x4'", "#", "``", "'a\nb'", "'\\400'"] {
            assert!(tokens(wrong).is_err(), "{wrong}");
        }
    }
}
