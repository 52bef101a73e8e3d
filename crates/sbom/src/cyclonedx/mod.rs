//! CycloneDX: written as 1.6, read from 1.2 on.

pub(crate) mod json;
pub(crate) mod read;
pub(crate) mod xml;
pub(crate) mod xml_in;

use probity_packages::{Package, Usage};

use crate::bill::{self, Bill};
use crate::hash::{self, Hash};
use crate::licence;
use crate::text;

/// Most letters of a name or version for people; the package URL has all of them.
const LONGEST: usize = 1000;

/// What both JSON and XML say of a component, beside how they say it.
struct Component {
    kind: &'static str,
    reference: String,
    group: Option<String>,
    name: String,
    version: Option<String>,
    description: Option<String>,
    scope: Option<&'static str>,
    hashes: Vec<Hash>,
    licences: Licences,
    purl: Option<String>,
    /// Where it is fetched from.
    address: Option<String>,
    properties: Vec<(&'static str, String)>,
    occurrences: Vec<Occurrence>,
}

enum Licences {
    Expression(String),
    /// Each with whether it is an id.
    Single(Vec<(bool, String)>),
}

struct Occurrence {
    location: String,
    line: u32,
    layer: Option<String>,
}

/// Reference of the subject.
const SUBJECT: &str = "subject";
/// Reference of the distribution.
const DISTRIBUTION: &str = "distribution";

impl Component {
    fn bare(kind: &'static str, reference: &str, name: &str) -> Component {
        let name = text::label(name);
        Component {
            kind,
            reference: reference.to_owned(),
            group: None,
            name,
            version: None,
            description: None,
            scope: None,
            hashes: Vec::new(),
            licences: Licences::Single(Vec::new()),
            purl: None,
            address: None,
            properties: Vec::new(),
            occurrences: Vec::new(),
        }
    }

    fn subject(bill: &Bill<'_>) -> Component {
        let subject = &bill.about.subject;
        let mut out = Component::bare(bill::kind_name(subject.kind), SUBJECT, &subject.name);
        out.version = subject.version.as_deref().map(|version| text::visible(version, LONGEST).into_owned());
        out.purl = subject.purl.as_ref().map(ToString::to_string);
        if !text::is_plain(&subject.name) || out.name != *subject.name {
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

    fn distribution(bill: &Bill<'_>) -> Option<Component> {
        let one = bill.about.subject.distribution.as_ref()?;
        let mut out = Component::bare("operating-system", DISTRIBUTION, &one.id);
        out.version = one.version_id.as_deref().map(|version| text::visible(version, LONGEST).into_owned());
        out.description = one.name.as_deref().map(|name| text::visible(name, LONGEST).into_owned());
        out.properties.push((bill::DISTRIBUTION, bill::of_distribution(one)));
        Some(out)
    }

    fn package(package: &Package, reference: &str) -> Component {
        let purl = &package.purl;
        let kind = match &*purl.kind {
            "oci" | "docker" => "container",
            "huggingface" | "mlflow" => "machine-learning-model",
            _ => "library",
        };
        // Names of these hold their namespace; that of a distribution's package is the distribution.
        let joined = matches!(&*purl.kind, "golang" | "deb" | "rpm" | "apk" | "alpm" | "github" | "bitbucket" | "oci" | "docker" | "swift");
        let name = if joined { purl.full_name() } else { purl.name.to_string() };
        let mut out = Component::bare(kind, reference, &name);
        out.group = purl.namespace.as_deref().filter(|_| !joined).map(|group| text::visible(group, LONGEST).into_owned());
        out.version = purl.version.as_deref().map(|version| text::visible(version, LONGEST).into_owned());
        out.scope = Some(match package.usage {
            Usage::Runtime => "required",
            Usage::Optional => "optional",
            Usage::Build | Usage::Development => "excluded",
        });
        out.hashes = hash::of_pins(&package.hashes).0;
        out.licences = licences(package);
        out.purl = Some(purl.to_string());
        out.address = package.resolved.as_deref().filter(|address| bill::is_address(address)).map(str::to_owned);
        out.properties = bill::properties(package, bill::Natively::CycloneDx);
        if package.at.iter().all(bill::is_occurrence) {
            out.occurrences = package
                .at
                .iter()
                .map(|place| Occurrence {
                    location: place.file.to_string(),
                    line: place.line,
                    layer: place.layer.as_deref().map(str::to_owned),
                })
                .collect();
        }
        out
    }
}

fn licences(package: &Package) -> Licences {
    if let [one] = package.licences.as_slice()
        && licence::kind(one) == licence::Kind::Expression
    {
        return Licences::Expression(one.to_string());
    }
    let single = |one: &str| (licence::kind(one) == licence::Kind::Id, text::visible(one, text::LONGEST_LICENCE).into_owned());
    Licences::Single(package.licences.iter().map(|one| single(one)).filter(|one| !one.1.is_empty()).collect())
}

/// References to the packages: their package URLs with digests as a qualifier.
fn references(bill: &Bill<'_>) -> Vec<String> {
    bill.inventory.packages.iter().zip(&bill.ids).map(|(package, id)| package.purl.clone().with("package-id", id).to_string()).collect()
}

/// All components: the distribution, then the packages.
fn components(bill: &Bill<'_>, references: &[String]) -> Vec<Component> {
    let packages = bill.inventory.packages.iter().zip(references).map(|(package, reference)| Component::package(package, reference));
    Component::distribution(bill).into_iter().chain(packages).collect()
}

/// Who needs whom: the subject its direct packages, and every package that needs one.
fn dependencies<'r>(bill: &Bill<'_>, references: &'r [String]) -> Vec<(&'r str, Vec<&'r str>)> {
    let names = |list: &[usize]| list.iter().filter_map(|index| references.get(*index)).map(String::as_str).collect::<Vec<_>>();
    std::iter::once((SUBJECT, names(&bill.direct)))
        .chain(references.iter().zip(&bill.needs).map(|(reference, list)| (reference.as_str(), names(list))))
        .filter(|(_, list)| !list.is_empty())
        .collect()
}

/// Properties of the whole bill.
fn properties(bill: &Bill<'_>) -> Vec<(&'static str, String)> {
    std::iter::once((bill::FORMAT, bill::FORMAT_VERSION.to_owned()))
        .chain(bill.inventory.problems.iter().map(|problem| (bill::PROBLEM, bill::of_problem(problem))))
        .collect()
}
