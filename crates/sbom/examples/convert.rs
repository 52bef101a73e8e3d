//! Reads a bill of materials and writes it in another format: `cargo run --example convert -- FILE [cyclonedx-json|...]`.
//! Without a format, what was read is listed, one package a line.
#![expect(clippy::disallowed_methods, clippy::unwrap_used, clippy::print_stdout, reason = "a tool for tests that reads and prints files")]

use std::io::Write as _;

use probity_sbom::{Description, Format, read, write};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let file = arguments.next().unwrap();
    let document = read(&std::fs::read(&file).unwrap(), &file).unwrap_or_else(|error| {
        println!("{file}: {error}");
        std::process::exit(1)
    });
    if let Some(name) = arguments.next() {
        let format = Format::ALL.iter().find(|format| format.name() == name).unwrap();
        let about = Description {
            subject: document.subject.unwrap_or_default(),
            tool: "probity".into(),
            tool_version: env!("CARGO_PKG_VERSION").into(),
            time: document.time,
        };
        std::io::stdout().write_all(&write(*format, &document.inventory, &about)).unwrap();
        return;
    }
    println!("# {:?} {} subject {:?} distribution {:?}", document.format, document.version, document.subject, document.distribution);
    println!("# links {} without identity {}", document.inventory.links.len(), document.without_identity);
    for package in &document.inventory.packages {
        let source = package.built_from.as_ref().map(|source| format!(" from {} {}", source.name, source.version)).unwrap_or_default();
        let place = package.at.first().map(|at| at.file.to_string()).unwrap_or_default();
        println!("{}{source} at {place}", package.purl);
    }
    for problem in &document.inventory.problems {
        println!("# {}:{} {}", problem.file, problem.line, problem.what);
    }
}
