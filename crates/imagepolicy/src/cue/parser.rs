//! Tokens to a syntax tree.

use std::sync::Arc;

use super::Problem;
use super::lexer::{Hole, Token};
use super::tree::{Atom, Clause, Comprehension, Decl, Expr, ExprRef, File, Import, Item, Kind, Label, Mark, Piece, Struct};

/// Deepest nesting of expressions.
const DEEPEST: usize = 80;
/// Most operators of one element of a file; long rows of `|` and `&` count for little.
const OPERATORS: usize = 300;

pub(super) fn file(tokens: Vec<(Token, usize)>) -> Result<File, Problem> {
    let mut parser = Parser { tokens, next: 0, depth: 0, operators: 0 };
    let mut imports = Vec::new();
    if parser.is_word("package") {
        parser.next += 1;
        parser.name()?;
        parser.need_comma()?;
    }
    while parser.is_word("import") {
        parser.next += 1;
        if parser.take("(") {
            parser.commas();
            while !parser.take(")") {
                imports.push(parser.import()?);
                if !parser.is_sign(")") {
                    parser.need_comma()?;
                }
            }
        } else {
            imports.push(parser.import()?);
        }
        parser.need_comma()?;
    }
    let body = parser.decls(None)?;
    Ok(File { imports, body: Arc::new(body) })
}

struct Parser {
    tokens: Vec<(Token, usize)>,
    next: usize,
    depth: usize,
    /// In the element of the file that is read.
    operators: usize,
}

/// Operands of one kind of operator as a tree.
fn balanced(row: &[(&'static str, ExprRef, usize)]) -> ExprRef {
    let (first, rest) = row.split_at(row.len() / 2);
    match (first, rest) {
        ([], [(_, only, _), ..]) => Arc::clone(only),
        (_, [(operator, _, at), ..]) => Arc::new(Expr { kind: Kind::Binary(operator, balanced(first), balanced(rest)), at: *at }),
        // Nobody asks for a tree of nothing.
        _ => Arc::new(Expr { kind: Kind::Bottom, at: 0 }),
    }
}

const END: Token = Token::End;

/// Operators of two sides, weakest first.
const LEVELS: &[&[&str]] = &[&["|"], &["&"], &["||"], &["&&"], &["==", "!=", "<", "<=", ">", ">=", "=~", "!~"], &["+", "-"], &["*", "/"]];

impl Parser {
    fn peek(&self) -> &Token {
        self.peek_at(0)
    }

    fn peek_at(&self, ahead: usize) -> &Token {
        self.tokens.get(self.next + ahead).map_or(&END, |(token, _)| token)
    }

    fn at(&self) -> usize {
        self.tokens.get(self.next).or(self.tokens.last()).map_or(0, |(_, at)| *at)
    }

    fn is_sign(&self, sign: &str) -> bool {
        matches!(self.peek(), Token::Sign(given) if *given == sign)
    }

    fn is_word(&self, word: &str) -> bool {
        matches!(self.peek(), Token::Name(name) if **name == *word)
    }

    fn take(&mut self, sign: &str) -> bool {
        let is = self.is_sign(sign);
        if is {
            self.next += 1;
        }
        is
    }

    fn need(&mut self, sign: &str) -> Result<(), Problem> {
        if self.take(sign) { Ok(()) } else { Err(Problem::new(self.at(), format!("`{sign}` is missing here"))) }
    }

    fn commas(&mut self) {
        while *self.peek() == Token::Comma {
            self.next += 1;
        }
    }

    fn need_comma(&mut self) -> Result<(), Problem> {
        if !matches!(self.peek(), Token::Comma | Token::End) {
            return Err(Problem::new(self.at(), "a comma or the end of the line is missing here"));
        }
        self.commas();
        Ok(())
    }

    fn name(&mut self) -> Result<Arc<str>, Problem> {
        let Token::Name(name) = self.peek() else { return Err(Problem::new(self.at(), "a name is missing here")) };
        let name = Arc::clone(name);
        self.next += 1;
        Ok(name)
    }

    fn import(&mut self) -> Result<Import, Problem> {
        let at = self.at();
        let alias = if matches!(self.peek(), Token::Name(_)) { Some(self.name()?) } else { None };
        let Token::Text(path) = self.peek().clone() else { return Err(Problem::new(at, "the path of a package is missing")) };
        self.next += 1;
        let name = alias.unwrap_or_else(|| path.rsplit('/').next().unwrap_or(&path).into());
        Ok(Import { name, path, at })
    }

    /// Elements of a struct up to its end.
    fn decls(&mut self, close: Option<&str>) -> Result<Struct, Problem> {
        let mut decls = Vec::new();
        loop {
            let done = match close {
                Some(close) => self.take(close),
                None => *self.peek() == Token::End,
            };
            if done {
                return Ok(Struct { decls });
            }
            if close.is_none() {
                self.operators = 0;
            }
            decls.push(self.decl()?);
            let ended = *self.peek() == Token::Comma || close.is_some_and(|close| self.is_sign(close)) || *self.peek() == Token::End;
            if !ended {
                return Err(Problem::new(self.at(), "a comma or the end of the line is missing here"));
            }
            if *self.peek() == Token::Comma {
                self.next += 1;
            }
        }
    }

    fn decl(&mut self) -> Result<Decl, Problem> {
        let at = self.at();
        if self.take("...") {
            if *self.peek() != Token::Comma && !self.is_sign("}") && *self.peek() != Token::End {
                return Err(Problem::unsupported(at, "`...` with a type in a struct"));
            }
            return Ok(Decl::Ellipsis);
        }
        if self.is_word("let") && matches!(self.peek_at(1), Token::Name(_)) {
            self.next += 1;
            let name = self.name()?;
            self.need("=")?;
            return Ok(Decl::Let { name, value: self.expr()? });
        }
        let comprehends = (self.is_word("if") || self.is_word("for")) && !matches!(self.peek_at(1), Token::Sign(":" | "?" | "!"));
        if comprehends {
            return Ok(Decl::Comprehension(Arc::new(self.comprehension()?)));
        }
        // `X=label: value`
        let mut alias = None;
        if let (Token::Name(name), Token::Sign("=")) = (self.peek(), self.peek_at(1)) {
            alias = Some(Arc::clone(name));
            self.next += 2;
        }
        if self.is_sign("[") && self.pattern_ahead() {
            self.next += 1;
            let mut inner = None;
            if let (Token::Name(name), Token::Sign("=")) = (self.peek(), self.peek_at(1)) {
                inner = Some(Arc::clone(name));
                self.next += 2;
            }
            let pattern = self.expr()?;
            self.need("]")?;
            self.need(":")?;
            if alias.is_some() {
                return Err(Problem::unsupported(at, "an alias of a pattern"));
            }
            return Ok(Decl::Pattern { alias: inner, pattern, value: self.field_value()? });
        }
        let saved = self.next;
        if let Some(label) = self.label()? {
            let mark = if self.take("?") {
                Mark::Optional
            } else if self.is_sign("!") && matches!(self.peek_at(1), Token::Sign(":")) {
                self.next += 1;
                Mark::Required
            } else {
                Mark::There
            };
            if self.take(":") {
                return Ok(Decl::Field { label, alias, mark, value: self.field_value()? });
            }
            self.next = saved;
        }
        if alias.is_some() {
            return Err(Problem::new(at, "an alias stands before something that is no field"));
        }
        Ok(Decl::Embed(self.expr()?))
    }

    /// The value of a field: an expression, or a field more (`a: b: 1`).
    fn field_value(&mut self) -> Result<ExprRef, Problem> {
        let at = self.at();
        self.deeper()?;
        let saved = self.next;
        let pattern = self.is_sign("[") && self.pattern_ahead();
        let short = pattern || {
            let labelled = self.label()?.is_some();
            let _ = self.take("?") || self.take("!");
            let is = labelled && self.is_sign(":");
            self.next = saved;
            is
        };
        let value = if short {
            let decl = self.decl()?;
            Arc::new(Expr { kind: Kind::Struct(Arc::new(Struct { decls: vec![decl] })), at })
        } else {
            if let (Token::Name(_), Token::Sign("=")) = (self.peek(), self.peek_at(1)) {
                return Err(Problem::unsupported(at, "an alias of a value"));
            }
            self.expr()?
        };
        self.depth -= 1;
        Ok(value)
    }

    /// Whether the `[` here begins a pattern: what closes it is followed by a colon.
    fn pattern_ahead(&self) -> bool {
        let mut open = 0_usize;
        for ahead in 0.. {
            match self.peek_at(ahead) {
                Token::Sign("[" | "(" | "{") => open += 1,
                Token::Sign("]" | ")" | "}") => {
                    open = open.saturating_sub(1);
                    if open == 0 {
                        return matches!(self.peek_at(ahead + 1), Token::Sign(":"));
                    }
                }
                Token::End => return false,
                _ => {}
            }
        }
        false
    }

    fn label(&mut self) -> Result<Option<Label>, Problem> {
        let at = self.at();
        let label = match self.peek().clone() {
            Token::Name(name) if &*name == "_" => return Ok(None),
            Token::Name(name) => Label::Name(name),
            Token::Text(text) => Label::Quoted(text),
            Token::Holes(holes) => Label::Dynamic(self.holes(holes, at)?),
            Token::Sign("(") => {
                let saved = self.next;
                self.next += 1;
                let inner = self.expr()?;
                if self.take(")") && self.is_sign(":") {
                    return Ok(Some(Label::Dynamic(inner)));
                }
                self.next = saved;
                return Ok(None);
            }
            _ => return Ok(None),
        };
        self.next += 1;
        Ok(Some(label))
    }

    fn comprehension(&mut self) -> Result<Comprehension, Problem> {
        let at = self.at();
        let mut clauses = Vec::new();
        loop {
            if self.is_word("if") {
                self.next += 1;
                clauses.push(Clause::If(self.expr()?));
            } else if self.is_word("for") {
                self.next += 1;
                let first = self.name()?;
                let (key, value) = if *self.peek() == Token::Comma {
                    self.next += 1;
                    (Some(first), self.name()?)
                } else {
                    (None, first)
                };
                if !self.is_word("in") {
                    return Err(Problem::new(self.at(), "`in` is missing here"));
                }
                self.next += 1;
                clauses.push(Clause::For { key, value, source: self.expr()? });
            } else if self.is_word("let") {
                self.next += 1;
                let name = self.name()?;
                self.need("=")?;
                clauses.push(Clause::Let { name, value: self.expr()? });
            } else {
                break;
            }
            // Between clauses a line may end.
            let between = *self.peek() == Token::Comma
                && (matches!(self.peek_at(1), Token::Name(word) if matches!(&**word, "if" | "for" | "let"))
                    || matches!(self.peek_at(1), Token::Sign("{")));
            if between {
                self.next += 1;
            }
        }
        let body_at = self.at();
        self.need("{")?;
        let body = self.decls(Some("}"))?;
        if self.is_word("else") {
            return Err(Problem::unsupported(self.at(), "`else`"));
        }
        Ok(Comprehension { clauses, body: Arc::new(Expr { kind: Kind::Struct(Arc::new(body)), at: body_at }), at })
    }

    fn deeper(&mut self) -> Result<(), Problem> {
        self.depth += 1;
        if self.depth > DEEPEST { Err(Problem::new(self.at(), "it nests too deep")) } else { Ok(()) }
    }

    fn expr(&mut self) -> Result<ExprRef, Problem> {
        self.deeper()?;
        let expr = self.binary(0)?;
        self.depth -= 1;
        Ok(expr)
    }

    fn binary(&mut self, level: usize) -> Result<ExprRef, Problem> {
        let Some(operators) = LEVELS.get(level) else { return self.unary() };
        let mut left = self.binary(level + 1)?;
        let mut row = vec![];
        loop {
            let at = self.at();
            let Token::Sign(sign) = self.peek() else { break };
            let Some(operator) = operators.iter().copied().find(|operator| operator == sign) else { break };
            self.next += 1;
            let right = self.binary(level + 1)?;
            if matches!(operator, "|" | "&") {
                // In any order they mean the same; a tree that is not deep is made of a long row.
                row.push((operator, right, at));
                continue;
            }
            self.operators(1, at)?;
            left = Arc::new(Expr { kind: Kind::Binary(operator, left, right), at });
        }
        if row.is_empty() {
            return Ok(left);
        }
        let at = self.at();
        self.operators(row.len().ilog2() as usize + 1, at)?;
        let mut all: Vec<(&'static str, ExprRef, usize)> = vec![("", left, 0)];
        all.extend(row);
        Ok(balanced(&all))
    }

    /// Counts operators of one element of the file, by which its tree gets deeper.
    fn operators(&mut self, more: usize, at: usize) -> Result<(), Problem> {
        self.operators += more;
        if self.operators > OPERATORS { Err(Problem::new(at, "it has too many operators")) } else { Ok(()) }
    }

    fn unary(&mut self) -> Result<ExprRef, Problem> {
        let at = self.at();
        if let Token::Sign(sign) = self.peek()
            && let Some(operator) =
                ["+", "-", "!", "*", "<", "<=", ">", ">=", "!=", "=~", "!~"].into_iter().find(|operator| operator == sign)
        {
            self.next += 1;
            self.deeper()?;
            let inner = self.unary()?;
            self.depth -= 1;
            return Ok(Arc::new(Expr { kind: Kind::Unary(operator, inner), at }));
        }
        self.primary()
    }

    fn primary(&mut self) -> Result<ExprRef, Problem> {
        let at = self.at();
        let mut expr = self.operand()?;
        let mut count = 0;
        loop {
            count += 1;
            if count > DEEPEST {
                return Err(Problem::new(at, "it nests too deep"));
            }
            let kind = if self.take(".") {
                match self.peek().clone() {
                    Token::Name(name) => {
                        self.next += 1;
                        Kind::Member(expr, name)
                    }
                    Token::Text(name) => {
                        self.next += 1;
                        let index = Arc::new(Expr { kind: Kind::Atom(Atom::Text(name)), at });
                        Kind::Index(expr, index)
                    }
                    _ => return Err(Problem::new(self.at(), "a name is missing here")),
                }
            } else if self.is_sign("[") {
                self.next += 1;
                let index = self.expr()?;
                if self.is_sign(":") {
                    return Err(Problem::unsupported(self.at(), "a slice"));
                }
                self.need("]")?;
                Kind::Index(expr, index)
            } else if self.take("(") {
                let mut arguments = Vec::new();
                while !self.take(")") {
                    arguments.push(self.expr()?);
                    if *self.peek() == Token::Comma {
                        self.next += 1;
                    } else if !self.is_sign(")") {
                        return Err(Problem::new(self.at(), "`)` is missing here"));
                    }
                }
                Kind::Call(expr, arguments)
            } else {
                return Ok(expr);
            };
            expr = Arc::new(Expr { kind, at });
        }
    }

    fn operand(&mut self) -> Result<ExprRef, Problem> {
        let at = self.at();
        let token = self.peek().clone();
        self.next += 1;
        let kind = match token {
            Token::Name(name) => match &*name {
                "null" => Kind::Atom(Atom::Null),
                "true" => Kind::Atom(Atom::Bool(true)),
                "false" => Kind::Atom(Atom::Bool(false)),
                "_" => Kind::Top,
                "div" | "mod" | "quo" | "rem" if !matches!(self.peek(), Token::Sign("(")) => {
                    return Err(Problem::unsupported(at, format!("the operator `{name}`")));
                }
                _ => Kind::Name(name),
            },
            Token::Number(number) => Kind::Atom(Atom::Number(number)),
            Token::Text(text) => Kind::Atom(Atom::Text(text)),
            Token::Bytes(bytes) => Kind::Atom(Atom::Bytes(bytes)),
            Token::Holes(holes) => return self.holes(holes, at),
            Token::Sign("_|_") => Kind::Bottom,
            Token::Sign("(") => {
                let inner = self.expr()?;
                self.need(")")?;
                return Ok(inner);
            }
            Token::Sign("{") => {
                self.deeper()?;
                let body = self.decls(Some("}"))?;
                self.depth -= 1;
                Kind::Struct(Arc::new(body))
            }
            Token::Sign("[") => self.items()?,
            _ => return Err(Problem::new(at, "a value is missing here")),
        };
        Ok(Arc::new(Expr { kind, at }))
    }

    fn items(&mut self) -> Result<Kind, Problem> {
        let mut items = Vec::new();
        let mut open = None;
        loop {
            if self.take("]") {
                return Ok(Kind::List(items, open));
            }
            if open.is_some() {
                return Err(Problem::new(self.at(), "nothing stands behind `...` in a list"));
            }
            if self.take("...") {
                let ends = *self.peek() == Token::Comma || self.is_sign("]");
                open = Some(if ends { None } else { Some(self.expr()?) });
            } else if self.is_word("if") || self.is_word("for") {
                items.push(Item::Several(Arc::new(self.comprehension()?)));
            } else {
                items.push(Item::One(self.expr()?));
            }
            if *self.peek() == Token::Comma {
                self.next += 1;
            } else if !self.is_sign("]") {
                return Err(Problem::new(self.at(), "`]` is missing here"));
            }
        }
    }

    fn holes(&mut self, holes: Vec<Hole>, at: usize) -> Result<ExprRef, Problem> {
        self.deeper()?;
        let mut pieces = Vec::new();
        for hole in holes {
            pieces.push(match hole {
                Hole::Text(text) => Piece::Text(text),
                Hole::Tokens(tokens) => {
                    let mut inner = Parser { tokens, next: 0, depth: self.depth, operators: self.operators };
                    let expr = inner.expr()?;
                    inner.commas();
                    if *inner.peek() != Token::End {
                        return Err(Problem::new(inner.at(), "a hole in a text has more than one value"));
                    }
                    Piece::Hole(expr)
                }
            });
        }
        self.depth -= 1;
        Ok(Arc::new(Expr { kind: Kind::Interpolation(pieces), at }))
    }
}
