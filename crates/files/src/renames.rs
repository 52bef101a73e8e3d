//! Which files moved between two commits. Our own comparison (same blob, else at least half the lines), so that no diff driver or
//! text conversion that a repository configures can take part.

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};

/// Pairs beyond this many are only compared by identity.
const MOST_PAIRS: usize = 250_000;
/// Files larger than this are only compared by identity, in bytes.
const LARGEST: usize = 1 << 20;

/// Old path to new path, for files that are gone from `old` and new in `new`.
/// `text` gives the content of a blob by id.
pub(crate) fn renames<Id: Copy + Eq + Hash + Ord>(
    old: &BTreeMap<String, Id>,
    new: &BTreeMap<String, Id>,
    mut text: impl FnMut(Id) -> Option<Vec<u8>>,
) -> BTreeMap<String, String> {
    let gone: Vec<(&String, Id)> = old.iter().filter(|(path, _)| !new.contains_key(*path)).map(|(path, id)| (path, *id)).collect();
    let mut fresh: Vec<(&String, Id)> = new.iter().filter(|(path, _)| !old.contains_key(*path)).map(|(path, id)| (path, *id)).collect();
    let mut pairs = BTreeMap::new();
    let mut left = Vec::new();
    for (path, id) in gone {
        let same: Vec<usize> = fresh.iter().enumerate().filter(|(_, (_, other))| *other == id).map(|(at, _)| at).collect();
        // Among several equal copies the one of the same name is the likeliest.
        let name = path.rsplit('/').next();
        let pick = same.iter().find(|at| fresh.get(**at).is_some_and(|(to, _)| to.rsplit('/').next() == name)).or(same.first());
        if let Some(at) = pick.copied() {
            let (to, _) = fresh.swap_remove(at);
            pairs.insert(path.clone(), to.clone());
        } else {
            left.push((path, id));
        }
    }
    if left.len().saturating_mul(fresh.len()) > MOST_PAIRS {
        return pairs;
    }
    let mut lines_of = |id: Id| text(id).filter(|bytes| bytes.len() <= LARGEST).map(|bytes| line_counts(&bytes));
    let fresh_lines: Vec<_> = fresh.iter().map(|(path, id)| (*path, lines_of(*id))).collect();
    let mut candidates = Vec::new();
    for (path, id) in left {
        let Some(lines) = lines_of(id) else { continue };
        for (to, other) in &fresh_lines {
            let Some(other) = other else { continue };
            let likeness = likeness(&lines, other);
            if likeness >= 50 {
                candidates.push((likeness, path, *to));
            }
        }
    }
    candidates.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| (a.1, a.2).cmp(&(b.1, b.2))));
    let mut taken = std::collections::BTreeSet::new();
    for (_, from, to) in candidates {
        if !pairs.contains_key(from) && taken.insert(to) {
            pairs.insert(from.clone(), to.clone());
        }
    }
    pairs
}

fn line_counts(bytes: &[u8]) -> HashMap<u64, usize> {
    let mut counts = HashMap::new();
    for line in bytes.split(|byte| *byte == b'\n') {
        let line = line.trim_ascii();
        if !line.is_empty() {
            let mut hasher = DefaultHasher::new();
            line.hash(&mut hasher);
            *counts.entry(hasher.finish()).or_insert(0) += 1;
        }
    }
    counts
}

/// Shared lines in percent of the larger side.
fn likeness(a: &HashMap<u64, usize>, b: &HashMap<u64, usize>) -> usize {
    let shared: usize = a.iter().map(|(line, count)| (*count).min(b.get(line).copied().unwrap_or(0))).sum();
    let most = a.values().sum::<usize>().max(b.values().sum());
    (shared * 100).checked_div(most).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(old: &[(&str, &str)], new: &[(&str, &str)], expected: &[(&str, &str)]) {
        let mut texts: Vec<String> = Vec::new();
        let mut index = |files: &[(&str, &str)]| {
            let mut out = BTreeMap::new();
            for (path, text) in files {
                let id = texts.iter().position(|known| known == text).unwrap_or_else(|| {
                    texts.push((*text).to_owned());
                    texts.len() - 1
                });
                out.insert((*path).to_owned(), id);
            }
            out
        };
        let (old, new) = (index(old), index(new));
        let found = renames(&old, &new, |id| texts.get(id).map(|text| text.clone().into_bytes()));
        let expected: BTreeMap<String, String> = expected.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn moves_are_found_by_identity_then_by_likeness() {
        check(&[("a/x.tf", "1")], &[("b/x.tf", "1")], &[("a/x.tf", "b/x.tf")]);
        check(&[("a/x.tf", "1"), ("a/y.tf", "1")], &[("b/y.tf", "1"), ("b/x.tf", "1")], &[("a/x.tf", "b/x.tf"), ("a/y.tf", "b/y.tf")]);
        check(&[("a.tf", "1\n2\n3\n4")], &[("b.tf", "1\n2\n3\n5")], &[("a.tf", "b.tf")]);
        check(&[("a.tf", "1\n2\n3\n4")], &[("b.tf", "6\n7\n3\n5")], &[]);
        check(&[("a.tf", "1")], &[("a.tf", "2"), ("c.tf", "1")], &[]);
    }
}
