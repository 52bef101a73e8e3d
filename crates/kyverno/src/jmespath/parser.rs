//! Tokens to a tree. The grammar is that of the fork of go-jmespath, its lenience with commas included.

use std::sync::Arc;

use probity_value::{FileId, Value};

use super::JmesError;
use super::functions::{self, Function};
use super::lexer::{Kind, Token, tokens};

/// How deep expressions may nest, and how long chains of them may be.
const MAX_DEPTH: u32 = 200;

/// A comparison.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
}

/// One node of the tree.
#[derive(Debug)]
pub(super) enum Node {
    /// What is there: `@`.
    Current,
    /// A key of a map.
    Field(Arc<str>),
    /// An item of a list; from the end where negative.
    Index(i64),
    /// Items of a list: start, stop, step.
    Slice([Option<i64>; 3]),
    /// A value written down.
    Literal(Value),
    /// The right of the left.
    Sub(Box<Node>, Box<Node>),
    /// The right of every item of the left.
    Projection(Box<Node>, Box<Node>),
    /// The right of every value of the left.
    ValueProjection(Box<Node>, Box<Node>),
    /// The right of every item of the left that fits.
    Filter(Box<Filter>),
    /// The items of the lists in a list.
    Flatten(Box<Node>),
    /// A comparison.
    Compare(Comparison, Box<Node>, Box<Node>),
    /// The left, or the right where that is nothing.
    Or(Box<Node>, Box<Node>),
    /// The right where the left is something.
    And(Box<Node>, Box<Node>),
    /// Whether it is nothing.
    Not(Box<Node>),
    /// The right of the left, which ends projections.
    Pipe(Box<Node>, Box<Node>),
    /// A list made on the spot.
    List(Vec<Node>),
    /// A map made on the spot.
    Hash(Vec<(Arc<str>, Node)>),
    /// An expression as an argument.
    Reference(Box<Node>),
    /// A call.
    Call(Box<Call>),
}

/// The parts of `left[?condition].right`.
#[derive(Debug)]
pub(super) struct Filter {
    pub(super) left: Node,
    pub(super) right: Node,
    pub(super) condition: Node,
}

/// The call of a function.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) function: &'static Function,
    pub(super) arguments: Vec<Node>,
    /// The regular expression that is written down as the first argument.
    pub(super) regex: Option<regex::Regex>,
}

/// Reads an expression.
pub(super) fn parse(text: &str) -> Result<Parsed, JmesError> {
    let mut parser = Parser { text, tokens: tokens(text)?, next: 0, depth: 0, makes: false };
    let (root, _) = parser.expression(0)?;
    match parser.peek() {
        Kind::End => Ok(Parsed { root, makes: parser.makes }),
        other => Err(parser.wrong(&format!("{} is not expected", other.shown()))),
    }
}

/// A whole expression.
#[derive(Debug)]
pub(super) struct Parsed {
    pub(super) root: Node,
    /// Whether it makes lists or maps of what it finds, which may then share parts.
    pub(super) makes: bool,
}

struct Parser<'t> {
    text: &'t str,
    tokens: Vec<Token>,
    next: usize,
    depth: u32,
    makes: bool,
}

/// A node and how deep it is.
type Deep = (Node, u32);

const END: &Kind = &Kind::End;

impl Parser<'_> {
    fn look(&self, ahead: usize) -> &Kind {
        self.tokens.get(self.next + ahead).map_or(END, |token| &token.kind)
    }

    fn peek(&self) -> &Kind {
        self.look(0)
    }

    fn advance(&mut self) -> Kind {
        let kind = self.peek().clone();
        self.next += 1;
        kind
    }

    fn wrong(&self, what: &str) -> JmesError {
        let at = self.tokens.get(self.next).map_or(self.text.len(), |token| token.at);
        let before = self.text.get(..at).map_or(0, |text| text.chars().count());
        JmesError::wrong(format!("{what} at character {} of `{}`", before + 1, shortened(self.text)))
    }

    fn expect(&mut self, wanted: &Kind) -> Result<(), JmesError> {
        if self.peek() == wanted {
            self.next += 1;
            return Ok(());
        }
        let found = self.peek().shown();
        Err(self.wrong(&format!("{} is expected, not {found}", wanted.shown())))
    }

    fn expression(&mut self, power: u8) -> Result<Deep, JmesError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(JmesError::limit("the expression nests too deep"));
        }
        let mut left = self.prefix()?;
        while power < self.peek().power() {
            if left.1 > MAX_DEPTH {
                return Err(JmesError::limit("the expression nests too deep"));
            }
            left = self.suffix(left)?;
        }
        self.depth -= 1;
        Ok(left)
    }

    fn prefix(&mut self) -> Result<Deep, JmesError> {
        let token = self.advance();
        match token {
            Kind::Json(text) => {
                let (value, problems) = probity_value::json::parse(&text, FileId::NONE);
                match problems.first() {
                    None => Ok((Node::Literal(value), 1)),
                    Some(problem) => Err(JmesError::wrong(format!("the literal `{}` is no JSON: {}", shortened(&text), problem.message))),
                }
            }
            Kind::Text(text) => Ok((Node::Literal(Value::string(&*text, probity_value::Span::NONE)), 1)),
            Kind::Identifier(name) => Ok((Node::Field(name.into()), 1)),
            Kind::Quoted(name) => match self.peek() {
                Kind::LeftParen => Err(self.wrong("the name of a function is not quoted, so `(` is not expected")),
                _ => Ok((Node::Field(name.into()), 1)),
            },
            Kind::Star => {
                let right = if *self.peek() == Kind::RightBracket { (Node::Current, 1) } else { self.projected(Kind::Star.power())? };
                Ok(pair(Node::ValueProjection, (Node::Current, 1), right))
            }
            Kind::Filter => self.filter((Node::Current, 1)),
            Kind::LeftBrace => self.hash(),
            Kind::Flatten => {
                let right = self.projected(Kind::Flatten.power())?;
                Ok(pair(Node::Projection, (Node::Flatten(Box::new(Node::Current)), 2), right))
            }
            Kind::LeftBracket => match (self.peek(), self.look(1)) {
                (Kind::Number(_) | Kind::Colon, _) => self.index((Node::Current, 1)),
                (Kind::Star, Kind::RightBracket) => {
                    self.next += 2;
                    let right = self.projected(Kind::Star.power())?;
                    Ok(pair(Node::Projection, (Node::Current, 1), right))
                }
                _ => self.list(),
            },
            Kind::Current => Ok((Node::Current, 1)),
            Kind::Reference => self.expression(0).map(|inner| single(Node::Reference, inner)),
            Kind::Not => self.expression(Kind::Not.power()).map(|inner| single(Node::Not, inner)),
            Kind::LeftParen => {
                let inner = self.expression(0)?;
                self.expect(&Kind::RightParen)?;
                Ok(inner)
            }
            other => {
                self.next = self.next.saturating_sub(1);
                match other {
                    Kind::End => Err(self.wrong("the expression is not complete")),
                    other => Err(self.wrong(&format!("{} is not expected", other.shown()))),
                }
            }
        }
    }

    fn suffix(&mut self, left: Deep) -> Result<Deep, JmesError> {
        let token = self.advance();
        let power = token.power();
        match token {
            Kind::Dot if *self.peek() == Kind::Star => {
                self.next += 1;
                let right = self.projected(power)?;
                Ok(pair(Node::ValueProjection, left, right))
            }
            Kind::Dot => {
                let right = self.after_dot(power)?;
                Ok(pair(Node::Sub, left, right))
            }
            Kind::Pipe => Ok(pair(Node::Pipe, left, self.expression(power)?)),
            Kind::Or => Ok(pair(Node::Or, left, self.expression(power)?)),
            Kind::And => Ok(pair(Node::And, left, self.expression(power)?)),
            Kind::LeftParen => self.call(left),
            Kind::Filter => self.filter(left),
            Kind::Flatten => {
                let right = self.projected(power)?;
                Ok(pair(Node::Projection, single(Node::Flatten, left), right))
            }
            Kind::LeftBracket => {
                if matches!(self.peek(), Kind::Number(_) | Kind::Colon) {
                    return self.index(left);
                }
                self.expect(&Kind::Star)?;
                self.expect(&Kind::RightBracket)?;
                let right = self.projected(Kind::Star.power())?;
                Ok(pair(Node::Projection, left, right))
            }
            other => {
                let comparison = match other {
                    Kind::Equal => Comparison::Equal,
                    Kind::NotEqual => Comparison::NotEqual,
                    Kind::Less => Comparison::Less,
                    Kind::LessEqual => Comparison::LessEqual,
                    Kind::Greater => Comparison::Greater,
                    Kind::GreaterEqual => Comparison::GreaterEqual,
                    other => {
                        self.next = self.next.saturating_sub(1);
                        return Err(self.wrong(&format!("{} is not expected", other.shown())));
                    }
                };
                let right = self.expression(power)?;
                Ok(pair(|left, right| Node::Compare(comparison, left, right), left, right))
            }
        }
    }

    /// An index or a slice; a slice begins a projection.
    fn index(&mut self, left: Deep) -> Result<Deep, JmesError> {
        if *self.peek() != Kind::Colon && *self.look(1) != Kind::Colon {
            let index = self.integer()?;
            self.expect(&Kind::RightBracket)?;
            return Ok(pair(Node::Sub, left, (Node::Index(index), 1)));
        }
        let mut parts = [None; 3];
        let mut part = 0;
        while *self.peek() != Kind::RightBracket && part < 3 {
            match self.peek() {
                Kind::Colon => {
                    part += 1;
                    self.next += 1;
                }
                Kind::Number(_) => {
                    let number = self.integer()?;
                    if let Some(slot) = parts.get_mut(part) {
                        *slot = Some(number);
                    }
                }
                other => {
                    let found = other.shown();
                    return Err(self.wrong(&format!("`:` or a number is expected, not {found}")));
                }
            }
        }
        self.expect(&Kind::RightBracket)?;
        let slice = pair(Node::Sub, left, (Node::Slice(parts), 1));
        let right = self.projected(Kind::Star.power())?;
        Ok(pair(Node::Projection, slice, right))
    }

    fn integer(&mut self) -> Result<i64, JmesError> {
        let Kind::Number(text) = self.peek() else {
            let found = self.peek().shown();
            return Err(self.wrong(&format!("a number is expected, not {found}")));
        };
        let Ok(number) = text.parse::<i64>() else {
            let found = self.peek().shown();
            return Err(self.wrong(&format!("{found} is no whole number")));
        };
        self.next += 1;
        Ok(number)
    }

    fn call(&mut self, left: Deep) -> Result<Deep, JmesError> {
        let name: Arc<str> = match &left.0 {
            Node::Field(name) => Arc::clone(name),
            Node::Literal(value) if value.as_str().is_some() => value.as_str().unwrap_or_default().into(),
            _ => return Err(self.wrong("`(` does not follow the name of a function")),
        };
        let Some(function) = functions::find(&name) else {
            return Err(self.wrong(&functions::unknown(&name)));
        };
        let mut arguments = Vec::new();
        let mut depth = 0;
        while *self.peek() != Kind::RightParen {
            let argument = self.expression(0)?;
            if *self.peek() == Kind::Comma {
                self.next += 1;
            }
            depth = depth.max(argument.1);
            arguments.push(argument.0);
        }
        self.next += 1;
        function.check_count(arguments.len())?;
        let mut regex = None;
        if function.takes_regex
            && let Some(Node::Literal(value)) = arguments.first()
            && let Some(pattern) = value.as_str()
        {
            regex = Some(functions::regex(function.name, pattern)?);
        }
        self.makes |= function.makes;
        Ok((Node::Call(Box::new(Call { function, arguments, regex })), depth + 1))
    }

    fn list(&mut self) -> Result<Deep, JmesError> {
        self.makes = true;
        let mut items = Vec::new();
        let mut depth = 0;
        loop {
            let item = self.expression(0)?;
            depth = depth.max(item.1);
            items.push(item.0);
            if *self.peek() == Kind::RightBracket {
                self.next += 1;
                return Ok((Node::List(items), depth + 1));
            }
            self.expect(&Kind::Comma)?;
        }
    }

    fn hash(&mut self) -> Result<Deep, JmesError> {
        self.makes = true;
        let mut entries = Vec::new();
        let mut depth = 0;
        loop {
            let (Kind::Identifier(name) | Kind::Quoted(name)) = self.peek().clone() else {
                let found = self.peek().shown();
                return Err(self.wrong(&format!("a key is expected, not {found}")));
            };
            self.next += 1;
            self.expect(&Kind::Colon)?;
            let value = self.expression(0)?;
            depth = depth.max(value.1);
            entries.push((name.into(), value.0));
            match self.peek() {
                Kind::Comma => self.next += 1,
                Kind::RightBrace => {
                    self.next += 1;
                    return Ok((Node::Hash(entries), depth + 1));
                }
                _ => {}
            }
        }
    }

    fn filter(&mut self, left: Deep) -> Result<Deep, JmesError> {
        let condition = self.expression(0)?;
        self.expect(&Kind::RightBracket)?;
        let right = if *self.peek() == Kind::Flatten { (Node::Current, 1) } else { self.projected(Kind::Filter.power())? };
        let depth = left.1.max(right.1).max(condition.1) + 1;
        Ok((Node::Filter(Box::new(Filter { left: left.0, right: right.0, condition: condition.0 })), depth))
    }

    fn after_dot(&mut self, power: u8) -> Result<Deep, JmesError> {
        match self.peek() {
            Kind::Quoted(_) | Kind::Identifier(_) | Kind::Star => self.expression(power),
            Kind::LeftBracket => {
                self.next += 1;
                self.list()
            }
            Kind::LeftBrace => {
                self.next += 1;
                self.hash()
            }
            other => {
                let found = other.shown();
                Err(self.wrong(&format!("a name, `[` or `{{` is expected after `.`, not {found}")))
            }
        }
    }

    fn projected(&mut self, power: u8) -> Result<Deep, JmesError> {
        match self.peek() {
            kind if kind.power() < 10 => Ok((Node::Current, 1)),
            Kind::LeftBracket | Kind::Filter => self.expression(power),
            Kind::Dot => {
                self.next += 1;
                self.after_dot(power)
            }
            other => {
                let found = other.shown();
                Err(self.wrong(&format!("{found} is not expected")))
            }
        }
    }
}

fn pair(make: impl FnOnce(Box<Node>, Box<Node>) -> Node, left: Deep, right: Deep) -> Deep {
    (make(Box::new(left.0), Box::new(right.0)), left.1.max(right.1) + 1)
}

fn single(make: impl FnOnce(Box<Node>) -> Node, inner: Deep) -> Deep {
    (make(Box::new(inner.0)), inner.1 + 1)
}

/// Text for a message, cut where it is long.
pub(super) fn shortened(text: &str) -> String {
    match text.char_indices().nth(200) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text.to_owned(),
    }
}

impl Node {
    /// The path it stands for, as it is written; `None` where it is no plain path.
    pub(super) fn path(&self) -> Option<String> {
        Some(match self {
            Node::Field(name) => {
                let plain = name
                    .bytes()
                    .enumerate()
                    .all(|(at, byte)| byte == b'_' || byte.is_ascii_alphabetic() || (at > 0 && byte.is_ascii_digit()));
                if plain && !name.is_empty() { name.to_string() } else { format!("\"{name}\"") }
            }
            Node::Current => "@".to_owned(),
            Node::Sub(left, right) => match &**right {
                Node::Index(index) => format!("{}[{index}]", left.path()?),
                right => format!("{}.{}", left.path()?, right.path()?),
            },
            _ => return None,
        })
    }

    /// Calls `visit` for the node and everything below it.
    pub(super) fn each<'n>(&'n self, visit: &mut dyn FnMut(&'n Node)) {
        visit(self);
        match self {
            Node::Current | Node::Field(_) | Node::Index(_) | Node::Slice(_) | Node::Literal(_) => {}
            Node::Flatten(inner) | Node::Not(inner) | Node::Reference(inner) => inner.each(visit),
            Node::Sub(left, right)
            | Node::Projection(left, right)
            | Node::ValueProjection(left, right)
            | Node::Compare(_, left, right)
            | Node::Or(left, right)
            | Node::And(left, right)
            | Node::Pipe(left, right) => {
                left.each(visit);
                right.each(visit);
            }
            Node::Filter(filter) => {
                filter.left.each(visit);
                filter.condition.each(visit);
                filter.right.each(visit);
            }
            Node::List(items) => items.iter().for_each(|item| item.each(visit)),
            Node::Hash(entries) => entries.iter().for_each(|(_, value)| value.each(visit)),
            Node::Call(call) => call.arguments.iter().for_each(|argument| argument.each(visit)),
        }
    }
}
