//! Views of lists and objects that do not care whether they see terms or values of the input.

use std::sync::Arc;

use probity_value::{Map, Value};

use crate::term::{Object, Term};

/// A view of a list.
#[derive(Clone, Copy)]
pub enum ArrayRef<'a> {
    /// Items that are terms.
    Terms(&'a [Term]),
    /// Items that are values of the input or the data.
    Values(&'a [Value]),
}

impl<'a> ArrayRef<'a> {
    /// Number of items.
    #[must_use]
    pub fn len(self) -> usize {
        match self {
            ArrayRef::Terms(items) => items.len(),
            ArrayRef::Values(items) => items.len(),
        }
    }

    /// Whether there is no item.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// An item by its number.
    #[must_use]
    pub fn get(self, at: usize) -> Option<Term> {
        match self {
            ArrayRef::Terms(items) => items.get(at).cloned(),
            ArrayRef::Values(items) => items.get(at).map(Term::from_value),
        }
    }

    /// The items.
    pub fn iter(self) -> impl DoubleEndedIterator<Item = Term> + ExactSizeIterator + 'a {
        (0..self.len()).map(move |at| self.get(at).unwrap_or(Term::Null))
    }

    /// The items, gathered.
    #[must_use]
    pub fn to_vec(self) -> Vec<Term> {
        self.iter().collect()
    }
}

/// A view of an object.
#[derive(Clone, Copy)]
pub enum ObjectRef<'a> {
    /// An object.
    Entries(&'a Object),
    /// A map of the input or the data.
    Map(&'a Map),
}

impl<'a> ObjectRef<'a> {
    /// Number of entries.
    #[must_use]
    pub fn len(self) -> usize {
        match self {
            ObjectRef::Entries(object) => object.len(),
            ObjectRef::Map(map) => map.len(),
        }
    }

    /// Whether there is no entry.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The value under a key.
    #[must_use]
    pub fn get(self, key: &Term) -> Option<Term> {
        match self {
            ObjectRef::Entries(object) => object.get(key).cloned(),
            ObjectRef::Map(map) => map.get(key.as_str()?).map(Term::from_value),
        }
    }

    /// The value under a key that is text.
    #[must_use]
    pub fn get_str(self, key: &str) -> Option<Term> {
        match self {
            ObjectRef::Entries(object) => object.get_str(key).cloned(),
            ObjectRef::Map(map) => map.get(key).map(Term::from_value),
        }
    }

    /// Keys and values, in the order of the keys.
    #[must_use]
    pub fn iter(self) -> ObjectIter<'a> {
        match self {
            ObjectRef::Entries(object) => ObjectIter::Entries(object.entries.iter()),
            ObjectRef::Map(map) => {
                let mut entries: Vec<(&'a Arc<str>, &'a Value)> = map.iter().map(|(key, entry)| (key, &entry.value)).collect();
                entries.sort_unstable_by(|a, b| a.0.cmp(b.0));
                ObjectIter::Map(entries.into_iter())
            }
        }
    }

    /// Keys in order.
    pub fn keys(self) -> impl Iterator<Item = Term> + 'a {
        self.iter().map(|(key, _)| key)
    }
}

/// Keys and values of an object in the order of the keys.
#[derive(Clone)]
pub enum ObjectIter<'a> {
    /// Of an object.
    Entries(std::slice::Iter<'a, (Term, Term)>),
    /// Of a map.
    Map(std::vec::IntoIter<(&'a Arc<str>, &'a Value)>),
}

impl Iterator for ObjectIter<'_> {
    type Item = (Term, Term);

    fn next(&mut self) -> Option<(Term, Term)> {
        match self {
            ObjectIter::Entries(entries) => entries.next().cloned(),
            ObjectIter::Map(entries) => entries.next().map(|(key, value)| (Term::String(Arc::clone(key)), Term::from_value(value))),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match self {
            ObjectIter::Entries(entries) => entries.size_hint(),
            ObjectIter::Map(entries) => entries.size_hint(),
        }
    }
}

impl ExactSizeIterator for ObjectIter<'_> {}
