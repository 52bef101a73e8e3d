//! The nouns of Probity and the plug traits between its parts.
//!
//! **Invariant:** nothing here is serialised (that is `formats`), touches disk, network, clock or randomness, or knows a source
//! language, a policy language or an adapter.

mod diagnostic;
mod digest;
mod edit;
mod engine;
mod exception;
mod finding;
mod report;
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
pub use finding::{Finding, OriginPlace, Place, SubjectRef};
pub use report::{Colour, Counts, EvidenceRef, Permit, Report, ToolInfo, Verdict};
pub use rule::{Confidence, RuleMeta, Severity, Stage, StageKind, Status, UnknownWord};
pub use source::{CollectOptions, Collected, Coverage, ReadFile, Scope, SkippedFile, Source, Tree, TreeError, TreeFile};
pub use subject::{Subject, SubjectKind, UnknownSubjectKind};
pub use suppression::{Suppression, SuppressionReach, SuppressionStyle};
pub use system::{Clock, Timestamp};
pub use world::{SubjectIndex, World};
