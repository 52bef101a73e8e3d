//! Container images and root file systems on disk, as something to list and to judge.

use std::fs::File;
use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use probity_archive::Limits;
use probity_core::Tree;
use probity_images::{
    Blob, Choice, Distribution, FileSystem, ImageError, Options, Scratch, Store, catalogue_root, open_archive, read_image, read_root,
};
use probity_packages::{Inventory, Purl, catalogue};
use probity_sbom::{Subject, SubjectKind};

use crate::Wrong;
use crate::layers::Layers;

/// A file on disk, read where it is asked for.
struct OnDisk {
    file: File,
    size: u64,
}

impl OnDisk {
    fn open(path: &Path) -> io::Result<Arc<dyn Blob>> {
        let file = File::open(path)?;
        let size = file.metadata()?.len();
        Ok(Arc::new(OnDisk { file, size }))
    }
}

impl Blob for OnDisk {
    fn size(&self) -> u64 {
        self.size
    }

    #[cfg(unix)]
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        use std::os::unix::fs::FileExt as _;
        self.file.read_at(buffer, offset)
    }

    #[cfg(not(unix))]
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        use std::io::{Seek as _, SeekFrom};
        let mut file = self.file.try_clone()?;
        file.seek(SeekFrom::Start(offset))?;
        file.read(buffer)
    }
}

/// Keeps unpacked layers in files without a name.
struct Temporary;

impl Scratch for Temporary {
    fn keep(&self, content: &mut dyn Read) -> io::Result<Arc<dyn Blob>> {
        let mut file = tempfile::tempfile()?;
        let size = io::copy(content, &mut file)?;
        file.flush()?;
        Ok(Arc::new(OnDisk { file, size }))
    }
}

/// An OCI layout on disk.
struct Layout(PathBuf);

impl Store for Layout {
    fn open(&self, path: &str) -> Option<Arc<dyn Blob>> {
        // The names come from the image: none leads out of its folder.
        let path = probity_files::normalise(path)?;
        OnDisk::open(&self.0.join(path)).ok()
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
pub(crate) fn is_image(path: &Path) -> bool {
    if path.is_dir() {
        return path.join("oci-layout").is_file() && path.join("index.json").is_file();
    }
    let name = path.file_name().map(|name| name.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    path.is_file() && [".tar", ".tar.gz", ".tgz", ".tar.zst", ".oci"].iter().any(|end| name.ends_with(end))
}

/// Opens an image: an OCI layout, an archive as `docker save` writes it, or an archive of a root file system.
pub(crate) fn open(path: &Path, max_file_size: u64) -> Result<Opened> {
    let options = Options { limits: Limits::default(), max_file_size: max_file_size.saturating_mul(1 << 20), scratch: &Temporary };
    let wrong = |error: ImageError| Wrong::hint(format!("`{}`: {error}", path.display()), None);
    let disk = || OnDisk::open(path).with_context(|| format!("`{}` cannot be read", path.display()));
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let image = if path.is_dir() {
        Some(read_image(&Layout(path.to_path_buf()), Choice::First, &options).map_err(wrong)?)
    } else {
        let store = open_archive(disk()?, &options).map_err(wrong)?;
        let is_layout = store.open("manifest.json").is_some() || store.open("index.json").is_some();
        if is_layout { Some(read_image(&store, Choice::First, &options).map_err(wrong)?) } else { None }
    };
    let (files, layers, mut inventory, mut subject) = match image {
        Some(mut image) => {
            let inventory = image.inventory();
            let subject = Subject {
                name: image.names.first().cloned().unwrap_or_else(|| name.into()),
                kind: SubjectKind::Container,
                digest: Some(Arc::clone(&image.digest)),
                ..Subject::default()
            };
            let files = Arc::new(std::mem::take(&mut image.files));
            let layers = Layers::of_image(&image, Arc::clone(&files));
            (files, layers, inventory, subject)
        }
        None => {
            let files = read_root(disk()?, &options).map_err(wrong)?;
            let mut inventory = catalogue_root(&files);
            inventory.problems.extend(files.problems().iter().cloned());
            let files = Arc::new(files);
            (
                Arc::clone(&files),
                Layers::of_root(files),
                inventory,
                Subject { name: name.into(), kind: SubjectKind::OperatingSystem, ..Subject::default() },
            )
        }
    };
    let mut lists = lists(&*files, true);
    files.attribute(&mut lists);
    inventory.append(lists);
    subject.distribution = distribution(&*files);
    Ok(Opened { files, layers: Arc::new(layers), inventory, subject })
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
