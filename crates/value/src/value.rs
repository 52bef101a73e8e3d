//! The value itself.

use std::fmt;
use std::sync::Arc;

use crate::{Map, Span};

/// A value with the place it was written, where it came from, and whether it may be shown.
#[derive(Clone, Debug)]
pub struct Value {
    /// What it is.
    pub data: Data,
    /// The bytes it was written as: the literal or expression.
    pub span: Span,
    /// Through what it came here, and which other subjects it names; `None` for a literal on the spot.
    pub origin: Option<Arc<Origin>>,
    /// Marked sensitive by its author; never shown.
    pub sensitive: bool,
}

/// What a value is.
#[derive(Clone, Debug)]
pub enum Data {
    /// Null.
    Null,
    /// True or false.
    Bool(bool),
    /// A number.
    Number(Number),
    /// Text.
    String(Arc<str>),
    /// A list; also a tuple or a set, and the repeated blocks of one name.
    List(Arc<Vec<Value>>),
    /// A map or object; also one block.
    Map(Arc<Map>),
    /// Cannot be known here.
    Unknown(Arc<Unknown>),
}

/// A number: whole where it can be, else a double.
#[derive(Clone, Copy, Debug)]
pub enum Number {
    /// A whole number.
    Int(i64),
    /// Any other; never NaN.
    Float(f64),
}

/// Why a value cannot be known, and what is known of it all the same.
#[derive(Clone, Debug, PartialEq)]
pub struct Unknown {
    /// The kind of reason.
    pub kind: UnknownKind,
    /// The reason for a person, in a few words with names in backticks: ``variable `env` has no value``.
    pub reason: Arc<str>,
    /// Whether it is sure to be set (not null): a reference to an attribute another resource will have is.
    pub set: bool,
    /// Text it is sure to start with, empty where nothing is known.
    pub prefix: Arc<str>,
    /// Text it is sure to end with, empty where nothing is known; beginning and end do not overlap.
    pub suffix: Arc<str>,
    /// For JSON text with unknown parts (`jsonencode`, a heredoc, a rendered policy document): what it decodes to, the parts unknown.
    pub decoded: Option<Value>,
}

/// Kinds of reasons.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum UnknownKind {
    /// An attribute another resource will have when it is made.
    Reference,
    /// A variable without a value.
    Variable,
    /// A data source that is asked when the program runs.
    DataSource,
    /// A module whose source is not here.
    Module,
    /// A function of time, chance or the outside.
    Function,
    /// A file that is not here or may not be read.
    File,
    /// The expression is wrong or cannot be evaluated.
    Invalid,
    /// A limit of size or steps was met.
    Limit,
}

/// Where a value came from, and the subjects it names.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Origin {
    /// From the nearest step (the local used here) to the farthest (the default of a variable).
    pub steps: Vec<OriginStep>,
    /// Other subjects this value was computed from.
    pub references: Vec<Reference>,
}

/// One step on the way of a value.
#[derive(Clone, Debug, PartialEq)]
pub struct OriginStep {
    /// What kind of step.
    pub kind: StepKind,
    /// Its name, as written: `var.env`, `local.tags`, `module.db`.
    pub name: Arc<str>,
    /// Where it stands.
    pub span: Span,
}

/// Kinds of steps.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum StepKind {
    /// The default of a variable.
    VariableDefault,
    /// A value given to a variable by a file.
    VariableFile,
    /// An argument of a module call.
    ModuleArgument,
    /// A local value.
    Local,
    /// An output of a module.
    Output,
    /// An attribute of another subject.
    Attribute,
    /// The collection of a `for_each`, `count` or dynamic block.
    Repeat,
    /// A YAML anchor or merge key; an `ARG` or `ENV`.
    Alias,
    /// What an overlay makes of it: a patch or a field of a kustomization.
    Overlay,
}

/// Another subject, and which attribute of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Reference {
    /// Address in the same root, with instance key where known: `aws_s3_bucket.logs`, `module.db["eu"].aws_db_instance.main`.
    pub subject: Arc<str>,
    /// The attribute path: `id`, `arn`.
    pub attribute: Arc<str>,
}

impl Value {
    /// A value with a place and nothing else.
    #[must_use]
    pub fn new(data: Data, span: Span) -> Value {
        Value { data, span, origin: None, sensitive: false }
    }

    /// Null at a place.
    #[must_use]
    pub fn null(span: Span) -> Value {
        Value::new(Data::Null, span)
    }

    /// Text at a place.
    #[must_use]
    pub fn string(text: impl Into<Arc<str>>, span: Span) -> Value {
        Value::new(Data::String(text.into()), span)
    }

    /// True or false at a place.
    #[must_use]
    pub fn bool(value: bool, span: Span) -> Value {
        Value::new(Data::Bool(value), span)
    }

    /// A whole number at a place.
    #[must_use]
    pub fn int(value: i64, span: Span) -> Value {
        Value::new(Data::Number(Number::Int(value)), span)
    }

    /// A number at a place: whole where it can be without loss.
    #[must_use]
    pub fn number(value: f64, span: Span) -> Value {
        Value::new(Data::Number(Number::from_f64(value)), span)
    }

    /// A list at a place.
    #[must_use]
    pub fn list(items: Vec<Value>, span: Span) -> Value {
        Value::new(Data::List(Arc::new(items)), span)
    }

    /// A map at a place.
    #[must_use]
    pub fn map(map: Map, span: Span) -> Value {
        Value::new(Data::Map(Arc::new(map)), span)
    }

    /// An unknown at a place that is not sure to be set.
    #[must_use]
    pub fn unknown(kind: UnknownKind, reason: impl Into<Arc<str>>, span: Span) -> Value {
        Value::new(
            Data::Unknown(Arc::new(Unknown {
                kind,
                reason: reason.into(),
                set: false,
                prefix: Arc::from(""),
                suffix: "".into(),
                decoded: None,
            })),
            span,
        )
    }

    /// An attribute another subject will have: set, value unknown, and a reference to that subject.
    #[must_use]
    pub fn reference(subject: impl Into<Arc<str>>, attribute: impl Into<Arc<str>>, span: Span) -> Value {
        let (subject, attribute) = (subject.into(), attribute.into());
        let reason = format!("`{subject}.{attribute}` is known only after it is made");
        let mut value = Value::new(
            Data::Unknown(Arc::new(Unknown {
                kind: UnknownKind::Reference,
                reason: reason.into(),
                set: true,
                prefix: Arc::from(""),
                suffix: "".into(),
                decoded: None,
            })),
            span,
        );
        value.origin = Some(Arc::new(Origin { steps: Vec::new(), references: vec![Reference { subject, attribute }] }));
        value
    }

    /// The same value at another place.
    #[must_use]
    pub fn at(mut self, span: Span) -> Value {
        self.span = span;
        self
    }

    /// The text, if it is text.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match &self.data {
            Data::String(text) => Some(text),
            _ => None,
        }
    }

    /// True or false, if it is that.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        match self.data {
            Data::Bool(value) => Some(value),
            _ => None,
        }
    }

    /// The number, if it is one.
    #[must_use]
    pub fn as_number(&self) -> Option<Number> {
        match self.data {
            Data::Number(number) => Some(number),
            _ => None,
        }
    }

    /// The whole number, if it is one.
    #[must_use]
    pub fn as_int(&self) -> Option<i64> {
        match self.data {
            Data::Number(Number::Int(value)) => Some(value),
            _ => None,
        }
    }

    /// The items, if it is a list.
    #[must_use]
    pub fn as_list(&self) -> Option<&[Value]> {
        match &self.data {
            Data::List(items) => Some(items),
            _ => None,
        }
    }

    /// The map, if it is one.
    #[must_use]
    pub fn as_map(&self) -> Option<&Map> {
        match &self.data {
            Data::Map(map) => Some(map),
            _ => None,
        }
    }

    /// Why it is unknown, if it is.
    #[must_use]
    pub fn as_unknown(&self) -> Option<&Unknown> {
        match &self.data {
            Data::Unknown(unknown) => Some(unknown),
            _ => None,
        }
    }

    /// Whether it is null.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(self.data, Data::Null)
    }

    /// Whether it is unknown itself; a list or map with unknown parts is not.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        matches!(self.data, Data::Unknown(_))
    }

    /// The first unknown in it, itself included, depth first.
    #[must_use]
    pub fn find_unknown(&self) -> Option<&Unknown> {
        match &self.data {
            Data::Unknown(unknown) => Some(unknown),
            Data::List(items) => items.iter().find_map(Value::find_unknown),
            Data::Map(map) => map.values().find_map(Value::find_unknown),
            _ => None,
        }
    }

    /// The value under `key`, if it is a map that has it.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.as_map()?.get(key)
    }

    /// The subjects this value was computed from, not those of its parts.
    #[must_use]
    pub fn references(&self) -> &[Reference] {
        self.origin.as_deref().map_or(&[], |origin| &origin.references)
    }

    /// Calls `visit` for every reference in it and its parts.
    pub fn each_reference<'a>(&'a self, visit: &mut dyn FnMut(&'a Reference)) {
        self.references().iter().for_each(&mut *visit);
        match &self.data {
            Data::List(items) => items.iter().for_each(|item| item.each_reference(visit)),
            Data::Map(map) => map.values().for_each(|value| value.each_reference(visit)),
            _ => {}
        }
    }

    /// The name of its type in the words of users: `string`, `number`, `bool`, `list`, `map`, `null`, `unknown`.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        match self.data {
            Data::Null => "null",
            Data::Bool(_) => "bool",
            Data::Number(_) => "number",
            Data::String(_) => "string",
            Data::List(_) => "list",
            Data::Map(_) => "map",
            Data::Unknown(_) => "unknown",
        }
    }
}

/// Equal data; places, origins and marks do not count. Two unknowns are equal only when their reasons are.
impl PartialEq for Value {
    fn eq(&self, other: &Value) -> bool {
        self.data == other.data
    }
}

impl PartialEq for Data {
    fn eq(&self, other: &Data) -> bool {
        match (self, other) {
            (Data::Null, Data::Null) => true,
            (Data::Bool(a), Data::Bool(b)) => a == b,
            (Data::Number(a), Data::Number(b)) => a == b,
            (Data::String(a), Data::String(b)) => a == b,
            (Data::List(a), Data::List(b)) => a == b,
            (Data::Map(a), Data::Map(b)) => a == b,
            (Data::Unknown(a), Data::Unknown(b)) => a == b,
            _ => false,
        }
    }
}

impl Number {
    /// Whole where it can be without loss.
    #[must_use]
    pub fn from_f64(value: f64) -> Number {
        #[expect(clippy::cast_possible_truncation, reason = "checked to be whole and in range")]
        if value.fract() == 0.0 && value.abs() < 9_007_199_254_740_992.0 { Number::Int(value as i64) } else { Number::Float(value) }
    }

    /// As a double; a whole number beyond 2^53 loses its last digits.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "said in the doc comment")]
    pub fn as_f64(self) -> f64 {
        match self {
            Number::Int(value) => value as f64,
            Number::Float(value) => value,
        }
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Number) -> bool {
        match (self, other) {
            (Number::Int(a), Number::Int(b)) => a == b,
            _ => self.as_f64() == other.as_f64(),
        }
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Number) -> Option<std::cmp::Ordering> {
        match (self, other) {
            (Number::Int(a), Number::Int(b)) => Some(a.cmp(b)),
            _ => self.as_f64().partial_cmp(&other.as_f64()),
        }
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Number::Int(value) => value.fmt(f),
            Number::Float(value) => value.fmt(f),
        }
    }
}
