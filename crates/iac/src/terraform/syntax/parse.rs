//! The native syntax of HCL, read in one pass straight from the bytes (HCL native syntax specification).
//!
//! **Invariant:** parsing never fails as a whole: a problem is noted, the parser goes on at the next line that can begin something, and
//! an attribute whose expression is broken stays as `Broken`. Depth is limited, and every loop moves forward.

use std::cell::Cell;
use std::collections::HashSet;
use std::sync::Arc;

use probity_value::{FileId, Span};

use super::{Attribute, Block, Body, Call, Expr, ExprKind, Follow, For, Label, Operator, Parsed, Problem};

/// Nesting of blocks, brackets and operators beyond which an expression is not read.
const MAX_DEPTH: u32 = 200;
/// Problems of one file that are reported; what follows is most often a consequence.
const MAX_PROBLEMS: usize = 20;

/// Reads a file.
pub(crate) fn parse_body(text: &str, file: FileId) -> Parsed {
    let first = parse_once(text, file, false);
    if first.problems.iter().any(|problem| problem.fatal) {
        // A brace that is missing swallows the rest of the file, so the second reading lets a line that begins a top-level block end
        // whatever is open.
        return parse_once(text, file, true);
    }
    first
}

fn parse_once(text: &str, file: FileId, resync: bool) -> Parsed {
    let mut parser = Parser::new(text, file);
    parser.resync = resync;
    if text.starts_with('\u{feff}') {
        parser.pos = '\u{feff}'.len_utf8();
    }
    let body = parser.body(true);
    parser.comments.sort_unstable_by_key(|span| span.start);
    parser.comments.dedup();
    Parsed { body, problems: parser.problems, comments: parser.comments }
}

/// Reads text that is one expression, as in the JSON form. Every place in it is `at`.
pub(crate) fn parse_expression(text: &str, at: Span) -> Result<Expr, Problem> {
    let mut parser = Parser::new(text, at.file);
    parser.fixed = Some(at);
    parser.newlines = false;
    let expr = parser.expression();
    parser.skip();
    if expr.is_ok() && !parser.at_end() {
        parser.problem("the expression ends too early");
    }
    finish(expr, parser)
}

/// Reads text that is a template, as `templatefile` and the JSON form have. `at` is the place of its first byte, `exact` whether
/// offsets in the text are offsets in the file; otherwise every place in it is `at`.
pub(crate) fn parse_template(text: &str, at: Span, exact: bool) -> Result<Expr, Problem> {
    let mut parser = Parser::new(text, at.file);
    if exact {
        parser.base = at.start as usize;
    } else {
        parser.fixed = Some(at);
    }
    let expr = parser.bare_template(false);
    finish(expr, parser)
}

fn finish(expr: Read<Expr>, parser: Parser<'_>) -> Result<Expr, Problem> {
    let place = parser.span(0, parser.end);
    match (parser.problems.into_iter().next(), expr) {
        (None, Ok(expr)) => Ok(expr),
        (Some(problem), _) => Err(problem),
        (None, Err(Stop)) => Err(Problem { span: place, message: "the text cannot be read".into(), fatal: true, code: "hcl-syntax" }),
    }
}

/// Reading cannot go on here; the problem is noted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stop;

pub(super) type Read<T> = Result<T, Stop>;

pub(super) struct Parser<'s> {
    pub(super) text: &'s str,
    pub(super) pos: usize,
    /// One past the last byte that may be read: the end of the text, or of the heredoc that is read.
    pub(super) end: usize,
    file: FileId,
    base: usize,
    fixed: Option<Span>,
    /// Whether a newline ends something here.
    pub(super) newlines: bool,
    depth: u32,
    pub(super) resync: bool,
    pub(super) looks_ahead: Cell<u32>,
    problems: Vec<Problem>,
    comments: Vec<Span>,
}

impl<'s> Parser<'s> {
    fn new(text: &'s str, file: FileId) -> Parser<'s> {
        Parser {
            text,
            pos: 0,
            end: text.len(),
            file,
            base: 0,
            fixed: None,
            newlines: true,
            depth: 0,
            resync: false,
            looks_ahead: Cell::new(0),
            problems: Vec::new(),
            comments: Vec::new(),
        }
    }

    /// The byte at an offset; 0 at the end. Texts with a zero byte are refused before they come here.
    pub(super) fn byte(&self, at: usize) -> u8 {
        if at < self.end { self.text.as_bytes().get(at).copied().unwrap_or(0) } else { 0 }
    }

    pub(super) fn peek(&self) -> u8 {
        self.byte(self.pos)
    }

    pub(super) fn at_end(&self) -> bool {
        self.pos >= self.end
    }

    pub(super) fn looking_at(&self, what: &str) -> bool {
        self.text.as_bytes().get(self.pos..self.end).is_some_and(|rest| rest.starts_with(what.as_bytes()))
    }

    pub(super) fn slice(&self, start: usize, end: usize) -> &'s str {
        self.text.get(start..end).unwrap_or_default()
    }

    pub(super) fn span(&self, start: usize, end: usize) -> Span {
        self.fixed.unwrap_or_else(|| Span::new(self.file, self.base + start..self.base + end))
    }

    pub(super) fn problem(&mut self, message: impl Into<String>) -> Stop {
        let mut end = self.pos;
        if !self.at_end() {
            end += 1;
            while end < self.end && !self.text.is_char_boundary(end) {
                end += 1;
            }
        }
        let span = self.span(self.pos, end);
        self.problem_at(span, message)
    }

    pub(super) fn problem_at(&mut self, span: Span, message: impl Into<String>) -> Stop {
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(Problem { span, message: message.into(), fatal: true, code: "hcl-syntax" });
        }
        Stop
    }

    pub(super) fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Read<T>) -> Read<T> {
        if self.depth >= MAX_DEPTH {
            return Err(self.problem(format!("nested more than {MAX_DEPTH} levels deep")));
        }
        self.depth += 1;
        let result = read(self);
        self.depth -= 1;
        result
    }

    /// Reads with newlines significant or not, and puts the setting back.
    pub(super) fn with_newlines<T>(&mut self, newlines: bool, read: impl FnOnce(&mut Self) -> Read<T>) -> Read<T> {
        let before = std::mem::replace(&mut self.newlines, newlines);
        let result = read(self);
        self.newlines = before;
        result
    }

    /// Skips blanks and comments, and newlines where they mean nothing.
    pub(super) fn skip(&mut self) {
        loop {
            match self.peek() {
                b' ' | b'\t' => self.pos += 1,
                b'\r' if self.byte(self.pos + 1) == b'\n' => {
                    if self.newlines {
                        return;
                    }
                    self.pos += 2;
                }
                b'\r' => self.pos += 1,
                b'\n' if !self.newlines => self.pos += 1,
                b'#' => self.line_comment(),
                b'/' if self.byte(self.pos + 1) == b'/' => self.line_comment(),
                b'/' if self.byte(self.pos + 1) == b'*' => self.block_comment(),
                _ => return,
            }
        }
    }

    /// Skips blanks, comments and newlines.
    fn skip_lines(&mut self) {
        let before = std::mem::replace(&mut self.newlines, false);
        self.skip();
        self.newlines = before;
    }

    pub(super) fn line_comment(&mut self) {
        let start = self.pos;
        let rest = self.text.as_bytes().get(start..self.end).unwrap_or_default();
        self.pos = memchr_newline(rest).map_or(self.end, |at| start + at);
        let mut end = self.pos;
        if end > start && self.byte(end - 1) == b'\r' {
            end -= 1;
        }
        self.comments.push(self.span(start, end));
    }

    pub(super) fn block_comment(&mut self) {
        let start = self.pos;
        let rest = self.text.as_bytes().get(start + 2..self.end).unwrap_or_default();
        if let Some(at) = rest.windows(2).position(|pair| pair == b"*/") {
            self.pos = start + 2 + at + 2;
        } else {
            self.problem("the comment has no end");
            self.pos = self.end;
        }
        self.comments.push(self.span(start, self.pos));
    }

    fn at_newline(&self) -> bool {
        self.peek() == b'\n' || (self.peek() == b'\r' && self.byte(self.pos + 1) == b'\n')
    }

    /// A name: letters, digits, `_` and `-`, not beginning with a digit or `-`.
    pub(super) fn name(&mut self) -> Option<&'s str> {
        let start = self.pos;
        let rest = self.text.get(start..self.end)?;
        let mut length = 0;
        for letter in rest.chars() {
            let fits = letter == '_' || letter.is_alphabetic() || (length > 0 && (letter == '-' || letter.is_alphanumeric()));
            if !fits {
                break;
            }
            length += letter.len_utf8();
        }
        if length == 0 {
            return None;
        }
        self.pos = start + length;
        Some(self.slice(start, self.pos))
    }

    // ---- bodies ----

    fn body(&mut self, top: bool) -> Body {
        let mut body = Body::default();
        let mut names = HashSet::new();
        loop {
            let before = self.pos;
            self.skip_lines();
            if self.at_end() {
                if !top {
                    self.problem("the block is not closed: `}` is missing");
                }
                break;
            }
            if self.peek() == b'}' {
                if top {
                    self.problem("`}` closes nothing");
                    self.pos += 1;
                    continue;
                }
                break;
            }
            if !top && self.resync && self.begins_top_level() {
                self.problem("the block before is not closed: `}` is missing");
                break;
            }
            let start = self.pos;
            if self.item(&mut body, &mut names).is_err() {
                self.recover(start);
            }
            if self.pos == before {
                // Nothing was taken: the byte is at fault, and has been reported.
                self.pos += 1;
                while self.pos < self.end && !self.text.is_char_boundary(self.pos) {
                    self.pos += 1;
                }
            }
        }
        body
    }

    /// Whether a line starts here that in any sane file begins a top-level block.
    pub(super) fn begins_top_level(&self) -> bool {
        let line_start = self.pos == 0 || self.text.as_bytes().get(self.pos - 1) == Some(&b'\n');
        if !line_start {
            return false;
        }
        let line = self.slice(self.pos, (self.pos + 40).min(self.end));
        let line = if line.is_empty() { self.slice(self.pos, self.end) } else { line };
        let word: &str = line.split(|letter: char| !letter.is_ascii_lowercase()).next().unwrap_or_default();
        let rest = line.get(word.len()..).unwrap_or_default().trim_start_matches([' ', '\t']);
        match word {
            "resource" | "data" | "module" | "variable" | "output" | "provider" => rest.starts_with('"'),
            "locals" | "terraform" => rest.starts_with('{'),
            _ => false,
        }
    }

    fn item(&mut self, body: &mut Body, names: &mut HashSet<&'s str>) -> Read<()> {
        let start = self.pos;
        let Some(name) = self.name() else {
            return Err(self.problem("an argument or a block is expected"));
        };
        let name_end = self.pos;
        self.skip();
        match self.peek() {
            b'=' if self.byte(self.pos + 1) != b'=' => {
                self.pos += 1;
                let name_span = self.span(start, name_end);
                self.skip();
                let at = self.pos;
                let expr = if self.at_end() || self.at_newline() { Err(self.problem("a value is expected")) } else { self.expression() };
                let failed = expr.is_err();
                let expr = expr.unwrap_or_else(|Stop| Expr { kind: ExprKind::Broken, span: self.span(at, self.pos.max(at)) });
                if !names.insert(name) && self.problems.len() < MAX_PROBLEMS {
                    self.problems.push(Problem {
                        span: name_span,
                        message: format!("`{name}` is given twice; the last one counts here, and Terraform refuses it"),
                        fatal: false,
                        code: "hcl-duplicate-attribute",
                    });
                }
                body.attributes.push(Attribute { name: name.into(), name_span, expr: Arc::new(expr) });
                if failed {
                    return Err(Stop);
                }
                self.skip();
                if !(self.at_end() || self.at_newline() || self.peek() == b'}') {
                    return Err(self.problem("a new line is expected after the value"));
                }
                Ok(())
            }
            b'{' | b'"' => self.deeper(|parser| parser.block(name, start, name_end, body)),
            byte if byte == b'_' || byte.is_ascii_alphabetic() || byte >= 0x80 => {
                self.deeper(|parser| parser.block(name, start, name_end, body))
            }
            _ => Err(self.problem(format!("`=` or a block is expected after `{name}`"))),
        }
    }

    fn block(&mut self, kind: &str, start: usize, name_end: usize, body: &mut Body) -> Read<()> {
        let mut labels = Vec::new();
        let mut head_end = name_end;
        loop {
            self.skip();
            let label_start = self.pos;
            match self.peek() {
                b'{' => break,
                b'"' => {
                    let label = self.quoted_template()?;
                    match label.kind {
                        ExprKind::String(text) => labels.push(Label { text }),
                        _ => return Err(self.problem_at(label.span, "a label of a block is plain text")),
                    }
                }
                _ => match self.name() {
                    Some(text) => labels.push(Label { text: text.into() }),
                    None => {
                        self.pos = label_start;
                        return Err(self.problem(format!("`{{` is expected: a block `{kind}` begins here")));
                    }
                },
            }
            head_end = self.pos;
        }
        self.pos += 1;
        let before = std::mem::replace(&mut self.newlines, true);
        let inner = self.body(false);
        self.newlines = before;
        if self.peek() == b'}' {
            self.pos += 1;
        }
        body.blocks.push(Arc::new(Block {
            kind: kind.into(),
            labels,
            body: inner,
            span: self.span(start, self.pos),
            head: self.span(start, head_end),
        }));
        Ok(())
    }

    // ---- expressions ----

    pub(super) fn expression(&mut self) -> Read<Expr> {
        self.deeper(Parser::conditional)
    }

    fn conditional(&mut self) -> Read<Expr> {
        let condition = self.binary(0)?;
        self.skip();
        if self.peek() != b'?' {
            return Ok(condition);
        }
        self.pos += 1;
        self.skip_lines();
        let then = self.expression()?;
        // Terraform wants the colon on the same line outside of brackets; after a `?` a line that begins with one means nothing else.
        self.skip_lines();
        if self.peek() != b':' {
            return Err(self.problem("`:` of the condition is expected"));
        }
        self.pos += 1;
        self.skip_lines();
        let otherwise = self.expression()?;
        let span = condition.span.join(otherwise.span);
        Ok(Expr { kind: ExprKind::Conditional(Box::new([condition, then, otherwise])), span })
    }

    fn operator(&self) -> Option<(Operator, u8, usize)> {
        let next = self.byte(self.pos + 1);
        Some(match self.peek() {
            b'|' if next == b'|' => (Operator::Or, 1, 2),
            b'&' if next == b'&' => (Operator::And, 2, 2),
            b'=' if next == b'=' => (Operator::Equal, 3, 2),
            b'!' if next == b'=' => (Operator::NotEqual, 3, 2),
            b'<' if next == b'=' => (Operator::LessOrEqual, 4, 2),
            b'>' if next == b'=' => (Operator::GreaterOrEqual, 4, 2),
            b'<' => (Operator::Less, 4, 1),
            b'>' => (Operator::Greater, 4, 1),
            b'+' => (Operator::Add, 5, 1),
            b'-' => (Operator::Subtract, 5, 1),
            b'*' => (Operator::Multiply, 6, 1),
            b'/' => (Operator::Divide, 6, 1),
            b'%' if next != b'{' => (Operator::Remainder, 6, 1),
            _ => return None,
        })
    }

    fn binary(&mut self, least: u8) -> Read<Expr> {
        let mut left = self.unary()?;
        let mut chained = 0_u32;
        loop {
            self.skip();
            let Some((operator, strength, length)) = self.operator() else { return Ok(left) };
            if strength <= least {
                return Ok(left);
            }
            chained += 1;
            if chained + self.depth > MAX_DEPTH {
                return Err(self.problem(format!("more than {MAX_DEPTH} operators in a row")));
            }
            self.pos += length;
            self.skip_lines();
            let right = self.deeper(|parser| parser.binary(strength))?;
            let span = left.span.join(right.span);
            left = Expr { kind: ExprKind::Binary(operator, Box::new((left, right))), span };
        }
    }

    fn unary(&mut self) -> Read<Expr> {
        self.skip();
        let start = self.pos;
        let sign = self.peek();
        if (sign == b'!' && self.byte(start + 1) != b'=') || sign == b'-' {
            self.pos += 1;
            let inner = self.deeper(Parser::unary)?;
            let span = self.span(start, start).join(inner.span);
            let kind = match (sign, &inner.kind) {
                (b'-', ExprKind::Int(number)) => ExprKind::Int(number.wrapping_neg()),
                (b'-', ExprKind::Float(number)) => ExprKind::Float(-number),
                (b'-', _) => ExprKind::Negate(Box::new(inner)),
                _ => ExprKind::Not(Box::new(inner)),
            };
            return Ok(Expr { kind, span });
        }
        self.postfix()
    }

    fn postfix(&mut self) -> Read<Expr> {
        let start = self.pos;
        let mut base = self.term()?;
        let mut chained = 0_u32;
        loop {
            self.skip();
            chained += 1;
            if chained + self.depth > MAX_DEPTH {
                return Err(self.problem(format!("more than {MAX_DEPTH} steps in a row")));
            }
            match self.peek() {
                b'.' if self.byte(self.pos + 1) == b'.' => return Ok(base),
                b'.' => {
                    self.pos += 1;
                    self.skip();
                    if self.peek() == b'*' {
                        self.pos += 1;
                        let follow = self.follow(false)?;
                        base = Expr { kind: ExprKind::Splat(Box::new(base), follow), span: self.span(start, self.pos) };
                    } else {
                        let name = self.member_name()?;
                        base = Expr { kind: ExprKind::Member(Box::new(base), name), span: self.span(start, self.pos) };
                    }
                }
                b'[' => {
                    self.pos += 1;
                    let before = self.pos;
                    self.skip_lines();
                    if self.peek() == b'*' {
                        self.pos += 1;
                        self.skip_lines();
                        self.expect(b']')?;
                        let follow = self.follow(true)?;
                        base = Expr { kind: ExprKind::Splat(Box::new(base), follow), span: self.span(start, self.pos) };
                    } else {
                        self.pos = before;
                        let key = self.index_key()?;
                        base = Expr { kind: ExprKind::Index(Box::new(base), Box::new(key)), span: self.span(start, self.pos) };
                    }
                }
                _ => return Ok(base),
            }
        }
    }

    fn index_key(&mut self) -> Read<Expr> {
        self.with_newlines(false, |parser| {
            parser.skip();
            let key = parser.expression()?;
            parser.skip();
            parser.expect(b']')?;
            Ok(key)
        })
    }

    fn member_name(&mut self) -> Read<Arc<str>> {
        if let Some(name) = self.name() {
            return Ok(name.into());
        }
        let start = self.pos;
        while self.peek().is_ascii_digit() {
            self.pos += 1;
        }
        if self.pos == start {
            return Err(self.problem("a name is expected after `.`"));
        }
        Ok(self.slice(start, self.pos).into())
    }

    /// What follows a splat: names and, after `[*]`, also indexes. After `.*` an index takes an item of the whole result.
    fn follow(&mut self, full: bool) -> Read<Vec<Follow>> {
        let mut steps = Vec::new();
        loop {
            let before = self.pos;
            self.skip();
            match self.peek() {
                b'.' if self.byte(self.pos + 1) != b'.' && self.byte(self.pos + 1) != b'*' => {
                    self.pos += 1;
                    steps.push(Follow::Member(self.member_name()?));
                }
                b'[' if full => {
                    self.pos += 1;
                    let inside = self.pos;
                    self.skip_lines();
                    if self.peek() == b'*' {
                        self.pos = before;
                        return Ok(steps);
                    }
                    self.pos = inside;
                    let key = self.index_key()?;
                    steps.push(Follow::Index(key));
                }
                _ => {
                    self.pos = before;
                    return Ok(steps);
                }
            }
            if steps.len() > MAX_DEPTH as usize {
                return Err(self.problem(format!("more than {MAX_DEPTH} steps in a row")));
            }
        }
    }

    fn expect(&mut self, byte: u8) -> Read<()> {
        if self.peek() == byte {
            self.pos += 1;
            return Ok(());
        }
        Err(self.problem(format!("`{}` is expected", char::from(byte))))
    }

    fn term(&mut self) -> Read<Expr> {
        let start = self.pos;
        match self.peek() {
            b'"' => self.quoted_template(),
            b'0'..=b'9' => Ok(self.number()),
            b'(' => {
                self.pos += 1;
                let inner = self.with_newlines(false, |parser| {
                    parser.skip();
                    let inner = parser.expression()?;
                    parser.skip();
                    parser.expect(b')')?;
                    Ok(inner)
                })?;
                Ok(Expr { kind: inner.kind, span: self.span(start, self.pos) })
            }
            b'[' => {
                self.pos += 1;
                self.with_newlines(false, |parser| parser.list(start))
            }
            b'{' => {
                self.pos += 1;
                self.object(start)
            }
            b'<' if self.byte(start + 1) == b'<' => self.heredoc(),
            _ => self.named(start),
        }
    }

    fn number(&mut self) -> Expr {
        let start = self.pos;
        let mut whole = true;
        while self.peek().is_ascii_digit() {
            self.pos += 1;
        }
        if self.peek() == b'.' && self.byte(self.pos + 1).is_ascii_digit() {
            whole = false;
            self.pos += 1;
            while self.peek().is_ascii_digit() {
                self.pos += 1;
            }
        }
        if matches!(self.peek(), b'e' | b'E') {
            let sign = usize::from(matches!(self.byte(self.pos + 1), b'+' | b'-'));
            if self.byte(self.pos + 1 + sign).is_ascii_digit() {
                whole = false;
                self.pos += 1 + sign;
                while self.peek().is_ascii_digit() {
                    self.pos += 1;
                }
            }
        }
        let text = self.slice(start, self.pos);
        let span = self.span(start, self.pos);
        if whole && let Ok(number) = text.parse::<i64>() {
            return Expr { kind: ExprKind::Int(number), span };
        }
        // Digits with a fraction or an exponent always parse; out of range is infinity.
        let number = text.parse::<f64>().unwrap_or(f64::INFINITY);
        Expr { kind: ExprKind::Float(number), span }
    }

    fn named(&mut self, start: usize) -> Read<Expr> {
        let Some(name) = self.name() else {
            return Err(self.problem("an expression is expected"));
        };
        let mut name = name.to_owned();
        while self.looking_at("::") {
            self.pos += 2;
            let Some(part) = self.name() else {
                return Err(self.problem("a name is expected after `::`"));
            };
            name.push_str("::");
            name.push_str(part);
        }
        let after = self.pos;
        self.skip();
        if self.peek() == b'(' {
            self.pos += 1;
            let (arguments, spread) = self.with_newlines(false, Parser::arguments)?;
            let call = Call { name: name.into(), arguments, spread };
            return Ok(Expr { kind: ExprKind::Call(Box::new(call)), span: self.span(start, self.pos) });
        }
        self.pos = after;
        let kind = match name.as_str() {
            "true" => ExprKind::Bool(true),
            "false" => ExprKind::Bool(false),
            "null" => ExprKind::Null,
            _ => ExprKind::Name(name.into()),
        };
        Ok(Expr { kind, span: self.span(start, after) })
    }

    fn arguments(&mut self) -> Read<(Vec<Expr>, bool)> {
        let mut arguments = Vec::new();
        let mut spread = false;
        loop {
            self.skip();
            if self.peek() == b')' {
                self.pos += 1;
                return Ok((arguments, spread));
            }
            arguments.push(self.expression()?);
            self.skip();
            if self.looking_at("...") {
                self.pos += 3;
                spread = true;
                self.skip();
            }
            match self.peek() {
                b',' => self.pos += 1,
                b')' => {}
                _ => return Err(self.problem("`,` or `)` is expected")),
            }
        }
    }

    /// Whether a `for` begins here; takes the word.
    fn begins_for(&mut self) -> bool {
        let before = self.pos;
        self.skip_lines();
        if self.looking_at("for") {
            self.pos += 3;
            let blank = matches!(self.peek(), b' ' | b'\t' | b'\n' | b'\r');
            self.skip_lines();
            let start = self.pos;
            if blank && self.name().is_some() {
                self.pos = start;
                return true;
            }
        }
        self.pos = before;
        false
    }

    fn list(&mut self, start: usize) -> Read<Expr> {
        if self.begins_for() {
            return self.for_expression(start, b']');
        }
        let mut items = Vec::new();
        loop {
            self.skip();
            if self.peek() == b']' {
                self.pos += 1;
                return Ok(Expr { kind: ExprKind::List(items), span: self.span(start, self.pos) });
            }
            items.push(self.expression()?);
            self.skip();
            match self.peek() {
                b',' => self.pos += 1,
                b']' => {}
                _ => return Err(self.problem("`,` or `]` is expected")),
            }
        }
    }

    fn object(&mut self, start: usize) -> Read<Expr> {
        if self.begins_for() {
            return self.with_newlines(false, |parser| parser.for_expression(start, b'}'));
        }
        self.with_newlines(true, |parser| {
            let mut items = Vec::new();
            loop {
                parser.skip_lines();
                if parser.peek() == b'}' {
                    parser.pos += 1;
                    return Ok(Expr { kind: ExprKind::Object(items), span: parser.span(start, parser.pos) });
                }
                if parser.resync && parser.begins_top_level() {
                    return Err(parser.problem("the object before is not closed: `}` is missing"));
                }
                let key = parser.object_key()?;
                parser.skip();
                match parser.peek() {
                    b':' => parser.pos += 1,
                    b'=' if parser.byte(parser.pos + 1) != b'=' => parser.pos += 1,
                    _ => return Err(parser.problem("`=` is expected after the key")),
                }
                // A value on the next line is refused by Terraform and means nothing else.
                parser.skip_lines();
                let value = parser.expression()?;
                items.push((key, value));
                parser.skip();
                match parser.peek() {
                    b',' => parser.pos += 1,
                    b'}' => {}
                    _ if parser.at_newline() => {}
                    _ => return Err(parser.problem("a new line, `,` or `}` is expected")),
                }
            }
        })
    }

    fn object_key(&mut self) -> Read<Expr> {
        let start = self.pos;
        if let Some(name) = self.name() {
            let after = self.pos;
            self.skip();
            if matches!(self.peek(), b'=' | b':') && !self.looking_at("==") && !self.looking_at("::") {
                self.pos = after;
                return Ok(Expr { kind: ExprKind::String(name.into()), span: self.span(start, after) });
            }
            self.pos = start;
        }
        self.deeper(|parser| parser.binary(0))
    }

    fn for_expression(&mut self, start: usize, close: u8) -> Read<Expr> {
        self.skip();
        let Some(first) = self.name() else { return Err(self.problem("a name is expected after `for`")) };
        let mut key = None;
        let mut value: Arc<str> = first.into();
        self.skip();
        if self.peek() == b',' {
            self.pos += 1;
            self.skip();
            let Some(second) = self.name() else { return Err(self.problem("a second name is expected after `,`")) };
            key = Some(std::mem::replace(&mut value, second.into()));
            self.skip();
        }
        if self.name() != Some("in") {
            return Err(self.problem("`in` is expected"));
        }
        self.skip();
        let collection = self.expression()?;
        self.skip();
        self.expect(b':')?;
        self.skip();
        let mut result = self.expression()?;
        let mut result_key = None;
        self.skip();
        if self.looking_at("=>") {
            self.pos += 2;
            self.skip();
            result_key = Some(std::mem::replace(&mut result, self.expression()?));
            self.skip();
        }
        let group = self.looking_at("...");
        if group {
            self.pos += 3;
            self.skip();
        }
        let mut condition = None;
        if self.looking_at("if") {
            self.pos += 2;
            self.skip();
            condition = Some(self.expression()?);
            self.skip();
        }
        self.expect(close)?;
        if (close == b'}') != result_key.is_some() {
            let span = self.span(start, self.pos);
            return Err(self.problem_at(span, "a `for` in braces needs `key => value`, one in brackets a value alone"));
        }
        let inner = For { key, value, collection, result_key, result, group, condition };
        Ok(Expr { kind: ExprKind::For(Box::new(inner)), span: self.span(start, self.pos) })
    }
}

fn memchr_newline(bytes: &[u8]) -> Option<usize> {
    bytes.iter().position(|byte| *byte == b'\n')
}
