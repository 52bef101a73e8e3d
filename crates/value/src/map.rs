//! An ordered map from text to values, with the place of each key.

use std::sync::Arc;

use indexmap::IndexMap;

use crate::{Span, Value};

/// A value under a key, with the place of the key.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Where the key stands.
    pub key: Span,
    /// The value.
    pub value: Value,
}

/// Keys in the order they were written.
#[derive(Clone, Debug, Default)]
pub struct Map {
    entries: IndexMap<Arc<str>, Entry>,
}

impl Map {
    /// An empty map.
    #[must_use]
    pub fn new() -> Map {
        Map::default()
    }

    /// The value under `key`.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value> {
        // Most maps are small: looking at each key is faster than hashing.
        if self.entries.len() <= 8 {
            return self.entries.iter().find(|(known, _)| ***known == *key).map(|(_, entry)| &entry.value);
        }
        self.entries.get(key).map(|entry| &entry.value)
    }

    /// The value under `key` and the place of the key.
    #[must_use]
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries.get(key)
    }

    /// The value under `key`, to change it.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Value> {
        self.entries.get_mut(key).map(|entry| &mut entry.value)
    }

    /// Puts a value under a key, in place of an earlier one, which is returned.
    pub fn insert(&mut self, key: impl Into<Arc<str>>, at: Span, value: Value) -> Option<Entry> {
        self.entries.insert(key.into(), Entry { key: at, value })
    }

    /// Takes a key out; the order of the others stays.
    pub fn remove(&mut self, key: &str) -> Option<Entry> {
        self.entries.shift_remove(key)
    }

    /// Whether the key is there.
    #[must_use]
    pub fn contains_key(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    /// Number of keys.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Keys and entries in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&Arc<str>, &Entry)> {
        self.entries.iter()
    }

    /// Keys in order.
    pub fn keys(&self) -> impl DoubleEndedIterator<Item = &Arc<str>> {
        self.entries.keys()
    }

    /// Values in order.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = &Value> {
        self.entries.values().map(|entry| &entry.value)
    }

    /// The same entries with keys in code point order.
    pub fn sort_keys(&mut self) {
        self.entries.sort_unstable_keys();
    }
}

/// Equal when the same keys hold equal values, in any order.
impl PartialEq for Map {
    fn eq(&self, other: &Map) -> bool {
        self.len() == other.len() && self.iter().all(|(key, entry)| other.get(key).is_some_and(|value| *value == entry.value))
    }
}

impl FromIterator<(Arc<str>, Entry)> for Map {
    fn from_iter<I: IntoIterator<Item = (Arc<str>, Entry)>>(iter: I) -> Map {
        Map { entries: iter.into_iter().collect() }
    }
}
