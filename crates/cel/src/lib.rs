//! The Common Expression Language: parser, checker, evaluator with cost, and the libraries of Kubernetes and Kyverno.
//!
//! An [`Environment`] compiles a text into a [`Program`], which evaluates many times over an [`Activation`]. Values of judged objects are
//! viewed, never converted. What is unknown in them stays unknown, and is absorbed by `&&` and `||` as the language says.
#![warn(clippy::indexing_slicing, clippy::string_slice)]

pub mod admission;
pub mod ast;
mod check;
mod environment;
mod error;
mod estimate;
mod eval;
mod lexer;
pub mod libraries;
mod library;
pub mod macros;
mod parser;
mod patch;
mod pattern;
mod plan;
mod program;
mod standard;
mod types;
mod value;
mod wellknown;

pub use environment::{Environment, Problem, ProblemKind, TypeProvider};
pub use error::{CelError, ErrorKind};
pub use estimate::Assumed;
pub use library::{
    Budget, Call, Constant, Context, CostOf, Expand, Expanded, Function, Implementation, Library, Macro, MacroError, Overload,
};
pub use program::{Activation, Bindings, Program};
pub use types::{Signature, Type};
pub use value::{Key, List, Map, Object, Opaque, Timestamp, Value};
