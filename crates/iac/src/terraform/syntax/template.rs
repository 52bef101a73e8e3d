//! Templates: quoted text, heredocs, and bare text with `${...}` and `%{...}`.

use std::sync::Arc;

use probity_value::Span;

use super::parse::{Parser, Read, Stop};
use super::{Expr, ExprKind, Part};

/// Where a heredoc lies.
pub(super) struct Extent {
    /// First byte of its text.
    start: usize,
    /// One past the last byte of its text, the final newline included.
    end: usize,
    /// One past its end marker.
    pub(super) after: usize,
    /// Whether it is `<<-`.
    indented: bool,
}

/// A template before its directives are paired.
enum Token {
    Text(String),
    Value { expr: Expr, trim: Trim },
    If { condition: Expr, trim: Trim, span: Span },
    Else { trim: Trim, span: Span },
    EndIf { trim: Trim, span: Span },
    For { key: Option<Arc<str>>, value: Arc<str>, collection: Expr, trim: Trim, span: Span },
    EndFor { trim: Trim, span: Span },
}

/// Which sides a `~` strips.
#[derive(Clone, Copy, Default)]
struct Trim {
    before: bool,
    after: bool,
}

impl Token {
    fn trim(&self) -> Trim {
        match self {
            Token::Text(_) => Trim::default(),
            Token::Value { trim, .. }
            | Token::If { trim, .. }
            | Token::Else { trim, .. }
            | Token::EndIf { trim, .. }
            | Token::For { trim, .. }
            | Token::EndFor { trim, .. } => *trim,
        }
    }
}

impl Parser<'_> {
    /// Text in double quotes.
    pub(super) fn quoted_template(&mut self) -> Read<Expr> {
        let start = self.pos;
        self.pos += 1;
        let tokens = self.tokens(true)?;
        if self.peek() != b'"' {
            let span = self.span(start, self.pos);
            return Err(self.problem_at(span, "the text is not closed: `\"` is missing"));
        }
        self.pos += 1;
        let span = self.span(start, self.pos);
        self.assemble(tokens, span)
    }

    /// Text up to the end, as a template.
    pub(super) fn bare_template(&mut self, indented: bool) -> Read<Expr> {
        let start = self.pos;
        let mut tokens = self.tokens(false)?;
        strip(&mut tokens);
        if indented {
            outdent(&mut tokens);
        }
        let span = self.span(start, self.end);
        self.pair(tokens, span)
    }

    pub(super) fn heredoc_extent(&self) -> Option<Extent> {
        let mut at = self.pos + 2;
        let indented = self.byte(at) == b'-';
        if indented {
            at += 1;
        }
        let name_start = at;
        while self.byte(at) == b'_' || self.byte(at) == b'-' || self.byte(at).is_ascii_alphanumeric() {
            at += 1;
        }
        let name = self.slice(name_start, at);
        if name.is_empty() {
            return None;
        }
        while matches!(self.byte(at), b' ' | b'\t' | b'\r') {
            at += 1;
        }
        if self.byte(at) != b'\n' {
            return None;
        }
        if self.heredocs_have_failed() {
            return None;
        }
        let start = at + 1;
        let mut line_start = start;
        while line_start <= self.end {
            let mut line_end = line_start;
            while line_end < self.end && self.byte(line_end) != b'\n' {
                line_end += 1;
            }
            let line = self.slice(line_start, line_end);
            let trimmed = line.trim_start();
            // `EOF)` and `EOF,` are no end to Terraform; `EOF` with blanks around is.
            if trimmed.trim_end() == name {
                let after = line_start + (line.len() - trimmed.len()) + name.len();
                return Some(Extent { start, end: line_start, after, indented });
            }
            if line_end >= self.end {
                self.count_failed_heredoc();
                return None;
            }
            line_start = line_end + 1;
        }
        None
    }

    pub(super) fn heredoc(&mut self) -> Read<Expr> {
        let start = self.pos;
        let Some(extent) = self.heredoc_extent() else {
            return Err(self.problem("the heredoc has no end: a line with its marker alone is missing"));
        };
        let outer_end = std::mem::replace(&mut self.end, extent.end);
        self.pos = extent.start;
        let inner = self.bare_template(extent.indented);
        self.end = outer_end;
        self.pos = extent.after;
        let inner = inner?;
        let kind = match inner.kind {
            // A heredoc is text, even one that is nothing but an interpolation.
            ExprKind::Interpolation(value) => ExprKind::Template(vec![Part::Value(*value)]),
            kind => kind,
        };
        Ok(Expr { kind, span: self.span(start, extent.after) })
    }

    /// Reads up to the closing quote or the end.
    fn tokens(&mut self, quoted: bool) -> Read<Vec<Token>> {
        let mut tokens = Vec::new();
        let mut text = String::new();
        let mut plain = self.pos;
        loop {
            let byte = self.peek();
            let next = self.byte(self.pos + 1);
            let third = self.byte(self.pos + 2);
            let special = self.at_end()
                || (quoted && matches!(byte, b'"' | b'\\' | b'\n'))
                || (matches!(byte, b'$' | b'%') && (next == b'{' || (next == byte && third == b'{')))
                || (!quoted && byte == b'\n');
            if !special {
                self.pos += 1;
                continue;
            }
            text.push_str(self.slice(plain, self.pos));
            if self.at_end() {
                break;
            }
            match byte {
                b'"' => break,
                b'\n' if quoted => {
                    return Err(self.problem("a text in quotes ends on its line; use a heredoc or `\\n`"));
                }
                b'\n' => {
                    // One token per line, because `~` and `<<-` work line by line.
                    text.push('\n');
                    self.pos += 1;
                    tokens.push(Token::Text(std::mem::take(&mut text)));
                }
                b'\\' => self.escape(&mut text)?,
                _ if next == byte => {
                    text.push(char::from(byte));
                    text.push('{');
                    self.pos += 3;
                }
                _ => {
                    if !text.is_empty() {
                        tokens.push(Token::Text(std::mem::take(&mut text)));
                    }
                    let token =
                        self.with_newlines(false, |parser| if byte == b'$' { parser.interpolation() } else { parser.directive() })?;
                    tokens.push(token);
                }
            }
            plain = self.pos;
        }
        if !text.is_empty() {
            tokens.push(Token::Text(text));
        }
        Ok(tokens)
    }

    fn escape(&mut self, text: &mut String) -> Read<()> {
        let code = self.byte(self.pos + 1);
        let digits = match code {
            b'n' => return self.plain_escape(text, '\n'),
            b'r' => return self.plain_escape(text, '\r'),
            b't' => return self.plain_escape(text, '\t'),
            b'"' => return self.plain_escape(text, '"'),
            b'\\' => return self.plain_escape(text, '\\'),
            b'u' => 4,
            b'U' => 8,
            _ => {
                // Terraform refuses it; what its author meant is most often the text as it stands (a regular expression).
                self.problem("`\\` is followed by one of `n r t \" \\ u U`");
                text.push('\\');
                self.pos += 1;
                return Ok(());
            }
        };
        let hex = self.slice(self.pos + 2, self.pos + 2 + digits);
        match u32::from_str_radix(hex, 16).ok().and_then(char::from_u32) {
            Some(letter) if hex.len() == digits => {
                text.push(letter);
                self.pos += 2 + digits;
                Ok(())
            }
            _ => Err(self.problem(format!("`\\{}` is followed by {digits} hexadecimal digits of a character", char::from(code)))),
        }
    }

    fn plain_escape(&mut self, text: &mut String, letter: char) -> Read<()> {
        text.push(letter);
        self.pos += 2;
        Ok(())
    }

    fn trim_before(&mut self) -> bool {
        let strip = self.peek() == b'~';
        if strip {
            self.pos += 1;
        }
        strip
    }

    fn close(&mut self) -> Read<bool> {
        self.skip();
        let strip = self.trim_before();
        if self.peek() != b'}' {
            return Err(self.problem("`}` is expected"));
        }
        self.pos += 1;
        Ok(strip)
    }

    fn interpolation(&mut self) -> Read<Token> {
        self.pos += 2;
        let before = self.trim_before();
        self.skip();
        let expr = self.expression()?;
        let after = self.close()?;
        Ok(Token::Value { expr, trim: Trim { before, after } })
    }

    fn directive(&mut self) -> Read<Token> {
        let start = self.pos;
        self.pos += 2;
        let before = self.trim_before();
        self.skip();
        let word = self.name().unwrap_or_default();
        self.skip();
        match word {
            "if" => {
                let condition = self.expression()?;
                let after = self.close()?;
                Ok(Token::If { condition, trim: Trim { before, after }, span: self.span(start, self.pos) })
            }
            "for" => {
                let Some(first) = self.name() else { return Err(self.problem("a name is expected after `for`")) };
                let mut value: Arc<str> = first.into();
                let mut key = None;
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
                let after = self.close()?;
                Ok(Token::For { key, value, collection, trim: Trim { before, after }, span: self.span(start, self.pos) })
            }
            "else" | "endif" | "endfor" => {
                let after = self.close()?;
                let (trim, span) = (Trim { before, after }, self.span(start, self.pos));
                Ok(match word {
                    "else" => Token::Else { trim, span },
                    "endif" => Token::EndIf { trim, span },
                    _ => Token::EndFor { trim, span },
                })
            }
            _ => Err(self.problem("one of `if`, `else`, `endif`, `for`, `endfor` is expected")),
        }
    }

    fn assemble(&mut self, mut tokens: Vec<Token>, span: Span) -> Read<Expr> {
        strip(&mut tokens);
        self.pair(tokens, span)
    }

    /// Pairs directives and makes the expression.
    fn pair(&mut self, tokens: Vec<Token>, span: Span) -> Read<Expr> {
        let single = matches!(tokens.as_slice(), [Token::Value { .. }]);
        let mut tokens = tokens.into_iter();
        let (mut parts, end) = self.parts(&mut tokens)?;
        if let Some(end) = end {
            let (Token::Else { span, .. } | Token::EndIf { span, .. } | Token::EndFor { span, .. }) = end else {
                return Err(Stop);
            };
            return Err(self.problem_at(span, "this ends nothing"));
        }
        let kind = match (single, parts.len()) {
            (true, _) => match parts.pop() {
                Some(Part::Value(expr)) => ExprKind::Interpolation(Box::new(expr)),
                _ => ExprKind::Broken,
            },
            (_, 0) => ExprKind::String("".into()),
            (_, 1) => match parts.pop() {
                Some(Part::Text(text)) => ExprKind::String(text),
                Some(part) => ExprKind::Template(vec![part]),
                None => ExprKind::String("".into()),
            },
            _ => ExprKind::Template(parts),
        };
        Ok(Expr { kind, span })
    }

    /// Parts up to a token that ends something, which is given back.
    fn parts(&mut self, tokens: &mut std::vec::IntoIter<Token>) -> Read<(Vec<Part>, Option<Token>)> {
        let mut parts: Vec<Part> = Vec::new();
        let mut text = String::new();
        while let Some(token) = tokens.next() {
            if let Token::Text(piece) = token {
                text.push_str(&piece);
                continue;
            }
            if !text.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut text).into()));
            }
            match token {
                Token::Text(_) => {}
                Token::Value { expr, .. } => parts.push(Part::Value(expr)),
                Token::If { condition, span, .. } => {
                    let (then, end) = self.deeper(|parser| parser.parts(tokens))?;
                    let (otherwise, end) = match end {
                        Some(Token::Else { .. }) => self.deeper(|parser| parser.parts(tokens))?,
                        end => (Vec::new(), end),
                    };
                    if !matches!(end, Some(Token::EndIf { .. })) {
                        return Err(self.problem_at(span, "`endif` is missing"));
                    }
                    parts.push(Part::If { condition, then, otherwise });
                }
                Token::For { key, value, collection, span, .. } => {
                    let (body, end) = self.deeper(|parser| parser.parts(tokens))?;
                    if !matches!(end, Some(Token::EndFor { .. })) {
                        return Err(self.problem_at(span, "`endfor` is missing"));
                    }
                    parts.push(Part::For { key, value, collection, body });
                }
                end => return Ok((parts, Some(end))),
            }
        }
        if !text.is_empty() {
            parts.push(Part::Text(text.into()));
        }
        Ok((parts, None))
    }
}

/// Strips white space beside `~`.
fn strip(tokens: &mut [Token]) {
    for index in 0..tokens.len() {
        let trim = tokens.get(index).map(Token::trim).unwrap_or_default();
        if trim.before
            && let Some(Token::Text(text)) = index.checked_sub(1).and_then(|before| tokens.get_mut(before))
        {
            text.truncate(text.trim_end().len());
        }
        if trim.after
            && let Some(Token::Text(text)) = tokens.get_mut(index + 1)
        {
            let kept = text.trim_start().len();
            text.drain(..text.len() - kept);
        }
    }
}

/// Takes the smallest indentation of any line away from every line, as `<<-` does.
fn outdent(tokens: &mut [Token]) {
    let mut least = usize::MAX;
    let mut lines: Vec<usize> = Vec::new();
    let mut line_begins = true;
    for (index, token) in tokens.iter().enumerate() {
        if line_begins {
            line_begins = false;
            match token {
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
        if let Token::Text(text) = token
            && text.ends_with('\n')
        {
            line_begins = true;
        }
    }
    for index in lines {
        if let Some(Token::Text(text)) = tokens.get_mut(index) {
            let cut: usize = text.chars().take(least).map(char::len_utf8).sum();
            text.drain(..cut);
        }
    }
}
