//! Where an image lies: OCI layouts and archives of `docker save`, as folders or as one archive, and which images they hold.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use probity_archive::{Entry, Kind, Meter, Problem, normal, tar, unpack};
use serde_json::Value;

use crate::blob::{Blob, Cursor, Part, Store, whole};
use crate::image::{ImageError, Options};

/// Largest list that is read, in bytes.
const LARGEST: u64 = 16 << 20;
/// How deep lists of images may lie in each other.
const DEEPEST: usize = 4;
/// Most images of one layout.
const MOST: usize = 10_000;

/// One image of a layout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageReference {
    /// Digest of its manifest (`sha256:...`); for an archive without manifests, of its configuration.
    pub digest: Arc<str>,
    /// Names and tags, as the layout tells.
    pub names: Vec<Arc<str>>,
    /// `linux/amd64`, `linux/arm/v7`; empty where it is not told.
    pub platform: Arc<str>,
    pub(crate) source: Place,
}

/// Where the parts of an image are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In a manifest of that digest.
    Manifest,
    /// Here: paths of its configuration and layers.
    Paths { config: Arc<str>, layers: Vec<Arc<str>> },
}

/// Files of an archive, read where they lie.
pub struct ArchiveStore {
    files: BTreeMap<Arc<str>, Arc<Part>>,
    links: BTreeMap<Arc<str>, Arc<str>>,
    problems: Vec<Problem>,
}

impl ArchiveStore {
    /// What is wrong with the archive.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

impl Store for ArchiveStore {
    fn open(&self, path: &str) -> Option<Arc<dyn Blob>> {
        let mut path: Arc<str> = path.into();
        for _ in 0..8 {
            if let Some(part) = self.files.get(&path) {
                return Some(Arc::clone(part) as Arc<dyn Blob>);
            }
            path = Arc::clone(self.links.get(&path)?);
        }
        None
    }
}

/// Opens an archive that holds a layout: plain, or packed with gzip or zstd.
///
/// # Errors
/// [`ImageError`] where it cannot be unpacked. What is wrong within it is in [`ArchiveStore::problems`].
pub fn open_archive(blob: Arc<dyn Blob>, options: &Options<'_>) -> Result<ArchiveStore, ImageError> {
    let blob = unpacked(blob, options)?;
    let mut store = ArchiveStore { files: BTreeMap::new(), links: BTreeMap::new(), problems: Vec::new() };
    let mut meter = Meter::new(options.limits);
    // A layer is one entry here; how much it may hold is judged where it is read.
    meter.limits.bytes_entry = options.limits.bytes_total;
    let mut source = std::io::BufReader::with_capacity(256 << 10, Cursor::new(&*blob));
    store.problems = tar(&mut source, &mut meter, &mut |entry: Entry<'_>| {
        let path = Arc::clone(&entry.path);
        match entry.kind {
            Kind::File => {
                store.links.remove(&path);
                let part = Part { whole: Arc::clone(&blob), size: entry.size, pieces: entry.pieces.into() };
                store.files.insert(path, Arc::new(part));
            }
            // Older archives have a layer that several images share once, and links to it.
            Kind::Symlink(target) => {
                let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
                if let Some(target) = joined(folder, &target) {
                    store.links.insert(path, target.into());
                }
            }
            Kind::Hardlink(target) => {
                if let Ok(target) = normal(target.as_bytes(), false, &mut |_| {}) {
                    store.links.insert(path, target.into());
                }
            }
            Kind::Folder | Kind::Device | Kind::Pipe => {}
        }
        true
    });
    Ok(store)
}

/// A path relative to a folder; none where it leads out.
fn joined(folder: &str, target: &str) -> Option<String> {
    let mut parts: Vec<&str> =
        if target.starts_with('/') { Vec::new() } else { folder.split('/').filter(|part| !part.is_empty()).collect() };
    for part in target.split('/') {
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

/// A blob as it is where it is not packed, else unpacked.
pub(crate) fn unpacked(blob: Arc<dyn Blob>, options: &Options<'_>) -> Result<Arc<dyn Blob>, ImageError> {
    let mut start = [0_u8; 8];
    let read = blob.read_at(0, &mut start).map_err(ImageError::read)?.min(start.len());
    if probity_archive::Compression::of(start.get(..read).unwrap_or_default()) == probity_archive::Compression::None {
        return Ok(blob);
    }
    let mut content = unpack(Cursor::new(&*blob), &options.limits).map_err(ImageError::Archive)?;
    options.scratch.keep(&mut content).map_err(ImageError::read)
}

/// The path of a blob in an OCI layout.
pub(crate) fn blob_path(digest: &str) -> Option<String> {
    let (algorithm, hex) = digest.split_once(':')?;
    let plain = |text: &str| !text.is_empty() && text.len() <= 128 && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    (plain(algorithm) && plain(hex)).then(|| format!("blobs/{algorithm}/{hex}"))
}

/// A file of a layout as JSON, with its bytes.
pub(crate) fn json(store: &dyn Store, path: &str) -> Result<(Value, Vec<u8>), ImageError> {
    let blob = store.open(path).ok_or_else(|| ImageError::Missing(path.to_owned()))?;
    let bytes = whole(&*blob, LARGEST).map_err(ImageError::read)?;
    let bytes = bytes.ok_or_else(|| ImageError::Json { path: path.to_owned(), why: format!("it has more than {LARGEST} bytes") })?;
    let value = serde_json::from_slice(&bytes).map_err(|error| ImageError::Json { path: path.to_owned(), why: error.to_string() })?;
    Ok((value, bytes))
}

/// The blob of a digest as JSON; its digest has to fit.
pub(crate) fn json_blob(store: &dyn Store, digest: &str) -> Result<(Value, Vec<u8>), ImageError> {
    let path = blob_path(digest).ok_or_else(|| ImageError::Digest(digest.chars().take(200).collect()))?;
    let (value, bytes) = json(store, &path)?;
    if digest.starts_with("sha256:") && crate::blob::sha256(&bytes) != digest {
        return Err(ImageError::Changed(digest.to_owned()));
    }
    Ok((value, bytes))
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// `os/architecture/variant` of a map that has these.
pub(crate) fn platform(value: &Value) -> String {
    let parts = [text(value, "os"), text(value, "architecture"), text(value, "variant")];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/")
}

/// All images a layout holds, in its order, each once; and what of it is no image, or is not there, as text for a person.
///
/// # Errors
/// [`ImageError`] where it is no layout, or its lists are broken.
pub fn images_of(store: &dyn Store) -> Result<(Vec<ImageReference>, Vec<String>), ImageError> {
    let mut found = Vec::new();
    let mut notes = Vec::new();
    let docker = store.open("manifest.json").is_some();
    if store.open("index.json").is_some() {
        let (index, _) = json(store, "index.json")?;
        list(store, &index, &[], 0, &mut found, &mut notes, &mut BTreeSet::new())?;
        if !found.is_empty() || !docker {
            return Ok((found, notes));
        }
        notes.clear();
    }
    if !docker {
        return Err(ImageError::NoLayout);
    }
    let (manifest, _) = json(store, "manifest.json")?;
    let entries = manifest.as_array().ok_or(ImageError::Shape("`manifest.json` is no list"))?;
    for entry in entries.iter().take(MOST) {
        let strings = |key: &str| -> Vec<Arc<str>> {
            entry.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).map(Arc::from).collect()
        };
        let config = text(entry, "Config");
        let (value, bytes) = json(store, config)?;
        found.push(ImageReference {
            digest: crate::blob::sha256(&bytes).into(),
            names: strings("RepoTags"),
            platform: platform(&value).into(),
            source: Place::Paths { config: config.into(), layers: strings("Layers") },
        });
    }
    if entries.len() > MOST {
        notes.push(format!("there are more than {MOST} images; the rest is not listed"));
    }
    Ok((found, notes))
}

fn list(
    store: &dyn Store,
    index: &Value,
    names: &[Arc<str>],
    depth: usize,
    found: &mut Vec<ImageReference>,
    notes: &mut Vec<String>,
    seen: &mut BTreeSet<String>,
) -> Result<(), ImageError> {
    if depth > DEEPEST {
        return Err(ImageError::Shape("lists of images lie too deep in each other"));
    }
    let manifests = index.get("manifests").and_then(Value::as_array).ok_or(ImageError::Shape("a list of images has no `manifests`"))?;
    for manifest in manifests {
        let digest = text(manifest, "digest");
        let annotation = |key: &str| manifest.get("annotations").and_then(|all| all.get(key)).and_then(Value::as_str);
        let mut here = names.to_vec();
        here.extend(annotation("io.containerd.image.name").or_else(|| annotation("org.opencontainers.image.ref.name")).map(Arc::from));
        if !seen.insert(digest.to_owned()) {
            // The same image by another name.
            if let Some(known) = found.iter_mut().find(|known| *known.digest == *digest) {
                known.names.extend(here);
                known.names.dedup();
            }
            continue;
        }
        if seen.len() > MOST {
            notes.push(format!("there are more than {MOST} images; the rest is not listed"));
            return Ok(());
        }
        let platform = manifest.get("platform").map(platform).unwrap_or_default();
        let kind = text(manifest, "mediaType");
        if annotation("vnd.docker.reference.type").is_some() || platform.starts_with("unknown") {
            notes.push(format!("`{digest}` is an attestation and no image"));
            continue;
        }
        let path = blob_path(digest).ok_or_else(|| ImageError::Digest(digest.chars().take(200).collect()))?;
        if store.open(&path).is_none() {
            notes.push(format!("the image `{digest}` ({platform}) is listed and not there"));
            continue;
        }
        let (value, _) = json_blob(store, digest)?;
        let kind = if kind.is_empty() { text(&value, "mediaType") } else { kind };
        if kind.contains("index") || kind.contains("manifest.list") || value.get("manifests").is_some() {
            list(store, &value, &here, depth + 1, found, notes, seen)?;
            continue;
        }
        found.push(ImageReference { digest: digest.into(), names: here, platform: platform.into(), source: Place::Manifest });
    }
    Ok(())
}
