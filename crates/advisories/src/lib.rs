//! Advisories: the order of versions, what is known to be broken, and whether a package is it.
//!
//! **Invariant:** bytes in, answers out: no disk, no network, no clock. A version that cannot be read never hides a match silently.
#![warn(clippy::indexing_slicing, clippy::string_slice)]

mod advisory;
pub mod database;
pub mod ecosystem;
pub mod load;
pub mod matching;
pub mod osv;
pub mod rustsec;
pub mod version;

pub use advisory::{Advisory, Affected, End, Interval, score_of_vector, severity_of_score, severity_of_word};
