//! An image, fetched: the digest a name stands for, the image for a platform, its configuration and layers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt as _, TryStreamExt as _};
use probity_archive::Limits;
use probity_images::{Blob, Store};
use serde_json::{Value, json};

use crate::blobs::{Blobs, Descriptor};
use crate::credentials::Credentials;
use crate::digest::Digest;
use crate::endpoint::{Endpoint, Mirror};
use crate::error::PullError;
use crate::platform::Platform;
use crate::reference::Reference;
use crate::repository::{Manifest, Name, named};
use crate::session::Session;
use crate::transport::Transport;

/// Types of manifests and lists of them, for the header `Accept`.
pub(crate) const MANIFESTS: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, \
     application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json";
/// Largest manifest, in bytes.
pub(crate) const LARGEST_MANIFEST: u64 = 4 << 20;
/// Largest configuration, in bytes.
const LARGEST_CONFIG: u64 = 16 << 20;
/// Most layers of an image.
const MOST_LAYERS: usize = 4096;
/// Most lists of images that are looked into for one image.
const MOST_LISTS: usize = 16;
/// How many parts are fetched at a time.
const AT_A_TIME: usize = 2;

/// How registries are asked.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How long an answer that is read into memory may take, and how long a layer may stall.
    pub timeout: Duration,
    /// Authorities that sign certificates of registries, as PEM, beside those of the system.
    pub authorities: Vec<Vec<u8>>,
    /// Ask every registry without TLS. One on this machine is asked so anyway, unless authorities are named.
    pub plain_http: bool,
    /// Registries to ask in place of others; the first that fits counts.
    pub mirrors: Vec<Mirror>,
    /// Where credentials are looked for.
    pub credentials: Credentials,
    /// Bounds of an image: all its parts together, packed, have no more bytes than [`Limits::bytes_total`].
    pub limits: Limits,
}

/// What fetches images from registries. Nothing is set up, and nothing is sent, before something is asked for.
#[derive(Clone, Debug)]
pub struct Registry {
    settings: Settings,
}

/// An image, fetched. As a [`Store`] it is an OCI layout that holds this one image.
pub struct Pulled {
    /// Its name, as it was asked for.
    pub reference: Reference,
    /// The digest of its manifest.
    pub digest: Digest,
    /// What it is for, as the list it was chosen from or its configuration says.
    pub platform: Option<Platform>,
    /// What there is beside it under that name, for other platforms.
    pub others: Vec<Platform>,
    files: BTreeMap<String, Arc<dyn Blob>>,
}

impl Store for Pulled {
    fn open(&self, path: &str) -> Option<Arc<dyn Blob>> {
        self.files.get(path).cloned()
    }
}

impl Registry {
    /// One that asks so.
    #[must_use]
    pub fn new(settings: Settings) -> Registry {
        Registry { settings }
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Fetches the image of a name: for a platform, else for `linux/amd64`, else the first there is.
    ///
    /// # Errors
    /// [`PullError`] where anything of it does not come, or is not what its digest says.
    pub fn pull(&self, reference: &Reference, platform: Option<&Platform>) -> Result<Pulled, PullError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| PullError::Setup(error.to_string()))?;
        let pulled = runtime.block_on(self.fetch(reference, platform));
        // Somebody who is still looking up a name is not waited for.
        runtime.shutdown_background();
        pulled
    }

    async fn fetch(&self, reference: &Reference, platform: Option<&Platform>) -> Result<Pulled, PullError> {
        let Settings { timeout, authorities, plain_http, mirrors, credentials, limits } = &self.settings;
        let transport = Transport { authorities, plain: *plain_http, deadline: *timeout };
        let endpoint = Endpoint::of(reference, mirrors, *plain_http, !authorities.is_empty());
        let credential = credentials.of(&endpoint.registry, &endpoint.repository)?;
        let session = Session::new(endpoint, credential, &transport, *timeout)?;
        let named = manifest(&session, reference.digest(), reference.tag()).await?;
        let (manifest, told, others) = if named.is_list() { chosen(&session, named, platform).await? } else { (named, None, Vec::new()) };
        let parts = Parts::read(&manifest, limits)?;
        let path = format!("manifests/{}", manifest.digest);
        let blobs = &Blobs::open(&session, &transport, &path).await?;
        let mut files: BTreeMap<String, Arc<dyn Blob>> = BTreeMap::new();
        let config = blobs.fetch(&parts.config).await?.map(Arc::new);
        let config = config.ok_or_else(|| manifest.broken("its configuration is not there"))?;
        let of_config = of_config(&*config);
        if let (Some(wanted), None) = (platform, &told) {
            let there = of_config.as_ref().map_or("one that tells no platform".to_owned(), Platform::to_string);
            if !of_config.as_ref().is_some_and(|found| wanted.takes(found)) {
                return Err(PullError::Platform { wanted: wanted.clone(), there });
            }
        }
        files.insert(parts.config.digest.path(), config);
        // The same layer may be there twice.
        let layers: BTreeMap<&Digest, &Descriptor> = parts.layers.iter().map(|layer| (&layer.digest, layer)).collect();
        let mut arriving = futures_util::stream::iter(layers.into_values())
            .map(|layer| async move { blobs.fetch(layer).await.map(|blob| (layer, blob)) })
            .buffer_unordered(AT_A_TIME);
        while let Some((layer, blob)) = arriving.try_next().await? {
            // What may miss and does is told when the image is read.
            if let Some(blob) = blob {
                files.insert(layer.digest.path(), Arc::new(blob));
            }
        }
        drop(arriving);
        let platform = told.or(of_config);
        files.insert("oci-layout".to_owned(), Arc::new(json!({ "imageLayoutVersion": "1.0.0" }).to_string().into_bytes()));
        files.insert("index.json".to_owned(), Arc::new(index(reference, &manifest, platform.as_ref())));
        let digest = manifest.digest.clone();
        files.insert(digest.path(), Arc::new(manifest.bytes));
        Ok(Pulled { reference: reference.clone(), digest, platform, others, files })
    }
}

/// The list of images of the layout.
fn index(reference: &Reference, manifest: &Manifest, platform: Option<&Platform>) -> Vec<u8> {
    let mut entry = json!({
        "mediaType": manifest.kind,
        "digest": manifest.digest.as_str(),
        "size": manifest.bytes.len(),
        "annotations": { "io.containerd.image.name": reference.to_string() },
    });
    if let (Some(entry), Some(platform)) = (entry.as_object_mut(), platform) {
        entry.insert("platform".to_owned(), platform.to_json());
    }
    json!({ "schemaVersion": 2, "manifests": [entry] }).to_string().into_bytes()
}

/// The platform a configuration tells; none where it is no configuration of an image, which is told when the image is read.
fn of_config(blob: &dyn Blob) -> Option<Platform> {
    let mut bytes = vec![0; usize::try_from(blob.size()).ok()?];
    let mut at = 0;
    while let Some(rest) = bytes.get_mut(at..).filter(|rest| !rest.is_empty()) {
        match blob.read_at(at as u64, rest).ok()? {
            0 => return None,
            read => at += read,
        }
    }
    Platform::of(&serde_json::from_slice(&bytes).ok()?)
}

/// Fetches a manifest by its digest, else by its tag.
async fn manifest(session: &Session, digest: Option<&Digest>, tag: Option<&str>) -> Result<Manifest, PullError> {
    let name = digest.map_or_else(|| Name::Tag(tag.unwrap_or_default().to_owned()), |digest| Name::Digest(digest.clone()));
    named(session, &name).await
}

/// The image of a list that is meant, what it is for, and what the others are for.
async fn chosen(
    session: &Session,
    list: Manifest,
    wanted: Option<&Platform>,
) -> Result<(Manifest, Option<Platform>, Vec<Platform>), PullError> {
    let mut images: Vec<(Digest, Option<Platform>)> = Vec::new();
    let mut lists = vec![list];
    let mut looked_into = 0;
    while let Some(list) = lists.pop() {
        looked_into += 1;
        if looked_into > MOST_LISTS {
            return Err(list.broken(format!("more than {MOST_LISTS} lists of images lie in each other")));
        }
        let entries = list.value.get("manifests").and_then(Value::as_array).ok_or_else(|| list.broken("`manifests` is no list"))?;
        for entry in entries {
            let text = |key: &str| entry.get(key).and_then(Value::as_str).unwrap_or_default();
            let digest: Digest = text("digest").parse().map_err(|_| list.broken("an image in it has no digest"))?;
            let platform = entry.get("platform").and_then(Platform::of);
            let is_attestation = entry.pointer("/annotations/vnd.docker.reference.type").is_some()
                || platform.as_ref().is_some_and(|platform| platform.is_unknown());
            if is_attestation || images.iter().any(|(known, _)| *known == digest) {
                continue;
            }
            if text("mediaType").contains("index") || text("mediaType").contains("manifest.list") {
                let inner = manifest(session, Some(&digest), None).await?;
                if inner.is_list() {
                    lists.push(inner);
                    continue;
                }
            }
            images.push((digest, platform));
        }
    }
    if images.is_empty() {
        return Err(PullError::Broken { what: "the list of images".to_owned(), why: "there is no image in it".to_owned() });
    }
    let find = |wanted: &Platform| images.iter().position(|(_, platform)| platform.as_ref().is_some_and(|one| wanted.takes(one)));
    let there = || images.iter().filter_map(|(_, platform)| platform.as_ref()).map(Platform::to_string).collect::<Vec<_>>().join(", ");
    let at = match wanted {
        Some(wanted) => find(wanted).ok_or_else(|| PullError::Platform { wanted: wanted.clone(), there: there() })?,
        None => find(&Platform::usual()).unwrap_or(0),
    };
    let (digest, platform) = images.remove(at);
    let image = manifest(session, Some(&digest), None).await?;
    if image.is_list() {
        return Err(image.broken("it should be an image and is a list of images"));
    }
    Ok((image, platform, images.into_iter().filter_map(|(_, platform)| platform).collect()))
}

/// The parts of an image.
struct Parts {
    config: Descriptor,
    layers: Vec<Descriptor>,
}

impl Parts {
    fn read(manifest: &Manifest, limits: &Limits) -> Result<Parts, PullError> {
        let broken = |why: &str| manifest.broken(why);
        let descriptor = |value: &Value| -> Result<Descriptor, PullError> {
            let text = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default();
            let digest: Digest = text("digest").parse().map_err(|_| broken("a part of it has no digest"))?;
            let size = value.get("size").and_then(Value::as_u64).ok_or_else(|| broken("a part of it has no size"))?;
            let may_miss = ["foreign", "nondistributable"].iter().any(|word| text("mediaType").contains(word));
            Ok(Descriptor { digest, size, may_miss })
        };
        let config = descriptor(manifest.value.get("config").ok_or_else(|| broken("it names no configuration"))?)?;
        let layers = manifest.value.get("layers").and_then(Value::as_array).ok_or_else(|| broken("it has no layers"))?;
        if layers.len() > MOST_LAYERS {
            return Err(broken(&format!("it has more than {MOST_LAYERS} layers")));
        }
        let layers = layers.iter().map(descriptor).collect::<Result<Vec<_>, _>>()?;
        if config.size > LARGEST_CONFIG {
            return Err(PullError::Large { what: "the configuration of the image".to_owned(), limit: LARGEST_CONFIG });
        }
        let all = layers.iter().fold(config.size, |sum, layer| sum.saturating_add(layer.size));
        if all > limits.bytes_total {
            return Err(PullError::Large { what: "the image".to_owned(), limit: limits.bytes_total });
        }
        Ok(Parts { config, layers })
    }
}
