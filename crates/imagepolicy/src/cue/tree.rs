//! The syntax tree.

use std::sync::Arc;

use super::number::Decimal;

/// A file.
#[derive(Debug)]
pub(super) struct File {
    pub(super) imports: Vec<Import>,
    pub(super) body: Arc<Struct>,
}

/// An imported package.
#[derive(Clone, Debug)]
pub(super) struct Import {
    pub(super) name: Arc<str>,
    pub(super) path: Arc<str>,
    pub(super) at: usize,
}

/// An expression and where it is.
#[derive(Debug)]
pub(super) struct Expr {
    pub(super) kind: Kind,
    pub(super) at: usize,
}

pub(super) type ExprRef = Arc<Expr>;

#[derive(Debug)]
pub(super) enum Kind {
    Bottom,
    Top,
    Atom(Atom),
    Interpolation(Vec<Piece>),
    Name(Arc<str>),
    Struct(Arc<Struct>),
    List(Vec<Item>, Option<Option<ExprRef>>),
    Member(ExprRef, Arc<str>),
    Index(ExprRef, ExprRef),
    Call(ExprRef, Vec<ExprRef>),
    Unary(&'static str, ExprRef),
    Binary(&'static str, ExprRef, ExprRef),
}

/// A piece of text with holes.
#[derive(Debug)]
pub(super) enum Piece {
    Text(String),
    Hole(ExprRef),
}

/// A value without parts.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Atom {
    Null,
    Bool(bool),
    Number(Decimal),
    Text(Arc<str>),
    Bytes(Arc<[u8]>),
}

/// What a field's name is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Sort {
    Regular,
    Definition,
    Hidden,
}

/// The name of a field, or the number of an item.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Key {
    Name(Arc<str>, Sort),
    Index(usize),
}

impl Key {
    /// The field an unquoted name stands for.
    pub(super) fn of_name(name: &Arc<str>) -> Key {
        let sort = if name.starts_with('#') {
            Sort::Definition
        } else if name.starts_with('_') {
            Sort::Hidden
        } else {
            Sort::Regular
        };
        Key::Name(Arc::clone(name), sort)
    }

    pub(super) fn shown(&self) -> String {
        match self {
            Key::Name(name, _) => name.to_string(),
            Key::Index(index) => index.to_string(),
        }
    }
}

/// How sure a field is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    There,
    Optional,
    Required,
}

#[derive(Debug)]
pub(super) enum Label {
    /// A name that can be referred to.
    Name(Arc<str>),
    /// A quoted one, which cannot.
    Quoted(Arc<str>),
    /// One that is computed.
    Dynamic(ExprRef),
}

#[derive(Debug)]
pub(super) enum Decl {
    Field { label: Label, alias: Option<Arc<str>>, mark: Mark, value: ExprRef },
    Pattern { alias: Option<Arc<str>>, pattern: ExprRef, value: ExprRef },
    Let { name: Arc<str>, value: ExprRef },
    Embed(ExprRef),
    Comprehension(Arc<Comprehension>),
    Ellipsis,
}

#[derive(Debug, Default)]
pub(super) struct Struct {
    pub(super) decls: Vec<Decl>,
}

#[derive(Debug)]
pub(super) struct Comprehension {
    pub(super) clauses: Vec<Clause>,
    pub(super) body: ExprRef,
    pub(super) at: usize,
}

#[derive(Debug)]
pub(super) enum Clause {
    If(ExprRef),
    For { key: Option<Arc<str>>, value: Arc<str>, source: ExprRef },
    Let { name: Arc<str>, value: ExprRef },
}

#[derive(Debug)]
pub(super) enum Item {
    One(ExprRef),
    Several(Arc<Comprehension>),
}
