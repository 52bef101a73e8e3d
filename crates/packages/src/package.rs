//! A package as it was found, and all that were found together.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use crate::Purl;

/// What a package is used for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Usage {
    /// In what is shipped, or not said.
    #[default]
    Runtime,
    /// Only where somebody asks for it.
    Optional,
    /// Only for building.
    Build,
    /// Only for development or tests.
    Development,
}

/// The source package an operating system's package was built from; distributions' advisories speak of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourcePackage {
    /// Its name.
    pub name: Arc<str>,
    /// Its version, with epoch.
    pub version: Arc<str>,
}

/// Where a package was found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Location {
    /// Path of the file, relative to the target, with `/`. A file inside an archive: `app.war!/WEB-INF/lib/a.jar`.
    pub file: Arc<str>,
    /// One-based line that names the package; 0 for the whole file.
    pub line: u32,
    /// Digest of the image layer that holds the file (`sha256:...`), in an image.
    pub layer: Option<Arc<str>>,
}

/// One package in one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    /// What it is.
    pub purl: Purl,
    /// What it was built from, for packages of operating systems, where that has another name or version.
    pub built_from: Option<SourcePackage>,
    /// What it is used for.
    pub usage: Usage,
    /// Whether the project asks for it itself; `None` where the file does not say.
    pub direct: Option<bool>,
    /// What was asked for, where the file says so: `^1.2.0`.
    pub requested: Option<Arc<str>>,
    /// Where it comes from, where the file says so: the address of the file, registry, index or repository.
    pub resolved: Option<Arc<str>>,
    /// Digests the file pins it with, as written there: `sha512-...`, `sha256:...`, `h1:...`.
    pub hashes: Vec<Arc<str>>,
    /// Licences as stated: SPDX expressions where they are some, else the text.
    pub licences: Vec<Arc<str>>,
    /// Where it was found; the first is the most telling.
    pub at: Vec<Location>,
    /// The cataloguer that found it: `npm-package-lock`.
    pub found_by: &'static str,
}

impl Package {
    /// A package of which nothing is known but what it is, and who says so.
    #[must_use]
    pub fn new(purl: Purl, found_by: &'static str) -> Package {
        Package {
            purl,
            built_from: None,
            usage: Usage::Runtime,
            direct: None,
            requested: None,
            resolved: None,
            hashes: Vec::new(),
            licences: Vec::new(),
            at: Vec::new(),
            found_by,
        }
    }
}

/// One package needs another; indices into [`Inventory::packages`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Link {
    /// Who needs it.
    pub from: usize,
    /// What is needed.
    pub to: usize,
}

/// Something that could not be read or is not certain, with its place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The file.
    pub file: Arc<str>,
    /// One-based line; 0 for the whole file.
    pub line: u32,
    /// What it is, for a person: lower case, no full stop.
    pub what: String,
    /// Whether packages may be missing because of it, so that the gate fails closed.
    pub fails: bool,
}

/// All packages found in a file, a folder or an image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inventory {
    /// The packages.
    pub packages: Vec<Package>,
    /// Who needs whom, where the files say so.
    pub links: Vec<Link>,
    /// What could not be read.
    pub problems: Vec<Problem>,
}

impl Inventory {
    /// Adds another's packages behind those here; its links move along.
    pub fn append(&mut self, other: Inventory) {
        let by = self.packages.len();
        self.packages.extend(other.packages);
        self.links.extend(other.links.into_iter().map(|link| Link { from: link.from + by, to: link.to + by }));
        self.problems.extend(other.problems);
    }

    /// As [`Ways::to`], for one package.
    #[must_use]
    pub fn paths_to(&self, index: usize, limit: usize) -> Vec<Vec<usize>> {
        Ways::new(self).to(index, limit)
    }
}

/// Who needs whom in an inventory, ready to be asked for many packages.
#[derive(Clone, Debug)]
pub struct Ways {
    needed_by: Vec<Vec<usize>>,
    needs: Vec<Vec<usize>>,
    direct: Vec<bool>,
}

impl Ways {
    /// Of all links.
    #[must_use]
    pub fn new(inventory: &Inventory) -> Ways {
        let count = inventory.packages.len();
        let (mut needed_by, mut needs) = (vec![Vec::new(); count], vec![Vec::new(); count]);
        for link in &inventory.links {
            if link.to < count
                && link.from < count
                && let (Some(above), Some(below)) = (needed_by.get_mut(link.to), needs.get_mut(link.from))
            {
                above.push(link.from);
                below.push(link.to);
            }
        }
        for list in &mut needs {
            list.sort_unstable();
            list.dedup();
        }
        Ways { needed_by, needs, direct: inventory.packages.iter().map(|package| package.direct == Some(true)).collect() }
    }

    /// Shortest ways from a package the project asks for itself to this one: each begins with a direct package and ends with this one;
    /// all ways of the shortest length, at most `limit`, in the order of the packages. A direct package is its own way. Empty where the
    /// files do not say who needs it.
    #[must_use]
    pub fn to(&self, index: usize, limit: usize) -> Vec<Vec<usize>> {
        if index >= self.direct.len() {
            return Vec::new();
        }
        let is_direct = |index: &usize| self.direct.get(*index).copied().unwrap_or(false);
        // Steps from here to each package on the way up, breadth first, until a level has direct ones.
        let mut steps: HashMap<usize, usize> = HashMap::from([(index, 0)]);
        let mut level = vec![index];
        let mut tops: Vec<usize> = Vec::new();
        let mut depth = 0;
        while tops.is_empty() && !level.is_empty() {
            tops = level.iter().copied().filter(is_direct).collect();
            depth += 1;
            let mut above = Vec::new();
            for from in level.iter().flat_map(|index| self.needed_by.get(*index).into_iter().flatten()) {
                if let Entry::Vacant(slot) = steps.entry(*from) {
                    slot.insert(depth);
                    above.push(*from);
                }
            }
            level = above;
        }
        tops.sort_unstable();
        let mut paths = Vec::new();
        let mut open: Vec<Vec<usize>> = tops.into_iter().rev().map(|top| vec![top]).collect();
        while let Some(path) = open.pop() {
            if paths.len() >= limit {
                break;
            }
            let Some(left) = path.last().and_then(|last| steps.get(last)).copied() else { continue };
            if left == 0 {
                paths.push(path);
                continue;
            }
            let needs = path.last().and_then(|last| self.needs.get(*last)).map(Vec::as_slice).unwrap_or_default();
            let next: Vec<usize> = needs.iter().copied().filter(|to| steps.get(to) == Some(&(left - 1))).take(limit).collect();
            // The last is taken first; what is open never grows beyond what is asked for by much.
            for to in next.into_iter().rev() {
                let mut longer = path.clone();
                longer.push(to);
                open.push(longer);
            }
        }
        paths
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_move_along() {
        let package = |name: &str| {
            let purl = Purl {
                kind: "npm".into(),
                namespace: None,
                name: name.into(),
                version: None,
                qualifiers: Default::default(),
                subpath: None,
            };
            Package::new(purl, "test")
        };
        let mut all = Inventory { packages: vec![package("a")], ..Inventory::default() };
        all.append(Inventory { packages: vec![package("b"), package("c")], links: vec![Link { from: 0, to: 1 }], problems: Vec::new() });
        assert_eq!(all.links, [Link { from: 1, to: 2 }]);
        assert!(all.paths_to(2, 10).is_empty());
        all.packages.push(package("d"));
        all.packages[0].direct = Some(true);
        all.packages[3].direct = Some(true);
        for (from, to) in [(0, 1), (3, 1), (2, 0), (1, 1)] {
            all.links.push(Link { from, to });
        }
        assert_eq!(all.paths_to(2, 10), [[0, 1, 2], [3, 1, 2]]);
        assert_eq!(all.paths_to(2, 1), [[0, 1, 2]]);
        assert_eq!(all.paths_to(0, 10), [[0]]);
        assert!(all.paths_to(9, 10).is_empty());
    }
}
