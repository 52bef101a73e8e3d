//! Any bytes as each file that says what is installed. The first byte picks which.
#![no_main]

use libfuzzer_sys::fuzz_target;
use probity_images::catalogue_root;
use probity_testkit::MapTree;

const PLACES: &[&str] = &[
    "var/lib/dpkg/status",
    "var/lib/dpkg/status.d/a",
    "lib/apk/db/installed",
    "var/lib/pacman/local/a/desc",
    "app/a-1.jar",
    "bin/python3.11",
    "bin/node",
    "lib/a-1.dist-info/METADATA",
    "node_modules/a/package.json",
    "vendor/composer/installed.json",
    "specifications/a-1.gemspec",
    "etc/os-release",
];

fuzz_target!(|data: &[u8]| {
    let Some((first, data)) = data.split_first() else { return };
    let place = PLACES[usize::from(*first) % PLACES.len()];
    let found = catalogue_root(&MapTree::new([(place, data), ("lib/apk/db/installed", b"P:a\nV:1\nF:bin\nR:node\n")]));
    for package in &found.packages {
        assert!(!package.purl.name.is_empty() && !package.at.is_empty());
        assert_eq!(package.purl.to_string().parse().as_ref(), Ok(&package.purl));
    }
    for link in &found.links {
        assert!(link.from < found.packages.len() && link.to < found.packages.len());
    }
    for problem in &found.problems {
        assert!(!problem.what.is_empty());
    }
});
