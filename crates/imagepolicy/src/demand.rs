//! What has to be verified of an image, and what came of it. The edge does the work between the two.

use std::collections::BTreeMap;
use std::sync::Arc;

use probity_core::{Digest, Timestamp};
use probity_sigstore::{Matcher, PublicKey, SignedBy, Verified};

use crate::cip::{Hash, Source};

/// How signatures are stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// As Cosign did at first: a `.sig` or `.att` tag, the signature in an annotation of the layer.
    Legacy,
    /// As Sigstore bundles that refer to the image.
    Bundle,
    /// Either.
    Any,
}

/// Whom a certificate may name.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Who vouches for the name.
    pub issuer: Matcher,
    /// The name.
    pub subject: Matcher,
}

/// Whose certificates, logs and timestamps count.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Root {
    /// What the edge trusts by default: Sigstore's public instance unless it is told otherwise.
    Default,
    /// A trust root by name (`TrustRoot`).
    Named(Arc<str>),
    /// Certificates, as PEM.
    Certificates(Arc<str>),
}

/// Who has to have signed.
#[derive(Clone, Debug)]
pub enum By {
    /// Whoever has the private half of one of these keys.
    Keys {
        /// The keys.
        keys: Vec<PublicKey>,
        /// What was hashed.
        hash: Hash,
    },
    /// Whom a certificate names; any of these.
    Identities {
        /// The identities. None: whoever has a certificate of the root.
        identities: Vec<Identity>,
        /// The root.
        root: Root,
        /// Whether the certificate need not be in a certificate transparency log.
        ignore_sct: bool,
    },
    /// Whoever has the private half of the key of this certificate.
    Certificate {
        /// The certificate, as PEM.
        certificate: Arc<str>,
        /// Certificates up to a root, as PEM.
        chain: Option<Arc<str>>,
    },
}

/// Whether a transparency log has to know of the signature.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Log {
    /// It does not matter.
    Ignored,
    /// It has to.
    Needed {
        /// The log's address, where it is said.
        url: Option<Arc<str>>,
        /// The root that has its key.
        root: Root,
        /// Its key as PEM, where it is said.
        key: Option<Arc<str>>,
    },
}

/// What is sought.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sought {
    /// Signatures of the image.
    Signatures,
    /// Signed statements about the image, of any type.
    Attestations,
}

/// One thing to verify: all signatures or attestations of the image by somebody.
#[derive(Clone, Debug)]
pub struct Demand {
    /// What.
    pub sought: Sought,
    /// By whom.
    pub by: By,
    /// Where they lie; beside the image where this is empty.
    pub sources: Vec<Source>,
    /// How they are stored.
    pub format: Format,
    /// Whether a log has to know of them.
    pub log: Log,
    /// Whether an authority for timestamps has to have said when, and the root it is in.
    pub timestamp: Option<Root>,
    /// What the signed text has to say beside the digest.
    pub annotations: BTreeMap<Arc<str>, Arc<str>>,
}

impl Demand {
    /// A name for a cache: two demands with the same one ask the same of an image, within one version of the program.
    #[must_use]
    pub fn key(&self) -> Digest {
        probity_attest::sha256(format!("{self:?}").as_bytes())
    }
}

/// What came of a demand.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// What was verified.
    pub proofs: Vec<Proof>,
    /// Why others do not hold, for people.
    pub refused: Vec<String>,
    /// Why it could not be told whether there are more: a registry that does not answer, a trust root that is not here.
    pub undecided: Option<String>,
}

/// A signature that was verified, of the image or of a statement about it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Proof {
    /// The digest of the signature's layer, or another name of it.
    pub id: String,
    /// The key that signed, by the SHA-256 of its DER SubjectPublicKeyInfo; none where a certificate's holder did.
    pub key: Option<Digest>,
    /// The certificate's subject; none where a key signed.
    pub subject: Option<String>,
    /// Who vouched for the subject.
    pub issuer: Option<String>,
    /// What the certificate says of the run of GitHub Actions that signed.
    pub github: Github,
    /// When it was signed, according to somebody of the trust root.
    pub times: Vec<Timestamp>,
    /// The statement that was signed, as it was signed.
    pub statement: Option<Arc<[u8]>>,
    /// What the signed text says beside the digest.
    pub annotations: BTreeMap<String, String>,
}

/// What a certificate says of a run of GitHub Actions (Fulcio's extensions 1.3.6.1.4.1.57264.1.2 to 6).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Github {
    /// What set it off.
    pub trigger: Option<String>,
    /// The commit.
    pub sha: Option<String>,
    /// The workflow's name.
    pub name: Option<String>,
    /// The repository.
    pub repository: Option<String>,
    /// The ref.
    pub reference: Option<String>,
}

impl Proof {
    /// What a verified bundle proves.
    #[must_use]
    pub fn of(verified: &Verified, id: impl Into<String>) -> Proof {
        let (key, subject, issuer) = match &verified.signer {
            SignedBy::Identity { identity, issuer } => (None, Some(identity.clone()), Some(issuer.clone())),
            SignedBy::Key { id, .. } => (Some(*id), None, None),
        };
        Proof {
            id: id.into(),
            key,
            subject,
            issuer,
            times: verified.times.iter().map(|signed| signed.time).collect(),
            statement: verified.statement.as_ref().map(|statement| statement.bytes.clone().into()),
            ..Proof::default()
        }
    }
}

/// What is not in a policy but named by it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Wanted {
    /// A public key in a secret, as PEM.
    Secret {
        /// Its namespace; that of the controller where this is empty.
        namespace: Arc<str>,
        /// Its name.
        name: Arc<str>,
    },
    /// A public key in a key management service, as PEM.
    Kms(Arc<str>),
    /// A text at an address.
    Remote(Arc<str>),
    /// An entry of a ConfigMap.
    ConfigMap {
        /// Its namespace; that of the controller where this is empty.
        namespace: Arc<str>,
        /// Its name.
        name: Arc<str>,
        /// The entry.
        key: Arc<str>,
    },
    /// A file with a public key, as PEM, by the path of the policy that names it.
    File(Arc<str>),
}

/// Gives what policies name. The edge looks things up before it plans; nothing is fetched within.
pub trait Supply {
    /// The text of what is wanted.
    ///
    /// # Errors
    /// Why it is not here.
    fn text(&self, wanted: &Wanted) -> Result<Arc<str>, String>;
}

/// Gives nothing: what a policy only names fails.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoSupply;

impl Supply for NoSupply {
    fn text(&self, wanted: &Wanted) -> Result<Arc<str>, String> {
        Err(match wanted {
            Wanted::Secret { namespace, name } => format!("the secret `{namespace}/{name}` is not known here"),
            Wanted::Kms(address) => format!("the key `{address}` of a key management service is not known here"),
            Wanted::Remote(url) => format!("the text at `{url}` is not known here"),
            Wanted::ConfigMap { namespace, name, key } => {
                format!("the entry `{key}` of the ConfigMap `{namespace}/{name}` is not known here")
            }
            Wanted::File(path) => format!("the file `{path}` is not known here"),
        })
    }
}

impl Supply for BTreeMap<Wanted, Arc<str>> {
    fn text(&self, wanted: &Wanted) -> Result<Arc<str>, String> {
        self.get(wanted).cloned().map_or_else(|| NoSupply.text(wanted), Ok)
    }
}
