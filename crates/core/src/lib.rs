//! The nouns of Probity and the plug traits between its parts.
//!
//! **Invariant:** nothing here is serialised (that is `formats`), touches disk, network, clock or randomness, or knows a source
//! language, a policy language or an adapter.

mod diagnostic;
mod digest;
mod edit;
mod engine;
mod exception;
mod expectation;
mod finding;
mod lookup;
mod policy;
mod report;
mod request;
mod rule;
mod source;
mod subject;
mod suppression;
mod system;
mod world;

pub use diagnostic::{Diagnostic, Level};
pub use digest::{Digest, ParseDigestError};
pub use edit::{Edit, EditKey, EditStep, Replacement};
pub use engine::{EvalContext, Program, RuleResult};
pub use exception::{Exception, ExceptionKind, ExceptionRef};
pub use expectation::Expectation;
pub use finding::{Finding, OriginPlace, Place, SubjectRef};
pub use lookup::{Lookup, LookupError, NoLookup, Question};
pub use policy::{
    Effect, Interest, Inventory, Limits, Outcome, PathStep, Phase, Policy, PolicyContext, PolicyDocument, PolicyRule, SkipReason, span_at,
};
pub use report::{Colour, Counts, EvidenceRef, Permit, Report, ToolInfo, Verdict};
pub use request::{GroupVersionKind, GroupVersionResource, Operation, Request, UserInfo};
pub use rule::{Confidence, RuleMeta, Severity, Stage, StageKind, Status, UnknownWord};
pub use source::{CollectOptions, Collected, Coverage, ReadFile, Scope, SkippedFile, Source, Tree, TreeError, TreeFile};
pub use subject::{Subject, SubjectKind, UnknownSubjectKind};
pub use suppression::{Suppression, SuppressionReach, SuppressionStyle};
pub use system::{Clock, Timestamp};
pub use world::{SubjectIndex, World};
