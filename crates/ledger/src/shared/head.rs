//! The right edge of a shared log, and what entries more make of it. Of one head there is one outcome, whoever works it out.

use std::collections::HashMap;

use probity_attest::note::{Checkpoint, VerifierKey};
use probity_attest::statement::StatementError;
use probity_core::Digest;

use crate::read::{read_bundle, read_hashes};
use crate::tile::{self, TileId, TileKind, WIDTH};
use crate::{AppendError, CHECKPOINT, ReadError, Storage, merkle};

/// The right edge of the tree, which is all that appending needs.
pub(super) struct Head {
    pub(super) checkpoint: Checkpoint,
    pub(super) note: String,
    /// Hashes of the last, partial tile of each level; empty where the last tile is full.
    pub(super) levels: Vec<Vec<Digest>>,
    /// Entries of the last, partial bundle.
    pub(super) bundle: Vec<Vec<u8>>,
}

impl Head {
    pub(super) fn load(storage: &dyn Storage, key: &VerifierKey, note: String) -> Result<Head, ReadError> {
        let checkpoint = Checkpoint::open(&note, key).map_err(|why| ReadError::Note { path: CHECKPOINT, why })?;
        let size = checkpoint.size;
        let mut levels = Vec::new();
        for level in 0..tile::levels(size) {
            let hashes = tile::partial(TileKind::Hashes(level), size).map(|tile| read_hashes(storage, tile)).transpose()?;
            levels.push(hashes.unwrap_or_default());
        }
        let last = tile::partial(TileKind::Entries, size);
        let bundle = last.map(|tile| read_bundle(storage, tile)).transpose()?.unwrap_or_default();
        let damaged = |path: String, why: &str| ReadError::Damaged { path, why: why.to_owned() };
        if edge_root(&levels) != checkpoint.root {
            return Err(damaged(CHECKPOINT.to_owned(), "the hash tiles do not lead to its root"));
        }
        let leaves: Vec<Digest> = bundle.iter().map(|entry| merkle::leaf_hash(entry)).collect();
        if let Some(tile) = last
            && levels.first() != Some(&leaves)
        {
            return Err(damaged(tile.to_string(), "its entries do not fit their hashes"));
        }
        Ok(Head { checkpoint, note, levels, bundle })
    }
}

/// Root over full subtrees of falling size: those of the highest level first.
pub(super) fn edge_root(levels: &[Vec<Digest>]) -> Digest {
    let mut peaks = Vec::new();
    for hashes in levels.iter().rev() {
        let mut rest = hashes.as_slice();
        while let Some(bit) = rest.len().checked_ilog2() {
            let (peak, after) = rest.split_at(1 << bit);
            peaks.push(merkle::root(peak));
            rest = after;
        }
    }
    let mut peaks = peaks.into_iter().rev();
    let Some(last) = peaks.next() else { return merkle::root(&[]) };
    peaks.fold(last, |right, left| merkle::node_hash(&left, &right))
}

/// The edge after some entries more, and the tiles to write for it.
pub(super) struct Grown {
    pub(super) size: u64,
    pub(super) levels: Vec<Vec<Digest>>,
    pub(super) bundle: Vec<Vec<u8>>,
    /// In the order of writing: entries before hashes.
    pub(super) files: Vec<(TileId, Vec<u8>)>,
    /// Hashes of all tiles that proofs for the new entries need.
    pub(super) known: HashMap<(TileKind, u64), Vec<Digest>>,
}

impl Grown {
    pub(super) fn grow(head: Head, entries: &[&[u8]]) -> Result<Grown, AppendError> {
        let Head { checkpoint, mut levels, mut bundle, .. } = head;
        let mut size = checkpoint.size;
        let (mut bundles, mut hashes, mut known) = (Vec::new(), Vec::new(), HashMap::new());
        for entry in entries {
            bundle.push(entry.to_vec());
            size = size.checked_add(1).ok_or(AppendError::Full)?;
            if size.is_multiple_of(WIDTH) {
                let tile = TileId { kind: TileKind::Entries, index: size / WIDTH - 1, width: 256 };
                bundles.push((tile, frame_all(&bundle)?));
                bundle.clear();
            }
            let mut carried = Some(merkle::leaf_hash(entry));
            let mut level = 0_u8;
            while let Some(hash) = carried.take() {
                if levels.len() <= usize::from(level) {
                    levels.push(Vec::new());
                }
                let Some(row) = levels.get_mut(usize::from(level)) else { return Err(AppendError::Full) };
                row.push(hash);
                if row.len() as u64 == WIDTH {
                    let index = (size >> (8 * (u32::from(level) + 1))) - 1;
                    let tile = TileId { kind: TileKind::Hashes(level), index, width: 256 };
                    hashes.push((tile, tile::hash_bytes(row)));
                    carried = Some(merkle::root(row));
                    known.insert((tile.kind, index), std::mem::take(row));
                }
                level += 1;
            }
        }
        if let Some(tile) = tile::partial(TileKind::Entries, size) {
            bundles.push((tile, frame_all(&bundle)?));
        }
        for (level, row) in (0..).zip(&levels) {
            let kind = TileKind::Hashes(level);
            let Some(tile) = tile::partial(kind, size) else { continue };
            known.insert((kind, tile.index), row.clone());
            // A row of the same width in the same place has not changed.
            if tile::partial(kind, checkpoint.size) != Some(tile) {
                hashes.push((tile, tile::hash_bytes(row)));
            }
        }
        bundles.append(&mut hashes);
        Ok(Grown { size, levels, bundle, files: bundles, known })
    }
}

fn frame_all(entries: &[Vec<u8>]) -> Result<Vec<u8>, AppendError> {
    let mut out = Vec::new();
    for entry in entries {
        let framed = tile::frame(entry).ok_or(AppendError::Record(StatementError::TooLarge(entry.len())))?;
        out.extend_from_slice(&framed);
    }
    Ok(out)
}
