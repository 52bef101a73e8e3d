//! Packages that pacman installed: `var/lib/pacman/local/*/desc`.

use std::collections::BTreeMap;
use std::sync::Arc;

use probity_packages::Inventory;

use crate::sheet::{Found, Root, Sheet, folder, name, top_of};

/// Largest file that is read, in bytes.
const LARGEST: u64 = 4 << 20;

/// Whether a file describes an installed package.
pub(crate) fn claims(path: &str) -> bool {
    name(path) == "desc" && folder(path).rsplit_once('/').is_some_and(|(above, _)| top_of(above, "var/lib/pacman/local").is_some())
}

pub(crate) fn read(path: &str, root: &Root<'_>) -> Inventory {
    let mut sheet = Sheet::new(path, "pacman");
    let text = sheet.text(root, LARGEST);
    let mut fields: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut key = "";
    for line in text.lines() {
        if let Some(next) = line.strip_prefix('%').and_then(|line| line.strip_suffix('%')) {
            key = next;
        } else if !line.is_empty() {
            fields.entry(key).or_default().push(line);
        }
    }
    let field = |key: &str| fields.get(key).and_then(|lines| lines.first()).copied().unwrap_or_default();
    let (package, version) = (field("NAME"), field("VERSION"));
    if package.is_empty() || version.is_empty() {
        if sheet.out.problems.is_empty() {
            sheet.problem(0, "it does not tell name and version of the package", true);
        }
        if package.is_empty() {
            return sheet.finish();
        }
    }
    let upstream = if field("BASE") == package { "" } else { field("BASE") };
    let found = Found { name: package, version, line: 0 };
    if let Some(index) = sheet.add_system(root, "alpm", &found, &[("arch", field("ARCH")), ("upstream", upstream)]) {
        sheet.built_from(index, field("BASE"), version);
        if let Some(found) = sheet.package(index) {
            // 1 is what was installed because something else asked for it.
            found.direct = Some(field("REASON") != "1");
            found.licences = fields.get("LICENSE").into_iter().flatten().map(|one| Arc::from(*one)).collect();
        }
    }
    sheet.finish()
}

#[cfg(test)]
mod tests {
    use crate::catalogue::tests::check;

    #[test]
    fn packages_are_read() {
        check(
            &[
                (
                    "var/lib/pacman/local/gcc-libs-13.2.1-3/desc",
                    "%NAME%\ngcc-libs\n\n%VERSION%\n13.2.1-3\n\n%BASE%\ngcc\n\n%ARCH%\nx86_64\n\n%REASON%\n1\n\n%LICENSE%\nGPL\nLGPL\n",
                ),
                ("var/lib/pacman/local/x/desc", "%NAME%\n"),
                ("etc/os-release", "ID=arch\nBUILD_ID=rolling\n"),
            ],
            &[
                "pkg:alpm/arch/gcc-libs@13.2.1-3?arch=x86_64&distro=arch-rolling&upstream=gcc var/lib/pacman/local/gcc-libs-13.2.1-3/desc:0 < gcc 13.2.1-3 licences GPL, LGPL transitive",
            ],
            &["var/lib/pacman/local/x/desc:0 it does not tell name and version of the package!"],
        );
    }
}
