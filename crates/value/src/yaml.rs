//! YAML text to values.
