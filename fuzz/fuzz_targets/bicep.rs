//! Any bytes as Bicep files that may use each other, and as their parameters.
#![no_main]

use libfuzzer_sys::fuzz_target;
use probity_core::{CollectOptions, Scope, Source as _, Tree as _};
use probity_iac::bicep::BicepSource;
use probity_testkit::MapTree;
use probity_value::SourceMap;

fuzz_target!(|data: &[u8]| {
    let tree = MapTree::new([("main.bicep", data.to_vec()), ("a.bicep", data.to_vec()), ("main.bicepparam", data.to_vec())]);
    let unclaimed: Vec<_> = tree.files().iter().map(|file| file.path.clone()).collect();
    let texts = SourceMap::new();
    let options = CollectOptions { max_steps: 200_000, ..CollectOptions::default() };
    let found = BicepSource.collect(&Scope { tree: &tree, sources: &texts, unclaimed: &unclaimed, options: &options });
    for subject in &found.subjects {
        assert!(texts.locate(subject.span).is_some());
    }
});
