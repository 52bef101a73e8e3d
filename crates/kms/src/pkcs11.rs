//! Keys in PKCS#11 tokens, named by URIs (RFC 7512). The module is a shared library that the user names; it is loaded by `cryptoki`.

mod token;
mod uri;

pub(crate) use token::{open, public_key};
pub use uri::Uri;
