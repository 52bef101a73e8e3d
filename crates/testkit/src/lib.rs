//! Fakes for tests: a tree of files in memory, archives, a registry of images, a strict S3, an instance of Sigstore and its services.
//!
//! What does not live here: anything a released program uses.

pub mod archives;
pub mod registry;
pub mod s3;
pub mod script;
pub mod services;
pub mod sigstore;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use probity_core::{Digest, Tree, TreeError, TreeFile};

/// A tree of files in memory.
#[derive(Debug, Default)]
pub struct MapTree {
    files: Vec<TreeFile>,
    contents: BTreeMap<Arc<str>, Arc<[u8]>>,
    digests: Mutex<BTreeMap<Arc<str>, Digest>>,
}

impl MapTree {
    /// A tree of these paths and contents. Paths are normalised; one that leads out of the tree is not in it; of two contents for one
    /// path the last counts.
    #[must_use]
    pub fn new<P: AsRef<str>, B: AsRef<[u8]>>(files: impl IntoIterator<Item = (P, B)>) -> MapTree {
        let contents: BTreeMap<Arc<str>, Arc<[u8]>> =
            files.into_iter().filter_map(|(path, bytes)| Some((Arc::from(normalise(path.as_ref())?), Arc::from(bytes.as_ref())))).collect();
        let files = contents.iter().map(|(path, bytes)| TreeFile { path: Arc::clone(path), size: bytes.len() as u64 }).collect();
        MapTree { files, contents, digests: Mutex::default() }
    }
}

impl Tree for MapTree {
    fn files(&self) -> &[TreeFile] {
        &self.files
    }

    fn read(&self, path: &str) -> Result<Arc<[u8]>, TreeError> {
        let path = normalise(path).ok_or(TreeError::Outside)?;
        let (path, bytes) = self.contents.get_key_value(&*path).ok_or(TreeError::Missing)?;
        self.digests.lock().unwrap_or_else(PoisonError::into_inner).insert(Arc::clone(path), sha256(bytes));
        Ok(Arc::clone(bytes))
    }

    fn digests(&self) -> BTreeMap<Arc<str>, Digest> {
        self.digests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Resolves `.` and `..`; `None` where the path is absolute or leads out.
fn normalise(path: &str) -> Option<String> {
    if path.starts_with('/') {
        return None;
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

fn sha256(bytes: &[u8]) -> Digest {
    let mut out = [0_u8; 32];
    out.copy_from_slice(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes).as_ref());
    Digest(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_was_given_and_records_it() {
        let tree = MapTree::new([("b/./c.tf", "x"), ("a.tf", "y"), ("../out.tf", "z")]);
        assert_eq!(tree.files().iter().map(|file| &*file.path).collect::<Vec<_>>(), ["a.tf", "b/c.tf"]);
        assert_eq!(&*tree.read("b/../b/c.tf").unwrap(), b"x");
        assert_eq!(tree.read("c.tf"), Err(TreeError::Missing));
        assert_eq!(tree.read("b/../../a.tf"), Err(TreeError::Outside));
        let digests = tree.digests();
        assert_eq!(digests.keys().map(|path| &**path).collect::<Vec<_>>(), ["b/c.tf"]);
        assert_eq!(digests["b/c.tf"].to_string(), "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881");
        assert_eq!(tree.below("b").len(), 1);
    }
}
