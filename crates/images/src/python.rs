//! Installed Python distributions: `*.dist-info/METADATA` (PEP 376, PEP 566), `*.egg-info/PKG-INFO`, and `*.egg-info` files.

use std::sync::Arc;

use probity_packages::Inventory;

use crate::sheet::{Root, Sheet, folder, is_version, name, purl, within};

/// Largest file that is read, in bytes. Some carry their whole documentation.
const LARGEST: u64 = 16 << 20;

/// Whether a file says what a distribution is.
pub(crate) fn claims(path: &str) -> bool {
    match name(path) {
        "METADATA" => folder(path).ends_with(".dist-info"),
        "PKG-INFO" => folder(path).ends_with(".egg-info") || folder(path).ends_with("/EGG-INFO"),
        file => file.ends_with(".egg-info"),
    }
}

pub(crate) fn read(path: &str, root: &Root<'_>) -> Inventory {
    let mut sheet = Sheet::new(path, "python-installed");
    let text = sheet.text(root, LARGEST);
    let (mut package, mut version, mut expression, mut licence) = ("", "", "", "");
    let mut classified: Vec<Arc<str>> = Vec::new();
    let mut line = 0;
    // The description comes behind an empty line.
    for (number, row) in (1_u32..).zip(text.lines().take_while(|row| !row.is_empty())) {
        let Some((key, value)) = row.split_once(':') else { continue };
        let value = value.trim();
        match key.to_ascii_lowercase().as_str() {
            "name" if package.is_empty() => {
                package = value;
                line = number;
            }
            "version" if version.is_empty() => version = value,
            "license-expression" => expression = value,
            "license" if licence.is_empty() => licence = value,
            "classifier" if value.starts_with("License ::") => {
                let stated = value.rsplit("::").next().unwrap_or_default().trim();
                classified.push(stated.into());
            }
            _ => {}
        }
    }
    if package.is_empty() || !is_version(version) {
        if sheet.out.problems.is_empty() {
            sheet.problem(0, "it does not tell name and version of the distribution", true);
        }
        if package.is_empty() {
            return sheet.finish();
        }
    }
    let index = sheet.add(purl("pypi", None, package, if is_version(version) { version } else { "" }), line);
    let own = folder(path);
    let asked = own.ends_with(".dist-info").then(|| root.tree.contains(&within(own, "REQUESTED")));
    let source = root.tree.read_within(&within(own, "direct_url.json"), 1 << 20).ok();
    let source = source.and_then(|bytes| serde_json::from_slice::<serde_json::Value>(&bytes).ok());
    if let Some(found) = index.and_then(|index| sheet.package(index)) {
        // pip marks what was asked for; that there is no mark says nothing where another program installed it.
        found.direct = asked.filter(|asked| *asked);
        found.resolved = source.as_ref().and_then(|source| source.get("url")?.as_str()).map(Arc::from);
        found.licences = match (expression, licence) {
            ("", "" | "UNKNOWN") => classified,
            ("", licence) if licence.len() <= 200 => vec![licence.into()],
            ("", _) => classified,
            (expression, _) => vec![expression.into()],
        };
    }
    sheet.finish()
}

#[cfg(test)]
mod tests {
    use crate::catalogue::tests::check;

    #[test]
    fn distributions_are_read() {
        check(
            &[
                (
                    "usr/lib/python3/dist-packages/PyYAML-6.0.egg-info/PKG-INFO",
                    "Metadata-Version: 2.1\nName: PyYAML\nVersion: 6.0\nLicense: MIT\n\nName: other\n",
                ),
                (
                    "usr/lib/python3/dist-packages/six-1.16.egg-info",
                    "Name: six\nVersion: 1.16.0\nClassifier: License :: OSI Approved :: MIT License\n",
                ),
                (
                    "venv/lib/python3.12/site-packages/zope_interface-6.0.dist-info/METADATA",
                    "Name: Zope.Interface\nVersion: 6.0\nLicense-Expression: ZPL-2.1\nLicense: long\n",
                ),
                ("venv/lib/python3.12/site-packages/zope_interface-6.0.dist-info/REQUESTED", ""),
                ("venv/lib/python3.12/site-packages/broken.dist-info/METADATA", "Metadata-Version: 2.1\n"),
            ],
            &[
                "pkg:pypi/pyyaml@6.0 usr/lib/python3/dist-packages/PyYAML-6.0.egg-info/PKG-INFO:2 licences MIT",
                "pkg:pypi/six@1.16.0 usr/lib/python3/dist-packages/six-1.16.egg-info:1 licences MIT License",
                "pkg:pypi/zope.interface@6.0 venv/lib/python3.12/site-packages/zope_interface-6.0.dist-info/METADATA:1 licences ZPL-2.1 direct",
            ],
            &["venv/lib/python3.12/site-packages/broken.dist-info/METADATA:0 it does not tell name and version of the distribution!"],
        );
    }
}
