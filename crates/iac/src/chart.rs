//! Helm charts: templates are claimed and said not to be rendered yet, so that they are not taken for broken manifests.
//!
//! What does not live here: files of a chart that Helm does not render (`crds/`, templates without `{{`); they are what they are, and
//! the Kubernetes source judges them.

use std::collections::BTreeSet;
use std::sync::Arc;

use probity_core::{Collected, Scope, SkippedFile, Source};

/// Claims what belongs to a Helm chart and is not a manifest.
#[derive(Clone, Copy, Debug, Default)]
pub struct ChartSource;

const ID: &str = "helm-chart";

impl Source for ChartSource {
    fn id(&self) -> &'static str {
        ID
    }

    fn collect(&self, scope: &Scope<'_>) -> Collected {
        let mut collected = Collected::default();
        let charts: BTreeSet<&str> = scope
            .unclaimed
            .iter()
            .filter_map(|path| split(path))
            .filter(|(_, name)| *name == "Chart.yaml")
            .map(|(folder, _)| folder)
            .collect();
        if charts.is_empty() {
            return collected;
        }
        for path in scope.unclaimed {
            if let Some(why) = claimed(path, &charts, scope) {
                collected.coverage.skipped.push(SkippedFile {
                    file: Arc::clone(path),
                    source: ID,
                    why: why.to_owned(),
                    fails: false,
                    partly: false,
                });
            }
        }
        collected
    }
}

/// Folder (empty for the top) and name.
fn split(path: &str) -> Option<(&str, &str)> {
    Some(path.rsplit_once('/').unwrap_or(("", path)))
}

/// What a file of a chart is, where it is one that is not read.
fn claimed(path: &str, charts: &BTreeSet<&str>, scope: &Scope<'_>) -> Option<&'static str> {
    let (folder, name) = split(path)?;
    if charts.contains(folder) {
        let values = name.starts_with("values") && [".yaml", ".yml", ".json"].iter().any(|end| name.ends_with(end));
        let own = matches!(name, "Chart.yaml" | "Chart.lock" | "requirements.yaml" | "requirements.lock" | ".helmignore");
        return (values || own).then_some("helm chart, not rendered yet");
    }
    let parent = split(folder)?;
    if parent.1 == "charts" && charts.contains(parent.0) && name.ends_with(".tgz") {
        return Some("packaged helm chart, not opened");
    }
    let inside_templates = charts.iter().any(|chart| {
        let below = if chart.is_empty() { Some(path) } else { path.strip_prefix(chart).and_then(|rest| rest.strip_prefix('/')) };
        below.is_some_and(|rest| rest.starts_with("templates/"))
    });
    if !inside_templates {
        return None;
    }
    let manifest = [".yaml", ".yml", ".json"].iter().any(|end| name.ends_with(end));
    let fixed = manifest && scope.tree.read(path).is_ok_and(|bytes| !bytes.windows(2).any(|pair| pair == b"{{"));
    (!fixed).then_some("helm chart template, not rendered yet")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kubernetes::tests::{MapTree, scope_of};
    use probity_core::{CollectOptions, Tree};
    use probity_value::SourceMap;

    #[test]
    fn templates_are_claimed_and_fixed_manifests_left() {
        let tree = MapTree::new(&[
            ("a/Chart.yaml", "name: a"),
            ("a/values-prod.yaml", ""),
            ("a/charts/b-1.0.tgz", ""),
            ("a/charts/c/Chart.yaml", ""),
            ("a/charts/c/templates/deep/x.yaml", "a: {{ .b }}"),
            ("a/crds/x.yaml", "a: 1"),
            ("a/templates/NOTES.txt", "hello"),
            ("a/templates/fixed.yaml", "a: 1"),
            ("a/templates/x.yaml", "a: {{ .b }}"),
            ("b/templates/x.yaml", "a: {{ .b }}"),
            ("values.yaml", ""),
        ]);
        let (sources, options) = (SourceMap::new(), CollectOptions::default());
        let unclaimed: Vec<Arc<str>> = tree.files().iter().map(|file| Arc::clone(&file.path)).collect();
        let collected = ChartSource.collect(&scope_of(&tree, &sources, &options, &unclaimed));
        let skipped: Vec<String> = collected.coverage.skipped.iter().map(|file| format!("{}: {}", file.file, file.why)).collect();
        assert_eq!(
            skipped,
            [
                "a/Chart.yaml: helm chart, not rendered yet",
                "a/charts/b-1.0.tgz: packaged helm chart, not opened",
                "a/charts/c/Chart.yaml: helm chart, not rendered yet",
                "a/charts/c/templates/deep/x.yaml: helm chart template, not rendered yet",
                "a/templates/NOTES.txt: helm chart template, not rendered yet",
                "a/templates/x.yaml: helm chart template, not rendered yet",
                "a/values-prod.yaml: helm chart, not rendered yet",
            ]
        );
        assert!(!collected.coverage.skipped.iter().any(|file| file.fails));
    }
}
