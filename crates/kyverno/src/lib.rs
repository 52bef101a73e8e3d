//! Policies of Kyverno, the old kinds and those in CEL.
#![warn(clippy::indexing_slicing, clippy::string_slice)]

mod autogen;
mod cel_kinds;
mod cel_rule;
pub mod conditions;
pub mod context;
mod engine;
mod exceptions;
pub mod images;
pub mod jmespath;
mod json;
pub mod matching;
pub mod pattern;
mod pod_security;
mod policy;
mod read;
pub mod scope;
pub mod test;
pub mod text;
mod validate;
pub mod variables;
mod verify_images;

pub use engine::{claims, compile};
