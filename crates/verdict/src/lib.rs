//! Results, exceptions and thresholds to a verdict; the configuration and the organisation floor; what counts and what does not.
//!
//! **Invariant:** nothing here touches disk, network, clock or randomness. Texts, the time, digests and signature checks are given.
//! Where two readings are possible the stricter one is taken: a false pass is the worst fault.
//!
//! What does not live here: reading files and git (`files`), judging subjects (`checks`), signing (`attest`), printing (`formats`).

#![warn(clippy::indexing_slicing, clippy::string_slice)]

pub mod accept;
pub mod base;
pub mod baseline;
pub mod changed;
pub mod compare;
pub mod config;
pub mod day;
pub mod decide;
pub mod exception;
pub mod exit;
pub mod fingerprint;
pub mod floor;
pub mod ids;
pub mod ignores;
pub mod own;
pub mod pattern;
pub mod settings;
pub mod signature;
pub mod suppression;
mod words;

#[cfg(test)]
mod fixtures;

pub use config::Config;
pub use day::Day;
pub use decide::{DecideInput, decide};
pub use exit::exit_code;
pub use signature::SignatureCheck;
