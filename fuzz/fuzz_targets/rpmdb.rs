//! Any bytes as each database of rpm: an answer without a panic; every package has a name, every link two ends.
#![no_main]

use libfuzzer_sys::fuzz_target;
use probity_images::catalogue_root;
use probity_testkit::MapTree;

fuzz_target!(|data: &[u8]| {
    // The last part may be the log of a database of SQLite.
    let middle = data.len() - data.len() / 4;
    let found = catalogue_root(&MapTree::new([
        ("var/lib/rpm/rpmdb.sqlite", data),
        ("usr/lib/sysimage/rpm/rpmdb.sqlite", &data[..middle]),
        ("usr/lib/sysimage/rpm/rpmdb.sqlite-wal", &data[middle..]),
        ("etc/os-release", b"ID=fedora\nVERSION_ID=39\n"),
    ]));
    for package in &found.packages {
        assert!(!package.purl.name.is_empty() && !package.at.is_empty());
    }
    for link in &found.links {
        assert!(link.from < found.packages.len() && link.to < found.packages.len());
    }
});
