//! The tree of HCL: bodies, blocks, attributes, expressions, each with the bytes it was written as.
//!
//! What lives here: the types, the native parser (`parse`), its templates (`template`), going on after problems (`recovery`) and the JSON form (`json`).
//! What does not: what any of it means.

#[cfg(test)]
mod differential;
pub(crate) mod json;
pub(crate) mod parse;
mod recovery;
mod template;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use probity_value::Span;

pub(crate) use parse::{parse_body, parse_expression, parse_template};

/// What a file says: attributes and blocks in the order they were written.
#[derive(Debug, Default)]
pub(crate) struct Body {
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) blocks: Vec<Arc<Block>>,
}

impl Body {
    /// The attribute of that name; where it is written twice, the last.
    pub(crate) fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attributes.iter().rev().find(|attribute| &*attribute.name == name)
    }

    /// The blocks of a kind.
    pub(crate) fn blocks<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Arc<Block>> {
        self.blocks.iter().filter(move |block| &*block.kind == kind)
    }
}

/// `name = expression`.
#[derive(Clone, Debug)]
pub(crate) struct Attribute {
    pub(crate) name: Arc<str>,
    pub(crate) name_span: Span,
    pub(crate) expr: Arc<Expr>,
}

/// `kind "label" { ... }`.
#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) kind: Arc<str>,
    pub(crate) labels: Vec<Label>,
    pub(crate) body: Body,
    /// From the kind to the closing brace.
    pub(crate) span: Span,
    /// From the kind to the last label.
    pub(crate) head: Span,
}

impl Block {
    /// The text of a label.
    pub(crate) fn label(&self, index: usize) -> Option<&Arc<str>> {
        self.labels.get(index).map(|label| &label.text)
    }
}

/// A label of a block.
#[derive(Clone, Debug)]
pub(crate) struct Label {
    pub(crate) text: Arc<str>,
}

/// An expression.
#[derive(Clone, Debug)]
pub(crate) struct Expr {
    pub(crate) kind: ExprKind,
    pub(crate) span: Span,
}

/// Kinds of expressions.
#[derive(Clone, Debug)]
pub(crate) enum ExprKind {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    String(Arc<str>),
    /// Text with interpolations or directives.
    Template(Vec<Part>),
    /// `"${x}"`: the value of `x`, whatever its type.
    Interpolation(Box<Expr>),
    /// A name on its own: the root of a traversal, or the variable of a `for`.
    Name(Arc<str>),
    /// `a.b`; `a.0` has a number as its name.
    Member(Box<Expr>, Arc<str>),
    /// `a[b]`.
    Index(Box<Expr>, Box<Expr>),
    /// `a[*].b[0]` and `a.*.b`: what follows is applied to each item.
    Splat(Box<Expr>, Vec<Follow>),
    List(Vec<Expr>),
    Object(Vec<(Expr, Expr)>),
    Call(Box<Call>),
    For(Box<For>),
    /// Condition, then, else.
    Conditional(Box<[Expr; 3]>),
    Binary(Operator, Box<(Expr, Expr)>),
    Not(Box<Expr>),
    Negate(Box<Expr>),
    /// Could not be read; the problem is reported apart.
    Broken,
}

/// A step after a splat.
#[derive(Clone, Debug)]
pub(crate) enum Follow {
    Member(Arc<str>),
    Index(Expr),
}

/// A call of a function.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) name: Arc<str>,
    pub(crate) arguments: Vec<Expr>,
    /// Whether the last argument is a list to be spread: `f(xs...)`.
    pub(crate) spread: bool,
}

/// A `for` expression.
#[derive(Clone, Debug)]
pub(crate) struct For {
    /// The first of two variables.
    pub(crate) key: Option<Arc<str>>,
    /// The only or the second variable.
    pub(crate) value: Arc<str>,
    pub(crate) collection: Expr,
    /// Present in the object form.
    pub(crate) result_key: Option<Expr>,
    pub(crate) result: Expr,
    /// `...` after the value: values of equal keys are gathered in lists.
    pub(crate) group: bool,
    pub(crate) condition: Option<Expr>,
}

/// A part of a template.
#[derive(Clone, Debug)]
pub(crate) enum Part {
    Text(Arc<str>),
    Value(Expr),
    If { condition: Expr, then: Vec<Part>, otherwise: Vec<Part> },
    For { key: Option<Arc<str>>, value: Arc<str>, collection: Expr, body: Vec<Part> },
}

/// Binary operators.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Operator {
    Or,
    And,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

impl Expr {
    /// The text, where the expression is a literal without interpolation.
    pub(crate) fn as_literal(&self) -> Option<&Arc<str>> {
        match &self.kind {
            ExprKind::String(text) => Some(text),
            _ => None,
        }
    }

    /// The expression as a traversal without values: `aws.eu`, `tags["a"]`, `aws_s3_bucket.b`. For arguments that name things instead
    /// of having a value (`provider`, `ignore_changes`); older configurations write them in quotes.
    pub(crate) fn as_traversal_text(&self) -> Option<String> {
        match &self.kind {
            ExprKind::String(text) => Some(text.to_string()),
            ExprKind::Name(name) => Some(name.to_string()),
            ExprKind::Member(base, name) => Some(format!("{}.{name}", base.as_traversal_text()?)),
            ExprKind::Index(base, key) => {
                let base = base.as_traversal_text()?;
                match &key.kind {
                    ExprKind::String(text) => Some(format!("{base}[\"{text}\"]")),
                    ExprKind::Int(number) => Some(format!("{base}[{number}]")),
                    _ => None,
                }
            }
            ExprKind::Interpolation(inner) => inner.as_traversal_text(),
            _ => None,
        }
    }
}

/// What is wrong with a text.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Problem {
    pub(crate) span: Span,
    pub(crate) message: String,
    /// Whether something could not be read because of it.
    pub(crate) fatal: bool,
    pub(crate) code: &'static str,
}

/// A parsed file.
#[derive(Debug, Default)]
pub(crate) struct Parsed {
    pub(crate) body: Body,
    pub(crate) problems: Vec<Problem>,
    /// All comments in order.
    pub(crate) comments: Vec<Span>,
}
