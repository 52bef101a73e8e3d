//! What lies beside an image: where it is looked for, and how much of it.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Instant;

use probity_attest::bundle::MEDIA_TYPE as BUNDLE;
use probity_registry::{Digest, Manifest, Name, PullError, Referrers, Repository};
use probity_sigstore::{Bundle, Content, MAX_BUNDLE, Step, VerifyError};
use serde_json::Value;

use crate::legacy;
use crate::write::SIGNATURE;

/// Most signatures and attestations of one image that are looked at.
pub const MOST_CANDIDATES: usize = 1000;
/// What the types of bundles begin with, older versions among them.
const BUNDLES: &str = "application/vnd.dev.sigstore.bundle";

/// How a signature is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Form {
    /// A Sigstore bundle that refers to the image (OCI 1.1), as Cosign keeps them since its version 3.
    Bundle,
    /// A layer under the tag `sha256-DIGEST.sig` or `.att`.
    Legacy,
}

impl Form {
    /// Both, in the order in which they are looked at.
    pub const ALL: [Form; 2] = [Form::Bundle, Form::Legacy];
}

/// What is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Signatures of the image.
    Signature,
    /// Statements about it.
    Attestation,
}

/// Where something was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// It refers to the image; the digest of its manifest.
    Referrer(Digest),
    /// Under a tag, in that layer, counted from 0.
    Tag(String, usize),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Referrer(digest) => write!(f, "the referrer `{digest}`"),
            Place::Tag(tag, layer) => write!(f, "`{tag}`, layer {layer}"),
        }
    }
}

/// How much is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most signatures and attestations.
    pub candidates: usize,
    /// When to stop, whatever is left; each call of a registry has its own deadline besides.
    pub until: Option<Instant>,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { candidates: MOST_CANDIDATES, until: None }
    }
}

/// Something that was found. Nothing of it is proven.
#[derive(Debug)]
pub struct Found {
    /// Where.
    pub place: Place,
    /// The bundle, or what a legacy layer says put as one; or why it cannot be read.
    pub bundle: Result<Bundle, VerifyError>,
    /// The bytes that a legacy signature signs, which name the image.
    pub payload: Option<Vec<u8>>,
}

impl Found {
    /// What it is, by its own word.
    fn kind(&self) -> Option<Kind> {
        let bundle = self.bundle.as_ref().ok()?;
        Some(match bundle.content() {
            Content::Message => Kind::Signature,
            Content::Statement(statement) if statement.predicate_type == SIGNATURE => Kind::Signature,
            Content::Statement(_) => Kind::Attestation,
        })
    }
}

/// How a search ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Everything was looked at.
    All,
    /// The visitor had enough.
    Enough,
    /// A bound was met.
    Cut(&'static str),
}

/// Shows what lies beside an image, one after the other, until `visitor` says that it has enough (`false`). What is of another kind than
/// asked for is left out; what cannot be read is shown. `prefix` is what Cosign's older tags begin with; empty as a rule.
///
/// # Errors
/// [`PullError`] where the registry cannot be asked. What it gives and is broken is shown as such.
#[expect(clippy::disallowed_methods, reason = "a search has to end, whatever the registry does")]
pub fn visit(
    repository: &dyn Repository,
    image: &Digest,
    kind: Kind,
    forms: &[Form],
    prefix: &str,
    limits: &Limits,
    visitor: &mut dyn FnMut(Found) -> bool,
) -> Result<End, PullError> {
    let mut left = limits.candidates;
    let mut show = |found: Found| -> Option<End> {
        if limits.until.is_some_and(|until| Instant::now() > until) {
            return Some(End::Cut("the time for it ran out"));
        }
        let Some(less) = left.checked_sub(1) else { return Some(End::Cut("there are more than are looked at")) };
        left = less;
        if found.kind().is_some_and(|other| other != kind) {
            return None;
        }
        (!visitor(found)).then_some(End::Enough)
    };
    let mut cut = None;
    for form in forms {
        let end = match form {
            Form::Bundle => bundles(repository, image, kind, &mut show, &mut cut)?,
            Form::Legacy => {
                let suffix = if kind == Kind::Signature { ".sig" } else { ".att" };
                layers(repository, image, prefix, suffix, &mut show)?
            }
        };
        if let Some(end) = end {
            return Ok(end);
        }
    }
    Ok(cut.map_or(End::All, End::Cut))
}

type Show<'a> = dyn FnMut(Found) -> Option<End> + 'a;

/// Shows bundles that refer to an image.
fn bundles(
    repository: &dyn Repository,
    image: &Digest,
    kind: Kind,
    show: &mut Show<'_>,
    cut: &mut Option<&'static str>,
) -> Result<Option<End>, PullError> {
    // Registries may not tell types, and older bundles have others: what is no bundle is left out here.
    let Referrers { found, is_cut } = repository.referrers(image, None)?;
    if is_cut {
        *cut = Some("more refers to the image than is looked at");
    }
    let mut seen = BTreeSet::new();
    for referrer in found {
        let told = &referrer.artifact_type;
        if !told.is_empty() && !told.starts_with(BUNDLES) || !seen.insert(referrer.digest.clone()) {
            continue;
        }
        // What the list says of a predicate saves fetching what is of no use; a list that lies hides something, and shows nothing.
        let predicate = referrer.annotations.get("dev.sigstore.bundle.predicateType").and_then(Value::as_str);
        if predicate.is_some_and(|predicate| (predicate == SIGNATURE) != (kind == Kind::Signature)) {
            continue;
        }
        let place = Place::Referrer(referrer.digest.clone());
        let bundle = match bundle(repository, image, &referrer.digest)? {
            Ok(Some(bundle)) => Ok(bundle),
            Ok(None) => continue,
            Err(error) => Err(error),
        };
        if let Some(end) = show(Found { place, bundle, payload: None }) {
            return Ok(Some(end));
        }
    }
    Ok(None)
}

/// The bundle of a manifest that refers to an image; none where it is something else.
fn bundle(repository: &dyn Repository, image: &Digest, digest: &Digest) -> Result<Result<Option<Bundle>, VerifyError>, PullError> {
    let wrong = |why: String| VerifyError { step: Step::Bundle, why };
    let manifest = match repository.manifest(&Name::Digest(digest.clone())) {
        Ok(Some(manifest)) => manifest,
        Ok(None) => return Ok(Err(wrong("it is listed and is not there".to_owned()))),
        Err(error) => return told(error).map(Err),
    };
    let value = manifest.value();
    let text = |value: &Value, path: &str| value.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
    let artifact_type = match text(value, "/artifactType") {
        own if own.is_empty() => text(value, "/config/mediaType"),
        own => own,
    };
    if !artifact_type.starts_with(BUNDLES) {
        return Ok(Ok(None));
    }
    if text(value, "/subject/digest") != image.as_str() {
        return Ok(Err(wrong("it refers to another image than it is listed for".to_owned())));
    }
    let layers = value.get("layers").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let [layer] = layers else { return Ok(Err(wrong(format!("it should hold one bundle and has {} layers", layers.len())))) };
    if !text(layer, "/mediaType").starts_with(BUNDLES) {
        return Ok(Err(wrong("its layer is no bundle".to_owned())));
    }
    let Ok(digest) = text(layer, "/digest").parse() else { return Ok(Err(wrong("its layer has no digest".to_owned()))) };
    match repository.blob(&digest, MAX_BUNDLE as u64) {
        Ok(bytes) => Ok(Bundle::parse(&bytes).map(Some)),
        Err(error) => told(error).map(Err),
    }
}

/// What a registry gives and is broken condemns that one thing; what it does not answer condemns the search.
fn told(error: PullError) -> Result<VerifyError, PullError> {
    match error {
        PullError::Changed { .. } | PullError::Broken { .. } | PullError::Large { .. } | PullError::SchemaOne => {
            Ok(VerifyError { step: Step::Bundle, why: error.to_string() })
        }
        other => Err(other),
    }
}

/// Shows the layers under one of Cosign's tags.
fn layers(repository: &dyn Repository, image: &Digest, prefix: &str, suffix: &str, show: &mut Show<'_>) -> Result<Option<End>, PullError> {
    let name = match Name::beside(image, suffix) {
        Name::Tag(tag) => Name::Tag(format!("{prefix}{tag}")),
        other => other,
    };
    let Some(manifest) = repository.manifest(&name)? else { return Ok(None) };
    let layers = manifest.value().get("layers").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    for (at, layer) in layers.iter().enumerate() {
        let place = Place::Tag(name.as_str().to_owned(), at);
        let found = match read_layer(repository, &manifest, layer)? {
            Ok((bundle, payload)) => Found { place, bundle: Ok(bundle), payload },
            Err(error) => Found { place, bundle: Err(error), payload: None },
        };
        if let Some(end) = show(found) {
            return Ok(Some(end));
        }
    }
    Ok(None)
}

type Layer = Result<(Bundle, Option<Vec<u8>>), VerifyError>;

fn read_layer(repository: &dyn Repository, _manifest: &Manifest, layer: &Value) -> Result<Layer, PullError> {
    let wrong = |why: String| VerifyError { step: Step::Bundle, why };
    let digest = layer.get("digest").and_then(Value::as_str).unwrap_or_default();
    let Ok(digest) = digest.parse::<Digest>() else { return Ok(Err(wrong("its layer has no digest".to_owned()))) };
    let bytes = match repository.blob(&digest, MAX_BUNDLE as u64) {
        Ok(bytes) => bytes,
        Err(error) => return told(error).map(Err),
    };
    Ok(legacy::read(layer, bytes).map_err(|error| wrong(error.to_string())))
}

/// The type of bundles that are written.
pub(crate) const WRITTEN: &str = BUNDLE;
