//! Reads a folder as Terraform and prints what comes out: `cargo run -p probity-iac --example dump -- FOLDER [--values] [--repeat N]`.
#![allow(clippy::disallowed_methods, reason = "a developer's tool")]
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs, reason = "a program for people who work on this crate")]

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use probity_core::{CollectOptions, Scope, Source as _};
use probity_iac::terraform::TerraformSource;
use probity_testkit::MapTree;
use probity_value::{Data, SourceMap, Value};

fn gather(top: &Path, folder: &Path, out: &mut Vec<(String, Vec<u8>)>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            if !path.ends_with(".git") {
                gather(top, &path, out);
            }
        } else if kind.is_file()
            && let Ok(bytes) = std::fs::read(&path)
        {
            out.push((path.strip_prefix(top).unwrap().to_string_lossy().into_owned(), bytes));
        }
    }
}

fn show(value: &Value, out: &mut String) {
    match &value.data {
        Data::Null => out.push_str("null"),
        Data::Bool(truth) => out.push_str(&truth.to_string()),
        Data::Number(number) => out.push_str(&number.to_string()),
        Data::String(text) => out.push_str(&format!("{text:?}")),
        Data::List(items) => {
            out.push('[');
            for item in items.iter() {
                show(item, out);
                out.push_str(", ");
            }
            out.push(']');
        }
        Data::Map(map) => {
            out.push('{');
            for (key, entry) in map.iter() {
                out.push_str(&format!("{key} = "));
                show(&entry.value, out);
                out.push_str(", ");
            }
            out.push('}');
        }
        Data::Unknown(unknown) => {
            out.push_str(&format!("<{:?}: {}>", unknown.kind, unknown.reason));
            if let Some(decoded) = &unknown.decoded {
                out.push_str(" decoded ");
                show(decoded, out);
            }
        }
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let top = Path::new(arguments.first().unwrap());
    let values = arguments.iter().any(|argument| argument == "--values");
    let repeat = arguments.iter().position(|argument| argument == "--repeat").map_or(1, |at| arguments[at + 1].parse().unwrap());
    let mut files = Vec::new();
    gather(top, top, &mut files);
    let tree = MapTree::new(files);
    let unclaimed: Vec<Arc<str>> = probity_core::Tree::files(&tree).iter().map(|file| Arc::clone(&file.path)).collect();
    let options = CollectOptions::default();
    for _ in 1..repeat {
        let sources = SourceMap::new();
        TerraformSource.collect(&Scope { tree: &tree, sources: &sources, unclaimed: &unclaimed, options: &options });
    }
    let sources = SourceMap::new();
    let start = Instant::now();
    let collected = TerraformSource.collect(&Scope { tree: &tree, sources: &sources, unclaimed: &unclaimed, options: &options });
    let took = start.elapsed();
    if values {
        for subject in &collected.subjects {
            let mut text = String::new();
            show(&subject.value, &mut text);
            println!("{} {} {text}", subject.root, subject.id);
        }
    }
    for diagnostic in &collected.diagnostics {
        let place = sources.locate(diagnostic.span).map_or(0, |(_, start, _)| start.line);
        println!("{:?} {} {}:{place} {}", diagnostic.level, diagnostic.code, diagnostic.file, diagnostic.message);
    }
    for file in collected.coverage.skipped.iter().filter(|file| file.fails) {
        println!("skipped {} {}", file.file, file.why);
    }
    let roots: std::collections::BTreeSet<&str> = collected.subjects.iter().map(|subject| &*subject.root).collect();
    println!(
        "{} subjects of {} roots, {} files read, {} skipped, {} diagnostics, {} suppressions in {took:?}",
        collected.subjects.len(),
        roots.len(),
        collected.coverage.read.len(),
        collected.coverage.skipped.len(),
        collected.diagnostics.len(),
        collected.suppressions.len(),
    );
}
