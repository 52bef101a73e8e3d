//! Any bytes as a Terraform file: read, evaluated, never a panic, always an end, and the file is in the coverage.
#![no_main]

use libfuzzer_sys::fuzz_target;
use probity_core::{CollectOptions, Scope, Source as _, Tree as _};
use probity_iac::terraform::TerraformSource;
use probity_testkit::MapTree;
use probity_value::SourceMap;

fuzz_target!(|data: &[u8]| {
    let tree = MapTree::new([("main.tf", data.to_vec())]);
    let unclaimed: Vec<_> = tree.files().iter().map(|file| file.path.clone()).collect();
    let options = CollectOptions { max_steps: 200_000, ..CollectOptions::default() };
    let texts = SourceMap::new();
    let found = TerraformSource.collect(&Scope { tree: &tree, sources: &texts, unclaimed: &unclaimed, options: &options });
    assert!(!found.coverage.read.is_empty() || !found.coverage.skipped.is_empty());
});
