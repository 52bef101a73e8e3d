//! What is installed in a root file system or a container image: operating systems' packages, programs that carry a list of what they
//! were built from, and packages of languages.
//!
//! **Invariant:** bytes in, packages out; the caller opens files. What cannot be read is a problem with its place, never a shorter list
//! that looks whole.
#![warn(clippy::indexing_slicing, clippy::string_slice)]

mod alpine;
mod catalogue;
mod debian;
mod distribution;
mod sheet;

pub use catalogue::{Cataloguer, INSTALLED, catalogue_root};
pub use distribution::Distribution;
pub use sheet::Root;
