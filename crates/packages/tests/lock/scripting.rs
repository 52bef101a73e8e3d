//! Ruby, PHP, Dart, Elixir, Erlang, Haskell, Swift, CocoaPods.

use crate::check;

#[test]
fn gemfile_lock() {
    check(
        &[(
            "Gemfile.lock",
            "GIT
  remote: https://git.example/a/lib.git
  revision: 0123456789012345678901234567890123456789
  tag: v1.0
  specs:
    lib (1.0.0)
      rack (>= 2)

PATH
  remote: .
  specs:
    own (0.1.0)
      nokogiri (~> 1.15)

GEM
  remote: https://gems.example/
  remote: https://gems.example/
  specs:
    mini_portile2 (2.8.4)
    nokogiri (1.15.4)
      mini_portile2 (~> 2.8.2)
    nokogiri (1.15.4-x86_64-linux)
      racc (~> 1.4)
    racc (1.7.1-java)
    racc (1.7.1)
    rack (3.0.8)
    rspec (3.12.0)

PLATFORMS
  ruby
  x86_64-linux

DEPENDENCIES
  lib!
  own!
  rspec (~> 3.12)

CHECKSUMS
  nokogiri (1.15.4) sha256=aaaa
  nokogiri (1.15.4-x86_64-linux) sha256=bbbb,sha512=cccc
  rack (3.0.8)

RUBY VERSION
   ruby 3.2.2p53

BUNDLED WITH
   2.5.3
",
        )],
        "
        6 pkg:gem/lib@1.0.0 direct <https://git.example/a/lib.git@0123456789012345678901234567890123456789>
        19 pkg:gem/mini_portile2@2.8.4 indirect <https://gems.example/>
        20 pkg:gem/nokogiri@1.15.4 direct <https://gems.example/> #sha256:aaaa
        22 pkg:gem/nokogiri@1.15.4?platform=x86_64-linux direct <https://gems.example/> #sha256:bbbb #sha512:cccc
        24 pkg:gem/racc@1.7.1?platform=java indirect <https://gems.example/>
        25 pkg:gem/racc@1.7.1 indirect <https://gems.example/>
        26 pkg:gem/rack@3.0.8 indirect <https://gems.example/>
        27 pkg:gem/rspec@3.12.0 direct ?~> 3.12 <https://gems.example/>
        nokogiri > mini_portile2
        nokogiri > racc
        nokogiri > racc
        lib > rack
        ",
    );
    check(
        &[("gems.locked", "GEM\n  specs:\n    a\n    b (1.0)\n        c (1)\n\nwhat is this\n  x\n")],
        "
        4 pkg:gem/b@1.0 indirect
        !! 3 `a` names no package and version
        !! 5 the line is not understood
        !! 7 the line is not understood
        ",
    );
    check(&[("Gemfile.lock", "  a\n")], "!! 1 the line belongs to no section");
    check(
        &[(
            "Gemfile.lock",
            "GEM\n  remote: https://gems.example/\n  specs:\n<<<<<<< HEAD\n    a (1.0)\n=======\n    a (2.0)\n>>>>>>> other\n\nDEPENDENCIES\n  a\n",
        )],
        "
        5 pkg:gem/a@1.0 direct <https://gems.example/>
        7 pkg:gem/a@2.0 direct <https://gems.example/>
        !! 4 the file has a merge conflict that is not resolved
        ",
    );
}

#[test]
fn composer() {
    let lock = r#"{
    "_readme": ["This file locks the dependencies of your project to a known state"],
    "content-hash": "abc",
    "packages": [
        {
            "name": "Monolog/Monolog",
            "version": "3.4.0",
            "source": { "type": "git", "url": "https://git.example/Seldaek/monolog.git", "reference": "e2392369686d420ca32df3803de28b5d6f76867d" },
            "dist": { "type": "zip", "url": "https://api.example/monolog.zip", "reference": "e239", "shasum": "da39a3ee5e6b4b0d3255bfef95601890afd80709" },
            "require": { "php": ">=8.1", "ext-json": "*", "psr/log-implementation": "3.0.0" },
            "license": ["MIT"],
            "type": "library"
        },
        { "name": "vendor/log", "version": "v1.0.0", "dist": { "type": "zip", "shasum": "" }, "provide": { "psr/log-implementation": "3.0.0" }, "license": ["MIT", "BSD-3-Clause"] },
        { "name": "own/lib", "version": "dev-main", "dist": { "type": "path", "url": "../lib" } },
        { "name": "own/branch", "version": "dev-main", "source": { "type": "git", "url": "git@git.example:own/branch.git" } },
        { "name": "noslash", "version": "1.0.0" },
        { "version": "1.0.0" }
    ],
    "packages-dev": [
        { "name": "phpunit/phpunit", "version": "10.3.2" }
    ],
    "platform": { "php": "^8.1" }
}
"#;
    check(
        &[("composer.lock", lock)],
        "
        6 pkg:composer/monolog/monolog@3.4.0 <https://api.example/monolog.zip> #sha1:da39a3ee5e6b4b0d3255bfef95601890afd80709 =MIT
        14 pkg:composer/vendor/log@v1.0.0 =MIT =BSD-3-Clause
        16 pkg:composer/own/branch@dev-main <git@git.example:own/branch.git>
        21 pkg:composer/phpunit/phpunit@10.3.2 dev
        !! 17 `noslash` names no package
        !! 18 a package has no name or no version
        ",
    );
    check(
        &[
            ("composer.lock", lock),
            (
                "composer.json",
                "{\"require\": {\"php\": \"^8\", \"monolog/monolog\": \"^3.0\"}, \"require-dev\": {\"phpunit/phpunit\": \"^10\"}}",
            ),
        ],
        "
        6 pkg:composer/monolog/monolog@3.4.0 direct ?^3.0 <https://api.example/monolog.zip> #sha1:da39a3ee5e6b4b0d3255bfef95601890afd80709 =MIT
        14 pkg:composer/vendor/log@v1.0.0 indirect =MIT =BSD-3-Clause
        16 pkg:composer/own/branch@dev-main indirect <git@git.example:own/branch.git>
        21 pkg:composer/phpunit/phpunit@10.3.2 dev direct ?^10
        monolog/monolog > vendor/log
        !! 17 `noslash` names no package
        !! 18 a package has no name or no version
        ",
    );
    check(
        &[(
            "composer.json",
            "{\"require\": {\"php\": \"^8\", \"ext-json\": \"*\", \"a/b\": \"1.2.3\", \"c/d\": \"^3.0\"},\n\"require-dev\": {\"e/f\": \"dev-main\"}}",
        )],
        "
        1 pkg:composer/a/b@1.2.3 direct ?1.2.3
        1 pkg:composer/c/d direct ?^3.0
        2 pkg:composer/e/f dev direct ?dev-main
        ",
    );
    check(&[("composer.json", "{\"require\": [], \"require-dev\": [1]}")], "!! 1 `require-dev` is no map");
    check(&[("composer.lock", "{\"packages\": {}}")], "!! 1 `packages` is no list");
}

#[test]
fn pub_lock() {
    let lock = "# Generated by pub
packages:
  http:
    dependency: \"direct main\"
    description:
      name: http
      sha256: \"759d1a329847dd0f39226c688d3e06a6b8679668e350e2891a6474f8b4bb8525\"
      url: \"https://pub.dev\"
    source: hosted
    version: \"1.1.0\"
  lints:
    dependency: \"direct dev\"
    description:
      name: lints
      url: \"https://pub.example\"
    source: hosted
    version: \"2.1.1\"
  lib:
    dependency: \"direct overridden\"
    description:
      path: \".\"
      ref: main
      resolved-ref: \"0123456\"
      url: \"https://git.example/a/lib.git\"
    source: git
    version: \"0.1.0\"
  flutter:
    dependency: \"direct main\"
    description: flutter
    source: sdk
    version: \"0.0.0\"
  own:
    dependency: transitive
    description: {path: \"../own\", relative: true}
    source: path
    version: \"1.0.0\"
  meta:
    dependency: transitive
    description:
      name: meta
    source: hosted
sdks:
  dart: \">=3.0.0 <4.0.0\"
";
    check(
        &[("pubspec.lock", lock)],
        "
        3 pkg:pub/http@1.1.0 direct <https://pub.dev> #sha256:759d1a329847dd0f39226c688d3e06a6b8679668e350e2891a6474f8b4bb8525
        11 pkg:pub/lints@2.1.1 dev direct <https://pub.example>
        18 pkg:pub/lib@0.1.0 direct <https://git.example/a/lib.git@0123456>
        37 pkg:pub/meta indirect
        !! 37 `meta` has no version
        ",
    );
    check(
        &[("pubspec.lock", lock), ("pubspec.yaml", "dependencies:\n  http: ^1.0.0\ndev_dependencies:\n  lints: 2.1.1\n")],
        "
        3 pkg:pub/http@1.1.0 direct ?^1.0.0 <https://pub.dev> #sha256:759d1a329847dd0f39226c688d3e06a6b8679668e350e2891a6474f8b4bb8525
        11 pkg:pub/lints@2.1.1 dev direct ?2.1.1 <https://pub.example>
        18 pkg:pub/lib@0.1.0 direct <https://git.example/a/lib.git@0123456>
        37 pkg:pub/meta indirect
        !! 37 `meta` has no version
        ",
    );
    check(&[("pubspec.lock", "packages: 3\n")], "!! 1 `packages` is no map");
}

#[test]
fn mix_lock() {
    check(
        &[(
            "mix.lock",
            r#"%{
  "decimal": {:hex, :decimal, "2.1.1", "5611dca5d4b2c3dd497dec8f68751f1f1a54755e8ed2a966c2633cf885973ad6", [:mix], [], "hexpm", "53cfe5f497ed0e7771ae1a475575603d77425099ba5faef9394932b35020ffcc"},
  "jason": {:hex, :jason, "1.4.1", "af1504", [:mix], [{:decimal, "~> 1.0 or ~> 2.0", [hex: :decimal, repo: "hexpm", optional: true]}], "hexpm", "fbb01e"},
  "old": {:hex, :old_name, "0.1.0"},
  "own": {:hex, :own, "1.0.0", "aa", [:mix], [], "hexpm:acme", "bb"},
  "lib": {:git, "https://github.com/a/lib.git", "0123456789012345678901234567890123456789", [branch: "main"]},
  "other": {:git, "https://git.example/a/other.git", "abcdef", []},
  # a comment with a { bracket
  "path": {:path, "../x", []},
  "svn": {:svn, "x"},
}
"#,
        )],
        "
        2 pkg:hex/decimal@2.1.1 #sha256:5611dca5d4b2c3dd497dec8f68751f1f1a54755e8ed2a966c2633cf885973ad6 #sha256:53cfe5f497ed0e7771ae1a475575603d77425099ba5faef9394932b35020ffcc
        3 pkg:hex/jason@1.4.1 #sha256:af1504 #sha256:fbb01e
        4 pkg:hex/old_name@0.1.0
        5 pkg:hex/acme/own@1.0.0 <hexpm:acme> #sha256:aa #sha256:bb
        6 pkg:github/a/lib@0123456789012345678901234567890123456789 <https://github.com/a/lib.git>
        7 pkg:hex/other@abcdef <https://git.example/a/other.git>
        !! 10 `svn` comes from a place that is not known
        ",
    );
    check(&[("mix.lock", "")], "!! 0 the file is empty");
    check(&[("mix.lock", "nothing")], "!! 0 the file is no map of packages");
    check(
        &[("mix.lock", "%{\"a\": {:hex, :a, \"1.0.0\", \"x\"},\n \"b\": {:hex, :b, \"1.0")],
        "
        1 pkg:hex/a@1.0.0 #sha256:x
        !! 2 the text is not closed
        !! 2 the file breaks off
        !! 2 `b` has no version
        ",
    );
    check(
        &[("mix.lock", "}}]\n%{\"a\": {:hex, :a}}\n")],
        "
        !! 1 there is a bracket too many
        !! 1 there is a bracket too many
        !! 1 there is a bracket too many
        !! 2 `a` has no version
        ",
    );
}

#[test]
fn rebar_lock() {
    check(
        &[(
            "rebar.lock",
            r#"{"1.2.0",
[{<<"cowboy">>,{pkg,<<"cowboy">>,<<"2.10.0">>},0},
 {<<"cowlib">>,{pkg,<<"cowlib">>,<<"2.12.1">>},1},
 {<<"lib">>,
  {git,"https://github.com/a/lib.git",
       {ref,"0123456789012345678901234567890123456789"}},
  0},
 {<<"weird">>,{hg,"x"},0}]}.
[
{pkg_hash,[
 {<<"cowboy">>, <<"FF9FFEFF91DAE4AE270DD975642997AFE2A1179D94B1887863E43F681A203E26">>},
 {<<"cowlib">>, <<"A9FA9A625F1D2025FE6B462CB865881329B5CAFF8F1854D1CBC9F9533F00E1E1">>}]},
{pkg_hash_ext,[
 {<<"cowboy">>, <<"3AFDCCB7183CC6F143CB14D3CF51FA00E53DB9EC80CDCD525482F5E99BC41D6B">>}]}
].
"#,
        )],
        "
        2 pkg:hex/cowboy@2.10.0 direct #sha256:ff9ffeff91dae4ae270dd975642997afe2a1179d94b1887863e43f681a203e26 #sha256:3afdccb7183cc6f143cb14d3cf51fa00e53db9ec80cdcd525482f5e99bc41d6b
        3 pkg:hex/cowlib@2.12.1 indirect #sha256:a9fa9a625f1d2025fe6b462cb865881329b5caff8f1854d1cbc9f9533f00e1e1
        4 pkg:github/a/lib@0123456789012345678901234567890123456789 direct <https://github.com/a/lib.git>
        !! 8 `weird` comes from a place that is not known
        ",
    );
    check(&[("rebar.lock", "[{<<\"a\">>,{pkg,<<\"a\">>,<<\"1.0.0\">>},0}].\n")], "1 pkg:hex/a@1.0.0 direct");
}

#[test]
fn haskell() {
    check(
        &[(
            "stack.yaml.lock",
            "packages:
- completed:
    hackage: aeson-2.1.2.1@sha256:5d7f7ec5d0d5d4d7a0a3b2b0c0fb8f9b2f77b6,6504
    pantry-tree:
      sha256: abc
      size: 1
  original:
    hackage: aeson-2.1.2.1
- completed:
    commit: 0123456789abcdef0123456789abcdef01234567
    git: https://git.example/a/lib.git
    name: lib
    version: 0.1.0
  original: {}
- completed:
    url: https://github.com/a/b/archive/x.tar.gz
    sha256: ccc
    name: archive
    version: '1.0'
- original: {}
snapshots:
- completed:
    sha256: x
",
        )],
        "
        3 pkg:hackage/aeson@2.1.2.1 #sha256:5d7f7ec5d0d5d4d7a0a3b2b0c0fb8f9b2f77b6
        10 pkg:hackage/lib@0.1.0 <https://git.example/a/lib.git@0123456789abcdef0123456789abcdef01234567>
        16 pkg:hackage/archive@1.0 <https://github.com/a/b/archive/x.tar.gz> #sha256:ccc
        !! 20 a package is not completed
        ",
    );
    check(&[("stack.yaml.lock", "packages: []\n")], "");
    check(
        &[(
            "cabal.project.freeze",
            "active-repositories: hackage.haskell.org:merge
constraints: any.aeson ==2.1.2.1,
             aeson -cffi +ordered-keymap,
             any.base installed,
             text ==2.0.2, -- a comment
             any.containers:setup.process ==1.6.17.0
index-state: hackage.haskell.org 2023-09-01T00:00:00Z
",
        )],
        "
        2 pkg:hackage/aeson@2.1.2.1
        5 pkg:hackage/text@2.0.2
        6 pkg:hackage/process@1.6.17.0
        ",
    );
    check(&[("cabal.project.freeze", "")], "!! 0 the file is empty");
}

#[test]
fn swift() {
    check(
        &[(
            "Package.resolved",
            r#"{
  "originHash" : "abc",
  "pins" : [
    {
      "identity" : "swift-nio",
      "kind" : "remoteSourceControl",
      "location" : "https://github.com/apple/swift-nio.git",
      "state" : { "revision" : "3db5c4aeee8100d2db6f1eaf3864afdad5dc68fd", "version" : "2.59.0" }
    },
    {
      "identity" : "branch",
      "kind" : "remoteSourceControl",
      "location" : "git@git.example:a/branch.git",
      "state" : { "branch" : "main", "revision" : "0123456" }
    },
    { "identity" : "mona.LinkedList", "kind" : "registry", "location" : "", "state" : { "version" : "1.0.0" } },
    { "identity" : "own", "kind" : "localSourceControl", "location" : "/x", "state" : {} },
    { "identity" : "nothing", "kind" : "remoteSourceControl", "location" : "", "state" : {} }
  ],
  "version" : 3
}
"#,
        )],
        "
        5 pkg:swift/github.com/apple/swift-nio@2.59.0 <https://github.com/apple/swift-nio.git> #git:3db5c4aeee8100d2db6f1eaf3864afdad5dc68fd
        11 pkg:swift/git.example/a/branch@0123456 ?main <git@git.example:a/branch.git> #git:0123456
        16 pkg:swift/mona/LinkedList@1.0.0
        !! 18 `nothing` has no place it comes from
        ",
    );
    check(
        &[(
            "Package.resolved",
            "{\"object\": {\"pins\": [\n{\"package\": \"Alamofire\", \"repositoryURL\": \"https://github.com/Alamofire/Alamofire\", \"state\": {\"branch\": null, \"revision\": \"abc\", \"version\": \"5.7.1\"}}]}, \"version\": 1}",
        )],
        "2 pkg:swift/github.com/Alamofire/Alamofire@5.7.1 <https://github.com/Alamofire/Alamofire> #git:abc",
    );
    check(
        &[("Package.resolved", "{\"pins\": {}, \"version\": 9}")],
        "
        !! 1 the version of the lock file is not known
        !! 1 `pins` is no list
        ",
    );
}

#[test]
fn cocoapods() {
    check(
        &[(
            "Podfile.lock",
            "PODS:
  - Alamofire (5.7.1)
  - Firebase/Core (10.14.0):
    - Firebase/CoreOnly
    - GoogleUtilities (~> 7.11)
  - Firebase/CoreOnly (10.14.0)
  - GoogleUtilities (7.11.5)
  - Own (0.1.0)
  - Broken

DEPENDENCIES:
  - Alamofire (~> 5.7)
  - Firebase/Core
  - Own (from `https://git.example/a/own.git`, tag `v1`)

SPEC REPOS:
  trunk:
    - Alamofire
    - Firebase
    - GoogleUtilities

EXTERNAL SOURCES:
  Own:
    :git: https://git.example/a/own.git
    :tag: v1

CHECKOUT OPTIONS:
  Own:
    :git: https://git.example/a/own.git
    :tag: v1

SPEC CHECKSUMS:
  Alamofire: f3b09a368f1582ab751b3fff5460276e0d2cf5c9
  Firebase: 10c8cb12fb7ad2ae0c09ffc86cd9c1ab392a0031

PODFILE CHECKSUM: abc

COCOAPODS: 1.12.1
",
        )],
        "
        2 pkg:cocoapods/Alamofire@5.7.1 direct ?~> 5.7 <trunk> #sha1:f3b09a368f1582ab751b3fff5460276e0d2cf5c9
        3 pkg:cocoapods/Firebase@10.14.0#Core direct <trunk> #sha1:10c8cb12fb7ad2ae0c09ffc86cd9c1ab392a0031
        6 pkg:cocoapods/Firebase@10.14.0#CoreOnly indirect <trunk> #sha1:10c8cb12fb7ad2ae0c09ffc86cd9c1ab392a0031
        7 pkg:cocoapods/GoogleUtilities@7.11.5 indirect <trunk>
        8 pkg:cocoapods/Own@0.1.0 direct ?from `https://git.example/a/own.git`, tag `v1` <https://git.example/a/own.git>
        9 pkg:cocoapods/Broken indirect
        Firebase > Firebase
        Firebase > GoogleUtilities
        !! 9 `Broken` has no version
        ",
    );
    check(&[("Podfile.lock", "PODS: x\nCOCOAPODS: 1.12.1\n")], "!! 1 `PODS` is no list");
    check(&[("Podfile.lock", "PODS:\n  - 3\n")], "!! 2 the entry names no pod");
}
