//! Policies of Kyverno, the old kinds and those in CEL.
#![warn(clippy::indexing_slicing, clippy::string_slice)]

pub mod jmespath;
mod json;
pub mod scope;
pub mod variables;
