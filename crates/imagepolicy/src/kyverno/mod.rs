//! `verifyImages` of Kyverno's policies: what has to be verified, and whether it is enough.
//!
//! Which objects and images a rule is about in a cluster (`match`, `exclude`, preconditions) is for `probity-kyverno` to say; whoever plans
//! gives the rules that count. All sets of attestors have to be satisfied; of a set as many entries as its `count` says, else all. An
//! attestation has to be signed so and its conditions have to hold.
//!
//! What is not understood is a fault of the policy and refuses: Notary, keys in a service that has no key here, variables in keys and
//! identities, `validate`, claims of certificates (`additionalExtensions`).

mod judge;
mod read;

use std::collections::BTreeMap;
use std::sync::Arc;

use probity_kyverno::conditions::Conditions;
use probity_value::Span;

use crate::cip::{Hash, Mode};
use crate::demand::{Format, Identity, Wanted};

/// One entry of `verifyImages` of a rule.
#[derive(Clone, Debug)]
pub struct VerifyImages {
    /// The policy.
    pub policy: Arc<str>,
    /// The rule.
    pub rule: Arc<str>,
    /// Which entry of the rule, from 0.
    pub index: usize,
    /// Where it is written.
    pub span: Span,
    /// The images it is about, with `*` and `?`.
    pub references: Vec<Arc<str>>,
    /// Those it is not about all the same.
    pub skipped: Vec<Arc<str>>,
    /// Who has to have signed; every set.
    pub attestors: Vec<AttestorSet>,
    /// What has to be attested.
    pub attestations: Vec<KyvernoAttestation>,
    /// What the signed text has to say.
    pub annotations: BTreeMap<Arc<str>, Arc<str>>,
    /// Where signatures lie; beside the image where this is empty.
    pub repository: Option<Arc<str>>,
    /// How they are stored.
    pub format: Format,
    /// What a failure leads to.
    pub mode: Mode,
    /// Whether the digest is to be written into the object.
    pub mutate_digest: bool,
    /// Whether the object has to name the image by its digest.
    pub verify_digest: bool,
    /// Whether an image has to be verified at all.
    pub required: bool,
    /// Secrets to pull signatures with.
    pub pull_secrets: Vec<Arc<str>>,
}

/// Signers of which some have to have signed.
#[derive(Clone, Debug)]
pub struct AttestorSet {
    /// Where it is written.
    pub span: Span,
    /// How many; all where this is empty.
    pub count: Option<usize>,
    /// The signers. Several keys in one text are several.
    pub entries: Vec<Entry>,
}

/// A signer.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Where it is written.
    pub span: Span,
    /// How it is known.
    pub who: Who,
    /// What the signed text has to say beside what the whole entry asks for.
    pub annotations: BTreeMap<Arc<str>, Arc<str>>,
    /// Where its signatures lie.
    pub repository: Option<Arc<str>>,
    /// The log that has to know of them; `None` where none has to.
    pub rekor: Option<Rekor>,
    /// Whether a certificate need not be in a certificate transparency log.
    pub ignore_sct: bool,
}

/// A transparency log.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Rekor {
    /// Its address, where it is not the public one.
    pub url: Option<Arc<str>>,
    /// Its key as PEM.
    pub key: Option<Arc<str>>,
}

/// How a signer is known.
#[derive(Clone, Debug)]
pub enum Who {
    /// By a key, as PEM.
    Key(Arc<str>, Hash),
    /// By a key that is elsewhere.
    Elsewhere(Wanted, Hash),
    /// By whom a certificate names, of these roots (PEM) or the default one.
    Keyless(Identity, Option<Arc<str>>),
    /// By a certificate and its chain, as PEM.
    Certificate(Arc<str>, Option<Arc<str>>),
    /// By a set of signers.
    Set(Box<AttestorSet>),
}

/// An attestation that has to be there.
#[derive(Clone, Debug)]
pub struct KyvernoAttestation {
    /// Where it is written.
    pub span: Span,
    /// Its predicate type.
    pub kind: Arc<str>,
    /// Who has to have signed it.
    pub attestors: Vec<AttestorSet>,
    /// What has to hold of its predicate; all of these.
    pub conditions: Vec<Arc<Conditions>>,
}
