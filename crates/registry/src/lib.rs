//! Images in registries (OCI distribution, Docker's registry API): fetched whole, each part checked by its digest, and given on as an OCI
//! layout, so that they are read as images on disk are. And what lies beside images, in registries and OCI layouts alike: read and
//! written through [`Repository`].
//!
//! **Invariant:** nothing is sent before an image is asked for by name, and then only to its registry, its mirror, and whom these name.
//! Everything that comes has a bound and a deadline. What is asynchronous stays inside.
#![warn(clippy::indexing_slicing, clippy::string_slice)]

mod blobs;
mod credentials;
mod digest;
mod endpoint;
mod error;
mod layout;
mod platform;
mod pull;
mod reference;
mod repository;
mod secret;
mod session;
mod transport;

pub use credentials::{CredentialError, Credentials};
pub use digest::{Digest, ParseDigestError};
pub use endpoint::{Mirror, ParseMirrorError};
pub use error::{Answer, PullError};
pub use layout::Layout;
pub use platform::{ParsePlatformError, Platform};
pub use pull::{Pulled, Registry, Settings};
pub use reference::{Reference, ReferenceError};
pub use repository::{
    EMPTY, EMPTY_BYTES, MOST_REFERRERS, Manifest, Name, OCI_INDEX, OCI_MANIFEST, Referrer, Referrers, Remote, Repository,
};
