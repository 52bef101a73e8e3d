//! Knowledge of Kubernetes that several policy languages need: kinds and resources, the types of the built-in kinds, quantities, selectors,
//! patches and merges.
//!
//! **Invariant:** nothing here knows a policy language.
#![warn(clippy::indexing_slicing, clippy::string_slice)]

pub mod schema;
