//! `deno.lock`, versions 2 to 5.

use std::collections::HashMap;
use std::sync::Arc;

use probity_core::Tree;
use probity_value::Value;

use super::javascript::{at_name, npm};
use super::sheet::{Sheet, entries, items, scalar, text};
use crate::{Package, Usage};

pub(crate) fn deno_lock(sheet: &mut Sheet, _tree: &dyn Tree) {
    let value = sheet.json();
    if value.is_null() {
        return;
    }
    let version = value.get("version").and_then(scalar).unwrap_or_default();
    if !matches!(version.as_str(), "1" | "2" | "3" | "4" | "5") && value.get("version").is_some() {
        let line = value.get("version").map_or(0, |version| sheet.at(version.span));
        sheet.problem(line, format!("`{version}` is no known version of the lock file"), true);
    }
    let holder = value.get("packages").unwrap_or(&value);
    sheet.shape(holder, &["npm", "jsr", "specifiers"], &[]);
    sheet.shape(&value, &["packages", "remote", "workspace"], &[]);
    let npm_list = holder.get("npm").map(|npm| npm.get("packages").unwrap_or(npm));
    let specifiers = holder.get("specifiers").or_else(|| holder.get("npm").and_then(|npm| npm.get("specifiers")));
    let mut by_key: HashMap<String, usize> = HashMap::new();
    let mut found: Vec<(usize, &Value)> = Vec::new();
    for (kind, list) in [("npm", npm_list), ("jsr", holder.get("jsr"))] {
        for (key, entry) in list.map(super::sheet::pairs).unwrap_or_default() {
            let one = &entry.value;
            let line = sheet.at(entry.key);
            let Some((name, version)) = at_name(key) else {
                sheet.problem(line, format!("`{key}` names no package and version"), true);
                continue;
            };
            // The versions of peers stand behind it: `7.0.0_react@18.2.0`.
            let version = version.split('_').next().unwrap_or(version);
            let purl = if kind == "npm" {
                npm(sheet, name, Some(version), line)
            } else {
                let (scope, plain) = name.split_once('/').map_or((None, name), |(scope, plain)| (Some(scope), plain));
                sheet.purl("jsr", scope, plain, Some(version), line)
            };
            let Some(purl) = purl else { continue };
            let mut package = sheet.package(purl, line);
            package.resolved = text(one, "tarball").map(Arc::from);
            let digest = text(one, "integrity");
            package.hashes = digest
                .map(|digest| if digest.contains(['-', ':']) { Arc::from(digest) } else { Arc::from(format!("sha256:{digest}")) })
                .into_iter()
                .collect();
            if let Some(index) = sheet.add(package) {
                by_key.insert(format!("{kind}:{key}"), index);
                by_key.entry(format!("{kind}:{name}")).or_insert(index);
                found.push((index, one));
            }
        }
    }
    let mut by_wish: HashMap<&str, usize> = HashMap::new();
    for (wish, entry) in specifiers.map(super::sheet::pairs).unwrap_or_default() {
        let Some(locked) = entry.value.as_str() else { continue };
        let kind = wish.split(':').next().unwrap_or_default();
        let name = wish.split_once(':').and_then(|(_, rest)| at_name(rest)).map_or("", |(name, _)| name);
        let keys = [locked.to_owned(), format!("{kind}:{name}@{locked}"), format!("npm:{locked}")];
        if let Some(index) = keys.iter().find_map(|key| by_key.get(key)) {
            by_wish.insert(wish, *index);
        }
    }
    for (from, one) in found {
        let list = items(one, "dependencies").iter().filter_map(Value::as_str).map(str::to_owned);
        // Before version 4 packages of npm had a map from names to keys.
        let map = entries(one, "dependencies").into_iter().filter_map(|(_, entry)| entry.value.as_str().map(str::to_owned));
        for need in list.chain(map).collect::<Vec<_>>() {
            let to = by_wish.get(need.as_str()).or_else(|| by_key.get(&need)).or_else(|| by_key.get(&format!("npm:{need}")));
            if let Some(to) = to.copied() {
                sheet.link(from, to);
            }
        }
    }
    let workspace = value.get("workspace");
    let members = workspace.map(|workspace| entries(workspace, "members")).unwrap_or_default();
    let holders = workspace.into_iter().chain(members.iter().map(|(_, entry)| &entry.value));
    let mut asked = Vec::new();
    for holder in holders {
        let lists = [items(holder, "dependencies"), holder.get("packageJson").map(|json| items(json, "dependencies")).unwrap_or_default()];
        for wish in lists.into_iter().flatten().filter_map(Value::as_str) {
            let Some(index) = by_wish.get(wish).copied() else { continue };
            asked.push((index, Usage::Runtime));
            if let Some(package) = sheet.package_mut(index) {
                package.requested = wish.split_once(':').and_then(|(_, rest)| at_name(rest)).map(|(_, range)| range.into());
            }
        }
    }
    sheet.spread(&asked, workspace.is_some());
    remote(sheet, &value);
}

/// Modules by address: those with a version in it are packages.
fn remote(sheet: &mut Sheet, value: &Value) {
    for (url, entry) in entries(value, "remote") {
        let Some((_, rest)) = url.split_once("://") else { continue };
        let mut above: Vec<&str> = Vec::new();
        let named = rest.split('/').find_map(|part| match part.rsplit_once('@') {
            Some((name, version)) if !name.is_empty() && !above.is_empty() => Some((name, version)),
            _ => {
                above.push(part);
                None
            }
        });
        let Some((name, version)) = named else { continue };
        let line = sheet.at(entry.key);
        let Some(purl) = sheet.purl("generic", Some(&above.join("/")), name, Some(version), line) else { continue };
        let package = Package { resolved: Some(url.into()), ..sheet.package(purl, line) };
        sheet.add(package);
    }
}
