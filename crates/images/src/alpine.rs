//! Packages that apk installed: `lib/apk/db/installed` (Alpine, Wolfi, Chainguard).

use std::collections::{BTreeSet, HashMap};

use probity_packages::{Inventory, Link};

use crate::sheet::{Found, Root, Sheet, top_of, within};

/// Largest database that is read, in bytes.
const LARGEST: u64 = 256 << 20;

/// Whether a file is a database of apk; the top of its root file system.
fn top(path: &str) -> Option<&str> {
    // The longer one first: the shorter is its end.
    top_of(path, "usr/lib/apk/db/installed").or_else(|| top_of(path, "lib/apk/db/installed"))
}

pub(crate) fn claims(path: &str) -> bool {
    top(path).is_some()
}

/// One package's fields, by their letter.
#[derive(Default)]
struct Record<'t> {
    line: u32,
    name: &'t str,
    version: &'t str,
    arch: &'t str,
    origin: &'t str,
    licence: &'t str,
    checksum: &'t str,
    needs: &'t str,
    provides: &'t str,
}

pub(crate) fn read(path: &str, root: &Root<'_>) -> Inventory {
    let mut sheet = Sheet::new(path, "apk");
    let text = sheet.text(root, LARGEST);
    let world = root.tree.read_within(&within(top(path).unwrap_or_default(), "etc/apk/world"), 1 << 20).ok();
    let world = world.map(|bytes| {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        text.split_whitespace().map(|word| bare(word).to_owned()).collect::<BTreeSet<_>>()
    });
    let mut needs: Vec<(usize, &str)> = Vec::new();
    let mut provided: HashMap<&str, usize> = HashMap::new();
    let mut record = Record::default();
    let mut number = 0_u32;
    for line in text.lines().chain([""]) {
        number = number.saturating_add(1);
        if line.is_empty() {
            let done = std::mem::take(&mut record);
            if done.line > 0 {
                let Some(index) = installed(&done, &mut sheet, root) else { continue };
                if let (Some(world), Some(package)) = (&world, sheet.package(index)) {
                    package.direct = Some(world.contains(done.name));
                }
                provided.insert(done.name, index);
                for one in done.provides.split_whitespace() {
                    provided.entry(bare(one)).or_insert(index);
                }
                needs.extend(done.needs.split_whitespace().filter(|one| !one.starts_with('!')).map(|one| (index, one)));
            }
            continue;
        }
        let Some((letter, value)) = line.split_once(':') else {
            sheet.problem(number, "the line is no field", true);
            continue;
        };
        if record.line == 0 {
            record.line = number;
        }
        match letter {
            "P" => record.name = value,
            "V" => record.version = value,
            "A" => record.arch = value,
            "o" => record.origin = value,
            "L" => record.licence = value,
            "C" => record.checksum = value,
            "D" => record.needs = value,
            "p" => record.provides = value,
            _ => {}
        }
    }
    let links: BTreeSet<Link> = needs
        .into_iter()
        .filter_map(|(from, need)| provided.get(bare(need)).map(|to| Link { from, to: *to }))
        .filter(|link| link.from != link.to)
        .collect();
    sheet.out.links = links.into_iter().collect();
    sheet.finish()
}

/// The name in `so:libc.musl-x86_64.so.1=1`, `busybox>=1.36` or `edge@testing`.
fn bare(dependency: &str) -> &str {
    let end = dependency.find(['=', '<', '>', '~', '@']).unwrap_or(dependency.len());
    dependency.get(..end).unwrap_or_default()
}

fn installed(record: &Record<'_>, sheet: &mut Sheet, root: &Root<'_>) -> Option<usize> {
    if record.name.is_empty() || record.version.is_empty() {
        let what = match record.name.is_empty() {
            true => "the record names no package".to_owned(),
            false => format!("package `{}` has no version", record.name),
        };
        sheet.problem(record.line, what, true);
        if record.name.is_empty() {
            return None;
        }
    }
    let found = Found { name: record.name, version: record.version, line: record.line };
    let upstream = if record.origin == record.name { "" } else { record.origin };
    let index = sheet.add_system(root, "apk", &found, &[("arch", record.arch), ("upstream", upstream)])?;
    sheet.built_from(index, record.origin, record.version);
    if let Some(package) = sheet.package(index) {
        package.licences = (!record.licence.is_empty()).then(|| record.licence.into()).into_iter().collect();
        package.hashes = (!record.checksum.is_empty()).then(|| record.checksum.into()).into_iter().collect();
    }
    Some(index)
}

#[cfg(test)]
mod tests {
    use crate::catalogue::tests::check;

    #[test]
    fn what_is_installed_is_read() {
        let installed = "C:Q1abc=\nP:musl\nV:1.2.4_git20230717-r4\nA:x86_64\nL:MIT\no:musl\np:so:libc.musl-x86_64.so.1=1\nF:lib\nR:ld-musl-x86_64.so.1\nZ:Q1x=\n\nP:libcrypto3\nV:3.1.4-r5\nA:x86_64\nL:Apache-2.0\no:openssl\nD:so:libc.musl-x86_64.so.1 !libressl\n\n";
        for path in ["lib/apk/db/installed", "usr/lib/apk/db/installed"] {
            check(
                &[(path, installed), ("etc/os-release", "ID=alpine\nVERSION_ID=3.19.1"), ("etc/apk/world", "libcrypto3>3\n")],
                &[
                    &format!("pkg:apk/alpine/musl@1.2.4_git20230717-r4?arch=x86_64&distro=alpine-3.19.1 {path}:1 licences MIT transitive"),
                    &format!(
                        "pkg:apk/alpine/libcrypto3@3.1.4-r5?arch=x86_64&distro=alpine-3.19.1&upstream=openssl {path}:12 < openssl 3.1.4-r5 licences Apache-2.0 direct > 0"
                    ),
                ],
                &[],
            );
        }
    }

    #[test]
    fn broken_ones_are_told() {
        check(
            &[("lib/apk/db/installed", "P:a\n\nV:1\nwhat\n"), ("etc/os-release", "ID=alpine\nVERSION_ID=3.19.1")],
            &["pkg:apk/alpine/a?distro=alpine-3.19.1 lib/apk/db/installed:1"],
            &[
                "lib/apk/db/installed:1 package `a` has no version!",
                "lib/apk/db/installed:4 the line is no field!",
                "lib/apk/db/installed:3 the record names no package!",
            ],
        );
    }
}
