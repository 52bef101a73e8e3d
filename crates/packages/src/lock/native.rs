//! C and C++ (Conan, vcpkg), and three that are short: Bazel's modules, Nix flakes, R's `renv`.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use probity_core::Tree;
use probity_value::Value;

use super::places::revision;
use super::sheet::{Sheet, entries, items, scalar, text};
use crate::{Package, Purl, Usage};

/// `name/version@user/channel#revision%time`; a range in place of the version is what is asked for.
fn conan(sheet: &mut Sheet, reference: &str, line: u32) -> Option<(Purl, Option<String>)> {
    let plain = reference.split('%').next().unwrap_or(reference);
    let (plain, recipe) = plain.split_once('#').map_or((plain, ""), |(plain, recipe)| (plain, recipe));
    let recipe = recipe.split(':').next().unwrap_or_default();
    let (coordinate, place) = plain.split_once('@').map_or((plain, ""), |(coordinate, place)| (coordinate, place));
    let Some((name, version)) = coordinate.split_once('/') else {
        let shown: String = reference.chars().take(80).collect();
        sheet.problem(line, format!("`{shown}` names no package and version"), true);
        return None;
    };
    let version = version.trim();
    let range = version.starts_with('[').then(|| version.trim_matches(['[', ']']).to_owned());
    let (user, channel) = place.split_once('/').unwrap_or((place, ""));
    let purl = sheet.purl("conan", None, name.trim(), range.is_none().then_some(version), line)?;
    let known = |text: &'_ str| if text == "_" { String::new() } else { text.to_owned() };
    Some((purl.with("user", &known(user)).with("channel", &known(channel)).with("rrev", recipe), range))
}

const CONAN_LISTS: [(&str, Usage); 6] = [
    ("requires", Usage::Runtime),
    ("build_requires", Usage::Build),
    ("tool_requires", Usage::Build),
    ("test_requires", Usage::Development),
    ("python_requires", Usage::Build),
    ("config_requires", Usage::Build),
];

pub(crate) fn conan_lock(sheet: &mut Sheet, _tree: &dyn Tree) {
    let value = sheet.json();
    if value.is_null() {
        return;
    }
    let version = text(&value, "version").unwrap_or_default();
    if !matches!(version, "0.4" | "0.5") {
        sheet.problem(1, format!("`{version}` is no known version of the lock file"), true);
    }
    sheet.shape(&value, &["graph_lock"], &CONAN_LISTS.map(|(list, _)| list));
    for (list, usage) in CONAN_LISTS {
        for one in items(&value, list) {
            let line = sheet.at(one.span);
            let written = one.as_str().or_else(|| one.as_list()?.first()?.as_str()).unwrap_or_default();
            let Some((purl, _)) = conan(sheet, written, line) else { continue };
            let package = Package { usage, ..sheet.package(purl, line) };
            sheet.add(package);
        }
    }
    let nodes = value.get("graph_lock").map(|graph| entries(graph, "nodes")).unwrap_or_default();
    let mut by_key: HashMap<&str, usize> = HashMap::new();
    for (key, entry) in &nodes {
        let Some(written) = text(&entry.value, "ref").filter(|written| !written.is_empty()) else { continue };
        // The project itself is there by the path of its file.
        if entry.value.get("path").is_some() && *key == "0" {
            continue;
        }
        let line = sheet.at(entry.key);
        let Some((purl, _)) = conan(sheet, written, line) else { continue };
        let package = sheet.package(purl, line);
        if let Some(index) = sheet.add(package) {
            by_key.insert(key, index);
        }
    }
    let mut asked = Vec::new();
    for (key, entry) in &nodes {
        for (list, usage) in [("requires", Usage::Runtime), ("build_requires", Usage::Build)] {
            for to in items(&entry.value, list).iter().filter_map(Value::as_str).filter_map(|key| by_key.get(key)) {
                match by_key.get(key) {
                    Some(from) => sheet.link(*from, *to),
                    None => asked.push((*to, usage)),
                }
            }
        }
    }
    if !nodes.is_empty() {
        sheet.spread(&asked, true);
    }
}

pub(crate) fn conan_manifest(sheet: &mut Sheet, tree: &dyn Tree) {
    if tree.contains(&super::sheet::within(super::sheet::folder(&sheet.path), "conan.lock")) {
        return;
    }
    let mut usage = None;
    for (line, text) in sheet.lines() {
        let text = text.split(" #").next().unwrap_or_default().trim().to_owned();
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        if let Some(section) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            usage = CONAN_LISTS.iter().find(|(name, _)| *name == section).map(|(_, usage)| *usage);
            continue;
        }
        let Some(usage) = usage else { continue };
        let Some((purl, range)) = conan(sheet, &text, line) else { continue };
        let package = Package { usage, direct: Some(true), requested: range.map(Arc::from), ..sheet.package(purl, line) };
        sheet.add(package);
    }
}

pub(crate) fn vcpkg_json(sheet: &mut Sheet, _tree: &dyn Tree) {
    let value = sheet.json();
    let mut pinned: BTreeMap<&str, String> = BTreeMap::new();
    for one in items(&value, "overrides") {
        let version = ["version", "version-semver", "version-string", "version-date"].iter().find_map(|key| one.get(key).and_then(scalar));
        if let (Some(name), Some(version)) = (text(one, "name"), version) {
            pinned.insert(name, version);
        }
    }
    sheet.shape(&value, &["features"], &["dependencies", "overrides"]);
    let features = entries(&value, "features");
    let lists = std::iter::once((&value, Usage::Runtime)).chain(features.iter().map(|(_, entry)| (&entry.value, Usage::Optional)));
    for (holder, usage) in lists {
        for one in items(holder, "dependencies") {
            let line = sheet.at(one.span);
            let Some(name) = one.as_str().or_else(|| text(one, "name")) else {
                sheet.problem(line, "a dependency has no name", true);
                continue;
            };
            let Some(purl) = sheet.purl("vcpkg", None, name, pinned.get(name).map(String::as_str), line) else { continue };
            let host = one.get("host").and_then(Value::as_bool) == Some(true);
            let package = Package {
                usage: if host { Usage::Build } else { usage },
                direct: Some(true),
                requested: text(one, "version>=").map(|version| Arc::from(format!(">={version}"))),
                ..sheet.package(purl, line)
            };
            sheet.add(package);
        }
    }
}

/// Modules of Bazel: the files of the registry that were looked at; those whose source was taken are in use.
pub(crate) fn bazel_lock(sheet: &mut Sheet, _tree: &dyn Tree) {
    let value = sheet.json();
    if value.is_null() {
        return;
    }
    sheet.shape(&value, &["moduleDepGraph", "registryFileHashes"], &[]);
    let graph = entries(&value, "moduleDepGraph");
    let mut by_key: HashMap<&str, usize> = HashMap::new();
    for (key, entry) in &graph {
        let line = sheet.at(entry.key);
        let (name, version) = key.split_once('@').unwrap_or((key, ""));
        // `<root>` is the project, `_` a module that is overridden.
        if name.starts_with('<') {
            continue;
        }
        let Some(purl) = sheet.purl("bazel", None, name, (version != "_").then_some(version), line) else { continue };
        let package = sheet.package(purl, line);
        if let Some(index) = sheet.add(package) {
            by_key.insert(key, index);
        }
    }
    let mut asked = Vec::new();
    for (key, entry) in &graph {
        for (_, to) in entries(&entry.value, "deps") {
            let Some(to) = to.value.as_str().and_then(|to| by_key.get(to)) else { continue };
            match by_key.get(key) {
                Some(from) => sheet.link(*from, *to),
                None => asked.push((*to, Usage::Build)),
            }
        }
    }
    if !graph.is_empty() {
        sheet.spread(&asked, true);
    }
    for (url, entry) in entries(&value, "registryFileHashes") {
        // Null is a file the registry does not have.
        let Some(path) = url.strip_suffix("/source.json").filter(|_| !entry.value.is_null()) else { continue };
        let mut parts = path.rsplit('/');
        let (Some(version), Some(name), Some("modules")) = (parts.next(), parts.next(), parts.next()) else { continue };
        let line = sheet.at(entry.key);
        let Some(purl) = sheet.purl("bazel", None, name, Some(version), line) else { continue };
        let package = Package {
            usage: Usage::Build,
            resolved: Some(url.into()),
            hashes: entry.value.as_str().map(|digest| Arc::from(format!("sha256:{digest}"))).into_iter().collect(),
            ..sheet.package(purl, line)
        };
        sheet.add(package);
    }
    if graph.is_empty() && value.get("registryFileHashes").is_none() {
        sheet.problem(0, "the version of the lock file is not known", true);
    }
}

pub(crate) fn flake_lock(sheet: &mut Sheet, _tree: &dyn Tree) {
    let value = sheet.json();
    if value.is_null() {
        return;
    }
    if let Some(version) = value.get("version").filter(|version| !matches!(version.as_int(), Some(5..=7))) {
        let line = sheet.at(version.span);
        sheet.problem(line, "the version of the lock file is not known", true);
    }
    let root = text(&value, "root").unwrap_or("root");
    sheet.shape(&value, &["nodes"], &[]);
    if value.get("nodes").is_none() {
        sheet.problem(0, "the file has no `nodes`", true);
    }
    let nodes = entries(&value, "nodes");
    let mut by_key: HashMap<&str, usize> = HashMap::new();
    for (key, entry) in &nodes {
        let Some(locked) = entry.value.get("locked") else { continue };
        let line = sheet.at(entry.key);
        let of = |field: &str| text(locked, field);
        let rev = of("rev");
        let (purl, address) = match (of("type").unwrap_or_default(), of("owner"), of("repo")) {
            ("path", ..) => continue,
            ("github", Some(owner), Some(repository)) => {
                let host = of("host").unwrap_or("github.com");
                let address = format!("https://{host}/{owner}/{repository}");
                (revision(sheet, &address, rev, line), address)
            }
            (kind @ ("gitlab" | "sourcehut"), Some(owner), Some(repository)) => {
                // A group within a group is `group%2Fsub`.
                let owner = owner.replace("%2F", "/").replace("%2f", "/");
                let host = of("host").unwrap_or(if kind == "gitlab" { "gitlab.com" } else { "git.sr.ht" });
                let address = format!("https://{host}/{owner}/{repository}");
                (revision(sheet, &address, rev, line), address)
            }
            _ => match of("url") {
                Some(url) if rev.is_some() => (revision(sheet, url, rev, line), url.to_owned()),
                Some(url) => (sheet.purl("generic", None, key, None, line).map(|purl| purl.with("download_url", url)), url.to_owned()),
                None => {
                    sheet.problem(line, format!("`{key}` has no place it comes from"), true);
                    continue;
                }
            },
        };
        let Some(purl) = purl else { continue };
        let package = Package {
            usage: Usage::Build,
            resolved: Some(address.into()),
            hashes: of("narHash").map(Arc::from).into_iter().collect(),
            requested: entry.value.get("original").and_then(|original| text(original, "ref")).map(Arc::from),
            ..sheet.package(purl, line)
        };
        if let Some(index) = sheet.add(package) {
            by_key.insert(key, index);
        }
    }
    for (key, entry) in &nodes {
        for (_, input) in entries(&entry.value, "inputs") {
            // A list is a path that follows another input.
            let Some(to) = input.value.as_str().and_then(|name| by_key.get(name)).copied() else { continue };
            if *key == root {
                if let Some(package) = sheet.package_mut(to) {
                    package.direct = Some(true);
                }
            } else if let Some(from) = by_key.get(key) {
                sheet.link(*from, to);
            }
        }
    }
    for package in &mut sheet.out.packages {
        package.direct = package.direct.or(Some(false));
    }
}

pub(crate) fn renv_lock(sheet: &mut Sheet, _tree: &dyn Tree) {
    let value = sheet.json();
    if value.is_null() {
        return;
    }
    if value.get("Packages").is_none() {
        sheet.problem(0, "the file has no `Packages`", true);
    }
    let mut by_name: HashMap<&str, usize> = HashMap::new();
    sheet.shape(&value, &["Packages"], &[]);
    let all = entries(&value, "Packages");
    for (key, entry) in &all {
        let one = &entry.value;
        let line = sheet.at(entry.key);
        let version = one.get("Version").and_then(scalar);
        if version.is_none() {
            sheet.problem(line, format!("`{key}` has no version"), true);
        }
        let Some(purl) = sheet.purl("cran", None, text(one, "Package").unwrap_or(key), version.as_deref(), line) else { continue };
        let mut package = sheet.package(purl, line);
        package.resolved = match (text(one, "RemoteUsername"), text(one, "RemoteRepo"), text(one, "RemoteSha")) {
            (Some(owner), Some(repository), Some(commit)) => {
                let host = text(one, "RemoteHost").unwrap_or("github.com");
                Some(format!("{host}/{owner}/{repository}@{commit}").into())
            }
            _ => text(one, "RemoteUrl").or_else(|| text(one, "Repository")).map(Arc::from),
        };
        package.hashes = text(one, "Hash").map(|digest| Arc::from(format!("md5:{digest}"))).into_iter().collect();
        if let Some(index) = sheet.add(package) {
            by_name.insert(key, index);
        }
    }
    for (key, entry) in &all {
        let Some(from) = by_name.get(key) else { continue };
        for to in items(&entry.value, "Requirements").iter().filter_map(Value::as_str).filter_map(|name| by_name.get(name)) {
            sheet.link(*from, *to);
        }
    }
}
