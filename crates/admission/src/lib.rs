//! ValidatingAdmissionPolicy and MutatingAdmissionPolicy of Kubernetes (`admissionregistration.k8s.io`), with their bindings and
//! parameters, judged as the API server does (`k8s.io/apiserver/pkg/admission/plugin/policy`).
//!
//! **Invariant:** what cannot be evaluated follows `failurePolicy`; `Ignore` is a skip that says so, never a pass.
#![warn(clippy::indexing_slicing, clippy::string_slice)]

mod binding;
mod compile;
mod evaluate;
mod mutate;
mod typecheck;

pub use compile::{compile, is_policy};
