//! The Common Expression Language: parser, checker, evaluator with cost, and the libraries of Kubernetes and Kyverno.
#![warn(clippy::indexing_slicing, clippy::string_slice)]
