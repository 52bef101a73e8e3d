//! Gatekeeper's own test suites (`kind: Suite`), run as `gator verify` runs them, but strictly: what a suite says that nobody reads is a
//! failure, and so is an answer that only a bound of ours gave.

mod parse;
mod run;

pub use run::{Means, Run, is_suite, run};
