//! Rego, the policy language of Open Policy Agent, and policies of Conftest.
#![warn(clippy::indexing_slicing, clippy::string_slice)]

mod ast;
mod compile;
mod engine;
mod eval;
mod inspect;
mod parse;

pub mod builtins;
pub mod conftest;
pub mod json;
pub mod number;
pub mod term;

pub use engine::{
    Compiler, DataOverlay, ErrorCode, EvalError, EvalOptions, Evaluation, Print, Program, Query, RuleInfo, RuleKind, Solution, Version,
};
pub use inspect::{HeadInfo, ModuleInfo, Shape, inspect};
pub use number::Number;
pub use parse::ground_term;
pub use term::{ArrayRef, Kind, Object, ObjectRef, Set, Term};
