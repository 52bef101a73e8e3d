//! The values of Rego: those of JSON and sets, with OPA's order over all of them.
//!
//! Input and data stay the [`Value`]s they came as: a list or map of them is a term as it is, and its parts become terms when they are
//! looked at. [`ArrayRef`] and [`ObjectRef`] are views that do not care which of the two they see.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use probity_value::{Data, Map, Span, Value};

use crate::number::Number;
use crate::text::has_kept_bytes;
pub use crate::text::{bytes_of, is_printable, quote, shown_letter, shown_text, text_of_bytes};
pub use crate::views::{ArrayRef, ObjectIter, ObjectRef};

/// A value.
#[derive(Clone)]
pub enum Term {
    /// Null.
    Null,
    /// True or false.
    Bool(bool),
    /// A number.
    Number(Number),
    /// Text.
    String(Arc<str>),
    /// A list.
    Array(Arc<Vec<Term>>),
    /// A map with keys of any kind.
    Object(Arc<Object>),
    /// A set.
    Set(Arc<Set>),
    /// A list of the input or the data, and where it stands; equal to the array of the same items.
    List(Arc<Vec<Value>>, Span),
    /// A map of the input or the data, and where it stands; equal to the object of the same entries.
    Map(Arc<Map>, Span),
}

/// Kinds of terms, in their order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Kind {
    /// Null.
    Null,
    /// True or false.
    Boolean,
    /// A number.
    Number,
    /// Text.
    String,
    /// A list.
    Array,
    /// A map.
    Object,
    /// A set.
    Set,
}

impl Kind {
    /// Its name in messages: `string`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Kind::Null => "null",
            Kind::Boolean => "boolean",
            Kind::Number => "number",
            Kind::String => "string",
            Kind::Array => "array",
            Kind::Object => "object",
            Kind::Set => "set",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// An object: entries in the order of their keys, each key once.
#[derive(Clone, Default)]
pub struct Object {
    pub(crate) entries: Vec<(Term, Term)>,
}

/// A set: items in order, each once.
#[derive(Clone, Default)]
pub struct Set {
    items: Vec<Term>,
}

impl Term {
    /// Text.
    #[must_use]
    pub fn string(text: impl Into<Arc<str>>) -> Term {
        Term::String(text.into())
    }

    /// A whole number.
    #[must_use]
    pub fn int(value: i64) -> Term {
        Term::Number(Number::Int(value))
    }

    /// A list.
    #[must_use]
    pub fn array(items: Vec<Term>) -> Term {
        Term::Array(Arc::new(items))
    }

    /// A set of items in any order.
    #[must_use]
    pub fn set(items: Vec<Term>) -> Term {
        Term::Set(Arc::new(Set::from_items(items)))
    }

    /// An object of entries in any order; of entries with the same key the last one stays.
    #[must_use]
    pub fn object(entries: Vec<(Term, Term)>) -> Term {
        Term::Object(Arc::new(Object::from_entries(entries)))
    }

    /// The empty object.
    #[must_use]
    pub fn empty_object() -> Term {
        Term::Object(Arc::new(Object::default()))
    }

    /// The term of a value, without a copy of its parts. Where the value is not known the term is null: whoever gives values to an
    /// evaluation refuses unknown ones beforehand (`Value::find_unknown`).
    #[must_use]
    pub fn from_value(value: &Value) -> Term {
        match &value.data {
            Data::Null | Data::Unknown(_) => Term::Null,
            Data::Bool(value) => Term::Bool(*value),
            Data::Number(probity_value::Number::Int(value)) => Term::Number(Number::Int(*value)),
            Data::Number(probity_value::Number::Float(value)) => Term::Number(Number::from_f64(*value)),
            Data::String(text) => Term::String(Arc::clone(text)),
            Data::List(items) => Term::List(Arc::clone(items), value.span),
            Data::Map(map) => Term::Map(Arc::clone(map), value.span),
        }
    }

    /// As a value nobody wrote down: sets become lists, keys that are no text become their JSON text, numbers that do not fit become doubles.
    #[must_use]
    pub fn to_value(&self) -> Value {
        match self {
            Term::Null => Value::null(Span::NONE),
            Term::Bool(value) => Value::bool(*value, Span::NONE),
            Term::Number(number) => match number.whole() {
                Some(value) => Value::int(value, Span::NONE),
                None => Value::number(number.to_f64(), Span::NONE),
            },
            Term::String(text) if has_kept_bytes(text) => Value::string(&*shown_text(text), Span::NONE),
            Term::String(text) => Value::string(Arc::clone(text), Span::NONE),
            Term::Array(items) => Value::list(items.iter().map(Term::to_value).collect(), Span::NONE),
            Term::Set(set) => Value::list(set.iter().map(Term::to_value).collect(), Span::NONE),
            Term::Object(object) => {
                let mut map = Map::new();
                for (key, value) in object.iter() {
                    map.insert(key.key_text(), Span::NONE, value.to_value());
                }
                Value::map(map, Span::NONE)
            }
            Term::List(items, span) => Value::new(Data::List(Arc::clone(items)), *span),
            Term::Map(map, span) => Value::new(Data::Map(Arc::clone(map)), *span),
        }
    }

    /// What it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Term::Null => Kind::Null,
            Term::Bool(_) => Kind::Boolean,
            Term::Number(_) => Kind::Number,
            Term::String(_) => Kind::String,
            Term::Array(_) | Term::List(..) => Kind::Array,
            Term::Object(_) | Term::Map(..) => Kind::Object,
            Term::Set(_) => Kind::Set,
        }
    }

    /// Where it stands in the input or the data, if it is a list or map of them.
    #[must_use]
    pub fn span(&self) -> Span {
        match self {
            Term::List(_, span) | Term::Map(_, span) => *span,
            _ => Span::NONE,
        }
    }

    /// Whether it is `false`; everything else that is defined holds.
    #[must_use]
    pub fn is_false(&self) -> bool {
        matches!(self, Term::Bool(false))
    }

    /// The text, if it is text.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Term::String(text) => Some(text),
            _ => None,
        }
    }

    /// True or false, if it is that.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Term::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// The number, if it is one.
    #[must_use]
    pub fn as_number(&self) -> Option<&Number> {
        match self {
            Term::Number(number) => Some(number),
            _ => None,
        }
    }

    /// The list, if it is one.
    #[must_use]
    pub fn as_array(&self) -> Option<ArrayRef<'_>> {
        match self {
            Term::Array(items) => Some(ArrayRef::Terms(items)),
            Term::List(items, _) => Some(ArrayRef::Values(items)),
            _ => None,
        }
    }

    /// The object, if it is one.
    #[must_use]
    pub fn as_object(&self) -> Option<ObjectRef<'_>> {
        match self {
            Term::Object(object) => Some(ObjectRef::Entries(object)),
            Term::Map(map, _) => Some(ObjectRef::Map(map)),
            _ => None,
        }
    }

    /// The set, if it is one.
    #[must_use]
    pub fn as_set(&self) -> Option<&Set> {
        match self {
            Term::Set(set) => Some(set),
            _ => None,
        }
    }

    /// The part a step of a reference leads to: an item by its number, the value under a key, the item itself of a set.
    #[must_use]
    pub fn get(&self, key: &Term) -> Option<Term> {
        match self {
            Term::Array(items) => items.get(key.index()?).cloned(),
            Term::List(items, _) => items.get(key.index()?).map(Term::from_value),
            Term::Object(object) => object.get(key).cloned(),
            Term::Map(map, _) => map.get(key.as_str()?).map(Term::from_value),
            Term::Set(set) => set.get(key).cloned(),
            _ => None,
        }
    }

    /// The value under a key that is text.
    #[must_use]
    pub fn get_str(&self, key: &str) -> Option<Term> {
        match self {
            Term::Object(object) => object.get_str(key).cloned(),
            Term::Map(map, _) => map.get(key).map(Term::from_value),
            _ => None,
        }
    }

    /// As the number of an item.
    fn index(&self) -> Option<usize> {
        match self {
            Term::Number(number) => usize::try_from(number.whole()?).ok(),
            _ => None,
        }
    }

    /// Number of items or entries; of text, of its characters.
    #[must_use]
    pub fn size(&self) -> Option<usize> {
        match self {
            Term::String(text) => Some(text.chars().count()),
            Term::Array(items) => Some(items.len()),
            Term::List(items, _) => Some(items.len()),
            Term::Object(object) => Some(object.len()),
            Term::Map(map, _) => Some(map.len()),
            Term::Set(set) => Some(set.len()),
            _ => None,
        }
    }

    /// As a key of a JSON object: text as it is, anything else as its JSON text.
    #[must_use]
    pub fn key_text(&self) -> Arc<str> {
        match self {
            Term::String(text) => Arc::clone(text),
            other => other.to_json().into(),
        }
    }

    /// Compact JSON text: keys in order, sets as lists, keys that are no text as their JSON text.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut out = String::new();
        self.write_json(&mut out);
        out
    }

    /// Appends compact JSON text, as in [`Term::to_json`].
    pub fn write_json(&self, out: &mut String) {
        fn items(items: impl Iterator<Item = Term>, out: &mut String) {
            out.push('[');
            for (position, item) in items.enumerate() {
                if position > 0 {
                    out.push(',');
                }
                item.write_json(out);
            }
            out.push(']');
        }
        match self {
            Term::Null => out.push_str("null"),
            Term::Bool(true) => out.push_str("true"),
            Term::Bool(false) => out.push_str("false"),
            Term::Number(number) => out.push_str(&number.to_string()),
            Term::String(text) => probity_value::json::write_string(&shown_text(text), out),
            Term::Array(array) => items(array.iter().cloned(), out),
            Term::List(list, _) => items(list.iter().map(Term::from_value), out),
            Term::Set(set) => items(set.iter().cloned(), out),
            Term::Object(_) | Term::Map(..) => {
                let mut entries: Vec<(Arc<str>, Term)> =
                    self.as_object().into_iter().flat_map(|object| object.iter()).map(|(key, value)| (key.key_text(), value)).collect();
                entries.sort_by(|a, b| a.0.cmp(&b.0));
                out.push('{');
                for (position, (key, value)) in entries.iter().enumerate() {
                    if position > 0 {
                        out.push(',');
                    }
                    probity_value::json::write_string(&shown_text(key), out);
                    out.push(':');
                    value.write_json(out);
                }
                out.push('}');
            }
        }
    }
}

impl From<bool> for Term {
    fn from(value: bool) -> Term {
        Term::Bool(value)
    }
}

impl From<&str> for Term {
    fn from(text: &str) -> Term {
        Term::String(text.into())
    }
}

impl From<String> for Term {
    fn from(text: String) -> Term {
        Term::String(text.into())
    }
}

impl From<Number> for Term {
    fn from(number: Number) -> Term {
        Term::Number(number)
    }
}

impl Object {
    /// An object of entries in any order; of entries with the same key the last one stays.
    #[must_use]
    pub fn from_entries(mut entries: Vec<(Term, Term)>) -> Object {
        if !entries.is_sorted_by(|a, b| a.0 < b.0) {
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            entries.dedup_by(|later, earlier| {
                let same = later.0 == earlier.0;
                if same {
                    std::mem::swap(&mut later.1, &mut earlier.1);
                }
                same
            });
        }
        Object { entries }
    }

    /// An object of entries in any order, unless two have the same key and different values: then that key.
    ///
    /// # Errors
    /// The key with two values.
    pub fn from_distinct_entries(mut entries: Vec<(Term, Term)>) -> Result<Object, Term> {
        if !entries.is_sorted_by(|a, b| a.0 < b.0) {
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            let conflict = entries.windows(2).find_map(|pair| match pair {
                [a, b] if a.0 == b.0 && a.1 != b.1 => Some(a.0.clone()),
                _ => None,
            });
            if let Some(key) = conflict {
                return Err(key);
            }
            entries.dedup_by(|later, earlier| later.0 == earlier.0);
        }
        Ok(Object { entries })
    }

    /// Number of entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn find_str(&self, key: &str) -> Result<usize, usize> {
        self.entries.binary_search_by(|(at, _)| match at {
            Term::String(text) => (**text).cmp(key),
            other => other.kind().cmp(&Kind::String),
        })
    }

    fn find(&self, key: &Term) -> Result<usize, usize> {
        match key {
            Term::String(text) => self.find_str(text),
            _ => self.entries.binary_search_by(|(at, _)| at.cmp(key)),
        }
    }

    /// The value under a key.
    #[must_use]
    pub fn get(&self, key: &Term) -> Option<&Term> {
        self.entries.get(self.find(key).ok()?).map(|entry| &entry.1)
    }

    /// The value under a key that is text.
    #[must_use]
    pub fn get_str(&self, key: &str) -> Option<&Term> {
        self.entries.get(self.find_str(key).ok()?).map(|entry| &entry.1)
    }

    /// Puts a value under a key, in place of an earlier one.
    pub fn insert(&mut self, key: Term, value: Term) {
        match self.find(&key) {
            Ok(at) => {
                if let Some(entry) = self.entries.get_mut(at) {
                    entry.1 = value;
                }
            }
            Err(at) => self.entries.insert(at, (key, value)),
        }
    }

    /// Takes an entry out.
    pub fn remove(&mut self, key: &Term) -> Option<Term> {
        self.find(key).ok().map(|at| self.entries.remove(at).1)
    }

    /// Entries in the order of their keys.
    pub fn iter(&self) -> std::slice::Iter<'_, (Term, Term)> {
        self.entries.iter()
    }

    /// The entries in the order of their keys.
    #[must_use]
    pub fn entries(&self) -> &[(Term, Term)] {
        &self.entries
    }
}

impl Set {
    /// A set of items in any order; of equal items the first one stays.
    #[must_use]
    pub fn from_items(mut items: Vec<Term>) -> Set {
        if !items.is_sorted_by(|a, b| a < b) {
            items.sort();
            items.dedup();
        }
        Set { items }
    }

    /// Number of items.
    #[must_use]
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there is no item.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The item that equals `item`.
    #[must_use]
    pub fn get(&self, item: &Term) -> Option<&Term> {
        self.items.get(self.items.binary_search(item).ok()?)
    }

    /// Whether an item is in it.
    #[must_use]
    pub fn contains(&self, item: &Term) -> bool {
        self.items.binary_search(item).is_ok()
    }

    /// Puts an item in, unless it is there; says whether it was put in.
    pub fn insert(&mut self, item: Term) -> bool {
        match self.items.binary_search(&item) {
            Ok(_) => false,
            Err(at) => {
                self.items.insert(at, item);
                true
            }
        }
    }

    /// Items in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Term> {
        self.items.iter()
    }

    /// The items in order.
    #[must_use]
    pub fn items(&self) -> &[Term] {
        &self.items
    }

    /// The items that are in both.
    #[must_use]
    pub fn intersection(&self, other: &Set) -> Set {
        let (few, many) = if self.len() <= other.len() { (self, other) } else { (other, self) };
        Set { items: few.items.iter().filter(|item| many.contains(item)).cloned().collect() }
    }

    /// The items that are in this one and not in the other.
    #[must_use]
    pub fn difference(&self, other: &Set) -> Set {
        Set { items: self.items.iter().filter(|item| !other.contains(item)).cloned().collect() }
    }

    /// The items that are in one of them.
    #[must_use]
    pub fn union(&self, other: &Set) -> Set {
        let mut items = Vec::with_capacity(self.len() + other.len());
        let (mut left, mut right) = (self.items.iter().peekable(), other.items.iter().peekable());
        while let (Some(a), Some(b)) = (left.peek(), right.peek()) {
            let order = a.cmp(b);
            if order != Ordering::Greater {
                items.extend(left.next().cloned());
                if order == Ordering::Equal {
                    right.next();
                }
            } else {
                items.extend(right.next().cloned());
            }
        }
        items.extend(left.cloned());
        items.extend(right.cloned());
        Set { items }
    }
}

impl<'a> IntoIterator for &'a Set {
    type Item = &'a Term;
    type IntoIter = std::slice::Iter<'a, Term>;

    fn into_iter(self) -> Self::IntoIter {
        self.items.iter()
    }
}

impl<'a> IntoIterator for &'a Object {
    type Item = &'a (Term, Term);
    type IntoIter = std::slice::Iter<'a, (Term, Term)>;

    fn into_iter(self) -> Self::IntoIter {
        self.entries.iter()
    }
}

impl PartialEq for Term {
    fn eq(&self, other: &Term) -> bool {
        match (self, other) {
            (Term::Null, Term::Null) => true,
            (Term::Bool(a), Term::Bool(b)) => a == b,
            (Term::Number(a), Term::Number(b)) => a == b,
            (Term::String(a), Term::String(b)) => Arc::ptr_eq(a, b) || a == b,
            (Term::Array(a), Term::Array(b)) => Arc::ptr_eq(a, b) || a == b,
            (Term::Object(a), Term::Object(b)) => Arc::ptr_eq(a, b) || a.entries == b.entries,
            (Term::Set(a), Term::Set(b)) => Arc::ptr_eq(a, b) || a.items == b.items,
            (Term::List(a, _), Term::List(b, _)) if Arc::ptr_eq(a, b) => true,
            (Term::Map(a, _), Term::Map(b, _)) if Arc::ptr_eq(a, b) => true,
            _ => self.kind() == other.kind() && self.size() == other.size() && self.cmp(other) == Ordering::Equal,
        }
    }
}

impl Eq for Term {}

impl PartialOrd for Term {
    fn partial_cmp(&self, other: &Term) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Term {
    fn cmp(&self, other: &Term) -> Ordering {
        match (self, other) {
            (Term::Bool(a), Term::Bool(b)) => a.cmp(b),
            (Term::Number(a), Term::Number(b)) => a.cmp(b),
            (Term::String(a), Term::String(b)) => a.cmp(b),
            (Term::Array(a), Term::Array(b)) => a.cmp(b),
            (Term::Set(a), Term::Set(b)) => a.items.cmp(&b.items),
            (Term::Object(a), Term::Object(b)) => a.entries.cmp(&b.entries),
            (Term::Map(a, _), Term::Map(b, _)) => compare_maps(a, b),
            (Term::List(a, _), Term::List(b, _)) => compare_lists(a, b),
            _ => self.kind().cmp(&other.kind()).then_with(|| match (self.as_array(), other.as_array()) {
                (Some(a), Some(b)) => a.iter().cmp(b.iter()),
                _ => match (self.as_object(), other.as_object()) {
                    (Some(a), Some(b)) => a.iter().cmp(b.iter()),
                    _ => Ordering::Equal,
                },
            }),
        }
    }
}

/// The order of two maps, without making terms of their parts.
fn compare_maps(a: &Arc<Map>, b: &Arc<Map>) -> Ordering {
    if Arc::ptr_eq(a, b) {
        return Ordering::Equal;
    }
    fn sorted(map: &Map) -> Vec<(&str, &Value)> {
        let mut entries: Vec<(&str, &Value)> = map.iter().map(|(key, entry)| (&**key, &entry.value)).collect();
        entries.sort_unstable_by(|a, b| a.0.cmp(b.0));
        entries
    }
    let (a, b) = (sorted(a), sorted(b));
    for (a, b) in a.iter().zip(&b) {
        let order = a.0.cmp(b.0).then_with(|| compare_values(a.1, b.1));
        if order != Ordering::Equal {
            return order;
        }
    }
    a.len().cmp(&b.len())
}

fn compare_lists(a: &Arc<Vec<Value>>, b: &Arc<Vec<Value>>) -> Ordering {
    if Arc::ptr_eq(a, b) {
        return Ordering::Equal;
    }
    for (a, b) in a.iter().zip(b.iter()) {
        let order = compare_values(a, b);
        if order != Ordering::Equal {
            return order;
        }
    }
    a.len().cmp(&b.len())
}

fn compare_values(a: &Value, b: &Value) -> Ordering {
    match (&a.data, &b.data) {
        (Data::String(a), Data::String(b)) => a.cmp(b),
        (Data::Map(a), Data::Map(b)) => compare_maps(a, b),
        (Data::List(a), Data::List(b)) => compare_lists(a, b),
        _ => Term::from_value(a).cmp(&Term::from_value(b)),
    }
}

impl Hash for Term {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.kind().hash(state);
        match self {
            Term::Null => {}
            Term::Bool(value) => value.hash(state),
            Term::Number(number) => number.hash(state),
            Term::String(text) => text.hash(state),
            Term::Set(set) => set.iter().for_each(|item| item.hash(state)),
            Term::Array(items) => items.iter().for_each(|item| item.hash(state)),
            Term::List(items, _) => items.iter().for_each(|item| Term::from_value(item).hash(state)),
            Term::Object(object) => object.iter().for_each(|entry| entry.hash(state)),
            Term::Map(..) => self.as_object().into_iter().flat_map(|object| object.iter()).for_each(|entry| entry.hash(state)),
        }
    }
}

/// As OPA prints it: `{"a": [1, {2}]}`.
impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn items(items: impl Iterator<Item = Term>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            for (position, item) in items.enumerate() {
                if position > 0 {
                    f.write_str(", ")?;
                }
                fmt::Display::fmt(&item, f)?;
            }
            Ok(())
        }
        match self {
            Term::Null => f.write_str("null"),
            Term::Bool(value) => value.fmt(f),
            Term::Number(number) => number.fmt(f),
            Term::String(text) => f.write_str(&quote(text)),
            Term::Set(set) if set.is_empty() => f.write_str("set()"),
            Term::Set(set) => {
                f.write_str("{")?;
                items(set.iter().cloned(), f)?;
                f.write_str("}")
            }
            Term::Array(_) | Term::List(..) => {
                f.write_str("[")?;
                if let Some(array) = self.as_array() {
                    items(array.iter(), f)?;
                }
                f.write_str("]")
            }
            Term::Object(_) | Term::Map(..) => {
                f.write_str("{")?;
                for (position, (key, value)) in self.as_object().into_iter().flat_map(|object| object.iter()).enumerate() {
                    if position > 0 {
                        f.write_str(", ")?;
                    }
                    write!(f, "{key}: {value}")?;
                }
                f.write_str("}")
            }
        }
    }
}

impl fmt::Debug for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::hash_map::DefaultHasher;

    fn number(text: &str) -> Term {
        Term::Number(Number::parse(text).unwrap())
    }

    fn given(text: &str) -> Term {
        Term::from_value(&probity_value::json::parse(text, probity_value::FileId(0)).0)
    }

    fn hash(term: &Term) -> u64 {
        let mut state = DefaultHasher::new();
        term.hash(&mut state);
        state.finish()
    }

    #[test]
    fn a_term_is_small() {
        assert_eq!(std::mem::size_of::<Term>(), 24);
    }

    #[test]
    fn kinds_are_in_order() {
        let all = [
            Term::Null,
            Term::Bool(false),
            Term::Bool(true),
            number("-1"),
            number("1.5"),
            Term::from(""),
            Term::from("a"),
            Term::array(vec![]),
            Term::array(vec![number("1")]),
            Term::array(vec![number("1"), Term::Null]),
            Term::array(vec![number("2")]),
            Term::empty_object(),
            Term::object(vec![(number("1"), Term::Null)]),
            Term::object(vec![(Term::from("a"), Term::Null)]),
            Term::set(vec![]),
            Term::set(vec![number("1")]),
        ];
        for (a, left) in all.iter().enumerate() {
            for (b, right) in all.iter().enumerate() {
                assert_eq!(left.cmp(right), a.cmp(&b), "{left} {right}");
                assert_eq!(left == right, a == b);
            }
        }
    }

    #[test]
    fn given_values_are_terms_as_they_are() {
        let lazy = given(r#"{"b": [1, "x", null], "a": {"c": true}}"#);
        let made = Term::object(vec![
            (Term::from("a"), Term::object(vec![(Term::from("c"), Term::Bool(true))])),
            (Term::from("b"), Term::array(vec![number("1.0"), Term::from("x"), Term::Null])),
        ]);
        assert_eq!(lazy, made);
        assert_eq!(made, lazy);
        assert_eq!(hash(&lazy), hash(&made));
        assert_eq!(lazy.to_string(), r#"{"a": {"c": true}, "b": [1, "x", null]}"#);
        assert_eq!(lazy.to_json(), r#"{"a":{"c":true},"b":[1,"x",null]}"#);
        assert_eq!(lazy.get_str("b").unwrap().get(&number("1")).unwrap(), Term::from("x"));
        assert_eq!(lazy.get(&number("1")), None);
        assert_ne!(lazy, given(r#"{"b": [1, "x"], "a": {"c": true}}"#));
        assert!(!lazy.span().is_none());
    }

    #[test]
    fn sets_and_objects_keep_order() {
        let set = Set::from_items(vec![number("2"), number("1"), number("1.0"), Term::from("x")]);
        assert_eq!(Term::Set(Arc::new(set.clone())).to_string(), r#"{1, 2, "x"}"#);
        let other = Set::from_items(vec![number("2"), number("3")]);
        let shown = |set: Set| Term::Set(Arc::new(set)).to_string();
        assert_eq!(shown(set.union(&other)), r#"{1, 2, 3, "x"}"#);
        assert_eq!(shown(set.intersection(&other)), "{2}");
        assert_eq!(shown(set.difference(&other)), r#"{1, "x"}"#);
        assert_eq!(shown(Set::default()), "set()");
        let object =
            Object::from_entries(vec![(Term::from("b"), number("1")), (Term::from("a"), number("2")), (Term::from("b"), number("3"))]);
        assert_eq!(Term::Object(Arc::new(object.clone())).to_string(), r#"{"a": 2, "b": 3}"#);
        assert_eq!(object.get_str("b"), Some(&number("3")));
        assert_eq!(object.get_str("c"), None);
        assert!(Object::from_distinct_entries(vec![(number("1"), Term::Null), (number("1.0"), Term::Bool(true))]).is_err());
        assert_eq!(Object::from_distinct_entries(vec![(number("1"), Term::Null), (number("1.0"), Term::Null)]).unwrap().len(), 1);
        let keyed = Term::object(vec![(number("1"), number("2")), (Term::array(vec![number("1")]), Term::set(vec![number("2")]))]);
        assert_eq!(keyed.to_json(), r#"{"1":2,"[1]":[2]}"#);
    }

    #[test]
    fn quotes_are_those_of_go() {
        assert_eq!(quote("a\"\\\n\u{7f}\u{0}é\u{200b}😀"), "\"a\\\"\\\\\\n\\x7f\\x00é\\u200b😀\"");
    }
}
