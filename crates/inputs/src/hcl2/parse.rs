//! The native syntax of HCL 2 (HCL native syntax specification).

use std::collections::HashSet;
use std::ops::Range;

use probity_value::Problem;

use super::{Attribute, Block, Body, Kind, Node};
use crate::MAX_DEPTH;
use crate::text::{Read, Source};

/// Reads a file.
pub(super) fn parse(source: &Source<'_>) -> Read<Body> {
    let start = if source.text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let mut parser = Parser { source, at: start, end: source.text.len(), newlines: true, depth: 0 };
    parser.body(None)
}

/// Brackets, blocks and operators that may nest.
const MAX_NESTING: usize = if MAX_DEPTH > 200 { 200 } else { MAX_DEPTH };

pub(super) struct Parser<'a> {
    pub(super) source: &'a Source<'a>,
    pub(super) at: usize,
    /// One past the last byte that may be read: the end of the text, or of the heredoc that is read.
    pub(super) end: usize,
    /// Whether a line break ends something here.
    newlines: bool,
    depth: usize,
}

impl<'a> Parser<'a> {
    pub(super) fn peek(&self) -> Option<u8> {
        self.byte(self.at)
    }

    pub(super) fn byte(&self, at: usize) -> Option<u8> {
        if at < self.end { self.source.byte(at) } else { None }
    }

    pub(super) fn looking_at(&self, what: &str) -> bool {
        self.source.bytes().get(self.at..self.end).is_some_and(|rest| rest.starts_with(what.as_bytes()))
    }

    pub(super) fn unexpected(&self, wanted: &str) -> Problem {
        if self.at >= self.end {
            return self.source.problem(self.end..self.end, format!("expected {wanted}, found the end"));
        }
        self.source.unexpected(self.at, wanted)
    }

    pub(super) fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Read<T>) -> Read<T> {
        self.deeper_by(1, read)
    }

    fn deeper_by<T>(&mut self, levels: usize, read: impl FnOnce(&mut Self) -> Read<T>) -> Read<T> {
        if self.depth + levels > MAX_NESTING {
            return Err(self.source.problem_at(self.at, format!("nested deeper than {MAX_NESTING} levels")));
        }
        self.depth += levels;
        let result = read(self);
        self.depth -= levels;
        result
    }

    pub(super) fn with_newlines<T>(&mut self, newlines: bool, read: impl FnOnce(&mut Self) -> Read<T>) -> Read<T> {
        let before = std::mem::replace(&mut self.newlines, newlines);
        let result = read(self);
        self.newlines = before;
        result
    }

    /// Passes over blanks and comments, and line breaks where they mean nothing.
    pub(super) fn skip(&mut self) -> Read<()> {
        loop {
            match self.peek() {
                Some(b' ' | b'\t' | b'\r') => self.at += 1,
                Some(b'\n') if !self.newlines => self.at += 1,
                Some(b'#') => self.line(),
                Some(b'/') if self.looking_at("//") => self.line(),
                Some(b'/') if self.looking_at("/*") => {
                    let inside = self.source.slice(self.at + 2..self.end);
                    match inside.find("*/") {
                        Some(length) => self.at += length + 4,
                        None => return Err(self.source.problem(self.at..self.at + 2, "the comment has no end")),
                    }
                }
                _ => return Ok(()),
            }
        }
    }

    fn line(&mut self) {
        let rest = self.source.slice(self.at..self.end);
        self.at += rest.find('\n').unwrap_or(rest.len());
    }

    pub(super) fn name(&mut self) -> Option<Range<usize>> {
        let start = self.at;
        let mut length = 0;
        for letter in self.source.slice(start..self.end).chars() {
            let fits = letter == '_' || letter.is_alphabetic() || (length > 0 && (letter == '-' || letter.is_alphanumeric()));
            if !fits {
                break;
            }
            length += letter.len_utf8();
        }
        self.at += length;
        (length > 0).then_some(start..self.at)
    }

    pub(super) fn expect(&mut self, byte: u8) -> Read<()> {
        self.skip()?;
        if self.peek() == Some(byte) {
            self.at += 1;
            return Ok(());
        }
        Err(self.unexpected(&format!("`{}`", char::from(byte))))
    }

    // ---- bodies ----

    /// The items up to the closing brace of a block, which is read, or to the end.
    fn body(&mut self, open: Option<usize>) -> Read<Body> {
        let mut body = Body::default();
        let mut names = HashSet::new();
        loop {
            self.with_newlines(false, |parser| parser.skip())?;
            match (self.peek(), open) {
                (None, None) => return Ok(body),
                (None, Some(at)) => return Err(self.source.problem_at(at, "the block that opens here is not closed")),
                (Some(b'}'), Some(_)) => {
                    self.at += 1;
                    return Ok(body);
                }
                _ => {}
            }
            self.item(&mut body, &mut names)?;
            self.skip()?;
            match self.peek() {
                None | Some(b'\n') => {}
                // A block on one line.
                Some(b'}') if open.is_some() => {}
                _ => return Err(self.unexpected("the end of the line")),
            }
        }
    }

    fn item(&mut self, body: &mut Body, names: &mut HashSet<&'a str>) -> Read<()> {
        let start = self.at;
        let Some(name) = self.name() else { return Err(self.unexpected("an argument or a block")) };
        let text = self.source.slice(name.clone());
        self.skip()?;
        if self.peek() == Some(b'=') && self.byte(self.at + 1) != Some(b'=') {
            self.at += 1;
            let expression = self.expression()?;
            if !names.insert(text) {
                return Err(self.source.problem(name, format!("`{text}` is there more than once")));
            }
            body.attributes.push(Attribute { name, expression });
            return Ok(());
        }
        let mut labels = vec![(text.to_owned(), name)];
        loop {
            self.skip()?;
            let at = self.at;
            match self.peek() {
                Some(b'{') => break,
                Some(b'"') => {
                    let node = self.quoted()?;
                    let label = match node.kind {
                        Kind::Template(parts) => match parts.as_slice() {
                            [] => Some(String::new()),
                            [super::Part::Text(text)] => Some(text.clone()),
                            _ => None,
                        },
                        _ => None,
                    };
                    let Some(label) = label else { return Err(self.source.problem(node.range, "a label is a plain text")) };
                    labels.push((label, node.range));
                }
                _ => match self.name() {
                    Some(range) => labels.push((self.source.slice(range.clone()).to_owned(), range)),
                    None => {
                        self.at = at;
                        return Err(self.unexpected(if labels.len() == 1 { "`=`, `{` or a label" } else { "`{` or a label" }));
                    }
                },
            }
        }
        let open = self.at;
        self.at += 1;
        let inner = self.deeper_by(labels.len(), |parser| parser.with_newlines(true, |parser| parser.body(Some(open))))?;
        body.blocks.push(Block { names: labels, body: inner, range: start..self.at });
        Ok(())
    }

    // ---- expressions ----

    pub(super) fn expression(&mut self) -> Read<Node> {
        self.deeper(Self::conditional)
    }

    fn conditional(&mut self) -> Read<Node> {
        let condition = self.binary()?;
        let after = self.at;
        self.skip()?;
        if self.peek() != Some(b'?') {
            self.at = after;
            return Ok(condition);
        }
        self.at += 1;
        let then = self.expression()?;
        self.expect(b':')?;
        let otherwise = self.expression()?;
        let range = condition.range.start..otherwise.range.end;
        Ok(Node { kind: Kind::Conditional(Box::new([condition, then, otherwise])), range })
    }

    fn operator(&self) -> usize {
        let next = self.byte(self.at + 1);
        match self.peek() {
            Some(b'|') if next == Some(b'|') => 2,
            Some(b'&') if next == Some(b'&') => 2,
            Some(b'=' | b'!') if next == Some(b'=') => 2,
            Some(b'<' | b'>') if next == Some(b'=') => 2,
            Some(b'<' | b'>' | b'+' | b'-' | b'*' | b'/' | b'%') => 1,
            _ => 0,
        }
    }

    fn binary(&mut self) -> Read<Node> {
        let mut left = self.unary()?;
        loop {
            let after = self.at;
            self.skip()?;
            let length = self.operator();
            if length == 0 {
                self.at = after;
                return Ok(left);
            }
            self.at += length;
            let right = self.unary()?;
            left = Node { kind: Kind::Other, range: left.range.start..right.range.end };
        }
    }

    fn unary(&mut self) -> Read<Node> {
        self.skip()?;
        let start = self.at;
        match self.peek() {
            Some(b'-') => {
                self.at += 1;
                let inner = self.deeper(Self::unary)?;
                let range = start..inner.range.end;
                Ok(Node { kind: Kind::Negate(Box::new(inner)), range })
            }
            Some(b'!') if self.byte(self.at + 1) != Some(b'=') => {
                self.at += 1;
                let inner = self.deeper(Self::unary)?;
                let range = start..inner.range.end;
                Ok(Node { kind: Kind::Not(Box::new(inner)), range })
            }
            _ => self.postfix(),
        }
    }

    fn postfix(&mut self) -> Read<Node> {
        let mut node = self.term()?;
        loop {
            let after = self.at;
            self.skip()?;
            match self.peek() {
                Some(b'.') if !self.looking_at("...") => {
                    self.at += 1;
                    self.skip()?;
                    let plain = matches!(node.kind, Kind::Traversal);
                    let mut constant = plain;
                    if self.peek() == Some(b'*') {
                        self.at += 1;
                        constant = false;
                    } else if matches!(self.peek(), Some(b'0'..=b'9')) {
                        while matches!(self.peek(), Some(b'0'..=b'9')) {
                            self.at += 1;
                        }
                    } else if self.name().is_none() {
                        return Err(self.unexpected("the name of an attribute"));
                    }
                    node = Node { kind: if constant { Kind::Traversal } else { Kind::Other }, range: node.range.start..self.at };
                }
                Some(b'[') => {
                    self.at += 1;
                    let constant = self.with_newlines(false, |parser| {
                        parser.skip()?;
                        if parser.peek() == Some(b'*') {
                            parser.at += 1;
                            parser.expect(b']')?;
                            return Ok(false);
                        }
                        let key = parser.expression()?;
                        parser.expect(b']')?;
                        let constant = match &key.kind {
                            Kind::Null | Kind::Bool(_) | Kind::Number(_) => true,
                            Kind::Template(parts) => matches!(parts.as_slice(), [] | [super::Part::Text(_)]),
                            _ => false,
                        };
                        Ok(constant)
                    })?;
                    let kind = if constant && matches!(node.kind, Kind::Traversal) { Kind::Traversal } else { Kind::Other };
                    node = Node { kind, range: node.range.start..self.at };
                }
                _ => {
                    self.at = after;
                    return Ok(node);
                }
            }
        }
    }

    fn term(&mut self) -> Read<Node> {
        self.skip()?;
        let start = self.at;
        let kind = match self.peek() {
            Some(b'(') => {
                self.at += 1;
                self.with_newlines(false, |parser| {
                    parser.expression()?;
                    parser.expect(b')')
                })?;
                Kind::Other
            }
            Some(b'0'..=b'9') => self.number()?,
            Some(b'"') => return self.quoted(),
            Some(b'<') if self.looking_at("<<") => return self.heredoc(),
            Some(b'[') => self.tuple()?,
            Some(b'{') => self.object()?,
            _ => match self.name() {
                Some(range) => self.named(range)?,
                None => return Err(self.unexpected("a value")),
            },
        };
        Ok(Node { kind, range: start..self.at })
    }

    fn number(&mut self) -> Read<Kind> {
        let start = self.at;
        let digits = |parser: &mut Self| {
            let start = parser.at;
            while matches!(parser.peek(), Some(b'0'..=b'9')) {
                parser.at += 1;
            }
            parser.at > start
        };
        digits(self);
        if self.peek() == Some(b'.') && matches!(self.byte(self.at + 1), Some(b'0'..=b'9')) {
            self.at += 1;
            digits(self);
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            let before = self.at;
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            if !digits(self) {
                self.at = before;
            }
        }
        let text = self.source.slice(start..self.at);
        let value = text.parse().map_err(|_| self.source.problem(start..self.at, format!("`{text}` is no number")))?;
        Ok(Kind::Number(value))
    }

    fn named(&mut self, name: Range<usize>) -> Read<Kind> {
        let mut scoped = false;
        while self.looking_at("::") {
            self.at += 2;
            if self.name().is_none() {
                return Err(self.unexpected("the name of a function"));
            }
            scoped = true;
        }
        let after = self.at;
        self.skip()?;
        if self.peek() == Some(b'(') {
            self.at += 1;
            self.with_newlines(false, Self::arguments)?;
            return Ok(Kind::Other);
        }
        self.at = after;
        if scoped {
            return Err(self.unexpected("`(`"));
        }
        Ok(match self.source.slice(name) {
            "true" => Kind::Bool(true),
            "false" => Kind::Bool(false),
            "null" => Kind::Null,
            _ => Kind::Traversal,
        })
    }

    fn arguments(&mut self) -> Read<()> {
        loop {
            self.skip()?;
            if self.peek() == Some(b')') {
                self.at += 1;
                return Ok(());
            }
            self.expression()?;
            self.skip()?;
            if self.looking_at("...") {
                self.at += 3;
                return self.expect(b')');
            }
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b')') => {}
                _ => return Err(self.unexpected("`,` or `)`")),
            }
        }
    }

    /// Whether `for` begins here.
    fn begins_for(&mut self) -> Read<bool> {
        self.with_newlines(false, |parser| parser.skip())?;
        let start = self.at;
        let name = self.name();
        self.at = start;
        Ok(name.is_some_and(|range| self.source.slice(range) == "for"))
    }

    fn tuple(&mut self) -> Read<Kind> {
        self.at += 1;
        if self.begins_for()? {
            return self.comprehension(b']');
        }
        self.with_newlines(false, |parser| {
            let mut items = Vec::new();
            loop {
                parser.skip()?;
                if parser.peek() == Some(b']') {
                    parser.at += 1;
                    return Ok(Kind::Tuple(items));
                }
                items.push(parser.expression()?);
                parser.skip()?;
                match parser.peek() {
                    Some(b',') => parser.at += 1,
                    Some(b']') => {}
                    _ => return Err(parser.unexpected("`,` or `]`")),
                }
            }
        })
    }

    fn object(&mut self) -> Read<Kind> {
        let open = self.at;
        self.at += 1;
        if self.begins_for()? {
            return self.comprehension(b'}');
        }
        self.with_newlines(true, |parser| {
            let mut items = Vec::new();
            loop {
                parser.with_newlines(false, |parser| parser.skip())?;
                match parser.peek() {
                    Some(b'}') => {
                        parser.at += 1;
                        return Ok(Kind::Object(items));
                    }
                    None => return Err(parser.source.problem_at(open, "the brace that opens here is not closed")),
                    _ => {}
                }
                let key = parser.expression()?;
                parser.skip()?;
                if !matches!(parser.peek(), Some(b'=' | b':')) {
                    return Err(parser.unexpected("`=` or `:`"));
                }
                parser.at += 1;
                let value = parser.expression()?;
                items.push((key, value));
                parser.skip()?;
                match parser.peek() {
                    Some(b',' | b'\n') => parser.at += 1,
                    Some(b'}') => {}
                    _ => return Err(parser.unexpected("`,`, `}` or the end of the line")),
                }
            }
        })
    }

    /// `for` and what follows, up to the closing bracket.
    fn comprehension(&mut self, close: u8) -> Read<Kind> {
        self.with_newlines(false, |parser| {
            parser.skip()?;
            parser.name();
            parser.names()?;
            parser.word("in")?;
            parser.expression()?;
            parser.expect(b':')?;
            parser.expression()?;
            parser.skip()?;
            if close == b'}' {
                if !parser.looking_at("=>") {
                    return Err(parser.unexpected("`=>`"));
                }
                parser.at += 2;
                parser.expression()?;
                parser.skip()?;
                if parser.looking_at("...") {
                    parser.at += 3;
                    parser.skip()?;
                }
            }
            if parser.peek() != Some(close) {
                parser.word("if")?;
                parser.expression()?;
            }
            parser.expect(close)?;
            Ok(Kind::Other)
        })
    }

    /// One name, or two with a comma: as they are written in the shape.
    pub(super) fn names(&mut self) -> Read<String> {
        self.skip()?;
        let Some(first) = self.name() else { return Err(self.unexpected("a name")) };
        let mut out = self.source.slice(first).to_owned();
        self.skip()?;
        if self.peek() == Some(b',') {
            self.at += 1;
            self.skip()?;
            let Some(second) = self.name() else { return Err(self.unexpected("a name")) };
            out.push_str(", ");
            out.push_str(self.source.slice(second));
        }
        Ok(out)
    }

    pub(super) fn word(&mut self, word: &str) -> Read<()> {
        self.skip()?;
        let start = self.at;
        match self.name() {
            Some(range) if self.source.slice(range.clone()) == word => Ok(()),
            _ => {
                self.at = start;
                Err(self.unexpected(&format!("`{word}`")))
            }
        }
    }
}
