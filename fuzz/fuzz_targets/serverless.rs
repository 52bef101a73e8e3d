//! Any bytes as a service and a file it reads.
#![no_main]

use libfuzzer_sys::fuzz_target;
use probity_core::{CollectOptions, Scope, Source as _, Tree as _};
use probity_iac::serverless::ServerlessSource;
use probity_testkit::MapTree;
use probity_value::SourceMap;

fuzz_target!(|data: &[u8]| {
    let tree = MapTree::new([("serverless.yml", data.to_vec()), ("x.yml", data.to_vec())]);
    let unclaimed: Vec<_> = tree.files().iter().map(|file| file.path.clone()).collect();
    let texts = SourceMap::new();
    let found = ServerlessSource.collect(&Scope { tree: &tree, sources: &texts, unclaimed: &unclaimed, options: &CollectOptions::default() });
    for subject in &found.subjects {
        assert!(texts.locate(subject.span).is_some());
    }
});
