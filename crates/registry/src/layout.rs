//! An OCI layout on disk (OCI image layout 1.0) as a repository: a folder that is read and written.
#![allow(clippy::disallowed_methods, reason = "the folder the user names is read and written here")]

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::digest::Digest;
use crate::error::PullError;
use crate::pull::LARGEST_MANIFEST;
use crate::repository::{Manifest, Name, Referrers, Repository, artifact_type_of, entry_of, kind_of, subject_of};

/// The annotation that names an image of a layout.
const NAME: &str = "org.opencontainers.image.ref.name";

/// An OCI layout in a folder. Whoever writes to it does so alone.
#[derive(Clone, Debug)]
pub struct Layout {
    folder: PathBuf,
}

impl Layout {
    /// The layout in a folder; none where there is none.
    #[must_use]
    pub fn open(folder: &Path) -> Option<Layout> {
        let is_layout = folder.join("oci-layout").is_file() && folder.join("index.json").is_file();
        is_layout.then(|| Layout { folder: folder.to_owned() })
    }

    /// Reads a file of it; none where there is none.
    fn read(&self, path: &str, limit: u64) -> Result<Option<Vec<u8>>, PullError> {
        let mut bytes = Vec::new();
        match File::open(self.folder.join(path)) {
            Ok(file) => file.take(limit + 1).read_to_end(&mut bytes).map_err(PullError::Keep)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(PullError::Keep(error)),
        };
        if bytes.len() as u64 > limit {
            return Err(PullError::Large { what: format!("`{path}` of the layout"), limit });
        }
        Ok(Some(bytes))
    }

    /// Writes a file of it whole: beside its place first.
    fn write(&self, path: &str, bytes: &[u8]) -> Result<(), PullError> {
        let path = self.folder.join(path);
        let folder = path.parent().unwrap_or(&self.folder);
        std::fs::create_dir_all(folder).map_err(PullError::Keep)?;
        let mut file = tempfile::NamedTempFile::new_in(folder).map_err(PullError::Keep)?;
        file.write_all(bytes).and_then(|()| file.as_file().sync_all()).map_err(PullError::Keep)?;
        file.persist(path).map(drop).map_err(|error| PullError::Keep(error.error))
    }

    /// The list of what it holds.
    fn index(&self) -> Result<(Value, Vec<Value>), PullError> {
        let broken = |why: String| PullError::Broken { what: "`index.json` of the layout".to_owned(), why };
        let bytes = self.read("index.json", LARGEST_MANIFEST)?.ok_or_else(|| broken("it is not there any more".to_owned()))?;
        let index: Value = serde_json::from_slice(&bytes).map_err(|error| broken(error.to_string()))?;
        let entries = index.get("manifests").and_then(Value::as_array).cloned();
        let entries = entries.ok_or_else(|| broken("it lists nothing".to_owned()))?;
        Ok((index, entries))
    }

    /// Whether an entry of the list has a name.
    fn is_named(entry: &Value, tag: &str) -> bool {
        entry.pointer("/annotations").and_then(|all| all.get(NAME)).and_then(Value::as_str) == Some(tag)
    }

    /// The images of a layout by the names the layout gives them, and their digests.
    ///
    /// # Errors
    /// [`PullError`] where its list cannot be read.
    pub fn images(&self) -> Result<Vec<(Option<String>, Digest)>, PullError> {
        let (_, entries) = self.index()?;
        let mut images = Vec::new();
        for entry in entries {
            let Some(digest) = entry.get("digest").and_then(Value::as_str).and_then(|text| text.parse().ok()) else { continue };
            if entry.get("artifactType").is_some() {
                continue;
            }
            let name = entry.pointer("/annotations").and_then(|all| all.get(NAME)).and_then(Value::as_str).map(str::to_owned);
            // What Cosign keeps beside images under tags is none.
            let is_beside = name
                .as_deref()
                .is_some_and(|name| name.starts_with("sha256-") && [".sig", ".att", ".sbom"].iter().any(|suffix| name.ends_with(suffix)));
            if !is_beside {
                images.push((name, digest));
            }
        }
        Ok(images)
    }
}

impl Repository for Layout {
    fn manifest(&self, name: &Name) -> Result<Option<Manifest>, PullError> {
        let digest = match name {
            Name::Digest(digest) => digest.clone(),
            Name::Tag(tag) => {
                let (_, entries) = self.index()?;
                let Some(entry) = entries.iter().find(|entry| Layout::is_named(entry, tag)) else { return Ok(None) };
                let digest = entry.get("digest").and_then(Value::as_str).unwrap_or_default();
                let broken = |_| PullError::Broken { what: format!("the entry `{tag}` of the layout"), why: "it has no digest".to_owned() };
                digest.parse().map_err(broken)?
            }
        };
        let Some(bytes) = self.read(&digest.path(), LARGEST_MANIFEST)? else { return Ok(None) };
        Manifest::read(&format!("the manifest `{digest}`"), Some(&digest), "", bytes).map(Some)
    }

    fn blob(&self, digest: &Digest, limit: u64) -> Result<Vec<u8>, PullError> {
        let what = format!("`{digest}`");
        let missing = || PullError::Broken { what: what.clone(), why: "it is not in the layout".to_owned() };
        let bytes = self.read(&digest.path(), limit)?.ok_or_else(missing)?;
        let wrong = |found: Digest| PullError::Changed { what: what.clone(), told: digest.clone(), found: found.to_string() };
        digest.check(&bytes).map_err(wrong)?;
        Ok(bytes)
    }

    fn referrers(&self, subject: &Digest, artifact_type: Option<&str>) -> Result<Referrers, PullError> {
        let (_, entries) = self.index()?;
        let mut list = Vec::new();
        for mut entry in entries {
            let Some(digest) = entry.get("digest").and_then(Value::as_str).and_then(|text| text.parse::<Digest>().ok()) else { continue };
            let Some(manifest) = self.manifest(&Name::Digest(digest))? else { continue };
            if subject_of(&manifest.value).as_ref() == Some(subject) {
                // The list of a layout need not tell what its entries are.
                if let Some(entry) = entry.as_object_mut() {
                    entry.insert("artifactType".to_owned(), artifact_type_of(&manifest.value).into());
                }
                list.push(entry);
            }
        }
        let mut found = Referrers::default();
        found.take(&json!({ "manifests": list }), artifact_type, &mut BTreeSet::new())?;
        // A layout that was copied from a registry without referrers keeps the list under its tag.
        if let Some(listed) = self.manifest(&Name::beside(subject, ""))? {
            let mut seen = found.found.iter().map(|one| one.digest.clone()).collect();
            found.take(&listed.value, artifact_type, &mut seen)?;
        }
        Ok(found)
    }

    fn push_blob(&self, bytes: &[u8]) -> Result<Digest, PullError> {
        let digest = Digest::of(bytes);
        self.write(&digest.path(), bytes)?;
        Ok(digest)
    }

    fn push_manifest(&self, tag: Option<&str>, manifest: &Value) -> Result<Digest, PullError> {
        let bytes = manifest.to_string().into_bytes();
        let digest = self.push_blob(&bytes)?;
        let (mut index, mut entries) = self.index()?;
        let mut entry = if subject_of(manifest).is_some() {
            entry_of(manifest, &bytes)
        } else {
            json!({ "mediaType": kind_of(manifest), "digest": digest.as_str(), "size": bytes.len() })
        };
        if let Some(tag) = tag {
            entries.retain(|other| !Layout::is_named(other, tag));
            if let Some(entry) = entry.as_object_mut() {
                let annotations = entry.entry("annotations").or_insert_with(|| json!({}));
                if let Some(annotations) = annotations.as_object_mut() {
                    annotations.insert(NAME.to_owned(), tag.into());
                }
            }
        }
        let is_there = entries.contains(&entry);
        if !is_there {
            entries.push(entry);
            if let Some(index) = index.as_object_mut() {
                index.insert("manifests".to_owned(), entries.into());
            }
            self.write("index.json", index.to_string().as_bytes())?;
        }
        Ok(digest)
    }

    fn place(&self) -> String {
        self.folder.display().to_string()
    }
}
