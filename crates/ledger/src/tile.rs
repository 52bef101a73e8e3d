//! Names and contents of tiles (C2SP tlog-tiles): which file holds which hashes or entries of a log of a given size.

use std::fmt;

use probity_core::Digest;

/// Entries or hashes in a full tile.
pub const WIDTH: u64 = 256;
/// Most bytes of one entry: its length has 16 bits.
pub const MAX_ENTRY: usize = 65_535;
/// Levels that a 64-bit tree size can have.
const MAX_LEVEL: u8 = 7;

/// What a tile holds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum TileKind {
    /// The entries themselves.
    Entries,
    /// Hashes of subtrees with 256^level leaves.
    Hashes(u8),
}

/// One tile: `tile/<L>/<N>[.p/<W>]` or `tile/entries/<N>[.p/<W>]`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct TileId {
    /// Entries, or hashes of a level.
    pub kind: TileKind,
    /// Position among those of its kind.
    pub index: u64,
    /// How many entries or hashes it holds, 1 to 256; 256 is a full tile.
    pub width: u16,
}

impl TileId {
    /// Reads the path of a tile; anything but the one right way of writing it is `None`.
    #[must_use]
    pub fn parse(path: &str) -> Option<TileId> {
        let (kind, rest) = path.strip_prefix("tile/")?.split_once('/')?;
        let kind = match kind {
            "entries" => TileKind::Entries,
            level => TileKind::Hashes(level.parse().ok().filter(|level| *level <= MAX_LEVEL)?),
        };
        let (number, width) = match rest.split_once(".p/") {
            Some((number, width)) => (number, width.parse().ok().filter(|width| (1..256).contains(width))?),
            None => (rest, 256),
        };
        let mut index = 0_u64;
        for part in number.split('/') {
            let digits = part.strip_prefix('x').unwrap_or(part);
            let value: u64 = digits.parse().ok().filter(|value| *value < 1000)?;
            index = index.checked_mul(1000)?.checked_add(value)?;
        }
        let tile = TileId { kind, index, width };
        (tile.to_string() == path).then_some(tile)
    }

    /// Position of the first entry it is about.
    #[must_use]
    pub fn first_entry(&self) -> u64 {
        let shift = match self.kind {
            TileKind::Entries => 8,
            TileKind::Hashes(level) => 8 * (u32::from(level) + 1),
        };
        self.index.checked_shl(shift).unwrap_or(0)
    }

    /// The same tile when full.
    #[must_use]
    pub fn full(self) -> TileId {
        TileId { width: 256, ..self }
    }

    /// The folder in which its partial forms lie, with `/` at the end.
    #[must_use]
    pub fn partial_folder(&self) -> String {
        format!("{}.p/", self.full())
    }
}

impl fmt::Display for TileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            TileKind::Entries => f.write_str("tile/entries/")?,
            TileKind::Hashes(level) => write!(f, "tile/{level}/")?,
        }
        let mut groups = vec![self.index % 1000];
        let mut rest = self.index / 1000;
        while rest > 0 {
            groups.push(rest % 1000);
            rest /= 1000;
        }
        while let Some(group) = groups.pop() {
            if groups.is_empty() { write!(f, "{group:03}")? } else { write!(f, "x{group:03}/")? }
        }
        if self.width == 256 { Ok(()) } else { write!(f, ".p/{}", self.width) }
    }
}

/// The last tile of its kind in a log of this size, if it is partial.
#[must_use]
pub fn partial(kind: TileKind, size: u64) -> Option<TileId> {
    let count = count(kind, size);
    let width = u16::try_from(count % WIDTH).unwrap_or(0);
    (width > 0).then_some(TileId { kind, index: count / WIDTH, width })
}

/// Entries or hashes of this kind in a log of this size.
fn count(kind: TileKind, size: u64) -> u64 {
    match kind {
        TileKind::Entries => size,
        TileKind::Hashes(level) => size.checked_shr(8 * u32::from(level)).unwrap_or(0),
    }
}

/// The tile of this kind and index as a log of this size has it; `None` where it has none.
#[must_use]
pub fn tile_at(kind: TileKind, index: u64, size: u64) -> Option<TileId> {
    let count = count(kind, size);
    if index < count / WIDTH {
        return Some(TileId { kind, index, width: 256 });
    }
    partial(kind, size).filter(|tile| tile.index == index)
}

/// Levels of hashes in a log of this size.
#[must_use]
pub fn levels(size: u64) -> u8 {
    (0..=MAX_LEVEL).take_while(|level| count(TileKind::Hashes(*level), size) > 0).fold(0, |_, level| level + 1)
}

/// Every tile of this kind in a log of this size, in order.
pub fn tiles(kind: TileKind, size: u64) -> impl Iterator<Item = TileId> {
    let full = count(kind, size) / WIDTH;
    (0..full).map(move |index| TileId { kind, index, width: 256 }).chain(partial(kind, size))
}

/// Whether a log of this size has exactly this tile.
#[must_use]
pub fn has(tile: &TileId, size: u64) -> bool {
    tile_at(tile.kind, tile.index, size) == Some(*tile)
}

/// Whether a log of this size once may have had this tile and holds its content in a wider one now.
#[must_use]
pub fn superseded(tile: &TileId, size: u64) -> bool {
    tile_at(tile.kind, tile.index, size).is_some_and(|now| now.width > tile.width)
}

/// An entry as bundles hold it: its length in 16 bits, then its bytes. `None` if it is too long.
#[must_use]
pub fn frame(entry: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(2 + entry.len());
    frame_into(&mut out, entry)?;
    Some(out)
}

/// Adds an entry to a bundle. `None`, with nothing added, if it is too long.
pub(crate) fn frame_into(bundle: &mut Vec<u8>, entry: &[u8]) -> Option<()> {
    let length = u16::try_from(entry.len()).ok()?;
    bundle.extend_from_slice(&length.to_be_bytes());
    bundle.extend_from_slice(entry);
    Some(())
}

/// The entries of a bundle, until one is cut off. The second value is true if exactly `width` entries fill the bytes.
#[must_use]
pub fn unframe(bytes: &[u8], width: u16) -> (Vec<&[u8]>, bool) {
    let mut entries = Vec::new();
    let mut rest = bytes;
    for _ in 0..width {
        let Some((length, after)) = rest.split_first_chunk::<2>() else { return (entries, false) };
        let Some((entry, after)) = after.split_at_checked(usize::from(u16::from_be_bytes(*length))) else { return (entries, false) };
        entries.push(entry);
        rest = after;
    }
    (entries, rest.is_empty())
}

/// The hashes of a tile, if it has exactly `width` of them.
#[must_use]
pub fn hashes(bytes: &[u8], width: u16) -> Option<Vec<Digest>> {
    let (chunks, rest) = bytes.as_chunks::<32>();
    (rest.is_empty() && chunks.len() == usize::from(width)).then(|| chunks.iter().copied().map(Digest).collect())
}

/// Hashes side by side, as a tile holds them.
#[must_use]
pub fn hash_bytes(hashes: &[Digest]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| hash.0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        let check = |kind, index, width, path: &str| {
            let tile = TileId { kind, index, width };
            assert_eq!(tile.to_string(), path);
            assert_eq!(TileId::parse(path), Some(tile));
        };
        check(TileKind::Hashes(0), 0, 256, "tile/0/000");
        check(TileKind::Hashes(1), 273, 112, "tile/1/273.p/112");
        check(TileKind::Entries, 1_234_067, 256, "tile/entries/x001/x234/067");
        check(TileKind::Entries, 1_234_067, 1, "tile/entries/x001/x234/067.p/1");
        check(TileKind::Entries, 1000, 256, "tile/entries/x001/000");
        check(TileKind::Hashes(3), u64::MAX, 255, "tile/3/x018/x446/x744/x073/x709/x551/615.p/255");
    }

    #[test]
    fn other_ways_of_writing_are_no_paths() {
        let wrong = "tile tile/ tile/0 tile/0/0 tile/0/0000 tile/00/000 tile/8/000 tile/0/x000/000 tile/0/001/000 tile/0/x001 tile/0/000.p \
                     tile/0/000.p/0 tile/0/000.p/256 tile/0/000.p/01 tile/0/000.p/+1 tile/0/+00 tile/-1/000 tile/0/000/ tile/0/x01/000 \
                     tile/0/x999/x999/x999/x999/x999/x999/999 entries/000 /tile/0/000 tile/entries/../000 tile/0/000.p/1/";
        for path in wrong.split_whitespace().chain([""]) {
            assert_eq!(TileId::parse(path), None, "{path}");
        }
    }

    #[test]
    fn the_example_of_the_specification() {
        let all = |level| tiles(TileKind::Hashes(level), 70_000).collect::<Vec<_>>();
        assert_eq!(all(0).len(), 274);
        assert_eq!(all(0).last().unwrap().to_string(), "tile/0/273.p/112");
        assert_eq!(all(1).iter().map(ToString::to_string).collect::<Vec<_>>(), ["tile/1/000", "tile/1/001.p/17"]);
        assert_eq!(all(2).iter().map(ToString::to_string).collect::<Vec<_>>(), ["tile/2/000.p/1"]);
        assert_eq!(levels(70_000), 3);
        assert_eq!((levels(0), levels(1), levels(255), levels(256), levels(u64::MAX)), (0, 1, 1, 2, 8));
        let two = tiles(TileKind::Hashes(0), 256).chain(tiles(TileKind::Hashes(1), 256));
        assert_eq!(two.map(|tile| tile.to_string()).collect::<Vec<_>>(), ["tile/0/000", "tile/1/000.p/1"]);
    }

    #[test]
    fn which_tiles_a_log_has() {
        let check = |path: &str, size, expected: (bool, bool)| {
            let tile = TileId::parse(path).unwrap();
            assert_eq!((has(&tile, size), superseded(&tile, size)), expected, "{path} at {size}");
        };
        check("tile/0/000.p/5", 5, (true, false));
        check("tile/0/000.p/4", 5, (false, true));
        check("tile/0/000.p/6", 5, (false, false));
        check("tile/0/000", 5, (false, false));
        check("tile/0/000.p/5", 300, (false, true));
        check("tile/0/000", 300, (true, false));
        check("tile/0/001.p/44", 300, (true, false));
        check("tile/1/000.p/1", 300, (true, false));
        check("tile/0/002.p/1", 300, (false, false));
    }

    #[test]
    fn bundles() {
        let bytes = [frame(b"one").unwrap(), frame(b"").unwrap(), frame(b"three").unwrap()].concat();
        assert_eq!(unframe(&bytes, 3), (vec![b"one".as_slice(), b"", b"three"], true));
        assert_eq!(unframe(&bytes, 2), (vec![b"one".as_slice(), b""], false));
        assert!(!unframe(&bytes, 4).1);
        assert_eq!(unframe(&bytes[..bytes.len() - 1], 3), (vec![b"one".as_slice(), b""], false));
        assert_eq!(frame(&vec![0; MAX_ENTRY + 1]), None);
        assert_eq!(hashes(&[0; 64], 2).unwrap().len(), 2);
        assert_eq!(hashes(&[0; 63], 2), None);
        assert_eq!(hashes(&[0; 96], 2), None);
    }
}
