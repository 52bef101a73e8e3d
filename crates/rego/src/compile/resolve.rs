//! Names to variables and documents, and nested parts of lines that iterate to lines of their own.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use probity_core::{Diagnostic, Level};
use probity_value::Span;

use super::ir::Callable;
use super::scope::{collect_names, names_of};
use super::{Builder, ModuleScope};
use crate::ast::{Callee, Expr, ExprKind, Literal, LiteralKind, TemplatePart, With};
use crate::{Term, builtins};

/// A variable of a rule; its slot.
pub(super) type Var = u32;

/// An expression with its names resolved.
#[derive(Clone, Debug)]
pub(super) enum Node {
    Const(Term),
    Var(Var),
    Input,
    Data,
    Ref(Box<Node>, Vec<Node>),
    Call(Callable, Vec<Node>, Span),
    Array(Vec<Node>),
    Set(Vec<Node>),
    Object(Vec<(Node, Node)>),
    /// Key where there is one, value, body, and what it takes from outside.
    Closure(ClosureKind, Vec<Node>, Vec<Goal>, Vec<Var>, Span),
    Template(Vec<NodePart>, Span),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ClosureKind {
    Array,
    Set,
    Object,
}

/// A part of a template: text, or a value with its body and what it takes from outside.
#[derive(Clone, Debug)]
pub(super) enum NodePart {
    Text(Arc<str>),
    Value(Node, Vec<Goal>, Vec<Var>),
}

/// A line with its names resolved.
#[derive(Clone, Debug)]
pub(super) struct Goal {
    pub(super) span: Span,
    pub(super) kind: GoalKind,
    /// Whether coverage tells of it.
    pub(super) marked: bool,
}

#[derive(Clone, Debug)]
pub(super) enum GoalKind {
    Test(Node),
    Unify(Node, Node),
    Not(Box<Goal>),
    Every { domain: Node, key: Option<Var>, value: Var, body: Vec<Goal>, free: Vec<Var> },
    With { mods: Vec<GoalMod>, goals: Vec<Goal> },
    Print(Vec<NodePart>),
}

#[derive(Clone, Debug)]
pub(super) enum GoalMod {
    Input(Vec<Arc<str>>, Node),
    Data(Vec<Arc<str>>, Node),
    Function(Callable, Callable),
    Constant(Callable, Node),
}

#[derive(Default)]
struct Scope {
    declared: HashMap<Arc<str>, Var>,
    /// Names that stand in it and are not declared.
    direct: HashSet<Arc<str>>,
    implicit: HashMap<Arc<str>, Var>,
    /// Names it declares that only closures within it mean; each closure has its own.
    idle: HashSet<Arc<str>>,
}

/// Resolves one rule or query.
pub(super) struct Resolver<'a, 'b> {
    pub(super) builder: &'a mut Builder<'b>,
    pub(super) module: &'a ModuleScope,
    scopes: Vec<Scope>,
    /// For each variable, how deep in closures it lives.
    pub(super) depths: Vec<usize>,
    pub(super) names: Vec<Arc<str>>,
    /// Variables used since, to know what closures take from outside.
    used: Vec<Var>,
    /// Declared but not met yet.
    unused: Vec<(Arc<str>, Span, Var)>,
    pub(super) rule_annotations: Option<(Term, Term)>,
}

impl<'a, 'b> Resolver<'a, 'b> {
    pub(super) fn new(builder: &'a mut Builder<'b>, module: &'a ModuleScope) -> Resolver<'a, 'b> {
        Resolver {
            builder,
            module,
            scopes: Vec::new(),
            depths: Vec::new(),
            names: Vec::new(),
            used: Vec::new(),
            unused: Vec::new(),
            rule_annotations: None,
        }
    }

    pub(super) fn fail(&mut self, code: &'static str, span: Span, message: impl Into<String>) {
        let file = Arc::clone(&self.module.file);
        self.builder.problems.push(Diagnostic::new(Level::Error, code, file, span, message));
    }

    pub(super) fn fresh(&mut self, name: &str) -> Var {
        let var = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        self.names.push(name.into());
        self.depths.push(self.scopes.len());
        var
    }

    /// Opens the scope of a body; `heads` are expressions that belong to it.
    pub(super) fn open(&mut self, heads: &[&Expr], body: &[Literal]) {
        let (mut direct, mut idle) = (HashSet::new(), HashSet::new());
        collect_names(body, heads, &mut direct, &mut idle);
        self.scopes.push(Scope { direct, idle, ..Scope::default() });
    }

    pub(super) fn close(&mut self) {
        self.scopes.pop();
    }

    /// Says which variables were declared by `some` and `every` and never used.
    pub(super) fn refuse_unused(&mut self) {
        for (name, span, var) in std::mem::take(&mut self.unused) {
            if &*name != "_" && !self.used.contains(&var) {
                self.fail("rego-compile", span, format!("declared var `{name}` unused"));
            }
        }
    }

    /// Variables with names of the outermost scope, for queries.
    pub(super) fn top_names(&self) -> Vec<(Arc<str>, Var)> {
        let Some(scope) = self.scopes.first() else { return Vec::new() };
        let mut names: Vec<(Arc<str>, Var)> =
            scope.declared.iter().chain(&scope.implicit).map(|(name, var)| (Arc::clone(name), *var)).collect();
        names.sort();
        names
    }

    /// What closures opened since `mark` take from outside.
    fn free_since(&mut self, mark: usize) -> Vec<Var> {
        let depth = self.scopes.len();
        let mut free: Vec<Var> = self.used.get(mark..).unwrap_or_default().to_vec();
        free.retain(|var| self.depths.get(*var as usize).is_none_or(|at| *at <= depth));
        free.sort_unstable();
        free.dedup();
        free
    }

    pub(super) fn declare(&mut self, name: &Arc<str>, span: Span) -> Var {
        if &**name == "_" {
            return self.fresh("_");
        }
        if self.module.v1 && matches!(&**name, "input" | "data") {
            self.fail("rego-compile", span, format!("variables must not shadow `{name}` (use a different variable name)"));
        }
        let (again, above) = match self.scopes.last() {
            Some(scope) => (scope.declared.contains_key(name), scope.implicit.contains_key(name)),
            None => (false, false),
        };
        if again {
            self.fail("rego-compile", span, format!("var `{name}` assigned above"));
        } else if above {
            self.fail("rego-compile", span, format!("var `{name}` referenced above"));
        }
        let var = self.fresh(name);
        if let Some(scope) = self.scopes.last_mut() {
            scope.declared.insert(Arc::clone(name), var);
        }
        var
    }

    fn variable(&mut self, name: &Arc<str>) -> Option<Var> {
        if &**name == "_" {
            let var = self.fresh("_");
            self.used.push(var);
            return Some(var);
        }
        let mut found = None;
        let mut idle = false;
        let innermost = self.scopes.len().saturating_sub(1);
        for (index, scope) in self.scopes.iter().enumerate().rev() {
            if let Some(var) = scope.declared.get(name) {
                idle = index < innermost && scope.idle.contains(name);
                if idle {
                    // It counts as used, but is not what the closure takes from outside.
                    let var = *var;
                    self.unused.retain(|(_, _, unused)| *unused != var);
                } else {
                    found = Some(Ok(*var));
                }
                break;
            }
            if scope.direct.contains(name) {
                found = Some(Err(index));
            }
        }
        // A name that is a document is no variable unless it was declared.
        if !idle && !matches!(found, Some(Ok(_))) && self.global(name).is_some() {
            return None;
        }
        let var = match found {
            Some(Ok(var)) => var,
            other => {
                let index = match other {
                    Some(Err(index)) => index,
                    _ => self.scopes.len().saturating_sub(1),
                };
                let known = self.scopes.get(index).and_then(|scope| scope.implicit.get(name)).copied();
                match known {
                    Some(var) => var,
                    None => {
                        let var = self.fresh(name);
                        if let Some(depth) = self.depths.last_mut() {
                            *depth = index + 1;
                        }
                        if let Some(scope) = self.scopes.get_mut(index) {
                            scope.implicit.insert(Arc::clone(name), var);
                        }
                        var
                    }
                }
            }
        };
        self.used.push(var);
        Some(var)
    }

    /// What a name that is no variable stands for: a path under `data` or `input`.
    fn global(&self, name: &str) -> Option<Vec<Arc<str>>> {
        if name == "input" || name == "data" {
            return Some(vec![name.into()]);
        }
        if let Some(path) = self.module.imports.get(name) {
            return Some(path.clone());
        }
        if self.module.rules.contains(name) {
            let mut path: Vec<Arc<str>> = vec!["data".into()];
            path.extend(self.module.package.iter().cloned());
            path.push(name.into());
            return Some(path);
        }
        None
    }

    fn is_declared(&self, name: &str) -> bool {
        self.scopes.iter().any(|scope| scope.declared.contains_key(name))
    }

    fn callable(&mut self, callee: &Callee) -> Option<Callable> {
        let joined = || callee.name.iter().map(|part| &**part).collect::<Vec<_>>().join(".");
        if !callee.operator {
            let first = callee.name.first()?;
            if !self.is_declared(first)
                && let Some(mut path) = self.global(first)
            {
                path.extend(callee.name.iter().skip(1).cloned());
                if path.first().is_some_and(|root| &**root == "data")
                    && let Some(group) = self.builder.function_at(path.get(1..).unwrap_or_default())
                {
                    return Some(Callable::Group(group));
                }
            }
        }
        let name = joined();
        if let Some(builtin) = builtins::find(&name) {
            if builtin.deprecated && self.module.v1 {
                self.fail("rego-type", callee.span, format!("deprecated built-in function calls in expression: {name}"));
            }
            return Some(Callable::Builtin(builtin));
        }
        self.fail("rego-type", callee.span, format!("undefined function `{name}`"));
        None
    }

    /// The document of a rule that is called without arguments.
    fn rule_value(&self, callee: &Callee) -> Option<Node> {
        let first = callee.name.first()?;
        if callee.operator || self.is_declared(first) {
            return None;
        }
        let mut path = self.global(first)?;
        path.extend(callee.name.iter().skip(1).cloned());
        let (root, rest) = path.split_first()?;
        if &**root != "data" || self.builder.node_at(rest).is_none_or(|node| self.builder.node(node).group.is_none()) {
            return None;
        }
        if self.builder.function_at(rest).is_some() {
            return None;
        }
        Some(Node::Ref(Box::new(Node::Data), rest.iter().map(|part| Node::Const(Term::String(Arc::clone(part)))).collect()))
    }

    /// An expression; parts that iterate become goals before it where `out` takes them.
    pub(super) fn node(&mut self, expr: &Expr, out: &mut Vec<Goal>) -> Node {
        match &expr.kind {
            ExprKind::Scalar(term) => Node::Const(term.clone()),
            ExprKind::Var(name) => match self.variable(name) {
                Some(var) => Node::Var(var),
                None => self.document(name),
            },
            ExprKind::Ref(head, path) => {
                let mut steps = Vec::new();
                let head = match self.node(head, out) {
                    Node::Ref(head, before) => {
                        steps = before;
                        *head
                    }
                    head => self.hoisted(head, expr.span, out),
                };
                for step in path {
                    let node = self.node(step, out);
                    steps.push(self.hoisted(node, step.span, out));
                }
                Node::Ref(Box::new(head), steps)
            }
            ExprKind::Call(callee, args) if args.is_empty() && self.rule_value(callee).is_some() => {
                self.rule_value(callee).unwrap_or(Node::Const(Term::Null))
            }
            ExprKind::Call(callee, args) => {
                let args: Vec<Node> = args
                    .iter()
                    .map(|arg| {
                        let node = self.node(arg, out);
                        self.hoisted(node, arg.span, out)
                    })
                    .collect();
                match self.callable(callee) {
                    Some(callable) => {
                        if let Some(wanted) = self.builder.arity(callable)
                            && wanted != args.len()
                        {
                            let name = callee.name.join(".");
                            let message = format!("function `{name}` has arity {wanted}, got {} arguments", args.len());
                            self.fail("rego-type", expr.span, message);
                        }
                        self.call(callable, args, expr.span)
                    }
                    None => Node::Const(Term::Null),
                }
            }
            ExprKind::Array(items) => Node::Array(self.nodes(items, out)),
            ExprKind::Set(items) => Node::Set(self.nodes(items, out)),
            ExprKind::Object(pairs) => Node::Object(
                pairs
                    .iter()
                    .map(|(key, value)| {
                        let key_node = self.node(key, out);
                        let key_node = self.hoisted(key_node, key.span, out);
                        let value_node = self.node(value, out);
                        (key_node, self.hoisted(value_node, value.span, out))
                    })
                    .collect(),
            ),
            ExprKind::ArrayOf(head, body) => self.closure(ClosureKind::Array, &[head], body, expr.span),
            ExprKind::SetOf(head, body) => self.closure(ClosureKind::Set, &[head], body, expr.span),
            ExprKind::ObjectOf(key, value, body) => self.closure(ClosureKind::Object, &[key, value], body, expr.span),
            ExprKind::Template(parts, _) => {
                let parts = parts
                    .iter()
                    .map(|part| match part {
                        TemplatePart::Text(text) => NodePart::Text(Arc::clone(text)),
                        TemplatePart::Value(literal) => match &literal.kind {
                            LiteralKind::Expr(value) => self.part(value, &literal.with, literal.span),
                            _ => NodePart::Text("".into()),
                        },
                    })
                    .collect();
                Node::Template(parts, expr.span)
            }
        }
    }

    /// A call, where the engine knows the function itself.
    fn call(&mut self, callable: Callable, args: Vec<Node>, span: Span) -> Node {
        if let Callable::Builtin(builtin) = callable {
            match builtin.name {
                "rego.metadata.rule" => {
                    return Node::Const(self.rule_annotations.as_ref().map_or_else(Term::empty_object, |found| found.0.clone()));
                }
                "rego.metadata.chain" => {
                    return Node::Const(self.rule_annotations.as_ref().map_or_else(|| Term::array(Vec::new()), |found| found.1.clone()));
                }
                _ => {}
            }
        }
        Node::Call(callable, args, span)
    }

    fn nodes(&mut self, items: &[Expr], out: &mut Vec<Goal>) -> Vec<Node> {
        items
            .iter()
            .map(|item| {
                let node = self.node(item, out);
                self.hoisted(node, item.span, out)
            })
            .collect()
    }

    /// A nested part: one that may iterate gets a line of its own.
    fn hoisted(&mut self, node: Node, span: Span, out: &mut Vec<Goal>) -> Node {
        let iterates = match &node {
            Node::Ref(_, steps) => steps.iter().any(|step| !matches!(step, Node::Const(_))),
            Node::Call(Callable::Builtin(builtin), ..) => builtin.relation,
            _ => false,
        };
        if iterates { self.hoist(node, span, out) } else { node }
    }

    fn hoist(&mut self, node: Node, span: Span, out: &mut Vec<Goal>) -> Node {
        let var = self.fresh("");
        self.used.push(var);
        out.push(Goal { span, kind: GoalKind::Unify(Node::Var(var), node), marked: false });
        Node::Var(var)
    }

    fn document(&self, name: &str) -> Node {
        let Some(path) = self.global(name) else { return Node::Const(Term::Null) };
        let mut parts = path.into_iter();
        let head = match parts.next() {
            Some(root) if &*root == "input" => Node::Input,
            _ => Node::Data,
        };
        let steps: Vec<Node> = parts.map(|part| Node::Const(Term::String(part))).collect();
        if steps.is_empty() { head } else { Node::Ref(Box::new(head), steps) }
    }

    fn closure(&mut self, kind: ClosureKind, heads: &[&Expr], body: &[Literal], span: Span) -> Node {
        let mark = self.used.len();
        self.open(heads, body);
        let mut goals = self.goals(body);
        let heads = heads.iter().map(|head| self.head(head, &mut goals)).collect();
        self.close();
        let free = self.free_since(mark);
        Node::Closure(kind, heads, goals, free, span)
    }

    /// An expression of a head: what iterates in it becomes lines at the end of the body.
    pub(super) fn head(&mut self, head: &Expr, goals: &mut Vec<Goal>) -> Node {
        let node = self.node(head, goals);
        match node {
            Node::Ref(..) | Node::Call(..) => self.hoist(node, head.span, goals),
            other => other,
        }
    }

    fn part(&mut self, value: &Expr, with: &[With], span: Span) -> NodePart {
        let mark = self.used.len();
        let literal = Literal { span, kind: LiteralKind::Expr(value.clone()), with: Vec::new() };
        self.open(&[], std::slice::from_ref(&literal));
        let mut goals = Vec::new();
        let mut inner = Vec::new();
        let node = self.node(value, &mut inner);
        let var = self.fresh("");
        self.used.push(var);
        inner.push(Goal { span, kind: GoalKind::Unify(Node::Var(var), node), marked: false });
        if with.is_empty() {
            goals = inner;
        } else {
            let mods = self.mods(with, &mut goals);
            goals.push(Goal { span, kind: GoalKind::With { mods, goals: inner }, marked: false });
        }
        self.close();
        let free = self.free_since(mark);
        NodePart::Value(Node::Var(var), goals, free)
    }

    /// Lines of a body.
    pub(super) fn goals(&mut self, body: &[Literal]) -> Vec<Goal> {
        let mut goals = Vec::new();
        for literal in body {
            if literal.with.is_empty() {
                self.literal(literal, &mut goals);
            } else {
                let mods = self.mods(&literal.with, &mut goals);
                let mut inner = Vec::new();
                self.literal(literal, &mut inner);
                goals.push(Goal { span: literal.span, kind: GoalKind::With { mods, goals: inner }, marked: true });
            }
        }
        goals
    }

    fn literal(&mut self, literal: &Literal, out: &mut Vec<Goal>) {
        let span = literal.span;
        let goal = |kind| Goal { span, kind, marked: true };
        match &literal.kind {
            LiteralKind::Expr(expr) => {
                if let Some(printed) = self.print(expr, span) {
                    out.extend(printed);
                    return;
                }
                let kind = self.statement(expr, out);
                out.push(goal(kind));
            }
            LiteralKind::Unify(left, right) => {
                let left = self.node(left, out);
                let right = self.node(right, out);
                out.push(goal(GoalKind::Unify(left, right)));
            }
            LiteralKind::Assign(target, value) => {
                let value = self.node(value, out);
                let target = self.target(target, out);
                out.push(goal(GoalKind::Unify(target, value)));
            }
            LiteralKind::Not(expr) => {
                let inner = match &expr.kind {
                    ExprKind::Call(callee, args) if callee.operator && matches!(callee.name.as_slice(), [name] if &**name == "equal") => {
                        match args.as_slice() {
                            [left, right] => self.negated_equation(left, right, out),
                            _ => self.statement(expr, out),
                        }
                    }
                    ExprKind::Ref(..) | ExprKind::Var(_) => GoalKind::Test(self.negated_ref(expr, out)),
                    ExprKind::Call(..) => self.negated_call(expr, out),
                    _ => {
                        let node = self.node(expr, out);
                        GoalKind::Test(self.pulled_out(node, span, out))
                    }
                };
                out.push(goal(GoalKind::Not(Box::new(Goal { span, kind: inner, marked: false }))));
            }
            LiteralKind::NotUnify(left, right) => {
                let inner = self.negated_equation(left, right, out);
                out.push(goal(GoalKind::Not(Box::new(Goal { span, kind: inner, marked: false }))));
            }
            LiteralKind::Some(names) => {
                for (name, at) in names {
                    let var = self.declare(name, *at);
                    self.unused.push((Arc::clone(name), *at, var));
                }
            }
            LiteralKind::SomeIn { key, value, domain } => {
                let domain = self.node(domain, out);
                for pattern in key.iter().chain([value]) {
                    self.declare_all(pattern);
                }
                let key = match key {
                    Some(key) => self.node(key, out),
                    None => Node::Var(self.fresh("_")),
                };
                let value = self.node(value, out);
                let (head, mut steps) = match domain {
                    Node::Ref(head, steps) => (head, steps),
                    Node::Call(..) => (Box::new(self.hoist(domain, span, out)), Vec::new()),
                    other => (Box::new(other), Vec::new()),
                };
                steps.push(key);
                out.push(goal(GoalKind::Unify(value, Node::Ref(head, steps))));
            }
            LiteralKind::Every { key, value, domain, body } => {
                let domain = self.node(domain, out);
                let domain = self.hoisted(domain, span, out);
                let mark = self.used.len();
                self.open(&[], body);
                let name = |expr: &Expr| match &expr.kind {
                    ExprKind::Var(name) => (Arc::clone(name), expr.span),
                    _ => ("_".into(), expr.span),
                };
                let key = key.as_ref().map(|key| {
                    let (name, at) = name(key);
                    let var = self.declare(&name, at);
                    self.unused.push((name, at, var));
                    var
                });
                let (value_name, at) = name(value);
                let value = self.declare(&value_name, at);
                self.unused.push((value_name, at, value));
                // The body is a scope of its own: names declared in it may hide the key and the value.
                self.open(&[], body);
                let goals = self.goals(body);
                self.close();
                self.close();
                let free = self.free_since(mark);
                out.push(goal(GoalKind::Every { domain, key, value, body: goals, free }));
            }
        }
    }

    /// A line that is an expression: a call with one argument more than the function takes gives its result to it.
    fn statement(&mut self, expr: &Expr, out: &mut Vec<Goal>) -> GoalKind {
        if let ExprKind::Call(callee, args) = &expr.kind
            && !callee.operator
            && let Some((callable, wanted)) = self.callable_quietly(callee)
            && wanted + 1 == args.len()
        {
            // Once more, to say what is wrong with it.
            self.callable(callee);
            let mut nodes = self.nodes(args, out);
            let result = nodes.pop().unwrap_or(Node::Const(Term::Null));
            let call = self.call(callable, nodes, expr.span);
            return GoalKind::Unify(result, call);
        }
        GoalKind::Test(self.node(expr, out))
    }

    fn callable_quietly(&mut self, callee: &Callee) -> Option<(Callable, usize)> {
        let before = self.builder.problems.len();
        let callable = self.callable(callee);
        self.builder.problems.truncate(before);
        let callable = callable?;
        let arity = self.builder.arity(callable)?;
        Some((callable, arity))
    }

    /// Under `not`, OPA evaluates references and calls inside of calls beforehand: where they are undefined the line is.
    fn negated_call(&mut self, expr: &Expr, out: &mut Vec<Goal>) -> GoalKind {
        match self.statement(expr, out) {
            GoalKind::Test(Node::Call(callable, args, span)) => {
                let args = args.into_iter().map(|arg| self.pulled_out(arg, span, out)).collect();
                GoalKind::Test(Node::Call(callable, args, span))
            }
            GoalKind::Unify(result, Node::Call(callable, args, span)) => {
                let args = args.into_iter().map(|arg| self.pulled_out(arg, span, out)).collect();
                GoalKind::Unify(result, Node::Call(callable, args, span))
            }
            other => other,
        }
    }

    fn negated_equation(&mut self, left: &Expr, right: &Expr, out: &mut Vec<Goal>) -> GoalKind {
        let mut side = |side: &Expr| match &side.kind {
            ExprKind::Ref(..) | ExprKind::Var(_) => self.negated_ref(side, out),
            ExprKind::ArrayOf(..) | ExprKind::SetOf(..) | ExprKind::ObjectOf(..) => self.node(side, out),
            _ => {
                let node = self.node(side, out);
                self.pulled_out(node, side.span, out)
            }
        };
        let left = side(left);
        let right = side(right);
        GoalKind::Unify(left, right)
    }

    fn negated_ref(&mut self, expr: &Expr, out: &mut Vec<Goal>) -> Node {
        match self.node(expr, out) {
            Node::Ref(head, steps) => {
                let head = match *head {
                    call @ Node::Call(..) => self.pulled_out(call, expr.span, out),
                    head => head,
                };
                Node::Ref(Box::new(head), steps.into_iter().map(|step| self.pulled_out(step, expr.span, out)).collect())
            }
            other => other,
        }
    }

    /// The same with references and calls in it evaluated before.
    fn pulled_out(&mut self, node: Node, span: Span, out: &mut Vec<Goal>) -> Node {
        match node {
            Node::Ref(..) | Node::Call(..) | Node::Input | Node::Data => self.hoist(node, span, out),
            Node::Array(items) => Node::Array(items.into_iter().map(|item| self.pulled_out(item, span, out)).collect()),
            Node::Set(items) => Node::Set(items.into_iter().map(|item| self.pulled_out(item, span, out)).collect()),
            Node::Object(pairs) => Node::Object(
                pairs
                    .into_iter()
                    .map(|(key, value)| {
                        let key = self.pulled_out(key, span, out);
                        (key, self.pulled_out(value, span, out))
                    })
                    .collect(),
            ),
            other => other,
        }
    }

    /// The left side of `:=`: variables in it are new.
    fn target(&mut self, target: &Expr, out: &mut Vec<Goal>) -> Node {
        match &target.kind {
            ExprKind::Var(name) => {
                let var = self.declare(name, target.span);
                self.used.push(var);
                Node::Var(var)
            }
            ExprKind::Array(items) => Node::Array(items.iter().map(|item| self.target(item, out)).collect()),
            ExprKind::Object(pairs) => {
                Node::Object(pairs.iter().map(|(key, value)| (self.node(key, out), self.target(value, out))).collect())
            }
            ExprKind::Scalar(term) => Node::Const(term.clone()),
            _ => {
                self.fail("rego-compile", target.span, "cannot assign to this expression");
                Node::Const(Term::Null)
            }
        }
    }

    /// A name for a slot; false where the name is taken.
    pub(super) fn declare_slot(&mut self, name: &Arc<str>, span: Span, slot: Var) -> bool {
        if &**name == "_" {
            return true;
        }
        if matches!(&**name, "input" | "data") {
            self.fail("rego-compile", span, format!("args must not shadow `{name}` (use a different variable name)"));
        }
        let Some(scope) = self.scopes.last_mut() else { return false };
        if scope.declared.contains_key(name) {
            return false;
        }
        scope.declared.insert(Arc::clone(name), slot);
        if let Some(known) = self.names.get_mut(slot as usize) {
            *known = Arc::clone(name);
        }
        true
    }

    pub(super) fn slot_of(&self, name: &str) -> Option<Var> {
        self.scopes.last()?.declared.get(name).copied()
    }

    /// Names in the pattern of an argument are new.
    pub(super) fn declare_arguments(&mut self, pattern: &Expr) {
        self.declare_all(pattern);
    }

    /// Variables in the patterns of `some .. in` are new.
    fn declare_all(&mut self, pattern: &Expr) {
        let mut names = Vec::new();
        names_of(pattern, &mut names);
        for (name, span) in names {
            if self.scopes.last().is_none_or(|scope| !scope.declared.contains_key(&name)) && &*name != "_" {
                self.declare(&name, span);
            }
        }
    }

    fn print(&mut self, expr: &Expr, span: Span) -> Option<Vec<Goal>> {
        let ExprKind::Call(callee, args) = &expr.kind else { return None };
        if callee.operator || !matches!(callee.name.as_slice(), [name] if &**name == "print") || self.global("print").is_some() {
            return None;
        }
        if !self.builder.keep_prints {
            return Some(Vec::new());
        }
        let parts = args.iter().map(|arg| self.part(arg, &[], arg.span)).collect();
        Some(vec![Goal { span, kind: GoalKind::Print(parts), marked: true }])
    }

    fn mods(&mut self, with: &[With], out: &mut Vec<Goal>) -> Vec<GoalMod> {
        let mut mods = Vec::new();
        for with in with {
            let Some(target) = self.mod_target(&with.target) else { continue };
            match target {
                Ok(mut path) => {
                    let value = self.node(&with.value, out);
                    let value = self.hoisted(value, with.value.span, out);
                    let root = if path.is_empty() { Arc::from("") } else { path.remove(0) };
                    mods.push(if &*root == "input" { GoalMod::Input(path, value) } else { GoalMod::Data(path, value) });
                }
                Err(function) => {
                    let replacement = self.replacement(&with.value);
                    mods.push(match replacement {
                        Some(replacement) => GoalMod::Function(function, replacement),
                        None => {
                            let value = self.node(&with.value, out);
                            GoalMod::Constant(function, self.hoisted(value, with.value.span, out))
                        }
                    });
                }
            }
        }
        mods
    }

    /// The path of a target of `with`, or the function it is.
    fn mod_target(&mut self, target: &Expr) -> Option<Result<Vec<Arc<str>>, Callable>> {
        let names = dotted(target);
        let path = match &names {
            Some(names) => names.first().and_then(|first| self.global(first)).map(|mut path| {
                path.extend(names.iter().skip(1).cloned());
                path
            }),
            None => None,
        };
        if let Some(path) = path {
            if path.first().is_some_and(|root| &**root == "data") {
                if let Some(group) = self.builder.function_at(path.get(1..).unwrap_or_default()) {
                    return Some(Err(Callable::Group(group)));
                }
                if self.builder.inside_rule(path.get(1..).unwrap_or_default()) {
                    self.fail("rego-compile", target.span, "with keyword cannot partially replace virtual document(s)");
                    return None;
                }
            }
            return Some(Ok(path));
        }
        if let Some(names) = names
            && let Some(builtin) = builtins::find(&names.join("."))
        {
            return Some(Err(Callable::Builtin(builtin)));
        }
        self.fail("rego-type", target.span, "rego_type_error: with keyword target must reference existing `input`, `data`, or a function");
        None
    }

    fn replacement(&mut self, value: &Expr) -> Option<Callable> {
        let names = dotted(value)?;
        let first = names.first()?;
        if self.is_declared(first) {
            return None;
        }
        if let Some(mut path) = self.global(first) {
            path.extend(names.iter().skip(1).cloned());
            return self.builder.function_at(path.get(1..)?).map(Callable::Group);
        }
        builtins::find(&names.join(".")).map(Callable::Builtin)
    }
}

/// `a.b.c` of a variable or reference with constant text.
fn dotted(expr: &Expr) -> Option<Vec<Arc<str>>> {
    match &expr.kind {
        ExprKind::Var(name) => Some(vec![Arc::clone(name)]),
        ExprKind::Ref(head, path) => {
            let mut names = dotted(head)?;
            for step in path {
                match &step.kind {
                    ExprKind::Scalar(Term::String(text)) => names.push(Arc::clone(text)),
                    _ => return None,
                }
            }
            Some(names)
        }
        _ => None,
    }
}
