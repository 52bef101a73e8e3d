//! Who answers the questions of policies: fixtures for tests and CI, and a recorder whose answers become evidence.

mod api;
mod fixture;
mod recorder;

pub use fixture::{Fixture, FixtureError};
pub use recorder::{Answer, Recorder};
