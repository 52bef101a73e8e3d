//! Bicep text to tokens. Never fails: what is no token is one of its own, for the parser to complain of.

use std::sync::Arc;

use probity_value::{FileId, Span};

/// A token with its place.
#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    pub(super) span: Span,
    /// Whether a line ends between the token before and this one.
    pub(super) newline: bool,
}

/// What kind of token.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum TokenKind {
    Name(Arc<str>),
    Number(i64),
    /// Text without expressions in it.
    Text(Arc<str>),
    /// Text up to the first expression, between two, and behind the last.
    TextStart(Arc<str>),
    TextMiddle(Arc<str>),
    TextEnd(Arc<str>),
    /// An operator, bracket or other mark.
    Mark(&'static str),
    /// Something that is no token, with what is wrong.
    Wrong(&'static str),
    End,
}

/// Longest first.
const MARKS: &[&str] = &[
    "...", "=>", "==", "!=", "=~", "!~", "<=", ">=", "&&", "||", "??", "::", ".?", "[?", "(", ")", "[", "]", "{", "}", ",", ":", "?", "!",
    "=", "<", ">", "+", "-", "*", "/", "%", ".", "@", "|",
];

/// The tokens of a text, the last of them `End`, and the comments.
pub(super) fn lex(text: &str, file: FileId) -> (Vec<Token>, Vec<Span>) {
    let start = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let mut lexer = Lexer { text, file, at: start, newline: true, braces: Vec::new(), tokens: Vec::new(), comments: Vec::new() };
    lexer.run();
    (lexer.tokens, lexer.comments)
}

/// What a `}` closes.
#[derive(Clone, Copy, PartialEq)]
enum Brace {
    Object,
    /// An expression in text; whether the text is one over several lines.
    Text {
        long: bool,
    },
}

struct Lexer<'t> {
    text: &'t str,
    file: FileId,
    at: usize,
    newline: bool,
    braces: Vec<Brace>,
    tokens: Vec<Token>,
    comments: Vec<Span>,
}

impl<'t> Lexer<'t> {
    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn push(&mut self, kind: TokenKind, start: usize) {
        let span = Span::new(self.file, start..self.at);
        self.tokens.push(Token { kind, span, newline: std::mem::take(&mut self.newline) });
    }

    fn run(&mut self) {
        loop {
            self.space();
            let start = self.at;
            let Some(letter) = self.rest().chars().next() else {
                self.push(TokenKind::End, start);
                return;
            };
            if letter.is_ascii_digit() {
                self.number(start);
            } else if letter.is_alphabetic() || letter == '_' {
                let rest = self.rest();
                let end = rest.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(rest.len());
                let name: Arc<str> = rest.get(..end).unwrap_or_default().into();
                self.at += end;
                self.push(TokenKind::Name(name), start);
            } else if self.rest().starts_with("'''") {
                self.at += 3;
                self.first_line_break();
                self.long_text(start, true, false);
            } else if self.rest().starts_with("$'''") {
                self.at += 4;
                self.first_line_break();
                self.long_text(start, true, true);
            } else if letter == '\'' {
                self.at += 1;
                self.short_text(start, true);
            } else if letter == '}' && matches!(self.braces.last(), Some(Brace::Text { .. })) {
                self.at += 1;
                match self.braces.pop() {
                    Some(Brace::Text { long: true }) => self.long_text(start, false, true),
                    _ => self.short_text(start, false),
                }
            } else if let Some(mark) = MARKS.iter().find(|mark| self.rest().starts_with(**mark)) {
                self.at += mark.len();
                match *mark {
                    "{" => self.braces.push(Brace::Object),
                    "}" => {
                        self.braces.pop();
                    }
                    _ => {}
                }
                self.push(TokenKind::Mark(mark), start);
            } else {
                self.at += letter.len_utf8();
                self.push(TokenKind::Wrong("a letter that means nothing here"), start);
            }
        }
    }

    /// Passes over space, comments and directives.
    fn space(&mut self) {
        loop {
            let rest = self.rest();
            let trimmed = rest.trim_start();
            let passed = rest.len() - trimmed.len();
            self.newline |= rest.get(..passed).is_some_and(|space| space.contains(['\n', '\r']));
            let length = if trimmed.starts_with("//") || (trimmed.starts_with('#') && (self.newline || self.tokens.is_empty())) {
                trimmed.find(['\n', '\r']).unwrap_or(trimmed.len())
            } else if let Some(inside) = trimmed.strip_prefix("/*") {
                inside.find("*/").map_or(trimmed.len(), |end| end + 4)
            } else {
                self.at += passed;
                return;
            };
            let comment = trimmed.get(..length).unwrap_or_default();
            self.newline |= comment.contains('\n');
            let start = self.at + passed;
            self.at = start + length;
            self.comments.push(Span::new(self.file, start..self.at));
        }
    }

    fn number(&mut self, start: usize) {
        let rest = self.rest();
        let end = rest.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(rest.len());
        let number = rest.get(..end).and_then(|digits| digits.parse().ok());
        self.at += end;
        self.push(number.map_or(TokenKind::Wrong("a number that is too large"), TokenKind::Number), start);
    }

    fn first_line_break(&mut self) {
        let rest = self.rest();
        let skip = if rest.starts_with("\r\n") { 2 } else { usize::from(rest.starts_with('\n')) };
        self.at += skip;
    }

    fn piece(&mut self, text: String, start: usize, first: bool, last: bool) {
        let text: Arc<str> = text.into();
        let kind = match (first, last) {
            (true, true) => TokenKind::Text(text),
            (true, false) => TokenKind::TextStart(text),
            (false, false) => TokenKind::TextMiddle(text),
            (false, true) => TokenKind::TextEnd(text),
        };
        self.push(kind, start);
    }

    /// Text between single quotes, from behind the quote or the end of an expression.
    fn short_text(&mut self, start: usize, first: bool) {
        let mut out = String::new();
        loop {
            let rest = self.rest();
            let end = rest.find(['\'', '\\', '$', '\n', '\r']).unwrap_or(rest.len());
            out.push_str(rest.get(..end).unwrap_or_default());
            self.at += end;
            let rest = self.rest();
            if rest.starts_with('\'') {
                self.at += 1;
                self.piece(out, start, first, true);
                return;
            }
            if rest.starts_with("${") {
                self.at += 2;
                self.piece(out, start, first, false);
                self.braces.push(Brace::Text { long: false });
                return;
            }
            if rest.starts_with('$') {
                out.push('$');
                self.at += 1;
            } else if rest.starts_with('\\') {
                self.escape(&mut out);
            } else {
                self.push(TokenKind::Wrong("the text that begins here has no end on its line"), start);
                return;
            }
        }
    }

    fn escape(&mut self, out: &mut String) {
        let rest = self.rest();
        for (written, meant) in [("\\n", '\n'), ("\\r", '\r'), ("\\t", '\t'), ("\\\\", '\\'), ("\\'", '\''), ("\\$", '$')] {
            if rest.starts_with(written) {
                out.push(meant);
                self.at += written.len();
                return;
            }
        }
        let code = rest.strip_prefix("\\u{").and_then(|rest| rest.split_once('}')).map(|(digits, _)| digits);
        let letter =
            code.filter(|digits| digits.len() <= 8).and_then(|digits| u32::from_str_radix(digits, 16).ok()).and_then(char::from_u32);
        if let (Some(letter), Some(digits)) = (letter, code) {
            self.at += digits.len() + 4;
            out.push(letter);
        } else {
            out.push('\\');
            self.at += 1;
        }
    }

    /// Text between three quotes, which may have expressions only where `$` stands before it.
    fn long_text(&mut self, start: usize, first: bool, expressions: bool) {
        let rest = self.rest();
        let end = rest.find("'''");
        let inner = expressions.then(|| rest.find("${")).flatten();
        match (end, inner) {
            (end, Some(inner)) if end.is_none_or(|end| inner < end) => {
                let text = rest.get(..inner).unwrap_or_default().to_owned();
                self.at += inner + 2;
                self.piece(text, start, first, false);
                self.braces.push(Brace::Text { long: true });
            }
            (Some(end), _) => {
                // More quotes than three end the text with some of its own.
                let more = rest.get(end + 3..).unwrap_or_default();
                let end = end + more.bytes().take_while(|byte| *byte == b'\'').count();
                let text = rest.get(..end).unwrap_or_default().to_owned();
                self.at += end + 3;
                self.piece(text, start, first, true);
            }
            _ => {
                self.at = self.text.len();
                self.push(TokenKind::Wrong("the text that begins here has no end"), start);
            }
        }
    }
}
