//! Images that are signed, attested and verified: what names one, in a registry or in an OCI layout on disk.

use std::path::Path;

use anyhow::{Result, anyhow};
use probity_registry::{Layout, Manifest, Name, PullError, Reference, Registry, Repository};
use probity_signatures::{VerifyImageError, by_digest, resolve};

use crate::arguments::ImageArguments;
use crate::{Wrong, output, registry};

/// What is done with an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Its signatures are read; a mirror may be asked.
    Read,
    /// Something is kept beside it.
    Write,
}

/// An image, resolved to its digest.
pub(crate) struct Image {
    /// Its name as it was given.
    pub(crate) given: String,
    /// Its name by its digest.
    pub(crate) name: String,
    /// Its repository's name, as signatures tell it.
    pub(crate) repository_name: String,
    /// Its name in a registry, as policies know it; none for a layout.
    pub(crate) reference: Option<Reference>,
    /// Its registry; empty for a layout.
    pub(crate) registry: String,
    /// Its manifest.
    pub(crate) manifest: Manifest,
    /// Where it lies, and what lies beside it.
    pub(crate) repository: Box<dyn Repository>,
}

impl Image {
    /// An error of its registry, told.
    pub(crate) fn told(&self, error: &PullError) -> anyhow::Error {
        registry::told(&self.given, &self.registry, error)
    }

    /// An error about it, told.
    pub(crate) fn failed(&self, error: &VerifyImageError) -> anyhow::Error {
        match error {
            VerifyImageError::Registry(error) => self.told(error),
            other => anyhow!("`{}`: {other}", self.given),
        }
    }
}

/// A layout on disk that a text names, and the name of an image in it.
fn layout(text: &str) -> Option<(Layout, Option<&str>)> {
    if let Some(layout) = Layout::open(Path::new(text)) {
        return Some((layout, None));
    }
    let (folder, tag) = text.rsplit_once(':')?;
    Layout::open(Path::new(folder)).map(|layout| (layout, Some(tag)))
}

/// The image that a text names; none where it names a file, or nothing that could be an image.
pub(crate) fn open(text: &str, arguments: &ImageArguments, access: Access) -> Result<Option<Image>> {
    if let Some((layout, tag)) = layout(text) {
        return of_layout(text, layout, tag).map(Some);
    }
    let Some(reference) = registry::named(Path::new(text))? else { return Ok(None) };
    let registry = Registry::new(registry::settings(arguments)?);
    let told = |error: &PullError| registry::told(text, reference.registry(), error);
    let remote = match access {
        Access::Read => registry.repository(&reference),
        Access::Write => registry.origin(&reference),
    };
    let remote = remote.map_err(|error| told(&error))?;
    let manifest = resolve(&remote, &Name::of(&reference)).map_err(|error| match error {
        VerifyImageError::Registry(error) => told(&error),
        other => Wrong::hint(format!("`{reference}`: {other}"), None).into(),
    })?;
    let name = by_digest(&reference, manifest.digest());
    if reference.digest().is_none() {
        output::talk(&format!("`{reference}` is `{}`", manifest.digest()));
    }
    Ok(Some(Image {
        given: text.to_owned(),
        name,
        repository_name: repository_name(&reference),
        registry: reference.registry().to_owned(),
        reference: Some(reference),
        manifest,
        repository: Box::new(remote),
    }))
}

/// The name of a repository as Cosign puts it into signatures.
fn repository_name(reference: &Reference) -> String {
    let registry = if reference.registry() == "docker.io" { "index.docker.io" } else { reference.registry() };
    format!("{registry}/{}", reference.repository())
}

fn of_layout(text: &str, layout: Layout, tag: Option<&str>) -> Result<Image> {
    let told = |error: PullError| Wrong::hint(format!("`{text}`: {error}"), None);
    let images = layout.images().map_err(told)?;
    let listed: Vec<&str> = images.iter().filter_map(|(name, _)| name.as_deref()).collect();
    let which =
        || format!("it holds {}", if listed.is_empty() { format!("{} images without names", images.len()) } else { listed.join(", ") });
    let digest = match (tag, images.as_slice()) {
        (Some(tag), all) => all.iter().find(|(name, digest)| name.as_deref() == Some(tag) || digest.as_str().ends_with(tag)),
        (None, [one]) => Some(one),
        (None, _) => None,
    };
    let Some((name, digest)) = digest else {
        return Err(Wrong::hint(format!("`{text}` names no one image"), Some(&format!("{}; write FOLDER:NAME", which()))).into());
    };
    let manifest = resolve(&layout, &Name::Digest(digest.clone())).map_err(|error| anyhow!("`{text}`: {error}"))?;
    Ok(Image {
        given: text.to_owned(),
        name: format!("{text}@{digest}"),
        repository_name: name.clone().unwrap_or_default(),
        reference: None,
        registry: String::new(),
        manifest,
        repository: Box::new(layout),
    })
}
