//! What a bill of materials is about, who wrote it, and when.

use std::sync::Arc;

use probity_packages::Purl;

/// What kind of thing the packages were found in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SubjectKind {
    /// A project, folder or program.
    #[default]
    Application,
    /// An image of a container.
    Container,
    /// A root file system.
    OperatingSystem,
    /// A single file or archive.
    File,
}

/// The distribution of an operating system, as `/etc/os-release` tells it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Distribution {
    /// `ID`: `debian`.
    pub id: Arc<str>,
    /// `VERSION_ID`: `12`; rolling distributions have none.
    pub version_id: Option<Arc<str>>,
    /// `VERSION_CODENAME`: `bookworm`.
    pub version_codename: Option<Arc<str>>,
    /// `PRETTY_NAME`: `Debian GNU/Linux 12 (bookworm)`.
    pub name: Option<Arc<str>>,
    /// `ID_LIKE`: the distributions it is made from, the nearest first.
    pub id_like: Vec<Arc<str>>,
}

/// What the packages were found in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subject {
    /// Its name: a folder's, or an image's with registry and path.
    pub name: Arc<str>,
    /// Its version, or an image's tag.
    pub version: Option<Arc<str>>,
    /// What it is.
    pub kind: SubjectKind,
    /// Its package URL: `pkg:oci/...`.
    pub purl: Option<Purl>,
    /// Its digest: `sha256:...`.
    pub digest: Option<Arc<str>>,
    /// The distribution in it.
    pub distribution: Option<Distribution>,
}

/// All that a bill of materials says besides the packages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Description {
    /// What it is about.
    pub subject: Subject,
    /// Name of the program that writes it.
    pub tool: Arc<str>,
    /// Version of that program.
    pub tool_version: Arc<str>,
    /// When it is written. Without it the same packages give the same bytes at any time.
    pub time: Option<jiff::Timestamp>,
}
