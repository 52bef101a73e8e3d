//! SPDX: written as 2.3, read from 2.1 on.

pub(crate) mod json;
pub(crate) mod read;
pub(crate) mod tags;
pub(crate) mod tags_in;

use std::collections::BTreeMap;

use aws_lc_rs::digest::{SHA256, digest};
use probity_packages::{Package as Inner, Usage};

use crate::bill::{self, Bill};
use crate::hash::{self, Hash};
use crate::licence;
use crate::subject::SubjectKind;
use crate::text;

/// The version of the licence list that `licence` holds.
const LICENCE_LIST: &str = "3.28";
/// The time of a bill that is to have none: the field is required.
pub(crate) const NO_TIME: &str = "1970-01-01T00:00:00Z";
/// Reference of the subject.
const SUBJECT: &str = "SPDXRef-Subject";
/// Reference of the distribution.
const DISTRIBUTION: &str = "SPDXRef-Distribution";
const DOCUMENT: &str = "SPDXRef-DOCUMENT";

/// What both JSON and tags say of a package.
struct Package {
    id: String,
    name: String,
    version: Option<String>,
    /// `NOASSERTION` where it is not known.
    address: String,
    hashes: Vec<Hash>,
    /// `NOASSERTION` where there is none.
    licence: String,
    source_info: Option<String>,
    /// With `-` between words.
    purpose: &'static str,
    purl: Option<String>,
    summary: Option<String>,
    properties: Vec<(&'static str, String)>,
}

/// A whole document.
struct Sheet {
    name: String,
    name_space: String,
    creator: String,
    created: String,
    properties: Vec<(&'static str, String)>,
    packages: Vec<Package>,
    /// From, kind, to.
    relationships: Vec<(String, &'static str, String)>,
    /// Texts of licences that are no expressions, by their id.
    texts: BTreeMap<String, String>,
}

impl Package {
    fn bare(id: String, name: &str, purpose: &'static str) -> Package {
        Package {
            id,
            name: nameable(&text::label(name)),
            version: None,
            address: "NOASSERTION".to_owned(),
            hashes: Vec::new(),
            licence: "NOASSERTION".to_owned(),
            source_info: None,
            purpose,
            purl: None,
            summary: None,
            properties: Vec::new(),
        }
    }
}

fn version(version: Option<&str>) -> Option<String> {
    version.map(|version| nameable(&text::visible(version, 1000))).filter(|version| !version.is_empty())
}

/// A text that is none of SPDX's words for nothing, which readers take for such even as names.
fn nameable(text: &str) -> String {
    if matches!(text, "NOASSERTION" | "NONE") { text.to_ascii_lowercase() } else { text.to_owned() }
}

fn subject(bill: &Bill<'_>) -> Package {
    let subject = &bill.about.subject;
    let purpose = match subject.kind {
        SubjectKind::Application => "APPLICATION",
        SubjectKind::Container => "CONTAINER",
        SubjectKind::OperatingSystem => "OPERATING-SYSTEM",
        SubjectKind::File => "FILE",
    };
    let mut out = Package::bare(SUBJECT.to_owned(), &subject.name, purpose);
    out.version = version(subject.version.as_deref());
    out.purl = subject.purl.as_ref().map(ToString::to_string);
    if out.name != *subject.name {
        out.properties.push((bill::SUBJECT, text::encode(&subject.name).into_owned()));
    }
    if let Some(digest) = &subject.digest {
        let (hashes, same) = hash::of_pins(&[digest]);
        out.hashes = hashes;
        if !same {
            out.properties.push((bill::DIGEST, text::encode(digest).into_owned()));
        }
    }
    out
}

fn distribution(bill: &Bill<'_>) -> Option<Package> {
    let one = bill.about.subject.distribution.as_ref()?;
    let mut out = Package::bare(DISTRIBUTION.to_owned(), &one.id, "OPERATING-SYSTEM");
    out.version = version(one.version_id.as_deref());
    out.summary = version(one.name.as_deref());
    out.properties.push((bill::DISTRIBUTION, bill::of_distribution(one)));
    Some(out)
}

fn package(inner: &Inner, id: String, texts: &mut BTreeMap<String, String>) -> Package {
    let purl = &inner.purl;
    let purpose = match &*purl.kind {
        "oci" | "docker" => "CONTAINER",
        _ => "LIBRARY",
    };
    let mut out = Package::bare(id, &purl.full_name(), purpose);
    out.version = version(purl.version.as_deref());
    if let Some(address) = inner.resolved.as_deref().filter(|address| bill::is_address(address)) {
        out.address = address.to_owned();
    }
    out.hashes = hash::of_pins(&inner.hashes).0;
    let licences: Vec<String> = inner.licences.iter().filter_map(|one| expression(one, inner.licences.len() > 1, texts)).collect();
    if !licences.is_empty() {
        out.licence = licences.join(" AND ");
    }
    if let Some(source) = &inner.built_from {
        out.source_info = Some(text::visible(&format!("built package from: {} {}", source.name, source.version), 1000).into_owned());
    }
    out.purl = Some(purl.to_string());
    out.properties = bill::properties(inner, bill::Natively::Spdx);
    out
}

/// A stated licence as an expression; a text that is none is kept under an id.
fn expression(stated: &str, joined: bool, texts: &mut BTreeMap<String, String>) -> Option<String> {
    match licence::kind(stated) {
        licence::Kind::Id => Some(stated.to_owned()),
        licence::Kind::Expression if joined => Some(format!("({stated})")),
        licence::Kind::Expression => Some(stated.to_owned()),
        licence::Kind::Text => {
            let shown = text::visible(stated, text::LONGEST_LICENCE);
            if shown.is_empty() {
                return None;
            }
            let digest = hex::encode(digest(&SHA256, stated.as_bytes()).as_ref().get(..8).unwrap_or_default());
            let id = format!("LicenseRef-{digest}");
            texts.insert(id.clone(), shown.into_owned());
            Some(id)
        }
    }
}

/// A name made of the letters ids may have.
fn sanitised(text: &str) -> String {
    text.chars().take(100).map(|letter| if letter.is_ascii_alphanumeric() || letter == '.' { letter } else { '-' }).collect()
}

fn sheet(bill: &Bill<'_>) -> Sheet {
    let mut texts = BTreeMap::new();
    let mut relationships = vec![(DOCUMENT.to_owned(), "DESCRIBES", SUBJECT.to_owned())];
    let mut packages = vec![subject(bill)];
    if let Some(distribution) = distribution(bill) {
        relationships.push((SUBJECT.to_owned(), "CONTAINS", distribution.id.clone()));
        packages.push(distribution);
    }
    let inner = || bill.inventory.packages.iter();
    let ids: Vec<String> = inner()
        .zip(&bill.ids)
        .map(|(one, id)| format!("SPDXRef-Package-{}-{}-{id}", sanitised(&one.purl.kind), sanitised(&one.purl.full_name())))
        .collect();
    for (one, id) in inner().zip(&ids) {
        packages.push(package(one, id.clone(), &mut texts));
        relationships.push((SUBJECT.to_owned(), "CONTAINS", id.clone()));
        let usage = match one.usage {
            Usage::Runtime => None,
            Usage::Optional => Some("OPTIONAL_DEPENDENCY_OF"),
            Usage::Build => Some("BUILD_DEPENDENCY_OF"),
            Usage::Development => Some("DEV_DEPENDENCY_OF"),
        };
        relationships.extend(usage.map(|usage| (id.clone(), usage, SUBJECT.to_owned())));
    }
    let named = |index: &usize| ids.get(*index).cloned();
    let mut needs = |from: &str, list: &[usize]| {
        relationships.extend(list.iter().filter_map(named).map(|to| (from.to_owned(), "DEPENDS_ON", to)));
    };
    needs(SUBJECT, &bill.direct);
    for (from, list) in ids.iter().zip(&bill.needs) {
        needs(from, list);
    }
    let problems = bill.inventory.problems.iter().map(|problem| (bill::PROBLEM, bill::of_problem(problem)));
    Sheet {
        name: nameable(&text::label(&bill.about.subject.name)),
        name_space: format!("https://spdx.org/spdxdocs/{}-{}", sanitised(&bill.about.tool), bill.uuid()),
        creator: format!("Tool: {}-{}", text::label(&bill.about.tool), text::label(&bill.about.tool_version)),
        created: bill.time().unwrap_or_else(|| NO_TIME.to_owned()),
        properties: std::iter::once((bill::FORMAT, bill::FORMAT_VERSION.to_owned())).chain(problems).collect(),
        packages,
        relationships,
        texts,
    }
}

/// Properties as the comment of an annotation: one a line, none of them holds a line break.
fn comment(properties: &[(&'static str, String)]) -> String {
    properties.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("\n")
}
