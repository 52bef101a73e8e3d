//! Any bytes as a Dockerfile.
#![no_main]

use libfuzzer_sys::fuzz_target;
use probity_core::{CollectOptions, Scope, Source as _, Tree as _};
use probity_iac::dockerfile::DockerfileSource;
use probity_testkit::MapTree;
use probity_value::SourceMap;

fuzz_target!(|data: &[u8]| {
    let tree = MapTree::new([("Dockerfile", data.to_vec())]);
    let unclaimed: Vec<_> = tree.files().iter().map(|file| file.path.clone()).collect();
    let texts = SourceMap::new();
    let found = DockerfileSource.collect(&Scope { tree: &tree, sources: &texts, unclaimed: &unclaimed, options: &CollectOptions::default() });
    assert!(!found.coverage.read.is_empty() || !found.coverage.skipped.is_empty());
});
