//! Text of an expression to tokens, as the fork of go-jmespath that Kyverno uses reads it.

use super::JmesError;

/// Longest text of one expression; what is longer is no expression a person wrote.
const MAX_TEXT: usize = 256 << 10;

/// What a token is.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Kind {
    Star,
    Dot,
    Filter,
    Flatten,
    LeftParen,
    RightParen,
    LeftBracket,
    RightBracket,
    LeftBrace,
    RightBrace,
    Or,
    Pipe,
    Number(Box<str>),
    Identifier(Box<str>),
    Quoted(Box<str>),
    Comma,
    Colon,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Equal,
    NotEqual,
    Json(Box<str>),
    Text(Box<str>),
    Current,
    Reference,
    And,
    Not,
    Assign,
    End,
}

impl Kind {
    /// How tightly it binds to what stands before it.
    pub(super) fn power(&self) -> u8 {
        match self {
            Kind::Pipe => 1,
            Kind::Or => 2,
            Kind::And => 3,
            Kind::Equal | Kind::NotEqual | Kind::Less | Kind::LessEqual | Kind::Greater | Kind::GreaterEqual => 5,
            Kind::Flatten => 9,
            Kind::Star => 20,
            Kind::Filter => 21,
            Kind::Dot => 40,
            Kind::Not => 45,
            Kind::LeftBrace => 50,
            Kind::LeftBracket => 55,
            Kind::LeftParen => 60,
            _ => 0,
        }
    }

    /// How a message names it.
    pub(super) fn shown(&self) -> String {
        let sign = match self {
            Kind::Star => "*",
            Kind::Dot => ".",
            Kind::Filter => "[?",
            Kind::Flatten => "[]",
            Kind::LeftParen => "(",
            Kind::RightParen => ")",
            Kind::LeftBracket => "[",
            Kind::RightBracket => "]",
            Kind::LeftBrace => "{",
            Kind::RightBrace => "}",
            Kind::Or => "||",
            Kind::Pipe => "|",
            Kind::Comma => ",",
            Kind::Colon => ":",
            Kind::Less => "<",
            Kind::LessEqual => "<=",
            Kind::Greater => ">",
            Kind::GreaterEqual => ">=",
            Kind::Equal => "==",
            Kind::NotEqual => "!=",
            Kind::Current => "@",
            Kind::Reference => "&",
            Kind::And => "&&",
            Kind::Not => "!",
            Kind::Assign => "=",
            Kind::Number(text) | Kind::Identifier(text) => text,
            Kind::Quoted(text) => return format!("`\"{text}\"`"),
            Kind::Json(text) => return format!("the literal {text}"),
            Kind::Text(text) => return format!("the text '{text}'"),
            Kind::End => return "the end".to_owned(),
        };
        format!("`{sign}`")
    }
}

/// A token and the byte it begins at.
#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) at: usize,
}

/// Reads all tokens; the last one is [`Kind::End`].
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, JmesError> {
    if text.len() > MAX_TEXT {
        return Err(JmesError::limit(format!("the expression is longer than {MAX_TEXT} bytes")));
    }
    let mut lexer = Lexer { text, at: 0 };
    let mut found = Vec::new();
    while let Some(sign) = lexer.next() {
        let at = lexer.at - sign.len_utf8();
        let kind = match sign {
            ' ' | '\t' | '\n' | '\r' => continue,
            'A'..='Z' | 'a'..='z' | '_' => lexer.identifier(at),
            '.' => Kind::Dot,
            '*' => Kind::Star,
            ',' => Kind::Comma,
            ':' => Kind::Colon,
            '{' => Kind::LeftBrace,
            '}' => Kind::RightBrace,
            ']' => Kind::RightBracket,
            '(' => Kind::LeftParen,
            ')' => Kind::RightParen,
            '@' => Kind::Current,
            '-' | '0'..='9' => lexer.number(at),
            '[' if lexer.takes('?') => Kind::Filter,
            '[' if lexer.takes(']') => Kind::Flatten,
            '[' => Kind::LeftBracket,
            '"' => lexer.quoted()?,
            '\'' => lexer.raw()?,
            '`' => Kind::Json(lexer.until('`')?.replace("\\`", "`").into()),
            '|' if lexer.takes('|') => Kind::Or,
            '|' => Kind::Pipe,
            '<' if lexer.takes('=') => Kind::LessEqual,
            '<' => Kind::Less,
            '>' if lexer.takes('=') => Kind::GreaterEqual,
            '>' => Kind::Greater,
            '!' if lexer.takes('=') => Kind::NotEqual,
            '!' => Kind::Not,
            '=' if lexer.takes('=') => Kind::Equal,
            '=' => Kind::Assign,
            '&' if lexer.takes('&') => Kind::And,
            '&' => Kind::Reference,
            other => return Err(JmesError::wrong(format!("`{}` does not belong into an expression", other.escape_default()))),
        };
        found.push(Token { kind, at });
    }
    found.push(Token { kind: Kind::End, at: text.len() });
    Ok(found)
}

struct Lexer<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Lexer<'t> {
    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let sign = self.peek()?;
        self.at += sign.len_utf8();
        Some(sign)
    }

    fn takes(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.at += wanted.len_utf8();
        }
        found
    }

    fn take_while(&mut self, start: usize, belongs: impl Fn(char) -> bool) -> Box<str> {
        while self.peek().is_some_and(&belongs) {
            self.next();
        }
        self.text.get(start..self.at).unwrap_or_default().into()
    }

    fn identifier(&mut self, start: usize) -> Kind {
        Kind::Identifier(self.take_while(start, |sign| sign.is_ascii_alphanumeric() || sign == '_'))
    }

    fn number(&mut self, start: usize) -> Kind {
        Kind::Number(self.take_while(start, |sign| sign.is_ascii_digit()))
    }

    /// The text up to the closing sign; a backslash keeps the sign after it.
    fn until(&mut self, end: char) -> Result<&'t str, JmesError> {
        let start = self.at;
        while let Some(sign) = self.next() {
            if sign == end {
                return Ok(self.text.get(start..self.at - end.len_utf8()).unwrap_or_default());
            }
            if sign == '\\' {
                self.next();
            }
        }
        Err(JmesError::wrong(format!("`{end}` is not closed")))
    }

    fn quoted(&mut self) -> Result<Kind, JmesError> {
        let inner = self.until('"')?;
        let (value, problems) = probity_value::json::parse(&format!("\"{inner}\""), probity_value::FileId::NONE);
        match (value.as_str(), problems.is_empty()) {
            (Some(name), true) => Ok(Kind::Quoted(name.into())),
            _ => Err(JmesError::wrong(format!("`\"{inner}\"` is no JSON text"))),
        }
    }

    /// Text between single quotes: nothing but `\'` is escaped.
    fn raw(&mut self) -> Result<Kind, JmesError> {
        let mut text = String::new();
        while let Some(sign) = self.next() {
            match sign {
                '\'' => return Ok(Kind::Text(text.into())),
                '\\' if self.takes('\'') => text.push('\''),
                other => text.push(other),
            }
        }
        Err(JmesError::wrong("`'` is not closed"))
    }
}
