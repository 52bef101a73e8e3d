//! Any text as a kustomization, and what stands behind a line of `%%%` as a patch: rendered, never a panic, always an end.
#![no_main]

use libfuzzer_sys::fuzz_target;
use probity_core::{CollectOptions, Scope, Source as _, Tree as _};
use probity_iac::kustomize::KustomizeSource;
use probity_testkit::MapTree;
use probity_value::SourceMap;

const OBJECTS: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, labels: {a: b}}\nspec:\n  replicas: 1\n  template:\n    spec:\n      containers:\n      - {name: a, image: 'nginx:1', ports: [{containerPort: 80}]}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {k: '{\"a\": 1}'}\n";

fuzz_target!(|data: &str| {
    let (kustomization, patch) = data.split_once("\n%%%\n").unwrap_or((data, ""));
    let tree = MapTree::new([
        ("base/kustomization.yaml", "resources: [r.yaml]\n"),
        ("base/r.yaml", OBJECTS),
        ("o/kustomization.yaml", kustomization),
        ("o/p.yaml", patch),
    ]);
    let unclaimed: Vec<_> = tree.files().iter().map(|file| file.path.clone()).collect();
    let texts = SourceMap::new();
    let found = KustomizeSource.collect(&Scope { tree: &tree, sources: &texts, unclaimed: &unclaimed, options: &CollectOptions::default() });
    assert!(!found.coverage.skipped.iter().any(|file| file.why == "rendering the overlays failed"));
    for subject in &found.subjects {
        assert!(texts.locate(subject.span).is_some());
    }
});
