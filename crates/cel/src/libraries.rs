//! Which libraries make up which environment. Every library is a file of its own.

use crate::Library;

/// Kubernetes' libraries.
pub static KUBERNETES: &[&Library] = &[];

/// Kyverno's: those of Kubernetes it has, and its own.
pub static KYVERNO: &[&Library] = &[];

/// The extensions of cel-spec's own tests: strings, math, encoders, networks.
pub static EXTENSIONS: &[&Library] = &[];
