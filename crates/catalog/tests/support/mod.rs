//! Makes worlds out of the texts of rule tests. Shared with the `lint` example.

use std::sync::Arc;

use probity_checks::TestSource;
use probity_core::{CollectOptions, Diagnostic, Scope, Source, Tree, World};
use probity_iac::dockerfile::DockerfileSource;
use probity_iac::kubernetes::KubernetesSource;
use probity_iac::terraform::TerraformSource;
use probity_testkit::MapTree;
use probity_value::SourceMap;

/// The subjects of one text that is the only file there is, and what its source has to say.
pub(crate) fn world(language: TestSource, text: &str) -> Option<(World, Vec<Diagnostic>)> {
    let (path, source): (&str, &dyn Source) = match language {
        TestSource::Terraform => ("main.tf", &TerraformSource),
        TestSource::Kubernetes => ("manifest.yaml", &KubernetesSource),
        TestSource::Dockerfile => ("Dockerfile", &DockerfileSource),
    };
    let tree = MapTree::new([(path, text)]);
    let sources = SourceMap::new();
    let unclaimed: Vec<Arc<str>> = tree.files().iter().map(|file| Arc::clone(&file.path)).collect();
    let options = CollectOptions::default();
    let collected = source.collect(&Scope { tree: &tree, sources: &sources, unclaimed: &unclaimed, options: &options });
    Some((World::new(collected.subjects), collected.diagnostics))
}
