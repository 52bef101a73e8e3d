//! Runs the `kyverno-test.yaml` files of a folder, strictly, and prints one JSON object for each expectation: for `cargo xtask conformance`.

#![expect(clippy::print_stdout, clippy::disallowed_methods, reason = "an example reads a folder and prints what came of it")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use probity_core::{Digest, Limits, Timestamp, Tree, TreeError, TreeFile};
use probity_kyverno::test::{self, TestContext};
use probity_value::{SourceMap, json};

struct Folder {
    root: PathBuf,
    files: Vec<TreeFile>,
}

impl Folder {
    fn open(root: &Path) -> std::io::Result<Folder> {
        let mut files = Vec::new();
        let mut open = vec![root.to_path_buf()];
        while let Some(folder) = open.pop() {
            for entry in std::fs::read_dir(&folder)? {
                let entry = entry?;
                let path = entry.path();
                if entry.file_type()?.is_dir() {
                    open.push(path);
                } else if let Ok(relative) = path.strip_prefix(root) {
                    let size = entry.metadata()?.len();
                    files.push(TreeFile { path: relative.to_string_lossy().replace('\\', "/").into(), size });
                }
            }
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Folder { root: root.to_path_buf(), files })
    }
}

impl Tree for Folder {
    fn files(&self) -> &[TreeFile] {
        &self.files
    }

    fn read(&self, path: &str) -> Result<Arc<[u8]>, TreeError> {
        std::fs::read(self.root.join(path)).map(Arc::from).map_err(|error| TreeError::Io(error.to_string()))
    }

    fn digests(&self) -> BTreeMap<Arc<str>, Digest> {
        BTreeMap::new()
    }
}

fn quoted(text: &str) -> String {
    let mut out = String::new();
    json::write_string(text, &mut out);
    out
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let root = arguments.next().ok_or("which folder?")?;
    let only = arguments.next();
    let tree = Folder::open(Path::new(&root))?;
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed()?;
    let seconds = i64::try_from(now.as_secs())?;
    for file in test::files(&tree) {
        if only.as_ref().is_some_and(|only| !file.contains(only.as_str())) {
            continue;
        }
        let sources = SourceMap::new();
        let context = TestContext {
            tree: &tree,
            sources: &sources,
            compile: &|documents| probity_kyverno::compile(documents),
            limits: Limits::default(),
            now: Timestamp { seconds, nanoseconds: 0 },
        };
        let report = test::run(&context, &file);
        let said: Vec<String> = report
            .diagnostics
            .iter()
            .map(|said| {
                let at = sources.locate(said.span).map_or(String::new(), |(file, start, _)| format!("{file}:{}: ", start.line));
                format!("{at}{}", said.message)
            })
            .collect();
        for (index, one) in report.expectations.iter().enumerate() {
            let kind = match (&*one.expected, &*one.actual) {
                _ if one.passed => "null",
                ("fail" | "error", "pass" | "no answer" | "skip") => "\"false-allow\"",
                ("pass" | "skip", "fail" | "error") => "\"false-deny\"",
                _ => "\"other\"",
            };
            let why = if one.passed { String::new() } else { format!("{} {}", one.why, said.join(" | ")) };
            println!(
                "{{\"id\": {}, \"expected\": {}, \"actual\": {}, \"agreed\": {}, \"kind\": {kind}, \"why\": {}}}",
                quoted(&format!("{}#{index}:{}/{}/{}", one.file, one.policy, one.rule, one.resource)),
                quoted(&one.expected),
                quoted(&one.actual),
                one.passed,
                quoted(why.trim()),
            );
        }
        if report.expectations.is_empty() {
            println!(
                "{{\"id\": {}, \"expected\": \"rows\", \"actual\": \"none\", \"agreed\": true, \"kind\": null, \"why\": {}}}",
                quoted(&file),
                quoted(&said.join(" | ")),
            );
        }
    }
    Ok(())
}
