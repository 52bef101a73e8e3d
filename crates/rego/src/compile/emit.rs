//! Goals to lines in an order in which every variable has a value before it is needed.

use std::collections::BTreeSet;
use std::sync::Arc;

use probity_value::Span;

use super::Builder;
use super::ir::{Block, Callable, Comparison, Mod, NO_MARK, NodeId, Op, OpKind, Part, Pattern, Step, Value};
use super::resolve::{ClosureKind, Goal, GoalKind, GoalMod, Node, NodePart, Var};
use crate::Term;

/// Which variables have a value.
pub(super) type Bound = Vec<bool>;

/// Writes the lines of one rule.
pub(super) struct Emitter<'a, 'b> {
    pub(super) builder: &'a mut Builder<'b>,
    pub(super) bound: Bound,
    /// Names of variables; those without are made by the compiler.
    pub(super) names: Vec<Arc<str>>,
    /// Variables that never get a value, and where they stand.
    pub(super) unsafe_vars: BTreeSet<(Arc<str>, Span)>,
}

/// A step of solving an equation.
enum Equation<'n> {
    Compare(&'n Node, &'n Node),
    Assign(Var, &'n Node),
    Match(&'n Node, &'n Node),
    Never,
}

fn is_bound(bound: &Bound, var: Var) -> bool {
    bound.get(var as usize).copied().unwrap_or(false)
}

fn bind(bound: &mut Bound, var: Var) {
    let at = var as usize;
    if bound.len() <= at {
        bound.resize(at + 1, false);
    }
    if let Some(slot) = bound.get_mut(at) {
        *slot = true;
    }
}

/// Whether it has a value (or values) now. Variables in brackets of a reference may get theirs by it.
fn evaluable(node: &Node, bound: &Bound) -> bool {
    match node {
        Node::Const(_) | Node::Input | Node::Data => true,
        Node::Var(var) => is_bound(bound, *var),
        Node::Ref(head, steps) => evaluable(head, bound) && steps.iter().all(|step| fits(step, bound)),
        Node::Call(_, items, _) | Node::Array(items) | Node::Set(items) => items.iter().all(|item| evaluable(item, bound)),
        Node::Object(pairs) => pairs.iter().all(|(key, value)| evaluable(key, bound) && evaluable(value, bound)),
        Node::Closure(_, _, _, free, _) => free.iter().all(|var| is_bound(bound, *var)),
        Node::Template(parts, _) => parts.iter().all(|part| match part {
            NodePart::Text(_) => true,
            NodePart::Value(_, _, free) => free.iter().all(|var| is_bound(bound, *var)),
        }),
    }
}

/// Whether it can be compared with a value, giving values to the variables in it.
fn fits(node: &Node, bound: &Bound) -> bool {
    match node {
        Node::Var(_) => true,
        Node::Array(items) => {
            let mut later = bound.clone();
            bind_pattern(node, &mut later);
            items.iter().all(|item| fits(item, &later))
        }
        Node::Object(pairs) => {
            let mut later = bound.clone();
            bind_pattern(node, &mut later);
            pairs.iter().all(|(key, value)| evaluable(key, bound) && fits(value, &later))
        }
        other => evaluable(other, bound),
    }
}

/// Variables a pattern gives values to.
fn bind_pattern(node: &Node, bound: &mut Bound) {
    match node {
        Node::Var(var) => bind(bound, *var),
        Node::Array(items) => items.iter().for_each(|item| bind_pattern(item, bound)),
        Node::Object(pairs) => pairs.iter().for_each(|(_, value)| bind_pattern(value, bound)),
        _ => {}
    }
}

/// Variables that evaluating it gives values to.
fn bind_outputs(node: &Node, bound: &mut Bound) {
    if let Node::Ref(_, steps) = node {
        steps.iter().for_each(|step| bind_pattern(step, bound));
    }
}

/// The steps to solve an equation, if what is bound suffices.
fn solve<'n>(left: &'n Node, right: &'n Node, bound: &mut Bound) -> Option<Vec<Equation<'n>>> {
    let mut pending = vec![(left, right)];
    let mut steps = Vec::new();
    while !pending.is_empty() {
        let mut waiting = Vec::new();
        let mut progress = false;
        for (left, right) in std::mem::take(&mut pending) {
            let (left_ready, right_ready) = (evaluable(left, bound), evaluable(right, bound));
            let mut one_sided = |pattern: &'n Node, value: &'n Node, bound: &mut Bound| match pattern {
                Node::Var(var) => {
                    bind_outputs(value, bound);
                    bind(bound, *var);
                    steps.push(Equation::Assign(*var, value));
                    true
                }
                Node::Array(_) | Node::Object(_) if fits(pattern, bound) => {
                    bind_outputs(value, bound);
                    bind_pattern(pattern, bound);
                    steps.push(Equation::Match(pattern, value));
                    true
                }
                _ => false,
            };
            let done = match (left_ready, right_ready) {
                (true, true) => {
                    bind_outputs(left, bound);
                    bind_outputs(right, bound);
                    steps.push(Equation::Compare(left, right));
                    true
                }
                (false, true) => one_sided(left, right, bound),
                (true, false) => one_sided(right, left, bound),
                (false, false) => match (left, right) {
                    (Node::Array(a), Node::Array(b)) => {
                        if a.len() == b.len() {
                            waiting.extend(a.iter().zip(b));
                        } else {
                            steps.push(Equation::Never);
                        }
                        true
                    }
                    (Node::Object(a), Node::Object(b)) => match pair_up(a, b) {
                        Some(pairs) => {
                            waiting.extend(pairs);
                            true
                        }
                        None => false,
                    },
                    _ => false,
                },
            };
            if done {
                progress = true;
            } else {
                waiting.push((left, right));
            }
        }
        if !progress {
            return None;
        }
        pending = waiting;
    }
    Some(steps)
}

/// Values of two objects with the same constant keys.
fn pair_up<'n>(left: &'n [(Node, Node)], right: &'n [(Node, Node)]) -> Option<Vec<(&'n Node, &'n Node)>> {
    if left.len() != right.len() {
        return None;
    }
    left.iter()
        .map(|(key, value)| {
            let Node::Const(key) = key else { return None };
            right.iter().find(|(other, _)| matches!(other, Node::Const(other) if other == key)).map(|(_, other)| (value, other))
        })
        .collect()
}

/// Whether a line can be evaluated now; if so, its variables have values afterwards.
fn ready(goal: &Goal, bound: &mut Bound) -> bool {
    match &goal.kind {
        GoalKind::Test(node) => {
            let found = evaluable(node, bound);
            if found {
                bind_outputs(node, bound);
            }
            found
        }
        GoalKind::Unify(left, right) => {
            let mut later = bound.clone();
            let found = solve(left, right, &mut later).is_some();
            if found {
                *bound = later;
            }
            found
        }
        GoalKind::Not(inner) => closed(inner, bound),
        GoalKind::Every { domain, free, .. } => evaluable(domain, bound) && free.iter().all(|var| is_bound(bound, *var)),
        GoalKind::With { mods, goals } => {
            let values = mods.iter().all(|given| match given {
                GoalMod::Input(_, value) | GoalMod::Data(_, value) | GoalMod::Constant(_, value) => evaluable(value, bound),
                GoalMod::Function(..) => true,
            });
            if !values {
                return false;
            }
            let mut later = bound.clone();
            let mut rest: Vec<&Goal> = goals.iter().collect();
            while !rest.is_empty() {
                let before = rest.len();
                rest.retain(|goal| !ready(goal, &mut later));
                if rest.len() == before {
                    return false;
                }
            }
            *bound = later;
            true
        }
        GoalKind::Print(parts) => parts.iter().all(|part| match part {
            NodePart::Text(_) => true,
            NodePart::Value(_, _, free) => free.iter().all(|var| is_bound(bound, *var)),
        }),
    }
}

/// Whether all variables of a negated line have values.
fn closed(goal: &Goal, bound: &Bound) -> bool {
    match &goal.kind {
        GoalKind::Test(node) => whole(node, bound),
        GoalKind::Unify(left, right) => whole(left, bound) && whole(right, bound),
        _ => ready(goal, &mut bound.clone()),
    }
}

fn whole(node: &Node, bound: &Bound) -> bool {
    match node {
        Node::Ref(head, steps) => whole(head, bound) && steps.iter().all(|step| whole(step, bound)),
        other => evaluable(other, bound),
    }
}

/// Every variable that is not in closures.
fn variables(node: &Node, found: &mut Vec<Var>) {
    match node {
        Node::Var(var) => found.push(*var),
        Node::Ref(head, steps) => {
            variables(head, found);
            steps.iter().for_each(|step| variables(step, found));
        }
        Node::Call(_, items, _) | Node::Array(items) | Node::Set(items) => items.iter().for_each(|item| variables(item, found)),
        Node::Object(pairs) => pairs.iter().for_each(|(key, value)| {
            variables(key, found);
            variables(value, found);
        }),
        Node::Closure(_, _, _, free, _) => found.extend(free),
        Node::Template(parts, _) => parts.iter().for_each(|part| {
            if let NodePart::Value(_, _, free) = part {
                found.extend(free);
            }
        }),
        Node::Const(_) | Node::Input | Node::Data => {}
    }
}

fn goal_variables(goal: &Goal, found: &mut Vec<Var>) {
    match &goal.kind {
        GoalKind::Test(node) => variables(node, found),
        GoalKind::Unify(left, right) => {
            variables(left, found);
            variables(right, found);
        }
        GoalKind::Not(inner) => goal_variables(inner, found),
        GoalKind::Every { domain, free, .. } => {
            variables(domain, found);
            found.extend(free);
        }
        GoalKind::With { mods, goals } => {
            for given in mods {
                if let GoalMod::Input(_, value) | GoalMod::Data(_, value) | GoalMod::Constant(_, value) = given {
                    variables(value, found);
                }
            }
            goals.iter().for_each(|goal| goal_variables(goal, found));
        }
        GoalKind::Print(parts) => parts.iter().for_each(|part| {
            if let NodePart::Value(_, _, free) = part {
                found.extend(free);
            }
        }),
    }
}

impl Emitter<'_, '_> {
    fn fresh(&mut self) -> Var {
        let var = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        self.names.push("".into());
        bind(&mut self.bound, var);
        var
    }

    /// Notes the variables of a node that have no value.
    pub(super) fn require(&mut self, node: &Node, span: Span) {
        let mut found = Vec::new();
        variables(node, &mut found);
        self.require_vars(&found, span);
    }

    fn require_vars(&mut self, found: &[Var], span: Span) {
        for var in found {
            if !is_bound(&self.bound, *var) {
                let name = self.names.get(*var as usize).cloned().unwrap_or_default();
                if !name.is_empty() {
                    self.unsafe_vars.insert((name, span));
                }
            }
        }
    }

    /// The lines of goals, in an order that works.
    pub(super) fn block(&mut self, goals: &[Goal]) -> Block {
        let mut block = Vec::new();
        let mut rest: Vec<&Goal> = goals.iter().collect();
        while !rest.is_empty() {
            let mut waiting = Vec::new();
            for goal in &rest {
                if ready(goal, &mut self.bound.clone()) {
                    self.goal(goal, &mut block);
                } else {
                    waiting.push(*goal);
                }
            }
            if waiting.len() == rest.len() {
                let before = self.unsafe_vars.len();
                for goal in &waiting {
                    let mut found = Vec::new();
                    goal_variables(goal, &mut found);
                    self.require_vars(&found, goal.span);
                }
                if self.unsafe_vars.len() == before
                    && let Some(goal) = waiting.first()
                {
                    self.unsafe_vars.insert(("_".into(), goal.span));
                }
                return block;
            }
            rest = waiting;
        }
        block
    }

    fn push(&mut self, block: &mut Block, kind: OpKind) {
        block.push(Op { mark: NO_MARK, kind });
    }

    fn goal(&mut self, goal: &Goal, block: &mut Block) {
        let before = block.len();
        self.goal_lines(goal, block);
        if goal.marked {
            let mark = self.builder.mark(goal.span);
            if let Some(op) = block.get_mut(before) {
                op.mark = mark;
            }
        }
    }

    fn goal_lines(&mut self, goal: &Goal, block: &mut Block) {
        match &goal.kind {
            GoalKind::Test(node) => {
                let value = self.value(node, block);
                self.push(block, OpKind::Test(value));
            }
            GoalKind::Unify(left, right) => self.equation(left, right, block),
            GoalKind::Not(inner) => {
                let mut body = Vec::new();
                let bound = self.bound.clone();
                self.goal_lines(inner, &mut body);
                self.bound = bound;
                self.push(block, OpKind::Not(body));
            }
            GoalKind::Every { domain, key, value, body, .. } => {
                let domain = self.value(domain, block);
                let bound = self.bound.clone();
                for var in key.iter().chain([value]) {
                    bind(&mut self.bound, *var);
                }
                let body = self.block(body);
                self.bound = bound;
                self.push(block, OpKind::Every { domain, key: *key, value: *value, body });
            }
            GoalKind::With { mods, goals } => {
                let mods = mods.iter().map(|given| self.modifier(given, block)).collect();
                let before = self.bound.clone();
                let body = self.block(goals);
                let outputs = (0..u32::try_from(self.bound.len()).unwrap_or(u32::MAX))
                    .filter(|var| is_bound(&self.bound, *var) && !is_bound(&before, *var))
                    .collect();
                self.push(block, OpKind::With { mods, body, outputs });
            }
            GoalKind::Print(parts) => {
                let parts = self.parts(parts);
                self.push(block, OpKind::Print(parts, goal.span));
            }
        }
    }

    fn modifier(&mut self, given: &GoalMod, block: &mut Block) -> Mod {
        match given {
            GoalMod::Input(path, value) => Mod::Input(path.clone(), self.value(value, block)),
            GoalMod::Data(path, value) => {
                let node = self.builder.node_at(path);
                Mod::Data(path.clone(), node, self.value(value, block))
            }
            GoalMod::Function(target, replacement) => {
                for callable in [target, replacement] {
                    if let Callable::Group(group) = callable {
                        self.builder.depend(*group);
                    }
                }
                Mod::Function(*target, *replacement)
            }
            GoalMod::Constant(target, value) => Mod::Constant(*target, self.value(value, block)),
        }
    }

    fn equation(&mut self, left: &Node, right: &Node, block: &mut Block) {
        let Some(steps) = solve(left, right, &mut self.bound.clone()) else { return };
        for step in steps {
            match step {
                Equation::Compare(left, right) => {
                    let left = self.value(left, block);
                    let right = self.value(right, block);
                    let test = Value::Compare(Comparison::Equal, Box::new(left), Box::new(right));
                    self.push(block, OpKind::Test(test));
                }
                Equation::Assign(var, value) => {
                    let value = self.value(value, block);
                    if is_bound(&self.bound, var) {
                        let test = Value::Compare(Comparison::Equal, Box::new(Value::Slot(var)), Box::new(value));
                        self.push(block, OpKind::Test(test));
                    } else {
                        bind(&mut self.bound, var);
                        self.assign(var, value, block);
                    }
                }
                Equation::Match(pattern, value) => {
                    let value = self.value(value, block);
                    let mut later = Vec::new();
                    let pattern = self.pattern(pattern, &mut later, block);
                    self.push(block, OpKind::Match(pattern, value));
                    for (var, node) in later {
                        let value = self.value(&node, block);
                        let test = Value::Compare(Comparison::Equal, Box::new(Value::Slot(var)), Box::new(value));
                        self.push(block, OpKind::Test(test));
                    }
                }
                Equation::Never => self.push(block, OpKind::Test(Value::Constant(Term::Bool(false)))),
            }
        }
    }

    fn assign(&mut self, var: Var, value: Value, block: &mut Block) {
        // What a scan just put into a slot of its own goes to the variable itself.
        if let Value::Slot(from) = value
            && self.names.get(from as usize).is_some_and(|name| name.is_empty())
            && let Some(Op { kind: OpKind::Scan { value, .. } | OpKind::Walk { value, .. } | OpKind::Each { value, .. }, .. }) =
                block.last_mut()
            && *value == from
        {
            *value = var;
            return;
        }
        self.push(block, OpKind::Let(var, value));
    }

    /// A pattern; what cannot be evaluated yet gets a slot, to be compared later.
    fn pattern(&mut self, node: &Node, later: &mut Vec<(Var, Node)>, block: &mut Block) -> Pattern {
        match node {
            Node::Var(var) if !is_bound(&self.bound, *var) => {
                bind(&mut self.bound, *var);
                if self.names.get(*var as usize).is_some_and(|name| &**name == "_") { Pattern::Any } else { Pattern::Bind(*var) }
            }
            node if evaluable(node, &self.bound) && !outputs_left(node, &self.bound) => {
                let mut lines = Vec::new();
                let value = self.value(node, &mut lines);
                block.extend(lines);
                Pattern::Equal(value)
            }
            Node::Array(items) => Pattern::Array(items.iter().map(|item| self.pattern(item, later, block)).collect()),
            Node::Object(pairs) => Pattern::Object(
                pairs
                    .iter()
                    .map(|(key, value)| {
                        let key = self.value(key, block);
                        (key, self.pattern(value, later, block))
                    })
                    .collect(),
            ),
            other => {
                let var = self.fresh();
                later.push((var, other.clone()));
                Pattern::Bind(var)
            }
        }
    }

    pub(super) fn values(&mut self, nodes: &[Node], block: &mut Block) -> Vec<Value> {
        nodes.iter().map(|node| self.value(node, block)).collect()
    }

    /// A value; lines for what iterates in it come before.
    pub(super) fn value(&mut self, node: &Node, block: &mut Block) -> Value {
        match node {
            Node::Const(term) => Value::Constant(term.clone()),
            Node::Var(var) => Value::Slot(*var),
            Node::Input => Value::Input,
            Node::Data => self.data(&[], block),
            Node::Ref(head, steps) => match &**head {
                Node::Data => self.data(steps, block),
                head => {
                    let base = self.value(head, block);
                    self.path(base, steps, block)
                }
            },
            Node::Call(callable, args, span) => self.call(*callable, args, *span, block),
            Node::Array(items) => constant_or(self.values(items, block), Value::Array, Term::array),
            Node::Set(items) => constant_or(self.values(items, block), Value::Set, Term::set),
            Node::Object(pairs) => {
                let pairs: Vec<(Value, Value)> =
                    pairs.iter().map(|(key, value)| (self.value(key, block), self.value(value, block))).collect();
                let constants: Option<Vec<(Term, Term)>> = pairs
                    .iter()
                    .map(|pair| match pair {
                        (Value::Constant(key), Value::Constant(value)) => Some((key.clone(), value.clone())),
                        _ => None,
                    })
                    .collect();
                match constants {
                    Some(entries) if distinct(&entries) => Value::Constant(Term::object(entries)),
                    _ => Value::Object(pairs),
                }
            }
            Node::Closure(kind, heads, goals, _, span) => self.closure(*kind, heads, goals, *span),
            Node::Template(parts, span) => Value::Template(self.parts(parts), *span),
        }
    }

    fn parts(&mut self, parts: &[NodePart]) -> Vec<Part> {
        parts
            .iter()
            .map(|part| match part {
                NodePart::Text(text) => Part::Text(Arc::clone(text)),
                NodePart::Value(node, goals, _) => {
                    let bound = self.bound.clone();
                    let mut block = self.block(goals);
                    let value = self.value(node, &mut block);
                    self.bound = bound;
                    Part::Value(Box::new(value), block)
                }
            })
            .collect()
    }

    fn closure(&mut self, kind: ClosureKind, heads: &[Node], goals: &[Goal], span: Span) -> Value {
        let bound = self.bound.clone();
        let mut block = self.block(goals);
        for head in heads {
            self.require(head, span);
        }
        let mut values: Vec<Value> = self.values(heads, &mut block);
        self.bound = bound;
        let last = values.pop().unwrap_or(Value::Constant(Term::Null));
        match (kind, values.pop()) {
            (ClosureKind::Object, Some(key)) => Value::ObjectOf(Box::new(key), Box::new(last), block, span),
            (ClosureKind::Set, _) => Value::SetOf(Box::new(last), block),
            _ => Value::ArrayOf(Box::new(last), block),
        }
    }

    fn call(&mut self, callable: Callable, args: &[Node], span: Span, block: &mut Block) -> Value {
        let mut values = self.values(args, block);
        if let Callable::Group(group) = callable {
            self.builder.depend(group);
        }
        if let Callable::Builtin(builtin) = callable {
            let comparison = match builtin.name {
                "equal" | "eq" => Some(Comparison::Equal),
                "neq" => Some(Comparison::NotEqual),
                "lt" => Some(Comparison::Less),
                "lte" => Some(Comparison::LessEqual),
                "gt" => Some(Comparison::Greater),
                "gte" => Some(Comparison::GreaterEqual),
                _ => None,
            };
            if let (Some(comparison), 2) = (comparison, values.len())
                && let (Some(right), Some(left)) = (values.pop(), values.pop())
            {
                return Value::Compare(comparison, Box::new(left), Box::new(right));
            }
            match (builtin.name, values.len()) {
                ("internal.member_2", 2) => {
                    if let (Some(domain), Some(value)) = (values.pop(), values.pop()) {
                        return Value::Member(None, Box::new(value), Box::new(domain));
                    }
                }
                ("internal.member_3", 3) => {
                    if let (Some(domain), Some(value), Some(key)) = (values.pop(), values.pop(), values.pop()) {
                        return Value::Member(Some(Box::new(key)), Box::new(value), Box::new(domain));
                    }
                }
                _ => {}
            }
            if builtin.relation {
                let slot = self.fresh();
                self.push(block, OpKind::Each { call: Value::Call(callable, values, span), value: slot });
                return Value::Slot(slot);
            }
        }
        Value::Call(callable, values, span)
    }

    /// The pattern of a step that gives a value to a variable.
    fn output(&mut self, step: &Node, block: &mut Block) -> Option<Pattern> {
        if evaluable(step, &self.bound) && !outputs_left(step, &self.bound) {
            return None;
        }
        let mut later = Vec::new();
        let pattern = self.pattern(step, &mut later, block);
        Some(pattern)
    }

    fn path(&mut self, base: Value, steps: &[Node], block: &mut Block) -> Value {
        let mut base = base;
        let mut keys = Vec::new();
        for step in steps {
            match self.output(step, block) {
                Some(pattern) => {
                    let source = into_path(base, std::mem::take(&mut keys));
                    let slot = self.fresh();
                    self.push(block, OpKind::Scan { source, key: pattern, value: slot });
                    base = Value::Slot(slot);
                }
                None => keys.push(self.value(step, block)),
            }
        }
        into_path(base, keys)
    }

    fn data(&mut self, steps: &[Node], block: &mut Block) -> Value {
        let mut node: NodeId = 0;
        let mut at = 0;
        loop {
            let here = self.builder.node(node);
            let (group, leaf) = (here.group, here.children.is_empty());
            let rest = steps.get(at..).unwrap_or_default();
            if let (Some(group), true) = (group, leaf) {
                self.builder.depend(group);
                return self.path(Value::Rule(group), rest, block);
            }
            match rest.first() {
                None => {
                    self.builder.depend_walk(node, &[]);
                    return Value::Node(node);
                }
                // Rules with keys that are not constant may have a part in everything below.
                Some(_) if group.is_some() => return self.walk(node, rest, block),
                Some(Node::Const(Term::String(name))) => match here.child(name) {
                    Some(child) => {
                        node = child;
                        at += 1;
                    }
                    None => {
                        let mut path = self.builder.path_of(node);
                        path.push(Arc::clone(name));
                        return self.path(Value::Base(path), rest.get(1..).unwrap_or_default(), block);
                    }
                },
                Some(_) => return self.walk(node, rest, block),
            }
        }
    }

    fn walk(&mut self, node: NodeId, rest: &[Node], block: &mut Block) -> Value {
        let constants: Vec<Option<Term>> = rest
            .iter()
            .map(|step| match step {
                Node::Const(term) => Some(term.clone()),
                _ => None,
            })
            .collect();
        self.builder.depend_walk(node, &constants);
        let mut steps = Vec::new();
        for step in rest {
            steps.push(match self.output(step, block) {
                Some(pattern) => Step::Match(pattern),
                None => Step::Key(self.value(step, block)),
            });
        }
        if steps.iter().all(|step| matches!(step, Step::Key(_))) {
            let keys = steps
                .into_iter()
                .filter_map(|step| match step {
                    Step::Key(key) => Some(key),
                    Step::Match(_) => None,
                })
                .collect();
            return Value::Walk(node, keys);
        }
        let slot = self.fresh();
        self.push(block, OpKind::Walk { node, steps, value: slot });
        Value::Slot(slot)
    }
}

/// Whether evaluating it would give values to variables.
fn outputs_left(node: &Node, bound: &Bound) -> bool {
    match node {
        Node::Ref(_, steps) => steps.iter().any(|step| !whole(step, bound)),
        _ => false,
    }
}

fn distinct(entries: &[(Term, Term)]) -> bool {
    let mut keys: Vec<&Term> = entries.iter().map(|(key, _)| key).collect();
    keys.sort();
    keys.windows(2).all(|pair| pair.first() != pair.last())
}

fn into_path(base: Value, keys: Vec<Value>) -> Value {
    if keys.is_empty() {
        return base;
    }
    match base {
        Value::Path(inner, mut before) => {
            before.extend(keys);
            Value::Path(inner, before)
        }
        other => Value::Path(Box::new(other), keys),
    }
}

fn constant_or(values: Vec<Value>, make: impl Fn(Vec<Value>) -> Value, constant: impl Fn(Vec<Term>) -> Term) -> Value {
    let constants: Option<Vec<Term>> = values
        .iter()
        .map(|value| match value {
            Value::Constant(term) => Some(term.clone()),
            _ => None,
        })
        .collect();
    match constants {
        Some(terms) => Value::Constant(constant(terms)),
        None => make(values),
    }
}
