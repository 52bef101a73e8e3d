//! The supply chain as sources and programs: secrets in files, packages in lock files, known holes in packages, where packages come from.
//!
//! **Invariant:** no secret is in a subject, a message or a text that this crate gives away; only its place, its length and a hash.
#![warn(clippy::indexing_slicing, clippy::string_slice)]

mod packages;
mod secrets;
mod vetting;
mod vulnerabilities;

pub use packages::{InventorySource, LIST, PackageSource, is_bill, package_of};
pub use secrets::{Hash, LeftAlone, Naming, SecretProgram, SecretSource, keep_new, masked};
pub use vetting::{Vetting, VettingProgram};
pub use vulnerabilities::{AdvisoryProgram, Bytes, PatchClock, Weighed};
