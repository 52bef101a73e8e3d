//! Why an expression has no value: errors of evaluation, unknowns, and limits that were met.

use std::fmt;
use std::sync::Arc;

use probity_core::LookupError;
use probity_value::{Unknown, UnknownKind};

/// Why an evaluation gives no value. Small, because it travels through every step.
#[derive(Clone, PartialEq, Debug)]
pub struct CelError(Box<Inner>);

#[derive(Clone, PartialEq, Debug)]
struct Inner {
    kind: ErrorKind,
    message: String,
    at: Option<(u32, u32)>,
}

/// Kinds of errors.
#[derive(Clone, PartialEq, Debug)]
pub enum ErrorKind {
    /// No overload of a function takes these values.
    NoSuchOverload,
    /// A map has no such key.
    NoSuchKey,
    /// An object has no such field.
    NoSuchField,
    /// A name has no value.
    Undeclared,
    /// A whole number or a time does not fit.
    Overflow,
    /// A division or remainder by zero.
    DivideByZero,
    /// An index beyond a list.
    OutOfRange,
    /// Anything else a function says of its arguments.
    Invalid,
    /// A value that cannot be known: not an error, but no value either. `&&` and `||` absorb it.
    Unknown(Arc<Unknown>),
    /// A limit of cost, memory, depth or time was met. Never absorbed.
    Limit,
}

impl CelError {
    /// An error of a kind.
    #[must_use]
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> CelError {
        CelError(Box::new(Inner { kind, message: message.into(), at: None }))
    }

    /// An argument that a function cannot use.
    #[must_use]
    pub fn invalid(message: impl Into<String>) -> CelError {
        CelError::new(ErrorKind::Invalid, message)
    }

    /// No overload takes these values.
    #[must_use]
    pub fn no_such_overload() -> CelError {
        CelError::new(ErrorKind::NoSuchOverload, "no such overload")
    }

    /// A map has no such key; the key as it is shown.
    #[must_use]
    pub fn no_such_key(key: impl fmt::Display) -> CelError {
        CelError::new(ErrorKind::NoSuchKey, format!("no such key: {key}"))
    }

    /// An object has no such field.
    #[must_use]
    pub fn no_such_field(field: impl fmt::Display) -> CelError {
        CelError::new(ErrorKind::NoSuchField, format!("no such field '{field}'"))
    }

    /// A whole number does not fit: `integer`, `unsigned integer`, `timestamp`, `duration`.
    #[must_use]
    pub fn overflow(what: &str) -> CelError {
        CelError::new(ErrorKind::Overflow, format!("{what} overflow"))
    }

    /// An index beyond a list.
    #[must_use]
    pub fn out_of_range(index: impl fmt::Display) -> CelError {
        CelError::new(ErrorKind::OutOfRange, format!("index out of bounds: {index}"))
    }

    /// A limit was met; never absorbed.
    #[must_use]
    pub fn limit(message: impl Into<String>) -> CelError {
        CelError::new(ErrorKind::Limit, message)
    }

    /// The value is unknown.
    #[must_use]
    pub fn unknown(unknown: Arc<Unknown>) -> CelError {
        let message = unknown.reason.to_string();
        CelError::new(ErrorKind::Unknown(unknown), message)
    }

    /// The value is unknown for a reason.
    #[must_use]
    pub fn not_known(kind: UnknownKind, reason: &str) -> CelError {
        CelError::unknown(Arc::new(Unknown {
            kind,
            reason: reason.into(),
            set: false,
            prefix: "".into(),
            suffix: "".into(),
            decoded: None,
        }))
    }

    /// The kind.
    #[must_use]
    pub fn kind(&self) -> &ErrorKind {
        &self.0.kind
    }

    /// What went wrong, for a person.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Bytes of the expression it arose in, where known.
    #[must_use]
    pub fn at(&self) -> Option<(u32, u32)> {
        self.0.at
    }

    /// The same error with its place, unless it has one already.
    #[must_use]
    pub fn placed(mut self, at: (u32, u32)) -> CelError {
        self.0.at.get_or_insert(at);
        self
    }

    /// Whether it is an unknown.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        matches!(self.0.kind, ErrorKind::Unknown(_))
    }

    /// Whether it ends the evaluation whatever `&&` and `||` could make of it.
    #[must_use]
    pub fn is_limit(&self) -> bool {
        matches!(self.0.kind, ErrorKind::Limit)
    }
}

impl fmt::Display for CelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for CelError {}

/// What is not there is an error; what nobody can tell is unknown.
impl From<LookupError> for CelError {
    fn from(error: LookupError) -> CelError {
        match error {
            LookupError::Absent(_) => CelError::invalid(error.to_string()),
            LookupError::Unanswered(reason) => CelError::not_known(UnknownKind::DataSource, &reason),
        }
    }
}
