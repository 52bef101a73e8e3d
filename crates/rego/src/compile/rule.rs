//! One rule to lines.

use std::collections::BTreeSet;
use std::sync::Arc;

use probity_core::{Diagnostic, Level};
use probity_value::Span;

use super::emit::Emitter;
use super::ir::{Branch, Group, GroupKind, Rule, Value};
use super::resolve::{Goal, GoalKind, Node, Resolver};
use super::{Builder, ModuleScope};
use crate::Term;
use crate::ast::{self, Expr, ExprKind, HeadKind, Literal};

/// Compiles a rule. `annotations` are what `rego.metadata.rule` and `rego.metadata.chain` give in it.
pub(super) fn compile(
    builder: &mut Builder<'_>,
    module: &ModuleScope,
    rule: &ast::Rule,
    kind: GroupKind,
    annotations: (Term, Term),
) -> Rule {
    let taken = rule.head.path.iter().take_while(|step| matches!(step.kind, ExprKind::Scalar(Term::String(_)))).count();
    let keys = rule.head.path.get(taken..).unwrap_or_default();
    let (value, member) = match &rule.head.kind {
        HeadKind::Value(value) => (value, false),
        HeadKind::Member(value) => (value, true),
    };
    let mut compiled = Rule { span: rule.span, slots: 0, branches: Vec::new() };
    let mut add = |value: &Expr, body: &[Literal], span: Span| {
        let (branch, slots) = branch(builder, module, rule, (keys, value), body, span, &annotations);
        compiled.slots = compiled.slots.max(slots);
        compiled.branches.push(Branch { member: member && kind != GroupKind::Complete, ..branch });
    };
    add(value, &rule.body, rule.head.span);
    for otherwise in &rule.otherwise {
        add(&otherwise.value, &otherwise.body, otherwise.span);
    }
    compiled
}

fn branch(
    builder: &mut Builder<'_>,
    module: &ModuleScope,
    rule: &ast::Rule,
    (keys, value): (&[Expr], &Expr),
    body: &[Literal],
    span: Span,
    annotations: &(Term, Term),
) -> (Branch, u32) {
    let args = rule.head.args.as_deref().unwrap_or_default();
    let problems = builder.problems.len();
    let mut resolver = Resolver::new(builder, module);
    resolver.rule_annotations = Some(annotations.clone());
    let slots: Vec<u32> = args.iter().map(|_| resolver.fresh("")).collect();
    let mut heads: Vec<&Expr> = keys.iter().collect();
    heads.push(value);
    resolver.open(&heads, body);
    let mut goals: Vec<Goal> = Vec::new();
    resolver.arguments(args, &slots, &mut goals);
    goals.extend(resolver.goals(body));
    let key_nodes: Vec<Node> = keys.iter().map(|key| resolver.head(key, &mut goals)).collect();
    let value_node = resolver.head(value, &mut goals);
    resolver.close();
    resolver.refuse_unused();
    let names = std::mem::take(&mut resolver.names);
    let mut bound = vec![false; names.len()];
    bound.iter_mut().take(slots.len()).for_each(|bound| *bound = true);
    let mut emitter = Emitter { builder, bound, names, unsafe_vars: BTreeSet::new() };
    let mut block = emitter.block(&goals);
    for node in key_nodes.iter().chain([&value_node]) {
        emitter.require(node, rule.head.span);
    }
    let keys = emitter.values(&key_nodes, &mut block);
    let value = emitter.value(&value_node, &mut block);
    let slots = u32::try_from(emitter.names.len()).unwrap_or(u32::MAX);
    let unsafe_vars = std::mem::take(&mut emitter.unsafe_vars);
    // A name that is not known leaves others without values.
    let sound = builder.problems.len() == problems;
    for (name, at) in unsafe_vars.into_iter().filter(|_| sound) {
        let message = format!("var `{name}` is unsafe");
        builder.problems.push(Diagnostic::new(Level::Error, "rego-unsafe-var", Arc::clone(&module.file), at, message));
    }
    let constant = matches!(value, Value::Constant(_)) && keys.is_empty();
    let mark = builder.mark(span);
    (Branch { body: block, keys, value, member: false, constant, mark }, slots)
}

impl Resolver<'_, '_> {
    /// Arguments: names stand for their slots, anything else has to fit.
    fn arguments(&mut self, args: &[Expr], slots: &[u32], goals: &mut Vec<Goal>) {
        for (arg, slot) in args.iter().zip(slots) {
            if let ExprKind::Var(name) = &arg.kind {
                if self.declare_slot(name, arg.span, *slot) {
                    continue;
                }
            } else {
                self.declare_arguments(arg);
            }
        }
        for (arg, slot) in args.iter().zip(slots) {
            let node = match &arg.kind {
                ExprKind::Var(name) => {
                    if self.slot_of(name) == Some(*slot) || &**name == "_" {
                        continue;
                    }
                    self.node(arg, goals)
                }
                _ => self.node(arg, goals),
            };
            goals.push(Goal { span: arg.span, kind: GoalKind::Unify(Node::Var(*slot), node), marked: false });
        }
    }
}

/// Whether one success of any rule of a group decides its value.
pub(super) fn all_same(group: &Group) -> bool {
    if !matches!(group.kind, GroupKind::Complete | GroupKind::Function(_)) {
        return false;
    }
    let mut first: Option<&Term> = None;
    for branch in group.rules.iter().flat_map(|rule| &rule.branches) {
        match (&branch.value, first) {
            (Value::Constant(term), None) => first = Some(term),
            (Value::Constant(term), Some(before)) if term == before => {}
            _ => return false,
        }
    }
    true
}
