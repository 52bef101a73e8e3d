//! Checks types (cel-go's `checker/checker.go`): every part gets one, every call the overloads that may fit.

mod literals;
mod unify;

use std::collections::HashMap;
use std::sync::Arc;

use unify::Unifier;

use crate::ast::{Comprehension, Expr, ExprKind, FieldEntry, MapEntry, operator};
use crate::environment::FunctionDeclaration;
use crate::plan::{Resolved, head, qualified};
use crate::{Environment, Type, Value, macros};

/// Something that does not fit.
#[derive(Debug)]
pub(crate) struct Mismatch {
    pub(crate) at: (u32, u32),
    pub(crate) message: String,
    /// Whether the expression can be evaluated all the same.
    pub(crate) warning: bool,
}

/// What the checker found.
#[derive(Debug)]
pub(crate) struct Checked {
    pub(crate) output: Type,
    pub(crate) types: HashMap<u32, Type>,
    pub(crate) overloads: HashMap<u32, Vec<usize>>,
    pub(crate) problems: Vec<Mismatch>,
}

struct Checker<'a> {
    environment: &'a Environment,
    unifier: Unifier,
    scopes: Vec<(Arc<str>, Type)>,
    types: HashMap<u32, Type>,
    overloads: HashMap<u32, Vec<usize>>,
    problems: Vec<Mismatch>,
}

/// Checks an expression.
pub(crate) fn check(environment: &Environment, expr: &Expr) -> Checked {
    let mut checker = Checker {
        environment,
        unifier: Unifier::default(),
        scopes: Vec::new(),
        types: HashMap::new(),
        overloads: HashMap::new(),
        problems: Vec::new(),
    };
    let output = checker.expr(expr);
    let output = checker.unifier.substitute(&output, true);
    let Checker { unifier, types, overloads, mut problems, .. } = checker;
    literals::check(environment, expr, &mut problems);
    let types = types.into_iter().map(|(id, found)| (id, unifier.substitute(&found, true))).collect();
    Checked { output, types, overloads, problems }
}

/// `(int, string)`, or `string.(int)` where the first stands before the dot.
fn shown(types: &[Type], member: bool) -> String {
    let list = |types: &[Type]| types.iter().map(Type::to_string).collect::<Vec<_>>().join(", ");
    match types.split_first() {
        Some((target, rest)) if member => format!("{target}.({})", list(rest)),
        _ => format!("({})", list(types)),
    }
}

impl Checker<'_> {
    fn problem(&mut self, at: (u32, u32), message: impl Into<String>) -> Type {
        self.problems.push(Mismatch { at, message: message.into(), warning: false });
        Type::Error
    }

    fn undeclared(&mut self, at: (u32, u32), name: &str) -> Type {
        let message = format!("undeclared reference to '{name}' (in container '{}')", self.environment.container);
        self.problem(at, message)
    }

    fn mismatch(&mut self, at: (u32, u32), wanted: &Type, found: &Type) -> Type {
        let (wanted, found) = (self.unifier.substitute(wanted, true), self.unifier.substitute(found, true));
        self.problem(at, format!("expected type '{wanted}' but found '{found}'"))
    }

    fn local(&self, name: &str) -> Option<&Type> {
        self.scopes.iter().rev().find(|(known, _)| **known == *name).map(|(_, found)| found)
    }

    fn outer(&self, name: &str) -> Option<Type> {
        if self.local(head(name)).is_some() {
            return None;
        }
        Some(match self.environment.resolve(name)? {
            Resolved::Variable(_, _, found) | Resolved::Constant(found, _) => found,
        })
    }

    fn expr(&mut self, expr: &Expr) -> Type {
        let found = self.type_of(expr);
        let found = self.unifier.substitute(&found, false);
        self.types.insert(expr.id, found.clone());
        found
    }

    fn type_of(&mut self, expr: &Expr) -> Type {
        match &expr.kind {
            ExprKind::Literal(value) => value.type_of(),
            ExprKind::Ident(name) => {
                if let Some(found) = self.local(name) {
                    return found.clone();
                }
                match self.outer(name) {
                    Some(found) => found,
                    None => self.undeclared(expr.at, name),
                }
            }
            ExprKind::Select { operand, field, test } => {
                if !test && let Some(found) = qualified(expr).and_then(|name| self.outer(&name)) {
                    return found;
                }
                let found = self.field(expr, operand, field, false);
                if *test { Type::Bool } else { found }
            }
            ExprKind::Call { function, target, args } => self.call(expr, function, target.as_deref(), args),
            ExprKind::List(items) => self.list(items),
            ExprKind::Map(entries) => self.map(entries),
            ExprKind::Struct { name, fields } => self.structure(expr, name, fields),
            ExprKind::Comprehension(inner) => self.comprehension(inner),
        }
    }

    fn field(&mut self, whole: &Expr, operand: &Expr, field: &str, optional: bool) -> Type {
        let operand_type = self.expr(operand);
        let inner = operand_type.optional_item().cloned();
        let optional = optional || inner.is_some();
        let target = self.unifier.substitute(&inner.unwrap_or(operand_type), false);
        let found = match &target {
            Type::Map(pair) => pair.1.clone(),
            Type::Object(name) => match self.environment.field_type(name, field) {
                Some(found) => found,
                None => self.problem(whole.at, format!("undefined field '{field}'")),
            },
            Type::Param(_) => {
                self.unifier.assignable(&Type::Dyn, &target);
                Type::Dyn
            }
            Type::Dyn | Type::Error => Type::Dyn,
            Type::Opaque(name, _) => match self.environment.field_type(name, field) {
                Some(found) => found,
                None => self.problem(whole.at, format!("type '{target}' does not support field selection")),
            },
            other => self.problem(whole.at, format!("type '{other}' does not support field selection")),
        };
        if optional { Type::optional(found) } else { found }
    }

    fn call(&mut self, expr: &Expr, function: &str, target: Option<&Expr>, args: &[Expr]) -> Type {
        if function == operator::OPTIONAL_SELECT {
            return match args {
                [operand, Expr { kind: ExprKind::Literal(Value::String(field)), .. }] => self.field(expr, operand, field, true),
                _ => self.problem(expr.at, "unsupported optional field selection"),
            };
        }
        if let Some(target) = target {
            // Given a.b.c(), either a.b.c is a function, or c is one of a.b.
            let name = qualified(target).filter(|name| self.local(head(name)).is_none()).map(|name| format!("{name}.{function}"));
            if let Some((name, found)) = name.and_then(|name| self.environment.function(&name)) {
                let found = Arc::clone(found);
                let types: Vec<Type> = args.iter().map(|arg| self.expr(arg)).collect();
                return self.overload(expr, &name, &found, types, false);
            }
        }
        let mut types: Vec<Type> = Vec::with_capacity(args.len() + 1);
        types.extend(target.map(|target| self.expr(target)));
        types.extend(args.iter().map(|arg| self.expr(arg)));
        match self.environment.function(function) {
            Some((name, found)) => {
                let found = Arc::clone(found);
                self.overload(expr, &name, &found, types, target.is_some())
            }
            None => self.undeclared(expr.at, function),
        }
    }

    fn overload(&mut self, expr: &Expr, name: &str, function: &FunctionDeclaration, types: Vec<Type>, member: bool) -> Type {
        let mut found: Option<Type> = None;
        let mut fitting = Vec::new();
        for (index, overload) in function.overloads.iter().enumerate() {
            let signature = &overload.signature;
            if signature.member != member || signature.args.len() != types.len() {
                continue;
            }
            let mut parts: Vec<Type> = signature.args.clone();
            parts.push(signature.result.clone());
            let mut parts = self.unifier.fresh(&parts);
            let Some(result) = parts.pop() else { continue };
            if !self.unifier.all_assignable(&types, &parts) {
                continue;
            }
            fitting.push(index);
            let result = self.unifier.substitute(&result, false);
            found = Some(match found {
                None => result,
                Some(before) if before == Type::Dyn || before == result => before,
                Some(_) => Type::Dyn,
            });
        }
        match found {
            Some(found) => {
                self.overloads.insert(expr.id, fitting);
                found
            }
            None => {
                let types: Vec<Type> = types.iter().map(|part| self.unifier.substitute(part, true)).collect();
                self.problem(expr.at, format!("found no matching overload for '{name}' applied to '{}'", shown(&types, member)))
            }
        }
    }

    /// The type of an item marked as optional: what is in it.
    fn unwrapped(&mut self, expr: &Expr, found: Type, optional: bool) -> Type {
        if !optional {
            return found;
        }
        if let Some(inner) = found.optional_item() {
            return inner.clone();
        }
        if !found.is_dyn() {
            self.mismatch(expr.at, &Type::optional(found.clone()), &found);
        }
        found
    }

    /// The type of two items of one list.
    fn joined(&mut self, expr: &Expr, before: Option<Type>, found: Type) -> Type {
        let Some(before) = before else { return found };
        if self.unifier.assignable(&before, &found) {
            // Null may stand where the others stand; it says nothing of their type.
            if found == Type::Null {
                return before;
            }
            return if unify::less_specific(&before, &found) { before } else { found };
        }
        if self.environment.homogeneous { self.mismatch(expr.at, &before, &found) } else { Type::Dyn }
    }

    fn list(&mut self, items: &[(Expr, bool)]) -> Type {
        let mut joined = None;
        for (item, optional) in items {
            let found = self.expr(item);
            let found = self.unwrapped(item, found, *optional);
            joined = Some(self.joined(item, joined, found));
        }
        Type::list(joined.unwrap_or_else(|| self.unifier.variable()))
    }

    fn map(&mut self, entries: &[MapEntry]) -> Type {
        let (mut keys, mut values) = (None, None);
        for entry in entries {
            let key = self.expr(&entry.key);
            keys = Some(self.joined(&entry.key, keys, key));
            let value = self.expr(&entry.value);
            let value = self.unwrapped(&entry.value, value, entry.optional);
            values = Some(self.joined(&entry.value, values, value));
        }
        let key = keys.unwrap_or_else(|| self.unifier.variable());
        let value = values.unwrap_or_else(|| self.unifier.variable());
        Type::map(key, value)
    }

    fn structure(&mut self, expr: &Expr, name: &str, fields: &[FieldEntry]) -> Type {
        let found = self.environment.candidates(name).into_iter().find_map(|candidate| {
            let (found, _) = self.environment.constant_named(&candidate)?;
            Some((candidate, found))
        });
        let (type_name, result) = match found {
            None => {
                let undeclared = self.undeclared(expr.at, name);
                fields.iter().for_each(|field| {
                    self.expr(&field.value);
                });
                return undeclared;
            }
            Some((candidate, Type::Type(inner))) => {
                let made = inner.as_ref().clone();
                if self.environment.provider(&candidate).is_some() {
                    (candidate, made)
                } else {
                    let message = format!("'{candidate}' is not a message type");
                    (candidate, self.problem(expr.at, message))
                }
            }
            Some((candidate, _)) => {
                let message = format!("'{candidate}' is not a type");
                (candidate, self.problem(expr.at, message))
            }
        };
        for field in fields {
            let found = self.expr(&field.value);
            let found = self.unwrapped(&field.value, found, field.optional);
            let Some(wanted) = self.environment.field_type(&type_name, &field.name) else {
                if result != Type::Error {
                    self.problem(field.at, format!("undefined field '{}'", field.name));
                }
                continue;
            };
            if !self.unifier.assignable(&wanted, &found) {
                let found = self.unifier.substitute(&found, true);
                let message = format!("expected type of field '{}' is '{wanted}' but provided type is '{found}'", field.name);
                self.problem(field.at, message);
            }
        }
        result
    }

    fn comprehension(&mut self, inner: &Comprehension) -> Type {
        let depth = self.scopes.len();
        if &*inner.variable == macros::UNUSED {
            let init = self.expr(&inner.init);
            self.scopes.push((Arc::clone(&inner.accumulator), init));
            let result = self.expr(&inner.result);
            self.scopes.truncate(depth);
            return result;
        }
        let range = self.expr(&inner.range);
        let init = self.expr(&inner.init);
        let range = self.unifier.substitute(&range, false);
        self.scopes.push((Arc::clone(&inner.accumulator), init.clone()));
        let (first, second) = match &range {
            Type::List(item) if inner.second.is_some() => (Type::Int, item.as_ref().clone()),
            Type::List(item) => (item.as_ref().clone(), Type::Dyn),
            Type::Map(pair) => (pair.0.clone(), pair.1.clone()),
            Type::Dyn | Type::Error => (Type::Dyn, Type::Dyn),
            Type::Param(_) => {
                self.unifier.assignable(&Type::Dyn, &range);
                (Type::Dyn, Type::Dyn)
            }
            other => {
                let message = format!("expression of type '{other}' cannot be range of a comprehension (must be list, map, or dynamic)");
                self.problem(inner.range.at, message);
                (Type::Error, Type::Error)
            }
        };
        self.scopes.push((Arc::clone(&inner.variable), first));
        if let Some(name) = &inner.second {
            self.scopes.push((Arc::clone(name), second));
        }
        let condition = self.expr(&inner.condition);
        if !self.unifier.assignable(&Type::Bool, &condition) {
            self.mismatch(inner.condition.at, &Type::Bool, &condition);
        }
        let step = self.expr(&inner.step);
        if !self.unifier.assignable(&init, &step) {
            self.mismatch(inner.step.at, &init, &step);
        }
        self.scopes.truncate(depth + 1);
        let result = self.expr(&inner.result);
        self.scopes.truncate(depth);
        result
    }
}
