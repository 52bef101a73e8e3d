//! Values of expressions. The object that is judged is never converted: lists and maps are views of it, and only scalars are taken out.

mod collection;
mod compare;
mod data;

use std::any::Any;
use std::fmt;
use std::sync::Arc;

pub use collection::{Key, List, Map};
pub use probity_core::Timestamp;

use crate::{Call, CelError, Type};

/// A value. Cheap to clone.
#[derive(Clone, Debug)]
pub enum Value {
    /// Null.
    Null,
    /// True or false.
    Bool(bool),
    /// A signed whole number.
    Int(i64),
    /// An unsigned whole number.
    Uint(u64),
    /// A double.
    Double(f64),
    /// Text.
    String(Arc<str>),
    /// Bytes.
    Bytes(Arc<[u8]>),
    /// A list.
    List(List),
    /// A map.
    Map(Map),
    /// A point in time.
    Timestamp(Timestamp),
    /// A span of time, in nanoseconds.
    Duration(i64),
    /// A type.
    Type(Arc<Type>),
    /// A value that may be absent.
    Optional(Option<Arc<Value>>),
    /// An object with a type: `Object.spec{...}`, `JSONPatch{...}`.
    Object(Arc<Object>),
    /// A value of a library.
    Opaque(Arc<dyn Opaque>),
}

/// An object made by `type.name{field: value}`.
#[derive(Clone, Debug)]
pub struct Object {
    /// The name of its type.
    pub type_name: Arc<str>,
    /// Its fields in the order they were written.
    pub fields: Vec<(Arc<str>, Value)>,
}

impl Object {
    /// The value of a field that was set.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Value> {
        self.fields.iter().find(|(field, _)| **field == *name).map(|(_, value)| value)
    }
}

/// A value of a library: a quantity, an address, an authorizer.
pub trait Opaque: Any + Send + Sync + fmt::Debug {
    /// Its type; usually `Type::opaque("net.IP")`.
    fn type_of(&self) -> Type;

    /// Whether it equals another of the same type.
    fn equals(&self, other: &dyn Opaque) -> bool;

    /// The value of a field, for values that have any. May compute it.
    ///
    /// # Errors
    /// Why the field has no value.
    fn field(&self, name: &str, call: &mut Call<'_>) -> Result<Option<Value>, CelError> {
        let _ = (name, call);
        Ok(None)
    }

    /// What it is as data, for results that leave the language; `None` where it is nothing there.
    fn data(&self) -> Option<Value> {
        None
    }
}

impl Value {
    /// Text.
    #[must_use]
    pub fn string(text: impl Into<Arc<str>>) -> Value {
        Value::String(text.into())
    }

    /// Bytes.
    #[must_use]
    pub fn bytes(bytes: impl Into<Arc<[u8]>>) -> Value {
        Value::Bytes(bytes.into())
    }

    /// A list.
    #[must_use]
    pub fn list(items: Vec<Value>) -> Value {
        Value::List(List::Values(Arc::new(items)))
    }

    /// A map; of equal keys the last counts.
    #[must_use]
    pub fn map(entries: impl IntoIterator<Item = (Key, Value)>) -> Value {
        Value::Map(entries.into_iter().collect())
    }

    /// An optional that has a value.
    #[must_use]
    pub fn some(value: Value) -> Value {
        Value::Optional(Some(Arc::new(value)))
    }

    /// An optional that has none.
    #[must_use]
    pub fn none() -> Value {
        Value::Optional(None)
    }

    /// A value of a library.
    #[must_use]
    pub fn opaque(value: impl Opaque) -> Value {
        Value::Opaque(Arc::new(value))
    }

    /// Its type, as far as the value tells: the items of lists and maps are `dyn`.
    #[must_use]
    pub fn type_of(&self) -> Type {
        match self {
            Value::Null => Type::Null,
            Value::Bool(_) => Type::Bool,
            Value::Int(_) => Type::Int,
            Value::Uint(_) => Type::Uint,
            Value::Double(_) => Type::Double,
            Value::String(_) => Type::String,
            Value::Bytes(_) => Type::Bytes,
            Value::List(_) => Type::list(Type::Dyn),
            Value::Map(_) => Type::map(Type::Dyn, Type::Dyn),
            Value::Timestamp(_) => Type::Timestamp,
            Value::Duration(_) => Type::Duration,
            Value::Type(_) => Type::type_of(Type::Dyn),
            Value::Optional(_) => Type::optional(Type::Dyn),
            Value::Object(object) => Type::Object(Arc::clone(&object.type_name)),
            Value::Opaque(value) => value.type_of(),
        }
    }

    /// The name of its type without looking at it closely: `int`, `list`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Bool(_) => "bool",
            Value::Int(_) => "int",
            Value::Uint(_) => "uint",
            Value::Double(_) => "double",
            Value::String(_) => "string",
            Value::Bytes(_) => "bytes",
            Value::List(_) => "list",
            Value::Map(_) => "map",
            Value::Timestamp(_) => "timestamp",
            Value::Duration(_) => "duration",
            Value::Type(_) => "type",
            Value::Optional(_) => "optional",
            Value::Object(_) | Value::Opaque(_) => "object",
        }
    }

    /// True or false, if it is that.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        if let Value::Bool(value) = self { Some(*value) } else { None }
    }

    /// The signed whole number, if it is one.
    #[must_use]
    pub fn as_int(&self) -> Option<i64> {
        if let Value::Int(value) = self { Some(*value) } else { None }
    }

    /// The double, if it is one.
    #[must_use]
    pub fn as_double(&self) -> Option<f64> {
        if let Value::Double(value) = self { Some(*value) } else { None }
    }

    /// The text, if it is text.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        if let Value::String(text) = self { Some(text) } else { None }
    }

    /// The bytes, if it is bytes.
    #[must_use]
    pub fn as_bytes(&self) -> Option<&[u8]> {
        if let Value::Bytes(bytes) = self { Some(bytes) } else { None }
    }

    /// The list, if it is one.
    #[must_use]
    pub fn as_list(&self) -> Option<&List> {
        if let Value::List(list) = self { Some(list) } else { None }
    }

    /// The map, if it is one.
    #[must_use]
    pub fn as_map(&self) -> Option<&Map> {
        if let Value::Map(map) = self { Some(map) } else { None }
    }

    /// The value of a library, if it is such a one.
    #[must_use]
    pub fn downcast<T: Opaque>(&self) -> Option<&T> {
        match self {
            Value::Opaque(value) => (value.as_ref() as &dyn Any).downcast_ref(),
            _ => None,
        }
    }

    /// Its size as Kubernetes and cel-go count it for costs: characters of text, bytes, items, also those in an optional; 1 for all else.
    #[must_use]
    pub fn size(&self) -> u64 {
        match self {
            Value::String(text) => text.chars().count() as u64,
            Value::Bytes(bytes) => bytes.len() as u64,
            Value::List(list) => list.len() as u64,
            Value::Map(map) => map.len() as u64,
            Value::Optional(Some(value)) => value.size(),
            _ => 1,
        }
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Value {
        Value::Bool(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Value {
        Value::Int(value)
    }
}

impl From<u64> for Value {
    fn from(value: u64) -> Value {
        Value::Uint(value)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Value {
        Value::Double(value)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Value {
        Value::String(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Value {
        Value::String(text.into())
    }
}

impl From<Arc<str>> for Value {
    fn from(text: Arc<str>) -> Value {
        Value::String(text)
    }
}

impl From<Vec<Value>> for Value {
    fn from(items: Vec<Value>) -> Value {
        Value::list(items)
    }
}
