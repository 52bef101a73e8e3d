//! `Cargo.lock`, and `Cargo.toml` where no lock file speaks for it.

use std::collections::HashMap;
use std::sync::Arc;

use probity_core::Tree;
use probity_value::Value;

use super::sheet::{Sheet, entries, folder, folders_above, is_exact, items, name, neighbour, text, within};
use crate::{Package, Usage};

const LISTS: [(&str, Usage); 5] = [
    ("dependencies", Usage::Runtime),
    ("build-dependencies", Usage::Build),
    ("build_dependencies", Usage::Build),
    ("dev-dependencies", Usage::Development),
    ("dev_dependencies", Usage::Development),
];

/// Manifests read for one lock file.
const MOST_MANIFESTS: usize = 5_000;

/// One wish of a manifest.
struct Wish {
    name: String,
    range: Option<String>,
    address: Option<String>,
    local: bool,
    usage: Usage,
    line: u32,
}

/// The wishes of a manifest; `shared` is the `workspace.dependencies` of the top.
fn wishes(sheet: &mut Sheet, value: &Value, shared: Option<&Value>) -> Vec<Wish> {
    let mut all = Vec::new();
    let targets = entries(value, "target");
    let places = std::iter::once(value).chain(targets.iter().map(|(_, entry)| &entry.value));
    for place in places {
        for (list, usage) in LISTS {
            for (key, entry) in entries(place, list) {
                let line = sheet.at(entry.key);
                let own = &entry.value;
                let inherited = own.get("workspace").and_then(Value::as_bool) == Some(true);
                let from = if inherited { shared.and_then(|shared| shared.get(key)).unwrap_or(own) } else { own };
                let range = from.as_str().or_else(|| text(from, "version"));
                let optional = own.get("optional").and_then(Value::as_bool) == Some(true);
                all.push(Wish {
                    name: text(from, "package").unwrap_or(key).to_owned(),
                    range: range.map(str::to_owned),
                    address: text(from, "git").map(str::to_owned),
                    local: text(from, "path").is_some(),
                    usage: if optional { usage.max(Usage::Optional) } else { usage },
                    line,
                });
            }
        }
    }
    all
}

/// Version and source of a package, and where it is; those of the project have neither source nor place.
type Known<'a> = (&'a str, Option<&'a str>, Option<usize>);

/// The `workspace.dependencies` of a manifest.
fn shared(value: &Value) -> Option<&Value> {
    value.get("workspace").and_then(|workspace| workspace.get("dependencies"))
}

pub(crate) fn cargo_lock(sheet: &mut Sheet, tree: &dyn Tree) {
    let value = sheet.toml();
    if value.is_null() {
        return;
    }
    if let Some(version) = value.get("version").filter(|version| !matches!(version.as_int(), Some(1..=4))) {
        let line = sheet.at(version.span);
        sheet.problem(line, "the version of the lock file is not known; it is read as version 4", true);
    }
    sheet.shape(&value, &["metadata", "root"], &["package"]);
    let metadata = value.get("metadata");
    let mut index: HashMap<&str, Vec<Known<'_>>> = HashMap::new();
    let mut found: Vec<(Option<usize>, &Value)> = Vec::new();
    for one in items(&value, "package").iter().chain(value.get("root")) {
        let key = one.as_map().and_then(|map| map.entry("name")).map_or(one.span, |entry| entry.key);
        let line = sheet.at(key);
        let (Some(name), Some(version)) = (text(one, "name"), text(one, "version")) else {
            sheet.problem(line, "a package has no name or no version", true);
            continue;
        };
        let source = text(one, "source");
        let mut at = None;
        if let Some(source) = source {
            let Some(purl) = sheet.purl("cargo", None, name, Some(version), line) else { continue };
            let mut package = sheet.package(purl, line);
            package.resolved = Some(source.into());
            let old = || metadata.and_then(|metadata| text(metadata, &format!("checksum {name} {version} ({source})")));
            let digest = text(one, "checksum").or_else(old).filter(|digest| *digest != "<none>");
            package.hashes = digest.map(|digest| Arc::from(format!("sha256:{digest}"))).into_iter().collect();
            at = sheet.add(package);
        }
        index.entry(name).or_default().push((version, source, at));
        found.push((at, one));
    }
    let resolve = |wish: &str| -> Option<usize> {
        let mut parts = wish.splitn(3, ' ');
        let (name, version) = (parts.next()?, parts.next());
        let source = parts.next().and_then(|source| source.strip_prefix('(')?.strip_suffix(')'));
        let found = index
            .get(name)?
            .iter()
            .find(|(known, from, _)| version.is_none_or(|version| version == *known) && (source.is_none() || source == *from));
        found.and_then(|(_, _, index)| *index)
    };
    let manifests = manifests(sheet, tree);
    let mut asked = Vec::new();
    for (from, one) in found {
        let wishes = text(one, "name").filter(|_| from.is_none()).and_then(|name| manifests.get(name));
        for wish in items(one, "dependencies").iter().filter_map(Value::as_str) {
            let Some(to) = resolve(wish) else { continue };
            if let Some(from) = from {
                sheet.link(from, to);
                continue;
            }
            let name = wish.split(' ').next().unwrap_or(wish);
            let said: Vec<&Wish> = wishes.into_iter().flatten().filter(|wish| wish.name == name).collect();
            asked.push((to, said.iter().map(|wish| wish.usage).min().unwrap_or_default()));
            if let Some(range) = said.iter().find_map(|wish| wish.range.as_deref())
                && let Some(package) = sheet.package_mut(to)
            {
                package.requested = Some(range.into());
            }
        }
    }
    sheet.spread(&asked, true);
}

/// The wishes of all manifests a lock file speaks for, by the name of their package.
fn manifests(sheet: &mut Sheet, tree: &dyn Tree) -> HashMap<String, Vec<Wish>> {
    let top = folder(&sheet.path).to_owned();
    let root = neighbour(sheet, tree, &within(&top, "Cargo.toml")).map(|(_, value)| value);
    let mut all: HashMap<String, Vec<Wish>> = HashMap::new();
    let files = tree.below(&top).iter().filter(|file| name(&file.path) == "Cargo.toml").take(MOST_MANIFESTS);
    for file in files {
        let Some((mut other, value)) = neighbour(sheet, tree, &file.path) else { continue };
        let Some(own) = value.get("package").and_then(|package| text(package, "name")) else { continue };
        let wishes = wishes(&mut other, &value, root.as_ref().and_then(shared));
        all.entry(own.to_owned()).or_default().extend(wishes);
    }
    all
}

pub(crate) fn cargo_manifest(sheet: &mut Sheet, tree: &dyn Tree) {
    if folders_above(&sheet.path).any(|above| tree.contains(&within(above, "Cargo.lock"))) {
        return;
    }
    let value = sheet.toml();
    let path = sheet.path.to_string();
    let top = folders_above(&path).skip(1).find_map(|above| {
        let (_, value) = neighbour(sheet, tree, &within(above, "Cargo.toml"))?;
        shared(&value).cloned()
    });
    let shared = shared(&value).or(top.as_ref());
    for wish in wishes(sheet, &value, shared) {
        if wish.local && wish.address.is_none() {
            continue;
        }
        let exact = wish.range.as_deref().and_then(|range| range.strip_prefix('=')).map(str::trim).filter(|version| is_exact(version));
        let Some(purl) = sheet.purl("cargo", None, &wish.name, exact, wish.line) else { continue };
        let package = Package {
            usage: wish.usage,
            direct: Some(true),
            requested: wish.range.as_deref().map(Arc::from),
            resolved: wish.address.map(Arc::from),
            ..sheet.package(purl, wish.line)
        };
        sheet.add(package);
    }
}
