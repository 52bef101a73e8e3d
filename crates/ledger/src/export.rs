//! Copying a ledger out, as a folder or as one tar file, with exactly the files that its checkpoint covers. The same ledger at the same
//! checkpoint always gives the same bytes.

use std::collections::BTreeMap;
use std::io::{self, Write};

use probity_attest::note::VerifierKey;
use probity_attest::statement::{Statement, StatementError};
use probity_core::Digest;

use crate::read::{read_bundle, read_hashes};
use crate::tile::{self, TileKind};
use crate::{CHECKPOINT, KEY, LogReader, MemoryStorage, ReadError, Storage, StorageError, blob_path};

const BLOCK: usize = 512;
/// Longest path of a file in an export, in bytes: what the name field of a ustar header holds.
const MAX_PATH: usize = 100;

/// A ledger that could not be copied.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The ledger cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A record in it cannot be read.
    #[error("entry {index} cannot be read")]
    Record {
        /// Which.
        index: u64,
        /// Why.
        #[source]
        source: StatementError,
    },
    /// The copy cannot be written.
    #[error("the copy could not be written")]
    Write(#[from] io::Error),
    /// The copy's storage failed.
    #[error("the copy could not be written")]
    Storage(#[source] StorageError),
    /// The target is not empty.
    #[error("there are files already at `{0}`")]
    NotEmpty(String),
}

/// What one file of an export holds.
enum Content {
    Key,
    Checkpoint,
    Tile(tile::TileId),
    Blob(Digest),
}

/// Takes a path and the bytes under it.
type Take<'a> = &'a mut dyn FnMut(&str, &[u8]) -> Result<(), ExportError>;

/// Hands over every file with its path, in the order of paths.
fn each_file(storage: &dyn Storage, key: Option<&VerifierKey>, take: Take<'_>) -> Result<(), ExportError> {
    let reader = LogReader::open(storage, key)?;
    let mut files = BTreeMap::from([(KEY.to_owned(), Content::Key), (CHECKPOINT.to_owned(), Content::Checkpoint)]);
    // Entries first: a checkpoint that claims more of them than there are ends here, before its tiles are listed.
    for entry in reader.entries() {
        let (index, record) = entry?;
        let blobs = Statement::of_record(&record).and_then(|statement| statement.blobs());
        for blob in blobs.map_err(|source| ExportError::Record { index, source })? {
            files.insert(blob_path(&blob.digest), Content::Blob(blob.digest));
        }
    }
    let kinds = (0..tile::levels(reader.size())).map(TileKind::Hashes).chain([TileKind::Entries]);
    for tile in kinds.flat_map(|kind| tile::tiles(kind, reader.size())) {
        files.insert(tile.to_string(), Content::Tile(tile));
    }
    for (path, content) in files {
        let bytes = match content {
            Content::Key => format!("{}\n", reader.key()).into_bytes(),
            Content::Checkpoint => reader.note().as_bytes().to_vec(),
            Content::Blob(digest) => reader.blob(&digest)?,
            Content::Tile(tile) if tile.kind == TileKind::Entries => {
                let entries = read_bundle(storage, tile)?;
                entries.iter().filter_map(|entry| tile::frame(entry)).flatten().collect()
            }
            Content::Tile(tile) => tile::hash_bytes(&read_hashes(storage, tile)?),
        };
        take(&path, &bytes)?;
    }
    Ok(())
}

/// Copies a ledger into an empty storage.
pub fn export_files(storage: &dyn Storage, key: Option<&VerifierKey>, into: &dyn Storage) -> Result<(), ExportError> {
    if !into.list("").map_err(ExportError::Storage)?.is_empty() {
        return Err(ExportError::NotEmpty(into.place()));
    }
    each_file(storage, key, &mut |path, bytes| into.write(path, bytes).map_err(ExportError::Storage))
}

/// Writes a ledger as a tar file (POSIX ustar).
pub fn export_tar(storage: &dyn Storage, key: Option<&VerifierKey>, out: &mut dyn Write) -> Result<(), ExportError> {
    each_file(storage, key, &mut |path, bytes| Ok(write_file(path, bytes, out)?))?;
    Ok(end_tar(out)?)
}

/// Writes files, which come in the order of their paths, as a tar file.
pub(crate) fn write_tar<'a>(files: impl Iterator<Item = (&'a str, &'a [u8])>, out: &mut dyn Write) -> io::Result<()> {
    for (path, bytes) in files {
        write_file(path, bytes, out)?;
    }
    end_tar(out)
}

fn write_file(path: &str, bytes: &[u8], out: &mut dyn Write) -> io::Result<()> {
    let header = header(path, bytes.len() as u64).ok_or_else(|| io::Error::other(format!("`{path}` does not fit a tar file")))?;
    out.write_all(&header)?;
    out.write_all(bytes)?;
    out.write_all(&vec![0; padding(bytes.len())])
}

fn end_tar(out: &mut dyn Write) -> io::Result<()> {
    out.write_all(&[0; 2 * BLOCK])?;
    out.flush()
}

const fn padding(length: usize) -> usize {
    length.next_multiple_of(BLOCK) - length
}

/// The one header that a file of this path and size has. `None` where it does not fit.
fn header(path: &str, size: u64) -> Option<Vec<u8>> {
    if path.len() > MAX_PATH || size >= 1 << 33 {
        return None;
    }
    let mut out = Vec::with_capacity(BLOCK);
    let mut field = |text: &str, width: usize| {
        out.extend_from_slice(text.as_bytes());
        out.resize(out.len() - text.len() + width, 0);
    };
    field(path, 100);
    field("0000644", 8);
    field("0000000", 8);
    field("0000000", 8);
    field(&format!("{size:011o}"), 12);
    field("00000000000", 12);
    field("        ", 8);
    field("0", 1);
    field("", 100);
    field("ustar", 6);
    field("00", 2);
    field("", BLOCK - 265);
    let sum: u32 = out.iter().map(|byte| u32::from(*byte)).sum();
    let checksum = format!("{sum:06o}\0 ");
    out.splice(148..156, checksum.bytes());
    Some(out)
}

/// A tar file that is not an export.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenTarError {
    /// A header other than those that an export has.
    #[error("the header at byte {0} is not one of an export")]
    Header(usize),
    /// The file ends too early, or goes on after its end.
    #[error("the tar file is cut off, or has bytes after its end, at byte {0}")]
    End(usize),
    /// A path twice or out of order.
    #[error("`{0}` is not where it belongs in an export")]
    Order(String),
}

/// Reads the tar file of an export into memory. It takes exactly what [`export_tar`] writes; verify what is in it.
pub fn open_tar(bytes: &[u8]) -> Result<MemoryStorage, OpenTarError> {
    let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let mut rest = bytes;
    loop {
        let at = bytes.len() - rest.len();
        if rest.len() == 2 * BLOCK && rest.iter().all(|byte| *byte == 0) {
            return Ok(MemoryStorage::with_files(files));
        }
        let (head, after) = rest.split_at_checked(BLOCK).ok_or(OpenTarError::End(at))?;
        let (path, size) = read_header(head).ok_or(OpenTarError::Header(at))?;
        let (content, after) = after.split_at_checked(size).ok_or(OpenTarError::End(at))?;
        let (filling, after) = after.split_at_checked(padding(size)).ok_or(OpenTarError::End(at))?;
        if filling.iter().any(|byte| *byte != 0) {
            return Err(OpenTarError::End(at));
        }
        if files.last_key_value().is_some_and(|(last, _)| *last >= path) {
            return Err(OpenTarError::Order(path));
        }
        files.insert(path, content.to_vec());
        rest = after;
    }
}

fn read_header(head: &[u8]) -> Option<(String, usize)> {
    let name = head.get(..MAX_PATH)?.split(|byte| *byte == 0).next()?;
    let path = std::str::from_utf8(name).ok().filter(|path| !path.is_empty())?;
    let size = u64::from_str_radix(std::str::from_utf8(head.get(124..135)?).ok()?, 8).ok()?;
    // The header is taken only if it is the very one that the path and the size give.
    (header(path, size)? == head).then_some((path.to_owned(), usize::try_from(size).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut out = Vec::new();
        for (path, bytes) in files {
            out.extend(header(path, bytes.len() as u64).unwrap());
            out.extend_from_slice(bytes);
            out.resize(out.len() + padding(bytes.len()), 0);
        }
        out.resize(out.len() + 2 * BLOCK, 0);
        out
    }

    #[test]
    fn only_what_is_written_is_read() {
        let good = tar(&[("a", b"one"), ("b/c", &[7; 512]), ("d", b"")]);
        let files = open_tar(&good).unwrap().files();
        assert_eq!(files.keys().collect::<Vec<_>>(), ["a", "b/c", "d"]);
        assert_eq!(files["a"], b"one");
        assert!(matches!(open_tar(&tar(&[("b", b""), ("a", b"")])), Err(OpenTarError::Order(_))));
        assert!(matches!(open_tar(&tar(&[("a", b""), ("a", b"")])), Err(OpenTarError::Order(_))));
        for length in 0..good.len() {
            assert!(open_tar(&good[..length]).is_err(), "{length}");
        }
        let content: Vec<usize> = (BLOCK..BLOCK + 3).chain(3 * BLOCK..4 * BLOCK).collect();
        for position in (0..good.len()).filter(|position| !content.contains(position)) {
            for bit in 0..8 {
                let mut changed = good.clone();
                changed[position] ^= 1 << bit;
                assert!(open_tar(&changed).is_err(), "bit {bit} of byte {position}");
            }
        }
        assert!(open_tar(&[good.as_slice(), &[0; BLOCK]].concat()).is_err());
        assert!(header(&"x".repeat(101), 1).is_none());
    }
}
