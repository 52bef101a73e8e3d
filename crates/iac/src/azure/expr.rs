//! Expressions of ARM templates and Bicep, as trees. The parsers limit how deep they are nested.

use std::sync::Arc;

use probity_value::{Data, Span};

/// Expressions may be nested this deep.
pub(crate) const MAX_DEPTH: usize = 96;

/// An expression with its place.
#[derive(Clone, Debug)]
pub(crate) struct Expr {
    pub(crate) kind: ExprKind,
    pub(crate) span: Span,
}

/// What kind of expression.
#[derive(Clone, Debug)]
pub(crate) enum ExprKind {
    /// A literal without parts.
    Literal(Data),
    /// Text with expressions in it.
    Text(Vec<Piece>),
    /// A list.
    Array(Vec<Item>),
    /// An object.
    Object(Vec<Property>),
    /// `[for item in collection: body]`.
    Repeat(Box<Repeat>),
    /// A name by itself.
    Name(Arc<str>),
    /// `concat(a, b)`; the name may have a namespace before it.
    Call { name: Arc<str>, args: Vec<Expr> },
    /// `storage.listKeys()`.
    Method { base: Box<Expr>, name: Arc<str>, args: Vec<Expr> },
    /// `a.b`, `a.?b`.
    Member { base: Box<Expr>, name: Arc<str>, safe: bool },
    /// `a[0]`, `a['b']`, `a[?0]`.
    Index { base: Box<Expr>, index: Box<Expr>, safe: bool },
    /// `a::b`: a nested resource.
    Nested { base: Box<Expr>, name: Arc<str> },
    /// `(a, b) => body`.
    Lambda { params: Vec<Arc<str>>, body: Box<Expr> },
    /// `!a`, `-a`.
    Unary { operator: Unary, value: Box<Expr> },
    /// `a == b`.
    Binary { operator: Binary, left: Box<Expr>, right: Box<Expr> },
    /// `a ? b : c`.
    Choice { condition: Box<Expr>, yes: Box<Expr>, no: Box<Expr> },
    /// `a!` and `(a)`: the same value.
    Same(Box<Expr>),
}

/// A part of a text.
#[derive(Clone, Debug)]
pub(crate) enum Piece {
    Text(Arc<str>),
    Expr(Expr),
}

/// An item of a list; `...list` is spread.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) value: Expr,
    pub(crate) spread: bool,
}

/// A property of an object; `...object` is spread and has no key.
#[derive(Clone, Debug)]
pub(crate) struct Property {
    pub(crate) key: Key,
    pub(crate) key_span: Span,
    pub(crate) value: Expr,
}

/// The key of a property.
#[derive(Clone, Debug)]
pub(crate) enum Key {
    Name(Arc<str>),
    Text(Expr),
    Spread,
}

/// A loop.
#[derive(Clone, Debug)]
pub(crate) struct Repeat {
    pub(crate) item: Arc<str>,
    pub(crate) index: Option<Arc<str>>,
    pub(crate) collection: Expr,
    pub(crate) filter: Option<Expr>,
    pub(crate) body: Expr,
}

/// An operator with one operand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Unary {
    Not,
    Minus,
}

/// An operator with two operands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Binary {
    Or,
    And,
    Coalesce,
    Equal,
    NotEqual,
    Like,
    NotLike,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

impl Binary {
    /// The function of ARM that does the same, where there is one.
    pub(crate) fn function(self) -> Option<&'static str> {
        Some(match self {
            Binary::Equal => "equals",
            Binary::Less => "less",
            Binary::LessEqual => "lessorequals",
            Binary::Greater => "greater",
            Binary::GreaterEqual => "greaterorequals",
            Binary::Add => "add",
            Binary::Subtract => "sub",
            Binary::Multiply => "mul",
            Binary::Divide => "div",
            Binary::Remainder => "mod",
            Binary::Or | Binary::And | Binary::Coalesce | Binary::NotEqual | Binary::Like | Binary::NotLike => return None,
        })
    }
}

impl Expr {
    /// An expression at a place.
    pub(crate) fn new(kind: ExprKind, span: Span) -> Expr {
        Expr { kind, span }
    }

    /// A text literal, if it is one.
    pub(crate) fn as_text(&self) -> Option<&Arc<str>> {
        match &self.kind {
            ExprKind::Literal(Data::String(text)) => Some(text),
            ExprKind::Same(inner) => inner.as_text(),
            _ => None,
        }
    }
}
