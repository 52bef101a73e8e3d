//! Values of expressions.

use std::collections::BTreeMap;
use std::sync::Arc;

use probity_value::Span;

use super::{CLOSURE, Flow, Machine, PARTS, Step};
use crate::compile::ir::{Comparison, Op, Part, Value};
use crate::engine::ErrorCode;
use crate::{Object, Term};

/// Where a way into a value is at.
#[derive(Clone, Copy)]
enum Cursor<'a> {
    Term(&'a Term),
    Value(&'a probity_value::Value),
}

impl<'a> Cursor<'a> {
    fn text(self, key: &str) -> Option<Cursor<'a>> {
        match self {
            Cursor::Term(Term::Object(object)) => object.get_str(key).map(Cursor::Term),
            Cursor::Term(Term::Map(map, _)) => map.get(key).map(Cursor::Value),
            Cursor::Term(Term::Set(set)) => set.get(&Term::from(key)).map(Cursor::Term),
            Cursor::Term(_) => None,
            Cursor::Value(value) => value.get(key).map(Cursor::Value),
        }
    }

    fn get(self, key: &Term) -> Option<Cursor<'a>> {
        let index = || match key {
            Term::Number(number) => usize::try_from(number.whole()?).ok(),
            _ => None,
        };
        match self {
            Cursor::Term(Term::Object(object)) => object.get(key).map(Cursor::Term),
            Cursor::Term(Term::Map(map, _)) => map.get(key.as_str()?).map(Cursor::Value),
            Cursor::Term(Term::Array(items)) => items.get(index()?).map(Cursor::Term),
            Cursor::Term(Term::List(items, _)) => items.get(index()?).map(Cursor::Value),
            Cursor::Term(Term::Set(set)) => set.get(key).map(Cursor::Term),
            Cursor::Term(_) => None,
            Cursor::Value(value) => match &value.data {
                probity_value::Data::Map(map) => map.get(key.as_str()?).map(Cursor::Value),
                probity_value::Data::List(items) => items.get(index()?).map(Cursor::Value),
                _ => None,
            },
        }
    }

    fn span(self) -> Span {
        match self {
            Cursor::Term(term) => term.span(),
            Cursor::Value(value) => value.span,
        }
    }

    fn term(self) -> Term {
        match self {
            Cursor::Term(term) => term.clone(),
            Cursor::Value(value) => Term::from_value(value),
        }
    }
}

impl<'p> Machine<'p> {
    /// A value that lies ready, without a copy.
    fn ready<'a>(&'a self, value: &'a Value) -> Option<&'a Term> {
        match value {
            Value::Constant(term) => Some(term),
            Value::Slot(slot) => self.stack.get(self.base + *slot as usize),
            _ => None,
        }
    }

    /// Whether it is defined and not false.
    pub(super) fn holds(&mut self, value: &'p Value) -> Step<bool> {
        match value {
            Value::Compare(comparison, left, right) => self.compare(*comparison, left, right).map(|found| found == Some(true)),
            Value::Constant(_) | Value::Slot(_) => Ok(self.ready(value).is_some_and(|term| !term.is_false())),
            other => Ok(self.value(other)?.is_some_and(|term| !term.is_false())),
        }
    }

    fn compare(&mut self, comparison: Comparison, left: &'p Value, right: &'p Value) -> Step<Option<bool>> {
        let owned_left = if self.ready(left).is_none() {
            match self.value(left)? {
                None => return Ok(None),
                found => found,
            }
        } else {
            None
        };
        let owned_right = if self.ready(right).is_none() {
            match self.value(right)? {
                None => return Ok(None),
                found => found,
            }
        } else {
            None
        };
        let (Some(left), Some(right)) =
            (owned_left.as_ref().or_else(|| self.ready(left)), owned_right.as_ref().or_else(|| self.ready(right)))
        else {
            return Ok(None);
        };
        Ok(Some(match comparison {
            Comparison::Equal => left == right,
            Comparison::NotEqual => left != right,
            Comparison::Less => left < right,
            Comparison::LessEqual => left <= right,
            Comparison::Greater => left > right,
            Comparison::GreaterEqual => left >= right,
        }))
    }

    /// The value, if it is defined.
    pub(super) fn value(&mut self, value: &'p Value) -> Step<Option<Term>> {
        match value {
            Value::Constant(term) => Ok(Some(term.clone())),
            Value::Slot(slot) => Ok(Some(self.slot(*slot))),
            Value::Input => {
                let input = self.world.input.clone();
                if let (true, Some(input)) = (self.keep_places, &input) {
                    self.note(input.span());
                }
                Ok(input)
            }
            Value::Base(path) => Ok(self.base_at(path)),
            Value::Rule(group) => self.rule(*group),
            Value::Node(node) => self.node(*node),
            Value::Walk(node, keys) => self.known_walk(*node, keys),
            Value::Path(base, keys) => self.path(base, keys),
            Value::Compare(comparison, left, right) => Ok(self.compare(*comparison, left, right)?.map(Term::Bool)),
            Value::Member(key, item, domain) => self.member(key.as_deref(), item, domain),
            other => self.composite(other),
        }
    }

    /// A value that is made of parts or of solutions.
    fn composite(&mut self, value: &'p Value) -> Step<Option<Term>> {
        let weight = match value {
            Value::Call(..) | Value::Array(_) | Value::Set(_) | Value::Object(_) => PARTS,
            _ => CLOSURE,
        };
        self.enter(weight)?;
        let made = self.made_of(value);
        self.depth -= weight;
        made
    }

    fn made_of(&mut self, value: &'p Value) -> Step<Option<Term>> {
        match value {
            Value::Call(callable, args, span) => self.call(*callable, args, *span),
            Value::Array(items) => match self.values(items)? {
                Some(items) => Ok(Some(Term::array(items))),
                None => Ok(None),
            },
            Value::Set(items) => match self.values(items)? {
                Some(items) => Ok(Some(Term::set(items))),
                None => Ok(None),
            },
            Value::Object(pairs) => {
                self.spend(pairs.len() + 1)?;
                let mut entries = Vec::with_capacity(pairs.len());
                for (key, value) in pairs {
                    let Some(key) = self.value(key)? else { return Ok(None) };
                    let Some(value) = self.value(value)? else { return Ok(None) };
                    entries.push((key, value));
                }
                Ok(Some(Term::object(entries)))
            }
            Value::ArrayOf(head, body) => Ok(Some(Term::array(self.collect_items(head, body)?))),
            Value::SetOf(head, body) => Ok(Some(Term::set(self.collect_items(head, body)?))),
            Value::ObjectOf(key, value, body, span) => self.object_of(key, value, body, *span),
            Value::Template(parts, span) => self.template(parts, *span),
            // Everything else was looked at before.
            _ => Ok(None),
        }
    }

    fn values(&mut self, items: &'p [Value]) -> Step<Option<Vec<Term>>> {
        self.spend(items.len() + 1)?;
        let mut terms = Vec::with_capacity(items.len());
        for item in items {
            match self.value(item)? {
                Some(term) => terms.push(term),
                None => return Ok(None),
            }
        }
        Ok(Some(terms))
    }

    fn collect_items(&mut self, head: &'p Value, body: &'p [Op]) -> Step<Vec<Term>> {
        let mut items = Vec::new();
        self.block(body, &mut |machine| {
            if let Some(term) = machine.value(head)? {
                machine.spend(1)?;
                items.push(term);
            }
            Ok(Flow::More)
        })?;
        Ok(items)
    }

    fn object_of(&mut self, key: &'p Value, value: &'p Value, body: &'p [Op], span: Span) -> Step<Option<Term>> {
        let mut entries: Vec<(Term, Term)> = Vec::new();
        self.block(body, &mut |machine| {
            if let (Some(key), Some(value)) = (machine.value(key)?, machine.value(value)?) {
                machine.spend(2)?;
                entries.push((key, value));
            }
            Ok(Flow::More)
        })?;
        match Object::from_distinct_entries(entries) {
            Ok(object) => Ok(Some(Term::Object(Arc::new(object)))),
            Err(_) => Err(self.error(ErrorCode::Conflict, span, "object keys must be unique")),
        }
    }

    /// The way into a value.
    fn path(&mut self, from: &'p Value, keys: &'p [Value]) -> Step<Option<Term>> {
        if let Some((found, span)) = self.quick_path(from, keys) {
            match found {
                Some(_) => self.note(span),
                None => self.miss(span),
            }
            return Ok(found);
        }
        let base = match from {
            Value::Input => self.world.input.clone(),
            other => self.value(other)?,
        };
        let Some(term) = base else { return Ok(None) };
        if matches!(from, Value::Base(_)) {
            return self.led_to_base(term, keys);
        }
        self.led_to(&term, keys)
    }

    /// The way into what lies ready by keys that lie ready: nothing is copied but the answer. `None` where something has to be evaluated.
    fn quick_path(&self, from: &'p Value, keys: &'p [Value]) -> Option<(Option<Term>, Span)> {
        let base = match from {
            Value::Input => match self.world.input.as_ref() {
                Some(input) => input,
                None => return Some((None, Span::NONE)),
            },
            Value::Slot(slot) => self.stack.get(self.base + *slot as usize)?,
            _ => return None,
        };
        let mut at = Cursor::Term(base);
        let mut span = if self.keep_places { at.span() } else { Span::NONE };
        for key in keys {
            let next = match key {
                Value::Constant(Term::String(text)) => at.text(text),
                Value::Constant(key) => at.get(key),
                Value::Slot(slot) => at.get(self.stack.get(self.base + *slot as usize)?),
                _ => return None,
            };
            let Some(next) = next else { return Some((None, span)) };
            at = next;
            if self.keep_places {
                span = at.span().or(span);
            }
        }
        Some((Some(at.term()), span))
    }

    /// The way into the base document, whose keys are text: a number stands for its text.
    pub(super) fn led_to_base(&mut self, base: Term, keys: &'p [Value]) -> Step<Option<Term>> {
        let mut at = base;
        for key in keys {
            let Some(key) = self.value(key)? else { return Ok(None) };
            let next = match (at.get(&key), &key) {
                (None, Term::Number(number)) => at.get_str(&number.to_string()),
                (next, _) => next,
            };
            let Some(next) = next else {
                self.miss(at.span());
                return Ok(None);
            };
            at = next;
        }
        self.note(at.span());
        Ok(Some(at))
    }

    /// What keys lead to in a value.
    pub(super) fn led_to(&mut self, base: &Term, keys: &'p [Value]) -> Step<Option<Term>> {
        let mut at = Cursor::Term(base);
        let mut span = at.span();
        for key in keys {
            let next = match key {
                Value::Constant(Term::String(text)) => at.text(text),
                Value::Constant(key) => at.get(key),
                Value::Slot(slot) => self.stack.get(self.base + *slot as usize).and_then(|key| at.get(key)),
                other => match self.value(other)? {
                    Some(key) => at.get(&key),
                    None => None,
                },
            };
            match next {
                Some(next) => {
                    at = next;
                    span = at.span().or(span);
                }
                None => {
                    self.miss(span);
                    return Ok(None);
                }
            }
        }
        self.note(span);
        Ok(Some(at.term()))
    }

    fn member(&mut self, key: Option<&'p Value>, item: &'p Value, domain: &'p Value) -> Step<Option<Term>> {
        let key = match key {
            Some(key) => match self.value(key)? {
                None => return Ok(None),
                found => found,
            },
            None => None,
        };
        let Some(item) = self.value(item)? else { return Ok(None) };
        let Some(domain) = self.value(domain)? else { return Ok(None) };
        let found = match key {
            Some(key) => match &domain {
                Term::Set(set) => key == item && set.contains(&item),
                other => other.get(&key).is_some_and(|found| found == item),
            },
            None => match &domain {
                Term::Set(set) => set.contains(&item),
                Term::Array(items) => items.contains(&item),
                Term::Object(object) => object.iter().any(|(_, value)| *value == item),
                other => match (other.as_array(), other.as_object()) {
                    (Some(items), _) => items.iter().any(|found| found == item),
                    (None, Some(object)) => object.iter().any(|(_, value)| value == item),
                    (None, None) => false,
                },
            },
        };
        Ok(Some(Term::Bool(found)))
    }

    fn template(&mut self, parts: &'p [Part], span: Span) -> Step<Option<Term>> {
        let mut text = String::new();
        for part in parts {
            match part {
                Part::Text(part) => text.push_str(part),
                Part::Value(value, body) => {
                    let mut found: BTreeMap<Term, ()> = BTreeMap::new();
                    self.quiet += 1;
                    let outcome = self.block(body, &mut |machine| {
                        if let Some(term) = machine.value(value)? {
                            found.insert(term, ());
                        }
                        Ok(Flow::More)
                    });
                    self.quiet -= 1;
                    outcome?;
                    let mut values = found.into_keys();
                    match (values.next(), values.next()) {
                        (None, _) => text.push_str("<undefined>"),
                        (Some(Term::String(value)), None) => text.push_str(&value),
                        (Some(value), None) => text.push_str(&value.to_string()),
                        (Some(_), Some(_)) => {
                            return Err(self.error(ErrorCode::Conflict, span, "template-strings must not produce multiple outputs"));
                        }
                    }
                }
            }
        }
        self.spend(1 + text.len() / 48)?;
        Ok(Some(Term::from(text)))
    }
}
