//! What rules are compiled to: lines in the order of their evaluation, with numbered slots instead of names.

use std::sync::Arc;

use probity_value::Span;

use crate::Term;
use crate::builtins::Builtin;

pub(crate) type GroupId = u32;
pub(crate) type NodeId = u32;
pub(crate) type Slot = u32;

/// A place under `data` at which or below which there are rules.
#[derive(Debug, Default)]
pub(crate) struct Node {
    pub(crate) parent: Option<NodeId>,
    /// Name below the parent.
    pub(crate) name: Arc<str>,
    /// In the order of their names.
    pub(crate) children: Vec<(Arc<str>, NodeId)>,
    pub(crate) group: Option<GroupId>,
}

impl Node {
    pub(crate) fn child(&self, name: &str) -> Option<NodeId> {
        let at = self.children.binary_search_by(|(found, _)| (**found).cmp(name)).ok()?;
        self.children.get(at).map(|(_, node)| *node)
    }
}

/// What the rules of one name make.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum GroupKind {
    /// One value.
    Complete,
    /// A set.
    Set,
    /// Nested objects (with values or sets as leaves).
    Object,
    /// A function of so many arguments.
    Function(u32),
}

/// All rules of one name.
#[derive(Debug)]
pub(crate) struct Group {
    /// `data.a.b`, for messages.
    pub(crate) path: Arc<str>,
    pub(crate) node: NodeId,
    pub(crate) kind: GroupKind,
    pub(crate) rules: Vec<Rule>,
    pub(crate) default: Option<Rule>,
    /// All rules have this value: one success is enough.
    pub(crate) same: bool,
    /// Whether what it makes depends on nothing but the program's own text.
    pub(crate) span: Span,
}

/// One rule with its else branches.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) span: Span,
    /// Size of its frame; arguments come first.
    pub(crate) slots: u32,
    pub(crate) branches: Vec<Branch>,
}

/// A body and what it makes.
#[derive(Debug)]
pub(crate) struct Branch {
    pub(crate) body: Block,
    /// Keys that are not constant, and those after them.
    pub(crate) keys: Vec<Value>,
    /// The value, or the member of a set.
    pub(crate) value: Value,
    /// Whether the value is a member of a set (below the keys).
    pub(crate) member: bool,
    /// Whether the value depends on nothing in the body.
    pub(crate) constant: bool,
    pub(crate) mark: u32,
}

/// Lines in order.
pub(crate) type Block = Vec<Op>;

/// One line.
#[derive(Debug)]
pub(crate) struct Op {
    /// Number among the coverable places; [`NO_MARK`] for none.
    pub(crate) mark: u32,
    pub(crate) kind: OpKind,
}

pub(crate) const NO_MARK: u32 = u32::MAX;

/// Kinds of lines.
#[derive(Debug)]
pub(crate) enum OpKind {
    /// Has to be defined and not false.
    Test(Value),
    /// Has to be defined.
    Let(Slot, Value),
    /// Has to fit.
    Match(Pattern, Value),
    /// Each part of a value whose key fits the pattern.
    Scan { source: Value, key: Pattern, value: Slot },
    /// Each document that the steps lead to.
    Walk { node: NodeId, steps: Vec<Step>, value: Slot },
    /// Each result of a relation.
    Each { call: Value, value: Slot },
    /// Has no solution.
    Not(Block),
    /// Holds for all.
    Every { domain: Value, key: Option<Slot>, value: Slot, body: Block },
    /// Solutions in another world; these slots are what they give.
    With { mods: Vec<Mod>, body: Block, outputs: Vec<Slot> },
    /// Writes a line.
    Print(Vec<Part>, Span),
}

/// A step of a walk through documents.
#[derive(Debug)]
pub(crate) enum Step {
    Key(Value),
    Match(Pattern),
}

/// What a part of a value has to be.
#[derive(Debug)]
pub(crate) enum Pattern {
    Any,
    Bind(Slot),
    Equal(Value),
    Array(Vec<Pattern>),
    /// Exactly these keys.
    Object(Vec<(Value, Pattern)>),
}

/// A replacement by `with`.
#[derive(Debug)]
pub(crate) enum Mod {
    Input(Vec<Arc<str>>, Value),
    Data(Vec<Arc<str>>, Option<NodeId>, Value),
    /// A function gets another body.
    Function(Callable, Callable),
    /// A function gives a value.
    Constant(Callable, Value),
}

/// Something that can be called.
#[derive(Clone, Copy)]
pub(crate) enum Callable {
    Builtin(&'static Builtin),
    Group(GroupId),
}

impl std::fmt::Debug for Callable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Callable::Builtin(builtin) => f.write_str(builtin.name),
            Callable::Group(group) => write!(f, "group {group}"),
        }
    }
}

impl PartialEq for Callable {
    fn eq(&self, other: &Callable) -> bool {
        match (self, other) {
            (Callable::Builtin(a), Callable::Builtin(b)) => a.name == b.name,
            (Callable::Group(a), Callable::Group(b)) => a == b,
            _ => false,
        }
    }
}

/// Comparisons.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
}

/// What has at most one value.
#[derive(Debug)]
pub(crate) enum Value {
    Constant(Term),
    Slot(Slot),
    Input,
    /// What the base document has at this path.
    Base(Vec<Arc<str>>),
    /// The document of a rule.
    Rule(GroupId),
    /// The whole document at a node.
    Node(NodeId),
    /// The document a walk with known keys leads to.
    Walk(NodeId, Vec<Value>),
    /// The way into a value.
    Path(Box<Value>, Vec<Value>),
    Call(Callable, Vec<Value>, Span),
    Compare(Comparison, Box<Value>, Box<Value>),
    /// Whether a value is in a collection, maybe under a key.
    Member(Option<Box<Value>>, Box<Value>, Box<Value>),
    Array(Vec<Value>),
    Set(Vec<Value>),
    Object(Vec<(Value, Value)>),
    ArrayOf(Box<Value>, Block),
    SetOf(Box<Value>, Block),
    ObjectOf(Box<Value>, Box<Value>, Block, Span),
    Template(Vec<Part>, Span),
}

/// A part of a template or an argument of `print`.
#[derive(Debug)]
pub(crate) enum Part {
    Text(Arc<str>),
    Value(Box<Value>, Block),
}
