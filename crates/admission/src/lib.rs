//! ValidatingAdmissionPolicy and MutatingAdmissionPolicy of Kubernetes.
#![warn(clippy::indexing_slicing, clippy::string_slice)]
