//! Any bytes as an API description.
#![no_main]

use libfuzzer_sys::fuzz_target;
use probity_core::{CollectOptions, Scope, Source as _, Tree as _};
use probity_iac::openapi::OpenapiSource;
use probity_testkit::MapTree;
use probity_value::SourceMap;

fuzz_target!(|data: &[u8]| {
    let tree = MapTree::new([("a.yaml", data.to_vec()), ("b.json", data.to_vec())]);
    let unclaimed: Vec<_> = tree.files().iter().map(|file| file.path.clone()).collect();
    let texts = SourceMap::new();
    let found = OpenapiSource.collect(&Scope { tree: &tree, sources: &texts, unclaimed: &unclaimed, options: &CollectOptions::default() });
    for subject in &found.subjects {
        assert!(texts.locate(subject.span).is_some());
    }
});
