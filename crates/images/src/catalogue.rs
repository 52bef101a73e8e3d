//! All cataloguers of what is installed, and the walk over a root file system.

use std::collections::BTreeSet;

use probity_core::Tree;
use probity_packages::{Inventory, Problem};

use crate::sheet::Root;
use crate::{Distribution, alpine, binary, debian, java, rpm};

/// A reader of one kind of thing that is installed.
///
/// What must hold: [`Cataloguer::claims`] looks at the path alone and is cheap; [`Cataloguer::catalogue`] never panics, and what it
/// cannot read is a problem in the inventory.
pub trait Cataloguer: Send + Sync {
    /// Its id, as it stands in [`probity_packages::Package::found_by`]: `dpkg`.
    fn id(&self) -> &'static str;
    /// Whether it reads a file of that path.
    fn claims(&self, path: &str) -> bool;
    /// Reads the file, and what lies beside it where that tells more.
    fn catalogue(&self, path: &str, root: &Root<'_>) -> Inventory;
}

/// A cataloguer made of two functions.
struct Kind {
    id: &'static str,
    claims: fn(&str) -> bool,
    read: fn(&str, &Root<'_>) -> Inventory,
}

impl Cataloguer for Kind {
    fn id(&self) -> &'static str {
        self.id
    }

    fn claims(&self, path: &str) -> bool {
        (self.claims)(path)
    }

    fn catalogue(&self, path: &str, root: &Root<'_>) -> Inventory {
        (self.read)(path, root)
    }
}

/// All cataloguers, sorted by id.
pub const INSTALLED: &[&dyn Cataloguer] = &[
    &Kind { id: "apk", claims: alpine::claims, read: alpine::read },
    &Kind { id: "binary", claims: binary::claims, read: binary::read },
    &Kind { id: "dpkg", claims: debian::claims, read: debian::read },
    &Kind { id: "java-archive", claims: java::claims, read: java::read },
    &Kind { id: "rpm", claims: rpm::claims, read: rpm::read },
];

/// Largest database whose versions in layers are compared.
pub(crate) const LARGEST: u64 = 256 << 20;

/// Whether a file lists many packages and is written anew by each layer that installs one.
pub(crate) fn is_database(path: &str) -> bool {
    DATABASES.iter().any(|claims| claims(path))
}

/// Cataloguers of such files.
const DATABASES: &[fn(&str) -> bool] = &[alpine::claims, debian::claims, rpm::claims];

/// Package URLs of what a file lists.
pub(crate) fn purls_of(path: &str, tree: &dyn Tree) -> BTreeSet<String> {
    let told = Distribution::of(tree);
    let root = Root { tree, distribution: told.as_ref().map(|(distribution, _)| distribution) };
    let claimed = INSTALLED.iter().filter(|cataloguer| cataloguer.claims(path));
    claimed.flat_map(|cataloguer| cataloguer.catalogue(path, &root).packages).map(|package| package.purl.to_string()).collect()
}

/// Everything installed in a root file system, in the order of paths, with links between packages of one list.
#[must_use]
pub fn catalogue_root(tree: &dyn Tree) -> Inventory {
    let told = Distribution::of(tree);
    let distribution = told.as_ref().map(|(distribution, _)| distribution);
    let root = Root { tree, distribution };
    let mut all = Inventory::default();
    let mut untold = None;
    for file in tree.files() {
        for cataloguer in INSTALLED {
            if cataloguer.claims(&file.path) {
                let found = cataloguer.catalogue(&file.path, &root);
                if distribution.is_none() && found.packages.iter().any(|package| matches!(&*package.purl.kind, "deb" | "apk" | "rpm")) {
                    untold.get_or_insert_with(|| file.path.clone());
                }
                all.append(found);
            }
        }
    }
    if let Some(file) = untold {
        let what = "no os-release tells the distribution: advisories of distributions cannot be matched".to_owned();
        all.problems.push(Problem { file, line: 0, what, fails: false });
    }
    all
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use probity_testkit::MapTree;

    /// What a root file system of these files gives: packages as `purl file:line < source > needs`, problems with `!` where they fail.
    pub(crate) fn check<B: AsRef<[u8]>>(files: &[(&str, B)], packages: &[&str], problems: &[&str]) {
        let tree = MapTree::new(files.iter().map(|(path, bytes)| (*path, bytes.as_ref())));
        let found = catalogue_root(&tree);
        assert_eq!(shown(&found), packages);
        let told: Vec<String> = found
            .problems
            .iter()
            .map(|problem| format!("{}:{} {}{}", problem.file, problem.line, problem.what, if problem.fails { "!" } else { "" }))
            .collect();
        assert_eq!(told, problems);
    }

    pub(crate) fn shown(found: &Inventory) -> Vec<String> {
        let show = |(index, package): (usize, &probity_packages::Package)| {
            let mut line = package.purl.to_string();
            for at in &package.at {
                line += &format!(" {}:{}", at.file, at.line);
            }
            if let Some(source) = &package.built_from {
                line += &format!(" < {} {}", source.name, source.version);
            }
            if !package.licences.is_empty() {
                line += &format!(" licences {}", package.licences.join(", "));
            }
            match package.direct {
                Some(true) => line += " direct",
                Some(false) => line += " transitive",
                None => {}
            }
            for link in found.links.iter().filter(|link| link.from == index) {
                line += &format!(" > {}", link.to);
            }
            line
        };
        found.packages.iter().enumerate().map(show).collect()
    }

    #[test]
    fn cataloguers_are_sorted() {
        assert!(INSTALLED.is_sorted_by_key(|one| one.id()));
    }
}
