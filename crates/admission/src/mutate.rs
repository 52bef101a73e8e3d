//! What a mutation makes of an object.

use probity_cel::Value as CelValue;
use probity_cel::admission::{Part, PatchError, apply_configuration, json_patch};
use probity_core::GroupVersionKind;
use probity_value::{Span, Value};

/// How a mutation is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum PatchKind {
    /// A partial object.
    Apply,
    /// Operations of a JSON patch.
    Json,
}

/// One of `mutations`.
#[derive(Debug)]
pub(crate) struct Mutation {
    pub(crate) kind: PatchKind,
    pub(crate) part: Part,
}

/// The object with the mutation made.
pub(crate) fn apply(kind: PatchKind, object: &Value, of: &GroupVersionKind, result: &CelValue, at: Span) -> Result<Value, PatchError> {
    match kind {
        PatchKind::Apply => apply_configuration(object, of, result, at),
        PatchKind::Json => json_patch(object, result, at),
    }
}
