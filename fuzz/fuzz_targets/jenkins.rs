//! Any bytes as a Jenkinsfile.
#![no_main]

use libfuzzer_sys::fuzz_target;
use probity_core::{CollectOptions, Scope, Source as _, Tree as _};
use probity_iac::jenkins::JenkinsSource;
use probity_testkit::MapTree;
use probity_value::SourceMap;

fuzz_target!(|data: &[u8]| {
    let tree = MapTree::new([("Jenkinsfile", data.to_vec())]);
    let unclaimed: Vec<_> = tree.files().iter().map(|file| file.path.clone()).collect();
    let texts = SourceMap::new();
    let found = JenkinsSource.collect(&Scope { tree: &tree, sources: &texts, unclaimed: &unclaimed, options: &CollectOptions::default() });
    for subject in &found.subjects {
        assert!(texts.locate(subject.span).is_some());
    }
});
