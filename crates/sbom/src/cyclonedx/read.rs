//! Reads CycloneDX, in the shape its JSON has; XML is brought into that shape before.

use std::sync::Arc;

use probity_packages::{Location, Purl, Usage};
use probity_value::{Data, Value};

use crate::bill;
use crate::document::{Document, Reading, SbomError, time};
use crate::found::{Found, Gathering};
use crate::hash;
use crate::subject::{Subject, SubjectKind};
use crate::{Format, text};

/// Components in components that are followed.
const DEEPEST: usize = 64;
/// Versions that are read.
const VERSIONS: &[&str] = &["1.2", "1.3", "1.4", "1.5", "1.6", "1.7"];

pub(crate) fn read(value: &Value, format: Format, mut reading: Reading<'_>) -> Result<Document, SbomError> {
    let version = word(value, "specVersion").unwrap_or_default();
    if !VERSIONS.contains(&version) {
        let line = reading.lines.at(value.get("specVersion").map_or(value.span, |one| one.span));
        return Err(SbomError::Version { line, what: format!("CycloneDX `{}`", text::shown(version)) });
    }
    let metadata = value.get("metadata");
    let about = metadata.map(pairs).unwrap_or_default();
    let own = about.iter().any(|(name, value)| name == bill::FORMAT && value == bill::FORMAT_VERSION);
    reading.own = own;
    let mut all = Gathering::new(own);
    let mut subject = None;
    let root = metadata.and_then(|metadata| metadata.get("component"));
    if let Some(root) = root {
        let found = component(&reading, root);
        subject = Some(as_subject(&mut reading, &found));
        all.refer(&mut reading, found.reference, None, found.line);
        components(&mut reading, &mut all, root.get("components"), 0);
    }
    components(&mut reading, &mut all, value.get("components"), 0);
    others(&mut reading, &mut all, value.get("services"));
    let root = root.and_then(|root| word(root, "bom-ref")).map(str::to_owned);
    dependencies(&mut reading, &mut all, value.get("dependencies"), root.as_deref());
    for one in list(value, "compositions").iter().filter(|_| !own) {
        if let Some(aggregate) = word(one, "aggregate").filter(|aggregate| aggregate.starts_with("incomplete")) {
            reading.problem(reading.lines.at(one.span), format!("the bill says of itself that it is `{}`", text::shown(aggregate)), false);
        }
    }
    if own {
        for (_, value) in about.iter().filter(|(name, _)| name == bill::PROBLEM) {
            reading.kept_problem(value);
        }
    }
    let tools = tools(metadata.and_then(|metadata| metadata.get("tools")));
    let (inventory, distribution, without_identity) = all.finish(reading);
    if let Some(subject) = &mut subject {
        subject.distribution.clone_from(&distribution);
    }
    Ok(Document {
        format,
        version: version.into(),
        serial: word(value, "serialNumber").map(Arc::from),
        time: metadata.and_then(|metadata| word(metadata, "timestamp")).and_then(time),
        tools,
        subject,
        distribution,
        inventory,
        without_identity,
        own,
    })
}

/// A text that is not empty.
fn word<'v>(value: &'v Value, key: &str) -> Option<&'v str> {
    value.get(key).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty())
}

fn list<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    value.get(key).and_then(Value::as_list).unwrap_or_default()
}

/// Properties as pairs; those without a value have the empty text.
fn pairs(value: &Value) -> Vec<(String, String)> {
    let text = |one: &Value, key: &str| one.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    list(value, "properties").iter().map(|one| (text(one, "name"), text(one, "value"))).collect()
}

fn components(reading: &mut Reading<'_>, all: &mut Gathering, value: Option<&Value>, depth: usize) {
    let Some(value) = value.filter(|value| !value.is_null()) else { return };
    let Some(items) = value.as_list() else {
        return reading.problem(reading.lines.at(value.span), "`components` is no list, so no components are read here", true);
    };
    for item in items {
        if item.as_map().is_none() {
            reading.problem(reading.lines.at(item.span), "a component is no object", true);
            continue;
        }
        let found = component(reading, item);
        if found.name.is_empty() && found.purl.is_none() {
            reading.problem(found.line, "a component has no name", true);
        }
        all.add(reading, found);
        if depth < DEEPEST {
            components(reading, all, item.get("components"), depth + 1);
        } else if item.get("components").is_some() {
            reading.problem(reading.lines.at(item.span), format!("components lie deeper than {DEEPEST} in each other"), true);
        }
    }
}

/// Services are no packages, but dependencies may name them.
fn others(reading: &mut Reading<'_>, all: &mut Gathering, value: Option<&Value>) {
    for item in value.and_then(Value::as_list).unwrap_or_default() {
        let line = reading.lines.at(item.span);
        all.refer(reading, word(item, "bom-ref").map(str::to_owned), None, line);
    }
}

fn component(reading: &Reading<'_>, value: &Value) -> Found {
    let own = |key: &str| word(value, key).map(str::to_owned);
    let mut hashes: Vec<Arc<str>> = Vec::new();
    for one in list(value, "hashes") {
        if let (Some(name), Some(digits)) = (word(one, "alg"), word(one, "content")) {
            let known = hash::hash(name, digits).map(|hash| hash.written());
            hashes.push(known.unwrap_or_else(|| format!("{}:{digits}", name.to_ascii_lowercase())).into());
        }
    }
    let address = list(value, "externalReferences").iter().find(|one| word(one, "type") == Some("distribution"));
    let places = value.get("evidence").map(|evidence| list(evidence, "occurrences")).unwrap_or_default();
    Found {
        reference: own("bom-ref"),
        kind: own("type").unwrap_or_default(),
        purl: own("purl"),
        cpe: word(value, "cpe").is_some(),
        group: own("group"),
        name: own("name").unwrap_or_default(),
        version: own("version"),
        usage: match word(value, "scope") {
            Some("optional") => Usage::Optional,
            Some("excluded") => Usage::Development,
            _ => Usage::Runtime,
        },
        hashes,
        licences: licences(value),
        address: address.and_then(|one| word(one, "url")).map(str::to_owned),
        source: None,
        properties: pairs(value),
        places: places.iter().filter_map(|place| occurrence(place, reading.own)).collect(),
        line: reading.lines.at(value.span),
    }
}

/// A place where a component was found. Some write the line behind the path: `package-lock.json#12`.
fn occurrence(value: &Value, own: bool) -> Option<Location> {
    let location = word(value, "location")?;
    let line = value.get("line").and_then(|line| line.as_int().or_else(|| line.as_str()?.trim().parse().ok()));
    let line = line.and_then(|line| u32::try_from(line).ok()).unwrap_or(0);
    let layer = word(value, "additionalContext").map(Arc::from);
    let behind = location.rsplit_once('#').and_then(|(file, number)| Some((file, number.parse::<u32>().ok()?)));
    Some(match behind {
        Some((file, number)) if line == 0 && layer.is_none() && !own => Location { file: file.into(), line: number, layer },
        _ => Location { file: location.into(), line, layer },
    })
}

/// Licences of a component: `licenses`, else what was concluded in `evidence`.
fn licences(value: &Value) -> Vec<Arc<str>> {
    let stated = |value: &Value| -> Vec<Arc<str>> {
        list(value, "licenses")
            .iter()
            .filter_map(|one| {
                let licence = one.get("license");
                word(one, "expression").or_else(|| licence.and_then(|one| word(one, "id").or_else(|| word(one, "name"))))
            })
            .map(Arc::from)
            .collect()
    };
    let found = stated(value);
    if found.is_empty() { value.get("evidence").map(stated).unwrap_or_default() } else { found }
}

fn as_subject(reading: &mut Reading<'_>, found: &Found) -> Subject {
    let purl = found.purl.as_ref().and_then(|purl| match purl.parse::<Purl>() {
        Ok(purl) => Some(purl),
        Err(error) => {
            reading.problem(found.line, format!("`{}` is no package URL: {error}", text::shown(purl)), false);
            None
        }
    });
    let kind = bill::kind_of(&found.kind);
    let name = found.property(bill::SUBJECT).map_or_else(|| found.name.as_str().into(), |name| Arc::from(text::decode(name)));
    let digest = found.property(bill::DIGEST).map(|digest| Arc::from(text::decode(digest))).or_else(|| found.hashes.first().cloned());
    // Syft and Trivy write an image's digest as its version.
    let version = found.version.as_deref().map(Arc::<str>::from);
    let is_digest = |version: &Arc<str>| version.starts_with("sha256:") && kind == SubjectKind::Container;
    let digest = digest.or_else(|| version.clone().filter(is_digest));
    Subject { name, version, kind, purl, digest, distribution: None }
}

fn dependencies(reading: &mut Reading<'_>, all: &mut Gathering, value: Option<&Value>, root: Option<&str>) {
    let mut direct = Vec::new();
    for one in value.and_then(Value::as_list).unwrap_or_default() {
        let line = reading.lines.at(one.span);
        let Some(from) = word(one, "ref") else {
            reading.problem(line, "a dependency has no `ref`", false);
            continue;
        };
        for to in list(one, "dependsOn") {
            let Some(to_reference) = to.as_str() else {
                reading.problem(reading.lines.at(to.span), "a dependency is no reference", false);
                continue;
            };
            let line = reading.lines.at(to.span);
            if root == Some(from)
                && let Some(Some(index)) = all.references.get(to_reference)
            {
                direct.push(*index);
            }
            all.link(reading, from, to_reference, line);
        }
    }
    all.direct(&direct);
}

fn tools(value: Option<&Value>) -> Vec<Arc<str>> {
    let named = |one: &Value| {
        let name = word(one, "name")?;
        Some(word(one, "version").map_or_else(|| Arc::from(name), |version| Arc::from(format!("{name} {version}"))))
    };
    match value.map(|value| &value.data) {
        Some(Data::List(list)) => list.iter().filter_map(named).collect(),
        Some(Data::Map(_)) => value.map(|value| list(value, "components")).unwrap_or_default().iter().filter_map(named).collect(),
        _ => Vec::new(),
    }
}
