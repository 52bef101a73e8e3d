//! The one path: collect, evaluate, decide, record.
//!
//! **Invariant:** the path knows the traits of `core`, not the adapters behind them; `cli` picks those.

mod collect;
mod evaluate;
mod locate;

pub use collect::{Collection, collect};
pub use evaluate::{Evaluation, evaluate};
pub use locate::{Located, locate, place};
