//! What is gathered of one node: kinds, a value, limits, and whether they can be together.

use super::super::library;
use super::super::number::Decimal;
use super::super::tree::Atom;
use super::{Bound, DOCUMENT, Fail, Gathered, kind_of, kinds};

impl Gathered {
    pub(super) fn narrow(&mut self, kinds: u16, at: usize) -> Result<(), Fail> {
        self.kinds &= kinds;
        self.at = self.at.max(if at < DOCUMENT { at } else { 0 });
        let wrong = self.kinds == 0 || self.atom.as_ref().is_some_and(|(atom, _)| kind_of(atom) & self.kinds == 0);
        if wrong { Err(Fail::wrong(self.at, "two kinds of value contradict each other")) } else { Ok(()) }
    }

    pub(super) fn atom(&mut self, atom: Atom, at: usize) -> Result<(), Fail> {
        self.narrow(kind_of(&atom), at)?;
        match &self.atom {
            Some((before, first)) if *before != atom => {
                let at = if at < DOCUMENT { at } else { *first };
                let said = |atom: &Atom| match atom {
                    Atom::Text(text) => format!("`{}`", crate::fault::shown(text)),
                    Atom::Number(number) => number.to_string(),
                    Atom::Bool(value) => value.to_string(),
                    Atom::Null => "null".to_owned(),
                    Atom::Bytes(_) => "bytes".to_owned(),
                };
                Err(Fail::wrong(at, format!("{} is not {}", said(&atom), said(before))))
            }
            Some(_) => Ok(()),
            None => {
                self.atom = Some((atom, at));
                Ok(())
            }
        }
    }

    pub(super) fn bound(&mut self, bound: Bound) -> Result<(), Fail> {
        let kinds = match (bound.sign, &bound.with) {
            ("!=", Atom::Null) => kinds::ALL,
            ("!=", Atom::Bool(_)) => kinds::BOOL,
            ("=~" | "!~", Atom::Text(pattern)) => {
                library::pattern(pattern, bound.at)?;
                kinds::TEXT | kinds::BYTES
            }
            (_, Atom::Number(_)) => kinds::NUMBER,
            (_, Atom::Text(_)) => kinds::TEXT,
            (_, Atom::Bytes(_)) => kinds::BYTES,
            (sign, _) => return Err(Fail::wrong(bound.at, format!("`{sign}` does not take this"))),
        };
        self.narrow(kinds, bound.at)?;
        self.bounds.push(bound);
        Ok(())
    }

    /// Whether some number can be within all limits.
    pub(super) fn possible(&self) -> Result<(), Fail> {
        let at = |sign: char| self.bounds.iter().filter(move |bound| bound.sign.starts_with(sign));
        for low in at('>') {
            for high in at('<') {
                let (Atom::Number(from), Atom::Number(to)) = (&low.with, &high.with) else {
                    if let (Atom::Text(from), Atom::Text(to)) = (&low.with, &high.with)
                        && (from > to || (from == to && (low.sign == ">" || high.sign == "<")))
                    {
                        return Err(Fail::wrong(high.at, "no value is within both limits"));
                    }
                    continue;
                };
                let strict = low.sign == ">" || high.sign == "<";
                let order = from.compare(to);
                let none = order.is_gt() || (order.is_eq() && strict);
                // Between whole numbers there may be no other.
                let whole = self.kinds & kinds::NUMBER == kinds::INT;
                let least =
                    |bound: &Bound, number: &Decimal| number.whole().map(|whole| if bound.sign.len() == 1 { whole + 1 } else { whole });
                let most =
                    |bound: &Bound, number: &Decimal| number.whole().map(|whole| if bound.sign.len() == 1 { whole - 1 } else { whole });
                let gap = whole && matches!((least(low, from), most(high, to)), (Some(least), Some(most)) if least > most);
                if none || gap {
                    return Err(Fail::wrong(high.at, "no number is within both limits"));
                }
            }
        }
        Ok(())
    }
}

impl Bound {
    /// The comparison; `None` where the two cannot be compared.
    pub(super) fn compares(&self, atom: &Atom) -> Option<bool> {
        let order = match (atom, &self.with) {
            (Atom::Number(one), Atom::Number(two)) => one.compare(two),
            (Atom::Text(one), Atom::Text(two)) => one.as_bytes().cmp(two.as_bytes()),
            (Atom::Bytes(one), Atom::Bytes(two)) => one.cmp(two),
            (Atom::Bool(one), Atom::Bool(two)) if matches!(self.sign, "==" | "!=") => one.cmp(two),
            (Atom::Null, Atom::Null) if matches!(self.sign, "==" | "!=") => std::cmp::Ordering::Equal,
            _ => return None,
        };
        Some(match self.sign {
            "==" => order.is_eq(),
            "!=" => order.is_ne(),
            "<" => order.is_lt(),
            "<=" => order.is_le(),
            ">" => order.is_gt(),
            _ => order.is_ge(),
        })
    }

    pub(super) fn holds(&self, atom: &Atom) -> Result<(), Fail> {
        let holds = match (self.sign, atom, &self.with) {
            ("=~" | "!~", Atom::Text(text), Atom::Text(pattern)) => {
                library::pattern(pattern, self.at)?.is_match(text) == (self.sign == "=~")
            }
            ("=~" | "!~", ..) => return Err(Fail::unsupported(self.at, "a pattern for bytes")),
            // Different kinds differ.
            ("!=", ..) => self.compares(atom).unwrap_or(true),
            _ => self.compares(atom).unwrap_or(false),
        };
        let said = match &self.with {
            Atom::Text(text) => format!("`{}`", crate::fault::shown(text)),
            Atom::Number(number) => number.to_string(),
            _ => "it".to_owned(),
        };
        if holds { Ok(()) } else { Err(Fail::wrong(self.at, format!("the value is not {} {said}", self.sign))) }
    }
}
