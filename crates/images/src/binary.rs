//! Programs: what they carry of what they were built from.

use probity_packages::Inventory;

use crate::executable::{self, Executable};
use crate::sheet::{Root, Sheet, name};
use crate::{go_binary, known, rust_binary};

/// Largest program that is read, in bytes.
const LARGEST: u64 = 1 << 30;
/// Smaller files hold no such list.
const SMALLEST: u64 = 512;

/// Endings of files that are no programs; they are not opened to see.
const TEXTS: &[&str] = &[
    ".c",
    ".conf",
    ".css",
    ".csv",
    ".gif",
    ".gmo",
    ".gz",
    ".h",
    ".html",
    ".jar",
    ".java",
    ".jpg",
    ".js",
    ".json",
    ".list",
    ".lua",
    ".md",
    ".md5sums",
    ".mo",
    ".ogg",
    ".pem",
    ".php",
    ".pl",
    ".pm",
    ".png",
    ".pod",
    ".po",
    ".postinst",
    ".prerm",
    ".py",
    ".pyc",
    ".pyi",
    ".rb",
    ".rst",
    ".scss",
    ".sh",
    ".svg",
    ".tmpl",
    ".toml",
    ".ts",
    ".tsx",
    ".ttf",
    ".txt",
    ".vim",
    ".woff",
    ".woff2",
    ".xml",
    ".xz",
    ".yaml",
    ".yml",
    ".zip",
    ".class",
];

/// Whether a file may be a program, by its name.
pub(crate) fn claims(path: &str) -> bool {
    let name = name(path);
    !TEXTS.iter().any(|ending| name.ends_with(ending))
}

pub(crate) fn read(path: &str, root: &Root<'_>) -> Inventory {
    let mut sheet = Sheet::new(path, "go-binary");
    let size = root.tree.files().binary_search_by(|file| (*file.path).cmp(path)).ok().and_then(|at| root.tree.files().get(at));
    if size.is_some_and(|file| file.size < SMALLEST) {
        return sheet.finish();
    }
    match root.tree.start(path, 8) {
        Ok(start) if executable::is_program(&start) => {}
        // What cannot be opened here cannot be opened by those who claim it either; they say so.
        _ => return sheet.finish(),
    }
    let bytes = sheet.bytes(root, LARGEST);
    let mut known = false;
    for program in Executable::all(&bytes) {
        sheet.id = "go-binary";
        known |= go_binary::read(&program, &mut sheet);
        sheet.id = "rust-binary";
        known |= rust_binary::read(&program, &mut sheet);
    }
    known::program(&bytes, &mut sheet);
    // Packed programs carry the name of their packer near their start.
    let start = bytes.get(..bytes.len().min(4096)).unwrap_or_default();
    if !known && memchr::memmem::find(start, b"UPX!").is_some() {
        sheet.problem(0, "the program is packed with UPX: what it was built from cannot be read", false);
    }
    sheet.finish()
}

#[cfg(test)]
pub(crate) mod tests;
