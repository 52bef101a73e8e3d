//! Texts in quotes and heredocs, with `${...}` and `%{...}`.

use std::ops::Range;

use super::parse::Parser;
use super::{Kind, Node, Part};
use crate::text::Read;

/// A template before its directives are paired.
enum Token {
    Text(String),
    Value(Node),
    If(Range<usize>),
    Else,
    EndIf,
    For(String, Range<usize>),
    EndFor,
}

/// A token, which sides a `~` strips, and where it stands.
struct Placed {
    token: Token,
    before: bool,
    after: bool,
    range: Range<usize>,
}

impl Parser<'_> {
    /// A text in quotes.
    pub(super) fn quoted(&mut self) -> Read<Node> {
        let start = self.at;
        self.at += 1;
        let mut tokens = self.deeper(|parser| parser.tokens(start, true))?;
        self.at += 1;
        strip(&mut tokens);
        let range = start..self.at;
        if let [Placed { token: Token::Value(_), .. }] = tokens.as_slice()
            && let Some(Placed { token: Token::Value(node), .. }) = tokens.pop()
        {
            return Ok(Node { kind: Kind::Wrapped(Box::new(node)), range });
        }
        Ok(Node { kind: Kind::Template(self.pair(tokens)?), range })
    }

    /// `<<NAME` and the lines up to the one that is `NAME`.
    pub(super) fn heredoc(&mut self) -> Read<Node> {
        let start = self.at;
        let rest = self.source.slice(start + 2..self.end);
        let (indented, rest) = rest.strip_prefix('-').map_or((false, rest), |rest| (true, rest));
        let line = rest.split('\n').next().unwrap_or_default();
        let name = line.trim_end_matches('\r');
        let fits = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '-');
        if name.is_empty() || !name.chars().all(fits) {
            return Err(self.source.problem(start..start + 2, "the heredoc has no name, or more than it on its line"));
        }
        let body = start + 2 + usize::from(indented) + line.len() + 1;
        let mut line_start = body;
        let end = loop {
            if line_start > self.end {
                return Err(self.source.problem(start..body.min(self.end), format!("the heredoc has no end: no line is `{name}`")));
            }
            let rest = self.source.slice(line_start..self.end);
            let line = rest.split('\n').next().unwrap_or_default();
            if line.trim() == name {
                break line_start + line.len() - line.trim_start().len() + name.len();
            }
            line_start += line.len() + 1;
        };
        let outer = std::mem::replace(&mut self.end, line_start);
        self.at = body;
        let tokens = self.deeper(|parser| parser.tokens(start, false));
        self.end = outer;
        self.at = end;
        let mut tokens = tokens?;
        strip(&mut tokens);
        if indented {
            outdent(&mut tokens);
        }
        Ok(Node { kind: Kind::Template(self.pair(tokens)?), range: start..end })
    }

    /// Reads up to the closing quote or the end.
    fn tokens(&mut self, start: usize, quoted: bool) -> Read<Vec<Placed>> {
        let mut tokens = Vec::new();
        let mut text = String::new();
        let mut run = self.at;
        let literal = |text: &mut String, range| Placed { token: Token::Text(std::mem::take(text)), before: false, after: false, range };
        loop {
            let byte = self.peek();
            let doubled = byte.is_some() && self.byte(self.at + 1) == byte && self.byte(self.at + 2) == Some(b'{');
            let opens = matches!(byte, Some(b'$' | b'%')) && (self.byte(self.at + 1) == Some(b'{') || doubled);
            let special = byte.is_none() || opens || matches!(byte, Some(b'\n')) || quoted && matches!(byte, Some(b'"' | b'\\'));
            if !special {
                self.at += 1;
                continue;
            }
            text.push_str(self.source.slice(run..self.at));
            match byte {
                None if quoted => return Err(self.source.problem_at(start, "the text that begins here has no end")),
                None => break,
                Some(b'"') if quoted => break,
                Some(b'\n') if quoted => return Err(self.source.problem_at(start, "a text in quotes ends on its line")),
                Some(b'\n') => {
                    // One token per line, because `~` and `<<-` work line by line.
                    text.push('\n');
                    self.at += 1;
                    tokens.push(literal(&mut text, run..self.at));
                }
                Some(b'\\') if quoted => self.escape(&mut text)?,
                Some(byte) if doubled => {
                    text.push(char::from(byte));
                    text.push('{');
                    self.at += 3;
                }
                Some(byte) => {
                    if !text.is_empty() {
                        tokens.push(literal(&mut text, run..self.at));
                    }
                    let token = self.with_newlines(false, |parser| parser.sequence(byte == b'$'))?;
                    tokens.push(token);
                }
            }
            run = self.at;
        }
        if !text.is_empty() {
            tokens.push(literal(&mut text, run..self.at));
        }
        Ok(tokens)
    }

    fn escape(&mut self, text: &mut String) -> Read<()> {
        let start = self.at;
        let code = self.byte(start + 1);
        self.at += 2;
        let digits = match code {
            Some(b'n') => return put(text, '\n'),
            Some(b'r') => return put(text, '\r'),
            Some(b't') => return put(text, '\t'),
            Some(b'"') => return put(text, '"'),
            Some(b'\\') => return put(text, '\\'),
            Some(b'u') => 4,
            Some(b'U') => 8,
            _ => return Err(self.source.problem(start..start + 1, "`\\` is followed by one of `n r t \" \\ u U`")),
        };
        let hex = self.source.slice(self.at..self.at + digits);
        let fits = hex.len() == digits && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
        match u32::from_str_radix(hex, 16).ok().filter(|_| fits).and_then(char::from_u32) {
            Some(letter) => {
                self.at += digits;
                put(text, letter)
            }
            None => Err(self.source.problem(start..self.at, format!("expected {digits} hexadecimal digits of a character"))),
        }
    }

    fn tilde(&mut self) -> bool {
        let there = self.peek() == Some(b'~');
        self.at += usize::from(there);
        there
    }

    fn close(&mut self) -> Read<bool> {
        self.skip()?;
        let strip = self.tilde();
        self.expect(b'}')?;
        Ok(strip)
    }

    /// `${...}` or `%{...}`.
    fn sequence(&mut self, interpolation: bool) -> Read<Placed> {
        let start = self.at;
        self.at += 2;
        let before = self.tilde();
        self.skip()?;
        let token = if interpolation { Token::Value(self.expression()?) } else { self.directive()? };
        let after = self.close()?;
        Ok(Placed { token, before, after, range: start..self.at })
    }

    fn directive(&mut self) -> Read<Token> {
        let start = self.at;
        let word = self.name().map(|range| self.source.slice(range)).unwrap_or_default();
        Ok(match word {
            "if" => Token::If(self.expression()?.range),
            "for" => {
                let names = self.names()?;
                self.word("in")?;
                Token::For(names, self.expression()?.range)
            }
            "else" => Token::Else,
            "endif" => Token::EndIf,
            "endfor" => Token::EndFor,
            _ => {
                self.at = start;
                return Err(self.unexpected("`if`, `else`, `endif`, `for` or `endfor`"));
            }
        })
    }

    fn pair(&mut self, tokens: Vec<Placed>) -> Read<Vec<Part>> {
        let (parts, end) = self.parts(&mut tokens.into_iter())?;
        match end {
            Some(end) => Err(self.source.problem(end.range, "this ends nothing")),
            None => Ok(parts),
        }
    }

    /// Parts up to a token that ends something, which is given back.
    fn parts(&mut self, tokens: &mut std::vec::IntoIter<Placed>) -> Read<(Vec<Part>, Option<Placed>)> {
        let mut parts = Vec::new();
        let mut text = String::new();
        while let Some(placed) = tokens.next() {
            if let Token::Text(piece) = placed.token {
                text.push_str(&piece);
                continue;
            }
            if !text.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut text)));
            }
            match placed.token {
                Token::Text(_) => {}
                Token::Value(node) => parts.push(Part::Value(node)),
                Token::If(condition) => {
                    let (then, end) = self.deeper(|parser| parser.parts(tokens))?;
                    let (otherwise, end) = match end {
                        Some(Placed { token: Token::Else, .. }) => self.deeper(|parser| parser.parts(tokens))?,
                        end => (Vec::new(), end),
                    };
                    if !matches!(end, Some(Placed { token: Token::EndIf, .. })) {
                        return Err(self.source.problem(placed.range, "`endif` is missing"));
                    }
                    parts.push(Part::If { condition, then, otherwise });
                }
                Token::For(names, collection) => {
                    let (body, end) = self.deeper(|parser| parser.parts(tokens))?;
                    if !matches!(end, Some(Placed { token: Token::EndFor, .. })) {
                        return Err(self.source.problem(placed.range, "`endfor` is missing"));
                    }
                    parts.push(Part::For { names, collection, body });
                }
                Token::Else | Token::EndIf | Token::EndFor => return Ok((parts, Some(placed))),
            }
        }
        if !text.is_empty() {
            parts.push(Part::Text(text));
        }
        Ok((parts, None))
    }
}

fn put(text: &mut String, letter: char) -> Read<()> {
    text.push(letter);
    Ok(())
}

/// Strips white space beside `~`.
fn strip(tokens: &mut [Placed]) {
    for index in 0..tokens.len() {
        let (before, after) = tokens.get(index).map_or((false, false), |placed| (placed.before, placed.after));
        if before && let Some(Placed { token: Token::Text(text), .. }) = index.checked_sub(1).and_then(|before| tokens.get_mut(before)) {
            text.truncate(text.trim_end().len());
        }
        if after && let Some(Placed { token: Token::Text(text), .. }) = tokens.get_mut(index + 1) {
            let kept = text.trim_start().len();
            text.drain(..text.len() - kept);
        }
    }
}

/// Takes the smallest indentation of any line away from every line, as `<<-` does.
fn outdent(tokens: &mut [Placed]) {
    let mut least = usize::MAX;
    let mut lines: Vec<usize> = Vec::new();
    let mut line_begins = true;
    for (index, placed) in tokens.iter().enumerate() {
        if line_begins {
            line_begins = false;
            match &placed.token {
                Token::Text(text) => {
                    let trimmed = text.trim_start();
                    if !(trimmed.is_empty() && text.ends_with('\n')) {
                        let blank = text.get(..text.len() - trimmed.len()).unwrap_or_default();
                        least = least.min(blank.chars().count());
                        lines.push(index);
                    }
                }
                _ => least = 0,
            }
        }
        if let Token::Text(text) = &placed.token
            && text.ends_with('\n')
        {
            line_begins = true;
        }
    }
    for index in lines {
        if let Some(Placed { token: Token::Text(text), .. }) = tokens.get_mut(index) {
            let cut: usize = text.chars().take(least).map(char::len_utf8).sum();
            text.drain(..cut);
        }
    }
}
