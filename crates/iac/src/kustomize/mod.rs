//! Kustomize overlays, rendered in process: each overlay that no other one refers to is a root, and its objects are judged as
//! `kustomize build` gives them, their places in the files that say each value.
//!
//! What does not live here: what the objects mean, and plain manifests that no overlay uses (the Kubernetes source judges those).
//! Nothing is fetched and no program is run: remote bases, plugins and charts are said, not read.

mod build;
mod crd;
mod fields;
mod files;
mod generate;
mod json_patch;
mod names;
mod node;
mod order;
mod patch;
mod plugin;
mod replacement;
mod resource;
mod select;
mod suppression;
mod transform;
mod vars;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use probity_core::{Collected, Level, ReadFile, Scope, SkippedFile, Source};
use probity_value::{Span, Value};

use self::build::{Build, Kustomization, read};
use self::files::{Files, NAMES, Role, Target, Used, folder_of};
use self::resource::{Resource, string};
use crate::kubernetes::{Ids, Object};

/// Claims kustomization files and the manifests and patches they use.
#[derive(Clone, Copy, Debug, Default)]
pub struct KustomizeSource;

const ID: &str = "kustomize";

/// Bytes of stack for rendering: values and folders may be nested deep.
const STACK: usize = 64 << 20;

impl Source for KustomizeSource {
    fn id(&self) -> &'static str {
        ID
    }

    fn collect(&self, scope: &Scope<'_>) -> Collected {
        let mut found: Vec<&Arc<str>> = scope.unclaimed.iter().filter(|path| NAMES.contains(&name_of(path))).collect();
        if found.is_empty() {
            return Collected::default();
        }
        found.sort();
        let collected = std::thread::scope(|threads| {
            let work = std::thread::Builder::new().stack_size(STACK).spawn_scoped(threads, || collect(scope, &found));
            work.ok().and_then(|work| work.join().ok())
        });
        collected.unwrap_or_else(|| {
            let mut collected = Collected::default();
            for path in found {
                let why = "rendering the overlays failed".to_owned();
                collected.coverage.skipped.push(SkippedFile { file: Arc::clone(path), source: ID, why, fails: true, partly: false });
            }
            collected
        })
    }
}

fn name_of(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Whether a file is what other programs call a kustomization: an object of Flux has the name, too.
fn is_foreign(value: &Value) -> bool {
    value
        .get("apiVersion")
        .and_then(Value::as_str)
        .is_some_and(|version| !version.is_empty() && !version.starts_with("kustomize.config.k8s.io/"))
}

fn collect(scope: &Scope<'_>, found: &[&Arc<str>]) -> Collected {
    let mut files = Files::new(scope);
    let mut all: BTreeMap<Arc<str>, Kustomization> = BTreeMap::new();
    for path in found {
        let folder: Arc<str> = folder_of(path).into();
        let first = files.kustomization(&folder);
        if first.as_deref().is_some_and(|first| first != &***path && scope.unclaimed.binary_search(&Arc::from(first)).is_ok()) {
            let message = format!("there is `{}` in this folder, too", first.as_deref().map(name_of).unwrap_or_default());
            files.fault(path, "kustomize-several", Span::NONE, message);
            let used = files.take(path, Role::Kustomization);
            used.unread = true;
            continue;
        }
        if is_other(&mut files, path) {
            continue;
        }
        if let Some(kustomization) = read(&mut files, &folder, path) {
            all.insert(folder, kustomization);
        }
    }
    let roots = roots(&files, &all);
    let mut collected = Collected::default();
    let mut notes = suppression::Notes::default();
    for folder in roots {
        let Some(kustomization) = all.get(&folder) else { continue };
        let mut build = Build::new(&mut files);
        let resources = build.root(&folder, &kustomization.path);
        let mut ids = Ids::default();
        for resource in resources {
            notes.add(&resource, scope.sources);
            collected.subjects.push(subject(resource, &folder, &mut ids));
        }
    }
    loose_components(&mut files, &all);
    for span in files.objects.difference(&files.given).copied().collect::<Vec<_>>() {
        if let Some(file) = scope.sources.file(span.file) {
            let message = "no overlay gives this object: a patch takes it out, so it is not judged".to_owned();
            files.say(Level::Note, file.path(), "kustomize-gone", span, message);
        }
    }
    let (suppressions, diagnostics) = notes.finish(&files);
    collected.suppressions = suppressions;
    cover(&files, &mut collected);
    collected.diagnostics = files.diagnostics;
    collected.diagnostics.extend(diagnostics);
    collected
}

/// Whether a file has the name of a kustomization and is something else; those are left to other sources.
fn is_other(files: &mut Files<'_>, path: &Arc<str>) -> bool {
    let Ok(bytes) = files.bytes(path) else { return false };
    let Ok(text) = std::str::from_utf8(&bytes) else { return false };
    if !text.contains("apiVersion") {
        return false;
    }
    let (documents, _) = probity_value::yaml::parse_with(text, probity_value::FileId::NONE, node::OPTIONS);
    documents.first().is_some_and(|document| is_foreign(&document.value))
}

/// The folders of a kustomization's entries.
fn inner(files: &Files<'_>, kustomization: &Kustomization) -> Vec<Arc<str>> {
    let mut out = Vec::new();
    for key in ["resources", "bases", "components", "generators", "transformers", "validators"] {
        for entry in kustomization.value.get(key).and_then(Value::as_list).unwrap_or_default() {
            if let Some(name) = entry.as_str().filter(|name| !name.contains('\n'))
                && let Target::Folder(folder, _) = files.resolve(&kustomization.folder, name)
            {
                out.push(folder);
            }
        }
    }
    out
}

/// The kustomizations no other one refers to, components left aside; of a circle one is taken.
fn roots(files: &Files<'_>, all: &BTreeMap<Arc<str>, Kustomization>) -> Vec<Arc<str>> {
    let edges: BTreeMap<&Arc<str>, Vec<Arc<str>>> = all.iter().map(|(folder, one)| (folder, inner(files, one))).collect();
    let referred: BTreeSet<&Arc<str>> = edges.iter().flat_map(|(from, to)| to.iter().filter(move |to| *to != *from)).collect();
    let mut roots: Vec<Arc<str>> = all
        .iter()
        .filter(|(folder, one)| !referred.contains(folder) && !one.is_component())
        .map(|(folder, _)| Arc::clone(folder))
        .collect();
    let mut reached: BTreeSet<Arc<str>> = BTreeSet::new();
    let reach = |from: &Arc<str>, reached: &mut BTreeSet<Arc<str>>| {
        let mut waiting = vec![Arc::clone(from)];
        while let Some(folder) = waiting.pop() {
            if reached.insert(Arc::clone(&folder)) {
                waiting.extend(edges.get(&folder).into_iter().flatten().cloned());
            }
        }
    };
    for (folder, one) in all {
        // What only a component nobody uses refers to is not judged through it.
        if roots.contains(folder) || (one.is_component() && !referred.contains(folder)) {
            reach(folder, &mut reached);
        }
    }
    for (folder, one) in all {
        if !reached.contains(folder) && !one.is_component() {
            roots.push(Arc::clone(folder));
            reach(folder, &mut reached);
        }
    }
    roots
}

/// Components that no overlay here uses are not judged: alone they are only halves. Their files stay with other sources.
fn loose_components(files: &mut Files<'_>, all: &BTreeMap<Arc<str>, Kustomization>) {
    let referred: BTreeSet<Arc<str>> = all.values().flat_map(|one| inner(files, one)).collect();
    for one in all.values().filter(|one| one.is_component() && !referred.contains(&one.folder)) {
        let why = "a component that no overlay here uses".to_owned();
        files.take(&one.path, Role::Kustomization).unread = true;
        files.take(&one.path, Role::Kustomization).faults.insert((why, false));
    }
}

/// The subject of an object. Its id holds the name without the hash: with it, every change of the content would make another one.
fn subject(resource: Resource, root: &Arc<str>, ids: &mut Ids) -> probity_core::Subject {
    let mut named = resource.clone();
    if let Some(name) = &resource.plain_name {
        let span = resource.value.span;
        named.set_metadata("name", Some(string(name, span)));
    }
    let kind: Arc<str> = resource.kind().into();
    let mut subject = ids.subject(Object { kind, value: named.value, span: resource.span }, root);
    let name = resource.value.get("metadata").and_then(Value::as_map).and_then(|metadata| metadata.entry("name"));
    subject.head = name.map(|entry| entry.key.join(entry.value.span)).filter(|span| !span.is_none()).unwrap_or(subject.head);
    subject.value = resource.value;
    subject.via = resource.via;
    for patch in resource.patches {
        if !subject.via.contains(&patch) {
            subject.via.push(patch);
        }
    }
    subject
}

/// Whether a file is left to other sources: it was only looked at, or holds objects although it is named as something else. A patch that
/// changes nothing would take a manifest out of judgement.
fn is_left(files: &Files<'_>, path: &str, used: &Used) -> bool {
    let holds_objects = || {
        let loaded = files.known(path);
        loaded.is_some_and(|loaded| {
            loaded.documents.iter().any(|document| {
                let part = |key: &str| document.value.get(key).and_then(Value::as_str);
                part("kind").is_some_and(|kind| !kind.is_empty()) && !matches!(part("apiVersion"), None | Some("" | "builtin"))
            })
        })
    };
    let has_effect = || files.known(path).is_some_and(|loaded| files.applied.contains(&loaded.file));
    match used.role {
        Role::Seen => used.faults.is_empty(),
        Role::Settings => holds_objects(),
        Role::Patch => !has_effect() && holds_objects(),
        Role::Kustomization | Role::Resource => false,
    }
}

/// What was read and what not.
fn cover(files: &Files<'_>, collected: &mut Collected) {
    let mut counts: BTreeMap<Arc<str>, usize> = BTreeMap::new();
    for subject in &collected.subjects {
        if let Some(file) = files.scope.sources.file(subject.span.file) {
            *counts.entry(Arc::clone(file.path())).or_default() += 1;
        }
    }
    for (path, used) in &files.used {
        if is_left(files, path, used) || files.scope.unclaimed.binary_search(path).is_err() {
            continue;
        }
        if !used.unread {
            let subjects = counts.get(path).copied().unwrap_or_default();
            collected.coverage.read.push(ReadFile { file: Arc::clone(path), source: ID, subjects });
        }
        if used.unread || !used.faults.is_empty() {
            let why: Vec<&str> = used.faults.iter().map(|(why, _)| why.as_str()).collect();
            let why = if why.is_empty() { "it cannot be read".to_owned() } else { why.join("; ") };
            let fails = used.faults.is_empty() || used.faults.iter().any(|(_, fails)| *fails);
            collected.coverage.skipped.push(SkippedFile { file: Arc::clone(path), source: ID, why, fails, partly: !used.unread });
        }
    }
}

#[cfg(test)]
mod tests;
