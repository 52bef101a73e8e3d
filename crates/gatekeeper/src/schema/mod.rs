//! The schema a template gives for the parameters of its constraints: read, checked to be one the API server takes, and used to check
//! constraints and fill in defaults.
//!
//! Follows `apiextensions.k8s.io/v1`: structural schemas, pruning and defaulting.

mod check;
mod defaults;
mod format;
mod parse;
mod structural;

use std::sync::Arc;

use probity_value::{Span, Value};

pub(crate) use check::{Unknown, Violation, unknown_fields, violations};
pub(crate) use defaults::with_defaults;
pub(crate) use parse::{parse, preserve_unknown};
pub(crate) use structural::faults;

/// The `type` of a schema.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Object,
    Array,
    String,
    Integer,
    Number,
    Boolean,
}

impl Kind {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Kind::Object => "object",
            Kind::Array => "array",
            Kind::String => "string",
            Kind::Integer => "integer",
            Kind::Number => "number",
            Kind::Boolean => "boolean",
        }
    }

    pub(crate) fn of(word: &str) -> Option<Kind> {
        [Kind::Object, Kind::Array, Kind::String, Kind::Integer, Kind::Number, Kind::Boolean].into_iter().find(|kind| kind.as_str() == word)
    }
}

/// What `additionalProperties` says.
#[derive(Clone, Debug, Default)]
pub(crate) enum Additional {
    /// Nothing.
    #[default]
    Unsaid,
    /// True or false.
    Allowed(bool),
    /// A schema for their values.
    Of(Box<Schema>),
}

/// A JSON schema in the form of `JSONSchemaProps`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Schema {
    /// Where it is written.
    pub(crate) at: Option<Span>,
    pub(crate) kind: Option<Kind>,
    pub(crate) format: Option<Arc<str>>,
    pub(crate) title: bool,
    pub(crate) description: bool,
    pub(crate) nullable: bool,
    pub(crate) default: Option<Value>,
    pub(crate) properties: Vec<(Arc<str>, Schema)>,
    pub(crate) additional: Additional,
    pub(crate) items: Option<Box<Schema>>,
    /// `items` is a list of schemas, which the API server refuses.
    pub(crate) items_listed: bool,
    pub(crate) required: Vec<Arc<str>>,
    pub(crate) enumeration: Vec<Value>,
    pub(crate) pattern: Option<Pattern>,
    pub(crate) minimum: Option<f64>,
    pub(crate) exclusive_minimum: bool,
    pub(crate) maximum: Option<f64>,
    pub(crate) exclusive_maximum: bool,
    pub(crate) multiple_of: Option<f64>,
    pub(crate) min_length: Option<i64>,
    pub(crate) max_length: Option<i64>,
    pub(crate) min_items: Option<i64>,
    pub(crate) max_items: Option<i64>,
    pub(crate) unique_items: bool,
    pub(crate) min_properties: Option<i64>,
    pub(crate) max_properties: Option<i64>,
    pub(crate) all_of: Vec<Schema>,
    pub(crate) any_of: Vec<Schema>,
    pub(crate) one_of: Vec<Schema>,
    pub(crate) not: Option<Box<Schema>>,
    pub(crate) preserve_unknown: Option<bool>,
    pub(crate) embedded: bool,
    pub(crate) int_or_string: bool,
    pub(crate) list_type: Option<Arc<str>>,
    pub(crate) list_map_keys: Vec<Arc<str>>,
    pub(crate) map_type: Option<Arc<str>>,
    /// Whether `x-kubernetes-validations` is there.
    pub(crate) rules: bool,
    /// Keywords of JSON Schema that a structural schema may not have, with their places.
    pub(crate) forbidden: Vec<(&'static str, Span)>,
}

/// A regular expression of a schema: as written, and compiled where it is one.
#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    pub(crate) text: Arc<str>,
    pub(crate) regex: Result<regex::Regex, String>,
}

impl Schema {
    /// Its place, or nowhere for one the program made.
    pub(crate) fn span(&self) -> Span {
        self.at.unwrap_or(Span::NONE)
    }

    /// The schema of a property.
    pub(crate) fn property(&self, name: &str) -> Option<&Schema> {
        self.properties.iter().find(|(key, _)| **key == *name).map(|(_, schema)| schema)
    }

    /// The schema of the values of further properties, if one is given.
    pub(crate) fn additional_schema(&self) -> Option<&Schema> {
        match &self.additional {
            Additional::Of(schema) => Some(schema),
            _ => None,
        }
    }

    /// Whether unknown fields are kept.
    pub(crate) fn keeps_unknown(&self) -> bool {
        self.preserve_unknown == Some(true)
    }

    /// An object with these properties.
    pub(crate) fn object(properties: Vec<(&'static str, Schema)>) -> Schema {
        Schema {
            kind: Some(Kind::Object),
            properties: properties.into_iter().map(|(name, schema)| (Arc::from(name), schema)).collect(),
            ..Schema::default()
        }
    }

    /// A schema of a type and nothing else.
    pub(crate) fn of(kind: Kind) -> Schema {
        Schema { kind: Some(kind), ..Schema::default() }
    }

    /// A list of items of a schema.
    pub(crate) fn list(items: Schema) -> Schema {
        Schema { kind: Some(Kind::Array), items: Some(Box::new(items)), ..Schema::default() }
    }

    /// A map whose values have a schema.
    pub(crate) fn map_of(values: Schema) -> Schema {
        Schema { kind: Some(Kind::Object), additional: Additional::Of(Box::new(values)), ..Schema::default() }
    }

    /// Text that fits a pattern.
    pub(crate) fn text_like(pattern: &str) -> Schema {
        let pattern = Pattern { text: pattern.into(), regex: regex::Regex::new(pattern).map_err(|error| error.to_string()) };
        Schema { kind: Some(Kind::String), pattern: Some(pattern), ..Schema::default() }
    }
}

/// One step of a path into a document, for messages: `spec.parameters.repos[0]`.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step<'a> {
    Key(&'a str),
    Index(usize),
    /// `properties[name]`, as field paths of schemas are written.
    Bracket(&'a str),
}

/// A path that is only written out where there is something to say.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Path<'a> {
    parent: Option<&'a Path<'a>>,
    step: Option<Step<'a>>,
}

impl<'a> Path<'a> {
    /// The document.
    pub(crate) const ROOT: Path<'static> = Path { parent: None, step: None };

    /// One step further.
    pub(crate) fn child(&'a self, step: Step<'a>) -> Path<'a> {
        Path { parent: Some(self), step: Some(step) }
    }

    /// One key further.
    pub(crate) fn key(&'a self, key: &'a str) -> Path<'a> {
        self.child(Step::Key(key))
    }
}

impl std::fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(parent) = self.parent {
            parent.fmt(f)?;
        }
        match self.step {
            None => Ok(()),
            Some(Step::Key(key)) if self.parent.is_none_or(|parent| parent.step.is_none()) => f.write_str(key),
            Some(Step::Key(key)) => write!(f, ".{key}"),
            Some(Step::Index(index)) => write!(f, "[{index}]"),
            Some(Step::Bracket(key)) => write!(f, "[{key}]"),
        }
    }
}
