//! Constraint templates and constraints of Gatekeeper, unchanged: what `gator` and Gatekeeper would say of an object, with places.
//!
//! [`load`] makes policies of documents; each [`Constraint`] is a [`probity_core::Policy`]. [`suite`] runs Gatekeeper's own test suites
//! and [`testing`] the unit tests of Rego.
//!
//! What does not live here: Rego and CEL themselves, reading files, deciding.
#![warn(clippy::indexing_slicing, clippy::string_slice)]

mod action;
mod cel_code;
mod constraint;
mod embedded;
mod expansion;
mod inventory;
mod judge;
mod matching;
mod meta;
mod read;
mod rego_code;
mod review;
mod schema;
mod set;
mod template;

pub mod suite;
pub mod testing;

pub use action::EnforcementPoint;
pub use constraint::Constraint;
pub use expansion::{Expanded, Expansion};
pub use set::{Loaded, Options, Role, load, role};
