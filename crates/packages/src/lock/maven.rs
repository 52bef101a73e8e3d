//! Maven's `pom.xml`: parents, properties, managed versions and imported lists that are in the tree.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use probity_core::Tree;

use super::sheet::{Sheet, beside, name, within};
use super::xml::{self, Element};
use crate::{Package, Purl, Usage};

/// Parents above parents.
const MOST_PARENTS: usize = 16;
/// Lists that import lists.
const MOST_IMPORTS: usize = 64;
/// Manifests looked through for one that is asked for by its name.
const MOST_SEARCHED: usize = 3_000;
/// Properties within properties.
const DEEPEST: usize = 16;
/// Letters of a value with its properties put in.
const LONGEST: usize = 2_000;

/// A model with those it inherits from, the nearest first.
struct Model {
    levels: Vec<(String, Element)>,
    properties: BTreeMap<String, String>,
    /// What is inherited or imported and not in the tree.
    missing: Vec<String>,
}

impl Model {
    fn own(&self, key: &str) -> Option<&str> {
        let element = &self.levels.first()?.1;
        element.text_of(key).or_else(|| element.child("parent").and_then(|parent| parent.text_of(key)))
    }

    /// A text with its properties put in; those that are not known stay, and those that lead to themselves leave it as it was.
    fn filled(&self, text: &str) -> String {
        let mut out = text.trim().to_owned();
        for _ in 0..DEEPEST {
            let mut next = String::new();
            let mut rest = out.as_str();
            let mut changed = false;
            while let Some((before, after)) = rest.split_once("${") {
                let Some((key, tail)) = after.split_once('}') else { break };
                next.push_str(before);
                match self.property(key.trim()) {
                    Some(value) if value.len() + next.len() <= LONGEST => {
                        next.push_str(&value);
                        changed = true;
                    }
                    _ => {
                        next.push_str("${");
                        next.push_str(key);
                        next.push('}');
                    }
                }
                rest = tail;
            }
            next.push_str(rest);
            out = next;
            if !changed {
                return out;
            }
            if out.len() > LONGEST {
                break;
            }
        }
        text.trim().to_owned()
    }

    fn property(&self, key: &str) -> Option<String> {
        if let Some(value) = self.properties.get(key) {
            return Some(value.clone());
        }
        let parent = |field: &str| {
            self.levels.first().and_then(|(_, own)| own.child("parent")).and_then(|parent| parent.text_of(field)).map(str::to_owned)
        };
        match key.strip_prefix("project.").or_else(|| key.strip_prefix("pom.")).unwrap_or(key) {
            "parent.version" => parent("version"),
            "parent.groupId" => parent("groupId"),
            "parent.artifactId" => parent("artifactId"),
            field @ ("version" | "groupId") => self.own(field).map(str::to_owned),
            "artifactId" => self.levels.first().and_then(|(_, own)| own.text_of("artifactId")).map(str::to_owned),
            _ => None,
        }
    }
}

/// Finds a manifest in the tree by its name.
fn search(tree: &dyn Tree, group: &str, artifact: &str, id: &'static str) -> Option<(String, Element)> {
    let mark = format!("<artifactId>{artifact}</artifactId>");
    let files = tree.files().iter().filter(|file| name(&file.path) == "pom.xml").take(MOST_SEARCHED);
    for file in files {
        let mut sheet = Sheet::open(tree, &file.path, id);
        if !sheet.text.contains(&mark) {
            continue;
        }
        let Some(element) = xml::parse(&mut sheet) else { continue };
        let of = |key: &str| element.text_of(key).or_else(|| element.child("parent").and_then(|parent| parent.text_of(key)));
        if element.text_of("artifactId") == Some(artifact) && of("groupId") == Some(group) {
            return Some((file.path.to_string(), element));
        }
    }
    None
}

/// A manifest with its parents, as far as they are in the tree.
fn model(tree: &dyn Tree, path: String, own: Element, id: &'static str) -> Model {
    let mut levels = vec![(path, own)];
    let mut missing = Vec::new();
    while levels.len() <= MOST_PARENTS {
        let Some((path, element)) = levels.last() else { break };
        let Some(parent) = element.child("parent") else { break };
        let (group, artifact) = (parent.text_of("groupId").unwrap_or_default(), parent.text_of("artifactId").unwrap_or_default());
        let relative = parent.child("relativePath").map_or("../pom.xml", |element| element.text.as_str());
        let target = (!relative.is_empty())
            .then(|| beside(path, relative))
            .flatten()
            .map(|target| if tree.contains(&target) { target } else { within(&target, "pom.xml") });
        let near = target.filter(|target| tree.contains(target)).and_then(|target| {
            let element = xml::parse(&mut Sheet::open(tree, &target, id))?;
            (element.text_of("artifactId") == Some(artifact)).then_some((target, element))
        });
        let Some((target, element)) = near.or_else(|| search(tree, group, artifact, id)) else {
            missing.push(format!("{group}:{artifact}"));
            break;
        };
        if levels.iter().any(|(known, _)| *known == target) {
            break;
        }
        levels.push((target, element));
    }
    let mut properties = BTreeMap::new();
    for (_, element) in levels.iter().rev() {
        for property in element.child("properties").into_iter().flat_map(|list| &list.children) {
            properties.insert(property.name.clone(), property.text.clone());
        }
    }
    Model { levels, properties, missing }
}

/// What is said of a package in one place for all.
#[derive(Clone)]
struct Managed {
    version: Option<String>,
    scope: Option<String>,
}

type Key = (String, String, String, String);

fn key(model: &Model, element: &Element) -> Option<Key> {
    let group = model.filled(element.text_of("groupId")?);
    let artifact = model.filled(element.text_of("artifactId")?);
    let kind = element.text_of("type").map_or_else(|| "jar".to_owned(), |kind| model.filled(kind));
    let classifier = element.text_of("classifier").map(|classifier| model.filled(classifier)).unwrap_or_default();
    Some((group, artifact, kind, classifier))
}

/// The managed versions of a model, its own before imported ones, near before far.
fn managed(model: &mut Model, tree: &dyn Tree, id: &'static str, imports: &mut usize) -> HashMap<Key, Managed> {
    let mut all: HashMap<Key, Managed> = HashMap::new();
    let mut imported: Vec<(String, String)> = Vec::new();
    for (_, element) in &model.levels {
        let list = element.child("dependencyManagement").and_then(|list| list.child("dependencies"));
        for one in list.into_iter().flat_map(|list| list.all("dependency")) {
            let Some(key) = key(model, one) else { continue };
            let scope = one.text_of("scope").map(|scope| model.filled(scope));
            if scope.as_deref() == Some("import") {
                imported.push((key.0, key.1));
                continue;
            }
            let version = one.text_of("version").map(|version| model.filled(version));
            all.entry(key).or_insert(Managed { version, scope });
        }
    }
    for (group, artifact) in imported {
        *imports += 1;
        let found = if *imports > MOST_IMPORTS { None } else { search(tree, &group, &artifact, id) };
        let Some((path, element)) = found else {
            model.missing.push(format!("{group}:{artifact}"));
            continue;
        };
        let mut other = self::model(tree, path, element, id);
        for (key, value) in managed(&mut other, tree, id, imports) {
            all.entry(key).or_insert(value);
        }
        model.missing.extend(other.missing);
    }
    all
}

fn maven(sheet: &mut Sheet, key: &Key, version: Option<&str>, line: u32) -> Option<Purl> {
    let purl = sheet.purl("maven", Some(&key.0), &key.1, version, line)?;
    let purl = if key.2 == "jar" || key.2 == "test-jar" { purl } else { purl.with("type", &key.2) };
    Some(purl.with("classifier", &key.3))
}

pub(crate) fn pom(sheet: &mut Sheet, tree: &dyn Tree) {
    let Some(own) = xml::parse(sheet) else { return };
    if own.name != "project" {
        sheet.problem(own.line, format!("`{}` is no project of Maven", own.name), true);
        return;
    }
    let mut model = model(tree, sheet.path.to_string(), own, sheet.id);
    let managed = managed(&mut model, tree, sheet.id, &mut 0);
    let Some((_, own)) = model.levels.first() else { return };
    let mut unknown = Vec::new();
    let profiles = own.child("profiles").into_iter().flat_map(|list| list.all("profile"));
    let bodies: Vec<(&Element, bool)> = std::iter::once((own, false)).chain(profiles.map(|profile| (profile, true))).collect();
    for (body, profile) in bodies {
        for one in body.child("dependencies").into_iter().flat_map(|list| list.all("dependency")) {
            let Some(key) = key(&model, one) else {
                sheet.problem(one.line, "a dependency has no group or no name", true);
                continue;
            };
            let known = managed.get(&key);
            let version =
                one.text_of("version").map(|version| model.filled(version)).or_else(|| known.and_then(|known| known.version.clone()));
            let scope = one.text_of("scope").map(|scope| model.filled(scope)).or_else(|| known.and_then(|known| known.scope.clone()));
            let optional = one.text_of("optional").is_some_and(|optional| model.filled(optional) == "true");
            let usage = match scope.as_deref() {
                Some("test") => Usage::Development,
                Some("provided") => Usage::Build,
                _ if optional || profile => Usage::Optional,
                _ => Usage::Runtime,
            };
            add(sheet, &key, version, usage, one.line, &mut unknown);
        }
        let build = body.child("build");
        let lists = build.into_iter().flat_map(|build| [build.child("plugins"), build.child("extensions")]).flatten();
        for one in lists.flat_map(|list| &list.children) {
            let Some(artifact) = one.text_of("artifactId") else { continue };
            let group = one.text_of("groupId").unwrap_or("org.apache.maven.plugins");
            let key = (model.filled(group), model.filled(artifact), "jar".to_owned(), String::new());
            let version = one.text_of("version").map(|version| model.filled(version)).or_else(|| plugin_version(&model, &key));
            // Without a version it is the one Maven itself brings along.
            if version.is_some() {
                add(sheet, &key, version, Usage::Build, one.line, &mut unknown);
            }
        }
    }
    if let Some((line, name)) = unknown.first() {
        let from = if model.missing.is_empty() {
            "it is not said here".to_owned()
        } else {
            format!(
                "it may come from {}, not in the repository",
                model.missing.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
            )
        };
        let more = if unknown.len() > 1 { format!(" (and {} more)", unknown.len() - 1) } else { String::new() };
        sheet.problem(*line, format!("the version of `{name}`{more} is not known: {from}"), false);
    }
}

fn plugin_version(model: &Model, key: &Key) -> Option<String> {
    model.levels.iter().find_map(|(_, element)| {
        let plugins = element.child("build")?.child("pluginManagement")?.child("plugins")?;
        let one = plugins.all("plugin").find(|one| {
            model.filled(one.text_of("groupId").unwrap_or("org.apache.maven.plugins")) == key.0
                && one.text_of("artifactId").map(|artifact| model.filled(artifact)).as_deref() == Some(&key.1)
        })?;
        Some(model.filled(one.text_of("version")?))
    })
}

fn add(sheet: &mut Sheet, key: &Key, version: Option<String>, usage: Usage, line: u32, unknown: &mut Vec<(u32, String)>) {
    // `[1.0]` is one version.
    let bare = version.as_deref().map(|version| version.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')).unwrap_or(version));
    let exact = bare.filter(|version| {
        !version.contains("${") && !version.contains([',', '[', '(', ')', ']']) && !matches!(*version, "LATEST" | "RELEASE")
    });
    if bare.is_none_or(|version| version.contains("${")) {
        unknown.push((line, format!("{}:{}", key.0, key.1)));
    }
    let Some(purl) = maven(sheet, key, exact, line) else { return };
    let package = Package { usage, direct: Some(true), requested: version.as_deref().map(Arc::from), ..sheet.package(purl, line) };
    sheet.add(package);
}
