//! From syntax to what the evaluator runs: names become slots, operators become instructions, constants are folded.

use std::collections::HashMap;
use std::sync::Arc;

use crate::ast::{Comprehension, Expr, ExprKind, operator};
use crate::environment::FunctionDeclaration;
use crate::eval::accepts;
use crate::{Budget, Call, Context, Environment, Key, Type, TypeProvider, Value, macros};

/// An instruction with the bytes of its text.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) at: (u32, u32),
    pub(crate) step: Step,
}

/// Operators over two values.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Binary {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    Equals,
    NotEquals,
    Less,
    LessEquals,
    Greater,
    GreaterEquals,
    In,
}

/// What the evaluator does.
#[derive(Debug)]
pub(crate) enum Step {
    /// A constant.
    Literal(Value),
    /// A variable of the environment, by slot.
    Variable(usize, Arc<str>),
    /// A variable of a comprehension.
    Local(usize),
    /// A name nobody knows: an error when it is met.
    Undeclared(Arc<str>),
    /// Fields, one in the other.
    Fields(Box<Node>, Vec<Arc<str>>),
    /// `has(operand.field)`.
    Test(Box<Node>, Arc<str>),
    /// `operand.?field`.
    OptionalField(Box<Node>, Arc<str>),
    /// `operand[index]`, or `operand[?index]`.
    Index(Box<(Node, Node)>, bool),
    /// All must hold.
    And(Vec<Node>),
    /// One must hold.
    Or(Vec<Node>),
    /// `!operand`.
    Not(Box<Node>),
    /// `-operand`.
    Negate(Box<Node>),
    /// Whether it is not false: errors are not.
    NotStrictlyFalse(Box<Node>),
    /// `condition ? then : otherwise`.
    Conditional(Box<(Node, Node, Node)>),
    /// An operator.
    Binary(Binary, Box<(Node, Node)>),
    /// A function.
    Call(Box<CallNode>),
    /// `optional.or(other)` (false) and `optional.orValue(other)` (true): the other is computed only where it is needed.
    Otherwise(Box<(Node, Node)>, bool),
    /// A list; each item with whether it is optional.
    List(Vec<(Node, bool)>),
    /// A map.
    Map(Vec<(Node, Node, bool)>),
    /// An object.
    Struct(Box<StructNode>),
    /// A comprehension.
    Fold(Box<Fold>),
    /// A name bound to a value that is computed when it is first asked for.
    Bind(Box<(Node, Node)>, usize),
    /// Puts an item at the end of the list in a slot.
    Append(usize, Box<Node>),
    /// Puts an entry into the map in a slot.
    Insert(usize, Box<(Node, Node)>),
    /// Puts all entries of a map into the map in a slot.
    InsertAll(usize, Box<Node>),
}

/// A call of a function.
#[derive(Debug)]
pub(crate) struct CallNode {
    pub(crate) name: Arc<str>,
    pub(crate) function: Arc<FunctionDeclaration>,
    /// Overloads that may fit, by index.
    pub(crate) candidates: Vec<usize>,
    pub(crate) args: Vec<Node>,
}

/// An object to be made.
#[derive(Debug)]
pub(crate) struct StructNode {
    pub(crate) name: Arc<str>,
    pub(crate) provider: Option<Arc<dyn TypeProvider>>,
    pub(crate) fields: Vec<(Arc<str>, Node, bool)>,
}

/// A comprehension.
#[derive(Debug)]
pub(crate) struct Fold {
    pub(crate) range: Node,
    pub(crate) variable: usize,
    pub(crate) second: Option<usize>,
    pub(crate) accumulator: usize,
    pub(crate) init: Node,
    /// `None` where it always holds.
    pub(crate) condition: Option<Node>,
    pub(crate) step: Node,
    pub(crate) result: Node,
    /// Whether an error in the intermediate result can never go away again.
    pub(crate) strict: bool,
}

/// A plan: the first instruction, and how many local variables there are.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) root: Node,
    pub(crate) locals: usize,
    pub(crate) variables: Vec<usize>,
}

/// What a name stands for.
#[derive(Clone, Debug)]
pub(crate) enum Resolved {
    Variable(usize, Arc<str>, Type),
    Constant(Type, Value),
}

impl Environment {
    /// What a name (which may have dots) stands for, looked up in the container and around it.
    pub(crate) fn resolve(&self, name: &str) -> Option<Resolved> {
        self.candidates(name).into_iter().find_map(|candidate| {
            if let Some(slot) = self.slots.get(candidate.as_str()) {
                let (name, type_of) = self.variables.get(*slot)?;
                return Some(Resolved::Variable(*slot, Arc::clone(name), type_of.clone()));
            }
            self.constant_named(&candidate).map(|(type_of, value)| Resolved::Constant(type_of, value))
        })
    }

    /// A function by its name, looked up in the container and around it.
    pub(crate) fn function(&self, name: &str) -> Option<(Arc<str>, &Arc<FunctionDeclaration>)> {
        if self.container.is_empty() && !name.starts_with('.') {
            return self.functions.get_key_value(name).map(|(name, found)| (Arc::clone(name), found));
        }
        self.candidates(name)
            .into_iter()
            .find_map(|candidate| self.functions.get_key_value(candidate.as_str()).map(|(name, found)| (Arc::clone(name), found)))
    }
}

/// The name a chain of plain fields reads as: `a.b.c`.
pub(crate) fn qualified(expr: &Expr) -> Option<String> {
    match &expr.kind {
        ExprKind::Ident(name) => Some(name.to_string()),
        ExprKind::Select { operand, field, test: false } => {
            let mut name = qualified(operand)?;
            name.push('.');
            name.push_str(field);
            Some(name)
        }
        _ => None,
    }
}

/// The first name of a chain of plain fields.
pub(crate) fn head(name: &str) -> &str {
    name.split_once('.').map_or(name, |(head, _)| head)
}

struct Planner<'a> {
    environment: &'a Environment,
    overloads: &'a HashMap<u32, Vec<usize>>,
    scopes: Vec<(Arc<str>, usize)>,
    locals: usize,
    variables: Vec<usize>,
}

/// Plans an expression. `overloads` holds the overloads the checker left of each call.
pub(crate) fn plan(environment: &Environment, expr: &Expr, overloads: &HashMap<u32, Vec<usize>>) -> Plan {
    let mut planner = Planner { environment, overloads, scopes: Vec::new(), locals: 0, variables: Vec::new() };
    let root = planner.node(expr);
    planner.variables.sort_unstable();
    planner.variables.dedup();
    Plan { root, locals: planner.locals, variables: planner.variables }
}

fn binary(function: &str) -> Option<Binary> {
    Some(match function {
        operator::ADD => Binary::Add,
        operator::SUBTRACT => Binary::Subtract,
        operator::MULTIPLY => Binary::Multiply,
        operator::DIVIDE => Binary::Divide,
        operator::MODULO => Binary::Modulo,
        operator::EQUALS => Binary::Equals,
        operator::NOT_EQUALS => Binary::NotEquals,
        operator::LESS => Binary::Less,
        operator::LESS_EQUALS => Binary::LessEquals,
        operator::GREATER => Binary::Greater,
        operator::GREATER_EQUALS => Binary::GreaterEquals,
        operator::IN => Binary::In,
        _ => return None,
    })
}

impl Planner<'_> {
    fn local(&self, name: &str) -> Option<usize> {
        self.scopes.iter().rev().find(|(known, _)| **known == *name).map(|(_, slot)| *slot)
    }

    fn slot(&mut self) -> usize {
        self.locals += 1;
        self.locals - 1
    }

    fn boxed(&mut self, expr: &Expr) -> Box<Node> {
        Box::new(self.node(expr))
    }

    fn node(&mut self, expr: &Expr) -> Node {
        Node { at: expr.at, step: self.step(expr) }
    }

    /// A whole name that is not one of a comprehension's variables.
    fn outer(&mut self, name: &str) -> Option<Step> {
        if self.local(head(name)).is_some() {
            return None;
        }
        Some(match self.environment.resolve(name)? {
            Resolved::Variable(slot, name, _) => {
                self.variables.push(slot);
                Step::Variable(slot, name)
            }
            Resolved::Constant(_, value) => Step::Literal(value),
        })
    }

    fn step(&mut self, expr: &Expr) -> Step {
        match &expr.kind {
            ExprKind::Literal(value) => Step::Literal(value.clone()),
            ExprKind::Ident(name) => match self.local(name) {
                Some(slot) => Step::Local(slot),
                None => self.outer(name).unwrap_or_else(|| Step::Undeclared(Arc::clone(name))),
            },
            ExprKind::Select { operand, field, test } => self.select(expr, operand, field, *test),
            ExprKind::Call { function, target, args } => self.call(expr.id, function, target.as_deref(), args),
            ExprKind::List(items) => self.list(items),
            ExprKind::Map(entries) => {
                let planned: Vec<(Node, Node, bool)> =
                    entries.iter().map(|entry| (self.node(&entry.key), self.node(&entry.value), entry.optional)).collect();
                constant_map(&planned).map_or(Step::Map(planned), Step::Literal)
            }
            ExprKind::Struct { name, fields } => {
                let fields =
                    fields.iter().map(|field| (Arc::clone(&field.name), self.node(&field.value), field.optional)).collect::<Vec<_>>();
                let found = self.environment.candidates(name).into_iter().find_map(|candidate| {
                    self.environment.provider(&candidate).map(|provider| (Arc::<str>::from(candidate), Arc::clone(provider)))
                });
                let (name, provider) = found.map_or_else(|| (Arc::clone(name), None), |(name, provider)| (name, Some(provider)));
                Step::Struct(Box::new(StructNode { name, provider, fields }))
            }
            ExprKind::Comprehension(inner) => self.comprehension(inner),
        }
    }

    fn select(&mut self, whole: &Expr, operand: &Expr, field: &Arc<str>, test: bool) -> Step {
        if test {
            return Step::Test(self.boxed(operand), Arc::clone(field));
        }
        if let Some(found) = qualified(whole).and_then(|name| self.outer(&name)) {
            return found;
        }
        let operand = self.node(operand);
        match operand.step {
            Step::Fields(inner, mut fields) => {
                fields.push(Arc::clone(field));
                Step::Fields(inner, fields)
            }
            _ => Step::Fields(Box::new(operand), vec![Arc::clone(field)]),
        }
    }

    fn list(&mut self, items: &[(Expr, bool)]) -> Step {
        let planned: Vec<(Node, bool)> = items.iter().map(|(item, optional)| (self.node(item), *optional)).collect();
        let constant: Option<Vec<Value>> = planned
            .iter()
            .map(|(node, optional)| match &node.step {
                Step::Literal(value) if !optional => Some(value.clone()),
                _ => None,
            })
            .collect();
        constant.map_or(Step::List(planned), |items| Step::Literal(Value::list(items)))
    }

    fn flat(&mut self, function: &str, args: &[Expr], into: &mut Vec<Node>) {
        for arg in args {
            match &arg.kind {
                ExprKind::Call { function: inner, target: None, args } if **inner == *function => self.flat(function, args, into),
                _ => into.push(self.node(arg)),
            }
        }
    }

    fn call(&mut self, id: u32, function: &str, target: Option<&Expr>, args: &[Expr]) -> Step {
        if let Some(target) = target {
            let name = qualified(target).filter(|name| self.local(head(name)).is_none()).map(|name| format!("{name}.{function}"));
            if let Some((name, found)) = name.and_then(|name| self.environment.function(&name)) {
                let found = Arc::clone(found);
                return self.function(id, name, found, None, args);
            }
            if let (true, [other]) = (self.environment.optional_syntax && (function == "or" || function == "orValue"), args) {
                return Step::Otherwise(Box::new((self.node(target), self.node(other))), function == "orValue");
            }
        } else if let Some(step) = self.operator(function, args) {
            return step;
        }
        match self.environment.function(function) {
            Some((name, found)) => {
                let found = Arc::clone(found);
                self.function(id, name, found, target, args)
            }
            None => Step::Undeclared(function.into()),
        }
    }

    fn function(&mut self, id: u32, name: Arc<str>, function: Arc<FunctionDeclaration>, target: Option<&Expr>, args: &[Expr]) -> Step {
        let planned: Vec<Node> = target.into_iter().chain(args).map(|arg| self.node(arg)).collect();
        let fits = |index: &usize| {
            function
                .overloads
                .get(*index)
                .is_some_and(|overload| overload.signature.member == target.is_some() && overload.signature.args.len() == planned.len())
        };
        let candidates: Vec<usize> = match self.overloads.get(&id) {
            Some(known) => known.clone(),
            None => (0..function.overloads.len()).filter(fits).collect(),
        };
        let node = CallNode { name, function, candidates, args: planned };
        converted(&node).map_or_else(|| Step::Call(Box::new(node)), Step::Literal)
    }

    fn operator(&mut self, function: &str, args: &[Expr]) -> Option<Step> {
        Some(match (function, args) {
            (operator::AND, [_, _]) => {
                let mut terms = Vec::new();
                self.flat(function, args, &mut terms);
                Step::And(terms)
            }
            (operator::OR, [_, _]) => {
                let mut terms = Vec::new();
                self.flat(function, args, &mut terms);
                Step::Or(terms)
            }
            (operator::NOT, [operand]) => Step::Not(self.boxed(operand)),
            (operator::NEGATE, [operand]) => Step::Negate(self.boxed(operand)),
            (operator::NOT_STRICTLY_FALSE, [operand]) => Step::NotStrictlyFalse(self.boxed(operand)),
            (operator::CONDITIONAL, [condition, then, otherwise]) => {
                Step::Conditional(Box::new((self.node(condition), self.node(then), self.node(otherwise))))
            }
            (operator::INDEX | operator::OPTIONAL_INDEX, [operand, index]) => {
                Step::Index(Box::new((self.node(operand), self.node(index))), function == operator::OPTIONAL_INDEX)
            }
            (operator::OPTIONAL_SELECT, [operand, Expr { kind: ExprKind::Literal(Value::String(field)), .. }]) => {
                Step::OptionalField(self.boxed(operand), Arc::clone(field))
            }
            (operator::ADD, [Expr { kind: ExprKind::Ident(name), .. }, Expr { kind: ExprKind::List(items), .. }])
                if &**name == crate::ast::RESULT =>
            {
                match (self.local(name), items.as_slice()) {
                    (Some(slot), [(item, false)]) => Step::Append(slot, self.boxed(item)),
                    _ => return None,
                }
            }
            (macros::MAP_INSERT, [Expr { kind: ExprKind::Ident(name), .. }, key, value]) => {
                let slot = self.local(name)?;
                Step::Insert(slot, Box::new((self.node(key), self.node(value))))
            }
            (macros::MAP_INSERT, [Expr { kind: ExprKind::Ident(name), .. }, entries]) => {
                let slot = self.local(name)?;
                Step::InsertAll(slot, self.boxed(entries))
            }
            (_, [left, right]) => Step::Binary(binary(function)?, Box::new((self.node(left), self.node(right)))),
            _ => return None,
        })
    }

    fn comprehension(&mut self, inner: &Comprehension) -> Step {
        let depth = self.scopes.len();
        if &*inner.variable == macros::UNUSED {
            let slot = self.slot();
            let init = self.node(&inner.init);
            self.scopes.push((Arc::clone(&inner.accumulator), slot));
            let result = self.node(&inner.result);
            self.scopes.truncate(depth);
            return Step::Bind(Box::new((init, result)), slot);
        }
        let range = self.node(&inner.range);
        let init = self.node(&inner.init);
        let accumulator = self.slot();
        self.scopes.push((Arc::clone(&inner.accumulator), accumulator));
        let variable = self.slot();
        self.scopes.push((Arc::clone(&inner.variable), variable));
        let second = inner.second.as_ref().map(|name| {
            let slot = self.slot();
            self.scopes.push((Arc::clone(name), slot));
            slot
        });
        let condition = match &inner.condition.kind {
            ExprKind::Literal(Value::Bool(true)) => None,
            _ => Some(self.node(&inner.condition)),
        };
        let step = self.node(&inner.step);
        self.scopes.truncate(depth + 1);
        let result = self.node(&inner.result);
        self.scopes.truncate(depth);
        let strict = condition.is_none();
        Step::Fold(Box::new(Fold { range, variable, second, accumulator, init, condition, step, result, strict }))
    }
}

/// The value of a conversion of a constant, which is computed once (`duration("1h")`).
fn converted(node: &CallNode) -> Option<Value> {
    const CONVERSIONS: &[&str] = &["bool", "bytes", "double", "duration", "dyn", "int", "string", "timestamp", "type", "uint"];
    let ([Node { step: Step::Literal(value), .. }], true) = (node.args.as_slice(), CONVERSIONS.contains(&&*node.name)) else { return None };
    let mut candidates = node.candidates.iter().filter_map(|index| node.function.overloads.get(*index));
    let found = candidates.find(|overload| overload.signature.args.first().is_some_and(|wanted| accepts(wanted, value)))?;
    let (context, mut budget) = (Context::bare(), Budget::new(u64::MAX));
    (found.call?)(&mut Call::new(&context, &mut budget), std::slice::from_ref(value)).ok()
}

/// The map of constant entries.
fn constant_map(entries: &[(Node, Node, bool)]) -> Option<Value> {
    let mut found = indexmap::IndexMap::new();
    for (key, value, optional) in entries {
        let (Step::Literal(key), Step::Literal(value), false) = (&key.step, &value.step, optional) else { return None };
        if matches!(key, Value::Double(_)) || found.insert(Key::of(key)?, value.clone()).is_some() {
            return None;
        }
    }
    Some(Value::Map(crate::Map::Values(Arc::new(found))))
}
