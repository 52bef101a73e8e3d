//! Which names stand in a body itself, not in closures within it.

use std::collections::HashSet;
use std::sync::Arc;

use probity_value::Span;

use crate::ast::{Expr, ExprKind, Literal, LiteralKind};

/// Adds the names that stand in a body and are not declared before by it to `direct`, and those it declares by `some` alone, so that
/// only closures within it can mean them, to `idle`.
pub(super) fn collect_names(body: &[Literal], heads: &[&Expr], direct: &mut HashSet<Arc<str>>, idle: &mut HashSet<Arc<str>>) {
    let mut declared = HashSet::new();
    for literal in body {
        if let LiteralKind::Some(names) = &literal.kind {
            idle.extend(names.iter().map(|(name, _)| Arc::clone(name)));
        }
    }
    if !idle.is_empty() {
        let mut all = HashSet::new();
        mentions(body, heads, &mut all);
        idle.retain(|name| !all.contains(name));
    }
    for literal in body {
        for with in &literal.with {
            add(&with.value, &declared, direct);
        }
        match &literal.kind {
            LiteralKind::Expr(expr) | LiteralKind::Not(expr) => add(expr, &declared, direct),
            LiteralKind::Unify(left, right) | LiteralKind::NotUnify(left, right) => {
                add(left, &declared, direct);
                add(right, &declared, direct);
            }
            LiteralKind::Assign(target, value) => {
                add(value, &declared, direct);
                let mut names = Vec::new();
                names_of(target, &mut names);
                declared.extend(names.into_iter().map(|(name, _)| name));
            }
            LiteralKind::Some(names) => declared.extend(names.iter().map(|(name, _)| Arc::clone(name))),
            LiteralKind::SomeIn { key, value, domain } => {
                add(domain, &declared, direct);
                let mut names = Vec::new();
                for pattern in key.iter().chain([value]) {
                    names_of(pattern, &mut names);
                }
                declared.extend(names.into_iter().map(|(name, _)| name));
            }
            LiteralKind::Every { domain, .. } => add(domain, &declared, direct),
        }
    }
    for head in heads {
        add(head, &declared, direct);
    }
}

/// Adds every name that stands in a body itself, be it declared or not.
fn mentions(body: &[Literal], heads: &[&Expr], all: &mut HashSet<Arc<str>>) {
    let none = HashSet::new();
    for literal in body {
        let own: Vec<&Expr> = match &literal.kind {
            LiteralKind::Expr(expr) | LiteralKind::Not(expr) => vec![expr],
            LiteralKind::Unify(left, right) | LiteralKind::NotUnify(left, right) | LiteralKind::Assign(left, right) => vec![left, right],
            LiteralKind::Some(_) => Vec::new(),
            LiteralKind::SomeIn { key, value, domain } => key.iter().chain([value, domain]).collect(),
            LiteralKind::Every { domain, .. } => vec![domain],
        };
        let with = literal.with.iter().map(|with| &with.value);
        own.into_iter().chain(with).for_each(|expr| add(expr, &none, all));
    }
    heads.iter().for_each(|head| add(head, &none, all));
}

fn add(expr: &Expr, declared: &HashSet<Arc<str>>, direct: &mut HashSet<Arc<str>>) {
    let mut names = Vec::new();
    all_names(expr, &mut names);
    direct.extend(names.into_iter().filter(|name| !declared.contains(name)));
}

/// Every name outside of closures.
fn all_names(expr: &Expr, names: &mut Vec<Arc<str>>) {
    match &expr.kind {
        ExprKind::Var(name) => names.push(Arc::clone(name)),
        ExprKind::Ref(head, path) => {
            all_names(head, names);
            path.iter().for_each(|step| all_names(step, names));
        }
        ExprKind::Call(_, items) | ExprKind::Array(items) | ExprKind::Set(items) => items.iter().for_each(|item| all_names(item, names)),
        ExprKind::Object(pairs) => pairs.iter().for_each(|(key, value)| {
            all_names(key, names);
            all_names(value, names);
        }),
        ExprKind::Scalar(_) | ExprKind::ArrayOf(..) | ExprKind::SetOf(..) | ExprKind::ObjectOf(..) | ExprKind::Template(..) => {}
    }
}

/// Variables of a pattern: names in arrays, sets and values of objects.
pub(super) fn names_of(pattern: &Expr, names: &mut Vec<(Arc<str>, Span)>) {
    match &pattern.kind {
        ExprKind::Var(name) => names.push((Arc::clone(name), pattern.span)),
        ExprKind::Array(items) | ExprKind::Set(items) => items.iter().for_each(|item| names_of(item, names)),
        ExprKind::Object(pairs) => pairs.iter().for_each(|(_, value)| names_of(value, names)),
        _ => {}
    }
}
