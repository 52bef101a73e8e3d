//! From tokens to syntax (cel-spec, "Syntax"; the grammar is that of cel-go).

use std::sync::Arc;

use crate::ast::{Expr, ExprKind, FieldEntry, MapEntry, operator};
use crate::lexer::{LexError, Token, TokenKind, tokens};
use crate::library::Expanded;
use crate::macros::Expander;
use crate::{Environment, Value};

/// How deep an expression may nest, as in cel-go.
const DEPTH: u32 = 250;

/// Levels of syntax that a macro may put around its arguments.
const MACRO: u32 = 3;

/// Words that are no names.
const RESERVED: &[&str] = &[
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "package",
    "namespace",
    "return",
    "var",
    "void",
    "while",
];

type Parsed<T> = Result<T, LexError>;

struct Parser<'a> {
    environment: &'a Environment,
    tokens: Vec<Token>,
    next: usize,
    ids: u32,
    depth: u32,
}

/// Reads an expression and expands its macros.
pub(crate) fn parse(environment: &Environment, text: &str) -> Parsed<Expr> {
    if text.len() > environment.maximum {
        return Err(LexError {
            at: (0, 0),
            message: format!("expression code point size exceeds limit: size: {}, limit {}", text.len(), environment.maximum),
        });
    }
    let mut parser = Parser { environment, tokens: tokens(text)?, next: 0, ids: 1, depth: 0 };
    let (expr, _) = parser.expr()?;
    if *parser.peek() != TokenKind::End {
        return parser.unexpected("an operator or the end");
    }
    Ok(expr)
}

/// Binding strengths of the logical operators.
const OR: u8 = 1;
const AND: u8 = 2;

/// Binding strength of binary operators.
fn strength(kind: &TokenKind) -> Option<(u8, &'static str)> {
    Some(match kind {
        TokenKind::In => (3, operator::IN),
        TokenKind::Punct(text) => match *text {
            "||" => (OR, operator::OR),
            "&&" => (AND, operator::AND),
            "<" => (3, operator::LESS),
            "<=" => (3, operator::LESS_EQUALS),
            ">" => (3, operator::GREATER),
            ">=" => (3, operator::GREATER_EQUALS),
            "==" => (3, operator::EQUALS),
            "!=" => (3, operator::NOT_EQUALS),
            "+" => (4, operator::ADD),
            "-" => (4, operator::SUBTRACT),
            "*" => (5, operator::MULTIPLY),
            "/" => (5, operator::DIVIDE),
            "%" => (5, operator::MODULO),
            _ => return None,
        },
        _ => return None,
    })
}

/// Syntax and how deep it nests, so that nothing that walks it can run out of stack.
type Deep = (Expr, u32);

impl Parser<'_> {
    fn peek(&self) -> &TokenKind {
        self.tokens.get(self.next).map_or(&TokenKind::End, |token| &token.kind)
    }

    fn at(&self) -> (u32, u32) {
        self.tokens.get(self.next).or(self.tokens.last()).map_or((0, 0), |token| token.at)
    }

    /// Where the token before ends.
    fn end(&self) -> u32 {
        self.next.checked_sub(1).and_then(|at| self.tokens.get(at)).map_or(0, |token| token.at.1)
    }

    fn advance(&mut self) -> TokenKind {
        let kind = self.peek().clone();
        self.next += 1;
        kind
    }

    fn is(&self, text: &str) -> bool {
        matches!(self.peek(), TokenKind::Punct(found) if *found == text)
    }

    fn eat(&mut self, text: &str) -> bool {
        let found = self.is(text);
        if found {
            self.next += 1;
        }
        found
    }

    fn expect(&mut self, text: &str) -> Parsed<()> {
        if self.eat(text) { Ok(()) } else { self.unexpected(&format!("'{text}'")) }
    }

    fn unexpected<T>(&self, expected: &str) -> Parsed<T> {
        Err(LexError { at: self.at(), message: format!("syntax error: unexpected {}, expecting {expected}", self.peek().shown()) })
    }

    fn error<T>(&self, at: (u32, u32), message: impl Into<String>) -> Parsed<T> {
        Err(LexError { at, message: message.into() })
    }

    fn id(&mut self) -> u32 {
        let id = self.ids;
        self.ids = id.wrapping_add(1);
        id
    }

    fn make(&mut self, start: u32, kind: ExprKind) -> Expr {
        let id = self.id();
        Expr { id, at: (start, self.end()), kind }
    }

    /// One more level around something of a depth.
    fn deeper(&self, at: u32, depth: u32) -> Parsed<u32> {
        if depth >= DEPTH {
            return self.error((at, self.end()), format!("expression recursion limit exceeded: {DEPTH}"));
        }
        Ok(depth + 1)
    }

    fn expr(&mut self) -> Parsed<Deep> {
        self.depth = self.deeper(self.at().0, self.depth)?;
        let found = self.choice();
        self.depth -= 1;
        found
    }

    /// `condition ? then : otherwise`, or the condition alone.
    fn choice(&mut self) -> Parsed<Deep> {
        let condition = self.binary(OR)?;
        if self.eat("?") { self.branches(condition) } else { Ok(condition) }
    }

    fn branches(&mut self, condition: Deep) -> Parsed<Deep> {
        let (condition, first) = condition;
        let start = condition.at.0;
        let (then, second) = self.binary(OR)?;
        self.expect(":")?;
        let (otherwise, third) = self.expr()?;
        let depth = self.deeper(start, first.max(second).max(third))?;
        let call = ExprKind::Call { function: operator::CONDITIONAL.into(), target: None, args: vec![condition, then, otherwise] };
        Ok((self.make(start, call), depth))
    }

    /// Binary operators that bind at least so strongly.
    fn binary(&mut self, least: u8) -> Parsed<Deep> {
        let mut left = self.unary()?;
        while let Some((level, function)) = strength(self.peek()).filter(|(level, _)| *level >= least) {
            left = if level <= AND { self.terms(level, function, left)? } else { self.operands(level, function, left)? };
        }
        Ok(left)
    }

    /// The right side of an operator.
    fn operands(&mut self, level: u8, function: &'static str, left: Deep) -> Parsed<Deep> {
        let (left, first) = left;
        let start = left.at.0;
        self.next += 1;
        let (right, second) = self.binary(level + 1)?;
        let depth = self.deeper(start, first.max(second))?;
        Ok((self.make(start, ExprKind::Call { function: function.into(), target: None, args: vec![left, right] }), depth))
    }

    /// All terms of `||` or `&&`; many of them become a balanced tree, as in cel-go.
    fn terms(&mut self, level: u8, function: &'static str, first: Deep) -> Parsed<Deep> {
        let mut terms = vec![first];
        while strength(self.peek()).is_some_and(|(found, _)| found == level) {
            self.next += 1;
            terms.push(self.binary(level + 1)?);
        }
        self.balance(function, terms)
    }

    fn balance(&mut self, function: &'static str, mut terms: Vec<Deep>) -> Parsed<Deep> {
        if terms.len() > 1 {
            let right = terms.split_off(terms.len().div_ceil(2));
            let (left, first) = self.balance(function, terms)?;
            let (right, second) = self.balance(function, right)?;
            let depth = self.deeper(left.at.0, first.max(second))?;
            let id = self.id();
            let at = (left.at.0, right.at.1);
            return Ok((Expr { id, at, kind: ExprKind::Call { function: function.into(), target: None, args: vec![left, right] } }, depth));
        }
        terms.pop().map_or_else(|| self.unexpected("an expression"), Ok)
    }

    fn unary(&mut self) -> Parsed<Deep> {
        let start = self.at().0;
        for (symbol, function) in [("!", operator::NOT), ("-", operator::NEGATE)] {
            let mut count = 0_usize;
            while self.eat(symbol) {
                count += 1;
            }
            if count == 0 {
                continue;
            }
            if symbol == "-" && count == 1 && matches!(self.peek(), TokenKind::Int(_) | TokenKind::Double(_)) {
                let literal = self.literal(start, true)?;
                return self.members(start, (literal, 1));
            }
            let (operand, depth) = self.member()?;
            if count.is_multiple_of(2) {
                return Ok((operand, depth));
            }
            let depth = self.deeper(start, depth)?;
            return Ok((self.make(start, ExprKind::Call { function: function.into(), target: None, args: vec![operand] }), depth));
        }
        self.member()
    }

    fn member(&mut self) -> Parsed<Deep> {
        let start = self.at().0;
        let primary = self.primary()?;
        self.members(start, primary)
    }

    fn members(&mut self, start: u32, first: Deep) -> Parsed<Deep> {
        let (mut operand, mut depth) = first;
        loop {
            if self.eat(".") {
                let optional = self.optional_mark(".?")?;
                let at = self.at();
                let (name, plain) = self.field_name()?;
                if plain && !optional && self.is("(") {
                    let (args, inner) = self.arguments()?;
                    depth = self.deeper(start, depth.max(inner))?;
                    (operand, depth) = self.call(start, at, &name, Some(operand), (args, depth))?;
                } else if optional {
                    depth = self.deeper(start, depth)?;
                    let field = self.make(at.0, ExprKind::Literal(Value::string(name)));
                    let call = ExprKind::Call { function: operator::OPTIONAL_SELECT.into(), target: None, args: vec![operand, field] };
                    operand = self.make(start, call);
                } else {
                    depth = self.deeper(start, depth)?;
                    operand = self.make(start, ExprKind::Select { operand: Box::new(operand), field: name.into(), test: false });
                }
            } else if self.eat("[") {
                let optional = self.optional_mark("[?")?;
                let (index, inner) = self.expr()?;
                self.expect("]")?;
                depth = self.deeper(start, depth.max(inner))?;
                let function = if optional { operator::OPTIONAL_INDEX } else { operator::INDEX };
                operand = self.make(start, ExprKind::Call { function: function.into(), target: None, args: vec![operand, index] });
            } else {
                return Ok((operand, depth));
            }
        }
    }

    /// `?` before a field, an index, an item or an entry.
    fn optional_mark(&mut self, shown: &str) -> Parsed<bool> {
        let at = self.at();
        let found = self.eat("?");
        if found && !self.environment.optional_syntax {
            return self.error(at, format!("unsupported syntax '{shown}'"));
        }
        Ok(found)
    }

    /// The name of a field, and whether it stands without backticks.
    fn field_name(&mut self) -> Parsed<(String, bool)> {
        match self.advance() {
            TokenKind::Ident(name) => Ok((name, true)),
            TokenKind::Quoted(name) => Ok((name, false)),
            _ => {
                self.next -= 1;
                self.unexpected("a name")
            }
        }
    }

    /// `(a, b)`.
    fn arguments(&mut self) -> Parsed<(Vec<Expr>, u32)> {
        self.expect("(")?;
        let (mut args, mut depth) = (Vec::new(), 0);
        if self.eat(")") {
            return Ok((args, depth));
        }
        loop {
            let (arg, inner) = self.expr()?;
            args.push(arg);
            depth = depth.max(inner);
            if !self.eat(",") {
                self.expect(")")?;
                return Ok((args, depth));
            }
        }
    }

    /// A call, or what the macro of its name makes of it.
    fn call(&mut self, start: u32, at: (u32, u32), name: &str, target: Option<Expr>, args: (Vec<Expr>, u32)) -> Parsed<Deep> {
        let (args, mut depth) = args;
        let found = self.environment.macros.iter().rev().find(|known| {
            known.name == name && known.receiver == target.is_some() && known.arguments.is_none_or(|count| count == args.len())
        });
        let (target, args) = match found {
            None => (target, args),
            Some(known) => {
                let mut expander = Expander::new(&mut self.ids, (start, self.tokens.get(self.next - 1).map_or(at.1, |token| token.at.1)));
                match (known.expand)(&mut expander, target, args) {
                    Ok(Expanded::To(expr)) => {
                        for _ in 0..MACRO {
                            depth = self.deeper(start, depth)?;
                        }
                        return Ok((expr, depth));
                    }
                    Ok(Expanded::Not(target, args)) => (target, args),
                    Err(error) => return self.error(error.at, error.message),
                }
            }
        };
        Ok((self.make(start, ExprKind::Call { function: name.into(), target: target.map(Box::new), args }), depth))
    }

    fn primary(&mut self) -> Parsed<Deep> {
        let start = self.at().0;
        if self.eat("(") {
            let found = self.expr()?;
            self.expect(")")?;
            return Ok(found);
        }
        if self.eat("[") {
            return self.list(start);
        }
        if self.eat("{") {
            return self.map(start);
        }
        if self.is(".") || matches!(self.peek(), TokenKind::Ident(_)) {
            return self.name(start);
        }
        Ok((self.literal(start, false)?, 1))
    }

    /// What begins with a name.
    fn name(&mut self, start: u32) -> Parsed<Deep> {
        let absolute = self.eat(".");
        let name_at = self.at();
        let TokenKind::Ident(name) = self.peek().clone() else { return self.unexpected("a name") };
        self.next += 1;
        let whole = if absolute { format!(".{name}") } else { name.clone() };
        if self.is_structure() {
            return self.structure(start, whole);
        }
        if RESERVED.contains(&name.as_str()) {
            return self.error(name_at, format!("reserved identifier: {name}"));
        }
        if self.is("(") {
            let (args, inner) = self.arguments()?;
            let depth = self.deeper(start, inner.max(1))?;
            return self.call(start, name_at, &whole, None, (args, depth));
        }
        Ok((self.make(start, ExprKind::Ident(whole.into())), 1))
    }

    /// Whether `a.b.C{` stands here; the first name is taken already.
    fn is_structure(&self) -> bool {
        let mut ahead = self.next;
        let kind = |at: usize| self.tokens.get(at).map(|token| &token.kind);
        while let (Some(TokenKind::Punct(".")), Some(TokenKind::Ident(_))) = (kind(ahead), kind(ahead + 1)) {
            ahead += 2;
        }
        kind(ahead) == Some(&TokenKind::Punct("{"))
    }

    /// `a.b.C{...}`.
    fn structure(&mut self, start: u32, mut name: String) -> Parsed<Deep> {
        while self.eat(".") {
            if let TokenKind::Ident(part) = self.advance() {
                name.push('.');
                name.push_str(&part);
            }
        }
        self.expect("{")?;
        let (mut fields, mut depth) = (Vec::new(), 0);
        while !self.eat("}") {
            let optional = self.optional_mark("?")?;
            let at = self.at();
            let (field, _) = self.field_name()?;
            self.expect(":")?;
            let (value, inner) = self.expr()?;
            depth = depth.max(inner);
            fields.push(FieldEntry { name: field.into(), at, value, optional });
            if !self.eat(",") {
                self.expect("}")?;
                break;
            }
        }
        let depth = self.deeper(start, depth)?;
        Ok((self.make(start, ExprKind::Struct { name: name.into(), fields }), depth))
    }

    fn list(&mut self, start: u32) -> Parsed<Deep> {
        let (mut items, mut depth) = (Vec::new(), 0);
        while !self.eat("]") {
            if items.is_empty() && self.is(",") && self.tokens.get(self.next + 1).is_some_and(|token| token.kind == TokenKind::Punct("]")) {
                self.next += 2;
                break;
            }
            let optional = self.optional_mark("?")?;
            let (item, inner) = self.expr()?;
            depth = depth.max(inner);
            items.push((item, optional));
            if !self.eat(",") {
                self.expect("]")?;
                break;
            }
        }
        let depth = self.deeper(start, depth)?;
        Ok((self.make(start, ExprKind::List(items)), depth))
    }

    fn map(&mut self, start: u32) -> Parsed<Deep> {
        let (mut entries, mut depth) = (Vec::new(), 0);
        while !self.eat("}") {
            if entries.is_empty() && self.is(",") && self.tokens.get(self.next + 1).is_some_and(|token| token.kind == TokenKind::Punct("}"))
            {
                self.next += 2;
                break;
            }
            let optional = self.optional_mark("?")?;
            let (key, first) = self.expr()?;
            self.expect(":")?;
            let (value, second) = self.expr()?;
            depth = depth.max(first).max(second);
            entries.push(MapEntry { key, value, optional });
            if !self.eat(",") {
                self.expect("}")?;
                break;
            }
        }
        let depth = self.deeper(start, depth)?;
        Ok((self.make(start, ExprKind::Map(entries)), depth))
    }

    fn literal(&mut self, start: u32, negative: bool) -> Parsed<Expr> {
        let at = self.at();
        let value = match self.advance() {
            TokenKind::True => Value::Bool(true),
            TokenKind::False => Value::Bool(false),
            TokenKind::Null => Value::Null,
            TokenKind::String(text) => Value::String(Arc::from(text)),
            TokenKind::Bytes(bytes) => Value::Bytes(Arc::from(bytes)),
            TokenKind::Int(text) => match whole(&text).and_then(|number| i64::try_from(if negative { -number } else { number }).ok()) {
                Some(number) => Value::Int(number),
                None => return self.error(at, "invalid int literal"),
            },
            TokenKind::Uint(text) => match whole(&text).and_then(|number| u64::try_from(number).ok()) {
                Some(number) => Value::Uint(number),
                None => return self.error(at, "invalid uint literal"),
            },
            TokenKind::Double(text) => match text.parse::<f64>() {
                Ok(number) if number.is_finite() => Value::Double(if negative { -number } else { number }),
                _ => return self.error(at, "invalid double literal"),
            },
            _ => {
                self.next -= 1;
                return self.unexpected("an expression");
            }
        };
        Ok(self.make(start, ExprKind::Literal(value)))
    }
}

/// A whole number, decimal or hexadecimal.
fn whole(text: &str) -> Option<i128> {
    let parsed = match text.strip_prefix("0x") {
        Some(digits) => i128::from_str_radix(digits, 16),
        None => text.parse(),
    };
    parsed.ok().filter(|number| *number <= i128::from(u64::MAX))
}
