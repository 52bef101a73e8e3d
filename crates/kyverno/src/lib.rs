//! Policies of Kyverno, the old kinds and those in CEL.
#![warn(clippy::indexing_slicing, clippy::string_slice)]
