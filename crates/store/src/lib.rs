//! Evidence in object stores: S3 and what speaks like it, and stores that keep objects so that nobody can change them.
//!
//! [`S3`] asks a bucket, [`ObjectStorage`] makes it the storage of a log that many append to, [`seal`] puts an object where it is kept and believes nothing but a confirmation.
//!
//! **Invariant:** nothing is sent before a store is named, and then only to it (and, with an identity token, to AWS's token service).
//! Every request has a deadline, every answer a bound. What is asynchronous stays inside. The environment is handed in.
#![warn(clippy::indexing_slicing, clippy::string_slice)]

mod credentials;
mod error;
mod http;
mod log;
mod period;
mod place;
pub mod s3;
mod secret;
mod time;
mod worm;

pub use credentials::{CredentialError, Credentials, Environment, Keys};
pub use error::StoreError;
pub use http::Reach;
pub use log::ObjectStorage;
pub use period::{ParsePeriodError, Period};
pub use place::{ParsePlaceError, S3Place, WormPlace};
pub use s3::S3;
pub use secret::Secret;
pub use worm::{AzureAccess, AzureWorm, GoogleWorm, Hold, Kept, Made, Mode, S3Worm, SealError, Sealed, WormStore, confirm, extend, seal};
