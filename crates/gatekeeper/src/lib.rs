//! Constraint templates and constraints of Gatekeeper.
#![warn(clippy::indexing_slicing, clippy::string_slice)]
