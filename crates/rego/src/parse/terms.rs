//! Expressions and lines of bodies.

use std::sync::Arc;

use super::lexer::Token;
use super::{Parser, Step};
use crate::ast::{Callee, Expr, ExprKind, Literal, LiteralKind, TemplatePart, With};
use crate::{Number, Term};

/// Operators in a row, each around what stands before it.
const MAX_OPERATORS: usize = 150;

/// Words that are never plain names.
const RESERVED: &[&str] = &["as", "default", "else", "false", "import", "not", "null", "package", "some", "true", "with"];

impl Parser<'_> {
    pub(super) fn is_keyword(&self, name: &str) -> bool {
        match name {
            "in" => self.keywords.r#in,
            "every" => self.keywords.every,
            "if" => self.keywords.r#if,
            "contains" => self.keywords.contains,
            _ => RESERVED.contains(&name),
        }
    }

    pub(super) fn at_keyword(&self, name: &str) -> bool {
        self.at_name(name)
            && self.is_keyword(name)
            && match self.lexer.byte(self.word.end) {
                Some(b'.') => false,
                Some(b'[') => name == "in" && !self.word.newline,
                _ => true,
            }
    }

    fn expr(&self, start: usize, kind: ExprKind) -> Expr {
        Expr { span: self.lexer.span(start, self.last_end), kind }
    }

    /// Lines up to a closing mark, which is not read; up to the end where there is none.
    pub(super) fn body(&mut self, end: Option<&str>) -> Step<Vec<Literal>> {
        let mut body = Vec::new();
        let at_end = |parser: &Self| match end {
            Some(mark) => parser.at(mark),
            None => parser.word.token == Token::End,
        };
        loop {
            body.push(self.literal()?);
            if self.accept(";")? {
                if at_end(self) {
                    return Ok(body);
                }
                continue;
            }
            if at_end(self) {
                return Ok(body);
            }
            if !self.word.newline {
                let wanted = match end {
                    Some(mark) => format!("a new line, `;` or `{mark}`"),
                    None => "a new line or `;`".to_owned(),
                };
                let fault = self.unexpected(&wanted);
                return Err(self.better(fault));
            }
        }
    }

    pub(super) fn literal(&mut self) -> Step<Literal> {
        self.enter()?;
        let start = self.word.start;
        let kind = self.literal_kind()?;
        let mut with = Vec::new();
        while self.at_keyword("with") {
            self.advance()?;
            let target = self.term()?;
            if !self.at_keyword("as") {
                return Err(self.unexpected("`as`"));
            }
            self.advance()?;
            let value = self.infix(true)?;
            with.push(With { target, value });
        }
        self.depth -= 1;
        Ok(Literal { span: self.lexer.span(start, self.last_end), kind, with })
    }

    fn literal_kind(&mut self) -> Step<LiteralKind> {
        if !self.heads_ref() {
            if self.at_keyword("some") {
                return self.some();
            }
            if self.at_keyword("every") {
                return self.every();
            }
            if self.at_keyword("not") {
                self.advance()?;
                if (self.at_keyword("some") || self.at_keyword("every") || self.at_keyword("not")) && !self.heads_ref() {
                    return Err(self.unexpected("an expression"));
                }
                return Ok(match self.equation()? {
                    LiteralKind::Expr(expr) => LiteralKind::Not(expr),
                    LiteralKind::Unify(left, right) => LiteralKind::NotUnify(left, right),
                    _ => return Err(self.fault_at(self.last_end, "a negated expression cannot assign")),
                });
            }
        }
        self.equation()
    }

    fn equation(&mut self) -> Step<LiteralKind> {
        let left = self.infix(true)?;
        if self.accept(":=")? {
            return Ok(LiteralKind::Assign(left, self.infix(true)?));
        }
        if self.accept("=")? {
            return Ok(LiteralKind::Unify(left, self.infix(true)?));
        }
        Ok(LiteralKind::Expr(left))
    }

    fn some(&mut self) -> Step<LiteralKind> {
        self.advance()?;
        let start = self.word.start;
        if self.keywords.r#in {
            let found = self.attempt(|parser| {
                let expr = parser.infix(true)?;
                match split_in(expr) {
                    Some(parts) => Ok(parts),
                    None => Err(parser.fault_at(start, "expected `x in xs` or `x, y in xs`")),
                }
            })?;
            if let Some((key, value, domain)) = found {
                return Ok(LiteralKind::SomeIn { key, value, domain });
            }
        }
        let mut names = Vec::new();
        loop {
            match &self.word.token {
                Token::Name(name) if !self.is_keyword(name) => {
                    names.push((Arc::clone(name), self.lexer.span(self.word.start, self.word.end)));
                    self.advance()?;
                }
                _ => {
                    let fault = self.unexpected("a variable");
                    return Err(self.better(fault));
                }
            }
            if !self.accept(",")? {
                return Ok(LiteralKind::Some(names));
            }
        }
    }

    fn every(&mut self) -> Step<LiteralKind> {
        self.advance()?;
        let start = self.word.start;
        let expr = self.infix(true)?;
        let Some((key, value, domain)) = split_in(expr) else {
            return Err(self.fault_at(start, "expected `x[, y] in xs { ... }`"));
        };
        for variable in key.iter().chain([&value]) {
            if !matches!(variable.kind, ExprKind::Var(_)) {
                return Err(self.fault_at(start, "expected a variable after `every`"));
            }
        }
        self.expect("{")?;
        let body = self.body(Some("}"))?;
        self.expect("}")?;
        Ok(LiteralKind::Every { key, value, domain, body })
    }

    /// `x in xs` and everything that binds tighter; `x, y in xs` where `pair` allows it.
    pub(super) fn infix(&mut self, pair: bool) -> Step<Expr> {
        let start = self.word.start;
        self.infix_from(pair, start, None)
    }

    /// The same, where its first term was read already.
    fn infix_from(&mut self, pair: bool, start: usize, first: Option<Expr>) -> Step<Expr> {
        self.enter()?;
        let mut left = self.chain_from(0, start, first)?;
        if pair && self.at(",") && self.keywords.r#in {
            let key = left.clone();
            let found = self.attempt(|parser| {
                parser.advance()?;
                let value = parser.relation()?;
                if !parser.at_keyword("in") {
                    return Err(parser.unexpected("`in`"));
                }
                let callee = parser.operator("internal.member_3")?;
                let domain = parser.relation()?;
                Ok(parser.expr(start, ExprKind::Call(callee, vec![key, value, domain])))
            })?;
            if let Some(call) = found {
                left = call;
            }
        }
        while self.at_keyword("in") {
            let callee = self.operator("internal.member_2")?;
            let right = self.relation()?;
            left = self.expr(start, ExprKind::Call(callee, vec![left, right]));
        }
        self.depth -= 1;
        Ok(left)
    }

    fn operator(&mut self, name: &str) -> Step<Callee> {
        let span = self.lexer.span(self.word.start, self.word.end);
        self.advance()?;
        Ok(Callee { span, name: name.split('.').map(Arc::from).collect(), operator: true })
    }

    fn relation(&mut self) -> Step<Expr> {
        self.chain(0)
    }

    /// Operators that bind at least as tight as a level, from left to right.
    fn chain(&mut self, level: usize) -> Step<Expr> {
        let start = self.word.start;
        self.chain_from(level, start, None)
    }

    fn chain_from(&mut self, level: usize, start: usize, first: Option<Expr>) -> Step<Expr> {
        const OPERATORS: &[(&str, &str, usize)] = &[
            ("==", "equal", 0),
            ("!=", "neq", 0),
            ("<=", "lte", 0),
            (">=", "gte", 0),
            ("<", "lt", 0),
            (">", "gt", 0),
            ("|", "or", 1),
            ("&", "and", 2),
            ("+", "plus", 3),
            ("-", "minus", 3),
            ("*", "mul", 4),
            ("/", "div", 4),
            ("%", "rem", 4),
        ];
        let mut left = match first {
            Some(term) => term,
            None => self.term()?,
        };
        let mut operators = 0;
        while let Token::Mark(mark) = self.word.token {
            operators += 1;
            if operators > MAX_OPERATORS {
                let fault = self.unexpected(&format!("at most {MAX_OPERATORS} operators in a row"));
                return Err(super::lexer::Fault { fatal: true, ..fault });
            }
            let Some((_, name, binds)) = OPERATORS.iter().find(|(text, _, binds)| *text == mark && *binds >= level) else { break };
            let callee = self.operator(name)?;
            let right = self.chain(binds + 1)?;
            left = self.expr(start, ExprKind::Call(callee, vec![left, right]));
        }
        Ok(left)
    }

    /// A term with the way into it.
    pub(super) fn term(&mut self) -> Step<Expr> {
        self.enter()?;
        let start = self.word.start;
        let head = self.head_term()?;
        let term = self.path(head, start)?;
        self.depth -= 1;
        Ok(term)
    }

    fn head_term(&mut self) -> Step<Expr> {
        let start = self.word.start;
        match self.word.token.clone() {
            Token::Name(name) => {
                if !self.heads_ref() {
                    let literal = match &*name {
                        "null" => Some(Term::Null),
                        "true" => Some(Term::Bool(true)),
                        "false" => Some(Term::Bool(false)),
                        _ => None,
                    };
                    if let Some(literal) = literal {
                        self.advance()?;
                        return Ok(self.expr(start, ExprKind::Scalar(literal)));
                    }
                    if self.is_keyword(&name) && &*name != "contains" {
                        return Err(self.unexpected("an expression"));
                    }
                }
                self.advance()?;
                Ok(self.expr(start, ExprKind::Var(name)))
            }
            Token::Number(text) => {
                self.advance()?;
                self.number(start, &text)
            }
            Token::Mark(mark @ ("-" | ".")) => {
                let mut text = mark.to_owned();
                self.advance()?;
                if mark == "-" && self.at(".") {
                    text.push('.');
                    self.advance()?;
                }
                let Token::Number(digits) = self.word.token.clone() else { return Err(self.unexpected("a number")) };
                if !self.adjacent() {
                    return Err(self.unexpected("a number"));
                }
                text.push_str(&digits);
                self.advance()?;
                self.number(start, &text.replace('.', if text.starts_with('.') || text.starts_with("-.") { "0." } else { "." }))
            }
            Token::Text(text) => {
                self.advance()?;
                Ok(self.expr(start, ExprKind::Scalar(Term::string(text))))
            }
            Token::Template(raw) => self.template(start, raw),
            Token::Mark("[") => self.array(start),
            Token::Mark("{") => self.braces(start),
            Token::Mark("(") => {
                self.advance()?;
                let inner = self.infix(true)?;
                self.expect(")")?;
                Ok(Expr { span: self.lexer.span(start, self.last_end), kind: inner.kind })
            }
            _ => Err(self.unexpected("an expression")),
        }
    }

    fn number(&self, start: usize, text: &str) -> Step<Expr> {
        match Number::parse(text) {
            Some(number) => Ok(self.expr(start, ExprKind::Scalar(Term::Number(number)))),
            None => Err(self.fault_at(start, "illegal number format")),
        }
    }

    /// `.name`, `[term]` and `(arguments)` right after a term.
    pub(super) fn path(&mut self, head: Expr, start: usize) -> Step<Expr> {
        let mut head = head;
        let mut path: Vec<Expr> = Vec::new();
        loop {
            if !self.adjacent() {
                break;
            }
            match self.word.token {
                Token::Mark("." | "[") => {
                    if matches!(head.kind, ExprKind::Scalar(_) | ExprKind::Template(..)) && path.is_empty() {
                        return Err(self.fault_at(start, "a literal has no parts to refer to"));
                    }
                    path.push(self.step()?);
                }
                Token::Mark("(") => {
                    let Some(name) = callee_name(&head, &path) else {
                        return Err(self.unexpected("an operator or the end of the line"));
                    };
                    let callee = Callee { span: self.lexer.span(start, self.last_end), name, operator: false };
                    let args = self.arguments()?;
                    let kind = if args.is_empty() && matches!(callee.name.as_slice(), [name] if &**name == "set") {
                        ExprKind::Set(Vec::new())
                    } else {
                        ExprKind::Call(callee, args)
                    };
                    head = self.expr(start, kind);
                    path = Vec::new();
                }
                _ => break,
            }
        }
        if path.is_empty() {
            return Ok(head);
        }
        Ok(self.expr(start, ExprKind::Ref(Box::new(head), path)))
    }

    /// One step of a way: `.name` or `[term]`.
    pub(super) fn step(&mut self) -> Step<Expr> {
        if self.accept(".")? {
            let start = self.word.start;
            return match self.word.token.clone() {
                Token::Name(name) if self.adjacent() => {
                    self.advance()?;
                    Ok(self.expr(start, ExprKind::Scalar(Term::string(name))))
                }
                _ => Err(self.unexpected("a name after the dot")),
            };
        }
        self.expect("[")?;
        let step = self.infix(true)?;
        self.expect("]")?;
        Ok(step)
    }

    pub(super) fn arguments(&mut self) -> Step<Vec<Expr>> {
        self.expect("(")?;
        let args = self.list(")", Vec::new())?;
        self.expect(")")?;
        Ok(args)
    }

    /// Terms with commas between them, up to a closing mark, which is not read.
    fn list(&mut self, end: &str, mut items: Vec<Expr>) -> Step<Vec<Expr>> {
        while !self.at(end) {
            items.push(self.infix(false)?);
            if !self.accept(",")? && !self.at(end) {
                let fault = self.unexpected(&format!("`,` or `{end}`"));
                return Err(self.better(fault));
            }
        }
        Ok(items)
    }

    fn array(&mut self, start: usize) -> Step<Expr> {
        self.advance()?;
        if self.accept("]")? {
            return Ok(self.expr(start, ExprKind::Array(Vec::new())));
        }
        let at = self.word.start;
        let first = self.term()?;
        if let Some(body) = self.comprehension("]")? {
            return Ok(self.expr(start, ExprKind::ArrayOf(Box::new(first), body)));
        }
        let first = self.infix_from(false, at, Some(first))?;
        let items = self.rest("]", first)?;
        self.expect("]")?;
        Ok(self.expr(start, ExprKind::Array(items)))
    }

    /// After the head of what may be a comprehension: its body and closing mark. Where it is none, nothing is read.
    fn comprehension(&mut self, end: &str) -> Step<Option<Vec<Literal>>> {
        if !self.at("|") {
            return Ok(None);
        }
        self.attempt(|parser| {
            parser.advance()?;
            let body = parser.body(Some(end))?;
            parser.expect(end)?;
            Ok(body)
        })
    }

    /// The items after the first one of a list.
    fn rest(&mut self, end: &str, first: Expr) -> Step<Vec<Expr>> {
        if !self.accept(",")? && !self.at(end) {
            let fault = self.unexpected(&format!("`,` or `{end}`"));
            return Err(self.better(fault));
        }
        self.list(end, vec![first]).map_err(|fault| self.better(fault))
    }

    fn braces(&mut self, start: usize) -> Step<Expr> {
        self.advance()?;
        if self.accept("}")? {
            return Ok(self.expr(start, ExprKind::Object(Vec::new())));
        }
        let at = self.word.start;
        let first = self.term()?;
        if let Some(body) = self.comprehension("}")? {
            return Ok(self.expr(start, ExprKind::SetOf(Box::new(first), body)));
        }
        let first = self.infix_from(false, at, Some(first))?;
        if !self.at(":") {
            let items = self.rest("}", first).map_err(|fault| self.better(fault))?;
            self.expect("}")?;
            return Ok(self.expr(start, ExprKind::Set(items)));
        }
        self.advance()?;
        let at = self.word.start;
        let value = self.term()?;
        if let Some(body) = self.comprehension("}")? {
            return Ok(self.expr(start, ExprKind::ObjectOf(Box::new(first), Box::new(value), body)));
        }
        let mut pairs = vec![(first, self.infix_from(false, at, Some(value))?)];
        while !self.at("}") {
            if !self.accept(",")? {
                let fault = self.unexpected("`,` or `}`");
                return Err(self.better(fault));
            }
            if self.at("}") {
                break;
            }
            let key = self.infix(false)?;
            self.expect(":")?;
            pairs.push((key, self.infix(false)?));
        }
        self.expect("}")?;
        Ok(self.expr(start, ExprKind::Object(pairs)))
    }

    fn template(&mut self, start: usize, raw: bool) -> Step<Expr> {
        let mut parts = Vec::new();
        let mut at = self.word.end;
        loop {
            let (text, end, open) = if raw { self.lexer.raw_template(at)? } else { self.lexer.quoted(at, true)? };
            if !text.is_empty() {
                parts.push(TemplatePart::Text(text.into()));
            }
            if !open {
                self.resume(end)?;
                return Ok(self.expr(start, ExprKind::Template(parts, raw)));
            }
            self.resume(end)?;
            let literal = self.literal()?;
            if !matches!(literal.kind, LiteralKind::Expr(_)) {
                return Err(self.fault_at(end, "a template takes values only"));
            }
            parts.push(TemplatePart::Value(Box::new(literal)));
            if !self.at("}") {
                return Err(self.unexpected("`}`"));
            }
            at = self.word.end;
        }
    }
}

/// `a.b.c` before its arguments.
fn callee_name(head: &Expr, path: &[Expr]) -> Option<Vec<Arc<str>>> {
    let ExprKind::Var(first) = &head.kind else { return None };
    let mut name = vec![Arc::clone(first)];
    for step in path {
        match &step.kind {
            ExprKind::Scalar(Term::String(text)) => name.push(Arc::from(text.as_ref())),
            _ => return None,
        }
    }
    Some(name)
}

/// The parts of `x in xs`.
fn split_in(expr: Expr) -> Option<(Option<Expr>, Expr, Expr)> {
    let ExprKind::Call(callee, args) = expr.kind else { return None };
    if !callee.operator || callee.name.first().map(|name| &**name) != Some("internal") {
        return None;
    }
    let mut args = args.into_iter();
    match (args.next(), args.next(), args.next()) {
        (Some(value), Some(domain), None) => Some((None, value, domain)),
        (Some(key), Some(value), Some(domain)) => Some((Some(key), value, domain)),
        _ => None,
    }
}
