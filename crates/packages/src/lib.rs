//! Packages: what a package is called (package URLs), and what lock files, manifests and other lists say is in use.
//!
//! **Invariant:** bytes in, packages out; what cannot be read is a problem with its place, never a shorter list that looks whole.
#![warn(clippy::indexing_slicing, clippy::string_slice)]

mod lock;
mod package;
mod purl;

pub use lock::{CATALOGUERS, Catalogued, Cataloguer, catalogue};
pub use package::{Inventory, Link, Location, Package, Problem, SourcePackage, Usage, Ways};
pub use purl::{Purl, PurlError};
