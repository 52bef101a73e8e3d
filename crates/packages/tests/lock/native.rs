//! Conan, vcpkg, Bazel, Nix, R.

use crate::check;

#[test]
fn conan_lock() {
    check(
        &[(
            "conan.lock",
            r#"{
    "version": "0.5",
    "requires": [
        "zlib/1.2.13#97d5730b529b4224045fe7090592d4c1%1692672717.049",
        ["openssl/3.1.2@acme/stable#aaa%1.0", ["x"]],
        "broken"
    ],
    "build_requires": ["cmake/3.27.4#bbb%2.0"],
    "python_requires": [],
    "config_requires": []
}
"#,
        )],
        "
        4 pkg:conan/zlib@1.2.13?rrev=97d5730b529b4224045fe7090592d4c1
        5 pkg:conan/openssl@3.1.2?channel=stable&rrev=aaa&user=acme
        8 pkg:conan/cmake@3.27.4?rrev=bbb build
        !! 6 `broken` names no package and version
        ",
    );
    check(
        &[(
            "conan.lock",
            r#"{
 "graph_lock": {
  "nodes": {
   "0": { "ref": "shop/1.0", "options": "", "requires": ["1"], "build_requires": ["3"], "path": "conanfile.py", "context": "host" },
   "1": { "ref": "openssl/1.1.1t#c89b", "package_id": "x", "prev": "y", "requires": ["2"], "context": "host" },
   "2": { "ref": "zlib/1.2.13@_/_#13c9", "context": "host" },
   "3": { "ref": "cmake/3.25.2#aa:bb#cc", "context": "build" }
  },
  "revisions_enabled": true
 },
 "version": "0.4",
 "profile_host": "[settings]\n"
}
"#,
        )],
        "
        5 pkg:conan/openssl@1.1.1t?rrev=c89b direct
        6 pkg:conan/zlib@1.2.13?rrev=13c9 indirect
        7 pkg:conan/cmake@3.25.2?rrev=aa build direct
        openssl > zlib
        ",
    );
    check(
        &[("conan.lock", "{\"version\": \"7\", \"requires\": {}}")],
        "
        !! 1 `7` is no known version of the lock file
        !! 1 `requires` is no list
        ",
    );
}

#[test]
fn conan_manifest() {
    check(
        &[(
            "conanfile.txt",
            "[requires]
zlib/1.2.13
openssl/[>=3.0 <4]@acme/stable # a range
boost/1.83.0#cafe
nothing

[tool_requires]
cmake/3.27.4

[test_requires]
gtest/1.14.0

[generators]
CMakeDeps
",
        )],
        "
        2 pkg:conan/zlib@1.2.13 direct
        3 pkg:conan/openssl?channel=stable&user=acme direct ?>=3.0 <4
        4 pkg:conan/boost@1.83.0?rrev=cafe direct
        8 pkg:conan/cmake@3.27.4 build direct
        11 pkg:conan/gtest@1.14.0 dev direct
        !! 5 `nothing` names no package and version
        ",
    );
    check(&[("conanfile.txt", "[requires]\nzlib/1.2.13\n"), ("conan.lock", "{}")], "");
}

#[test]
fn vcpkg() {
    check(
        &[(
            "vcpkg.json",
            r#"{
  "name": "shop",
  "version-string": "1.0.0",
  "builtin-baseline": "3426db05b996481ca31e95fff3734cf23e0f51bc",
  "dependencies": [
    "fmt",
    { "name": "zlib", "version>=": "1.2.13" },
    { "name": "vcpkg-cmake", "host": true },
    { "features": [] }
  ],
  "features": { "tls": { "description": "x", "dependencies": ["openssl"] } },
  "overrides": [{ "name": "fmt", "version": "10.1.1" }, { "name": "openssl", "version-string": "3.1.2" }]
}
"#,
        )],
        "
        6 pkg:vcpkg/fmt@10.1.1 direct
        7 pkg:vcpkg/zlib direct ?>=1.2.13
        8 pkg:vcpkg/vcpkg-cmake build direct
        11 pkg:vcpkg/openssl@3.1.2 optional direct
        !! 9 a dependency has no name
        ",
    );
    check(&[("vcpkg.json", "{\"dependencies\": 1}")], "!! 1 `dependencies` is no list");
}

#[test]
fn bazel() {
    check(
        &[(
            "MODULE.bazel.lock",
            r#"{
  "lockFileVersion": 11,
  "registryFileHashes": {
    "https://bcr.bazel.build/bazel_registry.json": "8a28e4af",
    "https://bcr.bazel.build/modules/abseil-cpp/20210324.2/MODULE.bazel": "7cd0312e",
    "https://bcr.bazel.build/modules/abseil-cpp/20230125.1/MODULE.bazel": "89047429",
    "https://bcr.bazel.build/modules/abseil-cpp/20230125.1/source.json": "06cc0842",
    "https://bcr.bazel.build/modules/platforms/0.0.9/source.json": "cd74d854",
    "https://bcr.bazel.build/modules/none/1.0/source.json": null
  },
  "selectedYankedVersions": {},
  "moduleExtensions": {}
}
"#,
        )],
        "
        7 pkg:bazel/abseil-cpp@20230125.1 build <https://bcr.bazel.build/modules/abseil-cpp/20230125.1/source.json> #sha256:06cc0842
        8 pkg:bazel/platforms@0.0.9 build <https://bcr.bazel.build/modules/platforms/0.0.9/source.json> #sha256:cd74d854
        ",
    );
    check(
        &[(
            "MODULE.bazel.lock",
            r#"{
  "lockFileVersion": 3,
  "moduleDepGraph": {
    "<root>": { "name": "shop", "deps": { "rules_go": "rules_go@0.41.0", "local": "local@_" } },
    "rules_go@0.41.0": { "name": "rules_go", "version": "0.41.0", "deps": { "bazel_skylib": "bazel_skylib@1.4.2" } },
    "bazel_skylib@1.4.2": { "name": "bazel_skylib", "version": "1.4.2", "deps": {} },
    "local@_": { "name": "local", "deps": {} }
  }
}
"#,
        )],
        "
        5 pkg:bazel/rules_go@0.41.0 build direct
        6 pkg:bazel/bazel_skylib@1.4.2 build indirect
        7 pkg:bazel/local build direct
        rules_go > bazel_skylib
        ",
    );
    check(&[("MODULE.bazel.lock", "{\"lockFileVersion\": 99}")], "!! 0 the version of the lock file is not known");
}

#[test]
fn nix_flake() {
    check(
        &[(
            "flake.lock",
            r#"{
  "nodes": {
    "flake-utils": {
      "inputs": { "systems": "systems" },
      "locked": { "lastModified": 1692799911, "narHash": "sha256-3eihraek4qL744EvQXsK1Ha6C3CR7nnT8X2qWap4RNk=", "owner": "numtide", "repo": "flake-utils", "rev": "f9e7cf818399d17d347f847525c5a5a8032e4e44", "type": "github" },
      "original": { "owner": "numtide", "repo": "flake-utils", "ref": "main", "type": "github" }
    },
    "nixpkgs": {
      "locked": { "narHash": "sha256-x", "type": "tarball", "url": "https://files.example/nixpkgs.tar.gz" },
      "original": {}
    },
    "own": { "locked": { "type": "path", "path": "./own" } },
    "systems": { "locked": { "owner": "nix-systems", "repo": "default", "rev": "da67096a3b9bf56a91d16901293e51ba5b49a27e", "type": "github" } },
    "lib": { "locked": { "type": "git", "url": "https://git.example/a/lib", "rev": "0123456" } },
    "lab": { "locked": { "type": "gitlab", "owner": "group%2Fsub", "repo": "lab", "rev": "aaaaaaa" } },
    "broken": { "locked": { "type": "git" } },
    "root": { "inputs": { "flake-utils": "flake-utils", "nixpkgs": "nixpkgs", "systems": ["flake-utils", "systems"], "lib": "lib" } }
  },
  "root": "root",
  "version": 7
}
"#,
        )],
        "
        3 pkg:github/numtide/flake-utils@f9e7cf818399d17d347f847525c5a5a8032e4e44 build direct ?main <https://github.com/numtide/flake-utils> #sha256-3eihraek4qL744EvQXsK1Ha6C3CR7nnT8X2qWap4RNk=
        8 pkg:generic/nixpkgs?download_url=https:%2F%2Ffiles.example%2Fnixpkgs.tar.gz build direct <https://files.example/nixpkgs.tar.gz> #sha256-x
        13 pkg:github/nix-systems/default@da67096a3b9bf56a91d16901293e51ba5b49a27e build indirect <https://github.com/nix-systems/default>
        14 pkg:generic/git.example/a/lib@0123456?vcs_url=https:%2F%2Fgit.example%2Fa%2Flib build direct <https://git.example/a/lib>
        15 pkg:generic/gitlab.com/group/sub/lab@aaaaaaa?vcs_url=https:%2F%2Fgitlab.com%2Fgroup%2Fsub%2Flab build indirect <https://gitlab.com/group/sub/lab>
        numtide/flake-utils > nix-systems/default
        !! 16 `broken` has no place it comes from
        ",
    );
    check(
        &[("flake.lock", "{\"nodes\": [], \"version\": 1}")],
        "
        !! 1 the version of the lock file is not known
        !! 1 `nodes` is no map
        ",
    );
}

#[test]
fn renv() {
    check(
        &[(
            "renv.lock",
            r#"{
  "R": { "Version": "4.3.1", "Repositories": [{ "Name": "CRAN", "URL": "https://cran.rstudio.com" }] },
  "Packages": {
    "R6": { "Package": "R6", "Version": "2.5.1", "Source": "Repository", "Repository": "CRAN", "Requirements": ["R"], "Hash": "470851b6d5d0ac559e9d01bb352b4021" },
    "cli": { "Package": "cli", "Version": "3.6.1", "Source": "Repository", "Repository": "CRAN", "Hash": "89e6d8219950eac806ae0c489052048a", "Requirements": ["R6"] },
    "lib": { "Package": "lib", "Version": "0.1.0", "Source": "GitHub", "RemoteType": "github", "RemoteHost": "api.github.com", "RemoteUsername": "a", "RemoteRepo": "lib", "RemoteSha": "0123456" },
    "none": {}
  }
}
"#,
        )],
        "
        4 pkg:cran/R6@2.5.1 <CRAN> #md5:470851b6d5d0ac559e9d01bb352b4021
        5 pkg:cran/cli@3.6.1 <CRAN> #md5:89e6d8219950eac806ae0c489052048a
        6 pkg:cran/lib@0.1.0 <api.github.com/a/lib@0123456>
        7 pkg:cran/none
        !! 7 `none` has no version
        ",
    );
    check(&[("renv.lock", "{\"Packages\": []}")], "!! 1 `Packages` is no map");
}
