//! Tests in Rego: which modules belong to a test, and running them.
//!
//! The tests of a folder see the modules of that folder, and of those elsewhere the ones whose packages they name: the nearest, where
//! several folders have one of that name. So a tree of many small policies, each with its tests and a common library, runs as it is.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use probity_core::{Expectation, Inventory, Limits, NoLookup, PolicyContext, Tree};
use probity_rego::Version;
use probity_rego::conftest::{FileCoverage, Gathered, Module, gather, verify};
use probity_value::{FileId, Span};

use super::{TestContext, broken, folder_of};

/// What came of the tests of one folder.
#[derive(Debug, Default)]
pub(super) struct RegoRun {
    pub(super) expectations: Vec<Expectation>,
    pub(super) coverage: Vec<FileCoverage>,
    pub(super) prints: Vec<(Arc<str>, String)>,
}

/// Modules of a tree by path, with the packages they are of and those they name.
pub(super) struct Modules(BTreeMap<Arc<str>, Read>);

struct Read {
    module: Module,
    package: String,
    names: BTreeSet<String>,
}

impl Modules {
    /// Reads all modules of a tree.
    pub(super) fn read(context: &TestContext<'_>) -> Modules {
        let mut out = BTreeMap::new();
        for file in context.tree.files().iter().filter(|file| file.path.ends_with(".rego")) {
            let text: Arc<str> = match context.tree.read(&file.path).map(|bytes| String::from_utf8(bytes.to_vec())) {
                Ok(Ok(text)) => text.into(),
                // It is said when its folder is run.
                Ok(Err(_)) | Err(_) => continue,
            };
            let id: FileId = context.sources.add(Arc::clone(&file.path), Arc::clone(&text));
            let (package, names) = (package_of(&text), named(&text));
            let module = Module { file: Arc::clone(&file.path), text, id };
            out.insert(Arc::clone(&file.path), Read { module, package, names });
        }
        Modules(out)
    }

    /// The folders with tests.
    pub(super) fn folders(tree: &dyn Tree) -> Vec<Arc<str>> {
        let tests = tree.files().iter().filter(|file| file.path.ends_with("_test.rego"));
        let folders: BTreeSet<&str> = tests.map(|file| folder_of(&file.path)).collect();
        folders.into_iter().map(Arc::from).collect()
    }

    /// The modules that belong to the tests of a folder.
    fn of(&self, folder: &str) -> Vec<Module> {
        let mut taken: BTreeSet<&Arc<str>> = self.0.keys().filter(|path| folder_of(path) == folder).collect();
        loop {
            let packages: BTreeSet<&str> = taken.iter().filter_map(|path| self.0.get(*path)).map(|read| &*read.package).collect();
            let wanted: BTreeSet<&str> = taken
                .iter()
                .filter_map(|path| self.0.get(*path))
                .flat_map(|read| &read.names)
                .map(String::as_str)
                .filter(|name| !packages.iter().any(|package| within(name, package)))
                .collect();
            let more: Vec<&Arc<str>> = self.nearest(folder, &wanted).into_iter().filter(|path| !taken.contains(path)).collect();
            if more.is_empty() {
                break;
            }
            taken.extend(more);
        }
        taken.into_iter().filter_map(|path| self.0.get(path)).map(|read| read.module.clone()).collect()
    }

    /// For each wanted name the modules of the package it lies in, from the folder that is nearest.
    fn nearest(&self, folder: &str, wanted: &BTreeSet<&str>) -> Vec<&Arc<str>> {
        let mut out = Vec::new();
        for name in wanted {
            let candidates: Vec<(&Arc<str>, &Read)> =
                self.0.iter().filter(|(path, read)| !path.ends_with("_test.rego") && within(name, &read.package)).collect();
            let longest = candidates.iter().map(|(_, read)| read.package.len()).max();
            let common = |path: &str| folder_of(path).split('/').zip(folder.split('/')).take_while(|(a, b)| a == b).count();
            let best = candidates.iter().filter(|(_, read)| Some(read.package.len()) == longest).max_by_key(|(path, _)| common(path));
            if let Some((best, read)) = best {
                let home = folder_of(best);
                out.extend(
                    candidates
                        .iter()
                        .filter(|(path, other)| folder_of(path) == home && other.package == read.package)
                        .map(|(path, _)| *path),
                );
            }
        }
        out
    }
}

/// Whether a name after `data.` lies in a package: is it, or is a part of it.
fn within(name: &str, package: &str) -> bool {
    name == package || name.strip_prefix(package).is_some_and(|rest| rest.starts_with('.'))
}

/// The package a module is of.
fn package_of(text: &str) -> String {
    let line = text.lines().map(str::trim).find_map(|line| line.strip_prefix("package ")).unwrap_or_default();
    line.split(['#', ' ', '\t']).next().unwrap_or_default().to_owned()
}

/// Names after `data.` that a module speaks of. Too many do no harm.
fn named(text: &str) -> BTreeSet<String> {
    let mut out = BTreeSet::new();
    for part in text.split("data.").skip(1) {
        let name: String = part.chars().take_while(|letter| letter.is_alphanumeric() || matches!(letter, '_' | '.')).collect();
        out.insert(name.trim_end_matches('.').to_owned());
    }
    out
}

/// Runs the tests of a folder. Modules that do not say it are taken for Rego v1, and for v0 where that is the only way they compile.
pub(super) fn run(folder: &Arc<str>, modules: &Modules, data: &[&str], context: &TestContext<'_>) -> RegoRun {
    let mut gathered = Gathered { modules: modules.of(folder), data: Vec::new() };
    for file in context.tree.files().iter().filter(|file| file.path.ends_with(".rego") && folder_of(&file.path) == &**folder) {
        if !modules.0.contains_key(&file.path) {
            return failed(broken(&file.path, Span::NONE, "the file cannot be read as UTF-8 text"));
        }
    }
    if !data.is_empty() {
        match gather(context.tree, context.sources, &[], data) {
            Ok(read) => gathered.data = read.data,
            Err(problems) => {
                return RegoRun {
                    expectations: problems.iter().map(|one| broken(&one.file, one.span, &*one.message)).collect(),
                    ..RegoRun::default()
                };
            }
        }
    }
    let interrupted = context.stopwatch.start();
    let inventory = Arc::new(Inventory::default());
    let policy_context =
        PolicyContext { lookup: &NoLookup, inventory: &inventory, limits: Limits::default(), now: context.now, interrupted: &*interrupted };
    let run = |version| verify(&gathered, version, false, None, context.sources, &policy_context);
    let verified = run(Version::V1).or_else(|problems| run(Version::V0).map_err(|_| problems));
    match verified {
        Ok(verification) => {
            let own = |file: &str| folder_of(file) == &**folder;
            let names: Vec<Arc<str>> =
                verification.expectations.iter().map(|one| Arc::from(format!("{}.{}", one.policy, one.rule))).collect();
            let prints = verification.prints.iter().filter_map(|(at, _, text)| names.get(*at).map(|name| (Arc::clone(name), text.clone())));
            RegoRun {
                prints: prints.collect(),
                expectations: verification.expectations.into_iter().filter(|one| own(&one.file)).collect(),
                coverage: verification.coverage.into_iter().filter(|one| own(&one.file)).collect(),
            }
        }
        Err(problems) => {
            RegoRun { expectations: problems.iter().map(|one| broken(&one.file, one.span, &*one.message)).collect(), ..RegoRun::default() }
        }
    }
}

fn failed(expectation: Expectation) -> RegoRun {
    RegoRun { expectations: vec![expectation], ..RegoRun::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_and_names_are_found() {
        assert_eq!(package_of("# x\npackage lib.util # y\nimport data.a"), "lib.util");
        assert_eq!(named("import data.lib.util\nx := data.other.f(1)").into_iter().collect::<Vec<_>>(), ["lib.util", "other.f"]);
        assert!(within("lib.util.f", "lib.util") && within("lib", "lib") && !within("library", "lib"));
    }
}
