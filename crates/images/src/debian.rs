//! Packages that dpkg installed: `var/lib/dpkg/status`, and `status.d` of images without dpkg (distroless).

use std::collections::{BTreeSet, HashMap};

use probity_packages::{Inventory, Link};

use crate::sheet::{Found, Root, Sheet, top_of, within};

/// Largest database that is read, in bytes. One of a desktop with 5,000 packages has 10 MB.
const LARGEST: u64 = 256 << 20;
/// Largest copyright file that is looked into.
const LARGEST_COPYRIGHT: u64 = 1 << 20;

/// Whether a file is a database of dpkg.
pub(crate) fn claims(path: &str) -> bool {
    top_of(path, "var/lib/dpkg/status").is_some() || (in_status_folder(path) && !path.ends_with(".md5sums") && !path.ends_with(".preinst"))
}

fn in_status_folder(path: &str) -> bool {
    path.rsplit_once('/').is_some_and(|(folder, _)| top_of(folder, "var/lib/dpkg/status.d").is_some())
}

/// One paragraph of fields.
#[derive(Default)]
struct Paragraph<'t> {
    line: u32,
    fields: Vec<(&'t str, String)>,
}

impl Paragraph<'_> {
    fn field(&self, name: &str) -> &str {
        self.fields.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map_or("", |(_, value)| value)
    }
}

/// Fields that are kept whole with their further lines.
const KEPT: &[&str] = &["depends", "pre-depends", "provides"];

pub(crate) fn read(path: &str, root: &Root<'_>) -> Inventory {
    let mut sheet = Sheet::new(path, "dpkg");
    let text = sheet.text(root, LARGEST);
    let single = in_status_folder(path);
    let top = path.find("var/lib/dpkg/").and_then(|at| path.get(..at)).unwrap_or_default().trim_end_matches('/').to_owned();
    let mut needs: Vec<(usize, String)> = Vec::new();
    let mut provided: HashMap<String, usize> = HashMap::new();
    let mut paragraph = Paragraph::default();
    let mut take = |paragraph: &Paragraph<'_>, sheet: &mut Sheet| {
        let Some(index) = installed(paragraph, sheet, root, single) else { return };
        let package = paragraph.field("package").to_lowercase();
        if let Some(found) = sheet.package(index) {
            found.licences = licences(root, &top, &package);
        }
        for other in paragraph.field("provides").split(',') {
            provided.entry(bare(other).to_owned()).or_insert(index);
        }
        provided.insert(package, index);
        for list in ["pre-depends", "depends"] {
            needs.extend(paragraph.field(list).split(',').filter(|one| !one.trim().is_empty()).map(|one| (index, one.to_owned())));
        }
    };
    let mut number = 0_u32;
    for line in text.lines() {
        number = number.saturating_add(1);
        if line.trim().is_empty() {
            take(&paragraph, &mut sheet);
            paragraph = Paragraph::default();
        } else if line.starts_with([' ', '\t']) {
            match paragraph.fields.last_mut() {
                Some((key, value)) if KEPT.iter().any(|kept| kept.eq_ignore_ascii_case(key)) => value.push_str(line),
                Some(_) => {}
                None => sheet.problem(number, "a line goes on where no field begins", true),
            }
        } else if let Some((key, value)) = line.split_once(':') {
            if paragraph.fields.is_empty() {
                paragraph.line = number;
            }
            paragraph.fields.push((key.trim(), value.trim().to_owned()));
        } else {
            sheet.problem(number, "the line is no field", true);
        }
    }
    take(&paragraph, &mut sheet);
    let mut links = BTreeSet::new();
    for (from, need) in needs {
        // The first alternative that is there.
        if let Some(to) = need.split('|').find_map(|one| provided.get(bare(one)))
            && *to != from
        {
            links.insert(Link { from, to: *to });
        }
    }
    sheet.out.links = links.into_iter().collect();
    sheet.finish()
}

/// The name in `libc6 (>= 2.36) [amd64]` or `python3:any`.
fn bare(dependency: &str) -> &str {
    let end = dependency.trim_start().find(['(', '[', ' ', ':']).unwrap_or(usize::MAX);
    let trimmed = dependency.trim_start();
    trimmed.get(..end.min(trimmed.len())).unwrap_or_default().trim()
}

/// Adds the package of a paragraph, where its files are there.
fn installed(paragraph: &Paragraph<'_>, sheet: &mut Sheet, root: &Root<'_>, single: bool) -> Option<usize> {
    if paragraph.fields.is_empty() {
        return None;
    }
    let line = paragraph.line;
    let (package, version) = (paragraph.field("package"), paragraph.field("version"));
    if package.is_empty() {
        sheet.problem(line, "the paragraph names no package", true);
        return None;
    }
    match paragraph.field("status").split_whitespace().nth(2) {
        Some("not-installed" | "config-files") => return None,
        None if !single => sheet.problem(line, format!("package `{package}` has no status"), true),
        _ => {}
    }
    if version.is_empty() {
        sheet.problem(line, format!("package `{package}` has no version"), true);
    }
    let (source, source_version) = match paragraph.field("source").split_once('(') {
        Some((source, version)) => (source.trim(), version.trim_end_matches(')').trim()),
        None => (paragraph.field("source"), ""),
    };
    let upstream = if source_version.is_empty() { source.to_owned() } else { format!("{source}@{source_version}") };
    let found = Found { name: package, version, line };
    let index = sheet.add_system(root, "deb", &found, &[("arch", paragraph.field("architecture")), ("upstream", &upstream)])?;
    sheet.built_from(index, source, if source_version.is_empty() { version } else { source_version });
    Some(index)
}

/// Licences as the package's machine-readable copyright file names them.
fn licences(root: &Root<'_>, top: &str, package: &str) -> Vec<std::sync::Arc<str>> {
    let path = within(top, &format!("usr/share/doc/{package}/copyright"));
    let Ok(bytes) = root.tree.read_within(&path, LARGEST_COPYRIGHT) else { return Vec::new() };
    let text = String::from_utf8_lossy(&bytes);
    let mut names = BTreeSet::new();
    for line in text.lines() {
        if let Some(stated) = line.strip_prefix("License:") {
            let stated = stated.trim().trim_end_matches(',');
            if !stated.is_empty() && stated.len() <= 200 {
                names.insert(stated.to_owned());
            }
        } else if let Some(at) = line.find("/usr/share/common-licenses/") {
            let rest = line.get(at + "/usr/share/common-licenses/".len()..).unwrap_or_default();
            let end = rest.find(|letter: char| !(letter.is_ascii_alphanumeric() || "-.".contains(letter))).unwrap_or(rest.len());
            let stated = rest.get(..end).unwrap_or_default().trim_end_matches('.');
            if !stated.is_empty() {
                names.insert(stated.to_owned());
            }
        }
        if names.len() >= 100 {
            break;
        }
    }
    names.into_iter().map(std::sync::Arc::from).collect()
}

#[cfg(test)]
mod tests {
    use crate::catalogue::tests::check;

    #[test]
    fn what_is_installed_is_read() {
        let status = "Package: libc6\nStatus: install ok installed\nArchitecture: amd64\nMulti-Arch: same\nSource: glibc\nVersion: 2.36-9+deb12u4\nDepends: libgcc-s1,\n libcrypt1 (>= 1:4.4.10-10~)\nDescription: GNU C Library\n with more\n .\n text\n\nPackage: gone\nStatus: deinstall ok config-files\nVersion: 1\n\nPackage: libgcc-s1\nStatus: install ok installed\nArchitecture: amd64\nSource: gcc-12 (12.2.0-14)\nVersion: 12.2.0-14+b1\nProvides: libgcc1 (= 1:12)\nDepends: libc6 | musl\n\nPackage: adduser\nStatus: install ok half-configured\nArchitecture: all\nVersion: 3.134\n";
        check(
            &[("var/lib/dpkg/status", status), ("etc/os-release", "ID=debian\nVERSION_ID=12")],
            &[
                "pkg:deb/debian/libc6@2.36-9%2Bdeb12u4?arch=amd64&distro=debian-12&upstream=glibc var/lib/dpkg/status:1 < glibc 2.36-9+deb12u4 > 1",
                "pkg:deb/debian/libgcc-s1@12.2.0-14%2Bb1?arch=amd64&distro=debian-12&upstream=gcc-12%4012.2.0-14 var/lib/dpkg/status:18 < gcc-12 12.2.0-14 > 0",
                "pkg:deb/debian/adduser@3.134?arch=all&distro=debian-12 var/lib/dpkg/status:26",
            ],
            &[],
        );
    }

    #[test]
    fn distroless_has_a_file_for_each() {
        check(
            &[
                ("var/lib/dpkg/status.d/base", "Package: base-files\nVersion: 12.4\nArchitecture: amd64\n"),
                ("var/lib/dpkg/status.d/base.md5sums", "00 a\n"),
                ("usr/lib/os-release", "ID=debian\nVERSION_ID=12"),
                ("usr/share/doc/base-files/copyright", "License: GPL-2+\n text\n see /usr/share/common-licenses/GPL-2.\n"),
            ],
            &["pkg:deb/debian/base-files@12.4?arch=amd64&distro=debian-12 var/lib/dpkg/status.d/base:1 licences GPL-2, GPL-2+"],
            &[],
        );
    }

    #[test]
    fn broken_ones_are_told() {
        check(
            &[("x/var/lib/dpkg/status", "Package: a\nnonsense\nStatus: install ok installed\n\nVersion: 2\n\n more\n")],
            &["pkg:deb/unknown/a x/var/lib/dpkg/status:1"],
            &[
                "x/var/lib/dpkg/status:2 the line is no field!",
                "x/var/lib/dpkg/status:1 package `a` has no version!",
                "x/var/lib/dpkg/status:5 the paragraph names no package!",
                "x/var/lib/dpkg/status:7 a line goes on where no field begins!",
                "x/var/lib/dpkg/status:0 no os-release tells the distribution: advisories of distributions cannot be matched",
            ],
        );
    }
}
