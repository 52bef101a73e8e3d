//! Composer's lock file, and `composer.json` where there is none.

use std::collections::HashMap;
use std::sync::Arc;

use probity_core::Tree;
use probity_value::Value;

use super::sheet::{Sheet, entries, folder, is_exact, items, neighbour, text, within};
use crate::{Purl, Usage};

const WISHES: [(&str, Usage); 2] = [("require", Usage::Runtime), ("require-dev", Usage::Development)];

/// `php`, `ext-json` and the like are parts of the platform and no packages.
fn composer(sheet: &mut Sheet, name: &str, version: Option<&str>, line: u32) -> Option<Purl> {
    let (vendor, name) = name.split_once('/')?;
    sheet.purl("composer", Some(vendor), name, version, line)
}

pub(crate) fn composer_lock(sheet: &mut Sheet, tree: &dyn Tree) {
    let value = sheet.json();
    if value.is_null() {
        return;
    }
    if value.get("packages").is_none() {
        sheet.problem(0, "the file has no `packages`", true);
    }
    sheet.shape(&value, &[], &["packages", "packages-dev"]);
    let mut by_name: HashMap<String, usize> = HashMap::new();
    let mut found = Vec::new();
    for (list, usage) in [("packages", Usage::Runtime), ("packages-dev", Usage::Development)] {
        for one in items(&value, list) {
            let key = one.as_map().and_then(|map| map.entry("name")).map_or(one.span, |entry| entry.key);
            let line = sheet.at(key);
            let (Some(name), Some(version)) = (text(one, "name"), text(one, "version")) else {
                sheet.problem(line, "a package has no name or no version", true);
                continue;
            };
            let (dist, source) = (one.get("dist"), one.get("source"));
            if dist.and_then(|dist| text(dist, "type")) == Some("path") {
                continue;
            }
            let Some(purl) = composer(sheet, name, Some(version), line) else {
                if !name.contains('/') {
                    sheet.problem(line, format!("`{name}` names no package"), true);
                }
                continue;
            };
            let mut package = sheet.package(purl, line);
            package.usage = usage;
            let url = dist.and_then(|dist| text(dist, "url")).or_else(|| source.and_then(|source| text(source, "url")));
            package.resolved = url.map(Arc::from);
            let digest = dist.and_then(|dist| text(dist, "shasum")).filter(|digest| !digest.is_empty());
            package.hashes = digest.map(|digest| Arc::from(format!("sha1:{digest}"))).into_iter().collect();
            package.licences = items(one, "license").iter().filter_map(Value::as_str).map(Arc::from).collect();
            if let Some(index) = sheet.add(package) {
                by_name.insert(name.to_lowercase(), index);
                let also = entries(one, "replace").into_iter().chain(entries(one, "provide"));
                for (other, _) in also {
                    by_name.entry(other.to_lowercase()).or_insert(index);
                }
                found.push((index, one));
            }
        }
    }
    for (from, one) in found {
        for (name, _) in entries(one, "require") {
            if let Some(to) = by_name.get(&name.to_lowercase()) {
                sheet.link(from, *to);
            }
        }
    }
    let Some((_, manifest)) = neighbour(sheet, tree, &within(folder(&sheet.path), "composer.json")) else { return };
    for package in &mut sheet.out.packages {
        package.direct = Some(false);
    }
    for (list, _) in WISHES {
        for (name, entry) in entries(&manifest, list) {
            if let Some(package) = by_name.get(&name.to_lowercase()).copied().and_then(|index| sheet.package_mut(index)) {
                package.direct = Some(true);
                package.requested = entry.value.as_str().map(Arc::from);
            }
        }
    }
}

pub(crate) fn composer_json(sheet: &mut Sheet, tree: &dyn Tree) {
    if tree.contains(&within(folder(&sheet.path), "composer.lock")) {
        return;
    }
    let value = sheet.json();
    // Composer's own serialiser writes an empty map as an empty list.
    for (list, usage) in WISHES {
        if value.get(list).is_some_and(|found| found.as_list().is_none_or(|found| !found.is_empty())) {
            sheet.shape(&value, &[list], &[]);
        }
        for (name, entry) in entries(&value, list) {
            let line = sheet.at(entry.key);
            let wish = entry.value.as_str().unwrap_or_default();
            let Some(purl) = composer(sheet, name, is_exact(wish).then_some(wish), line) else { continue };
            let mut package = sheet.package(purl, line);
            package.usage = usage;
            package.direct = Some(true);
            package.requested = (!wish.is_empty()).then(|| wish.into());
            sheet.add(package);
        }
    }
}
