//! Merkle trees as RFC 6962, section 2.1, hashes them, with proofs checked as RFC 9162, section 2.1.3 and 2.1.4, says. No storage here.

use probity_attest::sha256;
use probity_core::Digest;

/// Hash of one entry.
#[must_use]
pub fn leaf_hash(entry: &[u8]) -> Digest {
    let mut bytes = Vec::with_capacity(1 + entry.len());
    bytes.push(0);
    bytes.extend_from_slice(entry);
    sha256(&bytes)
}

/// Hash of two subtrees side by side.
#[must_use]
pub fn node_hash(left: &Digest, right: &Digest) -> Digest {
    let mut bytes = [1; 65];
    let (_, hashes) = bytes.split_at_mut(1);
    hashes.iter_mut().zip(left.0.iter().chain(&right.0)).for_each(|(to, from)| *to = *from);
    sha256(&bytes)
}

/// Hash of the tree over these leaf hashes. Each may also stand for a full subtree, all of one height.
#[must_use]
pub fn root(hashes: &[Digest]) -> Digest {
    match hashes {
        [] => sha256(&[]),
        [one] => *one,
        several => {
            let (left, right) = several.split_at(split(several.len() as u64) as usize);
            node_hash(&root(left), &root(right))
        }
    }
}

/// The largest power of two below `size`, which is at least 2.
const fn split(size: u64) -> u64 {
    1 << (63 - (size - 1).leading_zeros())
}

/// Hashes of complete subtrees of a log: the one at `index` of those with 2^`height` leaves.
pub trait Nodes {
    /// What goes wrong when a hash cannot be had.
    type Error;

    /// The hash; asked only for subtrees within the tree.
    fn node(&self, height: u32, index: u64) -> Result<Digest, Self::Error>;
}

/// Hash over the leaves `from..to`, where `from` is a multiple of the largest power of two that is not above `to - from`.
fn range<N: Nodes>(nodes: &N, from: u64, to: u64) -> Result<Digest, N::Error> {
    let count = to - from;
    if count.is_power_of_two() {
        let height = count.trailing_zeros();
        return nodes.node(height, from >> height);
    }
    let middle = from + split(count);
    Ok(node_hash(&range(nodes, from, middle)?, &range(nodes, middle, to)?))
}

/// Hash of the tree over the first `size` leaves.
pub fn root_at<N: Nodes>(nodes: &N, size: u64) -> Result<Digest, N::Error> {
    if size == 0 { Ok(root(&[])) } else { range(nodes, 0, size) }
}

/// The way from the leaf at `index` to the root of the tree with `size` leaves, from the bottom up. `None` where there is no such leaf.
pub fn inclusion_proof<N: Nodes>(nodes: &N, index: u64, size: u64) -> Result<Option<Vec<Digest>>, N::Error> {
    if index >= size {
        return Ok(None);
    }
    let (mut from, mut to) = (0, size);
    let mut path = Vec::new();
    while to - from > 1 {
        let middle = from + split(to - from);
        if index < middle {
            path.push(range(nodes, middle, to)?);
            to = middle;
        } else {
            path.push(range(nodes, from, middle)?);
            from = middle;
        }
    }
    path.reverse();
    Ok(Some(path))
}

/// Proof that the tree with `old` leaves is a beginning of that with `size` leaves. `None` unless `0 < old <= size`.
pub fn consistency_proof<N: Nodes>(nodes: &N, old: u64, size: u64) -> Result<Option<Vec<Digest>>, N::Error> {
    if old == 0 || old > size {
        return Ok(None);
    }
    let (mut from, mut to) = (0, size);
    let mut path = Vec::new();
    while to > old {
        let middle = from + split(to - from);
        if old <= middle {
            path.push(range(nodes, middle, to)?);
            to = middle;
        } else {
            path.push(range(nodes, from, middle)?);
            from = middle;
        }
    }
    if from > 0 {
        path.push(range(nodes, from, to)?);
    }
    path.reverse();
    Ok(Some(path))
}

/// Whether the way leads from this leaf to this root.
#[must_use]
pub fn verify_inclusion(leaf: &Digest, index: u64, size: u64, path: &[Digest], expected: &Digest) -> bool {
    if index >= size {
        return false;
    }
    let (mut at, mut last) = (index, size - 1);
    let mut hash = *leaf;
    for sibling in path {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            hash = node_hash(sibling, &hash);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        at >>= 1;
        last >>= 1;
    }
    last == 0 && hash == *expected
}

/// Whether the tree with the old root is a beginning of that with the new one.
#[must_use]
pub fn verify_consistency(old: u64, size: u64, path: &[Digest], old_root: &Digest, new_root: &Digest) -> bool {
    if old == 0 || old > size {
        return false;
    }
    if old == size {
        return path.is_empty() && old_root == new_root;
    }
    let mut path = path.iter();
    let first = if old.is_power_of_two() { Some(old_root) } else { path.next() };
    let Some(first) = first else { return false };
    let (mut at, mut last) = (old - 1, size - 1);
    while at & 1 == 1 {
        at >>= 1;
        last >>= 1;
    }
    let (mut old_hash, mut new_hash) = (*first, *first);
    for sibling in path {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            old_hash = node_hash(sibling, &old_hash);
            new_hash = node_hash(sibling, &new_hash);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            new_hash = node_hash(&new_hash, sibling);
        }
        at >>= 1;
        last >>= 1;
    }
    last == 0 && old_hash == *old_root && new_hash == *new_root
}

/// Leaf hashes in memory as the nodes of a tree.
#[derive(Clone, Copy, Debug)]
pub struct Leaves<'a>(pub &'a [Digest]);

impl Nodes for Leaves<'_> {
    type Error = std::convert::Infallible;

    fn node(&self, height: u32, index: u64) -> Result<Digest, Self::Error> {
        let place = |position: u64| usize::try_from(position << height).unwrap_or(usize::MAX).min(self.0.len());
        Ok(root(self.0.get(place(index)..place(index + 1)).unwrap_or(&[])))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The leaves that certificate-transparency implementations test with, and the roots over the first 1 to 8 of them.
    const LEAVES: [&[u8]; 8] = [
        b"",
        b"\x00",
        b"\x10",
        b"\x20\x21",
        b"\x30\x31",
        b"\x40\x41\x42\x43",
        b"\x50\x51\x52\x53\x54\x55\x56\x57",
        b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
    ];
    const ROOTS: [&str; 8] = [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];

    fn leaves(count: u64) -> Vec<Digest> {
        (0..count).map(|number| leaf_hash(&number.to_be_bytes())).collect()
    }

    fn proof(result: Result<Option<Vec<Digest>>, std::convert::Infallible>) -> Option<Vec<Digest>> {
        result.unwrap_or_else(|never| match never {})
    }

    #[test]
    fn known_roots() {
        let hashes: Vec<Digest> = LEAVES.iter().map(|leaf| leaf_hash(leaf)).collect();
        for (count, expected) in (1..).zip(ROOTS) {
            assert_eq!(root(&hashes[..count]).to_string(), expected);
            assert_eq!(root_at(&Leaves(&hashes), count as u64).unwrap().to_string(), expected);
        }
        assert_eq!(root(&[]).to_string(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }

    #[test]
    fn a_known_inclusion_path() {
        let hashes: Vec<Digest> = LEAVES.iter().map(|leaf| leaf_hash(leaf)).collect();
        let path = proof(inclusion_proof(&Leaves(&hashes), 5, 8)).unwrap();
        let text: Vec<String> = path.iter().map(ToString::to_string).collect();
        let expected = [
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ];
        assert_eq!(text, expected);
    }

    #[test]
    fn every_small_proof_holds() {
        for size in 1..40_u64 {
            let hashes = leaves(size);
            let whole = root(&hashes);
            for index in 0..size {
                let path = proof(inclusion_proof(&Leaves(&hashes), index, size)).unwrap();
                assert!(verify_inclusion(&hashes[index as usize], index, size, &path, &whole), "{index} of {size}");
            }
            for old in 1..=size {
                let path = proof(consistency_proof(&Leaves(&hashes), old, size)).unwrap();
                let before = root(&hashes[..old as usize]);
                assert!(verify_consistency(old, size, &path, &before, &whole), "{old} of {size}");
            }
            assert_eq!(proof(inclusion_proof(&Leaves(&hashes), size, size)), None);
            assert_eq!(proof(consistency_proof(&Leaves(&hashes), 0, size)), None);
            assert_eq!(proof(consistency_proof(&Leaves(&hashes), size + 1, size)), None);
        }
    }

    proptest! {
        #[test]
        fn wrong_inclusion_proofs_are_refused(size in 1..600_u64, seed: u64, change in 0..6_u8, other: u64) {
            let hashes = leaves(size);
            let index = seed % size;
            let whole = root(&hashes);
            let mut path = proof(inclusion_proof(&Leaves(&hashes), index, size)).unwrap();
            prop_assert!(verify_inclusion(&hashes[index as usize], index, size, &path, &whole));
            let (mut leaf, mut at, mut expected) = (hashes[index as usize], index, whole);
            match change {
                0 => leaf.0[(other % 32) as usize] ^= 1 << (other % 8),
                1 => expected.0[(other % 32) as usize] ^= 1 << (other % 8),
                2 => at = (index + 1 + other % size.max(2)) % (size + 3),
                3 if path.is_empty() => leaf.0[0] ^= 1,
                3 => { let which = (other as usize) % path.len(); path[which].0[0] ^= 1; }
                4 => path.push(whole),
                _ if path.is_empty() => leaf.0[0] ^= 1,
                _ => { path.pop(); }
            }
            prop_assume!(change != 2 || at != index);
            prop_assert!(!verify_inclusion(&leaf, at, size, &path, &expected));
        }

        #[test]
        fn wrong_consistency_proofs_are_refused(size in 2..600_u64, seed: u64, change in 0..5_u8, other: u64) {
            let hashes = leaves(size);
            let old = 1 + seed % size;
            let (mut before, mut whole) = (root(&hashes[..old as usize]), root(&hashes));
            let mut path = proof(consistency_proof(&Leaves(&hashes), old, size)).unwrap();
            prop_assert!(verify_consistency(old, size, &path, &before, &whole));
            match change {
                0 => before.0[(other % 32) as usize] ^= 1 << (other % 8),
                1 => whole.0[(other % 32) as usize] ^= 1 << (other % 8),
                2 if path.is_empty() => before.0[0] ^= 1,
                2 => { let which = (other as usize) % path.len(); path[which].0[0] ^= 1; }
                3 => path.push(whole),
                _ if path.is_empty() => before.0[0] ^= 1,
                _ => { path.pop(); }
            }
            prop_assert!(!verify_consistency(old, size, &path, &before, &whole));
        }

        #[test]
        fn any_path_is_checked_without_harm(index: u64, size: u64, count in 0..80_usize) {
            let path = vec![leaf_hash(b"x"); count];
            prop_assert!(!verify_inclusion(&leaf_hash(b"y"), index, size, &path, &leaf_hash(b"z")));
            let same = index == size && count == 0;
            prop_assert!(same || !verify_consistency(index, size, &path, &leaf_hash(b"y"), &leaf_hash(b"z")));
        }
    }
}
