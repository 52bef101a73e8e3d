//! Policies written for other tools, run as they are: one module per tool.
//!
//! What does not live here: reading the judged files, our own rule files (`checks`, `catalog`), and what tools call ignore files (`verdict`).
//!
//! **Invariant:** pure, bounded, and never a silent pass: what cannot be read of a policy is an error, what cannot be known of a subject
//! is `unknown`.
#![warn(clippy::indexing_slicing, clippy::string_slice)]

pub mod checkov;
pub mod feature;
mod load;
mod pattern;
pub mod tfsec;
mod tri;

pub use load::{Kind, Loaded, kind, load_folder};
