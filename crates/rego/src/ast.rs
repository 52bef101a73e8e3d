//! The syntax tree of Rego modules, with places.
//!
//! What does not live here: names are not resolved yet, and nothing is ordered; that is the compiler's work.

use std::sync::Arc;

use probity_value::Span;

use crate::Term;

/// Which Rego a module is written in, where it does not say so itself by `import rego.v1`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Version {
    /// Before OPA 1.0: `if` and `contains` are not required and are keywords only after an import.
    V0,
    /// Since OPA 1.0.
    #[default]
    V1,
}

/// An expression with its place.
#[derive(Clone, Debug)]
pub(crate) struct Expr {
    pub(crate) span: Span,
    pub(crate) kind: ExprKind,
}

/// Kinds of expressions.
#[derive(Clone, Debug)]
pub(crate) enum ExprKind {
    /// A literal without parts: null, a boolean, a number, text.
    Scalar(Term),
    /// A name; `_` is written as such here.
    Var(Arc<str>),
    /// Something, and a way into it.
    Ref(Box<Expr>, Vec<Expr>),
    /// A call of what a dotted name says: `io.jwt.decode`.
    Call(Callee, Vec<Expr>),
    /// `[a, b]`.
    Array(Vec<Expr>),
    /// `{a, b}`.
    Set(Vec<Expr>),
    /// `{k: v}`.
    Object(Vec<(Expr, Expr)>),
    /// `[x | body]`.
    ArrayOf(Box<Expr>, Vec<Literal>),
    /// `{x | body}`.
    SetOf(Box<Expr>, Vec<Literal>),
    /// `{k: v | body}`.
    ObjectOf(Box<Expr>, Box<Expr>, Vec<Literal>),
    /// `$"text {x}"`, and whether it was written in backticks.
    Template(Vec<TemplatePart>, bool),
}

/// The name in a call.
#[derive(Clone, Debug)]
pub(crate) struct Callee {
    pub(crate) span: Span,
    /// `io`, `jwt`, `decode`; the name of an operator (`plus`) stands alone.
    pub(crate) name: Vec<Arc<str>>,
    /// Whether it was written as an operator.
    pub(crate) operator: bool,
}

/// A part of a template.
#[derive(Clone, Debug)]
pub(crate) enum TemplatePart {
    Text(Arc<str>),
    Value(Box<Literal>),
}

/// One line of a body.
#[derive(Clone, Debug)]
pub(crate) struct Literal {
    pub(crate) span: Span,
    pub(crate) kind: LiteralKind,
    pub(crate) with: Vec<With>,
}

/// Kinds of body lines.
#[derive(Clone, Debug)]
pub(crate) enum LiteralKind {
    Expr(Expr),
    Not(Expr),
    /// `not` before an equation.
    NotUnify(Expr, Expr),
    /// `x := y`.
    Assign(Expr, Expr),
    /// `x = y`.
    Unify(Expr, Expr),
    /// `some x, y`.
    Some(Vec<(Arc<str>, Span)>),
    /// `some k, v in xs`.
    SomeIn {
        key: Option<Expr>,
        value: Expr,
        domain: Expr,
    },
    /// `every k, v in xs { .. }`.
    Every {
        key: Option<Expr>,
        value: Expr,
        domain: Expr,
        body: Vec<Literal>,
    },
}

/// `with target as value`.
#[derive(Clone, Debug)]
pub(crate) struct With {
    pub(crate) target: Expr,
    pub(crate) value: Expr,
}

/// What a rule makes.
#[derive(Clone, Debug)]
pub(crate) enum HeadKind {
    /// A value: `p := v`, `p[x] := v`.
    Value(Expr),
    /// A member of a set: `p contains x`.
    Member(Expr),
}

/// The head of a rule.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    pub(crate) span: Span,
    /// The first name of the reference.
    pub(crate) name: Arc<str>,
    /// What follows it.
    pub(crate) path: Vec<Expr>,
    /// Arguments, for a function.
    pub(crate) args: Option<Vec<Expr>>,
    pub(crate) kind: HeadKind,
    /// Whether the value was written.
    pub(crate) explicit: bool,
    /// Whether it was written with `:=`.
    pub(crate) assigned: bool,
}

/// A rule with its else branches.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    pub(crate) span: Span,
    pub(crate) is_default: bool,
    pub(crate) head: Head,
    pub(crate) body: Vec<Literal>,
    pub(crate) otherwise: Vec<Else>,
}

/// `else := v { .. }`.
#[derive(Clone, Debug)]
pub(crate) struct Else {
    pub(crate) span: Span,
    pub(crate) value: Expr,
    pub(crate) body: Vec<Literal>,
}

/// `import data.x as y`.
#[derive(Clone, Debug)]
pub(crate) struct Import {
    pub(crate) span: Span,
    pub(crate) path: Vec<Arc<str>>,
    pub(crate) alias: Option<Arc<str>>,
}

/// A comment.
#[derive(Clone, Debug)]
pub(crate) struct Comment {
    pub(crate) span: Span,
    /// One-based.
    pub(crate) line: u32,
    /// Whether nothing stands before it on its line.
    pub(crate) alone: bool,
    /// Without the `#`.
    pub(crate) text: Arc<str>,
}

/// A module.
#[derive(Clone, Debug)]
pub(crate) struct Module {
    pub(crate) file: Arc<str>,
    pub(crate) package: Vec<Arc<str>>,
    pub(crate) package_span: Span,
    pub(crate) imports: Vec<Import>,
    /// Where it imports `rego.v1`.
    pub(crate) v1_import: Option<Span>,
    pub(crate) rules: Vec<Rule>,
    pub(crate) comments: Vec<Comment>,
    /// Whether the rules of v1 hold in it.
    pub(crate) v1: bool,
}
