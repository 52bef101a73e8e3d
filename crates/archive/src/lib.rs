//! Archives read within bounds: tar, gzip, zstd and zip.
//!
//! **Invariant:** any bytes give entries and problems, never a panic, and never more memory than the limits allow. Nothing is unpacked
//! to disk; an entry whose path leads out of the archive is a problem and not an entry.
#![warn(clippy::indexing_slicing, clippy::string_slice)]

mod compression;
mod limits;
mod path;
mod tar;
mod zip;

pub use compression::{Compression, unpack};
pub use limits::{Limits, Meter, Problem, Trouble};
pub use path::normal;
pub use tar::{Entry, Kind, Piece, tar};
pub use zip::{ZipEntry, zip};
