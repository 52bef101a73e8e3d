//! Lists and maps: made by expressions, or views of the judged object.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use indexmap::{Equivalent, IndexMap};
use probity_value as data;

use crate::{CelError, Value};

/// A list.
#[derive(Clone, Debug)]
pub enum List {
    /// Made by an expression.
    Values(Arc<Vec<Value>>),
    /// A part of a judged object.
    View(Arc<Vec<data::Value>>),
}

impl List {
    /// Number of items.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            List::Values(items) => items.len(),
            List::View(items) => items.len(),
        }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The item at an index; `None` beyond the end.
    ///
    /// # Errors
    /// The item is unknown.
    pub fn get(&self, index: usize) -> Result<Option<Value>, CelError> {
        match self {
            List::Values(items) => Ok(items.get(index).cloned()),
            List::View(items) => items.get(index).map(Value::view).transpose(),
        }
    }

    /// The items in order; an unknown item is an error.
    pub fn iter(&self) -> impl Iterator<Item = Result<Value, CelError>> + '_ {
        let (values, views) = match self {
            List::Values(items) => (items.as_slice(), [].as_slice()),
            List::View(items) => ([].as_slice(), items.as_slice()),
        };
        values.iter().map(|value| Ok(value.clone())).chain(views.iter().map(Value::view))
    }

    /// All items.
    ///
    /// # Errors
    /// An item is unknown.
    pub fn to_vec(&self) -> Result<Vec<Value>, CelError> {
        self.iter().collect()
    }
}

impl From<Vec<Value>> for List {
    fn from(items: Vec<Value>) -> List {
        List::Values(Arc::new(items))
    }
}

/// A key of a map. `1` and `1u` are the same key.
#[derive(Clone, Debug)]
pub enum Key {
    /// True or false.
    Bool(bool),
    /// A signed whole number.
    Int(i64),
    /// An unsigned whole number.
    Uint(u64),
    /// Text.
    String(Arc<str>),
}

impl Key {
    /// The key a value is; a double that is a whole number is that number. `None` for values that cannot be keys.
    #[must_use]
    pub fn of(value: &Value) -> Option<Key> {
        match value {
            Value::Bool(value) => Some(Key::Bool(*value)),
            Value::Int(value) => Some(Key::Int(*value)),
            Value::Uint(value) => Some(Key::Uint(*value)),
            Value::String(text) => Some(Key::String(Arc::clone(text))),
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be whole and in range")]
            Value::Double(value) if value.fract() == 0.0 => {
                if *value >= -9_223_372_036_854_775_808.0 && *value < 9_223_372_036_854_775_808.0 {
                    Some(Key::Int(*value as i64))
                } else if *value >= 0.0 && *value < 18_446_744_073_709_551_616.0 {
                    Some(Key::Uint(*value as u64))
                } else {
                    None
                }
            }
            _ => None,
        }
    }

    /// The key as a value.
    #[must_use]
    pub fn value(&self) -> Value {
        match self {
            Key::Bool(value) => Value::Bool(*value),
            Key::Int(value) => Value::Int(*value),
            Key::Uint(value) => Value::Uint(*value),
            Key::String(text) => Value::String(Arc::clone(text)),
        }
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Key) -> bool {
        match (self, other) {
            (Key::Bool(a), Key::Bool(b)) => a == b,
            (Key::String(a), Key::String(b)) => a == b,
            (Key::Int(a), Key::Int(b)) => a == b,
            (Key::Uint(a), Key::Uint(b)) => a == b,
            (Key::Int(a), Key::Uint(b)) | (Key::Uint(b), Key::Int(a)) => u64::try_from(*a) == Ok(*b),
            _ => false,
        }
    }
}

impl Eq for Key {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Key::Bool(value) => (0_u8, *value).hash(state),
            Key::Int(value) => (1_u8, *value).hash(state),
            Key::Uint(value) => (1_u8, value.cast_signed()).hash(state),
            Key::String(text) => TextKey(text).hash(state),
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Key::Bool(value) => value.fmt(f),
            Key::Int(value) => value.fmt(f),
            Key::Uint(value) => value.fmt(f),
            Key::String(text) => f.write_str(text),
        }
    }
}

impl From<&str> for Key {
    fn from(text: &str) -> Key {
        Key::String(text.into())
    }
}

impl From<Arc<str>> for Key {
    fn from(text: Arc<str>) -> Key {
        Key::String(text)
    }
}

/// Text looked up without making a key of it.
struct TextKey<'a>(&'a str);

impl Hash for TextKey<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        2_u8.hash(state);
        self.0.hash(state);
    }
}

impl Equivalent<Key> for TextKey<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        matches!(key, Key::String(text) if **text == *self.0)
    }
}

/// A map.
#[derive(Clone, Debug)]
pub enum Map {
    /// Made by an expression; keys in the order they were written.
    Values(Arc<IndexMap<Key, Value>>),
    /// A part of a judged object.
    View(Arc<data::Map>),
}

impl Map {
    /// Number of entries.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Map::Values(entries) => entries.len(),
            Map::View(entries) => entries.len(),
        }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value under a key; keys of types a map cannot have are in no map.
    ///
    /// # Errors
    /// The value is unknown.
    pub fn get(&self, key: &Value) -> Result<Option<Value>, CelError> {
        match (self, key) {
            (_, Value::String(text)) => self.get_str(text),
            (Map::Values(entries), _) => Ok(Key::of(key).and_then(|key| entries.get(&key).cloned())),
            (Map::View(_), _) => Ok(None),
        }
    }

    /// The value under a text.
    ///
    /// # Errors
    /// The value is unknown.
    #[inline]
    pub fn get_str(&self, key: &str) -> Result<Option<Value>, CelError> {
        match self {
            Map::Values(entries) => Ok(entries.get(&TextKey(key)).cloned()),
            Map::View(entries) => entries.get(key).map(Value::view).transpose(),
        }
    }

    /// Whether a key is there; an unknown value is.
    #[must_use]
    pub fn contains(&self, key: &Value) -> bool {
        match (self, key) {
            (Map::View(entries), Value::String(text)) => entries.contains_key(text),
            (Map::View(_), _) => false,
            (Map::Values(entries), Value::String(text)) => entries.contains_key(&TextKey(text)),
            (Map::Values(entries), _) => Key::of(key).is_some_and(|key| entries.contains_key(&key)),
        }
    }

    /// Whether a text is a key.
    #[must_use]
    pub fn contains_str(&self, key: &str) -> bool {
        match self {
            Map::View(entries) => entries.contains_key(key),
            Map::Values(entries) => entries.contains_key(&TextKey(key)),
        }
    }

    /// The key at a position, in the order of the map.
    #[must_use]
    pub fn keys(&self) -> Vec<Value> {
        match self {
            Map::Values(entries) => entries.keys().map(Key::value).collect(),
            Map::View(entries) => entries.keys().map(|key| Value::String(Arc::clone(key))).collect(),
        }
    }

    /// Keys with values; an unknown value is an error in its place.
    #[must_use]
    pub fn entries(&self) -> Vec<(Value, Result<Value, CelError>)> {
        match self {
            Map::Values(entries) => entries.iter().map(|(key, value)| (key.value(), Ok(value.clone()))).collect(),
            Map::View(entries) => entries.iter().map(|(key, entry)| (Value::String(Arc::clone(key)), Value::view(&entry.value))).collect(),
        }
    }
}

impl FromIterator<(Key, Value)> for Map {
    fn from_iter<I: IntoIterator<Item = (Key, Value)>>(entries: I) -> Map {
        Map::Values(Arc::new(entries.into_iter().collect()))
    }
}
