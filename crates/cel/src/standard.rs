//! The functions and operators every environment has.

use crate::{CelError, Library, Value};

/// Standard functions.
pub(crate) static LIBRARY: Library = Library::new("standard", &[]);

/// Functions of optional values.
pub(crate) static OPTIONALS: Library = Library::new("optionals", &[]);

/// Bytes as base64.
pub(crate) fn base64(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A time or anything else as text.
pub(crate) fn to_text(value: &Value) -> Result<String, CelError> {
    match value {
        Value::String(text) => Ok(text.to_string()),
        _ => Err(CelError::no_such_overload()),
    }
}

/// A double as text.
pub(crate) fn double_text(value: f64) -> String {
    value.to_string()
}
