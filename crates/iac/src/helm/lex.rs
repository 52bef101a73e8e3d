//! Text of a Go template to tokens: literal text, and what stands between `{{` and `}}`.

use std::ops::Range;

/// One token with its bytes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) range: Range<usize>,
}

/// What a token is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    /// Text between actions, trimmed.
    Text,
    /// `{{`.
    Open,
    /// `}}`.
    Close,
    /// Space between words of an action.
    Space,
    /// `name`, keywords included.
    Word(String),
    /// `.name`.
    Field(String),
    /// `$name` or `$`.
    Variable(String),
    /// `.` alone.
    Dot,
    /// A quoted string, decoded.
    Quoted(String),
    /// `'a'`.
    Letter(i64),
    Number(String),
    Pipe,
    Comma,
    /// `:=`.
    Declare,
    /// `=`.
    Assign,
    LeftParen,
    RightParen,
}

/// What is wrong with a template.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Wrong {
    pub(super) message: String,
    pub(super) range: Range<usize>,
}

/// Tokens of a template.
pub(super) fn lex(text: &str) -> Result<Vec<Token>, Wrong> {
    Lexer { text, at: 0, out: Vec::new(), parens: 0 }.run()
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    out: Vec<Token>,
    parens: usize,
}

fn is_space(letter: char) -> bool {
    matches!(letter, ' ' | '\t' | '\r' | '\n')
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn push(&mut self, kind: Kind, length: usize) {
        self.out.push(Token { kind, range: self.at..self.at + length });
        self.at += length;
    }

    fn wrong<T>(&self, message: impl Into<String>, range: Range<usize>) -> Result<T, Wrong> {
        Err(Wrong { message: message.into(), range })
    }

    fn run(mut self) -> Result<Vec<Token>, Wrong> {
        let mut trim = false;
        loop {
            let rest = self.rest();
            let open = rest.find("{{");
            let literal = open.map_or(rest, |open| rest.get(..open).unwrap_or_default());
            let after_open = open.and_then(|open| rest.get(open + 2..)).unwrap_or_default();
            let trims_before = after_open.starts_with('-') && after_open.chars().nth(1).is_some_and(is_space);
            let mut shown = literal;
            let mut start = self.at;
            if trim {
                shown = shown.trim_start_matches(is_space);
                start += literal.len() - shown.len();
            }
            if trims_before {
                shown = shown.trim_end_matches(is_space);
            }
            if !shown.is_empty() {
                self.out.push(Token { kind: Kind::Text, range: start..start + shown.len() });
            }
            self.at += literal.len();
            if open.is_none() {
                return Ok(self.out);
            }
            let begin = self.at;
            self.at += 2 + if trims_before { 1 } else { 0 };
            let comment = after_open.get(if trims_before { 2 } else { 0 }..).unwrap_or_default();
            if comment.starts_with("/*") {
                trim = self.comment(begin, trims_before)?;
                continue;
            }
            self.out.push(Token { kind: Kind::Open, range: begin..self.at });
            trim = self.action(begin)?;
        }
    }

    /// A comment; says whether it trims what follows.
    fn comment(&mut self, begin: usize, spaced: bool) -> Result<bool, Wrong> {
        if spaced {
            self.at += 1;
        }
        let rest = self.rest();
        let Some(end) = rest.find("*/") else { return self.wrong("a comment is not closed", begin..begin + 4) };
        let after = rest.get(end + 2..).unwrap_or_default();
        let trims = after.chars().next().is_some_and(is_space) && after.get(1..).is_some_and(|rest| rest.starts_with("-}}"));
        if trims {
            self.at += end + 2 + 4;
            return Ok(true);
        }
        if after.starts_with("}}") {
            self.at += end + 4;
            return Ok(false);
        }
        self.wrong("a comment must end right before `}}`", begin..self.at + end + 2)
    }

    /// An action up to its end; says whether it trims what follows.
    fn action(&mut self, begin: usize) -> Result<bool, Wrong> {
        self.parens = 0;
        loop {
            let rest = self.rest();
            let trims = rest.chars().next().is_some_and(is_space) && rest.get(1..).is_some_and(|rest| rest.starts_with("-}}"));
            if trims || rest.starts_with("}}") {
                if self.parens > 0 {
                    return self.wrong("a parenthesis is not closed", begin..self.at);
                }
                self.push(Kind::Close, if trims { 4 } else { 2 });
                return Ok(trims);
            }
            let Some(letter) = self.peek() else { return self.wrong("an action is not closed", begin..begin + 2) };
            match letter {
                letter if is_space(letter) => {
                    let mut length = 0;
                    for (at, letter) in rest.char_indices() {
                        // The space before `-}}` belongs to it.
                        if !is_space(letter) || (at > 0 && rest.get(at + 1..).is_some_and(|rest| rest.starts_with("-}}"))) {
                            break;
                        }
                        length = at + 1;
                    }
                    self.push(Kind::Space, length);
                }
                ':' if rest.starts_with(":=") => self.push(Kind::Declare, 2),
                '=' => self.push(Kind::Assign, 1),
                '|' => self.push(Kind::Pipe, 1),
                ',' => self.push(Kind::Comma, 1),
                '(' => {
                    self.parens += 1;
                    self.push(Kind::LeftParen, 1);
                }
                ')' => {
                    let Some(left) = self.parens.checked_sub(1) else {
                        return self.wrong("a closing parenthesis without its opening one", self.at..self.at + 1);
                    };
                    self.parens = left;
                    self.push(Kind::RightParen, 1);
                }
                '"' => self.quoted()?,
                '`' => {
                    let Some(end) = rest.get(1..).and_then(|inside| inside.find('`')) else {
                        return self.wrong("a raw string is not closed", self.at..self.at + 1);
                    };
                    let content = rest.get(1..=end).unwrap_or_default().replace('\r', "");
                    self.push(Kind::Quoted(content), end + 2);
                }
                '\'' => self.letter()?,
                '$' => {
                    let length = 1 + word_length(rest.get(1..).unwrap_or_default());
                    self.push(Kind::Variable(rest.get(..length).unwrap_or_default().to_owned()), length);
                }
                '.' if !rest.get(1..).is_some_and(|rest| rest.starts_with(|letter: char| letter.is_ascii_digit())) => {
                    let length = word_length(rest.get(1..).unwrap_or_default());
                    if length == 0 {
                        self.push(Kind::Dot, 1);
                    } else {
                        self.push(Kind::Field(rest.get(1..=length).unwrap_or_default().to_owned()), length + 1);
                    }
                }
                letter if letter.is_ascii_digit() || matches!(letter, '+' | '-' | '.') => {
                    let length = rest
                        .char_indices()
                        .find(|(at, letter)| {
                            let before = at.checked_sub(1).and_then(|at| rest.as_bytes().get(at)).copied();
                            let sign = matches!(letter, '+' | '-') && (*at == 0 || matches!(before, Some(b'e' | b'E' | b'p' | b'P')));
                            !(sign || letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_'))
                        })
                        .map_or(rest.len(), |(at, _)| at);
                    self.push(Kind::Number(rest.get(..length).unwrap_or_default().to_owned()), length.max(1));
                }
                letter if letter.is_alphabetic() || letter == '_' => {
                    let length = word_length(rest);
                    self.push(Kind::Word(rest.get(..length).unwrap_or_default().to_owned()), length);
                }
                other => {
                    return self.wrong(
                        format!("unexpected character `{}` in an action", other.escape_debug()),
                        self.at..self.at + other.len_utf8(),
                    );
                }
            }
        }
    }

    fn quoted(&mut self) -> Result<(), Wrong> {
        let rest = self.rest();
        let mut end = None;
        let mut escaped = false;
        for (at, letter) in rest.char_indices().skip(1) {
            match letter {
                '\n' => break,
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '"' => {
                    end = Some(at);
                    break;
                }
                _ => {}
            }
        }
        let Some(end) = end else { return self.wrong("a string is not closed", self.at..self.at + 1) };
        let Some(content) = unquote(rest.get(1..end).unwrap_or_default()) else {
            return self.wrong("a string has an escape that does not exist", self.at..self.at + end + 1);
        };
        self.push(Kind::Quoted(content), end + 1);
        Ok(())
    }

    fn letter(&mut self) -> Result<(), Wrong> {
        let rest = self.rest();
        let escaped = rest.get(1..).is_some_and(|rest| rest.starts_with('\\'));
        let end = rest.get(if escaped { 3 } else { 1 }..).and_then(|inside| inside.find('\'')).map(|at| at + if escaped { 3 } else { 1 });
        let content = end.and_then(|end| unquote(rest.get(1..end)?));
        match (end, content.as_ref().and_then(|content| content.chars().next())) {
            (Some(end), Some(letter)) if content.as_ref().is_some_and(|content| content.chars().count() == 1) => {
                self.push(Kind::Letter(i64::from(u32::from(letter))), end + 1);
                Ok(())
            }
            _ => self.wrong("a character constant is not valid", self.at..self.at + 1),
        }
    }
}

fn word_length(text: &str) -> usize {
    text.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(text.len())
}

/// What stands between the quotes of a Go string, decoded; `None` where an escape is not one.
pub(super) fn unquote(inside: &str) -> Option<String> {
    let mut bytes: Vec<u8> = Vec::with_capacity(inside.len());
    let mut rest = inside;
    while let Some(at) = rest.find('\\') {
        bytes.extend_from_slice(rest.get(..at)?.as_bytes());
        rest = rest.get(at + 1..)?;
        let letter = rest.chars().next()?;
        rest = rest.get(letter.len_utf8()..)?;
        let digits = match letter {
            'x' => 2,
            'u' => 4,
            'U' => 8,
            _ => 0,
        };
        match letter {
            'a' => bytes.push(7),
            'b' => bytes.push(8),
            'f' => bytes.push(12),
            'n' => bytes.push(b'\n'),
            'r' => bytes.push(b'\r'),
            't' => bytes.push(b'\t'),
            'v' => bytes.push(11),
            '\\' | '"' | '\'' => bytes.extend_from_slice(letter.to_string().as_bytes()),
            '0'..='7' => {
                let code = u32::from_str_radix(&format!("{letter}{}", rest.get(..2)?), 8).ok()?;
                rest = rest.get(2..)?;
                bytes.push(u8::try_from(code).ok()?);
            }
            'x' | 'u' | 'U' => {
                let code = u32::from_str_radix(rest.get(..digits)?, 16).ok()?;
                rest = rest.get(digits..)?;
                if letter == 'x' {
                    bytes.push(u8::try_from(code).ok()?);
                } else {
                    bytes.extend_from_slice(char::from_u32(code)?.to_string().as_bytes());
                }
            }
            _ => return None,
        }
    }
    bytes.extend_from_slice(rest.as_bytes());
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        let shown: Vec<&str> = lex(text).unwrap().into_iter().map(|token| text.get(token.range).unwrap()).collect();
        assert_eq!(shown, expected, "for {text:?}");
    }

    #[test]
    fn trims_and_comments() {
        check("a {{- b -}} c", &["a", "{{-", " ", "b", " -}}", "c"]);
        check("a {{ b }} c", &["a ", "{{", " ", "b", " ", "}}", " c"]);
        check("a {{/* x }} */}} c", &["a ", " c"]);
        check("a\n{{- /* x */ -}}\nc", &["a", "c"]);
        check("{{-3}}", &["{{", "-3", "}}"]);
        check("{{ x\n  -}} y", &["{{", " ", "x", "\n ", " -}}", "y"]);
        check("{{`a\"}}`}}", &["{{", "`a\"}}`", "}}"]);
        check("{{(.a).b $x.y .}}", &["{{", "(", ".a", ")", ".b", " ", "$x", ".y", " ", ".", "}}"]);
        check("{{1e+06 0x1F .5 'a'}}", &["{{", "1e+06", " ", "0x1F", " ", ".5", " ", "'a'", "}}"]);
    }

    #[test]
    fn strings() {
        let check = |text: &str, expected: Option<&str>| assert_eq!(unquote(text).as_deref(), expected, "for {text}");
        check(r#"a\"b\n\t\x41\u00e9\101"#, Some("a\"b\n\tAéA"));
        check(r"\q", None);
        check(r"\x4", None);
    }

    #[test]
    fn what_is_wrong() {
        let check = |text: &str, message: &str| assert_eq!(lex(text).unwrap_err().message, message, "for {text:?}");
        check("{{ a", "an action is not closed");
        check("{{/* a", "a comment is not closed");
        check("{{/* a */ b}}", "a comment must end right before `}}`");
        check("{{ \"a\n\" }}", "a string is not closed");
        check("{{ (a }}", "a parenthesis is not closed");
        check("{{ a) }}", "a closing parenthesis without its opening one");
        check("{{ % }}", "unexpected character `%` in an action");
    }
}
