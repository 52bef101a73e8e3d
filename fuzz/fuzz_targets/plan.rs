//! Any bytes as a Terraform plan, beside a configuration it may belong to.
#![no_main]

use libfuzzer_sys::fuzz_target;
use probity_core::{CollectOptions, Scope, Source as _, Tree as _};
use probity_iac::plan::PlanSource;
use probity_testkit::MapTree;
use probity_value::SourceMap;

const SOURCE: &[u8] = include_bytes!("../seeds/plan/main.tf");

fuzz_target!(|data: &[u8]| {
    let tree = MapTree::new([("a/main.tf", SOURCE), ("a/tfplan.json", data)]);
    let unclaimed: Vec<_> = tree.files().iter().map(|file| file.path.clone()).collect();
    let texts = SourceMap::new();
    let found = PlanSource.collect(&Scope { tree: &tree, sources: &texts, unclaimed: &unclaimed, options: &CollectOptions::default() });
    for subject in &found.subjects {
        assert!(texts.locate(subject.span).is_some());
    }
});
