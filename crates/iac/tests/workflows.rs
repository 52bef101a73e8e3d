//! Whatever stands in a pipeline file: it is read without a panic, ends soon, and is in the coverage or left alone.

#![allow(clippy::disallowed_methods, reason = "that reading ends soon is what is tested")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use probity_core::{CollectOptions, Collected, Scope, Source, Tree as _};
use probity_testkit::MapTree;
use probity_value::SourceMap;
use proptest::prelude::*;

/// Each source with the name of a file it claims and texts to begin with.
const SOURCES: &[(&dyn Source, &str, &[&str])] = &[
    (
        &probity_iac::github_actions::GithubActionsSource,
        ".github/workflows/a.yml",
        &[include_str!("../../../fuzz/seeds/workflows/github.yml")],
    ),
    (&probity_iac::gitlab_ci::GitlabCiSource, ".gitlab-ci.yml", &[include_str!("../../../fuzz/seeds/workflows/gitlab.yml")]),
    (
        &probity_iac::azure_pipelines::AzurePipelinesSource,
        "azure-pipelines.yml",
        &[include_str!("../../../fuzz/seeds/workflows/azure.yml")],
    ),
    (&probity_iac::circleci::CircleciSource, ".circleci/config.yml", &[include_str!("../../../fuzz/seeds/workflows/circle.yml")]),
    (
        &probity_iac::bitbucket_pipelines::BitbucketPipelinesSource,
        "bitbucket-pipelines.yml",
        &[include_str!("../../../fuzz/seeds/workflows/bitbucket.yml")],
    ),
    (&probity_iac::compose::ComposeSource, "compose.yaml", &[include_str!("../../../fuzz/seeds/workflows/compose.yml")]),
    (
        &probity_iac::openapi::OpenapiSource,
        "api.yaml",
        &[include_str!("../../../fuzz/seeds/openapi/three.yaml"), include_str!("../../../fuzz/seeds/openapi/two.json")],
    ),
    (
        &probity_iac::jenkins::JenkinsSource,
        "Jenkinsfile",
        &[include_str!("../../../fuzz/seeds/jenkins/declarative"), include_str!("../../../fuzz/seeds/jenkins/scripted")],
    ),
];

fn collect(source: &dyn Source, name: &str, bytes: &[u8]) -> (Collected, SourceMap) {
    let tree = MapTree::new([(name, bytes), ("other.yml", bytes)]);
    let sources = SourceMap::new();
    let unclaimed: Vec<Arc<str>> = tree.files().iter().map(|file| Arc::clone(&file.path)).collect();
    let options = CollectOptions::default();
    let found = source.collect(&Scope { tree: &tree, sources: &sources, unclaimed: &unclaimed, options: &options });
    (found, sources)
}

fn sound(source: &dyn Source, name: &str, bytes: &[u8]) {
    let (found, sources) = collect(source, name, bytes);
    for subject in &found.subjects {
        assert!(sources.locate(subject.span).is_some(), "{}", subject.id);
        assert!(sources.snippet(subject.head).is_some(), "{}", subject.id);
        let covered = found.coverage.read.iter().any(|read| *read.file == *subject.root);
        assert!(covered, "{} is not in the coverage", subject.root);
    }
    let mut ids: Vec<_> = found.subjects.iter().map(|subject| (&subject.root, &subject.id)).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), found.subjects.len(), "an id is given twice");
}

#[test]
fn seeds_are_read() {
    for (source, name, seeds) in SOURCES {
        for seed in *seeds {
            let (found, _) = collect(*source, name, seed.as_bytes());
            assert!(found.subjects.len() > 1, "{name}: {:?} {:?}", found.diagnostics, found.coverage);
            sound(*source, name, seed.as_bytes());
        }
    }
}

#[test]
fn hostile_files_end_soon() {
    let deep_list = "[".repeat(20_000);
    let deep_map = (0..2000).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect::<String>();
    let bomb = "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d]\njobs: *e\non: *e\nservices: *e\nsteps: *e\nstages: *e\npipelines: *e\npaths: *e\nopenapi: 3.0.0\n".to_owned();
    let jobs: String = (0..3000)
        .map(|number| format!("  j{number}: {{ runs-on: x, needs: [j{}], environment: p, steps: [{{ run: a }}] }}\n", number + 1))
        .collect();
    let many = format!("on: push\njobs:\n{jobs}");
    let cycle: String = (0..400)
        .map(|number| {
            format!(
                "j{number}: {{ extends: [j{}, j{}], needs: [j{}], environment: p, script: x }}\n",
                (number + 1) % 400,
                (number + 7) % 400,
                (number + 1) % 400
            )
        })
        .collect();
    let script = format!("a:\n  script:\n    - |\n      {}\n", "tfsec . && ".repeat(20_000));
    let services: String = (0..200)
        .map(|number| format!("  s{number}: {{ extends: s{}, image: \"${{A:-${{B:-${{C:-x}}}}}}\" }}\n", (number + 1) % 200))
        .collect();
    let compose = format!("services:\n{services}");
    let groovy = format!("pipeline {{ stages {{ stage('a') {{ steps {{ {} }} }} }} }}", "script { sh 'a' ".repeat(3000));
    for (source, name, _) in SOURCES {
        for text in [&deep_list, &deep_map, &bomb, &many, &cycle, &script, &compose, &groovy] {
            let start = Instant::now();
            let _ = collect(*source, name, text.as_bytes());
            let took = start.elapsed();
            if took > Duration::from_secs(1) {
                eprintln!("{name} {took:?} {}", text.get(..30).unwrap_or(text));
            }
            assert!(took < Duration::from_secs(20), "{name} took {took:?} for {}", text.get(..40).unwrap_or(text));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn changed_seeds_are_read(which in 0..8_usize, cuts in prop::collection::vec((0..2000_usize, 0..40_usize, 0..12_usize), 1..6)) {
        const PIECES: [&str; 12] = ["", "\n", "  ", ": ", "- ", "{", "}", "'", "\"", "*s", "${{ ", "\u{0}"];
        let Some((source, name, seeds)) = SOURCES.get(which) else { return Ok(()) };
        for seed in *seeds {
            let mut bytes = seed.as_bytes().to_vec();
            for (at, length, piece) in &cuts {
                let start = at % (bytes.len() + 1);
                let end = (start + length).min(bytes.len());
                bytes.splice(start..end, PIECES.get(*piece).copied().unwrap_or_default().bytes());
            }
            sound(*source, name, &bytes);
        }
    }

    #[test]
    fn any_bytes_are_read(which in 0..8_usize, bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let Some((source, name, _)) = SOURCES.get(which) else { return Ok(()) };
        sound(*source, name, &bytes);
    }
}
