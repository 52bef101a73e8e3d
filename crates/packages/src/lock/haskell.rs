//! Haskell's `cabal.project.freeze` and `stack.yaml.lock`.

use std::sync::Arc;

use probity_core::Tree;

use super::places::revision;
use super::sheet::{Sheet, items, text};

pub(crate) fn cabal_freeze(sheet: &mut Sheet, _tree: &dyn Tree) {
    let mut in_constraints = false;
    for (line, text) in sheet.lines() {
        let code = text.split("--").next().unwrap_or_default();
        let code = match code.split_once(':') {
            Some((key, rest)) if !code.starts_with([' ', '\t']) => {
                in_constraints = key.trim() == "constraints";
                rest
            }
            _ => code,
        };
        if !in_constraints {
            continue;
        }
        for one in code.split(',').map(str::trim).filter(|one| !one.is_empty()) {
            // Flags (`name +flag`) and what is installed with the compiler (`any.base installed`) have no version.
            let Some((name, version)) = one.split_once("==") else { continue };
            let name = name.trim();
            let name = name.rsplit(':').next().unwrap_or(name);
            // `any.` stands before what every package gets, `setup.` before what its build script gets.
            let name = name.strip_prefix("any.").or_else(|| name.strip_prefix("setup.")).unwrap_or(name);
            let Some(purl) = sheet.purl("hackage", None, name, Some(version.trim()), line) else { continue };
            let package = sheet.package(purl, line);
            sheet.add(package);
        }
    }
    if sheet.text.trim().is_empty() && sheet.out.problems.is_empty() {
        sheet.problem(0, "the file is empty", true);
    }
}

pub(crate) fn stack_lock(sheet: &mut Sheet, _tree: &dyn Tree) {
    let Some(value) = sheet.yaml().into_iter().next() else { return };
    if value.get("packages").is_none() {
        sheet.problem(0, "the file has no `packages`", true);
    }
    sheet.shape(&value, &[], &["packages"]);
    for one in items(&value, "packages") {
        let Some(completed) = one.get("completed") else {
            let line = sheet.at(one.span);
            sheet.problem(line, "a package is not completed", true);
            continue;
        };
        let line = sheet.at(completed.span);
        if let Some(written) = text(completed, "hackage") {
            // `name-1.2.3@sha256:...,size`
            let (coordinate, digest) = written.split_once('@').map_or((written, None), |(name, digest)| (name, Some(digest)));
            let Some((name, version)) = coordinate.rsplit_once('-') else {
                sheet.problem(line, format!("`{written}` names no package and version"), true);
                continue;
            };
            let Some(purl) = sheet.purl("hackage", None, name, Some(version), line) else { continue };
            let mut package = sheet.package(purl, line);
            package.hashes = digest.and_then(|digest| digest.split(',').next()).map(Arc::from).into_iter().collect();
            sheet.add(package);
            continue;
        }
        let version = completed.get("version").and_then(|version| sheet.scalar(version));
        let address = text(completed, "git").or_else(|| text(completed, "url"));
        let purl = match (text(completed, "name"), address) {
            (Some(name), _) => sheet.purl("hackage", None, name, version.as_deref(), line),
            (None, Some(address)) => revision(sheet, address, text(completed, "commit"), line),
            (None, None) => None,
        };
        let Some(purl) = purl else { continue };
        let mut package = sheet.package(purl, line);
        package.resolved = match (address, text(completed, "commit")) {
            (Some(address), Some(commit)) => Some(format!("{address}@{commit}").into()),
            (Some(address), None) => Some(address.into()),
            _ => None,
        };
        package.hashes = text(completed, "sha256").map(|digest| Arc::from(format!("sha256:{digest}"))).into_iter().collect();
        sheet.add(package);
    }
}
