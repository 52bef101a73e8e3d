//! The evidence ledger: an append-only Merkle log of signed records (C2SP tlog-tiles) with a content store beside it.
//!
//! [`Ledger`] appends, [`LogReader`] reads and proves, [`verify`] re-derives everything and trusts nothing, [`export`] copies. The files:
//!
//! | path | what |
//! |---|---|
//! | `log.vkey` | the public key of the log as `name+hash+key` (C2SP signed-note), one line |
//! | `checkpoint` | the signed head: origin, size, root hash |
//! | `tile/entries/<N>[.p/<W>]` | the records, each a DSSE envelope, with 16-bit lengths |
//! | `tile/<L>/<N>[.p/<W>]` | hashes |
//! | `cas/sha256/<2 digits>/<62 digits>` | blobs that records name by digest |
//! | `lock`, `tmp/...` | no meaning: the lock file, and writes that did not end |
//!
//! **Invariant:** no clock and no randomness. Times are in the records the caller signed; Ed25519 signatures are deterministic.
//! **Invariant:** the disk is touched in `folder.rs` alone, behind [`Storage`].
//! **Invariant:** when [`Ledger::append`] returns, the record is durable, and it is in the log under every later checkpoint.

#![warn(clippy::indexing_slicing, clippy::string_slice)]

mod edge;
mod export;
mod faulty;
mod folder;
mod group;
mod import;
mod ledger;
pub mod merkle;
mod read;
mod receipt;
mod recent;
mod storage;
pub mod tile;
mod verify;

pub use export::{ExportError, OpenTarError, export_files, export_tar, open_tar};
pub use faulty::{Fault, FaultyStorage};
pub use folder::{FolderStorage, KeyFile, KeyFileError, load_key, load_or_create_key};
pub use group::{GroupCommit, GroupLimits, Pending};
pub use import::{ImportError, ImportRecord, Imported, LEDGER_IMPORT_V1};
pub use ledger::{AppendError, Ledger, OpenError};
pub use read::{LogReader, ReadError, blob_path};
pub use receipt::{Receipt, ReceiptError, TlogProof};
pub use storage::{Lock, MemoryStorage, Storage, StorageError};
pub use verify::{Against, VerifyError, VerifyOptions, VerifyReport, verify};

/// Path of the signed head.
pub const CHECKPOINT: &str = "checkpoint";
/// Path of the log's public key.
pub const KEY: &str = "log.vkey";
/// Path of the lock file.
pub const LOCK: &str = "lock";
/// Folder of writes under way.
pub const TEMPORARY: &str = "tmp/";
/// Folder of blobs.
pub const BLOBS: &str = "cas/sha256/";
