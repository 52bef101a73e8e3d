//! Rego, the policy language of Open Policy Agent, and policies of Conftest.
#![warn(clippy::indexing_slicing, clippy::string_slice)]

pub mod builtins;
pub mod json;
pub mod number;
pub mod term;

pub use number::Number;
pub use term::{ArrayRef, Kind, Object, ObjectRef, Set, Term};
