//! Signing without a key of one's own, and telling the world what a key signed: certificates for identities (Fulcio), transparency logs
//! (Rekor), timestamps (RFC 3161), and how one learns which of them to trust (TUF).
//!
//! [`SigningConfig`] or addresses say which [`Services`] are asked, [`IdentityToken`] who one is, [`Signing`] signs and gives a [`Signed`].
//! [`TrustRepository`] tells whom to trust.
//!
//! **Invariant:** a [`Signed`] exists only where `probity-sigstore` has verified its bundle against the trust root that was given.
//! **Invariant:** nothing is sent but to addresses that were given, over TLS or on this machine; nobody is followed elsewhere. Everything that
//! comes has a bound and a deadline. What is asynchronous stays inside.
//! **Invariant:** a token goes to whom it is for; it is never in `Debug`, in an error or in a record. A key that is made here never leaves
//! memory.
#![warn(clippy::indexing_slicing, clippy::string_slice)]

mod config;
mod der;
mod error;
mod fulcio;
mod http;
mod pem;
mod rekor;
mod sign;
mod timestamp;
mod token;
mod tuf;

pub use config::{ConfigError, LogVersion, MAX_SIGNING_CONFIG, PUBLIC_GOOD_DATE, Services, SigningConfig, TransparencyLog};
pub use error::{KeylessError, Step};
pub use http::{Address, AddressError};
pub use sign::{Signed, SignedBy, Signing, What};
pub use token::{DEFAULT_AUDIENCE, GithubRequest, IdentityToken, TokenError};
pub use tuf::{Learnt, MAX_TUF_ROOT, PUBLIC_GOOD_MIRROR, TrustError, TrustRepository};
