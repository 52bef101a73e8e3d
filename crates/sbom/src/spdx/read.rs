//! Reads SPDX, in the shape its JSON has; tags and values are brought into that shape before.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use probity_packages::{Location, Purl, SourcePackage, Usage};
use probity_value::Value;

use crate::bill;
use crate::document::{Document, Reading, SbomError, time};
use crate::found::{Found, Gathering};
use crate::hash;
use crate::subject::Subject;
use crate::{Format, text};

const VERSIONS: &[&str] = &["SPDX-2.0", "SPDX-2.1", "SPDX-2.2", "SPDX-2.3"];

/// A text that is not empty, and not one of the words for nothing.
fn word<'v>(value: &'v Value, key: &str) -> Option<&'v str> {
    let text = value.get(key).and_then(Value::as_str).map(str::trim);
    text.filter(|text| !matches!(*text, "" | "NOASSERTION" | "NONE"))
}

/// A text that is not empty; a name may be any word.
fn name<'v>(value: &'v Value, key: &str) -> Option<&'v str> {
    value.get(key).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty())
}

fn list<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    value.get(key).and_then(Value::as_list).unwrap_or_default()
}

/// What is said of an element in annotations: our own properties, and Trivy's by the names they have in CycloneDX.
fn annotations(value: &Value) -> Vec<(String, String)> {
    let mut out = Vec::new();
    for one in list(value, "annotations") {
        let comment = one.get("comment").and_then(Value::as_str).unwrap_or_default();
        if comment.starts_with("probity:") {
            out.extend(
                comment.split('\n').filter_map(|line| line.split_once('=')).map(|(name, value)| (name.to_owned(), value.to_owned())),
            );
        } else if word(one, "annotator").is_some_and(|name| name.to_ascii_lowercase().contains("trivy")) {
            out.extend(trivy(comment));
        }
    }
    // Older versions of Trivy write them as attribution.
    out.extend(list(value, "attributionTexts").iter().filter_map(Value::as_str).filter_map(trivy));
    out
}

fn trivy(text: &str) -> Option<(String, String)> {
    let (name, value) = text.split_once(": ")?;
    let known = matches!(
        name,
        "LayerDigest"
            | "LayerDiffID"
            | "PkgType"
            | "PkgID"
            | "FilePath"
            | "Class"
            | "Type"
            | "SrcName"
            | "SrcVersion"
            | "SrcRelease"
            | "SrcEpoch"
    );
    known.then(|| (format!("aquasecurity:trivy:{name}"), value.trim().to_owned()))
}

pub(crate) fn read(value: &Value, format: Format, mut reading: Reading<'_>) -> Result<Document, SbomError> {
    let version = word(value, "spdxVersion").unwrap_or_default();
    if !VERSIONS.contains(&version) {
        let line = reading.lines.at(value.get("spdxVersion").map_or(value.span, |one| one.span));
        return Err(SbomError::Version { line, what: format!("`{}`", text::shown(version)) });
    }
    let texts = texts(value);
    // Tags and values have the annotations in one list.
    let mut said: HashMap<&str, Vec<(String, String)>> = HashMap::new();
    let mut of_document = Vec::new();
    for one in list(value, "annotations") {
        let alone =
            Value::map([("annotations", Value::list(vec![one.clone()], one.span))].into_iter().fold(Default::default(), with), one.span);
        match word(one, "element").filter(|element| *element != super::DOCUMENT) {
            Some(element) => said.entry(element).or_default().extend(annotations(&alone)),
            None => of_document.extend(annotations(&alone)),
        }
    }
    let own = of_document.iter().any(|(name, value)| name == bill::FORMAT && value == bill::FORMAT_VERSION);
    reading.own = own;
    let relations = relations(value, &mut reading);
    let packages = list(value, "packages");
    if value.get("packages").is_some_and(|packages| !packages.is_null() && packages.as_list().is_none()) {
        reading.problem(reading.lines.at(value.span), "`packages` is no list, so no packages are read", true);
    }
    let ids: HashSet<&str> = packages.iter().filter_map(|one| word(one, "SPDXID")).collect();
    let mut described: Vec<&str> = relations.iter().filter(|one| one.kind == Kind::Describes).map(|one| one.to.as_str()).collect();
    described.extend(list(value, "documentDescribes").iter().filter_map(Value::as_str));
    described.retain(|id| ids.contains(id));
    described.sort_unstable();
    described.dedup();
    // One that is described is the subject; where nothing else is there it is a package too. More of them are the packages themselves.
    let root = match described.as_slice() {
        [one] => Some(*one),
        _ => None,
    };
    let mut places: HashMap<&str, Vec<Location>> = HashMap::new();
    let names: HashMap<&str, &str> =
        list(value, "files").iter().filter_map(|one| Some((word(one, "SPDXID")?, word(one, "fileName")?))).collect();
    for one in relations.iter().filter(|one| one.kind == Kind::Evident) {
        if let Some(file) = names.get(one.to.as_str()) {
            let file = file.trim_start_matches("./").trim_start_matches('/');
            places.entry(&one.from).or_default().push(Location { file: file.into(), line: 0, layer: None });
        }
    }
    let mut usages: HashMap<&str, Usage> = HashMap::new();
    for one in &relations {
        if let Kind::Needs(usage @ (Usage::Optional | Usage::Build | Usage::Development)) = one.kind {
            usages.insert(&one.to, usage);
        }
    }
    let mut all = Gathering::new(own);
    let mut subject = None;
    for one in packages {
        if one.as_map().is_none() {
            reading.problem(reading.lines.at(one.span), "a package is no object", true);
            continue;
        }
        let mut found = package(&mut reading, one, &texts);
        if let Some(id) = found.reference.as_deref() {
            found.properties.extend(said.remove(id).unwrap_or_default());
            found.places.extend(places.remove(id).unwrap_or_default());
            found.usage = usages.get(id).copied().unwrap_or_default();
        } else {
            reading.problem(found.line, "a package has no `SPDXID`", false);
        }
        if found.name.is_empty() && found.purl.is_none() {
            reading.problem(found.line, "a package has no name", true);
        }
        if root.is_some() && found.reference.as_deref() == root {
            subject = Some(as_subject(&mut reading, &found));
            if own || packages.len() > 1 {
                all.refer(&mut reading, found.reference, None, found.line);
                continue;
            }
        }
        all.add(&mut reading, found);
    }
    relate(&mut reading, &mut all, &relations, root, &names);
    if own {
        for (_, value) in of_document.iter().filter(|(name, _)| name == bill::PROBLEM) {
            reading.kept_problem(value);
        }
    }
    let creation = value.get("creationInfo");
    let creators = creation.map(|creation| list(creation, "creators")).unwrap_or_default().iter().filter_map(Value::as_str);
    let tools = creators.filter_map(|creator| creator.strip_prefix("Tool:")).map(|tool| Arc::from(tool.trim())).collect();
    let (inventory, distribution, without_identity) = all.finish(reading);
    if let Some(subject) = &mut subject {
        subject.distribution.clone_from(&distribution);
    }
    Ok(Document {
        format,
        version: version.into(),
        serial: word(value, "documentNamespace").map(Arc::from),
        time: creation.and_then(|creation| word(creation, "created")).filter(|created| *created != super::NO_TIME).and_then(time),
        tools,
        subject: subject.or_else(|| word(value, "name").map(|name| Subject { name: name.into(), ..Subject::default() })),
        distribution,
        inventory,
        without_identity,
        own,
    })
}

fn with(mut map: probity_value::Map, (key, value): (&str, Value)) -> probity_value::Map {
    map.insert(key, value.span, value);
    map
}

/// Texts of licences by their ids.
fn texts(value: &Value) -> HashMap<&str, (Option<&str>, &str)> {
    let one =
        |one| Some((word(one, "licenseId")?, (word(one, "name"), one.get("extractedText").and_then(Value::as_str).unwrap_or_default())));
    list(value, "hasExtractedLicensingInfos").iter().filter_map(one).collect()
}

fn package(reading: &mut Reading<'_>, value: &Value, texts: &HashMap<&str, (Option<&str>, &str)>) -> Found {
    let line = reading.lines.at(value.span);
    let own = |key: &str| word(value, key).map(str::to_owned);
    let mut purls: Vec<&str> = Vec::new();
    let mut cpe = false;
    for one in list(value, "externalRefs") {
        match word(one, "referenceType").map(|kind| kind.rsplit('/').next().unwrap_or(kind)) {
            Some("purl") => purls.extend(word(one, "referenceLocator")),
            Some("cpe22Type" | "cpe23Type") => cpe = true,
            _ => {}
        }
    }
    if let [first, second, ..] = purls.as_slice()
        && first != second
    {
        reading.problem(line, format!("a package has more than one package URL; `{}` is taken", text::shown(first)), false);
    }
    let mut hashes: Vec<Arc<str>> = Vec::new();
    for one in list(value, "checksums") {
        if let (Some(name), Some(digits)) = (word(one, "algorithm"), word(one, "checksumValue")) {
            let known = hash::hash(name, digits).map(|hash| hash.written());
            hashes.push(known.unwrap_or_else(|| format!("{}:{digits}", name.to_ascii_lowercase())).into());
        }
    }
    let licence = word(value, "licenseDeclared").or_else(|| word(value, "licenseConcluded")).map(|licence| match texts.get(licence) {
        Some((_, text)) if reading.own => text,
        Some((Some(name), _)) => name,
        Some((None, text)) if !text.is_empty() && text.len() <= 200 && !text.contains('\n') => text,
        _ => licence,
    });
    let info = word(value, "sourceInfo").unwrap_or_default();
    let source = info.strip_prefix("built package from: ").and_then(|rest| rest.rsplit_once(' '));
    let places = info.strip_prefix("acquired package info from ").and_then(|rest| rest.split_once(": ")).map(|(_, paths)| paths);
    let place = |path: &str| Location { file: path.trim_start_matches('/').into(), line: 0, layer: None };
    Found {
        reference: own("SPDXID"),
        kind: word(value, "primaryPackagePurpose").unwrap_or_default().to_ascii_lowercase().replace('_', "-"),
        purl: purls.first().map(|purl| (*purl).to_owned()),
        cpe,
        group: None,
        name: name(value, "name").unwrap_or_default().to_owned(),
        version: if reading.own { name(value, "versionInfo") } else { word(value, "versionInfo") }.map(str::to_owned),
        usage: Usage::Runtime,
        hashes,
        licences: licence.map(Arc::from).into_iter().collect(),
        address: own("downloadLocation"),
        source: source.map(|(name, version)| SourcePackage { name: name.into(), version: version.into() }),
        properties: annotations(value),
        places: places.into_iter().flat_map(|paths| paths.split(", ")).filter(|path| path.starts_with('/')).map(place).collect(),
        line,
    }
}

fn as_subject(reading: &mut Reading<'_>, found: &Found) -> Subject {
    let purl = found.purl.as_ref().and_then(|purl| match purl.parse::<Purl>() {
        Ok(purl) => Some(purl),
        Err(error) => {
            reading.problem(found.line, format!("`{}` is no package URL: {error}", text::shown(purl)), false);
            None
        }
    });
    Subject {
        name: found.property(bill::SUBJECT).map_or_else(|| found.name.as_str().into(), |name| Arc::from(text::decode(name))),
        version: found.version.as_deref().map(Arc::from),
        kind: bill::kind_of(&found.kind),
        purl,
        digest: found.property(bill::DIGEST).map(|digest| Arc::from(text::decode(digest))).or_else(|| found.hashes.first().cloned()),
        distribution: None,
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Describes,
    Contains,
    Needs(Usage),
    /// The package is there because of the file.
    Evident,
}

struct Relation {
    from: String,
    to: String,
    kind: Kind,
    line: u32,
}

/// Relationships that are minded, all from the one that needs or holds.
fn relations(value: &Value, reading: &mut Reading<'_>) -> Vec<Relation> {
    let mut out = Vec::new();
    for one in list(value, "relationships") {
        let line = reading.lines.at(one.span);
        let ends = (word(one, "spdxElementId"), word(one, "relatedSpdxElement"), word(one, "relationshipType"));
        let (Some(from), Some(to), Some(kind)) = ends else { continue };
        let (kind, turned) = match kind.to_ascii_uppercase().as_str() {
            "DESCRIBES" => (Kind::Describes, false),
            "DESCRIBED_BY" => (Kind::Describes, true),
            "CONTAINS" => (Kind::Contains, false),
            "CONTAINED_BY" => (Kind::Contains, true),
            "DEPENDS_ON" | "HAS_PREREQUISITE" | "DYNAMIC_LINK" | "STATIC_LINK" => (Kind::Needs(Usage::Runtime), false),
            "DEPENDENCY_OF" | "RUNTIME_DEPENDENCY_OF" | "PREREQUISITE_FOR" => (Kind::Needs(Usage::Runtime), true),
            "OPTIONAL_DEPENDENCY_OF" => (Kind::Needs(Usage::Optional), true),
            "BUILD_DEPENDENCY_OF" | "PROVIDED_DEPENDENCY_OF" => (Kind::Needs(Usage::Build), true),
            "DEV_DEPENDENCY_OF" | "TEST_DEPENDENCY_OF" => (Kind::Needs(Usage::Development), true),
            "OTHER" if word(one, "comment").is_some_and(|comment| comment.starts_with("evident-by")) => (Kind::Evident, false),
            _ => continue,
        };
        let (from, to) = if turned { (to, from) } else { (from, to) };
        out.push(Relation { from: from.to_owned(), to: to.to_owned(), kind, line });
    }
    out
}

fn relate(reading: &mut Reading<'_>, all: &mut Gathering, relations: &[Relation], root: Option<&str>, files: &HashMap<&str, &str>) {
    // Elements of other documents, files and snippets are no packages, and no mistake.
    let elsewhere = |id: &str| id.starts_with("DocumentRef-") || id == super::DOCUMENT || files.contains_key(id);
    let mut direct = Vec::new();
    for one in relations {
        if elsewhere(&one.from) || elsewhere(&one.to) {
            continue;
        }
        match one.kind {
            Kind::Contains => all.hold(reading, &one.from, &one.to),
            Kind::Needs(_) => {
                if root == Some(one.from.as_str())
                    && let Some(Some(index)) = all.references.get(&one.to)
                {
                    direct.push(*index);
                }
                // The one of our own usages is told of the subject, which is no package.
                all.link(reading, &one.from, &one.to, one.line);
            }
            Kind::Describes | Kind::Evident => {}
        }
    }
    all.direct(&direct);
}
