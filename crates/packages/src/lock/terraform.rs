//! Terraform and OpenTofu: the lock file of providers, and what configurations ask for.

use std::sync::Arc;

use probity_core::Tree;
use probity_value::Value;

use super::places::{repository, revision};
use super::sheet::{Sheet, entries, folder, is_exact, items, text, within};
use crate::{Package, Purl, Usage};

fn provider(sheet: &mut Sheet, address: &str, version: Option<&str>, line: u32) -> Option<Purl> {
    let full = match address.split('/').count() {
        1 => format!("registry.terraform.io/hashicorp/{address}"),
        2 => format!("registry.terraform.io/{address}"),
        _ => address.to_owned(),
    };
    let (namespace, name) = full.rsplit_once('/')?;
    sheet.purl("terraform", Some(namespace), name, version, line)
}

/// The blocks of a type with one label.
fn blocks<'a>(value: &'a Value, kind: &str) -> Vec<(&'a str, u32, &'a Value, &'a probity_value::Entry)> {
    let mut all = Vec::new();
    for (label, entry) in entries(value, kind) {
        for block in entry.value.as_list().unwrap_or(std::slice::from_ref(&entry.value)) {
            all.push((label, 0, block, entry));
        }
    }
    all
}

pub(crate) fn lock(sheet: &mut Sheet, _tree: &dyn Tree) {
    let value = sheet.hcl();
    for (address, _, block, entry) in blocks(&value, "provider") {
        let line = sheet.at(entry.key);
        let Some(version) = text(block, "version") else {
            sheet.problem(line, format!("`{address}` has no version"), true);
            continue;
        };
        let Some(purl) = provider(sheet, address, Some(version), line) else { continue };
        let package = Package {
            usage: Usage::Build,
            requested: text(block, "constraints").map(Arc::from),
            hashes: items(block, "hashes").iter().filter_map(Value::as_str).map(Arc::from).collect(),
            ..sheet.package(purl, line)
        };
        sheet.add(package);
    }
}

/// A module's place: in a registry, or a repository with a version and a folder.
fn module(sheet: &mut Sheet, source: &str, version: Option<&str>, line: u32) -> Option<Purl> {
    let address = source.strip_prefix("git::").unwrap_or(source);
    let registry = !address.contains("://")
        && !address.contains('@')
        && matches!(address.split("//").next().unwrap_or(address).split('/').count(), 3 | 4);
    let host = address.split('/').next().unwrap_or_default();
    if registry && !matches!(host, "github.com" | "bitbucket.org" | "gitlab.com") && !source.starts_with("git::") {
        let (plain, subpath) = address.split_once("//").map_or((address, None), |(plain, subpath)| (plain, Some(subpath)));
        let full = if host.contains('.') { plain.to_owned() } else { format!("registry.terraform.io/{plain}") };
        let (namespace, name) = full.rsplit_once('/')?;
        let mut purl = sheet.purl("terraform", Some(namespace), name, version.filter(|version| is_exact(version)), line)?;
        purl.subpath = subpath.map(Arc::from);
        return purl.normalised().ok();
    }
    let (plain, query) = address.split_once('?').unwrap_or((address, ""));
    let reference = query.split('&').find_map(|part| part.strip_prefix("ref="));
    // The folder within the repository stands behind a double slash that is not that of the scheme.
    let from = plain.find("://").map_or(0, |at| at + 3);
    let cut = plain.get(from..).and_then(|rest| rest.find("//")).map(|at| at + from);
    let (place, subpath) = match cut {
        Some(at) => (plain.get(..at).unwrap_or(plain), plain.get(at + 2..)),
        None => (plain, None),
    };
    if repository(place).is_none() || ["s3::", "gcs::", "hg::"].iter().any(|start| source.starts_with(start)) {
        let mut purl = sheet.purl("generic", None, super::sheet::name(place), None, line)?;
        purl = purl.with("download_url", source);
        return Some(purl);
    }
    let mut purl = revision(sheet, place, reference, line)?;
    purl.subpath = subpath.map(Arc::from);
    purl.normalised().ok()
}

pub(crate) fn modules(sheet: &mut Sheet, tree: &dyn Tree) {
    if !sheet.text.contains("module") && !sheet.text.contains("required_providers") {
        return;
    }
    let value = sheet.hcl();
    for (name, _, block, entry) in blocks(&value, "module") {
        let source = block.as_map().and_then(|map| map.entry("source"));
        let line = sheet.at(source.map_or(entry.key, |source| source.key));
        let Some(source) = source.and_then(|source| source.value.as_str()) else {
            sheet.problem(line, format!("the module `{name}` has no source"), true);
            continue;
        };
        if source.starts_with('.') || source.starts_with('/') || source.is_empty() {
            continue;
        }
        if source.contains("${") {
            sheet.problem(line, format!("the source of the module `{name}` is known only when it runs"), false);
            continue;
        }
        let version = text(block, "version");
        let Some(purl) = module(sheet, source, version, line) else { continue };
        let package = Package {
            usage: Usage::Build,
            direct: Some(true),
            requested: version.map(Arc::from),
            resolved: Some(source.into()),
            ..sheet.package(purl, line)
        };
        sheet.add(package);
    }
    if tree.contains(&within(folder(&sheet.path), ".terraform.lock.hcl")) {
        return;
    }
    let settings: Vec<&Value> =
        value.get("terraform").map(|one| one.as_list().unwrap_or(std::slice::from_ref(one))).unwrap_or_default().iter().collect();
    for required in settings.iter().filter_map(|one| one.get("required_providers")) {
        for block in required.as_list().unwrap_or(std::slice::from_ref(required)) {
            for (name, entry) in super::sheet::pairs(block) {
                let line = sheet.at(entry.key);
                let version = entry.value.as_str().or_else(|| text(&entry.value, "version"));
                let exact = version.map(|version| version.trim_start_matches('=').trim()).filter(|version| is_exact(version));
                let Some(purl) = provider(sheet, text(&entry.value, "source").unwrap_or(name), exact, line) else { continue };
                let package =
                    Package { usage: Usage::Build, direct: Some(true), requested: version.map(Arc::from), ..sheet.package(purl, line) };
                sheet.add(package);
            }
        }
    }
}
