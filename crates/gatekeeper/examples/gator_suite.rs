//! Runs Gatekeeper's suites and the Rego unit tests of a folder (`cargo run --example gator_suite -- FOLDER [FILTER]`): one JSON object
//! a case.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a tool of the developers"
)]

use std::path::Path;

use probity_core::{Expectation, Limits, NoLookup, Timestamp, Tree};
use probity_files::FolderTree;
use probity_gatekeeper::{suite, testing};
use probity_rego::Version;
use probity_value::{SourceMap, json};

fn quoted(text: &str) -> String {
    let mut out = String::new();
    json::write_string(text, &mut out);
    out
}

fn print(part: &str, expectation: &Expectation) {
    let id = [part, &expectation.file, &expectation.policy, &expectation.rule, &expectation.resource];
    let id = id.iter().filter(|text| !text.is_empty()).copied().collect::<Vec<_>>().join(" ");
    let kind = match (expectation.passed, part) {
        (false, "suite") if expectation.expected.contains("no violations") => "\"false-deny\"",
        (false, "suite") => "\"false-allow\"",
        _ => "null",
    };
    println!(
        "{{\"id\":{},\"expected\":{},\"actual\":{},\"agreed\":{},\"kind\":{kind},\"why\":{}}}",
        quoted(&id),
        quoted(&expectation.expected),
        quoted(&expectation.actual),
        expectation.passed,
        quoted(&expectation.why)
    );
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().expect("a folder");
    let filter = arguments.next().unwrap_or_default();
    let tree = FolderTree::open(Path::new(&folder), None, 16 << 20).expect("the folder");
    let sources = SourceMap::new();
    let now = Timestamp { seconds: 1_700_000_000, nanoseconds: 0 };
    let (mut agreed, mut all) = (0, 0);
    let mut tell = |part: &str, expectations: &[Expectation]| {
        for expectation in expectations {
            print(part, expectation);
            all += 1;
            agreed += usize::from(expectation.passed);
        }
    };
    let means = suite::Means { tree: &tree, sources: &sources, limits: Limits::default(), now, lookup: &NoLookup };
    for file in tree.files().iter().filter(|file| file.path.contains(&*filter)) {
        if (file.path.ends_with(".yaml") || file.path.ends_with(".yml"))
            && let Some(run) = suite::run(&file.path, &means)
        {
            tell("suite", &run.expectations);
        }
    }
    let means = testing::Means { tree: &tree, sources: &sources, limits: Limits::default(), now, lookup: &NoLookup, version: Version::V0 };
    for folder in testing::folders(&tree).iter().filter(|folder| folder.contains(&*filter)) {
        tell("rego", &testing::run(folder, &means).expectations);
    }
    eprintln!("{agreed} of {all}");
}
