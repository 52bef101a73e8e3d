//! The one path: collect, evaluate, decide, record.
//!
//! **Invariant:** the path knows the traits of `core`, not the adapters behind them; `cli` picks those.

mod collect;
mod evaluate;
mod externals;
mod judge;
mod locate;
mod mend;
pub mod record;

pub use collect::{Collection, collect};
pub use evaluate::{ByRule, Evaluation, evaluate};
pub use judge::{Base, Beside, CONFIG, Compile, Compiled, ExternalFile, FloorFile, JudgeError, JudgeInput, Judged, OutsideFile, judge};
pub use locate::{Fingerprint, locate, place};
pub use mend::{MakeEdit, Mend, Mended, NotMended, mend};
