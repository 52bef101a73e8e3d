//! Signatures and attestations of images, kept beside them: Sigstore bundles as OCI 1.1 referrers, and Cosign's older `.sig` and `.att`
//! tags. Found, judged, and written, in registries and OCI layouts alike.
//!
//! **Invariant:** what is judged is the digest a name was resolved to, once; no tag is looked at twice. How much is looked at has a bound, and
//! where a bound was met without finding what is demanded, that is said and nothing passes.
#![warn(clippy::indexing_slicing, clippy::string_slice)]

mod answer;
mod cache;
mod find;
mod judge;
mod legacy;
mod write;

pub use answer::{Edge, answer};
pub use cache::{Cache, Key};
pub use find::{End, Form, Found, Kind, Limits, MOST_CANDIDATES, Place, visit};
pub use judge::{Demand, Refusal, Report, Signed, VerifyImageError, by_digest, judge, resolve, verify_image};
pub use legacy::LegacyError;
pub use write::{SIGNATURE, Subject, attach_bundle, attach_legacy_attestation, attach_legacy_signature, simple_signing, subjects};
