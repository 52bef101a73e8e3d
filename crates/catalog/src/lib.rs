//! Loads, lints and indexes rules: those built in (`policies/` at the repository root) and those of a user's folder.
//!
//! **Invariant:** no YAML of a built-in rule is read at run time; the build script has made one binary index of them all.
#![warn(clippy::indexing_slicing, clippy::string_slice)]

mod catalog;
mod controls;
pub mod index;
mod lint;
mod matrix;

pub use catalog::{Catalog, ControlTitle, Explanation, Provenance, Selection, builtin};
pub use controls::{Framework, Requirement};
pub use index::{Example, IndexError};
pub use lint::{
    Linted, MakeWorld, RuleFile, SecretFile, lint, run_secret_tests, run_tests, unknown_controls, unknown_pairs, unknown_secret_controls,
};
pub use matrix::{Cover, Matrix, Pair, PairProvenance, Row, matrix};
