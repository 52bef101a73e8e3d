//! The supply chain as sources and programs: secrets in files, packages in lock files, known holes in packages, where packages come from.
//!
//! **Invariant:** no secret is in a subject, a message or a text that this crate gives away; only its place, its length and a hash.
#![warn(clippy::indexing_slicing, clippy::string_slice)]

mod archives;
mod packages;
mod secrets;
mod vetting;
mod vulnerabilities;

pub use archives::Unread;
pub use packages::{InventorySource, LIST, PackageSource, is_bill, package_of};
pub use secrets::{Depth, Hash, Known, LeftAlone, Naming, Searched, SecretProgram, SecretSource, keep_new, keep_unread, masked};
pub use vetting::{Vetting, VettingProgram};
pub use vulnerabilities::{AdvisoryProgram, Bytes, FirstMet, PatchClock, Weighed};
