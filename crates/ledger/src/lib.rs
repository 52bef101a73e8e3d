//! The evidence ledger: an append-only Merkle log of signed records (C2SP tlog-tiles) with a content store beside it.
//!
//! [`Ledger`] appends in turns, [`SharedLedger`] where there is no lock to take turns with, [`LogReader`] reads and proves, [`verify`] re-derives everything and trusts nothing, [`export`] copies. The files:
//!
//! | path | what |
//! |---|---|
//! | `log.vkey` | the public key of the log as `name+hash+key` (C2SP signed-note), one line |
//! | `checkpoint` | the signed head: origin, size, root hash |
//! | `tile/entries/<N>[.p/<W>]` | the records, each a DSSE envelope, with 16-bit lengths |
//! | `tile/<L>/<N>[.p/<W>]` | hashes |
//! | `cas/sha256/<2 digits>/<62 digits>` | blobs that records name by digest |
//! | `lock`, `tmp/...` | no meaning: what writers take turns with, and writes that did not end |
//!
//! **Invariant:** no clock, and no randomness but for the keys of retention classes and what is sealed under them. Times are given by the
//! caller; Ed25519 signatures are deterministic.
//! **Invariant:** the disk is touched in `folder.rs`, behind [`Storage`], and in `class_keys.rs`, behind [`ClassKeys`], alone.
//! **Invariant:** when [`Ledger::append`] returns, the record is durable, and it is in the log under every later checkpoint.

#![warn(clippy::indexing_slicing, clippy::string_slice)]

mod class_keys;
mod classes;
mod edge;
mod export;
mod faulty;
mod folder;
mod group;
mod import;
mod ledger;
pub mod merkle;
mod pack;
mod read;
mod receipt;
mod recent;
mod shared;
mod storage;
pub mod tile;
mod verify;

pub use class_keys::{ClassKeys, ClassKeysError, FolderClassKeys, MemoryClassKeys};
pub use classes::{ClassError, ClassState, Classes, Destroyed, Hold, HoldTarget, LEGAL_HOLD_V1, RETENTION_CLASS_V1, Retention};
pub use export::{ExportError, OpenTarError, export_files, export_tar, open_tar};
pub use faulty::{Fault, FaultyStorage};
pub use folder::{FolderStorage, KeyFile, KeyFileError, load_key, load_or_create_key};
pub use group::{GroupCommit, GroupLimits, Pending};
pub use import::{ImportError, ImportRecord, Imported, LEDGER_IMPORT_V1};
pub use ledger::{AppendError, Ledger, OpenError};
pub use pack::{PACK, Packed, pack_tar};
pub use read::{LogReader, ReadError, blob_path};
pub use receipt::{Receipt, ReceiptError, TlogProof};
pub use shared::{Append, SharedLedger, SharedStorage, Swap, Tag};
pub use storage::{Lock, MemoryStorage, Storage, StorageError};
pub use verify::{Against, VerifyError, VerifyOptions, VerifyReport, verify, verify_tree};

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
