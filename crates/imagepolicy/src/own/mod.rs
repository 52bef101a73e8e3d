//! Our own short form: what an image needs, in a few lines of `probity.yaml` or a file of its own.
//!
//! ```yaml
//! images:
//!   - match: ["registry.example/payments/**"]
//!     signed_by: [{ key: keys/release.pub }]
//!     provenance: { source: github.com/acme/app, slsa_level: 3 }
//!     verdict: { colour: green, max_age: 7d }
//! ```
//!
//! `read` makes these types of a document, `judge` plans and judges them, `predicates` reads what attestations say. Every entry that is
//! about an image has to be satisfied.

mod judge;
mod predicates;
mod read;

use std::sync::Arc;

use probity_value::Span;

use crate::Identity;
use crate::cip::Mode;
use crate::image::Glob;

/// What images need.
#[derive(Clone, Debug)]
pub struct ImageRules {
    /// The entries.
    pub rules: Vec<ImageRule>,
}

/// What some images need.
#[derive(Clone, Debug)]
pub struct ImageRule {
    /// Its name: as written, or `images[N]`.
    pub name: Arc<str>,
    /// Where it is written.
    pub span: Span,
    /// The images it is about.
    pub images: Vec<Glob>,
    /// What a failure leads to.
    pub mode: Mode,
    /// Who may sign.
    pub signed_by: Vec<OwnSigner>,
    /// How many of them have to.
    pub threshold: usize,
    /// Where the image has to come from.
    pub provenance: Option<Provenance>,
    /// What a gate has to have said.
    pub verdict: Option<GateVerdict>,
    /// Whether a list of its contents has to be attested.
    pub sbom: Option<Span>,
    /// How fresh its scan for known holes has to be.
    pub vulnerabilities: Option<(MaxAge, Span)>,
}

/// Somebody who may sign.
#[derive(Clone, Debug)]
pub struct OwnSigner {
    /// What is said of them in messages.
    pub name: Arc<str>,
    /// Where it is written.
    pub span: Span,
    /// How they are known.
    pub by: SignerBy,
    /// Whether a transparency log has to know of the signature: by default of those by identity, not of those by key.
    pub log: bool,
}

/// How a signer is known.
#[derive(Clone, Debug)]
pub enum SignerBy {
    /// By a file with a public key.
    Key(Arc<str>),
    /// By whom a certificate names, of the trust root of that name or the default one.
    Identity(Identity, Option<Arc<str>>),
}

/// Where an image has to come from. What is not said does not matter.
#[derive(Clone, Debug)]
pub struct Provenance {
    /// Where it is written.
    pub span: Span,
    /// Who has to have signed the provenance; those of the image where this is empty.
    pub signed_by: Vec<OwnSigner>,
    /// The builder's id.
    pub builder: Option<Arc<str>>,
    /// The repository: `github.com/acme/app`.
    pub source: Option<Arc<str>>,
    /// The ref: `refs/heads/main`.
    pub reference: Option<Arc<str>>,
    /// The workflow's file: `.github/workflows/release.yaml`.
    pub workflow: Option<Arc<str>>,
    /// The level of SLSA's build track, 1 to 3.
    pub level: Option<u8>,
}

/// What a gate has to have said of the image.
#[derive(Clone, Debug)]
pub struct GateVerdict {
    /// Where it is written.
    pub span: Span,
    /// Who has to have signed the verdict; those of the image where this is empty.
    pub signed_by: Vec<OwnSigner>,
    /// The worst colour that will do; any that passed where this is not said.
    pub colour: Option<Colour>,
    /// How old it may be when a digest is rolled out.
    pub max_age: Option<MaxAge>,
}

/// A colour of a verdict.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Colour {
    /// Green alone.
    Green,
    /// Yellow that was accepted, too.
    Yellow,
}

/// An age in seconds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct MaxAge(pub i64);
