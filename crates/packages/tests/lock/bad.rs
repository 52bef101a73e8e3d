//! What every reader does with conflicts, files that break off, bytes that are no text, wrong kinds of values and very long lines.

use probity_packages::CATALOGUERS;
use probity_testkit::MapTree;

use crate::{check, check_bytes, read};

/// One path of each cataloguer.
pub(crate) const PATHS: [&str; 57] = [
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
    "setup.py",
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
];

#[test]
fn every_cataloguer_is_here() {
    for one in CATALOGUERS {
        assert!(PATHS.iter().any(|path| one.claims(path)), "{}", one.id());
    }
}

/// Whether a list of packages is there to be locked: an empty one is a fault. A list of wishes may be empty.
fn is_lock(path: &str) -> bool {
    !matches!(path, "Dockerfile" | "conanfile.txt" | "setup.cfg" | "setup.py" | "requirements.txt" | "main.tf")
        && !path.ends_with(".lockfile")
}

#[test]
fn nothing_broken_looks_whole() {
    for path in PATHS {
        let fails = |bytes: &[u8]| read(&[(path, bytes)]).problems.iter().any(|problem| problem.fails);
        assert!(fails(b"") || !is_lock(path), "{path}: empty");
        assert!(fails(b"{ \xff\xfe [") || path == "main.tf", "{path}: no text");
        assert!(
            fails(b"?? this is nothing {{{")
                || matches!(path, "Dockerfile" | "conanfile.txt" | "setup.cfg" | "setup.py" | "main.tf" | "cabal.project.freeze"),
            "{path}: no such format"
        );
    }
}

#[test]
fn a_file_that_is_not_there() {
    let tree = MapTree::new([("x", "")]);
    for path in PATHS {
        for one in CATALOGUERS.iter().filter(|one| one.claims(path)) {
            let found = one.catalogue(path, &tree);
            assert!(found.packages.is_empty());
            assert!(found.problems.iter().any(|problem| problem.fails && problem.what.starts_with("the file cannot be read")), "{path}");
        }
    }
}

#[test]
fn very_long_lines() {
    let pieces = [
        "a",
        "[",
        "{",
        "\"",
        "<",
        "-",
        "=",
        "{\"a\":",
        "a b ",
        "${",
        "$(",
        "\\",
        "(",
        "a,",
        "<a ",
        "<<",
        "1.",
        "%{\"a\": {:hex, ",
        "\n - ",
    ];
    for path in PATHS {
        for piece in pieces {
            // One of a megabyte, and shorter ones of what may take a reader more than linear time.
            let length = if piece == "a" { 1_000_000 } else { 10_000 };
            let text = piece.repeat(length / piece.len());
            let found = read(&[(path, text.as_bytes())]);
            assert!(found.problems.len() <= 101, "{path}: {piece:?}");
        }
    }
}

#[test]
fn conflicts_keep_both_sides() {
    check(
        &[(
            "package-lock.json",
            "{\n\"lockfileVersion\": 3,\n\"packages\": {\n<<<<<<< HEAD\n\"node_modules/a\": { \"version\": \"1.0.0\" },\n=======\n\"node_modules/a\": { \"version\": \"2.0.0\" },\n>>>>>>> branch\n\"node_modules/b\": { \"version\": \"1.0.0\" }\n}\n}\n",
        )],
        "
        7 pkg:npm/a@2.0.0 indirect
        9 pkg:npm/b@1.0.0 indirect
        !! 4 the file has a merge conflict that is not resolved
        !! 7 the key `node_modules/a` is there more than once; the last one counts
        ",
    );
    check(
        &[(
            "Cargo.lock",
            "version = 4\n\n[[package]]\nname = \"a\"\n<<<<<<< HEAD\nversion = \"1.0.0\"\n||||||| base\nversion = \"0.9.0\"\n=======\nversion = \"1.1.0\"\n>>>>>>> branch\nsource = \"registry+x\"\n\n[[package]]\nname = \"b\"\nversion = \"1.0.0\"\nsource = \"registry+x\"\n",
        )],
        "
        15 pkg:cargo/b@1.0.0 indirect <registry+x>
        !! 5 the file has a merge conflict that is not resolved
        !! 8 `version` is there more than once
        ",
    );
    check(
        &[("yarn.lock", "<<<<<<< HEAD\na@^1.0.0:\n  version \"1.0.0\"\n=======\na@^1.0.0:\n  version \"1.1.0\"\n>>>>>>> branch\n")],
        "
        2 pkg:npm/a@1.0.0
        5 pkg:npm/a@1.1.0
        !! 1 the file has a merge conflict that is not resolved
        ",
    );
    check(
        &[(
            "pnpm-lock.yaml",
            "lockfileVersion: '9.0'\npackages:\n<<<<<<< HEAD\n  a@1.0.0: {}\n=======\n  a@2.0.0: {}\n>>>>>>> branch\n  b@1.0.0: {}\n",
        )],
        "
        4 pkg:npm/a@1.0.0 indirect
        6 pkg:npm/a@2.0.0 indirect
        8 pkg:npm/b@1.0.0 indirect
        !! 3 the file has a merge conflict that is not resolved
        ",
    );
    check(
        &[("requirements.txt", "<<<<<<< HEAD\na==1.0\n=======\na==2.0\n>>>>>>> branch\nb==1.0\n")],
        "
        2 pkg:pypi/a@1.0 ?==1.0
        4 pkg:pypi/a@2.0 ?==2.0
        6 pkg:pypi/b@1.0 ?==1.0
        !! 1 the file has a merge conflict that is not resolved
        ",
    );
    check(
        &[(
            ".terraform.lock.hcl",
            "provider \"x/y/z\" {\n<<<<<<< HEAD\n  version = \"1.0.0\"\n=======\n  version = \"1.1.0\"\n>>>>>>> branch\n}\n\nprovider \"x/y/a\" {\n  version = \"3.0.0\"\n}\n",
        )],
        "
        9 pkg:terraform/x/y/a@3.0.0 build
        !! 2 the file has a merge conflict that is not resolved
        !! 5 `version` is there more than once
        ",
    );
    check(
        &[(
            "pom.xml",
            "<project><dependencies>\n<dependency><groupId>a</groupId><artifactId>b</artifactId>\n<<<<<<< HEAD\n<version>1</version>\n=======\n<version>2</version>\n>>>>>>> branch\n</dependency></dependencies></project>\n",
        )],
        "
        2 pkg:maven/a/b@1 direct ?1
        !! 3 the file has a merge conflict that is not resolved
        ",
    );
}

#[test]
fn what_breaks_off_is_kept_so_far() {
    check(
        &[(
            "package-lock.json",
            "{\n\"lockfileVersion\": 3,\n\"packages\": {\n\"node_modules/a\": { \"version\": \"1.0.0\" },\n\"node_modules/b\": { \"ver",
        )],
        "
        4 pkg:npm/a@1.0.0 indirect
        5 pkg:npm/b indirect
        !! 5 the text in quotes that begins here has no end
        !! 5 `b` has no version
        ",
    );
    check(
        &[("composer.lock", "{\"packages\": [\n{\"name\": \"a/b\", \"version\": \"1.0.0\"},\n{\"name\": \"c/d\", \"version\": \"1.")],
        "
        2 pkg:composer/a/b@1.0.0
        !! 3 the text in quotes that begins here has no end
        !! 3 a package has no name or no version
        ",
    );
    check(
        &[(
            "pnpm-lock.yaml",
            "lockfileVersion: '9.0'\npackages:\n  a@1.0.0:\n    resolution: {integrity: sha512-a}\n  b@1.0.0:\n    resolution: {integ",
        )],
        "
        3 pkg:npm/a@1.0.0 indirect #sha512-a
        5 pkg:npm/b@1.0.0 indirect
        !! 6 while parsing a flow mapping, did not find expected ',' or '}'
        ",
    );
    check(
        &[("uv.lock", "version = 1\n\n[[package]]\nname = \"a\"\nversion = \"1\"\n\n[[package]]\nname = \"b\"\nversion = \"")],
        "
        4 pkg:pypi/a@1 indirect
        !! 9 the text that begins here has no end
        ",
    );
    check(
        &[("packages.config", "<packages>\n<package id=\"a\" version=\"1.0\" />\n<package id=\"b\" ver")],
        "
        2 pkg:nuget/a@1.0
        !! 3 the XML is broken: unexpected end of stream
        ",
    );
}

#[test]
fn bytes_that_are_no_text() {
    check_bytes(
        &[("requirements.txt", b"a==1.0\nb==2.0 # caf\xe9\nc==3.0\n")],
        "
        1 pkg:pypi/a@1.0 ?==1.0
        2 pkg:pypi/b@2.0 ?==2.0
        3 pkg:pypi/c@3.0 ?==3.0
        !! 2 the file is not UTF-8 from here
        ",
    );
    check_bytes(
        &[("Cargo.lock", b"version = 4\n[[package]]\nname = \"a\xff\"\nversion = \"1.0.0\"\nsource = \"x\"\n")],
        "
        3 pkg:cargo/a%EF%BF%BD@1.0.0 indirect <x>
        !! 3 the file is not UTF-8 from here
        ",
    );
    let utf16: Vec<u8> = "\u{feff}a==1.0\r\nb==2.0\r\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    check_bytes(
        &[("requirements.txt", &utf16)],
        "
        1 pkg:pypi/a@1.0 ?==1.0
        2 pkg:pypi/b@2.0 ?==2.0
        ",
    );
    let big: Vec<u8> = "\u{feff}a==1.0\n".encode_utf16().flat_map(u16::to_be_bytes).collect();
    check_bytes(&[("requirements.txt", &big)], "1 pkg:pypi/a@1.0 ?==1.0");
    check_bytes(&[("package.json", b"\xef\xbb\xbf{\"dependencies\": {\"a\": \"1.0.0\"}}")], "1 pkg:npm/a@1.0.0 direct ?1.0.0");
}

#[test]
fn names_that_are_none() {
    check(
        &[(
            "package-lock.json",
            "{\"lockfileVersion\": 3, \"packages\": {\"node_modules/@scope/\": {\"version\": \"1.0.0\"}, \"node_modules/a b\": {\"version\": \"1.0.0\"}, \"node_modules/\\u0000\": {\"version\": \"1\"}}}",
        )],
        "
        1 pkg:npm/a%20b@1.0.0 indirect
        1 pkg:npm/%00@1 indirect
        !! 1 `` is no name of a package: a package URL has a name
        ",
    );
    check(
        &[("Cargo.lock", "version = 4\n[[package]]\nname = \"\"\nversion = \"1.0.0\"\nsource = \"x\"\n")],
        "!! 3 `` is no name of a package: a package URL has a name",
    );
    check(
        &[("gradle.lockfile", "::1.0=x\na::1=x\n:b:1=x\n")],
        "
        !! 1 `` is no name of a package: a package URL has a name
        !! 2 `` is no name of a package: a package URL has a name
        !! 3 `b` is no name of a package: a package URL of type `maven` has a namespace
        ",
    );
    check(
        &[("go.mod", "module a\ngo 1.21\nrequire / v1.0.0\nrequire a//b v1.0.0\n")],
        "
        !! 4 the line is not understood
        !! 3 `` is no name of a package: a package URL has a name
        ",
    );
}

#[test]
fn many_problems_are_counted() {
    let text: String = (0..500).map(|line| format!("?? {line}\n")).collect();
    let found = read(&[("requirements.txt", text.as_bytes())]);
    assert_eq!(found.problems.len(), 101);
    assert_eq!(found.problems[100].what, "there are more problems");
}
