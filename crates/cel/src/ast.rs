//! The syntax tree of an expression, with the bytes each part was written as.

use std::sync::Arc;

use crate::Value;

/// A part of an expression.
#[derive(Clone, Debug)]
pub struct Expr {
    /// Unique within its expression; types are kept by it.
    pub id: u32,
    /// First byte and one past the last byte in the text.
    pub at: (u32, u32),
    /// What it is.
    pub kind: ExprKind,
}

/// What a part of an expression is.
#[derive(Clone, Debug)]
pub enum ExprKind {
    /// A constant.
    Literal(Value),
    /// A name; with a `.` before it, looked up from the root.
    Ident(Arc<str>),
    /// `operand.field`, or `has(operand.field)`.
    Select {
        /// What has the field.
        operand: Box<Expr>,
        /// Its name.
        field: Arc<str>,
        /// Whether it is only tested for being there.
        test: bool,
    },
    /// A function or an operator (`_+_`, `_[_]`, `_?_:_`, `_&&_`, `@in`, `_?._` ...).
    Call {
        /// Its name.
        function: Arc<str>,
        /// What stands before the dot.
        target: Option<Box<Expr>>,
        /// What stands in the parentheses.
        args: Vec<Expr>,
    },
    /// A list; each item with whether it is optional (`?x`).
    List(Vec<(Expr, bool)>),
    /// A map.
    Map(Vec<MapEntry>),
    /// `type.name{field: value}`.
    Struct {
        /// The name of the type.
        name: Arc<str>,
        /// Its fields.
        fields: Vec<FieldEntry>,
    },
    /// What macros are made of.
    Comprehension(Box<Comprehension>),
}

/// One entry of a map.
#[derive(Clone, Debug)]
pub struct MapEntry {
    /// The key.
    pub key: Expr,
    /// The value.
    pub value: Expr,
    /// Whether it was written `?key: value`.
    pub optional: bool,
}

/// One field of an object.
#[derive(Clone, Debug)]
pub struct FieldEntry {
    /// The name.
    pub name: Arc<str>,
    /// Where the name stands.
    pub at: (u32, u32),
    /// The value.
    pub value: Expr,
    /// Whether it was written `?field: value`.
    pub optional: bool,
}

/// Goes over a list or map and keeps an intermediate result.
#[derive(Clone, Debug)]
pub struct Comprehension {
    /// The list or map.
    pub range: Expr,
    /// The item of a list or key of a map; with a second variable, the index or key.
    pub variable: Arc<str>,
    /// The item of a list or the value of a map.
    pub second: Option<Arc<str>>,
    /// The name of the intermediate result.
    pub accumulator: Arc<str>,
    /// Its first value.
    pub init: Expr,
    /// Goes on while this holds.
    pub condition: Expr,
    /// The next intermediate result.
    pub step: Expr,
    /// What comes of it.
    pub result: Expr,
}

/// The name of the intermediate result of the usual macros; nobody can write it.
pub const RESULT: &str = "@result";

/// Names of the operators as functions.
pub mod operator {
    #![expect(missing_docs, reason = "the text says it")]
    pub const CONDITIONAL: &str = "_?_:_";
    pub const AND: &str = "_&&_";
    pub const OR: &str = "_||_";
    pub const NOT: &str = "!_";
    pub const NEGATE: &str = "-_";
    pub const EQUALS: &str = "_==_";
    pub const NOT_EQUALS: &str = "_!=_";
    pub const LESS: &str = "_<_";
    pub const LESS_EQUALS: &str = "_<=_";
    pub const GREATER: &str = "_>_";
    pub const GREATER_EQUALS: &str = "_>=_";
    pub const ADD: &str = "_+_";
    pub const SUBTRACT: &str = "_-_";
    pub const MULTIPLY: &str = "_*_";
    pub const DIVIDE: &str = "_/_";
    pub const MODULO: &str = "_%_";
    pub const INDEX: &str = "_[_]";
    pub const OPTIONAL_INDEX: &str = "_[?_]";
    pub const OPTIONAL_SELECT: &str = "_?._";
    pub const IN: &str = "@in";
    pub const NOT_STRICTLY_FALSE: &str = "@not_strictly_false";
}

impl Expr {
    /// Calls `visit` for it and every part of it, outside in.
    pub fn visit<'a>(&'a self, visit: &mut dyn FnMut(&'a Expr)) {
        visit(self);
        self.children(&mut |child| child.visit(visit));
    }

    /// Calls `visit` for each of its direct parts.
    pub fn children<'a>(&'a self, visit: &mut dyn FnMut(&'a Expr)) {
        match &self.kind {
            ExprKind::Literal(_) | ExprKind::Ident(_) => {}
            ExprKind::Select { operand, .. } => visit(operand),
            ExprKind::Call { target, args, .. } => {
                if let Some(target) = target {
                    visit(target);
                }
                args.iter().for_each(visit);
            }
            ExprKind::List(items) => items.iter().for_each(|(item, _)| visit(item)),
            ExprKind::Map(entries) => entries.iter().for_each(|entry| {
                visit(&entry.key);
                visit(&entry.value);
            }),
            ExprKind::Struct { fields, .. } => fields.iter().for_each(|field| visit(&field.value)),
            ExprKind::Comprehension(inner) => {
                for part in [&inner.range, &inner.init, &inner.condition, &inner.step, &inner.result] {
                    visit(part);
                }
            }
        }
    }
}
