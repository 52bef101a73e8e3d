//! Knowledge of Kubernetes that several policy languages need: kinds and resources, the types of the built-in kinds, quantities, selectors,
//! patches and merges.
//!
//! **Invariant:** nothing here knows a policy language.
#![warn(clippy::indexing_slicing, clippy::string_slice)]

pub mod duration;
pub mod go_regex;
pub mod json_patch;
pub mod match_resources;
pub mod meta;
pub mod names;
pub mod pod_security;
pub mod quantity;
pub mod read;
pub mod schema;
pub mod selector;
pub mod semver;
pub mod strategic;
pub mod structured;
pub mod url;
pub mod wildcard;

pub use duration::{DurationError, GoDuration};
pub use names::NamedFormat;
pub use quantity::{Quantity, QuantityError, QuantityFormat};
pub use selector::{Requirement, Selector, SelectorError, SelectorOperator};
pub use semver::{Semver, SemverError};
pub use url::{Url, UrlError};
