//! What ARM templates and Bicep files share: the expressions, their evaluation, the functions, the index of resources and what
//! suppression comments reach.
//!
//! What does not live here: reading either language, and judging.

pub(crate) mod eval;
pub(crate) mod expr;
mod functions;
pub(crate) mod index;
pub(crate) mod suppression;
mod text;
mod types;

pub(crate) use eval::{Evaluation, Frame, Locals, Scope};
pub(crate) use index::Index;
pub(crate) use types::{canonical, spelled};
