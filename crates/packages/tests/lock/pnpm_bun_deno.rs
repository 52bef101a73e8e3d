//! pnpm, Bun, Deno.

use crate::check;

#[test]
fn pnpm_version_9() {
    check(
        &[(
            "pnpm-lock.yaml",
            "lockfileVersion: '9.0'

settings:
  autoInstallPeers: true
  excludeLinksFromLockfile: false

importers:

  .:
    dependencies:
      react-dom:
        specifier: ^18.2.0
        version: 18.2.0(react@18.2.0)
      own:
        specifier: workspace:*
        version: link:packages/own
    devDependencies:
      '@types/node':
        specifier: ~20.1.0
        version: 20.1.7
      str:
        specifier: npm:string-width@4.2.0
        version: string-width@4.2.0

  packages/own:
    optionalDependencies:
      fsevents:
        specifier: ^2.3.3
        version: 2.3.3

packages:

  '@types/node@20.1.7':
    resolution: {integrity: sha512-WCuw/o4GSw==}

  fsevents@2.3.3:
    resolution: {integrity: sha512-5xoDfX+fL7==}
    engines: {node: ^8.16.0 || ^10.6.0 || >=11.0.0}
    os: [darwin]

  js-tokens@4.0.0:
    resolution: {integrity: sha512-RdJUflcE3==}

  loose-envify@1.4.0:
    resolution: {integrity: sha512-lyuxPGr==}
    hasBin: true

  react-dom@18.2.0:
    resolution: {integrity: sha512-6IMTriUm==}
    peerDependencies:
      react: ^18.2.0

  react@18.2.0:
    resolution: {integrity: sha512-/3IjMdb==}

  string-width@4.2.0:
    resolution: {integrity: sha512-zUz5J==}

  from-git@https://codeload.github.com/a/b/tar.gz/0123456789:
    resolution: {tarball: https://codeload.github.com/a/b/tar.gz/0123456789}
    version: 1.2.3

  archive@file:archive.tgz:
    resolution: {integrity: sha512-x, tarball: file:archive.tgz}
    version: 1.0.0

snapshots:

  '@types/node@20.1.7': {}

  fsevents@2.3.3:
    optional: true

  js-tokens@4.0.0: {}

  loose-envify@1.4.0:
    dependencies:
      js-tokens: 4.0.0

  react-dom@18.2.0(react@18.2.0):
    dependencies:
      loose-envify: 1.4.0
      react: 18.2.0

  react@18.2.0:
    dependencies:
      loose-envify: 1.4.0

  string-width@4.2.0: {}
",
        )],
        "
        33 pkg:npm/%40types/node@20.1.7 dev direct ?~20.1.0 #sha512-WCuw/o4GSw==
        36 pkg:npm/fsevents@2.3.3 optional direct ?^2.3.3 #sha512-5xoDfX+fL7==
        41 pkg:npm/js-tokens@4.0.0 indirect #sha512-RdJUflcE3==
        44 pkg:npm/loose-envify@1.4.0 indirect #sha512-lyuxPGr==
        48 pkg:npm/react-dom@18.2.0 direct ?^18.2.0 #sha512-6IMTriUm==
        53 pkg:npm/react@18.2.0 indirect #sha512-/3IjMdb==
        56 pkg:npm/string-width@4.2.0 dev direct ?npm:string-width@4.2.0 #sha512-zUz5J==
        59 pkg:npm/from-git@1.2.3 indirect <https://codeload.github.com/a/b/tar.gz/0123456789>
        react-dom > loose-envify > js-tokens
        react-dom > loose-envify
        react-dom > react
        ",
    );
}

#[test]
fn pnpm_version_6() {
    check(
        &[(
            "pnpm-lock.yaml",
            "lockfileVersion: '6.0'

dependencies:
  react-dom:
    specifier: ^18.2.0
    version: 18.2.0(react@18.2.0)

devDependencies:
  '@babel/core':
    specifier: ^7.0.0
    version: 7.22.0

packages:

  /@babel/core@7.22.0:
    resolution: {integrity: sha512-abc==}
    dev: true

  /react-dom@18.2.0(react@18.2.0):
    resolution: {integrity: sha512-def==}
    peerDependencies:
      react: ^18.2.0
    dependencies:
      react: 18.2.0
    dev: false

  /react@18.2.0:
    resolution: {integrity: sha512-ghi==}
    dev: false

  github.com/a/b/0123456789012345678901234567890123456789:
    resolution: {tarball: https://codeload.github.com/a/b/tar.gz/0123456789012345678901234567890123456789}
    name: b
    version: 0.1.0
    dev: false

  file:../archive.tgz:
    resolution: {integrity: sha512-x, tarball: file:../archive.tgz}
    name: archive
    version: 1.0.0
",
        )],
        "
        15 pkg:npm/%40babel/core@7.22.0 dev direct ?^7.0.0 #sha512-abc==
        19 pkg:npm/react-dom@18.2.0 direct ?^18.2.0 #sha512-def==
        27 pkg:npm/react@18.2.0 indirect #sha512-ghi==
        31 pkg:npm/b@0.1.0 indirect <https://codeload.github.com/a/b/tar.gz/0123456789012345678901234567890123456789>
        react-dom > react
        ",
    );
}

#[test]
fn pnpm_version_5() {
    check(
        &[(
            "pnpm-lock.yaml",
            "lockfileVersion: 5.4

importers:
  web:
    specifiers:
      '@babel/core': ^7.0.0
      debug: ^4.0.0
    dependencies:
      debug: 4.3.4_supports-color@8.1.1
    devDependencies:
      '@babel/core': 7.22.0

packages:

  /@babel/core/7.22.0:
    resolution: {integrity: sha512-abc==}
    dev: true

  /debug/4.3.4_supports-color@8.1.1:
    resolution: {integrity: sha512-def==}
    dependencies:
      ms: 2.1.2
    dev: false

  /ms/2.1.2:
    resolution: {integrity: sha512-ghi==}
    dev: false
",
        )],
        "
        15 pkg:npm/%40babel/core@7.22.0 dev direct ?^7.0.0 #sha512-abc==
        19 pkg:npm/debug@4.3.4 direct ?^4.0.0 #sha512-def==
        25 pkg:npm/ms@2.1.2 indirect #sha512-ghi==
        debug > ms
        ",
    );
    check(
        &[(
            "pnpm-lock.yaml",
            "lockfileVersion: 5.3\nspecifiers:\n  a: 1.0.0\ndependencies:\n  a: 1.0.0\npackages:\n  /a/1.0.0:\n    resolution: {integrity: sha1-x}\n",
        )],
        "7 pkg:npm/a@1.0.0 direct ?1.0.0 #sha1-x",
    );
}

#[test]
fn pnpm_wrong() {
    check(
        &[("pnpm-lock.yaml", "lockfileVersion: '12.0'\npackages:\n  nothing: {}\n  a@1.0.0: {}\n")],
        "
        4 pkg:npm/a@1.0.0 indirect
        !! 1 `12.0` is no known version of the lock file
        !! 3 `nothing` names no package
        ",
    );
    check(
        &[("pnpm-lock.yaml", "lockfileVersion: '9.0'\npackages: []\nimporters: 3\n")],
        "
        !! 2 `packages` is no map
        !! 3 `importers` is no map
        ",
    );
    check(
        &[("pnpm-lock.yaml", "just text\n")],
        "
        !! 1 the document is no map
        !! 0 `` is no known version of the lock file
        ",
    );
    check(
        &[(
            "pnpm-lock.yaml",
            "---\nlockfileVersion: '9.0'\npackageManagerDependencies: {}\n---\nlockfileVersion: '9.0'\npackages:\n  a@1.0.0: {resolution: {integrity: sha512-a}}\n",
        )],
        "7 pkg:npm/a@1.0.0 indirect #sha512-a",
    );
}

#[test]
fn bun() {
    check(
        &[(
            "bun.lock",
            r#"{
  "lockfileVersion": 1,
  "workspaces": {
    "": {
      "name": "shop",
      "dependencies": { "express": "^4.18.2", "ui": "workspace:*" },
      "devDependencies": { "@types/node": "~20.1.0" },
    },
    "packages/ui": { "name": "ui", "version": "0.0.1", "dependencies": { "ms": "^2.1.0", }, },
  },
  "overrides": { "x": "1.0.0" },
  "packages": {
    "@types/node": ["@types/node@20.1.7", "", {}, "sha512-abc=="],
    "debug": ["debug@2.6.9", "https://registry.example/", { "dependencies": { "ms": "2.0.0" } }, "sha512-def=="],
    "express": ["express@4.18.2", "", { "dependencies": { "debug": "2.6.9" }, "bin": { "x": "x.js" } }, "sha512-ghi=="],
    "from-git": ["from-git@github:a/b#0123456", {}, "a-b-0123456"],
    "from-address": ["from-address@https://files.example/x.tgz", {}],
    "ms": ["ms@2.1.3", "", {}, "sha512-new=="],
    "own": ["own@file:../own", {}],
    "shop": ["shop@root:", { "bin": "cli.js" }],
    "ui": ["ui@workspace:packages/ui"],
    // an entry below another
    "debug/ms": ["ms@2.0.0", "", {}, "sha512-old=="],
    "wrong": [],
    "wrong2": { "a": 1 },
  }
}
"#,
        )],
        "
        13 pkg:npm/%40types/node@20.1.7 dev direct ?~20.1.0 #sha512-abc==
        14 pkg:npm/debug@2.6.9 indirect <https://registry.example/> #sha512-def==
        15 pkg:npm/express@4.18.2 direct ?^4.18.2 #sha512-ghi==
        16 pkg:npm/from-git indirect <github:a/b#0123456>
        17 pkg:npm/from-address indirect <https://files.example/x.tgz>
        18 pkg:npm/ms@2.1.3 direct ?^2.1.0 #sha512-new==
        23 pkg:npm/ms@2.0.0 indirect #sha512-old==
        express > debug
        express > debug > ms
        !! 24 `wrong` names no package
        !! 25 `wrong2` names no package
        ",
    );
    check(
        &[("bun.lock", "{\"lockfileVersion\": 7, \"packages\": []}")],
        "
        !! 1 the version of the lock file is not known; it is read as version 2
        !! 1 `packages` is no map
        ",
    );
}

#[test]
fn deno() {
    check(
        &[(
            "deno.lock",
            r#"{
  "version": "5",
  "specifiers": {
    "jsr:@std/assert@1": "1.0.6",
    "jsr:@std/internal@^1.0.4": "1.0.4",
    "npm:chalk@5": "5.3.0",
    "npm:react-dom@18": "18.2.0_react@18.2.0"
  },
  "jsr": {
    "@std/assert@1.0.6": {
      "integrity": "1904c05806a25d94fe791d6d883b685c9e2dcd60e4f9fc30f4fc5cf010c72207",
      "dependencies": ["jsr:@std/internal@^1.0.4"]
    },
    "@std/internal@1.0.4": { "integrity": "62e8e4911527e5e4f307741a795c0b0a9e6958d0b3790716ae71ce085f755422" }
  },
  "npm": {
    "chalk@5.3.0": { "integrity": "sha512-abc==" },
    "react-dom@18.2.0_react@18.2.0": {
      "integrity": "sha512-def==",
      "dependencies": ["react"],
      "tarball": "https://registry.example/react-dom.tgz"
    },
    "react@18.2.0": { "integrity": "sha512-ghi==" }
  },
  "remote": {
    "https://deno.land/std@0.224.0/assert/mod.ts": "abc",
    "https://deno.land/x/oak@v12.6.1/mod.ts": "def",
    "https://files.example/mod.ts": "ghi"
  },
  "workspace": { "dependencies": ["jsr:@std/assert@1", "npm:chalk@5"], "packageJson": { "dependencies": ["npm:react-dom@18"] } }
}
"#,
        )],
        "
        17 pkg:npm/chalk@5.3.0 direct ?5 #sha512-abc==
        18 pkg:npm/react-dom@18.2.0 direct ?18 <https://registry.example/react-dom.tgz> #sha512-def==
        23 pkg:npm/react@18.2.0 indirect #sha512-ghi==
        10 pkg:jsr/%40std/assert@1.0.6 direct ?1 #sha256:1904c05806a25d94fe791d6d883b685c9e2dcd60e4f9fc30f4fc5cf010c72207
        14 pkg:jsr/%40std/internal@1.0.4 indirect #sha256:62e8e4911527e5e4f307741a795c0b0a9e6958d0b3790716ae71ce085f755422
        26 pkg:generic/deno.land/std@0.224.0 <https://deno.land/std@0.224.0/assert/mod.ts>
        27 pkg:generic/deno.land/x/oak@v12.6.1 <https://deno.land/x/oak@v12.6.1/mod.ts>
        react-dom > react
        @std/assert > @std/internal
        ",
    );
    check(
        &[(
            "deno.lock",
            r#"{
  "version": "3",
  "packages": {
    "specifiers": { "npm:chalk@4": "npm:chalk@4.1.2", "jsr:@std/x@1": "jsr:@std/x@1.0.0" },
    "jsr": { "@std/x@1.0.0": { "integrity": "aa" } },
    "npm": {
      "chalk@4.1.2": { "integrity": "sha512-a==", "dependencies": { "ansi-styles": "ansi-styles@4.3.0" } },
      "ansi-styles@4.3.0": { "integrity": "sha512-b==", "dependencies": {} }
    }
  },
  "redirects": {},
  "workspace": { "dependencies": ["npm:chalk@4"] }
}
"#,
        )],
        "
        7 pkg:npm/chalk@4.1.2 direct ?4 #sha512-a==
        8 pkg:npm/ansi-styles@4.3.0 indirect #sha512-b==
        5 pkg:jsr/%40std/x@1.0.0 indirect #sha256:aa
        chalk > ansi-styles
        ",
    );
    check(
        &[(
            "deno.lock",
            r#"{"version": "2", "remote": {}, "npm": {"specifiers": {"chalk": "chalk@4.1.2"}, "packages": {"chalk@4.1.2": {"integrity": "sha512-a==", "dependencies": {}}}}}"#,
        )],
        "1 pkg:npm/chalk@4.1.2 #sha512-a==",
    );
    check(
        &[("deno.lock", "{\"version\": \"17\", \"npm\": [], \"jsr\": {\"x\": 1}}")],
        "
        !! 1 `17` is no known version of the lock file
        !! 1 `npm` is no map
        !! 1 `x` names no package and version
        ",
    );
}
