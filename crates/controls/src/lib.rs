//! Controls of frameworks beside the evidence: what is proved, since when and by what; as tables for auditors and as OSCAL.
//!
//! [`Catalogue`] finds controls, [`evidence`] reads the records of a log, [`posture`] holds one against the other, [`oscal`], [`table`] and
//! [`population`] write it down, [`reconcile`] finds changes that no record explains.
//!
//! **Invariant:** a control is satisfied by records of things that were done, never by a list of what could speak for it.
//! **Invariant:** no disk, clock or randomness: times are those of records and of the window that is given, identifiers are computed from
//! what they name. The same log and the same window give the same bytes.
//!
//! What does not live here: keeping and verifying the log (`ledger`), frameworks and rules as data (`catalog`), what is printed (`cli`).

#![warn(clippy::indexing_slicing, clippy::string_slice)]

mod catalogue;
pub mod evidence;
pub mod oscal;
pub mod population;
pub mod posture;
pub mod reconcile;
pub mod table;
mod workbook;

pub use catalogue::{Catalogue, Control, UnknownControl};
pub use workbook::{WorkbookError, workbook};
