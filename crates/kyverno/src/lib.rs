//! Policies of Kyverno, the old kinds and those in CEL.
#![warn(clippy::indexing_slicing, clippy::string_slice)]

mod autogen;
mod cel_kinds;
mod cel_rule;
pub mod conditions;
pub mod context;
mod engine;
mod exceptions;
mod generate;
pub mod images;
pub mod jmespath;
mod json;
pub mod matching;
mod mutate;
mod names;
pub mod pattern;
mod pod_security;
mod policy;
mod read;
pub mod scope;
pub mod test;
pub mod text;
mod validate;
pub mod variables;
mod verify_images;

pub use autogen::possible as autogen_is_possible;

use std::sync::Arc;

use probity_core::{Diagnostic, Policy, PolicyDocument};
use probity_value::Value;

/// Whether a document is one that [`compile`] reads: a policy or an exception of Kyverno.
#[must_use]
pub fn claims(document: &Value) -> bool {
    engine::claims(document) || cel_kinds::is_policy(document)
}

/// Compiles policies of all kinds and the exceptions that lie among them. A policy with a mistake is left out and the mistakes are said,
/// with their places; the others work. Documents of other kinds are passed over.
#[must_use]
pub fn compile(documents: &[PolicyDocument]) -> (Vec<Arc<dyn Policy>>, Vec<Diagnostic>) {
    let (mut policies, mut said) = engine::compile(documents);
    let (in_cel, wrong) = cel_kinds::compile(documents);
    policies.extend(in_cel);
    said.extend(wrong);
    (policies, said)
}
