//! All cataloguers of what is installed, and the walk over a root file system.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use probity_core::Tree;
use probity_packages::{Inventory, Link, Package, Problem};

use crate::owners::owners;
use crate::sheet::Root;
use crate::{Distribution, alpine, arch, binary, debian, gem, java, known, node, python, rpm};

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
    &Kind { id: "composer-installed", claims: node::claims_composer, read: node::read_composer },
    &Kind { id: "dpkg", claims: debian::claims, read: debian::read },
    &Kind { id: "gem-installed", claims: gem::claims, read: gem::read },
    &Kind { id: "java-archive", claims: java::claims, read: java::read },
    &Kind { id: "known-binary", claims: known::claims, read: known::read },
    &Kind { id: "node-installed", claims: node::claims, read: node::read },
    &Kind { id: "pacman", claims: arch::claims, read: arch::read },
    &Kind { id: "python-installed", claims: python::claims, read: python::read },
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

/// Whether a package is one of an operating system.
fn is_system(package: &Package) -> bool {
    matches!(&*package.purl.kind, "deb" | "apk" | "rpm" | "alpm")
}

/// Everything installed in a root file system, in the order of paths, with links between packages of one list, and from a package of
/// the operating system to what its files hold: a program's modules, a package of a language. What the operating system brought is
/// thereby told from what was added to it.
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
                if distribution.is_none() && found.packages.iter().any(is_system) {
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
    own(tree, &mut all);
    all
}

/// Links packages to what their files hold, and takes out programs known by their name that have a package.
fn own(tree: &dyn Tree, all: &mut Inventory) {
    let file = |package: &Package| {
        let at = package.at.first()?;
        (!is_system(package)).then(|| at.file.split_once("!/").map_or(&*at.file, |(file, _)| file).to_owned())
    };
    let files: HashSet<String> = all.packages.iter().filter_map(file).collect();
    let mut by_name: HashMap<(Arc<str>, Arc<str>), usize> = HashMap::new();
    for (index, package) in all.packages.iter().enumerate().filter(|(_, package)| is_system(package)) {
        by_name.entry((Arc::clone(&package.purl.kind), Arc::clone(&package.purl.name))).or_insert(index);
    }
    if files.is_empty() || by_name.is_empty() {
        return;
    }
    let owners = owners(tree, &files);
    let mut gone = HashSet::new();
    for (index, package) in all.packages.iter().enumerate() {
        let Some((kind, name)) = file(package).and_then(|file| owners.get(&file)) else { continue };
        if package.found_by == known::ID {
            gone.insert(index);
        } else if let Some(owner) = by_name
            .get(&(Arc::from(*kind), Arc::from(name.to_lowercase())))
            .or_else(|| by_name.get(&(Arc::from(*kind), Arc::from(name.as_str()))))
        {
            all.links.push(Link { from: *owner, to: index });
        }
    }
    if gone.is_empty() {
        return;
    }
    // The places of those that stay.
    let mut next = 0;
    let places: Vec<Option<usize>> = (0..all.packages.len())
        .map(|index| {
            (!gone.contains(&index)).then(|| {
                next += 1;
                next - 1
            })
        })
        .collect();
    let mut index = 0;
    all.packages.retain(|_| {
        index += 1;
        !gone.contains(&(index - 1))
    });
    let place = |index: usize| places.get(index).copied().flatten();
    all.links = all.links.iter().filter_map(|link| Some(Link { from: place(link.from)?, to: place(link.to)? })).collect();
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
    fn what_the_operating_system_brought_is_told_from_what_was_added() {
        let status = "Package: node\nStatus: install ok installed\nVersion: 18\n\nPackage: python3-yaml\nStatus: install ok installed\nVersion: 6.0-3\n";
        let node = crate::binary::tests::elf(&[(".rodata", b"node.js/v18.0.0\0")]);
        let python = b"Name: PyYAML\nVersion: 6.0\n";
        check(
            &[
                ("etc/os-release", &b"ID=debian\nVERSION_ID=12"[..]),
                ("opt/bin/node", &node),
                ("opt/x.egg-info", python),
                ("usr/bin/node", &node),
                ("usr/lib/python3/dist-packages/PyYAML-6.0.egg-info", python),
                ("var/lib/dpkg/info/node.list", b"/.\n/bin\n/bin/node\n"),
                ("var/lib/dpkg/info/python3-yaml:amd64.list", b"/usr/lib/python3/dist-packages/PyYAML-6.0.egg-info\n"),
                ("var/lib/dpkg/status", status.as_bytes()),
            ],
            &[
                "pkg:generic/node@18.0.0 opt/bin/node:0",
                "pkg:pypi/pyyaml@6.0 opt/x.egg-info:1",
                "pkg:pypi/pyyaml@6.0 usr/lib/python3/dist-packages/PyYAML-6.0.egg-info:1",
                "pkg:deb/debian/node@18?distro=debian-12 var/lib/dpkg/status:1",
                "pkg:deb/debian/python3-yaml@6.0-3?distro=debian-12 var/lib/dpkg/status:5 > 2",
            ],
            &[],
        );
    }

    #[test]
    fn cataloguers_are_sorted() {
        assert!(INSTALLED.is_sorted_by_key(|one| one.id()));
    }
}
