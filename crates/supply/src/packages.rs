//! Packages that lock files and manifests name, as subjects: one for each package of a file, and one for each list of a kind in it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use probity_core::{Collected, Diagnostic, Level, ReadFile, Scope, SkippedFile, Source, Subject, SubjectKind, Tree};
use probity_packages::{CATALOGUERS, Inventory, Location, Package, Problem, Purl, SourcePackage, Usage, Ways};
use probity_sbom::SbomError;
use probity_value::{FileId, Map, Span, Value};
use rayon::prelude::*;

/// Ways to a package that are told.
const PATHS: usize = 3;
/// Packages of one file that are told their ways; working them out for more costs more than it tells.
const TOLD: usize = 200_000;

/// The type of the subject that stands for all packages of one kind in one file.
pub const LIST: &str = "packages";

/// Reads what names packages. It claims nothing: a Dockerfile names images and is judged as a Dockerfile too.
#[derive(Debug)]
pub struct PackageSource;

impl Source for PackageSource {
    fn id(&self) -> &'static str {
        "packages"
    }

    fn collect(&self, scope: &Scope<'_>) -> Collected {
        let mut out = Collected::default();
        let claimed: Vec<_> = scope
            .unclaimed
            .iter()
            .flat_map(|path| CATALOGUERS.iter().filter(|cataloguer| cataloguer.claims(path)).map(move |cataloguer| (path, *cataloguer)))
            .collect();
        let mut read: Vec<(&Arc<str>, Inventory)> =
            claimed.into_par_iter().map(|(path, cataloguer)| (path, cataloguer.catalogue(path, scope.tree))).collect();
        let bills: Vec<&Arc<str>> = scope.unclaimed.iter().filter(|path| is_bill(path)).collect();
        read.extend(bills.into_par_iter().filter_map(|path| Some((path, bill(path, scope.tree)?))).collect::<Vec<_>>());
        let locked = locked(&read);
        for (path, inventory) in read {
            for problem in &inventory.problems {
                let text = scope.tree.read(&problem.file).ok();
                let file = text.map(|bytes| scope.sources.add(Arc::clone(&problem.file), String::from_utf8_lossy(&bytes)));
                let span = file.map_or(Span::NONE, |file| line_span(scope, file, problem.line));
                let level = if problem.fails { Level::Error } else { Level::Warning };
                out.diagnostics.push(Diagnostic::new(level, "package-list", Arc::clone(&problem.file), span, problem.what.clone()));
            }
            let failed = inventory.problems.iter().find(|problem| problem.fails);
            if let Some(problem) = failed {
                out.coverage.skipped.push(SkippedFile {
                    file: Arc::clone(path),
                    source: "packages",
                    why: problem.what.clone(),
                    fails: true,
                    partly: !inventory.packages.is_empty(),
                });
            }
            let subjects = subjects(path, &inventory, scope, &locked);
            if failed.is_none() || !subjects.is_empty() {
                out.coverage.read.push(ReadFile { file: Arc::clone(path), source: "packages", subjects: inventory.packages.len() });
            }
            out.subjects.extend(subjects);
        }
        out
    }
}

/// Packages that were listed before, of an image or a root file system.
#[derive(Clone, Debug)]
pub struct InventorySource {
    /// What it is called.
    pub name: Arc<str>,
    /// What is in it.
    pub inventory: Arc<Inventory>,
}

impl Source for InventorySource {
    fn id(&self) -> &'static str {
        "packages"
    }

    fn collect(&self, scope: &Scope<'_>) -> Collected {
        let mut out = Collected::default();
        for problem in &self.inventory.problems {
            let level = if problem.fails { Level::Error } else { Level::Warning };
            out.diagnostics.push(Diagnostic::new(level, "package-list", Arc::clone(&problem.file), Span::NONE, problem.what.clone()));
            if problem.fails {
                out.coverage.skipped.push(SkippedFile {
                    file: Arc::clone(&problem.file),
                    source: "packages",
                    why: problem.what.clone(),
                    fails: true,
                    partly: true,
                });
            }
        }
        out.subjects = subjects(&self.name, &self.inventory, scope, &BTreeSet::new());
        out.coverage.read.push(ReadFile { file: Arc::clone(&self.name), source: "packages", subjects: self.inventory.packages.len() });
        out
    }
}

/// Whether a file is a bill of materials by its name.
#[must_use]
pub fn is_bill(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    matches!(&*name, "bom.json" | "bom.xml" | "sbom.json" | "sbom.xml" | "sbom.spdx")
        || [".cdx.json", ".cdx.xml", ".spdx.json", ".spdx", ".bom.json", ".sbom.json", ".cyclonedx.json", ".cyclonedx.xml"]
            .iter()
            .any(|end| name.ends_with(end))
}

/// The packages of a bill of materials; nothing where the file is another document that is called so.
fn bill(path: &Arc<str>, tree: &dyn Tree) -> Option<Inventory> {
    let problem =
        |what: String| Inventory { problems: vec![Problem { file: Arc::clone(path), line: 0, what, fails: true }], ..Inventory::default() };
    match tree.read(path) {
        Ok(bytes) => match probity_sbom::read(&bytes, path) {
            Ok(document) => Some(document.inventory),
            Err(SbomError::Format) => None,
            Err(error) => Some(problem(format!("the bill of materials cannot be read: {error}"))),
        },
        Err(error) => Some(problem(error.to_string())),
    }
}

/// Folders in which versions of packages of a kind are said.
fn locked(read: &[(&Arc<str>, Inventory)]) -> BTreeSet<(String, Arc<str>)> {
    let mut out = BTreeSet::new();
    for (path, inventory) in read {
        for package in inventory.packages.iter().filter(|package| package.purl.version.is_some()) {
            out.insert((folder(path).to_owned(), Arc::clone(&package.purl.kind)));
        }
    }
    out
}

fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// Whether the versions of packages of a kind are said in a file's folder or above it.
fn is_locked(path: &str, kind: &Arc<str>, locked: &BTreeSet<(String, Arc<str>)>) -> bool {
    let mut at = folder(path);
    loop {
        if locked.contains(&(at.to_owned(), Arc::clone(kind))) {
            return true;
        }
        if at.is_empty() {
            return false;
        }
        at = folder(at);
    }
}

fn line_span(scope: &Scope<'_>, file: FileId, line: u32) -> Span {
    let Some(text) = scope.sources.file(file) else { return Span::NONE };
    let Some(start) = text.line_start(line.max(1)) else { return Span::NONE };
    let length = text.line(line.max(1)).map_or(0, str::len);
    let indent = text.line(line.max(1)).map_or(0, |line| line.len() - line.trim_start().len());
    if line == 0 { Span::new(file, 0..0) } else { Span::new(file, start as usize + indent..start as usize + length) }
}

/// The subjects of one file.
fn subjects(path: &Arc<str>, inventory: &Inventory, scope: &Scope<'_>, locked: &BTreeSet<(String, Arc<str>)>) -> Vec<Subject> {
    if inventory.packages.is_empty() {
        return Vec::new();
    }
    let mut files: BTreeMap<Arc<str>, FileId> = BTreeMap::new();
    let mut span_of = |location: Option<&Location>| {
        let (name, line) = location.map_or((path, 0), |location| (&location.file, location.line));
        let file = *files.entry(Arc::clone(name)).or_insert_with(|| {
            let text = scope.tree.read(name).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
            scope.sources.add(Arc::clone(name), text)
        });
        line_span(scope, file, line)
    };
    let mut by_purl: BTreeMap<String, Subject> = BTreeMap::new();
    let mut lists: BTreeMap<Arc<str>, (usize, Span)> = BTreeMap::new();
    let all = (inventory.packages.len() <= TOLD && !inventory.links.is_empty()).then(|| Ways::new(inventory));
    // A lock file that pins some packages by their digests pins all; what is installed has digests where its kind has them.
    let is_list = |package: &Package| CATALOGUERS.iter().any(|cataloguer| cataloguer.id() == package.found_by);
    let list_of = |package: &Package| (package.found_by, package.at.first().map(|at| Arc::clone(&at.file)));
    let pinned: BTreeSet<(&str, Option<Arc<str>>)> =
        inventory.packages.iter().filter(|package| !package.hashes.is_empty() && is_list(package)).map(list_of).collect();
    for (index, package) in inventory.packages.iter().enumerate() {
        let span = span_of(package.at.first());
        let list = lists.entry(list_kind(&package.purl)).or_insert((0, span));
        list.0 += 1;
        let id = package.purl.to_string();
        if by_purl.contains_key(&id) {
            continue;
        }
        let ways = all.as_ref().map(|all| all.to(index, PATHS)).unwrap_or_default();
        let ways: Vec<String> = ways
            .iter()
            .filter(|way| way.len() > 1)
            .map(|way| {
                let names = way.iter().filter_map(|index| inventory.packages.get(*index)).map(|one| one.purl.full_name());
                names.collect::<Vec<_>>().join(" > ")
            })
            .collect();
        let locked = package.purl.version.is_none() && is_locked(path, &package.purl.kind, locked);
        by_purl.insert(
            id.clone(),
            subject(path, &package.purl.kind, id, value_of(package, &ways, (locked, pinned.contains(&list_of(package))), span), span),
        );
    }
    let mut out: Vec<Subject> = by_purl.into_values().collect();
    for (kind, (count, span)) in lists {
        let mut map = Map::new();
        map.insert("kind", span, Value::string(Arc::clone(&kind), span));
        map.insert("count", span, Value::int(i64::try_from(count).unwrap_or(i64::MAX), span));
        let whole = Span { end: span.start, ..span };
        out.push(subject(path, LIST, format!("{path}#{kind}"), Value::map(map, whole), whole));
    }
    out
}

/// What packages of one list have in common for the data: the kind, and for an operating system's the release.
fn list_kind(purl: &Purl) -> Arc<str> {
    match (purl.namespace.as_deref(), purl.qualifiers.get("distro")) {
        (Some(namespace), Some(distro)) => format!("{}/{namespace}?distro={distro}", purl.kind).into(),
        _ => Arc::clone(&purl.kind),
    }
}

fn subject(path: &Arc<str>, type_name: &str, id: String, value: Value, span: Span) -> Subject {
    Subject {
        kind: SubjectKind::Package,
        type_name: type_name.into(),
        id: id.into(),
        root: Arc::clone(path),
        span,
        head: span,
        value,
        via: Vec::new(),
    }
}

fn value_of(package: &Package, ways: &[String], (locked, digests): (bool, bool), span: Span) -> Value {
    let mut map = Map::new();
    let mut set = |key: &str, value: Value| drop(map.insert(key, span, value));
    let text = |text: &str| Value::string(text, span);
    let list = |texts: &mut dyn Iterator<Item = &str>| Value::list(texts.map(|one| Value::string(one, span)).collect(), span);
    set("purl", text(&package.purl.to_string()));
    set("type", text(&package.purl.kind));
    set("name", text(&package.purl.full_name()));
    set("version", package.purl.version.as_deref().map_or_else(|| Value::null(span), text));
    set("usage", text(usage_word(package.usage)));
    set("direct", package.direct.map_or_else(|| Value::null(span), |direct| Value::bool(direct, span)));
    set("requested", package.requested.as_deref().map_or_else(|| Value::null(span), text));
    set("resolved", package.resolved.as_deref().map_or_else(|| Value::null(span), text));
    set("hashes", list(&mut package.hashes.iter().map(|one| &**one)));
    set("licences", list(&mut package.licences.iter().map(|one| &**one)));
    set("locked", Value::bool(locked, span));
    set("digests", Value::bool(digests, span));
    set("found_by", text(package.found_by));
    set("ways", list(&mut ways.iter().map(String::as_str)));
    if let Some(source) = &package.built_from {
        let mut inner = Map::new();
        inner.insert("name", span, text(&source.name));
        inner.insert("version", span, text(&source.version));
        set("built_from", Value::map(inner, span));
    }
    Value::map(map, span)
}

const USAGES: [(&str, Usage); 4] =
    [("runtime", Usage::Runtime), ("optional", Usage::Optional), ("build", Usage::Build), ("development", Usage::Development)];

fn usage_word(usage: Usage) -> &'static str {
    USAGES.iter().find(|(_, one)| *one == usage).map_or("runtime", |(word, _)| word)
}

/// The package a subject stands for; `None` for other subjects.
#[must_use]
pub fn package_of(subject: &Subject) -> Option<Package> {
    if subject.kind != SubjectKind::Package || &*subject.type_name == LIST {
        return None;
    }
    let value = &subject.value;
    let text = |key: &str| value.get(key).and_then(Value::as_str).map(Arc::<str>::from);
    let list = |key: &str| -> Vec<Arc<str>> {
        value.get(key).and_then(Value::as_list).unwrap_or_default().iter().filter_map(Value::as_str).map(Arc::from).collect()
    };
    let built_from = value.get("built_from").and_then(|source| {
        let part = |key: &str| source.get(key).and_then(Value::as_str).map(Arc::<str>::from);
        Some(SourcePackage { name: part("name")?, version: part("version")? })
    });
    let usage = text("usage").and_then(|word| USAGES.iter().find(|(known, _)| *known == &*word).map(|(_, usage)| *usage));
    Some(Package {
        purl: text("purl")?.parse().ok()?,
        built_from,
        usage: usage.unwrap_or_default(),
        direct: value.get("direct").and_then(Value::as_bool),
        requested: text("requested"),
        resolved: text("resolved"),
        hashes: list("hashes"),
        licences: list("licences"),
        at: Vec::new(),
        found_by: "subject",
    })
}
