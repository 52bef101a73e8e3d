//! Prints what is installed in a folder, an OCI layout or an archive as lines of JSON: `installed DIR|LAYOUT|ARCHIVE`.
#![allow(clippy::disallowed_methods, clippy::print_stdout, clippy::print_stderr, reason = "reads files from outside and prints")]

use std::collections::BTreeMap;
use std::io::{self, Read, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use probity_archive::Limits;
use probity_core::{Digest, Tree, TreeError, TreeFile};
use probity_images::{Blob, Choice, Distribution, Options, Scratch, Store, catalogue_root, open_archive, read_image, read_root};
use probity_packages::Inventory;
use serde_json::json;

/// A file on disk.
struct OnDisk(std::fs::File, u64);

impl Blob for OnDisk {
    fn size(&self) -> u64 {
        self.1
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read_at(buffer, offset)
    }
}

/// Keeps layers in files that have no name.
struct Temporary;

impl Scratch for Temporary {
    fn keep(&self, content: &mut dyn Read) -> io::Result<Arc<dyn Blob>> {
        let mut file = tempfile::tempfile()?;
        let size = io::copy(content, &mut file)?;
        file.flush()?;
        Ok(Arc::new(OnDisk(file, size)))
    }
}

fn open(path: &Path) -> io::Result<Arc<dyn Blob>> {
    let file = std::fs::File::open(path)?;
    let size = file.metadata()?.len();
    Ok(Arc::new(OnDisk(file, size)))
}

/// An OCI layout on disk.
struct Layout(PathBuf);

impl Store for Layout {
    fn open(&self, path: &str) -> Option<Arc<dyn Blob>> {
        open(&self.0.join(path)).ok()
    }
}

/// A root file system on disk.
struct Folder {
    top: PathBuf,
    files: Vec<TreeFile>,
}

impl Folder {
    fn list(&mut self, folder: &Path, above: &str) {
        let Ok(entries) = std::fs::read_dir(folder) else { return };
        for entry in entries.flatten() {
            let Ok(kind) = entry.file_type() else { continue };
            let path = format!("{above}{}", entry.file_name().to_string_lossy());
            if kind.is_dir() {
                self.list(&entry.path(), &format!("{path}/"));
            } else if let (true, Ok(metadata)) = (kind.is_file(), entry.metadata()) {
                self.files.push(TreeFile { path: path.into(), size: metadata.len() });
            }
        }
    }
}

impl Tree for Folder {
    fn files(&self) -> &[TreeFile] {
        &self.files
    }

    fn read(&self, path: &str) -> Result<Arc<[u8]>, TreeError> {
        std::fs::read(self.top.join(path)).map(Arc::from).map_err(|_| TreeError::Missing)
    }

    fn start(&self, path: &str, bytes: usize) -> Result<Vec<u8>, TreeError> {
        let mut out = Vec::new();
        let file = std::fs::File::open(self.top.join(path)).map_err(|_| TreeError::Missing)?;
        file.take(bytes as u64).read_to_end(&mut out).map_err(|error| TreeError::Io(error.to_string()))?;
        Ok(out)
    }

    fn digests(&self) -> BTreeMap<Arc<str>, Digest> {
        BTreeMap::new()
    }
}

fn main() -> std::process::ExitCode {
    let Some(path) = std::env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("name a folder, a layout or an archive");
        return 2.into();
    };
    match found(&path) {
        Ok(inventory) => print(&inventory),
        Err(error) => {
            eprintln!("{error}");
            return 1.into();
        }
    }
    0.into()
}

fn found(path: &Path) -> Result<Inventory, Box<dyn std::error::Error>> {
    let options = Options { limits: Limits::default(), max_file_size: 16 << 20, scratch: &Temporary };
    if path.is_dir() && path.join("index.json").exists() {
        return Ok(read_image(&Layout(path.to_path_buf()), Choice::First, &options)?.inventory());
    }
    if path.is_dir() {
        let mut folder = Folder { top: path.to_path_buf(), files: Vec::new() };
        folder.list(path, "");
        folder.files.sort_by(|a, b| a.path.cmp(&b.path));
        eprintln!("{:?}", Distribution::of(&folder));
        return Ok(catalogue_root(&folder));
    }
    let store = open_archive(open(path)?, &options)?;
    if store.open("manifest.json").is_some() || store.open("index.json").is_some() {
        return Ok(read_image(&store, Choice::First, &options)?.inventory());
    }
    let files = read_root(open(path)?, &options)?;
    let mut inventory = catalogue_root(&files);
    inventory.problems.extend(files.problems().iter().cloned());
    Ok(inventory)
}

fn print(inventory: &Inventory) {
    for package in &inventory.packages {
        println!(
            "{}",
            json!({
                "purl": package.purl.to_string(), "kind": &*package.purl.kind, "name": package.purl.full_name(),
                "version": package.purl.version.as_deref(), "by": package.found_by, "direct": package.direct,
                "source": package.built_from.as_ref().map(|source| format!("{} {}", source.name, source.version)),
                "licences": package.licences.iter().map(|one| one.to_string()).collect::<Vec<_>>(),
                "at": package.at.iter().map(|at| format!("{}:{}", at.file, at.line)).collect::<Vec<_>>(),
                "layer": package.at.first().and_then(|at| at.layer.as_deref()),
            })
        );
    }
    for problem in &inventory.problems {
        println!("{}", json!({ "problem": problem.what, "file": &*problem.file, "line": problem.line, "fails": problem.fails }));
    }
}
