//! ClusterImagePolicy (`policy.sigstore.dev/v1alpha1` and `v1beta1`): what it says, as the policy controller of Sigstore understands it.
//!
//! `read` makes these types of a document and refuses what upstream refuses; `trust_root` does the same for the `TrustRoot` objects that
//! policies name. What does not live here: judging (`plan` and `judge`).

mod check;
mod judge;
mod read;
mod trust_root;

use std::sync::Arc;

use probity_kubernetes::Selector;
use probity_sigstore::PublicKey;
use probity_value::{Map, Span, Value};

use crate::image::Glob;
use crate::{Format, Identity};

pub(crate) use judge::public_keys;
pub(crate) use read::matcher;
pub use trust_root::{CertificateAuthority, LogInstance, TrustRootObject, TrustRootSpec};

/// The group of the kinds.
pub const GROUP: &str = "policy.sigstore.dev";

/// What the controller is configured with (`config-policy-controller`), where it changes what a policy means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Options {
    /// What becomes of an image that no policy is about (`no-match-policy`).
    pub no_match: NoMatch,
    /// Whether a policy without authorities is refused (`fail-on-empty-authorities`). Where it is not, its images pass nothing and fail.
    pub refuse_empty_authorities: bool,
}

/// Upstream's defaults: an image without a policy is denied, a policy without authorities refused.
impl Default for Options {
    fn default() -> Options {
        Options { no_match: NoMatch::Deny, refuse_empty_authorities: true }
    }
}

/// What becomes of an image that no policy is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum NoMatch {
    /// It is denied.
    #[default]
    Deny,
    /// It is admitted, with a warning.
    Warn,
    /// It is admitted.
    Allow,
}

/// A policy about images.
#[derive(Clone, Debug)]
pub struct ClusterImagePolicy {
    /// Its name.
    pub name: Arc<str>,
    /// Where it is written.
    pub span: Span,
    /// The images it is about: those that any of these fits.
    pub images: Vec<Glob>,
    /// Who may vouch for them; one that does is enough.
    pub authorities: Vec<Authority>,
    /// What has to hold of all that was vouched for.
    pub policy: Option<PolicyText>,
    /// What a failure leads to.
    pub mode: Mode,
    /// The objects it is about; all of them where it is empty.
    pub matches: Vec<MatchResource>,
}

/// What a failure of a policy leads to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Mode {
    /// The image is refused.
    #[default]
    Enforce,
    /// The requester is told.
    Warn,
}

/// Somebody who may vouch for an image.
#[derive(Clone, Debug)]
pub struct Authority {
    /// Its name; `authority-N` where it has none.
    pub name: Arc<str>,
    /// Where it is written.
    pub span: Span,
    /// How it is known.
    pub by: By,
    /// Where its signatures lie; beside the image where this is empty.
    pub sources: Vec<Source>,
    /// The transparency log that has to know of them.
    pub log: Option<LogRef>,
    /// The attestations that have to be there; signatures of the image where this is empty.
    pub attestations: Vec<Attestation>,
    /// Whether an authority for timestamps has to have said when, and the trust root it is in.
    pub timestamp: Option<Option<Arc<str>>>,
    /// How the signatures are stored.
    pub format: Format,
}

/// How an authority is known.
#[derive(Clone, Debug)]
pub enum By {
    /// By its key.
    Key(KeyRef),
    /// By whom a certificate names.
    Keyless(Keyless),
    /// It always says the same.
    Static {
        /// Whether that is yes.
        pass: bool,
        /// What is said with a no.
        message: Option<Arc<str>>,
    },
}

/// A public key, or where one is.
#[derive(Clone, Debug)]
pub struct KeyRef {
    /// The key.
    pub material: Material,
    /// The hash that was signed.
    pub hash: Hash,
}

/// Where a key is.
#[derive(Clone, Debug)]
pub enum Material {
    /// Here.
    Data(PublicKey),
    /// In a secret of the cluster.
    Secret {
        /// Its namespace; that of the controller where this is empty.
        namespace: Arc<str>,
        /// Its name.
        name: Arc<str>,
    },
    /// In a key management service.
    Kms(Arc<str>),
}

/// What is hashed before it is signed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Hash {
    /// SHA-224.
    Sha224,
    /// SHA-256, the default.
    #[default]
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

/// Signers whom certificates name.
#[derive(Clone, Debug)]
pub struct Keyless {
    /// The certificate authority's address; only a name, as its certificates come from the trust root.
    pub url: Option<Arc<str>>,
    /// Whom the certificate may name; any of them.
    pub identities: Vec<Identity>,
    /// A certificate authority of its own.
    pub ca_cert: Option<KeyRef>,
    /// The trust root; the public one where this is empty.
    pub trust_root: Option<Arc<str>>,
    /// Whether a certificate need not be in a certificate transparency log.
    pub ignore_sct: bool,
}

/// Where signatures lie.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Source {
    /// The repository; the image's own where this is empty.
    pub oci: Option<Arc<str>>,
    /// What their tags begin with.
    pub tag_prefix: Option<Arc<str>>,
    /// Secrets to pull them with, in the namespace of the object.
    pub pull_secrets: Vec<Arc<str>>,
}

/// A transparency log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogRef {
    /// Its address.
    pub url: Option<Arc<str>>,
    /// The trust root that has its key.
    pub trust_root: Option<Arc<str>>,
}

/// An attestation that has to be there.
#[derive(Clone, Debug)]
pub struct Attestation {
    /// Its name.
    pub name: Arc<str>,
    /// Where it is written.
    pub span: Span,
    /// Its predicate type as written: a short name or a URI.
    pub predicate_type: Arc<str>,
    /// What has to hold of it.
    pub policy: Option<PolicyText>,
}

/// A policy in a policy language.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PolicyText {
    /// The language.
    pub language: Language,
    /// Where it is written.
    pub span: Span,
    /// The text, or where it is.
    pub text: TextRef,
    /// Whether it wants the configuration of the image.
    pub fetch_config_file: bool,
    /// Whether it wants the `spec` of the object.
    pub include_spec: bool,
    /// Whether it wants the `metadata` of the object.
    pub include_object_meta: bool,
    /// Whether it wants the kind of the object.
    pub include_type_meta: bool,
}

/// A policy language.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Language {
    /// CUE: the document has to fit the policy.
    Cue,
    /// Rego: `data.sigstore.isCompliant` has to hold.
    Rego,
}

/// A text, or where it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TextRef {
    /// Here.
    Data(Arc<str>),
    /// At an address, with the SHA-256 it has to have.
    Remote {
        /// The address.
        url: Arc<str>,
        /// 64 hexadecimal digits.
        sha256: Arc<str>,
    },
    /// In a ConfigMap of the cluster.
    ConfigMap {
        /// Its namespace; that of the controller where this is empty.
        namespace: Arc<str>,
        /// Its name.
        name: Arc<str>,
        /// Its entry.
        key: Arc<str>,
    },
}

/// Objects a policy is about.
#[derive(Clone, Debug)]
pub struct MatchResource {
    /// The API group; any where this is empty.
    pub group: Arc<str>,
    /// The version; any where this is empty.
    pub version: Arc<str>,
    /// The plural; any where this is empty.
    pub resource: Arc<str>,
    /// What its labels have to be.
    pub selector: Option<Selector>,
}

impl MatchResource {
    /// Whether an object is one of these: its kind in the API, and its labels (a map).
    #[must_use]
    pub fn matches(&self, group: &str, version: &str, kind: &str, labels: Option<&Value>) -> bool {
        let plural = format!("{}s", kind.to_ascii_lowercase());
        let fits = |wanted: &str, given: &str| wanted.is_empty() || wanted == given;
        // Upstream compares the three together: an empty group is the core group as soon as a resource is named.
        let same = fits(&self.version, version)
            && fits(&self.resource, &plural)
            && (if self.resource.is_empty() { fits(&self.group, group) } else { *self.group == *group });
        let none = Value::map(Map::new(), Span::NONE);
        // Labels that are not known could be those: the policy counts.
        same && self.selector.as_ref().is_none_or(|selector| selector.matches(labels.unwrap_or(&none)).unwrap_or(true))
    }
}

/// Whether a document is one that [`ClusterImagePolicy::read`] or [`TrustRootObject::read`] reads.
#[must_use]
pub fn claims(document: &Value) -> bool {
    let group = document.get("apiVersion").and_then(Value::as_str).and_then(|version| version.split_once('/')).map(|(group, _)| group);
    let kind = document.get("kind").and_then(Value::as_str);
    group == Some(GROUP) && matches!(kind, Some("ClusterImagePolicy" | "TrustRoot"))
}
