//! Rego, the policy language of Open Policy Agent, and policies of Conftest.
#![warn(clippy::indexing_slicing, clippy::string_slice)]
