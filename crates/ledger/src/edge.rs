//! The right edge of the tree in memory: what appending needs, and all that the proofs of the entries just added are made of. Nothing is
//! read for them.

use std::collections::HashMap;
use std::sync::Arc;

use probity_attest::note::Checkpoint;
use probity_core::Digest;

use crate::merkle::{self, node_hash};
use crate::receipt::{Receipt, TlogProof};
use crate::tile::{self, TileId, TileKind, WIDTH};

/// The hashes of one tile, with those of every complete subtree over them: each is computed once, when its right half comes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Subtrees {
    /// By height within the tile.
    rows: Vec<Vec<Digest>>,
}

impl Subtrees {
    /// These hashes.
    pub(crate) fn of(hashes: Vec<Digest>) -> Subtrees {
        let mut out = Subtrees::default();
        hashes.into_iter().for_each(|hash| out.push(hash));
        out
    }

    /// Adds a hash.
    pub(crate) fn push(&mut self, hash: Digest) {
        let mut carried = hash;
        for row in &mut self.rows {
            row.push(carried);
            match row.as_slice() {
                [.., left, right] if row.len().is_multiple_of(2) => carried = node_hash(left, right),
                _ => return,
            }
        }
        self.rows.push(vec![carried]);
    }

    /// The hashes themselves.
    pub(crate) fn hashes(&self) -> &[Digest] {
        self.rows.first().map_or(&[], Vec::as_slice)
    }

    /// The subtree at `index` of those over 2^`height` hashes.
    fn node(&self, height: u32, index: usize) -> Option<Digest> {
        self.rows.get(height as usize)?.get(index).copied()
    }
}

/// The last, partial tile of each level; one without hashes where the last tile is full.
#[derive(Clone, Debug, Default)]
pub(crate) struct Edge {
    /// Entries in the log.
    pub(crate) size: u64,
    /// By level.
    pub(crate) levels: Vec<Subtrees>,
}

impl Edge {
    /// Adds the hash of a leaf; tiles that it fills go to `full`. `None` where a log may not grow further.
    pub(crate) fn push(&mut self, leaf: Digest, full: &mut Vec<(TileId, Arc<Subtrees>)>) -> Option<()> {
        self.size = self.size.checked_add(1)?;
        let mut carried = leaf;
        for level in 0_u8.. {
            if self.levels.len() <= usize::from(level) {
                self.levels.push(Subtrees::default());
            }
            let row = self.levels.get_mut(usize::from(level))?;
            row.push(carried);
            let Some(top) = row.node(WIDTH.trailing_zeros(), 0) else { break };
            let index = self.size.checked_shr(8 * (u32::from(level) + 1)).unwrap_or(0).checked_sub(1)?;
            full.push((TileId { kind: TileKind::Hashes(level), index, width: 256 }, Arc::new(std::mem::take(row))));
            carried = top;
        }
        Some(())
    }

    /// Hashes of the largest complete subtrees from left to right, each with its height.
    fn peaks(&self) -> Vec<(u32, Digest)> {
        let heights = (0..u64::BITS).rev().filter(|height| self.size >> height & 1 == 1);
        heights.filter_map(|height| self.peak(height).map(|hash| (height, hash))).collect()
    }

    /// The largest complete subtree of this height; it ends the complete ones of its level.
    fn peak(&self, height: u32) -> Option<Digest> {
        let row = self.levels.get((height / 8) as usize)?;
        let span = height % 8;
        row.node(span, (row.hashes().len() >> span).checked_sub(1)?)
    }

    /// The root.
    pub(crate) fn root(&self) -> Digest {
        let mut peaks = self.peaks().into_iter().rev().map(|(_, hash)| hash);
        let Some(last) = peaks.next() else { return merkle::root(&[]) };
        peaks.fold(last, |right, left| node_hash(&left, &right))
    }
}

/// What one checkpoint added: enough to prove each entry under it.
#[derive(Debug)]
pub(crate) struct Committed {
    /// The head.
    pub(crate) checkpoint: Checkpoint,
    /// The same as signed.
    pub(crate) note: String,
    /// Tiles of hashes on the edge, and those that were filled.
    tiles: HashMap<(u8, u64), Arc<Subtrees>>,
    peaks: Vec<(u32, Digest)>,
}

impl Committed {
    /// The head with the tiles that came to it.
    pub(crate) fn new(checkpoint: Checkpoint, note: String, edge: &Edge, full: Vec<(TileId, Arc<Subtrees>)>) -> Committed {
        let mut tiles = HashMap::with_capacity(full.len() + edge.levels.len());
        for (tile, hashes) in full {
            if let TileKind::Hashes(level) = tile.kind {
                tiles.insert((level, tile.index), hashes);
            }
        }
        for (level, row) in (0_u8..).zip(&edge.levels) {
            if let Some(tile) = tile::partial(TileKind::Hashes(level), edge.size) {
                tiles.insert((level, tile.index), Arc::new(row.clone()));
            }
        }
        Committed { checkpoint, note, tiles, peaks: edge.peaks() }
    }

    fn node(&self, height: u32, index: u64) -> Option<Digest> {
        let span = height % 8;
        let first = index << span;
        let tile = self.tiles.get(&(u8::try_from(height / 8).ok()?, first / WIDTH))?;
        tile.node(span, usize::try_from((first % WIDTH) >> span).ok()?)
    }

    /// The way from a leaf that this checkpoint added to the root; `None` for others.
    fn path(&self, index: u64) -> Option<Vec<Digest>> {
        let mut from = 0;
        for (place, (height, _)) in self.peaks.iter().enumerate() {
            if index >= from + (1 << height) {
                from += 1 << height;
                continue;
            }
            let siblings = (0..*height).map(|height| self.node(height, (index >> height) ^ 1));
            let mut path = siblings.collect::<Option<Vec<_>>>()?;
            let (left, rest) = self.peaks.split_at_checked(place)?;
            let mut right = rest.iter().skip(1).rev().map(|(_, hash)| *hash);
            if let Some(last) = right.next() {
                path.push(right.fold(last, |right, left| node_hash(&left, &right)));
            }
            path.extend(left.iter().rev().map(|(_, hash)| *hash));
            return Some(path);
        }
        None
    }

    /// The receipt of an entry that this checkpoint added, by its place and the SHA-256 of its bytes; `None` for others.
    pub(crate) fn receipt(&self, index: u64, record: Digest) -> Option<Receipt> {
        let proof = TlogProof { extra: None, index, path: self.path(index)?, note: self.note.clone() };
        Some(Receipt { record, index, checkpoint: self.checkpoint.clone(), proof })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn leaves(from: u64, to: u64) -> Vec<Digest> {
        (from..to).map(|number| merkle::leaf_hash(&number.to_be_bytes())).collect()
    }

    /// The edge after `before` leaves, and what adding up to `size` commits.
    fn grown(before: u64, size: u64) -> (Edge, Committed) {
        let mut edge = Edge::default();
        leaves(0, before).into_iter().for_each(|leaf| edge.push(leaf, &mut Vec::new()).unwrap());
        let mut full = Vec::new();
        leaves(before, size).into_iter().for_each(|leaf| edge.push(leaf, &mut full).unwrap());
        let checkpoint = Checkpoint { origin: "example.com/log".into(), size, root: edge.root() };
        let committed = Committed::new(checkpoint, String::new(), &edge, full);
        (edge, committed)
    }

    fn check(before: u64, size: u64) {
        let all = leaves(0, size);
        let (edge, committed) = grown(before, size);
        assert_eq!(edge.root(), merkle::root(&all), "root of {size}");
        // All of a few, and some of many: the tree of the other side has no memory.
        for index in (before..size).step_by(if size < 600 { 1 } else { 97 }) {
            let expected = merkle::inclusion_proof(&merkle::Leaves(&all), index, size).unwrap();
            assert_eq!(committed.path(index), expected, "{index} of {size}, added to {before}");
        }
        assert_eq!(committed.path(size), None);
    }

    #[test]
    fn roots_and_proofs_are_those_of_the_tree() {
        for size in 0..70 {
            check(size / 2, size);
        }
        for (before, size) in [(0, 256), (255, 256), (256, 257), (255, 513), (700, 1300), (65_500, 65_537)] {
            check(before, size);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 8, ..ProptestConfig::default() })]

        #[test]
        fn also_of_any_size(before in 0_u64..3000, more in 1_u64..700) {
            check(before, before + more);
        }
    }
}
