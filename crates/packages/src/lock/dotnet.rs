//! .NET: `packages.lock.json`, `project.assets.json`, `*.deps.json`, `packages.config`, and projects where none of these is there.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use probity_core::Tree;
use probity_value::Value;

use super::sheet::{Sheet, entries, folder, folders_above, is_exact, name, pairs, text, within};
use super::xml::{self, Element};
use crate::{Package, Usage};

pub(crate) fn packages_lock(sheet: &mut Sheet, _tree: &dyn Tree) {
    let value = sheet.json();
    if value.is_null() {
        return;
    }
    if let Some(version) = value.get("version").filter(|version| !matches!(version.as_int(), Some(1 | 2))) {
        let line = sheet.at(version.span);
        sheet.problem(line, "the version of the lock file is not known", true);
    }
    if value.get("dependencies").is_none() {
        sheet.problem(0, "the file has no `dependencies`", true);
    }
    sheet.shape(&value, &["dependencies"], &[]);
    for (_, framework) in entries(&value, "dependencies") {
        let mut by_name: HashMap<String, usize> = HashMap::new();
        let all = pairs(&framework.value);
        for (name, entry) in &all {
            let one = &entry.value;
            let line = sheet.at(entry.key);
            let kind = text(one, "type").unwrap_or_default();
            if kind == "Project" {
                continue;
            }
            let Some(version) = text(one, "resolved") else {
                sheet.problem(line, format!("`{name}` has no version"), true);
                continue;
            };
            let Some(purl) = sheet.purl("nuget", None, name, Some(version), line) else { continue };
            let package = Package {
                direct: Some(kind == "Direct"),
                requested: text(one, "requested").map(Arc::from),
                hashes: text(one, "contentHash").map(|digest| Arc::from(format!("sha512-{digest}"))).into_iter().collect(),
                ..sheet.package(purl, line)
            };
            if let Some(index) = sheet.add(package) {
                by_name.insert(name.to_lowercase(), index);
            }
        }
        for (name, entry) in &all {
            let from = by_name.get(&name.to_lowercase()).copied();
            for (need, _) in entries(&entry.value, "dependencies") {
                let Some(to) = by_name.get(&need.to_lowercase()).copied() else { continue };
                match from {
                    Some(from) => sheet.link(from, to),
                    // Another project of the same repository asks for it.
                    None => {
                        if let Some(package) = sheet.package_mut(to) {
                            package.direct = Some(true);
                        }
                    }
                }
            }
        }
    }
}

/// Libraries and targets, as `project.assets.json` and `*.deps.json` both have them.
fn libraries(sheet: &mut Sheet, value: &Value) -> HashMap<String, usize> {
    sheet.shape(value, &["libraries", "targets"], &[]);
    let mut by_key: HashMap<String, usize> = HashMap::new();
    let all = entries(value, "libraries");
    for (key, entry) in &all {
        let one = &entry.value;
        let line = sheet.at(entry.key);
        let Some((name, version)) = key.split_once('/') else {
            sheet.problem(line, format!("`{key}` names no package and version"), true);
            continue;
        };
        let kind = text(one, "type").unwrap_or_default();
        if matches!(kind, "project" | "reference" | "referenceassembly") {
            continue;
        }
        let name = name.strip_prefix("runtimepack.").unwrap_or(name);
        let Some(purl) = sheet.purl("nuget", None, name, Some(version), line) else { continue };
        let mut package = sheet.package(purl, line);
        let digest = text(one, "sha512").filter(|digest| !digest.is_empty());
        package.hashes = digest
            .map(|digest| Arc::from(if digest.starts_with("sha512-") { digest.to_owned() } else { format!("sha512-{digest}") }))
            .into_iter()
            .collect();
        if let Some(index) = sheet.add(package) {
            by_key.insert(key.to_lowercase(), index);
        }
    }
    let mut by_name: HashMap<String, usize> = HashMap::new();
    for (_, target) in entries(value, "targets") {
        let all = pairs(&target.value);
        let mut here: HashMap<String, usize> = HashMap::new();
        for (key, _) in &all {
            if let (Some((name, _)), Some(index)) = (key.split_once('/'), by_key.get(&key.to_lowercase())) {
                here.insert(name.to_lowercase(), *index);
            }
        }
        for (key, entry) in &all {
            let from = by_key.get(&key.to_lowercase()).copied();
            for (need, _) in entries(&entry.value, "dependencies") {
                let Some(to) = here.get(&need.to_lowercase()).copied() else { continue };
                match from {
                    Some(from) => sheet.link(from, to),
                    None => {
                        if let Some(package) = sheet.package_mut(to) {
                            package.direct = Some(true);
                        }
                    }
                }
            }
        }
        by_name.extend(here);
    }
    by_name
}

pub(crate) fn assets_json(sheet: &mut Sheet, _tree: &dyn Tree) {
    let value = sheet.json();
    if value.is_null() {
        return;
    }
    if value.get("libraries").is_none() {
        sheet.problem(0, "the file has no `libraries`", true);
    }
    let by_name = libraries(sheet, &value);
    for package in &mut sheet.out.packages {
        package.direct = package.direct.or(Some(false));
    }
    let frameworks = value.get("project").map(|project| entries(project, "frameworks")).unwrap_or_default();
    for (name, entry) in frameworks.iter().flat_map(|(_, framework)| entries(&framework.value, "dependencies")) {
        if let Some(package) = by_name.get(&name.to_lowercase()).copied().and_then(|index| sheet.package_mut(index)) {
            package.direct = Some(true);
            package.requested = text(&entry.value, "version").map(Arc::from);
        }
    }
}

pub(crate) fn deps_json(sheet: &mut Sheet, _tree: &dyn Tree) {
    let value = sheet.json();
    if value.is_null() {
        return;
    }
    if value.get("libraries").is_none() {
        sheet.problem(0, "the file has no `libraries`", true);
    }
    libraries(sheet, &value);
}

pub(crate) fn packages_config(sheet: &mut Sheet, _tree: &dyn Tree) {
    let Some(root) = xml::parse(sheet) else { return };
    for one in root.all("package") {
        let (Some(name), Some(version)) = (one.attribute("id"), one.attribute("version")) else {
            sheet.problem(one.line, "a package has no id or no version", true);
            continue;
        };
        let Some(purl) = sheet.purl("nuget", None, name, Some(version), one.line) else { continue };
        let development = one.attribute("developmentDependency").is_some_and(|text| text.eq_ignore_ascii_case("true"));
        let package = Package {
            usage: if development { Usage::Development } else { Usage::Runtime },
            requested: one.attribute("allowedVersions").map(Arc::from),
            ..sheet.package(purl, one.line)
        };
        sheet.add(package);
    }
}

pub(crate) fn is_project(file: &str) -> bool {
    [".csproj", ".fsproj", ".vbproj"].iter().any(|end| file.ends_with(end))
}

/// What the projects' files say, the nearest first.
#[derive(Default)]
struct Shared {
    properties: BTreeMap<String, String>,
    versions: HashMap<String, String>,
}

impl Shared {
    fn read(&mut self, root: &Element) {
        for property in root.all("PropertyGroup").flat_map(|group| &group.children) {
            self.properties.entry(property.name.to_lowercase()).or_insert_with(|| property.text.clone());
        }
        for one in root.all("ItemGroup").flat_map(|group| &group.children) {
            let name = one.attribute("Include").or_else(|| one.attribute("Update"));
            let version = one.attribute("Version").or_else(|| one.text_of("Version"));
            if let ("PackageVersion" | "GlobalPackageReference", Some(name), Some(version)) = (one.name.as_str(), name, version) {
                self.versions.entry(name.to_lowercase()).or_insert_with(|| version.to_owned());
            }
        }
    }

    /// A text with its properties put in.
    fn filled(&self, text: &str) -> String {
        let mut out = text.to_owned();
        for _ in 0..8 {
            let Some((before, rest)) = out.split_once("$(") else { break };
            let Some((key, after)) = rest.split_once(')') else { break };
            let Some(value) = self.properties.get(&key.to_lowercase()) else { break };
            if value.len() > 500 {
                break;
            }
            out = format!("{before}{value}{after}");
        }
        out
    }
}

pub(crate) fn project(sheet: &mut Sheet, tree: &dyn Tree) {
    let above = folder(&sheet.path).to_owned();
    let stem = name(&sheet.path).rsplit_once('.').map_or("", |(stem, _)| stem);
    let locks = ["packages.lock.json".to_owned(), format!("packages.{stem}.lock.json"), "obj/project.assets.json".to_owned()];
    if locks.iter().any(|lock| tree.contains(&within(&above, lock))) {
        return;
    }
    let Some(root) = xml::parse(sheet) else { return };
    let mut shared = Shared::default();
    shared.read(&root);
    let path = sheet.path.to_string();
    let mut bodies: Vec<(Arc<str>, Element)> = vec![(Arc::clone(&sheet.path), root)];
    for file in ["Directory.Build.props", "Directory.Build.targets", "Directory.Packages.props"] {
        // Only the nearest of each counts.
        let Some(found) = folders_above(&path).map(|above| within(above, file)).find(|found| tree.contains(found)) else { continue };
        let mut other = Sheet::open(tree, &found, sheet.id);
        let read = xml::parse(&mut other);
        sheet.out.problems.append(&mut other.out.problems);
        if let Some(read) = read {
            shared.read(&read);
            bodies.push((found.into(), read));
        }
    }
    for (file, body) in &bodies {
        for one in body.all("ItemGroup").flat_map(|group| &group.children) {
            let global = one.name == "GlobalPackageReference";
            if one.name != "PackageReference" && !global {
                continue;
            }
            let Some(package_name) = one.attribute("Include") else { continue };
            let of = |key: &str| one.attribute(key).or_else(|| one.text_of(key));
            let version = of("VersionOverride").or_else(|| of("Version")).map(str::to_owned);
            let version =
                version.or_else(|| shared.versions.get(&package_name.to_lowercase()).cloned()).map(|version| shared.filled(&version));
            let bare =
                version.as_deref().map(|version| version.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')).unwrap_or(version));
            let exact = bare.filter(|version| is_exact(version));
            let Some(purl) = sheet.purl("nuget", None, &shared.filled(package_name), exact, one.line) else { continue };
            let private = of("PrivateAssets").is_some_and(|assets| assets.eq_ignore_ascii_case("all"));
            let mut package = sheet.package(purl, one.line);
            package.usage = if private || global { Usage::Development } else { Usage::Runtime };
            package.direct = Some(true);
            package.requested = version.map(Arc::from);
            for at in &mut package.at {
                at.file = Arc::clone(file);
            }
            sheet.add(package);
        }
    }
}
