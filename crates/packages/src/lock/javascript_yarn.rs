//! Yarn's lock files, of both its generations, and pnpm's.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use probity_core::Tree;
use probity_value::Value;

use super::javascript::{WISHES, at_name, is_local, manifests, npm};
use super::sheet::{Sheet, entries, neighbour, pairs, scalar, text};
use crate::Usage;

pub(crate) fn yarn_lock(sheet: &mut Sheet, tree: &dyn Tree) {
    let modern = sheet.text.lines().any(|line| line.starts_with("__metadata:"));
    let mut by_wish: HashMap<String, usize> = HashMap::new();
    let asked = if modern { berry(sheet, &mut by_wish) } else { classic(sheet, &mut by_wish) };
    ask(sheet, tree, &by_wish, asked);
}

/// Marks what the manifests beside the lock file ask for.
fn ask(sheet: &mut Sheet, tree: &dyn Tree, by_wish: &HashMap<String, usize>, mut asked: Vec<(usize, Usage)>) {
    let mut seen = !asked.is_empty();
    let mut kept: Vec<(usize, Usage)> = Vec::new();
    for path in manifests(sheet, tree) {
        let Some((_, manifest)) = neighbour(sheet, tree, &path) else { continue };
        seen = true;
        for (list, usage) in WISHES {
            for (name, entry) in entries(&manifest, list) {
                let Some(wish) = entry.value.as_str() else { continue };
                let keys = [format!("{name}@{wish}"), format!("{name}@npm:{wish}")];
                let Some(index) = keys.iter().find_map(|key| by_wish.get(key)).copied() else { continue };
                kept.push((index, usage));
                if let Some(package) = sheet.package_mut(index) {
                    package.requested = Some(wish.into());
                }
            }
        }
    }
    // The lock file itself does not tell development from the rest; a manifest does.
    let known: HashSet<usize> = kept.iter().map(|(index, _)| *index).collect();
    asked.retain(|(index, _)| !known.contains(index));
    kept.extend(asked);
    sheet.spread(&kept, seen);
}

/// One entry of the first generation while its lines are read.
#[derive(Default)]
struct Entry {
    line: u32,
    wishes: Vec<String>,
    version: Option<String>,
    resolved: Option<String>,
    integrity: Option<String>,
    needs: Vec<String>,
}

fn unquoted(text: &str) -> String {
    let text = text.trim();
    match text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(inner) => inner.replace("\\\"", "\"").replace("\\\\", "\\"),
        None => text.to_owned(),
    }
}

/// The words of a line; those in quotes may have spaces.
fn words(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let end = match rest.strip_prefix('"') {
            Some(inner) => inner.find('"').map_or(rest.len(), |at| at + 2),
            None => rest.find(char::is_whitespace).unwrap_or(rest.len()),
        };
        let (word, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
        out.push(unquoted(word));
        rest = after.trim_start();
    }
    out
}

/// The name of a package in the address of its archive in a registry: `https://host/@scope/name/-/name-1.0.0.tgz`.
fn in_registry(address: &str) -> Option<&str> {
    let (path, file) = address.split_once("://")?.1.split_once("/-/")?;
    let start = path.rfind('/')? + 1;
    let name = path.get(start..)?;
    if name.is_empty() || !file.strip_prefix(name)?.starts_with('-') {
        return None;
    }
    let above = path.get(..start - 1)?;
    match above.rfind('/').map(|at| at + 1) {
        Some(scope) if above.get(scope..)?.starts_with('@') => path.get(scope..),
        _ => Some(name),
    }
}

fn classic(sheet: &mut Sheet, by_wish: &mut HashMap<String, usize>) -> Vec<(usize, Usage)> {
    let lines = sheet.lines();
    if lines.is_empty() && sheet.out.problems.is_empty() {
        sheet.problem(0, "the file is empty", true);
    }
    let mut all: Vec<Entry> = Vec::new();
    let mut in_needs = false;
    for (number, line) in &lines {
        let bare = line.trim();
        if bare.is_empty() || bare.starts_with('#') {
            continue;
        }
        let indent = line.len() - line.trim_start().len();
        if indent == 0 {
            let Some(head) = bare.strip_suffix(':') else {
                sheet.problem(*number, "the line is no beginning of an entry", true);
                continue;
            };
            let wishes = head.split(',').map(unquoted).collect();
            all.push(Entry { line: *number, wishes, ..Entry::default() });
            in_needs = false;
            continue;
        }
        let Some(entry) = all.last_mut() else {
            sheet.problem(*number, "the line belongs to no entry", true);
            continue;
        };
        let parts = words(bare);
        match (parts.first().map(String::as_str), parts.get(1)) {
            (Some("dependencies:" | "optionalDependencies:"), None) if indent <= 2 => in_needs = true,
            (Some(key), None) if indent <= 2 && key.ends_with(':') => in_needs = false,
            (Some(name), Some(range)) if in_needs && indent > 2 => entry.needs.push(format!("{name}@{range}")),
            (Some("version"), Some(value)) => entry.version = Some(value.clone()),
            (Some("resolved"), Some(value)) => entry.resolved = Some(value.clone()),
            (Some("integrity"), Some(value)) => entry.integrity = Some(value.clone()),
            (Some(_), Some(_)) => {}
            _ if indent > 2 => {}
            _ => sheet.problem(*number, "the line is not understood", true),
        }
    }
    let mut found = Vec::new();
    for entry in all {
        let first = entry.wishes.first().map(String::as_str).unwrap_or_default();
        let Some((name, wish)) = at_name(first) else {
            sheet.problem(entry.line, format!("`{first}` names no package"), true);
            continue;
        };
        // An alias is known by the package it stands for.
        let name = wish.strip_prefix("npm:").and_then(at_name).map_or(name, |(real, _)| real);
        // `resolutions` of the manifest put another package in its place; only the address tells.
        let name = entry.resolved.as_deref().and_then(in_registry).unwrap_or(name);
        let Some(version) = &entry.version else {
            sheet.problem(entry.line, format!("`{name}` has no version"), true);
            continue;
        };
        if is_local(wish) {
            continue;
        }
        let Some(purl) = npm(sheet, name, Some(version), entry.line) else { continue };
        let mut package = sheet.package(purl, entry.line);
        package.resolved = entry.resolved.as_deref().map(Arc::from);
        let mark = entry.resolved.as_deref().and_then(|url| url.rsplit_once('#')).map(|(_, digest)| digest);
        package.hashes = match &entry.integrity {
            Some(text) => text.split_whitespace().map(Arc::from).collect(),
            // Before it wrote `integrity`, the SHA-1 stood behind the address.
            None => {
                let git = entry.resolved.as_deref().is_some_and(|url| url.starts_with("git") || url.contains(".git#"));
                let kind = if git { "git" } else { "sha1" };
                mark.filter(|digest| digest.len() == 40).map(|digest| Arc::from(format!("{kind}:{digest}"))).into_iter().collect()
            }
        };
        if let Some(index) = sheet.add(package) {
            for wish in entry.wishes {
                by_wish.insert(wish, index);
            }
            found.push((index, entry.needs));
        }
    }
    for (from, needs) in found {
        for need in needs {
            if let Some(to) = by_wish.get(&need) {
                sheet.link(from, *to);
            }
        }
    }
    Vec::new()
}

fn berry(sheet: &mut Sheet, by_wish: &mut HashMap<String, usize>) -> Vec<(usize, Usage)> {
    let Some(value) = sheet.yaml().into_iter().next() else { return Vec::new() };
    let mut found: Vec<(Option<usize>, &Value)> = Vec::new();
    let all = pairs(&value);
    for (key, entry) in &all {
        let one = &entry.value;
        let line = sheet.at(entry.key);
        if *key == "__metadata" {
            let version = one.get("version").and_then(|version| version.as_int().or_else(|| version.as_str()?.parse().ok()));
            if version.is_none_or(|version| !(3..=10).contains(&version)) {
                sheet.problem(line, "the version of the lock file is not known", true);
            }
            continue;
        }
        let Some((name, resolution)) = text(one, "resolution").and_then(at_name) else {
            sheet.problem(line, format!("`{key}` has no resolution"), true);
            continue;
        };
        if ["workspace:", "link:", "portal:"].iter().any(|start| resolution.starts_with(start)) {
            found.push((None, one));
            continue;
        }
        let version = one.get("version").and_then(scalar);
        let Some(version) = version else {
            sheet.problem(line, format!("`{key}` has no version"), true);
            continue;
        };
        let Some(purl) = npm(sheet, name, Some(&version), line) else { continue };
        let mut package = sheet.package(purl, line);
        if !resolution.starts_with("npm:") && !resolution.starts_with("patch:") {
            package.resolved = Some(resolution.into());
        } else if let Some((_, address)) = resolution.split_once("__archiveUrl=") {
            let address = address.split('&').next().unwrap_or(address);
            package.resolved = Some(crate::purl::decoded(address).map_or_else(|_| address.into(), Arc::from));
        }
        package.hashes = text(one, "checksum").map(Arc::from).into_iter().collect();
        if let Some(index) = sheet.add(package) {
            for wish in key.split(',') {
                by_wish.insert(wish.trim().to_owned(), index);
            }
            found.push((Some(index), one));
        }
    }
    let mut asked = Vec::new();
    // A patched package is asked for plainly and locked with the patch.
    let mut patched: HashMap<String, usize> = HashMap::new();
    for (key, index) in by_wish.iter() {
        if let Some((name, wish)) = at_name(key)
            && wish.starts_with("patch:")
        {
            let known = patched.entry(name.to_owned()).or_insert(*index);
            *known = (*known).min(*index);
        }
    }
    for (from, one) in found {
        for (name, entry) in entries(one, "dependencies") {
            let Some(wish) = entry.value.as_str() else { continue };
            let keys = [format!("{name}@{wish}"), format!("{name}@npm:{wish}")];
            let Some(to) = keys.iter().find_map(|key| by_wish.get(key)).or_else(|| patched.get(name)).copied() else { continue };
            match from {
                Some(from) => sheet.link(from, to),
                None => {
                    asked.push((to, Usage::Runtime));
                    if let Some(package) = sheet.package_mut(to) {
                        package.requested = Some(wish.strip_prefix("npm:").unwrap_or(wish).into());
                    }
                }
            }
        }
    }
    asked
}

/// Name and version of a key of pnpm's `packages`: `/a/1.0.0_peer@2`, `/a@1.0.0(peer@2)`, `@s/a@1.0.0`.
fn pnpm_key(key: &str, old: bool) -> Option<(&str, &str)> {
    let key = key.strip_prefix('/').unwrap_or(key);
    let bare = key.split('(').next().unwrap_or(key);
    if !old {
        return at_name(bare);
    }
    let from = if bare.starts_with('@') { bare.find('/')? + 1 } else { 0 };
    let at = bare.get(from..)?.find('/')? + from;
    let version = bare.get(at + 1..)?;
    Some((bare.get(..at)?, version.split(['_', '/']).next().unwrap_or(version)))
}

pub(crate) fn pnpm_lock(sheet: &mut Sheet, _tree: &dyn Tree) {
    let documents = sheet.yaml();
    // Newer versions write what pnpm itself needs as a document of its own before the project's.
    let Some(value) = documents.last() else { return };
    let version = value.get("lockfileVersion").and_then(scalar).unwrap_or_default();
    let number: f64 = version.split('-').next().and_then(|text| text.parse().ok()).unwrap_or(0.0);
    if !(5.0..10.0).contains(&number) {
        let line = value.get("lockfileVersion").map_or(0, |version| sheet.at(version.span));
        sheet.problem(line, format!("`{version}` is no known version of the lock file"), true);
    }
    let old = number < 6.0;
    sheet.shape(value, &["packages", "snapshots", "importers", "dependencies", "devDependencies", "optionalDependencies"], &[]);
    let packages = entries(value, "packages");
    let snapshots = entries(value, "snapshots");
    let mut by_key: HashMap<String, usize> = HashMap::new();
    for (key, entry) in &packages {
        let one = &entry.value;
        let line = sheet.at(entry.key);
        let named = text(one, "name").map(|name| (name, one.get("version").and_then(scalar)));
        let (name, version) = match (named, pnpm_key(key, old)) {
            (Some((name, version)), _) => (name, version),
            (None, Some((name, version))) => (name, one.get("version").and_then(scalar).or_else(|| Some(version.to_owned()))),
            (None, None) => {
                sheet.problem(line, format!("`{key}` names no package"), true);
                continue;
            }
        };
        if is_local(version.as_deref().unwrap_or_default()) || key.starts_with("file:") || key.contains("@file:") {
            continue;
        }
        let version = version.filter(|version| !version.contains(':'));
        let Some(purl) = npm(sheet, name, version.as_deref(), line) else { continue };
        let mut package = sheet.package(purl, line);
        let is = |key: &str| one.get(key).and_then(Value::as_bool) == Some(true);
        package.usage = match () {
            () if is("dev") => Usage::Development,
            () if is("optional") => Usage::Optional,
            () => Usage::Runtime,
        };
        if let Some(resolution) = one.get("resolution") {
            package.hashes = text(resolution, "integrity").into_iter().flat_map(str::split_whitespace).map(Arc::from).collect();
            package.resolved = text(resolution, "tarball").or_else(|| text(resolution, "repo")).map(Arc::from);
            if let (Some(repository), Some(commit)) = (text(resolution, "repo"), text(resolution, "commit")) {
                package.resolved = Some(format!("{repository}#{commit}").into());
            }
        }
        if let Some(index) = sheet.add(package) {
            by_key.insert((*key).to_owned(), index);
        }
    }
    for (key, _) in &snapshots {
        let bare = key.split('(').next().unwrap_or(key);
        if let Some(index) = by_key.get(bare).copied() {
            by_key.insert((*key).to_owned(), index);
        }
    }
    let resolve = |name: &str, version: &str| -> Option<usize> {
        let keys = [
            format!("{name}@{version}"),
            format!("/{name}@{version}"),
            format!("/{name}/{version}"),
            version.to_owned(),
            format!("/{version}"),
        ];
        keys.iter().find_map(|key| by_key.get(key)).copied()
    };
    for (key, entry) in packages.iter().chain(&snapshots) {
        let Some(from) = by_key.get(*key).copied() else { continue };
        for list in ["dependencies", "optionalDependencies"] {
            for (name, wish) in entries(&entry.value, list) {
                if let Some(to) = scalar(&wish.value).and_then(|version| resolve(name, &version)) {
                    sheet.link(from, to);
                }
            }
        }
    }
    let mut asked = Vec::new();
    let importers = entries(value, "importers");
    for importer in importers.iter().map(|(_, entry)| &entry.value).chain(importers.is_empty().then_some(value)) {
        for (list, usage) in WISHES {
            for (name, entry) in entries(importer, list) {
                let version = entry.value.get("version").and_then(scalar).or_else(|| scalar(&entry.value));
                let Some(to) = version.and_then(|version| resolve(name, &version)) else { continue };
                let wish = text(&entry.value, "specifier").or_else(|| importer.get("specifiers").and_then(|all| text(all, name)));
                asked.push((to, usage));
                if let Some(package) = sheet.package_mut(to) {
                    package.requested = wish.map(Arc::from).or(package.requested.take());
                }
            }
        }
    }
    sheet.spread(&asked, true);
}
