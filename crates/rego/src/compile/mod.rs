//! Modules to a program: names, order, slots; recursion and conflicts are found here.

mod annotations;
mod emit;
pub(crate) mod ir;
mod resolve;
mod rule;
mod scope;
mod tree;
mod types;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use probity_core::{Diagnostic, Level};
use probity_value::Span;

use crate::Term;
use crate::ast::{self, ExprKind, LiteralKind, Version};
use crate::builtins::Caches;
use crate::engine::{RuleInfo, RuleKind};
use ir::{Block, Callable, Group, GroupId, GroupKind, NodeId, Slot, Value};
use resolve::{Goal, GoalKind, Node, Resolver};
use tree::Tree;

/// A compiled program.
pub(crate) struct Compiled {
    pub(crate) base: Term,
    pub(crate) tree: Tree,
    pub(crate) groups: Vec<Group>,
    pub(crate) packages: Vec<Arc<[Arc<str>]>>,
    pub(crate) infos: Vec<RuleInfo>,
    pub(crate) coverable: Vec<Span>,
    pub(crate) caches: Caches,
    pub(crate) keep_prints: bool,
    /// Kinds of values that the rules of each group make.
    kinds: Vec<u8>,
}

/// A query, ready to be asked.
pub(crate) struct PreparedQuery {
    pub(crate) slots: u32,
    pub(crate) body: Block,
    pub(crate) bindings: Vec<(Arc<str>, Slot)>,
    pub(crate) values: Vec<Value>,
    /// The rule whose document is asked for, where the query is nothing else.
    pub(crate) rule: Option<GroupId>,
}

/// What names mean in a module.
#[derive(Default)]
pub(super) struct ModuleScope {
    pub(super) file: Arc<str>,
    pub(super) package: Arc<[Arc<str>]>,
    pub(super) imports: HashMap<Arc<str>, Vec<Arc<str>>>,
    /// First names of all rules of the package.
    pub(super) rules: Arc<HashSet<Arc<str>>>,
    /// Whether the rules of v1 hold in it.
    pub(super) v1: bool,
}

/// What compiling bodies adds to.
pub(super) struct Builder<'b> {
    pub(super) tree: &'b Tree,
    pub(super) problems: Vec<Diagnostic>,
    pub(super) keep_prints: bool,
    coverable: Vec<Span>,
    /// Groups the rule at hand asks.
    dependencies: BTreeSet<GroupId>,
}

impl Builder<'_> {
    fn node(&self, node: NodeId) -> &ir::Node {
        self.tree.node(node)
    }

    fn path_of(&self, node: NodeId) -> Vec<Arc<str>> {
        self.tree.path_of(node)
    }

    fn node_at(&self, path: &[Arc<str>]) -> Option<NodeId> {
        self.tree.find(path)
    }

    /// The function of a path under `data`.
    fn function_at(&self, path: &[Arc<str>]) -> Option<GroupId> {
        let group = self.tree.node(self.tree.find(path)?).group?;
        matches!(self.tree.kind(group), GroupKind::Function(_)).then_some(group)
    }

    /// Whether a path leads into what a rule makes.
    fn inside_rule(&self, path: &[Arc<str>]) -> bool {
        let mut node = 0;
        for part in path {
            let here = self.tree.node(node);
            match here.child(part) {
                Some(child) => node = child,
                None => return here.group.is_some(),
            }
        }
        false
    }

    /// How many arguments it takes; `None` where any number.
    fn arity(&self, callable: Callable) -> Option<usize> {
        match callable {
            Callable::Builtin(builtin) if builtin.variadic => None,
            Callable::Builtin(builtin) => Some(builtin.arity()),
            Callable::Group(group) => match self.tree.kind(group) {
                GroupKind::Function(arity) => Some(arity as usize),
                _ => None,
            },
        }
    }

    fn mark(&mut self, span: Span) -> u32 {
        let mark = u32::try_from(self.coverable.len()).unwrap_or(u32::MAX);
        self.coverable.push(span);
        mark
    }

    fn depend(&mut self, group: GroupId) {
        self.dependencies.insert(group);
    }

    /// Depends on every rule that a reference with these steps may reach.
    fn depend_walk(&mut self, node: NodeId, steps: &[Option<Term>]) {
        let here = self.tree.node(node);
        if let Some(group) = here.group {
            self.dependencies.insert(group);
        }
        let children: Vec<NodeId> = match steps.first() {
            Some(Some(Term::String(name))) => here.child(name).into_iter().collect(),
            Some(Some(_)) => Vec::new(),
            _ => here.children.iter().map(|(_, child)| *child).collect(),
        };
        for child in children {
            self.depend_walk(child, steps.get(1..).unwrap_or_default());
        }
    }
}

/// Compiles modules.
pub(crate) fn program(modules: Vec<ast::Module>, base: Term, keep_prints: bool) -> Result<Compiled, Vec<Diagnostic>> {
    let mut problems = Vec::new();
    let scopes = scopes(&modules, &mut problems);
    let (tree, members) = Tree::build(&modules, &mut problems);
    if !problems.is_empty() {
        return Err(problems);
    }
    let notes = annotations::Notes::read(&modules, &mut problems);
    let mut builder = Builder { tree: &tree, problems, keep_prints, coverable: Vec::new(), dependencies: BTreeSet::new() };
    let mut groups = Vec::new();
    let mut dependencies: Vec<BTreeSet<GroupId>> = Vec::new();
    for (index, members) in members.iter().enumerate() {
        let id = u32::try_from(index).unwrap_or(u32::MAX);
        let (kind, node) = (tree.kind(id), tree.group_node(id));
        let path: Arc<str> = path_text(&tree.path_of(node)).into();
        let mut group = Group { path, node, kind, rules: Vec::new(), default: None, same: false, span: Span::NONE };
        for (module_at, rule_at) in members {
            let (Some(module), Some(scope)) = (modules.get(*module_at), scopes.get(*module_at)) else { continue };
            let Some(written) = module.rules.get(*rule_at) else { continue };
            let annotations = notes.of(*module_at, *rule_at);
            let compiled = rule::compile(&mut builder, scope, written, kind, annotations);
            group.span = group.span.or(written.head.span);
            if written.is_default {
                if group.default.is_some() {
                    let message = format!("multiple default rules `{}` found", group.path);
                    builder.problems.push(Diagnostic::new(Level::Error, "rego-type", Arc::clone(&module.file), written.span, message));
                }
                group.default = Some(compiled);
            } else {
                group.rules.push(compiled);
            }
        }
        group.same = rule::all_same(&group);
        groups.push(group);
        dependencies.push(std::mem::take(&mut builder.dependencies));
    }
    let Builder { mut problems, coverable, .. } = builder;
    let order = recursion(&groups, &dependencies, &modules, &members, &mut problems);
    let mut kinds = Vec::new();
    if problems.is_empty() {
        let file = |span: Span| {
            let module = modules.iter().find(|module| module.package_span.file == span.file);
            module.map_or_else(|| "".into(), |module| Arc::clone(&module.file))
        };
        (problems, kinds) = types::Checker::new(&groups, &coverable).all(&order, file);
    }
    if !problems.is_empty() {
        problems.sort_by_key(|problem| problem.span);
        problems.dedup();
        return Err(problems);
    }
    let infos = infos(&modules, &tree, &notes);
    let packages = modules.iter().map(|module| module.package.clone().into()).collect();
    Ok(Compiled { base, tree, groups, packages, infos, coverable, caches: Caches::default(), keep_prints, kinds })
}

/// `data.a["b c"]`.
pub(crate) fn path_text(path: &[Arc<str>]) -> String {
    let mut text = "data".to_owned();
    for part in path {
        if crate::engine::is_name(part) {
            text.push('.');
            text.push_str(part);
        } else {
            text.push_str(&format!("[{}]", Term::String(Arc::clone(part)).to_json()));
        }
    }
    text
}

fn scopes(modules: &[ast::Module], problems: &mut Vec<Diagnostic>) -> Vec<ModuleScope> {
    let mut names: BTreeMap<&[Arc<str>], HashSet<Arc<str>>> = BTreeMap::new();
    for module in modules {
        let rules = names.entry(&module.package).or_default();
        rules.extend(module.rules.iter().map(|rule| Arc::clone(&rule.head.name)));
    }
    let names: BTreeMap<&[Arc<str>], Arc<HashSet<Arc<str>>>> =
        names.into_iter().map(|(package, rules)| (package, Arc::new(rules))).collect();
    modules
        .iter()
        .map(|module| {
            let mut imports = HashMap::new();
            let documents = |import: &&ast::Import| import.path.first().is_some_and(|root| matches!(&**root, "data" | "input"));
            for import in module.imports.iter().filter(documents) {
                let name = import.alias.clone().or_else(|| import.path.last().cloned()).unwrap_or_default();
                if module.v1 && imports.contains_key(&name) {
                    let message = format!("import must not shadow another import of `{name}`");
                    problems.push(Diagnostic::new(Level::Error, "rego-compile", Arc::clone(&module.file), import.span, message));
                }
                imports.insert(name, import.path.clone());
            }
            ModuleScope {
                file: Arc::clone(&module.file),
                package: module.package.clone().into(),
                imports,
                v1: module.v1,
                rules: names.get(module.package.as_slice()).cloned().unwrap_or_default(),
            }
        })
        .collect()
}

/// Finds rules that need themselves. Gives the groups in an order in which each comes after those it needs.
fn recursion(
    groups: &[Group],
    dependencies: &[BTreeSet<GroupId>],
    modules: &[ast::Module],
    members: &[Vec<(usize, usize)>],
    problems: &mut Vec<Diagnostic>,
) -> Vec<GroupId> {
    let mut order = Vec::with_capacity(groups.len());
    #[derive(Clone, Copy, PartialEq)]
    enum State {
        New,
        Open,
        Done,
    }
    let mut states = vec![State::New; groups.len()];
    for start in 0..groups.len() {
        if states.get(start) != Some(&State::New) {
            continue;
        }
        let mut way: Vec<(usize, Vec<GroupId>)> = vec![(start, dependencies.get(start).into_iter().flatten().copied().collect())];
        if let Some(state) = states.get_mut(start) {
            *state = State::Open;
        }
        while let Some((group, rest)) = way.last_mut() {
            let group = *group;
            let Some(next) = rest.pop() else {
                if let Some(state) = states.get_mut(group) {
                    *state = State::Done;
                }
                order.push(GroupId::try_from(group).unwrap_or(GroupId::MAX));
                way.pop();
                continue;
            };
            let next = next as usize;
            match states.get(next) {
                Some(State::New) => {
                    if let Some(state) = states.get_mut(next) {
                        *state = State::Open;
                    }
                    way.push((next, dependencies.get(next).into_iter().flatten().copied().collect()));
                }
                Some(State::Open) => {
                    let name = |group: usize| groups.get(group).map(|group| group.path.to_string()).unwrap_or_default();
                    let from = way.iter().position(|(group, _)| *group == next).unwrap_or(0);
                    let mut circle: Vec<String> = way.get(from..).unwrap_or_default().iter().map(|(group, _)| name(*group)).collect();
                    circle.push(name(next));
                    let message = format!("rule `{}` is recursive: {}", name(next), circle.join(" -> "));
                    let place = members.get(next).and_then(|members| members.first()).and_then(|(module, rule)| {
                        let module = modules.get(*module)?;
                        Some((Arc::clone(&module.file), module.rules.get(*rule)?.head.span))
                    });
                    let (file, span) = place.unwrap_or_else(|| ("".into(), Span::NONE));
                    problems.push(Diagnostic::new(Level::Error, "rego-recursion", file, span, message));
                }
                _ => {}
            }
        }
    }
    order
}

fn infos(modules: &[ast::Module], tree: &Tree, notes: &annotations::Notes) -> Vec<RuleInfo> {
    let mut infos = Vec::new();
    for (module_at, module) in modules.iter().enumerate() {
        let package: Arc<[Arc<str>]> = module.package.clone().into();
        for (rule_at, rule) in module.rules.iter().enumerate() {
            let (path, _) = tree::split_head(module, rule);
            let kind = tree.find(&path).and_then(|node| tree.node(node).group).map_or(GroupKind::Complete, |group| tree.kind(group));
            let name = path.get(module.package.len()..).unwrap_or_default().join(".");
            infos.push(RuleInfo {
                package: Arc::clone(&package),
                name: name.into(),
                kind: match kind {
                    GroupKind::Complete => RuleKind::Complete,
                    GroupKind::Set => RuleKind::Set,
                    GroupKind::Object => RuleKind::Object,
                    GroupKind::Function(_) => RuleKind::Function,
                },
                arity: rule.head.args.as_ref().map_or(0, Vec::len),
                is_default: rule.is_default,
                span: rule.head.span,
                annotations: notes.near(module_at, rule_at),
            });
        }
    }
    infos
}

/// Prepares a query against a program.
pub(crate) fn prepare(program: &Compiled, text: &str) -> Result<PreparedQuery, Diagnostic> {
    let body = crate::parse::query(text, Version::V1)?;
    let scope = ModuleScope { file: "query".into(), v1: true, ..ModuleScope::default() };
    let mut builder = Builder {
        tree: &program.tree,
        problems: Vec::new(),
        keep_prints: program.keep_prints,
        coverable: Vec::new(),
        dependencies: BTreeSet::new(),
    };
    let mut resolver = Resolver::new(&mut builder, &scope);
    resolver.open(&[], &body);
    let mut goals = resolver.goals(&body);
    // Lines that are expressions say their value; a query of one line says it also where it is false.
    let single = goals.len() == 1;
    let mut nodes = Vec::new();
    let mut tests = Vec::new();
    for goal in &mut goals {
        let node = keep_value(goal, &mut resolver);
        if let (Some(Node::Var(var)), false) = (&node, single) {
            tests.push(Goal { span: goal.span, kind: GoalKind::Test(Node::Var(*var)), marked: false });
        }
        nodes.push(node);
    }
    goals.extend(tests);
    let kept: Vec<Node> = nodes.into_iter().flatten().collect();
    let names = resolver.top_names();
    resolver.close();
    resolver.refuse_unused();
    let all_names = std::mem::take(&mut resolver.names);
    let mut emitter =
        emit::Emitter { builder: &mut builder, bound: vec![false; all_names.len()], names: all_names, unsafe_vars: BTreeSet::new() };
    let mut block = emitter.block(&goals);
    for node in &kept {
        emitter.require(node, Span::NONE);
    }
    let values = emitter.values(&kept, &mut block);
    let slots = u32::try_from(emitter.names.len()).unwrap_or(u32::MAX);
    let unsafe_vars = std::mem::take(&mut emitter.unsafe_vars);
    if let Some(problem) = builder.problems.into_iter().next() {
        return Err(problem);
    }
    if let Some((name, span)) = unsafe_vars.into_iter().next() {
        return Err(Diagnostic::new(Level::Error, "rego-unsafe-var", "query", span, format!("var `{name}` is unsafe")));
    }
    if let Some(message) = types::Checker::new(&program.groups, &[]).query(&program.kinds, &block, slots) {
        return Err(Diagnostic::new(Level::Error, "rego-type", "query", Span::NONE, message));
    }
    let bindings = names.into_iter().filter(|(name, _)| !name.is_empty() && &**name != "_").collect();
    let rule = match (block.as_slice(), body.as_slice()) {
        ([ir::Op { kind: ir::OpKind::Let(_, Value::Rule(group)), .. }], [ast::Literal { kind: LiteralKind::Expr(expr), .. }])
            if matches!(expr.kind, ExprKind::Ref(..)) =>
        {
            Some(*group)
        }
        _ => None,
    };
    Ok(PreparedQuery { slots, body: block, bindings, values, rule })
}

/// Turns a line that tests a value into one that keeps it; the node gives the value.
fn keep_value(goal: &mut Goal, resolver: &mut Resolver<'_, '_>) -> Option<Node> {
    match &mut goal.kind {
        GoalKind::Test(node) => {
            let var = resolver.fresh("");
            let node = std::mem::replace(node, Node::Input);
            goal.kind = GoalKind::Unify(Node::Var(var), node);
            Some(Node::Var(var))
        }
        GoalKind::With { goals, .. } => goals.last_mut().and_then(|goal| keep_value(goal, resolver)),
        _ if goal.marked => Some(Node::Const(Term::Bool(true))),
        _ => None,
    }
}
