//! Bytes on the wire, versioned: turns the nouns of `core` into text for people and machines, and reads what other scanners wrote.
//!
//! One module is one format. Everything that comes from judged files (names, messages, paths) is hostile until it went through
//! [`escape`]; excerpts of source go through [`mask`], so that no secret is printed.
//!
//! **Invariant:** nothing here decides. A writer shows every finding, every file that was not read and every diagnostic it was given,
//! or says how many it left out. Nothing here touches disk, network, clock or environment.
#![warn(clippy::indexing_slicing, clippy::string_slice)]

/// Appends formatted text to a `String`; that cannot fail.
macro_rules! put {
    ($out:expr, $($argument:tt)*) => { $out.push_str(&format!($($argument)*)) };
}

pub mod escape;
pub mod expectations;
pub mod explain;
pub mod github;
pub mod gitlab;
pub mod human;
pub mod join;
pub mod json;
pub mod junit;
pub mod markdown;
pub mod mask;
pub mod matrix;
pub mod reports;
pub mod sarif;
pub mod sarif_in;

mod order;
pub mod time;
mod uri;

#[cfg(test)]
mod sample;
