//! Apple's: `Package.resolved` of Swift and `Podfile.lock` of CocoaPods.

use std::collections::HashMap;
use std::sync::Arc;

use probity_core::Tree;
use probity_value::Value;

use super::places::repository;
use super::sheet::{Sheet, entries, items, pairs, text};
use crate::{Purl, Usage};

pub(crate) fn package_resolved(sheet: &mut Sheet, _tree: &dyn Tree) {
    let value = sheet.json();
    if value.is_null() {
        return;
    }
    let version = value.get("version");
    if let Some(version) = version.filter(|version| !matches!(version.as_int(), Some(1..=3))) {
        let line = sheet.at(version.span);
        sheet.problem(line, "the version of the lock file is not known", true);
    }
    let holder = value.get("object").unwrap_or(&value);
    if holder.get("pins").is_none() {
        sheet.problem(0, "the file has no `pins`", true);
    }
    sheet.shape(holder, &[], &["pins"]);
    for pin in items(holder, "pins") {
        let name = pin.as_map().and_then(|map| map.entry("identity").or_else(|| map.entry("package")));
        let line = sheet.at(name.map_or(pin.span, |entry| entry.key));
        let identity = text(pin, "identity").or_else(|| text(pin, "package")).unwrap_or_default();
        let location = text(pin, "location").or_else(|| text(pin, "repositoryURL")).unwrap_or_default();
        let kind = text(pin, "kind").unwrap_or("remoteSourceControl");
        if kind == "localSourceControl" || kind == "fileSystem" {
            continue;
        }
        let state = pin.get("state");
        let of = |key: &str| state.and_then(|state| text(state, key)).filter(|text| !text.is_empty());
        let version = of("version").or_else(|| of("revision"));
        let purl = match (repository(location), identity.split_once('.')) {
            (Some(place), _) => sheet.purl("swift", Some(&place.owner_path()), &place.name, version, line),
            // In a registry a package has a scope and a name.
            (None, Some((scope, name))) => sheet.purl("swift", Some(scope), name, version, line),
            (None, None) => {
                sheet.problem(line, format!("`{identity}` has no place it comes from"), true);
                None
            }
        };
        let Some(purl) = purl else { continue };
        let mut package = sheet.package(purl, line);
        package.resolved = (!location.is_empty()).then(|| location.into());
        package.hashes = of("revision").map(|commit| Arc::from(format!("git:{commit}"))).into_iter().collect();
        package.requested = of("branch").map(Arc::from);
        if version.is_none() {
            sheet.problem(line, format!("`{identity}` has no version"), true);
        }
        sheet.add(package);
    }
}

/// Name and what stands in brackets of `Name/Part (1.0)`.
fn pod(text: &str) -> (&str, Option<&str>) {
    match text.split_once(" (") {
        Some((name, rest)) => (name.trim(), Some(rest.trim_end_matches(')'))),
        None => (text.trim(), None),
    }
}

fn cocoapods(sheet: &mut Sheet, name: &str, version: Option<&str>, line: u32) -> Option<Purl> {
    let (main, part) = name.split_once('/').unwrap_or((name, ""));
    let mut purl = sheet.purl("cocoapods", None, main, version, line)?;
    purl.subpath = (!part.is_empty()).then(|| part.into());
    purl.normalised().ok()
}

pub(crate) fn podfile_lock(sheet: &mut Sheet, _tree: &dyn Tree) {
    let Some(value) = sheet.yaml().into_iter().next() else { return };
    if value.get("PODS").is_none() && value.get("COCOAPODS").is_none() {
        sheet.problem(0, "the file has no `PODS`", true);
    }
    sheet.shape(&value, &["SPEC CHECKSUMS", "EXTERNAL SOURCES", "SPEC REPOS"], &["PODS", "DEPENDENCIES"]);
    let mut by_name: HashMap<&str, usize> = HashMap::new();
    let mut needs: Vec<(usize, &[Value])> = Vec::new();
    for one in items(&value, "PODS") {
        let (written, list, span) = match (one.as_str(), pairs(one).first()) {
            (Some(written), _) => (written, None, one.span),
            (None, Some((written, entry))) => (*written, entry.value.as_list(), entry.key),
            _ => {
                let line = sheet.at(one.span);
                sheet.problem(line, "the entry names no pod", true);
                continue;
            }
        };
        let line = sheet.at(span);
        let (name, version) = pod(written);
        if version.is_none() {
            sheet.problem(line, format!("`{name}` has no version"), true);
        }
        let Some(purl) = cocoapods(sheet, name, version, line) else { continue };
        let mut package = sheet.package(purl, line);
        let main = name.split('/').next().unwrap_or(name);
        let digest = value.get("SPEC CHECKSUMS").and_then(|all| text(all, main));
        package.hashes = digest.map(|digest| Arc::from(format!("sha1:{digest}"))).into_iter().collect();
        let source = value.get("EXTERNAL SOURCES").and_then(|all| all.get(main));
        package.resolved = source.and_then(|source| text(source, ":git").or_else(|| text(source, ":podspec"))).map(Arc::from);
        if let Some(index) = sheet.add(package) {
            by_name.insert(name, index);
            needs.extend(list.map(|list| (index, list)));
        }
    }
    for (from, list) in needs {
        for name in list.iter().filter_map(Value::as_str).map(|text| pod(text).0) {
            if let Some(to) = by_name.get(name) {
                sheet.link(from, *to);
            }
        }
    }
    for (repository, entry) in entries(&value, "SPEC REPOS") {
        for name in entry.value.as_list().into_iter().flatten().filter_map(Value::as_str) {
            for (known, index) in &by_name {
                if (*known == name || known.strip_prefix(name).is_some_and(|rest| rest.starts_with('/')))
                    && let Some(package) = sheet.package_mut(*index)
                {
                    package.resolved = package.resolved.take().or_else(|| Some(repository.into()));
                }
            }
        }
    }
    let mut asked = Vec::new();
    for (name, range) in items(&value, "DEPENDENCIES").iter().filter_map(Value::as_str).map(pod) {
        let Some(index) = by_name.get(name).copied() else { continue };
        asked.push((index, Usage::Runtime));
        if let Some(package) = sheet.package_mut(index) {
            package.requested = range.map(Arc::from);
        }
    }
    sheet.spread(&asked, true);
}
