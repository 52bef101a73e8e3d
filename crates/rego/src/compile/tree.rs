//! The tree of packages and rules under `data`.

use std::sync::Arc;

use probity_core::{Diagnostic, Level};

use super::ir::{GroupId, GroupKind, Node, NodeId};
use super::path_text;
use crate::Term;
use crate::ast::{ExprKind, HeadKind, Module, Rule};

/// Places under `data`, and what kind of rules lie there.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    nodes: Vec<Node>,
    kinds: Vec<GroupKind>,
    group_nodes: Vec<NodeId>,
    /// What is found beyond the last node; never reached.
    nothing: Node,
}

/// The constant part of the path of a rule under `data`, and how many steps of its head it takes.
pub(super) fn split_head(module: &Module, rule: &Rule) -> (Vec<Arc<str>>, usize) {
    let mut path = module.package.clone();
    path.push(Arc::clone(&rule.head.name));
    let mut taken = 0;
    for step in &rule.head.path {
        match &step.kind {
            ExprKind::Scalar(Term::String(text)) => path.push(Arc::clone(text)),
            _ => break,
        }
        taken += 1;
    }
    (path, taken)
}

impl Tree {
    pub(crate) fn node(&self, node: NodeId) -> &Node {
        self.nodes.get(node as usize).unwrap_or(&self.nothing)
    }

    pub(crate) fn kind(&self, group: GroupId) -> GroupKind {
        self.kinds.get(group as usize).copied().unwrap_or(GroupKind::Complete)
    }

    pub(super) fn group_node(&self, group: GroupId) -> NodeId {
        self.group_nodes.get(group as usize).copied().unwrap_or(0)
    }

    /// The node of a path under `data`.
    pub(crate) fn find(&self, path: &[Arc<str>]) -> Option<NodeId> {
        path.iter().try_fold(0, |node, part| self.node(node).child(part))
    }

    /// The path of a node under `data`.
    pub(crate) fn path_of(&self, node: NodeId) -> Vec<Arc<str>> {
        let mut path = Vec::new();
        let mut node = node;
        while let Some(parent) = self.node(node).parent {
            path.push(Arc::clone(&self.node(node).name));
            node = parent;
        }
        path.reverse();
        path
    }

    fn reach(&mut self, path: &[Arc<str>]) -> NodeId {
        let mut node: NodeId = 0;
        for part in path {
            node = match self.node(node).child(part) {
                Some(child) => child,
                None => {
                    let child = NodeId::try_from(self.nodes.len()).unwrap_or(NodeId::MAX);
                    self.nodes.push(Node { parent: Some(node), name: Arc::clone(part), children: Vec::new(), group: None });
                    if let Some(here) = self.nodes.get_mut(node as usize) {
                        let at = here.children.partition_point(|(name, _)| name < part);
                        here.children.insert(at, (Arc::clone(part), child));
                    }
                    child
                }
            };
        }
        node
    }

    /// The tree of all modules, and for each group the modules and rules it is made of.
    pub(super) fn build(modules: &[Module], problems: &mut Vec<Diagnostic>) -> (Tree, Vec<Vec<(usize, usize)>>) {
        let mut tree = Tree { nodes: vec![Node::default()], ..Tree::default() };
        let mut members: Vec<Vec<(usize, usize)>> = Vec::new();
        for (module_at, module) in modules.iter().enumerate() {
            tree.reach(&module.package);
            for (rule_at, rule) in module.rules.iter().enumerate() {
                let mut fail = |message: String| {
                    problems.push(Diagnostic::new(Level::Error, "rego-type", Arc::clone(&module.file), rule.head.span, message));
                };
                if module.v1 && matches!(&*rule.head.name, "input" | "data") {
                    fail(format!("rules must not shadow `{}` (use a different rule name)", rule.head.name));
                }
                let (path, taken) = split_head(module, rule);
                let dynamic = taken < rule.head.path.len();
                let kind = match (&rule.head.args, &rule.head.kind, dynamic) {
                    (Some(args), _, false) => GroupKind::Function(u32::try_from(args.len()).unwrap_or(u32::MAX)),
                    (Some(_), _, true) => {
                        fail(format!("function `{}` has variables in its name", path_text(&path)));
                        continue;
                    }
                    (None, _, true) => GroupKind::Object,
                    (None, HeadKind::Value(_), false) => GroupKind::Complete,
                    (None, HeadKind::Member(_), false) => GroupKind::Set,
                };
                let node = tree.reach(&path);
                match tree.node(node).group {
                    Some(group) => {
                        if tree.kind(group) != kind {
                            fail(format!("conflicting rules `{}` found", path_text(&path)));
                            continue;
                        }
                        if let Some(members) = members.get_mut(group as usize) {
                            members.push((module_at, rule_at));
                        }
                    }
                    None => {
                        let group = GroupId::try_from(members.len()).unwrap_or(GroupId::MAX);
                        if let Some(node) = tree.nodes.get_mut(node as usize) {
                            node.group = Some(group);
                        }
                        tree.kinds.push(kind);
                        tree.group_nodes.push(node);
                        members.push(vec![(module_at, rule_at)]);
                    }
                }
            }
        }
        for (group, members) in members.iter().enumerate() {
            let group = GroupId::try_from(group).unwrap_or(GroupId::MAX);
            let node = tree.group_node(group);
            let clash = tree.kind(group) != GroupKind::Object && !tree.node(node).children.is_empty();
            let place = members.first().and_then(|(module, rule)| {
                let module = modules.get(*module)?;
                Some((Arc::clone(&module.file), module.rules.get(*rule)?.head.span))
            });
            if let (true, Some((file, span))) = (clash, place) {
                let message = format!("rule `{}` conflicts with a package or rule below it", path_text(&tree.path_of(node)));
                problems.push(Diagnostic::new(Level::Error, "rego-type", file, span, message));
            }
        }
        (tree, members)
    }
}
