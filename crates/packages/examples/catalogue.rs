//! Reads every list of packages below a folder and prints what is in it as lines of JSON: `catalogue DIR`.
#![allow(clippy::disallowed_methods, clippy::print_stdout, clippy::print_stderr, reason = "reads files from outside and prints")]

use std::path::Path;

use probity_packages::{Inventory, Package, catalogue};
use probity_testkit::MapTree;
use serde_json::json;

fn main() -> std::process::ExitCode {
    let Some(folder) = std::env::args_os().nth(1) else {
        eprintln!("name a folder");
        return 2.into();
    };
    let mut files = Vec::new();
    list(Path::new(&folder), "", &mut files);
    let tree = MapTree::new(files);
    for found in catalogue(&tree) {
        for (index, package) in found.inventory.packages.iter().enumerate() {
            println!("{}", shown(&found.path, &found.inventory, index, package));
        }
        for problem in &found.inventory.problems {
            println!(
                "{}",
                json!({ "path": &*found.path, "problem": problem.what, "file": &*problem.file, "line": problem.line, "fails": problem.fails })
            );
        }
    }
    0.into()
}

fn shown(path: &str, inventory: &Inventory, index: usize, package: &Package) -> serde_json::Value {
    let texts = |list: &[std::sync::Arc<str>]| list.iter().map(|one| one.to_string()).collect::<Vec<_>>();
    let paths: Vec<String> = inventory
        .paths_to(index, 3)
        .iter()
        .map(|way| {
            way.iter().filter_map(|index| inventory.packages.get(*index)).map(|one| one.purl.full_name()).collect::<Vec<_>>().join(" > ")
        })
        .collect();
    json!({
        "path": path, "by": package.found_by, "purl": package.purl.to_string(), "kind": &*package.purl.kind,
        "name": package.purl.full_name(), "version": package.purl.version.as_deref(),
        "usage": format!("{:?}", package.usage), "direct": package.direct, "requested": package.requested.as_deref(),
        "resolved": package.resolved.as_deref(), "hashes": texts(&package.hashes), "licences": texts(&package.licences),
        "at": package.at.iter().map(|at| format!("{}:{}", at.file, at.line)).collect::<Vec<_>>(), "paths": paths,
    })
}

fn list(folder: &Path, above: &str, out: &mut Vec<(String, Vec<u8>)>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if above.is_empty() { name } else { format!("{above}/{name}") };
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => list(&entry.path(), &path, out),
            Ok(kind) if kind.is_file() => out.extend(std::fs::read(entry.path()).ok().map(|bytes| (path, bytes))),
            _ => {}
        }
    }
}
