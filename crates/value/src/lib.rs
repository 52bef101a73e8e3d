//! A JSON-like value that remembers file, line and column and can be unknown.
//!
//! Every source language (Terraform, YAML, JSON, Dockerfile) is turned into [`Value`]s, and every policy language reads them.
//! A value knows the bytes it was written as ([`Span`]), where it came from ([`Origin`]), whether it is sensitive, and, where it
//! cannot be known without running the program, why not ([`Unknown`]).
//!
//! What does not live here: reading files, evaluating languages, judging.

#![warn(clippy::indexing_slicing, clippy::string_slice)]

mod map;
mod problem;
mod source;
mod value;

pub mod json;
pub mod yaml;

pub use map::{Entry, Map};
pub use problem::Problem;
pub use source::{FileId, LineColumn, SourceFile, SourceMap, Span};
pub use value::{Data, Number, Origin, OriginStep, Reference, StepKind, Unknown, UnknownKind, Value};
