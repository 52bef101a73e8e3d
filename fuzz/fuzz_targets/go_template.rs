//! Any text as a template of a chart, with itself as its values where it can be that: rendered, never a panic, always an end, and every
//! file of the chart is in the coverage.
#![no_main]

use libfuzzer_sys::fuzz_target;
use probity_core::{CollectOptions, Scope, Source as _, Tree as _};
use probity_iac::helm::HelmSource;
use probity_testkit::MapTree;
use probity_value::SourceMap;

const VALUES: &str = "a: text\nb: 2\nc: [1, x, {y: z}]\nd: {e: {f: true}}\nt: '{{ .Values.a }}'\n";

fuzz_target!(|data: &str| {
    // What stands before a line of `%%%` are the values.
    let (values, template) = data.split_once("\n%%%\n").unwrap_or((VALUES, data));
    let helpers = "{{ define \"x\" }}{{ . }}{{ end }}";
    let tree = MapTree::new([
        ("c/Chart.yaml", "apiVersion: v2\nname: c\nversion: 0.1.0\n"),
        ("c/values.yaml", values),
        ("c/templates/_h.tpl", helpers),
        ("c/templates/a.yaml", template),
    ]);
    let unclaimed: Vec<_> = tree.files().iter().map(|file| file.path.clone()).collect();
    let options = CollectOptions { max_steps: 20_000, ..CollectOptions::default() };
    let texts = SourceMap::new();
    let found = HelmSource.collect(&Scope { tree: &tree, sources: &texts, unclaimed: &unclaimed, options: &options });
    assert!(!found.diagnostics.iter().any(|said| said.code == "helm-failed"));
    for path in &unclaimed {
        let read = found.coverage.read.iter().any(|file| file.file == *path);
        assert!(read || found.coverage.skipped.iter().any(|file| file.file == *path), "{path}");
    }
    for subject in &found.subjects {
        assert!(texts.locate(subject.span).is_some());
    }
});
