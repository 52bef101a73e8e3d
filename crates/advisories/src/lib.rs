//! Advisories: the order of versions, what is known to be broken, and whether a package is it.
//!
//! **Invariant:** bytes in, answers out: no disk, no network, no clock. A version that cannot be read never hides a match silently.
#![warn(clippy::indexing_slicing, clippy::string_slice)]

pub mod version;
