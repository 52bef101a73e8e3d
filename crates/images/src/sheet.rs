//! One file while it is read: what was found in it so far, and what was wrong with it.

use std::sync::Arc;

use probity_core::Tree;
use probity_packages::{Inventory, Location, Package, Problem, Purl, SourcePackage};

use crate::Distribution;

/// Packages of one file; more are a problem.
pub(crate) const MOST_PACKAGES: usize = 500_000;
/// Problems told of one file; a broken file has one for each of its lines.
const MOST_PROBLEMS: usize = 100;

/// What a cataloguer may look at.
#[derive(Clone, Copy)]
pub struct Root<'t> {
    /// The files.
    pub tree: &'t dyn Tree,
    /// The distribution, where one is told.
    pub distribution: Option<&'t Distribution>,
}

/// One file while it is read.
pub(crate) struct Sheet {
    pub(crate) path: Arc<str>,
    pub(crate) id: &'static str,
    pub(crate) out: Inventory,
    problems_left: usize,
}

/// Name, version and line of a package.
pub(crate) struct Found<'a> {
    pub(crate) name: &'a str,
    pub(crate) version: &'a str,
    pub(crate) line: u32,
}

impl Sheet {
    pub(crate) fn new(path: &str, id: &'static str) -> Sheet {
        Sheet { path: path.into(), id, out: Inventory::default(), problems_left: MOST_PROBLEMS }
    }

    /// The bytes of the file; where it cannot be read, there are none and a problem.
    pub(crate) fn bytes(&mut self, root: &Root<'_>, budget: u64) -> Arc<[u8]> {
        match root.tree.read_within(&self.path, budget) {
            Ok(bytes) => bytes,
            Err(error) => {
                self.problem(0, format!("the file cannot be read: {error}"), true);
                Arc::from([])
            }
        }
    }

    /// The text of the file; bytes that are no UTF-8 are told and replaced.
    pub(crate) fn text(&mut self, root: &Root<'_>, budget: u64) -> String {
        let bytes = self.bytes(root, budget);
        match std::str::from_utf8(&bytes) {
            Ok(text) => text.to_owned(),
            Err(error) => {
                let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
                let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
                self.problem(u32::try_from(line).unwrap_or(u32::MAX), "the file is not UTF-8 from here", false);
                String::from_utf8_lossy(&bytes).into_owned()
            }
        }
    }

    pub(crate) fn problem(&mut self, line: u32, what: impl Into<String>, fails: bool) {
        let path = Arc::clone(&self.path);
        self.problem_at(path, line, what, fails);
    }

    pub(crate) fn problem_at(&mut self, file: Arc<str>, line: u32, what: impl Into<String>, fails: bool) {
        match self.problems_left {
            0 => {}
            1 => {
                self.problems_left = 0;
                let what = "there are more problems in this file, which are not told".to_owned();
                self.out.problems.push(Problem { file, line: 0, what, fails: true });
            }
            _ => {
                self.problems_left -= 1;
                self.out.problems.push(Problem { file, line, what: what.into(), fails });
            }
        }
    }

    /// Adds a package; its index, or none where its name is none (a problem) or there are too many.
    pub(crate) fn add(&mut self, purl: Purl, line: u32) -> Option<usize> {
        let file = Arc::clone(&self.path);
        self.add_at(purl, file, line)
    }

    /// As [`Sheet::add`], of a file within this one.
    pub(crate) fn add_at(&mut self, purl: Purl, file: Arc<str>, line: u32) -> Option<usize> {
        if self.out.packages.len() >= MOST_PACKAGES {
            if self.out.packages.len() == MOST_PACKAGES && !self.out.problems.iter().any(|problem| problem.what.starts_with("more than")) {
                self.problem(line, format!("more than {MOST_PACKAGES} packages; the rest is not read"), true);
            }
            return None;
        }
        let purl = match purl.normalised() {
            Ok(purl) => purl,
            Err(error) => {
                self.problem_at(file, line, error.to_string(), true);
                return None;
            }
        };
        self.out.packages.push(Package { at: vec![Location { file, line, layer: None }], ..Package::new(purl, self.id) });
        Some(self.out.packages.len() - 1)
    }

    /// Adds a package of an operating system.
    pub(crate) fn add_system(&mut self, root: &Root<'_>, kind: &str, found: &Found<'_>, qualifiers: &[(&str, &str)]) -> Option<usize> {
        let mut purl = purl(kind, Some(root.distribution.map_or("unknown", Distribution::namespace)), found.name, found.version);
        for (key, value) in qualifiers {
            purl = purl.with(key, value);
        }
        if let Some(distribution) = root.distribution {
            purl = purl.with("distro", &distribution.qualifier());
        }
        self.add(purl, found.line)
    }

    pub(crate) fn package(&mut self, index: usize) -> Option<&mut Package> {
        self.out.packages.get_mut(index)
    }

    /// Says what a package was built from, where that has another name or version.
    pub(crate) fn built_from(&mut self, index: usize, name: &str, version: &str) {
        if let Some(package) = self.package(index)
            && !name.is_empty()
            && (*package.purl.name != *name || package.purl.version.as_deref() != Some(version))
        {
            package.built_from = Some(SourcePackage { name: name.into(), version: version.into() });
        }
    }

    pub(crate) fn finish(self) -> Inventory {
        self.out
    }
}

/// A package URL that is normalised when it is added.
pub(crate) fn purl(kind: &str, namespace: Option<&str>, name: &str, version: &str) -> Purl {
    Purl {
        kind: kind.into(),
        namespace: namespace.filter(|namespace| !namespace.is_empty()).map(Arc::from),
        name: name.into(),
        version: (!version.is_empty()).then(|| Arc::from(version)),
        qualifiers: Default::default(),
        subpath: None,
    }
}

/// The last part of a path.
pub(crate) fn name(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

/// The folder of a path, without a slash at its end; the top is the empty text.
pub(crate) fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// Whether a path is that one, or that one below a folder; the folder.
pub(crate) fn top_of<'p>(path: &'p str, end: &str) -> Option<&'p str> {
    let top = path.strip_suffix(end)?;
    (top.is_empty() || top.ends_with('/')).then(|| top.trim_end_matches('/'))
}

/// A path in a folder.
pub(crate) fn within(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

/// Whether it can be a version and not a hole left in a template.
pub(crate) fn is_version(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 256
        && !text.contains("${")
        && !text.contains(|letter: char| letter.is_whitespace() || letter.is_control())
}
