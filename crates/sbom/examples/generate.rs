//! Writes bills of materials of generated packages to a folder, in every format, to be validated by others:
//! `cargo run --example generate -- FOLDER COUNT`.
#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "a tool for tests that writes files")]

#[path = "../tests/common/mod.rs"]
mod common;

use probity_sbom::{Format, write};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().unwrap();
    let count: usize = arguments.next().unwrap().parse().unwrap();
    let mut runner = TestRunner::deterministic();
    for number in 0..count {
        let inventory = common::inventory().new_tree(&mut runner).unwrap().current();
        let about = common::about().new_tree(&mut runner).unwrap().current();
        for format in Format::ALL {
            let end = match format {
                Format::CycloneDxJson => "cdx.json",
                Format::CycloneDxXml => "cdx.xml",
                Format::SpdxJson => "spdx.json",
                Format::SpdxTags => "spdx",
            };
            std::fs::write(format!("{folder}/{number:04}.{end}"), write(*format, &inventory, &about)).unwrap();
        }
    }
}
