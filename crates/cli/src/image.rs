//! Container images and root file systems on disk, and images in registries, as something to list and to judge.

use std::fs::File;
use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use probity_archive::Limits;
use probity_core::Tree;
use probity_images::{
    Blob, Choice, Distribution, FileBlob, FileSystem, Image, ImageError, Options, Scratch, Store, catalogue_root, open_archive, read_image,
    read_root,
};
use probity_packages::{Inventory, Purl, catalogue};
use probity_sbom::{Subject, SubjectKind};

use crate::arguments::ImageArguments;
use crate::layers::Layers;
use crate::{Wrong, registry};

/// A file on disk.
fn on_disk(path: &Path) -> io::Result<Arc<dyn Blob>> {
    Ok(Arc::new(FileBlob::new(File::open(path)?)?))
}

/// Keeps unpacked layers in files without a name.
struct Temporary;

impl Scratch for Temporary {
    fn keep(&self, content: &mut dyn Read) -> io::Result<Arc<dyn Blob>> {
        let mut file = tempfile::tempfile()?;
        io::copy(content, &mut file)?;
        file.flush()?;
        Ok(Arc::new(FileBlob::new(file)?))
    }
}

/// An OCI layout on disk.
struct Layout(PathBuf);

impl Store for Layout {
    fn open(&self, path: &str) -> Option<Arc<dyn Blob>> {
        // The names come from the image: none leads out of its folder.
        let path = probity_files::normalise(path)?;
        on_disk(&self.0.join(path)).ok()
    }
}

/// An image, opened.
pub(crate) struct Opened {
    /// Its files.
    pub(crate) files: Arc<FileSystem>,
    /// What it holds beside them.
    pub(crate) layers: Arc<Layers>,
    /// What is in it.
    pub(crate) inventory: Inventory,
    /// What it is.
    pub(crate) subject: Subject,
    /// What reports say was looked at, where it does not lie on disk.
    pub(crate) shown: Option<String>,
}

impl Opened {
    /// The image as a package URL (`pkg:oci/app@sha256:...`), for statements that speak of it.
    pub(crate) fn product(&self) -> Option<Purl> {
        if self.subject.kind != SubjectKind::Container {
            return None;
        }
        // A name may carry a tag and a digest; a colon before the last slash is a port.
        let name = self.subject.name.split('@').next().unwrap_or_default();
        let tag = name.rfind(':').filter(|at| name.rfind('/').is_none_or(|slash| *at > slash));
        let repository = tag.and_then(|at| name.get(..at)).unwrap_or(name);
        let last = repository.rsplit('/').next().unwrap_or_default();
        let purl = Purl::new("oci", None, last, self.subject.digest.as_deref()).ok()?;
        let purl = if repository.contains('/') { purl.with("repository_url", repository) } else { purl };
        purl.normalised().ok()
    }
}

/// Whether a path is an image or an archive of a root file system, by what lies there.
fn is_image(path: &Path) -> bool {
    if path.is_dir() {
        return path.join("oci-layout").is_file() && path.join("index.json").is_file();
    }
    let name = path.file_name().map(|name| name.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    path.is_file() && [".tar", ".tar.gz", ".tgz", ".tar.zst", ".oci"].iter().any(|end| name.ends_with(end))
}

/// Opens what a path or a name stands for where that is an image: an OCI layout, an archive as `docker save` writes it or of a root file
/// system, an image in a registry. What lies on disk is no name.
pub(crate) fn find(path: &Path, arguments: &ImageArguments, max_file_size: u64) -> Result<Option<Opened>> {
    let options = Options { limits: Limits::default(), max_file_size: max_file_size.saturating_mul(1 << 20), scratch: &Temporary };
    if is_image(path) {
        return open(path, arguments, &options).map(Some);
    }
    let Some(reference) = registry::named(path)? else { return Ok(None) };
    let pulled = registry::pull(&reference, arguments)?;
    let name: Arc<str> = pulled.reference.to_string().into();
    let image = read_image(&pulled, Choice::First, &options);
    let image = image.map_err(|error| Wrong::hint(format!("`{name}`: {error}"), None))?;
    let shown = format!("{name} ({})", pulled.digest);
    Ok(Some(Opened { shown: Some(shown), ..of_image(image, &name) }))
}

/// Opens an image on disk.
fn open(path: &Path, arguments: &ImageArguments, options: &Options<'_>) -> Result<Opened> {
    let wrong = |error: ImageError| Wrong::hint(format!("`{}`: {error}", path.display()), None);
    let disk = || on_disk(path).with_context(|| format!("`{}` cannot be read", path.display()));
    let name: Arc<str> = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default().into();
    let platform = arguments.platform.as_ref().map(ToString::to_string);
    let choice = platform.as_deref().map_or(Choice::First, Choice::Named);
    if path.is_dir() {
        let image = read_image(&Layout(path.to_path_buf()), choice, options).map_err(wrong)?;
        return Ok(of_image(image, &name));
    }
    let store = open_archive(disk()?, options).map_err(wrong)?;
    if store.open("manifest.json").is_some() || store.open("index.json").is_some() {
        return Ok(of_image(read_image(&store, choice, options).map_err(wrong)?, &name));
    }
    let files = read_root(disk()?, options).map_err(wrong)?;
    let mut inventory = catalogue_root(&files);
    inventory.problems.extend(files.problems().iter().cloned());
    let files = Arc::new(files);
    let layers = Layers::of_root(Arc::clone(&files));
    Ok(complete(files, layers, inventory, Subject { name, kind: SubjectKind::OperatingSystem, ..Subject::default() }))
}

/// An image, which has a name of its own or that of its file.
fn of_image(mut image: Image, name: &Arc<str>) -> Opened {
    let inventory = image.inventory();
    let subject = Subject {
        name: image.names.first().unwrap_or(name).clone(),
        kind: SubjectKind::Container,
        digest: Some(Arc::clone(&image.digest)),
        ..Subject::default()
    };
    let files = Arc::new(std::mem::take(&mut image.files));
    let layers = Layers::of_image(&image, Arc::clone(&files));
    complete(files, layers, inventory, subject)
}

/// What is installed, with what lock files in it name.
fn complete(files: Arc<FileSystem>, layers: Layers, mut inventory: Inventory, mut subject: Subject) -> Opened {
    let mut lists = lists(&*files, true);
    files.attribute(&mut lists);
    inventory.append(lists);
    subject.distribution = distribution(&*files);
    Opened { files, layers: Arc::new(layers), inventory, subject, shown: None }
}

/// What reports say was looked at.
pub(crate) fn shown(path: &Path, opened: Option<&Opened>) -> String {
    opened.and_then(|opened| opened.shown.clone()).unwrap_or_else(|| path.display().to_string())
}

/// Readers of files that say what somebody wishes for, or what something else is made of: in an image, which is made already, they say
/// nothing of what is there.
const WISHES: &[&str] = &[
    "cargo-manifest",
    "compose-images",
    "composer-json",
    "conan-manifest",
    "dockerfile-images",
    "github-actions",
    "gradle-verification",
    "gradle-version-catalog",
    "helm-chart",
    "maven-pom",
    "npm-package-json",
    "nuget-project",
    "pre-commit",
    "python-manifest",
    "terraform-module",
    "vcpkg-manifest",
];

/// What lock files in a tree name, and where nothing is `installed` what manifests do.
fn lists(tree: &dyn Tree, installed: bool) -> Inventory {
    let mut out = Inventory::default();
    for found in catalogue(tree) {
        if !installed || !WISHES.contains(&found.cataloguer) {
            out.append(found.inventory);
        }
    }
    out
}

/// What is in a file that was built: a program, an archive of a language, a list of packages.
pub(crate) fn of_artifact(tree: &dyn Tree) -> Inventory {
    let mut inventory = catalogue_root(tree);
    inventory.append(lists(tree, true));
    inventory
}

fn distribution(tree: &dyn Tree) -> Option<probity_sbom::Distribution> {
    let (found, _) = Distribution::of(tree)?;
    let some = |text: &Arc<str>| (!text.is_empty()).then(|| Arc::clone(text));
    Some(probity_sbom::Distribution {
        id: found.id.clone(),
        version_id: some(&found.version),
        version_codename: found.codename.clone(),
        name: some(&found.name),
        id_like: found.like.clone(),
    })
}

/// What is in a folder: what its lists of packages name, and where it is a root file system what is installed there.
pub(crate) fn of_folder(tree: &dyn Tree) -> (Inventory, Subject) {
    let distribution = distribution(tree);
    let mut inventory = lists(tree, distribution.is_some());
    let mut subject = Subject::default();
    if let Some(found) = distribution {
        let mut installed = catalogue_root(tree);
        installed.append(inventory);
        inventory = installed;
        subject.kind = SubjectKind::OperatingSystem;
        subject.distribution = Some(found);
    }
    (inventory, subject)
}
