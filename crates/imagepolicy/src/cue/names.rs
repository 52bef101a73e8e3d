//! Looks that every name means something before anything is evaluated, as CUE's compiler does.

use std::sync::Arc;

use super::Problem;
use super::library;
use super::tree::{Clause, Comprehension, Decl, Expr, File, Item, Kind, Label, Piece, Struct};

/// What is in sight, innermost last.
type Scopes = Vec<Vec<Arc<str>>>;
/// Which names of which scope are used.
type Used = Vec<(usize, Arc<str>)>;

pub(super) fn check(file: &File) -> Result<(), Problem> {
    for import in &file.imports {
        if !library::has_package(&import.path) {
            return Err(Problem::unsupported(import.at, format!("the package `{}`", import.path)));
        }
    }
    let mut scopes: Scopes = vec![file.imports.iter().map(|import| Arc::clone(&import.name)).collect()];
    let mut used = Vec::new();
    body(&file.body, &mut scopes, &mut used)?;
    match file.imports.iter().find(|import| !used.contains(&(0, Arc::clone(&import.name)))) {
        Some(import) => Err(Problem::new(import.at, format!("the package `{}` is not used", import.path))),
        None => Ok(()),
    }
}

fn body(body: &Struct, scopes: &mut Scopes, used: &mut Used) -> Result<(), Problem> {
    let mut names = Vec::new();
    for decl in &body.decls {
        match decl {
            Decl::Field { label, alias, .. } => {
                if let Label::Name(name) = label {
                    names.push(Arc::clone(name));
                }
                names.extend(alias.clone());
            }
            Decl::Let { name, .. } => names.push(Arc::clone(name)),
            _ => {}
        }
    }
    scopes.push(names);
    for decl in &body.decls {
        match decl {
            Decl::Field { label, value, .. } => {
                if let Label::Dynamic(inner) = label {
                    expr(inner, scopes, used)?;
                }
                expr(value, scopes, used)?;
            }
            Decl::Pattern { alias, pattern, value } => {
                expr(pattern, scopes, used)?;
                scopes.push(alias.iter().cloned().collect());
                expr(value, scopes, used)?;
                scopes.pop();
            }
            Decl::Let { value, .. } | Decl::Embed(value) => expr(value, scopes, used)?,
            Decl::Comprehension(inner) => comprehension(inner, scopes, used)?,
            Decl::Ellipsis => {}
        }
    }
    scopes.pop();
    // As upstream: what is given a name for nothing else than to be referred to has to be.
    for decl in &body.decls {
        let own = match decl {
            Decl::Field { alias: Some(name), value, .. } | Decl::Let { name, value } => Some((name, value.at)),
            _ => None,
        };
        if let Some((name, at)) = own
            && !used.contains(&(scopes.len(), Arc::clone(name)))
        {
            return Err(Problem::new(at, format!("`{name}` is not used")));
        }
    }
    // Another struct at the same depth has names of its own.
    used.retain(|(scope, _)| *scope < scopes.len());
    Ok(())
}

fn comprehension(inner: &Comprehension, scopes: &mut Scopes, used: &mut Used) -> Result<(), Problem> {
    let before = scopes.len();
    for clause in &inner.clauses {
        match clause {
            Clause::If(condition) => expr(condition, scopes, used)?,
            Clause::For { key, value, source } => {
                expr(source, scopes, used)?;
                scopes.push(key.iter().cloned().chain([Arc::clone(value)]).collect());
            }
            Clause::Let { name, value } => {
                expr(value, scopes, used)?;
                scopes.push(vec![Arc::clone(name)]);
            }
        }
    }
    expr(&inner.body, scopes, used)?;
    scopes.truncate(before);
    Ok(())
}

fn expr(one: &Expr, scopes: &mut Scopes, used: &mut Used) -> Result<(), Problem> {
    match &one.kind {
        Kind::Bottom | Kind::Top | Kind::Atom(_) => Ok(()),
        Kind::Name(name) => {
            if let Some(scope) = scopes.iter().rposition(|scope| scope.contains(name)) {
                used.push((scope, Arc::clone(name)));
            }
            let known = scopes.iter().any(|scope| scope.contains(name)) || library::is_predeclared(name);
            if known { Ok(()) } else { Err(Problem::new(one.at, format!("`{name}` means nothing here"))) }
        }
        Kind::Interpolation(pieces) => pieces.iter().try_for_each(|piece| match piece {
            Piece::Text(_) => Ok(()),
            Piece::Hole(inner) => expr(inner, scopes, used),
        }),
        Kind::Struct(inner) => body(inner, scopes, used),
        Kind::List(items, open) => {
            for item in items {
                match item {
                    Item::One(inner) => expr(inner, scopes, used)?,
                    Item::Several(inner) => comprehension(inner, scopes, used)?,
                }
            }
            open.iter().flatten().try_for_each(|inner| expr(inner, scopes, used))
        }
        Kind::Member(of, _) => expr(of, scopes, used),
        Kind::Index(of, index) => expr(of, scopes, used).and_then(|()| expr(index, scopes, used)),
        Kind::Call(of, arguments) => {
            expr(of, scopes, used)?;
            arguments.iter().try_for_each(|argument| expr(argument, scopes, used))
        }
        Kind::Unary(sign @ ("!" | "-" | "+"), inner) if is_limit(inner) => {
            Err(Problem::new(one.at, format!("`{sign}` takes a value, not a limit")))
        }
        Kind::Unary("*", _) => Err(Problem::new(one.at, "`*` marks an alternative of a disjunction, and here is none")),
        Kind::Unary(_, inner) => expr(inner, scopes, used),
        Kind::Binary(sign, left, right) if !matches!(*sign, "&" | "|") && (is_limit(left) || is_limit(right)) => {
            Err(Problem::new(one.at, format!("`{sign}` takes values, not limits")))
        }
        Kind::Binary("|", left, right) => [left, right].into_iter().try_for_each(|side| match &side.kind {
            Kind::Unary("*", inner) => expr(inner, scopes, used),
            _ => expr(side, scopes, used),
        }),
        Kind::Binary(_, left, right) => expr(left, scopes, used).and_then(|()| expr(right, scopes, used)),
    }
}

/// Whether an expression is never a value: a limit, or anything at all.
fn is_limit(one: &Expr) -> bool {
    matches!(one.kind, Kind::Top | Kind::Unary("<" | "<=" | ">" | ">=" | "!=" | "=~" | "!~", _))
}
