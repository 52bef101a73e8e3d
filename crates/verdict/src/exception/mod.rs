//! Exception files: reading them, and which of them count for which finding.

mod parse;
mod people;
mod register;

pub use parse::{ExceptionFile, parse};
pub use people::{Author, Signer};
pub use register::{Cover, Entry, Refusal, Register, RegisterInput};

pub(crate) use people::{find_signer, wrote_it};
