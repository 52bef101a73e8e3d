//! Which package of an operating system brought a file.

use std::collections::{HashMap, HashSet};

use probity_core::Tree;

use crate::sheet::{name, top_of};
use crate::{alpine, rpm};

/// Largest list of files that is read, in bytes.
const LARGEST: u64 = 1 << 30;

/// For those of the files that a package owns, its type and name.
pub(crate) fn owners(tree: &dyn Tree, files: &HashSet<String>) -> HashMap<String, (&'static str, String)> {
    let mut out = HashMap::new();
    let mut take = |path: &str, kind: &'static str, package: &str| {
        let path = path.trim_start_matches(['/', '.']);
        // Packages may name `lib/x` where `lib` is a link to `usr/lib`.
        for path in [path.to_owned(), format!("usr/{path}")] {
            if files.contains(&path) {
                out.entry(path).or_insert_with(|| (kind, package.to_owned()));
            }
        }
    };
    for file in tree.below("var/lib/dpkg/info").iter().filter(|file| file.path.ends_with(".list")) {
        let package = name(&file.path).trim_end_matches(".list");
        let package = package.split_once(':').map_or(package, |(package, _)| package);
        let Ok(bytes) = tree.read_within(&file.path, LARGEST) else { continue };
        for line in String::from_utf8_lossy(&bytes).lines() {
            take(line, "deb", package);
        }
    }
    for file in tree.below("var/lib/dpkg/status.d").iter().filter(|file| file.path.ends_with(".md5sums")) {
        let package = name(&file.path).trim_end_matches(".md5sums");
        let Ok(bytes) = tree.read_within(&file.path, LARGEST) else { continue };
        for path in String::from_utf8_lossy(&bytes).lines().filter_map(|line| line.split_once("  ")) {
            take(path.1, "deb", package);
        }
    }
    for file in tree.files() {
        if alpine::claims(&file.path)
            && (top_of(&file.path, "lib/apk/db/installed") == Some("") || &*file.path == "usr/lib/apk/db/installed")
        {
            let Ok(bytes) = tree.read_within(&file.path, LARGEST) else { continue };
            let text = String::from_utf8_lossy(&bytes);
            let (mut package, mut folder) = ("", "");
            for line in text.lines() {
                match line.split_once(':') {
                    Some(("P", value)) => package = value,
                    Some(("F", value)) => folder = value,
                    Some(("R", value)) => take(&format!("{folder}/{value}"), "apk", package),
                    _ => {}
                }
            }
        }
        if rpm::claims(&file.path) {
            let Ok(bytes) = tree.read_within(&file.path, LARGEST) else { continue };
            let log = tree.read_within(&format!("{}-wal", file.path), LARGEST).ok();
            rpm::owned(&bytes, log.as_deref(), &mut |path, package| take(path, "rpm", package));
        }
    }
    out
}
