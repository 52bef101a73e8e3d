//! npm, Yarn, and `package.json`.

use crate::check;

const MANIFEST: &str = r#"{
  "name": "shop",
  "version": "1.0.0",
  "dependencies": { "express": "^4.18.2", "lodash": "4.17.21", "own": "file:../own" },
  "devDependencies": { "@types/node": "~20.1.0" },
  "optionalDependencies": { "fsevents": "^2.3.3" },
  "peerDependencies": { "react": ">=17" }
}
"#;

#[test]
fn package_lock_version_3() {
    check(
        &[(
            "package-lock.json",
            r#"{
  "name": "shop",
  "version": "1.0.0",
  "lockfileVersion": 3,
  "requires": true,
  "packages": {
    "": {
      "name": "shop",
      "version": "1.0.0",
      "workspaces": ["packages/*"],
      "dependencies": { "express": "^4.18.2" },
      "devDependencies": { "old-debug": "npm:debug@^2.0.0" },
      "optionalDependencies": { "fsevents": "^2.3.3" }
    },
    "node_modules/@shop/ui": { "resolved": "packages/ui", "link": true },
    "node_modules/debug": {
      "version": "4.3.4",
      "resolved": "https://registry.example/debug/-/debug-4.3.4.tgz",
      "integrity": "sha512-PRWFHuSU3eDtQJPvnNY7Jcket1j0t5OuOsFzPPzsekD52Zl1qUfFIPEiswXqIvHWGVHOgX+7G/vCNNhehwxfkQ==",
      "license": "MIT",
      "dependencies": { "ms": "2.1.2" },
      "engines": { "node": ">=6.0" }
    },
    "node_modules/express": {
      "version": "4.18.2",
      "resolved": "https://registry.example/express/-/express-4.18.2.tgz",
      "integrity": "sha512-5/PsL6iGPdfQ/lKM1UuielYgv3BUoJfz1aUwU9vHZ+J7gyvwdQXFEBIEIaxeGf0GIcreATNyBExtalisDbuMqQ==",
      "license": "MIT",
      "dependencies": { "debug": "4.3.4", "ms": "^2.0.0" }
    },
    "node_modules/fsevents": {
      "version": "2.3.3",
      "hasInstallScript": true,
      "license": { "type": "MIT" },
      "optional": true,
      "os": ["darwin"]
    },
    "node_modules/express/node_modules/ms": { "version": "2.0.0", "license": "MIT" },
    "node_modules/ms": { "version": "2.1.2" },
    "node_modules/old-debug": { "name": "debug", "version": "2.6.9", "dev": true, "dependencies": { "ms": "2.0.0" } },
    "packages/ui": { "name": "@shop/ui", "version": "0.1.0", "dependencies": { "ms": "^2.1.0" } }
  }
}
"#,
        )],
        "
        16 pkg:npm/debug@4.3.4 indirect <https://registry.example/debug/-/debug-4.3.4.tgz> #sha512-PRWFHuSU3eDtQJPvnNY7Jcket1j0t5OuOsFzPPzsekD52Zl1qUfFIPEiswXqIvHWGVHOgX+7G/vCNNhehwxfkQ== =MIT
        24 pkg:npm/express@4.18.2 direct ?^4.18.2 <https://registry.example/express/-/express-4.18.2.tgz> #sha512-5/PsL6iGPdfQ/lKM1UuielYgv3BUoJfz1aUwU9vHZ+J7gyvwdQXFEBIEIaxeGf0GIcreATNyBExtalisDbuMqQ== =MIT
        31 pkg:npm/fsevents@2.3.3 optional direct ?^2.3.3 =MIT
        38 pkg:npm/ms@2.0.0 indirect =MIT
        39 pkg:npm/ms@2.1.2 direct ?^2.1.0
        40 pkg:npm/debug@2.6.9 dev direct ?npm:debug@^2.0.0
        express > debug
        express > ms
        ",
    );
}

#[test]
fn package_lock_version_2_has_both() {
    check(
        &[(
            "package-lock.json",
            r#"{
  "lockfileVersion": 2,
  "requires": true,
  "packages": {
    "": { "dependencies": { "@babel/code-frame": "^7.0.0", "from-git": "github:a/from-git" } },
    "node_modules/@babel/code-frame": { "version": "7.22.5", "devOptional": true },
    "node_modules/from-git": {
      "version": "1.0.0",
      "resolved": "git+ssh://git@github.com/a/from-git.git#0123456789012345678901234567890123456789",
      "license": "(MIT OR Apache-2.0)"
    }
  },
  "dependencies": {
    "@babel/code-frame": { "version": "7.22.5", "devOptional": true },
    "ignored": { "version": "1.0.0" }
  }
}
"#,
        )],
        "
        6 pkg:npm/%40babel/code-frame@7.22.5 optional direct ?^7.0.0
        7 pkg:npm/from-git@1.0.0 direct ?github:a/from-git <git+ssh://git@github.com/a/from-git.git#0123456789012345678901234567890123456789> =(MIT OR Apache-2.0)
        ",
    );
}

#[test]
fn package_lock_version_1() {
    let lock = r#"{
  "name": "shop",
  "lockfileVersion": 1,
  "requires": true,
  "dependencies": {
    "express": {
      "version": "4.17.0",
      "resolved": "https://registry.example/express/-/express-4.17.0.tgz",
      "integrity": "sha512-abc==",
      "requires": { "ms": "^2.0.0", "send": "0.17.1" },
      "dependencies": {
        "ms": { "version": "2.0.0", "bundled": true },
        "send": { "version": "0.17.1", "requires": { "ms": "2.0.0" } }
      }
    },
    "lodash": { "version": "4.17.21" },
    "ms": { "version": "2.1.1", "dev": true },
    "own": { "version": "file:../own" },
    "aliased": { "version": "npm:real@1.2.3" },
    "from-git": { "version": "git+https://git.example/a/b.git#0123456", "from": "git+https://git.example/a/b.git" },
    "from-address": { "version": "https://files.example/x.tgz", "integrity": "sha1-abc sha512-def" },
    "broken": { "resolved": "https://files.example/y.tgz" }
  }
}
"#;
    check(
        &[("package-lock.json", lock), ("package.json", MANIFEST)],
        "
        6 pkg:npm/express@4.17.0 direct ?^4.18.2 <https://registry.example/express/-/express-4.17.0.tgz> #sha512-abc==
        16 pkg:npm/lodash@4.17.21 direct ?4.17.21
        17 pkg:npm/ms@2.1.1 dev indirect
        19 pkg:npm/real@1.2.3 indirect
        20 pkg:npm/from-git indirect <git+https://git.example/a/b.git#0123456>
        21 pkg:npm/from-address indirect <https://files.example/x.tgz> #sha1-abc #sha512-def
        12 pkg:npm/ms@2.0.0 indirect
        13 pkg:npm/send@0.17.1 indirect
        express > ms
        express > send
        !! 22 `broken` has no version
        ",
    );
    check(&[("npm-shrinkwrap.json", "{\"lockfileVersion\": 1, \"dependencies\": {\"a\": {\"version\": \"1.0.0\"}}}")], "1 pkg:npm/a@1.0.0");
    check(&[("package-lock.json", lock), ("npm-shrinkwrap.json", "{}")], "! 0 `npm-shrinkwrap.json` beside it is used in its place");
    check(&[("package-lock.json", "{\"lockfileVersion\": 3, \"packages\": {\"\": {\"name\": \"a\"}}}")], "");
    check(&[("package-lock.json", "{\"lockfileVersion\": 1}")], "");
    check(&[("package-lock.json", "{\"name\": \"a\"}")], "!! 0 the file has no `packages` and no `dependencies`");
    check(
        &[("package-lock.json", "{\"lockfileVersion\": 9, \"packages\": {\"node_modules/a\": {\"version\": \"1.0.0\"}}}")],
        "
        1 pkg:npm/a@1.0.0 indirect
        !! 1 the version of the lock file is not known; it is read as version 3
        ",
    );
}

#[test]
fn package_lock_of_wrong_types() {
    check(
        &[("package-lock.json", "[]")],
        "
        !! 1 the file is no map
        !! 0 the file has no `packages` and no `dependencies`
        ",
    );
    check(
        &[("package-lock.json", "{\"lockfileVersion\": \"3\", \"packages\": []}")],
        "
        !! 1 the version of the lock file is not known; it is read as version 3
        !! 1 `packages` is no map
        ",
    );
    check(
        &[(
            "package-lock.json",
            "{\"lockfileVersion\": 3, \"packages\": {\n\"node_modules/a\": 1,\n\"node_modules/b\": {\"version\": 2},\n\"node_modules/c\": {\"version\": \"1.0.0\", \"dependencies\": [], \"license\": [\"MIT\", {\"type\": \"ISC\"}]},\n\"node_modules/\": {\"version\": \"1.0.0\"}}}",
        )],
        "
        3 pkg:npm/b indirect
        4 pkg:npm/c@1.0.0 indirect =MIT =ISC
        !! 2 `node_modules/a` is no map
        !! 3 `b` has no version
        !! 5 `` is no name of a package: a package URL has a name
        ",
    );
    check(
        &[("package-lock.json", "{\"lockfileVersion\": 1, \"dependencies\": {\"a\": 1, \"b\": {\"version\": 3}}}")],
        "
        !! 1 `a` has no version
        !! 1 `b` has no version
        ",
    );
}

#[test]
fn package_json_without_lock_file() {
    check(
        &[("package.json", MANIFEST)],
        "
        4 pkg:npm/express direct ?^4.18.2
        4 pkg:npm/lodash@4.17.21 direct ?4.17.21
        6 pkg:npm/fsevents optional direct ?^2.3.3
        7 pkg:npm/react direct ?>=17
        5 pkg:npm/%40types/node dev direct ?~20.1.0
        ",
    );
    check(&[("package.json", MANIFEST), ("package-lock.json", "{}")], "");
    check(
        &[(
            "package.json",
            "{\"dependencies\": {\"a\": \"=1.2.3\", \"b\": \"1.2\", \"c\": \"npm:d@1.2.3\", \"e\": \"github:a/b#v1\", \"f\": \"workspace:*\", \"g\": \"latest\", \"h\": 1, \"i\": \"1.x.0\", \"j\": \"catalog:\"}}",
        )],
        "
        1 pkg:npm/a@1.2.3 direct ?=1.2.3
        1 pkg:npm/b direct ?1.2
        1 pkg:npm/d@1.2.3 direct ?npm:d@1.2.3
        1 pkg:npm/e direct ?github:a/b#v1 <github:a/b#v1>
        1 pkg:npm/g direct ?latest
        1 pkg:npm/i direct ?1.x.0
        1 pkg:npm/j direct ?catalog:
        !! 1 `h` has no version
        ",
    );
    check(&[("package.json", "{\"name\": \"a\"}")], "");
    check(
        &[("package.json", MANIFEST), ("bun.lockb", "\u{0}")],
        "
        4 pkg:npm/express direct ?^4.18.2
        4 pkg:npm/lodash@4.17.21 direct ?4.17.21
        6 pkg:npm/fsevents optional direct ?^2.3.3
        7 pkg:npm/react direct ?>=17
        5 pkg:npm/%40types/node dev direct ?~20.1.0
        !! 0 `bun.lockb` beside it is not read: write `bun.lock` with `bun install --save-text-lockfile`
        ",
    );
}

#[test]
fn members_of_a_workspace_are_locked_at_its_top() {
    let member = "{\"dependencies\": {\"lodash\": \"4.17.21\"}}";
    let top = "{\"workspaces\": [\"packages/*\", \"apps/**\"]}";
    let lock = ("yarn.lock", "");
    check(&[("packages/a/package.json", member), ("package.json", top), lock], "");
    check(&[("apps/x/y/package.json", member), ("package.json", top), lock], "");
    check(&[("packages/a/b/package.json", member), ("package.json", top), lock], "1 pkg:npm/lodash@4.17.21 direct ?4.17.21");
    check(&[("tools/package.json", member), ("package.json", "{\"workspaces\": {\"packages\": [\"./tools/\"]}}"), lock], "");
    check(&[("packages/a/package.json", member), ("pnpm-workspace.yaml", "packages:\n  - 'packages/*'\n"), ("pnpm-lock.yaml", "")], "");
}

#[test]
fn yarn_classic() {
    let lock = r##"# THIS IS AN AUTOGENERATED FILE. DO NOT EDIT THIS FILE DIRECTLY.
# yarn lockfile v1


"@types/node@~20.1.0":
  version "20.1.7"
  resolved "https://registry.example/@types/node/-/node-20.1.7.tgz#ce10c802f7731909d0a44ac9888e8b3a9125eb62"
  integrity sha512-WCuw/o4GSwDGMoonES8rcvwsig77dGCMbZDrZr2x4ZZiNW4P/gcoZXe/0twgtobcTkmg9TuKflxYL/DuwDyJzg==

debug@2.6.9, "debug@^2.0.0 || ^3":
  version "2.6.9"
  resolved "https://registry.example/debug/-/debug-2.6.9.tgz#5d128515df134ff327e90a4c93f4e077a536341f"
  dependencies:
    ms "2.0.0"

express@^4.18.2:
  version "4.18.2"
  resolved "https://registry.example/express/-/express-4.18.2.tgz#3fabe08296e930c796c19e3c516979386ba9fd59"
  integrity "sha512-abc== sha1-def="
  dependencies:
    debug "2.6.9"
  optionalDependencies:
    "not-there" "*"

"lo@npm:lodash@4.17.20", lodash@4.17.21:
  version "4.17.21"

ms@2.0.0:
  version "2.0.0"

"own@file:../own":
  version "1.0.0"

"from-git@git+https://git.example/a/b.git":
  version "1.2.3"
  resolved "git+https://git.example/a/b.git#0123456789012345678901234567890123456789"

"replaced@^1.5.1":
  version "1.5.2"
  resolved "https://registry.example/npm/@other/replaced/-/replaced-1.5.2.tgz#58868fc7224506236b5550d0c68357f0a874b84b"

stale@^1.0.0:
  version "1.1.0"
"##;
    check(&[("yarn.lock", lock), ("package.json", MANIFEST)], "
        5 pkg:npm/%40types/node@20.1.7 dev direct ?~20.1.0 <https://registry.example/@types/node/-/node-20.1.7.tgz#ce10c802f7731909d0a44ac9888e8b3a9125eb62> #sha512-WCuw/o4GSwDGMoonES8rcvwsig77dGCMbZDrZr2x4ZZiNW4P/gcoZXe/0twgtobcTkmg9TuKflxYL/DuwDyJzg==
        10 pkg:npm/debug@2.6.9 indirect <https://registry.example/debug/-/debug-2.6.9.tgz#5d128515df134ff327e90a4c93f4e077a536341f> #sha1:5d128515df134ff327e90a4c93f4e077a536341f
        16 pkg:npm/express@4.18.2 direct ?^4.18.2 <https://registry.example/express/-/express-4.18.2.tgz#3fabe08296e930c796c19e3c516979386ba9fd59> #sha512-abc== #sha1-def=
        25 pkg:npm/lodash@4.17.21 direct ?4.17.21
        28 pkg:npm/ms@2.0.0 indirect
        34 pkg:npm/from-git@1.2.3 indirect <git+https://git.example/a/b.git#0123456789012345678901234567890123456789> #git:0123456789012345678901234567890123456789
        38 pkg:npm/%40other/replaced@1.5.2 indirect <https://registry.example/npm/@other/replaced/-/replaced-1.5.2.tgz#58868fc7224506236b5550d0c68357f0a874b84b> #sha1:58868fc7224506236b5550d0c68357f0a874b84b
        42 pkg:npm/stale@1.1.0 indirect
        express > debug
        express > debug > ms
        "
    );
    check(&[("yarn.lock", "# yarn lockfile v1\n\n\n")], "");
    check(
        &[("yarn.lock", "  version \"1\"\na b c\na@1:\n  resolved \"x\"\nb:\n  version \"1.0.0\"\nc@1:\n  version \"1.0.0\"\n  ???\n")],
        "
        7 pkg:npm/c@1.0.0
        !! 1 the line belongs to no entry
        !! 2 the line is no beginning of an entry
        !! 9 the line is not understood
        !! 3 `a` has no version
        !! 5 `b` names no package
        ",
    );
}

#[test]
fn yarn_berry() {
    let lock = r#"# This file is generated by running "yarn install" inside your project.
# Manual changes might be lost - proceed with caution!

__metadata:
  version: 8
  cacheKey: 10c0

"@types/node@npm:~20.1.0":
  version: 20.1.7
  resolution: "@types/node@npm:20.1.7"
  checksum: 10c0/abc
  languageName: node
  linkType: hard

"debug@npm:2.6.9, debug@npm:^2.0.0":
  version: 2.6.9
  resolution: "debug@npm:2.6.9"
  dependencies:
    ms: "npm:2.0.0"
  peerDependenciesMeta:
    supports-color:
      optional: true
  languageName: node
  linkType: hard

"express@npm:^4.18.2":
  version: 4.18.2
  resolution: "express@npm:4.18.2"
  dependencies:
    debug: "npm:2.6.9"
    typescript: "npm:^5.0.0"
  languageName: node
  linkType: hard

"fsevents@npm:^2.3.3":
  version: 2.3.3
  resolution: "fsevents@npm:2.3.3"
  checksum: 10c0/def
  conditions: os=darwin
  languageName: node
  linkType: hard

"fsevents@patch:fsevents@npm%3A^2.3.3#optional!builtin<compat/fsevents>":
  version: 2.3.3
  resolution: "fsevents@patch:fsevents@npm%3A2.3.3#optional!builtin<compat/fsevents>::version=2.3.3&hash=df0bf1"
  conditions: os=darwin
  languageName: node
  linkType: hard

"mirror@npm:1.0.0":
  version: 1.0.0
  resolution: "mirror@npm:1.0.0::__archiveUrl=https%3A%2F%2Fregistry.example%2Fmirror-1.0.0.tgz"
  languageName: node
  linkType: hard

"from-git@https://git.example/a/b.git":
  version: 0.0.0
  resolution: "from-git@https://git.example/a/b.git#commit=0123456"
  languageName: node
  linkType: hard

"ms@npm:2.0.0":
  version: 2.0.0
  resolution: "ms@npm:2.0.0"
  languageName: node
  linkType: hard

"shop@workspace:.":
  version: 0.0.0-use.local
  resolution: "shop@workspace:."
  dependencies:
    "@types/node": "npm:~20.1.0"
    express: "npm:^4.18.2"
    fsevents: "npm:^2.3.3"
    typescript: "npm:^5.0.0"
  languageName: unknown
  linkType: soft

"typescript@patch:typescript@npm%3A^5.0.0#optional!builtin<compat/typescript>":
  version: 5.0.4
  resolution: "typescript@patch:typescript@npm%3A5.0.4#optional!builtin<compat/typescript>::version=5.0.4&hash=b5f058"
  languageName: node
  linkType: hard
"#;
    check(
        &[("yarn.lock", lock)],
        "
        8 pkg:npm/%40types/node@20.1.7 direct ?~20.1.0 #10c0/abc
        15 pkg:npm/debug@2.6.9 indirect
        26 pkg:npm/express@4.18.2 direct ?^4.18.2
        35 pkg:npm/fsevents@2.3.3 direct ?^2.3.3 #10c0/def @yarn.lock:43
        50 pkg:npm/mirror@1.0.0 indirect <https://registry.example/mirror-1.0.0.tgz>
        56 pkg:npm/from-git@0.0.0 indirect <https://git.example/a/b.git#commit=0123456>
        62 pkg:npm/ms@2.0.0 indirect
        79 pkg:npm/typescript@5.0.4 direct ?^5.0.0
        express > debug
        express > debug > ms
        ",
    );
    check(
        &[("yarn.lock", lock), ("package.json", MANIFEST)],
        "
        8 pkg:npm/%40types/node@20.1.7 dev direct ?~20.1.0 #10c0/abc
        15 pkg:npm/debug@2.6.9 indirect
        26 pkg:npm/express@4.18.2 direct ?^4.18.2
        35 pkg:npm/fsevents@2.3.3 optional direct ?^2.3.3 #10c0/def @yarn.lock:43
        50 pkg:npm/mirror@1.0.0 indirect <https://registry.example/mirror-1.0.0.tgz>
        56 pkg:npm/from-git@0.0.0 indirect <https://git.example/a/b.git#commit=0123456>
        62 pkg:npm/ms@2.0.0 indirect
        79 pkg:npm/typescript@5.0.4 direct ?^5.0.0
        express > debug
        express > debug > ms
        ",
    );
    check(
        &[("yarn.lock", "__metadata:\n  version: 99\n\n\"a@npm:1\":\n  version: 1\n\n\"b@npm:1\":\n  resolution: \"b@npm:1.0.0\"\n")],
        "
        !! 1 the version of the lock file is not known
        !! 4 `a@npm:1` has no resolution
        !! 7 `b@npm:1` has no version
        ",
    );
}
