//! Terraform and OpenTofu: text to subjects.

mod functions;
mod policy_document;
