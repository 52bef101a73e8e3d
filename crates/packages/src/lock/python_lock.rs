//! Lock files of Python in TOML: Poetry, uv, PDM, and the common `pylock.toml` (PEP 751).

use std::collections::HashMap;
use std::sync::Arc;

use probity_core::Tree;
use probity_value::Value;

use super::python::{ask, wishes_beside};
use super::requirements::{normal, pypi, requirement};
use super::sheet::{Sheet, entries, items, pairs, text};
use crate::Usage;

/// Names to the versions locked, and their packages.
type Index = HashMap<String, Vec<(String, usize)>>;

fn keep(index: &mut Index, name: &str, version: &str, package: usize) {
    index.entry(normal(name)).or_default().push((version.to_owned(), package));
}

/// Every package of that name, or that of one version.
fn resolve(index: &Index, name: &str, version: Option<&str>) -> Vec<usize> {
    let all = index.get(&normal(name)).map(Vec::as_slice).unwrap_or_default();
    all.iter().filter(|(known, _)| version.is_none_or(|version| version == known)).map(|(_, package)| *package).collect()
}

/// The one version of the lock file that is understood, as the first number of a text or a number.
fn check_version(sheet: &mut Sheet, value: Option<&Value>, known: std::ops::RangeInclusive<i64>) {
    let Some(value) = value else {
        sheet.problem(0, "the lock file does not say its version", false);
        return;
    };
    let major = value.as_int().or_else(|| value.as_str()?.split('.').next()?.parse().ok());
    if major.is_none_or(|major| !known.contains(&major)) {
        let line = sheet.at(value.span);
        sheet.problem(line, "the version of the lock file is not known", true);
    }
}

fn files(value: &[Value]) -> Vec<Arc<str>> {
    value.iter().filter_map(|file| text(file, "hash")).map(Arc::from).collect()
}

/// Name and version of an entry; a problem where they are not there.
fn named<'a>(sheet: &mut Sheet, one: &'a Value, version_needed: bool) -> Option<(&'a str, Option<&'a str>, u32)> {
    let key = one.as_map().and_then(|map| map.entry("name")).map(|entry| entry.key);
    let line = sheet.at(key.unwrap_or(one.span));
    let Some(name) = text(one, "name") else {
        sheet.problem(line, "a package has no name", true);
        return None;
    };
    let version = text(one, "version");
    if version.is_none() && version_needed {
        sheet.problem(line, format!("`{name}` has no version"), true);
    }
    Some((name, version, line))
}

pub(crate) fn poetry_lock(sheet: &mut Sheet, tree: &dyn Tree) {
    let value = sheet.toml();
    if value.is_null() {
        return;
    }
    let metadata = value.get("metadata");
    check_version(sheet, metadata.and_then(|metadata| metadata.get("lock-version")), 1..=2);
    let mut index = Index::new();
    let mut found = Vec::new();
    sheet.shape(&value, &[], &["package"]);
    for one in items(&value, "package") {
        let Some((name, version, line)) = named(sheet, one, true) else { continue };
        let source = one.get("source");
        let kind = source.and_then(|source| text(source, "type"));
        if matches!(kind, Some("directory" | "file")) {
            continue;
        }
        let Some(purl) = pypi(sheet, name, version, line) else { continue };
        let mut package = sheet.package(purl, line);
        let groups = items(one, "groups");
        let dev = text(one, "category").is_some_and(|category| category != "main")
            || (!groups.is_empty() && !groups.iter().any(|group| group.as_str() == Some("main")));
        package.usage = match () {
            () if dev => Usage::Development,
            () if one.get("optional").and_then(Value::as_bool) == Some(true) => Usage::Optional,
            () => Usage::Runtime,
        };
        package.resolved = source.and_then(|source| {
            let url = text(source, "url")?;
            let commit = text(source, "resolved_reference");
            Some(commit.map_or_else(|| url.into(), |commit| format!("{url}@{commit}").into()))
        });
        package.hashes = files(items(one, "files"));
        if package.hashes.is_empty() {
            package.hashes = metadata.and_then(|metadata| metadata.get("files")).map(|all| files(items(all, name))).unwrap_or_default();
        }
        if let Some(package) = sheet.add(package) {
            keep(&mut index, name, version.unwrap_or_default(), package);
            found.push((package, one));
        }
    }
    for (from, one) in found {
        for (name, _) in entries(one, "dependencies") {
            for to in resolve(&index, name, None) {
                sheet.link(from, to);
            }
        }
    }
    if let Some(wishes) = wishes_beside(sheet, tree) {
        let told = items(&value, "package").iter().any(|one| one.get("groups").is_some() || one.get("category").is_some());
        let used: Vec<Usage> = sheet.out.packages.iter().map(|package| package.usage).collect();
        ask(sheet, &wishes, true);
        if told {
            for (package, used) in sheet.out.packages.iter_mut().zip(used) {
                package.usage = used;
            }
        }
    }
}

pub(crate) fn uv_lock(sheet: &mut Sheet, _tree: &dyn Tree) {
    let value = sheet.toml();
    if value.is_null() {
        return;
    }
    check_version(sheet, value.get("version"), 1..=1);
    let mut index = Index::new();
    let mut found: Vec<(Option<usize>, &Value)> = Vec::new();
    sheet.shape(&value, &[], &["package"]);
    for one in items(&value, "package") {
        let source = one.get("source");
        let of = |key: &str| source.and_then(|source| text(source, key));
        let local = ["editable", "virtual", "directory", "path"].iter().any(|key| of(key).is_some());
        let Some((name, version, line)) = named(sheet, one, !local) else { continue };
        if local {
            found.push((None, one));
            continue;
        }
        let Some(purl) = pypi(sheet, name, version, line) else { continue };
        let mut package = sheet.package(purl, line);
        let archives = || one.get("sdist").into_iter().chain(items(one, "wheels"));
        package.resolved = of("git").or_else(|| of("url")).or_else(|| of("registry")).map(Arc::from);
        package.hashes = archives().filter_map(|file| text(file, "hash")).map(Arc::from).collect();
        if let Some(package) = sheet.add(package) {
            keep(&mut index, name, version.unwrap_or_default(), package);
            found.push((Some(package), one));
        }
    }
    let mut asked: Vec<(usize, Usage)> = Vec::new();
    for (from, one) in found {
        let first = asked.len();
        let mut lists = vec![(items(one, "dependencies"), Usage::Runtime)];
        lists.extend(
            entries(one, "optional-dependencies").into_iter().map(|(_, list)| (list.value.as_list().unwrap_or_default(), Usage::Optional)),
        );
        lists.extend(
            entries(one, "dev-dependencies").into_iter().map(|(_, list)| (list.value.as_list().unwrap_or_default(), Usage::Development)),
        );
        for (list, usage) in lists {
            for wish in list {
                let Some(name) = text(wish, "name") else { continue };
                for to in resolve(&index, name, text(wish, "version")) {
                    match from {
                        Some(from) => sheet.link(from, to),
                        None => asked.push((to, usage)),
                    }
                }
            }
        }
        let Some(metadata) = one.get("metadata").filter(|_| from.is_none()) else { continue };
        let groups = entries(metadata, "requires-dev").into_iter().flat_map(|(_, list)| list.value.as_list().unwrap_or_default());
        for wish in items(metadata, "requires-dist").iter().chain(groups) {
            let (Some(name), Some(range)) = (text(wish, "name"), text(wish, "specifier")) else { continue };
            let own: Vec<usize> = asked.iter().skip(first).map(|(to, _)| *to).collect();
            for to in resolve(&index, name, None).into_iter().filter(|to| own.contains(to)) {
                if let Some(package) = sheet.package_mut(to) {
                    package.requested = Some(range.into());
                }
            }
        }
    }
    sheet.spread(&asked, true);
}

pub(crate) fn pdm_lock(sheet: &mut Sheet, tree: &dyn Tree) {
    let value = sheet.toml();
    if value.is_null() {
        return;
    }
    let metadata = value.get("metadata");
    check_version(sheet, metadata.and_then(|metadata| metadata.get("lock_version")), 2..=4);
    let mut index = Index::new();
    let mut found = Vec::new();
    sheet.shape(&value, &[], &["package"]);
    for one in items(&value, "package") {
        let local = text(one, "path").is_some();
        let Some((name, version, line)) = named(sheet, one, !local) else { continue };
        if local {
            continue;
        }
        let Some(purl) = pypi(sheet, name, version, line) else { continue };
        let mut package = sheet.package(purl, line);
        let groups = items(one, "groups");
        if !groups.is_empty() && !groups.iter().any(|group| group.as_str() == Some("default")) {
            package.usage = Usage::Development;
        }
        package.resolved = text(one, "git").or_else(|| text(one, "url")).map(Arc::from);
        if let (Some(git), Some(commit)) = (text(one, "git"), text(one, "revision")) {
            package.resolved = Some(format!("{git}@{commit}").into());
        }
        package.hashes = files(items(one, "files"));
        if package.hashes.is_empty() {
            let key = format!("{name} {}", version.unwrap_or_default());
            package.hashes = metadata.and_then(|metadata| metadata.get("files")).map(|all| files(items(all, &key))).unwrap_or_default();
        }
        if let Some(package) = sheet.add(package) {
            keep(&mut index, name, version.unwrap_or_default(), package);
            found.push((package, one));
        }
    }
    for (from, one) in found {
        for wish in items(one, "dependencies").iter().filter_map(Value::as_str).filter_map(requirement) {
            for to in resolve(&index, wish.name, wish.version) {
                sheet.link(from, to);
            }
        }
    }
    if let Some(wishes) = wishes_beside(sheet, tree) {
        ask(sheet, &wishes, true);
    }
}

pub(crate) fn pylock(sheet: &mut Sheet, tree: &dyn Tree) {
    let value = sheet.toml();
    if value.is_null() {
        return;
    }
    check_version(sheet, value.get("lock-version"), 1..=1);
    let mut index = Index::new();
    let mut found = Vec::new();
    sheet.shape(&value, &[], &["packages"]);
    for one in items(&value, "packages") {
        let Some((name, version, line)) = named(sheet, one, false) else { continue };
        if one.get("directory").is_some() {
            continue;
        }
        let Some(purl) = pypi(sheet, name, version, line) else { continue };
        let mut package = sheet.package(purl, line);
        let archives: Vec<&Value> = one.get("sdist").into_iter().chain(one.get("archive")).chain(items(one, "wheels")).collect();
        for archive in &archives {
            let hashes = archive.get("hashes").map(pairs).unwrap_or_default();
            package
                .hashes
                .extend(hashes.into_iter().filter_map(|(kind, entry)| Some(Arc::from(format!("{kind}:{}", entry.value.as_str()?)))));
        }
        let vcs = one.get("vcs").and_then(|vcs| Some(format!("{}@{}", text(vcs, "url")?, text(vcs, "commit-id")?)));
        let first = archives.first().and_then(|archive| text(archive, "url"));
        package.resolved = vcs.map(Arc::from).or_else(|| text(one, "index").or(first).map(Arc::from));
        if let Some(package) = sheet.add(package) {
            keep(&mut index, name, version.unwrap_or_default(), package);
            found.push((package, one));
        }
    }
    for (from, one) in found {
        for wish in items(one, "dependencies") {
            let Some(name) = text(wish, "name") else { continue };
            for to in resolve(&index, name, text(wish, "version")) {
                sheet.link(from, to);
            }
        }
    }
    if let Some(wishes) = wishes_beside(sheet, tree) {
        ask(sheet, &wishes, true);
    }
}
