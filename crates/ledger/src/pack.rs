//! A part of a ledger that can be checked by itself: chosen records with their receipts and blobs, all hashes of the log, its key and its
//! signed checkpoint. The same records of the same ledger always give the same bytes.
//!
//! | path | what |
//! |---|---|
//! | `log.vkey`, `checkpoint`, `tile/<L>/<N>[.p/<W>]` | as in the ledger; no entries |
//! | `records/<index>.json` | the record's bytes |
//! | `receipts/<index>.tlog-proof` | its receipt |
//! | `cas/sha256/...` | blobs that chosen records name |
//! | `pack.json` and whatever else the caller adds | for readers; nothing signs them |

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use probity_attest::sha256;
use probity_attest::statement::Statement;
use serde_json::{Value, json};

use crate::export::{ExportError, write_tar};
use crate::read::read_hashes;
use crate::tile::{self, TileKind};
use crate::{CHECKPOINT, ImportRecord, KEY, LogReader, blob_path};

/// Path of the description of a pack.
pub const PACK: &str = "pack.json";

/// What a pack holds, for those who made it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Packed {
    /// Places of the records, with those of the imports that chosen records came by.
    pub records: BTreeSet<u64>,
    /// Number of blobs.
    pub blobs: usize,
    /// Size of the log.
    pub size: u64,
}

/// Writes the chosen records as a tar file (POSIX ustar). A record that came from another log brings the record of its import, which says
/// whose keys signed it. `about` is told in `pack.json`; `more` are files beside it, which `pack.json` names by their digests.
///
/// # Errors
/// [`ExportError`] where a record is not there or cannot be read, or the tar cannot be written.
pub fn pack_tar(
    reader: &LogReader<'_>,
    chosen: &BTreeSet<u64>,
    about: &Value,
    more: &BTreeMap<String, Vec<u8>>,
    out: &mut dyn Write,
) -> Result<Packed, ExportError> {
    let records = with_imports(reader, chosen)?;
    let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::from([
        (KEY.to_owned(), format!("{}\n", reader.key()).into_bytes()),
        (CHECKPOINT.to_owned(), reader.note().as_bytes().to_vec()),
    ]);
    let mut listed = Vec::new();
    let mut blobs = 0;
    for index in &records {
        let record = reader.entry(*index)?;
        let named = Statement::of_record(&record).and_then(|statement| statement.blobs());
        for blob in named.map_err(|source| ExportError::Record { index: *index, source })? {
            if files.insert(blob_path(&blob.digest), reader.blob(&blob.digest)?).is_none() {
                blobs += 1;
            }
        }
        listed.push(json!({ "index": index, "sha256": sha256(&record).to_string() }));
        files.insert(format!("receipts/{index}.tlog-proof"), reader.receipt(*index)?.proof.to_text().into_bytes());
        files.insert(format!("records/{index}.json"), record);
    }
    for tile in (0..tile::levels(reader.size())).flat_map(|level| tile::tiles(TileKind::Hashes(level), reader.size())) {
        files.insert(tile.to_string(), tile::hash_bytes(&read_hashes(reader.storage(), tile)?));
    }
    let digests: BTreeMap<&String, String> = more.iter().map(|(path, bytes)| (path, sha256(bytes).to_string())).collect();
    let description =
        json!({ "version": 1, "log": reader.key().name(), "size": reader.size(), "about": about, "records": listed, "files": digests });
    files.extend(more.iter().map(|(path, bytes)| (path.clone(), bytes.clone())));
    files.insert(PACK.to_owned(), format!("{description:#}\n").into_bytes());
    write_tar(files.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice())), out)?;
    Ok(Packed { records, blobs, size: reader.size() })
}

/// The records, and the imports they came by.
fn with_imports(reader: &LogReader<'_>, chosen: &BTreeSet<u64>) -> Result<BTreeSet<u64>, ExportError> {
    let mut out = chosen.clone();
    // Where the import that is being read through began, and where it ends.
    let mut import: Option<(u64, u64)> = None;
    for entry in reader.entries() {
        let (index, record) = entry?;
        match import {
            Some((start, end)) if index <= end => {
                if chosen.contains(&index) {
                    out.insert(start);
                }
            }
            _ => {
                let statement = Statement::of_record(&record).and_then(|statement| ImportRecord::of_statement(&statement));
                let found = statement.map_err(|source| ExportError::Record { index, source })?;
                import = found.map(|found| (index, index.saturating_add(found.count())));
            }
        }
    }
    Ok(out)
}
