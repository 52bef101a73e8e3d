//! Gradle's lock files, its list of digests, and its version catalogs.

use std::sync::Arc;

use probity_core::Tree;
use probity_value::Value;

use super::sheet::{Sheet, entries, folder, name, text};
use super::xml;
use crate::{Package, Usage};

pub(crate) fn is_lock(above: &str, file: &str) -> bool {
    file == "gradle.lockfile" || file == "buildscript-gradle.lockfile" || (file.ends_with(".lockfile") && name(above) == "dependency-locks")
}

/// What the configurations of a line mean: those of tests, and of compilers and processors.
fn usage(configurations: &str) -> Usage {
    let of = |one: &str| {
        let lower = one.to_ascii_lowercase();
        match () {
            () if lower.contains("test") || lower.contains("checkstyle") || lower.contains("detekt") || lower.contains("ktlint") => {
                Usage::Development
            }
            () if lower.contains("annotationprocessor") || lower.contains("kapt") || lower.contains("ksp") || lower.contains("plugin") => {
                Usage::Build
            }
            () if lower.contains("compileclasspath") || lower == "classpath" => Usage::Build,
            () => Usage::Runtime,
        }
    };
    configurations.split(',').map(str::trim).filter(|one| !one.is_empty()).map(of).min().unwrap_or_default()
}

pub(crate) fn lockfile(sheet: &mut Sheet, _tree: &dyn Tree) {
    let build = name(&sheet.path).starts_with("buildscript");
    let one_configuration = name(folder(&sheet.path)) == "dependency-locks";
    let stem = name(&sheet.path).trim_end_matches(".lockfile").to_owned();
    for (line, text) in sheet.lines() {
        let text = text.trim();
        if text.is_empty() || text.starts_with('#') || text.starts_with("empty=") {
            continue;
        }
        let (coordinate, configurations) = text.split_once('=').unwrap_or((text, if one_configuration { &stem } else { "" }));
        let parts: Vec<&str> = coordinate.split(':').collect();
        let [group, artifact, version] = parts.as_slice() else {
            sheet.problem(line, "the line names no package", true);
            continue;
        };
        let Some(purl) = sheet.purl("maven", Some(group), artifact, Some(version), line) else { continue };
        let usage = if build { Usage::Build } else { usage(configurations) };
        let package = Package { usage, ..sheet.package(purl, line) };
        sheet.add(package);
    }
}

pub(crate) fn verification(sheet: &mut Sheet, _tree: &dyn Tree) {
    let Some(root) = xml::parse(sheet) else { return };
    for one in root.child("components").into_iter().flat_map(|list| list.all("component")) {
        let (Some(group), Some(artifact), Some(version)) = (one.attribute("group"), one.attribute("name"), one.attribute("version")) else {
            sheet.problem(one.line, "a component has no group, name or version", true);
            continue;
        };
        let Some(purl) = sheet.purl("maven", Some(group), artifact, Some(version), one.line) else { continue };
        let mut package = sheet.package(purl, one.line);
        for artifact in one.all("artifact") {
            for digest in &artifact.children {
                if let Some(value) = digest.attribute("value") {
                    package.hashes.push(format!("{}:{value}", digest.name).into());
                }
            }
        }
        sheet.add(package);
    }
}

/// The version a table or text asks for, and whether it is one and no range.
fn wanted(value: &Value, versions: Option<&Value>) -> Option<String> {
    let version = value.get("version").unwrap_or(value);
    if let Some(reference) = text(version, "ref") {
        return versions.and_then(|all| all.get(reference)).and_then(|version| wanted(version, None));
    }
    let plain = version.as_str().or_else(|| ["strictly", "require", "prefer"].iter().find_map(|key| text(version, key)));
    plain.map(str::to_owned)
}

pub(crate) fn version_catalog(sheet: &mut Sheet, _tree: &dyn Tree) {
    let value = sheet.toml();
    sheet.shape(&value, &["versions", "libraries", "plugins"], &[]);
    let versions = value.get("versions");
    let mut found = Vec::new();
    for (key, entry) in entries(&value, "libraries") {
        let one = &entry.value;
        let line = sheet.at(entry.key);
        let short = one.as_str().map(|text| text.splitn(3, ':').collect::<Vec<_>>());
        let (coordinate, version) = match short.as_deref() {
            Some([group, artifact, version]) => (Some(((*group).to_owned(), (*artifact).to_owned())), Some((*version).to_owned())),
            Some([group, artifact]) => (Some(((*group).to_owned(), (*artifact).to_owned())), None),
            Some(_) => (None, None),
            None => {
                let module = text(one, "module").and_then(|module| module.split_once(':'));
                let pair = module.or_else(|| Some((text(one, "group")?, text(one, "name")?)));
                (
                    pair.map(|(group, artifact)| (group.to_owned(), artifact.to_owned())),
                    one.get("version").and_then(|_| wanted(one, versions)),
                )
            }
        };
        let Some((group, artifact)) = coordinate else {
            sheet.problem(line, format!("`{key}` names no package"), true);
            continue;
        };
        found.push((group, artifact, version, Usage::Runtime, line));
    }
    for (key, entry) in entries(&value, "plugins") {
        let one = &entry.value;
        let line = sheet.at(entry.key);
        let (id, version) = match one.as_str().and_then(|text| text.split_once(':')) {
            Some((id, version)) => (Some(id), Some(version.to_owned())),
            None => (text(one, "id"), wanted(one, versions)),
        };
        let Some(id) = id else {
            sheet.problem(line, format!("`{key}` names no plugin"), true);
            continue;
        };
        // A plugin is found by a package whose name is made of its id.
        found.push((id.to_owned(), format!("{id}.gradle.plugin"), version, Usage::Build, line));
    }
    for (group, artifact, version, usage, line) in found {
        let exact = version.as_deref().filter(|version| !version.contains(['+', '[', '(', ',']) && !version.starts_with("latest."));
        let Some(purl) = sheet.purl("maven", Some(&group), &artifact, exact, line) else { continue };
        let package = Package { usage, direct: Some(true), requested: version.as_deref().map(Arc::from), ..sheet.package(purl, line) };
        sheet.add(package);
    }
}
