//! npm's and Bun's lock files, and `package.json` where there is no lock file.
//!
//! What does not live here: Yarn and pnpm (`javascript_yarn`).

use std::collections::HashMap;
use std::sync::Arc;

use probity_core::Tree;
use probity_value::Value;

use super::sheet::{Sheet, entries, folder, folders_above, is_exact, items, neighbour, text, within};
use crate::{Purl, Usage};

/// The lists of wishes in a manifest, and what they are for.
pub(crate) const WISHES: [(&str, Usage); 4] = [
    ("dependencies", Usage::Runtime),
    ("optionalDependencies", Usage::Optional),
    ("peerDependencies", Usage::Runtime),
    ("devDependencies", Usage::Development),
];

const LOCKS: [&str; 6] = ["package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml", "bun.lock", "bun.lockb"];

/// Nesting of `dependencies` within `dependencies` that is followed.
const DEEPEST: usize = 64;

/// A package URL of a name with or without a scope.
pub(crate) fn npm(sheet: &mut Sheet, name: &str, version: Option<&str>, line: u32) -> Option<Purl> {
    match name.strip_prefix('@').and_then(|rest| rest.split_once('/')) {
        Some((scope, rest)) if !scope.is_empty() => sheet.purl("npm", Some(&format!("@{scope}")), rest, version, line),
        _ => sheet.purl("npm", None, name, version, line),
    }
}

/// Name and the rest of `name@rest`; the `@` of a scope is part of the name.
pub(crate) fn at_name(text: &str) -> Option<(&str, &str)> {
    let from = usize::from(text.starts_with('@'));
    let at = text.get(from..)?.find('@')? + from;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

/// Whether a wish names a folder of the project and no package.
pub(crate) fn is_local(wish: &str) -> bool {
    ["file:", "link:", "portal:", "workspace:", "root:", "./", "../", "/", "~/"].iter().any(|start| wish.starts_with(start))
}

/// Name, version or range of a wish; an alias names another package.
fn wished<'a>(name: &'a str, wish: &'a str) -> (&'a str, &'a str) {
    match wish.strip_prefix("npm:") {
        Some(real) => at_name(real).unwrap_or((real, "*")),
        None => (name, wish),
    }
}

pub(crate) fn package_lock(sheet: &mut Sheet, tree: &dyn Tree) {
    let value = sheet.json();
    if value.is_null() {
        return;
    }
    if super::sheet::name(&sheet.path) == "package-lock.json" && tree.contains(&within(folder(&sheet.path), "npm-shrinkwrap.json")) {
        sheet.problem(0, "`npm-shrinkwrap.json` beside it is used in its place", false);
        return;
    }
    let version = value.get("lockfileVersion");
    if let Some(version) = version.filter(|version| !matches!(version.as_int(), Some(1..=3))) {
        let line = sheet.at(version.span);
        sheet.problem(line, "the version of the lock file is not known; it is read as version 3", true);
    }
    sheet.shape(&value, &["packages", "dependencies"], &[]);
    if value.get("packages").is_some_and(|packages| packages.as_map().is_some_and(|map| !map.is_empty())) {
        lock_by_path(sheet, &value);
    } else if value.get("dependencies").is_some() {
        lock_nested(sheet, &value, tree);
    } else if version.is_none() {
        sheet.problem(0, "the file has no `packages` and no `dependencies`", true);
    }
}

/// Versions 2 and 3: a flat map by the path of the installed folder.
fn lock_by_path(sheet: &mut Sheet, value: &Value) {
    let all = entries(value, "packages");
    let mut by_path: HashMap<&str, usize> = HashMap::new();
    let mut linked: HashMap<&str, &str> = HashMap::new();
    for (path, entry) in &all {
        let one = &entry.value;
        let line = sheet.at(entry.key);
        if one.as_map().is_none() {
            sheet.problem(line, format!("`{path}` is no map"), true);
            continue;
        }
        if one.get("link").and_then(Value::as_bool) == Some(true) {
            if let Some(target) = text(one, "resolved") {
                linked.insert(path, target);
            }
            continue;
        }
        let Some((_, installed)) = path.rsplit_once("node_modules/") else { continue };
        let name = text(one, "name").unwrap_or(installed);
        let version = text(one, "version");
        if version.is_none() && text(one, "resolved").is_none() {
            // An optional package for another system may be there without anything.
            let optional = one.get("optional").and_then(Value::as_bool) == Some(true);
            sheet.problem(line, format!("`{name}` has no version"), !optional);
        }
        let Some(purl) = npm(sheet, name, version, line) else { continue };
        let mut package = sheet.package(purl, line);
        facts(one, &mut package);
        package.direct = Some(false);
        if let Some(index) = sheet.add(package) {
            by_path.insert(path, index);
        }
    }
    let resolve = |from: &str, name: &str| -> Option<usize> {
        let mut from = from;
        loop {
            let key = if from.is_empty() { format!("node_modules/{name}") } else { format!("{from}/node_modules/{name}") };
            if let Some(index) = by_path.get(&*key) {
                return Some(*index);
            }
            if linked.contains_key(&*key) || from.is_empty() {
                return None;
            }
            // Above `a/node_modules/b` is `a`; above a folder of the project its parent.
            from = from
                .rsplit_once("/node_modules/")
                .map_or_else(|| if from.starts_with("node_modules/") { "" } else { folder(from) }, |(up, _)| up);
        }
    };
    for (path, entry) in &all {
        let from = by_path.get(path).copied();
        let ours = !path.contains("node_modules/");
        for (list, usage) in WISHES {
            if from.is_some() && usage == Usage::Development {
                continue;
            }
            for (name, wish) in entries(&entry.value, list) {
                let Some(to) = resolve(path, name) else { continue };
                if let Some(from) = from {
                    sheet.link(from, to);
                } else if ours && let Some(package) = sheet.package_mut(to) {
                    package.direct = Some(true);
                    if package.requested.is_none() {
                        package.requested = wish.value.as_str().map(Arc::from);
                    }
                }
            }
        }
    }
}

/// Address, digests, licence and use, as all versions of npm's lock file write them.
fn facts(one: &Value, package: &mut crate::Package) {
    let is = |key: &str| one.get(key).and_then(Value::as_bool) == Some(true);
    package.usage = match () {
        () if is("dev") => Usage::Development,
        () if is("optional") || is("devOptional") => Usage::Optional,
        () => Usage::Runtime,
    };
    package.resolved = text(one, "resolved").map(Arc::from);
    package.hashes = text(one, "integrity").into_iter().flat_map(str::split_whitespace).map(Arc::from).collect();
    package.licences = licences(one);
}

fn licences(one: &Value) -> Vec<Arc<str>> {
    let licence = one.get("license").or_else(|| one.get("licenses"));
    let of = |value: &Value| value.as_str().or_else(|| text(value, "type")).map(Arc::from);
    match licence {
        Some(value) if value.as_list().is_some() => value.as_list().unwrap_or_default().iter().filter_map(of).collect(),
        Some(value) => of(value).into_iter().collect(),
        None => Vec::new(),
    }
}

/// Version 1: packages within those that hold them.
fn lock_nested(sheet: &mut Sheet, value: &Value, tree: &dyn Tree) {
    let mut scopes = Vec::new();
    let top = nested(sheet, value, &mut scopes, None);
    let manifest = neighbour(sheet, tree, &within(folder(&sheet.path), "package.json"));
    let Some((_, manifest)) = manifest else { return };
    for package in &mut sheet.out.packages {
        package.direct = Some(false);
    }
    for (list, _) in WISHES {
        for (name, wish) in entries(&manifest, list) {
            let Some(index) = top.get(name).copied() else { continue };
            if let Some(package) = sheet.package_mut(index) {
                package.direct = Some(true);
                package.requested = wish.value.as_str().map(Arc::from);
            }
        }
    }
}

/// Reads the packages a value holds; those directly in it by name.
fn nested<'a>(
    sheet: &mut Sheet,
    value: &'a Value,
    scopes: &mut Vec<HashMap<&'a str, usize>>,
    holder: Option<(usize, &'a Value)>,
) -> HashMap<&'a str, usize> {
    if scopes.len() > DEEPEST {
        let line = sheet.at(value.span);
        sheet.problem(line, "packages are nested too deep", true);
        return HashMap::new();
    }
    let mut here: HashMap<&str, usize> = HashMap::new();
    let list = entries(value, "dependencies");
    for (key, entry) in &list {
        let line = sheet.at(entry.key);
        let one = &entry.value;
        let Some(version) = text(one, "version") else {
            sheet.problem(line, format!("`{key}` has no version"), true);
            continue;
        };
        if is_local(version) {
            continue;
        }
        let (name, version) = wished(key, version);
        // Packages from git or an address have that in place of a version.
        let address = version.contains("://") || version.contains(':');
        let Some(purl) = npm(sheet, name, (!address).then_some(version), line) else { continue };
        let mut package = sheet.package(purl, line);
        facts(one, &mut package);
        if address {
            package.resolved = Some(version.into());
        }
        if let Some(index) = sheet.add(package) {
            here.insert(key, index);
        }
    }
    scopes.push(here);
    if let Some((from, holder)) = holder {
        links_of(sheet, holder, from, scopes);
    }
    for (key, entry) in &list {
        let from = scopes.last().and_then(|here| here.get(key)).copied();
        let one = &entry.value;
        if one.get("dependencies").is_some() {
            nested(sheet, one, scopes, from.map(|from| (from, one)));
        } else if let Some(from) = from {
            links_of(sheet, one, from, scopes);
        }
    }
    scopes.pop().unwrap_or_default()
}

fn links_of(sheet: &mut Sheet, one: &Value, from: usize, scopes: &[HashMap<&str, usize>]) {
    for (name, _) in entries(one, "requires") {
        if let Some(to) = scopes.iter().rev().find_map(|scope| scope.get(name)) {
            sheet.link(from, *to);
        }
    }
}

/// Bun's lock file in text.
pub(crate) fn bun_lock(sheet: &mut Sheet, _tree: &dyn Tree) {
    let value = sheet.json_commented();
    if value.is_null() {
        return;
    }
    if let Some(version) = value.get("lockfileVersion").filter(|version| !matches!(version.as_int(), Some(0..=2))) {
        let line = sheet.at(version.span);
        sheet.problem(line, "the version of the lock file is not known; it is read as version 2", true);
    }
    sheet.shape(&value, &["packages", "workspaces"], &[]);
    let mut by_key: HashMap<&str, usize> = HashMap::new();
    let all = entries(&value, "packages");
    for (key, entry) in &all {
        let line = sheet.at(entry.key);
        let parts = entry.value.as_list().unwrap_or_default();
        let Some((name, version)) = parts.first().and_then(Value::as_str).and_then(at_name) else {
            sheet.problem(line, format!("`{key}` names no package"), true);
            continue;
        };
        if is_local(version) {
            continue;
        }
        let address = version.contains(':');
        let Some(purl) = npm(sheet, name, (!address).then_some(version), line) else { continue };
        let mut package = sheet.package(purl, line);
        package.direct = Some(false);
        let registry = parts.get(1).and_then(Value::as_str).filter(|registry| !registry.is_empty());
        package.resolved = if address { Some(version.into()) } else { registry.map(Arc::from) };
        package.hashes = parts.get(3).and_then(Value::as_str).filter(|hash| !hash.is_empty()).map(Arc::from).into_iter().collect();
        if let Some(index) = sheet.add(package) {
            by_key.insert(key, index);
        }
    }
    let resolve = |from: &str, name: &str| -> Option<usize> {
        let mut from = from;
        loop {
            let key = if from.is_empty() { name.to_owned() } else { format!("{from}/{name}") };
            if let Some(index) = by_key.get(&*key) {
                return Some(*index);
            }
            if from.is_empty() {
                return None;
            }
            let up = folder(from);
            // A scope is no package.
            from = if super::sheet::name(up).starts_with('@') { folder(up) } else { up };
        }
    };
    for (key, entry) in &all {
        let Some(from) = by_key.get(key).copied() else { continue };
        let Some(info) = entry.value.as_list().into_iter().flatten().find(|part| part.as_map().is_some()) else { continue };
        for (list, _) in WISHES.iter().take(3) {
            for (name, _) in entries(info, list) {
                if let Some(to) = resolve(key, name) {
                    sheet.link(from, to);
                }
            }
        }
    }
    let mut asked = Vec::new();
    for (_, workspace) in entries(&value, "workspaces") {
        let own = text(&workspace.value, "name").unwrap_or_default();
        for (list, usage) in WISHES {
            for (name, wish) in entries(&workspace.value, list) {
                let Some(to) = resolve(own, name) else { continue };
                asked.push((to, usage));
                if let Some(package) = sheet.package_mut(to) {
                    package.requested = wish.value.as_str().map(Arc::from);
                }
            }
        }
    }
    sheet.spread(&asked, true);
}

/// Whether `path` matches a pattern of workspaces: `packages/*`, `apps/**`, `tools`.
fn in_workspace(pattern: &str, path: &str) -> bool {
    fn go(pattern: &[&str], path: &[&str], steps: &mut usize) -> bool {
        *steps += 1;
        if *steps > 10_000 {
            return false;
        }
        match (pattern.split_first(), path.split_first()) {
            (None, None) => true,
            (Some((&"**", rest)), _) => go(rest, path, steps) || path.split_first().is_some_and(|(_, path)| go(pattern, path, steps)),
            (Some((part, rest)), Some((name, path))) => {
                let good = match part.split_once('*') {
                    Some((before, after)) => name.len() >= before.len() + after.len() && name.starts_with(before) && name.ends_with(after),
                    None => part == name,
                };
                good && go(rest, path, steps)
            }
            _ => false,
        }
    }
    let pattern: Vec<&str> = pattern.trim_start_matches("./").split('/').filter(|part| !part.is_empty()).collect();
    let path: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    go(&pattern, &path, &mut 0)
}

/// The patterns of workspaces a folder's manifest names.
fn workspaces(sheet: &mut Sheet, tree: &dyn Tree, above: &str) -> Vec<String> {
    let mut patterns = Vec::new();
    if let Some((_, value)) = neighbour(sheet, tree, &within(above, "package.json")) {
        let list = value.get("workspaces");
        let list = list.and_then(Value::as_list).or_else(|| list.and_then(|map| map.get("packages")).and_then(Value::as_list));
        patterns.extend(list.unwrap_or_default().iter().filter_map(Value::as_str).map(str::to_owned));
    }
    if let Some((_, value)) = neighbour(sheet, tree, &within(above, "pnpm-workspace.yaml")) {
        patterns.extend(items(&value, "packages").iter().filter_map(Value::as_str).map(str::to_owned));
    }
    patterns
}

/// The manifests a lock file speaks for: that beside it, and those of its workspaces.
pub(crate) fn manifests(sheet: &mut Sheet, tree: &dyn Tree) -> Vec<String> {
    let top = folder(&sheet.path).to_owned();
    let mut all = vec![within(&top, "package.json")];
    let patterns = workspaces(sheet, tree, &top);
    if !patterns.is_empty() {
        let below = tree.below(&top).iter().filter(|file| super::sheet::name(&file.path) == "package.json");
        for file in below.filter(|file| !super::installed(folder(&file.path))).take(10_000) {
            let relative = folder(&file.path).get(top.len()..).unwrap_or_default();
            if patterns.iter().any(|pattern| in_workspace(pattern, relative)) {
                all.push(file.path.to_string());
            }
        }
    }
    all
}

/// Whether a lock file speaks for this manifest.
fn is_locked(sheet: &mut Sheet, tree: &dyn Tree) -> bool {
    let path = Arc::clone(&sheet.path);
    for (steps, above) in folders_above(&path).enumerate() {
        if !LOCKS.iter().any(|lock| tree.contains(&within(above, lock))) {
            continue;
        }
        if steps == 0 {
            return true;
        }
        let relative = folder(&path).get(above.len()..).unwrap_or_default();
        if workspaces(sheet, tree, above).iter().any(|pattern| in_workspace(pattern, relative)) {
            return true;
        }
    }
    false
}

pub(crate) fn package_json(sheet: &mut Sheet, tree: &dyn Tree) {
    let value = sheet.json();
    let beside_it = |name: &str| tree.contains(&within(folder(&sheet.path), name));
    if beside_it("bun.lockb") && !LOCKS.iter().take(5).any(|lock| beside_it(lock)) {
        sheet.problem(0, "`bun.lockb` beside it is not read: write `bun.lock` with `bun install --save-text-lockfile`", true);
    } else if is_locked(sheet, tree) {
        return;
    }
    sheet.shape(&value, &WISHES.map(|(list, _)| list), &[]);
    for (list, usage) in WISHES {
        for (key, entry) in entries(&value, list) {
            let line = sheet.at(entry.key);
            let Some(wish) = entry.value.as_str() else {
                sheet.problem(line, format!("`{key}` has no version"), true);
                continue;
            };
            if is_local(wish) {
                continue;
            }
            let (name, range) = wished(key, wish);
            let version = range.strip_prefix('=').unwrap_or(range).trim();
            let Some(purl) = npm(sheet, name, (is_exact(version) && version.matches('.').count() >= 2).then_some(version), line) else {
                continue;
            };
            let mut package = sheet.package(purl, line);
            package.usage = usage;
            package.direct = Some(true);
            package.requested = Some(wish.into());
            // `catalog:` names a list of the workspace.
            if range.contains(':') && !range.starts_with("catalog:") {
                package.resolved = Some(range.into());
            }
            sheet.add(package);
        }
    }
}
