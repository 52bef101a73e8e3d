//! Sigstore bundles: who signed an artifact, when, and according to whom. Nothing is fetched.
//!
//! [`Bundle`] and [`TrustRoot`] are read from bytes, [`Policy`] says what is demanded, [`verify`] decides. What is checked of signatures,
//! certificates, logs and timestamps is `sigstore-verify`'s work, which `library` alone knows; what is demanded, and what is told, is ours.
//!
//! **Invariant:** no disk and no network; the sigstore crates are built without theirs. Bytes and the time are given. (The library also
//! looks at the system's clock, to refuse times that are still to come; it accepts nothing because of it.)
//! **Invariant:** what cannot be checked is refused or not decided, never verified; an error names the step.
//! **Invariant:** all that is read has a bound.

#![warn(clippy::indexing_slicing, clippy::string_slice)]

mod bundle;
mod error;
mod library;
mod policy;
mod root;
mod statement;
mod verify;

pub use bundle::{Bundle, Content, MAX_BUNDLE};
pub use error::{Step, VerifyError};
pub use policy::{KeyError, Matcher, PatternError, Policy, PublicKey, Signer};
pub use root::{MAX_TRUST_ROOT, PUBLIC_GOOD_DATE, TrustRoot, TrustRootError};
pub use statement::{Statement, Subject};
pub use verify::{Artifact, LogEntry, SignedBy, SignedTime, TimeSource, Verified, verify};
