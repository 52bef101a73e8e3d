//! Rego, the policy language of Open Policy Agent, and policies of Conftest.
//!
//! `parse` makes a syntax tree of a text; `compile` resolves names, puts the lines of bodies in an order in which every variable has a
//! value before it is needed, gives variables slots and refuses what OPA refuses; `eval` runs the lines, and reads input and data as the
//! values they came as. Whoever asks uses [`Compiler`], [`Program`] and [`Query`]; functions live in [`builtins`].
//!
//! What does not live here: finding files, and what an answer means for a verdict (that is `conftest` here, and Gatekeeper's crate).
//! An evaluation is pure: time, seed and answers of the outside are given, and steps, bytes and depth are bounded.
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
mod text;
mod views;

pub use engine::{
    Compiler, DataOverlay, ErrorCode, EvalError, EvalOptions, Evaluation, Print, Program, Query, RuleInfo, RuleKind, Solution, Version,
};
pub use inspect::{HeadInfo, ModuleInfo, Shape, inspect};
pub use number::Number;
pub use parse::ground_term;
pub use term::{ArrayRef, Kind, Object, ObjectRef, Set, Term};
