//! An image: its configuration, its layers and the files they make.

use std::io::Read as _;
use std::sync::Arc;

use probity_archive::{Limits, Meter, Trouble, unpack};
use probity_packages::{Inventory, Problem};
use serde_json::Value;

use crate::blob::{Blob, Cursor, Hashed, Scratch, Store};
use crate::catalogue::catalogue_root;
use crate::filesystem::FileSystem;
use crate::layout::{ImageReference, Place, blob_path, images_of, json, json_blob, platform, unpacked};

/// Why there is no image to look at.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImageError {
    /// It is none of the layouts.
    #[error("it is no image: there is neither `index.json` nor `manifest.json`")]
    NoLayout,
    /// The layout holds no image, or none that was asked for.
    #[error("there is no image `{wanted}`; there are: {there}")]
    NoImage {
        /// What was asked for.
        wanted: String,
        /// What there is.
        there: String,
    },
    /// A file is not there.
    #[error("`{0}` is not there")]
    Missing(String),
    /// A file is no JSON.
    #[error("`{path}` is broken: {why}")]
    Json {
        /// The file.
        path: String,
        /// What is wrong.
        why: String,
    },
    /// The files do not have the shape they should.
    #[error("{0}")]
    Shape(&'static str),
    /// No digest.
    #[error("`{0}` is no digest")]
    Digest(String),
    /// The content is not what its digest says.
    #[error("the content of `{0}` does not have that digest")]
    Changed(String),
    /// The archive is broken.
    #[error("{0}")]
    Archive(Trouble),
}

impl ImageError {
    pub(crate) fn read(error: std::io::Error) -> ImageError {
        ImageError::Archive(Trouble::of(&error))
    }
}

/// How images are read.
#[derive(Clone, Copy)]
pub struct Options<'o> {
    /// Bounds of all layers together.
    pub limits: Limits,
    /// Largest file that [`probity_core::Tree::read`] gives.
    pub max_file_size: u64,
    /// Where unpacked layers are kept.
    pub scratch: &'o dyn Scratch,
}

/// Which image of a layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice<'c> {
    /// The only one; of several the first for `linux/amd64`, else the first. The others are told as not looked at.
    First,
    /// That of this digest, name or tag, or platform.
    Named(&'c str),
}

/// What the configuration of an image says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ImageConfig {
    /// `linux/amd64`.
    pub platform: String,
    /// When it was made, as written.
    pub created: Option<Arc<str>>,
    /// Labels, in their order.
    pub labels: Vec<(Arc<str>, Arc<str>)>,
    /// Environment, as `NAME=value`.
    pub environment: Vec<Arc<str>>,
    /// The user it runs as; empty for root.
    pub user: Arc<str>,
    /// The whole configuration.
    pub whole: Value,
}

/// A layer of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageLayer {
    /// Digest of its unpacked archive, by which places name it.
    pub digest: Arc<str>,
    /// Digest of the blob as it is stored; the same where it is not packed.
    pub blob: Arc<str>,
    /// Size of the blob in bytes.
    pub size: u64,
    /// The command that made it, as the history says.
    pub created_by: Arc<str>,
}

/// An image.
pub struct Image {
    /// Digest of the manifest, or of the configuration where there is no manifest.
    pub digest: Arc<str>,
    /// Digest of the configuration: what container runtimes call the image's id.
    pub id: Arc<str>,
    /// Names and tags.
    pub names: Vec<Arc<str>>,
    /// What its configuration says.
    pub config: ImageConfig,
    /// Its layers, the lowest first.
    pub layers: Vec<ImageLayer>,
    /// The files.
    pub files: FileSystem,
    /// What is wrong with it, and what was not looked at.
    pub problems: Vec<Problem>,
}

impl Image {
    /// What is installed, each place with its layer; problems of the image are there too.
    #[must_use]
    pub fn inventory(&self) -> Inventory {
        let mut all = catalogue_root(&self.files);
        self.files.attribute(&mut all);
        all.problems.extend(self.problems.iter().cloned());
        all
    }
}

/// Reads one image of a layout.
///
/// # Errors
/// [`ImageError`] where there is nothing to look at. What is wrong with a layer is a problem of the image.
pub fn read_image(store: &dyn Store, choice: Choice<'_>, options: &Options<'_>) -> Result<Image, ImageError> {
    let (all, notes) = images_of(store)?;
    let chosen = chosen(&all, choice)?;
    let mut problems: Vec<Problem> = Vec::new();
    let mut problem = |file: &str, what: String, fails: bool| problems.push(Problem { file: file.into(), line: 0, what, fails });
    for note in notes {
        problem("index.json", note, false);
    }
    for other in all.iter().filter(|other| other.digest != chosen.digest && choice == Choice::First) {
        problem("index.json", format!("the image `{}` ({}) is there too and not looked at", other.digest, other.platform), false);
    }
    let Parts { config, id, blobs } = parts(store, chosen, &mut problem)?;
    let told: Vec<&str> =
        config.pointer("/rootfs/diff_ids").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    if told.len() != blobs.len() {
        problem("", format!("the configuration tells {} layers, and there are {}", told.len(), blobs.len()), true);
    }
    let history = config.get("history").and_then(Value::as_array);
    let mut commands = history
        .into_iter()
        .flatten()
        .filter(|step| step.get("empty_layer").and_then(Value::as_bool) != Some(true))
        .map(|step| step.get("created_by").and_then(Value::as_str).unwrap_or_default());
    let mut files = FileSystem::new(options.max_file_size);
    let mut meter = Meter::new(options.limits);
    let mut layers = Vec::new();
    for (index, (path, digest, kind)) in blobs.into_iter().enumerate() {
        let created_by: Arc<str> = commands.next().unwrap_or_default().into();
        let told = told.get(index).copied().unwrap_or_default();
        let mut layer = ImageLayer { digest: told.into(), blob: digest.as_str().into(), size: 0, created_by };
        if !kind.is_empty() && (!kind.contains("tar") || kind.contains("encrypted")) {
            problem(&path, format!("the layer is of the type `{kind}` and is not read"), true);
            layers.push(layer);
            continue;
        }
        let Some(blob) = store.open(&path) else {
            problem(&path, "the layer is not there".to_owned(), true);
            layers.push(layer);
            continue;
        };
        layer.size = blob.size();
        match open(&blob, options) {
            Ok((content, stored, unpacked)) => {
                if digest.starts_with("sha256:") && digest != stored {
                    problem(&path, format!("the content of the layer has the digest `{stored}`"), true);
                }
                if !told.is_empty() && told != unpacked {
                    problem(&path, format!("the configuration says `{told}` of the layer, whose digest is `{unpacked}`"), true);
                }
                layer.digest = unpacked.into();
                layer.blob = stored.into();
                files.lay(content, Some(Arc::clone(&layer.digest)), true, &mut meter);
            }
            Err(trouble) => problem(&path, format!("the layer is broken: {trouble}"), true),
        }
        layers.push(layer);
    }
    files.settle();
    problems.extend(files.problems().iter().cloned());
    Ok(Image {
        digest: Arc::clone(&chosen.digest),
        id: id.into(),
        names: chosen.names.clone(),
        config: config_of(config),
        layers,
        files,
        problems,
    })
}

/// Reads an archive of a root file system, plain or packed; what is wrong with it is in [`FileSystem::problems`].
///
/// # Errors
/// [`ImageError`] where it cannot be unpacked.
pub fn read_root(blob: Arc<dyn Blob>, options: &Options<'_>) -> Result<FileSystem, ImageError> {
    let blob = unpacked(blob, options)?;
    let mut files = FileSystem::new(options.max_file_size);
    files.lay(blob, None, false, &mut Meter::new(options.limits));
    files.settle();
    Ok(files)
}

/// A layer unpacked, the digest of its blob, and that of its archive.
fn open(blob: &Arc<dyn Blob>, options: &Options<'_>) -> Result<(Arc<dyn Blob>, String, String), Trouble> {
    let of = |error: std::io::Error| Trouble::of(&error);
    let mut start = [0_u8; 8];
    let read = blob.read_at(0, &mut start).map_err(of)?.min(start.len());
    let whole = |blob: &dyn Blob| Hashed::new(std::io::BufReader::with_capacity(256 << 10, Cursor::new(blob))).finish().map_err(of);
    if probity_archive::Compression::of(start.get(..read).unwrap_or_default()) == probity_archive::Compression::None {
        let digest = whole(&**blob)?;
        return Ok((Arc::clone(blob), digest.clone(), digest));
    }
    let stored = whole(&**blob)?;
    let mut content = Hashed::new(unpack(Cursor::new(&**blob), &options.limits)?);
    let kept = options.scratch.keep(&mut content).map_err(of)?;
    // What the place to keep it did not take is not there.
    let mut more = [0_u8; 1];
    if content.read(&mut more).map_err(of)? > 0 {
        return Err(Trouble::Total(kept.size()));
    }
    Ok((kept, stored, content.finish().map_err(of)?))
}

fn chosen<'r>(all: &'r [ImageReference], choice: Choice<'_>) -> Result<&'r ImageReference, ImageError> {
    let found = match choice {
        Choice::First => all.iter().find(|one| &*one.platform == "linux/amd64").or(all.first()),
        Choice::Named(name) => {
            let short =
                |one: &&ImageReference| name.len() >= 12 && one.digest.strip_prefix("sha256:").is_some_and(|hex| hex.starts_with(name));
            all.iter()
                .find(|one| *one.digest == *name || one.names.iter().any(|known| **known == *name))
                .or_else(|| all.iter().find(|one| *one.platform == *name || one.platform.strip_prefix("linux/") == Some(name)))
                // A variant that is not asked for does not matter.
                .or_else(|| all.iter().find(|one| one.platform.strip_prefix(name).is_some_and(|rest| rest.starts_with('/'))))
                .or_else(|| all.iter().find(short))
        }
    };
    found.ok_or_else(|| ImageError::NoImage {
        wanted: match choice {
            Choice::First => "of any name".to_owned(),
            Choice::Named(name) => name.to_owned(),
        },
        there: all.iter().take(20).map(|one| format!("{} {}", one.digest, one.platform)).collect::<Vec<_>>().join(", "),
    })
}

/// The configuration of an image, its digest, and its layers: path, digest as told, type.
struct Parts {
    config: Value,
    id: String,
    blobs: Vec<(String, String, String)>,
}

fn parts(store: &dyn Store, chosen: &ImageReference, problem: &mut dyn FnMut(&str, String, bool)) -> Result<Parts, ImageError> {
    if let Place::Paths { config, layers } = &chosen.source {
        let (value, bytes) = json(store, config)?;
        let blobs = layers.iter().map(|path| (path.to_string(), String::new(), String::new())).collect();
        return Ok(Parts { config: value, id: crate::blob::sha256(&bytes), blobs });
    }
    let (manifest, _) = json_blob(store, &chosen.digest)?;
    if manifest.get("fsLayers").is_some() {
        return Err(ImageError::Shape("the manifest is of the first version, which is not read"));
    }
    let config =
        manifest.pointer("/config/digest").and_then(Value::as_str).ok_or(ImageError::Shape("the manifest names no configuration"))?;
    let kind = manifest.pointer("/config/mediaType").and_then(Value::as_str).unwrap_or_default();
    if !kind.is_empty() && !kind.contains("image") {
        problem("", format!("the configuration is of the type `{kind}`: it may be no image"), false);
    }
    let (value, bytes) = json_blob(store, config)?;
    let layers = manifest.get("layers").and_then(Value::as_array).ok_or(ImageError::Shape("the manifest has no layers"))?;
    let mut blobs = Vec::new();
    for layer in layers {
        let text = |key: &str| layer.get(key).and_then(Value::as_str).unwrap_or_default();
        let path = blob_path(text("digest")).ok_or_else(|| ImageError::Digest(text("digest").chars().take(200).collect()))?;
        blobs.push((path, text("digest").to_owned(), text("mediaType").to_owned()));
    }
    Ok(Parts { config: value, id: crate::blob::sha256(&bytes), blobs })
}

fn config_of(whole: Value) -> ImageConfig {
    let inner = whole.get("config");
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(Arc::from);
    let labels = inner.and_then(|inner| inner.get("Labels")).and_then(Value::as_object);
    let environment = inner.and_then(|inner| inner.get("Env")).and_then(Value::as_array);
    ImageConfig {
        platform: platform(&whole),
        created: text(whole.get("created")),
        labels: labels.into_iter().flatten().filter_map(|(key, value)| Some((key.as_str().into(), value.as_str()?.into()))).collect(),
        environment: environment.into_iter().flatten().filter_map(Value::as_str).map(Arc::from).collect(),
        user: text(inner.and_then(|inner| inner.get("User"))).unwrap_or_else(|| "".into()),
        whole,
    }
}

#[cfg(test)]
mod tests;
