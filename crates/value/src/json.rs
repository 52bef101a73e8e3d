//! JSON text to values.
