//! Images and files that were built, judged together with the folder they were built from; and the verdict about them, signed.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use probity_attest::Hasher;
use probity_attest::statement::{Decision, Descriptor, format_time};
use probity_core::{Digest, Tree};
use probity_files::FolderTree;
use probity_packages::{Inventory, Purl};
use probity_registry::Layout;
use probity_signatures::{Subject, attach_bundle};
use probity_supply::InventorySource;
use serde_json::{Value, json};

use crate::arguments::{BuiltArguments, ImageArguments};
use crate::beside::{self, Access};
use crate::image::{self, Opened};
use crate::keyless::{self, SigningArguments, What};
use crate::layers::Layers;
use crate::supply::Supply;
use crate::{Wrong, output, registry, run, state};

/// Where what is said of an artifact is kept.
enum Place {
    /// Beside the image of that name.
    Beside(String),
    /// In a file beside the file.
    File(PathBuf),
}

/// What is judged.
enum Content {
    Image(Opened),
    File { tree: FolderTree, inventory: Inventory },
}

/// An image, or a file that was built.
pub(crate) struct Artifact {
    /// What it is, the same from one build to the next.
    pub(crate) name: Arc<str>,
    /// Its digest.
    pub(crate) digest: Digest,
    /// What finds it again: a path, or an image's name with its digest.
    pub(crate) exact: String,
    content: Content,
    place: Place,
}

impl Artifact {
    /// An image: in a registry, a layout, an archive.
    pub(crate) fn image(path: &Path, arguments: &ImageArguments, max_file_size: u64) -> Result<Artifact> {
        let given = path.display().to_string();
        let Some(opened) = image::find(path, arguments, max_file_size)? else {
            let hint = "name one as REGISTRY/REPOSITORY:TAG, or an OCI layout or archive that is there";
            return Err(Wrong::hint(format!("`{given}` is no image"), Some(hint)).into());
        };
        let digest = opened.subject.digest.as_deref().and_then(|digest| digest.strip_prefix("sha256:")?.parse().ok());
        let digest: Digest = digest.ok_or_else(|| Wrong::hint(format!("`{given}` has no SHA-256 by which it could be known"), None))?;
        let (name, exact, place): (Arc<str>, String, Place) = match registry::named(path)? {
            Some(reference) => {
                let name = format!("{}/{}", reference.registry(), reference.repository());
                let exact = format!("registry:{name}@sha256:{digest}");
                (name.into(), exact.clone(), Place::Beside(exact))
            }
            None if Layout::open(path).is_some() => {
                let beside = format!("{given}:sha256:{digest}");
                (file_name(path), given, Place::Beside(beside))
            }
            None => (file_name(path), given, Place::File(path.to_owned())),
        };
        Ok(Artifact { name, digest, exact, content: Content::Image(opened), place })
    }

    /// A file that was built.
    pub(crate) fn file(path: &Path, max_file_size: u64) -> Result<Artifact> {
        if !path.is_file() {
            return Err(Wrong::hint(format!("`{}` is no file", path.display()), Some("an image is named with `--image`")).into());
        }
        let tree = FolderTree::open(path, None, max_file_size.saturating_mul(1 << 20)).map_err(Wrong::new)?;
        let inventory = image::of_artifact(&tree);
        let digest = digest(path)?;
        let (exact, content, place) = (path.display().to_string(), Content::File { tree, inventory }, Place::File(path.to_owned()));
        Ok(Artifact { name: file_name(path), digest, exact, content, place })
    }

    /// Its files.
    pub(crate) fn tree(&self) -> &dyn Tree {
        match &self.content {
            Content::Image(opened) => &*opened.files,
            Content::File { tree, .. } => tree,
        }
    }

    /// What judges it.
    pub(crate) fn supply(&self, base: Supply) -> Supply {
        let (inventory, layers, product): (&Inventory, Option<&Arc<Layers>>, Option<Purl>) = match &self.content {
            Content::Image(opened) => (&opened.inventory, Some(&opened.layers), opened.product()),
            Content::File { inventory, .. } => (inventory, None, None),
        };
        let inventory = Some(InventorySource { name: Arc::clone(&self.name), inventory: Arc::new(inventory.clone()) });
        Supply { inventory, layers: layers.cloned(), product, ..base }
    }

    /// As a record names it, so that it can be judged again.
    pub(crate) fn to_json(&self) -> Value {
        let kind = match &self.content {
            Content::Image(_) => "image",
            Content::File { .. } => "file",
        };
        json!({ "kind": kind, "place": self.exact, "sha256": self.digest.to_string() })
    }

    /// The artifact a record names; none where it is not there any more, or is another.
    pub(crate) fn again(value: &Value, arguments: &ImageArguments, max_file_size: u64) -> Option<Artifact> {
        let path = Path::new(value["place"].as_str()?);
        let found = match value["kind"].as_str()? {
            "image" => Artifact::image(path, arguments, max_file_size),
            _ => Artifact::file(path, max_file_size),
        };
        found.ok().filter(|found| value["sha256"].as_str() == Some(&found.digest.to_string()))
    }

    /// As statements name it.
    pub(crate) fn descriptor(&self) -> Descriptor {
        Descriptor::sha256(&*self.name, self.digest)
    }

    /// Its address in statements.
    pub(crate) fn uri(&self) -> String {
        match &self.content {
            Content::Image(opened) => {
                opened.product().map_or_else(|| format!("{}@sha256:{}", self.name, self.digest), |product| product.to_string())
            }
            Content::File { .. } => format!("file:{}", self.name),
        }
    }

    /// Signs what was decided about it, and keeps it where it belongs; where that is.
    pub(crate) fn attest(&self, decision: &Decision, signing: &SigningArguments, arguments: &ImageArguments) -> Result<String> {
        let statement = decision.to_statement()?;
        let made = keyless::sign(signing, What::Statement { statement: &statement, artifact: self.digest })?;
        match &self.place {
            Place::File(path) => {
                let mut name = path.clone().into_os_string();
                name.push(".vsa.sigstore.json");
                let place = PathBuf::from(name);
                state::write(&place, &made.bundle)?;
                Ok(format!("{}, in `{}`", made.how, place.display()))
            }
            Place::Beside(name) => {
                let image = beside::open(name, arguments, Access::Write)?;
                let image = image.with_context(|| format!("`{name}` is not there any more"))?;
                let subject = Subject { digest: image.manifest.digest().clone(), descriptor: image.manifest.descriptor() };
                let created = format_time(run::now())?;
                let kept =
                    attach_bundle(image.repository.as_ref(), &subject, made.bundle.as_bytes(), Some(&statement.predicate_type), &created);
                Ok(format!("{}, the referrer `{}`", made.how, kept.map_err(|error| image.told(&error))?))
            }
        }
    }
}

/// What a run is told to judge beside the folder.
pub(crate) fn all(built: &BuiltArguments, max_file_size: u64) -> Result<Vec<Artifact>> {
    let mut all = Vec::new();
    for path in &built.images {
        all.push(Artifact::image(path, &built.image, max_file_size)?);
    }
    for path in &built.artifacts {
        all.push(Artifact::file(path, max_file_size)?);
    }
    for (at, one) in all.iter().enumerate() {
        if all.iter().skip(at + 1).any(|other| other.name == one.name) {
            return Err(Wrong::hint(format!("two artifacts have the name `{}`", one.name), Some("judge them in two runs")).into());
        }
        output::talk(&format!("`{}` is judged too: sha256:{}", one.name, one.digest));
    }
    Ok(all)
}

fn file_name(path: &Path) -> Arc<str> {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into()
}

/// SHA-256 of a file, however large.
fn digest(path: &Path) -> Result<Digest> {
    let wrong = |error: std::io::Error| Wrong::hint(format!("cannot read `{}`: {error}", path.display()), None);
    let mut hasher = Writing(Hasher::new());
    let mut file = std::fs::File::open(path).map_err(wrong)?;
    std::io::copy(&mut file, &mut hasher).map_err(wrong)?;
    Ok(hasher.0.finish())
}

/// A hasher that is written to.
struct Writing(Hasher);

impl std::io::Write for Writing {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
