//! Whether what lies beside an image proves what is demanded of it.

use std::collections::BTreeMap;

use probity_core::Timestamp;
use probity_registry::{Digest, Manifest, Name, PullError, Reference, Repository};
use probity_sigstore::{Artifact, Policy, Step, TrustRoot, Verified, VerifyError, verify};
use serde_json::{Map, Value};

use crate::find::{End, Form, Found, Kind, Limits, Place, visit};
use crate::legacy;

/// What is demanded of an image.
#[derive(Clone, Debug)]
pub struct Demand {
    /// Signatures, or statements.
    pub kind: Kind,
    /// Who has to have signed, and what has to come with it.
    pub policy: Policy,
    /// The type a statement must have; none for any.
    pub predicate_type: Option<String>,
    /// What a signature has to say beside the image's digest (Cosign's `-a`).
    pub annotations: BTreeMap<String, String>,
    /// Where it is looked for.
    pub forms: Vec<Form>,
    /// How many suffice, so that no more are looked at; none for all there are.
    pub enough: Option<usize>,
}

impl Demand {
    /// Any signature that fulfils a policy.
    #[must_use]
    pub fn signature(policy: Policy) -> Demand {
        let (kind, forms) = (Kind::Signature, Form::ALL.to_vec());
        Demand { kind, policy, predicate_type: None, annotations: BTreeMap::new(), forms, enough: None }
    }

    /// Any statement of a type that fulfils a policy.
    #[must_use]
    pub fn attestation(policy: Policy, predicate_type: impl Into<String>) -> Demand {
        Demand { kind: Kind::Attestation, predicate_type: Some(predicate_type.into()), ..Demand::signature(policy) }
    }
}

/// A signature or statement that holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// Where it is.
    pub place: Place,
    /// How it is kept.
    pub form: Form,
    /// What it proves.
    pub verified: Verified,
    /// What it says beside the image's digest.
    pub annotations: Map<String, Value>,
}

/// One that does not, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Where it is.
    pub place: Place,
    /// The step that failed, and why.
    pub error: VerifyError,
}

/// What was found beside an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The image.
    pub image: Digest,
    /// What holds, in the order in which it was found.
    pub signed: Vec<Signed>,
    /// What does not.
    pub refused: Vec<Refusal>,
    /// How the search ended.
    pub end: End,
}

/// An image that does not have what is demanded.
#[derive(Debug, thiserror::Error)]
pub enum VerifyImageError {
    /// The registry could not be asked.
    #[error(transparent)]
    Registry(#[from] PullError),
    /// There is no such image.
    #[error("there is no image of that name")]
    NoImage,
    /// Nothing of the kind was found at all.
    #[error("`{image}` has no {what}{cut}", what = named(*kind), cut = cut(*end))]
    Nothing {
        /// The image.
        image: Digest,
        /// What was looked for.
        kind: Kind,
        /// How the search ended.
        end: End,
    },
    /// What was found does not hold.
    #[error("no {what} of `{image}` holds: {first}{cut}", what = named(*kind), first = first(refused), cut = cut(*end))]
    Refused {
        /// The image.
        image: Digest,
        /// What was looked for.
        kind: Kind,
        /// What was found; at least one.
        refused: Vec<Refusal>,
        /// How the search ended.
        end: End,
    },
}

impl VerifyImageError {
    /// Whether it is not decided: nothing of what was found is plainly wrong, but something could not be judged or asked.
    #[must_use]
    pub fn is_undecided(&self) -> bool {
        match self {
            VerifyImageError::Registry(_) => true,
            VerifyImageError::NoImage | VerifyImageError::Nothing { .. } => false,
            VerifyImageError::Refused { refused, .. } => refused.iter().all(|one| one.error.step.is_undecided()),
        }
    }
}

fn named(kind: Kind) -> &'static str {
    match kind {
        Kind::Signature => "signature",
        Kind::Attestation => "attestation",
    }
}

fn cut(end: End) -> String {
    match end {
        End::Cut(why) => format!(", as far as was looked: {why}"),
        End::All | End::Enough => String::new(),
    }
}

fn first(refused: &[Refusal]) -> String {
    let Some(one) = refused.first() else { return String::new() };
    let more = match refused.len() {
        1 => String::new(),
        count => format!(" (and {} more)", count - 1),
    };
    format!("{}: {}: {}{more}", one.place, one.error.step, one.error.why)
}

/// The manifest a name stands for. Everything after it speaks of its digest, wherever the name points by then.
///
/// # Errors
/// The registry cannot be asked, or has no such image.
pub fn resolve(repository: &dyn Repository, name: &Name) -> Result<Manifest, VerifyImageError> {
    repository.manifest(name)?.ok_or(VerifyImageError::NoImage)
}

/// Judges one signature or statement.
///
/// # Errors
/// The step that failed, and why.
pub fn judge(found: &Found, image: &Digest, demand: &Demand, root: &TrustRoot, now: Timestamp) -> Result<Signed, VerifyError> {
    let refuse = |step: Step, why: String| Err(VerifyError { step, why });
    let bundle = found.bundle.as_ref().map_err(Clone::clone)?;
    let digest = image.as_str().strip_prefix("sha256:").and_then(|hex| hex.parse::<probity_core::Digest>().ok());
    let artifact = match (&found.payload, digest) {
        (Some(payload), _) => Artifact::Bytes(payload),
        (None, Some(digest)) => Artifact::Sha256(digest),
        (None, None) => return refuse(Step::Unsupported, format!("images are verified by SHA-256, and this one is `{image}`")),
    };
    let verified = verify(bundle, root, &demand.policy, artifact, now)?;
    let annotations = match (&found.payload, &verified.statement) {
        (Some(payload), _) => match legacy::claims(payload, image.as_str()) {
            Ok(annotations) => annotations,
            Err(why) => return refuse(Step::Subject, why),
        },
        (None, Some(statement)) => annotations_of(&statement.bytes, image),
        (None, None) => Map::new(),
    };
    if let (Some(wanted), Some(statement)) = (&demand.predicate_type, &verified.statement)
        && *wanted != statement.predicate_type
    {
        return refuse(Step::Subject, format!("it says `{}`, and `{wanted}` was asked for", statement.predicate_type));
    }
    for (name, wanted) in &demand.annotations {
        match annotations.get(name) {
            Some(Value::String(found)) if found == wanted => {}
            Some(found) => return refuse(Step::Subject, format!("its annotation `{name}` is {found}, and `{wanted}` was asked for")),
            None => return refuse(Step::Subject, format!("it has no annotation `{name}`, and one was asked for")),
        }
    }
    let form = match found.place {
        Place::Referrer(_) => Form::Bundle,
        Place::Tag(..) => Form::Legacy,
    };
    Ok(Signed { place: found.place.clone(), form, verified, annotations })
}

/// The annotations of the subject that is the image.
fn annotations_of(statement: &[u8], image: &Digest) -> Map<String, Value> {
    let value: Value = serde_json::from_slice(statement).unwrap_or_default();
    let subjects = value.get("subject").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let is_image = |subject: &&Value| {
        let digest = subject.pointer("/digest/sha256").and_then(Value::as_str);
        digest.is_some_and(|hex| image.as_str().strip_prefix("sha256:") == Some(hex))
    };
    let found = subjects.iter().find(is_image).and_then(|subject| subject.get("annotations")).and_then(Value::as_object);
    found.cloned().unwrap_or_default()
}

/// Verifies that an image has what is demanded: at least one that holds.
///
/// # Errors
/// [`VerifyImageError`]: nothing holds, with the reason for each, or nothing could be found out.
pub fn verify_image(
    repository: &dyn Repository,
    image: &Digest,
    demand: &Demand,
    root: &TrustRoot,
    limits: &Limits,
    now: Timestamp,
) -> Result<Report, VerifyImageError> {
    let (mut signed, mut refused) = (Vec::new(), Vec::new());
    let end = visit(repository, image, demand.kind, &demand.forms, "", limits, &mut |found: Found| {
        match judge(&found, image, demand, root, now) {
            Ok(one) => signed.push(one),
            Err(error) => refused.push(Refusal { place: found.place, error }),
        }
        demand.enough.is_none_or(|enough| signed.len() < enough)
    })?;
    let (image, kind) = (image.clone(), demand.kind);
    match (signed.is_empty(), refused.is_empty()) {
        (false, _) => Ok(Report { image, signed, refused, end }),
        (true, false) => Err(VerifyImageError::Refused { image, kind, refused, end }),
        (true, true) => Err(VerifyImageError::Nothing { image, kind, end }),
    }
}

/// A reference to an image by its digest, for messages and records.
#[must_use]
pub fn by_digest(reference: &Reference, image: &Digest) -> String {
    format!("{}/{}@{image}", reference.registry(), reference.repository())
}
