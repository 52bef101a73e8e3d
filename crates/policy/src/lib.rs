//! All policy languages of the field as one set: loads, indexes, evaluates within budgets, tests and lints.
//!
//! **Invariant:** a policy that cannot be loaded is said and the others still run; an evaluation that fails or panics is an `error`, never
//! a pass.
#![warn(clippy::indexing_slicing, clippy::string_slice)]

pub mod convert;
mod documents;
pub mod lint;
mod load;
mod lookup;
mod program;
mod set;
pub mod testing;

pub use documents::{DocumentSource, Wanted};
pub use load::{Language, Loaded, compile, language, load_files, load_folder};
pub use lookup::{Answer, Fixture, FixtureError, Recorder};
pub use program::{Judges, PolicyProgram, Requests};
pub use set::{Decided, Evaluation, NoStopwatch, PolicySet, Stopwatch};
