//! Installed packages of Node: `node_modules/NAME/package.json`, and of PHP: `vendor/composer/installed.json`.

use std::sync::Arc;

use probity_packages::{Inventory, Usage};
use serde_json::Value;

use crate::sheet::{Root, Sheet, folder, name, purl};

/// Largest file that is read, in bytes.
const LARGEST: u64 = 64 << 20;

/// Whether a file is the `package.json` at the top of an installed package.
pub(crate) fn claims(path: &str) -> bool {
    if name(path) != "package.json" {
        return false;
    }
    let mut parts = folder(path).rsplit('/');
    let (own, above) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    !own.starts_with('.') && (above == "node_modules" || (above.starts_with('@') && parts.next() == Some("node_modules")))
}

pub(crate) fn read(path: &str, root: &Root<'_>) -> Inventory {
    let mut sheet = Sheet::new(path, "node-installed");
    let bytes = sheet.bytes(root, LARGEST);
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let value: Value = match serde_json::from_slice(bytes) {
        Ok(value) => value,
        Err(error) => {
            if sheet.out.problems.is_empty() {
                sheet.problem(u32::try_from(error.line()).unwrap_or(u32::MAX), "the file is no JSON", true);
            }
            return sheet.finish();
        }
    };
    let text = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default();
    let (package, version) = (text("name"), text("version"));
    // Folders of parts of a package have such a file without name and version, to say how they are loaded.
    if package.is_empty() || version.is_empty() {
        if !package.is_empty() && value.get("dependencies").is_some() {
            sheet.problem(0, format!("package `{package}` has no version"), true);
        }
        return sheet.finish();
    }
    let (namespace, own) = package.rsplit_once('/').map_or((None, package), |(namespace, own)| (Some(namespace), own));
    let index = sheet.add(purl("npm", namespace, own, version), 0);
    if let Some(found) = index.and_then(|index| sheet.package(index)) {
        found.resolved = Some(text("_resolved")).filter(|resolved| !resolved.is_empty()).map(Arc::from);
        found.hashes = Some(text("_integrity")).filter(|hash| !hash.is_empty()).map(Arc::from).into_iter().collect();
        found.licences = licences(&value);
    }
    sheet.finish()
}

/// `"license": "MIT"`, `{ "type": "MIT" }`, or a list of either.
fn licences(value: &Value) -> Vec<Arc<str>> {
    let one = |value: &Value| value.as_str().or_else(|| value.get("type").and_then(Value::as_str)).map(Arc::from);
    let listed = |key: &str| match value.get(key) {
        Some(Value::Array(list)) => list.iter().filter_map(one).collect(),
        Some(value) => one(value).into_iter().collect::<Vec<_>>(),
        None => Vec::new(),
    };
    let single = listed("license");
    if single.is_empty() { listed("licenses") } else { single }
}

/// Whether a file is Composer's list of what it installed.
pub(crate) fn claims_composer(path: &str) -> bool {
    path == "composer/installed.json" || path.ends_with("/composer/installed.json")
}

pub(crate) fn read_composer(path: &str, root: &Root<'_>) -> Inventory {
    let mut sheet = Sheet::new(path, "composer-installed");
    let bytes = sheet.bytes(root, LARGEST);
    let value = serde_json::from_slice::<Value>(&bytes);
    // The first version of Composer wrote the list alone.
    let list = value.as_ref().ok().and_then(|value| value.get("packages").unwrap_or(value).as_array());
    let Some(list) = list else {
        if sheet.out.problems.is_empty() {
            sheet.problem(0, "the file is no list of packages", true);
        }
        return sheet.finish();
    };
    let development = value.as_ref().ok().and_then(|value| value.get("dev-package-names")).and_then(Value::as_array);
    for package in list {
        let text = |key: &str| package.get(key).and_then(Value::as_str).unwrap_or_default();
        let full = text("name");
        let Some((vendor, own)) = full.split_once('/') else {
            sheet.problem(0, format!("`{}` is no name of a package", full.chars().take(80).collect::<String>()), true);
            continue;
        };
        let index = sheet.add(purl("composer", Some(vendor), own, text("version")), 0);
        if let Some(found) = index.and_then(|index| sheet.package(index)) {
            found.licences = licences(package);
            found.resolved = package.pointer("/source/url").and_then(Value::as_str).map(Arc::from);
            if development.is_some_and(|all| all.iter().any(|one| one.as_str() == Some(full))) {
                found.usage = Usage::Development;
            }
        }
    }
    sheet.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::tests::check;

    #[test]
    fn tops_of_packages_are_told_from_others() {
        for path in ["node_modules/a/package.json", "x/node_modules/@s/a/package.json", "a/node_modules/b/node_modules/c/package.json"] {
            assert!(claims(path), "{path}");
        }
        for path in [
            "package.json",
            "node_modules/a/lib/package.json",
            "node_modules/@s/package.json/x",
            "node_modules/.bin/package.json",
            "app/package.json",
        ] {
            assert!(!claims(path), "{path}");
        }
    }

    #[test]
    fn packages_are_read() {
        check(
            &[
                ("app/node_modules/@s/a/package.json", r#"{"name":"@s/a","version":"1.0.0","license":{"type":"MIT"}}"#),
                ("app/node_modules/b/package.json", r#"{"name":"b","version":"2.0.0","licenses":["MIT","ISC"]}"#),
                ("app/node_modules/c/package.json", "{"),
                ("app/node_modules/d/package.json", r#"{"type":"module"}"#),
                (
                    "app/vendor/composer/installed.json",
                    r#"{"packages":[{"name":"monolog/monolog","version":"2.0.0","license":["MIT"]},{"name":"x"}]}"#,
                ),
            ],
            &[
                "pkg:npm/%40s/a@1.0.0 app/node_modules/@s/a/package.json:0 licences MIT",
                "pkg:npm/b@2.0.0 app/node_modules/b/package.json:0 licences MIT, ISC",
                "pkg:composer/monolog/monolog@2.0.0 app/vendor/composer/installed.json:0 licences MIT",
            ],
            &[
                "app/node_modules/c/package.json:1 the file is no JSON!",
                "app/vendor/composer/installed.json:0 `x` is no name of a package!",
            ],
        );
    }
}
