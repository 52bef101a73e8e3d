//! Type parameters and what they stand for (cel-go's `checker/types.go`).

use std::collections::HashMap;
use std::sync::Arc;

use crate::Type;

/// Parts of a type that are looked at in one substitution; types beyond are given up.
const FUEL: u32 = 10_000;

/// What type variables stand for, with a trail to take back what a failed attempt added.
#[derive(Debug, Default)]
pub(super) struct Unifier {
    known: HashMap<Arc<str>, Type>,
    trail: Vec<(Arc<str>, Option<Type>)>,
    next: u32,
}

impl Unifier {
    /// A new variable.
    pub(super) fn variable(&mut self) -> Type {
        self.next += 1;
        Type::Param(format!("_var{}", self.next).into())
    }

    /// The types of a signature with new variables for its parameters.
    pub(super) fn fresh(&mut self, types: &[Type]) -> Vec<Type> {
        let mut names: Vec<(Arc<str>, Type)> = Vec::new();
        types.iter().map(|part| self.rename(part, &mut names)).collect()
    }

    fn rename(&mut self, part: &Type, names: &mut Vec<(Arc<str>, Type)>) -> Type {
        match part {
            Type::Param(name) => {
                if let Some((_, known)) = names.iter().find(|(known, _)| known == name) {
                    return known.clone();
                }
                let made = self.variable();
                names.push((Arc::clone(name), made.clone()));
                made
            }
            Type::List(item) => Type::list(self.rename(item, names)),
            Type::Map(pair) => Type::map(self.rename(&pair.0, names), self.rename(&pair.1, names)),
            Type::Type(item) => Type::type_of(self.rename(item, names)),
            Type::Opaque(name, items) if !items.is_empty() => {
                Type::Opaque(Arc::clone(name), items.iter().map(|item| self.rename(item, names)).collect())
            }
            other => other.clone(),
        }
    }

    /// Whether `from` may stand where `to` is wanted; what it takes for that is remembered.
    pub(super) fn assignable(&mut self, from: &Type, to: &Type) -> bool {
        self.all_assignable(std::slice::from_ref(from), std::slice::from_ref(to))
    }

    /// Whether all of a list may stand where those of another are wanted.
    pub(super) fn all_assignable(&mut self, from: &[Type], to: &[Type]) -> bool {
        if from.len() != to.len() {
            return false;
        }
        let mark = self.trail.len();
        let fits = from.iter().zip(to).all(|(from, to)| self.fits(from, to));
        if !fits {
            while self.trail.len() > mark {
                match self.trail.pop() {
                    Some((name, Some(before))) => self.known.insert(name, before),
                    Some((name, None)) => self.known.remove(&name),
                    None => None,
                };
            }
        }
        fits
    }

    fn put(&mut self, name: &Arc<str>, value: Type) {
        let before = self.known.insert(Arc::clone(name), value);
        self.trail.push((Arc::clone(name), before));
    }

    fn fits(&mut self, from: &Type, to: &Type) -> bool {
        if let Type::Param(name) = to {
            match self.substitutes(from, to, name) {
                (true, _) => return true,
                (false, true) => return false,
                (false, false) => {}
            }
        }
        if let Type::Param(name) = from {
            return self.substitutes(to, from, name).0;
        }
        match (from, to) {
            (Type::Dyn | Type::Error, _) | (_, Type::Dyn | Type::Error) => true,
            (Type::Null, other) | (other, Type::Null) => nullable(other),
            (Type::Wrapper(inner), other) | (other, Type::Wrapper(inner)) => {
                let other = if let Type::Wrapper(other) = other { other } else { other };
                **inner == *other
            }
            (Type::Type(_), Type::Type(_)) => true,
            (Type::List(a), Type::List(b)) => self.fits(a, b),
            (Type::Map(a), Type::Map(b)) => self.fits(&a.0, &b.0) && self.fits(&a.1, &b.1),
            (Type::Opaque(a, first), Type::Opaque(b, second)) => {
                a == b && first.len() == second.len() && first.iter().zip(second.iter()).all(|(a, b)| self.fits(a, b))
            }
            (a, b) => a == b,
        }
    }

    /// Whether a variable may stand for a type, and whether it stood for something already.
    fn substitutes(&mut self, wanted: &Type, variable: &Type, name: &Arc<str>) -> (bool, bool) {
        if wanted == variable {
            return (true, true);
        }
        if let Some(known) = self.known.get(name).cloned() {
            if known == *wanted {
                return (true, true);
            }
            if self.fits(wanted, &known) {
                let general = if less_specific(wanted, &known) { wanted.clone() } else { known };
                if self.free_of(name, &general) {
                    self.put(name, general);
                }
                return (true, true);
            }
            return (false, true);
        }
        if self.free_of(name, wanted) {
            self.put(name, wanted.clone());
            return (true, false);
        }
        (false, false)
    }

    /// Whether a variable does not occur in a type.
    fn free_of(&self, name: &Arc<str>, within: &Type) -> bool {
        match within {
            Type::Param(other) if other == name => false,
            Type::Param(other) => self.known.get(other).is_none_or(|known| self.free_of(name, known)),
            Type::List(item) | Type::Type(item) => self.free_of(name, item),
            Type::Map(pair) => self.free_of(name, &pair.0) && self.free_of(name, &pair.1),
            Type::Opaque(_, items) => items.iter().all(|item| self.free_of(name, item)),
            _ => true,
        }
    }

    /// A type with its variables replaced; those nothing is known of become `dyn` where `last` is said.
    pub(super) fn substitute(&self, part: &Type, last: bool) -> Type {
        self.replace(part, last, &mut FUEL.clone())
    }

    fn replace(&self, part: &Type, last: bool, fuel: &mut u32) -> Type {
        if *fuel == 0 {
            return Type::Dyn;
        }
        *fuel -= 1;
        match part {
            Type::Param(name) => match self.known.get(name) {
                Some(known) => self.replace(known, last, fuel),
                None if last => Type::Dyn,
                None => part.clone(),
            },
            Type::List(item) => Type::list(self.replace(item, last, fuel)),
            Type::Map(pair) => Type::map(self.replace(&pair.0, last, fuel), self.replace(&pair.1, last, fuel)),
            Type::Type(item) => Type::type_of(self.replace(item, last, fuel)),
            Type::Opaque(name, items) if !items.is_empty() => {
                Type::Opaque(Arc::clone(name), items.iter().map(|item| self.replace(item, last, fuel)).collect())
            }
            other => other.clone(),
        }
    }
}

/// Whether null may stand where a type is wanted.
fn nullable(wanted: &Type) -> bool {
    matches!(
        wanted,
        Type::Null | Type::Wrapper(_) | Type::Opaque(..) | Type::Object(_) | Type::Duration | Type::Timestamp | Type::Dyn | Type::Error
    )
}

/// Whether the first type says as much as the second, or less.
pub(super) fn less_specific(first: &Type, second: &Type) -> bool {
    match (first, second) {
        (Type::Dyn | Type::Param(_), _) => true,
        (_, Type::Dyn | Type::Param(_)) => false,
        (Type::List(a), Type::List(b)) => less_specific(a, b),
        (Type::Map(a), Type::Map(b)) => less_specific(&a.0, &b.0) && less_specific(&a.1, &b.1),
        (Type::Opaque(a, first), Type::Opaque(b, second)) => {
            a == b && first.len() == second.len() && first.iter().zip(second.iter()).all(|(a, b)| less_specific(a, b))
        }
        (Type::Type(_), Type::Type(_)) => true,
        (a, b) => a == b,
    }
}
