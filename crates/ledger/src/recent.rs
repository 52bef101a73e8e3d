//! The last records of a log by their leaf hashes, so that one that is appended again is found. Whoever got no answer may try again.

use std::collections::{HashMap, VecDeque};

use probity_core::Digest;

use crate::read::{ReadError, read_hashes};
use crate::tile::{TileId, TileKind, WIDTH};
use crate::{Storage, edge::Edge};

/// Leaf hashes of the last records, with their places.
pub(crate) struct Recent {
    limit: usize,
    places: HashMap<Digest, u64>,
    order: VecDeque<Digest>,
}

impl Recent {
    /// Reads those of the last tile, and of as many before it as make `reach` tiles full.
    pub(crate) fn load(storage: &dyn Storage, edge: &Edge, reach: u64) -> Result<Recent, ReadError> {
        let mut recent =
            Recent { limit: usize::try_from(reach * WIDTH).unwrap_or(usize::MAX), places: HashMap::new(), order: VecDeque::new() };
        let last = edge.levels.first().map_or(&[][..], |row| row.hashes());
        let full = edge.size / WIDTH;
        let wanted = reach - u64::from(!last.is_empty()).min(reach);
        for index in full.saturating_sub(wanted)..full {
            let hashes = read_hashes(storage, TileId { kind: TileKind::Hashes(0), index, width: 256 })?;
            (index * WIDTH..).zip(hashes).for_each(|(place, hash)| recent.push(hash, place));
        }
        (full * WIDTH..).zip(last).for_each(|(place, hash)| recent.push(*hash, place));
        Ok(recent)
    }

    /// Where the record with this leaf hash is.
    pub(crate) fn find(&self, leaf: &Digest) -> Option<u64> {
        self.places.get(leaf).copied()
    }

    /// One record more; the oldest is forgotten.
    pub(crate) fn push(&mut self, leaf: Digest, place: u64) {
        self.places.insert(leaf, place);
        self.order.push_back(leaf);
        if self.order.len() > self.limit
            && let Some(oldest) = self.order.pop_front()
            && self.places.get(&oldest).is_some_and(|found| place - found >= self.limit as u64)
        {
            self.places.remove(&oldest);
        }
    }
}
