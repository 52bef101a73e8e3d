//! S3 Object Lock as a store that keeps.

use probity_core::Timestamp;

use super::{Hold, Kept, LARGEST, Made, Mode, WormStore};
use crate::StoreError;
use crate::s3::{Condition, Put, S3};

/// A bucket with Object Lock.
pub struct S3Worm(pub S3);

impl WormStore for S3Worm {
    fn create(&self, name: &str, bytes: &[u8], hold: &Hold) -> Result<Made, StoreError> {
        Ok(match self.0.put(name, bytes, &Condition::Absent, Some(hold))? {
            Put::Done { .. } => Made::New,
            Put::Lost => Made::Exists,
        })
    }

    fn look(&self, name: &str, version: Option<&str>) -> Result<Option<Kept>, StoreError> {
        let Some(seen) = self.0.look(name, version)? else { return Ok(None) };
        let crate::s3::Seen { version, size, sha256, retention, legal_hold } = seen;
        // Without a version there is nothing that Object Lock could keep.
        let retention = retention.filter(|_| version.is_some());
        Ok(Some(Kept { legal_hold: legal_hold && version.is_some(), version, size, sha256, retention }))
    }

    fn read(&self, name: &str, version: Option<&str>) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.0.get_version(name, version, LARGEST)?.map(|object| object.bytes))
    }

    fn retain(&self, name: &str, version: Option<&str>, mode: Mode, until: Timestamp) -> Result<(), StoreError> {
        self.0.put_retention(name, version, mode, until, false)
    }

    fn hold(&self, name: &str, version: Option<&str>) -> Result<(), StoreError> {
        self.0.put_legal_hold(name, version, true)
    }

    fn place(&self) -> String {
        self.0.place().to_string()
    }
}
