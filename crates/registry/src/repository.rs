//! One repository, to read from and write to: manifests, small blobs, and what refers to an image. In a registry ([`Remote`]) or an OCI
//! layout on disk ([`crate::Layout`]), with the same words.

use std::collections::BTreeSet;

use reqwest::Method;
use reqwest::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE};
use serde_json::{Map, Value, json};

use crate::digest::Digest;
use crate::endpoint::Endpoint;
use crate::error::PullError;
use crate::pull::{LARGEST_MANIFEST, MANIFESTS, Registry, Settings};
use crate::reference::Reference;
use crate::session::{Asked, Failure, Fetched, Session, persist};
use crate::transport::Transport;

/// Type of an OCI manifest.
pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// Type of an OCI list of manifests.
pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// Type of the configuration of what has none.
pub const EMPTY: &str = "application/vnd.oci.empty.v1+json";
/// The content of a configuration of what has none.
pub const EMPTY_BYTES: &[u8] = b"{}";

/// Most pages of a list of referrers that are read.
const MOST_PAGES: usize = 64;
/// Most referrers that are given; a list with more is said to be cut.
pub const MOST_REFERRERS: usize = 4096;
/// Largest answer to something that was sent, in bytes.
const LARGEST_REPLY: u64 = 64 << 10;

/// What a manifest is asked for by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Name {
    /// Its digest.
    Digest(Digest),
    /// A tag.
    Tag(String),
}

impl Name {
    /// The digest of a reference where it has one, else its tag.
    #[must_use]
    pub fn of(reference: &Reference) -> Name {
        match (reference.digest(), reference.tag()) {
            (Some(digest), _) => Name::Digest(digest.clone()),
            (None, tag) => Name::Tag(tag.unwrap_or("latest").to_owned()),
        }
    }

    /// The tag under which what refers to an image is listed by registries that know no referrers (OCI distribution 1.1, "Referrers Tag
    /// Schema"), or where Cosign keeps signatures (`suffix` is `.sig`, `.att` or `.sbom`).
    #[must_use]
    pub fn beside(digest: &Digest, suffix: &str) -> Name {
        let tag: String = digest.as_str().replacen(':', "-", 1).chars().take(128 - suffix.len()).collect();
        Name::Tag(tag + suffix)
    }

    /// As it stands in an address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Name::Digest(digest) => digest.as_str(),
            Name::Tag(tag) => tag,
        }
    }
}

/// A manifest, or a list of manifests, whose bytes have the digest.
#[derive(Clone, Debug)]
pub struct Manifest {
    pub(crate) digest: Digest,
    pub(crate) kind: String,
    pub(crate) value: Value,
    pub(crate) bytes: Vec<u8>,
}

impl Manifest {
    /// One of these bytes, which are checked against a digest where one is told. `kind` is what was told of its type; its own word counts
    /// first.
    pub(crate) fn read(what: &str, told: Option<&Digest>, kind: &str, bytes: Vec<u8>) -> Result<Manifest, PullError> {
        if let Some(told) = told {
            let wrong = |found: Digest| PullError::Changed { what: what.to_owned(), told: told.clone(), found: found.to_string() };
            told.check(&bytes).map_err(wrong)?;
        }
        let broken = |why: String| PullError::Broken { what: what.to_owned(), why };
        let value: Value = serde_json::from_slice(&bytes).map_err(|error| broken(error.to_string()))?;
        let own = value.get("mediaType").and_then(Value::as_str).unwrap_or_default();
        let kind = if own.is_empty() { kind } else { own };
        let is_first = value.get("schemaVersion").and_then(Value::as_u64) == Some(1) || value.get("fsLayers").is_some();
        if is_first || kind.contains("distribution.manifest.v1") {
            return Err(PullError::SchemaOne);
        }
        // One that is a list for some and an image for others is neither (CVE-2021-41190).
        if value.get("manifests").is_some() && (value.get("layers").is_some() || value.get("config").is_some()) {
            return Err(broken("it is a list of images and an image at once".to_owned()));
        }
        let kind = kind.to_owned();
        let digest = told.cloned().unwrap_or_else(|| Digest::of(&bytes));
        Ok(Manifest { digest, kind, value, bytes })
    }

    /// One of these bytes, whatever their digest.
    ///
    /// # Errors
    /// [`PullError`] where they are no manifest.
    pub fn parse(bytes: Vec<u8>) -> Result<Manifest, PullError> {
        Manifest::read("the manifest", None, "", bytes)
    }

    /// Its digest.
    #[must_use]
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// Its type.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// Its bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Its content.
    #[must_use]
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// Whether it lists manifests.
    #[must_use]
    pub fn is_list(&self) -> bool {
        self.value.get("manifests").is_some()
    }

    /// What of it is told by whoever names it: its type, digest and size.
    #[must_use]
    pub fn descriptor(&self) -> Value {
        json!({ "mediaType": self.kind, "digest": self.digest.as_str(), "size": self.bytes.len() })
    }

    /// The digests of the manifests it lists; none where it lists none.
    ///
    /// # Errors
    /// An entry without a digest.
    pub fn children(&self) -> Result<Vec<Digest>, PullError> {
        let Some(entries) = self.value.get("manifests").and_then(Value::as_array) else { return Ok(Vec::new()) };
        let digest = |entry: &Value| entry.get("digest").and_then(Value::as_str).unwrap_or_default().parse();
        entries.iter().map(|entry| digest(entry).map_err(|_| self.broken("an entry of it has no digest"))).collect()
    }

    pub(crate) fn broken(&self, why: impl Into<String>) -> PullError {
        PullError::Broken { what: format!("the manifest `{}`", self.digest), why: why.into() }
    }
}

/// Something that refers to an image, as a list tells of it; its manifest may say otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Referrer {
    /// The digest of its manifest.
    pub digest: Digest,
    /// What it is: its artifact type, or the type of its configuration.
    pub artifact_type: String,
    /// Annotations, as the list tells.
    pub annotations: Map<String, Value>,
}

/// What refers to an image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Referrers {
    /// In the order of the list.
    pub found: Vec<Referrer>,
    /// Whether the list went on after [`MOST_REFERRERS`] entries, or after as many pages as are read.
    pub is_cut: bool,
}

impl Referrers {
    /// What a list has.
    ///
    /// # Errors
    /// [`PullError`] where it is no list, or an entry of it has no digest.
    pub fn of(list: &Value) -> Result<Referrers, PullError> {
        let mut found = Referrers::default();
        found.take(list, None, &mut BTreeSet::new())?;
        Ok(found)
    }

    /// Adds what a list has; false where there is no more room. One that stands there twice counts once.
    pub(crate) fn take(&mut self, list: &Value, wanted: Option<&str>, seen: &mut BTreeSet<Digest>) -> Result<bool, PullError> {
        let broken = |why: &str| PullError::Broken { what: "the list of referrers".to_owned(), why: why.to_owned() };
        let entries = list.get("manifests").and_then(Value::as_array).ok_or_else(|| broken("it lists nothing"))?;
        for entry in entries {
            let text = |key: &str| entry.get(key).and_then(Value::as_str).unwrap_or_default();
            let digest: Digest = text("digest").parse().map_err(|_| broken("an entry of it has no digest"))?;
            let artifact_type = text("artifactType").to_owned();
            if wanted.is_some_and(|wanted| wanted != artifact_type) || !seen.insert(digest.clone()) {
                continue;
            }
            if self.found.len() == MOST_REFERRERS {
                self.is_cut = true;
                return Ok(false);
            }
            let annotations = entry.get("annotations").and_then(Value::as_object).cloned().unwrap_or_default();
            self.found.push(Referrer { digest, artifact_type, annotations });
        }
        Ok(true)
    }
}

/// One repository, in a registry or on disk.
///
/// **What must hold:** what is given by a digest has it; what was pushed is there when the call returns; nothing is read without a bound.
pub trait Repository {
    /// A manifest; none where there is none of that name.
    ///
    /// # Errors
    /// [`PullError`] where it cannot be found out, or what comes is no manifest of that digest.
    fn manifest(&self, name: &Name) -> Result<Option<Manifest>, PullError>;

    /// A blob of at most so many bytes.
    ///
    /// # Errors
    /// [`PullError`] where it does not come, is larger, or is not what its digest says.
    fn blob(&self, digest: &Digest, limit: u64) -> Result<Vec<u8>, PullError>;

    /// What refers to a manifest, of one artifact type or of all.
    ///
    /// # Errors
    /// [`PullError`] where it cannot be found out.
    fn referrers(&self, subject: &Digest, artifact_type: Option<&str>) -> Result<Referrers, PullError>;

    /// Keeps a blob; its digest.
    ///
    /// # Errors
    /// [`PullError`] where it is not taken.
    fn push_blob(&self, bytes: &[u8]) -> Result<Digest, PullError>;

    /// Keeps a manifest, by its digest and under a tag where one is given; its digest. One that has a `subject` is listed among the
    /// referrers of that.
    ///
    /// # Errors
    /// [`PullError`] where it is not taken.
    fn push_manifest(&self, tag: Option<&str>, manifest: &Value) -> Result<Digest, PullError>;

    /// Where it is, for people: `registry.example/app`, or a folder.
    fn place(&self) -> String;
}

/// The type a manifest says it has.
pub(crate) fn kind_of(manifest: &Value) -> &str {
    manifest.get("mediaType").and_then(Value::as_str).unwrap_or(OCI_MANIFEST)
}

/// The digest of the manifest a manifest refers to.
pub(crate) fn subject_of(manifest: &Value) -> Option<Digest> {
    manifest.pointer("/subject/digest")?.as_str()?.parse().ok()
}

/// The artifact type of a manifest: its own, else the type of its configuration (OCI image specification 1.1).
pub(crate) fn artifact_type_of(manifest: &Value) -> &str {
    let own = manifest.get("artifactType").and_then(Value::as_str).filter(|kind| !kind.is_empty());
    own.or_else(|| manifest.pointer("/config/mediaType")?.as_str()).unwrap_or_default()
}

/// The entry of a list for a manifest.
pub(crate) fn entry_of(manifest: &Value, bytes: &[u8]) -> Value {
    let mut entry = json!({ "mediaType": kind_of(manifest), "digest": Digest::of(bytes).as_str(), "size": bytes.len() });
    if let Some(entry) = entry.as_object_mut() {
        let artifact_type = artifact_type_of(manifest);
        if !artifact_type.is_empty() {
            entry.insert("artifactType".to_owned(), artifact_type.into());
        }
        if let Some(annotations) = manifest.get("annotations") {
            entry.insert("annotations".to_owned(), annotations.clone());
        }
    }
    entry
}

/// A repository in a registry. Everything in it happens on the thread that asks.
pub struct Remote {
    runtime: tokio::runtime::Runtime,
    session: Session,
}

impl Registry {
    /// The repository of a reference, to read from: its mirror, where it has one. Nothing is sent yet.
    ///
    /// # Errors
    /// [`PullError`] where credentials cannot be found out, or no connection can be set up.
    pub fn repository(&self, reference: &Reference) -> Result<Remote, PullError> {
        let mirrors = &self.settings().mirrors;
        self.remote(Endpoint::of(reference, mirrors, self.settings().plain_http, !self.settings().authorities.is_empty()))
    }

    /// The repository of a reference itself, to write to: no mirror is asked.
    ///
    /// # Errors
    /// As [`Registry::repository`].
    pub fn origin(&self, reference: &Reference) -> Result<Remote, PullError> {
        self.remote(Endpoint::of(reference, &[], self.settings().plain_http, !self.settings().authorities.is_empty()))
    }

    fn remote(&self, endpoint: Endpoint) -> Result<Remote, PullError> {
        let Settings { timeout, authorities, plain_http, credentials, .. } = self.settings();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| PullError::Setup(error.to_string()))?;
        let credential = credentials.of(&endpoint.registry, &endpoint.repository)?;
        let transport = Transport { authorities, plain: *plain_http, deadline: *timeout };
        // Names are looked up, and connections closed, on threads of the runtime.
        let session = {
            let _entered = runtime.enter();
            Session::new(endpoint, credential, &transport, *timeout)?
        };
        Ok(Remote { runtime, session })
    }
}

/// Whether an answer says that there is nothing.
fn is_missing(error: &PullError) -> bool {
    error.status() == Some(404)
}

impl Remote {
    /// The address a registry names for what comes next.
    fn location(&self, fetched: &Fetched, what: &str) -> Result<reqwest::Url, PullError> {
        let broken = |why: String| PullError::Broken { what: what.to_owned(), why };
        let told = fetched.header("location");
        let url = fetched.url.join(told).map_err(|_| broken(format!("`{}` is no address to go on at", crate::error::told(told))))?;
        let is_safe = url.scheme() == "https" || url.scheme() == "http" && self.session.endpoint.plain;
        if told.is_empty() || !is_safe {
            return Err(broken("it names no safe address to go on at".to_owned()));
        }
        Ok(url)
    }

    async fn upload(&self, digest: &Digest, bytes: &[u8], what: &str) -> Result<(), Failure> {
        let length = "0";
        let url = self.session.endpoint.url("blobs/uploads/");
        let headers = [(CONTENT_LENGTH, length)];
        let begun = Asked { method: Method::POST, url: &url, headers: &headers, body: None, limit: LARGEST_REPLY, what };
        let begun = self.session.ask_once(&begun).await?;
        let mut place = self.location(&begun, what).map_err(Failure::last)?;
        place.query_pairs_mut().append_pair("digest", digest.as_str());
        let headers = [(CONTENT_TYPE, "application/octet-stream")];
        let sent = Asked { method: Method::PUT, url: place.as_str(), headers: &headers, body: Some(bytes), limit: LARGEST_REPLY, what };
        self.session.ask_once(&sent).await.map(drop)
    }

    /// What refers to a manifest, as the registry lists it; none where it knows no referrers.
    async fn listed(&self, subject: &Digest, artifact_type: Option<&str>) -> Result<Option<Referrers>, PullError> {
        let what = format!("the referrers of `{subject}`");
        let mut url = self.session.endpoint.url(&format!("referrers/{subject}"));
        if let Some(kind) = artifact_type {
            let query: String = kind.bytes().map(encoded).collect();
            url.push_str(&format!("?artifactType={query}"));
        }
        let (mut all, mut seen) = (Referrers::default(), BTreeSet::new());
        for page in 0..MOST_PAGES {
            let headers = [(ACCEPT, OCI_INDEX)];
            let asked = Asked { method: Method::GET, url: &url, headers: &headers, body: None, limit: LARGEST_MANIFEST, what: &what };
            let fetched = match self.session.ask(&asked).await {
                Ok(fetched) => fetched,
                Err(error) if page == 0 && matches!(error.status(), Some(400 | 404 | 405 | 406 | 501)) => return Ok(None),
                Err(error) => return Err(error),
            };
            if page == 0 && fetched.kind() != OCI_INDEX {
                return Ok(None);
            }
            let list: Value =
                serde_json::from_slice(&fetched.bytes).map_err(|error| PullError::Broken { what: what.clone(), why: error.to_string() })?;
            if !all.take(&list, artifact_type, &mut seen)? {
                return Ok(Some(all));
            }
            let Some(next) = next_page(fetched.header("link")) else { return Ok(Some(all)) };
            let next = fetched.url.join(&next).map_err(|error| PullError::Broken { what: what.clone(), why: error.to_string() })?;
            if !next.as_str().starts_with(&self.session.endpoint.base()) {
                return Err(PullError::Broken { what, why: "its next page is somewhere else".to_owned() });
            }
            url = next.to_string();
        }
        all.is_cut = true;
        Ok(Some(all))
    }

    async fn fetch_manifest(&self, name: &Name) -> Result<Option<Manifest>, PullError> {
        match named(&self.session, name).await {
            Ok(manifest) => Ok(Some(manifest)),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn put_manifest(&self, name: &Name, kind: &str, bytes: &[u8]) -> Result<Fetched, PullError> {
        let url = self.session.endpoint.url(&format!("manifests/{}", name.as_str()));
        let what = format!("the manifest `{}`", name.as_str());
        let headers = [(CONTENT_TYPE, kind)];
        let asked = Asked { method: Method::PUT, url: &url, headers: &headers, body: Some(bytes), limit: LARGEST_REPLY, what: &what };
        self.session.ask(&asked).await.map_err(PullError::not_taken)
    }

    /// Adds a manifest to the list under the tag that stands for referrers. Registries have no compare-and-swap: two who write at the
    /// same moment can lose one of both entries, so the list is read again until it has ours.
    async fn list(&self, subject: &Digest, entry: &Value) -> Result<(), PullError> {
        let tag = Name::beside(subject, "");
        for _ in 0..8 {
            let there = self.fetch_manifest(&tag).await?;
            let mut entries = match &there {
                Some(list) => {
                    let entries = list.value.get("manifests").and_then(Value::as_array);
                    entries.ok_or_else(|| list.broken("it should list referrers and lists nothing"))?.clone()
                }
                None => Vec::new(),
            };
            if entries.iter().any(|other| other.get("digest") == entry.get("digest")) {
                return Ok(());
            }
            entries.push(entry.clone());
            let bytes = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries }).to_string().into_bytes();
            if bytes.len() as u64 > LARGEST_MANIFEST {
                return Err(PullError::Large { what: format!("the list of referrers `{}`", tag.as_str()), limit: LARGEST_MANIFEST });
            }
            self.put_manifest(&tag, OCI_INDEX, &bytes).await?;
        }
        Err(PullError::Broken {
            what: format!("the list of referrers `{}`", tag.as_str()),
            why: "somebody else writes it at the same time, again and again".to_owned(),
        })
    }
}

/// Fetches a manifest by its name.
pub(crate) async fn named(session: &Session, name: &Name) -> Result<Manifest, PullError> {
    let what = format!("the manifest `{}`", name.as_str());
    let fetched = session.fetch(&format!("manifests/{}", name.as_str()), MANIFESTS, LARGEST_MANIFEST, &what).await?;
    let told = match name {
        Name::Digest(digest) => Some(digest.clone()),
        // The digest a registry tells is of no weight, unless it tells a wrong one.
        Name::Tag(_) => fetched.header("docker-content-digest").parse::<Digest>().ok(),
    };
    let kind = fetched.kind().to_owned();
    let told_one = Manifest::read(&what, told.as_ref(), &kind, fetched.bytes)?;
    Ok(told_one)
}

/// A byte as it stands in a query.
fn encoded(byte: u8) -> String {
    if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }
}

/// The address of the next page, of a header `Link` (RFC 8288).
fn next_page(link: &str) -> Option<String> {
    link.split(',').find_map(|one| {
        let (address, parameters) = one.trim().strip_prefix('<')?.split_once('>')?;
        let is_next = parameters.split(';').any(|part| matches!(part.trim(), "rel=\"next\"" | "rel=next"));
        is_next.then(|| address.to_owned())
    })
}

impl Repository for Remote {
    fn manifest(&self, name: &Name) -> Result<Option<Manifest>, PullError> {
        self.runtime.block_on(self.fetch_manifest(name))
    }

    fn blob(&self, digest: &Digest, limit: u64) -> Result<Vec<u8>, PullError> {
        let what = format!("`{digest}`");
        let fetched = self.runtime.block_on(self.session.fetch(&format!("blobs/{digest}"), "*/*", limit, &what))?;
        let wrong = |found: Digest| PullError::Changed { what: what.clone(), told: digest.clone(), found: found.to_string() };
        digest.check(&fetched.bytes).map_err(wrong)?;
        Ok(fetched.bytes)
    }

    fn referrers(&self, subject: &Digest, artifact_type: Option<&str>) -> Result<Referrers, PullError> {
        self.runtime.block_on(async {
            if let Some(found) = self.listed(subject, artifact_type).await? {
                return Ok(found);
            }
            let Some(list) = self.fetch_manifest(&Name::beside(subject, "")).await? else { return Ok(Referrers::default()) };
            let mut found = Referrers::default();
            found.take(&list.value, artifact_type, &mut BTreeSet::new())?;
            Ok(found)
        })
    }

    fn push_blob(&self, bytes: &[u8]) -> Result<Digest, PullError> {
        let digest = Digest::of(bytes);
        let what = format!("`{digest}`");
        self.runtime.block_on(async {
            let url = self.session.endpoint.url(&format!("blobs/{digest}"));
            let there = Asked { method: Method::HEAD, url: &url, headers: &[], body: None, limit: u64::MAX, what: &what };
            match self.session.ask(&there).await {
                Ok(_) => return Ok(()),
                Err(error) if is_missing(&error) => {}
                Err(error) => return Err(error),
            }
            persist(|| self.upload(&digest, bytes, &what)).await.map_err(PullError::not_taken)
        })?;
        Ok(digest)
    }

    fn push_manifest(&self, tag: Option<&str>, manifest: &Value) -> Result<Digest, PullError> {
        let bytes = manifest.to_string().into_bytes();
        let digest = Digest::of(&bytes);
        self.runtime.block_on(async {
            let name = tag.map_or_else(|| Name::Digest(digest.clone()), |tag| Name::Tag(tag.to_owned()));
            let answer = self.put_manifest(&name, kind_of(manifest), &bytes).await?;
            let Some(subject) = subject_of(manifest) else { return Ok(()) };
            // A registry that knows referrers says so (OCI distribution 1.1, "Pushing Manifests with Subject").
            if answer.header("oci-subject") == subject.as_str() {
                return Ok(());
            }
            self.list(&subject, &entry_of(manifest, &bytes)).await
        })?;
        Ok(digest)
    }

    fn place(&self) -> String {
        format!("{}/{}", self.session.endpoint.registry, self.session.endpoint.repository)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page() {
        let check = |link: &str, expected: Option<&str>| assert_eq!(next_page(link).as_deref(), expected, "{link}");
        check("", None);
        check("</v2/a/referrers/x?n=2>; rel=\"next\"", Some("/v2/a/referrers/x?n=2"));
        check("<a>; rel=\"first\", <b>; rel=next", Some("b"));
        check("<a>", None);
        check("a; rel=\"next\"", None);
    }

    #[test]
    fn tags_beside_an_image() {
        let digest = Digest::of(b"");
        let hex = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(Name::beside(&digest, ".sig").as_str(), format!("sha256-{hex}.sig"));
        assert_eq!(Name::beside(&digest, "").as_str(), format!("sha256-{hex}"));
        let long: Digest = format!("sha512:{}", "a".repeat(128)).parse().unwrap();
        assert_eq!(Name::beside(&long, ".sig").as_str().len(), 128);
    }
}
