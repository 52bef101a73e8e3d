//! Credentials in texts: rules of ours and of Gitleaks, over any bytes, in one pass.
//!
//! **Invariant:** a secret never leaves this crate: what comes out are ranges of the text that went in. One that stands there only encoded
//! comes out as [`Decoded`], so that it can be hashed; nothing prints it.
#![warn(clippy::indexing_slicing, clippy::string_slice)]

mod anchor;
mod checksum;
mod decode;
mod encoding;
mod engine;
mod filter;
pub mod gitleaks;
pub mod own;
mod rule;
mod scanner;
mod translate;

pub use checksum::{Checksum, UnknownChecksum};
pub use decode::{DECODE_DEPTH, Decoded};
pub use encoding::Encoding;
pub use engine::{Context, Engine, EngineError, Hit, Pack, Prepared};
pub use filter::{entropy, is_binary};
pub use rule::{Allow, Flavour, Patterns, Required, Rule, Target, With};
