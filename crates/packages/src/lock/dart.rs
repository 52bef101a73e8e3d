//! Dart's `pubspec.lock`.

use std::sync::Arc;

use probity_core::Tree;

use super::sheet::{Sheet, entries, folder, neighbour, scalar, text, within};
use crate::Usage;

pub(crate) fn pubspec_lock(sheet: &mut Sheet, tree: &dyn Tree) {
    let Some(value) = sheet.yaml().into_iter().next() else { return };
    if value.get("packages").is_none() {
        sheet.problem(0, "the file has no `packages`", true);
    }
    sheet.shape(&value, &["packages"], &[]);
    let manifest = neighbour(sheet, tree, &within(folder(&sheet.path), "pubspec.yaml")).map(|(_, manifest)| manifest);
    for (name, entry) in entries(&value, "packages") {
        let one = &entry.value;
        let line = sheet.at(entry.key);
        let source = text(one, "source").unwrap_or_default();
        if matches!(source, "path" | "sdk") {
            continue;
        }
        let version = one.get("version").and_then(scalar);
        if version.is_none() {
            sheet.problem(line, format!("`{name}` has no version"), true);
        }
        let description = one.get("description");
        let of = |key: &str| description.and_then(|description| text(description, key));
        let Some(purl) = sheet.purl("pub", None, of("name").unwrap_or(name), version.as_deref(), line) else { continue };
        let mut package = sheet.package(purl, line);
        let dependency = text(one, "dependency").unwrap_or_default();
        package.direct = (!dependency.is_empty()).then(|| dependency.starts_with("direct"));
        package.usage = if dependency == "direct dev" { Usage::Development } else { Usage::Runtime };
        package.resolved = match (of("url"), of("resolved-ref")) {
            (Some(url), Some(commit)) => Some(format!("{url}@{commit}").into()),
            (Some(url), None) => Some(url.into()),
            _ => None,
        };
        package.hashes = of("sha256").map(|digest| Arc::from(format!("sha256:{digest}"))).into_iter().collect();
        let wish = manifest.as_ref().and_then(|manifest| {
            ["dependencies", "dev_dependencies"].iter().find_map(|list| manifest.get(list)?.get(name).and_then(scalar))
        });
        package.requested = wish.map(Arc::from);
        sheet.add(package);
    }
}
