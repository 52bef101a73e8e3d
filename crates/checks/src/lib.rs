//! The check language: rule files to checks, checks and subjects to results. `docs/reference/check-language.md` is its specification.
//!
//! **Invariant:** pure. Nothing here reads a file, and an unknown value that decides gives `unknown`, never a pass.
#![warn(clippy::indexing_slicing, clippy::string_slice)]

mod check;
mod compare;
mod document;
mod edit;
mod evaluate;
mod iam;
mod kubernetes;
mod message;
mod nearest;
mod network;
mod openings;
mod path;
mod program;
mod read;
mod related;
mod text;
mod truth;
mod views;

pub use check::{
    Absent, Argument, Ask, Check, Comparison, Condition, Direction, Fixed, Items, Literal, Matching, Opens, Operator, Order, Ports,
    Quantifier, Related, Test, ValueType, Variant, Who,
};
pub use document::{Expectation, RuleDocument, RuleTest, TestSource};
pub use edit::{Mending, MendingStep};
pub use kubernetes::{WORKLOAD_KINDS, WORKLOAD_RESOURCES};
pub use message::shown;
pub use nearest::nearest;
pub use network::{Addresses, Intervals, NotACidr};
pub use path::{MAYBE, Path, REST, Start, Step, View, decode_json, vague};
pub use program::{CheckProgram, LazyCheck, Rule};
pub use text::{Pattern, compare_versions, covers, like, overlaps};
pub use truth::Truth;
