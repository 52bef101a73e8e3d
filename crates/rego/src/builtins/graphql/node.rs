//! Nodes of the trees, read.

use std::sync::Arc;

use super::parse::Wrong;
use crate::term::Term;

/// A node of a tree.
#[derive(Clone, Debug)]
pub(super) struct Node(pub(super) Term);

impl Node {
    /// The text of a field; empty where there is none.
    pub(super) fn text(&self, field: &str) -> Arc<str> {
        match self.0.get_str(field) {
            Some(Term::String(text)) => text,
            _ => Arc::from(""),
        }
    }

    pub(super) fn name(&self) -> Arc<str> {
        self.text("Name")
    }

    pub(super) fn list(&self, field: &str) -> Vec<Node> {
        self.0.get_str(field).and_then(|list| list.as_array().map(|list| list.iter().map(Node).collect())).unwrap_or_default()
    }

    pub(super) fn words(&self, field: &str) -> Vec<Arc<str>> {
        self.list(field).into_iter().filter_map(|node| if let Term::String(text) = node.0 { Some(text) } else { None }).collect()
    }

    pub(super) fn child(&self, field: &str) -> Option<Node> {
        self.0.get_str(field).filter(|child| child.as_object().is_some()).map(Node)
    }

    pub(super) fn flag(&self, field: &str) -> bool {
        self.0.get_str(field) == Some(Term::Bool(true))
    }

    pub(super) fn has(&self, field: &str) -> bool {
        self.0.get_str(field).is_some()
    }

    /// What kind of value a value is.
    pub(super) fn value_kind(&self) -> i64 {
        self.0.get_str("Kind").and_then(|kind| kind.as_number().and_then(crate::number::Number::as_i64)).unwrap_or(-1)
    }

    /// An error at this node.
    pub(super) fn wrong(&self, reason: String) -> Wrong {
        let part = |at: i64| {
            let position = self.0.get_str("Position")?;
            let number = position.get(&Term::int(at))?;
            usize::try_from(number.as_number()?.as_i64()?).ok()
        };
        Wrong { reason, line: part(0).unwrap_or(0), column: part(1).unwrap_or(0) }
    }
}

/// A type as it is written: `[Int!]!`.
pub(super) fn shown(kind: &Node) -> String {
    let mark = if kind.flag("NonNull") { "!" } else { "" };
    match kind.child("Elem") {
        Some(inner) => format!("[{}]{mark}", shown(&inner)),
        None => format!("{}{mark}", kind.text("NamedType")),
    }
}

/// The name in a type, without lists.
pub(super) fn named(kind: &Node) -> Arc<str> {
    match kind.child("Elem") {
        Some(inner) => named(&inner),
        None => kind.text("NamedType"),
    }
}

/// Whether a value of one type may stand where another is asked for.
pub(super) fn is_compatible(given: &Node, wanted: &Node) -> bool {
    if given.text("NamedType") != wanted.text("NamedType") {
        return false;
    }
    let inner = match (given.child("Elem"), wanted.child("Elem")) {
        (Some(given), Some(wanted)) => is_compatible(&given, &wanted),
        (None, None) => true,
        _ => false,
    };
    inner && (!wanted.flag("NonNull") || given.flag("NonNull"))
}
