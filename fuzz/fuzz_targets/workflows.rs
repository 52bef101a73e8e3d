//! Any bytes as a file of each continuous integration system that is written as YAML, and as a Compose file.
#![no_main]

use libfuzzer_sys::fuzz_target;
use probity_core::{CollectOptions, Scope, Source, Tree as _};
use probity_testkit::MapTree;
use probity_value::SourceMap;

/// Each source with the name of a file it claims.
const SOURCES: &[(&dyn Source, &str)] = &[
    (&probity_iac::github_actions::GithubActionsSource, ".github/workflows/a.yml"),
    (&probity_iac::gitlab_ci::GitlabCiSource, ".gitlab-ci.yml"),
    (&probity_iac::azure_pipelines::AzurePipelinesSource, "azure-pipelines.yml"),
    (&probity_iac::circleci::CircleciSource, ".circleci/config.yml"),
    (&probity_iac::bitbucket_pipelines::BitbucketPipelinesSource, "bitbucket-pipelines.yml"),
    (&probity_iac::compose::ComposeSource, "compose.yaml"),
];

fuzz_target!(|data: &[u8]| {
    for (source, name) in SOURCES {
        let tree = MapTree::new([(*name, data.to_vec()), ("other.yml", data.to_vec())]);
        let unclaimed: Vec<_> = tree.files().iter().map(|file| file.path.clone()).collect();
        let texts = SourceMap::new();
        let found = source.collect(&Scope { tree: &tree, sources: &texts, unclaimed: &unclaimed, options: &CollectOptions::default() });
        for subject in &found.subjects {
            assert!(texts.locate(subject.span).is_some());
        }
    }
});
