//! Any inventory and description, hostile texts included.
#![allow(dead_code, missing_docs, unreachable_pub)]

use std::collections::BTreeMap;
use std::sync::Arc;

use probity_packages::{Inventory, Link, Location, Package, Problem, Purl, SourcePackage, Usage};
use probity_sbom::{Description, Distribution, Subject, SubjectKind};
use proptest::prelude::*;

pub fn text() -> BoxedStrategy<Arc<str>> {
    prop_oneof![
        3 => "[a-zA-Z0-9@/^~>=<.*:_+-]{1,12}",
        1 => ".{0,12}",
        1 => "[ \t\r\n\"<>&'/a\u{1}\u{7f}\u{85}\u{2028}\u{fffe}\u{ffff}]{0,6}",
        1 => Just("</text>".to_owned()),
        1 => Just("<text>x".to_owned()),
        1 => Just("a#12".to_owned()),
        1 => Just("NOASSERTION".to_owned()),
        1 => Just("]]>".to_owned()),
    ]
    .prop_map(Arc::from)
    .boxed()
}

pub fn pin() -> BoxedStrategy<Arc<str>> {
    prop_oneof![
        "[0-9a-f]{64}".prop_map(|digits| format!("sha256:{digits}")),
        "[0-9a-f]{128}".prop_map(|digits| format!("sha512:{digits}")),
        "[0-9a-f]{40}".prop_map(|digits| format!("sha1:{digits}")),
        "[A-Za-z0-9+/]{86}".prop_map(|text| format!("sha512-{text}==")),
        "[A-Za-z0-9+/]{43}".prop_map(|text| format!("h1:{text}=")),
        "[0-9a-f]{64}",
        text().prop_map(|text| text.to_string()),
    ]
    .prop_map(Arc::from)
    .boxed()
}

pub fn licence() -> BoxedStrategy<Arc<str>> {
    prop_oneof![
        Just(Arc::from("MIT")),
        Just(Arc::from("Apache-2.0 OR MIT")),
        Just(Arc::from("GPL-2.0-only WITH Classpath-exception-2.0")),
        Just(Arc::from("LicenseRef-own")),
        Just(Arc::from("Copyright of somebody")),
        text(),
    ]
    .boxed()
}

pub fn address() -> BoxedStrategy<Arc<str>> {
    prop_oneof![
        Just(Arc::from("https://registry.example.com/a/-/a-1.0.0.tgz")),
        Just(Arc::from("git+ssh://git@code.example.com/a/b.git#abc")),
        Just(Arc::from("https://user:pass@host:8080/a?b=c%20d#e")),
        text(),
    ]
    .boxed()
}

pub fn purl() -> BoxedStrategy<Purl> {
    let kinds =
        prop_oneof![Just("npm"), Just("deb"), Just("golang"), Just("maven"), Just("pypi"), Just("generic"), Just("oci"), Just("apk")];
    let qualifiers = proptest::collection::btree_map("[a-z][a-z_]{0,6}", text(), 0..3);
    let parts = (kinds, proptest::option::of(text()), text(), proptest::option::of(text()), qualifiers, proptest::option::of(text()));
    parts
        .prop_filter_map("no package URL", |(kind, namespace, name, version, qualifiers, subpath)| {
            let qualifiers: BTreeMap<Arc<str>, Arc<str>> = qualifiers.into_iter().map(|(key, value)| (Arc::from(key), value)).collect();
            let purl = Purl { kind: kind.into(), namespace, name, version, qualifiers, subpath }.normalised().ok()?;
            // What is no package URL when it is read again is none to begin with.
            (purl.to_string().parse() == Ok(purl.clone())).then_some(purl)
        })
        .boxed()
}

pub fn usage() -> BoxedStrategy<Usage> {
    prop_oneof![Just(Usage::Runtime), Just(Usage::Optional), Just(Usage::Build), Just(Usage::Development)].boxed()
}

pub fn location() -> BoxedStrategy<Location> {
    let line = prop_oneof![Just(0), 1_u32..5, any::<u32>()];
    (text(), line, proptest::option::of(text())).prop_map(|(file, line, layer)| Location { file, line, layer }).boxed()
}

pub fn package() -> BoxedStrategy<Package> {
    let source = proptest::option::of((text(), text()).prop_map(|(name, version)| SourcePackage { name, version }));
    let said = (source, usage(), any::<Option<bool>>(), proptest::option::of(text()), proptest::option::of(address()));
    let lists = (
        proptest::collection::vec(pin(), 0..3),
        proptest::collection::vec(licence(), 0..3),
        proptest::collection::vec(location(), 0..3),
        prop_oneof![Just("npm-package-lock"), Just("go-mod"), Just("sbom")],
    );
    (purl(), said, lists)
        .prop_map(|(purl, (built_from, usage, direct, requested, resolved), (hashes, licences, at, found_by))| Package {
            purl,
            built_from,
            usage,
            direct,
            requested,
            resolved,
            hashes,
            licences,
            at,
            found_by,
        })
        .boxed()
}

pub fn inventory() -> BoxedStrategy<Inventory> {
    let problem = (text(), any::<u32>(), text(), any::<bool>()).prop_map(|(file, line, what, fails)| Problem {
        file,
        line,
        what: what.to_string(),
        fails,
    });
    let links = proptest::collection::vec((0_usize..7, 0_usize..7).prop_map(|(from, to)| Link { from, to }), 0..8);
    (proptest::collection::vec(package(), 0..6), links, proptest::collection::vec(problem, 0..3), any::<bool>())
        .prop_map(|(mut packages, links, problems, twice)| {
            if twice && let Some(first) = packages.first().cloned() {
                packages.push(first);
            }
            Inventory { packages, links, problems }
        })
        .boxed()
}

pub fn plain() -> BoxedStrategy<Arc<str>> {
    "[a-z0-9][a-z0-9.:-]{0,8}".prop_map(Arc::from).boxed()
}

pub fn about() -> BoxedStrategy<Description> {
    let kind = prop_oneof![
        Just(SubjectKind::Application),
        Just(SubjectKind::Container),
        Just(SubjectKind::OperatingSystem),
        Just(SubjectKind::File)
    ];
    let optional = proptest::option::of(text());
    let distribution =
        (text(), optional, proptest::option::of(text()), proptest::option::of(text()), proptest::collection::vec(text(), 0..3))
            .prop_map(|(id, version_id, version_codename, name, id_like)| Distribution { id, version_id, version_codename, name, id_like });
    let digest = prop_oneof!["[0-9a-f]{64}".prop_map(|digits| Arc::from(format!("sha256:{digits}"))), text()];
    let distribution = proptest::option::of(distribution);
    let subject = (text(), proptest::option::of(plain()), kind, proptest::option::of(purl()), proptest::option::of(digest), distribution);
    let time = proptest::option::of(0_i64..4_000_000_000);
    (subject, time)
        .prop_map(|((name, version, kind, purl, digest, distribution), time)| Description {
            subject: Subject { name, version, kind, purl, digest, distribution },
            tool: "probity".into(),
            tool_version: "0.1.0".into(),
            time: time.and_then(|time| jiff::Timestamp::from_second(time).ok()),
        })
        .boxed()
}
