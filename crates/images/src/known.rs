//! Programs that are there without a package of any kind: told by their name and the version they print.

use probity_packages::Inventory;

use crate::sheet::{Root, Sheet, folder, name, purl, within};

/// The id of this cataloguer; what packages of an operating system own is taken out of its findings.
pub(crate) const ID: &str = "known-binary";

/// A program that is known.
struct Known {
    /// How the file's name begins.
    begins: &'static str,
    /// Whether what follows in the name may be a version or an ending of libraries.
    more: bool,
    /// What stands before the version.
    mark: &'static [u8],
    package: &'static str,
}

const fn known(begins: &'static str, more: bool, mark: &'static [u8], package: &'static str) -> Known {
    Known { begins, more, mark, package }
}

/// Sorted by name.
const KNOWN: &[Known] = &[
    known("bash", false, b"@(#)Bash version ", "bash"),
    known("busybox", true, b"BusyBox v", "busybox"),
    known("httpd", false, b"Apache/", "httpd"),
    known("libcrypto.so", true, b"OpenSSL ", "openssl"),
    known("libphp", true, b"X-Powered-By: PHP/", "php"),
    known("libruby", true, b"ruby ", "ruby"),
    known("libssl.so", true, b"OpenSSL ", "openssl"),
    known("memcached", false, b"memcached ", "memcached"),
    known("nginx", false, b"nginx version: nginx/", "nginx"),
    known("node", false, b"node.js/v", "node"),
    known("openssl", false, b"OpenSSL ", "openssl"),
    known("php", true, b"X-Powered-By: PHP/", "php"),
    known("postgres", false, b"PostgreSQL ", "postgresql"),
    known("ruby", true, b"ruby ", "ruby"),
];

/// Whether a name is that of a known program: `ruby3.1`, `libcrypto.so.3`.
fn fits(known: &Known, name: &str) -> bool {
    name.strip_prefix(known.begins).is_some_and(|rest| {
        rest.is_empty() || (known.more && rest.bytes().all(|byte| byte.is_ascii_digit() || b".-so_fpmcgi".contains(&byte)))
    })
}

/// Adds a program that is known.
pub(crate) fn program(bytes: &[u8], sheet: &mut Sheet) {
    let path = std::sync::Arc::clone(&sheet.path);
    let file = name(&path);
    if let Some(minor) = python(file) {
        let mark = format!("\0{minor}.");
        let told = version_after(bytes, mark.as_bytes()).map(|rest| format!("{minor}.{rest}"));
        add(sheet, "python", told);
    }
    for known in KNOWN.iter().filter(|known| fits(known, file)) {
        let told = version_after(bytes, known.mark);
        // A program of that name that is another one says nothing of the kind.
        if told.is_some() {
            add(sheet, known.package, told);
            return;
        }
    }
}

fn add(sheet: &mut Sheet, package: &str, version: Option<String>) {
    if let Some(version) = version {
        sheet.id = ID;
        sheet.add(purl("generic", None, package, &version), 0);
    }
}

/// `3.11` of `python3.11` or `libpython3.11.so.1.0`.
fn python(name: &str) -> Option<&str> {
    let rest = name.strip_prefix("python").or_else(|| name.strip_prefix("libpython"))?;
    let rest = rest.split_once(".so").map_or(rest, |(rest, _)| rest).trim_end_matches('m');
    let (major, minor) = rest.split_once('.')?;
    let digits = |text: &str| !text.is_empty() && text.len() <= 3 && text.bytes().all(|byte| byte.is_ascii_digit());
    (digits(major) && digits(minor)).then_some(rest)
}

/// The version behind the first mark that has one.
fn version_after(bytes: &[u8], mark: &[u8]) -> Option<String> {
    memchr::memmem::find_iter(bytes, mark).take(1000).find_map(|at| {
        let rest = bytes.get(at + mark.len()..)?;
        let end = rest.iter().take(40).position(|byte| !(byte.is_ascii_alphanumeric() || b".+-".contains(byte)))?;
        let text = std::str::from_utf8(rest.get(..end)?).ok()?.trim_end_matches(['.', '-', '+']);
        let whole = mark.starts_with(b"\0") || text.contains('.');
        (text.starts_with(|first: char| first.is_ascii_digit()) && whole).then(|| text.to_owned())
    })
}

/// Whether a file tells the version of what lies beside it: `release` of a JDK, `VERSION` of Go.
pub(crate) fn claims(path: &str) -> bool {
    matches!(name(path), "release" | "VERSION")
}

pub(crate) fn read(path: &str, root: &Root<'_>) -> Inventory {
    let mut sheet = Sheet::new(path, ID);
    let beside = |file: &str| root.tree.contains(&within(folder(path), file));
    let java = name(path) == "release" && ["bin/java", "lib/modules", "jre/bin/java", "lib/rt.jar"].iter().any(|file| beside(file));
    let go = name(path) == "VERSION" && beside("bin/go");
    if !java && !go {
        return sheet.finish();
    }
    let text = sheet.text(root, 1 << 20);
    if go {
        let version = text.lines().next().and_then(|line| line.trim().strip_prefix("go")).unwrap_or_default();
        if version.starts_with(|first: char| first.is_ascii_digit()) {
            sheet.add(purl("generic", None, "go", version), 1);
        }
        return sheet.finish();
    }
    for (number, line) in (1_u32..).zip(text.lines()) {
        if let Some(version) = line.strip_prefix("JAVA_VERSION=").map(|value| value.trim().trim_matches('"')).filter(|one| !one.is_empty())
        {
            let kind = if text.contains("GRAALVM_VERSION") { "graalvm" } else { "openjdk" };
            sheet.add(purl("generic", None, kind, version), number);
            return sheet.finish();
        }
    }
    sheet.problem(0, "it does not tell the version of Java", false);
    sheet.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binary::tests::elf;
    use crate::catalogue::tests::check;

    #[test]
    fn known_programs_are_sorted() {
        assert!(KNOWN.is_sorted_by_key(|one| one.begins));
    }

    #[test]
    fn known_programs_are_found() {
        let program = |text: &[u8]| elf(&[(".rodata", text)]);
        check(
            &[
                ("opt/go/VERSION", b"go1.21.5\ntime x\n".to_vec()),
                ("opt/go/bin/go", b"#!".to_vec()),
                ("opt/jdk/bin/java", b"#!".to_vec()),
                ("opt/jdk/release", b"IMPLEMENTOR=\"x\"\nJAVA_VERSION=\"17.0.8\"\n".to_vec()),
                ("usr/bin/nginx", program(b"x\0nginx version: nginx/1.25.3\0")),
                ("usr/local/bin/node", program(b"node.js/v is node.js/v20.10.0\0")),
                ("usr/local/lib/libcrypto.so.3", program(b"OpenSSL is. OpenSSL 3.0.11 19 Sep 2023\0")),
                ("usr/local/lib/libpython3.11.so.1.0", program(b"\x003.11.\0\x003.11.4\0")),
                ("usr/bin/nginx-debug", program(b"nginx version: nginx/1.25.3\0")),
                ("x/release", b"JAVA_VERSION=\"1\"".to_vec()),
            ],
            &[
                "pkg:generic/go@1.21.5 opt/go/VERSION:1",
                "pkg:generic/openjdk@17.0.8 opt/jdk/release:2",
                "pkg:generic/nginx@1.25.3 usr/bin/nginx:0",
                "pkg:generic/node@20.10.0 usr/local/bin/node:0",
                "pkg:generic/openssl@3.0.11 usr/local/lib/libcrypto.so.3:0",
                "pkg:generic/python@3.11.4 usr/local/lib/libpython3.11.so.1.0:0",
            ],
            &[],
        );
    }
}
