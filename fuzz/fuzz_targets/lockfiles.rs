//! Any bytes as every list of packages: an answer without a panic, links lead to packages, and every package URL can be read again. The
//! first byte picks the file's name; what stands after a zero byte is in the files that lie beside it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use probity_packages::{CATALOGUERS, Purl};
use probity_testkit::MapTree;

/// New ones go to the end, so that the seeds keep what they mean.
const PATHS: &[&str] = &[
    "MODULE.bazel.lock",
    "bun.lock",
    "cabal.project.freeze",
    "Cargo.lock",
    "Cargo.toml",
    "Podfile.lock",
    "compose.yaml",
    "composer.json",
    "composer.lock",
    "conan.lock",
    "conanfile.txt",
    "deno.lock",
    "Dockerfile",
    "a.deps.json",
    "Gemfile.lock",
    ".github/workflows/a.yml",
    "action.yml",
    "go.mod",
    "gradle.lockfile",
    "buildscript-gradle.lockfile",
    "gradle/dependency-locks/a.lockfile",
    "gradle/verification-metadata.xml",
    "gradle/libs.versions.toml",
    "Chart.yaml",
    "requirements.yaml",
    "Chart.lock",
    "pom.xml",
    "mix.lock",
    "flake.lock",
    "package.json",
    "package-lock.json",
    "npm-shrinkwrap.json",
    "project.assets.json",
    "packages.lock.json",
    "packages.config",
    "a.csproj",
    "pdm.lock",
    "Pipfile.lock",
    "pnpm-lock.yaml",
    "poetry.lock",
    ".pre-commit-config.yaml",
    "pubspec.lock",
    "pylock.toml",
    "pyproject.toml",
    "setup.cfg",
    "Pipfile",
    "requirements.txt",
    "rebar.lock",
    "renv.lock",
    "stack.yaml.lock",
    "Package.resolved",
    ".terraform.lock.hcl",
    "main.tf",
    "uv.lock",
    "vcpkg.json",
    "yarn.lock",
    "setup.py",
];

/// What readers look at beside the file; none of them is a lock file, which would keep manifests from being read.
const BESIDE: &[&str] = &[
    "Cargo.toml",
    "Directory.Build.props",
    "Directory.Packages.props",
    "Pipfile",
    "base.txt",
    "composer.json",
    "go.sum",
    "go.work",
    "package.json",
    "parent/pom.xml",
    "pubspec.yaml",
    "pyproject.toml",
];

fuzz_target!(|data: &[u8]| {
    let Some((first, rest)) = data.split_first() else { return };
    let path = PATHS[usize::from(*first) % PATHS.len()];
    let mut halves = rest.splitn(2, |byte| *byte == 0);
    let own = halves.next().unwrap_or_default();
    let mut files = vec![(path, own)];
    if let Some(other) = halves.next() {
        files.extend(BESIDE.iter().filter(|beside| **beside != path).map(|beside| (*beside, other)));
    }
    let tree = MapTree::new(files);
    for one in CATALOGUERS.iter().filter(|one| one.claims(path)) {
        let found = one.catalogue(path, &tree);
        for link in &found.links {
            assert!(link.from < found.packages.len() && link.to < found.packages.len());
        }
        for package in &found.packages {
            assert_eq!(package.found_by, one.id());
            assert!(!package.at.is_empty());
            let written = package.purl.to_string();
            let again: Purl = written.parse().unwrap_or_else(|error| panic!("{written}: {error}"));
            assert_eq!(again, package.purl, "{written}");
        }
        for index in 0..found.packages.len().min(20) {
            let _ = found.paths_to(index, 3);
        }
    }
});
