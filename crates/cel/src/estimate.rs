//! What an expression may cost at worst, without its values: for finding expensive ones before they run.

use std::sync::Arc;

use crate::ast::{Comprehension, Expr, ExprKind, operator};
use crate::standard::traversal;
use crate::{Program, Type, macros};

/// How large things are taken to be whose size nobody knows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Assumed {
    /// Items of a list or entries of a map.
    pub items: u64,
    /// Characters of text, bytes of bytes.
    pub characters: u64,
}

impl Default for Assumed {
    fn default() -> Assumed {
        Assumed { items: 100, characters: 256 }
    }
}

/// Cost of a part, and the size of its value where it is known.
#[derive(Clone, Copy)]
struct Part {
    cost: u64,
    size: Option<u64>,
}

struct Estimator<'a> {
    program: &'a Program,
    assumed: Assumed,
    scopes: Vec<(Arc<str>, Option<u64>)>,
}

/// What one authorization check costs.
const ACCESS: u64 = 350_000;

impl Program {
    /// What it may cost at worst, in the units of a [`Budget`](crate::Budget).
    #[must_use]
    pub fn estimate(&self, assumed: Assumed) -> u64 {
        Estimator { program: self, assumed, scopes: Vec::new() }.part(self.expr()).cost
    }

    /// How deep comprehensions over lists and maps that are not constants nest in it: 2 is the square of their size.
    #[must_use]
    pub fn loops(&self) -> u32 {
        loops(self.expr())
    }
}

fn loops(expr: &Expr) -> u32 {
    if let ExprKind::Comprehension(inner) = &expr.kind {
        let constant = matches!(inner.range.kind, ExprKind::List(_) | ExprKind::Map(_) | ExprKind::Literal(_));
        let within = loops(&inner.step).max(loops(&inner.condition)) + u32::from(!constant);
        return within.max(loops(&inner.range)).max(loops(&inner.init)).max(loops(&inner.result));
    }
    let mut deepest = 0;
    expr.children(&mut |child| deepest = deepest.max(loops(child)));
    deepest
}

impl Estimator<'_> {
    fn size_as_text(&self, size: Option<u64>) -> u64 {
        size.unwrap_or(self.assumed.characters)
    }

    fn size_as_items(&self, size: Option<u64>) -> u64 {
        size.unwrap_or(self.assumed.items)
    }

    /// The size of a value as its type makes one expect.
    fn size_of(&self, expr: &Expr, size: Option<u64>) -> u64 {
        match self.program.type_of(expr.id) {
            Some(Type::Int | Type::Uint | Type::Double | Type::Bool | Type::Null | Type::Timestamp | Type::Duration) => 1,
            Some(Type::List(_) | Type::Map(_)) => self.size_as_items(size),
            _ => self.size_as_text(size),
        }
    }

    fn part(&mut self, expr: &Expr) -> Part {
        match &expr.kind {
            ExprKind::Literal(value) => Part { cost: 0, size: Some(value.size()) },
            ExprKind::Ident(name) => {
                let size = self.scopes.iter().rev().find(|(known, _)| known == name).and_then(|(_, size)| *size);
                Part { cost: 1, size }
            }
            ExprKind::Select { operand, test, .. } => {
                let operand = self.part(operand);
                Part { cost: operand.cost.saturating_add(u64::from(!test)), size: None }
            }
            ExprKind::List(items) => {
                let cost = items.iter().fold(10_u64, |sum, (item, _)| sum.saturating_add(self.part(item).cost));
                Part { cost, size: Some(items.len() as u64) }
            }
            ExprKind::Map(entries) => {
                let cost = entries
                    .iter()
                    .fold(30_u64, |sum, entry| sum.saturating_add(self.part(&entry.key).cost).saturating_add(self.part(&entry.value).cost));
                Part { cost, size: Some(entries.len() as u64) }
            }
            ExprKind::Struct { fields, .. } => {
                let cost = fields.iter().fold(40_u64, |sum, field| sum.saturating_add(self.part(&field.value).cost));
                Part { cost, size: None }
            }
            ExprKind::Comprehension(inner) => self.comprehension(inner),
            ExprKind::Call { function, target, args } => self.call(function, target.as_deref(), args),
        }
    }

    fn comprehension(&mut self, inner: &Comprehension) -> Part {
        let depth = self.scopes.len();
        let init = self.part(&inner.init);
        if &*inner.variable == macros::UNUSED {
            self.scopes.push((Arc::clone(&inner.accumulator), init.size));
            let result = self.part(&inner.result);
            self.scopes.truncate(depth);
            return Part { cost: init.cost.saturating_add(result.cost), size: result.size };
        }
        let range = self.part(&inner.range);
        let count = self.size_as_items(range.size);
        self.scopes.push((Arc::clone(&inner.accumulator), Some(count)));
        self.scopes.push((Arc::clone(&inner.variable), None));
        if let Some(second) = &inner.second {
            self.scopes.push((Arc::clone(second), None));
        }
        let turn = self.part(&inner.condition).cost.saturating_add(self.part(&inner.step).cost);
        self.scopes.truncate(depth + 1);
        let result = self.part(&inner.result);
        self.scopes.truncate(depth);
        let cost = range.cost.saturating_add(init.cost).saturating_add(count.saturating_mul(turn)).saturating_add(result.cost);
        Part { cost, size: Some(count) }
    }

    fn call(&mut self, function: &str, target: Option<&Expr>, args: &[Expr]) -> Part {
        let parts: Vec<(&Expr, Part)> = target.into_iter().chain(args).map(|arg| (arg, self.part(arg))).collect();
        let sum = parts.iter().fold(0_u64, |sum, (_, part)| sum.saturating_add(part.cost));
        let size = |index: usize| parts.get(index).map_or(0, |(expr, part)| self.size_of(expr, part.size));
        if function == operator::CONDITIONAL {
            let branch = |index: usize| parts.get(index).map_or(0, |(_, part)| part.cost);
            let condition = branch(0);
            return Part { cost: condition.saturating_add(branch(1).max(branch(2))), size: None };
        }
        let (own, result) = match function {
            operator::AND | operator::OR => (0, Some(1)),
            operator::EQUALS | operator::NOT_EQUALS => (traversal(size(0).min(size(1))), Some(1)),
            operator::LESS | operator::LESS_EQUALS | operator::GREATER | operator::GREATER_EQUALS => {
                (traversal(size(0).min(size(1))), Some(1))
            }
            operator::ADD => (traversal(size(0).saturating_add(size(1))), Some(size(0).saturating_add(size(1)))),
            operator::IN => (parts.get(1).map_or(1, |(_, part)| self.size_as_items(part.size)), Some(1)),
            "check" => (ACCESS, None),
            "matches" | "find" | "findAll" => (traversal(size(0).saturating_add(1)).saturating_mul(size(1).div_ceil(4)), None),
            "contains" => (traversal(size(0)).saturating_mul(traversal(size(1))), Some(1)),
            _ => (parts.iter().fold(1_u64, |sum, (expr, part)| sum.saturating_add(traversal(self.size_of(expr, part.size)))), None),
        };
        Part { cost: sum.saturating_add(own), size: result }
    }
}

#[cfg(test)]
mod tests {
    use probity_value::Span;

    use super::*;
    use crate::Environment;

    #[test]
    fn estimates() {
        let environment = Environment::standard().variable("items", Type::list(Type::String)).variable("name", Type::String);
        let check = |text: &str, loops: u32, least: u64, most: u64| {
            let program = environment.compile(text, Span::NONE).unwrap();
            let cost = program.estimate(Assumed { items: 100, characters: 100 });
            assert_eq!(program.loops(), loops, "{text}");
            assert!((least..=most).contains(&cost), "{text}: {cost}");
        };
        check("1 + 2", 0, 1, 1);
        check("name == 'x'", 0, 2, 2);
        check("items.all(x, x == 'a')", 1, 300, 700);
        check("items.all(x, items.all(y, x == y))", 2, 60_000, 200_000);
        check("[1, 2].all(x, x == 1)", 0, 10, 40);
        check("items.filter(x, x != '').all(y, y == name)", 1, 1_000, 5_000);
        check("name.matches('[a-z]+')", 0, 20, 30);
    }
}
