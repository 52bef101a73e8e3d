//! Every reader of lock files and manifests on what the tools really write, and on broken files.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice
)]

mod bad;
mod dotnet;
mod go;
mod infrastructure;
mod javascript;
mod jvm;
mod mutation;
mod native;
mod pnpm_bun_deno;
mod python;
mod python_lock;
mod rust;
mod scripting;

use std::fmt::Write as _;

use probity_packages::{CATALOGUERS, Inventory, Usage};
use probity_testkit::MapTree;

/// The inventory of the first file, read with the others beside it.
fn read(files: &[(&str, &[u8])]) -> Inventory {
    let path = files[0].0;
    let tree = MapTree::new(files.iter().map(|(path, bytes)| (*path, *bytes)));
    let mut all = CATALOGUERS.iter().filter(|one| one.claims(path));
    let one = all.next().unwrap_or_else(|| panic!("nobody claims `{path}`"));
    assert!(all.next().is_none(), "two claim `{path}`");
    one.catalogue(path, &tree)
}

/// One line for each package, way and problem:
/// `LINE PURL [use] [direct|indirect] [?wish] [<place>] [#digest]... [=licence]... [@FILE:LINE]...`, `A > B`, `! LINE what` (`!!`
/// where packages may be missing).
fn shown(path: &str, found: &Inventory) -> String {
    let mut out = String::new();
    for package in &found.packages {
        write!(out, "{} {}", package.at[0].line, package.purl).unwrap();
        match package.usage {
            Usage::Runtime => {}
            Usage::Optional => out.push_str(" optional"),
            Usage::Build => out.push_str(" build"),
            Usage::Development => out.push_str(" dev"),
        }
        match package.direct {
            Some(true) => out.push_str(" direct"),
            Some(false) => out.push_str(" indirect"),
            None => {}
        }
        if let Some(wish) = &package.requested {
            write!(out, " ?{wish}").unwrap();
        }
        if let Some(place) = &package.resolved {
            write!(out, " <{place}>").unwrap();
        }
        for digest in &package.hashes {
            write!(out, " #{digest}").unwrap();
        }
        for licence in &package.licences {
            write!(out, " ={licence}").unwrap();
        }
        for (index, at) in package.at.iter().enumerate() {
            assert!(at.layer.is_none());
            if index > 0 || *at.file != *path {
                write!(out, " @{}:{}", at.file, at.line).unwrap();
            }
        }
        out.push('\n');
    }
    for index in 0..found.packages.len() {
        for way in found.paths_to(index, 2).iter().filter(|way| way.len() > 1) {
            let names: Vec<String> = way.iter().map(|index| found.packages[*index].purl.full_name()).collect();
            writeln!(out, "{}", names.join(" > ")).unwrap();
        }
    }
    for problem in &found.problems {
        let file = if *problem.file == *path { String::new() } else { format!("{}:", problem.file) };
        writeln!(out, "{} {file}{} {}", if problem.fails { "!!" } else { "!" }, problem.line, problem.what).unwrap();
    }
    out
}

/// Compares what is found in the first file; leading blanks of the expected lines do not count. Broken forms of the file are read too,
/// and no reader panics.
#[track_caller]
fn check(files: &[(&str, &str)], expected: &str) {
    let bytes: Vec<(&str, &[u8])> = files.iter().map(|(path, text)| (*path, text.as_bytes())).collect();
    check_bytes(&bytes, expected);
    mutation::all(&bytes, 40);
}

/// As [`check`], for files that are no text, and without their broken forms.
#[track_caller]
fn check_bytes(files: &[(&str, &[u8])], expected: &str) {
    let found = read(files);
    let mut actual = shown(files[0].0, &found);
    actual.truncate(actual.trim_end().len());
    let expected: Vec<&str> = expected.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    assert_eq!(actual, expected.join("\n"), "\n{}", files[0].0);
}

#[test]
fn cataloguers_are_sorted_and_told_apart() {
    let ids: Vec<&str> = CATALOGUERS.iter().map(|one| one.id()).collect();
    let mut sorted = ids.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(ids, sorted);
}

#[test]
fn which_file_is_whose() {
    let check = |path: &str, expected: &str| {
        let ids: Vec<&str> = CATALOGUERS.iter().filter(|one| one.claims(path)).map(|one| one.id()).collect();
        assert_eq!(ids.join(" "), expected, "{path}");
    };
    check("MODULE.bazel.lock", "bazel-module-lock");
    check("web/bun.lock", "bun-lock");
    check("web/node_modules/a/package.json", "");
    check("web/node_modules/a/package-lock.json", "");
    check("web/npm-shrinkwrap.json", "npm-package-lock");
    check("packages.lock.json", "nuget-lock");
    check("packages.Shop.lock.json", "nuget-lock");
    check("Shop.deps.json", "dotnet-deps");
    check("src/Shop/Shop.csproj", "nuget-project");
    check("src/Shop/Packages.config", "nuget-packages-config");
    check("vendor/github.com/a/b/go.mod", "");
    check("go.mod", "go-mod");
    check("vendor/a/b/composer.json", "");
    check("requirements.txt", "python-requirements");
    check("requirements/prod.txt", "python-requirements");
    check("dev-requirements.txt", "python-requirements");
    check("notes.txt", "");
    check("venv/lib/python3/site-packages/a/requirements.txt", "");
    check("pylock.dev.toml", "pylock");
    check("pyproject.toml", "python-manifest");
    check("gradle/libs.versions.toml", "gradle-version-catalog");
    check("app/gradle/dependency-locks/compileClasspath.lockfile", "gradle-lock");
    check("gradle/verification-metadata.xml", "gradle-verification");
    check(".github/workflows/ci.yml", "github-actions");
    check("service/.github/workflows/ci.yaml", "github-actions");
    check(".github/ci.yml", "");
    check("actions/build/action.yaml", "github-actions");
    check(".terraform.lock.hcl", "terraform-lock");
    check(".terraform/modules/a/main.tf", "");
    check("main.tofu", "terraform-module");
    check("Dockerfile.dev", "dockerfile-images");
    check("build/api.Dockerfile", "dockerfile-images");
    check("Dockerfile.dockerignore", "");
    check("docker-compose.override.yml", "compose-images");
    check("compose.yaml", "compose-images");
    check("chart/Chart.yaml", "helm-chart");
    check("chart/Chart.lock", "helm-lock");
    check("stack.yaml.lock", "stack-lock");
    check("App.xcodeproj/project.xcworkspace/xcshareddata/swiftpm/Package.resolved", "swift-resolved");
}
