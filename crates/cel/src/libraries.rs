//! Which libraries make up which environment. Every library is a file of its own.

mod args;
pub mod authorizer;
pub mod encoders;
pub mod find;
pub mod format;
pub mod formats;
mod json_text;
pub mod jsonpatch;
pub mod kubernetes_lists;
pub mod kyverno;
pub mod lists;
pub mod math;
pub mod network;
pub mod quantity;
pub mod reference;
pub mod regex;
pub mod semver;
pub mod sets;
pub mod strings;
pub mod urls;

use crate::Library;

/// Kubernetes' libraries, of 1.37.
pub static KUBERNETES: &[&Library] = &[
    &urls::LIBRARY,
    &find::LIBRARY,
    &authorizer::LIBRARY,
    &quantity::LIBRARY,
    &strings::LIBRARY,
    &sets::LIBRARY,
    &network::IP,
    &network::CIDR,
    &formats::LIBRARY,
    &authorizer::SELECTORS,
    &semver::LIBRARY,
    &lists::LIBRARY,
    &kubernetes_lists::LIBRARY,
    &jsonpatch::LIBRARY,
];

/// Kyverno's: those of Kubernetes, and its own that every kind of policy has. Those that some kinds have are
/// [`kyverno::generator::LIBRARY`], [`kyverno::imageverify::LIBRARY`] and [`kyverno::resource::NAMESPACED`].
pub static KYVERNO: &[&Library] = &[
    &urls::LIBRARY,
    &find::LIBRARY,
    &authorizer::LIBRARY,
    &quantity::LIBRARY,
    &strings::LIBRARY,
    &sets::LIBRARY,
    &network::IP,
    &network::CIDR,
    &formats::LIBRARY,
    &authorizer::SELECTORS,
    &semver::LIBRARY,
    &lists::LIBRARY,
    &kubernetes_lists::LIBRARY,
    &jsonpatch::LIBRARY,
    &encoders::LIBRARY,
    &math::LIBRARY,
    &regex::LIBRARY,
    &kyverno::compatible::LIBRARY,
    &kyverno::global_context::LIBRARY,
    &kyverno::gzip::LIBRARY,
    &kyverno::hash::LIBRARY,
    &kyverno::http::LIBRARY,
    &kyverno::image::LIBRARY,
    &kyverno::imagedata::LIBRARY,
    &kyverno::json::LIBRARY,
    &kyverno::math::LIBRARY,
    &kyverno::random::LIBRARY,
    &kyverno::resource::LIBRARY,
    &kyverno::time::LIBRARY,
    &kyverno::transform::LIBRARY,
    &kyverno::user::LIBRARY,
    &kyverno::x509::LIBRARY,
    &kyverno::yaml::LIBRARY,
];

/// The extensions of cel-spec's own tests: strings, math, encoders, networks.
pub static EXTENSIONS: &[&Library] = &[
    &strings::NEWEST,
    &math::LIBRARY,
    &encoders::LIBRARY,
    &network::NEWEST,
    &network::IP,
    &network::CIDR,
    &lists::LIBRARY,
    &sets::LIBRARY,
    &regex::LIBRARY,
];
