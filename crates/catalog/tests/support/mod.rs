//! Makes worlds out of the texts of rule tests. Shared with the `lint` example.

use std::sync::Arc;

use probity_checks::TestSource;
use probity_core::{CollectOptions, Diagnostic, Scope, Tree, World};
use probity_testkit::MapTree;
use probity_value::SourceMap;

/// The subjects of one text that is the only file there is, and what its source has to say.
pub(crate) fn world(language: TestSource, text: &str) -> Option<(World, Vec<Diagnostic>)> {
    let tree = MapTree::new([(language.file(), text)]);
    let sources = SourceMap::new();
    let options = CollectOptions::default();
    let mut unclaimed: Vec<Arc<str>> = tree.files().iter().map(|file| Arc::clone(&file.path)).collect();
    let mut subjects = Vec::new();
    let mut diagnostics = Vec::new();
    for source in probity_iac::SOURCES {
        let found = source.collect(&Scope { tree: &tree, sources: &sources, unclaimed: &unclaimed, options: &options });
        let coverage = &found.coverage;
        let claimed = |path: &Arc<str>| {
            coverage.read.iter().any(|read| read.file == *path) || coverage.skipped.iter().any(|skipped| skipped.file == *path)
        };
        unclaimed.retain(|path| !claimed(path));
        subjects.extend(found.subjects);
        diagnostics.extend(found.diagnostics);
    }
    Some((World::new(subjects), diagnostics))
}
