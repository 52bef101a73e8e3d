//! Texts of the formats Conftest reads, to values.
#![warn(clippy::indexing_slicing, clippy::string_slice)]
